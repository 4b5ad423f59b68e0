"""What the family rename_across_files renames, and what may be asked for afterwards."""

from __future__ import annotations

import re

from msgspec import Struct

from kappa_data.records import AnswerCheck, CommandCheck, ReferenceTurn
from kappa_data.tasks.material.code_goals import CHANGELOG, Goal, more
from kappa_data.tasks.material.codebase import Codebase, method_names
from kappa_data.tasks.steps import bash, write
from kappa_data.tasks.wording import Wording, listed, sentence

SMOKE = "scripts/smoke.py"


class Plan(Struct, frozen=True):
    """What is renamed, and what only looks like it."""

    code: Codebase
    old: str
    new: str
    decoy: str
    why: str
    path: str
    """the file that defines the name"""
    files: dict[str, str]

    @property
    def touched(self) -> list[str]:
        """Files that hold the old name and have to change, sorted."""
        pattern = re.compile(rf"\b{self.old}\b")
        return sorted(
            p for p, text in self.files.items() if p != CHANGELOG and pattern.search(text)
        )

    @property
    def kind(self) -> str:
        """Class or function?"""
        return "the class" if self.old[0].isupper() else "the function"

    def renamed(self, text: str) -> str:
        """`text` with the whole word replaced."""
        return re.sub(rf"\b{self.old}\b", self.new, text)

    def facts(self) -> dict[str, object]:
        """What the wording may speak of."""
        return {
            "old": self.old,
            "new": self.new,
            "decoy": self.decoy,
            "why": self.why,
            "smoke": SMOKE,
            "log": CHANGELOG,
            "module": self.path,
            "package": self.code.package,
            "about": self.code.about,
            "kind": self.kind,
            "kind_cap": sentence(self.kind),
            "count": len(self.touched),
            "paths": listed([f"`{path}`" for path in self.touched]),
            "tests": len(method_names(self.files[self.code.tests])),
            "test_file": self.code.tests,
            "uses": sum(len(re.findall(rf"\b{self.old}\b", self.files[p])) for p in self.touched),
        }


def ask_count(w: Wording, plan: Plan) -> Goal:
    """How many lines mention the new name in the file that defines it?"""
    lines = sum(plan.new in line for line in plan.renamed(plan.files[plan.code.tests]).splitlines())
    facts = {**plan.facts(), "lines": lines, "path": plan.code.tests}
    ask = w.say(
        (
            "<And how|How> many lines of {path} mention `{new}` now?",
            "For the review: on how many lines does {path} have `{new}`? <The number is "
            "enough|Just count them>.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{path} has `{new}` on {lines} lines<, the import among them|, and one of them is "
            "the import>. I counted them with grep <after the rename|in the file as it is now>. "
            "<The remaining|All other> changed lines are in the rest of the {count} files<, "
            "where the name is defined, called or described|: the definition, the callers and "
            "the text about it>.",
            "It is {lines} lines in {path}<, counted by grep|, by a count with grep>. <That "
            "includes|Included is> the import at the top. No line there <mentions|has> `{old}` "
            "any more, so the test file <speaks of|knows> `{new}` alone, and the names of the "
            "test methods were not <changed|part of the rename>.",
        ),
        **facts,
    )
    why = w.say("Count the lines of {path} with `{new}`; grep -c does that.", **facts)
    return Goal(
        ask=ask,
        turn=ReferenceTurn(
            answer=answer + more(w, plan.code),
            steps=(bash(f'grep -cw "{plan.new}" {plan.code.tests}', why),),
        ),
        checks=(AnswerCheck(turn=None, required=(rf"\b{lines}\b",)),),
    )


def ask_script(w: Wording, plan: Plan) -> Goal:
    """A small script that fails when the old name comes back."""
    path = "scripts/check_names.sh"
    facts = {**plan.facts(), "path": path}
    ask = w.say(
        (
            "<Please add|Add> {path}, a bash script for CI: exit code 1 if `{old}` "
            "<appears|turns up> as a whole word in any .py file under the current folder, "
            "otherwise 0.",
            "So that it does not come back: write {path} (bash). It <should exit|exits> with 1 "
            "when any .py file below the current folder contains the word `{old}`, else with 0.",
        ),
        **facts,
    )
    script = (
        f"#!/bin/bash\n# Fails if the old name {plan.old} is back in a Python file.\n"
        f"if grep -rnw --include='*.py' '{plan.old}' .; then\n    exit 1\nfi\nexit 0\n"
    )
    answer = w.say(
        (
            "{path} searches all Python files below the current folder for the word `{old}`, "
            "prints the places and exits with 1 if there are any, otherwise with 0. I ran it "
            "here: it exits with 0. `{decoy}` <does not trigger it|is no match>, since only "
            "whole words count.",
            "The check is in {path}: grep with -w, so `{decoy}` is <fine|allowed>, limited to "
            ".py files, so {log} is too. It <ended|exited> with 0 on the current state; a line "
            "with `{old}` in any Python file <makes it|would make it> print that line and exit "
            "with 1.",
        ),
        **facts,
    )
    steps = (
        write(
            path, script, w.say("grep -w for `{old}` in .py files decides the exit code.", **facts)
        ),
        bash(
            f"bash {path}; echo exit $?",
            w.say("Try it: `{old}` is gone, so it must be 0.", **facts),
        ),
    )
    bad = {"trap/again.py": f"print({plan.old})\n"}
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer + more(w, plan.code), steps=steps),
        checks=(
            CommandCheck(command=f"bash {path}"),
            CommandCheck(command=f"cd trap && bash ../{path}", exit_code=1, files=bad),
            CommandCheck(
                command=f"cd fine && bash ../{path}",
                files={"fine/other.py": f"print({plan.decoy})\n"},
            ),
        ),
    )
