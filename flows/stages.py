"""Run tasks as stages of a flow: timed, and with cached references checked before they are used."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, TypeVar, cast

from prefect import State, Task
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner
from prefect.utilities.callables import get_call_parameters

from imgvet.bucket import BucketCopy, only_told
from imgvet.flows.runners import Runners
from imgvet.opening import send
from imgvet.options import RunOptions
from imgvet.progress import report_progress
from imgvet.store.references import is_intact, references_in
from imgvet.summary import RunRecord, StageTiming
from imgvet.tasks.context import Lent, RunContext, run_logger
from imgvet.tasks.shards import Plan, Sent, Shard

Result = TypeVar("Result")
IN_FLIGHT = 64
"""Shards that are submitted and not collected yet, at most."""

RECORDED_PACKAGES = (
    "imgvet", "prefect", "pandas", "numpy", "opencv-python-headless", "onnxruntime", "faiss-cpu",
    "scipy", "great-expectations", "plotly", "pyarrow", "pillow", "simplejpeg",
)  # fmt: skip
"""Packages whose versions shape results or report."""


def now() -> datetime:
    """The present time, UTC."""
    return datetime.now(UTC)


@dataclass
class Stages:
    """Runs the stages of one flow run, in its ``context``, and keeps their timings, in order.

    ``runners`` compute the shards. Through the bucket of a ``copy`` their workers, which lack the
    work dir, get what they need and give what they wrote.
    """

    context: RunContext
    runners: Runners
    copy: BucketCopy | None = None
    run_id: str = field(default_factory=lambda: str(flow_run.id))
    started: datetime = field(default_factory=now)
    timings: list[StageTiming] = field(default_factory=list)

    def record(self, options: RunOptions, model: Mapping[str, object]) -> RunRecord:
        """The record of a run that has got this far."""
        finished = now()
        packages = {name: metadata.version(name) for name in RECORDED_PACKAGES}
        return RunRecord(
            run_id=self.run_id,
            started=self.started.isoformat(timespec="seconds"),
            finished=finished.isoformat(timespec="seconds"),
            seconds=round((finished - self.started).total_seconds(), 3),
            parameters=options.model_dump(mode="json"),
            versions={"python": platform.python_version(), **packages},
            model=dict(model),
            stages=tuple(self.timings),
        )

    def run(self, task: Task[..., Result], *inputs: Any) -> Result:
        """Run one task on the context and its inputs.

        A cached result whose files are gone or changed is computed again.
        """
        stage = task.with_options(result_storage=self.context.work.results)
        started = time.perf_counter()
        try:
            state = cast("State[Result]", stage(self.context, *inputs, return_state=True))
        except ValueError as error:
            # Who is stopped while Prefect makes a task run would be told that it has none.
            if isinstance(error.__context__, TerminationSignal):
                raise error.__context__ from None
            raise
        result = state.result()
        cached = state.name == "Cached"
        work, stored = self.context.work, references_in(result)
        if cached and not all(is_intact(work, reference) for reference in stored):
            cached = False
            result = stage.with_options(refresh_cache=True)(self.context, *inputs)
        self._note(task.name, started, cached=cached)
        return result

    def run_shards(
        self, task: Task[..., Result | Sent[Result]], plan: Plan, *inputs: Any
    ) -> list[Result]:
        """Run one task for each shard of a plan and wait for all; the first failure is raised."""
        started = time.perf_counter()
        waiting: deque[PrefectFuture[Result | Sent[Result]]] = deque()
        results: list[Result] = []

        def wait() -> None:
            result = waiting.popleft().result()
            if isinstance(result, Sent):
                if self.copy is not None:
                    self.copy.take(result.files)
                result = result.result
            results.append(result)
            report_progress(task.name, ends[len(results)], plan.pending)

        runner, threads = self.runners.of(len(plan.shards))
        context = self.context.model_copy(update={"threads": threads})
        ends = [*(shard.before.done for shard in plan.shards), plan.pending]
        for shard in plan.shards:
            if len(waiting) == IN_FLIGHT:
                wait()
            waiting.append(self._submitted(runner, task, context, inputs, shard))
        while waiting:
            wait()
        self._note(task.name, started, plan)
        if plan.shards:
            with only_told("What was computed is not in the bucket yet: %s"):
                send(context.work, results=False)  # for who goes on elsewhere if this is killed
        return results

    def _submitted(
        self,
        runner: TaskRunner[Any],
        task: Task[..., Result | Sent[Result]],
        context: RunContext,
        inputs: tuple[Any, ...],
        shard: Shard,
    ) -> PrefectFuture[Result | Sent[Result]]:
        """Have a shard computed."""
        if self.copy is not None:
            if shard.files is None:
                runner = self.runners.here
            else:
                lent = Lent(bucket=context.work.address, files=self.copy.lend(shard.files))
                context = context.model_copy(update={"lent": lent})
        parameters = get_call_parameters(task.fn, (context, *inputs, shard), {})
        return runner.submit(task, parameters)

    def _note(
        self, stage: str, started: float, plan: Plan | None = None, *, cached: bool = False
    ) -> None:
        seconds = round(time.perf_counter() - started, 3)
        done, reused = (plan.pending + plan.ahead, plan.stored - plan.ahead) if plan else (0, 0)
        if plan:
            run_logger.info("%s: %d computed in %.1f s, %d reused", stage, done, seconds, reused)
        self.timings.append(
            StageTiming(stage=stage, seconds=seconds, computed=done, reused=reused, cached=cached)
        )
