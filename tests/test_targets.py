"""What a target or a source means: a repository of the Hub, a folder or a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import kappa, said
from kappa_data.errors import UsageError
from kappa_data.progress import Quiet
from kappa_data.publishing.options import Options
from kappa_data.publishing.push import push, repository
from kappa_data.trainers import source
from sealed import seal
from strict_hub import StrictHub
from strict_hub_repos import MAIN
from strict_hub_steps import TOKEN


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://me:hunter22@hub.example:8080/")
    return tmp_path


@pytest.mark.parametrize(
    "address",
    [
        "you/persona",
        "hf://datasets/you/persona",
        "https://huggingface.co/datasets/you/persona/",
        "https://HuggingFace.co/datasets/you/persona",
        "http://hub.example:8080/datasets/you/persona",
    ],
)
def test_every_address_of_a_repository_is_the_repository(here, address, monkeypatch):
    assert repository(address) == "you/persona"
    monkeypatch.setattr(source, "_fetched", lambda repo_id, revision: Path(repo_id, revision))
    assert source.folder_of(address, "v1") == Path("you/persona/v1")


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("https://huggingface.co/datasets/you/persona/tree/main", "write you/persona$"),
        ("https://huggingface.co/you/persona", "write owner/name$"),
        ("https://hub.example/datasets/you/persona", "write owner/name$"),
        ("https://me:hunter22@huggingface.co/datasets/you/persona", "write owner/name$"),
        ("https://[", "write owner/name$"),
        ("http://", "write owner/name$"),
        ("hf://you/persona", "write owner/name$"),
        ("hf://datasets/you/persona@main", "write you/persona$"),
        ("filecache::hf://datasets/you/persona", "write owner/name$"),
    ],
)
def test_every_other_address_is_refused_at_once(here, address, meant):
    """fsspec knows most of them, and would write to the Hub with one commit for each file."""
    for asked in (repository, source.folder_of):
        with pytest.raises(UsageError, match=meant) as told:
            asked(address)
        assert "hunter22" not in str(told.value)


def test_an_address_is_refused_before_anything_is_built(here):
    done = kappa("push", "https://hub.example/datasets/you/persona", cwd=here)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert list(here.iterdir()) == []


def test_a_folder_under_the_name_of_a_repository_is_ambiguous(here):
    Path("you/persona").mkdir(parents=True)
    for arguments in (
        ("push", "you/persona"),
        ("export", "x", "--to", "trl", "--from", "you/persona"),
    ):
        done = kappa(*arguments, cwd=here)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        assert "./you/persona for the folder, hf://datasets/you/persona" in done.stderr
    assert repository("./you/persona") is None and repository("you") is None
    assert repository("hf://datasets/you/persona") == "you/persona"


@pytest.mark.parametrize("target", ["", " "])
def test_an_empty_target_is_one_line(target):
    with pytest.raises(UsageError, match="the target is empty"):
        repository(target)


def test_a_tilde_is_the_home(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    release = seal(here / "release")
    told = push(release.folder, "~/out", Options(), Quiet())
    assert told["target"] == f"{here}/home/out" and f"to {here}/home/out; " in told["said"]
    assert (here / "home/out/manifest.json").read_bytes() == release.sealed
    with pytest.raises(UsageError, match="there is no such user"):
        push(release.folder, "~nobody-of-this-name/out", Options(), Quiet())


def test_the_address_that_a_push_prints_can_be_pushed_to(built, here):
    with StrictHub() as hub:
        told = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
        told["HF_HOME"] = str(here / "hf")
        asked = ("--allow-embedded", "--json")
        done = said(kappa("push", "hf://datasets/someone/rows", *asked, cwd=built, **told))
        assert done["status"] == "pushed" and done["target"] == "someone/rows" and done["tag"]
        again = said(kappa("push", done["url"], *asked, cwd=built, **told))
        assert again["status"] == "up-to-date" and again["commit"] == done["commit"]
        assert hub.repos["someone/rows"].branches[MAIN] == done["commit"]
