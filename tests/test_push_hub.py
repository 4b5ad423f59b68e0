"""push to the Hub: the publisher and the real client over HTTP against a strict Hub with faults.

`push()` is called in this process, where that will do: pauses are shortened, and what it does is
read off the Hub's own state, whose hashes the publisher has no part in.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import yaml

import kappa_data
from conftest import clean_environment
from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.progress import Quiet
from kappa_data.publishing import guard
from kappa_data.publishing.card import BEGIN, END
from kappa_data.publishing.hub import tag_of
from kappa_data.publishing.options import Options
from kappa_data.publishing.push import push
from kappa_data.publishing.release import CARD, read_release
from strict_hub import DROP, LOSE, PAGE, StrictHub
from strict_hub_repos import MAIN, File, Pull, Repo
from strict_hub_steps import READ_TOKEN, SIGNATURE, TOKEN, step_of

REPO = "someone/persona"
FASTER = 100
"""times that a pause is shorter here"""
CHILD = """
import sys
from pathlib import Path
from kappa_data.progress import Quiet
from kappa_data.publishing import guard
from kappa_data.publishing.options import Options
from kappa_data.publishing.push import push
guard.check = lambda *_: None
print(push(Path(sys.argv[1]), sys.argv[2], Options(), Quiet())["status"])
"""


class Notes(Quiet):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


CARD_TEXT = f"""---
license: apache-2.0
tags:
- persona
- sft
configs:
- config_name: packed
  data_files:
  - split: train
    path: packed/train-*.parquet
---

{BEGIN} -->
# A dataset
{END}
"""
VIEWS = ("conversations", "packed")
SPLITS = ("train", "validation", "test")


def seal(folder: Path, **changed: bytes) -> Path:
    """Writes these files, and a manifest of all that lie there."""
    for name, data in changed.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "manifest.json").unlink(missing_ok=True)
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    figures = {"embedded": 0, "missed": [], "override": "", "too little": 0}
    (folder / "manifest.json").write_text(json.dumps({"figures": figures, "files": files}))
    return folder


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release as far as the publisher looks: its data are bytes; tests must not change it."""
    draw = random.Random(1)
    shards = {
        f"{view}/{split}-00000.parquet": draw.randbytes(draw.randint(5_000, 50_000))
        for view in VIEWS
        for split in SPLITS
    }
    images = {f"images/{name}.png": draw.randbytes(3_000) for name in ("funnel", "mix")}
    folder = tmp_path_factory.mktemp("releases")
    return seal(folder, **shards, **images, **{"README.md": CARD_TEXT.encode()})


@pytest.fixture(scope="session")
def other(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another release of the same dataset: one shard more, one less, and another card."""
    folder = tmp_path_factory.mktemp("releases") / "other"
    shutil.copytree(release, folder)
    (folder / "packed/test-00000.parquet").unlink()
    card = CARD_TEXT.replace(END, f"Anew.\n{END}").encode()
    return seal(folder, **{"README.md": card, "packed/validation-00001.parquet": b"one more"})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process as a user's with a token and no Xet, whose pauses are short."""
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(seconds / FASTER))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    # It reads everything, has tests of its own, and knows nothing of the Hub.
    monkeypatch.setattr(guard, "check", lambda *_: None)


@pytest.fixture
def hub(quick: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictHub]:
    with StrictHub() as server:
        point_at(server.url, monkeypatch)
        yield server


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does where it is set before huggingface_hub is imported."""
    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def send(release: Path, notes: Notes | None = None, **options: Any) -> dict[str, Any]:
    return push(release, REPO, Options(**options), notes or Notes())


def names_of(release: Path) -> list[str]:
    return [*json.loads((release / "manifest.json").read_bytes())["files"], "manifest.json"]


def holds(repo: Repo, release: Path, revision: str = MAIN) -> bool:
    """Whether every file of the release lies there, with its bytes."""
    there = repo.at(revision).files
    return all(
        name in there and there[name].data == (release / name).read_bytes()
        for name in names_of(release)
    )


def large_files(release: Path) -> int:
    return sum(name.endswith((".parquet", ".png")) for name in names_of(release))


# 403 of the storage is an address that has outlived its time, not the token's fault.
@pytest.mark.parametrize(
    "step, what, more",
    [
        ("create", 500, {}),
        ("create", LOSE, {}),
        ("info", 503, {}),
        ("preupload", 429, {"Retry_After": "1"}),
        ("batch", 503, {}),
        ("put", 500, {"times": 2}),
        ("put", DROP, {"skip": 1}),
        ("put", 403, {"skip": 1}),
        ("verify", 500, {}),
        ("yaml", 502, {}),
        ("commit", 408, {}),
        ("commit", 409, {}),
        ("commit", 429, {"Retry_After": "2"}),
        ("commit", 500, {}),
        ("commit", 503, {"times": 3}),
        ("commit", DROP, {}),
        ("commit", LOSE, {}),
        ("commit", LOSE, {"times": 2}),
        ("refs", 500, {}),
        ("tag", 500, {}),
        ("tag", LOSE, {}),
        ("create", PAGE, {}),
        ("commit", PAGE, {}),
    ],
)
def test_a_fault_ends_in_one_whole_commit(hub, release, step, what, more):
    hub.plant(step, what, **more)
    notes = Notes()
    assert send(release, notes)["status"] == "pushed"
    repo = hub.repos[REPO]
    assert repo.log() == ["initial commit", "Release by kappa-data"]
    assert holds(repo, release)
    assert repo.tags == {tag_of(read_release(release)): repo.branches[MAIN]}
    refused = more.get("times", 1) if step == "put" and what != DROP else 0
    assert hub.count("put") == large_files(release) + refused, "nothing is sent twice"
    shown = "\n".join(notes.said)
    assert SIGNATURE not in shown and TOKEN not in shown
    assert shown.count("again") + shown.count("try ") + shown.count("Retry"), "waiting is said"


@pytest.mark.parametrize("step", ["info", "put", "commit"])
def test_a_hub_that_is_away_for_a_while(hub, release, step):
    hub.plant(step, lambda: hub.go_away(2 / FASTER), skip=1 if step == "put" else 0)
    assert send(release)["status"] == "pushed"
    repo = hub.repos[REPO]
    assert repo.log() == ["initial commit", "Release by kappa-data"] and holds(repo, release)


def test_what_somebody_else_commits_meanwhile_stays(hub, release):
    hub.create(REPO)
    repo = hub.repos[REPO]
    hub.plant("commit", lambda: repo.write("theirs", {"notes.txt": b"mine"}))
    assert send(release)["kept"] == ["notes.txt"]
    assert repo.log() == ["initial commit", "theirs", "Release by kappa-data"]
    assert holds(repo, release) and repo.at(MAIN).files["notes.txt"].data == b"mine"
    assert hub.count("put") == large_files(release)


def test_the_second_push_changes_nothing_and_says_so(hub, release):
    first = send(release)
    hub.requests.clear()
    again = send(release)
    assert again["status"] == "up-to-date" and "already" in again["said"]
    assert again["commit"] == first["commit"]
    assert {step for step, _ in hub.requests} <= {"info", "resolve", "refs"}


@pytest.mark.parametrize("step", ["put", "commit"])
def test_trouble_that_stays_leaves_the_branch_as_it_is(hub, release, step):
    hub.create(REPO)
    hub.plant(step, 500, skip=3 if step == "put" else 0, times=99)
    with pytest.raises(StageError, match=r"500.*run the same command again"):
        send(release)
    repo = hub.repos[REPO]
    assert repo.log() == ["initial commit"] and repo.tags == {}
    sent = len(hub.storage)
    hub.mend()
    hub.requests.clear()
    assert send(release)["status"] == "pushed"
    assert holds(repo, release) and len(repo.log()) == 2
    assert hub.count("put") == large_files(release) - sent


def test_a_tag_that_failed_is_made_by_the_next_push(hub, release):
    hub.plant("tag", 500, times=99)
    with pytest.raises(StageError, match="500"):
        send(release)
    hub.mend()
    done = send(release)
    repo = hub.repos[REPO]
    assert done["status"] == "up-to-date" and "tagged now" in done["said"]
    assert repo.tags == {done["tag"]: repo.branches[MAIN]} and len(repo.log()) == 2


def test_a_pause_that_is_too_long_is_left_to_the_user(hub, release):
    hub.plant("commit", 429, times=99, Retry_After="4000")
    with pytest.raises(StageError, match="in 67 minutes"):
        send(release)
    assert hub.count("commit") == 1


@pytest.mark.parametrize(
    "headers",
    [{"Retry_After": "55"}, {"ratelimit": '"api";r=0;t=55'}, {"Retry_After": "a date"}],
)
def test_the_pause_is_the_one_that_the_hub_asks_for(hub, release, headers, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    if headers == {"Retry_After": "a date"}:
        soon = datetime.now(UTC) + timedelta(seconds=290)
        headers = {"Retry_After": format_datetime(soon, usegmt=True)}
    hub.plant("commit", 429, **headers)
    assert send(release)["status"] == "pushed"
    pauses = [each for each in slept if each > 10]
    assert len(pauses) == 1 and 55 <= pauses[0] <= 300


@pytest.mark.parametrize("what", [400, 402, 413])
def test_a_refusal_is_not_tried_again(hub, release, what):
    hub.plant("commit", what, times=99)
    with pytest.raises(StageError, match=f"{what}.*planted"):
        send(release)
    assert hub.count("commit") == 1


@pytest.mark.parametrize("token", ["", "hf_wrong", READ_TOKEN])
@pytest.mark.parametrize("there", [True, False])
def test_a_token_that_will_not_do_is_one_line(hub, release, monkeypatch, token, there):
    if there:
        hub.create(REPO)
    monkeypatch.setenv("HF_TOKEN", token)
    notes = Notes()
    with pytest.raises(EnvironmentLacks, match="token") as refused:
        send(release, notes)
    line = str(refused.value)
    assert refused.value.exit_code == 4 and "\n" not in line
    assert not token or token not in line + "".join(notes.said)
    assert not hub.storage and (not there or hub.repos[REPO].log() == ["initial commit"])


def test_a_hub_that_is_not_there(quick, release, monkeypatch):
    point_at("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(EnvironmentLacks, match=r"127\.0\.0\.1:9.*check the network"):
        send(release)
    with pytest.raises(EnvironmentLacks, match="HF_HUB_OFFLINE"):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        send(release)


def test_a_hub_that_never_answers(hub, release, monkeypatch):
    """The client by itself would wait for ever."""
    monkeypatch.setattr("kappa_data.publishing.hub_client.SILENCE_SECONDS", 0.2)
    release_it = threading.Event()
    hub.plant("commit", lambda: release_it.wait(20) and None)
    notes = Notes()
    assert send(release, notes)["status"] == "pushed"
    release_it.set()
    assert any("no answer in time" in line for line in notes.said)
    assert holds(hub.repos[REPO], release) and len(hub.repos[REPO].log()) == 2


def child(hub: StrictHub, release: Path, home: Path, xet: bool = False) -> subprocess.Popen[str]:
    more = {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "PYTHONPATH": str(Path(kappa_data.__file__).parents[1]),
    }
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(release), REPO],
        env=clean_environment(**more),
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_push_goes_on_and_sends_nothing_twice(hub, release, tmp_path):
    running: list[subprocess.Popen[str]] = []

    def kill() -> None:
        os.kill(running[0].pid, signal.SIGKILL)
        running[0].wait()
        raise ConnectionError("the one that asked is gone")

    hub.plant("put", kill, skip=3)
    running.append(child(hub, release, tmp_path))
    assert running[0].wait(60) == -signal.SIGKILL
    assert hub.repos[REPO].log() == ["initial commit"]
    stored = set(hub.storage)
    assert len(stored) == 3
    hub.requests.clear()
    assert send(release)["status"] == "pushed"
    again = {path.split("/")[2][:64] for step, path in hub.requests if step == "put"}
    assert len(again) == large_files(release) - len(stored) and not again & stored
    assert holds(hub.repos[REPO], release) and len(hub.repos[REPO].log()) == 2


def test_xet_is_the_storage_where_it_is_there(hub, release, tmp_path):
    """As users have it: the content goes through hf-xet, the proof and the commit are the same."""
    hub.plant("xorb", 503, skip=1)
    hub.plant("shard", 503)
    hub.plant("commit", LOSE)
    running = child(hub, release, tmp_path, xet=True)
    said, _ = running.communicate(timeout=90)
    assert (running.returncode, said.strip()) == (0, "pushed")
    repo = hub.repos[REPO]
    assert hub.count("put") == 0 and hub.count("xorb") == large_files(release) + 1
    assert holds(repo, release) and repo.log() == ["initial commit", "Release by kappa-data"]
    assert send(release)["status"] == "up-to-date"


def at_once(*releases: Path) -> list[dict[str, Any]]:
    """Pushes at the same time."""
    done: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda each=each: done.append(send(each))) for each in releases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_two_pushes_at_once_of_the_same_release(hub, release):
    hub.create(REPO)
    hub.plant("commit", threading.Barrier(2, timeout=30).wait, times=2)
    assert len(at_once(release, release)) == 2
    assert len(hub.repos[REPO].log()) == 2 and holds(hub.repos[REPO], release)


def test_two_pushes_at_once_of_different_releases(hub, release, other):
    hub.create(REPO)
    hub.plant("commit", threading.Barrier(2, timeout=30).wait, times=2)
    assert [each["status"] for each in at_once(release, other)] == ["pushed", "pushed"]
    repo = hub.repos[REPO]
    assert len(repo.log()) == 3 and len(repo.tags) == 2
    last = release if holds(repo, release) else other
    names = set(repo.at(MAIN).files) - {".gitattributes"}
    assert holds(repo, last) and names == set(names_of(last)), "one of them, whole"


def test_the_older_release_goes_and_files_of_others_stay(hub, release, other):
    send(release)
    repo = hub.repos[REPO]
    repo.write("theirs", {"notes.txt": b"mine", "packed/train-00099.parquet": b"mine too"})
    notes = Notes()
    done = send(other, notes)
    assert done["removed"] == ["packed/test-00000.parquet"]
    assert done["new"] == ["packed/validation-00001.parquet"]
    assert set(done["changed"]) == {"README.md", "manifest.json"}
    assert done["kept"] == ["notes.txt", "packed/train-00099.parquet"]
    assert "packed/test-00000.parquet" not in repo.at(MAIN).files
    assert repo.at(MAIN).files["notes.txt"].data == b"mine"
    assert any("packed/train-00099.parquet" in line and "remove it" in line for line in notes.said)
    assert repo.tags[done["tag"]] == repo.branches[MAIN] and len(repo.tags) == 2


def test_what_people_wrote_into_the_card_stays(hub, release, other):
    send(release)
    repo = hub.repos[REPO]
    card = repo.at(MAIN).files["README.md"].data.decode()
    edited = card.replace("tags:\n", "extra_gated_prompt: ask us\nlanguage_bcp47: no\ntags:\n", 1)
    edited = edited.replace("- persona\n", "- persona\n- theirs\n", 1)
    edited = edited.replace(BEGIN, f"Read this first.\n\n{BEGIN}") + "\n## Cite\n\nus\n"
    repo.write("edit", {"README.md": edited.encode()})
    assert send(release)["status"] == "up-to-date", "their words alone are no reason to commit"
    done = send(other)
    card = repo.at(MAIN).files["README.md"].data.decode()
    front, body = card.split("\n---\n", 1)
    assert "extra_gated_prompt: ask us" in front and "language_bcp47: no" in front
    assert "theirs" in yaml.safe_load(front)["tags"] and front.count("configs:") == 1
    assert body.index("Read this first.") < body.index(BEGIN) < body.index("Anew.")
    assert body.index(END) < body.index("## Cite") and body.count(BEGIN) == 1
    assert done["status"] == "pushed" and send(other)["status"] == "up-to-date"
    assert send(release)["status"] == "pushed" and b"## Cite" in repo.at(MAIN).files[CARD].data
    there = {name: file.sha256 for name, file in repo.at(MAIN).files.items()}
    listed = json.loads(repo.at(MAIN).files["manifest.json"].data)["files"]
    assert {name: each["sha256"] for name, each in listed.items()} == {
        name: there[name] for name in listed
    }, "whoever downloads it can verify the card as well"


def test_a_card_that_was_there_before_stays_below_ours(hub, release):
    hub.create(REPO).write("theirs", {"README.md": b"---\nlicense: mit\n---\n# Coming soon\n"})
    send(release)
    card = hub.repos[REPO].at(MAIN).files["README.md"].data.decode()
    assert card.index(END) < card.index("# Coming soon") and "license: apache-2.0" in card
    assert send(release)["status"] == "up-to-date"


def test_a_branch_is_made_and_main_is_left_alone(hub, release):
    hub.create(REPO)
    repo = hub.repos[REPO]
    hub.plant("branch", LOSE)
    done = send(release, revision="trial/one")
    assert holds(repo, release, "trial/one") and repo.log() == ["initial commit"]
    assert repo.tags == {done["tag"]: repo.branches["trial/one"]}
    assert send(release, revision="trial/one")["status"] == "up-to-date"


def test_a_tag_or_a_commit_is_no_branch(hub, release):
    hub.create(REPO)
    repo = hub.repos[REPO]
    repo.tags["v1"] = repo.branches[MAIN]
    for revision in ("v1", repo.branches[MAIN]):
        with pytest.raises(UsageError, match=f"{revision} of .* is a tag or a commit"):
            send(release, revision=revision)
    assert not hub.storage and hub.count("preupload") == 0


def test_a_pull_request_is_opened_once(hub, release, other):
    hub.create(REPO)
    repo = hub.repos[REPO]
    hub.plant("commit", LOSE)
    first = send(release, create_pr=True, message="Look at this")
    assert first["status"] == "pushed" and first["url"].endswith("/discussions/1")
    again = send(release, create_pr=True, message="and again")
    assert again["status"] == "up-to-date" and again["url"] == first["url"]
    assert [each.title for each in repo.pulls] == ["Look at this"]
    assert repo.log() == ["initial commit"] and repo.tags == {}
    assert holds(repo, release, "refs/pr/1")
    assert send(other, create_pr=True)["url"].endswith("/discussions/2")
    with pytest.raises(UsageError, match="nowhere"):
        send(release, create_pr=True, revision="nowhere")


def test_private_is_never_sent_to_a_public_repository(hub, release):
    send(release, private=True)
    assert hub.repos[REPO].private and send(release, private=True)["status"] == "up-to-date"
    hub.repos[REPO].private = False
    with pytest.raises(UsageError, match="public"):
        send(release, private=True)


def test_content_in_several_parts(quick, release, monkeypatch):
    with StrictHub(part_size=9_000) as hub:
        point_at(hub.url, monkeypatch)
        hub.plant("part", 500, skip=4)
        hub.plant("complete", LOSE)
        send(release)
        assert hub.count("complete") >= 5 and holds(hub.repos[REPO], release)


def test_a_file_that_is_not_what_was_sent_is_found(hub, release):
    hub.create(REPO)
    repo = hub.repos[REPO]

    def spoil() -> None:
        files = repo.at(MAIN).files
        damaged = files["packed/train-00000.parquet"].data[:-1] + b"?"
        files["packed/train-00000.parquet"] = File(damaged, True)

    hub.plant("info", spoil, skip=2)
    with pytest.raises(StageError, match=r"not what was sent.*packed/train-00000\.parquet"):
        send(release)
    assert repo.tags == {}, "what is not proved gets no name"
    assert send(release)["status"] == "pushed" and holds(repo, release)


@pytest.mark.parametrize("token", ["", TOKEN])
def test_a_dry_run_asks_and_changes_nothing(hub, release, other, monkeypatch, token):
    send(release)
    hub.repos[REPO].write("theirs", {"notes.txt": b"mine"})
    before = hub.repos[REPO].branches[MAIN]
    hub.requests.clear()
    monkeypatch.setenv("HF_TOKEN", token)
    told = send(other, dry_run=True)
    assert told["status"] == "dry-run" and hub.repos[REPO].branches[MAIN] == before
    assert {step for step, _ in hub.requests} <= {"info", "resolve"}
    assert told["removed"] == ["packed/test-00000.parquet"] and told["kept"] == ["notes.txt"]
    assert told["new"] == ["packed/validation-00001.parquet"] and len(told["same"]) == 7
    sizes = [len((other / each).read_bytes()) for each in [*told["new"], *told["changed"]]]
    assert told["bytes to send"] == sum(sizes)
    assert "nothing" in send(release, dry_run=True)["said"]


def test_a_dry_run_without_a_hub_shows_the_files(quick, release, monkeypatch):
    point_at("http://127.0.0.1:9", monkeypatch)
    monkeypatch.setenv("HF_TOKEN", "")
    told = send(release, dry_run=True)
    assert told["new"] == names_of(release)
    assert "no Hub token" in told["said"] and "cannot be reached" in told["said"]


def test_what_a_folder_has_not_is_refused(quick, release, tmp_path):
    with pytest.raises(UsageError, match="--private, --revision: only a Hub repository"):
        push(release, str(tmp_path / "out"), Options(private=True, revision="trial"), Quiet())
    assert not (tmp_path / "out").exists()


def test_a_name_that_no_repository_can_have(hub, release):
    with pytest.raises(UsageError, match="no name for a repository"):
        push(release, "someone/a..b", Options(), Quiet())


@pytest.mark.parametrize("name", ["README.md", "packed/train-00000.parquet"])
def test_a_file_that_changes_after_the_look_does_not_leave(hub, release, tmp_path, name):
    """What was looked through is what leaves: nothing of it is committed or stored."""
    folder = Path(shutil.copytree(release, tmp_path / "release"))
    hub.create(REPO)
    hub.plant("info", lambda: (folder / name).write_bytes(b"came later") and None, skip=1)
    with pytest.raises(UsageError, match=rf"{name} is not what manifest\.json says"):
        send(folder)
    assert hub.repos[REPO].log() == ["initial commit"] and not hub.storage


def test_what_lay_there_only_while_it_was_uploaded_is_committed(hub, release, other):
    """Somebody pushes the same release and takes it back, between our upload and our commit."""
    send(other)
    repo = hub.repos[REPO]
    before = repo.at(MAIN).files
    ours = {
        name: File((release / name).read_bytes(), name[-3:] != ".md") for name in names_of(release)
    }
    ours["manifest.json"] = File((release / "manifest.json").read_bytes(), False)

    def commit(title: str, files: dict[str, File]) -> None:
        repo.branches[MAIN] = repo.add(repo.branches[MAIN], title, files).oid

    hub.plant("preupload", lambda: commit("theirs", {**before, **ours}))
    hub.plant("commit", lambda: commit("taken back", before))
    assert send(release)["status"] == "pushed" and holds(repo, release)


@pytest.mark.parametrize(
    "step, answer",
    [
        ("create", {}),
        ("info", []),
        ("preupload", None),
        ("batch", "x"),
        ("yaml", None),
        ("refs", {}),
    ],
)
def test_an_answer_without_sense_is_asked_for_again(hub, release, monkeypatch, step, answer):
    """Such as a proxy's: well-formed, and nothing that the client looks for."""
    served = hub.answer
    strange = [answer]

    def odd(method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        given = served(method, target, headers, body)
        named = step_of(method, target.partition("?")[0])[0]
        return (200, strange.pop(), {}) if strange and named == step else given

    monkeypatch.setattr(hub, "answer", odd)
    hub.plant("commit", LOSE)
    assert send(release)["status"] == "pushed" and not strange
    repo = hub.repos[REPO]
    assert holds(repo, release) and len(repo.log()) == 2


def test_a_commit_whose_answer_has_no_sense_is_recognised(hub, release, monkeypatch):
    served = hub.answer

    def odd(method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        given = served(method, target, headers, body)
        return (200, {"success": True}, {}) if "/commit/" in target else given

    monkeypatch.setattr(hub, "answer", odd)
    assert send(release)["status"] == "pushed"
    assert holds(hub.repos[REPO], release) and len(hub.repos[REPO].log()) == 2


def test_a_public_repository_that_was_made_meanwhile_gets_nothing_private(hub, release):
    hub.plant("create", lambda: hub.create(REPO) and None)
    with pytest.raises(UsageError, match="public"):
        send(release, private=True)
    assert hub.repos[REPO].log() == ["initial commit"] and not hub.storage


def test_a_pull_request_that_brings_more_is_not_ours(hub, release):
    """Anybody may open one with our files, and one more that load_dataset reads with them."""
    hub.create(REPO)
    repo = hub.repos[REPO]
    send(release, create_pr=True)
    ours = repo.pulls.pop()
    files = {**repo.at(ours.head).files, "packed/train-00099.parquet": File(b"theirs", True)}
    repo.pulls.append(Pull(ours.title, repo.add(repo.branches[MAIN], ours.title, files).oid))
    done = send(release, create_pr=True)
    assert done["status"] == "pushed" and done["url"].endswith("/discussions/2")
    assert send(release, create_pr=True)["url"] == done["url"]


def test_a_password_in_the_address_of_the_hub_is_not_shown(quick, release, monkeypatch):
    point_at("http://me:hunter22@127.0.0.1:9", monkeypatch)
    notes = Notes()
    with pytest.raises(EnvironmentLacks, match=r"the Hub at http://127\.0\.0\.1:9 cannot") as told:
        send(release, notes)
    assert "hunter22" not in str(told.value) + "".join(notes.said)
    assert "hunter22" not in str(send(release, dry_run=True))


def test_a_token_that_cannot_be_read_is_one_line(hub, release, monkeypatch, tmp_path):
    (tmp_path / "token").mkdir()
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    for dry_run in (True, False):
        with pytest.raises(EnvironmentLacks, match=r"token cannot be read.*HF_HOME"):
            send(release, dry_run=dry_run)


def test_a_date_to_wait_for_is_by_the_clock_of_the_hub(hub, release, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    theirs = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    until = theirs + timedelta(seconds=55)
    monkeypatch.setattr(
        BaseHTTPRequestHandler, "date_time_string", lambda *_: format_datetime(theirs, usegmt=True)
    )
    hub.plant("commit", 429, Retry_After=format_datetime(until, usegmt=True))
    assert send(release)["status"] == "pushed"
    assert [each for each in slept if each > 10] == [55.5]


def test_a_manifest_of_any_length_in_a_pull_request_is_not_read(hub, release, monkeypatch):
    """Anybody may open one."""
    monkeypatch.setattr("kappa_data.publishing.hub_client.LONGEST", 50_000)
    hub.create(REPO)
    repo = hub.repos[REPO]
    files = {**repo.at(MAIN).files, "manifest.json": File(b"[" * 60_000, False)}
    repo.pulls.append(Pull("theirs", repo.add(repo.branches[MAIN], "theirs", files).oid))
    assert send(release, create_pr=True)["url"].endswith("/discussions/2")
    assert not [path for step, path in hub.requests if step == "resolve" and "manifest" in path]
