"""The built-in model with a larger input, for ``high_accuracy``: the same file, more pixels.

The network is convolutional and averages over all places at its end, so it takes any size; only
its input and two reshapes name one. :func:`with_input_side` rewrites these numbers in the bytes of
the file, which need no other library for it: an ONNX file is a protocol buffer, numbers of 128 to
16,383 take two bytes in it, and so no length changes.

Of all sides up to twice the time 240 gives the best recall, and the network pads as it was trained
to: at its last stride the side is odd (15 places), as it is with 176 (11).
"""

from __future__ import annotations

from imgvet.errors import ModelError
from imgvet.models.model import Model

HIGH_ACCURACY_SIDE = 240
"""Side of the input for ``high_accuracy``, in pixels: 1.9 times the pixels of the usual 176."""

_STEP = 16
_LEAST, _BEYOND = 128, 16_384
_STEM_CHANNELS = 32


def high_accuracy_model(builtin: Model) -> Model:
    """The built-in model for an input of :data:`HIGH_ACCURACY_SIDE` pixels.

    Its file is still the usual one, which is changed by :func:`with_input_side` when it is opened.
    The scale of the similarity stays: the distances of the most similar distinct photographs are
    the same.
    """
    card = builtin.card.model_copy(
        update={"input_size": HIGH_ACCURACY_SIDE, "written_for": builtin.card.input_size}
    )
    return builtin.model_copy(update={"card": card})


def with_input_side(model: bytes, side: int, wanted: int) -> bytes:
    """The built-in model for pictures of another size.

    Args:
        model: the content of its file.
        side: the side of the input that it was written for, in pixels.
        wanted: the side that it shall have, in pixels: a multiple of 16, 128 to 16,368.

    Raises:
        ModelError: the size is not possible, or this is not the built-in model.
    """
    if wanted % _STEP or not _LEAST <= wanted < _BEYOND:
        raise ModelError(
            f"The built-in model can't have an input of {wanted} pixels",
            f"Choose a multiple of {_STEP} from {_LEAST}",
        )
    for old, new in zip(_sizes(side), _sizes(wanted), strict=True):
        if model.count(old) != 1:
            raise ModelError(
                f"The size of its input ({side} pixels) is not found in the model file",
                "Use the built-in model, or leave high_accuracy out",
            )
        model = model.replace(old, new)
    return model


def _sizes(side: int) -> tuple[bytes, ...]:
    """The byte sequences in which the file names the side of its input."""
    groups = (0, side, side // 4, 12)  # four pixels of three colours are one position
    stem = (0, side // 2, side // 2, _STEM_CHANNELS)
    return (2 * _dimension(side), _int64s(groups), _int64s(stem))


def _int64s(values: tuple[int, ...]) -> bytes:
    """Raw data of a TensorProto of integers."""
    return b"".join(value.to_bytes(8, "little") for value in values)


def _dimension(value: int) -> bytes:
    """TensorShapeProto.Dimension with a dim_value: tags, lengths, and the varint of two bytes."""
    varint = bytes([value & 0x7F | 0x80, value >> 7])
    return bytes([0x0A, 1 + len(varint), 0x08]) + varint
