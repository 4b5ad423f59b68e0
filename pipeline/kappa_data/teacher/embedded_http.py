"""How the embedded teacher puts answers, streams and errors on an aiohttp connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from aiohttp import web

from kappa_data.teacher.embedded_wire import Refused


def json_response(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A response with `value` as compact JSON."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def error_response(refused: Refused) -> web.Response:
    """The error in the API's form, with its status and headers."""
    return json_response(refused.body, refused.status, refused.headers)


def as_refused(error: web.HTTPException, request: web.Request) -> Refused:
    """What aiohttp itself turns down (no such path, wrong method, too long), as an API error."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    messages = {
        404: f"Unknown path: {request.method} {request.path}; this server has "
        "POST /v1/chat/completions, POST /v1/responses and GET /v1/models.",
        405: f"{request.path} does not take {request.method}.",
        413: f"The body is too large; at most {request.client_max_size} bytes are read.",
    }
    message = messages.get(error.status, error.reason)
    code = error.reason.lower().replace(" ", "_")
    return Refused(error.status, message, code=code, headers=headers)


async def send_stream(
    request: web.Request,
    chunks: Iterator[dict[str, Any]],
    *,
    lost: bool,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Sends the chunks as server-sent events; `lost`: closes the connection half-way."""
    events = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks]
    events.append(b"data: [DONE]\n\n")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", **headers}
    )
    await response.prepare(request)
    for event in events[: len(events) // 2] if lost else events:
        await response.write(event)
    if lost:
        close(request)
    else:
        await response.write_eof()
    return response


def close(request: web.Request) -> None:
    """Closes the connection at once, whatever has been sent."""
    if request.transport is not None:
        request.transport.abort()
