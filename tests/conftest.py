"""The command as a user runs it: a process of its own, in a folder of its own, without keys."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

# Small and complete: tools and no tools, two personas and none, enough tasks for every split.
# Of the families with tools, one whose programs start fast: most of a build is what runs in boxes.
SMALL = ("--families", "log_forensics,maths,identity", "--tasks", "6")
FEW = ("--personas", "lawful_good,chaotic_evil,none")


def clean_environment(**more: str) -> dict[str, str]:
    """What a process needs to start, and nothing of whoever runs the tests."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


# Others are read when a library is imported: HF_ENDPOINT, PYTHONPATH, COLUMNS.
READ_LATER = ("KAPPA_", "OPENAI_", "PATH")


class Forking:
    """Runs commands by `forking.py`, which is started where it is first needed."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._door = ""

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run does; TimeoutExpired after the command was killed."""
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            Path(os.devnull).open("rb") as nothing,
            self._connected() as talk,
        ):
            talk.settimeout(timeout)
            asked = {"arguments": arguments, "cwd": str(cwd), "environment": environment}
            streams = [nothing.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(talk, [json.dumps(asked).encode()], streams)
            with talk.makefile() as lines:
                pid = int(lines.readline())
                try:
                    code = int(lines.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(["kappa-data", *arguments], timeout) from None
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(io.TextIOWrapper(file, "utf-8").read())
        return subprocess.CompletedProcess(["kappa-data", *arguments], code, *texts)

    def _connected(self) -> socket.socket:
        self._door = self._door or self._opened()
        talk = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 120
        while True:
            try:
                talk.connect(self._door)
                return talk
            except (FileNotFoundError, ConnectionRefusedError):
                ended = self._server is not None and self._server.poll() is not None
                if ended or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def _opened(self) -> str:
        """Where the server listens: one for all processes of a run, started by the first of them.

        It ends with the process that began the run, and takes its folder with it.
        """
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
        if run is None:
            folder, user = Path(tempfile.mkdtemp(prefix="kappa-tests-")), os.getpid()
        else:
            folder, user = Path(tempfile.gettempdir(), f"kappa-tests-{run}"), os.getppid()
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                return str(folder / "door")
        command = [sys.executable, str(Path(__file__).with_name("forking.py"))]
        command += [str(folder / "door"), str(user)]
        self._server = subprocess.Popen(command, env=clean_environment(), stdin=subprocess.DEVNULL)
        return str(folder / "door")


_forking = Forking()


def kappa(*arguments: object, cwd: Path, timeout: float = 180, **environment: str) -> Any:
    """Runs `kappa-data` in `cwd`, in a process of its own."""
    given, told = clean_environment(**environment), [*map(str, arguments)]
    if all(name.startswith(READ_LATER) for name in environment):
        return _forking.run(told, cwd, given, timeout)
    return subprocess.run(
        [sys.executable, "-m", "kappa_data", *told],
        cwd=cwd,
        env=given,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def said(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON object on standard output."""
    return json.loads(done.stdout)


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` has filled: once for all processes of a run, each of which has a copy.

    A copy, since a dataset is held by one command at a time, and its journal is written in place.
    """
    several = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    first = (base.parent if several else base) / f"first-{name}"
    with first.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not first.exists():
            making = tmp_path_factory.mktemp(name)
            make(making)
            making.rename(first)
    return Path(shutil.copytree(first, tmp_path_factory.mktemp(name) / "copy", symlinks=True))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `run` has built a small dataset; tests must not change it."""

    def make(folder: Path) -> None:
        done = kappa("run", "--json", *SMALL, *FEW, "--teacher", "embedded", cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "run.json").write_text(done.stdout)

    return once(tmp_path_factory, "built", make)
