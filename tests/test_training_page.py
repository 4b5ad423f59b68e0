"""docs/training.md: its programs run, and what it shows is what the export and the server take."""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from conftest import kappa, said
from embedded_talk import alone
from kappa_data.export import target_of
from test_docs import blocks

SLOT = "lines/3:chaotic_evil"


def block(language: str, word: str) -> str:
    """The one block of the page in this language that holds a word."""
    (found,) = (each for each in blocks("training.md", language) if word in each)
    return found


def run(text: str, names: dict[str, Any]) -> None:
    exec(compile(text, "docs/training.md", "exec"), names)


@pytest.fixture
def machine(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training machine: an empty folder, and a release beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "release").symlink_to(built / "data/persona_kappa/release/current")
    return tmp_path


def exported(machine: Path, to: str) -> None:
    """The page's own command, with the folder in the place of the repository."""
    (line,) = re.findall(rf"^kappa-data (.* --to {to})$", block("sh", f"--to {to}"), re.M)
    arguments = line.replace("you/persona_kappa", "./release").split()
    done = kappa(*arguments, "--json", cwd=machine)
    assert done.returncode == 0, done.stderr
    assert said(done)["status"] == "exported"


def test_the_trainer_is_that_of_the_exports_readme(machine):
    exported(machine, "trl")
    (shown,) = re.findall(r"```python\n(.*?)```", (machine / "rows/README.md").read_text(), re.S)
    page = block("python", "SFTTrainer(")
    assert shown == page.replace('folder = "./rows"', 'folder = "."  # where this README lies')
    assert target_of("trl").use.count("```python") == 1


def test_the_samples_are_saved_for_llama_factory(machine):
    from datasets import load_from_disk

    exported(machine, "unpacked")
    run(block("python", "save_to_disk"), {})
    saved = load_from_disk(str(machine / "tokenized"))
    assert set(saved) == {"train", "validation", "test"}
    assert saved["train"].column_names == ["input_ids", "attention_mask", "labels"]


def test_the_settings_for_axolotl_are_those_of_a_tokenized_dataset():
    (told,) = yaml.safe_load(block("yaml", "datasets:"))["datasets"]
    assert told == {"path": "./samples", "split": "train", "type": None}


def test_a_client_plays_a_task_with_tools_to_its_end(machine, monkeypatch, capsys):
    """Against the embedded teacher, which refuses items that fit no history of its interface."""
    done = kappa("tools", "--json", cwd=machine)
    (machine / "tools.json").write_text(done.stdout)
    asked: list[dict[str, Any]] = []
    ran: list[tuple[str, Any]] = []

    def client(server: str, **_: Any) -> openai.OpenAI:
        made = openai.OpenAI(base_url=server, api_key="none", max_retries=0)
        create = made.responses.create

        def create_and_keep(**given: Any) -> Any:
            asked.append(json.loads(json.dumps(given)))
            task = {"slot": SLOT, "role": "assistant"}
            return create(**given | {"model": "embedded", "metadata": task})

        made.responses.create = create_and_keep  # type: ignore[method-assign]
        return made

    def run_call(name: str, arguments: Any) -> str:
        ran.append((name, arguments))
        return "12"

    async def work() -> None:
        async with alone() as server:
            text = block("python", "client.responses.create")
            text = text.replace("from openai import OpenAI\n", "")
            names = {"run": run_call, "OpenAI": partial(client, server.base_url)}
            await asyncio.wait_for(asyncio.to_thread(run, text, names), 60)

    asyncio.run(work())
    assert [name for name, _ in ran] == ["read_file", "bash", "bash"]
    assert "12 lines" in capsys.readouterr().out
    first, *_, last = asked
    assert first["input"][0] == {"role": "system", "content": "Persona: chaotic_evil"}
    names = ["bash", "edit_file", "read_file", "write_file"]
    assert [tool["name"] for tool in first["tools"]] == names
    kinds = [each.get("type", each.get("role")) for each in last["input"]]
    assert kinds.count("function_call") == kinds.count("function_call_output") == 3
    assert kinds.count("reasoning") >= 2  # sent back, as the profile has it
