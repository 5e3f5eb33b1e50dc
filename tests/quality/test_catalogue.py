"""The catalogue of checks is one consistent definition."""

import pytest

from imgvet.check_options import CheckLimits
from imgvet.quality.checks import CHECK_BY_NAME, CHECKS, Check, Unit
from imgvet.quality.summarize import rates
from imgvet.sections import Section
from imgvet.summary import Counts


def test_names_are_unique() -> None:
    assert len(CHECK_BY_NAME) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_each_check_can_be_explained(check: Check) -> None:
    assert check.title
    assert check.meaning.endswith(".")
    assert check.section in set(Section)


def test_every_limit_bounds_exactly_one_check() -> None:
    assert sorted(check.limit for check in CHECKS if check.limit) == sorted(
        CheckLimits.model_fields
    )


def test_every_rate_is_observed_by_exactly_one_check() -> None:
    observed = [check.name for check in CHECKS if check.unit is not Unit.VALUES]
    assert sorted(observed) == sorted(rates(Counts(**dict.fromkeys(Counts.model_fields, 0))))


@pytest.mark.parametrize("check", [check for check in CHECKS if check.limit], ids=lambda c: c.name)
def test_severity_is_the_one_that_the_option_promises(check: Check) -> None:
    description = CheckLimits.model_fields[check.limit or ""].description or ""
    assert description.endswith(f"({check.severity})")
    assert description.startswith("least" if check.unit is Unit.IMAGES else "greatest")
