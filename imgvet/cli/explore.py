"""The commands on pictures of a finished run: ``imgvet explore | search | subset``."""

from __future__ import annotations

import argparse
import json
import os
import time
import webbrowser

from imgvet.cli.arguments import RESULTS
from imgvet.cli.exchange import against
from imgvet.errors import InvalidParameterError
from imgvet.explorer.run import ExploredRun
from imgvet.explorer.server import Explorer
from imgvet.foreign import visible
from imgvet.format import counted
from imgvet.opening import open_finished
from imgvet.parameters import place_in
from imgvet.reasons import Reason
from imgvet.search.saved_lists import save_list


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
    if options.against is not None:
        against(options)
        return
    if options.picture is None:
        raise InvalidParameterError("No picture is named", "Name one, or several after --against")
    explored = ExploredRun(open_finished(options.work_dir, stored=True))
    k = RESULTS if options.k is None else options.k
    matches = explored.nearest_to(options.picture, k)
    names = explored.images.values(("filename",), [match.id for match in matches])
    rows = [
        {"id": match.id, "similarity": match.similarity, "filename": name}
        for match, (name,) in zip(matches, names, strict=True)
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(
            "\n".join(f"{row['similarity']:.6f}  {visible(str(row['filename']))}" for row in rows)
        )


def subset(options: argparse.Namespace) -> None:
    """Save a list of images that stand for all, or that are as unlike as possible."""
    explored = ExploredRun(open_finished(options.work_dir, stored=True))
    threads = os.cpu_count() or 1
    ids = explored.index.subset(options.count, farthest=options.farthest, threads=threads)
    names = [str(name) for (name,) in explored.images.values(("filename",), ids)]
    name = options.name or f"subset-{options.count}"
    saved = save_list(explored.work, name, names, replace=options.replace)
    valid = (explored.images.frame(["status"])["status"] == Reason.OK.value).sum()
    print(f"{saved.count:,} of {counted(valid, 'valid image')}: {saved.path}")
