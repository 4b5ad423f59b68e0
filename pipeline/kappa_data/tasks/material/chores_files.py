"""Text chores on many files: names, line ends, sections, copies, remarks, dates."""

from __future__ import annotations

from collections import Counter

from kappa_data.records import CommandCheck, FileCheck
from kappa_data.tasks.material.chores import PEOPLE, TOWNS, WORDS, Chore, look, prose, slip
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed


def file_names(w: Wording) -> Chore:
    """Names of a camera become names for people."""
    folder = w.pick(("photos", "scans", "takes", "inbox"))
    prefix = w.pick(("IMG", "DSC", "SCAN", "P"))
    ending = w.pick(("TXT", "Txt", "NOTE"))
    names = w.some(WORDS, w.rng.randrange(8, 15))
    numbers = w.some(range(1, 400), len(names))
    pairs = {
        f"{prefix} {n:04d} {a.title()}.{ending}": f"{a}-{n:04d}.txt"
        for n, a in zip(numbers, names, strict=True)
    }
    other = w.pick(("README", "index", "LICENSE"))
    files = {f"{folder}/{old}": prose(w, 5) + "\n" for old in pairs}
    files[f"{folder}/{other}"] = prose(w, 8) + "\n"
    first = sorted(pairs)[0]
    facts = {
        "folder": folder,
        "old": first,
        "new": pairs[first],
        "count": len(pairs),
        "other": other,
        "prefix": prefix,
        "ending": ending,
    }
    command = (
        f"cd {folder} && for f in {prefix}\\ *.{ending}; do set -- ${{f%.*}}; "
        f'mv -n -- "$f" "$(echo "$3" | tr "[:upper:]" "[:lower:]")-$2.txt"; done'
    )
    last = sorted(pairs.values())[-1]
    checks = (
        CommandCheck(
            command=f"ls {folder} | LC_ALL=C sort | tr '\\n' '|'",
            stdout="|".join(sorted([*pairs.values(), other])) + "|",
        ),
        *(
            FileCheck(path=f"{folder}/{new}", content=files[f"{folder}/{old}"])
            for old, new in pairs.items()
        ),
    )
    return Chore(
        files=files,
        topic="new names",
        ask=w.say(
            (
                "The files in {folder}/ have names like `{old}`. Rename them all to the pattern "
                "`{new}`: "
                "the word in lower case, a hyphen, the number as it is, ending .txt. {other} "
                "stays.",
                "Please rename everything in {folder}/ that begins with {prefix}: from `{old}` "
                "to `{new}` "
                "and so on (lower case word, hyphen, same number, .txt). Leave {other} alone.",
            ),
            **facts,
        ),
        question=w.say(
            "How many files were renamed, and which name is the last one by alphabet<, {other} "
            "aside|, not counting {other}>?",
            **facts,
        ),
        steps=(
            bash(
                f"ls -l {folder}",
                w.say(
                    "The names contain blanks, so see them all before renaming in {folder}.",
                    **facts,
                ),
            ),
            bash(
                command,
                w.say(
                    "Split each name at the blanks, quote it, and use mv -n so that nothing is "
                    "overwritten."
                ),
            ),
            bash(
                f"ls {folder}; ls {folder} | grep -c '\\.txt$'",
                w.say("Are all {count} there, and {other} too?", **facts),
            ),
        ),
        command=command,
        outputs={},
        checks=checks,
        repeatable=False,
        answer=w.say(
            (
                "{count} files in {folder}/ have new names, for instance `{old}` is `{new}` now; "
                "the last "
                "one by alphabet is {last}. {other} was left as it is, and no content was "
                "touched. I used "
                "`mv -n`, which never overwrites, <in case two names had come out equal|so equal "
                "names "
                "could not have eaten each other>.",
                "All {count} files with {prefix} in front were renamed; in alphabetical order "
                "{last} "
                "comes last. `{old}` became `{new}`, the others accordingly. There were no "
                "clashes, "
                "{other} is still there, and the contents <are the same|did not change>.",
            ),
            **facts,
            last=last,
        ),
        facts=(str(len(pairs)), last),
    )


def line_ends(w: Wording) -> Chore:
    """CRLF, trailing blanks and tabs go; the rest stays."""
    folder = w.pick(("docs", "texts", "pages", "manual"))
    files, clean = {}, {}
    dirty = 0
    for number, name in enumerate(w.some(WORDS, w.rng.randrange(5, 9))):
        bad = number == 0 or w.chance(0.6)
        dirty += bad
        rows = [prose(w, w.rng.randrange(3, 8)) for _ in range(w.rng.randrange(5, 12))]
        path = f"{folder}/{name}.md"
        clean[path] = "".join(f"{row}\n" for row in rows)
        ends = ["\r\n", "  \n", "\t\n", "\n"]
        files[path] = (
            "".join(
                row + (w.pick(ends[:3]) if n == 0 else w.pick(ends)) for n, row in enumerate(rows)
            )
            if bad
            else clean[path]
        )
    crlf = sum("\r\n" in text for text in files.values())
    facts = {"folder": folder, "all": len(files), "dirty": dirty, "crlf": crlf}
    lines = sum(text.count("\n") for text in files.values())
    command = f"sed -i 's/[[:space:]]*$//' {folder}/*.md"
    checks = tuple(
        CommandCheck(
            command=f"cmp {path} hidden_wanted/{path}", files={f"hidden_wanted/{path}": text}
        )
        for path, text in clean.items()
    )
    find = f"grep -lE '[[:space:]]+$' {folder}/*.md"
    return Chore(
        files=files,
        topic="cleaning",
        ask=w.say(
            (
                "Some files in {folder}/ have Windows line ends or blanks and tabs at the end of "
                "lines. "
                "Remove both everywhere in {folder}/*.md, and change nothing else.",
                "git complains about trailing whitespace and CR characters in {folder}/*.md. "
                "Please take "
                "them all out, in place; <the text itself must stay|no other change>.",
            ),
            **facts,
        ),
        question=w.say(
            "How many of the {all} files had to be changed, and how many of them had CR "
            "characters?",
            **facts,
        ),
        steps=(
            bash(
                f"{find} | tee /dev/stderr | wc -l",
                w.say(
                    "Which files in {folder} have blanks, tabs or CR before a line end?", **facts
                ),
            ),
            bash(
                f"grep -lE $'\\r$' {folder}/*.md | wc -l",
                w.say("CR counts as space for the first search; count those files by themselves."),
            ),
            bash(
                command,
                w.say("One substitution takes all white space before the line end, CR included."),
            ),
            bash(
                f"{find} || echo none; wc -l {folder}/*.md | tail -n 1",
                w.say("Nothing may be left, and the number of lines must be the same."),
            ),
        ),
        command=command,
        outputs={},
        checks=checks,
        repeatable=False,
        answer=w.say(
            (
                "{dirty} of the {all} files in {folder}/ had something at their line ends and were "
                "changed; {crlf} of them had CR characters. Now no line ends in a blank, a tab "
                "or a CR. "
                "The number of lines ({lines} in all) is <the same as before|unchanged>, and "
                "blanks "
                "inside the lines were not touched.",
                "Cleaned: {dirty} files, {crlf} of which contained CR. The other files in "
                "{folder}/ had "
                "nothing to remove<, their text is identical|>. A search for white space before "
                "a line "
                "end finds nothing any more, and the {lines} lines are all still there.",
            ),
            **facts,
            lines=lines,
        ),
        facts=(str(dirty), str(crlf)),
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
    text = "".join(f"{mark} {name.title()}\n{body}" for name, body in bodies.items())
    longest = max(sorted(names), key=lambda name: bodies[name].count("\n"))
    facts = {
        "path": path,
        "folder": folder,
        "mark": mark,
        "count": len(names),
        "example": f"{folder}/{names[0]}.txt",
        "title": names[0].title(),
        "longest": longest,
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
            (
                "{path} has sections that begin with a line like `{mark} {title}`. Write each "
                "section to a "
                "file of its own in {folder}/, named after it in lower case ({example}), without "
                "the "
                "heading line.",
                "Split {path} at its headings (`{mark} Name`): the lines below each go to "
                "{folder}/name.txt, "
                "name in lower case, e.g. {example}. The headings themselves are left out.",
            ),
            **facts,
        ),
        question=w.say("How many files are there, and which one has the most lines?"),
        steps=(
            *slip(w, path),
            bash(
                f"grep -n '^{mark} ' {path}; wc -l {path}",
                w.say("The headings of {path} with their places.", **facts),
            ),
            bash(
                command, w.say("awk switches the output file at every heading and prints the rest.")
            ),
            bash(
                f"wc -l {folder}/*.txt | sort -n",
                w.say(
                    "{count} files? Their lines and the headings must add up to {path}.", **facts
                ),
            ),
        ),
        command=command,
        outputs=outputs,
        answer=w.say(
            (
                "{folder}/ has {count} files now, one for each heading of {path}. The longest is "
                "{longest}.txt with {lines} lines. The heading lines are left out; together with "
                "them "
                "the lines add up to those of {path}, <so nothing was lost|which itself was not "
                "changed>.",
                "{path} was split into {count} files in {folder}/, e.g. {example} for the section "
                "{title}. {longest}.txt is the one with the most lines ({lines}). Names are in "
                "lower "
                "case, and the order of the lines within a section <is kept|did not change>.",
            ),
            **facts,
        ),
        facts=(str(len(names)), f"{longest}.txt"),
    )


def copies(w: Wording) -> Chore:
    """Files with equal content: the first by name stays."""
    folder = w.pick(("archive", "library", "drop", "pool"))
    out = w.pick(("removed.txt", "deleted.txt", "duplicates.txt"))
    names = [f"{word}_{n:02d}.txt" for n, word in enumerate(w.some(WORDS, w.rng.randrange(12, 18)))]
    texts = [f"{prose(w, 6)}\n{prose(w, 4)}\n" for _ in range(w.rng.randrange(6, 9))]
    files = {f"{folder}/{name}": w.pick(texts) for name in names}
    seen: set[str] = set()
    gone = []
    for path in sorted(files):
        if files[path] in seen:
            gone.append(path)
        seen.add(files[path])
    freed = sum(len(files[path].encode()) for path in gone)
    facts = {
        "folder": folder,
        "out": out,
        "all": len(files),
        "gone": len(gone),
        "kept": len(files) - len(gone),
        "freed": freed,
        "first": gone[0] if gone else "none",
    }
    command = (
        f"sha256sum {folder}/*.txt | LC_ALL=C sort -k2 | awk 'seen[$1]++ {{print $2}}' > {out} && "
        f"xargs -r rm < {out}"
    )
    checks = (
        *(FileCheck(path=path, exists=False) for path in gone),
        *(FileCheck(path=path, content=text) for path, text in files.items() if path not in gone),
    )
    return Chore(
        files=files,
        topic="list of copies",
        ask=w.say(
            (
                "Several files in {folder}/ have the same content. Of each such group keep the "
                "one whose "
                "name comes first by alphabet and delete the others. Put the deleted paths into "
                "{out}, "
                "sorted, one a line, like {folder}/name.txt.",
                "Remove duplicates from {folder}/: files with equal content, the first name by "
                "alphabet "
                "stays. <I want a list|A list> of what was deleted in {out}, paths as "
                "{folder}/name.txt, "
                "sorted.",
            ),
            **facts,
        ),
        question=w.say(
            "How many were deleted, how many are left, and how many bytes did that free?"
        ),
        steps=(
            bash(
                f"ls {folder} | wc -l; sha256sum {folder}/*.txt | cut -c1-16 | sort | uniq -c | "
                f"sort -rn",
                w.say(
                    "Equal content means an equal checksum: how many groups are there in {folder}?",
                    **facts,
                ),
            ),
            bash(
                f"sha256sum {folder}/*.txt | LC_ALL=C sort -k2 | awk 'seen[$1]++ {{print $2}}' | "
                f"xargs -r cat | wc -c",
                w.say("What would go, and how many bytes is that? Only look, do not delete yet."),
            ),
            bash(
                command,
                w.say(
                    "In order of names every further file with a known checksum is a copy: list, "
                    "then delete."
                ),
            ),
            bash(
                f"wc -l {out}; ls {folder} | wc -l",
                w.say("Do the numbers fit: {all} before?", **facts),
            ),
        ),
        command=command,
        outputs={out: "".join(f"{path}\n" for path in gone)},
        checks=checks,
        repeatable=False,
        answer=w.say(
            (
                "{gone} copies were deleted and {kept} files are left in {folder}/; that frees "
                "{freed} "
                "bytes. {out} lists what went, beginning with {first}. Equal means equal by "
                "SHA-256, so "
                "<similar texts were not touched|a text that only looks alike is still there>, "
                "and of "
                "every group the first name stayed.",
                "Of {all} files {kept} remain: {gone} had the content of an earlier name and are "
                "gone, "
                "{freed} bytes in total. Their paths are in {out} (the first is {first}). I "
                "compared "
                "checksums and looked at the list before deleting, <since that cannot be "
                "undone|as there "
                "is no way back>.",
            ),
            **facts,
        ),
        facts=(str(len(gone)), str(len(files) - len(gone)), str(freed)),
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
    facts = {
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
    command = f"{grep} | sed -E 's/^([^:]+):([0-9]+): *# {tag}\\(([a-z]+)\\): /\\1:\\2 \\3 /' | LC_ALL=C sort -t: -k1,1 -k2,2n > {out}"
    return Chore(
        files=files,
        topic="list of remarks",
        ask=w.say(
            (
                "List all remarks of the form `# {tag}(name): text` under {folder}/ in {out}, "
                "one a line as "
                "`path:line name text`, by path and then line number.",
                "I want an overview of our {tag} comments, which look like `# {tag}(name): "
                "text`. Write "
                "{out} with `path:line name text` for each one under {folder}/, sorted by path "
                "and line.",
            ),
            **facts,
        ),
        question=w.say("How many are there, and who has the most<, with how many|>?"),
        steps=(
            bash(
                f"{grep} | head -n 5; {grep} | wc -l",
                w.say("See the remarks under {folder} as grep prints them.", **facts),
            ),
            bash(
                command,
                w.say(
                    "sed turns path, line, name and text into the wanted form; sort by path, "
                    "then number."
                ),
            ),
            bash(
                f"head -n 4 {out}; cut -d' ' -f2 {out} | sort | uniq -c | sort -k1,1nr -k2,2",
                w.say("Check the form, and count by name."),
            ),
        ),
        command=command,
        outputs={out: "".join(f"{p}:{n} {o} {t}\n" for p, n, o, t in sorted(found))},
        answer=w.say(
            (
                "There are {count} {tag} remarks in {files} files under {folder}/, all of them "
                "in {out}. "
                "{top} has the most, namely {most}. The names that occur are {owners}. Each line "
                "begins "
                "with path and line number, <so that an editor can jump to it|which most editors "
                "can "
                "follow>.",
                "{out} lists {count} remarks. Most of them ({most}) are for {top}; altogether "
                "{owners} are "
                "mentioned, in {files} files. Comments without the {tag} form <are not in "
                "it|were left "
                "out>, and lines of one file are in the order of their numbers.",
            ),
            **facts,
        ),
        facts=(str(len(found)), top[0]),
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
    command = f"sed -E 's/^([0-9]{{2}})\\.([0-9]{{2}})\\.([0-9]{{4}})/\\3-\\2-\\1/' {path} | LC_ALL=C sort > {out}"
    return Chore(
        files={path: text},
        topic="dated list",
        ask=w.say(
            (
                "Each line of {path} begins with a date like 31.12.2024. Write {out} with the "
                "dates as "
                "2024-12-31, the rest of the line as it is, sorted by date (equal dates by text).",
                "The dates in {path} are day.month.year. I need them as year-month-day in {out}, "
                "lines "
                "sorted by the new date, everything behind the date unchanged; same day: "
                "alphabetical.",
            ),
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
            (
                "{out} has all {count} entries, from {first} to {last}. The year {year} has "
                "{most} of "
                "them. Only the date at the start of a line was turned round, the text behind it "
                "is "
                "unchanged, and {path} itself <was not touched|still has the old form>.",
                "The earliest date is {first}, the latest {last}, and {year} has {most} entries "
                "out of "
                "{count}. Every line of {path} had a date in front, so none <was left "
                "over|remained in "
                "the old form>; entries of the same day are in alphabetical order.",
            ),
            **facts,
        ),
        facts=(lines[0][:10], lines[-1][:10], str(top[1])),
    )


CHORES = (file_names, line_ends, sections, copies, remarks, dates)
