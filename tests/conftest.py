"""The command as a user runs it: a process of its own, in a folder of its own, without keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

# Small and complete: tools and no tools, two personas and none, enough tasks for every split.
SMALL = ("--families", "fix_failing_test,maths,identity", "--tasks", "6")
FEW = ("--personas", "lawful_good,chaotic_evil,none")


def clean_environment(**more: str) -> dict[str, str]:
    """What a process needs to start, and nothing of whoever runs the tests."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


def kappa(*arguments: object, cwd: Path, timeout: float = 180, **environment: str) -> Any:
    """Runs `kappa-data` in `cwd`."""
    return subprocess.run(
        [sys.executable, "-m", "kappa_data", *map(str, arguments)],
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def said(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON object on standard output."""
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `run` has built a small dataset; tests must not change it."""
    folder = tmp_path_factory.mktemp("built")
    done = kappa("run", "--json", *SMALL, *FEW, "--teacher", "embedded", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "run.json").write_text(done.stdout)
    return folder
