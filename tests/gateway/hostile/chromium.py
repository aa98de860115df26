"""Chromium without a window, driven by its own protocol over a pipe."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Seconds until a browser is taken to hang.
PATIENCE = 60
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
]  # fmt: skip
#: The protocol's pipe is to be at the descriptors 3 and 4.
_MOVE = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find() -> str | None:
    """The program, None where it is not installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


class Chromium:
    """A running browser with one page."""

    def __init__(self, program: str, folder: Path) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        move = [sys.executable, "-c", _MOVE, str(to_browser), str(from_browser), program]
        self._process = subprocess.Popen(
            [*move, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._rest = b""
        self._events: deque[dict[str, Any]] = deque()
        self._session = ""
        self.window = self.new_window()

    @property
    def window(self) -> str:
        """The window that is in front."""
        return self._session

    @window.setter
    def window(self, window: str) -> None:
        self._session = window
        self._ask("Page.bringToFront")

    def new_window(self, *, profile: bool = False) -> str:
        """Another window, which :attr:`window` can be set to; as of another person, who has cookies
        and documents of his own, with a ``profile``."""
        now, self._session = self._session, ""
        owner = self._ask("Target.createBrowserContext") if profile else {}
        target = self._ask("Target.createTarget", url="about:blank", **owner)["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = window = attached["sessionId"]
        self._ask("Page.enable")
        self._ask("Page.setLifecycleEventsEnabled", enabled=True)
        self._session = now
        return window

    def open(self, url: str) -> bool:
        """Go to an address; False where the browser shows nothing of it, but saves it."""
        self._events.clear()
        found = self._ask("Page.navigate", url=url)
        if "errorText" in found:
            return False
        self._wait_until_loaded(lambda loader: loader == found["loaderId"])
        return True

    def leave(self, script: str) -> None:
        """Run a script that leads to another page, such as a click, and wait for that."""
        now = self._ask("Page.getFrameTree")["frameTree"]["frame"]["loaderId"]
        self._events.clear()
        self.evaluate(script)
        self._wait_until_loaded(lambda loader: loader != now)

    def evaluate(self, script: str) -> Any:
        """What a script gives in the page, or promises."""
        answer = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until what a script says of the page is true."""
        found = self.evaluate(
            "new Promise((done) => { const look = () => {"
            f"  if ({script}) done(true); else setTimeout(look, 50); }};"
            f"  look(); setTimeout(() => done(document.body.innerText), {PATIENCE * 500}); }})"
        )
        assert found is True, f"{script} has not become true. The page says: {found}"

    def choose(self, selector: str, *files: Path) -> None:
        """Put files into a field of a form."""
        field = self._ask("Runtime.evaluate", expression=f"document.querySelector('{selector}')")
        self._ask(
            "DOM.setFileInputFiles",
            files=list(map(str, files)), objectId=field["result"]["objectId"],
        )  # fmt: skip

    def resize(self, width: int, height: int) -> None:
        """Be as wide as a desktop's window, or a phone."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def save_picture(self, file: str, *, whole: bool = True) -> None:
        """Keep the page, or what its window shows of it, as a PNG."""
        found = self._ask("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(file).write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        self._session = ""
        self._ask("Browser.close")
        self._process.wait(PATIENCE)
        os.close(self._out)
        os.close(self._in)

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "result" in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def _wait_until_loaded(self, is_it: Callable[[str], bool]) -> None:
        """Wait for a page, known by its loader: others may tell of themselves at the same time."""
        while not any(
            event["method"] == "Page.lifecycleEvent"
            and event["sessionId"] == self._session
            and event["params"]["name"] == "load"
            and is_it(event["params"]["loaderId"])
            for event in self._events
        ):
            self._events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._in, 1 << 16)
            assert data, "Chromium has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found
