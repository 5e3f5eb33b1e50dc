"""The task that looks pictures up in a finished run."""

from __future__ import annotations

import os

import pandas as pd
from prefect.artifacts import create_markdown_artifact

from imgvet.foreign import as_markdown
from imgvet.opening import edited
from imgvet.options import RunOptions
from imgvet.search.against import LookUpOptions, in_short, look_up
from imgvet.spreadsheet import csv_bytes
from imgvet.summary import read_record
from imgvet.tasks.artifacts import key_of, register
from imgvet.tasks.context import run_logger
from imgvet.tasks.policy import transport_stage
from imgvet.workdir import WorkDir, write_bytes


@transport_stage
def look_up_all(work: WorkDir, options: LookUpOptions) -> pd.DataFrame:
    """Of each picture its nearest images, written as CSV; what that says is an artifact."""
    found = look_up(work, options.pictures, options.k, os.cpu_count() or 1)
    path = options.csv or work.path / "look_up.csv"
    with edited(work):
        write_bytes(path, csv_bytes(found))
    said = in_short(found, work)
    run_logger.info("%s %s", said, path)
    name = read_record(work).options(RunOptions).dataset
    text = f"{said} Every picture: {as_markdown(str(path))}"
    register("look-up", lambda: create_markdown_artifact(text, key_of(name, "look-up")))
    return found
