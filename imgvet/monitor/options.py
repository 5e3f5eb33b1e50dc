"""The parameters of watching."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from imgvet.options import Part, Share

FIRST = "first"
_LAST = re.compile(r"last:([1-9]\d{0,3})")
_RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def last_of(baseline: str) -> int | None:
    """N of ``last:N``, None if the text is another kind of baseline."""
    found = _LAST.fullmatch(baseline)
    return int(found.group(1)) if found else None


def is_run_id(text: str) -> bool:
    """Whether a text can be a run id, and with it the name of a folder."""
    return _RUN_ID.fullmatch(text) is not None


class WatchOptions(Part):
    """When a run of a watched dataset raises an alarm."""

    baseline: str | None = Field(
        None,
        description="what runs are compared with: first, last:N (the last N runs in order) or a "
        "run id; without it what 'imgvet baseline --set' chose, else first",
    )
    false_alarm_rate: float = Field(
        0.01,
        gt=0,
        le=0.5,
        description="greatest share of runs with a false alarm, of all that is watched together",
    )
    min_difference: Share = Field(
        0.02, description="least rise of a rate that is worth an alarm, as a share of the images"
    )
    min_drift: Share = Field(
        0.3,
        description="least drift that is worth an alarm: 0 new images lie like those of the "
        "baseline, 1 all of them lie elsewhere",
    )
    min_new_images: int = Field(
        100,
        ge=1,
        description="new images are judged again in the next run until there are this many, so "
        "that a trickle of them is seen, too",
    )
    keep_baselines: int = Field(
        10, ge=1, description="latest runs that can be made the baseline; others are forgotten"
    )

    @field_validator("baseline")
    @classmethod
    def _known_kind(cls, value: str | None) -> str | None:
        if value is not None and not is_run_id(value) and last_of(value) is None:
            raise ValueError("use first, last:N or a run id")
        return value
