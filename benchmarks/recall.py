"""How many edited copies does an embedding find again, and at which price in false links?

    python benchmarks/recall.py
    python benchmarks/recall.py --photos DIR --json recall.json
    python benchmarks/recall.py --embed package.module:function
    python benchmarks/recall.py --peer FASTDUP_ENV/bin/python

Takes distinct photos and the 17 edits of each (`edits.py`). Every picture, photo or edit, becomes
a thumbnail first (short side 256, never enlarged, JPEG of quality 90), as in a run of imgvet.

The threshold of the first figure is the lowest similarity at which at most 1 % of the distinct
photos have a false nearest neighbour, one of the other distinct photos more similar than that.
Recall is the share of edits that are more similar to their own original than the threshold; the
original need not be the nearest photo, and the table says how often it is. The thresholds 0.9 and
0.96 are those that a run uses by default, on the calibrated scale 1 - a (1 - cosine).

`--peer` measures fastdup as well: the argument is a Python interpreter that has it installed
(`pip install fastdup==2.54` in an environment of its own). It reads the same pictures at full
size, from JPEG files of quality 95, and is judged on its own scale, the cosine.
"""

import argparse
import importlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from edits import EDITS, Image

Embed = Callable[[list[Image]], np.ndarray]

REPOSITORY = Path(__file__).resolve().parents[1]
BUILTIN = REPOSITORY / "core" / "embedding" / "builtin"
SHARED_PHOTOS = REPOSITORY.parent / "shared" / "photos"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
# photographs inside the scikit-image wheel, used when there is no folder of photos
SKIMAGE_PHOTOS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png"),
    *("grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png"),
    *("motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg"),
)
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 256, 90
INTERPOLATIONS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}
FALSE_SHARE = 0.01
WORKING_POINTS = (0.9, 0.96)
PEER_JPEG_QUALITY = 95
PEER_PROGRAM = """
import sys, numpy, fastdup
folder, work = sys.argv[1:]
fastdup.run(folder, work, run_mode=1, num_threads=2, turi_param="nnmodel=0,run_sentry=0")
names, vectors = fastdup.load_binary_feature(work + "/atrain_features.dat")
numpy.savez(work + "/vectors.npz", names=numpy.array(names), vectors=numpy.array(vectors))
"""


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


def read_photos(folder: Path | None) -> list[Image]:
    """Photos of a folder, by name, or of scikit-image: RGB uint8 [H, W, 3] each."""
    if folder is None and SHARED_PHOTOS.is_dir():
        folder = SHARED_PHOTOS
    if folder is not None:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    else:
        import skimage.data

        paths = [Path(skimage.data.__file__).parent / name for name in SKIMAGE_PHOTOS]
    pictures = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths]
    return [np.ascontiguousarray(picture[..., ::-1]) for picture in pictures if picture is not None]


def thumbnail(image: Image) -> Image:
    """Shrink so that the short side is 256, by area, and pass through JPEG of quality 90."""
    height, width = image.shape[:2]
    factor = THUMBNAIL_SIDE / min(height, width)
    if factor < 1:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imdecode(_jpeg(image, THUMBNAIL_QUALITY), cv2.IMREAD_COLOR)[..., ::-1]


def builtin_embed(folder: Path = BUILTIN) -> tuple[Embed, float]:
    """The model of a card as a function from thumbnails to vectors, and its similarity scale."""
    import onnxruntime

    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / card["file"], options)
    size = (card["input_size"], card["input_size"])
    interpolation = INTERPOLATIONS[card["interpolation"]]

    def embed(images: list[Image]) -> np.ndarray:
        squashed = [cv2.resize(image, size, interpolation=interpolation) for image in images]
        return session.run([card["output"]], {card["input"]: np.stack(squashed)})[0]

    return embed, card["similarity_scale"]


def named_embed(name: str) -> Embed:
    """The function `package.module:function`; it takes thumbnails, RGB uint8 [H, W, 3] each."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def variants(photo: Image) -> list[Image]:
    """A photo followed by its 17 edits, at full size."""
    return [photo, *(edit(photo) for edit in EDITS.values())]


def vectors_of(photos: list[Image], embed: Embed) -> np.ndarray:
    """Vectors float32 [photos, 18, D] of every photo and its edits, each by way of a thumbnail."""
    return np.stack(
        [embed([thumbnail(image) for image in variants(photo)]) for photo in photos]
    ).astype(np.float32)


def peer_vectors(photos: list[Image], interpreter: Path) -> np.ndarray:
    """Vectors float32 [photos, 18, D] that fastdup gives to the same pictures."""
    with tempfile.TemporaryDirectory() as folder:
        pictures, work = Path(folder, "pictures"), Path(folder, "work")
        pictures.mkdir()
        for index, photo in enumerate(photos):
            for edit, image in enumerate(variants(photo)):
                encoded = _jpeg(image, PEER_JPEG_QUALITY)
                (pictures / f"{index:06d}_{edit:02d}.jpg").write_bytes(encoded.tobytes())
        command = [str(interpreter), "-c", PEER_PROGRAM, str(pictures), str(work)]
        environment = {**os.environ, "SENTRY_OPT_OUT": "1"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        result = np.load(work / "vectors.npz")
    order = np.argsort([Path(name).name for name in result["names"]])
    return result["vectors"][order].reshape(len(photos), 1 + len(EDITS), -1).astype(np.float32)


def measure(name: str, vectors: np.ndarray, scale: float) -> Report:
    """Judge vectors [photos, 18, D]: originals first, then one per edit."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    originals, edited = vectors[:, 0], vectors[:, 1:]
    between = 1 - scale * (1 - originals @ originals.T)
    found = 1 - scale * (1 - np.einsum("pd,ped->pe", originals, edited))
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
    photos = read_photos(arguments.photos)
    if len(photos) < 2:
        raise SystemExit("at least two photos are needed")
    embed, scale = builtin_embed(arguments.model)
    if arguments.embed:
        embed = named_embed(arguments.embed)
    name = arguments.embed or "built-in model"
    reports = [measure(name, vectors_of(photos, embed), arguments.scale or scale)]
    if arguments.peer:
        reports.append(measure("fastdup", peer_vectors(photos, arguments.peer), 1.0))
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
    parser.add_argument("--model", type=Path, default=BUILTIN, help="folder with a card.json")
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


def _jpeg(image: Image, quality: int) -> np.ndarray:
    """Encode RGB uint8 [H, W, 3] as JPEG: uint8 [bytes]."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]


if __name__ == "__main__":
    main()
