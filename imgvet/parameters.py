"""What groups of parameters are made of: frozen models, how they are checked, and their errors."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, ParamSpec, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticSerializationError

from imgvet.errors import InvalidParameterError, unknown_parameter

_LONGEST = 200
"""Characters of a wrong value that a message tells: from Python it may be a table or an array."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]


def _as_strings(value: Any) -> Any:
    """One path or several, as a tuple of strings."""
    if isinstance(value, (str, Path)):
        return (str(value),)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        return tuple(str(entry) if isinstance(entry, Path) else entry for entry in value)
    return value


Strings = Annotated[tuple[str, ...], BeforeValidator(_as_strings)]

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)


def address_in(path: Path) -> str:
    """The address that a path was made of, which made one slash of two; empty if it is none."""
    found = _ADDRESS.fullmatch(str(path))
    return f"{found[1]}://{found[2]}" if found else ""


BLOCK = "block:"
"""Start of the name of a block of Prefect's, which stands for an address."""
_BLOCK = re.compile(rf"{BLOCK}([a-z0-9-]+)/([a-z0-9-]+)(?:/(.*))?", re.DOTALL)


def block_in(name: str) -> tuple[str, str, str]:
    """Type and name of a block, and what follows; InvalidParameterError if it is not so written."""
    if (found := _BLOCK.fullmatch(name)) is None:
        raise InvalidParameterError(
            f"{name!r} is the name of no block",
            f"Write it as {BLOCK}TYPE/NAME, such as {BLOCK}slack-webhook/team",
        )
    return found[1], found[2], found[3] or ""


def place_in(path: Path) -> str:
    """A path, or the address that it was made of, as a person writes it."""
    return address_in(path) or str(path)


Place = Annotated[Path, PlainSerializer(place_in, return_type=str, when_used="json")]
"""A folder on this machine, or an address."""


def absolute(place: str) -> str:
    """A path as it is from any current folder; an address or the name of a block as it is."""
    is_elsewhere = "://" in place or place.startswith(BLOCK)
    return place if is_elsewhere else os.path.abspath(Path(place).expanduser())  # noqa: PTH100


def numbers_in(text: str) -> dict[str, float]:
    """Numbers by name, written as ``name=number`` with commas or spaces between them.

    ValueError, with what is wrong, of anything else.
    """
    found: dict[str, float] = {}
    for entry in re.sub(r"\s*=\s*", "=", text).replace(",", " ").split():
        name, _, value = entry.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not name or not math.isfinite(number):
            raise ValueError(f"{entry!r} is not name=number")
        if name in found:
            raise ValueError(f"{name} comes twice")
        found[name] = number
    return found


PartType = TypeVar("PartType", bound="Part")


def parameter(default: Any, description: str, **bounds: Any) -> Any:
    """The field of a parameter; ``bounds`` are those of pydantic, such as ``ge``."""
    return Field(default, description=description, **bounds)


class Frozen(BaseModel):
    """A record that does not change."""

    model_config = ConfigDict(frozen=True)


class Part(Frozen):
    """A frozen group of parameters; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    def part(self, kind: type[PartType]) -> PartType:
        """The parameters of one group, as its own model."""
        return kind(**{name: getattr(self, name) for name in kind.model_fields})

    def from_anywhere(self, *names: str) -> Self:
        """The same, with absolute paths in some of the parameters."""
        update: dict[str, Any] = {}
        for name in names:
            value = getattr(self, name)
            if isinstance(value, tuple):
                update[name] = tuple(map(absolute, value))
            elif value is not None:
                update[name] = type(value)(absolute(str(value)))
        return self.model_copy(update=update)


def validated(kind: type[PartType], values: Mapping[str, Any], command: str) -> PartType:
    """The same of any parameters; the errors lead on to the help of a command."""
    for name in values:
        if name not in kind.model_fields:
            raise unknown_parameter(name, kind.model_fields, f"imgvet {command}")
    given = {name: str(one) if isinstance(one, Path) else one for name, one in values.items()}
    try:
        made = kind(**given)
        made.model_dump_json()
    except ValidationError as error:
        remedy = f"'imgvet {command} --help' lists what is allowed"
        raise _refusal(kind, error, remedy) from None
    except PydanticSerializationError:
        raise InvalidParameterError(
            "A name in the parameters is not UTF-8, which neither tables nor servers can keep",
            "Rename it, or lead there by a link",
        ) from None
    return made


Given = ParamSpec("Given")
Result = TypeVar("Result")


class _Arguments(Frozen):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")


def checked(call: Callable[Given, Result]) -> Callable[Given, Result]:
    """A function whose arguments have to be what its annotations say, as 3 or 3.0 for an int.

    InvalidParameterError names the first that is not.
    """
    # pydantic's validate_call would need what it returns to be known at run time as well, and not
    # tell a wrong argument from what is wrong inside.
    told = {
        one.name: (one.annotation, one.default)
        for one in signature(call).parameters.values()
        if one.annotation is not Parameter.empty and one.kind is not Parameter.VAR_KEYWORD
    }
    arguments = cache(  # with names that a module may learn later than this
        lambda: create_model(
            call.__name__, __base__=_Arguments, __module__=call.__module__, **cast("Any", told)
        )
    )

    @wraps(call)
    def checking(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        bound = signature(call).bind(*args, **kwargs)
        given = bound.arguments.keys() & told
        try:
            found = arguments()(**{name: bound.arguments[name] for name in given})
        except ValidationError as error:
            remedy = f"The help of {call.__name__} says what it takes"
            raise _refusal(_Arguments, error, remedy) from None
        bound.arguments.update({name: getattr(found, name) for name in given})
        return call(*bound.args, **bound.kwargs)

    return checking


Call = TypeVar("Call", bound=Callable[..., Any])


def takes(kind: type[Part], *besides: str) -> Callable[[Call], Call]:
    """Let help and completion know the parameters of a group that a function takes by name.

    All but those named ``besides``.
    """

    def telling(call: Call) -> Call:
        own = [
            one for one in signature(call).parameters.values() if one.kind is not one.VAR_KEYWORD
        ]
        more = [
            Parameter(
                name, Parameter.KEYWORD_ONLY, default=field.get_default(call_default_factory=True)
            )
            for name, field in kind.model_fields.items()
            if name not in besides
        ]
        vars(call)["__signature__"] = signature(call).replace(parameters=[*own, *more])
        return call

    return telling


def first_problem(error: ValidationError) -> str:
    """What is wrong first, after where it is."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


def _refusal(kind: type[BaseModel], error: ValidationError, remedy: str) -> InvalidParameterError:
    first = error.errors(include_url=False)[0]
    location = [str(step) for step in first["loc"] if not str(step).startswith("function-")]
    name = ".".join(location if kind.model_fields else location[:1])  # an argument has no parts
    if first["type"] == "missing":
        return InvalidParameterError(f"{name} is missing", remedy)
    if first["type"] == "extra_forbidden" and location[0] in kind.model_fields:
        group: Any = kind.model_fields[location[0]].annotation
        known = ", ".join(group.model_fields)
        return InvalidParameterError(f"Unknown parameter {name}", f"Known are {known}")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "model_type":
        message = f"it is a table of its own, in a config file [{name}]"
    value = repr(first["input"])
    shown = value if len(value) <= _LONGEST else f"{' '.join(value.split())[:_LONGEST]} ..."
    where = f"{name} = {shown}: " if name else ""
    return InvalidParameterError(f"{where}{message}", remedy)
