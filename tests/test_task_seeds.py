"""Files of seeds, evaluation prompts, and questions about code that a user brings along."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kappa_data.errors import UsageError
from kappa_data.records import CommandCheck
from kappa_data.resources import Resources
from kappa_data.sandbox import Limits
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks import evaluation, seeds_file, sources
from kappa_data.tasks.admit import refusals
from kappa_data.tasks.catalog import families
from kappa_data.tasks.families import code_questions
from kappa_data.tasks.material.code_facts import facts_of

RESOURCES = Resources(None)
CODE = {
    "lib/__init__.py": "",
    "lib/one.py": (
        "def shrink(value, by=2, *, floor=0):\n    if by < 1:\n        raise ValueError(by)\n"
        "    return max(floor, value // by)\n\n\ndef _hidden():\n    return shrink(3)\n"
    ),
    "lib/two.py": (
        "from lib.one import shrink\n\n\nclass Box:\n    def half(self, size):\n"
        "        return shrink(size)\n\n\ndef both(a, b):\n    return shrink(a), shrink(b)\n"
    ),
    "lib/three.py": "import lib.two\n\n\ndef run():\n    return lib.two.both(1, 2)\n",
    "lib/broken.py": "def (:\n",
    "tests/test_two.py": "from lib.two import Box\n\n\ndef test_box():\n    assert Box().half(4)\n",
}


def folder(root: Path) -> Path:
    for name, text in CODE.items():
        path = root / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for odd in (".git/config", "node_modules/x.js"):
        (root / "code" / odd).parent.mkdir(parents=True, exist_ok=True)
        (root / "code" / odd).write_text("secret")
    (root / "code" / "logo.png").write_bytes(b"\x89PNG\0\xff")
    (root / "code" / "way_out").symlink_to("/etc")
    (root / "code" / "passwd").symlink_to("/etc/passwd")
    (root / "handbook").mkdir()
    (root / "handbook" / "a.md").write_text("# Pumps\n\nA pump moves heat.")
    seeds = root / "seeds.toml"
    seeds.write_text('topics = ["heat  pumps"]\ndocuments = ["handbook/*.md"]\ncode = ["code"]\n')
    return seeds


def test_material_is_text_below_the_folders_and_nothing_else(tmp_path: Path) -> None:
    read = seeds_file.read(folder(tmp_path))
    material = read.material
    assert material.topics == ("heat pumps",)
    assert [each.name for each in material.documents] == ["handbook/a.md"]
    (code,) = material.code
    assert code.files == CODE
    assert read.skipped == {"links and devices": 1, "not readable as text": 1}


def test_what_a_file_of_seeds_cannot_say_is_an_error(tmp_path: Path) -> None:
    for text, why in (
        ('topic = ["x"]', 'did you mean "topics"'),
        ("topics = [1]", "topics"),
        ('documents = ["nowhere/*.md"]', "nothing is at"),
        ('code = ["nowhere"]', "no folder"),
        ('documents = ["a**"]', "documents: .*entire path component"),
        ('documents = ["~nobody-of-this-name/x"]', "documents: .*home directory"),
        ('documents = ["a\\u0000b"]', "documents: "),
        ('code = ["~nobody-of-this-name"]', "code: .*home directory"),
        ("", "holds no topics"),
    ):
        (tmp_path / "s.toml").write_text(text)
        with pytest.raises(UsageError, match=why):
            seeds_file.read(tmp_path / "s.toml")


def test_documents_of_one_name_are_all_there_and_no_linked_folder_is_entered(
    tmp_path: Path,
) -> None:
    for name in ("here", "one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text(f"This is {name}.")
    (tmp_path / "here" / "way_out").symlink_to(tmp_path / "one")
    outside = ", ".join(f'"{tmp_path}/{name}/README.md"' for name in ("one", "two", "two"))
    seeds = tmp_path / "here" / "seeds.toml"
    seeds.write_text(f'documents = ["README.md", {outside}]\n')
    found = seeds_file.read(seeds).material.documents
    assert [(each.name, each.text) for each in found] == [
        ("README.md", "This is here."),
        ("README.md (2)", "This is one."),
        ("README.md (3)", "This is two."),
    ]
    seeds.write_text('documents = ["*/README.md"]\n')
    with pytest.raises(UsageError, match="nothing is at"):
        seeds_file.read(seeds)


def test_a_digest_changes_with_the_material_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here, there = folder(tmp_path / "a"), folder(tmp_path / "b")
    digests = [seeds_file.digest(seeds_file.read(each).material) for each in (here, there)]
    assert digests[0] == digests[1]
    (tmp_path / "b" / "code" / "lib" / "two.py").write_text("x = 1\n")
    assert seeds_file.digest(seeds_file.read(there).material) != digests[0]


def test_facts_agree_with_what_python_says() -> None:
    facts = facts_of(CODE)
    assert "lib/broken.py" not in facts.files
    shrink = next(each for each in facts.definitions if each.name == "shrink")
    assert (shrink.line, shrink.parameters) == (1, ("value", "by", "floor"))
    assert shrink.defaults == (("by", "2"), ("floor", "0"))
    assert shrink.raises == ("ValueError",)
    assert facts.callers("shrink") == [
        "lib/one.py:_hidden",
        "lib/two.py:Box.half",
        "lib/two.py:both",
    ]
    assert facts.importers("lib.two") == ["lib/three.py", "tests/test_two.py"]
    assert facts.users("shrink") == ["lib/one.py", "lib/two.py"]


def test_questions_about_a_users_code_hold_in_real_boxes(tmp_path: Path) -> None:
    (family,) = sources.with_material([families()["code_questions"]], str(folder(tmp_path)))
    sandbox = Bubblewrap(Limits())

    async def every() -> list[list[str]]:
        tasks = [family.make(seed) for seed in range(8)]
        assert all(task.fixture == CODE for task in tasks)
        return await asyncio.gather(*(refusals(task, sandbox) for task in tasks))

    assert asyncio.run(every()) == [[]] * 8


def test_lists_of_callers_are_true_by_another_reading() -> None:
    """What the hidden list of a check says, against a plain walk over the functions' texts."""
    looked = 0
    for seed in range(30):
        task = code_questions.make(seed)
        for turn, asked in enumerate((task.opening, *task.goals)):
            if "call" not in asked or "`" not in asked:
                continue
            name = asked.split("`")[1]
            lists = [c for c in task.verifier if isinstance(c, CommandCheck) and c.files]
            found = set()
            for path, text in task.fixture.items():
                tree = ast.parse(text) if path.endswith(".py") else ast.Module([], [])
                tops = [("", node) for node in tree.body]
                tops += [(f"{n.name}.", each) for _, n in tops if isinstance(n, ast.ClassDef)
                         for each in n.body]  # fmt: skip
                for owner, node in tops:
                    source = ast.get_source_segment(text, node) or ""
                    inner = source.partition("\n")[2]
                    if isinstance(node, ast.FunctionDef) and f"{name}(" in inner.replace(".", " "):
                        found.add(f"{path}:{owner}{node.name}")
            wanted = [set(c.files[".expected_lines"].split()) for c in lists]
            if any(any(":" in line for line in each) for each in wanted):
                looked += 1
                assert found in wanted, (task.id, turn, name)
    assert looked > 3


def test_prompts_are_known_again_whatever_their_signs(tmp_path: Path) -> None:
    long = "The quick brown fox jumps over the lazy dog while nine small birds look on"
    short = "Compute the sum of the first nine primes"
    (tmp_path / "a.txt").write_text(f"{long}\n\n{short}\n\ntoo short\n")
    pq.write_table(pa.table({"n": [1], "q": [[long]]}), tmp_path / "b.parquet")
    known = evaluation.of_files([str(tmp_path / "a.txt")], RESOURCES)
    assert known.too_short == 1
    plain = msgspec.structs.replace(families()["maths"].make(0), goals=(), reference=())

    def said(text: str, against: evaluation.Evaluation = known) -> str:
        return against.overlap(msgspec.structs.replace(plain, opening=text))

    shouted = long.upper().replace(" ", "-- ")
    assert "quick" in said(f"Note: {shouted}").lower()
    assert said(f"Hello. {short.replace('sum', 'sum,')}!")
    # 12 words in a row of a long prompt, 7 of a short one, are anybody's.
    assert said(" ".join(long.split()[:12]) + " sleeps") == ""
    assert said(" ".join(short.split()[:7]) + " numbers") == ""
    # From the docstring of HumanEval/0: it ships.
    assert said("Check if in given list of numbers, are any two numbers closer to each other than")
    assert said(long, evaluation.of_files([str(tmp_path / "b.parquet")], RESOURCES))
    with pytest.raises(UsageError, match="holds no prompt"):
        (tmp_path / "c.md").write_text("few words")
        evaluation.of_files([str(tmp_path / "c.md")], RESOURCES)
