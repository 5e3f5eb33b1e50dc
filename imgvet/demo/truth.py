"""What the demo set holds: the problems that are planted in it, and that a run should find.

What is planted is not in ``CLEAN``, except originals of copies.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from imgvet.demo.pictures import PICTURES
from imgvet.reasons import Reason


class NearDuplicate(NamedTuple):
    """A copy whose pixels or bytes differ a little from its original's, by an edit."""

    original: str
    copy: str
    edit: str


def _near(original: str, edit: str, folder: str = "web", suffix: str = ".jpg") -> NearDuplicate:
    """A near duplicate whose name tells of its original."""
    return NearDuplicate(original, f"{folder}/{PurePosixPath(original).stem}-{edit}{suffix}", edit)


EXACT_GROUPS = (
    ("photos/coffee-2.jpg", "photos/coffee-2 (1).jpg", "backup/coffee-2.jpg"),
    ("fractals/71.webp", "fractals/71 (1).webp"),
)
"""Groups of files with the same bytes, the original first."""

NEAR_DUPLICATES = (
    _near("photos/coffee-1.jpg", "resized"),
    _near("photos/astronaut-8.jpg", "jpeg_q30"),
    _near("photos/camera-3.jpg", "brighter"),
    _near("photos/rocket-8.jpg", "cropped"),
    _near("fractals/53.jpg", "text"),
    _near("fractals/42.png", "reencoded", "export", ".jpg"),
    _near("photos/rocket-5.jpg", "reencoded", "export", ".webp"),
    *(
        _near("photos/astronaut-2.jpg", edit, "shared")
        for edit in ("resized", "jpeg_q30", "brighter", "cropped", "text")
    ),
)

DARK = ("photos/camera-5.jpg", "photos/coffee-3.jpg", "fractals/5.jpg")
BRIGHT = ("photos/astronaut-6.jpg", "fractals/12.png")
BLURRED = ("photos/coffee-5.jpg", "photos/astronaut-3.jpg", "fractals/86.png")

CLEAN = tuple(path for path in PICTURES if path not in {*DARK, *BRIGHT, *BLURRED})
"""Pictures without any problem, all distinct."""

INVALID = {
    "downloads/pixel-1.png": Reason.TOO_SMALL,
    "downloads/pixel-2.png": Reason.TOO_SMALL,
    "downloads/photos/rocket-4.jpg": Reason.TRUNCATED,
    "downloads/fractals/104.png": Reason.TRUNCATED,
    "downloads/unfinished.jpg": Reason.EMPTY_FILE,
    "downloads/not-found.jpg": Reason.NOT_AN_IMAGE,
}
"""Files that can't be analysed, and why. A truncated one has the name of its original."""

_COPIES = (path for group in EXACT_GROUPS for path in group[1:])
_EDITED = (pair.copy for pair in NEAR_DUPLICATES)

VALID = tuple(sorted((*CLEAN, *_COPIES, *_EDITED, *BLURRED, *DARK, *BRIGHT)))
"""Files that can be analysed."""
