"""Match annotations to the files of a listing.

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
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.annotations.schema import Annotations, joined_texts
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples
from imgvet.sources.kinds import Kind, kind_of_name
from imgvet.sources.s3 import is_remote, parse_location
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS

Value = TypeVar("Value")

BoxNumbers = list[float | None]
"""x, y, width, height of a box or x1, y1, ..., x4, y4 of a rotated one; None where unknown."""

_NONE, _SEVERAL = -1, -2
_SAMPLE = 1000
_FOLDER_AND_NAME = 2
_MEMBER_MARK = re.compile(r"(\.tar|\.tar\.gz|\.tgz|\.zip)!", re.IGNORECASE)
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/|[A-Za-z0-9+]+://")
_UPWARDS = re.compile(r"(\.\./)+")


@dataclass(frozen=True, eq=False)
class Matched:
    """Annotations by the rows of a listing.

    Attributes:
        rows: ``label`` and ``split`` of each row as a whole image; different labels of its boxes
            are in order of the alphabet, joined by commas.
        missing: the files that are annotated but not listed, in order of their first annotation:
            ``filename`` as the annotations name it, ``label``, ``split``, and ``annotations``, how
            many it has.
        boxed: the annotations with a box, with ``file``, their place among the different files.
        file_of_row: for each row its file; int64, shape (n,).
    """

    rows: pd.DataFrame
    missing: pd.DataFrame
    boxed: pd.DataFrame
    file_of_row: NDArray[np.int64]

    def boxes(self) -> list[list[BoxNumbers]]:
        """The boxes of each row in the order given; one with any corner is a rotated one."""
        numbers = _lists(self.boxed[list(BOX_COLUMNS)])
        corners = self.boxed[list(CORNER_COLUMNS)]
        is_rotated = corners.notna().any(axis=1).to_numpy()
        for place, rotated in zip(
            np.flatnonzero(is_rotated), _lists(corners[is_rotated]), strict=True
        ):
            numbers[place] = rotated
        return self._by_row(numbers)

    def box_labels(self) -> list[list[str | None]]:
        """The label of each of these boxes."""
        labels = self.boxed["label"].astype("category")
        texts = [*labels.cat.categories, None]  # The last is that of the code -1.
        return self._by_row([texts[code] for code in labels.cat.codes])

    def _by_row(self, values: list[Value]) -> list[list[Value]]:
        files = np.arange(self.file_of_row.max(initial=-1) + 2)
        starts = np.searchsorted(self.boxed["file"], files).tolist()
        return [values[starts[file] : starts[file + 1]] for file in self.file_of_row.tolist()]


def match(annotations: Annotations, filenames: Sequence[str], inputs: Iterable[str]) -> Matched:
    """Match annotations to the rows of a listing.

    Args:
        annotations: what is known.
        filenames: names of the items as listed; a name may come twice.
        inputs: the inputs as the user wrote them (``input_dir``).

    Raises:
        InvalidParameterError: there is no annotation, none matches, names fit several files, a
            file is named twice without boxes, or is in two splits; the message counts and shows.
    """
    table, source = annotations.table, annotations.source
    if table.empty:
        raise InvalidParameterError(f"{source} holds no annotation", "Annotate at least one image")
    file_of_row, files = pd.factorize(np.array(filenames, dtype=object))
    name_of_row, names = pd.factorize(table["filename"])
    places = find_files(names.tolist(), files.tolist(), inputs, source)
    table = table.assign(file=places[name_of_row])
    if not annotations.has_boxes:
        _refuse(
            table[table["file"].duplicated()],
            table,
            f"of {source} named more than once without boxes",
            "Name each file once, or give the box of each annotation",
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
    has_box = table[[*BOX_COLUMNS, *CORNER_COLUMNS]].notna().any(axis=1)
    return Matched(
        rows=by_file.reindex(file_of_row)[["label", "split"]].reset_index(drop=True),
        missing=by_file[by_file.index >= len(files)].reset_index(drop=True),
        boxed=table[has_box].sort_values("file", kind="stable", ignore_index=True),
        file_of_row=file_of_row,
    )


def find_files(
    names: Sequence[str], files: Sequence[str], inputs: Iterable[str], source: str
) -> NDArray[np.int64]:
    """The place of the file that each name leads to.

    Args:
        names: different names of annotations.
        files: different names of items.
        inputs: the inputs as the user wrote them.
        source: what a message calls the annotations.

    Returns:
        places among ``files``, shape (n,). Names of missing files are numbered from ``len(files)``
        on, one number for all spellings of a name.

    Raises:
        InvalidParameterError: names fit several files, or none fits any.
    """
    keys = [_annotation_key(name) for name in names]
    ends = _Ends([_file_key(file) for file in files], set(_roots(inputs)))
    exact, whole = _unique_places(files), _unique_places(ends.files)
    places = np.array(
        [
            exact[name] if name in exact else whole[key] if key in whole
            else _NONE if _ABSOLUTE.match(key) else ends.find(key)
            for name, key in zip(names, keys, strict=True)
        ]
    )  # fmt: skip
    absolute = [place for place, key in enumerate(keys) if _ABSOLUTE.match(key)]
    if absolute and (places[absolute] == _NONE).all():
        foreign = [keys[place] for place in absolute]
        start = _foreign_start(foreign, ends)
        if start:
            places[absolute] = [ends.find(key[len(start) :], _FOLDER_AND_NAME) for key in foreign]
    _refuse_ambiguous(names, keys, places, ends, source)
    missing = np.flatnonzero(places == _NONE)
    if len(missing) == len(names):
        raise _nothing_matched(names, files, source)
    lost, _ = pd.factorize(np.array([keys[place] for place in missing], dtype=object))
    places[missing] = len(files) + lost
    return places


def _file_key(name: str) -> str:
    """A name in the spelling in which names are compared.

    Unicode is normalised (NFC), ``a.tar!b.jpg`` becomes ``a.tar/b.jpg``, and ``.``, ``..`` and
    double slashes are resolved.
    """
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if "!" in name:
        name = _MEMBER_MARK.sub(r"\1/", name)
    scheme, mark, rest = name.rpartition("://") if _ABSOLUTE.match(name) else ("", "", name)
    return f"{scheme}{mark}{posixpath.normpath(rest)}"


def _annotation_key(name: str) -> str:
    """A name from annotations in that spelling; the backslashes of Windows become slashes."""
    # ../images/a.jpg is written in a folder beside images.
    return _UPWARDS.sub("", _file_key(name.replace("\\", "/")), count=1)


def _roots(inputs: Iterable[str]) -> Iterator[str]:
    """Where relative names may start, as keys: folders, bucket prefixes and archives."""
    for name in inputs:
        path = Path(name).expanduser().absolute()
        if is_remote(name):
            yield _file_key(parse_location(name).uri.rstrip("/"))
        elif kind_of_name(name) is Kind.ARCHIVE or path.is_dir():
            yield _file_key(str(path))


class _Ends:
    """Files by the ends of their names: one dictionary for each number of parts between slashes."""

    def __init__(self, files: Sequence[str], roots: set[str]) -> None:
        self.files = files
        self.roots = roots
        self._by_parts: dict[int, tuple[dict[str, int], dict[str, int]]] = {}

    def find(self, name: str, least_parts: int = 1) -> int:
        """The place of a relative name: below a root, else wherever one file's name ends so.

        Args:
            name: has no slash at its beginning.
            least_parts: how many parts a name needs that is not below a root.
        """
        parts = name.count("/") + 1
        if parts not in self._by_parts:
            self._by_parts[parts] = self._places(parts)
        below, anywhere = self._by_parts[parts]
        elsewhere = anywhere.get(name, _NONE) if parts >= least_parts else _NONE
        return below.get(name, elsewhere)

    def near(self, names: Sequence[str]) -> _Ends:
        """Only the files whose last part is that of one of the names."""
        last = {posixpath.basename(name) for name in names}
        return _Ends([file for file in self.files if posixpath.basename(file) in last], self.roots)

    def _places(self, parts: int) -> tuple[dict[str, int], dict[str, int]]:
        """The places of files by their last parts: of those below a root, and of all."""
        below: dict[str, int] = {}
        anywhere: dict[str, int] = {}
        for place, file in enumerate(self.files):
            start, *rest = file.rsplit("/", parts)
            if len(rest) == parts:
                end = file[len(start) + 1 :]
                anywhere[end] = _SEVERAL if end in anywhere else place
                if start in self.roots:
                    below[end] = _SEVERAL if end in below else place
        return below, anywhere


def _unique_places(names: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places[name] = _SEVERAL if name in places else place
    return places


def _foreign_start(keys: Sequence[str], ends: _Ends) -> str:
    """The least beginning, shared by all names, without which some are found; else nothing."""
    shared = os.path.commonprefix([min(keys), max(keys)])  # noqa: RUF071 (cut at slashes below)
    sample = keys[:: max(1, len(keys) // _SAMPLE)]
    near = ends.near(sample)
    for found in re.finditer(r"(?<!/)/(?!/)", shared):
        start = shared[: found.end()]
        if any(near.find(key[len(start) :], _FOLDER_AND_NAME) != _NONE for key in sample):
            return start
    return ""


def _refuse(wrong: pd.DataFrame, table: pd.DataFrame, problem: str, remedy: str) -> None:
    """Refuse files, if there are any, showing how each was named first."""
    if len(wrong):
        named = table[table["file"].isin(wrong["file"])].drop_duplicates("file")["filename"]
        raise InvalidParameterError(
            f"{counted(len(named), 'file')} {problem} ({examples(named.tolist())})", remedy
        )


def _refuse_ambiguous(
    names: Sequence[str], keys: Sequence[str], places: NDArray[np.int64], ends: _Ends, source: str
) -> None:
    ambiguous = np.flatnonzero(places == _SEVERAL).tolist()
    if not ambiguous:
        return
    several = [names[place] for place in ambiguous]
    last = posixpath.basename(keys[ambiguous[0]])
    alike = [file for file in ends.files if file.endswith(last)]
    raise InvalidParameterError(
        f"{counted(len(several), 'name')} of {source} ({examples(several)}) fit several files of "
        f"the input, such as {examples(alike[:2])}",
        "Write more of their paths, or absolute ones",
    )


def _nothing_matched(
    names: Sequence[str], files: Sequence[str], source: str
) -> InvalidParameterError:
    several = len(names) > 1
    return InvalidParameterError(
        f"{f'None of the {len(names)} files' if several else 'The one file'} of {source} is "
        f"{'' if several else 'not '}in the input: annotated are {examples(names)}, "
        f"in the input are {examples(files)}",
        "Write file names relative to input_dir, or absolute ones",
    )


def _lists(numbers: pd.DataFrame) -> list[BoxNumbers]:
    """The rows as lists, None where a number is not known."""
    values = numbers.to_numpy(np.float64)
    known = values.astype(object)
    known[~np.isfinite(values)] = None
    return cast("list[BoxNumbers]", known.tolist())
