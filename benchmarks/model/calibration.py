"""Pictures from which the int8 ranges are taken: scikit-image's own, cropped and edited."""

from pathlib import Path

import cv2
import numpy as np
import skimage.data

SEED = 0
CROPS_PER_PICTURE = 8
# files inside the scikit-image wheel: nothing is downloaded
PICTURES = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png"),
    *("chessboard_RGB.png", "clock_motion.png", "coffee.png", "coins.png", "color.png"),
    *("grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png", "logo.png"),
    *("moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png", "phantom.png"),
    *("retina.jpg", "rocket.jpg", "text.png"),
)


def calibration_pictures(input_size: int) -> np.ndarray:
    """Crops of the pictures, flipped, dimmed and recoloured: RGB uint8 [N, S, S, 3]."""
    random = np.random.default_rng(SEED)
    folder = Path(skimage.data.__file__).parent
    pictures = [_read(folder / name) for name in PICTURES]
    return np.stack(
        [
            _varied(_crop(picture, random, input_size), random)
            for picture in pictures
            for _ in range(CROPS_PER_PICTURE)
        ]
    )


def _read(path: Path) -> np.ndarray:
    """RGB uint8 [H, W, 3] of a picture file."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(f"scikit-image does not bring the picture {path.name}")
    return np.ascontiguousarray(picture[..., ::-1])


def _crop(picture: np.ndarray, random: np.random.Generator, input_size: int) -> np.ndarray:
    """A random part, between a quarter and the whole of each side, squashed to uint8 [S, S, 3]."""
    height, width = picture.shape[:2]
    share = random.uniform(0.25, 1.0)
    rows = max(16, int(height * share * random.uniform(0.8, 1.0)))
    columns = max(16, int(width * share * random.uniform(0.8, 1.0)))
    top = random.integers(0, height - rows + 1)
    left = random.integers(0, width - columns + 1)
    part = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
    return cv2.resize(part, (input_size, input_size), interpolation=cv2.INTER_AREA)


def _varied(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Mirror half of them, change the brightness of all and the order of channels of a third."""
    if random.random() < 0.5:
        picture = picture[:, ::-1]
    gain = float(random.uniform(0.6, 1.4))
    picture = cv2.convertScaleAbs(np.ascontiguousarray(picture), alpha=gain, beta=0)
    if random.random() < 0.3:
        picture = picture[..., random.permutation(3)]
    return picture
