"""torchtitan 0.3.0 without an accelerator: what its trainer asks of one, and attention in plain torch.

Imported before torchtitan. Attention is the textbook's, over the mask that torchtitan made: its
own flex_attention has no backward pass on a CPU.
"""

from __future__ import annotations

import types
from typing import Any

import torch
import torch._utils
import torch.distributed

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
