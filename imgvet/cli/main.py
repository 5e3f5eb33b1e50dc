"""The command line: ``imgvet run | monitor | summary | explore | ...``.

A command is a function of another module of this room, named as text: the module is imported when
the command is given, because it loads much that the others don't need.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from imgvet import __version__
from imgvet.cli.arguments import RESULTS, OneLineParser, add_group, add_run_arguments, parse
from imgvet.curation.rules import KeepRules, ListRules
from imgvet.errors import EXIT_BAD_REQUEST, ImgvetError
from imgvet.exchange.options import ExportOptions
from imgvet.monitor.options import NotifyOptions, WatchOptions
from imgvet.workdir import UNUSED_DAYS

EXIT_UNREAD = 141
"""What shells give for a command whose output nobody reads on."""

SILENT_HOURS = 26
"""Hours without a run that are no silence yet, unless told otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0, 2 for a bad request, 3 if checks failed and ``--fail-on`` says so.

    130 if Ctrl-C ended it, 143 if SIGTERM did, which are the codes of shells.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        try:
            return _command(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads, such as head, has enough. What is flushed at the end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    finally:
        signal.signal(signal.SIGTERM, before)


def _command(arguments: Sequence[str] | None) -> int:
    try:
        options = parse(_parser(), arguments)
        module, _, function = options.command.partition(".")
        command = getattr(importlib.import_module(f"imgvet.cli.{module}"), function)
        return int(command(options) or 0)
    except ImgvetError as error:
        print(f"imgvet: {error}", file=sys.stderr)
        return EXIT_BAD_REQUEST
    except KeyboardInterrupt as stop:
        print("imgvet: stopped; run the same command again to go on where it was", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, _TerminatedError) else signal.SIGINT)


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


def _terminate(_signal: int, _frame: object) -> NoReturn:
    raise _TerminatedError


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="imgvet",
        description="Vets image datasets: duplicates, near duplicates, outliers, "
        "broken, dark, bright and blurry images.",
    )
    parser.add_argument("--version", action="version", version=f"imgvet {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_run_arguments(_add(commands, "runs.run", "vet a dataset"))
    _add_finished_run(commands)
    demo = _add(commands, "runs.demo", "make a set of pictures with known problems, and vet it")
    demo.add_argument(
        "--work-dir", type=Path, default=Path("demo"), help="folder for pictures and results [demo]"
    )
    _add_exchange(commands)
    _add_curate(commands)
    _add_watch(commands)
    _add_serve(commands)
    _add_models(commands)
    _add_store(commands)
    return parser


def _add(commands: Any, command: str, text: str, description: str | None = None) -> Any:
    """Add a command, ``module.function``, under the name of its function."""
    name = command.rpartition(".")[2].rstrip("_").replace("_", "-")
    said = description or f"{text[:1].upper()}{text[1:]}."
    parser = commands.add_parser(name, help=text, description=said)
    parser.set_defaults(command=command)
    return parser


def _add_finished_run(commands: Any) -> None:
    summary = _add(commands, "runs.summary", "print the summary of a finished run")
    again = "build the report of a finished run again, from its tables alone"
    report = _add(commands, "runs.report", again)
    explore = _add(
        commands,
        "explore.explore",
        "explore a finished run in the browser: search by picture, filter, save lists",
        "Explore a finished run in the browser, until Ctrl-C is pressed.",
    )
    alike = "print the images of a finished run that are most like a picture"
    search = _add(commands, "explore.search", alike)
    few = "save a list of few images of a finished run that stand for all"
    subset = _add(commands, "explore.subset", few)
    report.add_argument(
        "--single-file", action="store_true", help="as one file to send: WORK_DIR/report.html"
    )
    for parser in (summary, report, explore, search, subset):
        parser.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="its work dir")
    explore.add_argument(
        "--port", type=int, default=0, metavar="N", help="port on this machine [a free one]"
    )
    browser = argparse.BooleanOptionalAction
    explore.add_argument("--browser", action=browser, default=True, help="open a browser [yes]")
    picture = search.add_argument(
        "picture", metavar="PICTURE", help="a picture file, or the name of an image of the run"
    )
    picture.required = False  # With nargs="?" argparse takes it for missing before an option.
    search.add_argument(
        "--against", nargs="+", metavar="NEW",
        help="folders, lists or pictures, or the work dir of another run: tell for each picture "
        "what is most like it",
    )  # fmt: skip
    search.add_argument(
        "--k", type=int, metavar="N", help=f"how many images [{RESULTS}; with --against 1]"
    )
    search.add_argument(
        "--csv", type=Path, metavar="FILE", help="with --against: write the table, too"
    )
    subset.add_argument("count", type=int, metavar="N", help="how many images")
    subset.add_argument(
        "--farthest", action="store_true",
        help="as unlike as possible, rare images first, instead of typical ones",
    )  # fmt: skip
    subset.add_argument("--name", metavar="NAME", help="name of the list [subset-N]")
    subset.add_argument("--replace", action="store_true", help="replace a list of that name")
    for parser in (summary, search):
        parser.add_argument("--json", action="store_true", help="as JSON")


def _add_exchange(commands: Any) -> None:
    export = _add(
        commands,
        "exchange.export",
        "write the images of a finished run, with their labels, for another tool",
        "Write the valid images of a finished run, with labels and splits, in the form of another "
        "tool, less what you leave out. Exits with 3 if some images could not be had.",
    )
    export.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="the run's work dir")
    export.add_argument(
        "destination", type=Path, metavar="DEST", help="a file or folder that is not there yet"
    )
    add_group(export, "what to write", (ExportOptions,))
    old = _add(
        commands,
        "exchange.import_fastdup",
        "open an old work dir of fastdup as a finished run",
        "Turn what fastdup found into a finished run, which report, explore, search, compare and "
        "export open as far as its data go. The old work dir stays as it is.",
    )
    old.add_argument("source", type=Path, metavar="FASTDUP_DIR", help="its work dir")
    old.add_argument(
        "--work-dir", type=Path, metavar="DIR", help="folder for the run [FASTDUP_DIR/imgvet]"
    )
    compare = _add(
        commands,
        "exchange.compare",
        "tell what changed between two runs, or two data sets",
        "Tell which images are new, gone, changed, moved, relabelled, newly bad or newly good, "
        "and which parameters changed.",
    )
    compare.add_argument("before", metavar="BEFORE", help="a work dir, or a data set: see run")
    compare.add_argument("after", metavar="AFTER", help="another one")
    compare.add_argument(
        "--page", type=Path, metavar="FILE", help="write a page (HTML) with pictures"
    )
    compare.add_argument("--csv", type=Path, metavar="FILE", help="write the images that differ")
    compare.add_argument(
        "--fail-on", choices=("never", "worse", "any"), default="never",
        help="exit with 3 if images are newly bad, or if anything differs [never]",
    )  # fmt: skip


def _add_curate(commands: Any) -> None:
    curate = commands.add_parser("curate", help="plan what to remove, do it, and undo it")
    actions = curate.add_subparsers(title="commands", required=True, metavar="COMMAND")
    plan = _add(
        actions,
        "curate.plan",
        "say of each image whether it should go, and why",
        "Write plan.csv, plan.parquet and plan.html into the work dir of a finished run. Nothing "
        "else is done.",
    )
    learn = _add(actions, "curate.learn", "remember for later plans what plan.csv was changed to")
    for parser in (plan, learn):
        parser.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="of a finished run")
    plan.add_argument(
        "--rules", dest="config", type=Path, metavar="FILE", help="TOML file with the rules below"
    )
    plan.add_argument("--replace", action="store_true", help="also a plan that was edited")
    add_group(plan, "lists: what happens to their images, and where they begin", (ListRules,))
    add_group(plan, "which image of a group stays", (KeepRules,))
    apply = _add(
        actions,
        "curate.apply",
        "show what a plan would do; with --yes do it",
        "Compare every file with the plan, and show what would be moved to a quarantine; with "
        "--yes move it. May be killed at any moment and given again.",
    )
    apply.add_argument("plan", type=Path, metavar="PLAN", help="plan.csv or plan.parquet")
    apply.add_argument(
        "--to", type=Path, required=True, metavar="QUARANTINE",
        help="a new folder outside of the input, best on the same file system",
    )  # fmt: skip
    apply.add_argument("--yes", action="store_true", help="do it")
    apply.add_argument(
        "--leave-link", action="store_true",
        help="leave in the place of an exact copy a hard link to the one that stays: both names go "
        "on working",
    )  # fmt: skip
    apply.add_argument(
        "--delete", type=int, metavar="N",
        help="with --yes, also delete them from the quarantine for good; N, how many files that "
        "are, confirms it",
    )  # fmt: skip
    _add(actions, "curate.undo", "bring back all that a quarantine holds").add_argument(
        "quarantine", type=Path, metavar="QUARANTINE", help="as it was named by --to"
    )


def _add_watch(commands: Any) -> None:
    monitor = _add(
        commands,
        "watch.monitor",
        "vet a dataset again and again, and tell what changed",
        "Vet a dataset, compare it with earlier runs in the same work dir, and send alarms and "
        "all-clears.",
    )
    _add_monitor_arguments(monitor)
    monitor.add_argument(
        "--deliver", action="store_true",
        help="only send the messages of earlier runs that did not arrive; vets nothing",
    )  # fmt: skip
    baseline = _add(
        commands,
        "watch.baseline",
        "show or choose what monitored runs are compared with",
        "Show which run later runs are compared with, or choose another.",
    )
    baseline.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="the watched work dir")
    baseline.add_argument(
        "--set", dest="wanted", metavar="RUN", help="first, last:N, or the id of a run"
    )


def _add_monitor_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    add_group(parser, "when to raise an alarm", (WatchOptions,))
    add_group(parser, "who is told", (NotifyOptions,))


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
    group.add_argument(
        "--cron", metavar="TEXT", help="minute, hour, day, month, weekday: '0 6 * * *' is daily"
    )
    group.add_argument("--timezone", metavar="TEXT", help="what its hours mean [UTC]")
    automations = commands.add_parser("automations", help="set up the automations of a server")
    actions = automations.add_subparsers(title="actions", required=True, metavar="ACTION")
    again = "create them, or update those of the same name; never twice"
    apply = _add(actions, "watch.apply", again)
    apply.add_argument(
        "--notify", nargs="+", default=(), metavar="URL", help="whom they notify, as Apprise writes"
    )
    apply.add_argument(
        "--silent-hours", type=int, default=SILENT_HOURS, metavar="N",
        help="tell if no scheduled run of a dataset has finished for N hours, which must be more "
        f"than the longest gap between two [{SILENT_HOURS}]",
    )  # fmt: skip
    _add_datasets(commands)
    deployments = commands.add_parser("deployments", help="write files to begin deployments with")
    actions = deployments.add_subparsers(title="actions", required=True, metavar="ACTION")
    examples = "write datasets.toml for 'imgvet serve' and prefect.yaml for 'prefect deploy'"
    _add(actions, "watch.init", examples).add_argument(
        "folder", nargs="?", type=Path, default=Path(), metavar="FOLDER", help="where to [here]"
    )


def _add_datasets(commands: Any) -> None:
    shown = "print the watched datasets: verdict, last and next run, alarms"
    status = _add(commands, "datasets.status", shown)
    datasets = commands.add_parser("datasets", help="check a file of datasets")
    actions = datasets.add_subparsers(title="actions", required=True, metavar="ACTION")
    check = _add(actions, "datasets.check", "say whether 'imgvet serve' can read it")
    for parser in (status, check):
        parser.add_argument(
            "config", type=Path, nargs="?", default=Path("datasets.toml"), metavar="FILE",
            help="file with a table [datasets.NAME] for each [datasets.toml]",
        )  # fmt: skip


def _add_models(commands: Any) -> None:
    models = commands.add_parser("models", help="list, download and find embedding models")
    actions = models.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add(actions, "models.list_", "list the models that are known by name")
    _add(actions, "models.pull", "download models").add_argument(
        "names", nargs="+", metavar="NAME", help="as listed by 'imgvet models list'"
    )
    _add(actions, "models.path", "print where a model's file is").add_argument(
        "name", nargs="?", metavar="NAME", help="without it: the folder of models"
    )


def _add_store(commands: Any) -> None:
    store = commands.add_parser("store", help="show, check or shrink what a work dir keeps")
    actions = store.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(command: str, text: str) -> Any:
        action = _add(actions, command, text)
        action.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="of any run")
        return action

    add("store.info", "print what the store holds, and its sizes")
    add("store.verify", "read all of the store, and print what is damaged")
    collect = add("store.gc", "remove what is damaged, outdated or was long not needed")
    collect.add_argument(
        "--unused-days", type=int, default=UNUSED_DAYS, metavar="N",
        help="keep what a run needed in the last N days; what the last results show is kept "
        f"anyway [{UNUSED_DAYS}]",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
