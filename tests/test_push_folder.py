"""push to a folder and to a store: whole releases, whatever breaks, and nobody else's files."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.export import export, target_of
from kappa_data.progress import Quiet
from kappa_data.publishing import local_place, store_place
from kappa_data.publishing.card import BEGIN, END
from kappa_data.publishing.changes import Parcel
from kappa_data.publishing.folder import UNFINISHED, push_to_folder
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release
from sealed import seal, talk

MANIFEST = "manifest.json"
MARKED = f"---\nlicense: mit\n---\n\n{BEGIN}. Ours. -->\n"


class Faulty(MemoryFileSystem):
    """A store in memory that can be told to fail, and that notes what is written and removed."""

    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    log: ClassVar[list[str]] = []
    faults: ClassVar[dict[str, list[BaseException]]] = {}
    etags = False
    spoils = ""

    def _meet(self, what: str, path: str) -> None:
        name = f"{what} {path.removeprefix('/place/')}"
        for begin, errors in self.faults.items():
            if name.startswith(begin) and errors:
                raise errors.pop(0)
        self.log.append(name)

    def put_file(self, lpath: str, rpath: str, **more: Any) -> None:
        self._meet("put", rpath)
        data = Path(lpath).read_bytes()
        if self.spoils and rpath.endswith(self.spoils):
            data = data[:-1] + b"!"
        self.pipe_file(rpath, data, noted=True)

    def pipe_file(self, path: str, value: bytes, noted: bool = False, **more: Any) -> None:
        if not noted:
            self._meet("write", path)
        super().pipe_file(path, value)

    def rm_file(self, path: str) -> None:
        self._meet("remove", path)
        super().rm_file(path)

    def cat_file(self, path: str, **more: Any) -> bytes:
        self._meet("read", path)
        return super().cat_file(path, **more)

    def find(self, path: str, **more: Any) -> Any:
        self._meet("list", path)
        found = super().find(path, **more)
        if self.etags:
            for name, info in found.items():
                data = self.store[name].getvalue()
                info["ETag"] = f'"{hashlib.md5(data).hexdigest()}"'
        return found

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if "r" in mode:
            self._meet("open", path)
            return io.BytesIO(super().cat_file(path))
        return super().open(path, mode, **more)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    fsspec.register_implementation("memory", Faulty, clobber=True)
    for name, fresh in (
        ("store", {}), ("pseudo_dirs", [""]), ("log", []), ("faults", {}), ("etags", False),
        ("spoils", ""),
    ):  # fmt: skip
        monkeypatch.setattr(Faulty, name, fresh)
    monkeypatch.setattr(store_place, "wait_exponential", lambda **_: lambda state: 0)
    yield Faulty
    fsspec.register_implementation("memory", MemoryFileSystem, clobber=True)


def push(release: Release, target: object = "memory://place", **told: Any) -> dict[str, Any]:
    return push_to_folder(release, str(target), Options(**told), Quiet())


def held(store: type[Faulty]) -> dict[str, bytes]:
    return {name.removeprefix("/place/"): file.getvalue() for name, file in store.store.items()}


def lying(place: Path) -> dict[str, bytes]:
    return {
        each.relative_to(place).as_posix(): each.read_bytes()
        for each in place.rglob("*")
        if each.is_file()
    }


def of(release: Release) -> dict[str, bytes]:
    return lying(release.folder)


def whole(files: dict[str, bytes]) -> bool:
    """What a careful reader asks: the manifest is there, and all that it names is as it says."""
    named = json.loads(files[MANIFEST])["files"]
    return all(
        hashlib.sha256(files.get(name, b"")).hexdigest() == each["sha256"]
        for name, each in named.items()
    )


@pytest.fixture
def older(tmp_path: Path) -> Release:
    """It has a shard and a picture that `release` has not."""
    more = {"packed/train-00001.parquet": b"old shard", "images/old.png": b"\x89PNG\0old"}
    return seal(tmp_path / "older", [talk(7)], files=more)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return seal(tmp_path / "release", files={"images/mix.png": b"\x89PNG\0new"})


def test_a_store_gets_every_file_and_the_manifest_last(release, store):
    assert push(release)["status"] == "pushed"
    assert held(store) == of(release)
    written = [each for each in store.log if each.startswith(("put", "write"))]
    assert written[0] == f"write {UNFINISHED}" and written[-1] == f"write {MANIFEST}"
    assert written[-2] == "write README.md"


@pytest.mark.parametrize("etags", [True, False])
def test_the_second_push_sends_nothing(release, store, etags):
    store.etags = etags
    push(release)
    store.log.clear()
    done = push(release)
    assert done["status"] == "up-to-date" and "already" in done["said"]
    assert not [each for each in store.log if each.startswith(("put", "write", "remove"))]
    # A checksum of the store's own spares the reading.
    assert bool([each for each in store.log if each.startswith("open")]) is not etags


@pytest.mark.parametrize("etags", [True, False])
def test_a_damaged_object_of_the_same_size_is_sent_again(release, store, etags):
    store.etags = etags
    push(release)
    shard = "/place/packed/train-00000.parquet"
    store.store[shard].seek(9)
    store.store[shard].write(b"?")
    store.log.clear()
    assert push(release)["status"] == "pushed"
    assert [each for each in store.log if each.startswith("put")] == [
        "put packed/train-00000.parquet"
    ]
    assert held(store) == of(release)


def test_what_a_store_spoils_is_not_sealed(release, store):
    store.spoils = "train-00000.parquet"
    with pytest.raises(StageError, match=r"train-00000.parquet has other bytes .* run the same"):
        push(release)
    assert MANIFEST not in held(store)
    store.spoils = ""
    assert push(release)["status"] == "pushed" and held(store) == of(release)


def test_trouble_that_passes_is_no_error(release, store):
    store.faults = {
        "put packed": [ConnectionResetError("reset"), TimeoutError("slow")],
        "list": [OSError("503 Slow Down")],
        "write manifest.json": [ConnectionError("gone")],
        "open": [OSError("500")],
    }
    assert push(release)["status"] == "pushed"
    assert not any(store.faults.values())
    assert held(store) == of(release)


def test_trouble_that_stays_is_one_line_and_the_next_push_goes_on(release, store, monkeypatch):
    monkeypatch.setattr(store_place, "TRIES", 2)
    store.faults = {"put packed": [OSError("503 Slow Down")] * 2}
    with pytest.raises(
        EnvironmentLacks, match=r"503 Slow Down.*run the same command again"
    ) as told:
        push(release)
    assert told.value.exit_code == 4
    assert MANIFEST not in held(store)
    store.log.clear()
    assert push(release)["status"] == "pushed"
    put = [each for each in store.log if each.startswith("put")]
    assert put == ["put packed/train-00000.parquet"]
    assert held(store) == of(release)


def test_refused_credentials_are_one_line_and_not_tried_again(release, store):
    store.faults = {"put": [PermissionError("Access Denied")]}
    with pytest.raises(EnvironmentLacks, match=r"refuses these credentials.*Access Denied"):
        push(release)
    assert not any(store.faults.values())


class Death(BaseException):
    """The process is gone."""


def test_stopped_anywhere_a_store_never_shows_half_a_release(older, release, store):
    push(older)
    before, store.log[:] = held(store), []
    push(release)
    steps = [each for each in store.log if each.startswith(("put", "write", "remove"))]
    assert held(store) == of(release)
    assert len(steps) > 7
    for step in steps:
        store.store.clear()
        for name, data in before.items():
            store().pipe_file(f"/place/{name}", data)
        store.faults = {step: [Death()]}
        with pytest.raises(Death):
            push(release)
        files = held(store)
        assert MANIFEST not in files or whole(files), step
        assert push(release)["status"] == "pushed", step
        assert held(store) == of(release), step


def test_a_stopped_push_and_then_another_release(older, release, store):
    store.faults = {"write README.md": [Death()]}
    with pytest.raises(Death):
        push(older)
    assert "images/old.png" in held(store)
    push(release)
    assert held(store) == of(release)  # what the stopped one had sent is gone


def test_files_of_others_stay(older, release, store, tmp_path):
    for target, files in (("memory://place", lambda: held(store)), (tmp_path / "out", None)):
        push(older, target)
        read = files or (lambda: lying(tmp_path / "out"))
        if files:
            store().pipe_file("/place/packed/notes.txt", b"mine")
        else:
            (tmp_path / "out/packed/notes.txt").write_bytes(b"mine")
        told = push(release, target, dry_run=True)
        assert told["kept"] == ["packed/notes.txt"]
        assert told["removed"] == ["images/old.png", "packed/train-00001.parquet"]
        assert told["new"] == ["images/mix.png"] and "packed/train-00000.parquet" in told["same"]
        assert told["changed"] == ["conversations/train-00000.parquet", MANIFEST]
        assert read() == of(older) | {"packed/notes.txt": b"mine"}
        push(release, target)
        assert read() == of(release) | {"packed/notes.txt": b"mine"}


def test_a_place_with_other_things_is_left_alone(release, store):
    for name, data in (("notes.txt", b"mine"), (MANIFEST, b'{"name": "app"}')):
        store.store.clear()
        store().pipe_file(f"/place/{name}", data)
        with pytest.raises(UsageError, match="other things"):
            push(release)
        assert held(store) == {name: data}


def test_a_mark_or_a_manifest_of_somebody_names_nothing_outside(release, tmp_path):
    out, precious = tmp_path / "a/out", tmp_path / "a/precious.txt"
    out.mkdir(parents=True)
    precious.write_text("mine")
    (out / UNFINISHED).write_text(json.dumps({"files": ["../precious.txt", str(precious)]}))
    push(release, out)
    assert precious.read_text() == "mine" and lying(out) == of(release)


def test_a_folder_and_a_file_url_are_the_same(release, tmp_path):
    assert push(release, f"file://{tmp_path / 'out'}")["status"] == "pushed"
    assert lying(tmp_path / "out") == of(release)
    assert push(release, tmp_path / "out")["status"] == "up-to-date"


STOPPED = """
import os, signal, sys
from pathlib import Path
from kappa_data.progress import Quiet
from kappa_data.publishing import folder, local_place
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import read_release
left = int(sys.argv[3])
def dying(call):
    def method(self, *given):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(self, *given)
    return method
for name in ("write", "remove", "prepare", "put"):
    setattr(local_place.LocalPlace, name, dying(getattr(local_place.LocalPlace, name)))
folder.push_to_folder(read_release(Path(sys.argv[1])), sys.argv[2], Options(), Quiet())
"""


def test_killed_anywhere_a_folder_keeps_the_older_release_until_the_new_one_is_there(
    older, release, tmp_path
):
    seen = set()
    for steps in (2, 5, 8):
        out = tmp_path / f"out{steps}"
        push(older, out)
        command = [sys.executable, "-c", STOPPED, str(release.folder), str(out), str(steps)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        files = lying(out)
        if MANIFEST in files:
            assert whole(files)
        seen.add(files.get(MANIFEST))
        assert push(release, out)["status"] == "pushed"
        assert lying(out) == of(release)
        assert push(release, out)["status"] == "up-to-date"
    assert seen == {older.sealed, None, release.sealed}


def test_a_link_to_elsewhere_is_never_followed(older, release, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    push(older, out)
    (out / "packed").rename(elsewhere)
    (out / "packed").symlink_to(elsewhere)
    before = lying(elsewhere)
    with pytest.raises(UsageError, match="link that leads out"):
        push(release, out)
    assert lying(elsewhere) == before


def test_a_file_is_no_folder(release, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        push(release, tmp_path / "out")


def edited(card: bytes) -> bytes:
    """As somebody writes on: a key, a heading above what is ours, a section below it."""
    text = card.decode().replace("---\n", "---\nlanguage_bcp47: no\n", 1)
    return f"{text.replace(BEGIN, f'# Mine{chr(10)}{BEGIN}')}\n## Citation\n".encode()


@pytest.mark.parametrize("in_memory", [True, False])
def test_what_people_wrote_into_the_card_of_a_folder_stays(tmp_path, store, in_memory):
    """And the manifest proves all of it: before the push of the same release, and after another."""
    releases = [
        seal(
            tmp_path / name,
            [talk(number)],
            files={"README.md": f"{MARKED}# {name}\n{END}\n".encode()},
        )
        for number, name in enumerate(("one", "two"))
    ]
    out = "memory://place" if in_memory else tmp_path / "out"
    read = (lambda: held(store)) if in_memory else (lambda: lying(tmp_path / "out"))
    push(releases[0], out)
    theirs = edited(read()["README.md"])
    if in_memory:
        store().pipe_file("/place/README.md", theirs)
    else:
        (tmp_path / "out/README.md").write_bytes(theirs)
    assert push(releases[0], out, dry_run=True)["changed"] == [MANIFEST]
    assert push(releases[0], out)["status"] == "pushed"
    assert read()["README.md"] == theirs and whole(read())
    assert push(releases[0], out)["status"] == "up-to-date"
    assert push(releases[1], out)["status"] == "pushed"
    text = read()["README.md"].decode()
    assert text.index("# Mine") < text.index(BEGIN) < text.index("# two") < text.index(END)
    assert text.index(END) < text.index("## Citation") and "language_bcp47: no\n" in text
    assert "# one" not in text and whole(read())
    assert push(releases[1], out)["status"] == "up-to-date"


def test_a_dry_run_lists_what_it_counts_with_sizes(release, tmp_path):
    told = push(release, tmp_path / "out", dry_run=True)
    assert sorted(told["new"]) == sorted(of(release))
    assert told["sizes"] == {name: len(data) for name, data in of(release).items()}
    assert told["bytes to send"] == sum(told["sizes"].values())
    count = len(of(release))
    assert f"would send {count} of {count} files, " in told["said"] and " kB, to " in told["said"]
    assert not (tmp_path / "out").exists()


def test_a_file_on_the_way_is_no_folder(release, tmp_path):
    (tmp_path / "afile").write_text("mine")
    rows = shutil.copytree(release.folder / "packed", tmp_path / "rows")
    for target in (tmp_path / "afile/sub", tmp_path / "afile/sub/deep"):
        with pytest.raises(UsageError, match="afile is a file; name a folder"):
            push(release, target, dry_run=True)
        with pytest.raises(UsageError, match="afile is a file; name a folder"):
            export(target_of("trl"), rows, target, [], Quiet())
    with pytest.raises(UsageError, match=r"/proc/x cannot be used .*name another folder"):
        push(release, "/proc/x")


def test_what_the_disk_refuses_is_said_of_the_folder_that_was_named(release, tmp_path, monkeypatch):
    def refuse(self: Any, name: str, data: bytes) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", f"{tmp_path}/out/{name}.part")

    monkeypatch.setattr(local_place.LocalPlace, "write", refuse)
    with pytest.raises(UsageError) as told:
        push(release, tmp_path / "out")
    assert str(told.value).startswith(f"{tmp_path}/out cannot be used (Permission denied)")
    assert "--data-dir" not in str(told.value) and ".part" not in str(told.value)


def test_urls_that_cannot_be_used_are_one_line(release, monkeypatch):
    with pytest.raises(UsageError, match="nowhere:// is no store that is known"):
        push(release, "nowhere://bucket/x")
    with pytest.raises(UsageError, match=r"s3:// is no store that is known"):
        push(release, "s3://[")
    with pytest.raises(UsageError, match="holds a password") as told:
        push(release, "ftp://me:hunter22@host/x")
    assert "hunter22" not in str(told.value)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(EnvironmentLacks, match=r"gs:// needs gcsfs.*pip install gcsfs") as lacks:
        push(release, "gs://bucket/x")
    assert lacks.value.exit_code == 4


def test_the_checksum_of_parts_is_the_one_of_s3(tmp_path, monkeypatch):
    """By what S3 documents: MD5 of the parts' MD5 sums, a hyphen, the number of parts."""
    monkeypatch.setattr(store_place, "PART", 1000)
    monkeypatch.setattr(store_place, "CHUNK", 300)
    for size, parts in ((999, 1), (1000, 1), (1001, 2), (2000, 2), (2500, 3)):
        data = os.urandom(size)
        (tmp_path / "file").write_bytes(data)
        sums = b"".join(hashlib.md5(data[at : at + 1000]).digest() for at in range(0, size, 1000))
        parcel = Parcel(tmp_path / "file", size, hashlib.sha256(data).hexdigest())
        assert store_place._checksums(parcel) == {
            hashlib.md5(data).hexdigest(), f"{hashlib.md5(sums).hexdigest()}-{parts}",
        }  # fmt: skip


@pytest.mark.parametrize("etags", [True, False])
def test_a_source_that_changes_while_it_is_sent_is_not_sealed(release, store, monkeypatch, etags):
    """The store's checksum is of what it got; the release's is what it has to be."""
    store.etags = etags
    shard = release.folder / "packed/train-00000.parquet"
    right, changed = shard.read_bytes(), shard.read_bytes()[:-1] + b"!"
    put = store.put_file

    def late(self: Any, source: str, *given: Any, **more: Any) -> None:
        if source == str(shard):
            shard.write_bytes(changed)
        put(self, source, *given, **more)

    monkeypatch.setattr(store, "put_file", late)
    with pytest.raises(StageError, match=r"train-00000.parquet has other bytes"):
        push(release)
    assert MANIFEST not in held(store)
    monkeypatch.setattr(store, "put_file", put)
    shard.write_bytes(right)
    assert push(release)["status"] == "pushed" and held(store) == of(release)


def test_a_link_in_the_place_of_a_part_is_not_written_through(release, tmp_path):
    out, precious = tmp_path / "out", tmp_path / "precious.txt"
    out.mkdir()
    precious.write_text("mine")
    for name in (".README.md.part", ".kappa-data-push.json.part"):
        (out / name).symlink_to(precious)
    push(release, out)
    assert precious.read_text() == "mine" and lying(out) == of(release)


def test_an_export_is_no_older_release(release, tmp_path):
    """Its manifest lists a README and files too: they would be removed as those of a release."""
    out, rows = tmp_path / "out", shutil.copytree(release.folder / "packed", tmp_path / "rows")
    made = export(target_of("trl"), rows, out, [], Quiet())
    before = lying(out)
    with pytest.raises(UsageError, match="other things"):
        push(release, out)
    assert made["status"] == "exported" and lying(out) == before


def test_the_manifest_is_gone_from_the_disk_before_a_file_changes(
    older, release, tmp_path, monkeypatch
):
    """After a power cut, renames that came later may be there without it."""
    out, shard = tmp_path / "out", "conversations/train-00000.parquet"
    push(older, out)
    synced: list[tuple[Path, bool]] = []

    def note(path: Path) -> None:
        if not (out / MANIFEST).exists():
            synced.append((path, (out / shard).read_bytes() == of(older)[shard]))

    monkeypatch.setattr(local_place, "sync", note)
    push(release, out)
    assert synced[0] == (out, True) and (out / "conversations", False) in synced


def test_a_file_that_changed_after_the_look_does_not_leave(release, store):
    (release.folder / "packed/train-00000.parquet").write_bytes(b"came later")
    with pytest.raises(UsageError, match=r"train-00000\.parquet is not what manifest\.json says"):
        push(release)
    assert MANIFEST not in held(store) and b"came later" not in held(store).values()


def test_what_a_stopped_push_had_copied_of_another_release_goes(
    older, release, tmp_path, monkeypatch
):
    out = tmp_path / "out"

    def dies(*_: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(local_place.LocalPlace, "put", dies)
        with pytest.raises(Death):
            push(older, out)
    assert (out / "images/.old.png.part").is_file()
    push(release, out)
    assert lying(out) == of(release)
