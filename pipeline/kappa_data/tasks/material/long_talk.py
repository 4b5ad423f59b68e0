"""The turns of a conversation about one document: question, answer, and what is not one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from kappa_data.records import AnswerCheck, Attempt, ReferenceTurn, Task
from kappa_data.tasks.material.long_asking import ask_about, checks, closed, then
from kappa_data.tasks.material.long_document import Document
from kappa_data.tasks.wording import Wording


class Turn(Struct, frozen=True):
    """One question about the document.

    `pattern` finds the value in the answer's line; `wrong` are (mistake, value, pattern) of what a
    careless reader would put there; `also` are patterns that the answer has to hold anywhere.
    """

    ask: str
    what: str
    value: str
    pattern: str
    text: str
    thought: str
    wrong: tuple[tuple[str, str, str], ...]
    also: tuple[str, ...] = ()


def conversation(
    w: Wording,
    *,
    name: str,
    seed: int,
    label: str,
    noun: str,
    document: Document | str,
    turns: Sequence[Turn],
) -> Task:
    """The task of these turns; the first asks with the document whole."""
    text = document if isinstance(document, str) else document.text()
    opening = ask_about(w, text, noun, turns[0].ask, label, turns[0].what)
    return told(w, name=name, seed=seed, label=label, opening=opening, turns=turns)


def told(
    w: Wording, *, name: str, seed: int, label: str, opening: str, turns: Sequence[Turn]
) -> Task:
    """The task that begins with `opening`, which asks the first of the turns."""
    reference = tuple(
        ReferenceTurn(answer=closed(each.text, label, each.value), reasoning=each.thought)
        for each in turns
    )
    verifier: list[AnswerCheck] = []
    for at, turn in enumerate(turns):
        patterns = tuple(wrong for _, _, wrong in turn.wrong if wrong)
        check = checks(at, label, turn.pattern, patterns)
        verifier.append(
            AnswerCheck(turn=at, required=(*check.required, *turn.also), forbidden=check.forbidden)
        )
    return Task(
        id=f"{name}/{seed}",
        family=name,
        seed=seed,
        opening=opening,
        goals=tuple(then(w, each.ask, label) for each in turns[1:]),
        verifier=tuple(verifier),
        reference=reference,
        wrong=_attempts(label, turns, reference),
    )


def _attempts(
    label: str, turns: Sequence[Turn], reference: tuple[ReferenceTurn, ...]
) -> tuple[Attempt, ...]:
    """Each mistake of each turn, the other turns as they should be; and an answer of no use."""
    found = []
    for at, turn in enumerate(turns):
        for mistake, value, _ in turn.wrong:
            said = closed(
                f"The text has this in one place, as far as I can see: {value}.", label, value
            )
            changed = (*reference[:at], ReferenceTurn(said), *reference[at + 1 :])
            found.append(Attempt(f"turn {at + 1}: {mistake}", changed))
    lost = closed("The text does not say anything about this, so I cannot tell.", label, "unknown")
    found.append(Attempt("has not found it", (ReferenceTurn(lost), *reference[1:])))
    return tuple(found)
