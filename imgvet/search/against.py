"""Is it in there already? Of each of many pictures the nearest in a finished run."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import ExitStack
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from imgvet.embedding.compute import embed_pictures
from imgvet.errors import InvalidParameterError
from imgvet.format import counted
from imgvet.images.isolation import decoded
from imgvet.images.picture import Pixels, encode_thumbnail, to_standard_size
from imgvet.models.model import Model, ModelCard
from imgvet.models.session import batch_size
from imgvet.opening import finished_at
from imgvet.options import SimilarityOptions
from imgvet.parameters import Part, Place, Strings, parameter
from imgvet.reasons import Failure, Reason
from imgvet.search.image_table import ImageTable
from imgvet.search.index import SearchIndex
from imgvet.search.picture import has_model, model_of, pixels_for
from imgvet.similarity.distances import Reals, Rows, Vectors
from imgvet.similarity.look import Look
from imgvet.similarity.relations import Relation, related
from imgvet.similarity.verify import pictures_of
from imgvet.sources.inputs import opened
from imgvet.store.references import digest_bytes, read_vectors
from imgvet.store.store import Store
from imgvet.summary import RunRecord, read_record
from imgvet.threads import in_threads, read_ahead
from imgvet.workdir import WorkDir

COLUMNS = ("picture", "status", "rank", "similarity", "id", "filename", "copies", "relation")
"""Of a picture, ``status`` (ok, or why it can't be looked up), and of each of its nearest contents
the rank, the first image with it, and how many have it; ``relation`` (exact: the same bytes) is
told of those that are similar enough to be compared."""


class LookUpOptions(Part):
    """The parameters of the flow ``look_up_pictures``."""

    work_dir: Place = Field(description="work dir of a finished run")
    pictures: Strings = Field(
        min_length=1, description="what is looked up: inputs of any kind, or another work dir"
    )
    k: int = parameter(1, "how many of the nearest images are told of each picture", ge=1)
    csv: Path | None = parameter(None, "file for the table [look_up.csv in the work dir]")


_GIVEN = ["picture", "status", "digest"]
_LOOKS = 256


def look_up(work: WorkDir, given: Sequence[str], k: int = 1, threads: int = 1) -> pd.DataFrame:
    """The ``k`` nearest contents of a run for each picture, with :data:`COLUMNS`.

    ``given`` is one work dir, whose images and embeddings are taken as they are, or inputs as a run
    takes them, which are embedded as the run embedded its own.

    Raises:
        InvalidParameterError: the two runs used different models, or a run used embeddings of its
            own and pictures are given.
        ImgvetError: as :func:`imgvet.sources.inputs.opened`.
    """
    all_images = ImageTable.of_run(work)
    search = SearchIndex.of_run(work, all_images, threads)
    images = all_images.frame(["filename", "digest", "embedding_row"]).reset_index()
    images = images.dropna(subset="embedding_row")
    other = finished_at(given[0]) if len(given) == 1 else None
    contents = images.drop_duplicates("digest").set_index("digest")["embedding_row"]
    k = max(1, min(k, len(contents)))  # what is asked for beyond them would be empty rows
    with ExitStack() as stack:
        if other is not None:
            pictures, vectors = _of_run(work, other)
            see: Callable[[Any], Look | None] = _stored_pictures(other)
        else:
            items, read = stack.enter_context(opened(given))
            pictures, vectors = _of_files(work, items["filename"], read, contents, threads)
            see = partial(_picture_in, read)
        rows, similarity = search.nearest_rows(vectors, k)
        _put_first(pictures["digest"].map(contents), rows, similarity)
        table = pictures.loc[pictures.index.repeat(k)].reset_index(drop=True)
        ranks = np.tile(np.arange(1, k + 1), len(rows))
        table = table.assign(rank=ranks, similarity=similarity.ravel(), row=rows.ravel())
        first = {"id": "first", "filename": "first", "content": "first", "copies": "size"}
        known = images.assign(content=images["digest"], copies=1).groupby("embedding_row")
        table = table.join(known.agg(first), on="row")
        is_same = table["digest"].notna() & (table["digest"] == table["content"])
        table["relation"] = is_same.map({True: Relation.EXACT.value}).astype(object)
        least = read_record(work).options(SimilarityOptions).verify_threshold
        near = table[(table["similarity"] >= least) & ~is_same]
        pairs = list(zip(near["key"], near["content"], strict=True))
        table.loc[near.index, "relation"] = _relations(pairs, see, _stored_pictures(work), threads)
        found = table[table["id"].notna() | (table["rank"] == 1)]
        types = {"rank": "Int64", "id": "Int64", "copies": "Int64"}
        found = found.assign(rank=found["rank"].where(found["id"].notna()))
        return found[list(COLUMNS)].astype(types).reset_index(drop=True)


def in_short(found: pd.DataFrame, work: WorkDir) -> str:
    """How many of the pictures in a table of :func:`look_up` the run knows, in a sentence."""
    near = read_record(work).options(SimilarityOptions).threshold
    first = found[found["rank"].eq(1).fillna(value=False)]
    exact, alike = first["relation"].eq(Relation.EXACT), first["similarity"] >= near
    edited = first["relation"].notna() & ~exact & first["relation"].ne(Relation.SIMILAR_ONLY)
    pictures, more = counted(found["picture"].nunique(), "picture"), alike & ~exact & ~edited
    return (f"Of {pictures} {exact.sum():,} are in there already byte by byte, {edited.sum():,} as "
            f"edits, and {more.sum():,} more are at least {near:g} similar.")  # fmt: skip


def _put_first(own: pd.Series, rows: Rows, similarity: Reals) -> None:
    """Put the row of a picture's own content first, of several that are as similar."""
    for place in np.flatnonzero(own.notna()):
        row = int(own.iloc[place])
        others = np.flatnonzero(rows[place] != row)[: rows.shape[1] - 1]
        rows[place] = [row, *rows[place, others]]
        similarity[place] = [1.0, *similarity[place, others]]


def _of_files(
    work: WorkDir,
    names: pd.Series,
    read: Callable[[int], bytes | Failure],
    known: pd.Series,
    threads: int,
) -> tuple[pd.DataFrame, Vectors]:
    """What is looked up: picture, status, digest and key (its row); and embeddings, or zeros.

    ``known`` are the rows of the run's embeddings, by digest.
    """
    model, contents = model_of(read_record(work)), frozenset(known.index)
    reads = read_ahead(
        range(len(names)), lambda row: _seen(read(row), model, contents), workers=threads
    )
    embeddings = read_vectors(work.embeddings)
    rows: list[tuple[str, str | None]] = []
    vectors = np.zeros((len(names), embeddings.shape[1]), np.float32)
    for batch in iter(lambda: list(islice(reads, batch_size(model.device))), []):
        placed = enumerate(batch, len(rows))
        shown = {row: pixels for row, (_, pixels) in placed if pixels is not None}
        vectors[list(shown)] = embed_pictures(shown.values(), model)
        rows += [row for row, _ in batch]
    pictures = pd.DataFrame(rows, columns=_GIVEN[1:])
    pictures = pictures.assign(picture=names.to_numpy(), key=range(len(names)))
    there = pictures["digest"].isin(known.index).to_numpy()
    vectors[there] = embeddings[known.loc[pictures["digest"][there]].to_numpy(np.int64)]
    return pictures, vectors


def _seen(
    data: bytes | Failure, model: Model, known: Container[str]
) -> tuple[tuple[str, str | None], Pixels | None]:
    """Status and digest of a picture; and its pixels, but if the run has its content."""
    if isinstance(data, Failure):
        return (data.reason.value, None), None
    digest = digest_bytes(data)
    pixels = None if digest in known else pixels_for(data, model)
    if isinstance(pixels, Failure):
        return (pixels.reason.value, digest), None
    return (Reason.OK.value, digest), pixels


def _of_run(work: WorkDir, other: WorkDir) -> tuple[pd.DataFrame, Vectors]:
    own, embeddings = read_vectors(work.embeddings), read_vectors(other.embeddings)
    models = [_model_name(read_record(one)) for one in (work, other)]
    if models[0] != models[1] or own.shape[1] != embeddings.shape[1]:
        raise InvalidParameterError(
            f"{work.home} was embedded by {models[0][0]} with {own.shape[1]} values an image, "
            f"{other.home} by {models[1][0]} with {embeddings.shape[1]}",
            "Run both with the same model",
        )
    images = ImageTable.of_run(other).frame(["filename", "status", "digest", "embedding_row"])
    rows = images.pop("embedding_row")
    vectors, valid = np.zeros((len(rows), embeddings.shape[1]), np.float32), rows.notna().to_numpy()
    vectors[valid] = embeddings[rows[valid].to_numpy(np.int64)]
    pictures = images.set_axis(_GIVEN, axis=1).reset_index(drop=True)
    return pictures.assign(key=pictures["digest"]), vectors


def _model_name(record: RunRecord) -> tuple[str, str]:
    """The name of a run's model, and its digest; none for embeddings of one's own."""
    name = str(record.model.get("name", "an unknown model"))
    return name, ModelCard.model_validate(record.model).digest if has_model(record) else ""


def _relations(
    pairs: Sequence[tuple[Any, str]],
    new: Callable[[Any], Look | None],
    old: Callable[[str], Look | None],
    threads: int,
) -> list[str | None]:
    """The relation of each pair of a picture and a content; None if one can't be seen any more."""
    kept = lru_cache(_LOOKS)(old)

    def compare(pair: tuple[Any, str]) -> str | None:
        left, right = new(pair[0]), kept(pair[1])
        if left is None or right is None:
            return None
        return related(left, right).relation

    return list(in_threads(compare, pairs, threads))


def _stored_pictures(work: WorkDir) -> Callable[[str], Look | None]:
    """Gives a picture of a run by its digest, as far as its store has it."""
    shown_of = pictures_of(Store(work))
    return lambda digest: Look(*shown) if (shown := shown_of(digest)) else None


def _picture_in(read: Callable[[int], bytes | Failure], row: int) -> Look | None:
    """The picture that is read of a row."""
    data = read(row)
    picture = data if isinstance(data, Failure) else decoded(data)
    if isinstance(picture, Failure):
        return None
    thumbnail = encode_thumbnail(to_standard_size(picture.pixels))
    return Look(thumbnail, (picture.width, picture.height))
