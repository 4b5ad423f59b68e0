"""Questions about a code base, each with its answer from the syntax trees and three wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from kappa_data.records import AnswerCheck, Check, CommandCheck, ReferenceStep, ReferenceTurn
from kappa_data.tasks.material.code_facts import Facts, is_test, module_name
from kappa_data.tasks.material.phrasing import number, plural, word
from kappa_data.tasks.steps import bash, read, write
from kappa_data.tasks.wording import Wording, listed

MAX_LISTED = 12
"""places: a list that is longer is no question for a conversation"""


class Part(Struct, frozen=True):
    """One question: how it is asked, how it is answered, what has to hold, and wrong turns."""

    ask: str
    turn: ReferenceTurn
    checks: tuple[Check, ...]
    wrong: tuple[tuple[str, ReferenceTurn], ...]
    note: str
    """the finding in one line, for who writes it down"""
    facts: tuple[str, ...]
    """what such a line has to hold"""


Question = Callable[[Wording, Facts, int], Part | None]


def spoken(
    steps: Sequence[ReferenceStep], answers: Sequence[tuple[str, str]]
) -> tuple[tuple[str, ReferenceTurn], ...]:
    """Wrong turns: the right steps, and another answer each."""
    return tuple(
        (mistake, ReferenceTurn(answer=answer, steps=tuple(steps))) for mistake, answer in answers
    )


def defined(w: Wording, facts: Facts, turn: int) -> Part | None:
    """Where is it defined?"""
    kinds = [*facts.only_once("function"), *facts.only_once("class"), *facts.only_once("method")]
    known = [each for each in kinds if not is_test(each.path) and len(facts.files) > 1]
    if not known:
        return None
    one = w.pick(known)
    bare = one.name.rpartition(".")[2]
    other = w.pick([path for path in sorted(facts.files) if path != one.path])
    ask = w.say(
        (
            "Where is the {kind} `{name}` defined? <File and line, please.|I need file and line.>",
            "<In which file and on which line|Which file and which line> does the {kind} `{name}` "
            "begin?",
            "Find the definition of `{name}` <for me |>and tell me the path and the line number.",
            "I keep looking for `{name}`. <Which file is it in, and on which line does it start?|"
            "Give me its file and the line of its definition.>",
        ),
        kind=one.kind,
        name=one.name,
    )
    verb = "class" if one.kind == "class" else "def"
    steps = (
        bash(
            f"grep -rnE --include='*.py' '{verb} {bare}\\b' .",
            w.say(
                (
                    "A definition begins with `{verb}`; grep for that with the name.",
                    "Search for `{verb} {bare}` in all Python files, with line numbers.",
                ),
                verb=verb,
                bare=bare,
            ),
        ),
    )
    answer = w.say(
        (
            "The {kind} `{name}` is defined in `{path}`, on line {line}. There is no second "
            "definition of that name.",
            "`{name}` starts on line {line} of `{path}`. It is the only {kind} that is called so.",
            "It is in `{path}`: the definition of `{name}` begins on line {line}.",
        ),
        kind=one.kind,
        name=one.name,
        path=one.path,
        line=one.line,
    )
    wrong = (
        ("one line off", answer.replace(f"line {one.line}", f"line {one.line + 1}")),
        ("another file", answer.replace(one.path, other)),
        ("only says that it exists", f"`{one.name}` is defined in this code base, once."),
    )
    checks = (AnswerCheck(turn=turn, required=(word(one.path), number(one.line))),)
    note = f"{one.name}: {one.path}, line {one.line}"
    return Part(ask, turn_of(answer, steps), checks, spoken(steps, wrong), note, (one.path,))


def called(w: Wording, facts: Facts, turn: int) -> Part | None:
    """Who calls it? The list goes into a file."""
    known = [
        (one, callers)
        for one in facts.only_once("function")
        if (callers := facts.callers(one.name))
        and 1 < len(callers) <= MAX_LISTED
        and not any(each.endswith(":module") for each in callers)
    ]
    if not known:
        return None
    one, callers = w.pick(known)
    target = w.pick(("callers.txt", "notes/callers.txt", f"calls_of_{one.name}.txt", "who.txt"))
    ask = w.say(
        (
            "Who calls `{name}`? <Write|Put> each function or method that does, tests included, "
            "into {target}: one `path:name` a line, sorted, a method as Class.method.",
            "I want every caller of `{name}` in {target}, as `path:function` <(methods as "
            "`path:Class.method`)|with methods written Class.method>, one a line and sorted. Tests "
            "count too.",
            "List all functions and methods that call `{name}`, the tests' included, in a file "
            "{target}; lines look like `path:function` or `path:Class.method`, in sorted order.",
        ),
        name=one.name,
        target=target,
    )
    steps = (
        bash(
            f"grep -rnw --include='*.py' {one.name} .",
            w.say(
                "All places of `{name}` first; imports and the definition are no calls.",
                name=one.name,
            ),
        ),
        *_readings(w, sorted({each.partition(":")[0] for each in callers})),
        write(target, "".join(f"{each}\n" for each in callers), "These are the calls; write them."),
        bash(f"sort -c {target} && wc -l {target}", "Sorted, and as many lines as I found?"),
    )
    answer = w.say(
        (
            "`{name}` has {count}: {places}. The list is in {target}.",
            "{target} lists the {count} of `{name}`: {places}. The import lines and the definition "
            "itself are left out.",
        ),
        name=one.name,
        count=plural(len(callers), "caller"),
        places=listed([f"`{each}`" for each in callers]),
        target=target,
    )
    wrong = _wrong_lists(target, callers, f"{one.path}:{one.name}", steps, answer)
    checks = (_same_lines(target, callers),)
    note = f"{one.name} has {plural(len(callers), 'caller')}, see {target}"
    return Part(ask, turn_of(answer, steps), checks, wrong, note, (one.name, target))


def renamed(w: Wording, facts: Facts, turn: int) -> Part | None:
    """Which files would a rename touch? The list goes into a file."""
    known = [
        (one, users)
        for one in (*facts.only_once("function"), *facts.only_once("class"))
        if 1 < len(users := facts.users(one.name)) <= MAX_LISTED
        and users == sorted(path for path, text in facts.files.items() if one.name in text)
    ]
    if not known:
        return None
    one, users = w.pick(known)
    other = next((path for path in sorted(facts.files) if path not in users), "setup.py")
    target = w.pick(("impact.txt", "rename_plan.txt", "notes/touched.txt", "files.txt"))
    ask = w.say(
        (
            "<What would break|What breaks> if I renamed `{name}`? <Write|Put> the path of every "
            "Python file that would have to change into {target}, one a line, sorted. Change "
            "nothing else<| yet>.",
            "Suppose `{name}` got another name. Which .py files would need an edit? I want their "
            "paths in {target}, sorted, one per line<, and no other change|>.",
            "Before I rename `{name}`: list the Python files that mention it, the defining one "
            "included, in {target} (sorted, one path a line). Do not rename anything.",
        ),
        name=one.name,
        target=target,
    )
    steps = (
        bash(
            f"grep -rlw --include='*.py' {one.name} . | sed 's|^\\./||' | sort",
            w.say("Whole-word uses of `{name}`, as file names alone.", name=one.name),
        ),
        bash(
            f"mkdir -p $(dirname {target}) && grep -rlw --include='*.py' {one.name} . "
            f"| sed 's|^\\./||' | sort > {target}; cat {target}",
            "That is the list; put it into the file.",
        ),
    )
    answer = w.say(
        (
            "{count} would have to change: {places}. `{name}` is defined in `{path}`; the others "
            "import or call it. The paths are in {target}, and nothing was renamed.",
            "A rename of `{name}` touches {places}. I wrote the {count} to {target} and left the "
            "code as it is.",
        ),
        name=one.name,
        count=plural(len(users), "file"),
        places=listed([f"`{each}`" for each in users]),
        path=one.path,
        target=target,
    )
    wrong = _wrong_lists(target, users, other, steps, answer)
    checks = (_same_lines(target, users),)
    note = f"a rename of {one.name} touches {plural(len(users), 'file')}, see {target}"
    return Part(ask, turn_of(answer, steps), checks, wrong, note, (one.name, target))


def imported(w: Wording, facts: Facts, turn: int) -> Part | None:
    """Who imports this module?"""
    known = [
        (path, users)
        for path in sorted(facts.files)
        if not is_test(path) and 0 < len(users := facts.importers(module_name(path))) <= MAX_LISTED
    ]
    others = [path for path in sorted(facts.files) if not path.endswith("__init__.py")]
    if not known or len(others) < 4:
        return None
    path, users = w.pick(known)
    name = module_name(path)
    strangers = [each for each in others if each not in users and each != path][:2]
    ask = w.say(
        (
            "Which files import `{name}`? <Paths, please|Give me their paths>, tests included.",
            "<Who|What> depends on the module `{name}`? I mean every file that imports <it or "
            "something from it|from it>.",
            "I am about to change `{name}`. Which files import it?",
        ),
        name=name,
    )
    pattern = name.replace(".", "\\.")
    steps = (
        bash(
            f"grep -rnE --include='*.py' '(from|import) {pattern}( |$)' .",
            w.say("Import lines that name `{name}`, in all Python files.", name=name),
        ),
    )
    answer = w.say(
        (
            "`{name}` is imported by {places}. No other file does.",
            "{count} <import|imports> `{name}`: {places}.",
            "These depend on `{name}`: {places}. I searched all Python files for its import.",
        ),
        name=name,
        count=plural(len(users), "file").capitalize(),
        places=listed([f"`{each}`" for each in users]),
    )
    answer = answer.replace("1 file import ", "1 file imports ")
    stranger = strangers[0] if strangers else "setup.py"
    fewer = listed([f"`{each}`" for each in users[:-1]])
    wrong = (
        ("says that nobody does", f"Nothing imports `{name}`; it can be changed freely."),
        ("names a file that does not import it", f"`{name}` is imported by `{stranger}` alone."),
        (
            "leaves one out",
            f"`{name}` is imported by {fewer}." if fewer else f"Only `{path}` itself knows it.",
        ),
    )
    checks = (AnswerCheck(turn=turn, required=tuple(word(each) for each in users)),)
    note = f"{name} is imported by {listed(users)}"
    return Part(ask, turn_of(answer, steps), checks, spoken(steps, wrong), note, (name, users[0]))


def turn_of(answer: str, steps: Sequence[ReferenceStep]) -> ReferenceTurn:
    return ReferenceTurn(answer=answer, steps=tuple(steps))


def _readings(w: Wording, paths: Sequence[str]) -> list[ReferenceStep]:
    """Looks into files, two and more of them in one message."""
    why = w.pick(("In which functions are these lines?", "Look at the code around these lines."))
    return [read(path, why if number == 0 else "") for number, path in enumerate(paths[:3])]


def _same_lines(target: str, lines: Sequence[str]) -> CommandCheck:
    """The file has these lines and no others; their order and a leading ./ are not looked at."""
    return CommandCheck(
        command=f"sed -e 's|^\\./||' -e 's/[[:space:]]*$//' {target} | grep -v '^$' "
        "| LC_ALL=C sort -u | diff - .expected_lines",
        files={".expected_lines": "".join(f"{each}\n" for each in sorted(lines))},
    )


def _wrong_lists(
    target: str, lines: Sequence[str], extra: str, steps: Sequence[ReferenceStep], answer: str
) -> tuple[tuple[str, ReferenceTurn], ...]:
    """Wrong turns whose file lacks a line, or has one too many, or is not there."""

    def with_lines(kept: Sequence[str]) -> ReferenceTurn:
        text = "".join(f"{each}\n" for each in kept)
        return turn_of(answer, (steps[0], write(target, text, "Write them down.")))

    return (
        ("leaves one out", with_lines(lines[:-1])),
        ("lists one too many", with_lines(sorted([*lines, extra]))),
        ("only says it, and writes no file", turn_of(answer, steps[:1])),
    )


ASKING: tuple[Question, ...] = (defined, called, renamed, imported)
