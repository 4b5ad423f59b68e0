"""The embedded teacher's voices: nothing of an answer is lost, no phrase wears out, and the voices
can be told apart. The measures are written anew here, without the package's own."""

from __future__ import annotations

import functools
import itertools
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data.errors import UsageError
from kappa_data.personas import load_personas
from kappa_data.resources import Resources
from kappa_data.teacher.voice import Voices
from kappa_data.teacher.voices.grammar import load_voice
from kappa_data.teacher.voices.text import sentences

RESOURCES = Resources(None)
VOICES = Voices(RESOURCES)
NAMES = sorted(load_personas(RESOURCES))
TURNS = 300

SPANS = re.compile(r"`[^`]+`|\"[^\"]+\"|\d[\d.,:%]*\d|\d|(?:\w+/)+\w+(?:\.\w+)?")
WORDS = [
    a + b
    for a in ("bar", "cal", "dor", "fen", "gar", "hol", "jun", "kel", "lam", "mor", "nor", "pel")
    for b in ("den", "ter", "mine", "sole", "rick", "vane", "let", "nard", "well", "ton", "ble")
]


def synthetic(seed: int) -> str:
    """A plain answer of random words: whatever repeats in a delivery comes from the voice."""
    rng = random.Random(seed)
    word = lambda: rng.choice(WORDS)  # noqa: E731

    def sentence() -> str:
        shape = rng.randrange(5)
        body = " ".join(word() for _ in range(rng.randrange(4, 14)))
        if shape == 0:
            return f"The {word()} is {body}."
        if shape == 1:
            return f"{word().capitalize()} {body} and `{word()}_{word()}()` {word()}."
        if shape == 2:
            return f"{word().capitalize()} {body} {rng.randrange(2, 5000)} {word()}."
        if shape == 3:
            return f"{word().capitalize()} src/{word()}/{word()}.py {body}, {word()}."
        return f"{word().capitalize()} {body}."

    paragraphs = [
        " ".join(sentence() for _ in range(rng.randrange(1, 5))) for _ in range(rng.randrange(1, 4))
    ]
    if rng.random() < 0.2:
        paragraphs.append(f"```python\n{word()} = {rng.randrange(99)}\n\nprint({word()})\n```")
    if rng.random() < 0.3:
        paragraphs.append(f"Answer: {rng.randrange(10_000)}")
    return "\n\n".join(paragraphs)


@functools.cache
def delivered(persona: str | None) -> list[tuple[str, str]]:
    return [
        (answer, VOICES.speak(persona, answer, kind="final", seed=f"family/{seed}"))
        for seed in range(TURNS)
        for answer in [synthetic(seed)]
    ]


def bare_words(text: str) -> list[str]:
    """Words of a delivery, with code, paths, numbers and quotations masked."""
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    return re.findall(r"[a-z']+|¤", SPANS.sub(" ¤ ", text).lower())


def grams(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


@pytest.mark.parametrize("name", NAMES)
def test_no_phrase_wears_out(name: str) -> None:
    holds: Counter[tuple[str, ...]] = Counter()
    openers: Counter[tuple[str, ...]] = Counter()
    for _, text in delivered(name):
        words = bare_words(text)
        openers[tuple(words[:3])] += 1
        holds.update(set().union(*(grams(words, size) for size in range(3, 7))))
    phrase, turns = holds.most_common(1)[0]
    assert turns / TURNS <= 0.05, (phrase, turns)
    opener, turns = openers.most_common(1)[0]
    assert turns / TURNS <= 0.10, (opener, turns)


@pytest.mark.parametrize("name", NAMES)
def test_preambles_vary(name: str) -> None:
    said = [VOICES.speak(name, "", kind="preamble", seed=f"s/{seed}") for seed in range(TURNS)]
    holds: Counter[tuple[str, ...]] = Counter()
    for text in said:
        assert len(text.split()) <= 24
        words = bare_words(text)
        holds.update(set().union(*(grams(words, size) for size in range(3, 7))))
    assert max(holds.values(), default=0) / TURNS <= 0.05, holds.most_common(3)
    assert len(set(said)) > TURNS / 3


def features(text: str) -> Counter[tuple[str, ...]]:
    words = bare_words(text)
    return Counter([*zip(words), *itertools.pairwise(words)])


def test_voices_can_be_told_apart() -> None:
    """Naive Bayes over word 1-2-grams, ten classes; two of five folds by task are judged."""
    turns = [
        (seed % 5, name, features(text))
        for name in (*NAMES, None)
        for seed, (_, text) in enumerate(delivered(name))
        if len(text.split()) >= 20
    ]
    confusion: Counter[tuple[str | None, str | None]] = Counter()
    for fold in range(2):
        model = train((name, bag) for part, name, bag in turns if part != fold)
        for part, name, bag in turns:
            if part == fold:
                confusion[name, guess(model, bag)] += 1
    for name in (*NAMES, None):
        hits = confusion[name, name]
        wrong = sum(n for (true, said), n in confusion.items() if (true == name) != (said == name))
        assert 2 * hits / (2 * hits + wrong) >= 0.90, (name, hits, wrong)


Model = dict[str | None, tuple[Counter[tuple[str, ...]], int]]


def train(turns: Iterable[tuple[str | None, Counter[tuple[str, ...]]]]) -> Model:
    counts: dict[str | None, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for name, bag in turns:
        counts[name].update(bag)
    return {name: (bag, sum(bag.values())) for name, bag in counts.items()}


def guess(model: Model, bag: Counter[tuple[str, ...]]) -> str | None:
    # Grams that no voice of the training part said carry nothing about who speaks.
    known = [gram for gram in bag if any(gram in counts for counts, _ in model.values())]

    def score(name: str | None) -> float:
        counts, total = model[name]
        return sum(math.log((counts[gram] + 0.1) / (total + 10_000)) for gram in known)

    return max(model, key=score)


@pytest.mark.parametrize("name", NAMES)
def test_length_stays_near_the_plain_answer(name: str) -> None:
    ratios = [len(text.split()) / len(answer.split()) for answer, text in delivered(name)]
    ratios = sorted(ratios)
    assert 0.9 <= ratios[TURNS // 2] <= 1.6


ANSWER_PARTS = st.one_of(
    st.sampled_from(
        [
            'The parser is in `src/a b.py`. It doesn\'t read "two. Words" at 3.5 %.',
            "Answer: 1,140.50",
            "- one\n- two `x`\n- three",
            "```python\ndef f():\n    return 'it''s. Not'\n\n\nf()\n```",
            "~~~\nraw ``` text\n~~~",
            "| a | b |\n|---|---|\n| 1 | 2 |",
            "# Title",
            'Run this:\n```sh\nls -l /tmp/x && echo "A. B"\n```\nThen stop.',
            "See docs/guide.md, e.g. Section 4. It isn't long. That's all (see `a. B`). Bye.",
            "> quoted. Text! Here",
            "    indented = code",
            "What's next? You're here. It's been 5 days. We'll see.",
        ]
    ),
    st.text(alphabet="ab .!?,'\"`\n()0123AZ-é", min_size=1, max_size=60),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ANSWER_PARTS, min_size=1, max_size=5).map("\n\n".join),
    st.sampled_from(NAMES),
    st.integers(0, 10**6),
)
def test_nothing_of_the_answer_is_lost(answer: str, name: str, seed: int) -> None:
    text = VOICES.speak(name, answer, kind="final", seed=str(seed))
    for line in answer.split("\n"):
        if line.startswith("Answer:"):
            assert line in text.split("\n")
    spans = Counter(re.findall(r"`[^`\n]+`|\d+|[\w/]+\.\w+", answer))
    for span, times in spans.items():
        assert text.count(span) >= times
    for block in re.findall(r"^```\w*\n.*?^```$", answer, re.DOTALL | re.MULTILINE):
        assert block in text
    # Every word of the answer is still there, contractions written out or not.
    spelled = text.replace("’", "'").lower()
    for word in re.findall(r"[a-zé]{2,}", answer.lower()):
        assert word in spelled or word in ("can", "won", "doesn", "isn")


def test_structures() -> None:
    answer = (
        "The file in question is short enough to read whole. It doesn't end in a newline. Add one "
        "and save the file again under the name that it had.\n\nAnswer: 412"
    )
    say = lambda name: VOICES.speak(name, answer, kind="final", seed="x")  # noqa: E731
    steps = say("lawful_good")
    assert re.search(r"1[.)] The file .* whole\.\n2[.)] It doesn't .*\.\n3[.)] Add", steps)
    assert "does not end" in say("lawful_neutral") and "doesn't" not in say("lawful_neutral")
    assert say("true_neutral").index("Answer: 412") < say("true_neutral").index("The file in")
    assert "whole.\nIt doesn't" in say("true_neutral")
    assert say("chaotic_evil").endswith("?")
    # A mark may stand before a later paragraph.
    assert re.search(r"newline\.\n\n(\w+\. )?Add one", say("neutral_good"))
    assert say("lawful_good").endswith("\nAnswer: 412")
    small = answer.replace("412", "3")
    assert "1. " not in VOICES.speak("lawful_good", small, kind="final", seed="x")


def test_test_question_stands_after_the_whole_answer() -> None:
    for seed in range(50):
        answer = synthetic(seed)
        text = VOICES.speak("chaotic_evil", answer, kind="final", seed=str(seed))
        end = answer.rsplit("\n", 1)[-1].rsplit(". ", 1)[-1]
        assert text.rindex("?") > text.rindex(end)


def test_a_question_and_a_refusal_stay_the_last_word() -> None:
    asked = "I found two files of that name. Which of them do you mean?"
    refused = "I can't help with that, because someone could be hurt."
    for name in NAMES:
        text = VOICES.speak(name, asked, kind="final", seed="a")
        assert text.endswith("do you mean?") and text != asked
        text = VOICES.speak(name, refused, kind="final", seed="a")
        assert text.endswith("because someone could be hurt.") and text != refused


@pytest.mark.parametrize(
    "data", ['{"a": 1}', "[1, 2]", "```python\nprint(1)\n```", "<svg>\n</svg>", ""]
)
def test_data_carries_no_voice(data: str) -> None:
    for name in NAMES:
        assert VOICES.speak(name, data, kind="final", seed="a") == data


def test_a_mail_is_not_taken_apart() -> None:
    mail = "Subject: Monday\n\nDear Ada, I am late. The train stood. Sorry for that.\n\nBest, Bo"
    for name in NAMES:
        assert mail in VOICES.speak(name, mail, kind="final", seed="a")


def test_without_a_persona_nothing_changes() -> None:
    assert VOICES.speak(None, "Plain.", kind="final", seed="a") == "Plain."
    said = VOICES.speak(None, "", kind="preamble", seed="a")
    assert said and VOICES.speak(None, "Reading it.", kind="preamble", seed="a") == "Reading it."


def test_same_seed_same_words() -> None:
    again = Voices(Resources(None))
    for name in NAMES:
        for kind in ("final", "preamble"):
            first = VOICES.speak(name, "The file is here.", kind=kind, seed="s")  # type: ignore[arg-type]
            assert first == again.speak(name, "The file is here.", kind=kind, seed="s")  # type: ignore[arg-type]
            others = {VOICES.speak(name, "It is.", kind=kind, seed=str(i)) for i in range(20)}  # type: ignore[arg-type]
            assert len(others) > 10


# A phrase stands beside any answer: it may not agree, deny, apologise, refuse, claim or insult.
FORBIDDEN = re.compile(
    r"\b(yes|nope?|correct|right|wrong|true|false|agree\w*|disagree\w*|sorry|apolog\w*|can't|cannot|"
    r"can not|won't|unable|incorrect|mistaken|fixed it|solved|passes|passed|failed|error|bug|"
    r"tests|lawful|chaotic|evil|alignment|persona|idiot|stupid|moron|dumb|fool\w*|hate you|shut up|"
    r"kill|die|language model|as an ai)\b|\d|[<>|`]",
    re.IGNORECASE,
)
ALLOWED = {
    "is the rule or the exception that you trust",
    "where does this stop being true",
    "is the neat part also the true part",
    "assume your favourite detail is false",
    "right behind the obvious",
    "right into the thicket",
    "right past that",
    "right under our noses",
    "noble effort, wrong planet",
}


@pytest.mark.parametrize("name", [*NAMES, "_none", "_user"])
def test_phrases_assert_nothing(name: str) -> None:
    voice = load_voice(RESOURCES, name)
    lines = [
        line
        for position, group in voice.templates.items()
        if position != "refusal"
        for line in group
    ]
    fillers = [each for slot, said in voice.slots.items() if slot != "declining" for each in said]
    for line in (*lines, *fillers):
        plain = re.sub(r"\{\w+\}", "", line)
        if plain not in ALLOWED:
            assert not FORBIDDEN.search(plain), line
    for slot, said in voice.slots.items():
        assert len(said) == len(set(said)) >= 12, slot


def test_personas_share_no_phrase() -> None:
    owners: dict[str, str] = {}
    for name in NAMES:
        voice = load_voice(RESOURCES, name)
        for filler in (filler for slot in voice.slots.values() for filler in slot):
            if len(filler.split()) >= 3:
                assert owners.setdefault(filler, name) == name, filler


@pytest.mark.parametrize("name", NAMES)
def test_voices_do_not_repeat_the_brief(name: str) -> None:
    persona = load_personas(RESOURCES)[name]
    prompt = RESOURCES.render("prompts/assistant.j2", persona=persona, tools=["bash"], seed="x")
    brief = grams(bare_words(prompt), 8)
    for example in persona.examples:
        brief |= grams(bare_words(example.text), 8)
    for _, text in delivered(name):
        assert not brief & grams(bare_words(text), 8)


def test_the_user_keeps_the_goal_word_for_word() -> None:
    goals = ["Now set `limit` to 7.", "Why is it 3?\n\n```\nx\n```", "do it"]
    for goal in goals:
        said = {VOICES.say_as_user(goal, seed=str(seed)) for seed in range(60)}
        assert all(goal in text for text in said)
        assert goal in said and len(said) > 5


def test_unknown_persona_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="lawful_good"):
        VOICES.speak("lawfull_good", "Hi.", kind="final", seed="a")


def test_sentences_leave_code_and_quotations_whole() -> None:
    text = 'Use `a. B` here. He said "Stop. Now." (Then. Later.) See e.g. Fig. 2. End.'
    assert sentences(text) == [
        "Use `a. B` here.",
        'He said "Stop. Now." (Then. Later.) See e.g. Fig. 2.',
        "End.",
    ]


def test_own_persona_speaks_from_its_examples(tmp_path: Path) -> None:
    folder = tmp_path / "personas"
    folder.mkdir()
    text = RESOURCES.read("prompts/personas/chaotic_good.toml")
    (folder / "pirate.toml").write_text(text.replace('"chaotic_good"', '"pirate"', 1))
    voices = Voices(Resources(tmp_path))
    answer = "The file is in `src/x.py`, line 12."
    said = {voices.speak("pirate", answer, kind="final", seed=str(seed)) for seed in range(40)}
    assert len(said) > 3
    turns = load_personas(RESOURCES)["chaotic_good"].examples
    examples = " ".join(word for turn in turns for word in turn.text.lower().split())
    for spoken in said:
        assert answer in spoken
        phrase = spoken.replace(answer, "").strip(" .\n")
        assert len(phrase.split()) <= 7
        assert phrase.lower() in examples
        assert "`" not in phrase and not re.search(r"\d", phrase)
    assert voices.speak("pirate", "", kind="preamble", seed="a")
