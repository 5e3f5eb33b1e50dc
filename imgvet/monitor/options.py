"""The parameters of a monitored run: when it raises an alarm, and who is told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, time
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, field_validator

from imgvet.environment import environment
from imgvet.options import RunOptions
from imgvet.parameters import Part, Share, Strings, parameter, validated
from imgvet.quality.result import CheckResult, Severity, fails

ADDRESSES_VARIABLE = "IMGVET_NOTIFY"
"""Environment variable with further addresses, so that secrets stay out of parameters."""

_HOURS = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?(?: (\S+))?")

FIRST, _LAST = "first", "last:"
_BASELINE = re.compile(r"last:[1-9]\d{0,3}|[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def is_baseline(text: str) -> bool:
    """Whether a text is ``first``, ``last:N``, or can be a run id and so the name of a file."""
    return _BASELINE.fullmatch(text) is not None


def last_of(baseline: str) -> int | None:
    """N of ``last:N``; None of other baselines."""
    return int(baseline.removeprefix(_LAST)) if baseline.startswith(_LAST) else None


class WatchOptions(Part):
    """When a run of a watched dataset raises an alarm."""

    baseline: str | None = parameter(
        None,
        "what runs are compared with: first, last:N (the last N runs in order) or a "
        "run id; without it what 'imgvet baseline --set' chose, else first",
    )
    false_alarm_rate: float = parameter(
        0.01,
        "greatest share of runs with a false alarm, of all that is watched together",
        gt=0,
        le=0.5,
    )
    min_difference: Share = parameter(
        0.02, "least rise of a rate that is worth an alarm, as a share of the images"
    )
    min_drift: Share = parameter(
        0.3,
        "least drift that is worth an alarm: 0 new images lie like those of the "
        "baseline, 1 all of them lie elsewhere",
    )
    min_new_images: int = parameter(
        100,
        "new images are judged again in the next run until there are this many, so "
        "that a trickle of them is seen, too",
        ge=1,
    )
    max_loss: Share = parameter(
        0.5,
        "alarm if this share of all images, or of those of a label, format or folder, "
        "is gone since the last run of usual size",
    )
    max_growth: float = parameter(
        3.0,
        "alarm if a label, format or folder has so many times the images of the last "
        "run of usual size, and the others have not",
        gt=1,
    )
    max_days_without_new: float | None = parameter(
        None, "alarm if there were no new images for so many days [no limit]", gt=0
    )
    keep_baselines: int = parameter(
        10, "latest runs that can be made the baseline; others are forgotten", ge=1
    )
    fail_on_alarm: bool = parameter(
        False, "exit with 3, and end in a failed state, while an alarm is on"
    )

    @field_validator("baseline")
    @classmethod
    def _known_kind(cls, value: str | None) -> str | None:
        if value is not None and not is_baseline(value):
            raise ValueError("use first, last:N or a run id")
        return value


class NotifyOptions(Part):
    """Who is told of alarms."""

    notify: Strings = parameter(
        (),
        "addresses to send alarms and all-clears to, as Apprise writes them: "
        "slack://..., mailto://..., json://host:port/path posts JSON; or blocks of the Prefect "
        "server, block:slack-webhook/NAME, block:secret/NAME; those in the environment "
        f"variable {ADDRESSES_VARIABLE} are added",
    )
    notify_from: Severity = parameter(
        "info",
        "least severity of what these addresses are told: info, warning or critical; "
        "an all-clear is as severe as its alarm was",
    )
    quiet_hours: str | None = parameter(
        None,
        "hours in which these addresses are told of critical alarms only, the rest by "
        "the first run after them: 22-7, or 22:30-6:45 Europe/Paris [UTC]",
    )

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: str | None) -> str | None:
        if value is not None:
            _hours_in(value)
        return value

    def tells(self, severity: Severity) -> bool:
        """Whether the addresses are told of something so severe."""
        order = get_args(Severity)
        return order.index(severity) <= order.index(self.notify_from)

    def is_quiet(self, now: datetime | None = None) -> bool:
        """Whether the quiet hours are on, by the clock on the wall of their zone."""
        if self.quiet_hours is None:
            return False
        start, end, zone = _hours_in(self.quiet_hours)
        clock = (now or datetime.now(UTC)).astimezone(zone).time()
        return start <= clock < end if start < end else clock >= start or clock < end


def _hours_in(text: str) -> tuple[time, time, ZoneInfo]:
    """Start, end and zone of quiet hours."""
    found = _HOURS.fullmatch(text)
    with suppress(ValueError, ZoneInfoNotFoundError):
        if found:
            start, end = (time(int(found[at]), int(found[at + 1] or 0)) for at in (1, 3))
            if start != end:
                return start, end, ZoneInfo(found[5] or "UTC")
    raise ValueError("write hours and a zone as in 22-7 or 22:30-6:45 Europe/Paris")


COMMON = (
    "input_dir", "work_dir", "dataset_name", "annotations", "threshold", "outlier_percentile",
    "fail_on", "fail_on_alarm", "notify", "baseline", "report_url", "expectations", "checks",
)  # fmt: skip
"""What is asked for first by the form of a run on a server; all else follows by the alphabet."""


def _as_form(schema: dict[str, Any]) -> None:
    """Order the fields of the form, where a run may leave out what is its deployment's."""
    fields = schema["properties"]
    order = [*(name for name in COMMON if name in fields), *sorted(fields.keys() - set(COMMON))]
    schema["properties"] = {
        name: {**fields[name], "position": place} for place, name in enumerate(order)
    }
    schema["required"] = []


class MonitorOptions(RunOptions, WatchOptions, NotifyOptions):
    """All parameters of a monitored run."""

    model_config = ConfigDict(json_schema_extra=_as_form)

    def fails(
        self, checks: Iterable[CheckResult], alarms: Sequence[str], lost: Sequence[str] = ()
    ) -> bool:
        """Whether what was found makes the run a failure; a lost message is a warning."""
        found = fails(checks, self.fail_on) or (self.fail_on_alarm and bool(alarms))
        return found or (self.fail_on == "warning" and bool(lost))


def all_addresses(notify: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of the parameter and those of the environment, each once."""
    return tuple(dict.fromkeys((*notify, *os.environ.get(ADDRESSES_VARIABLE, "").split())))


@contextmanager
def addresses_aside(options: MonitorOptions) -> Iterator[MonitorOptions]:
    """The options without addresses, which the environment has meanwhile.

    What a flow is given can be read on its server by everybody, and lies in its database.
    """
    addresses = " ".join(one.replace(" ", "%20") for one in all_addresses(options.notify))
    with environment({ADDRESSES_VARIABLE: addresses}):
        yield options.model_copy(update={"notify": ()})


def make_monitor_options(values: Mapping[str, Any]) -> MonitorOptions:
    """Validate parameters that a person gave; raises as :func:`imgvet.options.make_options`."""
    return validated(MonitorOptions, values, "monitor")


def merged(values: Any, changes: Any) -> Any:
    """Parameters with some of them changed; of a table such as ``checks``, its single values."""
    if not (isinstance(values, Mapping) and isinstance(changes, Mapping)):
        return changes
    changed = {name: merged(values.get(name), value) for name, value in changes.items()}
    return {**values, **changed}
