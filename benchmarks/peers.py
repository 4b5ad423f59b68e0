"""The stack that a user would build for the same work, timed step by step on a slice.

    PEERS_PYTHON benchmarks/peers.py all SLICE.jsonl PAIRS.jsonl TRUTH.jsonl WORK_FOLDER
    PEERS_PYTHON benchmarks/peers.py tiktoken SLICE.jsonl WORK_FOLDER

Runs in an environment of its own (requirements-peers.txt) and prints one JSON object. Steps:
jsonschema on messages and call arguments; datasketch MinHash LSH within each persona, on the
assistant's word 5-grams, with 256 permutations in bands that find as much as ours, candidates
verified by exact Jaccard; transformers' apply_chat_template with assistant masks and TRL's training
template of gpt-oss; TRL's pack_dataset. All by `datasets.map` with two processes where it can be.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

RANKS = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
PROCESSES = 2
SEQ_LEN = 131_072
PERMUTATIONS, BANDS, ROWS = 256, 32, 8  # finds 99.6 % of the pairs at 0.8
THRESHOLD, NGRAM = 0.8, 5
FEW = 16  # conversations that show what a step costs before its first one
MESSAGES_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": ["system", "user", "assistant", "tool"]},
            "content": {"type": "string"},
            "reasoning": {"type": "string"},
            "tool_call_id": {"type": "string"},
            "tool_calls": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "function"],
                    "properties": {
                        "id": {"type": "string"},
                        "function": {
                            "type": "object",
                            "required": ["name", "arguments"],
                            "properties": {
                                "name": {"type": "string"},
                                "arguments": {"type": "string"},
                            },
                        },
                    },
                },
            },
        },
    },
}


def use_local_ranks(work: Path) -> None:
    """Puts the rank file that bpe-openai carries into tiktoken's own cache: nothing is fetched."""
    cache = work / "tiktoken"
    cache.mkdir(parents=True, exist_ok=True)
    packed = (files("bpe_openai") / "data" / "o200k_base.tiktoken.gz").read_bytes()
    (cache / hashlib.sha1(RANKS.encode()).hexdigest()).write_bytes(gzip.decompress(packed))
    os.environ["TIKTOKEN_CACHE_DIR"] = str(cache)


class Clock:
    """Wall and CPU seconds of steps, children that have ended included."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}

    def time(self, name: str, step: Callable[[], Any]) -> Any:
        wall, cpu = time.monotonic(), _cpu()
        result = step()
        self.steps[name] = {
            "wall": round(time.monotonic() - wall, 3),
            "cpu": round(_cpu() - cpu, 3),
        }
        return result


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def lean(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages less the nulls that Arrow puts for keys of other messages."""
    return [
        {key: each for key, each in message.items() if each is not None} for message in messages
    ]


# --- validate ------------------------------------------------------------------------------------


@functools.cache
def _messages_validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(MESSAGES_SCHEMA)


@functools.lru_cache(maxsize=256)
def _tool_validators(tools: str) -> dict[str, Any]:
    from jsonschema import Draft202012Validator

    functions = [each["function"] for each in json.loads(tools)]
    return {each["name"]: Draft202012Validator(each["parameters"]) for each in functions}


def valid(row: dict[str, Any]) -> bool:
    """Shape, calls that fit their tools, and a result for each call."""
    messages = lean(row["messages"])
    if not _messages_validator().is_valid(messages):
        return False
    validators = _tool_validators(row["tools"])
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                return False
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return False
        for call in message.get("tool_calls", ()):
            validator = validators.get(call["function"]["name"])
            try:
                arguments = json.loads(call["function"]["arguments"])
            except ValueError:
                return False
            if validator is None or not validator.is_valid(arguments):
                return False
            open_calls.add(call["id"])
    return True


# --- dedupe --------------------------------------------------------------------------------------


def assistant_text(messages: list[dict[str, Any]]) -> str:
    said = []
    for message in messages:
        if message["role"] == "assistant":
            said.append(message["content"])
            for call in message["tool_calls"] or ():
                said.append(f"{call['function']['name']} {call['function']['arguments']}")
    return "\n".join(said)


def shingles(messages: list[dict[str, Any]]) -> set[bytes]:
    words = assistant_text(messages).lower().split()
    return {" ".join(words[at : at + NGRAM]).encode() for at in range(len(words) - NGRAM + 1)}


@functools.cache
def _blank(hashing: str) -> Any:
    """An empty MinHash: copies share its permutations, as in datasketch's own bulk path."""
    import xxhash
    from datasketch import MinHash
    from datasketch.hashfunc import sha1_hash32

    hashfunc = xxhash.xxh32_intdigest if hashing == "xxhash" else sha1_hash32
    return MinHash(PERMUTATIONS, hashfunc=hashfunc)


def signature(row: dict[str, Any], hashing: str) -> dict[str, Any]:
    """The MinHash values, by datasketch's vectorised path."""
    made = _blank(hashing).copy()
    made.update_batch(shingles(row["messages"]))
    return {"signature": made.hashvalues}


def faster_hash(rows: list[dict[str, Any]]) -> tuple[str, dict[str, float]]:
    """Which of datasketch's hash functions is the faster here, and the seconds of both."""
    seconds = {}
    for hashing in ("sha1", "xxhash", "sha1", "xxhash"):  # the first of each warms up
        started = time.perf_counter()
        for row in rows:
            signature(row, hashing)
        seconds[hashing] = round(time.perf_counter() - started, 3)
    return min(seconds, key=lambda each: seconds[each]), seconds


def dropped(dataset: Any) -> dict[str, tuple[str, float]]:
    """What is left out: id -> (kept id, Jaccard); the earlier of two is kept."""
    from datasketch import MinHash, MinHashLSH

    indexes: dict[str, Any] = {}
    kept: dict[str, int] = {}
    found: dict[str, tuple[str, float]] = {}
    signatures = dataset.select_columns(["signature", "id", "persona"]).with_format("numpy")
    messages = dataset.select_columns(["messages"])
    sets = functools.lru_cache(maxsize=4096)(lambda at: shingles(messages[at]["messages"]))
    blank = _blank("xxhash")
    at = 0
    for batch in signatures.iter(1000):
        rows = zip(batch["id"], batch["persona"], batch["signature"], strict=True)
        for name, persona, values in rows:
            index = indexes.setdefault(
                str(persona),
                MinHashLSH(THRESHOLD, num_perm=PERMUTATIONS, params=(BANDS, ROWS)),
            )
            made = MinHash(hashvalues=values, permutations=blank.permutations, scheme=blank.scheme)
            best = (0.0, "")
            for other in index.query(made):
                ours, theirs = sets(at), sets(kept[other])
                best = max(best, (len(ours & theirs) / max(len(ours | theirs), 1), other))
            if best[0] >= THRESHOLD:
                found[str(name)] = (best[1], best[0])
            else:
                index.insert(str(name), made, check_duplication=False)
                kept[str(name)] = at
            at += 1
    return found


# --- tokenize ------------------------------------------------------------------------------------


def make_tokenizer(work: Path) -> Any:
    """A fast tokenizer with the ids of o200k_harmony and TRL's training template."""
    import tiktoken
    import trl
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    reference = tiktoken.get_encoding("o200k_harmony")
    ranks = work / "tiktoken" / hashlib.sha1(RANKS.encode()).hexdigest()
    converter = TikTokenConverter(vocab_file=str(ranks), pattern=reference._pat_str)
    made = PreTrainedTokenizerFast(tokenizer_object=converter.converted())
    by_id = {number: name for name, number in reversed(reference._special_tokens.items())}
    specials = [(by_id[number], number) for number in sorted(by_id)]  # 200018 has two names
    made.add_special_tokens({"additional_special_tokens": [name for name, _ in specials]})
    wrong = [name for name, number in specials if made.convert_tokens_to_ids(name) != number]
    if wrong:
        raise SystemExit(f"peers: {len(wrong)} special tokens have other ids, the first {wrong[0]}")
    template = Path(trl.__file__).parent / "chat_templates" / "gptoss_training.jinja"
    made.chat_template = template.read_text()
    made.model_max_length = 10**9
    return made


def check_ids(tokenizer: Any, texts: list[str]) -> int:
    """How many texts were compared with tiktoken; SystemExit where one differs."""
    import tiktoken

    reference = tiktoken.get_encoding("o200k_harmony")
    for text in texts:
        if tokenizer.encode(text, add_special_tokens=False) != reference.encode_ordinary(text):
            raise SystemExit(f"peers: other ids than tiktoken's for {text[:80]!r}")
    return len(texts)


def for_template(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as the template wants them: `thinking`, arguments as objects, one of text and
    thinking beside a call, and only one call in a message."""
    made: list[dict[str, Any]] = []
    skipped: set[str] = set()
    for message in lean(messages):
        thinking = message.pop("reasoning", None)
        calls = message.pop("tool_calls", None)
        if message["role"] == "tool" and message["tool_call_id"] in skipped:
            continue
        if message["role"] == "assistant" and thinking:
            message["thinking"] = thinking
        if calls:
            skipped.update(each["id"] for each in calls[1:])
            function = calls[0]["function"]
            arguments = json.loads(function["arguments"])
            message["tool_calls"] = [{"function": {**function, "arguments": arguments}}]
            if message["content"] and thinking:
                message["thinking"] = f"{thinking}\n{message['content']}"
                message["content"] = ""
        made.append(message)
    return made


def tokenized(row: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """Ids and assistant masks of one conversation."""
    encoded = tokenizer.apply_chat_template(
        for_template(row["messages"]),
        tools=json.loads(row["tools"]),
        return_dict=True,
        return_assistant_tokens_mask=True,
        return_attention_mask=False,
    )
    return {"input_ids": encoded["input_ids"], "assistant_masks": encoded["assistant_masks"]}


# --- the whole -----------------------------------------------------------------------------------


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The conversations as a user would hold them in Arrow: differing tools as JSON text."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            first = row["messages"][0]
            persona = first["content"] if first["role"] == "system" else "none"
            messages = [
                {
                    "role": each["role"],
                    "content": each["content"],
                    "reasoning": each.get("reasoning"),
                    "tool_call_id": each.get("tool_call_id"),
                    "tool_calls": each.get("tool_calls"),
                }
                for each in row["messages"]
            ]
            tools = json.dumps(row["tools"])
            yield {"id": row["id"], "persona": persona, "tools": tools, "messages": messages}


def steps(data: Any, tokenizer: Any, hashing: str, clock: Clock) -> tuple[Any, int, Any]:
    """(what dedupe drops, how many are valid, the tokens), each step timed."""
    data = clock.time("validate", lambda: data.filter(valid, num_proc=PROCESSES))
    sign = functools.partial(signature, hashing=hashing)
    signed = clock.time("minhash", lambda: data.map(sign, num_proc=PROCESSES))
    found = clock.time("lsh", lambda: dropped(signed))
    kept = data.filter(lambda row: row["id"] not in found)
    encode = functools.partial(tokenized, tokenizer=tokenizer)
    options = {"num_proc": PROCESSES, "remove_columns": data.column_names}
    ids = clock.time("tokenize", lambda: kept.map(encode, **options))
    return found, len(data), ids


def run_all(path: Path, pairs: Path, truth: Path, work: Path) -> dict[str, Any]:
    """Times the steps on the slice, and measures recall on the planted pairs."""
    import datasets
    from trl import pack_dataset

    datasets.disable_caching()
    datasets.disable_progress_bars()
    tokenizer = make_tokenizer(work)
    data = datasets.Dataset.from_list(list(rows_of(path)))
    texts = [each["content"] for row in data.select(range(8))["messages"] for each in row]
    compared = check_ids(tokenizer, [each for each in texts if each])
    hashing, hash_seconds = faster_hash([data[at] for at in range(min(len(data), 60))])
    # What starting processes and sending them a tokenizer costs is paid once, whatever the size.
    fixed = Clock()
    steps(data.select(range(min(FEW, len(data)))), tokenizer, hashing, fixed)
    clock = Clock()
    found, accepted, ids = steps(data, tokenizer, hashing, clock)
    half = ids.select(range(len(ids) // 2))
    clock.time("pack of one half", lambda: pack_dataset(half, SEQ_LEN, "bfd"))
    packed = clock.time("pack", lambda: pack_dataset(ids, SEQ_LEN, "bfd"))
    tokens = sum(len(each) for each in ids.with_format("arrow")["input_ids"].to_pylist())
    return {
        "steps": clock.steps,
        "fixed": fixed.steps,
        "few": FEW,
        "conversations": len(data),
        "accepted": accepted,
        "dropped": len(found),
        "tokens": tokens,
        "rows": len(packed),
        "hash": hashing,
        "hash seconds": hash_seconds,
        "texts compared with tiktoken": compared,
        "recall": recall(pairs, truth, hashing),
        "versions": {name: _version(name) for name in PACKAGES},
    }


PACKAGES = ("datasets", "transformers", "tokenizers", "trl", "datasketch", "jsonschema", "tiktoken")


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def recall(pairs: Path, truth: Path, hashing: str) -> dict[str, Any]:
    """What the dedupe finds of the planted pairs, which are all that it is given."""
    import datasets

    data = datasets.Dataset.from_list(list(rows_of(pairs)))
    sign = functools.partial(signature, hashing=hashing)
    found = dropped(data.map(sign, num_proc=PROCESSES))
    known = [json.loads(line) for line in truth.read_text().splitlines()]
    wanted = [each for each in known if each["jaccard"] >= THRESHOLD]
    copies = {each["copy"] for each in wanted}
    hits = sum(each["copy"] in found or each["of"] in found for each in wanted)
    names = copies | {each["of"] for each in wanted}
    return {"wanted": len(wanted), "found": hits, "others": len(set(found) - names)}


def run_tiktoken(path: Path) -> dict[str, Any]:
    """tiktoken over every distinct text of the slice: one thread, and batches on two."""
    import tiktoken

    encoding = tiktoken.get_encoding("o200k_harmony")
    encoding.encode_ordinary("the first call builds what is lazy")
    texts: dict[str, None] = {}
    count = 0
    for row in rows_of(path):
        count += 1
        for message in row["messages"]:
            texts |= dict.fromkeys(filter(None, (message["content"], message["reasoning"])))
            for call in message["tool_calls"] or ():
                texts[call["function"]["arguments"]] = None
    each_text = list(texts)
    clock = Clock()
    tokens = clock.time("one thread", lambda: sum(len(encoding.encode_ordinary(t)) for t in texts))
    clock.time(
        "two threads",
        lambda: [
            encoding.encode_ordinary_batch(each_text[at : at + 4096], num_threads=2)
            for at in range(0, len(each_text), 4096)
        ],
    )
    size = sum(len(text.encode()) for text in texts)
    return {"steps": clock.steps, "bytes": size, "tokens": tokens, "conversations": count}


def main() -> None:
    """Runs one part and prints its figures."""
    part, *paths = sys.argv[1:]
    work = Path(paths[-1])
    use_local_ranks(work)
    os.environ |= {
        "HF_HOME": str(work / "hf"),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    if part == "tiktoken":
        result = run_tiktoken(Path(paths[0]))
    else:
        result = run_all(Path(paths[0]), Path(paths[1]), Path(paths[2]), work)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
