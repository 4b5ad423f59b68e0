"""Times generation against the bare clients and the peers, on a model server of its own.

    python benchmarks/generation.py [--peers FOLDER] [--only requests,many,talks] [--out F.json]

requests: 2,000 requests without tools, 256 in flight, 200 ms each. many: 6,000, 3,000 in flight,
5 s. talks: conversations of ten user messages and ten tool calls, one for each of 256 slots, with a
sandbox that runs nothing and with the real one. FOLDER has an environment for each peer, by name
(distilabel, curator, data-designer; requirements-generation-peers.txt). Every client runs in a
fresh process, the rounds of all clients in turn; prints markdown tables of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from measure import Failed, measured
from model_server import STEPS

HERE = Path(__file__).parent
PEERS = ("distilabel", "curator", "data-designer")
QUIET = {  # no peer asks anything of the network
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NEMO_TELEMETRY_ENABLED": "false",
    "TELEMETRY_ENABLED": "false",
}
MB = 1e6
Figures = dict[str, Any]


class Bench:
    """A folder for what the clients write, and the port of the server."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def ask(self, path: str, method: str = "GET") -> bytes:
        """The server's answer to one of its own commands."""
        url = f"http://127.0.0.1:{self.port}/{path}"
        request = urllib.request.Request(url, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: bytes = response.read()
        return answer

    def client(self, name: str, source: Path, *more: object, keep: bool = False) -> Figures:
        """The measures of a client of ours, with what the server saw under "server"."""
        program = [sys.executable, str(HERE / "generation_clients.py"), name, str(source)]
        data = self._fresh("data")
        return self._measured([*program, "--data", str(data), *map(str, more)], keep=keep)

    def peer(self, name: str, python: Path, rows: Path, *more: object) -> Figures:
        """The same of a peer; Failed where it ends in an error."""
        program = [str(python), str(HERE / "generation_peers.py"), name, str(rows)]
        work = self._fresh("work")
        return self._measured([*program, "--work", str(work), *map(str, more)])

    def _measured(self, command: Sequence[str], keep: bool = False) -> Figures:
        self.ask("keep" if keep else "measure", "POST")
        whole = [*command, "--port", str(self.port)]
        text, figures = measured(whole, cwd=self._fresh("here"), environment=QUIET)
        server = json.loads(self.ask("measured"))
        said: Figures = json.loads(text.strip().splitlines()[-1])
        return said | {"process": figures, "server": server}

    def _fresh(self, name: str) -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def plan(self, name: str, slots: int, *more: str) -> Path:
        """A sealed plan."""
        folder = self._fresh(name)
        program = [sys.executable, str(HERE / "generation_clients.py"), "plan", str(folder)]
        subprocess.run([*program, "--slots", str(slots), *more], check=True)
        return folder


@contextmanager
def serving(folder: Path) -> Iterator[Bench]:
    """The model server in a process that ends with this one."""
    command = [sys.executable, str(HERE / "model_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield Bench(folder, int(server.stdout.readline()))
        server.stdin.close()


# --- requests ----------------------------------------------------------------------------------


def requests(
    bench: Bench, *, slots: int, model: str, at_once: int, rounds: int, peers: dict[str, Path]
) -> dict[str, list[Figures] | str]:
    """The figures of each client in each round; of a peer that failed, what it said last.

    A first run of ours, not counted, gives the bodies that the others send.
    """
    plan = bench.plan("plan", slots)
    told = ("--model", model, "--at-once", at_once)
    bench.client("ours", plan, "--model", "short@0.01", keep=True)
    bodies = bench.folder / "bodies.jsonl"
    bodies.write_bytes(bench.ask("kept"))
    rows = bench.folder / "rows.jsonl"
    _write_rows(bodies, rows)
    found: dict[str, list[Figures] | str] = {}
    for _ in range(rounds):
        for name in ("floor", "bare", "ours"):
            made = bench.client(name, plan if name == "ours" else bodies, *told)
            if made["server"]["requests"] != 2 * slots:
                raise SystemExit(f"{name}: {made['server']['requests']} requests, not {2 * slots}")
            _add(found, name, made)
        for name, python in peers.items():
            if isinstance(found.get(name), str):
                continue
            try:
                _add(found, name, bench.peer(name, python, rows, *told))
            except Failed as error:
                found[name] = str(error).strip().splitlines()[-1][:200]
    return found


def _add(found: dict[str, list[Figures] | str], name: str, figures: Figures) -> None:
    made = found.setdefault(name, [])
    assert isinstance(made, list)
    made.append(figures)


def _write_rows(bodies: Path, rows: Path) -> None:
    """As many rows for the peers as there are bodies: system and user message of ours, each twice
    with another ending, since some of them ask the same only once."""
    with rows.open("w") as file:
        for line in bodies.read_text().splitlines():
            body = json.loads(line)
            if body["model"].startswith("short@"):
                system, user = (each["content"] for each in body["messages"])
                for ending in ("", "\n\nThank you."):
                    file.write(json.dumps({"system": system, "user": user + ending}) + "\n")


def requests_table(found: dict[str, list[Figures] | str]) -> str:
    """CPU per request, ratios within the run, memory."""
    lines = [
        "| client | CPU ms a request | times bare | ours is of it | with its start, CPU s "
        "| wall s | most in flight | peak MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    each_cpu = {
        name: median(1000 * each["work cpu"] / each["requests"] for each in made)
        for name, made in found.items()
        if not isinstance(made, str)
    }
    for name, made in found.items():
        if isinstance(made, str):
            lines.append(f"| {name} | failed: {made} |  |  |  |  |  |  |")
            continue
        cells = (
            f"{each_cpu[name]:.2f}",
            f"{each_cpu[name] / each_cpu['bare']:.2f}",
            f"{each_cpu['ours'] / each_cpu[name]:.2f}",
            f"{median(each['process']['cpu'] for each in made):.1f}",
            f"{median(each['server']['wall'] for each in made):.2f}",
            f"{max(each['server']['most_in_flight'] for each in made)}",
            f"{median(_peak(each) for each in made) / MB:.0f}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _peak(figures: Figures) -> float:
    """Bytes: the process's own peak where it is known, else that of the whole tree."""
    peak: float = max(figures.get("peak", 0), figures["process"]["peak memory"])
    return peak


# --- talks -------------------------------------------------------------------------------------


def talks(bench: Bench, at_once: int, latencies: Sequence[float], boxes: Sequence[int]) -> str:
    """Talks as many as slots; the ideal is that a slot waits for nothing but its answers."""
    plan = bench.plan("talks", at_once, "--talks")
    lines = [
        "| sandbox | latency s | ideal s | wall s | of the ideal rate | CPU ms a request "
        "| CPU, share of one core | peak MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    runs: list[tuple[str, float, tuple[str, ...]]]
    runs = [("none, calls cost nothing", latency, ("--stub",)) for latency in latencies]
    runs += [(f"real, boxes = {n}", latencies[-1], ("--boxes", str(n))) for n in boxes]
    for name, latency, more in runs:
        told = ("--model", f"talk@{latency}", "--at-once", at_once, *more)
        made = bench.client("ours", plan, *told)
        if made["requests"] != STEPS * at_once or made["rejected"]:
            raise SystemExit(f"{made['requests']} requests, rejected: {made['rejected']}")
        ideal, wall = STEPS * latency, made["server"]["wall"]
        cells = (
            f"{latency:g}",
            f"{ideal:.0f}",
            f"{wall:.1f}",
            f"{100 * ideal / wall:.1f} %",
            f"{1000 * made['work cpu'] / made['requests']:.2f}",
            f"{made['work cpu'] / made['wall']:.2f}",
            f"{made['process']['peak memory'] / MB:.0f}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, help="folder with an environment for each peer")
    parser.add_argument("--only", default="requests,many,talks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=1000, help="two requests each")
    parser.add_argument("--latencies", default="1,2", help="of the answers in talks, in seconds")
    parser.add_argument("--boxes", default="2,4,8")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    wanted = chosen.only.split(",")
    places = {name: chosen.peers / name / "bin" / "python" for name in PEERS if chosen.peers}
    peers = {name: python.absolute() for name, python in places.items() if python.exists()}
    kept: dict[str, Any] = {}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as bench:
        if "requests" in wanted:
            kept["requests"] = requests(
                bench, slots=chosen.slots, model="short@0.2", at_once=256, rounds=chosen.rounds,
                peers=peers,
            )  # fmt: skip
            print(requests_table(kept["requests"]) + "\n", flush=True)
        if "many" in wanted:
            kept["many"] = requests(
                bench, slots=3 * chosen.slots, model="short@5", at_once=3 * chosen.slots, rounds=1,
                peers={},
            )  # fmt: skip
            print(requests_table(kept["many"]) + "\n", flush=True)
        if "talks" in wanted:
            latencies = [float(each) for each in chosen.latencies.split(",")]
            boxes = [int(each) for each in chosen.boxes.split(",") if each]
            print(talks(bench, 256, latencies, boxes))
    if chosen.out:
        chosen.out.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
