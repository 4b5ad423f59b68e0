"""A strict Hub on a loopback port: the HTTP protocol of dataset repositories.

It keeps repositories in memory and speaks to the real client: create, preupload, LFS batch (basic
and multipart), PUT, verify, uploads by Xet, commits as NDJSON on a parent, branches, tags, pull
requests, info, tree, paths-info, resolve with redirects and ranges. It refuses what the Hub
refuses: a wrong or read-only token, content that is not its hash, a commit that names content which
nobody uploaded, a parent that is not the head (412), a tag or branch that is there (409), metadata
that are no YAML.

The protocol is read from huggingface_hub's own source (1.33 and 2.4) and from git-lfs' batch API.
Faults are planted by `plant`; `requests` has every request, as (step, path).
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from strict_hub_repos import ATTRIBUTES, MAIN, File, Refused, Repo
from strict_hub_steps import TOKEN, Asked, step_of

LOSE = "lose"
"""a fault: the request is done, and its answer is lost"""
DROP = "drop"
"""a fault: the connection ends in the middle of the request"""
PAGE = "page"
"""a fault: a gateway's page, which is no JSON, with status 200"""


@dataclass
class Fault:
    """`what`: a status, LOSE, DROP, PAGE, or something to call before the request is served."""

    step: str
    what: int | str | Callable[[], None]
    skip: int = 0
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class StrictHub:
    """The server; use it in `with`."""

    def __init__(self, *, part_size: int = 10**9) -> None:
        self.repos: dict[str, Repo] = {}
        self.storage: dict[str, bytes] = {}
        self.xorbs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.part_size = part_size
        self.parts: dict[tuple[str, int], bytes] = {}
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._open: set[socket.socket] = set()
        self._server = self._listen(0)
        port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{port}"
        # Another host, as the client sees it: it must not get the token.
        self.storage_url = f"http://localhost:{port}"

    def __enter__(self) -> StrictHub:
        self._serve()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()

    def plant(
        self, step: str, what: int | str | Callable[[], None], skip: int = 0, times: int = 1,
        **headers: str,
    ) -> None:  # fmt: skip
        """Plants a fault: the first `skip` requests of `step` are served, the next `times` not."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._faults.append(Fault(step, what, skip, times, named))

    def mend(self) -> None:
        """No more faults."""
        self._faults.clear()

    def count(self, step: str) -> int:
        """How many requests of a step came."""
        return sum(each == step for each, _ in self.requests)

    def go_away(self, seconds: float) -> None:
        """Nobody listens for a while, and every connection is cut."""

        def come_back() -> None:
            self._server = self._listen(port)
            self._serve()

        port = self._server.server_address[1]
        threading.Thread(target=self._stop).start()
        threading.Timer(seconds, come_back).start()

    def repo(self, name: str, token: str, write: bool) -> Repo:
        """A repository that the token may see, or write to."""
        found = self.repos.get(name)
        if found is None or (found.private and not token):
            raise Refused(404 if token else 401, "Repository not found", "RepoNotFound")
        if write and token != TOKEN:
            raise Refused(403 if token else 401, "You must use a write token")
        return found

    def create(self, name: str, private: bool = False) -> Repo:
        """A new repository, with the commit that the Hub makes by itself."""
        repo = self.repos[name] = Repo(name, private)
        first = repo.add("", "initial commit", {".gitattributes": File(ATTRIBUTES, False)})
        repo.branches[MAIN] = first.oid
        return repo

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON or bytes, and headers of one request."""
        split = urlsplit(target)
        step, named = step_of(method, split.path)
        try:
            if not step:
                raise Refused(404, f"no such place: {method} {split.path}")
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            asked = Asked(self, step, named, query, headers, body)
            with self._lock:
                return getattr(asked, step)()
        except Refused as error:
            return error.status, {"error": str(error)}, error.headers

    def fault(self, step: str) -> Fault | None:
        """The fault that is due for this request."""
        with self._lock:
            for each in self._faults:
                if each.step == step:
                    if each.skip:
                        each.skip -= 1
                    elif each.times:
                        each.times -= 1
                        return each
        return None

    def _listen(self, port: int) -> ThreadingHTTPServer:
        hub = self

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def process_request(self, request: Any, address: Any) -> None:
                hub._open.add(request)
                super().process_request(request, address)

        end = time.monotonic() + 10
        while True:
            try:
                return Server(("127.0.0.1", port), handler(self))
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def _serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        while self._open:
            cut(self._open.pop())


def cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_RDWR)


def handler(hub: StrictHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: by themselves they wait for each other

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            step, _ = step_of(self.command, urlsplit(self.path).path)
            fault = hub.fault(step)
            if fault and fault.what == DROP:
                self.rfile.read(size // 2)
                self._cut()
                return
            body = (
                self._chunks() if self.headers.get("Transfer-Encoding") else self.rfile.read(size)
            )
            if len(body) < size:
                self._cut()  # whoever sent it is gone
                return
            hub.requests.append((step, self.path))
            if fault and callable(fault.what):
                fault.what()
            if fault and isinstance(fault.what, int):
                self._answer(fault.what, {"error": f"planted {fault.what}"}, fault.headers)
                return
            if fault and fault.what == PAGE:
                self._answer(200, b"<html>", {})
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = hub.answer(self.command, self.path, headers, body)
            if fault and fault.what == LOSE:
                self._cut()
                return
            self._answer(*answer)

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, status: int, answer: Any, headers: dict[str, str]) -> None:
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
            self.send_response(status)
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _cut(self) -> None:
            self.close_connection = True
            cut(self.connection)

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the other side went away, or we did
                super().handle()

        do_GET = do_POST = do_PUT = do_HEAD = _serve

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler
