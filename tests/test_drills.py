"""The drills: whatever endpoint, disk and process do, no slot is lost and no answer bought twice.

Over real sockets, with the real stage and the embedded teacher's faults. The slow ones, and what
they cost in time, are in benchmarks/drills.py.
"""

from __future__ import annotations

import asyncio
import json
import random
import shlex
import subprocess
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import drill
from drill import Kept, There, child, digests, generated, journal_lines, plan, serving
from kappa_data.errors import TeacherDown
from kappa_data.records import Conversation, Rejected, Slot
from kappa_data.store import Sealed
from kappa_data.teacher.embedded import Embedded
from kappa_data.teacher.embedded_wire import ChatBody
from kappa_data.teacher.journal import JOURNAL

TALK = [f"{family}/{seed}" for family in ("maths", "identity", "logic_puzzle") for seed in range(4)]
BOXED = ["data_csv/1"]


def ended(sealed: Sealed, made: Sealed) -> dict[str, str]:
    """Every slot with how it ended: "" for a conversation, the rule for quarantine. Fails where
    one is missing, stands twice or has no reason, or where the manifest counts otherwise."""
    kept = [each.id for each in made.read("conversations", Conversation)]
    rejected = list(made.read("quarantine", Rejected))
    assert all(each.findings and each.findings[0].evidence for each in rejected)
    ends = dict.fromkeys(kept, "") | {each.id: each.findings[0].rule for each in rejected}
    slots = [slot.id for slot in sealed.read("slots", Slot)]
    assert sorted(ends) == sorted(slots)
    assert len(kept) + len(rejected) == len(slots)
    assert made.manifest.rejected == Counter(each.findings[0].rule for each in rejected)
    return ends


FAULTS = {
    "rate_limit": 0.1,
    "server_error": 0.05,
    "drop": 0.02,
    "garbage": 0.01,
    "blank": 0.01,
    "cut": 0.01,
}
MENDED = {"", "empty answer", "user empty", "cut off", "user cut off", "tool cut off"}
"""how a slot may end with such faults: all others pass, so that asking again gets an answer"""


def test_every_fault_of_an_endpoint_and_no_slot_is_lost(tmp_path: Path) -> None:
    sealed = plan(tmp_path, TALK + BOXED)
    teacher = Kept(faults={**FAULTS, "retry_after": 0.05}, seed=5)
    made = generated(tmp_path, sealed, teacher, concurrency=64)
    assert set(ended(sealed, made).values()) <= MENDED
    assert set(teacher.server.planted) == set(FAULTS)
    assert teacher.server.requests["assistant", 429] + teacher.server.requests["user", 429] > 5
    # What arrived whole stands in the journal, and was never asked for again.
    assert set(teacher.server.answers.values()) == {1}


def test_more_at_once_than_the_server_takes(tmp_path: Path) -> None:
    """256 conversations ask at once, 64 requests are taken."""
    sealed = plan(tmp_path, [f"short/{number}" for number in range(256)], [None])
    faults = {"max_in_flight": 64, "retry_after": 0.05, "jitter": 0.2}
    teacher = Kept(faults=faults, latency=0.5)
    made = generated(tmp_path, sealed, teacher, concurrency=256)
    assert set(ended(sealed, made).values()) == {""}
    assert teacher.server.requests["assistant", 429] > 0
    assert set(teacher.server.answers.values()) == {1}
    assert teacher.server.answers.total() == 2 * 256


def test_the_same_rows_one_by_one_and_all_at_once(tmp_path: Path) -> None:
    found = []
    for concurrency in (1, 16, 512):
        root = tmp_path / str(concurrency)
        sealed = plan(root, TALK[::2] + BOXED)
        teacher = Kept(faults={"jitter": 0.01})
        made = generated(root, sealed, teacher, concurrency=concurrency)
        assert set(ended(sealed, made).values()) == {""}
        found.append(digests(made))
    assert found[0] == found[1] == found[2]


def killed_and_resumed(tmp_path: Path, kills: int, tasks: list[str]) -> None:
    """Kills the stage at random moments and goes on, until it is through; then compares."""
    at_once, draw, done = 4, random.Random(kills), 0
    with serving(latency=0.04, faults={"jitter": 0.02}) as server:
        whole = tmp_path / "whole"
        wanted = digests(generated(whole, plan(whole, tasks), partial(There, server.base_url)))
        answered = set(server.answers)
        assert set(server.answers.values()) == {1}
        lines = journal_lines(whole)
        rounds = 0
        while done < kills:
            rounds += 1
            server.answers.clear()
            root = tmp_path / f"round{rounds}"
            plan(root, tasks)
            killed = 0
            # A few lines lie between two kills, so that a round is through after some of them.
            while True:
                wait = journal_lines(root) + draw.randint(0, lines // 4)
                process = child(root, server.base_url, concurrency=at_once)
                while process.is_alive() and journal_lines(root) < wait:
                    time.sleep(0.002)
                time.sleep(draw.uniform(0, 0.05))
                if done < kills:
                    process.kill()
                process.join(60)
                if process.exitcode == 0:
                    break
                assert process.exitcode == -9
                killed += 1
                done += 1
            assert digests(drill.sealed_in(root, "generate")) == wanted
            assert set(server.answers) == answered
            entries = Counter(
                json.dumps([line["slot"], line["key"], line["digest"]])
                for line in map(json.loads, (root / JOURNAL).read_text().splitlines())
            )
            assert set(entries.values()) == {1}
            assert entries.total() == lines
            # Bought twice was what a kill left in flight, and nothing else.
            assert server.answers.total() - len(answered) <= at_once * killed


def test_killed_at_random_moments_of_generate(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, 6, [*TALK[::3], *BOXED])


@pytest.mark.extras
def test_killed_at_a_hundred_random_moments_of_generate(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, 100, [*TALK, *BOXED, "data_json/1"])


DISK = """
cp -r {root}/plan /small/
left=$(df --output=avail -k /small | tail -1)
dd if=/dev/zero of=/small/ballast bs=1k count=$((left - 90)) status=none
{command}; echo "first $?"
rm /small/ballast; {command}; echo "second $?"
"""


def test_a_full_disk_in_mid_run(tmp_path: Path) -> None:
    """A disk of its own, in a mount namespace, of which 90 KB are left at first."""
    sealed = plan(tmp_path, TALK)
    with serving() as server:
        asked = partial(There, server.base_url)
        wanted = digests(generated(tmp_path, sealed, asked, concurrency=8))
        assert (tmp_path / JOURNAL).stat().st_size > 120_000
        places = len(server.answers)
        server.answers.clear()
        command = shlex.join(drill.command(Path("/small"), server.base_url, concurrency=8))
        done = subprocess.run(
            ["bwrap", "--dev-bind", "/", "/", "--size", str(4 * 2**20), "--tmpfs", "/small",
             "sh", "-c", DISK.format(root=tmp_path, command=command)],
            env=drill.environment(), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    words = done.stdout + done.stderr
    assert "first 3" in words, words
    assert "the disk is full; make room and run the same command" in done.stderr
    assert "Traceback" not in done.stderr
    assert "second 0" in words, words
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("{"))
    assert json.loads(line) == wanted
    assert len(server.answers) == places
    assert server.answers.total() <= places + 8  # what was in flight when the disk was full


def test_a_server_that_is_gone_for_a_while(tmp_path: Path) -> None:
    sealed = plan(tmp_path, TALK)
    faults = {"down_from": 0.3, "down_for": 2.5}
    teacher = Kept(faults=faults, latency=0.1)
    made = generated(tmp_path, sealed, teacher, concurrency=16)
    assert set(ended(sealed, made).values()) == {""}
    assert teacher.server.planted == {"down": 1}
    # Twice was asked only what was on its way when the connections broke.
    assert teacher.server.answers.total() - len(teacher.server.answers) <= 16


class SilentAbout(Embedded):
    """Never answers the questions of one slot."""

    slot = "short/3:none"

    async def _answer(self, request: web.Request, body: ChatBody, *more: Any) -> web.StreamResponse:
        if (body.metadata or {}).get("slot") == self.slot:
            await asyncio.sleep(60)
        return await super()._answer(request, body, *more)


def test_a_question_that_is_never_answered_goes_to_quarantine(tmp_path: Path) -> None:
    """Others are answered in between: so it is about the question, not about the server."""
    sealed = plan(tmp_path, [f"short/{number}" for number in range(40)], [None])
    teacher = Kept(SilentAbout, latency=0.1)
    made = generated(tmp_path, sealed, teacher, concurrency=4, timeout=0.6, retries=2)
    ends = ended(sealed, made)
    assert ends.pop(SilentAbout.slot) == "teacher:timeout"
    assert set(ends.values()) == {""}
    # It was asked more than once before it was given up.
    assert teacher.server.requests["assistant", 0] > 1


def test_requests_that_hang_are_asked_again(tmp_path: Path) -> None:
    sealed = plan(tmp_path, [f"short/{number}" for number in range(40)], [None])
    teacher = Kept(faults={"hang": 0.1}, seed=2)
    made = generated(tmp_path, sealed, teacher, concurrency=40, timeout=1.0)
    assert set(ended(sealed, made).values()) == {""}
    assert teacher.server.planted["hang"] > 2
    assert set(teacher.server.answers.values()) == {1}


def test_a_server_that_never_answers_is_said(tmp_path: Path) -> None:
    sealed = plan(tmp_path, ["short/1", "short/2"], [None])
    teacher = Kept(faults={"hang": 1.0})
    with pytest.raises(TeacherDown, match="never answered"):
        generated(tmp_path, sealed, teacher, timeout=0.3, retries=1)
    assert not list((tmp_path / "generate").glob("*/manifest.json"))
    assert not teacher.server.answers
