"""Work out how to use a model file that is not known: from its signature and one run.

What a signature does not tell may stand in a JSON file of the same name beside it (``my.onnx``,
``my.json``): any field of :class:`imgvet.models.model.Preparation`, ``input_size``,
``similarity_scale``, ``calibrated``, ``licence`` and ``source``.

Without it, a uint8 input gets levels 0 to 255 as they are and a float input the mean and deviation
of ImageNet (as torchvision's models want); pictures are squashed into the square; tokens or places
are averaged; and ``similarity_scale`` is 1, so that similarity is the cosine itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from imgvet.errors import ModelError
from imgvet.models.file import sha256_of
from imgvet.models.model import Device, Model, ModelCard
from imgvet.models.prepare import blank, prepared, without_places
from imgvet.models.session import open_runner, runner_of

SUFFIXES = (".onnx", ".ort")
ANY_SIZE = 224
"""Side of the input of a model that takes any size, in pixels, if its JSON file does not say."""

_TYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(float16)": "float16"}
_IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
_READ_FROM_MODEL = frozenset({"name", "file", "sha256", "width", "version"})

_logger = logging.getLogger(__name__)


def custom_model(path: Path, device: Device = "cpu") -> Model:
    """A model from a file that is not known, tried on one picture.

    Raises:
        ModelError: it is not a model of pictures, or its JSON file is wrong.
    """
    card = _guessed_card(path, device)
    model = Model(card=card, path=path, device=device)
    values = open_runner(model).run(prepared([blank(card)], card), card.output)
    card = card.model_copy(update=_width_and_pooling(values, card))
    _logger.warning("%s", _assumptions(card, values))
    return Model(card=card, path=path, device=device)


def _guessed_card(path: Path, device: Device) -> ModelCard:
    """The card before the first run: width and pooling are not known yet."""
    session = runner_of(path, device).session
    defaults = {"licence": "unknown", "source": str(path), "similarity_scale": 1.0}
    fields = {
        **defaults,
        "calibrated": False,
        **_from_input(path, session.get_inputs()),
        "output": _best_output(path, session.get_outputs()),
        **_from_json(path),
    }
    fixed = {"name": path.stem, "file": path.name, "sha256": sha256_of(path), "width": 1}
    try:
        return ModelCard(**{**fields, **fixed})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ModelError(
            f"{path.with_suffix('.json')}: {where}: {first['msg']}", "Correct that field"
        ) from None


def _in_words(values: Sequence[Any]) -> str:
    """Inputs or outputs of a model; an axis of any length is a name or None."""
    return " and ".join(
        f"{value.name!r} {value.type} {' x '.join(str(axis or '?') for axis in value.shape)}"
        for value in values
    )


def _from_input(path: Path, inputs: Sequence[Any]) -> dict[str, Any]:
    """Layout, type, size and normalisation, as far as the input tells."""
    refusal = ModelError(
        f"The model {path} takes {_in_words(inputs) or 'nothing'}",
        "Give one that takes a batch of square pictures of three colours, uint8 or float, as "
        "N x 3 x side x side or N x side x side x 3",
    )
    first = inputs[0] if len(inputs) == 1 else None
    if first is None or first.type not in _TYPES or len(first.shape) != 4:
        raise refusal
    layout = "NHWC" if first.shape[3] == 3 else "NCHW"
    colours = first.shape[3] if layout == "NHWC" else first.shape[1]
    sides = first.shape[1:3] if layout == "NHWC" else first.shape[2:]
    fixed = [side for side in sides if isinstance(side, int) and side > 0]
    if (isinstance(colours, int) and colours != 3) or len(set(fixed)) > 1:
        raise refusal
    dtype = _TYPES[first.type]
    normalisation = {} if dtype == "uint8" else _IMAGENET
    size = fixed[0] if fixed else ANY_SIZE
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


def _from_json(path: Path) -> dict[str, Any]:
    """What the JSON file beside the model says."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        fields = json.loads(beside.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{beside} can't be read ({error})", "Correct or remove it") from None
    allowed = sorted(set(ModelCard.model_fields) - _READ_FROM_MODEL)
    unknown = sorted(set(fields) - set(allowed)) if isinstance(fields, dict) else ["no object"]
    if unknown:
        raise ModelError(
            f"{beside} holds {', '.join(unknown)}", f"Its fields are {', '.join(allowed)}"
        )
    return dict(fields)


def _width_and_pooling(values: NDArray[np.float32], card: ModelCard) -> dict[str, Any]:
    several = "mean" if card.pooling == "none" else card.pooling
    pooling = "none" if values.ndim <= 2 else several
    vectors = without_places(values, card.model_copy(update={"pooling": pooling}))
    return {"pooling": pooling, "width": vectors.shape[1]}


def _assumptions(card: ModelCard, values: NDArray[np.float32]) -> str:
    """One line for the log: what was read from the model and what was guessed."""
    levels = "levels 0 to 255" if card.input_dtype == "uint8" else f"{card.mean} and {card.std}"
    pooling = {"none": "", "cls": ", first token taken", "mean": ", averaged"}[card.pooling]
    return (
        f"Model {card.file}: {card.layout} {card.input_dtype} of {card.input_size} pixels, "
        f"{card.colour_order}, {card.resize}, mean and deviation {levels}; output {card.output!r} "
        f"of {values.ndim} axes{pooling}, {card.width} values; similarity is "
        f"1 - {card.similarity_scale:g} (1 - cosine). {card.name}.json beside it can say otherwise"
    )
