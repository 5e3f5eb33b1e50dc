"""What is lost, how labels and formats shift, and how long there was nothing new."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from imgvet.monitor.compare import Comparison
from imgvet.monitor.events import alarms_after, events_of
from imgvet.monitor.history import Event, Run
from imgvet.monitor.images import groups_of
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.shape import count_groups, judge_shape

OPTIONS = WatchOptions()


def run(number: int, new: int = 0, **groups: int) -> Run:
    named = {name.replace("_", ":", 1): count for name, count in groups.items()}
    images = sum(count for name, count in named.items() if name.startswith("label:"))
    return Run(
        run_id=f"r{number}", started=f"2030-01-{number + 1:02}T06:00:00+00:00", monitored=True,
        in_order=True, groups=named, counts={"images": images}, new_counts={"images": new},
    )  # fmt: skip


def told(
    *runs: Run, options: WatchOptions = OPTIONS, new: dict[str, int] | None = None
) -> tuple[tuple[str, ...], tuple[Event, ...]]:
    """The alarms after the last of some runs, and what is said of it."""
    *history, last = runs
    findings = judge_shape(last, new or {}, runs[0], history, options)
    comparison = Comparison(last, findings)
    return alarms_after(comparison), events_of(comparison)


def test_a_class_that_vanished_is_told_and_so_is_its_return() -> None:
    before = [run(number, label_cat=500, label_dog=300) for number in range(3)]
    gone = run(3, label_cat=500, label_dog=0)
    alarms, (event,) = told(*before, gone)
    assert alarms == ("lost:label:dog",)
    assert event.title == "Images are lost: label dog"
    assert event.body == "Of label dog, 100 % is gone."
    on = {"alarms": alarms, "in_order": False}
    back = run(4, label_cat=510, label_dog=290).model_copy(update={"alarms": alarms})
    alarms, (event,) = told(*before, gone.model_copy(update=on), back)
    assert (alarms, event.title) == ((), "Images are back: label dog")


def test_what_is_lost_is_over_when_another_baseline_is_chosen() -> None:
    on = run(3, label_cat=500).model_copy(update={"alarms": ("lost:label:dog", "stale")})
    alarms, events = told(run(2, label_cat=500), on)
    assert alarms == ()
    assert {event.name for event in events} == {"imgvet.images.back", "imgvet.images.fresh"}


def test_half_of_all_images_are_missed_and_a_tenth_is_not() -> None:
    many = run(0, label_=1000)
    assert told(many, run(1, label_=900))[0] == ()
    assert "lost:images" in told(many, run(1, label_=400))[0]
    assert told(many, run(1, label_=400), options=WatchOptions(max_loss=0.7))[0] == ()
    assert "lost:images" in told(many, run(1, label_=0))[0]


def test_what_is_lost_is_told_while_another_alarm_is_on() -> None:
    before, on = run(0, label_=100), {"alarms": ("drift:embeddings",), "in_order": False}
    grown = run(1, label_=1000).model_copy(update=on)
    lost = run(2, label_=400)
    alarms = told(before, grown, lost)[0]
    assert "lost:images" in alarms
    lost = lost.model_copy(update={**on, "alarms": (*alarms, *on["alarms"])})
    still = run(3, label_=450).model_copy(update={"alarms": lost.alarms})
    assert "lost:images" in told(before, grown, lost, still)[0]
    back = run(3, label_=900).model_copy(update={"alarms": lost.alarms})
    assert "lost:images" not in told(before, grown, lost, back)[0]


def test_a_class_that_exploded_is_told_and_a_dataset_that_grows_evenly_is_not() -> None:
    before = [run(number, label_cat=500, label_dog=300) for number in range(3)]
    assert told(*before, run(3, label_cat=2500, label_dog=1500))[0] == ()
    assert told(*before, run(3, label_cat=1400, label_dog=300))[0] == ()
    many = run(3, label_cat=500, label_dog=1200)
    alarms, (event,) = told(*before, many)
    assert alarms == ("grown:label:dog",)
    assert event.title == "Far more images than before: label dog"
    assert event.body == "Of label dog there are 4.0 times as many."
    on = many.model_copy(update={"alarms": alarms, "in_order": False})
    less = run(4, label_cat=520, label_dog=310).model_copy(update={"alarms": alarms})
    alarms, (event,) = told(*before, on, less)
    assert (alarms, event.name) == ((), "imgvet.images.shrunk")


def test_folders_that_come_and_go_are_not_missed() -> None:
    days = [run(number, label_=500, **{f"folder_day{number}": 500}) for number in range(5)]
    assert told(*days)[0] == ()
    stays = [run(number, label_=500, folder_a=200, folder_b=300) for number in range(4)]
    assert told(*stays, run(4, label_=300, folder_b=300))[0] == ("lost:folder:a",)


def test_labels_and_formats_that_shift_are_drift() -> None:
    base = run(0, label_cat=500, label_dog=500, format_JPEG=1000)
    same = {"label:cat": 52, "label:dog": 48, "format:JPEG": 100}
    assert told(base, base, new=same)[0] == ()
    other = {"label:cat": 95, "label:dog": 5, "format:PNG": 100}
    alarms, (event,) = told(base, base, new=other)
    assert alarms == ("drift:format", "drift:label")
    said = "Their formats are spread otherwise (drift 1.00 of 1): PNG rose from 0 % to 100 %."
    assert said in event.body
    assert "cat rose from 50 % to 95 %." in event.body


@pytest.mark.parametrize("categories", [2, 40, 150])
def test_labels_drawn_alike_raise_no_alarm(categories: int) -> None:
    rng = np.random.default_rng(4)
    weights = rng.dirichlet(np.ones(categories))
    names = np.array([f"label_{number}" for number in range(categories)])
    alarms = 0
    for _ in range(200):
        drawn = [Counter(rng.choice(names, 1000, p=weights)) for _ in range(5)]
        fresh = {name.replace("_", ":"): count for name, count in drawn[-1].items()}
        runs = [run(number, 1000, **groups) for number, groups in enumerate(drawn)]
        alarms += bool(told(*runs, new=fresh)[0])
    assert alarms <= 2


def test_days_without_new_images_are_counted_if_asked_for() -> None:
    runs = [run(0, 9, label_=9), *(run(number, 0, label_=9) for number in (1, 2, 3))]
    options = WatchOptions(max_days_without_new=2.5)
    assert told(*runs)[0] == ()
    assert told(*runs[:3], options=options)[0] == ()
    alarms, (event,) = told(*runs, options=options)
    assert (alarms, event.title) == (("stale",), "No new images for 3 days")
    fresh = run(4, 2, label_=11).model_copy(update={"alarms": alarms})
    alarms, (event,) = told(*runs, fresh, options=options)
    assert (alarms, event.name) == ((), "imgvet.images.fresh")


def test_groups_are_labels_formats_and_the_folders_below_the_input() -> None:
    items = pd.DataFrame(
        {
            "filename": ["/in/a/x/1.jpg", "/in/2.jpg", "/s.tar!b/3.jpg", "/else/4.jpg"],
            "source": ["/in", "/in", "/s.tar", "/list.txt"],
            "label": ["cat", None, "cat", "dog"],
            "format": ["JPEG", "PNG", "JPEG", None],
        }
    )
    assert count_groups(groups_of(items)) == {
        "label:cat": 2, "label:dog": 1, "format:JPEG": 2, "format:PNG": 1, "folder:a": 1,
        "folder:b": 1,
    }  # fmt: skip
    many = pd.DataFrame({"label": [str(number) for number in range(900)]})
    assert len(count_groups(many)) == 200
