"""Stage watch: compare a run with its baseline."""

from __future__ import annotations

from imgvet.monitor.finished import run_of
from imgvet.monitor.history import Run
from imgvet.monitor.images import images_of
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.watch import watch_run
from imgvet.options import RunOptions
from imgvet.parameters import Frozen
from imgvet.quality.result import read_results
from imgvet.store.references import Reference, load_array, load_table, resolve, store_table
from imgvet.summary import RunRecord, RunSummary
from imgvet.tables import ALARMS
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import uncached_stage
from imgvet.tasks.verdict import Checked


class Watched(Frozen):
    """A run that was compared, and the images that its alarms count."""

    run: Run
    alarms: Reference


@uncached_stage
def watch(
    context: RunContext,
    tables: dict[str, Reference],
    vectors: Reference,
    checked: Checked,
    record: RunRecord,
    options: WatchOptions,
) -> Watched:
    """Compare a run with its baseline; publishing adds it to the history."""
    work, scale = context.work, record.model.get("similarity_scale")
    images = images_of(
        **{name: load_table(work, tables[name]) for name in ("items", "stats", "similarity")},
        embeddings=load_array(work, vectors),
        scale=scale if isinstance(scale, float) else 1.0,
        options=record.options(RunOptions),
    )
    summary = RunSummary.model_validate_json(resolve(work, checked.summary).read_bytes())
    checks = read_results(resolve(work, checked.checks))
    run = run_of(record, summary, checked.summary.digest, work.part)
    run, alarms = watch_run(work, run, images, checks, options)
    return Watched(run=run, alarms=store_table(work, ALARMS, alarms))
