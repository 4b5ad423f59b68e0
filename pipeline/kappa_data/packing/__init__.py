"""Plans which documents stand in which row, and the order of the rows: arrays in, indices out.

`plan` is the whole of it: `fill` places the documents and `repair` those that found no place,
`even` swaps documents between rows, `steps` deals rows to global steps. `figures` measures a plan,
`split_turns` cuts one document that is longer than a row.
"""

from __future__ import annotations

from kappa_data.packing.documents import Cost, Documents
from kappa_data.packing.figures import figures
from kappa_data.packing.plan import plan
from kappa_data.packing.turns import split_turns

__all__ = ["Cost", "Documents", "figures", "plan", "split_turns"]
