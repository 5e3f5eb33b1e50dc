"""The command line: ``imgvet run | monitor | summary | explore | ...``.

``RunOptions`` gives the options of ``run``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgvet import __version__
from imgvet.cli.arguments import (
    OneLineParser,
    add_run_arguments,
    parse,
    run_parameters,
)
from imgvet.cli.finished_run import add_finished_run_commands
from imgvet.cli.models import add_models_command
from imgvet.cli.monitor import add_monitor_commands
from imgvet.cli.serve import add_serve_commands
from imgvet.cli.store import add_store_commands
from imgvet.errors import EXIT_BAD_REQUEST, EXIT_CHECKS_FAILED, ImgvetError

EXIT_INTERRUPTED = 130
"""What shells give for a command that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0; 2 for a bad request; 3 if checks failed and ``--fail-on`` says so.
    """
    try:
        options = parse(_parser(), arguments)
        return int(options.command(options))
    except ImgvetError as error:
        print(f"imgvet: {error}", file=sys.stderr)
        return EXIT_BAD_REQUEST
    except KeyboardInterrupt:
        print("imgvet: stopped; run the same command again to go on where it was", file=sys.stderr)
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="imgvet",
        description="Vets image datasets: duplicates, near duplicates, outliers, "
        "broken, dark, bright and blurry images.",
    )
    parser.add_argument("--version", action="version", version=f"imgvet {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    add_finished_run_commands(commands)
    _add_demo(commands)
    add_monitor_commands(commands)
    add_serve_commands(commands)
    add_models_command(commands)
    add_store_commands(commands)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser("run", help="vet a dataset", description="Vet a dataset.")
    add_run_arguments(run)
    run.set_defaults(command=_run)


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo", help="make a set of pictures with known problems, and vet it"
    )
    demo.add_argument(
        "--work-dir", type=Path, default=Path("demo"), help="folder for pictures and results [demo]"
    )
    demo.set_defaults(command=_demo)


def _run(options: argparse.Namespace) -> int:
    return _vet(run_parameters(options))


def _vet(parameters: dict[str, Any]) -> int:
    """Vet, print the summary, and say by the exit code whether the checks allow it."""
    from imgvet.dataset import Dataset

    dataset = Dataset()
    dataset.run(**parameters)
    return EXIT_CHECKS_FAILED if dataset.fails() else 0


def _demo(options: argparse.Namespace) -> int:
    from imgvet.demo.make import make_demo

    pictures, results = options.work_dir / "pictures", options.work_dir / "results"
    print(f"Making the demo set in {pictures}", flush=True)
    make_demo(pictures)
    code = _vet({"input_dir": pictures, "work_dir": results})
    print(f"\nOpen {results / 'report' / 'index.html'} in a browser.")
    return code


if __name__ == "__main__":
    sys.exit(main())
