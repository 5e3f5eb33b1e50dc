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
from imgvet.sources.s3 import parse_location
from imgvet.spreadsheet import csv_bytes
from imgvet.workdir import write_bytes, write_text

MANIFEST, SCRIPT = "manifest.csv", "bucket.sh"
_COLUMNS = ("filename", "place", "list", "reason", "kept", "digest", "file_size")

_SCRIPT = """#!/bin/sh
# Moves what a plan of imgvet removes within its bucket, below {prefix}, by the AWS command line.
#   sh {name}          shows what it would do
#   sh {name} --yes    does it
#   sh {name} --undo   brings it back; an object that is there is not overwritten
# Objects may have changed since the plan: manifest.csv beside it has their sizes and digests.
set -eu
mode="${{1:-}}"
move() {{ # endpoint bucket from to
  if [ "$mode" != --yes ] && [ "$mode" != --undo ]; then
    printf '%s -> %s\\n' "s3://$2/$3" "s3://$2/$4"
    return
  fi
  if [ "$mode" = --undo ]; then set -- "$1" "$2" "$4" "$3"; fi
  if there=$(aws $1 s3api head-object --bucket "$2" --key "$4" 2>&1); then
    printf 'left, as there is one: %s\\n' "s3://$2/$4" >&2
    return
  fi
  case "$there" in *404*) ;; *) printf '%s\\n' "$there" >&2; exit 1 ;; esac
  aws $1 s3 mv "s3://$2/$3" "s3://$2/$4"
}}
"""
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
    lines = [_SCRIPT.format(prefix=PREFIX, name=SCRIPT)]
    for name in objects:
        at = parse_location(name)
        endpoint = "" if at.endpoint is None else f"--endpoint-url {at.endpoint}"
        parts = (endpoint, at.bucket, at.key, PREFIX + at.key)
        lines.append(f"move {' '.join(map(shlex.quote, parts))}\n")
    return "".join(lines)
