"""Compares packers: python benchmarks/packing.py [--documents N] [--peers VENV_PYTHON].

Each packer plans the same documents in a process of its own; its seconds hold its imports and not
the reading of the documents (processor seconds hold both). Prints a markdown table for each mix.
`--peers` names an interpreter that has trl, datasets, pyarrow and numpy; without it that peer is
left out. axolotl is not among them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from kappa_data.packing import Documents, figures

SEQ_LEN, BATCH, RANKS = 131_072, 16, 4
MEDIAN, MEAN = 2_500, 3_080  # of the chat mix, in tokens
# Shares of tokens by length of the long mix.
BANDS = ((256, 4_096, 20), (4_096, 16_384, 35), (16_384, 32_768, 20), (32_768, 65_536, 12),
         (65_536, SEQ_LEN, 13))  # fmt: skip
PERSONAS = [0.08] * 9 + [0.24, 0.025, 0.015]

# What every packer's process starts with and ends with; `place` is a folder, the rows come back as
# one array of indices and one of the number of documents in each row.
START = """
import sys, time; begun = time.perf_counter()
import json; import numpy as np
place = sys.argv[1]
read = time.perf_counter(); data = np.load(place + "/documents.npz")
lengths, trained, personas = data["lengths"], data["trained"], data["personas"]
begun += time.perf_counter() - read
"""
END = """
seconds = [time.perf_counter() - begun, time.process_time()]
np.save(place + "/members.npy", np.concatenate(rows))
np.save(place + "/counts.npy", np.array([len(row) for row in rows]))
print(json.dumps(seconds))
"""
OURS = """
from kappa_data.packing import Documents, plan
rows = plan(Documents(lengths, trained, personas), seq_len={seq_len}, batch={batch},
            dp_ranks={ranks}, strategy="{strategy}")
"""
NEXT_FIT = """
rows, row, used = [], [], 0
for index, length in enumerate(lengths.tolist()):
    if used + length > {seq_len}:
        rows.append(row); row, used = [], 0
    row.append(index); used += length
rows.append(row)
"""
# The tokens of a document are its index, so that the packed rows say which documents they hold.
TRL = """
import pyarrow as pa
from datasets import Dataset, disable_progress_bars
from datasets.table import InMemoryTable
from trl import pack_dataset
disable_progress_bars()
tokens = pa.array(np.repeat(np.arange(len(lengths), dtype=np.int32), lengths))
ends = pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))
table = pa.table({{"input_ids": pa.LargeListArray.from_arrays(ends, tokens)}})
packed = pack_dataset(Dataset(InMemoryTable(table)), {seq_len}, strategy="bfd").with_format("arrow")
rows = []
for start in range(0, len(packed), 64):
    part = packed[start : start + 64]
    for ids, parts in zip(part["input_ids"], part["seq_lengths"]):
        starts = np.cumsum([0, *parts.as_py()])[:-1]
        rows.append(ids.values.to_numpy()[starts])
np.random.default_rng(0).shuffle(rows)  # as a trainer would
"""


def chat(n: int, rng: np.random.Generator) -> np.ndarray:
    """int64[n]: lognormal lengths of this median and mean, none longer than a row."""
    sigma = float(np.sqrt(2 * np.log(MEAN / MEDIAN)))
    lengths = np.exp(rng.normal(np.log(MEDIAN), sigma, n))
    return lengths.clip(64, SEQ_LEN).astype(np.int64)


def long(n: int, rng: np.random.Generator) -> np.ndarray:
    """int64[n]: lengths in bands that hold the shares of tokens of BANDS."""
    middles = np.array([(high - low) / np.log(high / low) for low, high, _ in BANDS])
    weights = np.array([share for _, _, share in BANDS]) / middles
    band = rng.choice(len(BANDS), n, p=weights / weights.sum())
    low, high = (np.array([each[side] for each in BANDS])[band] for side in (0, 1))
    return (low * (high / low) ** rng.random(n)).astype(np.int64)


def documents(lengths: np.ndarray, rng: np.random.Generator) -> Documents:
    """Of these lengths; 40 % trained on the whole, different from document to document."""
    trained = np.maximum(lengths * rng.beta(4, 6, len(lengths)), 1).astype(np.int64)
    return Documents(lengths, trained, rng.choice(len(PERSONAS), len(lengths), p=PERSONAS))


def packed(python: str, code: str, place: Path) -> tuple[list[float], list[np.ndarray]]:
    """Seconds by the clock and of the processor, and the rows, of one packer in a fresh process."""
    done = subprocess.run(
        [python, "-c", START + code + END, str(place)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    members, counts = np.load(place / "members.npy"), np.load(place / "counts.npy")
    return json.loads(done.stdout), np.split(members, np.cumsum(counts)[:-1])


def line(name: str, seconds: list[float], rows: list[np.ndarray], of: Documents) -> str:
    """A line of the table; rows that fill no whole step are left out of the figures of steps."""
    found = figures(rows, of, seq_len=SEQ_LEN)
    whole = rows[: len(rows) // BATCH * BATCH]
    steps = figures(whole, of, seq_len=SEQ_LEN, batch=BATCH, dp_ranks=RANKS)
    cells = (
        name, f"{seconds[0]:.2f}", f"{seconds[1]:.2f}", found["rows"],
        f"{100 * found['density']:.3f}",
        f"{found['cost max/mean']:.3f}", f"{found['cost max/bar']:.3f}",
        f"{found['cost max/bound']:.3f}", f"{found['trained per row']['variation']:.4f}",
        f"{steps['step cost max/mean']:.3f}", f"{steps['step trained max/mean']:.3f}",
        f"{steps['share deviation']:.2f}", f"{100 * steps['rank waste']:.2f}",
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


HEAD = (
    "packer", "seconds", "CPU s", "rows", "density %", "cost max/mean", "/bar", "/bound",
    "trained CV", "step cost max/mean", "step trained max/mean", "persona deviation, points",
    f"waste of {RANKS} ranks %",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000, help="of the chat mix")
    parser.add_argument("--peers", help="python of an environment that has trl")
    settings = parser.parse_args()
    ours = {"seq_len": SEQ_LEN, "batch": BATCH}
    packers = [
        ("balanced", sys.executable, OURS.format(**ours, ranks=1, strategy="balanced")),
        (f"balanced, {RANKS} ranks", sys.executable,
         OURS.format(**ours, ranks=RANKS, strategy="balanced")),
        (f"bfd, {RANKS} ranks", sys.executable, OURS.format(**ours, ranks=RANKS, strategy="bfd")),
        ("next-fit", sys.executable, NEXT_FIT.format(seq_len=SEQ_LEN)),
    ]  # fmt: skip
    if settings.peers:
        packers.append(("TRL bfd, with the data", settings.peers, TRL.format(seq_len=SEQ_LEN)))
    else:
        print("no --peers: TRL is left out", file=sys.stderr)
    rng = np.random.default_rng(0)
    lengths = chat(settings.documents, rng)
    few = long(1_000, np.random.default_rng(1))
    mixes = {
        "chat": documents(lengths, rng),
        "long": documents(long(int(lengths.sum() / few.mean()), rng), rng),
    }
    for mix, of in mixes.items():
        print(f"\n{mix}: {len(of.lengths):,} documents, {of.lengths.sum():,} tokens\n")
        print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            np.savez(place / "documents.npz", **of._asdict())
            for name, python, code in packers:
                print(line(name, *packed(python, code, place), of), flush=True)


if __name__ == "__main__":
    main()
