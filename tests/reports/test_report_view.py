"""What the report shows and says: the planted truth comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from imgvet.format import visible
from imgvet.metrics import ADVANCED_METRICS, BASIC_METRICS, FLAGS, Flag
from imgvet.reports import limits
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.report import pages_of
from imgvet.reports.sections.run import entries
from imgvet.reports.text import base, folder, split_name
from imgvet.sections import Section
from imgvet.summary import Verdict
from support.report_sections import anchors, section, words


def with_tables(inputs: ReportInputs, **tables: pd.DataFrame) -> ReportInputs:
    return replace(inputs, tables={**inputs.tables, **tables})


def metrics_of(inputs: ReportInputs) -> dict[str, Any]:
    """What the statistics say, by metric."""
    groups = section(inputs, Section.STATISTICS).groups
    return {entry["metric"].name: entry for _, entries in groups for entry in entries}


ALWAYS = {
    Section.OVERVIEW, Section.CHECKS, Section.DUPLICATES, Section.COMPONENTS, Section.OUTLIERS,
    Section.STATISTICS, Section.DARK, Section.BRIGHT, Section.BLURRY, Section.INVALID, Section.RUN,
}  # fmt: skip


def test_sections_stand_in_order_and_each_says_something(full_inputs: ReportInputs) -> None:
    assert anchors(full_inputs) == list(Section)
    assert all(len(words(full_inputs, anchor)) > len(anchor.heading) + 20 for anchor in Section)


def test_sections_that_a_run_has_not_are_left_out(inputs: ReportInputs) -> None:
    found = set(anchors(inputs))
    assert found >= ALWAYS
    assert not found & {Section.MAP, Section.VIDEOS, Section.CROPS, Section.LABELS,
                        Section.LEAKS, Section.HISTORY, Section.CHANGES}  # fmt: skip


def test_pages_hold_every_section_once(full_inputs: ReportInputs) -> None:
    pages = pages_of(full_inputs)
    assert pages[0].name == "index.html"
    assert sorted(anchors(full_inputs)) == sorted(Section)
    assert all(anchor.page == page.name for page in pages for anchor in page.sections)


def test_sections_without_content_stay_and_say_so(clean_inputs: ReportInputs) -> None:
    assert set(anchors(clean_inputs)) == ALWAYS
    assert all(len(words(clean_inputs, one)) > len(one.heading) + 10 for one in ALWAYS)
    assert not [page for page in pages_of(clean_inputs) if page.charts or page.images]
    assert "run_cc" in words(clean_inputs, Section.COMPONENTS)
    assert "run_stats" in words(clean_inputs, Section.STATISTICS)
    assert "Not known" in words(clean_inputs, Section.DARK)


def test_missing_tables_are_as_good_as_empty_ones(inputs: ReportInputs) -> None:
    bare = replace(inputs, tables={"items": inputs.tables["items"]})
    assert set(anchors(bare)) == ALWAYS


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (Verdict.PASSED, "Passed The dataset meets every limit that was set."),
        (Verdict.WARNINGS, "Passed with warnings No critical limit is exceeded"),
        (Verdict.FAILED, "Failed At least one critical limit is exceeded."),
        (Verdict.ERRORED, "Undecided At least one check could not be computed"),
    ],
)
def test_verdict_is_a_word(inputs: ReportInputs, verdict: Verdict, told: str) -> None:
    summary = inputs.summary.model_copy(update={"verdict": verdict})
    overview = words(replace(inputs, summary=summary), Section.OVERVIEW)
    assert f"Overview {told}" in overview
    assert (
        "Checks: 1 passed, 2 failed, 1 could not be computed: Few invalid files, Few dark images"
        " and Few bright images." in overview
    ), "critical ones first"


def test_tiles_hold_the_counts(inputs: ReportInputs) -> None:
    overview = words(inputs, Section.OVERVIEW)
    assert overview.split(" What to do next ")[0].endswith(
        "Images 64 60 analysed "
        "Invalid files 4 6.25 % of all files "
        "Surplus copies 3 5 % \u00b7 in 2 groups of exact copies "
        "Near duplicates 6 10 % \u00b7 in 3 pairs "
        "In components 9 15 % \u00b7 1 component, largest 9 "
        "Outliers 3 5 % \u00b7 2 stand out by score "
        "Dark 3 5 % of valid images "
        "Bright 2 3.33 % of valid images "
        "Blurry 4 6.67 % of valid images"
    )


def test_next_steps_quote_the_work_dir(inputs: ReportInputs) -> None:
    overview = words(inputs, Section.OVERVIEW)
    assert "imgvet explore 'my results' " in overview
    assert "imgvet curate plan 'my results' " in overview
    assert "dataset = imgvet.create(work_dir='my results') dataset.invalid_instances() " in overview
    assert "Judge 9 cases of poor light or focus: Dark" in overview


def test_next_steps_look_only_where_something_is(clean_inputs: ReportInputs) -> None:
    overview = words(clean_inputs, Section.OVERVIEW)
    assert "What to do next Search by picture" in overview
    assert "dataset.img_stats()" in overview


def test_checks_keep_order_and_states(inputs: ReportInputs) -> None:
    told = words(inputs, Section.CHECKS)
    places = [told.index(f"{check.state} {check.title} {check.name}") for check in inputs.checks]
    assert places == sorted(places)
    assert told[places[1] : places[2]].endswith("at most 1 % Invalid files ")
    assert f"and {8 - limits.EXAMPLES} more" in told[places[1] : places[2]]
    assert told[places[3] :].endswith("\u2013 at most 2 % \u2013 As a file: checks.csv")


def test_exact_groups_are_those_planted(inputs: ReportInputs, planted: Any) -> None:
    groups = section(inputs, Section.DUPLICATES).groups["entries"]
    shown = [tuple(image.id for image in group["members"]) for group in groups]
    assert shown == list(planted.exact_groups)
    assert [len(group["ids"]) for group in groups] == [3, 2]
    assert base(groups[1]["members"][1].filename) == "photo_0014.jpg"
    assert "You decide" not in words(inputs, Section.DUPLICATES)
    assert "3 copies \u00b7 similarity 1 Keep the first: its name sorts first." in words(
        inputs, Section.DUPLICATES
    )


def test_copies_that_differ_in_label_or_split_are_left_to_a_person(
    full_inputs: ReportInputs,
) -> None:
    told = words(full_inputs, Section.DUPLICATES)
    assert "Of 2 groups you decide:" in told
    assert told.count("You decide: labels and splits differ.") == 2
    assert "photo_0013.jpg label dog & <i>bone</i> \u00b7 split test" in told
    assert "Keep" not in told


def test_invalid_copies_are_no_duplicates(inputs: ReportInputs) -> None:
    items = inputs.tables["items"].assign(status="truncated")
    found = with_tables(inputs, items=items)
    assert section(found, Section.DUPLICATES).groups["total"] == 0


def test_near_pairs_are_those_planted(inputs: ReportInputs, planted: Any) -> None:
    pairs = section(inputs, Section.DUPLICATES).pairs["entries"]
    shown = [(pair["first"].id, pair["second"].id, float(pair["similarity"])) for pair in pairs]
    assert shown == list(planted.near_pairs)


def test_no_listed_pair_is_none(inputs: ReportInputs) -> None:
    none = with_tables(inputs, similarity=inputs.tables["similarity"].head(0))
    assert section(none, Section.DUPLICATES).pairs["total"] == 0


def test_component_starts_with_its_representative(inputs: ReportInputs, planted: Any) -> None:
    shown = section(inputs, Section.COMPONENTS).components
    assert shown["total"] == 1
    component = shown["entries"][0]
    assert component["images"][0].id == planted.component[4]
    assert {image.id for image in component["images"]} == set(planted.component)
    told = words(inputs, Section.COMPONENTS)
    assert "Component 0 9 images \u00b7 similarity 0.961 to 0.990, mean 0.975" in told


def test_outliers_stand_beside_their_neighbour(inputs: ReportInputs, planted: Any) -> None:
    outliers = section(inputs, Section.OUTLIERS).outliers["entries"]
    assert tuple(outlier["image"].id for outlier in outliers) == planted.outliers
    assert {outlier["nearest"].id for outlier in outliers} == {45}
    told = words(inputs, Section.OUTLIERS)
    assert "score 4.0: stands out" in told
    assert told.count("stands out") == 2


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_flag_galleries_show_the_planted_images_worst_first(
    inputs: ReportInputs, planted: Any, flag: Flag
) -> None:
    gallery = section(inputs, Section(flag.name)).gallery
    assert tuple(entry["image"].id for entry in gallery["entries"]) == getattr(planted, flag.name)
    assert gallery["total"] == len(getattr(planted, flag.name))


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_marked_bars_and_gallery_agree(inputs: ReportInputs, planted: Any, flag: Flag) -> None:
    _, marked = metrics_of(inputs)[flag.metric]["histogram"].figure["data"]
    assert sum(marked["y"]) == len(getattr(planted, flag.name))


def test_statistics_show_what_was_measured(inputs: ReportInputs) -> None:
    assert set(metrics_of(inputs)) == {metric.name for metric in BASIC_METRICS}
    stats = inputs.tables["stats"].assign(**{metric.name: 0.5 for metric in ADVANCED_METRICS})
    more = with_tables(inputs, stats=stats)
    assert set(metrics_of(more)) > set(metrics_of(inputs))
    fewer = with_tables(inputs, stats=stats.drop(columns=["sharpness", "width"]))
    assert not set(metrics_of(fewer)) & {"sharpness", "width"}
    assert "Not known: sharpness was not measured." in words(fewer, Section.BLURRY)
    assert Section.TINY not in anchors(fewer)


def test_a_metric_of_one_value_has_words_and_no_figure(inputs: ReportInputs) -> None:
    depth = metrics_of(inputs)["bit_depth"]
    assert depth["histogram"] is None
    assert "Bit depth All 60 images: 8 bits." in words(inputs, Section.STATISTICS)
    one = with_tables(inputs, stats=inputs.tables["stats"].head(1))
    assert "Bit depth 1 image: 8 bits." in words(one, Section.STATISTICS)


def test_a_metric_of_few_values_counts_them(inputs: ReportInputs) -> None:
    stats = inputs.tables["stats"].copy()
    stats.loc[stats["id"] < 12, "channels"] = 1
    few = with_tables(inputs, stats=stats)
    assert "Channels 1 (12 images) and 3 (48 images)." in words(few, Section.STATISTICS)
    assert metrics_of(few)["channels"]["histogram"].numbers["images"].tolist() == [12, 0, 48]


def test_every_metric_is_explained(inputs: ReportInputs) -> None:
    told = words(inputs, Section.STATISTICS)
    metrics = metrics_of(inputs)
    for name in ("Column", "Unit", "Direction", "Source"):
        assert told.count(f" {name} ") >= len(metrics)
    assert "Unit pixels Possible values from 1 Direction descriptive Source image header" in told
    assert "Unit none (a pure number) Possible values from 0 to 1 Direction higher is" in told
    for entry in metrics.values():
        assert entry["metric"].meaning in told
    figures = told.count("Definition")
    assert told.count("Good if") + told.count("No end is good") == figures >= len(metrics)


def test_invalid_files_by_reason(inputs: ReportInputs) -> None:
    found = section(inputs, Section.INVALID)
    assert [(reason, files) for reason, files, _ in found.reasons.rows.itertuples(index=False)] == [
        ("truncated", 2), ("empty_file", 1), ("not_an_image", 1),
    ]  # fmt: skip
    assert all(meaning for meaning in found.reasons.rows["meaning"])
    assert [entry["reason"] for entry in found.files["entries"]] == [
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
    duplicates = section(inputs, Section.DUPLICATES)
    galleries = (
        (duplicates.groups, 2),
        (duplicates.pairs, 3),
        (section(inputs, Section.OUTLIERS).outliers, 3),
        (section(inputs, Section.BLURRY).gallery, 4),
        (section(inputs, Section.INVALID).files, 4),
    )
    for shown, total in galleries:
        assert (len(shown["entries"]), shown["total"]) == (1, total)
    group = duplicates.groups["entries"][0]
    assert (len(group["members"]), len(group["ids"])) == (1, 3)
    assert "and 2 more" in words(inputs, Section.DUPLICATES)
    assert "Component 0 9 images, 1 shown" in words(inputs, Section.COMPONENTS)


def test_run_tells_parameters_with_dotted_names(inputs: ReportInputs) -> None:
    told = words(inputs, Section.RUN)
    assert "checks.max_invalid_rate 0.01" in told
    assert "Neighbour search approximate: 99.31 % of nearest neighbours were found" in told
    given = {"a": {"b": {"c": [1, None]}}, "test_dir": []}
    assert entries(given) == [("a.b.c", "1, null"), ("test_dir", "none")]


def test_an_annotation_without_a_file_leaves_paths_short(inputs: ReportInputs) -> None:
    items = inputs.tables["items"].astype({"filename": object})
    items.loc[items["id"] == 61, ["filename", "status"]] = ["nowhere/gone.jpg", "missing"]
    found = with_tables(inputs, items=items)
    assert "test/ photo_0010.jpg" in words(found, Section.DUPLICATES)
    assert "relative to this folder" in words(found, Section.OVERVIEW)


def test_names_are_short_and_whole(hostile_files: list[str]) -> None:
    for filename in [*hostile_files, "x", "a/", "a\\b.png"]:
        assert "".join(split_name(filename)) == filename
        assert 0 < len(base(filename)) <= limits.BASE_LENGTH
        assert len(folder(filename)) <= limits.FOLDER_LENGTH
        assert "\n" not in visible(filename)
