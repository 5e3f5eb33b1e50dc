"""The layout of COCO; a COCO file that a run was annotated by is kept as it is, entry by entry.

Source: https://cocodataset.org/#format-data .
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from imgvet.annotations.coco import as_id, file_name_of
from imgvet.annotations.match import places_of
from imgvet.annotations.read import names_beside
from imgvet.exchange.layout import UNNAMED, Layout, Read, bbox_of, write_json
from imgvet.exchange.pictures import Picture
from imgvet.format import listed
from imgvet.options import AnnotationOptions, SourceOptions
from imgvet.summary import read_record
from imgvet.workdir import WorkDir

Entry = Mapping[str, Any]
Known = tuple[Entry, Sequence[tuple[str | None, Entry]]]
"""Of a picture its entry in ``images``, as far as it is known, and its annotations, each with the
name of its category, if it has one."""


class Coco(Layout):
    """``annotations/instances_SPLIT.json`` and ``images/SPLIT/``: cocodataset.org/#format-data."""

    def __init__(self, pictures: Sequence[Picture], work: WorkDir) -> None:
        super().__init__(pictures, work)
        self.source = _source_of(pictures, work)
        """What the run was annotated by: its entries are kept as they are, masks and all."""

    def folder(self, picture: Picture) -> str:
        """One for each split."""
        return f"images/{self.folder_of[picture.split]}".rstrip("/")

    def write(self, read: Read, folder: Path) -> None:
        """Ids begin at 1; a label without a box is an annotation whose bbox is empty."""
        head = {"info": {"description": "exported by imgvet"}, "licenses": []}
        classes = {name: _category(name) for name in self.classes}
        if self.source is not None:
            head = {name: self.source.content.get(name, value) for name, value in head.items()}
            classes = dict(self.source.categories)
        found = defaultdict[str | None, list[Known]](list)
        for picture, _ in read:
            place = {
                "file_name": picture.name or picture.filename,
                "width": picture.width, "height": picture.height,
            }  # fmt: skip
            image, own = (self.source.known if self.source else self._made)(picture)
            found[picture.split].append(({**image, **place}, own))
            corrected = {name for name, _ in own if name is not None} - classes.keys()
            classes |= {name: _category(name) for name in corrected}
        categories = _numbered([*classes.values()])
        ids = {_name_of(one): {"category_id": one["id"]} for one in categories}
        for split, entries in found.items():
            images = _numbered([image for image, _ in entries])
            annotations = [
                {**one, **ids.get(name or "", {}), "image_id": image["id"]}
                for image, (_, own) in zip(images, entries, strict=True)
                for name, one in own
            ]
            lists = {"images": images, "annotations": _numbered(annotations)}
            name = "_".join(filter(None, ["instances", self.folder_of[split]]))
            path = folder / "annotations" / f"{name}.json"
            write_json(path, head | lists | {"categories": categories})

    def _made(self, picture: Picture) -> Known:
        found = [
            (
                region.label or UNNAMED,
                {
                    "bbox": bbox_of(region),
                    "area": region.box.width * region.box.height,
                    "iscrowd": 0,
                    "segmentation": [list(region.corners)] if region.corners else [],
                    **({} if region.score is None else {"score": region.score}),
                },
            )
            for region in picture.objects
        ]
        if self.has_boxes or picture.label is None:
            return {}, found
        return {}, [(picture.label, {"bbox": [], "area": 0, "iscrowd": 0, "segmentation": []})]


@dataclass(frozen=True)
class _Source:
    """COCO files, by the pictures of an export."""

    content: Entry
    """That of the first."""
    entries: Mapping[str, Known]
    """By the name of a picture."""
    categories: Mapping[str, Entry]
    """By name."""

    def known(self, picture: Picture) -> Known:
        """The entries of a picture; annotations of one category are under its label as it is now.

        Objects of several stay as they are, as nobody knows which of them was corrected.
        """
        image, own = self.entries.get(picture.filename, ({}, ()))
        told = {name for name, one in own if not one.get("iscrowd")}
        is_whole = not any(one.get("bbox") or one.get("segmentation") for _, one in own)
        label, was = picture.label, ",".join(sorted(filter(None, told)))
        if label in (was, None) or not (len(told) == 1 or (told and is_whole)):
            return image, own
        kept = own[:1] if is_whole else own
        return image, [(name if one.get("iscrowd") else label, one) for name, one in kept]


def _source_of(pictures: Sequence[Picture], work: WorkDir) -> _Source | None:
    """The COCO files of a run on whole images; None if there is none, or crops were analysed.

    Pictures are matched as the run matched them (:func:`imgvet.annotations.match.places_of`), and
    a category of several files by its name.
    """
    record = read_record(work)
    given = record.options(AnnotationOptions).annotations or ()
    contents = [content for file in given if (content := _content_of(file)) is not None]
    if work.part or not given or len(contents) < len(given):
        return None
    names: list[str] = []
    entries: list[Known] = []
    categories: dict[str, Entry] = {}
    for file, content in zip(given, contents, strict=True):
        own = [str(file_name_of(one)) for one in content["images"]]
        names += names_beside(file, own) if len(given) > 1 else own
        entries += _by_image(content)
        categories = {_name_of(one): one for one in content.get("categories") or ()} | categories
    files = list(dict.fromkeys(picture.filename for picture in pictures))
    places = places_of(names, files, record.options(SourceOptions).inputs, listed(given))
    pairs = zip(places, entries, strict=True)
    found = {files[place]: entry for place, entry in pairs if place < len(files)}
    return _Source(contents[0], found, categories)


def _content_of(file: str) -> Entry | None:
    """The content of a COCO file; None of another one, such as a table, or if it is gone."""
    try:
        content = json.loads(Path(file).expanduser().read_bytes())
    except (OSError, ValueError):
        return None
    is_coco = isinstance(content, dict) and isinstance(content.get("images"), list)
    return content if is_coco else None


def _by_image(content: Entry) -> Iterator[Known]:
    """The images of a file, each with its annotations."""
    names = {as_id(one["id"]): _name_of(one) for one in content.get("categories") or ()}
    found = defaultdict[Any, list[tuple[str | None, Entry]]](list)
    for one in content.get("annotations") or ():
        pair = names.get(as_id(one.get("category_id"))), one
        found[as_id(one.get("image_id"))].append(pair)
    return ((image, found[as_id(image["id"])]) for image in content["images"])


def _category(name: str) -> Entry:
    return {"name": name, "supercategory": ""}


def _name_of(category: Entry) -> str:
    return str(category.get("name", category["id"]))


def _numbered(entries: Sequence[Entry]) -> list[Entry]:
    """Entries with an id each: their own, or one after all if they have none or it came before."""
    ids = [as_id(one.get("id")) for one in entries]
    free = count(max((number for number in ids if isinstance(number, int)), default=0) + 1)
    first = {number: place for place, number in reversed([*enumerate(ids)])}
    return [
        one if number is not None and first[number] == place else {**one, "id": next(free)}
        for place, (number, one) in enumerate(zip(ids, entries, strict=True))
    ]
