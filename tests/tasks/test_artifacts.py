"""What a server shows of how far a stage is."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from imgvet.progress import report_progress
from imgvet.tasks import artifacts


def test_a_stage_of_which_nobody_knows_the_end_has_no_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[tuple[float, str]] = []

    def create(percent: float, *, key: str, description: str) -> UUID:
        shown.append((percent, description))
        return uuid4()

    monkeypatch.setattr(artifacts, "create_progress_artifact", create)
    monkeypatch.setattr(artifacts, "PROGRESS_EVERY", 0)
    with artifacts.progress_artifacts("photos"):
        report_progress("decode_videos", 5, 0)
        report_progress("embed", 20, 40)
    assert shown == [(50.0, "embed")]
