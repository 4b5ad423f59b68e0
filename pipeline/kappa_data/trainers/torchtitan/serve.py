"""A checkpoint of torchtitan as a folder that transformers and vLLM load.

    python -m kappa_data.trainers.torchtitan.serve CHECKPOINT WEIGHTS OUT

CHECKPOINT is a folder that torchtitan wrote (outputs/checkpoint/step-441), WEIGHTS the download
that training began with, whose tokenizer and config OUT gets. torchtitan's own writing of Hugging
Face weights keeps the names of the 4-bit experts for what are no 4 bits, which nobody loads.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from huggingface_hub import save_torch_state_dict

from kappa_data.errors import UsageError
from kappa_data.trainers.torchtitan.weights import GptOssWeights

QUANTIZED = "_blocks"
BESIDE = ("generation_config.json", "tokenizer*.json", "special_tokens_map.json", "*.jinja")


def plain(model_config: Any, state: dict[str, Any]) -> dict[str, Any]:
    """transformers' names and shapes: the experts' matrices are [expert, in, out] there."""
    named = GptOssWeights(model_config, None).to_hf(state)
    return {
        name.removesuffix(QUANTIZED): each.mT.contiguous() if name.endswith(QUANTIZED) else each
        for name, each in named.items()
    }


def read(checkpoint: Path, model_config: Any) -> dict[str, Any]:
    """The weights of a checkpoint, on the CPU, in bfloat16."""
    with torch.device("meta"):
        shapes = model_config.build().state_dict()
    state = {
        name: torch.empty(each.shape, dtype=torch.bfloat16, device="cpu")
        for name, each in shapes.items()
    }
    dcp.load(state, checkpoint_id=str(checkpoint), no_dist=True)
    return state


def write(checkpoint: Path, weights: Path, out: Path, model_config: Any) -> None:
    """Writes OUT; UsageError where something lies there, or WEIGHTS is no download."""
    if not (weights / "config.json").is_file():
        raise UsageError(f"{weights}: no config.json; give the folder that training began with")
    if out.exists():
        raise UsageError(f"{out} exists; name a new folder")
    named = plain(model_config, read(checkpoint, model_config))
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_torch_state_dict(named, part)
    config = json.loads((weights / "config.json").read_text())
    config.pop("quantization_config", None)
    config.pop("torch_dtype", None)
    (part / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}, indent=2))
    for pattern in BESIDE:
        for file in weights.glob(pattern):
            shutil.copyfile(file, part / file.name)
    part.rename(out)


def main() -> None:
    from kappa_data.trainers.torchtitan.config_registry import gpt_oss_20b

    if len(sys.argv) != 4:
        sys.exit(__doc__)
    checkpoint, weights, out = map(Path, sys.argv[1:])
    try:
        write(checkpoint, weights, out, gpt_oss_20b().model_spec.model)
    except UsageError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
