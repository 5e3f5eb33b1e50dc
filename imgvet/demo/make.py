"""Make the files of the demo set, with the problems that its truth names, and write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from imgvet.demo import truth
from imgvet.demo.pictures import PICTURES, Image
from imgvet.errors import InvalidParameterError
from imgvet.reasons import Reason
from imgvet.workdir import made_in_one_step

FILES = (*truth.VALID, *truth.INVALID)
"""The files of the demo set, beside its notes."""

_QUALITY = 90
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

    Raises:
        MissingExtraError: scikit-image, which the photographs come from, is not installed.
        InvalidParameterError: the folder holds other files than a demo set, and is left alone.
    """
    if folder.is_file():
        raise InvalidParameterError(f"{folder} is a file", "Name a folder for the demo set")
    expected = {*FILES, _NOTES}
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    present = {path.relative_to(folder).as_posix() for path in paths}
    if present and not (_NOTES in present and present <= expected):
        raise InvalidParameterError(
            f"{folder} holds other files", "Name a new or an empty folder for the demo set"
        )
    if present == expected:
        return
    with made_in_one_step(folder) as draft:
        for path, data in demo_files().items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_bytes(data)


def demo_files() -> dict[str, bytes]:
    """The bytes of every file of the demo set, by path."""
    files = {path: _encode(PICTURES[path](), path) for path in truth.CLEAN}
    for original, *copies in truth.EXACT_GROUPS:
        files |= dict.fromkeys(copies, files[original])
    for original, copy, edit in truth.NEAR_DUPLICATES:
        # At this quality blocks are visible.
        quality = 30 if edit == "jpeg_q30" else _QUALITY
        files[copy] = _encode(EDITS[edit](PICTURES[original]()), copy, quality)
    for path in truth.DARK:
        files[path] = _encode(np.round(PICTURES[path]() * 0.2).astype(np.uint8), path)
    for path in truth.BRIGHT:
        files[path] = _encode(_whiten(PICTURES[path]()), path)
    for path in truth.BLURRED:
        files[path] = _encode(cv2.GaussianBlur(PICTURES[path](), (0, 0), 6), path)
    draw = iter(PICTURES.values())
    for path, reason in truth.INVALID.items():
        if reason is Reason.TOO_SMALL:
            files[path] = _encode(cv2.resize(next(draw)(), (8, 8)), path)
        elif reason is Reason.TRUNCATED:
            whole = files[path.removeprefix("downloads/")]
            files[path] = whole[: len(whole) // 2]
        else:
            files[path] = b"" if reason is Reason.EMPTY_FILE else _HTML
    return {**files, _NOTES: _CREDITS}


def _encode(image: Image, path: str, quality: int = _QUALITY) -> bytes:
    suffix = PurePosixPath(path).suffix
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    kinds = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".webp": cv2.IMWRITE_WEBP_QUALITY}
    settings = [kinds[suffix], quality] if suffix in kinds else []
    return cv2.imencode(suffix, cv2.cvtColor(image, order), settings)[1].tobytes()


def _trim(image: Image) -> Image:
    top, left = (side // 20 for side in image.shape[:2])
    return image[top:-top, left:-left]


def _sign(image: Image) -> Image:
    at = 6, image.shape[0] - 10
    return cv2.putText(
        image.copy(), "(c) imgvet demo", at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255)
    )


EDITS: dict[str, Callable[[Image], Image]] = {
    "resized": lambda image: cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
    "jpeg_q30": np.copy,
    "brighter": lambda image: np.clip(image * 1.12, 0, 255).astype(np.uint8),
    "cropped": _trim,
    "text": _sign,
    "reencoded": np.copy,
}
"""Edits after which a picture is a near duplicate of itself; saving it again is one of them."""


def _whiten(image: Image) -> Image:
    """Overexpose it until all but the deepest shadows, 2 % of it, is nearly white."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shadows = gray < np.percentile(gray, 2)
    pale = np.round(255 - (255 - image) * 0.04).astype(np.uint8)
    return np.where(shadows[..., None], image, pale)
