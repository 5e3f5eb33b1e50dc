"""Work dirs in buckets: several machines, whoever is killed, and a server that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgvet import bucket as module
from imgvet.bucket import computed_elsewhere
from imgvet.curation.decisions import Decision, Kind, decide, read_decisions
from imgvet.errors import (
    InputNotFoundError,
    RunNotFoundError,
    StaleReferenceError,
    TransportError,
    WorkDirBusyError,
    WorkDirInsideInputError,
    WorkDirUnusableError,
)
from imgvet.opening import (
    exclusive,
    finished_at,
    held_copy,
    open_finished,
    place_outside,
    require_allowed,
)
from imgvet.search.saved_lists import delete_list, restore_list, save_list, saved_lists
from imgvet.sources.s3_folder import Folder, Small
from imgvet.store.references import digest_bytes
from imgvet.workdir import WorkDir, write_text
from support.fault_proxy import Fault, FaultProxy
from support.s3_server import Bucket

pytest_plugins = ("support.s3_fixtures",)

Machine = Callable[[str], None]
FIRST = {"tables/items": "1", "summary.json": "same", "store/pack": "a", "run.json": '{"run": 1}'}
SECOND = {"tables/items": "2", "summary.json": "same", "store/pack2": "b", "run.json": '{"run": 2}'}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Let what follows be done on a machine of that name, which shares no disk with others."""
    return lambda name: monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))


@pytest.fixture
def place(bucket: Bucket, proxy: FaultProxy, machine: Machine) -> Path:
    """A work dir in an empty bucket, seen from the machine ``a``."""
    machine("a")
    return Path(f"s3://{bucket.name}/team/out")


def opened(place: Path) -> WorkDir:
    return require_allowed(place, (), overwrite=True)


def write(work: WorkDir, files: dict[str, str]) -> None:
    for name, text in files.items():
        write_text(work.path / name, text)


def hold(place: Path, do: Callable[[WorkDir], object]) -> None:
    with exclusive(work := opened(place)):
        do(work)


def run(place: Path, files: dict[str, str]) -> None:
    """A run that leaves some files, and nothing else of its results."""
    with exclusive(work := opened(place)):
        for name in contents(work).keys() - files.keys():
            (work.path / name).unlink()
        write(work, files)


def contents(work: WorkDir) -> dict[str, str]:
    """The files of a copy that other machines have as well."""
    return {name: (work.path / name).read_text() for name in module._names_in(work.path)}


def keys(bucket: Bucket) -> set[str]:
    listed = bucket.client.list_objects_v2(Bucket=bucket.name).get("Contents", ())
    return {row["Key"].removeprefix("team/out/") for row in listed}


def results_in(bucket: Bucket) -> set[str]:
    return {key for key in keys(bucket) if not key.startswith("objects/")} - {"files.json"}


def uploads(proxy: FaultProxy) -> int:
    made = [one for one in proxy.requests if one.method == "PUT" and "/objects/" in one.path]
    proxy.requests.clear()
    return len(made)


def test_one_machine_reads_what_another_wrote(
    place: Path, machine: Machine, bucket: Bucket
) -> None:
    run(place, FIRST)
    machine("b")
    in_store = {name for name in FIRST if name.startswith("store/")}
    assert contents(open_finished(place)).keys() == FIRST.keys() - in_store
    work = open_finished(place, stored=True)
    assert contents(work) == FIRST
    assert work.name == f"s3://{bucket.name}/team/out"
    assert finished_at(work.name) == work
    assert results_in(bucket) == FIRST.keys() - in_store


def test_only_what_is_new_travels_and_what_is_old_goes(
    place: Path, machine: Machine, bucket: Bucket, proxy: FaultProxy
) -> None:
    run(place, FIRST | {"store/tables/items": FIRST["tables/items"]})
    assert uploads(proxy) == len(FIRST)  # equal contents once
    machine("b")
    run(place, SECOND)
    assert uploads(proxy) == len(SECOND) - 1
    assert len([key for key in keys(bucket) if "objects/" in key]) == len(SECOND)
    machine("a")
    proxy.requests.clear()
    assert contents(open_finished(place, stored=True)) == SECOND
    assert len(proxy.gets()) == 1 + len(SECOND) - 1
    assert results_in(bucket) == {"tables/items", "summary.json", "run.json"}
    hold(place, contents)
    assert uploads(proxy) == 0


def test_what_is_lent_is_computed_from_elsewhere_and_taken_once(
    place: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    run(place, FIRST)
    with exclusive(work := opened(place)):
        copy = held_copy(work)
        assert copy is not None
        write(work, {"store/stages/rows": "rows"})
        uploads(proxy)
        lent = copy.lend(["store/pack", "store/stages/rows"])
        assert uploads(proxy) == 1  # a state holds the other one
        assert copy.lend(lent) == lent
        folders: list[WorkDir] = []

        def compute(there: WorkDir) -> int:
            folders.append(there)
            assert contents(there) == {"store/pack": "a", "store/stages/rows": "rows"}
            write(there, {"store/pack3": "c"})
            return 7

        result, written = computed_elsewhere(work.address, lent, compute)
        assert (result, list(written)) == (7, ["store/pack3"])
        assert not folders[0].path.exists()
        copy.take(written)
        assert (work.path / "store/pack3").read_text() == "c"
        uploads(proxy)
    assert uploads(proxy) == 0
    assert contents(open_finished(place, stored=True))["store/pack3"] == "c"
    hold(place, lambda work: (work.path / "store/stages/rows").unlink())
    with pytest.raises(StaleReferenceError, match="is gone"):
        computed_elsewhere(work.address, lent, compute)


def test_results_can_be_opened_by_their_names(place: Path, bucket: Bucket) -> None:
    run(place, {"report/index.html": "<p>", "report/report.js": "1", "run.json": "{}"})
    of = {name: bucket.client.get_object(Bucket=bucket.name, Key=f"team/out/{name}")
          for name in ("report/index.html", "report/report.js", "run.json")}  # fmt: skip
    assert [answer["ContentType"] for answer in of.values()] == [
        "text/html", "text/javascript", "application/json",
    ]  # fmt: skip
    assert of["report/index.html"]["Body"].read() == b"<p>"
    run(place, {"report/index.html": "<b>", "run.json": "{}"})
    answer = bucket.client.get_object(Bucket=bucket.name, Key="team/out/report/index.html")
    assert answer["Body"].read() == b"<b>"
    assert "report/report.js" not in keys(bucket)


def test_a_holder_is_named(place: Path, machine: Machine) -> None:
    with exclusive(work := opened(place)):
        with exclusive(work):
            assert opened(place) == work  # and is left as it is
        machine("b")
        said = (
            r"s3://.*/team/out is held by process \d+ on \S+ since 20\S+ \d\d:\d\d UTC, "
            r"last heard of \d+ s ago\. Wait for it, as it is heard of every 60 s; "
            r"if it was killed, run again in (29\d|30[01]) s"
        )
        with pytest.raises(WorkDirBusyError, match=said):
            hold(place, contents)
    hold(place, contents)


def test_a_lock_that_was_left_is_taken_over_and_its_holder_sends_nothing(
    place: Path,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(place, FIRST)

    def be_late(work: WorkDir) -> None:
        write(work, {"tables/items": "late"})
        monkeypatch.setattr(module, "STALE", -1)
        machine("b")
        run(place, SECOND)
        machine("a")

    with pytest.raises(WorkDirBusyError, match=r"Another run wrote to s3://.* meanwhile"):
        hold(place, be_late)
    assert "is taken over from process" in caplog.text
    assert contents(open_finished(place, stored=True)) == SECOND


def leave_a_lock(place: Path) -> None:
    """What a run that was killed leaves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folder, "delete", lambda *_: None)
        hold(place, contents)


def test_a_lock_that_was_left_on_this_machine_is_taken_over_at_once(
    place: Path, bucket: Bucket, machine: Machine
) -> None:
    leave_a_lock(place)
    assert "lock" in keys(bucket)
    machine("b")
    with pytest.raises(WorkDirBusyError, match="if it was killed, run again in"):
        hold(place, contents)
    machine("a")
    run(place, FIRST)
    assert "lock" not in keys(bucket)


def test_a_lock_that_is_given_back_at_that_moment_is_taken(
    place: Path, bucket: Bucket, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_a_lock(place)
    machine("b")
    get = Folder.get

    def given_back(folder: Folder, name: str) -> Small | None:
        if name == module.LOCK:
            folder.delete(name)
        return get(folder, name)

    monkeypatch.setattr(Folder, "get", given_back)
    run(place, FIRST)
    assert "lock" not in keys(bucket)


def test_a_lock_is_renewed_and_its_loss_is_noticed(
    place: Path, proxy: FaultProxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWED", 0.01)
    proxy.faults.append(Fault("/lock", "answer", 3, method="PUT"))

    def renewals() -> int:
        requests = list(proxy.requests)
        return sum(one.method == "PUT" and one.path.endswith("/lock") for one in requests)

    def wait_until(is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.01)

    def lose_the_lock(work: WorkDir) -> None:
        wait_until(lambda: renewals() > 6)
        write(work, FIRST)
        bucket.put({"team/out/lock": b"process 1 on another"})
        wait_until(lambda: not [one for one in threading.enumerate() if "(renew)" in one.name])

    with pytest.raises(WorkDirBusyError, match="nothing was sent"):
        hold(place, lose_the_lock)
    assert {key for key in keys(bucket) if not key.startswith("objects/")} == {"lock"}


@pytest.mark.parametrize("at", ["_ask", "_had"], ids=["before it", "after it"])
def test_who_is_killed_at_any_request_leaves_one_state_or_the_other(
    place: Path, machine: Machine, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    proceed, left = getattr(Folder, at), [0]

    def proceed_until_killed(folder: Folder, *given: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return proceed(folder, *given)

    monkeypatch.setattr(module, "STALE", -1)
    run(place, FIRST)
    files, kills = [FIRST, SECOND], 0
    while True:
        machine(f"killed {kills}")
        with monkeypatch.context() as patch:
            patch.setattr(Folder, at, proceed_until_killed)
            left[0] = kills + 1
            try:
                run(place, files[1])
            except KeyboardInterrupt:
                kills += 1
            else:
                break
        machine("reader")
        seen = contents(open_finished(place, stored=True))
        assert seen in files
        if seen == files[1]:  # killed after the commit
            files.reverse()
    assert kills > 12
    assert contents(open_finished(place, stored=True)) == files[1]
    machine("fresh")
    assert contents(open_finished(place, stored=True)) == files[1]
    assert len([key for key in keys(bucket) if "objects/" in key]) == len(files[1])


def test_what_was_computed_before_a_failure_is_sent_and_results_stay(
    place: Path, machine: Machine
) -> None:
    run(place, FIRST)

    def fail(work: WorkDir) -> None:
        write(work, {"tables/items": "half", "store/new": "computed", "history.parquet": "failed"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hold(place, fail)
    machine("b")
    expected = FIRST | {"store/new": "computed", "history.parquet": "failed"}
    assert contents(open_finished(place, stored=True)) == expected
    machine("a")
    assert contents(open_finished(place, stored=True)) == expected


def test_what_an_interrupted_run_computed_is_sent_by_the_next_one(
    place: Path, machine: Machine
) -> None:
    run(place, FIRST)

    def be_stopped(work: WorkDir) -> None:
        write(work, {"tables/items": "half", "tables/leaks": "new", "store/new": "computed"})
        work.run_json.unlink()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hold(place, be_stopped)
    assert contents(open_finished(place)) == FIRST | {"store/new": "computed"}
    hold(place, contents)
    machine("b")
    assert contents(open_finished(place, stored=True)) == FIRST | {"store/new": "computed"}


def test_what_people_decide_is_on_every_machine(place: Path, machine: Machine) -> None:
    run(place, FIRST)
    decision = Decision(Kind.KEEP, "digest")
    work = open_finished(place)
    save_list(work, "mine", ["a.jpg"])
    machine("b")
    other = open_finished(place)
    decide(other, decision)
    delete_list(other, "mine")
    restore_list(other, "mine")
    machine("a")
    write_text(work.home / "lists" / "mine.txt", "changed while no server was there\n")
    work = open_finished(place)
    assert read_decisions(work).all == (decision,)
    assert [one.name for one in saved_lists(work)] == ["mine"]
    assert "changed" in (work.home / "lists" / "mine.txt").read_text()


def test_results_of_crops_are_a_part(place: Path, machine: Machine) -> None:
    run(place, {"crops/run.json": "{}", "crops/tables/items": "1"})
    machine("b")
    crops = open_finished(place / "crops")
    assert crops.part == "crops"
    assert crops.is_finished()
    assert crops.name.endswith("/team/out/crops")
    with pytest.raises(RunNotFoundError, match=r"Its results are in s3://.*/team/out/crops"):
        open_finished(place)


def test_a_work_dir_is_not_in_what_is_analysed(place: Path, bucket: Bucket) -> None:
    for inside in (
        f"s3://{bucket.name}",
        f"s3://{bucket.name}/team/",
        f"s3://{bucket.name}/team/out",
    ):
        with pytest.raises(WorkDirInsideInputError, match=f"lies inside the input {inside}"):
            require_allowed(place, (inside,), overwrite=True)
    assert require_allowed(place, (f"s3://{bucket.name}/team/ou", "."), overwrite=True)


def test_results_stay_when_overwrite_is_off(place: Path) -> None:
    run(place, FIRST)
    with pytest.raises(WorkDirUnusableError, match=r"s3://.*/team/out holds the results"):
        require_allowed(place, (), overwrite=False)


def test_an_address_is_checked_without_a_server() -> None:
    assert place_outside(Path("s3:/b/out/"), ()) == Path("s3:/b/out")
    with pytest.raises(WorkDirUnusableError, match="ftp://b/out is no folder, and in no bucket"):
        place_outside(Path("ftp://b/out"), ())


def test_a_bucket_that_is_not_there(place: Path, proxy: FaultProxy) -> None:
    with pytest.raises(InputNotFoundError, match=r"The bucket nobody of s3://nobody/out"):
        opened(Path("s3://nobody/out"))
    with pytest.raises(RunNotFoundError, match="imgvet run INPUT --work-dir s3://"):
        open_finished(place)
    with pytest.raises(TransportError, match="does not answer"):
        opened(Path("minio+http://127.0.0.1:9/bucket/out"))
    proxy.faults.append(Fault("/files.json", "answer", 99, status=403, code="AccessDenied"))
    with pytest.raises(WorkDirUnusableError, match=r"AccessDenied.*Grant s3:ListBucket"):
        opened(place)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("", "answer", 9, method="PUT"),
        Fault("", "answer", 9, method="GET"),
        Fault("", "answer", 9, method="DELETE"),
        Fault("/lock", "reset", 1, method="PUT"),
        Fault("/files.json", "reset", 1, method="PUT"),
        Fault("/files.json", "reset", 2, method="GET", after=5),
    ],
    ids=lambda fault: f"{fault.method} {fault.action} {fault.suffix}",
)
def test_a_server_that_fails_is_asked_again(
    place: Path, machine: Machine, proxy: FaultProxy, fault: Fault
) -> None:
    run(place, FIRST)
    proxy.faults.append(fault)
    run(place, SECOND)
    machine("b")
    assert contents(open_finished(place, stored=True)) == SECOND
    assert fault.times == 0


def test_a_server_that_is_gone_at_the_end_is_told_and_leaves_the_last_state(
    place: Path, machine: Machine, proxy: FaultProxy
) -> None:
    run(place, FIRST)

    def lose_the_server(work: WorkDir) -> None:
        write(work, SECOND)
        proxy.faults.append(Fault("", "answer", 99, method="PUT"))

    with pytest.raises(TransportError, match="does not answer"):
        hold(place, lose_the_server)
    machine("b")
    assert contents(open_finished(place, stored=True)) == FIRST


def test_a_server_that_is_away_for_long_loses_no_run(
    place: Path, machine: Machine, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(place, FIRST)
    monkeypatch.setattr(module, "GRANTED", 60.0)

    def lose_the_server(work: WorkDir) -> None:
        write(work, SECOND)
        proxy.faults.append(Fault("", "answer", 99, method="PUT"))

    hold(place, lose_the_server)
    machine("b")
    assert contents(open_finished(place, stored=True)) == FIRST | SECOND


def test_credentials_that_expire_when_all_is_sent_cost_a_warning(
    place: Path, machine: Machine, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.faults.append(Fault("/lock", "answer", 1, "DELETE", status=400, code="ExpiredToken"))
    run(place, FIRST)
    assert [record.getMessage()[:26] for record in caplog.records] == ["The lock is left behind, f"]
    machine("b")
    assert contents(open_finished(place, stored=True)) == FIRST


def test_a_bucket_that_lost_contents_is_told_with_the_way_on(
    place: Path, machine: Machine, bucket: Bucket
) -> None:
    run(place, FIRST)
    (pack,) = (
        key for key in keys(bucket) if key.startswith(f"objects/{digest_of(FIRST, 'store/pack')}")
    )
    bucket.delete(f"team/out/{pack}")
    machine("b")
    assert open_finished(place).is_finished()
    with pytest.raises(
        WorkDirUnusableError, match=r"lost contents, such as that of store/pack\. Delete"
    ):
        hold(place, contents)
    bucket.delete("team/out/files.json")
    machine("a")
    assert (opened(place).store / "pack").is_file()  # what can be used again stays
    run(place, SECOND)
    machine("c")
    assert contents(open_finished(place, stored=True)) == SECOND


def digest_of(files: dict[str, str], name: str) -> str:
    return digest_bytes(files[name].encode())


def test_a_reader_whose_state_is_replaced_meanwhile_reads_the_new_one(
    place: Path, machine: Machine, proxy: FaultProxy
) -> None:
    run(place, FIRST)
    machine("b")

    def replace() -> None:
        machine("c")
        run(place, SECOND)
        machine("b")

    key = f"objects/{digest_of(FIRST, 'tables/items')}"
    proxy.faults.append(Fault(key, "trust", before=replace))
    assert contents(open_finished(place, stored=True)) == SECOND


@pytest.mark.parametrize(
    "state",
    [
        '{"version": 2, "files": {}}', "[]", "no json", '{"version": 1}',
        '{"version": 1, "files": {"../../x": "0"}}',
        '{"version": 1, "files": {"/x": "0"}}', '{"version": 1, "files": {"x": "../../y"}}',
    ],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(place: Path, bucket: Bucket, state: str) -> None:
    bucket.put({"team/out/files.json": state.encode()})
    with pytest.raises(WorkDirUnusableError, match=r"files\.json is not of this version"):
        opened(place)


def test_a_copy_that_a_run_of_this_machine_holds_is_read_as_it_is(
    place: Path, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(place, FIRST)
    with exclusive(work := opened(place)):
        write(work, SECOND)
        proxy.requests.clear()
        assert contents(open_finished(place)) == FIRST | SECOND
        assert proxy.requests == []
