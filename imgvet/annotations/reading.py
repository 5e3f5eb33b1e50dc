"""Read annotations of any kind, and write them as a file that a run can be given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.annotations.coco import read_coco
from imgvet.annotations.columns import known_columns
from imgvet.annotations.csv_file import read_csv
from imgvet.annotations.normalise import from_arrow, from_frame
from imgvet.annotations.schema import Annotations
from imgvet.errors import InputNotFoundError, InputUnreadableError, InvalidParameterError
from imgvet.sources.s3 import is_remote
from imgvet.workdir import write_atomically

FROM_PYTHON = "annotations"
"""What messages call annotations that are no file."""

_FORMS = "Give a csv or parquet file with a column filename, or COCO json"
_PARQUET = b"PAR1"
_HEAD_BYTES = 4096
_CROWDS, _IGNORED = b"imgvet.crowds", b"imgvet.ignored"


def annotations_from(value: pd.DataFrame | Mapping[str, Any] | str | Path) -> Annotations:
    """Annotations from what a person gives in Python.

    Args:
        value: a DataFrame, a dict (COCO, or columns by name), or the path of a file.

    Raises:
        InputNotFoundError: there is no such file.
        InputUnreadableError: the file may not be read.
        InvalidParameterError: the columns or values are not as they should be.
    """
    if isinstance(value, (str, Path)):
        return read_annotations(str(value))
    if isinstance(value, pd.DataFrame):
        return from_frame(value, FROM_PYTHON)
    if isinstance(value, Mapping):
        if "filename" not in value:
            return read_coco(value, FROM_PYTHON)
        try:
            return from_frame(pd.DataFrame(dict(value)), FROM_PYTHON)
        except ValueError as error:
            raise InvalidParameterError(f"annotations is no table ({error})", _FORMS) from None
    raise InvalidParameterError(
        f"annotations is a {type(value).__name__}",
        "Give a DataFrame, a dict, or the path of a csv, parquet or COCO json file",
    )


def read_annotations(source: str) -> Annotations:
    """Annotations from a file: its content, not its name, tells whether it is Parquet, JSON or CSV.

    Args:
        source: path of the file.

    Raises:
        InputNotFoundError: there is no such file.
        InputUnreadableError: the file may not be read, or is not what it begins as.
        InvalidParameterError: the columns or values are not as they should be.
    """
    path = _local_file(source)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        if head.startswith(_PARQUET):
            return _read_parquet(path, source)
        if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
            return read_coco(_read_json(path), source)
        return replace(read_csv(path), source=source)
    except OSError as error:
        raise InputUnreadableError(
            f"The annotations {source} can't be read ({error.strerror or error})",
            "Check the file and its permissions",
        ) from None


def write_annotations(annotations: Annotations, path: Path) -> None:
    """Write annotations as a Parquet file, which :func:`read_annotations` reads as they were."""
    notes = {_CROWDS: str(annotations.crowds), _IGNORED: json.dumps(annotations.ignored)}
    table = annotations.table.replace_schema_metadata(notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def _local_file(source: str) -> Path:
    if is_remote(source):
        raise InvalidParameterError(
            f"annotations = {source!r} is not a local file", "Copy the file from the bucket first"
        )
    path = Path(source).expanduser()
    if not path.is_file():
        problem = "is not a file" if path.exists() else "do not exist"
        raise InputNotFoundError(f"The annotations {source} {problem}", _FORMS)
    return path


def _read_parquet(path: Path, source: str) -> Annotations:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = known_columns(names, source)
            # Other columns may hold whole images.
            table = file.read([names[place] for place in columns.place.values()])
            notes = file.schema_arrow.metadata or {}
    except pa.ArrowException as error:
        raise InputUnreadableError(f"{source} is not Parquet ({_line(error)})", _FORMS) from None
    ignored = (*columns.ignored, *json.loads(notes.get(_IGNORED, b"[]")))
    found = from_arrow(table, source)
    return replace(found, crowds=int(notes.get(_CROWDS, 0)), ignored=ignored)


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputUnreadableError(f"{path} is not JSON ({_line(error)})", _FORMS) from None
    if not isinstance(content, dict):
        raise InvalidParameterError(
            f"{path} holds a list, which is how COCO writes results, not annotations",
            "Give the file with images, annotations and categories",
        )
    return content


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
