"""Questions to a SQLite database that its rows answer: sums, anti-joins, windows, exports."""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from typing import Any

from msgspec import Struct

from kappa_data.records import Check, ReferenceStep
from kappa_data.tasks.material.datawork import Output, output_check
from kappa_data.tasks.material.phrasing import number, plural, word
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.material.sqlite_model import Model, Row, python, query
from kappa_data.tasks.material.tables import money
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed


class Job(Struct, frozen=True):
    """One wish about the database; its function has already changed the model."""

    ask: str
    steps: tuple[ReferenceStep, ...]
    answer: str
    facts: tuple[str, ...]
    """regular expressions that the answer matches"""
    checks: tuple[Check, ...] = ()
    slips: tuple[tuple[str, str, str], ...] = ()
    """wrong ways: the mistake, and what stands in the place of what in steps and answers"""


def _by_group(m: Model) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in m.rows:
        found[row.group].append(row)
    return found


def best_and_worst(w: Wording, m: Model) -> Job:
    """Which group has the largest sum, which the smallest?"""
    d = m.domain
    sums = {name: sum(row.cents for row in rows) for name, rows in _by_group(m).items()}
    ranked = sorted(sums, key=lambda name: (-sums[name], name))
    top, low = ranked[0], ranked[-1]
    sql = (
        f"SELECT {d.group}, COUNT(*), ROUND(SUM({d.amount}), 2) AS total\nFROM {m.table}\n"
        f"GROUP BY {d.group}\nORDER BY total DESC"
    )
    words = {
        "group": d.group, "amount": f"`{d.amount}`", "things": d.things, "top": top, "low": low,
        "best": money(sums[top]), "least": money(sums[low]), "unit": d.unit, "n": len(ranked),
        "gap": money(sums[top] - sums[low]), "table": m.table,
    }  # fmt: skip
    return Job(
        w.say(
            [
                "Which {group} has the highest sum of {amount}, which the lowest, and how far "
                "apart are they?",
                "Rank the {group} values in {table} by the sum of {amount}: which is first, "
                "which is last, with both sums and the difference?",
            ],
            **words,
        ),
        (query(m, sql, w.say("Sum {amount} by {group}; the ends of the list matter.", **words)),),
        w.say(
            [
                "{top} is first with {best} {unit}, {low} last with {least} {unit}; the gap is "
                "{gap}. That is out of {n} with any {things} in the table.",
                "Of the {n} {group} values that occur, {top} has the highest sum of {amount} "
                "({best} {unit}) and {low} the lowest ({least}). They are {gap} {unit} apart.",
            ],
            **words,
        ),
        (word(top), word(low), number(money(sums[top])), number(money(sums[top] - sums[low]))),
        slips=(("swaps first and last", top, low),),
    )


def idle(w: Wording, m: Model) -> Job:
    """Which places have no transaction at all?"""
    d = m.domain
    used = {row.group for row in m.rows}
    gone = sorted(p.name for p in m.places if p.name not in used)
    sql = (
        f"SELECT p.{d.group}, p.manager\nFROM {m.places_table} AS p\n"
        f"LEFT JOIN {m.table} AS t ON t.{d.group} = p.{d.group}\n"
        f"WHERE t.{d.key} IS NULL\nORDER BY 1"
    )
    shown = [f"{p.name} ({p.manager})" for n in gone for p in m.places if p.name == n]
    words = {
        "group": d.group, "things": d.things, "places": m.places_table, "shown": listed(shown),
        "n": len(m.places), "table": m.table, "used": len(m.places) - len(gone),
    }  # fmt: skip
    return Job(
        w.say(
            [
                "Is there a {group} in {places} without a single row in {table}? Name <it|them> "
                "and who manages <it|them>.",
                "I suspect that not every {group} listed in {places} <reports|sent> {things}. "
                "Which are missing from {table} entirely, and who is the manager?",
            ],
            **words,
        ),
        (query(m, sql, "An inner join would hide them; a left join with IS NULL shows them."),),
        w.say(
            [
                "Without any row in {table}: {shown}. The other {used} of {n} occur at least once.",
                "{n} are listed in {places} and {used} of them have {things}. Missing: {shown}.",
            ],
            **words,
        ),
        tuple(word(name) for name in gone),
    )


def behind_target(w: Wording, m: Model) -> Job:
    """Which places stay below their target?"""
    d = m.domain
    sums = Counter[str]()
    for row in m.rows:
        sums[row.group] += row.cents
    gaps = {p.name: p.target * 100 - sums[p.name] for p in m.places}
    behind = sorted((n for n in gaps if gaps[n] > 0), key=lambda n: (-gaps[n], n))
    sql = (
        f"SELECT p.{d.group}, p.target, ROUND(COALESCE(SUM(t.{d.amount}), 0), 2) AS actual\n"
        f"FROM {m.places_table} AS p\nLEFT JOIN {m.table} AS t USING ({d.group})\n"
        f"GROUP BY p.{d.group}\nHAVING actual < p.target\nORDER BY p.target - actual DESC"
    )
    words = {
        "group": d.group, "amount": f"`{d.amount}`", "places": m.places_table, "unit": d.unit,
        "n": len(behind), "all": len(m.places), "first": behind[0],
        "gap": money(gaps[behind[0]]), "shown": listed(behind),
        "zero": listed([n for n in behind if not sums[n]]),
    }  # fmt: skip
    return Job(
        w.say(
            [
                "Compare the sum of {amount} with the target in {places}. How many miss it "
                "(no rows counts as 0), and who is furthest behind, by how much?",
                "Which {group} is furthest below its target in {places}, by how many {unit}, and "
                "how many are below altogether? One without any rows has reached 0.",
            ],
            **words,
        ),
        (
            query(
                m, sql, "Left join again: a place without rows has an actual of 0, and it counts."
            ),
        ),
        w.say(
            [
                "{n} of {all} are below target: {shown}. Furthest behind is {first}, {gap} {unit} "
                "short. {zero} went in with 0, having no rows.",
                "Furthest behind is {first}: {gap} {unit} are missing. In all {n} of {all} stay "
                "below their target ({shown}), {zero} because there are no rows at all.",
            ],
            **words,
        ),
        (counted(len(behind)), word(behind[0]), number(money(gaps[behind[0]]))),
        slips=(("misreads the gap", money(gaps[behind[0]]), money(gaps[behind[0]] + 100)),),
    )


def above_average(w: Wording, m: Model) -> Job:
    """How many rows lie above the mean of their own item?"""
    d = m.domain
    sums, counts = Counter[str](), Counter[str]()
    for row in m.rows:
        sums[row.item] += row.cents
        counts[row.item] += 1
    above = [row for row in m.rows if row.cents * counts[row.item] > sums[row.item]]
    per = Counter(row.item for row in above)
    top = min(per, key=lambda name: (-per[name], name))
    sql = (
        f"WITH compared AS (\n  SELECT {d.item}, {d.amount},\n"
        f"         AVG({d.amount}) OVER (PARTITION BY {d.item}) AS usual\n  FROM {m.table}\n)\n"
        f"SELECT {d.item}, COUNT(*)\nFROM compared\nWHERE {d.amount} > usual\n"
        f"GROUP BY {d.item}\nORDER BY 2 DESC, 1"
    )
    words = {
        "item": f"`{d.item}`", "amount": f"`{d.amount}`", "things": d.things, "n": len(above),
        "all": len(m.rows), "top": top, "many": per[top], "kinds": len(counts),
    }  # fmt: skip
    return Job(
        w.say(
            [
                "How many {things} have {amount} above the average of their own {item}? And "
                "which {item} has most of those (the first by name if there is a tie)?",
                "Count the {things} whose {amount} exceeds the mean {amount} of the same {item}, "
                "and <say|tell me> which {item} contributes most (ties: alphabetically first).",
            ],
            **words,
        ),
        (query(m, sql, w.say("A window average by {item}, strictly above counts.", **words)),),
        w.say(
            [
                "{n} of {all} {things} lie above the average of their {item}. Most of them are "
                "{top}: {many}.",
                "It is {top} with {many}. Altogether {n} of the {all} {things} exceed the mean of "
                "their own {item}; each of the {kinds} kinds was compared with itself only.",
            ],
            **words,
        ),
        (counted(len(above)), word(top)),
        slips=(("misreads the count", str(len(above)), str(len(above) + 3)),),
    )


def reached(w: Wording, m: Model) -> Job:
    """On which day does the running total pass a mark?"""
    d = m.domain
    per = Counter[str]()
    for row in m.rows:
        per[row.day] += row.cents
    mark = int(sum(per.values()) / 100 * w.pick((0.3, 0.5, 0.6, 0.75)))
    mark = max(1, round(mark, -1))
    running, day = 0, ""
    for day in sorted(per):
        running += per[day]
        if running >= mark * 100:
            break
    sql = (
        f"WITH daily AS (\n  SELECT {d.when} AS day, SUM({d.amount}) AS total\n"
        f"  FROM {m.table} GROUP BY {d.when}\n), sums AS (\n"
        "  SELECT day, ROUND(SUM(total) OVER (ORDER BY day), 2) AS running FROM daily\n)\n"
        f"SELECT day, running FROM sums WHERE running >= {mark} ORDER BY day LIMIT 1"
    )
    words = {"amount": f"`{d.amount}`", "mark": mark, "unit": d.unit, "day": day, "table": m.table,
             "sum": money(running), "when": f"`{d.when}`"}  # fmt: skip
    return Job(
        w.say(
            [
                "Add up {amount} in order of {when}: on which day does the running total reach "
                "{mark} {unit}, and what is it at the end of that day? Date as in the table.",
                "When did the cumulative {amount} first get to {mark} {unit} or more? I need the "
                "{when} as stored, and the cumulative figure of that day.",
            ],
            **words,
        ),
        (query(m, sql, "Sum by day first, then a running window; the first day past the mark."),),
        w.say(
            [
                "The running total reaches {mark} {unit} on {day}; by the end of that day it is "
                "{sum}.",
                "On {day}. The cumulative {amount} is {sum} {unit} then, the first day at or above "
                "{mark}.",
            ],
            **words,
        ),
        (word(day), number(money(running))),
        slips=(("gives another day", day, "2020-02-30"),),
    )


def _export(m: Model, sql: str, header: list[str], target: str, reasoning: str) -> ReferenceStep:
    code = (
        f'import csv\nimport sqlite3\n\ncon = sqlite3.connect("{m.db}")\n'
        f'rows = con.execute("""\n{sql}\n""").fetchall()\n'
        f'with open("{target}", "w", newline="") as out:\n'
        f'    writer = csv.writer(out, lineterminator="\\n")\n    writer.writerow({header!r})\n'
        "    writer.writerows(rows)\nprint(len(rows), rows[0], rows[-1])"
    )
    return bash(python(code), reasoning)


def latest(w: Wording, m: Model) -> Job:
    """The last transaction of each place, as CSV."""
    d = m.domain
    target = w.pick(("latest.csv", f"last_{d.thing}.csv", "out/latest.csv"))
    last = {n: max(rows, key=lambda r: (r.day, r.key)) for n, rows in _by_group(m).items()}
    rows: list[list[Any]] = [[n, last[n].key, last[n].day, last[n].person] for n in sorted(last)]
    header = [d.group, d.key, d.when, d.person]
    sql = (
        f"SELECT {', '.join(header)} FROM (\n  SELECT *, ROW_NUMBER() OVER (\n"
        f"    PARTITION BY {d.group} ORDER BY {d.when} DESC, {d.key} DESC\n  ) AS place\n"
        f"  FROM {m.table}\n)\nWHERE place = 1\nORDER BY 1"
    )
    oldest = min(rows, key=lambda row: (row[2], row[0]))
    words = {"group": d.group, "thing": d.thing, "things": d.things, "target": target,
             "header": listed(header), "key": d.key, "n": len(rows), "old": oldest[0],
             "id": oldest[1], "day": oldest[2], "when": f"`{d.when}`"}  # fmt: skip
    folder = (bash("mkdir -p out", "The folder has to exist before the file."),)
    return Job(
        w.say(
            [
                "Write {target} with the most recent {thing} of each {group} (on the same day the "
                "higher {key}): columns {header}, sorted by {group}. Where is it longest ago?",
                "I need the latest {thing} for every {group} that has any, as {target} with "
                "{header}, ordered by {group}; if one day has several, the highest {key} wins. "
                "Tell me which {group} has been silent longest.",
            ],
            **words,
        ),
        (
            *(folder if "/" in target else ()),
            _export(m, sql, header, target, "ROW_NUMBER per place settles ties within a day too."),
        ),
        w.say(
            [
                "{target} has {n} rows. It is longest ago for {old}: {id} on {day}.",
                "Longest silent is {old}, whose last {thing} was {id} on {day}. All {n} are in "
                "{target}, one row for each {group}.",
            ],
            **words,
        ),
        (word(oldest[0]), word(oldest[2])),
        checks=(output_check(target, Output([header, *rows])),),
        slips=(("takes the first instead of the last", " DESC", " ASC"),),
    )


def by_month(w: Wording, m: Model) -> Job:
    """Number and sum by month, as CSV."""
    d = m.domain
    target = w.pick(("by_month.csv", "monthly.csv", f"{d.things}_monthly.csv"))
    sums, counts = Counter[str](), Counter[str]()
    for row in m.rows:
        sums[row.day[:7]] += row.cents
        counts[row.day[:7]] += 1
    rows: list[list[Any]] = [[k, counts[k], money(sums[k])] for k in sorted(sums)]
    header = ["month", "number", "total"]
    sql = (
        f"SELECT substr({d.when}, 1, 7) AS month, COUNT(*), ROUND(SUM({d.amount}), 2)\n"
        f"FROM {m.table}\nGROUP BY month\nORDER BY month"
    )
    top = min(sums, key=lambda k: (-sums[k], k))
    words = {"target": target, "things": d.things, "amount": f"`{d.amount}`", "top": top,
             "best": money(sums[top]), "unit": d.unit, "many": counts[top],
             "months": plural(len(rows), "month")}  # fmt: skip
    return Job(
        w.say(
            [
                "Export {target} with the columns month (YYYY-MM), number and total: how many "
                "{things} and how much {amount} in each month, in order of time. Which month "
                "<is|was> the strongest by {amount}?",
                "For the report: {things} by month as {target} (header month,number,total; months "
                "as YYYY-MM, ascending). And name the month with the most {amount}.",
            ],
            **words,
        ),
        (_export(m, sql, header, target, "The first seven characters of the date are the month."),),
        w.say(
            [
                "{target} covers {months}. The strongest is {top} with {best} {unit} from {many} "
                "{things}.",
                "The strongest month is {top}: {best} {unit}, {many} {things}. All {months} are in "
                "{target}.",
            ],
            **words,
        ),
        (f"{word(top)}|{calendar.month_name[int(top[5:])]}", number(money(sums[top]))),
        checks=(output_check(target, Output([header, *rows])),),
        slips=(("groups by year", ", 1, 7)", ", 1, 4)"),),
    )


QUESTIONS = (best_and_worst, idle, behind_target, above_average, reached, latest, by_month)
