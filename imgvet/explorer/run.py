"""The finished run that is explored: what is kept in memory of it, each part made when needed."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imgvet.errors import StaleReferenceError
from imgvet.images.picture import Failure
from imgvet.reports.view.images import common_folder
from imgvet.search.index import Match, SearchIndex
from imgvet.search.items import Items
from imgvet.search.originals import Originals
from imgvet.search.picture import embed_picture, has_model, model_of
from imgvet.search.presets import Preset, presets
from imgvet.search.thumbnails import ThumbnailIndex
from imgvet.summary import RunRecord, read_record
from imgvet.workdir import WorkDir, open_finished


class ExploredRun:
    """One finished run; may be used from several threads.

    Attributes:
        work: its work dir.
        record: how it was done.
        items: its tables.
    """

    def __init__(self, work: WorkDir) -> None:
        self.work = work
        self.record: RunRecord = read_record(work)
        self.items = Items(work)
        self.originals = Originals(work, self.record)
        self._loading = threading.RLock()
        self._embedding = threading.Lock()

    @cached_property
    def _index(self) -> SearchIndex:
        return SearchIndex.of(self.work)

    @cached_property
    def _thumbnails(self) -> ThumbnailIndex:
        return ThumbnailIndex.of(self.work)

    @property
    def index(self) -> SearchIndex:
        """Its embeddings."""
        with self._loading:
            return self._index

    def thumbnail(self, digest: str) -> bytes | None:
        """JPEG bytes of the thumbnail of a content, None if there is none any more."""
        with self._loading:
            known = self._thumbnails
        with suppress(StaleReferenceError):
            return known.read(digest)
        with self._loading:  # A run on the same store has merged packs.
            if self._thumbnails is known:
                del self._thumbnails
            known = self._thumbnails
        with suppress(StaleReferenceError):
            return known.read(digest)
        return None

    @property
    def takes_pictures(self) -> bool:
        """Whether a picture can be searched for that is not of the run."""
        return has_model(self.record)

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Queries that most people ask first."""
        return presets(self.record, {column.name: column for column in self.items.columns})

    @property
    def inputs(self) -> list[str]:
        """What was vetted, as given."""
        given = self.record.parameters.get("input_dir")
        return [str(entry) for entry in given] if isinstance(given, list) else []

    @cached_property
    def root(self) -> str:
        """The folder of all images, which needs no mention; empty if they share none."""
        return common_folder(self.items.first_and_last("filename") or ())

    @property
    def title(self) -> str:
        """What was vetted, for a person."""
        return ", ".join(self.inputs) or str(self.work.path)

    def nearest_to_picture(self, data: bytes, k: int) -> list[Match] | Failure:
        """The images nearest to a picture, or why it can't be decoded.

        One picture is decoded at a time, so that memory holds no more than that.

        Raises:
            ImgvetError: the run has no model, or the model can't be used.
        """
        with self._embedding:
            vector = embed_picture(data, model_of(self.record))
        return vector if isinstance(vector, Failure) else self.index.nearest(vector, k)


@dataclass(frozen=True)
class _Loaded:
    stamp: tuple[int, int]
    run: ExploredRun


class CurrentRun:
    """The run in a work dir; a new one takes the place of the old when it is finished.

    Args:
        path: a work dir, or that of the results of crops in one.

    Raises:
        RunNotFoundError: there is no finished run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._loaded = self._load()

    def get(self) -> ExploredRun:
        """The run.

        Raises:
            RunNotFoundError: it is gone.
        """
        with self._lock:
            if self._stamp(open_finished(self._path)) != self._loaded.stamp:
                self._loaded = self._load()
            return self._loaded.run

    def _load(self) -> _Loaded:
        work = open_finished(self._path)
        return _Loaded(self._stamp(work), ExploredRun(work))

    @staticmethod
    def _stamp(work: WorkDir) -> tuple[int, int]:
        known = work.run_json.stat()
        return known.st_mtime_ns, known.st_ino
