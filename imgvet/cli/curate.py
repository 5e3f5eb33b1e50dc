"""The commands ``imgvet curate plan | apply | undo | learn``: from findings to action, and back."""

from __future__ import annotations

import argparse

from imgvet.cli.arguments import run_parameters
from imgvet.curation.apply import Outcome, preview
from imgvet.curation.apply import apply as carry_out
from imgvet.curation.apply import undo as bring_back
from imgvet.curation.plan import plan_lines
from imgvet.curation.plan_file import MANIFEST, SCRIPT, elsewhere, mark_applied, read_plan
from imgvet.curation.plan_file import learn as learn_from
from imgvet.curation.rules import Rules, make_rules
from imgvet.engine.progress import shown_progress
from imgvet.errors import EXIT_CHECKS_FAILED
from imgvet.format import counted, size_text, visible
from imgvet.opening import open_finished
from imgvet.parameters import address_in

_NAMED = 20
"""Files that were refused and are named in the terminal."""


def plan(options: argparse.Namespace) -> None:
    """Make a plan, and print what it would do."""
    from imgvet.reports.plan import propose

    work = open_finished(options.work_dir, stored=True)
    rules = make_rules(run_parameters(options, Rules))
    with shown_progress():
        proposed = propose(work, rules, replace=options.replace)
    print("\n".join(plan_lines(proposed)))
    print(f"Plan    {work.plan_page}, to be changed in {work.plan_csv}")
    if proposed.empty:
        return
    if work.part:  # nothing of a picture can be moved
        print(f"Next    imgvet export {work.name} DEST --format FORMAT --plan {work.plan_csv}")
    else:
        print(f"Next    imgvet curate apply {work.plan_csv} --to QUARANTINE")


def apply(options: argparse.Namespace) -> int:
    """Show what a plan would do or, if it is confirmed, do it; 3 if something was refused."""
    path = options.plan
    if address_in(path):
        path = open_finished(path.parent).home / path.name
    plan = read_plan(path)
    with shown_progress():
        outcome = (
            carry_out(plan, options.to, link=options.leave_link, delete=options.delete)
            if options.yes
            else preview(plan, options.to)
        )
    if options.yes:
        mark_applied(path)
    verb = "Moved" if options.yes else "Would move"
    size = size_text(sum(file.size for file in outcome.moved))
    print(f"{verb} {counted(len(outcome.moved), 'file')} ({size}) to {options.to}.")
    if outcome.already:
        print(f"{counted(outcome.already, 'file')} had been moved before.")
    if outcome.elsewhere:
        is_remote = elsewhere(plan)["place"].eq("bucket").any()
        script = f", and {SCRIPT} moves objects in buckets" if is_remote else ""
        print(
            f"{counted(outcome.elsewhere, 'image')} in archives, videos, crops or buckets: never "
            f"touched; {MANIFEST} lists them{script}."
        )
    if outcome.deleted:
        print(f"Deleted {counted(outcome.deleted, 'file')} for good.")
    _print_refused(outcome)
    if waiting := int(plan["action"].eq("review").sum()):
        print(f"{counted(waiting, 'row')} of the plan to review: left in place.")
    if not options.yes:
        print("Nothing was done; --yes does it.")
    elif len(outcome.moved) + outcome.already > outcome.deleted:
        print(f"To bring everything back: imgvet curate undo {options.to}")
    return EXIT_CHECKS_FAILED if outcome.refused else 0


def undo(options: argparse.Namespace) -> int:
    """Bring everything back; 3 if something could not be brought."""
    with shown_progress():
        outcome = bring_back(options.quarantine)
    print(f"Brought {counted(len(outcome.moved), 'file')} back.")
    if outcome.deleted:
        print(f"{counted(outcome.deleted, 'file')} had been deleted for good.")
    _print_refused(outcome)
    return EXIT_CHECKS_FAILED if outcome.refused else 0


def learn(options: argparse.Namespace) -> None:
    """Remember what a person changed to keep in the plan of a work dir."""
    work = open_finished(options.work_dir)
    known = learn_from(work, read_plan(work.plan_csv))
    print(f"{counted(len(known.all), 'decision')} in {work.decisions}")


def _print_refused(outcome: Outcome) -> None:
    if outcome.refused:
        print(f"{counted(len(outcome.refused), 'file')} left alone:")
    for name, why in sorted(outcome.refused.items())[:_NAMED]:
        print(f"  {visible(name)} {why}")
    if len(outcome.refused) > _NAMED:
        print(f"  and {len(outcome.refused) - _NAMED:,} more")
