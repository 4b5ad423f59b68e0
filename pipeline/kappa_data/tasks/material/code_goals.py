"""What a user may ask for after a change to a code base: follow-ups of the families about code."""

from __future__ import annotations

import re

from msgspec import Struct

from kappa_data.records import (
    AnswerCheck,
    Check,
    CommandCheck,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
)
from kappa_data.tasks.material.codebase import (
    PLAIN_TEST_COMMAND,
    TEST_COMMAND,
    Codebase,
    Regression,
    apply,
    method_names,
    minimal_edit,
    with_methods,
)
from kappa_data.tasks.steps import bash, edit, read
from kappa_data.tasks.wording import Wording, listed, sentence

CHANGELOG = "CHANGELOG.md"
OLD_ENTRIES = "## 1.1\n\n- Faster start.\n\n## 1.0\n\n- First version.\n"
LOG_TEXT = f"# Changes\n\n## Unreleased\n\n{OLD_ENTRIES}"


class Goal(Struct, frozen=True):
    """One further wish, how the reference meets it, and how that is checked."""

    ask: str
    turn: ReferenceTurn
    checks: tuple[Check, ...]


def readme(w: Wording, code: Codebase) -> str:
    """A short README of the code base."""
    use = w.say(
        "<Run the tests with|Tests:> `{command}`<.|, from this folder.>", command=TEST_COMMAND
    )
    return f"# {code.package}\n\n{sentence(code.package)} {code.about}.\n\n{use}\n"


def suite_passes() -> CommandCheck:
    """The tests that the user can see, with whatever was added to them."""
    return CommandCheck(command=PLAIN_TEST_COMMAND)


def hidden_suite(text: str) -> CommandCheck:
    """Tests that nobody saw before; `text` is a test file of its own.

    It is gone afterwards: what `notices` asks of the workspace's tests is not theirs to answer.
    """
    name = "test_hidden_suite"
    return CommandCheck(
        command=f"{PLAIN_TEST_COMMAND} {name}; end=$?; rm -f {name}.py; (exit $end)",
        files={f"{name}.py": text},
    )


def notices(module: str, mutant: str) -> CommandCheck:
    """The tests of the workspace have to fail with `mutant` for `module`.

    It overwrites the module: nothing that looks at the module may come after it.
    """
    return CommandCheck(command=PLAIN_TEST_COMMAND, exit_code=1, files={module: mutant})


def loosely(value: str) -> str:
    """A pattern for `value` that does not care for quotes, brackets and blanks."""
    return (
        r"(?<!\w)" + r"\W+".join(re.escape(word) for word in re.findall(r"\w+", value)) + r"(?!\w)"
    )


def readable(probe: str) -> bool:
    """Is the expression one that a person would write in a message?"""
    return "lambda" not in probe


def in_code(value: str) -> str:
    """`value` as a code span, an empty one in words."""
    return f"`{value}`" if value else "an empty text"


def ask_value(w: Wording, code: Codebase, probe: str, value: str) -> Goal:
    """What does an expression give now? To be run, not guessed."""
    ask = w.say(
        (
            "<And what|What> does `{probe}` <return|give> <now|at the moment>? <Please run "
            "it|Run it, don't guess>.",
            "<Can|Could> you <run|evaluate> `{probe}` <once|for me> and tell me the exact result?",
            "I want to see it: what <comes out of|is the result of> `{probe}`?",
        ),
        probe=probe,
    )
    command = f'python3 -c "from {code.dotted} import *; print({probe})"'
    answer = w.say(
        (
            "`{probe}` <gives|returns> {value}. That is what <the code printed|came out> when I "
            "ran it <just now|in the workspace>, with the names imported from `{module}`; no "
            "file was <touched|changed> for it. <It can be repeated|You can repeat it> with "
            "`python3 -c` from the top folder.",
            "The result is {value}. I ran `{probe}` against the current state of `{module}`<, so "
            "this is the real output|>; the call <changes nothing on disk|leaves all "
            "files as they are>, and it needs nothing beyond an import from `{dotted}`.",
        ),
        probe=probe,
        value=in_code(value),
        module=code.module,
        dotted=code.dotted,
    )
    why = w.say(
        (
            "The user wants the real value of `{probe}`, so run it instead of working it out by "
            "hand.",
            "One short call of Python <shows|answers> this: import from `{dotted}` and print "
            "`{probe}`.",
        ),
        probe=probe,
        dotted=code.dotted,
    )
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer + more(w, code), steps=(bash(command, why),)),
        checks=(AnswerCheck(turn=None, required=(loosely(value),)),) if value else (),
    )


def more(w: Wording, code: Codebase) -> str:
    """A closing sentence about the state of the code base; every one is true of all of them."""
    return " " + w.say(
        (
            "The package `{package}` has {count} Python files in all, and `{module}` is the one "
            "that <matters|counts> here.",
            "<You can check|Anyone can check> this with `{command}` <from the top folder|in the "
            "folder that holds `{package}`>, which runs everything in {tests}.",
            "<Should a copy of `{package}` be|If a copy of `{package}` is> installed somewhere "
            "else, it <has to be|must be> installed again to <get|pick up> this state of "
            "`{module}`.",
            "The README of `{package}` <says|describes> how to run the tests, and that <is still "
            "right|still holds>; it <needs|needed> no change.",
            "`{module}` only <uses|imports> the standard library, so <nothing has|there is "
            "nothing> to be installed <for it|to try this>.",
        ),
        package=code.package,
        count=len([path for path in code.files if path.endswith(".py")]),
        module=code.module,
        command=TEST_COMMAND,
        tests=code.tests,
    )


def ask_changelog(w: Wording, code: Codebase, name: str, line: str) -> Goal:
    """A line under "Unreleased" that mentions `name`; `line` is the reference's."""
    ask = w.say(
        (
            "<Please add|Add> a line <about|for> it to {log}, under Unreleased, "
            "<naming|mentioning> `{name}`.",
            "The change <needs|should get> an entry in {log} <too|as well>: under Unreleased, "
            "and it should <mention|name> `{name}`.",
        ),
        log=CHANGELOG,
        name=name,
    )
    answer = w.say(
        (
            '{log} has a new line under Unreleased: "{line}" The older <entries|versions> 1.1 '
            "and 1.0 <are|stay> as they were, and <so is|the same goes for> all code in "
            "`{package}`; <the entry|it> is <one bullet|a single bullet> in the <style|form> of "
            "the others.",
            'I <put|added> this under Unreleased in {log}: "{line}" It names `{name}`, and '
            "nothing else in the file <was changed|changed>: the <entries|bullets> of 1.1 and "
            "1.0 <stay|remain>, and the code of `{package}` was not touched for it.",
        ),
        log=CHANGELOG,
        line=line,
        name=name,
        package=code.package,
    )
    steps = (
        read(
            CHANGELOG,
            w.say(
                "<The entry belongs|It belongs> under the Unreleased heading; look at the "
                "<style|form> of the other entries in {log} first.",
                log=CHANGELOG,
            ),
        ),
        edit(
            CHANGELOG,
            "## Unreleased\n",
            f"## Unreleased\n\n- {line}\n",
            w.say(
                "Add one bullet that names `{name}`, <like|in the form of> the others.", name=name
            ),
        ),
    )
    section = f"sed -n '/^## Unreleased/,/^## 1.1/p' {CHANGELOG} | grep -q -w '{name}'"
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer + more(w, code), steps=steps),
        checks=(
            CommandCheck(command=section),
            FileCheck(path=CHANGELOG, contains=("- Faster start.", "- First version.")),
        ),
    )


def ask_users(w: Wording, code: Codebase) -> Goal:
    """Which other files import the module?"""
    pattern = f"from {code.dotted} import"
    users = sorted(path for path, text in code.files.items() if pattern in text)
    ask = w.say(
        (
            "Which <other files|files> <use|import from> `{module}`? <I'd like to|I want to> "
            "know <what else could be affected|where else to look>.",
            "<Who else|What else> depends on `{module}`<| in this repo>? <Give me|List> the files.",
            "Before I <merge|ship> this: which files import from `{module}`?",
        ),
        module=code.module,
    )
    answer = w.say(
        (
            "{files} from `{module}`: {users}. <Nothing else in the folder refers to it|There "
            "are no others>. Their signatures are <the same as before|unchanged>, so <the "
            "callers|they> need no edit, and the test run covers <both kinds of use|them>.",
            "A search for `{pattern}` finds {users}, and that is all. <The names they import "
            "still exist|Every name that is imported is still there> with the same parameters, so "
            "none of <them|these files> has to be <adapted|changed>.",
        ),
        files="One file imports" if len(users) == 1 else f"{len(users)} files import",
        module=code.module,
        users=listed([f"`{path}`" for path in users]),
        pattern=pattern,
    )
    why = w.say(
        "Imports of `{dotted}` <tell|show> who depends on it; "
        "<grep all Python files for them|grep finds them>.",
        dotted=code.dotted,
    )
    command = f'grep -rn --include="*.py" "{code.dotted}" .'
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer + more(w, code), steps=(bash(command, why),)),
        checks=(AnswerCheck(turn=None, required=tuple(re.escape(path) for path in users)),),
    )


def ask_regression(
    w: Wording, code: Codebase, missing: Regression, tests: str, module: str
) -> Goal:
    """A test for a behaviour that has none; `tests` and `module` are the files as they are by "
    "now."""
    ask = w.say(
        (
            "<Please add|Now add|Also add> a test <to|in> {path} <that makes sure that|checking "
            "that> {what}.",
            "There is no test yet <which says|saying> that {what}. <Can you write one|Please "
            "write it>, in {path}?",
            "One more thing for {path}: a test for this case, {what}.",
        ),
        path=code.tests,
        what=missing.ask,
    )
    new = with_methods(tests, missing.code)
    count = len(method_names(new))
    answer = w.say(
        (
            "{path} now has `{name}`, which makes sure that {what}. The module <already behaved "
            "that way|was right in this already>, so <the test passes at once|it passes without "
            "a change to the code>, and the suite <has|now counts> {count} tests, all of them "
            "passing. <If|Should> a later edit break this, `{name}` is the test that <will say "
            "so|fails>.",
            "I added `{name}` <at the end of the test class|after the other tests> in {path}. It "
            "covers that {what}. All {count} tests pass; <no code|nothing in `{module}`> had to "
            "change for it, since <the behaviour|this> was <right|correct> already and only "
            "<lacked a test|was not pinned down>.",
        ),
        path=code.tests,
        name=missing.name,
        what=missing.ask,
        count=count,
        module=code.module,
    )
    old_text, new_text = minimal_edit(tests, new)
    steps: tuple[ReferenceStep, ...] = (
        read(
            code.tests,
            w.say(
                "The new case belongs <next to|beside> the others; read {path} again for its "
                "imports and <its style|how it sets things up>.",
                path=code.tests,
            ),
        ),
        edit(
            code.tests,
            old_text,
            new_text,
            w.say("Write `{name}`: {what}.", name=missing.name, what=missing.ask),
        ),
        bash(
            TEST_COMMAND,
            w.say("<Run|Now run> everything, `{name}` <included|among it>.", name=missing.name),
        ),
    )
    mutant = apply(module, [(missing.right, missing.wrong)])
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer + more(w, code), steps=steps),
        checks=(notices(code.module, mutant),),
    )
