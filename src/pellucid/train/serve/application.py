"""The web application of a server of predictions: its routes, its errors, and its batches."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pellucid.data.errors import DataError
from pellucid.errors import PellucidError, near_miss
from pellucid.model.errors import ModelError
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_plain_value
from pellucid.train.serve.access import HEADERS, Access
from pellucid.train.serve.batching import Batcher
from pellucid.train.serve.body_reading import read_body
from pellucid.train.serve.limits import Limits, RequestError
from pellucid.train.serve.page import ServedPage, render_page, render_token_page
from pellucid.train.serve.prediction_schema import describe_server
from pellucid.train.serve.request_reading import Samples, read_samples
from pellucid.train.serve.served_model import ServedModel

HEALTH = "/health"
PATHS = ("/", HEALTH, "/schema", "/predict")
STATES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Log = Callable[[str], None]


class PredictionServer:
    """Answers requests with the predictions of a network.

    Parameters
    ----------
    served : ServedModel
        The network, compiled.
    access : Access
        The token and the hosts.
    limits : Limits
        Limits of requests.
    log : function
        Takes a line for each request.
    """

    def __init__(self, served: ServedModel, access: Access, limits: Limits, log: Log = lambda line: None) -> None:
        self.served, self.access, self.limits, self.log = served, access, limits, log
        self.batcher = Batcher(served.compute, limits.batch_samples, limits.batch_seconds)
        self.reader = ThreadPoolExecutor(1, "pellucid reader")
        self.waiting = 0
        self.description = describe_server(served, limits)
        self.page = render_page(served, self.description)
        self.token_page = render_token_page()

    def make_application(self) -> ASGIApp:
        """Return the ASGI application."""
        application = Starlette(
            routes=[
                Route("/", self.show_page),
                Route(HEALTH, self.show_health),
                Route("/schema", self.show_schema),
                Route("/predict", self.predict, methods=["POST"]),
            ],
            exception_handlers={
                RequestError: self.answer_error,
                PellucidError: self.answer_error,
                UsageError: self.answer_error,
                HTTPException: self.answer_error,
                Exception: self.answer_error,
            },
            lifespan=self.run_threads,
        )
        return Guard(application, self)

    @asynccontextmanager
    async def run_threads(self, application: Starlette) -> AsyncIterator[None]:
        """Run the threads of the network and the reader until all requests are answered."""
        with self.reader, self.batcher:
            yield

    async def show_page(self, request: Request) -> Response:
        return make_html(self.page, 200)

    async def show_health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def show_schema(self, request: Request) -> Response:
        return JSONResponse(self.description)

    async def predict(self, request: Request) -> Response:
        """Return predictions for the samples of a request, with the warnings about them."""
        limits = self.limits
        if self.waiting >= limits.waiting:
            raise RequestError(503, f"expected at most {limits.waiting} requests at one time; try again in a second")
        strict = parse_strict(request.query_params.get("strict"))
        self.waiting += 1
        try:
            async with asyncio.timeout(limits.seconds):
                samples, outputs = await self.compute(request, strict)
        except TimeoutError as error:
            is_sent = getattr(request.state, "is_received", False)
            cause = "the predictions took longer" if is_sent else "its body did not arrive in time"
            raise RequestError(
                504 if is_sent else 408, f"expected a request of at most {limits.seconds:g} seconds; {cause}"
            ) from error
        finally:
            self.waiting -= 1
        predictions = [
            {**position, **self.served.describe(outputs, row)} for row, position in enumerate(samples.positions)
        ]
        request.scope["samples"] = len(predictions)
        return JSONResponse({"predictions": to_plain_value(predictions), "warnings": list(samples.warnings)})

    async def compute(self, request: Request, strict: bool) -> tuple[Samples, Any]:
        """Return the samples of a request, and the outputs of the network for them."""
        with self.batcher.expect():
            body = await read_body(request, self.limits)
            request.state.is_received = True
            samples = await asyncio.get_running_loop().run_in_executor(
                self.reader, read_samples, self.served, body, strict, self.limits.samples
            )
            future = self.batcher.submit(samples.inputs)
        return samples, await asyncio.wrap_future(future)

    async def answer_error(self, request: Request, error: Exception) -> Response:
        """Return an error as JSON, in the words of the command line."""
        status, message, headers = describe_failure(error, request.url.path)
        if status == 500:
            self.log("".join(traceback.format_exception(error)).rstrip())
        if status == 401 and request.url.path == "/" and "text/html" in request.headers.get("accept", ""):
            return make_html(self.token_page, 401, headers)
        return JSONResponse({"error": message}, status, headers)


def describe_failure(error: Exception, path: str) -> tuple[int, str, Mapping[str, str]]:
    """Return status, message and headers of the response to an error."""
    if isinstance(error, RequestError):
        headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}, 413: {"connection": "close"}}
        return error.status, str(error), headers.get(error.status, {})
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            hint = near_miss(path, PATHS) or f" There are {', '.join(PATHS)}."
            return 404, f"no page {ascii(path)[:80]}.{hint}", {}
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "")
            return 405, f"{path}: expected the method {allowed}", {"allow": allowed}
        return error.status_code, error.detail, error.headers or {}
    if isinstance(error, DataError | ModelError | UsageError):
        return 422, str(error), {}
    return 500, f"the server failed ({type(error).__name__}); its terminal has the details", {}


def parse_strict(text: str | None) -> bool:
    if text is None:
        return False
    if text.lower() not in STATES:
        raise RequestError(400, f"strict: expected true or false; received {ascii(text)[:80]}")
    return STATES[text.lower()]


def make_html(page: ServedPage, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return HTMLResponse(page.html, status, {**(headers or {}), "content-security-policy": page.policy})


class Guard:
    """Checks host and token before anything is read, adds headers to every response, and logs a line for it."""

    def __init__(self, application: ASGIApp, server: PredictionServer) -> None:
        self.application, self.server = application, server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self.check(scope)
        except RequestError as error:
            response = await self.server.answer_error(Request(scope), error)
            await response(scope, receive, send_with_headers)
        else:
            try:
                await self.application(scope, receive, send_with_headers)
            except ClientDisconnect:
                status = 499
            except Exception:
                # Starlette raises an error again after `answer_error` has logged and answered it.
                status = 500
        self.server.log(format_access(scope, status, time.perf_counter() - start))

    def check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self.server.access.check_host(headers.get("host", ""))
        if scope["path"] != HEALTH:
            query = parse_qs(scope["query_string"].decode("latin-1"))
            self.server.access.check_token(headers.get("authorization"), query.get("token", [None])[0])


def format_access(scope: Scope, status: int, seconds: float) -> str:
    """Return a line of the access log, without the query, which may have the token.

    Examples
    --------
    >>> format_access({"method": "POST", "path": "/predict", "samples": 3}, 200, 0.0012)[9:]
    'POST /predict 200  3 samples  1.2 ms'
    """
    count = scope.get("samples")
    samples = "" if count is None else f"  {count:,} sample{'s' * (count != 1)}"
    path = ascii(scope["path"])[1:-1][:80]
    return f"{time.strftime('%H:%M:%S')} {scope['method']} {path} {status}{samples}  {1000 * seconds:.1f} ms"
