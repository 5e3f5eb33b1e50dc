"""Is it in there already? Of each of many pictures the nearest in a finished run."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.embedding.compute import embed_pictures
from imgvet.errors import InvalidParameterError, RunNotFoundError
from imgvet.images.picture import Pixels
from imgvet.models.model import Model, ModelCard
from imgvet.models.session import batch_size
from imgvet.options import SimilarityOptions, SourceOptions
from imgvet.reasons import Failure, Reason
from imgvet.search.many import ManySearch
from imgvet.search.picture import has_model, model_of, pixels_for
from imgvet.search.relations import Seen, picture_in, relations_of, stored_pictures
from imgvet.similarity.verify import Relation
from imgvet.sources.inputs import find_inputs
from imgvet.sources.local import read_bytes
from imgvet.store.references import digest_bytes
from imgvet.summary import RunRecord, read_record
from imgvet.tables import ITEMS, conform, read_table, to_frame
from imgvet.threads import read_ahead
from imgvet.workdir import WorkDir, open_finished, work_dir_at

COLUMNS = ("picture", "status", "rank", "similarity", "id", "filename", "copies", "relation")
"""Of a picture, ``status`` (ok, or why it can't be looked up), and of each of its nearest contents
the rank, the first image with it, and how many have it; ``relation`` (exact: the same bytes) is
told of those that are similar enough to be compared."""

_Read = tuple[str, str, str | None, Pixels | None]
"""Name, status, digest and pixels of a picture; no pixels if the run has its content."""


def look_up(work: WorkDir, given: Sequence[str], k: int = 1, threads: int = 1) -> pd.DataFrame:
    """The ``k`` nearest contents of a run for each picture, with :data:`COLUMNS`.

    ``given`` is one work dir, whose images and embeddings are taken as they are, or folders, lists
    and images, which are embedded as the run embedded its own.

    Raises:
        InvalidParameterError: the two runs used different models, or a run used embeddings of its
            own and pictures are given.
        RunNotFoundError: archives, videos or buckets are given, which need a run of their own.
        ImgvetError: as :func:`imgvet.sources.inputs.find_inputs`.
    """
    if k < 1:
        raise InvalidParameterError(f"k = {k} is less than 1", "Ask for one image or more")
    search = ManySearch.of_run(work, threads)
    items = _items_of(work)
    other = _run_in(given)
    see: Callable[[str], Seen | None] = picture_in
    if other is None:
        source = "picture"
        pictures, vectors = _of_files(work, given, items, threads)
    else:
        source, see = "digest", stored_pictures(other)
        pictures, vectors = _of_run(work, other)
    rows, similarity = search.nearest(vectors, k)
    firsts = items.drop_duplicates("embedding_row").set_index("embedding_row")
    copies = items["embedding_row"].value_counts()
    table = pictures.loc[pictures.index.repeat(k)].reset_index(drop=True)
    row = pd.Series(rows.ravel(), table.index)
    table["rank"], table["similarity"] = np.tile(np.arange(1, k + 1), len(rows)), similarity.ravel()
    for name in ("id", "filename"):
        table[name] = row.map(firsts[name])
    table["copies"] = row.map(copies)
    is_same = table["digest"].notna() & (table["digest"] == row.map(firsts["digest"]))
    table["relation"] = is_same.map({True: Relation.EXACT.value}).astype(object)
    least = read_record(work).options(SimilarityOptions).verify_threshold
    near = table[(table["similarity"] >= least) & ~is_same]
    pairs = list(zip(near[source], row[near.index].map(firsts["digest"]), strict=True))
    table.loc[near.index, "relation"] = relations_of(pairs, see, work, threads)
    found = table[(row >= 0) | (table["rank"] == 1)]
    types = {"rank": "Int64", "id": "Int64", "copies": "Int64"}
    table = found.assign(rank=found["rank"].where(found["id"].notna()))
    return table[list(COLUMNS)].astype(types).reset_index(drop=True)


def _items_of(work: WorkDir) -> pd.DataFrame:
    items = to_frame(conform(read_table(work.table(ITEMS.name)), ITEMS))
    return items.dropna(subset="embedding_row")


def _run_in(given: Sequence[str]) -> WorkDir | None:
    """The finished run that is given, if it is one."""
    if len(given) != 1 or "://" in given[0]:
        return None
    path = Path(given[0]).expanduser()
    return open_finished(path) if work_dir_at(path).is_finished() else None


def _of_files(
    work: WorkDir, given: Sequence[str], items: pd.DataFrame, threads: int
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """What is looked up: picture, status and digest; and embeddings, zeros where there is none."""
    model = model_of(read_record(work))
    listing = find_inputs(SourceOptions(input_dir=tuple(given))).listing
    if listing is None:
        raise RunNotFoundError(
            f"{', '.join(given)} holds archives, videos or objects in buckets",
            "Look up a finished run on them: imgvet run, then --against its work dir",
        )
    paths = listing["path"].to_pylist()
    known = dict(items[["digest", "embedding_row"]].drop_duplicates("digest").to_numpy().tolist())
    reads = read_ahead(paths, lambda path: _read(path, model, known), workers=threads)
    batches = iter(lambda: list(islice(reads, batch_size(model.device))), [])
    embeddings = np.load(work.embeddings, mmap_mode="r")
    width = embeddings.shape[1]
    rows: list[tuple[str, str, str | None]] = []
    parts = [np.zeros((0, width), np.float32)]
    for batch in batches:
        vectors = np.zeros((len(batch), width), np.float32)
        shown = [place for place, (*_, pixels) in enumerate(batch) if pixels is not None]
        vectors[shown] = embed_pictures(_pixels_in(batch), model)
        for place, (_, _, digest, _) in enumerate(batch):
            if digest in known:
                vectors[place] = embeddings[int(known[digest])]
        parts.append(vectors)
        rows += [(name, status, digest) for name, status, digest, _ in batch]
    return pd.DataFrame(rows, columns=["picture", "status", "digest"]), np.concatenate(parts)


def _pixels_in(batch: Sequence[_Read]) -> Iterator[Pixels]:
    return (pixels for *_, pixels in batch if pixels is not None)


def _read(path: str, model: Model, known: Container[str]) -> _Read:
    data = read_bytes(path)
    if isinstance(data, Failure):
        return path, data.reason.value, None, None
    digest = digest_bytes(data)
    pixels = None if digest in known else pixels_for(data, model)
    if isinstance(pixels, Failure):
        return path, pixels.reason.value, digest, None
    return path, Reason.OK.value, digest, pixels


def _of_run(work: WorkDir, other: WorkDir) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    models = [_model_name(read_record(one)) for one in (work, other)]
    if models[0] != models[1]:
        raise InvalidParameterError(
            f"{work.home} was embedded by {models[0][0]}, {other.home} by {models[1][0]}",
            "Run both with the same model",
        )
    items = to_frame(conform(read_table(other.table(ITEMS.name)), ITEMS))
    vectors = np.load(other.embeddings, mmap_mode="r")
    found = np.zeros((len(items), vectors.shape[1]), np.float32)
    valid = items["embedding_row"].notna().to_numpy()
    found[valid] = vectors[items.loc[valid, "embedding_row"].to_numpy(np.int64)]
    return items.rename(columns={"filename": "picture"})[["picture", "status", "digest"]], found


def _model_name(record: RunRecord) -> tuple[str, str]:
    """The name of a run's model, and its digest; none for embeddings of one's own."""
    name = str(record.model.get("name", "an unknown model"))
    return name, ModelCard.model_validate(record.model).digest if has_model(record) else ""
