"""Tools by others: what a file must be, its schema, its calls in a real box, how it is found."""

from __future__ import annotations

import ast
import asyncio
import json
import math
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import kappa, said
from fakes import TASK, FakeSandbox
from hostile.boxes import results
from kappa_data.checks import call_arguments
from kappa_data.checks._facts import Facts
from kappa_data.config import GenerateConfig, Limits, PlanConfig, SandboxConfig
from kappa_data.conversation.workbench import Workbench
from kappa_data.errors import UsageError
from kappa_data.recipe import GENERATE, PACK, PLAN
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall
from kappa_data.resources import Resources
from kappa_data.sandbox import ToolResult, toolset
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.tool_calls import complaint
from kappa_data.sandbox.tool_file import Tool, parse_tool
from kappa_data.sandbox.toolset import GROUP, ToolSet, denied, tool_set
from kappa_data.stage import key_parts
from test_docs import blocks

GOLDEN = Path(__file__).parent / "golden" / "tool_definitions.json"
DOC = '"""Do.\n\n    Args:\n        x: an x\n    """'
HEAD = "from __future__ import annotations\nfrom typing import *\n"


def tool_with(annotation: str, default: str = "", before: str = "") -> Tool:
    """A tool with one argument of this type."""
    text = f"{HEAD}{before}\ndef tool(x: {annotation}{default}):\n    {DOC}\n"
    return parse_tool(text, "tool.py", "file")


def schema_of(annotation: str, default: str = "", before: str = "") -> dict[str, Any]:
    made = tool_with(annotation, default, before).parameters["properties"]["x"]
    return {key: value for key, value in made.items() if key != "description"}


def in_boxes(
    folder: Path, source: str, *calls: tuple[str, dict[str, Any]], **limits: Any
) -> list[ToolResult]:
    """The results of calls in one box that has the tools of this file beside those that ship."""
    path = folder / "tool.py"
    path.write_text(HEAD.replace("from typing import *\n", "") + dedent(source))

    async def run() -> list[ToolResult]:
        box = await Bubblewrap(SandboxConfig(tools=(str(path),), **limits)).open()
        try:
            return [await box.call(name, arguments) for name, arguments in calls]
        finally:
            await box.close()

    return asyncio.run(run())


# --- the schema -----------------------------------------------------------------------------------


def test_the_tools_that_ship_have_the_definitions_they_always_had():
    names = ["bash", "edit_file", "read_file", "write_file"]
    assert json.dumps(tool_set().only(names).definitions()) == GOLDEN.read_text()


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("str", {"type": "string"}),
        ("'int'", {"type": "integer"}),
        ("float", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("list[str]", {"type": "array", "items": {"type": "string"}}),
        ("List[List[int]]", {"type": "array", "items": schema_of("list[int]")}),
        ("dict[str, float]", {"type": "object", "additionalProperties": {"type": "number"}}),
        ("int | str", {"type": ["integer", "string"]}),
        ("None | int", {"type": ["integer", "null"]}),
        ("Optional[int]", {"type": ["integer", "null"]}),
        ("Union[int, str, None]", {"type": ["integer", "string", "null"]}),
        ("list[int] | None", {"type": ["array", "null"], "items": {"type": "integer"}}),
        ("int | list[int]", {"anyOf": [{"type": "integer"}, schema_of("list[int]")]}),
        ("Literal['a', 'b']", {"type": "string", "enum": ["a", "b"]}),
        ("Literal[1, -2]", {"type": "integer", "enum": [1, -2]}),
        ("Literal['a', 1, None]", {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}),
        ("Literal['a'] | None", {"type": ["string", "null"], "enum": ["a", None]}),
        ("Annotated[int, {'minimum': 1}]", {"type": "integer", "minimum": 1}),
        ("Annotated[list[str], {'maxItems': 3}]", {**schema_of("list[str]"), "maxItems": 3}),
    ],
)
def test_types(annotation, schema):
    assert schema_of(annotation) == schema


def test_own_names_for_types():
    before = """
import typing as t
Unit = Literal["m", "ft"]
Height: t.TypeAlias = "Annotated[float, {'exclusiveMinimum': 0}]"
class Place(t.TypedDict, total=False):
    '''A place.'''
    name: Required[str]
    height: Annotated[Height, "above the sea"]
    unit: Unit
"""
    assert schema_of("list[Place]", before=before)["items"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "height": {"type": "number", "exclusiveMinimum": 0, "description": "above the sea"},
            "unit": {"type": "string", "enum": ["m", "ft"]},
        },
        "required": ["name"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("annotation", "default", "words"),
    [
        ("int", " = 3", "an x. Default 3."),
        ("str", " = 'é\"'", 'an x. Default "é\\"".'),
        ("bool", " = True", "an x. Default true."),
        ("float", " = -1.5", "an x. Default -1.5."),
        ("list[str] | None", " = None", "an x"),
    ],
)
def test_a_default_is_told_and_makes_the_argument_optional(annotation, default, words):
    tool = tool_with(annotation, default)
    assert tool.parameters["required"] == []
    assert tool.parameters["properties"]["x"]["description"] == words
    assert tool_with(annotation).parameters["required"] == ["x"]


def test_none_as_default_leaves_null_out_of_the_schema():
    assert schema_of("list[str] | None", " = None") == schema_of("list[str]")
    assert schema_of("Literal['a'] | None", " = None") == schema_of("Literal['a']")
    assert schema_of("list[int] | int | None", " = None") == schema_of("list[int] | int")
    assert schema_of("int | None", " = 3") == {"type": ["integer", "null"]}


def test_docstring_sections_end_and_lines_join():
    tool = parse_tool(
        dedent('''
        def tool(a: int, *, b: str = "x"):
            """Do what
            is said.

            Not for the model.

            Args:
                a (int): first,
                    and more: of it
                b: second!

            Returns:
                c: nothing
            """
        '''),
        "tool.py",
        "file",
    )
    told = {name: each["description"] for name, each in tool.parameters["properties"].items()}
    assert tool.description == "Do what is said."
    assert told == {"a": "first, and more: of it", "b": 'second! Default "x".'}


# --- files that are no tools ----------------------------------------------------------------------

WRONG = [
    ("", "no function"),
    ("x = 1\n", "no function"),
    ("def _hidden(): pass\n", "no function"),
    (f"def a(x: int):\n    {DOC}\ndef b(): pass\n", ":7: 2 functions: a, b; begin the names"),
    (f"async def a(x: int):\n    {DOC}\n", ":1: a is async; write def"),
    ("def a(x: int): pass\n", ":1: a has no docstring"),
    ('def a(x: int):\n    """Args:\n        x: y\n    """\n', "a has no docstring"),
    ('def a(x: int):\n    """Do."""\n', '"x" is not described; add "x: what it is"'),
    (f"def a(x):\n    {DOC}\n", ':1: "x" has no type; write x: str'),
    (f"def a(*x: int):\n    {DOC}\n", r"a takes \*x"),
    (f"def a(**x: int):\n    {DOC}\n", r"a takes \*\*x"),
    (f"def a(x: int, /):\n    {DOC}\n", "a takes /"),
    (f"def a(y: int):\n    {DOC}\n", 'Args: describes "x", which a does not take'),
    ('def a():\n    """Do.\n\n    Args:\n        - x\n    """\n', "is no entry; write name: text"),
    (f"def a(x: int = 'y'):\n    {DOC}\n", 'the default of "x" must be an integer'),
    (f"def a(x: int = None):\n    {DOC}\n", r"write x: int \| None = None"),
    (f"def a(x: list[int] = []):\n    {DOC}\n", 'default of "x", \\[\\], is no text'),
    (f"def a(x: int = LATER):\n    {DOC}\n", 'default of "x", LATER, is no text'),
    (f"def {'a' * 65}(x: int):\n    {DOC}\n", "is no name for a tool"),
    (f"def größe(x: int):\n    {DOC}\n", "is no name for a tool"),
    ("def a(:\n", ":1: no Python: "),
    ("def a():\n    '''A\0b'''\n", "no Python: "),
    (f"{'(' * 300}\n", "no Python: "),
]


@pytest.mark.parametrize(("source", "words"), WRONG)
def test_what_is_no_tool_is_told(tmp_path, source, words):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(UsageError, match=words) as caught:
        tool_set([str(path)])
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("Any", "say which types it may be"),
        ("list", r"list alone says too little; write list\[str\]"),
        ("set[str]", "take a list"),
        ("tuple[int, int]", "take a list"),
        ("bytes", "base64"),
        ("pathlib.Path", "take a str and make the path"),
        ("dict[int, str]", "keys of an object in JSON are text"),
        ("Literal[1.5]", "only texts, integers, True, False and None"),
        ("Literal[Colour.RED]", "only texts"),
        ("Weather", "has no form in JSON; use str, int"),
        ("3", "has no form in JSON"),
        ("'not a type'", "has no form in JSON"),
        ("list[int, int]", "has no form in JSON"),
        ("Annotated[int, Field(ge=1)]", r'write a description as a text, or conditions as {"min'),
        ("Annotated[str, {'pattern': 'a'}]", "may be one of: minimum"),
        ("Annotated[str, {'minimum': 1}]", '"minimum" is for a number'),
        ("Annotated[int, {'minimum': 'a'}]", "is not of type 'number'"),
        ("Annotated[int, 'a'] | None", r"write Annotated\[A \| B, ...\]"),
        ("Annotated[int, 'a']", "described twice"),
        ("Plain", "the class Plain has no form in JSON; make it a TypedDict"),
        ("Data", "make it a TypedDict"),
        ("Colour", r"use Literal\[...\]"),
        ("Circle", "Circle holds itself"),
        ("Full", "only fields, as name: str"),
        ("Annotated[int, {[]: 1}]", "write a description as a text"),
        ("Literal[{[]}]", "only texts, integers, True, False and None"),
        ("Annotated[float, {'minimum': 1e999}]", "no plain JSON"),
        ("Literal[18446744073709551616]", "no plain JSON: the integer .* more than 64 bits"),
        (r"Literal['\ud800']", "no plain JSON: half a surrogate pair"),
        ("list[" * 70 + "str" + "]" * 70, "no plain JSON: nested deeper"),
        (" | ".join(["str"] * 900), "nested too deeply"),
    ],
)
def test_a_type_without_a_form_in_json_is_told(annotation, words):
    before = """
class Plain: pass
@dataclass
class Data: x: int
class Colour(Enum): RED = 1
class Circle(TypedDict): x: list[Circle]
class Full(TypedDict):
    def x(self): pass
"""
    with pytest.raises(UsageError, match=words) as caught:
        tool_with(annotation, before=before)
    assert str(caught.value).startswith("tool.py:")


def test_a_name_of_typing_must_be_imported():
    with pytest.raises(UsageError, match="write from typing import Literal"):
        parse_tool(f"def a(x: Literal['a']):\n    {DOC}\n", "a.py", "file")


def test_files_that_cannot_be_read_are_told(tmp_path):
    import os

    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "latin").write_bytes(b"a = 1\nb = '\xe4'\n")
    (tmp_path / "large").write_bytes(b"#" * 300_000)
    (tmp_path / "loop").symlink_to("loop")
    for name, words in (
        ("none", "No such file or directory; name a Python file"),
        ("fifo", "no regular file"),
        (".", "Is a directory|no regular file"),
        ("latin", "latin:2: not UTF-8"),
        ("large", "larger than 256 kB"),
        ("loop", "symbolic links"),
    ):
        with pytest.raises(UsageError, match=words):
            tool_set([str(tmp_path / name)])


def test_two_tools_of_one_name_are_told_with_both_places(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(f"def mine(x: int):\n    {DOC}\n")
    with pytest.raises(UsageError, match=r'two.py: there is a tool "mine" already, from .*one.py'):
        tool_set([str(tmp_path / "one.py"), str(tmp_path / "two.py")])
    (tmp_path / "bash.py").write_text(f"def bash(x: int):\n    {DOC}\n")
    with pytest.raises(UsageError, match=r"bash.py: .* from kappa_data/sandbox/tools/bash.py"):
        tool_set([str(tmp_path / "bash.py")])


# --- arguments ------------------------------------------------------------------------------------

PLACES = """
class Place(TypedDict):
    lat: Annotated[float, {"minimum": -90, "maximum": 90}]
    name: NotRequired[str]
"""


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        ("int", 3.0, 'the argument "x" must be an integer'),
        ("int", True, "must be an integer"),
        ("int", 10**30, "is too large"),
        ("float", math.nan, "must be a finite number"),
        ("int | None", "a", "must be an integer or null"),
        ("int | list[int]", "a", "must be an integer or an array"),
        ("Literal['a', 'b']", "c", 'must be one of: "a", "b"'),
        ("list[int]", [1, "2"], 'the argument "x[1]" must be an integer'),
        ("Annotated[list[int], {'minItems': 1}]", [], "has fewer than 1 items"),
        ("Annotated[int, {'multipleOf': 5}]", 7, "must be a multiple of 5"),
        ("dict[str, int]", {"a": "b"}, 'the argument "x.a" must be an integer'),
        ("dict[str, int]", {"a\0": 1}, 'the argument "x" has a NUL character'),
        ("list[str]", ["a", "\ud800"], 'the argument "x[1]" has half of a surrogate pair'),
        ("list[Place]", [{"lat": 1.5}, {}], 'the argument "x[1]" lacks "lat"'),
        ("Place", {"lat": 1, "z": 2}, 'the argument "x" has no "z"; it takes: lat, name'),
        ("Place", {"lat": -90.5}, 'the argument "x.lat" must be at least -90'),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(annotation, value, words):
    tool = tool_with(annotation, before=PLACES)
    told = complaint("tool", tool.parameters, {"x": value})
    assert told is not None
    assert words in told
    assert "\n" not in told


scalars = st.sampled_from(["str", "int", "float", "bool", "None"])
literals = st.sampled_from(["Literal['a', 'b']", "Literal[1, 2]"])
annotations = st.recursive(
    scalars | literals,
    lambda inner: st.one_of(
        inner.map("list[{}]".format),
        inner.map("dict[str, {}]".format),
        inner.map("{} | None".format),
        inner.map("Optional[{}]".format),
        st.tuples(inner, scalars).map(" | ".join),
    ),
    max_leaves=4,
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from([0, 1, 2, -7]),
        st.sampled_from([0.5, -1.25]),  # no whole ones: readers differ about 1.0
        st.sampled_from(["a", "b", "", "c d"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(annotations, values)
def test_arguments_are_taken_as_another_reader_of_types_takes_them(annotation, value):
    """msgspec reads the evaluated type; the schema is made from its text."""
    kind = eval(annotation.replace("None |", "Optional[None] |"), vars(__import__("typing")))
    try:
        msgspec.convert(value, kind)
        fits = True
    except msgspec.ValidationError:
        fits = False
    except TypeError:  # a union that msgspec does not read
        return
    tool = tool_with(annotation)
    jsonschema.Draft202012Validator.check_schema(tool.parameters)
    assert (complaint("tool", tool.parameters, {"x": value}) is None) == fits


def test_what_is_said_of_a_wrong_call_is_short_and_plain_text(tmp_path):
    tools = tool_set()
    for arguments in (
        {"command": "ls", "\x1b[2J": 1},
        {"\ud800": 1, "command": ""},
        {"x" * 10**6: 1},
    ):
        told = tools.complaint("bash", arguments)
        assert told is not None
        assert told.encode().isascii()
        assert "\x1b" not in told
        assert len(told) < 1100
    assert len(tools.complaint("y" * 10**6, {}) or "") < 1100


def test_the_check_of_arguments_uses_the_conversations_own_schema():
    tool = tool_with("list[Place]", before=PLACES)
    for value, rules in (([{"lat": 4}], []), ([{"lat": 400}], ["arguments schema"])):
        call = ToolCall("1", FunctionCall("tool", json.dumps({"x": value})))
        conversation = Conversation(
            id="c",
            messages=(
                Message("user", "go"),
                Message("assistant", "", tool_calls=(call,)),
                Message("tool", "took it", tool_call_id="1", name="tool"),
                Message("assistant", "done"),
            ),
            tools=json.dumps([tool.definition]),
        )
        found = list(call_arguments.check(conversation, Facts()))
        assert [each.rule for each in found] == rules


# --- in the box -----------------------------------------------------------------------------------

ODD = '''
import os, subprocess, sys, time
{before}
def odd(what: str):
    """Do it.

    Args:
        what: what to do
    """
    return eval(what)
'''


def odd(folder: Path, *wanted: str, before: str = "", **limits: Any) -> list[ToolResult]:
    calls = [("odd", {"what": each}) for each in wanted]
    return in_boxes(folder, ODD.replace("{before}", before), *calls, **limits)


def test_what_a_tool_returns_prints_and_raises(tmp_path):
    table = {
        "'text\\n'": ToolResult("text\n"),
        "{'b': [1, None, True], 'a': 'é'}": ToolResult('{"b":[1,null,true],"a":"é"}'),
        "1.5": ToolResult("1.5"),
        "None": ToolResult(""),
        "print('first') or 'then'": ToolResult("first\nthen"),
        "sys.stderr.write('err\\n') and None": ToolResult("err\n"),
        "subprocess.run(['echo', 'sub']) and 'then'": ToolResult("sub\nthen"),
        "'\\ud800' + chr(27)": ToolResult("\ufffd\ufffd\ufffd\\x1b"),
        "1 / 0": ToolResult("odd: ZeroDivisionError: division by zero", error=True),
        "{}['k']": ToolResult("odd: KeyError: 'k'", error=True),
        "open('none')": ToolResult("odd: none: No such file or directory", error=True),
        "sys.exit('enough')": ToolResult("odd: SystemExit: enough", error=True),
        "exec('raise type(\"Odd\", (Exception,), dict(__str__=lambda s: 1 / 0))')": ToolResult(
            "odd: Odd", error=True
        ),
        "{1}": ToolResult(
            "odd: its result is neither text nor JSON: Object of type set is not JSON serializable",
            error=True,
        ),
        "os.execv('/bin/sh', ['sh', '-c', 'echo sh; exit 3'])": ToolResult(
            "sh\n[exit code 3]", exit_code=3
        ),
        "os.kill(os.getpid(), 9)": ToolResult("[exit code 137]", exit_code=137),
        "sys.stdout.close()": ToolResult(""),
        "os.getcwd()": ToolResult("/workspace"),
    }
    got = odd(tmp_path, *table)
    assert dict(zip(table, got, strict=True)) == table


def test_limits_hold_for_a_tool_as_for_any_call(tmp_path):
    late, flood, straggler, alive = odd(
        tmp_path,
        "time.sleep(60)",
        "'x' * 10**7",
        "subprocess.Popen(['sleep', '61'], start_new_session=True) and None",
        "subprocess.run(['pgrep', 'sleep']).returncode",
        call_seconds=1.0,
        output_chars=100,
    )
    assert (late.error, late.limit) == (True, "call time")
    assert (flood.truncated, len(flood.content) < 300) == (True, True)
    assert straggler == ToolResult("")
    assert alive.content == "1"


def test_nothing_is_kept_between_calls_but_files(tmp_path):
    before = "SEEN = []"
    got = odd(tmp_path, "SEEN.append(1) or len(SEEN)", "SEEN.append(1) or len(SEEN)", before=before)
    assert [each.content for each in got] == ["1", "1"]


def test_a_tool_may_import_what_the_boxs_python_has(tmp_path):
    (got,) = odd(tmp_path, "[p for p in sys.path if 'packages' in p] and sys.flags.isolated")
    assert got.content == "1"
    planted = "open('/workspace/colorsys.py', 'w').write('BAD = 1') and None"
    _, module = odd(tmp_path, planted, "hasattr(__import__('colorsys'), 'BAD')")
    assert module.content == "false"  # the guest's files are no modules


def test_a_tool_says_what_it_has_seen(tmp_path):
    source = '''
        from kappa_data.sandbox.workspace import read_text, see

        def peek(path: str, tell: bool):
            """Read.

            Args:
                path: a file
                tell: whether to say so
            """
            text = read_text(path)
            if tell:
                see(path)
            return text
    '''
    edit = {"path": "f", "old_string": "a", "new_string": "b"}
    got = in_boxes(
        tmp_path,
        source,
        ("bash", {"command": "echo a > f"}),
        ("peek", {"path": "f", "tell": False}),
        ("edit_file", edit),
        ("peek", {"path": "f", "tell": True}),
        ("edit_file", edit),
        ("peek", {"path": "none", "tell": True}),
        ("peek", {"path": "f"}),
    )
    assert [each.error for each in got] == [False, False, True, False, False, True, True]
    assert got[5].content == "peek: none: No such file or directory"
    assert got[6].content == 'peek: the argument "tell" is missing'


FORGED = [
    b'{"bug": true}',
    b"[1, 2]",
    b'{"seen": 3, "error": 1}',
    b'{"seen": [1, null, "' + b"x" * 9000 + b'"]}',
    b"[" * 100_000,
    b'{"seen": []}' + b" " * 3_000_000,
    b'{"a": 1}\xff',
]


def test_code_of_the_assistants_within_a_tool_cannot_break_the_box(tmp_path):
    """It writes to every descriptor that the tool has: the result's, the report's, any other."""
    before = """
def _write(data):
    for fd in range(3, 40):
        try:
            while data: data = data[os.write(fd, data):] if fd != 99 else b""
        except OSError:
            pass
def _forge(text):
    import os
    data = text.encode("latin-1")
    for fd in range(3, 64):
        left = data
        try:
            while left:
                left = left[os.write(fd, left):]
        except OSError:
            pass
    os._exit(0)
"""
    wanted = [f"_forge({data.decode('latin-1')!r})" for data in FORGED]
    *forged, after = odd(tmp_path, *wanted, "'alive'", before=before, call_seconds=5)
    assert len(forged) == len(FORGED)
    assert after == ToolResult("alive")


def test_a_program_that_a_tool_starts_cannot_reach_its_report(tmp_path):
    """It is looked for through /proc, and by inheritance."""
    look = (
        "ls -l /proc/self/fd | grep -c pipe; "
        "for f in /proc/[0-9]*/fd/*; do case $f in /proc/$$/*|/proc/self/*) ;; "
        '*) echo "{\\"bug\\": true}" 2>/dev/null > $f && echo reached $f;; esac; done; true'
    )
    (got,) = odd(tmp_path, f"subprocess.run(['bash', '-c', {look!r}], close_fds=False) and None")
    assert not got.error
    assert "reached" not in got.content
    assert got.content.splitlines()[0] in ("1", "2", "3")  # its output, once or twice, and ls's own


def test_a_tool_that_does_not_load_in_the_box_is_told_before_any_call(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"import package_of_the_host\ndef mine(x: int):\n    {DOC}\n")
    sandbox = Bubblewrap(SandboxConfig(tools=(str(path),)))
    with pytest.raises(UsageError, match=r"mine.py: does not load in a box.*package_of_the_host"):
        asyncio.run(sandbox.self_test())


def test_a_tools_file_is_never_run_on_the_host(tmp_path):
    trace = tmp_path / "ran"
    path = tmp_path / "mine.py"
    path.write_text(f"open({str(trace)!r}, 'w')\ndef mine(x: int):\n    {DOC}\n")
    (tool,) = [each for each in tool_set([str(path)]) if each.origin == "file"]
    assert tool.name == "mine"
    assert not trace.exists()


def test_denied_calls_come_with_the_users_words():
    plain, told = denied("", 100), denied("no, leave \x1b it\n", 100)
    assert (plain.error, told.error) == (True, True)
    assert plain.content == "The user denied this call. It was not run."
    assert told.content == f"{plain.content} The user said:\nno, leave \\x1b it"
    long = denied("x" * 1000, 100)
    assert long.truncated
    assert "900 characters cut" in long.content


# --- what is offered, and what is asked anew ------------------------------------------------------


def mine(folder: Path, words: str = "Do.") -> str:
    """The path of a tool file in a folder of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / "mine.py"
    path.write_text(f"def mine(x: int):\n    {DOC.replace('Do.', words)}\n")
    return str(path)


def test_a_named_file_is_offered_where_a_task_has_tools(tmp_path):
    tools = tool_set([mine(tmp_path)])
    assert tools.offered(["read_file", "bash"]).names == ("read_file", "bash", "mine")
    assert tools.offered(["mine", "bash"]).names == ("mine", "bash")
    assert tools.offered([]).names == ()
    assert ToolSet(()).offered([]).names == ()


def test_the_order_in_which_files_are_named_changes_nothing(tmp_path):
    """It is in no key: were the prompts to depend on it, stale ones would be used again."""
    files = [mine(tmp_path), str(tmp_path / "own.py")]
    Path(files[1]).write_text('def another():\n    """Do."""\n')
    names = tool_set(files).offered(["bash"]).names
    assert set(names) == {"bash", "mine", "another"}
    assert names == tool_set(files[::-1]).offered(["bash"]).names


def test_the_key_has_what_is_in_a_file_and_not_its_place(tmp_path):
    def key(stage: Any, config: SandboxConfig) -> Mapping[str, Any]:
        known = {"generate": GenerateConfig, "plan": PlanConfig}
        settings = known.get(stage.name, type(stage.name, (msgspec.Struct,), {}))()
        return key_parts(stage, settings, {}, Resources(), config)

    here, there = mine(tmp_path / "a"), mine(tmp_path / "b")
    other = mine(tmp_path / "c", "Do otherwise.")
    for stage in (PLAN, GENERATE):
        plain = key(stage, SandboxConfig())
        assert not [name for name in plain["resources"] if name.startswith("tool ")]
        one = key(stage, SandboxConfig(tools=(here,)))
        assert one == key(stage, SandboxConfig(tools=(there,)))
        assert plain != one != key(stage, SandboxConfig(tools=(other,)))
    assert key(PACK, SandboxConfig(tools=(here,))) == key(PACK, SandboxConfig())


def test_journalled_results_are_those_of_the_same_tools(tmp_path):
    def state(limits: Limits, *files: str) -> str:
        sandbox = FakeSandbox()
        sandbox.tools = tool_set(files)
        return Workbench(sandbox, limits, TASK, asyncio.Semaphore()).state

    here, there = mine(tmp_path / "a"), mine(tmp_path / "b")
    other = mine(tmp_path / "c", "Do otherwise.")
    first = state(SandboxConfig(tools=(here,)), here)
    assert first == state(SandboxConfig(tools=(there,)), there)
    assert first != state(SandboxConfig(tools=(other,)), other)
    assert first != state(SandboxConfig())
    assert state(SandboxConfig()) != state(SandboxConfig(files=99))


# --- the documents, the command, a package --------------------------------------------------------


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The tool of docs/tools.md, in a file of its own."""
    (program,) = blocks("tools.md", "python")
    path = tmp_path / "csv_figure.py"
    path.write_text(program)
    return path


def test_the_example_of_the_documents_in_a_real_box(example):
    (shown,) = blocks("tools.md", "json")
    sandbox = Bubblewrap(SandboxConfig(tools=(str(example),)))
    assert sandbox.tools["csv_figure"].definition == json.loads(shown)

    async def use() -> list[ToolResult]:
        await sandbox.self_test()
        box = await sandbox.open({"a.csv": "n,v\na,1\nb,\nc,5\n", "b.csv": "v\nx\n"})
        try:
            return [
                await box.call("csv_figure", arguments)
                for arguments in (
                    {"path": "a.csv", "column": "v"},
                    {"path": "a.csv", "column": "v", "figure": "sum"},
                    {"path": "a.csv", "column": "w"},
                    {"path": "b.csv", "column": "v"},
                    {"path": "a.csv", "column": "v", "figure": "max"},
                )
            ]
        finally:
            await box.close()

    assert asyncio.run(use()) == [
        ToolResult('{"rows":2,"mean":3.0}'),
        ToolResult('{"rows":2,"sum":6.0}'),
        ToolResult("csv_figure: a.csv: there is no column w", error=True),
        ToolResult("csv_figure: ValueError: could not convert string to float: 'x'", error=True),
        ToolResult(
            'csv_figure: the argument "figure" must be one of: "sum", "mean", "median"', error=True
        ),
    ]


def test_the_documents_list_what_the_program_takes():
    text = (Path(__file__).parents[1] / "docs" / "tools.md").read_text()
    from kappa_data.sandbox import workspace
    from kappa_data.sandbox.tool_types import KEYWORDS

    assert all(f"`{keyword}`" in text for keyword in KEYWORDS)
    for name in ("read_text", "read_bytes", "write_text", "see", "has_seen", "state", "ToolError"):
        assert hasattr(workspace, name)
        assert f"`{name}" in text


def test_the_command_lists_and_checks(example, tmp_path):
    listed = said(kappa("tools", "--json", cwd=tmp_path))["tools"]
    assert [each["name"] for each in listed] == ["bash", "edit_file", "read_file", "write_file"]
    (one,) = said(kappa("tools", example.name, "--json", cwd=tmp_path))["tools"]
    (shown,) = blocks("tools.md", "json")
    assert one["definition"] == json.loads(shown)
    assert (one["origin"], one["place"]) == ("file", "csv_figure.py")

    (toml,) = [each for each in blocks("tools.md", "toml") if "[sandbox]" in each]
    (tmp_path / "kappa.toml").write_text(toml)
    done = kappa("tools", cwd=tmp_path)
    assert done.returncode == 0
    assert 'figure {"type":"string","enum":["sum","mean","median"]}, may be left out' in done.stdout

    (tmp_path / "bad.py").write_text("def bad(x): pass\n")
    done = kappa("tools", "bad.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "bad.py:1: bad has no docstring" in done.stderr
    assert "Traceback" not in done.stderr


FAMILY = '''
"""Sums."""
from kappa_data.records import AnswerCheck, FunctionCall, ReferenceStep, ReferenceTurn, Task

NAME, GROUP, TOOLS, PROGRAMS, SEEDS = "sums", "agentic", ("bash", "csv_figure"), (), 3

def make(seed):
    text = f"v\\n{seed}\\n7\\n"
    arguments = {"path": "a.csv", "column": "v", "figure": "sum"}
    return Task(
        id=f"{NAME}/{seed}", family=NAME, seed=seed,
        opening=f"Sum column v of a.csv, as in {seed}.",
        fixture={"a.csv": text}, tools=TOOLS,
        verifier=(AnswerCheck(required=(rf"\\b{seed + 7}\\b",)),),
        reference=(ReferenceTurn(
            steps=(ReferenceStep("csv_figure", arguments, reasoning="A tool sums."),),
            answer=f"The sum is {seed + 7}.",
        ),),
    )
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder in which a package with the documents' tool and a family is installed; importing
    the package is an error."""
    (program,) = blocks("tools.md", "python")
    (declared,) = [each for each in blocks("tools.md", "toml") if GROUP in each]
    ((name, module),) = tomllib.loads(declared)["project"]["entry-points"][GROUP].items()
    root = tmp_path / "site"
    (root / "my_package").mkdir(parents=True)
    (root / "my_package" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (root / (module.replace(".", "/") + ".py")).write_text(program)
    (root / "sums_family.py").write_text(FAMILY)
    info = root / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\n{name} = {module}\n[kappa_data.families]\nsums = sums_family\n"
    )
    return root


def test_an_installed_tool_is_used_by_a_task_that_names_it(package, tmp_path):
    environment = {"PYTHONPATH": str(package)}
    wanted = ("--families", "sums,identity", "--tasks", "2", "--personas", "none", "--json")
    done = kappa("generate", *wanted, cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    shown = said(kappa("show", "sums/1:none", "--json", cwd=tmp_path, **environment))
    conversation = shown["conversation"]
    offered = [each["function"]["name"] for each in json.loads(conversation["tools"])]
    assert offered == ["bash", "csv_figure"]
    results = [each for each in conversation["messages"] if each["role"] == "tool"]
    assert [each["content"] for each in results] == ['{"rows":2,"sum":8.0}']
    assert conversation["verdict"]["passed"]
    gone = kappa("status", cwd=tmp_path)
    assert "came or went" in gone.stdout


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("csv_figure = my_package.csv_figure", None),
        ("csv_figure = my_package.csv_figure:csv_figure", "name the module alone"),
        ("csv_figure = my_package.none", "no Python file of the module my_package.none"),
        ("csv_figure = nowhere.csv_figure", "no Python file of the module nowhere"),
        ("csv_figure = sys", "no Python file of the module sys"),
        ("csv_figure = json", r"\(__init__.py\):\d+: 5 functions: dump"),
        ("other = my_package.csv_figure", 'its function is called "csv_figure"'),
    ],
)
def test_an_entry_point_is_looked_at_and_never_imported(package, monkeypatch, entry, words):
    (package / "my_package-1.0.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\n{entry}\n")
    monkeypatch.syspath_prepend(package)
    monkeypatch.setattr(toolset, "_found", toolset._found.__wrapped__)
    if words is None:
        assert tool_set()["csv_figure"].origin == "installed"
    else:
        with pytest.raises(UsageError, match=f'^entry point "[a-z_]+" of {GROUP}.*{words}'):
            tool_set()
    assert "my_package" not in sys.modules


def test_tools_that_ship_need_nothing_slow():
    """typing alone would slow every call by a fifth."""
    for tool in tool_set():
        if tool.origin == "built-in":
            plain = [
                each.module
                for each in ast.parse(tool.source).body
                if isinstance(each, ast.ImportFrom)
            ]
            assert set(plain) <= {"__future__", "kappa_data.sandbox.workspace"}
    assert results(("read_file", {"path": "none"}))[0].error


def test_a_tool_holds_no_end_of_a_pipe_that_is_read_outside(tmp_path: Path) -> None:
    """Code of the assistant's in a tool's process could take what the supervisor is about to read,
    or make its reading wait: then no limit of time would hold."""
    source = '''
    import fcntl, os, stat

    def ends() -> list:
        """Find descriptors of pipes to read from."""
        found = []
        for each in range(3, 256):
            try:
                if stat.S_ISFIFO(os.fstat(each).st_mode):
                    found.append(fcntl.fcntl(each, fcntl.F_GETFL) & os.O_ACCMODE)
            except OSError:
                pass
        return found
    '''
    content = in_boxes(tmp_path, source, ("ends", {}))[0].content
    assert json.loads(content)
    assert set(json.loads(content)) == {1}  # O_WRONLY: output and report
