"""The embedding model: its card, its file and its ONNX Runtime session."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from imgvet.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BUILTIN_FOLDER = Path(__file__).parent / "builtin"


class ModelCard(BaseModel):
    """What must be known of a model to use it, from its ``card.json``.

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
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    version: int
    file: str
    sha256: str
    licence: str
    source: str
    width: int
    input_size: int
    similarity_scale: float


@dataclass(frozen=True)
class Model:
    """A model on disk.

    Attributes:
        card: what is known of it.
        path: its ONNX file.
    """

    card: ModelCard
    path: Path


def builtin_model() -> Model:
    """The model that ships inside the package.

    Raises:
        ModelError: the installation is damaged.
    """
    return load_model(BUILTIN_FOLDER)


def load_model(folder: Path) -> Model:
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
    return Model(card, folder / card.file)


@lru_cache(maxsize=1)
def open_session(path: Path) -> InferenceSession:
    """A session that computes on the calling thread; several threads may run it at once.

    The last one is kept, because every shard uses the same.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
