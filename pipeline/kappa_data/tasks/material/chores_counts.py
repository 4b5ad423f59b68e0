"""Text chores that count: words, sums by town, addresses."""

from __future__ import annotations

from collections import Counter

from kappa_data.tasks.material.chores import PEOPLE, TOWNS, WORDS, Chore, look, prose, slip
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording

WORD_COUNTS_ASK = (
    "Count the words of {path} and write the {count} most frequent ones to {out}, one a line as "
    "`number word`. Case and punctuation don't matter, words in lower case, equal numbers in "
    "alphabetical order.",
    "I want the top {count} words of {path} in {out}: each line the number, a blank, the word in "
    "lower case; most frequent first, ties alphabetical, <no punctuation|punctuation dropped>.",
)
WORD_COUNTS_ANSWER = (
    '{out} has the {count} most frequent words of {path}. The first is "{top}" with {times} '
    'occurrences, followed by "{second}" with {second_times}. In all there are {all} words, '
    "{distinct} different ones; upper and lower case were counted together, and whatever is not "
    "a letter <separates|was taken to separate> words.",
    '"{top}" leads with {times}, then "{second}" ({second_times}). The list of {count} is in '
    "{out}, in the form you gave, ties by alphabet. {path} contains {all} words, {distinct} of "
    "them different; punctuation <was dropped|does not count>, case was ignored, and {path} "
    "itself is unchanged.",
)


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
            WORD_COUNTS_ASK,
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
            WORD_COUNTS_ANSWER,
            **facts,
        ),
        facts=(top[0], str(top[1])),
    )


GROUP_SUMS_ASK = (
    "{path} has tabs between name, town and {unit}. Write the sum of {unit} by town to {out}: "
    "town, tab, sum, no header, largest sum first (equal sums by town).",
    "Please sum up {unit} by town from {path} (tab separated, with a header). Result in {out}, "
    "without header: town<, a tab and|, tab,> the sum; biggest first, ties by name of the town.",
)
GROUP_SUMS_ANSWER = (
    "{top} is first with {most} {unit}; {low} is last with {least}. The grand total is {all}, "
    "which is also what the lines of {out} add up to. The file has {groups} towns from {rows} "
    "rows, <separated by tabs|tab separated> and without a header, as you wanted.",
    "{out} lists {groups} towns by their sum of {unit}. On top is {top} ({most}), at the end "
    "{low} ({least}). All {rows} rows together make {all} {unit}; <I added the result up to "
    "check|the sums in {out} give the same>, so no row was lost on the way.",
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
            GROUP_SUMS_ASK,
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
            GROUP_SUMS_ANSWER,
            **facts,
        ),
        facts=(ranked[0][0], str(ranked[0][1]), str(facts["all"])),
    )


ADDRESSES_ASK = (
    "Collect every mail address from the files in {folder}/ into {out}: lower case, sorted, each "
    "once, one a line, no brackets or punctuation around them.",
    "There are mail addresses all over the texts in {folder}/. Please write them to {out}, in "
    "lower case, sorted and without repetition, one on each line.",
)
ADDRESSES_ANSWER = (
    "{count} different addresses occur in {folder}/, {hits} times altogether, over {files} "
    "files. The list is in {out} and begins with {first}. Different spellings in upper and lower "
    "case <were counted as one|are one address> there, and dots or brackets after an address are "
    "not part of it.",
    "{out} has {count} addresses. In the {files} files they <are mentioned|occur> {hits} times; "
    "a frequent one is {most} with {times}. I matched the address alone, so the brackets, commas "
    "and full stops around it are <not in the list|left behind>, and case was unified before "
    "sorting.",
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
            ADDRESSES_ASK,
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
            ADDRESSES_ANSWER,
            **facts,
        ),
        facts=(str(len(used)), str(facts["hits"])),
    )


CHORES = (word_counts, group_sums, addresses)
