"""The commands ``imgvet models list | pull | path``.

What they need is imported when they run, because every command of ``imgvet`` loads this module.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgvet.errors import InvalidParameterError, ModelError
from imgvet.format import size_text, table_text

if TYPE_CHECKING:
    from imgvet.models.download import Report
    from imgvet.models.file import ModelFile
    from imgvet.models.registry import KnownModel

_HEADINGS = ("NAME", "WIDTH", "INPUT", "SIZE", "LICENCE", "HERE", "GOOD FOR")


def list_models(options: argparse.Namespace) -> int:  # noqa: ARG001
    """Print a table of the models that are known by name."""
    from imgvet.models.file import FOLDER_VARIABLE, model_folder
    from imgvet.models.model import BUILTIN_NAME, builtin_model
    from imgvet.models.registry import KNOWN

    def add(name: str, card: Any, size: int | None, here: str, purpose: str) -> None:
        widths = str(card.width), str(card.input_size)
        rows.append((name, *widths, size_text(size), card.licence, here, purpose))

    rows: list[tuple[str, ...]] = [_HEADINGS]
    builtin, purpose = builtin_model(), "near duplicates; fast on any processor"
    add(BUILTIN_NAME, builtin.card, builtin.path.stat().st_size, "yes", purpose)
    for model in KNOWN.values():
        unchecked = "unchecked" if model.path.is_file() else "no"
        here = "yes" if model.is_checked else unchecked
        add(model.name, model.card, model.size, here, model.purpose)
    print(table_text(rows, "<>>><<<"))
    print(
        f"\nDownloaded models are kept in {model_folder()} ({FOLDER_VARIABLE} names another "
        "folder).\n'imgvet models pull NAME' downloads one, 'imgvet run PHOTOS --model-path NAME' "
        "uses it;\nan .onnx or .ort file can be given instead of a name."
    )
    return 0


def pull_models(options: argparse.Namespace) -> int:
    """Download models, and try each on one picture."""
    from imgvet.models.resolve import fetched

    for model in [_known(name) for name in options.names]:
        if model is None:
            print("built-in: is inside the package, there is nothing to download")
            continue
        with _shown_download() as report:
            ready = fetched(model, report=report)
        origin = "as published" if model.sha256 else "recorded at the first download"
        print(f"{model.name}: {ready.path}, sha256 {ready.card.sha256} ({origin})")
    return 0


def print_path(options: argparse.Namespace) -> int:
    """Print the path of a model's file, or of the folder of models."""
    from imgvet.models.file import model_folder
    from imgvet.models.model import builtin_model

    if options.name is None:
        print(model_folder())
        return 0
    model = _known(options.name)
    path = builtin_model().path if model is None else model.path
    if not path.is_file():
        raise ModelError(
            f"The model {options.name} is not downloaded",
            f"'imgvet models pull {options.name}' downloads it to {path}",
        )
    print(path)
    return 0


def add_models_command(commands: Any) -> None:
    """Add ``models`` with its own commands to the commands of ``imgvet``."""
    models = commands.add_parser("models", help="list, download and find embedding models")
    actions = models.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> Any:
        action = actions.add_parser(name, help=text, description=text.capitalize() + ".")
        action.set_defaults(command=command)
        return action

    add("list", list_models, "list the models that are known by name")
    pull = add("pull", pull_models, "download models")
    pull.add_argument("names", nargs="+", metavar="NAME", help="as listed by 'imgvet models list'")
    path = add("path", print_path, "print where a model's file is")
    path.add_argument("name", nargs="?", metavar="NAME", help="without it: the folder of models")


def _known(name: str) -> KnownModel | None:
    """The model of that name; None for the built-in one."""
    from imgvet.models.registry import KNOWN, NAMES
    from imgvet.models.resolve import names_to_choose

    if name not in NAMES:
        raise InvalidParameterError(f"Unknown model {name!r}", names_to_choose(name))
    return KNOWN.get(name)


@contextmanager
def _shown_download() -> Iterator[Report]:
    """A live bar on standard error while something is downloaded; nothing where it is no terminal.

    What is downloaded, from where and under which licence is said by the log.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console = Console(stderr=True)
    bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
    tasks: dict[Path, Any] = {}

    def report(file: ModelFile, done: int, total: int | None) -> None:
        if file.path not in tasks:
            tasks[file.path] = bars.add_task(file.name, total=None)
        bars.update(tasks[file.path], completed=done, total=total or file.size)

    with bars:
        yield report
