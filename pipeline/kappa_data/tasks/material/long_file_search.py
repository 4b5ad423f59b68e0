"""Tasks that find one fact in long files by search, check what is around it, and write it down."""

from __future__ import annotations

import json

from kappa_data.records import (
    AnswerCheck,
    Attempt,
    CommandCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.tasks.material.long_file_lists import sums
from kappa_data.tasks.material.long_needles import Needle, needles, pattern, values
from kappa_data.tasks.material.long_prose import size
from kappa_data.tasks.material.long_shelf import Shelf, failing_start, shelf
from kappa_data.tasks.material.phrasing import follow
from kappa_data.tasks.mistakes import only_said, replaced
from kappa_data.tasks.steps import bash, write
from kappa_data.tasks.wording import Wording, sentence

_TARGETS = ("answer.json", "out/fact.json", "found.json", "note.json", "result.json")
_OPENINGS = (
    "{ask} It must be somewhere in {folder}/, the papers of {org}. {form}",
    "In {folder}/ there are long files of {org}. {form} The question is: {ask}",
    "Ticket: one fact from {folder}/\n\n{ask}\n\n{form}\n\nThe sources must stay as they are.",
    "<I gave up after an hour with|Nobody has the patience for> the files in {folder}/ ({org})."
    " {ask} {form} Careful, what was true earlier is in there too.",
    "hey, quick one about {folder}/: {lower} {form}",
    "For a footnote on {org}: {lower} The sources are in {folder}/. {form}",
)
_FORM = (
    'Write {target}: a JSON object with the keys "value" (the text as it stands), "file" (without'
    ' the folder) and "since" (the year as a number).',
    'Put it into {target} as JSON with "value" as a string, "file" as the base name of the'
    " file that"
    ' says so, and "since", the year from which on it holds, as an integer.',
)
# Run with python3: the value has to be found, in any spelling, and the older one must not.
_CHECK = """
import json, re, sys
told = json.load(open(sys.argv[1]))
want = json.load(open(".want.json"))
value = str(told.get("value"))
right = re.search(want["right"], value, re.I) and not re.search(want["wrong"], value, re.I)
same = all(told.get(key) == want[key] for key in ("file", "since"))
sys.exit(not (right and same and set(told) == {"value", "file", "since"}))
"""


class _Fact:
    """The fact with its older state, put into two files; the same of other things elsewhere."""

    def __init__(self, w: Wording, made: Shelf, needle: Needle) -> None:
        subject, *others = w.some(made.hay.setting.words[needle.subject], 4)
        self.needle, self.words = needle, needle.of(subject)
        self.new, self.old, *rest = values(w, needle.value, 5)
        self.year = made.hay.year + w.rng.randint(-9, 0)

        def say(wordings: tuple[str, ...], of: dict[str, str], v: str) -> str:
            said = w.pick(wordings).format(**of, v=v + needle.unit, y=self.year)
            return sentence(said)

        self.now = say(needle.now, self.words, self.new)
        self.was = say(needle.was, self.words, self.old)
        self.file = self._put(w, made, self.now)
        self.old_file = self._put(w, made, self.was)
        for other, value in zip(others, rest, strict=True):
            self._put(w, made, say(needle.plain, needle.of(other), value))

    def _put(self, w: Wording, made: Shelf, text: str) -> str:
        name = w.pick(sorted(made.files))
        document = made.files[name]
        document.put(w, w.pick(document.sections), text)
        return name


def search(w: Wording, name: str, seed: int, tools: tuple[str, ...]) -> Task:
    """The task: find, look around, write; then perhaps what held before."""
    made = shelf(w, seed, size(w, seed))
    fact = _Fact(w, made, needles()[seed // 3 % len(needles())])
    files = {f"{made.folder}/{path}": doc.text() + "\n" for path, doc in made.files.items()}
    target = w.pick(_TARGETS)
    ask = w.pick(fact.needle.ask).format(**fact.words)
    opening = w.say(
        _OPENINGS,
        folder=made.folder,
        org=made.org,
        ask=ask,
        lower=ask[0].lower() + ask[1:],
        form=w.pick(_FORM).format(target=target),
    )
    value = fact.new + fact.needle.unit
    wanted = {"value": value, "file": fact.file, "since": fact.year}
    first = ReferenceTurn(
        steps=(*_steps(w, made, fact, files, target, wanted),),
        answer=w.say(
            (
                "{target} is written. {file} says: {now} The older state, {old}, is mentioned in"
                " {old_file} and was not taken.",
                "Found in {file}: {now} I left aside {old} ({old_file}), which held before"
                " {year}; {target} has value, file and year.",
            ),
            target=target,
            file=fact.file,
            old_file=fact.old_file,
            now=fact.now,
            old=fact.old + fact.needle.unit,
            year=fact.year,
        ),
    )
    goals: tuple[str, ...] = ()
    turns: tuple[ReferenceTurn, ...] = ()
    checks: tuple[AnswerCheck, ...] = ()
    if w.chance(0.5):
        goals = (follow(w.rng, w.pick(fact.needle.ask_was)),)
        turns = (
            ReferenceTurn(
                f"Before {fact.year} it was {fact.old}{fact.needle.unit}. That is in"
                f" {fact.old_file}: {fact.was}",
                reasoning=f"The search has shown it already: {fact.was}",
            ),
        )
        checks = (AnswerCheck(turn=1, required=(pattern(fact.needle.value, fact.old),)),)
    reference = (first, *turns)
    spelled = {
        "right": pattern(fact.needle.value, fact.new),
        "wrong": pattern(fact.needle.value, fact.old),
    }
    hidden = {
        ".sums": sums(files),
        ".want.json": json.dumps({**wanted, **spelled}),
        ".check.py": _CHECK,
    }
    return Task(
        id=f"{name}/{seed}",
        family=name,
        seed=seed,
        opening=opening,
        goals=goals,
        fixture=files,
        tools=tools,
        verifier=(
            CommandCheck(f"python3 .check.py {target}", files=hidden),
            CommandCheck("sha256sum --status -c .sums"),
            *checks,
        ),
        reference=reference,
        wrong=_wrong(reference, fact),
    )


def _steps(
    w: Wording,
    made: Shelf,
    fact: _Fact,
    files: dict[str, str],
    target: str,
    wanted: dict[str, object],
) -> list[ReferenceStep]:
    """Sizes, a search by sentences, a look at both places, the file and a check of it."""
    folder, bare, key = made.folder, fact.words["bare"], fact.needle.key
    line = _line(files[f"{folder}/{fact.file}"], fact.now)
    other = _line(files[f"{folder}/{fact.old_file}"], fact.was)
    text = json.dumps(wanted, ensure_ascii=False, indent=2) + "\n"
    return [
        *failing_start(w, folder),
        bash(
            f"wc -c {folder}/*",
            w.pick(
                (
                    "How long are the files? What a call returns is cut at 10,000 characters.",
                    "First the sizes, to see whether reading all of it makes sense.",
                )
            ),
        ),
        bash(
            f"grep -noHE '[^.]*({key})[^.]*\\.' {folder}/* | grep -i '{bare}'",
            f"Too long to read for one fact. Search sentence by sentence for {bare} together with"
            f" words such as {key.replace('|', ', ')}.",
        ),
        ReferenceStep(
            "read_file",
            {"path": f"{folder}/{fact.file}", "offset": max(1, line - 2), "limit": 5},
            f"Two passages. The one in {fact.file} names the state since {fact.year}, the other one"
            " what was before. See both in their surroundings.",
        ),
        ReferenceStep(
            "read_file",
            {"path": f"{folder}/{fact.old_file}", "offset": max(1, other - 2), "limit": 5},
        ),
        write(target, text, f"It is clear: {fact.now} So {fact.new} is what holds."),
        bash(f"python3 -m json.tool {target}", "Is it valid JSON?"),
    ]


def _line(text: str, said: str) -> int:
    """The number of the line, from 1, that holds the sentence."""
    return text.count("\n", 0, text.index(said)) + 1


def _wrong(reference: tuple[ReferenceTurn, ...], fact: _Fact) -> tuple[Attempt, ...]:
    new, old = fact.new + fact.needle.unit, fact.old + fact.needle.unit
    year = f'"since": {fact.year}'
    return (
        only_said(reference),
        replaced(
            "the value that was replaced",
            reference,
            (_key(new), _key(old)),
        ),
        replaced("the year before", reference, (year, f'"since": {fact.year - 1}')),
        replaced("the year as text", reference, (year, f'"since": "{fact.year}"')),
    )


def _key(value: str) -> str:
    return f'"value": {json.dumps(value, ensure_ascii=False)}'
