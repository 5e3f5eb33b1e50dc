"""What a plan removes that is no file on this machine: a list, and a script for objects in buckets.

Nothing of it is touched from here: an object may be versioned, locked or shared, and an archive
can't lose a member without being written anew.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from imgvet.curation.images import FILE
from imgvet.format import filled
from imgvet.sources.s3 import parse_location
from imgvet.spreadsheet import csv_bytes
from imgvet.workdir import write_bytes, write_text

MANIFEST, SCRIPT = "manifest.csv", "bucket.sh"
_COLUMNS = ("filename", "place", "list", "reason", "kept", "digest", "file_size")
PREFIX = "imgvet-quarantine/"


def write_manifest(plan: pd.DataFrame, folder: Path) -> None:
    """Write the list, and the script if there are objects in buckets, into a quarantine."""
    rows = plan[(plan["action"] == "remove") & (plan["place"] != FILE)]
    if rows.empty:
        return
    write_bytes(folder / MANIFEST, csv_bytes(rows[list(_COLUMNS)], to_edit=True))
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
