"""Export a finished run: the chosen images with labels and splits, in the form of another tool."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pandas as pd
import pyarrow as pa

from imgvet.errors import InvalidParameterError, WorkDirInsideInputError, written
from imgvet.exchange.fastdup_files import write_fastdup
from imgvet.exchange.layout import Layout, portable_names
from imgvet.exchange.layouts import LAYOUTS
from imgvet.exchange.options import ExportOptions, FormatName
from imgvet.exchange.pictures import Picture, pictures_of, read_pictures
from imgvet.exchange.selection import Selection, select_images
from imgvet.opening import input_around
from imgvet.options import SourceOptions, VideoOptions
from imgvet.reasons import Failure
from imgvet.search.saved_lists import rows_of
from imgvet.sources.listing import item_names, shared_folder
from imgvet.sources.reading import Reader
from imgvet.spreadsheet import csv_bytes
from imgvet.store.files import FileToRead
from imgvet.summary import read_record
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS, CROPS, write_table
from imgvet.workdir import WorkDir, link_or_copy, made_in_one_step, write_bytes, write_text

MANIFEST, LEFT_OUT = "manifest.csv", "left_out.csv"
"""In a folder of pictures: what each was called in the run; and those that could not be had."""

_FIRST = ("filename", "label", "split")
_NOT_TOLD = ("status", "detail", "embedding_row", *_FIRST)

Lost = tuple[str, str, str]
"""An image that could not be had: filename, reason and detail."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    images: int
    not_chosen: int
    """Valid images of the run that were not asked for."""
    left_out: tuple[Lost, ...] = ()
    """Chosen images that could not be had."""
    uncorrected: tuple[str, ...] = ()
    """Chosen images of another label now, whose boxes are of several classes and stay."""


def export_run(
    work: WorkDir, destination: Path, options: ExportOptions, threads: int = 1
) -> Exported:
    """Write the chosen images of a finished run, all of them or, if it fails, nothing.

    Raises:
        InvalidParameterError: the destination is there already and no empty folder, or the format
            can't go without images.
        WorkDirInsideInputError: it lies in a folder that was analysed.
        WorkDirUnusableError: it can't be written.
        ImgvetError: as :func:`imgvet.exchange.selection.select_images`.
    """
    destination = destination.expanduser().absolute()
    kind = options.format or _format_told_by(destination.name)
    with written(destination):
        _require_free(destination, work, has_pictures=kind in LAYOUTS)
        selection = select_images(work, options)
        with made_in_one_step(destination) as draft:
            if kind in LAYOUTS:
                found = _write_pictures(work, draft, kind, options, selection, threads)
            else:
                found = _write_one(work, draft, kind, selection)
    return replace(found, path=destination)


def _format_told_by(name: str) -> FormatName:
    """The format that is a word of a name, as in clean.csv and clean-coco; a .txt is a list."""
    words = {"list" if word == "txt" else word for word in re.split(r"[\W_]+", name.lower())}
    told = [kind for kind in get_args(FormatName) if kind in words]
    if len(told) == 1:
        return told[0]
    raise InvalidParameterError(
        f"The name {name} tells {'no' if not told else 'more than one'} format",
        f"Give the format: {', '.join(get_args(FormatName))}",
    )


def _require_free(destination: Path, work: WorkDir, *, has_pictures: bool) -> None:
    is_there = destination.exists() or destination.is_symlink()
    if is_there and not (destination.is_dir() and not any(destination.iterdir())):
        raise InvalidParameterError(
            f"{destination} is there already", "Name a place that is new, or an empty folder"
        )
    folder, inputs = destination.parent, read_record(work).options(SourceOptions).input_dir
    if has_pictures and (around := input_around(folder, inputs)) is not None:
        raise WorkDirInsideInputError(
            f"{folder} lies inside the input {around}, whose next run would find the export",
            "Choose a place outside of it",
        )


def _write_one(work: WorkDir, draft: Path, kind: str, selection: Selection) -> Exported:
    """Write what holds no pictures; only a list can't hold every name."""
    lost: list[Lost] = []
    if kind == "fastdup":
        write_fastdup(work, selection, draft)
    elif kind == "list":
        names = selection.items["filename"].tolist()
        write_text(draft, "".join(f"{row}\n" for row in rows_of(names)))
        unfit = (name for name in names if not rows_of([name]))
        lost = [(name, "line_break", "a list can't hold its name") for name in unfit]
    else:
        table = image_table(selection, is_cut=bool(work.part))
        if kind == "csv":
            draft.write_bytes(csv_bytes(table))
        else:
            write_table(pa.Table.from_pandas(table, preserve_index=False), draft)
    images = len(selection.items) - len(lost)
    return Exported(draft, images, selection.left_out, tuple(lost))


def image_table(selection: Selection, *, is_cut: bool) -> pd.DataFrame:
    """A row for each chosen image: name, label, split, and all that the run's tables say of any.

    A crop is its picture and a box, so that ``--annotations`` takes the table; ``crop`` names it.
    """
    images, items = selection.images, selection.items
    told = [name for name in images.columns if name not in _NOT_TOLD]
    facts = images.frame(told, items["id"].to_numpy()).reset_index(drop=True)
    table = items[list(_FIRST)].reset_index(drop=True).join(facts)
    if is_cut:
        table = table.assign(crop=table["filename"], filename=item_names(items))
    of_crops = {f"{CROPS.name}.{name}": name for name in (*BOX_COLUMNS, *CORNER_COLUMNS)}
    table = table.rename(columns=of_crops)
    first = [name for name in (*_FIRST, *BOX_COLUMNS, *CORNER_COLUMNS) if name in table]
    table = table[[*first, *table.columns.difference(first, sort=False)]]
    says = table.notna().any()
    return table.loc[:, says | table.columns.isin(_FIRST)]


def _write_pictures(
    work: WorkDir,
    draft: Path,
    name: str,
    options: ExportOptions,
    selection: Selection,
    threads: int,
) -> Exported:
    """Write pictures in the layout of that name."""
    kind, are_placed = LAYOUTS[name], options.images != "none"
    if not are_placed and not kind.references:
        raise InvalidParameterError(
            f"The format {name} holds its images", "Use images copy or link"
        )
    pictures = pictures_of(selection, work, as_boxes=kind.as_boxes)
    layout = kind(pictures, work)
    if are_placed:
        pictures = _named(pictures, layout)
    read: Iterable[tuple[Picture, bytes | Failure]] = ((picture, b"") for picture in pictures)
    if are_placed or any(picture.width is None for picture in pictures):
        reader = Reader(work, read_record(work).options(VideoOptions))
        read = read_pictures(pictures, reader, threads)
    rows, lost = list[tuple[object, ...]](), list[Lost]()

    def placed() -> Iterator[tuple[Picture, bytes]]:
        for picture, data in read:
            if isinstance(data, Failure):
                lost.append((picture.filename, data.reason.value, data.detail))
                continue
            place = layout.place(picture)
            if place is not None:
                _put(picture.file, data, draft / place, may_link=options.images == "link")
            rows.append((place, picture.filename, picture.digest, picture.label, picture.split))
            yield picture, data

    draft.mkdir()
    layout.write(placed(), draft)
    columns = ["file", "filename", "digest", "label", "split"]
    (draft / MANIFEST).write_bytes(csv_bytes(pd.DataFrame(rows, columns=columns, dtype=object)))
    if lost:
        told = pd.DataFrame(lost, columns=["filename", "reason", "detail"])
        (draft / LEFT_OUT).write_bytes(csv_bytes(told))
    uncorrected = tuple(picture.filename for picture in pictures if picture.is_uncorrected)
    return Exported(draft, len(rows), selection.left_out, tuple(lost), uncorrected)


def _named(pictures: list[Picture], layout: Layout) -> list[Picture]:
    """Pictures with their names below the folder that all of their split (or all) share."""
    groups = [picture.split if layout.by_split else None for picture in pictures]
    names = defaultdict[str | None, list[str]](list)
    for picture, group in zip(pictures, groups, strict=True):
        names[group].append(picture.filename)
    roots = {group: shared_folder(own) for group, own in names.items()}
    found = portable_names(
        [one.filename.removeprefix(roots[key]) for one, key in zip(pictures, groups, strict=True)],
        [one.format for one in pictures],
        [layout.folder(one) for one in pictures],
        flat=layout.flat,
    )
    return [replace(one, name=name) for one, name in zip(pictures, found, strict=True)]


def _put(file: FileToRead, data: bytes, target: Path, *, may_link: bool) -> None:
    is_file = file.member is None and file.time_ms is None and file.box is None
    if may_link and is_file and Path(file.path).is_file():
        link_or_copy(Path(file.path).resolve(), target)
    else:
        write_bytes(target, data)
