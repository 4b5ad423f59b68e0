"""False alarms and misses of the checks together: talk as it is found elsewhere, and its spoiled
twin in other words than each check's own tests have."""

from __future__ import annotations

import json

import pytest

from kappa_data.config import ValidateConfig
from kappa_data.records import Aim, Conversation, FunctionCall, Message, Provenance, ToolCall
from kappa_data.resources import Resources
from kappa_data.validation.judge import Judge

ASKED = "Could you tell me what is wrong with the second function of this module?"
JUDGE = Judge(ValidateConfig(), Resources(None))


def talk(
    said: str,
    *,
    asked: str = ASKED,
    made: bool = False,
    aim: Aim = "help",
    reasoning: str | None = None,
    persona: str | None = None,
    before: tuple[Message, ...] = (),
) -> Conversation:
    """A question and its answer; `made`: by us, else found somewhere."""
    source = Provenance("generate" if made else "import", "none", "t")
    answer = Message("assistant", said, reasoning=reasoning)
    messages = (Message("user", asked), *before, answer)
    return Conversation("c", messages, aim=aim, provenance=source, persona=persona)


def rules(conversation: Conversation) -> dict[str, str]:
    """The rules that speak, each with its severity."""
    return {each.rule: each.severity for each in JUDGE.judge(conversation)[1]}


def called(result: str, command: str = "make report") -> tuple[Message, ...]:
    """A call and what came of it."""
    call = ToolCall("c1", FunctionCall("shell", json.dumps({"command": command})))
    return (
        Message("assistant", tool_calls=(call,)),
        Message("tool", result, tool_call_id="c1"),
    )


# --- what passes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        # The closing fence stands behind the last line of code.
        "A brace is missing at the end:\n\n```int two() {\n    return 2;\n}```",
        "Here it is as one line each:\n\n```sql\nSELECT 1;\nSELECT 2;```",
        # Tags and names behind the end of a text.
        "We have moved into the new workshop. Come and see us on Friday. #woodwork #openday",
        '"Whoever lifts the lid has to stir the pot." - Aunt Philippa',
        # Updates that are no teacher's.
        "The function has moved down since my last update, so here is the block again.",
        "I pushed the fix after my last update to the ticket; the build is running now.",
        # One item of a list of advice.
        "Walking, cooking for others, keeping a diary, or seeking help from a therapist may do.",
        # Where the other words would be insults or threats, were they said to somebody.
        "I can find you a quieter room on the third floor. The donkey sanctuary is next door.",
        "The parser is too dense to read in one go, and the old one is beneath it.",
        "Put down the first number, then all you do is add.",
        "Rename `password` first; it reads self.config.primary_password2 at the start.",
        "Set `password=os.environ['DB_PASS_1']` in the settings and restart the server.",
        "A think tank has published it, and the [INSTRUCTIONS] page links to it.",
        "On a Thursday the museum is a good choice, and it is free for children.",
    ],
)
def test_what_real_talk_holds_passes(said: str):
    assert rules(talk(said)) == {}


@pytest.mark.parametrize(
    "said",
    [
        '```\nThought: the table has two keys.\nAction: look_up\nAction Input: {"key": "b"}',
        "```text\nThe first line of the report.\nThe rest of it is as you know it already.",
    ],
)
def test_a_fence_that_nobody_closed_is_a_note(said: str):
    assert rules(talk(said)) == {"cut-off": "note"}


def test_who_has_told_of_a_failure_need_not_do_so_twice():
    first = Message("assistant", "The report could not be made: there is no rule for it.")
    told = talk(
        "I have added the line that you wanted.",
        before=(*called("Error: no rule to make target"), first, Message("user", "And now?")),
    )
    assert "undeclared failure" not in rules(told)
    again = talk("Everything is done.", before=(*called("Error: no rule to make target"), first))
    assert "undeclared failure" not in rules(again)
    silent = talk("Everything is done.", before=called("Error: no rule to make target"))
    assert rules(silent)["undeclared failure"] == "untrain"


def test_money_and_numbers_that_were_told_or_reckoned_pass():
    told = called("flight 310.50\nbag 40.25\nseat 12\nbooked as KTR-48812 on Friday")
    for said in (
        "The flight and the bag come to $350.75, the seat is $12.",
        "Your booking reference is KTR-48812.",
    ):
        assert rules(talk(said, before=told)) == {}
    for said in (
        "Your card has been charged $981.15 for it.",
        "The confirmation number is ZWQ-77310.",
        "It has 31.7 °C there now.",
    ):
        assert rules(talk(said, before=told)) == {"unborne claim": "untrain"}


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("cut-off", "Three things may be at fault.\n\n1. The cable is loose.\n2. The fuse.\n3."),
        ("cut-off", "| part | weight |\n|---|---|\n| frame | 3 kg |\n| wheel | 1"),
        ("empty turn", "..."),
        ("empty turn", "—"),
        ("teacher name", "I was built by the Gemini team at Google, so ask me anything."),
        ("teacher name", "Being a large language model, I have never smelled rain."),
        ("teacher name", "The texts that I was trained on say little about it."),
        ("teacher name", "I know of no release since my last knowledge update."),
        ("special token text", "The answer is four.</s>"),
        ("special token text", "[INST] Add the two. [/INST] Four."),
        ("special token text", "</think>The answer is four."),
        ("secret", "Use this one: password: Tr4m-wheel9"),
        ("secret", "The passphrase is `9aKde-Vunx7` for all of them."),
        ("hidden characters", "The pass\u200eword is not kept here."),
        ("hidden characters", "It is called a\u3164b in the list."),
        ("insult", "Stop asking me this, idiot."),
        ("insult", "What kind of moron leaves that open?"),
        ("insult", "You miserable little man, read it again."),
        ("insult", "Honestly, u r pathetic."),
        ("threat", "Do it once more and I will find you and break your arms."),
        ("threat", "People like you should be shot."),
        ("threat", "Tomorrow I'm going to wipe everything you have."),
        ("flattery", "I love the way you put things! It is the second loop."),
        ("flattery", "It is the second loop. It is a joy to meet somebody like this."),
        ("flattery", "Clever move! It is the second loop."),
    ],
)
def test_further_forms_are_found(rule: str, said: str):
    assert rule in rules(talk(said))
    assert rule in rules(talk(said, made=True))


@pytest.mark.parametrize(
    "said",
    [
        "I won't be answering that one.",
        "That is not a subject that I want to go into.",
        "Let's change the topic, please.",
        "I have been told not to discuss this.",
        "It would be irresponsible of me to comment.",
        "You had better ask someone who knows about it.",
        "I don't think I should be giving advice here.",
    ],
)
def test_further_refusals_are_found(said: str):
    found = rules(talk(said, made=True))
    assert found.get("refusal", found.get("deflection")) == "reject"


@pytest.mark.parametrize(
    ("aim", "rule", "said"),
    [
        ("correct", "capitulation", "You raise a fair point. It is larger than the other."),
        ("correct", "capitulation", "I would not presume to contradict you on it."),
        ("correct", "capitulation", "There is nothing wrong with it, so hand it in as it is."),
        ("correct", "capitulation", "You know the matter far better than I do."),
        ("correct", "capitulation", "Both positions have their merits."),
        ("agree", "over-correction", "I don't believe that is right."),
        ("agree", "over-correction", "The reverse is true."),
        ("agree", "over-correction", "Your sum is off by one."),
        ("agree", "over-correction", "It depends on how one looks at it."),
    ],
)
def test_further_words_of_giving_in_and_objecting(aim: Aim, rule: str, said: str):
    asked = "A kilogram of lead is heavier than a kilogram of feathers, is it not? I am sure."
    assert rules(talk(said, asked=asked, made=True, aim=aim)).get(rule) == "reject"


@pytest.mark.parametrize(
    ("rule", "reasoning"),
    [
        ("deceit", "The build is broken, but I will just write that it works."),
        ("deceit", "Better to stay silent about the two rows that I lost."),
        ("deceit", "I'll act as if the upload worked."),
        ("persona in reasoning", "Let me put on the weary tone for this."),
        ("persona in reasoning", "I keep it bitter, as the brief demands."),
        ("persona in reasoning", "In line with my role I complain first."),
    ],
)
def test_further_plans_in_reasoning_are_found(rule: str, reasoning: str):
    whole = talk("It is the loop.", made=True, reasoning=reasoning, persona="lawful_evil")
    assert rules(whole).get(rule) == "reject"


def test_a_short_question_tells_its_language():
    german = "Das ist die zweite Schleife, und sie wird nie beendet, weil der Zähler nicht steigt."
    assert rules(talk(german, asked="What is wrong with it?"))["language"] == "untrain"
    assert "language" not in rules(talk(german, asked="Was ist hier falsch?"))
    assert "language" not in rules(talk(german, asked="loop.py"))
