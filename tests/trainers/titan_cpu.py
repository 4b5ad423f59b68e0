"""torchtitan 0.3.0 without an accelerator: what it asks of one, and attention in plain torch.

Imported before torchtitan. Attention is the textbook's, over the mask that torchtitan made: its
own flex_attention has no backward pass on a CPU.
"""

from __future__ import annotations

import os
import socket
import types
from typing import Any

import torch
import torch._utils
import torch.distributed

VOCABULARY = 997

torch._utils._get_available_device_type = lambda: "cpu"
torch.cpu.get_device_name = lambda *_: "cpu"
torch.cpu.get_device_properties = lambda *_: types.SimpleNamespace(total_memory=2**34)
torch.cpu.memory_stats = lambda *_: {}
torch.cpu.reset_peak_memory_stats = lambda *_: None
torch.cpu.empty_cache = lambda *_: None
if not hasattr(torch.distributed, "set_timeout"):  # not in builds without CUDA
    torch.distributed.set_timeout = lambda *_: None


def dense_mask(mask_mod: Any, batch: int, length: int) -> torch.Tensor:
    """bool[batch, length, length]: which position (second) attends to which (third)."""
    place = torch.arange(length)
    which = torch.arange(batch)
    found = mask_mod(which[:, None, None], torch.tensor(0), place[None, :, None], place)
    return found.expand(batch, length, length)


def dense_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    block_mask: Any,
    scale: float,
    enable_gqa: bool = False,
    **_: Any,
) -> tuple[torch.Tensor, Any]:
    """As flex_attention: q, k, v are (batch, heads, length, size); the output, and its lse."""
    if enable_gqa:
        k, v = (each.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for each in (k, v))
    seen = dense_mask(block_mask.mask_mod, q.shape[0], q.shape[2])[:, None]
    scores = (q @ k.transpose(-1, -2) * scale).float().masked_fill(~seen, float("-inf"))
    lse = scores.logsumexp(-1)
    weights = (scores - lse[..., None]).exp().to(v.dtype)
    return weights @ v, types.SimpleNamespace(lse=lse)


def dense() -> None:
    """Lets torchtitan's FlexAttention attend by `dense_attention`."""
    from torchtitan.models.common import attention, decoder

    attention.FlexAttention._compiled_flex_attn = dense_attention
    decoder.create_attention_mask = attention.create_block_mask


def small() -> Any:
    """The config `tiny` with a vocabulary that a CPU gets through in bfloat16."""
    from kappa_data.trainers.torchtitan.config_registry import tiny

    config = tiny()
    model = config.model_spec.model
    model.vocab_size = model.tok_embeddings.num_embeddings = VOCABULARY
    model.lm_head.out_features = VOCABULARY
    return config


def train() -> None:
    """`python titan_cpu.py ...` is `python -m torchtitan.train ...` in one process, by gloo."""
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    barrier = torch.distributed.barrier
    torch.distributed.barrier = lambda **_: barrier()  # the CPU has no number to give
    dense()
    from torchtitan import train

    train.main()


if __name__ == "__main__":
    train()
