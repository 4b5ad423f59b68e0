"""dedupe: against brute force over all pairs, and one kept whatever the order."""

from __future__ import annotations

import hashlib
import itertools
import random
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data import store
from kappa_data.config import DedupeConfig, SandboxConfig
from kappa_data.errors import UsageError
from kappa_data.near_duplicates import PERMUTATIONS, near_duplicates, rows_per_band
from kappa_data.progress import Quiet
from kappa_data.recipe import DEDUPE
from kappa_data.records import (
    Conversation,
    ConversationFinding,
    FunctionCall,
    Message,
    Provenance,
    Rejected,
    ToolCall,
    Verdict,
)
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build, key_of, key_parts
from kappa_data.stages import dedupe
from kappa_data.store import Sealed
from kappa_data.voice_likeness import similarities


def shingles(text: str, n: int = 5) -> set[tuple[str, ...]]:
    words = unicodedata.normalize("NFKC", text).lower().split()
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}


def exact(a: str, b: str, n: int = 5) -> float:
    one, two = shingles(a, n), shingles(b, n)
    return len(one & two) / len(one | two) if one | two else 0.0


def words(draw: random.Random, count: int) -> list[str]:
    return [f"w{draw.randrange(3000)}" for _ in range(count)]


def changed(draw: random.Random, text: list[str], edits: int) -> list[str]:
    other = list(text)
    for at in draw.sample(range(len(other)), edits):
        other[at] = f"new{draw.randrange(10**6)}"
    return other


def find(texts: list[str], threshold: float = 0.8, seed: int = 0) -> list[tuple[int, int, float]]:
    return near_duplicates(texts, threshold=threshold, ngram=5, seed=seed)


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_planted_pairs_are_found_and_nothing_else(threshold):
    draw = random.Random(11)
    texts, twins = [], []
    for _ in range(700):
        text = words(draw, draw.randrange(60, 300))
        twin = changed(draw, text, draw.randrange(1 + int(len(text) * (1 - threshold) / 4)))
        twins.append((len(texts), len(texts) + 1))
        texts += [" ".join(text), " ".join(twin)]
    true = {}
    for a, b in twins:  # pairs of different families share nothing: 3000^5 shingles
        if (similarity := exact(texts[a], texts[b])) >= threshold:
            true[b] = (a, similarity)
    assert len(true) > 150
    found = {dropped: (kept, similarity) for kept, dropped, similarity in find(texts, threshold)}
    assert found.items() <= true.items()  # precision 1, with the exact similarity
    assert len(found) / len(true) >= 0.99


def test_on_few_texts_it_equals_brute_force():
    draw = random.Random(5)
    base = words(draw, 80)
    texts = [" ".join(changed(draw, base, draw.randrange(6))) for _ in range(40)]
    kept: list[int] = []
    expected = []
    for index, text in enumerate(texts):
        best, near = max(((exact(text, texts[k]), -k) for k in kept), default=(0.0, 0))
        if best >= 0.7:
            expected.append((-near, index, best))
        else:
            kept.append(index)
    assert 5 < len(expected) < 35
    assert find(texts, 0.7) == expected


def test_a_chain_does_not_pull_a_family_down():
    """Each link resembles the next; the far ends do not resemble each other and both stay."""
    draw = random.Random(2)
    links = [words(draw, 200)]
    for _ in range(12):
        links.append(changed(draw, links[-1], 4))
    texts = [" ".join(each) for each in links]
    assert all(exact(a, b) >= 0.8 for a, b in itertools.pairwise(texts))
    assert exact(texts[0], texts[-1]) < 0.6
    dropped = {each for _, each, _ in find(texts)}
    kept = [text for index, text in enumerate(texts) if index not in dropped]
    assert len(kept) >= 3 and dropped
    assert all(exact(a, b) < 0.8 for a in kept for b in kept if a is not b)


def test_white_space_case_and_unicode_forms_are_one():
    a = "The ﬁrst line says that NOTHING was lost today"
    b = "the  first\u00a0line\nsays\u2003that nothing was lost\t today "
    assert find([a, b]) == [(0, 1, 1.0)]


def test_short_texts_are_never_near():
    assert find(["one two three four", "one two three four", "", ""]) == []
    assert find(["one two three four five"] * 2) == [(0, 1, 1.0)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="ab é\u2003", max_size=40), max_size=8))
def test_it_never_drops_below_the_threshold(texts):
    for kept, dropped, similarity in near_duplicates(texts, threshold=0.6, ngram=2, seed=1):
        assert kept < dropped
        assert similarity == exact(texts[kept], texts[dropped], 2) >= 0.6


def test_bands_find_pairs_right_at_the_threshold():
    for threshold in (0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.99, 1.0):
        rows = rows_per_band(threshold)
        assert 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= 0.99
    assert rows_per_band(0.8) == 8


# --- the stage ---------------------------------------------------------------------------------

WORKERS = (1, 3)
TEXT = "First I open the log, then I count its lines, and last I name the three slowest requests."
OTHER = "No logs are needed for that: the answer is in the manual, chapter four, under the picture."
GENERATED = Provenance(source="generate", grounding="executed", teacher="embedded")


def conversation(id: str, answer: str = TEXT, **fields: Any) -> Conversation:
    question = Message("user", fields.pop("question", f"How does {id} work?"))
    call = ToolCall(f"call-{id}", FunctionCall("bash", '{"command": "wc -l log"}'))
    messages = (
        question,
        Message("assistant", reasoning=f"thinking of {id}", tool_calls=(call,)),
        Message("tool", "3 log", tool_call_id=call.id),
        Message("assistant", answer),
    )
    return Conversation(id=id, messages=messages, **{"provenance": GENERATED, **fields})


def run(root: Path, *given: Conversation, config: DedupeConfig | None = None) -> Sealed:
    def seal(ctx: Context[Any]) -> Outcome:
        with ctx.writer("conversations", Conversation) as writer:
            for each in given:
                writer.write(each)
        return Outcome()

    def build_(stage: Stage, inputs: dict[str, Sealed]) -> Sealed:
        return build(stage, config or DedupeConfig(), inputs, Resources(), root, Quiet())[0]

    key = hashlib.sha256("-".join(each.id for each in given).encode()).hexdigest()
    validated = build_(Stage(f"validate-{key}", 1, seal, ("conversations",)), {})
    return build_(Stage("dedupe", 1, dedupe.run, ("conversations",)), {"validate": validated})


def kept(sealed: Sealed) -> list[str]:
    return [each.id for each in sealed.read("conversations", Conversation)]


def test_exact_twins_differ_in_ids_and_reasoning_only(tmp_path):
    sealed = run(
        tmp_path,
        conversation("b", question="Q?"),
        conversation("a", question="Q?"),
        conversation("c", question="Q?", persona="lawful_evil"),
    )
    assert kept(sealed) == ["a", "c"]
    (twin,) = sealed.read("quarantine", Rejected)
    assert (twin.id, twin.stage, twin.findings[0].rule) == ("b", "dedupe", "duplicate")
    assert twin.findings[0].evidence == "the same as a"
    assert twin.conversation is not None and twin.conversation.id == "b"
    assert {"in": 3, "out": 2}.items() <= sealed.manifest.figures.items()
    assert sealed.manifest.rejected == {"duplicate": 1}


def test_near_twins_within_a_persona_and_across_splits(tmp_path):
    near = TEXT.replace("three", "four")
    sealed = run(
        tmp_path,
        conversation("a", split="test"),
        conversation("b", near),
        conversation("c", near, persona="lawful_evil"),
        conversation("d", OTHER),
        config=DedupeConfig(threshold=0.5),
    )
    assert kept(sealed) == ["a", "c", "d"]
    (twin,) = sealed.read("quarantine", Rejected)
    assert twin.findings[0].rule == "near-duplicate"
    similarity = exact(f'\nbash {{"command": "wc -l log"}}\n{TEXT}',
                       f'\nbash {{"command": "wc -l log"}}\n{near}')  # fmt: skip
    assert twin.findings[0].evidence == f"Jaccard {similarity:.3f} with a"


def test_another_call_is_another_conversation(tmp_path):
    one, two = (conversation(id, question="Q?") for id in "ab")
    call = ToolCall("c", FunctionCall("bash", " ".join(f"other{n}" for n in range(60))))
    changed_call = msgspec.structs.replace(two.messages[1], tool_calls=(call,))
    two = msgspec.structs.replace(two, messages=(two.messages[0], changed_call, *two.messages[2:]))
    assert kept(run(tmp_path, one, two)) == ["a", "b"]


def test_the_better_one_is_kept_in_any_order(tmp_path):
    imported = Provenance(source="import", grounding="imported", teacher="imported")
    given = [
        conversation("a", provenance=imported),
        conversation("b"),
        conversation("c", verdict=Verdict(True), provenance=imported),
        conversation("d", verdict=Verdict(True)),
        conversation("e", verdict=Verdict(True)),
    ]
    for seed in range(6):
        shuffled = random.Random(seed).sample(given, len(given))
        for leave_out, best in (("", "d"), ("de", "c"), ("cde", "b")):
            some = [each for each in shuffled if each.id not in leave_out]
            assert kept(run(tmp_path, *some)) == [best]


def test_the_order_of_validate_stays(tmp_path):
    answers = {id: " ".join(f"{id}{n}" for n in range(40)) for id in "zxyab"}
    assert kept(run(tmp_path, *(conversation(*each) for each in answers.items()))) == list("zxyab")


def test_the_same_bytes_for_any_number_of_workers(tmp_path, monkeypatch):
    """Twins stand parts apart: what is kept, and what is not, is found over all of them."""
    draw = random.Random(8)
    given = []
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("What did nine tired carpenters build beside the old mill?")
    for number in range(60):
        text = words(draw, 60)
        near = " ".join(changed(draw, text, 1))
        personas = (None, "lawful_evil")
        given += [
            conversation(f"{number:02}-a", " ".join(text), persona=personas[number % 2],
                         task_id=f"{number}"),
            conversation(f"{number:02}-b", near, persona=personas[number % 2 if number % 3 else 0],
                         task_id=f"{number}"),
            conversation(f"{number:02}-c", " ".join(text), question=f"How does {number:02}-a work?",
                         persona=personas[number % 2]),
        ]  # fmt: skip
    draw.shuffle(given)
    given += [conversation(f"{at}-q", f"w{at}", question=prompts.read_text()) for at in range(3)]
    draw.shuffle(given)

    def deduped(name: str, workers: int) -> Sealed:
        config = DedupeConfig(workers=workers, against=(str(prompts),))
        return run(tmp_path / name, *given, config=config)

    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 9)
    whole = deduped("whole", 1)
    left = set(kept(whole))
    told = list(whole.read("quarantine", Rejected))
    expected = {f"{number:02}-a" for number in range(60)} | {
        f"{number:02}-b" for number in range(60) if number % 3 == 0 and number % 2
    }
    assert left == expected  # c is a's exact twin; b its near one, where one persona says both
    assert {each.id for each in told} == {each.id for each in given} - expected
    assert whole.manifest.rejected == {"contaminated": 3, "duplicate": 60, "near-duplicate": 50}
    assert all(
        each.findings[0].evidence.endswith(f"{each.id[:2]}-a") or each.id[-1] == "q"
        for each in told
    )
    assert whole.count("findings") == 10  # b and a of one task in two voices

    monkeypatch.setattr(store, "PART_BYTES", 1_000)
    for workers in WORKERS:
        sealed = deduped(str(workers), workers)
        shards = sealed.shards("conversations")
        assert len(shards) >= 8
        for name, each in whole.manifest.sets.items():
            assert sealed.manifest.sets[name].digest == each.digest, (workers, name)
        again = list(sealed.read("quarantine", Rejected))
        assert again == told
        assert sealed.manifest.figures == whole.manifest.figures
        assert {"in": 183, "out": 70}.items() <= sealed.manifest.figures.items()
        assert not list(sealed.dir.glob("*.tmp"))
        for shard in shards:  # what a later stage goes by
            records = list(store.read_shard(shard, Conversation))
            beside = shard.with_suffix(".sha256").read_bytes()
            assert beside == b"".join(map(store.digest_of_record, records))


# --- voices, evaluations -----------------------------------------------------------------------


def test_voices_that_are_alike_are_told_and_stay(tmp_path):
    """Said text is compared, and neither calls nor code; only of one task, between personas."""
    draw = random.Random(3)
    base = words(draw, 80)
    near = " ".join(changed(draw, base, 1))
    code = "\n```\n" + " ".join(words(draw, 400)) + "\n```"
    other = " ".join(words(draw, 80))
    given = [
        conversation("a", " ".join(base), task_id="t", persona="lawful_good"),
        conversation("b", near, task_id="t", persona="lawful_evil"),
        conversation("c", other + code, task_id="t"),
        conversation("d", " ".join(words(draw, 80)) + code, task_id="t", persona="true_neutral"),
        conversation("e", near, task_id="another", persona="neutral_good"),
        conversation("f", near, persona="chaotic_evil"),
        conversation("g", "Few words.", task_id="t", persona="chaotic_good"),
    ]
    sealed = run(tmp_path, *given)
    assert kept(sealed) == list("abcdefg")
    (row,) = sealed.read("findings", ConversationFinding)
    similarity = exact(" ".join(base), near)
    assert similarity >= 0.8
    assert row == ConversationFinding(
        "a", "alike across personas", "note", -1, f"Jaccard {similarity:.2f} with b"
    )
    told = sealed.manifest.figures["across personas"]
    assert (told["pairs"], told["alike"]) == (6, 1)
    assert told["mean"] == pytest.approx(similarity / 6, abs=1e-4)
    assert told["personas"]["lawful_evil / lawful_good"] == {
        "pairs": 1, "alike": 1, "mean": round(similarity, 4)
    }  # fmt: skip
    assert told["personas"]["lawful_good / none"] == {"pairs": 1, "alike": 0, "mean": 0.0}


def test_a_voice_that_is_gone_is_not_compared(tmp_path):
    text = " ".join(words(random.Random(1), 60))
    sealed = run(
        tmp_path,
        conversation("a", text, task_id="t", persona="lawful_good"),
        conversation("b", text, task_id="t", persona="lawful_good"),
        conversation("c", text, task_id="t"),
    )
    assert kept(sealed) == ["a", "c"]
    assert sealed.manifest.figures["across personas"]["pairs"] == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=6))
def test_similarities_are_those_of_sets(sets):
    found = similarities([np.array(sorted(each), dtype=np.uint64) for each in sets])
    for (a, one), (b, two) in itertools.product(enumerate(sets), repeat=2):
        assert found[a, b] == len(one & two) / len(one | two)


def test_many_ngrams_are_counted_in_pieces(monkeypatch):
    monkeypatch.setattr("kappa_data.voice_likeness.COLUMNS", 7)
    found = similarities([np.arange(0, 100, dtype=np.uint64), np.arange(50, 200, dtype=np.uint64)])
    assert found[0, 1] == 50 / 200


def test_what_repeats_an_evaluation_goes_whatever_its_split(tmp_path):
    question = "What did nine tired carpenters build beside the old mill?"
    (tmp_path / "own.txt").write_text(f"{question}\n")
    given = [
        conversation("a", question=f"Tell me: {question.upper()}", split="test"),
        conversation("b", OTHER, question="What did nine tired carpenters build?"),
        conversation("c", question="Q?"),
    ]
    config = DedupeConfig(against=(str(tmp_path / "own.txt"),))
    sealed = run(tmp_path / "data", *given, config=config)
    assert kept(sealed) == ["b", "c"]  # c is a's near twin, and a is no reason to drop it
    (gone,) = sealed.read("quarantine", Rejected)
    (finding,) = gone.findings
    assert (gone.id, finding.rule, finding.message) == ("a", "contaminated", 0)
    assert finding.evidence == (
        'repeats a prompt of own.txt: "what did nine tired carpenters build beside the"'
    )
    assert sealed.manifest.rejected == {"contaminated": 1}
    assert kept(run(tmp_path / "other", *given[:1])) == ["a"]


def test_the_key_holds_what_evaluations_say_and_not_where_they_lie(tmp_path):
    paths = [tmp_path / name / "own.txt" for name in "abc"]
    texts = ("What did nine tired carpenters build beside the old mill?",) * 2
    for path, text in zip(paths, (*texts, texts[0].replace("old", "new")), strict=True):
        path.parent.mkdir()
        path.write_text(text)

    def key(*against: Path) -> str:
        config = DedupeConfig(against=tuple(map(str, against)))
        return key_of(key_parts(DEDUPE, config, {}, Resources(), SandboxConfig()))

    assert key(paths[0]) == key(paths[1]) != key(paths[2])
    assert key(paths[0], paths[2]) == key(paths[2], paths[1])
    assert len({key(), key(paths[0]), key(paths[0], paths[2])}) == 3
    with pytest.raises(UsageError, match="No such file"):
        key(tmp_path / "none.txt")
