"""Conversions into tables: Markdown and HTML tables, contact cards and calendars to CSV."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from kappa_data.tasks.material.datawork import Naive, Output, View, Work
from kappa_data.tasks.material.domains import DOMAINS, FIRST, LAST
from kappa_data.tasks.material.phrasing import plural, word
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.wording import Wording

_WRITE = """
with open(TARGET, "w", newline="", encoding="utf-8") as out:
    writer = csv.writer(out, lineterminator="\\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
print(len(rows), "rows")"""


def _script(source: str, target: str, header: list[str], imports: str, body: str) -> str:
    names = ", ".join(f'"{name}"' for name in header)
    modules = "\n".join(f"import {name}" for name in sorted(imports.split()))
    return (
        f'{modules}\n\nSOURCE = "{source}"\nTARGET = "{target}"\nHEADER = [{names}]\n\n'
        f'with open(SOURCE, encoding="utf-8") as handle:\n    text = handle.read()\n'
        f"{body}{_WRITE}\n"
    )


def _stock(w: Wording) -> tuple[str, list[list[Any]], list[str]]:
    """Context, rows of name, group, count and note, and the header."""
    d = w.pick(DOMAINS)
    names = [f"{item} {place}" for item in d.items for place in ("north", "south", "old", "new")]
    notes = ("ok", "check", "", "on order", "to be sold", "lent", "", "two left")
    rows = [
        [name, w.pick(d.groups), w.rng.choice((w.rng.randint(3, 90), w.rng.randint(1000, 9800))),
         w.pick(notes)]
        for name in w.some(names, w.rng.randint(8, 20))
    ]  # fmt: skip
    return w.pick(d.story), rows, [w.pick(("item", "name", "article")), d.group, "pieces", "note"]


def _view(target: str, header: list[str], rows: list[list[Any]]) -> View:
    points = tuple(((str(row[0]),), Decimal(row[2])) for row in rows)
    return View(target, "csv", (header[0],), header[2], points)


def markdown_table(w: Wording) -> Work:
    """A table in a README, with bold names, thousands separators and dashes for nothing."""
    context, rows, header = _stock(w)
    source = w.pick(("README.md", "docs/stock.md", "wiki/Inventory.md", "notes.md"))
    target = w.pick(("stock.csv", "inventory.csv", "table.csv"))
    keep = w.pick((True, False))
    lines = ["# " + w.pick(("Inventory", "What we have", "Stock list")), ""]
    lines += [
        w.pick(("Counted by hand.", "Last count in spring.", "See the shelf for photos.")),
        "",
    ]
    lines += [f"| {' | '.join(name.title() for name in header)} |", "|:---|---|---:|---|"]
    for name, group, count, note in rows:
        bold = f"**{name}**" if w.chance(0.3) else name
        lines.append(f"| {bold} | {group} | {count:,} | {note or '-'} |")
    lines += ["", w.pick(("Ask before you take anything.", "| is also the sign on the door.")), ""]
    chosen = rows if keep else [row for row in rows if row[3]]
    body = (
        "\nrows = []\nfor line in text.splitlines():\n"
        '    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]\n'
        f'    if line.startswith("| ") and len(cells) == 4 and cells[2] != "{header[2].title()}":\n'
        '        name, group, count, note = (cell.strip("*") for cell in cells)\n'
        '        rows.append([name, group, count.replace(",", ""), "" if note == "-" else note])\n'
        + ("" if keep else "rows = [row for row in rows if row[3]]\n")
    )
    total = sum(row[2] for row in chosen)
    return Work(
        files={source: "\n".join(lines)},
        context=context,
        ask=w.say(
            [
                "Turn the table in {source} into {target}.",
                "<I need|Please make> {target} from the Markdown table in {source}.",
            ],
            source=source,
            target=target,
        ),
        details=(
            f"Header: {','.join(header)}.",
            "No bold marks, no thousands separators, and an empty cell where there is a dash.",
            f"Tell me the number of rows and the sum of {header[2]}.",
            *(() if keep else ("Leave out rows without a note.",)),
        ),
        sources=(source,),
        script=_script(source, target, header, "csv", body),
        outputs={target: Output([header, *chosen])},
        answer=w.say(
            [
                "{target} has {n} under the header; {unit} sums to {total}. Bold marks, "
                "separators and dashes are gone, and the text around the table was left out.",
                "{n} <are|went> into {target}, with {total} {unit} in all. Names are plain, "
                "numbers are digits only, and a dash became an empty cell.",
            ],
            target=target,
            n=plural(len(chosen), "row"),
            unit=header[2],
            total=total,
        ),
        facts=(counted(len(chosen)), counted(total)),
        plan="Only lines with four cells are the table; the header and the ruler are left out.",
        check=f"head -n 4 {target}; "
        f"awk -F, 'NR > 1 {{ s += $3 }} END {{ print NR - 1, s }}' {target}",
        view=_view(target, header, chosen),
    )


def html_table(w: Wording) -> Work:
    """A table of a saved web page, with entities and links."""
    context, rows, header = _stock(w)
    rows = [[f"{r[0]} & {w.pick(('rack', 'box', 'bag'))}" if w.chance(0.3) else r[0], *r[1:]]
            for r in rows]  # fmt: skip
    source = w.pick(("page.html", "saved/stock.html", "export.html", "intranet.htm"))
    target = w.pick(("page.csv", "stock.csv", "from_page.csv"))
    swap = w.chance(0.5)
    lines = ["<html><body>", f"<h1>{w.pick(('Stock', 'Overview', 'List'))}</h1>"]
    lines += ["<p>Updated <b>daily</b>.</p>", '<table class="data">']
    lines.append("<tr>" + "".join(f"<th>{name}</th>" for name in header) + "</tr>")
    for at, (name, group, count, note) in enumerate(rows):
        shown = html.escape(str(name))
        shown = f'<a href="/item/{at}">{shown}</a>' if w.chance(0.4) else shown
        cells = (shown, f"<i>{group}</i>" if w.chance(0.2) else group, count, note or "&nbsp;")
        lines.append("<tr>\n" + "\n".join(f"  <td>{cell}</td>" for cell in cells) + "\n</tr>")
    lines += ["</table>", "<p>End of list.</p>", "</body></html>", ""]
    order = [1, 0, 2, 3] if swap else [0, 1, 2, 3]
    names = [header[at] for at in order]
    wanted = [[row[at] for at in order] for row in rows]
    body = (
        "\n\nclass Table(html.parser.HTMLParser):\n    def __init__(self):\n"
        "        super().__init__()\n        self.rows, self.cell = [], None\n\n"
        "    def handle_starttag(self, tag, attrs):\n"
        '        if tag == "tr":\n            self.rows.append([])\n'
        '        elif tag == "td":\n            self.cell = ""\n\n'
        "    def handle_data(self, data):\n        if self.cell is not None:\n"
        "            self.cell += data\n\n    def handle_endtag(self, tag):\n"
        '        if tag == "td":\n'
        '            self.rows[-1].append(self.cell.replace("\\xa0", " ").strip())\n'
        "            self.cell = None\n\n\ntable = Table()\ntable.feed(text)\n"
        f"rows = [[row[at] for at in {order}] for row in table.rows if row]\n"
    )
    top = max(rows, key=lambda row: (row[2], row[0]))
    naive = Naive(
        f"grep -c '<td>' {source}; grep '<tr>.*<td>' {source} | head -n 2",
        "Perhaps one row is one line, then sed would do.",
        "Rows span several lines and cells hold tags, so a parser is the right tool.",
    )
    return Work(
        files={source: "\n".join(lines)},
        context=context,
        ask=w.say(
            [
                "Get the table out of {source} and into {target}.",
                "{source} is a saved page; its one table should become {target}.",
            ],
            source=source,
            target=target,
        ),
        details=(
            f"Columns in this order: {', '.join(names)}, with a header.",
            "Cells as plain text: tags removed, entities such as &amp; resolved, &nbsp; empty.",
            f"Which {header[0]} has the most {header[2]}, and how many rows are there?",
        ),
        sources=(source,),
        script=_script(source, target, names, "csv html.parser", body),
        outputs={target: Output([names, *wanted])},
        answer=w.say(
            [
                "{target} has {n}. The most {unit} has {top}: {most}. Cells are plain text, "
                "without tags or entities.",
                "The table came out with {n}; {top} leads with {most} {unit}. Links were reduced "
                "to their text.",
            ],
            target=target,
            n=plural(len(rows), "row"),
            unit=header[2],
            top=top[0],
            most=top[2],
        ),
        facts=(counted(len(rows)), word(str(top[0])).replace(r"\&", "(?:&|and|&amp;)")),
        plan="html.parser collects the cells; rows without td are the header and are left out.",
        check=f"head -n 4 {target}; grep -c '<td>' {source}; wc -l {target}",
        naive=naive,
        view=_view(target, header, rows),
    )


def contacts(w: Wording) -> Work:
    """Contact cards with folded lines and several telephone numbers."""
    source = w.pick(("contacts.vcf", "export/people.vcf", "cards.vcf"))
    target = w.pick(("contacts.csv", "people.csv", "phone_list.csv"))
    firms = ("Nordlicht", "Alder & Co", "Fjord Works", "Kiln Studio", "Mill Trust", "")
    people, cards = [], []
    pairs = w.some([(a, b) for a in FIRST for b in LAST], w.rng.randint(7, 16))
    for first, last in pairs:
        firm = w.pick(firms)
        cell, work = (f"+44 7{w.rng.randint(100, 999)} {w.rng.randint(1000, 9999)}" for _ in "ab")
        has_cell = w.chance(0.7)
        mail = f"{first}.{last}@{w.pick(('post', 'mail', 'office'))}.example".lower()
        mail = mail if w.chance(0.85) else ""
        card = ["BEGIN:VCARD", "VERSION:3.0", f"N:{last};{first};;;", f"FN:{first} {last}"]
        card += [f"ORG:{firm}"] if firm else []
        phones = [f"TEL;TYPE=WORK:{work}", *([f"TEL;TYPE=CELL:{cell}"] if has_cell else [])]
        w.rng.shuffle(phones)
        card += phones
        card += [f"EMAIL;TYPE=INTERNET:{mail}"] if mail else []
        if w.chance(0.5):
            card += ["NOTE:met at the fair in the large", "  hall, wants a call in autumn"]
        cards.append("\n".join([*card, "END:VCARD"]))
        people.append([last, first, firm, cell if has_cell else work, mail])
    header = ["last", "first", "company", "phone", "mail"]
    wanted = sorted(people)
    missing = sum(not row[4] for row in people)
    body = (
        '\nrows = []\nfor card in text.replace("\\n ", "").split("BEGIN:VCARD")[1:]:\n'
        "    fields, phones = {}, {}\n    for line in card.splitlines():\n"
        '        key, _, value = line.partition(":")\n'
        '        name, _, kind = key.partition(";TYPE=")\n'
        '        if name == "TEL":\n            phones[kind] = value\n'
        "        else:\n            fields[name] = value\n"
        '    last, first, *_ = fields["N"].split(";")\n'
        '    phone = phones.get("CELL") or phones["WORK"]\n'
        '    rows.append([last, first, fields.get("ORG", ""), phone, fields.get("EMAIL", "")])\n'
        "rows.sort()\n"
    )
    return Work(
        files={source: "\n".join(cards) + "\n"},
        context=w.pick(
            (
                "I am moving my address book to a new phone system.",
                "Our club needs its contacts in a spreadsheet.",
                "The old mail program only exports contact cards.",
            )
        ),
        ask=w.say(
            [
                "Convert the cards in {source} to {target}.",
                "{source} holds contact cards; I need them as {target}.",
            ],
            source=source,
            target=target,
        ),
        details=(
            f"Columns {','.join(header)}; sorted by last, then first name.",
            "One phone a person: the CELL number if there is one, else WORK.",
            "What a card does not have stays empty.",
            "How many people are there, and how many of them have no mail address?",
        ),
        sources=(source,),
        script=_script(source, target, header, "csv", body),
        outputs={target: Output([header, *wanted])},
        answer=w.say(
            [
                "{target} lists {n} people; without a mail address: {missing}. The mobile "
                "number was taken wherever a card has one.",
                "{n} people are in {target}, sorted by name. Without a mail address: {missing}. "
                "Notes were left out.",
            ],
            target=target,
            n=len(people),
            missing=missing or "none",
        ),
        facts=(counted(len(people)),
               counted(missing) if missing else r"\b(?:no|none|all|every|each|0|zero)\b"),
        plan="Unfold lines first, then read each card into fields; telephone numbers by type.",
        check=f"head -n 5 {target}; grep -c BEGIN:VCARD {source}; grep -c ',$' {target}",
    )  # fmt: skip


def agenda(w: Wording) -> Work:
    """Calendar entries to an agenda in order of time."""
    source = w.pick(("calendar.ics", "export/team.ics", "club.ics"))
    target = w.pick(("agenda.csv", "events.csv", "week.csv"))
    what = ("Stand-up", "Review", "Choir, first part", "Dentist", "Visit; bring keys", "Lunch",
            "Interview", "Training", "Board meeting", "Call with the bank", "Rehearsal",
            "Handover", "Budget, second draft", "Tour", "Workshop", "Audit")  # fmt: skip
    begin = datetime(w.rng.randint(2023, 2026), w.rng.randint(1, 12), w.rng.randint(1, 20), 8)
    events: list[tuple[datetime, int, str, bool]] = []
    for name in w.some(what, w.rng.randint(7, 15)):
        at = begin + timedelta(days=w.rng.randrange(9), minutes=15 * w.rng.randrange(36))
        events.append((at, w.pick((15, 30, 45, 60, 90, 120, 150)), name, w.chance(0.15)))
    events = list({event[0]: event for event in events}.values())
    cards = []
    for at, minutes, name, off in events:
        end = at + timedelta(minutes=minutes)
        shown = name.replace(",", "\\,").replace(";", "\\;")
        cards.append(
            f"BEGIN:VEVENT\nUID:{w.rng.randrange(10**6)}@example\nDTSTART:{at:%Y%m%dT%H%M%S}\n"
            f"DTEND:{end:%Y%m%dT%H%M%S}\nSUMMARY:{shown}\n"
            + ("STATUS:CANCELLED\n" if off else "")
            + "END:VEVENT\n"
        )
    kept = sorted(event for event in events if not event[3])
    header = ["date", "start", "minutes", "title"]
    rows: list[list[Any]] = [
        [f"{a:%Y-%m-%d}", f"{a:%H:%M}", minutes, name] for a, minutes, name, _ in kept
    ]
    body = (
        "\nrows = []\n"
        'for event in text.split("BEGIN:VEVENT")[1:]:\n'
        '    fields = dict(line.split(":", 1) for line in event.splitlines() if ":" in line)\n'
        '    if fields.get("STATUS") == "CANCELLED":\n        continue\n'
        '    begin, end = (datetime.datetime.strptime(fields[key], "%Y%m%dT%H%M%S")\n'
        '                  for key in ("DTSTART", "DTEND"))\n'
        '    title = fields["SUMMARY"].replace("\\\\,", ",").replace("\\\\;", ";")\n'
        "    minutes = int((end - begin).total_seconds()) // 60\n"
        '    rows.append([f"{begin:%Y-%m-%d}", f"{begin:%H:%M}", minutes, title])\nrows.sort()\n'
    )
    total = sum(row[2] for row in rows)
    hours = f"|{counted(total // 60)} h[^.]{{0,20}}{counted(total % 60)}" if total % 60 else ""
    return Work(
        files={source: "BEGIN:VCALENDAR\nVERSION:2.0\n" + "".join(cards) + "END:VCALENDAR\n"},
        context=w.pick(
            (
                "I plan the week for people who have no calendar program.",
                "The notice board needs the dates on paper.",
                "I want to add up how much of my time goes into appointments.",
            )
        ),
        ask=w.say(
            [
                "Make {target} from {source}: one row for each event, in order of time.",
                "Please turn {source} into {target}, a row an event, earliest first.",
            ],
            source=source,
            target=target,
        ),
        details=(
            f"Columns: {', '.join(header)} (YYYY-MM-DD, HH:MM, length in minutes).",
            "Cancelled events stay out; escaped commas and semicolons become plain ones.",
            "How many events are left, and how many minutes do they take in all?",
        ),
        sources=(source,),
        script=_script(source, target, header, "csv datetime", body),
        outputs={target: Output([header, *rows])},
        answer=w.say(
            [
                "{target} has {n} with {total} minutes in all. {off} cancelled and left out.",
                "{n} <remain|are left>, {total} minutes together; {off} cancelled. The first in "
                "{target} is {first}.",
            ],
            target=target,
            n=plural(len(rows), "event"),
            total=total,
            off="None was" if len(events) == len(rows) else
            "One was" if len(events) - len(rows) == 1 else f"{len(events) - len(rows)} were",
            first=rows[0][3],
        ).replace("; None", "; none").replace("; One", "; one"),
        facts=(counted(len(rows)), f"(?:{counted(total)}{hours})"),
        plan="Read each event into fields, skip what is cancelled, compute the length, sort.",
        check=f"cat {target}; grep -c BEGIN:VEVENT {source}; grep -c CANCELLED {source}",
        naive=Naive(
            "python3 -c 'import icalendar'",
            "If a calendar library is installed, it would take care of the escapes.",
            "It is not installed, and the format is simple enough to read directly.",
        ),
    )  # fmt: skip


LISTS = (markdown_table, html_table, contacts, agenda)
