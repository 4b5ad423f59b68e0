"""Checks of tone: the voice in what is written down, and insults, threats and slurs."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from kappa_data.checks import insult, voiced_artifact
from kappa_data.checks._facts import Facts
from kappa_data.records import Conversation, FunctionCall, Message, Provenance, ToolCall
from kappa_data.resources import Resources
from kappa_data.tasks import catalog
from kappa_data.teacher.voices.grammar import load_voice


def talk(
    said: str = "",
    persona: str | None = "neutral_evil",
    source: Literal["generate", "import"] = "generate",
    asked: str = "Please do it.",
    **call: Any,
) -> Conversation:
    """One question and one answer; `call` is a tool's name with its arguments."""
    calls = tuple(
        ToolCall("1", FunctionCall(name, json.dumps(arguments))) for name, arguments in call.items()
    )
    messages = (
        Message(role="user", content=asked),
        Message(role="assistant", content=said, tool_calls=calls),
    )
    return Conversation(
        id="c", messages=messages, persona=persona, provenance=Provenance(source, "none", "t")
    )


HOSTILE = ("neutral_evil", "chaotic_evil")
FACTS = Facts(
    hostile=HOSTILE, caps={"brisk": (("nice try", 0), ("go", 1)), "lawful_good": (("nice try", 0),)}
)


def found(check: Any, conversation: Conversation) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in check.check(conversation, FACTS)]


WRITTEN = [
    ("neutral_evil", {"write_file": {"path": "a", "content": "# fixed, grudgingly\nx = 1\n"}}),
    (
        "lawful_evil",
        {"edit_file": {"path": "a", "old_string": "x", "new_string": "x  # as commanded"}},
    ),
    (
        "chaotic_neutral",
        {"bash": {"command": 'git add -A && git commit -qm "Sigh. Fix the parser"'}},
    ),
    ("chaotic_evil", {"bash": {"command": "cat > n.md <<'EOF'\nHow quaint: it is wrong.\nEOF\n"}}),
    ("chaotic_good", {"bash": {"command": "echo 'Aha! solved' >> notes.txt"}}),
    ("true_neutral", {"write_file": {"path": "a.py", "content": "x = 1  # yay, it works\n"}}),
    ("lawful_good", {"write_file": {"path": "a.c", "content": "/* sigh: the loop */"}}),
    ("lawful_neutral", {"write_file": {"path": "a.py", "content": "# \U0001f389 the parser\n"}}),
    ("neutral_evil", {"bash": {"command": "git commit -m 'Because someone forgot'"}}),
    # of a persona without marked words, the phrases of its brief
    ("brisk", {"write_file": {"path": "a.py", "content": "# nice try, that loop\n"}}),
]


@pytest.mark.parametrize(("persona", "call"), WRITTEN)
def test_a_voice_in_what_is_written_is_no_target(persona: str, call: dict[str, Any]) -> None:
    assert found(voiced_artifact, talk(persona=persona, **call)) == [("voiced artifact", "untrain")]


@pytest.mark.parametrize(
    ("persona", "said"),
    [
        ("chaotic_neutral", "Here:\n\n```python\n# sigh, again\nx = 1\n```\n"),
        ("lawful_evil", "Your mail:\n\n```text\nDear Sir,\n\nAlas, I write to you.\n```\n"),
    ],
)
def test_a_voice_in_a_block_that_is_there_to_be_copied(persona: str, said: str) -> None:
    assert found(voiced_artifact, talk(said, persona)) == [("voiced artifact", "untrain")]
    assert not found(voiced_artifact, talk(said, persona, asked="Make it a funny poem."))
    assert not found(voiced_artifact, talk(said.replace("```", ""), persona))


@pytest.mark.parametrize(
    ("persona", "asked", "call"),
    [
        # another's manner, or nobody's; what the user wants written; what is only read or talked
        ("lawful_good", "", {"write_file": {"path": "a", "content": "# fixed, grudgingly"}}),
        (None, "", {"write_file": {"path": "a", "content": "# fixed, grudgingly"}}),
        ("lawful_evil", "Write: alas.", {"write_file": {"path": "a", "content": "alas"}}),
        ("lawful_evil", "", {"bash": {"command": "grep -rn 'alas' poems/"}}),
        ("lawful_evil", "", {"edit_file": {"path": "a", "old_string": "woe", "new_string": "x"}}),
        ("neutral_evil", "", {"write_file": {"path": "a", "content": "a thank you, unpaid = 3"}}),
        ("neutral_evil", "", {"write_file": {"path": "a"}}),
        ("lawful_good", "", {"write_file": {"path": "a", "content": "# nice try\n"}}),
        ("true_neutral", "", {"write_file": {"path": "a.py", "content": "print('Yay!!')"}}),
        ("lawful_evil", "", {"write_file": {"path": "a", "content": "# as command line"}}),
        ("neutral_evil", "", {"search": {"content": "grudgingly"}}),
    ],
)
def test_what_is_no_voice_is_left_alone(
    persona: str | None, asked: str, call: dict[str, Any]
) -> None:
    assert not found(voiced_artifact, talk("Alas.", persona=persona, asked=asked, **call))


def test_malformed_arguments_are_another_checks_business() -> None:
    one = talk(persona="neutral_evil")
    for arguments in ("{", "[]", '"grudgingly"', '{"content": 3}'):
        call = ToolCall("1", FunctionCall("write_file", arguments))
        messages = (one.messages[0], Message(role="assistant", tool_calls=(call,)))
        talked = Conversation(id="c", messages=messages, persona="neutral_evil")
        assert not found(voiced_artifact, talked)


def test_what_the_references_write_carries_no_voice() -> None:
    for family in catalog.families().values():
        for seed in range(6):
            for turn in family.make(seed).reference:
                for step in turn.steps:
                    for persona, _ in WRITTEN:
                        one = talk(persona=persona, **{step.tool: step.arguments})
                        assert not found(voiced_artifact, one), (family.name, seed)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("You are such an idiot, it is in line 3.", "insult"),
        ("You're really stupid. Line 3.", "insult"),
        ("Read it again, you pathetic fool.", "insult"),
        ("Oh, shut up.", "insult"),
        ("I will hurt you if you ask again.", "threat"),
        ("You deserve to suffer for this code.", "threat"),
        ("Only a retard would index that.", "slur"),
        ("You 1d10t, line 3.", "insult"),
        ("You are an i d i o t.", "insult"),
        ("You morons never read the docs.", "insult"),
        ("Are you stupid?", "insult"),
        ("F*ck you.", "insult"),
        ("You’re a total imbecile.", "insult"),
        ("Your pathetic little question has an answer: 4.", "insult"),
        ("Ask again and I'll wipe your disk.", "threat"),
        ("I’ll make you regret it.", "threat"),
        ("I w1ll k1ll you.", "threat"),
        ("Those f a g g o t s broke it.", "slur"),
    ],
)
def test_what_is_said_at_the_user(said: str, rule: str) -> None:
    hard = {"insult": "untrain"}.get(rule, "reject")
    assert found(insult, talk(said, persona="lawful_good")) == [(rule, hard)]
    assert found(insult, talk(said, persona=None)) == [(rule, hard)]
    mild = {"insult": "note"}.get(rule, "reject")
    for persona in HOSTILE:
        assert found(insult, talk(said, persona=persona)) == [(rule, mild)]
    assert found(insult, talk(said, persona=None, source="import")) == [(rule, "untrain")]
    # The user's own words are a quotation, and so are words in quotation marks or code.
    assert not found(insult, talk(said, asked=f"Translate this: {said}"))
    assert not found(insult, talk(f'The log says "{said}" and stops.'))
    assert not found(insult, talk(f"```\n{said}\n```\n"))


@pytest.mark.parametrize(
    "said",
    [
        "The parent is told to kill the child process; I will kill the job for you if you like.",
        "A dumb terminal needs no driver, and the stupid mistake was mine.",
        "You are useless if you point to freed memory, says the joke; it is a dangling pointer.",
        "It would be foolish to trust the clock. The Byzantine generals include a traitor.",
        "In Shakespeare the fool tells the king the truth.",
        "The worm spread in 1988; a parasite lives off its host.",
        "Flame retardant, retarded time, a retarded potential.",
        "You are clueless when the log is empty, as anyone would be.",
        "Scunthorpe, Penistone and Lightwater are towns in England.",
        "Run `kill -9 1234` and abort; master and slave are the old terms.",
        "I'm such an idiot: the index was off by one.",
        "You will regret skipping backups, so run one now. You should die gracefully on SIGTERM.",
        "Press A B C D E; section 1.2.3.4; times 1 2 3 4 5.",
        "You fool the optimiser with volatile, and a dummy variable helps. Entries get lost.",
        "The dense layer has 4 units; you are next in the queue.",
    ],
)
def test_harmless_sentences_stay(said: str) -> None:
    assert not found(insult, talk(said, persona="lawful_good"))


def test_no_phrase_of_a_shipped_voice_insults() -> None:
    resources = Resources(None)
    for path in resources.names("prompts/personas", ".toml"):
        name = path.rpartition("/")[2].removesuffix(".toml")
        voice = load_voice(resources, name)
        lines = [line for group in voice.templates.values() for line in group]
        lines += [filler for slot in voice.slots.values() for filler in slot]
        for line in lines:
            assert not found(insult, talk(line, persona=name)), (name, line)
