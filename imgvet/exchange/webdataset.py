"""The layout of WebDataset: shards, each a tar of pictures with what is known of them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgvet.exchange.layout import Layout, Read, portable_names
from imgvet.exchange.pictures import Picture


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
        shards: dict[str, _Shards] = {}
        try:
            for picture, data in read:
                name = self.folder_of[picture.split] or "images"
                shards.setdefault(name, _Shards(folder, name, self)).add(
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
