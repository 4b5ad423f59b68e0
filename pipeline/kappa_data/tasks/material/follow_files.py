"""Later wishes about an output file as a whole, and about the script that made it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from kappa_data.records import CommandCheck, FileCheck
from kappa_data.tasks.material.datawork import FollowUp, Output, Work, expected_text, heredoc
from kappa_data.tasks.material.phrasing import follow, number
from kappa_data.tasks.material.tables import SAME
from kappa_data.tasks.steps import bash, edit, read
from kappa_data.tasks.wording import Wording, listed

FileMaker = Callable[[Wording, Work], FollowUp]


def file_wishes(work: Work) -> list[FileMaker]:
    """The wishes that suit the first output of the work."""
    path = next(iter(work.outputs))
    known: dict[str, list[FileMaker]] = {
        ".csv": [_frequency, _tabs],
        ".json": [_leaves, _sorted_keys],
    }
    return known.get(PurePosixPath(path).suffix, [])


def _frequency(w: Wording, work: Work) -> FollowUp:
    """How often each value of one column occurs."""
    path, output = next(iter(work.outputs.items()))
    header, *rows = output.value
    spread = {i: len({str(row[i]) for row in rows}) for i in range(len(header))}
    column = min(spread, key=lambda i: (spread[i] < 2, spread[i], i))
    name = header[column]
    counts = Counter(str(row[column]) for row in rows)
    code = (
        "import csv\nimport json\nfrom collections import Counter\n\n"
        f'with open("{path}", newline="", encoding="utf-8") as handle:\n'
        f'    counts = Counter(row["{name}"] for row in csv.DictReader(handle))\n'
        'with open("counts.json", "w", encoding="utf-8") as out:\n'
        "    json.dump(counts, out, indent=1, ensure_ascii=False)\n"
        "print(len(counts), counts.most_common(3), sum(counts.values()))"
    )
    (top, most), *others = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return FollowUp(
        goal=follow(
            w.rng,
            f"How often does each {name} occur in {path}? Put it into counts.json, an object from "
            f"{name} to the number of rows, and tell me how many different ones there are.",
        ),
        steps=(bash(heredoc(code), f"A counter over column {name} of {path} answers this."),),
        answer=w.say(
            "Column {name} of {path} has {kinds} different <values|entries> over {n} rows. <The "
            "most "
            "frequent|At the top> is {top} with {most}{others}. counts.json holds the number for "
            "each of them, and <the numbers add up to|together they make> {n}, the number of data "
            "rows, so <every row was counted once|nothing was counted twice>.",
            name=name,
            path=path,
            kinds=len(counts),
            n=len(rows),
            top=top,
            most=most,
            others="".join(f", then {value} with {count}" for value, count in others[:2]),
        ),
        reasoning=f"{len(counts)} different values of {name}, {top} with {most} being the first.",
        outputs={"counts.json": Output(dict(counts))},
        facts=(number(len(counts)),),
    )


def _tabs(w: Wording, work: Work) -> FollowUp:
    """The same rows with tabs and without the header, for a program that is particular."""
    path, output = next(iter(work.outputs.items()))
    target = str(PurePosixPath(path).with_suffix(".tsv"))
    header, *rows = output.value
    code = (
        f'import csv\n\nwith open("{path}", newline="", encoding="utf-8") as handle:\n'
        "    rows = list(csv.reader(handle))[1:]\n"
        f'with open("{target}", "w", newline="", encoding="utf-8") as out:\n'
        '    csv.writer(out, delimiter="\\t", '
        'lineterminator="\\n").writerows(rows)\nprint(len(rows))'
    )
    lines = ["\t".join(str(cell) for cell in row) for row in rows]
    shown = " | ".join(str(cell) for cell in rows[0])
    return FollowUp(
        goal=follow(
            w.rng,
            f"The import wants tabs and no header line: make {target} from {path}, otherwise the "
            "same.",
        ),
        steps=(
            bash(heredoc(code), f"csv.writer with a tab, the header of {path} skipped."),
            bash(f"head -n 3 {target}; wc -l {target}", "The first line has to be data."),
        ),
        answer=w.say(
            "{target} has the {n} data rows of {path}, <separated by tabs|with tabs between the "
            "cells>, and no header. The columns are, from left to right, {header}. The first row "
            "is "
            "{shown}. <None of the values contains a tab|There is no tab within any value>, so "
            "nothing had to be quoted; {path} still has its header.",
            target=target,
            n=len(rows),
            path=path,
            header=listed([str(name) for name in header]),
            shown=shown.replace(" | ", ", "),
        ),
        reasoning=f"{len(rows)} lines, the first of them data: {target} is as asked.",
        checks=(FileCheck(path=target, content="\n".join(lines)),),
    )


def _measure(value: Any) -> tuple[int, int]:
    """Leaves and depth of a JSON value; a leaf at the top has depth 0."""
    if isinstance(value, dict | list) and value:
        inner = value.values() if isinstance(value, dict) else value
        leaves, depths = zip(*map(_measure, inner), strict=True)
        return sum(leaves), 1 + max(depths)
    return (0, 1) if isinstance(value, dict | list) else (1, 0)


def _leaves(w: Wording, work: Work) -> FollowUp:
    """How many values a document holds and how deep it is."""
    path, output = next(iter(work.outputs.items()))
    leaves, depth = _measure(output.value)
    code = (
        "import json\n\n\ndef measure(value):\n    if isinstance(value, (dict, list)):\n"
        "        inner = list(value.values()) if isinstance(value, dict) else value\n"
        "        found = [measure(item) for item in inner]\n"
        "        return sum(n for n, _ in found), 1 + max((d for _, d in found), default=0)\n"
        f'    return 1, 0\n\n\nwith open("{path}", encoding="utf-8") as handle:\n'
        "    found = json.load(handle)\nprint(measure(found))\n"
        "if isinstance(found, dict):\n    print({key: measure(found[key]) for key in found})\n"
        "else:\n    print(len(found), measure(found[0]))"
    )
    top = output.value
    parts = (
        listed([f"{key} ({_measure(value)[0]})" for key, value in list(top.items())[:6]])
        if isinstance(top, dict)
        else f"{len(top)} elements, the first with {_measure(top[0])[0] if top else 0}"
    )
    return FollowUp(
        goal=follow(
            w.rng,
            f"How many leaf values (no objects, no lists) does {path} hold, and how many levels of "
            "objects and lists lie above the deepest one?",
        ),
        steps=(bash(heredoc(code), f"A small recursion over {path} counts both."),),
        answer=w.say(
            "{path} holds {leaves} leaf values, and the deepest <lies|sits> under {depth} levels "
            "of "
            "objects and lists. By part, with the number of leaves: {parts}. An empty object or "
            "list "
            "<counts as a level but has no leaf|adds a level and no leaf>. <The file was only "
            "read|I "
            "did not change anything> for this, so what you have is still the version from before.",
            path=path,
            leaves=leaves,
            depth=depth,
            parts=parts,
        ),
        reasoning=f"The recursion reports {leaves} leaves and {depth} levels.",
        facts=(number(leaves), number(depth)),
    )


def _sorted_keys(w: Wording, work: Work) -> FollowUp:
    """The same document with sorted keys, for stable diffs."""
    path, output = next(iter(work.outputs.items()))
    target, indent = str(PurePosixPath(path).with_suffix(".sorted.json")), w.pick((1, 2, 4))
    text = json.dumps(output.value, indent=indent, sort_keys=True, ensure_ascii=False)
    code = (
        f'import json\n\nwith open("{path}", encoding="utf-8") as handle:\n    data = '
        "json.load(handle)\n"
        f'with open("{target}", "w", encoding="utf-8") as out:\n'
        f"    json.dump(data, out, indent={indent}, sort_keys=True, ensure_ascii=False)\n"
        '    out.write("\\n")\nprint(len(json.dumps(data)))'
    )
    first = sorted(output.value)[0] if isinstance(output.value, dict) else "the first element"
    return FollowUp(
        goal=follow(
            w.rng,
            f"For stable diffs: {target} should be {path} with the keys sorted at every level and "
            "an "
            f"indentation of {indent}, UTF-8 not escaped.",
        ),
        steps=(
            bash(
                heredoc(code), "json.dump with sort_keys sorts every level; lists keep their order."
            ),
            bash(f"head -n 5 {target}; wc -l {path} {target}", f"A look at the top of {target}."),
        ),
        answer=w.say(
            "{target} is written: <the same content as|equal in content to> {path}, keys in "
            "alphabetical order at each level, indentation {indent}, {lines} lines. It "
            "<starts|begins> "
            "with {first}. Only keys are sorted; <lists keep the order of their elements|the "
            "elements "
            "of lists stay where they were>, since that order carries meaning. Characters outside "
            "ASCII are written as themselves.",
            target=target,
            path=path,
            indent=indent,
            lines=len(text.splitlines()),
            first=first,
        ),
        reasoning=f"{target} has {len(text.splitlines())} lines and sorted keys.",
        checks=(FileCheck(path=target, content=text),),
    )


def reusable(w: Wording, work: Work, script: str) -> FollowUp:
    """The script takes its input and output from the command line; tried on an unseen input."""
    if work.fresh is None:
        raise ValueError("this work has no second input")
    target = next(iter(work.outputs))
    suffix, source_suffix = PurePosixPath(target).suffix, PurePosixPath(work.sources[0]).suffix
    text, output = work.fresh
    first = work.script.partition("\n")[0]
    old_source, old_target = f'SOURCE = "{work.sources[0]}"', f'TARGET = "{target}"'
    fresh_in, fresh_out = f".check/next{source_suffix}", f".check/next_expected{suffix}"
    order = "" if output.ordered else " any-order"
    check = CommandCheck(
        command=(
            f"python3 {script} {fresh_in} .check/got{suffix} && "
            f"python3 .check/same.py .check/got{suffix} {fresh_out}{order}"
        ),
        files={
            ".check/same.py": SAME,
            fresh_in: text,
            fresh_out: expected_text(fresh_out, output),
        },
    )
    return FollowUp(
        goal=follow(
            w.rng,
            f"Next month there will be another file of the same form. Keep the script as {script} "
            f"and let it run as `python3 {script} INPUT OUTPUT` instead of fixed names.",
        ),
        steps=(
            read(script, f"I reread {script} to see where the paths are fixed."),
            edit(script, old_source, "SOURCE = sys.argv[1]", "The input becomes an argument."),
            edit(script, old_target, "TARGET = sys.argv[2]", "The output as well."),
            edit(
                script, f"{first}\n", f"{first}\nimport sys\n", "sys has to be imported for that."
            ),
            bash(
                f"python3 {script} {work.sources[0]} again{suffix} && "
                f"cmp again{suffix} {target} && echo identical && rm again{suffix}",
                "The same input has to give the same bytes as before.",
            ),
        ),
        answer=w.say(
            "{script} now takes two arguments: `python3 {script} INPUT OUTPUT`. <For|As> a test I "
            "ran it on {source} again and compared the result with {target}: <the two are "
            "identical|byte for byte the same>. The <rules|calculation> did not change, only where "
            "the paths come from, so next month's file needs the same columns and the same "
            "<form|layout>. Without arguments it stops with an IndexError.",
            script=script,
            source=work.sources[0],
            target=target,
        ),
        reasoning=f"The rerun reproduces {target}, so only the paths have changed.",
        checks=(check,),
    )
