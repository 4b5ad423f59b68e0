"""Times dedupe's MinHash and decontamination, and holds the stage against planted pairs.

    python benchmarks/dedupe.py --work FOLDER [--documents 100000] [--peers PEERS_PYTHON]

Documents of about 2.8 KB are cut from the text of this machine (text_pool.py), and pairs at
Jaccard 0.7, 0.8, 0.9 and 0.95 are planted by changing words; their truth is the exact Jaccard of
sets of words, made without any hash. Measured are: MB of text per second of CPU for shingles and
signatures, and for decontamination; which pairs meet in a band; what the stage drops, by the
command line, and if each of those reaches the threshold by the truth's measure. Prints markdown.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import text_pool
from measure import measured

from kappa_data.config import DedupeConfig
from kappa_data.contamination import Contamination, Text, tables
from kappa_data.near_duplicates import Signatures, joined, signatures
from kappa_data.records import Rejected
from kappa_data.resources import Resources
from kappa_data.shingling import batches, grams, words
from kappa_data.stages.dedupe import NEAR
from kappa_data.store import open_sealed
from kappa_data.tasks import evaluation

CHARS = 2_800
TARGETS = (0.7, 0.8, 0.9, 0.95)
DATASET = "dedupe"
DIGITS = 7
CONFIG = DedupeConfig()
Pairs = dict[str, list[tuple[int, int]]]


def shingled(text: str) -> set[tuple[str, ...]]:
    """The set of word n-grams, in the plainest way."""
    found = text.lower().split()
    return {tuple(found[at : at + CONFIG.ngram]) for at in range(len(found) - CONFIG.ngram + 1)}


def jaccard(a: str, b: str) -> float:
    """The truth of a pair."""
    one, two = shingled(a), shingled(b)
    return len(one & two) / len(one | two)


def twin(text: str, target: float, draw: random.Random) -> str:
    """The text with as many words changed as leave it just at or above `target`."""
    found = text.split(" ")
    places = [at for at, word in enumerate(found) if word.strip()]
    draw.shuffle(places)
    low, high = 0, len(places) // 4

    def with_changes(count: int) -> str:
        other = list(found)
        for at in places[:count]:
            other[at] = f"{other[at]}x{at}"
        return " ".join(other)

    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if jaccard(text, with_changes(middle)) >= target else (low, middle)
        )
    return with_changes(low)


def documents(pool: Path, count: int, pairs: int, seed: int) -> tuple[list[str], Pairs]:
    """The documents, those of planted pairs first and mixed, and the places of the pairs."""
    source = text_pool.Text(pool, 0, 1, seed)
    draw = random.Random(seed)
    texts: list[str] = []
    planted: Pairs = {f"{target}": [] for target in TARGETS}
    for _ in range(pairs):
        for target in TARGETS:
            text = source.take(CHARS)
            if len(shingled(text)) < 100:
                continue
            texts += [text, twin(text, target, draw)]
            planted[f"{target}"].append((len(texts) - 2, len(texts) - 1))
    while len(texts) < count:
        texts.append(source.take(CHARS))
    return texts, planted


def speed(texts: list[str], work: Callable[[], Any], rounds: int = 3) -> float:
    """MB of text per second of CPU, the best of some rounds."""
    size = sum(len(each.encode()) for each in texts)
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return size / min(seconds) / 1e6


def signed(texts: list[str]) -> Signatures:
    """The signatures of all texts, as the stage makes them."""
    found = [
        signatures(grams(words(each), CONFIG.ngram), CONFIG.threshold, CONFIG.seed)
        for each in batches(texts)
    ]
    return joined(found, CONFIG.threshold)


def conversations(texts: list[str]) -> Iterator[str]:
    """A conversation for each document, as lines of an import."""
    for number, text in enumerate(texts):
        messages = [
            {"role": "user", "content": f"Please give me text number {number}."},
            {"role": "assistant", "content": text},
        ]
        yield (
            json.dumps({"id": f"d{number:0{DIGITS}}", "messages": messages}, ensure_ascii=False)
            + "\n"
        )


def stage(work: Path, texts: list[str], workers: int) -> tuple[dict[str, str], dict[str, Any]]:
    """(what was dropped -> what its evidence says, measures) of the command."""
    data = work / "data"
    if not data.exists():
        data.mkdir()
        given = work / "documents-import.jsonl"
        with given.open("w", encoding="utf-8") as file:
            file.writelines(conversations(texts))
        _command(data, "import", str(given))
    settings = ("--set", "validate.sources=import", "--set", "validate.checks=role_order")
    _command(data, "validate", *settings)
    text, figures = _command(data, "dedupe", *settings, "--set", f"dedupe.workers={workers}")
    said = json.loads(text)["stages"][-1]
    sealed = open_sealed(Path(said["dir"]))
    if sealed is None:
        raise SystemExit(f"dedupe: {said['folder']} is not sealed")
    found = {each.id: each.findings[0] for each in sealed.read("quarantine", Rejected)}
    dropped = {name: each.evidence for name, each in found.items() if each.rule == NEAR}
    return dropped, {**figures, "rejected": sealed.manifest.rejected}


def _command(data: Path, *arguments: str) -> tuple[str, dict[str, Any]]:
    command = [sys.executable, "-m", "kappa_data", *arguments, "--data-dir", str(data)]
    return measured([*command, "--dataset", DATASET, "--json"], cwd=data)


def told(texts: list[str], planted: Pairs, dropped: dict[str, str]) -> dict[str, Any]:
    """Recall by target, and how many of those that are dropped reach the threshold by the truth."""
    gone = set(map(_number, dropped))
    recall = {
        name: sum(one in gone or two in gone for one, two in pairs) / len(pairs)
        for name, pairs in planted.items()
    }
    right = 0
    for name, evidence in dropped.items():
        pair = texts[_number(name)], texts[_number(evidence)]
        right += jaccard(*pair) >= CONFIG.threshold
    return {"recall": recall, "dropped": len(dropped), "right": right}


def _number(text: str) -> int:
    """The document's number, with which its id ends."""
    return int(text[-DIGITS:])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=500, help="of each similarity")
    parser.add_argument("--slice", type=int, default=10_000, help="documents for the peers")
    parser.add_argument("--few", type=int, default=2_000, help="documents for datatrove")
    parser.add_argument("--peers", help="their Python")
    parser.add_argument("--pool", type=Path, help="a pool that text_pool.py made")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    given.work.mkdir(parents=True)
    pool = given.pool or given.work / "pool.txt"
    if given.pool is None:
        text_pool.build(pool, text_pool.default_folders(), int(given.documents * CHARS * 1.1), 0)
    texts, planted = documents(pool, given.documents, given.pairs, 0)
    some = texts[: given.slice]
    found = signed(texts)
    met = {
        name: float(np.mean([(found.bands[a] == found.bands[b]).any() for a, b in pairs]))
        for name, pairs in planted.items()
    }
    rows = [("ours", speed(some, lambda: signed(some)), met, len(texts))]
    if given.peers:
        (given.work / "documents.jsonl").write_text("".join(json.dumps(t) + "\n" for t in some))
        (given.work / "pairs.json").write_text(json.dumps(planted))
        paths = [str(given.work / name) for name in ("documents.jsonl", "pairs.json")]
        script = Path(__file__).with_name("dedupe_peers.py")
        command = [given.peers, str(script), *paths, str(given.few)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        for name, each in json.loads(done.stdout).items():
            rows.append((name, each["MB/s"], each["recall"], each["documents"]))
    print("| engine | MB/s a core | " + " | ".join(f"J {each}" for each in planted) + " |")
    print("|---|---|" + "---|" * len(planted))
    for name, mb, recall, _ in rows:
        cells = ["–" if each is None else f"{each:.4f}" for each in recall.values()]
        print(f"| {name} | {mb:.1f} | {' | '.join(cells)} |")
    contamination = Contamination(*tables(evaluation.of_files([], Resources())))
    whole = [Text(at, 0, False, text) for at, text in enumerate(some)]
    print(f"\ndecontamination: {speed(some, lambda: list(contamination.found(whole))):.1f} MB/s")
    dropped, figures = stage(given.work, texts, given.workers)
    size = sum(len(each.encode()) for each in texts)
    print(f"stage, {len(texts)} documents, {size / 1e6:.0f} MB, {given.workers} workers: {figures}")
    result = told(texts, planted, dropped)
    print(f"recall of what the stage drops: {result['recall']}")
    print(f"precision: {result['right']} of {result['dropped']} reach {CONFIG.threshold}")


if __name__ == "__main__":
    main()
