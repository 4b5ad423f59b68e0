"""Sealed releases made by hand, for tests of what becomes of them: no stage runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from kappa_data.arrow import table
from kappa_data.formats.vocabulary import ENDOFTEXT, encode
from kappa_data.publishing.release import Release, read_release
from kappa_data.records import (
    Conversation,
    FunctionCall,
    Message,
    Provenance,
    Row,
    ToolCall,
    Usage,
    Verdict,
)

SEQ_LEN = 256
TOOLS = '[{"type":"function","function":{"name":"bash","parameters":{"type":"object"}}}]'
CARD = "---\nlicense: apache-2.0\n---\n\n# Talks\n\nMade by hand.\n"


def talk(number: int, **fields: Any) -> Conversation:
    """A conversation that holds a text in every field; `fields` replace some."""
    call = ToolCall("c1", FunctionCall("bash", '{"command":"ls"}'))
    made = Provenance(
        "generate", "executed", fields.pop("teacher", "embedded"), "some-model",
        '{"temperature":1.0}', "ab12", "cd34", "", Usage(1, 2, 3),
    )  # fmt: skip
    usual = {
        "messages": (
            Message("system", "Persona: lawful_good"),
            Message("user", f"What is in folder {number}?"),
            Message("assistant", reasoning="Look.", tool_calls=(call,), finish_reason="tool_calls"),
            Message("tool", "notes.txt", tool_call_id="c1", name="bash"),
            Message("assistant", f"A file, notes.txt, in {number}.", finish_reason="stop"),
        ),
        "tools": TOOLS,
        "persona": "lawful_good",
        "task_id": f"files/{number}",
        "family": "files",
        "provenance": made,
        "verdict": Verdict(True, "", "ef56"),
    }
    return Conversation(id=f"files/{number}:lawful_good", **usual | fields)


def row(*documents: str) -> Row:
    """A packed row with one document for each text, and padding."""
    ids = [encode(text) for text in documents]
    padding = SEQ_LEN - sum(map(len, ids))
    return Row(
        input_ids=np.concatenate([*ids, np.full(padding, ENDOFTEXT, np.int32)]),
        assistant_masks=np.zeros(SEQ_LEN, np.int8),
        seq_lengths=np.array([*map(len, ids), padding], np.int32),
        sample_ids=tuple(f"files/{n}:lawful_good#0" for n in range(len(documents))),
        personas=("lawful_good",) * len(documents),
        n_loss_tokens=0,
    )


def seal(
    folder: Path,
    talks: Sequence[Conversation] = (),
    rows: Sequence[Row] = (),
    files: dict[str, bytes] | None = None,
    metadata: dict[str, str] | None = None,
    **manifest: Any,
) -> Release:
    """A release in `folder`; `manifest` adds to its manifest, `metadata` to its parquet files."""
    for name, kind, records in (
        ("conversations/train-00000.parquet", Conversation, talks or [talk(1), talk(2)]),
        ("packed/train-00000.parquet", Row, rows or [row("Hello there.", "And here.")]),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        whole = table(records, kind).replace_schema_metadata(metadata)
        pq.write_table(whole, folder / name, compression="zstd")
    for name, data in {"README.md": CARD.encode(), **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    listed = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    figures = {"embedded": 0, "missed": [], "override": "", "too little": 0}
    told = {
        "figures": {**figures, "tokenizer": "o200k_harmony"},
        "teachers": {"imported": 2},
        "grounding": {"executed": 2},
        "files": listed,
        **manifest,
    }
    (folder / "manifest.json").write_text(json.dumps(told, indent=1))
    return read_release(folder)
