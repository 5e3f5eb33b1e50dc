"""What a plan says of archives and videos themselves, of which every image goes or is elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from imgvet.curation.decisions import Kind
from imgvet.curation.findings import Finding, Found
from imgvet.curation.images import FILE
from imgvet.format import counted
from imgvet.search.copies import name_rank
from imgvet.sources.s3 import is_remote
from imgvet.store.references import known_digests
from imgvet.tables import PLAN, conform, to_frame

WHOLE_FILE = "whole_file"
"""The list of archives and videos, which hold many images and go as they are."""


class _File(NamedTuple):
    filename: str
    action: str
    reason: str
    kept: str | None = None


def whole_file_rows(
    found: Found, findings: Sequence[Finding], untouched: pd.Series
) -> pd.DataFrame:
    """Their rows, with the columns of PLAN; ``untouched`` are the images in protected folders."""
    files: dict[str, _File] = {}
    if found.rules.whole_files != "off":
        files = {file.filename: file for file in _gone(found, findings)}
        for file in _seen_elsewhere(found, untouched):
            if file.kept not in files:
                files.setdefault(file.filename, file)
    digests = _digests(files.values(), found.work.store / "whole_files.json")
    rows, right = [], found.decisions.of(Kind.KEEP)
    for file in files.values():
        digest, kept = digests.get(file.filename), file.kept
        if digest in right or found.decisions.both_stay(str(digest), str(digest)):
            continue
        if kept is not None and kept not in files and digests.get(kept) == digest is not None:
            rows.append(_File(kept, "keep", "stays for a file with the same bytes", kept))
            rows.append(file._replace(action=found.rules.exact, reason=f"an exact copy of {kept}"))
        else:
            rows.append(file._replace(kept=None))
    frame = pd.DataFrame(rows, columns=_File._fields).drop_duplicates("filename")
    names = frame["filename"]
    sources = found.images.drop_duplicates("path").set_index("path")["source"]
    frame = frame.assign(
        list=WHOLE_FILE,
        place=names.map(lambda name: "bucket" if is_remote(name) else FILE),
        source=names.map(sources),
        digest=names.map(digests),
        file_size=names.map(_size_of),
    )
    return to_frame(conform(frame, PLAN))


def _gone(found: Found, findings: Sequence[Finding]) -> Iterator[_File]:
    """Files of which every image goes, with the one other that holds what stays for them, if any.

    An image goes as well if another one of its file that has its bytes does.
    """
    images = found.images
    kept = {one.id: one.kept for one in findings if one.action == "remove"}
    inside = images["place"].isin(["frame", "archive"])
    members = images[images["path"].isin(images["path"][inside].unique())]
    goes = pd.Series(members.index.isin(kept), members.index, dtype=bool)
    goes = goes.groupby([members["path"], members["digest"].fillna("")]).transform("any")
    for path, all_go in goes.groupby(members["path"]):
        if all_go.all():
            ids = [one for item in all_go.index if (one := kept.get(item)) is not None]
            others = images.loc[ids, "path"].unique()
            reason = f"each of its {counted(len(all_go), 'image')} goes"
            other = others[0] if len(others) == 1 else None
            yield _File(path, found.rules.whole_files, reason, other)


def _seen_elsewhere(found: Found, untouched: pd.Series) -> Iterator[_File]:
    """Videos of which every frame is in a scene of another, along which they run: to be reviewed.

    Of two such videos the one with more frames, then with more pixels, is to stay.
    """
    frames = found.images[found.images["place"].eq("frame") & ~untouched]
    pixels = (frames["width"] * frames["height"]).groupby(frames["path"]).first()
    ends = (("video", "", "other"), ("other", "other_", "video"))
    for pair in found.tables["video_pairs"].dropna(subset="offset_ms").to_dict("records"):
        videos = [
            (pair[one], pair[f"{of}frames"], pair[f"{of}shared_frames"], pair[other])
            for one, of, other in ends
        ]
        covered = [
            (-count, -pixels[name], name_rank(name), name, other)
            for name, count, shared, other in videos
            if count == shared and name in pixels.index
        ]
        if covered:
            count, *_, name, other = max(covered)
            said = f"each of its {counted(-count, 'frame')} is in a scene of {other}"
            yield _File(name, "review", said, other)


def _digests(files: Iterable[_File], known_in: Path) -> dict[str, str]:
    """Those of files on this machine, and of those whose size says that they may be copies."""
    size_of = cache(_size_of)
    names = set[str]()
    for file in files:
        if (size := size_of(file.filename)) is not None:
            names |= {name for name in (file.filename, file.kept) if name and size_of(name) == size}
    return known_digests({name: Path(name) for name in sorted(names)}, known_in)


def _size_of(path: str) -> int | None:
    """The size of a file on this machine that can be read."""
    return Path(path).stat().st_size if Path(path).is_file() and os.access(path, os.R_OK) else None
