"""What conversations that are not there yet will take, reckoned from some that are.

A conversation is taken to need what those of its family took on average, times what its persona
took more or less than others for the same families. So a few of each persona are enough, whichever
families they came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Took(NamedTuple):
    """Requests, tokens, what these cost in parts of the currency (prices.PICO), and seconds of
    answers and tools."""

    requests: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    prompt_parts: float = 0.0
    completion_parts: float = 0.0
    seconds: float = 0.0


class Sample(NamedTuple):
    """A conversation that was played."""

    persona: str
    family: str
    took: Took


class Wanted(NamedTuple):
    """A conversation that is to be made; `answers` of it are in the journal."""

    persona: str
    family: str
    answers: int = 0


def project(samples: Sequence[Sample], wanted: Iterable[Wanted]) -> dict[str, Took]:
    """What the wanted ones will take in sum, by persona. ValueError where there are no samples.

    Of a conversation that goes on, the share of its requests that it lacks, one at least.
    """
    if not samples:
        raise ValueError("nothing to reckon from")
    of_family: dict[str, list[Took]] = defaultdict(list)
    of_persona: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        of_family[sample.family].append(sample.took)
        of_persona[sample.persona].append(sample)
    means = {family: _mean(all_of_it) for family, all_of_it in of_family.items()}
    usual = _mean([sample.took for sample in samples])
    factors = {
        persona: _factor([each.took for each in own], [means[each.family] for each in own])
        for persona, own in of_persona.items()
    }
    sums: dict[str, Took] = defaultdict(Took)
    for each in wanted:
        mean = means.get(each.family, usual)
        whole = _times(mean, factors.get(each.persona, Took(*[1.0] * len(Took._fields))))
        lacking = 1.0
        if each.answers and whole.requests:
            lacking = max(1.0 - each.answers / whole.requests, min(1.0 / whole.requests, 1.0))
        share = Took(*[lacking] * len(Took._fields))
        sums[each.persona] = _sum([sums[each.persona], _times(whole, share)])
    return dict(sums)


def cost(took: Took, samples: Sequence[Sample]) -> float:
    """What the tokens in `took` cost in parts, at the mean prices of the samples' tokens."""
    paid = _sum(sample.took for sample in samples) if samples else Took()
    prompt = took.prompt_tokens * paid.prompt_parts / (paid.prompt_tokens or 1)
    return prompt + took.completion_tokens * paid.completion_parts / (paid.completion_tokens or 1)


def _factor(took: Sequence[Took], usual: Sequence[Took]) -> Took:
    return Took(
        *(own / other if other else 1.0 for own, other in zip(_sum(took), _sum(usual), strict=True))
    )


def _mean(all_of_it: Sequence[Took]) -> Took:
    return Took(*(each / len(all_of_it) for each in _sum(all_of_it)))


def _sum(all_of_it: Iterable[Took]) -> Took:
    return Took(*map(sum, zip(*all_of_it, strict=True)))


def _times(first: Took, second: Took) -> Took:
    return Took(*(one * two for one, two in zip(first, second, strict=True)))
