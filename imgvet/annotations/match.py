"""Match annotations, and other names that people give to images, to the files of a listing.

A name leads to the first of these that exists:

1. the item listed under exactly this name;
2. the item of this name in another spelling: ``./a.jpg``, backslashes of Windows, composed or
   decomposed Unicode, ``a.tar/b.jpg`` for ``a.tar!b.jpg``, ``a.mp4#t=2`` for ``a.mp4#t=2.0``;
3. for a relative name, the item below an input folder, a bucket's prefix or an archive;
4. for a relative name, the one item whose path ends with it, at a slash; without the ending of an
   image, as in 3 or here the one image that has it;
5. if no absolute name has led to an item, the annotations are of another machine: what all these
   names begin with is left off, folder by folder and as little as possible, until some lead to
   items as in 3, or as in 4 with a folder and a file name at least.

The name of a video leads to all its frames but those that are named themselves.
Two items for one name are an error: a guess would put labels on the wrong images.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.annotations.schema import NUMBER_COLUMNS, Annotations, joined_texts, refuse
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples
from imgvet.sources.kinds import (
    ARCHIVE_ENDINGS,
    Kind,
    is_image_name,
    is_item_name,
    kind_of_name,
    plain_name,
    split_ending,
    video_of_frame,
)
from imgvet.sources.s3 import is_remote, parse_location
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS, with_none

_NONE, _SEVERAL = -1, -2
_FOLDER_AND_NAME = 2
_MEMBER_MARK = re.compile(f"({'|'.join(map(re.escape, ARCHIVE_ENDINGS))})!", re.IGNORECASE)
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/|[A-Za-z0-9+]+://")
_UPWARDS = re.compile(r"(\.\./)+")


@dataclass(frozen=True, eq=False)
class Matched:
    """Annotations by the rows of a listing."""

    rows: pd.DataFrame
    """Of each row ``label`` and ``split`` as a whole image (different labels of its boxes are in
    order of the alphabet, joined by commas), and the lists of its ``boxes`` (x, y, width, height,
    or x1, y1, ..., x4, y4 of a rotated one if any corner is given; None where unknown) and of their
    ``box_labels``, as annotated."""

    missing: pd.DataFrame
    """The files that are annotated but not listed, in order of their first annotation: ``filename``
    as the annotations name it, ``label``, ``split``, and how many ``annotations`` it has."""


def match(annotations: Annotations, filenames: Sequence[str], inputs: Iterable[str]) -> Matched:
    """Match annotations to the rows of a listing, whose names may come twice.

    Rows without boxes that name one file tell of it together: its label, and its split.
    InvalidParameterError if there is no annotation, none matches, names fit several files, a file
    has two labels without boxes, or is in two splits.
    """
    table, source = annotations.table, annotations.source
    if table.empty:
        raise InvalidParameterError(f"{source} holds no annotation", "Annotate at least one image")
    file_of_row, files = pd.factorize(np.array(filenames, dtype=object))
    name_of_row, names = pd.factorize(table["filename"])
    videos = pd.Series(map(video_of_frame, files), dtype=object)
    videos = videos[~videos.isin(files)]
    numbers, names_of_videos = pd.factorize(videos)
    places = places_of(names.tolist(), [*files, *names_of_videos], inputs, source)
    frames = pd.DataFrame({"file": len(files) + numbers, "frame": videos.index})
    table = _each_frame(table.assign(file=places[name_of_row]), frames)
    if not annotations.has_boxes:
        labels = table[["file", "label"]].dropna().drop_duplicates()
        _refuse(
            labels[labels["file"].duplicated()],
            table,
            f"of {source} with more than one label, but no boxes",
            "Give each file one label, or give the box of each annotation",
        )
    splits = table[["file", "split"]].dropna().drop_duplicates()
    _refuse(
        splits[splits["file"].duplicated()],
        table,
        f"of {source} in more than one split",
        "Give all annotations of a file the same split",
    )
    by_file = table.drop_duplicates("file").set_index("file")[["filename"]]
    by_file["label"] = joined_texts(table["file"], table["label"])
    by_file["split"] = splits.set_index("file")["split"]
    by_file["annotations"] = table["file"].value_counts()
    rows = by_file.reindex(file_of_row)[["label", "split"]].reset_index(drop=True)
    for name, lists in _boxes_of(table).reindex(file_of_row).items():
        rows[str(name)] = [found if isinstance(found, list) else [] for found in lists]
    return Matched(rows, by_file[by_file.index >= len(files)].reset_index(drop=True))


def _each_frame(table: pd.DataFrame, frames: pd.DataFrame) -> pd.DataFrame:
    """Annotations of a whole video once for each ``frame`` of ``file`` that has none of its own."""
    own = table[~table["file"].isin(frames["file"])]
    frames = frames[~frames["frame"].isin(own["file"])]
    of_videos = (
        table.merge(frames, on="file").drop(columns="file").rename(columns={"frame": "file"})
    )
    return pd.concat([own, of_videos], ignore_index=True) if len(of_videos) else own


def _boxes_of(table: pd.DataFrame) -> pd.DataFrame:
    """The list of boxes of each file, and that of their labels, in the order given."""
    boxed = table[table[list(NUMBER_COLUMNS)].notna().any(axis=1)]
    boxes = _lists(boxed[list(BOX_COLUMNS)])
    boxes.update(_lists(boxed[list(CORNER_COLUMNS)].dropna(how="all")))
    found = pd.DataFrame({"boxes": boxes, "box_labels": with_none(boxed["label"])})
    return found.groupby(boxed["file"]).agg(list)


def _refuse(wrong: pd.DataFrame, table: pd.DataFrame, problem: str, remedy: str) -> None:
    named = table[table["file"].isin(wrong["file"])].drop_duplicates("file")["filename"].tolist()
    refuse(named, f"{counted(len(named), 'file')} {problem}", remedy)


def _lists(numbers: pd.DataFrame) -> pd.Series:
    """The rows as lists, None where a number is not known."""
    known = numbers.astype(object).where(np.isfinite(numbers), None)
    return pd.Series(known.to_numpy().tolist(), numbers.index, dtype=object)


def _roots(inputs: Iterable[str]) -> Iterator[str]:
    """Where relative names may start, as keys: folders, bucket prefixes and archives."""
    for name in inputs:
        path = Path(name).expanduser().absolute()
        if is_remote(name):
            yield _key(parse_location(name).uri.rstrip("/"))
        elif kind_of_name(name) is Kind.ARCHIVE or path.is_dir():
            yield _key(str(path))


def _key(name: str) -> str:
    """A name in the spelling in which names are compared: rule 2 above."""
    name = plain_name(name)
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if "!" in name:
        name = _MEMBER_MARK.sub(r"\1/", name)
    scheme, mark, rest = name.rpartition("://") if _ABSOLUTE.match(name) else ("", "", name)
    return f"{scheme}{mark}{posixpath.normpath(rest)}"


def places_of(
    names: Sequence[str], files: Sequence[str], inputs: Iterable[str], source: str
) -> NDArray[np.int64]:
    """The place among the files that each name leads to; missing files are numbered after them.

    InvalidParameterError if no name leads to a file, or names fit several.
    """
    roots = set(_roots(inputs))
    ends = [_key(file) for file in files]
    keys = np.array(list(_keys_of_names(names, ends)), object)
    exact, whole = _places(files), _places(ends)
    found = [exact.get(name, whole.get(key, _NONE)) for name, key in zip(names, keys, strict=True)]
    places = np.array(found, np.int64)
    is_absolute = np.array([_ABSOLUTE.match(key) is not None for key in keys])
    lost = (places == _NONE) & ~is_absolute
    places[lost] = _by_ends(keys[lost], ends, roots)
    bare = lost & (places == _NONE) & ~np.array([is_item_name(key) for key in keys])
    if bare.any():
        stems = [split_ending(end)[0] if is_image_name(end) else end for end in ends]
        places[bare] = _by_ends(keys[bare], stems, roots)
    if is_absolute.any() and (places[is_absolute] == _NONE).all():
        places[is_absolute] = _of_another_machine(keys[is_absolute].tolist(), ends, roots)
    if ambiguous := np.flatnonzero(places == _SEVERAL).tolist():
        first = keys[ambiguous[0]][::-1]
        meant = nlargest(2, ends, lambda file: len(os.path.commonprefix([first, file[::-1]])))  # noqa: RUF071
        raise InvalidParameterError(
            f"{counted(len(ambiguous), 'name')} of {source} "
            f"({examples([names[place] for place in ambiguous])}) that could be several files "
            f"of the input, such as {examples(meant)}",
            "Write more of their paths, or absolute ones",
        )
    missing = places == _NONE
    if missing.all():
        several = len(names) > 1
        raise InvalidParameterError(
            f"{f'None of the {len(names)} files' if several else 'The one file'} of {source} is "
            f"{'' if several else 'not '}in the input: named are {examples(names)}, "
            f"in the input are {examples(files)}",
            "Write file names relative to input_dir, or absolute ones",
        )
    places[missing] = len(files) + pd.factorize(keys[missing])[0]
    return places


def _keys_of_names(names: Iterable[str], ends: Iterable[str]) -> Iterator[str]:
    """The annotations' names as keys; ../images/a.jpg is written in a folder beside images.

    Backslashes are of Windows, except in what ends the key of a file.
    """
    odd = [end.split("/") for end in ends if "\\" in end]
    kept = {"/".join(parts[start:]) for parts in odd for start in range(len(parts))}
    for name in names:
        key = _UPWARDS.sub("", _key(name), 1)
        is_kept = "\\" not in key or key in kept
        yield key if is_kept else _UPWARDS.sub("", _key(name.replace("\\", "/")), 1)


def _places(names: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places[name] = _SEVERAL if name in places else place
    return places


def _by_ends(
    names: Iterable[str], files: Sequence[str], roots: set[str], least_parts: int = 1
) -> list[int]:
    """The place of each relative name: below a root, else (if long enough) by rule 4 above."""
    names = list(names)
    below: dict[str, int] = {}
    anywhere: dict[str, int] = {}
    for parts in {name.count("/") + 1 for name in names}:
        for place, file in enumerate(files):
            start, *rest = file.rsplit("/", parts)
            if len(rest) < parts:
                continue
            end = file[len(start) + 1 :]
            if parts >= least_parts:
                anywhere[end] = _SEVERAL if end in anywhere else place
            if start in roots:
                below[end] = _SEVERAL if end in below else place
    return [below.get(name, anywhere.get(name, _NONE)) for name in names]


def _of_another_machine(keys: list[str], files: Sequence[str], roots: set[str]) -> list[int]:
    """The places of absolute names without the least beginning that leads some to files."""
    shared = os.path.commonprefix([min(keys), max(keys)])  # noqa: RUF071 (cut at slashes below)
    sample = keys[:: max(1, len(keys) // 1000)]
    last = {posixpath.basename(key) for key in sample}
    near = [file for file in files if posixpath.basename(file) in last]
    for slash in re.finditer(r"(?<!/)/(?!/)", shared):
        start = slash.end()
        found = _by_ends((key[start:] for key in sample), near, roots, _FOLDER_AND_NAME)
        if any(place != _NONE for place in found):
            return _by_ends((key[start:] for key in keys), files, roots, _FOLDER_AND_NAME)
    return [_NONE] * len(keys)
