"""Read annotations of any kind, and write them as a file that a run can be given."""

from __future__ import annotations

import codecs
import csv
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.annotations.coco import from_coco
from imgvet.annotations.from_paths import split_of_file
from imgvet.annotations.schema import (
    COLUMNS,
    EDGE_COLUMNS,
    NUMBER_COLUMNS,
    Annotations,
    from_frame,
    known_columns,
    refuse,
)
from imgvet.annotations.voc import from_xml
from imgvet.errors import (
    InputNotFoundError,
    InputUnreadableError,
    InvalidParameterError,
    failing_as,
)
from imgvet.format import counted, listed
from imgvet.images.formats import beginning
from imgvet.sources.kinds import Kind, kind_of_name
from imgvet.sources.s3 import is_remote
from imgvet.spreadsheet import plain
from imgvet.tables import to_frame
from imgvet.workdir import write_atomically

_FROM_PYTHON = "annotations"
_FORMS = (
    "Give a csv, parquet or jsonl file with a column filename, COCO json, or Pascal VOC's xml or "
    "their folder"
)
_SOURCE = b"imgvet.source"
"""Of a file that :func:`write_annotations` wrote: what messages call the annotations."""
_DELIMITERS = (",", ";", "\t", "|")
_SPARE = 4
"""So many more cells than columns a row of CSV may have, if they are empty."""
_SPACE = re.compile(r"\s*")


def annotations_from(value: pd.DataFrame | Mapping[str, Any]) -> Annotations:
    """As :func:`read_annotations` of what Python holds.

    A dict is COCO's, has columns by name, or file names with the label of each.
    """
    if isinstance(value, Mapping) and "images" in value:
        return from_coco(value, _FROM_PYTHON)
    if isinstance(value, Mapping) and not any(map(pd.api.types.is_list_like, value.values())):
        value = {"filename": list(value), "label": list(value.values())}
    with failing_as(InvalidParameterError, "annotations is no table", _FORMS, ValueError):
        frame = value if isinstance(value, pd.DataFrame) else pd.DataFrame(dict(value))
    return from_frame(frame, _FROM_PYTHON)


def read_annotations(*files: str) -> Annotations:
    """Annotations from files: their content, not their name, tells Parquet, JSON and CSV apart.

    Several are read as one, by :func:`names_beside`. Where each is the file of a split by its name
    or its folder's, as instances_train2017.json or valid/labels.csv, it gives that split to rows
    without one.

    InputNotFoundError if there is none, InputUnreadableError if it may not be read or is not what
    it begins as, InvalidParameterError if columns or values are not as they should be.
    """
    if not files:
        raise InvalidParameterError("annotations names no file", "Name one, or leave it out")
    found, splits = [_read(file) for file in files], [split_of_file(file) for file in files]
    if len(found) == 1:
        return found[0]
    tables = []
    for file, one, split in zip(files, found, splits, strict=True):
        names = names_beside(file, one.table["filename"].tolist())
        table = one.table.assign(filename=pd.Series(names, one.table.index, "str"))
        tables.append(table.fillna({"split": split}) if all(splits) else table)
    classes = tuple(dict.fromkeys(name for one in found for name in one.classes))
    source = listed([one.source for one in found])
    return Annotations(pd.concat(tables, ignore_index=True), source, classes)


def names_beside(file: str, names: Sequence[str]) -> list[str]:
    """The names in one of several files, whole where they are relative to a folder beside it.

    That is its own, or as COCO has it train2017 or images/train2017 beside the folder of
    instances_train2017.json. The first name tells which one.
    """
    path = Path(file).expanduser().absolute()
    own, part = path.parent, path.stem.removeprefix("instances_")
    for folder in (own, own.parent / part, own.parent / "images" / part):
        if names and os.path.isfile(folder / names[0]):  # noqa: PTH113 (any name, however long)
            return [str(folder / name) for name in names]
    return list(names)


def _read(source: str) -> Annotations:
    if is_remote(source):
        raise InvalidParameterError(
            f"annotations = {source!r} is not a local file", "Copy the file from the bucket first"
        )
    path = Path(source).expanduser()
    if kind_of_name(source) is Kind.YOLO:
        remedy = "Give it in place of the input, and data_type bbox for its boxes"
        raise InvalidParameterError(f"The annotations {source} are a YOLO data set", remedy)
    files = sorted(path.rglob("*.xml")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        there = "hold no .xml file" if path.is_dir() else "are no file"
        problem = there if path.exists() else "do not exist"
        raise InputNotFoundError(f"The annotations {source} {problem}", _FORMS)
    problem = f"The annotations {source} can't be read"
    with failing_as(InputUnreadableError, problem, "Check the file and its permissions"):
        if path.is_dir():
            return from_xml(files, source)
        with path.open("rb") as stream:
            head = stream.read(4096)
        if head.startswith(b"PAR1"):
            return _read_parquet(path, source)
        is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if is_utf16 else "utf-8-sig"
        first = head.decode(encoding, "replace").lstrip()[:1]
        if first and first in "{[":
            return _read_json(path, source)
        if first == "<":
            return from_xml([path], source)
        if not is_utf16 and b"\0" in head:
            what = f"The annotations {source} are no text ({beginning(head)})"
            raise InputUnreadableError(what, _FORMS)
        return _read_csv(path, encoding, source)


def write_annotations(annotations: Annotations, path: Path) -> None:
    """Write annotations as a Parquet file, which :func:`read_annotations` reads as they were."""
    table = pa.Table.from_pandas(annotations.table, preserve_index=False)
    table = table.replace_schema_metadata({_SOURCE: annotations.source})
    write_atomically(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def _read_parquet(path: Path, source: str) -> Annotations:
    problem = f"{source} is not Parquet"
    with (
        failing_as(InputUnreadableError, problem, _FORMS, pa.ArrowException),
        pq.ParquetFile(path) as file,
    ):
        names = file.schema_arrow.names
        source = (file.schema_arrow.metadata or {}).get(_SOURCE, source.encode()).decode()
        # Other columns may hold whole images.
        table = file.read([names[place] for place in known_columns(names, source).values()])
    return from_frame(to_frame(table.replace_schema_metadata(None)), source)


def _read_json(path: Path, source: str) -> Annotations:
    """COCO; or objects that name a file each, in a list or one after the other (JSON Lines)."""
    wrong = (ValueError, RecursionError)
    with failing_as(InputUnreadableError, f"{path} is not JSON", _FORMS, *wrong):
        values = list(_json_values(path.read_bytes()))
    if isinstance(values[0], dict) and "images" in values[0]:
        return from_coco(values[0], source)
    rows = values[0] if isinstance(values[0], list) else values
    odd = [row for row in rows if not isinstance(row, dict)]
    refuse(odd, f"{path} holds {counted(len(odd), 'value')} that are no objects", _FORMS)
    return from_frame(pd.DataFrame(rows, dtype=object), source)


def _json_values(data: bytes) -> Iterator[Any]:
    text = data.decode(json.detect_encoding(data)).strip("\ufeff \t\r\n")
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        yield value
        at = _SPACE.match(text, end).end()  # type: ignore[union-attr] # it is found everywhere


def _read_csv(path: Path, encoding: str, source: str) -> Annotations:
    """Annotations from a CSV file whose first row names the columns.

    Cells may stand in double quotes. Blank rows, spaces around a cell and cells without a column's
    name (an index that pandas wrote) do not count, nor the apostrophe by which exports make text
    inert. Where the delimiter is not a comma, numbers may
    have a decimal comma.
    """
    quote = "put cells that hold a delimiter in double quotes"
    remedy = f"Save it as UTF-8, with a first row that names the columns; {quote}"
    wrong = (UnicodeError, csv.Error, pd.errors.ParserError)
    with (
        failing_as(InputUnreadableError, f"{path} is not CSV", remedy, *wrong),
        path.open(encoding=encoding, newline="") as stream,
    ):
        header, delimiter = _header(stream)
        places, width = known_columns(header, source), len(header)
        stream.seek(0)
        frame = pd.read_csv(
            stream, sep=delimiter, header=None, names=list(range(width + _SPARE)), dtype=str,
            keep_default_na=False, skipinitialspace=True,
        ).iloc[1:]  # fmt: skip
    is_wide = (frame.iloc[:, width:].fillna("") != "").any(axis=1)
    wide = frame[places["filename"]][is_wide].tolist()
    problem = f"{counted(len(wide), 'row')} of {source} with more than {width} cells"
    refuse(wide, problem, quote.capitalize())
    columns = {name: frame[place].str.strip().map(plain) for name, place in places.items()}
    if delimiter != ",":
        for name in places.keys() & {*NUMBER_COLUMNS, *EDGE_COLUMNS}:
            columns[name] = columns[name].str.replace(",", ".", regex=False)
    return from_frame(pd.DataFrame(columns), source)


def _header(stream: TextIO) -> tuple[list[str], str]:
    """The cells of the first row that is not blank, and the delimiter that makes most sense."""
    first = next((row for row in stream if row.strip()), "")
    choices = []
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([first], delimiter=delimiter, skipinitialspace=True), [])
        names = [cell.strip() for cell in cells]
        known = sum(name.lower() in COLUMNS for name in names)
        choices.append((known, len(names), names, delimiter))
    return max(choices, key=itemgetter(0, 1))[2:]
