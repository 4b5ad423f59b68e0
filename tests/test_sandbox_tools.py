"""The rules of each tool, and the limits of a call."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile.boxes import bash, in_box, results
from kappa_data.errors import UsageError
from kappa_data.sandbox import ToolResult, output, programs
from kappa_data.sandbox.box import BubblewrapBox
from kappa_data.sandbox.toolset import tool_set


def test_bash_shows_output_and_exit_code() -> None:
    both, silent, killed = results(
        ("bash", {"command": "echo out; echo err >&2; exit 3"}),
        ("bash", {"command": "false"}),
        ("bash", {"command": "kill -9 $$"}),
    )
    assert both == ToolResult("out\nerr\n[exit code 3]", exit_code=3)
    assert silent == ToolResult("[exit code 1]", exit_code=1)
    assert killed == ToolResult("[exit code 137]", exit_code=137)


def test_bash_calls_share_files_but_no_shell() -> None:
    first, second = results(
        ("bash", {"command": "cd /tmp && echo kept > ~/file && export X=1"}),
        ("bash", {"command": "pwd; echo x$X; cat file"}),
    )
    assert first.exit_code == 0
    assert second.content == "/workspace\nx\nkept\n"


def test_the_box_looks_the_same_everywhere() -> None:
    command = "hostname; id -un; id -u; date +%Z; echo $LC_ALL $PYTHONHASHSEED $HOME; umask"
    assert bash(command).content == "box\nuser\n1000\nUTC\nC.UTF-8 0 /workspace\n0022\n"


def test_file_times_are_on_a_grid() -> None:
    calls = [
        ("bash", {"command": "mkdir d; echo 1 > d/new; touch -d 2020-02-02T02:02:02Z old"}),
        ("bash", {"command": "echo 2 > later"}),
        ("bash", {"command": "stat -c '%n %Y %X' given d/new old later"}),
    ]
    start = 1_735_689_600  # 2025-01-01T00:00:00Z
    old = 1_580_608_922
    expected = f"given {start} {start}\nd/new {start + 60} {start + 60}\nold {old} {old}\n"
    content = results(*calls, fixture={"given": "x"})[2].content
    assert content == expected + f"later {start + 120} {start + 120}\n"


def test_git_commits_have_the_same_hash_in_every_box() -> None:
    if not programs.find("git"):
        pytest.skip("git is not installed; only the git tasks need it")
    command = "git init -q . && echo 1 > a && git add a && git commit -qm one && git rev-parse HEAD"
    first, second = bash(command), bash(command)
    assert first == second
    assert first.exit_code == 0


def test_read_file_by_lines() -> None:
    text = "".join(f"line {n}\n" for n in range(1, 11))
    read = [
        result.content
        for result in results(
            ("read_file", {"path": "ten.txt"}),
            ("read_file", {"path": "/workspace/ten.txt", "offset": 3, "limit": 2}),
            ("read_file", {"path": "ten.txt", "offset": 9}),
            ("read_file", {"path": "ten.txt", "limit": 9}),
            ("read_file", {"path": "bare.txt"}),
            ("read_file", {"path": "empty.txt"}),
            fixture={"ten.txt": text, "bare.txt": "no newline", "empty.txt": ""},
        )
    ]
    assert read == [
        text,
        "line 3\nline 4\n[6 more lines; go on with offset 5]",
        "line 9\nline 10\n",
        text[: text.index("line 10")] + "[1 more line; go on with offset 10]",
        "no newline",
        "[the file is empty]",
    ]


def test_read_file_stops_at_a_whole_line_and_can_go_on() -> None:
    """Following the notes gives back the whole of a file that fits no single result."""
    text = "".join(f"{n} {'x' * (n % 37)}\n" for n in range(400))

    async def use(box: BubblewrapBox) -> str:
        whole, offset = "", 1
        while True:
            result = await box.call("read_file", {"path": "long.txt", "offset": offset})
            assert len(result.content) <= 1000
            assert not result.truncated
            lines, _, note = result.content.rpartition("\n")
            if not note:
                return whole + result.content
            whole += lines + "\n"
            offset = int(note.rstrip("]").split()[-1])

    assert in_box(use, {"long.txt": text}, output_chars=1000) == text


def test_read_file_errors() -> None:
    command = "printf 'a\\0b' > binary; mkdir folder; truncate -s 20M huge; ln -s loop loop"
    said = results(
        ("bash", {"command": command}),
        *(("read_file", {"path": p}) for p in ("none", "folder", "binary", "huge", "loop", "")),
        ("read_file", {"path": "one", "offset": 3}),
        fixture={"one": "1\n"},
    )[1:]
    assert all(result.error and result.exit_code is None for result in said)
    assert [result.content.removeprefix("read_file: ") for result in said] == [
        "none: No such file or directory",
        "folder: Is a directory",
        "binary: a binary file of 3 bytes",
        "huge: larger than 8 MB; use bash to look at it",
        "loop: Too many levels of symbolic links",
        ": No such file or directory",
        "one: offset 3 is past its last line, 1",
    ]


def test_write_file_makes_folders_and_replaces() -> None:
    new, again, shown, blocked = results(
        ("write_file", {"path": "a/b/c.txt", "content": "ä\n"}),
        ("write_file", {"path": "a/b/c.txt", "content": "x"}),
        ("bash", {"command": "cat a/b/c.txt"}),
        ("write_file", {"path": "a/b/c.txt/d", "content": ""}),
    )
    assert new.content == "Created a/b/c.txt (3 bytes)."
    assert again.content == "Replaced a/b/c.txt (1 byte)."
    assert shown.content == "x"
    assert blocked.error
    assert "a/b/c.txt" in blocked.content


def test_edit_file_wants_the_file_read_first() -> None:
    edit = ("edit_file", {"path": "./f.txt", "old_string": "b", "new_string": "B"})
    before, _, after, shown = results(
        edit,
        ("read_file", {"path": "f.txt"}),
        edit,
        ("bash", {"command": "cat f.txt"}),
        fixture={"f.txt": "a\nb\n"},
    )
    assert before.error
    assert before.content == "edit_file: ./f.txt: read it with read_file before you edit it"
    assert after.content == "Replaced 1 occurrence in ./f.txt, at line 2."
    assert shown.content == "a\nB\n"


def test_edit_file_after_write_file_but_not_after_bash() -> None:
    edit = {"old_string": "1", "new_string": "2"}
    said = results(
        ("write_file", {"path": "w", "content": "1"}),
        ("edit_file", {"path": "w", **edit}),
        ("bash", {"command": "echo 1 > s; cat s"}),
        ("edit_file", {"path": "s", **edit}),
    )
    assert [said[1].error, said[3].error] == [False, True]


def test_many_long_paths_are_remembered() -> None:
    """Together far more than the buffer of a pipe."""
    folder = "/".join(["x" * 200] * 18)
    paths = [f"{folder}/{number}" for number in range(30)]
    edit = {"path": paths[0], "old_string": "1", "new_string": "2"}
    said = results(
        *(("write_file", {"path": path, "content": "1"}) for path in paths),
        ("edit_file", edit),
    )
    assert not any(result.error for result in said)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("zz", "y", "old_string does not occur; it must occur exactly once"),
        ("ab", "y", "old_string occurs 2 times; it must occur exactly once"),
        ("aba", "y", "old_string occurs 2 times; it must occur exactly once"),
        ("", "y", "old_string is empty"),
        ("c", "c", "old_string and new_string are the same"),
    ],
)
def test_edit_file_errors_leave_the_file_alone(old: str, new: str, complaint: str) -> None:
    said = results(
        ("read_file", {"path": "f"}),
        ("edit_file", {"path": "f", "old_string": old, "new_string": new}),
        ("bash", {"command": "cat f"}),
        fixture={"f": "ababac"},
    )
    assert said[1].error
    assert complaint in said[1].content
    assert said[2].content == "ababac"


def test_edit_file_keeps_what_is_not_text() -> None:
    said = results(
        ("bash", {"command": "printf 'x\\xff' > f; cksum f"}),
        ("read_file", {"path": "f"}),
        ("edit_file", {"path": "f", "old_string": "x", "new_string": "y"}),
        ("bash", {"command": "cksum f"}),
    )
    assert said[1].content == "x\ufffd"
    assert said[2].error
    assert said[0].content == said[3].content


WRONG_CALLS: list[tuple[str, Any, str]] = [
    ("bsh", {}, 'there is no tool "bsh"; did you mean "bash"?'),
    ("", {}, "there are: bash, edit_file, read_file, write_file"),
    ("__init__", {}, "there is no tool"),
    ("\ud800\x1b", {}, "there is no tool"),
    ("bash", {}, 'the argument "command" is missing'),
    ("bash", {"command": 3}, 'the argument "command" must be a string'),
    ("bash", {"command": None}, 'the argument "command" must be a string'),
    ("bash", {"command": "a", "timeout": 9}, 'has no argument "timeout"; it takes: command'),
    ("bash", {"command": "a\0b"}, "NUL"),
    ("bash", {"command": "\ud800"}, "surrogate"),
    ("bash", {"command": "x" * 100_001}, "100,001 bytes; at most 100,000"),
    ("bash", ["ls"], "must be a JSON object"),
    ("read_file", {"path": "a", "offset": "1"}, 'argument "offset" must be an integer'),
    ("read_file", {"path": "a", "offset": True}, 'argument "offset" must be an integer'),
    ("read_file", {"path": "a", "offset": 1.5}, 'argument "offset" must be an integer'),
    ("read_file", {"path": "a", "offset": 0}, 'argument "offset" must be at least 1'),
    ("read_file", {"path": "a", "limit": 10**30}, 'argument "limit" is too large'),
    ("read_file", {"path": "a" * 5000}, "File name too long"),
    ("write_file", {"path": "a", "content": "x" * (2**20 + 1)}, "at most 1,048,576"),
]


def test_a_wrong_call_is_told_what_is_wrong() -> None:
    calls = [(tool, arguments) for tool, arguments, _ in WRONG_CALLS]
    said = results(*calls, workspace_mb=1)
    for result, (_, _, complaint) in zip(said, WRONG_CALLS, strict=True):
        assert result.error
        assert complaint in result.content
        result.content.encode()  # valid text, whatever the call was


def test_definitions_are_json_schemas_in_the_order_asked_for() -> None:
    names = ["write_file", "bash", "edit_file", "read_file"]
    found = tool_set().only(names).definitions()
    assert [definition["function"]["name"] for definition in found] == names
    for definition in found:
        jsonschema.Draft202012Validator.check_schema(definition["function"]["parameters"])
    with pytest.raises(UsageError, match=r'"edit_fiel".*did you mean "edit_file"'):
        tool_set().only(["edit_fiel"])


# --- limits


def test_time_limit() -> None:
    late, after = results(
        ("bash", {"command": "echo begun; sleep 60"}),
        ("bash", {"command": "echo alive"}),
        call_seconds=0.5,
    )
    note = "timed out after 0.5 s; it and all that it started were stopped"
    assert late == ToolResult(f"begun\n[{note}]", error=True, limit="call time")
    assert after.content == "alive\n"


def test_a_straggler_neither_blocks_nor_survives() -> None:
    first, second = results(
        ("bash", {"command": "(setsid sleep 61 &); setsid nohup sleep 61 & echo done"}),
        ("bash", {"command": "ps -e -o args= | grep -c '[s]leep 61'"}),
    )
    assert first == ToolResult("done\n", exit_code=0)
    assert second.content == "0\n[exit code 1]"


WAIT = "import time; time.sleep(8)"
SOCKETS = f"import socket; x = [socket.socketpair() for _ in range(100)]; {WAIT}"


@pytest.mark.parametrize(
    ("command", "setting", "limit"),
    [
        (f"for i in 1 2 3 4; do python3 -c 'x=bytearray(90<<20);{WAIT}' & done; wait", "memory_mb",
         "memory"),
        (f"head -c 60M /dev/zero > f; python3 -c 'x=bytearray(150<<20);{WAIT}'", "memory_mb",
         "memory"),
        ("for i in $(seq 3000); do : > f$i; done; sleep 8", "files", "files"),
        (f"for i in 1 2 3 4; do python3 -c '{SOCKETS}' & done; wait", "processes", "sockets"),
    ],
    ids=["memory", "memory-of-files", "files", "sockets"],
)  # fmt: skip
def test_limits_of_the_whole_box(command: str, setting: str, limit: str) -> None:
    stopped, after = results(
        ("bash", {"command": command}), ("bash", {"command": "echo alive"}), **{setting: 200}
    )
    assert stopped.limit == limit
    assert not stopped.timed_out
    if limit == "memory":  # as a shell tells it, whose command the kernel killed
        assert stopped == ToolResult("Killed\n[exit code 137]", exit_code=137, limit="memory")
    else:
        assert stopped.error
        assert "[stopped: " in stopped.content
    assert after == ToolResult("alive\n", exit_code=0)


def test_a_full_disk_is_told_by_the_system_and_recorded() -> None:
    filled, written, printed, emptied = results(
        ("bash", {"command": "head -c 9M /dev/zero > big"}),
        ("write_file", {"path": "more", "content": "x" * 9000}),
        ("bash", {"command": "echo 'No space left on device'; exit 1"}),
        ("bash", {"command": "rm big; echo x > more; cat more"}),
        workspace_mb=8,
    )
    assert "No space left on device" in filled.content
    assert (filled.exit_code, filled.limit) == (1, "disk")
    assert written.content.endswith("No space left on device")
    assert (written.error, written.limit) == (True, "disk")
    assert printed.limit is None  # the words alone are no limit, nor is what an earlier call did
    assert emptied == ToolResult("x\n", exit_code=0)


def test_a_disk_that_is_exactly_full_hit_no_limit() -> None:
    everything = bash("head -c 8M /dev/zero > f; stat -c %s f", workspace_mb=8)
    assert everything == ToolResult("8388608\n", exit_code=0)


def test_too_many_processes_are_told_by_the_shell_and_recorded() -> None:
    refused, enough = results(
        ("bash", {"command": "for i in $(seq 30); do sleep 0.5 & done; wait; echo end"}),
        ("bash", {"command": "for i in $(seq 19); do sleep 0.3 & done; wait; echo end"}),
        processes=20,
    )
    assert "fork: retry: Resource temporarily unavailable" in refused.content
    assert refused.content.endswith("end\n")
    assert (refused.exit_code, refused.limit, refused.error) == (0, "processes", False)
    assert enough == ToolResult("end\n", exit_code=0)


def test_the_time_of_all_calls_together() -> None:
    first, cut, refused = results(
        ("bash", {"command": "sleep 0.7; echo fine"}),
        ("bash", {"command": "sleep 20"}),
        ("write_file", {"path": "f", "content": "x"}),
        box_seconds=1,
    )
    assert first == ToolResult("fine\n", exit_code=0)
    for result in (cut, refused):
        assert (result.error, result.limit, result.timed_out) == (True, "box time", True)
        assert result.content == (
            "[timed out: the 1 s for all calls of this conversation are used up]"
        )


def test_memory_that_a_file_tool_lacks_is_no_bug_of_ours() -> None:
    text = "x\n" * 3_000_000
    tight = results(("read_file", {"path": "big"}), fixture={"big": text}, memory_mb=40)[0]
    assert tight == ToolResult("read_file: Cannot allocate memory", error=True, limit="memory")


def test_too_many_files_can_be_removed_again() -> None:
    async def use(box: BubblewrapBox) -> list[ToolResult]:
        return [
            await box.call("bash", {"command": command})
            for command in (
                "for i in $(seq 3000); do : > f$i; done; sleep 8",
                "sleep 0.1; rm -f f*; sleep 0.1; ls | wc -l",
            )
        ]

    stopped, removed = in_box(use, files=500)
    assert stopped.error
    assert removed == ToolResult("0\n", exit_code=0)


def test_a_full_disk_is_an_error_of_the_tool() -> None:
    fill, write, after = results(
        ("bash", {"command": "head -c 5M /dev/zero > fill; rm -f none"}),
        ("write_file", {"path": "big", "content": "x" * 900_000}),
        ("bash", {"command": "rm fill; echo room > big; cat big"}),
        workspace_mb=1,
    )
    assert fill.exit_code == 0
    assert write.error
    assert "No space left on device" in write.content
    assert after.content == "room\n"


def test_long_output_keeps_head_and_tail() -> None:
    result = bash("seq 100000", output_chars=100)
    whole = "".join(f"{n}\n" for n in range(1, 100_001))
    cut = len(whole) - 100
    assert result.content == f"{whole[:50]}\n[... {cut:,} characters cut ...]\n{whole[-50:]}"
    assert result.truncated
    assert not result.error


@given(st.text(), st.integers(min_value=2, max_value=50))
def test_clip_accounts_for_every_character(text: str, limit: int) -> None:
    clipped, truncated = output.clip(text, limit)
    assert truncated == (len(text) > limit)
    if truncated:
        head, tail = text[: limit // 2], text[-(limit - limit // 2) :]
        note = clipped[len(head) : len(clipped) - len(tail)]
        assert clipped.startswith(head)
        assert clipped.endswith(tail)
        assert int(note.split()[1].replace(",", "")) + len(head) + len(tail) == len(text)
    else:
        assert clipped == text


@given(st.binary())
def test_visible_is_printable_and_leaves_text_alone(data: bytes) -> None:
    text = output.visible(data)
    assert all(
        c in "\n\t" or (c >= " " and c != "\x7f" and not "\x80" <= c <= "\x9f") for c in text
    )
    assert output.visible(text.encode()) == text


@given(
    st.lists(st.sampled_from([b"a", b"\x01", b"\r", b"\xc2\x85", b"\xff", "\u202e".encode()])),
    st.integers(min_value=2, max_value=20),
)
def test_what_is_shown_is_what_clipping_all_of_it_would_show(data: list[bytes], limit: int) -> None:
    whole = b"".join(data)
    assert output.shown(whole, limit) == output.clip(output.visible(whole), limit)
