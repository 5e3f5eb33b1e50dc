"""Histories of a watched dataset that is drawn with known rates, run by run.

Embeddings lie around centres (outliers in random directions); metrics, broken files, copies and
near duplicates are drawn, too. Each run goes through `imgvet.monitor.watch` as a real one does, all
rates, 14 metrics and the embeddings being watched together. Nothing is read from disk and no
picture is decoded, which is what makes thousands of runs possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import BASIC_METRICS
from imgvet.monitor.baselines import Baseline
from imgvet.monitor.compare import Comparison, in_order_since
from imgvet.monitor.history import Run
from imgvet.monitor.images import Images, images_of
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.watch import References, watch
from imgvet.options import RunOptions

QUIET_RUNS = 10
WIDTH, CENTRES = 16, 12
METRICS = [metric.name for metric in BASIC_METRICS]


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
            "path": [f"/{name}.jpg" for name in ids],
            "member": None,
            "digest": images.digest.tolist(),
            "status": np.where(images.valid, "ok", "truncated"),
            "time_ms": None,
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
