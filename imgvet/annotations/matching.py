"""Match the names of annotations to listed files.

A name leads to the first of these that exists:

1. the item listed under exactly this name;
2. the item of this name in another spelling: ``./a.jpg``, backslashes, composed or decomposed
   Unicode, ``a.tar/b.jpg`` for ``a.tar!b.jpg``;
3. for a relative name, the item below an input folder, a bucket's prefix or an archive;
4. for a relative name, the one item whose path ends with it, at a slash;
5. if no absolute name has led to an item, the annotations are of another machine: what all these
   names begin with is left off, folder by folder and as little as possible, until some lead to
   items as in 3, or as in 4 with a folder and a file name at least.

Two items for one name are an error: a guess would put labels on the wrong images.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imgvet.annotations.lookup import NONE, SEVERAL, Ends, Places, find_whole
from imgvet.annotations.names import are_absolute, keys_of_annotations, keys_of_files
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples

_SAMPLE = 1000
_FOLDER_AND_NAME = 2


@dataclass(frozen=True, eq=False)
class Matching:
    """Which file each name leads to.

    Attributes:
        places: position of its file, -1 if it has none; int64, shape (n,).
        moved_from: folder that was left off from the names of another machine, empty if none was.
    """

    places: Places
    moved_from: str = ""


def match_names(names: Any, files: Any, roots: Any, source: str) -> Matching:
    """Match names to files.

    Args:
        names: different names, an Arrow array of text.
        files: different names of items, an Arrow array of text.
        roots: where relative names may start, from :func:`imgvet.annotations.names.roots_of`.
        source: what a message calls the annotations.

    Raises:
        InvalidParameterError: names fit several files, or none fits any; the message counts them
            and shows some of both sides.
    """
    keys, ends = keys_of_annotations(names), Ends(keys_of_files(files), roots)
    absolute = are_absolute(keys).to_numpy(zero_copy_only=False)
    places, moved_from = find_whole(names, files), ""
    _fill(places, keys, places == NONE, lambda rest: find_whole(rest, ends.files))
    _fill(places, keys, (places == NONE) & ~absolute, ends.find)
    if absolute.any() and (places[absolute] == NONE).all():
        moved_from = _moved_from(keys.filter(pa.array(absolute)), ends)
        if moved_from:
            _fill(places, keys, absolute, lambda rest: _find_moved(rest, moved_from, ends))
    _refuse_ambiguous(names, keys, places, ends, source)
    if len(names) and (places == NONE).all():
        raise _nothing_matched(names, files, source)
    return Matching(places, moved_from)


def _fill(places: Places, keys: Any, chosen: Any, find: Any) -> None:
    """Set the chosen places to what is found for their keys."""
    if chosen.any():
        places[chosen] = find(keys.filter(pa.array(chosen)))


def _moved_from(keys: Any, ends: Ends) -> str:
    """The least beginning, shared by all names, without which some are found; else nothing."""
    extremes = pc.min_max(keys).as_py()
    shared = os.path.commonprefix(list(extremes.values()))  # noqa: RUF071 (cut at slashes below)
    sample = keys.take(pa.array(range(0, len(keys), max(1, len(keys) // _SAMPLE))))
    near = ends.near(sample)
    for end in (place for place, character in enumerate(shared) if character == "/"):
        start = shared[: end + 1]
        if start.endswith("//") or shared[end + 1 : end + 2] == "/":
            continue
        if (_find_moved(sample, start, near) != NONE).any():
            return start
    return ""


def _find_moved(keys: Any, start: str, ends: Ends) -> Places:
    rest = pc.utf8_slice_codeunits(keys, len(start))
    return ends.find(rest, least_parts=_FOLDER_AND_NAME)


def _refuse_ambiguous(names: Any, keys: Any, places: Places, ends: Ends, source: str) -> None:
    ambiguous = np.flatnonzero(places == SEVERAL)
    if not len(ambiguous):
        return
    several = names.take(pa.array(ambiguous)).to_pylist()
    name = keys[int(ambiguous[0])].as_py().rpartition("/")[2]
    alike = ends.files.filter(pc.ends_with(ends.files, name)).slice(0, 3).to_pylist()
    raise InvalidParameterError(
        f"{counted(len(several), 'name')} of {source} ({examples(several)}) fit several files of "
        f"the input, such as {examples(alike[:2])}",
        "Write more of their paths, or absolute ones",
    )


def _nothing_matched(names: Any, files: Any, source: str) -> InvalidParameterError:
    several = len(names) > 1
    return InvalidParameterError(
        f"{f'None of the {len(names)} files' if several else 'The one file'} of {source} is "
        f"{'' if several else 'not '}in the input: annotated are {examples(_first(names))}, "
        f"in the input are {examples(_first(files))}",
        "Write file names relative to input_dir, or absolute ones",
    )


def _first(names: Any) -> list[str]:
    return [str(name) for name in names.slice(0, 4).to_pylist()]
