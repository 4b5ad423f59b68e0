"""JSON operations that merge, compare and check documents."""

from __future__ import annotations

from typing import Any

from kappa_data.tasks.material.datawork import Output, Work, heredoc
from kappa_data.tasks.material.domains import FIRST, Domain, records
from kappa_data.tasks.material.json_reports import dumped, json_script, source_name
from kappa_data.tasks.material.phrasing import number, word
from kappa_data.tasks.wording import Wording, listed

_MERGE = """
with open("@second@", encoding="utf-8") as handle:
    other = json.load(handle)


def merge(base, extra):
    merged = dict(base)
    for key, value in extra.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


result = merge(data, other)
"""


def merge(w: Wording, d: Domain) -> Work:
    """Defaults and a site's changes: objects merge, lists are replaced, null removes."""
    base: dict[str, Any] = {}
    for section in w.some(("server", "export", "mail", "limits", "report", "cache", "backup"), 4):
        base[section] = {
            "enabled": w.chance(0.5),
            "retries": w.rng.randint(1, 9),
            w.pick(("folders", "targets")): w.some(d.groups, 2),
            "options": {
                "timeout": w.rng.randint(5, 90),
                "label": w.pick(d.items),
                "size": w.rng.randint(1, 500),
            },
        }
    first, second, third, _ = list(base)
    changes: dict[str, Any] = {
        first: {
            "retries": base[first]["retries"] + w.rng.randint(1, 5),
            "options": {"timeout": w.rng.randint(91, 300)},
        },
        second: {
            "options": {"label": None, "owner": w.pick(FIRST)},
            list(base[second])[2]: w.some(d.items, 3),
        },
        third: None,
        "site": {"name": w.pick(d.groups), "number": w.rng.randint(10, 999)},
    }
    merged = _merged(base, changes)
    ours, theirs, target = (
        "defaults.json",
        w.pick(("site.json", "override.json", "local.json")),
        w.pick(("merged.json", "effective.json")),
    )
    timeout = merged[first]["options"]["timeout"]
    return Work(
        files={ours: dumped(base), theirs: dumped(changes)},
        context=(
            f"The configuration of our {d.thing} system is split: {ours} is shared, {theirs} "
            "belongs to the site."
        ),
        ask=w.say(
            f"<Merge|Combine> {theirs} over {ours} and write the effective configuration to "
            f"{target}."
        ),
        details=(
            "Objects are merged key by key at every level; lists and plain values are replaced.",
            "null removes the key.",
            "What changed, in short?",
        ),
        sources=(ours, theirs),
        script=json_script(_MERGE, ours, target, second=theirs),
        outputs={target: Output(merged)},
        answer=w.say(
            f"{target} has the sections {listed(list(merged))}. From {theirs}: {third} is gone "
            "(null), site is new with number "
            f"{changes['site']['number']}, {first}.retries went from {base[first]['retries']} to "
            f"{merged[first]['retries']} and its timeout from "
            f"{base[first]['options']['timeout']} to {timeout}. In {second} the label was "
            f"removed, owner {changes[second]['options']['owner']} added, "
            "and the list replaced <as a whole|completely> by "
            f"{listed(changes[second][list(base[second])[2]])}. <Everything else|The rest> is as "
            f"in {ours}."
        ),
        facts=(word(third), number(timeout), number(changes["site"]["number"])),
        plan=(
            "A recursive merge with three cases: null removes, two objects merge, everything else "
            "replaces."
        ),
        check=heredoc(
            f'import json\n\nfor path in ("{ours}", "{target}"):\n'
            '    with open(path, encoding="utf-8") as handle:\n        found = json.load(handle)\n'
            f'    print(path, list(found), found["{first}"], found["{second}"], found.get("site"))'
        ),
    )


def _merged(base: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    out = {k: v for k, v in base.items() if extra.get(k, 0) is not None}
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = _merged(out[key], value)
        elif value is not None:
            out[key] = value
    return out


_DIFF = """
with open("@second@", encoding="utf-8") as handle:
    new = {entry["@key@"]: entry for entry in json.load(handle)}
old = {entry["@key@"]: entry for entry in data}
result = {
    "added": sorted(new.keys() - old.keys()),
    "removed": sorted(old.keys() - new.keys()),
    "changed": [
        {"@key@": key, "field": field, "old": old[key][field], "new": new[key][field]}
        for key in sorted(old.keys() & new.keys())
        for field in sorted(old[key])
        if old[key][field] != new[key][field]
    ],
}
"""


def diff(w: Wording, d: Domain) -> Work:
    """Two snapshots: what was added, removed and changed, field by field."""
    rows: list[dict[str, Any]] = [
        {d.key: r.key, d.group: r.group, d.item: r.item, d.count: r.count, d.amount: r.cents / 100}
        for r in records(w.rng, d, w.rng.randint(18, 36))
    ]
    picked = w.rng.sample(range(len(rows)), 9)
    a, b = w.rng.randint(1, 3), w.rng.randint(4, 5)
    removed, added = {rows[i][d.key] for i in picked[:a]}, {rows[i][d.key] for i in picked[a:b]}
    new = {str(row[d.key]): dict(row) for row in rows if row[d.key] not in removed}
    changed: list[dict[str, Any]] = []
    for i in sorted(picked[b:]):
        key = str(rows[i][d.key])
        for field in sorted(w.some((d.group, d.item, d.count, d.amount), w.pick((1, 1, 2)))):
            value: Any = {
                d.group: w.pick([g for g in d.groups if g != rows[i][d.group]]),
                d.item: w.pick([g for g in d.items if g != rows[i][d.item]]),
                d.count: r if (r := w.rng.randint(31, 99)) else 0,
                d.amount: (d.high + w.rng.randint(1, 9999)) / 100,
            }[field]
            changed.append({d.key: key, "field": field, "old": rows[i][field], "new": value})
            new[key][field] = value
    before, after = w.pick(
        (("old.json", "new.json"), ("monday.json", "friday.json"), ("v1/data.json", "v2/data.json"))
    )
    target, later = w.pick(("diff.json", "changes.json")), list(new.values())
    w.rng.shuffle(later)
    result = {"added": sorted(added), "removed": sorted(removed), "changed": changed}
    return Work(
        files={
            before: dumped([row for row in rows if row[d.key] not in added]),
            after: dumped(later),
        },
        context=w.pick(d.story),
        ask=w.say(
            f"<Compare|Diff> {before} with {after} <and write|into> {target}; both are lists of "
            f"{d.things}."
        ),
        details=(
            f"added and removed are sorted lists of {d.key}.",
            f"changed has one object a field: {d.key}, field, old, new; sorted by {d.key}, then "
            "field.",
            "The order of the two lists means nothing.",
        ),
        sources=(before, after),
        script=json_script(_DIFF, before, target, second=after, key=d.key),
        outputs={target: Output(result)},
        answer=w.say(
            f"Between {before} and {after}, {len(added)} <were added|are new> "
            f"({listed(sorted(added))}), {len(removed)} <were removed|are gone> "
            f"({listed(sorted(removed))}) and {len(changed)} fields changed: "
            + "; ".join(f"{c[d.key]} {c['field']} from {c['old']} to {c['new']}" for c in changed)
            + f". All else is equal. The entries were matched by {d.key}, so "
            "<the different order does not show|order plays no part>."
        ),
        facts=(number(len(changed)), *(word(k) for k in sorted(removed)[:1])),
        plan=(
            f"Two dictionaries by {d.key}; set operations for added and removed, a loop over "
            "fields for the rest."
        ),
        check=f"cat {target}; grep -c '\"{d.key}\"' {before} {after}",
    )


_CHECK = """
result = []


def report(path, rule):
    result.append({"path": path, "rule": rule})


for i, entry in enumerate(data["@things@"]):
    at = f"$.@things@[{i}]"
    if not isinstance(entry.get("@count@"), int) or entry["@count@"] < 1:
        report(f"{at}.@count@", "positive-integer")
    if entry.get("@group@") not in data["@group@s"]:
        report(f"{at}.@group@", "known-@group@")
    for j, tag in enumerate(entry["tags"]):
        if tag != tag.lower() or " " in tag:
            report(f"{at}.tags[{j}]", "lower-case-tag")
"""


def check(w: Wording, d: Domain) -> Work:
    """Violations of rules with the path of the offending value."""
    data = records(w.rng, d, w.rng.randint(14, 30))
    groups = sorted({r.group for r in data})
    tags = ("urgent", "repeat", "manual", "web", "late", "bulk")
    entries: list[dict[str, Any]] = [
        {
            d.key: r.key,
            d.group: r.group,
            d.count: r.count,
            "tags": w.some(tags, w.rng.randint(0, 3)),
        }
        for r in data
    ]
    for entry in w.rng.sample(entries, w.rng.randint(4, 7)):
        for kind in w.some(("count", "group", "tag"), w.pick((1, 1, 2))):
            if kind == "count":
                entry[d.count] = w.pick((0, -3, "4", 2.5, None))
            elif kind == "group":
                entry[d.group] = w.pick((entry[d.group].lower(), "elsewhere", None))
            else:
                entry["tags"] = [*entry["tags"], w.pick(("Urgent", "by phone", "WEB"))]
    found: list[dict[str, str]] = []
    for i, entry in enumerate(entries):
        at = f"$.{d.things}[{i}]"
        if not isinstance(entry[d.count], int) or entry[d.count] < 1:
            found.append({"path": f"{at}.{d.count}", "rule": "positive-integer"})
        if entry[d.group] not in groups:
            found.append({"path": f"{at}.{d.group}", "rule": f"known-{d.group}"})
        found += [
            {"path": f"{at}.tags[{j}]", "rule": "lower-case-tag"}
            for j, tag in enumerate(entry["tags"])
            if tag != tag.lower() or " " in tag
        ]
    source, target = source_name(w, d), w.pick(("violations.json", "errors.json", "findings.json"))
    rules = {
        rule: sum(f["rule"] == rule for f in found)
        for rule in dict.fromkeys(f["rule"] for f in found)
    }
    hit = len({f["path"].split("]")[0] for f in found})
    return Work(
        files={source: dumped({f"{d.group}s": groups, d.things: entries})},
        context=w.pick(d.story),
        ask=w.say(
            f"<Check|Validate> the entries under {d.things} in {source} and <list|write> every "
            f"violation in {target}."
        ),
        details=(
            f"positive-integer: {d.count} is an integer of at least 1.",
            f"known-{d.group}: {d.group} is in the list {d.group}s of the same file.",
            "lower-case-tag: each tag is lower case without spaces.",
            f'A list of {{"path": ..., "rule": ...}} in the order of the file, per entry in the '
            f"order of these rules, with paths like $.{d.things}[0].{d.count} or "
            f"$.{d.things}[0].tags[1].",
        ),
        sources=(source,),
        script=json_script(_CHECK, source, target, things=d.things, count=d.count, group=d.group),
        outputs={target: Output(found)},
        answer=w.say(
            f"There are {len(found)} violations in {hit} of {len(entries)} entries, listed in "
            f"{target}: {listed([f'{n} of {rule}' for rule, n in rules.items()])}. "
            f"The first is {found[0]['path']}, the last {found[-1]['path']}. <A value that is "
            "missing or null counts as a violation|null breaks a rule like any wrong value>; "
            "numbers in quotation marks are no integers. Indexes start at 0. The input was only "
            "read."
        ),
        facts=(number(len(found)), number(hit)),
        plan=(
            "One loop over the entries with their index; each rule reports the path that it looks "
            "at."
        ),
        check=(
            f"cat {target}; python3 -c 'import json; "
            f'print(len(json.load(open("{source}"))["{d.things}"]))\''
        ),
    )


OPERATIONS = (merge, diff, check)
