"""The release folder: the card says what is true of what is in it, and nothing breaks its form."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Features
from huggingface_hub import DatasetCard, DatasetCardData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from conftest import clean_environment
from kappa_data import recipe
from kappa_data.arrow import schema
from kappa_data.config import PackConfig, ReleaseConfig, Settings, identity
from kappa_data.metrics.figures import of_sections
from kappa_data.metrics.meaning import MEANING
from kappa_data.metrics.measure import GROUPS, in_order
from kappa_data.progress import Quiet
from kappa_data.publishing.card import merged
from kappa_data.records import (
    Conversation,
    FunctionCall,
    Message,
    Provenance,
    Row,
    Section,
    Slot,
    ToolCall,
    Verdict,
)
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import import_
from kappa_data.store import Sealed
from kappa_data.writers import recipe_toml
from kappa_data.writers.card_example import rank

PERSONAS = Path(__file__).parents[1] / "prompts/personas"

TOOLS = '[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}]'
HOSTILE = "a | b\n---\n# <b>[x](y)</b> `z` *w* \x1b[31m\u202e"
WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty"]


def generated(persona: str | None, n: int, **fields: Any) -> Conversation:
    """A conversation with a tool call, as generate makes them; no two are near-duplicates."""
    system = (Message("system", f"Persona: {persona}"),) if persona else ()
    said = " ".join(f"{word}{n}" for word in WORDS)
    call = ToolCall("c1", FunctionCall("look", "{}"))
    made = Provenance("generate", "executed", "embedded", fields.pop("model", ""))
    return Conversation(
        id=f"maths/{n}:{persona}",
        messages=(
            *system,
            Message("user", f"What is {said}?"),
            Message("assistant", reasoning="So.", tool_calls=(call,), finish_reason="tool_calls"),
            Message("tool", said, tool_call_id="c1", name="look"),
            Message("assistant", f"It is {said}.", reasoning="Seen.", finish_reason="stop"),
        ),
        **{
            "tools": TOOLS,
            "persona": persona,
            "task_id": f"maths/{n}",
            "family": "maths",
            "provenance": made,
            "verdict": Verdict(True),
            **fields,
        },
    )  # fmt: skip


def seal(root: Path, name: str, records: dict[str, list[Any]], kinds: dict[str, type]) -> Sealed:
    def run(ctx: Context[Any]) -> Outcome:
        for each, kind in kinds.items():
            with ctx.writer(each, kind) as writer:
                for record in records[each]:
                    writer.write(record)
        return Outcome()

    return build(Stage(name, 1, run, ()), PackConfig(), {}, Resources(), root, Quiet())[0]


def release(
    root: Path,
    conversations: list[Conversation] | None = None,
    lines: list[str] | None = None,
    config: ReleaseConfig | None = None,
) -> tuple[Path, dict[str, Sealed]]:
    """The dataset folder made of hand-made conversations and of an imported file, by the stages."""
    done: dict[str, Sealed] = {}
    if conversations is not None:
        slots = [
            Slot(each.id, each.task_id or "", each.family or "", each.persona, each.split)
            for each in conversations
        ]
        done["plan"] = seal(root, "plan", {"slots": slots}, {"slots": Slot})
        sets, kinds = {"conversations": conversations}, {"conversations": Conversation}
        done["generate"] = seal(root, "generate", sets, kinds)
    if lines is not None:
        file = root / "foreign_chats.jsonl"
        file.write_text("".join(f"{line}\n" for line in lines))
        made = import_.config_for(str(file), "auto")
        sealed, _ = build(recipe.IMPORTED, made, {}, Resources(), root, Quiet())
        done[f"import:{sealed.dir.name}"] = sealed
    settings = Settings(pack=PackConfig(seq_len=512), release=config or ReleaseConfig())
    for stage in recipe.STAGES[2:]:
        inputs = {
            name: each for name, each in done.items() if name.partition(":")[0] in stage.inputs
        }
        options = getattr(settings, stage.name)
        done[stage.name], _ = build(stage, options, inputs, Resources(), root, Quiet())
    return done["release"].dir / "dataset", done


def foreign(*personas: str, unknown: int = 0) -> list[str]:
    """A foreign file: a conversation for each persona ('': none), and some of a strange role."""
    lines = []
    for n, persona in enumerate(personas):
        said = " ".join(f"{word}{n * 7 + 1000}" for word in WORDS)
        talk = [
            {"role": "user", "content": f"Say {said}."},
            {"role": "assistant", "content": said},
        ]
        if persona:
            talk.insert(0, {"role": "system", "content": f"Persona: {persona}"})
        lines.append(json.dumps({"messages": talk}))
    strange = {"messages": [{"role": "narrator", "content": "Exeunt."}]}
    return lines + [json.dumps(strange)] * unknown


def card_of(folder: Path) -> tuple[dict[str, Any], str]:
    text = (folder / "README.md").read_text()
    _, front, body = re.split(r"^---$\n", text, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(front), body


def tables(body: str) -> Iterator[list[list[str]]]:
    """The cells of every table, header first; a pipe with a backslash before it ends no cell."""
    for block in re.findall(r"(?:^\|.*\n)+", body, flags=re.MULTILINE):
        yield [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()]


def funnel(body: str) -> dict[str, tuple[int, int]]:
    """Stage -> (came out, rejected)."""
    (rows,) = (each for each in tables(body) if each[0][0].strip() == "stage")
    return {
        name.strip(): (
            int(out.replace(",", "")),
            sum(int(n) for n in re.findall(r": (\d+)", rejected)),
        )
        for name, out, rejected in rows[2:]
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Sealed]]:
    personas = ["lawful_good", "chaotic_evil", None]
    mine = [generated(each, n) for n, each in enumerate(personas)]
    mine[1] = msgspec.structs.replace(mine[1], split="test")
    lines = [*foreign("true_neutral", "", unknown=2), "{broken"]
    return release(tmp_path_factory.mktemp("both"), mine, lines)


def test_generated_only(tmp_path):
    folder, done = release(tmp_path, [generated(None, 1), generated("lawful_good", 2)])
    front, body = card_of(folder)
    assert front["license"] == "apache-2.0" and front["language"] == ["en"]
    assert {"persona", "tool-calling"} <= set(front["tags"])
    assert "2 conversations: 1 persona and no persona, tool calls in 2 conversations." in body
    assert "no such task is in two splits" in body and "one Linux toolchain" in body
    assert '"Persona: lawful_good"' in body and "evil" not in body
    assert "Licence of this dataset: apache-2.0." in body
    assert "mported conversation" not in body and "hash" not in body
    figures = done["release"].manifest.figures
    assert figures["personas"] == ["lawful_good", "none"] and figures["persona_count"] == 1


def test_imported_only(tmp_path):
    folder, done = release(tmp_path, lines=foreign("", "", ""))
    front, body = card_of(folder)
    assert (front["license"], front["license_name"]) == ("other", "see-the-card")
    assert "language" not in front
    assert not {"persona", "tool-calling"} & set(front["tags"])
    assert "3 conversations, all imported: no persona, no tool calls." in body
    assert "drawn by a hash of their id" in body
    assert r"Imported from: foreign_chats.jsonl." in body
    assert "keep the licence of their source" in body and "apache" not in body
    for untrue in (
        "by task",
        "one Linux toolchain",
        "English",
        "evil",
        "Models",
        "teacher's output",
    ):
        assert untrue not in body
    assert done["release"].manifest.figures["persona_count"] == 0
    stated, body = card_of(
        release(tmp_path, lines=foreign("", ""), config=ReleaseConfig(license="cc0-1.0"))[0]
    )
    assert stated["license"] == "cc0-1.0" and "this release states: cc0-1.0" in body


def test_the_card_describes_every_column(both):
    _, body = card_of(both[0])
    for view, record in (("conversations", Conversation), ("packed", Row)):
        (rows,) = tables(body.partition(f"### Columns of `{view}`")[2].partition("\n#")[0])
        assert [name for row in rows[2:] for name in re.findall("`(.+?)`", row[0])] == [
            field.name for field in schema(record)
        ]
        said = {name: row[1] for row in rows[2:] for name in re.findall("`(.+?)`", row[0])}
        for field in schema(record):
            for name in names_within(field.type):
                assert f"`{name}`" in said[field.name], (field.name, name)


def names_within(kind: Any) -> Iterator[str]:
    """The names of all fields below a column."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from names_within(kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield field.name
            yield from names_within(field.type)


def test_its_code_asks_for_one_word_and_runs(both, tmp_path, monkeypatch):
    _, body = card_of(both[0])
    code = re.findall(r"^```(\w+)\n(.*?)^```$", body, flags=re.MULTILINE | re.DOTALL)
    asked = [(kind, line) for kind, text in code for line in text.splitlines() if "PATH" in line]
    assert asked == [("python", 'repo = "PATH_OR_REPO"'), ("sh", "REPO=PATH_OR_REPO")]
    assert sum('"$REPO"' in text for kind, text in code if kind == "sh") == 3
    assert not re.search(r"pip install '?kappa-data", body) and "revision=" in body
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    names: dict[str, Any] = {}
    exec(code[0][1].replace("PATH_OR_REPO", str(both[0])), names)
    assert set(names["packed"]["train"].column_names) == set(Row.__struct_fields__)
    assert names["conversations"].num_rows == {"train": 3, "test": 2}


def test_personas_are_told_by_the_first_sentence_of_their_brief(both):
    _, body = card_of(both[0])
    (rows,) = (each for each in tables(body) if each[0][0].strip() == "persona")
    told = {row[0].strip(): row[3].strip() for row in rows[2:]}
    assert set(told) == {"chaotic_evil", "lawful_good", "none", "true_neutral"}
    for name in set(told) - {"none"}:
        brief = tomllib.loads((PERSONAS / f"{name}.toml").read_text())["identity"]
        assert " ".join(brief.split()).startswith(told[name]) and told[name].endswith(".")


def test_what_could_not_be_measured_is_one_line(both):
    folder, done = both
    _, body = card_of(folder)
    figures = of_sections(list(done["report"].read("report", Section)))
    ordered = [each for _, own in in_order(figures.measures) for each in own]
    few = [each.name for each in ordered if each.value is None]
    (rows,) = (each for each in tables(body) if each[0][0].strip() == "measure")
    names = [row[0].strip() for row in rows[2:]]
    assert len(names) + len(few) == len(figures.measures) and few and names
    assert f"{len(names)} of {len(figures.measures)} targets could be measured" in body
    assert f"Too little data for: {'; '.join(few)}." in body
    for each in figures.measures:
        if each.value is not None:
            assert f"{each.name}: {MEANING[each.key]}" in names
    assert set(MEANING) == {key for keys in GROUPS.values() for key in keys}


BREAKING = (
    "```\n# end\n````` \n~~~\n---\n<b>x</b>\n<!-- kappa-data: end -->\n"
    "</td>\n\x1b[31m \u202e [x](y) | a |\n    ```\n\ttab"
)


def card_showing(root: Path, talk: Conversation) -> str:
    """The card of a release of this conversation, which no check has seen."""
    _, done = release(root, [generated("lawful_good", 1)])
    talks = {"conversations": [talk]}
    inputs = {**done, "dedupe": seal(root, "dedupe", talks, {"conversations": Conversation})}
    del inputs["release"]
    made, _ = build(recipe.RELEASE, ReleaseConfig(), inputs, Resources(), root, Quiet())
    return (made.dir / "dataset/README.md").read_text()


def test_an_example_is_text_whatever_is_in_it(tmp_path):
    """By a CommonMark parser, and by the push that goes by the card's comments."""
    call = ToolCall("c1", FunctionCall(BREAKING, BREAKING))
    one = generated("lawful_good", 1)
    talk = msgspec.structs.replace(
        one,
        messages=(
            Message("system", "Persona: lawful_good"),
            Message("user", BREAKING),
            Message("assistant", BREAKING, BREAKING, (call,), finish_reason="tool_calls"),
            Message("tool", BREAKING, tool_call_id="c1", name=BREAKING),
            Message("assistant", "word " * 400, finish_reason="stop"),
        ),
    )
    calm, hostile = (
        card_showing(tmp_path / name, each) for name, each in (("calm", one), ("hostile", talk))
    )
    parsed = [
        MarkdownIt("gfm-like", {"linkify": False}).parse(text.split("---\n", 2)[2])
        for text in (calm, hostile)
    ]
    kinds = [[(each.type, each.tag, each.level, each.info) for each in tokens] for tokens in parsed]
    assert kinds[0] == kinds[1]
    (shown,) = (each.content for each in parsed[1] if each.info == "text")
    for harmless in (r"\x1b[31m \u202e [x](y)", "<b>x</b>", "~~~", "characters more]"):
        assert harmless in shown
    assert "\x1b" not in hostile and "\u202e" not in hostile
    edited = hostile.replace("<!-- kappa-data: begin", "Above.\n\n<!-- kappa-data: begin", 1)
    edited += "\nBelow.\n"
    both = merged(calm.encode(), edited.encode(), None).decode()
    assert [both.count(word) for word in ("Above.", "Below.", "<b>x</b>")] == [1, 1, 0]


def test_the_example_is_a_good_one():
    made = generated("lawful_good", 1)
    long = msgspec.structs.replace(made, messages=(Message("user", "w " * 2_000),))
    others = [
        msgspec.structs.replace(made, split="test"),
        msgspec.structs.replace(made, provenance=Provenance("import", "imported", "imported")),
        generated(None, 1),
        msgspec.structs.replace(made, aim="decline"),
        msgspec.structs.replace(made, verdict=Verdict(False)),
        long,
    ]
    assert all(rank(made) < rank(each) for each in others)


def test_generated_and_imported(both):
    front, body = card_of(both[0])
    assert front["license"] == "other"
    assert "5 conversations (3 generated, 2 imported): 3 personas and no persona, " in body
    assert "tool calls in 3 conversations." in body
    assert "no such task is in two splits" in body and "a hash of their id" in body
    assert "Licence of the generated conversations: apache-2.0." in body
    assert "The imported conversations keep the licence of their source." in body
    assert "The evil personas" in body
    assert "Models: unknown (3)." in body  # what was imported has no model of ours


def test_the_funnel_adds_up(both):
    folder, done = both
    lines = funnel(card_of(folder)[1])
    assert list(lines) == ["plan", "generate", "import", "validate", "dedupe", "tokenize", "pack"]
    assert lines["import"] == (2 + 2, 1)  # of five lines; two have a strange role, one is broken
    assert lines["generate"][0] + lines["import"][0] == sum(lines["validate"])
    assert lines["validate"][0] == sum(lines["dedupe"]) == 5
    (imported,) = (each.manifest for name, each in done.items() if name.startswith("import:"))
    assert imported.rejected == {"broken line": 1, "quarantined": 2}
    assert done["validate"].manifest.rejected == {"unknown role": 2}


LOADED = """
import json, shutil, sys
from pathlib import Path
from datasets import load_dataset
from datasets.utils.info_utils import NonMatchingSplitsSizesError
place = Path(sys.argv[1])
found = {}
for name in ("conversations", "packed"):
    view = load_dataset(str(place), name)
    found[name] = {
        split: [len(rows), rows.info.splits[split].num_bytes, repr(rows.features)]
        for split, rows in view.items()
    }
wrong = Path("wrong")
shutil.copytree(place, wrong)
card = (wrong / "README.md").read_text()
(wrong / "README.md").write_text(card.replace("num_examples: 3", "num_examples: 4"))
try:
    load_dataset(str(wrong), "conversations")
except NonMatchingSplitsSizesError:
    found["checked"] = True
print(json.dumps(found))
"""


def test_both_views_load_as_the_card_says(both, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(both[0])],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=clean_environment(HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1"),
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("checked")  # load_dataset compares with what the card says
    rows = {view: {split: each[0] for split, each in found[view].items()} for view in found}
    assert rows["conversations"] == {"train": 3, "test": 2}  # an empty split is not named
    assert set(rows["packed"]) == {"train", "test"}
    assert sum(rows["packed"].values()) == both[1]["release"].manifest.figures["rows"]
    for info in card_of(both[0])[0]["dataset_info"]:
        view = info["config_name"]
        features = repr(Features._from_yaml_list(info["features"]))
        assert {each[2] for each in found[view].values()} == {features}
        stated = {each["name"]: each for each in info["splits"]}
        assert {name: each["num_examples"] for name, each in stated.items()} == rows[view]
        for name, each in stated.items():  # its own count has offsets of its own batches
            assert each["num_bytes"] == pytest.approx(found[view][name][1], rel=0.05)


def test_the_card_says_of_the_files_what_they_are(both):
    front, _ = card_of(both[0])
    for info in front["dataset_info"]:
        files = sorted((both[0] / info["config_name"]).glob("*.parquet"))
        filled = [each for each in files if pq.read_metadata(each).num_rows]
        for each in filled:
            features = Features.from_arrow_schema(pq.read_schema(each))
            assert Features._from_yaml_list(info["features"]) == features
        assert info["download_size"] == sum(each.stat().st_size for each in filled)
        counts: Counter[str] = Counter()
        for each in filled:
            counts[each.name.partition("-")[0]] += pq.read_metadata(each).num_rows
        assert {each["name"]: each["num_examples"] for each in info["splits"]} == counts
        assert info["dataset_size"] == sum(each["num_bytes"] for each in info["splits"])


def test_the_hubs_own_reader_takes_the_card(both):
    card = DatasetCard.load(both[0] / "README.md", ignore_metadata_errors=False)
    data = card.data.to_dict()
    assert data == card_of(both[0])[0]
    assert DatasetCardData(**data).to_yaml() == card.data.to_yaml()
    text = card.text.strip()
    assert text.startswith("<!-- kappa-data: begin.") and text.endswith("kappa-data: end -->")


def settings_in(body: str) -> Settings:
    """What the recipe on the card says, read as a user's kappa.toml is."""
    text = re.search(r"^(`{3,})toml\n(.*?)^\1$", body, flags=re.MULTILINE | re.DOTALL)
    assert text
    return msgspec.convert(tomllib.loads(text[2]), Settings)


def test_the_recipe_asks_for_what_was_made(built):
    """The settings on the card give every stage the config that its manifest has."""
    folder = built / "data/persona_kappa/release/current"
    told = settings_in(card_of(folder)[1])
    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    assert {"plan", "generate", "validate", "dedupe", "tokenize", "pack", "report"} == set(stages)
    for name, each in stages.items():
        boxed = {"sandbox": identity(told.sandbox)} if "sandbox" in each["config"] else {}
        assert identity(getattr(told, name)) | boxed == each["config"], name
        assert f"| {name} | {each['version']} | {each['key']} |" in card_of(folder)[1]


def test_how_to_make_it_again(both, tmp_path):
    _, body = card_of(both[0])
    assert "kappa-data import FILE --format auto   # foreign_chats.jsonl, digest " in body
    assert "kappa-data run --config recipe.toml\n" in body  # of the embedded teacher alone
    assert "byte for byte" in body
    assert settings_in(body).pack.seq_len == 512
    made = Provenance("generate", "executed", "openai-compatible", "some-model")
    mine = msgspec.structs.replace(generated(None, 1), provenance=made)
    config = ReleaseConfig(title="``` of ````", teacher_terms="Free.")
    folder, _ = release(tmp_path, [mine], config=config)
    _, body = card_of(folder)
    assert "--config recipe.toml --base-url http://..." in body and "byte for byte" not in body
    assert settings_in(body).release == config
    assert "Terms of the teacher's output: Free." in body
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["models"] == {"some-model": 1} and manifest["teacher_terms"] == "Free."


WORDS_OF_TOML = st.text("aZ9 -_.=,#[]{}'\"\\\b\t\n\r\x00\x1f\x7f\x85é\u2028\u202e漢😀")
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | WORDS_OF_TOML,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS_OF_TOML, inner, max_size=3),
    max_leaves=8,
)


# The machine may be busy: the time of a draw says nothing.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=VALUES)
def test_any_setting_is_written_as_toml_reads_it(value):
    text = recipe_toml.recipe({"plan": {"shares": value}, "import:1": {"name": "x"}})
    assert tomllib.loads(text) == {"plan": {"shares": value}}
    assert all(line.isprintable() for line in text.splitlines())


def test_hostile_names_break_neither_yaml_nor_tables(tmp_path):
    one = generated("lawful_good", 1, family=HOSTILE, model=HOSTILE)
    two = msgspec.structs.replace(generated("lawful_good", 2), persona=HOSTILE)
    config = ReleaseConfig(title=HOSTILE, license=HOSTILE, teacher_terms=HOSTILE)
    sealed = seal(
        tmp_path, "dedupe", {"conversations": [one, two]}, {"conversations": Conversation}
    )
    _, done = release(tmp_path, [generated("lawful_good", 1)])
    inputs = {**done, "dedupe": sealed}
    del inputs["release"]
    made, _ = build(recipe.RELEASE, config, inputs, Resources(), tmp_path, Quiet())
    front, body = card_of(made.dir / "dataset")
    assert [each["config_name"] for each in front["configs"]] == ["conversations", "packed"]
    assert front["pretty_name"].startswith("a | b --- # <b>")
    assert "\x1b" not in body and "\u202e" not in body
    assert [line for line in body.splitlines() if line.startswith("# ")] == [
        r"# a \| b --- # \<b\>\[x\](y)\</b\> \`z\` \*w\* \\x1b\[31m\\u202e"
    ]
    assert not re.search(r"^---", body, flags=re.MULTILINE)
    found = list(tables(body))
    assert len(found) == 10
    for rows in found:
        assert len({len(row) for row in rows}) == 1, rows
