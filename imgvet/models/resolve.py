"""From the parameters of a run to a model that is ready: built in, known by name, or a file."""

from __future__ import annotations

import difflib
from pathlib import Path

from imgvet.errors import InvalidParameterError
from imgvet.models.custom_model import SUFFIXES, custom_model, tried
from imgvet.models.download import Report, fetch_model, tell_progress
from imgvet.models.model import (
    BUILTIN_NAME,
    Device,
    Model,
    ModelCard,
    builtin_model,
    high_accuracy_model,
)
from imgvet.models.prepare import pooled
from imgvet.models.registry import KNOWN, NAMES, KnownModel
from imgvet.models.session import usable_device
from imgvet.options import ModelOptions


def resolve_model(
    options: ModelOptions, device: Device = "cpu", report: Report = tell_progress
) -> Model:
    """The model that ``model_path`` and ``high_accuracy`` ask for, downloaded if need be.

    It runs on the processor where there is no CUDA.

    Raises:
        InvalidParameterError: there is no such model, it gives another width than ``d``, or
            ``high_accuracy`` is asked of another model than the built-in one.
        ModelError: it can't be had or used.
    """
    name = BUILTIN_NAME if options.model_path is None else options.model_path
    usable = usable_device(device)
    if name == BUILTIN_NAME:
        model = builtin_model(usable)
        model = high_accuracy_model(model) if options.high_accuracy else model
    elif options.high_accuracy:
        raise InvalidParameterError(
            f"high_accuracy is of the built-in model, not of model_path = {name!r}",
            "Leave out high_accuracy, or model_path",
        )
    elif name in KNOWN:
        _require_width(KNOWN[name].card, options.d)
        return fetched(KNOWN[name], usable, report)
    else:
        model = custom_model(_model_file(name), usable)
    _require_width(model.card, options.d)
    return model


def fetched(known: KnownModel, device: Device = "cpu", report: Report = tell_progress) -> Model:
    """A model of the registry, downloaded if need be and tried once when it is new here.

    Raises:
        ModelError: it can't be had, or is not what its card says.
    """
    new = not known.file.is_checked
    path = fetch_model(known.file, report)
    card = known.card.model_copy(update={"sha256": known.file.expected_sha256 or ""})
    model = Model(card=card, path=path, device=device)
    if new:
        pooled(tried(model), card)
    return model


def names_to_choose(given: str) -> str:
    """The names that ``model_path`` may be, the nearest one first."""
    nearest = difflib.get_close_matches(given.lower(), NAMES, n=1)
    question = f"Did you mean {nearest[0]!r}? " if nearest else ""
    return f"{question}Known are {', '.join(NAMES)}"


def _model_file(given: str) -> Path:
    path = Path(given).expanduser().absolute()
    is_model = path.suffix.lower() in SUFFIXES
    if path.is_file() and is_model:
        return path
    problem = f"model_path = {given!r} is no known model"
    if is_model:
        problem += f", and there is no file {path}"
    elif path.exists():
        problem += f", and not a file that ends in {' or '.join(SUFFIXES)}"
    raise InvalidParameterError(
        problem, f"{names_to_choose(given)}; or give the path of an .onnx file"
    )


def _require_width(card: ModelCard, wanted: int | None) -> None:
    if wanted is not None and wanted != card.width:
        raise InvalidParameterError(
            f"d = {wanted}, but the model {card.name} gives {card.width} values a picture",
            f"Leave out d, or give d = {card.width}",
        )
