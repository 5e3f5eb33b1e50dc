"""Values that Python gives and a flow can't take: tables and arrays become files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from imgvet.annotations.probabilities import checked
from imgvet.annotations.read import annotations_from, write_annotations
from imgvet.embedding.user_embeddings import write_user_embeddings
from imgvet.errors import InvalidParameterError
from imgvet.options import RunOptions
from imgvet.store.references import digest_file
from imgvet.workdir import WorkDir, write_atomically

OptionsType = TypeVar("OptionsType", bound=RunOptions)


def as_files(parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The parameters of :meth:`imgvet.dataset.Dataset.run`, tables and arrays as files in a folder.

    ImgvetError if they are not as they should be.
    """
    found = {name: _as_pandas(one) for name, one in parameters.items()}
    annotations, given = found.get("annotations"), found.get("embeddings")
    if isinstance(annotations, pd.Series):
        annotations = annotations.to_dict()
    if isinstance(annotations, (pd.DataFrame, Mapping)):
        write = partial(write_annotations, annotations_from(annotations))
        found["annotations"] = _file(folder, "annotations", write)
    if isinstance(chances := found.get("probabilities"), pd.DataFrame):
        known = checked(_by_name(chances).reset_index(names="filename"), "probabilities")
        found["probabilities"] = _file(folder, "probabilities", known.reset_index().to_parquet)
    if isinstance(given, pd.DataFrame):
        given = (tuple(_by_name(given).index), _by_name(given).to_numpy())
    if isinstance(given, Mapping):
        given = (tuple(given), list(given.values()))
    if isinstance(given, (np.ndarray, list)):
        given = (_names(annotations, found.get("input_dir")), given)
        if not given[0]:
            raise InvalidParameterError(
                "embeddings is an array, and nothing says which image each row is of",
                "Give embeddings=(names, array), or input_dir as a list of images in that order",
            )
    if isinstance(given, tuple) and len(given) == 2:
        names, array = given
        given = write_user_embeddings(list(names), array, folder)
    if isinstance(given, Path):
        found["embeddings"] = str(given)
    return found


def frames_as_files(parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The parameters of :meth:`imgvet.dataset.Dataset.export`, frames as files in a folder."""
    found = {name: _as_pandas(one) for name, one in parameters.items()}
    frames = {name: one for name, one in found.items() if isinstance(one, pd.DataFrame)}
    return found | {name: _file(folder, name, one.to_parquet) for name, one in frames.items()}


def _as_pandas(value: Any) -> Any:
    """A table of Polars or Arrow as one of pandas; anything else as it is."""
    return value.to_pandas() if hasattr(value, "to_pandas") else value


def keep_files(options: OptionsType, drafts: Path, work: WorkDir) -> OptionsType:
    """Copy what :func:`as_files` wrote to ``drafts`` into the store, and name it there."""
    places: dict[str, str] = {}
    for draft in drafts.iterdir():
        write_atomically(work.given / draft.name, partial(shutil.copyfile, draft))
        places[str(draft)] = str(work.given / draft.name)
    kept: dict[str, object] = {
        name: places.get(value, value)
        for name in ("embeddings", "probabilities")
        if (value := getattr(options, name)) is not None
    }
    if options.annotations is not None:
        kept["annotations"] = tuple(places.get(file, file) for file in options.annotations)
    return options.model_copy(update=kept)


def _by_name(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose index are file names, which may be the column ``filename``."""
    return table.set_index("filename") if "filename" in table else table


def _file(folder: Path, stem: str, write: Callable[[Path], object]) -> str:
    """The path of a Parquet file that ``write`` writes, named by its content."""
    draft = folder / f"{stem}.draft"
    write(draft)
    return str(draft.replace(folder / f"{stem}-{digest_file(draft)[:16]}.parquet"))


def _names(annotations: object, input_dir: object) -> Sequence[str]:
    """The image of each row of an array of embeddings."""
    if isinstance(input_dir, (list, tuple)) and all(
        Path(str(name)).is_file() for name in input_dir
    ):
        return [str(name) for name in input_dir]
    if isinstance(annotations, pd.DataFrame) and "filename" in annotations:
        return [str(name) for name in annotations["filename"]]
    return ()
