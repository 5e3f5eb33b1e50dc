"""What becomes of hostile files on the way of a run: listed, opened, decoded, measured, in tables.

    python -m benchmarks.hostile                          10,000 mutations, and the bombs
    python -m benchmarks.hostile --mutations 100000 --seed 7 --bombs none
    python -m benchmarks.hostile --mutations 0 --bombs png
    python -m benchmarks.hostile --cost FOLDER            what decoding in workers costs there

Each file must end as one row of the table items, or as the rows of its members or frames: ok, or
why not. Anything else ends the program with an error that names the files; they are kept.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.bombs import BOMBS, write_sparse
from benchmarks.machine import cores, this_machine
from benchmarks.process import run
from benchmarks.seed_files import container_seeds, image_seeds, mutated
from imgvet.measures.collect import item_tables, with_reads
from imgvet.measures.compute_stats import measure_files
from imgvet.options import MediaOptions, SourceOptions, VideoOptions
from imgvet.reasons import Reason
from imgvet.sources.inputs import find_inputs, list_items
from imgvet.sources.kinds import Kind, kind_of_file
from imgvet.store.files import files_in
from imgvet.store.store import Store
from imgvet.tables import to_frame
from imgvet.tasks.context import RunContext
from imgvet.tasks.inputs import extract_archives
from imgvet.workdir import WorkDir

MUTATIONS, BATCH = 10_000, 500
CONTAINERS = 0.1
"""Share of the mutations that are of archives and videos."""

SPARSE = "100 GB of nothing.png"


def items_of(folder: Path, work_dir: Path) -> pd.DataFrame:
    """The table items of all files in a folder, as a run makes it."""
    work, options = WorkDir(work_dir), SourceOptions(input_dir=(str(folder),))
    inputs, videos = find_inputs(options), options.part(VideoOptions)
    context = RunContext(work_dir=work_dir, threads=cores())
    if inputs.compressed:
        extract_archives.fn(context, inputs.compressed, videos)
    listing = list_items(options, work)
    rows = to_frame(listing)
    files = files_in(rows[rows["status"] == Reason.OK.value])
    reads = measure_files(files, Store(work), videos, context.threads)
    return item_tables(with_reads(listing, [reads]), Store(work), MediaOptions()).items


def mutations(count: int, seed: int) -> Counter[tuple[str, str]]:
    """Make so many files and see what they become: how often which ending gave which status."""
    found: Counter[tuple[str, str]] = Counter()
    images, containers = image_seeds(), container_seeds()
    others = [*images.values(), *containers.values()]
    for first in range(0, count, BATCH):
        folder = Path(tempfile.mkdtemp(prefix="hostile-"))
        inputs = folder / "in"
        inputs.mkdir()
        for number in range(first, min(count, first + BATCH)):
            random = np.random.default_rng([seed, number])
            seeds = containers if random.random() < CONTAINERS else images
            name = list(seeds)[int(random.integers(len(seeds)))]
            path = inputs / f"{number:06d} {name.replace(':', '.')}"
            path.write_bytes(mutated(seeds[name], others, random))
        found += _judged(inputs, items_of(inputs, folder / "out"))
        shutil.rmtree(folder)  # Kept where an error ends the program.
    return found


def _judged(inputs: Path, items: pd.DataFrame) -> Counter[tuple[str, str]]:
    """Statuses by the ending of the file; an error if a file has no row, or an image several."""
    rows = items.groupby("path")["status"].agg(list)
    images = {str(path) for path in inputs.iterdir() if kind_of_file(path.name) is Kind.IMAGE}
    # Archives and videos have rows for what is in them, and none where nothing is.
    wrong = sorted(path for path in images if len(rows.get(path, ())) != 1)
    if wrong:
        raise AssertionError(f"not one row for each of {wrong}")
    return Counter((Path(path).suffix[1:], status) for path, s in rows.items() for status in s)


@dataclass(frozen=True)
class Burst:
    """What one bomb cost: seconds of processor time, and bytes at most, in both processes."""

    name: str
    size: int
    seconds: float
    memory: int
    statuses: dict[str, int]


def burst(name: str) -> Burst:
    """Write a bomb, let it go off in a process of its own, and look at the tables."""
    with tempfile.TemporaryDirectory(prefix="bomb-") as folder:
        path = Path(folder, "in", name)
        path.parent.mkdir()
        if name == SPARSE:
            write_sparse(path)
        else:
            path.write_bytes(BOMBS[name]())
        command = [sys.executable, "-m", "benchmarks.hostile", "--items-of", folder]
        done = run(command, {}, Path(folder, "log"))
        items = pd.read_parquet(Path(folder, "items.parquet"))
        size = path.stat().st_size
    statuses = items["status"].value_counts().to_dict()
    return Burst(name, size, done.processor_seconds, done.peak_bytes, statuses)


def cost(folder: Path) -> None:
    """Print the processor time of decoding and measuring a folder, in threads and in workers."""
    paths = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    program = (
        "import sys; from functools import partial; from pathlib import Path;"
        "from imgvet.images.measure import measured_content;"
        "from imgvet.images.isolation import isolated; from imgvet.threads import in_threads;"
        "look = partial(isolated, measured_content) if sys.argv[2] else measured_content;"
        "paths = map(Path, Path(sys.argv[1]).read_text().splitlines());"
        f"list(in_threads(lambda path: look(path.read_bytes()), paths, {cores()}))"
    )
    for _ in range(3):
        for name, flag in (("threads", ""), ("workers", "1")):
            with tempfile.TemporaryDirectory() as scratch:
                listed = Path(scratch, "list")
                listed.write_text("\n".join(paths))
                command = [sys.executable, "-c", program, str(listed), flag]
                done = run(command, {}, Path(scratch, "log"))
            print(f"{name}: {done.processor_seconds:.1f} s of processor time, {done.seconds:.1f} s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Try and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=MUTATIONS, help=f"[{MUTATIONS}]")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations [0]")
    parser.add_argument("--bombs", default="", help="those whose names hold this; none for none")
    parser.add_argument("--cost", type=Path, help="a folder of images")
    parser.add_argument("--items-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.items_of:
        items = items_of(options.items_of / "in", options.items_of / "out")
        items.to_parquet(options.items_of / "items.parquet")
        return
    if options.cost:
        cost(options.cost)
        return
    print(this_machine().description, flush=True)
    _print_mutations(mutations(options.mutations, options.seed), options.mutations)
    for name in (*BOMBS, SPARSE):
        if options.bombs in name:
            found = burst(name)
            print(
                f"| {name} | {found.size / 1e6:.3g} MB | {found.seconds:.1f} s "
                f"| {found.memory / 1e6:.0f} MB | {_as_text(found.statuses)} |",
                flush=True,
            )


def _print_mutations(found: Counter[tuple[str, str]], count: int) -> None:
    for ending in sorted({ending for ending, _ in found}):
        statuses = {status: n for (end, status), n in found.items() if end == ending}
        print(f"| {ending} | {sum(statuses.values())} | {_as_text(statuses)} |")
    print(f"{count} files, {sum(found.values())} rows")


def _as_text(statuses: dict[str, int]) -> str:
    ordered = sorted(statuses.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{status} {count}" for status, count in ordered)


if __name__ == "__main__":
    main()
