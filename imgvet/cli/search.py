"""The command ``imgvet search``: the images of a run that are most like a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgvet.errors import InputNotFoundError, InputUnreadableError

if TYPE_CHECKING:
    from imgvet.search.index import Match
    from imgvet.workdir import WorkDir

RESULTS = 10
"""How many images are printed unless another number is asked for."""


def add_search_command(commands: Any) -> None:
    """Add ``search`` to the commands of ``imgvet``."""
    search = commands.add_parser(
        "search",
        help="print the images of a finished run that are most like a picture",
        description="Print the images of a finished run that are most like a picture.",
    )
    search.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="its work dir")
    search.add_argument(
        "picture", metavar="PICTURE", help="a picture file, or the name of an image of the run"
    )
    search.add_argument(
        "--k", type=int, default=RESULTS, metavar="N", help=f"how many images [{RESULTS}]"
    )
    search.add_argument("--json", action="store_true", help="as JSON")
    search.set_defaults(command=_search)


def _search(options: argparse.Namespace) -> int:
    from imgvet.search.items import Items
    from imgvet.workdir import open_finished

    work = open_finished(options.work_dir)
    matches = find_similar(work, options.picture, options.k)
    names = Items(work).rows_of([match.id for match in matches], ("filename",))
    found = [
        {"id": match.id, "similarity": match.similarity, "filename": str(row[0])}
        for match, row in zip(matches, names, strict=True)
    ]
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"{row['similarity']:.6f}  {row['filename']}" for row in found))
    return 0


def find_similar(work: WorkDir, picture: str, k: int) -> list[Match]:
    """The images of a run most like a picture, best first; an image of the run finds itself.

    Args:
        work: the finished run.
        picture: path of a file, or the name of an image in the table items (a member of an archive,
            an object in a bucket, a crop, ...), which needs no model.
        k: how many.

    Raises:
        ImgvetError: there is no such picture, it can't be decoded, or the model can't be used.
    """
    from imgvet.search.index import SearchIndex
    from imgvet.search.picture import embed_picture, model_of, read_picture
    from imgvet.summary import read_record

    index = SearchIndex.of(work)
    item = _item_named(work, picture)
    if item is not None:
        return index.nearest(index.vectors[index.row_of(item)], k)
    model = model_of(read_record(work))
    vector = embed_picture(read_picture(Path(picture).expanduser()), model)
    return index.nearest(_usable(vector, picture), k)


def _usable(vector: Any, picture: str) -> Any:
    """The embedding.

    Raises:
        InputUnreadableError: the picture could not be decoded.
    """
    from imgvet.images.picture import Failure

    if isinstance(vector, Failure):
        raise InputUnreadableError(
            f"{picture} can't be decoded ({vector.reason.value}: {vector.detail})",
            "Search for another picture",
        )
    return vector


def _item_named(work: WorkDir, name: str) -> int | None:
    """The id of the image of that name that has an embedding, if there is one.

    Raises:
        InputNotFoundError: it is neither an image of the run nor a file.
    """
    import pyarrow.parquet as pq

    from imgvet.tables import ITEMS

    path = Path(name).expanduser()
    names = {name, str(path.absolute())}
    wanted = [("filename", "in", names)]
    rows = pq.read_table(
        work.table(ITEMS.name), columns=["id", "embedding_row"], filters=wanted
    ).to_pylist()
    found = [int(row["id"]) for row in rows if row["embedding_row"] is not None]
    if not found and not path.exists():
        raise InputNotFoundError(
            f"{name} is neither a file nor an image of the run",
            "Give the path of a picture, or a file name as the tables have it",
        )
    return found[0] if found else None
