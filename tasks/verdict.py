"""Stages run_checks and build_report."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from imgvet.options import ExecutionOptions, RunOptions
from imgvet.quality.counts import Findings
from imgvet.quality.result import read_results, write_results
from imgvet.quality.summarize import SearchFacts, summarize
from imgvet.reports.build import build_report as write_report
from imgvet.reports.inputs import ReportInputs
from imgvet.store.references import (
    Reference,
    load_array,
    load_table,
    load_text,
    resolve,
    store_file,
    store_folder,
    store_text,
)
from imgvet.store.thumbnails import Thumbnails
from imgvet.summary import PastRun, RunRecord, RunSummary
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage


class ResultTables(BaseModel):
    """References to the tables of a run."""

    model_config = ConfigDict(frozen=True)

    items: Reference
    stats: Reference
    similarity: Reference
    outliers: Reference
    components: Reference
    component_info: Reference
    invalid: Reference
    video_pairs: Reference | None = None
    crops: Reference | None = None

    @property
    def present(self) -> dict[str, Reference]:
        """The tables that there are, by name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: reference for name, reference in found.items() if reference is not None}


class Search(BaseModel):
    """What is known of the search besides its tables.

    Attributes:
        model: name of the model.
        recall: measured recall of the nearest-neighbour search.
        median_similarity: median similarity to the nearest neighbour.
        robust: ids whose robust score stands out.
        sources: images that were cut into crops, None if whole ones were analysed.
        sources_without_crops: how many of them gave none.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    recall: float | None
    median_similarity: float | None
    robust: tuple[int, ...]
    sources: int | None = None
    sources_without_crops: int | None = None


class Checked(BaseModel):
    """References to the summary and to the results of the checks, as JSON texts."""

    model_config = ConfigDict(frozen=True)

    summary: Reference
    checks: Reference


def without_execution(options: RunOptions) -> RunOptions:
    """The options with those that can't change a result at their defaults, for the cache key."""
    return options.model_copy(update=dict(ExecutionOptions(num_threads=1)))


@cached_stage(version=2)
def run_checks(
    context: RunContext, tables: ResultTables, search: Search, options: RunOptions
) -> Checked:
    """Count, check and sum up; ``options`` come from :func:`without_execution`."""
    work = context.work
    found = Findings(
        items=load_table(work, tables.items),
        stats=load_table(work, tables.stats),
        similarity=load_table(work, tables.similarity),
        outliers=load_table(work, tables.outliers),
        component_info=load_table(work, tables.component_info),
        robust_outliers=list(search.robust),
    )
    facts = SearchFacts(
        model=search.model,
        recall=search.recall,
        median_similarity=search.median_similarity,
        sources=search.sources,
        sources_without_crops=search.sources_without_crops,
    )
    summary, checks = summarize(found, facts, options)
    return Checked(
        summary=store_text(work, "summary", ".json", summary.model_dump_json(indent=2) + "\n"),
        checks=store_file(work, "checks", ".json", lambda path: write_results(checks, path)),
    )


@cached_stage(version=3)
def build_report(
    context: RunContext,
    tables: ResultTables,
    embeddings: Reference,
    checked: Checked,
    record: RunRecord,
    history: tuple[PastRun, ...],
) -> Reference:
    """The report of a run.

    Args:
        context: where the run happens.
        tables: its tables.
        embeddings: its embeddings.
        checked: its summary and checks.
        record: what is known of the run when its results were new.
        history: earlier runs that found something else.
    """
    work = context.work
    inputs = ReportInputs(
        summary=RunSummary.model_validate_json(load_text(work, checked.summary)),
        record=record,
        checks=read_results(resolve(work, checked.checks)),
        tables={name: load_table(work, table) for name, table in tables.present.items()},
        thumbnail=Thumbnails(context.store.measures).read,
        embeddings=load_array(work, embeddings),
        history=tuple(history),
    )

    def fill(folder: Path) -> None:
        write_report(inputs, folder)

    return store_folder(work, "report", fill)
