"""Cuts one document that is longer than a row where whole steps end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def split_turns(mask: npt.NDArray[np.int8], seq_len: int) -> int:
    """Tokens of the longest prefix that ends right after a trained run and fits into `seq_len`.

    `mask` int8[n] is 1 where the model has to emit. A run is a whole trained step, its stop token
    included; one that is cut by the border of the row does not count. 0 where no step fits. What is
    kept stays as it was, so its prompts are whole; steps behind have prompts longer than a row.
    """
    trained = np.concatenate((mask[: seq_len + 1] != 0, [False]))
    ends = np.flatnonzero(trained[:-1] & ~trained[1:])[-2:] + 1
    fitting = ends[ends <= seq_len]
    return int(fitting[-1]) if len(fitting) else 0
