"""The dataset card that people have edited on the Hub: what is theirs stays.

A card of ours has two comments around its text, BEGIN and END. Of a card that is there already

- the text outside of those two comments is kept, above ours or below it;
- a key of the metadata that the release does not write is kept;
- `tags` are those of both: one of an older release stays until somebody removes it;
- everything else is the release's.

A card without the comments is somebody else's text, and is kept below ours; unless its bytes are
those that an older release put there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

import yaml

from kappa_data.publishing.release import CARD, Manifest

BEGIN, END = "<!-- kappa-data: begin", "<!-- kappa-data: end -->"
# The Hub's own notion of a card's metadata (huggingface_hub.repocard).
FRONT = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)(?:\r?\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
KEY = re.compile(r"([^\s#-][^:]*)\s*:(?:\s|$)")
TAGS = "tags"


def merged(sealed: bytes, found: bytes | None, older: Manifest | None) -> bytes:
    """The card to send: `sealed`, the release's, with what others wrote into `found`.

    `older` is the manifest beside `found`. The result is `sealed` itself where nothing is theirs,
    and `found` itself where it says the same: a second push changes nothing.
    """
    if found is None or not found.strip() or found == sealed:
        return sealed
    try:
        text = found.decode("utf-8-sig")  # some editors put a mark before the first character
    except UnicodeDecodeError:
        return sealed  # no text that anybody could read
    if BEGIN not in text and _untouched(found, older):
        return sealed
    (ours, body), (theirs, their_body) = _split(sealed.decode()), _split(text)
    if BEGIN not in body:
        body = f"{BEGIN} -->\n{body.strip()}\n{END}"
    above, between, below = _parts(their_body)
    blocks = _joined(ours, theirs)
    if blocks == theirs and between == body.strip():
        return found
    whole = "\n\n".join(part for part in (above, body.strip(), below) if part)
    return "\n".join(["---", *blocks.values(), "---", "", whole, ""]).encode()


def _untouched(found: bytes, older: Manifest | None) -> bool:
    known = older.files.get(CARD) if older else None
    return known is not None and hashlib.sha256(found).hexdigest() == known.sha256


def _split(text: str) -> tuple[dict[str, str], str]:
    """Metadata, as `_blocks`, and text of a card; no metadata where they are no YAML mapping."""
    match = FRONT.match(text)
    if match is None:
        return {}, text
    try:
        front = yaml.safe_load(match[1])
    except yaml.YAMLError:
        front = None
    return _blocks(match[1], front) if isinstance(front, dict) else {}, text[match.end() :]


def _parts(body: str) -> tuple[str, str, str]:
    """Of a card that lies there: the text above ours, ours, and the text below it."""
    begin, end = body.find(BEGIN), body.rfind(END)
    if 0 <= begin < end:
        end += len(END)
        return body[:begin].strip(), body[begin:end], body[end:].strip()
    return "", "", body.strip()


def _blocks(text: str, front: Mapping[object, object]) -> dict[str, str]:
    """The metadata's top keys, each with the lines that belong to it, as they are written.

    Read and written again, YAML would change what others wrote: `language: no` becomes false. Only
    a key whose lines do not say by themselves what the whole says of it is written anew: in quotes
    or braces, over lines that look like keys, with a reference to another.
    """
    found: dict[str, str] = {}
    key = ""
    for line in text.split("\n"):
        if match := KEY.match(line):
            key = match[1]
            found[key] = line
        elif key:
            found[key] += f"\n{line}"
    return {
        str(name): lines
        if (lines := found.get(str(name), "")) and _says(lines, {name: value})
        else yaml.safe_dump({name: value}, allow_unicode=True).rstrip("\n")
        for name, value in front.items()
    }


def _says(lines: str, meant: Mapping[object, object]) -> bool:
    try:
        return bool(yaml.safe_load(lines) == meant)
    except yaml.YAMLError:
        return False


def _joined(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str]:
    """Our keys, then theirs that we do not write; of the tags, those of both."""
    joined = ours | {key: lines for key, lines in theirs.items() if key not in ours}
    if TAGS in ours and TAGS in theirs:
        mine, other = _tags(ours[TAGS]), _tags(theirs[TAGS])
        more = [f"- {json.dumps(tag)}" for tag in other if tag not in mine]
        complete = set(mine) <= set(other)
        joined[TAGS] = theirs[TAGS] if complete else "\n".join([ours[TAGS], *more])
    return joined


def _tags(lines: str) -> list[str]:
    value = yaml.safe_load(lines)[TAGS]
    return [str(tag) for tag in value] if isinstance(value, list) else []
