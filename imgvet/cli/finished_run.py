"""The commands on a finished run: ``imgvet summary | report | explore | search``."""

from __future__ import annotations

import argparse
import json
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgvet.errors import InputNotFoundError, InputUnreadableError

if TYPE_CHECKING:
    from imgvet.search.image_table import ImageTable
    from imgvet.search.index import Match
    from imgvet.workdir import WorkDir

RESULTS = 10
"""How many images are printed unless another number is asked for."""


def add_finished_run_commands(commands: Any) -> None:
    """Add them to the commands of ``imgvet``."""

    def add(command: Callable[..., int], summary: str, description: str | None = None) -> Any:
        name = command.__name__.removeprefix("_")
        parser = commands.add_parser(name, help=summary, description=description)
        parser.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="its work dir")
        parser.set_defaults(command=command)
        return parser

    summary = add(_summary, "print the summary of a finished run")
    add(_report, "build the report of a finished run again, from its tables alone")
    explore = add(
        _explore,
        "explore a finished run in the browser: search by picture, filter, save lists",
        "Explore a finished run in the browser, until Ctrl-C is pressed.",
    )
    alike = "print the images of a finished run that are most like a picture"
    search = add(_search, alike, f"{alike.capitalize()}.")
    explore.add_argument(
        "--port", type=int, default=0, metavar="N", help="port on this machine [a free one]"
    )
    browser = argparse.BooleanOptionalAction
    explore.add_argument("--browser", action=browser, default=True, help="open a browser [yes]")
    search.add_argument(
        "picture", metavar="PICTURE", help="a picture file, or the name of an image of the run"
    )
    search.add_argument(
        "--k", type=int, default=RESULTS, metavar="N", help=f"how many images [{RESULTS}]"
    )
    for parser in (summary, search):
        parser.add_argument("--json", action="store_true", help="as JSON")


def _summary(options: argparse.Namespace) -> int:
    from imgvet.dataset import Dataset
    from imgvet.summary import read_summary
    from imgvet.workdir import open_finished

    if options.json:
        summary = read_summary(open_finished(options.work_dir))
        print(json.dumps(summary.model_dump(mode="json"), indent=2))
    else:
        Dataset(work_dir=options.work_dir).summary()
    return 0


def _report(options: argparse.Namespace) -> int:
    from imgvet.monitor.history import past_runs
    from imgvet.reports.build import report_of
    from imgvet.store.references import digest_file
    from imgvet.workdir import exclusive, open_finished

    work = open_finished(options.work_dir)
    with exclusive(work):
        page = report_of(work, past_runs(work, digest_file(work.summary_json)))
    print(page)
    return 0


def _explore(options: argparse.Namespace) -> int:
    from imgvet.explorer.server import Explorer

    with Explorer(options.work_dir, options.port) as explorer:
        print(f"Exploring {options.work_dir} at\n{explorer.url}\nPress Ctrl-C to stop.", flush=True)
        if options.browser:
            webbrowser.open(explorer.url)
        try:
            while explorer.running:
                time.sleep(0.2)
        except KeyboardInterrupt:
            print("Stopped.")
    return 0


def _search(options: argparse.Namespace) -> int:
    from imgvet.search.image_table import ImageTable
    from imgvet.workdir import open_finished

    work = open_finished(options.work_dir)
    images = ImageTable.of_run(work)
    matches = _find_similar(work, images, options.picture, options.k)
    names = images.values(("filename",), [match.id for match in matches])
    rows = [
        {"id": match.id, "similarity": match.similarity, "filename": name}
        for match, (name,) in zip(matches, names, strict=True)
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(f"{row['similarity']:.6f}  {row['filename']}" for row in rows))
    return 0


def _find_similar(work: WorkDir, images: ImageTable, picture: str, k: int) -> list[Match]:
    """The images most like a file, or an image named as in items, which needs no model."""
    from imgvet.reasons import Failure
    from imgvet.search.index import SearchIndex
    from imgvet.search.picture import embed_picture, model_of, read_picture
    from imgvet.search.query import Condition, ImageSearch, Query
    from imgvet.summary import read_record

    index = SearchIndex.of_run(work, images)
    path = Path(picture).expanduser()
    named = Condition(column="filename", values=(picture, str(path.absolute())))
    embedded = Condition(column="embedding_row", missing=False)
    ids = ImageSearch(images).ids(Query(where=(named, embedded)))
    if len(ids):
        return index.nearest(index.vector_of(int(ids[0])), k)
    if not path.exists():
        raise InputNotFoundError(
            f"{picture} is neither a file nor an image of the run",
            "Give the path of a picture, or a file name as the tables have it",
        )
    vector = embed_picture(read_picture(path), model_of(read_record(work)))
    if isinstance(vector, Failure):
        raise InputUnreadableError(
            f"{picture} can't be decoded ({vector.reason.value}: {vector.detail})",
            "Search for another picture",
        )
    return index.nearest(vector, k)
