"""Ways in which a configuration file goes wrong."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, structs

from kappa_data.tasks.material.config_files import Line, Service, Setting, Value, spelled
from kappa_data.tasks.wording import Wording

Lines = list[Line]


class Fault(Struct, frozen=True):
    """One mistake: which setting it is about, what is written, what it should be, in words."""

    setting: Setting
    kind: str
    told: str
    """the mistake as a clause, e.g. "the 8080 of http.port has a letter in it" """
    mend: str
    """what is to be done, as a clause"""
    spoil: Callable[[Lines], Lines]
    silent: bool = False
    """the checker does not notice it; only the sheet shows it"""


def _changed(setting: Setting, **fields: object) -> Callable[[Lines], Lines]:
    """Changes these fields of the setting's line."""

    def spoil(lines: Lines) -> Lines:
        here = (setting.section, setting.key)
        return [
            structs.replace(line, **fields) if (line.section, line.key) == here else line
            for line in lines
        ]

    return spoil


def typo(w: Wording, setting: Setting, value: Value, form: str) -> Fault:
    """A letter of the key is doubled or lost."""
    at = w.rng.randrange(1, len(setting.key) - 1)
    double = w.chance(0.5)
    key = setting.key[:at] + setting.key[at] * 2 * double + setting.key[at + 1 :]
    return Fault(
        setting,
        "misspelt name",
        w.say(
            "`{name}` was <misspelt|written> as `{key}`, so the service <never saw it|did not "
            "know it>",
            name=setting.name,
            key=key,
        ),
        w.say("<the name is corrected to|it is spelt> `{right}`", right=setting.key),
        _changed(setting, key=key),
    )


def lost(w: Wording, setting: Setting, value: Value, form: str) -> Fault:
    """The line is gone."""
    text = spelled(value, "env")
    return Fault(
        setting,
        "missing line",
        w.say("`{name}` was <missing altogether|not in the file at all>", name=setting.name),
        w.say("<the line|it> is back with `{text}`, <the value on|as in> the sheet", text=text),
        lambda lines: [x for x in lines if (x.section, x.key) != (setting.section, setting.key)],
    )


def wrong_type(w: Wording, setting: Setting, value: Value, form: str) -> Fault:
    """A number with a letter in it, or a truth value that is none."""
    text = spelled(value, "env")
    if setting.numeric:
        text = w.pick((f"{text} s", text.replace("0", "O") if "0" in text else f"{text}x"))
        why = "is no whole number"
    else:
        text = {"true": w.pick(("ture", "yess")), "false": w.pick(("flase", "noo"))}.get(
            text, text[::-1]
        )
        why = "is not a value it knows"
    return Fault(
        setting,
        "wrong kind of value",
        w.say("`{name}` held `{text}`, which {why}", name=setting.name, text=text, why=why),
        w.say("it <is|reads> `{right}` now", right=spelled(value, "env")),
        _changed(setting, text=spelled(text, form)),
    )


def out_of_range(w: Wording, setting: Setting, value: Value, form: str) -> Fault:
    """A number in another unit, or a word that is not among the choices."""
    if setting.numeric:
        low, high = setting.allowed
        number = w.pick((int(high) * 10, int(value) + int(high) + 1, max(0, int(low) - 1)))
        if int(low) <= number <= int(high):
            number = int(high) + 7
        told = w.say(
            "`{name}` <was|stood at> {number}, outside of {low} to {high}",
            name=setting.name,
            number=number,
            low=low,
            high=high,
        )
        change = _changed(setting, value=number)
    else:
        text = str(value).upper() if setting.allowed else str(w.pick(("maybe", "auto", "default")))
        told = w.say(
            "`{name}` <was set to|stood at> `{text}`, which is not one of its values",
            name=setting.name,
            text=text,
        )
        change = _changed(setting, value=text)
    return Fault(
        setting,
        "value that is not allowed",
        told,
        w.say("<the sheet says|per the sheet it is> `{right}`", right=spelled(value, "env")),
        change,
    )


def differs(w: Wording, setting: Setting, value: Value, form: str) -> Fault:
    """An allowed value that is not the agreed one."""
    other = setting.draw(w)
    while other == value:
        other = setting.draw(w)
    return Fault(
        setting,
        "value that is not the agreed one",
        w.say(
            "`{name}` was `{other}`, <valid, but not what was agreed|which is allowed but not "
            "the agreed value>",
            name=setting.name,
            other=spelled(other, "env"),
        ),
        w.say("<I set it to|it is> `{right}` <as on the sheet|again>", right=spelled(value, "env")),
        _changed(setting, value=other),
        silent=True,
    )


def moved(w: Wording, setting: Setting, value: Value, form: str, service: Service) -> Fault:
    """The setting stands in another section."""
    others = sorted({s.section for s in service.settings} - {setting.section})
    section = w.pick(others)
    return Fault(
        setting,
        "wrong section",
        w.say(
            "`{name}` <stood|was> under `{section}` instead of `{right}`",
            name=setting.name,
            section=section,
            right=setting.section,
        ),
        w.say("<it is back|I moved it back> where it belongs"),
        _changed(setting, section=section),
    )


def draw_faults(
    w: Wording, service: Service, values: dict[str, dict[str, Value]], form: str, count: int
) -> list[Fault]:
    """`count` mistakes about different settings, at most one of them silent."""
    chosen = w.some(service.settings, count)
    faults = []
    for number, setting in enumerate(chosen):
        value = values[setting.section][setting.key]
        if number == 0 and w.chance(0.6):
            faults.append(differs(w, setting, value, form))
            continue
        kind = w.pick(("typo", "lost", "type", "range", "moved"))
        if kind == "moved":
            faults.append(moved(w, setting, value, form, service))
        else:
            makers = {"typo": typo, "lost": lost, "type": wrong_type, "range": out_of_range}
            faults.append(makers[kind](w, setting, value, form))
    return faults


def break_syntax(w: Wording, text: str, form: str) -> tuple[str, str, str]:
    """(broken text, the mistake, the remedy) for a slip that no parser forgives."""
    lines = text.splitlines()
    if form == "json":
        if w.chance(0.5):
            at = w.pick(
                [
                    n
                    for n, line in enumerate(lines)
                    if line.startswith("    ") and line.endswith(",")
                ]
            )
            lines[at] = lines[at].removesuffix(",")
            said = (f"a comma was missing at the end of line {at + 1}", "the comma is there now")
        else:
            inner = (n for n, line in enumerate(lines[1:], start=1) if line.startswith("  }"))
            at = w.pick(list(inner)) - 1
            lines[at] += ","
            said = (f"line {at + 1} had a comma after the last entry", "that comma is gone")
    elif form == "env":
        at = w.pick([n for n, line in enumerate(lines) if "=" in line])
        lines[at] = lines[at].replace("=", " ", 1)
        said = (f"line {at + 1} had no equals sign", "it has one now")
    else:
        at = w.pick([n for n, line in enumerate(lines) if line.startswith("[")])
        name = lines[at].strip("[]")
        lines[at] = w.pick((f"[{name}", f"{name}]"))
        said = (f"the header of `{name}` lacked a bracket", "the bracket is there again")
    return "\n".join(lines) + "\n", *said
