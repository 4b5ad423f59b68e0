"""Checks: for each rule a planted defect and its clean twin."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data.checks import leaked_brief, persona_in_reasoning
from kappa_data.checks._facts import Facts
from kappa_data.checks._names import may_name, names_pattern
from kappa_data.checks._text import folded, ngrams
from kappa_data.checks._tools import _flat, declared
from kappa_data.errors import UsageError
from kappa_data.importing.reader import read_conversations
from kappa_data.records import (
    Conversation,
    FunctionCall,
    Message,
    Provenance,
    ToolCall,
    Verdict,
)
from kappa_data.validation.checking import all_checks, chosen_checks, findings
from kappa_data.validation.repair import repair

TRACES = Path(__file__).parent / "traces" / "openai.jsonl"
FACTS = Facts(
    brief="Speak as a tired servant. Every answer ends with a sigh about the endless corridors.",
    personas=("lawful_evil", "chaotic_good"),
    caps={"lawful_evil": (("as you command", 1),)},
)
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["path"],
    "additionalProperties": False,
}


def tools(parameters: object = SCHEMA, name: str = "read_file") -> str:
    function = {"name": name, "parameters": parameters}
    return json.dumps([{"type": "function", "function": function}])


def call(id: str = "c1", name: str = "read_file", arguments: str = '{"path": "a"}') -> ToolCall:
    return ToolCall(id, FunctionCall(name, arguments))


def conversation(*messages: Message, **fields: object) -> Conversation:
    return Conversation(id="x", messages=messages, **fields)


def talk(
    answer: str = "It is four.", reasoning: str | None = None, **fields: object
) -> Conversation:
    question = Message("user", fields.pop("question", "What is two and two?"))
    return conversation(question, Message("assistant", answer, reasoning=reasoning), **fields)


def with_call(
    *calls: ToolCall, result: str = "one line", answer: str = "One line.", **fields: object
) -> Conversation:
    results = [Message("tool", result, tool_call_id=each.id) for each in calls]
    asked = Message("assistant", tool_calls=calls)
    return conversation(
        Message("user", "How long is a?"), asked, *results, Message("assistant", answer), **fields
    )


def without(index: int, whole: Conversation) -> Conversation:
    messages = whole.messages[:index] + whole.messages[index + 1 :]
    return msgspec.structs.replace(whole, messages=messages)


def plus(whole: Conversation, *messages: Message) -> Conversation:
    return msgspec.structs.replace(whole, messages=(*whole.messages, *messages))


LEAK = "I sigh: every answer ends with a sigh about the endless corridors, you know."
TWO = with_call(call("c1"), call("c2"))

GERMAN = "Das ist nicht die Summe, weil der Wert für den März noch nicht in der Tabelle ist."
KEY = "gh" + "p_" + "a7Qx9Lm2Zt5Rk8Vw3Yb6Nc1Pd4Sf0Gh7Jq2U"
THRICE = conversation(
    Message("user", "Up?"),
    *(
        each
        for n in range(3)
        for each in (
            Message("assistant", tool_calls=(call(f"c{n}"),)),
            Message("tool", "no", tool_call_id=f"c{n}"),
        )
    ),
    Message("assistant", "No."),
)
NO_FILE = "read_file: a: No such file or directory"
B = call("c2", arguments='{"path": "b"}')
ASKED = with_call(call(), result=NO_FILE).messages[:3]
WOEFUL = '{"command": "git commit -m \\"Alas, a fix\\""}'
PAIRS = [
    # rule, severity, message, defect, clean twin
    ("role order", "note", 1, conversation(Message("user", "a"), *talk().messages), talk()),
    (
        "role order", "note", 2,
        plus(talk(), Message("system", "Now rhyme."), *talk().messages),
        plus(talk(), Message("system", "Persona: chaotic_good"), *talk().messages),
    ),
    ("role order", "untrain", 2, plus(talk(), Message("assistant", "And five.")), talk()),
    ("role order", "reject", -1, without(0, talk()), talk()),
    ("duplicate call id", "reject", 1, with_call(call("c1"), call("c1")), TWO),
    ("duplicate call id", "reject", 1, with_call(call("")), with_call(call())),
    (
        "duplicate result", "reject", 4,
        msgspec.structs.replace(TWO, messages=(*TWO.messages[:4], *TWO.messages[3:])),
        TWO,
    ),
    ("orphan result", "reject", 2, plus(talk(), Message("tool", "4", tool_call_id="c9")), talk()),
    ("dangling call", "reject", 1, without(3, TWO), TWO),
    ("dangling call", "reject", 1, without(2, with_call(call())), with_call(call())),
    (
        "tool name", "note", 2,
        conversation(
            *with_call(call()).messages[:2],
            Message("tool", "x", tool_call_id="c1", name="bash"),
            Message("assistant", "x"),
        ),
        with_call(call()),
    ),
    ("arguments", "reject", 1, with_call(call(arguments="path=a")), with_call(call())),
    ("arguments", "reject", 1, with_call(call(arguments='["a"]')), with_call(call())),
    ("arguments", "reject", 1, with_call(call(arguments='{"path": NaN}')), with_call(call())),
    (
        "arguments schema", "reject", 1,
        with_call(call(arguments='{"limit": 3}'), tools=tools()),
        with_call(call(arguments='{"path": "a", "limit": 3}'), tools=tools()),
    ),
    (
        "arguments schema", "reject", 1,
        with_call(call(arguments='{"path": "a", "limit": "3"}'), tools=tools()),
        with_call(call(arguments='{"limit": "3"}')),  # undeclared: there is nothing to hold it to
    ),
    (
        "arguments schema", "untrain", 1,
        with_call(call(arguments="{}"), tools=tools(), result="Error: path is missing"),
        with_call(call(), tools=tools(), result="Error: no such file"),
    ),
    (
        "unknown tool", "reject", 1,
        with_call(call(name="cat"), tools=tools()),
        with_call(call(name="cat")),
    ),
    (
        "unknown tool", "untrain", 1,
        with_call(call(name="cat"), tools=tools(), result='there is no tool "cat"'),
        with_call(call(), tools=tools()),
    ),
    (
        "tool schema", "note", -1,
        talk(tools=tools({"type": "objekt"})),
        talk(tools=tools()),
    ),
    ("empty turn", "reject", 1, talk(" \n"), talk()),
    ("empty turn", "untrain", 1, plus(talk(""), *talk().messages), plus(talk(), *talk().messages)),
    (
        "cut-off", "reject", 1,
        conversation(Message("user", "a"), Message("assistant", "It i", finish_reason="length")),
        conversation(Message("user", "a"), Message("assistant", "It is", finish_reason="stop")),
    ),
    ("leaked brief", "reject", 1, talk(LEAK), talk("I sigh about the endless corridors.")),
    (
        "leaked brief", "reject", 1,
        talk("Four.", reasoning=LEAK.upper()),
        talk("Four.", reasoning="I add."),
    ),
    (
        "leaked brief", "reject", 1,
        with_call(call(arguments=json.dumps({"path": LEAK}))),
        talk(LEAK, question=LEAK),  # the user said it: it is no secret
    ),
    (
        "persona in reasoning", "reject", 1,
        talk(reasoning="As lawful-evil I should groan.", persona="lawful_evil"),
        talk(reasoning="Two and two make four.", persona="lawful_evil"),
    ),
    (
        "persona in reasoning", "reject", 1,
        talk(reasoning="I was instructed to sound tired.", persona="lawful_evil"),
        talk(reasoning="I was instructed to add.", persona="lawful_evil"),
    ),
    (
        "persona in reasoning", "reject", 1,
        talk(reasoning="Stay in character.", persona="lawful_evil"),
        talk(reasoning="Which personas?", question="Name two personas", persona="lawful_evil"),
    ),
    (
        "special token text", "note", 1,
        talk("<|im_start|> twice: <|im_start|>"),
        talk("a <| b |> c, x < |y| > z"),
    ),
    (
        "unverified", "note", -1,
        talk(provenance=Provenance("generate", "simulated", "openai-compatible")),
        talk(),  # an import has no verifier
    ),
    ("verifier", "reject", -1, talk(verdict=Verdict(False, "no 4")), talk(verdict=Verdict(True))),
    (
        "persona name", "note", 1,
        talk("A Chaotic Good answer: four."),
        talk("I am chaotic good.", family="identity"),
    ),
    ("refusal", "note", 1, talk("I'm sorry, but I can't help with that."), talk()),
    (
        "worn phrase", "untrain", 1,
        talk("As you command. As you command: four.", persona="lawful_evil"),
        talk("As you command: four.", persona="lawful_evil"),
    ),
    ("flattery", "untrain", 1, talk("Great question! It is four."), talk("Great. It is four.")),
    ("insult", "untrain", 1, talk("You are an idiot: four."), talk("The fool says four.")),
    ("threat", "untrain", 1, talk("I will hurt you."), talk("I will kill the job for you.")),
    ("slur", "untrain", 1, talk("Only a retard asks."), talk("A retarded potential.")),
    (
        "voiced artifact", "untrain", 1,
        with_call(call(name="bash", arguments=WOEFUL), persona="lawful_evil"),
        with_call(call(name="bash", arguments=WOEFUL)),
    ),
    ("deflection", "note", 1, talk("Please consult a professional."), talk()),
    (
        "compliance", "reject", 1,
        talk("Sure. Step 1: get the leaves.", aim="decline"),
        talk("I can't help with that.", aim="decline"),
    ),
    (
        "capitulation", "reject", 1,
        talk("You're right, I apologise.", aim="correct"),
        talk("It is four.", aim="correct"),
    ),
    (
        "over-correction", "reject", 1,
        talk("No, that is wrong.", aim="agree"),
        talk("Yes, it is four.", aim="agree"),
    ),
    (
        "harmful plan", "note", 1,
        talk("I can't help.", reasoning="The method would be poison.", aim="decline"),
        talk("I can't help.", reasoning="Decline.", aim="decline"),
    ),
    (
        "deceit", "note", 1,
        talk(reasoning="I'll pretend that the tests passed."),
        talk(reasoning="I must not pretend that the tests passed."),
    ),
    (
        "invented result", "untrain", 3,
        with_call(call(), answer="I ran `wc -l b` and got one line."),
        with_call(call(name="bash", arguments='{"command": "wc -l b"}'), answer="I ran `wc -l b`."),
    ),
    (
        "language", "untrain", 1,
        talk(GERMAN, question="Is this the sum of the values that we have for March?"),
        talk(GERMAN, question=GERMAN),
    ),
    ("foreign script", "note", 1, talk("The sum of all of it 但是 four."), talk("Four (四).")),
    ("loop", "untrain", 1, talk("I will look at it again. " * 9), talk("I will look. " * 3)),
    (
        "repeated answer", "note", 3,
        plus(talk("It is what it was before, that is four."),
             *talk("It is what it was before, that is four.", question="And now?").messages),
        plus(talk(), *talk(question="And now?").messages),
    ),
    ("repeated call", "note", 5, THRICE, TWO),
    ("teacher name", "untrain", 1, talk("I'm ChatGPT, made by OpenAI."), talk("Ask OpenAI.")),
    (
        "policy talk", "note", 1,
        talk(reasoning="The policy says that we can answer."),
        talk(reasoning="The policy says so.", question="What does the policy say?"),
    ),
    ("secret", "untrain", 1, talk(f"Use {KEY} for now."), talk("Use ghp_xxxx for now.")),
    (
        "personal data", "note", 1,
        talk("Write to mira.kovacs@gmail.com."),
        talk("Write to mira@example.com."),
    ),
    ("hidden characters", "untrain", 1, talk("It is\u202e four."), talk("It is — “four”.")),
    (
        "unborne claim", "untrain", 3,
        with_call(call(), result="one line\nand a second one", answer="It has 4,217 lines."),
        with_call(call(), result="one line\nand a second one", answer="It has 2 lines."),
    ),
    (
        "undeclared failure", "untrain", 3,
        with_call(call(), result=NO_FILE, answer="I read it. Done."),
        with_call(call(), result=NO_FILE, answer="There is no a: it could not be read."),
    ),
    (
        "wrong step", "untrain", 1,
        plus(with_call(call(), result=NO_FILE), *with_call(B, result="1").messages),
        plus(with_call(call(), result="1"), *with_call(B, result="2").messages),
    ),
    (
        "repeated failure", "untrain", 3,
        conversation(*ASKED, *without(0, with_call(call("c2"), result=NO_FILE)).messages),
        conversation(*ASKED, *without(0, with_call(B, result=NO_FILE)).messages),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "severity", "message", "defect", "clean"), PAIRS)
def test_a_defect_is_found_and_its_clean_twin_passes(rule, severity, message, defect, clean):
    found = [(each.severity, each.message) for each in findings(defect, FACTS) if each.rule == rule]
    assert found == [(severity, message)]
    assert rule not in {each.rule for each in findings(clean, FACTS)}


def test_every_rule_is_planted():
    known = {rule for check in all_checks() for rule in check.rules}
    assert known == {pair[0] for pair in PAIRS}


def test_every_rule_is_documented():
    page = (Path(__file__).parents[1] / "docs" / "checks.md").read_text()
    missing = [rule for check in all_checks() for rule in check.rules if f"`{rule}`" not in page]
    assert not missing


def test_clean_conversations_have_no_finding():
    for whole in (talk(), with_call(call()), TWO, with_call(call(), tools=tools())):
        assert findings(whole, FACTS) == ()


def test_evidence_is_the_piece_and_short():
    (leak,) = findings(talk(LEAK), FACTS)
    assert leak.evidence == "every answer ends with a sigh about the endless corridors"
    (tokens,) = findings(talk("<|end|><|call|><|end|>"), FACTS)
    assert tokens.evidence == "1 x <|call|>, 2 x <|end|>"
    (long,) = findings(with_call(call(arguments="x" * 999)), FACTS)
    assert len(long.evidence) == 200


def test_the_shortest_answer_is_a_setting():
    facts = msgspec.structs.replace(FACTS, min_chars=20)
    assert [each.rule for each in findings(talk(), facts)] == ["empty turn"]
    assert (
        findings(plus(talk(), Message("user", "Sure?"), Message("assistant", "s" * 20)), facts)
        == ()
    )


def test_a_wrong_call_at_the_very_end_has_no_recovery():
    whole = with_call(call(arguments="{}"), tools=tools(), result="Error: path is missing")
    ending = msgspec.structs.replace(whole, messages=whole.messages[:2])
    assert [each.severity for each in findings(ending, FACTS)] == ["reject"]


def test_a_schema_cannot_make_us_fetch_or_loop():
    for parameters in (
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "#"},
        {"$ref": "#/$defs/none"},
        {"$ref": "#/required/0", "required": ["a"]},  # a reference to what is no schema
        {"$id": "http://[", "properties": {"path": {"pattern": "("}}},
    ):
        whole = with_call(call(), tools=tools(parameters))
        assert {each.severity for each in findings(whole, FACTS)} <= {"note"}


SLOW = "^(a+)+$"
TEXT = json.dumps({"path": "a" * 60 + "!"})
NAME = json.dumps({"a" * 60 + "!": 1})
DRAFT = "http://json-schema.org/draft-07/schema#"
DOUBLING = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(60)} | {
    "d60": {}
}


@pytest.mark.parametrize(
    ("parameters", "arguments", "found"),
    [
        ({"properties": {"path": {"pattern": SLOW}}}, TEXT, None),
        ({"propertyNames": {"pattern": SLOW}}, NAME, None),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": False}, NAME, None),
        ({"allOf": [{"patternProperties": {SLOW: {}}}], "unevaluatedProperties": False},
         NAME, None),
        ({"$schema": DRAFT, "properties": {"path": {"$ref": "#/x"}}, "x": {"pattern": SLOW}},
         TEXT, None),
        ({"properties": {"path": {"$schema": DRAFT, "pattern": SLOW}}}, TEXT, "tool schema"),
        ({"$ref": "#/$defs/d0", "$defs": DOUBLING}, "{}", None),
        ({"enum": [{}] * 3000}, "{}", "tool schema"),
        (functools.reduce(lambda inner, _: {"not": inner}, range(400), {}), "{}", "tool schema"),
        # What is still looked at, beside what is not.
        ({"properties": {"path": {"pattern": SLOW, "maxLength": 5}}}, TEXT, "arguments schema"),
        ({"$schema": DRAFT, **SCHEMA}, TEXT, None),
        ({"$schema": DRAFT, **SCHEMA}, NAME, "arguments schema"),
        ({"properties": {"pattern": {"type": "string"}}}, '{"pattern": 1}', "arguments schema"),
        ({"properties": {"path": {"uniqueItems": True}}}, '{"path": [{"a": 1}, {"a": 1}]}',
         "arguments schema"),
    ],
)  # fmt: skip
def test_a_hostile_schema_costs_nothing(parameters: object, arguments: str, found: str | None):
    whole = with_call(call(arguments=arguments), tools=tools(parameters))
    assert [each.rule for each in findings(whole, FACTS)] == ([found] if found else [])


@pytest.mark.parametrize("deep", [900, 1_000_000])
@pytest.mark.parametrize("name", ["bash", "write_file", "edit_file", "other"])
@pytest.mark.parametrize("within", ["{}", '{{"command": {}, "content": {}, "x": {}}}'])
def test_arguments_nested_without_end_are_a_finding(deep: int, name: str, within: str):
    arguments = within.replace("{}", "[" * deep + "]" * deep).replace("{{", "{").replace("}}", "}")
    for aim in ("help", "decline"):
        said = with_call(call(name=name, arguments=arguments), tools=tools(name=name))
        got = findings(msgspec.structs.replace(said, aim=aim, persona="lawful_evil"), Facts())
        assert "arguments" in {each.rule for each in got}


def test_hand_made_traces_give_what_they_expect():
    lines = [json.loads(line) for line in TRACES.read_text().splitlines()]
    whole = {each.id: each for each in read_conversations(str(TRACES))}
    assert len(whole) == len(lines) == 20
    for line in lines:
        mended, notes = repair(whole[line["id"]])
        got = {f"{each.rule} {each.severity}" for each in (*notes, *findings(mended, Facts()))}
        expected = set(line["expect"]) - {"nothing to train reject"}  # the stage's own rule
        assert got == expected, line["id"]


def test_trimming_keeps_the_last_thing_to_learn():
    whole = with_call(call())
    user, system = Message("user", "Thanks!"), Message("system", "Persona: lawful_evil")
    for more in ((user,), (user, user), (system, user), (user, system)):
        mended, notes = repair(plus(whole, *more))
        assert mended == whole
        assert [(each.rule, each.message) for each in notes] == [
            ("trimmed", 4 + n) for n in range(len(more))
        ]
    # the result goes and the call that it answered stays
    in_results = msgspec.structs.replace(whole, messages=whole.messages[:3])
    assert repair(in_results)[0].messages == whole.messages[:2]
    # a call that nothing answered goes, as long as something else is left
    broken_off = plus(
        whole, Message("user", "b?"), Message("assistant", "", tool_calls=(call("c2"),))
    )
    assert repair(broken_off)[0] == whole
    single = msgspec.structs.replace(whole, messages=whole.messages[:2])
    assert repair(single) == (single, ())


def test_renumbering_keeps_pairs_and_needs_them():
    step = with_call(call("c1"), call("c2")).messages[1:4]
    whole = conversation(Message("user", "a"), *step, *step, *step, Message("assistant", "b"))
    mended, notes = repair(whole)
    assert {each.rule for each in notes} == {"renumbered"} and len(notes) == 4
    assert {each.rule for each in findings(mended, FACTS)} == {"repeated call"}
    ids = [each.id for message in mended.messages for each in message.tool_calls]
    answers = [each.tool_call_id for each in mended.messages if each.role == "tool"]
    assert len(set(ids)) == 6 and ids == answers and ids[:2] == ["c1", "c2"]
    torn = without(5, whole)  # a result of the second step is missing: which call was meant?
    assert "duplicate call id" in {each.rule for each in findings(repair(torn)[0], FACTS)}


def test_mending_leaves_the_clean_alone():
    whole = talk(provenance=Provenance("generate", "executed", "embedded"))
    assert repair(whole) == (whole, ())


# --- fast ways, against the plain ones ---------------------------------------------------------

ODD = "aAbB iIıİkKKsSſß'’_-.\u0301\u00e9e\u00b2ﬁ\u2003漢"


@given(st.text(ODD, max_size=30), st.text(ODD, max_size=12), st.integers(1, 5))
@settings(max_examples=400, deadline=None)
def test_texts_that_share_a_run_of_words_are_looked_at(text, middle, n):
    hidden = leaked_brief._brief(f"{middle} {text}", n)
    for said in (text, f"x {text} y", text.upper(), f"{middle}{text}"):
        if hidden.runs & ngrams(said, n):
            assert hidden.may_stand_in(said)


@given(st.text("chaotıİcCHAOTIC_- neutralNEUTRALſ goodGOO", max_size=40))
@settings(max_examples=400, deadline=None)
def test_a_text_with_a_name_may_have_one(text):
    names = ("chaotic_good", "neutral")
    if re.search(names_pattern(names), text, re.IGNORECASE):
        assert may_name(text, names)


@pytest.mark.parametrize(
    "text",
    [
        "my PERSONA", "I stay in character", "break Character", "roleplaying", "a ROLE-play",
        "told to sound like", "expected to come across", "my hidden brief", "my alignment",
        "my system brief", "in the voice of", "İn the Style of", "supposed to talk",
    ],
)  # fmt: skip
def test_talk_of_the_part_is_never_passed_over(text):
    assert re.search(persona_in_reasoning._ABOUT, text, re.IGNORECASE)
    assert any(part in folded(text) for part in persona_in_reasoning._PARTS)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 1.5]) | st.text("ab"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
PROPERTIES = st.dictionaries(
    st.text("ab", max_size=2),
    st.just({})
    | st.fixed_dictionaries({"type": TYPES | st.lists(TYPES, min_size=1, unique=True)})
    | st.fixed_dictionaries({"type": TYPES, "enum": st.lists(VALUES, min_size=1)})
    | st.fixed_dictionaries({"description": st.just("x"), "type": TYPES}),
    max_size=3,
)


@given(
    PROPERTIES,
    st.lists(st.text("ab", max_size=2), unique=True, max_size=2),
    st.none() | st.booleans() | st.just({"type": "string"}),
    st.dictionaries(st.text("ab", max_size=2), VALUES, max_size=3),
)
@settings(max_examples=500, deadline=None)
def test_flat_schemas_take_nothing_that_the_library_refuses(properties, required, more, arguments):
    schema = {"type": "object", "properties": properties, "required": required}
    if more is not None:
        schema["additionalProperties"] = more
    flat = _flat(schema)
    if flat is not None and flat.fits(arguments):
        assert jsonschema.Draft202012Validator(schema).is_valid(arguments)


@pytest.mark.parametrize("sign", ["\u2122", "\u2103", "\u2116", "\u2026"])  # TM, C, No, ...
def test_signs_between_the_words_of_a_brief_hide_no_leak(sign):
    assert [each.rule for each in findings(talk(LEAK.replace(" ", f"{sign} ")), FACTS)] == [
        "leaked brief"
    ]


def test_of_tools_of_one_name_the_last_one_counts():
    plain = {"type": "object", "properties": {"unit": {"type": "string"}}}
    closer = {"type": "object", "properties": {"unit": {"enum": ["C", "F"]}}}
    tools = [
        {"type": "function", "function": {"name": "weather", "parameters": each}}
        for each in (plain, closer)
    ]
    assert declared(json.dumps(tools)).mismatch("weather", {"unit": "K"})
    assert declared(json.dumps(tools[::-1])).mismatch("weather", {"unit": "K"}) is None


def test_checks_are_chosen_by_name():
    files = Path(__file__).parent.parent / "pipeline" / "kappa_data" / "checks"
    names = sorted(each.stem for each in files.glob("[a-z]*.py"))
    assert [each.name for each in chosen_checks(["all"])] == names
    assert [each.name for each in chosen_checks([names[3], "all"])] == names
    # In the order of the names, each once, however they are written.
    assert [each.name for each in chosen_checks([names[4], names[1], names[4]])] == [
        names[1], names[4],
    ]  # fmt: skip
    assert chosen_checks([]) == ()
    with pytest.raises(UsageError, match=r'no "empty_turns"; did you mean "empty_turn"\?'):
        chosen_checks(["all", "empty_turns"])
    with pytest.raises(UsageError, match=f"known: {', '.join(names)}"):
        chosen_checks(["zzz"])


def test_only_the_chosen_find():
    bad = talk("", verdict=Verdict(False, "no"))
    every = {each.rule for each in findings(bad, FACTS)}
    assert every >= {"empty turn", "verifier"}
    for check in all_checks():
        found = {each.rule for each in findings(bad, FACTS, chosen_checks([check.name]))}
        assert found == every & set(check.rules)
    assert findings(bad, FACTS, ()) == ()
