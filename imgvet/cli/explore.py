"""The commands on pictures of a finished run: ``imgvet explore | search | subset``."""

from __future__ import annotations

import argparse
import time
import webbrowser
from pathlib import Path

import pandas as pd

from imgvet.cli.arguments import RESULTS
from imgvet.cli.exchange import write_file
from imgvet.dataset import Dataset
from imgvet.errors import InvalidParameterError
from imgvet.explorer.server import Explorer
from imgvet.format import counted, table_text, visible
from imgvet.opening import open_finished
from imgvet.parameters import place_in
from imgvet.search.against import in_short
from imgvet.search.saved_lists import save_list
from imgvet.spreadsheet import csv_bytes
from imgvet.workdir import WorkDir


def explore(options: argparse.Namespace) -> None:
    """Serve a run to the browser until Ctrl-C."""
    with Explorer(options.work_dir, options.port) as explorer:
        print(
            f"Exploring {place_in(options.work_dir)} at\n{explorer.url}\nPress Ctrl-C to stop.",
            flush=True,
        )
        if options.browser:
            webbrowser.open(explorer.url)
        try:
            while explorer.running:
                time.sleep(0.2)
        except KeyboardInterrupt:
            print("Stopped.")


def search(options: argparse.Namespace) -> None:
    """Print the images of a run that are most like a picture, or like each of many."""
    if (options.picture is None) == (options.against is None):
        named = "No picture is" if options.picture is None else "A picture and --against are"
        raise InvalidParameterError(f"{named} named", "Name one, or several after --against")
    dataset = Dataset(work_dir=options.work_dir)
    if options.against is None:
        is_id = options.picture.isdecimal() and not Path(options.picture).exists()
        picture = int(options.picture) if is_id else options.picture
        found = dataset.search(picture, RESULTS if options.k is None else options.k)
        found = found[["id", "similarity", "filename"]]
        lines = [f"{alike:.6f}  {visible(str(name))}" for _, alike, name in found.to_numpy()]
    else:
        found = dataset.look_up(options.against, 1 if options.k is None else options.k)
        lines = _look_up_lines(found, open_finished(options.work_dir))
    if options.csv is not None:
        write_file(options.csv, csv_bytes(found))
    print(found.to_json(orient="records", indent=2) if options.json else "\n".join(lines))


def _look_up_lines(found: pd.DataFrame, work: WorkDir) -> list[str]:
    """Of each of many pictures its nearest, the most alike first, and how many are known."""
    shown = found.sort_values("similarity", ascending=False, kind="stable")
    rows = [("SIMILARITY", "PICTURE", "NEAREST", "")]
    for one in shown.to_dict(orient="records"):
        is_known = isinstance(one["filename"], str)
        nearest = visible(one["filename"]) if is_known else f"({one['status']})"
        number = f"{one['similarity']:.6f}" if is_known else "-"
        relation = one["relation"] if isinstance(one["relation"], str) else ""
        rows.append((number, visible(one["picture"]), nearest, relation))
    return [table_text(rows, "<<<<"), in_short(found, work)]


def subset(options: argparse.Namespace) -> None:
    """Save a list of images that stand for all, or that are as unlike as possible."""
    dataset, work = Dataset(work_dir=options.work_dir), open_finished(options.work_dir)
    names = dataset.subset(options.count, farthest=options.farthest)["filename"].tolist()
    name = options.name or f"subset-{options.count}"
    saved = save_list(work, name, names, replace=options.replace)
    print(f"{saved.count:,} of {counted(len(dataset.annotations()), 'valid image')}: {saved.path}")
    if saved.left_out:
        print(f"Left out: {counted(saved.left_out, 'name')} with line breaks")
