"""A page in headless Chromium, over the DevTools protocol: what it shows, logs and asks for."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


def program() -> str | None:
    """Where the browser lies; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One open page. `events` are what the browser told of it, in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        """Asks the browser for something, and waits for it."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            told = json.loads(await asyncio.wait_for(self._socket.receive_str(), 60))
            if told.get("id") == self._last:
                assert "error" not in told, told
                return told["result"]
            self.events.append(told)

    async def value(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        told = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + 30
        while not await self.value(f"!!({expression})"):
            assert time.monotonic() < end, f"never true: {expression}"
            await asyncio.sleep(0.03)

    async def key(self, key: str) -> None:
        """Presses a key and lets it go."""
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key)

    async def look(self, width: int, height: int = 900, mode: str = "light") -> None:
        """Sets the size of the window and the mode that the reader prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        preferred = [{"name": "prefers-color-scheme", "value": mode}]
        await self.call("Emulation.setEmulatedMedia", features=preferred)

    async def open(self, path: Path) -> float:
        """Opens a file and waits until its list is there; the seconds that took."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        start = time.monotonic()
        await self.call("Page.navigate", url=path.resolve().as_uri())
        await self.until("document.documentElement?.dataset.ready")
        return time.monotonic() - start

    async def picture(self, path: Path, *, whole: bool = False) -> None:
        """Writes what is seen, or the whole page, as PNG."""
        told = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        if whole:
            size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            told = await self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(told["data"]))

    def complaints(self) -> list[str]:
        """What a page that is right never does: errors, dialogs, requests for anything else."""
        found = []
        for each in self.events:
            method, said = each["method"], each.get("params", {})
            if method in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
                found.append(json.dumps(said)[:400])
            elif method == "Page.javascriptDialogOpening":
                found.append(f"dialog: {said['message']}")
            elif method == "Network.requestWillBeSent":
                url = said["request"]["url"]
                if not url.startswith("file://") or said.get("type") != "Document":
                    found.append(f"request: {url[:200]}")
        return found


def visit(work: Callable[[Page], Awaitable[None]]) -> None:
    """Runs `work` with a page of a browser that is started for it, and ended after it."""
    found = program()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="kappa-browser-"))
    browser = subprocess.Popen(
        [found, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        asyncio.run(_visit(folder, work))
    finally:
        browser.terminate()
        browser.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


async def _visit(folder: Path, work: Callable[[Page], Awaitable[None]]) -> None:
    port = folder / "DevToolsActivePort"
    end = time.monotonic() + 60
    while not (port.exists() and port.read_text().count("\n") >= 1):
        assert time.monotonic() < end, "the browser did not start"
        await asyncio.sleep(0.05)
    address = f"http://127.0.0.1:{port.read_text().split()[0]}/json/list"
    async with aiohttp.ClientSession() as session:
        async with session.get(address) as told:
            pages = [each for each in await told.json() if each["type"] == "page"]
        async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            await work(Page(socket))
