"""Have a model file: from the folder of models if it is there, else from its publisher, over HTTP.

A download goes on where it broke off, and is tried again when the network fails. The bytes go to a
``.part`` file. Beside it lies the validator (a strong ETag, or the time of the last change; RFC
9110, 13.1.5) that makes it safe to go on with that part. Proxies and certificates are taken from
the environment (``https_proxy``, ``no_proxy``, ``SSL_CERT_FILE``) and the system.
"""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import filelock
import httpx

from imgvet import __version__
from imgvet.errors import ModelError
from imgvet.models.file import FOLDER_VARIABLE, ModelFile, sha256_of, size_text
from imgvet.progress import report_progress

_DIGEST_HEADER = "X-Linked-Etag"
"""Where huggingface.co says the sha256 of a file, in the answer that redirects to its bytes."""

_WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try again.

    Attributes:
        attempts: tries that bring no byte before giving up.
        pause: seconds before the second try; doubled for each further one.
        timeout: seconds without an answer or a byte.
    """

    attempts: int = 5
    pause: float = 1.0
    timeout: float = 30.0


Report = Callable[[ModelFile, int, int | None], None]
"""Told now and then how many bytes of a file have arrived, and of how many if the server says."""

_Arrived = Callable[[int, int | None], None]


class _DownloadError(Exception):
    """A file can't be had from an address; the message says why, in a few words."""


class _BrokenOffError(Exception):
    """The connection ended early; trying again may bring the rest."""


def tell_progress(file: ModelFile, done: int, total: int | None) -> None:
    """Report a download as progress of a stage ``download_NAME``, in units of 1 MB."""
    total = total or file.size or 0
    report_progress(f"download_{file.name}", done // 1_000_000, total // 1_000_000)


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
    if file.is_checked:
        return file.path
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{file.path}.lock"):
            if not file.path.is_file():
                _download_from_any(file, report, patience or Patience())
            if not file.is_checked:
                file.check_and_record()
    except OSError as error:
        raise _not_kept(file, error) from None
    return file.path


def _not_kept(file: ModelFile, error: OSError) -> ModelError:
    reason = error.strerror or str(error)
    if error.errno == errno.ENOSPC and file.size is not None:
        reason += f"; it needs {size_text(file.size)}"
    return ModelError(
        f"The model {file.name} can't be kept in {file.path.parent} ({reason})",
        f"Set {FOLDER_VARIABLE} to a folder with room that may be written to",
    )


def _download_from_any(file: ModelFile, report: Report, patience: Patience) -> None:
    """Ask the addresses in turn, and put the first right file in place."""
    _logger.warning(
        "Downloading the model %s (licence %s, %s) from %s to %s",
        file.name, file.licence, file.size_text, file.url, file.path,
    )  # fmt: skip
    reasons = []
    for url in (file.url, *file.mirrors):
        part = _Part(file.path.with_name(f"{file.file_name}.part"))
        try:
            _download_checked(file, url, part, report, patience)
        except _DownloadError as error:
            reasons.append(f"{url} ({error})")
        else:
            part.path.replace(file.path)
            part.discard()
            return
    raise ModelError(
        f"The model {file.name} can't be downloaded from {' or '.join(reasons)}",
        f"Put the file by hand at {file.path}, or {file.way_out}",
    )


def _download_checked(
    file: ModelFile, url: str, part: _Part, report: Report, patience: Patience
) -> None:
    """Download and compare digests; a part that turns out wrong is thrown away."""
    resumed = part.size > 0
    published = _download(url, part, partial(report, file), patience)
    found = sha256_of(part.path)
    wrong = file.mismatch(found)
    if file.sha256 is None and published not in (None, found):
        wrong = f"its sha256 is {found}, the server gives {published}"
    if wrong is None:
        return
    part.discard()
    if not resumed:
        raise _DownloadError(wrong)
    # What lay here from an earlier try may have spoilt it.
    _download_checked(file, url, part, report, patience)


@dataclass(frozen=True)
class _Part:
    """What has arrived of a file."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def validator_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.validator")

    def headers(self) -> dict[str, str]:
        """Ask for what is missing, if the file is still the same."""
        path = self.validator_path
        validator = path.read_text(encoding="latin-1") if path.is_file() else ""
        if not self.size or not validator:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": validator}

    def begin(self, headers: httpx.Headers) -> None:
        """Forget what has arrived, and note the validator of what will."""
        self.discard()
        etag = headers.get("ETag", "")
        # A weak one (W/"...") does not promise the same bytes.
        validator = etag if etag.startswith('"') else headers.get("Last-Modified", "")
        if validator:
            self.validator_path.write_text(validator, encoding="latin-1")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.validator_path.unlink(missing_ok=True)


def _download(url: str, part: _Part, report: _Arrived, patience: Patience) -> str | None:
    """Download an address, going on with what is there.

    Returns:
        the sha256 that the server gave in its headers, None if it gave none.

    Raises:
        _DownloadError: it can't be had; what has arrived stays.
        OSError: it can't be written.
    """
    fruitless = 0
    with _client(patience.timeout) as client:
        while True:
            before = part.size
            try:
                return _attempt(client, url, part, report)
            except _BrokenOffError as error:
                fruitless = 0 if part.size > before else fruitless + 1
                if fruitless >= patience.attempts:
                    raise _DownloadError(str(error)) from None
                time.sleep(patience.pause * 2 ** max(fruitless - 1, 0))


def _client(timeout: float) -> httpx.Client:
    try:
        return httpx.Client(
            headers={"User-Agent": f"imgvet/{__version__}", "Accept-Encoding": "identity"},
            timeout=timeout,
            follow_redirects=True,
            verify=ssl.create_default_context(),
        )
    except (ImportError, ValueError) as error:
        raise _DownloadError(f"the proxy can't be used: {error}") from None


def _attempt(client: httpx.Client, url: str, part: _Part, report: _Arrived) -> str | None:
    """Ask once for what is missing."""
    try:
        with client.stream("GET", url, headers=part.headers()) as answer:
            _refuse_failure(answer, part)
            _save(answer, part, report)
            return _published_sha256(answer)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise _DownloadError(f"not an address: {error}") from None
    except httpx.HTTPError as error:
        kind = _BrokenOffError if _may_pass(error) else _DownloadError
        raise kind(_in_words(error)) from None


def _refuse_failure(answer: httpx.Response, part: _Part) -> None:
    if answer.is_success:
        return
    if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and part.size:
        part.discard()  # more bytes than the file has: not this file
        raise _BrokenOffError("the part here does not fit the file")
    kind = _BrokenOffError if answer.status_code in _WORTH_RETRYING else _DownloadError
    raise kind(f"HTTP {answer.status_code} {answer.reason_phrase}".strip())


def _save(answer: httpx.Response, part: _Part, report: _Arrived) -> None:
    """Append the answer's bytes, or begin with them."""
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        part.begin(answer.headers)
    elif not answer.headers.get("Content-Range", "").startswith(f"bytes {part.size}-"):
        part.discard()
        raise _BrokenOffError("the server sent another range than asked for")
    done = part.size
    length = answer.headers.get("Content-Length", "")
    total = done + int(length) if length.isdigit() else None
    with part.path.open("ab") as stream:
        try:
            for data in answer.iter_raw():
                stream.write(data)
                done += len(data)
                report(done, total)
        except httpx.RemoteProtocolError:
            of = "" if total is None else f" of {total:,}"
            raise _BrokenOffError(f"the connection ended after {done:,}{of} bytes") from None


def _published_sha256(answer: httpx.Response) -> str | None:
    digests = (
        one.headers.get(_DIGEST_HEADER, "").strip('"').lower() for one in (*answer.history, answer)
    )
    return next((digest for digest in digests if re.fullmatch(r"[0-9a-f]{64}", digest)), None)


def _may_pass(error: httpx.HTTPError) -> bool:
    """Whether it may go better in a second: a refused or unknown host will not be there then."""
    if isinstance(error, httpx.ConnectError):
        return isinstance(_system_error(error), (ConnectionResetError, ConnectionAbortedError))
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.ProxyError)


def _in_words(error: httpx.HTTPError) -> str:
    cause = _system_error(error)
    if isinstance(cause, socket.gaierror):
        return "its host is not known here: no network, or no DNS"
    return (cause.strerror if cause else None) or str(error) or type(error).__name__


def _system_error(error: BaseException | None) -> OSError | None:
    """What the operating system said, wherever it stands among the causes."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
