"""Runs one tool in the process that it is called in. Runs inside the box: standard library only.

The arguments were checked on the host against the tool's schema. The tools that ship go wrong by
ToolError or OSError alone, anything else is a bug of ours; what another one raises is its answer.
"""

from __future__ import annotations

import errno
import os
import sys
from types import CodeType, ModuleType

from kappa_data.sandbox.workspace import ToolError, state

TYPE_CHECKING = False  # see supervisor.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DONE = ("done", "")


def perform(
    name: str, text: str | CodeType, ours: bool, arguments: dict[str, Any] | None, out: int
) -> list[tuple[str, str]]:
    """Run the tool, write its result to the descriptor `out`, and say what else there is to know:
    each `seen` path, or `error` and the limit that it hit, or `bug`; `done` at the end. Without
    arguments the tool is only loaded."""
    before = set(state.seen)
    try:
        function = load(name, text, ours)
        result = "" if arguments is None else rendered(function(**arguments))
        flush()  # what a tool prints stands before what it returns
    except ToolError as error:
        return failure(f"{name}: {error}", error.__cause__, out)
    except OSError as error:
        return failure(f"{name}: {said_by_system(error)}", error, out)
    except MemoryError as error:
        return failure(f"{name}: Cannot allocate memory", error, out)
    except BaseException as error:  # noqa: BLE001 - whatever another's tool raises is its answer
        if ours:
            import traceback

            write_all(out, traceback.format_exc().encode())
            return [("bug", ""), DONE]
        return failure(f"{name}: {worded(error)}", error, out)
    write_all(out, result.encode("utf-8", "surrogatepass"))
    return [*(("seen", path) for path in sorted(state.seen - before)), DONE]


def load(name: str, text: str | CodeType, ours: bool) -> Callable[..., object]:
    """The tool's function, from its file's text or from that compiled."""
    if not ours:
        import site

        site.main()  # the libraries that the box's python3 has, which the supervisor does without
    module = ModuleType(f"kappa_tool_{name}")
    sys.modules[module.__name__] = module  # dataclasses look themselves up
    if isinstance(text, str):
        text = compile(text, f"{name}.py", "exec", dont_inherit=True)
    exec(text, module.__dict__)
    function: Callable[..., object] = getattr(module, name)
    return function


def rendered(value: object) -> str:
    """A tool's result as text: as it is, or as compact JSON; None is nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    import json

    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ToolError(f"its result is neither text nor JSON: {error}") from error


def worded(error: BaseException) -> str:
    """What another's exception says of itself, if it can."""
    kind = type(error).__name__
    try:
        message = f"{error}"
    except BaseException:  # noqa: BLE001 - its own __str__ may do anything
        message = ""
    return f"{kind}: {message}" if message else kind


def said_by_system(error: OSError) -> str:
    """What the system said, with the file that it was about where it is known."""
    said = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {said}" if isinstance(error.filename, str) else said


def failure(text: str, cause: BaseException | None, out: int) -> list[tuple[str, str]]:
    flush()
    write_all(out, text.encode("utf-8", "surrogatepass"))
    return [("error", ""), *limit_of(cause), DONE]


def limit_of(error: BaseException | None) -> list[tuple[str, str]]:
    """The limit that an error of the system means: the kernel's own word, not a text."""
    if isinstance(error, MemoryError):
        return [("memory", "")]
    return [("disk", "")] if getattr(error, "errno", None) == errno.ENOSPC else []


def flush() -> None:
    """Write what was printed; Python's own streams, whatever the tool put in their place."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and not stream.closed:
            stream.flush()


def write_all(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]
