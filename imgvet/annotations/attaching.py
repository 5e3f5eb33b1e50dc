"""Bring annotations to a listing: a label, a split and boxes for each of its rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from imgvet.annotations.boxes import Boxes, boxes_of_files
from imgvet.annotations.joining import joined_texts
from imgvet.annotations.matching import match_names
from imgvet.annotations.names import keys_of_annotations, roots_of
from imgvet.annotations.schema import Annotations
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples
from imgvet.images.region import Region


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that is annotated but not listed.

    Attributes:
        filename: as the annotations name it.
        rows: how many annotations it has.
        label: its label; several are joined by commas.
        split: its split.
        detail: what to tell of it, for the table of invalid items.
    """

    filename: str
    rows: int
    label: str | None
    split: str | None
    detail: str


@dataclass(frozen=True, eq=False)
class Attached:
    """What the annotations tell of the rows of a listing.

    Attributes:
        annotated: which rows the annotations name; bool, shape (n,).
        labels: label of each row as a whole image; different labels of its boxes are in order of
            the alphabet, joined by commas.
        splits: split of each row.
        missing: the files that are annotated but not listed, in order of their first annotation.
        moved_from: folder that was left off from names of another machine, empty if none was.
        boxes: the boxes of the different files of the listing.
        file_of_row: for each row its file among those; int64, shape (n,).
    """

    annotated: NDArray[np.bool_]
    labels: list[str | None]
    splits: list[str | None]
    missing: tuple[MissingFile, ...]
    moved_from: str
    boxes: Boxes
    file_of_row: NDArray[np.int64]

    def regions(self, row: int) -> tuple[Region, ...]:
        """The boxes of one row of the listing, in the order given, each with its own label."""
        return self.boxes.of_file(int(self.file_of_row[row]))


@dataclass(frozen=True, eq=False)
class _Facts:
    """Label and split by file."""

    labels: dict[int, str]
    splits: dict[int, str]


def attach(annotations: Annotations, filenames: pa.Array, inputs: Iterable[str]) -> Attached:
    """Match annotations to the rows of a listing; :mod:`imgvet.annotations.matching` says how.

    Args:
        annotations: what is known.
        filenames: names of the items as listed, an Arrow array of text; a name may come twice.
        inputs: the inputs as the user wrote them (``input_dir``).

    Raises:
        InvalidParameterError: there is no annotation, none matches, names fit several files, a
            file is named twice without boxes, or is in two splits; the message counts and shows.
    """
    source, table = annotations.source, annotations.table
    if not table.num_rows:
        raise InvalidParameterError(f"{source} holds no annotation", "Annotate at least one image")
    files, file_of_row = _encoded(filenames)
    names, name_of_row = _encoded(table["filename"])
    matching = match_names(names, files, roots_of(inputs), source)
    file_of_name = _with_missing(matching.places, names, len(files))
    file_of_annotation = file_of_name[name_of_row]
    if not annotations.has_boxes:
        _refuse_repeated(file_of_annotation, table["filename"], source)
    facts = _Facts(
        joined_texts(file_of_annotation, table["label"]),
        _splits(file_of_annotation, table, source),
    )
    listed = np.where(file_of_annotation < len(files), file_of_annotation, -1)
    known = np.isin(np.arange(len(files)), listed)
    rows = file_of_row.tolist()
    return Attached(
        annotated=known[file_of_row],
        labels=[facts.labels.get(file) for file in rows],
        splits=[facts.splits.get(file) for file in rows],
        missing=_missing(file_of_annotation, table["filename"], len(files), facts),
        moved_from=matching.moved_from,
        boxes=boxes_of_files(table, listed, len(files)),
        file_of_row=file_of_row,
    )


def _encoded(names: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """The different names in order of appearance, and for each name its place among them."""
    whole = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    encoded = pc.dictionary_encode(whole)
    return encoded.dictionary, encoded.indices.to_numpy().astype(np.int64)


def _with_missing(places: NDArray[np.int64], names: pa.Array, files: int) -> NDArray[np.int64]:
    """The file of each name; missing ones are numbered from ``files`` on, by their spelling."""
    missing = places < 0
    keys = keys_of_annotations(names.filter(pa.array(missing)))
    result = places.copy()
    result[missing] = files + _encoded(keys)[1]
    return result


def _refuse_repeated(file: NDArray[np.int64], filenames: pa.ChunkedArray, source: str) -> None:
    _, first, times = np.unique(file, return_index=True, return_counts=True)
    repeated = first[times > 1]
    if len(repeated):
        names = filenames.take(pa.array(np.sort(repeated)[:4])).to_pylist()
        names += [None] * (len(repeated) - len(names))
        raise InvalidParameterError(
            f"{counted(len(repeated), 'file')} of {source} named more than once without boxes "
            f"({examples(names)})",
            "Name each file once, or give the box of each annotation",
        )


def _splits(file: NDArray[np.int64], table: pa.Table, source: str) -> dict[int, str]:
    """The split of each file, which may not be in two."""
    frame = pd.DataFrame({"file": file, "split": table["split"].to_pandas()})
    distinct = frame.dropna().drop_duplicates()
    several = distinct.loc[distinct["file"].duplicated(), "file"].unique()
    if len(several):
        _, first = np.unique(file, return_index=True)
        rows = np.sort(first[np.isin(file[first], several)])
        names = table["filename"].take(pa.array(rows)).to_pylist()
        raise InvalidParameterError(
            f"{counted(len(several), 'file')} of {source} in more than one split "
            f"({examples(names)})",
            "Give all annotations of a file the same split",
        )
    return dict(zip(distinct["file"].tolist(), distinct["split"].tolist(), strict=True))


def _missing(
    file: NDArray[np.int64],
    filenames: pa.ChunkedArray,
    files: int,
    facts: _Facts,
) -> tuple[MissingFile, ...]:
    lost, first, rows = np.unique(file, return_index=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    order = order[lost[order] >= files]
    names = filenames.take(pa.array(first[order])).to_pylist()
    return tuple(
        MissingFile(
            name,
            number,
            facts.labels.get(key),
            facts.splits.get(key),
            f"{counted(number, 'annotation')}, but no such file in the input",
        )
        for name, number, key in zip(names, rows[order].tolist(), lost[order].tolist(), strict=True)
    )
