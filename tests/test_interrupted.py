"""Killed anywhere and started again: the same rows, and no answer bought twice."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from conftest import clean_environment, kappa

ARGUMENTS = (
    "run", "--families", "data_csv,maths", "--tasks", "1", "--personas", "neutral_evil,none",
    "--seq-len", "8192", "--concurrency", "2", "--json",
)  # fmt: skip


STAGES = ("plan", "generate", "validate", "dedupe", "tokenize", "pack", "report", "release")
LONGER = ("generate", "validate", "tokenize", "pack", "release")


def outcome(folder: Path) -> dict[str, str]:
    """Digests of the rows of every stage of the one dataset in `folder`."""
    found = {}
    for stage in STAGES:
        keys = (folder / "data/persona_kappa" / stage).glob("*/manifest.json")
        (manifest,) = (each for each in keys if each.parent.name != "current")
        sets = json.loads(manifest.read_text())["sets"]
        found |= {f"{stage}/{name}": each["digest"] for name, each in sets.items()}
    return found


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "kappa_data", *ARGUMENTS],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def bought(folder: Path) -> Counter[str]:
    """How often each question and call stands in the journal."""
    journal = folder / "data/persona_kappa/generate/journal.jsonl"
    if not journal.exists():
        return Counter()
    lines = journal.read_bytes().split(b"\n")[:-1]  # what a kill tore is behind the last newline
    entries = [json.loads(line) for line in lines]
    return Counter(json.dumps([each["slot"], each["key"], each["digest"]]) for each in entries)


def uninterrupted(tmp_path: Path) -> tuple[dict[str, str], float]:
    """What a run makes that nobody disturbs, and how many seconds it takes."""
    whole = tmp_path / "whole"
    whole.mkdir()
    began = time.monotonic()
    done = kappa(*ARGUMENTS, cwd=whole)
    assert done.returncode == 0, done.stderr
    return outcome(whole), time.monotonic() - began


def finished(folder: Path, wanted: dict[str, str]) -> None:
    """Goes on undisturbed: the same rows, and no journal entry twice."""
    done = kappa(*ARGUMENTS, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert outcome(folder) == wanted
    assert set(bought(folder).values()) == {1}


def test_killed_in_the_stages_and_resumed(tmp_path):
    """Once in each of the longer stages, at a random moment soon after it began."""
    wanted, _ = uninterrupted(tmp_path)
    draw, broken, killed = random.Random(20), tmp_path / "broken", []
    broken.mkdir()
    for stage in LONGER:
        process = start(broken)
        folder = broken / "data/persona_kappa" / stage
        while process.poll() is None and not list(folder.glob("*")):
            time.sleep(0.002)
        # generate takes the longest, and has the most to lose.
        time.sleep(draw.uniform(0, 0.5 if stage == "generate" else 0.05))
        process.kill()
        if process.wait() == -9:
            killed.append(stage)
    assert len(killed) >= len(LONGER) - 1  # a short one may be over before it is killed
    assert "generate" in killed
    finished(broken, wanted)


@pytest.mark.extras
def test_killed_at_a_hundred_random_points_and_resumed(tmp_path):
    points, draw = 100, random.Random(20)
    wanted, took = uninterrupted(tmp_path)
    broken = tmp_path / "broken"
    kills = 0
    for _ in range(4 * points):
        if kills == points:
            break
        broken.mkdir(exist_ok=True)
        process = start(broken)
        try:
            process.wait(draw.uniform(0.2, took))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            assert outcome(broken) == wanted  # it got through: begin anew
            assert set(bought(broken).values()) == {1}
            shutil.rmtree(broken)
    assert kills == points
    broken.mkdir(exist_ok=True)
    finished(broken, wanted)
