"""The process of ``pellucid serve``: its start, its options, its page, and its end."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pellucid.cli import main
from pellucid.cli.output import OUTPUT

Output = pytest.CaptureFixture[str]
FLAT = {"rooms": 3, "place": "sea", "age": 40}
TOKEN = "0123456789abcdef"


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.delenv("PELLUCID_SERVE_TOKEN", raising=False)


@contextmanager
def run_process(*words: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server on a free port, and yield the process and its first line."""
    command = [sys.executable, "-m", "pellucid", "serve", *words, "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | variables
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate(timeout=20)


def ask(port: int, path: str, token: str, body: Any = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, content, headers)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def get_port(url: str) -> int:
    found = re.search(r":(\d+)", url)
    assert found is not None
    return int(found[1])


def check_running_request(line: str, pid: int, end: Callable[[], None], is_ended: Callable[[], bool]) -> int:
    """Check what a server says at its start, and that it answers a running request before it ends; return its port."""
    started = json.loads(line)
    assert sorted(started) == ["page", "pid", "token", "url"]
    assert started["pid"] == pid
    assert started["page"] == f"{started['url']}/?token={started['token']}"
    assert len(started["token"]) >= 32
    port = get_port(started["url"].removeprefix("http://127.0.0.1"))
    status, content = ask(port, "/predict", started["token"], {"rows": [FLAT]})
    assert (status, json.loads(content)["warnings"]) == (200, [])

    # The head and a part of a body are there when the signal comes; the rest follows.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = json.dumps({"rows": [FLAT]}).encode()
    connection.putrequest("POST", "/predict")
    connection.putheader("Authorization", f"Bearer {started['token']}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])
    ask(port, "/health", "")
    end()
    time.sleep(0.3)
    assert not is_ended()
    connection.send(body[5:])
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, content)
    connection.close()
    return port


@pytest.fixture
def _no_other_loop() -> Iterator[None]:
    """Hide the event loop of the shared browser, which belongs to this thread and waits between its calls."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


class Serving:
    """The command in this thread, and a client of it in another one, which ends it by a signal to this process."""

    def __init__(self, number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number, self.lines = number, list[str]()
        self.is_signaled = self.is_ended = False
        self.started = threading.Event()
        self.errors: list[BaseException] = []
        monkeypatch.setattr(OUTPUT, "print", self.receive)

    def receive(self, text: str) -> None:
        self.lines += text.splitlines()
        self.started.set()

    def end(self) -> None:
        if not self.is_signaled and not self.is_ended:
            self.is_signaled = True
            os.kill(os.getpid(), self.number)

    def run(self, words: list[str], talk: Callable[[], None]) -> int:
        """Return the exit status of a server to which a client talks."""

        def work() -> None:
            try:
                assert self.started.wait(20)
                talk()
            except BaseException as error:
                self.errors.append(error)
            finally:
                self.end()

        client = threading.Thread(target=work)
        client.start()
        status = main(["serve", *words, "--port", "0"])
        self.is_ended = True
        self.started.set()  # even if the server could not start
        client.join(20)
        if self.errors:
            raise self.errors[0]
        return status


@pytest.mark.usefixtures("_no_other_loop")
def test_ctrl_c_ends_it_after_the_running_requests(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    serving, ports = Serving(signal.SIGINT, monkeypatch), list[int]()

    def talk() -> None:
        [line] = serving.lines
        ports.append(check_running_request(line, os.getpid(), serving.end, lambda: serving.is_ended))

    assert serving.run(["runs/1", "--json"], talk) == 130
    assert capsys.readouterr().err == "interrupted\n"
    with pytest.raises(ConnectionRefusedError):
        ask(ports[0], "/health", "")


@pytest.mark.usefixtures("_no_other_loop")
def test_the_output_shows_the_address_and_requests_and_sigterm_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    serving = Serving(signal.SIGTERM, monkeypatch)
    monkeypatch.setenv("PELLUCID_SERVE_TOKEN", TOKEN)

    def talk() -> None:
        page = re.fullmatch(rf"runs/1/model\.pel: (http://127\.0\.0\.1:\d+)/\?token={TOKEN}", serving.lines[0])
        assert page is not None
        assert serving.lines[1] == "Stop with Ctrl-C."
        assert ask(get_port(page[1][7:]), "/schema", TOKEN)[0] == 200
        assert ask(get_port(page[1][7:]), "/schema", "wrong")[0] == 401

    assert serving.run(["runs/1/model.pel"], talk) == 143
    errors = capsys.readouterr().err
    assert re.fullmatch(r"\S{8} GET /schema 200  \S+ ms\n\S{8} GET /schema 401  \S+ ms\nterminated\n", errors)


@pytest.mark.slow
def test_a_program_starts_it_and_ctrl_c_ends_it_after_the_running_requests() -> None:
    with run_process("runs/1", "--json") as (process, line):
        port = check_running_request(
            line, process.pid, lambda: process.send_signal(signal.SIGINT), lambda: process.poll() is not None
        )
        output, errors = process.communicate(timeout=20)
        assert (process.returncode, output, errors) == (130, "", "interrupted\n")
        with pytest.raises(ConnectionRefusedError):
            ask(port, "/health", "")


@pytest.mark.slow
def test_the_terminal_shows_the_address_and_requests_and_sigterm_ends_it() -> None:
    with run_process("runs/1/model.pel", PELLUCID_SERVE_TOKEN=TOKEN) as (process, line):
        page = re.fullmatch(rf"runs/1/model\.pel: (http://127\.0\.0\.1:\d+)/\?token={TOKEN}\n", line)
        assert page is not None
        assert ask(get_port(page[1][7:]), "/schema", TOKEN)[0] == 200
        assert ask(get_port(page[1][7:]), "/schema", "wrong")[0] == 401
        assert process.stdout is not None
        assert process.stdout.readline() == "Stop with Ctrl-C.\n"
        os.kill(process.pid, signal.SIGTERM)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert output == ""
    assert re.fullmatch(r"\S{8} GET /schema 200  \S+ ms\n\S{8} GET /schema 401  \S+ ms\nterminated\n", errors)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (
            ["runs/1", "--host", "0.0.0.0"],
            2,
            "--host: expected an address of this machine, such as 127.0.0.1; received",
        ),
        (["runs/1", "--host", "example.com"], 2, "With --allow-remote, other machines can connect"),
        (["runs/1", "--port", "70000"], 2, "--port: expected 0 to 65535; received 70000"),
        (["runs/1", "--token", "short"], 2, "--token: expected 16 or more printable ASCII characters; received 5"),
        (["runs/1", "--batch-size", "0"], 2, "--batch-size: expected 1 or more; received 0"),
        (["runs/1", "--max-megabytes", "0"], 2, "--max-megabytes: expected a number above 0; received 0"),
        (["runs/1", "--timeout", "nan"], 2, "--timeout: expected a number above 0; received nan"),
        (["runs/7"], 2, "runs/7: no such file or folder. Did you mean 'runs/"),
        (["flats.csv"], 2, "received a .csv file"),
        (["network.toml"], 2, "network.toml: expected a trained network, of a run or a .pel or .keras file"),
    ],
)
def test_invalid_options_are_one_line(words: Sequence[str], status: int, message: str, capsys: Output) -> None:
    Path("network.toml").write_text(
        'pellucid = 1\nloss = "mse"\n[input]\nshape = [3]\n[[layers]]\nkind = "Dense"\nunits = 2\n'
    )
    assert main(["serve", *words]) == status
    output, errors = capsys.readouterr()
    assert (output, message in errors, errors.count("\n")) == ("", True, 1), errors


def test_a_port_in_use_is_named_and_the_default_port_is_not_needed(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid.train.serve import server

    with server.open_socket("127.0.0.1", 0) as taken:
        assert taken.proto == socket.IPPROTO_TCP  # otherwise asyncio leaves Nagle's algorithm on: 40 ms a response
        port = taken.getsockname()[1]
        assert main(["serve", "runs/1", "--port", str(port)]) == 2
        assert f"--port: {port} is in use. Choose another, or 0 for any free port" in capsys.readouterr().err
        monkeypatch.setattr(server, "DEFAULT_PORT", port)
        with server.open_socket("127.0.0.1", None) as other:
            assert other.getsockname()[1] not in (0, port)


def test_other_machines_are_let_in_with_a_warning(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.train.serve import server

    served: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *arguments, **options: served.append(arguments))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["serve", "runs/1", "--host", "0.0.0.0", "--allow-remote", "--port", "0"]) == 0
    assert "warning: other machines can reach 0.0.0.0. Token and data are not encrypted" in capsys.readouterr().err
    assert served[0][2] == "0.0.0.0"


def test_missing_packages_are_named(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert main(["serve", "runs/1"]) == 1
    expected = "pellucid serve needs Starlette, which is not installed. Install it: pip install 'pellucid[serve]'"
    assert expected in capsys.readouterr().err


def test_help_teaches_requests(capsys: Output) -> None:
    assert main(["serve", "--help"]) == 0
    output = capsys.readouterr().out
    assert "    pellucid serve runs/7" in output
    assert '    curl -H "$AUTH" -F file=@flats.csv $URL\n' in output
