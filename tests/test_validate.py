"""validate: what goes on, what does not, and that the counts add up."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kappa_data.config import ValidateConfig
from kappa_data.errors import StageError
from kappa_data.importing.reader import read_conversations
from kappa_data.progress import Quiet
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
    stage = Stage("validate", 1, validate.run, ("conversations",))
    resources = Resources(prompts)
    return build(stage, config or ValidateConfig(), inputs, resources, root, Quiet())[0]


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
    only = ValidateConfig(sources=("import",))
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
