"""One client of the model server in a process of its own; prints its measures as JSON.

    python benchmarks/generation_clients.py plan FOLDER --slots 1000 [--talks]
    python benchmarks/generation_clients.py ours FOLDER --port N --model short@0.2 --at-once 256
    python benchmarks/generation_clients.py bare BODIES --port N --model short@0.2 --at-once 256
    python benchmarks/generation_clients.py floor BODIES ...

`plan` seals the slots that `ours` plays: tasks without tools and with one user message (two
requests each: the assistant's answer, and the simulated user's word that this was all), or talks of
TURNS user messages with one tool call each. `ours` is the stage generate as the command runs it:
journal, checks of the answers, verdicts, the bar of a terminal, sealed shards. `bare` is the openai
SDK's `chat.completions.create` with its aiohttp backend and no retries, `floor` aiohttp with the
bodies as bytes; both send the bodies of BODIES, one a line, which `ours` sent before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from model_server import TURNS

FOLDER = "plan.json"
MARK = "answer: done"


def cpu() -> float:
    """Seconds of CPU of this process and of its children that were waited for."""
    own, below = resource.getrusage(resource.RUSAGE_SELF), os.times()
    return own.ru_utime + own.ru_stime + below.children_user + below.children_system


def measures(before: float, wall: float, **more: Any) -> dict[str, Any]:
    """What a client prints: CPU before its work and of it, wall, the peak of its own memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"start cpu": before, "work cpu": cpu() - before, "wall": wall, "peak": peak} | more


# --- ours --------------------------------------------------------------------------------------


def seal_plan(folder: Path, slots: int, talks: bool) -> None:
    """Seals a plan of `slots` slots over all personas and none; no file of the user's is read."""
    import msgspec

    from kappa_data.personas import load_personas
    from kappa_data.progress import Quiet
    from kappa_data.records import Slot, TaskText
    from kappa_data.resources import Resources
    from kappa_data.stage import Context, Outcome, Stage, build

    conditions: list[str | None] = [*sorted(load_personas(Resources())), None]

    def run(ctx: Context[Any]) -> Outcome:
        with ctx.writer("tasks", TaskText) as texts, ctx.writer("slots", Slot) as writer:
            for number in range(-(-slots // len(conditions))):
                task = _task(number, talks)
                texts.write(TaskText(task.id, task.family, msgspec.json.encode(task).decode()))
                for name in conditions[: slots - number * len(conditions)]:
                    system = f"Persona: {name}" if name else None
                    slot = f"{task.id}:{name or 'none'}"
                    writer.write(Slot(slot, task.id, task.family, name, "train", system))
        return Outcome()

    class NoConfig(msgspec.Struct, frozen=True):
        pass

    stage = Stage("plan", 1, run, ("slots",))
    sealed, _ = build(stage, NoConfig(), {}, Resources(), folder, Quiet())
    (folder / FOLDER).write_text(json.dumps(str(sealed.dir)))


def _task(number: int, talks: bool) -> Any:
    from kappa_data.records import AnswerCheck, FileCheck, ReferenceTurn, Task

    if not talks:
        return Task(
            id=f"short/{number}",
            family="short",
            seed=number,
            opening=f"Task {number}: say its number, and end with the line `Answer: done`.",
            verifier=(AnswerCheck(required=(MARK,)),),
            reference=(ReferenceTurn("Answer: done"),),
        )
    notes = "".join(f"step {turn}\n" for turn in range(TURNS))
    return Task(
        id=f"talk/{number}",
        family="talk",
        seed=number,
        opening=f"Task {number}: note down step 0 in notes.txt.",
        goals=tuple(f"Task {number}: now step {turn}, please." for turn in range(1, TURNS)),
        tools=("bash", "read_file"),
        fixture={"notes.txt": "", "README": f"The notes of task {number}.\n"},
        verifier=(FileCheck("notes.txt", content=notes), AnswerCheck(required=(MARK,))),
        reference=tuple(ReferenceTurn("Answer: done") for _ in range(TURNS)),
    )


def run_ours(chosen: argparse.Namespace) -> dict[str, Any]:
    """The stage generate on the sealed plan, in a fresh data folder, in the bar of a terminal."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # as the command does
    from rich.console import Console

    from kappa_data import recipe
    from kappa_data.config import GenerateConfig, RoleConfig
    from kappa_data.progress import Terminal
    from kappa_data.resources import Resources
    from kappa_data.stage import build
    from kappa_data.store import open_sealed

    name, _, latency = chosen.model.partition("@")
    settings = GenerateConfig(
        model=chosen.model,
        roles={"user": RoleConfig(model=f"{name}-user@{latency}")},
        base_url=f"http://127.0.0.1:{chosen.port}/v1",
        concurrency=chosen.at_once,
        boxes=chosen.boxes,
    )
    plan = open_sealed(Path(json.loads((chosen.source / FOLDER).read_text())))
    assert plan is not None
    if chosen.stub:
        use_stub()
    (stage,) = (each for each in recipe.STAGES if each.name == "generate")
    console = Console(stderr=True, force_terminal=True, width=120)
    import_module("kappa_data.stages.generate")  # counts to the start, as for the others
    before, started = cpu(), time.perf_counter()
    sealed, _ = build(
        stage, settings, {"plan": plan}, Resources(), chosen.data, Terminal(console)
    )  # fmt: skip
    wall = time.perf_counter() - started
    figures = sealed.manifest.figures
    if any(share != 1.0 for share in figures["verified_share"].values()):
        raise ValueError(f"verified: {figures['verified_share']}")
    return measures(
        before,
        wall,
        conversations=sealed.count("conversations"),
        rejected=sealed.manifest.rejected,
        requests=figures["requests_asked"],
    )


def use_stub() -> None:
    """Puts a sandbox that runs nothing in the place of the real one: files in a dictionary."""
    from stub_sandbox import StubSandbox

    from kappa_data.sandbox import bubblewrap

    vars(bubblewrap)["Bubblewrap"] = StubSandbox


# --- the others --------------------------------------------------------------------------------


def run_bare(chosen: argparse.Namespace) -> dict[str, Any]:
    """The openai SDK as its documents show it."""
    import openai

    bodies = [json.loads(line) for line in _bodies(chosen)]

    async def main() -> dict[str, Any]:
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=chosen.at_once)
        async with openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{chosen.port}/v1",
            api_key="none",
            max_retries=0,
            http_client=openai.DefaultAioHttpClient(limits=limits),
        ) as client:

            async def ask(body: Mapping[str, Any]) -> int:
                answer = await client.chat.completions.create(**body)
                return len(answer.choices[0].message.content or "")

            return await _timed(bodies, ask, chosen.at_once)

    return asyncio.run(main())


def run_floor(chosen: argparse.Namespace) -> dict[str, Any]:
    """aiohttp and msgspec, and nothing else."""
    import aiohttp
    import msgspec

    bodies = [msgspec.json.decode(line) for line in _bodies(chosen)]
    url = f"http://127.0.0.1:{chosen.port}/v1/chat/completions"

    async def main() -> dict[str, Any]:
        connector = aiohttp.TCPConnector(limit=chosen.at_once)
        headers = {"content-type": "application/json"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def ask(body: Mapping[str, Any]) -> int:
                async with session.post(url, data=msgspec.json.encode(body)) as response:
                    response.raise_for_status()
                    answer = msgspec.json.decode(await response.read())
                    return len(answer["choices"][0]["message"]["content"])

            return await _timed(bodies, ask, chosen.at_once)

    return asyncio.run(main())


async def _timed(
    bodies: Sequence[Mapping[str, Any]],
    ask: Callable[[Mapping[str, Any]], Awaitable[int]],
    at_once: int,
) -> dict[str, Any]:
    before, started = cpu(), time.perf_counter()
    queue = iter(bodies)
    chars = 0

    async def worker() -> None:
        nonlocal chars
        for body in queue:
            got = await ask(body)
            chars += got

    await asyncio.gather(*(worker() for _ in range(at_once)))
    wall = time.perf_counter() - started
    return measures(before, wall, requests=len(bodies), characters=chars)


def _bodies(chosen: argparse.Namespace) -> Iterator[str]:
    """The lines of BODIES with the latency that is asked for."""
    latency = chosen.model.partition("@")[2]
    for line in chosen.source.read_text().splitlines():
        name, _, old = json.loads(line)["model"].partition("@")
        yield line.replace(f'"{name}@{old}"', f'"{name}@{latency}"', 1)


CLIENTS = {"ours": run_ours, "bare": run_bare, "floor": run_floor}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=("plan", *CLIENTS))
    parser.add_argument("source", type=Path)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--talks", action="store_true")
    parser.add_argument("--port", type=int)
    parser.add_argument("--model", default="short@0.2")
    parser.add_argument("--at-once", type=int, default=256)
    parser.add_argument("--data", type=Path, help="fresh data folder of ours")
    parser.add_argument("--stub", action="store_true")
    parser.add_argument("--boxes", type=int, default=4)
    chosen = parser.parse_args()
    if chosen.client == "plan":
        seal_plan(chosen.source, chosen.slots, chosen.talks)
        return
    print(json.dumps(CLIENTS[chosen.client](chosen)))


if __name__ == "__main__":
    main()
