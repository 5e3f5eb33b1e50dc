"""Run what is due on the server until stopped, and leave nothing behind that seems to run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import Any

from prefect.runner import Runner

from imgvet.deployments.datasets import Served, deployment_of


class _Runner(Runner):
    """Cancels its runs, on the server too, before it stops; Prefect's own leaves them Running."""

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if not self.started:  # not yet, or told a second time
            raise KeyboardInterrupt
        self.execute_in_background(self.astop)


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
