"""Times datasketch, rensa and datatrove on the documents of benchmarks/dedupe.py.

    PEERS_PYTHON benchmarks/dedupe_peers.py DOCUMENTS.jsonl PAIRS.json DOCUMENTS_OF_DATATROVE

Runs in an environment of its own (requirements-dedupe-peers.txt) and prints one JSON object: of
each library MB/s of CPU time for signatures with its own API, and which planted pairs meet in a
band. All have 256 permutations in 32 bands of 8, on lower-cased word 5-grams; datatrove makes its
own words. DOCUMENTS.jsonl has the documents of the pairs first.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

PERMUTATIONS, BANDS, ROWS, NGRAM = 256, 32, 8, 5
Bands = list[Sequence[Hashable]]


def tokens(text: str) -> list[str]:
    """The word 5-grams, as one would write it."""
    words = text.lower().split()
    return [" ".join(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)]


def in_bands(values: Sequence[Any]) -> list[Hashable]:
    """The values of a signature, cut into bands."""
    return [tuple(values[at : at + ROWS]) for at in range(0, PERMUTATIONS, ROWS)]


def datasketch(texts: Sequence[str]) -> Iterable[Sequence[Any]]:
    """MinHash.bulk, its quickest way for many sets."""
    from datasketch import MinHash

    sets = ([each.encode() for each in tokens(text)] for text in texts)
    return [each.hashvalues for each in MinHash.generator(sets, num_perm=PERMUTATIONS)]


def rensa(texts: Sequence[str]) -> Iterable[Sequence[Any]]:
    """RMinHash of sets of tokens, as one matrix."""
    from rensa import RMinHash

    sets = [tokens(text) for text in texts]
    matrix = RMinHash.digest_matrix_from_token_sets(sets, PERMUTATIONS, 0)
    rows: list[list[int]] = matrix.to_rows()
    return rows


def datatrove(texts: Sequence[str]) -> Iterable[Sequence[Any]]:
    """The first step of its pipeline, without the files."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS)
    with tempfile.TemporaryDirectory() as folder:
        step = MinhashDedupSignature(folder, config)
        signed = (step.get_signature(step.get_shingles(text)) for text in texts)
        return [list(itertools.chain(*each)) for each in signed]


def measured(
    signed: Callable[[Sequence[str]], Iterable[Sequence[Any]]], texts: Sequence[str]
) -> tuple[float, Bands]:
    """MB/s of CPU time, and the bands of each text."""
    signed(texts[:20])  # what is imported and compiled at the first call
    started = time.process_time()
    values = signed(texts)
    seconds = time.process_time() - started
    size = sum(len(each.encode()) for each in texts)
    return size / seconds / 1e6, [in_bands(list(each)) for each in values]


def main() -> None:
    """Measures all three and prints the figures."""
    documents, pairs, few = (
        Path(sys.argv[1]),
        json.loads(Path(sys.argv[2]).read_text()),
        sys.argv[3],
    )
    texts = [json.loads(line) for line in documents.read_text().splitlines()]
    result = {}
    for library in (datasketch, rensa, datatrove):
        some = texts[: int(few)] if library is datatrove else texts
        speed, bands = measured(library, some)
        met = {
            name: [
                any(a == b for a, b in zip(bands[one], bands[two], strict=True))
                for one, two in of_name
                if two < len(some)
            ]
            for name, of_name in pairs.items()
        }
        result[library.__name__] = {
            "MB/s": round(speed, 2),
            "documents": len(some),
            "recall": {name: sum(each) / len(each) if each else None for name, each in met.items()},
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
