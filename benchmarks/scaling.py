"""What a data set of so many tokens takes, on paper and measured: prints docs/scaling.md's figures.

    python benchmarks/scaling.py [PAGE] [--slots 300] [--tokens 308e6]

The embedded teacher plays a mix of `--slots`, plain and with planted faults, through the command in
a temporary folder; `plan --explain` counts what came of it. PAGE, such as docs/scaling.md, gets the
tables in the place of those that it has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kappa_data.tasks.catalog import GROUPS, families

BEGIN = "<!-- figures: python benchmarks/scaling.py docs/scaling.md -->"
END = "<!-- end of figures -->"
SLOPPY = 0.05
"""of each kind of planted fault"""
REASONING = (1.0, 4.0)
"""how many times the embedded teacher's tokens a model writes: its own, and an assumption"""
PRICES = ((0.2, 0.02, 0.8), (1.5, 0.15, 6.0))
"""made up: of a million tokens of prompts, of cached ones, of answers"""
SPEED, LATENCY = 60.0, 0.5
"""assumed: tokens that one answer gains a second, and seconds until its first"""
IN_FLIGHT = (64, 256)
TRAIN = 0.8
"""share of the tasks in train, as the settings have it"""
STAGES = ("plan", "generate", "validate", "dedupe", "tokenize", "pack")


class Run(NamedTuple):
    """A data set that was made: what --explain says, its bytes by stage, processor seconds."""

    explain: dict[str, Any]
    disk: dict[str, int]
    seconds: float


def made(slots: int, sloppy: float, folder: Path) -> Run:
    """Plays a mix and counts what came of it."""
    common = ("--data-dir", str(folder), "--json", "-q")
    own = ("--set", f"plan.slots={slots}", "--set", f"generate.sloppy={sloppy}")
    before = os.times()
    _command("pack", *common, *own)
    after = os.times()
    seconds = sum(after[2:4]) - sum(before[2:4])
    told = json.loads(_command("plan", "--explain", "--slots", str(slots), *common))
    disk = {
        stage: sum(file.stat().st_size for file in (folder / "persona_kappa" / stage).rglob("*.*"))
        for stage in STAGES
    }
    return Run(told["explain"], disk, seconds)


def _command(*arguments: str) -> str:
    program = Path(sys.executable).with_name("kappa-data")
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with tempfile.TemporaryDirectory() as empty:  # no kappa.toml and no prices of the user's
        done = subprocess.run(
            [program, *arguments], env=clean, cwd=empty, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def lines_of(explain: dict[str, Any], table: str) -> dict[str, dict[str, Any]]:
    """The lines of one of --explain's tables by name."""
    return {line["name"]: line for line in explain["lines"] if line["table"] == table}


def by_group(clean: Run, tokens: float) -> Iterable[str]:
    """Tokens of a conversation by group, and the tasks that so many tokens need of it."""
    explain = clean.explain
    seeds: dict[str, int] = defaultdict(int)
    for family in families().values():
        seeds[family.group] += family.seeds
    groups, totals = lines_of(explain, "groups"), explain["totals"]
    whole = sum(line["tokens"] for line in groups.values())
    real = whole * _measured(explain)
    slots = tokens / (real / totals["slots"]) / TRAIN
    yield "| group | expected tokens a conversation | measured | slots needed | tasks | seeds |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name in GROUPS:
        if name not in groups:
            yield f"| {name} | no family | | | | {seeds[name]:,} |"
            continue
        line = groups[name]
        own = slots * line["slots"] / totals["slots"]
        each = line["realised"] * real / line["slots"] * _left(explain)
        tasks = own * totals["tasks"] / totals["slots"]
        yield (
            f"| {name} | {line['tokens'] / line['slots']:,.0f} | {each / _left(explain):,.0f} "
            f"| {own:,.0f} | {tasks:,.0f} | {seeds[name]:,} |"
        )
    tasks = slots * totals["tasks"] / totals["slots"]
    yield (
        f"| all | {whole / totals['slots']:,.0f} | {real / totals['slots']:,.0f} | {slots:,.0f} "
        f"| {tasks:,.0f} | {sum(seeds.values()):,} |"
    )


def _left(explain: dict[str, Any]) -> float:
    return float(explain["survival"]["tokenize"] / explain["survival"]["plan"])


def _measured(explain: dict[str, Any]) -> float:
    """Measured tokens over expected ones, over all families."""
    lines = lines_of(explain, "families")
    guess = sum(line["tokens"] for name, line in lines.items() if name in explain["lengthen"])
    real = sum(lines[name]["tokens"] * factor for name, factor in explain["lengthen"].items())
    return float(real / guess)


def by_family(clean: Run) -> Iterable[str]:
    """How far the expected tokens are off, by family."""
    yield "| family | conversations | expected tokens | measured over expected |"
    yield "|---|--:|--:|--:|"
    for name, line in lines_of(clean.explain, "families").items():
        factor = clean.explain["lengthen"].get(name)
        each = line["tokens"] / line["slots"]
        yield f"| {name} | {line['slots']:,} | {each:,.0f} | {factor or 'unknown'} |"


def survival(runs: Sequence[tuple[str, Run]]) -> Iterable[str]:
    """What each stage let through."""
    names = list(runs[0][1].explain["survival"])
    yield f"| teacher | {' | '.join(names)} | left |"
    yield f"|---|{'--:|' * (len(names) + 1)}"
    for name, run in runs:
        counts = run.explain["survival"]
        cells = " | ".join(f"{counts[stage]:,}" for stage in names)
        yield f"| {name} | {cells} | {_left(run.explain):.1%} |"


def prices(clean: Run, tokens: float) -> Iterable[str]:
    """Requests, tokens billed, money and time of the whole, by how much a model writes."""
    explain = clean.explain
    totals = explain["totals"]
    conversations = totals["slots"]
    per = {name: totals[name] / conversations for name in ("requests", "completion_tokens")}
    prompt = totals["prompt_tokens"] / conversations
    trained = totals["tokens"] / conversations * _measured(explain)
    repeated = totals["repeated_prompt_tokens"] / conversations
    yield (
        "| a model writes | slots | requests | prompt tokens | of answers | "
        + " | ".join(f"at {a:g} / {c:g} / {o:g}" for a, c, o in PRICES)
        + " | "
        + " | ".join(f"hours at {n}" for n in IN_FLIGHT)
        + " |"
    )
    yield f"|---|{'--:|' * (4 + len(PRICES) + len(IN_FLIGHT))}"
    for factor in REASONING:
        # What it writes more stays in the turn's document, and in the prompts of the turn.
        written = per["completion_tokens"] * factor
        more = written - per["completion_tokens"]
        slots = tokens / TRAIN / (trained + more)
        asked = (prompt + more) * slots
        costs = [
            ((asked - repeated * slots) * full + repeated * slots * cached + written * slots * out)
            / 1e6
            for full, cached, out in PRICES
        ]
        seconds = slots * per["requests"] * (LATENCY + written / per["requests"] / SPEED)
        hours = [seconds / number / 3600 for number in IN_FLIGHT]
        yield (
            f"| {factor:g} x the embedded one | {slots:,.0f} | {per['requests'] * slots:,.0f} "
            f"| {asked / 1e6:,.0f} M | {written * slots / 1e6:,.0f} M | "
            + " | ".join(f"{each:,.0f}" for each in costs)
            + " | "
            + " | ".join(f"{each:,.1f}" for each in hours)
            + " |"
        )


def disk(clean: Run, tokens: float) -> Iterable[str]:
    """Bytes by stage, a conversation and for the whole."""
    explain = clean.explain
    conversations = explain["totals"]["slots"]
    trained = explain["totals"]["tokens"] / conversations * _measured(explain)
    slots = tokens / TRAIN / trained
    yield "| stage | kB a conversation | GB for the whole |"
    yield "|---|--:|--:|"
    for stage, size in clean.disk.items():
        each = size / conversations
        yield f"| {stage} | {each / 1e3:,.1f} | {each * slots / 1e9:,.2f} |"
    yield (
        f"\nProcessor seconds of all stages: {clean.seconds:,.0f} for {conversations:,} "
        f"conversations, {clean.seconds / conversations:.2f} each (the embedded teacher's own and "
        "the tools' included)."
    )


def figures(slots: int, tokens: float) -> str:
    """All tables, as markdown."""
    with tempfile.TemporaryDirectory() as place:
        clean = made(slots, 0.0, Path(place) / "clean")
        faulty = made(slots, SLOPPY, Path(place) / "sloppy")
    played = clean.explain["totals"]
    parts = [
        ("", [f"A mix of {played['slots']:,} slots, {played['tasks']:,} tasks, of "
              f"{len(families())} families; the whole is {tokens / 1e6:,.0f} M tokens of train, "
              f"{TRAIN:.0%} of the tasks."]),
        ("Tokens, slots and tasks", by_group(clean, tokens)),
        ("What the plan expects, and what came", by_family(clean)),
        ("What survives", survival([
            ("embedded", clean), (f"embedded, --sloppy {SLOPPY:g}", faulty)])),
        ("Money and time", prices(clean, tokens)),
        ("Disk", disk(clean, tokens)),
    ]  # fmt: skip
    return "\n".join(
        line for title, of in parts for line in ([f"\n### {title}\n", *of] if title else of)
    )


def main() -> None:
    """Prints the tables, or writes them into the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slots", type=int, default=300)
    parser.add_argument("--tokens", type=float, default=308e6)
    parser.add_argument("page", type=Path, nargs="?")
    told = parser.parse_args()
    found = figures(told.slots, told.tokens)
    if told.page is None:
        print(found)
        return
    before, _, rest = told.page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    told.page.write_text(f"{before}{BEGIN}\n{found}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
