"""Times validate, dedupe, tokenize and pack through the command line, and the peers beside them.

    python benchmarks/run.py --tokens 308e6 --peers PEERS_PYTHON [--mix personas] [--out F.json]
    python benchmarks/run.py --growth 30e6,100e6,308e6,600e6

`kappa-data pack` runs cold on a fresh data folder that holds links to one sealed import, and builds
all four stages; one ends and the next begins when its manifest is written. The peers work on a
slice of the same corpus in the same run; what they would need for the whole is scaled up in
proportion, but for the fixed cost of a step (starting processes, sending a tokenizer to them),
which counts once. Prints markdown; --out keeps all figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import corpus
import pyarrow.parquet as pq
import tables
from conversations import assistant_text, jaccard
from measure import Look, between, measured

STAGES = ("validate", "dedupe", "tokenize", "pack")
DATASET = "benchmark"
MANIFEST = "manifest.json"
THRESHOLD = 0.8
# What the peers' stack checks too, and what their renderer trusts: the form, and the arguments.
STRUCTURAL = "role_order,call_pairing,call_arguments,empty_turn,special_tokens"
SETTINGS = ("--set", "validate.sources=import", "--set", f"validate.checks={STRUCTURAL}")
OTHERS_CHECKED = 300


def kappa(
    data: Path, *arguments: str, looks: list[Look] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One command of kappa-data: what it says as JSON, and its measures."""
    command = [sys.executable, "-m", "kappa_data", *arguments, "--data-dir", str(data)]
    text, figures = measured([*command, "--dataset", DATASET, "--json"], cwd=data, looks=looks)
    return json.loads(text), figures


def imported(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The data folder with the corpus as a sealed import, made where it is not there yet."""
    data, said = folder / "imported", folder / "imported.json"
    if not said.exists():
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        result, figures = kappa(data, "import", str(folder / corpus.FOLDER))
        said.write_text(json.dumps({"rejected": result["rejected"], **figures}))
    return data, json.loads(said.read_text())


def run_stages(folder: Path, *, verify: bool) -> dict[str, Any]:
    """All stages by one command; its measures, each stage's, and what their manifests say.

    A stage's time begins when the one before is sealed; the command's start counts to the first,
    its end to the last.
    """
    source, _ = imported(folder)
    data = folder / "run"
    shutil.rmtree(data, ignore_errors=True)
    (data / DATASET).mkdir(parents=True)
    shutil.copytree(source / DATASET / "import", data / DATASET / "import", copy_function=os.link)
    looks: list[Look] = []
    result, figures = kappa(data, STAGES[-1], *SETTINGS, looks=looks)
    found: dict[str, Any] = {"command": figures}
    said = {each["stage"]: each for each in result["stages"]}
    sealed = {name: (Path(said[name]["dir"]) / MANIFEST).stat().st_mtime for name in STAGES}
    starts = [looks[0].at, *(sealed[name] for name in STAGES[:-1])]
    ends = [*starts[1:], looks[-1].at]
    for name, start, end in zip(STAGES, starts, ends, strict=True):
        stage = said[name]
        if stage["status"] != "built":
            raise SystemExit(f"{name}: {stage['status']}, so its time means nothing")
        files = [each for each in Path(stage["dir"]).rglob("*") if each.is_file()]
        kept = ("dir", "records", "rejected", "figures", "seconds")
        found[name] = between(looks, start, end) | {key: stage[key] for key in kept}
        found[name]["bytes written"] = sum(each.stat().st_size for each in files)
    if verify:
        result, figures = kappa(data, "verify", *SETTINGS)
        found["verify"] = figures | {"rows": result["rows"], "faults": len(result["faults"])}
    found["duplicates"] = compare(folder, Path(found["dedupe"]["dir"]))
    return found


def compare(folder: Path, deduped: Path) -> dict[str, Any]:
    """What dedupe found of the planted pairs, and whether the rest that it found is one too."""
    dropped: dict[str, str] = {}
    for file in sorted(deduped.glob("quarantine-*.parquet")):
        for row in pq.read_table(file, columns=["id", "findings"]).to_pylist():
            dropped[row["id"]] = row["findings"][0]["evidence"].rpartition(" ")[2]
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    wanted = [each for each in truth if each["jaccard"] >= THRESHOLD]
    planted = {name for each in wanted for name in (each["copy"], each["of"])}
    others = {name: kept for name, kept in dropped.items() if name not in planted}
    checked = dict(sorted(others.items())[:OTHERS_CHECKED])
    texts = _texts(folder, {*checked, *checked.values()})
    similar = [jaccard(texts[name], texts[kept]) for name, kept in checked.items()]
    below = [each for each in truth if each["jaccard"] < THRESHOLD]
    return {
        "wanted": len(wanted),
        "found": sum(each["copy"] in dropped or each["of"] in dropped for each in wanted),
        "planted below the threshold": len(below),
        "of these dropped": sum(each["copy"] in dropped for each in below),
        "others": len(others),
        "others checked": len(checked),
        "others below the threshold": sum(each < THRESHOLD - 1e-9 for each in similar),
    }


def _texts(folder: Path, names: set[str]) -> dict[str, str]:
    found = {}
    for line in _lines(folder):
        if line[8 : line.index('"', 8)] in names:
            row = json.loads(line)
            found[row["id"]] = assistant_text(row)
    return found


def _lines(folder: Path) -> Iterable[str]:
    for path in sorted((folder / corpus.FOLDER).iterdir()):
        with path.open(encoding="utf-8") as file:
            yield from file


def write_slice(folder: Path, target: Path, share: float) -> float:
    """Writes the beginning of every part of the corpus; the share of the bytes that it is."""
    written = total = 0
    with target.open("wb") as out:
        for path in sorted((folder / corpus.FOLDER).iterdir()):
            size = path.stat().st_size
            total += size
            taken = 0
            with path.open("rb") as file:
                for line in file:
                    if taken + len(line) / 2 > size * share:
                        break
                    out.write(line)
                    taken += len(line)
            written += taken
    return written / total


def run_peers(folder: Path, python: str, tokens: float, whole: float) -> dict[str, Any]:
    """The peers' steps on a slice of `tokens`, and tiktoken on a larger one."""
    work = folder / "peers"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    script = str(Path(__file__).resolve().with_name("peers.py"))
    part, more = work / "slice.jsonl", work / "texts.jsonl"
    share = write_slice(folder, part, min(1.0, tokens / whole))
    truth = [str(folder / "pairs.jsonl"), str(folder / "truth.jsonl")]
    text, figures = measured([python, script, "all", str(part), *truth, str(work)], cwd=work)
    result: dict[str, Any] = json.loads(text.splitlines()[-1])
    result |= {"share": share, "peak memory": figures["peak memory"]}
    more_share = write_slice(folder, more, min(1.0, 10 * tokens / whole))
    text, _ = measured([python, script, "tiktoken", str(more), str(work)], cwd=work)
    result["tiktoken"] = json.loads(text.splitlines()[-1]) | {"share": more_share}
    few, count = result["few"], result["conversations"]
    for kind in ("wall", "cpu"):
        result[f"{kind} for the whole"] = {
            name: scaled(step[kind], result["fixed"].get(name, {}).get(kind), share, few, count)
            for name, step in result["steps"].items()
        }
    return result


def scaled(seconds: float, fixed: float | None, share: float, few: int, count: int) -> float:
    """Seconds for the whole corpus, from those for `share` of it, `count` conversations.

    `fixed` are the seconds for `few` conversations: nearly all of them are paid once.
    """
    if fixed is None or count <= few:
        return round(seconds / share, 1)
    each = max((seconds - fixed) / (count - few), 0.0)
    once = max(fixed - few * each, 0.0)
    return round(once + each * count / share, 1)


def one_size(given: argparse.Namespace, tokens: float, *, peers: bool) -> dict[str, Any]:
    """Corpus, stages and, where wanted, peers, for one size."""
    folder = given.work / f"{given.mix}-{tokens:.0f}-{given.seed}"
    made = corpus.make(folder, tokens, given.mix, given.seed, given.text)
    _, figures = imported(folder)
    before = os.getloadavg()
    stages = run_stages(folder, verify=not given.no_verify)
    result = {
        "corpus": made,
        "import": figures,
        "load before": before,
        "load between": os.getloadavg(),
        "stages": stages,
    }
    if peers:
        result["peers"] = run_peers(folder, given.peers, given.slice, made["tokens"])
    result["load after"] = os.getloadavg()
    if not given.keep:
        shutil.rmtree(folder / "run")
    return result


def machine() -> dict[str, Any]:
    """What it ran on."""
    with Path("/proc/cpuinfo").open() as file:
        models = {line.partition(":")[2].strip() for line in file if line.startswith("model name")}
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": ", ".join(sorted(models)) or platform.machine(),
        "python": platform.python_version(),
    }


def main() -> None:
    """Parses the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tokens", type=float, default=308e6)
    parser.add_argument("--growth", help="sizes in tokens, with commas: stages only")
    parser.add_argument("--mix", choices=("chat", "personas"), default="chat")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", help="python of the peers' environment")
    parser.add_argument("--slice", type=float, default=6e6, help="tokens that the peers get")
    parser.add_argument("--text", type=Path, nargs="*", help="folders to take text from")
    parser.add_argument("--work", type=Path, default=Path("data/benchmarks"))
    parser.add_argument("--out", type=Path, help="file for all figures, as JSON")
    parser.add_argument("--no-verify", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the last run's data folder")
    given = parser.parse_args()
    given.work = given.work.resolve()
    if given.growth:
        sizes = [one_size(given, float(each), peers=False) for each in given.growth.split(",")]
        result = {"machine": machine(), "growth": sizes}
        print(tables.growth(result))
    else:
        result = {"machine": machine(), **one_size(given, given.tokens, peers=bool(given.peers))}
        print(tables.one(result))
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
