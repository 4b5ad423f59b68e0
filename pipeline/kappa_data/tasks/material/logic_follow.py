"""Later questions about the clues of a puzzle, answered by counting worlds."""

from __future__ import annotations

from kappa_data.tasks.material.logic_explain import cited
from kappa_data.tasks.material.logic_model import (
    Model,
    everything,
    joint,
    masks,
    members,
    removable,
)
from kappa_data.tasks.material.logic_puzzle_parts import FollowUp
from kappa_data.tasks.material.phrasing import plural
from kappa_data.tasks.wording import Wording, listed, sentence

_LISTED = 4


def follow_ups(w: Wording, model: Model) -> list[FollowUp]:
    """One question of each form of answer (a number, a clue, several clues), in random order."""
    found: list[FollowUp | None] = [w.pick((_dropped, _only_two))(w, model), _broken(w, model)]
    found.append(_redundant(w, model) or _strongest(w, model))
    kept = [each for each in found if each is not None]
    w.rng.shuffle(kept)
    return kept


def _dropped(w: Wording, model: Model) -> FollowUp:
    parts, start = masks(model), everything(model.worlds)
    k = w.rng.randrange(len(parts))
    left = joint([*parts[:k], *parts[k + 1 :]], start)
    count = left.bit_count()
    goal = w.say(
        (
            "What if {l} {k} is dropped: how many solutions are there then?",
            "Suppose I strike {l} {k}. How many solutions remain?",
            "Would it still be unique without {l} {k}? Tell me how many solutions it would have.",
        ),
        l=model.label,
        k=k + 1,
    )
    if count == 1:
        why = (
            f"Nothing changes: the other {model.label}s already exclude everything but "
            f"{model.show(model.solution)}, so {cited(model, [k])} only repeats what they say."
        )
    else:
        others = [each for each in members(model.worlds, left) if each != model.solution]
        shown = " and ".join(f"[{model.show(each)}]" for each in others[:_LISTED])
        more = ", for example " if len(others) > _LISTED else ": "
        why = (
            f"Without {cited(model, [k])} the old solution stays valid, and "
            f"{plural(len(others), f'further {model.noun}')} would be let in{more}{shown}. "
            f"That makes {count} in all."
        )
    return FollowUp(f"{goal} {_NUMBER}", why, str(count))


_NUMBER = "Put the number alone behind `Answer:` on the last line."


def _only_two(w: Wording, model: Model) -> FollowUp:
    parts, start = masks(model), everything(model.worlds)
    i, j = sorted(w.some(range(len(parts)), 2)) if len(parts) > 1 else (0, 0)
    left = parts[i] & parts[j] & start
    numbers = sorted({i, j})
    named = cited(model, numbers, gist=False)
    goal = w.say(
        (
            "If I only knew {n}, how many possibilities would be left?",
            "Take {n} and nothing else. How many candidates survive?",
            "How far do you get with just {n}? I want the number of possibilities left.",
        ),
        n=named,
    )
    first = parts[i].bit_count()
    why = (
        f"There are {plural(len(model.worlds), model.noun)} to begin with. "
        f"{sentence(cited(model, [i]))} alone admits {first}."
    )
    if j != i:
        why += f" Of those, {left.bit_count()} also satisfy {cited(model, [j])}."
    why += f" The solution {model.show(model.solution)} is one of them."
    return FollowUp(f"{goal} {_NUMBER}", why, str(left.bit_count()))


def _redundant(w: Wording, model: Model) -> FollowUp | None:
    """Which clue is not needed, where exactly one is not."""
    parts, start = masks(model), everything(model.worlds)
    spare = removable(parts, start)
    if len(spare) != 1:
        return None
    k = spare[0]
    goal = w.say(
        (
            "One {l} was not needed. Which one?",
            "I have the feeling that one {l} is redundant. Which could be left out?",
            "Which single {l} could I delete without losing uniqueness?",
        ),
        l=model.label,
    )
    needed = [i for i in range(len(parts)) if i != k]
    counts = listed(
        [
            f"{joint([*parts[:i], *parts[i + 1 :]], start).bit_count()} without {i + 1}"
            for i in needed
        ]
    )
    why = (
        f"Leave out each {model.label} once and count. {sentence(cited(model, [k]))} can go: the "
        f"rest still allow only {model.show(model.solution)}. Every other one is needed, for more "
        f"than one {model.noun} would fit: {counts}."
    )
    return FollowUp(f"{goal} {_one(model)}", why, f"{model.label} {k + 1}")


def _one(model: Model) -> str:
    return f"End with `Answer: {model.label} N`, N being its number."


def _strongest(w: Wording, model: Model) -> FollowUp | None:
    """Which clue alone excludes most, where there is one such."""
    counts = [part.bit_count() for part in masks(model)]
    least = min(counts)
    if counts.count(least) != 1 or len(counts) < 2:
        return None
    k = counts.index(least)
    goal = w.say(
        (
            "Which {l} taken alone rules out the most?",
            "Looking at each {l} by itself, which one narrows things down furthest?",
            "Which {l} is the strongest, if you had only that one?",
        ),
        l=model.label,
    )
    rest = listed([f"{count} for {i + 1}" for i, count in enumerate(counts) if i != k])
    why = (
        f"Count what each {model.label} alone leaves of the "
        f"{plural(len(model.worlds), model.noun)}. {sentence(cited(model, [k]))} leaves {least}, "
        f"fewer than any other: {rest}. By itself it still does not settle the puzzle."
        if least > 1
        else f"so it would do alone; the others leave more: {rest}."
    )
    return FollowUp(f"{goal} {_one(model)}", why, f"{model.label} {k + 1}")


def _broken(w: Wording, model: Model) -> FollowUp:
    """Which clues somebody's wrong solution breaks."""
    wrong = w.pick([each for each in model.worlds if each != model.solution])
    broken = [i for i, clue in enumerate(model.clues) if not clue.holds(wrong)]
    goal = w.say(
        (
            "A friend got this instead: {s}. Which {l}s does that break?",
            "My own attempt was: {s}. Which {l}s did I violate?",
            "The answer key in my book says: {s}. Which {l}s contradict it?",
        ),
        s=model.show(wrong),
        l=model.label,
    )
    kept = [i for i in range(len(model.clues)) if i not in broken]
    why = f"That proposal is wrong: it contradicts {cited(model, broken)}."
    if kept:
        fits = "is" if len(kept) == 1 else "are"
        why += f" {sentence(cited(model, kept, gist=len(kept) < 3))} {fits} satisfied, which is "
        why += "not enough."
    else:
        why += f" Not a single {model.label} is satisfied."
    right = [
        model.fact(v, model.solution[v])
        for v in range(len(model.variables))
        if wrong[v] != model.solution[v]
    ]
    why += f" Among what has to change: {right[0]}."
    numbers = ", ".join(str(i + 1) for i in broken)
    form = f"End with `Answer: {model.label}s …`, their numbers in ascending order with commas."
    many = "s" if len(broken) > 1 else ""
    return FollowUp(f"{goal} {form}", why, f"{model.label}{many} {numbers}")
