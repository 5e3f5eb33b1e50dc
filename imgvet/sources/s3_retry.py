"""Ask again, with exponential backoff and full jitter, when a server throttles or breaks off.

There is one place that retries, and it is here: the client itself makes each request once. boto3's
own retries do not cover a body that breaks off after the headers, share one budget among all
threads of a client, and would multiply with these.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from imgvet.sources.s3_errors import RETRIED, Kind, Problem, handled, problem_of

Result = TypeVar("Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is repeated.

    The wait before the n-th repetition is drawn evenly from 0 to
    min(``cap_seconds``, ``base_seconds`` * 2^(n-1)): full jitter, as in M. Brooker, "Exponential
    Backoff And Jitter" (2015). With the defaults a request that is throttled all the time is given
    up after 12 attempts and 43 s of waiting on average (86 s at most), and a server that can't be
    reached after 8 attempts and 6 s (13 s at most).

    Attributes:
        attempts: requests in all, the first one included.
        connect_attempts: the same while no connection can be made.
        base_seconds: upper bound of the first wait.
        cap_seconds: upper bound of any wait.
    """

    attempts: int = 12
    connect_attempts: int = 8
    base_seconds: float = 0.1
    cap_seconds: float = 20.0

    def gives_up(self, problem: Problem, failed: int) -> bool:
        """Whether a problem is final after so many failed attempts."""
        if problem.kind not in RETRIED:
            return True
        return failed >= (
            self.connect_attempts if problem.kind is Kind.UNREACHABLE else self.attempts
        )

    def wait(self, problem: Problem, failed: int) -> float:
        """Seconds to wait after so many failed attempts, no less than the server asked for."""
        bound = min(self.cap_seconds, self.base_seconds * 2.0 ** (failed - 1))
        return max(random.uniform(0.0, bound), min(problem.wait, self.cap_seconds))  # noqa: S311


DEFAULT_RETRY = RetryPolicy()


def ask(request: Callable[[], Result], retry: RetryPolicy = DEFAULT_RETRY) -> Result | Problem:
    """Make a request until it succeeds, fails for good or too often.

    Returns:
        its result, or the last problem.
    """
    failed = 0
    while True:
        try:
            return request()
        except handled() as error:
            problem = problem_of(error)
        failed += 1
        if retry.gives_up(problem, failed):
            return gave_up(problem, failed)
        time.sleep(retry.wait(problem, failed))


def gave_up(problem: Problem, failed: int) -> Problem:
    """The problem, with the number of attempts if there was more than one."""
    if failed == 1:
        return problem
    return Problem(problem.kind, f"{problem.text} (gave up after {failed} attempts)")
