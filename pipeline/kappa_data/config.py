"""One frozen config per stage.

A field whose annotation holds
`RUN_ONLY` changes how a stage runs (how fast, where, against which endpoint) and never what it
makes: it is left out of the stage's key. Every other field is identity.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from kappa_data.config_plan import PlanConfig as PlanConfig
from kappa_data.config_plan import Share as Share
from kappa_data.config_report import ReportConfig as ReportConfig
from kappa_data.config_sandbox import GROUNDINGS as GROUNDINGS
from kappa_data.config_sandbox import RUN_ONLY as RUN_ONLY
from kappa_data.config_sandbox import Limits as Limits
from kappa_data.config_sandbox import SandboxConfig as SandboxConfig

MAX_SEQ_LEN = 2**20

Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(gt=0)]


OFF = "off"
INTERFACES = ("chat", "responses")
ROLES = ("assistant", "user", "tool", "writer", "judge")


class Asked(Struct, frozen=True):
    """The model of a role and how it is sampled."""

    model: str
    temperature: float
    top_p: float
    max_tokens: int
    reasoning_effort: str


class RoleConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What differs for a role other than the assistant; what is not said is as the assistant's."""

    model: str | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    max_answer_tokens: Positive | None = None
    reasoning_effort: str | None = None


class Endpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """One of several endpoints; all that serve a role serve the same models."""

    base_url: str
    api_key_env: str = "OPENAI_API_KEY"
    interface: str = "chat"
    weight: Annotated[float, Meta(gt=0)] = 1.0
    roles: tuple[str, ...] = ()  # (): all
    concurrency: Annotated[int, Meta(ge=0)] = 0  # requests in flight; 0: as generate.concurrency
    requests_per_minute: Annotated[float, Meta(ge=0)] = 0.0  # 0: as its headers say
    tokens_per_minute: Annotated[float, Meta(ge=0)] = 0.0


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
    max_answer_tokens: Annotated[
        Positive, Meta(description="longest answer, its reasoning included")
    ] = 4096
    reasoning_effort: Annotated[str, Meta(description="sent where it is not ''")] = ""
    roles: Annotated[
        dict[str, RoleConfig],
        Meta(
            description="what differs for user, tool, writer and judge, e.g."
            " { user = { model = 'small' } }"
        ),
    ] = msgspec.field(default_factory=dict)
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
    interface: Annotated[
        str, Meta(description="chat (Chat Completions) or responses"), RUN_ONLY
    ] = "chat"
    endpoints: Annotated[
        tuple[Endpoint, ...],
        Meta(description="several endpoints in the place of base_url, see docs/generation.md"),
        RUN_ONLY,
    ] = ()
    max_cost: Annotated[
        float, Meta(ge=0, description="stops the run before it costs more; 0: no cap"), RUN_ONLY
    ] = 0.0
    max_tokens: Annotated[
        int,
        Meta(ge=0, description="stops the run before it takes more, prompts included; 0: no cap"),
        RUN_ONLY,
    ] = 0
    max_requests: Annotated[
        int, Meta(ge=0, description="stops the run before it sends more; 0: no cap"), RUN_ONLY
    ] = 0
    persona_max_cost: Annotated[
        float, Meta(ge=0, description="the same for each persona by itself"), RUN_ONLY
    ] = 0.0
    persona_max_tokens: Annotated[
        int, Meta(ge=0, description="the same for each persona by itself"), RUN_ONLY
    ] = 0
    persona_max_requests: Annotated[
        int, Meta(ge=0, description="the same for each persona by itself"), RUN_ONLY
    ] = 0
    prices: Annotated[
        str,
        Meta(description="file with prices by model; '': ./prices.toml where there is one"),
        RUN_ONLY,
    ] = ""
    concurrency: Annotated[Positive, Meta(description="conversations in flight"), RUN_ONLY] = 64
    boxes: Annotated[
        Positive, Meta(description="tool calls that run at the same time"), RUN_ONLY
    ] = 4
    timeout: Annotated[Seconds, Meta(description="seconds for one answer"), RUN_ONLY] = 600.0
    retries: Annotated[
        int, Meta(ge=0, description="further tries after an error of the endpoint"), RUN_ONLY
    ] = 6

    def asked(self, role: str) -> Asked:
        """What a role is asked with."""
        own = self.roles.get(role, RoleConfig())

        def first(told: Any, usual: Any) -> Any:
            return usual if told is None else told

        return Asked(
            model=first(own.model, self.model) or "embedded",
            temperature=first(own.temperature, self.temperature),
            top_p=first(own.top_p, self.top_p),
            max_tokens=first(own.max_answer_tokens, self.max_answer_tokens),
            reasoning_effort=first(own.reasoning_effort, self.reasoning_effort),
        )


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
    severities: Annotated[
        dict[str, Literal["reject", "untrain", "note", "off"]],
        Meta(
            description="what follows from a rule, in the place of its own severity,"
            " e.g. { flattery = 'note' }"
        ),
    ] = msgspec.field(default_factory=dict)
    workers: Annotated[int, Meta(ge=0, description="processes; 0: one a core"), RUN_ONLY] = 0


class DedupeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as a near-duplicate, and which evaluations may not be repeated."""

    threshold: Annotated[float, Meta(gt=0.0, le=1.0, description="Jaccard similarity")] = 0.8
    ngram: Annotated[Positive, Meta(description="words per shingle")] = 5
    seed: Annotated[int, Meta(description="draws the hash functions of MinHash")] = 0
    against: Annotated[
        tuple[str, ...],
        Meta(
            description="files with evaluation prompts (.txt, .md, .jsonl, .parquet): what repeats"
            " one goes, as with the evaluations that ship"
        ),
        RUN_ONLY,  # the key holds what is in the files, and not where they lie
    ] = ()
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
    override: Annotated[
        str, Meta(description="why it may be pushed though targets are missed; the card says it")
    ] = ""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of kappa.toml: one table a stage, and one for the sandbox that some of them use."""

    plan: PlanConfig = PlanConfig()
    generate: GenerateConfig = GenerateConfig()
    validate: ValidateConfig = ValidateConfig()
    dedupe: DedupeConfig = DedupeConfig()
    tokenize: TokenizeConfig = TokenizeConfig()
    pack: PackConfig = PackConfig()
    report: ReportConfig = ReportConfig()
    release: ReleaseConfig = ReleaseConfig()
    sandbox: SandboxConfig = SandboxConfig()


def is_run_only(stage: type[Struct], field: str) -> bool:
    """Whether a field changes only how a stage runs."""
    return field in _run_only(stage)


@functools.cache
def _run_only(stage: type[Struct]) -> frozenset[str]:
    hints = get_type_hints(stage, include_extras=True)  # a tenth of a second for all stages
    return frozenset(name for name, hint in hints.items() if RUN_ONLY in get_args(hint)[1:])


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
