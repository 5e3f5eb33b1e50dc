"""The embedding model: its card, its file, and where both are found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from imgvet.errors import ModelError

BUILTIN_FOLDER = Path(__file__).parent / "builtin"
BUILTIN_NAME = "built-in"
"""What the model inside the package is called where models are named."""

HIGH_ACCURACY_SIDE = 240
"""Side of the built-in model's input for ``high_accuracy``, in pixels: 1.9 times the pixels of the
usual 176. Of all sides up to twice the time it gives the best recall, and the network pads as it
was trained to: at its last stride the side is odd (15 places), as it is with 176 (11)."""

THUMBNAIL_SIDE = 256
"""The short side of a thumbnail, in pixels, if the picture has as many."""

Device = Literal["cpu", "cuda"]


def _for_each_colour(value: Any) -> Any:
    """One number for all three colours, or three."""
    return (value, value, value) if isinstance(value, (int, float)) else value


Levels = Annotated[tuple[float, float, float], BeforeValidator(_for_each_colour)]


class Preparation(BaseModel):
    """What is done to a picture before the model sees it, and to what the model returns.

    The defaults are what the built-in model wants.

    Attributes:
        layout: order of the axes of the input after the first.
        input_dtype: type of the input; uint8 takes levels 0 to 255 as they are.
        colour_order: order of the colours in the input.
        mean: subtracted from the levels 0 to 255 of red, green and blue; not for uint8.
        std: divides what is left; not for uint8.
        resize: ``squash`` the whole picture into the square, or ``crop``: make the short side
            ``resize_size`` pixels long and take the square in the middle.
        resize_size: see ``resize``; None stands for the side of the input.
        interpolation: ``linear`` between the four nearest pixels (OpenCV), or ``bilinear`` and
            ``bicubic`` over all pixels that fall on one (Pillow), as training pipelines do.
        output: name of the output, or of a tensor inside the graph.
        pooling: of an output of more than two axes: ``cls`` takes the first token, ``mean``
            averages tokens or places.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    layout: Literal["NHWC", "NCHW"] = "NHWC"
    input_dtype: Literal["uint8", "float32", "float16"] = "uint8"
    colour_order: Literal["RGB", "BGR"] = "RGB"
    mean: Levels = (0.0, 0.0, 0.0)
    std: Levels = (1.0, 1.0, 1.0)
    resize: Literal["squash", "crop"] = "squash"
    resize_size: int | None = Field(None, ge=1)
    interpolation: Literal["linear", "bilinear", "bicubic"] = "linear"
    output: str = "embeddings"
    pooling: Literal["none", "cls", "mean"] = "none"


class ModelCard(Preparation):
    """What must be known of a model to use it, from its ``card.json`` or from the registry.

    Attributes:
        name: its name.
        version: version of the file, counting up.
        file: name of the file beside the card.
        sha256: digest of that file, hexadecimal.
        licence: SPDX identifier.
        source: where the weights come from.
        width: values of one embedding.
        input_size: side of the square input, in pixels.
        similarity_scale: a in similarity = 1 - a (1 - cosine).
        calibrated: whether that scale was measured; otherwise it is an estimate.
        written_for: the side that the input has in the file, if it is to be changed to
            ``input_size`` on opening (:mod:`imgvet.models.onnx_bytes`).
    """

    name: str
    version: int = 1
    file: str
    sha256: str
    licence: str
    source: str
    width: int = Field(ge=1)
    input_size: int = Field(ge=1)
    similarity_scale: float = Field(gt=0)
    calibrated: bool = True
    written_for: int | None = None

    @model_validator(mode="after")
    def _crop_within(self) -> Self:
        if self.resize_size is not None and self.resize_size < self.input_size:
            raise ValueError("resize_size is less than input_size")
        return self

    @property
    def digest(self) -> str:
        """What its embeddings are known by: changes with the file and with the preparation.

        For the preparation of the built-in model it is the digest of the file.
        """
        preparation = self.model_dump(include=_COUNTED, mode="json")
        if self.input_dtype == "uint8":
            preparation.update(mean=None, std=None)
        if preparation == _BUILTIN_PREPARATION:
            return self.sha256
        text = json.dumps([self.sha256, preparation], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def wants_originals(self) -> bool:
        """Whether a thumbnail (short side at most 256 pixels) has too few pixels for it."""
        return self.input_size > THUMBNAIL_SIDE


_COUNTED = {*Preparation.model_fields, "input_size"}
_BUILTIN_PREPARATION: Mapping[str, Any] = MappingProxyType(
    {**Preparation().model_dump(mode="json"), "mean": None, "std": None, "input_size": 176}
)


class Model(BaseModel):
    """A model on disk; may be a parameter of a task.

    Attributes:
        card: what is known of it.
        path: its ONNX file.
        device: where it runs.
    """

    model_config = ConfigDict(frozen=True)

    card: ModelCard
    path: Path
    device: Device = "cpu"


def builtin_model(device: Device = "cpu") -> Model:
    """The model that ships inside the package.

    Raises:
        ModelError: the installation is damaged.
    """
    return load_model(BUILTIN_FOLDER, device)


def high_accuracy_model(builtin: Model) -> Model:
    """The built-in model for an input of :data:`HIGH_ACCURACY_SIDE` pixels, in the same file.

    The scale of the similarity stays: the distances of the most similar distinct photographs are
    the same.
    """
    changes = {"input_size": HIGH_ACCURACY_SIDE, "written_for": builtin.card.input_size}
    return builtin.model_copy(update={"card": builtin.card.model_copy(update=changes)})


def load_model(folder: Path, device: Device = "cpu") -> Model:
    """The model whose card and file lie in a folder; its digest is checked.

    Raises:
        ModelError: card or file is missing or is not what the card says.
    """
    try:
        card = ModelCard.model_validate_json((folder / "card.json").read_bytes())
        data = (folder / card.file).read_bytes()
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"The model in {folder} can't be read ({error})", "Install imgvet again"
        ) from None
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(
            f"The model file {card.file} is not what its card says", "Install imgvet again"
        )
    return Model(card=card, path=folder / card.file, device=device)
