"""A few hostile calls against a fresh box: that `bwrap` is installed proves nothing yet."""

from __future__ import annotations

from pathlib import Path

from kappa_data.errors import SandboxDown
from kappa_data.sandbox import Sandbox

CANARY = "canary-of-the-self-test"

# What must not be possible, and a command that prints CANARY if it is.
ATTACKS = {
    "write to a system folder": f"touch /usr/{CANARY} 2>/dev/null && echo {CANARY}",
    "write to /": f"touch /{CANARY} 2>/dev/null && echo {CANARY}",
    "write to /proc": (
        "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/self/oom_score_adj; "
        f"do [ -w $f ] && echo {CANARY}; done"
    ),
    "see a network interface": f"[ $(grep -c : /proc/net/dev) -gt 1 ] && echo {CANARY}",
    "make namespaces of its own": f"unshare -Ur true 2>/dev/null && echo {CANARY}",
    "keep a capability": f"grep -Eq 'CapEff:\\s+0*[1-9a-f]' /proc/self/status && echo {CANARY}",
    "see processes outside": f"[ $(ls -d /proc/[0-9]* | wc -l) -gt 20 ] && echo {CANARY}",
    "see this program's environment": f"[ $(env | wc -l) -gt 30 ] && echo {CANARY}",
    "change the limits of process 1, or hold memory that nobody accounts for": f"""python3 -c '
import mmap, resource
for attack in (lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (512, 512)),
               lambda: mmap.mmap(-1, 4096, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)):
    try:
        attack()
        print("{CANARY}")
    except OSError:
        pass
'""",
    "open the memory of process 1": f"head -c1 /proc/1/environ 2>/dev/null && echo {CANARY}",
}
PYTHON = "python3 -c 'import json, re, unittest'"

# For /etc/apparmor.d/bwrap: user namespaces for bubblewrap alone.
PROFILE = (
    "abi <abi/4.0>, include <tunables/global> "
    "profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }"
)


async def run(sandbox: Sandbox) -> None:
    """Open a box and try. Raises SandboxDown with one line that says what to do."""
    try:
        box = await sandbox.open({"here.txt": "ok\n"})
    except SandboxDown as error:
        raise SandboxDown(f"{error}{advice(str(error))}") from error
    try:
        hello = await box.call("bash", {"command": "cat here.txt; id -u"})
        if "cannot change locale" in hello.content:
            raise SandboxDown(
                "sandbox: the boxes' system has no locale C.UTF-8; "
                "it is the folder usr/lib/locale/C.utf8 of Debian's libc-bin"
            )
        if hello.content != "ok\n1000\n":
            raise SandboxDown(f"sandbox: a box does not run commands: {hello.content[:300]!r}")
        for what, command in ATTACKS.items():
            result = await box.call("bash", {"command": command})
            if CANARY in result.content:
                raise SandboxDown(
                    f"sandbox: a box can {what}; do not run tool calls on this machine, "
                    "use one with a current kernel and bubblewrap 0.8 or newer"
                )
        python = await box.call("bash", {"command": PYTHON})
        if python.exit_code:
            raise SandboxDown(
                "sandbox: python3 in the box lacks its standard library; "
                f"run: apt-get install python3 ({python.content.strip()[-200:]})"
            )
    finally:
        await box.close()


def advice(failure: str) -> str:
    """How to mend a box that does not start, from what bwrap said and how the kernel is set."""
    if "not installed" in failure:
        return ""
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "; run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or, for bwrap alone, "
            f"write '{PROFILE}' to /etc/apparmor.d/bwrap and run: systemctl reload apparmor)"
        )
    if setting("kernel/unprivileged_userns_clone") == "0":
        return "; run: sysctl -w kernel.unprivileged_userns_clone=1"
    if setting("user/max_user_namespaces") == "0":
        return "; run: sysctl -w user.max_user_namespaces=10000"
    if "nknown option" in failure:
        return "; this bubblewrap is too old: install 0.8 or newer"
    if "ermission denied" in failure or "not permitted" in failure:
        return (
            "; user namespaces are denied: within Docker, start the container with "
            "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"
        )
    return "; run: kappa-data doctor"


def setting(name: str) -> str:
    """A kernel setting below /proc/sys; empty where this kernel has none of that name."""
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""
