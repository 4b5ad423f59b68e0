"""Tests for a module that has none: they pass as it is, and fail once it is broken."""

from __future__ import annotations

import ast
import re

from kappa_data.records import (
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
    LOG_TEXT,
    Goal,
    ask_changelog,
    ask_value,
    notices,
    readable,
    suite_passes,
)
from kappa_data.tasks.material.codebase import (
    PLAIN_TEST_COMMAND,
    TEST_COMMAND,
    Bug,
    Codebase,
    Regression,
    apply,
    codebase,
    domains,
    method_names,
    with_methods,
)
from kappa_data.tasks.mistakes import Turns, only_said
from kappa_data.tasks.steps import bash, read, write
from kappa_data.tasks.wording import Wording, listed, sentence

NAME = "write_tests"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 700

OPENINGS = (
    "<Please write|Write> tests for {module}<, it has none|>. They go into {tests} (unittest). "
    "{what} {close}",
    "{module} {about_verb}, and nothing tests it. <Can you change that|Could you write tests>? "
    "{tests}, unittest. {what} {close}",
    "<Hi|Hello>! Before I <touch|rework> `{package}` I want tests around {module}, in {tests}. "
    "{what} {close}",
    "no tests for {module} yet. please add {tests}, plain unittest. {what} {close}",
    "Task: cover {module} with unit tests.\n\n- file: {tests}\n- unittest, no other packages\n"
    "- {module} itself stays as it is\n\n{what} {close}",
    "<The auditors|Our customers|The other team> <want|ask for> tests of `{package}`. Start with "
    "{module}, <please put them into|in> {tests}. {what} {close}",
    "I just <broke|nearly broke> {module} and no test <complained|said a word>. <Write|I need> a "
    "{tests} that would have. {what} {close}",
    "`{package}` {about}. It has worked so far, but {module} <is|stands there> without a single "
    "test. {what} <Put the tests into|The tests belong in> {tests}. {close}",
)
WHATS = (
    "<Twice|In the past> something <slipped through|went out> that a test should have caught: "
    "{bugs}. And <make sure|see to it> that {rules}.",
    "They have to <notice|catch> at least these:\n{bullets}\n",
    "What I am afraid of: {bugs}. Also worth a test: {rules}.",
    "<The point is|I want to be sure> that {rules}. And if {bugs}, a test <must|has to> fail.",
)
CLOSES = (
    "Don't <change|touch> {module}.",
    "<Check|Make sure> that they fail if the code is wrong; <a test that can't fail is worth "
    "nothing|I'll break it on purpose to see>.",
    "I will break the code on purpose and <see|look> whether they notice.",
    "`{command}` has to <be green|pass>, and {module} stays as it is.",
    "Then tell me <what they cover|what is covered>.",
)


def make(seed: int) -> Task:
    """The task of `seed`; the package goes round, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    places = domains()
    order = [places[seed % len(places)], *w.some(places, 4)]
    chosen = [codebase(domain, w.rng.randrange(8)) for domain in dict.fromkeys(order)]
    two = w.chance(0.3)
    targets = chosen[: 1 + two]
    files: dict[str, str] = {}
    for code in chosen[: w.pick((2, 3, 4))]:
        files |= code.files
    for code in targets:
        del files[code.tests]
    files |= {"README.md": _readme(chosen, files), CHANGELOG: LOG_TEXT}
    works = [_Work(w, code) for code in targets]
    first = works[0]
    goals = [_second(w, work) for work in works[1:]] + _goals(w, first, two)
    turns = (first.turn(w), *(g.turn for g in goals))
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=_opening(w, first),
        goals=tuple(goal.ask for goal in goals),
        fixture=files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(
            *(FileCheck(code.module, content=code.files[code.module]) for code in targets),
            suite_passes(),
            *(check for goal in goals for check in goal.checks),
            *(check for work in works for check in work.checks()),
        ),
        reference=turns,
        wrong=_wrong(first, turns),
    )


class _Work:
    """One module that needs tests: the ways to break it, and tests that notice each."""

    def __init__(self, w: Wording, code: Codebase) -> None:
        self.code = code
        self.bugs = w.some(code.bugs, w.pick((1, 2)))
        self.rules = w.some(code.regressions, min(len(code.regressions), w.pick((1, 2))))
        text = code.files[code.tests]
        needed = {bug.test for bug in self.bugs}
        visible = [m for m in _methods(text) if m[0] in needed or w.chance(0.7)]
        more = _methods(f"class A:\n{code.hidden.tests.replace('test_hidden_', 'test_')}")
        known = {name for name, _ in visible}
        visible += [m for m in more if m[0] not in known and w.chance(0.4)]
        visible += [(rule.name, rule.code.strip("\n")) for rule in self.rules]
        w.rng.shuffle(visible)
        empty = text
        for _, body in _methods(text):
            empty = empty.replace(f"{body}\n", "", 1)
        empty = re.sub(r"(class \w+\(unittest.TestCase\):\n)\s*\n(?=if)", r"\1\n\n", empty)
        self.tests = with_methods(empty, "\n\n".join(body for _, body in visible) + "\n")
        self.tests = re.sub(r"(TestCase\):\n)\n+", r"\1", self.tests)
        self.names = [name for name, _ in visible]

    def mistakes(self) -> list[tuple[str, str]]:
        """(right, wrong) of each mistake that the tests have to notice."""
        ways: list[Bug | Regression] = [*self.bugs, *self.rules]
        return [(each.right, each.wrong) for each in ways]

    def mutants(self) -> list[str]:
        """The module with one mistake each."""
        module = self.code.files[self.code.module]
        return [apply(module, [pair]) for pair in self.mistakes()]

    def checks(self) -> list[Check]:
        """With each mutant the tests fail; with the module as it was they pass again."""
        path = self.code.module
        whole = CommandCheck(PLAIN_TEST_COMMAND, files={path: self.code.files[path]})
        return [*(notices(path, mutant) for mutant in self.mutants()), whole]

    def facts(self) -> dict[str, object]:
        """What the wording may speak of."""
        return {
            "module": self.code.module,
            "tests": self.code.tests,
            "package": self.code.package,
            "about": self.code.about,
            "about_verb": self.code.about,
            "command": TEST_COMMAND,
            "count": len(self.names),
            "first": self.names[0],
            "last": self.names[-1],
        }

    def what(self, w: Wording) -> str:
        """What the tests have to notice, in the user's words."""
        bugs = [w.say(bug.symptom) for bug in self.bugs]
        rules = [rule.ask for rule in self.rules]
        bullets = [
            sentence(each) for each in (*bugs, *(f"it no longer holds that {r}" for r in rules))
        ]
        return w.say(
            WHATS,
            bugs=listed(bugs, "or"),
            rules=listed(rules),
            bullets="\n".join(f"- {each}" for each in bullets),
        )

    def turn(self, w: Wording) -> ReferenceTurn:
        """The reference for this module."""
        return ReferenceTurn(steps=tuple(self.steps(w)), answer=self.answer(w))

    def steps(self, w: Wording) -> list[ReferenceStep]:
        """Read, write the tests, run them, break the module on purpose."""
        facts, code = self.facts(), self.code
        others = [path for path in code.files if path.startswith(f"{code.package}/")]
        users = [
            path for path in others if path not in (code.module, f"{code.package}/__init__.py")
        ]
        why = w.say(
            (
                "What does {module} promise? Read it and <the code that uses it|its caller>.",
                "Tests come from what the docstrings say, so read {module} first.",
                "<Read|Start with> {module}: every rule in it <wants|needs> a case.",
            ),
            **facts,
        )
        steps = [read(code.module, why), *(read(path) for path in users[:2])]
        way = w.pick(("plain", "list", "run", "wrong path"))
        if way == "list":
            look = w.say("<See|Look> how the tests of the other packages are laid out.")
            steps.insert(0, bash("ls; ls tests", look))
        elif way == "run":
            look = w.say("Does the suite <run at all|pass> before anything is added?")
            steps.insert(0, bash(TEST_COMMAND, look))
        elif way == "wrong path":
            look = w.say("Is there an older test file that could be extended?")
            back = w.say("There is none, so {tests} is new. See what else is there.", **facts)
            steps += [read(code.tests, look), bash("ls tests", back)]
        plan = w.say(
            (
                "{count} cases: each rule of the docstrings, and what the user named. `{first}` "
                "<and|up to> `{last}` <cover|hold> the edges.",
                "The cases that matter are <the edges|those at the limits>; `{first}` and `{last}` "
                "are among them. One assertion where possible.",
                "Each mistake that was named <needs|gets> a case that fails with it; the rest of "
                "{module} gets one for every rule.",
            ),
            **facts,
        )
        steps.append(write(code.tests, self.tests, plan))
        steps.append(bash(TEST_COMMAND, w.say("They have to pass with the code as it is.")))
        if w.chance(0.6):
            steps.append(self._break(w))
        return steps

    def _break(self, w: Wording) -> ReferenceStep:
        code = self.code
        right, wrong = w.pick(self.mistakes())
        path = code.module
        script = (
            f"cp {path} /tmp/kept.py\npython3 - <<'END'\n"
            f"text = open({path!r}).read()\n"
            f"text = text.replace({right!r}, {wrong!r})\n"
            f"open({path!r}, 'w').write(text)\nEND\n"
            f"{TEST_COMMAND} 2>&1 | grep -E '^(FAIL|ERROR|FAILED|OK)'\ncp /tmp/kept.py {path}"
        )
        why = w.say(
            (
                "Would they notice? Break {path} for a moment, run, and put it back.",
                "A test that can't fail is worth nothing: try a broken {path}, then restore it.",
            ),
            path=path,
        )
        return bash(script, why)

    def answer(self, w: Wording) -> str:
        """40 to 120 words: where, what is covered, how it was tried."""
        facts = self.facts()
        names = listed([f"`{name}`" for name in self.names[:3]])
        lead = w.say(
            (
                "{tests} has {count} tests for {module} now.",
                "I wrote {count} tests for {module}, in {tests}.",
                "{module} is covered by {count} tests in {tests}.",
            ),
            **facts,
        )
        if len(self.names) == 1:
            lead = lead.replace("1 tests", "one test")
        covers = [rule.ask for rule in self.rules]
        covered = w.say(
            (
                "Among other things they <make sure|check> that {rules}, and <they fail|there is a "
                "failure> as soon as {bugs}.",
                "If {bugs}, one of them fails; another one checks that {rules}.",
                "They <cover|include> what you named: a failure if {bugs}, and a case for the rule "
                "that {rules}.",
            ),
            rules=listed(covers),
            bugs=listed([w.say(bug.symptom) for bug in self.bugs], "or"),
        )
        state = w.say(
            (
                "The whole suite passes, and {module} is unchanged.",
                "`{command}` is green<, with the tests of the other packages|>; no code changed.",
                "All tests pass<| with the code as it is>, and I changed nothing but the new file.",
            ),
            **facts,
        )
        which = w.say("<To begin with|A good start for reading>: {names}.", names=names)
        order = w.pick(
            ((covered, state), (covered, which, state), (state, covered), (which, covered, state))
        )
        return " ".join((lead, *order))


def _methods(text: str) -> list[tuple[str, str]]:
    """(name, source) of the test methods in `text`, in order."""
    lines = text.splitlines()
    return [
        (node.name, "\n".join(lines[node.lineno - 1 : node.end_lineno]))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def _readme(chosen: list[Codebase], files: dict[str, str]) -> str:
    rows = [f"- `{c.package}` {c.about}" for c in chosen if c.module in files]
    return "# Packages\n\n" + "\n".join(rows) + f"\n\nTests: `{TEST_COMMAND}`, from this folder.\n"


def _opening(w: Wording, work: _Work) -> str:
    facts = work.facts()
    close = w.say(CLOSES, **facts)
    return re.sub(
        r" +\n|\n +", "\n", w.say(OPENINGS, **facts, what=work.what(w), close=close)
    ).strip()


def _second(w: Wording, work: _Work) -> Goal:
    """The same for the module of another package."""
    facts = work.facts()
    ask = w.say(
        (
            "<Good|Fine>. Now the same for {module}, in {tests}. {what}",
            "`{package}` has no tests either: please write {tests} for {module}. {what}",
            "<Next|And then> {module}, tests in {tests}<, same rules|>. {what}",
        ),
        **facts,
        what=work.what(w),
    )
    return Goal(ask.strip(), work.turn(w), ())


def _goals(w: Wording, work: _Work, two: bool) -> list[Goal]:
    """0 to 2 smaller wishes."""
    code = work.code
    plain = [bug for bug in code.bugs if readable(bug.probe)]
    goals = []
    for kind in w.some(("log", "value"), w.pick((0, 1, 1) if two else (0, 1, 1, 2))):
        if kind == "log":
            name = code.tests.rpartition("/")[2].removesuffix(".py")
            line = w.say(
                ("Tests for `{m}`: `{n}`.", "New: `{n}`, for `{m}`."), m=code.module, n=name
            )
            goals.append(ask_changelog(w, code, name, line))
        elif plain:
            bug = w.pick(plain)
            goals.append(ask_value(w, code, bug.probe, bug.after))
    return goals


def _wrong(work: _Work, turns: Turns) -> tuple[Attempt, ...]:
    """Tests that cannot fail, tests of a changed module, a test that fails."""
    code = work.code
    names = method_names(work.tests)
    hollow = work.tests
    for _, body in _methods(work.tests):
        head = body.partition("\n")[0]
        hollow = hollow.replace(body, f"{head}\n        self.assertTrue(True)", 1)
    smoke = re.sub(
        r"(TestCase\):\n)[\s\S]*?(?=\n\nif __name__)",
        r"\1    def test_import(self):\n        self.assertIsNotNone(unittest)\n",
        work.tests,
    )
    failing = work.tests.replace(
        f"def {names[0]}(self):", f"def {names[0]}(self):\n        self.fail()"
    )

    def instead(mistake: str, *steps: ReferenceStep) -> Attempt:
        return Attempt(mistake, (ReferenceTurn(turns[0].answer, steps), *turns[1:]))

    return (
        only_said(turns),
        instead("every test asserts nothing", write(code.tests, hollow)),
        instead("one test that only imports", write(code.tests, smoke)),
        instead("a test is left that fails", write(code.tests, failing)),
        instead(
            "the module is changed for the tests",
            read(code.module),
            write(code.module, work.mutants()[0]),
            write(code.tests, work.tests),
        ),
    )
