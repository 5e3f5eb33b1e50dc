"""How much an archive may unpack to: what protects a run from archive bombs.

An honest archive of images hardly shrinks them: JPEG, PNG and WebP are compressed already, and
even uncompressed drawings seldom shrink to a hundredth. A bomb unpacks to a thousand times its
size or more. All members count, those that are no images too, as they have to be unpacked to
reach the next one. What was unpacked before a limit was reached is kept; the archive gets a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict, Field

from imgvet.reasons import Reason
from imgvet.sources.archive_member import ARCHIVE_ITSELF, Member

_MIB, _GIB, _TIB = 1 << 20, 1 << 30, 1 << 40


class ExtractLimits(BaseModel):
    """How much one archive may unpack to.

    Attributes:
        ratio: unpacked bytes for each byte of the archive.
        ratio_from: unpacked bytes from which the ratio counts, as a small archive does no harm.
        total: unpacked bytes of all members.
        member: unpacked bytes of one image, as it is read into memory.
        members: number of members of any kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratio: float = Field(100.0, gt=0)
    ratio_from: int = Field(256 * _MIB, ge=0)
    total: int = Field(_TIB, gt=0)
    member: int = Field(_GIB, gt=0)
    members: int = Field(10_000_000, gt=0)

    def problem(self, unpacked: int, packed: int) -> str | None:
        """Which limit is passed when ``packed`` bytes of an archive gave ``unpacked`` bytes."""
        if unpacked > self.total:
            return f"unpacks to more than {self.total} bytes"
        if unpacked > self.ratio_from and unpacked > self.ratio * packed:
            return f"unpacks to more than {self.ratio:g} times its size"
        return None


class LimitExceededError(Exception):
    """An archive unpacks to more than is allowed; becomes a row."""


def bomb_row(detail: str) -> Member:
    """The row of an archive that passed a limit."""
    return Member(ARCHIVE_ITSELF, status=Reason.ARCHIVE_BOMB, detail=detail)


def within_limits(
    members: Iterable[Member], packed: int, limits: ExtractLimits
) -> Iterator[Member]:
    """The members up to the one that passes a limit, and then the row of the archive.

    Args:
        members: all members, with the sizes that the archive states.
        packed: bytes of the archive.
        limits: what is allowed.
    """
    unpacked = 0
    for count, member in enumerate(members, 1):
        unpacked += member.size
        problem = limits.problem(unpacked, packed)
        if count > limits.members:
            problem = f"has more than {limits.members} members"
        if problem is not None:
            yield bomb_row(problem)
            return
        yield member
