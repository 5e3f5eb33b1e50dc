"""The work dir: preparing, atomic writing, the lock."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest

from imgvet.errors import (
    MachineError,
    RunNotFoundError,
    WorkDirBusyError,
    WorkDirInsideInputError,
    WorkDirUnusableError,
)
from imgvet.opening import edited, exclusive, open_finished, require_allowed
from imgvet.workdir import (
    CROPS_PART,
    DRAFT,
    SCRATCH,
    WorkDir,
    draft_in,
    link_or_copy,
    scratch_folder,
    swap_folder,
    write_atomically,
    write_text,
)


def test_what_is_held_is_made_first(tmp_path: Path) -> None:
    work = require_allowed(tmp_path / "a" / "out", (), overwrite=True)
    assert not work.path.exists()
    with exclusive(work):
        assert work.store.is_dir()
    assert not work.is_finished()


@pytest.mark.parametrize("inside", [".", "out", "deep/er/out"])
def test_a_work_dir_inside_the_input_is_refused(tmp_path: Path, inside: str) -> None:
    with pytest.raises(WorkDirInsideInputError):
        require_allowed(tmp_path / inside, (str(tmp_path),), overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_a_link_into_the_input_is_seen_through(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos", target_is_directory=True)
    with pytest.raises(WorkDirInsideInputError):
        require_allowed(tmp_path / "link" / "out", (str(tmp_path / "photos"),), overwrite=True)


def test_a_neighbour_with_a_longer_name_is_not_inside(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert require_allowed(tmp_path / "photos2", (str(tmp_path / "photos"),), overwrite=True)


def test_a_file_is_no_work_dir(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    work = WorkDir(tmp_path / "out")
    with pytest.raises(WorkDirUnusableError, match="can't be written to"), exclusive(work):
        pass


@pytest.mark.parametrize("name", ["out", "out/below"])
def test_a_link_that_leads_to_nothing_is_told_to_be_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").symlink_to("/not/mounted")
    work = WorkDir(tmp_path / name)
    with (
        pytest.raises(WorkDirUnusableError, match="out leads to nothing, /not/mounted"),
        exclusive(work),
    ):
        pass


def test_results_stay_when_overwrite_is_off(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(WorkDirUnusableError, match="overwrite is off"):
        require_allowed(tmp_path, (), overwrite=False)


def test_an_unfinished_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="imgvet run INPUT"):
        open_finished(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_text(target, "old")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_linking_twice_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    target.write_text("old")
    link_or_copy(source, target)
    link_or_copy(source, target)
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_swapping_replaces_the_whole_folder(tmp_path: Path) -> None:
    for name in ("new", "report"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    swap_folder(tmp_path / "new", tmp_path / "report")
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_folder_stays_when_no_other_can_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "page").write_text("old")
    with pytest.raises(FileNotFoundError):
        swap_folder(tmp_path / "missing", tmp_path / "report")
    assert (tmp_path / "report" / "page").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "report"]


def test_what_others_are_writing_beside_is_left_alone(tmp_path: Path) -> None:
    drafts = [tmp_path / ".target.tmp", tmp_path / ".report.old"]
    for path in (*drafts, tmp_path / "new", tmp_path / "report"):
        path.mkdir()
    (tmp_path / "source").write_text("new")
    link_or_copy(tmp_path / "source", tmp_path / "target")
    swap_folder(tmp_path / "new", tmp_path / "report")
    assert all(path.is_dir() for path in drafts)


def test_who_holds_a_work_dir_removes_what_killed_processes_left(tmp_path: Path) -> None:
    own = ("", "tables", "crops", "baselines", "store", "store/stages", "store/extracted/a/b")
    others = ("store/mirror/a", "store/search", "lists", "quarantine")
    for place in (*own, *others):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / ".draft-1").write_text("half")
        (tmp_path / place / ".hidden").touch()
        (tmp_path / place / ".draft-name-2").mkdir()
        (tmp_path / place / ".draft-name-2" / "half").touch()
    with exclusive(WorkDir(tmp_path)):
        left = {path.parent for path in tmp_path.rglob(".draft-*")}
        assert left == {tmp_path / place for place in others}
        assert len(list(tmp_path.rglob(".hidden"))) == len(own) + len(others)
        mine = draft_in(tmp_path)
        with exclusive(WorkDir(tmp_path)), mine as folder:
            assert Path(folder).is_dir()


def test_what_killed_processes_left_for_a_while_is_removed_and_what_others_hold_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"{SCRATCH}killed").mkdir()
    (tmp_path / f"{SCRATCH}killed" / "half").touch()
    (tmp_path / f"{SCRATCH}file").touch()
    (tmp_path / f"{SCRATCH}link").symlink_to(tmp_path)
    with scratch_folder() as mine:
        for path in tmp_path.iterdir():
            os.utime(path, (0, 0), follow_symlinks=False)
        (tmp_path / f"{SCRATCH}new").mkdir()
        left = {tmp_path / f"{SCRATCH}{name}" for name in ("file", "link", "new")}
        with scratch_folder() as other:
            assert set(tmp_path.iterdir()) == {mine, other} | left
    assert set(tmp_path.iterdir()) == left


def test_no_place_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile._candidate_tempdir_list", list)
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(MachineError, match="set TMPDIR to one"), scratch_folder():
        pass


def test_who_is_interrupted_leaves_no_draft(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)

    def be_interrupted() -> None:
        with exclusive(work):
            (work.store / "stages" / f"{DRAFT}x").mkdir(parents=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert not any((work.store / "stages").iterdir())


def test_the_lock_may_be_entered_again_by_its_holder(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    with exclusive(work), exclusive(work):
        pass


def test_another_run_of_the_process_is_kept_out_but_not_the_threads_of_its_holder(
    tmp_path: Path,
) -> None:
    def enter() -> None:
        with exclusive(WorkDir(tmp_path)):
            pass

    with exclusive(WorkDir(tmp_path)), ThreadPoolExecutor(1) as threads:
        threads.submit(copy_context().run, enter).result()
        with pytest.raises(WorkDirBusyError, match="Another run"):
            threads.submit(enter).result()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(enter).result()


def test_one_at_a_time_edits(tmp_path: Path) -> None:
    work, file = WorkDir(tmp_path), tmp_path / "count"
    file.write_text("0")

    def count(_: int) -> None:
        with edited(work):
            file.write_text(str(int(file.read_text()) + 1))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(40)))
    assert file.read_text() == "40"


def test_what_can_t_be_edited_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    said = r"folder can't be written \(Is a directory\)"
    with pytest.raises(WorkDirUnusableError, match=said), edited(WorkDir(tmp_path)):
        (tmp_path / "folder").write_text("")


def test_another_process_is_kept_out(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    code = (
        "import sys; from pathlib import Path; from imgvet.workdir import WorkDir\n"
        "from imgvet.opening import exclusive\n"
        "with exclusive(WorkDir(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(WorkDirBusyError, match="Another run"), exclusive(work):
            pass
        assert other.stdin is not None
        other.stdin.close()
        other.wait(timeout=30)
    with exclusive(WorkDir(tmp_path)):
        pass


def test_results_of_crops_lie_beside_those_of_images_and_share_the_store(tmp_path: Path) -> None:
    crops = WorkDir(tmp_path, CROPS_PART)
    assert crops.table("items") == tmp_path / CROPS_PART / "tables" / "items.parquet"
    assert crops.store == WorkDir(tmp_path).store
    crops.store.mkdir()
    write_text_of_run(crops)
    assert open_finished(tmp_path / CROPS_PART) == crops
    with pytest.raises(RunNotFoundError, match=r"crops.*Its results are in .*crops"):
        open_finished(tmp_path)


def test_a_folder_that_happens_to_be_called_crops_is_a_work_dir(tmp_path: Path) -> None:
    work = WorkDir(tmp_path / CROPS_PART)
    write_text_of_run(work)
    assert open_finished(tmp_path / CROPS_PART) == work


def write_text_of_run(work: WorkDir) -> None:
    work.run_json.parent.mkdir(parents=True, exist_ok=True)
    work.run_json.write_text("{}")
