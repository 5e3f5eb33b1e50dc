"""The images of a run as a plan sees them: what is known of each, and where it lies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from imgvet.errors import InvalidParameterError
from imgvet.reasons import Reason
from imgvet.search.image_table import ImageTable
from imgvet.similarity.videos import videos_of
from imgvet.sources.s3 import is_remote
from imgvet.store.references import digest_bytes

FILE = "file"
"""The place of an image that is a file of its own on this machine."""

_COLUMNS = (
    "filename", "path", "member", "time_ms", "source", "status", "digest", "embedding_row",
    "file_size", "format", "label", "split", "detail", "stats.width", "stats.height",
    "stats.sharpness",
)  # fmt: skip


def images_of(table: ImageTable, *, crops: bool) -> pd.DataFrame:
    """All images of a run by id, with ``place`` and ``video``; ``crops`` if they are crops."""
    images = table.frame(_COLUMNS)
    images.columns = images.columns.str.removeprefix("stats.")
    images["place"] = (
        pd.Series(FILE, images.index)
        .mask(images["path"].map(is_remote), "bucket")
        .mask(images["time_ms"].notna(), "frame")
        .mask(images["member"].notna(), "archive")
    )
    if crops:
        images["place"] = "crop"
    images["video"] = videos_of(images)
    empty = images["status"] == Reason.EMPTY_FILE.value
    images["digest"] = images["digest"].mask(empty, digest_bytes(b""))
    return images


def listed_twice(images: pd.DataFrame) -> dict[int, str]:
    """Of files that are listed more than once, by id, the name of another row of the same file.

    A link and what it leads to are one file: removing either name could lose it.
    """
    files = images[images["place"] == FILE].sort_index()
    others: dict[int, str] = {}
    names = files.groupby(_real_paths(files["path"]))["filename"]
    for ids in (ids for ids in names.groups.values() if len(ids) > 1):
        first, second, *_ = ids
        others |= dict.fromkeys(ids, files["filename"][first])
        others[first] = files["filename"][second]
    return others


def _real_paths(paths: pd.Series) -> pd.Series:
    """Where the paths of files lead to; folders are looked up once each."""
    real_folder = cache(os.path.realpath)

    def real(path: str) -> str:
        folder, name = os.path.split(path)
        place = os.path.join(real_folder(folder), name)
        return os.path.realpath(place) if os.path.islink(place) else place  # noqa: PTH114

    return paths.map(real).astype(object)


def protected(images: pd.DataFrame, folders: Sequence[str]) -> pd.Series:
    """Whether each image lies in a protected folder; InvalidParameterError if none does."""
    found = pd.Series(data=False, index=images.index)
    real = _real_paths(images["path"][images["place"] == FILE]).reindex(images.index)
    for folder in folders:
        inside = in_folder(images["path"], folder)
        inside |= in_folder(real, os.path.realpath(Path(folder).expanduser()))
        if not inside.any():
            raise InvalidParameterError(
                f"protect = {folder!r}: no image of the run lies there", "Correct the folder"
            )
        found |= inside
    return found


def in_folder(paths: pd.Series, folder: str) -> pd.Series:
    """Whether each path is a folder, or lies below it, which may be an address."""
    if not is_remote(folder):
        folder = str(Path(folder).expanduser().absolute())
    start = folder.rstrip("/") + "/"
    return paths.eq(folder) | paths.str.startswith(start, na=False)
