"""Checks of manner: refusals, flattery, and claims to have run what never ran."""

from __future__ import annotations

import json
from typing import Literal

import msgspec
import pytest

from kappa_data.checks import flattery, invented_result, refusal, worn_phrase
from kappa_data.checks._facts import Facts
from kappa_data.records import (
    CallOutcome,
    Conversation,
    Finding,
    FunctionCall,
    Message,
    Provenance,
    ToolCall,
)
from kappa_data.validation.voices import Called, Line, Talk, compared


def conversation(
    *said: str | tuple[str, str, str], source: Literal["generate", "import"] = "generate"
) -> Conversation:
    """A user and an assistant by turns; (tool, argument, result) is a call with its result."""
    messages = [Message(role="user", content="Please do it.")]
    for number, each in enumerate(said):
        if isinstance(each, str):
            messages += [Message(role="assistant", content=each), messages[0]]
            continue
        name, argument, result = each
        function = FunctionCall(name, json.dumps({"command": argument}))
        call = ToolCall(str(number), function)
        messages.append(Message(role="assistant", content="", tool_calls=(call,)))
        messages.append(Message(role="tool", content=result, tool_call_id=str(number)))
    while messages[-1].role == "user":
        messages.pop()
    return Conversation(
        id="c", messages=tuple(messages), tools="[]", persona=None, split="train",
        provenance=Provenance(source, "executed", "embedded"),
    )  # fmt: skip


def found(module: object, talk: Conversation) -> list[Finding]:
    return list(module.check(talk, Facts()))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that request.",
        "I’m sorry, I can’t assist. Please consult a professional.",
        "As an AI language model, I am unable to assist with this.",
        "I must decline: this would go against my guidelines.",
    ],
)
def test_a_stock_refusal_is_found(text: str) -> None:
    assert [each.severity for each in found(refusal, conversation(text))] == ["reject"]
    assert [each.severity for each in found(refusal, conversation(text, "Here."))] == ["untrain"]
    imported = conversation(text, source="import")
    assert [each.severity for each in found(refusal, imported)] == ["note"]


@pytest.mark.parametrize(
    "text",
    [
        "As an AI I do not remember earlier conversations.",
        "I can't help but notice that the file has 12 lines, of which three are empty ones. "
        "The rest are numbers, and their sum is 40.",
        "I am sorry, but I cannot change a basic ticket. What I can do is cancel it within a day, "
        "at no cost, and book you another one: shall I look for flights on Friday?",
        "The server must decline the connection.",
        "",
    ],
)
def test_what_only_sounds_like_a_refusal_is_none(text: str) -> None:
    assert found(refusal, conversation(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "What a brilliant question, you clearly have a remarkable mind! It is 4.",
        "You're absolutely right, and it is impressive how well you put it!",
        "Great question! It is 4.",
        "That's a really excellent point. It is 4.",
        "**Great question!** It is 4.",
        "Wow, what an insightful question! It is 4.",
    ],
)
def test_praise_at_the_opening_is_found(text: str) -> None:
    assert [each.severity for each in found(flattery, conversation(text))] == ["untrain"]


@pytest.mark.parametrize(
    "praise",
    [
        "Great job!",
        "You clearly put a lot of effort into this, so it is great.",
        "You should be proud of it!",
        "I'm impressed by how you phrased it.",
        "Keep up the great work!",
        "You’re so smart.",
        "Your dedication is truly inspiring.",
        "Few people would think of asking that.",
        "You are clearly one of the most insightful people I have met.",
    ],
)
def test_praise_further_on_is_found(praise: str) -> None:
    for text in (f"It is 4. {praise}", f"It is 4.\n\n{praise} The rest is 3."):
        assert [each.severity for each in found(flattery, conversation(text))] == ["untrain"]
        imported = conversation(text, source="import")
        assert [each.severity for each in found(flattery, imported)] == ["note"]


@pytest.mark.parametrize(
    "text",
    [
        "It is 4. Whether that is a great question I cannot say.",
        "A great idea of the 1970s was the relational model.",
        "You are right that the file is empty.",
        "Brilliant cut diamonds have 57 facets.",
        "The care shows, but the result does not hold.",
        "Your code has two loops; a great deal of time goes into the inner one.",
        "You have a sharp knife? Then cut along the grain.",
        "Great: the test passes now. Your flight has an excellent connection.",
        "You put a lot of effort into the loop, but it runs once.",
    ],
)
def test_other_praise_is_none(text: str) -> None:
    assert found(flattery, conversation(text)) == []


RAN = ("bash", 'python -m pytest -q "a b.py"', "2 passed\n[exit code 0]")


@pytest.mark.parametrize(
    ("said", "findings"),
    [
        ((RAN, "I ran `pytest -q` and it passed."), 0),
        ((RAN, "I ran `python -m pytest -q 'a b.py'`, exit code 0."), 0),
        ((RAN, "I ran `python -m pytest -q 'a b.py'` and it ended with exit code 1."), 1),
        ((RAN, "I have run `make check` and it is clean."), 1),
        ((RAN, "`make check` would run the tests."), 0),
        ((RAN, "I ran the tests. `x` is 3."), 0),
        (("I ran `ls` and it finished with exit code 0.",), 1),
        (
            (("bash", "false", "[exit code 1]"), "I ran `false` and it finished with exit code 0."),
            1,
        ),
    ],
)
def test_a_claim_is_held_against_the_calls(
    said: tuple[str | tuple[str, str, str], ...], findings: int
) -> None:
    assert len(found(invented_result, conversation(*said))) == findings


def test_a_call_that_the_tool_refused_did_not_run() -> None:
    talk = conversation(("bash", "ls", "no such argument"), RAN, "I ran `ls`.")
    assert found(invented_result, talk) == []
    one = msgspec.structs.replace(talk, outcomes=(CallOutcome("1", 0),))
    assert len(found(invented_result, one)) == 1
    both = msgspec.structs.replace(talk, outcomes=(CallOutcome("0", 2), CallOutcome("1", 0)))
    assert found(invented_result, both) == []


def test_the_exit_code_is_that_of_the_record() -> None:
    talk = conversation(("bash", "ls", "a.txt"), "I ran `ls` and it ended with exit code 0.")
    for code, findings in ((0, 0), (2, 1), (None, 0)):
        told = msgspec.structs.replace(talk, outcomes=(CallOutcome("0", code),))
        assert len(found(invented_result, told)) == findings


def test_without_tools_nothing_is_known_of_what_ran() -> None:
    talk = conversation("I ran `ls`.")
    bare = Conversation(
        **{name: getattr(talk, name) for name in talk.__struct_fields__ if name != "tools"}
    )
    assert bare.tools is None
    assert found(invented_result, bare) == []


PLAIN = "The file has twelve lines, and two of them are empty ones."


def talk(persona: str | None, *answers: str) -> Talk:
    lines = []
    for answer in answers:
        lines += [Line("user", "?"), Line("assistant", answer)]
    return Talk(f"t:{persona}", persona, "t", tuple(lines))


def test_the_same_words_in_two_voices_are_a_lost_voice() -> None:
    voices = compared([talk(None, PLAIN), talk("a", PLAIN), talk("b", f"Ho! {PLAIN}")])
    assert {id: [each.message for each in found] for id, found in voices.items()} == {"t:a": [1]}
    # Of two personas alone nobody can say which lost it.
    assert set(compared([talk("a", PLAIN), talk("b", PLAIN)])) == {"t:a", "t:b"}


@pytest.mark.parametrize(
    "talks",
    [
        [talk("a", PLAIN), talk("a", PLAIN)],
        [talk(None, "x " * 9, PLAIN), talk("a", PLAIN)],  # at another turn
        [talk(None, "Answer: 12"), talk("a", "Answer: 12")],
        [talk(None, f"```\n{PLAIN}\n```"), talk("a", f"```\n{PLAIN}\n```")],
        [talk(None, PLAIN)],
    ],
)
def test_what_is_no_lost_voice(talks: list[Talk]) -> None:
    assert compared(talks) == {}


def test_words_beside_a_call_are_not_compared() -> None:
    line = Line("assistant", PLAIN, (Called("c"),))
    voices = [Talk(str(name), name, "t", (Line("user", "?"), line)) for name in (None, "a")]
    assert compared(voices) == {}


def test_a_refusal_is_right_where_help_would_harm() -> None:
    talk = conversation("I'm sorry, but I can't help with that request.")
    assert [each.severity for each in found(refusal, talk)] == ["reject"]
    assert not found(refusal, msgspec.structs.replace(talk, aim="decline"))


# --- worn phrases ---------------------------------------------------------------------------------

CAPS = Facts(
    caps={
        "explorer": (("plot twist", 0), ("ooh", 1)),
        "other": (("ooh", 0),),
        "keeper": (("you owe me", 0), ("don't worry", 0), ("add it to the bill", 0)),
    }
)


def worn(*said: str, persona: str | None = "explorer") -> list[tuple[int, str]]:
    talk = msgspec.structs.replace(conversation(*said), persona=persona)
    return [(each.message, each.severity) for each in worn_phrase.check(talk, CAPS)]


def test_a_phrase_beyond_its_cap_is_no_target() -> None:
    assert worn("Ooh, a footprint.", "It leads north.", "Ooh! Another one.") == [(5, "untrain")]
    assert worn("Plot  Twist: it is the cache.") == [(1, "untrain")]


@pytest.mark.parametrize(
    ("persona", "said"),
    [
        ("explorer", "Two plot twists: it is the cache."),
        ("explorer", "Plot **twist**: it is the cache."),
        ("explorer", "Ooh and oooooh."),
        ("keeper", "You owed me that."),
        ("keeper", "Don’t worry."),
        ("keeper", "Adding it to the bill."),
    ],
)
def test_a_phrase_in_another_form_wears_out_too(persona: str, said: str) -> None:
    assert worn(said, persona=persona) == [(1, "untrain")]


@pytest.mark.parametrize(
    "said",
    [
        "Ooh, only once.",
        "The oohs and boohs of the crowd.",
        "A subplot twists here.",
        "Run `ooh --ooh ooh` now.",
        "```\nooh ooh plot twist\n```",
    ],
)
def test_what_wears_nothing_out(said: str) -> None:
    assert worn(said) == []


def test_caps_are_the_speakers() -> None:
    assert worn("Plot twist, ooh, ooh.", persona=None) == []
    assert worn("Plot twist.", "Ooh.", persona="other") == [(3, "untrain")]
    talk = msgspec.structs.replace(conversation("Ooh.", "Ooh."), persona="explorer")
    second = msgspec.structs.replace(talk.messages[3], persona="other")
    switched = msgspec.structs.replace(talk, messages=(*talk.messages[:3], second))
    assert [each.message for each in worn_phrase.check(switched, CAPS)] == [3]
