"""A Hub on a loopback port: the part of its HTTP protocol that a dataset upload uses (xet off).

It keeps commits and files in memory, checks hashes and sizes of what it is sent, refuses a wrong
token, and can be told to answer a path with an error.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

TOKEN = "hf_right"


class Hub:
    """The server's state: `files` of main by path, `commits` by order, `requests` as they came."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.stored: dict[str, bytes] = {}
        self.commits: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.fail: dict[str, int] = {}
        self.repo: str | None = None
        self.private = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def head(self) -> str:
        return hashlib.sha1(json.dumps(self.commits).encode()).hexdigest()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON of one request."""
        for pattern, status in self.fail.items():
            if re.search(pattern, path):
                return status, {"error": f"planted {status}"}
        plain = path.split("?")[0]
        if (method, plain) == ("POST", "/api/repos/create"):
            wanted = json.loads(body)
            self.repo = f"{wanted['organization']}/{wanted['name']}"
            self.private = "private" in (
                wanted.get("visibility"),
                wanted.get("private") and "private",
            )
            return 200, {"url": f"{self.url}/datasets/{self.repo}"}
        if plain == "/api/validate-yaml":
            front = json.loads(body)["content"].split("---")
            wrong = len(front) < 3 or not isinstance(yaml.safe_load(front[1]), dict)
            errors = [{"message": "no YAML metadata"}] if wrong else []
            return (400 if wrong else 200), {"errors": errors, "warnings": []}
        if plain == f"/api/datasets/{self.repo}/preupload/main":
            asked = json.loads(body)["files"]
            return 200, {"files": [self._mode(each) for each in asked]}
        if plain == f"/datasets/{self.repo}.git/info/lfs/objects/batch":
            return 200, {"transfer": "basic", "objects": [
                self._place(each) for each in json.loads(body)["objects"]
            ]}  # fmt: skip
        if method == "PUT" and plain.startswith("/store/"):
            oid = plain.rsplit("/", 1)[1]
            if hashlib.sha256(body).hexdigest() != oid:
                return 422, {"error": "sha256 differs"}
            self.stored[oid] = body
            return 200, {}
        if plain == "/verify":
            wanted = json.loads(body)
            right = len(self.stored.get(wanted["oid"], b"")) == wanted["size"]
            return (200, {}) if right else (404, {"error": "not stored"})
        if plain == f"/api/datasets/{self.repo}/commit/main":
            return self._commit(body)
        if plain.startswith(f"/api/datasets/{self.repo}/tree/main"):
            return 200, [
                {
                    "type": "file",
                    "path": name,
                    "size": len(data),
                    "oid": hashlib.sha1(data).hexdigest(),
                }
                for name, data in sorted(self.files.items())
            ]
        if plain in (f"/api/datasets/{self.repo}", f"/api/datasets/{self.repo}/revision/main"):
            return 200, {"id": self.repo, "sha": self.head, "private": self.private, "siblings": [
                {"rfilename": name} for name in sorted(self.files)
            ]}  # fmt: skip
        return 404, {"error": f"no such place: {method} {path}"}

    def _mode(self, asked: dict[str, Any]) -> dict[str, Any]:
        mode = "lfs" if asked["path"].endswith(".parquet") else "regular"
        return {"path": asked["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _place(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = asked["oid"] in self.stored
        actions = {
            "upload": {"href": f"{self.url}/store/{asked['oid']}"},
            "verify": {"href": f"{self.url}/verify"},
        }
        return {**asked, **({} if known else {"actions": actions})}

    def _commit(self, body: bytes) -> tuple[int, Any]:
        fresh = dict(self.files)
        summary = ""
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                summary = value["summary"]
            elif entry["key"] == "file":
                fresh[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.stored:
                    return 400, {"error": f"{value['path']}: never uploaded"}
                fresh[value["path"]] = self.stored[value["oid"]]
            elif entry["key"] == "deletedFile":
                fresh.pop(value["path"])
        self.files = fresh
        self.commits.append(summary)
        return 200, {
            "success": True,
            "commitOid": self.head,
            "commitUrl": f"{self.url}/datasets/{self.repo}/commit/{self.head}",
        }


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.requests.append((self.command, self.path))
            storing = self.path.startswith(("/store/", "/verify"))
            if not storing and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, answer = 401, {"error": "Invalid credentials"}
            else:
                status, answer = hub.answer(self.command, self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_HEAD = _serve

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler
