"""What a run writes down about itself."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata

from imgvet.options import RunOptions
from imgvet.summary import RunRecord, StageTiming

RECORDED_PACKAGES = (
    "imgvet", "prefect", "pandas", "numpy", "opencv-python-headless", "onnxruntime", "faiss-cpu",
    "scipy", "great-expectations", "plotly", "pyarrow", "pillow", "simplejpeg",
)  # fmt: skip
"""Packages whose versions shape results or report."""


def versions() -> dict[str, str]:
    """Version of Python and of the packages that shape results."""
    found = {name: metadata.version(name) for name in RECORDED_PACKAGES}
    return {"python": platform.python_version(), **found}


def now() -> datetime:
    """The present time, UTC."""
    return datetime.now(UTC)


def record_of(
    run_id: str,
    started: datetime,
    options: RunOptions,
    model: Mapping[str, object],
    timings: Sequence[StageTiming],
) -> RunRecord:
    """The record of a run that has got this far."""
    finished = now()
    return RunRecord(
        run_id=run_id,
        started=started.isoformat(timespec="seconds"),
        finished=finished.isoformat(timespec="seconds"),
        seconds=round((finished - started).total_seconds(), 3),
        parameters=options.model_dump(mode="json"),
        versions=versions(),
        model=dict(model),
        stages=tuple(timings),
    )
