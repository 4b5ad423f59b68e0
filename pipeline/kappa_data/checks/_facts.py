"""What a check may know beside the conversation."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Facts(Struct, frozen=True):
    """Put together by the stage for each conversation."""

    brief: str = ""
    """all that the teacher was told and nobody may see; "" where the conversation was imported"""
    personas: tuple[str, ...] = ()
    """names of all known personas"""
    caps: Mapping[str, tuple[tuple[str, int], ...]] = {}
    """of each persona, the phrases that wear out, and how often a conversation may hold them"""
    hostile: tuple[str, ...] = ()
    """names of the personas whose brief lets their tone be unfriendly"""
    min_chars: int = 1
    """shortest final answer, in characters"""
    leak_ngram: int = 8
    """words in a row that make a leak"""
    accept_unverified: bool = True
    """whether a conversation may go on that no verifier could look at"""
