"""The configs that `--module kappa_data.trainers.torchtitan --config NAME` names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from torchtitan.components.checkpoint import CheckpointManager
from torchtitan.components.loss import ChunkedLossWrapper, CrossEntropyLoss
from torchtitan.components.metrics import MetricsProcessor
from torchtitan.config import CompileConfig, ParallelismConfig, TrainingConfig
from torchtitan.distributed.activation_checkpoint import SelectiveAC
from torchtitan.models.gpt_oss import _build_gptoss_layers, model_registry
from torchtitan.protocols.model_spec import ModelSpec

from kappa_data.trainers.torchtitan.data import PackedLoader
from kappa_data.trainers.torchtitan.recipe import NoTokenizer, RowsTrainer, adamw, schedule
from kappa_data.trainers.torchtitan.weights import GptOssWeights

VOCABULARY = 201_088  # o200k_harmony
WEIGHTS = "./assets/hf/gpt-oss-20b"


def gpt_oss_20b() -> RowsTrainer.Config:
    """Full fine-tuning of gpt-oss-20b on rows of 131,072; say --dataloader.dataset_path."""
    spec = _model("20b")
    return RowsTrainer.Config(
        model_spec=spec,
        loss=_loss(spec, num_chunks=8),
        hf_assets_path=WEIGHTS,
        tokenizer=NoTokenizer.Config(),
        dataloader=PackedLoader.Config(infinite=False, epochs=3, num_workers=1, pin_memory=True),
        optimizer=adamw(lr=1e-5, weight_decay=0.01),
        lr_scheduler=schedule(warmup_steps=20),
        training=TrainingConfig(
            local_batch_size=1,
            global_batch_size=16,
            seq_len=131_072,
            steps=0,  # planned from the rows
            max_norm=1.0,
            # The document borders of a row are an input of varlen attention, of another length in
            # each row; a captured graph would keep those of the first.
            disable_cuda_graphs=True,
        ),
        parallelism=ParallelismConfig(tensor_parallel_degree=4),
        activation_checkpoint=SelectiveAC.Config(),
        compile=CompileConfig(enable=True),
        checkpoint=CheckpointManager.Config(
            enable=True,
            interval=50,
            initial_load_path=str(Path(WEIGHTS).resolve()),
            initial_load_in_hf=True,
            initial_load_in_hf_quantized=True,  # as openai/gpt-oss-20b publishes them
            keep_latest_k=2,
            last_save_model_only=True,
            export_dtype="bfloat16",
        ),
        metrics=MetricsProcessor.Config(log_freq=1),
    )


def debug() -> RowsTrainer.Config:
    """The path of the recipe with random weights (180 M, most of them gpt-oss's vocabulary), for
    one GPU. Rows of any length: say --training.seq_len."""
    spec = _model("debugmodel", attn_backend="flex")
    config = spec.model
    config.vocab_size = VOCABULARY
    config.tok_embeddings = dataclasses.replace(config.tok_embeddings, num_embeddings=VOCABULARY)
    config.lm_head = dataclasses.replace(config.lm_head, out_features=VOCABULARY)
    return RowsTrainer.Config(
        model_spec=spec,
        loss=_loss(spec, num_chunks=8),
        hf_assets_path=WEIGHTS,
        tokenizer=NoTokenizer.Config(),
        dataloader=PackedLoader.Config(infinite=False, epochs=1),
        optimizer=adamw(lr=1e-3, weight_decay=0.01),
        lr_scheduler=schedule(warmup_steps=2),
        training=TrainingConfig(
            local_batch_size=1, seq_len=8192, steps=0, disable_cuda_graphs=True
        ),
        checkpoint=CheckpointManager.Config(enable=True, interval=10),
        activation_checkpoint=None,
        metrics=MetricsProcessor.Config(log_freq=1),
    )


def tiny() -> RowsTrainer.Config:
    """`debug` with two narrow layers: for tests, without an accelerator too."""
    config = debug()
    model = config.model_spec.model
    model.dim = 32
    model.tok_embeddings.embedding_dim = model.norm.normalized_shape = 32
    model.lm_head.in_features = 32
    model.layers = _build_gptoss_layers(
        dim=32,
        n_layers=2,
        hidden_dim=64,
        num_experts=4,
        top_k=2,
        load_balance_coeff=None,
        attn_backend="flex",
        moe_comm_backend="standard",
        rope=model.layers[0].attention.rope,
    )
    return config


def _model(flavor: str, attn_backend: str = "varlen") -> ModelSpec:
    """torchtitan's model, to be trained from published weights and served as they are."""
    spec = model_registry(flavor, attn_backend=attn_backend)
    for layer in spec.model.layers:
        # Pre-training's: it moves routing by a bias that gpt-oss's checkpoints do not have.
        layer.moe.load_balance_coeff = None
    return dataclasses.replace(spec, state_dict_adapter=GptOssWeights)


def _loss(spec: ModelSpec, num_chunks: int) -> ChunkedLossWrapper.Config:
    inner = CrossEntropyLoss.Config(global_vocab_size=spec.model.vocab_size)
    return ChunkedLossWrapper.Config(num_chunks=num_chunks, loss_fn=inner)
