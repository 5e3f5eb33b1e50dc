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
from pathlib import Path

import filelock
import httpx

from imgvet import __version__
from imgvet.errors import ModelError
from imgvet.format import size_text
from imgvet.models.file import FOLDER_VARIABLE, ModelFile, sha256_of
from imgvet.progress import report_progress

_DIGEST_HEADER = "X-Linked-Etag"
"""Where huggingface.co says the sha256 of a file, in the answer that redirects to its bytes."""

_ATTEMPTS = 5
"""Tries that bring no byte before giving up."""
_PAUSE = 1.0
"""Seconds before the second try; doubled for each further one."""
_TIMEOUT = 30.0
"""Seconds without an answer or a byte."""
_SURPLUS = 1.1
"""Of a file no more than that times its stated size is taken, as that may be rounded."""
_WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})
_logger = logging.getLogger(__name__)


class _DownloadError(Exception):
    """A file can't be had from an address; the message says why, in a few words."""


class _BrokenOffError(_DownloadError):
    """Trying again may bring the rest."""


def fetch_model(file: ModelFile) -> Path:
    """The path of a model file, downloaded if it is not here yet.

    A file that was checked before and has not changed since (size and time) is taken as it is. Any
    other file is compared with the digest that its publisher gives or, if none is published, with
    that of the first download, which is recorded beside it. Processes that want the same file at
    the same time download it once. ModelError if it can't be had or is not what it should be.
    """
    if file.is_checked:
        return file.path
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{file.path}.lock"):
            if not file.path.is_file():
                _download_from_any(file)
            if not file.is_checked:
                file.check_and_record()
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOSPC and file.size is not None:
            reason += f"; it needs {size_text(file.size)}"
        raise ModelError(
            f"The model {file.name} can't be kept in {file.path.parent} ({reason})",
            f"Set {FOLDER_VARIABLE} to a folder with room that may be written to",
        ) from None
    return file.path


def _download_from_any(file: ModelFile) -> None:
    _logger.warning(
        "Downloading the model %s (licence %s, %s) from %s to %s",
        file.name, file.licence, size_text(file.size), file.url, file.path,
    )  # fmt: skip
    reasons = []
    for url in (file.url, *file.mirrors):
        download = _Download(file, url)
        try:
            download.complete()
        except _DownloadError as error:
            reasons.append(f"{url} ({error})")
        else:
            download.part.replace(file.path)
            download.discard()
            return
    raise ModelError(
        f"The model {file.name} can't be downloaded from {' or '.join(reasons)}",
        f"Put the file by hand at {file.path}, or {file.way_out}",
    )


class _Download:
    """A file, one of its addresses, and what has arrived of it."""

    def __init__(self, file: ModelFile, url: str) -> None:
        self.file, self.url = file, url
        self.part = file.path.with_name(f"{file.file_name}.part")
        self.validator = file.path.with_name(f"{file.file_name}.part.validator")

    @property
    def arrived(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.validator.unlink(missing_ok=True)

    def complete(self) -> None:
        """Have the whole file; what has arrived stays, unless its digest turns out wrong."""
        resumed = self.arrived > 0
        published = self._persist()
        found = sha256_of(self.part)
        wrong = self.file.mismatch(found)
        if self.file.sha256 is None and published not in (None, found):
            wrong = f"its sha256 is {found}, the server gives {published}"
        if wrong is not None:
            self.discard()
            if not resumed:
                raise _DownloadError(wrong)
            self.complete()  # What lay here from an earlier try may have spoilt it.

    def _persist(self) -> str | None:
        """Ask until everything is here; the sha256 that the server told, if it did."""
        fruitless = 0
        try:
            client = httpx.Client(
                headers={"User-Agent": f"imgvet/{__version__}", "Accept-Encoding": "identity"},
                timeout=_TIMEOUT,
                follow_redirects=True,
                verify=ssl.create_default_context(),
            )
        except (ImportError, ValueError) as error:
            raise _DownloadError(f"the proxy can't be used: {error}") from None
        with client:
            while True:
                before = self.arrived
                try:
                    return self._ask(client)
                except _BrokenOffError:
                    fruitless = 0 if self.arrived > before else fruitless + 1
                    if fruitless >= _ATTEMPTS:
                        raise
                    time.sleep(_PAUSE * 2 ** max(fruitless - 1, 0))

    def _ask(self, client: httpx.Client) -> str | None:
        """Ask once for what is missing, if the file is still the same; else for all of it."""
        validator = self.validator.read_text("latin-1") if self.validator.is_file() else ""
        headers = {"Range": f"bytes={self.arrived}-", "If-Range": validator}
        resumable = self.arrived and validator
        try:
            with client.stream("GET", self.url, headers=headers if resumable else {}) as answer:
                status = answer.status_code
                if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and self.arrived:
                    self.discard()  # more bytes than the file has: not this file
                    raise _BrokenOffError("the part here does not fit the file")
                if not answer.is_success:
                    kind = _BrokenOffError if status in _WORTH_RETRYING else _DownloadError
                    raise kind(f"HTTP {status} {answer.reason_phrase}".strip())
                if self.url.startswith("https:") and answer.url.scheme != "https":
                    raise _DownloadError("it leads away from https")
                self._save(answer)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise _DownloadError(f"not an address: {error}") from None
        except httpx.HTTPError as error:
            raise _explained(error) from None
        told = (one.headers.get(_DIGEST_HEADER, "") for one in (*answer.history, answer))
        digests = (value.strip('"').lower() for value in told)
        return next((digest for digest in digests if re.fullmatch(r"[0-9a-f]{64}", digest)), None)

    def _save(self, answer: httpx.Response) -> None:
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            self.discard()
            etag = answer.headers.get("ETag", "")
            # A weak one (W/"...") does not promise the same bytes.
            validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
            if validator:
                self.validator.write_text(validator, encoding="latin-1")
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {self.arrived}-"):
            self.discard()
            raise _BrokenOffError("the server sent another range than asked for")
        done = self.arrived
        length = answer.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        stage, expected = f"download_{self.file.name}_(MB)", total or self.file.size or 0
        with self.part.open("ab") as stream:
            try:
                for data in answer.iter_raw():
                    stream.write(data)
                    done += len(data)
                    if self.file.size is not None and done > self.file.size * _SURPLUS:
                        self.discard()
                        raise _DownloadError(f"it is larger than {size_text(self.file.size)}")
                    report_progress(stage, done // 1_000_000, expected // 1_000_000)
            except httpx.RemoteProtocolError:
                of = "" if total is None else f" of {total:,}"
                raise _BrokenOffError(f"the connection ended after {done:,}{of} bytes") from None


def _explained(error: httpx.HTTPError) -> _DownloadError:
    """What went wrong in a few words; a refused or unknown host will not be there in a second."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    may_pass = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.ProxyError)
    if isinstance(error, httpx.ConnectError):
        may_pass = isinstance(cause, (ConnectionResetError, ConnectionAbortedError))
    said = (cause.strerror if cause else None) or str(error) or type(error).__name__
    if isinstance(cause, socket.gaierror):
        said = "its host is not known here: no network, or no DNS"
    return (_BrokenOffError if may_pass else _DownloadError)(said)
