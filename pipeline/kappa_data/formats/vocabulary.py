"""The o200k_harmony vocabulary: o200k_base's ranks and the special ids of the harmony format.

Text is always encoded as ordinary text, so a special token spelled out in a message becomes the
tokens of its letters and never a control id: the special ids come from this module's constants
alone. The ranks come with the package `bpe-openai`; nothing is downloaded.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Protocol

START_OF_TEXT = 199_998
ENDOFTEXT = 199_999  # padding
RETURN = 200_002
CONSTRAIN = 200_003
CHANNEL = 200_005
START = 200_006
END = 200_007
MESSAGE = 200_008
CALL = 200_012

SPECIALS = {
    START_OF_TEXT: "<|startoftext|>",
    ENDOFTEXT: "<|endoftext|>",
    RETURN: "<|return|>",
    CONSTRAIN: "<|constrain|>",
    CHANNEL: "<|channel|>",
    START: "<|start|>",
    END: "<|end|>",
    MESSAGE: "<|message|>",
    CALL: "<|call|>",
}
STOPS = frozenset({RETURN, CALL})
FIRST_SPECIAL = 199_998
SIZE = 201_088


class _Tokenizer(Protocol):
    def encode(self, text: str) -> list[int]: ...


@cache
def _tokenizer() -> _Tokenizer:
    # Loading takes over a second, so it waits for the first text. The package's own `Encoding`
    # refuses texts of a million characters and more; the tokenizer beneath it has no such limit.
    from bpe_openai import _bindings

    tokenizer: _Tokenizer = _bindings.tokenizer_for_encoding("o200k_base")
    return tokenizer


def encode(text: str) -> list[int]:
    """The ids of a text as ordinary text, all below FIRST_SPECIAL. Linear in the text's length.

    Raises UnicodeEncodeError for a lone surrogate, which no JSON text or Arrow column can carry.
    """
    return _tokenizer().encode(text)


def decode(ids: Iterable[int]) -> str:
    """The text of ids, special ids spelled out; what is no whole character becomes U+FFFD.

    For people: two different sequences can decode alike. Raises KeyError for an unknown id.
    """
    words = _words()
    return b"".join(words[int(each)] for each in ids).decode(errors="replace")


@cache
def _words() -> dict[int, bytes]:
    """The bytes of every id, from the rank file: the tokenizer decodes whole characters only."""
    packed = (files("bpe_openai") / "data" / "o200k_base.tiktoken.gz").read_bytes()
    lines = (line.split() for line in gzip.decompress(packed).splitlines())
    words = {int(rank): base64.b64decode(word) for word, rank in lines}
    return words | {special: text.encode() for special, text in SPECIALS.items()}
