"""What may be asked for after a configuration was repaired."""

from __future__ import annotations

import copy
import re

from msgspec import Struct

from kappa_data.records import AnswerCheck, FileCheck, ReferenceTurn
from kappa_data.tasks.material.code_goals import Goal
from kappa_data.tasks.material.codebase import minimal_edit
from kappa_data.tasks.material.config_faults import Fault
from kappa_data.tasks.material.config_files import (
    Line,
    Service,
    Setting,
    Value,
    Values,
    in_file,
    render,
    spelled,
)
from kappa_data.tasks.steps import bash, edit, read, write
from kappa_data.tasks.wording import Wording, listed


class Site(Struct, frozen=True):
    """One service at one place, with the right values."""

    service: Service
    form: str
    town: str
    path: str
    sheet: str
    checker: str
    values: Values
    files: dict[str, str]

    @property
    def title(self) -> str:
        """The comment at the top of the file."""
        return f"{self.service.name}, {self.town}"

    def facts(self) -> dict[str, object]:
        """What the wording may speak of."""
        return {
            "service": self.service.name,
            "does": self.service.does,
            "site": self.town,
            "path": self.path,
            "sheet": self.sheet,
            "checker": self.checker,
            "form": self.form,
        }

    def text(self, values: Values) -> str:
        """The file with these values."""
        lines = [Line(s.section, s.key, values[s.section][s.key]) for s in self.service.settings]
        return render(lines, self.form, self.title)


class Goals(Struct, frozen=True):
    """The wishes and the values that the files must have when all are met."""

    goals: list[Goal]
    values: Values
    variants: dict[str, Values]


def goals_after(w: Wording, site: Site, text: str, faults: list[Fault]) -> Goals:
    """0 to 3 wishes after the file reads `text`."""
    kinds = w.some(("change", "variant", "limit", "note"), w.pick((0, 1, 1, 2, 2, 3)))
    values = copy.deepcopy(site.values)
    variants: dict[str, Values] = {}
    goals = []
    for kind in kinds:
        if kind == "change":
            goals.append(_change(w, site, values))
        elif kind == "variant":
            goals.append(_variant(w, site, values, variants))
        elif kind == "limit":
            goals.append(_limit(w, site))
        else:
            goals.append(_note(w, site, faults))
    return Goals(goals, values, variants)


def _other(w: Wording, setting: Setting, value: Value) -> Value:
    new = setting.draw(w)
    while new == value:
        new = setting.draw(w)
    return new


def _change(w: Wording, site: Site, values: Values) -> Goal:
    """One setting gets a new value, here and on the sheet; changes `values`."""
    setting = w.pick(site.service.settings)
    old = values[setting.section][setting.key]
    new = _other(w, setting, old)
    before = site.text(values)
    values[setting.section][setting.key] = new
    facts = {
        **site.facts(),
        "name": setting.name,
        "about": setting.about,
        "old": spelled(old, "env"),
        "new": spelled(new, "env"),
    }
    ask = w.say(
        (
            "<Now that it works|Since you are at it>: set {name} to {new}, in {path} and in "
            "{sheet}.",
            "We just decided that {name} ({about}) becomes {new}. <Change|Update> {path} and "
            "{sheet}, please.",
            "One change on top: {name} is to be {new} from now on. Both {path} and {sheet} "
            "<should say so|need it>.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "`{name}` ({about}) is {new} now instead of {old}, in {path} as well as in {sheet}. "
            "The checker still says ok after that, <and no other value was touched|and every "
            "other line is the same as before>. <A running {service} has to be "
            "restarted|{service} has to be restarted> to <see|pick up> the new value.",
            "I changed `{name}` from {old} to {new} in both files, {path} and {sheet}. {new} is "
            "within what {checker} allows, and the check passes again after the change. It is "
            "the setting for: {about}. <Restart {service} for it to take effect|It takes effect "
            "at the next start of {service}>.",
        ),
        **facts,
    )
    page = site.files[site.sheet]
    line = next(line for line in page.splitlines() if re.search(rf"\b{setting.name}\b", line))
    head, _, tail = line.rpartition(str(facts["old"]))
    if f": {facts['old']}" not in line and f"is {facts['old']}:" in line:
        head, _, tail = line.partition(f"is {facts['old']}:")
        changed = f"{head}is {facts['new']}:{tail}"
    elif f"| {facts['old']} |" in line:
        changed = line.replace(f"| {facts['old']} |", f"| {facts['new']} |", 1)
    else:
        changed = f"{head}{facts['new']}{tail}"
    steps = (
        edit(
            site.path,
            *minimal_edit(before, site.text(values)),
            w.say("`{name}` goes from {old} to {new} in {path}.", **facts),
        ),
        edit(
            site.sheet, line, changed, w.say("The sheet has to <say|show> {new} as well.", **facts)
        ),
        bash(f"python3 {site.checker}", w.say("Is {new} allowed? Ask the checker.", **facts)),
    )
    wanted = FileCheck(path=site.sheet, contains=(str(facts["new"]),), lacks=(line,))
    return Goal(ask=ask, turn=ReferenceTurn(answer=answer, steps=steps), checks=(wanted,))


def _variant(w: Wording, site: Site, values: Values, variants: dict[str, Values]) -> Goal:
    """A second file with two other values; adds it to `variants`."""
    chosen = w.some(site.service.settings, 2)
    other = copy.deepcopy(values)
    for setting in chosen:
        other[setting.section][setting.key] = _other(
            w, setting, values[setting.section][setting.key]
        )
    stem = w.pick(("staging", "test", "training", "standby"))
    folder = site.path.rpartition("/")[0]
    path = f"{folder}/{stem}.{site.form}" if folder else f"{stem}.{site.form}"
    variants[path] = other
    wishes = [f"{s.name} {spelled(other[s.section][s.key], 'env')}" for s in chosen]
    facts = {**site.facts(), "new": path, "stem": stem, "wishes": listed(wishes)}
    ask = w.say(
        (
            "We also need {new} for the {stem} machine: <a copy of|the same as> {path}, but with "
            "{wishes}.",
            "Please <make|write> a second file {new}: same settings as {path} except {wishes}.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{new} is there, with the same settings as {path} except for {wishes}. The checker "
            "accepts it: `python3 {checker} {new}` <says|ends with> ok. {path} <itself was|was> "
            "not changed, so the {stem} machine and {site} differ in exactly these two values.",
            "I copied {path} to {new} and set {wishes} there; all other values are equal. Both "
            "files pass {checker}. <If|When> a value is changed for all machines later, it has "
            "to be changed in both files, <since neither reads the other|because {new} is a full "
            "copy>.",
        ),
        **facts,
    )
    steps = (
        write(path, site.text(other), w.say("All values of {path}, with {wishes}.", **facts)),
        bash(
            f"python3 {site.checker} {path}; diff {site.path} {path}",
            w.say("Check {new}, and see by diff that only two values differ.", **facts),
        ),
    )
    return Goal(ask=ask, turn=ReferenceTurn(answer=answer, steps=steps), checks=())


def _limit(w: Wording, site: Site) -> Goal:
    """What does the checker allow for a number?"""
    setting = w.pick([s for s in site.service.settings if s.numeric])
    low, high = setting.allowed
    facts = {
        **site.facts(),
        "name": setting.name,
        "about": setting.about,
        "low": low,
        "high": high,
        "line": in_file(setting.section, setting.key, site.form),
    }
    ask = w.say(
        (
            "<By the way|One question>: what is the largest value that {checker} accepts for "
            "{name}?",
            "How high may {name} go before {checker} complains<?|, and how low?>",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{checker} accepts {low} to {high} for `{name}` ({about}), both ends included, so "
            "{high} is the largest value. Anything outside of that <is reported|it reports> as "
            "not within {low} to {high}, and the script then <ends with|returns> exit code 1. In "
            "{path} it is the line of `{line}`, <and|while> the value to be used is the one in "
            "{sheet}.",
            "The limit for `{name}` is {high}, the smallest value is {low}; that is the rule in "
            "{checker}. The setting is for: {about}. <It says nothing about what is "
            "sensible|That is only what is allowed>: the agreed value stays the one in {sheet}, "
            "written as `{line}` in {path}.",
        ),
        **facts,
    )
    why = w.say("The rules are in {checker}; look up the one for {name}.", **facts)
    step = bash(f"grep -n '\"{setting.name}\"' {site.checker}", why)
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer, steps=(step,)),
        checks=(AnswerCheck(turn=None, required=(rf"(?<![\d,.]){high}(?!\d)",)),),
    )


def _note(w: Wording, site: Site, faults: list[Fault]) -> Goal:
    """An entry in a log of incidents."""
    path = w.pick(("INCIDENTS.md", "docs/incidents.md", "NOTES.md"))
    names = sorted(fault.setting.name for fault in faults)
    facts = {**site.facts(), "log": path, "names": listed(names)}
    ask = w.say(
        (
            "Please <write|put> a short note about this into {log} (new file): what happened, "
            "and each wrong setting with its full name, like {first}.",
            "For the others: create {log} and describe the incident there, naming all the "
            "settings concerned in full (section.key, e.g. {first}).",
        ),
        **facts,
        first=names[0],
    )
    text = f"# {site.service.name}, {site.town}\n\nThe configuration {site.path} was damaged:\n\n"
    text += "".join(f"- {fault.told}; {fault.mend}.\n" for fault in faults)
    text += f"\nAll values agree with {site.sheet} again, and {site.checker} passes.\n"
    answer = w.say(
        (
            "{log} now <describes|records> the incident: that {path} was damaged, the settings "
            "concerned ({names}), what was wrong with each, and that the file agrees with "
            "{sheet} again. It is written so that the next person <on duty|who looks> at {site} "
            "can follow it without knowing the history.",
            "I wrote {log}. It lists {names} with the mistake and the remedy for each, and <ends "
            "with|says at the end> the state: {path} matches {sheet} and {checker} passes. "
            "Nothing else was changed for this, and it can be committed <together with|along "
            "with> the repair.",
        ),
        **facts,
    )
    steps = (
        write(path, text, w.say("A short factual note with {names}.", **facts)),
        read(path, w.say("Read {log} once more as the others will see it.", **facts)),
    )
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer, steps=steps),
        checks=(FileCheck(path=path, contains=tuple(names)),),
    )
