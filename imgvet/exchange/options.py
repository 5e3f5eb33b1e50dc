"""The parameters of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from imgvet.parameters import Part, Strings, parameter

FormatName = Literal[
    "csv", "parquet", "list", "coco", "yolo", "webdataset", "fiftyone", "datumaro", "fastdup"
]
ImageUse = Literal["copy", "link", "none"]


class ExportOptions(Part):
    """What is written, and which images of the run it holds; invalid ones are always left out."""

    format: FormatName | None = parameter(
        None,
        "csv, parquet and list (one name a row) are files; coco, yolo, webdataset, "
        "fiftyone, datumaro and fastdup are folders; without it, the one that the name of DEST "
        "tells, as clean.csv and clean-coco do, and names.txt for a list",
    )
    images: ImageUse = parameter(
        "copy",
        "in a folder: copy the images, hard link them (then a program that writes into "
        "one changes the original), or none: only name where they are",
    )
    where: Strings | dict[str, Any] | None = parameter(
        None,
        "only images that meet all conditions on columns of the explorer: label=dog, "
        "split=train, 'sharpness>=0.5', 'outliers.score=' (has none); label=dog label=cat takes "
        "both; from Python also as for search: {'label': ['dog', 'cat'], 'sharpness': (0.5, None)}",
    )
    list: Strings | None = parameter(None, "only images of these saved lists (OUT/lists/NAME.txt)")
    without: Strings | None = parameter(None, "leave out the images of these saved lists")
    plan: Path | None = parameter(
        None, "leave out what a plan removes: csv or parquet with filename and action"
    )
    corrections: str | None = parameter(
        None,
        "labels and splits that replace those of the run: csv or parquet with "
        "filename, label, split",
    )
