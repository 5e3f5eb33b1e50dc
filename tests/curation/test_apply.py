"""Applying a plan and undoing it: only what was proposed, nothing overwritten, all comes back."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from curation.conftest import NAMES, Dataset, keep, plan_of, remove, state_of

from imgvet.curation import apply as module
from imgvet.curation.apply import apply, preview, undo
from imgvet.errors import PlanError, QuarantineError


@pytest.fixture
def quarantine(tmp_path: Path) -> Path:
    return tmp_path / "quarantine"


def test_a_preview_reads_and_writes_nothing(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    outcome = preview(plan, quarantine)
    assert [file.path for file in outcome.moved] == [str(dataset.path(n)) for n in NAMES[1:5]]
    assert (dataset.state(), quarantine.exists()) == (dataset.before, False)


def test_what_came_of_a_plan_is_shown_in_numbers(plan: pd.DataFrame, quarantine: Path) -> None:
    found = repr(preview(plan, quarantine))
    assert found == "Outcome(moved=4, already=0, elsewhere=0, deleted=0, refused=0)"


def test_what_goes_goes_and_comes_back_to_the_byte(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    outcome = apply(plan, quarantine)
    assert (len(outcome.moved), outcome.refused) == (4, {})
    assert {Path(path).name for path in dataset.state()} == {NAMES[0], NAMES[5]}
    held = state_of(quarantine / "files")
    taken = {path: state for path, state in dataset.before.items() if not Path(path).exists()}
    assert sorted(held.values()) == sorted(taken.values())

    again = apply(plan, quarantine)
    assert (len(again.moved), again.already, again.refused) == (0, 4, {})

    assert len(undo(quarantine).moved) == 4
    assert dataset.state() == dataset.before
    assert undo(quarantine).moved == []
    assert len(apply(plan, quarantine).moved) == 4, "and can be taken again"


def test_files_come_back_into_folders_that_are_gone(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    apply(plan, quarantine)
    (dataset.folder / "deep" / "er").rmdir()
    undo(quarantine)
    assert dataset.state() == dataset.before


def test_what_changed_since_is_refused_by_name(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    changed, gone, linked = (dataset.path(name) for name in NAMES[2:5])
    stamp = changed.stat().st_mtime_ns
    changed.write_bytes(b"x" * changed.stat().st_size)
    os.utime(changed, ns=(stamp, stamp))
    gone.unlink()
    linked.rename(dataset.path("real"))
    linked.symlink_to(dataset.path("real"))
    for outcome in (preview(plan, quarantine), apply(plan, quarantine)):
        assert outcome.refused == {
            str(changed): "was changed since the plan was made",
            str(gone): "is gone",
            str(linked): "is a link or no file",
        }
    assert linked.is_symlink()
    assert len(apply(plan, quarantine).refused) == 3


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda path: path.unlink(), "is gone"),
        (lambda path: path.write_bytes(b"b"), "was changed since the plan was made"),
    ],
)
def test_a_copy_stays_if_the_one_that_should_stay_does_not(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path, happens: object, said: str
) -> None:
    first, copy = (dataset.path(name) for name in NAMES[:2])
    happens(first)  # type: ignore[operator]
    outcome = apply(plan, quarantine)
    assert outcome.refused == {str(copy): f"stays, as {first}, which should stay, {said}"}
    assert copy.exists()


def test_a_copy_whose_keeper_can_t_be_checked_stays(dataset: Dataset, quarantine: Path) -> None:
    first, copy = (dataset.path(name) for name in NAMES[:2])
    with pytest.raises(PlanError, match="no row stays for"):
        apply(plan_of([remove(copy, kept=str(first))]), quarantine)
    in_archive = keep(first) | {"filename": "/a.tar!a.jpg", "kept": "/a.tar!a.jpg"}
    rows = [in_archive | {"place": "archive"}, remove(copy, kept="/a.tar!a.jpg")]
    assert list(apply(plan_of(rows), quarantine).refused) == [str(copy)]


def test_two_names_of_one_file_are_not_two_copies(dataset: Dataset, quarantine: Path) -> None:
    (dataset.folder / "link").symlink_to(dataset.folder / "deep")
    path = dataset.path(NAMES[2])
    other = dataset.folder / "link" / "er" / "b.jpg"
    twice = plan_of([keep(path), remove(other, list="exact", kept=str(path))])
    assert apply(twice, quarantine).refused == {str(other): f"stays, as {path} is the same file"}


def test_nothing_is_overwritten_when_it_comes_back(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    apply(plan, quarantine)
    new = dataset.path(NAMES[4])
    new.write_bytes(b"a new one")
    outcome = undo(quarantine)
    assert list(outcome.refused) == [str(new)]
    assert new.read_bytes() == b"a new one"
    new.unlink()
    assert [file.path for file in undo(quarantine).moved] == [str(new)]
    assert dataset.state() == dataset.before


def test_what_a_person_brought_back_is_back(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    moved = apply(plan, quarantine).moved
    Path(moved[0].path).write_bytes((quarantine / moved[0].place).read_bytes())
    (quarantine / moved[1].place).rename(dataset.path(NAMES[2]))
    assert undo(quarantine).refused == {}
    assert state_of(quarantine / "files") == {}


def test_nothing_is_overwritten_in_the_quarantine(dataset: Dataset, quarantine: Path) -> None:
    path = dataset.path(NAMES[4])
    first = path.read_bytes()
    apply(plan_of([remove(path)]), quarantine)
    path.write_bytes(b"came again")
    apply(plan_of([remove(path)]), quarantine)
    held = [data for data, _, _ in state_of(quarantine / "files").values()]
    assert sorted(held) == sorted([b"came again", first])
    assert list(undo(quarantine).refused) == [str(path)], "one of the two has to wait"
    assert path.read_bytes() == b"came again"


def test_across_file_systems_copies_are_verified_and_come_back(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lie_across(monkeypatch)
    assert apply(plan, quarantine).refused == {}
    assert len(dataset.state()) == 2
    undo(quarantine)
    assert dataset.state() == dataset.before


def _lie_across(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let dataset and quarantine be two file systems."""
    for name in ("link", "rename"):
        act = getattr(os, name)

        def move(source: object, target: object, act: Any = act) -> None:
            if ("quarantine" in str(source)) != ("quarantine" in str(target)):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            act(source, target)

        monkeypatch.setattr(os, name, move)


def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(plan, quarantine)
    link = os.link

    def too_late(source: Path, target: Path) -> None:
        target.write_bytes(b"of somebody else")
        link(source, target)

    monkeypatch.setattr(os, "link", too_late)
    refused = undo(quarantine).refused
    assert len(refused) == 4
    assert all("another file is in its place" in reason for reason in refused.values())
    assert {dataset.path(name).read_bytes() for name in NAMES[1:5]} == {b"of somebody else"}
    assert len(state_of(quarantine / "files")) == 4


def test_where_no_hard_links_are_files_are_renamed(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_links(*names: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", without_links)
    assert len(apply(plan, quarantine).moved) == 4
    assert undo(quarantine).refused == {}
    assert dataset.state() == dataset.before


def test_a_full_disk_leaves_everything_where_it_is(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*streams: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        _lie_across(patch)
        patch.setattr("shutil.copyfileobj", full)
        refused = apply(plan, quarantine).refused
    assert set(refused.values()) == {"stays where it is (No space left on device)"}
    assert dataset.state() == dataset.before
    assert state_of(quarantine / "files") == {}
    assert len(apply(plan, quarantine).moved) == 4


def test_a_hard_link_to_the_copy_that_stays_can_be_left(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    first, copy = (dataset.path(name) for name in NAMES[:2])
    apply(plan, quarantine, link=True)
    assert copy.samefile(first)
    assert not dataset.path(NAMES[2]).exists(), "only a copy has something to be linked to"
    again = apply(plan, quarantine, link=True)
    assert (again.already, again.moved) == (4, [])
    undo(quarantine)
    assert not copy.samefile(first)
    assert dataset.state() == dataset.before


def test_a_link_that_was_written_to_is_not_taken_away(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    copy = dataset.path(NAMES[1])
    apply(plan, quarantine, link=True)
    copy.write_bytes(b"edited")
    assert list(undo(quarantine).refused) == [str(copy)]
    assert copy.read_bytes() == b"edited"


def test_deleting_needs_the_number_of_files(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path
) -> None:
    for count in (0, 3, 5):
        with pytest.raises(QuarantineError, match="4 files of this plan would be deleted"):
            apply(plan, quarantine, delete=count)
    assert dataset.state() == dataset.before
    apply(plan, quarantine)
    assert apply(plan, quarantine, delete=4).deleted == 4
    assert state_of(quarantine / "files") == {}
    outcome = undo(quarantine)
    assert (outcome.deleted, outcome.moved) == (4, [])


def test_a_quarantine_lies_neither_among_the_images_nor_among_other_files(
    dataset: Dataset, plan: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for inside in (dataset.folder / "q", dataset.folder / "deep" / "er" / "q" / "r"):
        with pytest.raises(QuarantineError, match="among the images"):
            apply(plan, inside)
    named = plan.assign(source=str(tmp_path))
    with pytest.raises(QuarantineError, match="among the images"):
        apply(named, tmp_path / "q")
    other = tmp_path / "other"
    other.mkdir()
    # What was annotated but was not there is called as the annotations do: it lies nowhere.
    gone = {"filename": "gone.jpg", "action": "review", "digest": None}
    monkeypatch.chdir(other)
    assert preview(plan_of([gone]), other / "q").elsewhere == 0
    (other / "file").touch()
    for act in (preview, apply):
        with pytest.raises(QuarantineError, match="holds other files"):
            act(plan, other)
    with pytest.raises(QuarantineError, match="is no quarantine"):
        undo(other)


def test_what_is_no_file_here_is_listed_and_left_alone(dataset: Dataset, quarantine: Path) -> None:
    rows = [
        {"filename": "/data/photos.tar!a.jpg", "place": "archive", "digest": "0"},
        {"filename": "s3://photos/it's,\na.jpg", "place": "bucket", "digest": "1"},
    ]
    outcome = apply(plan_of(rows), quarantine)
    assert (outcome.elsewhere, outcome.moved) == (2, [])
    assert "photos.tar!a.jpg" in (quarantine / "manifest.csv").read_text()
    assert "it'\"'\"'s" in (quarantine / "bucket.sh").read_text()


def test_all_of_a_group_never_goes(dataset: Dataset, quarantine: Path) -> None:
    first, copy = (dataset.path(name) for name in NAMES[:2])
    rows = [{**keep(first), "action": "remove"}, remove(copy, kept=str(first))]
    with pytest.raises(PlanError, match="no row stays for"):
        apply(plan_of(rows), quarantine)
    rows[1]["action"] = "keep"
    third = dataset.path("third")
    third.write_bytes(first.read_bytes())
    rows.append(remove(third, kept=str(first)))
    changed = plan_of(rows)
    changed.loc[1, "digest"] = "0" * 32
    assert len(apply(changed, quarantine).refused) == 2, "what stays instead is checked as well"
    rows.pop()
    assert [file.path for file in apply(plan_of(rows), quarantine).moved] == [str(first)]


def test_many_files_go_in_batches(
    dataset: Dataset, plan: pd.DataFrame, quarantine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    assert len(apply(plan, quarantine).moved) == 4
    undo(quarantine)
    assert dataset.state() == dataset.before


def test_folders_get_back_their_times_but_those_that_were_changed(
    dataset: Dataset, plan: pd.DataFrame, tmp_path: Path
) -> None:
    folders = [dataset.folder, dataset.folder / "deep", dataset.folder / "deep" / "er"]
    for number, folder in enumerate(folders):
        os.utime(folder, ns=(10**18, 10**18 + number))
    quarantine = tmp_path / "q"
    apply(plan, quarantine)
    assert all(folder.stat().st_mtime_ns > 10**18 + 2 for folder in folders)
    undo(quarantine)
    assert [folder.stat().st_mtime_ns - 10**18 for folder in folders] == [0, 1, 2]
    apply(plan, quarantine)
    time.sleep(0.01)
    (folders[1] / "new.jpg").write_bytes(b"new")
    undo(quarantine)
    times = [folder.stat().st_mtime_ns - 10**18 for folder in folders]
    assert (times[0], times[2]) == (0, 2)
    assert times[1] > 1
    assert dataset.state().items() > dataset.before.items()
