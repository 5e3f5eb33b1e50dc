"""The one module that knows how tasks are cached, stored and retried.

A cached stage's key is made of its version, the digests of the references it reads, and the options
that change its result. Prefect's own ``INPUTS`` would hash a path as text and its ``TASK_SOURCE``
does not see the functions that a thin task calls, so neither is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff
from pydantic import BaseModel

from imgvet.errors import TransportError
from imgvet.models.model import Model
from imgvet.store.references import Reference, digest_bytes

NOT_IN_KEY = frozenset({"context", "record"})
"""Parameters that do not change a result: where, with how many threads, and what is recorded."""

Inputs = ParamSpec("Inputs")
Result = TypeVar("Result")


def stage_key(version: int, run: TaskRunContext, inputs: dict[str, Any]) -> str:
    """The key of a stage: its name, and a digest of its version and the content of its inputs."""
    counted = {name: _plain(value) for name, value in inputs.items() if name not in NOT_IN_KEY}
    text = json.dumps([version, counted], sort_keys=True)
    return f"{run.task.name}-{digest_bytes(text.encode())}"


def _plain(value: Any) -> Any:
    """An input as JSON.

    A reference counts by its content, not by its name; a model by its card, not by where its file
    lies or on which device it runs.
    """
    if isinstance(value, Reference):
        return value.digest
    if isinstance(value, BaseModel):
        counted = value.card if isinstance(value, Model) else value
        return {name: _plain(getattr(counted, name)) for name in type(counted).model_fields}
    if isinstance(value, dict):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Path):
        return value.as_posix()
    return value


def cached_stage(version: int) -> Callable[[Callable[Inputs, Result]], Task[Inputs, Result]]:
    """A task whose result is a reference (or a model of references) and is cached by content.

    Raise its version when the stage computes something else from the same inputs.
    """
    key = partial(stage_key, version)
    return task(cache_key_fn=key, persist_result=True, result_serializer="json")


def uncached_stage(function: Callable[Inputs, Result]) -> Task[Inputs, Result]:
    """A task that always runs: it looks at the world, or packs cache its items one by one."""
    return task(cache_policy=NO_CACHE, persist_result=False)(function)


TRANSPORT_RETRIES = 4
"""How often a stage that failed in transport runs again: after about 5, 10, 20 and 40 seconds, so
that it outlasts a server that is away for a minute or two."""


def is_transport_error(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001
    """Whether a failed stage may succeed later: the network failed, not the request."""
    return isinstance(state.result(raise_on_failure=False), TransportError)


def transport_stage(function: Callable[Inputs, Result]) -> Task[Inputs, Result]:
    """A task that looks at the world and runs again when the network fails, and only then."""
    return uncached_stage(function).with_options(
        retries=TRANSPORT_RETRIES,
        retry_delay_seconds=exponential_backoff(backoff_factor=5),
        retry_jitter_factor=1.0,
        retry_condition_fn=is_transport_error,
    )
