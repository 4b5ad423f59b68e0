"""A sloppy teacher: every planted slip ends in its named finding, in repair or in quarantine."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from drill import PERSONAS, Kept, generated, plan
from kappa_data.config import ValidateConfig
from kappa_data.progress import Quiet
from kappa_data.recipe import VALIDATE
from kappa_data.records import Conversation, ConversationFinding, Rejected
from kappa_data.resources import Resources
from kappa_data.stage import build
from kappa_data.tasks import catalog
from kappa_data.teacher.sloppy import KINDS

ENDINGS: dict[str, set[str]] = {
    "brief_leaked": {"leaked brief"},
    "cut_off": {"cut off", "cut-off"},
    "empty_answer": {"empty answer", "empty turn"},
    "flattery": {"flattery"},
    "invented_result": {"invented result", "verifier"},
    "loop": {"loop", "too many steps", "verifier"},
    "malformed_arguments": {"arguments"},
    "refusal": {"refusal", "verifier"},
    "special_tokens": {"special token text"},
    "unknown_tool": {"unknown tool"},
    "voice_lost": {"voice lost"},
    "wrong_arguments": {"arguments schema", "arguments"},
}
"""the rules that name each kind of slip"""


class Dataset(NamedTuple):
    """What generate and validate made of a plan, and what was planted."""

    slips: dict[str, str]
    accepted: dict[str, Conversation]
    quarantined: dict[str, set[str]]  # slot -> the rules that were found
    findings: dict[tuple[str, int], set[str]]  # conversation and message -> rules


def made(root: Path, tasks: list[str], sloppy: float | dict[str, float], seed: int) -> Dataset:
    teacher = Kept(sloppy=sloppy, seed=seed)
    talks = generated(root, plan(root, tasks), teacher, concurrency=16)
    checked, _ = build(
        VALIDATE, ValidateConfig(workers=1), {"generate": talks}, Resources(), root, Quiet()
    )
    findings = defaultdict[tuple[str, int], set[str]](set)
    for each in checked.read("findings", ConversationFinding):
        findings[each.conversation_id, each.message].add(each.rule)
    quarantined = {
        each.id: {finding.rule for finding in each.findings}
        for source in (talks, checked)
        for each in source.read("quarantine", Rejected)
    }
    accepted = {each.id: each for each in checked.read("conversations", Conversation)}
    return Dataset(teacher.server.slips, accepted, quarantined, findings)


def message_at(conversation: Conversation, place: str) -> int:
    """The index of the assistant's message that was said at a place, `turn.reply`."""
    turn, reply = map(int, place.split("."))
    turns = replies = -1
    for index, message in enumerate(conversation.messages):
        if message.role == "user":
            turns, replies = turns + 1, -1
        elif message.role == "assistant":
            replies += 1
            if (turns, replies) == (turn, reply):
                return index
    raise AssertionError(f"{conversation.id}: nothing was said at {place}")


def ending(data: Dataset, slot: str, place: str, kind: str) -> str:
    """How one slip ended; "unnoticed" where neither a rule that names it nor quarantine did."""
    if slot in data.quarantined:
        return "quarantine" if data.quarantined[slot] & ENDINGS[kind] else "quarantine, for another"
    conversation = data.accepted[slot]
    index = message_at(conversation, place)
    if not data.findings[slot, index] & ENDINGS[kind]:
        return "unnoticed"
    return "finding" if conversation.messages[index].train else "not trained"


def endings(data: Dataset) -> dict[str, Counter[str]]:
    table = defaultdict[str, Counter[str]](Counter)
    for full, kind in data.slips.items():
        slot, _, place = full.partition("|")
        table[kind][ending(data, slot, place, kind)] += 1
    return table


TASKS = [f"{family}/1" for family in catalog.families()]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """All kinds at 8 %, a task of every family, in two voices and in none."""
    return made(tmp_path_factory.mktemp("sloppy"), TASKS, 0.08, seed=1)


def test_no_planted_slip_passes_unnoticed(everything: Dataset) -> None:
    table = endings(everything)
    # A voice that is lost needs a twin to be seen beside: see the next test.
    table.pop("voice_lost", None)
    assert set(table) == {*KINDS} - {"voice_lost"}
    unnoticed = {kind: ends["unnoticed"] for kind, ends in table.items() if ends["unnoticed"]}
    assert unnoticed == {}, [
        (place, kind)
        for place, kind in everything.slips.items()
        if kind in unnoticed and ending(everything, *_parts(place), kind) == "unnoticed"
    ]
    # Quarantine for something else would hide a check that sees nothing.
    for kind, ends in table.items():
        assert ends["quarantine"] + ends["not trained"] + ends["finding"] > 0, (kind, ends)
    assert {kind for kind, ends in table.items() if ends["finding"]} <= {"special_tokens"}


def _parts(full: str) -> tuple[str, str]:
    slot, _, place = full.partition("|")
    return slot, place


def test_a_lost_voice_is_found_beside_its_twin(tmp_path: Path) -> None:
    tasks = [f"{family}/{seed}" for family in ("maths", "logic_puzzle") for seed in range(12)]
    data = made(tmp_path, [*tasks, "data_csv/1"], {"voice_lost": 0.1}, seed=2)
    assert len(data.slips) > 8
    (ends,) = endings(data).values()
    # A conversation of which nothing else is left to train goes as a whole.
    assert ends["not trained"] + ends["quarantine"] == len(data.slips)
    assert ends["not trained"] > 8
    # And nothing else: every answer so found was planted.
    found = {(id, index) for (id, index), rules in data.findings.items() if "voice lost" in rules}
    planted = {
        (slot, message_at(data.accepted[slot], place))
        for slot, place in map(_parts, data.slips)
        if slot in data.accepted
    }
    assert {each for each in found if each[0] in data.accepted} == planted


WRONG_CALLS = ("malformed_arguments", "unknown_tool", "wrong_arguments")


def test_wrong_calls_are_recovered_from(tmp_path: Path) -> None:
    """The tool says what is wrong, the right call follows: a lesson, the slip itself no target."""
    families = ("data_csv", "data_json", "shell_text", "log_forensics", "config_repair")
    tasks = [f"{family}/3" for family in families]
    data = made(tmp_path, tasks, dict.fromkeys(WRONG_CALLS, 0.08), seed=3)
    table = endings(data)
    assert set(table) == set(WRONG_CALLS)
    assert {end for ends in table.values() for end in ends} == {"not trained"}, data.quarantined
    assert len(data.accepted) == len(tasks) * len(PERSONAS)


def test_every_slot_is_accounted_for(everything: Dataset) -> None:
    slots = len(TASKS) * len(PERSONAS)
    assert len(everything.accepted) + len(everything.quarantined) == slots
    assert not everything.accepted.keys() & everything.quarantined.keys()
    # Not everything is thrown away: where a slip can be put aside, the rest is kept.
    assert len(everything.accepted) > slots // 5
