"""CSV fixtures, the text of small scripts, and the hidden script that compares an output."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from kappa_data.tasks.material.domains import Domain, Record
from kappa_data.tasks.wording import Wording

SAME = '''\
"""Compares a produced file with the expected one; numbers may differ by rounding."""
import csv
import json
import sys


def load(path):
    with open(path, newline="", encoding="utf-8-sig") as handle:
        if path.endswith(".json"):
            return json.load(handle)
        if path.endswith(".jsonl"):
            return [json.loads(line) for line in handle if line.strip()]
        if not path.endswith((".csv", ".tsv")):
            return [line.rstrip() for line in handle if line.strip()]
        return [row for row in csv.reader(handle) if row]


def same(got, expected):
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[k], expected[k]) for k in expected)
    if isinstance(got, list) and isinstance(expected, list):
        return len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(got, (bool, dict, list, type(None))):
        return got == expected and type(got) is type(expected)
    try:
        return abs(float(got) - float(expected)) < 0.006
    except (TypeError, ValueError):
        return str(got).strip() == str(expected).strip()


def same_set(got, expected):
    left = list(got)
    for wanted in expected:
        found = next((i for i, item in enumerate(left) if same(item, wanted)), None)
        if found is None:
            sys.exit(f"missing: {wanted}")
        del left[found]
    if left:
        sys.exit(f"too much: {left[0]}")


got, expected = load(sys.argv[1]), load(sys.argv[2])
if type(got) is not type(expected):
    sys.exit("another kind of document")
if "any-order" in sys.argv and isinstance(expected, list):
    if sys.argv[1].endswith(".csv") and got[:1] != expected[:1]:
        sys.exit(f"header: {got[:1]}, not {expected[:1]}")
    same_set(got, expected)
elif not same(got, expected):
    if isinstance(expected, list):
        pairs = zip(got, expected)
        sys.exit(next((f"got {g}, not {e}" for g, e in pairs if not same(g, e)), "another length"))
    sys.exit("another content")
'''

SUMS = "from collections import defaultdict\nfrom decimal import Decimal"
"""imports of a script that sums amounts by a key"""

ROLES = ("key", "when", "group", "item", "count", "amount", "person")


class Sheet(Struct, frozen=True):
    """Where a table lies, how its columns are called, and what separates its cells."""

    path: str
    columns: dict[str, str]
    delimiter: str

    def names(self) -> dict[str, str]:
        """What `fill` puts into a script: `@source@`, `@delimiter@` and each role's column."""
        option = "" if self.delimiter == "," else f", delimiter={self.delimiter!r}"
        return {"source": self.path, "delimiter": option.replace("'", '"'), **self.columns}

    def text(self, records: Iterable[Record]) -> str:
        """The records as a file of this sheet."""
        return self.raw(cells(record) for record in records)

    def raw(self, rows: Iterable[dict[str, str]]) -> str:
        """Rows by role as a file of this sheet."""
        body = [[row[role] for role in self.columns] for row in rows]
        return csv_text([list(self.columns.values()), *body], self.delimiter)


def cells(record: Record) -> dict[str, str]:
    """The texts of a record by role."""
    return {
        "key": record.key,
        "when": record.day.isoformat(),
        "group": record.group,
        "item": record.item,
        "count": str(record.count),
        "amount": money(record.cents),
        "person": record.person,
    }


def money(cents: int) -> str:
    """`123456` hundredths as `1234.56`."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def csv_text(rows: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Rows as CSV text with `\\n` line ends."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()


def sheet(w: Wording, domain: Domain, *, delimiters: str = ",,,;\t") -> Sheet:
    """A sheet of the domain: the order and spelling of its columns and its path vary."""
    names = {
        "key": domain.key,
        "when": domain.when,
        "group": domain.group,
        "item": domain.item,
        "count": domain.count,
        "amount": domain.amount,
        "person": domain.person,
    }
    spell = w.pick((_plain, _plain, _plain, _title, _camel))
    rest = [role for role in ROLES if role != "key"]
    w.rng.shuffle(rest)
    if w.chance(0.25):
        rest.remove("person")
    path = w.pick(("{}.csv", "{}.csv", "data/{}.csv", "export/{}_export.csv", "{}-raw.csv"))
    return Sheet(
        path=path.format(domain.things),
        columns={role: spell(names[role]) for role in ("key", *rest)},
        delimiter=w.pick(delimiters),
    )


def _plain(name: str) -> str:
    return name


def _title(name: str) -> str:
    return name.replace("_", " ").title()


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def fill(template: str, **names: str) -> str:
    """Puts values for `@name@` into the text of a script, which may be full of braces."""
    for name, value in names.items():
        template = template.replace(f"@{name}@", value)
    return template


READ = """\
with open(SOURCE, newline="", encoding="utf-8") as handle:
    rows = list(csv.DictReader(handle@delimiter@))
"""

WRITE = """
with open(TARGET, "w", newline="", encoding="utf-8") as handle:
    writer = csv.writer(handle, lineterminator="\\n")
    writer.writerow(HEADER)
    writer.writerows(result)
print(f"{len(rows)} rows read, {len(result)} rows written to {TARGET}")
"""


def csv_script(
    body: str, header: Sequence[str], target: str, sheet: Sheet, *, imports: str = "", **names: str
) -> str:
    """A whole script: constants, reading, `body` (from `rows` to `result`), writing."""
    modules = sorted(
        ["import csv", *imports.splitlines()], key=lambda m: (m.split()[0] == "from", m)
    )
    head = "\n".join(modules)
    constants = f'SOURCE = "@source@"\nTARGET = "{target}"\nHEADER = {list(header)!r}\n'
    text = f"{head}\n\n{constants.replace(chr(39), chr(34))}\n{READ}\n{body.strip()}\n{WRITE}"
    return fill(text, **sheet.names(), **names)


def as_objects(rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """A header and rows as a list of objects."""
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def terms(domain: Domain, at: Sheet, target: str) -> dict[str, str]:
    """The words that most sentences about a task need, for `Wording.say`."""
    columns = {role: name for role, name in at.columns.items() if role in ("key", "when", "amount")}
    return {
        "things": domain.things,
        "thing": domain.thing,
        "unit": domain.unit,
        "path": at.path,
        "target": target,
        **columns,
    }
