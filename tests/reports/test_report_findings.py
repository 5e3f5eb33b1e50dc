"""What pages say of labels, splits, videos, crops, earlier runs and extremes: planted truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from imgvet.reports import limits
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.view.changes import changes
from imgvet.reports.view.chart import make_bars
from imgvet.reports.view.pairs import differing
from imgvet.reports.view.report import ReportView, report_view
from imgvet.sections import Section
from support.report_sections import section


@pytest.fixture(scope="module")
def view(full_inputs: ReportInputs) -> ReportView:
    return report_view(full_inputs)


def test_leaks_are_the_pairs_across_splits(view: ReportView, full_inputs: ReportInputs) -> None:
    leaks = section(view, Section.LEAKS)
    pairs = full_inputs.tables["similarity"]
    planted = {
        (row["from"], row["to"])
        for row in pairs.to_dict(orient="records")
        if row["from"] % 2 != row["to"] % 2
    }
    assert {(pair.first.id, pair.second.id) for pair in leaks.pairs.entries} == planted
    assert leaks.pairs.total == len(planted)
    assert leaks.crossings == (("test", "train", str(len(planted))),)
    assert leaks.sizes == (("test", "30"), ("train", "30"))
    assert str(len(planted)) in leaks.summary


def test_splits_apart_are_no_leak(full_inputs: ReportInputs) -> None:
    tables = {**full_inputs.tables, "similarity": full_inputs.tables["similarity"].head(0)}
    leaks = section(report_view(replace(full_inputs, tables=tables)), Section.LEAKS)
    assert leaks.summary.startswith("None: good.")
    one = full_inputs.tables["items"].assign(split="train")
    tables = {**full_inputs.tables, "items": one}
    anchors = [s.anchor for s in report_view(replace(full_inputs, tables=tables)).sections]
    assert Section.LEAKS not in anchors


def test_contradicting_labels_are_alike_pairs_only(view: ReportView) -> None:
    labels = section(view, Section.LABELS)
    assert labels.label_count == 3
    assert sum(labels.bars.values) == 54
    shown = {(pair.first.id, pair.second.id) for pair in labels.pairs.entries}
    assert (13, 14) in shown
    assert (2, 3) not in shown, "less alike than cc_threshold"
    assert "bird\\u202e" in [name for name, _ in labels.rows]


def test_differing_ignores_what_has_no_value() -> None:
    pairs = pd.DataFrame({"from": [0, 0, 1], "to": [1, 2, 2], "similarity": [0.9, 1.0, 0.95]})
    across = differing(pairs, pd.Series({0: "a", 1: "b"}))
    assert across[["from", "first", "second"]].values.tolist() == [[0, "a", "b"]]


def test_videos_are_counted_and_paired(view: ReportView, planted: Any) -> None:
    videos = section(view, Section.VIDEOS)
    assert [(video["name"].base, video["size"]) for video in videos.videos.entries] == [
        ("one.mp4", "5\u00a0frames"), ("two <b>.mp4", "4\u00a0frames"),
    ]  # fmt: skip
    pair = videos.pairs.entries[0]
    assert [image.id for image in pair["images"]] == [planted.component[0], planted.component[5]]
    assert (pair["first_shared"], pair["components"]) == ("5 of 5\u00a0frames", 1)
    component = section(view, Section.COMPONENTS).components.entries[0]
    assert [(name.base, frames) for name, frames in component["videos"]] == [
        ("one.mp4", 5), ("two <b>.mp4", 4),
    ]  # fmt: skip


def test_crops_of_frames_are_counted_as_whole_frames_are(full_inputs: ReportInputs) -> None:
    items = full_inputs.tables["items"].copy()
    frames = items["filename"].str.contains("#t=")
    items.loc[frames, "filename"] += "&xywh=0,0,40,50"
    summary = full_inputs.summary.model_copy(update={"sources": 64})
    tables = {**full_inputs.tables, "items": items}
    videos = section(
        report_view(replace(full_inputs, summary=summary, tables=tables)), Section.VIDEOS
    )
    assert [(video["name"].base, video["size"]) for video in videos.videos.entries] == [
        ("one.mp4", "5\u00a0crops"), ("two <b>.mp4", "4\u00a0crops"),
    ]  # fmt: skip
    assert videos.pairs.entries[0]["first_shared"] == "5 of 5\u00a0crops"


def test_crops_stand_least_sure_first(view: ReportView) -> None:
    found = section(view, Section.CROPS)
    assert found.crops.total == 60
    assert [crop["image"].id for crop in found.crops.entries[:3]] == [0, 1, 2]
    assert found.crops.entries[0]["text"] == "read </bdi> this"
    assert "at 5, 6" in found.crops.entries[0]["box"]
    titles = [chart.title for chart in found.figures]
    assert titles == ["Shorter side of crops", "How sure the detector is", "Crops of each class"]


def test_extremes_are_the_ends(view: ReportView, full_inputs: ReportInputs) -> None:
    stats = full_inputs.tables["stats"].set_index("id")
    lowest = section(view, Section.LOW_CONTRAST).gallery.entries[0][0].id
    assert lowest == stats["contrast"].idxmin()
    smallest = section(view, Section.TINY).gallery.entries[0][0].id
    assert stats.loc[smallest, "height"] == stats["height"].min()
    longest = section(view, Section.ASPECT_RATIO).gallery.entries[0][0].id
    assert stats.loc[longest, "height"] == stats["height"].min()


def test_changes_compare_with_the_last_run(view: ReportView) -> None:
    rows = {row["number"].title: row for row in section(view, Section.CHANGES).changes}
    assert (rows["Invalid files"]["difference"], rows["Invalid files"]["kind"]) == ("+3", "worse")
    assert rows["Blurry"]["before"] == "not measured"
    assert rows["Blurry"]["kind"] == "same"
    assert rows["Images"]["kind"] == "same"
    assert "Passed with warnings" in section(view, Section.CHANGES).summary


def test_first_run_has_nothing_to_compare_with(full_inputs: ReportInputs) -> None:
    assert changes(full_inputs.summary, ()) is None


def test_history_ends_with_this_run(view: ReportView, full_inputs: ReportInputs) -> None:
    found = section(view, Section.HISTORY)
    assert [run["run_id"] for run in found.runs] == [full_inputs.record.run_id, "run-<2>", "run-1"]
    lines = {line.title: line for line in found.lines}
    assert lines["Images"].values == (70, 64, 64)
    assert lines["Blurry"].values[1] is None
    assert lines["Invalid files"].values == (9 / 70, 1 / 64, 4 / 64)


def test_long_histories_show_the_latest(
    full_inputs: ReportInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RUNS", 2)
    found = section(report_view(full_inputs), Section.HISTORY)
    assert [len(found.runs), found.run_count] == [2, 3]
    assert all(len(line.values) == 2 for line in found.lines)


def test_facts_are_those_of_the_tables(view: ReportView, full_inputs: ReportInputs) -> None:
    keys = view.facts.keys
    row = dict(zip(keys, view.facts.rows([10])[0], strict=True))
    stats = full_inputs.tables["stats"].set_index("id").loc[10]
    assert row["id"] == 10
    assert row["copies"] == 3
    assert row["width"] == stats["width"]
    assert row["sharpness"] == pytest.approx(stats["sharpness"], rel=1e-4)
    assert row["label"] is None
    outlier = dict(zip(keys, view.facts.rows([0])[0], strict=True))
    assert outlier["score"] == 6
    assert outlier["nearest_similarity"] == 0.2
    invalid = dict(zip(keys, view.facts.rows([61])[0], strict=True))
    assert invalid["status"] == "truncated"
    assert invalid["width"] is None


def test_run_tells_what_came_from_the_store(view: ReportView) -> None:
    run = section(view, Section.RUN)
    assert [stage["result"] for stage in run.stages] == [
        "computed", "computed", "taken from an earlier run",
    ]  # fmt: skip
    assert "32" in run.reused_summary


def test_counts_that_were_not_measured_are_no_zeros(full_inputs: ReportInputs) -> None:
    counts = full_inputs.summary.counts.model_copy(
        update={"dark": None, "bright": None, "blurry": None}
    )
    summary = full_inputs.summary.model_copy(update={"counts": counts})
    overview = section(report_view(replace(full_inputs, summary=summary)), Section.OVERVIEW)
    tiles = {tile["label"]: tile for tile in overview.tiles}
    assert tiles["Dark"]["number"] is None
    assert tiles["Dark"]["note"] == "not measured"


def test_many_categories_end_in_others() -> None:
    words = dict.fromkeys(("figure_id", "title", "axis", "counts", "summary", "reading"), "")
    bars = make_bars([(str(n), 100 - n) for n in range(limits.BARS + 5)], **words)
    assert len(bars.labels) == limits.BARS + 1
    assert bars.labels[-1] == "5 others"
    assert sum(bars.values) == int(np.sum(100 - np.arange(limits.BARS + 5)))
