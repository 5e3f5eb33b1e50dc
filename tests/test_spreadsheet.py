"""CSV: no cell is a formula, everything comes back, and there is one place that writes it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.spreadsheet import csv_bytes, inert, read_csv
from support.sources import calls

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
names = text | st.sampled_from(["=1+1", "'=a", "''", "a\r\nb", "\r", "-x", "+y", "@z", '"', ";"])


@given(rows=st.lists(st.lists(names, min_size=2, max_size=2).filter(any), max_size=6))
def test_text_comes_back_and_is_no_formula(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(csv_bytes(pd.DataFrame(rows, columns=["a", "b"], dtype=str), to_edit=True))
    assert read_csv(path, ["a", "b"]).to_numpy().tolist() == rows
    cells = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    active = [cell for row in cells for cell in row if cell.startswith(tuple("=+-@\t\r"))]
    for cell in active:
        float(cell)  # a number is no formula; anything else raises


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_spreadsheets_save_is_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "plan.csv"
    text = delimiter.join(["Action", "name"]) + "\r\n" + delimiter.join(["keep", '"a,\nb"'])
    path.write_text(text + "\r\n\r\n", encoding=encoding, newline="")
    assert read_csv(path, ["action"]).to_dict("records") == [{"action": "keep", "name": "a,\nb"}]


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-a", "@x", "\t=1", "\r", "\uff1d1", "'quoted"])
def test_what_a_spreadsheet_might_compute_is_inert(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["dog", "", "-1", "+2.5e3", "a=b", "/x/=y.jpg"])
def test_numbers_and_plain_texts_stay(text: str) -> None:
    assert inert(text) == text


def test_every_column_of_texts_is_safe_and_lists_stay_out() -> None:
    table = pd.DataFrame(
        {
            "=name": ["=1", None],
            "kind": pd.Categorical(["@a", "b"]),
            "count": pd.array([-1, None], "Int64"),
            "share": [0.25, float("nan")],
            "box": [[1.0], None],
        }
    )
    written = csv_bytes(table).decode()
    assert written == '"\'=name","kind","count","share"\n"\'=1","\'@a",-1,0.25\n,"b",,\n'
    assert csv_bytes(pa.Table.from_pandas(table)).decode() == written


def test_there_is_one_place_that_writes_csv() -> None:
    """But for names of embeddings in the store, which no person opens."""
    writers = {path for path, name, _ in calls() if name in ("to_csv", "write_arrow", "writer")}
    assert writers == {"imgvet/spreadsheet.py", "imgvet/embedding/user_embeddings.py"}
