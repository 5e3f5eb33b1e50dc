"""Change an ONNX file on opening, without a library for such files.

An ONNX file is one protocol buffer, a ``ModelProto`` (https://onnx.ai/onnx/repo-docs/IR.html):

* The built-in network is convolutional and averages over all places at its end, so it takes a
  picture of any size; only its input and two reshapes name one. :func:`with_input_side` replaces
  these numbers. Numbers of 128 to 16,383 take two bytes, so no length changes.
* A message that stands twice in a stream is merged, and repeated fields are appended (Protocol
  Buffers, "Encoding"). :func:`with_output` therefore puts a ``ModelProto`` with nothing but one
  output behind the file; ONNX Runtime finds its type and shape by itself.
"""

from __future__ import annotations

import struct

from imgvet.errors import ModelError

_STEP = 16
_LEAST, _BEYOND = 128, 16_384
_STEM_CHANNELS = 32
# Numbers of the fields in onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_OUTPUT = 12
_VALUE_NAME = 1


def with_input_side(model: bytes, side: int, wanted: int) -> bytes:
    """The built-in model for pictures of another side, in pixels, than it was written for.

    Raises:
        ModelError: the side is no multiple of 16 from 128 to 16,368, or this is not that model.
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


def with_output(model: bytes, tensor: str) -> bytes:
    """A model with a tensor of its graph as one more output."""
    value = _field(_VALUE_NAME, tensor.encode())
    return model + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value))


def _sizes(side: int) -> tuple[bytes, ...]:
    """The byte sequences in which the file names the side of its input."""
    dimension = b"\x0a\x03\x08" + _varint(side)  # TensorShapeProto.Dimension with a dim_value
    groups = (0, side, side // 4, 12)  # four pixels of three colours are one position
    stem = (0, side // 2, side // 2, _STEM_CHANNELS)
    return 2 * dimension, struct.pack("<4q", *groups), struct.pack("<4q", *stem)


def _field(number: int, content: bytes) -> bytes:
    """A field that is told the length of (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    if number <= 0x7F:
        return bytes([number])
    return bytes([number & 0x7F | 0x80]) + _varint(number >> 7)
