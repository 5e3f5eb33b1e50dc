"""What a person decided on pairs of images: ``decisions.csv`` of a work dir, by content.

No run replaces the file, so that a decision holds for later runs, whatever the files are called.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from imgvet.errors import InvalidParameterError, WorkDirUnusableError
from imgvet.workdir import WorkDir, write_text


class Kind(StrEnum):
    """What is decided on two contents; left is the one that is named first."""

    KEEP_LEFT = "keep_left"
    KEEP_RIGHT = "keep_right"
    KEEP_BOTH = "keep_both"
    NOT_A_DUPLICATE = "not_a_duplicate"


class Decision(NamedTuple):
    """A row of the file: also of kinds that are decided elsewhere, which stay as they are."""

    digest: str
    other_digest: str
    decision: str
    when: str


Pair = tuple[str, str]
"""Two digests, in the order of the file."""

_MIRRORED = {Kind.KEEP_LEFT: Kind.KEEP_RIGHT, Kind.KEEP_RIGHT: Kind.KEEP_LEFT}


class Decisions:
    """The decisions of a work dir; may be used from several threads."""

    def __init__(self, work: WorkDir) -> None:
        self._path = work.decisions
        self._lock = threading.Lock()

    def all(self) -> list[Decision]:
        """Every row of the file, those that were made first before others."""
        try:
            text = self._path.read_text("utf-8-sig")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeError) as error:
            raise WorkDirUnusableError(f"{self._path} can't be read ({error})", "Mend it") from None
        rows = csv.DictReader(io.StringIO(text, newline=""))
        return [Decision(*(row.get(name) or "" for name in Decision._fields)) for row in rows]

    def of_pairs(self) -> Mapping[Pair, Kind]:
        """What was decided of pairs, in either order."""
        found: dict[Pair, Kind] = {}
        for one in self.all():
            if one.other_digest and one.decision in set(Kind):
                kind = Kind(one.decision)
                found[one.digest, one.other_digest] = kind
                if one.digest != one.other_digest:
                    found[one.other_digest, one.digest] = _MIRRORED.get(kind, kind)
        return found

    def decide(self, pair: Pair, kind: Kind | None) -> None:
        """Decide on a pair, in place of what was decided before; None takes it back.

        InvalidParameterError if one of two copies with the same bytes is to be kept: a decision by
        content can't say which.
        """
        if pair[0] == pair[1] and kind in _MIRRORED:
            raise InvalidParameterError(
                "Both files have the same bytes", "Which of the copies stays, rules of a plan say"
            )
        with self._lock:
            kept = [one for one in self.all() if not (_is_of(one, pair))]
            if kind is not None:
                when = datetime.now(UTC).isoformat(timespec="seconds")
                kept.append(Decision(*pair, kind.value, when))
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows([Decision._fields, *kept])
            write_text(self._path, text.getvalue())


def _is_of(one: Decision, pair: Pair) -> bool:
    return one.decision in set(Kind) and {one.digest, one.other_digest} == set(pair)
