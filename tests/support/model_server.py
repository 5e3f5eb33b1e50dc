"""An HTTP server on loopback that serves files with ranges, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Trouble = Literal["reset", "truncate", "status", "whole", "shifted", "stall", "redirect"]


@dataclass
class Fault:
    """What goes wrong with the next request.

    Attributes:
        trouble: ``reset`` or ``truncate`` after ``after`` bytes; answer with ``status``; send the
            ``whole`` file though a range was asked for; a ``shifted`` range; ``stall`` for
            ``seconds``; ``redirect`` to the same file under ``/moved``, of another server if ``to``
            names one, with ``header``.
    """

    trouble: Trouble
    after: int = 0
    status: int = 503
    seconds: float = 1.0
    header: str = ""
    to: str = ""


@dataclass
class ModelServer:
    """A running server.

    Attributes:
        url: its address.
        files: path -> content.
        faults: what is still to go wrong, one for each request.
        requests: path and headers of what arrived.
        strong: whether ETags are strong; otherwise they are weak and there is no Last-Modified.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    strong: bool = True

    def ranges(self) -> list[str | None]:
        """The Range headers of the requests."""
        return [headers.get("Range") for _, headers in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.state = ModelServer(f"{scheme}://127.0.0.1:{self.server_address[1]}")

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        state = self.server.state
        state.requests.append((self.path, dict(self.headers.items())))
        fault = state.faults.pop(0) if state.faults else None
        path = re.sub(r"^http://[^/]+", "", self.path).removeprefix("/moved")
        if fault and fault.trouble == "stall":
            time.sleep(fault.seconds)
        if fault and fault.trouble == "status":
            self._finish(fault.status, b"")
        elif fault and fault.trouble == "redirect":
            location = f"{fault.to or state.url}/moved{path}"
            headers = {"Location": location, "X-Linked-Etag": fault.header}
            self._finish(302, b"", headers)
        elif path not in state.files:
            self._finish(404, b"")
        else:
            self._serve(state.files[path], fault)

    def _serve(self, content: bytes, fault: Fault | None) -> None:
        strong = self.server.state.strong
        digest = hashlib.md5(content).hexdigest()
        tag = f'"{digest}"' if strong else f'W/"{digest}"'
        start = self._wanted_start(tag)
        if fault and fault.trouble == "whole":
            start = 0
        if start and start >= len(content):
            self._finish(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers = {"ETag": tag}
        if start:
            start += 7 if fault and fault.trouble == "shifted" else 0
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._finish(206 if start else 200, content[start:], headers, fault)

    def _wanted_start(self, tag: str) -> int:
        asked = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        fits = self.headers.get("If-Range") in (None, tag)
        return int(asked[1]) if asked and fits else 0

    def _finish(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        fault: Fault | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        broken = fault is not None and fault.trouble in ("reset", "truncate")
        self.wfile.write(body[: fault.after] if fault is not None and broken else body)
        self.wfile.flush()
        if fault is not None and fault.trouble == "reset":
            time.sleep(0.05)  # so that the bytes before it arrive first
            linger = struct.pack("ii", 1, 0)  # closing with a linger time of 0 sends a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.wfile.close()
            self.connection.close()


@contextmanager
def running_model_server(tls: ssl.SSLContext | None = None) -> Iterator[ModelServer]:
    """Start a server and stop it at the end."""
    server = _Server(tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server on 127.0.0.1 needs for TLS, and the certificate by which a client trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, host = datetime.now(UTC), x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return context, certificate
