"""What a demo set holds: the truth that a run should find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from imgvet.reasons import Reason
from imgvet.workdir import write_text


@dataclass(frozen=True)
class NearDuplicate:
    """A copy whose pixels or bytes differ a little from its original's.

    Attributes:
        original: path of the original.
        copy: path of the copy.
        edit: what was done: resized, jpeg_q30, brighter, cropped, text or reencoded.
    """

    original: str
    copy: str
    edit: str


@dataclass(frozen=True)
class DemoTruth:
    """What a demo set holds. Paths are relative to its folder, with forward slashes.

    Attributes:
        seed: the seed that it was made with.
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
        ignored: files that are not even listed, by their suffix.
    """

    seed: int
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
    ignored: tuple[str, ...]

    @property
    def exact_copies(self) -> tuple[str, ...]:
        """The surplus files of the exact groups."""
        return tuple(path for group in self.exact_groups for path in group[1:])

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
        near = (pair.copy for pair in self.near_duplicates)
        return tuple(
            sorted(
                (*self.clean, *self.exact_copies, *near, *self.blurred, *self.dark, *self.bright)
            )
        )

    @property
    def images(self) -> tuple[str, ...]:
        """All files that are listed as images, sorted."""
        return tuple(sorted((*self.valid, *self.invalid)))

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        text = TypeAdapter(DemoTruth).dump_json(self, indent=2).decode()
        write_text(path, text + "\n")

    @classmethod
    def read(cls, path: Path) -> DemoTruth:
        """Read what :meth:`write` wrote."""
        return TypeAdapter(DemoTruth).validate_json(path.read_bytes())
