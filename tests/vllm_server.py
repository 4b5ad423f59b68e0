"""vLLM's own request models and prompt code, run on our messages without the rest of vLLM.

Needs an unpacked wheel of vLLM 0.33 and neither torch nor a model: the modules in REAL are executed
as they are, and whatever else they import becomes a stand-in. What a request goes through is what
it goes through in the server: JSON, vLLM's pydantic models, the renderer's method, token ids. Only
the renderer's constructor (which wants a model) is left out, and with it the parser, which adds
constraints for sampling and leaves the prompt alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Union

from pydantic_core import core_schema

from kappa_data.formats.profiles import Profile
from kappa_data.records import Message

REAL = {
    "vllm.envs",
    "vllm.exceptions",
    "vllm.entrypoints.generate.base.protocol",
    "vllm.entrypoints.openai.chat_completion.protocol",
    "vllm.entrypoints.openai.parser.harmony_utils",
    "vllm.entrypoints.openai.responses.harmony",
    "vllm.entrypoints.openai.responses.protocol",
    "vllm.entrypoints.openai.responses.utils",
    "vllm.entrypoints.serve.engine.protocol",
    "vllm.inputs.engine",
    "vllm.inputs.llm",
    "vllm.renderers.chat_utils.types",
    "vllm.renderers.online_renderer",
    "vllm.renderers.params",
    "vllm.tokenizers.mistral",
    "vllm.utils",
    "vllm.utils.mistral",
}
# Packages whose own __init__ is heavy: their names come from these parts of them.
PARTS = {
    "vllm.inputs": ("vllm.inputs.engine", "vllm.inputs.llm"),
    "vllm.renderers": ("vllm.renderers.params",),
    "vllm.renderers.chat_utils": ("vllm.renderers.chat_utils.types",),
}
THIRD_PARTY = (
    "torch",
    "transformers",
    "PIL",
    "mistral_common",
    "partial_json_parser",
    "cachetools",
)


class _Anything(type):
    """A class that can be called, subscripted and joined, and has every attribute."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(name)

    def __getitem__(cls, _: Any) -> Any:
        return cls

    def __or__(cls, other: Any) -> Any:
        return Union[cls, other]  # noqa: UP007

    __ror__ = __or__
    __iter__ = None  # else __getitem__ makes it an endless list


def _stand_in(name: str) -> Any:
    return _Anything(
        name,
        (),
        {
            "__init__": lambda self, *_, **__: None,
            "__call__": lambda self, *_, **__: None,
            "__getattr__": lambda self, each: _stand_in(each),
            "__get_pydantic_core_schema__": classmethod(lambda *_: core_schema.any_schema()),
        },
    )


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = (vars(import_module(part)).get(name) for part in PARTS.get(self.__name__, ()))
        value = next(filter(None, found), None) or _stand_in(name)
        setattr(self, name, value)
        return value


class _Finder(MetaPathFinder, Loader):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.missing = {name for name in THIRD_PARTY if find_spec(name) is None}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        top = name.split(".")[0]
        if top != "vllm" and top not in self.missing:
            return None
        if name not in REAL:
            return ModuleSpec(name, self, is_package=True)
        folder = self.root / name.replace(".", "/")
        file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        real = SourceFileLoader(name, str(file))
        return ModuleSpec(name, real, origin=str(file), is_package=folder.is_dir())

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class Refused(Exception):
    """vLLM answers this request with an error."""


class VllmServer:
    """`root` is the folder into which the wheel was unpacked; it holds `vllm/`."""

    def __init__(self, root: Path) -> None:
        versions = [path.name.split("-")[1] for path in root.glob("vllm-*.dist-info")]
        if not (len(versions) == 1 and versions[0].startswith("0.33.")):
            raise FileNotFoundError(f"{root} holds no unpacked vLLM 0.33, but {versions}")
        sys.meta_path.insert(0, _Finder(root))
        openai = "vllm.entrypoints.openai"
        self._chat = import_module(f"{openai}.chat_completion.protocol").ChatCompletionRequest
        self._responses = import_module(f"{openai}.responses.protocol").ResponsesRequest
        module: Any = import_module("vllm.renderers.online_renderer")
        module._mt = import_module("vllm.tokenizers.mistral")
        renderer = object.__new__(module.OnlineRenderer)
        renderer.model_config = SimpleNamespace(max_model_len=2**40)
        renderer.renderer = SimpleNamespace(tokenizer=None)
        renderer.parser = renderer.reasoning_effort_map = None
        renderer.use_harmony = True
        renderer.trust_request_chat_template = True
        renderer.exclude_tools_when_tool_choice_none = False
        renderer.supports_browsing = renderer.supports_code_interpreter = False
        renderer.validate_chat_template = lambda **_: None
        renderer.create_error_response = lambda text, **_: Refused(text)
        self._renderer = renderer

    def prompt(
        self,
        messages: Sequence[Message],
        tools: list[dict[str, Any]],
        profile: Profile,
        *,
        date: str,
        effort: str | None,
    ) -> list[int]:
        """The ids that this server sends to the model. Raises Refused where it answers an error."""
        os.environ["VLLM_SYSTEM_START_DATE"] = date
        if profile.history == "chat":
            return self._chat_prompt(messages, tools, profile.echo_reasoning, effort)
        return self._responses_prompt(messages, tools, profile.echo_reasoning, effort)

    def _chat_prompt(
        self, messages: Sequence[Message], tools: Any, echo: bool, effort: str | None
    ) -> list[int]:
        body = {"messages": [_chat_message(message, echo) for message in messages]}
        body |= {"tools": tools} if tools else {}
        body |= {"reasoning_effort": effort} if effort else {}
        request = self._chat.model_validate(json.loads(json.dumps(body)))
        made = asyncio.run(self._renderer.render_chat(request))
        if isinstance(made, Refused):
            raise made
        ids: list[int] = made[1][0]["prompt_token_ids"]
        return ids

    def _responses_prompt(
        self, messages: Sequence[Message], tools: Any, echo: bool, effort: str | None
    ) -> list[int]:
        body = {"input": [each for message in messages for each in _items(message, echo)]}
        body |= {"tools": [{"type": "function", **each["function"]} for each in tools]}
        body |= {"reasoning": {"effort": effort}} if effort else {}
        request = self._responses.model_validate(json.loads(json.dumps(body)))
        made = asyncio.run(self._renderer.render_responses(request))
        if isinstance(made, Refused):
            raise made
        ids: list[int] = made.engine_input["prompt_token_ids"]
        return ids


def _chat_message(message: Message, echo: bool) -> dict[str, Any]:
    """A message as a Chat Completions client sends it."""
    if message.role == "tool":
        return {
            "role": "tool",
            "content": message.content,
            "tool_call_id": message.tool_call_id,
        }
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in message.tool_calls
        ]
    if message.reasoning and echo:
        written["reasoning"] = message.reasoning
    return written


def _items(message: Message, echo: bool) -> list[dict[str, Any]]:
    """The items of a Responses client's input, in the order in which the server handed them out.

    What the assistant did not say is no item: not an empty one.
    """
    if message.role == "tool":
        output = {"call_id": message.tool_call_id, "output": message.content}
        return [{"type": "function_call_output", **output}]
    if message.role != "assistant":
        return [{"role": message.role, "content": message.content}]
    items: list[dict[str, Any]] = []
    if message.reasoning and echo:
        text = {"type": "reasoning_text", "text": message.reasoning}
        items.append({"type": "reasoning", "id": "rs_1", "summary": [], "content": [text]})
    if message.content:
        text = {"type": "output_text", "text": message.content, "annotations": []}
        items.append({"type": "message", "role": "assistant", "id": "msg_1", "content": [text],
                      "status": "completed"})  # fmt: skip
    for call in message.tool_calls:
        items.append({"type": "function_call", "call_id": call.id, "name": call.function.name,
                      "arguments": call.function.arguments})  # fmt: skip
    return items
