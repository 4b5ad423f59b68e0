"""The files with which a conversation began, by its task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from kappa_data.errors import UsageError
from kappa_data.records import Conversation, Task, TaskText, Withheld
from kappa_data.sandbox import NO_FILES
from kappa_data.tasks.catalog import families, task

PLANNED = "the plan's"
MADE_AGAIN = "made again"
REWORDED = ", but of another version, which words the task otherwise"
NO_TASK = "empty: the conversation names no task"
UNKNOWN_TASK = "empty: no family here makes this task"


class Workspace(Struct, frozen=True):
    """Files (relative path -> text), where they come from, and the programs that the task needs."""

    files: Mapping[str, str]
    source: str
    programs: tuple[str, ...] = ()


class _Planned(Struct, frozen=True):
    """Of a stored task only what a replay needs; the rest of its JSON is passed over."""

    opening: str
    fixture: dict[str, str] = {}
    programs: tuple[str, ...] = ()
    withheld: Withheld | None = None


class Workspaces:
    """Knows the plan's tasks; others are made again from family and seed."""

    def __init__(self, planned: Iterable[TaskText] = ()) -> None:
        self._planned = {each.id: msgspec.json.decode(each.text, type=_Planned) for each in planned}

    def of(self, conversation: Conversation) -> Workspace:
        """The workspace as it was before the first call; empty where nobody knows it."""
        name = conversation.task_id
        if name is None:
            return Workspace(NO_FILES, NO_TASK)
        planned = self._planned.get(name)
        found = planned or _made(name)
        if found is None:
            return Workspace(NO_FILES, UNKNOWN_TASK)
        said = next((each.content for each in conversation.messages if each.role == "user"), "")
        source = MADE_AGAIN if planned is None else PLANNED
        openings = {found.opening, found.withheld.opening if found.withheld else found.opening}
        changed = "" if said in openings else REWORDED
        return Workspace(found.fixture, f"{source}{changed}", found.programs)


def _made(name: str) -> Task | None:
    """The task `family/seed`; None where there is no such family, or it has fewer seeds.

    The name may come from a foreign file: beyond its seeds a family promises nothing.
    """
    family, _, seed = name.rpartition("/")
    known = families().get(family)
    if known is None or not seed.isdecimal() or len(seed) > 9 or int(seed) >= known.seeds:
        return None
    try:
        made = task(name)
    except UsageError:  # 007, or digits that are not ASCII
        return None
    # A plan stores the files by name, and the order in which they are made shows (`grep -r`).
    return msgspec.structs.replace(made, fixture=dict(sorted(made.fixture.items())))
