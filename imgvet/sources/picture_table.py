"""Tables of pictures: Parquet and Arrow files, as Hugging Face's ``datasets`` writes them.

A picture is what a column of bytes holds, or of structs with ``bytes`` and ``path``. What the
columns are stands in the schema's metadata, under ``huggingface``; in files of others their types
and names tell. Source: documentation of Hugging Face Datasets, "Dataset features".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.format import message_of
from imgvet.images.formats import BY_ENDING, ENDING_OF, identify
from imgvet.images.isolation import renew_limits
from imgvet.reasons import Failure, Reason
from imgvet.sources.containers import Member
from imgvet.sources.listing import MOST_FILE_BYTES, too_many_bytes
from imgvet.sources.sidecars import MAX_SIDECAR_BYTES

MAGIC = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
"""How Parquet, files of Arrow, and its streams begin."""

PICTURE_NAMES = frozenset({"image", "img", "picture", "photo", "image_bytes", "bytes"})
"""Names of columns of bytes that are pictures, beside the endings of image files."""

_OF_PICTURES = (None, "Image", "Value")
"""What ``datasets`` may call such columns; sound and films are bytes with a path, too."""
_AT_ONCE = 16
"""Rows in memory."""


def pictures_in(path: str) -> Iterator[tuple[Member, bytes] | Failure]:
    """The pictures of a file, row by row and column by column; a failure, if any, comes last.

    Each is named by the number of its row, and by its column where there are several. A file
    without such columns has none.
    """
    row = 0
    try:
        schema, batches_of = _opened(path)
        columns = _Columns.of(schema)
        read = [*columns.pictures, *columns.plain]
        for batch in batches_of(read) if columns.pictures else ():
            for values in batch.select(read).to_pylist():
                renew_limits()
                for column in columns.pictures:
                    yield columns.member(row, column, values)
                row += 1
    except Exception as error:  # noqa: BLE001 (what Arrow makes of damaged offsets raises anything)
        detail = f"from row {row} on: {message_of(error)}"
        yield Failure(Reason.ARCHIVE_DAMAGED, detail[:300])


def _opened(path: str) -> tuple[pa.Schema, Callable[[list[str]], Iterator[pa.RecordBatch]]]:
    """The schema, and what gives some columns a few rows at a time, maybe others as well."""
    with open(path, "rb") as stream:
        head = stream.read(len(MAGIC[1]))
    if head.startswith(MAGIC[0]):
        table = pq.ParquetFile(path, buffer_size=1 << 20)
        return table.schema_arrow, partial(table.iter_batches, _AT_ONCE, None)
    if head == MAGIC[1]:
        file = pa.ipc.open_file(pa.memory_map(path))
        schema, batches = file.schema, map(file.get_batch, range(file.num_record_batches))
    else:
        batches = pa.ipc.open_stream(pa.memory_map(path))
        schema = batches.schema
    return schema, lambda _: (
        batch.slice(start, _AT_ONCE)
        for batch in batches
        for start in range(0, batch.num_rows, _AT_ONCE)
    )


@dataclass(frozen=True)
class _Columns:
    """Names of the columns that are read."""

    pictures: list[str]
    plain: list[str]
    """Those of texts and numbers: the label, and metadata."""
    label: str | None
    classes: list[str]
    """Names of the classes whose numbers are the labels; none if labels are what they are."""

    @classmethod
    def of(cls, schema: pa.Schema) -> _Columns:
        features = _features(schema)
        kinds = {name: told.get("_type") for name, told in features.items()}
        pictures = [
            field.name
            for field in schema
            if _may_hold_pictures(field) and kinds.get(field.name) in _OF_PICTURES
        ]
        classed = [name for name in schema.names if kinds.get(name) == "ClassLabel"]
        labels = [*classed, "label", "class", "cls"]
        plain = [field.name for field in schema if _is_plain(field.type)]
        label = next((name for name in labels if name in plain), None)
        classes = features.get(label or "", {}).get("names")
        known = list(map(str, classes)) if isinstance(classes, list) else []
        return cls(pictures, plain, label, known)

    def member(self, row: int, column: str, values: Mapping[str, Any]) -> tuple[Member, bytes]:
        """One picture and its bytes, which are none if it can't be had."""
        cell = values[column]
        path = cell.get("path") if isinstance(cell, dict) else None
        data = (cell.get("bytes") if isinstance(cell, dict) else cell) or b""
        place = f"{row:06}" if len(self.pictures) == 1 else f"{row:06}/{column}"
        told = {name: values[name] for name in self.plain if _is_known(values[name])}
        label = self._label_of(told.pop(self.label or "", None))
        text = json.dumps(told | ({"path": path} if path else {}), sort_keys=True, default=str)
        metadata = text if len(text) <= MAX_SIDECAR_BYTES else None
        name = place + ENDING_OF.get(identify(data), "")
        member = Member(name, size=len(data), label=label, metadata=metadata)
        if not data:
            where = f"the table only names {path}" if path else "its cell is empty"
            problem = Failure(Reason.MISSING, where)
        elif len(data) > MOST_FILE_BYTES:
            problem = too_many_bytes(len(data))
        else:
            return member, data
        return replace(member, status=problem.reason, detail=problem.detail), b""

    def _label_of(self, value: Any) -> str | None:
        if self.classes and value is not None:
            return self.classes[value] if 0 <= value < len(self.classes) else None  # -1 is none
        if isinstance(value, float) and value.is_integer():  # a whole number beside missing ones
            value = int(value)
        return None if value is None else str(value)


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """What ``datasets`` says of each column, nothing for files of others."""
    try:
        told: Any = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
        return {name: told for name, told in features.items() if isinstance(told, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _may_hold_pictures(field: pa.Field) -> bool:
    """Whether a column has the type and, if it is of bytes alone, the name of one of pictures."""
    kind, name = field.type, field.name.lower()
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_bytes(kind.field(index).type)
    return _is_bytes(kind) and (name in PICTURE_NAMES or f".{name}" in BY_ENDING)


def _is_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):  # as pandas has categories
        return _is_plain(kind.value_type)
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return is_text or types.is_primitive(kind)


def _is_known(value: object) -> bool:
    """Whether a cell holds anything: NaN, which is unlike itself, is nothing."""
    return value is not None and value == value  # noqa: PLR0124
