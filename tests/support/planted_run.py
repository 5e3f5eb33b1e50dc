"""A finished run whose tables are written down by a test, without any picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imgvet.options import make_options
from imgvet.summary import RunRecord
from imgvet.tables import ITEMS, OUTLIERS, SIMILARITY, STATS, Table, conform, write_table
from imgvet.workdir import WorkDir

Rows = Sequence[Mapping[str, Any]]

_ITEM = {"status": "ok", "file_size": 1000, "format": "JPEG", "source": "photos"}
_STATS = {"width": 100, "height": 100, "sharpness": 0.9, "percentile_99": 250, "percentile_5": 3}


def planted_run(
    folder: Path, images: Rows, pairs: Rows = (), outliers: Rows = (), **more: pd.DataFrame
) -> WorkDir:
    """A run on ``images``, which tell what differs from a plain image, by columns of any table.

    ``pairs`` (proven, unless they tell) and ``outliers`` are rows of the tables similarity and
    outliers, ``more`` other tables. A column ``at`` of an image is its direction in the plane of
    embeddings, in degrees;
    images of one digest have the same.
    """
    work = WorkDir(folder)
    rows = pd.DataFrame(
        [{"id": number, **_ITEM, **_STATS, **row} for number, row in _named(images)]
    )
    rows["path"] = rows.get("path", pd.Series(dtype=object)).reindex(rows.index)
    rows["path"] = rows["path"].fillna(rows["filename"])
    valid = rows["status"] == "ok"
    rows["embedding_row"] = pd.factorize(rows["digest"].where(valid))[0]
    rows["embedding_row"] = rows["embedding_row"].where(valid).astype("Int64")
    work.tables.mkdir(parents=True)
    tables: dict[Table, pd.DataFrame] = {
        ITEMS: rows,
        STATS: rows[valid],
        SIMILARITY: pd.DataFrame([{"verified": 1, **pair} for pair in pairs]),
        OUTLIERS: pd.DataFrame(outliers),
    }
    for table, frame in tables.items():
        write_table(conform(frame, table), work.table(table.name))
    for name, frame in more.items():
        frame.to_parquet(work.table(name))
    places = rows[valid].drop_duplicates("digest")["at"].to_numpy(float)
    turned = np.radians(np.nan_to_num(places, nan=0.0))
    vectors = np.column_stack([np.cos(turned), np.sin(turned)]).astype(np.float32)
    np.save(work.embeddings, vectors)
    record = RunRecord(
        run_id="run",
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:01+00:00",
        seconds=1.0,
        parameters=make_options({"input_dir": "photos"}).model_dump(mode="json"),
        versions={},
        model={},
        stages=(),
    )
    work.run_json.write_text(record.model_dump_json())
    return work


def _named(images: Rows) -> list[tuple[int, dict[str, Any]]]:
    return [
        (
            number,
            {
                "filename": f"/photos/{number}.jpg",
                "digest": f"{number:032x}",
                "at": 30 * number,
                **row,
            },
        )
        for number, row in enumerate(images)
    ]
