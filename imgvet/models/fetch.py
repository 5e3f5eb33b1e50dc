"""Have a model file: from the folder of models if it is there, else from its publisher."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path

import filelock

from imgvet.errors import ModelError
from imgvet.models.download import Arrived, DownloadError, Patience, discard, download
from imgvet.models.file import FOLDER_VARIABLE, ModelFile, size_text
from imgvet.models.record import check_and_record, is_checked, mismatch, sha256_of
from imgvet.progress import report_progress

_logger = logging.getLogger(__name__)

Report = Callable[[ModelFile, Arrived], None]
"""Told now and then how much of a file has arrived."""


def tell_progress(file: ModelFile, arrived: Arrived) -> None:
    """Report a download as progress of a stage ``download_NAME``, in units of 1 MB."""
    total = arrived.total or file.size or 0
    stage = f"download_{file.name}"
    report_progress(stage, arrived.done // 1_000_000, total // 1_000_000)


def fetch_model(
    file: ModelFile, report: Report = tell_progress, patience: Patience | None = None
) -> Path:
    """The path of a model file, downloaded if it is not here yet.

    A file that was checked before and has not changed since (size and time) is taken as it is. Any
    other file is compared with the digest that its publisher gives or, if none is published, with
    that of the first download, which is recorded beside it. Processes that want the same file at
    the same time download it once.

    Args:
        file: what is known of it.
        report: told now and then how much has arrived.
        patience: how often to try again; None for a few minutes of patience.

    Raises:
        ModelError: it can't be had or is not what it should be.
    """
    if is_checked(file):
        return file.path
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{file.path}.lock"):
            if not file.path.is_file():
                _download(file, report, patience or Patience())
            if not is_checked(file):
                check_and_record(file)
    except OSError as error:
        raise _not_kept(file, error) from None
    return file.path


def _download(file: ModelFile, report: Report, patience: Patience) -> None:
    """Ask the addresses in turn, and put the first right file in place.

    Raises:
        ModelError: no address gives it.
    """
    _logger.warning(
        "Downloading the model %s (licence %s, %s) from %s to %s",
        file.name, file.licence, file.size_text, file.url, file.path,
    )  # fmt: skip
    part = file.path.with_name(f"{file.file_name}.part")
    reasons = []
    for url in (file.url, *file.mirrors):
        try:
            _download_checked(file, url, part, lambda state: report(file, state), patience)
        except DownloadError as error:
            reasons.append(f"{url} ({error})")
        else:
            part.replace(file.path)
            discard(part)
            return
    raise ModelError(
        f"The model {file.name} can't be downloaded from {' or '.join(reasons)}",
        f"Put the file by hand at {file.path}, or {file.way_out}",
    )


def _download_checked(
    file: ModelFile, url: str, part: Path, report: Callable[[Arrived], None], patience: Patience
) -> None:
    """Download into ``part`` and compare digests; a part that turns out wrong is thrown away.

    Raises:
        DownloadError: it can't be had, or is not what it should be.
    """
    resumed = part.is_file()
    published = download(url, part, report, patience)
    wrong = _what_is_wrong(file, sha256_of(part), published)
    if wrong is None:
        return
    discard(part)
    if not resumed:
        raise DownloadError(wrong)
    # What lay here from an earlier try may have spoilt it.
    _download_checked(file, url, part, report, patience)


def _what_is_wrong(file: ModelFile, found: str, published: str | None) -> str | None:
    if file.sha256 is None and published not in (None, found):
        return f"its sha256 is {found}, the server gives {published}"
    return mismatch(file, found)


def _not_kept(file: ModelFile, error: OSError) -> ModelError:
    reason = error.strerror or str(error)
    if error.errno == errno.ENOSPC and file.size is not None:
        reason += f"; it needs {size_text(file.size)}"
    return ModelError(
        f"The model {file.name} can't be kept in {file.path.parent} ({reason})",
        f"Set {FOLDER_VARIABLE} to a folder with room that may be written to",
    )
