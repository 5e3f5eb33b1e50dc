"""A file that an input led to."""

from __future__ import annotations

from dataclasses import dataclass

from imgvet.sources.entry import Entry
from imgvet.sources.kinds import Kind


@dataclass(frozen=True)
class Found:
    """A file or an object that an input led to.

    Attributes:
        entry: the file itself.
        kind: image, archive or video.
    """

    entry: Entry
    kind: Kind
