"""One message with a short question, or two or three of them, and one answer."""

from __future__ import annotations

from kappa_data.records import AnswerCheck, Attempt, ReferenceTurn, Task
from kappa_data.tasks.material.short_facts import Fact, facts
from kappa_data.tasks.material.talks import chosen
from kappa_data.tasks.wording import Wording, listed

NAME = "single_question"
GROUP = "single_turn"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 792
"""each fact by itself, then in a pair, then among three: a fact comes three times, and no two
messages have more than one in common"""

# How far apart the facts of a message are; different, so that no two meet twice.
_STEPS = ((), (7,), (11, 30))
_LATER = ("", "second ", "third ")
_OPENINGS = (
    "{}",
    "{}",
    "{}",
    "<Hi|Hello|Hey>, <quick question|a short one|one thing>: {}",
    "{} <Thanks!|Thank you.|Just the answer and one line of why.|Short answer, please.>",
    "<For a quiz night|For my crossword|For a bet with my brother|For my notes>: {}",
    "<I keep forgetting this.|I should know this.|It's on the tip of my tongue.> {}",
    "{} <My daughter asked and I had no answer.|We can't agree here.|I looked twice and am none the"
    " wiser.>",
)
_SEVERAL = (
    "<Two|2> <quick|short> questions:\n\n1. {0}\n2. {1}",
    "{0} And <also|another one|while I'm here>: {1}",
    "{0}\n{1}",
    "<Help me with my quiz.|I have two gaps left in a worksheet.|Two things I wondered about.>\n\n"
    "- {0}\n- {1}",
    "First: {0} Second: {1}",
)
_THREE = (
    "<Three|3> <quick|short> questions:\n\n1. {0}\n2. {1}\n3. {2}",
    "{0} {1} {2}",
    "<Quiz time.|Warm-up round.|Settle these for us, please.>\n\n- {0}\n- {1}\n- {2}",
    "a) {0}\nb) {1}\nc) {2}",
)
_THOUGHTS = (
    "The question is {}. The answer should come first, then the one detail that helps.",
    "{} That is a plain question of fact, so a direct answer and a line of background will do.",
    "This is about {}. No long text is needed: the answer and a short reason.",
    "One short question, {}. The answer belongs into the first words.",
    "Asked is {}. There is a settled answer to that, so there is no need to hedge.",
)
_THOUGHTS_OF_SEVERAL = (
    "The message asks {}. Each gets its own short answer, in the order in which they came.",
    "Several things at once: {}. They have nothing to do with each other, so separate answers are"
    " clearest.",
    "Asked are {}. A line or two for each will do, with one detail that helps.",
    "Here the questions are {}. I take them one after the other and keep each answer short.",
)
_UNSURE = (
    "A look into a reference book will tell you.",
    "That depends on whom you ask. People say this and that about it.",
)


def make(seed: int) -> Task:
    """The task of `seed`; facts of different fields follow each other."""
    w = Wording(NAME, seed)
    every = facts()
    number, turn = seed % len(every), seed // len(every) % len(_STEPS)
    asked = [every[(number + step) % len(every)] for step in (0, *_STEPS[turn])]
    reference = ReferenceTurn(
        _answer(w, [each.answer for each in asked]), reasoning=_thought(w, asked)
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=_opening(w, asked),
        verifier=(AnswerCheck(required=tuple(each for fact in asked for each in fact.sought)),),
        reference=(reference,),
        wrong=_wrong(w, asked),
    )


def _opening(w: Wording, asked: list[Fact]) -> str:
    forms = (_OPENINGS, _SEVERAL, _THREE)[len(asked) - 1]
    return chosen(w, w.pick(forms)).format(*(fact.ask for fact in asked))


def _answer(w: Wording, answers: list[str]) -> str:
    if len(answers) == 1:
        return answers[0]
    if w.chance(0.5):
        return "\n\n".join(answers)
    return "\n".join(f"{number}. {answer}" for number, answer in enumerate(answers, 1))


def _thought(w: Wording, asked: list[Fact]) -> str:
    forms = _THOUGHTS if len(asked) == 1 else _THOUGHTS_OF_SEVERAL
    return w.pick(forms).format(listed([fact.point for fact in asked]))


def _wrong(w: Wording, asked: list[Fact]) -> tuple[Attempt, ...]:
    """Each wrong value of the first fact and one of every other; then an answer without any."""

    def attempt(mistake: str, answers: list[str]) -> Attempt:
        return Attempt(mistake, (ReferenceTurn("\n\n".join(answers)),))

    right = [fact.answer for fact in asked]
    made = [
        attempt(f"says {value}", [asked[0].saying(value), *right[1:]]) for value in asked[0].wrong
    ]
    for place, fact in enumerate(asked[1:], 1):
        said = [*right]
        said[place] = fact.saying(fact.wrong[0])
        made.append(attempt(f"{_LATER[place]}answer: says {fact.wrong[0]}", said))
    return (*made, attempt("knows nothing", [w.pick(_UNSURE)]))
