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


def outcome(folder: Path) -> dict[str, str]:
    """Digests of the rows of every stage of the one dataset in `folder`."""
    found = {}
    for stage in ("plan", "generate", "validate", "dedupe", "tokenize", "pack", "release"):
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


def drill(tmp_path: Path, points: int) -> None:
    """Kills `run` at random moments, `points` times, going on from what is there."""
    whole = tmp_path / "whole"
    whole.mkdir()
    began = time.monotonic()
    done = kappa(*ARGUMENTS, cwd=whole)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    wanted = outcome(whole)
    draw = random.Random(20)
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
    done = kappa(*ARGUMENTS, cwd=broken)
    assert done.returncode == 0, done.stderr
    assert outcome(broken) == wanted
    assert set(bought(broken).values()) == {1}


def test_killed_at_twenty_random_points_and_resumed(tmp_path):
    drill(tmp_path, 20)


@pytest.mark.extras
def test_killed_at_a_hundred_random_points_and_resumed(tmp_path):
    drill(tmp_path, 100)
