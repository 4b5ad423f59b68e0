"""How many files this process may have open: each connection is one, and shells allow 1,024."""

from __future__ import annotations

import resource

from kappa_data.errors import UsageError

OTHERS = 128
"""what a run has open besides: its own files, the event loop, the interpreter's"""


def allow(files: int, setting: str) -> None:
    """Raises this process's own limit so far that `files` more may be open.

    UsageError names the `setting` that asks for so many, where the system does not allow it.
    """
    wanted = files + OTHERS
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if most != resource.RLIM_INFINITY and most < wanted:
        raise UsageError(
            f"{setting} needs about {wanted:,} open files, and this system allows {most:,}; "
            "give less, or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
