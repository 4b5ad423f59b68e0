"""Killed anywhere and started again: the same rows, and no answer bought twice."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from conftest import clean_environment, kappa, said

ARGUMENTS = (
    "run", "--families", "data_csv,maths", "--tasks", "2",
    "--personas", "neutral_evil,none", "--seq-len", "8192", "--json",
)  # fmt: skip
POINTS = 20


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


def test_killed_at_twenty_random_points_and_resumed(tmp_path):
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
    for _ in range(POINTS):
        broken.mkdir(exist_ok=True)
        process = start(broken)
        try:
            process.wait(draw.uniform(0.2, took))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        assert outcome(broken) == wanted  # it got through: begin anew
        shutil.rmtree(broken)
    broken.mkdir(exist_ok=True)
    done = kappa(*ARGUMENTS, cwd=broken)
    assert done.returncode == 0, done.stderr
    assert outcome(broken) == wanted
    assert kills > POINTS // 3
    figures = {each["stage"]: each for each in said(done)["stages"]}
    assert figures["pack"]["records"] == sum(
        each["rows"] for each in figures["pack"]["figures"]["splits"].values()
    )
