"""The settings of the report: what is measured, and the targets. Read them from config.py.

Each target is a field of its own: the bar of the measure of that name.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from kappa_data.config_sandbox import RUN_ONLY

Count = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=0.0, le=1.0)]
Ratio = Annotated[float, Meta(ge=0.0)]


class ReportConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How much is measured, and what is good enough."""

    tasks: Annotated[
        Count,
        Meta(description="tasks of which the voices are measured, drawn; 0: all of them"),
    ] = 1_000
    seed: Annotated[int, Meta(description="draws these tasks")] = 0
    voice_f1: Annotated[
        Rate, Meta(description="at least: F1 of the persona that is told worst from the others")
    ] = 0.90
    none_f1: Annotated[
        Rate, Meta(description="at least: the same with no persona among the classes")
    ] = 0.90
    beside_calls_f1: Annotated[
        Rate, Meta(description="at least: the same in what is said beside tool calls")
    ] = 0.80
    late_loss: Annotated[Rate, Meta(description="at most: mean F1 lost from turn 8 on")] = 0.05
    none_taken: Annotated[
        Rate, Meta(description="at most: turns without persona that are taken for one's")
    ] = 0.03
    persona_lost: Annotated[
        Rate, Meta(description="at most: turns of a persona that are taken for nobody's")
    ] = 0.03
    anchor: Annotated[
        Rate,
        Meta(
            description="at least: personas whom a classifier of the briefs' example turns knows by"
            " their names"
        ),
    ] = 1.0
    phrase_share: Annotated[
        Rate, Meta(description="at most: turns of a persona that hold one phrase of 3 to 6 words")
    ] = 0.05
    opener_share: Annotated[
        Rate, Meta(description="at most: turns of a persona that open alike")
    ] = 0.10
    ablation_loss: Annotated[
        Rate, Meta(description="at most: F1 lost without each persona's ten strongest n-grams")
    ] = 0.10
    pass_difference: Annotated[
        Rate,
        Meta(
            description="at most: pass rate of a persona beside that of no persona, before checks"
        ),
    ] = 0.03
    pass_p: Annotated[
        Rate, Meta(description="at least: p of that difference (McNemar, Holm over personas)")
    ] = 0.01
    equal_answers: Annotated[
        Rate, Meta(description="at least: tasks with the same verdict as without persona")
    ] = 0.97
    shortest: Annotated[
        Ratio, Meta(description="at least: median length over that of no persona")
    ] = 0.6
    longest: Annotated[
        Ratio, Meta(description="at most: median length over that of no persona")
    ] = 1.6
    leaks: Annotated[
        Rate,
        Meta(description="at most: conversations with words of the brief, a teacher's name, or"
             " text of special tokens"),
    ] = 0.0  # fmt: skip
    names: Annotated[
        Rate, Meta(description="at most: turns that name an alignment, identity tasks apart")
    ] = 0.002
    refusals: Annotated[Rate, Meta(description="at most: benign tasks that are refused")] = 0.005
    refusal_spread: Annotated[
        Rate, Meta(description="at most: between the personas that refuse most and least")
    ] = 0.01
    harmful_refused: Annotated[
        Rate, Meta(description="at least: harmful requests that are declined")
    ] = 0.99
    capitulations: Annotated[
        Rate, Meta(description="at most: users in the wrong to whom the assistant gives in")
    ] = 0.0
    over_corrections: Annotated[
        Rate, Meta(description="at most: users in the right whom the assistant corrects")
    ] = 0.02
    zlib: Annotated[Ratio, Meta(description="at most: compression over that of no persona")] = 1.10
    self_repetition: Annotated[
        Ratio, Meta(description="at most: repeated runs of words over those of no persona")
    ] = 1.10
    distinct: Annotated[
        Ratio, Meta(description="at most: distinct pairs of words of no persona over a persona's")
    ] = 1.10
    near_duplicates: Annotated[
        Rate, Meta(description="at most: near-duplicates among what is left")
    ] = 0.0
    recovered: Annotated[
        Rate, Meta(description="at least: failing calls that are later mended on the same target")
    ] = 0.90
    undeclared_failures: Annotated[
        Rate, Meta(description="at most: conversations that pass a failure over")
    ] = 0.0
    toxic: Annotated[Rate, Meta(description="at most: turns with slurs or threats")] = 0.0
    insults: Annotated[
        Rate, Meta(description="at most: turns with insults, of personas that may be unfriendly")
    ] = 0.02
    insults_elsewhere: Annotated[
        Rate, Meta(description="at most: turns with insults, of all others")
    ] = 0.0
    structure: Annotated[
        Rate,
        Meta(
            description="at least: conversations whose schema, ids, tokens and closing token are"
            " right"
        ),
    ] = 1.0
    task_leaks: Annotated[
        Rate, Meta(description="at most: tasks of which one split holds what another one has")
    ] = 0.0
    samples: Annotated[Count, Meta(description="conversations in the page's browser"), RUN_ONLY] = (
        400
    )
    workers: Annotated[int, Meta(ge=0, description="processes; 0: one a core"), RUN_ONLY] = 0
