"""A request that was found good: what a run will use, decided before anything is written.

The engine checks a request before it starts a server, and hands it to the flow that it calls in the
same process; a flow that a server starts checks for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import pyarrow as pa

from imgvet.annotations.probabilities import ProbabilitiesReference, probabilities_at
from imgvet.annotations.read import read_annotations
from imgvet.annotations.schema import Annotations
from imgvet.crops.cutter import Cutter, choose_cutter, may_be_cut
from imgvet.crops.listing import annotated
from imgvet.curation.decisions import Decisions, read_decisions
from imgvet.embedding.user_embeddings import UserEmbeddingsReference, read_user_embeddings
from imgvet.errors import InvalidParameterError
from imgvet.flows.runners import check_runner
from imgvet.format import listed
from imgvet.models.model import Model
from imgvet.models.resolve import resolve_model
from imgvet.opening import require_allowed
from imgvet.options import (
    INPUTS,
    CropOptions,
    ModelOptions,
    NeighborOptions,
    RunOptions,
    SourceOptions,
)
from imgvet.parameters import absolute
from imgvet.quality.expectations import Expectation
from imgvet.quality.suite import read_suite
from imgvet.similarity.distances import Metric
from imgvet.similarity.index import check_neighbor_options
from imgvet.sources.inputs import Inputs, find_inputs
from imgvet.workdir import CROPS_PART, WorkDir

USER_EMBEDDINGS = "user embeddings"
"""What user embeddings are called where models are named."""


@dataclass(frozen=True)
class Request:
    """What a run will use. The work dir need not be there yet."""

    work: WorkDir
    annotations: Annotations | None
    cutter: Cutter | None
    """None if whole pictures are analysed."""
    model: Model | None
    """None with user embeddings."""
    user_embeddings: UserEmbeddingsReference | None
    metric: Metric
    inputs: Inputs
    decisions: Decisions
    """What a person decided on contents, which holds in this run."""
    probabilities: ProbabilitiesReference | None = None
    suite: tuple[Expectation, ...] = ()
    """What else is expected of the dataset."""
    to_measure: int = 0
    """Files that were not measured before the run; some may be measured ahead of the flow."""

    @property
    def sees_rotated_duplicates(self) -> bool:
        """Whether rotated and flipped duplicates can be judged: by a model, as cosines."""
        return self.model is not None and self.metric.distance in ("cosine", "euclidean")

    @property
    def needs_scale(self) -> bool:
        """Whether the scale of similarity is to be estimated: none was measured for the model."""
        return self.sees_rotated_duplicates and not (self.model and self.model.card.calibrated)

    @property
    def model_name(self) -> str:
        """What the summary calls the model."""
        return self.model.card.name if self.model is not None else USER_EMBEDDINGS

    @property
    def model_record(self) -> dict[str, object]:
        """What the record keeps of the model."""
        if self.model is not None:
            scale = {"similarity_scale": self.metric.scale}
            estimated = self.metric.scale != self.model.card.similarity_scale
            note = {"scale_from": "the distinct images of this run"} if estimated else {}
            return self.model.card.model_dump(mode="json") | scale | note
        digest = self.user_embeddings.digest if self.user_embeddings is not None else ""
        return {"name": USER_EMBEDDINGS, "sha256": digest}


def check_request(options: RunOptions) -> Request:
    """Refuse a bad request (ImgvetError) while nothing is written; may download a model."""
    check_runner(options)
    # Results of crops lie beside those of whole images: which they will be is not known yet.
    require_allowed(
        options.work_dir, options.inputs, overwrite=options.overwrite or may_be_cut(options)
    )
    inputs = find_inputs(options.part(SourceOptions))
    # They were refused by the names that were given; results are read from any current folder.
    options, inputs = options.from_anywhere(*INPUTS), _from_anywhere(inputs)
    sources, annotations = options.part(SourceOptions), None
    if options.annotations is not None:
        annotations = read_annotations(*options.annotations)
    cutter = choose_cutter(sources, annotations, options.data_type, options.part(CropOptions))
    part = "" if cutter is None else CROPS_PART
    work = require_allowed(options.work_dir, overwrite=options.overwrite, part=part)
    model, given, metric = _compared_by(options)
    if inputs.listing is not None and (annotations is not None or sources.split_pattern):
        annotated(inputs.listing, sources, annotations, cutter)
    path = options.probabilities
    probabilities = None if path is None else probabilities_at(path, options.inputs)
    suite = read_suite(options.expectations) if options.expectations else ()
    return Request(
        work, annotations, cutter, model, given, metric, inputs, read_decisions(work),
        probabilities, suite,
    )  # fmt: skip


def with_options(request: Request, options: RunOptions) -> Request:
    """The request with what was given from Python where the options now say that it lies."""
    annotations, given = request.annotations, request.user_embeddings
    probabilities = request.probabilities
    if annotations is not None and options.annotations is not None:
        annotations = replace(annotations, source=listed(options.annotations))
    if given is not None:
        given = given.model_copy(update={"path": options.embeddings})
    if probabilities is not None:
        probabilities = probabilities.model_copy(update={"path": options.probabilities})
    return replace(
        request, annotations=annotations, user_embeddings=given, probabilities=probabilities
    )


def with_scale(request: Request, scale: float) -> Request:
    """The request with a scale of similarity that was estimated on the images of the run."""
    return replace(request, metric=request.metric.model_copy(update={"scale": scale}))


_CHECKED: ContextVar[Request | None] = ContextVar("request", default=None)


@contextmanager
def as_checked(request: Request | None) -> Iterator[None]:
    """Let the flow that is called inside take a request as checked."""
    token = _CHECKED.set(request)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def request_of(options: RunOptions) -> Request:
    """The request that was checked before the flow was called, else that of the options."""
    return _CHECKED.get() or check_request(options)


def _from_anywhere(inputs: Inputs) -> Inputs:
    """What the inputs lead to, with absolute paths for the inputs that items were found through."""
    if inputs.listing is None:
        return inputs
    place = inputs.listing.schema.get_field_index("source")
    named = inputs.listing["source"].to_pandas()
    found = named.map({name: absolute(name) for name in named.unique()})
    column = pa.array(found, inputs.listing.schema.field(place).type)
    return replace(inputs, listing=inputs.listing.set_column(place, "source", column))


def _compared_by(
    options: RunOptions,
) -> tuple[Model | None, UserEmbeddingsReference | None, Metric]:
    """The model or the user embeddings, and how vectors are compared."""
    neighbors, path = options.part(NeighborOptions), options.embeddings
    if path is None:
        model = resolve_model(options.part(ModelOptions), options.device)
        check_neighbor_options(neighbors, model.card.width)
        metric = Metric(distance=options.distance, scale=model.card.similarity_scale)
        return model, None, metric
    if options.model_path is not None or options.high_accuracy:
        other = "high_accuracy" if options.model_path is None else "model_path"
        raise InvalidParameterError(
            f"embeddings and {other} exclude each other", f"Leave out {other}, or embeddings"
        )
    given = read_user_embeddings(path)
    if options.d is not None and options.d != given.width:
        raise InvalidParameterError(
            f"d = {options.d}, but {path} has {given.width} values for each image",
            f"Leave out d, or give d = {given.width}",
        )
    check_neighbor_options(neighbors, given.width)
    reference = UserEmbeddingsReference(path=path, digest=given.digest, folders=options.inputs)
    return None, reference, Metric(distance=options.distance)
