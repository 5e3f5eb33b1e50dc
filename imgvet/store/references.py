"""References to stage outputs: what tasks pass to each other instead of frames and arrays.

An output is a file under ``store/stages/`` named by its content, so it is never changed, and a
reference to it can be checked at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel

from imgvet.errors import StaleReferenceError, failing_as
from imgvet.parameters import Frozen
from imgvet.progress import report_progress
from imgvet.tables import write_table
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir, draft_in, swap_folder, write_text

DIGEST_BYTES = 16
_MB = 1 << 20
_LONG = 50 * _MB


class Reference(Frozen):
    """One stored output: its path relative to the work dir, and what it must be.

    ``digest`` is the BLAKE2b-128 of the file, or of the names and digests in a folder.
    """

    name: str
    digest: str
    size: int


def digest_bytes(data: bytes, size: int = DIGEST_BYTES) -> str:
    """BLAKE2b of some bytes, hexadecimal (RFC 7693); of 128 bits unless another size is given."""
    return hashlib.blake2b(data, digest_size=size).hexdigest()


def digest_file(path: Path, tell: Callable[[int], object] = lambda _: None) -> str:
    """BLAKE2b-128 of a file, hexadecimal, read in chunks, the size of each of which is told."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as stream:
        while chunk := stream.read(_MB):
            digest.update(chunk)
            tell(len(chunk))
    return digest.hexdigest()


def known_digests(files: Mapping[str, Path], known_in: Path) -> dict[str, str]:
    """What files hold, by name; only those are read that changed since they were last asked for.

    It is remembered in a file, by size and time. How far reading is gets told if it takes long.
    """
    states = {name: path.stat() for name, path in files.items()}
    now = {name: [state.st_size, state.st_mtime_ns] for name, state in states.items()}
    known = json.loads(known_in.read_text()) if known_in.is_file() else {}
    known = {name: row for name, row in known.items() if row[1:] == now.get(name)}
    new = [name for name in files if name not in known]
    total, done = sum(states[name].st_size for name in new), Counter[str]()

    def read(name: str) -> list[object]:
        def tell(size: int) -> None:
            done[name] += size
            if total >= _LONG:
                report_progress("read_files", sum(done.values()) // _MB, total // _MB)

        return [digest_file(files[name], tell), *now[name]]

    known |= zip(new, in_threads(read, new, os.cpu_count() or 1), strict=True)
    write_text(known_in, json.dumps(known))
    return {name: str(known[name][0]) for name in files}


def content_of(path: Path) -> tuple[str, int]:
    """Digest and size of a file, or of all files in a folder."""
    if path.is_file():
        return digest_file(path), path.stat().st_size
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {digest_file(file)}" for file in files]
    return digest_bytes("\n".join(lines).encode()), sum(file.stat().st_size for file in files)


def store_file(work: WorkDir, stem: str, suffix: str, write: Callable[[Path], object]) -> Reference:
    """Store what ``write`` writes, a file or a folder, named by stem, content and suffix."""
    work.stages.mkdir(parents=True, exist_ok=True)
    with draft_in(work.stages) as folder:
        draft = Path(folder) / stem
        write(draft)
        digest, size = content_of(draft)
        target = work.stages / f"{stem}-{digest[:16]}{suffix}"
        if draft.is_dir():
            swap_folder(draft, target)
        else:
            draft.replace(target)
    name = target.relative_to(work.path).as_posix()
    return Reference(name=name, digest=digest, size=size)


def store_arrow(work: WorkDir, stem: str, data: pa.Table) -> Reference:
    """Store an Arrow table."""
    return store_file(work, stem, ".parquet", lambda path: write_table(data, path))


def store_array(work: WorkDir, stem: str, array: NDArray[np.float32]) -> Reference:
    """Store a two-dimensional array."""
    return store_file(work, stem, ".npy", partial(write_vectors, array))


def resolve(work: WorkDir, reference: Reference) -> Path:
    """The file or folder of a reference; StaleReferenceError if it is gone."""
    path = work.path / reference.name
    if not path.exists():
        raise StaleReferenceError(f"The stored result {reference.name} is gone", "Run again")
    return path


def write_vectors(vectors: NDArray[Any], path: Path) -> None:
    """Write an array under exactly this name, to which NumPy by itself would add an ending."""
    with path.open("wb") as stream:
        np.save(stream, vectors, allow_pickle=False)


def write_scattered(
    parts: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]],
    shape: tuple[int, int],
    path: Path,
) -> None:
    """Write an array as :func:`write_vectors` does, a part at a time, in any order.

    A part is rows, int64 (m,), and what stands in them, float32 (m, width); all rows of the
    ``shape`` (n, width) have to come. OSError if the disk is full.
    """
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        first, size = stream.tell(), 4 * shape[1]
        for rows, values in parts:
            order = np.argsort(rows)
            rows_in_order, values_in_order = rows[order], values[order].astype("<f4", copy=False)
            ends = np.flatnonzero(np.diff(rows_in_order, append=-1) != 1) + 1
            for start, end in zip([0, *ends], ends, strict=False):
                stream.seek(first + size * int(rows_in_order[start]))
                stream.write(values_in_order[start:end].data)


def read_vectors(path: Path) -> NDArray[np.float32]:
    """Vectors as a run wrote them, float32 (n, width), mapped into memory and never unpickled.

    StaleReferenceError if there are none.
    """
    problem = f"{path} can't be read"
    with failing_as(StaleReferenceError, problem, "Run again", OSError, ValueError):
        vectors: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return vectors


def is_intact(work: WorkDir, reference: Reference) -> bool:
    """Whether the file or folder is there and is what was stored."""
    path = work.path / reference.name
    return path.exists() and content_of(path) == (reference.digest, reference.size)


def references_in(value: object) -> Iterator[Reference]:
    """All references inside a stage's result: a model, a dictionary, a list or one itself."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from references_in(getattr(value, name))
    elif isinstance(value, (dict, list, tuple)):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from references_in(entry)


def forget_unused(work: WorkDir, used: set[str]) -> None:
    """Remove outputs, and records of them, but what this and the other part's last run use."""
    path = work.store / f"used-{work.part or 'images'}.txt"
    write_text(path, "".join(f"{name}\n" for name in sorted(used)))
    lists = work.store.glob("used-*.txt")
    kept = {name for known in lists for name in known.read_text().splitlines()}
    for output in work.stages.iterdir():
        if output.relative_to(work.path).as_posix() in kept:
            continue
        if output.is_dir():
            shutil.rmtree(output, ignore_errors=True)
        else:
            output.unlink(missing_ok=True)
    named = re.compile(rf"{work.stages.relative_to(work.path).as_posix()}/[\w.-]+")
    for record in work.results.glob("*"):
        if not kept.issuperset(named.findall(record.read_text())):
            record.unlink()
