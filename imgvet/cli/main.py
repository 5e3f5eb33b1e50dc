"""The command line: parses it, runs the command, and ends with its exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from imgvet.engine.server import QUIET, TemporaryServer, may_be_configured
from imgvet.environment import environment
from imgvet.errors import (
    EXIT_BAD_REQUEST,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_UNREAD,
    ImgvetError,
    failures_of_machine,
)

FLOWS = {"run", "demo", "monitor"}
"""Commands that run a flow."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; :data:`imgvet.errors.EXIT_CODES` says what the returned code means."""
    _open_streams()
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


def _open_streams() -> None:
    """Let closed standard streams lead nowhere; else what is opened next would get their numbers.

    Processes that are started have them as well.
    """
    streams = ("stdin", "r"), ("stdout", "w"), ("stderr", "w")
    while (number := os.open(os.devnull, os.O_RDWR)) < len(streams):
        os.set_inheritable(number, True)
        name, mode = streams[number]
        setattr(sys, name, open(number, mode))  # noqa: SIM115
    os.close(number)


def _command(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with (
            failures_of_machine(),
            environment(_settings(), keep=True),
            _server_for(given) as server,
        ):
            from imgvet.cli.arguments import parse
            from imgvet.cli.commands import parser

            options = parse(parser(), given)
            options.server = server
            module, _, function = options.command.partition(".")
            command = getattr(importlib.import_module(f"imgvet.cli.{module}"), function)
            return int(command(options) or 0)
    except ImgvetError as error:
        from imgvet.cli.arguments import VERBOSE

        if VERBOSE in given:
            error.__suppress_context__ = False
            traceback.print_exception(error)
        print(f"imgvet: {error}", file=sys.stderr)
        return EXIT_BAD_REQUEST
    except KeyboardInterrupt as stop:
        print("imgvet: stopped; run the same command again to go on where it was", file=sys.stderr)
        return EXIT_TERMINATED if isinstance(stop, _TerminatedError) else EXIT_INTERRUPTED


def _settings() -> dict[str, str]:
    """Variables for the process, with a home folder for a user of whom the system knows none."""
    try:
        Path.home()
    except RuntimeError:
        return {**QUIET, "HOME": "/"}  # as containers have it, and libraries look below it
    return dict(QUIET)


@contextmanager
def _server_for(given: Sequence[str]) -> Iterator[TemporaryServer | None]:
    """A temporary server for a command that runs a flow, launched before all that takes time."""
    runs_none = {"-h", "--help", "--deliver"}.intersection(given)
    if not FLOWS.intersection(given[:1]) or runs_none or may_be_configured():
        yield None
        return
    server = TemporaryServer()
    server.launch()
    try:
        yield server
    finally:
        server.stop()


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


def _terminate(_signal: int, _frame: object) -> NoReturn:
    raise _TerminatedError
