"""What a demo set is made of: which pictures there are, and which of them get which problem.

A plan follows from the seed alone; no picture is drawn for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from imgvet.demo import edits
from imgvet.demo.brush import Image
from imgvet.demo.drawings import KINDS, draw
from imgvet.demo.photographs import PHOTOGRAPHS, SILHOUETTE, silhouette, take
from imgvet.demo.truth import DemoTruth, NearDuplicate

_EXACT_GROUP_SIZES = (3, 2, 2, 2, 2, 2, 2, 2)
_COPIES_OF_EACH_EDIT = 3
_TINY = 2
_TRUNCATED = (".jpg", ".jpg", ".png", ".png")
_REENCODED = ((".png", ".jpg"), (".png", ".webp"), (".jpg", ".png"), (".jpg", ".webp"))
_WEBP_EVERY = 7

_DAMAGE: dict[str, tuple[edits.Edit, int, tuple[str, ...]]] = {
    "underexposed": (edits.darken, 6, (
        "tripod", "gravel", "skyline-1", "hillshade-1", "meadow-1", "street_map-1", "fireworks-1",
        "chess-1", "balloons-1",
    )),
    "overexposed": (edits.whiten, 4, (
        "coffee", "rocket", "space-suit", "aquarium-1", "cactus_garden-1", "dunes-1", "sailing-1",
        "island_map-1",
    )),
    "blurred": (edits.blur, 6, (
        "brick", "retina", "photographer", "house-1", "bouquet-1", "mountains-1", "tree-1",
        "butterfly-1", "snowflake-1", "fruit-1", "winter-1",
    )),
}  # fmt: skip
"""For each problem what causes it, how many pictures get it, and which may: those that it leaves
distinct, and that get no other problem by it."""

_ODD = "cat"
_VERSION = 1
NOTES = "notes.txt"
"""The file that is no image and that marks the folder of a demo set as ours."""

_HTML = b"<!doctype html><title>404</title><h1>Not Found</h1><p>This picture has moved.</p>\n"


@dataclass(frozen=True)
class Picture:
    """A distinct picture.

    Attributes:
        name: unique among pictures.
        path: where it is written, relative.
        render: makes it: RGB or RGBA, uint8 [height, width, channels].
    """

    name: str
    path: str
    render: Callable[[], Image]


@dataclass(frozen=True)
class Derived:
    """A file that is made from the bytes of another.

    Attributes:
        path: where it is written, relative.
        source: the file that it is made from.
        change: its bytes, from those of the source.
    """

    path: str
    source: str
    change: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Plan:
    """The files of a demo set, and what a run should find among them."""

    pictures: tuple[Picture, ...]
    derived: tuple[Derived, ...]
    fixed: tuple[tuple[str, bytes], ...]
    truth: DemoTruth


def make_plan(seed: int) -> Plan:
    """The plan of the demo set with this seed."""
    rng = np.random.default_rng(seed)
    pictures = {picture.name: picture for picture in _all_pictures()}
    damaged = {
        problem: _damage_some(pictures, rng, problem)
        for problem in ("underexposed", "overexposed", "blurred")
    }
    clean = tuple(pictures.values())
    deck = _Deck([picture for picture in clean if picture.name not in {_ODD, SILHOUETTE.name}], rng)
    exact = [
        _exact_copies(deck.deal(), size, index) for index, size in enumerate(_EXACT_GROUP_SIZES)
    ]
    near = [
        _edited(deck.deal(), edit, "web", edit)
        for edit in edits.KEEPING
        for _ in range(_COPIES_OF_EACH_EDIT)
    ]
    near += [_reencoded(deck.deal(before), after) for before, after in _REENCODED]
    cluster_of = deck.deal()
    cluster = [
        _edited(cluster_of, edit, "shared", str(number))
        for number, edit in enumerate(edits.KEEPING, start=1)
    ]
    tiny = [_tiny(deck.deal(), number) for number in range(1, _TINY + 1)]
    truncated = [_truncated(deck.deal(suffix)) for suffix in _TRUNCATED]
    files = [*(file for group in exact for file in group), *(file for _, file in (*near, *cluster)),
             *tiny, *truncated]  # fmt: skip
    truth = DemoTruth(
        seed=seed,
        clean=_paths(clean),
        odd=pictures[_ODD].path,
        exact_groups=tuple((group[0].source, *_paths(group)) for group in exact),
        near_duplicates=tuple(pair for pair, _ in (*near, *cluster)),
        cluster=(cluster_of.path, *(pair.copy for pair, _ in cluster)),
        blurred=_paths(damaged["blurred"]),
        dark=_paths(damaged["underexposed"]),
        bright=_paths(damaged["overexposed"]),
        tiny=_paths(tiny),
        truncated=_paths(truncated),
        empty=("downloads/unfinished.jpg",),
        not_images=("downloads/not-found.jpg",),
        ignored=(NOTES,),
    )
    fixed = ((truth.empty[0], b""), (truth.not_images[0], _HTML), (NOTES, _notes(seed)))
    drawn = (*clean, *(picture for some in damaged.values() for picture in some))
    return Plan(drawn, tuple(files), fixed, truth)


def _all_pictures() -> list[Picture]:
    """Every distinct picture, undamaged."""
    found = [Picture(photo.name, f"photos/{photo.name}.jpg", partial(take, photo))
             for photo in PHOTOGRAPHS]  # fmt: skip
    found.append(Picture(SILHOUETTE.name, f"graphics/{SILHOUETTE.name}.png", silhouette))
    for kind in KINDS:
        for number, variant in enumerate(kind.variants, start=1):
            name = f"{kind.name}-{number}"
            suffix = ".webp" if len(found) % _WEBP_EVERY == 0 else ".jpg"
            suffix = ".png" if kind.folder == "graphics" else suffix
            found.append(
                Picture(name, f"{kind.folder}/{name}{suffix}", partial(draw, kind, variant))
            )
    return found


def _damage_some(
    pictures: dict[str, Picture], rng: np.random.Generator, problem: str
) -> tuple[Picture, ...]:
    """Take some pictures out of ``pictures``, and give them one problem."""
    change, count, pool = _DAMAGE[problem]
    names = sorted(str(name) for name in rng.choice(pool, count, replace=False))
    return tuple(_damaged(pictures.pop(name), problem, change) for name in names)


def _damaged(picture: Picture, problem: str, change: edits.Edit) -> Picture:
    path = PurePosixPath(picture.path)
    return replace(
        picture,
        path=str(path.with_name(f"{path.stem}-{problem}{path.suffix}")),
        render=lambda: change(picture.render()),
    )


class _Deck:
    """Pictures in a chance order, each dealt once."""

    def __init__(self, pictures: list[Picture], rng: np.random.Generator) -> None:
        self._left = [pictures[index] for index in rng.permutation(len(pictures))]

    def deal(self, suffix: str = "") -> Picture:
        """The next picture whose path ends in ``suffix``."""
        index = next(i for i, picture in enumerate(self._left) if picture.path.endswith(suffix))
        return self._left.pop(index)


def _exact_copies(original: Picture, size: int, index: int) -> tuple[Derived, ...]:
    """Byte copies, in a folder of backups or beside the original."""
    path = PurePosixPath(original.path)
    backup = f"backup/{path.name}"
    beside = [
        str(path.with_name(f"{path.stem} ({number}){path.suffix}")) for number in range(1, size)
    ]
    paths = [backup, *beside][: size - 1] if index % 2 == 0 else beside
    return tuple(Derived(copy, original.path, bytes) for copy in paths)


def _edited(original: Picture, edit: str, folder: str, mark: str) -> tuple[NearDuplicate, Derived]:
    """A copy that an edit left a near duplicate, as JPEG."""
    path = f"{folder}/{original.name}-{mark}.jpg"
    quality = edits.POOR_QUALITY if edit == "jpeg_q30" else edits.GOOD_QUALITY
    change = partial(_recode, suffix=".jpg", edit=edits.KEEPING[edit], quality=quality)
    return NearDuplicate(original.path, path, edit), Derived(path, original.path, change)


def _reencoded(original: Picture, suffix: str) -> tuple[NearDuplicate, Derived]:
    """The same picture in another format, under another name."""
    path = f"export/{original.name.replace('-', '_')}_final{suffix}"
    change = partial(_recode, suffix=suffix)
    return NearDuplicate(original.path, path, "reencoded"), Derived(path, original.path, change)


def _recode(
    data: bytes, suffix: str, edit: edits.Edit | None = None, quality: int = edits.GOOD_QUALITY
) -> bytes:
    image = edits.decode(data)
    return edits.encode(edit(image) if edit else image, suffix, quality)


def _tiny(original: Picture, number: int) -> Derived:
    change = partial(_recode, suffix=".png", edit=edits.miniature)
    return Derived(f"downloads/pixel-{number}.png", original.path, change)


def _truncated(original: Picture) -> Derived:
    path = f"downloads/{PurePosixPath(original.path).name}"
    return Derived(path, original.path, edits.truncate)


def _paths(files: Iterable[Picture | Derived]) -> tuple[str, ...]:
    return tuple(file.path for file in files)


def _notes(seed: int) -> bytes:
    return (
        f"imgvet demo set, version {_VERSION}, seed {seed}\n"
        "Photographs: NASA, SpaceX, Lav Varshney, Rachel Michetti, Stefan van der Walt, Mikael\n"
        "Haeggstroem, CC0Textures, Andreas Preuss; public domain or CC0, from scikit-image.\n"
        "All other pictures are drawn by a program.\n"
    ).encode()
