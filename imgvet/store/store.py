"""The store of a work dir: all packs, by kind and version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from imgvet.images.orientation_hash import HASH, HASH_BYTES, HASH_QUALITY
from imgvet.metrics import (
    ADVANCED_METRICS,
    ADVANCED_VERSION,
    BASIC_METRICS,
    MEASURE_VERSION,
    Metric,
)
from imgvet.store.files import FileIndex
from imgvet.store.packs import DIGEST, THUMBNAIL_PLACE, Packs
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS
from imgvet.workdir import WorkDir


def _metric_fields(metrics: tuple[Metric, ...]) -> list[tuple[str, pa.DataType]]:
    return [(metric.name, pa.int64() if metric.integer else pa.float64()) for metric in metrics]


MEASURES_SCHEMA = pa.schema(
    [
        (DIGEST, pa.string()),
        ("status", pa.string()),
        ("detail", pa.string()),
        ("format", pa.string()),
        (HASH, pa.binary(HASH_BYTES)),
        (HASH_QUALITY, pa.int64()),
        *_metric_fields(BASIC_METRICS),
        *((name, pa.int64()) for name in THUMBNAIL_PLACE),
    ]
)
"""One row per content: its status and format, its orientation hash and basic metrics (null if it
can't be decoded), and where its thumbnail lies in the pack's bytes."""

ADVANCED_SCHEMA = pa.schema([(DIGEST, pa.string()), *_metric_fields(ADVANCED_METRICS)])
"""One row per valid content: its advanced metrics."""


def embeddings_schema(width: int) -> pa.Schema:
    """One row per valid content: its embedding of ``width`` float32 values."""
    return pa.schema([(DIGEST, pa.string()), ("embedding", pa.list_(pa.float32(), width))])


CUTS_SCHEMA = pa.schema(
    [
        (DIGEST, pa.string()),
        ("number", pa.int64()),
        ("crop", pa.string()),
        ("status", pa.string()),
        ("detail", pa.string()),
        *((name, pa.float64()) for name in (*BOX_COLUMNS, *CORNER_COLUMNS)),
        ("score", pa.float64()),
        ("found_label", pa.string()),
        ("text", pa.string()),
    ]
)
"""What was cut out of a picture: one row per crop, with its content digest in ``crop``; one row of
number -1 where there was none. ``digest`` stands for the picture and what was asked of it."""

_EMBEDDINGS = f"embeddings-{MEASURE_VERSION}-"
"""Beginning of the names of their folders; the model's digest follows."""


@dataclass(frozen=True)
class Store:
    """The packs of one work dir."""

    work: WorkDir

    @property
    def files(self) -> FileIndex:
        """Which content each file had."""
        return FileIndex(self.work.store / "places")

    @property
    def measures(self) -> Packs:
        """Basic metrics and thumbnails."""
        return Packs(self.work.store / f"measures-{MEASURE_VERSION}", with_thumbnails=True)

    @property
    def advanced(self) -> Packs:
        """Advanced metrics."""
        return Packs(self.work.store / f"advanced-{MEASURE_VERSION}.{ADVANCED_VERSION}")

    @property
    def cuts(self) -> Packs:
        """Which crops pictures were cut into."""
        return Packs(self.work.store / f"cuts-{MEASURE_VERSION}")

    def embeddings(self, model_digest: str) -> Packs:
        """Embeddings by one model."""
        return Packs(self.work.store / f"{_EMBEDDINGS}{model_digest[:16]}")

    def all_packs(self) -> list[Packs]:
        """The packs of every kind, and the embeddings of every model."""
        models = sorted(self.work.store.glob(f"{_EMBEDDINGS}*"))
        return [self.measures, self.advanced, self.cuts, *map(Packs, models)]

    def outdated(self) -> list[Path]:
        """The folders that other versions of imgvet wrote: packs, and their file index."""
        current = {packs.folder for packs in self.all_packs()}
        names = ("files", "measures-*", "advanced-*", "cuts-*", "embeddings-*")
        folders = (path for name in names for path in self.work.store.glob(name))
        return [path for path in folders if path not in current]
