"""What a flow run shares with the Prefect server: the parameters of its deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import deployment
from pydantic import BeforeValidator

from imgvet.monitor.options import MonitorOptions
from imgvet.options import merged


def _over_deployment(given: Any) -> Any:
    """Parameters that name no input, over those of the deployment whose run this is."""
    if not isinstance(given, Mapping) or "input_dir" in given or deployment.id is None:
        return given
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment(UUID(deployment.id))
    return merged(deployed.parameters.get("options", {}), given)


DeployedOptions = Annotated[MonitorOptions, BeforeValidator(_over_deployment)]
"""All parameters of a run, as the form gives them, or some that change those of its deployment.

Prefect replaces the deployment's parameter ``options`` as a whole.
"""
