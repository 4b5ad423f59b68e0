"""Changes to a SQLite database: repairs of bad rows, migrations, an index, a view."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kappa_data.tasks.material.phrasing import number, plural, word
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.material.sqlite_model import Model, Row, change, query
from kappa_data.tasks.material.sqlite_questions import Job
from kappa_data.tasks.material.tables import money
from kappa_data.tasks.wording import Wording, listed


def duplicates(w: Wording, m: Model) -> Job:
    """Rows that were entered twice under another key; the first stays."""
    d = m.domain
    seen: dict[tuple[Any, ...], Row] = {}
    gone = []
    for row in sorted(m.rows, key=lambda row: row.key):
        known = (row.day, row.group, row.item, row.count, row.cents, row.person)
        if known in seen:
            gone.append(row)
        seen.setdefault(known, row)
    m.rows = [row for row in m.rows if row not in gone]
    rest = ", ".join(m.columns[1:])
    keep = f"SELECT MIN({d.key}) FROM {m.table} GROUP BY {rest}"
    words = {
        "table": m.table, "key": d.key, "things": d.things, "n": len(gone), "left": len(m.rows),
        "sum": money(sum(row.cents for row in gone)), "amount": f"`{d.amount}`",
        "first": gone[0].key, "rows": plural(len(gone), "row"),
    }  # fmt: skip
    return Job(
        w.say(
            [
                "Some {things} were entered twice: equal in every column except {key}. Keep the "
                "one with the lowest {key} and delete the others. How many rows go, and how much "
                "{amount} do they carry?",
                "Please remove the duplicates from {table}. Two rows are duplicates if all but "
                "{key} agrees; the lowest {key} survives. Report the number of deleted rows and "
                "their {amount} in total.",
            ],
            **words,
        ),
        (
            query(
                m,
                f"SELECT COUNT(*), ROUND(SUM({d.amount}), 2)\nFROM {m.table}\n"
                f"WHERE {d.key} NOT IN ({keep})",
                "Before deleting: which rows would go, and what do they carry?",
            ),
            change(
                m,
                (f"DELETE FROM {m.table} WHERE {d.key} NOT IN ({keep})",),
                "The same condition, now as a DELETE in one transaction.",
            ),
            query(m, f"SELECT COUNT(*) FROM {m.table}", "How many are left?"),
        ),
        w.say(
            [
                "{rows} deleted, with {sum} of {amount} between them; {left} are left. In each "
                "case the lowest {key} stayed.",
                "I deleted {rows}, the first of them {first}. Together they carried {sum} of "
                "{amount}. {table} now has {left} rows.",
            ],
            **words,
        ),
        (counted(len(gone)), number(money(sum(row.cents for row in gone)))),
        slips=(("keeps the newest of each", f"MIN({d.key})", f"MAX({d.key})"),),
    )


def spelling(w: Wording, m: Model) -> Job:
    """Names in another case or with blanks around them."""
    d = m.domain
    proper = {place.name.lower(): place.name for place in m.places}
    bad = [row for row in m.rows if row.group not in proper.values()]
    for row in bad:
        row.group = proper[row.group.strip().lower()]
    per = Counter(row.group for row in m.rows)
    name = min(per, key=lambda each: (-per[each], each))
    match = f"LOWER(p.{d.group}) = LOWER(TRIM({m.table}.{d.group}))"
    wrong = f"{d.group} NOT IN (SELECT {d.group} FROM {m.places_table})"
    words = {"group": d.group, "table": m.table, "places": m.places_table, "n": len(bad),
             "top": name, "many": per[name], "rows": plural(len(bad), "row")}  # fmt: skip
    return Job(
        w.say(
            [
                "The {group} column of {table} is <messy|untidy>: capitals, small letters, stray "
                "blanks. Bring every value to the spelling in {places}. How many rows did you "
                "have to change, and which {group} has most rows afterwards (first by name if "
                "tied)?",
                "Joins lose rows because {group} in {table} is not written as in {places} (case, "
                "blanks at either end). Correct {table}, not {places}. Tell me how many rows it "
                "was and which {group} is the most frequent one now (ties by alphabet).",
            ],
            **words,
        ),
        (
            query(
                m,
                f"SELECT quote({d.group}), COUNT(*) FROM {m.table}\nWHERE {wrong}\nGROUP BY 1",
                "Quoted, so that blanks show: what does not match?",
            ),
            change(
                m,
                (
                    f"UPDATE {m.table} SET {d.group} = (\n  SELECT p.{d.group} FROM "
                    f"{m.places_table} AS p WHERE {match}\n) WHERE {wrong}",
                ),
                "Trimmed and without regard to case each value has exactly one partner.",
            ),
            query(
                m,
                f"SELECT {d.group}, COUNT(*) FROM {m.table} GROUP BY 1 ORDER BY 2 DESC, 1",
                "Only the proper names should be left.",
            ),
        ),
        w.say(
            [
                "{rows} changed; every {group} in {table} is now one that {places} knows. The most "
                "frequent is {top} with {many}.",
                "Most frequent now is {top} ({many} rows). I corrected {rows} and left {places} as "
                "it was.",
            ],
            **words,
        ),
        (counted(len(bad)), word(name)),
        slips=(("forgets the blanks", f"TRIM({m.table}.{d.group})", f"({m.table}.{d.group})"),),
    )


def orphans(w: Wording, m: Model) -> Job:
    """Rows that point nowhere move to a table of their own."""
    d = m.domain
    aside = w.pick(("orphans", f"{d.things}_rejected", "quarantine", "unmatched"))
    known = {place.name for place in m.places}
    gone = sorted((row for row in m.rows if row.group not in known), key=lambda row: row.key)
    m.rows = [row for row in m.rows if row.group in known]
    names = sorted({row.group for row in gone})
    m.queries.append(
        (
            f"SELECT {', '.join(m.columns)} FROM {aside} ORDER BY {d.key}",
            [m.cells(row) for row in gone],
        )
    )
    where = f"WHERE {d.group} NOT IN (SELECT {d.group} FROM {m.places_table})"
    words = {"group": d.group, "table": m.table, "places": m.places_table, "aside": aside,
             "n": len(gone), "left": len(m.rows), "names": listed(names),
             "sum": money(sum(row.cents for row in gone)), "amount": f"`{d.amount}`",
             "rows": plural(len(gone), "row")}  # fmt: skip
    return Job(
        w.say(
            [
                "Rows of {table} whose {group} does not occur in {places} have to leave: move them "
                "into a new table {aside} with the same columns. How many are they, and which "
                "values of {group} did they have?",
                "Check {table} against {places}. Whatever has a {group} that is not listed there "
                "goes to a table {aside} (same columns) and out of {table}. I want the count and "
                "the offending values.",
            ],
            **words,
        ),
        (
            query(
                m,
                f"SELECT {d.group}, COUNT(*), ROUND(SUM({d.amount}), 2)\nFROM {m.table}\n{where}\n"
                "GROUP BY 1",
                "First see what would be moved.",
            ),
            change(
                m,
                (
                    f"CREATE TABLE {aside} AS SELECT * FROM {m.table} {where}",
                    f"DELETE FROM {m.table} {where}",
                ),
                "Copy and delete with one condition, in one transaction.",
            ),
            query(
                m,
                f"SELECT (SELECT COUNT(*) FROM {m.table}), (SELECT COUNT(*) FROM {aside})",
                "The two counts have to add up to the old one.",
            ),
        ),
        w.say(
            [
                "{rows} moved to {aside}; {table} keeps {left}. The values without a partner: "
                "{names}. They carry {sum} of {amount}.",
                "The offending values are {names}, {rows} in all ({sum} of {amount}). They are in "
                "{aside} now and no longer in {table}, which has {left} left.",
            ],
            **words,
        ),
        (counted(len(gone)), *(word(name) for name in names)),
        slips=(("copies the rows and leaves them", f"DELETE FROM {m.table} ", "SELECT 1 FROM "
                f"{m.table} "),),
    )  # fmt: skip


def sizes(w: Wording, m: Model) -> Job:
    """A new column from thresholds."""
    d = m.domain
    name = w.pick(("size", "class", "band", "level"))
    labels = w.pick((("small", "medium", "large"), ("low", "mid", "high"), ("C", "B", "A")))
    counts = sorted(row.count for row in m.rows)
    low, high = counts[len(counts) // 3], counts[len(counts) * 4 // 5]
    high = high if high > low else low + 1

    def label(row: Row) -> str:
        return labels[2] if row.count >= high else labels[1] if row.count >= low else labels[0]

    per = Counter(label(row) for row in m.rows)
    m.queries.append(
        (
            f'SELECT {d.key}, "{name}" FROM {m.table} ORDER BY {d.key}',
            [[row.key, label(row)] for row in sorted(m.rows, key=lambda row: row.key)],
        )
    )
    words = {"table": m.table, "name": name, "count": f"`{d.count}`", "low": low, "high": high,
             "a": labels[0], "b": labels[1], "c": labels[2], "na": per[labels[0]],
             "nb": per[labels[1]], "nc": per[labels[2]]}  # fmt: skip
    case = f"CASE WHEN {d.count} >= {high} THEN '{labels[2]}' WHEN {d.count} >= {low} "
    case += f"THEN '{labels[1]}' ELSE '{labels[0]}' END"
    return Job(
        w.say(
            [
                "Add a text column `{name}` to {table}: '{c}' from {count} {high} on, '{b}' from "
                "{low} on, '{a}' below that. How many rows fall into each?",
                "{table} needs a column `{name}`, filled for all rows: '{a}' where {count} is "
                "below {low}, '{b}' from {low} up to but not including {high}, else '{c}'. Tell "
                "me the three counts.",
            ],
            **words,
        ),
        (
            change(
                m,
                (
                    f'ALTER TABLE {m.table} ADD COLUMN "{name}" TEXT',
                    f'UPDATE {m.table} SET "{name}" = {case}',
                ),
                "One new column and one UPDATE with a CASE; both limits belong to the upper class.",
            ),
            query(
                m,
                f'SELECT "{name}", COUNT(*), MIN({d.count}), MAX({d.count})\nFROM {m.table}\n'
                "GROUP BY 1 ORDER BY 3",
                "Smallest and largest of each class show whether the limits are right.",
            ),
        ),
        w.say(
            [
                "The column is there and filled: {na} times '{a}', {nb} times '{b}', {nc} times "
                "'{c}'.",
                "`{name}` is added. '{c}' applies to {nc} rows, '{b}' to {nb} and '{a}' to {na}; "
                "the limits {low} and {high} themselves belong to the upper class.",
            ],
            **words,
        ),
        tuple(counted(per[each]) for each in labels if per[each]),
        slips=(("puts the limit itself below", f">= {low} ", f"> {low} "),),
    )


def whole_cents(w: Wording, m: Model) -> Job:
    """The amount becomes an integer number of hundredths."""
    d = m.domain
    new = f"{d.amount}_{w.pick(('cents', 'minor', 'hundredths'))}"
    total = sum(row.cents for row in m.rows)
    names = [new if name == d.amount else name for name in m.columns]
    m.queries += [
        (
            f"SELECT {', '.join(names)}, typeof({new}) FROM {m.table} ORDER BY {d.key}",
            [
                [*(row.cents if n == d.amount else v for n, v in zip(m.columns, m.cells(row),
                 strict=True)), "integer"]
                for row in sorted(m.rows, key=lambda row: row.key)
            ],
        ),
        (f"SELECT name FROM pragma_table_info('{m.table}') WHERE name = '{d.amount}'", []),
    ]  # fmt: skip
    m.changed = True
    words = {"table": m.table, "amount": f"`{d.amount}`", "new": new, "total": total,
             "whole": money(total), "unit": d.unit}  # fmt: skip
    return Job(
        w.say(
            [
                "{amount} is a REAL and the sums drift. Replace it by an INTEGER column {new} with "
                "100 times the value (exact, no off-by-one from truncation) and drop the old "
                "column. What is the sum of {new}?",
                "Migrate {table}: instead of {amount} as REAL I want {new} as whole hundredths, "
                "INTEGER, <correctly rounded|rounded to the nearest>, the old column gone. Give "
                "me the new total so that I can compare.",
            ],
            **words,
        ),
        (
            query(
                m,
                f"SELECT sqlite_version(), COUNT(*), ROUND(SUM({d.amount}), 2) FROM {m.table}",
                "The total before the change, and whether this SQLite can drop a column.",
            ),
            change(
                m,
                (
                    f"ALTER TABLE {m.table} ADD COLUMN {new} INTEGER NOT NULL DEFAULT 0",
                    f"UPDATE {m.table} SET {new} = CAST(ROUND({d.amount} * 100) AS INTEGER)",
                    f"ALTER TABLE {m.table} DROP COLUMN {d.amount}",
                ),
                "ROUND before CAST: a cast alone truncates 19.99 * 100 = 1998.99... to 1998.",
            ),
            query(
                m,
                f"SELECT SUM({new}), COUNT(*) FROM {m.table} WHERE typeof({new}) = 'integer'",
                "The sum has to be a hundred times the old one, all values integers.",
            ),
        ),
        w.say(
            [
                "The sum of {new} is {total}, which is {whole} {unit} as before. {amount} is "
                "dropped.",
                "{table} now holds {new} as INTEGER, and {amount} is gone. New total: {total} "
                "hundredths, the same as the old {whole} {unit}.",
            ],
            **words,
        ),
        (number(total),),
        slips=(
            ("truncates instead of rounding", f"ROUND({d.amount} * 100)", f"({d.amount} * 100)"),
        ),
    )


def index(w: Wording, m: Model) -> Job:
    """An index over two columns, and proof that it is used."""
    d = m.domain
    name = w.pick((f"idx_{m.table}_{d.group}", f"{m.table}_by_{d.group}", f"ix_{d.group}_{d.when}"))
    m.queries += [
        (f"SELECT name FROM pragma_index_info('{name}') ORDER BY seqno", [[d.group], [d.when]]),
        (f"SELECT tbl_name FROM sqlite_master WHERE name = '{name}'", [[m.table]]),
    ]
    place = w.pick([place.name for place in m.places])
    count = sum(row.group == place for row in m.rows)
    words = {"name": name, "table": m.table, "group": f"`{d.group}`", "when": f"`{d.when}`",
             "place": place, "n": count}  # fmt: skip
    lookup = f"SELECT COUNT(*) FROM {m.table} WHERE {d.group} = '{place}' AND {d.when} >= '2000'"
    return Job(
        w.say(
            [
                "Create an index {name} on {table} over {group}, then {when}, in this order. Is it "
                "used for a query on {place} by date? And how many rows has {place}?",
                "Our page filters {table} by {group} and a range of {when}. Add a fitting index "
                "called {name} ({group} first), check with EXPLAIN QUERY PLAN that SQLite takes "
                "it, and tell me how many rows it finds for {place}.",
            ],
            **words,
        ),
        (
            change(
                m,
                (f"CREATE INDEX {name} ON {m.table} ({d.group}, {d.when})",),
                "The column with equality goes first, the one with a range second.",
            ),
            query(
                m, f"EXPLAIN QUERY PLAN {lookup}", "Does the planner take it, and what comes out?"
            ),
            query(m, lookup),
        ),
        w.say(
            [
                "{name} exists, and the plan shows that it is used to search {table}. {place} has "
                "{n} rows.",
                "Yes, SQLite uses it: the plan names {name} for the search. {n} rows belong to "
                "{place}.",
            ],
            **words,
        ),
        (counted(count),),
        slips=(("turns the columns round", f"({d.group}, {d.when})", f"({d.when}, {d.group})"),),
    )


def view(w: Wording, m: Model) -> Job:
    """A view with manager and sums, which stays right when rows change."""
    d = m.domain
    name = w.pick(("overview", "manager_totals", "scoreboard", "summary_by_manager"))
    rows: list[list[Any]] = []
    for place in sorted(m.places, key=lambda place: place.name):
        own = [row for row in m.rows if row.group == place.name]
        rows.append([place.name, place.manager, len(own), sum(row.cents for row in own) / 100])
    m.queries.append((f"SELECT {d.group}, manager, number, total FROM {name} ORDER BY 1", rows))
    m.queries.append((f"SELECT type FROM sqlite_master WHERE name = '{name}'", [["view"]]))
    top = max(rows, key=lambda row: row[2])
    words = {"name": name, "group": d.group, "things": d.things, "amount": f"`{d.amount}`",
             "places": m.places_table, "top": top[1], "n": top[2], "at": top[0],
             "rows": plural(len(rows), "row")}  # fmt: skip
    sql = (
        f"CREATE VIEW {name} AS\nSELECT p.{d.group} AS {d.group}, p.manager AS manager,\n"
        f"       COUNT(t.{d.key}) AS number, COALESCE(ROUND(SUM(t.{d.amount}), 2), 0) AS total\n"
        f"FROM {m.places_table} AS p\nLEFT JOIN {m.table} AS t ON t.{d.group} = p.{d.group}\n"
        f"GROUP BY p.{d.group}"
    )
    return Job(
        w.say(
            [
                "I'd like a view {name} with {group}, manager, number and total: how many {things} "
                "and how much {amount} for each row of {places}, 0 where there are none. How many "
                "rows does it have?",
                "Leave a view {name} (columns {group}, manager, number, total) over both tables: "
                "count of {things} and sum of {amount}, with every row of {places} in it, zeros "
                "included. How many rows come out?",
            ],
            **words,
        ),
        (
            change(m, (sql,), "COUNT over the key, not COUNT(*): an empty place has to show 0."),
            query(m, f"SELECT * FROM {name} ORDER BY number DESC", "All rows, zeros included?"),
        ),
        w.say(
            [
                "{name} has {rows}, one for each entry of {places}. {top} at {at} has "
                "most {things}: {n}.",
                "The view gives {rows}. At the top by number is {at} under {top} with {n}.",
            ],
            **words,
        ),
        (counted(len(rows)),),
        slips=(("drops places without rows", "LEFT JOIN", "JOIN"),),
    )


REPAIRS = {"duplicates": duplicates, "spelling": spelling, "orphans": orphans}
CHANGES = {"sizes": sizes, "cents": whole_cents, "index": index, "view": view}
