"""How often each check speaks over conversations from anywhere, and what that costs.

    python benchmarks/alarms.py PATH ... [--show RULE] [--bar 0.01] [--repeat 1]

PATH is a file or folder that import reads, a release, or the folder of a dataset, whose generated
and imported conversations are judged anew. Prints a line for each rule that found something: how
many conversations it hit, their share, the findings by severity and the messages that it takes out
of training; then the CPU time of each check. `--show` prints each hit of a rule with what stands
around it, for a reader to say whether it is true. Ends with 1 where a rule that is not about the
form of the record rejects more than --bar of the conversations.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from kappa_data import recipe
from kappa_data.checks._text import written
from kappa_data.config import Settings, ValidateConfig
from kappa_data.records import Conversation, Finding
from kappa_data.replay_sources import Choice, Chosen
from kappa_data.resources import Resources
from kappa_data.validation.checking import Check, all_checks
from kappa_data.validation.judge import Judge

FORM = {"call_pairing", "call_arguments", "empty_turn", "role_order"}
"""checks of the record's form: what they reject no reader has to confirm"""
MENDING = "(mending)"
CONTEXT_CHARS = 400


class Tally:
    """What was found so far, by rule."""

    def __init__(self) -> None:
        self.talks = self.characters = 0
        self.hit: Counter[str] = Counter()
        self.severities: dict[str, Counter[str]] = defaultdict(Counter)
        self.rejected: Counter[str] = Counter()
        self.untrained: Counter[str] = Counter()
        self.targets = 0

    def count(self, conversation: Conversation, found: tuple[Finding, ...]) -> None:
        """Counts one conversation and what was found in it."""
        self.talks += 1
        messages = conversation.messages
        self.characters += sum(len(text) for each in messages for text in written(each))
        self.targets += sum(each.role == "assistant" and each.train for each in messages)
        self.hit.update({each.rule for each in found})
        self.rejected.update({each.rule for each in found if each.severity == "reject"})
        self.untrained.update(
            rule for rule, _ in {(f.rule, f.message) for f in found if f.severity == "untrain"}
        )
        for each in found:
            self.severities[each.rule][each.severity] += 1

    def rows(self, owners: dict[str, str]) -> Iterator[str]:
        """A line of a table for each rule, those that hit most first."""
        for rule, hit in self.hit.most_common():
            kinds = ", ".join(f"{n} {kind}" for kind, n in self.severities[rule].most_common())
            owner = owners.get(rule, MENDING)
            cells = (owner, rule, f"{hit}", f"{hit / self.talks:.1%}", kinds, self.untrained[rule])
            yield f"| {' | '.join(map(str, cells))} |"

    def loud(self, owners: dict[str, str], bar: float) -> list[str]:
        """The rules that reject more than they may."""
        return [
            rule
            for rule, hit in self.rejected.items()
            if hit > bar * self.talks and owners.get(rule, MENDING) not in {*FORM, MENDING}
        ]


class Timed:
    """A check, and the CPU seconds that its calls took."""

    def __init__(self, check: Check) -> None:
        self.check, self.seconds = check, 0.0

    def run(self, conversation: Conversation, judge: Judge) -> None:
        """Everything that the check finds, unused: the judge has found it already."""
        facts = judge._facts(conversation)
        began = time.process_time()
        tuple(self.check.check(conversation, facts))
        self.seconds += time.process_time() - began


def conversations(path: Path) -> Iterator[Conversation]:
    """Those of a dataset before validate, or of what import reads."""
    sources = [recipe.newest(path, "generate"), *recipe.imports(path).values()]
    if not any(sources):
        yield from Chosen(path, Settings(), Resources(None), path).read(Choice())
        return
    for sealed in sources:
        if sealed is not None:
            yield from sealed.read("conversations", Conversation)


def show(conversation: Conversation, finding: Finding) -> None:
    """The finding, and the message with those around it."""
    print(f"=== {conversation.id} [{finding.message}] {finding.rule}, {finding.severity}")
    print(f"    {finding.evidence!r}")
    at = finding.message
    for number in range(max(0, at - 2), at + 2) if at >= 0 else ():
        if number < len(conversation.messages):
            each = conversation.messages[number]
            calls = "; ".join(call.function.arguments for call in each.tool_calls)
            print(f"  [{number}] {each.role}: {cut(each.content, finding.evidence)}")
            if calls:
                print(f"      calls: {cut(calls, finding.evidence)}")
    print()


def cut(text: str, around: str) -> str:
    """The part of a text around a piece of it, or else its two ends."""
    if len(text) <= 2 * CONTEXT_CHARS:
        return text
    at = text.find(around)
    if at >= 0:
        return text[max(0, at - CONTEXT_CHARS) : at + CONTEXT_CHARS]
    return f"{text[:CONTEXT_CHARS]} [...] {text[-CONTEXT_CHARS:]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--show", action="append", default=[], metavar="RULE")
    parser.add_argument("--bar", type=float, default=0.01, help="share that a rule may reject")
    parser.add_argument("--repeat", type=int, default=1, help="so often is each check timed")
    options = parser.parse_args()
    judge, tally = Judge(ValidateConfig(), Resources(None)), Tally()
    timed = [Timed(each) for each in all_checks()]
    owners = {rule: each.name for each in all_checks() for rule in each.rules}
    whole = 0.0
    for path in options.paths:
        for each in conversations(path):
            began = time.process_time()
            _, found = judge.judge(each)
            whole += time.process_time() - began
            tally.count(each, found)
            for _ in range(options.repeat):
                for one in timed:
                    one.run(each, judge)
            for finding in found:
                if finding.rule in options.show:
                    show(each, finding)
    if options.show:
        return 0
    print(f"{tally.talks} conversations, {tally.targets} targets, {tally.characters} characters")
    print("| check | rule | conversations | share | findings | messages untrained |")
    print("|---|---|---|---|---|---|")
    print("\n".join(tally.rows(owners)))
    print(f"\n| check | CPU us per conversation |\n|---|---|\n| judge | {per(whole, tally):.0f} |")
    for one in sorted(timed, key=lambda each: -each.seconds):
        print(f"| {one.check.name} | {per(one.seconds, tally) / options.repeat:.1f} |")
    loud = tally.loud(owners, options.bar)
    for rule in loud:
        print(f'"{rule}" rejects more than {options.bar:.1%}')
    return int(bool(loud))


def per(seconds: float, tally: Tally) -> float:
    """Microseconds a conversation."""
    return seconds / max(1, tally.talks) * 1e6


if __name__ == "__main__":
    sys.exit(main())
