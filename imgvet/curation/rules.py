"""The rules of a plan: what each list does, from where on, which of a group stays, what is safe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from imgvet.parameters import Part, Place, Share, Strings, parameter, validated
from imgvet.reasons import Reason

Action = Literal["remove", "review", "off"]
Gray = Annotated[float, Field(ge=0, le=255)]

WORDS = ("labelled", "largest", "sharpest", "least_compressed", "oldest", "majority_label")
PREFIXES = ("folder:", "split:")
"""What the criteria of :attr:`KeepRules.keep` are written as."""

BROKEN = (
    Reason.EMPTY_FILE, Reason.NOT_AN_IMAGE, Reason.TRUNCATED, Reason.CORRUPT, Reason.TOO_SMALL,
)  # fmt: skip
"""Reasons that lie in the file itself: another program, or another time, would not read it."""


def _switch(default: Action, of: str) -> Action:
    value: Action = parameter(default, f"{of}: remove, review or off")
    return value


class ListRules(Part):
    """What happens to the images of each list, and where the list begins."""

    exact: Action = _switch("remove", "surplus exact copies")
    near: Action = _switch("review", "near duplicates of an image that stays")
    near_threshold: Share | None = parameter(
        None, "least similarity of a near duplicate [threshold of the run]"
    )
    unproven: Action = _switch("review", "near duplicates that the pixels don't prove")
    contained: Action = _switch("review", "images that are a part of one that stays")
    same_video: Action = _switch("off", "frames like one that stays of their own video")
    whole_files: Action = _switch("review", "archives and videos of which every image goes")
    invalid: Action = _switch("remove", "files that can't be analysed")
    invalid_reasons: Strings = parameter(
        tuple(reason.value for reason in BROKEN),
        "reasons for which such a file goes; of others it is left to review",
    )
    dark: Action = _switch("review", "dark images")
    dark_threshold: Gray | None = parameter(None, "as in a run [that of the run]")
    bright: Action = _switch("review", "bright images")
    bright_threshold: Gray | None = parameter(None, "as in a run [that of the run]")
    blurry: Action = _switch("review", "blurry images")
    blur_threshold: Share | None = parameter(None, "as in a run [that of the run]")
    outlying: Action = _switch("review", "images of the table outliers that stand out")
    outlier_score: float | None = parameter(
        None, "robust score from which on an image stands out [3.5]"
    )
    mislabelled: Action = _switch("review", "images whose label is likely wrong")
    mislabelled_score: Share | None = parameter(
        None, "greatest score of a wrong label [what the run calls an issue]"
    )
    leaking: Literal["review", "off"] = parameter(
        "review", "images that are in two splits: review or off, as a person decides"
    )
    leak_threshold: Share = parameter(0.0, "least similarity of such a pair")
    lists: Strings = parameter((), "lists saved in the explorer, by name, whose images are removed")

    @field_validator("invalid_reasons")
    @classmethod
    def _reasons(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = [reason.value for reason in Reason if reason is not Reason.OK]
        for word in value:
            if word not in known:
                raise ValueError(f"{word!r} is no reason: known are {', '.join(known)}")
        return value


class KeepRules(Part):
    """Which image of a group stays, and which are never touched."""

    keep: Strings = parameter(
        ("labelled", "largest", "least_compressed"),
        "what decides which of a group stays, the first that differs: labelled, "
        "largest, least_compressed, sharpest, oldest, majority_label, folder:PATH, split:NAME; "
        "then labelled and the shortest name",
    )
    protect: Strings = parameter((), "folders of which no file is ever touched")

    @field_validator("keep")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            if word not in WORDS and not word.startswith(PREFIXES):
                raise ValueError(f"{word!r} is none of {', '.join((*WORDS, *PREFIXES))}")
        return value


class Rules(ListRules, KeepRules):
    """All rules of a plan."""


class CurateOptions(Part):
    """The parameters of the flow ``curate_dataset``."""

    work_dir: Place = Field(description="work dir of a finished run")
    quarantine: Path = Field(description="folder outside of the input, for what goes")
    rules: Rules = Field(default_factory=Rules, description="the rules of the plan")
    wait_hours: float = parameter(
        168, "hours after which a plan that nobody answers is given up", gt=0
    )


def make_rules(values: Mapping[str, Any]) -> Rules:
    """Validate rules that a person gave; raises as :func:`imgvet.options.make_options`."""
    return validated(Rules, values, "curate plan")
