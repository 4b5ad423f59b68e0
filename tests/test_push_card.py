"""A card that people have edited: what is theirs stays, what is ours is ours, for any text."""

from __future__ import annotations

import hashlib

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kappa_data.publishing.card import BEGIN, END, merged
from kappa_data.publishing.release import File, Manifest

FRONT = "license: apache-2.0\ntags:\n- persona\n- sft\ndataset_info:\n- config_name: packed\n"


def card(words: str, front: str = FRONT) -> bytes:
    return f"---\n{front}---\n\n{BEGIN}. Ours. -->\n{words}\n{END}\n".encode()


OURS, NEXT = card("# One"), card("# Two", FRONT.replace("apache-2.0", "mit"))
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
KEYS = st.sampled_from(["annotations_creators", "language_bcp47", "extra_gated_prompt", "x y"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def front_of(data: bytes) -> dict[str, object]:
    found = yaml.safe_load(data.decode().split("---\n", 2)[1])
    assert isinstance(found, dict)
    return found


@settings(deadline=None)
@given(TEXT, TEXT, st.dictionaries(KEYS, VALUES, max_size=3))
def test_their_words_and_keys_stay_through_every_push(above, below, keys):
    assume("kappa-data:" not in above + below)
    written = yaml.safe_dump(keys, allow_unicode=True) if keys else ""
    words = OURS.decode().split("---\n\n", 1)[1]
    theirs = f"---\n{FRONT}{written}---\n\n{above}\n{words}{below}".encode()
    assert merged(OURS, theirs, None) == theirs, "nothing of ours has changed"
    sent = merged(NEXT, theirs, None)
    # What the text says, which is not always `keys`: PyYAML writes U+0085 so that it reads a space.
    assert front_of(sent) == front_of(NEXT) | (yaml.safe_load(written) or {})
    body = sent.decode().split("---\n\n", 1)[1]
    begin, end = body.index(BEGIN), body.index(END)
    assert body[:begin].strip() == above.strip()
    assert body[end + len(END) :].strip() == below.strip()
    assert "# Two" in body[begin:end] and "# One" not in body
    assert merged(NEXT, sent, None) == sent, "a second push changes nothing"


@settings(deadline=None)
@given(TEXT)
def test_a_foreign_card_is_kept_below_ours(text):
    assume("kappa-data:" not in text and not text.lstrip().startswith("---"))
    sent = merged(OURS, text.encode(), None)
    assert sent.decode().startswith(OURS.decode().rstrip())
    assert sent.decode()[len(OURS.decode().rstrip()) :].strip() == text.strip()
    assert merged(OURS, sent, None) == sent


@pytest.mark.parametrize(
    "theirs, joined",
    [
        ("tags: [theirs, persona]", ["persona", "sft", "theirs"]),
        ("tags:\n- sft\n- a b\n- persona", ["sft", "a b", "persona"]),
        ("tags: one", ["persona", "sft"]),
        ("tags:", ["persona", "sft"]),
    ],
)
def test_tags_are_those_of_both(theirs, joined):
    found = f"---\nlicense: mit\n{theirs}\n---\n\n{BEGIN} -->\n{END}\n".encode()
    sent = front_of(merged(OURS, found, None))
    assert sent["tags"] == joined and sent["license"] == "apache-2.0"


def test_yaml_is_not_written_anew():
    found = OURS.replace(b"tags:\n", b"language: no  # Norwegian\nsince: 2024-01-01\ntags:\n")
    assert b"\nlanguage: no  # Norwegian\nsince: 2024-01-01\n" in merged(NEXT, found, None)


def test_an_older_card_without_the_comments_is_ours_by_its_hash():
    bare = b"---\nlicense: mit\n---\n\n# Ours of long ago\n"
    older = Manifest({"README.md": File(len(bare), hashlib.sha256(bare).hexdigest())}, {})
    assert merged(OURS, bare, older) == OURS
    assert b"long ago" in merged(OURS, bare, None)


@pytest.mark.parametrize(
    "found", [b"", b"  \n", b"\xff\xfe", b"---\n: {\n---\n", b"---\n- a\n---\n"]
)
def test_what_nobody_can_read_is_replaced(found):
    assert merged(OURS, found, None).strip() == OURS.strip()


@pytest.mark.parametrize(
    "front",
    [
        "\"license\": mit\n'tags': [theirs]\nextra: no",
        "license : mit\ntags : [theirs]\nextra: no",
        "{license: mit, tags: [theirs], extra: no}",
        "license: &mine no\ntags: [theirs]\nextra: *mine",
        'tags: [theirs]\nnote: "one\n\nlicense: two"\nextra: no',
        "license: mit\r\ntags: [theirs]\r\nextra: no\r",
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_metadata_in_any_form_of_yaml_is_joined(front, mark):
    """Each key once: the Hub refuses a card with a key that stands twice."""
    sent = merged(OURS, f"{mark}---\n{front}\n---\n# Theirs\n".encode(), None)
    text = sent.decode().split("---\n", 2)[1]
    keys = [key.value for key, _ in yaml.compose(text).value]
    assert len(keys) == len(set(keys))
    found = front_of(sent)
    assert found["tags"] == ["persona", "sft", "theirs"] and found["extra"] is False
    assert found["license"] == "apache-2.0" and "dataset_info" in found
    assert sent.decode().rstrip().endswith("# Theirs")
    assert "\ufeff" not in sent.decode()
    assert merged(OURS, sent, None) == sent
