"""What every interface shares on the wire: what an error means, what a header asks for.

The bodies of requests and answers are in chat_wire.py and responses_wire.py.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from kappa_data.records import compact_json
from kappa_data.teacher.api import Kind, TeacherError

S = TypeVar("S")

EVIDENCE = 300
"""characters of an endpoint's words that an error repeats"""
OPENAI_HOST = "api.openai.com"

_CONTEXT = re.compile(
    r"context.{0,20}(length|window|size)|too many tokens|prompt is too long|maximum.{0,20}tokens",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"content.?(filter|policy|management)|moderation|flagged", re.IGNORECASE)
_MODEL = re.compile(r"model.?not.?found|no such model|(model.{0,80}does not exist)", re.IGNORECASE)
_FORM = re.compile(
    r"response.?format|json.?schema|text\.format|structured.?output|guided", re.IGNORECASE
)


def failure(status: int, detail: object) -> Kind:
    """What an HTTP status and the endpoint's words mean, as the class of the error."""
    words = detail if isinstance(detail, str) else str(detail)
    if status in (401, 403):
        return "auth"
    if status == 429:
        return "rate_limit"
    if status == 408:
        return "timeout"
    if status == 409 or status >= 500:
        return "overload"
    if status == 404 or _MODEL.search(words):
        return "model"
    if status == 413 or _CONTEXT.search(words):
        return "context"
    return "refused" if _REFUSED.search(words) else "bad_request"


def about_form(words: str) -> bool:
    """Whether the endpoint's words on a bad request name the form asked of the answer."""
    return _FORM.search(words) is not None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait that the response's headers ask for; None: they do not."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
            return float(text) * scale
        if text and (moment := email.utils.parsedate_tz(text)):
            return max(email.utils.mktime_tz(moment) - time.time(), 0.0)
    return None


def decode(data: bytes, kind: type[S]) -> S:
    """A response body as `kind`; TeacherError "malformed" where it is not one."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TeacherError("malformed", f"{error}: {excerpt(data)}") from error


def arguments(given: str | dict[str, Any] | None) -> str:
    """A tool call's arguments as JSON text: some servers send the object itself."""
    return given if isinstance(given, str) else compact_json(given or {})


def excerpt(data: bytes) -> str:
    """The start of a body on one line, for an error."""
    return " ".join(data[:EVIDENCE].decode(errors="replace").split())
