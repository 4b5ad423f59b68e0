"""One message with a text that is to be rewritten, shortened, sorted or answered, ready to copy."""

from __future__ import annotations

from kappa_data.records import AnswerCheck, Attempt, ReferenceTurn, Task
from kappa_data.tasks.material.pieces import Job, Piece, pieces
from kappa_data.tasks.material.talks import chosen
from kappa_data.tasks.wording import Wording

NAME = "single_rewrite"
GROUP = "single_turn"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 126
"""each text once with each of its jobs"""

_COPY = (
    "<Put|Write> <the result|the finished text|it> into <a|one> code block, <please|so that I can"
    " copy it>.",
    "I want to copy it, so <use|put it in> a code block.",
    "<Return it|Send it back> in a fenced code block<|, nothing else inside>.",
)
_LIMIT = (
    "<At most|No more than|Maximum> {words} words.",
    "<Keep it|Stay> within {words} words.",
)
_FORMS = (
    "{ask} {limit} {copy}\n\n{text}",
    "{text}\n\n{ask} {copy} {limit}",
    '<Hi|Hello|Hey>. {ask} {limit} {copy}\n\n"{text}"',
    "{ask}\n\n---\n{text}\n---\n\n{limit} {copy}",
    "<This is the text:|Here is what I have:|Source:>\n\n{text}\n\n<Task|Wanted>: {ask} {limit}"
    " {copy}",
    "{ask} {copy}\n\nText:\n{text}\n\n{limit} <Thanks!|Thank you.>",
)
_OPEN = r"```[^\n`]*+\n"
"""the line that begins a code block"""


def make(seed: int) -> Task:
    """The task of `seed`; texts go round first, then their jobs."""
    w = Wording(NAME, seed)
    ways = _ways()
    piece, job = ways[seed % len(ways)]
    form = chosen(w, w.pick(_FORMS))
    parts = {
        "ask": chosen(w, job.ask),
        "limit": chosen(w, w.pick(_LIMIT)).replace("{words}", str(job.words)),
        "copy": chosen(w, w.pick(_COPY)),
        "text": piece.text.strip(),
    }
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=form.format(**parts),
        verifier=(AnswerCheck(required=_required(job), forbidden=_forbidden(job)),),
        reference=(ReferenceTurn(block(job.answer), reasoning=job.note),),
        wrong=_wrong(piece, job),
    )


def _ways() -> list[tuple[Piece, Job]]:
    every = pieces()
    most = max(len(piece.jobs) for piece in every)
    return [
        (piece, job) for at in range(most) for piece in every for job in piece.jobs[at : at + 1]
    ]


def block(text: str) -> str:
    """`text` as a code block."""
    return f"```\n{text.strip()}\n```"


def _required(job: Job) -> tuple[str, ...]:
    """Each fact in a block, and a block that is short enough."""
    short = rf"{_OPEN}\s*+(?:[^\s`]++\s*+){{1,{job.words}}}+```"
    return (*(_within(fact) for fact in job.facts), short)


def _forbidden(job: Job) -> tuple[str, ...]:
    return tuple(_within(word) for word in job.never)


def _within(pattern: str) -> str:
    return rf"{_OPEN}[^`]*?(?<![a-z])(?:{pattern})[^`]*+```"


def _wrong(piece: Piece, job: Job) -> tuple[Attempt, ...]:
    def attempt(mistake: str, answer: str) -> Attempt:
        return Attempt(mistake, (ReferenceTurn(answer),))

    return (
        *(attempt("loses or changes what matters", block(text)) for text in job.wrong),
        attempt("hands the text back as it was", block(piece.text)),
        attempt("forgets the code block", job.answer.strip()),
    )
