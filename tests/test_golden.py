"""The rows of every stage, byte for byte, on a small dataset without tools.

Code is not in a stage's key: who changes what a stage makes raises its version in recipe.py, else
old outputs pass as up to date. After that, `python tests/test_golden.py` writes the digests anew.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from conftest import kappa

GOLDEN = Path(__file__).parent / "golden" / "stages.json"
ARGUMENTS = (
    "run", "--families", "maths,identity,logic_puzzle", "--tasks", "2",
    "--personas", "lawful_good,chaotic_evil,none", "--seq-len", "4096",
)  # fmt: skip


def made(folder: Path) -> dict[str, dict[str, object]]:
    """Version and digests of the sets of every stage, from a fresh run."""
    done = kappa(*ARGUMENTS, cwd=folder)
    assert done.returncode == 0, done.stderr
    stages = {}
    for path in sorted((folder / "data/persona_kappa").glob("*/*/manifest.json")):
        manifest = json.loads(path.read_text())
        if "stage" in manifest:  # a release has a manifest of its own inside
            digests = {name: each["digest"] for name, each in manifest["sets"].items()}
            stages[manifest["stage"]] = {"version": manifest["version"], "digests": digests}
    return stages


def test_no_stage_changes_its_bytes_without_a_new_version(tmp_path):
    golden, now = json.loads(GOLDEN.read_text()), made(tmp_path)
    assert set(now) == set(golden)
    for stage, each in now.items():
        if each["version"] == golden[stage]["version"]:
            assert each == golden[stage], f"{stage} makes other bytes: raise its version"
    assert now == golden, "write the digests anew: python tests/test_golden.py"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        GOLDEN.write_text(json.dumps(made(Path(place)), indent=1) + "\n")
