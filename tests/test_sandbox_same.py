"""The same calls give the same bytes in every box, and a root of one's own can be its system."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hostile.boxes import bash, results
from kappa_data.config import SandboxConfig
from kappa_data.errors import SandboxDown, UsageError
from kappa_data.sandbox import programs
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.catalog import families

COMMANDS = (
    "hostname; id; locale 2>/dev/null; env | sort; umask; ulimit -a; nproc; pwd; tty",
    "echo $$ $PPID; sleep 0 & echo $!; wait; echo $BASHPID; sh -c 'echo $$'",
    "free; cat /proc/cpuinfo /proc/meminfo /proc/loadavg /proc/cmdline /proc/partitions",
    "df /workspace /tmp /dev/shm; df -i /workspace | awk '{print $3}'; mount | grep workspace",
    "mkdir -p pkg/sub; for n in z b m a; do echo $n > pkg/$n.txt; done; ln -s a.txt pkg/link",
    "ls -lAR; ls -U pkg; find . -printf '%p %s %T@ %m %u\\n'",
    "stat -c '%n %s %b %h %a %U %X %Y' pkg/* given.txt; du -a pkg",
    "python3 -c 'import os; print(os.listdir(\"pkg\"), {\"a\", \"b\"}, hash(\"x\"), os.getpid())'",
    "tar czf t.tgz pkg; sha256sum t.tgz; gzip -kv pkg/a.txt 2>&1; sha256sum pkg/a.txt.gz",
    "python3 -c 'import zipfile; z = zipfile.ZipFile(\"z.zip\", \"w\"); z.write(\"given.txt\")';"
    " sha256sum z.zip",
    "echo 'x = 1' > m.py; python3 -m py_compile m.py; sha256sum __pycache__/*",
    "python3 -m unittest -h | head -3; python3 nothing.py; cat nothing; ls nothing; echo $?",
    "if command -v sqlite3 > /dev/null; then sqlite3 d.db 'create table t(a); insert into t"
    " values(1)'; sha256sum d.db; fi",
    "if command -v git > /dev/null; then git init 2>&1; git add pkg; git commit -m one; git log;"
    " git status; git rev-parse HEAD; git branch; fi",
    "seq 400 | sort -R --random-source=/dev/zero | md5sum",
    "for i in 1 2 3; do (echo $i; exit $i) & wait $!; echo $?; done; kill -SEGV $$",
    "date -r given.txt; date -u -d @0; touch new; find . -newer given.txt | sort; uptime -V",
    "cat /etc/passwd /etc/group /etc/hosts; ls /etc /dev /proc/self/fd; cat /proc/uptime | wc -w",
)  # fmt: skip


def test_the_same_calls_give_the_same_bytes_in_fresh_boxes() -> None:
    """What cannot be the same ($RANDOM, mktemp, the clock) is told in docs/sandbox.md."""
    calls = [("bash", {"command": command}) for command in COMMANDS]
    calls += [("read_file", {"path": "pkg/a.txt"}), ("read_file", {"path": "none"})]
    first = results(*calls, fixture={"given.txt": "given\n", "b/c.txt": "c\n"})
    second = results(*calls, fixture={"given.txt": "given\n", "b/c.txt": "c\n"})
    for call, one, other in zip(calls, first, second, strict=True):
        assert one == other, call
        assert one.limit is None, call


def test_the_machine_looks_the_same_everywhere() -> None:
    said = bash("nproc; free -m | awk '/Mem/ { print $2 }'; cut -d' ' -f1-3 /proc/loadavg; ps -e")
    cores = min(2, len(os.sched_getaffinity(0)))
    assert said.content.startswith(f"{cores}\n1024\n0.00 0.00 0.00\n")
    assert re.search(r"00:00:0\d ps\n", said.content)  # ps still reckons with the true clock


# --- programs -------------------------------------------------------------------------------------


def test_every_program_that_families_ask_for_is_declared() -> None:
    wanted = {program for family in families().values() for program in family.programs}
    assert wanted <= set(programs.DECLARED)


def test_the_toolchain_is_the_digest_of_the_declared_programs() -> None:
    sandbox = Bubblewrap()
    said = bash("sha256sum $(command -v bash jq) | cut -d' ' -f1").content.split()
    assert said == [sandbox.programs[name] for name in ("bash", "jq") if sandbox.has(name)]
    assert set(sandbox.programs) == {name for name in programs.DECLARED if sandbox.has(name)}


def small_root(folder: Path) -> Path:
    """A root with bash, python3 and little else, made of the host's own files."""
    root = folder / "a root of my own"
    python = programs.interpreter()
    if python.folder is not None:
        pytest.skip("the host's own /usr has no python3 to make a root of")
    library = subprocess.run(
        [python.executable, "-c", "import os; print(os.path.dirname(os.__file__))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    wanted = {"/usr/bin/bash", "/usr/bin/cat", "/usr/bin/ls", "/usr/bin/env"}
    wanted |= {str(path) for path in Path(library, "lib-dynload").glob("_ctypes.*.so")}
    wanted |= {str(path) for path in Path(library, "lib-dynload").glob("_json.*.so")}
    wanted |= {str(path) for path in Path(library, "lib-dynload").glob("resource.*.so")}
    needed = {Path(path).resolve() for path in wanted} | {python.executable}
    said = subprocess.run(["ldd", *needed], capture_output=True, text=True, check=True).stdout
    libraries = {Path(path) for path in re.findall(r"(?:=> |\t)(/\S+) \(", said)}
    ignored = shutil.ignore_patterns("test", "idlelib", "__pycache__", "*-packages", "config-*")
    shutil.copytree(library, f"{root}{library}", ignore=ignored)
    for path in {Path(path) for path in wanted} | libraries:
        target = Path(f"{root}/usr{str(path).removeprefix('/usr')}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    if Path("/usr/lib/locale/C.utf8").is_dir():  # elsewhere the C library has it built in
        shutil.copytree("/usr/lib/locale/C.utf8", root / "usr/lib/locale/C.utf8")
    shutil.copy2(python.executable, root / "usr/bin/python3.my")
    (root / "usr/bin/python3").symlink_to("/usr/bin/python3.my")  # absolute: within the root
    (root / "usr/bin/sh").symlink_to("bash")
    for tree in ("bin", "lib", "lib64"):
        (root / "usr" / tree).mkdir(exist_ok=True)
        (root / tree).symlink_to(f"usr/{tree}")
    return root


def test_a_root_of_my_own(tmp_path: Path) -> None:
    root = small_root(tmp_path)
    (root / "usr/bin/mine").write_text("#!/bin/bash\necho mine\n")
    (root / "usr/bin/mine").chmod(0o755)
    (root / "usr/bin/out").symlink_to("/opt/none")
    (root / "usr/bin/circle").symlink_to("circle")

    async def run() -> list[str]:
        sandbox = Bubblewrap(SandboxConfig(rootfs=str(root)))
        assert [sandbox.has(name) for name in ("mine", "out", "circle", "git")] == [
            True, False, False, False,
        ]  # fmt: skip
        assert sandbox.toolchain != Bubblewrap().toolchain
        box = await sandbox.open({"f": "x\n"})
        try:
            calls = (
                "mine; ls /usr/bin; cat f",
                "python3 -c 'print(6 * 7)'",
                "cat /proc/self/mountinfo /proc/*/cmdline /proc/*/environ 2> /dev/null",
            )
            return [(await box.call("bash", {"command": call})).content for call in calls]
        finally:
            await box.close()

    listed, sums, mounts = asyncio.run(run())
    assert listed.startswith("mine\n")
    assert listed.endswith("x\n")
    assert "grep" not in listed.split()
    assert sums == "42\n"
    assert "a root of my own" not in mounts
    assert str(tmp_path) not in mounts


def test_a_root_without_the_locale_is_told_what_it_lacks(tmp_path: Path) -> None:
    root = small_root(tmp_path)
    if not (root / "usr/lib/locale/C.utf8").is_dir():
        pytest.skip("the C library here has the locale built in")
    shutil.rmtree(root / "usr/lib/locale/C.utf8")
    with pytest.raises(SandboxDown, match=r"no locale C\.UTF-8; it is the folder usr/lib/locale"):
        asyncio.run(Bubblewrap(SandboxConfig(rootfs=str(root))).self_test())


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((), "there is no folder"),
        (("etc/x",), "has no bash in /bin"),
        (("bin/bash",), "has no python3 in /usr/local/bin or /usr/bin or /bin"),
    ],
)
def test_a_folder_that_is_no_root(tmp_path: Path, made: tuple[str, ...], said: str) -> None:
    root = tmp_path / "root"
    for name in made:
        (root / name).parent.mkdir(parents=True)
        (root / name).touch(0o755)
    with pytest.raises(UsageError, match=said) as caught:
        Bubblewrap(SandboxConfig(rootfs=str(root)))
    assert str(root) in str(caught.value)
