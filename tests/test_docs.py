"""The documents say what the program does: help, links, commands, settings, and the examples."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_group

from conftest import clean_environment
from kappa_data.cli import app
from kappa_data.config import Settings
from kappa_data.sandbox import Limits
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.toolset import tool_set
from kappa_data.tasks import files
from kappa_data.tasks.admit import refusals
from kappa_data.tasks.catalog import GROUP, family_of
from kappa_data.tasks.seeds_file import SeedsFile

REPO = Path(__file__).parents[1]
DOCS = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
WRITTEN = [path for path in DOCS if path.name not in ("commands.md", "prompts.md")]  # by people
STAGES = Settings.__struct_fields__
# Flags of other programs that a document names: docker's, vLLM's, torchtitan's, the Hub client's.
FOREIGN = {
    "--security-opt",
    "--nproc-per-node",
    "--module",
    "--dataloader",
    "--training",
    "--parallelism",
    "--checkpoint",
    "--hf",
    "--local-dir",
    "--exclude",
    "--steps",
    "--served-model-name",
    "--tool-call-parser",
    "--enable-auto-tool-choice",
    "--max-model-len",
}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4,}(.+)$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"\bkappa-data ([a-z][a-z-]*)(?![\w.:-])")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
SETTING = re.compile(rf"(?<![\w/.])({'|'.join(STAGES)})\.([a-z_]+)\b(?!\()")
FILE = re.compile(r"[a-z_/-]+/[a-z_]+\.(?:py|j2)|[a-z_]+\.py")


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a language in docs/<name>."""
    text = (REPO / "docs" / name).read_text()
    return [body for kind, body in FENCE.findall(text) if kind == language]


def code(path: Path) -> list[str]:
    """Everything that stands as code: spans, and the lines of blocks."""
    text = path.read_text()
    lines = [line for _, body in FENCE.findall(text) for line in body.splitlines()]
    prose = FENCE.sub("", text)
    return [*lines, *SPAN.findall(prose), *INDENTED.findall(prose)]


def flags() -> dict[str, set[str]]:
    """The flags of every command, those of the commands within it among them."""
    return {name: _flags(command) for name, command in get_group(app).commands.items()}


def _flags(command: Any) -> set[str]:
    own = {"--help", *(option for each in command.params for option in each.opts)}
    return own.union(*map(_flags, getattr(command, "commands", {}).values()))


def anchors(path: Path) -> set[str]:
    """The anchors that headings make."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def module_of(text: str, path: Path) -> ModuleType:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_commands_are_those_of_the_program(tmp_path):
    fresh = tmp_path / "commands.md"
    subprocess.run(
        [sys.executable, REPO / "scripts" / "write_commands.py", fresh],
        check=True,
        cwd=tmp_path,
        env=clean_environment(GITHUB_ACTIONS="1", FORCE_COLOR="1", COLUMNS="60"),
    )
    shipped = (REPO / "docs" / "commands.md").read_text()
    assert shipped == fresh.read_text(), "run `python scripts/write_commands.py`"


def test_the_help_of_every_command_fits_a_terminal_of_80_columns(tmp_path):
    script = f"""
import runpy
written = runpy.run_path({str(REPO / "scripts" / "write_commands.py")!r})
written["TERMINAL"]["COLUMNS"] = "80"
print(written["page"]())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
    )
    helps = [body for _, body in FENCE.findall(done.stdout)]
    assert len(helps) > len(flags())
    assert not [line for body in helps for line in body.splitlines() if len(line) > 80]


def test_prompts_are_those_of_the_program(tmp_path):
    fresh = tmp_path / "prompts.md"
    script = REPO / "scripts" / "write_prompts.py"
    subprocess.run([sys.executable, script, fresh], check=True, cwd=tmp_path)
    shipped = (REPO / "docs" / "prompts.md").read_text()
    assert shipped == fresh.read_text(), "run `python scripts/write_prompts.py`"


SAYING = [*DOCS, *sorted((REPO / "pipeline").rglob("*.py")), REPO / "data/seeds/card.md.j2"]


def test_nobody_is_sent_to_a_registry_for_this_package():
    """It is not there: somebody else's package of the name would come."""
    wrong = re.compile(r"pip install[^\n]*[ '\"]kappa-data\b")
    assert [path.name for path in SAYING if wrong.search(path.read_text())] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(path):
    broken = []
    for link in LINK.findall(FENCE.sub("", path.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_command_and_flag_exists(path):
    known = flags()
    wrong = []
    for piece in code(path):
        ours = piece[piece.index("kappa-data") :] if "kappa-data" in piece else piece
        named = COMMAND.findall(ours)
        wrong += [f"kappa-data {name}" for name in named if name not in known]
        takers = [known[name] for name in named if name in known] or list(known.values())
        wrong += [
            f"{flag} in: {piece}"
            for flag in FLAG.findall(ours)
            if flag not in FOREIGN and not any(flag in each for each in takers)
        ]
    assert not wrong


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_setting_exists(path):
    wrong = [
        f"{stage}.{field}"
        for piece in code(path)
        for stage, field in SETTING.findall(piece)
        if field not in ("py", *getattr(Settings(), stage).__struct_fields__)
    ]
    for kind, body in FENCE.findall(path.read_text()):
        for stage, values in (tomllib.loads(body) if kind == "toml" else {}).items():
            if stage in STAGES:
                known = getattr(Settings(), stage).__struct_fields__
                wrong += [f"[{stage}] {field}" for field in values if field not in known]
    assert not wrong


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(path):
    there = {
        "/" + str(file.relative_to(REPO))
        for folder in ("pipeline", "prompts", "schemas", "scripts", "tests", "data/seeds")
        for file in (REPO / folder).rglob("*.*")
    }
    named = [span for span in SPAN.findall(FENCE.sub("", path.read_text())) if FILE.fullmatch(span)]
    assert not [name for name in named if not any(each.endswith(f"/{name}") for each in there)]


def test_the_example_of_tokens_is_what_the_program_renders():
    (program,) = blocks("tokens.md", "python")
    (shown,) = blocks("tokens.md", "text")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "docs/tokens.md", "exec"), {"__name__": "example"})
    parts = [re.escape(part.strip("\n")) for part in shown.split("[...]\n")]
    assert len(parts) == 3
    assert re.search(r"\n(?:.*\n)*".join(parts) + r"\n\Z", printed.getvalue())


def test_the_example_of_tasks_is_a_family(tmp_path):
    (program,) = blocks("tasks.md", "python")
    family = family_of(module_of(program, tmp_path / "stock_list.py"), "docs/tasks.md")
    assert tool_set().only(family.tools).names == family.tools
    for seed in range(3):
        task = family.make(seed)
        assert task == family.make(seed)
        assert (task.id, task.tools) == (f"{family.name}/{seed}", family.tools)
        assert asyncio.run(refusals(task, Bubblewrap())) == []


def test_the_example_of_tasks_is_found_by_its_entry_point(tmp_path):
    (program,) = blocks("tasks.md", "python")
    declared, *_ = blocks("tasks.md", "toml")
    entries = tomllib.loads(declared)["project"]["entry-points"][GROUP]
    ((name, module),) = entries.items()
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").touch()
    (tmp_path / (module.replace(".", "/") + ".py")).write_text(program)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}\n")
    done = subprocess.run(
        [sys.executable, "-m", "kappa_data", "plan", "--json", "--families", name, "--tasks", "2"],
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f'"families":{{"{name}":2}}' in done.stdout


def test_the_example_of_a_task_file_is_admitted(tmp_path):
    """In a real box: its reference passes, the empty and the wrong attempts do not."""
    _, mine, seeds = blocks("tasks.md", "toml")
    (tmp_path / "mine.toml").write_text(mine)
    (entry,) = files.read(tmp_path / "mine.toml").entries
    assert asyncio.run(refusals(entry.task, Bubblewrap(Limits()))) == []
    assert set(tomllib.loads(seeds)) == set(SeedsFile.__struct_fields__)
