"""Text chores on lists: joined, compared, cut at fixed columns."""

from __future__ import annotations

from kappa_data.records import ReferenceStep
from kappa_data.tasks.material.chores import PEOPLE, TOWNS, WORDS, Chore, look, slip
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed

JOIN_LISTS_ASK = (
    "{left} and {right} both begin with a number. Join them into {out}: number, name, value, "
    "separated by blanks, sorted by number, and only numbers that are in both.",
    "Please combine {left} and {right} by the number at the start of the line. {out} should have "
    "`number name value`, ascending, leaving out numbers that one of the files lacks.",
)
JOIN_LISTS_ANSWER = (
    "{out} has {count} lines, the first one being `{first}`. Without a partner in {right} are "
    "{lost}, so these lines of {left} are left out. {extra} numbers of {right} <have no name "
    "in|do not occur in> {left} and were dropped <as well|in the same way>. Neither input was "
    "sorted, which the join took care of.",
    "{count} numbers are in both files and make up {out}, sorted ascending. The numbers {lost} "
    "of {left} are missing in {right}; the other way round it is {extra} numbers. <The inputs "
    "themselves were only read|I did not touch the inputs>, and `{first}` is the first line of "
    "the result.",
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
            JOIN_LISTS_ASK,
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
            JOIN_LISTS_ANSWER,
            **facts,
        ),
        facts=(str(len(joined)), *(str(n) for n in sorted(missing))),
    )


DIFFERENCE_ASK = (
    "Which addresses are in {old} but not in {new}? Write them to {out}, one a line, lower case, "
    "sorted, each once. Upper and lower case mean the same address.",
    "I need {out}: all addresses of {old} that {new} does not have, in lower case, sorted, "
    "without repetition. <Case does not matter when comparing|Compare without regard to case>.",
)
DIFFERENCE_ANSWER = (
    "{out} is written: {count} addresses, {first} at the top and {last} at the bottom. For "
    "comparison, {old} has {people} addresses once spelling and {doubled} repeated lines are "
    "evened out, <and so {kept} of them are in {new}|of which {kept} occur in {new} too>. I "
    "compared in lower case; {strangers} addresses stand in {new} alone.",
    "After bringing both lists to lower case and dropping repetitions, {old} has {people} "
    "addresses, and {count} of them do not occur in {new}. <You find them|They are> in {out}, "
    "sorted, the last being {last}. {kept} are in both lists; {strangers} in {new} only, <which "
    "you did not ask for|left out here>.",
    "{count} addresses of {old} are not in {new}; they are in {out}, from {first} to {last}. "
    "{old} has {people} different addresses: {doubled} lines repeat one in another spelling or "
    "the same. <The other way round|Conversely> {new} has {strangers} addresses that {old} does "
    "not know; those are not in the list.",
    "Missing are {count} of {people} different addresses. {out} has them sorted and in lower "
    "case, {first} comes first. In {old} {doubled} lines are repetitions, which is why it has "
    "more lines than addresses. {new} contains {strangers} that never were in {old}<, in case "
    "that matters|; that may be worth a look>.",
)


def _comparing(
    w: Wording, facts: dict[str, object], command: str, clean: str
) -> tuple[ReferenceStep, ...]:
    """Look, count what differs, compare, look at the result."""
    old, new, out = str(facts["old"]), facts["new"], facts["out"]
    return (
        *slip(w, old),
        look(w, old, "comparing it"),
        bash(
            f"wc -l {old} {new}; {clean.format(old)} | wc -l",
            w.say(
                (
                    "Case differs and lines repeat in {old}: how many different ones are there?",
                    "Before comparing with {new}: count {old} with spelling and repetition "
                    "evened out.",
                ),
                **facts,
            ),
        ),
        bash(
            command,
            w.say(
                (
                    "comm needs sorted, unified lists; keep what only {old} has.",
                    "Both lists in lower case and sorted into comm; its first column goes to "
                    "{out}.",
                ),
                **facts,
            ),
        ),
        bash(f"wc -l {out}; cat {out}", w.say("See what is in {out}.", **facts)),
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
    size = w.rng.randrange(28, 46)
    everyone = [
        f"{p}.{word}@{town.lower()}.example"
        for p, word, town in zip(
            w.rng.choices(PEOPLE, k=size),
            w.some(WORDS, size),
            w.rng.choices(TOWNS, k=size),
            strict=True,
        )
    ]
    absent = sorted(w.some(everyone, w.rng.randrange(5, 12)))
    present = [address for address in everyone if address not in absent]
    strangers = [f"guest{n}@{w.pick(WORDS)}.example" for n in range(w.rng.randrange(2, 6))]
    doubled = w.some(everyone, w.rng.randrange(3, 8))
    first = [address.upper() if w.chance(0.3) else address for address in everyone + doubled]
    w.rng.shuffle(first)
    second = present + strangers
    w.rng.shuffle(second)
    facts: dict[str, object] = {
        "old": old,
        "new": new,
        "out": out,
        "count": len(absent),
        "first": absent[0],
        "last": absent[-1],
        "strangers": len(strangers),
        "people": len(everyone),
        "doubled": len(doubled),
        "kept": len(present),
    }
    clean = "tr '[:upper:]' '[:lower:]' < {} | LC_ALL=C sort -u"
    command = f"LC_ALL=C comm -23 <({clean.format(old)}) <({clean.format(new)}) > {out}"
    return Chore(
        files={old: "".join(f"{x}\n" for x in first), new: "".join(f"{x}\n" for x in second)},
        topic="list of open addresses",
        ask=w.say(
            DIFFERENCE_ASK,
            **facts,
        ),
        question=w.say(
            "How many are missing, and how many different addresses does {old} have?", **facts
        ),
        steps=_comparing(w, facts, command, clean),
        command=command,
        outputs={out: "".join(f"{address}\n" for address in absent)},
        answer=w.say(
            DIFFERENCE_ANSWER,
            **facts,
        ),
        facts=(str(len(absent)), str(len(everyone))),
    )


FIXED_COLUMNS_ASK = (
    "{path} is a printed list with fixed columns (8, 22, 12 and 8 characters wide). Turn it into "
    "{out}: CSV with commas, header `code,article,town,amount`, no blanks around the values, "
    "without the dashed line.",
    "Convert {path} (columns of 8, 22, 12, 8 characters, header and dashes on top) to CSV in "
    "{out}. First line `code,article,town,amount`, then the rows in their order, values trimmed.",
)
FIXED_COLUMNS_ANSWER = (
    "{out} has {rows} rows below the header. The amounts add up to {sum}, and the largest one is "
    "that of {code} ({article}, {town}) with {most}. I cut by position and not at blanks, since "
    "the articles consist of two words; <every value is trimmed|all values are trimmed>.",
    "{rows} rows were converted, with a sum of {sum}; {code} has the largest amount, {most} for "
    "{article} in {town}. The dashed line and the old header are gone, the order is the same as "
    "in {path}, and no value <contains a comma|has a comma in it>, so nothing had to be quoted.",
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
            FIXED_COLUMNS_ASK,
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
            FIXED_COLUMNS_ANSWER,
            **facts,
        ),
        facts=(str(len(rows)), str(facts["sum"]), big[0]),
    )


CHORES = (join_lists, difference, fixed_columns)
