"""release: a folder that load_dataset reads: parquet by split, a dataset card, a manifest.

dataset/README.md                         the card, with `configs:` for both views
dataset/manifest.json                     sha256 of every file, and the settings that made them
dataset/conversations/train-00000.parquet
dataset/packed/train-00000.parquet
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from kappa_data.arrow import schema
from kappa_data.config import ReleaseConfig
from kappa_data.records import SPLITS, Conversation, Row
from kappa_data.stage import Context, Outcome, package_version
from kappa_data.store import MANIFEST, Sealed, write_durably

CARD = "data/seeds/card.md.j2"
DATASET = "dataset"
NONE = "none"


def run(ctx: Context[ReleaseConfig]) -> Outcome:
    """Seals the dataset folder; figures are what `run` says at its end."""
    counts = _write_conversations(ctx)
    for split in SPLITS:
        ctx.adopt(f"{DATASET}/packed/{split}", ctx.inputs["pack"], split)
    packed = ctx.inputs["pack"].manifest
    figures = {
        "conversations": counts["split"].total(),
        "personas": sorted(counts["persona"]),
        "samples": packed.figures["samples"],
        "rows": packed.figures["rows"],
        "seq_len": packed.config["seq_len"],
        "tokens": sum(each["tokens"] for each in packed.figures["splits"].values()),
        "trained tokens": sum(each["trained tokens"] for each in packed.figures["splits"].values()),
        "embedded": counts["teacher"]["embedded"],
    }
    folder = ctx.folder / DATASET
    write_durably(folder / "README.md", _card(ctx, counts, figures).encode())
    manifest = {
        "title": ctx.config.title,
        "kappa_data": package_version(),
        "figures": figures,
        "teachers": dict(counts["teacher"]),
        "grounding": dict(counts["grounding"]),
        "stages": {name: _provenance(each) for name, each in sorted(ctx.inputs.items())},
        "files": _files(folder),
    }
    write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return Outcome(figures=figures)


def _write_conversations(ctx: Context[ReleaseConfig]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("split", "persona", "family", "teacher", "model", "grounding")
    }
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(ctx.writer(f"{DATASET}/conversations/{split}", Conversation))
            for split in SPLITS
        }
        for each in ctx.inputs["dedupe"].read("conversations", Conversation):
            writers[each.split].write(each)
            counts["split"][each.split] += 1
            counts["persona"][each.persona or NONE] += 1
            counts["family"][each.family or "imported"] += 1
            counts["teacher"][each.provenance.teacher] += 1
            counts["model"][each.provenance.model or "unknown"] += 1
            counts["grounding"][each.provenance.grounding] += 1
    return counts


def _card(
    ctx: Context[ReleaseConfig],
    counts: Mapping[str, Counter[str]],
    figures: Mapping[str, Any],
) -> str:
    """The dataset card. All names in it come from our own files or are escaped by YAML."""
    packed = ctx.inputs["pack"].manifest
    body = ctx.resources.render(
        CARD,
        config=ctx.config,
        figures=figures,
        splits=packed.figures["splits"],
        conversations=dict(counts["split"]),
        personas=_shares(counts["persona"]),
        families=_shares(counts["family"]),
        teachers=_shares(counts["teacher"]),
        models=_shares(counts["model"]),
        grounding=_shares(counts["grounding"]),
        profile=ctx.inputs["tokenize"].manifest.config["profile"],
        train_on=ctx.inputs["tokenize"].manifest.config["train_on"],
        funnel=[
            (name, sum(each.count(s) for s in _counted(name)), each.manifest.rejected)
            for name, each in ctx.inputs.items()
        ],
        version=package_version(),
    )
    return f"---\n{_front_matter(ctx.config, figures)}\n---\n\n{body}\n"


def _counted(stage: str) -> tuple[str, ...]:
    return {"plan": ("slots",), "tokenize": ("samples",), "pack": SPLITS}.get(
        stage, ("conversations",)
    )


def _shares(counter: Counter[str]) -> list[tuple[str, int, str]]:
    total = counter.total()
    return [(name, n, f"{n / total:.1%}") for name, n in sorted(counter.items())]


def _front_matter(config: ReleaseConfig, figures: Mapping[str, Any]) -> str:
    """The card's YAML: what load_dataset and the Hub's viewer read."""
    from datasets import DatasetInfo, Features
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        pretty_name=config.title,
        license=config.license,
        language=["en"],
        task_categories=["text-generation"],
        tags=["persona", "tool-calling", "sft", "packed", "kappa-data"],
        size_categories=[_size_category(figures["conversations"])],
        configs=[
            {
                "config_name": name,
                "data_files": [
                    {"split": split, "path": f"{name}/{split}-*.parquet"} for split in SPLITS
                ],
                **({"default": True} if name == "conversations" else {}),
            }
            for name in ("conversations", "packed")
        ],
    )
    infos = {
        name: DatasetInfo(config_name=name, features=Features.from_arrow_schema(schema(record)))
        for name, record in (("conversations", Conversation), ("packed", Row))
    }
    DatasetInfosDict(infos).to_dataset_card_data(data)
    text: str = data.to_yaml()
    return text


def _size_category(count: int) -> str:
    """The Hub's name for a dataset of this many records."""
    steps = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))
    return next((name for limit, name in steps if count < limit), "1M<n<10M")


def _provenance(sealed: Sealed) -> dict[str, Any]:
    manifest = sealed.manifest
    return {
        "version": manifest.version,
        "config": manifest.config,
        "digest": sealed.digest,
        "rejected": manifest.rejected,
    }


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """Bytes and sha256 of every file of the dataset."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[str(path.relative_to(folder))] = {"bytes": path.stat().st_size, "sha256": digest}
    return found
