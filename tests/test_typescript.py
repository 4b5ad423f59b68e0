"""Tool definitions as oss-harmony writes them."""

from __future__ import annotations

from typing import Any

import msgspec
import openai_harmony as oss
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harmony_cases import oss_encoding
from kappa_data.formats.typescript import Function, Tool, namespace, parse_tools

words = st.sampled_from(["a", "the value", "two\nlines", "", "x\r\ny\n", 'é"q', "a\r", "a\r\r\n\n"])
defaults = st.sampled_from(["s", 'é"q', 1, 1.0, 2.5, True, None, ["a", 1], {"k": [1]}, 1e20, ""])


def schema_strategy() -> st.SearchStrategy[Any]:
    notes = {
        "description": words,
        "title": words,
        "default": defaults,
        "enum": st.sampled_from([[], ["a"], ["a", 'b"c'], [1, 2], ["a", None], None]),
        "examples": st.sampled_from([["a"], ["a", 1], [], "x"]),
        "nullable": st.booleans(),
    }

    def with_notes(base: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.tuples(base, st.fixed_dictionaries({}, optional=notes)).map(
            lambda pair: {**pair[1], **pair[0]}
        )

    kinds = ["string", "integer", "number", "boolean", "null", "weird"]
    listed = st.lists(st.sampled_from(kinds), max_size=3, unique=True)
    leaf = with_notes(st.fixed_dictionaries({}, optional={"type": st.sampled_from(kinds) | listed}))

    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        items = st.fixed_dictionaries({"type": st.just("array")}, optional={"items": inner})
        one_of = st.fixed_dictionaries({"oneOf": st.lists(inner, max_size=3)})
        return with_notes(st.one_of(items, one_of, objects(inner)))

    return st.recursive(st.one_of(leaf, st.sampled_from([True, {}, None, 3])), grow, max_leaves=12)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["path", "limit", "a-b", "x y"])
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, inner, max_size=4)},
        optional={"required": st.lists(names, max_size=3), "description": words},
    )


@settings(max_examples=300, deadline=None)
@given(objects(schema_strategy()) | st.none(), words)
def test_tools_are_written_as_oss_harmony_writes_them(
    parameters: dict[str, Any] | None, description: str
) -> None:
    assert_equal(Function("f", description, parameters))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), min_size=20))
def test_floats_are_read_and_written_as_oss_harmony_does(floats: list[float]) -> None:
    """Down to the bits that it loses, and how it writes exponents."""
    numbers = [*floats, *(each * 10.0**-n for n, each in enumerate(floats)), 1e-5, 1.25e-5, 1e-6]
    properties = {f"p{n}": {"default": [each]} for n, each in enumerate(numbers)}
    assert_equal(Function("f", None, {"type": "object", "properties": properties}))


def assert_equal(function: Function) -> None:
    described = oss.ToolDescription.new(
        function.name, function.description or "", parameters=function.parameters
    )
    content = oss.DeveloperContent.new().with_function_tools([described])
    message = oss.Message.from_role_and_content(oss.Role.DEVELOPER, content)
    body = oss_encoding().decode(oss_encoding().render(message))
    assert body == f"<|start|>developer<|message|>{namespace([Tool(function)])}<|end|>"


def test_tools_have_one_absent_form_and_malformed_ones_are_refused() -> None:
    assert parse_tools(None) == parse_tools("null") == parse_tools("[]") == ()
    for text in ["{", '{"a": 1}', '[{"type": "function"}]', '[{"function": {"name": 3}}]']:
        with pytest.raises(msgspec.MsgspecError):
            parse_tools(text)
