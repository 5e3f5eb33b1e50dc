"""The stages after embedding, over the number of vectors: time, memory, exponents.

    python -m benchmarks.scale 10000 100000 1000000
    python -m benchmarks.scale 5000000 --without labels --rows DIR/rows.json --plot DIR/plot.html

Each size runs in a process of its own, on vectors mapped from disk as in a run; names, measures,
labels and thumbnails are made up. Sizes that are in a file of rows already are not measured again,
so that a table can be made in several goes. An exponent says with which power of the number of
vectors the processor time of a stage grows, from one size to the next.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmarks.machine import cores, this_machine
from benchmarks.process import run
from benchmarks.recall import edited_vectors
from benchmarks.report import made_up_run
from benchmarks.settings import FOLDER, Settings
from benchmarks.synthetic_vectors import draw, model_of
from imgvet.models.model import builtin_model
from imgvet.options import (
    ComponentOptions,
    GroupOptions,
    NeighborOptions,
    OutlierOptions,
    RunOptions,
)
from imgvet.quality.label_issues import find_label_issues
from imgvet.quality.suite import COUNTED
from imgvet.quality.summarize import SearchFacts, summarize
from imgvet.reports.build import build_report
from imgvet.similarity.components import find_components
from imgvet.similarity.distances import Metric
from imgvet.similarity.groups import find_groups
from imgvet.similarity.neighbors import as_table, find_neighbors
from imgvet.similarity.outliers import find_outliers
from imgvet.similarity.pairs import Comparison, similar_pairs
from imgvet.tables import SIMILARITY, conform, to_frame

STAGES = ("neighbors", "pairs", "components", "outliers", "groups", "labels", "checks", "report")


def measure(vectors: Path, result: Path, without: Sequence[str]) -> None:
    """Compare the vectors of one file; write processor seconds by stage, and what was found."""
    embeddings, search = np.load(vectors, mmap_mode="r"), NeighborOptions()
    count, metric = len(embeddings), Metric(scale=builtin_model().card.similarity_scale)
    made_up = made_up_run(count, embeddings)
    items, options = made_up.tables["items"], RunOptions(input_dir="/data/photos", work_dir=".")
    found: dict[str, float] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        started = time.process_time()
        yield
        found[stage] = time.process_time() - started

    with timed("neighbors"):
        nearest = find_neighbors(embeddings, search, cores())
        neighbors = as_table(nearest, items["id"].to_numpy(np.int64), metric)
    with timed("pairs"):
        pairs = similar_pairs(neighbors, items, options.threshold)
    with timed("components"):
        near = similar_pairs(neighbors, items, options.cc_threshold)
        linked = options.part(ComponentOptions)
        comparison = Comparison(search=search, metric=metric)
        grouped = find_components(near, items, embeddings, linked, comparison, cores())
    with timed("outliers"):
        rare, median = find_outliers(
            neighbors, pairs.assign(verified=0), items, options.part(OutlierOptions)
        )
    more: dict[str, pd.DataFrame] = {}
    structure = None
    if "groups" not in without:
        with timed("groups"):
            more |= find_groups(items, embeddings, metric, options.part(GroupOptions), cores())
    if "labels" not in without:
        with timed("labels"):
            issues, structure = find_label_issues(items, embeddings, search, cores())
        more["label_issues"] = issues
    pairs = to_frame(conform(pairs.assign(relation="similar only", verified=0), SIMILARITY))
    tables = {**made_up.tables, "similarity": pairs, "outliers": rare, **grouped, **more}
    facts = SearchFacts(
        model="builtin",
        neighbor_recall=nearest.recall,
        median_similarity=median,
        label_structure=structure,
    )
    with timed("checks"):
        summary, checks = summarize({n: tables[n] for n in COUNTED if n in tables}, facts, options)
    made_up = replace(made_up, summary=summary, checks=checks, tables=tables)
    with timed("report"):
        build_report(made_up, result.with_name("report"))
    found |= {"recall": nearest.recall, "pairs found": len(pairs)}
    found["components found"] = len(grouped["component_info"])
    result.write_text(json.dumps(found), encoding="utf-8")


def scale(
    settings: Settings, counts: Sequence[int], without: Sequence[str], known: Path | None
) -> list[dict[str, float]]:
    """What each size needs: processor seconds by stage, gigabytes, recall, what was found."""
    rows = json.loads(known.read_text(encoding="utf-8")) if known and known.exists() else []
    model = model_of(edited_vectors(settings))
    for count in sorted(set(counts).difference(row["vectors"] for row in rows)):
        with settings.scratch() as scratch:
            vectors, result = scratch / "vectors.npy", scratch / "result.json"
            np.save(vectors, draw(model, count))
            command = [sys.executable, "-m", "benchmarks.scale", "--of", str(vectors), str(result)]
            finished = run([*command, "--without", *without], {}, scratch / "log")
            found = json.loads(result.read_text(encoding="utf-8"))
        rows.append({"vectors": count, **found, "gigabytes": finished.peak_bytes / 1e9})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        if known:
            known.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return sorted(rows, key=lambda row: row["vectors"])


def as_lines(rows: Sequence[dict[str, float]]) -> list[str]:
    """The table in Markdown: a column for each size, and one for each step between two sizes."""

    def line(name: str, of: Callable[[dict[str, float]], float], *, grows: bool) -> str:
        values = [f"{of(row):.4g}" if of(row) else "" for row in rows]
        steps = [
            f"{exponent(one, other, of):.2f}" if of(one) and of(other) else ""
            for one, other in pairwise(rows)
        ]
        return f"| {' | '.join([name, *values, *(steps if grows else [''] * len(steps))])} |"

    sizes = [f"{row['vectors']:,}" for row in rows]
    head = ["", *sizes, *(f"exponent to {size}" for size in sizes[1:])]
    return [
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(
            line(f"{name}, processor s", lambda row, n=name: row.get(n, 0.0), grows=True)
            for name in STAGES
        ),
        line("peak memory, GB", lambda row: row["gigabytes"], grows=True),
        line("recall of the search", lambda row: row["recall"], grows=False),
        line("pairs", lambda row: row["pairs found"], grows=True),
        line("components", lambda row: row["components found"], grows=True),
    ]


def exponent(
    one: dict[str, float], other: dict[str, float], of: Callable[[dict[str, float]], float]
) -> float:
    """The power of the number of vectors with which a figure grows between two sizes."""
    least = 1e-9
    growth = np.log(max(of(other), least) / max(of(one), least))
    return float(growth / np.log(other["vectors"] / one["vectors"]))


def plot(rows: Sequence[dict[str, float]]) -> go.Figure:
    """Processor time of each stage over the number of vectors, both logarithmic."""
    figure = go.Figure(
        layout={
            "xaxis": {"title": "vectors", "type": "log", "dtick": 1},
            "yaxis": {"title": "processor time, s", "type": "log", "dtick": 1},
            "template": "plotly_white",
            "margin": {"t": 20, "b": 60},
        }
    )
    for name in STAGES:
        there = [row for row in rows if name in row]
        figure.add_scatter(
            x=[row["vectors"] for row in there], y=[row[name] for row in there], name=name
        )
    return figure


def main() -> None:
    """Measure some sizes and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--of", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--photos", type=Path, help="folder of distinct photographs")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for vectors and results")
    parser.add_argument("--without", nargs="*", default=[], choices=["groups", "labels"])
    parser.add_argument("--rows", type=Path, help="JSON file of what is known, and will be")
    parser.add_argument("--plot", type=Path, help="write a page with a plot of the table")
    options = parser.parse_args()
    if options.of:
        measure(*options.of, options.without)
        return
    settings = Settings(folder=options.folder.absolute(), photos=options.photos)
    rows = scale(settings, options.counts, options.without, options.rows)
    print("\n".join([this_machine().description, "", *as_lines(rows)]))
    if options.plot:
        plot(rows).write_html(options.plot, config={"displayModeBar": False})


if __name__ == "__main__":
    main()
