"""What a flow run has from the server, the parameters of its deployment, and is called there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import deployment, flow_run
from pydantic import BeforeValidator

from imgvet.flows.stages import now
from imgvet.monitor.options import MonitorOptions, merged
from imgvet.tasks.artifacts import register


def _over_deployment(given: Any) -> Any:
    """Parameters that name no input, over those of the deployment whose run this is."""
    if not isinstance(given, Mapping) or "input_dir" in given or deployment.id is None:
        return given
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment(UUID(deployment.id))
    return merged(deployed.parameters.get("options", {}), given)


DeployedOptions = Annotated[MonitorOptions, BeforeValidator(_over_deployment)]
"""The options of a run, or changes of its deployment's, which Prefect replaces as a whole."""


def run_name() -> str:
    """The name of a run: its dataset and when it starts, as servers start processes early."""
    start = max(flow_run.scheduled_start_time, now())
    return f"{flow_run.parameters['options'].dataset} {start:%Y-%m-%d %H:%M:%S}"


def tag_run(dataset: str) -> None:
    """Tag the run by its dataset, as deployments do, so that the server's pages can be filtered."""
    tags = sorted({*flow_run.tags, "imgvet", dataset})
    with get_client(sync_client=True) as client:
        register("tags", lambda: client.update_flow_run(UUID(flow_run.id), tags=tags))
