"""Write the demo set: a few hundred pictures with planted, known problems."""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from imgvet.demo.edits import encode
from imgvet.demo.photographs import skimage_data
from imgvet.demo.plan import NOTES, Derived, Picture, Plan, make_plan
from imgvet.demo.truth import DemoTruth
from imgvet.errors import InvalidParameterError


def make_demo(folder: Path, seed: int = 0) -> DemoTruth:
    """Write the demo set, unless it is there already.

    The folder appears in one step when it is complete, so that a killed run leaves no part of it.
    A set of which files are missing is made again.

    Args:
        folder: where; it must not exist, be empty, or hold a demo set.
        seed: chooses which of the pictures get which problem. The pictures are always the same.

    Returns:
        What a run should find. The same seed gives the same bytes on one platform.

    Raises:
        MissingExtraError: scikit-image, which some of the photographs come from, is not installed.
        InvalidParameterError: the folder holds other files, which are left alone.
    """
    plan = make_plan(seed)
    present = _files(folder)
    if _is_complete(folder, present, plan):
        return plan.truth
    if present and not _is_ours(folder, present):
        raise InvalidParameterError(
            f"{folder} holds other files", "Name a new or an empty folder for the demo set"
        )
    skimage_data()
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(unfinished, plan)
        unfinished.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return plan.truth


def _write(folder: Path, plan: Plan) -> None:
    def write_picture(picture: Picture) -> None:
        data = encode(picture.render(), PurePosixPath(picture.path).suffix)
        _save(folder / picture.path, data)

    def write_derived(derived: Derived) -> None:
        _save(folder / derived.path, derived.change((folder / derived.source).read_bytes()))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(write_picture, plan.pictures))
        list(threads.map(write_derived, plan.derived))
    for path, data in plan.fixed:
        _save(folder / path, data)


def _save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _files(folder: Path) -> set[str]:
    """Relative paths of all files below a folder, with forward slashes."""
    if folder.is_file():
        raise InvalidParameterError(f"{folder} is a file", "Name a folder for the demo set")
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _expected(plan: Plan) -> dict[str, bytes | None]:
    """Every file of a plan, with its bytes where the plan knows them."""
    made = [picture.path for picture in plan.pictures] + [file.path for file in plan.derived]
    return {**dict.fromkeys(made), **dict(plan.fixed)}


def _is_complete(folder: Path, present: set[str], plan: Plan) -> bool:
    expected = _expected(plan)
    return present == set(expected) and (folder / NOTES).read_bytes() == expected[NOTES]


def _is_ours(folder: Path, present: set[str]) -> bool:
    """Whether a folder holds nothing but files of the demo set that its notes name."""
    if NOTES not in present:
        return False
    first_line = (folder / NOTES).read_text("utf-8", "replace").partition("\n")[0]
    seed = first_line.rpartition(" ")[2]
    return (
        first_line.startswith("imgvet demo set")
        and seed.isdecimal()
        and present <= set(_expected(make_plan(int(seed))))
    )
