"""A made-up run with planted truth: the inputs of a report."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd
import pytest

from imgvet.metrics import FLAGS, METRICS
from imgvet.monitor.history import Compared, Event, Run
from imgvet.quality.result import CheckResult, CheckState
from imgvet.reports.inputs import ReportInputs
from imgvet.summary import (
    Counts,
    LabelStructure,
    RunRecord,
    RunSummary,
    StageTiming,
    Verdict,
)
from imgvet.tables import (
    ALARMS,
    COMPONENT_INFO,
    COMPONENTS,
    CROPS,
    FROZEN_STRETCHES,
    INVALID,
    ITEMS,
    LABEL_ISSUES,
    LEAKS,
    OUTLIERS,
    SIMILARITY,
    SPLIT_COVERAGE,
    STATS,
    VIDEO_PAIRS,
    conform,
    to_frame,
)

ROOT = "/data/shop & more/"

LABELS = ("cat", "dog & <i>bone</i>", "bird\u202e")

HOSTILE_NAMES = (
    "a\"><script>alert('x')</script>.jpg",
    "b</script><img src=https://example.org/x.png onerror=alert(1)>.jpg",
    "c\nsecond line\t.jpg",
    "d\u202egpj.exe\u200f.jpg",
    "e" * 4000 + ".jpg",
    "f{{ 7 * 7 }}{% raw %}.jpg",
    "h'onmouseover='alert(1).jpg",
)


@dataclass(frozen=True)
class Planted:
    """What was planted: the truth the report must show."""

    valid: int = 60
    exact_groups: tuple[tuple[int, ...], ...] = ((10, 11, 12), (13, 14))
    near_pairs: tuple[tuple[int, int, float], ...] = (
        (20, 21, 0.993),
        (2, 3, 0.951),
        (5, 6, 0.91),
    )
    component: tuple[int, ...] = (30, 31, 32, 33, 34, 35, 36, 37, 38)
    outliers: tuple[int, ...] = (0, 1, 4)
    dark: tuple[int, ...] = (50, 51, 52)
    bright: tuple[int, ...] = (53, 54)
    blurry: tuple[int, ...] = (55, 56, 57, 58)
    invalid: tuple[tuple[int, str], ...] = (
        (60, "empty_file"), (61, "truncated"), (62, "truncated"), (63, "not_an_image"),
    )  # fmt: skip


@pytest.fixture(scope="session")
def planted() -> Planted:
    """The planted truth."""
    return Planted()


@pytest.fixture(scope="session")
def hostile_files() -> list[str]:
    """Whole names of the hostile files."""
    return [ROOT + name for name in HOSTILE_NAMES]


@pytest.fixture(scope="session")
def inputs(planted: Planted) -> ReportInputs:
    """A run with findings of every kind, and hostile file names."""
    return ReportInputs(
        summary=summary_of(planted),
        record=record(),
        checks=checks(),
        tables=tables_of(planted),
        thumbnail=drawn_thumbnail,
    )


@pytest.fixture(scope="session")
def full_inputs(planted: Planted, inputs: ReportInputs) -> ReportInputs:
    """The same run with labels, splits, videos, crops, a map and a history."""
    items = inputs.tables["items"].copy()
    items["label"] = [LABELS[item % 3] if item % 10 else None for item in items["id"]]
    items["split"] = np.where(items["id"] % 2 == 0, "train", "test")
    frames, ranks = items["id"].isin(planted.component), range(len(planted.component))
    films = [f"{ROOT}films/{'one' if rank < 5 else 'two <b>'}.mp4" for rank in ranks]
    items.loc[frames, "path"] = films
    items.loc[frames, "time_ms"] = [1000 * rank for rank in ranks]
    items.loc[frames, "filename"] = [
        f"{film}#t={rank}.0" for film, rank in zip(films, ranks, strict=True)
    ]
    items["embedding_row"] = [item if item < planted.valid else None for item in items["id"]]
    members = inputs.tables["components"].copy()
    members["video"] = [
        f"{ROOT}films/{'one' if rank < 5 else 'two <b>'}.mp4" for rank in range(len(members))
    ]
    leaks, judged = leaks_of(inputs.tables["similarity"], items), label_issues_of(items)
    counts = inputs.summary.counts.model_copy(
        update={
            "leak_images": len({*leaks["from"], *leaks["to"]}),
            "leak_pairs": len(leaks),
            "labelled": len(judged),
            "label_conflict_images": int(judged["conflict"].sum()),
            "label_conflict_groups": 1,
            "label_issues": int(judged["is_issue"].sum()),
        }
    )
    update = {
        "counts": counts,
        "leaks_by_split": {"test": len(leaks), "train": len(leaks)},
        "label_structure": LabelStructure(
            judged=len(judged) - 2, labels=3, rare_labels=1, agreement=0.9, chance=0.3
        ),
    }
    return replace(
        inputs,
        summary=inputs.summary.model_copy(update=update),
        tables={
            **inputs.tables,
            "items": to_frame(conform(items, ITEMS)),
            "leaks": leaks,
            "label_issues": judged,
            "components": members,
            "video_pairs": video_pairs(),
            "frozen_stretches": frozen_stretches(planted),
            **groups_of(planted),
            "crops": crops_of(planted),
            "alarms": alarms_of(planted),
        },
        embeddings=np.random.default_rng(3).normal(size=(planted.valid, 16)).astype(np.float32),
        runs=watched(inputs),
    )


def watched(inputs: ReportInputs) -> tuple[Run, ...]:
    """A baseline, a run that failed, one that raised alarms, and this one, in which they go on."""
    counts = inputs.summary.counts.model_dump(exclude_none=True) | {"novel": 3}
    quiet = counts | {"dark": 0, "novel": 0}
    new = {"images": 12, "valid": 10, "invalid": 2, "dark": 4, "bright": 0, "blurry": 0,
           "exact_duplicate_surplus": 0, "near_duplicate_images": 0, "novel": 3}  # fmt: skip
    told = Event(
        name="imgvet.dark-rate.jumped", alarms=("dark_rate",), severity="warning", all_clear=False,
        title="photos: dark rate jumped", body="Of 10 <new> images, 4.\nSee: a.jpg\nRun of x.",
    )  # fmt: skip
    compared = (
        Compared(key="dark_rate", population="whole", before=0, after=0.05, limit=0.04, p_value=0),
        Compared(key="dark_rate", population="new", before=0, after=0.4, limit=0.2, p_value=1e-7),
        Compared(key="novelty_rate", population="new", before=0, after=0.3, limit=0.2, p_value=0),
        Compared(key="invalid_rate", population="new", before=0, after=0.1, limit=None, p_value=1),
        Compared(key="drift:sharpness", population="new", before=None, after=0.6, limit=0.3,
                 p_value=0),
        Compared(key="drift:embeddings", population="new", before=None, after=0.1, limit=0.3,
                 p_value=0.5),
    )  # fmt: skip
    alarms = ("check:invalid_rate", "dark_rate", "drift:sharpness", "novelty_rate")
    done = {"monitored": True, "verdict": Verdict.PASSED, "counts": quiet}
    bad = done | {"counts": counts, "new_counts": new, "baseline": "run-1", "alarms": alarms,
                  "compared": compared, "verdict": Verdict.FAILED}  # fmt: skip
    return (
        Run(run_id="run-1", started="2026-01-01T00:00:00+00:00", new_counts=quiet, **done),
        Run(run_id="run-f", started="2026-01-01T06:00:00+00:00", status="failed", monitored=True,
            alarms=("run",), notice="No space </td> left"),
        Run(run_id="run-<2>", started="2026-01-01T12:00:00+00:00", events=(told,), **bad),
        Run(run_id=inputs.record.run_id, started=inputs.record.started,
            notice="A <b>notice</b>", **bad),
    )  # fmt: skip


def alarms_of(planted: Planted) -> pd.DataFrame:
    """Dark images that an alarm counts, and novel and drifting ones, the hostile among them."""
    rows = [("dark_rate", item, 10.0 + 5 * rank) for rank, item in enumerate(planted.dark)]
    rows += [("novelty_rate", item, item / 100) for item in (0, 1, 2)]
    rows += [("drift:sharpness", item, 0.5) for item in range(12)]
    return to_frame(conform(pd.DataFrame(rows, columns=["alarm", "id", "value"]), ALARMS))


def leaks_of(pairs: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The pairs of different splits."""
    splits = items.set_index("id")["split"]
    ends = {"split": pairs["from"].map(splits), "other_split": pairs["to"].map(splits)}
    table = pairs.assign(**ends)
    return to_frame(conform(table[table["split"] != table["other_split"]], LEAKS))


def label_issues_of(items: pd.DataFrame) -> pd.DataFrame:
    """Copies 13 and 14 are in conflict, nobody knowing which is right; 45 looks like 44."""
    table = items.loc[items["status"].eq("ok") & items["label"].notna(), ["id", "label"]]
    table = table.assign(suggested_label=table["label"], score=0.9, nearest=None)
    table["conflict"] = table["id"].isin([13, 14])
    table["is_issue"] = table["conflict"] | table["id"].eq(45)
    table.loc[table["conflict"], ["suggested_label", "score"]] = None, 0.5
    table.loc[table["id"] == 45, ["suggested_label", "score", "nearest"]] = LABELS[2], 0.1, 44
    order = {"is_issue": False, "score": True, "id": True}
    table = table.sort_values(list(order), ascending=list(order.values()))
    return to_frame(conform(table, LABEL_ISSUES))


def video_pairs() -> pd.DataFrame:
    """One pair of videos."""
    row = {"video": f"{ROOT}films/one.mp4", "other": f"{ROOT}films/two <b>.mp4", "components": 1,
           "frames": 5, "shared_frames": 5, "other_frames": 4, "other_shared_frames": 4,
           "share": 1.0, "offset_ms": -2000, "aligned_frames": 4, "overlap": 1.0}  # fmt: skip
    return to_frame(conform(pd.DataFrame([row]), VIDEO_PAIRS))


def frozen_stretches(planted: Planted) -> pd.DataFrame:
    """The last four frames of the first film show the same."""
    row = (f"{ROOT}films/one.mp4", planted.component[1], 1000, 4000, 4)
    return pd.DataFrame([row], columns=FROZEN_STRETCHES.column_names)


def groups_of(planted: Planted) -> dict[str, pd.DataFrame]:
    """A group of the first twenty images, one of a single image, and one of the others."""
    ids = np.arange(planted.valid)
    groups = np.select([ids < 20, ids == planted.valid - 1], [1, 2], 0)
    members = pd.DataFrame({"id": ids, "group_id": groups, "similarity": 1 - ids / 100})
    info = members.groupby("group_id").agg(
        count=("id", "size"), mean_similarity=("similarity", "mean"), representative=("id", "min")
    )
    coverage = pd.DataFrame(
        [("test", "train", 27, 0.8, 0.7), ("train", "test", 28, 0.9, 0.6)],
        columns=SPLIT_COVERAGE.column_names,
    )
    return {"groups": members, "group_info": info.reset_index(), "split_coverage": coverage}


def crops_of(planted: Planted) -> pd.DataFrame:
    """A crop for every valid item, two of each image."""
    rows = [
        {"crop_id": item, "source_id": item // 2, "filename": file_name(item), "col_x": 5.0,
         "row_y": 6.0, "width": 40.0 + item, "height": 50.0, "score": (item + 1) / 100,
         "label": LABELS[item % 2], "text": "read </bdi> this"}
        for item in range(planted.valid)
    ]  # fmt: skip
    return to_frame(conform(pd.DataFrame(rows), CROPS))


@pytest.fixture(scope="session")
def clean_inputs() -> ReportInputs:
    """A run of two images in which nothing was found and nothing measured."""
    counts = dict.fromkeys(Counts.model_fields, 0) | {"images": 2, "valid": 2}
    tables = {
        table.name: to_frame(table.schema.empty_table())
        for table in (STATS, SIMILARITY, OUTLIERS, COMPONENTS, COMPONENT_INFO, INVALID)
    }
    items = items_of(Planted(valid=2, exact_groups=(), invalid=()))
    return ReportInputs(
        summary=summary_of(Planted()).model_copy(
            update={
                "verdict": Verdict.PASSED,
                "counts": Counts(**counts),
                "invalid_by_reason": {},
                "median_similarity": None,
                "neighbor_recall": None,
                "checks_passed": 0,
                "checks_failed": 0,
                "checks_errored": 0,
            }
        ),
        record=record().model_copy(
            update={"parameters": {"input_dir": [ROOT], "run_stats": False, "run_cc": False}}
        ),
        checks=(),
        tables=tables | {"items": items},
        thumbnail=lambda digest: None,
    )


def file_name(item: int) -> str:
    """The file of an item; the first ones are hostile."""
    if item < len(HOSTILE_NAMES):
        return ROOT + HOSTILE_NAMES[item]
    return f"{ROOT}{'train' if item % 2 else 'test'}/photo_{item:04d}.jpg"


def digest_of(item: int, planted: Planted) -> str:
    """The content digest: that of the first of its exact group."""
    first = next((group[0] for group in planted.exact_groups if item in group), item)
    return f"{first:032x}"


def items_of(planted: Planted) -> pd.DataFrame:
    """Table ``items``."""
    reasons = dict(planted.invalid)
    rows = [
        {
            "id": item,
            "filename": file_name(item),
            "source": ROOT,
            "status": reasons.get(item, "ok"),
            "digest": None if reasons.get(item) == "empty_file" else digest_of(item, planted),
            "file_size": 0 if reasons.get(item) == "empty_file" else 20_000 + 100 * item,
        }
        for item in range(planted.valid + len(planted.invalid))
    ]
    return to_frame(conform(pd.DataFrame(rows), ITEMS))


def stats_of(planted: Planted) -> pd.DataFrame:
    """Table ``stats``: random values, flagged ones planted."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame({"id": np.arange(planted.valid)})
    for metric in METRICS:
        if not metric.advanced:
            frame[metric.name] = random.integers(100, 200, planted.valid)
    frame["width"], frame["height"] = 640, random.integers(300, 500, planted.valid)
    frame["channels"], frame["bit_depth"] = 3, 8
    frame["file_size"] = 20_000 + 100 * frame["id"]
    for name in ("sharpness", "contrast"):
        frame[name] = random.uniform(0.6, 1.0, planted.valid)
    frame["stdv"] = random.uniform(40, 60, planted.valid)
    frame = frame.astype(dict.fromkeys(("percentile_99", "percentile_5"), float)).set_index("id")
    for rank, item in enumerate(planted.dark):
        frame.loc[item, "percentile_99"] = 10.0 + 5 * rank
    for rank, item in enumerate(planted.bright):
        frame.loc[item, "percentile_5"] = 250.0 - rank
    for rank, item in enumerate(planted.blurry):
        frame.loc[item, "sharpness"] = 0.1 * rank
    return to_frame(conform(frame.reset_index(), STATS))


def tables_of(planted: Planted) -> dict[str, pd.DataFrame]:
    """All tables of the run."""
    copies = [(group[0], copy, 1.0) for group in planted.exact_groups for copy in group[1:]]
    pairs = pd.DataFrame([*copies, *planted.near_pairs], columns=["from", "to", "similarity"])
    size = {"count": len(planted.component), "mean_similarity": 0.975,
            "min_similarity": 0.961, "max_similarity": 0.99}  # fmt: skip
    members = pd.DataFrame([{"id": item, "component_id": 0, **size} for item in planted.component])
    info = pd.DataFrame([{"component_id": 0, **size, "representative": planted.component[4]}])
    outliers = pd.DataFrame(
        [
            {"id": item, "nearest": 45, "similarity": 0.2 + 0.1 * rank, "score": 6.0 - 2 * rank}
            for rank, item in enumerate(planted.outliers)
        ]
    )
    invalid = pd.DataFrame(
        [
            {
                "id": item,
                "filename": file_name(item),
                "reason": reason,
                "detail": "ends at </td><b>",
            }
            for item, reason in planted.invalid
        ]
    )
    return {
        "items": items_of(planted),
        "stats": stats_of(planted),
        "similarity": to_frame(conform(pairs, SIMILARITY)),
        "outliers": to_frame(conform(outliers, OUTLIERS)),
        "components": to_frame(conform(members, COMPONENTS)),
        "component_info": to_frame(conform(info, COMPONENT_INFO)),
        "invalid": to_frame(conform(invalid, INVALID)),
    }


def summary_of(planted: Planted) -> RunSummary:
    """The summary that belongs to the tables."""
    reasons = [reason for _, reason in planted.invalid]
    counts = Counts(
        images=planted.valid + len(planted.invalid),
        valid=planted.valid,
        invalid=len(planted.invalid),
        exact_duplicate_images=sum(map(len, planted.exact_groups)),
        exact_duplicate_groups=len(planted.exact_groups),
        exact_duplicate_surplus=sum(len(group) - 1 for group in planted.exact_groups),
        near_duplicate_images=2 * len(planted.near_pairs),
        near_duplicate_pairs=len(planted.near_pairs),
        components=1,
        component_images=len(planted.component),
        largest_component=len(planted.component),
        outliers=len(planted.outliers),
        robust_outliers=2,
        **{flag.name: len(getattr(planted, flag.name)) for flag in FLAGS},
    )
    return RunSummary(
        verdict=Verdict.FAILED,
        counts=counts,
        invalid_by_reason={
            reason: reasons.count(reason)
            for reason in sorted(set(reasons), key=lambda reason: (-reasons.count(reason), reason))
        },
        inputs=(ROOT.rstrip("/"),),
        model="builtin",
        threshold=0.9,
        cc_threshold=0.96,
        outlier_percentile=0.05,
        dark_threshold=60.0,
        bright_threshold=242.0,
        blur_threshold=0.5,
        median_similarity=0.71,
        neighbor_recall=0.9931,
        checks_passed=1,
        checks_failed=2,
        checks_errored=1,
    )


def record() -> RunRecord:
    """How the run was done."""
    return RunRecord(
        run_id="20260102-030405-abcdef",
        started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:04:17+00:00",
        seconds=12.4,
        parameters={
            "input_dir": [ROOT],
            "work_dir": "my results",
            "threshold": 0.9,
            "subset": None,
            "checks": {"min_images": 1, "max_invalid_rate": 0.01},
        },
        versions={"imgvet": "0.1.0", "python": "3.11.9", "numpy": "2.4.6"},
        model={"digest": "0f" * 16, "width": 384},
        stages=(
            StageTiming(stage="list_items", seconds=0.2, computed=64, reused=0),
            StageTiming(stage="compute_stats", seconds=3.1, computed=4, reused=60),
            StageTiming(stage="embed", seconds=7.9, computed=60, reused=0, cached=True),
        ),
    )


def checks() -> tuple[CheckResult, ...]:
    """Checks in every state."""
    return (
        CheckResult(name="min_images", title="Enough images", state=CheckState.PASSED,
                    severity="critical", observed="60", allowed="at least 1", value=60.0,
                    section="overview"),
        CheckResult(name="invalid_rate", title="Few invalid files", state=CheckState.FAILED,
                    severity="critical", observed="6.25 %", allowed="at most 1 %", value=0.0625,
                    section="invalid", examples=tuple(range(8))),
        CheckResult(name="dark_rate", title="Few dark images", state=CheckState.FAILED,
                    severity="warning", observed="5 %", allowed="at most 2 %", value=0.05,
                    section="dark", examples=(50, 51, 52)),
        CheckResult(name="bright_rate", title="Few bright images", state=CheckState.ERRORED,
                    severity="warning", observed="", allowed="at most 2 %", value=None,
                    section="no such section", detail="column <missing> 'percentile_5'"),
    )  # fmt: skip


def drawn_thumbnail(digest: str) -> bytes | None:
    """A drawn picture; every ninth digest has none, and one is no JPEG."""
    number = int(digest, 16)
    if number % 9 == 8:
        return None
    if number == 3:
        return b"not a picture"
    random = np.random.default_rng(number)
    shape = (256, 384, 3) if number % 2 else (512, 256, 3)
    picture = np.full(shape, random.integers(0, 255, 3), np.uint8)
    for _ in range(12):
        center = tuple(int(value) for value in random.integers(0, 256, 2))
        colour = tuple(int(value) for value in random.integers(0, 255, 3))
        cv2.circle(picture, center, int(random.integers(5, 60)), colour, -1)
    return cv2.imencode(".jpg", picture)[1].tobytes()
