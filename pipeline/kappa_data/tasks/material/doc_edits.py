"""Editorial instructions for a document: rename, move, insert, delete, tables, tightening."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from kappa_data.records import ReferenceStep
from kappa_data.tasks.material.doc_model import Doc, Section, referred, rename
from kappa_data.tasks.material.phrasing import number, plural
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.steps import bash, edit, read
from kappa_data.tasks.wording import Wording


class Edit(Struct, frozen=True):
    """One instruction; its function has already changed the document."""

    ask: str
    steps: tuple[ReferenceStep, ...]
    answer: str
    facts: tuple[str, ...] = ()
    slips: tuple[tuple[str, str, str], ...] = ()
    """wrong ways: the mistake, and what stands in the place of what in calls and answers"""


FORGOTTEN = "leaves the references as they were"
Instruction = Callable[[Wording, Doc], Edit | None]

_SHAKE = """\
import re

path = "{path}"
head, *parts = re.split(r"(?m)^(?=## )", open(path, encoding="utf-8").read())
{work}
place = {{old: new for new, old in enumerate(order, start=1)}}
text = "\\n\\n".join(part.strip() for part in (head, *parts)) + "\\n"
numbers = iter(range(1, len(parts) + 1))
text = re.sub(r"(?m)^## \\d+", lambda found: f"## {{next(numbers)}}", text)
text = re.sub(r"{word} (\\d+)", lambda found: f"{word} {{place[int(found[1])]}}", text)
open(path, "w", encoding="utf-8").write(text)"""


def _shaken(doc: Doc, work: str) -> str:
    code = _SHAKE.format(path=doc.path, work=work, word=doc.word)
    return f"python3 - <<'EOF'\n{code}\nEOF"


def _forgotten(doc: Doc, before: dict[str, int]) -> tuple[tuple[str, str, str], ...]:
    """The slip of a script that leaves the references as they were, where one has to change."""
    if all(doc.number(key) == before[key] for key in referred(doc)):
        return ()
    line = f're.sub(r"{doc.word} (\\d+)"'
    return ((FORGOTTEN, f"text = {line}", f"unused = {line}"),)


def _look(doc: Doc, why: str) -> ReferenceStep:
    return bash(f"grep -n -e '^## ' -e '{doc.word} [0-9]' {doc.path}", why)


def term(w: Wording, doc: Doc) -> Edit | None:
    """A term is renamed everywhere but in quotations."""
    at = w.rng.randrange(len(doc.terms))
    old, new = doc.terms[at]
    quoted = sum(
        len(re.findall(rf"\b{old}s?\b", block, re.IGNORECASE))
        for block in doc.blocks()
        if block.startswith("> ")
    )
    count = rename(doc, old, new, quotations=False)
    if count < 3:
        rename(doc, new, old, quotations=False)
        return None
    del doc.terms[at]
    vowel = (old[0] in "aeio") != (new[0] in "aeio")
    one = "an" if old[0] in "aeio" else "a"
    other = "an" if new[0] in "aeio" else "a"
    words = {"old": old, "new": new, "one": one, "other": other, "count": plural(count, "place"),
             "path": doc.path,
             "quoted": "Quotations were not touched" if not quoted else
             f"The {'one mention' if quoted == 1 else f'{quoted} mentions'} in quotations stayed",
             "article": f' Mind the articles ("{one} {old}" becomes "{other} {new}").'
             if vowel else ""}  # fmt: skip
    rule = rf"s/\b{old}(s?)\b/{new}\1/g; s/\b{old.capitalize()}(s?)\b/{new.capitalize()}\1/g"
    if vowel:
        letter = "[Aa]" + ("n" if one == "an" else "")
        rule = rf"s/\b({letter[:4]}){letter[4:]} {old}\b/\1{other[1:]} {new}/g; {rule}"
    return Edit(
        w.say(
            [
                'Replace "{old}" by "{new}" throughout, singular and plural, headings included; '
                "block quotations stay as they are.{article} How many places was it?",
                'We no longer say "{old}" but "{new}": change it everywhere (plural and capitals '
                "too) except inside block quotations.{article} Tell me the number of places.",
                'The word "{old}" has to become "{new}" in all of the text, in any number and '
                "case. Do not touch block quotations.{article} I'd like to know how often it was.",
            ],
            **words,
        ),
        (
            bash(
                f"grep -n -i -w -E '{old}s?' {doc.path}",
                w.say("All places with {old}; lines with > are quotations.", **words),
            ),
            bash(
                f"grep -v '^> ' {doc.path} | grep -o -i -w -E '{old}s?' | wc -l\n"
                f"sed -i -E '/^> /!{{{rule}}}' {doc.path}\n"
                f"grep -n -i -w -E '{old}s?' {doc.path} || true",
                "Count first, then replace outside of quotations; what is left has to be quoted.",
            ),
        ),
        w.say(
            [
                '"{old}" is now "{new}" in {count}. {quoted}.',
                '{count} changed from "{old}" to "{new}". {quoted}.',
            ],
            **words,
        ),
        (counted(count),),
        slips=(("changes quotations too", "/^> /!{", "{"),) if quoted else (),
    )


def move(w: Wording, doc: Doc) -> Edit | None:
    """A section gets another place; numbers and references follow."""
    if len(doc.sections) < 4:
        return None
    before = {section.key: doc.number(section.key) for section in doc.sections}
    moved = w.pick(doc.sections[1:])
    rest = [section for section in doc.sections if section is not moved]
    spots = [n for n in range(len(rest)) if [*rest[: n + 1], moved, *rest[n + 1 :]] != doc.sections]
    at = w.pick(spots)
    after = rest[at]
    words = {"title": moved.title, "after": after.title, "path": doc.path, "word": doc.word}
    doc.sections = [*rest[: at + 1], moved, *rest[at + 1 :]]
    order = [before[section.key] for section in doc.sections]
    work = f"order = {order}\nparts = [parts[old - 1] for old in order]"
    words["n"] = str(doc.number(moved.key))
    return Edit(
        w.say(
            [
                'Move "{title}" so that it comes right after "{after}", renumber the sections and '
                "adjust every cross reference. Which number does it have then?",
                'The part "{title}" belongs directly behind "{after}". Headings have to be '
                "numbered anew, and references by number must still point to the same sections. "
                "What is its number afterwards?",
            ],
            **words,
        ),
        (
            _look(doc, "Headings and references, so that I know what has to follow the move."),
            bash(
                _shaken(doc, work),
                "The new order in old numbers; the mapping renumbers headings and references.",
            ),
            _look(doc, "Do numbers run through and references point to the right places?"),
        ),
        w.say(
            [
                '"{title}" now follows "{after}" and is number {n}. Headings and references are '
                "adjusted.",
                'Number {n}: "{title}" stands behind "{after}", the others have moved up or down '
                "accordingly, and so have the references.",
            ],
            **words,
        ),
        (counted(int(words["n"])),),
        slips=_forgotten(doc, before),
    )


def insert(w: Wording, doc: Doc) -> Edit | None:
    """A new section with given text."""
    if any(section.key == doc.new.key for section in doc.sections):
        return None
    at = w.rng.randrange(len(doc.sections) - 1)
    after, size = doc.sections[at], len(doc.sections)
    new = Section(doc.new.key, doc.new.title, doc.new.text)
    doc.sections.insert(at + 1, new)
    order = [*range(1, at + 2), 0, *range(at + 2, size + 1)]
    heading = f"## 0{doc.mark} {new.title}"
    work = (
        f'parts.insert({at + 1}, """{heading}\n\n{new.text}""")\n'
        f"order = {order}  # 0 is the new one"
    )
    words = {"title": new.title, "after": after.title, "text": new.text, "n": at + 2,
             "all": size + 1, "last": doc.sections[-1].title}  # fmt: skip
    return Edit(
        w.say(
            [
                'Insert a new section "{title}" after "{after}", numbered like the others, with '
                'exactly this text: "{text}" Later sections and all references move accordingly. '
                "How many sections are there then?",
                'After "{after}" comes a new section called "{title}". Its text: "{text}" Renumber '
                "what follows and correct the cross references; then tell me how many sections we "
                "have.",
            ],
            **words,
        ),
        (
            _look(doc, "Which numbers and references come after the new section?"),
            bash(_shaken(doc, work), "Put it in with the number 0, then number everything anew."),
            _look(doc, "Check the numbers and the references."),
        ),
        w.say(
            [
                '"{title}" is section {n}; there are {all} sections now, and references point to '
                "the new numbers.",
                'There are {all} sections. The new one, "{title}", is number {n}; what came after '
                "it moved up by one, references included.",
            ],
            **words,
        ),
        (counted(size + 1),),
        slips=(("changes the given text", new.text.split(".")[0], f"{new.title} matter"),),
    )


def delete(w: Wording, doc: Doc) -> Edit | None:
    """A section goes to which nothing refers."""
    known = referred(doc)
    free = [s for s in doc.sections[1:] if s.key not in known | {doc.table.place, doc.new.key}
            and doc.wordy not in s.text and doc.tight not in s.text]  # fmt: skip
    if not free or len(doc.sections) < 5:
        return None
    gone = w.pick(free)
    before = {section.key: doc.number(section.key) for section in doc.sections}
    old, size = before[gone.key], len(doc.sections)
    doc.sections.remove(gone)
    order = [n for n in range(1, size + 1) if n != old]
    words = {"title": gone.title, "n": size - 1, "old": old}
    return Edit(
        w.say(
            [
                'Take out the section "{title}" completely; renumber the rest and the references '
                "to it. How many sections remain?",
                '"{title}" is obsolete: delete the section, close the gap in the numbering, and '
                "make sure that references still hit the right section. How many are left?",
            ],
            **words,
        ).replace("the rest and the references to it", "the rest, with all cross references"),
        (
            _look(doc, "Does anything refer to this section?"),
            bash(
                _shaken(doc, f"order = {order}\nparts = [parts[old - 1] for old in order]"),
                "Nothing does. Drop it and number what remains.",
            ),
            _look(doc, "No gap, and each reference on its section?"),
        ),
        w.say(
            [
                '"{title}" is gone, {n} sections remain. No reference pointed to it.',
                '{n} are left. Nothing referred to "{title}", so no reference is lost; those to '
                "later sections have the new numbers.",
            ],
            **words,
        ),
        (counted(size - 1),),
        slips=_forgotten(doc, before),
    )


def table(w: Wording, doc: Doc) -> Edit | None:
    """A value changes, a row comes in, the total follows."""
    if not doc.table.extra:
        return None
    name, old = w.pick(doc.table.rows)
    value = old + w.rng.randint(3, 30)
    added = doc.table.extra.pop()
    line, end, total = doc.table.line(name), doc.table.line("Total"), doc.table.total
    doc.table.rows = [(n, value if n == name else count) for n, count in doc.table.rows]
    doc.table.rows.append(added)
    words = {"name": name, "value": value, "old": old, "new": added[0], "count": added[1],
             "unit": doc.table.unit.lower(), "total": doc.table.total, "path": doc.path,
             "before": total}  # fmt: skip
    return Edit(
        w.say(
            [
                'In the table, "{name}" is {value} now, and a row "{new}" with {count} comes in '
                "last, above the total. Correct the total and tell me what it is.",
                "Update the table: {name}: {value} instead of {old}; add {new} with {count} as the "
                "last row before the total. The total has to fit; what is it?",
            ],
            **words,
        ),
        (
            read(doc.path, "The exact lines of the table, before I change them."),
            edit(doc.path, line, doc.table.line(name), f"First the value of {name}."),
            edit(
                doc.path,
                end,
                f"{doc.table.line(added[0])}\n{doc.table.line('Total')}",
                f"{total} - {old} + {value} + {added[1]} = {doc.table.total}.",
            ),
        ),
        w.say(
            [
                'The total is {total} now ({before} before). "{name}" stands at {value}, and '
                '"{new}" is the last row above the total.',
                "The table has {name} with {value} and a new row {new} with {count}; together that "
                "makes {total}.",
            ],
            **words,
        ),
        (number(doc.table.total),),
        slips=(("forgets the total", doc.table.line("Total"), end),),
    )


def tighten(w: Wording, doc: Doc) -> Edit | None:
    """A wordy paragraph becomes short and keeps its facts."""
    where = [section for section in doc.sections if doc.wordy in section.text]
    if not where:
        return None
    doc.limit = len(doc.tight.split()) + w.rng.randint(4, 9)
    where[0].text = where[0].text.replace(doc.wordy, doc.tight)
    words = {"title": where[0].title, "limit": doc.limit, "start": doc.wordy[:28].rsplit(" ", 1)[0],
             "words": len(doc.wordy.split()), "now": len(doc.tight.split())}  # fmt: skip
    return Edit(
        w.say(
            [
                'The first paragraph of "{title}" is terribly wordy. Rewrite it in at most {limit} '
                "words, one paragraph, every rule and figure kept.",
                'Tighten the paragraph that begins "{start}": no more than {limit} words, still '
                "one paragraph, and nothing of substance lost.",
            ],
            **words,
        ),
        (
            read(doc.path, "I need the paragraph word for word."),
            edit(doc.path, doc.wordy, doc.tight, "Keep every rule and number, drop the padding."),
        ),
        w.say(
            [
                'The paragraph in "{title}" is down from {words} words to {now}, with the same '
                "rules and figures.",
                "{now} words instead of {words}, and every rule and figure is still in it.",
            ],
            **words,
        ),
        slips=(
            ("leaves it as long as it was", doc.tight, f"{doc.tight} {doc.tight}"),
            ("drops the second half", doc.tight, " ".join(doc.tight.split()[: doc.limit // 3])),
        ),
    )


def stamp(w: Wording, doc: Doc) -> Edit | None:
    """The line below the title."""
    old = doc.stamp
    doc.stamp = w.say(
        ["Version {a}.0, <January|May|August> {y}", "Revision {a}0, last changed in {y}"],
        a=w.rng.randint(7, 9),
        y=w.rng.randint(2026, 2027),
    )
    if old == doc.stamp:
        return None
    words = {"new": doc.stamp, "old": old}
    return Edit(
        w.say(
            [
                'The line below the title should read "{new}".',
                'Put "{new}" below the title, in the place of the old line.',
            ],
            **words,
        ),
        (
            read(doc.path, "The line below the title, as it is."),
            edit(doc.path, old, doc.stamp, "It occurs once; replace it."),
        ),
        w.say(
            ['The line below the title now reads "{new}".', '"{new}" replaces "{old}".'], **words
        ),
    )


def contents(w: Wording, doc: Doc) -> Edit | None:
    """A list of the sections on top."""
    if doc.contents:
        return None
    doc.contents = True
    code = (
        "import re\n\n"
        f'path = "{doc.path}"\ntext = open(path, encoding="utf-8").read()\n'
        'names = re.findall(r"(?m)^## (.*)$", text)\n'
        'listing = "\\n".join(f"- {name}" for name in names)\n'
        'text = text.replace("\\n## ", f"\\n{listing}\\n\\n## ", 1)\n'
        'open(path, "w", encoding="utf-8").write(text)\nprint(listing)'
    )
    words = {"n": len(doc.sections), "first": doc.heading(doc.sections[0])}
    return Edit(
        w.say(
            [
                "Before the first section put a list of all sections: one line `- {first}` and so "
                "on, number and title as in the headings. How many entries has it?",
                "Add a table of contents above the first section, as plain bullets like "
                "`- {first}`, one per section and no heading. How many lines is that?",
            ],
            **words,
        ),
        (
            bash(f"python3 - <<'EOF'\n{code}\nEOF", "Take the entries from the headings."),
            bash(f"head -n {len(doc.sections) + 7} {doc.path}", "How does the top look?"),
        ),
        w.say(
            [
                "The list stands above the first section and has {n} entries, taken from the "
                "headings.",
                "{n} entries, one for each section, between the line with the version and the "
                "first section.",
            ],
            **words,
        ),
        (counted(len(doc.sections)),),
        slips=(("leaves the numbers out", "(?m)^## (.*)$", r"(?m)^## \d+\W* (.*)$"),),
    )


INSTRUCTIONS: tuple[Instruction, ...] = (term, move, insert, delete, table, tighten, stamp)
TELLING = (term, move, insert, delete, table)
"""instructions whose answer holds a figure"""
