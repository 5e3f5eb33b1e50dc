"""The files of a fastdup work dir, written from a finished run.

Names and columns are those of fastdup 2 (fastdup/definitions.py; RUN.md of its repository). Its
``distance`` is a similarity, 1 being identical; an index is a row of ``atrain_features.dat``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from imgvet.exchange.selection import Selection
from imgvet.options import FlagOptions, RunOptions
from imgvet.spreadsheet import csv_bytes
from imgvet.store.references import read_vectors
from imgvet.summary import read_record
from imgvet.tables import BY_NAME, read_made
from imgvet.workdir import WorkDir

FEATURES, MAPPING = "atrain_features.dat", "atrain_features.dat.csv"
BAD, IMAGE_STATS = "atrain_features.bad.csv", "atrain_stats.csv"
PAIRS, UNLIKE = "similarity.csv", "outliers.csv"
MEMBERS, GROUPS, CONFIG = "connected_components.csv", "component_info.csv", "config.json"

PAIR_COLUMNS = ["from", "to", "distance"]
BLUR_LIMIT = 150.0
"""Below it fastdup calls an image blurry."""
STATS_COLUMNS = [
    "index", "filename", "width", "height", "unique", "blur", "mean", "min", "max", "stdv",
    "file_size", "rms_contrast", "mean_rel_intensity_r", "mean_rel_intensity_b",
    "mean_rel_intensity_g", "contrast", "mean_saturation", "edge_density",
]  # fmt: skip
"""Metrics have the same names and meanings here, but for ``blur``."""


def write_fastdup(work: WorkDir, selection: Selection, folder: Path) -> None:
    """Write the chosen images; pairs, components and outliers are those among them.

    ``blur`` is the sharpness, scaled so that fastdup's limit of 150 means the limit of the run; -1
    stands for what is not known.
    """
    folder.mkdir()
    items, record = selection.items, read_record(work)
    index = pd.Series(range(len(items)), items["id"])
    vectors = read_vectors(work.embeddings)
    rows = items["embedding_row"].to_numpy(np.int64)
    with (folder / FEATURES).open("wb") as stream:
        for part in np.array_split(rows, len(rows) // 10_000 + 1):
            stream.write(np.ascontiguousarray(vectors[part], "<f4").tobytes())
    names = pd.DataFrame({"index": range(len(items)), "filename": items["filename"].to_numpy()})
    invalid, stats, similarity, outliers, components = (
        read_made(work, BY_NAME[name])
        for name in ("invalid", "stats", "similarity", "outliers", "components")
    )
    tables = {
        MAPPING: names,
        BAD: invalid[["filename"]].assign(
            index=range(len(items), len(items) + len(invalid)),
            error_code="ERROR_" + invalid["reason"].str.upper(),
        )[["index", "filename", "error_code"]],
        IMAGE_STATS: names.join(_stats(stats, items["id"], record.options(FlagOptions))),
        PAIRS: _pairs(similarity, "from", "to", index),
        UNLIKE: _pairs(outliers[::-1], "id", "nearest", index),
        **_components(components, index),
    }
    for name, table in tables.items():
        (folder / name).write_bytes(csv_bytes(table))
    options = record.options(RunOptions)
    config = {
        "input_dir": options.input_dir, "data_type": "image", "embeddings_dim": vectors.shape[1],
        "lower_threshold": options.outlier_percentile,
        "fastdup_kwargs": {
            "threshold": options.threshold, "nearest_neighbors_k": options.nearest_neighbors_k,
            "turi_param": {"ccthreshold": options.cc_threshold},
        },
    }  # fmt: skip
    (folder / CONFIG).write_text(json.dumps(config, indent=4) + "\n", encoding="utf-8")


def _stats(stats: pd.DataFrame, ids: pd.Series, flags: FlagOptions) -> pd.DataFrame:
    stats = stats.set_index("id").reindex(ids).reset_index(drop=True)
    scale = BLUR_LIMIT / (flags.blur_threshold or 1.0)
    stats = stats.assign(blur=stats["sharpness"] * scale)
    return stats.reindex(columns=STATS_COLUMNS[2:]).fillna(-1)


def _pairs(pairs: pd.DataFrame, first: str, second: str, index: pd.Series) -> pd.DataFrame:
    """Pairs of chosen images by index, in the order given."""
    known = {"from": pairs[first].map(index), "to": pairs[second].map(index)}
    found = pd.DataFrame(known | {"distance": pairs["similarity"]}, columns=PAIR_COLUMNS)
    return found.dropna().astype({"from": np.int64, "to": np.int64})


def _components(members: pd.DataFrame, index: pd.Series) -> dict[str, pd.DataFrame]:
    """Every image with its component; one that is alone is a component of its own, of count 0."""
    known = members.set_index("id").reindex(index.index)
    number = known["component_id"].where(known["component_id"].duplicated(keep=False))
    size = number.value_counts().sort_index().astype(np.int64)
    alone, first = number.isna(), int(size.index.max()) + 1 if len(size) else 0
    found = pd.DataFrame({"__id": index.to_numpy()}, index.index)
    found["component_id"] = number.fillna(alone.cumsum() + first - 1).astype(np.int64)
    found["count"] = number.map(size).fillna(0).astype(np.int64)
    for name in ("mean", "min", "max"):
        found[f"{name}_distance"] = known[f"{name}_similarity"].mask(alone, 0.0)
    info = pd.DataFrame({"component_id": size.index.astype(np.int64), "Count": size.to_numpy()})
    return {MEMBERS: found, GROUPS: info}
