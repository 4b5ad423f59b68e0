"""A tokenizer and its chat template, loaded from a folder with transformers.

The template is code from outside: it runs in Jinja's sandbox, without access to Python, but it may
run for as long as it likes. Code that a folder brings along is never run. The clock that a
template asks for is the sample's date.
"""

from __future__ import annotations

import datetime
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.formats.construction import Unrenderable
from kappa_data.formats.shield import RESERVED, Shield
from kappa_data.formats.tokenizer_files import digest
from kappa_data.printable import one_line
from kappa_data.records import Int32s

# What the code of a template can raise on a conversation that it does not expect.
_TEMPLATE_ERRORS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
MESSAGE_CHARS = 80


class HfTokenizer:
    """Renders messages, and encodes what was rendered, control tokens being the template's alone.

    Raises UsageError where the folder holds no tokenizer that can be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reference = _load(folder)
        state = json.loads(self.reference.backend_tokenizer.to_str())
        # An added token that is only space (some vocabularies have runs of line breaks) is text.
        added = [each for each in state["added_tokens"] if each["content"].strip()]
        self.shield = Shield({each["content"] for each in added})
        self.specials = {each["id"]: each["content"] for each in added}
        # What can end a generation; the other added tokens are tags that a model writes on its way.
        self.ending = {each["id"] for each in added if each["special"]}
        if self.reference.eos_token_id is not None:
            self.ending.add(self.reference.eos_token_id)
        self._backend, self._real_ids = _behind(self.shield, state)
        self._leaks = self._control_in_text()
        self._environment = _environment(self.shield)
        self._templates = {
            with_tools: self._environment.from_string(self._source(with_tools))
            for with_tools in (False, True)
        }
        self._pieces: dict[str, Int32s] = {}

    def render(
        self, messages: list[dict[str, Any]], tools: list[Any] | None, date: str, **variables: Any
    ) -> str:
        """The template's text, aliases for its tokens. `messages` and `tools` are hidden already.

        Raises Unrenderable, with the template's own words, where it refuses the conversation.
        """
        day = datetime.datetime.fromisoformat(date)
        try:
            text = self._templates[tools is not None].render(
                **self.reference.special_tokens_map,
                messages=messages,
                tools=tools,
                documents=None,
                strftime_now=day.strftime,
                **variables,
            )
        except _TEMPLATE_ERRORS as error:
            said = one_line(self.shield.show(str(error)) or type(error).__name__)
            raise Unrenderable(said[:MESSAGE_CHARS]) from None
        return self.shield.show(text)

    def encode(self, aliased: str) -> Int32s:
        """The ids of a text with aliases, as the tokenizer makes them of the whole text.

        Text between two control tokens is encoded by itself, with these beside it, and kept: the
        next prompt holds most of it again. Raises Unrenderable where text becomes a control id.
        """
        edges = [found.start() for found in RESERVED.finditer(aliased)]
        bounds = [(-1, edges[0] if edges else len(aliased))]
        bounds += [
            (edge, edges[number + 1] if number + 1 < len(edges) else len(aliased))
            for number, edge in enumerate(edges)
        ]
        pieces: list[Int32s] = []
        for start, end in bounds:
            if start >= 0:
                pieces.append(self._piece(aliased[start]))
            if end > start + 1:
                pieces.append(self._between(aliased, start, end))
        return np.concatenate(pieces) if pieces else np.array([], dtype=np.int32)

    def forget(self) -> None:
        """Drops the kept pieces: the next conversation says something else."""
        self._pieces.clear()

    def id_of(self, alias: str) -> int:
        """The id of the control token that an alias stands for."""
        return int(self._real_ids[self._backend.token_to_id(alias)])

    def _between(self, aliased: str, start: int, end: int) -> Int32s:
        before, after = start >= 0, end < len(aliased)
        ids = self._piece(aliased[start if before else 0 : end + after])
        return ids[before : len(ids) - after]

    def _piece(self, text: str) -> Int32s:
        if text not in self._pieces:
            raw = np.array(self._backend.encode(text, add_special_tokens=False).ids, dtype=np.int64)
            leaks = raw[self._leaks[raw]]
            if leaks.size:
                token = self.specials[int(self._real_ids[leaks[0]])]
                raise Unrenderable(f"the tokenizer makes {token} of plain text")
            self._pieces[text] = self._real_ids[raw]
        return self._pieces[text]

    def _control_in_text(self) -> np.ndarray:
        """For each id beneath whether it is a control id that only text can have become."""
        leaks = np.isin(self._real_ids, list(self.specials))
        leaks[[self._backend.token_to_id(alias) for alias in self.shield.tokens]] = False
        unknown = self.reference.unk_token_id  # what no token stands for, in old vocabularies
        if unknown is not None:
            leaks[self._real_ids == unknown] = False
        return leaks

    def _source(self, with_tools: bool) -> str:
        source: str = self.reference.get_chat_template(tools=[] if with_tools else None)
        return source


def _behind(shield: Shield, state: dict[str, Any]) -> tuple[Any, Int32s]:
    """The same tokenizer with aliases for control tokens, and the real id of each of its ids."""
    from tokenizers import Tokenizer

    state = state | {"post_processor": None, "truncation": None, "padding": None}
    state["added_tokens"] = [
        each | {"content": shield.aliases.get(each["content"], each["content"])}
        for each in state["added_tokens"]
    ]
    backend: Any = Tokenizer.from_str(json.dumps(state))
    real = {backend.token_to_id(each["content"]): each["id"] for each in state["added_tokens"]}
    size = max([*real, *backend.get_vocab().values()]) + 1
    ids = np.arange(size, dtype=np.int32)
    ids[list(real)] = list(real.values())
    return backend, ids


class _Names(Namespace):
    """A template's namespace; names that could reach into Python are refused, as in a sandbox."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise jinja2.exceptions.SecurityError(f"a namespace has no {name}")
        super().__setitem__(name, value)


class _Generation(Extension):
    """`{% generation %}`: marks what the model says in some templates; here it is plain text."""

    tags = {"generation"}  # noqa: RUF012  Jinja reads it so

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_said")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _said(self, caller: Any) -> str:
        return str(caller())


def _environment(shield: Shield) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = shield.to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["namespace"] = _Names
    return environment


def _raise_exception(message: object) -> None:
    raise jinja2.TemplateError(str(message))


def _load(folder: Path) -> Any:
    """The tokenizer as transformers loads it."""
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that there is no torch
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise EnvironmentLacks(
            "tokenize.format: chat-template needs transformers; "
            "pip install '/path/to/kappa-data[chat-template]'"
        ) from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    # A folder from outside can be wrong in as many ways as transformers has readers, and the reader
    # in Rust raises nothing more special.
    except Exception as error:  # noqa: BLE001
        raise UsageError(f"{folder}: no tokenizer: {one_line(str(error))[:200]}") from None
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(f"{folder}: has no tokenizer.json, and a slow tokenizer cannot be used")
    if not tokenizer.chat_template:
        raise UsageError(
            f"{folder}: this tokenizer has no chat template; a base model's has none: name that of "
            "an instruct model, or put a chat_template.jinja into the folder"
        )
    return tokenizer


@lru_cache(maxsize=1)  # a worker has one
def load(folder: Path, sha256: str) -> HfTokenizer:
    """The tokenizer of a folder, loaded once in a process; `sha256` is the digest of its files.

    Raises UsageError where it cannot be used, or is another one by now.
    """
    if digest(folder) != sha256:
        raise UsageError(f"{folder}: its files changed while they were in use; run it again")
    try:
        return HfTokenizer(folder)
    except (jinja2.TemplateError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(
            f"{folder}: its chat template cannot be used: {one_line(str(error))[:200]}"
        ) from None
