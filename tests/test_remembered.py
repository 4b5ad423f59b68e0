"""What one command is told holds for the next: a real teacher is never swapped unasked."""

from __future__ import annotations

import json

from conftest import kappa, said
from test_cli import one_line

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
