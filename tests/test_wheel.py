"""The wheel carries all that is needed: it runs from another folder, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The package from its wheel in an environment of its own, beside this one's libraries."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPO],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    environment = folder / "env"
    venv.create(environment, with_pip=False)
    site = next((environment / "lib").glob("python*/site-packages"))
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin/python"]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    # The libraries come from the environment that runs the tests, all but this package.
    libraries = next(each for each in sys.path if each.endswith("site-packages"))
    (site / "libraries.pth").write_text(libraries + "\n")
    return environment


def run(environment: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [environment / "bin/kappa-data", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_the_wheel_that_runs(installed, tmp_path):
    done = subprocess.run(
        [installed / "bin/python", "-c", "import kappa_data; print(kappa_data.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.startswith(str(installed))


def test_from_personas_to_rows_in_another_folder(installed, tmp_path):
    arguments = [
        "--families",
        "identity,log_forensics",
        "--tasks",
        "1",
        "--personas",
        "all",
        "--json",
    ]
    done = run(installed, tmp_path, "run", *arguments)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["stages"][0]["records"] == 20
    assert result["figures"]["rows"] >= 1
    assert (tmp_path / "data/persona_kappa/release/current/README.md").is_file()
