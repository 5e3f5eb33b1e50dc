"""What do rotated duplicates and ``high_accuracy`` add to the recall, and what do they cost?

    python -m benchmarks.high_accuracy
    python -m benchmarks.high_accuracy PHOTOS --photos 100

Prints the recall protocol (`recall.py`) side by side for the built-in model, for the same with
rotated and flipped copies found by their hashes, and for the model with the larger input, with and
without them. A second table has edits that are rotated as well, which the protocol does not have,
and crops away from the middle, on which nothing was chosen. Costs are processor milliseconds a
picture on one core, the best of several, so that they can be compared on a busy machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from benchmarks.edits import EDITS, Edit, Image
from benchmarks.edits import crop_90 as smaller
from benchmarks.machine import cores
from benchmarks.pictures import photographs
from benchmarks.recall import FALSE_SHARE, WORKING_POINTS, Report, RotatedCosines, measure
from imgvet.embedding.compute import embed_pictures
from imgvet.images.decode import decode
from imgvet.images.orientation_hash import OrientationHash, orientation_hash
from imgvet.images.picture import decode_thumbnail, encode_thumbnail, oriented, to_standard_size
from imgvet.models.model import Model, builtin_model, high_accuracy_model
from imgvet.reasons import Failure
from imgvet.similarity.rotations import find_rotated_pairs, rotated_cosines
from imgvet.threads import in_threads

Vectors = NDArray[np.float32]
BUILTIN = "built-in"
FILE_QUALITY = 95
BATCH = 8
ALL_CANDIDATES = 1000
_TIMED, _ROUNDS = 32, 5
_EXIF_WAYS = {"rotated 90": 6, "rotated 180": 3, "rotated 270": 8, "flipped": 2, "upside down": 4,
              "transposed": 5, "transversed": 7}  # fmt: skip


def _rotated(code: int) -> Edit:
    return lambda image: oriented(image, code)


def _then(first: Edit, second: Edit) -> Edit:
    return lambda image: second(first(image))


def _part(top: float, bottom: float, left: float, right: float) -> Edit:
    def cut(image: Image) -> Image:
        height, width = image.shape[:2]
        rows = slice(int(top * height), int(bottom * height))
        return image[rows, int(left * width) : int(right * width)]

    return cut


ROTATED_EDITS: dict[str, Edit] = {
    **{name: _rotated(code) for name, code in _EXIF_WAYS.items()},
    **{
        f"rotated 90, {name}": _then(EDITS[name], _rotated(6))
        for name in ("jpeg quality 20", "half size", "gray", "brighter", "noise", "squeezed 0.7")
    },
    "rotated 90, crop 90 %": _then(smaller, _rotated(6)),
}
OFF_CENTRE: dict[str, Edit] = {
    "top left 70 %": _part(0, 0.7, 0, 0.7),
    "bottom right 60 %": _part(0.4, 1, 0.4, 1),
    "left 60 %": _part(0, 1, 0, 0.6),
    "bottom 60 %": _part(0.4, 1, 0, 1),
    "top right 50 %": _part(0, 0.5, 0.5, 1),
}
MORE_EDITS = {**ROTATED_EDITS, **OFF_CENTRE}


@dataclass(frozen=True)
class Judged:
    """One way to compare pictures: the protocol, and the further edits.

    Attributes:
        report: the protocol.
        more: share of the further edits that are found at the same threshold, by name.
        mistaken: rotated pairs of different photos, edits included, above the lowest fixed point.
    """

    report: Report
    more: dict[str, float]
    mistaken: int


def thumbnail(image: Image) -> bytes:
    """What a run keeps, as JPEG, of a picture that was stored as JPEG."""
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=FILE_QUALITY, colorsubsampling="420"
    )
    picture = decode(data)
    assert not isinstance(picture, Failure)
    return encode_thumbnail(to_standard_size(picture.pixels))


def embed_all(thumbnails: Sequence[bytes], model: Model) -> Vectors:
    """Vectors float32 [n, D] of any number of thumbnails."""

    def batch(start: int) -> Vectors:
        pictures = thumbnails[start : start + BATCH]
        return embed_pictures(map(decode_thumbnail, pictures), model)

    return np.concatenate(list(in_threads(batch, range(0, len(thumbnails), BATCH), cores())))


def hash_of(picture: Image) -> OrientationHash:
    """The orientation hash of a thumbnail, RGB."""
    return orientation_hash(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8))


def upright_cosines(
    thumbnails: Sequence[bytes], hashes: Sequence[OrientationHash], vectors: Vectors, model: Model
) -> NDArray[np.float32]:
    """Float32 [photos, variants, photos]: cosines of candidates with the originals, else -1.

    Thumbnails are in order of photo, then of variant; the first of each is the original.
    """
    photos, variants, width = vectors.shape

    def shown(rows: NDArray[np.int64], turns: NDArray[np.uint8]) -> Vectors:
        turned = zip(rows, turns, strict=True)
        pictures = [oriented(decode_thumbnail(thumbnails[row]), turn + 1) for row, turn in turned]
        return np.concatenate(_in_batches(pictures, model))

    bits = np.stack([one.bits for one in hashes])
    quality = np.array([one.quality for one in hashes])
    pairs = find_rotated_pairs(bits, quality, ALL_CANDIDATES)
    pairs = pairs[(pairs["first"] % variants == 0) | (pairs["second"] % variants == 0)]
    cosines = rotated_cosines(pairs, vectors.reshape(-1, width), shown)
    result = np.full((photos, variants, photos), -1, np.float32)
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    for one, other in ((first, second), (second, first)):
        chosen = other % variants == 0
        places = (one[chosen] // variants, one[chosen] % variants, other[chosen] // variants)
        result[places] = np.maximum(result[places], cosines[chosen])
    return result


def judge(photos: Sequence[Image]) -> dict[str, Judged]:
    """The protocol and the further edits, for each way to compare pictures."""
    edits = [*EDITS.values(), *MORE_EDITS.values()]
    jobs = (edit(photo) for photo in photos for edit in (lambda image: image, *edits))
    thumbnails = list(in_threads(thumbnail, jobs, cores()))
    hashes = list(in_threads(lambda one: hash_of(decode_thumbnail(one)), thumbnails, cores()))
    usual = builtin_model()
    result = {}
    for name, model in ((BUILTIN, usual), ("high accuracy", high_accuracy_model(usual))):
        vectors = embed_all(thumbnails, model).reshape(len(photos), 1 + len(edits), -1)
        upright = upright_cosines(thumbnails, hashes, vectors, model)
        scale = model.card.similarity_scale
        result[name] = _judged(name, vectors, scale, np.full_like(upright, -1))
        result[f"{name} + rotated"] = _judged(f"{name} + rotated", vectors, scale, upright)
    return result


def _judged(name: str, vectors: Vectors, scale: float, upright: NDArray[np.float32]) -> Judged:
    first_more = 1 + len(EDITS)
    own = np.einsum("pep->pe", upright)
    rotated = RotatedCosines(own[:, 1:first_more], upright[:, 0])
    report = measure(name, vectors[:, :first_more], scale, rotated)
    direct = np.einsum("pd,ped->pe", vectors[:, 0], vectors[:, first_more:])
    similarity = 1 - scale * (1 - np.maximum(direct, own[:, first_more:]))
    shares = (similarity > report.at_false_share.similarity).mean(axis=0)
    others = upright[~np.eye(len(upright), dtype=bool)[:, None].repeat(upright.shape[1], 1)]
    mistaken = int((1 - scale * (1 - others) > min(WORKING_POINTS)).sum())
    return Judged(report, dict(zip(MORE_EDITS, shares.tolist(), strict=True)), mistaken)


def lines(judged: dict[str, Judged]) -> Iterator[str]:
    """The tables for people."""
    reports = [one.report for one in judged.values()]
    yield f"recall where {FALSE_SHARE:.0%} of {reports[0].photos} photos have a false neighbour"
    yield _row("", list(judged))
    for edit in EDITS:
        yield _row(edit, [report.at_false_share.recall_per_edit[edit] for report in reports])
    yield _row("all edits", [report.at_false_share.recall for report in reports])
    for place, point in enumerate(reports[0].fixed):
        fixed = [report.fixed[place] for report in reports]
        yield _row(f"all edits at {point.similarity:g}", [one.recall for one in fixed])
        yield _row(f"false links at {point.similarity:g}", [str(one.false_links) for one in fixed])
    yield _row("most similar distinct", [report.highest_false_similarity for report in reports])
    mistaken = [str(one.mistaken) for one in judged.values()]
    yield _row("mistaken rotated links", mistaken)
    yield ""
    yield "further edits, at the same thresholds"
    for edit in MORE_EDITS:
        yield _row(edit, [one.more[edit] for one in judged.values()])


def costs(photos: Sequence[Image]) -> Iterator[str]:
    """Processor milliseconds a picture."""
    pictures = [decode_thumbnail(thumbnail(photo)) for photo in photos[:_TIMED]]
    usual = builtin_model()
    finer = high_accuracy_model(usual)
    tasks: dict[str, Callable[[], object]] = {
        "thumbnail: read, decode, encode": lambda: [thumbnail(one) for one in photos[:_TIMED]],
        "embedding, built-in": lambda: _in_batches(pictures, usual),
        "embedding, high accuracy": lambda: _in_batches(pictures, finer),
        "orientation hash": lambda: [hash_of(one) for one in pictures],
    }
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(_ROUNDS):
        for name, task in tasks.items():
            start = time.thread_time()
            task()
            best[name] = min(best[name], time.thread_time() - start)
    yield "processor time on one core, ms a picture"
    for name, seconds in best.items():
        yield f"{name:<34}{seconds / len(pictures) * 1e3:8.2f}"
    for count in (10_000, 100_000):
        yield f"{f'finding candidates, {count:,} pictures':<34}{_search_cost(count):8.3f}"


def _in_batches(pictures: Sequence[Image], model: Model) -> list[Vectors]:
    starts = range(0, len(pictures), BATCH)
    return [embed_pictures(pictures[start : start + BATCH], model) for start in starts]


def _search_cost(count: int) -> float:
    bits = np.random.default_rng(0).integers(0, 256, (count, 32), dtype=np.uint8)
    start = time.thread_time()
    find_rotated_pairs(bits, np.full(count, 256))
    return (time.thread_time() - start) / count * 1e3


def _row(label: str, cells: Sequence[str | float]) -> str:
    shown = (cell if isinstance(cell, str) else f"{cell:.3f}" for cell in cells)
    return f"{label:<28}" + "".join(f"{cell:>24}" for cell in shown)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="folder of distinct photos")
    parser.add_argument("--photos", type=int, help="only so many of them")
    arguments = parser.parse_args()
    photos = photographs(arguments.folder)[: arguments.photos]
    if len(photos) < 2:
        raise SystemExit("at least two photos are needed")
    print("\n".join([*lines(judge(photos)), "", *costs(photos)]))


if __name__ == "__main__":
    main()
