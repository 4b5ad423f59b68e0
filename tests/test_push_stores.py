"""push to s3:// and gs:// with the real clients over HTTP, against servers on loopback ports.

Run by `make test-extras`, in an environment that has s3fs, moto, gcsfs and gcp-storage-emulator.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.progress import Quiet
from kappa_data.publishing import store_place
from kappa_data.publishing.folder import push_to_folder
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release
from sealed import seal, talk

pytestmark = pytest.mark.extras

MANIFEST = "manifest.json"
KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_REGION": "eu-x-1"}


@contextmanager
def s3() -> Iterator[dict[str, str]]:
    """An environment that leads to an S3 server."""
    moto = pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    server.stop()


@contextmanager
def gs() -> Iterator[dict[str, str]]:
    """An environment that leads to a server of Google Cloud Storage."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="gcp-storage-emulator")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    port = server._api._httpd.server_address[1]
    yield {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}", "GOOGLE_CLOUD_PROJECT": "some"}
    server.stop()


@dataclass
class Store:
    """The URL of a folder in an empty bucket, and a client of its own."""

    scheme: str
    client: Any
    folder = "talks/deep/er"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.folder}"

    def held(self) -> dict[str, bytes]:
        self.client.invalidate_cache()
        found = self.client.find(self.folder)
        return {path.removeprefix(f"{self.folder}/"): self.client.cat_file(path) for path in found}


CLIENTS = {"s3": ("s3fs", "S3FileSystem"), "gs": ("gcsfs", "GCSFileSystem")}


@pytest.fixture(scope="module", params=[s3, gs], ids=lambda each: each.__name__)
def server(request) -> Iterator[tuple[str, dict[str, str]]]:
    scheme = request.param.__name__
    pytest.importorskip(CLIENTS[scheme][0])
    with request.param() as environment:
        yield scheme, environment


@pytest.fixture
def store(server, monkeypatch, tmp_path) -> Iterator[Store]:
    scheme, environment = server
    for name, value in {**environment, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    module, name = CLIENTS[scheme]
    FileSystem = getattr(importlib.import_module(module), name)
    FileSystem.clear_instance_cache()
    client = FileSystem(skip_instance_cache=True)
    client.mkdir("talks")
    yield Store(scheme, client)
    client.rm("talks", recursive=True)


@pytest.fixture
def of_s3(store) -> Store:
    """The store where it is S3."""
    return store if store.scheme == "s3" else pytest.skip("S3 alone")


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return seal(tmp_path / "release", files={"images/mix.png": b"\x89PNG\0" + bytes(3000)})


def push(release: Release, store: Store, **told: Any) -> dict[str, Any]:
    return push_to_folder(release, store.url, Options(**told), Quiet())


def of(release: Release) -> dict[str, bytes]:
    return {
        each.relative_to(release.folder).as_posix(): each.read_bytes()
        for each in release.folder.rglob("*")
        if each.is_file()
    }


def test_all_arrives_and_the_second_push_sends_nothing(store, release, monkeypatch):
    assert set(push(release, store, dry_run=True)["new"]) == set(of(release))
    assert push(release, store)["status"] == "pushed"
    assert store.held() == of(release)
    # The store's own checksums prove it: nothing is read back, and nothing written.
    read = pytest.fail
    monkeypatch.setattr(store_place.StorePlace, "_sha256", read)
    monkeypatch.setattr(store_place.StorePlace, "write", read)
    assert push(release, store)["status"] == "up-to-date"
    alias = store.url.replace("s3:", "s3a:").replace("gs:", "gcs:") + "/"
    assert push_to_folder(release, alias, Options(), Quiet())["status"] == "up-to-date"


def test_a_large_object_is_proved_by_its_checksum(store, tmp_path, monkeypatch):
    big = os.urandom(2**20) * 101  # in S3 two parts of 50 MB and one more
    name = "packed/train-00001.parquet"
    release = seal(tmp_path / "big", files={name: big})
    read = []
    monkeypatch.setattr(store_place.StorePlace, "_sha256", lambda self, name: read.append(name))
    assert push(release, store)["status"] == "pushed"
    assert read == []
    path = f"{store.folder}/{name}"
    if store.scheme == "s3":
        assert store.client.info(path)["ETag"].strip('"').endswith("-3")
    arrived = hashlib.sha256(store.client.cat_file(path))
    assert arrived.digest() == hashlib.sha256(big).digest()


def test_another_release_takes_its_place(store, release, tmp_path):
    older = seal(tmp_path / "older", [talk(9)], files={"packed/train-00001.parquet": b"old"})
    push(older, store)
    store.client.pipe_file(f"{store.folder}/packed/notes.txt", b"mine")
    push(release, store)
    assert store.held() == of(release) | {"packed/notes.txt": b"mine"}


KILLED = """
import os, signal, sys
from pathlib import Path
from kappa_data.progress import Quiet
from kappa_data.publishing import folder, store_place
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import read_release
put = store_place.StorePlace.put
def dying(self, name, source):
    if name == "packed/train-00000.parquet":
        os.kill(os.getpid(), signal.SIGKILL)
    put(self, name, source)
store_place.StorePlace.put = dying
folder.push_to_folder(read_release(Path(sys.argv[1])), sys.argv[2], Options(), Quiet())
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(store, release, monkeypatch):
    command = [sys.executable, "-c", KILLED, str(release.folder), store.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    files = store.held()
    assert MANIFEST not in files and "conversations/train-00000.parquet" in files
    sent, put = [], store_place.StorePlace.put
    monkeypatch.setattr(
        store_place.StorePlace,
        "put",
        lambda self, name, source: (sent.append(name), put(self, name, source)),
    )
    assert push(release, store)["status"] == "pushed"
    assert sent == ["packed/train-00000.parquet", "README.md"]
    assert store.held() == of(release)


def test_a_bucket_that_is_not_there_is_one_line(store, release):
    with pytest.raises(UsageError, match=r"no such bucket or folder.*make it first"):
        push_to_folder(release, f"{store.scheme}://nobody-has-this/x", Options(), Quiet())


def test_without_keys_is_one_line(of_s3, release, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    type(of_s3.client).clear_instance_cache()
    with pytest.raises(EnvironmentLacks, match=r"no credentials.*AWS_ACCESS_KEY_ID") as told:
        push(release, of_s3)
    assert told.value.exit_code == 4


def test_a_store_that_is_not_there_is_one_line(of_s3, release, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(store_place, "TRIES", 1)
    type(of_s3.client).clear_instance_cache()
    with pytest.raises(EnvironmentLacks, match=r"cannot be used.*run the same command again"):
        push(release, of_s3)


def test_a_reader_of_the_store_sees_the_same_rows(store, release):
    pq = pytest.importorskip("pyarrow.parquet")
    push(release, store)
    with store.client.open(f"{store.folder}/conversations/train-00000.parquet") as file:
        there = pq.read_table(file)
    assert there.equals(pq.read_table(release.folder / "conversations/train-00000.parquet"))
    named = json.loads(store.client.cat_file(f"{store.folder}/{MANIFEST}"))["files"]
    assert named.keys() == release.files.keys()
