"""Messages: what is in them, to whom they go, and that each goes once."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.errors import InvalidParameterError, UnknownParameterError
from imgvet.monitor.history import Event, Run, history_path, read_history, save_run
from imgvet.monitor.notify import (
    body_of,
    check_addresses,
    deliver,
    kind_of,
    report_address,
    send,
    without_secrets,
)
from imgvet.monitor.options import all_addresses, make_monitor_options
from imgvet.workdir import WorkDir
from support.receiver import Receiver, free_port

JUMPED = Event(
    name="imgvet.novelty-rate.jumped",
    alarms=("novelty_rate",),
    severity="warning",
    all_clear=False,
    title="cats: novelty rate jumped from 1 % to 40 % among new images",
    body="Of 120 new images, 48 are outliers; until now 1 % of 900.\nSee: a.jpg, b.jpg",
    before=0.01,
    after=0.4,
    examples=("x/a.jpg", "x/b.jpg"),
)
RUN = Run(run_id="r", started="2030")


def run_saying(work: WorkDir, run_id: str, *names: str) -> Run:
    """A run of the history that has events to tell."""
    events = tuple(JUMPED.model_copy(update={"name": name}) for name in names)
    run = Run(run_id=run_id, started="2030", events=events)
    save_run(work, run)
    return run


class Line:
    """A sender that notes what it sends, and can be cut."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.tries = 0
        self.cut: set[str] = set()

    def __call__(self, run: Run, event: Event, report: str, address: str) -> str:
        self.tries += 1
        if address in self.cut:
            return "no answer"
        self.sent.append((event.name, address))
        return ""


def delivered(work: WorkDir, run: Run, to: list[str], report: str, line: Line) -> tuple[int, tuple]:
    told = deliver(work, run, to, report, line)
    return told.arrived, told.problems


def test_a_message_says_what_where_and_how_bad() -> None:
    assert body_of(JUMPED, "file:///out/report/index.html").splitlines() == [
        *JUMPED.body.splitlines(), "Report: file:///out/report/index.html",
    ]  # fmt: skip
    assert kind_of(JUMPED) == "warning"
    assert kind_of(JUMPED.model_copy(update={"severity": "critical"})) == "failure"
    assert kind_of(JUMPED.model_copy(update={"all_clear": True})) == "success"
    failed = JUMPED.model_copy(update={"name": "imgvet.run.failed"})
    assert body_of(failed, "file:///the/report/of/an/earlier/run") == JUMPED.body


def test_a_link_leads_to_the_file_or_below_a_public_address(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    assert report_address(work, None) == (tmp_path / "report" / "index.html").as_uri()
    assert report_address(work, "https://x.org/cats/") == "https://x.org/cats/index.html"
    assert report_address(work, "https://x.org/r.html") == "https://x.org/r.html"


def test_each_message_arrives_once_however_often_it_is_delivered(tmp_path: Path) -> None:
    work, line = WorkDir(tmp_path), Line()
    first = run_saying(work, "r1", "1", "2")
    assert delivered(work, first, ["a", "b"], "r", line) == (4, ())
    assert delivered(work, first, ["a", "c"], "r", line) == (2, ())
    (row,) = read_history(work)
    save_run(work, row.model_copy(update={"told": True}))
    assert delivered(work, run_saying(work, "r2", "3"), ["a", "d"], "r", line) == (2, ())
    assert line.sent == [
        ("1", "a"), ("2", "a"), ("1", "b"), ("2", "b"), ("1", "c"), ("2", "c"), ("3", "a"),
        ("3", "d"),
    ]  # fmt: skip


def test_what_does_not_arrive_waits_and_is_tried_once_a_run(tmp_path: Path) -> None:
    work, line = WorkDir(tmp_path), Line()
    line.cut = {"json://dead/x?secret=1"}
    addresses = ["json://dead/x?secret=1", "json://alive"]
    arrived, problems = delivered(work, run_saying(work, "r1", "1", "2"), addresses, "r", line)
    assert arrived == 2
    assert line.tries == 3
    assert problems == (
        "2 messages were not delivered to json://dead/x (no answer); tried again next time",
    )
    assert b"secret" not in history_path(work).read_bytes()
    line.cut = set()
    second = run_saying(work, "r2", "3")
    assert delivered(work, second, addresses, "r", line) == (4, ())
    assert delivered(work, second, addresses, "r", line) == (0, ())
    assert line.sent[2:5] == [(name, "json://dead/x?secret=1") for name in "123"]
    assert all(entry.arrived for run in read_history(work) for entry in run.deliveries)


def test_json_is_posted_to_a_receiver(tmp_path: Path) -> None:
    with Receiver() as receiver:
        assert send(RUN, JUMPED, "r", f"json://127.0.0.1:{receiver.port}/x") == ""
    (posted,) = receiver.posted
    assert posted["title"] == JUMPED.title
    assert "48 are outliers" in posted["message"]
    assert posted["type"] == "warning"


def test_a_receiver_that_is_not_there_is_one_line() -> None:
    reason = send(RUN, JUMPED, "r", f"json://127.0.0.1:{free_port()}/x")
    assert "onnection" in reason
    assert "\n" not in reason


@pytest.mark.parametrize("address", ["http://127.0.0.1/x", "nonsense", "slack://", "no://x"])
def test_an_address_that_can_not_be_one_is_refused(address: str) -> None:
    with pytest.raises(InvalidParameterError, match="json://host:port/path"):
        check_addresses([address])


def test_secrets_are_not_shown() -> None:
    assert "word" not in without_secrets("json://user:word@127.0.0.1/x")


def test_addresses_of_the_environment_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGVET_NOTIFY", "json://b json://a")
    assert all_addresses(("json://a",)) == ("json://a", "json://b")


def test_parameters_of_all_kinds_are_checked(tmp_path: Path) -> None:
    options = make_monitor_options(
        {"input_dir": "x/cats", "min_drift": "0.5", "notify": "json://a", "threshold": 0.8}
    )
    assert (options.min_drift, options.notify, options.threshold) == (0.5, ("json://a",), 0.8)
    assert options.dataset == "cats"
    with pytest.raises(UnknownParameterError, match="min_drift"):
        make_monitor_options({"input_dir": "x", "min_drfit": 1})
    with pytest.raises(InvalidParameterError, match=r"min_drift = '7': .*monitor --help"):
        make_monitor_options({"input_dir": "x", "min_drift": "7"})
    with pytest.raises(InvalidParameterError, match=r"baseline = 'last:0'"):
        make_monitor_options({"input_dir": "x", "baseline": "last:0"})
    with pytest.raises(InvalidParameterError, match="input_dir is missing"):
        make_monitor_options({})
