"""The sandbox: hostile calls, isolation, how a box ends, and whether it can be used.

Nothing here is skipped where bubblewrap is missing: the tests then fail with the fix.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostile.boxes import as_user, bash, in_box
from hostile.runner import CASES, descendants, failures_bare, failures_in_box
from kappa_data.errors import SandboxDown
from kappa_data.records import Task
from kappa_data.sandbox import (
    ToolResult,
    doctor,
    programs,
    seccomp,
    selftest,
)
from kappa_data.sandbox.box import BubblewrapBox
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.local import Local
from kappa_data.tasks.catalog import Family

ORDINARY = 65432  # an ordinary user to become where the tests run as root


# --- hostile calls --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_hostile_call(case: dict[str, Any]) -> None:
    assert asyncio.run(failures_in_box(case)) == []


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["bare_safe"]], ids=lambda case: case["id"]
)
def test_the_suite_fails_without_isolation(case: dict[str, Any]) -> None:
    assert asyncio.run(failures_bare(case)) != []


SLOW = ("H10", "H11", "H16", "H24", "K03", "K05", "K06", "K08", "K09", "K10", "K17")


def test_hostile_calls_for_an_ordinary_user() -> None:
    """As root the box's process drops to a user of its own; started by a user it is that user's."""

    def work() -> str:
        failed = {}
        for case in CASES:
            if not case["id"].startswith(SLOW):
                failed[case["id"]] = asyncio.run(failures_in_box(case))
        return json.dumps(failed)

    said = as_user(ORDINARY, work) if os.geteuid() == 0 else work()
    assert said.startswith("{"), said
    assert json.loads(said) == {c["id"]: [] for c in CASES if not c["id"].startswith(SLOW)}


def test_bwrap_never_has_uid_0() -> None:
    async def use(box: BubblewrapBox) -> list[str]:
        return [
            line
            for pid in descendants(box._process.pid)
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith(("Uid:", "Gid:"))
        ]

    lines = in_box(use)
    assert len(lines) == 4  # bwrap and the supervisor
    assert not [line for line in lines if "0" in line.split()]


NUMBERS = """
import ctypes, errno
l = ctypes.CDLL(None, use_errno=True)
for name, numbers in {calls!r}.items():
    ctypes.set_errno(0)
    l.syscall(numbers, 0, 0, 0, 0, 0)
    print(name, errno.errorcode.get(ctypes.get_errno(), 'ALLOWED'))
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="asks by x86_64 numbers")
def test_seccomp_denies_the_whole_table() -> None:
    denied = {name: numbers[0] for name, numbers in seccomp.DENIED.items()}
    missing = {name: numbers[0] for name, numbers in seccomp.MISSING.items()}
    script = NUMBERS.format(calls=denied | missing)
    said = bash("python3 script.py", fixture={"script.py": script}).content.split("\n")[:-1]
    assert said == [f"{name} EPERM" for name in denied] + [f"{name} ENOSYS" for name in missing]


def test_seccomp_on_arguments() -> None:
    # The last four are AF_VSOCK, NETLINK, PACKET and ALG.
    script = """
import errno, fcntl, os, socket, subprocess, sys, threading
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 40, 16, 17, 38):
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
        print("open", end=" ")
    except OSError as error:
        print(errno.errorcode[error.errno], end=" ")
terminal, _ = os.openpty()
try:
    fcntl.ioctl(terminal, 0x5412, b"x")
    print("typed")
except OSError as error:
    print(errno.errorcode[error.errno])
thread = threading.Thread(target=lambda: print("thread"))
thread.start()
thread.join()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout, end="")
"""
    said = bash("python3 script.py", fixture={"script.py": script}).content
    assert said == "open open open " + "EAFNOSUPPORT " * 4 + "EPERM\nthread\nchild\n"


def test_a_guest_finds_no_place_without_a_size() -> None:
    """Every mount is read-only, has a size, holds no files (pts), or is one harmless device."""
    for line in bash("cat /proc/self/mountinfo").content.splitlines():
        before, after = line.split(" - ")
        mount, flags = before.split()[4:6]
        kind, _, options = after.split()
        closed = flags.startswith("ro") or kind == "devpts" or kind == "devtmpfs"
        assert closed or (kind == "tmpfs" and "size=" in options), line
        assert kind != "devtmpfs" or mount in {
            f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")
        }


def test_no_path_of_the_host_leaks() -> None:
    command = (
        "cat /proc/self/mountinfo /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'"
    )
    content = bash(command).content
    for path in (Path.cwd(), Path.home(), Path(sys.prefix), Path(__file__).parent):
        if path != Path("/") and not path.is_relative_to("/usr"):
            assert str(path) not in content


def test_a_copied_interpreter_when_the_host_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda program, root: None)

    async def run() -> str:
        sandbox = Bubblewrap()
        await sandbox.self_test()
        box = await sandbox.open()
        try:
            command = (
                "python3 -c 'import unittest, sys; print(sys.executable, *sys.version_info[:2])';"
                "cat /proc/self/mountinfo; grep -l BASE /opt/python/lib/python3*/_sysconfig* | cat"
            ).replace("BASE", sys.base_prefix)
            return (await box.call("bash", {"command": command})).content
        finally:
            await box.close()

    content = asyncio.run(run())
    assert content.startswith("/opt/python/bin/python3 {} {}\n".format(*sys.version_info))
    if not sys.base_prefix.startswith("/usr"):
        assert sys.base_prefix not in content
    assert "_sysconfigdata" not in content or sys.base_prefix.startswith("/usr")


# --- how a box ends -------------------------------------------------------------------------------


def test_a_dead_box_is_an_error_and_no_output() -> None:
    async def use(box: BubblewrapBox) -> None:
        pids = descendants(box._process.pid)
        call = asyncio.create_task(box.call("bash", {"command": "sleep 60"}))
        await asyncio.sleep(0.3)
        os.kill(max(pids), signal.SIGKILL)  # the supervisor, from outside
        with pytest.raises(SandboxDown, match="dead"):
            await call
        for again in (box.call("bash", {"command": "true"}), box.read("x"), box.put({"x": ""})):
            with pytest.raises(SandboxDown, match="dead"):
                await again

    in_box(use)


def test_closing_kills_everything_and_may_be_repeated() -> None:
    async def use(box: BubblewrapBox) -> None:
        call = asyncio.create_task(box.call("bash", {"command": "setsid sleep 62 & sleep 62"}))
        await asyncio.sleep(0.3)
        pids = descendants(box._process.pid)
        assert len(pids) >= 4
        await box.close()
        await box.close()
        with pytest.raises(SandboxDown):
            await call
        await gone(pids)

    in_box(use)


def test_a_cancelled_call_kills_the_box() -> None:
    async def use(box: BubblewrapBox) -> None:
        call = asyncio.create_task(box.call("bash", {"command": "sleep 63"}))
        await asyncio.sleep(0.3)
        pids = descendants(box._process.pid)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await gone(pids)
        with pytest.raises(SandboxDown, match="cancelled"):
            await box.call("bash", {"command": "true"})

    in_box(use)


def test_a_start_may_be_cancelled_at_any_moment() -> None:
    """Nothing stays behind, and nobody waits for ever: bwrap is a process before it has a box."""

    async def run() -> None:
        sandbox = Bubblewrap(at_once=4)
        before = descendants(os.getpid())  # and what an earlier test left, such as a tracker
        for milliseconds in range(0, 120, 4):
            starts = [asyncio.ensure_future(sandbox.open({"a": "b"})) for _ in range(3)]
            await asyncio.sleep(milliseconds / 1000)
            for start in starts:
                start.cancel()
            for box in await asyncio.gather(*starts, return_exceptions=True):
                assert isinstance(box, (BubblewrapBox, asyncio.CancelledError)), box
                if isinstance(box, BubblewrapBox):
                    await box.close()
        await gone(descendants(os.getpid()) - before)

    asyncio.run(asyncio.wait_for(run(), 90))


ABANDONED = """
import asyncio, sys
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.catalog import Family
async def main():
    for _ in range(3):
        asyncio.ensure_future(Bubblewrap().open({"a": "b"}))
    await asyncio.sleep(float(sys.argv[1]))
    raise ValueError("planted")
asyncio.run(main())
"""


def test_a_loop_that_is_given_up_ends_while_boxes_start() -> None:
    for milliseconds in (0, 3, 10, 20, 35, 60, 100):
        done = subprocess.run(
            [sys.executable, "-c", ABANDONED, str(milliseconds / 1000)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stderr.strip().splitlines()[-1] == "ValueError: planted"


async def gone(pids: set[int]) -> None:
    """Wait until none of these processes is left (a zombie that nobody collects counts as gone)."""
    async with asyncio.timeout(10):
        while any(alive(pid) for pid in pids):
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


PARENT = """
import asyncio
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.catalog import Family
async def main():
    box = await Bubblewrap().open()
    print(box._process.pid, flush=True)
    await box.call("bash", {"command": "sleep 64"})
asyncio.run(main())
"""


def test_a_box_dies_with_the_program() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        bwrap = int(parent.stdout.readline())
        end = time.monotonic() + 10
        while len(pids := descendants(bwrap)) < 3 and time.monotonic() < end:
            time.sleep(0.02)
        assert len(pids) == 3  # bwrap, the supervisor, sleep
        parent.kill()
    asyncio.run(gone(pids))


def test_a_guest_cannot_reach_process_1_or_lock_itself_out() -> None:
    async def use(box: BubblewrapBox) -> list[str]:
        signals = "for s in $(seq 1 64); do kill -$s 1; done 2> /dev/null; chmod 000 /workspace"
        opened = "for f in fd/0 fd/1 mem maps environ; do cat /proc/1/$f; done 2>&1 | cut -d: -f3"
        calls = [await box.call("bash", {"command": c}) for c in (signals, opened, "pwd")]
        return [call.content for call in calls]

    assert in_box(use) == ["", " Permission denied\n" * 5, "/workspace\n"]


@pytest.mark.parametrize("sandbox", [Bubblewrap, Local])
def test_signals_are_those_of_a_fresh_login(sandbox: type[Bubblewrap] | type[Local]) -> None:
    """nohup and some supervisors hand down ignored and blocked signals; with SIGCHLD ignored the
    exit code of every call came out as 0."""

    async def use() -> list[ToolResult]:
        box = await sandbox().open()
        commands = ("exit 3", "trap 'echo hup' HUP; kill -HUP $$", "timeout 0.1 sleep 9")
        try:
            return [await box.call("bash", {"command": command}) for command in commands]
        finally:
            await box.close()

    def work() -> str:
        for each in (signal.SIGCHLD, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(each, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGALRM])
        return json.dumps([[each.exit_code, each.content] for each in asyncio.run(use())])

    said = json.loads(as_user(os.getuid(), work))
    assert said == [[3, "[exit code 3]"], [0, "hup\n"], [124, "[exit code 124]"]]


def test_a_box_far_over_its_limit_of_files_is_refused_calls() -> None:
    """Each call that is stopped for it leaves some hundred more: that must come to an end."""

    async def use(box: BubblewrapBox) -> ToolResult:
        await box.put({f"f{number}": "" for number in range(16_600)})
        return await box.call("bash", {"command": "echo ran"})

    assert in_box(use, files=200).limit == "files"
    assert in_box(use, files=300).content == "ran\n"


def test_core_dumps_have_the_one_limit_that_stops_a_program_of_the_hosts_root() -> None:
    limit = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    before = resource.getrlimit(resource.RLIMIT_CORE)
    assert bash(f"ulimit -c 0; python3 -c '{limit}'").content == ("1\n" if before[1] else "0\n")
    assert resource.getrlimit(resource.RLIMIT_CORE) == before


def test_an_unprotected_folder_of_any_depth_is_removed() -> None:
    deep = 'python3 -c \'import os\nfor _ in range(2100): os.mkdir("d"); os.chdir("d")\''

    async def use(kept: Path) -> str:
        box = await Local().open()
        try:
            shut = f"mkdir shut; touch shut/f; chmod 0 shut; ln -s {kept} link; pwd"
            said = await box.call("bash", {"command": f"{deep}; {shut}"})
            assert said.content == "/workspace\n"
        finally:
            await box.close()
        return box._folder

    with tempfile.TemporaryDirectory() as kept:
        Path(kept, "f").touch()
        assert not Path(asyncio.run(use(Path(kept)))).exists()
        assert Path(kept, "f").exists()


def test_two_boxes_know_nothing_of_each_other() -> None:
    async def run() -> None:
        sandbox = Bubblewrap()
        one, two = await asyncio.gather(sandbox.open({"a": "one"}), sandbox.open({"b": "two"}))
        try:
            hide = "cp a /tmp/mine; cp a /dev/shm/mine; sleep 0.5 & wait; echo done"
            look = "ls /workspace /tmp /dev/shm; ps -e -o args= | grep -c '[s]leep 0.5'"
            first, second = await asyncio.gather(
                one.call("bash", {"command": hide}), two.call("bash", {"command": look})
            )
            assert first.content == "done\n"
            assert second.content == "/dev/shm:\n\n/tmp:\n\n/workspace:\nb\n0\n[exit code 1]"
            assert await one.read("b") is None
        finally:
            await asyncio.gather(one.close(), two.close())

    asyncio.run(run())


def test_many_boxes_through_a_small_gate() -> None:
    async def one(sandbox: Bubblewrap, number: int) -> str | None:
        box = await sandbox.open({"n": str(number)})
        try:
            await box.call("bash", {"command": "tr 0-9 a-j < n > m"})
            return await box.read("m")
        finally:
            await box.close()

    async def run() -> list[str | None]:
        sandbox = Bubblewrap(at_once=3)
        return await asyncio.gather(*(one(sandbox, number) for number in range(24)))

    letters = str.maketrans("0123456789", "abcdefghij")
    assert asyncio.run(run()) == [str(n).translate(letters) for n in range(24)]


# --- what the verifier uses -----------------------------------------------------------------------


def test_put_is_not_diverted_by_what_the_guest_left() -> None:
    """Links, folders, a FIFO and missing permissions in the way of the verifier's files."""
    traps = (
        "ln -s /tmp linked; mkdir -p is_folder/x; mkfifo fifo; ln -s /tmp/elsewhere link; "
        "mkdir closed; chmod 500 closed; echo file > parent"
    )
    files = {
        path: f"real {path}"
        for path in ("linked/f", "is_folder", "fifo", "link", "closed/f", "parent/child/f")
    }

    async def use(box: BubblewrapBox) -> None:
        await box.call("bash", {"command": traps})
        await box.put(files)
        assert {path: await box.read(path) for path in files} == files
        assert (await box.call("bash", {"command": "ls -A /tmp"})).content == ""

    in_box(use)


def test_put_stays_in_the_workspace() -> None:
    async def use(box: BubblewrapBox) -> None:
        for path in ("/etc/x", "../x", "a/../../x", "a//b", "./a", ".", ""):
            with pytest.raises(ValueError, match="within the workspace"):
                await box.put({path: "x"})

    in_box(use)


def test_read_gives_whole_regular_files_only() -> None:
    async def use(box: BubblewrapBox) -> list[str | None]:
        await box.call("bash", {"command": "mkfifo fifo; mkdir folder; printf 'a\\r\\xff' > odd"})
        return [await box.read(path) for path in ("big", "odd", "fifo", "folder", "none")]

    big = "0123456789" * 100_000
    assert in_box(use, {"big": big}) == [big, "a\r\ufffd", None, None, None]


def test_files_that_were_put_do_not_count_as_read() -> None:
    async def use(box: BubblewrapBox) -> ToolResult:
        await box.put({"f": "1"})
        edit = {"path": "f", "old_string": "1", "new_string": "2"}
        return await box.call("edit_file", edit)

    assert in_box(use).error


# --- whether it can be used -----------------------------------------------------------------------


def test_self_test_passes_and_programs_are_known() -> None:
    sandbox = Bubblewrap()
    asyncio.run(sandbox.self_test())
    assert sandbox.has("bash")
    assert sandbox.has("python3")
    assert not sandbox.has("no-such-program")
    assert not sandbox.has("../bin/bash/..")
    assert sandbox.grounding == "executed"
    assert sandbox.toolchain == Bubblewrap().toolchain
    assert len(sandbox.toolchain) == 64


def test_has_agrees_with_the_box() -> None:
    sandbox = Bubblewrap()
    names = (*programs.DECLARED, "gcc", "perl", "node", "cargo", "rg")
    said = bash(f"for p in {' '.join(names)}; do command -v $p > /dev/null && echo $p; done; true")
    assert said.content.split() == [name for name in names if sandbox.has(name)]


def test_toolchain_changes_with_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Bubblewrap().toolchain
    found = programs.find
    monkeypatch.setattr(programs, "find", lambda p, root: None if p == "jq" else found(p, root))
    assert Bubblewrap().toolchain != before


def test_without_bubblewrap_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxDown, match=r"run: apt-get install bubblewrap$"):
        asyncio.run(Bubblewrap().self_test())
    assert ("bubblewrap", False, "apt-get install bubblewrap") in doctor.findings()


@pytest.fixture
def own_folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.mark.parametrize(
    ("settings", "said", "fix"),
    [
        ({"kernel/apparmor_restrict_unprivileged_userns": "1"}, "setting up uid map: Permission "
         "denied", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        ({"kernel/unprivileged_userns_clone": "0"}, "No permissions to create new namespace",
         "sysctl -w kernel.unprivileged_userns_clone=1"),
        ({"user/max_user_namespaces": "0"}, "Creating new namespace failed",
         "sysctl -w user.max_user_namespaces=10000"),
        ({}, "Can't mount proc on /newroot/proc: Operation not permitted",
         "systempaths=unconfined"),
        ({}, "Unknown option --size", "0.8 or newer"),
    ],
)  # fmt: skip
def test_a_bwrap_that_fails_names_the_fix(
    monkeypatch: pytest.MonkeyPatch,
    own_folder: str,
    settings: dict[str, str],
    said: str,
    fix: str,
) -> None:
    folder = Path(own_folder)
    fake = folder / "bwrap"
    fake.write_text(f'#!/bin/sh\necho "bwrap: {said}" >&2\nexit 1\n')
    fake.chmod(0o755)
    folder.chmod(0o755)  # bwrap is started by a user who could not look into tmp_path
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(selftest, "setting", lambda name: settings.get(name, ""))
    with pytest.raises(SandboxDown) as caught:
        asyncio.run(Bubblewrap().self_test())
    assert said in str(caught.value)
    assert fix in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_box_that_leaks_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    leak = {"see a secret": f"echo {selftest.CANARY}"}
    monkeypatch.setattr(selftest, "ATTACKS", leak)
    with pytest.raises(SandboxDown, match="a box can see a secret"):
        asyncio.run(Bubblewrap().self_test())


def test_doctor_finds_this_machine_well() -> None:
    found = {name: ok for name, ok, _ in doctor.findings()}
    assert any(name.startswith("bubblewrap 0.") for name in found)
    assert all(ok for name, ok in found.items() if name.startswith("bubblewrap"))
    assert found["sandbox self-test"]


def test_doctor_names_old_versions_and_the_families_without_their_programs(own_folder: str) -> None:
    for said, recent in (("bubblewrap 0.11.1", True), ("bubblewrap 0.4.0", False), ("", False)):
        fake = Path(own_folder, "bwrap")
        fake.write_text(f"#!/bin/sh\necho {said}\n")
        fake.chmod(0o755)
        name, ok, fix = doctor.version(str(fake))
        assert (ok, "0.8 or newer" in fix) == (recent, not recent)
        assert said in name

    def made(seed: int) -> Task:
        raise NotImplementedError

    needing = [
        Family("b", "", (), ("no-such",), made, 1, "agentic"),
        Family("a", "", (), ("no-such", "bash"), made, 1, "agentic"),
    ]
    assert doctor.programs(Bubblewrap(), needing) == [
        ("bash in the sandbox", True, ""),
        ("no-such in the sandbox", False, "apt-get install no-such (until then left out: a, b)"),
    ]
