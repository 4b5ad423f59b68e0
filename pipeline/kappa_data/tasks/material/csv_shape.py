"""CSV operations that reshape, accumulate and compare. Each makes a Work from a domain."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from kappa_data.tasks.material.csv_totals import Rows, awk_sum, fresh_input
from kappa_data.tasks.material.datawork import Output, View, Work
from kappa_data.tasks.material.domains import Domain, Record, records
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.material.tables import (
    SUMS,
    Sheet,
    csv_script,
    csv_text,
    fill,
    money,
    sheet,
    terms,
)
from kappa_data.tasks.wording import Wording, listed

_MELT_ANSWER = (
    "{target} now has {n} data rows: {k} names times {m} months ({first} to {last}) make "
    "{full} cells, of which {holes} <were empty and left out|had no value and are gone>. "
    "The values sum to {whole} {unit}, <the same as|as do those of> the wide table. The "
    "names are {names}; <rows are sorted|the order is> by {item} and month."
)


def melt(w: Wording, d: Domain) -> Work:
    """A wide table, a column a month, becomes a long one; empty cells are dropped."""
    data = records(w.rng, d, 10)
    year, names = data[0].day.year, w.some(d.items, w.rng.randint(4, 8))
    months = [f"{year}-{m:02d}" for m in range(1, w.rng.randint(4, 9))]
    gap = w.pick(("", "-", "n/a"))
    wide: list[list[str]] = [
        [name, *(gap if w.chance(0.2) else money(w.rng.randint(d.low, d.high)) for _ in months)]
        for name in names
    ]
    source, target = w.pick((f"{d.things}_wide.csv", "wide.csv", "plan/matrix.csv")), "long.csv"
    at = Sheet(source, {"item": d.item}, w.pick((",", ";")))
    header = [d.item, "month", d.amount]
    body = (
        "result = []\nfor row in rows:\n    for month, cell in row.items():\n"
        f'        if month != "@item@" and cell != "{gap}":\n'
        '            result.append([row["@item@"], month, cell])\nresult.sort(key=lambda r: r[:2])'
    )
    long = sorted(
        [[row[0], m, c] for row in wide for m, c in zip(months, row[1:], strict=True) if c != gap]
    )
    table: Rows = [list(header), *map(list, long)]
    holes = len(names) * len(months) - len(long)
    whole = sum((Decimal(row[2]) for row in long), Decimal(0))
    words = terms(d, at, target)
    return Work(
        files={source: csv_text([[d.item, *months], *wide], at.delimiter)},
        context=w.pick(d.story),
        ask=f"{source} has one column a month; {w.pick(('unpivot', 'melt', 'reshape'))} it into "
        f"{target} with the columns {listed(header)}.",
        details=(
            f"Leave out empty cells (written as {gap!r}) and tell me how many there were."
            if gap
            else "Leave out empty cells and tell me how many there were.",
            f"Sort by {d.item}, then month; copy the values unchanged.",
        ),
        sources=(source,),
        script=csv_script(body, header, target, at),
        outputs={target: Output(table)},
        answer=w.say(
            _MELT_ANSWER,
            **words,
            n=len(long),
            k=len(names),
            m=len(months),
            first=months[0],
            last=months[-1],
            full=len(names) * len(months),
            holes=holes,
            whole=whole,
            names=listed(sorted(names)),
            item=d.item,
        ),
        facts=(number(holes), number(len(long))),
        plan=f"Every column but {d.item} is a month; a cell becomes a row unless it is empty.",
        check=(
            f"head -n 5 {target}; wc -l {target}; awk -F, 'NR > 1 {{ s += $3 }} END {{ printf "
            f"\"%.2f\\n\", s }}' {target}; cat {source}; awk -F'{at.delimiter}' 'NR > 1 {{ for (i "
            "= 2; "
            f'i <= NF; i++) s += $i }} END {{ printf "%.2f\\n", s }}\' {source}'
        ),
        view=View(
            target,
            "csv",
            (d.item, "month"),
            d.amount,
            tuple(((row[0], row[1]), Decimal(row[2])) for row in long),
        ),
    )


_RUNNING_ASK = (
    "<Add a running total|I need the cumulative sum> of {amount} per {label} <to the "
    "{things}|"
    "for the {things}> in {path}, written to {target}."
)
_RUNNING_ANSWER = (
    "{target} holds all {n} {things} with a running total that goes {reset}. <The last "
    "values are|It ends for> {ends}. <Rows of the same day are ordered by {key}|Within a "
    "day "
    "the {key} decides>, which fixes the order of the intermediate sums; the "
    "<final|end> values do not depend on it."
)


def running(w: Wording, d: Domain) -> Work:
    """A running sum per group in order of date, perhaps starting again each month."""
    at = sheet(w, d)
    by, monthly = w.pick(("group", "item")), w.chance(0.4)
    label, target = at.columns[by], w.pick(("running.csv", "cumulative.csv", "balance.csv"))
    header = [label, at.columns["when"], at.columns["key"], at.columns["amount"], "running"]
    key = f'row["@{by}@"], row["@when@"][:7]' if monthly else f'row["@{by}@"]'
    body = (
        f'rows.sort(key=lambda row: (row["@{by}@"], row["@when@"], row["@key@"]))\n'
        "sums, result = defaultdict(Decimal), []\nfor row in rows:\n"
        f'    key = {key}\n    sums[key] += Decimal(row["@amount@"])\n'
        "    result.append([row[name] for name in HEADER[:-1]] + [sums[key]])"
    )

    def solve(rows: Sequence[Record]) -> Rows:
        out: Rows = [list(header)]
        before: tuple[str, str] | None = None
        total = 0
        for r in sorted(rows, key=lambda r: (r.group if by == "group" else r.item, r.day, r.key)):
            name = r.group if by == "group" else r.item
            span = (name, r.day.isoformat()[:7] if monthly else "")
            total = r.cents if span != before else total + r.cents
            before = span
            out.append([name, r.day.isoformat(), r.key, money(r.cents), money(total)])
        return out

    data = records(w.rng, d, w.rng.randint(30, 70))
    table = solve(data)
    last = {str(row[0]): row for row in table[1:]}
    reset = "and starts again at zero with each month" if monthly else "over the whole period"
    ends = "; ".join(f"{name} at {row[4]} on {row[1]}" for name, row in last.items())
    words = terms(d, at, target)
    return Work(
        files={at.path: at.text(data)},
        context=w.pick(d.story),
        ask=w.say(_RUNNING_ASK, **words, label=label),
        details=(
            f"Columns: {listed(header)}.",
            f"Sort by {label}, then date, then {at.columns['key']}; running goes {reset}.",
        ),
        sources=(at.path,),
        script=csv_script(body, header, target, at, imports=SUMS),
        outputs={target: Output(table)},
        answer=w.say(_RUNNING_ANSWER, **words, n=len(data), reset=reset, ends=ends),
        facts=tuple(number(str(row[4])) for row in list(last.values())[:2]),
        plan=(
            "Sort first, then one pass that keeps a sum per "
            f"{label}{' and month' if monthly else ''}."
        ),
        check=(
            f"head -n 4 {target}; wc -l {target}; {awk_sum(at, 0)}; awk -F, 'NR > 1 "
            f"{{ last[$1] = $0 }} END {{ for (name in last) print last[name] }}' {target}"
        ),
        fresh=fresh_input(w, d, at, solve, 30),
    )


_RECONCILE_ANSWER = (
    "<There are|I found> {n} differences: {a} only in {ours}, {b} only in {theirs} and {c} "
    "with another amount. <They are|Each is listed> in {target}: {rows}. The net "
    "difference "
    "is {net} {unit}, which <equals|is exactly> the gap between the totals of the two "
    "files, "
    "so <nothing is missing from the list|the list is complete>."
)


_RECONCILE = """
with open("@theirs@", newline="", encoding="utf-8") as handle:
    other = {row["reference"]: Decimal(row["amount"]) for row in csv.DictReader(handle)}
mine = {row["@key@"]: Decimal(row["@amount@"]) for row in rows}
result = []
for key in sorted(mine.keys() | other.keys()):
    if key not in other:
        result.append([key, "only in @ours@", mine[key]])
    elif key not in mine:
        result.append([key, "only in @theirs@", -other[key]])
    elif mine[key] != other[key]:
        result.append([key, "amount differs", mine[key] - other[key]])
"""


def reconcile(w: Wording, d: Domain) -> Work:
    """Two files that should agree by key: missing left, missing right, other amount."""
    ours, theirs = w.pick(
        (("ours.csv", "theirs.csv"), ("ledger.csv", "bank.csv"), ("old.csv", "new.csv"))
    )
    data = records(w.rng, d, w.rng.randint(30, 70))
    odd = w.rng.sample(range(len(data)), w.rng.randint(5, 10))
    a, b = w.rng.randint(1, 2), w.rng.randint(3, 4)
    status = dict.fromkeys((data[i].key for i in odd[:a]), f"only in {ours}")
    status |= dict.fromkeys((data[i].key for i in odd[a:b]), f"only in {theirs}")
    status |= dict.fromkeys((data[i].key for i in odd[b:]), "amount differs")
    other = {
        r.key: r.cents + w.rng.choice((-1000, -90, 10, 450, 9900))
        if status.get(r.key) == "amount differs"
        else r.cents
        for r in data
    }
    left = [r for r in data if status.get(r.key) != f"only in {theirs}"]
    right = [[r.key, money(other[r.key])] for r in data if status.get(r.key) != f"only in {ours}"]
    w.rng.shuffle(right)
    at = Sheet(ours, {"key": d.key, "when": d.when, "amount": d.amount}, ",")
    target, header = "differences.csv", [d.key, "status", "difference"]
    body = fill(_RECONCILE, ours=ours, theirs=theirs)
    table: Rows = [list(header)]
    for r in sorted(data, key=lambda r: r.key):
        if kind := status.get(r.key):
            gap = {"amount differs": r.cents - other[r.key], f"only in {ours}": r.cents}.get(
                kind, -other[r.key]
            )
            table.append([r.key, kind, money(gap)])
    net = money(sum(r.cents for r in left) - sum(round(Decimal(row[1]) * 100) for row in right))
    counts = [sum(kind == k for kind in status.values()) for k in dict.fromkeys(status.values())]
    words = terms(d, at, target)
    return Work(
        files={ours: at.text(left), theirs: csv_text([["reference", "amount"], *right])},
        context=w.pick(d.story),
        ask=f"{ours} and {theirs} should agree line by line but don't; "
        f"{w.pick(('reconcile them', 'find every difference', 'compare them'))} and write "
        f"{target}.",
        details=(
            f"{d.key} in {ours} is reference in {theirs}, {d.amount} is amount.",
            f'Columns {listed(header)}; status is "only in {ours}", "only in {theirs}" or '
            f'"amount differs".',
            f"difference is the amount in {ours} minus the one in {theirs}, a missing one being "
            f"0; sort by {d.key}.",
        ),
        sources=(ours, theirs),
        script=csv_script(body, header, target, at, imports="from decimal import Decimal"),
        outputs={target: Output(table)},
        answer=w.say(
            _RECONCILE_ANSWER,
            **words,
            n=len(table) - 1,
            a=counts[0],
            b=counts[1],
            c=counts[2],
            ours=ours,
            theirs=theirs,
            rows=", ".join(f"{r[0]} ({r[2]})" for r in table[1:]),
            net=net,
        ),
        facts=(number(len(table) - 1), number(net)),
        plan=(
            "Two dictionaries by key and one pass over the union of the keys cover all three cases."
        ),
        check=(
            f"cat {target}; awk -F, 'NR > 1 {{ s += $3 }} END {{ printf \"%.2f\\n\", s }}' "
            f"{target}; "
            f'awk -F, \'FNR > 1 {{ s[FILENAME] += $NF }} END {{ for (f in s) printf "%s %.2f\\n", '
            "f, "
            f"s[f] }}' <(cut -d, -f{list(at.columns).index('amount') + 1} {ours}) {theirs}"
        ),
    )


OPERATIONS = (melt, running, reconcile)
