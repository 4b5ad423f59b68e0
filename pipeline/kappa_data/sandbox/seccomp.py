"""A seccomp filter as classic BPF, for what namespaces and dropped capabilities leave open.

A network namespace does not cover AF_VSOCK; keyrings are shared by uid, not by namespace; io_uring,
bpf and userfaultfd are a large kernel surface that no task needs; TIOCSTI types into a terminal.
What holds memory that no process and no mount accounts for is refused (memory files, System V
segments, anonymous shared mappings, pages given to a pipe), and so is what uses up a count of the
whole host or of the operator's user (inotify, asynchronous I/O). The supervisor has the guest's
user id, so calls that change the limits or the priority of process 1 are refused too. The numbers
are those of the kernel's syscall tables (arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h); the program form is `struct sock_filter` of linux/filter.h.
"""

from __future__ import annotations

import errno
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000

# name: (x86_64, aarch64). From 424 on the numbers are the same everywhere.
DENIED = {
    "ptrace": (101, 117),
    "syslog": (103, 116),
    "pivot_root": (155, 41),
    "acct": (163, 89),
    "mount": (165, 40),
    "umount2": (166, 39),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "quotactl": (179, 60),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "mq_open": (240, 180),
    "kexec_load": (246, 104),
    "vmsplice": (278, 75),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "migrate_pages": (256, 238),
    "unshare": (272, 97),
    "move_pages": (279, 239),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "finit_module": (313, 273),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
    "quotactl_fd": (443, 443),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "open_tree_attr": (467, 467),
}
# These look missing instead of forbidden, so that the C library falls back to the older way.
MISSING = {
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "memfd_create": (319, 279),
    "clone3": (435, 435),
    "memfd_secret": (447, 447),
    "io_setup": (206, 0),
    "inotify_init1": (294, 26),
    "landlock_create_ruleset": (444, 444),
}
# These fail as for a file that cannot be spliced, for which programs read and write instead: a
# socket given one byte of a page holds all of it, which may then leave its file: memory of nobody.
NOT_SPLICED = {"sendfile": (40, 71), "splice": (275, 76), "tee": (276, 77)}
ONLY_X86 = {"modify_ldt": 154, "inotify_init": 253}  # these look missing too
IOCTL, SOCKET, SOCKETPAIR, CLONE = (16, 29), (41, 198), (53, 199), (56, 220)
SETRLIMIT, PRLIMIT = (160, 164), (302, 261)
MMAP, SETPRIORITY, IOPRIO_SET = (9, 222), (141, 140), (251, 30)
# Their first argument is a process; 1 is the supervisor.
OF_PROCESS = {
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}

NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
TERMINAL_IOCTLS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
SOCKET_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; the last two reach only the box's lo
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20  # MAP_SHARED_VALIDATE has the bit of MAP_SHARED too
RLIMIT_CORE = 4
PRIO_USER, IOPRIO_WHO_USER = 2, 3  # "every process of the user": the supervisor is one of them

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets in struct seccomp_data. Of the 64-bit arguments the low halves are looked at: the kernel
# takes every one that is tested here as an int, so bits above it change nothing (but see HIGH).
NUMBER, ARCHITECTURE, FIRST, SECOND, THIRD, FOURTH = 0, 4, 16, 24, 32, 40
HIGH = 4  # from an argument's low half to its high one, which counts for a pointer
ALLOW, KILL = 0x7FFF0000, 0x80000000


def refuse(number: int) -> int:
    """The filter's return value for "fail with this errno"."""
    return 0x00050000 | number


def program(machine: str) -> bytes:
    """The filter for `machine` (as platform.machine() names it), ready for `bwrap --seccomp`.

    Raises KeyError for a machine whose syscall numbers are not in the table.
    """
    code: list[tuple[int, int, int, int]] = []  # operation, jump if true, jump if false, operand
    column = list(AUDIT_ARCH).index(machine) if machine in AUDIT_ARCH else -1

    code += [(LOAD, 0, 0, ARCHITECTURE), (JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine])]
    code += [(RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    if machine == "x86_64":
        code += [(JUMP_AT_LEAST, 0, 1, X32_BIT), (RETURN, 0, 0, refuse(errno.ENOSYS))]
        missing = {name: (number, 0) for name, number in ONLY_X86.items()} | MISSING
    else:
        missing = MISSING
    for table, number in (
        (DENIED, errno.EPERM),
        (missing, errno.ENOSYS),
        (NOT_SPLICED, errno.EINVAL),
    ):
        for numbers in table.values():
            code += [(JUMP_EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, refuse(number))]

    # Each block ends in a return, so that the loaded argument is never taken for the number.
    code += [(JUMP_EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, FIRST)]
    code += [(JUMP_BITS, 0, 1, NEW_NAMESPACES), (RETURN, 0, 0, refuse(errno.EPERM))]
    code += [(RETURN, 0, 0, ALLOW)]
    code += [(JUMP_EQUAL, 0, 5, IOCTL[column]), (LOAD, 0, 0, SECOND)]
    code += [(JUMP_EQUAL, 1, 0, TERMINAL_IOCTLS[0]), (JUMP_EQUAL, 0, 1, TERMINAL_IOCTLS[1])]
    code += [(RETURN, 0, 0, refuse(errno.EPERM)), (RETURN, 0, 0, ALLOW)]
    for call in (SOCKET, SOCKETPAIR):
        code += [(JUMP_EQUAL, 0, 6, call[column]), (LOAD, 0, 0, FIRST)]
        code += [(JUMP_EQUAL, 3 - i, 0, family) for i, family in enumerate(SOCKET_FAMILIES)]
        code += [(RETURN, 0, 0, refuse(errno.EAFNOSUPPORT)), (RETURN, 0, 0, ALLOW)]
    forbidden = (RETURN, 0, 0, refuse(errno.EPERM))
    for numbers in OF_PROCESS.values():
        code += [(JUMP_EQUAL, 0, 4, numbers[column]), (LOAD, 0, 0, FIRST)]
        code += [(JUMP_EQUAL, 0, 1, 1), forbidden, (RETURN, 0, 0, ALLOW)]
    # The limit on core dumps, as it was set by child.py, stays; who sets it is told that it went
    # well. Reading it (no new limit, the third argument) is allowed.
    code += [(JUMP_EQUAL, 0, 4, SETRLIMIT[column]), (LOAD, 0, 0, FIRST)]
    code += [(JUMP_EQUAL, 0, 1, RLIMIT_CORE), (RETURN, 0, 0, refuse(0)), (RETURN, 0, 0, ALLOW)]
    code += [(JUMP_EQUAL, 0, 11, PRLIMIT[column]), (LOAD, 0, 0, FIRST)]
    code += [(JUMP_EQUAL, 0, 1, 1), forbidden, (LOAD, 0, 0, SECOND)]
    code += [(JUMP_EQUAL, 0, 5, RLIMIT_CORE), (LOAD, 0, 0, THIRD), (JUMP_EQUAL, 0, 2, 0)]
    code += [(LOAD, 0, 0, THIRD + HIGH), (JUMP_EQUAL, 1, 0, 0), (RETURN, 0, 0, refuse(0))]
    code += [(RETURN, 0, 0, ALLOW)]
    for call, user in ((SETPRIORITY, PRIO_USER), (IOPRIO_SET, IOPRIO_WHO_USER)):
        code += [(JUMP_EQUAL, 0, 6, call[column]), (LOAD, 0, 0, FIRST), (JUMP_EQUAL, 2, 0, user)]
        code += [(LOAD, 0, 0, SECOND), (JUMP_EQUAL, 0, 1, 1), forbidden, (RETURN, 0, 0, ALLOW)]
    code += [(JUMP_EQUAL, 0, 5, MMAP[column]), (LOAD, 0, 0, FOURTH)]
    code += [(JUMP_BITS, 0, 2, MAP_SHARED), (JUMP_BITS, 0, 1, MAP_ANONYMOUS), forbidden]
    code += [(RETURN, 0, 0, ALLOW)]
    code += [(RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
