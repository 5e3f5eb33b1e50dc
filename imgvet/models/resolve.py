"""From the parameters of a run to a model that is ready: built in, known by name, or a file.

How to use a file is read from its signature and one run. What these do not tell may stand in a JSON
file of the same name beside it (``my.onnx``, ``my.json``): any field of
:class:`imgvet.models.model.Preparation`, ``input_size``, ``similarity_scale``, ``calibrated``,
``licence`` and ``source``.

Without it, a uint8 input gets levels 0 to 255 as they are and a float input the mean and deviation
of ImageNet (as torchvision's models want); pictures are squashed into the square; tokens or places
are averaged; and the scale of similarity is estimated on the images of the run
(:mod:`imgvet.models.calibrate`), or 1 if they are few.
"""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from imgvet.errors import InvalidParameterError, ModelError, failing_as
from imgvet.models.download import fetch_model
from imgvet.models.file import sha256_of_model
from imgvet.models.model import (
    BUILTIN_NAME,
    IMAGENET,
    Device,
    Model,
    ModelCard,
    builtin_model,
    high_accuracy_model,
)
from imgvet.models.prepare import pooled, prepared, without_places
from imgvet.models.registry import KNOWN, NAMES, KnownModel
from imgvet.models.session import open_runner, runner_of, usable_device
from imgvet.options import ModelOptions
from imgvet.parameters import first_problem

_SUFFIXES = (".onnx", ".ort")
_ANY_SIZE = 224
"""Side of the input of a model that takes any size, in pixels, if its JSON file does not say."""

_TYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(float16)": "float16"}
_READ_FROM_MODEL = frozenset({"name", "file", "sha256", "width", "version", "written_for"})

_logger = logging.getLogger(__name__)


def resolve_model(options: ModelOptions, device: Device = "cpu") -> Model:
    """The model that ``model_path`` and ``high_accuracy`` ask for, downloaded if need be.

    It runs on the processor where there is no CUDA. InvalidParameterError if there is no such
    model, it gives another width than ``d``, or ``high_accuracy`` is asked of another model than
    the built-in one; ModelError if it can't be had or used.
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
        return fetched(KNOWN[name], usable)
    else:
        model = _custom_model(_model_file(name), usable)
    _require_width(model.card, options.d)
    return model


def fetched(known: KnownModel, device: Device = "cpu") -> Model:
    """A model of the registry, downloaded if need be and tried once when it is new here.

    ModelError if it can't be had, or is not what its card says.
    """
    new = not known.is_checked
    path = fetch_model(known)
    model = Model(card=known.card, path=path, device=device)
    if new:
        pooled(_tried(model), model.card)
    return model


def names_to_choose(given: str) -> str:
    """The names that ``model_path`` may be, the nearest one first."""
    nearest = difflib.get_close_matches(given.lower(), NAMES, n=1)
    question = f"Did you mean {nearest[0]!r}? " if nearest else ""
    return f"{question}Known are {', '.join(NAMES)}"


def _model_file(given: str) -> Path:
    path = Path(given).expanduser().absolute()
    is_model = path.suffix.lower() in _SUFFIXES
    if path.is_file() and is_model:
        return path
    problem = f"model_path = {given!r} is no known model"
    if is_model:
        problem += f", and there is no file {path}"
    elif path.exists():
        problem += f", and not a file that ends in {' or '.join(_SUFFIXES)}"
    raise InvalidParameterError(
        problem, f"{names_to_choose(given)}; or give the path of an .onnx file"
    )


def _require_width(card: ModelCard, wanted: int | None) -> None:
    if wanted is not None and wanted != card.width:
        raise InvalidParameterError(
            f"d = {wanted}, but the model {card.name} gives {card.width} values a picture",
            f"Leave out d, or give d = {card.width}",
        )


def _custom_model(path: Path, device: Device) -> Model:
    model = Model(card=_guessed_card(path, device), path=path, device=device)
    values = _tried(model)
    card = model.card
    pooling = "none" if values.ndim <= 2 else "cls" if card.pooling == "cls" else "mean"
    width = without_places(values, card).shape[1]
    card = card.model_copy(update={"pooling": pooling, "width": width})
    _tell_assumptions(card, values.ndim)
    return model.model_copy(update={"card": card})


def _guessed_card(path: Path, device: Device) -> ModelCard:
    """The card before the first run: width and pooling are not known yet."""
    session = runner_of(path, device).session
    fields = {
        "licence": "unknown",
        "source": str(path),
        **_from_input(path, session.get_inputs()),
        "output": _best_output(path, session.get_outputs()),
        **_from_json(path.with_suffix(".json")),
    }
    fields.setdefault("calibrated", "similarity_scale" in fields)
    fields.setdefault("similarity_scale", 1.0)
    fixed = {"name": path.stem, "file": path.name, "sha256": sha256_of_model(path), "width": 1}
    try:
        return ModelCard(**{**fields, **fixed})
    except ValidationError as error:
        raise ModelError(
            f"The model {path} with {path.stem}.json: {first_problem(error)}",
            "Correct that field, or give another model",
        ) from None


def _from_input(path: Path, inputs: Sequence[Any]) -> dict[str, Any]:
    """Layout, type, size and normalisation, as far as the input tells."""
    refusal = ModelError(
        f"The model {path} takes {_in_words(inputs) or 'nothing'}",
        "Give one that takes a batch of square pictures of three colours, uint8 or float, as "
        "N x 3 x side x side or N x side x side x 3",
    )
    if len(inputs) != 1 or inputs[0].type not in _TYPES or len(inputs[0].shape) != 4:
        raise refusal
    _, *axes = inputs[0].shape
    layout = "NHWC" if axes[2] == 3 else "NCHW"
    colours = axes.pop(2 if layout == "NHWC" else 0)
    fixed = [side for side in axes if isinstance(side, int) and side > 0]
    if (isinstance(colours, int) and colours != 3) or len(set(fixed)) > 1:
        raise refusal
    dtype, size = _TYPES[inputs[0].type], fixed[0] if fixed else _ANY_SIZE
    normalisation = {} if dtype == "uint8" else IMAGENET
    return {"layout": layout, "input_dtype": dtype, "input_size": size, **normalisation}


def _best_output(path: Path, outputs: Sequence[Any]) -> str:
    """The first output that has one row for each picture, else the first of numbers."""
    numbers = [one for one in outputs if one.type in ("tensor(float)", "tensor(float16)")]
    if not numbers:
        raise ModelError(
            f"The model {path} returns {_in_words(outputs)}",
            "Give one that returns an embedding of type float",
        )
    rows = [one for one in numbers if len(one.shape) == 2]
    return str((rows or numbers)[0].name)


def _in_words(values: Sequence[Any]) -> str:
    """Inputs or outputs of a model; an axis of any length is a name or None."""
    return " and ".join(
        f"{value.name!r} {value.type} {' x '.join(str(axis or '?') for axis in value.shape)}"
        for value in values
    )


def _from_json(beside: Path) -> dict[str, Any]:
    if not beside.is_file():
        return {}
    problem, remedy = f"{beside} can't be read", "Correct or remove it"
    with failing_as(ModelError, problem, remedy, OSError, ValueError):
        fields = json.loads(beside.read_bytes())
    allowed = sorted(set(ModelCard.model_fields) - _READ_FROM_MODEL)
    unknown = sorted(set(fields) - set(allowed)) if isinstance(fields, dict) else ["no object"]
    if unknown:
        raise ModelError(
            f"{beside} holds {', '.join(unknown)}", f"Its fields are {', '.join(allowed)}"
        )
    return dict(fields)


def _tell_assumptions(card: ModelCard, axes: int) -> None:
    """One line for the log: what was read from the model and what was guessed."""
    levels = "levels 0 to 255" if card.input_dtype == "uint8" else f"{card.mean} and {card.std}"
    pooling = {"none": "", "cls": ", first token taken", "mean": ", averaged"}[card.pooling]
    scale = "the scale of similarity is estimated on your images"
    if card.calibrated:
        scale = f"similarity is 1 - {card.similarity_scale:g} (1 - cosine)"
    _logger.warning(
        "Model %s: %s %s of %d pixels, %s, %s, mean and deviation %s; output %r of %d axes%s, %d "
        "values; %s. %s.json beside it can say otherwise",
        card.file, card.layout, card.input_dtype, card.input_size, card.colour_order, card.resize,
        levels, card.output, axes, pooling, card.width, scale, card.name,
    )  # fmt: skip


def _tried(model: Model) -> NDArray[np.float32]:
    """What a model returns for one grey picture."""
    card = model.card
    grey = np.full((card.input_size, card.input_size, 3), 128, np.uint8)
    return open_runner(model).run(prepared([grey], card), card.output)
