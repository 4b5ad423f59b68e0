"""The two encoders: the same ids as tiktoken, whatever the text, and no doubt about which one ran.

tiktoken stands beside them over the same rank file, with the pattern that OpenAI publishes.
"""

from __future__ import annotations

import builtins
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import clean_environment
from kappa_data.config import TokenizeConfig
from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.formats import vocabulary
from kappa_data.formats.samples import choices, samples
from kappa_data.formats.vocabulary import FIRST_SPECIAL, HARD_TEXTS, SPECIALS, encoder
from kappa_data.records import Conversation, Message
from kappa_data.stages.tokenize import tokenize
from test_harmony import reference_encoder

PIECES = st.sampled_from(
    [*HARD_TEXTS[:-1], *SPECIALS.values(), " ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "a", "B",
     "1", "12", "_", "-", "//", "\u0301", "\u200b", "\u00a0", "中", "ก", "ع", "😀", "\u200d",
     "\ufe0f", "ǅ", "ʰ", "²", "\0", "\U0010ffff", "\u0130", "ß"]
)  # fmt: skip
PLANES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TEXTS = st.lists(PIECES | PLANES, max_size=12).map("".join)
TALK = Conversation("c", (Message("user", "hi"), Message("assistant", "ho", reasoning="r")))


@pytest.fixture
def fresh() -> Iterator[None]:
    """A process that has loaded no encoder yet."""
    encoder.cache_clear()
    yield
    encoder.cache_clear()


def both() -> list[Any]:
    return [encoder("fast").encode, encoder("reference").encode]


def test_the_fast_encoder_is_the_one_that_runs():
    assert encoder("fast")[::2] == ("gigatoken", "")
    assert encoder("reference")[::2] == ("bpe-openai", "")


def test_the_expected_digest_is_that_of_tiktoken():
    tiktoken = reference_encoder()
    ordinary = lambda text: np.array(tiktoken.encode_ordinary(text), dtype=np.int32)  # noqa: E731
    assert vocabulary.digest(ordinary) == vocabulary.HARD_SHA256


@given(TEXTS)
@example("".join(HARD_TEXTS))
@settings(max_examples=600, deadline=None)
def test_all_encoders_agree_and_no_id_is_special(text):
    wanted = reference_encoder().encode_ordinary(text)
    for encode in both():
        ids = encode(text)
        assert ids.dtype == np.int32 and ids.tolist() == wanted
    assert all(0 <= each < FIRST_SPECIAL for each in wanted)


def test_the_encoders_agree_on_every_character():
    """Each in words, beside signs and digits; many a text, and of the empty planes the first."""
    tiktoken, fast, encode = reference_encoder(), vocabulary._gigatoken(), encoder("fast").encode
    wrong = []
    for start in [*range(0, 0x34000, 4096), *range(0x40000, 0x110000, 0x10000)]:
        known, new = [], []
        for number in range(start, start + 4096):
            if not 0xD800 <= number < 0xE000:
                c = chr(number)
                piece = f"a{c}'s -{c}/x 1{c}2 {c}A\n{c}\n"
                (new if vocabulary.NEW_LETTERS.match(c) else known).append(piece)
        for used, pieces in ((fast, known), (encode, new)):
            text = "".join(pieces)
            if used(text).tolist() != tiktoken.encode_ordinary(text):
                wrong.append(f"{start:x}")
    assert not wrong


def test_every_new_letter_is_found_by_its_bytes():
    new = [c for c in map(chr, range(0x110000)) if vocabulary.NEW_LETTERS.match(c)]
    assert len(new) > 4000
    for letter in new:
        text = f"x é {letter}"
        assert vocabulary._has_new_letters(text, text.encode())
    for text in ("é", "数据", "😀", "हि", "\u0c60"):
        assert not vocabulary._has_new_letters(text, text.encode())


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83d \ude00"])
def test_a_lone_surrogate_is_refused_by_both(text):
    for encode in both():
        with pytest.raises(UnicodeEncodeError):
            encode(text)


def test_long_runs_agree():
    """Megabytes without a border: one letter, drawn letters, and one that is no letter."""
    letters = "".join(random.Random(1).choices("abcdefghij", k=vocabulary.LONG_WORD))
    for text in (
        "a" * 2**20,
        letters,
        " " * 300_000,
        "\n" * 300_000,
        "-" * 100_000,
        "中" * 400_000,
    ):
        fast, reference = (encode(text) for encode in both())
        assert np.array_equal(fast, reference)
        assert vocabulary.decode(fast.tolist()) == text


@given(st.lists(st.sampled_from(["a", "é", "中", " ", "1", "-", "\n"]), max_size=30).map("".join))
def test_the_longest_word_is_found(text):
    data, longest, run = text.encode(), 0, 0
    for byte in data:
        run = run + 1 if byte >= 128 or chr(byte).isalpha() else 0
        longest = max(longest, run)
    assert vocabulary._longest_word(data) == longest


def test_only_a_long_word_goes_to_the_reference(fresh, monkeypatch):
    asked: list[int] = []
    reference = vocabulary._reference()

    def spy(text: str) -> Any:
        asked.append(len(text))
        return reference(text)

    monkeypatch.setattr(vocabulary, "_reference", lambda: spy)
    monkeypatch.setattr(vocabulary, "LONG_WORD", 100)
    monkeypatch.setattr(vocabulary, "CHECKED", 10**9)
    encode = encoder("fast").encode
    for text in ("a" * 99, "a" * 99 + " " + "b" * 99, "-" * 500, "a" * 101, "x " + "é" * 50):
        assert encode(text).tolist() == reference(text).tolist()
    assert asked == [101, 52]


def test_a_missing_encoder_falls_back_and_says_so(fresh, monkeypatch):
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "gigatoken":
            raise ImportError("No module named 'gigatoken'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    found = encoder("fast")
    assert found.name == "bpe-openai"
    assert found.fallback == "gigatoken cannot be used: No module named 'gigatoken'"
    assert found.encode("hello world").tolist() == [24912, 2375]
    chosen = choices(TokenizeConfig())
    assert tokenize(chosen, TALK).samples
    assert chosen.format.note == found.fallback


def wrong(text: str) -> Any:
    """An encoder that errs on texts that hold a rare letter."""
    ids = vocabulary._reference()(text)
    return np.append(ids, 0).astype(np.int32) if "ꙮ" in text else ids


def test_an_encoder_with_other_ids_falls_back_at_start(fresh, monkeypatch):
    monkeypatch.setattr(vocabulary, "_gigatoken", lambda: wrong)
    monkeypatch.setattr(vocabulary, "HARD_TEXTS", ("x ꙮ",))
    assert encoder("fast").fallback == "gigatoken cannot be used: it gives other ids"


def test_a_difference_during_the_run_stops_it(fresh, monkeypatch):
    monkeypatch.setattr(vocabulary, "_gigatoken", lambda: wrong)
    texts = [f"text {n} ꙮ" for n in range(5000)]
    encode = encoder("fast").encode
    found = []
    for text in texts:
        try:
            encode(text)
        except StageError as error:
            assert "--set tokenize.encoder=reference" in str(error)
            found.append(text)
    assert 1 <= len(found) <= 15  # 5 of 5,000 in the mean, and always the same ones
    with pytest.raises(StageError):
        encode(found[0])


def test_the_setting_changes_the_encoder_and_not_the_ids():
    fast, reference = (choices(TokenizeConfig(encoder=each)) for each in ("fast", "reference"))
    assert (fast.format.encoder, reference.format.encoder) == ("fast", "reference")
    (one,), _ = samples(TALK, fast)
    (two,), _ = samples(TALK, reference)
    assert one.ids.tolist() == two.ids.tolist() and one.ids.dtype == two.ids.dtype == np.int32
    with pytest.raises(UsageError, match=r'tokenize\.encoder: there is no "fats".*"fast"'):
        choices(TokenizeConfig(encoder="fats"))


def test_the_reference_is_not_loaded_at_start():
    code = (
        "import sys\nfrom kappa_data.formats.vocabulary import decode, encoder\n"
        "found = encoder('fast')\n"
        "assert decode(found.encode('hello').tolist()) == 'hello'\n"
        "print(found.name, 'bpe_openai' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment()
    )
    assert done.stdout.split() == ["gigatoken", "False"], done.stderr


def test_other_ranks_are_refused(fresh, monkeypatch):
    monkeypatch.setattr(vocabulary, "RANKS_SHA256", "0" * 64)
    with pytest.raises(EnvironmentLacks, match="not the ranks of o200k_base"):
        encoder("fast")
