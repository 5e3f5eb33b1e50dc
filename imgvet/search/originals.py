"""The original of an image, for showing: from a folder, a bucket, an archive, a video or a crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow.parquet as pq

from imgvet.crops.cutting import cut_picture
from imgvet.images.decode import decode
from imgvet.images.formats import Format, identify
from imgvet.images.picture import Failure, Pixels
from imgvet.options import VideoOptions
from imgvet.sources.crop_names import split_crop_name
from imgvet.sources.location import parse_location
from imgvet.sources.reading import Reader
from imgvet.sources.s3_location import is_remote
from imgvet.store.files import FileIndex, FileToRead
from imgvet.summary import RunRecord
from imgvet.workdir import WorkDir

SHOWN_AS_THEY_ARE = {
    Format.JPEG: "image/jpeg",
    Format.PNG: "image/png",
    Format.GIF: "image/gif",
    Format.WEBP: "image/webp",
    Format.BMP: "image/bmp",
    Format.AVIF: "image/avif",
}
"""Formats that browsers show, with their media types; others are shown as JPEG or PNG."""

PNG_PIXELS = 4_000_000
"""Pictures of at most this many pixels are shown without loss, as PNG; larger ones as JPEG."""

JPEG_QUALITY = 95
LONGEST_SIDE = 32_000
"""Longest side, in pixels, of a picture that is converted; JPEG can hold little more."""


@dataclass(frozen=True)
class Shown:
    """A picture that a browser can show: its bytes and their media type."""

    data: bytes
    media_type: str


class Originals:
    """Reads the originals of a finished run; may be used from several threads."""

    def __init__(self, work: WorkDir, record: RunRecord) -> None:
        given = {name: record.parameters.get(name) for name in VideoOptions.model_fields}
        known = {name: value for name, value in given.items() if value is not None}
        self._work = work
        self._reader = Reader(work, VideoOptions.model_validate(known))

    def show(self, item: int, filename: str, file_size: int | None) -> Shown | Failure:
        """The original of an image, or why it can't be shown.

        Whatever lies under that name now: only what begins as an image is given out as it is, and
        only what can be decoded is converted.

        Args:
            item: its id.
            filename: its name in the table items.
            file_size: its size in bytes as the run saw it, None if unknown.

        Raises:
            ImgvetError: the bucket that it lies in can't be reached.
        """
        file = FileToRead(item, filename, file_size, None, self._version(filename))
        content = self._reader.read(file)
        if isinstance(content, Failure):
            return content
        _, region = split_crop_name(filename)
        kind = identify(content.data)
        if region is None and kind in SHOWN_AS_THEY_ARE:
            return Shown(content.data, SHOWN_AS_THEY_ARE[kind])
        picture = decode(content.data, full_size=True)
        if region is not None and not isinstance(picture, Failure):
            picture = cut_picture(picture, region)
        return picture if isinstance(picture, Failure) else _encoded(picture.pixels)

    def _version(self, filename: str) -> str:
        """Which version of a remote file the run read; empty if that is not known."""
        location = parse_location(split_crop_name(filename)[0])
        if not is_remote(location.path):
            return ""
        wanted = [("filename", "=", split_crop_name(filename)[0])]
        for part in sorted(FileIndex.of(self._work).folder.glob("*.parquet")):
            found = pq.read_table(part, columns=["version"], filters=wanted)
            if found.num_rows:
                return str(found.column("version")[found.num_rows - 1].as_py())
        return ""


def _encoded(pixels: Pixels) -> Shown:
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    if scale < 1.0:
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    coloured = np.ascontiguousarray(pixels[..., ::-1])
    if height * width <= PNG_PIXELS:
        return Shown(cv2.imencode(".png", coloured)[1].tobytes(), "image/png")
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return Shown(cv2.imencode(".jpg", coloured, settings)[1].tobytes(), "image/jpeg")
