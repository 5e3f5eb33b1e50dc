"""What pictures that were looked up have to do with the ones that they were found to be like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from imgvet.images.decode import decode
from imgvet.images.picture import encode_thumbnail, to_standard_size
from imgvet.reasons import Failure
from imgvet.similarity.alignment import Look, align
from imgvet.similarity.verify import Relation, Size, finding_of
from imgvet.sources.local import read_bytes
from imgvet.store.packs import DIGEST, Thumbnails
from imgvet.store.store import Store
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir

Seen = tuple[Look, Size]
"""A picture as it is compared, and its size."""
_LOOKS = 256


def relations_of(
    pairs: Sequence[tuple[str, str]], new: Callable[[str], Seen | None], work: WorkDir, threads: int
) -> list[str | None]:
    """The relation of each pair of a picture, as ``new`` knows it, and a content of a run.

    None if one of them can't be seen any more.
    """
    old = lru_cache(_LOOKS)(stored_pictures(work))

    def compare(pair: tuple[str, str]) -> str | None:
        left, right = new(pair[0]), old(pair[1])
        if left is None or right is None:
            return None
        found = align(left[0], right[0])
        if found is None:
            return Relation.SIMILAR_ONLY.value
        return finding_of(found, left[1], right[1]).relation

    return list(in_threads(compare, pairs, threads))


def stored_pictures(work: WorkDir) -> Callable[[str], Seen | None]:
    """Gives a picture of a run by its digest, as far as its store has it."""
    store = Store(work)
    thumbnails, rows = Thumbnails(store.measures), store.measures.read([DIGEST, "width", "height"])
    columns = (
        () if rows is None else (rows[name].to_pylist() for name in (DIGEST, "width", "height"))
    )
    sizes = {digest: (width, height) for digest, width, height in zip(*columns, strict=True)}

    def see(digest: str) -> Seen | None:
        thumbnail = thumbnails.read(digest)
        return None if thumbnail is None else (Look(thumbnail), sizes[digest])

    return see


def picture_in(path: str) -> Seen | None:
    """The picture in a file."""
    data = read_bytes(path)
    picture = data if isinstance(data, Failure) else decode(data)
    if isinstance(picture, Failure):
        return None
    thumbnail = encode_thumbnail(to_standard_size(picture.pixels))
    return Look(thumbnail), (picture.width, picture.height)
