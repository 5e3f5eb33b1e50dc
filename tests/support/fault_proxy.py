"""An HTTP proxy that misbehaves on demand, between a client and an S3 server on loopback."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import unquote

Action = Literal["answer", "delay", "reset", "truncate", "flip", "refuse", "forget", "trust"]
_BREAK, _STAND_IN = "%0A", "%E2%90%A4"
"""moto's server takes no line breaks in keys: behind the proxy they are U+2424."""
_NOT_FORWARDED = {"connection", "keep-alive", "transfer-encoding", "content-length", "server"}


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests whose decoded path ends like ``suffix``.

    Attributes:
        action: ``answer`` with an error of ``status`` and ``code``; ``delay`` the answer; break off
            after ``after`` bytes of the body, by ``reset`` or as if complete (``truncate``);
            ``flip`` the ``bit`` of the body; ``refuse`` by closing without an answer; ``forget``
            the condition If-Match, as some servers do; ``trust``: forward only.
        before: called before the request is forwarded.
    """

    suffix: str
    action: Action
    times: int = 1
    method: str = "GET"
    bit: int = 0
    status: int = 503
    code: str = "SlowDown"
    seconds: float = 0.0
    after: int = 0
    before: Callable[[], object] | None = None


@dataclass
class FaultProxy:
    """A running proxy.

    Attributes:
        host: its host and port.
        upstream: host and port of the server.
        faults: what is still to go wrong; the first that fits is taken.
        requests: what arrived so far.
    """

    host: str
    upstream: str
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Address of the proxy."""
        return f"http://{self.host}"

    def gets(self, suffix: str = "") -> list[Request]:
        """Requests for objects whose key ends like ``suffix``."""
        return [
            request
            for request in list(self.requests)
            if request.method == "GET"
            and "list-type" not in request.query
            and request.path.endswith(suffix)
        ]

    def listings(self) -> list[Request]:
        """Requests for pages of listings."""
        return [request for request in list(self.requests) if "list-type" in request.query]

    def note(self, request: Request) -> Fault | None:
        """Record a request and take the fault that fits it."""
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                fits = fault.method == request.method and request.path.endswith(fault.suffix)
                if fits and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = FaultProxy(f"127.0.0.1:{self.server_address[1]}", upstream)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        request = Request(self.command, unquote(path), query, dict(self.headers.items()))
        fault = self.server.proxy.note(request) or Fault("", "trust")
        if fault.before is not None:
            fault.before()
        if fault.action == "refuse":
            self._break_off()
        elif fault.action == "answer":
            self._answer_error(fault)
        else:
            time.sleep(fault.seconds)
            self._forward(body, fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _answer_error(self, fault: Fault) -> None:
        text = f"<Error><Code>{fault.code}</Code><Message>as planned</Message></Error>".encode()
        self.send_response(fault.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _forward(self, body: bytes, fault: Fault) -> None:
        connection = http.client.HTTPConnection(self.server.proxy.upstream, timeout=30)
        try:
            target = self.path.replace(_BREAK, _STAND_IN)
            headers = dict(self.headers.items())
            if fault.action == "forget":
                headers.pop("If-Match", None)
            connection.request(self.command, target, body or None, headers)
            answer = connection.getresponse()
            data = answer.read()
            if "list-type" in target:
                data = data.replace(_STAND_IN.encode(), _BREAK.encode())
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_FORWARDED:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self._send_body(data, fault)

    def _send_body(self, data: bytes, fault: Fault) -> None:
        if fault.action == "flip":
            at, bit = divmod(fault.bit, 8)
            data = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        if fault.action in ("reset", "truncate"):
            self.wfile.write(data[: fault.after])
            self.wfile.flush()
            if fault.action == "reset":
                time.sleep(0.05)  # so that the bytes before it arrive first
            self._break_off(reset=fault.action == "reset")
        else:
            self.wfile.write(data)

    def _break_off(self, *, reset: bool = True) -> None:
        self.close_connection = True
        if reset:
            # With a linger time of 0, closing sends a TCP reset.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.wfile.close()
            self.connection.close()


@contextmanager
def running_proxy(upstream: str) -> Iterator[FaultProxy]:
    """Start a proxy before the server at ``upstream`` (host and port)."""
    server = _Server(upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
