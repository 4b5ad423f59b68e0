"""An answer states of tool results what no result bears out: numbers, outputs, passing tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from kappa_data.checks._calls import Ran, calls_of
from kappa_data.checks._facts import Facts
from kappa_data.checks._seen import Seen, flat, number_of
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding

RULES = ("unborne claim",)
MOST_CLAIMS = 60
"""so many claims of one conversation are looked at for each kind of claim"""
SMALL = 12
"""so far anybody counts without being told"""
_DIGITS = re.compile(r"\d[\d,.]*")
_NUMBER = re.compile(
    r"(?<![\w.,/:#+-])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,12}(?:\.\d{1,6})?)(?![\w%/-]|\.\d|,\d)"
)
# What stands behind a number, and what before it: where there are no numbers, nothing is searched.
BEFORE_CHARS = 80
_COUNTED = re.compile(
    r" (?:[a-z]{2,20} )?(lines?|rows?|records?|entries|files?|bytes|kB|words?|characters?|matches|"
    r"occurrences?|hits?|errors?|warnings?|failures?|functions?|commits?|items?|columns?|results?|"
    r"directories|folders)\b",
    re.IGNORECASE,
)
_TESTED = re.compile(
    r" (?:passed|passing)\b|(?: of(?: the)? \d+)? (?:(?:unit|the|its|existing) )?"
    r"(?:tests?|specs?|test cases|checks)\b[^.\n]{0,30}?\b(?:pass|ran|run|succe|green|ok\b)"
)
_TESTED_BEFORE = re.compile(r"\b(?:ran|passed) (?:all )?$", re.IGNORECASE)
_TOTAL_BEFORE = re.compile(
    r"\b(?:total|sum|average|mean|median|balance|count|size|result|maximum|minimum|difference|"
    r"revenue|cost|length|number)\b[^.\n\d]{0,40}?(?:\bis|\bare|\bwas|\bwere|\bcomes to|\bcame to|"
    r"\bequals|\bof|=|:) (?:exactly |now |only )?[*`$€£]{0,3}$",
    re.IGNORECASE,
)
_IS = (" is", " are", " was", " were", " to", " of", "equals", "=", ":", "exactly", "now", "only")
# A number that somebody else gives out: no letter of it can be reckoned.
_REFERENCE = re.compile(
    r"\b(?:reference|confirmation|booking|order|ticket|tracking|transaction|invoice|case|"
    r"reservation|receipt)(?: (?:number|no\.?|code|id|reference))?(?: (?:is|was)|:) "
    r"[*`#]{0,3}([A-Z0-9][A-Z0-9-]{4,20})(?![\w-])"
)
_DEGREES = re.compile(r" ?(?:°[CF]\b|degrees\b)")
_LINE_BEFORE = re.compile(r"\b(?:on|at|in|see|from) line $", re.IGNORECASE)
_EXIT_BEFORE = re.compile(
    r"\b(?:exited|ended|finished|returned|failed|completed|succeeded|came back) (?:\w+ )?with "
    r"(?:an? |the )?(?:exit )?(?:code|status)(?: of)? $",
    re.IGNORECASE,
)
_PASS = re.compile(
    r"\b(?:(?:all|the|every|both|full|whole|entire|\d+)\b[^.\n;:]{0,40}?\b(?:tests?|suite|specs?|"
    r"checks)\b[^.\n;:]{0,25}?\b(?:pass(?:es|ed)?|passing|green|succeed(?:s|ed)?)|"
    r"tests? (?:all |now |still )*(?:pass(?:es|ed)?|are (?:all )?(?:green|passing))|"
    r"passes (?:all|every) (?:of )?(?:the |its )?tests?)\b",
    re.IGNORECASE,
)
_PASSED = ("passes", "passed", "passing", " pass.", " pass ", " pass,", "green", "succeed")
_OF_TESTS = ("test", "suite", "spec", "check")
_SHOWN = re.compile(
    r"\b(?:output|prints?|printed|returned|result|said|says|reported|reports|shows?|showed|gave|"
    r"got|see|saw|displayed|logged)\b[^\n`.]{0,60}:\s*\n+```[^\n]{0,40}\n((?:(?!```)[^\n]*\n){1,40})"
)
_PRINTED = re.compile(
    r"\b(?:it|command|script|output|program|call|run|tool|result|server|pytest|which) "
    r"(?:\w+ )?(?:printed|returned|output|said|reported|answered|was|showed|responded with) "
    r"`([^`\n]{3,120})`",
    re.IGNORECASE,
)
# In a sentence with one of these nothing is said to have been seen.
_NOT_SEEN = re.compile(
    r"\b(?:would|should|could|can|will|['’]ll|might|may|if|unless|suppose|e\.g|example|at least|"
    r"at most|up to|about|roughly|approximately|around|nearly|almost|over|more than|less than|"
    r"fewer than|under|limit|every|per|needs?|want|expects?|expected|let me|let['’]s|until|whether|"
    r"make sure|ensure|so that|before|to see|once|when|not|n['’]t|except|apart from|other than|"
    r"none|nor|no|unverified|you)\b|~|\?|≈",
    re.IGNORECASE,
)
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_RUNS = re.compile(
    r"\b(?:python[\d.]*|pytest|tox|nox|make|npm|npx|yarn|pnpm|bun|deno|cargo|go|mvn|gradle|gradlew|"
    r"node|ruby|rake|rspec|perl|php|phpunit|bash|sh|dotnet|ctest|cmake|jest|vitest|mocha|sbt|mix|"
    r"lein|stack|cabal|swift|Rscript|julia|prove|bats|unittest|uv|poetry|hatch|just)\b|test|spec|"
    r"check|\./|run|exec|verify",
    re.IGNORECASE,
)
_RAN_NUMBERS = re.compile(r"\d+")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Claims in answers behind calls, held against everything that was seen until then.

    Numbers: a count, a total, a sum of money, a temperature, a line or a number of tests that
    stands in no text before the answer,
    and is neither a count of what was shown nor reckoned from two of its numbers. Outputs: a block
    or a quotation that is said to have been printed. Tests: they are said to pass, and none ran, or
    the last that ran failed. Only plain statements are looked at: none of what should, could or
    will be, none "about" so much, none in code.

    The message is no target. Conversations without calls are not looked at.
    """
    calls = calls_of(conversation)
    if not calls:
        return
    seen = Seen()
    left = MOST_CLAIMS
    tests_shown = _Tests(calls)
    for index, message in enumerate(conversation.messages):
        answers = message.role == "assistant" and not message.tool_calls
        if answers and left and calls[0].step < index and message.content:
            claims = _claims(message.content, seen, tests_shown.before(index), conversation)
            for claim, borne in islice(claims, left):
                left -= 1
                if not borne:
                    yield Finding("unborne claim", "untrain", index, evidence(claim))
                    break
        seen.add(message)


class _Tests:
    """The calls up to a message, of all calls."""

    def __init__(self, calls: Sequence[Ran]) -> None:
        self._calls = calls

    def before(self, index: int) -> Sequence[Ran]:
        return [each for each in self._calls if each.step < index]


def _claims(
    content: str, seen: Seen, calls: Sequence[Ran], conversation: Conversation
) -> Iterator[tuple[str, bool]]:
    """The claims of an answer as (text, whether what was seen bears it out)."""
    if "```" in content:
        for found in _SHOWN.finditer(content):
            before = content[max(0, found.start() - 200) : found.start()]
            start = max(before.rfind(sign) for sign in (". ", "\n", "! ", "? ", "; "))
            if not _NOT_SEEN.search(
                f"{before[start + 1 :]}{content[found.start() : found.start(1)]}"
            ):
                yield found[0], _is_shown(found[1], seen)
        content = _FENCED.sub("\n", content)
    if "`" in content:
        for found in _PRINTED.finditer(content):
            if not _NOT_SEEN.search(_sentence(content, found)):
                yield found[0], seen.holds(flat(found[1]))
    for found in _REFERENCE.finditer(content):
        if any(map(str.isdigit, found[1])) and not _NOT_SEEN.search(_sentence(content, found)):
            yield found[0], seen.holds(flat(found[1]))
    folded = content.lower()
    if any(each in folded for each in _PASSED) and any(each in folded for each in _OF_TESTS):
        for found in _PASS.finditer(content):
            if not _NOT_SEEN.search(_sentence(content, found)):
                yield found[0], _have_passed(calls)
    if not any(map(str.isdigit, content)) or not _tells(calls):
        return
    yield from _numbers(content, seen, calls, conversation)


def _numbers(
    content: str, seen: Seen, calls: Sequence[Ran], conversation: Conversation
) -> Iterator[tuple[str, bool]]:
    """The numbers of which more is said than that they are there."""
    for digits in _DIGITS.finditer(content):
        found = _NUMBER.match(content, digits.start())
        if found is None:
            continue
        before = content[max(0, found.start() - BEFORE_CHARS) : found.start()]
        value, end = number_of(found[1]), found.end()
        borne: Callable[[], bool]
        if _TESTED.match(content, end) or (
            content.startswith(" test", end) and _TESTED_BEFORE.search(before)
        ):
            borne = partial(_is_of_tests, value, found[1], calls, seen)
        elif counted := _COUNTED.match(content, end):
            borne = partial(_is_count, value, found[1], counted[1].lower(), seen)
        elif before.endswith(" line ") and _LINE_BEFORE.search(before):
            borne = partial(_is_line, value, found[1], seen)
        elif before.endswith(("code ", "status ", " of ")) and _EXIT_BEFORE.search(before):
            borne = partial(_is_exit, value, calls, conversation, seen)
        elif (
            (before.rstrip("*`$€£ ").endswith(_IS) and _TOTAL_BEFORE.search(before))
            or before.rstrip().endswith(("$", "€", "£"))
            or _DEGREES.match(content, end)
        ):
            borne = partial(_is_total, value, found[1], seen)
        else:
            continue
        sentence = _sentence(content, found)
        if not _NOT_SEEN.search(sentence):
            yield sentence.strip(), borne()


def _is_line(value: float, written: str, seen: Seen) -> bool:
    return seen.shows(value, written) or value <= max(seen.counts(), default=0)


def _is_exit(value: float, calls: Sequence[Ran], conversation: Conversation, seen: Seen) -> bool:
    codes = {each.code for each in calls} | {each.exit_code for each in conversation.outcomes}
    silent = codes <= {None} and value == 0
    return value in codes or silent or seen.holds(f"exit {value:.0f}")


def _sentence(content: str, found: re.Match[str]) -> str:
    """What stands around a claim up to the ends of its sentence, 200 characters at most."""
    before = content[max(0, found.start() - 200) : found.start()]
    after = content[found.end() : found.end() + 200]
    start = max(before.rfind(sign) for sign in (". ", "\n", "! ", "? ", "; "))
    ends = [at for sign in (". ", "\n", "! ", "? ", "; ") if (at := after.find(sign)) >= 0]
    return f"{before[start + 1 :]}{found[0]}{after[: min(ends, default=len(after)) + 1]}"


def _tells(calls: Sequence[Ran]) -> bool:
    """Whether any result says something that a number could come from, more than "done"."""
    return any(len(each.result) > 20 or any(map(str.isdigit, each.result)) for each in calls)


def _is_shown(block: str, seen: Seen) -> bool:
    """Whether a line of the block, one that says something, was seen."""
    lines = [line for line in map(flat, block.splitlines()) if sum(map(str.isalnum, line)) > 3]
    return not lines or any(seen.holds(line) for line in lines)


def _have_passed(calls: Sequence[Ran]) -> bool:
    """Whether tests ran, and the last did not fail."""
    ran = [each for each in calls if each.tests and not each.looks]
    if ran:
        return ran[-1].end not in ("tests", "failed", "misused", "denied")
    return any(not each.reads and _RUNS.search(f"{each.name} {each.command}") for each in calls)


def _is_of_tests(value: float, written: str, calls: Sequence[Ran], seen: Seen) -> bool:
    """Whether a number of tests stands in what tests printed, or is the sum of two such numbers."""
    printed = [each.result for each in calls if each.tests]
    shown = {float(one[:12]) for text in printed for one in _RAN_NUMBERS.findall(text[-5000:])}
    if not shown:
        return value <= SMALL or seen.shows(value, written)
    return value in shown or any(value - one in shown for one in shown)


def _is_count(value: float, written: str, noun: str, seen: Seen) -> bool:
    if value <= SMALL or seen.shows(value, written) or value in seen.counts():
        return True
    if value < seen.most_lines and not noun.startswith(("line", "byte", "char", "word")):
        return True  # how many of the lines are of some kind only a reader could count
    return seen.is_reckoned(value)


def _is_total(value: float, written: str, seen: Seen) -> bool:
    if value <= SMALL or seen.shows(value, written) or value in seen.counts():
        return True
    near = {round(each, 2) for each in seen.sums()}
    return round(value, 2) in near or value < seen.most_lines or seen.is_reckoned(value)
