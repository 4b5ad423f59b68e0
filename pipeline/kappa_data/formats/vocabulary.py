"""The o200k_harmony vocabulary: o200k_base's ranks and the special ids of the harmony format.

Text is always encoded as ordinary text, so a special token spelled out in a message becomes the
tokens of its letters and never a control id: the special ids come from this module's constants
alone. The ranks come with the package `bpe-openai`; nothing is downloaded.

Two encoders give the same ids. `gigatoken` is many times faster, and young: it has to reproduce the
ids of a set of hard texts before it is used, and about one text in a thousand is encoded by both
while it is. `bpe-openai` is the reference, and stands in where the fast one cannot be used.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import xxhash

from kappa_data.errors import EnvironmentLacks, StageError
from kappa_data.records import Int32s

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


RANKS = "o200k_base.tiktoken"
RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

# One text in so many is encoded by both encoders; drawn by its hash, so that runs are alike.
CHECKED = 1000
# The fast encoder sorts the merges of a word: 0.6 s for 1 MB of letters, 12 s for 10 MB. From this
# length on, in bytes, a word goes to the reference, which is linear in letters (0.2 s a MB). Not so
# punctuation: a run of "-" costs the reference 1.8 s a MB, and the fast encoder a third of that.
LONG_WORD = 2**17
# Letters, marks and digits that came with Unicode 17, where gigatoken 0.10 stands. The reference,
# tiktoken and openai-harmony, and so the servers, stand at 16 and take them for symbols: other
# words, other ids. All code points were compared; a text with one of these goes to the reference.
NEW_LETTERS = re.compile(
    "[\u088f\u0c5c\u0cdc\u1acf-\u1add\u1ae0-\u1aeb\ua7ce-\ua7cf\ua7d2\ua7d4\ua7f1"
    "\U00010940-\U00010959\U00010ec5-\U00010ec7\U00010efa-\U00010efb\U00011b60-\U00011b67"
    "\U00011db0-\U00011ddb\U00011de0-\U00011de9\U00016ea0-\U00016eb8\U00016ebb-\U00016ed3"
    "\U00016ff2-\U00016ff6\U000187f8-\U000187ff\U00018d09-\U00018d1e\U00018d80-\U00018df2"
    "\U0001e6c0-\U0001e6de\U0001e6e0-\U0001e6f5\U0001e6fe-\U0001e6ff\U0002b73a-\U0002b73f"
    "\U0002cea2-\U0002cead\U000323b0-\U00033479]"
)
# A text holds none of them where none of these matches its bytes. The test of a text that is not
# ASCII costs a tenth of the one above, as each pattern begins with a byte of its own.
MAYBE_NEW = tuple(
    re.compile(start)
    for start in (
        b"\xe0[\xa2\xb1\xb3]",
        b"\xe1\xab",
        b"\xea\x9f",
        b"\xf0[\x90\x91\x96-\x98\x9e\xab\xac\xb2\xb3]",
    )
)
# Bytes that may belong to a word: ASCII letters, and everything that is not ASCII.
_IN_WORD = np.array([byte >= 0x80 or chr(byte).isalpha() for byte in range(256)])

# Where encoders of o200k differ in practice: contractions, capitals within words, digits in threes,
# white space before and after line ends, marks, scripts without spaces, and specials as text.
HARD_TEXTS = (
    "",
    " ",
    "I'm you'RE he'll THEY'D don't 's 't've x'S'sa",
    "camelCase HTTPServer XMLhttpRequest iPhone ABCdef aBC ǅungla ʰa",
    "1 12 123 1234 1234567890 3.14159 1,000,000 ١٢٣٤ ²³⁴ Ⅷ½",
    "  two   three    \t\ttabs \n\n lines\r\n\r\n  \n \t \r end  ",
    "\u00a0nbsp\u2003em\u3000wide\u2028line\u0085next\x0b\x0c\x1c",
    "def f(x):\n    return {'a': [x, -1], \"b\": x // 2}  # done\n\n\n",
    "...!!!???---===///***\n/ /\n//\n a/b\n- - _x_ __init__ $%^&*()",
    "e\u0301 \u0301 a\u0308\u0323b n\u0303\u0303 \u0e01\u0e49\u0e32 \u0939\u093f\u0928\u094d",
    "漢字かな交じり文。한국어 문장 中文，测试！ ภาษาไทย العربية עִבְרִית ελληνικά Русский",
    "😀👍🏽👨‍👩‍👧‍👦🇩🇪 ☃\ufe0f \u200b\u200d\u2060\ufeff x\u200bx",
    "\x00\x01\x7f\u0080\ufffd\uffff\U0001d573\U00020000\U000e0041\U0010ffff",
    "<|start|>assistant<|channel|>final<|message|>x<|return|><|endoftext|><|endofprompt|>",
    "a" * 1000 + " " * 1000 + "-" * 1000 + "\n" * 1000 + "7" * 1000 + "中" * 300,
)
HARD_SHA256 = "abcf60494f737c807e54f2bc6c3c5d094764ab646e10c5c3d5da994e4701359a"

Choice = Literal["fast", "reference"]
Encode = Callable[[str], Int32s]


class Encoder(NamedTuple):
    """A way to encode; `fallback` says why it is not the one that was asked for, else ''."""

    name: str
    encode: Encode
    fallback: str = ""


def encode(text: str) -> Int32s:
    """The ids of a text as ordinary text, int32[n], all below FIRST_SPECIAL.

    A megabyte takes under a second, whatever it holds. Raises UnicodeEncodeError for a lone
    surrogate, which no JSON text or Arrow column can carry, and StageError where the two encoders
    differ.
    """
    return encoder("fast").encode(text)


@cache
def encoder(choice: Choice) -> Encoder:
    """The encoder of this process, loaded where it is first asked for: half a second.

    Raises EnvironmentLacks where the ranks are not those of o200k_base.
    """
    if choice == "reference":
        return Encoder("bpe-openai", _reference())
    try:
        fast = _gigatoken()
        refused = "" if digest(fast) == HARD_SHA256 else "it gives other ids"
    except (ImportError, AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
        refused = str(error) or type(error).__name__
    if refused:
        return Encoder("bpe-openai", _reference(), f"gigatoken cannot be used: {refused}")
    return Encoder("gigatoken", _checked(fast))


def digest(encode: Encode) -> str:
    """sha256 over the ids of HARD_TEXTS, each text's number of ids before them."""
    whole = hashlib.sha256()
    for text in HARD_TEXTS:
        ids = encode(text)
        whole.update(len(ids).to_bytes(8) + ids.astype("<i4").tobytes())
    return whole.hexdigest()


def _checked(fast: Encode) -> Encode:
    """`fast` but where it is slow or differs, and compared with the reference now and then."""

    def encode(text: str) -> Int32s:
        data = text.encode()
        if len(data) > len(text) and _has_new_letters(text, data):
            return _reference()(text)
        if len(data) >= LONG_WORD and _longest_word(data) >= LONG_WORD:
            return _reference()(text)
        ids = fast(text)
        drawn = xxhash.xxh3_64_intdigest(data) % CHECKED == 0
        if drawn and not np.array_equal(ids, _reference()(text)):
            raise StageError(
                f"tokenize: gigatoken and bpe-openai differ on a text that begins {text[:80]!r}; "
                "run again with --set tokenize.encoder=reference"
            )
        return ids

    return encode


def _has_new_letters(text: str, data: bytes) -> bool:
    """Whether a text has one of NEW_LETTERS; `data` is the text in UTF-8."""
    return any(start.search(data) for start in MAYBE_NEW) and bool(NEW_LETTERS.search(text))


def _longest_word(data: bytes) -> int:
    """The longest run of bytes that may be letters."""
    others = np.flatnonzero(~_IN_WORD[np.frombuffer(data, dtype=np.uint8)])
    return int(np.diff(others, prepend=-1, append=len(data)).max()) - 1


def _gigatoken() -> Encode:
    from gigatoken import Tokenizer

    with tempfile.NamedTemporaryFile(suffix=f"-{RANKS}") as file:
        file.write(_ranks())
        file.flush()
        # Its own lookup by the file's name would parse special tokens inside text.
        tokenizer = Tokenizer.from_tiktoken(file.name, pretokenizer="o200k", special_tokens={})
    backend = tokenizer.backend  # a fifth faster on short texts than what is around it

    def encode(text: str) -> Int32s:
        ids: Int32s = backend.encode(text).view(np.int32)
        return ids

    return encode


@cache
def _reference() -> Encode:
    # Its compiled part by itself: the package around it reads every vocabulary that it has when it
    # is imported, which takes over a second, and its own `Encoding` refuses texts of a million
    # characters and more.
    found = [_package() / f"_bindings{suffix}" for suffix in EXTENSION_SUFFIXES]
    file = next((each for each in found if each.exists()), found[0])
    loader = ExtensionFileLoader("bpe_openai._bindings", str(file))
    bindings = module_from_spec(ModuleSpec(loader.name, loader, origin=str(file)))
    loader.exec_module(bindings)
    tokenizer = bindings.tokenizer_for_encoding("o200k_base")

    def encode(text: str) -> Int32s:
        return np.array(tokenizer.encode(text), dtype=np.int32)

    return encode


def _ranks() -> bytes:
    """The rank file: lines of a token's bytes in base64, and its id."""
    packed = _package() / "data" / f"{RANKS}.gz"
    try:
        ranks = gzip.decompress(packed.read_bytes())
    except (OSError, EOFError) as error:
        raise EnvironmentLacks(f"{packed}: {error}; install bpe-openai again") from error
    if hashlib.sha256(ranks).hexdigest() != RANKS_SHA256:
        raise EnvironmentLacks(f"{packed}: not the ranks of o200k_base; install bpe-openai again")
    return ranks


def _package() -> Path:
    """The folder of the package bpe-openai, found without importing it."""
    spec = find_spec("bpe_openai")
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentLacks("bpe-openai: not there; install kappa-data again")
    return Path(spec.submodule_search_locations[0])


def decode(ids: Iterable[int]) -> str:
    """The text of ids, special ids spelled out; what is no whole character becomes U+FFFD.

    For people: two different sequences can decode alike. Raises KeyError for an unknown id.
    """
    words = _words()
    return b"".join(words[int(each)] for each in ids).decode(errors="replace")


@cache
def _words() -> dict[int, bytes]:
    """The bytes of every id, from the rank file: the tokenizer decodes whole characters only."""
    lines = (line.split() for line in _ranks().splitlines())
    words = {int(rank): base64.b64decode(word) for word, rank in lines}
    return words | {special: text.encode() for special, text in SPECIALS.items()}


def decode_bytes(ids: Int32s) -> tuple[bytes, np.ndarray]:
    """The bytes of ids int32[n], special ids spelled out, and where each id's bytes end, int64[n].

    Fifty megabytes a second. Raises KeyError for an unknown id.
    """
    every, begins, lengths = _table()
    inside = ids.clip(0, SIZE - 1)
    of_each = lengths[inside]
    if (unknown := ids[(inside != ids) | (of_each == 0)]).size:
        raise KeyError(int(unknown[0]))
    ends = np.cumsum(of_each)
    at = np.arange(int(ends[-1]) if len(ends) else 0)
    return every[at + np.repeat(begins[ids] - (ends - of_each), of_each)].tobytes(), ends


@cache
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bytes of all ids in a row, where each id's begin, and how many they are (0: unknown)."""
    words = _words()
    lengths = np.zeros(SIZE, dtype=np.int64)
    ids = np.fromiter(words, dtype=np.int64, count=len(words))
    lengths[ids] = [len(each) for each in words.values()]
    begins = np.zeros(SIZE, dtype=np.int64)
    begins[ids] = np.cumsum(lengths[ids]) - lengths[ids]
    return np.frombuffer(b"".join(words.values()), dtype=np.uint8), begins, lengths
