"""Text chores on lines: sections split off, remarks collected, dates turned."""

from __future__ import annotations

from collections import Counter

from kappa_data.records import ReferenceStep
from kappa_data.tasks.material.chores import PEOPLE, TOWNS, WORDS, Chore, look, prose, slip
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed

SECTIONS_ASK = (
    "{path} has sections that begin with a line like `{mark} {title}`. Write each section to a "
    "file of its own in {folder}/, named after it in lower case ({example}), without the heading "
    "line.",
    "Split {path} at its headings (`{mark} Name`): the lines below each go to {folder}/name.txt, "
    "name in lower case, e.g. {example}. The headings themselves are left out.",
)
SECTIONS_ANSWER = (
    "Each of the {count} headings in {path} has become a file: {titles}, all in {folder}/ and "
    "with the ending .txt. <At|With> {lines} lines {longest}.txt has the most. What stood before "
    "a heading belongs to the section above it, so <every line but the headings|all text below "
    "the headings> is in exactly one file.",
    "The result is {count} files under {folder}/, namely {titles}. Most lines, {lines}, are in "
    "{longest}.txt. I cut at lines that begin with `{mark} ` and <dropped those lines "
    "themselves|left those lines out>; a `{mark}` in the middle of a line would not have started "
    "a new file.",
    "{folder}/ has {count} files now, one for each heading of {path}. The longest is "
    "{longest}.txt with {lines} lines. The heading lines are left out; together with them the "
    "lines add up to those of {path}, <so nothing was lost|which itself was not changed>, and no "
    "two sections share a name.",
    "{path} was split into {count} files in {folder}/, e.g. {example} for the section {title}. "
    "{longest}.txt is the one with the most lines ({lines}). Names are in lower case, and the "
    "order of the lines within a section <is kept|did not change>; {path} is still there as it "
    "was.",
)


def _splitting(w: Wording, facts: dict[str, object], command: str) -> tuple[ReferenceStep, ...]:
    """The headings, the cut, the lines of the parts."""
    path, folder, mark = str(facts["path"]), facts["folder"], facts["mark"]
    return (
        *slip(w, path),
        bash(
            f"grep -n '^{mark} ' {path}; wc -l {path}",
            w.say(
                (
                    "The headings of {path} with their places.",
                    "Where do the sections of {path} begin, and what are they called?",
                ),
                **facts,
            ),
        ),
        bash(
            command,
            w.say(
                (
                    "awk switches the output file at every heading and prints the rest.",
                    "{count} headings: on `{mark} ` take the name in lower case as the new file, "
                    "else print.",
                    "One pass with awk does it, with {folder}/ made beforehand.",
                ),
                **facts,
            ),
        ),
        bash(
            f"ls {folder} | wc -l; wc -l {folder}/*.txt | sort -n",
            w.say(
                (
                    "{count} files? Their lines and the headings must add up to {path}.",
                    "Count lines in {folder}: nothing of {path} but its headings may be missing.",
                ),
                **facts,
            ),
        ),
    )


def sections(w: Wording) -> Chore:
    """One file with sections becomes one file a section."""
    path = w.pick(("all.txt", "handbook.txt", "export/everything.txt", "collection.md"))
    folder = w.pick(("parts", "chapters", "out", "split"))
    mark = w.pick(("==", "##", "--"))
    names = w.some(WORDS, w.rng.randrange(4, 8))
    bodies = {
        name: "".join(f"{prose(w, w.rng.randrange(3, 8))}\n" for _ in range(w.rng.randrange(2, 9)))
        for name in names
    }
    longest = w.pick(names)
    bodies[longest] += "".join(f"{prose(w, 4)}\n" for _ in range(8))  # no tie for the most lines
    text = "".join(f"{mark} {name.title()}\n{body}" for name, body in bodies.items())
    facts: dict[str, object] = {
        "path": path,
        "folder": folder,
        "mark": mark,
        "count": len(names),
        "example": f"{folder}/{names[0]}.txt",
        "title": names[0].title(),
        "longest": longest,
        "titles": listed(sorted(names)),
        "lines": bodies[longest].count("\n"),
    }
    command = (
        f'mkdir -p {folder} && awk \'/^{mark} /{{f="{folder}/" tolower($2) ".txt"; next}} '
        f"{{print > f}}' {path}"
    )
    outputs = {f"{folder}/{name}.txt": body for name, body in bodies.items()}
    return Chore(
        files={path: text},
        topic="split",
        ask=w.say(
            SECTIONS_ASK,
            **facts,
        ),
        question=w.say("How many files are there, and which one has the most lines?"),
        steps=_splitting(w, facts, command),
        command=command,
        outputs=outputs,
        answer=w.say(
            SECTIONS_ANSWER,
            **facts,
        ),
        facts=(str(len(names)), f"{longest}.txt"),
    )


REMARKS_ASK = (
    "List all remarks of the form `# {tag}(name): text` under {folder}/ in {out}, one a line as "
    "`path:line name text`, by path and then line number.",
    "I want an overview of our {tag} comments, which look like `# {tag}(name): text`. Write "
    "{out} with `path:line name text` for each one under {folder}/, sorted by path and line.",
)
REMARKS_ANSWER = (
    "There are {count} {tag} remarks in {files} files under {folder}/, all of them in {out}. "
    "{top} has the most, namely {most}. The names that occur are {owners}. Each line begins with "
    "path and line number, <so that an editor can jump to it|which most editors can follow>.",
    "{out} lists {count} remarks. Most of them ({most}) are for {top}; altogether {owners} are "
    "mentioned, in {files} files. Comments without the {tag} form <are not in it|were left out>, "
    "and lines of one file are in the order of their numbers.",
)


def _collecting(
    w: Wording, facts: dict[str, object], command: str, grep: str
) -> tuple[ReferenceStep, ...]:
    """As grep shows them, as they are wanted, counted by name."""
    out = facts["out"]
    return (
        bash(
            f"{grep} | head -n 5; {grep} | wc -l",
            w.say("See the remarks under {folder} as grep prints them.", **facts),
        ),
        bash(
            command,
            w.say(
                "sed turns path, line, name and text into the wanted form; sort by path, then "
                "number."
            ),
        ),
        bash(
            f"head -n 4 {out}; cut -d' ' -f2 {out} | sort | uniq -c | sort -k1,1nr -k2,2",
            w.say("Check the form, and count by name."),
        ),
    )


def remarks(w: Wording) -> Chore:
    """All TODO remarks of a source tree as one list."""
    tag = w.pick(("TODO", "FIXLATER", "REVIEW", "QUESTION"))
    out = w.pick(("todo.txt", "open_points.txt", "remarks.txt"))
    owners = w.some(PEOPLE, 4)
    folder = w.pick(("src", "lib", "code", "app"))
    files: dict[str, str] = {}
    found = []
    for name in sorted(w.some(WORDS, w.rng.randrange(4, 7))):
        path = f"{folder}/{name}.py"
        lines = []
        for number in range(1, w.rng.randrange(10, 22)):
            if w.chance(0.2):
                owner, text = w.pick(owners), prose(w, w.rng.randrange(3, 6))
                lines.append(f"    # {tag}({owner}): {text}")
                found.append((path, number, owner, text))
            else:
                lines.append(
                    w.pick(
                        (
                            f"def {w.pick(WORDS)}():",
                            f"    {w.pick(WORDS)} = {number}",
                            f"    # {prose(w, 3)}",
                        )
                    )
                )
        files[path] = "\n".join(lines) + "\n"
    if not found:
        path = f"{folder}/zz_last.py"
        files[path] = f"    # {tag}({owners[0]}): look again\n"
        found.append((path, 1, owners[0], "look again"))
    count = Counter(owner for _, _, owner, _ in found)
    top = sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))[0]
    facts: dict[str, object] = {
        "tag": tag,
        "out": out,
        "folder": folder,
        "count": len(found),
        "top": top[0],
        "most": top[1],
        "files": len({path for path, *_ in found}),
        "owners": listed(sorted(count)),
    }
    grep = f"grep -rn '{tag}(' {folder}"
    form = f"s/^([^:]+):([0-9]+): *# {tag}\\(([a-z]+)\\): /\\1:\\2 \\3 /"
    command = f"{grep} | sed -E '{form}' | LC_ALL=C sort -t: -k1,1 -k2,2n > {out}"
    return Chore(
        files=files,
        topic="list of remarks",
        ask=w.say(
            REMARKS_ASK,
            **facts,
        ),
        question=w.say(
            "How many are there, and who has the most<, with how many|> (the first by alphabet, "
            "if there is a tie)?"
        ),
        steps=_collecting(w, facts, command, grep),
        command=command,
        outputs={out: "".join(f"{p}:{n} {o} {t}\n" for p, n, o, t in sorted(found))},
        answer=w.say(
            REMARKS_ANSWER,
            **facts,
        ),
        facts=(str(len(found)), top[0]),
    )


DATES_ASK = (
    "Each line of {path} begins with a date like 31.12.2024. Write {out} with the dates as "
    "2024-12-31, the rest of the line as it is, sorted by date (equal dates by text).",
    "The dates in {path} are day.month.year. I need them as year-month-day in {out}, lines "
    "sorted by the new date, everything behind the date unchanged; same day: alphabetical.",
)
DATES_ANSWER = (
    "{out} has all {count} entries, from {first} to {last}. The year {year} has {most} of them. "
    "Only the date at the start of a line was turned round, the text behind it is unchanged, and "
    "{path} itself <was not touched|still has the old form>, in case you need it.",
    "The earliest date is {first}, the latest {last}, and {year} has {most} entries out of "
    "{count}. Every line of {path} had a date in front, so none <was left over|remained in the "
    "old form>; entries of the same day are in alphabetical order, as you wanted.",
)


def dates(w: Wording) -> Chore:
    """Days as 31.12.2024 become 2024-12-31."""
    path = w.pick(("diary.txt", "visits.txt", "logbook/entries.txt", "minutes.txt"))
    out = w.pick(("diary_iso.txt", "sorted.txt", "iso.txt", "by_date.txt"))
    rows = []
    for _ in range(w.rng.randrange(18, 34)):
        year, month, day = (
            w.rng.randrange(2019, 2026),
            w.rng.randrange(1, 13),
            w.rng.randrange(1, 29),
        )
        rows.append((year, month, day, f"{w.pick(TOWNS)} {prose(w, w.rng.randrange(2, 5))}"))
    text = "".join(f"{d:02d}.{m:02d}.{y} {t}\n" for y, m, d, t in rows)
    lines = sorted(f"{y}-{m:02d}-{d:02d} {t}" for y, m, d, t in rows)
    years = Counter(y for y, *_ in rows)
    top = sorted(years.items(), key=lambda pair: (-pair[1], pair[0]))[0]
    facts = {
        "path": path,
        "out": out,
        "count": len(rows),
        "first": lines[0][:10],
        "last": lines[-1][:10],
        "year": top[0],
        "most": top[1],
    }
    form = r"s/^([0-9]{2})\.([0-9]{2})\.([0-9]{4})/\3-\2-\1/"
    command = f"sed -E '{form}' {path} | LC_ALL=C sort > {out}"
    return Chore(
        files={path: text},
        topic="dated list",
        ask=w.say(
            DATES_ASK,
            **facts,
        ),
        question=w.say(
            "What are the earliest and the latest date, and how many entries does {year} have?",
            **facts,
        ),
        steps=(
            *slip(w, path),
            look(w, path, "turning the dates round"),
            bash(
                command,
                w.say(
                    "Swap the three numbers at the start of a line; in this form text order is "
                    "date order."
                ),
            ),
            bash(
                f"head -n 2 {out}; tail -n 1 {out}; grep -c '^{top[0]}-' {out}; grep -vc "
                f"'^[0-9-]* ' {out}",
                w.say(
                    "Ends of the list, entries of {year}, and lines that were not converted.",
                    **facts,
                ),
            ),
        ),
        command=command,
        outputs={out: "".join(f"{line}\n" for line in lines)},
        answer=w.say(
            DATES_ANSWER,
            **facts,
        ),
        facts=(lines[0][:10], lines[-1][:10], str(top[1])),
    )


CHORES = (sections, remarks, dates)
