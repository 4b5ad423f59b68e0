"""Tool calls that failed, and whether a later one did on the same target what they could not.

A call *failed* where the tool could not do it, a limit of the sandbox ended it, its name or its
arguments were wrong, or a command ended with another exit code than 0. Where no outcome is on
record, as in imports, the result's text decides. A call that the user denied did not fail.

Some commands end so and have told what they were asked for: a search that finds nothing, a
comparison, a test run that shows the bug. They *explore*, and nothing need be mended.

The target is the path, the program and the first argument of a command, or of another tool the
first text among its arguments. *Mended*: a later call of the same tool with the same target works,
or one whose path or command is nearly spelt so (see `alike`). Where the failure was that something
is not there, a look at what is, and then a call of the same tool that works.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator

from msgspec import Struct

from kappa_data import strict_json
from kappa_data.records import CallOutcome, Conversation, ToolCall
from kappa_data.sandbox.toolset import DENIED
from kappa_data.validation.steps import steps

PATHS = ("path", "file_path", "filepath", "filename", "file")
COMMANDS = ("command", "cmd")
WRITERS = ("edit_file", "write_file")
"""each may mend the other's failure on a file"""
TARGET_CHARS = 500
"""of a target or a command are compared"""
ALIKE = 0.8
"""share of a spelling that another one has, which lacks the rest"""
TRIES = 10
"""so many later calls of the same tool that work are looked at for another spelling"""

RESULT_CHARS = 4_000
"""of either end of a result are read"""
_EXIT = re.compile(r"\[exit code (-?\d+)\]\s*\Z")
_SAYS_SO = re.compile(
    r"\A\W*(?:error|exception|fatal|traceback|invalid|failed|failure)\b"
    r"|\bTraceback \(most recent call last\)"
    r"|: (?:No such file or directory|command not found|Permission denied)\s*\Z",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"No such file or directory|not found|does not exist", re.IGNORECASE)
_LOOKS = re.compile(r"\s*(?:(?:\S*/)?(?:ls|find|tree|fd|du)|git\s+ls-files|rg\s+--files)\b")
_LISTERS = re.compile(r"\A(?:list|ls|glob|find)(?:_|\Z)|_(?:list|ls|glob)\Z", re.IGNORECASE)
"""names of tools that list files"""
_PARTS = re.compile(r"&&|\|\||[;|\n]")
_TELLS = re.compile(
    r"\s*(?:\w+=\S*\s+|time\s+|timeout\s+\S+\s+)*"
    r"(?:(?:\S*/)?(?:[efrz]?grep|rg|ag|ls|diff|cmp|test|\[+|which|pgrep|pytest|tox|nox|ctest)\b"
    r"|\[|command\s+-v\b|git\s+(?:diff|grep)\b"
    r"|(?:\S*/)?python[\d.]*\s+-m\s+(?:pytest|unittest|tests?|doctest)\b"
    r"|(?:make|npm|yarn|pnpm|cargo|go|mvn|gradle|npx)\s+(?:run\s+)?(?:tests?|check|pytest|jest)\b)"
)
"""the beginning of a command whose exit code is its answer"""
_MOVES = re.compile(r"\s*(?:cd\s+\S+\s*(?:&&|;)\s*|\w+=\S*\s+)*")
NOT_RUN = 126
"""from this exit code on a program was not there, or was ended by a signal"""


class Failures(Struct, frozen=True, gc=False):
    """Of one conversation: calls that failed, those of them that a later call mended, and calls
    that explored."""

    failing: int = 0
    mended: int = 0
    exploring: int = 0


class _Call(Struct, frozen=True, gc=False):
    """`spelt`: all of the path or the command, as far as it is compared; `absent`: the result says
    that something is not there; `looks`: it lists files."""

    tool: str
    target: str
    spelt: str
    state: str
    absent: bool
    looks: bool


NONE = Failures()


def failures_of(conversation: Conversation) -> Failures:
    """The calls of a conversation by how they ended."""
    calls = list(_calls(conversation))
    states = [each.state for each in calls]
    if "failed" not in states and "explored" not in states:
        return NONE
    mended = 0
    works: set[tuple[str, str]] = set()
    working: set[str] = set()
    after_a_look: set[str] = set()
    later: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=TRIES))
    for each in reversed(calls):
        if each.state == "worked":
            if each.looks:
                after_a_look |= working
            working.add(each.tool)
            works.add((each.tool, each.target))
            later[each.tool].append(each.spelt)
        elif each.state == "failed":
            known = (each.tool, each.target) in works
            known = known or (each.absent and each.tool in after_a_look)
            mended += known or any(alike(each.spelt, one) for one in later[each.tool])
    return Failures(states.count("failed"), mended, states.count("explored"))


def alike(one: str, other: str) -> bool:
    """Whether two neighbours changed places in one, or something is missing that is little beside
    the rest; or one is the end of the other, as a path within another folder."""
    if one.endswith(f"/{other}") or other.endswith(f"/{one}"):
        return True
    longest, shortest = max(len(one), len(other)), min(len(one), len(other))
    front = _common(one, other)
    behind = min(_common(one[::-1], other[::-1]), shortest - front)
    middle, other_middle = one[front : len(one) - behind], other[front : len(other) - behind]
    if middle and other_middle:  # x1.py and x2.py are two files
        return len(middle) == 2 and middle == other_middle[::-1]
    return front + behind >= ALIKE * longest > 0


def _common(one: str, other: str) -> int:
    """Letters with which both begin; by halves: a hostile record has a great many to compare."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _calls(conversation: Conversation) -> Iterator[_Call]:
    """The calls that have a result, in order."""
    outcomes = {each.tool_call_id: each for each in conversation.outcomes}
    executed = conversation.provenance.grounding in ("executed", "unsafe-local")
    for start, end in steps(conversation.messages):
        results = {each.tool_call_id: each for each in conversation.messages[start + 1 : end]}
        for call in conversation.messages[start].tool_calls:
            if call.id not in results:
                continue
            result = results[call.id].content
            path, command, first = _aimed_at(call)
            if call.id in outcomes or not executed:
                state = _state(outcomes.get(call.id), result, command)
            else:  # it never ran: what was asked for was no call of a tool
                state = "failed"
            if result.startswith(DENIED):
                state = "denied"
            tool = "write" if path and call.function.name in WRITERS else call.function.name
            spelt = path or command or call.function.arguments[:TARGET_CHARS]
            yield _Call(
                tool=tool,
                target=path or _program(command) or first or spelt,
                spelt=spelt,
                state=state,
                absent=state == "failed" and bool(_ABSENT.search(_ends(result))),
                looks=bool(_LOOKS.match(command) or _LISTERS.search(call.function.name)),
            )


def _state(outcome: CallOutcome | None, result: str, command: str) -> str:
    """How a call ended that is not denied: worked, failed or explored."""
    if outcome is not None:
        code, failed = outcome.exit_code, outcome.error or outcome.limit is not None
    else:
        shown = _EXIT.search(result[-RESULT_CHARS:])
        code = int(shown[1]) if shown else None
        failed = code is None and bool(_SAYS_SO.search(_ends(result)))
    if failed or (code is not None and not 0 <= code < NOT_RUN):
        return "failed"
    if not code:
        return "worked"
    last = next((each for each in reversed(_PARTS.split(command)) if each.strip()), "")
    return "explored" if _TELLS.match(last) else "failed"


def _ends(result: str) -> str:
    if len(result) <= 2 * RESULT_CHARS:
        return result
    return f"{result[:RESULT_CHARS]}\n{result[-RESULT_CHARS:]}"


def _aimed_at(call: ToolCall) -> tuple[str, str, str]:
    """The path, the command and the first text among a call's arguments, "" where there is none."""
    try:
        arguments = strict_json.parse(call.function.arguments)
    except strict_json.NotStrict:
        return "", "", ""
    if not isinstance(arguments, dict):
        return "", "", ""
    found = []
    for names in (PATHS, COMMANDS, tuple(arguments)):
        values = (arguments.get(name) for name in names)
        found.append(next((each for each in values if isinstance(each, str)), "")[:TARGET_CHARS])
    return found[0].removeprefix("./"), found[1], found[2]


def _program(command: str) -> str:
    """The first program of a command and its first argument that is no option."""
    moves = _MOVES.match(command)
    words = command[moves.end() if moves else 0 :].split()
    argument = next((each for each in words[1:] if not each.startswith("-")), "")
    return " ".join((*words[:1], argument))
