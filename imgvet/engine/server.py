"""Prefect's server for an ad-hoc run: the configured one, or a temporary one of our own.

Prefect would start its temporary server when the first flow runs and wait for it idly. Here it is
started first, as a plain child process, and the caller works until it answers; it may begin to
import before it is known where its database will lie. That is the work dir, while the run lasts.

Nothing here is imported that takes time, so that a command line can launch the server first.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from imgvet.errors import EngineError, ImgvetError

START_TIMEOUT = 120.0
"""Seconds to wait for the temporary server."""

LOOPBACK = "127.0.0.1"
TEMPORARY = "Prefect's temporary server"
LOG = "server.log"
"""What the server says, in its home."""

_NOWHERE = Path(__file__).parent
"""Home of a server before it has one: a folder that is there and holds no settings of Prefect."""

_POLL = 0.1

DATABASE = "prefect.db"
"""Its database, in its home."""

ADDRESS = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
"""Where its process is told the address of that."""

QUIET: Mapping[str, str] = {
    # Without it the temporary server prints a traceback when it is stopped.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
}
"""Settings of every process we start: no noise; the package's own say what none may send."""

_SERVER: Mapping[str, str] = {
    **QUIET,
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_SERVER_UI_ENABLED": "0",
    # Half a second each time for what nobody has on a server that ends with the run.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    # Several seconds, where the process makes the tables at once.
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    # Checks of types that a library below it would weave into itself as it is imported.
    "PY_KEY_VALUE_DISABLE_BEARTYPE": "true",
}

PATIENCE: Mapping[str, str] = {"PREFECT_CLIENT_MAX_RETRIES": "2"}
"""Settings of a run of a person, who waits: a server that is gone is given some seconds."""


def past_proxies() -> dict[str, str]:
    """The variable by which no proxy that the environment names is asked for this machine."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    if known == "*":  # which only counts alone
        return {"no_proxy": known}
    return {"no_proxy": f"{known},{LOOPBACK}" if known else LOOPBACK}


@dataclass
class TemporaryServer:
    """A Prefect server of our own, as a child process on a free port of the loopback interface."""

    home: Path = _NOWHERE
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Address of its API."""
        return f"http://{LOOPBACK}:{self.port}/api"

    def launch(self) -> subprocess.Popen[bytes]:
        """Let it import what it needs; it writes nothing yet."""
        # Settings of the user are of a server of theirs: their database, who may ask it.
        others = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith("PREFECT_")
        }
        # The process gets the bound socket itself: a port that is let go of may become another's.
        with socket.create_server((LOOPBACK, 0)) as bound:
            self.port = int(bound.getsockname()[1])
            program = [sys.executable, "-P", "-m", "imgvet.engine.server_process"]
            self.process = subprocess.Popen(
                [*program, str(bound.fileno())],
                env={**others, **_SERVER, "PREFECT_HOME": str(_NOWHERE)},
                pass_fds=[bound.fileno()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True,
            )  # fmt: skip
        return self.process

    def start(self, home: Path) -> None:
        """Start it, launched or not, with its database in ``home``, and return at once."""
        process = self.process or self.launch()
        self.home = home.absolute()
        home.mkdir(parents=True, exist_ok=True)
        self._remove_database()  # that of a run that was killed
        # As a URI, so that a name may have any character.
        told = {
            "PREFECT_HOME": str(self.home),
            ADDRESS: f"sqlite+aiosqlite:///{Path(self.home, DATABASE).as_uri()}?uri=true",
        }
        with suppress(BrokenPipeError):  # it has ended, which is noticed below
            cast("IO[bytes]", process.stdin).write(f"{json.dumps(told)}\n".encode())
        threading.Thread(target=self._watch, daemon=True).start()

    def is_ready(self) -> bool:
        """Whether it answers, or never will."""
        return self.answered.is_set() or self.has_ended()

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self.process is not None and self.process.poll() is not None

    def wait(self) -> None:
        """Wait until it answers; EngineError if it does not."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self.is_ready() and time.monotonic() < deadline:
            self.answered.wait(_POLL)
        if not self.answered.is_set():
            code = 0 if self.process is None else self.process.poll() or 0
            what = (
                f"was killed by signal {-code}, as for its memory" if code < 0 else "did not start"
            )
            raise EngineError(f"{TEMPORARY} {what}", f"Run again; its log is {self.home / LOG}")

    def stop(self) -> None:
        """End it at once, and remove its database, which nobody opens any more."""
        if self.process is None:
            return
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self._remove_database()

    def _remove_database(self) -> None:
        """Remove it and its journals."""
        for path in self.home.glob(f"{DATABASE}*"):
            path.unlink()

    def _watch(self) -> None:
        import httpx

        while not self.has_ended():
            with suppress(httpx.HTTPError):
                httpx.get(f"{self.url}/health", timeout=5).raise_for_status()
                # Only a process that still lives has held the port until now.
                if not self.has_ended():
                    self.answered.set()
                return
            time.sleep(_POLL)


def may_be_configured() -> bool:
    """Whether the user's Prefect may be set up to use a server."""
    home = os.environ.get("PREFECT_HOME", "~/.prefect")
    has_profile = Path(home, "profiles.toml").expanduser().is_file()
    return has_profile or bool(os.environ.get("PREFECT_API_URL")) or "prefect" in sys.modules


def configured_url() -> str | None:
    """The server that the user's Prefect is set up to use, None if there is none.

    Prefect is imported only if its profile may name one. EngineError if it does not answer, or
    something else answers.
    """
    url = os.environ.get("PREFECT_API_URL")
    if not url and may_be_configured():
        from prefect import context
        from prefect.settings import Settings

        now = context.get_settings_context()
        # What it was imported with may have changed since, as in a notebook.
        settings = Settings() if now is context.GLOBAL_SETTINGS_CONTEXT else now.settings
        url = settings.api.url
        inside = context.SyncClientContext.get() or context.AsyncClientContext.get()
        if not url and inside is not None:  # a flow of the user: its server may be temporary, too
            url = str(inside.client.api_url).rstrip("/")
    if not url:
        return None
    _require_api(url)
    return url


def _require_api(url: str) -> None:
    """EngineError if a server does not answer, takes nothing from us, or is none of Prefect's.

    It is asked as Prefect would, with all that its settings say of certificates and credentials.
    """
    import httpx
    from prefect import settings
    from prefect.client.orchestration import get_client

    changes = {settings.PREFECT_API_URL: url, settings.PREFECT_CLIENT_MAX_RETRIES: 0}
    timeout = {"timeout": httpx.Timeout(10, connect=3)}
    try:
        with (
            settings.temporary_settings(changes),
            get_client(httpx_settings=timeout, sync_client=True) as client,
        ):
            client.raise_for_api_version_mismatch()
    except (httpx.HTTPError, RuntimeError) as error:
        cause = error.__cause__ or error
    else:
        return
    status = cause.response.status_code if isinstance(cause, httpx.HTTPStatusError) else 0
    # The server's pages answer every address, with what is no version.
    if isinstance(cause, ValueError) or status == httpx.codes.NOT_FOUND:
        raise EngineError(
            f"At {url} there is no API of Prefect",
            "Correct PREFECT_API_URL: it ends in /api, as in http://127.0.0.1:4200/api",
        )
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise EngineError(
            f"The Prefect server {url} refuses who asks",
            "Set PREFECT_API_AUTH_STRING, or PREFECT_API_KEY, to what it expects",
        )
    if status == 0:  # else it is busy, and a run has patience
        said = "does not answer" if isinstance(cause, httpx.TransportError) else "is of no use"
        raise EngineError(
            f"The Prefect server {url} {said} ({str(cause).rstrip('.')})",
            "Start it, correct PREFECT_API_URL, or unset it to use a temporary server",
        )


@contextmanager
def failures_of(server: str, remedy: str) -> Iterator[None]:
    """Raise EngineError, with what to do next, if a server fails what runs inside."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except ImgvetError:
        raise
    except (PrefectException, httpx.HTTPError, RuntimeError) as error:
        cause = error.__cause__ if type(error) is RuntimeError else error
        if not isinstance(cause, PrefectException | httpx.HTTPError):
            raise
        said, *_ = str(cause).splitlines() or [type(cause).__name__]  # links follow
        raise EngineError(f"{server} failed: {said}", remedy) from cause
