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
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import cookies
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost"})
"""Names that this machine is asked by; the port may be another, as of a tunnel."""

KEY, TOKEN_HEADER, COOKIE = "key", "x-imgvet-token", "imgvet-explorer"
"""The key's name in the address, the header of the token, and the beginning of the cookie's name.

Cookies do not tell ports apart, so the name of the cookie also has the port."""

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_OWN_SITES = frozenset({"same-origin", "none"})

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content Security Policy of every answer that does not bring its own."""

_HEADERS: Mapping[str, str] = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def _secret() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Secrets:
    """What a browser has to know.

    Attributes:
        port: the port that is listened on.
        key: opens the door; part of the address that is opened.
        token: known to the explorer's page; needed for what changes something.
    """

    port: int
    key: str = field(default_factory=_secret, repr=False)
    token: str = field(default_factory=_secret, repr=False)

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the key."""
        return f"{COOKIE}-{self.port}"


class Guard:
    """ASGI middleware that lets only one person's own browser through."""

    def __init__(self, app: ASGIApp, known: Secrets) -> None:
        self._app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refusal(scope)
        await (refused or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is not let through."""
        headers = Headers(scope=scope)
        if not _is_own_host(headers):
            return PlainTextResponse("Ask for 127.0.0.1 or localhost.", 421)
        if _is_foreign(scope, headers):
            return PlainTextResponse("Other sites may not ask.", 403)
        entering = self._entering(scope)
        if entering is not None:
            return entering
        if not _same(_cookie(headers, self._known.cookie), self._known.key):
            return PlainTextResponse("Open the address that imgvet printed: it has the key.", 401)
        if scope["method"] not in _SAFE_METHODS and not _same(
            headers.get(TOKEN_HEADER, ""), self._known.token
        ):
            return PlainTextResponse("The page is out of date: load it again.", 403)
        return None

    def _entering(self, scope: Scope) -> Response | None:
        """Take the key from the address and keep it as a cookie."""
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in asked if name == KEY), None)
        if scope["method"] != "GET" or given is None or not _same(given, self._known.key):
            return None
        rest = urlencode([(name, value) for name, value in asked if name != KEY])
        # One leading slash only: two would lead to another host.
        path = "/" + scope["path"].lstrip("/\\")
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
        # Lax, as a strict cookie would not be sent after a click in a notebook.
        answer.set_cookie(self._known.cookie, given, path="/", httponly=True, samesite="lax")
        return answer


def _is_own_host(headers: Headers) -> bool:
    hosts = headers.getlist("host")
    if len(hosts) != 1:
        return False
    name, _, port = hosts[0].partition(":")
    return name.lower() in HOSTS and (not port or (port.isascii() and port.isdigit()))


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another site asks, other than by a link that a person followed."""
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{headers['host'].lower()}":
        return True
    if headers.get("sec-fetch-site", "none") in _OWN_SITES:
        return False
    navigates = headers.get("sec-fetch-mode") == "navigate"
    return not (
        scope["method"] == "GET" and navigates and headers.get("sec-fetch-dest") == "document"
    )


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = cookies.SimpleCookie(headers.get("cookie", "")).get(name)
    except cookies.CookieError:
        return ""
    return found.value if found is not None else ""


def _same(given: str, known: str) -> bool:
    """Whether two secrets are the same, in time that tells nothing."""
    return hmac.compare_digest(given.encode(), known.encode())
