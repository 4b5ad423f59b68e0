"""Which regular expressions of unknown origin are safe to search with: tried in another process.

A search cannot be interrupted, and one that takes the square of a text's length, or two to its
power, would hold up every other conversation. So each pattern is compiled and searched, in a
process that the kernel stops by its own CPU time, in texts that such patterns are slow on: long
runs of white space, of single signs, of the pattern's own words and of the reference's answers.

What this cannot prove: a pattern may be slow on a text that is none of these. Texts are bounded
when it is used (`verify.LONGEST_ANSWER`), so a square stays below some seconds; possessive
quantifiers and bounded repeats (`[^\\n]{0,80}+`) are safe by their form.

Standard library only, and nothing of the package: the file is the other process's program.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence

SECONDS = 2.0
"""of CPU for all texts of one pattern; an honest one takes some hundredths"""
LONG = 10_000
MEMORY = 2**30
MOST_SLOW = 20
"""so many slow patterns are named; a file with more is refused as a whole"""
_PIECES = (" ", "\n", "\n ", "a", "a ", "- ", "1", "1,", ". ", "(", ")", "*", "_", "not ", "ab")
_WORD = re.compile(r"[A-Za-z]{2,12}|\d{1,6}")

Pattern = tuple[str, Sequence[str]]
"""a pattern, and answers in which it may be searched"""


def unsafe(patterns: Sequence[Pattern]) -> dict[int, str]:
    """What is wrong with patterns, by their place in the list; none that is right is named."""
    wrong: dict[int, str] = {}
    begin = slow = 0
    while begin < len(patterns):
        done = subprocess.run(
            [sys.executable, "-I", __file__],
            input=json.dumps(patterns[begin:]),
            capture_output=True,
            text=True,
            check=False,
        )
        at = 0
        for line in done.stdout.splitlines():
            number, _, said = line.partition(" ")
            at = int(number)
            if said:
                wrong[begin + at] = json.loads(said)
        if done.returncode == 0:
            break
        wrong[begin + at] = "it takes too long on hostile text: bound its repeats, as in {0,80}+"
        begin += at + 1
        slow += 1
        if slow == MOST_SLOW:
            wrong |= dict.fromkeys(range(begin, len(patterns)), "not tried: too many are slow")
            break
    return wrong


def _texts(pattern: str, answers: Sequence[str]) -> list[str]:
    """Texts on which a search may be slow."""
    words = _WORD.findall(pattern)[:8]
    pieces = [*_PIECES, *words, *(f"{word} " for word in words), "".join(words)]
    starts = ("", "Well. ", answers[0][:40] if answers else "")
    blanks = [start + piece * LONG for start in starts for piece in (" ", "\n")]
    said = "\n\n".join(answers)
    return [*blanks, *(piece * (LONG // len(piece)) + "!" for piece in pieces if piece), said * 5]


def _main() -> None:
    """Tries the patterns on standard input; says the number of each before it is tried, and behind
    it, as JSON, what is wrong with one that is no pattern. Killed where one takes too long."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    for number, (pattern, answers) in enumerate(json.loads(sys.stdin.read())):
        print(number, flush=True)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            compiled = re.compile(pattern, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            print(number, json.dumps(f"no regular expression: {error}"), flush=True)
            continue
        for text in _texts(pattern, answers):
            compiled.search(text)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)


if __name__ == "__main__":
    _main()
