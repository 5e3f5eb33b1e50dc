"""Annotations in XML: Pascal VOC's, a file for each image, and CVAT's, of many images in one.

Sources: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html ,
https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/ .
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import XML, Element, TreeBuilder, XMLParser

import numpy as np
import pandas as pd

from imgvet.annotations.from_paths import split_of_file
from imgvet.annotations.schema import (
    EDGE_COLUMNS,
    TEXT_COLUMNS,
    Annotations,
    from_frame,
    one_row_each,
)
from imgvet.errors import InputUnreadableError, failing_as
from imgvet.sources.kinds import split_ending
from imgvet.sources.local import read_rows
from imgvet.tables import CORNER_COLUMNS

_REMEDY = "Give XML as Pascal VOC or CVAT (for images) have it"
_LISTS = ("train", "val", "test", "trainval")
"""Of ImageSets/Main; an image is in the first that names it."""
_CVAT_EDGES, _ROTATION = ("xtl", "ytl", "xbr", "ybr"), "rotation"

_Row = dict[str, str | None]


def from_xml(files: Sequence[Path], source: str) -> Annotations:
    """Annotations from XML files of either kind, in the order of the files.

    In VOC, an image is called as its XML file, and split as the lists in ImageSets/Main beside the
    folder of that say, or else its path. InputUnreadableError of other XML, or with a doctype.
    """
    stems = Counter(file.stem for file in files)
    splits = _splits_of(files)
    rows = [
        row
        for file, split in zip(files, splits, strict=True)
        for row in _rows_of(file, split, is_only=stems[file.stem] == 1)
    ]
    columns = [*TEXT_COLUMNS, *EDGE_COLUMNS, _ROTATION]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    frame = _with_corners(frame, source).drop(columns=_ROTATION)
    return one_row_each(from_frame(frame, source))


def _with_corners(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Boxes that are turned about their middle, by degrees clockwise, by their corners."""
    is_turned = frame[_ROTATION].notna()
    if not is_turned.any():
        return frame
    turned = frame.loc[is_turned, [*EDGE_COLUMNS, _ROTATION]]
    with failing_as(InputUnreadableError, f"{source} has a box that is none", _REMEDY, ValueError):
        left, top, right, bottom, degrees = turned.to_numpy(np.float64).T
    turn = np.exp(1j * np.radians(degrees))
    middle, across, down = (left + right + 1j * (top + bottom)) / 2, right - left, bottom - top
    found = frame.assign(**dict.fromkeys(CORNER_COLUMNS))
    for n, (x, y) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1)), 1):
        corner = middle + turn * (x * across + 1j * y * down) / 2
        found.loc[is_turned, [f"x{n}", f"y{n}"]] = np.column_stack([corner.real, corner.imag])
    found.loc[is_turned, list(EDGE_COLUMNS)] = None
    return found


def _rows_of(file: Path, split: str | None, *, is_only: bool) -> Iterator[_Row]:
    root = _root_of(file)
    if root.tag == "annotation":
        name = _image_of(file, root.findtext("filename") or "", is_only=is_only)
        edges = [f"bndbox/{edge}" for edge in EDGE_COLUMNS]
        for one in root.findall("object") or [root]:
            box = dict(zip(EDGE_COLUMNS, map(one.findtext, edges), strict=True))
            yield {"filename": name, "split": split, "label": one.findtext("name"), **box}
    elif root.tag == "annotations":
        for image in root.iter("image"):
            known = {"filename": image.get("name"), "split": image.get("subset")}
            for one in list(image) or [image]:
                box = dict(zip(EDGE_COLUMNS, map(one.get, _CVAT_EDGES), strict=True))
                yield {**known, "label": one.get("label"), **box, _ROTATION: one.get(_ROTATION)}
    else:
        raise InputUnreadableError(f"{file} is XML with {root.tag!r} at its root", _REMEDY)


class _Builder(TreeBuilder):
    def doctype(self, *_: str | None) -> None:
        """Refuse a doctype: without one there are no entities that grow or lead elsewhere.

        The parser calls this, as encodings would hide them from a look at the bytes.
        """
        raise ValueError("it has a doctype")


def _root_of(file: Path) -> Element:
    with failing_as(InputUnreadableError, f"{file} is not XML", _REMEDY, SyntaxError, ValueError):
        return XML(file.read_bytes(), XMLParser(target=_Builder()))  # noqa: S314 (no doctype)


def _image_of(file: Path, stated: str, *, is_only: bool) -> str:
    """The image of an XML file: beside it, or of its name and, if others have that, its folder.

    What it states tells the ending, but not if it has another stem, as in copied or renamed files.
    """
    stated = PureWindowsPath(stated.strip()).name
    name = stated if split_ending(stated)[0] == file.stem else file.stem
    beside = file.absolute().with_name(name)
    if os.path.isfile(beside):  # noqa: PTH113 (any name, however long)
        return str(beside)
    return name if is_only else f"{file.parent.name}/{name}"


def _splits_of(files: Sequence[Path]) -> list[str | None]:
    listed: dict[tuple[Path, str], str] = {}
    for folder in {file.parent for file in files}:
        for split in _LISTS:
            path = folder.parent / "ImageSets" / "Main" / f"{split}.txt"
            for name in read_rows(path) if path.is_file() else ():
                listed.setdefault((folder, name), split)
    if listed:
        return [listed.get((file.parent, file.stem)) for file in files]
    told = [split_of_file(str(file)) for file in files]
    return told if len(set(told)) > 1 and all(told) else [None] * len(files)
