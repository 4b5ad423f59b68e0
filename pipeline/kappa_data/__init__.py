"""Persona datasets for training language models. `kappa_data.load(path)` reads packed rows.

Importing the package does nothing: what `load` needs is imported when it is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kappa_data.dataset import load as load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        return import_module("kappa_data.dataset").load
    raise AttributeError(f"module 'kappa_data' has no attribute {name!r}")
