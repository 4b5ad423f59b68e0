"""CSV operations that mend dirty tables: duplicates, dates, amounts, encodings."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from kappa_data.tasks.material.datawork import Naive, Output, View, Work
from kappa_data.tasks.material.domains import FIRST, LAST, Domain, records
from kappa_data.tasks.material.phrasing import number, word
from kappa_data.tasks.material.tables import (
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

Rows = list[list[Any]]


def is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


_DEDUPE_ASK = (
    "<Remove the duplicates from|Deduplicate|Clean up the duplicates in> {path} and <save|"
    "write> the result to {target}."
)
_DEDUPE_ANSWER = [
    "{n} rows came down to {kept} contacts, so {gone} duplicates are gone. {shared} "
    "addresses "
    "<occurred|appeared> more than once; the most frequent is {most} with {times} "
    "rows, of which "
    "the one of {day} <stays|was kept>. {target} has trimmed lower-case addresses "
    "<and is sorted "
    "by them|in alphabetical order>; {path} is as it was.",
    "{target} holds {kept} of the {n} rows: {gone} were repeats once case and spaces "
    "are ignored. "
    "{shared} addresses had repeats, above all {most} ({times} rows; the {side} is "
    "from {day}). "
    "For each the {side} row was kept whole, and no field was mixed from two rows.",
]


def dedupe(w: Wording, d: Domain) -> Work:
    """Contacts whose e-mail differs only in case and spaces; the newest (or oldest) row stays."""
    newest = w.chance(0.6)
    source = w.pick((f"{d.person}s.csv", "contacts.csv", "crm/people.csv"))
    at = Sheet(source, {"email": "email", "name": "name", "when": "updated", "group": d.group}, ",")
    data = records(w.rng, d, w.rng.randint(24, 60))
    people = [(w.pick(FIRST), w.pick(LAST)) for _ in range(len(data) * 2 // 3)]
    rows: list[list[str]] = []
    for record in data:
        first, last = w.pick(people)
        email = f"{first}.{last}@{w.pick(('example.org', 'example.org', 'example.net'))}".lower()
        spelled = w.pick((email, email, email.title(), email.upper(), f" {email}", f"{email} "))
        rows.append([spelled, f"{first} {last}", record.day.isoformat(), record.group])
    best: dict[str, tuple[str, int]] = {}
    for i, row in enumerate(rows):
        email, stamp = row[0].strip().lower(), (row[2], i)
        if email not in best or (stamp > best[email] if newest else stamp < best[email]):
            best[email] = stamp
    header = ["email", "name", "updated", d.group]
    target = w.pick(("unique.csv", "clean.csv", "deduped.csv"))
    table: Rows = [list(header), *([mail, *rows[i][1:]] for mail, (_, i) in sorted(best.items()))]
    sizes = defaultdict(list)
    for row in rows:
        sizes[row[0].strip().lower()].append(row[2])
    most = max(sizes, key=lambda mail: (len(sizes[mail]), mail))
    body = (
        "best = {}\nfor number, row in enumerate(rows):\n"
        '    email, stamp = row["email"].strip().lower(), (row["updated"], number)\n'
        f"    if email not in best or stamp {'>' if newest else '<'} best[email][0]:\n"
        "        best[email] = stamp, row\n"
        "result = [[email] + [row[name] for name in HEADER[1:]] for email, (_, row) in "
        "sorted(best.items())]"
    )
    side = "newest" if newest else "oldest"
    words = terms(d, at, target)
    return Work(
        files={source: csv_text([header, *rows])},
        context=w.pick(d.story),
        ask=w.say(_DEDUPE_ASK, **words),
        details=(
            "Two rows are the same contact if the e-mail is equal without regard to case and "
            "spaces around it.",
            f"Keep the {side} row by updated (on the same day the "
            f"{'later' if newest else 'earlier'} line), "
            "with the e-mail in lower case and trimmed.",
            "Same columns as before, sorted by email.",
        ),
        sources=(source,),
        script=csv_script(body, header, target, at),
        outputs={target: Output(table)},
        answer=w.say(
            _DEDUPE_ANSWER,
            **words,
            n=len(rows),
            kept=len(best),
            gone=len(rows) - len(best),
            most=most,
            times=len(sizes[most]),
            shared=sum(len(days) > 1 for days in sizes.values()),
            side=side,
            day=(max if newest else min)(sizes[most]),
        ),
        facts=(number(len(rows) - len(best)), number(len(best))),
        plan=(
            "The normalised e-mail is the key; date and line number together decide which row is "
            f"the {side}."
        ),
        check=(
            f"wc -l {source} {target}; cut -d, -f1 {target} | sort | uniq -d | wc -l; "
            f"tail -n +2 {source} | cut -d, -f1 | tr -d ' ' | tr A-Z a-z | sort | uniq -c | "
            f"awk '$1 > 1' | sort -rn > repeats.txt; cat repeats.txt; "
            f"grep \"^$(awk 'NR == 1 {{ print $2 }}' repeats.txt),\" {target}; rm repeats.txt"
        ),
    )


_DATES_ASK = (
    "<The dates in {path} are a mess: bring|Please normalise the dates in {path}, that "
    "is bring|"
    "Bring> column {when} of {path} to YYYY-MM-DD <and write|in> {target}."
)
_DATES_ANSWER = (
    "{good} of {n} rows have a usable date and are in {target}; {bad} are in rejects.csv: "
    "{rejects}. By spelling, the good ones were {spellings}. <strptime refuses days that "
    "do not "
    "exist, so nothing was shifted to a neighbouring day|A day that does not exist is "
    "refused, "
    "not moved>. Values other than {when} are untouched."
)


_DATES = """
FORMATS = @known@


def iso(text):
    for known in FORMATS:
        try:
            return datetime.strptime(text.strip(), known).date().isoformat()
        except ValueError:
            continue
    return None


result, rejects = [], []
for row in rows:
    day = iso(row["@when@"])
    if day is None:
        rejects.append(list(row.values()))
    else:
        result.append(list({**row, "@when@": day}.values()))
with open("rejects.csv", "w", newline="", encoding="utf-8") as handle:
    writer = csv.writer(handle, lineterminator="\\n")
    writer.writerow(HEADER)
    writer.writerows(rejects)
"""


def dates(w: Wording, d: Domain) -> Work:
    """Dates in several spellings become ISO dates; what is no date goes to a file of its own."""
    at = sheet(w, d)
    monthly = w.chance(0.5)
    spellings = w.some(
        ("%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%Y%m%d"), w.rng.randint(2, 3)
    )
    if monthly:
        spellings = [s for s in spellings if s != "%d.%m.%Y"] + ["%m/%d/%Y"]
    known = ["%Y-%m-%d", *spellings]
    data = records(w.rng, d, w.rng.randint(30, 60))
    bad = set(w.rng.sample(range(len(data)), w.rng.randint(2, 5)))
    junk = ("2024-13-05", "31.02.2024", "soon", "", "0000-00-00", "tbd", "2023-02-30")
    raw: list[dict[str, str]] = []
    good: Rows = []
    rejects: Rows = []
    counts: dict[str, int] = defaultdict(int)
    for i, record in enumerate(data):
        row, spelling = cells(record), w.pick(known)
        row["when"] = w.pick(junk) if i in bad else record.day.strftime(spelling)
        raw.append(row)
        (rejects if i in bad else good).append([row[role] for role in at.columns])
        if i not in bad:
            counts[spelling] += 1
            good[-1][list(at.columns).index("when")] = record.day.isoformat()
    header = list(at.columns.values())
    target = w.pick(("clean.csv", "iso_dates.csv", f"{d.things}_iso.csv"))
    body = fill(_DATES, known=repr(known))
    failing = next((r["when"] for r in raw if set(r["when"]) & set("./ ")), "31.02.2024")
    example = {s: data[0].day.strftime(s) for s in known}
    words = terms(d, at, target)
    return Work(
        files={at.path: at.raw(raw)},
        context=w.pick(d.story),
        ask=w.say(_DATES_ASK, **words),
        details=(
            f"These spellings occur: {listed([f'{text!r}' for text in example.values()])} (all "
            f"the same day).",
            "Rows whose date is none of these, or no real day, go unchanged into rejects.csv.",
            "Both files have the columns of the original, commas between them, and keep the "
            "order of rows.",
        ),
        sources=(at.path,),
        script=csv_script(body, header, target, at, imports="from datetime import datetime"),
        outputs={target: Output([header, *good]), "rejects.csv": Output([header, *rejects])},
        answer=w.say(
            _DATES_ANSWER,
            **words,
            good=len(good),
            n=len(data),
            bad=len(rejects),
            rejects=", ".join(
                f"{r[0]} ({raw[i]['when'] or 'empty'})"
                for r, i in zip(rejects, sorted(bad), strict=True)
            ),
            spellings=listed([f"{count} like {example[s]}" for s, count in counts.items()]),
        ),
        facts=(number(len(good)), number(len(rejects))),
        plan="Each known format is tried in turn; strptime also rejects impossible days.",
        check=(
            f"wc -l {at.path} {target} rejects.csv; cat rejects.csv; python3 -c 'import csv, re; "
            "from "
            f'collections import Counter; print(Counter(re.sub(r"\\d", "9", '
            f're.sub("[A-Za-z]+", "Mon", row["{at.columns["when"]}"])) for row in '
            f'csv.DictReader(open("{at.path}"){at.names()["delimiter"]})))\''
        ),
        naive=Naive(
            f"python3 -c 'from datetime import date; print(date.fromisoformat(\"{failing}\"))'",
            f"I try whether fromisoformat copes with {failing!r}, one of the values.",
            "fromisoformat takes ISO dates only, so the formats have to be listed.",
        ),
    )


_AMOUNTS_ASK = (
    "<The column {amount} in {path} was typed by hand|People typed {amount} in {path} as "
    "they liked>. "
    "<Turn it into|Make> proper numbers and <save|write> {target}; what is the total?"
)
_AMOUNTS_ANSWER = (
    "The total is {total} {unit} over {n} rows. {plain} <of them|amounts> were already "
    "plain numbers, the "
    "rest had a currency, separators or a comma as the decimal mark. The largest is "
    "{top}: {typed!r} "
    "reads as {best}. By {group} the sums are {sums}. <All of it|Every row> is in "
    "{target}, in the "
    "order of {path}."
)


def amounts(w: Wording, d: Domain) -> Work:
    """Amounts as people type them: commas, points, signs of currency; a total comes out."""
    at = sheet(w, d, delimiters=";\t")
    amount = at.columns["amount"]
    data = records(w.rng, d, w.rng.randint(25, 60))
    data = [replace(r, cents=r.cents * w.pick((1, 1, 1, 100))) for r in data]
    rows = [cells(r) | {"amount": _typed(w, r.cents, d.unit)} for r in data]
    header = [at.columns["key"], at.columns["group"], amount]
    target = w.pick(("amounts.csv", "numeric.csv", "clean.csv"))
    body = (
        'def parse(text):\n    digits = re.sub(r"[^0-9.,-]", "", text)\n'
        '    whole, _, rest = re.sub(r"[.,](\\d{2})$", r"|\\1", digits).partition("|")\n'
        '    return Decimal(re.sub(r"[.,]", "", whole) + "." + (rest or "00"))\n\n\n'
        'result = [[row["@key@"], row["@group@"], parse(row["@amount@"])] for row in rows]'
    )
    table: Rows = [header, *([r.key, r.group, money(r.cents)] for r in data)]
    top = max(data, key=lambda r: r.cents)
    typed = rows[data.index(top)]["amount"]
    odd = next((r["amount"] for r in rows if not is_number(r["amount"])), "1,0")
    plainly = sum(row["amount"] == money(r.cents) for row, r in zip(rows, data, strict=True))
    sums: dict[str, int] = defaultdict(int)
    for r in data:
        sums[r.group] += r.cents
    words = terms(d, at, target)
    return Work(
        files={at.path: at.raw(rows)},
        context=w.pick(d.story),
        ask=w.say(_AMOUNTS_ASK, **words),
        details=(
            "A comma or point followed by exactly two digits at the end is the decimal mark; "
            "every other one separates thousands.",
            f"{listed(header)} are enough, in the order of the file, with a decimal point and "
            f"two decimals, comma-separated.",
        ),
        sources=(at.path,),
        script=csv_script(
            body, header, target, at, imports="import re\nfrom decimal import Decimal"
        ),
        outputs={target: Output(table)},
        answer=w.say(
            _AMOUNTS_ANSWER,
            **words,
            total=money(sum(r.cents for r in data)),
            n=len(data),
            plain=plainly,
            top=top.key,
            typed=typed,
            best=money(top.cents),
            group=at.columns["group"],
            sums=listed([f"{money(cents)} for {name}" for name, cents in sorted(sums.items())]),
        ),
        facts=(number(money(sum(r.cents for r in data))),),
        plan=(
            "Strip what is no digit or separator, split off two decimals at the end, drop the "
            "other separators."
        ),
        check=(
            f'awk -F, \'NR > 1 {{ n++; s += $3; g[$2] += $3 }} END {{ printf "%d %.2f\\n", n, s; '
            "for "
            f'(name in g) printf "%s %.2f\\n", name, g[name] }}\' {target}; '
            f"cut -d'{at.delimiter}' -f{list(at.columns).index('amount') + 1} {at.path} > "
            "typed.txt; "
            f"grep -cE '^[0-9]+[.][0-9]{{2}}$' typed.txt; paste -d' ' {target} typed.txt | "
            f"sort -t, -k3,3n | tail -n 3; rm typed.txt"
        ),
        naive=Naive(
            f"python3 -c 'print(float(\"{odd}\"))'",
            "I test one of the odd values with float before I decide on a parser.",
            "float refuses such text, so the separators need a rule.",
        ),
        view=View(
            target,
            "csv",
            (header[0],),
            amount,
            tuple(((r.key,), Decimal(money(r.cents))) for r in data),
        ),
    )


def _typed(w: Wording, cents: int, unit: str) -> str:
    english = f"{cents // 100:,}.{cents % 100:02d}"
    swapped = english.translate(str.maketrans(",.", ".,"))
    return w.pick(
        (money(cents), english, swapped, f"{unit} {english}", f"{swapped} {unit}", f"{english} ")
    )


_MOJIBAKE_ASK = (
    "<Umlauts and accents in {path} are broken|{path} is full of garbled letters>; "
    "<repair|fix> column {name} "
    "and write {target} as UTF-8 without a byte order mark."
)
_MOJIBAKE_ANSWER = (
    "{n} of {all} names were garbled and are repaired in {target}, for example {shown}. "
    "The other {ok} stay "
    "as they were: <text that is not valid after the round trip is left alone|a name is "
    "only replaced if the "
    "way back gives valid UTF-8>. {mark} The file has the columns {header} as before."
)


def mojibake(w: Wording, d: Domain) -> Work:
    """Names that were decoded with the wrong encoding, in a file that begins with a mark."""
    broken_first = ("José", "Zoë", "Jürgen", "Renée", "Björn", "Søren", "Anaïs", "Łukasz")
    broken_last = ("Müller", "Peña", "Gómez", "Lefèvre", "Håkansson", "Özdemir", "Nuñez", "Kovač")
    at = Sheet(
        w.pick((f"{d.person}s.csv", f"{d.things}.csv")),
        {"key": d.key, "person": d.person, "item": d.item},
        w.pick((",", ";")),
    )
    data = records(w.rng, d, w.rng.randint(20, 45))
    good = [
        replace(
            r, person=f"{w.pick((*broken_first, *FIRST[:8]))} {w.pick((*broken_last, *LAST[:8]))}"
        )
        for r in data
    ]
    mark = "\ufeff" if w.chance(0.5) else ""
    share = w.pick((0.5, 0.7, 0.9))
    seen = [replace(r, person=_garbled(r.person) if w.chance(share) else r.person) for r in good]
    hurt = [(a.person, b.person) for a, b in zip(seen, good, strict=True) if a.person != b.person]
    header, target = list(at.columns.values()), w.pick(("fixed.csv", "repaired.csv", "utf8.csv"))
    table: Rows = [header, *([r.key, r.person, r.item] for r in good)]
    body = (
        'def mend(text):\n    try:\n        return text.encode("cp1252").decode("utf-8")\n'
        "    except (UnicodeEncodeError, UnicodeDecodeError):\n        return text\n\n\n"
        'result = [[row["@key@"], mend(row["@person@"]), row["@item@"]] for row in rows]'
    )
    script = csv_script(body, header, target, at)
    if mark:
        script = script.replace(
            'open(SOURCE, newline="", encoding="utf-8")',
            'open(SOURCE, newline="", encoding="utf-8-sig")',
        )
    shown = list(dict.fromkeys(hurt))[:4]
    plainly = len(data) - len(hurt)
    words = terms(d, at, target)
    return Work(
        files={at.path: mark + at.raw(cells(r) for r in seen)},
        context=w.pick(d.story),
        ask=w.say(_MOJIBAKE_ASK, **words, name=d.person),
        details=(
            "It looks as if UTF-8 had been read as Windows-1252; some rows are already right and "
            "must stay so.",
            "Same columns and order, comma-separated. How many names had to be repaired?",
        ),
        sources=(at.path,),
        script=script,
        outputs={target: Output(table)},
        answer=w.say(
            _MOJIBAKE_ANSWER,
            **words,
            n=len(hurt),
            all=len(data),
            ok=plainly,
            header=listed(header),
            shown=listed([f"{b} instead of {a}" for a, b in shown]) or "none",
            mark=f"{at.path} began with a byte order mark, which the new file lacks."
            if mark
            else f"{at.path} had no byte order mark.",
        ),
        facts=(number(len(hurt)), *(word(b) for _, b in shown[:1])),
        plan=(
            "The reverse way is encode as cp1252, decode as UTF-8; where that fails the text was "
            "right already."
        ),
        check=(
            f"head -c 3 {at.path} | od -c | head -n 1; python3 -c 'import csv; pairs = "
            f'[(a["{d.person}"], b["{d.person}"]) for a, b in zip(csv.DictReader(open("{at.path}", '
            f'encoding="utf-8-sig"){at.names()["delimiter"]}), csv.DictReader(open("{target}", '
            f'encoding="utf-8")))]; changed = [p for p in pairs if p[0] != p[1]]; '
            f"print(len(pairs), len(changed), list(dict.fromkeys(changed))[:5])'"
        ),
    )


def _garbled(text: str) -> str:
    raw = text.encode()
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:  # five bytes have no character in Windows-1252
        return text


OPERATIONS = (dedupe, dates, amounts, mojibake)
