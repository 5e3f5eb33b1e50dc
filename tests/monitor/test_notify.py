"""Messages: what is in them, to whom they go, and that each goes once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from apprise import Apprise

from imgvet.errors import InvalidParameterError, UnknownParameterError
from imgvet.monitor.failure import failed_run, tell_failure, usable
from imgvet.monitor.history import Event, Run, history_path, read_history, save_run
from imgvet.monitor.messages import Links, RunMessage, message_of
from imgvet.monitor.notify import (
    SERVER,
    check_addresses,
    deliver,
    kept_whole,
    mark_told,
    post,
    without_secrets,
)
from imgvet.monitor.options import NotifyOptions, all_addresses, make_monitor_options
from imgvet.workdir import WorkDir
from support.mail_server import MailServer
from support.receiver import Receiver, free_port

JUMPED = Event(
    name="imgvet.novelty-rate.jumped",
    alarms=("novelty_rate",),
    severity="warning",
    all_clear=False,
    title="cats: novelty rate jumped from 1 % to 40 % among new images",
    about="novelty rate",
    body="Of 120 new images, 48 are novel; until now 1 % of 900.\nSee: a.jpg, b.jpg",
    before=0.01,
    after=0.4,
    examples=("x/a.jpg", "x/b.jpg"),
)
LINKS = Links("https://x.org/alarms.html", "imgvet explore out")
RUN = Run(run_id="r", started="2030-01-02T06:00:00+00:00", dataset="cats")
MESSAGE = message_of(RUN, [JUMPED], None, LINKS)


def run_saying(work: WorkDir, run_id: str, *names: str) -> Run:
    """A run of the history that has events to tell."""
    events = tuple(JUMPED.model_copy(update={"name": name}) for name in names)
    run = RUN.model_copy(update={"run_id": run_id, "events": events, "monitored": True})
    save_run(work, run)
    return run


NOTHING_KEPT = NotifyOptions()


class Line:
    """A sender that notes what it sends, and can be cut."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, tuple[str, ...], str]] = []
        self.tries = 0
        self.cut: set[str] = set()

    def __call__(self, message: RunMessage, to: str) -> str:
        self.tries += 1
        if to in self.cut:
            return "no answer"
        names = tuple(event.name for event in message.events)
        self.sent.append((message.run.run_id, names, to))
        return ""

    def deliver(
        self, work: WorkDir, *receivers: str, options: NotifyOptions = NOTHING_KEPT
    ) -> tuple[int, tuple[str, ...]]:
        return deliver(work, dict.fromkeys(receivers, self), LINKS, options)


def test_a_run_is_one_message_however_often_it_is_delivered(tmp_path: Path) -> None:
    work, line = WorkDir(tmp_path), Line()
    run_saying(work, "r1", "1", "2")
    assert line.deliver(work, "a", "b") == (2, ())
    assert line.deliver(work, "a", "c") == (1, ())
    mark_told(work)
    run_saying(work, "r2", "3")
    assert line.deliver(work, "a", "d") == (2, ())
    assert line.sent == [
        ("r1", ("1", "2"), "a"), ("r1", ("1", "2"), "b"), ("r1", ("1", "2"), "c"),
        ("r2", ("3",), "a"), ("r2", ("3",), "d"),
    ]  # fmt: skip


def test_what_does_not_arrive_waits_and_is_tried_once_a_run(tmp_path: Path) -> None:
    work, line = WorkDir(tmp_path), Line()
    line.cut = {"json://dead/x?secret=1"}
    addresses = ["json://dead/x?secret=1", "json://alive"]
    run_saying(work, "r1", "1", "2")
    assert line.deliver(work, *addresses) == (
        1, ("1 message was not delivered to json://dead/x (no answer); tried again next time",),
    )  # fmt: skip
    run_saying(work, "r2", "3")
    arrived, problems = line.deliver(work, *addresses)
    assert (arrived, line.tries) == (1, 4)
    assert problems[0].startswith("2 messages were not delivered to json://dead/x (no answer)")
    assert b"secret" not in history_path(work).read_bytes()
    line.cut = set()
    assert line.deliver(work, *addresses) == (2, ())
    assert line.deliver(work, *addresses) == (0, ())
    assert line.sent[2:] == [("r1", ("1", "2"), addresses[0]), ("r2", ("3",), addresses[0])]
    assert all(entry.arrived for run in read_history(work) for entry in run.deliveries)


def test_what_waits_for_an_address_whose_secret_changed_goes_to_the_new_one(tmp_path: Path) -> None:
    work, line = WorkDir(tmp_path), Line()
    line.cut = {SERVER, "json://old"}
    run_saying(work, "r1", "1")
    assert line.deliver(work, SERVER)[0] == 0
    assert line.deliver(work, "json://old", "json://other")[0] == 1
    mark_told(work)
    line.cut = {SERVER}
    assert line.deliver(work, "json://other", "json://new") == (1, ())
    assert line.sent == [("r1", ("1",), "json://other"), ("r1", ("1",), "json://new")]
    run_saying(work, "r2", "2")
    assert line.deliver(work, "json://other", "json://new") == (2, ())
    mark_told(work)
    # Who comes later learns of later runs: what waits for the server is none of theirs.
    save_run(work, RUN.model_copy(update={"run_id": "r1"}))
    run_saying(work, "r3", "3")
    assert line.deliver(work, SERVER)[0] == 0
    mark_told(work)
    assert line.deliver(work, "json://third") == (0, ())


def test_in_quiet_hours_an_address_is_told_of_what_is_critical_and_later_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, line, quiet = WorkDir(tmp_path), Line(), NotifyOptions(quiet_hours="22-7")
    monkeypatch.setattr(NotifyOptions, "is_quiet", lambda options: options is quiet)
    run_saying(work, "r1", "1")
    critical = run_saying(work, "r2", "2")
    events = tuple(one.model_copy(update={"severity": "critical"}) for one in critical.events)
    save_run(work, critical.model_copy(update={"events": events}))
    assert line.deliver(work, "json://a", "the server", options=quiet) == (3, ())
    assert [(run, to) for run, _, to in line.sent] == [
        ("r2", "json://a"), ("r1", "the server"), ("r2", "the server"),
    ]  # fmt: skip
    mark_told(work)
    for number in range(60):  # a night of runs with nothing to tell
        run_saying(work, f"n{number}")
    assert line.deliver(work, "json://a", options=quiet) == (0, ())
    assert line.deliver(work, "json://a", "the server") == (1, ())
    assert line.sent[-1] == ("r1", ("1",), "json://a")
    assert line.deliver(work, "json://a") == (0, ())


def test_what_is_not_severe_enough_is_never_told_and_neither_is_its_end(tmp_path: Path) -> None:
    work, line, some = WorkDir(tmp_path), Line(), NotifyOptions(notify_from="critical")
    warning = run_saying(work, "r1", "warned").events[0]
    critical = warning.model_copy(
        update={"name": "failed", "severity": "critical", "alarms": ("run",)}
    )
    ends = [
        one.model_copy(update={"name": f"{one.name} over", "severity": "info", "all_clear": True})
        for one in (warning, critical)
    ]
    for run_id, events in (("r2", (critical,)), ("r3", ends)):
        said = {"run_id": run_id, "events": tuple(events), "monitored": True}
        save_run(work, RUN.model_copy(update=said))
    assert line.deliver(work, "json://a", options=some) == (2, ())
    assert [names for _, names, _ in line.sent] == [("failed",), ("failed over",)]
    mark_told(work)
    assert line.deliver(work, "json://a") == (0, ())


@pytest.mark.parametrize(
    ("hours", "moment", "quiet"),
    [
        ("22-7", "2030-01-01T21:59", False),
        ("22-7", "2030-01-01T22:00", True),
        ("22-7", "2030-01-02T06:59", True),
        ("22-7", "2030-01-02T07:00", False),
        ("12:30-13:15", "2030-01-02T13:00", True),
        ("22-7 Europe/Paris", "2030-01-01T06:30", False),
        ("22-7 Europe/Paris", "2030-07-01T05:30", False),
        ("22-7 Europe/Paris", "2030-07-01T20:30", True),  # daylight saving: half past ten
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(
    hours: str, moment: str, quiet: bool
) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert NotifyOptions(quiet_hours=hours).is_quiet(now) is quiet


@pytest.mark.parametrize("hours", ["22", "25-7", "7-7", "22-7 Mars/Base", "22:60-7"])
def test_hours_that_are_none_are_refused(hours: str) -> None:
    with pytest.raises(InvalidParameterError, match="write hours and a zone as in 22-7"):
        make_monitor_options({"input_dir": "x", "quiet_hours": hours})


def test_a_failure_is_told_once_where_it_can_be_noted_else_each_time(tmp_path: Path) -> None:
    line, lost = Line(), tmp_path / "gone" / "out"
    there = make_monitor_options({"input_dir": "x/cats", "work_dir": tmp_path})
    away = make_monitor_options({"input_dir": "x/cats", "work_dir": lost})
    for number in range(2):
        for options in (there, away):
            run = failed_run(f"r{number}", options, "The disk is full")
            assert tell_failure(run, options, {"a": line}) == ()
    names = [name for _, (name,), _ in line.sent]
    assert names == ["imgvet.run.failed"] * 3
    assert not lost.parent.exists()
    (first, _) = read_history(WorkDir(tmp_path))
    assert (first.dataset, first.status) == ("cats", "failed")
    line.cut = {"a"}
    (said,) = tell_failure(failed_run("r9", away, "x"), away, {"a": line})
    assert said == "A failed run was not told of: no answer"


def test_of_parameters_that_are_refused_the_usable_ones_are_used() -> None:
    given = {"input_dir": "x/cats", "threshold": 7, "notify": "json://a", "nonsense": 1}
    options = usable(given | {"report_url": ["a", "b"], "work_dir": "out"})
    assert (options.dataset, options.notify, options.work_dir) == (
        "cats",
        ("json://a",),
        Path("out"),
    )
    assert usable(None).dataset == usable({"input_dir": 3}).dataset == "unknown"


def test_json_is_posted_to_a_receiver() -> None:
    with Receiver() as receiver:
        assert post(MESSAGE, f"json://127.0.0.1:{receiver.port}/x") == ""
    (posted,) = receiver.posted
    assert posted["title"] == JUMPED.title
    assert "48 are novel" in posted["message"]
    assert posted["type"] == "warning"


def test_a_webhook_shaped_as_slacks_gets_the_message() -> None:
    with Receiver() as receiver:
        assert post(MESSAGE, f"mmost://127.0.0.1:{receiver.port}/{'k' * 26}") == ""
    (posted,) = receiver.posted
    assert JUMPED.title in posted["text"]
    assert "Look closer: imgvet explore out" in posted["text"]


def test_a_mail_is_sent_and_one_that_is_refused_waits(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    run_saying(work, "r1", "1", "2")
    with MailServer() as mails:
        address = f"mailto://127.0.0.1:{mails.port}?from=a@x.org&to=b@y.org&mode=insecure"
        mails.refusing = True
        _, (problem,) = deliver(work, {address: post}, LINKS)
        assert problem.startswith("1 message was not delivered to mailto")
        mails.refusing = False
        assert deliver(work, {address: post}, LINKS) == (1, ())
        assert deliver(work, {address: post}, LINKS) == (0, ())
    (mail,) = mails.received
    assert str(mail["Subject"]) == "cats: 2 alarms: novelty rate"
    assert mail["To"] == "b@y.org"
    assert mail.get_content_type() == "text/plain"
    assert (
        "Of 120 new images, 48 are novel; until now 1 % of 900." in mail.get_content().splitlines()
    )


class Moved(BaseHTTPRequestHandler):
    """Redirects what is posted to where it is well, without what was posted."""

    def do_POST(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("json://h/x", "json://h/x?redirect=no"),
        ("json://h/x?redirect=yes", "json://h/x?redirect=no&redirect=yes"),
        ("mailto://u:p@h.org?to=a@b.org", "mailto://u:p@h.org?redirect=no&format=text&to=a@b.org"),
    ],
)
def test_what_an_address_says_counts_more_than_what_is_added(given: str, said: str) -> None:
    assert kept_whole(given) == said
    wanted = "format=html" if given.startswith("mailto") else "redirect=yes"
    last = Apprise.instantiate(kept_whole(f"{given}{'&' if '?' in given else '?'}{wanted}"))
    assert (last.notify_format.value == "html") if "html" in wanted else last.redirects


def test_a_message_that_is_redirected_has_not_arrived() -> None:
    with HTTPServer(("127.0.0.1", 0), Moved) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        said = post(MESSAGE, f"json://127.0.0.1:{server.server_port}/alerts")
        server.shutdown()
        thread.join()
    assert "302" in said


def test_a_receiver_that_is_not_there_is_one_line() -> None:
    reason = post(MESSAGE, f"json://127.0.0.1:{free_port()}/x")
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


DELIVERING = f"""
import sys
from pathlib import Path
from imgvet.monitor.messages import Links
from imgvet.monitor.notify import deliver, mark_told, post
from imgvet.workdir import WorkDir
work = WorkDir(Path(sys.argv[1]))
deliver(work, dict.fromkeys(sys.argv[2:], post), {LINKS!r})
mark_told(work)
"""


class Dying(Receiver):
    """A receiver that takes a message and then, before it answers, kills who sent it, or hangs up.

    Attributes:
        kills: the process to be killed by a message, None if it hangs up instead.
        is_well: whether it answers after all.
    """

    kills: subprocess.Popen[bytes] | None = None
    is_well = False

    def answer(self) -> bool:
        if self.is_well:
            return True
        if self.kills is not None:
            self.kills.kill()
            self.kills.wait()
        return False


@pytest.mark.parametrize("dies", ["sender", "receiver"])
def test_whoever_is_killed_at_the_moment_of_delivery_nothing_is_lost(
    dies: str, tmp_path: Path
) -> None:
    run_saying(WorkDir(tmp_path), "r1", "1")
    run_saying(WorkDir(tmp_path), "r2", "2")

    with Receiver() as well, Dying() as dying:
        addresses = (well.address, dying.address)
        first = subprocess.Popen([sys.executable, "-c", DELIVERING, str(tmp_path), *addresses])
        dying.kills = first if dies == "sender" else None
        assert first.wait(timeout=60) == (-signal.SIGKILL if dies == "sender" else 0)
        assert (len(well.posted), len(dying.posted)) == (2, 1)
        dying.is_well = True
        # What was confirmed is not sent again; the one that was not comes once more, with the rest.
        for arrived in (2, 0):
            sent = deliver(WorkDir(tmp_path), dict.fromkeys(addresses, post), LINKS)
            assert sent == (arrived, ())
            mark_told(WorkDir(tmp_path))
            assert (len(well.posted), len(dying.posted)) == (2, 3)
        assert dying.posted[0]["message"] == dying.posted[1]["message"]
