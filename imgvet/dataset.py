"""The Python face: ``imgvet.create(...)``, a dataset with its run and its tables."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from imgvet import tables
from imgvet.check_options import FailOn
from imgvet.curation.rules import Rules, make_rules
from imgvet.errors import InvalidParameterError, RunNotFoundError
from imgvet.exchange.options import ExportOptions
from imgvet.opening import open_finished, place_outside, work_dir_at
from imgvet.options import ExecutionOptions, RunOptions, make_options
from imgvet.parameters import checked, place_in, takes, validated
from imgvet.quality.result import fails, read_results
from imgvet.reasons import Reason
from imgvet.search.conditions import conditions_of
from imgvet.search.image_table import ImageTable, with_names
from imgvet.search.index import SearchIndex
from imgvet.search.query import Query
from imgvet.store.references import read_vectors
from imgvet.summary import RunRecord, RunSummary, read_record, read_summary, summary_lines
from imgvet.tables import Table
from imgvet.tasks.blocks import place_at, with_addresses
from imgvet.workdir import CROPS_PART, WorkDir, scratch_folder

if TYPE_CHECKING:
    from imgvet.curation.apply import Outcome
    from imgvet.engine.server import TemporaryServer
    from imgvet.exchange.export import Exported
    from imgvet.explorer.server import Explorer
    from imgvet.reports.inline import Visuals

DEFAULT_WORK_DIR = "work_dir"

_ONE_RUN = threading.Lock()  # environment, logs and settings of libraries are the process's


class Dataset:
    """A dataset and the work dir with what is known of it, as :func:`create` makes it."""

    def __init__(
        self,
        input_dir: str | Path | Iterable[str | Path] | None = None,
        work_dir: str | Path = DEFAULT_WORK_DIR,
    ) -> None:
        inputs = () if input_dir is None else input_dir
        given = make_options({"input_dir": inputs, "work_dir": work_dir})
        self.input_dir = given.from_anywhere("input_dir").input_dir or None
        self.work_dir = place_outside(place_at(given.work_dir), ())
        self._part = ""

    @takes(RunOptions, "input_dir", "work_dir")
    def run(self, **parameters: Any) -> RunSummary:
        """Vet the dataset and print the summary; ImgvetError says what to do on a bad request.

        A notebook shows a bar, then the verdict and the numbers. Threads run one after the other.

        ``parameters`` are those of a run, by name (``imgvet run --help`` lists them).
        ``annotations`` may be a DataFrame (of pandas or Polars), or a dict or Series of file names
        with their labels, ``probabilities`` a DataFrame, ``embeddings`` an array (rows in the order
        of ``input_dir``, if that is a list of images, or of ``annotations``), a pair of names and
        an array, a dict of names and vectors, or a DataFrame with names as its index.
        """
        return self.run_at(None, parameters)

    def run_at(self, launched: TemporaryServer | None, parameters: Mapping[str, Any]) -> RunSummary:
        """The same at a temporary server that was launched before."""
        from imgvet.engine.progress import display_here, shown_progress
        from imgvet.engine.run import run_flow
        from imgvet.engine.values import as_files

        given = {"input_dir": self.input_dir, "work_dir": self.work_dir, **parameters}
        if given["input_dir"] is None:
            raise InvalidParameterError(
                "input_dir is missing",
                "Name a folder, images, archives, videos, a list or a bucket; on the command line "
                "before the options, of which some take several values",
            )
        with scratch_folder() as drafts:
            options = make_options(as_files(given, drafts))
            with _ONE_RUN, with_addresses(options) as placed, shown_progress():
                summary = run_flow(placed, drafts, launched)
        self.input_dir = options.from_anywhere("input_dir").input_dir
        self.work_dir = place_at(options.work_dir)
        self._part = CROPS_PART if summary.sources is not None else ""
        if (display := display_here()) is not None:
            display(self)
        else:
            self.summary()
        return summary

    def summary(self) -> list[str]:
        """Print the summary, and return its lines."""
        work = self._work
        lines = summary_lines(read_summary(work), str(work.report_index))
        print("\n".join(lines))
        return lines

    def record(self) -> RunRecord:
        """How the run was done: parameters, versions, timings."""
        return read_record(self._work)

    @checked
    def fails(self, fail_on: FailOn | None = None) -> bool:
        """Whether a check of this severity (by default the run's own) or worse failed."""
        limit = fail_on or self.record().options(ExecutionOptions).fail_on
        return fails(read_results(self._work.checks_json), limit)

    def annotations(self, *, valid_only: bool = True) -> pd.DataFrame:
        """The items: one row per (valid) image with id, filename, status, digest, label, ..."""
        items = self._table(tables.ITEMS)
        valid = items["status"] == Reason.OK.value
        return items[valid].reset_index(drop=True) if valid_only else items

    def invalid_instances(self) -> pd.DataFrame:
        """The images that were left out: id, filename, reason, detail."""
        return self._table(tables.INVALID)

    def img_stats(self) -> pd.DataFrame:
        """The measures of each valid image, with its filename, label and split."""
        return self._table(tables.STATS)

    def similarity(self) -> pd.DataFrame:
        """Pairs of similar images, best first: from, to, similarity, and what both are."""
        return self._table(tables.SIMILARITY)

    def leaks(self) -> pd.DataFrame:
        """Pairs of images in different splits, most alike first, with both filenames."""
        return self._table(tables.LEAKS)

    def label_issues(self) -> pd.DataFrame:
        """The labelled images, worst first: label, suggested_label, score, is_issue, filename."""
        return self._table(tables.LABEL_ISSUES)

    def outliers(self) -> pd.DataFrame:
        """The outliers, worst first, with their nearest neighbours and what both are."""
        return self._table(tables.OUTLIERS)

    def connected_components(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The members of each component with what they are, and one row per component."""
        members = self._table(tables.COMPONENTS)
        return members, self._table(tables.COMPONENT_INFO)

    def groups(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The group of similar content of each image with its filename, and one row per group."""
        return self._table(tables.GROUPS), self._table(tables.GROUP_INFO)

    def crops(self) -> pd.DataFrame:
        """Where each crop was cut, with score, label and text; no rows for whole images."""
        return self._table(tables.CROPS)

    def video_pairs(self) -> pd.DataFrame:
        """Pairs of videos with similar frames, most alike first; without rows if there are none."""
        return self._table(tables.VIDEO_PAIRS)

    def frozen_stretches(self) -> pd.DataFrame:
        """Stretches of videos that stand still; without rows if there are none."""
        return self._table(tables.FROZEN_STRETCHES)

    def alarms(self) -> pd.DataFrame:
        """The images that the alarms count which are on after a monitored run, worst first."""
        return self._table(tables.ALARMS)

    def embeddings(self) -> tuple[list[str], NDArray[np.float32]]:
        """File names of the valid images, and their embeddings: float32 (n, width), normalised."""
        valid = self.annotations()
        vectors = read_vectors(self._work.embeddings)
        rows = valid["embedding_row"].to_numpy(np.int64)
        return valid["filename"].tolist(), np.asarray(vectors[rows])

    @checked
    def subset(self, count: int, *, farthest: bool = False) -> pd.DataFrame:
        """At most ``count`` images that stand for all, or that are as unlike as possible."""
        work, threads = self._stored, self.record().options(ExecutionOptions).num_threads
        index = SearchIndex.of_run(work, ImageTable.of_run(work), threads)
        ids = index.subset(count, farthest=farthest)
        return self.annotations().set_index("id").loc[ids].reset_index()

    @checked
    def search(
        self, picture: Any, k: int = 10, where: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """The images most like a picture, best first: id, similarity, filename, label, split.

        ``picture`` is an id, a file name of the run, a picture file, its bytes, an array (height,
        width, 3) of RGB or (height, width) of gray, or a picture of Pillow. ``where`` limits what
        is found, as ``{"label": "dog", "split": ["val", "test"], "sharpness": (0.5, None)}``.
        """
        from imgvet.explorer.run import ExploredRun
        from imgvet.search.picture import as_picture

        run = ExploredRun(self._stored)
        conditions = conditions_of(where or {}, run.images.columns)
        among = run.search.ids(Query(where=conditions)) if conditions else None
        found = run.nearest_to(as_picture(picture), k, among)
        rows = [(match.id, match.similarity) for match in found]
        return with_names(pd.DataFrame(rows, columns=["id", "similarity"]), run.images)

    @property
    def vis(self) -> Visuals:
        """Galleries: duplicates, outliers, labels, components, similar, stats, table."""
        from imgvet.reports.inline import Visuals
        from imgvet.reports.inputs import inputs_of

        return Visuals(inputs_of(self._stored), self.search)

    @checked
    def explore(self, port: int = 0, *, open_browser: bool = True) -> Explorer:
        """Serve the report with search, filters and originals to this machine, in the background.

        Keep the explorer, and end it by ``.stop()``. Port 0 takes a free one.
        """
        from imgvet.explorer.server import Explorer

        explorer = Explorer(self.work_dir / self._part, port)
        if open_browser:
            webbrowser.open(explorer.url)
        return explorer

    @takes(ExportOptions)
    @checked
    def export(self, destination: str | Path, **parameters: Any) -> Exported:
        """Write the valid images with their labels for another tool, less what is left out.

        ``parameters`` are those of an export, by name (``imgvet export --help`` lists them):
        ``export("clean", format="coco", where={"split": "train"})``. ``plan`` and ``corrections``
        may be DataFrames.
        """
        from imgvet.engine.values import frames_as_files
        from imgvet.exchange.export import export_run

        threads = self.record().options(ExecutionOptions).num_threads
        with scratch_folder() as drafts:
            options = validated(ExportOptions, frames_as_files(parameters, drafts), "export")
            return export_run(self._stored, Path(destination), options, threads)

    def look_up(self, pictures: str | Path | Iterable[str | Path], k: int = 1) -> pd.DataFrame:
        """Of each of many pictures the ``k`` nearest contents of this run: is it in there already?

        ``pictures`` are inputs of any kind, or the work dir of another run. Columns are
        picture, status, rank, similarity, id, filename, copies, and relation (exact: same bytes).
        """
        from imgvet.search.against import LookUpOptions, look_up

        given = {"work_dir": self.work_dir, "pictures": pictures, "k": k}
        options = validated(LookUpOptions, given, "search")
        threads = self.record().options(ExecutionOptions).num_threads
        return look_up(self._stored, options.pictures, options.k, threads)

    @checked
    def compare(self, earlier: str | Path | Dataset) -> pd.DataFrame:
        """The images that differ from an earlier run or data set: change, names, labels, findings.

        ``newly_bad`` and ``newly_good`` are lists of findings.
        """
        from imgvet.exchange.compare import compare_sides, read_side

        other = earlier._work.name if isinstance(earlier, Dataset) else str(earlier)  # noqa: SLF001
        return compare_sides(read_side(other), read_side(self._work.name)).images

    def report(self) -> Path:
        """Open the report in a browser, from disk, and return its path."""
        page = self._work.report_index
        webbrowser.open(page.as_uri())
        return page

    @property
    def curate(self) -> Curation:
        """Plans what to remove from the dataset, does it, and undoes it."""
        return Curation(self._stored)

    def __getitem__(self, item: int | str | Path) -> dict[str, Any]:
        """All that is known of one image, by its id or its file name; KeyError if there is none.

        What is missing is left out. Columns of items and stats are called as there, others as
        ``components.component_id``.
        """
        images = ImageTable.of_run(self._work)
        if isinstance(item, (str, Path)):
            ids = images["id"].filter(pc.equal(images["filename"], str(item))).to_pylist()
        else:
            ids = [item] if isinstance(item, Integral) else []
        for known in _known(images, ids):
            return known
        raise KeyError(item)

    def __contains__(self, item: int | str | Path) -> bool:
        """Whether there is an image of this id or file name."""
        with suppress(KeyError):
            return bool(self[item])
        return False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All that is known of each image, in the order of their ids."""
        images = ImageTable.of_run(self._work)
        return _known(images, images.ids.tolist())

    def _repr_html_(self) -> str | None:
        """The verdict and the numbers, for notebooks; None before a run."""
        from imgvet.reports.inline import overview
        from imgvet.reports.inputs import inputs_of

        with suppress(RunNotFoundError):
            return overview(inputs_of(self._stored))
        return None

    def __len__(self) -> int:
        return len(self._table(tables.ITEMS))

    def __repr__(self) -> str:
        return f"Dataset(input_dir={self.input_dir!r}, work_dir={place_in(self.work_dir)!r})"

    @property
    def _work(self) -> WorkDir:
        return open_finished(self.work_dir / self._part)

    @property
    def _stored(self) -> WorkDir:
        """The same with its store, for what needs thumbnails."""
        return open_finished(self.work_dir / self._part, stored=True)

    def _table(self, table: Table) -> pd.DataFrame:
        """A table, with file names, labels and splits of the images that columns name."""
        work = self._work
        return with_names(tables.read_made(work, table), ImageTable.of_run(work))


def _known(images: ImageTable, ids: Iterable[int]) -> Iterator[dict[str, Any]]:
    """All that is known of those images that there are."""
    for facts in filter(None, map(images.facts, ids)):
        yield {name.removeprefix("stats."): value for name, value in facts.items()}


class Curation:
    """``dataset.curate``: from findings to action, and back; nothing is done without ``yes``."""

    def __init__(self, work: WorkDir) -> None:
        self._work = work

    @takes(Rules)
    @checked
    def plan(self, *, replace: bool = False, **rules: Any) -> pd.DataFrame:
        """Write ``plan.csv``, ``plan.parquet`` and ``plan.html``, and return the plan.

        ``rules`` are by name as ``imgvet curate plan --help`` lists them. A plan that was edited is
        replaced only if ``replace`` says so.
        """
        from imgvet.reports.plan import propose

        return propose(self._work, make_rules(rules), replace=replace)

    @checked
    def apply(
        self, to: str | Path, plan: pd.DataFrame | None = None, *, yes: bool = False
    ) -> Outcome:
        """Move what goes to a quarantine; without ``yes`` tell what would be done.

        ``plan`` is a frame as :meth:`plan` gives it, maybe changed; without it ``plan.csv`` counts.
        """
        from imgvet.curation.apply import apply, preview
        from imgvet.curation.plan_file import mark_applied, read_plan

        file = self._work.plan_csv
        outcome = (apply if yes else preview)(read_plan(file) if plan is None else plan, Path(to))
        if yes and plan is None:
            mark_applied(file)
        return outcome

    @checked
    def undo(self, quarantine: str | Path) -> Outcome:
        """Bring back all that a quarantine holds."""
        from imgvet.curation.apply import undo

        return undo(Path(quarantine))


def create(
    input_dir: str | Path | Iterable[str | Path] | None = None,
    work_dir: str | Path = DEFAULT_WORK_DIR,
) -> Dataset:
    """A dataset to vet, or without ``input_dir`` the one whose results lie in ``work_dir``."""
    dataset = Dataset(input_dir, work_dir)
    work = work_dir_at(dataset.work_dir)
    if input_dir is None and work.is_finished():
        inputs = read_record(work).parameters["input_dir"]
        dataset.input_dir = tuple(inputs) if isinstance(inputs, list) else None
    return dataset
