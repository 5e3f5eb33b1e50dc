"""The flow curate_dataset: propose a plan, wait for a person, and do what they allow."""

from __future__ import annotations

from prefect import flow
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from pydantic import Field

from imgvet.curation.apply import Outcome
from imgvet.curation.plan import plan_lines
from imgvet.curation.rules import CurateOptions
from imgvet.errors import PlanError
from imgvet.flows.ending import completed
from imgvet.flows.server_run import told_to_server
from imgvet.format import counted
from imgvet.opening import open_finished, place_outside
from imgvet.store.references import digest_file
from imgvet.tasks.blocks import with_addresses
from imgvet.tasks.finished_runs import apply_plan, propose_plan

POLL = 10
"""Seconds between two looks for an answer."""


class Approval(RunInput):
    """What a person answers to a plan, on the server's page of the run."""

    apply: bool = Field(
        False, description="move what the plan removes to the quarantine; false leaves all as it is"
    )


@flow(name="curate_dataset", persist_result=False)
def curate_dataset(options: CurateOptions) -> Outcome:
    """Propose what to remove from a dataset, and remove it when a person has allowed it.

    Args:
        options: work dir of a finished run, quarantine and rules.

    Returns:
        what was moved and what was refused, in a state named Curated, Declined or NothingToDo.
        While the run is paused, ``plan.csv`` may be edited: what it says then is done.
    """
    with told_to_server(), with_addresses(options) as placed:
        place = place_outside(placed.work_dir, ())  # links and messages are read elsewhere
        work = open_finished(place, stored=True)
        plan = propose_plan(work, options)
        if not (plan["action"] != "keep").any():
            return completed(Outcome(), "No image is to go.", "NothingToDo")
        made = digest_file(work.plan_table)
        asked = Approval.with_initial_data(
            description="\n\n".join([*plan_lines(plan), f"Look at {work.plan_page}"]), apply=False
        )
        answer = pause_flow_run(
            wait_for_input=asked, timeout=round(options.wait_hours * 3600), poll_interval=POLL
        )
        if not answer.apply:
            return completed(Outcome(), "Nothing was moved.", "Declined")
        work = open_finished(place, stored=True)  # maybe edited on another machine
        if digest_file(work.plan_table) != made:
            raise PlanError("The plan was made again while this run waited", "Start the flow again")
        outcome = apply_plan(work, options)
    moved, place = counted(len(outcome.moved), "file"), options.quarantine.absolute()
    message = f"{moved} moved to {place}, {len(outcome.refused)} left alone."
    return completed(outcome, message, "Curated")
