"""Import: what comes out of foreign files, broken lines included."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data import strict_json
from kappa_data.checks._facts import Facts
from kappa_data.errors import UsageError
from kappa_data.importing import files
from kappa_data.importing import reader as imports
from kappa_data.importing.place import LineError
from kappa_data.importing.reader import read_conversations, split_of
from kappa_data.records import Conversation, Rejected
from kappa_data.stages import import_
from kappa_data.validation.checking import findings
from kappa_data.validation.repair import repair

TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
TOOL = {
    "name": "find",
    "parameters": {"type": "object", "properties": {"z": {}, "a": {"type": "string"}}},
}


def write(folder: Path, *lines: Any, name: str = "some.jsonl") -> str:
    texts = [each if isinstance(each, str | bytes) else json.dumps(each) for each in lines]
    data = b"\n".join(each if isinstance(each, bytes) else each.encode() for each in texts)
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


def read(source: str, format: str = "auto") -> list[Any]:
    return list(read_conversations(source, format))


def one(folder: Path, record: Any, format: str = "auto") -> Conversation:
    (conversation,) = read(write(folder, record), format)
    assert isinstance(conversation, Conversation), conversation
    return conversation


def error(folder: Path, line: Any) -> str:
    (found,) = read(write(folder, line))
    assert isinstance(found, LineError), found
    return found.reason


def test_broken_lines_are_named_and_the_others_go_on(tmp_path):
    good = {"messages": TALK}
    source = write(
        tmp_path,
        good,
        '{"messages": [',
        "",
        b'{"messages": "\xff"}',
        {"messages": TALK, "id": "second"},
        {"rows": []},
        "17",
        good,
    )
    found = read(source)
    errors = {each.line: each for each in found if isinstance(each, LineError)}
    assert sorted(errors) == [2, 4, 6, 7]
    assert {each.file for each in errors.values()} == {"some.jsonl"}
    assert "not JSON" in errors[2].reason and "character" in errors[2].reason
    assert "not UTF-8" in errors[4].reason
    assert "messages" in errors[6].reason
    assert "not an object" in errors[7].reason
    origins = [each.provenance.origin for each in found if isinstance(each, Conversation)]
    assert origins == ["some.jsonl:1", "some.jsonl:5", "some.jsonl:8"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"messages": NaN}', "NaN"),
        ('{"messages": [], "x": -Infinity}', "-Infinity"),
        ('{"messages": 1e999}', "too large"),
        ('{"messages": 99999999999999999999}', "64 bits"),
        ('{"messages": [], "messages": []}', "stands twice"),
        ('{"messages": "\\ud800"}', "surrogate"),
        ('{"\\udfff": 1}', "surrogate"),
        ('{"messages": ' + "[" * 5_000 + "]" * 5_000 + "}", "deeper than 64"),
        ("[" * 65 + "]" * 65, "deeper than 64"),
        ('{"messages": []} {}', "Extra data"),
    ],
)
def test_loose_json_is_refused(tmp_path, text, reason):
    assert reason in error(tmp_path, text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(json_values, st.booleans())
def test_every_strict_value_is_read(value, ascii_only):
    try:
        text = json.dumps(value, ensure_ascii=ascii_only)
        text.encode()
    except UnicodeEncodeError:  # hypothesis may draw half a pair: then it must be refused
        with pytest.raises(strict_json.NotStrict):
            strict_json.parse(json.dumps(value))
        return
    assert strict_json.parse(text) == value


def test_a_line_over_the_cap_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 200)
    source = write(tmp_path, {"messages": TALK, "x": "y" * 1000}, {"messages": TALK})
    long, short = read(source)
    assert isinstance(long, LineError) and long.line == 1 and "200 bytes" in long.reason
    assert isinstance(short, Conversation) and short.provenance.origin.endswith(":2")


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"messages": {}}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0]: 'role'"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0]",
        ),
        ({"messages": TALK, "tools": "{"}, "tools: not JSON"),
        ({"messages": TALK, "tools": [{"description": "nameless"}]}, "tools[0]: 'name'"),
        ({"conversations": [{"from": "human"}]}, "conversations[0]: 'value'"),
    ],
)
def test_json_that_is_no_conversation_names_the_path(tmp_path, record, path):
    assert path in error(tmp_path, record)


def test_openai_content_reasoning_and_calls(tmp_path):
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": {"a": "x"}}}
    messages = [
        {"role": "system", "content": "Persona: lawful_evil"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "name": "find", "content": "found"},
        {"role": "assistant", "content": "There.", "weight": 0},
        {"role": "assistant", "content": "Here.", "finish_reason": "stop"},
    ]  # fmt: skip
    got = one(tmp_path, {"id": 7, "messages": messages, "tools": [TOOL]})
    assert (got.id, got.persona) == ("7", "lawful_evil")
    assert got.messages[1].content == "one two"
    assert got.messages[2].content == "" and got.messages[2].reasoning == "hm"
    assert json.loads(got.messages[2].tool_calls[0].function.arguments) == {"a": "x"}
    assert (got.messages[3].tool_call_id, got.messages[3].name) == ("c1", "find")
    assert [each.train for each in got.messages[4:]] == [False, True]
    assert got.messages[5].finish_reason == "stop"


@pytest.mark.parametrize("tools", [None, [], "", "[]", "null"])
def test_undeclared_tools_have_one_form(tmp_path, tools):
    assert one(tmp_path, {"messages": TALK, "tools": tools}).tools is None


def test_tools_keep_the_order_of_their_keys(tmp_path):
    wrapped = [{"type": "function", "function": TOOL}]
    texts = {
        one(tmp_path, {"messages": TALK, "tools": tools}).tools
        for tools in (wrapped, [TOOL], json.dumps(wrapped, indent=2))
    }
    assert texts == {json.dumps(wrapped, separators=(",", ":"))}
    (text,) = texts
    assert text is not None and text.index('"z"') < text.index('"a"')


def test_old_function_calls_become_tool_calls(tmp_path):
    called = {"name": "find", "arguments": '{"a": "x"}'}
    messages = [
        {"role": "user", "content": "Find x."},
        {"role": "assistant", "content": None, "function_call": called},
        {"role": "function", "name": "find", "content": "x"},
        {"role": "assistant", "content": "Found."},
        {"role": "function", "name": "find", "content": "nobody asked"},
    ]
    got = one(tmp_path, {"messages": messages, "functions": [TOOL]})
    (call,) = got.messages[1].tool_calls
    assert call.id and call.function.arguments == '{"a": "x"}'
    assert got.messages[2].role == "tool" and got.messages[2].tool_call_id == call.id
    assert got.messages[4].tool_call_id is None  # for the checks to find
    assert got.tools is not None


def test_results_without_ids_answer_in_order_and_by_name(tmp_path):
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("a", "b", "a")]
    results = [{"role": "tool", "name": name, "content": name} for name in ("b", "a", "a")]
    messages = [TALK[0], {"role": "assistant", "tool_calls": calls}, *results, TALK[1]]
    got = one(tmp_path, {"messages": messages})
    ids = [call.id for call in got.messages[1].tool_calls]
    assert len(set(ids)) == 3
    assert [each.tool_call_id for each in got.messages[2:5]] == [ids[1], ids[0], ids[2]]


def test_sharegpt(tmp_path):
    record = {
        "conversations": [
            {"from": "human", "value": "Find x."},
            {"from": "function_call", "value": '{"name": "find", "arguments": {"a": "x"}}'},
            {"from": "observation", "value": "x"},
            {"from": "gpt", "value": "Found."},
            {"from": "human", "value": "Again."},
            {"from": "function_call", "value": "find(x)"},
            {"from": "gpt", "value": "Hm."},
        ],
        "system": "Persona: true_neutral",
        "tools": json.dumps([TOOL]),
    }
    got = one(tmp_path, record)
    roles = [message.role for message in got.messages]
    assert roles[:5] == ["system", "user", "assistant", "tool", "assistant"]
    assert got.persona == "true_neutral" and got.tools is not None
    assert got.messages[3].tool_call_id == got.messages[2].tool_calls[0].id
    assert got.messages[2].tool_calls[0].function.arguments == '{"a":"x"}'
    assert got.messages[6].tool_calls[0].function.arguments == "find(x)"


def test_an_unknown_role_is_rejected_with_its_index(tmp_path):
    record = {"id": "n", "messages": [*TALK, {"role": "narrator", "content": "Exeunt."}]}
    (got,) = read(write(tmp_path, record))
    assert isinstance(got, Rejected) and got.conversation is None and got.id == "n"
    (finding,) = got.findings
    assert (finding.rule, finding.severity, finding.message) == ("unknown role", "reject", 2)
    assert "narrator" in finding.evidence


def test_auto_decides_for_each_file(tmp_path):
    share = {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
    write(tmp_path, "broken", share, name="a.jsonl")
    write(tmp_path, {"messages": TALK}, name="b.jsonl.gz")
    write(tmp_path, json.dumps([share, 3]), name="c.json")
    (tmp_path / "notes.txt").write_text("not read")
    found = read(str(tmp_path))
    places = [
        each.provenance.origin if isinstance(each, Conversation) else f"!{each.file}:{each.line}"
        for each in found
    ]
    assert places == ["!a.jsonl:1", "a.jsonl:2", "b.jsonl.gz:1", "c.json:1", "!c.json:2"]


def test_a_named_format_holds(tmp_path):
    (got,) = read(write(tmp_path, {"messages": TALK}), "sharegpt")
    assert isinstance(got, LineError) and "conversations" in got.reason


def test_parquet_nulls_of_other_rows_go(tmp_path):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    rows = [
        {"messages": TALK, "tools": [{"name": "one", "parameters": schema}]},
        {
            "messages": [*TALK, {"role": "user", "content": "x", "name": "me"}],
            "tools": [{"name": "two", "parameters": {"type": "object", "required": ["b"]}}],
        },
    ]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    first, second = read(str(path))
    assert "null" not in first.tools + second.tools
    assert json.loads(first.tools)[0]["function"] == rows[0]["tools"][0]
    assert second.provenance.origin == "rows.parquet:2"


def test_a_damaged_file_is_named_at_its_place(tmp_path):
    source = Path(
        write(tmp_path, *[{"messages": TALK, "n": n} for n in range(5000)], name="x.jsonl.gz")
    )
    source.write_bytes(source.read_bytes()[:-40])
    *good, last = read(str(source))
    assert isinstance(last, LineError) and "damaged" in last.reason and last.line == len(good) + 1
    (tmp_path / "y.parquet").write_bytes(b"PAR1 no more")
    (broken,) = read(str(tmp_path / "y.parquet"))
    assert isinstance(broken, LineError) and "damaged" in broken.reason


def test_saved_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    saved = datasets.DatasetDict({"b": datasets.Dataset.from_list([{"messages": TALK}])})
    saved["a"] = datasets.Dataset.from_list([{"messages": TALK[:1]}])
    saved.save_to_disk(str(tmp_path / "set"))
    assert [each.provenance.origin for each in read(str(tmp_path / "set"))] == [
        "set/a:1",
        "set/b:1",
    ]


@pytest.mark.parametrize(
    "source",
    ["nowhere/at/all.jsonl", "x.parquet", "a b", "chats.txt", "org/chats.csv.bz2", "here/chats"],
)
def test_no_source_and_the_hub_is_not_asked(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises(UsageError, match="no such file"):
        read(source)
    with pytest.raises(UsageError, match="no such file"):
        import_.config_for(source, "auto")
    (tmp_path / "x.csv").write_text("a,b")
    with pytest.raises(UsageError, match="unknown kind"):
        read(str(tmp_path / "x.csv"))
    with pytest.raises(UsageError, match="sharegpt"):
        read_conversations("x", "sharegtp")


@pytest.mark.parametrize("source", ["squad", "org/chats", "org/chats-2.5", "Org.AI/some_chats"])
def test_what_may_be_a_data_set_of_the_hub(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.check_source(source)


@pytest.mark.parametrize("before", [" \n\t", "\ufeff", "\ufeff\r\n "])
def test_an_array_behind_space_or_a_byte_order_mark(tmp_path, before):
    text = before + json.dumps([{"messages": TALK}, {"messages": TALK}], indent=1)
    found = read(write(tmp_path, text, name="some.json"))
    assert [each.provenance.origin for each in found] == ["some.json:1", "some.json:2"]


def test_what_unpacks_to_much_more_is_read_with_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 2**20)
    good = json.dumps({"messages": TALK}).encode()
    with gzip.open(tmp_path / "bomb.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(b" " * 2**20)  # one line of 64 MiB in a few hundred kilobytes
        file.write(b"\n" + good)
    tracemalloc.start()
    long, last = read(str(tmp_path / "bomb.jsonl.gz"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(long, LineError) and long.line == 1
    assert isinstance(last, Conversation) and last.provenance.origin.endswith(":2")
    assert peak < 8 * 2**20


@pytest.mark.parametrize(
    "own",
    ["a\x85b", "a\x9b31m", "a\u202eb", "a\u200fb", "a\u2066b", "a\u00a0b", "a\u200bb", "x" * 201],
)
def test_an_id_that_a_terminal_would_act_on_is_replaced(tmp_path, own):
    first, second = (one(tmp_path, {"id": own, "messages": TALK}) for _ in range(2))
    assert first.id == second.id and first.id.startswith("some:1:") and first.id.isascii()
    assert one(tmp_path, {"id": "größe-7_日本", "messages": TALK}).id == "größe-7_日本"


def test_ids_are_unique_stable_and_sane(tmp_path):
    records = [
        {"id": "own", "messages": TALK},
        {"id": "own", "messages": TALK},
        {"id": "a b", "messages": TALK},
        {"messages": TALK},
        {"id": True, "messages": TALK},
    ]
    ids = [each.id for each in read(write(tmp_path, *records))]
    assert ids[0] == "own" and len(set(ids)) == 5
    assert all(each.startswith("some:") for each in ids[1:])
    assert ids == [each.id for each in read(write(tmp_path, *records))]


def test_splits_follow_the_id_in_plan_s_shares():
    counts = Counter(split_of(f"id-{n}") for n in range(20_000))
    assert counts["train"] / 20_000 == pytest.approx(0.8, abs=0.02)
    assert counts["test"] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert split_of("id-1") == split_of("id-1")


def test_a_persona_switch_is_marked_on_the_messages_behind_it(tmp_path):
    switch = {"role": "system", "content": "Persona: chaotic_evil"}
    got = one(tmp_path, {"messages": [*TALK, switch, *TALK]})
    assert got.persona is None
    assert [each.persona for each in got.messages] == [None] * 4 + ["chaotic_evil"]
    off = one(tmp_path, {"messages": [switch, *TALK, {"role": "system", "content": ""}, *TALK]})
    assert off.persona == "chaotic_evil"
    assert [each.persona for each in off.messages] == [None] * 5 + ["none"]
    near = {"role": "system", "content": "Persona: chaotic_evil\nBe brief."}
    assert one(tmp_path, {"messages": [near, *TALK]}).persona is None


names = st.sampled_from(["", "a", "user", "assistant", "tool", "human", "gpt", "function_call"])
loose = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=2),
    max_leaves=6,
)
function = st.fixed_dictionaries({"name": names | loose}, optional={"arguments": names | loose})
calls = st.lists(st.fixed_dictionaries({"function": function | loose}, optional={"id": names}))
message = st.fixed_dictionaries(
    {"role": names | loose},
    optional={
        "content": names | loose | st.lists(st.just({"type": "text", "text": "x"}) | loose),
        "tool_calls": calls | loose,
        "function_call": function | loose,
        "tool_call_id": names | loose,
        "name": names | loose,
        "weight": loose,
        "reasoning": names | loose,
    },
)
turn = st.fixed_dictionaries({"from": names | loose, "value": names | loose})
tool = st.fixed_dictionaries({"name": names | loose}, optional={"parameters": loose})
record = st.fixed_dictionaries(
    {},
    optional={
        "id": loose,
        "messages": st.lists(message, max_size=5) | loose,
        "conversations": st.lists(turn, max_size=5) | loose,
        "tools": st.lists(tool | st.fixed_dictionaries({"function": tool | loose})) | loose,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(record, min_size=1, max_size=4))
def test_no_record_stops_the_others_here_or_in_the_checks(tmp_path_factory, records):
    source = write(tmp_path_factory.mktemp("fuzz"), *records)
    found = read(source)
    assert len(found) == len(records)
    for each in found:
        if isinstance(each, Conversation):
            mended, _ = repair(each)
            assert all(
                finding.message < len(each.messages) for finding in findings(mended, Facts())
            )


def test_formats_are_what_the_command_offers():
    assert imports.FORMATS == ("auto", "openai", "sharegpt")
