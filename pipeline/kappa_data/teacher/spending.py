"""What was asked of a teacher and what it took: requests, tokens, money."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.prices import PICO, Price

FIRST_BYTES_PER_TOKEN = 2.0
"""below what English, code, JSON and most scripts have; text of longer tokens is reserved for too
much, which costs nothing"""
MARGIN = 0.9
"""of the fewest bytes a token that were seen"""
EXTRA_TOKENS = 256
"""that a server's template may add to a prompt by itself"""


class Sizes:
    """Upper estimates of what prompts take, from their bytes. They learn from answers, downwards
    only: a prompt of a dearer kind than was seen so far must not be taken for a cheap one."""

    def __init__(self) -> None:
        self._bytes_per_token: dict[str, float] = {}

    def most(self, request: ChatRequest) -> int:
        """The most tokens that this prompt may take."""
        return self._tokens(request.model, _size(request)) + EXTRA_TOKENS

    def learn(self, request: ChatRequest, prompt_tokens: int) -> None:
        """Looks at what one prompt really took."""
        beyond = prompt_tokens - EXTRA_TOKENS
        if beyond > 0:
            seen = MARGIN * _size(request) / beyond
            known = self._bytes_per_token.get(request.model, FIRST_BYTES_PER_TOKEN)
            self._bytes_per_token[request.model] = min(known, seen)

    def of_answer(self, model: str, answer: ChatAnswer) -> int:
        """What an answer took, where its endpoint does not say."""
        said = (answer.content, answer.reasoning or "", answer.tool_calls)
        return self._tokens(model, len(msgspec.json.encode(said)))

    def _tokens(self, model: str, size: int) -> int:
        return math.ceil(size / self._bytes_per_token.get(model, FIRST_BYTES_PER_TOKEN))


def _size(request: ChatRequest) -> int:
    return len(msgspec.json.encode((request.messages, request.tools, request.schema)))


@dataclass
class Spent:
    """Sums over requests. `failed` tries are among the `requests`; what they took is not known.

    `estimated` answers came without their usage: their tokens are estimates. `unpriced` answers
    came from a model whose price is unknown. `parts` of the currency: see prices.PICO.
    """

    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0
    unpriced: int = 0
    parts: int = 0

    @property
    def tokens(self) -> int:
        """Of prompts and answers."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost(self) -> float | None:
        """In units of the currency; None: unknown."""
        return None if self.unpriced else self.parts / PICO

    def add(self, other: Spent) -> None:
        """Adds another sum to this one."""
        self.requests += other.requests
        self.failed += other.failed
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.completion_tokens += other.completion_tokens
        self.estimated += other.estimated
        self.unpriced += other.unpriced
        self.parts += other.parts

    def as_json(self) -> dict[str, Any]:
        """For people and --json."""
        return {
            "requests": self.requests,
            "failed_requests": self.failed,
            "prompt_tokens": self.prompt_tokens,
            "cached_prompt_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "answers_with_estimated_tokens": self.estimated,
            "cost": self.cost,
        }


def spent_on(request: ChatRequest, answer: ChatAnswer, price: Price | None, sizes: Sizes) -> Spent:
    """What one answer took; a usage that the endpoint left out is estimated from above."""
    used = answer.usage
    prompt, completion = used.prompt_tokens, used.completion_tokens
    silent = not completion and bool(answer.content or answer.reasoning or answer.tool_calls)
    estimated = not prompt or silent
    if not prompt:
        prompt = sizes.most(request)
    if silent:
        guess = sizes.of_answer(request.model, answer)
        completion = guess if request.max_tokens is None else min(guess, request.max_tokens)
    return Spent(
        requests=1,
        prompt_tokens=prompt,
        cached_tokens=answer.cached_tokens,
        completion_tokens=completion,
        estimated=int(estimated),
        unpriced=int(price is None),
        parts=price.of(prompt, completion, answer.cached_tokens) if price else 0,
    )


@dataclass
class Spending:
    """What one run spent, in all and by persona; failed tries by their class."""

    total: Spent = field(default_factory=Spent)
    personas: dict[str, Spent] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, persona: str, spent: Spent) -> None:
        """Counts what was spent on one persona."""
        self.total.add(spent)
        self.personas.setdefault(persona, Spent()).add(spent)

    def failed(self, persona: str, error: BaseException) -> None:
        """Counts a try that was sent and brought no answer."""
        self.add(persona, Spent(requests=1, failed=1))
        self.failures[error.kind if isinstance(error, TeacherError) else "broken off"] += 1
