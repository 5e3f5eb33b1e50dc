"""The commands ``imgvet run | demo | summary | report``: a run, and what it says of itself."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from imgvet.cli.arguments import read_config, run_parameters
from imgvet.dataset import Dataset
from imgvet.errors import EXIT_CHECKS_FAILED, WorkDirUnusableError
from imgvet.flows.runners import runner_of_command
from imgvet.opening import exclusive, open_finished
from imgvet.options import make_options
from imgvet.parameters import address_in
from imgvet.summary import read_summary


def run(options: argparse.Namespace) -> int:
    """Vet, print the summary, and say by the exit code whether the checks allow it."""
    parameters = run_parameters(options)
    threads = str(parameters.get("num_threads"))
    cores = int(threads) if threads.isdecimal() else os.cpu_count() or 1
    return _vet(options, {"runner": runner_of_command(cores), **parameters})


def _vet(options: argparse.Namespace, parameters: dict[str, Any]) -> int:
    dataset = Dataset()
    dataset.run_at(options.server, parameters)
    return EXIT_CHECKS_FAILED if dataset.fails() else 0


def demo(options: argparse.Namespace) -> int:
    """Make the demo set and vet it."""
    from imgvet.demo.make import make_demo

    if address := address_in(options.work_dir):
        raise WorkDirUnusableError(
            f"The demo set can't be made in {address}", "Name a folder; a run of it can go there"
        )
    pictures, results = options.work_dir / "pictures", options.work_dir / "results"
    print(f"Making the demo set in {pictures}", flush=True)
    make_demo(pictures)
    code = _vet(options, {"input_dir": pictures, "work_dir": results})
    print(f"\nOpen {results / 'report' / 'index.html'} in a browser.")
    return code


def summary(options: argparse.Namespace) -> None:
    """Print the summary of a run."""
    if options.json:
        found = read_summary(open_finished(options.work_dir))
        print(json.dumps(found.model_dump(mode="json"), indent=2))
    else:
        Dataset(work_dir=options.work_dir).summary()


def report(options: argparse.Namespace) -> None:
    """Build the report of a run again, and print its path."""
    from imgvet.reports.build import build_single_file, report_of
    from imgvet.reports.inputs import inputs_of

    work = open_finished(options.work_dir, stored=True)
    with exclusive(work):
        if options.single_file:
            page = build_single_file(inputs_of(work), work.report_file)
        else:
            page = report_of(work)
    print(page)


def export(options: argparse.Namespace) -> None:
    """Print the checks that have limits as a suite of Great Expectations."""
    from imgvet.quality.suite import own_suite, suite_text

    given = read_config(options.config) if options.config else {}
    limits = {name: given[name] for name in ("checks",) if name in given}
    print(suite_text(own_suite(make_options({"input_dir": "unknown", **limits}).checks)))
