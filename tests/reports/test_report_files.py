"""The report as one file, and its tables as CSV."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from imgvet.curation.decisions import Decision, Decisions, Kind
from imgvet.reports import data, limits
from imgvet.reports.build import build_report, build_single_file
from imgvet.reports.inputs import ReportInputs
from imgvet.sections import Section
from imgvet.tables import OUTLIERS, conform, to_frame
from support.report_sections import section, words


@pytest.fixture(scope="module")
def single(full_inputs: ReportInputs, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report as one file."""
    file = build_single_file(full_inputs, tmp_path_factory.mktemp("sent") / "report.html")
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]
    return file.read_text("utf-8")


def test_one_file_has_all_sections_but_the_map(single: str) -> None:
    sections = re.findall(r'<section id="([a-z-]+)"', single)
    assert sections == [section for section in Section if section in sections]
    assert {*Section} - {*sections} == {Section.MAP}
    assert len(re.findall("<h1", single)) == 1


def test_beside_every_table_of_a_page_is_a_file(full_inputs: ReportInputs, tmp_path: Path) -> None:
    folder = build_report(full_inputs, tmp_path / "report").parent
    for page in folder.glob("*.html"):
        for part in page.read_text("utf-8").split("<section ")[1:]:
            tables = re.findall(r'<table(?! class="shares")', part)
            files = set(re.findall(r'href="(tables/[^"]+\.csv)"', part))
            assert bool(tables) <= bool(files), (page.name, part[:40])
            assert all(len(pd.read_csv(folder / file)) for file in files), files


def test_labels_are_counted_by_class_and_two_by_two(
    full_inputs: ReportInputs, tmp_path: Path
) -> None:
    folder = build_report(full_inputs, tmp_path / "report").parent / "tables"
    items = full_inputs.tables["items"]
    valid = items[items["status"] == "ok"].dropna(subset="label")
    classes = pd.read_csv(folder / "labels.csv").set_index("label")
    pd.testing.assert_series_equal(
        classes["images"].sort_index(), valid["label"].value_counts().sort_index(),
        check_names=False, check_index_type=False,
    )  # fmt: skip
    assert (classes["in test"] + classes["in train"]).equals(classes["images"])
    issues = full_inputs.tables["label_issues"]
    wrong = issues.loc[issues["is_issue"].astype(bool), "label"].value_counts()
    assert classes["label issues"][wrong.index].tolist() == wrong.tolist()
    assert classes["label issues"].sum() == wrong.sum() > 0
    crossings, label, digest = (
        pd.read_csv(folder / "label_pairs.csv"),
        *(items.set_index("id")[name] for name in ("label", "digest")),
    )
    expected: dict[tuple[str, str], int] = {}
    for one, other in full_inputs.tables["similarity"][["from", "to"]].to_numpy().tolist():
        both = [label[one], label[other]]
        if digest[one] != digest[other] and all(isinstance(name, str) for name in both):
            key = (min(both), max(both))
            expected[key] = expected.get(key, 0) + 1
    rows = crossings.itertuples(index=False)
    assert {(one, other): pairs for one, other, pairs in rows} == expected
    assert sum(expected.values()) > 1


def test_labels_with_most_pairs_are_shown(
    full_inputs: ReportInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLASSES", 1)
    items, pairs = full_inputs.tables["items"].copy(), full_inputs.tables["similarity"]
    known = items.set_index("id")["digest"]
    near = pairs[pairs["from"].map(known).to_numpy() != pairs["to"].map(known).to_numpy()]
    # A label that comes last by its letters is that of an image of each pair, any other of one.
    items["label"] = [f"label {number}" for number in items["id"]]
    items.loc[items["id"].isin(near["to"]), "label"] = "zebra"
    run = replace(full_inputs, tables={**full_inputs.tables, "items": items})
    assert len(near) > 1
    assert section(run, Section.LABELS).crossings["labels"] == ["zebra"]


def test_what_was_decided_is_no_finding_any_more(full_inputs: ReportInputs) -> None:
    digests = full_inputs.tables["items"].set_index("id")["digest"]
    before = section(full_inputs, Section.DUPLICATES).pairs
    first = before["entries"][0]
    issue = section(full_inputs, Section.LABELS).issues["entries"][0]
    decisions = Decisions(
        all=(
            Decision(Kind.KEEP_RIGHT, digests[first["second"].id], digests[first["first"].id]),
            Decision(Kind.LABEL_IS_RIGHT, digests[issue["id"]]),
        )
    )
    decided = replace(full_inputs, decisions=decisions)
    pairs = section(decided, Section.DUPLICATES).pairs
    assert (pairs["total"], pairs["decided"]) == (before["total"] - 1, 1)
    assert first["first"] not in [entry["first"] for entry in pairs["entries"]]
    assert "1 more pair was decided on" in words(decided, Section.DUPLICATES)
    labels = section(decided, Section.LABELS)
    shown = [entry["id"] for entry in labels.issues["entries"]]
    assert issue["id"] not in shown
    assert labels.decided >= 1


def test_what_was_decided_is_no_next_step(full_inputs: ReportInputs, inputs: ReportInputs) -> None:
    digests = full_inputs.tables["items"].set_index("id")["digest"].dropna()
    pairs = full_inputs.pairs.of("all")[["from", "to"]].to_numpy()
    labels = (Decision(Kind.LABEL_IS_RIGHT, one) for one in digests)
    both = (Decision(Kind.KEEP_BOTH, digests[one], digests[other]) for one, other in pairs)
    copies = (Decision(Kind.KEEP_BOTH, one, one) for one in digests)
    decisions = Decisions(all=(*labels, *both, *copies))
    for run, steps in ((full_inputs, ["Keep in one split", ": Labels", "near pair"]),
                       (inputs, ["exact copies", "near pair"])):  # fmt: skip
        told = [words(one, Section.OVERVIEW).partition("What to do next")[2]
                for one in (run, replace(run, decisions=decisions))]  # fmt: skip
        assert [[step in one for step in steps] for one in told] == [
            [True] * len(steps), [False] * len(steps)
        ]  # fmt: skip
    kept = words(replace(inputs, decisions=decisions), Section.DUPLICATES)
    assert "2 more groups were decided on" in kept
    assert "Keep the first" not in kept


def test_a_label_counts_its_copies_of_images_without_one(full_inputs: ReportInputs) -> None:
    items = full_inputs.tables["items"].copy()
    copies = items["digest"].duplicated()
    assert copies.any()
    items["label"] = items["label"].fillna("cat").mask(copies)
    run = replace(full_inputs, tables={**full_inputs.tables, "items": items})
    labels = section(run, Section.LABELS)
    place = labels.classes["columns"].index("exact copies")
    assert sum(row[place] for row in labels.classes["data"]) == items["digest"][copies].nunique()


def test_figures_leave_out_pairs_that_the_run_did_not_count(full_inputs: ReportInputs) -> None:
    similarity = full_inputs.tables["similarity"]
    none = {**full_inputs.tables, "similarity": similarity.assign(decided=True)}
    decided = replace(full_inputs, tables=none)
    assert section(full_inputs, Section.DUPLICATES).histogram
    assert section(decided, Section.DUPLICATES).histogram is None
    labels = section(decided, Section.LABELS)
    assert labels.crossings is None
    assert not any(row[labels.classes["columns"].index("near duplicates")]
                   for row in labels.classes["data"])  # fmt: skip


def test_one_file_leads_nowhere_else(single: str) -> None:
    page = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", single, flags=re.S)
    links = set(re.findall(r'(?:href|src)="([^"]*)"', page))
    anchors = {link[1:] for link in links if link.startswith("#")} - {""}
    assert {link for link in links if not link.startswith("#")} == {"data:,"}
    assert all(f'id="{anchor}"' in page for anchor in anchors)
    assert "outliers" in anchors


def test_each_picture_is_there_once(single: str, full_inputs: ReportInputs) -> None:
    wanted = set(re.findall(r'data-picture="([0-9a-f]+)"', single))
    written = re.findall(r'"([0-9a-f]{32})":"data:image/jpeg;base64,', single)
    assert sorted(written) == sorted(wanted)
    assert len(wanted) > 20


def test_tables_are_csv_with_the_names_of_their_images(
    full_inputs: ReportInputs, tmp_path: Path
) -> None:
    outliers = full_inputs.tables["outliers"].assign(by=["both", "score", "share"])
    outliers.loc[1, "nearest"] = None
    tables = {**full_inputs.tables, "outliers": to_frame(conform(outliers, OUTLIERS))}
    run = replace(full_inputs, tables=tables)
    build_report(run, tmp_path / "report")
    written = pd.read_csv(tmp_path / "report" / "tables" / "outliers.csv")
    items = full_inputs.tables["items"].set_index("id")
    assert written["by"].tolist() == ["both", "score", "share"]
    for end, ids in (("", written["id"]), ("_nearest", written["nearest"])):
        for name in ("filename", "label", "split"):
            expected = ids.map(items[name]).fillna("")
            assert written[f"{name}{end}"].fillna("").tolist() == expected.tolist()
    for name in ("items", "stats", "similarity", "components", "invalid", "crops", "video_pairs"):
        rows = pd.read_csv(tmp_path / "report" / "tables" / f"{name}.csv")
        assert len(rows) == len(run.tables[name])
    links = (tmp_path / "report" / "outliers.html").read_text("utf-8")
    assert 'href="tables/outliers.csv"' in links


def test_tables_of_a_million_rows_are_written_a_part_at_a_time(
    full_inputs: ReportInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for rows in (2, 100_000):
        folder = tmp_path / str(rows) / data.TABLES
        folder.mkdir(parents=True)
        monkeypatch.setattr(data, "ROWS_AT_ONCE", rows)
        data.write_tables((), full_inputs, folder.parent)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert written[0]["items.csv"].count(b'"id","filename"') == 1
