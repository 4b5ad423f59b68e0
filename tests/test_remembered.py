"""What one command is told holds for the next: a real teacher is never swapped unasked."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from conftest import kappa, said
from test_cli import begun, one_line

FEW = ("--families", "identity", "--tasks", "1", "--personas", "none")


def settings(folder):
    return json.loads((folder / "data/persona_kappa/settings.json").read_text())


def test_a_dataset_of_a_real_teacher_is_not_continued_by_the_embedded_one(tmp_path):
    dead = ("--base-url", "http://127.0.0.1:9/v1", "--retries", "0")
    assert kappa("generate", *FEW, "--model", "m", *dead, cwd=tmp_path).returncode == 4
    for command in (("run",), ("generate",), ("run", "--base-url", "http://127.0.0.1:9/v1")):
        one_line(kappa(*command, *FEW, cwd=tmp_path), 2, "--model m", "--teacher embedded")
    # A later stage asks the same teacher, and says what it goes by.
    packed = kappa("pack", "--seq-len", "4096", cwd=tmp_path)
    assert packed.returncode == 4 and "generate.model=m" in packed.stderr
    assert kappa("generate", *FEW, "--teacher", "embedded", cwd=tmp_path).returncode == 0


def test_an_embedded_dataset_does_not_begin_to_cost_money(tmp_path):
    assert kappa("generate", *FEW, cwd=tmp_path).returncode == 0
    packed = kappa("pack", "--seq-len", "4096", "--json", cwd=tmp_path, KAPPA_MODEL="gpt-x")
    assert packed.returncode == 0, packed.stderr
    assert {each["stage"]: each["status"] for each in said(packed)["stages"]}["generate"] == (
        "up-to-date"
    )


def test_an_endpoint_without_a_model_is_a_question(tmp_path):
    done = kappa("generate", *FEW, "--base-url", "http://127.0.0.1:9/v1", cwd=tmp_path)
    one_line(done, 2, "needs the name of a model", "--model NAME")


def test_what_cannot_be_used_is_not_kept(tmp_path):
    assert kappa("plan", *FEW, cwd=tmp_path).returncode == 0
    one_line(kappa("plan", "--personas", "lawful_god", cwd=tmp_path), 2, "lawful_good")
    assert settings(tmp_path)["plan"]["personas"] == ["none"]


def test_generate_after_imports_alone(tmp_path):
    file = tmp_path / "c.jsonl"
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
    file.write_text(json.dumps({"messages": messages}) + "\n")
    assert kappa("import", file, cwd=tmp_path).returncode == 0
    assert kappa("validate", "--sources", "import", cwd=tmp_path).returncode == 0
    done = kappa("generate", *FEW, "--json", cwd=tmp_path)
    assert said(done)["records"] == 1, done.stderr


def test_push_builds_nothing_that_could_cost(tmp_path):
    begun(tmp_path)
    one_line(kappa("push", "./out", cwd=tmp_path), 2, "generate is not up to date")


def test_terminal_codes_in_an_error_are_written_out(tmp_path):
    done = kappa("show", "\x1b[31mred\u202e", cwd=tmp_path)
    assert "\x1b" not in done.stderr and "\u202e" not in done.stderr


def test_a_setting_that_leaves_nothing_is_not_kept(tmp_path):
    assert kappa("generate", *FEW, cwd=tmp_path).returncode == 0
    one_line(kappa("pack", "--seq-len", "16", cwd=tmp_path), 1, "no sample is left")
    assert kappa("push", "./out", "--allow-embedded", cwd=tmp_path).returncode == 0


def test_what_a_command_drops_is_said(tmp_path):
    assert kappa("plan", *FEW, cwd=tmp_path).returncode == 0
    done = kappa("plan", "--families", "identity", "--tasks", "1", cwd=tmp_path)
    assert "not kept" in done.stderr and "plan.personas=none" in done.stderr


def test_show_follows_the_status(tmp_path):
    many = ("--families", "identity", "--tasks", "1", "--personas", "none,lawful_good")
    for personas in (FEW, many, FEW):
        assert kappa("run", *personas, cwd=tmp_path).returncode == 0
    for seed in range(4):
        shown = said(kappa("show", "--random", "--seed", seed, "--json", cwd=tmp_path))
        assert shown["conversation"]["id"] == "identity/0:none"


RECIPE = '[plan]\nfamilies = ["identity"]\ntasks = 1\npersonas = ["none"]\n'


def plan_of(folder, *arguments):
    """How the plan stands for a later command that names no file."""
    told = said(kappa("status", "--json", *arguments, cwd=folder))
    return told["stages"][0]["status"]


def files(folder):
    return {str(each): each.is_file() and each.read_bytes() for each in folder.rglob("*")}


@pytest.fixture
def project(tmp_path):
    """A dataset that was planned by a file of its own, beside a kappa.toml that says otherwise."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "kappa.toml").write_text("[plan]\ntasks = 3\n")
    assert kappa("plan", "--config", "recipe.toml", cwd=folder).returncode == 0
    return folder


def test_the_file_of_settings_holds_for_later_commands(project):
    assert plan_of(project) == "up to date"
    again = kappa("plan", cwd=project)
    assert "up-to-date" in again.stdout
    assert "kept from earlier commands: --config recipe.toml" in again.stderr
    (project / "recipe.toml").write_text(RECIPE.replace("tasks = 1", "tasks = 2"))
    assert plan_of(project) == "tasks: 1 -> 2"  # read anew, as kappa.toml is


def test_another_file_takes_its_place_and_fresh_forgets_it(project):
    assert plan_of(project, "--config", "kappa.toml") != "up to date"
    assert plan_of(project) == "up to date"  # who only looks changes nothing
    few = ("--families", "identity", "--personas", "none")
    assert (
        said(kappa("plan", "--config", "kappa.toml", *few, "--json", cwd=project))["records"] == 3
    )
    assert said(kappa("plan", *few, "--json", cwd=project))["status"] == "up-to-date"
    (project / "kappa.toml").write_text("[plan]\ntasks = 2\n")
    (project / "other.toml").write_text(RECIPE)
    assert kappa("plan", "--config", "other.toml", cwd=project).returncode == 0
    assert said(kappa("plan", "--fresh", *few, "--json", cwd=project))["records"] == 2


def test_file_and_dataset_may_be_moved_together_and_the_dataset_alone(project, tmp_path):
    moved = project.rename(tmp_path / "elsewhere")
    assert plan_of(moved) == "up to date"
    far = ("--data-dir", tmp_path / "disk/data")
    (tmp_path / "disk").mkdir()
    assert kappa("plan", "--config", "recipe.toml", *far, cwd=moved).returncode == 0
    (tmp_path / "disk").rename(tmp_path / "another")
    assert plan_of(tmp_path, "--data-dir", "another/data") == "up to date"


@pytest.mark.parametrize("command", ["run", "pack", "status", "verify", "push ./out"])
def test_a_file_that_is_gone_is_named_and_nothing_is_built(project, command):
    (project / "recipe.toml").unlink()
    before = files(project)
    told = one_line(kappa(*command.split(), cwd=project), 2, "recipe.toml", "gone", "--config FILE")
    assert "data/persona_kappa" in told
    assert files(project) == before


def test_what_cannot_be_used_keeps_the_file_of_before(project):
    (project / "wrong.toml").write_text('[plan]\npersonas = ["lawful_god"]\n')
    one_line(kappa("plan", "--config", "wrong.toml", cwd=project), 2, "lawful_good")
    assert plan_of(project) == "up to date"


@pytest.mark.parametrize("told", [{"file": 1}, {}, {"file": "x", "place": "y"}])
def test_a_damaged_memory_of_the_file_is_said(project, told):
    (project / "data/persona_kappa/settings.json").write_text(json.dumps({"config": told}))
    one_line(kappa("status", cwd=project), 2, "settings.json", "remove it")


def hinted(done):
    """The one command that a refusal names."""
    (command,) = re.findall(r"`kappa-data ([^`]*)`", done.stderr)
    return shlex.split(command)


def test_a_command_that_is_named_can_be_typed_as_it_stands(tmp_path):
    """Whatever the refused command was told: flags, file, place and settings."""
    (tmp_path / "my recipe.toml").write_text(RECIPE)
    assert (
        kappa("plan", *FEW, "--dataset", "mine", "--data-dir", "my data", cwd=tmp_path).returncode
        == 0
    )
    where = ("--dataset", "mine", "--data-dir", "my data", "--config", "my recipe.toml")
    look = ("verify", *where, "--set", "pack.seq_len=4096", "--set", "tokenize.efforts.high=0")
    refused = kappa(*look, cwd=tmp_path)
    one_line(refused, 2, "pack is not up to date")
    done = kappa(*hinted(refused), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert kappa(*look, cwd=tmp_path).returncode == 0
    assert kappa("verify", *where[:4], cwd=tmp_path).returncode == 0  # and all is remembered


def test_the_command_that_is_named_is_told_what_it_was_told_before(tmp_path):
    """generate decides its own stage: without its flags it would ask another question."""
    said_before = ("--max-turns", "11", "--set", "generate.roles={user={temperature=0.5}}")
    assert kappa("generate", *FEW, *said_before, cwd=tmp_path).returncode == 0
    refused = kappa("push", "./out", "--set", "plan.seed=5", cwd=tmp_path)
    one_line(refused, 2, "generate is not up to date")
    command = hinted(refused)
    assert command[0] == "generate"
    done = kappa(*command, cwd=tmp_path)
    assert done.returncode == 0 and "not kept" not in done.stderr, done.stderr
    told = settings(tmp_path)
    assert told["generate"]["max_turns"] == 11
    assert told["generate"]["roles"] == {"user": {"temperature": 0.5}}
    assert told["plan"]["seed"] == 5


def test_what_is_said_to_hold_is_what_holds(project):
    one, other = ("--set", "generate.roles.user.top_p=0.5"), ("--set", "generate.roles={}")
    assert kappa("generate", *one, cwd=project).returncode == 0
    done = kappa("validate", *other, cwd=project)
    assert done.returncode == 0 and "top_p" not in done.stderr
    assert settings(project)["generate"]["roles"] == {}


READ = ["push ./out", "export --to trl", "report", "status", "show --random", "verify", "replay",
        "gc", "journal", "journal compact", "judge", "plan --top-up"]  # fmt: skip


@pytest.mark.parametrize("command", READ)
def test_a_dataset_that_is_not_there_is_named_and_not_made(tmp_path, command):
    for name in ("persona_kappa", "mine", "nine"):
        begun(tmp_path, name)
    (tmp_path / "data" / "tasks").mkdir()  # files of tasks, and no dataset
    before = files(tmp_path)
    done = kappa(*command.split(), "--dataset", "mien", cwd=tmp_path)
    line = one_line(done, 2, "there is no dataset mien in data; there are: ")
    names = line.partition("there are: ")[2].partition(" (")[0].split(", ")
    assert names[0] == "mine" and set(names) == {"persona_kappa", "mine", "nine"}
    assert files(tmp_path) == before


def test_where_there_is_no_dataset_the_command_that_makes_it_is_named(tmp_path):
    refused = kappa("status", "--dataset", "mine", cwd=tmp_path)
    one_line(refused, 2, "there is no dataset mine in data")
    assert hinted(refused) == ["run", "--dataset", "mine"]
    assert not (tmp_path / "data").exists()
