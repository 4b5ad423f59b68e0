"""JSON operations that rewrite a whole document: names of keys, personal fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from kappa_data.tasks.material.datawork import Naive, Output, Work
from kappa_data.tasks.material.domains import FIRST, Domain, records
from kappa_data.tasks.material.json_reports import dumped, json_script, source_name
from kappa_data.tasks.material.phrasing import number, word
from kappa_data.tasks.wording import Wording, listed

_NORMALISE = """
def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\\1", name).lower()


def walk(value):
    if isinstance(value, list):
        return [walk(item) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {}
    for key, item in value.items():
        name = snake(key)
        if name.endswith("_at") and isinstance(item, int):
            item = datetime.fromtimestamp(item, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        changed[name] = walk(item)
    return changed


result = walk(data)
"""


def _spelled(
    w: Wording, d: Domain, stems: list[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """The records as they are, as they should be, and how many times are in them."""
    raw, good = [], []
    moments = 0
    for r in records(w.rng, d, w.rng.randint(6, 14)):
        base = datetime(r.day.year, r.day.month, r.day.day, tzinfo=UTC)
        times = [base + timedelta(seconds=w.rng.randint(0, 86399)) for _ in stems]
        extra = w.chance(0.5)
        notes = [
            {"noteText": w.pick(d.items), "isPublic": w.chance(0.5)}
            for _ in range(w.rng.randint(0, 2))
        ]
        raw.append(
            {
                "recordId": r.key,
                f"{d.group}Name": r.group,
                "totalAmount": r.cents / 100,
                "lastContact": {"fullName": r.person, stems[0]: int(times[0].timestamp())}
                if extra
                else None,
                stems[1]: int(times[1].timestamp()),
                "openNotes": notes,
            }
        )
        iso = [t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in times]
        snake = [f"{s[:-2]}_at" for s in stems]
        good.append(
            {
                "record_id": r.key,
                f"{d.group}_name": r.group,
                "total_amount": r.cents / 100,
                "last_contact": {"full_name": r.person, snake[0]: iso[0]} if extra else None,
                snake[1]: iso[1],
                "open_notes": [
                    {"note_text": n["noteText"], "is_public": n["isPublic"]} for n in notes
                ],
            }
        )
        moments += 1 + extra
    return raw, good, moments


_BACK = """
TIME = "%Y-%m-%dT%H:%M:%SZ"


def seconds(text):
    return int(datetime.strptime(text, TIME).replace(tzinfo=timezone.utc).timestamp())


def camel(name):
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def convert(value, name=""):
    if isinstance(value, dict):
        return {camel(key): convert(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [convert(item) for item in value]
    return seconds(value) if name.endswith("_at") and value is not None else value


result = convert(data)
"""
_ANSWERS = (
    "{n} times were converted in {all} records, and all keys are {style} in {target}: at the top "
    "{keys}. For {first}, {last} now <reads|is> {new} instead of {old}. {empty} records have no "
    "last contact and keep null. Texts and amounts <are untouched|were not touched>.",
    "{target} holds the {all} records of {source} with {style} keys ({keys}, and the nested ones "
    "too). {n} times <changed|were rewritten>; the first record is {first}, where {old} became "
    "{new} under {last}. Where there is no last contact ({empty} of them) null is still null, and "
    "<the order of keys and records is the same|nothing changed its place>.",
)


def normalise(w: Wording, d: Domain) -> Work:
    """Keys from camelCase to snake_case and epoch seconds to ISO time, or both the other way."""
    stems = w.some(("createdAt", "updatedAt", "closedAt", "checkedAt"), 2)
    raw, good, moments = _spelled(w, d, stems)
    back = w.chance(0.5)
    styles = ["camelCase", "snake_case"]
    names = [stems[1], f"{stems[1][:-2]}_at"]
    if back:
        raw, good, styles, names = good, raw, styles[::-1], names[::-1]
    source, target = source_name(w, d), w.pick(("normalised.json", "renamed.json", "clean.json"))
    wrong = next(iter(good[0]))
    return Work(
        files={source: dumped(raw)},
        context=w.pick(d.story),
        ask=w.say(
            f"<Rename|Convert> all keys in {source} from {styles[0]} to {styles[1]}, at every "
            f"level, <and write|into> {target}."
        ),
        details=(
            "Keys that end in _at hold times like 2024-05-01T08:30:00Z: make them whole seconds "
            "since 1970 (UTC)."
            if back
            else "Keys that end in At hold seconds since 1970 (UTC): write them like "
            "2024-05-01T08:30:00Z.",
            "Values otherwise unchanged, null stays null, same order. How many times were "
            "converted?",
        ),
        sources=(source,),
        script=json_script(
            _BACK if back else _NORMALISE,
            source,
            target,
            imports=(
                f"{'' if back else chr(10) + 'import re'}\nfrom datetime import datetime, timezone"
            ),
        ),
        outputs={target: Output(good)},
        answer=w.say(
            _ANSWERS,
            n=moments,
            all=len(raw),
            style=styles[1],
            source=source,
            target=target,
            keys=listed(list(good[0])),
            first=good[0][wrong],
            last=names[1],
            new=good[0][names[1]],
            old=raw[0][names[0]],
            empty=sum(None in row.values() for row in raw),
        ),
        facts=(number(moments), word(str(good[0][names[1]]))),
        plan=w.say(
            f"A recursive walk <renames|changes> the keys to {styles[1]}; a value under a key that "
            f"ends in {'_at becomes seconds' if back else 'At becomes UTC text'}, unless it is "
            "null."
        ),
        check=(
            f"head -c 600 {source}; echo; head -c 600 {target}; echo; "
            f"grep -cE '\"[a-z]+(_at|At)\":' {target}; grep -c null {target}"
        ),
        naive=Naive(
            f'python3 -c \'import json; print(json.load(open("{source}"))[0]["{wrong}"])\'',
            "I check how the identifier is spelled at present.",
            f"The keys are {styles[0]} throughout, {next(iter(raw[0]))} among them.",
        ),
    )


_REDACT = """
removed = 0


def strip(value):
    global removed
    if isinstance(value, list):
        return [strip(item) for item in value]
    if isinstance(value, dict):
        kept = {key: strip(item) for key, item in value.items() if key not in SECRET}
        removed += len(value) - len(kept)
        return kept
    return value


SECRET = @secret@
result = strip(data)
print("removed", removed)
"""


def redact(w: Wording, d: Domain) -> Work:
    """Personal fields are removed wherever they occur; the number removed is reported."""
    secret = sorted(
        w.some(("email", "phone", "birthday", "iban", "address", "tax_id"), w.rng.randint(2, 3))
    )
    full, bare = [], []
    per: dict[str, int] = dict.fromkeys(secret, 0)
    for r in records(w.rng, d, w.rng.randint(8, 18)):
        contact: dict[str, Any] = {"name": r.person, "language": w.pick(("en", "de", "pt"))}
        history = [
            {"day": r.day.isoformat(), "by": w.pick(FIRST)} for _ in range(w.rng.randint(0, 2))
        ]
        clean = {
            d.key: r.key,
            d.group: r.group,
            d.amount: r.cents / 100,
            "contact": contact,
            "history": history,
        }
        dirty = json.loads(json.dumps(clean))
        for place in (dirty, dirty["contact"], *dirty["history"]):
            for field in secret:
                if w.chance(0.4):
                    place[field] = f"{field}-{w.rng.randint(1000, 9999)}"
                    per[field] += 1
        full.append(dirty)
        bare.append(clean)
    source, target = source_name(w, d), w.pick(("public.json", "redacted.json", "share.json"))
    return Work(
        files={source: dumped(full)},
        context=w.pick(d.story),
        ask=w.say(
            f"<Before we hand|Before I pass> {source} on, remove the fields {listed(secret)} "
            f"wherever they occur, and write {target}."
        ),
        details=(
            "They can be at any level.",
            "Keep all else as it is, in the same order.",
            "How many fields were removed, by name?",
        ),
        sources=(source,),
        script=json_script(_REDACT, source, target, secret=json.dumps(secret)),
        outputs={target: Output(bare)},
        answer=w.say(
            f"{sum(per.values())} fields were removed: "
            f"{listed([f'{n} of {name}' for name, n in per.items()])}. {target} has the same "
            f"{len(bare)} {d.things}, "
            f"from {bare[0][d.key]} to {bare[-1][d.key]}, without these keys at any level; a "
            "search for them finds nothing more. <Note that|Please note:> names "
            "are still in it, under contact and in the histories, since they were not on the "
            f"list. {source} still holds everything."
        ),
        facts=(number(sum(per.values())), *(number(n) for n in per.values())),
        plan="A recursive copy that skips the listed keys and counts what it skips.",
        check="; ".join(f"grep -c '\"{name}\"' {source} {target}" for name in secret)
        + f"; grep '\"{d.key}\"' {target} | sed -n '1p;$p'",
    )


OPERATIONS = (normalise, redact)
