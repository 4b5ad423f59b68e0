"""Minutes, reports and mails written from notes: what has to be in, what may not, how long."""

from __future__ import annotations

from msgspec import Struct

from kappa_data.records import (
    AnswerCheck,
    Attempt,
    Check,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.tasks.material.near_misses import then_also, vague
from kappa_data.tasks.material.phrasing import follow, number, opening, plural
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.material.write_model import (
    Point,
    Secret,
    Setting,
    document_check,
    material,
    points,
    said,
)
from kappa_data.tasks.mistakes import Turns, only_said, replaced
from kappa_data.tasks.steps import bash, read, write
from kappa_data.tasks.wording import Wording, listed, sentence, withholding

NAME = "document_write"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 500

_KINDS = {
    "minutes": ("Decisions", "Actions", "Open questions"),
    "report": ("Settled", "To do", "Unclear"),
    "summary": ("What was decided", "Who does what", "What is open"),
    "protocol": ("Resolutions", "Tasks", "Questions"),
}
_UNDER = ("decided", "todo", "open")
_MARKS = ("[internal]", "[not for the record]", "(confidential)", "##private")


class Notes(Struct, frozen=True):
    """All that a task is made of."""

    setting: Setting
    points: list[Point]
    secrets: list[Secret]
    mark: str
    files: dict[str, str]
    out: str
    headings: tuple[str, str, str]
    limit: int

    def of(self, under: str) -> list[Point]:
        """The points below one heading."""
        return [point for point in self.points if point.item.under == under]

    def lacks(self) -> list[str]:
        """What may not be written anywhere: first figures, and what is marked."""
        old = [number(point.old) for point in self.points if point.old]
        return [*old, *(rf"(?<!\w){secret.key}" for secret in self.secrets)]

    def text(self, kind: str) -> str:
        """The document that the reference writes."""
        lines = [f"# {self.setting.name}: {kind}"]
        for heading, under in zip(self.headings, _UNDER, strict=True):
            lines += ["", f"## {heading}", "", *(f"- {p.neat()}" for p in self.of(under))]
        return "\n".join(lines) + "\n"


def make(seed: int) -> Task:
    """The task of `seed`; settings and kinds of document go round."""
    w = Wording(NAME, seed)
    settings, secrets = material()
    kind = tuple(_KINDS)[seed % len(_KINDS)]
    notes = _notes(w, settings[seed % len(settings)], secrets, kind)
    goals = w.some((_mail, _table, _load), w.pick((0, 1, 1, 2)))
    text = notes.text(kind)
    done = [goal(w, notes) for goal in goals]
    turns = (_first(w, notes, text), *(each[1] for each in done))
    parts = [
        (heading, [fact for point in notes.of(under) for fact in point.facts()])
        for heading, under in zip(notes.headings, _UNDER, strict=True)
    ]
    corrected = [number(point.n) for point in notes.points if point.old]
    checks: tuple[Check, ...] = (
        document_check(notes.out, parts, notes.limit, notes.lacks()),
        *(FileCheck(path, content=held) for path, held in notes.files.items()),
        AnswerCheck(turn=0, required=tuple(corrected)),
        *(check for each in done for check in each[2]),
    )
    asked = _opening(w, notes, kind)
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=asked,
        goals=tuple(follow(w.rng, each[0]) for each in done),
        fixture=notes.files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=checks,
        reference=turns,
        wrong=_wrong(notes, turns),
        withheld=withholding(
            asked, notes.out, "a new file", f"The new file should be {notes.out}."
        ),
    )


def _notes(w: Wording, setting: Setting, secrets: tuple[Secret, ...], kind: str) -> Notes:
    found, hidden = points(w, setting), w.some(secrets, w.pick((1, 2)))
    mark = w.pick(_MARKS)
    talkers = w.some(("Moss", "Tarn", "Wren", "Lark", "Finch", "Heath"), 3)
    lines = [point.raw() for point in found]
    for secret in hidden:
        lines.insert(w.rng.randint(1, len(lines)), f"{mark} {secret.raw.format(p='the chair')}")
    chatter = (
        "is everybody here? good", "can you hear me now", "coffee is ready by the way",
        "let's keep it short today", "sorry, I was muted", "where did we stop", "next point",
        "can somebody close the window", "I have to leave at four", "haha yes",
    )  # fmt: skip
    for remark in w.some(chatter, w.rng.randint(3, 6)):
        lines.insert(w.rng.randint(0, len(lines)), remark)
    minute, talk = w.rng.randint(2, 20), []
    style = w.pick(("{h}:{m:02d} {who}: {line}", "<{who}> {line}", "- {line}", "{who} - {line}"))
    for line in lines:
        minute += w.rng.randint(1, 3)
        talk.append(
            style.format(h=14 + minute // 60, m=minute % 60, who=w.pick(talkers), line=line)
        )
    fixes = [
        w.say(
            [
                "Correction to {about}: it is {n}, not {old}. I misread the sheet.",
                "I checked {about} again. {n} is right; please forget the {old}.",
                "About {about}: we said {old}, but the final figure is {n}.",
            ],
            about=point.item.about,
            n=point.n,
            old=point.old,
        )
        for point in found
        if point.old
    ]
    first, second = w.pick(
        (
            ("notes/meeting.txt", "notes/corrections.txt"),
            ("chat.log", "mail_afterwards.txt"),
            ("raw/transcript.txt", "raw/later.txt"),
            ("talk.txt", "inbox/after_the_meeting.txt"),
        )
    )
    letter = f"From: {w.pick(talkers)}\nSubject: after our meeting\n\n" + "\n".join(fixes) + "\n"
    out = w.pick((f"{kind}.md", f"out/{kind}.md", f"{kind}_final.md"))
    bare = Notes(
        setting=setting,
        points=found,
        secrets=hidden,
        mark=mark,
        files={first: "\n".join(talk) + "\n", second: letter},
        out=out,
        headings=_KINDS[kind],
        limit=0,
    )
    words = len(bare.text(kind).split())
    return Notes(
        bare.setting, found, hidden, mark, bare.files, out, bare.headings,
        (words * 14 // 10) // 10 * 10,
    )  # fmt: skip


def _opening(w: Wording, notes: Notes, kind: str) -> str:
    first, second = notes.files
    words = {"kind": kind, "out": notes.out, "first": first, "second": second,
             "name": notes.setting.name, "limit": notes.limit, "mark": notes.mark,
             "heads": listed([f'"{heading}"' for heading in notes.headings])}  # fmt: skip
    return opening(
        w.rng,
        context=w.say(
            [
                "We met about the {name} and somebody took notes of everything.",
                "The meeting on the {name} is over, and those who were absent want to read it.",
                "I promised a clean text on the {name} and have only the raw notes.",
            ],
            **words,
        ),
        ask=w.say(
            [
                "Write the {kind} to {out}, from {first} and {second}.",
                "Please make {out} ({kind}) out of {first}; {second} came afterwards.",
                "From {first} and {second} I need a {kind} in {out}.",
            ],
            **words,
        ).replace("a minutes", "the minutes"),
        details=(
            w.say("Markdown headings {heads}, in this order, with short bullets below.", **words),
            w.say("Lines marked {mark} must not leave a trace in it.", **words),
            w.say("Where {second} corrects a figure, only the corrected one may appear.", **words),
            w.say("At most {limit} words; neutral tone, every task with name and day.", **words),
            "Then tell me which figures were corrected, with the final values.",
        ),
    )


def _first(w: Wording, notes: Notes, text: str) -> ReferenceTurn:
    first, second = notes.files
    steps: list[ReferenceStep] = []
    if w.chance(0.25):
        guess = w.pick(("notes.txt", "meeting.md", "notes/notes.txt"))
        steps += [
            read(guess, f"The raw notes may be in {guess}."),
            bash("find . -type f", "They are not; see what there is."),
        ]
    steps += [
        read(first, w.say("<Both sources first|I read both files before I write>.")),
        read(second),
        write(
            notes.out,
            text,
            w.say(
                "Sort what was said by heading, take the later figures, leave out small talk and "
                "what is marked {mark}.",
                mark=notes.mark,
            ),
        ),
    ]
    words = "|".join([secret.key for secret in notes.secrets])
    old = "|".join(str(point.old) for point in notes.points if point.old)
    steps.append(
        bash(
            f"wc -w {notes.out}; grep -n -i -E '{words}|{old}' {notes.out} || echo clean",
            "Within the limit, and nothing marked or outdated in it?",
        )
    )
    fixed = [f"{p.item.about} ({p.n} instead of {p.old})" for p in notes.points if p.old]
    counts = {under: len(notes.of(under)) for under in _UNDER}
    answer = w.say(
        [
            "{out} is written: {a} under {ha}, {b} under {hb}, {c} under {hc}, {words} words. "
            "Corrected: {fixed}. Marked lines and small talk are left out.",
            "The text is in {out}, with {words} words (limit {limit}). The later message changed "
            "{fixed}; only the final values appear. Nothing that was marked is in it.",
        ],
        out=notes.out,
        a=counts["decided"],
        b=counts["todo"],
        c=counts["open"],
        ha=f'"{notes.headings[0]}"',
        hb=f'"{notes.headings[1]}"',
        hc=f'"{notes.headings[2]}"',
        words=len(text.split()),
        limit=notes.limit,
        fixed=listed(fixed),
    )
    close = ["The document is complete; name the corrections.", "All in place. Report briefly."]
    return ReferenceTurn(answer, tuple(steps), w.pick(close))


Wish = tuple[str, ReferenceTurn, tuple[Check, ...]]


def _mail(w: Wording, notes: Notes) -> Wish:
    """A short mail with the decisions alone."""
    out = w.pick(("mail.txt", "absent.txt", "announcement.txt"))
    decided = notes.of("decided")
    lines = [point.neat() for point in decided]
    text = "\n".join(
        [f"Subject: {notes.setting.name}", "", "Hello,", "", "this was decided:", ""]
        + [f"- {line}" for line in lines]
        + ["", "Kind regards", ""]
    )
    most = (len(text.split()) * 14 // 10) // 5 * 5
    ask = w.say(
        [
            "Those who were absent get a short mail: write {out} with the decisions only, at most "
            "{most} words, nothing confidential.",
            "Also write {out}, a mail of no more than {most} words that tells the decisions and "
            "nothing else.",
        ],
        out=out,
        most=most,
    )
    steps = (
        write(out, text, "The decisions in the final wording, with the corrected figures."),
        bash(f"wc -w {out}", "Within the limit?"),
    )
    answer = w.say(
        [
            "{out} is ready: {n} in {words} words, with a subject line.",
            "The mail is in {out}, {words} words long, and holds {n} and nothing else.",
        ],
        out=out,
        n="one decision" if len(lines) == 1 else f"{len(lines)} decisions",
        words=len(text.split()),
    )
    facts = [fact for point in decided for fact in point.facts()]
    lacks = [*notes.lacks(), *(rf"(?<!\w){p.item.key}" for p in notes.of("todo")[:2])]
    return ask, ReferenceTurn(answer, steps), (document_check(out, [("", facts)], most, lacks),)


def _table(w: Wording, notes: Notes) -> Wish:
    """Names and days of the tasks as CSV."""
    out = w.pick(("tasks.csv", "actions.csv", "due.csv"))
    todo = sorted(notes.of("todo"), key=lambda point: point.day)
    text = "who,day\n" + "".join(f"{p.person},{p.day:%m-%d}\n" for p in todo)
    ask = w.say(
        [
            "For the calendar: {out} with the header who,day and one line a task, day as MM-DD, "
            "earliest first. Who is first?",
            "Put the tasks into {out} as CSV: who,day (MM-DD), ordered by day. Whose is the first?",
        ],
        out=out,
    )
    steps = (
        write(out, text, "Name and day of each task, sorted by day."),
        bash(f"cat {out}", "A look at it."),
    )
    answer = w.say(
        [
            "{out} has {n}. The first is {who}, on {day}.",
            "{who} is first, on {day}. {out} lists {n}.",
        ],
        out=out,
        n="one task" if len(todo) == 1 else f"{len(todo)} tasks",
        who=todo[0].person,
        day=said(todo[0].day),
    )
    check = AnswerCheck(turn=None, required=(todo[0].person,))
    return ask, ReferenceTurn(answer, steps), (FileCheck(out, content=text), check)


def _load(w: Wording, notes: Notes) -> Wish:
    """How many tasks and open questions there are."""
    todo, left = notes.of("todo"), notes.of("open")
    last = max(todo, key=lambda point: point.day)
    ask = w.pick(
        (
            "How many tasks were given out, which is due last, and how many questions are open?",
            "In numbers: tasks, open questions, and the person whose task is due last?",
        )
    )
    answer = w.say(
        [
            "{n} and {m}. Due last is {who}, on {day}.",
            "{who} has the last day, {day}. In the text there are {n} and {m}.",
        ],
        n=plural(len(todo), "task"),
        m=plural(len(left), "open question"),
        who=last.person,
        day=said(last.day),
    ).replace("there are 1 task", "there is 1 task")
    facts = (counted(len(todo)), counted(len(left)), last.person)
    step = bash(f"grep -n '^[-#]' {notes.out}", "Count in the document that I wrote.")
    return ask, ReferenceTurn(answer, (step,)), (AnswerCheck(turn=None, required=facts),)


def _wrong(notes: Notes, turns: Turns) -> tuple[Attempt, ...]:
    stale = next(point for point in notes.points if point.old)
    secret = sentence(notes.secrets[0].raw.format(p="the chair"))
    told = bash(f'echo "- {secret}." >> {notes.out}', "One line is missing.")
    gone = notes.of("todo")[0].neat()
    return (
        only_said(turns),
        vague(turns),
        then_also("tells what was marked", turns, told),
        replaced("keeps the figure that was corrected", turns, (str(stale.n), str(stale.old))),
        replaced("forgets a task", turns, (f"- {gone}\n", "")),
        replaced("leaves out a heading", turns, (f"## {notes.headings[2]}\n", "")),
    )
