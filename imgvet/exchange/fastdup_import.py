"""Open an old work dir of fastdup: what it found becomes a finished run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet import __version__
from imgvet.exchange.fastdup_read import TheirRun
from imgvet.measures.compute_stats import measure_files
from imgvet.metrics import BASIC_METRICS
from imgvet.opening import exclusive, require_allowed
from imgvet.options import RunOptions, VideoOptions, make_options
from imgvet.quality.result import write_results
from imgvet.quality.summarize import SearchFacts, summarize
from imgvet.reasons import Reason
from imgvet.similarity.verify import verify_pairs
from imgvet.sources.listing import shared_folder
from imgvet.store.files import files_in
from imgvet.store.packs import DIGEST
from imgvet.store.references import digest_bytes, write_vectors
from imgvet.store.store import Store
from imgvet.summary import RunRecord
from imgvet.tables import RESULT_TABLES, SIMILARITY, STATS, conform, to_frame, write_table
from imgvet.workdir import WorkDir, write_atomically, write_text

MODEL = "fastdup"


@dataclass(frozen=True)
class Imported:
    """What was imported."""

    work: WorkDir
    images: int
    gone: int
    """Valid images whose files are not there: without thumbnails, digests and our measures."""


def import_fastdup(source: Path, work_dir: Path, threads: int = 1) -> Imported:
    """Turn a work dir of fastdup into a finished run, but for its report; nothing in it is changed.

    Taken over are pairs, components, outliers, measures, features and bad images. Images that are
    where they were are read, too, for thumbnails and digests; others get a digest of their name. If
    all are there, it is told what the pairs have to do with each other.
    ``blur`` is of another scale and left out, and annotations, kept as pickles, are not read. Of a
    run on crops its whole images are imported. Raises as :class:`TheirRun`.
    """
    theirs = TheirRun(source)
    vectors, findings, stats, bad = (
        theirs.vectors(), theirs.findings(), theirs.stats(), theirs.bad(),
    )  # fmt: skip
    options = _options_of(theirs, work_dir)
    work = require_allowed(options.work_dir)
    with exclusive(work):
        items = _items_of(theirs, bad, options.input_dir[0], with_vectors=vectors is not None)
        items, ours = _with_reads(items, work, threads)
        stats = ours.combine_first(stats).assign(id=items["id"])
        options = options.model_copy(update={"run_stats": bool(stats["sharpness"].notna().all())})
        gone = int(items["format"].isna().sum()) - len(bad)
        if not gone:
            pairs = verify_pairs(findings[SIMILARITY.name], items, Store(work), options, threads)
            findings[SIMILARITY.name] = pairs
        invalid = items[items["status"] != Reason.OK.value].rename(columns={"status": "reason"})
        tables = {"items": items, STATS.name: stats, "invalid": invalid, **findings}
        _write(work, tables, vectors, options, theirs.mapping)
    return Imported(work, len(items), gone)


def _options_of(theirs: TheirRun, work_dir: Path) -> RunOptions:
    """The parameters of the run as far as fastdup kept them; others have our defaults."""
    config, given = theirs.config, theirs.config.get("fastdup_kwargs")
    known = given if isinstance(given, dict) else {}
    turi = known.get("turi_param")
    stated = {
        "threshold": known.get("threshold", config.get("threshold")),
        "nearest_neighbors_k": known.get("nearest_neighbors_k"),
        "outlier_percentile": known.get("lower_threshold", config.get("lower_threshold")),
        "cc_threshold": turi.get("ccthreshold") if isinstance(turi, dict) else None,
        "embeddings": None if theirs.features is None else str(theirs.features),
    }
    place = theirs.input or shared_folder(theirs.images["filename"])[:-1] or "/"
    told = {name: value for name, value in stated.items() if value is not None}
    return make_options(told | {"input_dir": place, "work_dir": work_dir})


def _items_of(
    theirs: TheirRun, bad: pd.DataFrame, source: str, *, with_vectors: bool
) -> pd.DataFrame:
    """The table items, but for what reading the files tells: good images first, then bad ones."""
    good = theirs.images[["filename"]].assign(status=Reason.OK.value, detail="")
    items = pd.concat([good, bad], ignore_index=True)
    items["id"] = range(len(items))
    items["path"], items["source"] = items["filename"], source
    is_good = items["id"] < len(good)
    items["embedding_row"] = items["id"].where(is_good & with_vectors).astype("Int64")
    digests = [digest_bytes(name.encode("utf-8", "replace")) for name in items["filename"]]
    items[DIGEST] = pd.Series(digests, dtype=object).where(is_good)
    return items


def _with_reads(
    items: pd.DataFrame, work: WorkDir, threads: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Items with digest, size and format of the files that are there, and our metrics of them."""
    good = items["status"] == Reason.OK.value
    there = good & items["path"].map(os.path.isfile)
    unknown = dict.fromkeys(("member", "time_ms", "box", "mtime_ns", "file_size"))
    files, store = files_in(items[there].assign(version="", **unknown)), Store(work)
    reads = measure_files(files, store, VideoOptions(), threads).to_pandas()
    digests = reads.set_index("id")[DIGEST].reindex(items["id"])
    items[DIGEST] = digests.reset_index(drop=True).fillna(items[DIGEST])
    names = [DIGEST, "format", *(metric.name for metric in BASIC_METRICS)]
    known = to_frame(store.measures.read(names).select(names))
    known = known.drop_duplicates(DIGEST).set_index(DIGEST)
    measured = known.reindex(items[DIGEST]).reset_index(drop=True)
    items["format"], items["file_size"] = measured["format"], measured["file_size"]
    return items, measured[good].reindex(columns=STATS.column_names[1:]).astype(float)


def _write(
    work: WorkDir,
    tables: Mapping[str, pd.DataFrame],
    vectors: NDArray[np.float32] | None,
    options: RunOptions,
    mapping: Path,
) -> None:
    """Write tables, summary and checks; ``run.json`` goes first and comes last."""
    work.run_json.unlink(missing_ok=True)
    frames = {table.name: conform(tables[table.name], table) for table in RESULT_TABLES}
    for name, data in frames.items():
        write_atomically(work.table(name), partial(write_table, data))
    kept = np.zeros((0, 1), np.float32) if vectors is None else vectors
    write_atomically(work.embeddings, partial(write_vectors, kept))
    facts = SearchFacts(model=MODEL, neighbor_recall=None, median_similarity=None)
    told = {name: to_frame(data) for name, data in frames.items()}
    summary, checks = summarize(told, facts, options)
    write_text(work.summary_json, summary.model_dump_json(indent=2) + "\n")
    write_results(checks, work.checks_json)
    when = datetime.fromtimestamp(mapping.stat().st_mtime, UTC).isoformat()
    record = RunRecord(
        run_id=f"fastdup-{digest_bytes(str(mapping.parent).encode())[:8]}",
        started=when,
        finished=when,
        seconds=0.0,
        parameters=options.model_dump(mode="json"),
        versions={"imgvet": __version__},
        model={"name": MODEL, "sha256": "", "similarity_scale": 1.0},
        stages=(),
    )
    write_text(work.run_json, record.model_dump_json(indent=2) + "\n")
