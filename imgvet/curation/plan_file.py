"""The files of a plan: CSV to be edited, Parquet as it was made; read back and checked.

What it removes that is no file on this machine goes into a list, and a script for objects in
buckets. Nothing of it is touched from here: an object may be versioned, locked or shared, and an
archive can't lose a member without being written anew.
"""

from __future__ import annotations

import shlex
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from imgvet.curation.decisions import Decision, Decisions, Kind, decide
from imgvet.curation.images import FILE
from imgvet.curation.whole_files import WHOLE_FILE
from imgvet.errors import PlanError, failing_as
from imgvet.format import examples, filled
from imgvet.sources.s3 import parse_location
from imgvet.spreadsheet import csv_bytes, read_csv
from imgvet.store.references import digest_file
from imgvet.tables import PLAN, conform, read_table, to_frame, write_table
from imgvet.workdir import WorkDir, write_atomically, write_bytes, write_text

ACTIONS = ("keep", "remove", "review")
MANIFEST, SCRIPT = "manifest.csv", "bucket.sh"
_APPLIED = ".applied"
PREFIX = "imgvet-quarantine/"
_LISTED = ["filename", "place", "list", "reason", "kept", "digest", "file_size"]
_NEEDED = ("action", "list", "filename", "kept", "place", "source", "digest")


def write_plan(work: WorkDir, plan: pd.DataFrame, *, replace: bool = False) -> Path:
    """Write ``plan.csv`` and ``plan.parquet``; PlanError if there is one that a person edited."""
    if not replace and is_edited(work):
        raise PlanError(
            f"{work.plan_csv} was edited and would be replaced",
            "Apply it, move it away, or give --replace",
        )
    # The table first: a kill between the two makes the CSV look edited, and never the other way.
    write_atomically(work.plan_table, lambda path: write_table(conform(plan, PLAN), path))
    write_bytes(work.plan_csv, _as_csv(plan))
    return work.plan_csv


def is_edited(work: WorkDir) -> bool:
    """Whether a work dir has a plan that is not as it was made, and was not applied since."""
    if not work.plan_csv.is_file():
        return False
    note = work.plan_csv.with_suffix(_APPLIED)
    if note.is_file() and note.read_text() == digest_file(work.plan_csv):
        return False
    return not work.plan_table.is_file() or work.plan_csv.read_bytes() != _as_csv(
        read_table(work.plan_table)
    )


def mark_applied(path: Path) -> None:
    """Keep beside a plan that what it says was done, so that a new one may take its place."""
    with suppress(OSError):  # what was done counts, and is done
        write_text(path.with_suffix(_APPLIED), digest_file(path))


def read_plan(path: Path) -> pd.DataFrame:
    """A plan from CSV or Parquet; PlanError if it can't be read or is not sound."""
    rows = read_rows(path, _NEEDED).reindex(columns=PLAN.column_names)
    rows = rows.where(rows.notna() & (rows != ""), None)
    for name in ("similarity", "width", "height", "file_size", "id"):
        rows[name] = pd.to_numeric(rows[name], errors="coerce")
    plan = to_frame(conform(rows, PLAN))
    require_sound(plan)
    return plan


def read_rows(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """The rows of CSV or Parquet, actions in lower case; PlanError if they are no plan."""
    if path.suffix == ".parquet":
        with failing_as(
            PlanError, f"{path} can't be read", "Name a plan", OSError, pa.ArrowInvalid
        ):
            rows = read_table(path)
    else:
        rows = read_csv(path, needed)
    if "action" in rows:
        rows["action"] = rows["action"].astype(str).str.strip().str.lower()
    _require_rows(rows, needed)
    return rows


def require_sound(plan: pd.DataFrame) -> None:
    """PlanError if a row can't be understood, touches what is protected, or all of a group goes."""
    _require_rows(plan, _NEEDED)
    going = plan["action"] == "remove"
    protected = plan["filename"][going & (plan["list"] == "protected")]
    if len(protected):
        raise PlanError(
            f"The plan removes protected images, such as {examples(protected.tolist()[:1])}",
            "Let them stay, or make the plan again with other protected folders",
        )
    lost = sorted(set(plan["kept"][going].dropna()) - stays_for(plan).keys())
    if lost:
        raise PlanError(
            f"All of a group would go: no row stays for {examples(lost)}",
            "Keep one of each group, or empty the column kept of the rows that should go anyway",
        )
    for name in plan["filename"][going & (plan["list"] == WHOLE_FILE)]:
        stays = plan["filename"][~going & inside(plan["filename"], name)]
        if len(stays):
            raise PlanError(
                f"{name} would go, with {examples(stays.tolist()[:1])} in it, which should stay",
                "Keep the whole file, or remove every image in it",
            )


def _require_rows(plan: pd.DataFrame, needed: Sequence[str]) -> None:
    if missing := [name for name in needed if name not in plan]:
        raise PlanError(f"The plan has no column {missing[0]}", "Change a plan as it was made")
    unknown = plan[~plan["action"].isin(ACTIONS) | plan["filename"].isna()]
    for row, action, filename in unknown[["action", "filename"]].itertuples(name=None):
        what = "no filename" if action in ACTIONS else f"action {action!r} for {filename}"
        raise PlanError(
            f"Row {row + 2} of the plan has {what}",
            f"Use {', '.join(ACTIONS)}, and leave the other columns as they are",
        )


def inside(names: pd.Series, file: str) -> pd.Series:
    """Which names are those of members of an archive, or of frames of a video."""
    return names.str.startswith((f"{file}!", f"{file}#t="))


def stays_for(plan: pd.DataFrame) -> dict[str, str]:
    """By the name in column ``kept``: that image or, if a person lets it go, another of its group.

    Groups of which all go are not among them.
    """
    staying = plan.loc[plan["action"] != "remove", ["kept", "filename"]].dropna(subset="filename")
    others = dict(staying.iloc[::-1].dropna().itertuples(index=False, name=None))
    return others | {name: name for name in staying["filename"]}


def elsewhere(plan: pd.DataFrame) -> pd.DataFrame:
    """The rows that go and are no files here, nor in an archive or video that goes as a whole."""
    going = plan[plan["action"] == "remove"]
    rows = going[going["place"] != FILE]
    for name in going["filename"][going["list"] == WHOLE_FILE]:
        rows = rows[~inside(rows["filename"], name)]
    return rows


def write_manifest(plan: pd.DataFrame, folder: Path) -> None:
    """Write the list, and the script if there are objects in buckets, into a quarantine."""
    rows = elsewhere(plan)
    if rows.empty:
        return
    write_bytes(folder / MANIFEST, csv_bytes(rows[_LISTED], to_edit=True))
    objects = rows["filename"][rows["place"] == "bucket"].tolist()
    if objects:
        write_text(folder / SCRIPT, script_of(objects))


def script_of(objects: Iterable[str]) -> str:
    """A shell script that moves objects within their buckets, and back."""
    moves = []
    for at in map(parse_location, objects):
        endpoint = "" if at.endpoint is None else f"--endpoint-url {at.endpoint}"
        moves.append(map(shlex.quote, (endpoint, at.bucket, at.key, PREFIX + at.key)))
    return filled(SCRIPT, prefix=PREFIX, name=SCRIPT, moves=moves)


def learn(work: WorkDir, plan: pd.DataFrame) -> Decisions:
    """Remember what a person decided otherwise than the plan of the work dir proposed.

    An image that should have gone, or been reviewed, and now is to be kept: of a group, both stay,
    and are no duplicates if their bytes differ; a label is right; anything else is as it should be.
    """
    proposed = read_table(work.plan_table).set_index("filename")["action"]
    digests = plan.drop_duplicates("filename").set_index("filename")["digest"].to_dict()
    changed = plan["filename"].isin(proposed.index[proposed != "keep"])
    kept = plan[changed & (plan["action"] == "keep")]
    return decide(work, *(_decision(row, digests) for row in kept.to_dict("records")))


def _decision(row: Mapping[Hashable, Any], digests: Mapping[Hashable, Any]) -> Decision:
    name, digest, kept = row["filename"], str(row["digest"]), row["kept"]
    other = digests.get(kept) if kept != name else None
    if isinstance(other, str):
        kind = Kind.KEEP_BOTH if other == digest else Kind.NOT_A_DUPLICATE
        return Decision(kind, digest, other, name, kept)
    if row["list"] == "mislabelled":
        label = row["label"] if isinstance(row["label"], str) else ""
        return Decision(Kind.LABEL_IS_RIGHT, digest, "", name, label=label)
    return Decision(Kind.KEEP, digest, "", name)


def _as_csv(plan: pd.DataFrame) -> bytes:
    return csv_bytes(conform(plan, PLAN), to_edit=True)
