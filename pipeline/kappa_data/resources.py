"""Finds and renders the files that ship with the package: prompts/, schemas/, data/seeds/.

Looked for in this order: the user's folder (`--prompts`, default ./prompts where it exists), the
installed package, the checkout. A file of the same name in an earlier place replaces the later one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kappa_data.errors import UsageError

PACKAGE = Path(__file__).resolve().parent
# In a wheel prompts/ lies inside the package; in a checkout two folders up (pipeline/kappa_data).
HOMES = (PACKAGE, PACKAGE.parents[1])


class Resources:
    """All shipped files, with the user's folder of prompts on top.

    `override` replaces or adds to what lies under `prompts/`; None: nothing is overridden.
    """

    def __init__(self, override: Path | None = None) -> None:
        if override is not None and not override.is_dir():
            raise UsageError(f"{override}: no such folder of prompts; check --prompts")
        self.override = override

    def path(self, name: str) -> Path:
        """The file called `name`, e.g. "prompts/assistant.j2"; UsageError where there is none."""
        for candidate in self._candidates(name):
            if candidate.is_file():
                return candidate
        raise UsageError(f"{name}: not found among the prompts and seeds of kappa-data")

    def read(self, name: str) -> str:
        """The text of a file; UsageError where it is missing or not UTF-8."""
        path = self.path(name)
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8") from None

    def names(self, folder: str, suffix: str) -> list[str]:
        """All files right under `folder` that end in `suffix`, from every place, sorted."""
        found = {
            f"{folder}/{path.name}"
            for place in self._candidates(folder)
            if place.is_dir()
            for path in place.iterdir()
            if path.is_file() and path.name.endswith(suffix)
        }
        return sorted(found)

    def render(self, name: str, /, **variables: object) -> str:
        """Renders a Jinja template; an undefined variable or a template's error is a UsageError.

        Model text only ever comes in as a variable: it is never parsed as a template.
        """
        self.path(name)
        try:
            return self._jinja.get_template(name).render(variables).strip()
        except jinja2.TemplateError as error:
            line = f":{error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise UsageError(f"{self.path(name)}{line}: {error.message or error}") from error

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """sha256 of each named file, by name."""
        return {name: sha256_of(self.path(name)) for name in sorted(set(names))}

    def digest(self, names: Iterable[str]) -> str:
        """One sha256 over the named files and their names."""
        return digest_of(self.digests(names))

    def _candidates(self, name: str) -> list[Path]:
        relative = Path(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise UsageError(f"{name}: a resource is named relative to the package, without ..")
        places = [home / relative for home in HOMES]
        if self.override is not None and relative.parts[0] == "prompts":
            places.insert(0, self.override.joinpath(*relative.parts[1:]))
        return places

    @cached_property
    def _jinja(self) -> ImmutableSandboxedEnvironment:
        return ImmutableSandboxedEnvironment(
            loader=jinja2.FunctionLoader(self.read),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # the result is a prompt, not a page
        )


def sha256_of(path: Path) -> str:
    """sha256 (hex) of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """`bytes` and `sha256` of every file in `folder`, by its path within."""
    return {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(each for each in folder.rglob("*") if each.is_file())
    }


def digest_of(parts: Mapping[str, str]) -> str:
    """sha256 over names and values, in the order of the names."""
    whole = hashlib.sha256()
    for name in sorted(parts):
        for text in (name, parts[name]):
            data = text.encode()
            whole.update(len(data).to_bytes(8, "little") + data)
    return whole.hexdigest()
