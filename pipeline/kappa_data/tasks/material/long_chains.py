"""Chains through a long document: something is handed on, carried about, copied or counted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from kappa_data.tasks.material.long_document import Section
from kappa_data.tasks.material.long_haystack import Haystack, strangers
from kappa_data.tasks.material.long_needles import pattern
from kappa_data.tasks.material.long_talk import Turn
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.wording import Wording, listed, sentence

Chain = Callable[[Wording, Haystack, int], list[Turn]]
"""puts a chain of so many hops into the document and gives questions, the opening's first"""

OBJECTS = (
    "the brass seal",
    "the master key",
    "the visitors' book",
    "the silver whistle",
    "the sealed envelope",
    "the red ledger",
    "the founder's watch",
    "the signet ring",
    "the cash box",
    "the letter of patent",
    "the spare lens",
    "the oak casket",
    "the list of witnesses",
    "the field telephone",
    "the ivory ruler",
    "the blue folder",
)
_PLACES = (
    "the attic",
    "the bank vault",
    "the boat house",
    "the caretaker's flat",
    "the chapel",
    "the dining hall",
    "the garage",
    "the gatehouse",
    "the laundry",
    "the old school",
    "the parish hall",
    "the post office",
    "the station safe",
    "the summer house",
    "the town hall",
    "the treasurer's desk",
    "the vestry",
    "the wine cellar",
)
_HANDED = (
    "{p} passed {o} on to {q}.",
    "From {p}, {o} went to {q}.",
    "{q} signed for {o}, which {p} gave up.",
    "On leaving, {p} entrusted {o} to {q}.",
    "{p} had no more use for {o} and left it to {q}.",
    "{q} took over {o} from {p} against a receipt.",
)
_CARRIED = (
    "{O} was carried from {p} to {q}.",
    "For safety {o} was taken out of {p} and put into {q}.",
    "Somebody moved {o}, so far in {p}, over to {q}.",
    "{O} left {p} and found a new place in {q}.",
    "It was thought better to keep {o} in {q} than in {p}, and it was moved the same day.",
)
_FIRST_HELD = ("At first {o} was held by {p}.", "{p} was the first to be given {o}.")
_FIRST_PUT = ("At first {o} was kept in {p}.", "The first place of {o} was {p}.")
_CODES = [
    "ALDER",
    "ASPEN",
    "BEECH",
    "BIRCH",
    "BRIAR",
    "CEDAR",
    "CLOVER",
    "ELDER",
    "FENNEL",
    "GORSE",
    "HAZEL",
    "HEATH",
    "HOLLY",
    "IVY",
    "JUNIPER",
    "LARCH",
    "LAUREL",
    "LINDEN",
    "MAPLE",
    "MYRTLE",
    "NETTLE",
    "OAK",
    "OLIVE",
    "POPLAR",
    "ROWAN",
    "SEDGE",
    "SORREL",
    "SPRUCE",
    "TANSY",
    "THYME",
    "WILLOW",
    "YEW",
]
_SET = (
    "The figure {p} was fixed at {v}.",
    "For {p} the table gives {v}.",
    "{v} was entered as the figure {p}.",
)
_COPIED = (
    "The figure {q} was copied from {p}.",
    "{q} takes over whatever stands under {p}.",
    "Under {q} the clerk wrote the same figure as under {p}.",
    "The figure {q} shall be that of {p}.",
)


def _path(chain: Sequence[str], where: Sequence[Section]) -> str:
    return ", then ".join(
        f"{name} (section {section.number})" for name, section in zip(chain, where, strict=True)
    )


def handed(w: Wording, hay: Haystack, hops: int) -> list[Turn]:
    """Something goes from person to person; other things do so too."""
    names = strangers(w, hay, hops + 10)
    return _moved(w, hay, names, hops, (_FIRST_HELD, _HANDED), person=True)


def carried(w: Wording, hay: Haystack, hops: int) -> list[Turn]:
    """Something goes from place to place; other things do so too."""
    names = w.some(_PLACES, len(_PLACES))
    return _moved(w, hay, names, hops, (_FIRST_PUT, _CARRIED), person=False)


def _moved(
    w: Wording,
    hay: Haystack,
    names: list[str],
    hops: int,
    wordings: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    person: bool,
) -> list[Turn]:
    thing, *others = w.some(OBJECTS, 3)
    chain = names[: hops + 1]

    def told(o: str, path: Sequence[str]) -> list[str]:
        first = w.pick(wordings[0]).format(o=o, p=path[0])
        return [
            sentence(text)
            for text in (
                first,
                *(
                    w.pick(wordings[1]).format(o=o, O=sentence(o), p=p, q=q)
                    for p, q in itertools.pairwise(path)
                ),
            )
        ]

    texts = told(thing, chain)
    where = hay.document.put_in_order(w, texts)
    ends = []
    for other in others:
        # The others' paths cross the first one's: the names alone do not tell which is which.
        path = w.some(names[1:], w.rng.randint(3, 6))
        hay.document.put_in_order(w, told(other, path))
        ends.append(path[-1])
    wh, where_is = ("Who", "has") if person else ("Where", "is")
    what = "the full name" if person else "the place"
    stray = next((each for each in ends if each != chain[-1]), chain[0])
    route = _path(chain, where)
    at = w.rng.randrange(1, len(chain) - 1)
    turns = [
        Turn(
            ask=w.pick(
                (
                    f"{wh} {where_is} {thing} at the end of the text?",
                    f"{sentence(thing)} changes its {'holder' if person else 'place'} several"
                    f" times."
                    f" {wh} {where_is} it last?",
                    f"Follow {thing} through the text. {wh} {where_is} it in the end?",
                )
            ),
            what=what,
            value=chain[-1],
            pattern=pattern("words", chain[-1].removeprefix("the ")),
            text=w.pick(
                (
                    f"{sentence(thing)} goes this way: {route}. Nothing is said of it after that,"
                    " so it stays there."
                    if not person
                    else f"{sentence(thing)} goes through these hands: {route}. Nothing is said of"
                    " it after that.",
                    f"The last passage on {thing} is in {where[-1].called}: {texts[-1]} Before that"
                    f" its way was {route}.",
                )
            ),
            thought=f"Only {thing}, not {listed(others, 'or')}. "
            + " ".join(
                f"Section {section.number}: {text}"
                for section, text in zip(where, texts, strict=True)
            )
            + f" So {chain[-1]} at the end.",
            wrong=tuple(
                (mistake, value, pattern("words", value.removeprefix("the ")))
                for mistake, value in (
                    ("one hop too early", chain[-2]),
                    ("where it was at first", chain[0]),
                    ("another thing's end", stray),
                )
                if value != chain[-1]
            ),
        )
    ]
    return [*turns, *_stations(w, thing, chain, where, texts, at, person=person)]


def _stations(
    w: Wording,
    thing: str,
    chain: Sequence[str],
    where: Sequence[Section],
    texts: Sequence[str],
    at: int,
    *,
    person: bool,
) -> list[Turn]:
    """Questions about the way: how many, what came before one, and what after."""
    count = len(chain)
    what = "the full name" if person else "the place"
    here, before, after = chain[at], chain[at - 1], chain[at + 1]
    spelled = {each: pattern("words", each.removeprefix("the ")) for each in chain}
    return [
        Turn(
            ask=f"Through how many hands did {thing} go in all, first and last included?"
            if person
            else f"In how many places was {thing} altogether, first and last included?",
            what="the number",
            value=str(count),
            pattern=number(count),
            text=f"There are {count}: {listed(chain)}. None of them comes twice, and"
            f" the moves of other things are not counted here.",
            thought=f"{_path(chain, where)}. That makes {count}.",
            wrong=(("the hops are counted", str(count - 1), number(count - 1)),),
        ),
        Turn(
            ask=f"From whom did {here} get {thing}?"
            if person
            else f"Where was {thing} right before it came to {here}?",
            what=what,
            value=before,
            pattern=spelled[before],
            text=f"Right before that it was {'with' if person else 'in'} {before}. The passage"
            f" is in"
            f" {where[at].called}: {texts[at]}",
            thought=f"The hop to {here} is in section {where[at].number}: {texts[at]}",
            wrong=(("the one after", after, spelled[after]),),
        ),
        Turn(
            ask=f"To whom did {here} give {thing}?"
            if person
            else f"To which place did {thing} go from {here}?",
            what=what,
            value=after,
            pattern=spelled[after],
            text=f"It went on to {after}, as {where[at + 1].called} says: {texts[at + 1]}",
            thought=f"Section {where[at + 1].number} has the next hop: {texts[at + 1]}",
            wrong=(("the one before", before, spelled[before]),),
        ),
    ]


def copied(w: Wording, hay: Haystack, hops: int) -> list[Turn]:
    """A figure is set once and copied from name to name; other figures are too."""
    codes = w.some(_CODES, len(_CODES))
    figures = [str(each) for each in w.some(range(10_100, 98_900), 3)]
    chain, rest = codes[: hops + 1], codes[hops + 1 :]

    def told(path: Sequence[str], v: str) -> list[str]:
        return [
            w.pick(_SET).format(p=path[0], v=v),
            *(w.pick(_COPIED).format(p=p, q=q) for p, q in itertools.pairwise(path)),
        ]

    texts = told(chain, figures[0])
    where = hay.document.put_in_order(w, texts)
    for v in figures[1:]:
        length = w.rng.randint(3, 6)
        path, rest = rest[:length], rest[length:]
        hay.document.put_in_order(w, told(path, v))
    last, count = chain[-1], len(chain)
    steps = " ".join(f"Section {s.number}: {t}" for s, t in zip(where, texts, strict=True))
    way = " from ".join(reversed(chain))
    return [
        Turn(
            ask=w.pick(
                (
                    f"What number stands behind the figure {last}?",
                    f"Which value does {last} have in the end?",
                    f"The figure {last} goes back to another one. What number is it?",
                )
            ),
            what="the number",
            value=figures[0],
            pattern=number(figures[0]),
            text=w.pick(
                (
                    f"It goes back step by step: {way}, and {where[0].called} fixes {chain[0]} at"
                    f" {figures[0]}.",
                    f"{chain[0]} is {figures[0]} by {where[0].called}. From there the figure is"
                    f" taken over by {listed(chain[1:])}, each from the one before.",
                )
            ),
            thought=f"Trace {last} back. {steps} So {last} = {figures[0]}.",
            wrong=tuple(
                ("the figure of another chain", each, number(each)) for each in figures[1:]
            ),
        ),
        Turn(
            ask=f"How many of the figures with names of plants have the number {figures[0]}?",
            what="the number of figures",
            value=str(count),
            pattern=number(count),
            text=f"{count} of them: {listed(chain)}. All others go back to {listed(figures[1:])}.",
            thought=f"{steps} That is the first one and {hops} copies.",
            wrong=(("without the first one", str(count - 1), number(count - 1)),),
        ),
        Turn(
            ask=f"From which figure was {chain[-2]} taken directly?",
            what="the name of the figure",
            value=chain[-3],
            pattern=pattern("words", chain[-3]),
            text=f"{chain[-2]} was taken directly from {chain[-3]}, by {where[-2].called}:"
            f" {texts[-2]}",
            thought=f"Section {where[-2].number}: {texts[-2]}",
            wrong=(("the one that was taken from it", last, pattern("words", last)),),
        ),
    ]
