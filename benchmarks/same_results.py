"""Do two versions of imgvet give the same results? ``python -m benchmarks.same_results OLD NEW``.

OLD and NEW are each a Python interpreter, beside which lies the command ``imgvet`` of a version, or
a folder of the runs that this program made with one before. The inputs that both sides read and
the runs are kept in ``--folder``: ``inputs``, ``old`` and ``new``. The pictures of the demo are
drawn once, by OLD.

Compared are tables, embeddings, summaries, checks, and what the command prints; not the times,
versions and ids of runs. Columns that NEW adds are told and allowed. Exits with 1 if anything
differs.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.pictures import photographs
from benchmarks.same_inputs import make_inputs
from benchmarks.same_runs import PRINTED, SEARCH, WORK, make_runs
from benchmarks.settings import FOLDER

HISTORY = "history.parquet"
_VARYING = {
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "RUN",
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?(\+00:00|Z)?": "TIME",
    r"127\.0\.0\.1:\d+": "HOST",
}
_OF_ONE_RUN = [
    "schema_version",
    "run_id",
    "started",
    "baseline",
    "version",
    "settings",
    "parameters",
]
_SHOWN = 3


def results(place: Path) -> dict[str, pd.DataFrame]:
    """Everything that is compared of a run, as tables by name; texts without what varies."""
    work = place / WORK
    found = {name: _lines(place / name) for name in (PRINTED, SEARCH) if (place / name).exists()}
    for part in ("", "crops/"):
        for path in sorted(work.glob(f"{part}tables/*.parquet")):
            found[f"{part}tables/{path.name}"] = pd.read_parquet(path)
        for path in (*work.glob(f"{part}summary.json"), *work.glob(f"{part}checks.json")):
            found[f"{part}{path.name}"] = _from_json(path)
        for path in work.glob(f"{part}embeddings.npy"):
            found[f"{part}{path.name}"] = pd.DataFrame(np.load(path)).rename(columns=str)
    if (work / HISTORY).exists():
        found[HISTORY] = _history(work)
    return {name: _without_varying(table, place) for name, table in found.items()}


def _lines(path: Path) -> pd.DataFrame:
    return pd.DataFrame({"line": path.read_text(encoding="utf-8").splitlines()})


def _from_json(path: Path) -> pd.DataFrame:
    return pd.json_normalize(json.loads(path.read_text(encoding="utf-8")))


def _history(work: Path) -> pd.DataFrame:
    """What each watched run counted and which alarms were on after it."""
    return pd.read_parquet(work / HISTORY).drop(columns=_OF_ONE_RUN, errors="ignore")


def _without_varying(table: pd.DataFrame, place: Path) -> pd.DataFrame:
    def plain(value: object) -> object:
        if value is None or isinstance(value, float):
            return value
        text = str(value).replace(str(place), "PLACE")
        for pattern, word in _VARYING.items():
            text = re.sub(pattern, word, text)
        return text

    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    return table.assign(**{name: table[name].map(plain).astype(object) for name in texts})


def differences(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """What of a table is not the same, as lines for a person; none if all is."""
    said = [f"gone: {name}" for name in old.columns if name not in new]
    if len(old) != len(new):
        said.append(f"{len(old)} rows became {len(new)}")
    rows = min(len(old), len(new))
    for name in old.columns.intersection(new.columns):
        said += _unequal(old[name][:rows], new[name][:rows])
    return said


def _unequal(old: pd.Series, new: pd.Series) -> list[str]:
    types = [f"{old.name}: {old.dtype} became {new.dtype}"] if old.dtype != new.dtype else []
    rows = np.flatnonzero(~((old == new) | (old.isna() & new.isna())))
    said = [f"{old.name}, row {row}: {old[row]!r} became {new[row]!r}" for row in rows[:_SHOWN]]
    more = [f"{old.name}: {len(rows)} rows differ"] if len(rows) > _SHOWN else []
    return [*types, *said, *more]


def compare(old: Path, new: Path, name: str) -> bool:
    """Print for each table of a run whether it is the same; whether all of them are."""
    before, after = (results(side / name) for side in (old, new))
    if HISTORY in before:
        # Its form may change: what both have must agree.
        shared = before[HISTORY].columns.intersection(after.get(HISTORY, pd.DataFrame()).columns)
        before[HISTORY] = before[HISTORY][shared]
        print(f"{name}: {HISTORY}: {len(shared)} columns are in both")
        if shared.empty:
            del before[HISTORY]
    said = {
        table: differences(before[table], after[table]) if table in after else ["gone"]
        for table in before
    }
    for table, lines in said.items():
        print("\n    ".join([f"{name}: {table}: {'differs' if lines else 'same'}", *lines]))
        added = after.get(table, before[table]).columns.difference(before[table].columns)
        if len(added) and table != HISTORY:
            print(f"    added: {', '.join(added)}")
    for table in sorted(after.keys() - before.keys()):
        print(f"{name}: added: {table}")
    return not any(said.values())


def _side(given: Path, folder: Path, inputs: Path, only: list[str]) -> Path:
    """The folder of the runs of one side, which are made if it is given as an interpreter."""
    if given.is_dir():
        return given.absolute()
    make_runs(given.absolute(), folder, inputs, only)
    return folder


def _require_inputs(inputs: Path, old: Path, photos: Path | None) -> None:
    complete = inputs / "complete"
    if complete.exists():
        return
    if old.is_dir():
        raise SystemExit(f"{inputs} is not there: give an interpreter as OLD, or --folder")
    shutil.rmtree(inputs, ignore_errors=True)
    inputs.mkdir(parents=True)
    drawn = inputs / "drawn"
    subprocess.run([str(old.absolute().parent / "imgvet"), "demo", "--work-dir", drawn], check=True)
    (drawn / "pictures").rename(inputs / "demo")
    shutil.rmtree(drawn)
    make_inputs(inputs, photographs(photos))
    complete.touch()


def main() -> int:
    """Make what is missing and compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_results")
    parser.add_argument("old", type=Path, metavar="OLD", help="an interpreter or a folder of runs")
    parser.add_argument("new", type=Path, metavar="NEW", help="the same of the other version")
    parser.add_argument("--folder", type=Path, default=FOLDER / "same", help="[.bench/same]")
    parser.add_argument("--photos", type=Path, help="folder of photographs for the inputs")
    parser.add_argument("--only", nargs="+", default=[], metavar="RUN", help="only these runs")
    options = parser.parse_args()
    folder = options.folder.absolute()
    inputs = folder / "inputs"
    _require_inputs(inputs, options.old, options.photos)
    old = _side(options.old, folder / "old", inputs, options.only)
    new = _side(options.new, folder / "new", inputs, options.only)
    names = options.only or sorted(path.name for path in old.iterdir())
    same = [compare(old, new, name) for name in names]
    print(f"{sum(same)} of {len(same)} runs give the same results")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
