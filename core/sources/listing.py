"""From what the user named to the list of items: the one seam through which every input comes.

Each kind of input is a function that yields :class:`Entry` rows; :func:`list_entries` sends an
input to its kind. No later stage knows where an item came from: it reads through
:func:`imgvet.sources.reading.read_bytes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from imgvet.errors import InputEmptyError, InputNotFoundError, InvalidParameterError
from imgvet.options import SourceOptions
from imgvet.sources.entry import Entry
from imgvet.sources.local import IMAGE_EXTENSIONS, walk_file, walk_folder
from imgvet.store.files import FileKey

LISTING_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("filename", pa.string()),
        ("source", pa.string()),
        ("status", pa.string()),
        ("detail", pa.string()),
        ("file_size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("version", pa.string()),
        ("digest", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
    ]
)
"""Columns of a listing; ``digest`` is null until the content is known."""


def list_items(options: SourceOptions, known: dict[FileKey, str]) -> pa.Table:
    """List what is to be analysed, sorted by file name, each file once.

    Args:
        options: what to analyse.
        known: content digests of files that were read before.

    Returns:
        a table of :data:`LISTING_SCHEMA`.

    Raises:
        InputNotFoundError: an input does not exist.
        InputUnreadableError: an input may not be read.
        InputEmptyError: nothing is left to analyse.
    """
    entries = select(list_entries(options.input_dir), options)
    if not entries:
        raise _nothing_found(options)
    return _as_table(entries, known)


def require_inputs(inputs: Iterable[str]) -> None:
    """Check that every input exists, before anything is written.

    Raises:
        InputNotFoundError: one does not.
    """
    for name in inputs:
        if not Path(name).expanduser().exists():
            raise InputNotFoundError(
                f"The input {name} does not exist", "Give a folder or image files that exist"
            )


def list_entries(inputs: Iterable[str]) -> Iterator[Entry]:
    """The entries of all inputs, in the order given."""
    for name in inputs:
        path = Path(name).expanduser().absolute()
        require_inputs([name])
        if path.is_dir():
            yield from walk_folder(path, name)
        else:
            yield walk_file(path, name)


def select(entries: Iterable[Entry], options: SourceOptions) -> list[Entry]:
    """Sort the entries by name, drop repeated ones, and keep what the options ask for."""
    unique = {entry.filename: entry for entry in entries}
    chosen = [unique[name] for name in sorted(unique)]
    if options.find_regex is not None:
        pattern = _compile(options.find_regex)
        chosen = [entry for entry in chosen if pattern.search(entry.filename)]
    if options.subset is not None:
        chosen = _only(chosen, options.subset)
    chosen = chosen[options.min_offset : options.max_offset]
    chosen = chosen[: options.num_images]
    return [entry.checked(options.min_file_size) for entry in chosen]


def _only(entries: list[Entry], subset: tuple[str, ...]) -> list[Entry]:
    wanted = {str(Path(name).expanduser().absolute()) for name in subset}
    missing = sorted(wanted - {entry.filename for entry in entries})
    if missing:
        raise InputNotFoundError(
            f"{len(missing)} of the {len(wanted)} images of subset are not in the input, "
            f"such as {missing[0]}",
            "Give paths of images that lie in the input",
        )
    return [entry for entry in entries if entry.filename in wanted]


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidParameterError(
            f"find_regex = {pattern!r} is not a regular expression ({error})",
            "Correct the expression",
        ) from None


def _nothing_found(options: SourceOptions) -> InputEmptyError:
    where = ", ".join(options.input_dir) or "the empty list"
    if options.find_regex or options.min_offset or options.max_offset:
        return InputEmptyError(
            f"No image of {where} is left", "Check find_regex, min_offset and max_offset"
        )
    endings = " ".join(sorted(IMAGE_EXTENSIONS))
    return InputEmptyError(f"No image in {where}", f"Images are files that end in {endings}")


def _as_table(entries: list[Entry], known: dict[FileKey, str]) -> pa.Table:
    digests = [known.get(entry.key) for entry in entries]
    columns = [
        range(len(entries)),
        [entry.filename for entry in entries],
        [entry.source for entry in entries],
        [entry.status.value for entry in entries],
        [entry.detail for entry in entries],
        [entry.file_size for entry in entries],
        [entry.mtime_ns for entry in entries],
        [entry.version for entry in entries],
        digests,
        [entry.label for entry in entries],
        [entry.split for entry in entries],
    ]
    arrays = [
        pa.array(values, field.type) for values, field in zip(columns, LISTING_SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=LISTING_SCHEMA)
