"""Run tasks as stages of a flow: timed, and with cached references checked before they are used."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, TypeVar, cast

from prefect import State, Task
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner
from prefect.utilities.callables import get_call_parameters

from imgvet.bucket import BucketCopy
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


class Stages:
    """Runs the stages of one flow run, in its ``context``, and keeps their timings, in order.

    ``runner`` has been started; it computes the shards. Through the bucket of a ``copy`` its
    workers, which lack the work dir, get what they need and give what they wrote.
    """

    def __init__(
        self, context: RunContext, runner: TaskRunner[Any], copy: BucketCopy | None = None
    ) -> None:
        self.context = context
        self.runner = runner
        self.copy = copy
        self.run_id = str(flow_run.id)
        self.started = now()
        self.timings: list[StageTiming] = []

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
        state = cast("State[Result]", stage(self.context, *inputs, return_state=True))
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
        waiting: deque[Callable[[], Result | Sent[Result]]] = deque()
        results: list[Result] = []

        def wait() -> None:
            results.append(self._received(waiting.popleft()()))
            report_progress(task.name, ends[len(results)], plan.pending)

        ends = [*(shard.done_before for shard in plan.shards), plan.pending]
        for shard in plan.shards:
            if len(waiting) == IN_FLIGHT:
                wait()
            waiting.append(self._submitted(task, shard, inputs))
        while waiting:
            wait()
        self._note(task.name, started, plan)
        return results

    def _submitted(
        self, task: Task[..., Result | Sent[Result]], shard: Shard, inputs: tuple[Any, ...]
    ) -> Callable[[], Result | Sent[Result]]:
        """Have a shard computed; what is given waits for its result."""
        context = self.context
        if self.copy is not None:
            if shard.files is None:
                result = task(context, *inputs, shard)
                return lambda: result
            lent = Lent(bucket=context.work.address, files=self.copy.lend(shard.files))
            context = context.model_copy(update={"lent": lent})
        parameters = get_call_parameters(task.fn, (context, *inputs, shard), {})
        future: PrefectFuture[Result | Sent[Result]] = self.runner.submit(task, parameters)
        return future.result

    def _received(self, result: Result | Sent[Result]) -> Result:
        if not isinstance(result, Sent):
            return result
        if self.copy is not None:
            self.copy.take(result.files)
        return result.result

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
