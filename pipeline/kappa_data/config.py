"""One frozen config per stage, and how a setting is found.

A flag wins over the environment, over kappa.toml, over the default. A field whose annotation holds
`RUN_ONLY` changes how a stage runs (how fast, where, against which endpoint) and never what it
makes: it is left out of the stage's key. Every other field is identity.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from kappa_data.errors import UsageError

RUN_ONLY = "run only"

MAX_SEQ_LEN = 2**20
GROUNDINGS = ("executed", "simulated", "unsafe-local")
"""where tool results may come from; see SandboxConfig"""

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(gt=0)]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What one box may use. A call that takes more is stopped and says so; the box lives on.

    The upper bounds are there against slips: what is beyond them bounds nothing.
    """

    call_seconds: Annotated[
        float, Meta(gt=0, le=86_400, description="time limit of a tool call")
    ] = 10.0
    box_seconds: Annotated[
        float,
        Meta(
            gt=0, le=604_800, description="time limit of all tool calls of a conversation together"
        ),
    ] = 600.0
    output_chars: Annotated[int, Meta(gt=0, le=2_000_000, description="a tool result's length")] = (
        10_000
    )
    workspace_mb: Annotated[
        int, Meta(gt=0, le=2**20, description="disk of a conversation, in MB")
    ] = 64
    memory_mb: Annotated[
        int, Meta(gt=0, le=2**24, description="memory of all its processes, in MB")
    ] = 1024
    processes: Annotated[
        int, Meta(gt=0, le=2**22, description="processes and threads at a time")
    ] = 128
    files: Annotated[int, Meta(gt=0, le=10**9, description="files and folders")] = 4096
    # Linux takes no longer argument of a program (MAX_ARG_STRLEN, with its closing NUL).
    command_bytes: Annotated[int, Meta(gt=0, le=131_071, description="longest command")] = 100_000


class SandboxConfig(Limits, frozen=True, forbid_unknown_fields=True):
    """Where tool calls run: part of the question of every stage that runs some."""

    grounding: Annotated[
        str,
        Meta(
            description="executed: in a box; simulated: the teacher writes what tools would say;"
            " unsafe-local: on this machine, unprotected"
        ),
    ] = "executed"
    tools: Annotated[
        tuple[str, ...],
        Meta(description="files with tools of your own, offered beside the others"),
        RUN_ONLY,  # what is in the files is part of the question, and not where they lie
    ] = ()
    rootfs: Annotated[
        str, Meta(description="folder of an unpacked root whose programs the boxes have; '': /usr")
    ] = ""


class PlanConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tasks are given to whom."""

    personas: Annotated[
        tuple[str, ...], Meta(description="persona names, 'none', or 'all' (all nine and none)")
    ] = ("all",)
    families: Annotated[tuple[str, ...], Meta(description="task families, or 'all'")] = ("all",)
    tasks: Annotated[
        int, Meta(gt=0, description="tasks per family (fewer where a family has fewer)")
    ] = 2
    validation: Annotated[Share, Meta(description="share of the tasks in validation")] = 0.1
    test: Annotated[Share, Meta(description="share of the tasks in test")] = 0.1
    seed: Annotated[int, Meta(description="draws the splits and the order")] = 0


class GenerateConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers, how the conversation runs, and its limits."""

    model: Annotated[
        str, Meta(description="the teacher's model; 'embedded': the one that is built in")
    ] = "embedded"
    temperature: Annotated[
        float, Meta(ge=0.0, le=2.0, description="sampling temperature of the assistant")
    ] = 1.0
    top_p: Annotated[
        float, Meta(gt=0.0, le=1.0, description="nucleus sampling of the assistant")
    ] = 1.0
    max_tokens: Annotated[Positive, Meta(description="per answer")] = 4096
    reasoning_effort: Annotated[str, Meta(description="sent where it is not ''")] = ""
    max_turns: Annotated[Positive, Meta(description="user messages per conversation")] = 12
    max_steps: Annotated[Positive, Meta(description="tool calls per user message")] = 40
    max_conversation_tokens: Annotated[
        Positive, Meta(description="stops a conversation whose answers and prompt pass this")
    ] = 120_000
    max_seconds: Annotated[
        Seconds, Meta(description="of answers and tool calls together, per conversation")
    ] = 3600.0
    limit: Annotated[
        int, Meta(ge=0, description="only the first N slots: a pilot; 0: all of them")
    ] = 0
    sloppy: Annotated[Share, Meta(description="rate of planted faults, embedded only")] = 0.0
    base_url: Annotated[
        str,
        Meta(description="any OpenAI-compatible endpoint, e.g. http://localhost:8000/v1"),
        RUN_ONLY,
    ] = ""
    api_key_env: Annotated[
        str, Meta(description="environment variable that holds the key"), RUN_ONLY
    ] = "OPENAI_API_KEY"
    concurrency: Annotated[Positive, Meta(description="conversations in flight"), RUN_ONLY] = 64
    boxes: Annotated[
        Positive, Meta(description="tool calls that run at the same time"), RUN_ONLY
    ] = 4
    timeout: Annotated[Seconds, Meta(description="seconds for one answer"), RUN_ONLY] = 600.0
    retries: Annotated[
        int, Meta(ge=0, description="further tries after an error of the endpoint"), RUN_ONLY
    ] = 6


class ValidateConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What is read and what is accepted."""

    sources: Annotated[
        tuple[str, ...], Meta(description="'generate', 'import': where conversations come from")
    ] = ("generate", "import")
    checks: Annotated[
        tuple[str, ...], Meta(description="checks by name (docs/checks.md), or 'all'")
    ] = ("all",)
    min_chars: Annotated[int, Meta(ge=0, description="shortest final answer")] = 1
    leak_ngram: Annotated[
        Positive, Meta(description="so many words in a row of the brief leak it")
    ] = 8
    replay: Annotated[
        bool, Meta(description="run the tool calls again, too; what differs is rejected")
    ] = False
    accept_unverified: Annotated[
        bool,
        Meta(description="keep what no verifier could look at, as where tools were simulated"),
    ] = True
    workers: Annotated[int, Meta(ge=0, description="processes; 0: one a core"), RUN_ONLY] = 0


class DedupeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as a near-duplicate."""

    threshold: Annotated[float, Meta(gt=0.0, le=1.0, description="Jaccard similarity")] = 0.8
    ngram: Annotated[Positive, Meta(description="words per shingle")] = 5
    seed: Annotated[int, Meta(description="draws the hash functions of MinHash")] = 0
    workers: Annotated[int, Meta(ge=0, description="processes; 0: one a core"), RUN_ONLY] = 0


class TokenizeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How a conversation becomes training documents."""

    format: Annotated[
        str, Meta(description="harmony (gpt-oss), or chat-template: any model's, by its tokenizer")
    ] = "harmony"
    # Run only: the stage's key holds the digest of what lies there, and not the place.
    tokenizer: Annotated[
        str,
        Meta(
            description="chat-template: a tokenizer's folder, or its name on the Hugging Face Hub"
        ),
        RUN_ONLY,
    ] = ""
    profile: Annotated[
        str,
        Meta(description="harmony: whose prompts are built: vllm-responses, vllm-chat or kappa"),
    ] = "vllm-responses"
    train_on: Annotated[
        str,
        Meta(
            description="each_step: every step after exactly its prompt; last_turn: those after the"
            " last user message; all_turns: all in one document, without reasoning"
        ),
    ] = "each_step"
    efforts: Annotated[
        dict[str, float], Meta(description="mix of `Reasoning:` lines over the conversations")
    ] = msgspec.field(default_factory=lambda: {"low": 0.2, "medium": 0.6, "high": 0.2})
    first_date: Annotated[str, Meta(description="`Current date:` is drawn from here ...")] = (
        "2025-08-05"
    )
    last_date: Annotated[str, Meta(description="... to here, both included")] = "2026-12-31"
    switches: Annotated[
        dict[str, float],
        Meta(
            description="mix of how a later `Persona:` is sent: a further system message where it"
            " stands (in_place), or the leading one replaced"
        ),
    ] = msgspec.field(default_factory=lambda: {"in_place": 0.5, "replaced": 0.5})
    seed: Annotated[int, Meta(description="draws dates, efforts and switches")] = 0
    encoder: Annotated[
        str,
        Meta(
            description="harmony: fast (checked against the other), or reference: slower;"
            " the ids are the same"
        ),
        RUN_ONLY,
    ] = "fast"
    workers: Annotated[int, Meta(ge=0, description="processes; 0: one a core"), RUN_ONLY] = 0


class PackConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of a row."""

    seq_len: Annotated[
        int, Meta(gt=0, le=MAX_SEQ_LEN, description="tokens per row, at most 2^20")
    ] = 131_072
    rows: Annotated[
        int,
        Meta(
            ge=0,
            description="rows of train that are wanted: more samples are left out, missing ones"
            " are planned by plan --top-up; 0: as many as they fill",
        ),
    ] = 0
    strategy: Annotated[
        str,
        Meta(
            description="balanced: rows alike in cost, trained tokens and personas;"
            " bfd: best fit decreasing, which only fills"
        ),
    ] = "balanced"
    global_batch: Annotated[
        Positive,
        Meta(description="rows of one training step, over all ranks: train has a multiple of it"),
    ] = 1
    dp_ranks: Annotated[
        Positive,
        Meta(
            description="data-parallel ranks, a divisor of the global batch: rows that they read"
            " side by side cost about the same"
        ),
    ] = 1
    over_length: Annotated[
        str,
        Meta(
            description="a sample longer than a row: drop (to quarantine), split-turns (its first"
            " turns that fit) or error (stop)"
        ),
    ] = "drop"
    cost: Annotated[
        tuple[float, float],
        Meta(
            description="FLOPs of a document, per token and per token squared: of gpt-oss-20b's"
            " forward pass"
        ),
    ] = (7.2e9, 98_304.0)
    seed: Annotated[
        int, Meta(description="draws the order of rows and in them, and what rows leaves out")
    ] = 0
    workers: Annotated[int, Meta(ge=0, description="processes; 0: one a core"), RUN_ONLY] = 0


class ReleaseConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What the dataset card says."""

    license: Annotated[str, Meta(description="licence of the dataset, an identifier")] = (
        "apache-2.0"
    )
    teacher_terms: Annotated[
        str, Meta(description="what the teacher's licence says of its output; '' is said as such")
    ] = ""
    title: Annotated[str, Meta(description="heading of the card; '': the dataset's name")] = ""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of kappa.toml: one table a stage, and one for the sandbox that some of them use."""

    plan: PlanConfig = PlanConfig()
    generate: GenerateConfig = GenerateConfig()
    validate: ValidateConfig = ValidateConfig()
    dedupe: DedupeConfig = DedupeConfig()
    tokenize: TokenizeConfig = TokenizeConfig()
    pack: PackConfig = PackConfig()
    release: ReleaseConfig = ReleaseConfig()
    sandbox: SandboxConfig = SandboxConfig()


# The environment reaches these fields; everything else has a flag or --set.
ENVIRONMENT = {
    "KAPPA_MODEL": ("generate", "model"),
    "KAPPA_BASE_URL": ("generate", "base_url"),
    "OPENAI_BASE_URL": ("generate", "base_url"),
    "KAPPA_CONCURRENCY": ("generate", "concurrency"),
}

Overrides = Mapping[str, Mapping[str, Any]]


def is_run_only(stage: type[Struct], field: str) -> bool:
    """Whether a field changes only how a stage runs."""
    hint = get_type_hints(stage, include_extras=True)[field]
    return RUN_ONLY in get_args(hint)[1:]


def identity(config: Struct) -> dict[str, Any]:
    """The fields of a stage's config that decide what it makes, as plain values."""
    fields = {
        name: getattr(config, name)
        for name in config.__struct_fields__
        if not is_run_only(type(config), name)
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(fields))
    return plain


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean "x"?' for the closest known word, else the list of all of them."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f'did you mean "{close[0]}"?' if close else f"known: {', '.join(words)}"


def load(path: Path | None, *layers: Overrides) -> Settings:
    """Settings from a TOML file (None: defaults only) under `layers`, the last of which wins.

    Raises UsageError that names the file, the table and the key.
    """
    table: dict[str, dict[str, Any]] = {}
    if path is not None:
        table = _read_toml(path)
        _convert(table, str(path))  # a mistake in the file is the file's, not a flag's
    for layer in layers:
        check_keys("settings", layer)
        for stage, values in layer.items():
            table.setdefault(stage, {}).update(values)
    return _convert(table, "settings")


def check_keys(place: str, layer: Overrides) -> None:
    """UsageError that names `place` where a table or a key of the layer does not exist."""
    for stage, values in layer.items():
        _known_keys(place, stage, values)


def from_environment(environ: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The layer that the environment makes; numbers are parsed where the field is one."""
    environ = os.environ if environ is None else environ
    layer: dict[str, dict[str, Any]] = {}
    for variable, (stage, field) in ENVIRONMENT.items():
        if environ.get(variable) and field not in layer.get(stage, {}):
            layer.setdefault(stage, {})[field] = parse_value(stage, field, environ[variable])
    return layer


def parse_set(assignment: str) -> tuple[str, str, Any]:
    """`stage.field=value` of --set, as (stage, field, value); the value is read as TOML would."""
    name, equals, text = assignment.partition("=")
    stage, dot, field = name.strip().partition(".")
    if not (equals and dot):
        raise UsageError(f'--set {assignment}: write it as stage.field=value, e.g. "pack.seed=7"')
    _known_keys("--set", stage, {field: None})
    return stage, field, parse_value(stage, field, text.strip())


def parse_rates(flag: str, text: str) -> float | dict[str, float]:
    """`0.05` as a number, `kind=0.05,other=0.1` as a mapping."""
    try:
        if "=" not in text:
            return float(text or 0)
        pairs = (part.partition("=") for part in text.split(","))
        return {kind.strip(): float(rate) for kind, _, rate in pairs}
    except ValueError:
        raise UsageError(f"{flag} {text}: write 0.05, or kind=0.05,other=0.1") from None


def parse_value(stage: str, field: str, text: str) -> Any:
    """Text as the field's own type; a list of words is separated by commas."""
    config = type(getattr(Settings(), stage))
    kind = get_type_hints(config)[field]
    if kind is str:
        return text
    if kind == tuple[str, ...] and not text.lstrip().startswith("["):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise UsageError(f"{stage}.{field}={text}: not a value of this setting") from None


def _read_toml(path: Path) -> dict[str, dict[str, Any]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; check --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: {error}") from None
    for stage, values in table.items():
        if not isinstance(values, dict):
            raise UsageError(f"{path}: {stage} stands outside a table; put it under one, as [plan]")
        _known_keys(str(path), stage, values)
    return table


def _known_keys(place: str, stage: str, values: Mapping[str, Any]) -> None:
    stages = Settings.__struct_fields__
    if stage not in stages:
        raise UsageError(f'{place}: there is no table "{stage}"; {nearest(stage, stages)}')
    fields = type(getattr(Settings(), stage)).__struct_fields__
    for key in values:
        if key not in fields:
            raise UsageError(f'{place}: [{stage}] has no "{key}"; {nearest(key, fields)}')


def _convert(table: Mapping[str, Any], place: str) -> Settings:
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise UsageError(f"{place}: {where.rstrip('`')}: {what}") from None
    if settings.plan.validation + settings.plan.test >= 1:
        raise UsageError("plan.validation + plan.test must leave something to train on (below 1)")
    if settings.tokenize.format == "harmony" and settings.tokenize.tokenizer:
        raise UsageError(
            f"tokenize.tokenizer: harmony reads no tokenizer ({settings.tokenize.tokenizer}); "
            "say tokenize.format=chat-template as well, or leave it empty"
        )
    _check_endpoint(place, settings.generate)
    _check_grounding(place, settings.sandbox)
    return settings


def _check_grounding(place: str, sandbox: SandboxConfig) -> None:
    if sandbox.grounding not in GROUNDINGS:
        hint = nearest(sandbox.grounding, GROUNDINGS)
        raise UsageError(f'{place}: sandbox.grounding: there is no "{sandbox.grounding}"; {hint}')
    if sandbox.rootfs and sandbox.grounding != "executed":
        raise UsageError(
            f"{place}: sandbox.rootfs is for boxes, and {sandbox.grounding} has none; "
            "leave out one of the two"
        )


def _check_endpoint(place: str, generate: GenerateConfig) -> None:
    """Neither an address nor the name of a variable may hold a secret: both are kept and shown."""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", generate.api_key_env):
        raise UsageError(
            f"{place}: generate.api_key_env takes the NAME of an environment variable, in capital "
            "letters, and not the key itself"
        )
    url = urlsplit(generate.base_url)
    if generate.base_url and (url.scheme not in ("http", "https") or not url.hostname):
        raise UsageError(f"{place}: generate.base_url: write it as http://host:port/v1")
    if url.username or url.password or url.query or url.fragment:
        raise UsageError(
            f"{place}: generate.base_url takes no user, password or query; "
            "put the key into the environment variable that generate.api_key_env names"
        )


@functools.cache
def describe(stage: str) -> dict[str, tuple[Any, str, Any]]:
    """(type, description, default) of every field of a stage's config: what --help teaches."""
    default = getattr(Settings(), stage)
    described = {}
    for name, hint in get_type_hints(type(default), include_extras=True).items():
        marks = [mark for mark in get_args(hint) if isinstance(mark, Meta)]
        text = next((mark.description for mark in reversed(marks) if mark.description), "")
        described[name] = (_plain(hint), text, getattr(default, name))
    return described


def _plain(hint: Any) -> Any:
    return _plain(get_args(hint)[0]) if get_origin(hint) is Annotated else hint
