"""The figures of a run as markdown."""

from __future__ import annotations

from typing import Any

STAGES = ("validate", "dedupe", "tokenize", "pack")
# Which steps of the peers do a stage's work.
PEERS = {
    "validate": ("validate",),
    "dedupe": ("minhash", "lsh"),
    "tokenize": ("tokenize",),
    "pack": ("pack",),
}


def conversation_tokens(stages: dict[str, Any]) -> float:
    """Tokens of the conversations that tokenize saw, each rendered once."""
    figures = stages["tokenize"]["figures"]
    return float(figures["tokens"]) / float(figures["inflation"])


def rendered(result: dict[str, Any]) -> float:
    """Tokens of all conversations: those of tokenize, and dedupe's share that is gone."""
    stages = result["stages"]
    kept = stages["dedupe"]["figures"]["out"] / stages["dedupe"]["figures"]["in"]
    return conversation_tokens(stages) / float(kept)


def one(result: dict[str, Any]) -> str:
    """The tables of one size, with the peers where they ran."""
    stages, made = result["stages"], result["corpus"]
    machine = result["machine"]
    figures = stages["tokenize"]["figures"]
    lines = [
        f"{made['asked']['mix']}: {made['conversations']:,} conversations, "
        f"{rendered(result) / 1e6:.1f} M tokens rendered once, {made['bytes'] / 1e6:,.0f} MB of "
        f"text, {made['unique bytes']:.1%} of it in distinct 64-byte blocks; "
        f"{figures['tokens'] / 1e6:.1f} M tokens in samples (inflation {figures['inflation']}).",
        f"{machine['cores']} cores of {machine['processor']}, Python {machine['python']}; "
        f"load before {_load(result['load before'])}, between {_load(result['load between'])}, "
        f"after {_load(result['load after'])}.",
        "",
        *_stage_table(result),
        "",
        *_duplicates(result),
    ]
    if "verify" in stages:
        verified = stages["verify"]
        lines.append(f"verify: {verified['rows']} rows, {verified['faults']} faults.")
    if "peers" in result:
        lines += ["", *_peer_lines(result)]
    return "\n".join(lines)


def _load(averages: Any) -> str:
    return f"{averages[0]:.2f}"


def _stage_table(result: dict[str, Any]) -> list[str]:
    stages, peers = result["stages"], result.get("peers")
    head = ["stage", "wall s", "CPU s", "peak MB (PSS)", "MB written"]
    if peers:
        head += ["peers' wall s, scaled", "times faster", "peers' CPU s, scaled", "times less CPU"]
    lines = [_row(head), _row(["---"] * len(head))]
    whole = stages["command"]
    total = dict.fromkeys(("peers wall", "peers cpu", "bytes"), 0.0)
    for name in STAGES:
        stage = stages[name]
        cells = [name, f"{stage['wall']:.1f}", f"{stage['cpu']:.1f}"]
        cells += [f"{stage['peak memory'] / 1e6:,.0f}", f"{stage['bytes written'] / 1e6:,.0f}"]
        total["bytes"] += stage["bytes written"]
        if peers:
            for kind in ("wall", "cpu"):
                theirs = sum(peers[f"{kind} for the whole"][each] for each in PEERS[name])
                total[f"peers {kind}"] += theirs
                cells += [f"{theirs:,.0f}", f"{theirs / stage[kind]:.1f}"]
        lines.append(_row(cells))
    cells = ["**all, one command**", f"**{whole['wall']:.1f}**", f"{whole['cpu']:.1f}"]
    cells += [f"{whole['peak memory'] / 1e6:,.0f}", f"{total['bytes'] / 1e6:,.0f}"]
    if peers:
        for kind in ("wall", "cpu"):
            theirs = total[f"peers {kind}"]
            cells += [f"**{theirs:,.0f}**", f"**{theirs / whole[kind]:.1f}**"]
    return [*lines, _row(cells)]


def _duplicates(result: dict[str, Any]) -> list[str]:
    ours = result["stages"]["duplicates"]
    lines = [
        f"Planted duplicates at Jaccard 0.8 and more: {ours['found']} of {ours['wanted']} found; "
        f"of {ours['planted below the threshold']} planted below it "
        f"{ours['of these dropped']} dropped; {ours['others']} others dropped, of "
        f"{ours['others checked']} checked {ours['others below the threshold']} are below 0.8."
    ]
    if "peers" in result:
        theirs = result["peers"]["recall"]
        lines.append(
            f"The peers, given the planted pairs alone: {theirs['found']} of {theirs['wanted']} "
            f"found, {theirs['others']} others dropped."
        )
    return lines


def _peer_lines(result: dict[str, Any]) -> list[str]:
    peers, stages = result["peers"], result["stages"]
    kept = stages["dedupe"]["figures"]["out"] / stages["dedupe"]["figures"]["in"]
    text = peers["tiktoken"]
    ours = stages["tokenize"]["wall"]
    lines = [
        f"Peers: {peers['conversations']} conversations, {peers['share']:.2%} of the text; "
        f"datasketch with {peers['hash']} (seconds on 60 conversations: {peers['hash seconds']}); "
        f"{peers['peak memory'] / 1e6:,.0f} MB. Steps on the slice, wall (CPU) s, and on "
        f"{peers['few']} conversations:"
    ]
    for name, step in peers["steps"].items():
        fixed = peers["fixed"].get(name)
        small = f", {fixed['wall']:.1f} ({fixed['cpu']:.1f})" if fixed else ""
        lines.append(f"- {name}: {step['wall']:.2f} ({step['cpu']:.2f}){small}")
    lines.append("")
    for threads, step in text["steps"].items():
        theirs = step["wall"] / text["share"] * kept
        lines.append(
            f"tiktoken, {threads}: {text['bytes'] / step['wall'] / 1e6:.1f} MB/s of ordinary text, "
            f"{theirs:.0f} s for what tokenize read in {ours:.1f} s: {theirs / ours:.2f} times."
        )
    return lines


def growth(result: dict[str, Any]) -> str:
    """Seconds a million tokens of each stage, and memory, over the sizes."""
    sizes = result["growth"]
    head = ["M tokens", "conversations", *(f"{name} s/M" for name in STAGES), "all s/M"]
    head += ["peak MB", "bytes for each further conversation", "load"]
    lines = [_row(head), _row(["---"] * len(head))]
    before: tuple[int, int] | None = None
    for each in sizes:
        stages, tokens = each["stages"], rendered(each) / 1e6
        walls = [stages[name]["wall"] / tokens for name in STAGES]
        peak = stages["command"]["peak memory"]
        count = each["corpus"]["conversations"]
        cells = [f"{tokens:.1f}", f"{count:,}", *(f"{wall:.3f}" for wall in [*walls, sum(walls)])]
        more = f"{(peak - before[0]) / (count - before[1]):,.0f}" if before else ""
        cells += [f"{peak / 1e6:,.0f}", more, _load(each["load between"])]
        lines.append(_row(cells))
        before = (peak, count)
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
