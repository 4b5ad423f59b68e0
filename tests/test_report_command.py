"""report and the gate of push, by the commands: figures beside targets, and what a miss does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conftest import kappa, said
from kappa_data.config import ReportConfig
from kappa_data.metrics.figures import Figures
from kappa_data.metrics.measure import GROUPS, NUMBERS, Measure, in_order, shown
from kappa_data.report_view import print_report

# Half of the answers are spoiled: some targets are missed.
SPOILED = (
    "run", "--families", "maths", "--tasks", "8", "--personas", "lawful_good,none",
    "--sloppy", "0.5", "--validation", "0", "--test", "0",
)  # fmt: skip
EASY = {"at least": 0.0, "at most": 1.0}
RUN_ONLY = {"samples", "workers"}
NO_TARGETS = {"tasks", "seed"}


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoiled")
    done = kappa(*SPOILED, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_target_has_its_place():
    targets = set(ReportConfig.__struct_fields__) - RUN_ONLY - NO_TARGETS
    keys = [key for own in GROUPS.values() for key in own]
    assert len(keys) == len(set(keys))
    assert set(keys) - targets == {"shuffled"} and targets <= set(keys)
    assert set(keys) >= NUMBERS


def test_order_and_words():
    odd = Measure("zlib", "zlib over none's", 1.2345, "at most", 1.1)
    none = Measure("voice_f1", "lowest F1", None, "at least", 0.9)
    assert [group for group, _ in in_order([odd, none])] == ["voice", "diversity"]
    assert (odd.state, none.state) == ("missed", "too little")
    assert odd.words == "zlib over none's 1.234 (at most 1.100)"
    assert (shown("refusals", 0.004), shown("refusals", 0.5)) == ("0.40%", "50.0%")
    assert (shown("refusals", 0.0), shown("refusals", None)) == ("0.0%", "-")


def test_printed_details_are_cut_between_words(capsys):
    detail = "eleven more ended so and were searches, comparisons or tests that show a bug"
    mended = Measure("recovered", "failing calls mended", 1.0, "at least", 0.9, detail=detail)
    nothing_else = [()] * (len(Figures.__struct_fields__) - 1)
    figures = Figures((mended,), *nothing_else)
    print_report(figures)
    printed = capsys.readouterr().out
    assert "searches, comparisons or ..." in printed and "that show" not in printed


def test_every_measure_is_in_the_json_and_in_a_group(built):
    figures = said(kappa("report", "--json", cwd=built))
    keys = {key for own in GROUPS.values() for key in own}
    assert {each["key"] for each in figures["measures"]} <= keys
    by_state = {"kept", "missed", "too little"}
    assert {each["state"] for each in figures["measures"]} <= by_state
    assert figures["funnel"][0]["stage"] == "plan"
    assert figures["exit_code"] == 0


def test_a_gate_fails_only_where_a_target_is_missed(built, spoiled):
    usual = kappa("report", "--gate", cwd=built)
    assert usual.returncode == 0, usual.stdout + usual.stderr
    strict = kappa("report", "--gate", cwd=spoiled)
    assert strict.returncode == 1
    assert "missed: " in strict.stdout
    assert kappa("report", cwd=spoiled).returncode == 0


def missed(folder: Path, *more: str) -> dict[str, str]:
    """The bounds of the measures that fall short, by key."""
    figures = said(kappa("report", "--json", *more, cwd=folder))
    found = {each["key"]: each["bound"] for each in figures["measures"]}
    return {key: found[key] for key in figures["missed"]}


def test_push_asks_for_a_passing_report_or_a_reason(spoiled, tmp_path):
    folder, copy = tmp_path / "out", tmp_path / "copy"
    shutil.copytree(spoiled / "data", copy / "data", symlinks=True)
    short = missed(copy)
    refused = kappa("push", folder, "--allow-embedded", cwd=copy)
    assert refused.returncode == 2 and not folder.exists()
    assert f"{len(short)} target" in refused.stderr and "--override" in refused.stderr
    reason = "a | trial\n# of <b>gates</b>"
    sent = kappa("push", folder, "--allow-embedded", "--override", reason, cwd=copy)
    assert sent.returncode == 0, sent.stderr
    card = (folder / "README.md").read_text()
    assert "**Targets missed.**" in card and r"a \| trial # of \<b\>gates\</b\>" in card
    manifest = json.loads((folder / "manifest.json").read_text())
    assert len(manifest["figures"]["missed"]) == len(short)
    # A reason is no stain on data that keep all targets; these are kept from the report's settings.
    eased = [each for key in short for each in ("--set", f"report.{key}={EASY[short[key]]}")]
    assert missed(copy, *eased) == {}
    fine = kappa("push", folder, "--allow-embedded", "--override", reason, "--json", cwd=copy)
    assert fine.returncode == 0, fine.stderr
    assert "Targets missed" not in (folder / "README.md").read_text()


def test_the_card_and_the_json_say_the_same(built):
    figures = said(kappa("report", "--json", cwd=built))
    card = (built / "data/persona_kappa/release/current/README.md").read_text()
    for each in figures["measures"]:
        assert f"| {each['name']} | {shown(each['key'], each['value'])} |" in card


def test_looking_buys_nothing(tmp_path):
    few = ("--families", "maths", "--tasks", "1", "--personas", "none")
    assert kappa("plan", *few, cwd=tmp_path).returncode == 0
    told = kappa("report", cwd=tmp_path)
    assert told.returncode == 2
    assert (
        "generate is not up to date (never built); run `kappa-data generate` first" in told.stderr
    )
    assert not (tmp_path / "data/persona_kappa/generate").exists()


def test_a_wrong_grouping_says_which_there_are(built):
    told = kappa("report", "--by", "planet", cwd=built)
    assert told.returncode == 2 and "planet" in told.stderr


def test_imports_alone_have_figures_too(tmp_path):
    talk = [
        {"role": "user", "content": "How many legs has a spider?"},
        {"role": "assistant", "content": "A spider has eight legs, an insect six."},
    ]
    (tmp_path / "chats.jsonl").write_text(json.dumps({"messages": talk}) + "\n")
    assert kappa("import", "chats.jsonl", cwd=tmp_path).returncode == 0
    told = kappa("report", "--set", 'validate.sources=["import"]', "--json", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert said(told)["missed"] == []
