"""What a person sees of the baseline."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.watching import Batch
from imgvet.monitor.choice import set_baseline
from imgvet.monitor.facts import RunFacts
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.show import baseline_lines
from imgvet.monitor.watch import watch_run
from imgvet.workdir import WorkDir


def test_before_the_first_run_there_is_nothing_to_show(work: WorkDir) -> None:
    assert baseline_lines(work) == ["No run was watched yet: the first one becomes the baseline."]


def test_the_baseline_its_rates_and_the_others_are_shown(
    work: WorkDir, images: Callable[..., Batch], publish: Callable[..., RunFacts]
) -> None:
    good = images(100, outlier=0, dark=0, invalid=0)
    for number, batch in enumerate((good, good + images(100, outlier=0, dark=0, invalid=0.5))):
        publish(batch, number)
        watch_run(work, WatchOptions())
    text = "\n".join(baseline_lines(work))
    assert "Run        run-0 of 2030-01-01, 100 images" in text
    assert "invalid rate 0 %" in text
    assert "dark rate 0 %" in text
    assert "Alarms on  invalid_rate" in text
    assert "  run-1  2030-01-02 06:00  200 images, alarms: invalid_rate" in text
    set_baseline(work, "run-1")
    assert "Run        run-1 of 2030-01-02, 200 images" in "\n".join(baseline_lines(work))
