"""From the parameters of a run to a model that is ready: built in, known by name, or a file."""

from __future__ import annotations

import difflib
from pathlib import Path

from imgvet.errors import InvalidParameterError
from imgvet.models.custom_model import SUFFIXES, own_model
from imgvet.models.enlarged import high_accuracy_model
from imgvet.models.fetch import Report, fetch_model, tell_progress
from imgvet.models.model import BUILTIN_NAME, Device, Model, builtin_model
from imgvet.models.prepare import blank, pooled, prepared
from imgvet.models.record import expected_sha256, is_checked
from imgvet.models.registry import KNOWN, NAMES, KnownModel
from imgvet.models.session import open_runner, usable_device
from imgvet.options import ModelOptions


def resolve_model(
    options: ModelOptions, device: Device = "cpu", report: Report = tell_progress
) -> Model:
    """The model that a run asks for, downloaded if need be.

    Args:
        options: ``model_path``, ``d`` and ``high_accuracy`` count.
        device: where it should run; the processor is taken where there is no CUDA.
        report: told how much of a download has arrived.

    Raises:
        InvalidParameterError: there is no such model, it gives another width than ``d``, or
            ``high_accuracy`` is asked of another model than the built-in one.
        ModelError: it can't be had or used.
    """
    usable = usable_device(device)
    given = options.model_path
    if given is None or given == BUILTIN_NAME:
        model = builtin_model(usable)
        return _of_width(high_accuracy_model(model) if options.high_accuracy else model, options.d)
    if options.high_accuracy:
        raise InvalidParameterError(
            f"high_accuracy is of the built-in model, not of model_path = {given!r}",
            "Leave out high_accuracy, or model_path",
        )
    if given in KNOWN:
        known = KNOWN[given]
        _require_width(known.name, known.card.width, options.d)
        return fetched(known, usable, report)
    return _of_width(own_model(_file(given), usable), options.d)


def fetched(known: KnownModel, device: Device = "cpu", report: Report = tell_progress) -> Model:
    """A model of the registry, downloaded if need be and tried once when it is new here.

    Raises:
        ModelError: it can't be had, or is not what its card says.
    """
    new = not is_checked(known.file)
    path = fetch_model(known.file, report)
    card = known.card.model_copy(update={"sha256": expected_sha256(known.file) or ""})
    model = Model(card=card, path=path, device=device)
    if new:
        try_once(model)
    return model


def try_once(model: Model) -> None:
    """Run a model on one blank picture.

    Raises:
        ModelError: it can't be run, or gives another width than its card says.
    """
    inputs = prepared([blank(model.card)], model.card)
    pooled(open_runner(model).run(inputs, model.card.output), model.card)


def _file(given: str) -> Path:
    """The file that is meant.

    Raises:
        InvalidParameterError: there is none, or it is not a model.
    """
    path = Path(given).expanduser().absolute()
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return path
    problem = f"model_path = {given!r} is no known model"
    if path.suffix.lower() in SUFFIXES:
        problem += f", and there is no file {path}"
    elif path.exists():
        problem += f", and not a file that ends in {' or '.join(SUFFIXES)}"
    nearest = difflib.get_close_matches(given.lower(), NAMES, n=1)
    question = f"Did you mean {nearest[0]!r}? " if nearest else ""
    raise InvalidParameterError(
        problem, f"{question}Known are {', '.join(NAMES)}; or give the path of an .onnx file"
    )


def _of_width(model: Model, wanted: int | None) -> Model:
    _require_width(model.card.name, model.card.width, wanted)
    return model


def _require_width(name: str, width: int, wanted: int | None) -> None:
    if wanted is not None and wanted != width:
        raise InvalidParameterError(
            f"d = {wanted}, but the model {name} gives {width} values a picture",
            f"Leave out d, or give d = {width}",
        )
