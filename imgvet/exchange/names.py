"""Names of exported files: those of the images, made fit for any file system, each once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from imgvet.images.formats import BY_ENDING, Format
from imgvet.sources.kinds import split_ending

MAX_BYTES = 200
"""Of one part of a name; file systems take 255."""

_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\\u2028\u2029\ud800-\udfff]')
_ENDINGS = {kind: ending for ending, kind in reversed(BY_ENDING.items())}
"""The usual ending of each format."""


def portable_names(
    names: Sequence[str], formats: Iterable[str | None], *, flat: bool = False
) -> list[str]:
    """Relative names for files, in the order given; none leads out of its folder.

    Characters that some file system refuses become ``_``, long parts are cut, and the ending is one
    of an image. No two have the same stem, in any case or form of Unicode, as labels lie in files
    of the same stem. With ``flat`` all lie in one folder.
    """
    taken: set[str] = set()
    found = []
    for name, kind in zip(names, formats, strict=True):
        parts = [_fit(part) for part in name.split("/") if part not in ("", ".", "..")] or ["_"]
        stem, ending = split_ending(("_" if flat else "/").join(parts))
        if ending not in BY_ENDING:
            stem, ending = stem + ending, _ENDINGS.get(Format(kind), "") if kind else ""
        stem = next(one for one in _numbered(_cut(stem)) if _key(one) not in taken)
        taken.add(_key(stem))
        found.append(stem + ending)
    return found


def _fit(part: str) -> str:
    """A part of a path that every file system takes; Windows drops dots and spaces at its end."""
    return _UNFIT.sub("_", part).rstrip(". ") or "_"


def _cut(stem: str) -> str:
    parts = (
        part.encode()[:MAX_BYTES].decode("utf-8", "ignore").rstrip(". ") for part in stem.split("/")
    )
    return "/".join(part or "_" for part in parts)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}_{number}"
        number += 1


def _key(stem: str) -> str:
    return unicodedata.normalize("NFC", stem).casefold()
