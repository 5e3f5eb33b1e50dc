"""Small files of every format that a run reads, made by libraries that write them, and mutations.

A mutation is decided by its number and a seed alone.
"""

from __future__ import annotations

import io
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

Pixels = NDArray[np.uint8]
Random = np.random.Generator

_SIDE = (61, 90)
_HEADER = 400
"""So many first bytes are hit as often as all others: a decoder is most easily led astray there."""
_NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def picture() -> Pixels:
    """A picture of smooth slopes, an edge and some noise, RGB."""
    height, width = _SIDE
    y, x = np.mgrid[0:height, 0:width]
    planes = [40 + 2 * x, 30 + 3 * y, 60 + 130 * (x < width // 3)]
    noise = np.random.default_rng(0).integers(0, 12, (height, width, 3))
    return (np.stack(planes, axis=-1) + noise).astype(np.uint8)


def image_seeds() -> dict[str, bytes]:
    """A picture in every image format, by the ending of its name behind a colon."""
    rgb = picture()
    image, gray = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    alpha = Image.fromarray(np.dstack([rgb, rgb[..., 0]]))
    deep = Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    told = {"exif": _exif(image), "icc_profile": b"\0" * 600}
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "words " * 50, zip=True)
    frames = {"save_all": True, "append_images": [image.rotate(angle) for angle in (90, 180)]}
    return {
        "plain:jpg": _saved(image, "JPEG", **told),
        "progressive:jpg": _saved(image, "JPEG", progressive=True),
        "gray:jpg": _saved(gray, "JPEG"),
        "cmyk:jpg": _saved(image.convert("CMYK"), "JPEG"),
        "plain:png": _saved(image, "PNG", pnginfo=text, **told),
        "palette:png": _saved(image.quantize(64), "PNG", transparency=3),
        "deep:png": _saved(deep, "PNG"),
        "moving:png": _saved(image, "PNG", **frames),
        "still:gif": _saved(image, "GIF"),
        "moving:gif": _saved(image, "GIF", **frames),
        "plain:bmp": _saved(image, "BMP"),
        "run lengths:bmp": _rle_bmp(),
        "plain:tif": _saved(image, "TIFF", exif=told["exif"]),
        "lzw:tif": _saved(image, "TIFF", compression="tiff_lzw"),
        "deflated:tif": _saved(deep, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg:tif": _saved(image, "TIFF", compression="jpeg"),
        "fax:tif": _saved(gray.convert("1"), "TIFF", compression="group4"),
        "pages:tif": _saved(image, "TIFF", **frames),
        "float:tif": _encoded(".tif", rgb.astype(np.float32)),
        "plain:webp": _saved(image, "WEBP", **told),
        "lossless:webp": _saved(alpha, "WEBP", lossless=True),
        "moving:webp": _saved(image, "WEBP", **frames),
        "plain:avif": _saved(image, "AVIF"),
        "plain:heic": _heic(image),
        "plain:jp2": _saved(image, "JPEG2000"),
        "stream:jp2": _saved(image, "JPEG2000", no_jp2=True),
        "pnm:png": _saved(image, "PPM"),
        "text pnm:png": b"P2 3 2 9\n1 2 3 4 5 6\n",
        "sun:png": _encoded(".ras", rgb),
        "qoi:png": _saved(image, "QOI"),
        "radiance:png": _encoded(".hdr", rgb.astype(np.float32) / 255),
        "colour:dcm": dicom(rgb),
        "window:dcm": dicom(np.asarray(deep), WindowCenter=20_000, WindowWidth=30_000),
    }


def container_seeds() -> dict[str, bytes]:
    """Archives of two pictures, and films of a second, as :func:`image_seeds`."""
    images = image_seeds()
    members = {"a.jpg": images["plain:jpg"], "b/c.png": images["palette:png"]}
    found = {
        "plain:tar": _tar(members, "w"),
        "gzipped:tgz": _tar(members, "w:gz"),
        "stored:zip": _zip(members, zipfile.ZIP_STORED),
        "deflated:zip": _zip(members, zipfile.ZIP_DEFLATED),
    }
    codecs = {"mp4": "mp4v", "avi": "MJPG", "mov": "mp4v", "mkv": "VP80", "webm": "VP80"}
    found["rows:parquet"], found["stream:arrow"] = _tables(members)
    return found | {f"film:{ending}": _film(ending, codec) for ending, codec in codecs.items()}


def mutated(data: bytes, others: list[bytes], random: Random) -> bytes:
    """One to three changes: of bits, numbers, the length, the header, or the order of pieces."""
    for _ in range(int(random.integers(1, 4))):
        change = _CHANGES[int(random.integers(len(_CHANGES)))]
        data = bytes(change(bytearray(data or b"\0"), others, random))
    # Behind a wrong checksum a decoder does not look.
    return _with_checksums(data) if random.random() < 0.5 else data


def _place(data: bytearray, random: Random) -> int:
    end = len(data) if random.random() < 0.5 else min(_HEADER, len(data))
    return int(random.integers(end))


def _piece(data: bytearray, random: Random) -> slice:
    start = _place(data, random)
    return slice(start, start + int(random.integers(1, 1 + min(2000, len(data)))))


def _flip(data: bytearray, _: list[bytes], random: Random) -> bytearray:
    for _ in range(int(2 ** random.uniform(0, 6))):
        data[_place(data, random)] ^= 1 << int(random.integers(8))
    return data


def _number(data: bytearray, _: list[bytes], random: Random) -> bytearray:
    at, size = _place(data, random), int(random.choice([1, 2, 4, 8]))
    value = int(random.choice(_NUMBERS)) % (1 << 8 * size)
    data[at : at + size] = value.to_bytes(size, "big" if random.random() < 0.5 else "little")
    return data


def _cut(data: bytearray, _: list[bytes], random: Random) -> bytearray:
    return data[: _place(data, random)]


def _swap_header(data: bytearray, others: list[bytes], random: Random) -> bytearray:
    other, length = others[int(random.integers(len(others)))], int(2 ** random.uniform(2, 9))
    return bytearray(other[:length]) + data[length:]


def _repeat(data: bytearray, _: list[bytes], random: Random) -> bytearray:
    piece = _piece(data, random)
    return data[: piece.stop] + data[piece] * int(2 ** random.uniform(0, 8)) + data[piece.stop :]


def _drop(data: bytearray, _: list[bytes], random: Random) -> bytearray:
    del data[_piece(data, random)]
    return data


def _noise(data: bytearray, _: list[bytes], random: Random) -> bytearray:
    piece = _piece(data, random)
    data[piece] = random.bytes(int(random.integers(1, 200)))
    return data


def _move(data: bytearray, _: list[bytes], random: Random) -> bytearray:
    piece = _piece(data, random)
    moved = data[piece]
    del data[piece]
    at = int(random.integers(len(data) + 1))
    return data[:at] + moved + data[at:]


_CHANGES: list[Callable[[bytearray, list[bytes], Random], bytearray]] = [
    _flip, _flip, _number, _number, _cut, _swap_header, _repeat, _drop, _noise, _move,
]  # fmt: skip


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksums; others as they are."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    at, chunks = 8, [data[:8]]
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        body = data[at + 4 : end]
        chunks += [data[at : at + 4], body, zlib.crc32(body).to_bytes(4)]
        at = end + 4
    return b"".join(chunks)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _exif(image: Image.Image) -> bytes:
    exif = image.getexif()
    exif[0x0112], exif[0x010F] = 6, "maker" * 20
    return exif.tobytes()


def _encoded(ending: str, rgb: NDArray[np.generic]) -> bytes:
    return cv2.imencode(ending, rgb[..., ::-1])[1].tobytes()


def _heic(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=80)
    return stream.getvalue()


def dicom(levels: NDArray[np.generic], **elements: object) -> bytes:
    """A DICOM file of gray (h, w) or RGB (h, w, 3) levels, with more elements by their keywords."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID, file.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    file.Rows, file.Columns = levels.shape[:2]
    file.SamplesPerPixel = 1 if levels.ndim == 2 else 3
    file.PhotometricInterpretation = "MONOCHROME2" if levels.ndim == 2 else "RGB"
    file.PlanarConfiguration = 0
    file.BitsAllocated = file.BitsStored = 8 * levels.itemsize
    file.HighBit = file.BitsStored - 1
    file.PixelRepresentation = int(levels.dtype.kind == "i")
    file.PixelData = levels.tobytes() + bytes(levels.nbytes % 2)
    for keyword, value in elements.items():
        setattr(file, keyword, value)
    stream = io.BytesIO()
    dcmwrite(stream, file, enforce_file_format=True)
    return stream.getvalue()


def _tables(members: dict[str, bytes]) -> tuple[bytes, bytes]:
    """A Parquet file and a stream of Arrow, with a picture a row."""
    cells = [{"bytes": data, "path": name} for name, data in members.items()]
    table = pa.table({"image": cells, "label": ["cat", "dog"]})
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    return parquet.getvalue(), arrow.getvalue()


def _rle_bmp() -> bytes:
    """Eight lines of 16 pixels, each one run; then the end (compression 1 of BITMAPINFOHEADER)."""
    data = b"".join(bytes([16, line, 0, 0]) for line in range(8)) + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, 16, 8, 1, 8, 1, len(data), 0, 0, 256, 0)
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    start = 14 + len(head) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start) + head + palette + data


def _tar(members: dict[str, bytes], mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return stream.getvalue()


def _zip(members: dict[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def _film(ending: str, codec: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"film.{ending}"
        height, width = 64, 96
        code = cv2.VideoWriter.fourcc(*codec)
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 10, (width, height))
        frame = cv2.resize(picture(), (width, height))
        for number in range(12):
            writer.write(np.roll(frame, 4 * number, axis=1))
        writer.release()
        return path.read_bytes()
