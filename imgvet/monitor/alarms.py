"""Alarms by their keys: what begins how, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Collection

from imgvet.format import counted, visible
from imgvet.metrics import FLAGS, METRIC_BY_NAME
from imgvet.monitor.rates import NOVEL, RATES
from imgvet.quality.checks import CHECK_BY_NAME

RATE_BY_NAME = {rate.name: rate for rate in RATES}
"""The name of a rate is the key of its alarm."""

DRIFT, EMBEDDINGS = "drift:", "embeddings"
"""Start of the keys of drift, and what follows for the embeddings; else a metric's name does."""

LOST, GROWN, STALE = "lost:", "grown:", "stale"
"""Start of the keys of what is gone (``images`` or a group follows), and of groups that exploded;
the key of no new images."""

RUN, CHECK = "run", "check:"
"""The key of a failed run, and the start of those of failed checks; the check's name follows."""


_METRIC_OF = {flag.name: flag.metric for flag in FLAGS} | {NOVEL: EMBEDDINGS}

_IN_SHORT = {
    LOST: "lost images", GROWN: "grown groups", STALE: "no new images", DRIFT: "drift",
    RUN: "run failed",
}  # fmt: skip


def is_compared(key: str) -> bool:
    """Whether an alarm comes from comparing with a baseline."""
    return key != RUN and not key.startswith(CHECK)


def ends_with_baseline(key: str) -> bool:
    """Whether an alarm is over when its run becomes the baseline."""
    return is_compared(key) and key != STALE


def name_of(key: str) -> str:
    """What a rate, a check, or something that drifts or is lost is called within a sentence."""
    if key in RATE_BY_NAME:
        return RATE_BY_NAME[key].title.lower()
    if key == f"{DRIFT}{EMBEDDINGS}":
        return "what they show"
    kind, _, name = key.partition(":")
    if f"{kind}:" in (LOST, GROWN):
        return visible(name.replace(":", " ", 1))
    titled = (CHECK_BY_NAME if f"{kind}:" == CHECK else METRIC_BY_NAME).get(name)
    return titled.title.lower() if titled else visible(name)


def title_of(key: str) -> str:
    """What a rate, drift, or what is lost, grown or stale, is called as a heading."""
    if key in RATE_BY_NAME:
        return RATE_BY_NAME[key].title
    if key == STALE:
        return "No new images"
    if key.startswith((LOST, GROWN)):
        return f"{'Lost' if key.startswith(LOST) else 'Grown'}: {name_of(key)}"
    return "Drift of content" if key == f"{DRIFT}{EMBEDDINGS}" else f"Drift: {name_of(key)}"


def judged_by(key: str) -> str:
    """The metric by which images of a rate or of drift are the worst, or ``embeddings``."""
    what = RATE_BY_NAME[key].count if key in RATE_BY_NAME else key.removeprefix(DRIFT)
    return _METRIC_OF.get(what, what)


def in_short(keys: Collection[str]) -> str:
    """The alarms that are on, in few words: ``Dark, novelty, drift, 2 checks``."""
    words = [rate.title.removesuffix(" rate") for rate in RATES if rate.name in keys]
    words += [
        said for start, said in _IN_SHORT.items() if any(key.startswith(start) for key in keys)
    ]
    checks = sum(key.startswith(CHECK) for key in keys)
    words += [counted(checks, "check").replace(" ", "\u00a0")] if checks else []
    return ", ".join(words).capitalize() or "\u2013"


def anchor_of(key: str) -> str:
    """Where on its page of the report the images of an alarm stand."""
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
