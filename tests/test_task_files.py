"""Task files: what people write is read, and what is hostile or wrong is refused by its place."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from conftest import kappa, said
from kappa_data.config import PlanConfig
from kappa_data.errors import UsageError
from kappa_data.records import Slot, Task
from kappa_data.schemas import schema_of
from kappa_data.store import read_shard
from kappa_data.tasks import catalog, files, patterns, sources
from kappa_data.tasks.file_forms import FileTask, in_file, task_of

MINE = r"""
[[task]]
opening = "How many lines does notes.txt have?"
goals = ["Write the number to count.txt."]
tools = ["bash"]
fixture = { "notes.txt" = "one\ntwo\n" }
verifier = [
    { type = "answer", turn = 0, required = ['\b(?:2|two)\b'] },
    { type = "file", path = "count.txt", content = "2" },
]
reference = [
    { answer = "It has 2 lines.", steps = [{ bash = "wc -l notes.txt", reasoning = "Count." }] },
    { answer = "Written.", steps = [{ bash = "wc -l < notes.txt > count.txt" }] },
]
wrong = [
    { mistake = "counts wrongly", answers = ["It has 3 lines.", "Written."] },
    { mistake = "only says it", turns = [{ answer = "It has 2 lines." }, { answer = "Written." }] },
    { mistake = "the words", turns = [
        { answer = "It has 2 lines." },
        { answer = "Written.", steps = [{ bash = "echo 4 > count.txt" }] },
    ] },
]
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def fault(folder: Path, old: str, new: str) -> str:
    """What is said of the task with one thing changed."""
    assert old in MINE
    found = files.read(written(folder, MINE.replace(old, new, 1)))
    assert not found.entries
    (only,) = found.faults
    assert only.place.endswith("mine.toml, task 1")
    return only.why


def test_short_forms_stand_for_the_calls(tmp_path: Path) -> None:
    (entry,) = files.read(written(tmp_path, MINE)).entries
    task = entry.task
    assert (task.id, task.family, task.seed, entry.group) == ("mine/file-1", "mine", 0, "agentic")
    step = task.reference[0].steps[0]
    assert (step.tool, step.arguments) == ("bash", {"command": "wc -l notes.txt"})
    # `answers` keep what the reference does.
    assert task.wrong[0].turns[0].steps == task.reference[0].steps


def test_every_family_goes_through_a_file_unchanged(tmp_path: Path) -> None:
    """Both forms of file say the same: the tasks of the families, and what the schema describes."""
    for family in catalog.families().values():
        task = msgspec.structs.replace(family.make(3), id=f"{family.name}/mine")
        told = in_file(task, family.group)
        again, group = task_of(
            msgspec.json.decode(msgspec.json.encode(told), type=FileTask), "other", 9
        )
        assert (again, group) == (task, family.group)
    lines = msgspec.json.encode(told).decode()
    (entry,) = files.read(written(tmp_path, f"\n{lines}\n", "own.jsonl")).entries
    assert entry.task == task
    assert entry.place.endswith("own.jsonl:2")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("required", "requird", r'verifier\[0\] has no "requird"; did you mean "required"\?'),
        ("opening =", "openning =", 'the task has no "openning"; did you mean "opening"'),
        ("mistake", "mistakes", r'wrong\[0\] has no "mistakes"'),
        ('"notes.txt" = ', '"../notes.txt" = ', "no plain path inside the workspace"),
        ('"notes.txt" = ', '"/etc/passwd" = ', "no plain path inside the workspace"),
        ('path = "count.txt"', 'path = "a/../../x"', "no plain path inside"),
        (r"\b(?:2|two)\b", "(2+)+$", "takes too long on hostile text"),
        (r"\b(?:2|two)\b", r"(?:\s*\d*\s*)*x", "takes too long on hostile text"),
        (r"\b(?:2|two)\b", "(2", "no regular expression"),
        (r"'\b(?:2|two)\b'", r'"\b2"', "holds a backspace"),
        ('"answer"', '"anser"', r'verifier\[0\].type: there is no "anser"; known: answer, '),
        ('opening = "', 'aim = "refuse"\nopening = "', "aim: there is no .*known: agree, correct"),
        ("turn = 0", "turn = 2", "turn 2; the reference has 2"),
        ('goals = ["Write the number to count.txt."]', "", "it needs one for the opening"),
        ('tools = ["bash"]', "tools = []", "without tools there is none"),
        ("bash = ", "shell = ", r'has no "shell"'),
        ('bash = "wc -l notes.txt"', 'bash = "a", read = "b"', "name one of"),
        ('bash = "wc -l notes.txt"', 'write = "b"', "write goes with content"),
        ('opening = "', 'group = "agentik"\nopening = "', 'did you mean "agentic"'),
        ('opening = "', 'id = "maths/7"\nopening = "', "that is what the family maths makes"),
        ('opening = "', 'id = "a:b"\nopening = "', "letters, digits"),
        ('opening = "', 'seed = 2026-01-01\nopening = "', "write dates and times as text"),
        ('tools = ["bash"]', 'tools = ["ba\\u001bsh"]', 'tools: "ba.sh" is no name of one'),
        ('opening = "', f'programs = ["{"é" * 9_000}"]\nopening = "', "is no name of one"),
        ('opening = "', 'programs = ["../bin/sh"]\nopening = "', "is no name of one"),
        (r"['\b(?:2|two)\b']", f"{['two'] * 201}", "patterns: 201; at most 200"),
        (
            "verifier = [",
            "verifier = [" + "{ type = 'file', path = 'a' }," * 99,
            "101; at most 100",
        ),
        (
            "wrong = [",
            "wrong = [" + "{ mistake = 'x', answers = ['a', 'b'] }," * 48,
            "wrong: 51; at most 50",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert re.search(why, fault(tmp_path, old, new)), fault(tmp_path, old, new)


def test_an_id_stands_once(tmp_path: Path) -> None:
    twice = MINE.replace('opening = "', 'id = "x"\nopening = "') * 2
    found = files.read(written(tmp_path, twice))
    assert len(found.entries) == 1
    assert '"x" stands twice' in found.faults[0].why
    other = written(tmp_path, MINE.replace('opening = "', 'id = "x"\nopening = "'), "a.toml")
    again = written(tmp_path, other.read_text(), "b.toml")
    with pytest.raises(UsageError, match=r'b\.toml, task 1: the id "x" is also in .*a\.toml'):
        sources.of_files([str(other), str(again)])


def test_what_is_no_file_of_tasks_is_one_clear_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name, text, why in (
        ("pipe.jsonl", None, "no regular file"),
        ("gone.jsonl", None, "No such file"),
        ("x.yaml", "a: 1", "name a file of tasks"),
        ("x.toml", "[task]\na = 1", r"begin each task with \[\[task\]\]"),
        ("x.toml", "a = 1\n[[task]]", '"a" stands outside a task'),
        ("x.toml", f"a = {'[' * 5000}", "nested|recursion|x.toml"),
    ):
        if text is not None:
            written(tmp_path, text, name)
        with pytest.raises(UsageError, match=why):
            files.read(tmp_path / name)
    found = files.read(written(tmp_path, '{"opening": NaN}\n[]\n{"opening": 1}\n', "x.jsonl"))
    assert [each.place.rpartition(":")[2] for each in found.faults] == ["1", "2", "3"]


def test_a_line_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"opening": "x" * files.MAX_TASK}), "long.jsonl")
    with pytest.raises(UsageError, match="more than 4 MB"):
        files.read(path)


def test_slow_patterns_are_found_among_good_ones() -> None:
    good = [(rf"\b{number}\b", ["text"]) for number in range(20)]
    wrong = patterns.unsafe([*good[:7], (r"(a|a)*$", []), *good[7:], ("[", [])])
    assert set(wrong) == {7, 21}
    assert "too long" in wrong[7]
    assert "no regular expression" in wrong[21]


def test_the_published_schema_takes_what_is_read(tmp_path: Path) -> None:
    import tomllib

    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema_of(FileTask))
    assert validator.is_valid(tomllib.loads(MINE)["task"][0])
    assert not validator.is_valid({"opening": "x"})


def test_the_key_of_a_plan_is_what_the_files_hold(tmp_path: Path) -> None:
    path = written(tmp_path, MINE)
    (tmp_path / "elsewhere").mkdir()
    moved = written(tmp_path / "elsewhere", MINE)
    same = [sources.digests(PlanConfig(task_files=(str(each),))) for each in (path, moved)]
    assert same[0] == same[1] != {}
    written(tmp_path, MINE.replace("How many", "Tell me how many"))
    assert sources.digests(PlanConfig(task_files=(str(path),))) != same[0]


def test_a_plan_with_own_tasks_is_played_by_the_embedded_teacher(tmp_path: Path) -> None:
    """plan, generate with a real socket and real boxes, and status, as a user runs them."""
    written(tmp_path, MINE)
    flags = ("--families", "maths", "--tasks", "1", "--personas", "lawful_good", "--task-files")
    done = kappa("plan", "--json", *flags, "mine.toml", "--validation", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert said(done)["figures"]["families"] == {"maths": 1, "mine": 1}
    done = kappa("generate", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert said(done)["figures"]["verified_share"] == {"lawful_good": 1.0}
    written(tmp_path, MINE.replace("How many", "Tell me how many"))
    stages = {
        each["stage"]: each for each in said(kappa("status", "--json", cwd=tmp_path))["stages"]
    }
    assert "task file mine.toml" in stages["plan"]["status"]


def test_a_plan_of_own_tasks_alone(tmp_path: Path) -> None:
    written(tmp_path, MINE)
    flags = ("--families", "none", "--personas", "none")
    done = kappa("plan", "--json", *flags, "--task-files", "mine.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert said(done)["figures"]["families"] == {"mine": 1}
    done = kappa("plan", *flags, "--dataset", "nothing", cwd=tmp_path)
    assert done.returncode == 2
    assert "no --task-files" in done.stderr
    done = kappa("tasks", "show", "mine.toml", cwd=tmp_path)
    assert "name one of them: mine.toml#1" in done.stderr


def test_check_says_what_is_wrong_with_each_task(tmp_path: Path) -> None:
    """In real boxes: a wrong reference, a verifier that takes anything, a near-duplicate, words of
    an evaluation prompt, and a file that is right."""
    prompt = (
        "A farmer sells seven crates of pears at nine coins each and then pays two for the road."
    )
    bad = MINE.replace('"It has 2 lines."', '"It has 5 lines."', 1)
    lax = MINE.replace(r"required = ['\b(?:2|two)\b']", "forbidden = ['zebra']").replace(
        '{ type = "file", path = "count.txt", content = "2" }',
        '{ type = "command", command = "true" }',
    )
    leak = MINE.replace("How many lines", f"{prompt} How many lines")
    written(tmp_path, bad + lax + leak + MINE + MINE.replace("How many", "how many"), "mixed.toml")
    written(tmp_path, MINE, "good.toml")
    (tmp_path / "eval.jsonl").write_text(json.dumps({"q": {"text": prompt}}) + "\n")
    done = kappa(
        "tasks", "check", "mixed.toml", "good.toml", "--against", "eval.jsonl", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    mixed, good = said(done)["checked"]
    reasons = {each["id"]: "; ".join(each["reasons"]) for each in mixed["refused"]}
    assert "its reference is refused" in reasons["mixed/file-1"]
    assert "without substance is accepted" in reasons["mixed/file-2"]
    assert "repeats a prompt of eval.jsonl" in reasons["mixed/file-3"]
    assert "near-duplicate" in reasons["mixed/file-5"]
    assert good["refused"] == []
    shown = kappa("tasks", "show", "good.toml#1", cwd=tmp_path)
    assert "the file count.txt is there, has exactly the expected content" in shown.stdout
    again = said(kappa("tasks", "show", "good.toml#1", "--json", cwd=tmp_path))
    assert msgspec.convert(again["task"], Task).opening.startswith("How many lines")


def test_the_tasks_of_a_file_are_in_the_mix_each_in_its_group(tmp_path: Path) -> None:
    """With and without tools in one file, of no named family, and of a shipped one's name; a call
    with odd arguments is none to stumble over."""
    odd = {"tool": "read_file", "arguments": {"path": "a.txt", "offset": "x", "limit": -1}}
    tool = {"tools": ["bash", "read_file"], "fixture": {"a.txt": "one"}}
    lines = [
        *({"opening": f"Say {word}."} for word in ("alpha", "beta", "gamma")),
        *(
            {"opening": f"Look {word}.", "reference": [{"answer": "yes", "steps": [odd]}]} | tool
            for word in ("here", "there")
        ),
        {"opening": "What is two and two?", "family": "maths", "group": "chat"},
    ]
    common = {
        "verifier": [{"type": "answer", "required": ["yes"]}],
        "reference": [{"answer": "yes"}],
    }
    text = "".join(json.dumps(common | each) + "\n" for each in lines)
    written(tmp_path, text, "own.jsonl")
    flags = ["--task-files", "own.jsonl", "--families", "maths", "--personas", "lawful_good"]
    mix = ["--slots", "40", "--shares", "paired=1", "--groups", "agentic=1,chat=2,reasoning=3"]
    weights = ["--weights", "own of task files (chat)=2", "--lengthen", "own=1.5"]
    done = kappa("plan", "--explain", "--json", *flags, *mix, *weights, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = said(done)
    (shard,) = (tmp_path / result["dir"]).glob("slots-*.parquet")
    own = {slot.task_id for slot in read_shard(shard, Slot) if "/file-" in slot.task_id}
    assert own == {f"own/file-{number}" for number in range(1, 6)} | {"maths/file-6"}
    found = {(each["table"], each["name"]): each for each in result["explain"]["lines"]}
    assert {name for table, name in found if table == "groups"} == {"agentic", "chat", "reasoning"}
    slots = {name: each["slots"] for (table, name), each in found.items() if table == "families"}
    assert slots == {
        "own of task files (agentic)": 2,
        "own of task files (chat)": 3,
        "maths of task files (chat)": 1,
        "maths": 34,
    }
    wanted = found["families", "own of task files (chat)"]["wanted"]
    assert wanted == pytest.approx(2 / 3)
    assert found["families", "maths"]["planned"] == 1


def test_files_of_one_name_are_in_the_same_order_wherever_they_lie(tmp_path: Path) -> None:
    orders = []
    for first, second in (("a", "b"), ("b", "a")):
        paths = []
        for folder, word in ((first, "many"), (second, "few")):
            place = tmp_path / f"{first}{second}" / folder
            place.mkdir(parents=True)
            text = MINE.replace("How many", f"Say how {word}")
            text = text.replace("opening", f'id = "{word}"\nopening', 1)
            paths.append(str(written(place, text)))
        orders.append([each.task.id for each in sources.of_files(paths)])
    assert orders[0] == orders[1]
