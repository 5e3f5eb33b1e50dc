"""Who may ask the explorer: one person's own browser, and no page of another site.

* It listens on loopback only. A request for another host is refused (421), so that no site can
  reach it by pointing its own name at this machine (DNS rebinding).
* The address that is opened carries a key; it becomes a cookie that scripts can't read. Without it
  other users of the machine get nothing (401).
* What a page of another site asks for is refused (403): the browser says so (Fetch Metadata), and
  what changes something also needs a token that only the explorer's own page knows.
* Every answer forbids sniffing, framing, and use by other sites.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost"})
"""Names that this machine is asked by; the port may be another, as of a tunnel."""

KEY, TOKEN_HEADER = "key", "x-imgvet-token"
"""The key's name in the address, and the header of the token."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content Security Policy of every answer that does not bring its own."""

_HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Secrets:
    """What a browser has to know: the key opens the door, the token is needed to change something.

    Cookies do not tell ports apart, so the name of the cookie that holds the key has the port.
    """

    cookie: str
    key: str = field(default_factory=secrets.token_urlsafe, repr=False)
    token: str = field(default_factory=secrets.token_urlsafe, repr=False)


class Guard:
    """ASGI middleware that lets only one person's own browser through."""

    def __init__(self, app: ASGIApp, known: Secrets) -> None:
        self._app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on; there is nothing but HTTP."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (self._refusal(Request(scope)) or self._app)(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that is not let through."""
        known, headers = self._known, request.headers
        if not _is_own_host(headers):
            return PlainTextResponse("Ask for 127.0.0.1 or localhost.", 421)
        if _is_foreign(request.method, headers):
            return PlainTextResponse("Other sites may not ask.", 403)
        if request.method == "GET" and _same(request.query_params.get(KEY, ""), known.key):
            return self._entering(request)
        if not _same(request.cookies.get(known.cookie, ""), known.key):
            return PlainTextResponse("Open the address that imgvet printed: it has the key.", 401)
        changes = request.method not in ("GET", "HEAD")
        if changes and not _same(headers.get(TOKEN_HEADER, ""), known.token):
            return PlainTextResponse("The page is out of date: load it again.", 403)
        return None

    def _entering(self, request: Request) -> Response:
        asked = request.query_params.multi_items()
        rest = urlencode([(name, value) for name, value in asked if name != KEY])
        # One leading slash only: two would lead to another host.
        path = "/" + request.scope["path"].lstrip("/\\")
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
        # Lax, as a strict cookie would not be sent after a click in a notebook.
        answer.set_cookie(self._known.cookie, self._known.key, httponly=True, samesite="lax")
        return answer


def _is_own_host(headers: Headers) -> bool:
    hosts = headers.getlist("host")
    if len(hosts) != 1:
        return False
    name, _, port = hosts[0].partition(":")
    return name.lower() in HOSTS and (not port or (port.isascii() and port.isdigit()))


def _is_foreign(method: str, headers: Headers) -> bool:
    """Whether a page of another site asks, other than by a link that a person followed."""
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{headers['host'].lower()}":
        return True
    follows = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    is_link = method == "GET" and follows == ("navigate", "document")
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not is_link


def _same(given: str, known: str) -> bool:
    """Whether two secrets are the same, in time that tells nothing."""
    return hmac.compare_digest(given.encode(), known.encode())
