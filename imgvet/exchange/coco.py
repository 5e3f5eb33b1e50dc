"""The layout of COCO; a COCO file that a run was annotated by is kept as it is, entry by entry.

Source: https://cocodataset.org/#format-data .
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
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
        found: defaultdict[str | None, tuple[list[Any], list[Any]]]
        found = defaultdict(lambda: ([], []))
        for picture, _ in read:
            images, annotations = found[picture.split]
            image, own = self._entries(picture, len(images), len(annotations))
            images.append(image)
            annotations += own
        categories = [
            {"id": number + 1, "name": name, "supercategory": ""}
            for name, number in self.number.items()
        ]
        head = {"info": {"description": "exported by imgvet"}, "licenses": []}
        if self.source is not None:
            head = {name: self.source.content.get(name, value) for name, value in head.items()}
            categories = self.source.categories
        for split, (images, annotations) in found.items():
            lists = {"images": images, "annotations": annotations, "categories": categories}
            name = "_".join(filter(None, ["instances", self.folder_of[split]]))
            write_json(folder / "annotations" / f"{name}.json", head | lists)

    def _entries(
        self, picture: Picture, images: int, annotations: int
    ) -> tuple[dict[str, Any], list[Any]]:
        """The entry of a picture, and its annotations, after so many others."""
        image = {
            "file_name": picture.name or picture.filename,
            "width": picture.width, "height": picture.height,
        }  # fmt: skip
        if self.source is None:
            known = {"id": images + 1} | image
            own = enumerate(self._annotations(picture), annotations + 1)
            return known, [{"id": n, "image_id": known["id"]} | one for n, one in own]
        original = self.source.images.get(picture.filename)
        if original is None:
            return {"id": self.source.free_id + picture.id} | image, []
        kept = self.source.annotations.get(as_id(original["id"]), ())
        return {**original, **image}, self.source.relabelled(kept, picture.label)

    def _annotations(self, picture: Picture) -> list[dict[str, Any]]:
        found = [
            {
                "category_id": self.number[region.label or UNNAMED] + 1,
                "bbox": bbox_of(region),
                "area": region.box.width * region.box.height,
                "iscrowd": 0,
                "segmentation": [list(region.corners)] if region.corners else [],
                **({} if region.score is None else {"score": region.score}),
            }
            for region in picture.objects
        ]
        if self.has_boxes or picture.label is None:
            return found
        category = {"category_id": self.number[picture.label] + 1}
        return [category | {"bbox": [], "area": 0, "iscrowd": 0, "segmentation": []}]


@dataclass(frozen=True)
class _Source:
    """A COCO file, by the pictures of an export."""

    content: Mapping[str, Any]
    images: Mapping[str, Entry]
    """Its entries in ``images`` by the name of a picture; those it does not name have none."""
    annotations: Mapping[Any, Sequence[Entry]]
    """By image_id."""
    free_id: int
    """An id from which on no image has one."""
    categories: list[Any]
    """Those of the file, and of labels that were corrected to others."""

    def relabelled(self, own: Sequence[Entry], label: str | None) -> list[Entry]:
        """The annotations of one picture, if all are of one category under its label as it is now.

        Those of several stay as they are, as nobody knows which of them was corrected.
        """
        numbers = {_name_of(one): one["id"] for one in self.categories}
        names = {as_id(number): name for name, number in numbers.items()}
        told = {names.get(as_id(one.get("category_id"))) for one in own if not one.get("iscrowd")}
        if label is None or len(told) != 1 or label in told:
            return list(own)
        if label not in numbers:
            ids = (number for number in map(as_id, numbers.values()) if isinstance(number, int))
            numbers[label] = max(ids, default=0) + 1
            self.categories.append({"id": numbers[label], "name": label, "supercategory": ""})
        new = {"category_id": numbers[label]}
        return [one if one.get("iscrowd") else {**one, **new} for one in own]


def _source_of(pictures: Sequence[Picture], work: WorkDir) -> _Source | None:
    """The COCO files of a run on whole images; None if there is none, or crops were analysed.

    Pictures are matched as the run matched them (:func:`imgvet.annotations.match.places_of`).
    """
    record = read_record(work)
    given = record.options(AnnotationOptions).annotations or ()
    contents = [content for file in given if (content := _content_of(file)) is not None]
    if work.part or not given or len(contents) < len(given):
        return None
    named = [[str(file_name_of(one)) for one in content["images"]] for content in contents]
    if len(given) > 1:
        named = [names_beside(file, names) for file, names in zip(given, named, strict=True)]
    names, content = list(chain(*named)), joined(contents)
    files = list(dict.fromkeys(picture.filename for picture in pictures))
    places = places_of(names, files, record.options(SourceOptions).inputs, listed(given))
    entries = dict(zip(places.tolist(), content["images"], strict=True))
    known = {file: entries[place] for place, file in enumerate(files) if place in entries}
    annotations = defaultdict[Any, list[Entry]](list)
    for one in content.get("annotations") or ():
        annotations[as_id(one.get("image_id"))].append(one)
    ids = (number for one in content["images"] if isinstance(number := as_id(one["id"]), int))
    categories = list(content.get("categories") or ())
    return _Source(content, known, annotations, max(ids, default=0) + 1, categories)


def _content_of(file: str) -> Entry | None:
    """The content of a COCO file; None of another one, such as a table, or if it is gone."""
    try:
        content = json.loads(Path(file).expanduser().read_bytes())
    except (OSError, ValueError):
        return None
    is_coco = isinstance(content, dict) and isinstance(content.get("images"), list)
    return content if is_coco else None


def joined(contents: Sequence[Entry]) -> Entry:
    """Several files as one: a category by its name, and ids that come twice given anew."""
    if len(contents) == 1:
        return contents[0]
    images: list[Entry] = []
    annotations: list[Entry] = []
    categories: dict[str, Entry] = {}
    for content in contents:
        classes = content.get("categories") or ()
        unknown = [one for one in classes if _name_of(one) not in categories]
        categories |= {_name_of(one): one for one in _numbered(unknown, categories.values())}
        own = _numbered(content["images"], images)
        pairs = zip(content["images"], own, strict=True)
        ids = {
            "image_id": {as_id(before["id"]): after["id"] for before, after in pairs},
            "category_id": {as_id(one["id"]): categories[_name_of(one)]["id"] for one in classes},
        }
        led = [
            {**one} | {key: new.get(as_id(one[key])) for key, new in ids.items() if key in one}
            for one in content.get("annotations") or ()
        ]
        images, annotations = images + own, annotations + _numbered(led, annotations)
    lists = {"images": images, "annotations": annotations, "categories": [*categories.values()]}
    return {**contents[0], **lists}


def _name_of(category: Entry) -> str:
    return str(category.get("name", category["id"]))


def _numbered(entries: Sequence[Entry], known: Collection[Entry]) -> list[Entry]:
    """Entries as they are if none has the id of one that is known, else with ids after those."""
    taken = {as_id(one.get("id")) for one in known}
    if taken.isdisjoint(as_id(one.get("id")) for one in entries):
        return list(entries)
    first = max((number for number in taken if isinstance(number, int)), default=0) + 1
    return [{**one, "id": number} for number, one in enumerate(entries, first)]
