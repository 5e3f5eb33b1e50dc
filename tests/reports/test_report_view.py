"""What the report says, without HTML: the planted truth comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from imgvet.metrics import ADVANCED_METRICS, BASIC_METRICS, FLAGS, Flag
from imgvet.reports import limits
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.view.images import common_folder, name_of, split_name
from imgvet.reports.view.index import VERDICTS
from imgvet.reports.view.pairs import exact_groups, near_pairs
from imgvet.reports.view.report import ReportView, report_view
from imgvet.reports.view.run import entries
from imgvet.sections import Section
from imgvet.summary import Verdict
from support.report_sections import section


@pytest.fixture(scope="module")
def view(inputs: ReportInputs) -> ReportView:
    return report_view(inputs)


def with_tables(inputs: ReportInputs, **tables: pd.DataFrame) -> ReportInputs:
    return replace(inputs, tables={**inputs.tables, **tables})


def metrics_of(view: ReportView) -> dict[str, Any]:
    """What the statistics say, by metric."""
    groups = section(view, Section.STATISTICS).groups
    return {entry["metric"].name: entry for _, entries in groups for entry in entries}


ALWAYS = {
    Section.OVERVIEW, Section.CHECKS, Section.DUPLICATES, Section.COMPONENTS, Section.OUTLIERS,
    Section.STATISTICS, Section.DARK, Section.BRIGHT, Section.BLURRY, Section.INVALID, Section.RUN,
}  # fmt: skip


def test_sections_stand_in_order_and_each_says_something(full_inputs: ReportInputs) -> None:
    found = report_view(full_inputs)
    assert [part.anchor for part in found.sections] == list(Section)
    assert all(part.summary and part.anchor.heading for part in found.sections)


def test_sections_that_a_run_has_not_are_left_out(view: ReportView) -> None:
    anchors = {found.anchor for found in view.sections}
    assert anchors >= ALWAYS
    assert not anchors & {Section.MAP, Section.VIDEOS, Section.CROPS, Section.LABELS,
                          Section.LEAKS, Section.HISTORY, Section.CHANGES}  # fmt: skip


def test_pages_hold_every_section_once(full_inputs: ReportInputs) -> None:
    pages = report_view(full_inputs).pages
    assert pages[0].name == "index.html"
    anchors = [part.anchor for page in pages for part in page.sections]
    assert sorted(anchors) == sorted(Section)
    assert all(part.anchor.page == page.name for page in pages for part in page.sections)


def test_sections_without_content_stay_and_say_so(clean_inputs: ReportInputs) -> None:
    clean = report_view(clean_inputs)
    assert {found.anchor for found in clean.sections} == ALWAYS
    assert all(found.summary for found in clean.sections)
    assert not clean.digests
    assert not [page for page in clean.pages if page.charts]
    assert "run_cc" in section(clean, Section.COMPONENTS).summary
    assert "run_stats" in section(clean, Section.STATISTICS).summary
    assert section(clean, Section.DARK).summary.startswith("Not known")


def test_missing_tables_are_as_good_as_empty_ones(inputs: ReportInputs) -> None:
    bare = replace(inputs, tables={"items": inputs.tables["items"]})
    assert {found.anchor for found in report_view(bare).sections} == ALWAYS


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdict_is_a_word(inputs: ReportInputs, verdict: Verdict) -> None:
    summary = inputs.summary.model_copy(update={"verdict": verdict})
    overview = section(report_view(replace(inputs, summary=summary)), Section.OVERVIEW)
    assert overview.heading == VERDICTS[verdict]
    assert "1 passed, 2 failed, 1 could not be computed" in overview.explanation


def test_tiles_hold_the_counts(view: ReportView, inputs: ReportInputs) -> None:
    counts = inputs.summary.counts
    tiles = {tile["label"]: tile["number"] for tile in section(view, Section.OVERVIEW).tiles}
    assert tiles == {
        "Images": counts.images,
        "Invalid files": counts.invalid,
        "Surplus copies": counts.exact_duplicate_surplus,
        "Near duplicates": counts.near_duplicate_images,
        "In components": counts.component_images,
        "Outliers": counts.outliers,
        "Dark": counts.dark,
        "Bright": counts.bright,
        "Blurry": counts.blurry,
    }


def test_next_steps_quote_the_work_dir(view: ReportView) -> None:
    code = [code for _, _, code in section(view, Section.OVERVIEW).commands]
    assert code[:2] == ["imgvet explore 'my results'", "imgvet summary 'my results'"]
    assert "imgvet.create(work_dir='my results')" in code[2]
    assert "dataset.invalid_instances()" in code[2]


def test_next_steps_look_only_where_something_is(clean_inputs: ReportInputs) -> None:
    overview = section(report_view(clean_inputs), Section.OVERVIEW)
    assert not overview.looks
    assert "dataset.img_stats()" in overview.commands[-1][2]


def test_checks_keep_order_and_states(view: ReportView, inputs: ReportInputs) -> None:
    checks = section(view, Section.CHECKS).checks
    assert tuple(check["result"] for check in checks) == inputs.checks
    assert checks[1]["section"] is Section.INVALID
    assert len(checks[1]["examples"]) == limits.EXAMPLES
    assert checks[1]["more_examples"] == 8 - limits.EXAMPLES
    assert checks[3]["section"] is None


def test_exact_groups_are_those_planted(
    view: ReportView, inputs: ReportInputs, planted: Any
) -> None:
    found = exact_groups(inputs.tables["items"])
    assert [tuple(group) for group in found] == list(planted.exact_groups)
    groups = section(view, Section.DUPLICATES).groups.entries
    assert [(group["image"].id, group["copies"]) for group in groups] == [(10, 3), (13, 2)]
    assert [item.name.base for item in groups[1]["members"]] == ["photo_0013.jpg", "photo_0014.jpg"]


def test_invalid_copies_are_no_duplicates(inputs: ReportInputs) -> None:
    items = inputs.tables["items"].assign(status="truncated")
    assert exact_groups(items) == []


def test_near_pairs_are_those_planted(view: ReportView, planted: Any) -> None:
    pairs = section(view, Section.DUPLICATES).pairs.entries
    shown = [(pair.first.id, pair.second.id, float(pair.similarity)) for pair in pairs]
    assert shown == list(planted.near_pairs)
    assert {"bytes", "folder", "name"} <= {trait for trait, _, _ in pairs[0].differences}
    assert all(one != other for trait, one, other in pairs[0].differences if trait != "bytes")


def test_near_pairs_respect_the_threshold(inputs: ReportInputs) -> None:
    items, pairs = inputs.tables["items"], inputs.tables["similarity"]
    assert len(near_pairs(items, pairs, 0.95)) == 2
    assert near_pairs(items, pairs.head(0), 0.9).empty


def test_pair_says_only_what_differs(inputs: ReportInputs) -> None:
    items = inputs.tables["items"].copy()
    first = items.loc[items["id"] == 20, "filename"].item()
    items.loc[items["id"] == 21, ["filename", "file_size"]] = [first, 22_000]
    stats = inputs.tables["stats"].assign(height=400)
    pair = section(
        report_view(with_tables(inputs, items=items, stats=stats)), Section.DUPLICATES
    ).pairs.entries[0]
    assert [trait for trait, _, _ in pair.differences] == ["bytes"]


def test_component_starts_with_its_representative(view: ReportView, planted: Any) -> None:
    shown = section(view, Section.COMPONENTS).components
    assert shown.total == 1
    component = shown.entries[0]
    assert component["images"][0].id == planted.component[4]
    assert {image.id for image in component["images"]} == set(planted.component)
    assert component["hidden"] == 0
    assert component["range"] == "0.961 to 0.990"


def test_outliers_stand_beside_their_neighbour(view: ReportView, planted: Any) -> None:
    outliers = section(view, Section.OUTLIERS).outliers.entries
    assert tuple(outlier["image"].id for outlier in outliers) == planted.outliers
    assert {outlier["nearest"].id for outlier in outliers} == {45}
    assert [outlier["stands_out"] for outlier in outliers] == [True, True, False]


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_flag_galleries_show_the_planted_images_worst_first(
    view: ReportView, planted: Any, flag: Flag
) -> None:
    gallery = section(view, Section(flag.name)).gallery
    assert tuple(image.id for image, _ in gallery.entries) == getattr(planted, flag.name)
    assert gallery.total == len(getattr(planted, flag.name))


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_marked_bars_and_gallery_agree(view: ReportView, planted: Any, flag: Flag) -> None:
    bins = metrics_of(view)[flag.metric]["histogram"].bins
    assert sum(entry.count for entry in bins if entry.flagged) == len(getattr(planted, flag.name))


def test_statistics_show_what_was_measured(view: ReportView, inputs: ReportInputs) -> None:
    assert set(metrics_of(view)) == {metric.name for metric in BASIC_METRICS}
    stats = inputs.tables["stats"].assign(**{metric.name: 0.5 for metric in ADVANCED_METRICS})
    more = report_view(with_tables(inputs, stats=stats))
    assert set(metrics_of(more)) > set(metrics_of(view))
    fewer = report_view(with_tables(inputs, stats=stats.drop(columns=["sharpness", "width"])))
    assert not set(metrics_of(fewer)) & {"sharpness", "width"}
    assert section(fewer, Section.BLURRY).summary.startswith("Not known")


def test_a_metric_of_one_value_has_words_and_no_figure(view: ReportView) -> None:
    depth = metrics_of(view)["bit_depth"]
    assert depth["histogram"] is None
    assert depth["summary"].replace("\u00a0", " ") == "All 60 images: 8 bits."


def test_a_metric_of_few_values_counts_them(inputs: ReportInputs) -> None:
    stats = inputs.tables["stats"].copy()
    stats.loc[stats["id"] < 12, "channels"] = 1
    channels = metrics_of(report_view(with_tables(inputs, stats=stats)))["channels"]
    assert channels["summary"].replace("\u00a0", " ") == "1 (12 images) and 3 (48 images)."
    assert [entry.count for entry in channels["histogram"].bins] == [12, 0, 48]


def test_every_metric_is_explained(view: ReportView) -> None:
    for entry in metrics_of(view).values():
        labels = [label for label, _ in entry["facts"]]
        assert {"Column", "Unit", "Direction", "Source"} <= set(labels)
        assert entry["metric"].meaning
        assert entry["reading"]


def test_invalid_files_by_reason(view: ReportView) -> None:
    found = section(view, Section.INVALID)
    assert [(reason, files) for reason, files, _ in found.reasons] == [
        ("truncated", "2"), ("empty_file", "1"), ("not_an_image", "1"),
    ]  # fmt: skip
    assert all(meaning for _, _, meaning in found.reasons)
    assert [entry["reason"] for entry in found.files] == [
        "empty_file",
        "truncated",
        "truncated",
        "not_an_image",
    ]


def test_galleries_are_limited_and_say_of_how_many(
    inputs: ReportInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CARDS", "TABLE_ROWS", "COPIES", "COMPONENT_IMAGES"):
        monkeypatch.setattr(limits, name, 1)
    small = report_view(inputs)
    duplicates = section(small, Section.DUPLICATES)
    galleries = (
        (duplicates.groups, 2),
        (duplicates.pairs, 3),
        (section(small, Section.OUTLIERS).outliers, 3),
        (section(small, Section.BLURRY).gallery, 4),
    )
    assert all((len(shown.entries), shown.total) == (1, total) for shown, total in galleries)
    group = duplicates.groups.entries[0]
    assert (len(group["members"]), group["hidden"]) == (1, 2)
    invalid = section(small, Section.INVALID)
    assert (len(invalid.files), invalid.file_count) == (1, 4)
    assert section(small, Section.COMPONENTS).components.entries[0]["hidden"] == 8


def test_digests_are_listed_once(view: ReportView) -> None:
    digests = view.digests
    assert len(set(digests)) == len(digests) > 20


def test_run_tells_parameters_with_dotted_names(view: ReportView) -> None:
    run = section(view, Section.RUN)
    assert ("checks.max_invalid_rate", "0.01") in run.parameters
    assert run.stages[-1]["percent"] == 100.0
    assert (
        "Neighbour search",
        "approximate: 99.3\u00a0% of nearest neighbours were found",
    ) in run.facts
    assert entries({"a": {"b": {"c": [1, None]}}}) == (("a.b.c", "[1, null]"),)


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        ([], ""),
        (["/a/b/c.jpg"], "/a/b/"),
        (["/a/b/c.jpg", "/a/bc/d.jpg"], "/a/"),
        (["s3://bucket/x/1.jpg", "s3://bucket/x/2.jpg"], "s3://bucket/x/"),
        (["C:\\p\\1.jpg", "C:\\p\\q\\2.jpg"], "C:\\p\\"),
        (["one.jpg", "two.jpg"], ""),
    ],
)
def test_common_folder(names: list[str], folder: str) -> None:
    assert common_folder(names) == folder


def test_names_are_short_and_whole(hostile_files: list[str]) -> None:
    for filename in [*hostile_files, "x", "a/", "a\\b.png"]:
        folder, base = split_name(filename)
        assert folder + base == filename
        name = name_of(filename)
        assert 0 < len(name.base) <= limits.BASE_LENGTH
        assert len(name.folder) <= limits.FOLDER_LENGTH
        assert "\n" not in name.whole
