"""Embed a picture that a person gives exactly as the run embedded its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import ValidationError

from imgvet.embedding.compute import embed_pictures
from imgvet.errors import (
    InputNotFoundError,
    InputUnreadableError,
    InvalidParameterError,
    ModelError,
)
from imgvet.images.isolation import decoded
from imgvet.images.picture import (
    Pixels,
    decode_thumbnail,
    encode_thumbnail,
    rgb_of_image,
    to_standard_size,
)
from imgvet.models.model import Model, ModelCard
from imgvet.models.resolve import resolve_model
from imgvet.options import ModelOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.local import read_bytes
from imgvet.summary import RunRecord

MAX_BYTES = 64_000_000
"""Greatest size of a picture that is searched for, in bytes."""


def has_model(record: RunRecord) -> bool:
    """Whether a model made the embeddings of a run; otherwise they were the user's own."""
    return record.parameters.get("embeddings") is None


def model_of(record: RunRecord) -> Model:
    """The model of a run.

    InvalidParameterError if the run had embeddings of its own, or its model is not known here;
    ModelError if the model can't be had, or is no longer the one of the run.
    """
    if not has_model(record):
        raise InvalidParameterError(
            "The run used your own embeddings, so other pictures can't be embedded",
            "Search from a picture of the set, or run again with a model",
        )
    model = resolve_model(record.options(ModelOptions))
    try:
        card = ModelCard.model_validate(record.model)
    except ValidationError:
        problem = "The record of the run does not say which model it used"
        raise ModelError(problem, "Run again") from None
    if model.card.digest != card.digest:
        problem = f"The model {model.card.name} is no longer the one of the run"
        raise ModelError(problem, "Run again")
    return model


def embed_picture(data: bytes, model: Model) -> NDArray[np.float32] | Failure:
    """The embedding of a picture, float32 (width,), or why it can't be decoded.

    All zeros if the model says nothing about it.
    """
    pixels = pixels_for(data, model)
    return pixels if isinstance(pixels, Failure) else embed_pictures([pixels], model)[0]


def pixels_for(data: bytes, model: Model) -> Pixels | Failure:
    """The pixels of a picture that a model embeds, or why it can't be decoded.

    It is reduced to a thumbnail as a run does, unless the model wants more pixels than that.
    """
    picture = decoded(data)
    if isinstance(picture, Failure) or model.card.wants_originals:
        return picture if isinstance(picture, Failure) else picture.pixels
    return decode_thumbnail(encode_thumbnail(to_standard_size(picture.pixels)))


def as_picture(given: Any) -> int | str | bytes:
    """What is searched for as the run takes it: an id, a name, or the bytes of a picture.

    ``given`` is one of them, a path, an array (height, width, 3) of RGB or (height, width) of gray
    from 0 to 255, or a picture of Pillow; InvalidParameterError of anything else.
    """
    if isinstance(given, (int, np.integer)):
        return int(given)
    if isinstance(given, (str, Path)):
        return str(given)
    if isinstance(given, bytes):
        return given
    is_pillow = isinstance(given, Image.Image)
    pixels = rgb_of_image(ImageOps.exif_transpose(given)) if is_pillow else np.asarray(given)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2:] != (3,) or pixels.dtype != np.uint8 or not pixels.size:
        what = f" {pixels.dtype} of shape {pixels.shape}" if isinstance(given, np.ndarray) else ""
        raise InvalidParameterError(
            f"{type(given).__name__}{what} is nothing to search for",
            "Give an id, a file name, the bytes of a picture, or an array uint8 (height, width, 3) "
            "of RGB or (height, width) of gray",
        )
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def read_picture(path: Path) -> bytes:
    """The bytes of a regular file of at most :data:`MAX_BYTES`; raises one of our errors if not."""
    try:
        data = read_bytes(path, MAX_BYTES + 1)
    except ValueError:  # a name that no file can have
        data = Failure(Reason.MISSING, "")
    if isinstance(data, bytes) and len(data) > MAX_BYTES:
        data = Failure(Reason.TOO_LARGE, f"larger than {MAX_BYTES:,} bytes")
    if isinstance(data, bytes):
        return data
    if data.reason is Reason.MISSING:
        raise InputNotFoundError(f"There is no file {path}", "Check its name")
    raise InputUnreadableError(f"{path} can't be read ({data.detail})", "Name another picture file")
