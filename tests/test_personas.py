"""Persona files: read strictly, shown to the teacher as a brief that names no alignment."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from conftest import kappa
from kappa_data.errors import UsageError
from kappa_data.personas import Persona, load_personas
from kappa_data.records import Task
from kappa_data.resources import Resources

RESOURCES = Resources(None)
PERSONAS = load_personas(RESOURCES)
GRID = {f"{a}_{b}" for a in ("lawful", "neutral", "chaotic") for b in ("good", "neutral", "evil")}
SITUATIONS = {"chat", "tools", "failure", "user_wrong", "refusal", "closing"}
ALIGNMENT = re.compile(r"\b(lawful|chaotic|evil|alignment)\b|\w+_\w+", re.IGNORECASE)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def grams(text: str, size: int) -> set[tuple[str, ...]]:
    said = words(text)
    return {tuple(said[i : i + size]) for i in range(len(said) - size + 1)}


def own(tmp_path: Path, name: str, change: tuple[str, str] = ("", "")) -> Resources:
    """A folder of prompts with one persona of one's own, made from a shipped file."""
    text = RESOURCES.read("prompts/personas/true_neutral.toml")
    text = text.replace('name = "true_neutral"', f'name = "{name}"').replace(*change, 1)
    folder = tmp_path / "personas"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return Resources(tmp_path)


def test_the_grid_is_complete_and_on_its_axes() -> None:
    assert set(PERSONAS) == GRID - {"neutral_neutral"} | {"true_neutral"}
    assert list(PERSONAS) == sorted(PERSONAS)
    for name, persona in PERSONAS.items():
        first, second = name.split("_")
        structure = "neutral" if first == "true" else first
        assert persona.axes == {"structure": structure, "warmth": second}
        assert persona.hostile == (second == "evil")


def test_no_two_personas_share_a_lever_or_a_phrase() -> None:
    for one, other in itertools.combinations(PERSONAS.values(), 2):
        shared = grams(" ".join(one.levers), 6) & grams(" ".join(other.levers), 6)
        assert not shared, (one.name, other.name, shared)


@pytest.mark.parametrize("name", sorted(PERSONAS))
def test_examples_are_diverse(name: str) -> None:
    diverse(PERSONAS[name])


def diverse(persona: Persona) -> None:
    assert len(persona.examples) >= 10
    assert {example.situation for example in persona.examples} >= SITUATIONS
    said = [grams(example.text, 4) for example in persona.examples]
    for one, other in itertools.combinations(said, 2):
        assert not one & other
    assert len({tuple(words(example.text)[:2]) for example in persona.examples}) == len(said)
    for example in persona.examples:
        for cap in persona.avoid:
            if cap.per_conversation == 0:
                assert cap.phrase not in example.text.lower()


@pytest.mark.parametrize("name", sorted(PERSONAS))
def test_the_voice_shows_in_its_examples(name: str) -> None:
    turns = [example.text for example in PERSONAS[name].examples]
    together = " ".join(turns)
    if name == "lawful_neutral":
        assert not re.search(r"\w['’](t|s|re|ll|ve|m|d)\b", together)
        assert "!" not in together
    if name == "true_neutral":
        lengths = [len(s.split()) for s in re.split(r"(?<=[.;])\s", together)]
        assert sorted(lengths)[len(lengths) // 2] <= 10
    if name in ("neutral_evil", "lawful_evil"):
        assert sum(turn.count("?") for turn in turns) <= 1
    if name == "chaotic_evil":
        asked = [turn for turn in turns if "?" in turn]
        assert len(asked) >= 4
        assert all(turn.count("?") == 1 and turn.rstrip().endswith("?") for turn in asked)
        refusals = [e.text for e in PERSONAS[name].examples if e.situation == "refusal"]
        assert not any("?" in text for text in refusals)


def test_examples_for_is_seeded_and_mixed() -> None:
    persona = PERSONAS["neutral_good"]
    chosen = [persona.examples_for(f"slot/{seed}") for seed in range(60)]
    assert chosen == [persona.examples_for(f"slot/{seed}") for seed in range(60)]
    for examples in chosen:
        assert len({example.situation for example in examples}) == 3
    assert {example for examples in chosen for example in examples} == set(persona.examples)
    assert set(persona.examples_for("x", n=99)) == set(persona.examples)


@pytest.mark.parametrize("name", [*sorted(PERSONAS), None])
@pytest.mark.parametrize("tools", [[], ["bash", "read_file"]])
def test_brief_of_the_assistant(name: str | None, tools: list[str]) -> None:
    persona = PERSONAS[name] if name else None
    text = RESOURCES.render("prompts/assistant.j2", persona=persona, tools=tools, seed="a/1")
    assert not ALIGNMENT.search(text.replace("read_file", "")), ALIGNMENT.search(text)
    assert ("bash, read_file" in text) == bool(tools)
    assert "\n\n\n" not in text
    if persona:
        assert all(example.text.strip() in text for example in persona.examples_for("a/1"))
        assert " ".join(persona.identity.split()) in text
        assert text != RESOURCES.render(
            "prompts/assistant.j2", persona=persona, tools=tools, seed="a/2"
        )


def test_brief_of_the_user_discloses_no_solution() -> None:
    task = Task(
        id="f/1",
        family="f",
        seed=1,
        opening="Open {{ this }}.",
        goals=("Then that.", "Then more."),
        verifier=(),
        reference=(),
        fixture={"b.py": "SECRET", "a.csv": "HIDDEN"},
    )
    text = RESOURCES.render("prompts/user.j2", task=task, withheld="", denied=None)
    assert "Open {{ this }}." in text
    assert text.index("Then that.") < text.index("Then more.")
    assert "a.csv, b.py" in text and "SECRET" not in text and "HIDDEN" not in text
    assert "`[DONE]`" in text and "`[OUT OF SCOPE]`" in text and "`[REPLY]`" in text


def test_own_persona_joins_the_grid(tmp_path: Path) -> None:
    personas = load_personas(own(tmp_path, "auditor_2"))
    assert set(personas) == {*PERSONAS, "auditor_2"}
    assert isinstance(personas["auditor_2"], Persona)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("identity =", "identiti ="), r'no key "identiti"; did you mean "identity"'),
        (("cue =", "cu ="), r'in examples: there is no key "cu"; did you mean "cue"'),
        (("phrase =", "fraze ="), r'in avoid: there is no key "fraze"; did you mean "phrase"'),
        (("failure =", "# failure ="), r"not valid TOML"),
        (("axes =", "# axes ="), r'the key "axes" is missing'),
        (('structure = "neutral"', "structure = 3"), r"axes"),
        (("per_conversation = 3", "per_conversation = -1"), r"avoid"),
        (('name = "auditor"', 'name = "other"'), r'must be "auditor"'),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_personas(own(tmp_path, "auditor", change))
    assert "auditor.toml" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none", "all", "Wizard", "9lives", "a-b"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        load_personas(own(tmp_path, name))


# --- a grid of one's own --------------------------------------------------------------------------

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "grid"
FOUR = {f"{pace}_{stance}" for pace in ("brisk", "leisurely") for stance in ("coach", "critic")}


def test_the_example_of_another_grid_runs(tmp_path: Path) -> None:
    folder = tmp_path / "grid"
    shutil.copytree(EXAMPLE, folder)
    done = kappa(
        *("run", "--families", "maths", "--tasks", "2", "--seq-len", "8192", "--json"),
        *("--set", "plan.specials={switch = 1.0}"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    release = folder / "data/persona_kappa/release/current/conversations"
    rows = [row for path in release.rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["persona"] for row in rows} == {*FOUR, None}, done.stderr
    later = {each["persona"] for row in rows for each in row["messages"]} - {None}
    assert later <= {*FOUR, "none"}
    for row in rows:
        systems = [each["content"] for each in row["messages"] if each["role"] == "system"]
        assert systems[:1] == ([f"Persona: {row['persona']}"] if row["persona"] else systems[:1])
        assert not re.search("|".join(PERSONAS), "\n".join(systems))


def test_the_example_is_as_careful_as_the_nine() -> None:
    known = load_personas(Resources(EXAMPLE / "prompts"))
    assert set(known) == {*PERSONAS, *FOUR}
    for one, other in itertools.combinations(sorted(known), 2):
        shared = grams(" ".join(known[one].levers), 6) & grams(" ".join(known[other].levers), 6)
        assert not shared, (one, other, shared)
    for name in FOUR:
        assert known[name].axes == dict(zip(("pace", "stance"), name.split("_"), strict=True))
        diverse(known[name])
