"""Stage embed: one embedding for each distinct valid content, from its thumbnail or original."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from imgvet.crops.crop import decode_item
from imgvet.images.picture import Pixels, decode_thumbnail
from imgvet.models.model import Model
from imgvet.models.prepare import Vectors, normalised, pooled, prepared
from imgvet.models.session import batch_size, open_runner
from imgvet.progress import Progress, tracked
from imgvet.reasons import Failure
from imgvet.sources.listing import item_name
from imgvet.sources.reading import Reader
from imgvet.store.files import FileToRead
from imgvet.store.packs import DIGEST, Packs, ThumbnailPlace, read_thumbnail
from imgvet.store.store import Store, embeddings_schema
from imgvet.threads import in_threads

STAGE = "embed"
VERSION = 2
"""Of :func:`embeddings_in`."""

PixelReader = Callable[[str], Pixels]
"""Gives the pixels of a content by its digest; called from many threads."""

_logger = logging.getLogger(__name__)


def embed_pictures(pictures: Iterable[Pixels], model: Model) -> Vectors:
    """Embeddings, shape (n, width), of pictures of any size; each is resized and let go in turn.

    They are of length 1, but all zeros where the model gave zeros or a value that is not finite.
    ModelError if the model can't be run, or is not as its card says.
    """
    inputs = prepared(pictures, model.card)
    if not len(inputs):
        return np.zeros((0, model.card.width), np.float32)
    return normalised(pooled(open_runner(model).run(inputs, model.card.output), model.card))


def embed(
    digests: Sequence[str],
    read: PixelReader,
    store: Store,
    model: Model,
    threads: int,
    before: Progress | None = None,
) -> None:
    """Embed one shard of contents and write its pack; a thread holds one picture at a time.

    ``before`` is how far the stage is without this shard; None if the shard is all.
    """
    card, size = model.card, batch_size(model.device)
    batches = (digests[start : start + size] for start in range(0, len(digests), size))
    found = in_threads(lambda batch: embed_pictures(map(read, batch), model), batches, threads)
    before = before or Progress(STAGE, 0, len(digests))
    vectors = np.stack(list(tracked(chain.from_iterable(found), *before)))
    without = int((~vectors.any(axis=1)).sum())
    if without:
        _logger.warning(
            "The model %s says nothing about %d of %d pictures (zeros, or values that are not "
            "finite); they are like no other picture", card.name, without, len(vectors),
        )  # fmt: skip
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), card.width)
    schema = embeddings_schema(card.width)
    rows = pa.Table.from_arrays([pa.array(digests), values], schema=schema)
    store.embeddings(card.digest).write(rows)


def thumbnail_reader(places: Iterable[ThumbnailPlace], store: Store) -> PixelReader:
    """Gives the pixels of the thumbnails that lie in these places."""
    place_of = {place.digest: place for place in places}
    return lambda digest: decode_thumbnail(read_thumbnail(store.measures, place_of[digest]))


def original_reader(
    files: Mapping[str, FileToRead], reader: Reader, thumbnail: PixelReader
) -> PixelReader:
    """Gives the pixels of originals, for models that want more than thumbnails hold.

    Large JPEGs are read at a reduced scale, but crops are cut at full size. Where an original is
    gone, its thumbnail takes its place.
    """

    def read(digest: str) -> Pixels:
        file = files[digest]
        content = reader.read(file)
        picture = content if isinstance(content, Failure) else decode_item(content.data, file.box)
        if not isinstance(picture, Failure):
            return picture.pixels
        _logger.warning(
            "%s can't be read again (%s); its thumbnail is embedded instead",
            item_name(file.path, file.member, file.time_ms, file.box),
            picture.detail or picture.reason,
        )
        return thumbnail(digest)

    return read


def collect_embeddings(digests: Sequence[str], packs: Packs, width: int) -> Vectors:
    """The embeddings of contents in the packs of one model, shape (n, width), in the order given.

    Raises as :func:`embeddings_in`.
    """
    vectors = np.empty((len(digests), width), np.float32)
    for rows, values in embeddings_in(packs, digests, width):
        vectors[rows] = values
    return vectors


def embeddings_in(
    packs: Packs, digests: Sequence[str], width: int
) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
    """Of each pack of one model which of the contents it holds, (m,), and their embeddings.

    StaleReferenceError, at the end, if no pack holds some of them.
    """
    row_of = {digest: row for row, digest in enumerate(digests)}
    found: set[str] = set()
    held_by = packs.digests_by_name().items()
    for rows in packs.tables(name for name, held in held_by if not row_of.keys().isdisjoint(held)):
        held = rows.column(DIGEST).to_pylist()
        found.update(held)
        places = np.array([row_of.get(digest, -1) for digest in held], np.int64)
        values = rows.column("embedding").combine_chunks().flatten().to_numpy().reshape(-1, width)
        yield places[places >= 0], values[places >= 0]
    packs.require(digests, found)
