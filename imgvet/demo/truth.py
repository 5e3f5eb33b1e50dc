"""What the demo set holds: the problems that are planted in it, and that a run should find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from imgvet.demo.pictures import PICTURES
from imgvet.reasons import Reason


@dataclass(frozen=True)
class NearDuplicate:
    """A copy whose pixels or bytes differ a little from its original's.

    Attributes:
        original: path of the original.
        copy: path of the copy.
        edit: what was done, a key of :data:`imgvet.demo.make.EDITS`.
    """

    original: str
    copy: str
    edit: str


@dataclass(frozen=True)
class DemoTruth:
    """What the demo set holds. Paths are relative to its folder, with forward slashes.

    Attributes:
        clean: pictures without any problem, all distinct; originals of copies among them.
        odd: the one of them that is least like any other.
        exact_groups: groups of files with the same bytes, the original first.
        near_duplicates: pairs of an original and its edited copy, those of the cluster included.
        cluster: the largest group of near duplicates, the original first.
        blurred: pictures without sharp detail.
        dark: underexposed pictures.
        bright: overexposed pictures.
        tiny: pictures of 8 x 8 pixels.
        truncated: files that end in the middle of their data.
        empty: files without bytes.
        not_images: files with the suffix of an image that are none.
    """

    clean: tuple[str, ...]
    odd: str
    exact_groups: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[NearDuplicate, ...]
    cluster: tuple[str, ...]
    blurred: tuple[str, ...]
    dark: tuple[str, ...]
    bright: tuple[str, ...]
    tiny: tuple[str, ...]
    truncated: tuple[str, ...]
    empty: tuple[str, ...]
    not_images: tuple[str, ...]

    @property
    def invalid(self) -> dict[str, Reason]:
        """Files that can't be analysed, and why."""
        return {
            **dict.fromkeys(self.tiny, Reason.TOO_SMALL),
            **dict.fromkeys(self.truncated, Reason.TRUNCATED),
            **dict.fromkeys(self.empty, Reason.EMPTY_FILE),
            **dict.fromkeys(self.not_images, Reason.NOT_AN_IMAGE),
        }

    @property
    def valid(self) -> tuple[str, ...]:
        """Files that can be analysed, sorted."""
        exact = (path for group in self.exact_groups for path in group[1:])
        near = (pair.copy for pair in self.near_duplicates)
        return tuple(sorted((*self.clean, *exact, *near, *self.blurred, *self.dark, *self.bright)))

    @property
    def images(self) -> tuple[str, ...]:
        """All files, sorted."""
        return tuple(sorted((*self.valid, *self.invalid)))


def _near(original: str, edit: str, folder: str = "web", suffix: str = ".jpg") -> NearDuplicate:
    """A near duplicate whose name tells of its original."""
    return NearDuplicate(original, f"{folder}/{PurePosixPath(original).stem}-{edit}{suffix}", edit)


_NEAR = (
    _near("photos/coffee-1.jpg", "resized"),
    _near("photos/astronaut-8.jpg", "jpeg_q30"),
    _near("photos/camera-3.jpg", "brighter"),
    _near("photos/rocket-8.jpg", "cropped"),
    _near("fractals/53.jpg", "text"),
    _near("fractals/42.png", "reencoded", "export", ".jpg"),
    _near("photos/rocket-5.jpg", "reencoded", "export", ".webp"),
)
_CLUSTER = tuple(
    _near("photos/astronaut-2.jpg", edit, "shared")
    for edit in ("resized", "jpeg_q30", "brighter", "cropped", "text")
)
_DARK = ("photos/camera-5.jpg", "photos/coffee-3.jpg", "fractals/5.jpg")
_BRIGHT = ("photos/astronaut-6.jpg", "fractals/12.png")
_BLURRED = ("photos/coffee-5.jpg", "photos/astronaut-3.jpg", "fractals/86.png")

TRUTH = DemoTruth(
    clean=tuple(path for path in PICTURES if path not in {*_DARK, *_BRIGHT, *_BLURRED}),
    odd="photos/chelsea-1.jpg",
    exact_groups=(
        ("photos/coffee-2.jpg", "photos/coffee-2 (1).jpg", "backup/coffee-2.jpg"),
        ("fractals/71.webp", "fractals/71 (1).webp"),
    ),
    near_duplicates=(*_NEAR, *_CLUSTER),
    cluster=(_CLUSTER[0].original, *(pair.copy for pair in _CLUSTER)),
    blurred=_BLURRED,
    dark=_DARK,
    bright=_BRIGHT,
    tiny=("downloads/pixel-1.png", "downloads/pixel-2.png"),
    truncated=("downloads/photos/rocket-4.jpg", "downloads/fractals/104.png"),
    empty=("downloads/unfinished.jpg",),
    not_images=("downloads/not-found.jpg",),
)
"""What is planted where. A truncated file has the name of its original."""
