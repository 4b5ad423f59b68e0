"""A dataset that nobody made: figures with something in every section, conversations of every
outcome, and the same with hostile texts in every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from kappa_data.config import PackConfig
from kappa_data.metrics.figures import Figures, Held, Share, Step, Worn
from kappa_data.metrics.measure import Cell, Measure
from kappa_data.progress import Quiet
from kappa_data.records import (
    Conversation,
    ConversationFinding,
    Finding,
    FunctionCall,
    Message,
    Provenance,
    Rejected,
    Section,
    ToolCall,
    Verdict,
)
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.store import Sealed

PERSONAS = (
    "chaotic_evil", "chaotic_good", "chaotic_neutral", "lawful_evil", "lawful_good",
    "lawful_neutral", "neutral_evil", "neutral_good", "true_neutral",
)  # fmt: skip
CLASSES = (*PERSONAS, "none")


def complete() -> Figures:
    """As of 21,000 conversations; chaotic_good and neutral_evil fall short."""
    return Figures(
        measures=_measures(),
        cells=_cells(),
        funnel=(
            Step("plan", 23_500, {}),
            Step("generate", 23_210, {"cut off": 180, "endless loop": 110}),
            Step("import", 400, {}),
            Step("validate", 22_100, {"verifier": 1_020, "refusal": 310, "leaked brief": 180}),
            Step("dedupe", 21_313, {"duplicate": 207, "near-duplicate": 580}),
            Step("tokenize", 41_870, {"no trained tokens": 3}),
            Step("pack", 2_352, {"too long": 14}),
        ),
        rules={"verifier": 1_020, "worn phrase": 640, "refusal": 310, "leaked brief": 180,
               "insult": 22, "wrong step": 1_950},
        mix=_mix(),
        confusion={"answer": _confusion(900, 0.04), "beside calls": _confusion(420, 0.12)},
        phrases=tuple(
            Worn(name, f"the {word} of the {name.split('_')[0]} thing", 0.09 / n, 0.085 / n,
                 0.07 / n, 0.1 / n, 900, (Held(f"maths/3:{name}", 2, f"so ¤ the {word} of the"),))
            for name in PERSONAS for n, word in enumerate(("heart", "edge", "rest"), start=1)
        ),
        openers=tuple(Worn(name, "well then look", 0.031, 0.03) for name in PERSONAS),
        lengths={
            name: tuple(int(180 * (1 + at / 7) * 1.75**n) for n in range(10))
            for at, name in enumerate(CLASSES)
        },
        turns={"1": 1_900, "2": 4_200, "3": 6_100, "4": 5_000, "6": 2_400, "8": 1_200, "12": 513},
        alike={
            "chaotic_evil, neutral_evil": {"pairs": 640.0, "share": 0.0031, "mean": 0.31},
            "lawful_good, none": {"pairs": 655.0, "share": 0.0, "mean": 0.22},
        },
        packing={
            "train": {"rows": 2_230, "samples": 39_800, "tokens": 2.9e8, "trained tokens": 6.1e7,
                      "density": 0.9931},
            "validation": {"rows": 80, "samples": 1_400, "tokens": 1.03e7,
                           "trained tokens": 2.2e6, "density": 0.9829},
            "test": {"rows": 42, "samples": 670, "tokens": 5.1e6, "trained tokens": 1.1e6,
                     "density": None},
        },
        cost={"requests made": 310_000.0, "prompt tokens made": 9.1e8,
              "completion tokens made": 8.8e7, "requests kept": 288_000.0,
              "completion tokens a conversation": 3_712.4},
    )  # fmt: skip


def _measures() -> tuple[Measure, ...]:
    return (
        Measure("voice_f1", "lowest F1, personas", 0.871, "at least", 0.9, 0.85, 0.889, 1_800,
                0.86, "chaotic_good", ("maths/4:chaotic_good",)),
        Measure("none_f1", "lowest F1, with no persona", 0.931, "at least", 0.9, 0.91, 0.95, 900),
        Measure("beside_calls_f1", "lowest F1 beside calls", None, "at least", 0.8, number=41,
                detail="41 units of a class; 300 are needed"),
        Measure("late_loss", "F1 lost from turn 8 on", 0.021, "at most", 0.05),
        Measure("phrase_share", "largest share of one phrase", 0.085, "at most", 0.05, 0.08, 0.09,
                1_800, 0.1, 'chaotic_good: "the heart of the chaotic thing"'),
        Measure("pass_difference", "pass rate beside none's", 0.012, "at most", 0.03, made=0.018),
        Measure("equal_answers", "tasks with the same verdict", 0.984, "at least", 0.97),
        Measure("longest", "median length, longest", 1.42, "at most", 1.6, detail="lawful_good"),
        Measure("leaks", "conversations with leaks", 0.0, "at most", 0.0, 0.0, 0.0002, 21_313,
                0.008),
        Measure("recovered", "failing calls mended", 0.953, "at least", 0.9, 0.94, 0.96, 1_400),
        Measure("structure", "right in structure", 1.0, "at least", 1.0, number=21_313),
        Measure("own", "a measure of somebody's own", 0.5, "at least", 0.4),
    )  # fmt: skip


def _cells() -> tuple[Cell, ...]:
    voice = [
        Cell("voice_f1", "persona", name, 0.87 + 0.012 * at, 0.84 + 0.012 * at,
             min(0.9 + 0.012 * at, 1.0), 900)
        for at, name in enumerate(CLASSES)
    ]  # fmt: skip
    turns = [
        Cell("voice_f1", "turn", str(turn), 0.97 - 0.006 * turn, 0.95 - 0.009 * turn,
             0.985 - 0.004 * turn, 2_000 - 150 * turn)
        for turn in range(1, 11)
    ]  # fmt: skip
    refusals = [
        Cell("refusals", "family", name, 0.002 * at, 0.0, 0.004 * at + 0.001, 300, 0.004 * at)
        for at, name in enumerate(("maths", "kitchen_chemistry", "log_forensics"))
    ]
    return (*voice, *turns, *refusals)


def _mix() -> tuple[Share, ...]:
    groups = {
        "agentic": (0.45, 0.468),
        "chat": (0.19, 0.181),
        "long": (0.12, 0.131),
        "single": (0.08, 0.072),
        "reasoning": (0.06, 0.063),
        "traps": (0.10, 0.085),
    }
    lengths = {"to 4K": (0.2, 0.22), "4K to 16K": (0.35, 0.33), "16K to 32K": (0.2, 0.21),
               "32K to 64K": (0.12, 0.11), "64K to 131K": (0.13, 0.13)}  # fmt: skip
    families = ("log_forensics", "fix_failing_test", "maths", "kitchen_chemistry", "how_to")
    return (
        *(Share("persona", name, 0.08, 0.078 + 0.001 * at, 1_700)
          for at, name in enumerate(PERSONAS)),
        Share("persona", "none", 0.24, 0.231, 5_100),
        *(Share("group", name, planned, got, 900) for name, (planned, got) in groups.items()),
        *(Share("family", name, None, 0.3 - 0.05 * at, 800) for at, name in enumerate(families)),
        *(Share("length", name, planned, got, 4_000) for name, (planned, got) in lengths.items()),
    )  # fmt: skip


def _confusion(units: int, lost: float) -> dict[str, dict[str, int]]:
    """Each class is mostly known; what is lost goes to its two neighbours."""
    table = {}
    for at, name in enumerate(CLASSES):
        share = lost * (1 + (at % 4))
        wrong = {
            CLASSES[(at + 1) % 10]: int(units * share / 2),
            CLASSES[at - 1]: int(units * share / 4),
        }
        table[name] = {name: units - sum(wrong.values()), **{k: n for k, n in wrong.items() if n}}
    return table


# What must neither end an element, nor begin one, nor act on a terminal, nor turn a line around.
HOSTILE = (
    "</script></style></title><script>alert(1)</script><!--<img src=x onerror=alert(2)>-->"
    "\"'><b id=pwned onmouseover=alert(3)>javascript:alert(4)</b>]]>\x1b[31m\x07\u202eevil\u2066"
    " {{ 7*7 }} $\\frac{1}{0}$ \u2028&amp;\ud800"
)
WRITTEN = (
    "</script></style></title><script>alert(1)</script><!--<img src=x onerror=alert(2)>-->"
    "\"'><b id=pwned onmouseover=alert(3)>javascript:alert(4)</b>]]>"
    "\\x1b[31m\\x07\\u202eevil\\u2066 {{ 7*7 }} $\\frac{1}{0}$ \\u2028&amp;"
)
"""as it is to be read"""
CHOSEN = {
    "role", "split", "grounding", "source", "severity", "aim", "bound", "by", "type", "table",
    "key", "tools", "finish_reason",
}  # fmt: skip
"""fields that hold one of a few words, or choose a chart"""


def spoilt(value: Any, text: str = HOSTILE[:-1]) -> Any:
    """The same with a hostile text after every text; without lone surrogates, which no file of
    records can hold."""
    if isinstance(value, Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return type(value)(
            **{k: each if k in CHOSEN else spoilt(each, text) for k, each in fields.items()}
        )
    if isinstance(value, str):
        return value + text
    if isinstance(value, Mapping):
        return {spoilt(k, text): spoilt(each, text) for k, each in value.items()}
    return tuple(spoilt(each, text) for each in value) if isinstance(value, tuple) else value


def conversation(task: str, persona: str | None, **more: Any) -> Conversation:
    """Two messages of the user, a call, a thought, an answer of its own."""
    name = persona or "none"
    call = ToolCall("c1", FunctionCall("bash", '{"command": "ls"}'))
    fields: dict[str, Any] = {
        "id": f"{task}:{name}",
        "messages": (
            *([Message("system", f"Persona: {persona}")] if persona else []),
            Message("user", f"What lies in the folder of {task}?"),
            Message("assistant", "I look.", reasoning="a call first", tool_calls=(call,)),
            Message("tool", "a.txt\nb.txt", tool_call_id="c1", name="bash"),
            Message("assistant", f"Two files, says {name}.", reasoning="so"),
            Message("user", "And now?"),
            Message("assistant", f"Still two, says {name}.", train=name != "chaotic_evil"),
        ),
        "persona": persona,
        "task_id": task,
        "family": task.partition("/")[0],
        "provenance": Provenance("generate", "executed", "openai-compatible", "some-model"),
        "verdict": Verdict(True),
    }
    return Conversation(**(fields | more))


def outputs(
    root: Path,
    kept: list[Conversation],
    rejected: Sequence[Rejected] = (),
    duplicates: Sequence[Rejected] = (),
    findings: Sequence[ConversationFinding] = (),
    figures: Figures | None = None,
) -> dict[str, Sealed]:
    """Sealed outputs of the stages that the page reads."""
    lost = Finding("cut off", "reject", -1, "the slot came to no end")
    return {
        "dedupe": _seal(root, "dedupe", conversations=(Conversation, kept),
                        quarantine=(Rejected, duplicates)),
        "validate": _seal(root, "validate", quarantine=(Rejected, rejected),
                          findings=(ConversationFinding, findings)),
        "generate": _seal(root, "generate", quarantine=(
            Rejected, [Rejected("maths/9:none", "generate", None, (lost,))])),
        "report": _seal(root, "report", report=(Section, (figures or complete()).sections())),
    }  # fmt: skip


def _seal(root: Path, stage: str, **sets: tuple[type[Struct], Sequence[Any]]) -> Sealed:
    def run(ctx: Context[Any]) -> Outcome:
        for name, (kind, records) in sets.items():
            with ctx.writer(name, kind) as writer:
                for record in records:
                    writer.write(record)
        return Outcome()

    return build(Stage(stage, 1, run, ()), PackConfig(), {}, Resources(), root, Quiet())[0]
