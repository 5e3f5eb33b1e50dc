"""Class probabilities that a person's model gave to images that it had not been trained on.

A csv or parquet file has a column ``filename`` and one for each label, called as the label, with
numbers from 0 to 1 whose sum is 1 in each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from imgvet.annotations.match import places_of
from imgvet.annotations.schema import refuse
from imgvet.errors import (
    InputNotFoundError,
    InputUnreadableError,
    InvalidParameterError,
    StaleReferenceError,
    failing_as,
)
from imgvet.format import counted, examples
from imgvet.parameters import Frozen
from imgvet.store.references import digest_file

_FORM = "Give a csv or parquet file with a column filename and one of probabilities for each label"
_SUM_TOLERANCE = 0.01


class ProbabilitiesReference(Frozen):
    """Probabilities that were read and found good, as an input of a stage."""

    path: str
    digest: str
    inputs: tuple[str, ...]
    """Those of the run, which file names may be relative to."""

    def load(self, filenames: Sequence[str]) -> pd.DataFrame:
        """Those of these files, a row each in their order, NaN where there are none.

        InvalidParameterError as :func:`imgvet.annotations.match.places_of`, StaleReferenceError if
        the file was changed since.
        """
        if digest_file(Path(self.path)) != self.digest:
            raise StaleReferenceError(f"{self.path} was changed during the run", "Run again")
        given = read_probabilities(self.path)
        files = list(dict.fromkeys(filenames))
        given.index = pd.Index(places_of(given.index.tolist(), files, self.inputs, self.path))
        return given.reindex(range(len(files))).set_axis(files).loc[list(filenames)]


def probabilities_at(path: str, inputs: tuple[str, ...]) -> ProbabilitiesReference:
    """The probabilities in a file, read to see that they are good; raises as the reader."""
    file = Path(path).expanduser().absolute()
    read_probabilities(str(file))
    return ProbabilitiesReference(path=str(file), digest=digest_file(file), inputs=inputs)


def read_probabilities(path: str) -> pd.DataFrame:
    """Probabilities by file name, float64, a column for each label.

    InputNotFoundError if there is no file, InputUnreadableError if it is neither csv nor Parquet,
    InvalidParameterError if columns or values are not as they should be.
    """
    file = Path(path)
    if not file.is_file():
        raise InputNotFoundError(f"The probabilities {path} do not exist", _FORM)
    wrong = (OSError, ValueError, pa.ArrowException)
    with failing_as(InputUnreadableError, f"{path} can't be read", _FORM, *wrong):
        with file.open("rb") as stream:
            is_parquet = stream.read(4) == b"PAR1"
        table = pd.read_parquet(file) if is_parquet else pd.read_csv(file, dtype={"filename": str})
    return checked(table, path)


def checked(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """A table with a column ``filename`` as probabilities by it; raises as the reader."""
    if "filename" not in table or len(table.columns) < 3:
        problem = f"columns {examples(list(table.columns))}, not filename and those of two labels"
        raise InvalidParameterError(f"{source} has the {problem}", _FORM)
    given = table.set_index("filename").rename(columns=str)
    twice = given.index[given.index.duplicated() | given.index.isna()].tolist()
    problem = f"{counted(len(twice), 'row')} of {source} that name no file or one that another row "
    refuse(twice, f"{problem}names", "Name each file once")
    numbers = given.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    outside = ~((numbers >= 0) & (numbers <= 1)).all(axis=1)
    outside |= (numbers.sum(axis=1) - 1).abs() > _SUM_TOLERANCE
    wrong = given.index[outside].tolist()
    problem = f"{counted(len(wrong), 'row')} of {source} without probabilities whose sum is 1"
    refuse(wrong, problem, _FORM)
    return numbers
