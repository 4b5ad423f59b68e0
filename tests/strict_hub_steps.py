"""What the strict Hub does: one method a step of the protocol; see strict_hub.py."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from strict_hub_repos import (
    MAIN,
    Commit,
    File,
    Pull,
    Refused,
    Repo,
    described,
    folder,
    front_errors,
    wants_lfs,
)

if TYPE_CHECKING:
    from strict_hub import StrictHub

TOKEN, READ_TOKEN = "hf_mayWrite0123456789", "hf_mayOnlyRead012345"
OWNER = "someone"
XET_TOKEN = "xet-may-write"
SIGNATURE = "Signature=planted-secret"

ROUTES = [
    ("create", "POST", r"/api/repos/create"),
    ("whoami", "GET", r"/api/whoami-v2"),
    ("yaml", "POST", r"/api/validate-yaml"),
    ("preupload", "POST", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/preupload/(?P<rev>[^/]+)"),
    ("batch", "POST", r"/datasets/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch"),
    ("put", "PUT", r"/store/(?P<oid>\w{64})"),
    ("part", "PUT", r"/store/(?P<oid>\w{64})/(?P<number>\d+)"),
    ("complete", "POST", r"/complete/(?P<oid>\w{64})"),
    ("cdn", "GET", r"/cdn/(?P<oid>\w{64})"),
    ("xet_token", "GET", r"/api/datasets/(?P<repo>[^/]+/[^/]+)/xet-write-token/(?P<rev>[^/]+)"),
    ("xorb", "POST", r"/v1/xorbs/default/(?P<hash>\w{64})"),
    ("shard", "POST", r"/v1/shards"),
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


def chunks_of(xorb: bytes) -> bytes:
    """The content of a xorb whose chunks are stored as they are.

    A chunk has a head of 8 bytes: version, length (3 bytes), scheme (0: stored), length of the
    content (3 bytes); little-endian (huggingface/xet-core). Random bytes are never compressed.
    """
    content, at = b"", 0
    while at + 8 <= len(xorb) and xorb[at] == 0:
        length = int.from_bytes(xorb[at + 1 : at + 4], "little")
        if xorb[at + 4]:
            raise Refused(400, "compressed chunks are not understood here")
        content += xorb[at + 8 : at + 8 + length]
        at += 8 + length
    return content


def words(digest: bytes) -> bytes:
    """A hash as a shard has it: four little-endian numbers of 64 bits."""
    return b"".join(digest[at : at + 8][::-1] for at in range(0, 32, 8))


def step_of(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The step's name and the names in its path; HEAD is served as GET is."""
    wanted = "GET" if method == "HEAD" else method
    for step, known, pattern in ROUTES:
        if known == wanted and (match := re.fullmatch(pattern, path)):
            return step, {
                name: unquote(value) for name, value in match.groupdict().items() if value
            }
    return "", {}


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
        store = f"{self.hub.storage_url}/store/{oid}"
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
        self.hub.parts[self.named["oid"], int(self.named["number"])] = self.body
        return 200, {}, {"ETag": hashlib.md5(self.body).hexdigest()}

    def complete(self):
        self._signed()
        oid, data = self.named["oid"], b""
        for each in self.json["parts"]:
            part = self.hub.parts[oid, each["partNumber"]]
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

    def xet_token(self):
        self.repo(write=True)
        until = int(time.time()) + 3600
        return 200, {"casUrl": self.hub.url, "accessToken": XET_TOKEN, "exp": until}, {}

    def xorb(self):
        self._xet()
        self.hub.xorbs[self.named["hash"]] = chunks_of(self.body)
        return 200, {"was_inserted": True}, {}

    def shard(self):
        """Takes in the files whose sha256 the shard names and whose content has come."""
        self._xet()
        known = {hashlib.sha256(data).digest(): data for data in self.hub.xorbs.values()}
        named = {oid.hex(): data for oid, data in known.items() if words(oid) in self.body}
        if not named:
            raise Refused(400, "a shard without content that came")
        self.hub.storage |= named
        return 200, {"result": 1}, {}

    def _xet(self) -> None:
        if self.headers.get("authorization") != f"Bearer {XET_TOKEN}":
            raise Refused(401, "the storage has tokens of its own")

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
        if file.lfs:
            headers = {
                "Location": f"{self.hub.storage_url}/cdn/{file.sha256}?{SIGNATURE}",
                "X-Repo-Commit": head.oid,
                "X-Linked-ETag": f'"{file.sha256}"',
                "X-Linked-Size": str(len(file.data)),
            }
            return 302, {}, headers
        headers = {"ETag": f'"{file.blob_id}"', "X-Repo-Commit": head.oid}
        return self._bytes(file.data, headers)

    def cdn(self):
        self._signed()
        return self._bytes(self.hub.storage[self.named["oid"]], {"ETag": self.named["oid"]})

    def _bytes(self, data: bytes, headers: dict[str, str]):
        headers["Accept-Ranges"] = "bytes"
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", "")):
            first, last = int(match[1]), min(int(match[2] or 10**18), len(data) - 1)
            if first > last:
                raise Refused(416, "no such range")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            return 206, data[first : last + 1], headers
        return 200, data, headers
