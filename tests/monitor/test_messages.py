"""The message of a run: what is in it, and where it leads."""

from __future__ import annotations

from pathlib import Path

from imgvet.monitor.history import Event, Run
from imgvet.monitor.messages import Links, links_of, message_of, report_address
from imgvet.workdir import WorkDir

DARK = Event(
    name="imgvet.dark-rate.jumped", alarms=("dark_rate",), severity="warning", all_clear=False,
    title="cats: dark rate jumped from 1 % to 40 % among new images", about="dark rate",
    body="Of 120 new images, 48 are dark.\nSee: a.jpg", examples=("x/a.jpg",),
)  # fmt: skip
CHECK = Event(
    name="imgvet.check.failed", alarms=("check:dark_rate",), severity="critical", all_clear=False,
    title="cats: check failed: dark images", about="checks", body="Dark images: 40 %.",
)  # fmt: skip
OVER = Event(
    name="imgvet.drift.ended", alarms=("drift:mean",), severity="info", all_clear=True,
    title="cats: new images no longer differ", about="drift", body="",
)  # fmt: skip
LINKS = Links("https://x.org/alarms.html", "imgvet explore out", "http://server/runs/flow-run")
RUN = Run(run_id="r2", started="2030-01-02T06:00:00+00:00", dataset="cats", baseline="r1")
BASE = Run(run_id="r1", started="2030-01-01T06:00:00+00:00")


def test_one_alarm_is_the_message() -> None:
    message = message_of(RUN, [DARK], BASE, LINKS)
    assert (message.title, message.kind, message.all_clear) == (DARK.title, "warning", False)
    assert message.body.splitlines() == [
        "Of 120 new images, 48 are dark.",
        "See: a.jpg",
        "Run r2 of 2030-01-02 06:00 UTC, compared with that of 2030-01-01 06:00 UTC.",
        "Report: https://x.org/alarms.html",
        "Look closer: imgvet explore out",
        "On the server: http://server/runs/flow-run/r2",
    ]


def test_several_are_a_digest_that_is_as_bad_as_the_worst() -> None:
    message = message_of(RUN, [DARK, CHECK, OVER], None, LINKS)
    assert message.title == "cats: 2 alarms and 1 all-clear: dark rate, checks and drift"
    assert (message.name, message.severity) == ("imgvet.run.alarms", "critical")
    assert message.kind == "failure"
    assert message.body.splitlines()[:8] == [
        "ALARM: dark rate jumped from 1 % to 40 % among new images",
        "Of 120 new images, 48 are dark.",
        "See: a.jpg",
        "https://x.org/alarms.html#dark-rate",
        "",
        "ALARM: check failed: dark images",
        "Dark images: 40 %.",
        "",
    ]
    assert "ALL-CLEAR: new images no longer differ" in message.body


def test_an_all_clear_is_good_news() -> None:
    message = message_of(RUN, [OVER], None, LINKS)
    assert (message.name, message.kind) == ("imgvet.run.all-clears", "success")


def test_a_run_that_failed_leads_to_no_report() -> None:
    failed = RUN.model_copy(update={"status": "failed"})
    message = message_of(failed, [DARK], None, Links("r", "c"))
    assert message.body.splitlines()[2:] == ["Run r2 of 2030-01-02 06:00 UTC."]


def test_a_link_leads_to_the_file_or_below_a_public_address(tmp_path: Path) -> None:
    work = WorkDir(tmp_path / "a b", "crops")
    page = (tmp_path / "a b" / "crops" / "report" / "alarms.html").as_uri()
    assert links_of(work, None) == Links(page, f"imgvet explore '{tmp_path}/a b/crops'")
    assert report_address(work, "https://x.org/cats/") == "https://x.org/cats/index.html"
    assert links_of(work, "https://x.org/cats/").report == "https://x.org/cats/alarms.html"
    assert report_address(work, "https://x.org/r.html") == "https://x.org/r.html"
