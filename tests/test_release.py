"""The release folder: the card says what is true of what is in it, and nothing breaks its form."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from conftest import clean_environment
from kappa_data import recipe
from kappa_data.config import PackConfig, ReleaseConfig, Settings
from kappa_data.progress import Quiet
from kappa_data.records import (
    Conversation,
    FunctionCall,
    Message,
    Provenance,
    Slot,
    ToolCall,
    Verdict,
)
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import import_
from kappa_data.store import Sealed

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
    for untrue in ("by task", "toolchain", "English", "evil", "Models", "teacher's output"):
        assert untrue not in body
    assert done["release"].manifest.figures["persona_count"] == 0
    stated, body = card_of(
        release(tmp_path, lines=foreign("", ""), config=ReleaseConfig(license="cc0-1.0"))[0]
    )
    assert stated["license"] == "cc0-1.0" and "this release states: cc0-1.0" in body


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


def test_both_views_load(both, tmp_path):
    script = (
        "import json, sys\nfrom datasets import load_dataset\n"
        "views = [load_dataset(sys.argv[1], each) for each in ('conversations', 'packed')]\n"
        "print(json.dumps([{split: len(view[split]) for split in view} for view in views]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(both[0])],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=clean_environment(HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1"),
    )
    conversations, packed = json.loads(done.stdout.splitlines()[-1])
    assert conversations == {"train": 3, "test": 2}  # an empty split is not named
    assert set(packed) == {"train", "test"}
    assert sum(packed.values()) == both[1]["release"].manifest.figures["rows"]


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
    assert len(found) == 7
    for rows in found:
        assert len({len(row) for row in rows}) == 1, rows
