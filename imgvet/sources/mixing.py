"""Compressed inputs and loose images do not mix in one run."""

from __future__ import annotations

from dataclasses import dataclass

from imgvet.errors import MixedInputError
from imgvet.sources.kinds import COMPRESSED, Kind


@dataclass(frozen=True)
class Mixture:
    """What a listing has met so far.

    Attributes:
        loose: number of loose images.
        compressed: number of archives and videos.
        loose_example: one of the loose images, empty if there is none.
        compressed_example: one of the archives and videos, empty if there is none.
    """

    loose: int = 0
    compressed: int = 0
    loose_example: str = ""
    compressed_example: str = ""

    def with_file(self, name: str, kind: Kind) -> Mixture:
        """The mixture with one file more; only images, archives and videos count."""
        if kind in COMPRESSED:
            example = self.compressed_example or name
            return Mixture(self.loose, self.compressed + 1, self.loose_example, example)
        if kind is Kind.IMAGE:
            example = self.loose_example or name
            return Mixture(self.loose + 1, self.compressed, example, self.compressed_example)
        return self


def is_ignored(kind: Kind, *, tar_only: bool) -> bool:
    """Whether a file is left out because only compressed inputs are wanted."""
    return tar_only and kind is Kind.IMAGE


def refuse_mixture(mixture: Mixture, *, tar_only: bool) -> None:
    """Check that a run has either compressed inputs or loose images.

    Args:
        mixture: the files found.
        tar_only: whether loose images are ignored, so that there is nothing to mix.

    Raises:
        MixedInputError: there are both.
    """
    if tar_only or not (mixture.loose and mixture.compressed):
        return
    raise MixedInputError(
        f"Archives or videos ({mixture.compressed}, such as {mixture.compressed_example}) and "
        f"loose images ({mixture.loose}, such as {mixture.loose_example}) do not mix in one run",
        "Give one of them, or tar_only=True (--tar-only) to ignore the loose images",
    )
