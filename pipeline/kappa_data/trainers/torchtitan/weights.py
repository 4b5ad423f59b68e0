"""gpt-oss weights under Hugging Face's names.

The adapter of torchtitan 0.3.0 names the experts' weights as they were called before; it passes
over the names that it does not know, so all experts would start at random, and none would be saved
(pytorch/torchtitan#4475 mends it). Here a weight without a name is an error.
"""

from __future__ import annotations

import re
from typing import Any

from torch.distributed.checkpoint import HuggingFaceStorageReader
from torch.distributed.checkpoint.metadata import ChunkStorageMetadata
from torch.distributed.checkpoint.quantized_hf_storage import QuantizedHuggingFaceStorageReader
from torchtitan.models.gpt_oss.state_dict_adapter import GptOssStateDictAdapter

EXPERTS = "layers.{}.moe.routed_experts.inner_experts."
NAMES = {
    "model.layers.{}.mlp.experts.gate_up_proj_blocks": f"{EXPERTS}mlp1_weight_EGD",
    "model.layers.{}.mlp.experts.gate_up_proj_bias": f"{EXPERTS}mlp1_bias_EG",
    "model.layers.{}.mlp.experts.down_proj_blocks": f"{EXPERTS}mlp2_weight_EDF",
    "model.layers.{}.mlp.experts.down_proj_bias": f"{EXPERTS}mlp2_bias_ED",
}
LAYER = re.compile(r"(?<=layers\.)\d+")


class WholeReader(QuantizedHuggingFaceStorageReader):
    """torch's reader of 4-bit experts, with the extent of what is stored put right.

    torch 2.13 gives such a tensor its unpacked size, but leaves its one chunk with the packed one
    ([..., groups, 16]); so the plan of reading ends each row of n values after n / 32 of them, and
    the rest stays what it was, without a word.
    """

    def read_metadata(self) -> Any:
        metadata = super().read_metadata()
        for name, each in metadata.state_dict_metadata.items():
            if name in self._weight_scale_mapping and name.endswith("_blocks"):
                (packed,) = each.chunks  # its offsets, all zero, are the key of what is stored
                each.chunks = [ChunkStorageMetadata(offsets=packed.offsets, sizes=each.size)]
        return metadata


class GptOssWeights(GptOssStateDictAdapter):
    """torchtitan's adapter, with a name for every weight of the model."""

    def __init__(self, model_config: Any, hf_assets_path: str | None) -> None:
        super().__init__(model_config, hf_assets_path)
        self.from_hf_map |= NAMES

    def get_hf_storage_reader(
        self, path: str, from_quantized: bool = False
    ) -> HuggingFaceStorageReader:
        """As torchtitan's, but 4-bit experts are read in full."""
        if from_quantized:
            return WholeReader(path=path, thread_count=4)
        return super().get_hf_storage_reader(path)

    def to_hf(self, state_dict: dict[str, Any]) -> dict[str, Any]:
        """Hugging Face's names, the same tensors; ValueError for a weight that has none."""
        known = set(self.from_hf_map.values())
        nameless = [key for key in state_dict if LAYER.sub("{}", key, count=1) not in known]
        if nameless:
            raise ValueError(f"{nameless[0]} has no name in Hugging Face's gpt-oss: not saved")
        found: dict[str, Any] = super().to_hf(state_dict)
        return found
