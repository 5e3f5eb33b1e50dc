"""The verdict and the exit code, as tables."""

import pytest

from imgvet.quality.checks import CHECKS
from imgvet.quality.result import CheckResult, CheckState, Severity, fails, verdict
from imgvet.summary import Verdict

P, F, E = CheckState.PASSED, CheckState.FAILED, CheckState.ERRORED


def result(state: CheckState, severity: Severity) -> CheckResult:
    return CheckResult(
        name="a", title="A", state=state, severity=severity, observed="", allowed="", value=None,
        section=CHECKS[0].section,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], Verdict.PASSED),
        ([(P, "critical"), (P, "warning")], Verdict.PASSED),
        ([(F, "info")], Verdict.PASSED),
        ([(F, "warning"), (F, "info")], Verdict.WARNINGS),
        ([(E, "info"), (F, "warning")], Verdict.ERRORED),
        ([(E, "critical"), (P, "critical")], Verdict.ERRORED),
        ([(F, "critical"), (E, "critical")], Verdict.FAILED),
        ([(E, "warning"), (P, "warning"), (F, "critical")], Verdict.FAILED),
    ],
)
def test_verdict(outcomes: list[tuple[CheckState, Severity]], expected: Verdict) -> None:
    assert verdict([result(*outcome) for outcome in outcomes]) is expected


@pytest.mark.parametrize(
    ("state", "severity", "critical", "warning"),
    [
        (P, "critical", False, False),
        (F, "critical", True, True),
        (E, "critical", True, True),
        (F, "warning", False, True),
        (E, "warning", False, True),
        (F, "info", False, False),
        (E, "info", False, False),
    ],
)
def test_fails(state: CheckState, severity: Severity, critical: bool, warning: bool) -> None:
    results = [result(P, "critical"), result(state, severity)]
    assert fails(results, "critical") is critical
    assert fails(results, "warning") is warning
    assert fails(results, "never") is False
