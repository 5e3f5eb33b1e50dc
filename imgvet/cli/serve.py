"""The commands ``imgvet serve`` and ``imgvet automations apply``, which need a Prefect server."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imgvet.cli.arguments import run_parameters
from imgvet.cli.monitor import add_monitor_arguments
from imgvet.errors import EngineError, ImgvetError, InvalidParameterError
from imgvet.monitor.options import MonitorOptions, all_addresses


def add_serve_commands(commands: Any) -> None:
    """Add ``imgvet serve`` and ``imgvet automations`` to the commands."""
    parser = commands.add_parser(
        "serve",
        help="monitor datasets by a schedule, on a Prefect server",
        description="Monitor one dataset, or those of a config file with tables [datasets.NAME], "
        "by a schedule: registers them on the Prefect server, and runs them in this process's "
        "children until it is stopped.",
    )
    add_monitor_arguments(parser)
    group = parser.add_argument_group("when to run")
    group.add_argument(
        "--cron", metavar="TEXT", help="minute, hour, day, month, weekday: '0 6 * * *' is daily"
    )
    group.add_argument("--timezone", metavar="TEXT", help="what its hours mean [UTC]")
    parser.set_defaults(command=_serve)
    parser = commands.add_parser(
        "automations", help="create or update the automations of a Prefect server"
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    apply = actions.add_parser(
        "apply", help="create them, or update those of the same name; never twice"
    )
    apply.add_argument(
        "--notify", nargs="+", default=(), metavar="URL", help="whom they notify, as Apprise writes"
    )
    apply.set_defaults(command=_apply)


def _serve(options: argparse.Namespace) -> int:
    url = _require_server("imgvet serve")
    from imgvet.engine.server import QUIET, environment

    with environment(QUIET), _on_server(url):
        from imgvet.deployments.datasets import serve_datasets, served, served_in

        values = run_parameters(options, MonitorOptions)
        schedule = {"cron": options.cron, "timezone": options.timezone}
        values |= {name: value for name, value in schedule.items() if value is not None}
        if "datasets" in values and "input_dir" in values:
            raise InvalidParameterError(
                "INPUT and a config file with datasets exclude each other", "Leave out one of them"
            )
        many = "datasets" in values
        datasets = served_in(values, str(options.config)) if many else (served(values),)
        print(f"Monitoring on {url}, until stopped with Ctrl-C:")
        for dataset in datasets:
            when = f"{dataset.cron} ({dataset.timezone})" if dataset.cron else "no schedule"
            print(f"  {dataset.name:<20}  {when:<24}  {dataset.parameters['work_dir']}", flush=True)
        serve_datasets(datasets)
    return 0


def _apply(options: argparse.Namespace) -> int:
    url = _require_server("imgvet automations apply")
    addresses = all_addresses(tuple(options.notify))
    with _on_server(url):
        from imgvet.deployments.automations import apply_automations

        for name, change, number in apply_automations(addresses):
            told = f"sends to {number}" if number else "sends to nobody yet"
            print(f"{name:<20}  {change}, {told}")
    return 0


def _require_server(command: str) -> str:
    from imgvet.engine.server import configured_url

    url = configured_url()
    if url is None:
        raise EngineError(
            f"'{command}' needs a Prefect server",
            "Start one with 'prefect server start' and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
    return url


@contextmanager
def _on_server(url: str) -> Iterator[None]:
    """One line if the server fails."""
    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    try:
        yield
    except ImgvetError:
        raise
    except (PrefectException, HTTPError) as error:
        raise EngineError(
            f"The Prefect server {url} failed: {str(error) or type(error).__name__}",
            "Check that it runs and that PREFECT_API_URL ends in /api",
        ) from error
