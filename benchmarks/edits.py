"""Seventeen edits of a photo, as people make them before a picture turns up a second time.

Every edit is a pure function: it takes an RGB picture, uint8 [H, W, 3], and returns a new RGB
picture, uint8 [H', W', 3]. The same picture always gives the same result. `EDITS` lists them
by name, in the order in which tables show them.
"""

from collections.abc import Callable

import cv2
import numpy as np

Image = np.ndarray
Edit = Callable[[Image], Image]

NOISE_SEED = 20240517


def jpeg_quality_20(image: Image) -> Image:
    """Encode as JPEG of quality 20 and decode again; uint8 [H, W, 3] in and out."""
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(decoded[..., ::-1])


def half_size(image: Image) -> Image:
    """Shrink both sides to one half."""
    return _scaled(image, 0.5, 0.5)


def double_size(image: Image) -> Image:
    """Enlarge both sides to twice their length."""
    return _scaled(image, 2.0, 2.0)


def gray(image: Image) -> Image:
    """Take the colour away; the result still has three (equal) channels."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def brighter(image: Image) -> Image:
    """Multiply every value by 1.5, saturating at 255."""
    return cv2.convertScaleAbs(image, alpha=1.5, beta=0)


def darker(image: Image) -> Image:
    """Multiply every value by 0.5."""
    return cv2.convertScaleAbs(image, alpha=0.5, beta=0)


def blur(image: Image) -> Image:
    """Blur with a Gaussian whose sigma is 0.6 % of the short side (2.25 pixels of 375)."""
    return cv2.GaussianBlur(image, (0, 0), sigmaX=max(0.8, 0.006 * min(image.shape[:2])))


def crop_90(image: Image) -> Image:
    """Keep the middle 90 % of the width and of the height."""
    return _centre(image, 0.90)


def crop_75(image: Image) -> Image:
    """Keep the middle 75 % of the width and of the height."""
    return _centre(image, 0.75)


def crop_50(image: Image) -> Image:
    """Keep the middle 50 % of the width and of the height (a quarter of the area)."""
    return _centre(image, 0.50)


def mirror(image: Image) -> Image:
    """Swap left and right."""
    return np.ascontiguousarray(image[:, ::-1])


def rotate_5(image: Image) -> Image:
    """Turn by 5 degrees around the centre; the size stays, the uncovered corners are black."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 5.0, 1.0)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)


def rotate_90(image: Image) -> Image:
    """Turn by a quarter, anticlockwise; height and width change places."""
    return np.ascontiguousarray(np.rot90(image))


def text_over(image: Image) -> Image:
    """Write two white lines with a black outline across the picture."""
    result = image.copy()
    height, width = image.shape[:2]
    scale = width / 260
    for line, row in (("SAMPLE PICTURE", 0.45), ("do not copy", 0.75)):
        origin = (int(0.04 * width), int(row * height))
        for colour, thickness in (((0, 0, 0), 5), ((255, 255, 255), 2)):
            stroke = max(1, round(scale * thickness / 1.5))
            cv2.putText(result, line, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, stroke)
    return result


def squeezed(image: Image) -> Image:
    """Squeeze the width to 70 %, the height stays."""
    return _scaled(image, 0.7, 1.0)


def noise(image: Image) -> Image:
    """Add Gaussian noise of standard deviation 20, always from the same seed."""
    added = np.random.default_rng(NOISE_SEED).normal(0.0, 20.0, image.shape)
    return np.clip(np.rint(image + added), 0, 255).astype(np.uint8)


def border(image: Image) -> Image:
    """Put a white frame around it, 8 % of the short side wide."""
    margin = max(1, round(0.08 * min(image.shape[:2])))
    white = (255, 255, 255)
    return cv2.copyMakeBorder(
        image, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=white
    )


def _scaled(image: Image, width_factor: float, height_factor: float) -> Image:
    """Resize uint8 [H, W, 3]: by area when it shrinks, bilinear when it grows."""
    height, width = image.shape[:2]
    size = (max(1, round(width * width_factor)), max(1, round(height * height_factor)))
    shrinks = size[0] <= width and size[1] <= height
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _centre(image: Image, share: float) -> Image:
    """Cut the middle `share` of each side out of uint8 [H, W, 3]."""
    height, width = image.shape[:2]
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    top, left = (height - rows) // 2, (width - columns) // 2
    return np.ascontiguousarray(image[top : top + rows, left : left + columns])


EDITS: dict[str, Edit] = {
    "jpeg quality 20": jpeg_quality_20,
    "half size": half_size,
    "double size": double_size,
    "gray": gray,
    "brighter": brighter,
    "darker": darker,
    "blur": blur,
    "crop 90 %": crop_90,
    "crop 75 %": crop_75,
    "crop 50 %": crop_50,
    "mirror": mirror,
    "rotate 5 degrees": rotate_5,
    "rotate 90 degrees": rotate_90,
    "text over it": text_over,
    "squeezed 0.7": squeezed,
    "noise": noise,
    "border": border,
}
