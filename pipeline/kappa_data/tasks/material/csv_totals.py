"""CSV operations that summarise: sums, ranks, joins, cross tables. Each makes a Work from a "
"domain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from kappa_data.tasks.material.datawork import Output, View, Work
from kappa_data.tasks.material.domains import Domain, Record, records
from kappa_data.tasks.material.phrasing import number, plural, word
from kappa_data.tasks.material.tables import SUMS, Sheet, csv_script, csv_text, money, sheet, terms
from kappa_data.tasks.wording import Wording, listed

Rows = list[list[Any]]
Solve = Callable[[Sequence[Record]], Rows]


_TOTALS_ASK = [
    "<Give me|I need|Please work out> the number of {things} and the total {amount} "
    "per {label} from {path}, <written to|in> {target}.",
    "<Summarise|Aggregate> {path} by {label}: how many {things}, how much {amount}. "
    "<Result|Output> in {target}.",
]
_TOTALS_ANSWER = [
    "{target} has {n} rows, one a {label}. {top} leads with {best} {unit} from {many} "
    "{things}, {last} is at the end with {least}. <All|Taken together the> {used} "
    "{things} that <count|were counted> <sum|add up> to {whole} {unit}{left}. I added "
    "with exact decimals, and the sum of the rows agrees with a separate pass over "
    "{path}.",
    "The summary by {label} is in {target}. First comes {top} ({many} {things}, {best} "
    "{unit}), <then the others in falling order|and so on downwards> to {last} with "
    "{least} {unit}. The grand total is {whole} over {used} {things}{left}; an awk "
    "pass "
    "over {path} gives the same <figure|sum>.",
]


def totals(w: Wording, d: Domain) -> Work:
    """Count and sum per group, item or month, perhaps only of larger transactions."""
    at = sheet(w, d)
    by, floor = w.pick(("group", "item", "when")), w.pick((0, 0, 4, 8, 12))
    label = "month" if by == "when" else at.columns[by]
    key = 'row["@when@"][:7]' if by == "when" else f'row["@{by}@"]'
    target = w.pick(
        ("totals.csv", f"{d.things}_by_{label}.csv".lower().replace(" ", "_"), "out.csv")
    )
    rule = f'\nrows = [row for row in rows if int(row["@count@"]) >= {floor}]' if floor else ""
    header = [label, d.things, "total"]
    body = (
        f"{rule}\ncounts, sums = defaultdict(int), defaultdict(Decimal)\nfor row in rows:\n"
        f'    name = {key}\n    counts[name] += 1\n    sums[name] += Decimal(row["@amount@"])\n'
        "names = sorted(sums, key=lambda name: (-sums[name], name))\n"
        "result = [[name, counts[name], sums[name]] for name in names]"
    )

    def solve(rows: Sequence[Record]) -> Rows:
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for r in rows:
            if r.count >= floor:
                name = {"group": r.group, "item": r.item, "when": r.day.isoformat()[:7]}[by]
                sums[name][0] += 1
                sums[name][1] += r.cents
        ranked = sorted(sums.items(), key=lambda pair: (-pair[1][1], pair[0]))
        return [list(header), *([name, n, money(cents)] for name, (n, cents) in ranked)]

    data = records(w.rng, d, w.rng.randint(45, 120))
    table = solve(data)
    used = [r for r in data if r.count >= floor]
    whole = money(sum(r.cents for r in used))
    words = terms(d, at, target)
    return Work(
        files={at.path: at.text(data)},
        context=w.pick(d.story),
        ask=w.say(_TOTALS_ASK, **words, label=label),
        details=(
            f"The columns should be {listed(header)}, largest total first.",
            *(
                [f"Only count {d.things} with {at.columns['count']} of at least {floor}."]
                if floor
                else []
            ),
        ),
        sources=(at.path,),
        script=csv_script(body, header, target, at, imports=SUMS),
        outputs={target: Output(table)},
        answer=w.say(
            _TOTALS_ANSWER,
            **words,
            n=len(table) - 1,
            label=label,
            top=table[1][0],
            best=table[1][2],
            many=table[1][1],
            last=table[-1][0],
            least=table[-1][2],
            used=len(used),
            whole=whole,
            left=f", {len(data) - len(used)} were below the limit of {floor}" if floor else "",
        ),
        facts=(word(str(table[1][0])), number(str(table[1][2]))),
        plan=w.say(
            "<A dictionary per|Sums keyed by> {label} is enough; I use Decimal so that hundredths "
            "do not drift{rule}.",
            label=label,
            rule=f", and drop rows below {floor} first" if floor else "",
        ),
        check=f"cat {target}; {awk_sum(at, floor)}",
        view=View(
            target,
            "csv",
            (label,),
            "total",
            tuple(((str(row[0]),), Decimal(str(row[2]))) for row in table[1:]),
        ),
        fresh=fresh_input(w, d, at, solve, 60),
    )


def _sorted(at: Sheet, largest: bool) -> str:
    column = list(at.columns).index("amount") + 1
    order = "nr" if largest else "n"
    return f"tail -n +2 {at.path} | sort -t'{at.delimiter}' -k{column},{column}{order} | head -n 5"


def awk_sum(at: Sheet, floor: int) -> str:
    """A command that counts the rows and sums the amounts of the raw file."""
    names = list(at.columns)
    amount, count = names.index("amount") + 1, names.index("count") + 1
    rule = f" && ${count} >= {floor}" if floor else ""
    separator = "\\t" if at.delimiter == "\t" else at.delimiter
    return (
        f"awk -F'{separator}' 'NR > 1{rule} {{ n++; s += ${amount} }} END {{ printf \"%d "
        f"%.2f\\n\", n, s }}' {at.path}"
    )


def fresh_input(w: Wording, d: Domain, at: Sheet, solve: Solve, n: int) -> tuple[str, Output]:
    """Another file of the same sheet and its output."""
    data = records(w.rng, d, n)
    return at.text(data), Output(solve(data))


_TOP_K_ASK = (
    "<For each|Per> {label}, <find|list|pull out> the {k} {things} with the {side} "
    "{amount} "
    "in {path} and <write|save> them to {target}."
)
_TOP_K_ANSWER = (
    "{target} lists up to {k} {things} for each of the {n} values of {label}, {rows} "
    "rows in "
    "all. Rank 1 <goes to|is>, by {label}: {firsts}. Ties would be broken by the "
    "{key}. <A sort on the command line gives the same leading values|I compared the "
    "leading "
    "values with a plain sort of {path}>."
)


def top_k(w: Wording, d: Domain) -> Work:
    """The k largest (or smallest) records of each group or item."""
    at = sheet(w, d)
    by, k, largest = w.pick(("group", "item")), w.rng.randint(2, 4), w.chance(0.75)
    label, target = (
        at.columns[by],
        w.pick(("top.csv", "best.csv", f"top_{d.things}.csv", "extremes.csv")),
    )
    header = [label, "rank", at.columns["key"], at.columns["amount"]]
    sign = "-" if largest else ""
    body = (
        "groups = defaultdict(list)\nfor row in rows:\n"
        f'    groups[row["@{by}@"]].append(({sign}Decimal(row["@amount@"]), row["@key@"]))\n'
        "result = []\nfor name in sorted(groups):\n"
        f"    for rank, (value, key) in enumerate(sorted(groups[name])[:{k}], start=1):\n"
        f"        result.append([name, rank, key, {sign}value])"
    )

    def solve(rows: Sequence[Record]) -> Rows:
        groups: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for r in rows:
            groups[r.group if by == "group" else r.item].append(
                (-r.cents if largest else r.cents, r.key)
            )
        return [
            list(header),
            *(
                [name, rank, key, money(abs(value))]
                for name in sorted(groups)
                for rank, (value, key) in enumerate(sorted(groups[name])[:k], start=1)
            ),
        ]

    data = records(w.rng, d, w.rng.randint(40, 100))
    table = solve(data)
    firsts = [f"{row[0]}: {row[2]} with {row[3]}" for row in table[1:] if row[1] == 1]
    side = "largest" if largest else "smallest"
    words = terms(d, at, target)
    return Work(
        files={at.path: at.text(data)},
        context=w.pick(d.story),
        ask=w.say(_TOP_K_ASK, **words, label=label, k=k, side=side),
        details=(
            f"Columns: {listed(header)}; rank 1 is the {side}.",
            f"Sort by {label}, then rank; on a tie the smaller {at.columns['key']} goes first.",
        ),
        sources=(at.path,),
        script=csv_script(body, header, target, at, imports=SUMS),
        outputs={target: Output(table)},
        answer=w.say(
            _TOP_K_ANSWER,
            **words,
            k=k,
            n=len(firsts),
            label=label,
            rows=len(table) - 1,
            firsts="; ".join(firsts),
        ),
        facts=(word(str(table[1][2])), number(str(table[1][3]))),
        plan=f"Group by {label}, sort pairs of {at.columns['amount']} and key, keep {k} of each.",
        check=f"cat {target}; {_sorted(at, largest)}",
        view=View(
            target,
            "csv",
            (label, header[2]),
            header[3],
            tuple(((str(r[0]), str(r[2])), Decimal(str(r[3]))) for r in table[1:]),
            additive=False,
        ),
        fresh=fresh_input(w, d, at, solve, 50),
    )


_JOIN_ASK = (
    "<Join|Combine|Match> {path} with {other} and <give|write> me the number of {things} "
    "and "
    "the total {amount} per {attribute} <in|to> {target}."
)
_JOIN_ANSWER = (
    "The join on {label} is in {target}: {rows}. <One name has no match|Not in {other} "
    "is>: "
    "{unknown}, with {lost} of the {n} {things}, <which is why there is an unknown line|so "
    "these went under unknown>. <Nothing was dropped|No line fell away>: the counts sum to "
    "{n} and the totals to {whole} {unit}, as in {path}."
)


def join(w: Wording, d: Domain) -> Work:
    """Sums by an attribute that lies in a second file, which does not know every group."""
    at = sheet(w, d)
    data = records(w.rng, d, w.rng.randint(40, 90), groups=6)
    attribute = w.pick(("region", "manager", "cost_center", "tier"))
    values = {
        "region": ("North", "South", "East"),
        "manager": ("Abel", "Brandt", "Cruz"),
        "cost_center": ("C-110", "C-220", "C-330"),
        "tier": ("gold", "silver", "bronze"),
    }[attribute]
    unknown, other, target = w.pick(d.groups), f"{d.group}s.csv", f"by_{attribute}.csv"
    lookup = {g: w.pick(values) for g in d.groups if g != unknown}
    label = at.columns["group"]
    listing: Rows = [
        [d.group, "opened", attribute],
        *([g, w.rng.randint(1988, 2020), v] for g, v in lookup.items()),
    ]
    header = [attribute, d.things, "total"]
    body = (
        f'with open("{other}", newline="", encoding="utf-8") as handle:\n'
        f'    lookup = {{row["{d.group}"]: row["{attribute}"] for row in csv.DictReader(handle)}}\n'
        "counts, sums = defaultdict(int), defaultdict(Decimal)\nfor row in rows:\n"
        '    name = lookup.get(row["@group@"], "unknown")\n'
        '    counts[name] += 1\n    sums[name] += Decimal(row["@amount@"])\n'
        "result = [[name, counts[name], sums[name]] for name in sorted(sums)]"
    )
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for r in data:
        name = lookup.get(r.group, "unknown")
        sums[name][0] += 1
        sums[name][1] += r.cents
    table: Rows = [list(header), *([n, c, money(cents)] for n, (c, cents) in sorted(sums.items()))]
    lost = sum(r.group == unknown for r in data)
    words = terms(d, at, target)
    return Work(
        files={at.path: at.text(data), other: csv_text(listing)},
        context=w.pick(d.story),
        ask=w.say(_JOIN_ASK, **words, other=other, attribute=attribute),
        details=(
            f"The {label} links the two files.",
            f'A {label} that {other} does not have counts as {attribute} "unknown"; tell me which.',
            f"Columns {listed(header)}, sorted by {attribute}.",
        ),
        sources=(at.path, other),
        script=csv_script(body, header, target, at, imports=SUMS),
        outputs={target: Output(table)},
        answer=w.say(
            _JOIN_ANSWER,
            **words,
            label=label,
            other=other,
            unknown=unknown,
            lost=lost,
            n=len(data),
            rows="; ".join(
                f"{r[0]} with {plural(int(str(r[1])), d.thing, d.things)} and {r[2]}"
                for r in table[1:]
            ),
            whole=money(sum(r.cents for r in data)),
        ),
        facts=(word(unknown), number(lost)),
        plan=f"A left join: every row of {at.path} stays, and what {other} lacks becomes unknown.",
        check=(
            f"cat {target}; {awk_sum(at, 0)}; cut -d'{at.delimiter}' "
            f"-f{list(at.columns).index('group') + 1} {at.path} | sort | uniq -c; cut -d, -f1 "
            f"{other}"
        ),
        view=View(
            target,
            "csv",
            (attribute,),
            "total",
            tuple(((str(r[0]),), Decimal(str(r[2]))) for r in table[1:]),
        ),
    )


_PIVOT_ASK = (
    "<Turn {path} into a cross table|Pivot {path}|Make a month-by-{label} matrix of "
    "{path}>: "
    "one row a month, one column per {label}, the {what} in the cells. <Save it "
    "as|Output:> "
    "{target}."
)
_PIVOT_ANSWER = (
    "{target} has {n} months by {m} columns ({names}) plus the total. The totals by month "
    "are {per_month}. Cells <that stay at zero|without any entry, written as zero>: "
    "{empty}. The month comes from the first seven characters of {when}, and "
    "all cells together <give|come to> the same as the raw rows of {path}."
)


def pivot(w: Wording, d: Domain) -> Work:
    """Months down, groups or items across, sums or counts in the cells, a total at the right."""
    at = sheet(w, d)
    by, counting = w.pick(("group", "item")), w.chance(0.3)
    label = at.columns[by]
    target = w.pick(("pivot.csv", "matrix.csv", f"months_by_{by}.csv", "crosstab.csv"))
    data = records(w.rng, d, w.rng.randint(50, 110), items=w.rng.randint(3, 5))
    what = f"number of {d.things}" if counting else f"sum of {at.columns['amount']}"
    zero, value = ("0", "1") if counting else ("0.00", 'Decimal(row["@amount@"])')
    names = sorted({r.group if by == "group" else r.item for r in data})
    months = sorted({r.day.isoformat()[:7] for r in data})
    header = ["month", *names, "total"]
    body = (
        "cells = defaultdict(Decimal)\nfor row in rows:\n"
        f'    cells[row["@when@"][:7], row["@{by}@"]] += {value}\n'
        "result = []\nfor month in sorted({month for month, _ in cells}):\n"
        f'    values = [cells.get((month, name), Decimal("{zero}")) for name in HEADER[1:-1]]\n'
        "    result.append([month, *values, sum(values)])"
    )
    table: Rows = [list(header)]
    for month in months:
        amounts = [
            sum(
                1 if counting else r.cents
                for r in data
                if r.day.isoformat()[:7] == month and name == (r.group if by == "group" else r.item)
            )
            for name in names
        ]
        table.append([month, *(x if counting else money(x) for x in [*amounts, sum(amounts)])])
    per_month = ", ".join(f"{row[0]} {row[-1]}" for row in table[1:])
    empty = sum(Decimal(str(cell)) == 0 for row in table[1:] for cell in row[1:])
    words = terms(d, at, target)
    return Work(
        files={at.path: at.text(data)},
        context=w.pick(d.story),
        ask=w.say(_PIVOT_ASK, **words, label=label, what=what),
        details=(
            "Call the first column month (YYYY-MM) and add a last column total.",
            f"Columns in alphabetical order, {zero} where there is nothing.",
        ),
        sources=(at.path,),
        script=csv_script(body, header, target, at, imports=SUMS),
        outputs={target: Output(table)},
        answer=w.say(
            _PIVOT_ANSWER,
            **words,
            n=len(months),
            m=len(names),
            names=listed(names),
            per_month=per_month,
            empty=empty,
        ),
        facts=(number(str(table[1][-1])), number(str(table[-1][-1]))),
        plan=f"One dictionary keyed by month and {label} holds the cells; missing ones are zero.",
        check=f"cat {target}; {awk_sum(at, 0)}",
        view=View(
            target,
            "csv",
            ("month",),
            "total",
            tuple(((str(row[0]),), Decimal(str(row[-1]))) for row in table[1:]),
        ),
    )


OPERATIONS = (totals, top_k, join, pivot)
