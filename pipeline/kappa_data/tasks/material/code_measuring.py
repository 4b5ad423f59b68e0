"""Questions about a code base whose answer is a number, a name or a signature."""

from __future__ import annotations

from kappa_data.records import AnswerCheck
from kappa_data.tasks.material.code_facts import Facts, is_test
from kappa_data.tasks.material.code_question_words import Part, Question, spoken, turn_of
from kappa_data.tasks.material.phrasing import number, plural, word
from kappa_data.tasks.steps import bash, read
from kappa_data.tasks.wording import Wording, listed


def counted(w: Wording, facts: Facts, turn: int) -> Part | None:
    """How many public names does a package have?"""
    packages = sorted({path.partition("/")[0] for path in facts.files if "/" in path})
    known = []
    for package in packages:
        inside = [
            each
            for each in facts.definitions
            if each.path.startswith(f"{package}/") and not is_test(each.path)
        ]
        top = [each for each in inside if each.kind != "method"]
        public = [each for each in top if each.public]
        functions = [each for each in public if each.kind == "function"]
        counts = {len(inside), len(top), len(functions)} - {len(public)}
        if len(public) > 1:
            known.append((package, len(public), sorted(counts)))
    if not known:
        return None
    package, count, others = w.pick(known)
    ask = w.say(
        (
            "How many public functions and classes does the package `{package}` have at module "
            "level? Public means no leading underscore; methods do not count, and neither do "
            "tests.",
            "Count the top-level functions and classes in `{package}/` whose names do not start "
            "with an underscore<, please|>. <No methods, no tests.|Leave out methods and tests.>",
            "I document the public interface of `{package}`: how many top-level functions and "
            "classes without a leading underscore are there, test files left out?",
        ),
        package=package,
    )
    steps = (
        bash(
            f"grep -rnE --include='*.py' '^(async def|def|class) ' {package} "
            "| grep -vE ':(async def|def|class) _|/tests?/|/test_'",
            "Definitions that begin in the first column are those of the modules.",
        ),
    )
    answer = w.say(
        (
            "`{package}` has {count} public functions and classes at module level. Methods, "
            "private names and tests are not among them.",
            "There are {count} of them in `{package}`, functions and classes together, without "
            "methods and without names that begin with an underscore.",
        ),
        package=package,
        count=count,
    )
    slips = [*others, count + 1, count - 1, count + 2][:3]
    wrong = tuple((f"counts {slip}", answer.replace(f"{count}", f"{slip}", 1)) for slip in slips)
    checks = (AnswerCheck(turn=turn, required=(number(count),)),)
    note = f"{package} has {count} public names at module level"
    return Part(
        ask, turn_of(answer, steps), checks, spoken(steps, wrong), note, (package, str(count))
    )


def longest(w: Wording, facts: Facts, turn: int) -> Part | None:
    """Which module is the longest?"""
    lines = {path: text.count("\n") for path, text in facts.files.items() if not is_test(path)}
    ranked = sorted(lines, key=lambda path: (-lines[path], path))
    if len(ranked) < 3 or lines[ranked[0]] == lines[ranked[1]]:
        return None
    first, second = ranked[:2]
    ask = w.say(
        (
            "Which Python file is the longest, tests left out, and how many lines does it have?",
            "What is the biggest module here by number of lines<, not counting tests|, without the "
            "tests>? Tell me the path and the line count.",
            "I want to split up the longest .py file (tests do not count). Which one is it, and "
            "how long?",
        )
    )
    steps = (
        bash(
            "find . -name '*.py' -not -path '*/tests/*' -not -path '*/test/*' -not -name 'test_*' "
            "-exec wc -l {} + | sort -rn | sed -n 1,4p",
            "Count the lines of every module outside the tests and sort by them.",
        ),
    )
    answer = w.say(
        (
            "The longest is `{first}` with {count} lines. Next comes `{second}` with {less}.",
            "`{first}`: {count} lines, ahead of `{second}` with {less}.",
        ),
        first=first,
        count=lines[first],
        second=second,
        less=lines[second],
    )
    wrong = (
        ("the second longest", f"The longest is `{second}` with {lines[second]} lines."),
        ("a wrong count", f"The longest is `{first}` with {lines[first] + 7} lines."),
        ("no number", f"The longest is `{first}`, by far."),
    )
    required = (word(first), number(lines[first]))
    note = f"the longest module is {first}, {lines[first]} lines"
    checks = (AnswerCheck(turn=turn, required=required),)
    return Part(ask, turn_of(answer, steps), checks, spoken(steps, wrong), note, (first,))


def raised(w: Wording, facts: Facts, turn: int) -> Part | None:
    """Which exceptions does it raise?"""
    known = [
        each
        for kind in ("function", "method")
        for each in facts.only_once(kind)
        if each.raises and not is_test(each.path)
    ]
    if not known:
        return None
    one = w.pick(known)
    bare = one.name.rpartition(".")[2]
    ask = w.say(
        (
            "Which <exceptions|errors> does `{name}` raise itself? I mean the raise statements in "
            "its own body.",
            "I call `{name}` from a web handler. What can it raise by its own raise statements?",
            "For the docstring of `{name}`: which exception types does it raise directly?",
        ),
        name=one.name,
    )
    steps = (
        bash(
            f"grep -rnE --include='*.py' 'def {bare}\\b' .",
            w.say("Find `{name}` first.", name=one.name),
        ),
        read(one.path, "Read it and look for raise."),
    )
    types = listed([f"`{each}`" for each in one.raises])
    answer = w.say(
        (
            "`{name}` in `{path}` raises {types}. Whatever the functions that it calls raise comes "
            "on top of that.",
            "In its own body `{name}` has raise statements for {types} and for nothing else.",
        ),
        name=one.name,
        path=one.path,
        types=types,
    )
    usual = ("TypeError", "OSError", "RuntimeError", "ArithmeticError", "NotImplementedError")
    strange = [each for each in usual if each not in one.raises]
    wrong = (
        ("says none", f"`{one.name}` has no raise statement of its own."),
        ("another exception", f"`{one.name}` raises `{strange[0]}`."),
        ("a guess at two", f"It can raise `{strange[1]}` or `{strange[2]}`."),
    )
    checks = (AnswerCheck(turn=turn, required=tuple(word(each) for each in one.raises)),)
    note = f"{one.name} raises {listed(one.raises)}"
    return Part(
        ask, turn_of(answer, steps), checks, spoken(steps, wrong), note, (bare, *one.raises)
    )


def signed(w: Wording, facts: Facts, turn: int) -> Part | None:
    """Which parameters does it take, with which defaults?"""
    known = [
        each
        for kind in ("function", "method")
        for each in facts.only_once(kind)
        if each.defaults and len(each.parameters) > 1 and not is_test(each.path)
        if all(len(value) < 30 for _, value in each.defaults)
    ]
    if not known:
        return None
    one = w.pick(known)
    bare = one.name.rpartition(".")[2]
    ask = w.say(
        (
            "What parameters does `{name}` take, and which defaults do they have?",
            "Which arguments can I pass to `{name}`<, and what is used when I leave some out|, and "
            "what are the default values>?",
            "Signature of `{name}`, please: every parameter, and the defaults.",
        ),
        name=one.name,
    )
    steps = (
        bash(
            f"grep -rn -A4 --include='*.py' 'def {bare}(' .",
            w.say("The definition of `{name}` shows its signature.", name=one.name),
        ),
    )
    given = dict(one.defaults)
    needed = [each for each in one.parameters if each not in given]
    told = listed([f"`{name}` is {value}" for name, value in one.defaults])
    head = f"`{one.name}` takes {plural(len(one.parameters), 'parameter')}"
    answer = f"{head}: {listed([f'`{each}`' for each in one.parameters])}. By default {told}."
    if needed:
        answer += f" The other{'s' * (len(needed) > 1)} must be given."
    last, value = one.defaults[-1]
    wrong = (
        ("no defaults", f"{head}, and all of them must be given."),
        ("the default is not told", f"{head}: {listed(one.parameters)}. `{last}` is optional."),
        ("one parameter is left out", f"{head}, among them `{one.parameters[0]}`."),
    )
    required = (*map(word, one.parameters), *(word(each) for each in given.values()))
    checks = (AnswerCheck(turn=turn, required=required),)
    note = f"{one.name}({', '.join(one.parameters)}), {last} is {value} by default"
    return Part(ask, turn_of(answer, steps), checks, spoken(steps, wrong), note, (bare, last))


MEASURING: tuple[Question, ...] = (counted, longest, raised, signed)
