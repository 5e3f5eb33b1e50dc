"""Class probabilities of a person's model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from imgvet.annotations.probabilities import probabilities_at, read_probabilities
from imgvet.engine.values import as_files
from imgvet.errors import (
    ImgvetError,
    InputNotFoundError,
    InvalidParameterError,
    StaleReferenceError,
)

CSV = "filename,cat,7\ncats/1.jpg,0.9,0.1\n/data/dogs/2.jpg,0.25,0.75\nelsewhere.jpg,0.5,0.5\n"
FILES = ["/data/dogs/2.jpg", "/data/cats/1.jpg", "/data/3.jpg", "/data/cats/1.jpg"]


def test_they_are_matched_to_files_as_annotations_are(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(CSV)
    found = probabilities_at(str(tmp_path / "p.csv"), ("/data",)).load(FILES)
    assert found["cat"].fillna(-1).tolist() == [0.25, 0.9, -1, 0.9]
    assert found["7"].fillna(-1).tolist() == [0.75, 0.1, -1, 0.1]


def test_a_frame_from_python_is_kept_as_a_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"cat": [0.9], "dog": [0.1]}, index=["1.jpg"])
    given = as_files({"probabilities": frame}, tmp_path)
    assert read_probabilities(given["probabilities"]).loc["1.jpg"].tolist() == [0.9, 0.1]
    again = as_files({"probabilities": frame.reset_index(names="filename")}, tmp_path)
    assert again == given


def test_a_file_that_changed_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(CSV)
    given = probabilities_at(str(tmp_path / "p.csv"), ())
    (tmp_path / "p.csv").write_text(CSV.replace("0.9,0.1", "0.8,0.2"))
    with pytest.raises(StaleReferenceError):
        given.load(FILES)


@pytest.mark.parametrize(
    ("text", "problem", "kind"),
    [
        ("name,cat,dog\n1.jpg,1,0\n", "columns 'name', 'cat', 'dog'", InvalidParameterError),
        ("filename,cat\n1.jpg,1\n", "those of two labels", InvalidParameterError),
        ("filename,cat,dog\n1.jpg,0.9,0.9\n", "sum is 1", InvalidParameterError),
        ("filename,cat,dog\n1.jpg,2,-1\n", "sum is 1", InvalidParameterError),
        ("filename,cat,dog\n1.jpg,yes,0\n", "sum is 1", InvalidParameterError),
        ("filename,cat,dog\n1.jpg,,\n", "sum is 1", InvalidParameterError),
        ("filename,cat,dog\n1.jpg,1,0\n1.jpg,1,0\n", "another row names", InvalidParameterError),
        ("", "can't be read", ImgvetError),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(
    text: str, problem: str, kind: type[ImgvetError], tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(kind, match=problem):
        probabilities_at(str(tmp_path / "p.csv"), ())


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputNotFoundError):
        probabilities_at("nowhere.csv", ())
