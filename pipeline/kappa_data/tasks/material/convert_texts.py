"""Conversions of structured texts: settings, subtitles, references, changelogs, outlines."""

from __future__ import annotations

from typing import Any

from kappa_data.tasks.material.chores import WORDS
from kappa_data.tasks.material.convert_scripts import DUMP, script_head
from kappa_data.tasks.material.datawork import Output, Work
from kappa_data.tasks.material.domains import FIRST, LAST
from kappa_data.tasks.material.phrasing import plural, word
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.wording import Wording, listed


def settings(w: Wording) -> Work:
    """An INI file to typed JSON."""
    source = w.pick(("app.ini", "conf/service.ini", "settings.cfg", "old/server.ini"))
    target = w.pick(("app.json", "settings.json", "config.json"))
    names = ("host", "port", "timeout", "debug", "paths", "retries", "owner", "ratio", "cache",
             "languages", "limit", "title", "verbose", "colour", "hosts", "delay")  # fmt: skip
    groups = w.some(("server", "mail", "storage", "web", "search", "jobs", "users"),
                    w.rng.randint(3, 5))  # fmt: skip
    value: dict[str, dict[str, Any]] = {}
    lines = [w.pick(("; written by hand", "# do not sort", "; moved from the old box")), ""]
    for group in groups:
        value[group] = {}
        lines.append(f"[{group}]")
        for name in w.some(names, w.rng.randint(3, 6)):
            kind = w.pick(("int", "bool", "list", "text", "text"))
            put: Any
            if kind == "int":
                put = w.rng.randint(1, 9000)
                said = str(put)
            elif kind == "bool":
                put = w.chance(0.5)
                said = w.pick(("yes", "on", "true") if put else ("no", "off", "false"))
            elif kind == "list":
                put = w.some(WORDS, w.rng.randint(2, 4))
                said = ", ".join(put)
            else:
                put = said = f"{w.pick(WORDS)}.{w.pick(WORDS)}"
            value[group][name] = put
            lines.append(f"{name}{w.pick((' = ', '=', ': '))}{said}")
            if w.chance(0.15):
                lines.append(f"; {w.pick(WORDS)} was {w.pick(WORDS)} before")
        lines.append("")
    count = sum(len(each) for each in value.values())
    largest = max(value, key=lambda name: (len(value[name]), name))
    script = script_head(source, target, "configparser json") + (
        "\n\ndef typed(value):\n"
        '    if value.lower() in ("yes", "on", "true"):\n        return True\n'
        '    if value.lower() in ("no", "off", "false"):\n        return False\n'
        "    if value.isdigit():\n        return int(value)\n"
        '    if "," in value:\n        return [part.strip() for part in value.split(",")]\n'
        "    return value\n\n\nparser = configparser.ConfigParser(interpolation=None)\n"
        "parser.read_string(text)\n"
        "result = {name: {key: typed(value) for key, value in parser[name].items()}\n"
        "          for name in parser.sections()}\n"
        f"{DUMP}print({{name: len(keys) for name, keys in result.items()}})\n"
    )
    return Work(
        files={source: "\n".join(lines)},
        context=w.pick(
            (
                "The new release reads JSON instead of INI.",
                "I am retiring an old server and its settings have to move.",
                "Nobody wants to touch the INI parser any more.",
            )
        ),
        ask=w.say(
            [
                "Convert {source} to {target}.",
                "Please write {target} with the content of {source}.",
            ],
            source=source,
            target=target,
        ),
        details=(
            "One object per section, comments dropped.",
            "yes/on/true and no/off/false become booleans, whole numbers numbers, values with "
            "commas lists of strings, all else strings.",
            "How many settings are there in all, and which section has the most (name all that "
            "tie or one of them)?",
        ),
        sources=(source,),
        script=script,
        outputs={target: Output(value)},
        answer=w.say(
            [
                "{target} has {n} in {groups} sections. The largest is {top} with {most}.",
                "{n} were carried over; {top} has the most ({most}). Booleans, numbers and lists "
                "have their types.",
            ],
            target=target,
            n=plural(count, "setting"),
            groups=len(groups),
            top=largest,
            most=len(value[largest]),
        ),
        facts=(
            counted(count),
            "|".join(word(n) for n in value if len(value[n]) == len(value[largest])),
        ),
        plan="configparser reads it; the types are decided value by value, booleans first.",
        check=f"head -n 12 {target}; grep -c -E '^[a-z]+ ?[=:]' {source}",
    )


def _clock(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{rest:03d}"


def subtitles(w: Wording) -> Work:
    """Subtitles that come too early or too late from some point on."""
    source = w.pick(("film.srt", "subs/talk.srt", "lecture_en.srt", "episode.srt"))
    target = w.pick(("fixed.srt", "retimed.srt", "shifted.srt"))
    shift = w.rng.choice((-1, 1)) * w.rng.randrange(250, 3900, 50)
    count = w.rng.randint(10, 26)
    at, cues = w.rng.randrange(4000, 9000), []
    for _ in range(count):
        length = w.rng.randrange(900, 4200)
        line = " ".join(w.some(WORDS, w.rng.randint(3, 7))).capitalize() + w.pick((".", "?", "!"))
        more = f"\n- {w.pick(WORDS).capitalize()}." if w.chance(0.2) else ""
        cues.append((at, at + length, line + more))
        at += length + w.rng.randrange(4100, 9000)
    first = 0 if w.chance(0.35) else w.rng.randint(2, count // 2)
    moved = [
        (a + shift, b + shift, text) if n >= first else (a, b, text)
        for n, (a, b, text) in enumerate(cues)
    ]

    def shown(items: list[tuple[int, int, str]]) -> str:
        return "\n\n".join(
            f"{n}\n{_clock(a)} --> {_clock(b)}\n{text}" for n, (a, b, text) in enumerate(items, 1)
        )

    begin = cues[first][0]
    script = script_head(source, target, "re") + (
        f"SHIFT = {shift}  # milliseconds\nFROM = {begin if first else 0}\n\n\n"
        "def moved(found):\n"
        "    times = []\n    for hour, minute, second, rest in CLOCK.findall(found[0]):\n"
        "        minutes = int(hour) * 60 + int(minute)\n"
        "        times.append((minutes * 60 + int(second)) * 1000 + int(rest))\n"
        "    if times[0] >= FROM:\n        times = [time + SHIFT for time in times]\n"
        '    return " --> ".join(\n'
        '        f"{t // 3600000:02d}:{t // 60000 % 60:02d}:{t // 1000 % 60:02d},{t % 1000:03d}"\n'
        "        for t in times\n    )\n\n\n"
        'CLOCK = re.compile(r"(\\d\\d):(\\d\\d):(\\d\\d),(\\d{3})")\n'
        'text, count = re.subn(r"(?m)^\\d\\d:.* --> .*$", moved, text)\n'
        'with open(TARGET, "w", encoding="utf-8") as out:\n    out.write(text)\n'
        'print(count, "cues")\n'
    )
    words = {
        "source": source, "target": target, "by": f"{abs(shift)} ms",
        "way": "later" if shift > 0 else "earlier", "last": _clock(moved[-1][1]),
        "n": count - first, "from": "from the first cue on" if not first else
        f"from the cue at {_clock(begin)} on (that one included)",
    }  # fmt: skip
    return Work(
        files={source: shown(cues) + "\n"},
        context=w.pick(
            (
                "I subtitle lectures for deaf students.",
                "The subtitles of our club's film drift away from the sound.",
                "An advertisement was cut and now the titles are off.",
            )
        ),
        ask=w.say(
            [
                "The titles in {source} have to come {by} {way}, {from}. Write {target}.",
                "Make {target} from {source}: every time {by} {way}, {from}.",
            ],
            **words,
        ),
        details=(
            "Numbers and texts stay, and so do the times before that point."
            if first
            else "Numbers and texts stay as they are.",
            "When does the last cue end then (hh:mm:ss,mmm), and how many cues have moved?",
        ),
        sources=(source,),
        script=script,
        outputs={target: Output(shown(moved))},
        answer=w.say(
            [
                "{n} cues moved by {by}; the last one ends at {last}. The rest of {target} is as "
                "in {source}.",
                "The last cue in {target} ends at {last}. {n} cues are {by} {way}; texts and "
                "numbers are unchanged.",
            ],
            **words,
        ),
        facts=(counted(count - first), word(_clock(moved[-1][1])).replace(",", "[,.]")),
        plan="Compute in milliseconds, so that minutes and hours carry over by themselves.",
        check=f"diff {source} {target} | grep -c '^>'; tail -n 4 {target}",
    )


def references(w: Wording) -> Work:
    """BibTeX entries to a reading list."""
    source = w.pick(("refs.bib", "paper/literature.bib", "library.bib"))
    target = w.pick(("reading.md", "literature.md", "references.md"))
    newest = w.chance(0.5)
    entries = []
    for at in range(w.rng.randint(6, 14)):
        people = [f"{w.pick(LAST)}, {w.pick(FIRST)}" for _ in range(w.pick((1, 1, 2, 3)))]
        title = " ".join(w.some(WORDS, w.rng.randint(3, 6))).capitalize()
        kind = w.pick(("article", "book", "inproceedings"))
        entries.append((kind, f"key{at}", people, title, w.rng.randint(1978, 2025)))
    entries = list({(e[4], e[2][0], e[3]): e for e in entries}.values())
    texts = []
    for kind, key, people, title, year in entries:
        fields = [f"  author = {{{' and '.join(people)}}}", f"  title = {{{title}}}",
                  w.pick((f"  year = {{{year}}}", f"  year = {year}"))]  # fmt: skip
        w.rng.shuffle(fields)
        if w.chance(0.4):
            fields.insert(1, f"  note = {{{w.pick(WORDS)} {w.pick(WORDS)}}}")
        texts.append(f"@{kind}{{{key},\n" + ",\n".join(fields) + "\n}")

    def line(people: list[str], title: str, year: int) -> str:
        names = [" ".join(reversed(person.split(", "))) for person in people]
        return f"- {listed(names)} ({year}): *{title}*"

    ranked = sorted(entries, key=lambda e: (-e[4] if newest else e[4], e[3]))
    wanted = [line(e[2], e[3], e[4]) for e in ranked]
    books = sum(entry[0] == "book" for entry in entries)
    several = sum(len(entry[2]) > 1 for entry in entries)
    sort = "(-int(e[2]), e[1])" if newest else "(int(e[2]), e[1])"
    script = script_head(source, target, "re") + (
        "\nentries = []\n"
        'for block in re.split(r"(?m)^@\\w+", text)[1:]:\n'
        '    fields = dict(re.findall(r"(?m)^\\s*(\\w+) = \\{?(.*?)\\}?,?$", block))\n'
        '    names = [" ".join(reversed(name.split(", "))) for name in fields["author"]'
        '.split(" and ")]\n'
        '    shown = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]\n'
        '    entries.append((shown, fields["title"], fields["year"]))\n'
        f"entries.sort(key=lambda e: {sort})\n"
        'with open(TARGET, "w", encoding="utf-8") as out:\n'
        "    for shown, title, year in entries:\n"
        '        out.write(f"- {shown} ({year}): *{title}*\\n")\nprint(len(entries))\n'
    )
    return Work(
        files={source: "\n\n".join(texts) + "\n"},
        context=w.pick(
            (
                "I teach a seminar and want a reading list on the web page.",
                "Our group's page still shows last year's literature.",
                "My thesis adviser does not read BibTeX.",
            )
        ),
        ask=w.say(
            [
                "Make a list {target} from {source}.",
                "Turn {source} into a Markdown list, {target}.",
            ],
            source=source,
            target=target,
        ),
        details=(
            "One line each: `- First Last, First Last and First Last (year): *Title*`.",
            f"{'Newest' if newest else 'Oldest'} first, within a year by title; nothing else in "
            "the file.",
            "How many entries are there, how many of them books, and how many have more than one "
            "author?",
        ),
        sources=(source,),
        script=script,
        outputs={target: Output("\n".join(wanted))},
        answer=w.say(
            [
                "{target} lists {n}. Books: {books}. With more than one author: {several}.",
                "{n} are in {target}; {books} of them books, and {several} with several authors.",
            ],
            target=target,
            n=plural(len(entries), "entry", "entries"),
            books=books,
            several=several,
        ),
        facts=tuple(
            counted(n) if n else rf"(?:{counted(0)}|\b(?:no|none|zero|nothing|not)\b)"
            for n in (len(entries), books, several)
        ),
        plan="Split at the entries, read the fields whatever their order, turn the names round.",
        check=f"head -n 4 {target}; grep -c '^@' {source}; grep -ci '^@book' {source}; "
        f"grep -c ' and ' {source}",
    )


def changelog(w: Wording) -> Work:
    """A changelog in Markdown to JSON."""
    source = w.pick(("CHANGELOG.md", "docs/CHANGES.md", "HISTORY.md"))
    target = w.pick(("changelog.json", "releases.json", "history.json"))
    verbs = {"Added": "new", "Fixed": "wrong", "Changed": "other", "Removed": "old"}
    year, lines, value = w.rng.randint(2021, 2025), ["# Changelog", ""], []
    major = w.rng.randint(1, 8)
    for minor in range(w.rng.randint(4, 8), 0, -1):
        version = f"{major}.{minor}.{w.rng.randint(0, 4)}"
        day = f"{year}-{minor + 1:02d}-{w.rng.randint(1, 28):02d}"
        lines += [f"## [{version}] - {day}", ""]
        release: dict[str, Any] = {"version": version, "date": day}
        for kind in w.some(list(verbs), w.rng.randint(1, 3)):
            items = [
                f"{w.pick(WORDS).capitalize()} {w.pick(WORDS)} for {verbs[kind]} {w.pick(WORDS)}"
                for _ in range(w.rng.randint(1, 4))
            ]
            release[kind.lower()] = items
            lines += [f"### {kind}", "", *(f"- {item}" for item in items), ""]
        value.append(release)
    fixed = sum(len(release.get("fixed", [])) for release in value)
    count = sum(len(v) for release in value for v in release.values() if isinstance(v, list))
    script = script_head(source, target, "json re") + (
        "\nresult, kind = [], None\nfor line in text.splitlines():\n"
        '    if found := re.match(r"## \\[(.+)\\] - (.+)", line):\n'
        '        result.append({"version": found[1], "date": found[2]})\n'
        '    elif line.startswith("### "):\n'
        "        kind = line[4:].lower()\n        result[-1][kind] = []\n"
        '    elif line.startswith("- "):\n        result[-1][kind].append(line[2:])\n'
        f'{DUMP}print(len(result), "releases")\n'
    )
    return Work(
        files={source: "\n".join(lines)},
        context=w.pick(
            (
                "Our download page should show the releases.",
                "I write a script that announces new versions.",
                "Marketing wants figures about our releases.",
            )
        ),
        ask=w.say(
            ["Convert {source} to {target}.", "I need {source} as JSON, in {target}."],
            source=source,
            target=target,
        ),
        details=(
            "A list of objects in the order of the file: version, date, and one list of strings "
            "for each heading that the release has, its name in lower case.",
            "How many releases and how many entries are there, and how many of the entries are "
            "fixes?",
        ),
        sources=(source,),
        script=script,
        outputs={target: Output(value)},
        answer=w.say(
            [
                "{target} has {n} with {count} between them, {fixed} of which are fixes.",
                "{n}, {count}, and {fixed} of those are fixes. The order is that of {source}.",
            ],
            target=target,
            source=source,
            n=plural(len(value), "release"),
            count=plural(count, "entry", "entries"),
            fixed=fixed or "none",
        ),
        facts=(
            counted(len(value)),
            counted(count),
            counted(fixed) if fixed else rf"(?:{counted(0)}|\b(?:no|none|zero)\b)",
        ),
        plan="Three kinds of lines matter: release, heading, entry. The rest is skipped.",
        check=f"head -n 8 {target}; grep -c '^## ' {source}; grep -c '^- ' {source}",
    )


def outline(w: Wording) -> Work:
    """An indented outline to nested JSON."""
    source = w.pick(("outline.txt", "plan/structure.txt", "tree.txt", "menu.txt"))
    target = w.pick(("outline.json", "tree.json", "menu.json"))
    step = w.pick((2, 3, 4))
    names = ("title", "children") if w.chance(0.5) else ("name", "items")
    words = w.some([f"{a} {b}" for a in WORDS[:20] for b in WORDS[20:40]], 60)

    def branch(depth: int) -> list[dict[str, Any]]:
        many = w.rng.randint(2, 4) if depth == 0 else w.pick((0, 0, 1, 2, 3))
        many = many if depth < 4 else 0
        return [{names[0]: words.pop(), names[1]: branch(depth + 1)} for _ in range(min(many, 4))
                if len(words) > 5]  # fmt: skip

    value = branch(0)
    lines: list[tuple[int, str]] = []

    def walk(items: list[dict[str, Any]], depth: int) -> None:
        for item in items:
            lines.append((depth, item[names[0]]))
            walk(item[names[1]], depth + 1)

    walk(value, 0)
    deepest = max(depth for depth, _ in lines) + 1
    leaves = sum(
        n + 1 == len(lines) or lines[n + 1][0] <= depth for n, (depth, _) in enumerate(lines)
    )
    mark = w.pick(("", "- ", "* "))
    script = script_head(source, target, "json") + (
        f"\nresult = []\nstack = [result]\nfor line in text.splitlines():\n"
        "    if not line.strip():\n        continue\n"
        f'    depth = (len(line) - len(line.lstrip(" "))) // {step}\n'
        f'    node = {{"{names[0]}": line.strip().lstrip("-* "), "{names[1]}": []}}\n'
        "    del stack[depth + 1 :]\n    stack[depth].append(node)\n"
        f'    stack.append(node["{names[1]}"])\n{DUMP}print(len(result), "at the top")\n'
    )
    return Work(
        files={source: "".join(f"{' ' * (step * d)}{mark}{name}\n" for d, name in lines)},
        context=w.pick(
            (
                "I keep outlines as plain text.",
                "The menu of our web site is drafted in a text file.",
                "The chapters of the course are an indented list.",
            )
        ),
        ask=w.say(
            ["Turn {source} into nested JSON, {target}.", "Convert {source} to {target}."],
            source=source,
            target=target,
        ),
        details=(
            f"{step} blanks are one level. Each entry is an object with {names[0]} and "
            f"{names[1]}, a list that may be empty; on top there is a list.",
            "How many entries are there, how many of them have none below them, and how many "
            "levels are there?",
        ),
        sources=(source,),
        script=script,
        outputs={target: Output(value)},
        answer=w.say(
            [
                "{n} entries, {leaves} without any below them, {deep} levels. All of it is in "
                "{target}.",
                "{target} holds {n} entries on {deep} levels; {leaves} have nothing below them.",
            ],
            target=target,
            n=len(lines),
            leaves=leaves,
            deep=deepest,
        ),
        facts=(counted(len(lines)), counted(leaves)),
        plan="A stack with the list of each level; the indent says how deep an entry hangs.",
        check=f"grep -c . {source}; grep -c '\"{names[0]}\"' {target}; head -n 8 {target}",
    )


TEXTS = (settings, subtitles, references, changelog, outline)
