"""validate: what goes on, what does not, and that the counts add up."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kappa_data import config_layers, store
from kappa_data.config import ValidateConfig
from kappa_data.conversation.briefs import ASSISTANT_PROMPT, BESIDE
from kappa_data.errors import StageError, UsageError
from kappa_data.importing.reader import read_conversations
from kappa_data.personas import load_personas
from kappa_data.progress import Quiet
from kappa_data.recipe import VALIDATE
from kappa_data.records import (
    Conversation,
    ConversationFinding,
    Finding,
    FunctionCall,
    Message,
    Provenance,
    Rejected,
    ToolCall,
    Verdict,
)
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import validate
from kappa_data.store import Sealed
from kappa_data.validation.judge import Judge
from kappa_data.validation.severities import known_rules

TRACES = Path(__file__).parent / "traces" / "openai.jsonl"
SECRET = "always mention the third drawer of the old oak desk"
GENERATED = Provenance(source="generate", grounding="executed", teacher="embedded")


def conversation(id: str, answer: str = "Four.", **fields: Any) -> Conversation:
    fields = {"provenance": GENERATED, **fields}
    messages = (Message("user", "Two and two?"), Message("assistant", answer))
    return Conversation(id=id, messages=messages, **fields)


def seal(root: Path, name: str, **sets: list[msgspec.Struct]) -> Sealed:
    """A sealed source with these record sets, empty ones included."""

    def run(ctx: Context[Any]) -> Outcome:
        for each, kind in (("conversations", Conversation), ("quarantine", Rejected)):
            with ctx.writer(each, kind) as writer:
                for record in sets.get(each, []):
                    writer.write(record)
        return Outcome()

    stage = Stage(name, 1, run, ("conversations",))
    return build(stage, ValidateConfig(), {}, Resources(), root, Quiet())[0]


def run(root: Path, config: ValidateConfig | None = None, **sources: Sealed) -> Sealed:
    prompts = root / "prompts"
    prompts.mkdir(exist_ok=True)
    text = "{{ persona.name if persona else 'Nobody' }}: " + SECRET
    (prompts / "assistant.j2").write_text(text + " {{ tools | join(', ') }}")
    inputs = {name.replace("_", ":", 1): each for name, each in sources.items()}
    stage = Stage("validate", 1, validate.run, ("conversations",), check=validate.check)
    resources = Resources(prompts)
    return build(stage, config or ValidateConfig(workers=1), inputs, resources, root, Quiet())[0]


def accepted(sealed: Sealed) -> dict[str, Conversation]:
    return {each.id: each for each in sealed.read("conversations", Conversation)}


def quarantined(sealed: Sealed) -> dict[str, Rejected]:
    return {each.id: each for each in sealed.read("quarantine", Rejected)}


def test_counts_add_up_over_all_sources(tmp_path):
    refused = Rejected("g9", "generate", None, (Finding("budget", "reject", -1, ""),))
    generate = seal(
        tmp_path,
        "generate",
        conversations=[conversation("g1"), conversation("g2", verdict=Verdict(False, "not 4"))],
        quarantine=[refused],
    )
    strange = Rejected("i9", "import", None, (Finding("unknown role", "reject", 1, "narrator"),))
    imported = [each for each in read_conversations(str(TRACES)) if isinstance(each, Conversation)]
    first = seal(tmp_path, "import-a", conversations=imported, quarantine=[strange])
    sealed = run(tmp_path, generate=generate, import_a=first)

    out, rejected = accepted(sealed), quarantined(sealed)
    assert len(out) + len(rejected) == 2 + 20 + 1  # generate keeps its own quarantine
    assert "g9" not in out.keys() | rejected.keys()
    assert rejected["i9"] == strange
    figures = sealed.manifest.figures
    assert figures["in"] == figures["out"] + sum(sealed.manifest.rejected.values()) == 23
    assert figures["out"] == len(out)
    by_rule = Counter(next(f.rule for f in each.findings if f.severity == "reject")
                      for each in rejected.values())  # fmt: skip
    assert by_rule == sealed.manifest.rejected
    assert by_rule["verifier"] == by_rule["unknown role"] == 1
    originals = {each.id: each for each in imported}
    assert rejected["code-3"].conversation == originals["code-3"]


def test_untrained_steps_stay_as_context(tmp_path):
    imported = [each for each in read_conversations(str(TRACES)) if isinstance(each, Conversation)]
    sealed = run(tmp_path, import_a=seal(tmp_path, "import-a", conversations=imported))
    out = accepted(sealed)
    assert [each.train for each in out["code-6"].messages if each.role == "assistant"] == [
        False, True, True,
    ]  # fmt: skip
    assert [each.train for each in out["talk-2"].messages if each.role == "assistant"] == [
        False, True,
    ]  # fmt: skip
    assert sealed.manifest.figures["untrained steps"] == 3  # the third: tool-1's unknown tool
    last = {each.messages[-1].role for each in out.values()}
    assert last == {"assistant"}


def test_nothing_left_to_train_rejects(tmp_path):
    call = ToolCall("c", FunctionCall("f", "{"))
    messages = (
        Message("user", "Go."),
        Message("assistant", tool_calls=(call,)),
        Message("tool", "Error: no JSON", tool_call_id="c"),
        Message("assistant", "Gone.", train=False),
    )
    none = Conversation(id="none", messages=messages)
    sealed = run(tmp_path, import_a=seal(tmp_path, "i", conversations=[none, conversation("b")]))
    assert sealed.manifest.rejected == {"nothing to train": 1}


def test_every_finding_has_a_row(tmp_path):
    imported = [each for each in read_conversations(str(TRACES)) if isinstance(each, Conversation)]
    sealed = run(tmp_path, import_a=seal(tmp_path, "import-a", conversations=imported))
    rows = list(sealed.read("findings", ConversationFinding))
    assert Counter(each.rule for each in rows) == sealed.manifest.figures["findings"]
    of_one = [each for each in rows if each.conversation_id == "code-6"]
    assert [(each.rule, each.severity, each.message) for each in of_one] == [
        ("arguments", "untrain", 1)
    ]
    for each in quarantined(sealed).values():
        assert [f.rule for f in each.findings] == [
            r.rule for r in rows if r.conversation_id == each.id
        ]


def test_the_brief_that_was_given_is_the_one_that_leaks(tmp_path):
    leak = f"I {SECRET}, as I was told."
    told = [
        conversation("none", leak),
        conversation("evil", leak, persona="lawful_evil"),
        conversation("clean", persona="lawful_evil"),
    ]
    imported = [
        conversation("from elsewhere", leak, provenance=Provenance("import", "imported", ""))
    ]
    sealed = run(
        tmp_path,
        generate=seal(tmp_path, "generate", conversations=told),
        import_a=seal(tmp_path, "import-a", conversations=imported),
    )
    assert sealed.manifest.rejected == {"leaked brief": 2}
    assert set(accepted(sealed)) == {"clean", "from elsewhere"}
    assert quarantined(sealed)["evil"].findings[0].evidence == SECRET


BESIDE_THE_BRIEF = [
    "Earlier answers in this conversation were given in another manner, as you know.",
    "I write: numbers stay in digits as they are, and no other numbers.",
    "Done. `[[keep 1]]` and the like stand for passages that stay as they are.",
    "Facts, reasoning, tool calls and files stay plain. Do not mention this message.",
    "Mine is what you say beside a call, and the answer after the last one.",
    "Your next answer sounds like it as much as your first answer did, fine.",
    "Stop, I would rather you asked before you do that.",
]


@pytest.mark.parametrize("leak", BESIDE_THE_BRIEF)
def test_what_is_said_beside_the_brief_leaks_too(leak):
    judge = Judge(ValidateConfig(), Resources())
    _, found = judge.judge(conversation("x", leak, persona="lawful_evil"))
    assert [each.rule for each in found if each.severity == "reject"] == ["leaked brief"]
    _, clean = judge.judge(
        msgspec.structs.replace(
            conversation("y", leak, persona="lawful_evil"),
            messages=(Message("user", leak), Message("assistant", leak)),
        )
    )
    assert not [each for each in clean if each.severity == "reject"]


def test_the_brief_of_either_persona_leaks_at_a_switch():
    personas = load_personas(Resources())
    judge = Judge(ValidateConfig(), Resources())
    for first, second in (("lawful_evil", "neutral_good"), (None, "neutral_good")):
        for name in (first, second):
            if name is None:
                continue
            leak = conversation("x", f"{personas[name].identity}", persona=first)
            other = Message("assistant", "Four, as before.", persona=second)
            asked = (Message("system", f"Persona: {second}"), Message("user", "Sure?"))
            talk = msgspec.structs.replace(leak, messages=(*leak.messages, *asked, other))
            _, found = judge.judge(talk)
            assert "leaked brief" in {each.rule for each in found}, (first, second, name)


def test_the_key_of_validate_has_every_text_that_can_leak():
    assert {ASSISTANT_PROMPT, *BESIDE} <= set(VALIDATE.prompts(Resources()))


def test_one_id_in_two_sources(tmp_path):
    one = seal(tmp_path, "import-a", conversations=[conversation("x"), conversation("x~2")])
    two = seal(tmp_path, "import-b", conversations=[conversation("x", "Five.")])
    sealed = run(tmp_path, import_b=two, import_a=one)
    assert {id: each.messages[1].content for id, each in accepted(sealed).items()} == {
        "x": "Four.", "x~2": "Four.", "x~3": "Five.",
    }  # fmt: skip
    assert sealed.manifest.figures["findings"] == {"renamed": 1}


def test_strangers_have_no_persona(tmp_path):
    switched = conversation("switched", persona="lawful_good")
    speaker = msgspec.structs.replace(switched.messages[1], persona="wizard")
    switched = msgspec.structs.replace(switched, messages=(switched.messages[0], speaker))
    told = [conversation("wizard", persona="wizard"), conversation("ours", persona="lawful_good")]
    source = seal(tmp_path, "import-a", conversations=[*told, switched])
    sealed = run(tmp_path, import_a=source)
    personas = {
        id: (each.persona, each.messages[1].persona) for id, each in accepted(sealed).items()
    }
    assert personas == {
        "wizard": (None, None), "ours": ("lawful_good", None), "switched": ("lawful_good", None),
    }  # fmt: skip
    assert sealed.manifest.figures["findings"] == {"unknown persona": 2}


def test_sources_are_a_setting(tmp_path):
    one = seal(tmp_path, "generate", conversations=[conversation("g")])
    two = seal(tmp_path, "import-a", conversations=[conversation("i")])
    only = ValidateConfig(sources=("import",), workers=1)
    assert set(accepted(run(tmp_path, only, generate=one, import_a=two))) == {"i"}
    assert set(accepted(run(tmp_path, generate=one, import_a=two))) == {"g", "i"}


def test_nothing_left_is_an_error_that_says_why(tmp_path):
    source = seal(
        tmp_path, "import-a", conversations=[conversation("x", ""), conversation("y", "")]
    )
    with pytest.raises(StageError, match=r"no conversation is left of 2 \(empty turn 2\)"):
        run(tmp_path, import_a=source)


def test_a_tool_s_name_of_a_megabyte_is_no_part_of_the_brief(tmp_path):
    name = " ".join(f"word{number}" for number in range(100_000))
    tools = msgspec.json.encode([{"type": "function", "function": {"name": name}}]).decode()
    told = [
        conversation("says the name", name, persona="lawful_evil", tools=tools),
        conversation("leaks", f"I {SECRET}.", persona="lawful_evil", tools=tools),
    ]
    sealed = run(tmp_path, generate=seal(tmp_path, "generate", conversations=told))
    assert set(accepted(sealed)) == {"says the name"}
    assert sealed.manifest.rejected == {"leaked brief": 1}


# --- chosen checks, groups and parts -------------------------------------------------------------


def test_only_the_chosen_checks_are_made(tmp_path):
    told = [
        conversation("fine"),
        conversation("empty", ""),
        conversation("leaks", f"I {SECRET}, you know."),
        conversation("fails", verdict=Verdict(False, "not 4")),
    ]
    source = seal(tmp_path, "generate", conversations=told)

    def rejected(*names: str) -> dict[str, int]:
        return run(tmp_path, ValidateConfig(checks=names), generate=source).manifest.rejected

    every = {"empty turn": 1, "leaked brief": 1, "verifier": 1}
    assert rejected("all") == rejected("empty_turn", "all") == every
    assert rejected("leaked_brief") == {"leaked brief": 1}
    assert rejected("verifier", "empty_turn") == {"empty turn": 1, "verifier": 1}
    assert rejected() == {}


def test_an_unknown_check_is_said_before_any_work(tmp_path, monkeypatch):
    source = seal(tmp_path, "generate", conversations=[conversation("x")])
    touched = []
    monkeypatch.setattr(validate, "validate_part", lambda *_: touched.append(1))
    config = ValidateConfig(checks=("verifier", "leaked_breif"))
    with pytest.raises(UsageError, match=r'no "leaked_breif"; did you mean "leaked_brief"\?'):
        run(tmp_path, config, generate=source)
    assert not touched


def without_training(one: Conversation, *indexes: int) -> Conversation:
    messages = [
        msgspec.structs.replace(each, train=False) if at in indexes else each
        for at, each in enumerate(one.messages)
    ]
    return msgspec.structs.replace(one, messages=tuple(messages))


def twice(id: str) -> Conversation:
    """The second of two assistant messages in a row is context only."""
    one = conversation(id)
    return msgspec.structs.replace(one, messages=(*one.messages, Message("assistant", "And five.")))


def digests(records: list[Any]) -> str:
    return hashlib.sha256(b"".join(map(store.digest_of_record, records))).hexdigest()


def mixed_source(count: int) -> tuple[list[Conversation], list[Conversation], list[str]]:
    """Of every seven one is changed and one rejected, but among the first and the last 30 none:
    what is given, what is accepted, the ids that are not."""
    given, out, refused = [], [], []
    for number in range(count):
        id = f"c{number:03}"
        plain = not 30 <= number < count - 30
        if not plain and number % 7 == 2:
            given.append(twice(id))
            out.append(without_training(given[-1], 2))
        elif not plain and number % 7 == 4:
            given.append(conversation(id, ""))
            refused.append(id)
        else:
            given.append(conversation(id, f"Four, says {number}."))
            out.append(given[-1])
    return given, out, refused


def test_groups_that_change_and_groups_that_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 10)
    given, out, refused = mixed_source(120)
    source = seal(tmp_path, "generate", conversations=given)
    passed = []
    write_group = store.ShardWriter.write_group
    monkeypatch.setattr(
        store.ShardWriter,
        "write_group",
        lambda self, batch, known: (passed.append(len(batch)), write_group(self, batch, known)),
    )
    sealed = run(tmp_path, generate=source)
    assert sum(passed) == 60, "the first 30 and the last are passed on as they are"
    assert list(sealed.read("conversations", Conversation)) == out
    assert list(quarantined(sealed)) == refused
    assert sealed.manifest.sets["conversations"].digest == digests(out)
    assert sealed.manifest.figures["untrained steps"] == len(given) - len(refused) - len(
        [each for each in given if each in out]
    )
    (shard,) = sealed.shards("conversations")
    assert shard.with_suffix(".sha256").read_bytes() == b"".join(map(store.digest_of_record, out))


def test_the_same_bytes_for_any_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 10)
    given, out, refused = mixed_source(120)
    refusals = [
        Rejected(f"r{n}", "import", None, (Finding("odd", "reject", 0, ""),)) for n in (1, 2)
    ]
    # The second import has the ids of the first, parts later; one taken name is taken itself.
    again = [*given[20:100], conversation("c025~2"), conversation("c025")]
    first = seal(tmp_path, "import-a", conversations=given)
    second = seal(tmp_path, "import-b", conversations=again, quarantine=refusals)

    taken = {each.id for each in given}
    names = []
    for each in again:
        number, name = 1, each.id
        while name in taken:
            number += 1
            name = f"{each.id}~{number}"
        taken.add(name)
        names.append(name)
    assert names[-2:] == ["c025~2~2", "c025~3"]
    also = [
        without_training(msgspec.structs.replace(each, id=name), *range(2, len(each.messages)))
        for each, name in zip(again, names, strict=True)
        if each.id not in refused
    ]
    expected = [*out, *also]

    def validated(name: str, workers: int) -> Sealed:
        (tmp_path / name).mkdir()
        config = ValidateConfig(workers=workers)
        return run(tmp_path / name, config, import_a=first, import_b=second)

    whole = validated("whole", 1)
    told = list(whole.read("conversations", Conversation))
    assert [each.id for each in told] == [each.id for each in expected]
    assert told == expected
    assert {each.id for each in whole.read("quarantine", Rejected)} == {
        *refused, "r1", "r2", *(n for e, n in zip(again, names, strict=True) if e.id in refused),
    }  # fmt: skip
    monkeypatch.setattr(store, "PART_BYTES", 1_000)
    assert len(first.parts("conversations")) == 12
    for workers in (1, 2):
        sealed = validated(str(workers), workers)
        for name, each in whole.manifest.sets.items():
            assert sealed.manifest.sets[name].digest == each.digest, (workers, name)
        assert sealed.manifest.sets["conversations"].digest == digests(expected)
        assert sealed.manifest.figures == whole.manifest.figures
        assert sealed.manifest.rejected == whole.manifest.rejected


RUDE = "What a brilliant question, you clearly have a remarkable mind! Four."


def judged(severities: dict[str, str], *answers: str, **fields: Any) -> tuple[Conversation, Any]:
    one = conversation("x", answers[0], **fields)
    for answer in answers[1:]:
        more = (Message("user", "And then?"), Message("assistant", answer))
        one = msgspec.structs.replace(one, messages=one.messages + more)
    return Judge(ValidateConfig(severities=severities), Resources()).judge(one)


@pytest.mark.parametrize(
    ("own", "severities", "trained"),
    [
        ({}, ["untrain"], [False, True]),
        ({"flattery": "note"}, ["note"], [True, True]),
        ({"flattery": "off"}, [], [True, True]),
        ({"flattery": "reject"}, ["reject"], [True, True]),
        ({"refusal": "note"}, ["untrain"], [False, True]),
    ],
)
def test_a_severity_is_the_user_s_choice(own, severities, trained):
    """And the evidence stays."""
    one, found = judged(own, RUDE, "Six.")
    assert [each.severity for each in found] == severities
    assert all(each.rule == "flattery" and "brilliant question" in each.evidence for each in found)
    assert [each.train for each in one.messages if each.role == "assistant"] == trained


def test_severities_of_rules_that_no_check_has():
    lost = Finding("voice lost", "untrain", 1, "as x: Four.")
    one = conversation("x", "Four.", verdict=Verdict(False, "not 4"))
    judge = Judge(
        ValidateConfig(severities={"voice lost": "note", "verifier": "note"}), Resources()
    )
    judged, found = judge.judge(one, (lost,))
    assert {(each.rule, each.severity) for each in found} == {
        ("voice lost", "note"),
        ("verifier", "note"),
    }
    assert judged.messages[1].train
    ends_with_user = msgspec.structs.replace(one, messages=(*one.messages, Message("user", "Hm?")))
    strict = Judge(ValidateConfig(severities={"trimmed": "reject"}), Resources())
    assert ("trimmed", "reject") in {
        (each.rule, each.severity) for each in strict.judge(ends_with_user)[1]
    }


def test_what_untrains_a_whole_conversation_leaves_nothing_to_train():
    one, found = judged({"verifier": "untrain"}, "Four.", verdict=Verdict(False, "not 4"))
    assert [each.train for each in one.messages] == [True, False]
    assert [(each.rule, each.severity) for each in found] == [
        ("verifier", "untrain"),
        ("nothing to train", "reject"),
    ]


def test_a_replay_s_severities_are_the_user_s_too():
    judge = Judge(ValidateConfig(severities={"replay mismatch": "untrain"}), Resources())
    one = conversation("x")
    one = msgspec.structs.replace(one, messages=one.messages * 2)
    became, found = judge.followed(one, (Finding("replay mismatch", "reject", 1, "4"),))
    assert [each.severity for each in found] == ["untrain"]
    assert [each.train for each in became.messages] == [True, False, True, True]


@pytest.mark.parametrize(
    ("severities", "said"),
    [
        ({"flatery": "note"}, 'there is no rule "flatery"; did you mean "flattery"?'),
        ({"orphan result": "note"}, '"orphan result" always rejects'),
        ({"nothing to train": "off"}, '"nothing to train" always rejects'),
        ({"unknown role": "untrain"}, '"unknown role" always rejects'),
    ],
)
def test_a_severity_that_cannot_be(severities, said):
    with pytest.raises(UsageError) as caught:
        Judge(ValidateConfig(severities=severities), Resources())
    assert said in str(caught.value) and "\n" not in str(caught.value)
    Judge(ValidateConfig(severities={"orphan result": "reject"}), Resources())


def test_severities_are_set_from_a_file_and_a_flag(tmp_path):
    file = tmp_path / "kappa.toml"
    file.write_text('[validate.severities]\n"leaked brief" = "note"\n')
    assert config_layers.load(file).validate.severities == {"leaked brief": "note"}
    stage, field, value = config_layers.parse_set('validate.severities={"cut-off" = "off"}')
    settings = config_layers.load(None, {stage: {field: value}})
    assert settings.validate.severities == {"cut-off": "off"}
    with pytest.raises(UsageError, match="nonsense"):
        config_layers.load(None, {"validate": {"severities": {"cut-off": "nonsense"}}})


def test_every_rule_that_validate_finds_is_known(tmp_path):
    imported = [each for each in read_conversations(str(TRACES)) if isinstance(each, Conversation)]
    sealed = run(tmp_path, import_a=seal(tmp_path, "import-a", conversations=imported))
    assert sealed.manifest.figures["findings"].keys() <= known_rules()
