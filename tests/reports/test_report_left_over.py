"""No page shows a value as a program writes it: no escape, no None, no nan, no bracket."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgvet.reports.build import build_report
from imgvet.reports.inputs import ReportInputs
from support.page_text import left_over


@pytest.fixture
def plain_inputs(full_inputs: ReportInputs) -> ReportInputs:
    """The run with findings of every kind, its hostile names and labels made harmless."""
    tables = {name: table.copy() for name, table in full_inputs.tables.items()}
    for table in tables.values():
        for column in ("filename", "label", "suggested_label"):
            if column in table:
                table[column] = table[column].str.replace(r"[^\w./#= -]", "", regex=True)
    return replace(full_inputs, tables=tables)


def test_every_kind_of_section(plain_inputs: ReportInputs, tmp_path: Path) -> None:
    build_report(plain_inputs, tmp_path)
    assert left_over(tmp_path) == []


def test_a_clean_run(clean_inputs: ReportInputs, tmp_path: Path) -> None:
    items = clean_inputs.tables["items"].assign(filename=["/data/a.jpg", "/data/b.jpg"])
    build_report(replace(clean_inputs, tables={**clean_inputs.tables, "items": items}), tmp_path)
    assert left_over(tmp_path) == []


def test_what_is_left_over_is_seen(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "index.js").write_text(
        r'(globalThis.imgvet ??= {}).images = [[0,"a\\u202e.jpg"]];' + "\n"
    )
    texts = ["458\\xa0kB", "None", "nan %", "[]", "{'a': 1}", "two\\nlines"]
    fine = ["None: good. No pair.", "None recorded.", "banana", "458\xa0kB"]
    page = "".join(f"<p>{text}</p>" for text in (*texts, *fine))
    (tmp_path / "index.html").write_text(f'{page}<img alt="None"><script>let a = []</script>')
    found = [text for _, text in left_over(tmp_path)]
    assert found == [*texts, "None", "a\\u202e.jpg"]
