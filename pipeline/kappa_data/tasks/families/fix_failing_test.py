"""A small code base with one bug that a test shows: find it, mend it, and what comes after."""

from __future__ import annotations

import re

import msgspec

from kappa_data.records import (
    AnswerCheck,
    Attempt,
    Check,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.tasks.material.code_goals import (
    CHANGELOG,
    LOG_TEXT,
    Goal,
    ask_changelog,
    ask_regression,
    ask_users,
    ask_value,
    hidden_suite,
    in_code,
    readable,
    readme,
    suite_passes,
)
from kappa_data.tasks.material.codebase import (
    TEST_COMMAND,
    Bug,
    Codebase,
    apply,
    codebase,
    domains,
    method_names,
    minimal_edit,
)
from kappa_data.tasks.mistakes import Turns, only_said, replaced
from kappa_data.tasks.steps import bash, edit, read
from kappa_data.tasks.wording import Wording, sentence

NAME = "fix_failing_test"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 700

OPENINGS = (
    "<Hi|Hello>, {symptom}. <I think the tests show it|The tests are red because of it>. Can you "
    "<find and fix it|sort it out>? {close}",
    "`{command}` fails in `{package}`<, please have a look|>. {close}",
    "One test <is failing|fails> since yesterday: {test}. <Please fix the code|Fix the code>, "
    "not the "
    "test. {close}",
    "<Users report that|Somebody told me> {symptom}. There is <supposed to be|meant to be> a test "
    "for that. <Track it down please|Please repair it>. {close}",
    "so {symptom}, and i have no idea why. tests are under tests/. <help?|could you look?> {close}",
    "The package `{package}` {about}. <Lately|Since the last change> {symptom}. <Make the tests "
    "pass "
    "again|Get the suite green again>, <without touching|leaving alone> the test file. {close}",
    "CI <is red|went red>:\n\nFAIL: {test}\n\n<Find the cause in|The cause must be in> the "
    "package, "
    "please <fix it there|mend it>. {close}",
    "I <inherited|took over> this little code base (`{package}`). <One thing is off|Something is "
    "wrong>: {symptom}. Please <repair|correct> that and <show|convince> me that the tests pass. "
    "{close}",
    "{symptom_cap}. <Reproducible with|See> {test} in {tests}. {close}",
    "Quick one: get {test} to pass. <The assertion is right, the code is not|It is the code that "
    "is "
    "wrong>. {close}",
)
CLOSES = (
    "Then tell me <which file it was in|the file> and <what the mistake was|why it happened>.",
    "Afterwards I need <to know the file and the cause|a short word on which file and why>.",
    "<When it works|Once done>, name the file and explain the mistake <in a few "
    "sentences|briefly>.",
    "In the end: which file was it, and what was <wrong|the reason>?",
)


def make(seed: int) -> Task:
    """The task of `seed`; bug and domain go round, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    places = [(domain, number) for number in range(3) for domain in domains()]
    domain, number = places[seed % len(places)]
    code = codebase(domain, seed // len(places) + w.rng.randrange(2))
    bug = code.bugs[number]
    broken = apply(code.files[code.module], [(bug.right, bug.wrong)])
    goals = _goals(w, code, bug)
    checks: list[Check] = [
        suite_passes(),
        FileCheck(path=code.tests, contains=(f"def {bug.test}(",)),
        hidden_suite(code.hidden_tests()),
        AnswerCheck(turn=None, required=(rf"(?<!test_){re.escape(_base(code.module))}",)),
    ]
    files = {**code.files, code.module: broken, "README.md": readme(w, code), CHANGELOG: LOG_TEXT}
    turns = (
        ReferenceTurn(
            steps=tuple(_steps(w, code, bug, broken)),
            reasoning=_closing_thought(w, code, bug),
            answer=_answer(w, code, bug),
        ),
        *(goal.turn for goal in goals),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=_opening(w, code, bug),
        goals=tuple(goal.ask for goal in goals),
        fixture=files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(*checks, *(check for goal in goals for check in goal.checks)),
        reference=turns,
        wrong=_wrong(code, bug, turns),
    )


def _wrong(code: Codebase, bug: Bug, turns: Turns) -> tuple[Attempt, ...]:
    """The test is made to pass, or something else is mended."""

    def instead(mistake: str, command: str) -> Attempt:
        first = msgspec.structs.replace(turns[0], steps=(bash(command),))
        return Attempt(mistake, (first, *turns[1:]))

    head = f"def {bug.test}(self):"
    return (
        only_said(turns),
        instead(
            "the failing test is emptied, the code left as it is",
            f"sed -i 's/{re.escape(head)}/&\\n        return/' {code.tests}",
        ),
        instead(
            "the failing test is taken out of the suite by another name",
            f"sed -i 's/def {bug.test}(/def later_{bug.test}(/' {code.tests}",
        ),
        replaced(
            "another file is edited and named",
            turns,
            (_base(code.module), f"old_{_base(code.module)}"),
        ),
    )


def enclosing(text: str, part: str) -> str:
    """The function or, for `__init__`, the class in which `part` stands."""
    before = text[: text.index(part) + len(part.split("(")[0])]
    name = re.findall(r"^ *def (\w+)", before, re.M)[-1]
    if name.startswith("__"):
        name = re.findall(r"^class (\w+)", before, re.M)[-1]
    return str(name)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _facts(code: Codebase, bug: Bug) -> dict[str, str]:
    """What the wording may speak of."""
    return {
        "module": code.module,
        "tests": code.tests,
        "test": bug.test,
        "where": enclosing(code.files[code.module], bug.right),
        "package": code.package,
        "kind": bug.kind,
        "probe": bug.probe,
        "before": in_code(bug.before),
        "after": in_code(bug.after),
        "count": str(len(method_names(code.files[code.tests]))),
    }


def _opening(w: Wording, code: Codebase, bug: Bug) -> str:
    symptom = w.say(bug.symptom)
    return w.say(
        OPENINGS,
        symptom=symptom,
        symptom_cap=sentence(symptom),
        command=TEST_COMMAND,
        test=bug.test,
        tests=code.tests,
        package=code.package,
        about=code.about,
        close=w.say(CLOSES),
    )


def _steps(w: Wording, code: Codebase, bug: Bug, broken: str) -> list[ReferenceStep]:
    """Look, reproduce, mend, run again; the way there differs."""
    facts = _facts(code, bug)
    where = facts["where"]
    run = bash(
        TEST_COMMAND,
        w.say(
            (
                "Start with the test run, to see <exactly|for certain> what fails in `{package}`.",
                "The suite tells most: run it and read the failure of `{test}`.",
                "First reproduce the problem with the tests in {tests}.",
            ),
            **facts,
        ),
    )
    look = read(
        code.module,
        w.say(
            (
                "`{test}` fails; the code behind it is `{where}` in {module}. Read it.",
                "The failing assertion is about `{where}`. Look at {module}.",
                "Now the code that `{test}` calls: {module}.",
            ),
            **facts,
        ),
    )
    expected = read(
        code.tests,
        w.say("What <exactly does|does> `{test}` expect? Read {tests}< for it|>.", **facts),
    )
    way = w.pick(("tests first", "survey", "search", "both", "wrong path"))
    steps: list[ReferenceStep] = []
    if way == "tests first":
        steps += [run, expected, look]
    elif way == "survey":
        why = w.say(
            "<Get an overview|See what there is>: the files of `{package}`<| first>.", **facts
        )
        steps += [bash("ls -R . | grep -v pyc", why), run, look]
    elif way == "search":
        why = (
            w.say("Where is `{where}` defined<, and who calls it>?", **facts) + " grep finds both."
        )
        steps += [run, bash(f'grep -rn "{where}" --include="*.py" .', why), look]
    elif way == "both":
        steps += [run, look, read(code.tests)]
    else:
        guess = f"src/{code.module}"
        why = w.say("The module should be {guess} if the usual layout is used.", guess=guess)
        back = w.say("There is no src folder. List the Python files <to see|and find> the layout.")
        steps += [read(guess, why), bash("find . -name '*.py' | sort", back), run, look]
    if w.chance(0.4):
        why = w.say(
            (
                "Check the suspicion with a value of my own: `{probe}` should be {after}.",
                "By hand `{probe}` must give {after}; see what the code <makes of it|says>.",
            ),
            **facts,
        )
        steps.append(bash(f'python3 -c "from {code.dotted} import *; print({bug.probe})"', why))
    old, new = minimal_edit(broken, code.files[code.module])
    steps.append(edit(code.module, old, new, f"{_cause(w, bug)} {_fix(w, bug)}"))
    steps.append(
        bash(
            TEST_COMMAND,
            w.say(
                (
                    "<Now|Then> all tests again, `{test}` above all.",
                    "Run the whole suite, so that a side effect <of the edit|in {module}> would "
                    "show.",
                ),
                **facts,
            ),
        )
    )
    return steps


def _cause(w: Wording, bug: Bug) -> str:
    return sentence(w.say(bug.cause)) + "."


def _fix(w: Wording, bug: Bug) -> str:
    return sentence(w.say(bug.fix)) + "."


def _closing_thought(w: Wording, code: Codebase, bug: Bug) -> str:
    return w.say(
        (
            "The suite passes. Report the file, the {kind} mistake and the change.",
            "`{test}` passes and nothing else broke; the user wants the file and the reason.",
            "",
        ),
        kind=bug.kind,
        test=bug.test,
    )


def _answer(w: Wording, code: Codebase, bug: Bug) -> str:
    """40 to 150 words: file, cause, change, an example, the state of the tests."""
    facts = _facts(code, bug)
    lead = w.say(
        (
            "The mistake was in `{module}`, in `{where}`.",
            "`{test}` passes again; the fault was `{where}` in `{module}`.",
            "<Fixed|This is fixed>: the cause sat in `{where}`, file `{module}`.",
            "It was a case of {kind} in `{where}` (`{module}`).",
        ),
        **facts,
    )
    cause, fix = _cause(w, bug), _fix(w, bug)
    example = (
        ""
        if not readable(bug.probe)
        else w.say(
            (
                "For example, `{probe}` <gave|used to give> {before} before and gives {after} now.",
                "You can see it with `{probe}`: {before} before the change, {after} after it.",
                "`{probe}` now <results in|yields> {after}; with the bug it was {before}.",
            ),
            **facts,
        )
    )
    state = w.say(
        (
            "All {count} tests pass, and {tests} is <unchanged|as it was>.",
            "The <whole suite|full run> of {count} tests passes; <only `{module}` was edited|no "
            "other "
            "file was edited>.",
            "I ran all {count} tests afterwards and they pass without a change to {tests}.",
        ),
        **facts,
    )
    order = w.pick(
        ((cause, fix, example, state), (cause, example, fix, state), (fix, cause, state, example))
    )
    return " ".join((lead, *(part for part in order if part)))


def _goals(w: Wording, code: Codebase, bug: Bug) -> list[Goal]:
    """0 to 3 wishes; the test that is missing comes last, since its check replaces the module."""
    where = enclosing(code.files[code.module], bug.right)
    plain = [bug for bug in code.bugs if readable(bug.probe)]
    kinds = ("log", "users", "test", "value") if plain else ("log", "users", "test")
    chosen = w.some(kinds, w.pick((0, 1, 1, 2, 2, 3)))
    goals = []
    for kind in sorted(chosen, key=lambda kind: kind == "test"):
        if kind == "value":
            other = w.pick(plain)
            goals.append(ask_value(w, code, other.probe, other.after))
        elif kind == "log":
            line = w.say(
                ("Fix `{where}`: {fix}.", "`{where}` no longer has its {kind} mistake: {fix}."),
                where=where,
                fix=w.say(bug.fix),
                kind=bug.kind,
            )
            goals.append(ask_changelog(w, code, where, line))
        elif kind == "users":
            goals.append(ask_users(w, code))
        else:
            missing = w.pick(code.regressions)
            tests, module = code.files[code.tests], code.files[code.module]
            goals.append(ask_regression(w, code, missing, tests, module))
    return goals
