"""Tasks on finished runs: a plan is proposed to who watches the server; pictures are looked up."""

from __future__ import annotations

import os

import pandas as pd
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from imgvet.curation.apply import Outcome, apply
from imgvet.curation.plan import plan_lines
from imgvet.curation.plan_file import mark_applied, read_plan
from imgvet.curation.rules import CurateOptions
from imgvet.format import as_markdown
from imgvet.opening import edited
from imgvet.reports.plan import propose
from imgvet.search.against import LookUpOptions, in_short, look_up
from imgvet.spreadsheet import csv_bytes
from imgvet.summary import read_record
from imgvet.tasks.artifacts import key_of, register
from imgvet.tasks.context import run_logger
from imgvet.tasks.policy import transport_stage, uncached_stage
from imgvet.workdir import WorkDir, write_bytes


@uncached_stage
def propose_plan(work: WorkDir, options: CurateOptions) -> pd.DataFrame:
    """Write the plan and its page, and register what they say as artifacts."""
    plan = propose(work, options.rules)
    lines, name = plan_lines(plan), read_record(work).dataset
    text, page = "\n".join(["```", *lines, "```"]), work.plan_page.as_uri()
    register("plan", lambda: create_markdown_artifact(text, key_of(name, "plan")))
    title = f"Plan for {name}"
    register("link", lambda: create_link_artifact(page, title, key_of(name, "plan-page")))
    for line in lines:
        run_logger.info(line)
    return plan


@uncached_stage
def apply_plan(work: WorkDir, options: CurateOptions) -> Outcome:
    """Do what ``plan.csv`` says, which a person may have changed meanwhile."""
    outcome = apply(read_plan(work.plan_csv), options.quarantine)
    mark_applied(work.plan_csv)
    run_logger.info("%d files moved to %s", len(outcome.moved), options.quarantine)
    for name, why in sorted(outcome.refused.items()):
        run_logger.warning("%s %s", name, why)
    return outcome


@transport_stage
def look_up_all(work: WorkDir, options: LookUpOptions) -> pd.DataFrame:
    """Of each picture its nearest images, written as CSV; what that says is an artifact."""
    found = look_up(work, options.pictures, options.k, os.cpu_count() or 1)
    path = options.csv or work.path / "look_up.csv"
    with edited(work):
        write_bytes(path, csv_bytes(found))
    said = in_short(found, work)
    run_logger.info("%s %s", said, path)
    name = read_record(work).dataset
    text = f"{said} Every picture: {as_markdown(str(path))}"
    register("look-up", lambda: create_markdown_artifact(text, key_of(name, "look-up")))
    return found
