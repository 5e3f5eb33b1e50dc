"""Make a tensor inside an ONNX graph one of its outputs, without a library for ONNX files.

A file holds one message ``ModelProto``. Protocol buffers merge a message that stands twice in a
stream: fields that may be repeated are appended (Protocol Buffers, "Encoding", last one wins and
merging). So the bytes of a ``ModelProto`` with nothing but a ``GraphProto`` with nothing but an
output, put behind the file, add that output; ONNX Runtime finds its type and shape by itself.
"""

from __future__ import annotations

# Numbers of the fields in onnx.proto; all three are length-delimited (wire type 2).
_MODEL_GRAPH = 7
_GRAPH_OUTPUT = 12
_VALUE_NAME = 1
_LENGTH_DELIMITED = 2


def with_output(model: bytes, tensor: str) -> bytes:
    """The model with one more output.

    Args:
        model: the content of an .onnx file.
        tensor: name of a tensor of its graph.
    """
    value = _field(_VALUE_NAME, tensor.encode())
    return model + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
