"""What does comparing the pixels of alike pairs find and explain, how often is it wrong, and what
does it cost?

    python -m benchmarks.verification
    python -m benchmarks.verification PHOTOS --photos 100

Photos and their edits go through the stages of a run, as for the recall protocol (`recall.py`). An
edit is found if it is at least 0.9 similar to its original, or at least 0.75 and proven by its
pixels. Pairs of different photos that are at least 0.75 similar are compared as well, also edited
in the same way (a text or frame over both is the same in both) and photos with edits of others:
none of them may be proven. Processor time is that of one core.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.edited_pictures import VARIANTS, edited_files
from benchmarks.edits import EDITS
from benchmarks.machine import cores
from benchmarks.pictures import photographs
from benchmarks.recall import FALSE_SHARE, QUICK_PHOTOS
from benchmarks.rows import Row, at_least, at_most, only
from benchmarks.settings import Settings
from benchmarks.stages import measure_and_embed
from imgvet.models.model import BUILTIN_FOLDER, load_model
from imgvet.options import SimilarityOptions
from imgvet.similarity.verify import Finding, comparer
from imgvet.store.store import Store
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir

TO_MEET = {"crop 50 %": 0.97, "text over it": 0.98}
Values = NDArray[np.float64]
Pair = tuple[int, int, bool]


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
    options, model = SimilarityOptions(), load_model(BUILTIN_FOLDER)
    with settings.scratch() as scratch:
        files = edited_files(photos, scratch / "pictures")
        digests, found = measure_and_embed(files, scratch / "stages", model)
        compare = comparer(Store(WorkDir(scratch / "stages")), digests)

        def compared(pair: Pair) -> Finding:
            return compare(digests[pair[0]], digests[pair[1]], pair[2])

        vectors = found.reshape(len(photos), VARIANTS, -1)
        scale = model.card.similarity_scale
        own = 1 - scale * (1 - np.einsum("pd,ped->pe", vectors[:, 0], vectors[:, 1:]))
        alike = 1 - scale * (1 - found @ found.T)
        of = np.arange(len(found)) // VARIANTS
        kind = np.arange(len(found)) % VARIANTS
        nearest = np.where(
            of[kind == 0][:, None] == of[kind == 0], -1, alike[kind == 0][:, kind == 0]
        )
        allowed = int(FALSE_SHARE * len(photos))
        edits = [
            (
                photo * VARIANTS,
                photo * VARIANTS + 1 + edit,
                bool(own[photo, edit] >= options.threshold),
            )
            for photo, edit in np.argwhere(own >= options.verify_threshold).tolist()
        ]
        findings: list[Finding | None] = [None] * own.size
        results, edit_cost = _timed(compared, edits)
        for (_, edited, _), finding in zip(edits, results, strict=True):
            findings[edited // VARIANTS * len(EDITS) + edited % VARIANTS - 1] = finding
        gray = np.triu(alike >= options.verify_threshold, 1) & (of[:, None] != of)
        kinds = {
            "as they are": gray & (kind[:, None] == 0) & (kind == 0),
            "edited in the same way": gray & (kind[:, None] == kind) & (kind > 0),
            "one edited": gray & ((kind[:, None] == 0) ^ (kind == 0)),
        }
        strangers = {}
        for name, marks in kinds.items():
            pairs = [(one, other, False) for one, other in np.argwhere(marks).tolist()]
            results, stranger_cost = _timed(compared, pairs)
            strangers[name] = (len(pairs), sum(finding.verified > 0 for finding in results))
    return Verified(
        own, findings, float(np.sort(nearest.max(axis=1))[::-1][allowed]), strangers, edit_cost,
        stranger_cost,
    )  # fmt: skip


def _timed(compared: Callable[[Pair], Finding], pairs: list[Pair]) -> tuple[list[Finding], float]:
    start = time.process_time()
    results = list(in_threads(compared, pairs, cores()))
    return results, (time.process_time() - start) / max(len(pairs), 1) * 1e3


def verification(settings: Settings) -> list[Row]:
    """Recall with proven pairs, false ones, and what it costs."""
    result, options = verified(settings), SimilarityOptions()
    what, found = f"edits found, {len(result.similarity)} photos", result.found(options.threshold)
    rows = [
        at_least(f"{what}: at {options.threshold:g} or proven", float(found.mean()), 0.97),
        at_least(
            f"{what}: where 1 % have a false link, or proven",
            float(result.found(result.one_in_a_hundred).mean()),
            0.995,
        ),
    ]
    for edit, share in zip(EDITS, found.mean(axis=0).tolist(), strict=True):
        least = TO_MEET.get(edit)
        rows.append(
            only(f"  {edit}", share) if least is None else at_least(f"  {edit}", share, least)
        )
    for kind, (compared, proven) in result.strangers.items():
        rows.append(at_most(f"different photos {kind}: proven of {compared:,}", proven, 0))
    rows.append(only("comparing a photo with its edit, processor time", result.edit_cost, " ms"))
    rows.append(only("comparing different photos, processor time", result.stranger_cost, " ms"))
    return rows


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
    settings = Settings(photos=parser.parse_args().folder)
    result = verified(settings)
    print("\n".join(relations(result)))


if __name__ == "__main__":
    main()
