"""The stage: every conversation ends as samples or in quarantine, whatever the workers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from kappa_data import store
from kappa_data.config import DedupeConfig, TokenizeConfig
from kappa_data.engine import map_ordered
from kappa_data.errors import StageError
from kappa_data.progress import Quiet
from kappa_data.recipe import TOKENIZE
from kappa_data.records import Conversation, Message, Rejected, Sample
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import tokenize
from kappa_data.store import Sealed

GOLDEN = Path(__file__).parent / "golden" / "vllm-0.33.jsonl.gz"
NOTHING = Conversation("nothing", (Message("user", "hi"), Message("assistant", "x", train=False)))
BROKEN = Conversation("broken", (Message("user", "hi"), Message("assistant", "x")), tools="[{]")


def conversations() -> list[Conversation]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        Conversation(
            f"golden/{number}:none",
            msgspec.convert(row["messages"], tuple[Message, ...]),
            tools=json.dumps(row["tools"]) if row["tools"] else None,
        )
        for number, row in enumerate(rows)
    ]


def tokenized(root: Path, source: list[Conversation], config: TokenizeConfig) -> Sealed:
    def seal(ctx: Context[DedupeConfig]) -> Outcome:
        with ctx.writer("conversations", Conversation) as out:
            for each in source:
                out.write(each)
        return Outcome()

    resources = Resources(None)
    origin = Stage("dedupe", 1, seal, ("conversations",))
    dedupe, _ = build(origin, DedupeConfig(), {}, resources, root, Quiet())
    stage = Stage("tokenize", 1, tokenize.run, ("samples",), ("dedupe",))
    made, _ = build(stage, config, {"dedupe": dedupe}, resources, root, Quiet())
    return made


def test_the_output_is_the_same_for_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = conversations()
    whole = tokenized(tmp_path / "whole", source, TokenizeConfig(workers=1))
    monkeypatch.setattr(store, "BYTES_PER_GROUP", 20_000)
    monkeypatch.setattr(store, "PART_BYTES", 30_000)
    for workers in (1, 3):
        made = tokenized(tmp_path / str(workers), source, TokenizeConfig(workers=workers))
        assert len(made.shards("samples")) >= 4
        assert made.digest == whole.digest
        assert made.manifest.key == whole.manifest.key
        assert made.manifest.figures == whole.manifest.figures


def test_bytes_do_not_change_without_the_stages_version(tmp_path: Path) -> None:
    """If this fails and the change is meant, raise TOKENIZE's version in recipe.py first."""
    sealed = tokenized(tmp_path, conversations(), TokenizeConfig(workers=1))
    digest = sealed.manifest.sets["samples"].digest
    assert (TOKENIZE.version, digest[:16]) == (2, "18291ae86d07f3da")


def test_every_conversation_is_sampled_or_rejected_with_its_reason(tmp_path: Path) -> None:
    source = [*conversations(), NOTHING, BROKEN]
    sealed = tokenized(tmp_path, source, TokenizeConfig(workers=1))
    samples = list(sealed.read("samples", Sample))
    quarantine = {each.id: each for each in sealed.read("quarantine", Rejected)}
    assert {each.conversation_id for each in samples} | set(quarantine) == {c.id for c in source}
    assert sealed.manifest.rejected == {"no trained tokens": 1, "malformed tools": 1}
    assert quarantine["nothing"].findings[0].evidence == "1 assistant steps: marked 1"
    assert quarantine["broken"].conversation == BROKEN
    figures = sealed.manifest.figures
    assert figures["samples"] == len(samples)
    assert figures["tokens"] == sum(len(each.ids) for each in samples)
    assert figures["trained tokens"] == sum(each.n_loss_tokens for each in samples)
    assert figures["trained steps"] == 238
    assert figures["untrained steps"] == {"marked": 1}
    steps = [m for c in source[:-2] for m in c.messages if m.role == "assistant"]
    silent = sum(not step.reasoning for step in steps)
    assert figures["share of steps without reasoning"] == round(silent / 238, 4)


def test_inflation_is_one_where_nothing_is_repeated(tmp_path: Path) -> None:
    single = [
        Conversation(f"c{n}", (Message("user", "hi"), Message("assistant", "ho", reasoning="r")))
        for n in range(3)
    ]
    sealed = tokenized(tmp_path / "a", single, TokenizeConfig(workers=1))
    assert sealed.manifest.figures["inflation"] == 1.0
    longer = [msgspec.structs.replace(c, messages=c.messages * 4) for c in single]
    sealed = tokenized(tmp_path / "b", longer, TokenizeConfig(workers=1))
    assert sealed.manifest.figures["inflation"] > 2.0
    assert sealed.manifest.figures["samples per conversation"] == 4.0


def test_no_sample_at_all_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="1 conversations"):
        tokenized(tmp_path, [NOTHING], TokenizeConfig(workers=1))


# --- the engine --------------------------------------------------------------------------------


def square(number: int) -> int:
    if number == 77:
        raise ZeroDivisionError("seventy-seven")
    return number * number


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_order_and_an_error_flies(workers: int) -> None:
    assert list(map_ordered(square, range(70), workers=workers)) == [n * n for n in range(70)]
    with pytest.raises(ZeroDivisionError, match="seventy-seven"):
        list(map_ordered(square, range(100), workers=workers))
