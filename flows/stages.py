"""Run tasks as stages of a flow: timed, and with cached references checked before they are used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from prefect import State, Task, unmapped

from imgvet.store.references import is_intact, references_in
from imgvet.summary import StageTiming
from imgvet.tasks.context import RunContext
from imgvet.tasks.shards import Plan

Result = TypeVar("Result")
_CACHED = "Cached"


class Stages:
    """Runs the stages of one flow run and keeps their timings.

    Attributes:
        context: where the run happens.
        timings: the stages so far, in order.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.timings: list[StageTiming] = []

    def run(self, task: Task[..., Result], *inputs: Any) -> Result:
        """Run one task; a cached result whose files are gone or changed is computed again.

        Args:
            task: the stage.
            inputs: its inputs after the context.
        """
        stage = task.with_options(result_storage=self.context.work.results)
        started = time.perf_counter()
        state = cast("State[Result]", stage(self.context, *inputs, return_state=True))
        result = state.result()
        cached = state.name == _CACHED
        if cached and not self._intact(result):
            cached = False
            result = stage.with_options(refresh_cache=True)(self.context, *inputs)
        self._note(task.name, started, cached=cached)
        return result

    def run_shards(self, task: Task[..., Result], plan: Plan, *inputs: Any) -> Sequence[Result]:
        """Run one task for each shard of a plan and wait for all; the first failure is raised."""
        started = time.perf_counter()
        fixed = [unmapped(value) for value in (self.context, *inputs)]
        futures = task.map(*fixed, list(plan.shards)) if plan.shards else []
        results = [future.result() for future in futures]
        self._note(task.name, started, plan)
        return results

    def _intact(self, result: object) -> bool:
        return all(is_intact(self.context.work, reference) for reference in references_in(result))

    def _note(
        self, stage: str, started: float, plan: Plan | None = None, *, cached: bool = False
    ) -> None:
        self.timings.append(
            StageTiming(
                stage=stage,
                seconds=round(time.perf_counter() - started, 3),
                computed=plan.pending if plan else 0,
                reused=plan.reused if plan else 0,
                cached=cached,
            )
        )
