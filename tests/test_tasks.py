"""The catalogue of families, the verifier, the reference player, and what families are made of."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappa_data.errors import UsageError
from kappa_data.records import (
    AnswerCheck,
    Check,
    CommandCheck,
    FileCheck,
    Message,
    ReferenceTurn,
    Task,
    Verdict,
)
from kappa_data.sandbox import Limits, ToolResult
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks import catalog
from kappa_data.tasks.families import log_forensics, shell_text
from kappa_data.tasks.families.explain_concept import states
from kappa_data.tasks.material.codebase import (
    Codebase,
    apply,
    codebase,
    domains,
    minimal_edit,
    with_methods,
)
from kappa_data.tasks.material.concepts_content import concepts
from kappa_data.tasks.material.config_faults import break_syntax
from kappa_data.tasks.material.config_files import SERVICES, Line, checker, render
from kappa_data.tasks.steps import bash, read, write
from kappa_data.tasks.verify import call_groups, play_reference, verify
from kappa_data.tasks.wording import Wording, listed


class Files:
    """A box that holds files and answers bash with what it was told to."""

    def __init__(self, files: Mapping[str, str], result: ToolResult | None = None) -> None:
        self.files = dict(files)
        self.result = result or ToolResult("", exit_code=0)
        self.calls: list[tuple[str, dict[str, object]]] = []

    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolResult:
        self.calls.append((tool, dict(arguments)))
        return self.result

    async def put(self, files: Mapping[str, str]) -> None:
        self.files.update(files)

    async def read(self, path: str) -> str | None:
        return self.files.get(path)

    async def tree(self) -> dict[str, str]:
        return dict(self.files)

    async def close(self) -> None: ...


def talk(*answers: str) -> list[Message]:
    messages = []
    for number, answer in enumerate(answers):
        messages.append(Message("user", f"question {number}"))
        messages.append(Message("assistant", "Let me look.", tool_calls=()))
        messages.append(Message("tool", "tool says 999", tool_call_id="call_0001"))
        messages.append(Message("assistant", answer))
    return messages


def verdict_on(check: Check, box: Files | None, *answers: str) -> tuple[bool, str]:
    made = Task("x/0", "x", 0, "question 0", (check,), (ReferenceTurn("fine"),))
    verdict = asyncio.run(verify(made, box, talk(*answers)))
    return verdict.passed, verdict.detail


# --- verifier -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "answers", "passes"),
    [
        (AnswerCheck(required=("forty",)), ("nothing", "It is FORTY."), True),
        (AnswerCheck(required=("forty",)), ("forty", "nothing"), False),
        (AnswerCheck(turn=0, required=("forty",)), ("forty", "nothing"), True),
        (AnswerCheck(turn=None, required=("one", "two")), ("one", "two"), True),
        (AnswerCheck(turn=1, required=("one",)), ("one",), False),
        (AnswerCheck(turn=-2, required=("one",)), ("one", "two"), True),
        (AnswerCheck(turn=-3), ("one", "two"), False),
        (AnswerCheck(turn=None, forbidden=("sorry",)), ("fine", "so sorry"), False),
        (AnswerCheck(turn=None, required=("999",)), ("what a tool says is no answer",), False),
        (AnswerCheck(turn=0, required=("let me look",)), ("one",), True),
    ],
)
def test_answers(check: AnswerCheck, answers: tuple[str, ...], passes: bool) -> None:
    assert verdict_on(check, None, *answers)[0] is passes


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        (FileCheck("a.txt"), True),
        (FileCheck("b.txt"), False),
        (FileCheck("b.txt", exists=False), True),
        (FileCheck("a.txt", exists=False), False),
        (FileCheck("a.txt", content="one\ntwo"), True),
        (FileCheck("a.txt", content="one \ntwo\n\n"), True),
        (FileCheck("a.txt", content=" one\ntwo"), False),
        (FileCheck("a.txt", contains=("one", "tw")), True),
        (FileCheck("a.txt", contains=("one", "three")), False),
        (FileCheck("a.txt", lacks=("two",)), False),
    ],
)
def test_files(check: FileCheck, passes: bool) -> None:
    assert verdict_on(check, Files({"a.txt": "one\ntwo \n"}), "said")[0] is passes


def test_commands_get_their_hidden_files_first() -> None:
    box = Files({})
    check = CommandCheck("python3 hidden.py", files={"hidden.py": "print(1)"})
    assert verdict_on(check, box, "said") == (True, "")
    assert box.files == {"hidden.py": "print(1)"}
    assert box.calls == [("bash", {"command": "python3 hidden.py"})]


@pytest.mark.parametrize(
    ("check", "result", "says"),
    [
        (CommandCheck("t"), ToolResult("boom\n", exit_code=2), "ended with 2, not 0: boom"),
        (CommandCheck("t"), ToolResult("", limit="call time"), "ran out of time"),
        (CommandCheck("t", stdout="5"), ToolResult("6\n", exit_code=0), 'another text than "5"'),
        (CommandCheck("t"), ToolResult("no such tool", error=True), "ended with None"),
    ],
)
def test_a_failing_command_is_told(check: CommandCheck, result: ToolResult, says: str) -> None:
    passed, detail = verdict_on(check, Files({}, result), "said")
    assert not passed
    assert says in detail


def test_an_expected_failure_passes() -> None:
    box = Files({}, ToolResult("F\n", exit_code=1))
    assert verdict_on(CommandCheck("t", exit_code=1), box, "said")[0]


def test_the_first_failing_check_is_named() -> None:
    checks = (FileCheck("a"), FileCheck("missing"), AnswerCheck(required=("never",)))
    made = Task("x/0", "x", 0, "hello", checks, (ReferenceTurn("fine"),))
    verdict = asyncio.run(verify(made, Files({"a": ""}), talk("said")))
    assert verdict.detail == "file missing: missing"


def test_a_check_of_files_without_a_box_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="needs a box"):
        verdict_on(FileCheck("a"), None, "said")


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ("forty", ""),
        ("a" + " " * 200_000 + "forty", ""),
        (" \n" * 40_000 + "forty", ""),
        ("forty" + "." * 60_000, "more than the 50000 that are searched"),
    ],
)
def test_blanks_are_nothing_and_what_is_too_long_fails(answer: str, detail: str) -> None:
    passed, said = verdict_on(AnswerCheck(required=("forty",)), None, answer)
    assert (passed, detail in said) == (not detail, True)


def test_a_gap_stays_a_gap() -> None:
    check = AnswerCheck(required=(r"a\n {4}b\s+c\Z",), forbidden=("bc", "ab"))
    assert verdict_on(check, None, "a\n    b" + "\n " * 500 + "c") == (True, "")


class TooSlow(Exception):
    pass


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Stops what takes more of this process's own time, however busy the machine is."""

    def stop(number: int, frame: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


PIECES = (
    " ",
    "\n",
    "\n ",
    "a",
    "a ",
    "- ",
    "1",
    "1,",
    ". ",
    "(",
    ")",
    "*",
    "_",
    "not ",
    "Answer: ",
)
LONG = 10_000


def hostile(answers: list[str]) -> list[str]:
    """Texts that a search may take the square of their length for."""
    starts = ("", "Well. ", "Answer: ", answers[0][:40])
    blanks = [start + piece * LONG for start in starts for piece in (" ", "\n")]
    return [*blanks, *(piece * (LONG // len(piece)) for piece in PIECES), "\n\n".join(answers) * 9]


@pytest.mark.parametrize("name", catalog.families())
def test_no_text_makes_a_search_hang(name: str) -> None:
    """An honest search of all these texts takes hundredths of a second, a square 15 s."""
    tasks = {}
    for seed in range(4):
        made = catalog.families()[name].make(seed)
        answers = [turn.answer for turn in made.reference]
        for check in made.verifier:
            if isinstance(check, AnswerCheck):
                tasks |= dict.fromkeys((*check.required, *check.forbidden), answers)
    assert tasks
    for pattern, answers in tasks.items():
        try:
            with at_most(5):
                for text in hostile(answers):
                    re.search(pattern, text, re.IGNORECASE)
        except TooSlow:
            pytest.fail(f"{name}: slow on hostile text: /{pattern}/")


def test_no_word_makes_the_search_for_a_claim_hang() -> None:
    for _, concept in concepts():
        word = re.findall(r"[A-Za-z]{3,}", concept.affirms)[0]
        try:
            with at_most(5):
                re.search(states(concept.affirms), word * (LONG // len(word)), re.IGNORECASE)
        except TooSlow:
            pytest.fail(f"{concept.name}: slow on one long word: /{concept.affirms}/")


# --- reference ------------------------------------------------------------------------------------


def test_calls_without_reasoning_join_the_message_before() -> None:
    turn = ReferenceTurn("", (bash("a", "first"), read("b"), read("c"), bash("d", "then")))
    assert [len(group) for group in call_groups(turn)] == [3, 1]
    assert [len(g) for g in call_groups(ReferenceTurn("", (read("b"), read("c"))))] == [2]
    assert call_groups(ReferenceTurn("")) == ()


def test_playing_numbers_calls_through_the_conversation() -> None:
    turns = (
        ReferenceTurn("one", (bash("a", "why"), read("b")), reasoning="enough"),
        ReferenceTurn("two", (write("c", "text", "so"),)),
    )
    made = Task("x/0", "x", 0, "hello", (), turns, goals=("more",))
    messages = asyncio.run(play_reference(made, Files({}, ToolResult("seen", exit_code=0))))
    assert [m.role for m in messages] == [
        *("user", "assistant", "tool", "tool", "assistant"),
        *("user", "assistant", "tool", "assistant"),
    ]
    ids = [call.id for message in messages for call in message.tool_calls]
    assert ids == ["call_0001", "call_0002", "call_0003"]
    assert [m.tool_call_id for m in messages if m.role == "tool"] == ids
    assert [m.name for m in messages if m.role == "tool"] == ["bash", "read_file", "write_file"]
    assert messages[1].tool_calls[0].function.arguments == '{"command":"a"}'
    assert messages[1].reasoning == "why"
    assert (messages[4].content, messages[4].reasoning) == ("one", "enough")
    assert messages[-1].reasoning is None


def test_a_call_needs_a_box() -> None:
    made = Task("x/0", "x", 0, "hello", (), (ReferenceTurn("one", (bash("a"),)),))
    with pytest.raises(ValueError, match="needs a box"):
        asyncio.run(play_reference(made, None))


# --- catalogue ------------------------------------------------------------------------------------


def test_families_are_the_files_of_the_folder() -> None:
    folder = Path(catalog.folder.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert list(catalog.families()) == sorted(files)
    assert all(family.about and "\n" not in family.about for family in catalog.families().values())
    assert all(family.seeds > 0 for family in catalog.families().values())


def test_a_task_by_its_id() -> None:
    assert catalog.task("shell_text/3") == shell_text.make(3)


@pytest.mark.parametrize(
    ("task_id", "says"),
    [
        ("log_forensic/3", 'did you mean "log_forensics"'),
        ("zzz/3", "there are: add_feature"),
        ("log_forensics", "write family/seed"),
        ("log_forensics/-1", "write family/seed"),
        ("log_forensics/07", "write family/seed"),
        ("log_forensics/٣", "write family/seed"),
        ("", "write family/seed"),
    ],
)
def test_a_wrong_id_says_what_to_do(task_id: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        catalog.task(task_id)


def plugin(monkeypatch: pytest.MonkeyPatch, **attributes: object) -> None:
    """Installs an entry point whose module has these attributes."""
    module = ModuleType("their_family", "Riddles of theirs.\n\nMore.")
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, "their_family", module)
    entry = EntryPoint("riddles", "their_family", catalog.GROUP)
    monkeypatch.setattr(catalog, "entry_points", lambda group: [entry])
    catalog._families.cache_clear()
    monkeypatch.setattr(catalog, "_families", catalog._families.__wrapped__)


THEIRS = {
    "GROUP": "agentic",
    "TOOLS": (),
    "PROGRAMS": ("jq",),
    "SEEDS": 7,
    "make": log_forensics.make,
}


def test_another_package_adds_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(monkeypatch, NAME="riddles", **THEIRS)
    family = catalog.families()["riddles"]
    assert (family.about, family.programs, family.seeds) == ("Riddles of theirs.", ("jq",), 7)


def test_two_families_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(monkeypatch, NAME="maths", **THEIRS)
    with pytest.raises(UsageError, match='a second task family "maths"'):
        catalog.families()


def test_a_module_that_is_no_family(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(monkeypatch, NAME="riddles")
    with pytest.raises(UsageError, match=r'"riddles" of .*: no GROUP, TOOLS, PROGRAMS'):
        catalog.families()


# --- wording and edits ----------------------------------------------------------------------------


def test_wording_expands_choices_before_facts() -> None:
    said = {Wording("x", seed).say("<a|b<1|2>> {fact}", fact="<c|d>") for seed in range(40)}
    assert said == {"a <c|d>", "b1 <c|d>", "b2 <c|d>"}
    assert Wording("x", 5).say("<a|b|c|d>") == Wording("x", 5).say("<a|b|c|d>")
    assert listed(["a", "b", "c"]) == "a, b and c"


@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("abc"), min_size=1))
def test_a_minimal_edit_is_unique_and_right(before: list[str], after: list[str]) -> None:
    old_text, new_text = "".join(f"{x}\n" for x in before), "".join(f"{x}\n" for x in after)
    if old_text == new_text:
        with pytest.raises(ValueError, match="equal"):
            minimal_edit(old_text, new_text)
        return
    old, new = minimal_edit(old_text, new_text)
    assert old_text.count(old) == 1
    assert old_text.replace(old, new) == new_text


# --- seeds ----------------------------------------------------------------------------------------


RUNNER = """
import io, os, sys, unittest
top, known, status = os.getcwd(), set(sys.modules), 0
for folder in sorted(os.listdir(".")):
    os.chdir(os.path.join(top, folder))
    sys.path[0] = os.getcwd()
    sys.path_importer_cache.clear()
    for name in set(sys.modules) - known:
        del sys.modules[name]
    told = io.StringIO()
    tests = unittest.TestLoader().discover(".")
    ran = unittest.TextTestRunner(stream=told).run(tests)
    wanted = folder.endswith("-0")
    if ran.wasSuccessful() != wanted or ran.testsRun < 5 and wanted:
        print(folder, told.getvalue()[-600:])
        status = 1
sys.exit(status)
"""


def lay_out(folder: Path, name: str, files: Mapping[str, str], wanted: int) -> None:
    for path, text in files.items():
        target = folder / f"{name}-{wanted}" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def lay_out_all(folder: Path, code: Codebase) -> None:
    """Every state of a code base in a folder of its own, with the exit code that its tests have."""
    right = code.files
    lay_out(folder, "right", {**right, "test_hidden.py": code.hidden_tests()}, 0)
    for number, bug in enumerate(code.bugs):
        broken = apply(right[code.module], [(bug.right, bug.wrong)])
        lay_out(folder, f"bug{number}", {**right, code.module: broken}, 1)
    for number, missing in enumerate(code.regressions):
        mutant = apply(right[code.module], [(missing.right, missing.wrong)])
        tests = with_methods(right[code.tests], missing.code)
        lay_out(folder, f"unnoticed{number}", {**right, code.module: mutant}, 0)
        lay_out(folder, f"noticed{number}", {**right, code.module: mutant, code.tests: tests}, 1)
    for number, feature in enumerate(code.features):
        name = feature.name if feature.is_function else ""
        tests = with_methods(right[code.tests], feature.tests)
        tests = apply(tests, [code.import_edit(name)]) if name else tests
        module = code.with_feature(feature)
        hidden = {"test_hidden.py": code.hidden_tests(feature.hidden, name)}
        done = {**right, **hidden, code.module: module, code.tests: tests}
        mutant = apply(module, [feature.mutate])
        lay_out(folder, f"feature{number}", done, 0)
        lay_out(folder, f"without{number}", {**right, **hidden}, 1)
        lay_out(folder, f"mutant{number}", {**right, code.module: mutant, code.tests: tests}, 1)


@pytest.mark.parametrize("number", range(len(domains())))
def test_code_bases_are_as_they_say(number: int, tmp_path: Path) -> None:
    """Right code passes, every bug, mutant and missing feature is noticed: by real test runs."""
    lay_out_all(tmp_path, codebase(domains()[number], number))
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("form", ["json", "toml", "ini", "env"])
def test_a_checker_reads_what_is_rendered(form: str, tmp_path: Path) -> None:
    """The checker accepts the right file, and no parser forgives a slip of syntax."""
    w = Wording("checker", 1)
    for service in SERVICES:
        lines = [Line(s.section, s.key, s.draw(w)) for s in service.settings]
        right = render(lines, form, "title")
        (tmp_path / "check.py").write_text(checker(service, form, f"c.{form}"))
        for text, code in ((right, 0), (break_syntax(w, right, form)[0], 1)):
            (tmp_path / f"c.{form}").write_text(text)
            done = subprocess.run(
                [sys.executable, "check.py"], cwd=tmp_path, capture_output=True, check=False
            )
            assert done.returncode == code, (text, done.stdout, done.stderr)
            assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("family", [log_forensics, shell_text])
def test_what_the_reference_says_was_seen(family: ModuleType) -> None:
    """Every fact that the answer must hold stands in the result of a tool."""

    async def seen(seed: int) -> tuple[Task, str]:
        made: Task = family.make(seed)
        box = await Bubblewrap(Limits()).open(made.fixture)
        try:
            messages = await play_reference(made, box)
        finally:
            await box.close()
        return made, "\n".join(m.content for m in messages if m.role == "tool")

    async def every() -> list[tuple[Task, str]]:
        return await asyncio.gather(*map(seen, range(12)))

    for made, results in asyncio.run(every()):
        for check in made.verifier:
            if isinstance(check, AnswerCheck):
                for pattern in check.required:
                    assert re.search(pattern, results, re.IGNORECASE), (made.id, pattern)


def test_a_workspace_that_was_filled_fails_the_task_and_not_the_box() -> None:
    async def run() -> Verdict:
        box = await Bubblewrap(Limits(workspace_mb=1)).open()
        try:
            fill = {"command": "head -c 3000000 /dev/zero > full; true"}
            await box.call("bash", fill)
            check = CommandCheck("true", files={"hidden.txt": "x" * 500_000})
            made = Task("t/0", "t", 0, "o", (check,), (ReferenceTurn("a"),), tools=("bash",))
            return await verify(made, box, (Message("user", "o"), Message("assistant", "a")))
        finally:
            await box.close()

    verdict = asyncio.run(run())
    assert not verdict.passed and "without room" in verdict.detail
