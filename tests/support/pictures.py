"""Pictures drawn for tests: distinct scenes, quick to make, the same at every call."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def scene(seed: int, width: int = 320, height: int = 240) -> Pixels:
    """A picture of coloured shapes on a textured ground, RGB."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (random.integers(2, 9), random.integers(2, 9), 3), np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(random.integers(6, 30)):
        colour = random.integers(0, 256, 3).tolist()
        centre = (int(random.integers(width)), int(random.integers(height)))
        size = (int(random.integers(5, 70)), int(random.integers(5, 70)))
        if random.random() < 0.5:
            cv2.ellipse(picture, centre, size, random.uniform(0, 180), 0, 360, colour, -1)
        else:
            end = (centre[0] + size[0], centre[1] + size[1])
            cv2.rectangle(picture, centre, end, colour, int(random.integers(-1, 5)))
    noise = random.normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def jpeg(picture: Pixels, quality: int = 92) -> bytes:
    """The picture as JPEG."""
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def png(picture: Pixels) -> bytes:
    """The picture as PNG."""
    done, data = cv2.imencode(".png", picture[..., ::-1])
    assert done
    return data.tobytes()


def write_scenes(folder: Path, count: int, first_seed: int = 0) -> list[Path]:
    """Write distinct scenes as JPEG files and return their paths, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"scene{number:04d}.jpg" for number in range(first_seed, first_seed + count)]
    for seed, path in enumerate(paths, first_seed):
        path.write_bytes(jpeg(scene(seed)))
    return paths


def age(*paths: Path, seconds: float = 3600) -> None:
    """Make files look unchanged for a while, so that their time can be trusted."""
    import os

    for path in paths:
        moment = path.stat().st_mtime_ns - int(seconds * 1e9)
        os.utime(path, ns=(moment, moment))


_PHOTOGRAPHS: tuple[tuple[str, int, int, int, int], ...] = (
    ("astronaut", 0, 270, 95, 325), ("astronaut", 0, 270, 325, 512),
    ("astronaut", 285, 512, 280, 512), ("astronaut", 270, 512, 40, 280),
    ("camera", 40, 300, 90, 380), ("camera", 300, 512, 150, 440), ("chelsea", 0, 300, 0, 451),
    ("coffee", 0, 400, 0, 600), ("rocket", 0, 427, 0, 640),
    ("hubble_deep_field", 0, 430, 0, 560), ("retina", 0, 1411, 0, 1411), ("brick", 0, 512, 0, 512),
    ("grass", 0, 512, 0, 512),
)  # fmt: skip
"""Parts of the photographs in ``skimage.data``: top, bottom, left, right."""


def photograph(number: int) -> Pixels:
    """One of 13 parts of photographs, RGB, at most 640 pixels long; no two are similar."""
    from skimage import data

    source, top, bottom, left, right = _PHOTOGRAPHS[number]
    image = getattr(data, source)()[top:bottom, left:right]
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    scale = min(1, 640 / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image)


def write_photographs(folder: Path, count: int) -> list[Path]:
    """Write photographs as JPEG files and return their paths, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photo{number:02d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(jpeg(photograph(number)))
    return paths
