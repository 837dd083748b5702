"""Latency and throughput of ``pellucid serve``: ``python benchmarks/serve.py RUN REQUEST.json`` or ``... IMAGE.png``.

A server in another process answers one client, then 16 at one time, each over its own connection.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

CLIENTS, SECONDS, WARM_UP = 16, 4.0, 50


@contextmanager
def run_server(run: str) -> Iterator[tuple[int, str]]:
    """Start a server on a free port; yield the port and the token."""
    command = [sys.executable, "-m", "pellucid", "serve", run, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            started = json.loads(process.stdout.readline())
            yield int(started["url"].rpartition(":")[2]), started["token"]
        finally:
            process.terminate()


def send_requests(port: int, token: str, file: Path, end: float, seconds: list[float]) -> None:
    """Send a file again and again until a time, and note how long each request takes."""
    kinds = {".json": "application/json", ".csv": "text/csv", ".png": "image/png", ".jpg": "image/jpeg"}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kinds[file.suffix]}
    content = file.read_bytes()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while (start := time.perf_counter()) < end:
        connection.request("POST", "/predict", content, headers)
        response = connection.getresponse()
        found = response.read()
        assert response.status == 200, found
        seconds.append(time.perf_counter() - start)
    connection.close()


def measure(port: int, token: str, file: Path, clients: int) -> tuple[list[float], float]:
    """Return the seconds of each request, and the requests per second of all clients."""
    begin = time.perf_counter()
    found: list[list[float]] = [[] for _ in range(clients)]
    arguments = [(port, token, file, begin + SECONDS, each) for each in found]
    threads = [threading.Thread(target=send_requests, args=each) for each in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(map(len, found))
    return [s for each in found for s in each[WARM_UP // clients :]], total / (time.perf_counter() - begin)


def main() -> None:
    run, file = sys.argv[1], Path(sys.argv[2])
    with run_server(run) as (port, token):
        for clients in (1, CLIENTS):
            seconds, rate = measure(port, token, file, clients)
            median, slow = 1000 * np.quantile(seconds, [0.5, 0.95])
            print(f"{clients:2} clients: median {median:.2f} ms, 95% {slow:.2f} ms, {rate:,.0f} requests per second")


if __name__ == "__main__":
    main()
