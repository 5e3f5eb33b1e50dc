"""Command-line arguments made from the fields of ``RunOptions``, and what was given by them."""

from __future__ import annotations

import argparse
import re
import tomllib
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from imgvet.errors import ConfigFileError, InvalidParameterError, failing_as, unknown_parameter
from imgvet.options import GROUPS, RunOptions
from imgvet.parameters import BLOCK, Part

POSITIONAL = "input_dir"
VERBOSE = "--verbose"
RESULTS = 10
"""Images that ``search`` prints, unless told otherwise."""
_PLACEHOLDERS = {int: "N", float: "X", Path: "PATH"}


class OneLineParser(argparse.ArgumentParser):
    """A parser that refuses in one line, and takes no abbreviated options."""

    def __init__(self, **settings: Any) -> None:
        # Parameters of a run, of which --verbose is one, come after it and take its place.
        super().__init__(**settings, allow_abbrev=False, conflict_handler="resolve")
        self.switch(VERBOSE, "print the traceback of an error as well")

    def error(self, message: str) -> NoReturn:
        """Raise InvalidParameterError instead of printing the usage."""
        raise InvalidParameterError(
            message[:1].upper() + message[1:], f"'{self.prog} --help' says what is allowed"
        )

    def text(self, name: str, metavar: str | None, text: str, **more: Any) -> argparse.Action:
        """Add an argument."""
        return self.add_argument(name, metavar=metavar, help=text, **more)

    def path(self, name: str, metavar: str | None, text: str, **more: Any) -> None:
        """Add a path, or the name of a block, for whose address it then stands."""
        self.text(name, metavar, text, type=_place, **more)

    def number(self, name: str, text: str, **more: Any) -> None:
        """Add a whole number."""
        self.text(name, "N", text, type=int, **more)

    def several(self, name: str, metavar: str, text: str, **more: Any) -> None:
        """Add an option that takes many values, and may be given again."""
        self.text(name, metavar, text, action="extend", nargs="+", **more)

    def switch(self, name: str, text: str) -> None:
        """Add a switch that is off."""
        self.add_argument(name, action="store_true", help=text)


def _place(text: str) -> Path:
    if not text.startswith(BLOCK):
        return Path(text)
    from imgvet.tasks.blocks import place_at

    return place_at(Path(text))


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line; UnknownParameterError if there is no such option."""
    options, rest = parser.parse_known_args(arguments)
    if rest:
        known = re.findall("--[a-z0-9-]+", options.called.format_usage())
        raise unknown_parameter(rest[0], known, options.called.prog)
    return options


def add_run_arguments(parser: OneLineParser) -> None:
    """Add an argument for every parameter of a run, and ``--config``."""
    parser.add_argument(
        POSITIONAL, nargs="*", metavar="INPUT", help=RunOptions.model_fields[POSITIONAL].description
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file with parameters and a table [checks] of limits",
    )
    for title, parts in GROUPS.items():
        add_group(parser, title, parts)


def add_group(
    parser: argparse.ArgumentParser, title: str, parts: Iterable[type[BaseModel]]
) -> None:
    """Add an argument for every parameter of some groups, under a heading."""
    group = parser.add_argument_group(title)
    for part in parts:
        for name, field in part.model_fields.items():
            if name != POSITIONAL:
                _add(group, name, field)


def run_parameters(
    options: argparse.Namespace, kind: type[Part] = RunOptions, *, many: bool = False
) -> dict[str, Any]:
    """The parameters of the config file and of the command line, which wins, as given.

    ConfigFileError if the file has those of several datasets and not ``many`` may be named.
    """
    given = {name: getattr(options, name, None) for name in kind.model_fields}
    config = getattr(options, "config", None)
    read = {} if config is None else read_config(config)
    if "datasets" in read and not many:
        raise ConfigFileError(
            f"The config file {config} names datasets of their own",
            f"'imgvet serve --config {config}' runs them",
        )
    return {
        **read,
        **{name: value for name, value in given.items() if value is not None and value != []},
    }


def read_config(path: Path) -> dict[str, Any]:
    """The parameters in a TOML file, ConfigFileError if it is none; dashes become underscores."""
    named = f"The config file {path}"
    with failing_as(ConfigFileError, f"{named} can't be read", "Check its path"):
        data = path.read_bytes()
    wrong = (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError)
    with failing_as(ConfigFileError, f"{named} is not TOML", "Correct that place", *wrong):
        values = tomllib.loads(data.decode())
    return {name.replace("-", "_"): value for name, value in values.items()}


def _add(group: Any, name: str, field: FieldInfo) -> None:
    flag = f"--{name.replace('_', '-')}"
    kind = _kind(field.annotation)
    default = default_text(field)
    text = (field.description or "").replace("%", "%%") + (f" [{default}]" if default else "")
    if kind is bool:
        # BooleanOptionalAction would take --no-archives for the opposite of an --archives.
        action = "store_true" if flag.startswith("--no-") else argparse.BooleanOptionalAction
        group.add_argument(flag, action=action, default=None, help=text)
    elif get_origin(kind) is Literal:
        group.add_argument(flag, choices=get_args(kind), default=None, help=text)
    elif get_origin(kind) is tuple:
        group.add_argument(
            flag, action="extend", nargs="+", metavar="TEXT", default=None, help=text
        )
    else:
        # pydantic converts and checks the text, so that every face says the same of a bad value.
        group.add_argument(flag, metavar=_PLACEHOLDERS.get(kind, "TEXT"), default=None, help=text)


def _kind(annotation: Any) -> Any:
    """The annotation without ``None`` and without what ``Annotated`` adds."""
    if get_origin(annotation) in (Union, types.UnionType):
        return _kind(next(entry for entry in get_args(annotation) if entry is not type(None)))
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    return annotation


def default_text(field: FieldInfo) -> str:
    """The default of a parameter as a person writes it; empty if there is none."""
    if isinstance(field.default, bool):
        return "yes" if field.default else "no"
    if isinstance(field.default, tuple):
        return " ".join(field.default)
    return "" if field.default in (None, "", PydanticUndefined) else str(field.default)
