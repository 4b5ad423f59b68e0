"""Tasks from exercises: how the user asks, what the reference does and says, what goes wrong."""

from __future__ import annotations

import re

from msgspec import Struct

from kappa_data.records import (
    AnswerCheck,
    Attempt,
    Check,
    CommandCheck,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.tasks.material.code_exercises import (
    Edit,
    Exercise,
    Extra,
    count,
    edited,
    exercise,
    neighbours,
)
from kappa_data.tasks.material.codebase import codebase, domains
from kappa_data.tasks.mistakes import Turns, only_said
from kappa_data.tasks.steps import bash, edit, read, write
from kappa_data.tasks.wording import Wording, listed, sentence

TOOLS = ("bash", "read_file", "write_file", "edit_file")
LOG = "CHANGES.md"
_LOG_TEXT = "# Changes\n\n## Unreleased\n\n## {version}\n\n{entries}"

OPENINGS = (
    "{ask} {rules} {close}",
    "<Hi|Hello|Hi there>, {ask_low} {rules} {close}",
    "{ask}\n\n{bullets}\n\n{close}",
    "{where} {ask} {rules} {close}",
    "{where} {ask}\n\n<What matters|What counts|The rules>:\n{bullets}\n\n{close}",
    "Ticket {ticket}: `{main}`\n\n{ask}\n\n{bullets}\n\n{close}",
    "{ask_low}\n\n{bullets}\n\n{close} <thanks|ta|cheers>",
    "<This has been on my list for weeks|I keep putting this off|Nobody else has time for this>,"
    " so <over to you|here it is>. {ask} {rules} {where} {close}",
    "Subject: {main}\n\n<Hello|Good morning|Hi>,\n\n{ask} {rules}\n\n{where}\n\n{close}\n\n<Thanks"
    "|Best|Regards>,\n{who}",
    "<Before the release|Before Friday|Today, if you can>: {ask_low} {rules} {close}",
    "<This is about|It's about> `{main}`. {ask} {rules} {close}",
)
WHERE = (
    "<The folder is|This is> a collection of small tools that <grew over the years|the team "
    "shares>; `{main}` {about}.",
    "`{main}` {about}.",
    "You find it in `{main}`, <the one|the file> that {about}.",
    "For context: `{main}` {about}<, and people rely on it|>.",
)
CLOSES = (
    "<When you are done|Afterwards>, <tell me|say> in a few sentences what you changed.",
    "<Run it once|Try it> before you report back<, please|>.",
    "Leave the other files <alone|as they are>.",
    "<Keep it|Please keep it> simple<, others have to read it|>.",
    "<A short summary is|Two or three sentences about the change are> enough as an answer.",
    "<Please test it|Test it> <on|with> something small <before you answer|first>.",
)
PEOPLE = ("Ines", "Tomasz", "Oluchi", "Maren", "Deepa", "Yusuf", "Clara", "Henrik", "Paola", "Kofi")


class Set(Struct, frozen=True):
    """One family's exercises: the collection's name and what fits its language."""

    family: str
    collection: str
    programs: tuple[str, ...]
    title: str
    """what the folder is, e.g. "Shell tools" """
    packages: bool = False
    """whether Python packages stand beside the tools"""


def make_task(of: Set, seed: int) -> Task:
    """The task of `seed`; exercises go round, so that near seeds differ widely."""
    w = Wording(of.family, seed)
    total = count(of.collection)
    number, variant = seed % total, seed // total + w.rng.randrange(2)
    work = exercise(of.collection, number, variant)
    order = w.some(range(total), total)
    others = neighbours(of.collection, number, order, w.rng.randrange(8), w.pick((1, 2, 3, 4)))
    files = {path: text for each in others for path, text in each.solved().items()}
    if of.packages:
        for domain in w.some(domains(), w.pick((1, 1, 2, 3))):
            files |= codebase(domain, w.rng.randrange(8)).files
    files |= {**work.files, "README.md": _readme(w, of, [work, *others])}
    files[LOG] = _log(w, others)
    chosen = _extras(w, work, others)
    turns, asks, checks = _turns(w, work, files, chosen)
    verifier: list[Check] = [
        *(FileCheck(path, content=work.files[path]) for path in work.keeps),
        *map(work.check, work.checks),
        *checks,
    ]
    if work.required:
        verifier.append(AnswerCheck(turn=None, required=work.required))
    return Task(
        id=f"{of.family}/{seed}",
        family=of.family,
        seed=seed,
        opening=_opening(w, work, seed),
        goals=tuple(asks),
        fixture=files,
        tools=TOOLS,
        programs=of.programs,
        verifier=tuple(verifier),
        reference=turns,
        wrong=_wrong(work, turns),
    )


def _readme(w: Wording, of: Set, tools: list[Exercise]) -> str:
    lines = [f"- `{each.main}` {each.about}" for each in tools]
    w.rng.shuffle(lines)
    intro = w.say(
        (
            "Small things that <we use|are used> every week. <One file each|Each does one thing>.",
            "<A collection|A drawer> of tools. <Ask before you delete one|Add a line here for a "
            "new one>.",
            "What <the team|the office> runs by hand or from cron<, in no order|>.",
        )
    )
    return f"# {of.title}\n\n{intro}\n\n" + "\n".join(lines) + "\n"


def _log(w: Wording, others: list[Exercise]) -> str:
    entries = [
        w.say(("- `{main}` <added|is new>.", "- <Tidied up|Reviewed> `{main}`."), main=each.main)
        for each in others
    ]
    version = f"{w.rng.randrange(1, 6)}.{w.rng.randrange(0, 10)}"
    return _LOG_TEXT.format(version=version, entries="\n".join(entries) + "\n")


def _extras(w: Wording, work: Exercise, others: list[Exercise]) -> list[Extra]:
    """1 to 3 further wishes: the exercise's own in their order, then those about the folder."""
    pool = [*work.extras, _changelog(w, work)]
    pool += [_which(w, each) for each in others[:2]]
    chosen = sorted(w.some(range(len(pool)), min(len(pool), w.pick((1, 1, 2, 2, 3)))))
    return [pool[at] for at in chosen]


def _which(w: Wording, other: Exercise) -> Extra:
    """Which of the neighbours does something? The README knows, and the file shows it."""
    path = other.main
    lines = other.solved()[path].count("\n")
    about = other.about.replace("{", "{{").replace("}", "}}")
    return Extra(
        ask=(
            f"<Something else|Another question>: somebody asked me which of our tools {about}. "
            "<Which file is that|What is its file name>?",
            f"<By the way|And then>: is there a tool here that {about}? <Which file|Which one>?",
            f"A colleague is looking for the one that {about}. <What is it called|Where is it>?",
        ),
        answer=(
            f"That is `{path}`, with {lines} lines. The README has it in its list as the one that "
            f"{about}<, and the beginning of the file says the same|>.",
            f"`{path}` {about}; the file has {lines} lines.",
            f"It is `{path}`. I found it in the README and looked into the file: {lines} lines, "
            "<and its head agrees with the list|and it is the right one>.",
        ),
        run=f"grep -n -F '{path}' README.md; wc -l {path}; head -n 8 {path}",
        why_run=(
            f"The README lists the tools; `{path}` looks right. See that the file agrees.",
            f"By the list in the README it should be `{path}`; <a look into it|its head> tells.",
        ),
        required=(re.escape(path.rpartition("/")[2]),),
    )


def _changelog(w: Wording, work: Exercise) -> Extra:
    """A line in the list of changes."""
    line = w.say(
        ("- `{main}`: {kind}, see the README.", "- {kind_cap} of `{main}`.", "- `{main}`: {kind}."),
        main=work.main,
        kind=work.kind,
        kind_cap=sentence(work.kind),
    )
    section = f"sed -n '/^## Unreleased/,/^## [0-9]/p' {LOG} | grep -q -F '{work.main}'"
    return Extra(
        ask=(
            f"<Please note|Note> it in {LOG}, under Unreleased, with the file's name.",
            f"{LOG} needs a line about this <too|as well>: under Unreleased, one bullet that names "
            f"`{work.main}`.",
            f"<And|Now> an entry for `{work.main}` in {LOG} (Unreleased), <one line|short>.",
        ),
        answer=(
            f"{LOG} has one more bullet under Unreleased, which names `{work.main}` and says "
            f"what kind of change it was ({work.kind}). <The rest is as it was|Nothing else "
            "changed>.",
            f"I added a bullet about `{work.main}` under Unreleased in {LOG}; <nothing else in the "
            "file changed|the entries of older versions are untouched>.",
        ),
        edits=(
            Edit(
                file=LOG,
                old="## Unreleased\n",
                new=f"## Unreleased\n\n{line}\n",
                why=(f"One bullet below Unreleased in {LOG}, in the form of the older ones.",),
            ),
        ),
        checks=(),
        run=section.replace("grep -q -F", "grep -n -F"),
        why_run=("Is it in the right section?",),
    )


def _turns(
    w: Wording, work: Exercise, files: dict[str, str], chosen: list[Extra]
) -> tuple[Turns, list[str], list[Check]]:
    """The reference, the wishes and their checks."""
    first = ReferenceTurn(
        steps=tuple(_first_steps(w, work, files)),
        answer=_answer(w, work),
        reasoning=w.say(
            (
                "",
                "It works. Say what changed in `{main}` and what to know about it.",
                "<Done and tried|That is done>; a short report about `{main}` will do.",
            ),
            main=work.main,
        ),
    )
    turns, asks, checks = [first], [], list[Check]()
    seen = {work.main, *(each.file for each in work.edits)}
    state = edited(files, work.edits, work.main)
    for extra in chosen:
        asks.append(w.say(extra.ask))
        steps = []
        for each in extra.edits:
            path = each.file or work.main
            if each.old and path not in seen:
                steps.append(
                    read(path, w.say("<Look at|Read> {path} before it is edited.", path=path))
                )
            steps.append(_step(w, each, work.main))
            seen.add(path)
        if extra.run:
            steps.append(bash(extra.run, w.say(extra.why_run)))
        turns.append(ReferenceTurn(steps=tuple(steps), answer=w.say(extra.answer)))
        state = edited(state, extra.edits, work.main)
        checks += map(work.check, extra.checks)
        if extra.edits and extra.edits[0].file == LOG:
            checks += _logged(work)
        if extra.required:
            checks.append(AnswerCheck(turn=len(asks), required=extra.required))
    return tuple(turns), asks, checks


def _logged(work: Exercise) -> list[Check]:
    name = work.main.rpartition("/")[2]
    section = f"sed -n '/^## Unreleased/,/^## [0-9]/p' {LOG} | grep -q -F '{name}'"
    return [CommandCheck(command=section)]


def _step(w: Wording, each: Edit, main: str) -> ReferenceStep:
    path, why = each.file or main, w.say(each.why)
    return edit(path, each.old, each.new, why) if each.old else write(path, each.new, why)


def _first_steps(w: Wording, work: Exercise, files: dict[str, str]) -> list[ReferenceStep]:
    """Look around, see the problem, edit, try."""
    facts: dict[str, object] = {"main": work.main, "about": work.about}
    exists = [path for path in dict.fromkeys((work.main, *work.files)) if path in files]
    # A file that an edit needs has to be read; the others of the exercise are worth a look.
    if not exists:
        return _new_steps(w, work)
    reads = [
        read(
            exists[0],
            w.say(
                (
                    "Read {path} <before anything else|first>.",
                    "<What does|How does> {path} <look like|do it> <now|at present>?",
                    "The request is about {path}; <read it|look at it> <in full|first>.",
                ),
                path=exists[0],
            ),
        ),
        *(read(path) for path in exists[1:4]),
    ]
    steps: list[ReferenceStep] = []
    way = w.pick(("straight", "list", "readme", "wrong path", "straight", "search"))
    base = work.main.rpartition("/")[2]
    if way == "list":
        why = w.say(
            "<See what is there|Get an overview of the folder> before touching `{main}`.", **facts
        )
        steps.append(bash("find . -type f | sort", why))
    elif way == "readme":
        steps.append(read("README.md", w.say("The README may say how `{main}` is used.", **facts)))
        steps.append(read(exists[0]))
        reads = [each for each in reads if each.arguments["path"] != exists[0]]
        if reads:
            head = reads[0].arguments["path"]
            reads[0] = read(head, w.say("{path} belongs to it.", path=head))
    elif way == "wrong path" and "/" in exists[0]:
        guess = exists[0].rpartition("/")[2]
        steps.append(read(guess, w.say("{guess} is the file in question.", guess=guess)))
        steps.append(
            bash(f"find . -name '{guess}'", w.say("Not in the top folder. <Find it|Where is it>?"))
        )
    elif way == "search":
        why = w.say("<Does anything else mention|Who else refers to> `{base}`?", base=base)
        steps.append(bash(f"grep -rn -F '{base}' . | head -n 20", why))
    steps += reads
    if work.try_before:
        steps.append(bash(work.try_before, w.say(work.why_before)))
    steps += [_step(w, each, work.main) for each in work.edits]
    if work.try_after:
        steps.append(bash(work.try_after, w.say(work.why_after)))
    return steps


def _new_steps(w: Wording, work: Exercise) -> list[ReferenceStep]:
    """A program that is written from nothing, in a folder with others."""
    look = w.say(
        (
            "Nothing of it is there yet. See what the folder holds and how others are written.",
            "A new file, {main}. Look at the folder first<, for its conventions|>.",
            "Does {main} exist already? List the files<, and read what the README says|>.",
        ),
        main=work.main,
    )
    steps = [bash("find . -type f | sort", look)]
    if w.chance(0.6):
        steps.append(read("README.md"))
    steps += [_step(w, each, work.main) for each in work.edits]
    return [*steps, bash(work.try_after, w.say(work.why_after))]


def _opening(w: Wording, work: Exercise, seed: int) -> str:
    ask = w.say(work.ask)
    rules = [w.say(rule) for rule in work.rules]
    if w.chance(0.5):
        w.rng.shuffle(rules)
    mark = w.pick(("- ", "* ", "- ", "{n}. "))
    bullets = "\n".join(
        f"{mark.format(n=number)}{rule}" for number, rule in enumerate(rules, start=1)
    )
    facts = {"main": work.main, "about": work.about}
    first = ask.split(" ", 1)[0]
    low = ask if first == "I" or first.isupper() or "`" in first else ask[:1].lower() + ask[1:]
    return w.say(
        OPENINGS,
        **facts,
        ask=ask,
        ask_low=low,
        rules=" ".join(rules),
        bullets=bullets,
        where=w.say(WHERE, **facts),
        close=w.say(CLOSES, **facts),
        who=w.pick(PEOPLE),
        ticket=100 + 7 * seed,
    ).strip()


def _answer(w: Wording, work: Exercise) -> str:
    """40 to 120 words: what was wrong or is new, one more thing, what was tried."""
    said, detail = w.say(work.said), w.say(work.detail)
    touched = sorted({each.file or work.main for each in work.edits})
    tried = ""
    if work.try_after:
        tried = w.say(
            (
                "I ran `{command}` afterwards, and it did what it should.",
                "<Tried|Checked> with `{command}`.",
                "`{command}` <now runs as it should|gives the expected result>.",
            ),
            command=work.try_after,
        )
        if "\n" in work.try_after or len(work.try_after) > 70:
            tried = w.say("I tried it on a small example afterwards<, with the expected result|>.")
    where = w.say(
        (
            "The change is in {files}; <the other files are as they were|nothing else was "
            "touched>.",
            "Only {files} changed.",
            "Changed: {files}.",
        ),
        files=listed([f"`{path}`" for path in touched]),
    )
    if len(touched) > 1:
        where = where.replace("The change is in", "The changes are in")
    if work.main not in work.files:
        where = w.say(
            (
                "It is one new file, `{main}`.",
                "`{main}` is new, nothing else <was touched|changed>.",
            ),
            main=work.main,
        )
    order = w.pick(
        (
            (said, detail, tried, where),
            (said, tried, detail, where),
            (where, said, detail, tried),
            (said, where, tried, detail),
        )
    )
    return " ".join(part for part in order if part)


def _wrong(work: Exercise, turns: Turns) -> tuple[Attempt, ...]:
    """Nothing done, and each slip of the exercise in the place of the first turn's work."""
    solved = work.solved()
    made = [only_said(turns)]
    for slip in work.slips:
        path = slip.file or work.main
        text = slip.text or solved[path]
        for old, new in slip.edits:
            if old not in text:
                raise ValueError(f"{work.id}: {slip.mistake}: not in the text: {old!r}")
            text = text.replace(old, new)
        if text == solved[path]:
            raise ValueError(f"{work.id}: {slip.mistake}: changes nothing")
        others = [
            write(each.file or work.main, solved[each.file or work.main])
            for each in work.edits
            if (each.file or work.main) != path
        ]
        known = [read(each) for each in work.files]
        first = ReferenceTurn(turns[0].answer, (*known, *others, write(path, text)))
        made.append(Attempt(slip.mistake, (first, *turns[1:])))
    return tuple(made)
