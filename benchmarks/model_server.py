"""A chat-completions server for timings, so light that it is not what is measured.

    python benchmarks/model_server.py

Prints its port and serves on 127.0.0.1 until its standard input ends. The model's name says what
is answered, "SECONDS" in it after how long, as in `short@0.2`:

    short       a fixed answer with reasoning
    short-user  the simulated user who has got all that it wanted
    talk        one call of bash and then an answer to each user message, for TURNS turns
    talk-user   the simulated user of such a talk

An answer of a talk depends on the request's messages alone. Its latencies are spread over 0.5 to
1.5 times the model's, in another order in each talk (the number in "Task N:"), so that talks do not
go in step and every talk waits exactly STEPS times the model's latency in all.

`POST /measure` begins a measurement, `POST /keep` one that keeps the bodies of requests too;
`GET /measured` ends it and gives the figures, `GET /kept` the bodies, one a line.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Any

import msgspec
from msgspec import Struct

TURNS = 10
PER_TURN = 3  # the call, the answer, the simulated user
STEPS = TURNS * PER_TURN
STRIDE = 7  # shares no divisor with STEPS: a talk meets every latency once
ANSWER = (
    "The number is done. I looked at what you sent, took the one value that it names and checked "
    "it against the rest: nothing else in it changes the result, and no step was left out. If you "
    "need it in another form, say which one, and whether the unit should stay as it is.\n\n"
    "Answer: done"
)
REASONING = (
    "The user wants the number repeated. It is stated in the message, there is nothing to compute. "
    "I give it in one line and end with the form that was asked for."
)
DONE = "[DONE]"
BACKLOG = 4096

_MODEL = re.compile(rb'"model": ?"([a-z-]+)@([0-9.]+)"')
_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d+)", re.IGNORECASE)
_NUMBER = re.compile(rb"Task (\d+):")


class _Role(Struct):
    role: str


class _Request(Struct):
    messages: list[_Role]


class Figures(Struct):
    """What a measurement saw; `wall` is from the first request to the last answer, in seconds.

    `in_flight_seconds` is the sum of what every request waited here, `cpu` this process's own.
    """

    requests: int = 0
    most_in_flight: int = 0
    in_flight_seconds: float = 0.0
    first: float = 0.0
    wall: float = 0.0
    cpu: float = 0.0


class Server:
    """All connections' counts."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.figures = Figures()
        self.kept: list[bytes] = []
        self._keeping = False
        self._cpu = 0.0
        self._answers: dict[bytes, bytes] = {
            b"short": _response(content=ANSWER, reasoning_content=REASONING),
            b"short-user": _response(content=DONE),
        }

    def measure(self, keep: bool) -> bytes:
        """Begins a measurement."""
        self.figures, self.kept, self._keeping = Figures(), [], keep
        self._cpu = time.process_time()
        return _http(b"{}")

    def measured(self) -> bytes:
        """The figures of the measurement."""
        self.figures.cpu = time.process_time() - self._cpu
        return _http(msgspec.json.encode(self.figures))

    def begun(self, body: bytes) -> tuple[bytes, float]:
        """The response to a request, and after how many seconds it is due."""
        if self._keeping:
            self.kept.append(body.replace(b"\n", b" "))
        model = _MODEL.search(body)
        if model is None:
            return _http(b'{"error": {"message": "no such model"}}', b"404 Not Found"), 0.0
        now = time.perf_counter()
        if not self.figures.requests:
            self.figures.first = now
        self.figures.requests += 1
        self.in_flight += 1
        self.figures.most_in_flight = max(self.figures.most_in_flight, self.in_flight)
        name, latency = model[1], float(model[2])
        if name.startswith(b"talk"):
            response, step, talk = _talk(body, name == b"talk-user")
            latency *= 0.5 + (step * STRIDE + talk) % STEPS / (STEPS - 1)
            return response, latency
        return self._answers[name], latency

    def ended(self, began: float) -> None:
        """Counts an answer to a request of the moment `began`."""
        now = time.perf_counter()
        self.in_flight -= 1
        self.figures.in_flight_seconds += now - began
        self.figures.wall = now - self.figures.first


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time, bodies with a content-length."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return
        self._buffer = rest[size:]
        self._answer(head, rest[:size])

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        line = head.partition(b"\r\n")[0]
        if b"/chat/completions" in line:
            if _LENGTH.search(head) is None:  # chunked bodies: no client that is timed sends them
                self._transport.write(_http(b"{}", b"411 Length Required"))
                return
            began = time.perf_counter()
            response, seconds = self._server.begun(body)
            self._loop.call_later(seconds, self._end, response, began)
        elif b"/measured" in line:
            self._transport.write(self._server.measured())
        elif b"/kept" in line:
            self._transport.write(_http(b"\n".join(self._server.kept)))
        elif b"/measure" in line or b"/keep" in line:
            self._transport.write(self._server.measure(keep=b"/keep" in line))
        else:
            self._transport.write(_http(b'{"object": "list", "data": []}'))

    def _end(self, response: bytes, began: float) -> None:
        assert self._transport is not None
        self._server.ended(began)
        if not self._transport.is_closing():
            self._transport.write(response)


def _talk(body: bytes, user: bool) -> tuple[bytes, int, int]:
    """The response to a request of a talk, its step from 0, and the talk's number."""
    said = msgspec.json.decode(body, type=_Request).messages
    roles = [each.role for each in said if each.role != "system"]  # a reminder may come last
    number = _NUMBER.search(body)
    talk = int(number[1]) if number else 0
    if user:
        turn = roles.count("assistant") - 1
        text = DONE if turn == TURNS - 1 else f"Task {talk}: now step {turn + 1}, please."
        return _response(content=text), PER_TURN * turn + 2, talk
    turn = roles.count("user") - 1
    if roles[-1] == "user":
        arguments = f'{{"command":"echo step {turn} >> notes.txt; wc -l notes.txt"}}'
        call = {
            "id": f"call_{turn}",
            "type": "function",
            "function": {"name": "bash", "arguments": arguments},
        }
        response = _response(content=None, reasoning_content=REASONING, tool_calls=[call])
        return response, PER_TURN * turn, talk
    return _response(content=ANSWER, reasoning_content=REASONING), PER_TURN * turn + 1, talk


def _response(**message: Any) -> bytes:
    body = {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "benchmark",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant"} | message,
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020},
    }
    return _http(msgspec.json.encode(body))


def _http(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


async def serve() -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    server = Server()
    listening = await loop.create_server(
        lambda: Connection(server, loop), "127.0.0.1", 0, backlog=BACKLOG
    )
    async with listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
