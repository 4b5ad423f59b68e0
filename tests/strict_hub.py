"""A strict Hub on a loopback port: the HTTP protocol of dataset repositories, without Xet.

It keeps repositories in memory and speaks to the real client: create, preupload, LFS batch (basic
and multipart), PUT, verify, commits as NDJSON on a parent, branches, tags, pull requests, info,
tree, paths-info, resolve with ranges. It refuses what the Hub refuses: a wrong or read-only token,
content that is not its hash, a commit that names content which nobody uploaded, a parent that is
not the head (412), a tag or branch that is there (409), metadata that are no YAML.

The protocol is read from huggingface_hub's own source (1.33 and 2.4) and from git-lfs' batch API.
Faults are planted by `plant`; `requests` has every request, as (step, path).
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN, READ_TOKEN = "hf_mayWrite0123456789", "hf_mayOnlyRead012345"
OWNER = "someone"
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n*.png filter=lfs diff=lfs merge=lfs\n"
SIGNATURE = "Signature=planted-secret"
MAIN = "main"
LOSE = "lose"
"""a fault: the request is done, and its answer is lost"""
DROP = "drop"
"""a fault: the connection ends in the middle of the request"""

ROUTES = [
    ("create", "POST", r"/api/repos/create"),
    ("whoami", "GET", r"/api/whoami-v2"),
    ("yaml", "POST", r"/api/validate-yaml"),
    ("preupload", "POST", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/preupload/(?P<rev>[^/]+)"),
    ("batch", "POST", r"/datasets/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch"),
    ("put", "PUT", r"/store/(?P<oid>\w{64})"),
    ("part", "PUT", r"/store/(?P<oid>\w{64})/(?P<number>\d+)"),
    ("complete", "POST", r"/complete/(?P<oid>\w{64})"),
    ("verify", "POST", r"/verify"),
    ("commit", "POST", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/commit/(?P<rev>[^/]+)"),
    ("branch", "POST", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/branch/(?P<name>[^/]+)"),
    ("tag", "POST", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/tag/(?P<rev>[^/]+)"),
    ("refs", "GET", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/refs"),
    ("discussions", "GET", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/discussions"),
    ("info", "GET", r"/api/datasets/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<rev>[^/]+))?"),
    ("tree", "GET", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/tree/(?P<rev>[^/]+)(?:/(?P<path>.*))?"),
    ("paths", "POST", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/paths-info/(?P<rev>[^/]+)"),
    ("resolve", "GET", r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)"),
]  # fmt: skip


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: str, code: str = "", **headers: str) -> None:
        super().__init__(error)
        self.status, self.headers = status, {**headers, "X-Error-Message": error}
        if code:
            self.headers["X-Error-Code"] = code


@dataclass(frozen=True)
class File:
    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        head = "version https://git-lfs.github.com/spec/v1\noid sha256:"
        return f"{head}{self.sha256}\nsize {len(self.data)}\n".encode()

    @property
    def blob_id(self) -> str:
        """As `git hash-object` names it: an LFS file is its pointer."""
        data = self.pointer if self.lfs else self.data
        return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str
    title: str
    files: dict[str, File]


@dataclass
class Pull:
    title: str
    head: str
    status: str = "open"


@dataclass
class Repo:
    """A repository; `log(branch)` are the titles of its commits, the first one first."""

    name: str
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)

    def at(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if match := re.fullmatch(r"refs/pr/(\d+)", revision):
            number = int(match[1])
            oid = self.pulls[number - 1].head if 0 < number <= len(self.pulls) else ""
        if oid not in self.commits:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def log(self, revision: str = MAIN) -> list[str]:
        titles, oid = [], self.at(revision).oid
        while oid:
            titles.append(self.commits[oid].title)
            oid = self.commits[oid].parent
        return titles[::-1]

    def add(self, parent: str, title: str, files: dict[str, File]) -> Commit:
        seed = f"{parent}{title}{len(self.commits)}{sorted(files)}"
        oid = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, title, files)
        return self.commits[oid]

    def write(self, title: str, files: dict[str, bytes | None], revision: str = MAIN) -> None:
        """Somebody else's commit; None removes a file."""
        head = self.at(revision)
        fresh = {**head.files, **{n: File(d, False) for n, d in files.items() if d is not None}}
        for name in (name for name, data in files.items() if data is None):
            del fresh[name]
        self.branches[revision] = self.add(head.oid, title, fresh).oid


@dataclass
class Fault:
    """`what`: a status, LOSE, DROP, or something to call before the request is served."""

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
        self.requests: list[tuple[str, str]] = []
        self.part_size = part_size
        self._parts: dict[tuple[str, int], bytes] = {}
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._open: set[socket.socket] = set()
        self._server = self._listen(0)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

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


def step_of(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The step's name and the names in its path; HEAD is served as GET is."""
    wanted = "GET" if method == "HEAD" else method
    for step, known, pattern in ROUTES:
        if known == wanted and (match := re.fullmatch(pattern, path)):
            return step, {
                name: unquote(value) for name, value in match.groupdict().items() if value
            }
    return "", {}


def cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Asked:
    """One request; every method serves one step."""

    hub: StrictHub
    step: str
    named: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def repo(self, *, write: bool = False) -> Repo:
        return self.hub.repo(self.named["repo"], self.token, write)

    @property
    def token(self) -> str:
        """The token, which is one of ours; empty for nobody."""
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        if given and given not in (TOKEN, READ_TOKEN):
            raise Refused(401, "Invalid credentials in Authorization header")
        return given

    def create(self):
        asked = self.json
        if asked["type"] != "dataset" or not self.token:
            raise Refused(401, "log in")
        if self.token != TOKEN or asked["organization"] != OWNER:
            raise Refused(403, "You don't have the rights to create a dataset under this namespace")
        name = f"{asked['organization']}/{asked['name']}"
        url = f"{self.hub.url}/datasets/{name}"
        if name in self.hub.repos:
            return 409, {"error": "You already created this dataset repo", "url": url}, {}
        self.hub.create(name, asked.get("visibility") == "private" or bool(asked.get("private")))
        return 200, {"url": url, "id": name}, {}

    def whoami(self):
        if not self.token:
            raise Refused(401, "Invalid username or password.")
        role = "write" if self.token == TOKEN else "read"
        return 200, {"name": OWNER, "type": "user", "auth": {"accessToken": {"role": role}}}, {}

    def yaml(self):
        errors = front_errors(self.json["content"])
        return (400 if errors else 200), {"errors": errors, "warnings": []}, {}

    def preupload(self):
        head = self.repo(write=True).at(self.named["rev"])
        files = []
        for each in self.json["files"]:
            there = head.files.get(each["path"])
            oid = (there.sha256 if there.lfs else there.blob_id) if there else None
            mode = "lfs" if wants_lfs(head, each["path"], each["size"]) else "regular"
            files.append(
                {"path": each["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
            )
        return 200, {"files": files}, {}

    def batch(self):
        self.repo(write=True)
        if "application/vnd.git-lfs+json" not in self.headers.get("accept", ""):
            raise Refused(406, "Accept application/vnd.git-lfs+json")
        asked = self.json
        if asked["operation"] != "upload" or asked["hash_algo"] != "sha256":
            raise Refused(422, "only uploads by sha256")
        objects = [{**each, **self._actions(**each)} for each in asked["objects"]]
        return 200, {"transfer": "basic", "objects": objects}, {}

    def _actions(self, oid: str, size: int) -> dict[str, Any]:
        if oid in self.hub.storage:
            return {}
        url = self.hub.url
        verify = {"href": f"{url}/verify"}
        store = f"{url}/store/{oid}"
        if size <= self.hub.part_size:
            return {"actions": {"upload": {"href": f"{store}?{SIGNATURE}"}, "verify": verify}}
        parts = range(1, -(-size // self.hub.part_size) + 1)
        header = {str(number): f"{store}/{number}?{SIGNATURE}" for number in parts}
        header["chunk_size"] = str(self.hub.part_size)
        upload = {"href": f"{url}/complete/{oid}?{SIGNATURE}", "header": header}
        return {"actions": {"upload": upload, "verify": verify}}

    def put(self):
        self._signed()
        if hashlib.sha256(self.body).hexdigest() != self.named["oid"]:
            raise Refused(400, "BadDigest")
        self.hub.storage[self.named["oid"]] = self.body
        return 200, {}, {}

    def part(self):
        self._signed()
        self.hub._parts[self.named["oid"], int(self.named["number"])] = self.body
        return 200, {}, {"ETag": hashlib.md5(self.body).hexdigest()}

    def complete(self):
        self._signed()
        oid, data = self.named["oid"], b""
        for each in self.json["parts"]:
            part = self.hub._parts[oid, each["partNumber"]]
            if hashlib.md5(part).hexdigest() != each["etag"]:
                raise Refused(400, "InvalidPart")
            data += part
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refused(400, "BadDigest")
        self.hub.storage[oid] = data
        return 200, {}, {}

    def _signed(self) -> None:
        """The storage knows signatures, and no tokens."""
        if self.query.get("Signature") != SIGNATURE.partition("=")[2]:
            raise Refused(403, "SignatureDoesNotMatch")
        if "authorization" in self.headers:
            raise Refused(400, "Only one auth mechanism allowed")

    def verify(self):
        asked = self.json
        if self.token != TOKEN:
            raise Refused(401, "log in")
        if len(self.hub.storage.get(asked["oid"], b"")) != asked["size"]:
            raise Refused(404, "The object was not uploaded")
        return 200, {}, {}

    def commit(self):
        repo = self.repo(write=True)
        head = repo.at(self.named["rev"])
        if self.headers.get("content-type") != "application/x-ndjson":
            raise Refused(400, "NDJSON is expected")
        lines = [json.loads(line) for line in self.body.splitlines()]
        if not lines or lines[0]["key"] != "header" or len(lines) == 1:
            raise Refused(400, "No files have been modified since last commit")
        header = lines[0]["value"]
        parent = header.get("parentCommit", head.oid)
        if parent != head.oid:
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        fresh = dict(head.files)
        for line in lines[1:]:
            self._change(head, fresh, line["key"], line["value"])
        made = repo.add(head.oid, header["summary"], fresh)
        url = f"{self.hub.url}/datasets/{repo.name}"
        answer = {"success": True, "commitOid": made.oid, "commitUrl": f"{url}/commit/{made.oid}"}
        if self.query.get("create_pr") == "1":
            repo.pulls.append(Pull(header["summary"], made.oid))
            answer["pullRequestUrl"] = f"{url}/discussions/{len(repo.pulls)}"
        elif self.named["rev"] in repo.branches:
            repo.branches[self.named["rev"]] = made.oid
        elif match := re.fullmatch(r"refs/pr/(\d+)", self.named["rev"]):
            repo.pulls[int(match[1]) - 1].head = made.oid
        else:
            raise Refused(400, "not a branch")
        return 200, answer, {}

    def _change(self, head: Commit, fresh: dict[str, File], key: str, value: Any) -> None:
        path = value["path"]
        if key == "file":
            data = base64.b64decode(value["content"], validate=True)
            if wants_lfs(head, path, len(data)) and data:
                raise Refused(400, f"{path} has to be an LFS file")
            if path == "README.md" and front_errors(data.decode()):
                raise Refused(400, "invalid metadata in README.md")
            fresh[path] = File(data, False)
        elif key == "lfsFile":
            data = self.hub.storage.get(value["oid"])
            if data is None or len(data) != value.get("size", len(data)):
                raise Refused(400, f"LFS pointer of {path} points to a file that does not exist")
            fresh[path] = File(data, True)
        elif key == "deletedFile" and path in fresh:
            del fresh[path]
        else:
            raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")

    def branch(self):
        repo = self.repo(write=True)
        if self.named["name"] in repo.branches:
            raise Refused(409, f"Reference already exists: {self.named['name']}")
        repo.branches[self.named["name"]] = repo.at(self.json.get("startingPoint", MAIN)).oid
        return 200, {}, {}

    def tag(self):
        repo, name = self.repo(write=True), self.json["tag"]
        if name in repo.tags:
            raise Refused(409, f"Tag reference exists already: {name}")
        repo.tags[name] = repo.at(self.named["rev"]).oid
        return 200, {}, {}

    def refs(self):
        repo = self.repo()
        kinds = {"branches": ("heads", repo.branches), "tags": ("tags", repo.tags)}
        found = {
            kind: [
                {"name": name, "ref": f"refs/{place}/{name}", "targetCommit": oid}
                for name, oid in refs.items()
            ]
            for kind, (place, refs) in kinds.items()
        }
        return 200, {**found, "converts": []}, {}

    def discussions(self):
        repo = self.repo()
        found = [
            {
                "title": each.title, "num": number, "author": {"name": OWNER},
                "createdAt": "2025-01-01T00:00:00.000Z", "status": each.status,
                "isPullRequest": True, "repo": {"name": repo.name, "type": "dataset"},
            }
            for number, each in enumerate(repo.pulls, start=1)
            if self.query.get("status") in (None, "all", each.status)
        ]  # fmt: skip
        return 200, {"discussions": found, "count": len(found), "start": 0}, {}

    def info(self):
        repo = self.repo()
        head = repo.at(self.named.get("rev", MAIN))
        siblings = []
        for path, file in sorted(head.files.items()):
            more = {"blobId": file.blob_id, "size": len(file.data)} if "blobs" in self.query else {}
            if more and file.lfs:
                size = len(file.pointer)
                more["lfs"] = {"sha256": file.sha256, "size": len(file.data), "pointerSize": size}
            siblings.append({"rfilename": path, **more})
        return 200, {
            "id": repo.name, "sha": head.oid, "private": repo.private, "gated": False,
            "disabled": False, "tags": [], "downloads": 0, "likes": 0, "siblings": siblings,
            "lastModified": "2025-01-01T00:00:00.000Z", "createdAt": "2025-01-01T00:00:00.000Z",
        }, {}  # fmt: skip

    def tree(self):
        head = self.repo().at(self.named["rev"])
        under = self.named.get("path", "")
        prefix = f"{under}/" if under else ""
        inside = {path: file for path, file in head.files.items() if path.startswith(prefix)}
        if under and not inside:
            raise Refused(404, f"{under} does not exist", "EntryNotFound")
        recursive = self.query.get("recursive", "").lower() == "true"
        entries = {}
        for path, file in inside.items():
            first, *rest = path.removeprefix(prefix).split("/")
            if rest:
                folders = [first] if not recursive else ["/".join([first, *rest][: n + 1])
                                                         for n in range(len(rest))]  # fmt: skip
                entries.update({prefix + each: folder(prefix + each) for each in folders})
            if recursive or not rest:
                entries[path] = described(path, file)
        return 200, [entries[path] for path in sorted(entries)], {}

    def paths(self):
        head = self.repo().at(self.named["rev"])
        if "json" in self.headers.get("content-type", ""):
            asked = self.json["paths"]
        else:
            asked = parse_qs(self.body.decode()).get("paths", [])
        found = []
        for path in asked:
            if path in head.files:
                found.append(described(path, head.files[path]))
            elif any(each.startswith(f"{path}/") for each in head.files):
                found.append(folder(path))
        return 200, found, {}

    def resolve(self):
        head = self.repo().at(self.named["rev"])
        file = head.files.get(self.named["path"])
        if file is None:
            raise Refused(404, "Entry not found", "EntryNotFound", X_Repo_Commit=head.oid)
        headers = {
            "ETag": f'"{file.sha256 if file.lfs else file.blob_id}"',
            "X-Repo-Commit": head.oid,
            "Accept-Ranges": "bytes",
        }
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", "")):
            first, last = int(match[1]), min(int(match[2] or 10**18), len(file.data) - 1)
            if first > last:
                raise Refused(416, "no such range")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(file.data)}"
            return 206, file.data[first : last + 1], headers
        return 200, file.data, headers


def described(path: str, file: File) -> dict[str, Any]:
    """A file in a tree."""
    entry = {"type": "file", "path": path, "size": len(file.data), "oid": file.blob_id}
    if file.lfs:
        size = len(file.pointer)
        entry["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": size}
    return entry


def folder(path: str) -> dict[str, Any]:
    oid = hashlib.sha1(path.encode()).hexdigest()
    return {"type": "directory", "path": path, "size": 0, "oid": oid}


def wants_lfs(head: Commit, path: str, size: int) -> bool:
    """By .gitattributes, and above 10 MB in any case."""
    rules = head.files[".gitattributes"].data.decode() if ".gitattributes" in head.files else ""
    patterns = [line.split()[0] for line in rules.splitlines() if "filter=lfs" in line]
    name = path.rpartition("/")[2]
    return size > 10**7 or any(fnmatch.fnmatch(name, each) for each in patterns)


def front_errors(card: str) -> list[dict[str, str]]:
    """What is wrong with a card's metadata."""
    parts = card.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return [{"message": "no YAML metadata"}]
    try:
        front = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        return [{"message": str(error)}]
    return [] if isinstance(front, dict) else [{"message": "metadata are a mapping"}]


def handler(hub: StrictHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

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
