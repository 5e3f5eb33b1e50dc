"""What a run will use, decided before anything is read: crops, model, and how images compare."""

from __future__ import annotations

from dataclasses import dataclass

from imgvet.crops.cutter import Cutter
from imgvet.crops.listing import cutter_of
from imgvet.embedding.user_embeddings import OwnChoice, digest_own, read_own_embeddings
from imgvet.errors import InvalidParameterError
from imgvet.models.model import Model
from imgvet.models.resolve import resolve_model
from imgvet.options import (
    AnnotationOptions,
    CropOptions,
    ModelOptions,
    NeighborOptions,
    RunOptions,
    SourceOptions,
)
from imgvet.similarity.distances import Metric
from imgvet.similarity.index import check_neighbor_options

OWN_NAME = "own embeddings"
"""What own embeddings are called where models are named."""


@dataclass(frozen=True)
class Choices:
    """What a run will use.

    Attributes:
        cutter: how pictures are cut, None if whole ones are analysed.
        model: what embeds them, None with own embeddings.
        own: own embeddings, None with a model.
        metric: how embeddings are compared.
    """

    cutter: Cutter | None
    model: Model | None
    own: OwnChoice | None
    metric: Metric

    @property
    def sees_turned_copies(self) -> bool:
        """Whether mirrored and turned copies can be judged: by a model, as cosines."""
        return self.model is not None and self.metric.distance in ("cosine", "euclidean")

    @property
    def model_name(self) -> str:
        """What the summary calls the model."""
        return self.model.card.name if self.model is not None else OWN_NAME

    @property
    def model_record(self) -> dict[str, object]:
        """What the record keeps of the model."""
        if self.model is not None:
            return self.model.card.model_dump(mode="json")
        return {"name": OWN_NAME, "sha256": self.own.digest if self.own else ""}


def choose(options: RunOptions) -> Choices:
    """Decide what a run uses; models are downloaded if need be.

    Raises:
        ImgvetError: the options ask for what there is not, or for what does not go together.
    """
    sources, annotations = options.part(SourceOptions), options.part(AnnotationOptions)
    cutter = cutter_of(sources, annotations, options.part(CropOptions))
    neighbors = options.part(NeighborOptions)
    model_options = options.part(ModelOptions)
    if model_options.embeddings is None:
        model = resolve_model(model_options, options.device)
        check_neighbor_options(neighbors, model.card.width)
        metric = Metric(distance=options.distance, scale=model.card.similarity_scale)
        return Choices(cutter, model, None, metric)
    own = _own(model_options, options.input_dir)
    check_neighbor_options(neighbors, read_own_embeddings(own.path).width)
    return Choices(cutter, None, own, Metric(distance=options.distance))


def _own(options: ModelOptions, folders: tuple[str, ...]) -> OwnChoice:
    """The own embeddings that the options name.

    Raises:
        InvalidParameterError: they can't be used, or a model is asked for as well.
    """
    path = options.embeddings or ""
    if options.model_path is not None or options.high_accuracy:
        other = "high_accuracy" if options.model_path is None else "model_path"
        raise InvalidParameterError(
            f"embeddings and {other} exclude each other", f"Leave out {other}, or embeddings"
        )
    width = read_own_embeddings(path).width
    if options.d is not None and options.d != width:
        raise InvalidParameterError(
            f"d = {options.d}, but {path} has {width} values for each image",
            f"Leave out d, or give d = {width}",
        )
    return OwnChoice(path=path, digest=digest_own(path), folders=folders)
