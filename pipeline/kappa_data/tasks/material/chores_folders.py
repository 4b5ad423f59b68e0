"""Text chores on many files: new names, clean line ends, copies removed."""

from __future__ import annotations

from kappa_data.records import ReferenceStep
from kappa_data.tasks.material.chores import WORDS, Chore, prose
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording

FILE_NAMES_ASK = (
    "The files in {folder}/ have names like `{old}`. Rename them all to the pattern `{new}`: the "
    "word in lower case, a hyphen, the number as it is, ending .txt. {other} stays.",
    "Please rename everything in {folder}/ that begins with {prefix}: from `{old}` to `{new}` "
    "and so on (lower case word, hyphen, same number, .txt). Leave {other} alone.",
)
FILE_NAMES_ANSWER = (
    "{last} is the last of {count} new names in {folder}/. The word went to the front and into "
    "lower case, the number of {prefix} kept its four digits, and .{ending} became .txt, so "
    "`{old}` turned into `{new}`. {other} does not match the pattern and <kept its name|was "
    "passed over>; mv -n would have refused to replace an existing file.",
    "Renamed: {count} files. From `{old}` to `{new}`, and so on through {folder}/ until {last}, "
    "which is the last name now<, leaving aside {other}|>. No two names collided. The number "
    "stayed as it was, <leading zeros included|with its leading zeros>, so the new names can be "
    "traced back to the {prefix} numbers.",
    "{count} files in {folder}/ have new names, for instance `{old}` is `{new}` now; the last "
    "one by alphabet is {last}. {other} was left as it is, and no content was touched. I used "
    "`mv -n`, which never overwrites, <in case two names had come out equal|so equal names could "
    "not have eaten each other>.",
    "All {count} files with {prefix} in front were renamed; in alphabetical order {last} comes "
    "last. `{old}` became `{new}`, the others accordingly. There were no clashes between new "
    "names, {other} is still there, and the contents <are the same|did not change>.",
)


def _renaming(w: Wording, facts: dict[str, object], command: str) -> tuple[ReferenceStep, ...]:
    """See the names, rename, see them again."""
    folder = facts["folder"]
    return (
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
                (
                    "Split each name at the blanks, quote it, and use mv -n so that nothing is "
                    "overwritten.",
                    "`{old}` has three parts; set -- takes them apart, and {new} is put together "
                    "from two.",
                    "A loop over {prefix}*.{ending}: word to lower case, number, .txt; mv -n for "
                    "safety.",
                ),
                **facts,
            ),
        ),
        bash(
            f"ls {folder}; ls {folder} | grep -c '\\.txt$'",
            w.say("Are all {count} there, and {other} too?", **facts),
        ),
    )


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
    after = {f"{folder}/{pairs.get(p[len(folder) + 1 :], other)}": t for p, t in files.items()}
    first = sorted(pairs)[0]
    facts: dict[str, object] = {
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
    return Chore(
        files=files,
        topic="new names",
        ask=w.say(
            FILE_NAMES_ASK,
            **facts,
        ),
        question=w.say(
            "How many files were renamed, and which name is the last one by alphabet<, {other} "
            "aside|, not counting {other}>?",
            **facts,
        ),
        steps=_renaming(w, facts, command),
        command=command,
        outputs={},
        folder=after,
        repeatable=False,
        answer=w.say(
            FILE_NAMES_ANSWER,
            **facts,
            last=last,
        ),
        facts=(str(len(pairs)), last),
    )


LINE_ENDS_ASK = (
    "Some files in {folder}/ have Windows line ends or blanks and tabs at the end of lines. "
    "Remove both everywhere in {folder}/*.md, and change nothing else.",
    "git complains about trailing whitespace and CR characters in {folder}/*.md. Please take "
    "them all out, in place; <the text itself must stay|no other change>.",
)
LINE_ENDS_ANSWER = (
    "In {folder}/ {dirty} files of {all} needed it, and in {crlf} of these there were CR "
    "characters from Windows. <Afterwards|Now> all {lines} lines end right after their last "
    "visible character. The rest of the text is the same to the byte, <which a diff that ignores "
    "white space would confirm|blanks between words included>.",
    "The count is {dirty} changed files out of {all} in {folder}/, {crlf} with CR. The same "
    "expression took care of blanks, tabs and CR, because all three count as space before a line "
    "end. Still {lines} lines; <clean files were written again without a difference|files that "
    "were clean stay as they were>.",
    "{dirty} of the {all} files in {folder}/ had something at their line ends and were changed; "
    "{crlf} of them had CR characters. Now no line ends in a blank, a tab or a CR. The number of "
    "lines ({lines} in all) is <the same as before|unchanged>, and blanks inside the lines were "
    "not touched.",
    "Cleaned: {dirty} files, {crlf} of which contained CR. The other files in {folder}/ had "
    "nothing to remove<, their text is identical|>. A search for white space before a line end "
    "finds nothing any more, and the {lines} lines are all still there, in the same order.",
)


def _cleaning(
    w: Wording, facts: dict[str, object], command: str, find: str
) -> tuple[ReferenceStep, ...]:
    """Find the files, count those with CR, clean, search again."""
    folder = facts["folder"]
    return (
        bash(
            f"{find} | tee /dev/stderr | wc -l",
            w.say("Which files in {folder} have blanks, tabs or CR before a line end?", **facts),
        ),
        bash(
            f"grep -lE $'\\r$' {folder}/*.md | wc -l",
            w.say(
                (
                    "CR counts as space for the first search; count those files by themselves.",
                    "The user wants the files of {folder} with CR counted on their own.",
                ),
                **facts,
            ),
        ),
        bash(
            command,
            w.say(
                (
                    "One substitution takes all white space before the line end, CR included.",
                    "{dirty} files to change: sed removes space characters at the end of each "
                    "line.",
                    "In place with sed, for all files of {folder}; clean ones come out the same.",
                ),
                **facts,
            ),
        ),
        bash(
            f"{find} || echo none; wc -l {folder}/*.md | tail -n 1",
            w.say(
                (
                    "Nothing may be left, and the number of lines must be the same.",
                    "Search {folder} again, and count lines to see that none was joined.",
                ),
                **facts,
            ),
        ),
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
    facts: dict[str, object] = {"folder": folder, "all": len(files), "dirty": dirty, "crlf": crlf}
    lines = sum(text.count("\n") for text in files.values())
    command = f"sed -i 's/[[:space:]]*$//' {folder}/*.md"
    find = f"grep -lE '[[:space:]]+$' {folder}/*.md"
    return Chore(
        files=files,
        topic="cleaning",
        ask=w.say(
            LINE_ENDS_ASK,
            **facts,
        ),
        question=w.say(
            "How many of the {all} files had to be changed, and how many of them had CR "
            "characters?",
            **facts,
        ),
        steps=_cleaning(w, facts, command, find),
        command=command,
        outputs={},
        folder=clean,
        repeatable=False,
        answer=w.say(
            LINE_ENDS_ANSWER,
            **facts,
            lines=lines,
        ),
        facts=(str(dirty), str(crlf)),
    )


COPIES_ASK = (
    "Several files in {folder}/ have the same content. Of each such group keep the one whose "
    "name comes first by alphabet and delete the others. Put the deleted paths into {out}, "
    "sorted, one a line, like {folder}/name.txt.",
    "Remove duplicates from {folder}/: files with equal content, the first name by alphabet "
    "stays. <I want a list|A list> of what was deleted in {out}, paths as {folder}/name.txt, "
    "sorted.",
)
COPIES_ANSWER = (
    "{gone} copies were deleted and {kept} files are left in {folder}/; that frees {freed} "
    "bytes. {out} lists what went, beginning with {first}. Equal means equal by SHA-256, so "
    "<similar texts were not touched|a text that only looks alike is still there>, and of every "
    "group the first name stayed.",
    "Of {all} files {kept} remain: {gone} had the content of an earlier name and are gone, "
    "{freed} bytes in total. Their paths are in {out} (the first is {first}). I compared "
    "checksums and looked at the list before deleting, <since that cannot be undone|as there is "
    "no way back>.",
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
    return Chore(
        files=files,
        topic="list of copies",
        ask=w.say(
            COPIES_ASK,
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
        folder={path: text for path, text in files.items() if path not in gone},
        repeatable=False,
        answer=w.say(
            COPIES_ANSWER,
            **facts,
        ),
        facts=(str(len(gone)), str(len(files) - len(gone)), str(freed)),
    )


CHORES = (file_names, line_ends, copies)
