"""Single values from many files, looked up together: settings, sheets, cards in mixed formats."""

from __future__ import annotations

from msgspec import Struct

from kappa_data.records import (
    AnswerCheck,
    Check,
    CommandCheck,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.tasks.material.lookup_worlds import WORLDS, Attribute, Files, fill
from kappa_data.tasks.material.near_misses import off_by_one, overwritten, then_also, vague
from kappa_data.tasks.material.phrasing import follow, number, opening, word
from kappa_data.tasks.mistakes import replaced
from kappa_data.tasks.steps import bash, read, write
from kappa_data.tasks.wording import Wording, listed

NAME = "look_up_many"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 600


class Wish(Struct, frozen=True):
    """One question, how it is answered, and what that adds to the verifier."""

    ask: str
    turn: ReferenceTurn
    checks: tuple[Check, ...]


def make(seed: int) -> Task:
    """The task of `seed`; worlds go round."""
    w = Wording(NAME, seed)
    world = WORLDS[seed % len(WORLDS)]
    files = fill(w, world)
    first, second = w.some(world.attributes, 2)
    names = w.some(sorted(files.paths), w.pick((3, 3, 4, 4, 5)))
    wishes = [_values(w, files, names, first, look=True)]
    later = w.some((_extreme, _table, _other), w.pick((0, 1, 1, 2, 2)))
    for each in later:
        attribute = second if each is _other else first
        wishes.append(each(w, files, names, attribute))
    turns = tuple(wish.turn for wish in wishes)
    values = [files.values[name][first.key] for name in names]
    source = files.paths[names[0]]
    cut = bash(f"sed -i '$d' {source}", "The last line looks like a remnant.")
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=opening(
            w.rng, context=w.pick(world.stories), ask=wishes[0].ask, details=_details(w, files)
        ),
        goals=tuple(follow(w.rng, wish.ask) for wish in wishes[1:]),
        fixture=files.texts,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(
            *(check for wish in wishes for check in wish.checks),
            *(FileCheck(path, content=text) for path, text in files.texts.items()),
        ),
        reference=turns,
        wrong=(
            vague(turns),
            replaced("misreads one value", turns, (str(values[0]), off_by_one(str(values[0])))),
            replaced("says one value twice", turns, (str(values[-1]), str(values[0]))),
            then_also("cuts a file that was only to be read", turns, cut),
            then_also(
                "overwrites a file with another one",
                turns,
                overwritten(source, files.paths[names[1]]),
            ),
        ),
    )


def _details(w: Wording, files: Files) -> tuple[str, ...]:
    shown = sorted({path.partition("/")[0] for path in files.texts})
    if len(shown) > 1:
        return (w.pick(("Each has a file of its own.", "The files lie in this folder.")),)
    return (
        w.say(
            [
                "Everything is below {folder}/.",
                "Look in {folder}/, one file each.",
                "The files are in {folder}/, in different formats.",
            ],
            folder=shown[0],
        ),
    )


def _shown(name: str) -> str:
    return name.replace("_", " ")


def _find(w: Wording, files: Files, name: str, attribute: Attribute, why: str) -> ReferenceStep:
    """One look-up: the whole file or the line with the key."""
    path = files.paths[name]
    if w.chance(0.4):
        return read(path, why)
    return bash(f"grep -n -i '{attribute.key.replace('_', '.')}' {path}", why)


def _look_ups(
    w: Wording, files: Files, names: list[str], attribute: Attribute, *, look: bool
) -> tuple[ReferenceStep, ...]:
    """All look-ups in one message; at the start a list of files, or a wrong guess at a path."""
    steps: list[ReferenceStep] = []
    words = {"called": attribute.called, "n": len(names), "things": files.world.things}
    if look and w.chance(0.3):
        end = files.paths[names[0]].rpartition(".")[2]
        other = "toml" if end != "toml" else "ini"
        guess = f"{files.paths[names[0]].rpartition('.')[0]}.{other}"
        steps.append(read(guess, f"The first should be in {guess}."))
        steps.append(
            bash("find . -type f | sort", f"There is no {guess}; list what files there are.")
        )
    elif look:
        steps.append(
            bash(
                "find . -type f | sort",
                w.say("Where are the files of the {things}, and in which formats?", **words),
            )
        )
    why = w.say(
        [
            "{n} look-ups that do not depend on each other: all at once.",
            "The {called} stands in {n} separate files, so I ask for all of them together.",
            "None of these needs the result of another; I send the {n} together.",
        ],
        **words,
    )
    steps += [_find(w, files, name, attribute, why if at == 0 else "") for at, name in
              enumerate(names)]  # fmt: skip
    return tuple(steps)


def _values(
    w: Wording, files: Files, names: list[str], attribute: Attribute, *, look: bool = False
) -> Wish:
    """The value of one attribute for each of the names."""
    found = {name: files.values[name][attribute.key] for name in names}
    unit = f" {attribute.unit}" if attribute.unit else ""
    words = {"called": attribute.called, "names": listed([_shown(name) for name in names]),
             "things": files.world.things, "thing": files.world.thing}  # fmt: skip
    pairs = [f"{_shown(name)}: {value}{unit}" for name, value in found.items()]
    answer = w.pick(
        (
            "\n".join(f"- {pair}" for pair in pairs),
            f"| {files.world.thing} | {attribute.called} |\n|---|---|\n"
            + "\n".join(f"| {_shown(n)} | {value}{unit} |" for n, value in found.items()),
            f"The {attribute.called} by {files.world.thing}: {'; '.join(pairs)}.",
        )
    )
    note = w.pick(("All read from the files as they are now.", "", "Nothing was changed."))
    ask = w.say(
        [
            "What is the {called} of {names}?",
            "I need the {called} for these {things}: {names}.",
            "Please look up the {called} of each of {names}.",
            "Can you tell me the {called} for {names}?",
        ],
        **words,
    )
    facts = tuple(number(value) for value in found.values())
    shown = tuple(word(name).replace("_", r"[ _-]") for name in names)
    return Wish(
        ask,
        ReferenceTurn(
            f"{answer}\n\n{note}".strip(),
            _look_ups(w, files, names, attribute, look=look),
            w.say(
                [
                    "All {n} values are there.",
                    "Every look-up gave one value; list them.",
                    "Nothing is missing; report the {n} values with their names.",
                ],
                n=len(names),
            ),
        ),
        (AnswerCheck(turn=None, required=(*facts, *shown)),),
    )


def _other(w: Wording, files: Files, names: list[str], attribute: Attribute) -> Wish:
    """Another attribute of the same things."""
    return _values(w, files, names, attribute)


def _extreme(w: Wording, files: Files, names: list[str], attribute: Attribute) -> Wish:
    """The largest among all, not only among those asked before."""
    every = {name: files.values[name][attribute.key] for name in files.paths}
    most = w.chance(0.5)
    top = max(every, key=lambda n: every[n]) if most else min(every, key=lambda n: every[n])
    gap = max(every.values()) - min(every.values())
    words = {"called": attribute.called, "things": files.world.things, "n": len(every),
             "kind": "highest" if most else "lowest", "top": _shown(top), "value": every[top],
             "gap": gap, "unit": f" {attribute.unit}" if attribute.unit else ""}  # fmt: skip
    rest = [name for name in sorted(every) if name not in names]
    ask = w.say(
        [
            "Over all {things} here, which has the {kind} {called}, and how far apart are the "
            "highest and the lowest?",
            "Now all the {things}: who has the {kind} {called}? And the difference between the "
            "two ends, please.",
        ],
        **words,
    )
    answer = w.say(
        [
            "Of all {n} {things} {top} has the {kind} {called}: {value}{unit}. From the lowest to "
            "the highest it is {gap}{unit}.",
            "{top}, with {value}{unit}. Between the two ends of the {n} lie {gap}{unit}.",
        ],
        **words,
    )
    steps = _look_ups(w, files, rest, attribute, look=False)
    fact = word(top).replace("_", r"[ _-]")
    return Wish(
        ask,
        ReferenceTurn(answer, steps, "With these the list is complete; compare."),
        (AnswerCheck(turn=None, required=(fact, number(every[top]), number(gap))),),
    )


def _table(w: Wording, files: Files, names: list[str], attribute: Attribute) -> Wish:
    """The values as CSV."""
    out = w.pick(("values.csv", "table.csv", f"{attribute.key}.csv"))
    rows = sorted(names)
    text = f"{files.world.thing},{attribute.key}\n" + "".join(
        f"{name},{files.values[name][attribute.key]}\n" for name in rows
    )
    words = {"out": out, "thing": files.world.thing, "key": attribute.key,
             "called": attribute.called, "n": len(rows), "first": rows[0]}  # fmt: skip
    ask = w.say(
        [
            "Write the {called} of those {n} to {out}: header {thing},{key}, names as in the "
            "paths of the files ({first} and so on), sorted by name, plain numbers.",
            "I'd like that as {out} too, columns {thing} and {key} with a header; names written "
            "like {first}, in alphabetical order, numbers without unit.",
        ],
        **words,
    )
    steps = (
        write(out, text, "The values are known; sort by name, digits only."),
        bash(f"cat {out}", "A look at the result."),
    )
    answer = w.say(
        ["{out} has {n} lines below its header.", "Done: {out}, {n} rows, sorted by {thing}."],
        **words,
    )
    check = CommandCheck(f"diff -B --strip-trailing-cr {out} .check/table", files={
        ".check/table": text
    })  # fmt: skip
    return Wish(ask, ReferenceTurn(answer, steps), (check,))
