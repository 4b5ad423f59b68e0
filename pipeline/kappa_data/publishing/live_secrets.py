"""The secrets of this machine's environment, and every form in which a text could hold one.

Their values are looked for and never shown: whoever is told learns the name alone.
"""

from __future__ import annotations

import base64
import json
import netrc
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, urlsplit

from msgspec import Struct

from kappa_data.printable import one_line

FEWEST = 8
"""characters of a value: a shorter one stands in any text by chance"""
FEWEST_DIGITS, FEWEST_LETTERS, FEWEST_SIGNS = 12, 24, 5
"""characters of a value of digits or of words alone, and how many different ones there must be"""
HUB = "the Hub's token (HF_TOKEN or `hf auth login`)"
_NAMED = re.compile(
    r"TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL|API_?KEY"
    r"|(?:^|_)(?:KEYS?|PASS|PWD|PAT|AUTH)(?:_|$)",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[a-z]+(?:[-_. ][a-z]+)*|[A-Z]+(?:[-_. ][A-Z]+)*|[A-Z][a-z]+")
_ESCAPED = re.compile("%[0-9A-F]{2}")


class Live(Struct, frozen=True):
    """One secret: where it comes from, in words; the forms that are looked for.

    `variable`: the environment variable that holds it; "" where it comes from elsewhere.
    """

    name: str
    variable: str
    forms: tuple[str, ...]


def live_secrets(
    keys: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> tuple[tuple[Live, ...], str]:
    """Every secret that can be found here, each value once; and what could not be read, in words.

    Looked at: variables whose names say that they hold one, and `keys`, names of further ones;
    passwords in the addresses that any variable holds; the token of the Hub; passwords in ~/.netrc
    (or the file that NETRC names). What is too short, or a path, or plain words, is none.
    """
    environ = os.environ if environ is None else environ
    found: dict[str, tuple[str, str]] = {}
    for name, value in sorted(environ.items()):
        for secret in _of_variable(name, value, sure=name in set(keys)):
            found.setdefault(secret, (name, name))
    unread = []
    try:
        if (token := _hub_token()) and _is_secret(token):
            found.setdefault(token, (HUB, ""))
    except (OSError, UnicodeDecodeError) as error:
        unread.append(f"{HUB} cannot be read ({one_line(str(error))}): it was not looked for")
    passwords, why = _netrc(environ)
    for host, password in passwords:
        if _is_secret(password):
            found.setdefault(password, (f"the password for {host} in .netrc", ""))
    lives = tuple(Live(*where, _forms(value)) for value, where in found.items())
    return lives, "; ".join(filter(None, [*unread, why]))


def _of_variable(name: str, value: str, *, sure: bool) -> Iterator[str]:
    value = value.strip()
    if "://" in value:
        for secret in _in_address(value):
            yield from (each for each in {secret, unquote(secret)} if _is_secret(each))
    elif (sure or _NAMED.search(name)) and _is_secret(value):
        yield value


def _in_address(value: str) -> Iterator[str]:
    try:
        if password := urlsplit(value).password:
            yield password
    except ValueError:
        return


def _is_secret(value: str) -> bool:
    """Whether a value is worth looking for: no number, no word and no path."""
    if len(value) < FEWEST or len(set(value)) < FEWEST_SIGNS:
        return False
    if value.isdigit() and len(value) < FEWEST_DIGITS:
        return False
    if _WORDS.fullmatch(value) and len(value) < FEWEST_LETTERS:
        return False
    return not _is_path(value)


def _is_path(value: str) -> bool:
    # A key may begin with a slash, too: a path is what leads to something.
    if not value.startswith(("/", "~", ".")) or "\n" in value:
        return False
    path = Path(os.path.expanduser(value))  # noqa: PTH111 - Path's own raises for an unknown user
    try:
        return path.exists() or (path.parent.exists() and path.parent != Path("/"))
    except OSError:  # too long for a name: no path
        return False


def _hub_token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def _netrc(environ: Mapping[str, str]) -> tuple[list[tuple[str, str]], str]:
    """(host, password) of every entry; and why there is none, where the file cannot be read."""
    place = Path(environ.get("NETRC") or Path(environ.get("HOME", "/nonexistent")) / ".netrc")
    try:
        hosts = netrc.netrc(str(place)).hosts
    except FileNotFoundError:
        return [], ""
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        return [], f"{place} cannot be read: its passwords were not looked for"
    return [(host, entry[2]) for host, entry in sorted(hosts.items()) if entry[2]], ""


def _forms(value: str) -> tuple[str, ...]:
    """The value as it stands, and as JSON (once and twice), URLs and base64 would write it."""
    # A variable may hold bytes that are no UTF-8: Python stands them in by surrogates.
    found = {value, *_percent(quote_plus(value, errors="surrogateescape"))}
    for safe in ("", "/"):
        found |= {*_percent(quote(value, safe=safe, errors="surrogateescape"))}
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        found |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]}
    found |= {*_base64(value.encode(errors="surrogateescape"))}
    return tuple(sorted(found))


def _percent(text: str) -> tuple[str, str]:
    """With capital letters in the escapes, and with small ones."""
    return text, _ESCAPED.sub(lambda escape: escape[0].lower(), text)


def _base64(value: bytes) -> Iterator[str]:
    """What any base64 text that holds the value holds, wherever it begins in it (RFC 4648).

    Three bytes make four characters, so that there are three ways; characters in which neighbours
    have a part are left out.
    """
    for before in range(3):
        whole = base64.b64encode(bytes(before) + value).decode().rstrip("=")
        begin = -(-before * 8 // 6)
        end = (before + len(value)) * 8 // 6
        inner = whole[begin:end]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))
