"""The layouts of data sets that hold pictures: where a picture goes, and what tells its labels."""

from __future__ import annotations

import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml

from imgvet.exchange.names import portable_names
from imgvet.exchange.pictures import Picture
from imgvet.format import listed
from imgvet.images.geometry import Region
from imgvet.sources.kinds import split_ending

UNNAMED = "object"
"""The class of a box without a label."""

Read = Iterable[tuple[Picture, bytes]]
"""Pictures, and their bytes unless they were placed or stay where they are."""

_YOLO_SPLITS = {
    "training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test",
}  # fmt: skip


class Layout:
    """A folder of pictures with their labels."""

    as_boxes: ClassVar[bool] = True
    """Whether the crops of a picture are boxes on it; else each is a picture."""
    by_split: ClassVar[bool] = True
    """Whether each split has a folder, so that names need only be unique in it."""
    flat: ClassVar[bool] = False
    """Whether names have no folders."""
    references: ClassVar[bool] = True
    """Whether it may name pictures that lie elsewhere."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        """Take the pictures that will be written, as far as they can be read."""
        self.has_boxes = any(picture.box_labels for picture in pictures)
        labels = {picture.label for picture in pictures if picture.label is not None}
        if self.has_boxes:
            labels = {label or UNNAMED for one in pictures for label in one.box_labels}
        self.classes = sorted(labels)
        self.number = {label: number for number, label in enumerate(self.classes)}
        self.folder_of = _folders(picture.split for picture in pictures)

    def place(self, picture: Picture) -> str | None:
        """Where in the folder a picture is put; None if :meth:`write` stores its bytes."""
        raise NotImplementedError

    def write(self, read: Read, folder: Path) -> None:
        """Write everything but pictures that are placed."""
        raise NotImplementedError


class Coco(Layout):
    """``annotations/instances_SPLIT.json`` and ``images/SPLIT/``: cocodataset.org/#format-data."""

    def place(self, picture: Picture) -> str:
        """In a folder for each split."""
        return _path("images", self.folder_of[picture.split], picture)

    def write(self, read: Read, folder: Path) -> None:
        """Ids begin at 1; a label without a box is an annotation whose bbox is empty."""
        categories = [
            {"id": number + 1, "name": name, "supercategory": ""}
            for name, number in self.number.items()
        ]
        found: defaultdict[str | None, tuple[list[Any], list[Any]]]
        found = defaultdict(lambda: ([], []))
        for picture, _ in read:
            images, annotations = found[picture.split]
            number = len(images) + 1
            images.append({
                "id": number, "file_name": picture.name or picture.filename,
                "width": picture.width, "height": picture.height,
            })  # fmt: skip
            for annotation in self._annotations(picture):
                ids = {"id": len(annotations) + 1, "image_id": number}
                annotations.append(ids | annotation)
        for split, (images, annotations) in found.items():
            content = {
                "info": {"description": "exported by imgvet"}, "licenses": [], "images": images,
                "annotations": annotations, "categories": categories,
            }  # fmt: skip
            name = "_".join(filter(None, ["instances", self.folder_of[split]]))
            write_json(folder / "annotations" / f"{name}.json", content)

    def _annotations(self, picture: Picture) -> list[dict[str, Any]]:
        found = [
            {
                "category_id": self.number[region.label or UNNAMED] + 1,
                "bbox": _bbox(region),
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


class Yolo(Layout):
    """``images/``, ``labels/`` and ``data.yaml``, or a folder for each class where boxes lack.

    Source: docs.ultralytics.com/datasets/detect, /obb and /classify.
    """

    flat = True  # a folder "images" in a path would lead to other labels
    references = False

    def __init__(self, pictures: Sequence[Picture]) -> None:
        super().__init__(pictures)
        self.by_class = bool(self.classes) and not self.has_boxes
        self.class_folder = _folders(picture.label or "unlabelled" for picture in pictures)
        splits = (picture.split or "train" for picture in pictures)
        self.split_of = {split: _YOLO_SPLITS.get(split.lower(), split) for split in splits}
        self.folder_of = _folders(self.split_of.values())

    def place(self, picture: Picture) -> str:
        """In a folder for each split: train if none is known."""
        split = self._split(picture)
        if self.by_class:
            return _path(split, self.class_folder[picture.label or "unlabelled"], picture)
        return _path("images", split, picture)

    def write(self, read: Read, folder: Path) -> None:
        """Boxes as shares of the picture; the class numbers are those of ``names``."""
        splits = set()
        for picture, _ in read:
            splits.add(self._split(picture))
            if self.has_boxes:
                labels = Path(_path("labels", self._split(picture), picture)).with_suffix(".txt")
                write_lines(folder / labels, self._rows(picture))
        if not self.by_class:
            known = {split: f"images/{split}" for split in sorted(splits)}
            lacking = [split for split in ("train", "val") if split not in known]
            note = (
                [f"# There is no split {listed(lacking)}: name one to train\n"] if lacking else []
            )
            stated = yaml.safe_dump(
                known | {"names": dict(enumerate(self.classes))},
                sort_keys=False, allow_unicode=True,
            )  # fmt: skip
            write_lines(folder / "data.yaml", [*note, stated])

    def _split(self, picture: Picture) -> str:
        return self.folder_of[self.split_of[picture.split or "train"]]

    def _rows(self, picture: Picture) -> Iterable[str]:
        width, height = picture.width or 1, picture.height or 1
        for region in picture.objects:
            box = region.box
            values = region.corners or (
                box.x + box.width / 2, box.y + box.height / 2, box.width, box.height,
            )  # fmt: skip
            shares = (value / (height if n % 2 else width) for n, value in enumerate(values))
            number = self.number[region.label or UNNAMED]
            yield f"{number} {' '.join(f'{share:.6f}' for share in shares)}\n"


class FiftyOne(Layout):
    """``samples.json``, ``metadata.json`` and ``data/``: FiftyOneDataset as FiftyOne reads it."""

    by_split = False

    def place(self, picture: Picture) -> str:
        """All in one folder."""
        return _path("data", "", picture)

    def write(self, read: Read, folder: Path) -> None:
        """The split is a tag, the label ``ground_truth``, boxes are shares of the picture."""
        samples = []
        for picture, _ in read:
            sample: dict[str, Any] = {
                "filepath": self.place(picture) if picture.name else picture.filename,
                "tags": [picture.split] if picture.split else [],
                "source": picture.filename,
                "digest": picture.digest,
            }
            if self.has_boxes:
                boxes = [self._detection(picture, region) for region in picture.objects]
                sample["ground_truth"] = {"_cls": "Detections", "detections": boxes}
            elif picture.label is not None:
                sample["ground_truth"] = {"_cls": "Classification", "label": picture.label}
            samples.append(sample)
        metadata = {
            "name": folder.name, "media_type": "image", "info": {},
            "default_classes": self.classes,
        }  # fmt: skip
        write_json(folder / "metadata.json", metadata)
        write_json(folder / "samples.json", {"samples": samples})

    def _detection(self, picture: Picture, region: Region) -> dict[str, Any]:
        scale = (picture.width or 1, picture.height or 1) * 2
        shares = [value / one for value, one in zip(_bbox(region), scale, strict=True)]
        label = region.label or UNNAMED
        known = {} if region.score is None else {"confidence": region.score}
        return {"_cls": "Detection", "label": label, "bounding_box": shares} | known


class Datumaro(Layout):
    """``annotations/SUBSET.json`` and ``images/SUBSET/``, as Datumaro's own format has them."""

    references = False

    def place(self, picture: Picture) -> str:
        """In a folder for each subset."""
        return _path("images", self._subset(picture), picture)

    def write(self, read: Read, folder: Path) -> None:
        """An item is called by its file's name without ending; rotated boxes are polygons."""
        labels = [{"name": name, "parent": "", "attributes": []} for name in self.classes]
        found = defaultdict[str, list[Any]](list)
        for picture, _ in read:
            found[self._subset(picture)].append({
                "id": split_ending(picture.name)[0],
                "annotations": self._annotations(picture),
                "attr": {"source": picture.filename},
                "image": {"path": picture.name, "size": [picture.height, picture.width]},
            })  # fmt: skip
        for subset, items in found.items():
            content = {
                "dm_format_version": "1.0", "media_type": 2, "infos": {},
                "categories": {"label": {"labels": labels, "attributes": []}}, "items": items,
            }  # fmt: skip
            write_json(folder / "annotations" / f"{subset}.json", content)

    def _subset(self, picture: Picture) -> str:
        return self.folder_of[picture.split] or "default"

    def _annotations(self, picture: Picture) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for region in picture.objects:
            label = {"label_id": self.number[region.label or UNNAMED], "z_order": 0}
            if region.corners is None:
                found.append({"type": "bbox", "bbox": _bbox(region)} | label)
            else:
                found.append({"type": "polygon", "points": list(region.corners)} | label)
        if not self.has_boxes and picture.label is not None:
            found.append({"type": "label", "label_id": self.number[picture.label]})
        return [{"id": n, "group": 0, "attributes": {}} | one for n, one in enumerate(found)]


class WebDataset(Layout):
    """``SPLIT-000000.tar``, ...: each picture with a ``.json`` of the same key.

    Source: github.com/webdataset/webdataset. Times, owners and order are fixed, so the same images
    give the same bytes.
    """

    as_boxes = False
    references = False
    most_images, most_bytes = 10_000, 1_000_000_000

    def place(self, picture: Picture) -> None:
        """In a shard."""

    def write(self, read: Read, folder: Path) -> None:
        """The key is the image's id, as the first dot of a name ends a key."""
        shards: dict[str | None, _Shards] = {}
        try:
            for picture, data in read:
                name = self.folder_of[picture.split] or "images"
                shards.setdefault(picture.split, _Shards(folder, name, self)).add(
                    f"{picture.id:09d}", data, _ending(picture), self._facts(picture)
                )
        finally:
            for one in shards.values():
                one.close()

    def _facts(self, picture: Picture) -> Mapping[str, Any]:
        number = None if picture.label is None else self.number[picture.label]
        return {
            "label": picture.label, "label_index": number, "split": picture.split,
            "filename": picture.filename, "digest": picture.digest,
            "width": picture.width, "height": picture.height,
        }  # fmt: skip


class _Shards:
    """The shards of one split, begun one after the other."""

    def __init__(self, folder: Path, name: str, limits: WebDataset) -> None:
        self._folder, self._name, self._limits = folder, name, limits
        self._number, self._images, self._bytes = -1, 0, 0
        self._tar: tarfile.TarFile | None = None

    def add(self, key: str, data: bytes, ending: str, facts: Mapping[str, Any]) -> None:
        full = self._images >= self._limits.most_images or self._bytes >= self._limits.most_bytes
        if self._tar is None or full:
            self.close()
            self._number, self._images, self._bytes = self._number + 1, 0, 0
            path = self._folder / f"{self._name}-{self._number:06d}.tar"
            self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        known = json.dumps({name: value for name, value in facts.items() if value is not None})
        for name, content in ((f"{key}{ending}", data), (f"{key}.json", known.encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            self._tar.addfile(member, io.BytesIO(content))
        self._images, self._bytes = self._images + 1, self._bytes + len(data)

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()


def _ending(picture: Picture) -> str:
    (name,) = portable_names(["x"], [picture.format])
    return name[1:] or ".img"


def _bbox(region: Region) -> list[float]:
    box = region.box
    return [box.x, box.y, box.width, box.height]


def _folders(names: Iterable[str | None]) -> dict[str | None, str]:
    """The folder of each split or class, under a name that any file system takes; none has none."""
    known = sorted({name for name in names if name is not None})
    fit = portable_names(known, [None] * len(known), flat=True)
    return {None: "", **dict(zip(known, fit, strict=True))}


def _path(first: str, second: str, picture: Picture) -> str:
    return "/".join(filter(None, [first, second, picture.name]))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text, the same bytes on every machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def write_json(path: Path, content: object) -> None:
    """Write JSON in one line, the same bytes for the same content."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    write_lines(path, [text, "\n"])


LAYOUTS: Mapping[str, type[Layout]] = {
    "coco": Coco, "yolo": Yolo, "webdataset": WebDataset, "fiftyone": FiftyOne,
    "datumaro": Datumaro,
}  # fmt: skip
