"""push to s3:// with the real client over HTTP: a server on a loopback port that speaks S3.

Run by `make test-extras`, in an environment that has s3fs and moto.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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
s3fs = pytest.importorskip("s3fs", reason="pip install s3fs")
threaded = pytest.importorskip("moto.server", reason="pip install 'moto[server]'")

MANIFEST = "manifest.json"
KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_REGION": "eu-x-1"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = threaded.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address, monkeypatch, tmp_path) -> Iterator[Any]:
    """A client of an empty bucket `talks`; the environment leads to it."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": address, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = s3fs.S3FileSystem(skip_instance_cache=True)
    client.mkdir("talks")
    yield client
    client.rm("talks", recursive=True)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return seal(tmp_path / "release", files={"images/mix.png": b"\x89PNG\0" + bytes(3000)})


def push(release: Release, target: str = "s3://talks/deep/er", **told: Any) -> dict[str, Any]:
    return push_to_folder(release, target, Options(**told), Quiet())


def held(client: Any) -> dict[str, bytes]:
    client.invalidate_cache()
    found = client.find("talks/deep/er")
    return {path.removeprefix("talks/deep/er/"): client.cat_file(path) for path in found}


def of(release: Release) -> dict[str, bytes]:
    return {
        each.relative_to(release.folder).as_posix(): each.read_bytes()
        for each in release.folder.rglob("*")
        if each.is_file()
    }


def test_all_arrives_and_the_second_push_sends_nothing(bucket, release, monkeypatch):
    assert push(release, dry_run=True)["new"] == sorted(release.files)
    assert push(release)["status"] == "pushed"
    assert held(bucket) == of(release)
    # S3's own checksums prove it: nothing is read back, and nothing written.
    read = pytest.fail
    monkeypatch.setattr(store_place.StorePlace, "_sha256", read)
    monkeypatch.setattr(store_place.StorePlace, "write", read)
    assert push(release)["status"] == "up-to-date"
    assert push(release, "s3a://talks/deep/er/")["status"] == "up-to-date"


def test_an_object_in_parts_is_proved_by_the_checksum_of_its_parts(bucket, tmp_path, monkeypatch):
    big = os.urandom(2**20) * 101  # two parts of 50 MB and one more
    release = seal(tmp_path / "big", files={"packed/train-00001.parquet": big})
    read = []
    monkeypatch.setattr(store_place.StorePlace, "_sha256", lambda self, name: read.append(name))
    assert push(release)["status"] == "pushed"
    assert read == []
    etag = bucket.info("talks/deep/er/packed/train-00001.parquet")["ETag"]
    assert etag.strip('"').endswith("-3")
    assert hashlib.sha256(bucket.cat_file("talks/deep/er/packed/train-00001.parquet")).digest() == (
        hashlib.sha256(big).digest()
    )


def test_another_release_takes_its_place(bucket, release, tmp_path):
    older = seal(tmp_path / "older", [talk(9)], files={"packed/train-00001.parquet": b"old"})
    push(older)
    bucket.pipe_file("talks/deep/er/packed/notes.txt", b"mine")
    push(release)
    assert held(bucket) == of(release) | {"packed/notes.txt": b"mine"}


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


def test_killed_in_the_middle_it_goes_on_where_it_was(bucket, release, monkeypatch):
    command = [sys.executable, "-c", KILLED, str(release.folder), "s3://talks/deep/er"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    files = held(bucket)
    assert MANIFEST not in files and "conversations/train-00000.parquet" in files
    sent, put = [], store_place.StorePlace.put
    monkeypatch.setattr(
        store_place.StorePlace,
        "put",
        lambda self, name, source: (sent.append(name), put(self, name, source)),
    )
    assert push(release)["status"] == "pushed"
    assert sent == ["packed/train-00000.parquet", "README.md"]
    assert held(bucket) == of(release)


def test_a_bucket_that_is_not_there_is_one_line(bucket, release):
    with pytest.raises(UsageError, match=r"no such bucket or folder.*make it first"):
        push(release, "s3://nobody-has-this/x")


def test_without_keys_is_one_line(bucket, release, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(EnvironmentLacks, match=r"no credentials.*AWS_ACCESS_KEY_ID") as told:
        push(release)
    assert told.value.exit_code == 4


def test_a_store_that_is_not_there_is_one_line(bucket, release, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(store_place, "TRIES", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(EnvironmentLacks, match=r"cannot be used.*run the same command again"):
        push(release)


def test_a_reader_of_the_store_sees_the_same_rows(bucket, release):
    pq = pytest.importorskip("pyarrow.parquet")
    push(release)
    with bucket.open("talks/deep/er/conversations/train-00000.parquet") as file:
        there = pq.read_table(file)
    assert there.equals(pq.read_table(release.folder / "conversations/train-00000.parquet"))
    named = json.loads(bucket.cat_file(f"talks/deep/er/{MANIFEST}"))["files"]
    assert named.keys() == release.files.keys()
