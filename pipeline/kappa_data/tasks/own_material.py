"""What a user brings along for tasks about subjects of their own."""

from __future__ import annotations

from msgspec import Struct


class Document(Struct, frozen=True):
    """A text by its name."""

    name: str
    text: str


class Folder(Struct, frozen=True):
    """A code folder: `files` by relative path."""

    name: str
    files: dict[str, str]


class Material(Struct, frozen=True):
    """Everything of one file of seeds."""

    topics: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    code: tuple[Folder, ...] = ()
