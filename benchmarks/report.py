"""Build the report of made-up runs: ``python -m benchmarks.report``.

Each size is built in a process of its own, so that its peak of memory is its own. The thumbnails
are a few hundred drawn pictures of the usual size in bytes, handed out in turn: decoding and
shrinking cost what they would in a real run. Vectors lie around a few hundred centres.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from imgvet.metrics import METRICS
from imgvet.quality.result import CheckResult, CheckState
from imgvet.reports.build import build_report
from imgvet.reports.inputs import ReportInputs
from imgvet.similarity.distances import Vectors
from imgvet.summary import Counts, RunRecord, RunSummary, StageTiming, Verdict
from imgvet.tables import (
    COMPONENT_INFO,
    COMPONENTS,
    INVALID,
    ITEMS,
    OUTLIERS,
    SIMILARITY,
    STATS,
    Table,
    conform,
    to_frame,
)

SIZES = (1_000, 100_000)
WIDTH = 384
LIMITS = {1_000: "at most 12 MB", 100_000: "at most 60 s and 2 GB"}
_DRAWN = 200
_CENTRES = 300


def made_up_run(count: int, vectors: Vectors | None = None) -> ReportInputs:
    """A run of ``count`` images with a twentieth of them in every kind of finding."""
    random = np.random.default_rng(count)
    part = count // 20
    items = _items(count, random)
    tables = {
        "items": items,
        "stats": _stats(count, random),
        "similarity": _pairs(count, part, random),
        "outliers": _outliers(count, part, random),
        **_components(part),
        "invalid": _table(INVALID, {"id": [], "filename": [], "reason": [], "detail": []}),
    }
    thumbnails = _thumbnails(random)
    return ReportInputs(
        summary=_summary(count, part),
        record=_record(),
        checks=_checks(),
        tables=tables,
        thumbnail=lambda digest: thumbnails[int(digest, 16) % _DRAWN],
        embeddings=_vectors(count, random) if vectors is None else vectors,
    )


def _table(table: Table, columns: dict[str, Any]) -> pd.DataFrame:
    return to_frame(conform(pd.DataFrame(columns), table))


def _items(count: int, random: np.random.Generator) -> pd.DataFrame:
    ids = np.arange(count)
    return _table(ITEMS, {
        "id": ids,
        "filename": [f"/data/photos/{i % 97:02d}/photo_{i:07d}.jpg" for i in ids],
        "source": "/data/photos",
        "status": "ok",
        "digest": [f"{i:032x}" for i in ids],
        "file_size": random.integers(20_000, 4_000_000, count),
        "label": random.choice(["cat", "dog", "bird", "fish"], count),
        "split": random.choice(["train", "test"], count, p=[0.8, 0.2]),
        "embedding_row": ids,
    })  # fmt: skip


def _stats(count: int, random: np.random.Generator) -> pd.DataFrame:
    columns: dict[str, Any] = {"id": np.arange(count)}
    for metric in METRICS:
        low, high = metric.low or 0.0, metric.high or 4000.0
        values = low + (high - low) * random.beta(4, 3, count)
        columns[metric.name] = values.round().astype(np.int64) if metric.integer else values
    return _table(STATS, columns)


def _pairs(count: int, part: int, random: np.random.Generator) -> pd.DataFrame:
    first = np.sort(random.choice(count - 1, part, replace=False))
    return _table(SIMILARITY, {
        "from": first, "to": first + 1, "similarity": np.sort(random.uniform(0.9, 1, part))[::-1],
    })  # fmt: skip


def _outliers(count: int, part: int, random: np.random.Generator) -> pd.DataFrame:
    ids = random.choice(count - 1, part, replace=False)
    return _table(OUTLIERS, {
        "id": ids, "nearest": ids + 1, "similarity": np.sort(random.uniform(0.2, 0.6, part)),
        "score": np.sort(random.uniform(0, 6, part))[::-1],
    })  # fmt: skip


def _components(part: int) -> dict[str, pd.DataFrame]:
    groups = np.arange(part) // 5
    size = {"count": 5, "mean_similarity": 0.97, "min_similarity": 0.96, "max_similarity": 0.99}
    info = {"component_id": np.unique(groups), **size, "representative": np.unique(groups) * 5,
            "videos": 0}  # fmt: skip
    return {
        "components": _table(COMPONENTS, {"id": np.arange(part), "component_id": groups, **size}),
        "component_info": _table(COMPONENT_INFO, info),
    }


def _vectors(count: int, random: np.random.Generator) -> Vectors:
    centres = random.standard_normal((_CENTRES, WIDTH), np.float32)
    vectors = centres[random.integers(_CENTRES, size=count)]
    vectors += 0.5 * random.standard_normal((count, WIDTH), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _thumbnails(random: np.random.Generator) -> list[bytes]:
    """Pictures of 384 x 256 with the detail, and so the bytes, of photographs."""
    made = []
    for _ in range(_DRAWN):
        picture = np.zeros((256, 384, 3), np.float32)
        for cells in (4, 12, 40, 128):
            grid = random.uniform(-1, 1, (cells, cells * 3 // 2, 3)).astype(np.float32)
            picture += cv2.resize(grid, (384, 256), interpolation=cv2.INTER_CUBIC) * 60 / cells**0.4
        pixels = np.clip(picture + 128, 0, 255).astype(np.uint8)
        made.append(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return made


def _summary(count: int, part: int) -> RunSummary:
    counts = dict.fromkeys(Counts.model_fields, part) | {
        "images": count, "valid": count, "invalid": 0, "exact_duplicate_images": 0,
        "exact_duplicate_groups": 0, "exact_duplicate_surplus": 0, "components": part // 5,
        "largest_component": 5,
    }  # fmt: skip
    return RunSummary(
        verdict=Verdict.WARNINGS, counts=Counts(**counts), invalid_by_reason={},
        inputs=("/data/photos",), model="builtin", threshold=0.9, cc_threshold=0.96,
        outlier_percentile=0.05, dark_threshold=82, bright_threshold=230, blur_threshold=0.5,
        median_similarity=0.7, neighbor_recall=0.99, checks_passed=1, checks_failed=0,
        checks_errored=0,
    )  # fmt: skip


def _record() -> RunRecord:
    return RunRecord(
        run_id="made-up", started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:05:05+00:00", seconds=60.0,
        parameters={"work_dir": "work_dir"}, versions={"imgvet": "0"}, model={},
        stages=(StageTiming(stage="embed", seconds=50.0, computed=1000, reused=0),),
    )  # fmt: skip


def _checks() -> tuple[CheckResult, ...]:
    return (
        CheckResult(name="dark_rate", title="Dark images", state=CheckState.PASSED,
                    severity="warning", observed="1 %", allowed="at most 2 %", value=0.01,
                    section="dark"),
    )  # fmt: skip


def build(count: int, folder: Path) -> dict[str, float]:
    """Build a report; seconds, seconds of all processors, peak memory and size in bytes."""
    import resource

    run = made_up_run(count)
    start, busy = time.perf_counter(), time.process_time()
    build_report(run, folder)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"seconds": seconds, "busy": busy, "peak": peak, "size": size}


def main(arguments: list[str]) -> None:
    """Print a table; with a size and a folder as arguments, build just that one."""
    if len(arguments) == 2:
        print(json.dumps(build(int(arguments[0]), Path(arguments[1]))))
        return
    print("| images | seconds | processor seconds | peak memory | size | to meet |")
    print("| ------ | ------- | ----------------- | ----------- | ---- | ------- |")
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.report", str(count), folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        print(
            f"| {count:,} | {found['seconds']:.1f} | {found['busy']:.1f} "
            f"| {found['peak'] / 1e9:.2f} GB | {found['size'] / 1e6:.1f} MB | {LIMITS[count]} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
