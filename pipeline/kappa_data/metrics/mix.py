"""What a dataset is made of beside what was planned, how long it is and what it took.

Shares are of tokens: wanted, by the settings; planned, of those that the plan expected; got, of the
samples' tokens.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from kappa_data.metrics.figures import Share
from kappa_data.metrics.talks import Talk
from kappa_data.metrics.tokens import Tokens
from kappa_data.tasks.catalog import families
from kappa_data.tasks.expected import BANDS, LONGER, band_of
from kappa_data.tasks.mix_table import OTHER
from kappa_data.tasks.streams import IN_STREAMS

TABLES = {"personas": "persona", "groups": "group", "families": "family", "lengths": "length"}
"""tables of the plan, and what they are called here"""
BY_TOKENS = ("group", "length")
"""tables whose shares the settings ask for by tokens"""
IMPORTED = "imported"


def shares(
    planned: Mapping[str, Mapping[str, Any]], talks: Iterable[Talk], tokens: Mapping[str, Tokens]
) -> list[Share]:
    """The lines of the four tables. `planned`: the plan's own (its figures' "mix"); {}: none.

    Switched and look-alike conversations are no persona's: they are lines of their own beside the
    personas, as in the plan.
    """
    groups = {name: family.group for name, family in families().items()}
    got: dict[str, Counter[str]] = defaultdict(Counter)
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for talk in talks:
        if not talk.kept or talk.id not in tokens:
            continue
        own = tokens[talk.id]
        made = talk.source == "generate"
        lines = {
            "persona": talk.special if talk.special in IN_STREAMS else talk.persona,
            "group": groups.get(talk.family, OTHER) if made else IMPORTED,
            "family": talk.family,
            "length": band_of(own.longest),
        }
        for table, name in lines.items():
            got[table][name] += own.tokens
            count[table][name] += 1
    found = []
    wanted = _wanted(planned)
    for table, tokens_of in _expected(planned).items():
        whole, expected = got[table].total(), sum(tokens_of.values())
        for name in _ordered(table, {*tokens_of, *got[table]}):
            share = got[table][name] / whole if whole else 0.0
            part = tokens_of[name] / expected if name in tokens_of and expected else None
            asked = wanted.get((table, name))
            found.append(Share(table, name, part, share, count[table][name], asked))
    return found


def turns(talks: Iterable[Talk]) -> dict[str, int]:
    """Conversations that are kept, by how many messages of the user they answer."""
    counts = Counter(talk.turns for talk in talks if talk.kept)
    return {str(number): count for number, count in sorted(counts.items())}


def cost(talks: Iterable[Talk], tokens: Mapping[str, Tokens]) -> dict[str, float]:
    """What the teacher was asked for, as it billed it: for all conversations that it made, for
    those that are kept, and how much of the first there is to one of the second. What slots took
    that came to no end is in no record."""
    sums: Counter[str] = Counter()
    kept = 0
    for talk in talks:
        if talk.source != "generate":
            continue
        kept += talk.kept
        for what in ("made", "kept") if talk.kept else ("made",):
            sums[f"requests {what}"] += talk.usage.requests
            sums[f"prompt tokens {what}"] += talk.usage.prompt_tokens
            sums[f"completion tokens {what}"] += talk.usage.completion_tokens
    if not sums:
        return {}
    trained = sum(each.trained for each in tokens.values())
    whole = sums["prompt tokens made"] + sums["completion tokens made"]
    ratios = {
        "requests per kept conversation": (sums["requests made"], kept),
        "tokens per kept conversation": (whole, kept),
        "tokens per trained token": (whole, trained),
    }
    return {
        **{name: float(count) for name, count in sums.items()},
        **{name: over / under for name, (over, under) in ratios.items() if under},
    }


def _expected(planned: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """By table and line, the tokens that the plan expects."""
    found: dict[str, dict[str, float]] = {}
    for table, name in TABLES.items():
        lines = planned.get(table, {})
        found[name] = {line: each["expected tokens"] for line, each in lines.items()}
    for line, each in planned.get("streams", {}).items():
        if line in IN_STREAMS:
            found["persona"][line] = each["expected tokens"]
    return found


def _wanted(planned: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """By table and line, the share of the tokens that was asked for; {} where none was."""
    return {
        (name, line): each["wanted"]
        for table, name in TABLES.items()
        if name in BY_TOKENS
        for line, each in planned.get(table, {}).items()
        if each["wanted"] is not None
    }


def _ordered(table: str, names: Iterable[str]) -> list[str]:
    order = (*BANDS, LONGER)
    return sorted(names, key=order.index if table == "length" else str)
