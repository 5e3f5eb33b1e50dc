"""How many edited copies does an embedding find again, and at which price in false links?

    python -m benchmarks.recall
    python -m benchmarks.recall --photos DIR --json recall.json
    python -m benchmarks.recall --embed package.module:function
    python -m benchmarks.recall --peer FASTDUP_ENV/bin/python

Takes distinct photos and the 17 edits of each (`edits.py`), as JPEG files of quality 95, and embeds
them as a run of imgvet does: its stages compute_stats (reading, thumbnail) and embed. `--embed`
names a function that takes the same thumbnails, RGB uint8 [H, W, 3] each, instead of the model.

The threshold of the first figure is the lowest similarity at which at most 1 % of the distinct
photos have a false nearest neighbour, one of the other distinct photos more similar than that.
Recall is the share of edits that are more similar to their own original than the threshold; the
original need not be the nearest photo, and the table says how often it is. The thresholds 0.9 and
0.96 are those that a run uses by default, on the calibrated scale 1 - a (1 - cosine).

`--peer` measures fastdup as well: the argument is a Python interpreter that has it installed
(`pip install fastdup==2.54` in an environment of its own). It reads the same files, and is judged
on its own scale, the cosine.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.edited_pictures import edited_files, peer_vectors, pipeline_vectors
from benchmarks.edits import EDITS
from benchmarks.peer import peer_python
from benchmarks.pictures import photographs
from benchmarks.rows import Row, at_least, at_most, only
from benchmarks.settings import Settings
from imgvet.models.model import BUILTIN_FOLDER, load_model

QUICK_PHOTOS = 4
FALSE_SHARE = 0.01
WORKING_POINTS = (0.9, 0.96)
RECALL_TO_MEET = 0.945


@dataclass(frozen=True)
class WorkingPoint:
    """Recall at one similarity, and the pairs of distinct photos that it links by mistake."""

    similarity: float
    recall: float
    recall_per_edit: dict[str, float]
    false_links: int


@dataclass(frozen=True)
class Report:
    """Everything measured about one embedding."""

    name: str
    photos: int
    allowed_false: int
    at_false_share: WorkingPoint
    fixed: list[WorkingPoint]
    own_original_nearest: float
    highest_false_similarity: float


def recall(settings: Settings) -> list[Row]:
    """Recall and false links of the built-in model, and of the peer on the same files."""
    with settings.scratch() as scratch:
        files = edited_files(_photos(settings), scratch / "pictures")
        model = load_model(BUILTIN_FOLDER)
        vectors = pipeline_vectors(files, scratch, model)
        ours = measure("built-in model", vectors, model.card.similarity_scale)
        rows = _rows(ours)
        interpreter = peer_python(settings)
        if interpreter is not None:
            found = peer_vectors(files, scratch, interpreter, settings)
            rows += _rows(measure("fastdup", found, 1.0), judged=False)
    return rows


def edited_vectors(settings: Settings) -> np.ndarray:
    """Vectors float32 [photos, 18, D] that the built-in model gives to photos and their edits."""
    with settings.scratch() as scratch:
        files = edited_files(_photos(settings), scratch / "pictures")
        return pipeline_vectors(files, scratch, load_model(BUILTIN_FOLDER))


def _photos(settings: Settings) -> list[np.ndarray]:
    photos = photographs(settings.photos)
    return photos[: settings.size(len(photos), QUICK_PHOTOS)]


def _rows(report: Report, *, judged: bool = True) -> list[Row]:
    what = f"near-duplicate recall, {report.name}, {report.photos} photos"
    point = report.at_false_share
    name = f"{what}: where 1 % have a false link"
    rows = [at_least(name, point.recall, RECALL_TO_MEET) if judged else only(name, point.recall)]
    for fixed in report.fixed:
        rows.append(only(f"{what}: at {fixed.similarity:g}", fixed.recall))
        false = f"{what}: false links at {fixed.similarity:g}"
        rows.append(
            at_most(false, fixed.false_links, 0) if judged else only(false, fixed.false_links)
        )
    if judged:
        rows += [only(f"  of it {edit}", share) for edit, share in point.recall_per_edit.items()]
    return rows


@dataclass(frozen=True)
class RotatedCosines:
    """Cosines of rotated and flipped candidates, compared upright; -1 where there is none.

    Attributes:
        edits: [photos, 17], each photo and its edits.
        originals: [photos, photos], distinct photos: all of them would be mistakes.
    """

    edits: np.ndarray
    originals: np.ndarray


def measure(
    name: str, vectors: np.ndarray, scale: float, rotated: RotatedCosines | None = None
) -> Report:
    """Judge vectors [photos, 18, D]: originals first, then one per edit.

    With ``rotated`` a pair is as similar as it is as it lies, or upright, whichever is more.
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    originals, edited = vectors[:, 0], vectors[:, 1:]
    between = 1 - scale * (1 - originals @ originals.T)
    found = 1 - scale * (1 - np.einsum("pd,ped->pe", originals, edited))
    if rotated is not None:
        between = np.maximum(between, 1 - scale * (1 - rotated.originals))
        found = np.maximum(found, 1 - scale * (1 - rotated.edits))
    pairs = between[np.triu_indices(len(originals), 1)]
    np.fill_diagonal(between, -np.inf)
    nearest = np.sort(between.max(axis=1))[::-1]
    allowed = int(FALSE_SHARE * len(originals))
    to_all = np.einsum("qd,ped->peq", originals, edited).argmax(axis=-1)
    own = to_all == np.arange(len(originals))[:, None]
    return Report(
        name=name,
        photos=len(originals),
        allowed_false=allowed,
        at_false_share=_working_point(float(nearest[allowed]), found, pairs),
        fixed=[_working_point(similarity, found, pairs) for similarity in WORKING_POINTS],
        own_original_nearest=float(own.mean()),
        highest_false_similarity=float(nearest[0]),
    )


def table(report: Report) -> Iterator[str]:
    """The lines of a report for people."""
    points = [report.at_false_share, *report.fixed]
    yield f"{report.name}: {report.photos} photos, {len(EDITS)} edits of each"
    yield ""
    yield _row("recall at similarity", [f"> {point.similarity:.3f}" for point in points])
    for edit in EDITS:
        yield _row(edit, [f"{point.recall_per_edit[edit]:.3f}" for point in points])
    yield _row("all edits", [f"{point.recall:.3f}" for point in points])
    yield _row("false links (pairs)", [str(point.false_links) for point in points])
    yield ""
    yield (
        f"first column: at most {report.allowed_false} of {report.photos} photos have a false"
        " nearest neighbour"
    )
    yield f"most similar pair of distinct photos: {report.highest_false_similarity:.3f}"
    yield f"edits whose own original is the nearest photo: {report.own_original_nearest:.3f}"


def main() -> None:
    """Read the command line, measure, print."""
    arguments = _arguments()
    settings = Settings(photos=arguments.photos, peer=arguments.peer)
    photos = _photos(settings)
    if len(photos) < 2:
        raise SystemExit("at least two photos are needed")
    model = load_model(arguments.model)
    scale = arguments.scale or model.card.similarity_scale
    with settings.scratch() as scratch:
        files = edited_files(photos, scratch / "pictures")
        vectors = pipeline_vectors(files, scratch, model, arguments.embed)
        reports = [measure(arguments.embed or model.card.name, vectors, scale)]
        if arguments.peer:
            found = peer_vectors(files, scratch, arguments.peer, settings)
            reports.append(measure("fastdup", found, 1.0))
    for report in reports:
        print("\n".join(table(report)), end="\n\n")
    if arguments.json:
        content = json.dumps([asdict(report) for report in reports], indent=2)
        arguments.json.write_text(content + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="folder of distinct photos")
    parser.add_argument(
        "--model", type=Path, default=BUILTIN_FOLDER, help="folder with a card.json"
    )
    parser.add_argument("--embed", help="function from thumbnails to vectors, instead of --model")
    parser.add_argument("--scale", type=float, help="a in similarity = 1 - a (1 - cosine)")
    parser.add_argument("--peer", type=Path, help="Python interpreter that has fastdup")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser.parse_args()


def _working_point(similarity: float, found: np.ndarray, pairs: np.ndarray) -> WorkingPoint:
    """Recall of similarities [photos, 17] above a threshold, and the wrong pairs above it."""
    above = found > similarity
    per_edit = dict(zip(EDITS, above.mean(axis=0).tolist(), strict=True))
    false_links = int((pairs > similarity).sum())
    return WorkingPoint(similarity, float(above.mean()), per_edit, false_links)


def _row(label: str, cells: list[str]) -> str:
    return f"{label:<22}" + "".join(f"{cell:>10}" for cell in cells)


if __name__ == "__main__":
    main()
