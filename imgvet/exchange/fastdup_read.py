"""Read what fastdup wrote: its images, features and tables, under our names and columns.

Columns are those of :mod:`imgvet.exchange.fastdup_files`; pairs may be named by index or by file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InputUnreadableError
from imgvet.exchange.fastdup_files import (
    BAD,
    FEATURES,
    IMAGE_STATS,
    MAPPING,
    MEMBERS,
    PAIR_COLUMNS,
    PAIRS,
    UNLIKE,
)
from imgvet.reasons import Reason
from imgvet.tables import COMPONENT_INFO, COMPONENTS, OUTLIERS, SIMILARITY, STATS, empty

DESCRIBED = 1000
"""Of a larger component the first so many images are compared with each other."""

_REASONS = {
    "MISSING": Reason.MISSING, "SMALL": Reason.TOO_SMALL, "LARGE": Reason.TOO_LARGE,
    "EMPTY": Reason.EMPTY_FILE, "ZERO": Reason.EMPTY_FILE, "BOX": Reason.DEGENERATE_BOX,
    "TRUNCATED": Reason.TRUNCATED, "NOT_AN_IMAGE": Reason.NOT_AN_IMAGE,
}  # fmt: skip
"""By a word in its error code the reason why an image was left out; else it is corrupt."""

Vectors = NDArray[np.float32]


def _table(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    """One of its tables, without rows if there is none; InputUnreadableError if it is bad."""
    if not path.is_file() or not path.stat().st_size:
        return pd.DataFrame(columns=list(needed))
    try:
        found = pd.read_csv(path, keep_default_na=False, na_values=[""], encoding_errors="replace")
    except (OSError, ValueError) as error:
        raise InputUnreadableError(f"{path} is no table ({error})", "Check the file") from None
    lost = [name for name in needed if name not in found]
    if lost:
        raise InputUnreadableError(
            f"{path} has no column {lost[0]}", "Name a work dir that fastdup wrote"
        )
    return found


def read_images(folder: Path, prefix: str) -> pd.DataFrame:
    """Its good images by name: ``index`` (its own), ``filename`` and ``row`` of the features.

    ``prefix`` is the folder that relative names start at.
    """
    found = _table(folder / MAPPING, ("filename",)).dropna(subset="filename")
    if found.empty:
        raise InputUnreadableError(f"{folder / MAPPING} lists no image", "Nothing can be imported")
    found["row"] = range(len(found))
    found["index"] = found["index"] if "index" in found else found["row"]
    found["filename"] = [_absolute(name, prefix) for name in found["filename"].astype(str)]
    found = found[["index", "filename", "row"]].sort_values(["filename", "row"])
    return found.reset_index(drop=True)


def _absolute(name: str, prefix: str) -> str:
    return name if "://" in name else str(Path(prefix).absolute() / name)


def read_features(folder: Path, index: pd.DataFrame) -> NDArray[np.float32] | None:
    """The features in order of the images, normalised; None if there are none."""
    path = folder / FEATURES
    if not path.is_file():
        return None
    values = np.fromfile(path, "<f4")
    if not len(values) or len(values) % len(index):
        raise InputUnreadableError(
            f"{path} holds {len(values):,} numbers, not as many for each of {len(index):,} images",
            "Remove it to import all else",
        )
    vectors = np.nan_to_num(values.reshape(len(index), -1)[index["row"]], posinf=0, neginf=0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def read_bad(folder: Path, prefix: str) -> pd.DataFrame:
    """Its bad images: ``filename``, ``status`` and the error code as ``detail``."""
    found = _table(folder / BAD, ("filename", "error_code")).dropna(subset="filename")
    codes = found["error_code"].astype(str)
    status = [_reason_of(code).value for code in codes]
    names = [_absolute(name, prefix) for name in found["filename"].astype(str)]
    return pd.DataFrame({"filename": names, "status": status, "detail": codes.tolist()})


def _reason_of(code: str) -> Reason:
    words = (reason for word, reason in _REASONS.items() if word in code.upper())
    return next(words, Reason.CORRUPT)


def read_stats(folder: Path, index: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Its measures of the images, in their order, without ``blur``; NaN where it has none."""
    found = _table(folder / IMAGE_STATS, ("filename",)).dropna(subset="filename")
    found["filename"] = [_absolute(name, prefix) for name in found["filename"].astype(str)]
    found = found.drop_duplicates("filename").set_index("filename").reindex(index["filename"])
    numbers = found.reindex(columns=STATS.column_names[1:]).apply(pd.to_numeric, errors="coerce")
    return numbers.where(numbers != -1).astype(float).reset_index(drop=True)


def read_findings(
    folder: Path, index: pd.DataFrame, vectors: Vectors | None, prefix: str
) -> dict[str, pd.DataFrame]:
    """The tables similarity, outliers, components and component_info; ids are rows of ``index``."""
    ids = pd.Series(index.index, index["index"].astype(str))
    ids = pd.concat([ids, pd.Series(index.index, index["filename"])])
    ids = ids[~ids.index.duplicated()]
    pairs, unlike = (_pairs(folder / name, ids, prefix) for name in (PAIRS, UNLIKE))
    ends = np.sort(pairs[["from", "to"]].to_numpy(), axis=1)
    pairs["from"], pairs["to"] = ends[:, 0], ends[:, 1]
    pairs = pairs[pairs["from"] != pairs["to"]].drop_duplicates(["from", "to"])
    pairs = pairs.sort_values(["similarity", "from", "to"], ascending=[False, True, True])
    unlike = unlike.sort_values(["similarity", "from", "to"]).drop_duplicates("from")
    unlike = unlike.rename(columns={"from": "id", "to": "nearest"})
    return {
        SIMILARITY.name: pairs.reset_index(drop=True),
        OUTLIERS.name: unlike.reset_index(drop=True),
        **_components(folder, ids, vectors),
    }


def _pairs(path: Path, ids: pd.Series, prefix: str) -> pd.DataFrame:
    """Pairs of images that are known, by id."""
    found, known = _table(path, tuple(PAIR_COLUMNS)).dropna(), ids.to_dict()
    for name in ("from", "to"):
        texts = found[name].astype(str).str.removesuffix(".0")
        places = [known.get(one, known.get(_absolute(one, prefix))) for one in texts]
        found[name] = pd.Series(places, found.index, dtype="Int64")
    found = found.rename(columns={"distance": "similarity"}).dropna()
    numbers = pd.to_numeric(found["similarity"], errors="coerce").astype(float).round(6)
    found = found.assign(similarity=numbers).dropna()
    return found[["from", "to", "similarity"]].astype({"from": np.int64, "to": np.int64})


def _components(folder: Path, ids: pd.Series, vectors: Vectors | None) -> dict[str, pd.DataFrame]:
    """Its components of two images or more, numbered anew, the largest first."""
    found = _table(folder / MEMBERS, ("__id", "component_id"))
    found = found.assign(id=found["__id"].astype(str).map(ids)).dropna(subset=["id"])
    found["id"] = found["id"].astype(np.int64)
    found = found[found["component_id"].duplicated(keep=False)].sort_values("id")
    groups = [rows for _, rows in found.groupby("component_id", sort=False)]
    groups.sort(key=lambda rows: (-len(rows), int(rows["id"].iloc[0])))
    if not groups:
        return {table.name: empty(table) for table in (COMPONENTS, COMPONENT_INFO)}
    described = [_described(rows, vectors) | {"component_id": n} for n, rows in enumerate(groups)]
    info = pd.DataFrame(described, columns=COMPONENT_INFO.column_names)
    members = [rows[["id"]].assign(component_id=n) for n, rows in enumerate(groups)]
    table = pd.concat(members).merge(info.drop(columns="representative"), on="component_id")
    return {COMPONENTS.name: table, COMPONENT_INFO.name: info.assign(videos=0)}


def _described(rows: pd.DataFrame, vectors: Vectors | None) -> dict[str, object]:
    """Count, similarities and representative of a component; from the features if there are any."""
    known: dict[str, object] = {"count": len(rows), "representative": int(rows["id"].iloc[0])}
    if vectors is None:
        kinds = [kind for kind in ("mean", "min", "max") if f"{kind}_distance" in rows]
        return known | {f"{kind}_similarity": rows[f"{kind}_distance"].iloc[0] for kind in kinds}
    ids = rows["id"].to_numpy()[:DESCRIBED]
    cosines = np.round(np.asarray(vectors[ids] @ vectors[ids].T, np.float64), 6)
    pairs = cosines[np.triu_indices(len(ids), 1)]
    return {
        "count": len(rows),
        "representative": int(ids[np.argmax(cosines.sum(axis=1))]),
        "mean_similarity": round(float(pairs.mean()), 6),
        "min_similarity": float(pairs.min()),
        "max_similarity": float(pairs.max()),
    }
