"""Data sets in the form of YOLOv5: a YAML file that names the images of each split.

Source: https://docs.ultralytics.com/datasets/detect/ ; the keys are ``path``, ``train``, ``val``,
``test`` and ``names``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from imgvet.errors import InputNotFoundError, InputUnreadableError, InvalidParameterError

SPLITS = ("train", "val", "test")
"""Keys that name images; the key becomes the split."""


@dataclass(frozen=True)
class YoloSet:
    """What a YAML file names.

    Attributes:
        file: the YAML file.
        places: for each split its folders, lists and images, as absolute paths that exist.
        names: name of each class, by its number.
    """

    file: Path
    places: Mapping[str, tuple[Path, ...]]
    names: Mapping[int, str]


def read_yolo(file: Path) -> YoloSet:
    """Read a YAML file and find what it names.

    A relative ``path`` starts at the file's folder or, as in YOLOv5, at the current one; relative
    ``train``, ``val`` and ``test`` start at ``path``, or at the file's folder if there is none.

    Raises:
        InputUnreadableError: the file may not be read or is not YAML.
        InvalidParameterError: it has another form than a data set.
        InputNotFoundError: it names a folder or a list that does not exist.
    """
    content = _load(file)
    root = _root(content.get("path"), file)
    places = {
        split: tuple(
            _place(name, root, file, split) for name in _strings(content[split], split, file)
        )
        for split in SPLITS
        if content.get(split)
    }
    if not places:
        raise InvalidParameterError(
            f"{file} names no images", f"Give it one of the keys {', '.join(SPLITS)}"
        )
    return YoloSet(file, places, _class_names(content.get("names"), file))


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise InputUnreadableError(
            f"The data set {file} can't be read ({error.strerror})", "Check its permissions"
        ) from None
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        message = " ".join(str(error).split())[:200]
        raise InputUnreadableError(f"{file} is not YAML ({message})", "Correct it") from None
    if not isinstance(content, dict):
        raise InvalidParameterError(
            f"{file} is not a data set", f"Give it the keys path, {', '.join(SPLITS)} and names"
        )
    return content


def _root(stated: object, file: Path) -> Path:
    folder = file.absolute().parent
    if stated is None:
        return folder
    if not isinstance(stated, str):
        raise InvalidParameterError(f"path of {file} is not a text", "Give it a folder")
    candidates = [folder / Path(stated).expanduser(), Path(stated).expanduser().absolute()]
    return next((place for place in candidates if place.is_dir()), candidates[0])


def _strings(value: object, key: str, file: Path) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) for entry in values):
        raise InvalidParameterError(
            f"{key} of {file} is neither a path nor a list of paths",
            "Give it folders, or text files of images",
        )
    return [str(entry) for entry in values]


def _place(name: str, root: Path, file: Path, split: str) -> Path:
    # Some exporters write ../train/images into a file that lies beside train/.
    candidates = [root / name, root / name.removeprefix("../")]
    for place in candidates:
        if place.exists():
            return Path(os.path.normpath(place))
    raise InputNotFoundError(
        f"{file} names {candidates[0]} as {split}, which does not exist",
        f"Correct path or {split} in {file}",
    )


def _class_names(stated: object, file: Path) -> dict[int, str]:
    if stated is None:
        return {}
    if isinstance(stated, list):
        return {number: str(name) for number, name in enumerate(stated)}
    if isinstance(stated, dict):
        try:
            return {int(number): str(name) for number, name in stated.items()}
        except (TypeError, ValueError):
            pass
    raise InvalidParameterError(
        f"names of {file} is neither a list nor numbers with names",
        "Give the name of each class",
    )
