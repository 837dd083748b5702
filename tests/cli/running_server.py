"""A server of predictions in a thread, and a client of it."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.train.evaluate.saved_models import load_saved_model
from pellucid.train.serve.access import Access
from pellucid.train.serve.application import PredictionServer
from pellucid.train.serve.limits import Limits
from pellucid.train.serve.served_model import ServedModel
from pellucid.train.serve.server import make_server, open_socket

TOKEN = "a token of the tests"
JSON = {"Content-Type": "application/json"}
FLAT = {"rooms": 3, "place": "sea", "age": 40}


@dataclass
class Running:
    """A server in a thread, and a client of it."""

    server: PredictionServer
    port: int
    log: list[str] = field(default_factory=list)

    def ask(
        self, path: str = "/predict", body: Any = None, headers: dict[str, str] | None = None, method: str | None = None
    ) -> tuple[int, Any]:
        """Return status and JSON of a response; a body that is no bytes is sent as JSON."""
        status, _, content = self.ask_raw(path, body, headers, method)
        return status, json.loads(content)

    def ask_raw(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None, method: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        own = {"Authorization": f"Bearer {TOKEN}"}
        if body is not None and not isinstance(body, bytes):
            body, own = json.dumps(body).encode(), own | JSON
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, own | (headers or {}))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()


@contextmanager
def run_server(path: Path, **limits: Any) -> Iterator[Running]:
    chosen = Limits(**limits)
    served = ServedModel(load_saved_model(path), chosen.batch_samples)
    served.compile()
    with open_socket("127.0.0.1", 0) as listener:
        log: list[str] = []
        application = PredictionServer(served, Access(TOKEN), chosen, log.append)
        started = threading.Event()
        server = make_server(application, chosen, started.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert started.wait(20)
            yield Running(application, listener.getsockname()[1], log)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def multipart(files: list[tuple[str, bytes]], boundary: str = "edge") -> tuple[bytes, dict[str, str]]:
    body = b""
    for name, content in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}
