"""A service does not start: mend its configuration file by its checker and the agreed sheet."""

from __future__ import annotations

import itertools
import re

import msgspec

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
from kappa_data.tasks.material.codebase import minimal_edit
from kappa_data.tasks.material.config_faults import Fault, break_syntax, draw_faults
from kappa_data.tasks.material.config_files import (
    SERVICES,
    Line,
    Service,
    checker,
    comparer,
    render,
    sheet,
)
from kappa_data.tasks.material.config_goals import Site, goals_after
from kappa_data.tasks.mistakes import Turns, only_said
from kappa_data.tasks.steps import bash, edit, read, write
from kappa_data.tasks.wording import Wording, sentence

NAME = "config_repair"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1000

FORMS = ("json", "toml", "ini", "env")
SITES = [
    "Aalen",
    "Bergen",
    "Cork",
    "Dover",
    "Evora",
    "Fano",
    "Ghent",
    "Hamar",
    "Izola",
    "Jena",
    "Kiel",
    "Lund",
    "Mons",
    "Narva",
    "Olten",
    "Porto",
    "Quimper",
    "Riva",
    "Split",
    "Turku",
    "Umea",
    "Vigo",
    "Wick",
    "Ypres",
    "Zadar",
]
OPENINGS = (
    "<Hi|Hello>, {service} at {site} does not start<| any more>: {symptom}. The settings are in "
    "{path}, what we agreed on is in {sheet}. {ask}",
    "{symptom_cap}. <Somebody edited|A colleague changed> {path} on Friday, and I fear it is "
    "broken. "
    "{ask}",
    "`python3 {checker}` complains about {path}. {ask}",
    "The configuration of {service} ({path}) <is a mess|got damaged> after a merge. {sheet} has "
    "the "
    "values <that are right|as they should be>. {ask}",
    "after the update {service} refuses to come up, {symptom}. {checker} is the script that checks "
    "{path}. {ask}",
    "We run {service} ({does}) in {site}. Since <this morning|last night> {symptom}. {ask}",
    "<Please repair|Repair> {path} for me. Truth is {sheet}, the check is {checker}. {ask}",
    'Ticket from {site}: "{symptom}". <I think it is the config|My guess is a wrong setting>, see '
    "{path}. {ask}",
    "I need {service} back quickly: {symptom}. {ask}",
)
ASKS = (
    "<Please mend the file|Fix the file> so that {checker} says ok and every value is the one in "
    "{sheet}, then <tell me|list> which settings were wrong.",
    "It should pass {checker} and <match|agree with> {sheet} in every value. Which settings were "
    "off?",
    "Bring {path} back in line with {sheet} ({checker} must pass), and name each setting that was "
    "wrong.",
    "I want {path} to pass {checker} and to hold exactly what {sheet} says; <report|write down> "
    "the "
    "settings you had to correct.",
)


def make(seed: int) -> Task:
    """The task of `seed`; service and format go round, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    service = SERVICES[seed % len(SERVICES)]
    form = FORMS[(seed // len(SERVICES) + seed) % len(FORMS)]
    site = _site(w, service, form)
    faults = draw_faults(w, service, site.values, form, w.pick((2, 3, 3, 4)))
    stages, syntax = _stages(w, site, faults)
    goals = goals_after(w, site, stages[-1], faults)
    wanted = {site.path: goals.values, **goals.variants}
    checks: list[Check] = [
        CommandCheck(command=f"python3 {site.checker}"),
        CommandCheck(
            command="python3 hidden_compare.py",
            files={"hidden_compare.py": comparer(form, wanted)},
        ),
        FileCheck(path=site.checker, content=site.files[site.checker]),
        AnswerCheck(turn=None, required=tuple(sorted(re.escape(f.setting.key) for f in faults))),
    ]
    turns = (
        ReferenceTurn(
            steps=tuple(_steps(w, site, faults, stages, syntax)),
            answer=_answer(w, site, faults, syntax),
        ),
        *(goal.turn for goal in goals.goals),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=_opening(w, site),
        goals=tuple(goal.ask for goal in goals.goals),
        fixture={**site.files, site.path: stages[0]},
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(*checks, *(check for goal in goals.goals for check in goal.checks)),
        reference=turns,
        wrong=_wrong(site, faults, stages, turns),
    )


def _wrong(site: Site, faults: list[Fault], stages: list[str], turns: Turns) -> tuple[Attempt, ...]:
    """The file is left half mended, or whatever complains is silenced."""

    def instead(mistake: str, *steps: ReferenceStep) -> Attempt:
        return Attempt(mistake, (msgspec.structs.replace(turns[0], steps=steps), *turns[1:]))

    silent = 'print("ok")\n'
    return (
        only_said(turns),
        instead(
            f"one setting stays wrong: {faults[-1].setting.name}",
            read(site.path),
            write(site.path, stages[-2]),
        ),
        instead("the checker is made to say ok", read(site.checker), write(site.checker, silent)),
        instead("the file is taken away and not written anew", bash(f"rm {site.path}")),
    )


def _site(w: Wording, service: Service, form: str) -> Site:
    values: dict[str, dict[str, int | bool | str]] = {}
    for setting in service.settings:
        values.setdefault(setting.section, {})[setting.key] = setting.draw(w)
    town = w.pick(SITES)
    stem = w.pick(("settings", "config", service.name, town.lower()))
    path = w.pick(("", "config/", "etc/", f"{service.name}/")) + f"{stem}.{form}"
    sheet_path = w.pick(("docs/site.md", "SHEET.md", f"docs/{town.lower()}.md", "agreed.md"))
    checker_path = w.pick(("check_settings.py", "tools/check.py", "verify_config.py"))
    files = {
        sheet_path: sheet(w, service, values, town),
        checker_path: checker(service, form, path),
    }
    return Site(service, form, town, path, sheet_path, checker_path, values, files)


def _stages(
    w: Wording, site: Site, faults: list[Fault]
) -> tuple[list[str], tuple[str, str] | None]:
    """The file's text from broken to right, one mistake less each time; what the slip was."""
    stages = []
    for number in range(len(faults) + 1):
        lines = [
            Line(s.section, s.key, site.values[s.section][s.key]) for s in site.service.settings
        ]
        for fault in faults[number:]:
            lines = fault.spoil(lines)
        stages.append(render(lines, site.form, site.title))
    if w.chance(0.3):
        return stages, None
    broken, told, mend = break_syntax(w, stages[0], site.form)
    return [broken, *stages], (told, mend)


def _opening(w: Wording, site: Site) -> str:
    facts = site.facts()
    symptom = w.pick(site.service.symptoms)
    return w.say(
        OPENINGS,
        **facts,
        symptom=symptom,
        symptom_cap=sentence(symptom),
        ask=w.say(ASKS, **facts),
    )


def _steps(
    w: Wording,
    site: Site,
    faults: list[Fault],
    stages: list[str],
    syntax: tuple[str, str] | None,
) -> list[ReferenceStep]:
    """Look and run the checker; mend one mistake after the other, or all at once; check again."""
    facts = site.facts()
    check = bash(
        f"python3 {site.checker}",
        w.say(
            (
                "See what {checker} says about {path} <first|before reading it>.",
                "Start with the checker: its message <tells|shows> how bad {path} is.",
            ),
            **facts,
        ),
    )
    look = read(
        site.path,
        w.say("Now the file itself, {path}<, and the agreed values|>; the sheet too.", **facts),
    )
    steps = [check, look, read(site.sheet)]
    if w.chance(0.3):
        why = w.say("Which files are there for {service}<| at all>?", **facts)
        steps.insert(0, bash("find . -type f | sort", why))
    if w.chance(0.35):
        told = [fault.told for fault in faults] + ([syntax[0]] if syntax else [])
        why = sentence("; ".join(told)) + w.say(
            ". <That is several places|So much is wrong>: write {path} anew from the sheet.",
            **facts,
        )
        steps.append(write(site.path, stages[-1], why))
    else:
        steps += _edits(w, site, faults, stages, syntax)
    done = w.say(
        (
            "Does {checker} accept {path} now, and do the values match {sheet}?",
            "The checker once more; then compare with {sheet}, since it cannot see agreed values.",
        ),
        **facts,
    )
    return [*steps, bash(f"python3 {site.checker} && cat {site.path}", done)]


def _edits(
    w: Wording,
    site: Site,
    faults: list[Fault],
    stages: list[str],
    syntax: tuple[str, str] | None,
) -> list[ReferenceStep]:
    steps = []
    pairs = list(itertools.pairwise(stages))
    if syntax:
        old, new = minimal_edit(*pairs.pop(0))
        steps.append(edit(site.path, old, new, f"{sentence(syntax[0])}; that comes first."))
        why = w.say(
            "With the syntax mended {checker} can <look at|judge> the values.", **site.facts()
        )
        steps.append(bash(f"python3 {site.checker}", why))
    for fault, (before, after) in zip(faults, pairs, strict=True):
        old, new = minimal_edit(before, after)
        extra = w.say(" The checker cannot know that, {sheet} does.", **site.facts())
        why = f"{sentence(fault.told)}.{extra if fault.silent else ''}"
        steps.append(edit(site.path, old, new, why))
    return steps


def _answer(w: Wording, site: Site, faults: list[Fault], syntax: tuple[str, str] | None) -> str:
    """40 to 150 words: every mistake with its remedy, and the state of the check."""
    facts = {**site.facts(), "count": len(faults)}
    lead = w.say(
        (
            "{path} is <repaired|in order again>; {count} settings were wrong.",
            "{checker} says ok again for {path}. These {count} settings were off.",
            "<I corrected|There were> {count} settings <in {path}|of {service}>{tail}.",
        ),
        **facts,
        tail=w.pick(("", f" for {site.town}")),
    )
    points = [sentence(f"{fault.told}; {fault.mend}.") for fault in faults]
    if w.chance(0.5):
        body = (
            "\n\n" + "\n".join(f"{n}. {point}" for n, point in enumerate(points, start=1)) + "\n\n"
        )
    else:
        body = " " + " ".join(points) + " "
    slip = ""
    if syntax:
        slip = w.say(
            "<On top of that|Besides>, {told}, so the file could not be read at all; {mend}. ",
            told=syntax[0],
            mend=syntax[1],
        )
    end = w.say(
        (
            "All other values already agreed with {sheet}, and the checker <reports|finds> no "
            "problem.",
            "Every value now is the one in {sheet}, and `python3 {checker}` ends with ok.",
            "The check passes, and I compared the rest of {path} with {sheet}: no further "
            "difference.",
        ),
        **facts,
    )
    return f"{lead}{body}{slip}{end}"
