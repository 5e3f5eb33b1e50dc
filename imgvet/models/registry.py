"""The models that are known by name: where their files are, and how they are used.

None of these files lies in the package; they come from their publishers on first use. Preparations
are those of the publishers' own processors: ``preprocessor_config.json`` of facebook/dinov2-* and
openai/clip-vit-*, and the pages of ResNet and EfficientNet-Lite4 in the ONNX model zoo. For the two
classifiers of the zoo, the values before the last layer are taken instead of classes; the names of
those tensors are the ones that the zoo's own list of models gives as features.

Digests and sizes are those that huggingface.co and the zoo show for the files.

``similarity_scale`` is estimated (``calibrated`` is off): no figures of edited photographs were
taken with these models. So runs of 50 images or more estimate it on these
(:mod:`imgvet.models.calibrate`); what stands here is for smaller ones. The scale of the built-in
model, 0.55, gives its most similar pair of distinct photographs (cosine 0.718, see its
MODEL_CARD.md) the similarity 0.845. The others are chosen to do the same, a = 0.155 / (1 - c),
where c is where that pair is expected:

- 0.78 for DINOv2, whose embeddings spread widely;
- 0.90 for CLIP, whose embeddings of pictures lie in a narrow cone (mean cosine of any two of MS
  COCO 0.56; Liang et al., "Mind the Gap", NeurIPS 2022, figure 2);
- 0.85 for the averaged, never negative features of ResNet-50, 0.80 for EfficientNet-Lite4's.

``python -m benchmarks.recall --model FOLDER`` measures a model, given a card like that of the
built-in one.
"""

from __future__ import annotations

from typing import Any

from imgvet.models.file import ModelFile
from imgvet.models.model import BUILTIN_NAME, IMAGENET, ModelCard


class KnownModel(ModelFile):
    """A model that is known by name."""

    settings: dict[str, Any]
    """How it is used: fields of its card."""
    purpose: str
    """What it is good for, a few words."""
    way_out: str = "leave out model_path: the built-in model needs no download"

    @property
    def card(self) -> ModelCard:
        """How it is used; its sha256 is empty if none is published and it was never here."""
        return ModelCard(
            name=self.name, file=self.file_name, sha256=self.expected_sha256 or "",
            licence=self.licence, source=self.source, calibrated=False, **self.settings,
        )  # fmt: skip


_Settings = dict[str, Any]
_PLANES: _Settings = {"layout": "NCHW", "input_dtype": "float32", "resize": "crop"}
_DINOV2: _Settings = {
    **_PLANES, **IMAGENET, "input_size": 224, "resize_size": 256, "interpolation": "bicubic",
    "output": "last_hidden_state", "pooling": "cls", "similarity_scale": 0.70,
}  # fmt: skip
_CLIP: _Settings = {
    **_PLANES,
    "mean": tuple(255 * value for value in (0.48145466, 0.4578275, 0.40821073)),
    "std": tuple(255 * value for value in (0.26862954, 0.26130258, 0.27577711)),
    "interpolation": "bicubic", "output": "image_embeds", "similarity_scale": 1.55,
}  # fmt: skip
_RESNET50: _Settings = {
    **_PLANES, **IMAGENET, "input_size": 224, "resize_size": 256, "interpolation": "bilinear",
    "output": "resnetv17_pool1_fwd", "pooling": "mean", "similarity_scale": 1.0, "width": 2048,
}  # fmt: skip
_EFFICIENTNET: _Settings = {
    "input_dtype": "float32", "mean": 127.0, "std": 128.0, "input_size": 224,
    "resize": "crop", "resize_size": 256, "interpolation": "bilinear",
    "output": "efficientnet-lite4/model/head/AvgPool:0", "pooling": "mean",
    "similarity_scale": 0.78, "width": 1280,
}  # fmt: skip

_HUB = "https://huggingface.co"
# The ONNX model zoo: on huggingface.co since GitHub serves its files no more.
_ZOO = "https://github.com/onnx/models"
_OF_ZOO = f"{_HUB}/onnxmodelzoo/legacy_models/resolve/main/validated/vision/classification"
_ONCE_OF_ZOO = f"{_ZOO}/raw/main/validated/vision/classification"


def _known(name: str, purpose: str, url: str, settings: _Settings, **rest: Any) -> KnownModel:
    """A model of the hub whose card has these settings; the rest are fields of its file."""
    told = {"source": url.partition("/resolve/")[0], **rest}
    return KnownModel(name=name, purpose=purpose, url=url, settings=settings, **told)


_MODELS = (
    _known(
        "dinov2s", "pictures that show the same; small",
        f"{_HUB}/Xenova/dinov2-small/resolve/main/onnx/model.onnx",
        _DINOV2 | {"width": 384}, licence="Apache-2.0", size=88_500_000,
        sha256="83141175ec78b4ff9a2bb58a4c7c264ba0054d1c2e122e5a8114b79a8d4179ea",
    ),
    _known(
        "dinov2b", "the same, finer",
        f"{_HUB}/Xenova/dinov2-base/resolve/main/onnx/model.onnx",
        _DINOV2 | {"width": 768}, licence="Apache-2.0", size=347_000_000,
        sha256="2c7a813d6e0d25784d0c29227760b08cb72f2bee9d928da935a31480a649bbce",
    ),
    _known(
        "clip", "pictures of the same subject (ViT-B/32)",
        f"{_HUB}/Xenova/clip-vit-base-patch32/resolve/main/onnx/vision_model.onnx",
        _CLIP | {"width": 512, "input_size": 224}, licence="MIT", size=352_000_000,
        sha256="fd6e1402a588279d1723c7534d4bcba5bc0b14b47dfab0e46f8c47b8270d7d40",
    ),
    _known(
        "clip336", "the same, with small details (ViT-L/14@336)",
        f"{_HUB}/Xenova/clip-vit-large-patch14-336/resolve/main/onnx/vision_model.onnx",
        _CLIP | {"width": 768, "input_size": 336}, licence="MIT", size=1_220_000_000,
    ),
    _known(
        "clip14", "the same, finer (ViT-L/14)",
        f"{_HUB}/Xenova/clip-vit-large-patch14/resolve/main/onnx/vision_model.onnx",
        _CLIP | {"width": 768, "input_size": 224}, licence="MIT", size=1_220_000_000,
    ),
    _known(
        "resnet50", "classic features of ImageNet",
        f"{_OF_ZOO}/resnet/model/resnet50-v1-12.onnx", _RESNET50,
        mirrors=(f"{_ONCE_OF_ZOO}/resnet/model/resnet50-v1-12.onnx",),
        source=_ZOO, licence="Apache-2.0", size=102_576_419,
        sha256="ab65bdc02c5b3123eb3cdf6dac01742438517d8635d4f233913b2be1c70db3b6",
    ),
    _known(
        "efficientnet", "features of ImageNet; the smallest download",
        f"{_OF_ZOO}/efficientnet-lite4/model/efficientnet-lite4-11.onnx", _EFFICIENTNET,
        mirrors=(
            f"{_HUB}/onnx/EfficientNet-Lite4/resolve/main/efficientnet-lite4-11.onnx",
            f"{_ONCE_OF_ZOO}/efficientnet-lite4/model/efficientnet-lite4-11.onnx",
        ),
        source=_ZOO, licence="MIT", size=51_946_641,
        sha256="d111689907c06eea7c82e4833ddef758da6453b9d4cf60b7e99ca05c7cbd9c12",
    ),
)  # fmt: skip

KNOWN = {model.name: model for model in _MODELS}
"""Name -> model, in the order they are listed."""

NAMES: tuple[str, ...] = (BUILTIN_NAME, *KNOWN)
"""What ``model_path`` may be besides a path."""
