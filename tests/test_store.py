"""Sealed outputs: what is written comes back, what is torn is never read, one run at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data import store
from kappa_data.arrow import schema
from kappa_data.config import PackConfig
from kappa_data.errors import Stopped, UsageError
from kappa_data.progress import Quiet
from kappa_data.records import Conversation, FunctionCall, Message, Row, Slot, ToolCall
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
    from kappa_data.config import GenerateConfig

    stage = count_stage()

    def key(config, inputs=None, version=1):
        return key_of(key_parts(count_stage(version), config, inputs or {}, Resources()))

    plain = key(GenerateConfig())
    assert key(GenerateConfig(concurrency=3, base_url="http://x", timeout=1.0, boxes=9)) == plain
    assert key(GenerateConfig(temperature=0.5)) != plain
    assert key(GenerateConfig(), version=2) != plain
    assert stage.name == "count"


def hold(folder: Path, ready) -> None:
    with store.lock(folder):
        ready.set()
        signal.pause()


def test_a_held_folder_names_the_holder_and_a_killed_holder_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    try:
        assert ready.wait(20)
        with pytest.raises(UsageError, match=f"process {holder.pid};"), store.lock(tmp_path):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
    with store.lock(tmp_path):
        pass


def test_a_full_disk_is_resumable(tmp_path):
    full = Path("/dev/full")
    with (
        pytest.raises(Stopped, match="disk is full"),
        store.disk_errors(tmp_path),
        full.open("wb", buffering=0) as file,
    ):
        file.write(b"x")
