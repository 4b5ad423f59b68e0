"""Looks through everything that is sent for what must not be: secrets, data of persons, keys.

The checks of validate are used again, on more: on tools, provenance, card, manifest and packed rows
too, and whoever wrote it. What they only note there is refused here, unless its flag is given.
"""

from __future__ import annotations

import mmap
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from kappa_data import toml_text
from kappa_data.checks import personal_data
from kappa_data.checks._facts import Facts
from kappa_data.checks.personal_data import MACHINE, personal_in
from kappa_data.checks.secrets import masked, secrets_in
from kappa_data.errors import UsageError
from kappa_data.progress import Progress, Task
from kappa_data.publishing import sent
from kappa_data.publishing.live_secrets import Live
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release
from kappa_data.publishing.sent import CONVERSATIONS, Piece
from kappa_data.records import Conversation
from kappa_data.store import MANIFEST

TALK = ("user", "assistant", "tool")
REPEATED = ("tools", "provenance.")
"""fields that are alike in many conversations: each text of them is read once"""


class Found(Struct, frozen=True):
    """One thing that a finder found: what, masked, and where.

    `of_talk`: validate reads that field too, so that a severity leaves the conversation out.
    """

    what: str
    place: str
    id: str
    of_talk: bool


class Kind(Struct, frozen=True):
    """What one finder finds, as push speaks of it; `rule` is its name in validate."""

    rule: str
    noun: str
    flag: str
    find: Callable[[str], Iterator[object]]
    places: Callable[[Piece], Iterator[Found]]


class Refused(Struct, frozen=True):
    """What of one kind may not leave: the first find, and in how many conversations or files."""

    kind: Kind
    first: Found
    count: int


def look_through(
    release: Release, lives: Sequence[Live], options: Options, progress: Progress
) -> list[str]:
    """What was found and goes all the same, in words, a line each.

    UsageError, one line, where something that is sent holds a secret of `lives`, or what looks like
    a secret or like data of a person and its flag is not given. 20 MB of text a second and more.
    """
    allowed = {"secret": options.allow_secrets, "personal data": options.allow_personal_data}
    talks = [name for name in release.files if name.startswith(CONVERSATIONS)]
    others = [MANIFEST, *(name for name in release.files if name not in talks)]
    said = []
    with progress.task(
        "push: look", total=sum(sent.count(release, name) for name in (*talks, *others))
    ) as bar:
        for names in (talks, others):
            first: dict[str, Found] = {}
            counts: Counter[str] = Counter()
            for piece in _read(release, names, lives, bar):
                for rule, found in _findings(piece):
                    first.setdefault(rule, found)
                    counts[rule] += 1
            refused = []
            for kind in KINDS:
                count = counts[kind.rule]
                if count and not allowed[kind.rule]:
                    refused.append(Refused(kind, first[kind.rule], count))
                elif count and names is talks:
                    said.append(f"{_holds(count, kind)}; sent, as {kind.flag} says")
            if refused:
                raise UsageError(_refusal(refused))
    return said


def _read(
    release: Release, names: Sequence[str], lives: Sequence[Live], bar: Task
) -> Iterator[Piece]:
    """The pieces of these files, none of which holds a secret of `lives`."""
    seen: set[str] = set()
    for name in names:
        bar.say(name)
        _in_bytes(release.folder / name, name, lives)
        for piece in sent.pieces(release, name):
            own = _unseen(piece, seen)
            _refuse_live(own, lives)
            yield own
            bar.advance()


def _refusal(refused: Sequence[Refused]) -> str:
    """All of it in one line, with one remedy: what is mended for one kind alone is asked again."""
    flags = " ".join(each.kind.flag for each in refused)
    if not refused[0].first.id:
        found = " and ".join(
            f"{each.first.place} holds what looks like {each.kind.noun}: {each.first.what}"
            for each in refused
        )
        return f"push: {found}; take it out of what this was made from, or say {flags}"
    found = " and ".join(
        f"{_holds(each.count, each.kind)}, the first {each.first.what} in {each.first.place}"
        for each in refused
    )
    ids = dict.fromkeys(each.first.id for each in refused)
    look = " and ".join(f"`kappa-data show {shlex.quote(id)}`" for id in ids)
    rules = [toml_text.key(each.kind.rule) for each in refused if each.first.of_talk]
    sets = "".join(f" --set {shlex.quote(f'validate.severities.{rule}=reject')}" for rule in rules)
    out = f"leave such conversations out with `kappa-data push ...{sets}`, " if sets else ""
    return f"push: {found}; look at it with {look}, {out}or say {flags}"


def _holds(count: int, kind: Kind) -> str:
    verb = "conversation holds" if count == 1 else "conversations hold"
    return f"{count:,} {verb} what looks like {kind.noun}"


def _unseen(piece: Piece, seen: set[str]) -> Piece:
    """The piece without texts of REPEATED fields that an earlier one had."""
    if piece.conversation is None:
        return piece
    fields = []
    for field, text in piece.fields:
        if field.startswith(REPEATED):
            if text in seen:
                continue
            seen.add(text)
        fields.append((field, text))
    return msgspec.structs.replace(piece, fields=fields)


def _in_bytes(path: Path, name: str, lives: Iterable[Live]) -> None:
    """Refuses a file whose own bytes hold a secret: footers of parquet, pictures, any other."""
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for live in lives:
            if any(data.find(form.encode(errors="surrogateescape")) >= 0 for form in live.forms):
                _refuse(live, name)


def _refuse_live(piece: Piece, lives: Iterable[Live]) -> None:
    for live in lives:
        for form in live.forms:
            if form not in piece.whole:
                continue
            for field, text in piece.fields:
                if form in text:
                    _refuse(live, piece.place(field))


def _refuse(live: Live, place: str) -> None:
    instead = (
        f", or, if it is no secret, say `env -u {live.variable} kappa-data push ...`"
        if live.variable
        else ""
    )
    raise UsageError(
        f"push: the value of {live.name} stands in {place}; nothing was sent: take it out of what "
        f"this was made from, build again{instead}"
    )


def _findings(piece: Piece) -> Iterator[tuple[str, Found]]:
    """At most one of each kind."""
    for kind in KINDS:
        if next(kind.find(piece.whole), None) is not None:
            found = next(kind.places(piece), None)
            if found is not None:
                yield kind.rule, found


def _secrets(piece: Piece) -> Iterator[Found]:
    for field, text in piece.fields:
        for each in secrets_in(text):
            what = f"{each.kind} {masked(text[each.start : each.end])}"
            yield Found(what, piece.place(field), piece.id, field.startswith("messages["))


def _personal(piece: Piece) -> Iterator[Found]:
    """What the check says of a talk, and what stands elsewhere.

    Logs and settings are full of addresses of machines: those are the check's to judge, which knows
    who says them.
    """
    talk: set[str] = set()
    if piece.conversation is not None:
        for each in personal_data.check(piece.conversation, Facts()):
            place = piece.place(f"messages[{each.message}]")
            yield Found(each.evidence, place, piece.id, True)
        talk = _of_talk(piece.conversation)
    for field, text in piece.fields:
        if field.partition(".")[0] in talk:
            continue
        for kind, found in personal_in(text):
            if kind != MACHINE:
                yield Found(f"{kind} {masked(found)}", piece.place(field), piece.id, False)


def _of_talk(conversation: Conversation) -> set[str]:
    """`messages[3]` of every message that the check reads."""
    return {f"messages[{at}]" for at, each in enumerate(conversation.messages) if each.role in TALK}


KINDS = (
    Kind("secret", "a secret", "--allow-secrets", secrets_in, _secrets),
    Kind("personal data", "data of a person", "--allow-personal-data", personal_in, _personal),
)
