"""Where an object lies in a mirror: from any key to a path, as a pure function.

A key may be anything: ``../x``, ``/x``, ``a//b``, a kilobyte long, full of line breaks, equal to
another but for upper and lower case, or both a file and a folder (``a.jpg`` and ``a.jpg/b.jpg``).
So each part between slashes is kept only if it is plain, and otherwise becomes what can be read of
it, a mark and a digest of the exact part:

    photos/cat 1.jpg         photos/cat 1.jpg
    Photos/IMG_0001.JPG      Photos~d2i…/IMG_0001~f7q….jpg
    ../x.jpg                 _~dk4…/x.jpg

A plain part holds lower case ASCII letters, digits and ``. _ - + = ,``, brackets and inner spaces;
plain files end like images, archives or videos and plain folders do not, so that the two never
meet. A digest has 128 bits, so that nobody finds two parts with the same one; paths are equal only
for equal keys, also where the file system ignores case or normalises Unicode.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import PurePosixPath

from imgvet.sources.local import ARCHIVE_ENDINGS, IMAGE_EXTENSIONS, VIDEO_ENDINGS

MAX_PART = 200
"""Bytes of one part; file systems take 255."""
MAX_PATH = 512
"""Bytes of a path in the mirror; what would be longer is kept by a digest of its whole key."""
LONG_FOLDER = "long~"
_ENDINGS = (*sorted(IMAGE_EXTENSIONS), *ARCHIVE_ENDINGS, *VIDEO_ENDINGS)
_READABLE = 60
_PLAIN = re.compile(r"[a-z0-9_(\[][a-z0-9 ._+=,()\[\]-]*[a-z0-9_)\]]|[a-z0-9_]")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin|conout|com[0-9]|lpt[0-9])( *\..*)?")
_UNREADABLE = re.compile(r"[^\w .+=,()\[\]-]|^[ .]+|[ .]+$")


def mirror_path(key: str) -> PurePosixPath:
    """The relative path of an object: below its folder, and different for every key."""
    *folders, name = key.split("/")
    path = PurePosixPath(*(_folder(part) for part in folders), _file(name, name))
    if len(str(path).encode()) <= MAX_PATH:
        return path
    return PurePosixPath(LONG_FOLDER, _file(name, key, plain=False))


def folder_name(text: str) -> str:
    """A name for a folder: different for every text."""
    return _folder(text)


def digest_name(text: str) -> str:
    """BLAKE2b-128 of a text as 26 lower case letters and digits (base 32)."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


def _folder(part: str) -> str:
    if _is_plain(part) and not _extension(part):
        return part
    return f"{_readable(part)}~d{digest_name(part)}"


def _file(name: str, digested: str, *, plain: bool = True) -> str:
    extension = _extension(name)
    if plain and _is_plain(name) and extension:
        return name
    stem = name[: len(name) - len(extension)]
    return f"{_readable(stem)}~f{digest_name(digested)}{extension}"


def _is_plain(part: str) -> bool:
    return (
        len(part) <= MAX_PART
        and _PLAIN.fullmatch(part) is not None
        and _RESERVED.fullmatch(part) is None
    )


def _extension(name: str) -> str:
    """The ending if it is that of an image, an archive or a video, in lower case, else nothing."""
    lowered = name.lower()
    return next((ending for ending in _ENDINGS if lowered.endswith(ending)), "")


def _readable(text: str) -> str:
    """What can be read of a text: no longer than 60 characters, never empty."""
    kept = _UNREADABLE.sub("_", text[:_READABLE])
    kept = kept.encode()[: 2 * _READABLE].decode(errors="ignore") or "_"
    return f"_{kept}" if _RESERVED.fullmatch(kept.lower()) else kept
