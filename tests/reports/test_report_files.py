"""The report as one file, and its tables as CSV."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from imgvet.reports.build import build_report, build_single_file
from imgvet.reports.inputs import ReportInputs
from imgvet.sections import Section
from imgvet.tables import OUTLIERS, conform, to_frame


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
