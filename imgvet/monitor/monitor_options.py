"""The parameters of notifying, and all parameters of a monitored run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from imgvet.errors import InvalidParameterError, unknown_parameter
from imgvet.monitor.options import WatchOptions
from imgvet.options import Part, RunOptions, Strings, make_options

ADDRESSES_VARIABLE = "IMGVET_NOTIFY"
"""Environment variable with further addresses, so that secrets stay out of parameters."""


class NotifyOptions(Part):
    """Who is told of alarms, and how the dataset is called there."""

    notify: Strings = Field(
        (),
        description="addresses to send alarms and all-clears to, as Apprise writes them: "
        "slack://..., mailto://..., json://host:port/path posts JSON; those in the environment "
        f"variable {ADDRESSES_VARIABLE} are added",
    )
    dataset_name: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="name of the dataset in messages and on the server [last part of the input]",
    )
    report_url: str | None = Field(
        None,
        description="address under which the folder of the report can be opened by those who are "
        "told, for links; without it links lead to the file",
    )


class MonitorOptions(RunOptions, WatchOptions, NotifyOptions):
    """All parameters of a monitored run."""

    @property
    def called(self) -> str:
        """The dataset's name."""
        from imgvet.monitor.facts import dataset_name  # loads pandas

        return self.dataset_name or dataset_name(self.input_dir)


def all_addresses(notify: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of the parameter and those of the environment, each once."""
    return tuple(dict.fromkeys((*notify, *os.environ.get(ADDRESSES_VARIABLE, "").split())))


def make_monitor_options(values: Mapping[str, Any]) -> MonitorOptions:
    """Validate parameters that a person gave.

    Raises:
        UnknownParameterError: a name that does not exist.
        InvalidParameterError: a value that is not allowed; the message names the parameter.
    """
    for name in values:
        if name not in MonitorOptions.model_fields:
            raise unknown_parameter(name, MonitorOptions.model_fields)
    make_options({name: value for name, value in values.items() if name in RunOptions.model_fields})
    try:
        return MonitorOptions(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"] if not str(step).startswith("function-"))
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidParameterError(
            f"{name} = {first['input']!r}: {message}",
            "'imgvet monitor --help' lists what is allowed",
        ) from None
