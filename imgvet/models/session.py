"""A model ready to run: its ONNX Runtime session, and how many pictures it takes at a time.

An .onnx file can be changed on opening, without a library for such files. It is one protocol
buffer, a ``ModelProto`` (https://onnx.ai/onnx/repo-docs/IR.html):

* The built-in network is convolutional and averages over all places at its end, so it takes a
  picture of any size; only its input and two reshapes name one. :func:`with_input_side` replaces
  these numbers. Numbers of 128 to 16,383 take two bytes, so no length changes.
* A message that stands twice in a stream is merged, and repeated fields are appended (Protocol
  Buffers, "Encoding"). :func:`with_output` therefore puts a ``ModelProto`` with nothing but one
  output behind the file; ONNX Runtime finds its type and shape by itself.
"""

from __future__ import annotations

import logging
import re
import struct
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgvet.errors import ModelError, failing_as
from imgvet.format import message_of
from imgvet.models.model import Device, Model

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU_BATCH = 8
"""Pictures in one run on a processor; larger batches gain nothing there."""
CUDA_BATCH = 64
"""Pictures in one run on a graphics card, until its memory is too small for them."""

MOST_VALUES = 16_000_000
"""Values that a model may return for one picture: 64 MB."""

Sides = tuple[int, int]
"""The side of the input in the file of the built-in model, and the one it shall have."""

_CUDA = "CUDAExecutionProvider"
_FALLBACK = "The model runs on the processor: %s"
_OUT_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate|alloc_failed|bad.?alloc|not enough memory", re.IGNORECASE
)
_STEM_CHANNELS = 32
# Numbers of the fields in onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_OUTPUT = 12
_VALUE_NAME = 1
_opening = threading.Lock()
_logger = logging.getLogger(__name__)


class Runner:
    """Runs one model on one device; several threads may use it at once."""

    def __init__(self, session: InferenceSession, device: Device) -> None:
        self.session = session
        self._input = session.get_inputs()[0]
        first = self._input.shape[0] if self._input.shape else None
        # Pictures that the model wants in each run; None if it takes any number.
        self._fixed: int | None = first if isinstance(first, int) and first > 0 else None
        # Halved whenever the memory is too small for as many.
        self.batch = self._fixed or batch_size(device)

    def run(self, inputs: NDArray[Any], output: str) -> NDArray[np.float32]:
        """What the model returns for prepared pictures, one after the other along the first axis.

        ModelError if it can't be run on them, or not even one of them fits into memory.
        """
        parts, start = [], 0
        while start < len(inputs):
            size = min(self.batch, len(inputs) - start)
            try:
                parts.append(self._run_batch(inputs[start : start + size], output))
            except MemoryError:
                if size == 1 or self._fixed is not None:
                    raise ModelError(
                        f"The memory is too small for the model and {size} of its inputs at a time",
                        "Choose a smaller model, or --device cpu",
                    ) from None
                self.batch = min(self.batch, size // 2)
                _logger.warning(
                    "The memory is too small for %d pictures at a time: %d", size, self.batch
                )
            else:
                start += size
        return np.concatenate(parts)

    def _run_batch(self, inputs: NDArray[Any], output: str) -> NDArray[np.float32]:
        count = len(inputs)
        if self._fixed is not None and count < self._fixed:
            filler = np.zeros((self._fixed - count, *inputs.shape[1:]), inputs.dtype)
            inputs = np.concatenate([inputs, filler])
        try:
            (values,) = self.session.run([output], {self._input.name: inputs})
        except runtime_errors() as error:
            if _OUT_OF_MEMORY.search(str(error)):
                raise MemoryError from None
            raise ModelError(
                f"The model can't be run on an input of shape {inputs.shape} ({words(error)})",
                "Check its card: layout, type and size of its input",
            ) from None
        if values.ndim == 0 or len(values) != len(inputs):
            raise ModelError(
                f"The model returns {output!r} of shape {np.shape(values)} for "
                f"{len(inputs)} pictures",
                "Name another output in its card: one row for each picture is needed",
            )
        if values.size > MOST_VALUES * len(values):
            raise ModelError(
                f"The model returns {values.size // len(values):,} values for a picture",
                f"Name another output in its card, of {MOST_VALUES:,} at most",
            )
        return np.asarray(values[:count], np.float32)


def batch_size(device: Device) -> int:
    """Pictures that are given to a model at a time."""
    return CUDA_BATCH if device == "cuda" else CPU_BATCH


def usable_device(wanted: Device) -> Device:
    """The device that is wanted, or the processor with a word about it where there is no CUDA."""
    if wanted == "cpu":
        return "cpu"
    import onnxruntime

    if _CUDA in onnxruntime.get_available_providers():
        return "cuda"
    _logger.warning(
        _FALLBACK, "this ONNX Runtime is built without CUDA; imgvet[gpu] installs one with it"
    )
    return "cpu"


def open_runner(model: Model) -> Runner:
    """The runner of a model, opened once; raises as :func:`open_session`."""
    card = model.card
    sides = None if card.written_for is None else (card.written_for, card.input_size)
    runner = runner_of(model.path, model.device, sides=sides)
    if any(card.output == declared.name for declared in runner.session.get_outputs()):
        return runner
    return runner_of(model.path, model.device, card.output, sides)


def runner_of(
    path: Path, device: Device = "cpu", inner: str | None = None, sides: Sides | None = None
) -> Runner:
    """The runner of a file, opened once; the arguments are those of :func:`open_session`."""
    with failing_as(ModelError, f"The model {path} can't be read", "Check its path"):
        status = path.stat()
    with _opening:
        return _opened((status.st_size, status.st_mtime_ns), path, device, inner, sides)


@lru_cache(maxsize=4)
def _opened(
    _version: tuple[int, int], path: Path, device: Device, inner: str | None, sides: Sides | None
) -> Runner:
    """The last few are kept, because every shard uses the same."""
    session = open_session(path, device, inner, sides)
    if device == "cuda" and _CUDA not in session.get_providers():
        _logger.warning(_FALLBACK, "CUDA could not be started")
        device = "cpu"
    return Runner(session, device)


def open_session(
    path: Path, device: Device = "cpu", inner: str | None = None, sides: Sides | None = None
) -> InferenceSession:
    """A session of an .onnx or .ort file that computes on the calling thread.

    Of an .onnx file, an inner tensor can be made an output; of the built-in model, the side of the
    input can be changed. ModelError if it can't be loaded.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # what goes wrong is an error that says so
    # Where data beside a model that is given as bytes lie, else they are looked for anywhere.
    folder = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(folder, str(path.parent))
    errors: tuple[type[Exception], ...] = (OSError, *runtime_errors())
    try:
        source: str | bytes = path.read_bytes() if inner or sides else str(path)
        if isinstance(source, bytes) and sides is not None:
            source = with_input_side(source, *sides)
        if isinstance(source, bytes) and inner is not None:
            source = with_output(source, inner)
        return onnxruntime.InferenceSession(source, options, providers=_providers(device))
    except errors as error:
        asked = "" if inner is None else f" with an output {inner!r}"
        raise ModelError(
            f"The model {path} can't be loaded{asked} ({words(error)})",
            "Give an .onnx or .ort file that this version of ONNX Runtime knows",
        ) from None


def _providers(device: Device) -> list[Any]:
    # Without TF32 the vectors differ from those of a processor by rounding only.
    settings = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    return [*([(_CUDA, settings)] if device == "cuda" else []), "CPUExecutionProvider"]


@lru_cache(maxsize=1)
def runtime_errors() -> tuple[type[Exception], ...]:
    """The exceptions of ONNX Runtime, which have no common base class of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = (kind for kind in vars(state).values() if isinstance(kind, type))
    return (*(kind for kind in own if issubclass(kind, Exception)), RuntimeError, ValueError)


def words(error: Exception) -> str:
    """What ONNX Runtime says, as one line without its codes and places in its source."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", message_of(error))
    return text[:300].rstrip(" .")


def with_input_side(model: bytes, side: int, wanted: int) -> bytes:
    """The built-in model for pictures of another side, in pixels, than it was written for.

    Both are multiples of 16 from 128 to 16,368.
    """
    for old, new in zip(_sizes(side), _sizes(wanted), strict=True):
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
