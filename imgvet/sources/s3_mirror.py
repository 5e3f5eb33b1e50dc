"""A local copy of what lies in buckets, made ahead of the run that reads them.

    <folder>/<server>/<bucket>/objects/...     the objects, where s3_paths says
                               partial/        objects on their way
                               index.sqlite    size and ETag of each object

The mirror is a cache: items keep the names they have in the bucket, and a reader that does not find
an object there, in the version that was listed, asks the server for it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgvet.sources.s3_client import server_name
from imgvet.sources.s3_index import Mirrored, find_mirrored, open_index
from imgvet.sources.s3_location import Location
from imgvet.sources.s3_paths import digest_name, folder_name, mirror_path

_INDEX = "index.sqlite"


@dataclass(frozen=True)
class Mirror:
    """The mirror of one bucket."""

    folder: Path

    @classmethod
    def of(cls, location: Location, folder: Path) -> Mirror:
        """The mirror of a location's bucket below ``folder``, where all mirrors are."""
        return cls(folder / folder_name(server_name(location)) / folder_name(location.bucket))

    @property
    def index(self) -> Path:
        """Size and ETag of what is there."""
        return self.folder / _INDEX

    def path(self, key: str) -> Path:
        """Where an object lies, whether it is there or not."""
        return self.folder / "objects" / mirror_path(key)

    def partial(self, key: str, version: str) -> Path:
        """Where one version of an object grows while it is fetched."""
        return self.folder / "partial" / digest_name(f"{version}/{key}")

    def forget_partial(self) -> None:
        """Remove what began to be fetched and is no longer needed."""
        shutil.rmtree(self.folder / "partial", ignore_errors=True)

    def holds(self, found: Mirrored | None, version: str) -> bool:
        """Whether what is recorded is this version, and its file is there in full."""
        if found is None or not version or found.version != version:
            return False
        try:
            return self.path(found.key).stat().st_size == found.size
        except OSError:
            return False


def find_copy(location: Location, version: str, folder: Path) -> Path | None:
    """The mirrored file of an object if it is there in this version; called in any thread."""
    mirror = Mirror.of(location, folder)
    found = find_mirrored(mirror.index, location.key)
    return mirror.path(location.key) if mirror.holds(found, version) else None


def remove_downloaded(
    folder: Path,
    run: str,
    is_wanted: Callable[[str], bool],
    before: Callable[[Path], None] = lambda _: None,
) -> int:
    """Remove mirrored objects that one run downloaded, and nothing else.

    Args:
        folder: where all mirrors are.
        run: the run.
        is_wanted: whether an object is removed, by its key.
        before: called with the path of each file before it is removed.

    Returns:
        how many were removed.
    """
    removed = 0
    for path in sorted(folder.glob(f"*/*/{_INDEX}")):
        mirror = Mirror(path.parent)
        with open_index(path) as index:
            for key in filter(is_wanted, index.of_run(run)):
                before(mirror.path(key))
                mirror.path(key).unlink(missing_ok=True)
                index.remove(key)
                removed += 1
        _remove_empty_folders(mirror.folder / "objects")
    return removed


def _remove_empty_folders(folder: Path) -> None:
    for current, _, _ in os.walk(folder, topdown=False):
        try:
            Path(current).rmdir()
        except OSError:
            # It still holds something, which stays.
            continue
