"""Holds a foreign record against a small schema of its format."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from kappa_data.importing.place import NotAConversation


def require(schema: Draft202012Validator, value: Any, name: str = "") -> None:
    """Raises NotAConversation with the path of the best reason why `value` has another shape."""
    error = best_match(schema.iter_errors(value))
    if error is None:
        return
    path = f"{name}{error.json_path.removeprefix('$')}".lstrip(".") or "the record"
    reason = error.message if len(error.message) <= 200 else f"{error.message[:197]}..."
    raise NotAConversation(f"{path}: {reason}")
