"""The layouts of data sets with pictures, by name; that of COCO lies beside."""

from __future__ import annotations

import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from imgvet.exchange.coco import Coco
from imgvet.exchange.layout import UNNAMED, Layout, Read, bbox_of, folders_of, write_json
from imgvet.exchange.pictures import Picture
from imgvet.format import listed
from imgvet.images.formats import ENDING_OF
from imgvet.images.geometry import Region
from imgvet.sources.kinds import split_ending
from imgvet.workdir import WorkDir, write_text

_YOLO_SPLITS = {
    "training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test",
}  # fmt: skip


class Yolo(Layout):
    """``images/``, ``labels/`` and ``data.yaml``, or a folder for each class where boxes lack.

    Source: docs.ultralytics.com/datasets/detect, /obb and /classify.
    """

    flat = True  # a folder "images" in a path would lead to other labels
    references = False

    def __init__(self, pictures: Sequence[Picture], work: WorkDir) -> None:
        super().__init__(pictures, work)
        self.by_class = bool(self.classes) and not self.has_boxes
        self.class_folder = folders_of(picture.label or "unlabelled" for picture in pictures)
        splits = (picture.split or "train" for picture in pictures)
        self.split_of = {split: _YOLO_SPLITS.get(split.lower(), split) for split in splits}
        self.folder_of = folders_of(self.split_of.values())

    def folder(self, picture: Picture) -> str:
        """One for each split: train if none is known."""
        split = self._split(picture)
        if self.by_class:
            return f"{split}/{self.class_folder[picture.label or 'unlabelled']}"
        return f"images/{split}"

    def write(self, read: Read, folder: Path) -> None:
        """Boxes as shares of the picture; the class numbers are those of ``names``."""
        splits = set()
        for picture, _ in read:
            splits.add(self._split(picture))
            if self.has_boxes:
                labels = folder / "labels" / self._split(picture) / picture.name
                write_text(labels.with_suffix(".txt"), "".join(self._rows(picture)))
        if not self.by_class:
            known = {split: f"images/{split}" for split in sorted(splits)}
            lacking = [split for split in ("train", "val") if split not in known]
            note = f"# There is no split {listed(lacking)}: name one to train\n" if lacking else ""
            stated = yaml.safe_dump(
                known | {"names": dict(enumerate(self.classes))},
                sort_keys=False, allow_unicode=True,
            )  # fmt: skip
            write_text(folder / "data.yaml", note + stated)

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

    def folder(self, picture: Picture) -> str:  # noqa: ARG002
        """One for all."""
        return "data"

    def write(self, read: Read, folder: Path) -> None:
        """The split is a tag, the label ``ground_truth``, boxes are shares of the picture."""
        samples = []
        for picture, _ in read:
            sample: dict[str, Any] = {
                "filepath": self.place(picture) or picture.filename,
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
        shares = [value / one for value, one in zip(bbox_of(region), scale, strict=True)]
        label = region.label or UNNAMED
        known = {} if region.score is None else {"confidence": region.score}
        return {"_cls": "Detection", "label": label, "bounding_box": shares} | known


class Datumaro(Layout):
    """``annotations/SUBSET.json`` and ``images/SUBSET/``, as Datumaro's own format has them."""

    references = False

    def folder(self, picture: Picture) -> str:
        """One for each subset."""
        return f"images/{self._subset(picture)}"

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
                found.append({"type": "bbox", "bbox": bbox_of(region)} | label)
            else:
                found.append({"type": "polygon", "points": list(region.corners)} | label)
        if not self.has_boxes and picture.label is not None:
            found.append({"type": "label", "label_id": self.number[picture.label]})
        return [{"id": n, "group": 0, "attributes": {}} | one for n, one in enumerate(found)]


@dataclass
class _Shard:
    """A tar that is being written."""

    tar: tarfile.TarFile
    number: int
    images: int = 0
    size: int = 0

    def add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self.tar.addfile(member, io.BytesIO(data))


class WebDataset(Layout):
    """``SPLIT-000000.tar``, ...: each picture with a ``.json`` of the same key.

    Source: github.com/webdataset/webdataset. Times, owners and order are fixed, so the same images
    give the same bytes.
    """

    as_boxes = False
    references = False
    most_images, most_bytes = 10_000, 1_000_000_000

    def folder(self, picture: Picture) -> None:
        """None: they lie in shards."""

    def write(self, read: Read, folder: Path) -> None:
        """The key is the image's id, as the first dot of a name ends a key."""
        shards: dict[str, _Shard] = {}
        with ExitStack() as stack:
            for picture, data in read:
                name = self.folder_of[picture.split] or "images"
                shard = shards.get(name)
                if shard is None or self._is_full(shard):
                    if shard is not None:
                        shard.tar.close()
                    number = 0 if shard is None else shard.number + 1
                    path = folder / f"{name}-{number:06d}.tar"
                    made = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
                    shard = shards[name] = _Shard(stack.enter_context(made), number)
                key, ending = f"{picture.id:09d}", ENDING_OF.get(picture.format, ".img")
                shard.add(f"{key}{ending}", data)
                shard.add(f"{key}.json", json.dumps(self._facts(picture)).encode())
                shard.images, shard.size = shard.images + 1, shard.size + len(data)

    def _is_full(self, shard: _Shard) -> bool:
        return shard.images >= self.most_images or shard.size >= self.most_bytes

    def _facts(self, picture: Picture) -> Mapping[str, Any]:
        number = None if picture.label is None else self.number[picture.label]
        facts = {
            "label": picture.label, "label_index": number, "split": picture.split,
            "filename": picture.filename, "digest": picture.digest,
            "width": picture.width, "height": picture.height,
        }  # fmt: skip
        return {name: value for name, value in facts.items() if value is not None}


LAYOUTS: Mapping[str, type[Layout]] = {
    "coco": Coco, "yolo": Yolo, "webdataset": WebDataset, "fiftyone": FiftyOne,
    "datumaro": Datumaro,
}  # fmt: skip
