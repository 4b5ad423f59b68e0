"""Keys, tokens and passwords that look as if they worked, wherever they stand."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from kappa_data.checks._facts import Facts
from kappa_data.checks._shape import FEWEST, runs
from kappa_data.checks._text import evidence, folded, said_by_others, whole, written
from kappa_data.records import Conversation, Finding, Severity

RULES = ("secret",)

SHOWN = 4
"""characters of a secret that a finding shows"""


class Secret(Struct, frozen=True):
    """Where a secret stands in a text: `text[start:end]`.

    `sure`: its own form says what it is, such as the prefix of an issuer.
    """

    kind: str
    start: int
    end: int
    sure: bool


# What the issuers document, matched at the start of a run of letters, digits, _ and -. Lengths are
# at least theirs.
_ISSUED: dict[str, tuple[str, re.Pattern[str]]] = {
    prefix: (kind, re.compile(pattern))
    for kind, prefixes, pattern in (
        ("AWS key", "AKI ASI", r"A[KS]IA[A-Z0-9]{16}\b"),
        ("GitHub token", "ghp gho ghu ghs ghr", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
        ("GitHub token", "git", r"github_pat_[A-Za-z0-9_]{60,255}"),
        ("GitLab token", "glp", r"glpat-[\w-]{20,64}"),
        (
            "API key", "sk-",
            r"sk-(?=[\w-]*\d)(?:proj-|svcacct-|admin-|ant-[a-z0-9]+-|or-v1-)?[\w-]{20,255}",
        ),
        ("Stripe key", "sk_ rk_", r"[sr]k_live_[A-Za-z0-9]{16,255}"),
        ("Twilio key", " ".join(f"SK{digit}" for digit in "0123456789abcdef"), r"SK[0-9a-f]{32}\b"),
        ("Slack token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{20,255}"),
        ("Google key", "AIz", r"AIza[\w-]{35}(?![\w-])"),
        ("Google key", "GOC", r"GOCSPX-[\w-]{28}(?![\w-])"),
        ("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{30,64}\b"),
        ("npm token", "npm", r"npm_[A-Za-z0-9]{36}\b"),
        ("PyPI token", "pyp", r"pypi-AgE[\w-]{50,512}"),
        ("DigitalOcean token", "dop doo", r"do[op]_v1_[a-f0-9]{64}\b"),
        ("JSON web token", "eyJ", r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}"),
    )
    for prefix in prefixes.split()
}  # fmt: skip
# What is known by what stands before the run.
_BEHIND: tuple[tuple[str, str, re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (kind, near, re.compile(before), re.compile(pattern))
    for kind, near, before, pattern in (
        (
            "Slack hook",
            "slack.com/",
            r"hooks\.slack\.com/services/T\w{6,20}/B\w{6,20}/$",
            r"\w{20,40}",
        ),
        ("SendGrid key", "SG.", r"(?:\b|\\[nrt])SG\.$", r"[\w-]{22}\.[\w-]{43}"),
        ("Google token", "ya29.", r"(?:\b|\\[nrt])ya29\.$", r"[\w-]{30,512}"),
        ("Telegram token", ":", r"(?<!\d)\d{8,10}:$", r"AA[\w-]{33}(?![\w-])"),
    )
)
_ASSIGNED = re.compile(
    r"(?:(?:api|access|auth|secret|private|client|encryption|signing|master|account|shared)[_-]?"
    r"(?:access[_-]?)?(?:key|token|secret)|passw(?:or)?d|bearer|[_-]token)[\"']?(?:\s{0,3}[:=]\s{0,3}|\s)"
    r"[\"']?$",
    re.IGNORECASE,
)
_SIGNS_BEFORE = frozenset("\"':=/.")
"""with white space, what the last sign before a run is in _BEHIND and _ASSIGNED"""
_NAMED = ("key", "token", "secret", "passw", "bearer")
_AWS = re.compile(
    r"ecret_?(?:[Aa]ccess_?|ACCESS_)?(?:[Kk]ey|KEY)[\"'\s\\]{0,4}[:=][\"'\s\\]{0,4}"
    r"([A-Za-z0-9/+=]{40})(?![A-Za-z0-9/+=])",
    re.IGNORECASE,
)
_PRIVATE = re.compile(
    r"PRIVATE KEY(?: BLOCK)?-----(?:\\n|[\s\"'+,\\])*"
    r"([A-Za-z0-9+/=:.,\s\\-]{40,20000})"
)
_LINK = re.compile(
    r"://[^\s:/@\"'<>]{1,64}:([^\s@/\"'<>]{6,64})@"
    r"(?!localhost|127\.|0\.0\.0\.0|\[::1\]|(?:[\w-]{1,63}\.){0,5}example\b|"
    r"[\w-]{1,63}\.(?:test|invalid)\b)[\w.-]{3}"
)
# A password is shorter than a key, and may hold any sign.
_PASSWORD = re.compile(
    r"(?:passw(?:or)?d|passphrase)[\"']?\s{0,3}(?:[:=]|\bis\b|\bwas\b)\s{0,3}[\"'`]?"
    r"([^\s\"'`,;<>{}()\[\]]{8,64})",
    re.IGNORECASE,
)
_IN_CODE = re.compile(r"[A-Za-z_]\w*(?:\.|->|::)[\w.]+$|.*(?:://|/\w+/)")
_KNOWN_EXAMPLES = ("SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c", "EXAMPLE")
_PLACEHOLDER = re.compile(
    r"x{4}|X{4}|\*{3}|\.{3}|0{6}|1234567|abcdef|qwerty|<|\$\{?\w|\{\{|%\(|"
    r"(?i:example|placeholder|your|dummy|fake|sample|redacted|secret|password|change_?me|"
    r"insert|replace|foo_?bar|dead_?beef|test|token|mock|hunter2)"
)


def secrets_in(text: str) -> Iterator[Secret]:
    """Every secret in `text`: what could be tried out by a stranger.

    Told from placeholders by the issuer's form, and by the entropy of what stands behind it.
    """
    long = False
    for start, end in runs(text):
        long = True
        if found := _of_run(text, start, end):
            yield found
    if long and "PRIVATE KEY" in text:
        for key in _PRIVATE.finditer(text):
            begun = "-----BEGIN " in text[max(0, key.start() - 40) : key.start()]
            if begun and "..." not in key[1] and _entropy(key[1]) >= 3.5:
                yield Secret("private key", key.start(1), key.end(1), True)
    if "assw" in text or "ASSW" in text or "passphrase" in text:
        for key in _PASSWORD.finditer(text):
            value = key[1].rstrip(".!?:\\")
            if len(value) < FEWEST and _is_password(value):
                yield Secret("password", key.start(1), key.start(1) + len(value), False)
    if "://" in text:
        for key in _LINK.finditer(text):
            if not key[1].isalpha() and _random(key[1], 2.5):
                yield Secret("password in a link", key.start(1), key.end(1), False)
    if long and ("ecret" in text or "ECRET" in text):
        for key in _AWS.finditer(text):
            before = text[max(0, key.start() - 6) : key.start()].casefold()
            if "aws" in before and _random(key[1], 3.5):
                yield Secret("AWS secret", key.start(1), key.end(1), True)


def _is_password(value: str) -> bool:
    kinds = (str.isdigit, str.isupper, str.islower, lambda sign: not sign.isalnum())
    mixed = sum(any(map(kind, value)) for kind in kinds) > 2 and any(map(str.isdigit, value))
    return len(value) > 7 and mixed and _random(value, 2.8) and not _IN_CODE.match(value)


def _of_run(text: str, start: int, end: int) -> Secret | None:
    """The secret that a run of letters, digits, _ and - begins."""
    if text[start - 1 : start] == "\\" and text[start] in "nrt":
        start += 1  # behind an escape of JSON
    issued = _ISSUED.get(text[start : start + 3])
    if issued is not None and (found := issued[1].match(text, start)):
        if issued[0] == "JSON web token":
            live = _header(found[0]) and not any(each in found[0] for each in _KNOWN_EXAMPLES)
        else:
            live = _random(found[0], 3.0)
        return Secret(issued[0], start, found.end(), True) if live else None
    value = text[start : min(end, start + 200)]
    if value.isalpha() or (value.islower() and ("_" in value or "-" in value)):
        return None  # a name, as most runs of code are
    sign = text[start - 1 : start]
    if sign not in _SIGNS_BEFORE and not sign.isspace():
        return None  # nothing is assigned or named before it
    before = text[max(0, start - 70) : start]
    for kind, near, prefix, pattern in _BEHIND:
        if near not in before or not prefix.search(before):
            continue
        if (found := pattern.match(text, start)) and _random(found[0], 3.0):
            return Secret(kind, start, found.end(), True)
    named = folded(before[-40:])
    if not any(each in named for each in _NAMED) or not _ASSIGNED.search(before[-40:]):
        return None
    mixed = all(any(map(kind, value)) for kind in (str.isdigit, str.isupper, str.islower))
    hexadecimal = re.fullmatch(r"[0-9a-f]{32,128}", value) is not None
    if (mixed and _random(value, 3.7)) or (hexadecimal and _random(value, 3.0)):
        return Secret("assigned secret", start, end, False)
    return None


def _random(secret: str, bits: float) -> bool:
    """Whether it is no placeholder and has so much entropy a character."""
    return not _PLACEHOLDER.search(secret) and _entropy(secret) >= bits


def _header(token: str) -> bool:
    """Whether a JSON web token begins with a header that names its algorithm (RFC 7515, 4.1)."""
    first = token.partition(".")[0]
    try:
        return b'"alg"' in base64.urlsafe_b64decode(first + "=" * (-len(first) % 4))
    except binascii.Error:
        return False


def _entropy(text: str) -> float:
    """Bits a character, by how often each stands in the first thousand."""
    text = text[:1000]
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def masked(text: str) -> str:
    """The first characters, and how many follow."""
    return f"{text[:SHOWN]}... ({len(text)} characters)"


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One finding a message, with the first of each kind, masked.

    A note where a user, a tool or a system message holds it. What the assistant writes is no
    target; where we generate it and nobody said it before, the conversation goes, unless the form
    alone does not tell.
    """
    every = whole(conversation)
    # A key may be read beyond its text's end there.
    if "PRIVATE KEY" not in every and next(secrets_in(every), None) is None:
        return
    imported = conversation.provenance.source == "import"
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        own = message.role == "assistant"
        texts = written(message) if own else iter((message.content,))
        found: dict[str, str] = {}
        severity: Severity = "note"
        for text in texts:
            for secret in secrets_in(text):
                piece = text[secret.start : secret.end]
                found.setdefault(secret.kind, f"{secret.kind} {masked(piece)}")
                if not own or (imported and not secret.sure):
                    continue
                if theirs is None:
                    theirs = "\n".join(said_by_others(conversation))
                sure = secret.sure and not imported and piece not in theirs
                severity = "reject" if sure or severity == "reject" else "untrain"
        if found:
            yield Finding("secret", severity, index, evidence("; ".join(found.values())))
