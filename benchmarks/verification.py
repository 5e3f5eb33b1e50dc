"""What does comparing the pixels of alike pairs find, how often is it wrong, what does it cost?

    python -m benchmarks.verification
    python -m benchmarks.verification PHOTOS

Photos and their edits go through the stages of a run, as for the recall protocol (`recall.py`). An
edit is found if it is at least 0.9 similar to its original, or at least 0.75 and proven by its
pixels. Pairs of different photos that are at least 0.75 similar are compared as well, also edited
in the same way (a text or frame over both is the same in both) and photos with edits of others:
none of them may be proven. Nor may drawn pictures that only look alike (`look_alikes.py`): pages
under one letterhead, forms, windows, charts, walls. Processor time is that of one core.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.edited_pictures import VARIANTS, edited_files
from benchmarks.edits import EDITS
from benchmarks.look_alikes import LOOK_ALIKES
from benchmarks.machine import this_machine
from benchmarks.pictures import photographs
from benchmarks.recall import FALSE_SHARE, QUICK_PHOTOS
from benchmarks.rows import Row, as_lines, at_least, at_most, only
from benchmarks.settings import Settings
from benchmarks.stages import measure_and_embed
from imgvet.images.picture import encode_thumbnail, to_standard_size
from imgvet.models.model import BUILTIN_FOLDER, load_model
from imgvet.options import SimilarityOptions
from imgvet.similarity.look import Look
from imgvet.similarity.relations import Finding, related
from imgvet.similarity.relations import compared as relations_of
from imgvet.similarity.verify import pictures_of
from imgvet.store.store import Store
from imgvet.workdir import WorkDir

TO_MEET = {"crop 50 %": 0.97, "text over it": 0.98}
OF_EACH_KIND = 24
Values = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Verified:
    """What was found."""

    similarity: Values
    """[photos, 17], of each edit to its original."""
    findings: list[Finding | None]
    """Of each edit and its original, None if they are not similar enough to be compared."""
    one_in_a_hundred: float
    """The similarity above which 1 % of the photos have a false nearest neighbour."""
    strangers: dict[str, tuple[int, int]]
    """Pairs of different photos that were compared and proven, by kind."""
    look_alikes: tuple[int, int]
    """The same of pictures that are drawn to look alike."""
    edit_cost: float
    stranger_cost: float
    """Processor milliseconds a pair."""

    def found(self, least: float) -> NDArray[np.bool_]:
        """[photos, 17], which edits are so similar, or proven."""
        proven = [finding is not None and finding.verified > 0 for finding in self.findings]
        return (self.similarity > least) | np.reshape(proven, self.similarity.shape)


def verified(settings: Settings) -> Verified:
    """Compare photos with their edits, and with other photos."""
    photos = photographs(settings.photos)
    photos = photos[: settings.size(len(photos), QUICK_PHOTOS)]
    least, model = SimilarityOptions(), load_model(BUILTIN_FOLDER)
    with settings.scratch() as scratch:
        files = edited_files(photos, scratch / "pictures")
        digests, vectors = measure_and_embed(files, scratch / "stages", model)
        store = Store(WorkDir(scratch / "stages"))
        shown_of = pictures_of(store)

        def compare(one: int, other: int, *, thorough: bool) -> Finding:
            ends = digests[one], digests[other]
            shown = {digest: found for digest in ends if (found := shown_of(digest))}
            return relations_of([(*ends, thorough)], shown)[0]

        def compared(marks: NDArray[np.bool_]) -> tuple[dict[Pair, Finding], float]:
            pairs = [(one, other) for one, other in np.argwhere(marks).tolist()]
            listed = alike >= least.threshold
            start = time.process_time()
            findings = {
                (one, other): compare(one, other, thorough=bool(listed[one, other]))
                for one, other in pairs
            }
            return findings, (time.process_time() - start) / max(len(pairs), 1) * 1e3

        alike = 1 - model.card.similarity_scale * (1 - vectors @ vectors.T)
        of, kind = np.divmod(np.arange(len(vectors)), VARIANTS)
        similar = alike >= least.verify_threshold
        own, edit_cost = compared(similar & (of[:, None] == of) & (kind[:, None] == 0) & (kind > 0))
        similar &= np.triu(of[:, None] != of)
        strangers = {
            "as they are": similar & (kind[:, None] == 0) & (kind == 0),
            "edited in the same way": similar & (kind[:, None] == kind) & (kind > 0),
            "one edited": similar & ((kind[:, None] == 0) ^ (kind == 0)),
        }
        others = {name: compared(marks) for name, marks in strangers.items()}
    original, edited = np.flatnonzero(kind == 0), np.flatnonzero(kind)
    between = alike[np.ix_(original, original)]
    np.fill_diagonal(between, -1)
    shape = (len(photos), len(EDITS))
    return Verified(
        similarity=alike[of[edited] * VARIANTS, edited].reshape(shape),
        findings=[own.get((of[one] * VARIANTS, one)) for one in edited],
        one_in_a_hundred=float(np.sort(between.max(axis=1))[-1 - int(FALSE_SHARE * len(photos))]),
        strangers={
            name: (len(found), sum(one.verified > 0 for one in found.values()))
            for name, (found, _) in others.items()
        },
        look_alikes=look_alikes(settings.size(OF_EACH_KIND, 3)),
        edit_cost=edit_cost,
        stranger_cost=others["as they are"][1],
    )


def look_alikes(of_each: int) -> tuple[int, int]:
    """Pairs of one kind that were compared, and how many of them are proven."""
    proven = []
    for draw in LOOK_ALIKES.values():
        drawn = [draw(number) for number in range(of_each)]
        size = drawn[0].shape[1::-1]
        looks = [Look(encode_thumbnail(to_standard_size(picture)), size) for picture in drawn]
        found = [related(*pair) for pair in combinations(looks, 2)]
        proven += [finding.verified > 0 for finding in found]
    return len(proven), sum(proven)


def verification(settings: Settings) -> list[Row]:
    """Recall with proven pairs, false ones, and what it costs."""
    return rows(verified(settings))


def rows(result: Verified) -> list[Row]:
    """The lines of the table."""
    least = SimilarityOptions().threshold
    what, found = f"edits found, {len(result.similarity)} photos", result.found(least)
    where = float(result.found(result.one_in_a_hundred).mean())
    lines = [
        at_least(f"{what}: at {least:g} or proven", float(found.mean()), 0.97),
        at_least(f"{what}: where 1 % have a false link, or proven", where, 0.995),
    ]
    for edit, share in zip(EDITS, found.mean(axis=0).tolist(), strict=True):
        name = f"  found, {edit}"
        judged = edit in TO_MEET
        lines.append(at_least(name, share, TO_MEET[edit]) if judged else only(name, share))
    for kind, (compared, proven) in result.strangers.items():
        lines.append(at_most(f"different photos {kind}, {compared:,} pairs: proven", proven, 0))
    compared, proven = result.look_alikes
    lines.append(at_most(f"drawn to look alike, {compared:,} pairs: proven", proven, 0))
    lines.append(only("comparing a photo with its edit, processor time", result.edit_cost, " ms"))
    lines.append(only("comparing different photos, processor time", result.stranger_cost, " ms"))
    return lines


def relations(result: Verified) -> Iterator[str]:
    """How often each edit was explained as what."""
    for edit, name in enumerate(EDITS):
        counts = Counter(
            finding.relation for finding in result.findings[edit :: len(EDITS)] if finding
        )
        yield f"{name:<20}" + ", ".join(f"{value} {count}" for value, count in counts.most_common())


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="folder of distinct photos")
    result = verified(Settings(photos=parser.parse_args().folder))
    print("\n".join([*relations(result), "", *as_lines(rows(result), this_machine())]))


if __name__ == "__main__":
    main()
