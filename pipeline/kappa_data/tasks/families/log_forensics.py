"""Something happened and the logs know what: find it, name it, keep it."""

from __future__ import annotations

from kappa_data.records import ReferenceTurn, Task
from kappa_data.tasks.material import log_access, log_requests, log_states, log_traffic
from kappa_data.tasks.material.code_goals import Goal
from kappa_data.tasks.material.logs import (
    HOSTS,
    SERVICES,
    USERS,
    Case,
    ask_command,
    ask_report,
    ask_span,
    said,
)
from kappa_data.tasks.material.near_misses import misread, vague
from kappa_data.tasks.wording import Wording, sentence

NAME = "log_forensics"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1000

SCENARIOS = (
    *log_requests.SCENARIOS,
    *log_access.SCENARIOS,
    *log_states.SCENARIOS,
    *log_traffic.SCENARIOS,
)
OPENINGS = (
    "{story} {question}",
    "<Hi|Hello|Good morning>. {story} <Could you have a look?|Please have a look.> {question}",
    "{question_cap} {story}",
    "<quick question about|need help with> {files}: {question} background: {story}",
    "{story} <I have ten minutes until the call|The call about it starts soon>, so please be "
    "exact. "
    "{question}",
    "Incident review. {story} <For the write-up|For the timeline> I need facts from {files}. "
    "{question}",
    "Can you go through {files} for me? {story} {question}",
    "{story} <Nobody has looked at it yet|I did not find the time to look myself>. {question} <No "
    "guesses, please|Only what the log shows>.",
    "<We have been asked|The boss asked> about this: {story} {question}",
)


def make(seed: int) -> Task:
    """The task of `seed`; scenarios go round, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    case = SCENARIOS[seed % len(SCENARIOS)](w)
    goals = _goals(w, case)
    turns = (
        ReferenceTurn(steps=case.steps, answer=case.answer),
        *(goal.turn for goal in goals),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=w.say(
            OPENINGS,
            story=case.story,
            question=case.question,
            question_cap=sentence(case.question),
            files=" and ".join(sorted(case.files)),
        ),
        goals=tuple(goal.ask for goal in goals),
        fixture=case.files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(said(case), *(check for goal in goals for check in goal.checks)),
        reference=turns,
        wrong=(vague(turns), *misread(turns, case.facts, (*HOSTS, *SERVICES, *USERS))),
    )


def _goals(w: Wording, case: Case) -> list[Goal]:
    """0 to 3 wishes in any order."""
    general = (ask_span, ask_report, ask_command)
    chosen = [make_goal(w, case) for make_goal in w.some(general, w.pick((0, 0, 1, 1, 2)))]
    if case.more and w.chance(0.5):
        chosen.insert(w.rng.randrange(len(chosen) + 1), w.pick(case.more))
    return chosen
