"""Sealed outputs: what is written comes back, what is torn is never read, one run at a time."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data import disk, store
from kappa_data.arrow import schema
from kappa_data.config import PackConfig
from kappa_data.errors import StageError, Stopped, UsageError
from kappa_data.progress import Quiet
from kappa_data.records import Conversation, FunctionCall, Message, Row, Sample, Slot, ToolCall
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build, key_of, key_parts

TEXT = st.text(max_size=20)
CALLS = st.lists(st.builds(ToolCall, TEXT, st.builds(FunctionCall, TEXT, TEXT)), max_size=2)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["user", "assistant", "tool"]),
    content=TEXT,
    reasoning=st.none() | TEXT,
    tool_calls=CALLS.map(tuple),
    tool_call_id=st.none() | TEXT,
    train=st.booleans(),
)
CONVERSATIONS = st.builds(
    Conversation,
    id=TEXT,
    messages=st.lists(MESSAGES, max_size=4).map(tuple),
    tools=st.none() | TEXT,
    persona=st.none() | TEXT,
)


def write(folder: Path, records: list, kind: type, per_shard: int = 100) -> store.RecordSet:
    with store.ShardWriter(folder, "x", kind, per_shard=per_shard) as writer:
        for record in records:
            writer.write(record)
    return store.record_set(folder, "x", kind, [writer.piece])


@given(records=st.lists(CONVERSATIONS, max_size=5))
@settings(max_examples=60, deadline=None)
def test_conversations_come_back_as_they_were(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("x")
    result = write(folder, records, Conversation)
    assert list(store.read_shard(folder / result.shards[0], Conversation)) == records
    assert result.records == len(records)


def test_digest_is_over_rows_not_files(tmp_path):
    records = [Slot(str(n), "t", "f", None, "train") for n in range(50)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = write(tmp_path / "a", records, Slot)
    two = write(tmp_path / "b", records, Slot, per_shard=7)
    assert len(two.shards) == 8
    assert one.digest == two.digest
    assert write(tmp_path / "a", records[::-1], Slot).digest != one.digest


def test_a_packed_row_is_one_row_group_without_dictionary(tmp_path):
    rows = [
        Row(
            input_ids=np.arange(131_072, dtype=np.int32),
            assistant_masks=np.zeros(131_072, dtype=np.int8),
            seq_lengths=np.array([131_072], dtype=np.int32),
            sample_ids=("a",),
            personas=("none",),
            n_loss_tokens=0,
        )
    ] * 3
    result = write(tmp_path, rows, Row)
    meta = pq.ParquetFile(tmp_path / result.shards[0]).metadata
    assert meta.num_row_groups == 3
    ids = meta.row_group(0).column(schema(Row).get_field_index("input_ids"))
    assert "PLAIN_DICTIONARY" not in ids.encodings and "RLE_DICTIONARY" not in ids.encodings
    back = next(store.read_shard(tmp_path / result.shards[0], Row))
    assert back.input_ids.dtype == np.int32 and (back.input_ids == rows[0].input_ids).all()


# --- row groups, parts and the digests beside a shard --------------------------------------------


def said(number: int) -> Conversation:
    call = ToolCall(f"c{number}", FunctionCall("f", f'{{"n": {number}}}'))
    messages = (
        Message("user", f"{number}? " * (1 + number % 5)),
        Message("assistant", tool_calls=(call,) * (number % 3), reasoning="r" * (number % 2)),
    )
    return Conversation(f"id {number}", messages, persona=None if number % 4 else "lawful_good")


def sha256s(records: list) -> bytes:
    """Of every record, by its fields as msgpack, numpy arrays as their bytes."""
    encode = msgspec.msgpack.Encoder(enc_hook=lambda array: array.tobytes()).encode
    return b"".join(hashlib.sha256(encode(each)).digest() for each in records)


def sealed_of(folder: Path, records: list, kind: type) -> store.Sealed:
    """One shard, as a stage that works in parts writes it."""
    folder.mkdir(exist_ok=True)
    with store.ShardWriter(folder, "x", kind, 0, None) as writer:
        for record in records:
            writer.write(record)
    made = {"x": store.record_set(folder, "x", kind, [writer.piece])}
    manifest = store.Manifest("s", 1, "k", {}, {}, {}, made, {}, {}, 0.0, "", "")
    return store.Sealed(folder, manifest)


def remove(beside: Path) -> None:
    beside.unlink()


def truncate(beside: Path) -> None:
    beside.write_bytes(beside.read_bytes()[:-5])


def lose_a_few(beside: Path) -> None:
    beside.write_bytes(beside.read_bytes()[: -3 * store.DIGEST_SIZE])


def empty(beside: Path) -> None:
    beside.write_bytes(b"")


def grow(beside: Path) -> None:
    beside.write_bytes(bytes(store.DIGEST_SIZE) + beside.read_bytes())


DAMAGES = [None, remove, truncate, lose_a_few, empty, grow]


@pytest.mark.parametrize("damage", DAMAGES)
def test_digests_are_those_of_the_records_whatever_lies_beside(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 7)
    records = [said(number) for number in range(40)]
    sealed = sealed_of(tmp_path / "a", records, Conversation)
    (beside,) = (tmp_path / "a").glob("*.sha256")
    assert beside.read_bytes() == sha256s(records)
    if damage:
        damage(beside)
    group_bytes = pq.read_metadata(sealed.shards("x")[0]).row_group(0).total_byte_size
    monkeypatch.setattr(store, "PART_BYTES", group_bytes + 1)
    parts = sealed.parts("x")
    assert len(parts) > 1 and any(part.last - part.first > 1 for part in parts)
    assert [part.start for part in parts] == [
        sum(each.records for each in parts[:number]) for number in range(len(parts))
    ]
    draw, seen = random.Random(3), 0
    for part in parts:
        assert part.ids() == [f"id {seen + at}" for at in range(part.records)]
        for group in part.groups(Conversation):
            own = records[seen : seen + len(group)]
            seen += len(group)
            batch, digests = group.without(())
            assert digests == sha256s(own) and len(batch) == len(own)
            for count in (1, len(own) // 2, len(own)):
                out = draw.sample(range(len(own)), count)
                left = [each for at, each in enumerate(own) if at not in out]
                batch, digests = group.without(set(out))
                assert digests == sha256s(left)
                assert batch.column("id").to_pylist() == [each.id for each in left]
            assert group.records == own
    assert seen == 40


def test_a_shard_of_which_all_is_passed_on_is_linked_and_else_written(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 6)
    records = [said(number) for number in range(20)]
    sealed = sealed_of(tmp_path / "a", records, Conversation)
    (part,) = sealed.parts("x")
    (shard,) = sealed.shards("x")
    assert part.whole_shard() == shard

    def passed(name: str, out: dict[int, set[int]], first: list = (), last: list = ()) -> Path:
        with store.ShardWriter(tmp_path, name, Conversation, 0, None, source=shard) as writer:
            for each in first:
                writer.write(each)
            for number, group in enumerate(part.groups(Conversation)):
                writer.write_group(*group.without(out.get(number, ())))
            for each in last:
                writer.write(each)
        (written,) = (tmp_path / each for each in writer.piece.shards)
        expected = list(store.read_shard(written, Conversation))
        assert writer.piece.digests == written.with_suffix(".sha256").read_bytes()
        assert writer.piece.digests == sha256s(expected)
        gone = {6 * number + at for number, places in out.items() for at in places}
        kept = [each for at, each in enumerate(records) if at not in gone]
        assert expected == [*first, *kept, *last]
        return written

    before = shard.read_bytes()
    assert passed("all", {}).samefile(shard)
    assert passed("all", {}).samefile(shard)
    assert not passed("all", {0: {0}}).samefile(shard)
    assert shard.read_bytes() == before, "written through the link"
    more = [said(77)]
    for name, out, first, last in (
        ("less", {1: {2}}, [], []),
        ("without a group", {1: set(range(6))}, [], []),
        ("without the end", {3: {0, 1}}, [], []),
        ("before", {}, more, []),
        ("behind", {}, [], more),
        ("as many", {0: {0}}, [], more),
    ):
        assert not passed(name, out, first, last).samefile(shard)

    def no_link(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", no_link)
    copy = passed("copied", {})
    assert copy.read_bytes() == shard.read_bytes() and not copy.samefile(shard)


def test_a_shard_made_of_one_part_has_the_digests_of_its_records(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 3)
    monkeypatch.setattr(store, "PART_BYTES", 4_000)
    records = [said(number) for number in range(60)]
    with store.ShardWriter(tmp_path, "x", Conversation, parts=True) as writer:
        for each in records:
            writer.write(each)
    shards = [tmp_path / each for each in writer.piece.shards]
    assert len(shards) > 2
    seen = []
    for shard in shards:
        own = list(store.read_shard(shard, Conversation))
        assert shard.with_suffix(".sha256").read_bytes() == sha256s(own)
        seen += own
    assert seen == records and writer.piece.digests == sha256s(records)


class SomeOfCall(msgspec.Struct):
    function: FunctionCall


class SomeOfMessage(msgspec.Struct):
    content: str
    tool_calls: tuple[SomeOfCall, ...]
    train: bool


class SomeOfConversation(msgspec.Struct):
    messages: tuple[SomeOfMessage, ...]
    persona: str | None


@given(records=st.lists(CONVERSATIONS, min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_some_fields_are_read_as_they_are_in_the_whole(tmp_path_factory, records):
    (part,) = sealed_of(tmp_path_factory.mktemp("x"), records, Conversation).parts("x")
    expected = [
        SomeOfConversation(
            tuple(
                SomeOfMessage(
                    message.content,
                    tuple(SomeOfCall(call.function) for call in message.tool_calls),
                    message.train,
                )
                for message in each.messages
            ),
            each.persona,
        )
        for each in records
    ]
    assert list(part.read_some(SomeOfConversation)) == expected


@pytest.mark.parametrize("known", [True, False])
def test_groups_pass_through_a_writer_as_if_written_one_by_one(tmp_path, monkeypatch, known):
    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 6)
    records = [said(number) for number in range(31)]
    sealed = sealed_of(tmp_path / "a", records, Conversation)
    if not known:
        remove(*(tmp_path / "a").glob("*.sha256"))
    expected = []
    with store.ShardWriter(tmp_path, "y", Conversation, 0, None) as writer:
        (part,) = sealed.parts("x")
        for number, group in enumerate(part.groups(Conversation)):
            if number % 3 == 0:  # one by one between whole groups: the order must stay
                changed = [msgspec.structs.replace(each, split="test") for each in group.records]
                for each in changed:
                    writer.write(each)
                expected += changed
            else:
                out = range(len(group)) if number == 4 else {1, 3} if number == 2 else ()
                writer.write_group(*group.without(out))
                expected += [each for at, each in enumerate(group.records) if at not in out]
    piece = writer.piece
    assert list(store.read_shard(tmp_path / piece.shards[0], Conversation)) == expected
    assert (piece.digests, piece.records) == (sha256s(expected), len(expected))
    assert (tmp_path / "y-00000.sha256").read_bytes() == piece.digests
    plain = sealed_of(tmp_path / "b", expected, Conversation).manifest.sets["x"]
    whole = store.record_set(tmp_path, "y", Conversation, [piece])
    assert (whole.digest, whole.records) == (plain.digest, plain.records)


def test_only_empty_groups_make_no_file(tmp_path):
    sealed = sealed_of(tmp_path / "a", [said(1), said(2)], Conversation)
    with store.ShardWriter(tmp_path, "y", Conversation, 0, None) as writer:
        (part,) = sealed.parts("x")
        for group in part.groups(Conversation):
            writer.write_group(*group.without({0, 1}))
    assert writer.piece == store.Piece((), b"")
    empty_set = store.record_set(tmp_path, "y", Conversation, [writer.piece])
    assert empty_set.digest == hashlib.sha256().hexdigest()
    manifest = msgspec.structs.replace(sealed.manifest, sets={"y": empty_set})
    nothing = store.Sealed(tmp_path, manifest)
    assert list(nothing.read("y", Conversation)) == []
    assert sum(part.records for part in nothing.parts("y")) == 0


@pytest.mark.parametrize("kind", [Sample, Row])
def test_arrays_survive_a_group_that_loses_some(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(store, "RECORDS_PER_GROUP", 5)
    ids = [np.arange(n, 3 * n + 1, dtype=np.int32) for n in range(12)]
    zeros = [np.zeros(len(each), dtype=np.int8) for each in ids]
    records = [
        Sample(f"{n}", "c", None, "train", 1, 0, ids[n], zeros[n])
        if kind is Sample
        else Row(ids[n], zeros[n], np.array([len(ids[n])], np.int32), (f"{n}",), ("none",), 0)
        for n in range(12)
    ]
    sealed = sealed_of(tmp_path / "a", records, kind)
    with store.ShardWriter(tmp_path, "y", kind, 0, None) as writer:
        for part in sealed.parts("x"):
            for group in part.groups(kind):
                writer.write_group(*group.without({0, 3}))
    left = [each for at, each in enumerate(records) if at not in (0, 3, 5, 8, 10)]
    back = list(store.read_shard(tmp_path / "y-00000.parquet", kind))
    assert sha256s(back) == sha256s(left) == writer.piece.digests


@given(
    cuts=st.lists(st.integers(0, 30), max_size=4),
    group=st.integers(1, 31),
    size=st.integers(1, 900),
)
@settings(max_examples=25, deadline=None)
def test_a_set_s_digest_does_not_know_its_pieces_groups_or_parts(
    tmp_path_factory, cuts, group, size
):
    folder = tmp_path_factory.mktemp("x")
    records = [Slot(str(n), "t" * n, "f", None, "train") for n in range(31)]
    ends = [0, *sorted(cuts), 31]
    pieces = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "RECORDS_PER_GROUP", group)
        for number, (start, end) in enumerate(itertools.pairwise(ends)):
            with store.ShardWriter(folder, "x", Slot, number, None) as writer:
                for each in records[start:end]:
                    writer.write(each)
            pieces.append(writer.piece)
        made = store.record_set(folder, "x", Slot, pieces)
        assert made.digest == hashlib.sha256(sha256s(records)).hexdigest()
        manifest = store.Manifest("s", 1, "k", {}, {}, {}, {"x": made}, {}, {}, 0.0, "", "")
        patch.setattr(store, "PART_BYTES", size)
        parts = store.Sealed(folder, manifest).parts("x")
        assert [each for part in parts for each in part.read(Slot)] == records
        assert [each for part in parts for each in part.ids()] == [each.id for each in records]


def test_a_damaged_shard_is_one_line_whoever_reads_it(tmp_path):
    sealed = sealed_of(tmp_path / "a", [said(1)], Conversation)
    with pytest.raises(StageError, match=r"cannot be read.*columns are not those of Slot"):
        list(sealed.read("x", Slot))
    (shard,) = sealed.shards("x")
    (part,) = sealed.parts("x")
    shard.write_bytes(shard.read_bytes()[:-40])
    for read in (
        lambda: list(sealed.read("x", Conversation)),
        lambda: sealed.parts("x"),
        lambda: list(part.read(Conversation)),
        part.ids,
    ):
        with pytest.raises(StageError, match=r"x-00000\.parquet: cannot be read"):
            read()


def count_stage(version: int = 1, fail: bool = False, ran: list | None = None) -> Stage:
    def run(ctx: Context) -> Outcome:
        if ran is not None:
            ran.append(1)
        with ctx.writer("slots", Slot) as slots:
            for n in range(ctx.config.seq_len):
                slots.write(Slot(str(n), "t", "f", None, "train"))
                if fail:
                    raise RuntimeError("in the middle")
        return Outcome(rejected={"odd": 2})

    return Stage("count", version, run, ("slots",))


def made(stage: Stage, root: Path, config: PackConfig | None = None):
    return build(stage, config or PackConfig(seq_len=3), {}, Resources(), root, Quiet())


def test_a_stage_is_built_once(tmp_path):
    ran: list = []
    first, built = made(count_stage(ran=ran), tmp_path)
    again, rebuilt = made(count_stage(ran=ran), tmp_path)
    assert (built, rebuilt, ran) == (True, False, [1])
    assert first.digest == again.digest
    assert again.manifest.rejected == {"odd": 2}


def test_a_crash_leaves_nothing_that_looks_done(tmp_path):
    with pytest.raises(RuntimeError):
        made(count_stage(fail=True), tmp_path)
    assert [each.name.endswith(".building") for each in (tmp_path / "count").iterdir()] == [True]
    sealed, built = made(count_stage(), tmp_path)
    assert built and sealed.count("slots") == 3
    assert [each.name for each in (tmp_path / "count").iterdir()] == [sealed.dir.name]


def test_the_key_follows_identity_and_not_how_it_runs():
    from kappa_data.config import GenerateConfig, SandboxConfig

    stage = count_stage()

    def key(config, version=1, sandbox=None, boxed=False):
        stage = replace(count_stage(version), boxed=lambda config: boxed)
        return key_of(key_parts(stage, config, {}, Resources(), sandbox or SandboxConfig()))

    plain = key(GenerateConfig())
    assert key(GenerateConfig(concurrency=3, base_url="http://x", timeout=1.0, boxes=9)) == plain
    assert key(GenerateConfig(temperature=0.5)) != plain
    assert key(GenerateConfig(), version=2) != plain
    more = SandboxConfig(memory_mb=2048)
    assert key(GenerateConfig(), sandbox=more) == plain
    assert key(GenerateConfig(), boxed=True) != key(GenerateConfig(), boxed=True, sandbox=more)
    assert stage.name == "count"


def hold(folder: Path, ready) -> None:
    with disk.lock(folder):
        ready.set()
        signal.pause()


def test_a_held_folder_names_the_holder_and_a_killed_holder_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    try:
        assert ready.wait(20)
        with pytest.raises(UsageError, match=f"process {holder.pid};"), disk.lock(tmp_path):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
    with disk.lock(tmp_path):
        pass


def test_a_full_disk_is_resumable(tmp_path):
    full = Path("/dev/full")
    with (
        pytest.raises(Stopped, match="disk is full"),
        disk.disk_errors(tmp_path),
        full.open("wb", buffering=0) as file,
    ):
        file.write(b"x")
