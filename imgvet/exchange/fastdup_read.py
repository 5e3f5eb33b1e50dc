"""Read what fastdup wrote: its images, features and tables, under our names and columns.

Columns are those of :mod:`imgvet.exchange.fastdup_files`; pairs may be named by index or by file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InputNotFoundError, InputUnreadableError, failing_as
from imgvet.exchange import fastdup_files as files
from imgvet.models.prepare import normalised
from imgvet.reasons import Reason
from imgvet.tables import COMPONENT_INFO, COMPONENTS, OUTLIERS, SIMILARITY, STATS

_FULL_IMAGES = "full_image_run"
"""Folder of a run on crops with its whole images."""

_REASONS = {
    "MISSING": Reason.MISSING, "SMALL": Reason.TOO_SMALL, "LARGE": Reason.TOO_LARGE,
    "EMPTY": Reason.EMPTY_FILE, "ZERO": Reason.EMPTY_FILE, "BOX": Reason.DEGENERATE_BOX,
    "TRUNCATED": Reason.TRUNCATED, "NOT_AN_IMAGE": Reason.NOT_AN_IMAGE,
}  # fmt: skip
"""By a word in its error code the reason why an image was left out; else it is corrupt."""


class TheirRun:
    """A work dir of fastdup; tables that are missing have no rows.

    InputNotFoundError if it has no list of images; InputUnreadableError if a file of it, now or
    when it is asked for, is not as fastdup writes it.
    """

    def __init__(self, source: Path) -> None:
        whole = source / _FULL_IMAGES
        self._folder = whole if (whole / files.MAPPING).is_file() else source
        self.mapping = self._folder / files.MAPPING
        if not self.mapping.is_file():
            raise InputNotFoundError(
                f"{source} holds no {files.MAPPING}",
                "Name the work dir of a finished run of fastdup",
            )
        self.config = _config_of((self._folder, source))
        stated = self.config.get("input_dir")
        stated = stated[0] if isinstance(stated, list) and len(stated) == 1 else stated
        self.input = stated if isinstance(stated, str) and not stated.startswith("[") else ""
        """The folder that was analysed, if it is one; several are told as a list or its text."""
        self._prefix = Path(str(self.config.get("filename_prefix") or self.input)).absolute()
        self.images = self._images()
        """Its good images by name: ``index`` (its own), ``filename`` and ``row`` of features."""

    @property
    def features(self) -> Path | None:
        """The file of its features, if there is one."""
        path = self._folder / files.FEATURES
        return path if path.is_file() else None

    def vectors(self) -> NDArray[np.float32] | None:
        """The features in order of the images, normalised; None if there are none."""
        if self.features is None:
            return None
        values, count = np.fromfile(self.features, "<f4"), len(self.images)
        if not len(values) or len(values) % count:
            raise InputUnreadableError(
                f"{self.features} holds {len(values):,} numbers, not as many for each of "
                f"{count:,} images",
                "Remove it to import all else",
            )
        return normalised(values.reshape(count, -1)[self.images["row"]])

    def bad(self) -> pd.DataFrame:
        """Its bad images: ``filename``, ``status`` and the error code as ``detail``."""
        found = self._table(files.BAD, ("filename", "error_code")).dropna(subset="filename")
        codes = found["error_code"].astype(str).tolist()
        status = [
            next((r for word, r in _REASONS.items() if word in code.upper()), Reason.CORRUPT).value
            for code in codes
        ]
        return pd.DataFrame({"filename": found["filename"], "status": status, "detail": codes})

    def stats(self) -> pd.DataFrame:
        """Its measures of the images, in their order, without ``blur``; NaN where it has none."""
        found = self._table(files.IMAGE_STATS, ("filename",)).drop_duplicates("filename")
        found = found.set_index("filename").reindex(self.images["filename"])
        numbers = found.reindex(columns=STATS.column_names[1:]).apply(
            pd.to_numeric, errors="coerce"
        )
        return numbers.where(numbers != -1).astype(float).reset_index(drop=True)

    def findings(self) -> dict[str, pd.DataFrame]:
        """Similarity, outliers, components and component_info; ids are rows of ``images``."""
        places = [pd.Series(self.images.index, self.images[name].astype(str))
                  for name in ("index", "filename", "name")]  # fmt: skip
        ids = pd.concat(places)
        ids = ids[~ids.index.duplicated()]
        pairs, unlike = self._pairs(files.PAIRS, ids), self._pairs(files.UNLIKE, ids)
        pairs[["from", "to"]] = np.sort(pairs[["from", "to"]].to_numpy(), axis=1)
        pairs = pairs[pairs["from"] != pairs["to"]].drop_duplicates(["from", "to"])
        pairs = pairs.sort_values(["similarity", "from", "to"], ascending=[False, True, True])
        unlike = unlike.sort_values(["similarity", "from", "to"]).drop_duplicates("from")
        return {
            SIMILARITY.name: pairs.reset_index(drop=True),
            OUTLIERS.name: unlike.rename(columns={"from": "id", "to": "nearest"}),
            **self._components(ids),
        }

    def _table(self, name: str, needed: Sequence[str]) -> pd.DataFrame:
        path = self._folder / name
        if not path.is_file() or not path.stat().st_size:
            return pd.DataFrame(columns=list(needed))
        problem = f"{path} is no table"
        with failing_as(InputUnreadableError, problem, "Check the file", OSError, ValueError):
            found = pd.read_csv(
                path, keep_default_na=False, na_values=[""], encoding_errors="replace"
            )
        if lost := [column for column in needed if column not in found]:
            raise InputUnreadableError(
                f"{path} has no column {lost[0]}", "Name a work dir that fastdup wrote"
            )
        if "filename" in found:
            found["name"] = found["filename"]
            found["filename"] = found["filename"].map(self._absolute, na_action="ignore")
        return found

    def _absolute(self, name: object) -> str:
        return str(name) if "://" in str(name) else str(self._prefix / str(name))

    def _images(self) -> pd.DataFrame:
        found = self._table(files.MAPPING, ("filename",)).dropna(subset="filename")
        if found.empty:
            raise InputUnreadableError(f"{self.mapping} lists no image", "Nothing can be imported")
        found["row"] = range(len(found))
        found["index"] = found["index"] if "index" in found else found["row"]
        found = found[["index", "filename", "name", "row"]].sort_values(["filename", "row"])
        return found.reset_index(drop=True)

    def _pairs(self, name: str, ids: pd.Series) -> pd.DataFrame:
        """Pairs of images that are known, by id."""
        found = self._table(name, files.PAIR_COLUMNS)
        ends = {
            end: found[end].astype(str).str.removesuffix(".0").map(ids) for end in ("from", "to")
        }
        numbers = pd.to_numeric(found["distance"], errors="coerce").astype(float).round(6)
        pairs = pd.DataFrame({**ends, "similarity": numbers}).dropna()
        return pairs.astype({"from": np.int64, "to": np.int64})

    def _components(self, ids: pd.Series) -> dict[str, pd.DataFrame]:
        """Its components of two images or more, numbered anew, the largest first."""
        found = self._table(files.MEMBERS, ("__id", "component_id"))
        found = found.assign(id=found["__id"].astype(str).map(ids)).dropna(subset=["id"])
        found = found[found["component_id"].duplicated(keep=False)].astype({"id": np.int64})
        groups = found.groupby("component_id")["id"]
        found["count"], found["representative"] = groups.transform("size"), groups.transform("min")
        found = found.sort_values(["count", "representative", "id"], ascending=[False, True, True])
        found["component_id"] = pd.factorize(found["representative"])[0]
        found = found.rename(columns=lambda name: name.replace("_distance", "_similarity"))
        info = found.drop_duplicates("component_id").assign(videos=0)
        return {COMPONENTS.name: found, COMPONENT_INFO.name: info}


def _config_of(folders: Sequence[Path]) -> Mapping[str, Any]:
    path = next((one / files.CONFIG for one in folders if (one / files.CONFIG).is_file()), None)
    problem = f"{path} can't be read"
    with failing_as(InputUnreadableError, problem, "Remove it", OSError, ValueError):
        found = {} if path is None else json.loads(path.read_bytes())
    return found if isinstance(found, dict) else {}
