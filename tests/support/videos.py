"""Videos made for tests."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np

from support.pictures import Pixels

CODECS = {
    ".mp4": "mp4v", ".avi": "MJPG", ".mov": "mp4v", ".mkv": "VP80", ".webm": "VP80", ".m4v": "mp4v",
    ".wmv": "WMV2", ".flv": "FLV1", ".3gp": "mp4v",
}  # fmt: skip


def gray_level(number: int) -> int:
    """The level of gray of one frame."""
    return 20 + 7 * (number % 30)


def write_video(
    path: Path, frames: int, rate: float = 10, size: tuple[int, int] = (96, 64), codec: str = ""
) -> Path:
    """Write frames of one level of gray each (:func:`gray_level`), with a white top left corner."""
    code = cv2.VideoWriter.fourcc(*(codec or CODECS[path.suffix.lower()]))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, size)
    assert writer.isOpened()
    for number in range(frames):
        writer.write(corner_frame(size, gray_level(number)))
    writer.release()
    return path


def write_scenes(path: Path, scenes: list[Pixels], rate: int, size: tuple[int, int]) -> Path:
    """Write pictures (RGB) that are seen for a second each."""
    code = cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, size)
    assert writer.isOpened()
    for scene in scenes:
        shown = cv2.cvtColor(
            cv2.resize(scene, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR
        )
        for _ in range(rate):
            writer.write(shown)
    writer.release()
    return path


def corner_frame(size: tuple[int, int], level: int) -> Pixels:
    picture = np.full((size[1], size[0], 3), level, np.uint8)
    picture[: size[1] // 4, : size[0] // 4] = 255
    return picture


def rotate_mp4(path: Path) -> None:
    """Have an MP4 shown turned by 90 degrees clockwise (the matrix of ISO/IEC 14496-12, tkhd)."""
    data = bytearray(path.read_bytes())
    straight = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(straight, data.index(b"tkhd"))
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def interlace_mpeg2(path: Path) -> None:
    """Have all frames of an MPEG-2 video called interlaced (ISO/IEC 13818-2, 6.2.2.3, 6.2.3.1)."""
    data, at = bytearray(path.read_bytes()), -1
    while (at := data.find(b"\0\0\1\xb5", at + 1)) >= 0:
        extension = data[at + 4] >> 4
        if extension == 1:
            data[at + 5] &= ~0x08  # progressive_sequence
        elif extension == 8:
            data[at + 8] &= ~0x80  # progressive_frame
    path.write_bytes(data)
