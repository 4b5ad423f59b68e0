"""pack: samples into rows of exactly seq_len tokens, each split by itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from kappa_data.config import PackConfig
from kappa_data.errors import StageError
from kappa_data.packing import Cost, Documents, plan
from kappa_data.records import SPLITS, Finding, Rejected, Row, Sample, Split
from kappa_data.stage import Context, Outcome
from kappa_data.writers.rows import make_row

TOO_LONG = "longer than a row"


def run(ctx: Context[PackConfig]) -> Outcome:
    """Seals one set of rows a split, and "quarantine": samples that are longer than a row.

    All samples are held in memory while they are packed: 5 bytes a token.
    """
    seq_len = ctx.config.seq_len
    samples = list(ctx.inputs["tokenize"].read("samples", Sample))
    refused = [sample for sample in samples if len(sample.ids) > seq_len]
    with ctx.writer("quarantine", Rejected) as quarantine:
        for sample in refused:
            evidence = f"{len(sample.ids)} tokens, a row has {seq_len}"
            finding = Finding(TOO_LONG, "reject", -1, evidence)
            quarantine.write(Rejected(sample.id, "pack", sample.persona, (finding,)))
    if len(refused) == len(samples):
        raise StageError(
            f"pack: no sample is left: {len(refused)} of {len(samples)} are longer than a row of "
            f"{seq_len} tokens; raise --seq-len"
        )
    figures: dict[str, Any] = {"samples": len(samples) - len(refused), "splits": {}}
    for split in SPLITS:
        fitting = [each for each in samples if each.split == split and len(each.ids) <= seq_len]
        figures["splits"][split] = _pack_split(ctx, fitting, split)
    figures["rows"] = sum(each["rows"] for each in figures["splits"].values())
    return Outcome(rejected={TOO_LONG: len(refused)} if refused else {}, figures=figures)


def _pack_split(ctx: Context[PackConfig], samples: list[Sample], split: Split) -> dict[str, Any]:
    seq_len = ctx.config.seq_len
    names = sorted({sample.persona or "none" for sample in samples})
    codes = {name: code for code, name in enumerate(names)}
    planned = plan(
        Documents(
            np.array([len(sample.ids) for sample in samples], dtype=np.int64),
            np.array([sample.n_loss_tokens for sample in samples], dtype=np.int64),
            np.array([codes[sample.persona or "none"] for sample in samples], dtype=np.int64),
        ),
        seq_len=seq_len,
        batch=ctx.config.global_batch if split == "train" else 1,
        dp_ranks=ctx.config.dp_ranks if split == "train" else 1,
        strategy=ctx.config.strategy,
        cost=Cost(*ctx.config.cost),
        seed=f"{ctx.config.seed}:{split}",
    )
    with ctx.writer(split, Row) as rows:
        for members in planned:
            rows.write(make_row([samples[each] for each in members], seq_len))
    tokens = Counter[str]()
    for sample in samples:
        tokens[sample.persona or "none"] += len(sample.ids)
    used = tokens.total()
    return {
        "rows": len(planned),
        "samples": len(samples),
        "tokens": used,
        "trained tokens": sum(sample.n_loss_tokens for sample in samples),
        "density": round(used / (len(planned) * seq_len), 6) if planned else None,
        "shares": {name: round(part / used, 4) for name, part in sorted(tokens.items())},
    }
