"""Later wishes about the output of a data operation: each a goal, its steps and its checks."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import PurePosixPath
from typing import Any

from kappa_data.records import FileCheck
from kappa_data.tasks.material.datawork import (
    FollowUp,
    Output,
    View,
    Work,
    heredoc,
)
from kappa_data.tasks.material.follow_files import FileMaker, file_wishes, reusable
from kappa_data.tasks.material.phrasing import follow, number, plain, plural, word
from kappa_data.tasks.material.tables import as_objects
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed

Maker = Callable[[Wording, Work, View], FollowUp]

_LOAD = {
    "csv": 'import csv\n\nwith open("{path}", newline="", encoding="utf-8") as handle:\n'
    "    rows = list(csv.DictReader(handle))\n",
    "json": 'import json\n\nwith open("{path}", encoding="utf-8") as handle:\n'
    "    rows = json.load(handle)\n",
}


def follow_ups(w: Wording, work: Work, script: str) -> tuple[FollowUp, ...]:
    """Zero to three wishes that suit the work, none of them twice."""
    wanted = w.pick((0, 1, 1, 2, 2, 3))
    makers: list[Maker] = []
    if work.view is not None:
        makers += [_convert, _report, _above]
        if len(work.view.points) > 1:
            makers.append(_extreme)
        if len(work.view.points) <= 14:
            makers.append(_chart)
        if work.view.additive:
            makers += [_share, _covering]
    else:
        makers += [_on_file(wish) for wish in file_wishes(work)]
    w.rng.shuffle(makers)
    if work.fresh is not None and w.chance(0.4):
        makers.insert(0, lambda w, work, view: reusable(w, work, script))
    view = work.view or View(next(iter(work.outputs)), "csv", (), "", ())
    return tuple(maker(w, work, view) for maker in makers[:wanted])


def _on_file(wish: FileMaker) -> Maker:
    return lambda w, work, view: wish(w, work)


def _loaded(view: View) -> str:
    return _LOAD[view.kind].format(path=view.path)


def _named(view: View, label: tuple[str, ...]) -> str:
    return " / ".join(label)


def _key(view: View) -> str:
    """Python source: the label of `row` as one text."""
    return ' + " / " + '.join(f'str(row["{name}"])' for name in view.labels)


def _ranked(view: View) -> list[tuple[str, Decimal]]:
    named = [(_named(view, label), value) for label, value in view.points]
    return sorted(named, key=lambda point: (-point[1], point[0]))


def _convert(w: Wording, work: Work, view: View) -> FollowUp:
    """The same rows in the other format."""
    source = PurePosixPath(view.path)
    value: Any = work.outputs[view.path].value
    if view.kind == "csv":
        target, rows = str(source.with_suffix(".json")), as_objects(value)
        code = (
            f'{_loaded(view)}import json\n\nwith open("{target}", "w", encoding="utf-8") as out:\n'
            f"    json.dump(rows, out, indent=2, ensure_ascii=False)\nprint(len(rows), rows[0])"
        )
        goal = "The web page wants JSON: write the rows of {path} to {target} as well, a list of "
        goal += "objects with the column names as keys, in the same order."
        output = Output(rows)
    else:
        target, rows = str(source.with_suffix(".csv")), value
        code = (
            f'{_loaded(view)}import csv\n\nwith open("{target}", "w", newline="", encoding="utf-8")'
            ' as out:\n    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\\n")\n'
            "    writer.writeheader()\n    writer.writerows(rows)\nprint(len(rows), rows[0])"
        )
        goal = "A colleague only has a spreadsheet: put the list of {path} into {target} too, one "
        goal += "column a key in the order of the keys, header first."
        output = Output([list(rows[0]), *[list(row.values()) for row in rows]])
    first = " / ".join(str(cell) for cell in list(rows[0].values()))
    return FollowUp(
        goal=follow(w.rng, goal.format(path=view.path, target=target)),
        steps=(
            bash(heredoc(code), f"A direct conversion of {view.path}; order and names stay."),
            bash(f"wc -c {view.path} {target} && head -n 5 {target}", f"I look at {target}."),
        ),
        answer=w.say(
            "{target} now holds the {n} <records|entries> of {path}, in the same order and with "
            "the keys {keys}. The first one <reads|is> {first}. <Nothing was rounded or "
            "reformatted on the way|Values were carried over as they are>, so the two files can "
            "be compared <one to one|line by line>; {path} itself <was not touched|is unchanged>.",
            target=target,
            n=len(rows),
            path=view.path,
            keys=listed(list(rows[0])),
            first=first,
        ),
        reasoning=f"{target} has {plural(len(rows), 'record')}, as many as {view.path}.",
        outputs={target: output},
    )


def _extreme(w: Wording, work: Work, view: View) -> FollowUp:
    """Which entry is highest (or lowest) and how far the next one is away."""
    high = w.chance(0.6)
    ranked = _ranked(view)
    ranked = ranked if high else sorted(ranked, key=lambda point: (point[1], point[0]))
    (top, best), (second, next_best) = ranked[0], ranked[min(1, len(ranked) - 1)]
    gap = abs(best - next_best)
    side = "highest" if high else "lowest"
    code = (
        f'{_loaded(view)}from decimal import Decimal\n\nranked = sorted((Decimal(str(row["'
        f'{view.measure}"])), {_key(view)}) for row in rows)\nfor value, name in '
        f"ranked[{'-3:' if high else ':3'}]:\n    print(name, value)\n"
        f"print({'ranked[-1][0] - ranked[-2][0]' if high else 'ranked[1][0] - ranked[0][0]'})"
    )
    return FollowUp(
        goal=follow(
            w.rng,
            w.say(
                f"<In {view.path}, which|Which> entry has the {side} {view.measure}, and by how "
                f"much does it <differ from|stand apart from> the next one? <A short answer is "
                f"enough|No new file needed>."
            ),
        ),
        steps=(bash(heredoc(code), f"A ranking of {view.path} by {view.measure} answers this."),),
        answer=w.say(
            [
                "The {side} {measure} <belongs to|is that of> {top}: {best}. <Next comes|Then "
                "follows> {second} with {other}, so the gap between the two is {gap}. I ranked "
                "all {n} entries of {path} <for this|to be sure> and left the files as they were; "
                "the third place does not change the picture.",
                "{top} has the {side} {measure} in {path}, {best}. The difference to {second} "
                "({other}), <the next in line|which comes after it>, is {gap}. Out of {n} entries "
                "no other one lies between these two, so the {side} end is clear. No "
                "file was <written or changed|added> for "
                "this question.",
            ],
            side=side,
            measure=view.measure,
            top=top,
            best=plain(best),
            second=second,
            other=plain(next_best),
            gap=plain(gap),
            n=len(ranked),
            path=view.path,
        ),
        reasoning=f"{top} has {plain(best)}, {second} {plain(next_best)}: a gap of {plain(gap)}.",
        facts=(*([word(top.split(" / ")[-1])] if gap else []), number(best), number(gap)),
    )


def _report(w: Wording, work: Work, view: View) -> FollowUp:
    """A Markdown table for people."""
    target = w.pick(("report.md", "REPORT.md", "summary.md", "notes.md"))
    ranked = _ranked(view)
    lines = [f"| {name} | {plain(value)} |" for name, value in ranked]
    code = (
        f"{_loaded(view)}from decimal import Decimal\n\n"
        f'points = [({_key(view)}, Decimal(str(row["{view.measure}"]))) for row in rows]\n'
        "points.sort(key=lambda point: (-point[1], point[0]))\n"
        f'lines = ["| {" / ".join(view.labels)} | {view.measure} |", "|---|---:|"]\n'
        'lines += [f"| {name} | {value} |" for name, value in points]\n'
        f'with open("{target}", "w", encoding="utf-8") as out:\n'
        '    out.write("\\n".join(lines) + "\\n")'
    )
    return FollowUp(
        goal=follow(
            w.rng,
            f"Write {target} with a Markdown table of {' / '.join(view.labels)} and "
            f"{view.measure} from {view.path}, largest first, values exactly as in the file"
            + (", labels joined by ' / '." if len(view.labels) > 1 else "."),
        ),
        steps=(
            bash(heredoc(code), f"The table comes straight from {view.path}, sorted by value."),
            bash(
                f"wc -l {target}; head -n 4 {target}; tail -n 1 {target}", "A look at the result."
            ),
        ),
        answer=w.say(
            "{target} <has|contains> a table of {n} <lines|rows> under its header, ordered by "
            "{measure} from the largest down. It <opens|starts> with {top} at {best} and ends with "
            "{last} at {least}. The values are copied from {path} <without rounding|digit for "
            "digit>, and the number column is right-aligned, so it <renders|reads> well on any "
            "page that <shows|knows> Markdown.",
            target=target,
            n=len(lines),
            measure=view.measure,
            top=ranked[0][0],
            best=plain(ranked[0][1]),
            last=ranked[-1][0],
            least=plain(ranked[-1][1]),
            path=view.path,
        ),
        reasoning=f"{target} lists all {len(lines)} entries, {ranked[0][0]} first.",
        checks=(FileCheck(path=target, contains=tuple(lines)),),
    )


def _above(w: Wording, work: Work, view: View) -> FollowUp:
    """Only the entries above a threshold, in a file of their own."""
    ranked = _ranked(view)
    pivot = ranked[w.rng.randint(0, max(0, len(ranked) * 2 // 3 - 1))][1]
    limit = (pivot * Decimal("0.97")).quantize(Decimal(1), ROUND_HALF_UP)
    limit = limit if limit < pivot else pivot - 1
    target = w.pick(("large.json", "above.json", "selected.json", "shortlist.json"))
    kept = [name for name, value in ranked if value > limit]
    code = (
        f"{_loaded(view)}import json\nfrom decimal import Decimal\n\n"
        f'points = [({_key(view)}, Decimal(str(row["{view.measure}"]))) for row in rows]\n'
        f'kept = sorted(name for name, value in points if value > Decimal("{plain(limit)}"))\n'
        f'with open("{target}", "w", encoding="utf-8") as out:\n'
        "    json.dump(kept, out, indent=1, ensure_ascii=False)\nprint(len(kept), len(points), "
        "kept)\n"
        "print(max(points, key=lambda point: point[1]))"
    )
    joined = "; join the labels with ' / '" if len(view.labels) > 1 else ""
    shown = listed(kept) if len(kept) <= 6 else f"{', '.join(kept[:6])} and {len(kept) - 6} others"
    return FollowUp(
        goal=follow(
            w.rng,
            f"I only care about entries with {view.measure} above {plain(limit)}: put their "
            f"{' / '.join(view.labels)} into {target} as a sorted JSON list of strings{joined}. "
            "How many are there?",
        ),
        steps=(bash(heredoc(code), f"A filter on {view.measure}, strictly above the limit."),),
        answer=w.say(
            "<Of|Out of> {n} entries, {kept} <lie|are> above {limit}: {shown}. The list is in "
            "{target}, sorted by name, a plain JSON array of strings. The comparison is strict, "
            "so an entry of exactly {limit} would <stay out|not be in it>. The largest value in "
            "the list is {best} ({top}).",
            n=len(ranked),
            kept=len(kept),
            limit=plain(limit),
            shown=shown,
            target=target,
            best=plain(ranked[0][1]),
            top=ranked[0][0],
        ),
        reasoning=f"{len(kept)} of {len(ranked)} entries pass the limit of {plain(limit)}.",
        outputs={target: Output(sorted(kept))},
        facts=(number(len(kept)),),
    )


def _chart(w: Wording, work: Work, view: View) -> FollowUp:
    """A text bar chart with a stated scale."""
    ranked = _ranked(view)
    top = max(abs(value) for _, value in ranked)
    unit = Decimal(max(1, int(top) // w.rng.randint(18, 30)))
    mark = w.pick(("#", "*", "="))
    lines = [f"{name}: {mark * int(value // unit)}" for name, value in ranked if value >= 0]
    code = (
        f"{_loaded(view)}from decimal import Decimal\n\n"
        f'points = [({_key(view)}, Decimal(str(row["{view.measure}"]))) for row in rows]\n'
        "points.sort(key=lambda point: (-point[1], point[0]))\n"
        'with open("chart.txt", "w", encoding="utf-8") as out:\n'
        "    for name, value in points:\n        if value >= 0:\n"
        f"            out.write(f\"{{name}}: {{'{mark}' * int(value // {unit})}}\\n\")\n"
        "print(len(points), points[0], points[-1])"
    )
    longest = int(ranked[0][1] // unit)
    return FollowUp(
        goal=follow(
            w.rng,
            f"Draw it for the terminal: chart.txt with one line an entry, `label: {mark * 4}`, "
            f"largest {view.measure} first, one {mark} for every full {unit} (rounded down)"
            + (", labels joined by ' / '." if len(view.labels) > 1 else "."),
        ),
        steps=(
            bash(heredoc(code), f"One mark is {unit}; whole marks only, so I divide downwards."),
            bash("cat chart.txt", "The chart should fall from line to line."),
        ),
        answer=w.say(
            "chart.txt has {n} bars, one line each, from the largest {measure} to the smallest. "
            "One {mark} stands for a full {unit}, rest dropped: the longest bar is {top} with "
            "{long} marks for {best}, the shortest {last} with {short} for {least}. <Bars are "
            "comparable among each other, but small differences below {unit} do not show|What is "
            "below {unit} is not visible at this scale>.",
            n=len(lines),
            measure=view.measure,
            mark=mark,
            unit=unit,
            top=ranked[0][0],
            long=longest,
            best=plain(ranked[0][1]),
            last=ranked[-1][0],
            short=max(0, int(ranked[-1][1] // unit)),
            least=plain(ranked[-1][1]),
        ),
        reasoning=f"{len(lines)} bars; the first has {longest} marks of {unit} each.",
        checks=(FileCheck(path="chart.txt", content="\n".join(lines)),),
    )


def _share(w: Wording, work: Work, view: View) -> FollowUp:
    """Each entry's share of the total, in per cent."""
    total = sum((value for _, value in view.points), Decimal(0))
    ranked = _ranked(view)
    shares = {n: round(100 * float(v) / float(total), 2) if total else 0.0 for n, v in ranked}
    code = (
        f'{_loaded(view)}import json\n\npoints = {{{_key(view)}: float(row["{view.measure}"]) '
        "for row in rows}\ntotal = sum(points.values())\n"
        "shares = {name: round(100 * value / total, 2) if total else 0.0 "
        "for name, value in points.items()}\n"
        'with open("shares.json", "w", encoding="utf-8") as out:\n'
        "    json.dump(shares, out, indent=1, ensure_ascii=False)\n"
        "print(round(total, 2), round(sum(shares.values()), 2))\n"
        "print(sorted((share, name) for name, share in shares.items()))"
    )
    (top, _), (last, _) = ranked[0], ranked[-1]
    return FollowUp(
        goal=follow(
            w.rng,
            f"What share of the total {view.measure} does each entry have? Write shares.json, an "
            f"object from {' / '.join(view.labels)} to per cent rounded to two decimals"
            + ("; join the labels with ' / '." if len(view.labels) > 1 else ".")
            + " And tell me the total.",
        ),
        steps=(bash(heredoc(code), "Shares of the sum; the sum of the shares is the check."),),
        answer=w.say(
            "<The sum of {measure} is|Summed up, {measure} comes to> {total} over {n} entries. "
            "{top} <accounts for|has> "
            "{best} % of it, the largest share, and {last} the smallest with {least} %. All shares "
            "are in shares.json, rounded to two decimals; together they give {whole} %, "
            "<the difference to 100 being rounding|which is 100 within rounding>.",
            measure=view.measure,
            total=plain(total),
            n=len(ranked),
            top=top,
            best=shares[top],
            last=last,
            least=shares[last],
            whole=round(sum(shares.values()), 2),
        ),
        reasoning=f"The total is {plain(total)} and the shares sum to 100 within rounding.",
        outputs={"shares.json": Output(shares)},
        facts=(number(total),),
    )


def _covering(w: Wording, work: Work, view: View) -> FollowUp:
    """How many of the largest entries make up at least a given part of the total."""
    part = w.pick((40, 50, 60, 75, 80))
    ranked = _ranked(view)
    total = sum((value for _, value in ranked), Decimal(0))
    need, running, count = total * part / 100, Decimal(0), 0
    while running < need:
        running += ranked[count][1]
        count += 1
    code = (
        f'{_loaded(view)}from decimal import Decimal\n\npoints = [(Decimal(str(row["'
        f'{view.measure}"])), {_key(view)}) for row in rows]\n'
        "points.sort(key=lambda point: (-point[0], point[1]))\n"
        f"total = sum(value for value, _ in points)\nneed = total * {part} / 100\n"
        "running, count = Decimal(0), 0\nwhile running < need:\n    running += points[count][0]\n"
        "    count += 1\nprint(count, running, round(need, 2), total)\nprint([name for _, name in "
        "points[:count]])"
    )
    names = [name for name, _ in ranked[:count]]
    shown = listed(names) if len(names) <= 5 else f"{', '.join(names[:5])} and {count - 5} more"
    return FollowUp(
        goal=follow(
            w.rng,
            f"How many of the largest entries does it take to reach {part} % of the total "
            f"{view.measure}, and what do they sum to?",
        ),
        steps=(bash(heredoc(code), f"Add from the largest down until {part} % is reached."),),
        answer=w.say(
            "It takes {count} of the {n} entries to reach {part} % of the {measure}: {shown}. "
            "Together they <come to|sum to> {running}, against a total of {total}; {part} % of "
            "that would be {need}. <With one fewer the mark would be missed|Without the last of "
            "them the sum would fall short>.",
            count=count,
            n=len(ranked),
            part=part,
            measure=view.measure,
            shown=shown,
            running=plain(running),
            total=plain(total),
            need=plain(need.quantize(Decimal("0.01"))),
        ),
        reasoning=f"{count} entries sum to {plain(running)}, the first time above {part} %.",
        facts=(number(count), number(running)),
    )
