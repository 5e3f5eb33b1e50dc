"""The page of a dataset on a server: what stands in it, and that foreign text stays text."""

from __future__ import annotations

import base64
import re

import pandas as pd

from imgvet.monitor.history import Event, Run
from imgvet.quality.result import CheckResult, CheckState
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.overview import dataset_markdown
from imgvet.summary import Counts, RunRecord, RunSummary, Verdict
from imgvet.tables import ALARMS, ITEMS, conform, to_frame
from support.pictures import jpeg, photograph

EVENT = Event(
    name="e", alarms=("dark_rate",), severity="warning", all_clear=False,
    title="cats: dark rate jumped", body="",
)  # fmt: skip


def check(name: str, state: CheckState, *examples: int) -> CheckResult:
    return CheckResult(
        name=name, title=name, state=state, severity="warning", observed="3 %",
        allowed="at most 1 %", value=0.03, section="dark", examples=examples,
    )  # fmt: skip


def page_of(*runs: Run) -> str:
    counts = Counts(**dict.fromkeys(Counts.model_fields, 0))
    summary = RunSummary(
        verdict=Verdict.WARNINGS, counts=counts, invalid_by_reason={}, inputs=("in",), model="m",
        threshold=0.9, cc_threshold=0.96, outlier_percentile=0.05, dark_threshold=1,
        bright_threshold=2, blur_threshold=0.5, median_similarity=None, neighbor_recall=None,
        checks_passed=1, checks_failed=1, checks_errored=0,
    )  # fmt: skip
    names = [f"in/{number}.jpg" for number in range(12)]
    items = pd.DataFrame({"id": range(12), "filename": names, "digest": names})
    items.loc[11, "digest"] = None
    alarms = pd.DataFrame({"alarm": ["dark_rate"] * 3, "id": [11, 0, 2]})
    record = RunRecord(
        run_id="r", started="", finished="", seconds=1, versions={}, model={}, stages=(),
        parameters={"dataset_name": "cats](http://x)"},
    )  # fmt: skip
    run = ReportInputs(
        summary=summary,
        record=record,
        checks=(
            check("good", CheckState.PASSED, 9),
            check("dark|<img src=x>", CheckState.FAILED, 0, 5, 6),
        ),
        tables={"items": to_frame(conform(items, ITEMS))}
        | ({"alarms": to_frame(conform(alarms, ALARMS))} if runs else {}),
        thumbnail=read,
        runs=runs,
    )
    return dataset_markdown(run, "https://r.example/index.html", ("Images  12",))


def read(digest: str) -> bytes | None:
    return jpeg(photograph(int(digest[3:-4])))


def test_the_page_says_whether_it_is_fine_what_changed_and_what_to_look_at() -> None:
    run = Run(
        run_id="r", started="2030-01-01T06:00:00+00:00", monitored=True, alarms=("dark_rate",),
        verdict=Verdict.WARNINGS, counts={"images": 12}, new_counts={"images": 4},
        events=(EVENT,),
    )  # fmt: skip
    page = page_of(run)
    assert "passed with warnings" in page.splitlines()[0].lower()
    assert "**1 alarm on**; 4 images of 12 are new." in page
    assert "- cats: dark rate jumped" in page.replace("\\", "")
    assert page.index("\u2717 failed") < page.index("\u2713 passed")
    # Of the alarm, then of the check, each once.
    assert "| 11\\.jpg | 0\\.jpg | 5\\.jpg |" in page
    assert "| no picture | ![0" in page
    pictures = re.findall(r"data:image/jpeg;base64,([^)]+)", page)
    assert len(pictures) == 2
    assert all(base64.b64decode(one).startswith(b"\xff\xd8") for one in pictures)
    assert len(page) < 40_000
    assert "[Report](https://r.example/index.html)" in page


def test_a_run_that_is_not_monitored_has_no_alarms() -> None:
    page = page_of()
    assert "larm" not in page
    assert "svg" not in page


def test_foreign_text_is_neither_markdown_nor_html() -> None:
    page = page_of()
    assert "](http://x)" not in page
    assert "<img" not in page.replace("\\<img", "")
    assert "dark|" not in page
