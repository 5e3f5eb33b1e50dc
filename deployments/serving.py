"""Deployments of the flow monitor_dataset, made in Python: one process, no work pool."""

from __future__ import annotations

from collections.abc import Iterable

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from imgvet.deployments.datasets import Served
from imgvet.flows.monitor_dataset import monitor_dataset

TAG = "imgvet"
"""Tag of every deployment; each has its dataset's name as well."""

ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
)
"""Two runs of one dataset never overlap; what the second would see, the next one sees."""


def deployment_of(dataset: Served) -> RunnerDeployment:
    """The deployment of a dataset; its flow is found by module path, not by file."""
    deployment = monitor_dataset.to_deployment(
        name=dataset.name,
        schedule=Cron(dataset.cron, timezone=dataset.timezone) if dataset.cron else None,
        parameters={"options": dict(dataset.parameters)},
        tags=[TAG, dataset.name],
        concurrency_limit=ONE_AT_A_TIME,
        description=f"Monitors {', '.join(dataset.options.input_dir)}.",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(deployment, RunnerDeployment)  # noqa: S101
    return deployment


def serve_datasets(datasets: Iterable[Served]) -> None:
    """Register the deployments, then run what is due until stopped; stopping pauses schedules."""
    serve(*(deployment_of(dataset) for dataset in datasets), print_starting_message=False)
