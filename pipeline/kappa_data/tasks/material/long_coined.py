"""Words that nobody uses, put into a long document so often that they can be counted."""

from __future__ import annotations

from collections import Counter

from kappa_data.tasks.material.long_document import Section, places
from kappa_data.tasks.material.long_haystack import haystack
from kappa_data.tasks.material.long_talk import Turn
from kappa_data.tasks.material.phrasing import number, plural
from kappa_data.tasks.wording import Wording, listed

_HEADS = "bram crin dul fenn gral hob jast kell lorm mund nesk orv pell quil rast tam ulm vorn wisk"
_TAILS = "ard ash bin da fer gle ick ket low mer nock ode pin rel stow tle und wick yll"
_SAID = (
    'Somebody has written "{x}" in the margin.',
    'The word "{x}" comes up here without an explanation.',
    "Those who call it {x} mean something else.",
    "An old hand would say {x} at this point.",
    "What {x} is supposed to mean, nobody asked.",
    "On the back one reads {x}, underlined.",
    "The clerk wrote {x} and dated it.",
    'There was a knock at the door and a voice that said "{x}".',
    "A parcel marked {x} lay there until the evening.",
    "The children had a song about a {x}.",
    "For once the word {x} was spelled as it should be.",
    "This is what used to be called the {x}.",
    "Once more the talk was of a {x}.",
    "A second hand has added {x}.",
    "Only {x} could be made out; the rest of the line is gone.",
    "The list closes with a {x}.",
)


def coined(w: Wording, count: int) -> list[str]:
    """`count` made-up words that begin and end differently."""
    heads, tails = w.some(_HEADS.split(), count), w.some(_TAILS.split(), count)
    return [head + tail for head, tail in zip(heads, tails, strict=True)]


def in_prose(w: Wording, seed: int) -> tuple[str, str, list[Turn]]:
    """(noun, document, questions): how often a word stands in a document, and where."""
    hay = haystack(w, seed)
    word, other, third = coined(w, 3)
    most = min(24, sum(len(section.paragraphs) for section in hay.document.sections) // 2)
    count = w.rng.randint(4, max(5, most))
    less = w.rng.randint(2, count - 1)
    found = {
        each: hay.document.put_in_order(w, [w.pick(_SAID).format(x=each) for _ in range(times)])
        for each, times in ((word, count), (other, less), (third, w.rng.randint(2, 6)))
    }
    where = found[word]
    turns = [
        _how_often(w, word, where, first=True),
        _how_often(w, other, found[other], first=False),
        _in_sections(word, where),
        _edge(w, word, where),
    ]
    first, *more = turns
    later = w.some(more, w.pick((0, 1, 1, 2, 2, 3)))
    return hay.noun, hay.document.text(), [first, *later]


def _rows(where: list[Section]) -> str:
    counts = Counter(section.number for section in where)
    return listed([f"{times} in section {at}" for at, times in counts.items()])


def _how_often(w: Wording, word: str, where: list[Section], *, first: bool) -> Turn:
    count = len(where)
    running = 0
    steps = []
    for at, times in Counter(section.number for section in where).items():
        running += times
        steps.append(f"section {at}: {times}, so {running}")
    ask = (
        (
            f'How many times does the word "{word}" occur in it?',
            f"Count the occurrences of {word} for me.",
            f'I wonder about "{word}". How often does the text use it?',
        )
        if first
        else (
            f'And how often is there "{word}"?',
            f"The same for {word}, please: how often?",
        )
    )
    return Turn(
        ask=w.pick(ask),
        what="the number",
        value=str(count),
        pattern=number(count),
        text=w.pick(
            (
                f'"{word}" occurs {plural(count, "time")}: {_rows(where)}. Words that look like it'
                " are not counted.",
                f"Going through the sections in order gives {_rows(where)}, which is"
                f' {plural(count, "occurrence")} of "{word}" altogether.',
            )
        ),
        thought=f'Counting "{word}": {"; ".join(steps)}. In all {count}.',
        wrong=(
            ("one too few", str(count - 1), number(count - 1)),
            ("one too many", str(count + 1), number(count + 1)),
        ),
    )


def _in_sections(word: str, where: list[Section]) -> Turn:
    different = len({section.number for section in where})
    return Turn(
        ask=f'In how many different sections does "{word}" come up?',
        what="the number of sections",
        value=str(different),
        pattern=number(different),
        text=f'"{word}" comes up in {places(where)}, which makes'
        f" {plural(different, 'section')}; where it stands more than once the section still counts"
        " as one.",
        thought=f"Sections with it: {places(where)}. Different ones: {different}.",
        wrong=(("one too many", str(different + 1), number(different + 1)),),
    )


def _edge(w: Wording, word: str, where: list[Section]) -> Turn:
    last = w.chance(0.5)
    here = where[-1 if last else 0]
    wrong = here.number + 1
    return Turn(
        ask=f'In which section does "{word}" stand for the {"last" if last else "first"} time?',
        what="the number of the section",
        value=str(here.number),
        pattern=number(here.number),
        text=f"The {'last' if last else 'first'} time is in {here.called}; {_rows(where)} is the"
        " whole list.",
        thought=f"{_rows(where)}. The {'last' if last else 'first'} is section {here.number}.",
        wrong=(("the section beside it", str(wrong), number(wrong)),),
    )
