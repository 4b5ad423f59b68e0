"""push as a user runs it: processes of their own, the real client and load_dataset over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import clean_environment, kappa, said
from strict_hub import StrictHub
from strict_hub_repos import MAIN
from strict_hub_steps import TOKEN

REPO = "someone/persona_kappa"
# What a user of the dataset runs; nothing of ours is in it.
LOADED = """
import sys
from pathlib import Path
import pyarrow.parquet as pq
from datasets import load_dataset
repo, tag, source = sys.argv[1], sys.argv[2], Path(sys.argv[3])
seen = 0
for config in ("conversations", "packed"):
    whole = load_dataset(repo, config, revision=tag)
    streamed = load_dataset(repo, config, streaming=True)
    files = sorted((source / config).glob("*.parquet"))
    assert {file.name.split("-")[0] for file in files} == set(whole) == set(streamed)
    for split in whole:
        rows = [row for file in files if file.name.startswith(f"{split}-")
                for row in pq.read_table(file).to_pylist()]
        assert whole[split].to_list() == rows, (config, split)
        assert list(streamed[split]) == rows, (config, split, "streamed")
        seen += len(rows)
print(seen)
"""


def user(hub_url: str, home: Path, token: str = TOKEN) -> dict[str, str]:
    """The environment of somebody who pushes to, or loads from, that Hub without Xet."""
    named = {"HF_ENDPOINT": hub_url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home)}
    return named | ({"HF_TOKEN": token} if token else {})


def push(built: Path, environment: dict[str, str], *arguments: str):
    return kappa("push", REPO, "--allow-embedded", *arguments, cwd=built, **environment)


def test_what_was_pushed_is_what_load_dataset_reads(built, tmp_path):
    release = built / "data/persona_kappa/release/current"
    with StrictHub() as hub:
        environment = user(hub.url, tmp_path / "home")
        planned = push(built, environment, "--dry-run")
        assert planned.returncode == 0 and hub.repos == {}
        for name in json.loads((release / "manifest.json").read_text())["files"]:
            assert f"new      {name}" in planned.stdout
        done = push(built, environment, "--json", "--private", "--message", "first")
        assert done.returncode == 0, done.stderr
        told = said(done)
        repo = hub.repos[REPO]
        assert told["status"] == "pushed" and repo.private
        assert repo.log() == ["initial commit", "first"]
        assert repo.tags == {told["tag"]: repo.branches[MAIN]}
        assert TOKEN not in done.stdout + done.stderr + planned.stdout + planned.stderr
        read = subprocess.run(
            [sys.executable, "-c", LOADED, REPO, told["tag"], str(release)],
            env=clean_environment(**environment),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert read.returncode == 0, read.stderr
        figures = json.loads((release / "manifest.json").read_text())["figures"]
        assert int(read.stdout) == figures["conversations"] + figures["rows"]


@pytest.mark.parametrize("token", ["", "hf_wrong"])
def test_a_missing_or_wrong_token_is_one_line(built, tmp_path, token):
    with StrictHub() as hub:
        done = push(built, user(hub.url, tmp_path / "home", token))
        assert done.returncode == 4
        assert "token" in done.stderr and "Traceback" not in done.stderr
        assert not token or token not in done.stderr
        assert hub.repos == {} and hub.storage == {}


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
