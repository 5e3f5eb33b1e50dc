"""The commands on pictures of a finished run: ``imgvet explore | search``."""

from __future__ import annotations

import argparse
import json
import time
import webbrowser

from imgvet.explorer.run import ExploredRun
from imgvet.explorer.server import Explorer
from imgvet.workdir import open_finished


def explore(options: argparse.Namespace) -> None:
    """Serve a run to the browser until Ctrl-C."""
    with Explorer(options.work_dir, options.port) as explorer:
        print(f"Exploring {options.work_dir} at\n{explorer.url}\nPress Ctrl-C to stop.", flush=True)
        if options.browser:
            webbrowser.open(explorer.url)
        try:
            while explorer.running:
                time.sleep(0.2)
        except KeyboardInterrupt:
            print("Stopped.")


def search(options: argparse.Namespace) -> None:
    """Print the images of a run that are most like a picture."""
    explored = ExploredRun(open_finished(options.work_dir))
    matches = explored.nearest_to(options.picture, options.k)
    names = explored.images.values(("filename",), [match.id for match in matches])
    rows = [
        {"id": match.id, "similarity": match.similarity, "filename": name}
        for match, (name,) in zip(matches, names, strict=True)
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(f"{row['similarity']:.6f}  {row['filename']}" for row in rows))
