"""The limit on open files follows what a run needs; what the system does not allow is an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import resource
from kappa_data import open_files
from kappa_data.errors import UsageError
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 640))
open_files.allow(10, "few")
first = resource.getrlimit(resource.RLIMIT_NOFILE)
open_files.allow(400, "more")
files = [open("/dev/null") for _ in range(400)]
try:
    open_files.allow(3000, "generate.concurrency 3000")
except UsageError as error:
    print(first, resource.getrlimit(resource.RLIMIT_NOFILE), error)
"""


def test_it_is_raised_as_far_as_needed_and_no_further_than_allowed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": str(Path(__file__).parents[1] / "pipeline")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("(138, 640) (528, 640) generate.concurrency 3000 needs about 3,1")
    assert "this system allows 640" in done.stdout
