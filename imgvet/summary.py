"""What a run leaves behind about itself, as records and as lines for a terminal.

Counts of images, of pairs and of groups are three separate numbers and are never mixed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import auto
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from imgvet.errors import RunNotFoundError
from imgvet.format import counted, filled, visible
from imgvet.metrics import FLAGS
from imgvet.options import dataset_called
from imgvet.parameters import Frozen, PartType
from imgvet.reasons import Code
from imgvet.sections import Section
from imgvet.workdir import WorkDir

Result = TypeVar("Result")

_WIDEST = 90
"""A longer text moves no line but its own."""


class Verdict(Code):
    """What the checks say of the dataset as a whole."""

    PASSED = auto(), "passed: every check is within its limits"
    WARNINGS = auto(), "passed with warnings"
    FAILED = auto(), "failed: a critical check is over its limit"
    ERRORED = auto(), "unknown: a check could not be computed"


class Exact(Frozen, extra="forbid"):
    """A record without anything else in it."""


def _if_known() -> Any:
    """A field that is left out where there is nothing to tell."""
    return Field(None, exclude_if=lambda value: value is None)


class Counts(Exact):
    """Exact counts.

    ``*_images`` count images, ``*_pairs`` pairs of images, ``*_groups`` and ``components`` groups.
    """

    images: int
    valid: int
    invalid: int
    exact_duplicate_images: int
    """Images whose bytes are those of another image (originals included), less still frames."""
    exact_duplicate_groups: int
    exact_duplicate_surplus: int
    """Images that could go: exact copies less one for each group."""
    near_duplicate_images: int
    """Images in a pair at least ``threshold`` similar, or proven, whose bytes differ and which are
    not frames of one video."""
    near_duplicate_pairs: int
    near_duplicate_proven: int | None = _if_known()
    """Those of these pairs whose pixels prove that both show the same."""
    near_duplicate_within: int | None = _if_known()
    """Such pairs of frames of one video, where those beside each other are alike: none of those
    above. Not there, as what follows, without videos."""
    videos: int | None = _if_known()
    video_pairs: int | None = _if_known()
    """Pairs of videos that run along each other, as copies, clips and common scenes do."""
    still_frames: int | None = _if_known()
    """Frames whose bytes are those of an earlier one of their video; no exact duplicates."""
    components: int | None
    """None, as of the two that follow, if ``run_cc`` was off."""
    component_images: int | None
    largest_component: int | None
    """Images of the largest component, 0 if there is none."""
    outliers: int
    """Images listed as outliers: in the share that was asked for, or standing out by score."""
    robust_outliers: int
    """Those of them that stand out, with a robust score over 3.5: may be none."""
    dark: int | None
    """Dark images; None, as of the two that follow, if ``run_stats`` was off."""
    bright: int | None
    blurry: int | None
    leak_images: int | None = _if_known()
    """Images with a counterpart in another split; not there, as what follows, without two splits or
    labels."""
    leak_pairs: int | None = _if_known()
    labelled: int | None = _if_known()
    """Valid images with a label."""
    label_conflict_images: int | None = _if_known()
    """Images of which an image of the same content has another label."""
    label_conflict_groups: int | None = _if_known()
    label_issues: int | None = _if_known()
    """Images whose label is likely wrong."""


class LabelStructure(Exact):
    """How well embeddings (or given probabilities) tell the labels of a dataset apart."""

    judged: int
    """Images whose label was held against that of others."""
    labels: int
    rare_labels: int
    """Labels of too few contents to be judged by."""
    agreement: float
    """Share of the judged contents whose neighbours, without their own, say their label."""
    chance: float
    """The same if labels had nothing to do with what is seen."""

    @property
    def why_unjudged(self) -> str:
        """Why none could be judged, in words."""
        if self.rare_labels == self.labels:
            return "every label has fewer than 5 images"
        return "labels do not follow what the model sees"


class RunSummary(Exact):
    """What a run found. Written as ``summary.json``."""

    verdict: Verdict
    counts: Counts
    invalid_by_reason: dict[str, int]
    inputs: tuple[str, ...]
    sources: int | None = None
    """Images that were cut into crops, None if whole images were analysed."""
    sources_without_crops: int | None = None
    """Those of them in which there was nothing to cut."""
    other_files: dict[str, int] | None = _if_known()
    """Files in local folders that no ending tells to be images, archives or videos, by ending."""
    model: str
    threshold: float
    cc_threshold: float
    outlier_percentile: float
    dark_threshold: float
    bright_threshold: float
    blur_threshold: float
    median_similarity: float | None
    """Median similarity to the nearest neighbour, None if fewer than two distinct images."""
    estimated_scale: float | None = None
    """The scale of similarity, if it was estimated on these images: none was measured."""
    neighbor_recall: float | None
    """Measured recall of the nearest-neighbour search, 1 if it was exact, None if none was done."""
    leaks_by_split: dict[str, int] | None = _if_known()
    """Of each split the images that another one has too."""
    without_split: int | None = _if_known()
    """Valid images of no known split, which are in no leak; not there if there are none."""
    label_structure: LabelStructure | None = _if_known()
    checks_passed: int
    checks_failed: int
    checks_errored: int

    @property
    def noun(self) -> str:
        """What was analysed, one of them."""
        return "image" if self.sources is None else "crop"

    def __repr__(self) -> str:
        return f"RunSummary({self.verdict.value}, {counted(self.counts.images, 'item')})"


class StageTiming(Exact):
    """How long one stage took."""

    stage: str
    seconds: float
    computed: int
    """Items computed in this run."""
    reused: int
    """Items taken from the store."""
    cached: bool = False
    """Whether the stage did not run: inputs and options were those of an earlier run."""


class RunRecord(Exact):
    """How a run was done. Written as ``run.json``, last: its presence marks a finished run."""

    run_id: str
    started: str
    finished: str
    seconds: float
    parameters: dict[str, object]
    versions: dict[str, str]
    model: dict[str, object]
    stages: tuple[StageTiming, ...]

    def options(self, kind: type[PartType]) -> PartType:
        """A group of its parameters; those that its version did not have yet get their defaults."""
        return kind.model_validate(
            {name: value for name, value in self.parameters.items() if name in kind.model_fields}
        )

    @property
    def dataset(self) -> str:
        """The name of what was vetted."""
        known: dict[str, Any] = self.parameters
        return dataset_called(known.get("dataset_name"), known.get("input_dir") or ())


def read_summary(work: WorkDir) -> RunSummary:
    """The summary of a finished run; raises as :func:`read_result`."""
    return read_result(work.summary_json, RunSummary.model_validate_json)


def read_record(work: WorkDir) -> RunRecord:
    """The record of a finished run; raises as :func:`read_result`."""
    return read_result(work.run_json, RunRecord.model_validate_json)


def read_result(path: Path, parse: Callable[[bytes], Result]) -> Result:
    """A JSON file of a finished run; RunNotFoundError if it is gone, damaged or can't be read."""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        problem = f"can't be read ({error.strerror})"
    except ValidationError:
        problem = "is not what a run of this version writes"
    raise RunNotFoundError(f"{path} {problem}", "Run again: what is known is not computed again")


def summary_lines(summary: RunSummary, report: str) -> list[str]:
    """The lines of the summary; ``report`` is the page with the details, as a user opens it."""
    values = {"summary": summary, "counts": summary.counts, "Section": Section, "FLAGS": FLAGS}
    told = filled("summary.txt", **values).splitlines()
    rows = [(*line.split("\t"), "")[:3] for line in told]
    label_width, text_width = (max(len(row[column]) for row in rows) + 2 for column in range(2))
    text_width = min(text_width, _WIDEST)
    rows += [("Verdict", summary.verdict.meaning, ""), ("Report", report, "")]
    return [
        visible(f"{label:<{label_width}}{text + '  ':<{text_width}}{where}".rstrip())
        for label, text, where in rows
    ]
