"""Every command of the command line, and what it takes.

A command is a function of another module of this room, named as text: the module is imported when
the command is given, because it loads much that the others don't need.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from imgvet import __version__
from imgvet.cli.arguments import RESULTS, OneLineParser, add_group, add_run_arguments
from imgvet.curation.rules import KeepRules, ListRules
from imgvet.exchange.options import ExportOptions
from imgvet.monitor.options import NotifyOptions, WatchOptions
from imgvet.workdir import UNUSED_DAYS

SILENT_HOURS = 26
"""Hours without a run that are no silence yet, unless told otherwise."""


def parser() -> OneLineParser:
    """The parser of all commands."""
    made = OneLineParser(
        prog="imgvet",
        description="Vets image datasets: duplicates, near duplicates, outliers, "
        "broken, dark, bright and blurry images.",
    )
    made.add_argument("--version", action="version", version=f"imgvet {__version__}")
    commands = made.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (
        _add_runs, _add_explore, _add_exchange, _add_curate, _add_watch, _add_serve, _add_kept,
    ):  # fmt: skip
        add(commands)
    return made


def _add(
    commands: Any, command: str, text: str, description: str = "", work_dir: str = ""
) -> OneLineParser:
    """Add a command, ``module.function``, under the name of its function.

    Its first argument is a work dir if ``work_dir`` says which.
    """
    name = command.rpartition(".")[2].rstrip("_").replace("_", "-")
    said = description or f"{text[:1].upper()}{text[1:]}."
    added: OneLineParser = commands.add_parser(name, help=text, description=said)
    added.set_defaults(command=command, called=added)
    if work_dir:
        added.path("work_dir", "WORK_DIR", work_dir)
    return added


def _group(commands: Any, name: str, text: str) -> Any:
    """Add a command that has commands of its own."""
    group = commands.add_parser(name, help=text)
    return group.add_subparsers(title="commands", required=True, metavar="COMMAND")


def _add_runs(commands: Any) -> None:
    add_run_arguments(_add(commands, "runs.run", "vet a dataset"))
    told = "print the summary of a finished run"
    summary = _add(commands, "runs.summary", told, work_dir="its work dir")
    summary.switch("--json", "as JSON")
    again = "build the report of a finished run again, from its tables alone"
    report = _add(commands, "runs.report", again, work_dir="its work dir")
    report.switch("--single-file", "as one file to send: WORK_DIR/report.html")
    demo = _add(commands, "runs.demo", "make a set of pictures with known problems, and vet it")
    where = "folder for pictures and results [demo]"
    demo.path("--work-dir", None, where, default=Path("demo"))
    checks = _group(commands, "checks", "print the checks as a suite of Great Expectations")
    whole = "print them as JSON, to be edited and given to 'imgvet run --expectations FILE'"
    export = _add(checks, "runs.export", whole)
    export.path("--config", "FILE", "TOML file with a table [checks] of limits")


def _add_explore(commands: Any) -> None:
    explore = _add(
        commands,
        "explore.explore",
        "explore a finished run in the browser: search by picture, filter, save lists",
        "Explore a finished run in the browser, until Ctrl-C is pressed.",
        "its work dir",
    )
    explore.number("--port", "port on this machine [a free one]", default=0)
    browser = argparse.BooleanOptionalAction
    explore.add_argument("--browser", action=browser, default=True, help="open a browser [yes]")
    alike = "print the images of a finished run that are most like a picture"
    search = _add(commands, "explore.search", alike, work_dir="its work dir")
    picture = search.text(
        "picture", "PICTURE", "a picture file, or the name or id of an image of the run"
    )
    picture.required = False  # With nargs="?" argparse takes it for missing before an option.
    search.several(
        "--against",
        "NEW",
        "inputs of any kind, or the work dir of another run: tell for each picture "
        "what is most like it",
    )
    search.number("--k", f"how many images [{RESULTS}; with --against 1]")
    search.path("--csv", "FILE", "write the table, too")
    search.switch("--json", "as JSON")
    few = "save a list of few images of a finished run that stand for all"
    subset = _add(commands, "explore.subset", few, work_dir="its work dir")
    subset.number("count", "how many images")
    subset.switch("--farthest", "as unlike as possible, rare images first, instead of typical ones")
    subset.text("--name", "NAME", "name of the list [subset-N]")
    subset.switch("--replace", "replace a list of that name")


def _add_exchange(commands: Any) -> None:
    export = _add(
        commands,
        "exchange.export",
        "write the images of a finished run, with their labels, for another tool",
        "Write the valid images of a finished run, with labels and splits, in the form of another "
        "tool, less what you leave out. Exits with 3 if some images could not be had.",
        "the run's work dir",
    )
    export.path("destination", "DEST", "a file or folder that is not there yet")
    add_group(export, "what to write", (ExportOptions,))
    old = _add(
        commands,
        "exchange.import_fastdup",
        "open an old work dir of fastdup as a finished run",
        "Turn what fastdup found into a finished run, which report, explore, search, compare and "
        "export open as far as its data go. The old work dir stays as it is.",
    )
    old.path("source", "FASTDUP_DIR", "its work dir")
    old.path("--work-dir", "DIR", "folder for the run [FASTDUP_DIR/imgvet]")
    compare = _add(
        commands,
        "exchange.compare",
        "tell what changed between two runs, or two data sets",
        "Tell which images are new, gone, changed, moved, relabelled, newly bad or newly good, "
        "and which parameters changed.",
    )
    compare.text("before", "BEFORE", "a work dir, or a data set: see run")
    compare.text("after", "AFTER", "another one")
    compare.path("--page", "FILE", "write a page (HTML) with pictures")
    compare.path("--csv", "FILE", "write the images that differ")
    failing = "exit with 3 if images are newly bad, or if anything differs [never]"
    choices = ("never", "worse", "any")
    compare.add_argument("--fail-on", choices=choices, default="never", help=failing)


def _add_curate(commands: Any) -> None:
    curate = _group(commands, "curate", "plan what to remove, do it, and undo it")
    plan = _add(
        curate,
        "curate.plan",
        "say of each image whether it should go, and why",
        "Write plan.csv, plan.parquet and plan.html into the work dir of a finished run. Nothing "
        "else is done.",
        "of a finished run",
    )
    plan.path("--rules", "FILE", "TOML file with the rules below", dest="config")
    plan.switch("--replace", "also a plan that was edited")
    add_group(plan, "lists: what happens to their images, and where they begin", (ListRules,))
    add_group(plan, "which image of a group stays", (KeepRules,))
    known = "remember for later plans what plan.csv was changed to"
    _add(curate, "curate.learn", known, work_dir="of a finished run")
    apply = _add(
        curate,
        "curate.apply",
        "show what a plan would do; with --yes do it",
        "Compare every file with the plan, and show what would be moved to a quarantine; with "
        "--yes move it. May be killed at any moment and given again.",
    )
    apply.path("plan", "PLAN", "plan.csv or plan.parquet, also that of a work dir in a bucket")
    where = "a new folder outside of the input, best on the same file system"
    apply.path("--to", "QUARANTINE", where, required=True)
    apply.switch("--yes", "do it")
    apply.switch(
        "--leave-link",
        "leave in the place of an exact copy a hard link to the one that stays: both names go on "
        "working",
    )
    apply.number(
        "--delete",
        "with --yes, also delete them from the quarantine for good; N, how many files that "
        "are, confirms it",
    )
    undo = _add(curate, "curate.undo", "bring back all that a quarantine holds")
    undo.path("quarantine", "QUARANTINE", "as it was named by --to")


def _add_watch(commands: Any) -> None:
    monitor = _add(
        commands,
        "watch.monitor",
        "vet a dataset again and again, and tell what changed",
        "Vet a dataset, compare it with earlier runs in the same work dir, and send alarms and "
        "all-clears.",
    )
    _add_monitor_arguments(monitor)
    late = "only send the messages of earlier runs that did not arrive; vets nothing"
    monitor.switch("--deliver", late)
    baseline = _add(
        commands,
        "watch.baseline",
        "show or choose what monitored runs are compared with",
        "Show which run later runs are compared with, or choose another.",
        "the watched work dir",
    )
    baseline.text("--set", "RUN", "first, last:N, or the id of a run", dest="wanted")


def _add_monitor_arguments(command: OneLineParser) -> None:
    add_run_arguments(command)
    add_group(command, "when to raise an alarm", (WatchOptions,))
    add_group(command, "who is told", (NotifyOptions,))


def _add_serve(commands: Any) -> None:
    serve = _add(
        commands,
        "watch.serve",
        "monitor datasets by a schedule, on a Prefect server",
        "Monitor one dataset, or those of a config file with tables [datasets.NAME], by a "
        "schedule: registers them on the Prefect server, and runs them in this process's children "
        "until it is stopped.",
    )
    _add_monitor_arguments(serve)
    group = serve.add_argument_group("when to run")
    when = "minute, hour, day, month, weekday: '0 6 * * *' is daily"
    group.add_argument("--cron", metavar="TEXT", help=when)
    group.add_argument("--timezone", metavar="TEXT", help="what its hours mean [UTC]")
    where = serve.add_argument_group("where to run, instead of here")
    named = "register the datasets for the workers of this work pool, and end"
    where.add_argument("--pool", metavar="NAME", help=named)
    where.add_argument("--image", metavar="NAME", help="image of the containers of such a pool")
    automations = _group(commands, "automations", "set up the automations of a server")
    again = "create them, or update those of the same name; never twice"
    apply = _add(automations, "watch.apply", again)
    apply.several("--notify", "URL", "whom they notify, as Apprise writes", default=[])
    apply.number(
        "--silent-hours",
        "tell if no scheduled run of a dataset has finished for N hours, which must be more "
        f"than the longest gap between two [{SILENT_HOURS}]",
        default=SILENT_HOURS,
    )
    shown = "print the watched datasets: verdict, last and next run, alarms"
    status = _add(commands, "datasets.status", shown)
    datasets = _group(commands, "datasets", "check a file of datasets")
    check = _add(datasets, "datasets.check", "say whether 'imgvet serve' can read it")
    listed = "file with a table [datasets.NAME] for each [datasets.toml]"
    check.path("path", "FILE", listed, nargs="?", default=Path("datasets.toml"))
    status.path("--html", "FILE", "also write them as a page, with the latest runs as a picture")
    told = "also send them as one message to addresses as Apprise writes them"
    status.several("--notify", "URL", told, default=[])
    going = "show which runs are old enough to be forgotten; with --yes forget them"
    prune = _add(
        commands,
        "datasets.prune",
        going,
        "Show, of one work dir or of each dataset of a file, how many runs of the history and how "
        "many stored results are older than what is to be kept; with --yes remove them. Baselines "
        "in use stay, and what the last results show. Every run does the same at its end.",
    )
    for command in (status, prune):
        either = "a work dir, or a file of datasets [datasets.toml]"
        command.path("path", "PATH", either, nargs="?", default=Path("datasets.toml"))
    prune.number("--keep-days", "so many, whatever the file says [keep_days of the dataset]")
    prune.switch("--yes", "remove them")
    deployments = _group(commands, "deployments", "write files to begin deployments with")
    examples = "write datasets.toml for 'imgvet serve' and prefect.yaml for 'prefect deploy'"
    init = _add(deployments, "watch.init", examples)
    init.path("folder", "FOLDER", "where to [here]", nargs="?", default=Path())


def _add_kept(commands: Any) -> None:
    models = _group(commands, "models", "list, download and find embedding models")
    _add(models, "models.list_", "list the models that are known by name")
    pull = _add(models, "models.pull", "download models")
    pull.text("names", "NAME", "as listed by 'imgvet models list'", nargs="+")
    path = _add(models, "models.path", "print where a model's file is")
    path.text("name", "NAME", "without it: the folder of models", nargs="?")
    store = _group(commands, "store", "show, check or shrink what a work dir keeps")
    for name, text in (
        ("info", "print what the store holds, and its sizes"),
        ("verify", "read all of the store, and print what is damaged"),
        ("gc", "remove what is damaged, outdated or was long not needed"),
    ):
        collect = _add(store, f"store.{name}", text, work_dir="of any run")
    collect.number(
        "--unused-days",
        "keep what a run needed in the last N days; what the last results show is kept "
        f"anyway [{UNUSED_DAYS}]",
        default=UNUSED_DAYS,
    )
