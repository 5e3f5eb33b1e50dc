"""Which image format some bytes are, from the content alone, and whether they end too early."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

Name = TypeVar("Name", bound=str)


class Format(StrEnum):
    """An image format that content can be recognised as."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    BMP = "BMP"
    TIFF = "TIFF"
    WEBP = "WebP"
    AVIF = "AVIF"
    HEIF = "HEIF"
    JPEG2000 = "JPEG 2000"
    PNM = "PNM"
    SUN = "Sun raster"
    QOI = "QOI"
    RADIANCE = "Radiance HDR"
    DICOM = "DICOM"


LOSSLESS = (Format.PNG, Format.BMP, Format.TIFF)
"""What loses nothing, as a rule."""

BY_ENDING = {
    ".jpg": Format.JPEG, ".jpeg": Format.JPEG, ".jpe": Format.JPEG, ".jfif": Format.JPEG,
    ".png": Format.PNG,
    ".gif": Format.GIF, ".giff": Format.GIF,
    ".bmp": Format.BMP,
    ".tif": Format.TIFF, ".tiff": Format.TIFF,
    ".webp": Format.WEBP,
    ".avif": Format.AVIF,
    ".heic": Format.HEIF, ".heif": Format.HEIF,
    ".jp2": Format.JPEG2000,
    ".ppm": Format.PNM, ".pgm": Format.PNM,
    ".dcm": Format.DICOM, ".dicom": Format.DICOM,
}  # fmt: skip
"""Which format the ending of a name promises."""

ENDING_OF: Mapping[str | None, str] = {kind: ending for ending, kind in reversed(BY_ENDING.items())}
"""The usual ending of each format."""

_DECODED = {
    Format.DICOM: rb".{128}DICM",  # First, as it may begin like another format.
    Format.JPEG: rb"\xff\xd8",
    Format.PNG: rb"\x89PNG\r\n\x1a\n",
    Format.GIF: rb"GIF8[79]a",
    Format.BMP: rb"BM",
    Format.TIFF: rb"II[*+]\0|MM\0[*+]",
    Format.WEBP: rb"RIFF.{4}WEBP",
    Format.JPEG2000: rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    Format.PNM: rb"P[1-6]\s",
    Format.SUN: rb"\x59\xa6\x6a\x95",
    Format.QOI: rb"qoif",
    Format.RADIANCE: rb"#\?(RADIANCE|RGBE)",
}
_NOT_DECODED = {
    "Photoshop": rb"8BPS",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "DirectDraw surface": rb"DDS ",
    "Windows icon": rb"\0\0\x01\0",
    "Apple icon": rb"icns",
    "OpenEXR": rb"v/1\x01",
    "GIMP": rb"gimp xcf",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "SVG": rb"(<\?xml.{0,500}?)?<svg",
}
_NO_IMAGES = {
    "text of a web page": rb"(?:\xef\xbb\xbf)?\s*<(?i:!doctype html|html|head)",
    "a pointer of Git LFS in place of the file": rb"version https://git-lfs",
    "AppleDouble, which macOS writes beside a file": rb"\0\x05\x16\x07",
    "a PDF": rb"%PDF-",
    "a video": rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ",
    "a zip archive": rb"PK\x03\x04",
    "a gzip archive": rb"\x1f\x8b",
    "a bzip2 archive": rb"BZh[1-9]",
    "an xz archive": rb"\xfd7zXZ\0",
    "a 7z archive": rb"7z\xbc\xaf\x27\x1c",
    "a rar archive": rb"Rar!\x1a\x07",
}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

_JPEG_END = b"\xff\xd9"
_TAIL = 64
"""How many last bytes are searched for an end marker; some writers pad the file."""


def identify(data: bytes) -> Format | None:
    """The format of the content, None if it is not one that can be decoded."""
    if (known := _named(data, _DECODED)) is not None:
        return known
    if data[4:8] != b"ftyp":
        return None
    # ISO base media: the brands of the file type box tell (ISO/IEC 14496-12, section 4.3).
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return Format.AVIF
    return Format.HEIF if brands & _HEIF_BRANDS else None


def unsupported_name(data: bytes) -> str | None:
    """The name of an image format that is known but not decoded here, None if it is not one."""
    return _named(data, _NOT_DECODED)


def beginning(data: bytes) -> str:
    """What content that is no image is, in words, or how it begins."""
    first = data[:8].decode("latin-1")
    shown = repr(first) if first.isascii() and first.isprintable() else data[:8].hex(" ")
    return _named(data, _NO_IMAGES) or f"starts with {shown}"


def _named(data: bytes, kinds: Mapping[Name, bytes]) -> Name | None:
    return next((name for name, first in kinds.items() if re.match(first, data, re.DOTALL)), None)


def ends_early(data: bytes, kind: Format) -> bool:
    """Whether the structure of the file says that more bytes should follow.

    It tells a truncated file from one that is damaged inside; a file may be truncated without
    its structure showing it.
    """
    return kind in _ENDS_EARLY and _ENDS_EARLY[kind](data)


def _tiff_ends_early(data: bytes) -> bool:
    """Whether the first directory of a TIFF file lies, in part or as a whole, beyond its end."""
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    if len(data) < 16:
        return True
    offset = int(struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0])
    if offset + 8 > len(data):
        return True
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, offset)
    return bool(offset + entries * (20 if big else 12) > len(data))


def _boxes_end_early(data: bytes) -> bool:
    """Whether a top-level box of an ISO base media or JPEG 2000 file reaches beyond its end."""
    if data.startswith(b"\xff\x4f\xff\x51"):
        return False
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return False
        at += max(size, 8)
    return at > len(data)


_ENDS_EARLY: Mapping[Format, Callable[[bytes], bool]] = {
    Format.JPEG: lambda data: _JPEG_END not in data[-_TAIL:],
    Format.PNG: lambda data: b"IEND" not in data[-_TAIL:],
    Format.GIF: lambda data: not data.rstrip(b"\0").endswith(b";"),
    Format.WEBP: lambda data: int.from_bytes(data[4:8], "little") + 8 > len(data),
    Format.BMP: lambda data: int.from_bytes(data[2:6], "little") > len(data),
    Format.TIFF: _tiff_ends_early,
    Format.AVIF: _boxes_end_early,
    Format.HEIF: _boxes_end_early,
    Format.JPEG2000: lambda data: _boxes_end_early(data) or _JPEG_END not in data[-_TAIL:],
}
