"""Counts what many replays gave: by class, by tool, by family."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import msgspec

from kappa_data.replay.rerun import CLASSES, Replayed
from kappa_data.sandbox.toolset import ToolSet

IMPORTED = "none"
NO_TOOL = "(no tool of the box)"


class Tally:
    """`shown` are the conversations that are not identical, in order, and what was found."""

    def __init__(self, known: ToolSet) -> None:
        self._known = known
        self.conversations: Counter[str] = Counter()
        self.without_calls = 0
        self.shown: list[Replayed] = []
        self._families: dict[str, Counter[str]] = defaultdict(Counter)
        self._tools: dict[str, Counter[str]] = defaultdict(Counter)
        self._trees: Counter[str] = Counter()
        self._rules: Counter[str] = Counter()
        self._workspaces: Counter[str] = Counter()
        self._other_programs = 0

    def count(self, replayed: Replayed) -> None:
        """Counts one conversation; one without calls has nothing that could differ."""
        if not replayed.calls:
            self.without_calls += 1
            return
        self.conversations[replayed.result] += 1
        self._families[replayed.family or IMPORTED][replayed.result] += 1
        self._workspaces[replayed.workspace] += 1
        self._other_programs += replayed.toolchain_differs
        if replayed.tree is not None:
            self._trees[replayed.tree] += 1
        for call in replayed.calls:
            name = call.tool if call.tool in self._known else NO_TOOL
            self._tools[name][call.result] += 1
            self._rules.update(call.rules)
        if replayed.result != "identical":
            self.shown.append(replayed)

    def figures(self) -> dict[str, Any]:
        """Everything as plain values; the classes from best to worst."""
        return {
            "conversations": _in_order(self.conversations),
            "without calls": self.without_calls,
            "families": {name: _in_order(each) for name, each in sorted(self._families.items())},
            "tools": {name: _in_order(each) for name, each in sorted(self._tools.items())},
            "trees": _in_order(self._trees),
            "rules": dict(sorted(self._rules.items())),
            "workspaces": dict(sorted(self._workspaces.items())),
            "other programs": self._other_programs,
            "not identical": msgspec.to_builtins(self.shown),
        }


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in CLASSES if counts[name]}
