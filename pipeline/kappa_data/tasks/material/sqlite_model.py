"""A small SQLite database for one task: its rows in Python, its files, the check of its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.records import Check, CommandCheck, ReferenceStep
from kappa_data.tasks.material.domains import FIRST, LAST, Domain, Record, records
from kappa_data.tasks.material.tables import csv_text
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording

_PLURALS = {"branch": "branches"}
_SAME = '''\
"""Compares what queries return with the rows that are expected; numbers may differ by rounding."""
import json
import sqlite3
import sys


def same(got, expected):
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return abs(got - expected) < 0.006
    return got == expected


con = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for query, rows in json.load(open(sys.argv[2])):
    got = [list(row) for row in con.execute(query)]
    if len(got) != len(rows):
        sys.exit(f"{query}: {len(got)} rows, not {len(rows)}")
    for one, other in zip(got, rows):
        if len(one) != len(other) or not all(map(same, one, other)):
            sys.exit(f"{query}: {one}, not {other}")
'''


class Row(Struct):
    """One transaction as it stands in the table; a job may change it."""

    key: str
    day: str
    group: str
    item: str
    count: int
    cents: int
    person: str


class Place(Struct, frozen=True):
    """One row of the small table that the transactions point to."""

    name: str
    manager: str
    target: int
    """in whole units of the amount"""


class Model(Struct):
    """The database as it should be after the jobs so far."""

    domain: Domain
    db: str
    rows: list[Row]
    places: list[Place]
    load: str
    """how the data comes: dump, csv or split"""
    queries: list[tuple[str, list[list[Any]]]] = []
    """what has to hold in the end, beside the rows: a query and what it returns"""
    changed: bool = False
    """a job gave the table another form; the rows are then checked by `queries`"""

    @property
    def table(self) -> str:
        """Name of the large table."""
        return self.domain.things

    @property
    def places_table(self) -> str:
        """Name of the small table."""
        return _PLURALS.get(self.domain.group, f"{self.domain.group}s")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the large table."""
        d = self.domain
        return (d.key, d.when, d.group, d.item, d.count, d.amount, d.person)

    def cells(self, row: Row) -> list[Any]:
        """A row in the order of the columns; the amount in whole units."""
        amount = row.cents / 100
        return [row.key, row.day, row.group, row.item, row.count, amount, row.person]

    def check(self) -> Check:
        """Compares the database with this model, read-only."""
        names = ", ".join(self.columns)
        shown = [
            (
                f"SELECT {self.domain.group}, manager, target FROM {self.places_table} ORDER BY 1",
                [list(msgspec.structs.astuple(each)) for each in sorted(self.places, key=_name)],
            ),
            *self.queries,
        ]
        if not self.changed:
            rows = [self.cells(row) for row in sorted(self.rows, key=lambda row: row.key)]
            shown.append((f"SELECT {names} FROM {self.table} ORDER BY {self.domain.key}", rows))
        files = {".check/db.py": _SAME, ".check/rows.json": json.dumps(shown)}
        return CommandCheck(f"python3 .check/db.py {self.db} .check/rows.json", files=files)


def _name(place: Place) -> str:
    return place.name


def model(w: Wording, domain: Domain) -> Model:
    """A fresh database of the domain, with nothing wrong in it yet."""
    data: list[Record] = records(w.rng, domain, w.rng.randint(36, 70), groups=w.rng.randint(3, 5))
    used = sorted({record.group for record in data})
    spare = [name for name in domain.groups if name not in used]
    names = [*used, *w.some(spare, min(len(spare), w.rng.randint(1, 2)))]
    w.rng.shuffle(names)
    totals = dict.fromkeys(names, 0)
    for record in data:
        totals[record.group] += record.cents
    places = [
        Place(
            name,
            f"{w.pick(FIRST)} {w.pick(LAST)}",
            max(10, round(totals[name] / 100 * w.pick((0.6, 0.8, 1.3, 1.6)))),
        )
        for name in names
    ]
    rows = [
        Row(r.key, r.day.isoformat(), r.group, r.item, r.count, r.cents, r.person) for r in data
    ]
    base = w.pick((domain.things, "data", "archive", "work", f"{domain.group}_{domain.things}"))
    ending = w.pick(("db", "sqlite", "sqlite3"))
    return Model(domain, f"{base}.{ending}", rows, places, w.pick(("dump", "csv", "split")))


def spoil(w: Wording, m: Model, fault: str) -> None:
    """Puts bad rows into a fresh model: what the repair of that name is about."""
    if fault == "duplicates":
        start = int(max(row.key for row in m.rows)[1:])
        for n, row in enumerate(w.some(m.rows, w.rng.randint(3, 6)), start=1):
            m.rows.append(msgspec.structs.replace(row, key=f"{row.key[0]}{start + n:05d}"))
    elif fault == "spelling":
        for row in w.some(m.rows, w.rng.randint(5, 9)):
            row.group = w.pick((row.group.upper(), row.group.lower(), f" {row.group}"))
        m.rows[0].group = f"{m.rows[0].group.strip()} "
    elif fault == "orphans":
        for row in w.some(m.rows, w.rng.randint(3, 6)):
            row.group = w.pick(("Annex", "Depot 9", "Unknown", "Test"))
    elif fault == "cents":
        # An amount whose hundredfold is a little less than the whole number that it stands for.
        low = m.domain.low
        m.rows[0].cents = next(c for c in range(low, low + 5000) if int(c / 100 * 100) != c)


def files(m: Model) -> dict[str, str]:
    """The fixture: one dump, two CSV files, or the schema and the data apart."""
    d = m.domain
    if m.load == "csv":
        head = [d.group, "manager", "target"]
        places = [[p.name, p.manager, p.target] for p in m.places]
        rows = [[*m.cells(row)[:5], f"{row.cents / 100:.2f}", row.person] for row in m.rows]
        return {
            f"{m.table}.csv": csv_text([list(m.columns), *rows]),
            f"{m.places_table}.csv": csv_text([head, *places]),
        }
    data = "".join(
        f"INSERT INTO {m.places_table} VALUES ({_quoted([p.name, p.manager, p.target])});\n"
        for p in m.places
    ) + "".join(f"INSERT INTO {m.table} VALUES ({_quoted(m.cells(row))});\n" for row in m.rows)
    if m.load == "split":
        return {"sql/schema.sql": schema(m), "sql/data.sql": data}
    return {"dump.sql": f"BEGIN TRANSACTION;\n{schema(m)}{data}COMMIT;\n"}


def schema(m: Model) -> str:
    """The two CREATE TABLE statements."""
    d = m.domain
    return (
        f"CREATE TABLE {m.places_table} (\n  {d.group} TEXT PRIMARY KEY,\n"
        "  manager TEXT NOT NULL,\n  target INTEGER NOT NULL\n);\n"
        f"CREATE TABLE {m.table} (\n  {d.key} TEXT PRIMARY KEY,\n  {d.when} TEXT NOT NULL,\n"
        f"  {d.group} TEXT NOT NULL,\n  {d.item} TEXT NOT NULL,\n  {d.count} INTEGER NOT NULL,\n"
        f"  {d.amount} REAL NOT NULL,\n  {d.person} TEXT NOT NULL\n);\n"
    )


def loading(m: Model) -> str:
    """A bash command that builds the database from the files."""
    if m.load != "csv":
        sources = ["dump.sql"] if m.load == "dump" else ["sql/schema.sql", "sql/data.sql"]
        body = f"for name in {sources!r}:\n    con.executescript(open(name).read())\n"
    else:
        body = (
            f'con.executescript("""\n{schema(m)}""")\n'
            f'for table in ("{m.places_table}", "{m.table}"):\n'
            '    with open(f"{table}.csv", newline="") as handle:\n'
            "        _, *rows = csv.reader(handle)\n"
            '    marks = ", ".join("?" * len(rows[0]))\n'
            '    con.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)\n'
            "con.commit()\n"
        )
    imports = "import csv\nimport sqlite3\n" if m.load == "csv" else "import sqlite3\n"
    counted = (
        f'for table in ("{m.places_table}", "{m.table}"):\n'
        '    print(table, con.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])'
    )
    return python(f'{imports}\ncon = sqlite3.connect("{m.db}")\n{body}{counted}')


def query(m: Model, sql: str, reasoning: str = "") -> ReferenceStep:
    """Runs one SELECT and prints its rows."""
    shown = f'for row in con.execute("""\n{sql}\n"""):\n    print(*row, sep=" | ")'
    code = f'import sqlite3\n\ncon = sqlite3.connect("{m.db}")\n{shown}'
    return bash(python(code), reasoning)


def change(m: Model, statements: Sequence[str], reasoning: str) -> ReferenceStep:
    """Runs statements in one transaction."""
    lines = "\n".join(f'    con.execute("""{each}""")' for each in statements)
    code = (
        f'import sqlite3\n\ncon = sqlite3.connect("{m.db}")\nwith con:\n{lines}\n'
        'print("changes:", con.total_changes)'
    )
    return bash(python(code), reasoning)


def python(code: str) -> str:
    """A bash command that runs Python code."""
    return f"python3 - <<'EOF'\n{code}\nEOF"


def _quoted(values: Sequence[Any]) -> str:
    return ", ".join(f"'{v}'" if isinstance(v, str) else str(v) for v in values)
