"""JSON operations that end in a list of records. Each makes a Work from a domain."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from kappa_data.tasks.material.datawork import Naive, Output, View, Work, heredoc
from kappa_data.tasks.material.domains import Domain, Record, records
from kappa_data.tasks.material.phrasing import number, plural, word
from kappa_data.tasks.material.tables import fill, money
from kappa_data.tasks.wording import Wording, listed

_HEAD = """\
import json@imports@

SOURCE = "@source@"
TARGET = "@target@"

with open(SOURCE, encoding="utf-8") as handle:
    data = @load@
"""
_TAIL = """
with open(TARGET, "w", encoding="utf-8") as handle:
    json.dump(result, handle, indent=2, ensure_ascii=False)
print(f"{len(data)} read, {len(result)} written to {TARGET}")
"""
COUNTER = "\nfrom collections import defaultdict"
Objects = list[dict[str, Any]]


def json_script(
    body: str,
    source: str,
    target: str,
    *,
    imports: str = "",
    load: str = "json.load(handle)",
    **names: str,
) -> str:
    """A whole script: constants, reading, `body` (from `data` to `result`), writing."""
    text = f"{_HEAD}\n{body.strip()}\n{_TAIL}"
    return fill(text, source=source, target=target, imports=imports, load=load, **names)


def dumped(value: Any) -> str:
    """A fixture's text."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def source_name(w: Wording, d: Domain) -> str:
    """Where the input lies."""
    return w.pick((f"{d.things}.json", f"{d.things}.json", f"dump/{d.things}.json", "export.json"))


def list_view(
    target: str, labels: Sequence[str], measure: str, rows: Objects, additive: bool = True
) -> View:
    """The rows of `target` as labelled numbers."""
    points = tuple((tuple(str(r[n]) for n in labels), Decimal(str(r[measure]))) for r in rows)
    return View(target, "json", tuple(labels), measure, points, additive)


def _nested(w: Wording, d: Domain, n: int) -> Objects:
    """Documents with a person and lines, as an ordering system would export them."""
    found = []
    for r in records(w.rng, d, n):
        lines = [
            {
                d.item: w.pick(d.items),
                d.count: w.rng.randint(1, 9),
                d.amount: w.rng.randint(d.low, d.high) / 100,
            }
            for _ in range(w.rng.randint(1, 3))
        ]
        found.append({d.key: r.key, d.person: {"name": r.person, d.group: r.group}, "lines": lines})
    return found


_FLATTEN = """
result = [
    {
        "@key@": entry["@key@"],
        "name": entry["@person@"]["name"],
        "@group@": entry["@person@"]["@group@"],
        **line,
    }
    for entry in data
    for line in entry["lines"]
]
"""


def flatten(w: Wording, d: Domain) -> Work:
    """Nested documents become one flat object a line."""

    def solve(data: Objects) -> Objects:
        return [
            {d.key: e[d.key], "name": e[d.person]["name"], d.group: e[d.person][d.group], **line}
            for e in data
            for line in e["lines"]
        ]

    source, target = source_name(w, d), w.pick(("flat.json", "lines.json", "rows.json"))
    data, other = _nested(w, d, w.rng.randint(12, 30)), _nested(w, d, 9)
    found = solve(data)
    whole = money(round(sum(row[d.amount] for row in found) * 100))
    longest = max(data, key=lambda e: len(e["lines"]))
    return Work(
        files={source: dumped(data)},
        context=w.pick(d.story),
        ask=w.say(
            f"<Flatten|Unnest> {source}: one flat object for each entry of lines, as a list in "
            f"{target}."
        ),
        details=(
            f"Keys {listed(list(found[0]))}, in this order; name and {d.group} come from "
            f"{d.person}.",
            "Keep the order of the file.",
        ),
        sources=(source,),
        script=json_script(_FLATTEN, source, target, key=d.key, person=d.person, group=d.group),
        outputs={target: Output(found)},
        answer=w.say(
            f"{len(data)} {d.things} became {len(found)} flat rows in {target}, each with the keys "
            f"{listed(list(found[0]))}. "
            f"The {d.thing} with the most lines is {longest[d.key]} ({len(longest['lines'])}). "
            "<As a check|To be safe> "
            f"I summed {d.amount} on both sides: {whole} {d.unit}, so <no line was lost or "
            "doubled|every line came along "
            "exactly once>. The repeated fields are copied to each row of the same document."
        ),
        facts=(number(len(found)), word(target)),
        plan=(
            "A nested comprehension over documents and lines keeps the order and copies the outer "
            "fields."
        ),
        check=heredoc(
            f'import json\n\nflat = json.load(open("{target}"))\nraw = '
            f'json.load(open("{source}"))\n'
            f'print(len(flat), round(sum(row["{d.amount}"] for row in flat), 2))\n'
            f'print(len(raw), round(sum(x["{d.amount}"] for e in raw for x in e["lines"]), 2))\n'
            f'longest = max(raw, key=lambda entry: len(entry["lines"]))\n'
            f'print(longest["{d.key}"], len(longest["lines"]))'
        ),
        view=list_view(target, (d.key, d.item), d.amount, found, additive=True)
        if len({(r[d.key], r[d.item]) for r in found}) == len(found)
        else None,
        naive=Naive(
            f'python3 -c \'import json; print(json.load(open("{source}"))[0]["name"])\'',
            "I check whether the name lies at the top of an entry.",
            f"It does not: the name is inside {d.person}.",
        ),
        fresh=(dumped(other), Output(solve(other))),
    )


def flat(r: Record, d: Domain) -> dict[str, Any]:
    """A record as one object."""
    return {
        d.key: r.key,
        d.when: r.day.isoformat(),
        d.group: r.group,
        d.item: r.item,
        d.count: r.count,
        d.amount: r.cents / 100,
    }


_SUMMARY = """
groups = defaultdict(list)
for entry in data:
    groups[entry["@by@"]].append(entry)
result = []
for name in sorted(groups):
    entries = groups[name]
    result.append(
        {
            "@by@": name,
            "@things@": len(entries),
            "total": round(sum(entry["@amount@"] for entry in entries), 2),
            "first": min(entry["@when@"] for entry in entries),
            "last": max(entry["@when@"] for entry in entries),
        }
    )
"""


def summary(w: Wording, d: Domain) -> Work:
    """Count, sum, first and last day by group or item."""
    by = w.pick((d.group, d.item))

    def solve(rows: Objects) -> Objects:
        groups: dict[str, Objects] = defaultdict(list)
        for row in rows:
            groups[row[by]].append(row)
        return [
            {
                by: name,
                d.things: len(found),
                "total": round(sum(r[d.amount] for r in found), 2),
                "first": min(r[d.when] for r in found),
                "last": max(r[d.when] for r in found),
            }
            for name, found in sorted(groups.items())
        ]

    source, target = source_name(w, d), w.pick((f"by_{by}.json", "summary.json", "groups.json"))
    data = [flat(r, d) for r in records(w.rng, d, w.rng.randint(25, 60))]
    other = [flat(r, d) for r in records(w.rng, d, 30)]
    found = solve(data)
    best = max(found, key=lambda row: row["total"])
    return Work(
        files={source: dumped(data)},
        context=w.pick(d.story),
        ask=w.say(f"<Summarise|Group> {source} by {by} <and write|into> {target}."),
        details=(
            f"A list of objects with {by}, {d.things} (how many), total (sum of {d.amount}, two "
            f"decimals), first and last ({d.when}).",
            f"Sorted by {by}. Which {by} has the largest total?",
        ),
        sources=(source,),
        script=json_script(
            _SUMMARY,
            source,
            target,
            imports=COUNTER,
            by=by,
            things=d.things,
            amount=d.amount,
            when=d.when,
        ),
        outputs={target: Output(found)},
        answer=w.say(
            f"{best[by]} has the largest total: {best['total']} {d.unit} from "
            f"{plural(best[d.things], d.thing, d.things)} between "
            f"{best['first']} and {best['last']}. <The others are|Besides it there are> "
            + ", ".join(f"{row[by]} with {row['total']}" for row in found if row is not best)
            + f". {target} has {len(found)} objects, sorted by {by}; "
            f"the counts add up to the {len(data)} entries of {source}."
        ),
        facts=(word(str(best[by])), number(str(best["total"]))),
        plan=(
            f"Collect the entries by {by}, then one object for each; round only the finished sums."
        ),
        check=f"cat {target}; grep -c '\"{d.key}\"' {source}",
        view=list_view(target, (by,), "total", found),
        fresh=(dumped(other), Output(solve(other))),
    )


_LATEST = """
best = {}
for entry in data:
    known = best.get(entry["@key@"])
    if known is None or entry["version"] > known["version"]:
        best[entry["@key@"]] = entry
result = sorted(best.values(), key=lambda entry: entry["@key@"])
"""


def latest(w: Wording, d: Domain) -> Work:
    """Several versions of the same document: the highest one stays, unless it is deleted."""
    deleted = w.chance(0.5)

    def solve(rows: Objects) -> Objects:
        best: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row[d.key] not in best or row["version"] > best[row[d.key]]["version"]:
                best[row[d.key]] = row
        return [best[k] for k in sorted(best) if not (deleted and best[k]["deleted"])]

    def versions(n: int) -> Objects:
        rows = []
        for r in records(w.rng, d, n):
            for version in range(1, w.rng.randint(2, 4)):
                row = {**flat(r, d), "version": version, "deleted": w.chance(0.15)}
                rows.append(row | {d.amount: w.rng.randint(d.low, d.high) / 100})
        w.rng.shuffle(rows)
        return rows

    source, target = source_name(w, d), w.pick(("latest.json", "current.json", "state.json"))
    data, other = versions(w.rng.randint(10, 25)), versions(8)
    found, ids = solve(data), {row[d.key] for row in data}
    top = max(data, key=lambda row: (row["version"], row[d.key]))
    drop = "" if not deleted else 'result = [entry for entry in result if not entry["deleted"]]\n'
    return Work(
        files={source: dumped(data)},
        context=w.pick(d.story),
        ask=w.say(
            f"{source} has several versions of each {d.thing}. <Keep|I need> only the one with "
            f"the highest version per {d.key}, in {target}."
        ),
        details=(
            f"Whole objects, unchanged, as a list sorted by {d.key}.",
            "If the latest version has deleted = true, leave it out altogether."
            if deleted
            else "Deleted ones stay in the list.",
            "How many are left?",
        ),
        sources=(source,),
        script=json_script(_LATEST + drop, source, target, key=d.key),
        outputs={target: Output(found)},
        answer=w.say(
            f"{len(found)} {d.things} are left in {target}, out of {len(data)} versions of "
            f"{len(ids)} keys. "
            + (
                f"{len(ids) - len(found)} <were|have been> dropped because the latest version is "
                "marked as deleted. "
                if deleted
                else "Those marked as deleted stay, as asked: "
                f"{sum(r['deleted'] for r in found)} of them. "
            )
            + f"The highest version number is {top['version']}, for example of {top[d.key]}. "
            f"Together the kept ones have {d.amount} "
            f"{money(round(sum(r[d.amount] for r in found) * 100))}; <earlier versions do not "
            "count into this|older versions are not in this figure>."
        ),
        facts=(number(len(found)), number(len(data))),
        plan=(
            f"A dictionary by {d.key} keeps the highest version; "
            + ("the mark is tested last." if deleted else "the mark plays no part.")
        ),
        check=heredoc(
            f'import json\n\nkept = json.load(open("{target}"))\nraw = '
            f'json.load(open("{source}"))\n'
            f'print(len(raw), len({{row["{d.key}"] for row in raw}}), len(kept))\n'
            f'print(round(sum(row["{d.amount}"] for row in kept), 2))\n'
            f'print(sum(row["deleted"] for row in kept))\n'
            f'print(max((row["version"], row["{d.key}"]) for row in raw))'
        ),
        fresh=(dumped(other), Output(solve(other))),
    )


OPERATIONS = (flatten, summary, latest)
