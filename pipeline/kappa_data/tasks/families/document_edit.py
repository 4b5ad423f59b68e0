"""Editorial instructions on a document: terms, order, numbering, references, tables, length."""

from __future__ import annotations

from kappa_data.records import AnswerCheck, Attempt, Check, ReferenceStep, ReferenceTurn, Task
from kappa_data.tasks.material.doc_edits import (
    FORGOTTEN,
    INSTRUCTIONS,
    TELLING,
    Edit,
    contents,
)
from kappa_data.tasks.material.doc_model import Doc, draw, sources
from kappa_data.tasks.material.near_misses import last_record_lost, then_also, vague
from kappa_data.tasks.material.phrasing import follow, opening
from kappa_data.tasks.mistakes import Turns, only_said, replaced
from kappa_data.tasks.steps import bash, read
from kappa_data.tasks.wording import Wording

NAME = "document_edit"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 600

_ASKS = (
    "Please edit {path}.",
    "{path} needs <an editor|a round of editing>; leave everything else in it exactly as it is.",
    "<Could you|Please> work these changes into {path}, and nothing beyond them.",
    "Some changes for {path}, the rest stays word for word.",
    "I have <marked up|gone through> {path} on paper; please enter this into the file.",
)


def make(seed: int) -> Task:
    """The task of `seed`; documents and kinds of instruction go round."""
    w = Wording(NAME, seed)
    known = sources()
    source = known[seed % len(known)]
    doc = draw(w, source)
    before = doc.text()
    edits = _edits(w, doc, seed)
    first = min(len(edits), w.pick((1, 1, 2, 2, 3)))
    groups = [edits[:first], *([each] for each in edits[first:])]
    turns = tuple(_turn(w, doc, group, at) for at, group in enumerate(groups))
    checks: tuple[Check, ...] = (
        doc.check(),
        AnswerCheck(turn=None, required=tuple(fact for each in edits for fact in each.facts)),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=opening(
            w.rng,
            context=source.context,
            ask=w.say(_ASKS, path=doc.path),
            details=tuple(each.ask for each in groups[0]),
        ),
        goals=tuple(follow(w.rng, group[0].ask) for group in groups[1:]),
        fixture={doc.path: before},
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=checks,
        reference=turns,
        wrong=_wrong(doc, turns, edits),
    )


def _edits(w: Wording, doc: Doc, seed: int) -> list[Edit]:
    """Two to four instructions, at least one with a figure to tell; a list of contents is last."""
    lead = TELLING[seed % len(TELLING)]
    others = [each for each in INSTRUCTIONS if each is not lead]
    chosen = [lead, *w.some(others, len(others))]
    wanted = w.pick((2, 2, 3, 3, 4))
    found: list[Edit] = []
    for each in chosen:
        if len(found) < wanted and (made := each(w, doc)) is not None:
            found.append(made)
    if w.chance(0.25) and len(found) < 4 and (made := contents(w, doc)) is not None:
        found.append(made)
    return found


def _turn(w: Wording, doc: Doc, group: list[Edit], at: int) -> ReferenceTurn:
    steps: list[ReferenceStep] = []
    if at == 0:
        name = doc.path.rpartition("/")[2]
        if w.chance(0.25):
            wrong = f"docs/{name}" if "/" not in doc.path else name
            steps += [
                bash(f"wc -w {wrong}", w.say("How long is {path}?", path=wrong)),
                bash(
                    "find . -type f -name '*.md'",
                    f"{wrong} is not there; the path I was given is {doc.path}.",
                ),
            ]
        why = [
            "I read the whole document before I change anything.",
            "First the document as it stands.",
            "Editing starts with reading {path}.",
        ]
        steps.append(read(doc.path, w.say(why, path=doc.path)))
    known = at == 0
    for step in (step for each in group for step in each.steps):
        # What was read is still true after edits of one's own, but not after a command.
        if step.tool != "read_file" or not known:
            steps.append(step)
        known = step.tool != "bash"
    answers = [each.answer for each in group]
    answer = (
        "\n".join(f"- {text}" for text in answers)
        if len(answers) > 1 and w.chance(0.5)
        else " ".join(answers)
    )
    close = [
        "The changes are in; report them with the figures asked for.",
        "Nothing else was touched. Answer the questions.",
        "Done as instructed; name the figures.",
    ]
    return ReferenceTurn(answer=answer, steps=tuple(steps), reasoning=w.say(close))


def _wrong(doc: Doc, turns: Turns, edits: list[Edit]) -> tuple[Attempt, ...]:
    slips = [slip for each in edits for slip in each.slips]
    if sum("number" in each.ask.lower() for each in edits) > 1:
        # A later change of the order may take back what was forgotten in an earlier one.
        slips = [slip for slip in slips if slip[0] != FORGOTTEN]
    remark = bash(f"printf '\\nEdited on request.\\n' >> {doc.path}", "A note for the record.")
    return (
        only_said(turns),
        vague(turns),
        then_also("loses the end of the document", turns, last_record_lost(doc.path)),
        then_also("adds a remark of its own", turns, remark),
        *(replaced(what, turns, (old, new)) for what, old, new in slips),
    )
