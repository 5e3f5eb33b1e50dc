"""The images of a run as a plan sees them: what is known of each, and where it lies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from imgvet.errors import InvalidParameterError
from imgvet.reasons import Reason
from imgvet.search.image_table import ImageTable
from imgvet.sources.s3 import is_remote
from imgvet.store.references import digest_bytes
from imgvet.tables import FILE

_COLUMNS = (
    "filename", "path", "member", "time_ms", "source", "status", "digest", "embedding_row",
    "file_size", "format", "label", "split", "detail", "stats.width", "stats.height",
    "stats.sharpness",
)  # fmt: skip


def images_of(table: ImageTable, crops: bool) -> pd.DataFrame:  # noqa: FBT001
    """All images of a run by id, with ``place``; ``crops`` says whether they are crops."""
    images = table.frame([name for name in _COLUMNS if name in table.columns])
    images = images.rename(columns=lambda name: name.removeprefix("stats."))
    images = images.reindex(columns=[name.removeprefix("stats.") for name in _COLUMNS])
    images["place"] = np.select(
        [
            np.full(len(images), crops),
            images["member"].notna(),
            images["time_ms"].notna(),
            images["path"].map(is_remote),
        ],
        ["crop", "archive", "frame", "bucket"],
        FILE,
    )
    empty = images["status"] == Reason.EMPTY_FILE.value
    images["digest"] = images["digest"].mask(empty, digest_bytes(b""))
    return images


def listed_twice(images: pd.DataFrame) -> dict[int, str]:
    """Of files that are listed more than once, by id, the name of another row of the same file.

    A link and what it leads to are one file: removing either name could lose it.
    """
    files = images[images["place"] == FILE]
    real = _real_paths(files["path"].tolist())
    again = pd.Series(real, files.index, dtype=object)
    again = again[again.duplicated(keep=False)].sort_index()
    others: dict[int, str] = {}
    for _, same in again.groupby(again):
        ids = same.index.tolist()
        others |= {item: images["filename"][ids[0] if item != ids[0] else ids[1]] for item in ids}
    return others


def _real_paths(paths: Sequence[str]) -> list[str]:
    """Where paths lead to; folders are looked up once each."""
    folders: dict[str, str] = {}
    real = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        place = os.path.join(folders[folder], name)
        real.append(os.path.realpath(place) if os.path.islink(place) else place)  # noqa: PTH114
    return real


def protected(images: pd.DataFrame, folders: Sequence[str]) -> pd.Series:
    """Whether each image lies in a protected folder; InvalidParameterError if none does."""
    found = pd.Series(data=False, index=images.index)
    paths = images["path"].where(images["place"] == FILE)
    real = pd.Series(_real_paths(paths.dropna().tolist()), paths.dropna().index, dtype=object)
    for folder in folders:
        inside = in_folder(images["path"], folder)
        inside |= in_folder(real.reindex(images.index), os.path.realpath(Path(folder).expanduser()))
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
