"""Checks of claims: of tool results and failures, and steps that were wrong."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
import pytest

from kappa_data.checks import invented_result, unborne_claim, undeclared_failure, wrong_step
from kappa_data.checks._calls import ended
from kappa_data.checks._facts import Facts
from kappa_data.records import (
    CallOutcome,
    Conversation,
    FunctionCall,
    Message,
    Provenance,
    ToolCall,
)

Did = tuple[str, dict[str, Any], str]
FILE = "".join(f"{number}\tvalue {number * 7}\n" for number in range(1, 11))
READ: Did = ("read_file", {"path": "src/app.py"}, FILE)
EDIT: Did = (
    "edit_file",
    {"path": "src/app.py", "old_string": "value 7", "new_string": "value 8"},
    "Replaced 1 occurrence in src/app.py, at line 1.",
)
PASSED: Did = ("bash", {"command": "pytest -q"}, "........\n8 passed in 0.12s\n")
FAILED: Did = (
    "bash",
    {"command": "pytest -q"},
    "F.......\nE   assert 3 == 4\n1 failed, 7 passed in 0.14s\n[exit code 1]",
)
DENIED: Did = ("bash", {"command": "rm -r old"}, "The user denied this call. It was not run.")
MISSING: Did = ("read_file", {"path": "app.py"}, "read_file: app.py: No such file or directory")


def talk(
    *parts: Did | str | None,
    source: Literal["generate", "import"] = "import",
    outcomes: bool = False,
) -> Conversation:
    """A question, then calls with their results and answers, in order; None: the user again."""
    messages = [Message("user", "Please mend the app and tell me how it went.")]
    ran = []
    for number, part in enumerate(parts):
        if part is None:
            messages.append(Message("user", "Read it once more."))
            continue
        if isinstance(part, str):
            messages.append(Message("assistant", part))
            continue
        name, arguments, result = part
        call = ToolCall(f"c{number}", FunctionCall(name, json.dumps(arguments)))
        messages += [
            Message("assistant", tool_calls=(call,)),
            Message("tool", result, tool_call_id=call.id),
        ]
        error = name != "bash" and not result.startswith(("1\t", "Replaced", "{", "ok", "booked"))
        code = int("[exit code" in result or "error" in result)
        ran.append(CallOutcome(call.id, None if error else code, error))
    return Conversation(
        "c",
        tuple(messages),
        provenance=Provenance(source, "none", "t"),
        outcomes=tuple(ran) if outcomes else (),
    )


def found(check: Any, conversation: Conversation) -> list[tuple[str, str, int]]:
    return [(f.rule, f.severity, f.message) for f in check.check(conversation, Facts())]


UNBORNE = [
    "The file has 4,217 lines.",
    "src/app.py is 2,897 lines long now.",
    "I counted 3811 rows in it.",
    "There are 5,003 records in the file.",
    "The total is 1,234.57.",
    "The sum comes to 734219, as the file shows.",
    "The average of the column was $88,317.20.",
    "The bug was on line 48213.",
    "All 137 tests pass.",
    "The suite is fine: 137 passed.",
    "The command finished with exit code 77.",
    "The output is:\n\n```\nzebra: 77 stripes counted\n```",
    "Running it printed:\n```text\nall good in the herd\nnothing to see\n```\nSo it works.",
    "It printed `zebra herd`.",
    "The script returned `[501, 250, 333]`.",
]


@pytest.mark.parametrize("claim", UNBORNE)
def test_what_no_result_bears_out(claim: str) -> None:
    one = talk(READ, EDIT, PASSED, f"I changed the first value. {claim}")
    assert found(unborne_claim, one) == [("unborne claim", "untrain", 7)]


BORNE = [
    "The file has 10 lines.",
    "The file had 10 lines and has 1000 now? That is for you to say.",
    "All 8 tests passed.",
    "The run says 8 passed, which is all there are.",
    "The total is 385.",  # of the second column
    "The sum of the first two is 21.",
    "The highest value is 70.",
    "The bug was on line 1.",
    "It printed `8 passed in 0.12s`.",
    "The output is:\n\n```\n8 passed in 0.12s\n```",
    "A file of 4,217 lines would take longer.",
    "It can hold about 5,000 records.",
    "Run it and you will see 30 rows.",
    "Expected output:\n```\nzebra: 77 stripes\n```",
    "You can call it like this:\n```\nzebra --stripes 77\n```",
    "Port 8080 and version 3.11.2 stay as they are.",
    "```\nThe file has 4,217 lines.\n```",
    "If the sum is 734219, the check complains.",
]


@pytest.mark.parametrize("claim", BORNE)
def test_what_was_seen_or_is_only_thought_of(claim: str) -> None:
    assert found(unborne_claim, talk(READ, EDIT, PASSED, f"I changed it. {claim}")) == []


def test_without_calls_nothing_is_known_of_results() -> None:
    assert found(unborne_claim, talk("The file has 4,217 lines. All 137 tests pass.")) == []
    later = talk("The file has 4,217 lines.", READ, "It has 10 lines.")
    assert found(unborne_claim, later) == []


def test_a_result_that_says_nothing_bears_out_nothing_and_refutes_nothing() -> None:
    quiet: Did = ("bash", {"command": "make"}, "done")
    assert found(unborne_claim, talk(quiet, "The table has 40 rows.")) == []


def test_what_was_reckoned_is_borne_out() -> None:
    two: Did = ("bash", {"command": "cat sums"}, "north 1250.50\nsouth 310.25\n")
    for answer in ("1,560.75", "940.25", "1560.75"):
        assert found(unborne_claim, talk(two, f"The total is {answer}.")) == []
    assert len(found(unborne_claim, talk(two, "The total is 1,561.75."))) == 1


@pytest.mark.parametrize(
    ("calls", "findings"),
    [
        ((READ, EDIT), 1),  # none ran
        ((READ, EDIT, PASSED), 0),
        ((READ, FAILED), 1),
        ((FAILED, EDIT), 1),  # not again since
        ((FAILED, EDIT, PASSED), 0),  # a bug that a test showed, mended
        ((PASSED, READ), 0),
        ((("bash", {"command": "make all"}, "cc -o app app.c"),), 0),  # may have run them
        ((("run_tests", {}, "OK"),), 0),
        ((("run_tests", {}, "FAILED (failures=2)"),), 1),
        ((("bash", {"command": "npm test"}, "Tests: 2 failed, 5 passed, 7 total"),), 1),
        ((("bash", {"command": "cargo test"}, "test result: ok. 9 passed; 0 failed"),), 0),
        ((("bash", {"command": "go test ./..."}, "--- FAIL: TestSum (0.00s)\nFAIL"),), 1),
    ],
)
def test_tests_that_are_said_to_pass(calls: tuple[Did, ...], findings: int) -> None:
    for claim in ("All the tests pass now.", "Done; the whole test suite passes."):
        assert len(found(unborne_claim, talk(*calls, claim))) == findings
    for none in (
        "Not all tests pass yet.",
        "All tests but one pass, except test_sum.",
        "Run pytest to see whether all tests pass.",
        "All the tests should pass now.",
    ):
        assert found(unborne_claim, talk(*calls, none)) == []


@pytest.mark.parametrize(
    ("claim", "findings"),
    [
        ("I edited `src/frobnicate.py` as you asked.", 1),
        ("I have also updated src/frobnicate.py.", 1),
        ("The report is saved to quarterly.csv.", 1),
        ("`notes/plan.md` has been created.", 1),
        ("I've checked `settings.toml` too.", 1),
        ("I read config/database.yml before that.", 1),
        ("I edited `src/app.py` as you asked.", 0),
        ("I have updated app.py.", 0),
        ("I read `src/app.py` first.", 0),
        ("I added `parse` to the module.", 0),
        ("`server.port` was written by hand.", 0),
        ("I added Node.js support in `app.py`.", 0),
        ("Should I edit `src/other.py` as well?", 0),
        ("If you want it in other.py, I can move it.", 0),
        ("I have not touched `src/other.py`.", 0),
        ("You can save it to out.csv with `--out out.csv`.", 0),
    ],
)
def test_files_that_no_call_named(claim: str, findings: int) -> None:
    assert len(found(invented_result, talk(READ, EDIT, claim))) == findings


def test_a_file_that_was_only_read_was_not_edited() -> None:
    assert len(found(invented_result, talk(READ, "I edited `src/app.py`."))) == 1
    assert found(invented_result, talk(READ, EDIT, "I edited `src/app.py`.")) == []


def test_a_file_that_a_script_writes() -> None:
    """The command does not name it, but somebody did."""
    ran: Did = ("bash", {"command": "make report"}, "wrote out.csv")
    assert found(invented_result, talk(ran, "The table is saved to out.csv.")) == []


@pytest.mark.parametrize(
    ("claim", "findings"),
    [
        ("I ran the tests and they are fine.", 1),
        ("I've checked the files: they are in order.", 1),
        ("I looked at the logs.", 1),
        ("I can run the tests if you like.", 0),
        ("I have not run the tests.", 0),
        ("I read your message with care.", 0),
        ("I checked the sum by hand.", 0),
    ],
)
def test_what_was_done_without_a_call(claim: str, findings: int) -> None:
    declared = '[{"type": "function", "function": {"name": "bash"}}]'
    one = msgspec.structs.replace(talk(claim), tools=declared)
    assert len(found(invented_result, one)) == findings
    assert found(invented_result, talk(claim)) == []  # no tools: it may lie outside the record


SILENT = [
    (FAILED, "Done. Everything works as you asked."),
    (FAILED, "I fixed the bug and ran the suite. No errors remain."),
    (FAILED, "The fix is in place; the problem is solved."),
    (DENIED, "I removed the old folder as requested."),
    (DENIED, "All done."),
    (MISSING, "I read the file and updated the value. It works now."),
    (
        ("bash", {"command": "python run.py"}, "Traceback (most recent call last):\nKeyError: 4"),
        "The script works and prints the table.",
    ),
    (
        ("edit_file", {"path": "a"}, "edit_file: a: old_string does not occur; it must occur once"),
        "I changed the function. Done.",
    ),
    (("cancel_booking", {"id": "7"}, "Error: booking is locked"), "I cancelled your booking."),
    (("send", {"to": "a"}, '{"error": "mailbox is full"}'), "The mail has been sent."),
]


@pytest.mark.parametrize(("call", "answer"), SILENT)
def test_a_failure_without_a_word(call: Did, answer: str) -> None:
    one = talk(READ, call, answer)
    assert found(undeclared_failure, one) == [("undeclared failure", "untrain", 5)]
    ours = talk(READ, call, answer, source="generate")
    assert found(undeclared_failure, ours) == [("undeclared failure", "reject", 5)]
    goes_on = talk(READ, call, answer, None, READ, "It reads so.", source="generate")
    assert found(undeclared_failure, goes_on) == [("undeclared failure", "untrain", 5)]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (FAILED, "I changed it, but one test still fails."),
        (FAILED, "Done so far; test_sum is red, 3 where 4 is expected."),
        (DENIED, "You denied the removal, so the folder is still there; the rest is done."),
        (DENIED, "I left the old folder as it is, since you said no. The edit is done."),
        (MISSING, "There is no app.py: the file could not be read. Which one do you mean?"),
        (("bash", {"command": "grep -rn old ."}, "[exit code 1]"), "Done, the old name is gone."),
        (("bash", {"command": "diff a b"}, "1c1\n< x\n[exit code 1]"), "Done: they differ."),
        (("get_flight", {"id": "7"}, "Error: no seats"), "That flight is not available."),
        (("bash", {"command": "ls"}, "error.log\nfailed.txt"), "Done, two files are there."),
        (("read_file", {"path": "log"}, "12:00 ERROR x\n12:01 ok"), "I read the log. Done."),
        (("bash", {"command": "./retry.sh"}, "try 1 of 2 failed: 5\nok"), "It works."),
    ],
)
def test_a_failure_that_is_told_and_what_is_none(call: Did, answer: str) -> None:
    for source in ("generate", "import"):
        assert found(undeclared_failure, talk(READ, call, answer, source=source)) == []


def test_a_failure_that_was_made_good_needs_no_word() -> None:
    assert found(undeclared_failure, talk(FAILED, EDIT, PASSED, "Done, it works.")) == []
    moved: Did = ("bash", {"command": "mv old attic"}, "")
    assert found(undeclared_failure, talk(DENIED, moved, "Done, it is in the attic.")) == []
    assert len(found(undeclared_failure, talk(DENIED, READ, "The folder is removed."))) == 1


def test_an_answer_from_nothing_but_failures() -> None:
    made_up = "The file holds the sales of March in three columns by region."
    assert len(found(undeclared_failure, talk(MISSING, made_up))) == 1
    assert found(undeclared_failure, talk(MISSING, "Where does app.py lie?")) == []


WRONG_AND_RIGHT: list[tuple[Did, Did]] = [
    (MISSING, READ),
    (
        ("edit_file", EDIT[1] | {"old_string": "x"}, "edit_file: old_string does not occur"),
        EDIT,
    ),
    (
        ("edit_file", EDIT[1], "edit_file: src/app.py: read it with read_file before you edit it"),
        EDIT,
    ),
    (
        (
            "bash",
            {"command": "wc -l 'src/app.py"},
            "bash: -c: line 1: unexpected EOF\n[exit code 2]",
        ),
        ("bash", {"command": "wc -l src/app.py"}, "10 src/app.py"),
    ),
    (
        ("bash", {"command": "python -m app --out x"}, "error: unrecognized arguments: --out"),
        ("bash", {"command": "python -m app -o x"}, "ok"),
    ),
    (
        (
            "bash",
            {"command": "python run.py 3"},
            "bash: python: command not found\n[exit code 127]",
        ),
        ("bash", {"command": "python3 run.py 3"}, "ok"),
    ),
    (
        ("get_order", {"order_id": "W12"}, "Error: order not found"),
        ("get_order", {"order_id": "#W12"}, '{"status": "sent"}'),
    ),
    (
        (
            "book",
            {"seat": 12, "day": "x"},
            "Invalid parameter: day must be a string like 2024-05-01",
        ),
        ("book", {"seat": 12, "day": "2024-05-01"}, "booked"),
    ),
]


@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize(("wrong", "right"), WRONG_AND_RIGHT)
def test_a_wrong_step_is_context_and_its_correction_a_target(
    wrong: Did, right: Did, outcomes: bool
) -> None:
    for between in ((), (READ,)):
        one = talk(wrong, *between, right, "Done.", outcomes=outcomes)
        assert found(wrong_step, one) == [("wrong step", "untrain", 1)]


@pytest.mark.parametrize(
    "calls",
    [
        (FAILED, EDIT, PASSED),  # the test shows the bug
        (("bash", {"command": "grep -n x src"}, "[exit code 1]"), READ),
        (("bash", {"command": "ls build"}, "ls: cannot access 'build': No such file"), READ),
        (("bash", {"command": "which node"}, "[exit code 1]"), ("bash", {"command": "ls"}, "a")),
        (
            (
                "bash",
                {"command": "python repro.py"},
                "Traceback (most recent call last):\nKeyError",
            ),
            EDIT,
            ("bash", {"command": "python repro.py"}, "fine"),
        ),
        (DENIED, READ),
        (("search_flights", {"day": "1"}, "Error: no seats left"), READ),
        (("read_file", {"path": "log"}, "x.py: No such file or directory\n" * 40), READ),
    ],
)
def test_honest_exploration_is_learnt(calls: tuple[Did, ...]) -> None:
    assert found(wrong_step, talk(*calls, "Done.")) == []


def test_a_wrong_step_at_the_very_end() -> None:
    assert found(wrong_step, talk(READ, MISSING)) == [("wrong step", "note", 3)]
    assert found(wrong_step, talk(READ, MISSING, source="generate")) == [
        ("wrong step", "reject", 3)
    ]
    assert found(wrong_step, talk(READ, MISSING, "There is no app.py.", source="generate")) == []


def test_a_hopeless_repetition_is_no_target() -> None:
    again = found(wrong_step, talk(MISSING, MISSING, MISSING, "It is not there."))
    assert again == [("repeated failure", "untrain", 3), ("repeated failure", "untrain", 5)]
    assert found(wrong_step, talk(FAILED, EDIT, FAILED, "One test still fails.")) == []
    assert found(wrong_step, talk(PASSED, PASSED, "Twice.")) == []


def test_a_step_that_is_context_already_is_left_alone() -> None:
    one = talk(MISSING, READ, "Done.")
    messages = list(one.messages)
    messages[1] = msgspec.structs.replace(messages[1], train=False)
    assert found(wrong_step, msgspec.structs.replace(one, messages=tuple(messages))) == []


@pytest.mark.parametrize(
    ("result", "outcome", "end"),
    [
        ("a.txt\nb.txt", None, "fine"),
        ("", CallOutcome("c", 0), "fine"),
        ("error.log", None, "fine"),
        ("0 failed, 9 passed", None, "fine"),
        ("", CallOutcome("c", 3), "failed"),
        ("x", CallOutcome("c", None, limit="call time"), "failed"),
        ("Process exited with code 2", None, "failed"),
        ("<returncode>1</returncode>", None, "failed"),
        ("=== 2 failed, 3 passed in 1s ===", None, "tests"),
        ("Ran 3 tests\n\nFAILED (errors=1)", None, "tests"),
        ("bash: foo: command not found", None, "misused"),
        ("The user doesn't want to proceed with this tool use.", None, "denied"),
        ("Permission to run it was denied: the user rejected it", None, "denied"),
        ("the docs say that a call was denied\n" * 100, None, "fine"),
    ],
)  # fmt: skip
def test_how_a_call_ended(result: str, outcome: CallOutcome | None, end: str) -> None:
    assert ended(result, outcome)[0] == end
