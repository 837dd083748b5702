"""Body of a request: read up to a size, and divided into files if it is multipart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress

from python_multipart.exceptions import FormParserError
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from pellucid.train.serve.limits import MEGABYTE, Limits, RequestError
from pellucid.train.serve.request_reading import Body
from pellucid.untrusted_files.reading import shorten

# The parser logs the damage, which is in the response.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())

MULTIPART = "multipart/form-data"
DISCARD_SECONDS, DISCARD_BYTES = 2.0, 64 * MEGABYTE
"""How much is read of a body that is too large. A client that is still sending does not see the response."""


async def read_body(request: Request, limits: Limits) -> Body:
    """Return the body of a request; raise `RequestError` if it is too large, or multipart that is damaged."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    content = await read_content(request, limits)
    if media_type != MULTIPART:
        return Body(media_type, content)
    return Body(media_type, files=await split_multipart(request, content, limits))


async def read_content(request: Request, limits: Limits) -> bytes:
    declared = request.headers.get("content-length", "0")
    size = int(declared) if declared.isdigit() else 0
    if size > limits.body_bytes:
        if request.headers.get("expect", "").lower() != "100-continue":
            await discard(request)
        raise make_size_error(limits)
    parts, received = [], 0
    async for part in request.stream():
        received += len(part)
        if received > limits.body_bytes:
            await discard(request)
            raise make_size_error(limits)
        parts.append(part)
    return b"".join(parts)


def make_size_error(limits: Limits) -> RequestError:
    return RequestError(
        413,
        f"body: expected at most {limits.body_bytes / MEGABYTE:g} MB; received more. Send several requests, or start "
        "the server with a larger --max-megabytes",
    )


async def discard(request: Request) -> None:
    """Read the rest of a body, within limits."""
    received = 0
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):  # RuntimeError: the stream has been read
        async with asyncio.timeout(DISCARD_SECONDS):
            while received < DISCARD_BYTES:
                message = await request.receive()
                received += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


class FileParser(MultiPartParser):
    """Parser of multipart bodies that knows whether the last boundary was there."""

    is_complete: bool = False

    def on_end(self) -> None:
        self.is_complete = True


async def split_multipart(request: Request, content: bytes, limits: Limits) -> list[tuple[str, bytes]]:
    """Return the files of a multipart body by name."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield content
        if not parser.is_complete:
            raise MultiPartException("it ends before its last boundary")

    parser = FileParser(request.headers, stream(), max_files=limits.samples, max_fields=10)
    parser.spool_max_size = limits.body_bytes + 1  # nothing is written to disk
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError) as error:  # older versions of Starlette pass the parser's own on
        reason = str(error.message if isinstance(error, MultiPartException) else error)
        if reason.startswith("Too many files"):
            raise RequestError(413, f"body: expected at most {limits.samples:,} files; received more") from error
        raise RequestError(
            400, f"body: expected multipart/form-data; received damaged data ({shorten(reason)})"
        ) from error
    try:
        parts = [part for _, part in form.multi_items() if not isinstance(part, str)]
        files = [(shorten(part.filename or "file"), await part.read()) for part in parts]
    finally:
        await form.close()
    if not files:
        raise RequestError(
            422, "body: expected a file in multipart/form-data, as curl -F file=@NAME sends it; received none"
        )
    return files
