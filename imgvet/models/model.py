"""The embedding model: its card, its file, and the one that ships inside the package."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from imgvet.errors import ModelError, failing_as
from imgvet.metrics import STANDARD_SHORT_SIDE
from imgvet.parameters import Frozen

BUILTIN_FOLDER = Path(__file__).parent / "builtin"
BUILTIN_NAME = "built-in"
"""What the model inside the package is called where models are named."""

HIGH_ACCURACY_SIDE = 240
"""Side of the built-in model's input for ``high_accuracy``, in pixels: 1.9 times the pixels of the
usual 176. Of all sides up to twice the time it gives the best recall, and the network pads as it
was trained to: at its last stride the side is odd (15 places), as it is with 176 (11)."""

IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
"""Mean and deviation of ImageNet's levels 0 to 255, as torchvision's models want them."""

Device = Literal["cpu", "cuda"]

Levels = Annotated[
    tuple[float, float, float],
    BeforeValidator(lambda value: (value,) * 3 if isinstance(value, (int, float)) else value),
]
"""Of red, green and blue; one number counts for all three."""


class Preparation(Frozen):
    """What is done to a picture before the model sees it, and to what the model returns.

    The defaults are what the built-in model wants.
    """

    layout: Literal["NHWC", "NCHW"] = "NHWC"
    input_dtype: Literal["uint8", "float32", "float16"] = "uint8"
    """uint8 takes levels 0 to 255 as they are."""
    colour_order: Literal["RGB", "BGR"] = "RGB"
    mean: Levels = (0.0, 0.0, 0.0)
    """Subtracted from levels 0 to 255; not for uint8."""
    std: Levels = (1.0, 1.0, 1.0)
    """Divides what is left; not for uint8."""
    resize: Literal["squash", "crop"] = "squash"
    """``squash`` the whole picture into the square, or ``crop``: make the short side
    ``resize_size`` pixels long and take the square in the middle."""
    resize_size: int | None = Field(None, ge=1)
    """None: the side of the input."""
    interpolation: Literal["linear", "bilinear", "bicubic"] = "linear"
    """``linear`` between the four nearest pixels (OpenCV), or ``bilinear`` and ``bicubic`` over all
    pixels that fall on one (Pillow), as training pipelines do."""
    output: str = "embeddings"
    """Name of the output, or of a tensor inside the graph."""
    pooling: Literal["none", "cls", "mean"] = "none"
    """Of an output of more than two axes: ``cls`` takes the first token, ``mean`` averages tokens
    or places."""


class ModelCard(Preparation):
    """What must be known of a model to use it, from its ``card.json`` or from the registry."""

    name: str
    version: int = 1
    file: str
    sha256: str
    licence: str
    source: str
    """Where the weights come from."""
    width: int = Field(ge=1)
    """Values of one embedding."""
    input_size: int = Field(ge=1, le=4096)
    """Side of the square input, in pixels."""
    similarity_scale: float = Field(gt=0)
    """a in similarity = 1 - a (1 - cosine)."""
    calibrated: bool = True
    """Whether that scale was measured; otherwise it is an estimate."""
    written_for: int | None = None
    """The side that the input has in the file, if it is to be changed to ``input_size`` on opening
    (:mod:`imgvet.models.session`)."""

    @model_validator(mode="after")
    def _crop_within(self) -> Self:
        if self.resize_size is not None and self.resize_size < self.input_size:
            raise ValueError("resize_size is less than input_size")
        return self

    @property
    def digest(self) -> str:
        """What its embeddings are known by: the file and, if not as built in, the preparation."""
        preparation = self.model_dump(include=_COUNTED, mode="json")
        if self.input_dtype == "uint8":
            preparation.update(mean=None, std=None)
        if preparation == _BUILTIN_PREPARATION:
            return self.sha256
        text = json.dumps([self.sha256, preparation], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def wants_originals(self) -> bool:
        """Whether a thumbnail has too few pixels for it."""
        return self.input_size > STANDARD_SHORT_SIDE


_COUNTED = {*Preparation.model_fields, "input_size"}
_BUILTIN_PREPARATION = Preparation().model_dump(mode="json") | {
    "mean": None, "std": None, "input_size": 176,
}  # fmt: skip


class Model(Frozen):
    """A model on disk: its card, its ONNX file, and where it runs; may be a parameter of a task."""

    card: ModelCard
    path: Path
    device: Device = "cpu"


def builtin_model(device: Device = "cpu") -> Model:
    """The model that ships inside the package; raises as :func:`load_model`."""
    return load_model(BUILTIN_FOLDER, device)


def high_accuracy_model(builtin: Model) -> Model:
    """The same file for an input of :data:`HIGH_ACCURACY_SIDE` pixels.

    The scale of the similarity stays, as the most similar distinct photographs are as far apart.
    """
    changes = {"input_size": HIGH_ACCURACY_SIDE, "written_for": builtin.card.input_size}
    return builtin.model_copy(update={"card": builtin.card.model_copy(update=changes)})


def load_model(folder: Path, device: Device = "cpu") -> Model:
    """The model in a folder; ModelError if card or file is missing or is not what the card says."""
    problem, remedy = f"The model in {folder} can't be read", "Install imgvet again"
    with failing_as(ModelError, problem, remedy, OSError, ValidationError):
        card = ModelCard.model_validate_json((folder / "card.json").read_bytes())
        data = (folder / card.file).read_bytes()
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(f"The model file {card.file} is not what its card says", remedy)
    return Model(card=card, path=folder / card.file, device=device)
