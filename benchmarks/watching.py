"""How often is a watched dataset a false alarm, and how often is a true jump seen?

    python -m benchmarks.watching                   hundreds of histories, some minutes
    python -m benchmarks.watching --histories 20    a quick look
    python -m benchmarks.watching --json table.json

Datasets are drawn with known rates: embeddings around centres (outliers in random directions),
metrics, broken files, copies, near duplicates. Each run goes through `imgvet.monitor.watch` as a
real one does, all rates, 14 metrics and the embeddings being watched together. Nothing is read
from disk and no picture is decoded, which is what makes thousands of runs possible.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom

from benchmarks.machine import cores, this_machine
from benchmarks.rows import Row, as_lines, at_least, at_most, only, write_json
from imgvet.metrics import BASIC_METRICS
from imgvet.monitor.baselines import Baseline
from imgvet.monitor.compare import SHARE_OF_RATES, Comparison, in_order_since
from imgvet.monitor.history import Run
from imgvet.monitor.images import Images, images_of
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.rates import RATES
from imgvet.monitor.watch import References, watch
from imgvet.options import RunOptions

HISTORIES = 300
QUIET_RUNS, FEW_RUNS = 10, 4
WIDTH, CENTRES = 16, 12
METRICS = [metric.name for metric in BASIC_METRICS]
QUESTIONS = 2 * len(RATES)
"""About rates: each of the new images and of the whole."""
FALSE_ALARMS, CAUGHT = 0.01, 0.99
JUMPED, RECOVERED = "imgvet.novelty-rate.jumped", "imgvet.novelty-rate.recovered"


@dataclass(frozen=True)
class World:
    """The true rates of the images that a batch is drawn from.

    Attributes:
        outlier: share of images in random directions.
        invalid: share of broken files.
        duplicate: share of byte-for-byte copies.
        near_duplicate: share of images in a near-duplicate pair.
        dark: share of dark images.
        bright: share of bright images.
        blurry: share of blurry images.
        shift: how far metrics and embeddings are moved, in standard deviations.
        day_spread: standard deviation of the novelty rate from batch to batch.
    """

    outlier: float = 0.05
    invalid: float = 0.01
    duplicate: float = 0.02
    near_duplicate: float = 0.04
    dark: float = 0.05
    bright: float = 0.01
    blurry: float = 0.04
    shift: float = 0.0
    day_spread: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A history to simulate.

    Attributes:
        first: images of the first run.
        batch: new images of each further run.
        growing: whether earlier images stay.
        quiet: runs in which nothing changes.
        last: worlds of the runs after those, such as a jump and the recovery from it.
        world: the world of the first run and of quiet ones.
        options: when to raise an alarm.
    """

    first: int = 1000
    batch: int = 1000
    growing: bool = False
    quiet: int = QUIET_RUNS
    last: tuple[World, ...] = ()
    world: World = field(default_factory=World)
    options: WatchOptions = field(default_factory=WatchOptions)


@dataclass(frozen=True)
class Outcome:
    """What the runs of one history said.

    Attributes:
        quiet: runs in which nothing had changed, after the first.
        last: the runs after them.
    """

    quiet: tuple[Comparison, ...]
    last: tuple[Comparison, ...]


@dataclass(frozen=True)
class Batch:
    """Images.

    Attributes:
        digest: str (n,), hexadecimal.
        valid: bool (n,).
        near: bool (n,), whether an image is a near duplicate of the one before.
        vectors: float32 (n, WIDTH).
        metrics: float64 (n, metrics), in the order of the catalogue.
    """

    digest: NDArray[np.str_]
    valid: NDArray[np.bool_]
    near: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    metrics: NDArray[np.float64]

    def __add__(self, other: Batch) -> Batch:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Batch(*(np.concatenate(pair) for pair in pairs))


def simulate(plan: Plan, seed: int) -> Outcome:
    """One history, always the same for one seed."""
    rng = np.random.default_rng(seed)
    centres = directions(rng, CENTRES)
    images = draw(rng, plan.world, plan.first, centres)
    kept: list[Baseline] = []
    said: list[Comparison] = []
    for number in range(1 + plan.quiet + len(plan.last)):
        if number:
            world = plan.last[number - 1 - plan.quiet] if number > plan.quiet else plan.world
            fresh = draw(rng, world, plan.batch, centres)
            images = images + fresh if plan.growing else fresh
        history = [comparison.run for comparison in said]
        references = _references(history, kept)
        alarms = history[-1].alarms if history else ()
        run = run_of(number).model_copy(update={"alarms": alarms})
        found, own = watch(run, as_images(images), (), history, references, plan.options)
        kept.append(own)
        said.append(found)
    return Outcome(tuple(said[1 : 1 + plan.quiet]), tuple(said[1 + plan.quiet :]))


def alarming(run: Comparison) -> bool:
    """Whether a run would have raised an alarm, had none been on."""
    return any(finding.alarming for finding in run.findings)


def power(known: int, new: int, before: float, after: float, options: WatchOptions) -> float:
    """How probably a jump of one rate is seen among new images: exact, nothing is drawn.

    Args:
        known: images that the rate is known from.
        new: new images.
        before: the true rate until now.
        after: the true rate of the new images.
        options: when to raise an alarm. All rates are watched, each in two ways.
    """
    level = SHARE_OF_RATES * options.false_alarm_rate / QUESTIONS
    counts = np.arange(*_span(new, after))
    chance = binom.pmf(counts, new, after)
    total = 0.0
    for earlier in range(*_span(known, before)):
        rises = counts / new - earlier / known >= options.min_difference
        seen = (counts - 1, known + new, earlier + counts, new)
        mid_p = (hypergeom.sf(*seen) + hypergeom.sf(counts, *seen[1:])) / 2
        seen = chance[rises & (mid_p <= level)].sum()
        total += float(binom.pmf(earlier, known, before) * seen)
    return total


def _span(of: int, rate: float) -> tuple[int, int]:
    low, high = binom.interval(1 - 1e-9, of, rate)
    return int(low), int(high) + 1


def outcomes(plan: Plan, histories: int) -> list[Outcome]:
    """As many histories of one plan, on all cores."""
    with ProcessPoolExecutor(cores()) as pool:
        return list(pool.map(partial(simulate, plan), range(histories), chunksize=4))


def caught(comparison: Comparison) -> bool:
    """Whether the alarm of the novelty rate is on after a run."""
    return "novelty_rate" in comparison.run.alarms


def share(answers: Iterable[bool]) -> float:
    """The share of answers that are yes."""
    values = list(answers)
    return sum(values) / len(values)


def watching(histories: int) -> list[Row]:
    """All figures."""
    rows = _exact()
    for measure in (_replaced, _first_runs, _growing, _days, _drifting):
        found = measure(histories)
        for row in found:
            print(f"{row.number}: {row.measured}", file=sys.stderr, flush=True)
        rows += found
    return rows


def _replaced(histories: int) -> list[Row]:
    """Each run brings 1,000 other images; then one with a jump, and one without."""
    found = outcomes(Plan(last=(World(outlier=0.10), World())), histories)
    quiet = [run for outcome in found for run in outcome.quiet]
    jumped = [outcome for outcome in found if tells(outcome.last[0], JUMPED)]
    runs = f"{len(quiet):,} runs of 1,000 other images, nothing changes"
    return [
        at_most(f"{runs}: false alarms", share(map(alarming, quiet)), FALSE_ALARMS),
        at_least(
            f"{len(found):,} jumps of outliers from 5 to 10 % in 1,000 images, after "
            f"{QUIET_RUNS} runs: caught",
            share(caught(outcome.last[0]) for outcome in found),
            CAUGHT,
        ),
        only(
            "of the runs after them, back at 5 %: all-clear at once",
            share(tells(outcome.last[1], RECOVERED) for outcome in jumped),
        ),
    ]


def _first_runs(histories: int) -> list[Row]:
    """The second run of all already jumps, so that 1,000 images are all that is known."""
    rows = []
    for first in (1000, 5000):
        found = outcomes(Plan(first=first, quiet=0, last=(World(outlier=0.10),)), histories)
        rows.append(
            only(
                f"the same jump in the run after a baseline of {first:,} images: caught",
                share(caught(outcome.last[0]) for outcome in found),
            )
        )
    return rows


def _growing(histories: int) -> list[Row]:
    """2,000 images grow by 120 a run, 30 % of the last 120 being outliers."""
    plan = Plan(first=2000, batch=120, growing=True, quiet=FEW_RUNS, last=(World(outlier=0.30),))
    found = outcomes(plan, histories)
    quiet = [run for outcome in found for run in outcome.quiet]
    what = "2,000 images that grow by 120 a run"
    return [
        at_most(f"{what}: false alarms", share(map(alarming, quiet)), FALSE_ALARMS),
        at_least(
            "30 % outliers among 120 new images: caught",
            share(caught(outcome.last[0]) for outcome in found),
            CAUGHT,
        ),
        only(
            "the same, had only the whole dataset been watched",
            share(_by_whole(outcome.last[0]) for outcome in found),
        ),
    ]


def _days(histories: int) -> list[Row]:
    """The novelty rate differs from day to day by more than chance."""
    plan = Plan(world=World(day_spread=0.02), quiet=2 * QUIET_RUNS)
    found = outcomes(plan, histories // 3 or 1)
    early = [run for outcome in found for run in outcome.quiet[:QUIET_RUNS]]
    late = [run for outcome in found for run in outcome.quiet[QUIET_RUNS:]]
    what = "rate differs by 2 points (s.d.) from run to run"
    return [
        only(f"{what}: runs that tell of a new jump, first {QUIET_RUNS}", _telling(early)),
        only(f"{what}: the next {QUIET_RUNS}, that being known", _telling(late)),
    ]


def _drifting(histories: int) -> list[Row]:
    """Metrics and embeddings move by one standard deviation."""
    found = outcomes(Plan(quiet=1, last=(World(shift=1.0),)), histories // 3 or 1)
    return [
        at_least(
            "metrics and embeddings move by 1 s.d. in 1,000 images: drift detected",
            share(tells(outcome.last[0], "imgvet.drift.detected") for outcome in found),
            CAUGHT,
        )
    ]


def _exact() -> list[Row]:
    options = WatchOptions()
    return [
        only(
            f"from 5 to 10 % in 1,000 images where {known:,} are known: caught, at least",
            power(known, 1000, 0.05, 0.10, options),
        )
        for known in (1000, 2000, 4000, 6000, 10_000)
    ]


def tells(comparison: Comparison, name: str) -> bool:
    """Whether a run says an event of a name."""
    return any(event.name == name for event in comparison.run.events)


def _telling(runs: Sequence[Comparison]) -> float:
    return share(tells(run, JUMPED) for run in runs)


def _by_whole(comparison: Comparison) -> bool:
    return any(
        finding.alarming and finding.population == "whole"
        for finding in comparison.findings
        if finding.key == "novelty_rate"
    )


def _references(history: Sequence[Run], kept: Sequence[Baseline]) -> References:
    """The first run is the baseline, and no image of the last run in order is new."""
    if not kept:
        return None, ()
    last = [run.run_id for run in in_order_since(history, kept[0].run)][-1:]
    recent = [baseline.keys for baseline in kept if baseline.run.run_id in last]
    return kept[0], [kept[0].keys, *recent]


def directions(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Random vectors of length 1."""
    vectors = rng.normal(size=(count, WIDTH)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def draw(rng: np.random.Generator, world: World, count: int, centres: NDArray[np.float32]) -> Batch:
    """Images of a world, most of them around centres (of length 1)."""
    rate = world.outlier
    if world.day_spread:
        rate = float(np.clip(rng.normal(rate, world.day_spread), 0, 1))
    vectors = centres[rng.integers(len(centres), size=count)]
    vectors = vectors + rng.normal(scale=0.12, size=vectors.shape)
    vectors[:, 0] += 0.12 * world.shift
    strange = rng.random(count) < rate
    vectors[strange] = directions(rng, int(strange.sum()))
    text = rng.bytes(16 * count).hex()
    digest = np.array([text[place : place + 32] for place in range(0, 32 * count, 32)])
    valid = rng.random(count) >= world.invalid
    copies = np.flatnonzero(rng.random(count - 1) < world.duplicate) + 1
    digest[copies], valid[copies] = digest[copies - 1], valid[copies - 1]
    near = rng.random(count) < world.near_duplicate / 2
    return Batch(digest, valid, near, vectors.astype(np.float32), _metrics(rng, world, count))


def _metrics(rng: np.random.Generator, world: World, count: int) -> NDArray[np.float64]:
    values = rng.normal(130 + 20 * world.shift, 20, (len(METRICS), count))
    row = {
        name: values[METRICS.index(name)] for name in ("percentile_99", "percentile_5", "sharpness")
    }
    row["percentile_99"] += 60
    row["percentile_99"][rng.random(count) < world.dark] = 50
    row["percentile_5"] -= 80
    row["percentile_5"][rng.random(count) < world.bright] = 250
    row["sharpness"][:] = np.where(
        rng.random(count) < world.blurry, 0.3, rng.uniform(0.6, 0.9, count)
    )
    return values.T


def run_of(number: int) -> Run:
    """A run; its number is also its day."""
    started = f"2030-01-{number + 1:02}T06:00:00"
    return Run(run_id=f"run-{number}", started=started, settings={"model": "drawn"})


def tables_of(images: Batch) -> dict[str, pd.DataFrame]:
    """The tables items, stats and similarity that a run on the images would give."""
    ids = np.arange(len(images.digest))
    row = np.searchsorted(np.unique(images.digest[images.valid]), images.digest)
    items = pd.DataFrame(
        {
            "id": ids,
            "filename": [f"{name}.jpg" for name in ids],
            "digest": images.digest.tolist(),
            "status": np.where(images.valid, "ok", "truncated"),
            "file_size": 1,
            "embedding_row": np.where(images.valid, row, np.nan),
        }
    )
    near = ids[images.near & (ids > 0)]
    stats = pd.DataFrame(images.metrics[images.valid], columns=METRICS)
    return {
        "items": items,
        "stats": stats.assign(id=ids[images.valid]),
        "similarity": pd.DataFrame(
            {"from": near - 1, "to": near, "similarity": 0.995, "decided": False}
        ),
    }


def embeddings_of(images: Batch) -> NDArray[np.float32]:
    """The embeddings of the distinct valid images."""
    place = np.unique(images.digest[images.valid], return_index=True)[1]
    return images.vectors[images.valid][place]


def as_images(images: Batch) -> Images:
    """What a run on the images would find."""
    return images_of(
        **tables_of(images),
        embeddings=embeddings_of(images),
        scale=1.0,
        options=RunOptions(input_dir=("drawn",), threshold=0.99),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=HISTORIES, help=f"[{HISTORIES}]")
    parser.add_argument("--json", type=Path, help="write the table to this file, too")
    options = parser.parse_args(arguments)
    machine, rows = this_machine(), watching(options.histories)
    print("\n".join(as_lines(rows, machine)))
    if options.json:
        write_json(rows, machine, options.json)


if __name__ == "__main__":
    main()
