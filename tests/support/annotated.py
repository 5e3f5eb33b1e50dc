"""Annotated sets drawn for tests: pictures with objects at known places, as a table or as COCO."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from support.pictures import Pixels, png, scene

LABELS = ("cat", "dog", "zebra crossing", "7")
BOX = ["col_x", "row_y", "width", "height"]


@dataclass(frozen=True)
class AnnotatedSet:
    """A folder of pictures and what is in them.

    Attributes:
        folder: where the pictures lie.
        frame: one row per object: filename (relative), label, split and its box, whole pixels.
        colours: the colour of each object, RGB.
    """

    folder: Path
    frame: pd.DataFrame
    colours: list[tuple[int, int, int]]

    @property
    def files(self) -> list[str]:
        """The absolute paths of all pictures, sorted."""
        return sorted(str(path) for path in self.folder.rglob("*.png"))


def draw_set(folder: Path, images: int, boxes_each: int = 4, seed: int = 0) -> AnnotatedSet:
    """Draw pictures with ``boxes_each`` plain objects (at most 10) each, which do not overlap."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    colours = []
    for number in range(images):
        picture = scene(seed + number)
        name = f"{'test' if number % 5 == 0 else 'train'}/{number % 3}/img_{number:05d}.png"
        for place in range(boxes_each):
            colour = tuple(random.integers(0, 256, 3).tolist())
            # Each object in its own column of the picture.
            column = 320 // boxes_each
            x = place * column + int(random.integers(column // 3))
            y, width = int(random.integers(90)), int(random.integers(column // 3, column // 2))
            height = int(random.integers(20, 150))
            picture[y : y + height, x : x + width] = colour
            label = LABELS[int(random.integers(len(LABELS)))]
            rows.append(_row(name, label, (x, y, width, height)))
            colours.append(colour)
        _write(folder / name, picture)
    return AnnotatedSet(folder, pd.DataFrame(rows), colours)


def _row(name: str, label: str, box: tuple[int, ...]) -> dict[str, Any]:
    return {
        "filename": name,
        "label": label,
        "split": name.partition("/")[0],
        **dict(zip(BOX, box, strict=True)),
    }


def _write(path: Path, picture: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(picture))


def as_coco(frame: pd.DataFrame) -> dict[str, Any]:
    """The boxes of a table in the form of COCO; ids are far from positions."""
    names, labels = sorted(set(frame["filename"])), sorted(set(frame["label"]))
    image_id = {name: 1000 + 7 * number for number, name in enumerate(names)}
    category_id = {label: 90 - number for number, label in enumerate(labels)}
    return {
        "info": {"description": "drawn for a test"},
        "images": [
            {"id": image_id[name], "file_name": name, "width": 320, "height": 240} for name in names
        ],
        "categories": [
            {"id": category_id[label], "name": label, "supercategory": "thing"} for label in labels
        ],
        "annotations": [
            {
                "id": number,
                "image_id": image_id[row["filename"]],
                "category_id": category_id[row["label"]],
                "bbox": [float(row[name]) for name in BOX],
                "area": float(row["width"] * row["height"]),
                "iscrowd": 0,
                "segmentation": [],
            }
            for number, row in enumerate(frame.to_dict("records"), 1)
        ],
    }


def draw_rotated(picture: Pixels, corners: tuple[float, ...]) -> Pixels:
    """Draw a box whose quarters are red, green, blue, white, clockwise from its first corner."""
    unit = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float32)
    points = np.array(corners, np.float32).reshape(4, 2)
    transform = cv2.getPerspectiveTransform(unit, points)
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
    drawn = picture.copy()
    for (x, y), colour in zip(((0, 0), (1, 0), (1, 1), (0, 1)), colours, strict=True):
        square = np.array([[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]], np.float32)
        quarter = cv2.perspectiveTransform(square[None], transform)[0]
        cv2.fillConvexPoly(drawn, np.round(quarter - 0.5).astype(np.int32), colour)
    return drawn
