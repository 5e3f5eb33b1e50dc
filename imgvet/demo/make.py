"""Make the files of the demo set, with the problems that its truth names, and write them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from imgvet.demo.pictures import PICTURES, Image
from imgvet.demo.truth import TRUTH
from imgvet.errors import InvalidParameterError

Edit = Callable[[Image], Image]

_GOOD_QUALITY = 90
_POOR_QUALITY = 30
"""Of a JPEG with visible blocks."""

_NOTES = "notes.txt"
"""The file that is no image and that marks the folder of a demo set as ours."""

_CREDITS = b"""imgvet demo set
Photographs: NASA, SpaceX, Lav Varshney, Rachel Michetti, Stefan van der Walt, Mikael Haeggstroem,
CC0Textures, linolafett, Andreas Preuss; public domain or CC0, from scikit-image.
All other pictures are drawn by a program.
"""

_HTML = b"<!doctype html><title>404</title><h1>Not Found</h1><p>This picture has moved.</p>\n"


def make_demo(folder: Path) -> None:
    """Write the demo set, unless it is there already.

    The folder appears in one step when it is complete, so that a killed run leaves no part of it.
    A set of which files are missing is made again.

    Args:
        folder: where; it must not exist, be empty, or hold a demo set.

    Raises:
        MissingExtraError: scikit-image, which the photographs come from, is not installed.
        InvalidParameterError: the folder holds other files, which are left alone.
    """
    if folder.is_file():
        raise InvalidParameterError(f"{folder} is a file", "Name a folder for the demo set")
    expected = {*TRUTH.images, _NOTES}
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    present = {path.relative_to(folder).as_posix() for path in paths}
    if present and not (_NOTES in present and present <= expected):
        raise InvalidParameterError(
            f"{folder} holds other files", "Name a new or an empty folder for the demo set"
        )
    if present != expected:
        _write(folder, demo_files())


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, data in files.items():
            (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / path).write_bytes(data)
        unfinished.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def demo_files() -> dict[str, bytes]:
    """The bytes of every file of the demo set, by path."""
    clean = {path: _encode(PICTURES[path](), path) for path in TRUTH.clean}
    exact = {copy: clean[original] for original, *copies in TRUTH.exact_groups for copy in copies}
    near = {
        pair.copy: _encode(
            EDITS[pair.edit](PICTURES[pair.original]()),
            pair.copy,
            _POOR_QUALITY if pair.edit == "jpeg_q30" else _GOOD_QUALITY,
        )
        for pair in TRUTH.near_duplicates
    }
    damaged = {
        path: _encode(damage(PICTURES[path]()), path)
        for damage, paths in ((darken, TRUTH.dark), (whiten, TRUTH.bright), (blur, TRUTH.blurred))
        for path in paths
    }
    tiny = {
        path: _encode(cv2.resize(draw(), (8, 8)), path)
        for path, draw in zip(TRUTH.tiny, PICTURES.values(), strict=False)
    }
    halves = {path: clean[path.removeprefix("downloads/")] for path in TRUTH.truncated}
    return {
        **clean, **exact, **near, **damaged, **tiny,
        **{path: data[: len(data) // 2] for path, data in halves.items()},
        **dict.fromkeys(TRUTH.empty, b""),
        **dict.fromkeys(TRUTH.not_images, _HTML),
        _NOTES: _CREDITS,
    }  # fmt: skip


def _encode(image: Image, path: str, quality: int = _GOOD_QUALITY) -> bytes:
    suffix = PurePosixPath(path).suffix
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    settings = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        ".png": [],
    }
    return cv2.imencode(suffix, cv2.cvtColor(image, order), settings[suffix])[1].tobytes()


def shrink(image: Image) -> Image:
    """Make it smaller."""
    return cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)


def brighten(image: Image) -> Image:
    """Raise its exposure."""
    return np.clip(image * 1.12, 0, 255).astype(np.uint8)


def trim(image: Image) -> Image:
    """Cut a twentieth off each edge."""
    top, left = (side // 20 for side in image.shape[:2])
    return image[top:-top, left:-left]


def sign(image: Image) -> Image:
    """Write a small line of text into a corner."""
    at = 6, image.shape[0] - 10
    return cv2.putText(
        image.copy(), "(c) imgvet demo", at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255)
    )


EDITS: dict[str, Edit] = {
    "resized": shrink, "jpeg_q30": np.copy, "brighter": brighten, "cropped": trim, "text": sign,
    "reencoded": np.copy,
}  # fmt: skip
"""Edits after which a picture is a near duplicate of itself; saving it again is one of them."""


def blur(image: Image) -> Image:
    """Lose all sharp detail."""
    return cv2.GaussianBlur(image, (0, 0), 6)


def darken(image: Image) -> Image:
    """Underexpose it until its brightest parts are dark."""
    return np.round(image * 0.2).astype(np.uint8)


def whiten(image: Image) -> Image:
    """Overexpose it until all but the deepest shadows, 2 % of it, is nearly white."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shadows = gray < np.percentile(gray, 2)
    pale = np.round(255 - (255 - image) * 0.04).astype(np.uint8)
    return np.where(shadows[..., None], image, pale)
