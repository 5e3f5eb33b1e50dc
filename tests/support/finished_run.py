"""A finished run made by plain functions: the tables and embeddings of the flow, without Prefect,
checks and report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from imgvet.annotations.read import read_annotations
from imgvet.crops.cutter import Cutter, choose_cutter
from imgvet.crops.listing import annotated
from imgvet.embedding.compute import collect_embeddings, embed, thumbnail_reader
from imgvet.embedding.user_embeddings import match_user_embeddings, read_user_embeddings
from imgvet.measures.collect import ItemTables, crops_of, item_tables, stats_table, with_reads
from imgvet.measures.compute_stats import cutting, measure_files
from imgvet.models.resolve import resolve_model
from imgvet.opening import require_allowed
from imgvet.options import (
    ComponentOptions,
    CropOptions,
    MediaOptions,
    ModelOptions,
    NeighborOptions,
    OutlierOptions,
    RunOptions,
    SimilarityOptions,
    SourceOptions,
    StatsOptions,
    VideoOptions,
    make_options,
)
from imgvet.quality.label_issues import find_label_issues
from imgvet.quality.leaks import find_leaks
from imgvet.quality.result import write_results
from imgvet.quality.suite import COUNTED
from imgvet.quality.summarize import SearchFacts, summarize
from imgvet.similarity.components import find_components
from imgvet.similarity.distances import Metric
from imgvet.similarity.neighbors import as_table, find_neighbors
from imgvet.similarity.outliers import find_outliers
from imgvet.similarity.pairs import Comparison, similar_pairs
from imgvet.similarity.verify import verify_pairs
from imgvet.sources.inputs import list_items
from imgvet.sources.kinds import Kind
from imgvet.sources.reading import containers_in
from imgvet.store.files import files_in
from imgvet.store.packs import places_in
from imgvet.store.store import Store
from imgvet.summary import RunRecord, read_record
from imgvet.tables import BY_NAME, conform, read_table, to_frame, write_table
from imgvet.workdir import CROPS_PART, WorkDir


@dataclass(frozen=True)
class _Found:
    collected: ItemTables
    crops: pd.DataFrame | None


def finish_run(input_dir: object, work_dir: Path, **parameters: object) -> WorkDir:
    """Vet a folder, list or archive and leave tables, embeddings, store and ``run.json``."""
    options = make_options(
        {"input_dir": input_dir, "work_dir": work_dir, "num_threads": 2, **parameters}
    )
    sources, annotations = options.part(SourceOptions), None
    if options.annotations is not None:
        annotations = read_annotations(*options.annotations)
    cutter = choose_cutter(sources, annotations, options.data_type, options.part(CropOptions))
    part = "" if cutter is None else CROPS_PART
    work = require_allowed(options.work_dir, options.input_dir, overwrite=True, part=part)
    work.store.mkdir(parents=True, exist_ok=True)
    for name in options.input_dir:
        if name.endswith((".tar", ".zip")):
            containers_in(work, options.part(VideoOptions))[Kind.ARCHIVE].prepare(Path(name))
    listing = annotated(list_items(sources, work), sources, annotations, cutter)
    found = _measured(options, work, listing, cutter)
    vectors, metric, model = _embedded(options, work, found.collected)
    work.tables.mkdir(parents=True, exist_ok=True)
    for name, frame in _tables(options, work, found, vectors, metric).items():
        write_table(conform(frame, BY_NAME[name]), work.table(name))
    np.save(work.embeddings, vectors)
    record = RunRecord(
        run_id="run",
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:01+00:00",
        seconds=1.0,
        parameters=options.model_dump(mode="json"),
        versions={},
        model=model,
        stages=(),
    )
    work.run_json.write_text(record.model_dump_json())
    return work


def judge(work: WorkDir) -> WorkDir:
    """Add the summary and the checks of a finished run."""
    record = read_record(work)
    made = [name for name in COUNTED if work.table(name).is_file()]
    counted = {name: read_table(work.table(name)) for name in made}
    facts = SearchFacts(
        model=str(record.model.get("name")), neighbor_recall=1.0, median_similarity=0.5
    )
    summary, checks = summarize(counted, facts, record.options(RunOptions))
    work.summary_json.write_text(summary.model_dump_json())
    write_results(checks, work.checks_json)
    return work


def _measured(
    options: RunOptions, work: WorkDir, listing: pa.Table, cutter: Cutter | None
) -> _Found:
    videos, store = options.part(VideoOptions), Store(work)
    rows = to_frame(listing)
    rows = rows[rows["status"] == "ok"]
    files = files_in(rows)
    if cutter is None:
        reads = measure_files(files, store, videos, options.num_threads)
    else:
        cuts = dict(zip(files, rows["cut"], strict=True))
        look = cutting(cuts, cutter)
        reads = measure_files(files, store, videos, options.num_threads, look=look)
    pictures = with_reads(listing, [reads])
    cropped = crops_of(pictures, store) if cutter is not None else None
    items = pictures if cropped is None else cropped.rows
    collected = item_tables(items, store, options.part(MediaOptions))
    return _Found(collected, None if cropped is None else cropped.crops)


def _embedded(
    options: RunOptions, work: WorkDir, found: ItemTables
) -> tuple[np.ndarray, Metric, dict[str, object]]:
    model_options, store = options.part(ModelOptions), Store(work)
    if model_options.embeddings is not None:
        given = read_user_embeddings(model_options.embeddings)
        vectors = match_user_embeddings(given, found.items, options.input_dir)
        model: dict[str, object] = {"name": "user embeddings", "sha256": ""}
        return vectors, Metric(distance=options.distance), model
    known = resolve_model(model_options)
    digests = found.contents["digest"].tolist()
    read = thumbnail_reader(places_in(found.contents), store)
    embed(digests, read, store, known, threads=options.num_threads)
    packs = store.embeddings(known.card.digest)
    vectors = collect_embeddings(digests, packs, known.card.width)
    metric = Metric(distance=options.distance, scale=known.card.similarity_scale)
    return vectors, metric, known.card.model_dump(mode="json")


def _tables(
    options: RunOptions, work: WorkDir, found: _Found, vectors: np.ndarray, metric: Metric
) -> dict[str, pd.DataFrame]:
    items = found.collected.items
    search = options.part(NeighborOptions)
    nearest = find_neighbors(vectors, search, options.num_threads)
    ids = found.collected.contents["id"].to_numpy(np.int64)
    neighbors = as_table(nearest, ids, metric)
    near, comparison = options.part(SimilarityOptions), Comparison(search=search, metric=metric)
    pairs = similar_pairs(neighbors, items, min(near.threshold, near.verify_threshold))
    similarity = verify_pairs(pairs, items, Store(work), near, options.num_threads)
    tables = {
        "items": items,
        "invalid": found.collected.invalid,
        "stats": stats_table(items, Store(work), options.part(StatsOptions)),
        "similarity": similarity,
        "outliers": find_outliers(neighbors, similarity, items, options.part(OutlierOptions))[0],
        **find_components(
            similarity,
            items,
            vectors,
            options.part(ComponentOptions),
            comparison,
            options.num_threads,
        ),
    }
    valid = items[items["embedding_row"].notna()]
    if valid["split"].nunique() > 1:
        tables["leaks"] = find_leaks(similarity, items, vectors, near, comparison, 1)
    if valid["label"].nunique() > 1:
        judged = find_label_issues(items, vectors, search, options.num_threads)
        tables["label_issues"] = judged[0]
    return tables if found.crops is None else tables | {"crops": found.crops}
