"""The models that are known by name: where their files are, and how they are used.

None of these files lies in the package; they come from their publishers on first use. Preparations
are those of the publishers' own processors: ``preprocessor_config.json`` of facebook/dinov2-* and
openai/clip-vit-*, and the pages of ResNet and EfficientNet-Lite4 in the ONNX model zoo. For the two
classifiers of the zoo, the values before the last layer are taken instead of classes; the names of
those tensors are the ones that the zoo's own list of models gives as features.

Digests and sizes are those that huggingface.co and the zoo show for the files.

``similarity_scale`` is estimated (``calibrated`` is off): no figures of edited photographs were
taken with these models. The scale of the built-in model, 0.55, gives its most similar pair of
distinct photographs (cosine 0.718, see its MODEL_CARD.md) the similarity 0.845. The others are
chosen to do the same, a = 0.155 / (1 - c), where c is where that pair is expected:

- 0.78 for DINOv2, whose embeddings spread widely;
- 0.90 for CLIP, whose embeddings of pictures lie in a narrow cone (mean cosine of any two of MS
  COCO 0.56; Liang et al., "Mind the Gap", NeurIPS 2022, figure 2);
- 0.85 for the averaged, never negative features of ResNet-50, 0.80 for EfficientNet-Lite4's.

``python -m benchmarks.recall --model FOLDER`` measures a model, given a card like that of the
built-in one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from imgvet.models.file import ModelFile
from imgvet.models.model import BUILTIN_NAME, ModelCard

_WAY_OUT = "leave out model_path: the built-in model needs no download"


class KnownModel(BaseModel):
    """A model that is known by name.

    Attributes:
        card: how it is used; its sha256 is empty if none is published.
        file: where it comes from.
        purpose: what it is good for, a few words.
    """

    model_config = ConfigDict(frozen=True)

    card: ModelCard
    file: ModelFile
    purpose: str

    @property
    def name(self) -> str:
        """What it is called."""
        return self.file.name


_IMAGENET: Mapping[str, Any] = MappingProxyType(
    {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
)
_CLIP: Mapping[str, Any] = MappingProxyType(
    {
        "mean": tuple(255 * value for value in (0.48145466, 0.4578275, 0.40821073)),
        "std": tuple(255 * value for value in (0.26862954, 0.26130258, 0.27577711)),
        "output": "image_embeds",
    }
)
_FLOAT_PLANES: Mapping[str, Any] = MappingProxyType({"layout": "NCHW", "input_dtype": "float32"})


def _known(file: ModelFile, purpose: str, **card: Any) -> KnownModel:
    described = ModelCard(
        name=file.name,
        file=file.file_name,
        sha256=file.sha256 or "",
        licence=file.licence,
        source=file.source,
        calibrated=False,
        **card,
    )
    return KnownModel(card=described, file=file, purpose=purpose)


def _on_hugging_face(repository: str, path: str, **rest: Any) -> ModelFile:
    page = f"https://huggingface.co/{repository}"
    return ModelFile(url=f"{page}/resolve/main/{path}", source=page, way_out=_WAY_OUT, **rest)


def _of_zoo(path: str, mirror: str | None = None, **rest: Any) -> ModelFile:
    """A file of the ONNX model zoo: on huggingface.co since GitHub serves its files no more."""
    inside = f"validated/vision/classification/{path}"
    mirrors = (mirror, f"https://github.com/onnx/models/raw/main/{inside}")
    return ModelFile(
        url=f"https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/{inside}",
        mirrors=tuple(address for address in mirrors if address is not None),
        source="https://github.com/onnx/models",
        way_out=_WAY_OUT,
        **rest,
    )


def _dinov2(file: ModelFile, purpose: str, width: int) -> KnownModel:
    return _known(
        file,
        purpose,
        width=width,
        input_size=224,
        resize="crop",
        resize_size=256,
        interpolation="bicubic",
        output="last_hidden_state",
        pooling="cls",
        similarity_scale=0.70,
        **_FLOAT_PLANES,
        **_IMAGENET,
    )


def _clip(file: ModelFile, purpose: str, width: int, input_size: int) -> KnownModel:
    return _known(
        file,
        purpose,
        width=width,
        input_size=input_size,
        resize="crop",
        interpolation="bicubic",
        similarity_scale=1.55,
        **_FLOAT_PLANES,
        **_CLIP,
    )


def _make_all() -> tuple[KnownModel, ...]:
    return (
        _dinov2(
            _on_hugging_face(
                "Xenova/dinov2-small",
                "onnx/model.onnx",
                name="dinov2s",
                sha256="83141175ec78b4ff9a2bb58a4c7c264ba0054d1c2e122e5a8114b79a8d4179ea",
                size=88_500_000,
                licence="Apache-2.0",
            ),
            "pictures that show the same; small",
            width=384,
        ),
        _dinov2(
            _on_hugging_face(
                "Xenova/dinov2-base",
                "onnx/model.onnx",
                name="dinov2b",
                sha256="2c7a813d6e0d25784d0c29227760b08cb72f2bee9d928da935a31480a649bbce",
                size=347_000_000,
                licence="Apache-2.0",
            ),
            "the same, finer",
            width=768,
        ),
        _clip(
            _on_hugging_face(
                "Xenova/clip-vit-base-patch32",
                "onnx/vision_model.onnx",
                name="clip",
                sha256="fd6e1402a588279d1723c7534d4bcba5bc0b14b47dfab0e46f8c47b8270d7d40",
                size=352_000_000,
                licence="MIT",
            ),
            "pictures of the same subject (ViT-B/32)",
            width=512,
            input_size=224,
        ),
        _clip(
            _on_hugging_face(
                "Xenova/clip-vit-large-patch14-336",
                "onnx/vision_model.onnx",
                name="clip336",
                size=1_220_000_000,
                licence="MIT",
            ),
            "the same, with small details (ViT-L/14@336)",
            width=768,
            input_size=336,
        ),
        _clip(
            _on_hugging_face(
                "Xenova/clip-vit-large-patch14",
                "onnx/vision_model.onnx",
                name="clip14",
                size=1_220_000_000,
                licence="MIT",
            ),
            "the same, finer (ViT-L/14)",
            width=768,
            input_size=224,
        ),
        _known(
            _of_zoo(
                "resnet/model/resnet50-v1-12.onnx",
                name="resnet50",
                sha256="ab65bdc02c5b3123eb3cdf6dac01742438517d8635d4f233913b2be1c70db3b6",
                size=102_576_419,
                licence="Apache-2.0",
            ),
            "classic features of ImageNet",
            width=2048,
            input_size=224,
            resize="crop",
            resize_size=256,
            interpolation="bilinear",
            output="resnetv17_pool1_fwd",
            pooling="mean",
            similarity_scale=1.0,
            **_FLOAT_PLANES,
            **_IMAGENET,
        ),
        _known(
            _of_zoo(
                "efficientnet-lite4/model/efficientnet-lite4-11.onnx",
                "https://huggingface.co/onnx/EfficientNet-Lite4/resolve/main/"
                "efficientnet-lite4-11.onnx",
                name="efficientnet",
                sha256="d111689907c06eea7c82e4833ddef758da6453b9d4cf60b7e99ca05c7cbd9c12",
                size=51_946_641,
                licence="MIT",
            ),
            "features of ImageNet; the smallest download",
            width=1280,
            input_size=224,
            input_dtype="float32",
            mean=127.0,
            std=128.0,
            resize="crop",
            resize_size=256,
            interpolation="bilinear",
            output="efficientnet-lite4/model/head/AvgPool:0",
            pooling="mean",
            similarity_scale=0.78,
        ),
    )


KNOWN: Mapping[str, KnownModel] = MappingProxyType({model.name: model for model in _make_all()})
"""Name -> model, in the order they are listed."""

NAMES: tuple[str, ...] = (BUILTIN_NAME, *KNOWN)
"""What ``model_path`` may be besides a path."""
