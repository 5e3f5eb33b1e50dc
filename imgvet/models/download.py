"""Download one file over HTTP: resumed where it broke off, retried when the network fails.

The bytes go to a ``.part`` file. Beside it lies the validator (a strong ETag, or the time of the
last change; RFC 9110, 13.1.5) that makes it safe to go on with that part. Proxies and certificates
are taken from the environment, as :mod:`urllib.request` and :mod:`ssl` do (``https_proxy``,
``no_proxy``, ``SSL_CERT_FILE``).
"""

from __future__ import annotations

import http.client
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from imgvet import __version__

_CHUNK = 1 << 18
_DIGEST_HEADER = "X-Linked-Etag"
"""Where huggingface.co says the sha256 of a file, in the answer that redirects to its bytes."""

_WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})


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


@dataclass(frozen=True)
class Arrived:
    """How much of a file is here.

    Attributes:
        done: bytes here.
        total: bytes of the whole file; None if the server does not say.
    """

    done: int
    total: int | None


class DownloadError(Exception):
    """A file can't be had from an address; the message says why, in a few words."""


class _BrokenOffError(Exception):
    """The connection ended early; trying again may bring the rest."""


def download(
    url: str, part: Path, report: Callable[[Arrived], None], patience: Patience
) -> str | None:
    """Download an address into ``part``, going on with what is there.

    Args:
        url: address of the file.
        part: file for the bytes; complete when this returns.
        report: called now and then with how much is here.
        patience: how often to try again.

    Returns:
        the sha256 that the server gave in its headers, None if it gave none.

    Raises:
        DownloadError: it can't be had; what has arrived stays in ``part``.
        OSError: it can't be written.
    """
    fruitless = 0
    while True:
        before = _size(part)
        try:
            return _attempt(url, part, report, patience.timeout)
        except _BrokenOffError as error:
            fruitless = 0 if _size(part) > before else fruitless + 1
            if fruitless >= patience.attempts:
                raise DownloadError(str(error)) from None
            time.sleep(patience.pause * 2 ** max(fruitless - 1, 0))


def discard(part: Path) -> None:
    """Forget what has arrived."""
    part.unlink(missing_ok=True)
    _validator_path(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, report: Callable[[Arrived], None], timeout: float) -> str | None:
    """Ask once for what is missing.

    Raises:
        _BrokenOffError: it did not all arrive, but may at the next try.
        DownloadError: asking again is useless.
    """
    digests: list[str] = []
    try:
        with _open(url, part, timeout, digests) as answer:
            start = _start_of(answer, part)
            _save(answer, part, start, report)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and _size(part):
            discard(part)  # more bytes than the file has: not this file
            raise _BrokenOffError("the part here does not fit the file") from None
        reason = f"HTTP {error.code} {error.reason}".strip()
        kind = _BrokenOffError if error.code in _WORTH_RETRYING else DownloadError
        raise kind(reason) from None
    except urllib.error.URLError as error:
        raise _unreachable(error.reason) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _BrokenOffError(_words(error)) from None
    except ValueError as error:
        raise DownloadError(f"not an address: {error}") from None
    return digests[0] if digests else None


def _open(url: str, part: Path, timeout: float, digests: list[str]) -> Any:
    request = urllib.request.Request(  # noqa: S310  (addresses come from our cards)
        url, headers={"User-Agent": f"imgvet/{__version__}", "Accept-Encoding": "identity"}
    )
    validator = _validator(part)
    if _size(part) and validator:
        request.add_header("Range", f"bytes={_size(part)}-")
        request.add_header("If-Range", validator)
    return urllib.request.build_opener(_Redirects(digests)).open(request, timeout=timeout)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects and notes the digest that one of the answers gives."""

    def __init__(self, digests: list[str]) -> None:
        self._digests = digests

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request; headers such as Range go along."""
        self._note(headers)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:  # noqa: ARG002
        """Note the digest of the last answer too."""
        self._note(response.headers)
        return response

    https_response = http_response

    def _note(self, headers: Any) -> None:
        digest = str(headers.get(_DIGEST_HEADER, "")).strip('"').lower()
        if re.fullmatch(r"[0-9a-f]{64}", digest):
            self._digests.append(digest)


def _start_of(answer: Any, part: Path) -> int:
    """Where in the file the answer's bytes begin, and the part made ready for them."""
    if answer.status == http.client.PARTIAL_CONTENT:
        given = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if given and int(given[1]) == _size(part):
            return int(given[1])
        discard(part)
        raise _BrokenOffError("the server sent another range than asked for")
    discard(part)
    etag = answer.headers.get("ETag", "")
    # A weak one (W/"...") does not promise the same bytes.
    validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
    if validator:
        _validator_path(part).write_text(validator, encoding="latin-1")
    return 0


def _save(answer: Any, part: Path, start: int, report: Callable[[Arrived], None]) -> None:
    """Append the answer's bytes.

    Raises:
        _BrokenOffError: fewer bytes arrived than were announced.
    """
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else None
    done = start
    with part.open("ab") as stream:
        while data := answer.read1(_CHUNK):
            stream.write(data)
            done += len(data)
            report(Arrived(done, total))
    if total is not None and done < total:
        raise _BrokenOffError(f"the connection ended after {done:,} of {total:,} bytes")


def _unreachable(reason: object) -> Exception:
    """What a failure to connect means: a refused or unknown host will not be there in a second."""
    if isinstance(reason, (TimeoutError, ConnectionResetError, ConnectionAbortedError)):
        return _BrokenOffError(_words(reason))
    return DownloadError(_words(reason))


def _words(error: object) -> str:
    if isinstance(error, socket.gaierror):
        return "its host is not known here: no network, or no DNS"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _validator_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.validator")


def _validator(part: Path) -> str:
    path = _validator_path(part)
    return path.read_text(encoding="latin-1") if path.is_file() else ""
