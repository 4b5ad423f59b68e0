"""SQLite databases: loaded from dumps or CSV, questioned, repaired and migrated."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kappa_data.records import AnswerCheck, Attempt, FileCheck, ReferenceStep, ReferenceTurn, Task
from kappa_data.tasks.material.domains import DOMAINS
from kappa_data.tasks.material.near_misses import then_also, vague
from kappa_data.tasks.material.phrasing import follow, opening
from kappa_data.tasks.material.sqlite_changes import CHANGES, REPAIRS
from kappa_data.tasks.material.sqlite_model import (
    Model,
    change,
    files,
    loading,
    model,
    query,
    spoil,
)
from kappa_data.tasks.material.sqlite_questions import QUESTIONS, Job
from kappa_data.tasks.mistakes import Turns, only_said, replaced
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed, sentence

NAME = "data_sqlite"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1000

_FAULTS = (*REPAIRS, "", "cents", "")
_LOADS = {
    "dump": (
        "dump.sql is a dump of our {things}; <build|make> {db} from it.",
        "Restore dump.sql into a SQLite file {db}.",
    ),
    "split": (
        "Build {db} from sql/schema.sql and sql/data.sql.",
        "The schema of our database is in sql/schema.sql and the rows are in sql/data.sql; make "
        "the SQLite file {db} from both.",
    ),
    "csv": (
        "Load {table}.csv and {places}.csv into a SQLite database {db}: a table each, named like "
        "the file, columns like the header; {amount} REAL, {count} and target INTEGER, the rest "
        "TEXT.",
        "I have two CSV files, {table}.csv and {places}.csv. Put them into {db} (SQLite), as "
        "tables {table} and {places} with the columns of the headers ({count} and target as "
        "INTEGER, {amount} as REAL, all else TEXT).",
    ),
}


def make(seed: int) -> Task:
    """The task of `seed`; kinds of fault and domains go round, the rest is drawn."""
    w = Wording(NAME, seed)
    fault = _FAULTS[seed % len(_FAULTS)]
    m = model(w, DOMAINS[seed % len(DOMAINS)])
    if fault:
        spoil(w, m, fault)
    fixture = files(m)
    jobs = _jobs(w, m, fault)
    first = jobs[0]
    words = {"things": m.table, "table": m.table, "places": m.places_table, "db": m.db,
             "amount": m.domain.amount, "count": m.domain.count}  # fmt: skip
    turns = (
        ReferenceTurn(first.answer, (*_load(w, m, fixture), *first.steps), _closing(w, m)),
        *(ReferenceTurn(job.answer, job.steps) for job in jobs[1:]),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=opening(
            w.rng,
            context=w.pick(m.domain.story),
            ask=w.say(_LOADS[m.load], **words),
            details=(first.ask,),
        ),
        goals=tuple(follow(w.rng, job.ask) for job in jobs[1:]),
        fixture=fixture,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(
            m.check(),
            *(check for job in jobs for check in job.checks),
            *(FileCheck(path, content=text) for path, text in fixture.items()),
            AnswerCheck(turn=None, required=tuple(fact for job in jobs for fact in job.facts)),
        ),
        reference=turns,
        wrong=_wrong(m, turns, jobs),
    )


def _jobs(w: Wording, m: Model, fault: str) -> list[Job]:
    """One to four wishes; a repair comes first, a migration that drops a column last."""
    asked = w.some(QUESTIONS, w.pick((0, 1, 1, 2)))
    kinds = w.some([name for name in CHANGES if name != "cents"], w.pick((0, 1, 1)))
    middle = [*asked, *(CHANGES[name] for name in kinds)]
    w.rng.shuffle(middle)
    start = [REPAIRS[fault]] if fault in REPAIRS else []
    # A view reads the column that the migration drops.
    if fault == "cents":
        middle = [each for each in middle if each is not CHANGES["view"]]
        end = [CHANGES["cents"]]
    else:
        end = []
    chosen = [*start, *middle[:2], *end] or [w.pick(QUESTIONS)]
    return [_remarked(w, m, each) for each in chosen]


def _remarked(w: Wording, m: Model, kind: Callable[[Wording, Model], Job]) -> Job:
    """The job; in some seeds its answer says too what was done to the database."""
    job = kind(w, m)
    changes = kind in (*REPAIRS.values(), *CHANGES.values())
    remark = w.say(
        [
            "It was one transaction, so there is no state in between.",
            "I looked at {db} again afterwards, and the figures are from that look.",
            "Nothing else in {db} was changed.",
        ]
        if changes
        else [
            "The query only reads; {db} is as it was.",
            "The figures are from {db}, rounded to two decimals where there are any.",
            "All of it comes from one query, which can be run again at any time.",
        ],
        db=m.db,
    )
    if w.chance(0.3):
        return job
    return msgspec.structs.replace(job, answer=f"{job.answer} {remark}")


def _load(w: Wording, m: Model, fixture: dict[str, str]) -> list[ReferenceStep]:
    """A look at the files, then the database; now and then a query that fails on a guess."""
    paths = list(fixture)
    why = w.say(
        [
            "First what {paths} look like: names, types, number of lines.",
            "Before loading anything I look at {paths}.",
            "The form of {paths} decides how to load.",
        ],
        paths=listed(paths),
    )
    head = "wc -l {0}; head -n {1} {0}"
    steps = [bash(head.format(paths[0], 22 if paths[0].endswith(".sql") else 4), why)]
    steps += [bash(head.format(path, 5)) for path in paths[1:]]
    steps.append(bash(loading(m), w.say("<Now build|Build> {db} and count what arrived.", db=m.db)))
    if w.chance(0.25):
        guess = w.pick(("id", "name", "date"))
        steps += [
            query(
                m,
                f"SELECT {guess} FROM {m.table} LIMIT 3",
                "A first look at the rows in the database.",
            ),
            query(
                m,
                f"SELECT name, type FROM pragma_table_info('{m.table}')",
                f"There is no column {guess}; I take the names from the schema.",
            ),
        ]
    return steps


def _closing(w: Wording, m: Model) -> str:
    return w.say(
        [
            "{db} is built and the figures come from it; report them.",
            "The result stands in {db}. Name the figures that were asked for.",
            "All counts agree. A short answer with the figures will do.",
        ],
        db=m.db,
    )


def _wrong(m: Model, turns: Turns, jobs: list[Job]) -> tuple[Attempt, ...]:
    lost = change(
        m,
        (f"DELETE FROM {m.table} WHERE {m.domain.key} = (SELECT MAX({m.domain.key}) "
         f"FROM {m.table})",),
        "The last row looks incomplete.",
    )  # fmt: skip
    renamed = change(m, (f"ALTER TABLE {m.places_table} RENAME TO places",), "A plainer name.")
    slips = [(what, old, new) for job in jobs for what, old, new in job.slips]
    return (
        only_said(turns),
        vague(turns),
        then_also("loses a row", turns, lost),
        then_also("renames a table", turns, renamed),
        *(replaced(sentence(what), turns, (old, new)) for what, old, new in slips),
    )
