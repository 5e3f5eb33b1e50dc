"""What ``same_results`` runs on: one folder of each kind of input, with planted problems."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image as Pillow

from benchmarks.archives import ENDINGS, write_archive
from benchmarks.edits import EDITS, Image
from benchmarks.pictures import PictureSize, cut, write_pictures

SIZE = PictureSize(320, 240)
STEPS = ("first", "usual", "blurry", "broken", "recovered")
"""What the folder of a watched dataset gets before each of its runs."""

TAKEN_AWAY = ("blurry", "broken")
"""The steps whose files go before the last run."""

_PHOTOS, _EDITED, _SMALL_SET = 60, 6, 24
_OLD = 1_700_000_000
_BOX = ["col_x", "row_y", "width", "height"]


def make_inputs(folder: Path, sources: Sequence[Image]) -> None:
    """Make every input but the pictures of the demo.

    Args:
        folder: an empty folder; its absolute path becomes part of lists of files.
        sources: distinct photographs.
    """
    photos = [cut(sources[n % len(sources)], n, SIZE) for n in range(_PHOTOS)]
    for make in (_photos, _archives, _videos, _boxes, _yolo, _lists, _own_embeddings):
        make(folder, photos)
    _watched(folder, sources)
    for path in filter(Path.is_file, folder.rglob("*")):
        os.utime(path, (_OLD, _OLD))


def _save(path: Path, picture: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = np.ascontiguousarray(picture[..., ::-1])
    path.write_bytes(cv2.imencode(path.suffix, bgr)[1].tobytes())


def _jpeg(picture: Image) -> bytes:
    return cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()


def _photos(folder: Path, photos: Sequence[Image]) -> None:
    """Photos of all formats in train/ and test/, edits of some, and what is wrong with others."""
    place = folder / "photos"
    copies = _made(place / "copies of all")
    endings = (".jpg", ".jpg", ".jpg", ".png", ".webp", ".bmp", ".tif")
    for number, photo in enumerate(photos):
        _save(place / "train" / f"{number:03d}{endings[number % len(endings)]}", photo)
    edits: dict[str, Callable[[Image], Image]] = {
        **EDITS,
        "upside down": lambda photo: photo[::-1],
        "rotate 180 degrees": lambda photo: photo[::-1, ::-1],
    }
    for number, photo in enumerate(photos[:_EDITED]):
        for name, edit in edits.items():
            _save(place / "test" / f"{number:03d} {name}.jpg", edit(photo))
        shutil.copy(place / "train" / f"{number:03d}{endings[number]}", copies)
    for number, photo in enumerate(photos[10:16]):
        _save(place / "test" / f"dark {number}.jpg", photo // 8)
        _save(place / "test" / f"bright {number}.jpg", 240 + photo // 17)
        _save(place / "test" / f"blurred {number}.jpg", cv2.GaussianBlur(photo, (0, 0), 9))
    _kinds_of_content(_made(place / "kinds"), photos[20])
    _broken(_made(place / "broken"), _jpeg(photos[0]))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _kinds_of_content(folder: Path, photo: Image) -> None:
    picture = Pillow.fromarray(photo)
    upright = Pillow.Exif()
    upright[0x0112] = 6
    picture.save(folder / "turned by EXIF.jpg", exif=upright)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.quantize(64).save(folder / "palette.png")
    picture.convert("L").save(folder / "gray.png")
    picture.convert("1").save(folder / "one bit.png")
    picture.putalpha(picture.convert("L"))
    picture.save(folder / "alpha.png")
    picture.convert("RGB").save(
        folder / "animated.gif", save_all=True, append_images=[picture.rotate(90)]
    )
    deep = np.ascontiguousarray(photo[..., 0]).astype(np.uint16) * 257
    (folder / "16 bits.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    plain = np.full((40, 40, 3), 128, np.uint8)
    Pillow.fromarray(plain).save(folder / "plain é.png")


def _broken(folder: Path, jpeg: bytes) -> None:
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n" + jpeg[:500])
    _save(folder / "small.png", np.zeros((5, 5, 3), np.uint8))
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")


def _archives(folder: Path, photos: Sequence[Image]) -> None:
    """A shard of each kind with sidecars, the same again beside loose images, and a cut one."""
    place = _made(folder / "archives")
    for number, ending in enumerate(ENDINGS):
        chosen = photos[8 * number : 8 * number + 12]
        write_archive(place / f"shard{ending}", _samples(chosen))
    whole = (place / "shard.tar").read_bytes()
    (place / "cut.tar").write_bytes(whole[: len(whole) // 2])
    write_archive(place / "nested.zip", [("inner/shard.tar", whole), ("a.jpg", _jpeg(photos[0]))])
    mixed = folder / "mixed"
    shutil.copytree(place, mixed)
    _save(mixed / "loose.jpg", photos[0])


def _samples(photos: Sequence[Image]) -> Iterator[tuple[str, bytes]]:
    for number, photo in enumerate(photos):
        stem = f"{('train', 'val')[number % 2]}/{number:03d}"
        yield f"{stem}.jpg", _jpeg(photo)
        yield f"{stem}.cls", str(number % 3).encode()
        if number % 4 == 0:
            yield f"{stem}.json", json.dumps({"caption": f"photo {number}"}).encode()
        if number % 5 == 0:
            yield f"{stem}.txt", f"words on {number}".encode()
    yield "train/broken.jpg", b"no picture"


def _videos(folder: Path, photos: Sequence[Image]) -> None:
    """Two films that share photos, each shown for two seconds, and one that is cut."""
    place = _made(folder / "videos")
    films = {"one.mp4": ("mp4v", photos[:6]), "two.avi": ("MJPG", photos[3:9])}
    for name, (codec, shown) in films.items():
        code = cv2.VideoWriter.fourcc(*codec)
        writer = cv2.VideoWriter(str(place / name), code, 5, (SIZE.long, SIZE.short))
        for photo in shown:
            frame = cv2.resize(photo, (SIZE.long, SIZE.short))[..., ::-1]
            for _ in range(10):
                writer.write(np.ascontiguousarray(frame))
        writer.release()
    whole = (place / "two.avi").read_bytes()
    (place / "cut.avi").write_bytes(whole[: len(whole) * 2 // 3])


def _boxes(folder: Path, photos: Sequence[Image]) -> None:
    """Images with boxes as COCO, as rotated corners, and with labels and splits alone."""
    place = folder / "boxes"
    names = [f"{('train', 'test')[n % 3 == 0]}/{n:03d}.jpg" for n in range(_SMALL_SET)]
    for name, photo in zip(names, photos, strict=False):
        _save(place / name, photo)
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"filename": np.repeat(names, 3)})
    rows["label"] = random.choice(["cat", "dog", "7"], len(rows))
    rows["split"] = rows["filename"].str.partition("/")[0]
    rows[_BOX] = random.integers([0, 0, 30, 30], [200, 150, 150, 120], (len(rows), 4))
    rows.loc[0, "width"] = 0
    rows.loc[1, "col_x"] = 2000
    rows.loc[2, "filename"] = "train/gone.jpg"
    (folder / "coco.json").write_text(json.dumps(_as_coco(rows)))
    rows[["filename", "label", "split"]].drop_duplicates("filename").to_csv(
        folder / "labels.csv", index=False
    )
    centre = rows[["col_x", "row_y"]].to_numpy() + 60.0
    for corner, (x, y) in enumerate(((-40, -20), (30, -35), (40, 20), (-30, 35)), 1):
        rows[[f"x{corner}", f"y{corner}"]] = centre + np.array([x, y])
    rows.drop(columns=_BOX).to_csv(folder / "rotated.csv", index=False)


def _as_coco(rows: pd.DataFrame) -> dict[str, list[dict[str, object]]]:
    image_ids = {name: 100 + n for n, name in enumerate(rows["filename"].unique())}
    category_ids = {name: 9 - n for n, name in enumerate(rows["label"].unique())}
    return {
        "images": [{"id": number, "file_name": name} for name, number in image_ids.items()],
        "categories": [{"id": number, "name": name} for name, number in category_ids.items()],
        "annotations": [
            {
                "id": n,
                "image_id": image_ids[row["filename"]],
                "category_id": category_ids[row["label"]],
                "bbox": [float(row[name]) for name in _BOX],
                "iscrowd": int(n % 20 == 19),
            }
            for n, row in enumerate(rows.to_dict("records"))
        ],
    }


def _yolo(folder: Path, photos: Sequence[Image]) -> None:
    place = folder / "yolo"
    for n, photo in enumerate(photos[:_SMALL_SET]):
        name = f"{('train', 'val')[n % 4 == 0]}/{n:03d}"
        _save(place / "images" / f"{name}.jpg", photo)
        labels = place / "labels" / f"{name}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(f"{n % 2} 0.4 0.5 0.3 0.6\n{n % 3} 0.7 0.3 0.4 0.2\n" if n % 5 else "")
    (place / "data.yaml").write_text(
        f"path: {place}\ntrain: images/train\nval: images/val\nnames: [cat, dog, bird]\n"
    )


def _lists(folder: Path, _photos: Sequence[Image]) -> None:
    names = [str(path) for path in sorted((folder / "photos").rglob("*.jpg"))][::3]
    (folder / "list.txt").write_text("\n".join([*names, str(folder / "gone.jpg")]))
    (folder / "list.csv").write_text("\n".join(["filename", *(f'"{name}"' for name in names)]))


def _own_embeddings(folder: Path, _photos: Sequence[Image]) -> None:
    """Vectors for all images with boxes; some neighbours are alike."""
    names = [str(path) for path in sorted((folder / "boxes").rglob("*.jpg"))]
    vectors = np.random.default_rng(1).normal(size=(len(names), 16)).astype(np.float32)
    for left, right in list(pairwise(range(len(names))))[::4]:
        vectors[right] = vectors[left] + 0.05 * vectors[right]
    np.save(folder / "own.npy", vectors)
    (folder / "own.txt").write_text("\n".join(names))


def _watched(folder: Path, sources: Sequence[Image]) -> None:
    """What is added to a watched folder, run by run; the last step takes the bad ones away."""
    places = {step: _made(folder / "watched" / step) for step in STEPS}
    for step, numbers in (("first", range(160)), ("usual", range(160, 300))):
        write_pictures(sources, numbers, PictureSize(160, 120), places[step])
    for n in range(120):
        photo = cut(sources[n % len(sources)], 1000 + n, PictureSize(160, 120))
        _save(places["blurry"] / f"blurry {n:03d}.jpg", cv2.GaussianBlur(photo, (0, 0), 7))
        _save(places["recovered"] / f"sharp {n:03d}.jpg", photo)
    for n in range(60):
        (places["broken"] / f"broken {n:03d}.jpg").write_text(f"no picture {n}")
