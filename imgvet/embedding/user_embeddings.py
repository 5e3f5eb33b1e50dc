"""User embeddings: vectors that a person computed, used instead of a model's.

They are a file ``vectors.npy`` (n rows) with the names of the images beside it, in ``vectors.txt``
or ``vectors.csv`` (n names, one a row), or one ``vectors.npz`` with the arrays ``filenames`` and
``embeddings``. An ``.npy`` is mapped into memory, not read. Nothing is ever unpickled.
"""

from __future__ import annotations

import csv
import io
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.annotations.match import places_of
from imgvet.errors import InvalidParameterError, StaleReferenceError, failing_as
from imgvet.format import examples
from imgvet.parameters import Frozen
from imgvet.store.references import digest_bytes, digest_file, write_vectors
from imgvet.workdir import draft_in, write_atomically

VERSION = 1

_HEADINGS = ("filename", "filenames")
"""Of the column of names in a csv."""
_BLOCK_VALUES = 1 << 22
_ERRORS = "surrogateescape"  # file names need not be UTF-8
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class UserEmbeddings:
    """Vectors with names, each of which is there once; values are looked at when they are used."""

    names: tuple[str, ...]
    """Paths or URIs as a run lists them, or relative to an input folder."""
    vectors: NDArray[Any]
    """(n, width), integers or floats; mapped read-only if from an ``.npy``."""
    digest: str = ""
    """Of their files."""

    @property
    def width(self) -> int:
        """Values of one vector."""
        return int(self.vectors.shape[1])


class UserEmbeddingsReference(Frozen):
    """User embeddings that were read and found good, as an input of a stage."""

    path: str
    digest: str
    folders: tuple[str, ...]
    """The inputs of the run, which names may be relative to."""

    def load(self) -> UserEmbeddings:
        """The vectors with names; StaleReferenceError if the files were changed since."""
        found = read_user_embeddings(self.path)
        if found.digest != self.digest:
            raise StaleReferenceError(f"{self.path} was changed during the run", "Run again")
        return found


def read_user_embeddings(path: str) -> UserEmbeddings:
    """Read user embeddings; those of the last path are kept as long as its files stay the same.

    InvalidParameterError if a file is missing or damaged, the array does not have two dimensions of
    numbers, or the names are not one for each row, each once.
    """
    file = Path(path).expanduser().absolute()
    said, readable = f"embeddings = {str(file)!r} can't be", "Check the path and its permissions"
    usable = "Give an .npy file, or an .npz with the arrays filenames and embeddings"
    wrong = (ValueError, EOFError, BadZipFile, KeyError)
    with (
        failing_as(InvalidParameterError, f"{said} read", readable),
        failing_as(InvalidParameterError, f"{said} used", usable, *wrong),
    ):
        file.stat()  # What is not there lacks no names.
        files = (file,) if file.suffix.lower() == ".npz" else (file, _names_file(file))
        states = map(Path.stat, files)
        return _read(files, tuple((state.st_size, state.st_mtime_ns) for state in states))


@lru_cache(maxsize=1)
def _read(files: tuple[Path, ...], _states: tuple[tuple[int, int], ...]) -> UserEmbeddings:
    file, *beside = files
    if beside:
        names, vectors = _read_names(beside[0]), np.lib.format.open_memmap(file, mode="r")
    else:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            listed, vectors = arrays["filenames"], arrays["embeddings"]
        if listed.dtype.kind not in "US":
            raise _refused(file, "has filenames that are not text", "Give one name for each row")
        names = [os.fsdecode(name) for name in listed.ravel().tolist()]
    digests = " ".join(map(digest_file, files))
    return _checked(names, vectors, file, digest_bytes(digests.encode()))


def _names_file(file: Path) -> Path:
    beside = [file.with_suffix(suffix) for suffix in (".csv", ".txt")]
    found = [path for path in beside if path.is_file()]
    if len(found) == 1:
        return found[0]
    either = f"{beside[0].name} or {beside[1].name}"
    if found:
        raise _refused(file, "has two lists of names beside it", f"Keep one of {either}")
    raise _refused(file, "has no list of names beside it", f"Write {either}, one image a row")


def _read_names(file: Path) -> list[str]:
    """The lines of a text, or of a csv the column headed ``filename`` or the only one."""
    text = file.read_bytes().decode("utf-8-sig", _ERRORS)
    if file.suffix == ".txt":
        return text.removesuffix("\n").replace("\r\n", "\n").split("\n") if text else []
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise _refused(file, f"is not CSV ({error})", "List one image a row") from None
    heading = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((heading.index(name) for name in _HEADINGS if name in heading), None)
    if any(len(row) != len(heading) for row in rows) or (column is None and len(heading) > 1):
        raise _refused(
            file,
            "has rows of several values and no column 'filename', or rows of different lengths",
            "List one image a row, in double quotes if its name holds a comma",
        )
    return [row[column or 0] for row in rows[0 if column is None else 1 :]]


def _checked(
    names: Sequence[str], vectors: NDArray[Any], where: Path | str, digest: str = ""
) -> UserEmbeddings:
    if vectors.ndim != 2 or not vectors.shape[1] or vectors.dtype.kind not in "uif":
        problem = f"has shape {vectors.shape} and type {vectors.dtype}"
        raise _refused(where, problem, "Give numbers in two dimensions, a row for each image")
    if len(names) != len(vectors):
        problem = f"has {len(vectors):,} rows for {len(names):,} names"
        raise _refused(where, problem, "Give one name for each row, in the same order")
    twice = [name for name, count in Counter(names).items() if count > 1]
    _refuse_some(twice, len(names), "names are there more than once", "Name each image once")
    return UserEmbeddings(tuple(names), vectors, digest)


def write_user_embeddings(
    names: Sequence[str | os.PathLike[str]], vectors: Any, folder: Path
) -> Path:
    """Write vectors given from Python, an array or a sequence, as files that ``embeddings`` names.

    They are called by their content, so the same array gives the same path. A name that is the
    relative path of a file that exists, seen from the current folder, becomes absolute. Raises as
    :func:`read_user_embeddings`.
    """
    try:
        array = np.asarray(vectors)
    except ValueError:
        raise _refused(
            "an array", "has rows of different lengths", "Give as many to each"
        ) from None
    remedy = "Give the file name of each row, of a frame in its index or the column filename"
    with failing_as(
        InvalidParameterError, "embeddings has names that are no text", remedy, TypeError
    ):
        called = [_absolute(os.fspath(name)) for name in names]
    given = _checked(called, array, "an array")
    text = io.StringIO(newline="")
    rows = csv.writer(text, quoting=csv.QUOTE_ALL)  # names may hold whatever ends a row
    rows.writerows([["filename"], *([name] for name in given.names)])
    listed = text.getvalue().encode("utf-8", _ERRORS)
    folder.mkdir(parents=True, exist_ok=True)
    with draft_in(folder) as drafts:
        draft = Path(drafts) / "embeddings"
        write_vectors(np.ascontiguousarray(given.vectors), draft)
        digest = digest_bytes(f"{digest_file(draft)} {digest_bytes(listed)}".encode())
        target = folder / f"embeddings-{digest[:16]}.npy"
        write_atomically(target.with_suffix(".csv"), lambda path: path.write_bytes(listed))
        draft.replace(target)
    return target


def _absolute(name: str) -> str:
    return str(Path(name).absolute()) if "://" not in name and Path(name).exists() else name


def match_user_embeddings(
    given: UserEmbeddings, items: pd.DataFrame, folders: Sequence[str]
) -> NDArray[np.float32]:
    """The vectors of the contents of a run, row i for ``embedding_row`` i of the table items.

    They are neither normalised nor scaled. Byte-identical images are one content and have one
    vector: that of the first of them that has one. Vectors of no image are left out, and their
    number is logged. InvalidParameterError if images have no vector, or vectors are not finite or
    all zero; also as :func:`imgvet.annotations.match.places_of`, which finds the images of names.
    """
    valid = items.loc[items["embedding_row"].notna(), ["filename", "embedding_row"]]
    valid = valid.drop_duplicates()
    crops = valid.loc[valid["filename"].duplicated(), "filename"].unique().tolist()
    _refuse_some(
        crops, valid["filename"].nunique(), "images are analysed as several crops",
        "User embeddings are one for each image: analyse whole images, or leave embeddings out",
    )  # fmt: skip
    files = valid["filename"].tolist()
    places = places_of(given.names, files, folders, "embeddings") if files else ()
    row_of = pd.Series(range(len(places)), places)
    row_of = row_of[~row_of.index.duplicated()]
    valid["row"] = row_of.reindex(range(len(files))).to_numpy()
    best = valid.groupby("embedding_row").first()  # of what is not missing
    _refuse_some(
        best.loc[best["row"].isna(), "filename"].tolist(), len(best), "images have no embedding",
        "Give the vector of every image, named by its path",
    )  # fmt: skip
    if surplus := len(given.names) - valid["row"].nunique():
        _logger.info("%d of the %d user embeddings are not used", surplus, len(given.names))
    vectors = _as_float32(given.vectors, best["row"].to_numpy(np.int64))
    finite, nonzero = np.isfinite(vectors).all(axis=1), vectors.any(axis=1)
    beyond = "hold values that are not finite or too large for float32"
    for usable, what in ((finite, beyond), (nonzero, "are all zero")):
        _refuse_some(
            best["filename"].to_numpy()[~usable].tolist(), len(best), f"embeddings {what}",
            "Compute them again, or leave these images out",
        )  # fmt: skip
    return vectors


def _as_float32(vectors: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Some rows, a block at a time, as the array may be larger than the memory."""
    found = np.empty((len(rows), vectors.shape[1]), np.float32)
    step = max(1, _BLOCK_VALUES // vectors.shape[1])
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite and is refused
        for start in range(0, len(rows), step):
            found[start : start + step] = vectors[rows[start : start + step]]
    return found


def _refuse_some(wrong: list[str], of: int, what: str, remedy: str) -> None:
    if wrong:
        raise InvalidParameterError(
            f"embeddings: {len(wrong):,} of {of:,} {what}, such as {examples(wrong)}", remedy
        )


def _refused(where: Path | str, problem: str, remedy: str) -> InvalidParameterError:
    shown = where if isinstance(where, str) else repr(str(where))
    return InvalidParameterError(f"embeddings = {shown} {problem}", remedy)
