"""Which answers are held against each other: drawn from the sample by a seed, the same every time.

Two answers make a pair where the user had said the same, word for word, in the same task and turn:
else the judge would compare tasks. Each persona is held against no persona in one half of its pairs
and against its nearest neighbours in the grid in the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from kappa_data.judging.material import Answer
from kappa_data.personas import Persona
from kappa_data.records import NOBODY
from kappa_data.teacher.draw import draw, label

Place = dict[str, Answer]
"""the answers to the same words of the user, by speaker"""


class Pair(Struct, frozen=True):
    """`own` is by `persona`; `other` is by another one, or by nobody. `rejected`: the verifier
    rejected the conversation of `own`, and `other` solved the same task.

    Which of the two stands left is drawn, so that neither side is a sign of anything.
    """

    persona: str
    own: Answer
    other: Answer
    rejected: bool = False

    @property
    def id(self) -> str:
        """Of the two answers, whichever of them is `own` and whatever else was drawn."""
        return label("pair", *sorted((self.own.talk, self.other.talk)), self.own.turn)

    @property
    def own_is_left(self) -> bool:
        """Where the persona's own answer stands."""
        return (draw(self.id, "side") < 0.5) == (self.own.talk < self.other.talk)

    @property
    def left(self) -> Answer:
        """The answer that is A in the first order."""
        return self.own if self.own_is_left else self.other

    @property
    def right(self) -> Answer:
        """The answer that is B in the first order."""
        return self.other if self.own_is_left else self.own


def neighbours(name: str, personas: Mapping[str, Persona]) -> list[str]:
    """The personas that differ from `name` on the fewest axes, sorted; axes and values are free."""
    own = personas[name].axes

    def differing(other: Persona) -> int:
        return sum(own.get(axis) != other.axes.get(axis) for axis in {*own, *other.axes})

    distances = {each: differing(other) for each, other in personas.items() if each != name}
    least = min(distances.values(), default=0)
    return sorted(each for each, distance in distances.items() if distance == least)


def draw_pairs(
    answers: Iterable[Answer], personas: Mapping[str, Persona], pairs: int, seed: int
) -> list[Pair]:
    """At most `pairs` of each persona that spoke, over as many tasks as there are."""
    grouped = _places(each for each in answers if each.unit is not None)
    places = [place for place in grouped.values() if len(place) > 1]
    there = {name for place in places for name in place}
    spoke = {name: each for name, each in personas.items() if name in there}
    found = []
    for name in spoke:
        near = neighbours(name, spoke)
        wanted = [NOBODY if number % 2 == 0 else "" for number in range(pairs)]
        if near:
            wanted = [each or near[at // 2 % len(near)] for at, each in enumerate(wanted)]
        found += _of_persona(name, wanted, places, seed)
    return found


def draw_rejected(
    rejected: Iterable[Answer], answers: Iterable[Answer], pairs: int, seed: int
) -> list[Pair]:
    """At most `pairs` of a last answer that the verifier rejected and one that it accepted."""
    right = _places(each for each in answers if each.last and each.passed)
    found = []
    for each in sorted(rejected, key=lambda one: (draw(seed, one.talk), one.talk)):
        place = right.get((each.task, each.turn, each.asked), {})
        if each.last and each.passed is False and place:
            other = place.get(NOBODY) or place[min(place)]
            found.append(Pair(each.speaker, each, other, rejected=True))
    return found[:pairs]


def _places(answers: Iterable[Answer]) -> dict[tuple[str, int, tuple[str, ...]], Place]:
    """The answers by task, turn and what the user had said; of one speaker's the smaller id."""
    found: dict[tuple[str, int, tuple[str, ...]], Place] = defaultdict(dict)
    for each in answers:
        place = found[each.task, each.turn, each.asked]
        there = place.get(each.speaker)
        if there is None or each.talk < there.talk:
            place[each.speaker] = each
    return found


def _of_persona(name: str, wanted: Sequence[str], places: Sequence[Place], seed: int) -> list[Pair]:
    """One pair for each name in `wanted`, or for another where that one has none left. A task comes
    again only where all others have come as often."""
    pools: dict[str, list[Pair]] = defaultdict(list)
    for place in places:
        if name in place:
            for other, answer in place.items():
                if other in wanted:
                    pools[other].append(Pair(name, place[name], answer))
    for pool in pools.values():
        pool.sort(key=lambda pair: (draw(seed, pair.id), pair.id))
    uses: Counter[str] = Counter()
    found: list[Pair] = []
    for other in wanted:
        pool = pools.get(other) or max(pools.values(), key=len, default=[])
        if not pool:
            break
        at = min(range(len(pool)), key=lambda number: (uses[pool[number].own.task], number))
        found.append(pool.pop(at))
        uses[found[-1].own.task] += 1
    return found
