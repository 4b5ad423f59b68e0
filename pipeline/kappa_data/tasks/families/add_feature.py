"""A small code base that gets a new function or method, with tests for it."""

from __future__ import annotations

import msgspec

from kappa_data.records import AnswerCheck, Attempt, Check, ReferenceStep, ReferenceTurn, Task
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
    loosely,
    notices,
    readable,
    readme,
    suite_passes,
)
from kappa_data.tasks.material.codebase import (
    TEST_COMMAND,
    Codebase,
    Feature,
    apply,
    codebase,
    domains,
    method_names,
    minimal_edit,
    with_methods,
)
from kappa_data.tasks.mistakes import Turns, only_said, replaced
from kappa_data.tasks.steps import bash, edit, read
from kappa_data.tasks.wording import Wording, sentence

NAME = "add_feature"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 500

OPENINGS = (
    "<Hi|Hello>! I need something new in {module}: {ask}. <Please add tests for it to|Tests for it "
    "belong in> {tests}. {close}",
    "Please <extend|add to> {module}. What is missing is {ask}. <Cover it with tests|With tests, "
    "please>"
    " in {tests}. {close}",
    "<Could|Can> you write {ask}? It goes into {module}, its tests into {tests}. {close}",
    "feature request for {package}: {ask}. put it in {module}, tests in {tests}<, thanks|>. "
    "{close}",
    "The package `{package}` {about}. For the next release <we need|we want> {ask}. <It belongs "
    "in|Put "
    "it into> {module}; the tests <go|belong> to {tests}. {close}",
    "<I keep writing the same lines by hand|This comes up every week>, so let's have it in "
    "{module}: "
    "{ask}. <Write|Add> tests in {tests} that would notice a mistake. {close}",
    "Task:\n- in {module}: {ask}\n- tests in {tests}\n- everything <green|passing>\n{close}",
    "<One of the users|A colleague> asked for this in {package}: {ask}. <I agree that it is "
    "useful|It "
    "makes sense to me>. Implement it in {module} and test it in {tests}. {close}",
    "Add to {module}: {ask}. <Also tests|Don't forget tests> ({tests}). {close}",
)
CLOSES = (
    "<When it is done|Afterwards>, tell me what `{probe}` <returns|gives>.",
    "<At the end|Finally> run `{probe}` and <tell me|show me> the result.",
    "<As a check, what|And what> is `{probe}` then?",
)
CLOSES_FOR_METHODS = (
    "<When it is done|Afterwards>, name the tests you <added|wrote>.",
    "<At the end|Finally> <tell me|say> which test cases are new.",
    "The whole suite must pass; <list|name> the new tests in your answer.",
)


def make(seed: int) -> Task:
    """The task of `seed`; feature and domain go round, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    places = [(domain, number) for number in range(2) for domain in domains()]
    domain, number = places[seed % len(places)]
    code = codebase(domain, seed // len(places) + w.rng.randrange(2))
    feature = code.features[number]
    name = feature.name if feature.is_function else ""
    tests = with_methods(code.files[code.tests], feature.tests)
    if name:
        tests = apply(tests, [code.import_edit(name)])
    module = code.with_feature(feature)
    goals = _goals(w, code, feature, tests, module)
    count = len(method_names(tests))
    told = loosely(feature.after) if readable(feature.probe) else r"test_\w+"
    checks: list[Check] = [
        suite_passes(),
        hidden_suite(code.hidden_tests(feature.hidden, name)),
        AnswerCheck(turn=None, required=(told,)),
    ]
    mutant = apply(module, [feature.mutate])
    files = {**code.files, "README.md": readme(w, code), CHANGELOG: LOG_TEXT}
    turns = (
        ReferenceTurn(
            steps=tuple(_steps(w, code, feature, tests)),
            answer=_answer(w, code, feature, count),
        ),
        *(goal.turn for goal in goals),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=_opening(w, code, feature),
        goals=tuple(goal.ask for goal in goals),
        fixture=files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(
            *checks,
            *(check for goal in goals for check in goal.checks),
            notices(code.module, mutant),
        ),
        reference=turns,
        wrong=_wrong(code, feature, turns),
    )


def _wrong(code: Codebase, feature: Feature, turns: Turns) -> tuple[Attempt, ...]:
    """The feature with a mistake in it, without tests, or with tests that hold nothing."""
    untested = tuple(
        msgspec.structs.replace(
            turn,
            steps=tuple(step for step in turn.steps if step.arguments.get("path") != code.tests),
        )
        for turn in turns
    )
    names = method_names(feature.tests)
    hollow = "\n".join(f"    def {name}(self):\n        self.assertTrue(True)\n" for name in names)
    return (
        only_said(turns),
        replaced("one rule of the feature is wrong", turns, feature.mutate),
        Attempt("no tests are written", untested),
        replaced(
            "the tests assert nothing", turns, (feature.tests.strip("\n"), hollow.strip("\n"))
        ),
    )


def _opening(w: Wording, code: Codebase, feature: Feature) -> str:
    return w.say(
        OPENINGS,
        ask=w.say(feature.ask.replace("{", "{{").replace("}", "}}")),
        module=code.module,
        tests=code.tests,
        package=code.package,
        about=code.about,
        close=w.say(CLOSES if readable(feature.probe) else CLOSES_FOR_METHODS, probe=feature.probe),
    )


def _steps(w: Wording, code: Codebase, feature: Feature, tests: str) -> list[ReferenceStep]:
    """Look, then code first or tests first, then run; some slip on the way in some seeds."""
    new_tests = method_names(feature.tests)
    facts = {
        "module": code.module,
        "tests": code.tests,
        "name": feature.name,
        "first": new_tests[0],
        "second": new_tests[-1],
        "package": code.package,
        "probe": feature.probe,
        "after": in_code(feature.after),
    }
    steps = _look(w, code, feature, facts)
    coding = _code(w, code, feature, facts)
    old_tests = code.files[code.tests]
    testing: list[ReferenceStep] = []
    if feature.is_function:
        old, new = code.import_edit(feature.name)
        testing.append(
            edit(code.tests, old, new, w.say("The tests have to import `{name}` first.", **facts))
        )
        old_tests = apply(old_tests, [(old, new)])
    old, new = minimal_edit(old_tests, tests)
    why = w.say(
        (
            "<Two cases matter|What could go wrong> for `{name}`: write `{first}` and `{second}`.",
            "Tests that a wrong `{name}` would not pass: `{first}` and `{second}`.",
        ),
        **facts,
    )
    testing.append(edit(code.tests, old, new, why))
    run = bash(
        TEST_COMMAND,
        w.say(
            (
                "Run the suite with the new cases.",
                "Now everything together: `{first}` and the old ones.",
            ),
            **facts,
        ),
    )
    if w.chance(0.35):
        red = w.say(
            "Before `{name}` exists the new tests have to fail; <make sure of that|see that they "
            "do>.",
            **facts,
        )
        return [*steps, *testing, bash(TEST_COMMAND, red), *coding, run]
    if w.chance(0.3):
        guess = f"{TEST_COMMAND} {code.tests}.{new_tests[0]}"
        wrong = w.say("Run only `{first}` at first, it is the one that matters most.", **facts)
        back = w.say("That is not how unittest names a test. Select it by pattern instead.")
        steps += [*coding, *testing, bash(guess, wrong)]
        return [*steps, bash(f"{TEST_COMMAND} -k {new_tests[0]}", back), run]
    return [*steps, *coding, *testing, run]


def _look(
    w: Wording, code: Codebase, feature: Feature, facts: dict[str, str]
) -> list[ReferenceStep]:
    both = w.say(
        (
            "`{name}` has to fit the code around it: read {module} and its tests.",
            "See the style of {module} and of {tests} before adding `{name}`.",
        ),
        **facts,
    )
    way = w.pick(("both", "list", "tests too"))
    if way == "both":
        return [read(code.module, both), read(code.tests)]
    if way == "list":
        why = w.say(
            "<List|See> the files of `{package}` <and|,> find where `{name}` belongs.", **facts
        )
        return [bash("find . -type f | sort", why), read(code.module, both), read(code.tests)]
    now = w.say("<Does|Check that> the suite <pass|passes> before `{name}` is added<?|.>", **facts)
    return [bash(TEST_COMMAND, now), read(code.module, both), read(code.tests)]


def _code(
    w: Wording, code: Codebase, feature: Feature, facts: dict[str, str]
) -> list[ReferenceStep]:
    note = sentence(w.say(feature.note))
    steps: list[ReferenceStep] = []
    for old, new in code.feature_edits(feature):
        why = f"{note}." if not steps else w.say("The next place that `{name}` needs.", **facts)
        steps.append(edit(code.module, old, new, why))
    if readable(feature.probe) and w.chance(0.5):
        why = w.say("A first try by hand: `{probe}` should give {after}.", **facts)
        command = f'python3 -c "from {code.dotted} import *; print({feature.probe})"'
        steps.append(bash(command, why))
    return steps


def _answer(w: Wording, code: Codebase, feature: Feature, count: int) -> str:
    """40 to 150 words: what was added where, how it works, which tests, how many."""
    new_tests = method_names(feature.tests)
    facts = {
        "module": code.module,
        "tests": code.tests,
        "name": feature.name,
        "new": " and ".join(f"`{test}`" for test in new_tests),
        "count": count,
        "probe": feature.probe,
        "after": in_code(feature.after),
        "added": len(new_tests),
    }
    lead = w.say(
        (
            "`{name}` is in `{module}`.",
            "I added `{name}` to `{module}`.",
            "`{module}` <now has|has got> `{name}`.",
            "<Done|Implemented>: `{name}` lives in `{module}`.",
        ),
        **facts,
    )
    note = sentence(w.say(feature.note)) + "."
    tested = w.say(
        (
            "{tests} <gained|has> {new}, which fail if the <rule|behaviour> is broken.",
            "The new tests are {new}, in {tests}.",
            "{new} in {tests} <hold|pin down> what you described.",
        ),
        **facts,
    )
    example = ""
    if readable(feature.probe):
        example = w.say(
            ("As an example, `{probe}` gives {after}.", "`{probe}` <returns|results in> {after}."),
            **facts,
        )
    state = w.say(
        (
            "The suite has {count} tests now, and all of them pass.",
            "All {count} tests pass, the {added} new ones included; <existing code|what was "
            "there> is "
            "unchanged.",
            "There are {count} tests <in the suite|in total> now; all pass.",
        ),
        **facts,
    )
    order = w.pick(
        (
            (note, example, tested, state),
            (note, tested, example, state),
            (tested, note, state, example),
        )
    )
    return " ".join((lead, *(part for part in order if part)))


def _goals(w: Wording, code: Codebase, feature: Feature, tests: str, module: str) -> list[Goal]:
    plain = [bug for bug in code.bugs if readable(bug.probe)]
    kinds = ("log", "users", "test", "value") if plain else ("log", "users", "test")
    chosen = w.some(kinds, w.pick((0, 1, 1, 2, 2, 3)))
    goals = []
    for kind in sorted(chosen, key=lambda kind: kind == "test"):
        if kind == "value":
            old = w.pick(plain)
            goals.append(ask_value(w, code, old.probe, old.after))
        elif kind == "log":
            line = w.say(
                ("New: `{name}` in `{module}`.", "Add `{name}` to `{module}`."),
                name=feature.name,
                module=code.module,
            )
            goals.append(ask_changelog(w, code, feature.name, line))
        elif kind == "users":
            goals.append(ask_users(w, code))
        elif kind == "test":
            goals.append(ask_regression(w, code, w.pick(code.regressions), tests, module))
    return goals
