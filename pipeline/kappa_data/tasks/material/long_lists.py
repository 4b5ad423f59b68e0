"""Long plain lists: words of which three come up most, and registers whose lines are counted."""

from __future__ import annotations

import functools
import re
from collections import Counter

from kappa_data.tasks.material.long_names import MONTHS, people
from kappa_data.tasks.material.long_needles import pattern
from kappa_data.tasks.material.long_prose import CHARACTERS_A_TOKEN, settings, size
from kappa_data.tasks.material.long_talk import Turn
from kappa_data.tasks.material.phrasing import number, plural
from kappa_data.tasks.wording import Wording, listed

# Tokens of o200k, measured with a little to spare: for a word with what parts it from the next, for
# one with its number, and for a line of the register.
_A_WORD = {" ": 1.35, ", ": 2.3, "\n": 2.3, " | ": 2.3, "; ": 2.3, " / ": 2.3}
_NUMBERED = 4.4
_A_ROW = 23
_GATES = ("north gate", "south gate", "river door", "yard", "side entrance", "ramp")
_MARKS = ("late", "no badge", "with dog", "by bicycle", "wet shoes", "two bags", "refused", "ill")
_USUAL = ("in", "out", "in, signed", "out, signed", "in for a visit")


@functools.cache
def words() -> tuple[str, ...]:
    """Plain words of four to ten letters, from the phrases of all settings, in order."""
    text = "\n".join(
        phrase for each in settings() for phrases in each.words.values() for phrase in phrases
    )
    return tuple(sorted(set(re.findall(r"(?<![\w'-])[a-z]{4,10}(?![\w'-])", text))))


def frequent(w: Wording, seed: int) -> tuple[str, str, list[Turn]]:
    """(noun, document, questions): the three words that come up most in a list.

    The three are drawn at least twice as often as any other word.
    """
    layout = w.pick(("", "", *_A_WORD))
    tokens = size(w, seed) / CHARACTERS_A_TOKEN
    count = int(tokens / _A_WORD.get(layout, _NUMBERED))
    chosen = w.some(words(), min(len(words()), max(60, count // 12)))
    top, rest = chosen[:3], chosen[3:]
    usual = count // (len(rest) + 14)
    times = [usual * 2 + max(2, usual // 2) * step + w.rng.randint(0, 1) for step in (6, 4, 2)]
    drawn = [word for word, n in zip(top, times, strict=True) for _ in range(n)]
    for word in rest:
        drawn += [word] * w.rng.randint(max(1, usual - 1), usual + 1)
    w.rng.shuffle(drawn)
    if layout:
        text = layout.join(drawn)
    else:
        text = "\n".join(f"{at}. {word}" for at, word in enumerate(drawn, 1))
    fourth = Counter(drawn).most_common(4)[3][0]
    rows = listed([f'"{word}" ({n} times)' for word, n in zip(top, times, strict=True)])
    every = "".join(rf"(?=[^\n]{{0,200}}{pattern('words', word)})" for word in top)
    usual_text = f"no other word comes up more than {Counter(drawn)[fourth]} times"
    first = Turn(
        ask=w.pick(
            (
                "Which three words are the most frequent in this list?",
                "Three of these words come up far more often than all others. Which?",
                "Tell me the three words that the list repeats most.",
            )
        ),
        what="the three words",
        value=", ".join(top),
        pattern=every,
        text=w.pick(
            (
                f"The list repeats {rows} most of all; {usual_text}, so these three stand out.",
                f"Far ahead are {rows}. Behind them {usual_text}.",
            )
        ),
        thought=f"Tally: {rows}; then {fourth} with {Counter(drawn)[fourth]}. The first three"
        " stand apart.",
        wrong=(
            ("one of the three is another word", f"{top[0]}, {top[1]}, {fourth}", ""),
            ("only two of them", f"{top[0]}, {top[2]}", ""),
        ),
    )
    later = w.some((_order(top, times), _more(w, top, times)), w.pick((0, 1, 1, 2)))
    return "word list", text, [first, *later]


def _order(top: list[str], times: list[int]) -> Turn:
    return Turn(
        ask="Which one of the three is the most frequent of all?",
        what="the word",
        value=top[0],
        pattern=pattern("words", top[0]),
        text=f'"{top[0]}" leads with {times[0]} occurrences, before "{top[1]}" with {times[1]} and'
        f' "{top[2]}" with {times[2]}.',
        thought=f"{top[0]} {times[0]}, {top[1]} {times[1]}, {top[2]} {times[2]}.",
        wrong=(("the second", top[1], pattern("words", top[1])),),
    )


def _more(w: Wording, top: list[str], times: list[int]) -> Turn:
    one, other = sorted(w.some((0, 1, 2), 2))
    return Turn(
        ask=f'Does "{top[other]}" or "{top[one]}" come up more often?',
        what="the word",
        value=top[one],
        pattern=pattern("words", top[one]),
        text=f'"{top[one]}" is ahead: it comes up {times[one]} times in the list, while'
        f' "{top[other]}" has {times[other]} and so fewer.',
        thought=f"{top[one]} {times[one]}, {top[other]} {times[other]}.",
        wrong=(("the other one", top[other], pattern("words", top[other])),),
    )


def register(w: Wording, seed: int) -> tuple[str, str, list[Turn]]:
    """(noun, document, questions): lines of a gate book with a certain mark."""
    total = max(60, int(size(w, seed) / CHARACTERS_A_TOKEN / _A_ROW))
    cast = people(w, 24)
    mark, other = w.some(_MARKS, 2)
    gate = w.pick(_GATES)
    count, near = w.rng.randint(4, 18), w.rng.randint(3, 9)
    special = dict.fromkeys(w.some(range(1, total + 1), count + near * 2))
    kinds = [(gate, mark)] * count + [(gate, other)] * near
    kinds += [(w.pick([each for each in _GATES if each != gate]), mark) for _ in range(near)]
    placed = dict(zip(special, kinds, strict=True))
    month, year = w.pick(MONTHS), w.rng.randint(1951, 2018)
    rows, hits = [], []
    form = w.pick(
        (
            "{at}. {day} {month}, {time}, {name}, {gate}, {mark}",
            "{at} | {time} | {gate} | {name} | {mark}",
            "{time} {gate}: {name} ({mark}) no. {at}",
        )
    )
    for at in range(1, total + 1):
        here, what = placed.get(at) or (w.pick(_GATES), w.pick(_USUAL))
        name = w.pick(cast)
        day, minute = 1 + 27 * at // (total + 1), 360 + (at * 37) % 900
        time = f"{minute // 60:02}:{minute % 60:02}"
        rows.append(
            form.format(at=at, day=day, month=month, time=time, name=name, gate=here, mark=what)
        )
        if (here, what) == (gate, mark):
            hits.append((at, name))
    text = f"Gate book, {month} {year}\n\n" + "\n".join(rows)
    lines = listed([f"{at} ({name})" for at, name in hits])
    wrong = count + near
    first = Turn(
        ask=w.pick(
            (
                f'How many entries of the {gate} carry the mark "{mark}"?',
                f'Count the lines with the {gate} and the remark "{mark}".',
                f'How often was "{mark}" written down at the {gate}?',
            )
        ),
        what="the number",
        value=str(count),
        pattern=number(count),
        text=w.pick(
            (
                f'The {gate} has {plural(count, "entry", "entries")} marked "{mark}": number'
                f" {lines}. The same mark at another gate is left out.",
                f'"{mark}" at the {gate} stands in the lines with number {lines}, which makes'
                f" {count}.",
            )
        ),
        thought=f'Both have to hold: {gate} and "{mark}". Lines {lines}. Not those of other gates,'
        f' nor those with "{other}". Count {count}.',
        wrong=(
            ("the mark at other gates is counted too", str(wrong), number(wrong)),
            ("one too few", str(count - 1), number(count - 1)),
        ),
    )
    turns = [
        Turn(
            ask=f'Who was the {edge} of these, I mean "{mark}" at the {gate}?',
            what="the full name",
            value=hits[at][1],
            pattern=pattern("person", hits[at][1]),
            text=f"In the order of the book the {edge} one is number {hits[at][0]}, {hits[at][1]},"
            f' at the {gate} with the mark "{mark}".',
            thought=f"Lines {lines}; the {edge} is {hits[at][0]}.",
            wrong=(("nobody of the book", "Humphrey Sandwith", ""),),
        )
        for edge, at in (("first", 0), ("last", -1))
    ]
    strays = Turn(
        ask=f'And how many with the mark "{other}" at the same gate?',
        what="the number",
        value=str(near),
        pattern=number(near),
        text=f'At the {gate} the mark "{other}" was written {plural(near, "time")}; it is another'
        f' matter than "{mark}", of which there are {count}.',
        thought=f'Now {gate} with "{other}": {near}.',
        wrong=(("one too many", str(near + 1), number(near + 1)),),
    )
    return "gate book", text, [first, *w.some([*turns, strays], w.pick((0, 1, 1, 2, 3)))]
