"""Headless Chromium over the DevTools protocol: just as much of it as the tests need."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars",
    # Half the time without what no test looks at; WebGL stays.
    "--disable-gpu-rasterization", "--disable-gpu-compositing",
    "--disable-smooth-scrolling", "--animation-duration-scale=0",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--remote-debugging-port=0",
)  # fmt: skip
_PATIENCE = 60.0

Message = dict[str, Any]

CATCH_DOWNLOADS = """
globalThis.caught = [];
URL.createObjectURL = (blob) => {
  blob.text().then((text) => caught.push(text));
  return "blob:none";
};
HTMLAnchorElement.prototype.click = function () { caught.push(this.download); };
true
"""
"""Keeps what would be downloaded, and under which name, in ``caught``."""

UNSEEN = "a b\n\t\r\x07\xa0\u202e\u2028\u3000\udcff\U000e0041 \u200d\u200c\u00e9\U0001f408"
"""A name with characters that have no shape of their own, and some that have."""

_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
_RUN_AXE = """
axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations
  .filter((one) => ["moderate", "serious", "critical"].includes(one.impact))
  .map((one) => one.id + ": " +
    one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")))
"""


def executable() -> str | None:
    """A Chromium or Chrome of this machine; None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Tab:
    """One page in the browser, and what it said and asked for since it was opened.

    Attributes:
        socket: the connection to the browser.
        session: the page's session.
        errors: messages of errors, of the console and of uncaught exceptions.
        requests: addresses that were asked for.
    """

    socket: ClientConnection
    session: str = ""
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _last: int = 0
    _loaded: bool = False

    def call(self, method: str, **parameters: Any) -> Message:
        """Call a method of the protocol and wait for its result."""
        self._last += 1
        number = self._last
        message: Message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: Message = answer["result"]
                return result

    def open(self, url: str, ready: str = "true") -> None:
        """Load a page, and wait until an expression holds in it."""
        self.errors.clear()
        self.requests.clear()
        self._loaded = False
        self.call("Page.navigate", url=url)
        end = time.monotonic() + _PATIENCE
        while not self._loaded:
            assert time.monotonic() < end, f"{url} is not loaded"
            self._receive()
        self.wait_for(ready)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True,
            userGesture=True,
        )  # fmt: skip
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression holds."""
        self._wait(lambda: bool(self.run(expression)), expression)

    def key(self, key: str, code: int = 0, text: str = "") -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )  # fmt: skip

    def hotkey(self, letter: str) -> None:
        """Let the page hear of a key."""
        told = json.dumps({"key": letter, "bubbles": True, "cancelable": True})
        self.run(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {told}))")

    def press(self, letter: str, said: str) -> None:
        """Let the page hear of a key, and wait until it says that it did what it should."""
        words = "document.getElementById('said').textContent"
        self.run(f"{words} = ''")
        self.hotkey(letter)
        self.wait_for(f"{words} === {json.dumps(said)}")

    def mouse(self, kind: str, x: float, y: float, *, held: bool = False) -> None:
        """Move, press or release the mouse at a place of the window."""
        button = "none" if kind == "mouseMoved" and not held else "left"
        self.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1,
            buttons=1 if held else 0,
        )  # fmt: skip

    def size(self, width: int, height: int, *, scale: float = 1.0) -> None:
        """Set the size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=scale, mobile=width < 600,
        )  # fmt: skip

    def prefer(self, scheme: str) -> None:
        """Prefer a light or a dark colour scheme."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def barriers(self) -> list[str]:
        """What axe finds serious or critical on the page: the rules that it breaks, and where."""
        self.run(_AXE.read_text("utf-8") + "; true")
        return list(self.run(_RUN_AXE))

    def barriers_at(self, url: str, ready: str, scheme: str) -> list[str]:
        """The same of a page whose own policy lets no other script in, opened in a scheme."""
        self.prefer(scheme)
        self.call("Page.setBypassCSP", enabled=True)
        self.open(url, ready)
        found = self.barriers()
        self.call("Page.setBypassCSP", enabled=False)
        return found

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not done():
            assert time.monotonic() < end, f"waited in vain for {what}"
            time.sleep(0.05)

    def _receive(self) -> Message:
        message: Message = json.loads(self.socket.recv(timeout=_PATIENCE))
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, found: Message) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(found["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled" and found["type"] in {"error", "assert"}:
            self.errors.append(json.dumps(found["args"])[:600])
        elif method == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.errors.append(f"{found['entry']['text']} {found['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(found["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded = True


@contextmanager
def browser(program: str) -> Iterator[Tab]:
    """A browser with one empty page; it is gone afterwards, with all it wrote."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as home:
        command = [program, *_FLAGS, f"--user-data-dir={home}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_address(Path(home), process), max_size=None) as socket:
                yield _new_tab(socket, Path(home))
        finally:
            process.terminate()
            process.wait(timeout=30)


def _address(home: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser listens: it writes a file with its port and path."""
    file = home / "DevToolsActivePort"
    end = time.monotonic() + _PATIENCE
    while not (file.is_file() and len(file.read_text().split()) == 2):
        assert process.poll() is None, "the browser ended"
        assert time.monotonic() < end, "the browser does not start"
        time.sleep(0.05)
    port, path = file.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"


def _new_tab(socket: ClientConnection, home: Path) -> Tab:
    tab = Tab(socket)
    downloads = home / "downloads"
    downloads.mkdir()
    tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
    target = tab.call("Target.createTarget", url="about:blank")["targetId"]
    tab.session = tab.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        tab.call(f"{domain}.enable")
    return tab
