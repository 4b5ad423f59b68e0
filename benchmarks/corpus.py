"""A corpus of tool conversations of any size, from the text of this machine, for timings.

    python benchmarks/corpus.py --tokens 3e6 --out /tmp/corpus [--mix chat|personas] [--seed 0]

Writes `conversations/NN.jsonl` in OpenAI's chat form, which `kappa-data import` reads;
`truth.jsonl`, the planted duplicates with their exact Jaccard similarity; `pairs.jsonl`, the
conversations that take part in them; `corpus.json`, what it all is. Equal seed, size and text pool
give equal bytes. A token count is that of each conversation rendered once, in o200k, estimated from
every 8th conversation; tokenize's manifest has the exact one.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import text_pool
from conversations import Author, assistant_text, copied, jaccard, nearly, texts_of

VERSION = 2  # of what is written: an older corpus is made again
FOLDER = "conversations"
PARTS = 16  # written side by side; fixed, so that the corpus does not depend on the cores
BYTES_PER_TOKEN = 3.9  # to size the pool and the first conversations
POOL_MARGIN = 1.1
PREAMBLE = 210  # tokens before the first user message, on the average of the sets of tools
PER_MESSAGE = 8  # tokens of a message's header and stop
EXACT, NEAR = 0.01, 0.02  # planted, as shares of the conversations
MEDIAN, SIGMA = 2_500, 0.646  # of `chat`: 100,000 conversations are 308 M tokens
LENGTHS = (  # of `personas`: share of the tokens, shortest, longest
    (0.20, 600, 4_000),
    (0.35, 4_000, 16_000),
    (0.20, 16_000, 32_000),
    (0.12, 32_000, 64_000),
    (0.13, 64_000, 115_000),
)
WAITING = 24  # conversations of which a copy may yet be planted
MOST_COPIED = 30_000  # tokens: the corpus must not consist of a few large copies


def length(rng: random.Random, mix: str) -> float:
    """Tokens of the next conversation."""
    if mix == "chat":
        return max(300.0, min(rng.lognormvariate(math.log(MEDIAN), SIGMA), 120_000.0))
    # Log-uniform within a bucket: its mean is (high - low) / ln(high / low).
    weights = [share * math.log(high / low) / (high - low) for share, low, high in LENGTHS]
    _, low, high = rng.choices(LENGTHS, weights)[0]
    return float(low * (high / low) ** rng.random())


def conversations(
    text: text_pool.Text, part: int, tokens: float, mix: str, seed: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None, int]]:
    """(conversation, what is known of it as a copy, estimated tokens), up to `tokens` in all."""
    from bpe_openai import get_encoding

    encoding = get_encoding("o200k_base")
    rng = random.Random(f"{seed}:{part}")
    author = Author(text, rng)
    waiting: list[tuple[dict[str, Any], int]] = []
    written, number = 0.0, 0
    seen_chars, seen_tokens = BYTES_PER_TOKEN, 1.0
    while written < tokens:
        name = f"c{part:02d}-{number:06d}"
        number += 1
        drawn = rng.random()
        known = None
        if drawn < EXACT + NEAR and len(waiting) > 4:
            original, size = waiting.pop(rng.randrange(len(waiting)))
            if drawn < EXACT:
                made, similarity = copied(original, name, rng), 1.0
            else:
                made = nearly(original, name, rng.uniform(0.75, 0.98), author, rng)
                similarity = jaccard(assistant_text(original), assistant_text(made))
            kind = "exact" if drawn < EXACT else "near"
            known = {"kind": kind, "of": original["id"], "copy": name, "jaccard": similarity}
        else:
            chars_per_token = seen_chars / seen_tokens
            wanted = max(length(rng, mix) - PREAMBLE, 200)
            made = author.conversation(name, wanted * chars_per_token)
            chars = sum(map(len, texts_of(made)))
            if number % 8 == 1:
                seen_chars += chars
                seen_tokens += sum(len(encoding.encode(each)) for each in texts_of(made))
                seen_tokens += PER_MESSAGE * len(made["messages"])
            size = PREAMBLE + int(chars * seen_tokens / seen_chars)
            if size < MOST_COPIED:
                waiting.append((made, size))
            if len(waiting) > WAITING:
                waiting.pop(rng.randrange(len(waiting)))
        written += size
        yield made, known, size


def write_part(
    out: Path, pool: Path, part: int, tokens: float, mix: str, seed: int
) -> dict[str, Any]:
    """Writes one part of the corpus and what is known of it; its figures."""
    text = text_pool.Text(pool, part, PARTS, seed)
    hashes: list[np.ndarray] = []
    figures = {"conversations": 0, "tokens": 0, "bytes": 0, "messages": 0}
    with (
        (out / FOLDER / f"{part:02d}.jsonl").open("w", encoding="utf-8") as file,
        (out / f"truth-{part:02d}").open("w", encoding="utf-8") as truth,
    ):
        for made, known, size in conversations(text, part, tokens, mix, seed):
            file.write(json.dumps(made, ensure_ascii=False) + "\n")
            if known is not None:
                truth.write(json.dumps(known) + "\n")
            figures["conversations"] += 1
            figures["messages"] += len(made["messages"])
            figures["tokens"] += size
            data = "\n".join(texts_of(made)).encode()
            figures["bytes"] += len(data)
            hashes.append(blocks(data))
    np.save(out / f"blocks-{part:02d}.npy", np.concatenate(hashes))
    return figures | {"passes": text.passes}


def blocks(data: bytes) -> np.ndarray:
    """uint64[n, 2]: hash and length of each content-defined block (64 bytes on average).

    A block ends where a hash of the last 16 bytes has six zero bits, so that equal text gives equal
    blocks wherever it stands (Muthitacharoen, Chen, Mazieres 2001).
    """
    values = np.frombuffer(data, dtype=np.uint8).astype(np.uint64) + np.uint64(1)
    base = np.uint64(0x9E3779B97F4A7C15)
    powers = np.full(len(values), base, dtype=np.uint64)
    powers[:1] = 1
    powers = np.cumprod(powers)
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values * powers)))
    inverse = np.uint64(pow(int(base), -1, 2**64))
    backs = np.full(len(values), inverse, dtype=np.uint64)
    backs[:1] = 1
    backs = np.cumprod(backs)
    window = (sums[16:] - sums[:-16]) * backs[: max(len(values) - 15, 0)]
    window ^= window >> np.uint64(29)
    window *= np.uint64(0xBF58476D1CE4E5B9)
    ends = np.flatnonzero(window >> np.uint64(58) == 0) + 16
    ends = np.unique(np.concatenate((ends, [len(values)])))
    starts = np.concatenate(([0], ends[:-1]))
    hashes = (sums[ends] - sums[starts]) * backs[starts]
    return np.stack((hashes, (ends - starts).astype(np.uint64)), axis=1)


def unique_share(out: Path) -> float:
    """Bytes in distinct blocks over all bytes; the block files are removed."""
    files = sorted(out.glob("blocks-*.npy"))
    every = np.concatenate([np.load(each) for each in files])
    _, first = np.unique(every[:, 0], return_index=True)
    for each in files:
        each.unlink()
    return float(every[first, 1].sum() / every[:, 1].sum())


def write_pairs(out: Path) -> dict[str, int]:
    """Joins the parts' truth, and collects the conversations that it names."""
    parts = sorted(out.glob("truth-[0-9][0-9]"))
    lines = [line for each in parts for line in each.read_text().splitlines()]
    (out / "truth.jsonl").write_text("".join(f"{line}\n" for line in lines))
    for each in parts:
        each.unlink()
    known = [json.loads(line) for line in lines]
    wanted = {name for each in known for name in (each["of"], each["copy"])}
    with (out / "pairs.jsonl").open("w", encoding="utf-8") as pairs:
        for path in sorted((out / FOLDER).iterdir()):
            with path.open(encoding="utf-8") as file:
                pairs.writelines(line for line in file if line[8 : line.index('"', 8)] in wanted)
    kinds = [each["kind"] for each in known]
    return {kind: kinds.count(kind) for kind in ("exact", "near")}


def make(
    out: Path,
    tokens: float,
    mix: str = "chat",
    seed: int = 0,
    folders: list[Path] | None = None,
    pool: Path | None = None,
) -> dict[str, Any]:
    """The corpus in `out`, made where it is not there yet; what is written in its corpus.json."""
    asked = {"tokens": int(tokens), "mix": mix, "seed": seed, "version": VERSION}
    said = out / "corpus.json"
    if said.exists():
        old: dict[str, Any] = json.loads(said.read_text())
        if old["asked"] == asked:
            return old
    shutil.rmtree(out, ignore_errors=True)
    (out / FOLDER).mkdir(parents=True)
    started = time.monotonic()
    pool = pool or out.parent / f"pool-{seed}.txt"
    size = text_pool.build(
        pool,
        folders or text_pool.default_folders(),
        int(tokens * BYTES_PER_TOKEN * POOL_MARGIN),
        seed,
    )
    if not size:
        raise SystemExit("corpus: no text was found; name a folder with --text")
    pooled = time.monotonic()
    jobs = [(out, pool, part, tokens / PARTS, mix, seed) for part in range(PARTS)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(len(os.sched_getaffinity(0))) as workers:
        parts = workers.starmap(write_part, jobs, chunksize=1)
    figures: dict[str, Any] = {
        key: sum(each[key] for each in parts)
        for key in ("conversations", "tokens", "bytes", "messages")
    }
    result = {
        "asked": asked,
        **figures,
        "pool bytes": size,
        "passes over the pool": max(each["passes"] for each in parts),
        "unique bytes": round(unique_share(out), 4),
        "planted": write_pairs(out),
        "seconds": {
            "pool": round(pooled - started, 1),
            "conversations": round(time.monotonic() - pooled, 1),
        },
    }
    said.write_text(json.dumps(result, indent=1) + "\n")
    return result


def main() -> None:
    """Parses the command line and writes the corpus."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tokens", type=float, default=308e6)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mix", choices=("chat", "personas"), default="chat")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--text", type=Path, nargs="*", help="folders to take text from")
    given = parser.parse_args()
    print(json.dumps(make(given.out, given.tokens, given.mix, given.seed, given.text), indent=1))


if __name__ == "__main__":
    main()
