"""What can go wrong with a Hub: what is tried again, after what pause, and how it is said.

Neither httpx nor httpx2 is imported: which one the client uses depends on its version. Its own
base of errors stands for both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from tenacity import RetryCallState, Retrying, retry_if_exception

from kappa_data.errors import EnvironmentLacks, KappaError, StageError, UsageError
from kappa_data.printable import one_line
from kappa_data.progress import Progress
from kappa_data.publishing.network import unresolved

T = TypeVar("T")

# The HTTPError of httpx or httpx2: what never became an answer is one, and no HfHubHTTPError.
HTTP_ERROR: type[Exception] = HfHubHTTPError.__bases__[0]
FAILURES = (HTTP_ERROR, OSError, ValueError, RuntimeError)
"""what a call of the client raises: a refusal, a lost connection, an answer without sense"""


class NoSense(ValueError):
    """An answer of the Hub that lacks what the client looks for in it."""


TRIES = 7
UNKNOWN_TRIES = 2
"""where not even the address of the Hub is known, and it has not answered before"""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 20.0
LONGEST_ASKED = 300.0
"""seconds; a Hub that asks for a longer pause is told that we come back"""
MOVED = frozenset({409, 412})
"""statuses of a commit whose parent is not the head any more: read again, then try again"""
QUERY = re.compile(r"\?[^\s'\"]+")
RESUMED = ": what is stored already is not sent again"
USER = re.compile(r"(?<=://)[^/\s@'\"]+@")
RESET = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)")


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error, also where the client wrapped it; None: there was none."""
    answered = _root(error)
    return answered.response.status_code if isinstance(answered, HfHubHTTPError) else None


def asked_address(error: BaseException) -> str:
    """The address of the request that was refused; empty where there was no answer."""
    answered = _root(error)
    return str(answered.response.url) if isinstance(answered, HfHubHTTPError) else ""


def transient(error: BaseException) -> bool:
    """Whether the same request may well succeed in a while."""
    root, status = _root(error), status_of(error)
    if isinstance(root, OfflineModeIsEnabled):
        return False
    if status is not None:
        return status in (408, 425, 429) or status >= 500
    # An answer that is cut off, or a gateway's page or JSON in place of the Hub's, is no answer.
    lost = (HTTP_ERROR, json.JSONDecodeError, NoSense, ConnectionError, TimeoutError)
    return isinstance(root, lost)


def unsettled(error: BaseException) -> bool:
    """Whether a commit may have landed, or may land on another parent: look, then try again."""
    return transient(error) or status_of(error) in MOVED


def patiently(
    step: str,
    work: Callable[[], T],
    progress: Progress,
    *,
    again: Callable[[BaseException], bool] = transient,
    tries: int = TRIES,
    reached: bool = True,
) -> T:
    """The result of `work`, tried again while `again` says so; its last error after that.

    The pause doubles from try to try; one that the Hub asks for (Retry-After) is kept to.
    `reached`: the Hub has answered before, so that a name that is unknown now may be known again.
    """

    def worth_it(error: BaseException) -> bool:
        return again(error) and (asked_pause(error) or 0.0) <= LONGEST_ASKED

    def most(error: BaseException | None) -> int:
        return tries if reached or not unresolved(error) else min(tries, UNKNOWN_TRIES)

    def say(state: RetryCallState) -> None:
        error = _error_of(state)
        pause = state.next_action.sleep if state.next_action else 0.0
        progress.note(
            f"push: {step}: {words(error)}; "
            f"try {state.attempt_number + 1} of {most(error)} in {pause:.0f} s"
        )

    retrying = Retrying(
        retry=retry_if_exception(worth_it),
        stop=lambda state: state.attempt_number >= most(_error_of(state)),
        wait=_pause,
        before_sleep=say,
        reraise=True,
    )
    return retrying(work)


def asked_pause(error: BaseException | None) -> float | None:
    """Seconds that the Hub asks to wait, by Retry-After (seconds or a date) or by its rate limit.

    RFC 9110, 10.2.3; the rate limit as in draft-ietf-httpapi-ratelimit-headers.
    """
    root = _root(error) if error else None
    if not isinstance(root, HfHubHTTPError):
        return None
    headers = root.response.headers
    after = headers.get("retry-after", "").strip()
    if after.isascii() and after.isdigit():
        return float(after)
    if after:
        if (until := _date(after)) is None:
            return None
        now = _date(headers.get("date", "")) or datetime.now(UTC)  # its clock, not ours
        return max((until - now).total_seconds(), 0.0)
    if root.response.status_code == 429 and (reset := RESET.search(headers.get("ratelimit", ""))):
        return float(reset[1])
    return None


def _date(text: str) -> datetime | None:
    """The date of a header; None where it is none."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _pause(state: RetryCallState) -> float:
    asked = asked_pause(_error_of(state))
    if asked is not None:
        return asked + 0.5  # the Hub counts whole seconds
    return float(min(FIRST_PAUSE * 2.0 ** (state.attempt_number - 1), LONGEST_PAUSE))


def words(error: BaseException | None) -> str:
    """An error in a few words: no address's query, no stack of libraries, no token."""
    if error is None:
        return "no answer"
    root = _root(error)
    if isinstance(root, HfHubHTTPError):
        said = f" ({root.server_message})" if root.server_message else ""
        return shown(f"the Hub answered {root.response.status_code}{said}")
    if isinstance(root, json.JSONDecodeError):
        return "the Hub answered something that is no JSON"
    if isinstance(root, NoSense):
        return "the Hub answered JSON that is no answer"
    if isinstance(root, HTTP_ERROR) and "Timeout" in type(root).__name__:
        return "the Hub gave no answer in time"
    return shown(str(root) or type(root).__name__)


def shown(text: str) -> str:
    """The text as one line, without what is a secret in addresses, and without the token."""
    from huggingface_hub import get_token

    token = get_token()
    hidden = text.replace(token, "[token]") if token else text
    return one_line(USER.sub("", QUERY.sub("", hidden)))


def told(error: BaseException, repo_id: str, endpoint: str) -> KappaError:
    """The one line that a user gets for an error that stays."""
    root, status = _root(error), status_of(error)
    if isinstance(root, HFValidationError):
        return UsageError(f"push: {repo_id} is no name for a repository: {words(root)}")
    if isinstance(root, OfflineModeIsEnabled):
        return EnvironmentLacks("push: HF_HUB_OFFLINE is set, so nothing can be sent; unset it")
    if status == 401:
        return EnvironmentLacks(
            f"push: the Hub does not know the token (401); log in with `hf auth login` or set "
            f"HF_TOKEN to a token with write access to {repo_id}"
        )
    if status == 403:
        return EnvironmentLacks(
            f"push: the token may not write to {repo_id}: {words(root)}; set HF_TOKEN to a token "
            "with write access"
        )
    if isinstance(root, RepositoryNotFoundError):
        return EnvironmentLacks(
            f"push: there is no {repo_id} that this token can see ({status}); check the name, and "
            "that the token may write to it"
        )
    if status is None and isinstance(root, (HTTP_ERROR, ConnectionError, TimeoutError)):
        return EnvironmentLacks(
            f"push: the Hub at {shown(endpoint)} cannot be reached: {words(root)}; check the "
            f"network and run the same command{RESUMED}"
        )
    later = ""
    if (asked := asked_pause(error)) and asked > LONGEST_ASKED:
        later = f" in {asked / 60:.0f} minutes, as it asks"
    return StageError(
        f"push: {repo_id}: {words(error)}; run the same command again{later}{RESUMED}, and nobody "
        "sees half a release"
    )


def _root(error: BaseException) -> BaseException:
    """The error that the client wrapped while it uploaded a file."""
    while isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error
