"""Text chores on lists and tables: counts, sums, joins, differences, columns."""

from __future__ import annotations

from collections import Counter

from kappa_data.tasks.material.chores import PEOPLE, TOWNS, WORDS, Chore, look, prose, slip
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed


def word_counts(w: Wording) -> Chore:
    """The most frequent words of a text."""
    path = w.pick(("story.txt", "speech.txt", "text/chapter1.txt", "notes/essay.txt"))
    out = w.pick(("words.txt", "top_words.txt", "frequency.txt"))
    count = w.pick((5, 8, 10, 12))
    vocabulary = w.some(WORDS, 22)
    weights = [1 + (n * n) % 23 for n in range(22)]
    lines = []
    for _ in range(w.rng.randrange(20, 35)):
        words = w.rng.choices(vocabulary, weights, k=w.rng.randrange(5, 11))
        words[0] = words[0].capitalize()
        lines.append(" ".join(words) + w.pick((".", "!", ",", ";", " -")))
    text = "\n".join(lines) + "\n"
    totals = Counter("".join(c if c.isalpha() else " " for c in text.lower()).split())
    ranked = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))
    result = "".join(f"{n} {word}\n" for word, n in ranked[:count])
    top = ranked[0]
    facts = {
        "path": path,
        "out": out,
        "count": count,
        "top": top[0],
        "times": top[1],
        "second": ranked[1][0],
        "second_times": ranked[1][1],
        "distinct": len(totals),
        "all": sum(totals.values()),
    }
    command = (
        f"tr -cs '[:alpha:]' '\\n' < {path} | tr '[:upper:]' '[:lower:]' | sed '/^$/d' | "
        f"LC_ALL=C sort "
        f"| uniq -c | awk '{{print $1, $2}}' | LC_ALL=C sort -k1,1nr -k2,2 | head -n {count} > "
        f"{out}"
    )
    return Chore(
        files={path: text},
        topic="word count",
        ask=w.say(
            (
                "Count the words of {path} and write the {count} most frequent ones to {out}, "
                "one a line "
                "as `number word`. Case and punctuation don't matter, words in lower case, equal "
                "numbers "
                "in alphabetical order.",
                "I want the top {count} words of {path} in {out}: each line the number, a blank, "
                "the word "
                "in lower case; most frequent first, ties alphabetical, <no "
                "punctuation|punctuation "
                "dropped>.",
            ),
            **facts,
        ),
        question=w.say("Which word comes first, and how often does it occur?"),
        steps=(
            *slip(w, path),
            look(w, path, "splitting it into words"),
            bash(
                command,
                w.say("One word a line, lower case, count, sort by number and then word.", **facts),
            ),
            bash(f"cat {out}", w.say("Check {out}: {count} lines, ties in order?", **facts)),
        ),
        command=command,
        outputs={out: result},
        answer=w.say(
            (
                '{out} has the {count} most frequent words of {path}. The first is "{top}" with '
                "{times} "
                'occurrences, followed by "{second}" with {second_times}. In all there are {all} '
                "words, "
                "{distinct} different ones; upper and lower case were counted together, and "
                "whatever is "
                "not a letter <separates|was taken to separate> words.",
                '"{top}" leads with {times}, then "{second}" ({second_times}). The list of '
                "{count} is "
                "in {out}, in the form you gave, ties by alphabet. {path} contains {all} words, "
                "{distinct} of them different; punctuation <was dropped|does not count> and case "
                "was "
                "ignored.",
            ),
            **facts,
        ),
        facts=(top[0], str(top[1])),
    )


def group_sums(w: Wording) -> Chore:
    """Sums of a column by another one, from a file with tabs."""
    path = w.pick(("sales.tsv", "hours.tsv", "data/amounts.tsv", "export/items.tsv"))
    out = w.pick(("sums.tsv", "by_town.tsv", "totals.tsv"))
    towns = w.some(TOWNS, w.rng.randrange(4, 8))
    unit = w.pick(("pieces", "hours", "crates", "visits"))
    rows = [
        (w.pick(PEOPLE), w.pick(towns), w.rng.randrange(1, 400))
        for _ in range(w.rng.randrange(30, 70))
    ]
    text = f"name\ttown\t{unit}\n" + "".join(f"{a}\t{b}\t{c}\n" for a, b, c in rows)
    sums: Counter[str] = Counter()
    for _, town, amount in rows:
        sums[town] += amount
    ranked = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    facts = {
        "path": path,
        "out": out,
        "unit": unit,
        "top": ranked[0][0],
        "most": ranked[0][1],
        "low": ranked[-1][0],
        "least": ranked[-1][1],
        "all": sum(sums.values()),
        "groups": len(ranked),
        "rows": len(rows),
    }
    command = (
        f"awk -F'\\t' 'NR>1 {{s[$2]+=$3}} END {{for (t in s) print t \"\\t\" s[t]}}' {path} "
        f"| LC_ALL=C sort -t$'\\t' -k2,2nr -k1,1 > {out}"
    )
    return Chore(
        files={path: text},
        topic="list of sums",
        ask=w.say(
            (
                "{path} has tabs between name, town and {unit}. Write the sum of {unit} by town "
                "to {out}: "
                "town, tab, sum, no header, largest sum first (equal sums by town).",
                "Please sum up {unit} by town from {path} (tab separated, with a header). Result "
                "in "
                "{out}, without header: town<, a tab and|, tab,> the sum; biggest first, ties by "
                "name of "
                "the town.",
            ),
            **facts,
        ),
        question=w.say(
            "Which town is first, with how many {unit}, and what is the grand total?", **facts
        ),
        steps=(
            *slip(w, path),
            look(w, path, "adding up a column"),
            bash(
                command,
                w.say("awk adds {unit} by town and skips the header; sort by the sum.", **facts),
            ),
            bash(
                f"cat {out}; awk '{{t+=$2}} END {{print t}}' {out}",
                w.say(
                    "Look at {out} and add it up: it must be the total of all {rows} rows.", **facts
                ),
            ),
        ),
        command=command,
        outputs={out: "".join(f"{town}\t{amount}\n" for town, amount in ranked)},
        answer=w.say(
            (
                "{top} is first with {most} {unit}; {low} is last with {least}. The grand total "
                "is {all}, "
                "which is also what the lines of {out} add up to. The file has {groups} towns "
                "from {rows} "
                "rows, <separated by tabs|tab separated> and without a header, as you wanted.",
                "{out} lists {groups} towns by their sum of {unit}. On top is {top} ({most}), at "
                "the end "
                "{low} ({least}). All {rows} rows together make {all} {unit}; <I added the "
                "result up to "
                "check|the sums in {out} give the same>, so no row was lost on the way.",
            ),
            **facts,
        ),
        facts=(ranked[0][0], str(ranked[0][1]), str(facts["all"])),
    )


def join_lists(w: Wording) -> Chore:
    """Two files joined by a number."""
    left, right = w.pick(
        (("members.txt", "fees.txt"), ("staff.txt", "rooms.txt"), ("a/ids.txt", "a/places.txt"))
    )
    out = w.pick(("joined.txt", "combined.txt", "both.txt"))
    numbers = sorted(w.some(range(100, 999), w.rng.randrange(18, 30)))
    names = {n: f"{w.pick(PEOPLE)}_{w.pick(WORDS)}" for n in numbers}
    values = {n: f"{w.pick(TOWNS)}-{w.rng.randrange(10, 99)}" for n in numbers}
    missing = set(w.some(numbers, 4))
    only_right = sorted(set(range(100, 999)) - set(numbers))[:: w.rng.randrange(200, 300)]
    one = w.some(numbers, len(numbers))
    two = w.some(
        [n for n in numbers if n not in missing] + only_right, len(numbers) - 4 + len(only_right)
    )
    joined = [n for n in numbers if n not in missing]
    facts = {
        "left": left,
        "right": right,
        "out": out,
        "count": len(joined),
        "lost": listed([str(n) for n in sorted(missing)]),
        "extra": len(only_right),
        "first": f"{joined[0]} {names[joined[0]]} {values[joined[0]]}",
    }
    command = f"LC_ALL=C join <(LC_ALL=C sort {left}) <(LC_ALL=C sort {right}) > {out}"
    gap = f"LC_ALL=C join -v1 <(LC_ALL=C sort {left}) <(LC_ALL=C sort {right})"
    return Chore(
        files={
            left: "".join(f"{n} {names[n]}\n" for n in one),
            right: "".join(f"{n} {values.get(n, 'nowhere')}\n" for n in two),
        },
        topic="joined list",
        ask=w.say(
            (
                "{left} and {right} both begin with a number. Join them into {out}: number, "
                "name, value, "
                "separated by blanks, sorted by number, and only numbers that are in both.",
                "Please combine {left} and {right} by the number at the start of the line. {out} "
                "should "
                "have `number name value`, ascending, leaving out numbers that one of the files "
                "lacks.",
            ),
            **facts,
        ),
        question=w.say(
            "How many lines is that, and which numbers of {left} have no partner?", **facts
        ),
        steps=(
            *slip(w, left),
            look(w, left, "joining by its first column"),
            look(w, right, f"joining it with {left}"),
            bash(
                command, w.say("join wants sorted input; neither {left} nor {right} is.", **facts)
            ),
            bash(
                f"wc -l {out}; head -n 3 {out}; {gap}",
                w.say("And the numbers of {left} without a partner.", **facts),
            ),
        ),
        command=command,
        outputs={out: "".join(f"{n} {names[n]} {values[n]}\n" for n in joined)},
        answer=w.say(
            (
                "{out} has {count} lines, the first one being `{first}`. Without a partner in "
                "{right} are "
                "{lost}, so these lines of {left} are left out. {extra} numbers of {right} <have "
                "no name in|"
                "do not occur in> {left} and were dropped <as well|in the same way>. Neither "
                "input was "
                "sorted, which the join took care of.",
                "{count} numbers are in both files and make up {out}, sorted ascending. The "
                "numbers "
                "{lost} of {left} are missing in {right}; the other way round it is {extra} "
                "numbers. "
                "<The inputs themselves were only read|I did not touch the inputs>, and "
                "`{first}` is the "
                "first line of the result.",
            ),
            **facts,
        ),
        facts=(str(len(joined)), *(str(n) for n in sorted(missing))),
    )


def difference(w: Wording) -> Chore:
    """Who is on the first list and not on the second?"""
    old, new = w.pick(
        (
            ("invited.txt", "answered.txt"),
            ("lists/may.txt", "lists/june.txt"),
            ("all.txt", "done.txt"),
        )
    )
    out = w.pick(("missing.txt", "open.txt", "not_there.txt"))
    everyone = [
        f"{p}.{word}@{town.lower()}.example"
        for p, word, town in zip(
            w.rng.choices(PEOPLE, k=40), w.some(WORDS, 40), w.rng.choices(TOWNS, k=40), strict=True
        )
    ]
    absent = sorted(w.some(everyone, w.rng.randrange(5, 12)))
    present = [address for address in everyone if address not in absent]
    strangers = [f"guest{n}@{w.pick(WORDS)}.example" for n in range(w.rng.randrange(2, 6))]
    doubled = w.some(everyone, 5)
    first = [address.upper() if w.chance(0.3) else address for address in everyone + doubled]
    w.rng.shuffle(first)
    second = present + strangers
    w.rng.shuffle(second)
    facts = {
        "old": old,
        "new": new,
        "out": out,
        "count": len(absent),
        "first": absent[0],
        "last": absent[-1],
        "strangers": len(strangers),
        "people": len(everyone),
        "doubled": len(doubled),
    }
    clean = "tr '[:upper:]' '[:lower:]' < {} | LC_ALL=C sort -u"
    command = f"LC_ALL=C comm -23 <({clean.format(old)}) <({clean.format(new)}) > {out}"
    return Chore(
        files={old: "".join(f"{x}\n" for x in first), new: "".join(f"{x}\n" for x in second)},
        topic="list of open addresses",
        ask=w.say(
            (
                "Which addresses are in {old} but not in {new}? Write them to {out}, one a line, "
                "lower "
                "case, sorted, each once. Upper and lower case mean the same address.",
                "I need {out}: all addresses of {old} that {new} does not have, in lower case, "
                "sorted, "
                "without repetition. <Case does not matter when comparing|Compare without regard "
                "to "
                "case>.",
            ),
            **facts,
        ),
        question=w.say(
            "How many are missing, and how many different addresses does {old} have?", **facts
        ),
        steps=(
            *slip(w, old),
            look(w, old, "comparing it"),
            bash(
                f"wc -l {old} {new}; {clean.format(old)} | wc -l",
                w.say(
                    "Case differs and lines repeat in {old}: how many different ones are there?",
                    **facts,
                ),
            ),
            bash(
                command,
                w.say("comm needs sorted, unified lists; keep what only {old} has.", **facts),
            ),
            bash(f"wc -l {out}; cat {out}", w.say("See what is in {out}.", **facts)),
        ),
        command=command,
        outputs={out: "".join(f"{address}\n" for address in absent)},
        answer=w.say(
            (
                "{count} addresses of {old} are not in {new}; they are in {out}, from {first} to "
                "{last}. "
                "{old} has {people} different addresses: {doubled} lines repeat one in another "
                "spelling "
                "or the same. <The other way round|Conversely> {new} has {strangers} addresses "
                "that {old} "
                "does not know; those are not in the list.",
                "Missing are {count} of {people} different addresses. {out} has them sorted and "
                "in lower "
                "case, {first} comes first. In {old} {doubled} lines are repetitions, which is "
                "why it has "
                "more lines than addresses. {new} contains {strangers} that never were in "
                "{old}<, in case "
                "that matters|; that may be worth a look>.",
            ),
            **facts,
        ),
        facts=(str(len(absent)), str(len(everyone))),
    )


def fixed_columns(w: Wording) -> Chore:
    """Fixed-width columns to CSV."""
    path = w.pick(("report.txt", "print/list.txt", "old_export.txt", "terminal.txt"))
    out = w.pick(("report.csv", "list.csv", "table.csv"))
    rows = [
        (
            f"{w.pick('KLMN')}{w.rng.randrange(1000, 9999)}",
            f"{w.pick(WORDS)} {w.pick(WORDS)}",
            w.pick(TOWNS),
            w.rng.randrange(1, 20000),
        )
        for _ in range(w.rng.randrange(15, 35))
    ]
    body = "".join(f"{a:<8}{b:<22}{c:<12}{d:>8}\n" for a, b, c, d in rows)
    text = f"{'CODE':<8}{'ARTICLE':<22}{'TOWN':<12}{'AMOUNT':>8}\n{'-' * 50}\n{body}"
    result = "code,article,town,amount\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows)
    big = max(rows, key=lambda row: row[3])
    facts = {
        "path": path,
        "out": out,
        "rows": len(rows),
        "sum": sum(row[3] for row in rows),
        "code": big[0],
        "most": big[3],
        "town": big[2],
        "article": big[1],
    }
    command = (
        f'awk \'BEGIN {{print "code,article,town,amount"}} NR>2 {{a=substr($0,1,8); '
        f"b=substr($0,9,22); "
        f'c=substr($0,31,12); d=substr($0,43,8); gsub(/^ +| +$/,"",a); gsub(/^ +| +$/,"",b); '
        f'gsub(/^ +| +$/,"",c); gsub(/ /,"",d); print a "," b "," c "," d}}\' {path} > {out}'
    )
    return Chore(
        files={path: text},
        topic="CSV file",
        ask=w.say(
            (
                "{path} is a printed list with fixed columns (8, 22, 12 and 8 characters wide). "
                "Turn it "
                "into {out}: CSV with commas, header `code,article,town,amount`, no blanks "
                "around the "
                "values, without the dashed line.",
                "Convert {path} (columns of 8, 22, 12, 8 characters, header and dashes on top) "
                "to CSV in "
                "{out}. First line `code,article,town,amount`, then the rows in their order, "
                "values "
                "trimmed.",
            ),
            **facts,
        ),
        question=w.say(
            "How many rows are there, what is the sum of the amounts, and which code has the "
            "largest?"
        ),
        steps=(
            *slip(w, path),
            look(w, path, "cutting it at fixed places"),
            bash(
                command,
                w.say("Articles contain blanks, so cut by position and trim each part.", **facts),
            ),
            bash(
                f"head -n 3 {out}; awk -F, 'NR>1 {{n++; s+=$4; if ($4>m) {{m=$4; c=$1}}}} END "
                f"{{print n, s, c, m}}' {out}",
                w.say("Check {out} and take rows, sum and maximum from it.", **facts),
            ),
        ),
        command=command,
        outputs={out: result},
        answer=w.say(
            (
                "{out} has {rows} rows below the header. The amounts add up to {sum}, and the "
                "largest one "
                "is that of {code} ({article}, {town}) with {most}. I cut by position and not at "
                "blanks, "
                "since the articles consist of two words; <every value is trimmed|all values are "
                "trimmed>.",
                "{rows} rows were converted, with a sum of {sum}; {code} has the largest amount, "
                "{most} "
                "for {article} in {town}. The dashed line and the old header are gone, the order "
                "is the "
                "same as in {path}, and no value <contains a comma|has a comma in it>, so "
                "nothing had to "
                "be quoted.",
            ),
            **facts,
        ),
        facts=(str(len(rows)), str(facts["sum"]), big[0]),
    )


def addresses(w: Wording) -> Chore:
    """All mail addresses in some notes, each once."""
    folder = w.pick(("notes", "mail", "letters", "minutes"))
    out = w.pick(("addresses.txt", "contacts.txt", "mails.txt"))
    known = [
        f"{w.pick(PEOPLE)}.{word}@{w.pick(TOWNS).lower()}.example" for word in w.some(WORDS, 16)
    ]
    files: dict[str, str] = {}
    used: Counter[str] = Counter()
    for number in range(w.rng.randrange(3, 6)):
        lines = []
        for _ in range(w.rng.randrange(6, 14)):
            line = prose(w, w.rng.randrange(4, 9))
            if w.chance(0.5):
                address = w.pick(known)
                used[address] += 1
                shown = address.title() if w.chance(0.2) else address
                line += w.pick((f" <{shown}>", f" ({shown})", f", {shown},", f" {shown}."))
            lines.append(line)
        files[f"{folder}/{w.pick(WORDS)}{number}.txt"] = "\n".join(lines) + "\n"
    if not used:
        used[known[0]] += 1
        files[f"{folder}/last.txt"] = f"write to {known[0]}\n"
    most = sorted(used.items(), key=lambda pair: (-pair[1], pair[0]))[0]
    facts = {
        "folder": folder,
        "out": out,
        "count": len(used),
        "hits": sum(used.values()),
        "files": len(files),
        "most": most[0],
        "times": most[1],
        "first": min(used),
    }
    find = f"grep -rhoiE '[a-z0-9.]+@[a-z0-9-]+(\\.[a-z0-9-]+)+' {folder}"
    command = f"{find} | tr '[:upper:]' '[:lower:]' | LC_ALL=C sort -u > {out}"
    return Chore(
        files=files,
        topic="list of addresses",
        ask=w.say(
            (
                "Collect every mail address from the files in {folder}/ into {out}: lower case, "
                "sorted, "
                "each once, one a line, no brackets or punctuation around them.",
                "There are mail addresses all over the texts in {folder}/. Please write them to "
                "{out}, in "
                "lower case, sorted and without repetition, one on each line.",
            ),
            **facts,
        ),
        question=w.say(
            "How many different addresses are there, and how many times do they occur altogether?"
        ),
        steps=(
            bash(
                f"ls {folder}; grep -rn @ {folder} | head -n 5",
                w.say("Which files, and in what forms do addresses occur in {folder}?", **facts),
            ),
            bash(
                command, w.say("Match the address alone, lower case it, sort and drop repetitions.")
            ),
            bash(
                f"{find} | wc -l; wc -l {out}; {find} | tr '[:upper:]' '[:lower:]' | sort | uniq "
                f"-c | sort -rn | head -n 2",
                w.say("Count all hits and the different ones, and see which occurs most."),
            ),
        ),
        command=command,
        outputs={out: "".join(f"{address}\n" for address in sorted(used))},
        answer=w.say(
            (
                "{count} different addresses occur in {folder}/, {hits} times altogether, over "
                "{files} "
                "files. The list is in {out} and begins with {first}. Different spellings in "
                "upper and "
                "lower case <were counted as one|are one address> there, and dots or brackets "
                "after an "
                "address are not part of it.",
                "{out} has {count} addresses. In the {files} files they <are mentioned|occur> "
                "{hits} "
                "times; a frequent one is {most} with {times}. I matched the address alone, so the "
                "brackets, commas and full stops around it are <not in the list|left behind>, "
                "and case "
                "was unified before sorting.",
            ),
            **facts,
        ),
        facts=(str(len(used)), str(facts["hits"])),
    )


CHORES = (word_counts, group_sums, join_lists, difference, fixed_columns, addresses)
