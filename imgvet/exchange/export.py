"""Export a finished run: the chosen images with labels and splits, in the form of another tool."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from imgvet.errors import InvalidParameterError, WorkDirInsideInputError, WorkDirUnusableError
from imgvet.exchange.fastdup_files import write_fastdup
from imgvet.exchange.layout import Layout, write_lines
from imgvet.exchange.layouts import LAYOUTS
from imgvet.exchange.names import portable_names
from imgvet.exchange.options import ExportOptions, ImageUse
from imgvet.exchange.pictures import Picture, pictures_of, read_pictures
from imgvet.exchange.selection import Selection, select_images
from imgvet.exchange.tables import image_table, write_csv, write_parquet
from imgvet.options import SourceOptions, VideoOptions
from imgvet.reasons import Failure
from imgvet.search.saved_lists import rows_of
from imgvet.sources.listing import shared_folder
from imgvet.sources.reading import Reader
from imgvet.summary import read_record
from imgvet.workdir import WorkDir, link_or_copy

MANIFEST, LEFT_OUT = "manifest.csv", "left_out.csv"
"""In a folder of pictures: what each was called in the run; and those that could not be had."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    images: int
    not_chosen: int
    """Valid images of the run that were not asked for."""
    left_out: tuple[tuple[str, str, str], ...] = ()
    """Chosen images that could not be had: filename, reason and detail."""


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
    try:
        _require_free(destination)
        selection = select_images(work, options)
        with _draft_of(destination) as draft:
            found = _write(work, draft, options, selection, threads)
    except OSError as error:
        raise WorkDirUnusableError(
            f"{destination} can't be written ({error.strerror or error})", "Choose another place"
        ) from None
    return replace(found, path=destination)


def _require_free(destination: Path) -> None:
    is_there = destination.exists() or destination.is_symlink()
    if is_there and not (destination.is_dir() and not any(destination.iterdir())):
        raise InvalidParameterError(
            f"{destination} is there already", "Name a place that is new, or an empty folder"
        )


@contextmanager
def _draft_of(destination: Path) -> Iterator[Path]:
    """A place beside the destination, which takes its place at the end."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=destination.parent) as folder:
        draft = Path(folder) / destination.name
        yield draft
        if destination.is_dir() and not draft.is_dir():
            destination.rmdir()
        draft.rename(destination)


def _write(
    work: WorkDir, draft: Path, options: ExportOptions, selection: Selection, threads: int
) -> Exported:
    is_cut, chosen = bool(work.part), len(selection.items)
    names = selection.items["filename"].tolist()
    single: Mapping[str, Callable[[], None]] = {
        "csv": lambda: write_csv(image_table(selection, is_cut=is_cut), draft),
        "parquet": lambda: write_parquet(image_table(selection, is_cut=is_cut), draft),
        "list": lambda: write_lines(draft, (f"{row}\n" for row in rows_of(names))),
        "fastdup": lambda: write_fastdup(work, selection, draft),
    }
    if options.format in single:
        single[options.format]()
        lost = [name for name in names if "\n" in name or "\r" in name]
        left_out = ((name, "line_break", "a list can't hold its name") for name in lost)
        kept = tuple(left_out) if options.format == "list" else ()
        return Exported(draft, chosen - len(kept), selection.left_out, kept)
    return _write_pictures(work, draft, options, selection, threads)


def _write_pictures(
    work: WorkDir, draft: Path, options: ExportOptions, selection: Selection, threads: int
) -> Exported:
    record, kind = read_record(work), LAYOUTS[options.format]
    _require_outside(draft.parent.parent, record.options(SourceOptions).input_dir)
    if options.images == "none" and not kind.references:
        raise InvalidParameterError(
            f"The format {options.format} holds its images", "Use images copy or link"
        )
    pictures = pictures_of(selection, work, as_boxes=kind.as_boxes)
    if options.images != "none":
        pictures = _named(pictures, kind)
    layout, left_out = kind.of(pictures, work), list[tuple[str, str, str]]()
    reader = Reader(work, record.options(VideoOptions))

    def lose(picture: Picture, failure: Failure) -> None:
        left_out.append((picture.filename, failure.reason.value, failure.detail))

    draft.mkdir()
    read: Iterable[tuple[Picture, bytes]] = ((picture, b"") for picture in pictures)
    if options.images != "none" or any(picture.width is None for picture in pictures):
        read = read_pictures(pictures, reader, threads, lose)
    written: list[Picture] = []
    layout.write(_placed(read, layout, draft, options.images, written), draft)
    _write_manifest(written, left_out, layout, draft)
    return Exported(draft, len(written), selection.left_out, tuple(left_out))


def _named(pictures: list[Picture], kind: type[Layout]) -> list[Picture]:
    """Pictures with their names below the folder that all of their split (or all) share."""
    found = dict[int, Picture]()
    groups = defaultdict[str | None, list[Picture]](list)
    for picture in pictures:
        groups[picture.split if kind.by_split else None].append(picture)
    for group in groups.values():
        root = shared_folder(one.filename for one in group)
        shown = [one.filename.removeprefix(root) for one in group]
        names = portable_names(shown, [one.format for one in group], flat=kind.flat)
        found |= {one.id: replace(one, name=name) for one, name in zip(group, names, strict=True)}
    return [found[picture.id] for picture in pictures]


def _require_outside(folder: Path, inputs: Iterable[str]) -> None:
    """WorkDirInsideInputError if a place lies in an input, where the next run would find it."""
    for name in inputs:
        source = Path(name).expanduser()
        if source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
            raise WorkDirInsideInputError(
                f"{folder} lies inside the input {name}, whose next run would find the export",
                "Choose a place outside of it",
            )


def _placed(
    read: Iterable[tuple[Picture, bytes]],
    layout: Layout,
    folder: Path,
    use: ImageUse,
    written: list[Picture],
) -> Iterator[tuple[Picture, bytes]]:
    """Pictures put into their places as they are asked for, and listed."""
    for picture, data in read:
        place = layout.place(picture) if picture.name else None
        if place is not None:
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            file = picture.file
            is_file = file.member is None and file.time_ms is None and file.box is None
            if use == "link" and is_file and Path(file.path).is_file():
                link_or_copy(Path(file.path).resolve(), target)
            else:
                target.write_bytes(data)
        written.append(picture)
        yield picture, data


def _write_manifest(
    written: list[Picture], left_out: list[tuple[str, str, str]], layout: Layout, folder: Path
) -> None:
    rows = [
        (layout.place(one) if one.name else None, one.filename, one.digest, one.label, one.split)
        for one in written
    ]
    columns = ["file", "filename", "digest", "label", "split"]
    write_csv(pd.DataFrame(rows, columns=columns, dtype=object), folder / MANIFEST)
    if left_out:
        lost = pd.DataFrame(left_out, columns=["filename", "reason", "detail"])
        write_csv(lost, folder / LEFT_OUT)
