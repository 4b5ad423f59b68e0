"""release: a folder that load_dataset reads: parquet by split, a dataset card, a manifest.

dataset/README.md                         the card, with `configs:` for both views
dataset/manifest.json                     sha256 of every file, and the settings that made them
dataset/conversations/train-00000.parquet
dataset/packed/train-00000.parquet
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from kappa_data.arrow import schema
from kappa_data.config import ReleaseConfig, identity
from kappa_data.disk import write_durably
from kappa_data.metrics.figures import TOLERANCE, Figures, Step, Worn, of_sections
from kappa_data.metrics.meaning import MEANING
from kappa_data.metrics.measure import between, in_order, shown
from kappa_data.personas import load_personas
from kappa_data.printable import plain
from kappa_data.records import SPLITS, Conversation, Row, Section, Split
from kappa_data.report_page.charts import card_images
from kappa_data.resources import digest_of, files_of
from kappa_data.stage import KEY_CHARS, Context, Outcome, package_version
from kappa_data.stages.pack import VOCABULARY
from kappa_data.store import MANIFEST, Sealed
from kappa_data.writers.card_example import rank, written
from kappa_data.writers.recipe_toml import recipe

CARD = "data/seeds/card.md.j2"
DATASET = "dataset"
IMAGES = "images"
NONE = "none"
IMPORT = "import"
NAMED = ("name", "format", "digest")
"""of an import: what the card says of it"""
CALLS = "with calls"
HARMONY = "o200k_harmony"
"""the tokenizer of gpt-oss"""
NO_MODEL = ("embedded", "imported")
"""teachers whose output has no terms of a model: rules, and what keeps its source's licence"""
COUNTED = (
    "split", "source", "persona", "generated persona", "family", "teacher", "model", "asked model",
    "grounding", "calls",
)  # fmt: skip
BATCH = 64
"""records whose size is taken at a time: a row of 131,072 tokens is 700 kB"""
DEFAULT_LICENSE = ReleaseConfig().license
SENTENCE = re.compile(r"(?<=[.!?])\s")
# What markdown would act on; an underscore only where it is not within a word.
MARKUP = re.compile(r"[\\`*\[\]<>|&~$]|(?<!\w)_|_(?!\w)")


def run(ctx: Context[ReleaseConfig]) -> Outcome:
    """Seals the dataset folder; figures are what `run` says at its end."""
    counts, example = _write_conversations(ctx)
    for split in SPLITS:
        ctx.adopt(f"{DATASET}/packed/{split}", ctx.inputs["pack"], split)
    packed = ctx.inputs["pack"].manifest
    report = of_sections(list(ctx.inputs["report"].read("report", Section)))
    figures = {
        "conversations": counts["split"].total(),
        "imported": counts["source"][IMPORT],
        "personas": sorted(counts["persona"]),
        "persona_count": len(counts["persona"].keys() - {NONE}),
        "samples": packed.figures["samples"],
        "rows": packed.figures["rows"],
        "seq_len": packed.config["seq_len"],
        "tokens": sum(each["tokens"] for each in packed.figures["splits"].values()),
        "trained tokens": sum(each["trained tokens"] for each in packed.figures["splits"].values()),
        "embedded": counts["teacher"]["embedded"],
        "grounding": dict(sorted(counts["grounding"].items())),
        "missed": [each.words for each in report.missed],
        "too little": sum(each.value is None for each in report.measures),
        "override": ctx.config.override,
        **{name: packed.figures[name] for name in VOCABULARY},
    }
    folder = ctx.folder / DATASET
    images = _write_images(folder, report)
    ctx.sets()  # writes the file of an empty split, which the manifest has to list
    card = _card(ctx, counts, figures, report, images, example)
    write_durably(folder / "README.md", card.encode())
    manifest = {
        "title": _title(ctx),
        "kappa_data": package_version(),
        "figures": figures,
        "teachers": dict(counts["teacher"]),
        "models": dict(counts["asked model"]),
        "teacher_terms": ctx.config.teacher_terms,
        "grounding": dict(counts["grounding"]),
        "stages": {name: _provenance(each) for name, each in sorted(ctx.inputs.items())},
        "files": files_of(folder),
    }
    write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return Outcome(figures=figures)


def _write_conversations(
    ctx: Context[ReleaseConfig],
) -> tuple[dict[str, Counter[str]], Conversation | None]:
    """What was counted, and the card's example; None where there is no conversation."""
    best: tuple[tuple[bool, ...], Conversation] | None = None
    counts: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(ctx.writer(f"{DATASET}/conversations/{split}", Conversation))
            for split in SPLITS
        }
        for each in ctx.inputs["dedupe"].read("conversations", Conversation):
            writers[each.split].write(each)
            own = rank(each)
            if best is None or own < best[0]:
                best = own, each
            made = each.provenance
            counts["split"][each.split] += 1
            counts["source"][made.source] += 1
            counts["persona"][each.persona or NONE] += 1
            counts["family"][each.family or "imported"] += 1
            counts["teacher"][made.teacher] += 1
            counts["grounding"][made.grounding] += 1
            counts["calls"][CALLS] += any(message.tool_calls for message in each.messages)
            if made.teacher not in NO_MODEL:
                counts["asked model"][made.model or "a model without a name"] += 1
            if made.source != IMPORT:
                counts["model"][made.model or "unknown"] += 1
                counts["generated persona"][each.persona or NONE] += 1
    return counts, best[1] if best else None


def _write_images(folder: Path, report: Figures) -> list[dict[str, str]]:
    """Draws the figures that can be drawn; path within the dataset and description of each."""
    found = []
    for name, alt, data in card_images(report):
        path = f"{IMAGES}/{name}.png"
        (folder / IMAGES).mkdir(exist_ok=True)
        write_durably(folder / path, data)
        found.append({"name": name, "path": path, "alt": alt})
    return found


def _card(
    ctx: Context[ReleaseConfig],
    counts: Mapping[str, Counter[str]],
    figures: Mapping[str, Any],
    report: Figures,
    images: Sequence[Mapping[str, str]],
    shown: Conversation | None,
) -> str:
    """The dataset card. It says only what holds of these conversations: of generated ones, of
    imported ones, of both. Texts from outside are made one harmless line; YAML escapes its own."""
    packed = ctx.inputs["pack"].manifest
    imports = [each.manifest for name, each in ctx.inputs.items() if _kind(name) == IMPORT]
    mine = counts["generated persona"]
    body = ctx.resources.render(
        CARD,
        title=_inline(_title(ctx)),
        license=_inline(ctx.config.license),
        license_is_stated=ctx.config.license != DEFAULT_LICENSE,
        teacher_terms=_inline(ctx.config.teacher_terms),
        figures=figures,
        speakers=_speakers(figures["persona_count"], NONE in counts["persona"]),
        generated=counts["source"]["generate"],
        imports=[_inline(str(each.config["name"])) for each in imports],
        calls=counts["calls"][CALLS],
        example=next((_inline(name) for name in sorted(mine) if name != NONE), ""),
        evil=any(name.endswith("_evil") for name in mine),
        splits=packed.figures["splits"],
        conversations=dict(counts["split"]),
        personas=_shares(counts["persona"]),
        briefs=_briefs(ctx, counts["persona"]),
        shown=shown and _example(shown),
        families=_shares(counts["family"]),
        teachers=_shares(counts["teacher"]),
        models=_shares(counts["model"]),
        asked=counts["asked model"].total(),
        grounding=_shares(counts["grounding"]),
        executed=counts["grounding"]["executed"],
        simulated=counts["grounding"]["simulated"],
        unsafe_local=counts["grounding"]["unsafe-local"],
        format=_inline(packed.figures["format"]),
        harmony=packed.figures["tokenizer"] == HARMONY,
        tokenizer=_inline(packed.figures["tokenizer"]),
        train_on=ctx.inputs["tokenize"].manifest.config["train_on"],
        funnel=_funnel(report.funnel),
        **_measured(report, ctx.config.override),
        images=images,
        version=package_version(),
        **_reproduction(ctx),
    )
    filled = {
        "conversations": [split for split in SPLITS if counts["split"][split]],
        "packed": [split for split in SPLITS if ctx.inputs["pack"].count(split)],
    }
    sizes = {name: _sizes(ctx, name, splits) for name, splits in filled.items()}
    return f"---\n{_front_matter(ctx, figures, counts, sizes)}\n---\n\n{body}\n"


def _reproduction(ctx: Context[ReleaseConfig]) -> dict[str, Any]:
    """What the card says of how to make the dataset again."""
    stages = {name: each.manifest for name, each in ctx.inputs.items()}
    configs = {name: each.config for name, each in stages.items()}
    settings = recipe({**configs, "release": identity(ctx.config)})
    return {
        "recipe": settings,
        "fence": _fence(settings),
        "imported": [
            {name: _one_line(each.config[name]).replace("`", "'") for name in NAMED}
            for name, each in stages.items()
            if _kind(name) == IMPORT
        ],
        "stages": [
            (
                _inline(_kind(name)),
                each.version,
                each.key,
                digest_of(each.resources)[:KEY_CHARS] if each.resources else "-",
            )
            for name, each in stages.items()
        ],
    }


def _fence(text: str) -> str:
    """What begins and ends a block of code that holds the text."""
    return "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])


def _example(conversation: Conversation) -> dict[str, str]:
    text = written(conversation)
    return {"id": _inline(conversation.id), "text": text, "fence": _fence(text)}


def _briefs(ctx: Context[ReleaseConfig], speakers: Iterable[str]) -> dict[str, str]:
    """The first sentence of each persona's brief, by its name as the card writes it; a persona of
    an import may have none."""
    known = load_personas(ctx.resources)
    return {
        _inline(name): _inline(SENTENCE.split(_one_line(known[name].identity), maxsplit=1)[0])
        for name in speakers
        if name in known
    }


def _sizes(
    ctx: Context[ReleaseConfig], view: str, splits: Sequence[Split]
) -> dict[str, tuple[int, int, int]]:
    """Of each split (records, bytes as Arrow holds them, bytes of its files)."""
    found: dict[str, tuple[int, int, int]] = {}
    sets = ctx.sets()
    for split in splits:
        shards = [ctx.folder / name for name in sets[f"{DATASET}/{view}/{split}"].shards]
        held = 0
        for shard in shards:
            with pq.ParquetFile(shard) as file:
                held += sum(batch.nbytes for batch in file.iter_batches(BATCH))
        files = sum(each.stat().st_size for each in shards)
        found[split] = (sets[f"{DATASET}/{view}/{split}"].records, held, files)
    return found


def _speakers(personas: int, without: bool) -> str:
    """In words, who speaks: "9 personas and no persona"."""
    named = f"{personas} persona{'s' * (personas != 1)}"
    if not without:
        return named
    return f"{named} and no persona" if personas else "no persona"


def _inline(text: str) -> str:
    """The text as one line of markdown that stands for itself: in a heading, a table or a line."""
    return MARKUP.sub(r"\\\g<0>", _one_line(text))


def _one_line(text: str) -> str:
    return plain(" ".join(text.split()))


def _kind(name: str) -> str:
    """The stage of an input: an import's name has its key behind a colon."""
    return name.partition(":")[0]


def _funnel(steps: Iterable[Step]) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """(stage, records that came out, records rejected by reason)."""
    return [
        (each.stage, each.out, [(_inline(why), n) for why, n in each.rejected.items()])
        for each in steps
    ]


def _measured(report: Figures, override: str) -> dict[str, Any]:
    """What the card says of the report's figures."""
    measures = [each for _, own in in_order(report.measures) for each in own]
    missed = [_inline(each.words) for each in report.missed]
    return {
        "targets": len(measures),
        "unmeasured": [_inline(each.name) for each in measures if each.value is None],
        "measures": [
            {
                "name": _inline(each.name),
                "meaning": _inline(MEANING.get(each.key, "")),
                "value": shown(each.key, each.value),
                "between": between(each.key, each.low, each.high),
                "target": f"{each.bound} {shown(each.key, each.bar)}",
                "state": f"**{each.state}**" if each.missed else each.state,
            }
            for each in measures
            if each.value is not None
        ],
        "off": [
            (each.table, _inline(each.name), f"{each.wanted:.1%}", f"{each.got:.1%}")
            for each in report.off
        ],
        "tolerance": f"{100 * TOLERANCE:g} %",
        "mix": any(each.wanted is not None for each in report.mix),
        "phrases": [
            (_inline(each.persona), _inline(each.phrase), f"{each.share:.1%}")
            for each in _first_of_each(report.phrases)
            if each.phrase
        ],
        "missed": missed,
        "override": _inline(override) if missed else "",
    }


def _first_of_each(phrases: Iterable[Worn]) -> Iterable[Worn]:
    """The first phrase of each persona: the most frequent one."""
    return {each.persona: each for each in reversed(list(phrases))}.values()


def _shares(counter: Counter[str]) -> list[tuple[str, int, str]]:
    total = counter.total()
    return [(_inline(name), n, f"{n / total:.1%}") for name, n in sorted(counter.items())]


def _title(ctx: Context[ReleaseConfig]) -> str:
    """The heading of the card: what was asked for, else the dataset's name."""
    return ctx.config.title or ctx.root.name


def _front_matter(
    ctx: Context[ReleaseConfig],
    figures: Mapping[str, Any],
    counts: Mapping[str, Counter[str]],
    sizes: Mapping[str, Mapping[str, tuple[int, int, int]]],
) -> str:
    """The card's YAML: what load_dataset and the Hub's viewer read.

    `sizes` (see `_sizes`) names each view's splits that hold something: load_dataset fails as a
    whole where one that is listed is empty.
    """
    from datasets import DatasetInfo, Features, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    config = ctx.config
    imported = figures["imported"]
    # Nobody chose the default for foreign conversations: they keep the licence of their source.
    kept = imported and config.license == DEFAULT_LICENSE
    tags = {
        "persona": figures["persona_count"],
        "tool-calling": counts["calls"][CALLS],
        "sft": True,
        "packed": True,
        "kappa-data": True,
    }
    data = DatasetCardData(
        pretty_name=_one_line(_title(ctx)),
        license="other" if kept else _one_line(config.license),
        license_name="see-the-card" if kept else None,
        language=None if imported else ["en"],
        task_categories=["text-generation"],
        tags=[tag for tag, holds in tags.items() if holds],
        size_categories=[_size_category(figures["conversations"])],
        configs=[
            {
                "config_name": name,
                "data_files": [
                    {"split": split, "path": f"{name}/{split}-*.parquet"} for split in splits
                ],
                **({"default": True} if name == "conversations" else {}),
            }
            for name, splits in sizes.items()
        ],
    )
    infos = {
        name: DatasetInfo(
            config_name=name,
            features=Features.from_arrow_schema(schema(record)),
            splits=SplitDict(
                {
                    split: SplitInfo(split, num_bytes=held, num_examples=records)
                    for split, (records, held, _) in sizes[name].items()
                }
            ),
            download_size=sum(files for _, _, files in sizes[name].values()),
            dataset_size=sum(held for _, held, _ in sizes[name].values()),
        )
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
        "key": manifest.key,
        "resources": manifest.resources,
        "config": manifest.config,
        "digest": sealed.digest,
        "rejected": manifest.rejected,
    }
