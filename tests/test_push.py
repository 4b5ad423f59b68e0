"""push to the Hub: the real client over HTTP against a Hub on a loopback port."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from conftest import kappa, said
from hub import TOKEN, Hub


def push(built: Path, hub_url: str, *arguments: str, token: str = TOKEN):
    environment = {
        "HF_ENDPOINT": hub_url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(built / "hf"),
        **({"HF_TOKEN": token} if token else {}),
    }
    return kappa(
        "push", "someone/persona_kappa", "--allow-embedded", *arguments, cwd=built, **environment
    )


def test_one_commit_holds_every_file(built):
    release = built / "data/persona_kappa/release/current"
    with Hub() as hub:
        done = push(built, hub.url, "--json", "--private", "--message", "first")
        assert done.returncode == 0, done.stderr
        assert said(done)["status"] == "pushed"
        assert TOKEN not in done.stdout + done.stderr
        assert hub.commits == ["first"]
        assert hub.private
        names = {*json.loads((release / "manifest.json").read_text())["files"], "manifest.json"}
        assert set(hub.files) - {".gitattributes"} == names
        for name in names:
            local = hashlib.sha256((release / name).read_bytes()).hexdigest()
            assert hashlib.sha256(hub.files[name]).hexdigest() == local


def test_shards_of_an_older_release_go_away(built):
    with Hub() as hub:
        hub.repo = "someone/persona_kappa"
        hub.files = {"packed/train-00007.parquet": b"old", "notes.txt": b"mine"}
        assert push(built, hub.url).returncode == 0
        assert "packed/train-00007.parquet" not in hub.files
        assert hub.files["notes.txt"] == b"mine"


def test_a_dry_run_sends_nothing(built):
    with Hub() as hub:
        done = push(built, hub.url, "--dry-run", "--json")
        assert (done.returncode, said(done)["status"], hub.requests) == (0, "dry-run", [])


@pytest.mark.parametrize("token", ["", "hf_wrong"])
def test_a_missing_or_wrong_token_is_one_line(built, token):
    with Hub() as hub:
        done = push(built, hub.url, token=token)
        assert done.returncode == 4
        assert "token" in done.stderr and "Traceback" not in done.stderr
        assert not token or token not in done.stderr
        assert hub.commits == []


def test_a_hub_in_trouble_is_one_line_and_no_commit(built):
    with Hub() as hub:
        hub.fail["/commit/"] = 500
        done = push(built, hub.url)
        assert done.returncode == 1
        assert "500" in done.stderr and "again" in done.stderr and "Traceback" not in done.stderr
        assert hub.commits == []


def test_a_hub_that_is_not_there(built):
    done = push(built, "http://127.0.0.1:9")
    assert done.returncode == 4
    assert "127.0.0.1:9" in done.stderr and "Traceback" not in done.stderr


def test_a_target_that_is_neither(built):
    done = kappa("push", "justaname", "--allow-embedded", cwd=built)
    assert done.returncode == 2 and "./justaname" in done.stderr


def to_folder(built: Path, target: Path):
    return kappa("push", target, "--allow-embedded", "--json", cwd=built)


def test_a_folder_with_other_things_is_left_alone(built, tmp_path):
    for name, text in (("notes.txt", "mine"), ("manifest.json", '{"name": "app"}')):
        folder = tmp_path / name.replace(".", "_")
        (folder / "conversations").mkdir(parents=True)
        (folder / name).write_text(text)
        (folder / "conversations" / "kept.txt").write_text("kept")
        assert to_folder(built, folder).returncode == 2
        assert (folder / name).read_text() == text
        assert (folder / "conversations" / "kept.txt").read_text() == "kept"


def test_a_damaged_copy_is_mended_and_foreign_files_stay(built, tmp_path):
    folder = tmp_path / "out"
    assert to_folder(built, folder).returncode == 0
    shard = folder / "packed" / "train-00000.parquet"
    right = shard.read_bytes()
    shard.write_bytes(right[:-1] + b"x")
    (folder / "packed" / "notes.txt").write_text("mine")
    assert said(to_folder(built, folder))["status"] == "pushed"
    assert shard.read_bytes() == right
    assert (folder / "packed" / "notes.txt").read_text() == "mine"
    assert said(to_folder(built, folder))["status"] == "up-to-date"


def test_a_link_does_not_lead_out_of_the_folder(built, tmp_path):
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert to_folder(built, folder).returncode == 0
    (folder / "README.md").write_text("damaged")
    for shard in (folder / "conversations").iterdir():
        shard.unlink()
    (folder / "conversations").rmdir()
    (folder / "conversations").symlink_to(elsewhere)
    assert to_folder(built, folder).returncode == 2
    assert list(elsewhere.iterdir()) == []
