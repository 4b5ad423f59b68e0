"""A name is changed everywhere in a small code base, and only where it is meant."""

from __future__ import annotations

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
from kappa_data.tasks.material.code_goals import (
    CHANGELOG,
    OLD_ENTRIES,
    Goal,
    ask_changelog,
    hidden_suite,
    readme,
    suite_passes,
)
from kappa_data.tasks.material.codebase import (
    TEST_COMMAND,
    Codebase,
    codebase,
    domains,
    dotted,
)
from kappa_data.tasks.material.renaming import SMOKE, Plan, ask_count, ask_script
from kappa_data.tasks.mistakes import Turns, only_said
from kappa_data.tasks.steps import bash, edit, read
from kappa_data.tasks.wording import Wording, listed, withholding

NAME = "rename_across_files"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1000

TICKETS = (
    "counted by the dashboard",
    "read by the nightly report",
    "part of the log format",
    "what the monitoring greps for",
)
OPENINGS = (
    "Please rename {kind} `{old}` to `{new}` <everywhere in this repo|in the whole repo>. {keep} "
    "{close}",
    "<Hi|Hello>, the name `{old}` <is misleading|confuses everybody>. <Make it|I want> `{new}` in "
    "code, tests and docs. {keep} {close}",
    "{package}: {old} -> {new}<, all files please|, please do it everywhere>. {keep} {close}",
    "We <decided|agreed> in review that {kind} `{old}` in `{module}` should be called `{new}`. "
    "<Please carry that out|Can you do it>, callers and README included<?|.> {keep} {close}",
    "i want `{new}` instead of `{old}`<, it reads better|>. {keep} {close}",
    "<Could|Can> you do a <clean|proper> rename for me? {kind_cap} `{old}` becomes `{new}`<, no "
    "alias"
    "|, and the old name goes>. {keep} {close}",
    "The package `{package}` {about}. `{old}` is a poor name, <I would like|let's have> `{new}`. "
    "{keep} {close}",
    "Refactoring task: `{old}` (defined in {module}) must be `{new}` from now on. {keep} {close}",
)
KEEPS = (
    "<Careful|Mind>: `{decoy}` in {smoke} <must keep|keeps> its name, it is {why}, and the old "
    "entries in {log} <stay as they are|are history and stay>.",
    "Do not touch `{decoy}` ({why}) <and leave|nor> the history in {log}<| alone>.",
    "Two things stay: `{decoy}` in {smoke}, <since it is|because it is> {why}, and what {log} says "
    "about earlier versions.",
    "Leave {log} alone<, it describes the past|>; also `{decoy}` must not change, it is {why}.",
)
CLOSES = (
    "Tell me which files you changed.",
    "<When the tests pass|Once it works>, list the changed files.",
    "I need the list of files for the <pull request|commit message>.",
    "Run the tests and <name|list> every file you had to <edit|touch>.",
)


def make(seed: int) -> Task:
    """The task of `seed`; name and domain go round, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    places = [(domain, number) for number in range(2) for domain in domains()]
    domain, number = places[seed % len(places)]
    plan = _plan(w, codebase(domain, seed // len(places) + w.rng.randrange(2)), number)
    goals = _goals(w, plan)
    asked = _opening(w, plan)
    checks: list[Check] = [
        suite_passes(),
        hidden_suite(plan.renamed(plan.code.hidden_tests())),
        CommandCheck(
            command=f"grep -rnw --include='*.py' --include='*.md' --exclude={CHANGELOG} "
            f"'{plan.old}' .",
            exit_code=1,
        ),
        FileCheck(path=CHANGELOG, contains=(plan.files[CHANGELOG].partition("## 1.2")[2],)),
        FileCheck(path=SMOKE, contains=(f"{plan.decoy} += 1", plan.new)),
        CommandCheck(command=f"PYTHONPATH=. python3 {SMOKE}", stdout=f"{plan.decoy} 0"),
        AnswerCheck(turn=None, required=tuple(re.escape(path) for path in plan.touched)),
    ]
    turns = (
        ReferenceTurn(steps=tuple(_steps(w, plan)), answer=_answer(w, plan)),
        *(goal.turn for goal in goals),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=asked,
        goals=tuple(goal.ask for goal in goals),
        fixture=plan.files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(*checks, *(check for goal in goals for check in goal.checks)),
        reference=turns,
        wrong=_wrong(plan, turns),
        withheld=withholding(asked, plan.new, "something clearer", f"Call it `{plan.new}`."),
    )


def _wrong(plan: Plan, turns: Turns) -> tuple[Attempt, ...]:
    """Too much is replaced, too little, or the old name lives on."""

    def instead(mistake: str, command: str) -> Attempt:
        first = msgspec.structs.replace(turns[0], steps=(bash(command),))
        return Attempt(mistake, (first, *turns[1:]))

    everywhere, old, new = "grep -rlE '{}' --include='*.{}' .", plan.old, plan.new
    code = everywhere.format(old, "py")
    return (
        only_said(turns),
        instead(
            "parts of words and the history are replaced too",
            f"sed -i 's/{old}/{new}/gI' $({code}; {everywhere.format(old, 'md')})",
        ),
        instead("the README keeps the old name", f"sed -i 's/\\b{old}\\b/{new}/g' $({code})"),
        instead(
            "the definition has the new name, and the old one stays as an alias",
            f"sed -i -E 's/^(def|class) {old}\\b/\\1 {new}/' {plan.path}"
            f" && printf '\\n\\n{old} = {new}\\n' >> {plan.path}",
        ),
    )


def _plan(w: Wording, code: Codebase, number: int) -> Plan:
    rename = code.renames[number]
    path = rename.file or code.module
    old = rename.old
    decoy = f"{old.lower()}_{w.pick(('calls', 'count', 'total', 'runs'))}"
    smoke = (
        f'"""A quick look by hand; {decoy} is printed for the logs."""\n\n'
        f"from {dotted(path)} import {old}\n\n{decoy} = 0\n\n\n"
        f"def counted(*arguments):\n"
        f'    """Calls {old} and counts the call."""\n'
        f"    global {decoy}\n    {decoy} += 1\n    return {old}(*arguments)\n\n\n"
        f'if __name__ == "__main__":\n    print("{decoy}", {decoy})\n'
    )
    mention = w.say(
        (
            "The <heart|core> of it is `{old}` in `{path}`.",
            "Start reading at `{old}` (`{path}`).",
            "`{old}` from `{path}` <does most of the work|is what other code calls>.",
        ),
        old=old,
        path=path,
    )
    history = w.say(
        ("- Faster `{old}`.", "- `{old}` checks its arguments.", "- Documented `{old}`."), old=old
    )
    log = f"# Changes\n\n## Unreleased\n\n## 1.2\n\n{history}\n\n{OLD_ENTRIES}"
    files = {
        **code.files,
        "README.md": f"{readme(w, code)}\n{mention}\n",
        CHANGELOG: log,
        SMOKE: smoke,
    }
    return Plan(
        code=code,
        old=old,
        new=w.pick(rename.new),
        decoy=decoy,
        why=w.pick(TICKETS),
        path=path,
        files=files,
    )


def _opening(w: Wording, plan: Plan) -> str:
    facts = plan.facts()
    return w.say(OPENINGS, **facts, keep=w.say(KEEPS, **facts), close=w.say(CLOSES))


def _steps(w: Wording, plan: Plan) -> list[ReferenceStep]:
    """Find all places, change them by sed or one by one, look for leftovers, run the tests."""
    facts = plan.facts()
    find = bash(
        f'grep -rnw "{plan.old}" .',
        w.say(
            (
                "Find every whole-word use of `{old}` first; `{decoy}` must not match, <hence|so "
                "use> -w.",
                "Where does `{old}` occur as a word of its own? That leaves out `{decoy}`.",
            ),
            **facts,
        ),
    )
    steps: list[ReferenceStep] = []
    if w.chance(0.4):
        why = w.say("See that the suite of `{package}` passes before `{old}` is touched.", **facts)
        steps.append(bash(TEST_COMMAND, why))
    if w.chance(0.25):
        where = w.pick(("src", "lib", plan.path.removesuffix(".py")))
        why = w.say("Look for `{old}` in {where}.", **facts, where=where)
        steps.append(bash(f'grep -rnw "{plan.old}" {where}', why))
        steps.append(
            bash(find.arguments["command"], w.say("No such folder; search from the top instead."))
        )
    else:
        steps.append(find)
    by_sed = w.chance(0.6)
    steps += _by_sed(w, plan, facts) if by_sed else _by_edit(w, plan, facts)
    left = w.say(
        (
            "What is left of `{old}`? Only {log} may still have it, and `{decoy}` has to be there.",
            "Check for leftovers: `{old}` may remain in {log} alone; also look that `{decoy}` "
            "stayed.",
        ),
        **facts,
    )
    kinds = '--include="*.py" --include="*.md"'
    command = f'grep -rnw {kinds} "{plan.old}" .; grep -n "{plan.decoy}" {SMOKE}'
    run = w.say("<Finally|Now> the tests, which <import|use> `{new}` by now.", **facts)
    return [*steps, bash(command, left), bash(TEST_COMMAND, run)]


def _by_sed(w: Wording, plan: Plan, facts: dict[str, object]) -> list[ReferenceStep]:
    why = w.say(
        (
            "{uses} places in {count} files: replace whole words with sed, in exactly these files, "
            "which leaves {log} out.",
            "The word boundary in sed keeps `{decoy}` safe; give it the {count} files and not "
            "{log}.",
        ),
        **facts,
    )
    command = f"sed -i 's/\\b{plan.old}\\b/{plan.new}/g' {' '.join(plan.touched)}"
    return [bash(command, why)]


def _by_edit(w: Wording, plan: Plan, facts: dict[str, object]) -> list[ReferenceStep]:
    """Line by line where that is short, the rest by sed."""
    steps: list[ReferenceStep] = []
    rest = []
    for path in plan.touched:
        text = plan.files[path]
        lines = [line for line in text.splitlines() if re.search(rf"\b{plan.old}\b", line)]
        if len(lines) > 1 or text.count(lines[0]) != 1:
            rest.append(path)
            continue
        why = w.say("In {path} it is one line<|, so edit it by hand>.", path=path)
        steps += [
            read(path, why),
            edit(path, lines[0], plan.renamed(lines[0]), f"`{plan.new}` here."),
        ]
    if rest:
        why = w.say(
            "<The other files|{paths}> have several places each; sed with word boundaries does "
            "them, "
            "and `{decoy}` is not matched.",
            **{**facts, "paths": listed(rest)},
        )
        command = f"sed -i 's/\\b{plan.old}\\b/{plan.new}/g' {' '.join(rest)}"
        steps.append(bash(command, why))
    return steps


def _answer(w: Wording, plan: Plan) -> str:
    """40 to 150 words: what changed where, what stayed, the tests."""
    facts = plan.facts()
    lead = w.say(
        (
            "`{old}` is called `{new}` now, in {count} files: {paths}.",
            "{kind_cap} `{old}` <has become|is now> `{new}`. Changed files: {paths}.",
            "I renamed `{old}` to `{new}` at {uses} places. These {count} files changed: {paths}.",
            "Changed: {paths}. In all of them `{old}` <gave way to|was replaced by> `{new}`.",
        ),
        **facts,
    )
    stayed = w.say(
        (
            "`{decoy}` in {smoke} kept its name, <as it is|because it is> {why}, and {log} still "
            "speaks of `{old}` in its history.",
            "As you asked, `{decoy}` stayed, and so did the old <entry|mention> in {log}.",
            "Untouched: the <history|older versions> in {log}, and the counter `{decoy}`, which is "
            "{why}.",
        ),
        **facts,
    )
    checked = w.say(
        (
            "A search for the whole word `{old}` finds nothing else, and all {tests} tests pass.",
            "The {tests} tests in {test_file} pass; no whole-word `{old}` is left in code or "
            "README.",
            "All {tests} tests pass with the new name, and grep finds no `{old}` outside {log}.",
        ),
        **facts,
    )
    note = w.say(
        (
            "There is no alias, so code outside `{package}` that imports `{old}` <has to|must> "
            "follow.",
            "The behaviour <is the same|did not change>: {kind} in `{module}` only got another "
            "name.",
            "Anything outside this folder that <imports|uses> `{old}` needs the same change.",
        ),
        **facts,
    )
    order = w.pick(((stayed, checked, note), (checked, stayed, note), (note, stayed, checked)))
    return " ".join((lead, *order))


def _goals(w: Wording, plan: Plan) -> list[Goal]:
    chosen = w.some(("log", "alias", "count"), w.pick((0, 1, 1, 2, 2, 3)))
    goals = []
    for kind in sorted(chosen, key=lambda kind: kind == "alias"):
        if kind == "log":
            line = w.say(
                ("`{old}` is now called `{new}`.", "Renamed `{old}` to `{new}`."), **plan.facts()
            )
            goals.append(ask_changelog(w, plan.code, plan.new, line))
        elif kind == "count":
            goals.append(ask_count(w, plan))
        else:
            goals.append(ask_script(w, plan))
    return goals
