"""Labels and splits that the places of images tell: folders of classes, and inputs of one split."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from imgvet.errors import InvalidParameterError
from imgvet.format import examples
from imgvet.options import SPLIT_FOLDERS, SourceOptions
from imgvet.sources.s3 import is_remote

_SPLITS = "train|training|val|valid|validation|dev|test|testing|eval|hold[-_]?out|held[-_]?out"
_OF_FOLDERS = rf"(?i)[/!]({_SPLITS})/"
_OF_FILES = re.compile(rf"(?i)(?<![a-z])({_SPLITS})(?![a-z])")


def told_by_paths(listing: pa.Table, sources: SourceOptions) -> dict[str, pa.ChunkedArray]:
    """The columns label and split of a listing, filled from paths where they say nothing.

    A split is that of ``test_dir``, else that of ``split_pattern``, else train if there is a
    ``test_dir``. InvalidParameterError if the pattern is found in no path.
    """
    columns = {name: listing[name] for name in ("label", "split")}
    if sources.test_dir:
        is_test = pc.is_in(listing["source"], pa.array(sources.test_dir))
        test = pc.if_else(is_test, "test", pa.scalar(None, pa.string()))
        columns["split"] = pc.coalesce(columns["split"], test)
    if sources.split_pattern is not None:
        found = _splits(listing["filename"].to_pylist(), sources.split_pattern)
        columns["split"] = pc.coalesce(columns["split"], pa.array(found, pa.string()))
    if sources.test_dir:
        columns["split"] = pc.fill_null(columns["split"], "train")
    if sources.labels_from is not None:
        only = sources.input_dir if len(sources.input_dir) == 1 else ()
        unnamed = {
            name.rstrip("/") if is_remote(name) else os.fspath(Path(name).expanduser().absolute())
            for name in (*only, *sources.test_dir)
        }
        places = zip(listing["path"].to_pylist(), listing["member"].to_pylist(), strict=True)
        labels = [folder_label(path, member, unnamed) for path, member in places]
        columns["label"] = pc.coalesce(columns["label"], pa.array(labels, pa.string()))
    return columns


def _splits(filenames: list[str], given: str) -> list[str | None]:
    pattern = re.compile(_OF_FOLDERS if given == SPLIT_FOLDERS else given)
    found = [last_match(pattern, name) for name in filenames]
    if filenames and not any(found):
        raise InvalidParameterError(
            f"split_pattern = {given!r} is found in none of {len(filenames):,} paths, such as "
            f"{examples(filenames)}",
            "Give one that is, such as '/(train|val|test)/'",
        )
    return found


def last_match(pattern: re.Pattern[str], text: str) -> str | None:
    """The group of the match that begins last, as the deepest folder says most; None if empty."""
    match, found = pattern.search(text), None
    while match is not None:
        found, start = match[1] or found, match.start() + 1
        match = pattern.search(text, start) if start <= len(text) else None
    return found


def split_of_file(path: str) -> str | None:
    """The split that the name of a file tells, or else that of its folder."""
    given = Path(path).expanduser().absolute()
    return last_match(_OF_FILES, given.name) or last_match(_OF_FILES, given.parent.name)


def folder_label(path: str, member: str | None, unnamed: Container[str]) -> str | None:
    """The name of the folder that an image lies in; None if that is no name of a class.

    The inputs themselves are not, unless there are several, nor is the top of an archive.
    """
    folder = (path if member is None else member).rpartition("/")[0]
    return None if folder in unnamed else folder.rpartition("/")[2] or None
