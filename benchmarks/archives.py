"""Archives and a film, as inputs to measure on."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ENDINGS = (".tar", ".tar.gz", ".zip")


@dataclass(frozen=True)
class Film:
    """A film of a picture that moves.

    Attributes:
        seconds: how long it is.
        rate: frames a second.
        width: of a frame, in pixels.
        height: of a frame, in pixels.
    """

    seconds: int = 60
    rate: int = 30
    width: int = 1280
    height: int = 720


def write_archive(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write name and content of each member, in the way that the ending of the path tells.

    Zips are deflated, as most tools do; gzip works as fast as it can.
    """
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return
    packed = path.suffix == ".gz"
    mode, options = ("w:gz", {"compresslevel": 1}) if packed else ("w", {})
    with tarfile.open(path, mode, **options) as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
            archive.members = []  # It would keep a header for each member.


def write_film(path: Path, film: Film) -> None:
    """Write a film."""
    coarse = np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8)
    ground = cv2.resize(coarse, (film.width + 300, film.height + 300))
    code = cv2.VideoWriter.fourcc(*"mp4v")
    size = (film.width, film.height)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, film.rate, size)
    for number in range(film.rate * film.seconds):
        x, y = number % 300, (number // 2) % 300
        writer.write(np.ascontiguousarray(ground[y : y + film.height, x : x + film.width]))
    writer.release()
