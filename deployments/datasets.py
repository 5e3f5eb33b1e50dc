"""Datasets that are served: from parameters of one, or from a config file as ``datasets.toml``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType
from prefect.types.names import BANNED_CHARACTERS
from pydantic import ValidationError

from imgvet.errors import ConfigFileError, ImgvetError, InvalidParameterError
from imgvet.flows.monitor_dataset import monitor_dataset
from imgvet.format import slug
from imgvet.models.registry import NAMES
from imgvet.monitor.notify import check_addresses
from imgvet.monitor.options import MonitorOptions, all_addresses, make_monitor_options, merged
from imgvet.opening import place_outside
from imgvet.options import PATHS
from imgvet.parameters import BLOCK, block_in, place_in
from imgvet.sources.inputs import kind_of_input

WORK_DIRS = Path("watched")
"""Where datasets have their work dirs that name none: a folder in it, named as the dataset."""

ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
)
"""Two runs of one dataset never overlap; what the second would see, the next one sees."""


@dataclass(frozen=True)
class Served:
    """A dataset that is monitored by a schedule, and the deployment named as it."""

    name: str
    parameters: Mapping[str, Any]
    """Those that were given, as JSON; paths are absolute."""
    cron: str | None  # None if it runs only by hand
    timezone: str

    @property
    def schedule(self) -> str:
        """When it runs, for people."""
        return f"{self.cron} ({self.timezone})" if self.cron else "no schedule"


def served(values: Mapping[str, Any], name: str | None = None, *, to_run: bool = True) -> Served:
    """One dataset, of parameters of a monitored run by name, and ``cron`` and ``timezone``.

    ImgvetError if one is not allowed, or schedule or address can't be read; if it is ``to_run``,
    also if an input is not there, or no deployment may be called so.
    """
    given = {key: value for key, value in values.items() if key not in {"cron", "timezone"}}
    given = {"fail_on": "critical", **given}  # a failed check is red on the server, not green
    if name is not None:
        given = {"dataset_name": name, "work_dir": WORK_DIRS / name, **given}
    options = make_monitor_options(given)
    if to_run:
        _require_runnable(options)
    work_dir = options.work_dir
    for place in (*options.inputs, str(work_dir)):
        if place.startswith(BLOCK):
            block_in(place)
    if not str(work_dir).startswith(BLOCK):
        work_dir = place_outside(work_dir, options.inputs)
    check_addresses(all_addresses(options.notify))
    # Runs are processes of their own, which may have another current folder.
    model = [] if options.model_path in NAMES else ["model_path"]
    options = options.from_anywhere(*PATHS, *model)
    parameters = options.model_dump(mode="json", include=set(given))
    parameters["work_dir"] = place_in(work_dir)
    cron, timezone = values.get("cron"), str(values.get("timezone", "UTC"))
    if cron is not None:
        _check_schedule(str(cron), timezone)
    return Served(options.dataset, parameters, cron, timezone)


def _require_runnable(options: MonitorOptions) -> None:
    """Refuse an input that is not there, and a name that a server takes no deployment of."""
    for source in options.inputs:
        if not source.startswith(BLOCK):
            kind_of_input(source)
    if any(character in options.dataset for character in BANNED_CHARACTERS):
        raise InvalidParameterError(
            f"A Prefect server takes no deployment of the name {options.dataset!r}",
            f"Give a dataset-name without {' '.join(BANNED_CHARACTERS)}",
        )


def served_in(config: Mapping[str, Any], source: str, *, to_run: bool = True) -> tuple[Served, ...]:
    """The datasets of a config file's values; raises as :func:`served`, and names the dataset.

    ConfigFileError if there are none, or two of them share a work dir.
    """
    tables = config.get("datasets")
    if not isinstance(tables, Mapping) or not tables:
        raise ConfigFileError(
            f"{source} names no dataset", "Add a table [datasets.NAME] with input-dir for each"
        )
    common = {key: value for key, value in config.items() if key != "datasets"}
    found = tuple(_entry(*entry, common, to_run=to_run) for entry in tables.items())
    own = {
        "work-dir": [dataset.parameters["work_dir"] for dataset in found],
        # The keys of what the server shows of a dataset say no more of its name.
        "dataset-name, but for case and punctuation": [slug(dataset.name) for dataset in found],
    }
    for what, values in own.items():
        known: dict[str, str] = {}
        for name, value in zip(tables, values, strict=True):
            if (other := known.setdefault(value, name)) != name:
                raise ConfigFileError(
                    f"In {source}, the datasets {other} and {name} share a {what}",
                    "Give each one of its own",
                )
    return found


def _entry(name: str, table: Any, common: Mapping[str, Any], *, to_run: bool) -> Served:
    if not isinstance(table, Mapping):
        raise ConfigFileError(f"datasets.{name} is no table", "Write [datasets.NAME]")
    own = {str(key).replace("-", "_"): value for key, value in table.items()}
    try:
        return served(merged(common, own), name, to_run=to_run)
    except ImgvetError as error:
        raise type(error)(f"[datasets.{name}]: {error.problem}", error.remedy) from None


def _check_schedule(cron: str, timezone: str) -> None:
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        if error.errors()[0]["loc"][:1] == ("timezone",):
            raise InvalidParameterError(
                f"timezone = {timezone!r} is unknown", "Write it as in Europe/Paris or UTC"
            ) from None
        raise InvalidParameterError(
            f"cron = {cron!r} is no schedule",
            "Write minute, hour, day, month and weekday, such as '0 6 * * *' for every day at six",
        ) from None


def deployment_of(dataset: Served) -> RunnerDeployment:
    """The deployment of a dataset; its flow is found by module path, not by file."""
    deployment = monitor_dataset.to_deployment(
        name=dataset.name,
        schedule=Cron(dataset.cron, timezone=dataset.timezone) if dataset.cron else None,
        parameters={"options": dict(dataset.parameters)},
        tags=["imgvet", dataset.name],
        concurrency_limit=ONE_AT_A_TIME,
        description=f"Monitors {', '.join(dataset.parameters['input_dir'])}.",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(deployment, RunnerDeployment)  # noqa: S101
    return deployment


def deploy_datasets(datasets: Iterable[Served], pool: str, image: str | None) -> None:
    """Register the deployments for the workers of a pool; InvalidParameterError if there is none.

    ``image`` is that of the containers in which they run.
    """
    try:
        with get_client(sync_client=True) as client:
            client.read_work_pool(pool)
    except ObjectNotFound:
        raise InvalidParameterError(
            f"There is no work pool {pool!r}",
            f"Make one: prefect work-pool create {pool} --type process (or docker, kubernetes)",
        ) from None
    for dataset in datasets:
        deployment = deployment_of(dataset)
        deployment.job_variables = {} if image is None else {"image": image}
        deployment.apply(work_pool_name=pool)


class _Runner(Runner):
    """Cancels its runs, on the server too, before it stops; Prefect's own leaves them Running."""

    _told = False

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if self.started:
            self.execute_in_background(self.astop)
        elif self._told:
            raise KeyboardInterrupt
        self._told = True

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self._told:  # while it began
            self.execute_in_background(self.astop)
        return self


def serve_datasets(datasets: Iterable[Served]) -> None:
    """Register the deployments, then run what is due until Ctrl-C or SIGTERM.

    Stopping pauses the schedules.
    """
    runner = _Runner()
    for dataset in datasets:
        runner.add_deployment(deployment_of(dataset))
    before = signal.signal(signal.SIGINT, runner.handle_sigterm)
    try:
        asyncio.run(runner.start())
    finally:
        signal.signal(signal.SIGINT, before)
