"""CSV operations that test and complete a table: outliers, rules, missing days."""

from __future__ import annotations

import statistics
from collections import defaultdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from msgspec.structs import replace

from kappa_data.tasks.material.csv_clean import Rows, is_number
from kappa_data.tasks.material.datawork import Naive, Output, View, Work
from kappa_data.tasks.material.domains import Domain, Record, records
from kappa_data.tasks.material.phrasing import number, word
from kappa_data.tasks.material.tables import (
    SUMS,
    Sheet,
    cells,
    csv_script,
    csv_text,
    fill,
    money,
    sheet,
    terms,
)
from kappa_data.tasks.wording import Wording, listed

_CALENDAR = "from datetime import date, timedelta\nfrom decimal import ROUND_HALF_UP, Decimal"
_RULES = "import re\nfrom decimal import Decimal, InvalidOperation"

_BY_SPREAD = (
    "the mean plus two population standard deviations",
    "statistics.mean(values) + 2 * statistics.pstdev(values)",
)
_OUTLIERS_ASK = (
    "<Some|A few> values in {path} look <wrong|like typing errors>. <List|Find> the "
    "{things} whose "
    "{amount} is above {rule} of their {label}, in {target}."
)
_OUTLIERS_ANSWER = (
    "{n} of {all} {things} are above {rule} of their {label}: {rows}. The limits are "
    "{limits}. "
    "<The rule only says that these values are unusual|Being above the limit makes a "
    "value unusual, "
    "not wrong>; whether they are errors needs a look at the source documents. {path} "
    "was not "
    "changed, the list is in {target}."
)


def outliers(w: Wording, d: Domain) -> Work:
    """Transactions far from what is usual in their group, by one of two rules."""
    at = sheet(w, d)
    by_median, k = w.chance(0.5), w.pick((3, 4, 5))
    label, amount = at.columns["group"], at.columns["amount"]
    data = _with_spikes(w, d)
    groups: dict[str, list[Decimal]] = defaultdict(list)
    for r in data:
        groups[r.group].append(Decimal(money(r.cents)))
    limits = {
        name: statistics.median(values) * k
        if by_median
        else statistics.mean(values) + 2 * statistics.pstdev(values)
        for name, values in groups.items()
    }
    found = sorted(
        (r for r in data if Decimal(r.cents) / 100 > limits[r.group]),
        key=lambda r: (-r.cents, r.key),
    )
    header = [at.columns["key"], label, amount, "limit"]
    target = w.pick(("outliers.csv", "suspicious.csv", "flagged.csv"))
    rule, formula = (
        (f"{k} times the median", f"statistics.median(values) * {k}") if by_median else _BY_SPREAD
    )
    body = (
        "groups = defaultdict(list)\nfor row in rows:\n"
        '    groups[row["@group@"]].append(Decimal(row["@amount@"]))\n'
        f"limits = {{name: {formula} for name, values in groups.items()}}\n"
        'result = [\n    [row["@key@"], row["@group@"], row["@amount@"], '
        'round(limits[row["@group@"]], 2)]\n'
        '    for row in rows\n    if Decimal(row["@amount@"]) > limits[row["@group@"]]\n]\n'
        "result.sort(key=lambda r: (-Decimal(r[2]), r[0]))"
    )
    table: Rows = [
        header,
        *([r.key, r.group, money(r.cents), str(round(limits[r.group], 2))] for r in found),
    ]
    words = terms(d, at, target)
    return Work(
        files={at.path: at.text(data)},
        context=w.pick(d.story),
        ask=w.say(_OUTLIERS_ASK, **words, rule=rule, label=label),
        details=(
            f"Columns {listed(header)}, limit rounded to two decimals, largest {amount} first.",
            "Compute the limit from all rows, the odd ones included.",
        ),
        sources=(at.path,),
        script=csv_script(body, header, target, at, imports=f"import statistics\n{SUMS}"),
        outputs={target: Output(table)},
        answer=w.say(
            _OUTLIERS_ANSWER,
            **words,
            n=len(found),
            all=len(data),
            rule=rule,
            label=label,
            rows=", ".join(f"{r.key} ({r.group}, {money(r.cents)})" for r in found) or "none",
            limits=listed(list(dict.fromkeys(f"{row[3]} for {row[1]}" for row in table[1:])))
            or "not reached",
        ),
        facts=(number(len(found)), *(word(r.key) for r in found[:2])),
        plan=f"One pass collects the amounts by {label}, a second compares each with {rule}.",
        check=(
            f"cat {target}; cut -d'{at.delimiter}' -f{list(at.columns).index('amount') + 1} "
            f"{at.path} | sort -n | tail -n 8"
        ),
        view=View(
            target,
            "csv",
            (header[0],),
            amount,
            tuple(((r.key,), Decimal(money(r.cents))) for r in found),
            additive=False,
        )
        if found
        else None,
    )


def _with_spikes(w: Wording, d: Domain) -> list[Record]:
    """Records of about the same amount, but for a few that are many times larger."""
    data = records(w.rng, d, w.rng.randint(50, 100), groups=3)
    low, span = d.low + 200, max(200, (d.high - d.low) // 40)
    odd = set(w.rng.sample(range(len(data)), w.rng.randint(3, 6)))
    return [
        replace(
            r,
            cents=low
            + w.rng.randint(0, span)
            + ((low + span) * w.rng.randint(7, 12) if i in odd else 0),
        )
        for i, r in enumerate(data)
    ]


_VALIDATE_ANSWER = (
    "{n} violations on {m} lines ({lines}) <are|now stand> in {target}: {counts}. The "
    "other {ok} rows "
    "<pass|break no rule>. A line that breaks two rules is listed twice, once for each. "
    "<Nothing was "
    "corrected|I corrected nothing> in {path}: which value would be right cannot be told "
    "from the file."
)
_VALIDATE_ASK = (
    "<Check|Validate> {path} against these rules <and write|; write> every violation to {target}."
)


_VALIDATE = r"""
ALLOWED = @allowed@


def amount_ok(text):
    try:
        return Decimal(text) >= 0
    except InvalidOperation:
        return False


def violations(row):
    if not re.fullmatch(r"@prefix@\d{5}", row["@key@"]):
        yield "bad_key"
    if not re.fullmatch(r"-?\d+", row["@count@"]) or not 1 <= int(row["@count@"]) <= @most@:
        yield "bad_count"
    if row["@group@"] not in ALLOWED:
        yield "bad_group"
    if not amount_ok(row["@amount@"]):
        yield "bad_amount"


result = sorted(
    [line, row["@key@"], rule] for line, row in enumerate(rows, start=2) for rule in violations(row)
)
"""


def validate(w: Wording, d: Domain) -> Work:
    """Every violation of stated rules, with line, key and the name of the rule."""
    at = sheet(w, d, delimiters=",")
    most = w.pick((20, 25, 30))
    data = records(w.rng, d, w.rng.randint(30, 70))
    allowed = sorted({r.group for r in data})
    rows = [cells(r) | {"count": str(min(r.count, most))} for r in data]
    names = {"key": "bad_key", "count": "bad_count", "group": "bad_group", "amount": "bad_amount"}
    broken: list[tuple[int, str, str]] = []
    for i in w.rng.sample(range(len(rows)), w.rng.randint(5, 9)):
        for role in w.some(tuple(names), w.pick((1, 1, 1, 2))):
            rows[i][role] = {
                "key": rows[i]["key"][1:],
                "count": str(w.pick((0, -1, most + 7, 999))),
                "group": w.pick((rows[i]["group"].upper(), "Unknown", "")),
                "amount": w.pick(("", f"-{rows[i]['amount']}1", "n/a")),
            }[role]
        broken += [
            (i + 2, rows[i]["key"], names[role])
            for role in names
            if _breaks(d, role, rows[i][role], most, allowed)
        ]
    header = ["line", at.columns["key"], "rule"]
    target = w.pick(("violations.csv", "errors.csv", "problems.csv"))
    table: Rows = [header, *(list(entry) for entry in sorted(broken))]
    counts = {rule: sum(entry[2] == rule for entry in broken) for rule in names.values()}
    body = fill(_VALIDATE, allowed=repr(allowed), prefix=d.prefix, most=str(most))
    lines = sorted({entry[0] for entry in broken})
    words = terms(d, at, target)
    return Work(
        files={at.path: at.raw(rows)},
        context=w.pick(d.story),
        ask=w.say(_VALIDATE_ASK, **words).replace(" ;", ";"),
        details=(
            f"bad_key: {at.columns['key']} is not {d.prefix} and five digits.",
            f"bad_count: {at.columns['count']} is not a whole number from 1 to {most}.",
            f"bad_group: {at.columns['group']} is not one of {listed(allowed, 'or')}.",
            f"bad_amount: {at.columns['amount']} is not a number of at least 0.",
            f"Columns {listed(header)}; line is the line in the file (the header is line 1); "
            f"sort by line, then rule.",
        ),
        sources=(at.path,),
        script=csv_script(body, header, target, at, imports=_RULES),
        outputs={target: Output([header, *sorted(table[1:], key=lambda r: (r[0], r[2]))])},
        answer=w.say(
            _VALIDATE_ANSWER,
            **words,
            n=len(broken),
            m=len(lines),
            lines=listed([str(line) for line in lines]),
            counts=listed([f"{count} {rule}" for rule, count in counts.items() if count]),
            ok=len(rows) - len(lines),
        ),
        facts=(number(len(broken)), *(number(line) for line in lines[:2])),
        plan=(
            "One generator yields the broken rules of a row; line numbers start at 2 because of "
            "the header."
        ),
        check=f"cat {target}; sed -n '{lines[0]}p' {at.path}",
        naive=Naive(
            f'python3 -c \'import csv; print(sum(float(r["{at.columns["amount"]}"]) for r in '
            f'csv.DictReader(open("{at.path}"))))\'',
            "I see how far a plain sum gets, to learn whether all amounts are numbers.",
            "Not every amount is a number, so conversions must not be trusted.",
        )
        if any(not is_number(row["amount"]) for row in rows)
        else None,
    )


def _breaks(d: Domain, role: str, text: str, most: int, allowed: list[str]) -> bool:
    if role == "key":
        return not (text[:1] == d.prefix and len(text) == 6 and text[1:].isdigit())
    if role == "count":
        return not 1 <= int(text) <= most
    if role == "group":
        return text not in allowed
    return not (is_number(text) and not text.startswith("-"))


_GAPS_ASK = (
    "{path} <lacks some days|has holes>. <Fill|Complete> every missing day {rule} and "
    "write {target}."
)
_GAPS_ANSWER = (
    "{n} of {all} days were missing and have been filled {rule}: {rows}. {target} runs "
    "from {first} to {last} "
    "without a hole. <The new values are marked in the column filled|Column filled tells "
    "new values from measured "
    "ones>, so they can be left out again; the {known} known values are unchanged."
)


_GAPS = """
known = {date.fromisoformat(row["day"]): Decimal(row["@amount@"]) for row in rows}
day, last, result = min(known), max(known), []
while day <= last:
    if day in known:
        result.append([day, known[day], "no"])
    else:
        before = max(d for d in known if d < day)
        after = min(d for d in known if d > day)
        left, right = known[before], known[after]
        value = @value@
        result.append([day, value.quantize(Decimal("0.01"), ROUND_HALF_UP), "yes"])
    day += timedelta(days=1)
"""


def _filled(values: dict[int, int], days: int, linear: bool) -> list[tuple[int, Decimal, str]]:
    """Day, value and whether it is new; `values` are hundredths by day."""
    filled: list[tuple[int, Decimal, str]] = []
    for i in range(days):
        if i in values:
            filled.append((i, Decimal(money(values[i])), "no"))
            continue
        left = max(j for j in values if j < i)
        right = min(j for j in values if j > i)
        step = (
            Decimal((values[right] - values[left]) * (i - left)) / (right - left)
            if linear
            else Decimal(0)
        )
        cents = (Decimal(values[left]) + step) / 100
        filled.append((i, cents.quantize(Decimal("0.01"), ROUND_HALF_UP), "yes"))
    return filled


def gaps(w: Wording, d: Domain) -> Work:
    """A daily series with missing days: filled by the last value or on a straight line."""
    linear = w.chance(0.5)
    start = records(w.rng, d, 1)[0].day
    days = w.rng.randint(20, 45)
    missing = sorted(w.rng.sample(range(1, days - 1), w.rng.randint(3, 8)))
    values = {i: w.rng.randint(d.low + 100, d.high) for i in range(days) if i not in missing}
    filled = _filled(values, days, linear)
    source = w.pick(("daily.csv", f"{d.amount}_daily.csv", "series/raw.csv"))
    target = w.pick(("filled.csv", "complete.csv"))
    at = Sheet(source, {"when": "day", "amount": d.amount}, w.pick((",", ";")))
    shuffled = list(values.items())
    if w.chance(0.4):
        w.rng.shuffle(shuffled)
    header = ["day", d.amount, "filled"]
    value = (
        "left + (right - left) * (day - before).days / (after - before).days" if linear else "left"
    )
    body = fill(_GAPS, value=value)
    table: Rows = [
        header,
        *([(start + timedelta(days=i)).isoformat(), v, flag] for i, v, flag in filled),
    ]
    new = [row for row in table[1:] if row[2] == "yes"]
    rule = "on a straight line between its neighbours" if linear else "with the last known value"
    words = terms(d, at, target)
    return Work(
        files={
            source: csv_text(
                [
                    ["day", d.amount],
                    *([(start + timedelta(days=i)).isoformat(), money(c)] for i, c in shuffled),
                ],
                at.delimiter,
            )
        },
        context=w.pick(d.story),
        ask=w.say(_GAPS_ASK, **words, rule=rule),
        details=(
            f'Columns {listed(header)}; filled is "yes" for the new days, otherwise "no".',
            "From the first to the last day in the file, in order of date, two decimals.",
            "How many days were missing?",
        ),
        sources=(source,),
        script=csv_script(body, header, target, at, imports=_CALENDAR),
        outputs={target: Output(table)},
        answer=w.say(
            _GAPS_ANSWER,
            **words,
            n=len(new),
            all=days,
            rule=rule,
            rows=", ".join(f"{row[0]} with {row[1]}" for row in new),
            first=table[1][0],
            last=table[-1][0],
            known=len(values),
        ),
        facts=(number(len(new)), number(str(new[0][1]))),
        plan=f"Walk from the first to the last day and fill a missing one {rule}.",
        check=(
            f"wc -l {source} {target}; grep yes {target}; head -n 2 {target}; tail -n 1 {target}; "
            f"tail -n +2 {target} | cut -d, -f1 | sort -c && echo ordered"
        ),
    )


OPERATIONS = (outliers, validate, gaps)
