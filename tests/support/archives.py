"""Archives made for tests, good and bad."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from imgvet.options import VideoOptions
from imgvet.sources.archive import Archives
from imgvet.sources.video import Videos

Contents = Mapping[str, bytes] | Iterable[tuple[str, bytes]]


def pairs(contents: Contents) -> list[tuple[str, bytes]]:
    return list(contents.items()) if isinstance(contents, Mapping) else list(contents)


def header(
    name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    """A tar header with a fixed time."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def write_tar(
    path: Path, contents: Contents, mode: str = "w", special: Iterable[tarfile.TarInfo] = ()
) -> Path:
    """Write a tar (mode ``w``) or a gzipped tar (``w:gz``); special members come first."""
    with tarfile.open(path, mode) as archive:
        for info in special:
            archive.addfile(info)
        for name, data in pairs(contents):
            archive.addfile(header(name, len(data)), io.BytesIO(data))
    return path


def write_zip(path: Path, contents: Contents, method: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in pairs(contents):
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def write_any(path: Path, contents: Contents) -> Path:
    """Write an archive of the kind that its name tells."""
    if path.suffix == ".zip":
        return write_zip(path, contents, zipfile.ZIP_DEFLATED)
    return write_tar(path, contents, "w" if path.suffix == ".tar" else "w:gz")


def patch_directory(path: Path, name: str, field: int, form: str, value: int) -> None:
    """Overwrite one field of a member's entry in a zip's central directory."""
    data = bytearray(path.read_bytes())
    at = data.index(name.encode(), data.index(b"PK\x01\x02")) - 46
    struct.pack_into(form, data, at + field, value)
    path.write_bytes(data)


def encrypt(path: Path, name: str) -> None:
    """Set the flag that says that a member of a zip is encrypted."""
    patch_directory(path, name, 8, "<H", 1)


def archives_in(store: Path, options: VideoOptions | None = None) -> Archives:
    """Archives whose index lies in a store, with the frames of the videos in them."""
    return Archives(store, Videos(store, options or VideoOptions()))
