"""How well measures of sharpness tell blurred pictures from sharp ones, and where thresholds lie.

    python -m benchmarks.measures [--photos DIR]

Every photograph is a sharp picture; it is also taken at other sizes, recompressed, made dark and
flat in contrast (which must not count as blur), and blurred in several ways (which must).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from scipy.stats import rankdata

from benchmarks.pictures import photographs
from imgvet.images.measure import measure_levels, sharpness
from imgvet.images.picture import Pixels, to_standard_size

Change = Callable[[Pixels], Pixels]
Measure = Callable[[Pixels], float]
Values = npt.NDArray[np.float64]

LEAST_SIDE = 200
"""Of a photograph that is reduced to standard size."""

RECALL = 0.95
SEED = 20240607


def gaussian(sigma: float) -> Change:
    """Blur as a Gaussian of this standard deviation does."""
    return lambda rgb: cv2.GaussianBlur(rgb, (0, 0), sigma)


def motion(length: int, degrees: float) -> Change:
    """Blur as a straight movement of the camera does."""
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    centre = ((length - 1) / 2, (length - 1) / 2)
    turned = cv2.warpAffine(kernel, cv2.getRotationMatrix2D(centre, degrees, 1), (length, length))
    return lambda rgb: cv2.filter2D(rgb, -1, turned / turned.sum())


def defocus(radius: int) -> Change:
    """Blur as a lens out of focus does: every point becomes a disc."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x * x + y * y <= radius * radius + 0.5).astype(np.float32)
    return lambda rgb: cv2.filter2D(rgb, -1, disc / disc.sum())


def jpeg(quality: int) -> Change:
    """Compress strongly and decode again."""
    return lambda rgb: simplejpeg.decode_jpeg(
        simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality, colorsubsampling="420")
    )


def levels(gain: float, offset: float = 0.0) -> Change:
    """Change brightness and contrast."""
    return lambda rgb: np.clip(rgb * gain + offset, 0, 255).astype(np.uint8)


def noise(sigma: float) -> Change:
    """Add Gaussian noise."""
    random = np.random.default_rng(SEED)
    return lambda rgb: np.clip(rgb + random.normal(0, sigma, rgb.shape), 0, 255).astype(np.uint8)


def then(first: Change, second: Change) -> Change:
    """One change after another."""
    return lambda rgb: second(first(rgb))


def resized(factor: float) -> Change:
    """The original at another size, brought to standard size again."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return lambda rgb: to_standard_size(
        cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=method)
    )


BLURRED: dict[str, Change] = {
    "Gaussian 2": gaussian(2),
    "Gaussian 4": gaussian(4),
    "motion 9": motion(9, 30),
    "motion 15": motion(15, 70),
    "defocus 3": defocus(3),
    "defocus 6": defocus(6),
    "Gaussian 2, JPEG 75": then(gaussian(2), jpeg(75)),
    "Gaussian 3, JPEG 30": then(gaussian(3), jpeg(30)),
    "Gaussian 3, noise 3": then(gaussian(3), noise(3)),
    "Gaussian 2, contrast 0.4": then(gaussian(2), levels(0.4, 77)),
}

SHARP: dict[str, Change] = {
    "as it is": lambda rgb: rgb,
    "JPEG 10": jpeg(10),
    "contrast 0.4": levels(0.4, 77),
    "contrast 0.2": levels(0.2, 102),
    "dark 0.3": levels(0.3),
    "noise 5": noise(5),
}
RESIZED: dict[str, Change] = {"half size": resized(0.5), "twice the size": resized(2)}


def drawn(seed: int) -> Pixels:
    """A drawing with little detail: discs, lettering, or a sky."""
    random = np.random.default_rng(seed)
    picture = np.full((256, 341, 3), random.integers(150, 256, 3), np.uint8)
    if seed % 3 == 0:
        for _ in range(3):
            x, y, radius = (int(v) for v in random.integers(20, 200, 3))
            ink = tuple(int(v) for v in random.integers(0, 256, 3))
            cv2.circle(picture, (x, y), radius // 3, ink, -1, cv2.LINE_AA)
    elif seed % 3 == 1:
        cv2.putText(picture, f"text {seed}", (20, 130), 0, 2, (40, 40, 60), 2, cv2.LINE_AA)
    else:
        slope = np.linspace(random.integers(110, 170), random.integers(190, 240), 256)
        sky = slope[:, None, None] + random.normal(0, 1.5, picture.shape)
        picture = np.clip(sky, 0, 255).astype(np.uint8)
    return jpeg(90)(picture)


def laplacian_variance(gray: Pixels) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000)."""
    return float(cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))[1][0, 0] ** 2)


def relative_laplacian_variance(gray: Pixels) -> float:
    """Variance of the Laplacian, divided by that of the gray levels."""
    return laplacian_variance(gray) / (float(cv2.meanStdDev(gray)[1][0, 0] ** 2) + 1)


def reblur(gray: Pixels) -> float:
    """One less the blur effect of Crete et al., SPIE 6492 (2007)."""
    picture = gray.astype(np.float32)
    values = []
    for axis, kernel in ((1, (9, 1)), (0, (1, 9))):
        before = np.abs(np.diff(picture, axis=axis))
        after = np.abs(np.diff(cv2.blur(picture, kernel), axis=axis))
        values.append(float(np.maximum(before - after, 0).sum() / (before.sum() + 1e-6)))
    return min(values)


MEASURES: dict[str, Measure] = {
    "variance of the Laplacian": laplacian_variance,
    "the same / gray variance": relative_laplacian_variance,
    "re-blur, Crete et al.": reblur,
    "slopes over 1 and 9 (used)": sharpness,
}


def auc(low: Values, high: Values) -> float:
    """How often a value that should be high exceeds one that should be low."""
    ranks = rankdata(np.concatenate([low, high]))[len(low) :]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


def gray_of(rgb: Pixels) -> Pixels:
    """Gray levels."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def grays(originals: Iterable[Pixels]) -> dict[str, list[Pixels]]:
    """Gray pictures at standard size after every change."""
    full = list(originals)
    small = [to_standard_size(rgb) for rgb in full]
    sets = {name: [gray_of(change(rgb)) for rgb in small] for name, change in SHARP.items()}
    sets |= {name: [gray_of(change(rgb)) for rgb in full] for name, change in RESIZED.items()}
    sets["drawn, flat"] = [gray_of(drawn(seed)) for seed in range(90)]
    sets |= {name: [gray_of(change(rgb)) for rgb in small] for name, change in BLURRED.items()}
    return sets


def compare_sharpness(sets: dict[str, list[Pixels]], threshold: float) -> None:
    """Print AUC, false positives at equal recall, and what the used measure flags."""
    values: dict[str, dict[str, Values]] = {}
    for name, of in MEASURES.items():
        values[name] = {kind: np.array([of(gray) for gray in set_]) for kind, set_ in sets.items()}
        blurred = np.concatenate([values[name][kind] for kind in BLURRED])
        sharp = {kind: found for kind, found in values[name].items() if kind not in BLURRED}
        limit = float(np.quantile(blurred, RECALL))
        overall = auc(blurred, np.concatenate(list(sharp.values())))
        print(f"{name}: AUC {auc(blurred, sharp['as it is']):.4f}, with all kinds {overall:.4f}")
        rates = ", ".join(f"{kind} {np.mean(v < limit):.1%}" for kind, v in sharp.items())
        print(f"    wrongly blurry where {RECALL:.0%} of the blurred are found: {rates}")
        scale = [f"{kind} x{np.median(sharp[kind] / sharp['as it is']):.3f}" for kind in RESIZED]
        print(f"    median change with size: {', '.join(scale)}")
    used = values["slopes over 1 and 9 (used)"]
    print(f"flagged as blurry, threshold {threshold}:")
    for kind, found in used.items():
        print(f"    {kind:26} {np.mean(found < threshold):6.1%}   median {np.median(found):.3f}")


def compare_brightness(small: list[Pixels]) -> None:
    """Print where the percentiles that decide dark and bright lie."""

    def percentiles(change: Change, name: str) -> Values:
        histograms = [np.bincount(gray_of(change(rgb)).ravel(), minlength=256) for rgb in small]
        return np.array([measure_levels(h.astype(np.float64))[name] for h in histograms])

    print("99th percentile (dark: below): least and 1 % quantile, then median of darkened ones")
    p99 = percentiles(SHARP["as it is"], "percentile_99")
    dark = {gain: percentiles(levels(gain), "percentile_99") for gain in (0.3, 0.2, 0.1)}
    print(f"    {p99.min():.0f}, {np.quantile(p99, 0.01):.0f}; ", end="")
    print(", ".join(f"x {gain}: {np.median(v):.0f}" for gain, v in dark.items()))
    print(
        "5th percentile (bright: above): greatest and 99 % quantile, then median of washed-out ones"
    )
    p5 = percentiles(SHARP["as it is"], "percentile_5")
    washed = {g: percentiles(levels(g, 255 * (1 - g)), "percentile_5") for g in (0.3, 0.2, 0.1)}
    print(f"    {p5.max():.0f}, {np.quantile(p5, 0.99):.0f}; ", end="")
    print(", ".join(f"contrast {gain}: {np.median(v):.0f}" for gain, v in washed.items()))


def main() -> None:
    """Print the evidence."""
    from imgvet.options import FlagOptions

    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, help="folder of sharp photographs")
    found = photographs(parser.parse_args().photos)
    photos = [rgb for rgb in found if min(rgb.shape[:2]) >= LEAST_SIDE]
    print(f"{len(photos)} photographs")
    compare_sharpness(grays(photos), FlagOptions().blur_threshold)
    compare_brightness([to_standard_size(rgb) for rgb in photos])


if __name__ == "__main__":
    main()
