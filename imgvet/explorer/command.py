"""The command ``imgvet explore``."""

from __future__ import annotations

import argparse
import time
import webbrowser
from pathlib import Path
from typing import Any


def add_explore_command(commands: Any) -> None:
    """Add ``explore`` to the commands of ``imgvet``."""
    explore = commands.add_parser(
        "explore",
        help="explore a finished run in the browser: search by picture, filter, save lists",
        description="Explore a finished run in the browser, until Ctrl-C is pressed.",
    )
    explore.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="its work dir")
    explore.add_argument(
        "--port", type=int, default=0, metavar="N", help="port on this machine [a free one]"
    )
    explore.add_argument(
        "--browser",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open a browser [yes]",
    )
    explore.set_defaults(command=_explore)


def _explore(options: argparse.Namespace) -> int:
    from imgvet.explorer.server import Explorer

    with Explorer(options.work_dir, options.port) as explorer:
        print(f"Exploring {options.work_dir} at\n{explorer.url}\nPress Ctrl-C to stop.", flush=True)
        if options.browser:
            webbrowser.open(explorer.url)
        try:
            while explorer.running:
                time.sleep(0.2)
        except KeyboardInterrupt:
            print("Stopped.")
    return 0
