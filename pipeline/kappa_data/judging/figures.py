"""Opinions counted: shares with intervals, position bias, and agreement with the offline checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from kappa_data.judge_result import (
    Agreement,
    Bias,
    Judged,
    Preference,
    Share,
    SubstanceOf,
    VoiceOf,
)
from kappa_data.judging.pairs import Pair
from kappa_data.judging.questions import KINDS, Opinion, Side
from kappa_data.metrics.intervals import wilson
from kappa_data.records import NOBODY

NO_OPINION = "no opinion"
Whose = Literal["own", "other", "equal"]
Guessed = Mapping[tuple[str, int], str]
"""[conversation, turn]: whom the classifier takes for the speaker"""


class Asked(Struct, frozen=True):
    """A pair and what was said of it; None: that question was not asked, or it was of the same two
    answers as a pair of the other speaker's, where its opinion counts."""

    pair: Pair
    voice: Opinion | None
    substance: Opinion | None


def share(count: int, total: int) -> Share:
    """`count` of `total` with the Wilson score interval of 95 %."""
    if not total:
        return Share(count, total, None, None, None)
    return Share(count, total, count / total, *wilson(count, total))


def agreement(labels: Sequence[tuple[str, str]]) -> Agreement:
    """Of (what the check says, what the judge says) for each unit, with Cohen's kappa (Cohen 1960,
    Educational and Psychological Measurement 20, 37-46)."""
    units = len(labels)
    table: dict[str, dict[str, int]] = {}
    for (check, judge), number in sorted(Counter(labels).items()):
        table.setdefault(check, {})[judge] = number
    if not units:
        return Agreement(0, None, None, table)
    raw = sum(check == judge for check, judge in labels) / units
    checks, judges = (Counter(side) for side in zip(*labels, strict=True))
    chance = sum(checks[name] * judges[name] for name in checks) / units**2
    kappa = None if chance == 1 else (raw - chance) / (1 - chance)
    return Agreement(units, raw, kappa, table)


def voices(asked: Iterable[Asked]) -> dict[str, VoiceOf]:
    """By persona, how often its answer was known."""
    found = {}
    for name, pairs in _by_persona(each for each in asked if each.voice is not None).items():
        opinions = [each.voice for each in pairs if each.voice is not None]
        said = Counter(whose(each.pair, each.voice) for each in pairs)
        found[name] = VoiceOf(
            right=share(said["own"], len(pairs)),
            wrong=said["other"],
            flipped=_flipped(opinions),
            unanswered=_unanswered(opinions),
        )
    return found


def substances(asked: Iterable[Asked]) -> dict[str, SubstanceOf]:
    """By persona, its help beside that of no persona."""
    compared = (each for each in asked if not each.pair.rejected)
    against = _by_persona(each for each in compared if each.pair.other.speaker == NOBODY)
    found = {}
    for name, pairs in against.items():
        opinions = [each.substance for each in pairs if each.substance is not None]
        said = Counter(whose(each.pair, each.substance) for each in pairs)
        found[name] = SubstanceOf(
            equal=share(said["equal"], len(pairs)),
            better=said["own"],
            worse=said["other"],
            flipped=_flipped(opinions),
            unanswered=_unanswered(opinions),
        )
    return found


def biases(asked: Sequence[Asked]) -> dict[str, Bias]:
    """By question, what the order does."""
    found: dict[str, Bias] = {}
    for kind in KINDS:
        said = [each.voice if kind == "voice" else each.substance for each in asked]
        opinions = [each for each in said if each is not None]
        sides = sum(each.sides for each in opinions)
        first = share(sum(each.first for each in opinions), sides)
        found[kind] = Bias(_flipped(opinions), first)
    return found


def with_classifier(asked: Iterable[Asked], guessed: Guessed) -> Agreement:
    """Which side is the persona's: by the judge, and by the classifier of the metric of voice.

    The classifier names one of all voices; that names a side where it names the persona for one
    answer and not for the other. Sides are drawn, so that chance is a half: of own and other, the
    one would be right always and no kappa could be told.
    """
    labels = []
    for each in asked:
        pair = each.pair
        guesses = [guessed.get((one.talk, one.turn)) for one in (pair.left, pair.right)]
        if each.voice is None or None in guesses:
            continue
        left, right = (name == pair.persona for name in guesses)
        check = NO_OPINION if left == right else "left" if left else "right"
        labels.append((check, each.voice.side or NO_OPINION))
    return agreement(labels)


def with_verifier(asked: Iterable[Asked]) -> Agreement:
    """Which answers are wrong: by the judge, and by the verifier's verdict on the conversation.

    Of a pair's last answers alone; an answer that stands in several pairs counts in each.
    """
    labels = []
    for each in asked:
        if each.substance is None:
            continue
        blamed = (each.substance.left_wrong, each.substance.right_wrong)
        for one, wrong in zip((each.pair.left, each.pair.right), blamed, strict=True):
            if one.last and one.passed is not None:
                said = NO_OPINION if wrong is None else "wrong" if wrong else "right"
                labels.append(("right" if one.passed else "wrong", said))
    return agreement(labels)


def over_rejected(asked: Iterable[Asked]) -> Preference:
    """Whether what the verifier rejected is taken for the worse help."""
    return _preference((each, True) for each in asked if each.pair.rejected and each.substance)


def over_flagged(asked: Iterable[Asked]) -> Preference:
    """Whether answers of conversations with findings are taken for the worse help."""
    return _preference(
        (each, each.pair.own.flagged)
        for each in asked
        if each.substance
        and not each.pair.rejected
        and each.pair.own.flagged != each.pair.other.flagged
    )


def judged(each: Asked) -> Judged:
    """The pair as it stands in the result."""
    pair, voice = each.pair, whose(each.pair, each.voice)
    return Judged(
        persona=pair.persona,
        own=pair.own.talk,
        other=pair.other.talk,
        turn=pair.own.turn,
        rejected=pair.rejected,
        voice=None if voice == "equal" else voice,
        substance=whose(pair, each.substance),
    )


def whose(pair: Pair, opinion: Opinion | None) -> Whose | None:
    """Whose answer an opinion is for; None: no opinion."""
    side: Side | None = None if opinion is None else opinion.side
    if side is None or side == "equal":
        return side
    return "own" if (side == "left") == pair.own_is_left else "other"


def _preference(asked: Iterable[tuple[Asked, bool]]) -> Preference:
    """Of pairs and whether the fault is in their own answer, else it is in the other one."""
    said: Counter[str] = Counter()
    for each, own in asked:
        found = whose(each.pair, each.substance)
        if found in (None, "equal"):
            said[found or "none"] += 1
        else:
            said["with" if (found == "own") == own else "without"] += 1
    return Preference(said.total(), said["without"], said["equal"], said["with"], said["none"])


def _by_persona(asked: Iterable[Asked]) -> dict[str, list[Asked]]:
    found: dict[str, list[Asked]] = {}
    for each in asked:
        found.setdefault(each.pair.persona, []).append(each)
    return dict(sorted(found.items()))


def _flipped(opinions: Sequence[Opinion]) -> Share:
    whole = [each for each in opinions if each.side is not None or each.flipped]
    return share(sum(each.flipped for each in whole), len(whole))


def _unanswered(opinions: Sequence[Opinion]) -> int:
    return sum(each.side is None and not each.flipped for each in opinions)
