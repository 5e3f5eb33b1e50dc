"""The sets of pictures that are measured on: made once, always the same, kept under .bench/."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from benchmarks.edits import Image
from benchmarks.machine import cores
from benchmarks.settings import REPOSITORY, Settings

SHARED_PHOTOS = REPOSITORY.parent / "shared" / "photos"
JPEG_QUALITY = 94
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_PER_FOLDER = 100


@dataclass(frozen=True)
class PictureSize:
    """Long and short side of the pictures of a set, in pixels."""

    long: int
    short: int


PHOTO = PictureSize(500, 375)
SMALL = PictureSize(64, 48)


def photographs(folder: Path | None) -> list[Image]:
    """Distinct photographs, RGB uint8 [H, W, 3] each.

    Those of a folder, by name; else those of the folder of photographs beside the repository; else
    those of the demo set.
    """
    if folder is not None and not folder.is_dir():
        raise SystemExit(f"the folder {folder} does not exist")
    return list(_photographs(folder or SHARED_PHOTOS))


@lru_cache(maxsize=1)
def _photographs(chosen: Path) -> tuple[Image, ...]:
    if not chosen.is_dir():
        from imgvet.demo.pictures import PICTURES

        return tuple(draw() for path, draw in PICTURES.items() if path.startswith("photos/"))
    paths = sorted(path for path in chosen.iterdir() if path.suffix.lower() in SUFFIXES)
    read = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths)
    return tuple(np.ascontiguousarray(image[..., ::-1]) for image in read if image is not None)


def picture_set(settings: Settings, count: int, size: PictureSize = PHOTO) -> Path:
    """A folder with so many distinct pictures of one size; made if it is not there."""
    sources = photographs(settings.photos)
    name = f"pictures-{len(sources)}-{count}-{size.long}x{size.short}"
    folder = settings.folder / name
    if folder.is_dir():
        return folder
    unfinished = settings.folder / f"{name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    write_pictures(sources, range(count), size, unfinished)
    return unfinished.rename(folder)


def write_pictures(
    sources: Sequence[Image], numbers: range, size: PictureSize, folder: Path
) -> None:
    """Write the pictures with these numbers; the same number always gives the same picture."""
    for subfolder in {number // _PER_FOLDER for number in numbers}:
        (folder / f"{subfolder:04d}").mkdir(parents=True, exist_ok=True)

    def write(number: int) -> None:
        picture = cut(sources[number % len(sources)], number, size)
        path = folder / f"{number // _PER_FOLDER:04d}" / f"{number:06d}.jpg"
        path.write_bytes(simplejpeg.encode_jpeg(picture, quality=JPEG_QUALITY))

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(write, numbers))


def cut(photo: Image, number: int, size: PictureSize) -> Image:
    """A part of a photo, 55 to 95 % of its sides, turned over three times in ten."""
    random = np.random.default_rng(number)
    share = random.uniform(0.55, 0.95)
    height, width = (int(side * share) for side in photo.shape[:2])
    top, left = (int(random.integers(0, full - part + 1)) for full, part in
                 zip(photo.shape[:2], (height, width), strict=True))  # fmt: skip
    part = photo[top : top + height, left : left + width]
    if random.random() < 0.3:
        part = part[:, ::-1]
    target = (size.long, size.short) if width >= height else (size.short, size.long)
    larger = width < target[0]
    interpolation = cv2.INTER_LINEAR if larger else cv2.INTER_AREA
    return np.ascontiguousarray(cv2.resize(part, target, interpolation=interpolation))
