"""A process that has imported what `kappa-data` imports, and forks itself for each command.

    python tests/forking.py SOCKET PID

Half of the time of a short command goes into imports. Each command still runs in a process of its
own, with its own folder, environment and streams; only what it imports is there already. Tests of
the imports themselves, of signals and of the installed program start a fresh Python.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

# What `run` loads. Threads do not survive a fork, so none may be there: numpy's are left out.
ALONE = {"OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}


def load() -> None:
    """Imports what the commands import, and nothing that starts a thread."""
    import aiohttp  # noqa: F401
    import datasets  # noqa: F401
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg  # noqa: F401
    import openai
    import openai.resources.chat
    import openai.resources.responses  # noqa: F401
    import sklearn.feature_extraction.text
    import sklearn.model_selection
    import sklearn.pipeline
    import sklearn.svm  # noqa: F401

    import kappa_data

    for module in pkgutil.walk_packages(kappa_data.__path__, "kappa_data."):
        # Of a trainer's own parts there is none where that trainer is not installed.
        if not module.name.endswith("__main__") and ".torchtitan" not in module.name:
            importlib.import_module(module.name)
    kappa_data.arrow.convert_without_pandas()
    if threading.active_count() > 1:  # Arrow has one of its own and knows of forks
        raise SystemExit("forking.py: an import has started a thread")


def serve(path: str, user: int) -> list[str] | None:
    """Forks for each request until the process `user` has gone.

    Returns the arguments in the process that is to run them, else None.
    """
    gone = os.pidfd_open(user)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits is waited for by nobody
        while True:
            if gone in select.select([door, gone], [], [])[0]:
                return None
            talk, _ = door.accept()
            with talk:
                if os.fork() == 0:
                    door.close()
                    return watch(talk)


def watch(talk: socket.socket) -> list[str] | None:
    """Starts the command, says its process id and then its exit code (negative: a signal)."""
    data, streams, *_ = socket.recv_fds(talk, 1 << 20, 3)
    asked = json.loads(data)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        talk.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 256)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        return list(asked["arguments"])
    for stream in streams:
        os.close(stream)
    talk.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # whoever asked gave up waiting
        talk.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def run(arguments: list[str]) -> NoReturn:
    """The command, and the end of a process but for taking apart what it never made."""
    from kappa_data.__main__ import main as command

    sys.argv = ["kappa-data", *arguments]
    code: object = 0
    try:
        command()
    except SystemExit as ended:
        code = ended.code
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def main() -> None:
    os.environ.update(ALONE)
    load()
    for name in ALONE:
        del os.environ[name]
    gc.collect()
    gc.freeze()  # or every collection would copy what is shared
    path, user = sys.argv[1:]
    arguments = serve(path, int(user))
    if arguments is not None:
        run(arguments)
    shutil.rmtree(Path(path).parent)


if __name__ == "__main__":
    main()
