"""What exact searches found, kept in the store between runs.

Each kind of search (distance and number of neighbours) has one file that its last run wrote. No
result depends on it: a file that is gone or damaged only costs time.
"""

from __future__ import annotations

import logging
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from imgvet.options import NeighborOptions
from imgvet.similarity.update import KEY_BYTES, Known
from imgvet.workdir import WorkDir, write_atomically

_logger = logging.getLogger(__name__)


def known_path(work: WorkDir, options: NeighborOptions) -> Path:
    """The file of one kind of search."""
    return work.store / "neighbors" / f"{options.distance}-{options.nearest_neighbors_k}.npz"


def write_known(path: Path, known: Known) -> None:
    """Keep what was found."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, keys=known.keys, rows=known.rows)

    write_atomically(path, write)


def read_known(path: Path) -> Known | None:
    """What was found, None if nothing is kept; a damaged file is removed."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            known = Known(arrays["keys"], arrays["rows"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        _remove(path, str(error))
        return None
    if _is_sound(known):
        return known
    _remove(path, "rows do not fit keys")
    return None


def _is_sound(known: Known) -> bool:
    keys, rows = known.keys, known.rows
    return (
        keys.dtype == np.dtype(f"V{KEY_BYTES}")
        and rows.dtype == np.int64
        and rows.ndim == 2
        and keys.shape == rows.shape[:1]
        and bool(((rows >= -1) & (rows < len(rows))).all())
    )


def _remove(path: Path, why: str) -> None:
    _logger.warning("%s can't be used, neighbours are searched from scratch: %s", path, why)
    path.unlink(missing_ok=True)
