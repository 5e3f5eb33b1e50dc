"""Tasks of curation: propose a plan to a person who watches the server, and carry it out."""

from __future__ import annotations

import pandas as pd
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from imgvet.curation.apply import Outcome, apply
from imgvet.curation.plan import plan_lines
from imgvet.curation.plan_file import read_plan
from imgvet.curation.rules import CurateOptions
from imgvet.options import RunOptions
from imgvet.reports.plan import propose
from imgvet.summary import read_record
from imgvet.tasks.artifacts import key_of, register
from imgvet.tasks.context import run_logger
from imgvet.tasks.policy import uncached_stage
from imgvet.workdir import WorkDir


@uncached_stage
def propose_plan(work: WorkDir, options: CurateOptions) -> pd.DataFrame:
    """Write the plan and its page, and register what they say as artifacts."""
    plan = propose(work, options.rules)
    lines, name = plan_lines(plan), read_record(work).options(RunOptions).dataset
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
    run_logger.info("%d files moved to %s", len(outcome.moved), options.quarantine)
    for name, why in sorted(outcome.refused.items()):
        run_logger.warning("%s %s", name, why)
    return outcome
