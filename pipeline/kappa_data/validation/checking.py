"""Finds the checks: every module in `checks/`, and other packages' by entry point."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from types import ModuleType

from msgspec import Struct

import kappa_data.checks as folder
from kappa_data.checks._facts import Facts
from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.records import Conversation, Finding

GROUP = "kappa_data.checks"
ALL = "all"


class Check(Struct, frozen=True):
    """One check; `rules` are the names that its findings may have."""

    name: str
    rules: tuple[str, ...]
    check: Callable[[Conversation, Facts], Iterator[Finding]]


@functools.cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by name.

    UsageError: an entry point that leads to no check, or a rule that two checks claim.
    """
    found = sorted((_check_of(place, module) for place, module in _modules()), key=_name)
    owner: dict[str, str] = {}
    for each in found:
        for rule in each.rules:
            if rule in owner:
                raise UsageError(f'checks: the rule "{rule}" of {each.name} is {owner[rule]}\'s')
            owner[rule] = each.name
    return tuple(found)


def chosen_checks(names: Sequence[str]) -> tuple[Check, ...]:
    """The checks of these names, "all" of them; UsageError for a name that no check has."""
    known = {each.name: each for each in all_checks()}
    for name in names:
        if name not in (*known, ALL):
            raise UsageError(f'validate.checks: there is no "{name}"; {nearest(name, known)}')
    return tuple(each for each in known.values() if ALL in names or each.name in names)


def findings(
    conversation: Conversation, facts: Facts, checks: Sequence[Check] | None = None
) -> tuple[Finding, ...]:
    """All findings of the checks (None: all there are), in the order of the messages."""
    chosen = all_checks() if checks is None else checks
    found = [each for one in chosen for each in one.check(conversation, facts)]
    return tuple(sorted(found, key=lambda each: each.message))


def _name(check: Check) -> str:
    return check.name


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for info in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        if not info.name.rpartition(".")[2].startswith("_"):
            yield info.name, importlib.import_module(info.name)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        place = f'entry point "{entry.name}" of {GROUP}'
        try:
            yield place, entry.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"{place}: cannot be loaded ({error}); mend or uninstall it"
            ) from error


def _check_of(place: str, module: ModuleType) -> Check:
    if lacks := [name for name in ("RULES", "check") if not hasattr(module, name)]:
        raise UsageError(f"{place}: no {', '.join(lacks)}; a check defines both")
    return Check(module.__name__.rpartition(".")[2], tuple(module.RULES), module.check)
