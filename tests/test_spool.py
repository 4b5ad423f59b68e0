"""Documents laid out on disk come back, however many parts there are."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import numpy as np

from kappa_data.writers import spool


def test_documents_of_more_parts_than_may_be_open_come_back(tmp_path):
    draw, parts = np.random.default_rng(0), 300
    documents = {}
    for part in range(parts):
        lengths = draw.integers(1, 20, 3)
        laid = [
            (draw.integers(0, 2**31, n, dtype=np.int32), draw.integers(0, 2, n, dtype=np.int8))
            for n in lengths
        ]
        spool.write(tmp_path, part, [laid[:2], [], laid[2:]])
        starts = [0, *np.cumsum(lengths).tolist()]
        documents |= {(part, starts[at], len(one[0])): one for at, one in enumerate(laid)}
    places = sorted(documents)
    random.Random(0).shuffle(places)
    before = len(list(Path("/proc/self/fd").iterdir()))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        with spool.opened(tmp_path) as opened:
            for place in places:
                for read, laid in zip(opened.read(*place), documents[place], strict=True):
                    np.testing.assert_array_equal(read, laid, strict=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    spool.remove(tmp_path, parts)
    assert not any(tmp_path.iterdir())
