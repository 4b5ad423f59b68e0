"""Data by which a person is found: addresses, numbers of phones, cards, accounts and machines."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._shape import numbers
from kappa_data.checks._text import evidence, whole, written
from kappa_data.checks.secrets import masked
from kappa_data.records import Conversation, Finding

RULES = ("personal data",)

_USER_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-"
_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![\w-])")
# RFC 2606 and 6761, and what nobody's mail goes to.
_NO_DOMAIN = re.compile(
    r"(?:^|\.)(?:example|test|invalid|localhost|local|internal|lan|home|corp)$"
    r"|(?:^|\.)(?:example|test|domain|mydomain|yourdomain|yourcompany|company|acme|foo|bar|email|"
    r"mysite|site|host|server)\.(?:com|org|net|edu|io|co|de|dev|co\.uk)$"
    r"|(?:^|\.)noreply\.|\.(?:py|js|ts|go|rs|md|txt|json|png|jpg|css|html|service|sh|c|h)$",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"(?:no-?reply|do-?not-?reply|user(?:name)?|you|your[\w.-]*|me|name|someone|somebody|foo|bar|"
    r"test[\w.-]*|git|hg|example|admin|root|postmaster|abuse|security|support|info|contact|"
    r"sales|help|mailer-daemon|webmaster|hello|team|bot|[\w.+-]*\[bot\])$",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w+./-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}"
    r"|(?:1[ .-])?\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[.-]\d{4})(?![\w/-]|\.\d|[ -]\d)"
)
_NO_PHONE = re.compile(r"555|01632|7700[ .-]?900|(\d)\1{5}|123[ .-]?456")
_CARD = re.compile(
    r"(?<![\w.-])(?:[3-6]\d{3}[ -]?(?:\d{4}[ -]?){2}\d{1,7}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})"
    r"(?![\w-]|\.\d)"
)
_TEST_CARDS = re.compile(r"^(?:4111|4242|4000|5555|5105|3782|3714|6011|5200|4012)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_EXAMPLE_IBANS = ("DE89370400440532013000", "GB29NWBK60161331926819", "GB82WEST12345698765432")
_SSN = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-]|\.\d)")
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)(?!\.\d)")
MACHINE = "public IP address"
_RESOLVERS = ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "1.2.3.4")


def _emails(text: str) -> Iterator[str]:
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        if domain:
            before = text[max(0, at - 65) : at]
            user = before[len(before.rstrip(_USER_SIGNS)) :].lstrip("_.+-")
            nobody = not user or _NOBODY.match(user) or _NO_DOMAIN.search(domain[0])
            if not nobody:
                yield f"{user}@{domain[0]}"
        at = text.find("@", at + 1)


def _phones(text: str, form: bytes) -> Iterator[str]:
    if len(form) < 9:
        return
    for found in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        grouped = len(re.split(r"[ .()-]+", found[0])) > 2 or len(digits) >= 10
        if 9 <= len(digits) <= 15 and grouped and not _NO_PHONE.search(found[0]):
            yield found[0]


def _cards(text: str, form: bytes) -> Iterator[str]:
    if form.count(b"0") < 13:
        return
    for found in _CARD.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        real = 13 <= len(digits) <= 19 and _luhn(digits) and len(set(digits)) > 4
        if real and not _TEST_CARDS.match(digits):
            yield found[0]


def _luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    doubled = (int(each) * (1 + at % 2) for at, each in enumerate(reversed(digits)))
    return sum(each - 9 * (each > 9) for each in doubled) % 10 == 0


def _ibans(text: str, form: bytes) -> Iterator[str]:
    if b"0000-0000" not in form and b"0" * 8 not in form:
        return
    for found in _IBAN.finditer(text):
        plain = found[0].replace(" ", "")
        if 15 <= len(plain) <= 34 and plain not in _EXAMPLE_IBANS and _mod_97(plain):
            yield found[0]


def _mod_97(iban: str) -> bool:
    """The check digits of ISO 13616-1: letters count as 10 to 35, the remainder of 97 is 1."""
    return int("".join(str(int(each, 36)) for each in iban[4:] + iban[:4])) % 97 == 1


def _numbers(text: str, form: bytes) -> Iterator[str]:
    if b"000-00-0000" in form:
        for found in _SSN.finditer(text):
            if found[0] not in ("123-45-6789", "078-05-1120", "219-09-9999"):
                yield found[0]


def _machines(text: str, form: bytes) -> Iterator[str]:
    if form.count(b"-") < 3 or "." not in text:
        return
    for found in _IP.finditer(text):
        if found[0] in _RESOLVERS or "version" in text[max(0, found.start() - 12) : found.start()]:
            continue
        try:
            address = ipaddress.IPv4Address(found[0])
        except ValueError:
            continue
        # Addresses that count as a version do too: 4.0.1.2.
        if address.is_global and int(address) >> 24 >= 11 and int(address) & 0xFF:
            yield found[0]


_NUMBERS: tuple[tuple[str, Callable[[str, bytes], Iterator[str]]], ...] = (
    ("phone number", _phones),
    ("card number", _cards),
    ("IBAN", _ibans),
    ("social security number", _numbers),
    (MACHINE, _machines),
)


def personal_in(text: str) -> Iterator[tuple[str, str]]:
    """(kind, piece of the text) of everything in `text` by which a person is found."""
    for found in _emails(text):
        yield "e-mail address", found
    for part, form in numbers(text):
        for kind, look in _NUMBERS:
            for found in look(part, form):
                yield kind, found


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One note a message, with how many of each kind and the first of it, masked.

    Logs are full of addresses of machines: one is said only where no tool told it, and where we
    generate only in talk without tools.
    """
    if next(personal_in(whole(conversation)), None) is None:
        return
    told: str | None = None
    tools = any(each.tool_calls for each in conversation.messages)
    logs = tools and conversation.provenance.source == "generate"
    for index, message in enumerate(conversation.messages):
        if message.role in ("system", "developer"):
            continue
        found: dict[str, list[str]] = {}
        texts = written(message) if message.role == "assistant" else iter((message.content,))
        for text in filter(None, texts):
            for kind, piece in personal_in(text):
                found.setdefault(kind, []).append(piece)
        if MACHINE in found:
            if told is None:
                told = "\n".join(m.content for m in conversation.messages if m.role == "tool")
            own = [each for each in found.pop(MACHINE) if not logs and each not in told]
            found |= {MACHINE: own} if own else {}
        if found:
            listed = (f"{len(all)} x {kind} {masked(all[0])}" for kind, all in found.items())
            yield Finding("personal data", "note", index, evidence("; ".join(listed)))
