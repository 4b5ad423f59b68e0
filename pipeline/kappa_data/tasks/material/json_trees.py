"""JSON operations on damaged lines and on trees."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kappa_data.tasks.material.datawork import Naive, Output, Work
from kappa_data.tasks.material.domains import Domain, records
from kappa_data.tasks.material.json_reports import (
    COUNTER,
    Objects,
    dumped,
    flat,
    json_script,
    list_view,
)
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.wording import Wording, listed

_JSONL = """
sums, bad = defaultdict(lambda: [0, 0.0]), []
for line, text in enumerate(data, start=1):
    try:
        entry = json.loads(text)
        name, value = entry["@by@"], float(entry["@amount@"])
    except (ValueError, KeyError, TypeError):
        bad.append(line)
        continue
    sums[name][0] += 1
    sums[name][1] += value
result = {
    "bad_lines": bad,
    "groups": {
        name: {"count": n, "total": round(total, 2)} for name, (n, total) in sorted(sums.items())
    },
}
"""


def lines(w: Wording, d: Domain) -> Work:
    """A JSON Lines file with damaged lines: sums of the good ones and numbers of the bad."""
    by = w.pick((d.group, d.item))
    source, target = (
        w.pick((f"{d.things}.jsonl", "events.jsonl", "log/stream.jsonl")),
        w.pick(("report.json", "totals.json")),
    )
    rows = [flat(r, d) for r in records(w.rng, d, w.rng.randint(30, 70))]
    texts = [json.dumps(row) for row in rows]
    hurt = sorted(w.rng.sample(range(len(rows)), w.rng.randint(3, 7)))
    for i in hurt:
        without = {k: v for k, v in rows[i].items() if k != d.amount}
        cut = texts[i][: w.rng.randint(5, len(texts[i]) - 1)]
        texts[i] = w.pick(
            (
                cut,
                cut,
                json.dumps(without),
                texts[i].replace('"', "'"),
                texts[i].replace(":", "=", 2),
            )
        )
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for i, row in enumerate(rows):
        if i not in hurt:
            sums[row[by]][0] += 1
            sums[row[by]][1] += row[d.amount]
    groups = {
        name: {"count": int(n), "total": round(total, 2)}
        for name, (n, total) in sorted(sums.items())
    }
    bad = [i + 1 for i in hurt]
    return Work(
        files={source: "\n".join(texts) + "\n"},
        context=w.pick(d.story),
        ask=w.say(
            f"<Add up|Sum> {d.amount} per {by} over the lines of {source}, some of which are "
            f"<damaged|broken>, and write {target}."
        ),
        details=(
            f"A line counts only if it is valid JSON and has {by} and {d.amount}; collect the "
            "numbers of the others (from 1) in bad_lines.",
            f'Form: {{"bad_lines": [...], "groups": {{{by}: {{"count": ..., "total": ...}}}}}}, '
            "totals with two decimals.",
        ),
        sources=(source,),
        script=json_script(
            _JSONL,
            source,
            target,
            imports=COUNTER,
            load="handle.read().splitlines()",
            by=by,
            amount=d.amount,
        ),
        outputs={target: Output({"bad_lines": bad, "groups": groups})},
        answer=w.say(
            f"{len(rows) - len(hurt)} of {len(rows)} lines are good, {len(bad)} are not: "
            f"{listed([str(n) for n in bad])}. "
            f"<By|Per> {by} the totals are "
            + ", ".join(f"{g['total']} for {n} ({g['count']})" for n, g in groups.items())
            + f". {target} holds both. A damaged line is left out <whole|as a whole>, "
            "even if part of it is legible, because half a record "
            "would <distort the sums|give wrong sums>."
        ),
        facts=(number(len(bad)), *(number(n) for n in bad[:2])),
        plan=(
            "Each line is parsed on its own, so that one bad line costs no other; its number is "
            "kept."
        ),
        check=f"wc -l {source}; sed -n '{bad[0]}p' {source}; cat {target}",
        naive=Naive(
            "python3 -c 'import json; print(len([json.loads(line) for line in "
            f'open("{source}")]))\'',
            "I see whether all lines parse as they are.",
            "At least one line is no JSON, so errors have to be caught line by line.",
        ),
    )


_TREE = """
result = []


def visit(node, parent):
    path = f"{parent}/{node['name']}" if parent else node["name"]
    below = [visit(child, path) for child in node.get("children", [])]
    total = node.get("@amount@", 0) + sum(below)
    if "children" in node:
        result.append({"path": path, "total": round(total, 2)})
    return total


visit(data, "")
result.sort(key=lambda row: row["path"])
"""


def tree(w: Wording, d: Domain) -> Work:
    """A tree with amounts at its leaves: the total of every inner node."""

    def node(name: str, names: Sequence[str], depth: int) -> dict[str, Any]:
        if depth == 0:
            return {"name": name, d.amount: w.rng.randint(d.low, d.high) / 100}
        below = w.some(names, w.rng.randint(2, 4))
        rest = [n for n in d.items if n not in below]
        return {
            "name": name,
            "children": [
                node(n, rest, depth - 1 - (w.chance(0.4) and depth > 1 and n != below[0]))
                for n in below
            ],
        }

    root = node(w.pick(("all", "total", "root", d.things)), d.groups, w.rng.randint(2, 3))
    rows: Objects = []

    def visit(at: dict[str, Any], parent: str) -> float:
        path = f"{parent}/{at['name']}" if parent else at["name"]
        total: float = at.get(d.amount, 0) + sum(
            visit(child, path) for child in at.get("children", [])
        )
        if "children" in at:
            rows.append({"path": path, "total": round(total, 2)})
        return total

    visit(root, "")
    rows.sort(key=lambda row: row["path"])
    source, target = (
        w.pick(("tree.json", "budget/tree.json", f"{d.things}_tree.json")),
        w.pick(("subtotals.json", "nodes.json")),
    )
    shown = rows[1:]
    return Work(
        files={source: dumped(root)},
        context=w.pick(d.story),
        ask=w.say(
            f"{source} is a tree of name and children with {d.amount} at the leaves. "
            f"<Compute|Give me> the total of every node that has children, in {target}."
        ),
        details=(
            'A list of {"path": ..., "total": ...}; the path joins the names from the root down '
            'with "/".',
            "Totals with two decimals, sorted by path.",
        ),
        sources=(source,),
        script=json_script(_TREE, source, target, amount=d.amount),
        outputs={target: Output(rows)},
        answer=w.say(
            f"The whole tree comes to {rows[0]['total']} {d.unit}. <Below it|Underneath> there "
            f"are {len(shown)} inner nodes: "
            + ", ".join(f"{row['path']} with {row['total']}" for row in shown)
            + ". A node's total <includes everything below it|is the sum over its whole subtree>, "
            f"so the figures must not be added up across levels. {target} has them by path."
        ),
        facts=(number(str(rows[0]["total"])), number(str(shown[0]["total"]) if shown else "0")),
        plan="A recursion returns each subtree's sum and notes it for nodes with children.",
        check=(
            f"grep -o '\"{d.amount}\": [0-9.]*' {source} | awk '{{ s += $2 }} END {{ printf "
            f'"%.2f\\n", s }}\'; cat {target}'
        ),
        view=list_view(target, ("path",), "total", rows, additive=False),
    )


OPERATIONS = (lines, tree)
