"""The settings of the plan: which tasks are given to whom. Read them from config.py."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kappa_data.config_sandbox import RUN_ONLY

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class PlanConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tasks are given to whom."""

    personas: Annotated[
        tuple[str, ...], Meta(description="persona names, 'none', or 'all' (all nine and none)")
    ] = ("all",)
    families: Annotated[tuple[str, ...], Meta(description="task families, 'none', 'all'")] = (
        "all",
    )
    tasks: Annotated[
        int, Meta(gt=0, description="tasks per family (fewer where a family has fewer)")
    ] = 2
    validation: Annotated[Share, Meta(description="share of the tasks in validation")] = 0.1
    test: Annotated[Share, Meta(description="share of the tasks in test")] = 0.1
    strategies: Annotated[
        dict[str, float],
        Meta(
            description="mix over the tasks: live (each persona plays it) and revoice (played once"
            " without persona, then put into each voice)"
        ),
    ] = msgspec.field(default_factory=lambda: {"live": 1.0})
    specials: Annotated[
        dict[str, float],
        Meta(
            description="share of the tasks, of those that can, in which this is made to happen:"
            " switch, look_alike, denied, failing, missing"
        ),
    ] = msgspec.field(
        default_factory=lambda: {
            "switch": 0.05,
            "look_alike": 0.05,
            "denied": 0.05,
            "failing": 0.25,
            "missing": 0.05,
        }
    )
    slots: Annotated[
        int,
        Meta(
            ge=0,
            description="a mix of so many slots, by the shares below; 0: `tasks` of each family,"
            " played by all personas",
        ),
    ] = 0
    shares: Annotated[
        dict[str, float],
        Meta(
            description="with slots, of these: paired (a task for every persona), none (further"
            " tasks without one), switch, look_alike"
        ),
    ] = msgspec.field(
        default_factory=lambda: {
            "paired": 0.8,
            "none": 0.16,
            "switch": 0.025,
            "look_alike": 0.015,
        }
    )
    groups: Annotated[
        dict[str, float],
        Meta(description="with slots, of the expected tokens: kinds of task, in proportion"),
    ] = msgspec.field(
        default_factory=lambda: {
            "agentic": 0.45,
            "chat": 0.19,
            "single_turn": 0.08,
            "long_context": 0.12,
            "reasoning": 0.06,
            "sycophancy": 0.03,
            "refusal": 0.02,
            "identity": 0.01,
        }
    )
    weights: Annotated[
        dict[str, float],
        Meta(
            description="with slots: tasks of a family beside the others of its group, in"
            " proportion; 1 where it is not named"
        ),
    ] = msgspec.field(
        default_factory=lambda: {
            "how_to": 0.5,
            "single_rewrite": 0.25,
            # Two in ten are harmful; of the others chemistry is refused most often without need.
            "kitchen_chemistry": 2.0,
            "dark_fiction": 0.5,
            "plain_opinion": 0.5,
        }
    )
    lengths: Annotated[
        dict[str, float],
        Meta(
            description="with slots, of the expected tokens: conversations up to so long, in"
            " proportion; decides between the next tasks of a family"
        ),
    ] = msgspec.field(
        default_factory=lambda: {"4k": 0.2, "16k": 0.35, "32k": 0.2, "64k": 0.12, "128k": 0.13}
    )
    lengthen: Annotated[
        dict[str, float],
        Meta(
            description="with slots: a family's tokens over what is expected, where they were"
            " measured (plan --explain says them)"
        ),
    ] = msgspec.field(default_factory=dict)
    seed: Annotated[int, Meta(description="draws the splits, the mixes and the order")] = 0
    task_files: Annotated[
        tuple[str, ...],
        Meta(description="files with tasks of your own, planned beside the families'"),
        RUN_ONLY,  # the key holds what is in the files, and not where they lie
    ] = ()
    seeds: Annotated[
        str,
        Meta(description="file that names documents and code of your own for the families' tasks"),
        RUN_ONLY,  # as with task_files
    ] = ""
