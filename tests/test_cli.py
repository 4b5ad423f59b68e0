"""The contract that scripts rely on: JSON, exit codes, one clear line for every mistake."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter

import pytest
from typer.main import get_group

import kappa_data
from conftest import FEW, SMALL, clean_environment, kappa, said
from kappa_data.cli import STAGE_HELP, app

COMMANDS = [
    *STAGE_HELP,
    "run",
    "import",
    "status",
    "show",
    "verify",
    "replay",
    "push",
    "gc",
    "journal",
    "doctor",
]


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> str:
    """The error: exit code, one line on standard error at its end, no traceback."""
    assert done.returncode == code, (done.returncode, done.stderr[-2000:])
    assert "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("kappa-data: "), done.stderr[-2000:]
    for word in words:
        assert word in line
    return line


def begun(folder, name="persona_kappa"):
    """A dataset of which nothing is finished, only bought."""
    (folder / "data" / name / "generate").mkdir(parents=True, exist_ok=True)
    (folder / "data" / name / "generate" / "journal.jsonl").touch()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command, tmp_path):
    done = kappa(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: kappa-data" in done.stdout
    assert "--dataset" in done.stdout


def test_help_lists_every_command_once_under_what_it_is_for(tmp_path):
    text = kappa("--help", cwd=tmp_path).stdout
    assert "Start here: `kappa-data run --personas all" in " ".join(text.split())
    listed = re.findall(r"^  ([a-z]+)  +[A-Z]", text, re.MULTILINE)
    assert Counter(listed) == Counter(list(get_group(app).commands))
    assert max(map(len, text.splitlines())) <= 80


def test_run_twice_is_up_to_date(built):
    first = json.loads((built / "run.json").read_text())
    again = kappa("run", "--json", *SMALL, *FEW, "--teacher", "embedded", cwd=built)
    assert again.returncode == 0, again.stderr
    second = said(again)
    assert [each["status"] for each in first["stages"]] == ["built"] * 8
    assert [each["status"] for each in second["stages"]] == ["up-to-date"] * 8
    assert [each["key"] for each in first["stages"]] == [each["key"] for each in second["stages"]]
    for each in second["stages"]:
        assert set(each) >= {"stage", "key", "dir", "status", "records", "rejected", "seconds"}


def test_counts_add_up_over_the_stages(built):
    stages = {
        each["stage"]: each for each in json.loads((built / "run.json").read_text())["stages"]
    }
    for before, after in (("plan", "generate"), ("generate", "validate"), ("validate", "dedupe")):
        lost = sum(stages[after]["rejected"].values())
        assert stages[before]["records"] == stages[after]["records"] + lost, (before, after)
    assert stages["dedupe"]["records"] == stages["release"]["records"]


def test_the_release_loads_in_both_views(built):
    script = """
import json, sys
from datasets import load_dataset
path = sys.argv[1]
out = {}
for view in ("conversations", "packed"):
    data = load_dataset(path, view)
    out[view] = {split: len(data[split]) for split in data}
    if view == "packed":
        row = data["train"][0]
        out["lengths"] = [len(row[c]) for c in ("input_ids", "assistant_masks")]
        out["lengths"].append(sum(row["seq_lengths"]))
    else:
        out["roles"] = sorted({m["role"] for row in data["train"] for m in row["messages"]})
print(json.dumps(out))
"""
    release = built / "data/persona_kappa/release/current"
    done = subprocess.run(
        [sys.executable, "-c", script, str(release)],
        capture_output=True,
        text=True,
        check=True,
        cwd=built,
        env=clean_environment(HF_HOME=str(built / "hf"), HF_HUB_OFFLINE="1"),
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    figures = json.loads((built / "run.json").read_text())["figures"]
    assert sum(loaded["conversations"].values()) == figures["conversations"]
    assert sum(loaded["packed"].values()) == figures["rows"]
    assert set(loaded["packed"]) == {"train", "validation", "test"}
    assert loaded["lengths"] == [131_072] * 3
    assert {"assistant", "tool", "user", "system"} >= set(loaded["roles"]) >= {"assistant", "tool"}


def test_manifest_of_the_release_names_every_file(built):
    import hashlib

    release = built / "data/persona_kappa/release/current"
    manifest = json.loads((release / "manifest.json").read_text())
    found = {
        str(each.relative_to(release))
        for each in release.rglob("*")
        if each.is_file() and each.name != "manifest.json"
    }
    assert set(manifest["files"]) == found
    for name, each in manifest["files"].items():
        data = (release / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (each["bytes"], each["sha256"])


def test_verify_proves_and_finds_a_planted_fault(built, tmp_path):
    assert kappa("verify", cwd=built).returncode == 0
    copy = tmp_path / "copy"
    shutil.copytree(built / "data", copy / "data", symlinks=True)
    (pack,) = (copy / "data/persona_kappa/pack").iterdir()
    shard = pack / "train-00000.parquet"

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(shard)
    masks = table.column("assistant_masks").to_pylist()
    masks[0][0] = 1
    column = pa.array(masks, type=table.schema.field("assistant_masks").type)
    place = table.schema.get_field_index("assistant_masks")
    pq.write_table(table.set_column(place, table.schema.field(place), column), shard)
    done = kappa("verify", "--json", cwd=copy)
    assert done.returncode == 1
    assert any("first token is trained" in fault for fault in said(done)["faults"])


def test_the_users_commands_one_by_one(tmp_path):
    few = ("--families", "maths", "--tasks", "2")
    made = kappa("generate", "--personas", "all", *few, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "embedded" in made.stderr  # it says who plays the teacher
    packed = kappa("pack", "--seq-len", "131072", "--json", cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    stages = {each["stage"]: each for each in said(packed)["stages"]}
    assert stages["generate"]["status"] == "up-to-date"  # the same question as before
    assert stages["generate"]["records"] == 2 * 10
    refused = kappa("push", "./out", cwd=tmp_path)
    one_line(refused, 2, "embedded", "--allow-embedded")
    assert not (tmp_path / "out").exists()
    dry = kappa("push", "./out", "--allow-embedded", "--dry-run", cwd=tmp_path)
    assert dry.returncode == 0 and not (tmp_path / "out").exists()
    for status in ("pushed", "up-to-date"):
        pushed = kappa("push", "./out", "--allow-embedded", "--json", cwd=tmp_path)
        assert said(pushed)["status"] == status, pushed.stderr
    release = tmp_path / "data/persona_kappa/release/current"
    for name in json.loads((release / "manifest.json").read_text())["files"]:
        assert (tmp_path / "out" / name).read_bytes() == (release / name).read_bytes()


def test_a_pilot_is_part_of_the_full_run(tmp_path):
    common = ("--families", "maths", "--tasks", "2", "--personas", "lawful_good,none", "--json")
    pilot = said(kappa("generate", *common, "--limit", "3", cwd=tmp_path))
    full = said(kappa("generate", *common, cwd=tmp_path))
    assert (pilot["records"], full["records"]) == (3, 4)
    journal = (tmp_path / "data/persona_kappa/generate/journal.jsonl").read_bytes()
    again = kappa("generate", *common, "--limit", "4", cwd=tmp_path)
    assert again.returncode == 0
    more = ("generate", "--dry-run", "--families", "maths", "--personas", "none,true_neutral")
    told = kappa(*more, cwd=tmp_path)
    assert "kept from earlier commands: plan.tasks=2\n" in told.stderr  # not what this one says
    assert (tmp_path / "data/persona_kappa/generate/journal.jsonl").read_bytes() == journal


def test_status_says_why(built, tmp_path):
    begun(tmp_path)
    fresh = said(kappa("status", "--json", cwd=tmp_path))
    assert [each["status"] for each in fresh["stages"]][:2] == ["never built", "waits for plan"]
    changed = said(kappa("status", "--json", "--set", "pack.seq_len=4096", cwd=built))
    reasons = {each["stage"]: each["status"] for each in changed["stages"]}
    assert reasons["tokenize"] == "up to date"
    assert reasons["pack"] == "seq_len: 131072 -> 4096"
    assert reasons["release"] == "waits for report"


def test_a_changed_threshold_that_changes_nothing_is_cut_off_early(built, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(built / "data", copy / "data", symlinks=True)
    done = kappa("run", "--json", *SMALL, *FEW, "--set", "dedupe.threshold=0.99", cwd=copy)
    statuses = {each["stage"]: each["status"] for each in said(done)["stages"]}
    assert statuses["dedupe"] == "built"
    assert statuses["tokenize"] == statuses["pack"] == "up-to-date"


def test_gc_keeps_what_is_used(built, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(built / "data", copy / "data", symlinks=True)
    kappa("pack", "--seq-len", "8192", cwd=copy)
    (copy / "data/persona_kappa/pack/dead.building").mkdir()
    told = said(kappa("gc", "--dry-run", "--json", cwd=copy))["removed"]
    removed = said(kappa("gc", "--json", cwd=copy))["removed"]
    assert told == removed
    assert any("dead.building" in each for each in removed)
    assert (copy / "data/persona_kappa/release/current/README.md").is_file()
    assert (copy / "data/persona_kappa/generate/journal.jsonl").is_file()
    packs = list((copy / "data/persona_kappa/pack").iterdir())
    assert len(packs) == 1
    assert json.loads((packs[0] / "manifest.json").read_text())["config"]["seq_len"] == 8192


def test_show(built):
    text = kappa("show", "--random", "--seed", "3", cwd=built)
    assert text.returncode == 0 and "assistant" in text.stdout
    tokens = kappa("show", "--random", "--seed", "3", "--tokens", cwd=built, NO_COLOR="1")
    assert tokens.returncode == 0
    assert "⟦" in tokens.stdout and "<|start|>" in tokens.stdout
    found = said(kappa("show", "--random", "--seed", "3", "--json", cwd=built))
    same = said(kappa("show", found["conversation"]["id"], "--json", cwd=built))
    assert same["conversation"] == found["conversation"]
    one_line(kappa("show", "no_such_thing", cwd=built), 2, "no_such_thing")
    one_line(kappa("show", cwd=built), 2, "--random")
    assert "not both" not in kappa("show", cwd=built).stderr
    one_line(kappa("show", "x", "--random", cwd=built), 2, "not both")


def test_globals_may_stand_before_the_command(built):
    before = kappa("--json", "--dataset", "persona_kappa", "status", cwd=built)
    assert said(before) == said(kappa("status", "--json", cwd=built))


def test_bad_input_of_the_command_line(tmp_path):
    def fails(*arguments: object, words: tuple[str, ...]) -> None:
        one_line(kappa(*arguments, cwd=tmp_path), 2, *words)

    fails("plan", "--personas", "lawful_god", words=('"lawful_god"', 'did you mean "lawful_good"?'))
    fails("plan", "--families", "math", words=('did you mean "maths"?',))
    fails("plan", "--set", "plan.sede=1", words=('did you mean "seed"?',))
    fails("pack", "--seq-len", "0", words=("pack.seq_len",))
    fails("pack", "--seq-len", str(2**20 + 1), words=("pack.seq_len", "1048576"))
    fails("status", "--dataset", "../x", words=("--dataset ../x", "--data-dir"))
    fails("tokenize", "--tokenizer", "./mine", words=("./mine", "chat-template"))
    fails("import", "nowhere.jsonl", words=("nowhere.jsonl",))
    (tmp_path / "empty.jsonl").touch()
    fails("import", "empty.jsonl", words=("empty.jsonl", "empty"))
    fails("status", "--config", "nowhere.toml", words=("nowhere.toml",))
    fails("verify", words=("there is no dataset persona_kappa", "kappa-data run"))
    begun(tmp_path)
    fails("verify", words=("not up to date", "kappa-data pack"))
    (tmp_path / "kappa.toml").write_text("[dedupe]\ntreshold = 1\n")
    fails("status", words=("kappa.toml", "treshold", "threshold"))


CONTRADICTIONS = [
    (("--global-batch", "16", "--dp-ranks", "3"), "--dp-ranks 3"),
    (("--global-batch", "4", "--rows", "6"), "--rows 8"),
    (("--strategy", "bd"), "pack.strategy"),
    (("--over-length", "dorp"), "drop"),
    (("--set", "pack.cost=[0, 0]"), "cost"),
    (("--set", "tokenize.profile=vllm"), "tokenize.profile"),
    (("--set", "tokenize.format=chatml"), "tokenize.format"),
    (("--set", "tokenize.last_date=2024-01-01"), "tokenize.last_date"),
    (("--set", "tokenize.efforts={high = 0}"), "tokenize.efforts"),
    (("--set", "tokenize.format=chat-template", "--set", "tokenize.tokenizer=./no"), "./no"),
    (("--set", "validate.checks=scerets"), "secrets"),
    (("--set", "validate.severities={flattery = 'note', flatery = 'note'}"), "flatery"),
    (("--set", "dedupe.against=nowhere.jsonl"), "nowhere.jsonl"),
    (("--set", "dedupe.against=kappa.toml"), '".toml"'),
    (("--model", "m", "--max-cost", "1"), "the price of m is unknown"),
    (("--prices", "nowhere.toml"), "nowhere.toml"),
]


@pytest.mark.parametrize(("flags", "word"), CONTRADICTIONS, ids=lambda each: str(each))
def test_what_a_late_stage_refuses_is_refused_before_the_first(tmp_path, flags, word):
    (tmp_path / "kappa.toml").touch()
    one_line(kappa("run", *SMALL, *FEW, *flags, cwd=tmp_path), 2, word)
    left = {each.name for each in (tmp_path / "data/persona_kappa").iterdir()}
    assert left <= {".lock", "settings.json"}  # no stage was begun


def test_broken_lines_are_named_and_counted(tmp_path):
    good = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]}
    file = tmp_path / "mixed.jsonl"
    file.write_text(f"{json.dumps(good)}\n{{broken\n{json.dumps(good)[:-2]}\n")
    done = kappa("import", file, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert said(done)["records"] == 1
    errors = said(done)["figures"]["line errors"]
    assert [re.search(r"mixed\.jsonl:(\d+): ", each).group(1) for each in errors] == ["2", "3"]
    one_line(kappa("import", file, "--strict", cwd=tmp_path), 1, "2 broken lines", "mixed.jsonl:2")
    none_left = tmp_path / "none.jsonl"
    none_left.write_text("{broken\n")
    one_line(kappa("import", none_left, cwd=tmp_path), 1, "no conversation is left")


def test_a_corrected_file_takes_the_place_of_the_old_one(tmp_path):
    def line(answer: str) -> str:
        messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]
        return json.dumps({"messages": messages}) + "\n"

    file = tmp_path / "t.jsonl"
    file.write_text(line("wrong"))
    assert kappa("import", file, cwd=tmp_path).returncode == 0
    file.write_text(line("right") + "{broken\n")
    assert kappa("import", file, "--strict", cwd=tmp_path).returncode == 1  # and nothing changes
    file.write_text(line("right"))
    replaced = kappa("import", file, cwd=tmp_path)
    assert replaced.returncode == 0 and "in place of the older import" in replaced.stderr
    done = kappa("validate", "--sources", "import", "--json", cwd=tmp_path)
    assert said(done)["records"] == 1
    shown = said(kappa("show", "--random", "--json", cwd=tmp_path))
    assert shown["conversation"]["messages"][-1]["content"] == "right"


def test_imported_conversations_alone_become_rows(tmp_path):
    file = tmp_path / "chats.jsonl"
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"say {n}"},
                {"role": "assistant", "content": f"{n} it is"},
            ]
        }
        for n in range(5)
    ]
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert kappa("import", file, cwd=tmp_path).returncode == 0
    done = kappa(
        "pack", "--json", "--seq-len", "512", "--set", "validate.sources=import", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert [each["stage"] for each in said(done)["stages"]] == [
        "validate",
        "dedupe",
        "tokenize",
        "pack",
    ]
    assert said(done)["figures"]["samples"] == 5


def test_load_reads_what_release_wrote(built):
    root = built / "data" / "persona_kappa"
    made = json.loads((root / "release" / "current" / "manifest.json").read_text())
    for place in (root, root / "release" / "current"):
        ds = kappa_data.load(place)
        assert sum(len(ds[split]) for split in ds.splits) == made["figures"]["rows"]


def test_pack_says_what_came_of_it_and_top_up_how_to_go_on(tmp_path):
    few = ("--families", "maths", "--tasks", "4", "--personas", "lawful_good,none")
    where = ("--dataset", "my rows")
    assert kappa("generate", *few, *where, cwd=tmp_path).returncode == 0
    packed = kappa("pack", "--rows", "6", "--seq-len", "4096", *where, cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    rows, missing = (
        re.search(rf"{name}: (?:train )?(\d+)", packed.stdout) for name in ("rows", "missing")
    )
    assert int(rows[1]) + int(missing[1]) == 6, packed.stdout
    assert "next: kappa-data plan --top-up --dataset 'my rows'" in packed.stdout
    topped = kappa("plan", "--top-up", *where, cwd=tmp_path)
    assert topped.returncode == 0, topped.stderr
    next = re.search(r"next: kappa-data (.*?)   \(", topped.stdout)[1]
    assert shlex.split(next) == ["pack", "--rows", "6", "--seq-len", "4096", *where]


def test_a_wrong_key_and_a_dead_endpoint(tmp_path):
    few = ("--families", "identity", "--tasks", "1", "--personas", "none", "--model", "m")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    dead = kappa(
        "generate", *few, "--base-url", url, "--retries", "1", "--timeout", "2", cwd=tmp_path
    )
    one_line(dead, 4, url)
    server = subprocess.Popen(
        [sys.executable, "-m", "kappa_data", "teacher", "--port", "0", "--api-key", "right"],
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        cwd=tmp_path,
    )
    try:
        found = re.search(r"http://\S+", server.stderr.readline())
        wrong = kappa(
            "generate", *few, "--base-url", found.group(0), cwd=tmp_path, OPENAI_API_KEY="wr0ng"
        )
        assert "wr0ng" not in one_line(wrong, 4, found.group(0)) + wrong.stdout
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(10)


def test_an_endpoint_that_never_answers(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connections = []
        taking = threading.Thread(target=lambda: connections.extend(accept(silent)), daemon=True)
        taking.start()
        done = kappa(
            "generate", "--families", "identity", "--tasks", "1", "--personas", "none",
            "--model", "m", "--base-url", f"http://127.0.0.1:{silent.getsockname()[1]}/v1",
            "--timeout", "1", "--retries", "1",
            cwd=tmp_path,
        )  # fmt: skip
    one_line(done, 4, "127.0.0.1")


def accept(server: socket.socket):
    """Takes connections and never answers."""
    while True:
        try:
            yield server.accept()
        except OSError:
            return


def test_a_held_dataset_names_the_process(tmp_path):
    held = tmp_path / "data" / "persona_kappa"
    code = (
        "import sys, time, pathlib\nfrom kappa_data.disk import lock\n"
        "with lock(pathlib.Path(sys.argv[1])):\n print('held', flush=True)\n time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(held)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        one_line(kappa("plan", cwd=tmp_path), 2, f"process {holder.pid}")
    finally:
        holder.kill()
        holder.wait()


DISK = """
dd if=/dev/zero of=/small/ballast bs=1k count=4000 status=none
cd /small && $PY -m kappa_data pack {arguments} --data-dir /small/data; echo "first $?"
rm /small/ballast
$PY -m kappa_data pack {arguments} --data-dir /small/data --json; echo "second $?"
"""


def test_a_full_disk_stops_and_goes_on(tmp_path):
    """A disk of 4 MB in a mount namespace of its own; the tasks need no tools."""
    plan = {"families": "identity,maths", "tasks": 6, "personas": "none"}
    told = " ".join(f"--set plan.{name}={value}" for name, value in plan.items())
    done = subprocess.run(
        ["bwrap", "--dev-bind", "/", "/", "--size", str(4 * 2**20), "--tmpfs", "/small",
         "sh", "-c", DISK.format(arguments=f"--seq-len 2048 {told}")],
        env=clean_environment(PY=sys.executable),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "first 3" in done.stdout, done.stdout + done.stderr
    assert "disk is full" in done.stderr and "Traceback" not in done.stderr
    assert "second 0" in done.stdout, done.stdout + done.stderr


def test_a_bug_is_one_line_and_a_traceback_on_request(tmp_path, monkeypatch):
    code = (
        "import sys\nfrom kappa_data import recipe\n"
        "def broken(*_): raise RuntimeError('planted')\n"
        "recipe.status = broken\nfrom kappa_data.cli import main\nmain()"
    )
    begun(tmp_path)
    for flag in ((), ("--debug",)):
        done = subprocess.run(
            [sys.executable, "-c", code, "status", *flag],
            capture_output=True, text=True, cwd=tmp_path, env=clean_environment(), check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == bool(flag)
        assert "planted" in done.stderr
