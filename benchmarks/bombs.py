"""Files that are small, or seem to be images, and ask for much more than they are worth."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.seed_files import image_seeds

FRAMES = 100_000
_MEGABYTE = 1 << 20


def _png(width: int, height: int, depth: int, colour: int, *before: bytes) -> bytes:
    """A picture of zeros; ``colour`` 0 is gray, 2 RGB, 6 RGB and alpha; ``before`` are chunks."""
    line = bytes(1 + (width * depth * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [header, *before, b"IDAT" + data, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks))


def _chunk(body: bytes) -> bytes:
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _claimed_png() -> bytes:
    """A PNG of 50,000 x 50,000 pixels in 100 kB: it ends early, which its header does not tell."""
    whole = _png(50_000, 3000, 8, 2)
    data = whole[41:-16][:100_000]
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return whole[:8] + _chunk(header) + _chunk(b"IDAT" + data) + _chunk(b"IEND")


def _float_tiff() -> bytes:
    """15,800 x 15,800 values of 32 bits, deflated."""
    side = 15_800
    packer = zlib.compressobj(9)
    line = bytes(4 * side)
    data = b"".join(packer.compress(line) for _ in range(side)) + packer.flush()
    tags = [(256, 4, side), (257, 4, side), (258, 3, 32), (259, 3, 8), (262, 3, 1), (273, 4, 8),
            (277, 3, 1), (278, 4, side), (279, 4, len(data)), (339, 3, 3)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def _scans() -> bytes:
    """A progressive JPEG of 8,000 x 8,000 pixels whose last scan comes 20,000 times."""
    stream = io.BytesIO()
    Image.new("RGB", (8000, 8000)).save(stream, "JPEG", progressive=True)
    whole = stream.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * 20_000 + whole[-2:]


def _gif(count: int) -> bytes:
    """So many frames of one pixel."""
    frame = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * count + b";"


def _webp(count: int) -> bytes:
    """So many frames of one picture of 16 x 16 pixels."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, "WEBP", lossless=True)
    still = stream.getvalue()[12:]
    frame = b"ANMF" + struct.pack("<I", 16 + len(still))
    frame += bytes(6) + b"\x0f\0\0\x0f\0\0\1\0\0\0" + still
    head = b"VP8X\x0a\0\0\0\x02\0\0\0\x0f\0\0\x0f\0\0" + b"ANIM\6\0\0\0" + bytes(6)
    body = b"WEBP" + head + frame * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _apng(count: int) -> bytes:
    """So many frames of one pixel."""
    pixel = zlib.compress(b"\0\0")
    control = struct.pack(">IIIIHHBB", 1, 1, 0, 0, 1, 1, 0, 0)
    frames = b"".join(
        _chunk(b"fcTL" + struct.pack(">I", 2 * at + 1) + control)
        + _chunk(b"fdAT" + struct.pack(">I", 2 * at + 2) + pixel)
        for at in range(count)
    )
    whole = _png(1, 1, 8, 0, b"acTL" + struct.pack(">II", count + 1, 0))
    return whole[:-12] + frames + whole[-12:]


def _tiff(count: int) -> bytes:
    """So many pages of one pixel, all of which say the same."""
    tags = [
        (256, 1),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 4),
        (277, 1),
        (278, 1),
        (279, 1),
    ]
    page = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    size = 2 + len(page) + 4
    pages = (
        struct.pack("<H", len(tags)) + page + struct.pack("<I", 8 + size * at if at < count else 0)
        for at in range(1, count + 1)
    )
    return b"II*\0\x08\0\0\0" + b"".join(pages)


def _told_jpeg() -> bytes:
    """50 MB of segments before the picture."""
    plain = image_seeds()["gray:jpg"]
    segment = b"\xff\xe1\xff\xff" + b"Exif\0\0MM\0*" + bytes(65_533 - 10)
    return plain[:2] + segment * 800 + plain[2:]


def _told_png() -> bytes:
    """A megabyte of text, compressed, a thousand times; and a profile of 50 MB in 50 kB."""
    text = b"zTXtcomment\0\0" + zlib.compress(bytes(_MEGABYTE), 9)
    return _png(
        64, 64, 8, 2, b"iCCPp\0\0" + zlib.compress(bytes(50 * _MEGABYTE), 9), *[text] * 1000
    )


def _told_tiff() -> bytes:
    """A tag of 50 MB."""
    stream = io.BytesIO()
    Image.new("L", (64, 64)).save(stream, "TIFF", tiffinfo={270: "x" * 50 * _MEGABYTE})
    return stream.getvalue()


def _claimed_heic(kind: str) -> bytes:
    """A HEIC or AVIF whose picture claims to have 60,000 x 60,000 pixels."""
    data = image_seeds()[f"plain:{kind}"]
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 60_000, 60_000) + data[at + 8 :]


def _zip(members: Iterator[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def _nested_zip() -> bytes:
    """Ten zips, one in the other, at the bottom a megabyte of zeros."""
    data = _zip(iter([("a.jpg", bytes(_MEGABYTE))]))
    for _ in range(10):
        data = _zip((f"{number}.zip", data) for number in range(10))
    return data


def _zip_bomb() -> bytes:
    """100 members of 100 MB of zeros each, in 10 MB."""
    zeros = bytes(100 * _MEGABYTE)
    return _zip((f"{number}.jpg", zeros) for number in range(100))


def _overlapping_zip() -> bytes:
    """10,000 members that are all the same 10 MB of zeros in one place."""
    data = _zip(iter([("0000.jpg", bytes(10 * _MEGABYTE))]))
    start = data.index(b"PK\1\2")
    entry, end = data[start : start + 46 + 8], data[-22:]
    entries = b"".join(entry[:46] + f"{number:04d}.jpg".encode() for number in range(10_000))
    counts = struct.pack("<HHII", 10_000, 10_000, len(entries), start)
    return data[:start] + entries + end[:8] + counts + end[20:]


def _tar_bomb() -> bytes:
    """10 GB of zeros as one gzipped member."""
    header = tarfile.TarInfo("a.jpg")
    header.size = 10_000 * _MEGABYTE
    block = gzip.compress(bytes(100 * _MEGABYTE), 9, mtime=0)
    return gzip.compress(header.tobuf(), mtime=0) + block * 100


def _absurd_tar() -> bytes:
    """Members of 2**62 and of -1 bytes (base 256), a name of 2**40 bytes, and one good picture."""
    blocks, good = [], image_seeds()["plain:jpg"]
    header = tarfile.TarInfo("good.jpg")
    header.size = len(good)
    blocks += [header.tobuf(), good, bytes(-len(good) % 512)]
    for name, size, kind in (
        ("minus.jpg", -1, tarfile.REGTYPE),
        ("name", 1 << 40, tarfile.GNUTYPE_LONGNAME),
        ("huge.jpg", 1 << 62, tarfile.REGTYPE),
    ):
        header = tarfile.TarInfo(name)
        header.size, header.type = size, kind
        blocks.append(header.tobuf(tarfile.GNU_FORMAT))
    return b"".join(blocks) + bytes(1024)


def _svg() -> bytes:
    """A text that names itself a billion times."""
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    kinds = f"<!DOCTYPE svg [<!ENTITY a0 'ha'>{''.join(lines)}]>"
    return f"<?xml version='1.0'?>{kinds}<svg><text>&a9;</text></svg>".encode()


def _jpeg(width: int, height: int) -> bytes:
    done, data = cv2.imencode(".jpg", np.zeros((height, width), np.uint8))
    assert done
    return data.tobytes()


BOMBS: dict[str, Callable[[], bytes]] = {
    "50,000 x 50,000 in 100 kB.png": _claimed_png,
    "15,800 x 15,800 RGB.png": lambda: _png(15_800, 15_800, 8, 2),
    "15,800 x 15,800 RGBA of 16 bits.png": lambda: _png(15_800, 15_800, 16, 6),
    "15,800 x 15,800 floats.tif": _float_tiff,
    "60,000 x 4,100.jpg": lambda: _jpeg(60_000, 4100),
    "8,000 x 8,000 in 20,000 scans.jpg": _scans,
    "100,000 frames.gif": lambda: _gif(FRAMES),
    "100,000 frames.webp": lambda: _webp(FRAMES),
    "100,000 frames.png": lambda: _apng(FRAMES),
    "100,000 pages.tif": lambda: _tiff(FRAMES),
    "50 MB of metadata.jpg": _told_jpeg,
    "1 GB of metadata in 2 MB.png": _told_png,
    "50 MB of metadata.tif": _told_tiff,
    "60,000 x 60,000.heic": lambda: _claimed_heic("heic"),
    "60,000 x 60,000.avif": lambda: _claimed_heic("avif"),
    "a codestream of JPEG XL.jpg": lambda: b"\xff\x0a" + bytes(1000),
    "numbers of 5,000 digits.png": lambda: b"P5 " + b"9" * 5000 + b" 1 255\n",
    "a billion laughs.jpg": _svg,
    "an SVG.jpg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='1e9' height='1e9'/>",
    "zips in zips.zip": _nested_zip,
    "100 times 100 MB.zip": _zip_bomb,
    "10,000 times the same 10 MB.zip": _overlapping_zip,
    "10 GB.tgz": _tar_bomb,
    "absurd sizes.tar": _absurd_tar,
}
"""By name; the content is made when asked for."""


def write_sparse(path: Path) -> None:
    """A file of 100 GB that takes no room."""
    with path.open("wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        stream.truncate(100 * 10**9)
