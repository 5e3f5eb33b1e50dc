"""The main job, end to end, on a small set with planted truth."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import Artifact

from imgvet.curation.decisions import Decision, Kind, decide
from imgvet.errors import InputEmptyError, WorkDirBusyError, WorkDirInsideInputError
from imgvet.flows.analyze_dataset import analyze_dataset
from imgvet.flows.ending import ChecksFailedError
from imgvet.opening import exclusive
from imgvet.options import make_options
from imgvet.quality.result import read_results
from imgvet.store.packs import Thumbnails
from imgvet.store.store import Store
from imgvet.summary import RunSummary, Verdict, summary_lines
from imgvet.tables import RESULT_TABLES, read_table
from imgvet.workdir import UNUSED_DAYS, WorkDir
from support.pictures import age, jpeg, photograph

from .conftest import FinishedRun, Runner, later_today


def names_of(pairs: pd.DataFrame) -> set[frozenset[str]]:
    columns = pairs[["filename_from", "filename_to"]].itertuples(index=False)
    return {frozenset((Path(left).name, Path(right).name)) for left, right in columns}


def test_every_planted_problem_is_found_and_counted(
    finished: Runner, first_run: FinishedRun
) -> None:
    counts = first_run.summary.counts
    assert (counts.images, counts.valid, counts.invalid) == (15, 14, 1)
    assert (counts.exact_duplicate_images, counts.exact_duplicate_groups) == (2, 1)
    assert (counts.near_duplicate_images, counts.near_duplicate_pairs) == (2, 1)
    assert counts.components == 2
    assert counts.outliers == 1
    pairs = names_of(finished.dataset.similarity())
    assert pairs == {
        frozenset(("copy of 0.jpg", "photo00.jpg")),
        frozenset(("near 1.jpg", "photo01.jpg")),
    }
    invalid = finished.dataset.invalid_instances()
    assert [Path(name).name for name in invalid["filename"]] == ["text.jpg"]
    assert invalid["reason"].tolist() == ["not_an_image"]


def test_the_verdict_and_the_files_of_a_run_are_there(
    finished: Runner, first_run: FinishedRun
) -> None:
    assert first_run.summary.verdict is Verdict.FAILED
    work = WorkDir(finished.dataset.work_dir)
    for table in RESULT_TABLES:
        assert list(read_table(work.table(table.name)).columns) == table.column_names
    images, vectors = finished.dataset.embeddings()
    assert (len(images), vectors.shape) == (14, (14, 384))
    assert "copy of 0.jpg" in (work.report / "duplicates.html").read_text()
    assert (work.report / "tables" / "items.parquet").samefile(work.table("items"))
    names = [path.name for path in work.path.rglob("*")]
    assert not [name for name in names if name.endswith(".tmp") or "draft" in name]
    assert sorted(path.name for path in work.path.iterdir()) == [
        "checks.json", "embeddings.npy", "history.parquet", "report", "run.json", "store",
        "summary.json", "tables",
    ]  # fmt: skip


def test_a_second_run_computes_nothing_and_changes_nothing(finished: Runner) -> None:
    tables = finished.table_bytes()
    finished.run()
    assert set(finished.computed().values()) == {0}
    # What looks at the disk always runs; run_shards has no shard to run.
    looking = {"list_items", "collect_items", "compute_stats", "compute_advanced_stats", "embed"}
    assert finished.stages_run() == looking
    assert finished.table_bytes() == tables


def test_a_pair_decided_to_be_no_duplicate_is_not_counted_by_the_next_run(
    finished: Runner,
) -> None:
    def near_rate() -> float | None:
        checks = read_results(work.checks_json)
        return next(check.value for check in checks if check.name == "near_duplicate_rate")

    work = WorkDir(finished.dataset.work_dir)
    assert near_rate() == pytest.approx(2 / 14)
    digest = {
        Path(name).name: digest
        for name, digest in read_table(work.table("items"))[["filename", "digest"]].to_numpy()
    }
    apart = Decision(Kind.NOT_A_DUPLICATE, digest["near 1.jpg"], digest["photo01.jpg"])
    decide(work, apart)
    counts = finished.run().counts
    assert (counts.near_duplicate_images, counts.near_duplicate_pairs) == (0, 0)
    assert (counts.exact_duplicate_images, counts.components) == (2, 1)
    assert near_rate() == 0
    listed = finished.dataset.similarity()
    assert names_of(listed[listed["decided"]]) == {frozenset(("near 1.jpg", "photo01.jpg"))}
    assert len(listed) == 2
    assert finished.dataset.connected_components()[0]["component_id"].nunique() == 1

    decide(work, apart, taken_back=True)
    assert finished.run().counts.near_duplicate_pairs == 1
    assert near_rate() == pytest.approx(2 / 14)


def test_a_new_file_is_computed_alone_and_a_removed_one_is_gone_from_every_table(
    finished: Runner,
) -> None:
    new = finished.photos / "new.jpg"
    new.write_bytes(jpeg(photograph(12)))
    age(new)
    (finished.photos / "near 1.jpg").unlink()
    counts = finished.run().counts
    assert (counts.images, counts.near_duplicate_pairs) == (15, 0)
    assert (finished.computed()["compute_stats"], finished.computed()["embed"]) == (1, 1)
    assert not finished.dataset.annotations()["filename"].str.contains("near").any()


def test_after_any_change_a_run_gives_what_one_from_scratch_by_one_thread_gives(
    finished: Runner, tmp_path: Path
) -> None:
    new = [finished.photos / name for name in ("new.jpg", "turned.jpg", "photo03.jpg")]
    for path, picture in zip(new, (12, 4, 7), strict=True):  # The third is changed in place.
        turns = int(path.name == "turned.jpg")
        path.write_bytes(jpeg(np.ascontiguousarray(np.rot90(photograph(picture), turns))))
    age(*new)
    (finished.photos / "photo05.jpg").unlink()
    renamed = Runner(finished.photos.rename(tmp_path / "renamed"), finished.dataset.work_dir)
    shutil.copytree(renamed.photos, finished.photos)
    for changed in (finished, renamed):
        changed.run()
        fresh = Runner(changed.photos, tmp_path / f"fresh {changed.photos.name}")
        fresh.run(num_threads=1)
        assert changed.table_bytes() == fresh.table_bytes()
        for kept, made in zip(shown_bytes(changed), shown_bytes(fresh), strict=True):
            assert kept == made


def shown_bytes(runner: Runner) -> list[tuple[str, bytes]]:
    """The embeddings, and what the report shows but for the texts that tell of runs."""
    work = WorkDir(runner.dataset.work_dir)
    shown = [*(work.report / "images").iterdir(), *(work.report / "data").glob("map-*.js")]
    return [(path.name, path.read_bytes()) for path in [work.embeddings, *sorted(shown)]]


def test_a_deleted_store_is_made_again(finished: Runner) -> None:
    tables = finished.table_bytes()
    shutil.rmtree(finished.dataset.work_dir / "store")
    finished.run()
    assert finished.table_bytes() == tables


def test_merged_packs_change_no_result_and_leave_stages_cached(
    finished: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = Store(WorkDir(finished.dataset.work_dir)).measures
    before = packs.names()
    monkeypatch.setattr("imgvet.store.compact.SMALL_PACKS", 1)
    added = finished.photos / "photo99.jpg"
    added.write_bytes(jpeg(photograph(12)))
    age(added)
    finished.run()
    assert len(packs.names()) == 1
    assert packs.names() != before
    tables = finished.table_bytes()
    finished.run()
    assert set(finished.computed().values()) == {0}
    assert (
        not {"find_neighbors", "find_rotated_duplicates", "collect_stats"} & finished.stages_run()
    )
    fresh = Runner(finished.photos, tmp_path / "fresh")
    fresh.run()
    assert finished.table_bytes() == tables == fresh.table_bytes()


def test_thumbnails_of_images_that_are_gone_go_after_a_while(
    finished: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(WorkDir(finished.dataset.work_dir))
    (gone,) = finished.dataset.annotations().query("filename.str.endswith('photo05.jpg')")["digest"]
    (finished.photos / "photo05.jpg").unlink()
    finished.run()
    assert Thumbnails(store.measures).read(gone)
    later_today(monkeypatch, UNUSED_DAYS + 1)
    finished.run()
    kept = set(finished.dataset.annotations(valid_only=False)["digest"])
    assert gone not in kept
    assert store.measures.digests() == set(store.files.load()["digest"]) == kept
    finished.run()
    assert set(finished.computed().values()) == {0}


def test_a_table_changed_by_hand_is_computed_again(finished: Runner) -> None:
    tables = finished.table_bytes()
    # Results are hard links into the store, so a change in place damages both.
    with (finished.dataset.work_dir / "tables" / "outliers.parquet").open("r+b") as stream:
        stream.write(b"damaged!")
    finished.run()
    assert finished.table_bytes() == tables


def test_only_the_stages_behind_an_option_run_again(finished: Runner) -> None:
    finished.run(outlier_percentile=0.5)
    assert {"find_outliers", "run_checks", "build_report"} <= finished.stages_run()
    assert not {"find_neighbors", "find_components", "collect_stats"} & finished.stages_run()
    assert len(finished.dataset.outliers()) == 7


def test_advanced_stats_are_added_without_reading_an_original(finished: Runner) -> None:
    assert finished.dataset.img_stats()["mean_hue"].isna().all()
    finished.run(run_advanced_stats=True)
    assert finished.computed()["compute_stats"] == 0
    assert finished.dataset.img_stats()["mean_hue"].notna().all()


def test_options_that_switch_stages_off(finished: Runner) -> None:
    summary = finished.run(run_stats=False, run_cc=False)
    assert finished.dataset.img_stats().empty
    assert summary.counts.components is None
    assert "Components        not looked for" in "\n".join(summary_lines(summary, "report"))
    assert (finished.dataset.work_dir / "report" / "index.html").is_file()


def test_one_image_alone_has_no_neighbours(finished: Runner) -> None:
    summary = finished.run(num_images=1)
    assert summary.counts.valid == 1
    assert summary.median_similarity is None
    assert finished.dataset.outliers().empty


def test_a_set_without_a_valid_image_ends_in_a_verdict(finished: Runner) -> None:
    summary = finished.run(find_regex="text")
    assert (summary.counts.valid, summary.counts.invalid) == (0, 1)
    assert summary.verdict is Verdict.FAILED
    assert finished.dataset.embeddings()[1].shape == (0, 384)


def test_a_run_stopped_before_its_end_leaves_the_last_results(
    finished: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = finished.table_bytes()
    (finished.photos / "photo03.jpg").unlink()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("imgvet.tasks.verdict.write_report", stop)
        with pytest.raises(KeyboardInterrupt):
            finished.run()
    assert finished.table_bytes() == before
    assert finished.dataset.summary()
    finished.run()
    assert finished.table_bytes() != before


def test_bad_requests_are_named_errors(finished: Runner, tmp_path: Path) -> None:
    with pytest.raises(WorkDirInsideInputError):
        analyze_dataset(make_options({"input_dir": tmp_path, "work_dir": tmp_path / "out"}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputEmptyError):
        analyze_dataset(make_options({"input_dir": tmp_path / "empty", "work_dir": tmp_path / "o"}))


def test_a_busy_work_dir_is_refused(runner: Runner) -> None:
    import subprocess
    import sys

    runner.dataset.work_dir.joinpath("store").mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from imgvet.workdir import WorkDir\n"
        "from imgvet.opening import exclusive\n"
        "with exclusive(WorkDir(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(runner.dataset.work_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(WorkDirBusyError):
            runner.run()
        other.stdin.close()
    with exclusive(WorkDir(runner.dataset.work_dir)):
        pass


def test_the_python_face_reads_everything(
    finished: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = finished.dataset
    assert dataset.summary() == capsys.readouterr().out.splitlines()
    members, info = dataset.connected_components()
    assert members["count"].tolist() == [2, 2, 2, 2]
    assert set(info["filename_representative"]) <= set(members["filename"])
    assert dataset[0]["filename"].endswith("copy of 0.jpg")
    assert dataset[0]["width"] > 100
    assert len(dataset) == 15
    with pytest.raises(KeyError):
        dataset[1000]
    assert len(dataset.annotations(valid_only=False)) == 15
    outliers = dataset.outliers()
    assert outliers["similarity"].is_monotonic_increasing
    names, vectors = dataset.embeddings()
    copies = [
        row for row, name in enumerate(names) if name.endswith(("copy of 0.jpg", "photo00.jpg"))
    ]
    assert np.array_equal(*vectors[copies])


def test_a_run_where_a_loop_runs_as_in_a_notebook(finished: Runner) -> None:
    async def cell() -> RunSummary:
        return finished.dataset.run(input_dir=finished.photos, fail_on="critical")

    assert asyncio.run(cell()).verdict is Verdict.FAILED


def artifacts_of(run: Runner) -> dict[str | None, Artifact]:
    """The artifacts of the last run, by key."""
    of_run = ArtifactFilterFlowRunId(any_=[UUID(run.dataset.record().run_id)])
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=of_run))
    return {artifact.key: artifact for artifact in found}


def test_artifacts_name_the_dataset_and_lead_to_where_the_report_is(finished: Runner) -> None:
    found = artifacts_of(finished)
    whats = ("summary", "checks", "report", "progress-compute-stats", "progress-embed")
    assert {f"imgvet-photos-{what}" for what in whats} <= set(found)
    assert [key for key in found if not str(key).startswith("imgvet-photos-")] == []
    progress = [artifact for artifact in found.values() if artifact.type == "progress"]
    assert {artifact.data for artifact in progress} == {100.0}
    assert "/out/report/index.html" in str(found["imgvet-photos-report"].data)
    finished.run(dataset_name="My Cats", report_url="https://reports.example/cats")
    found, page = artifacts_of(finished), "https://reports.example/cats/index.html"
    assert f"[Report of My Cats]({page})" in str(found["imgvet-my-cats-report"].data)
    assert page in str(found["imgvet-my-cats-summary"].data)


def test_a_failing_artifact_never_fails_a_run(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    def refuse(*_: object, **__: object) -> None:
        raise httpx.ConnectError("no server")

    monkeypatch.setattr("imgvet.tasks.publishing.create_markdown_artifact", refuse)
    monkeypatch.setattr("imgvet.tasks.artifacts.create_progress_artifact", refuse)
    assert runner.run().counts.images == 15


def test_the_state_says_what_was_found_and_fails_if_asked_for(finished: Runner) -> None:
    given = {"input_dir": finished.photos, "work_dir": finished.dataset.work_dir}
    green = analyze_dataset(make_options(given), return_state=True)
    assert (green.is_completed(), green.name) == (True, "ChecksFailed")
    red = analyze_dataset(make_options({**given, "fail_on": "critical"}), return_state=True)
    assert (red.is_failed(), red.name) == (True, "ChecksFailed")
    with pytest.raises(ChecksFailedError, match="a critical check is over its limit"):
        red.result()
    assert finished.dataset.fails()


def test_what_a_team_expects_is_checked_with_the_others_and_shown(
    finished: Runner, tmp_path: Path
) -> None:
    file, work = tmp_path / "suite.json", WorkDir(finished.dataset.work_dir)
    wide = {"column": "width", "min_value": 5000}
    limit = {"column": "outlier_rate", "max_value": 1.0}
    file.write_text(
        json.dumps({"expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": wide, "severity": "warning",
             "description": "Wide enough", "meta": {"name": "wide"}},
            {"type": "expect_column_values_to_be_between", "kwargs": limit, "severity": "info",
             "meta": {"table": "rates", "name": "outlier_rate"}},
        ]})
    )  # fmt: skip
    summary = finished.run(expectations=str(file))
    assert {"run_checks", "build_report"} <= finished.stages_run()
    assert "find_neighbors" not in finished.stages_run()
    checks = {check.name: check for check in read_results(work.checks_json)}
    assert (checks["wide"].state, checks["wide"].observed) == (
        "failed", f"{summary.counts.valid} of {summary.counts.images} values (93 %) otherwise",
    )  # fmt: skip
    assert (checks["outlier_rate"].severity, checks["outlier_rate"].allowed) == (
        "info", "at most 100 %",
    )  # fmt: skip
    page = work.report_index.read_text()
    assert "Wide enough" in page
    assert "at least 5,000" in page
    file.write_text(file.read_text().replace("5000", "1"))
    finished.run(expectations=str(file))
    checks = {check.name: check for check in read_results(work.checks_json)}
    assert checks["wide"].state == "passed"
