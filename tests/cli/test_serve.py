"""A server of predictions, over real HTTP on the loopback address."""

import http.client
import json
import socket
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.data import DataWarning
from pellucid.train.evaluate.inference import TrainedNetwork
from pellucid.train.evaluate.saved_models import SavedModel
from pellucid.train.read.loaders import table_loader
from pellucid.train.serve.access import Access
from pellucid.train.serve.limits import Limits
from pellucid.train.serve.page import render_page
from pellucid.train.serve.prediction_schema import describe_server
from pellucid.train.serve.served_model import ServedModel
from pellucid.train.settings.settings import Settings
from tests.cli.conftest import save_untrained
from tests.cli.running_server import FLAT, JSON, TOKEN, Running, multipart, run_server

pytestmark = pytest.mark.usefixtures("interpret_functions")

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def predict(capsys: Output, *words: str) -> list[dict[str, Any]]:
    """Return what the command predicts."""
    assert main(["predict", *words, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["predictions"]
    return found


def test_rows_in_json_and_in_a_file_are_predicted_as_by_the_command(
    start: Callable[[str], Running], capsys: Output
) -> None:
    server = start("runs/1")
    rows = [FLAT, {"rooms": None, "place": "town", "age": "7"}, {**FLAT, "age": 3.5}]
    Path("rows.json").write_text(json.dumps(rows))
    status, found = server.ask(body={"rows": rows})
    expected = [{k: v for k, v in each.items() if k != "file"} for each in predict(capsys, "runs/1", "rows.json")]
    assert (status, found) == (200, {"predictions": expected, "warnings": []})
    everything = predict(capsys, "runs/1", "flats.csv")
    assert len(everything) == 80
    body, headers = multipart([("flats.csv", Path("flats.csv").read_bytes())])
    assert server.ask(body=body, headers=headers) == (200, {"predictions": everything, "warnings": []})
    _, raw = server.ask(body=Path("flats.csv").read_bytes(), headers={"Content-Type": "text/csv; charset=utf-8"})
    assert raw["predictions"] == [{**each, "file": "body.csv"} for each in everything]
    # A row on its own gives the same bits as among others.
    assert server.ask(body={"rows": rows[:1]})[1]["predictions"] == expected[:1]


def test_warnings_are_those_of_the_command(start: Callable[[str], Running], capsys: Output) -> None:
    content = b"rooms,place,age\n3,moon,many\n2,sea,4\n"
    Path("odd.csv").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        assert main(["predict", "runs/1", "odd.csv", "--json"]) == 0
    output, errors = capsys.readouterr()
    body, headers = multipart([("odd.csv", content)])
    status, found = start("runs/1").ask(body=body, headers=headers)
    assert status == 200
    assert found["predictions"] == json.loads(output)["predictions"]
    assert [f"warning: {text}" for text in found["warnings"]] == errors.splitlines()
    assert any("expected a category of the training data, received 'moon'" in text for text in found["warnings"])
    status, found = start("runs/1").ask("/predict?strict=true", body, headers)
    assert status == 422
    assert "odd.csv, line 2, column 'place': expected a category of the training data" in found["error"]


def test_numbers_beyond_float32_are_missing(start: Callable[[str], Running]) -> None:
    status, found = start("runs/1").ask(body={"rows": [{**FLAT, "age": 1e300}, {**FLAT, "age": None}]})
    values = [each["values"]["price"] for each in found["predictions"]]
    assert (status, values[0]) == (200, values[1])
    assert "row 1, column 'age': expected a number from" in found["warnings"][0]


def test_images_are_predicted_as_by_the_command(start: Callable[[str], Running], capsys: Output) -> None:
    server = start("runs/10")
    names = ["squares/lower/0.png", "squares/upper/1.png"]
    expected = predict(capsys, "runs/10", *names)
    files = [(name, Path(name).read_bytes()) for name in names]
    body, headers = multipart(files)
    assert server.ask(body=body, headers=headers) == (200, {"predictions": expected, "warnings": []})
    _, found = server.ask(body=files[1][1], headers={"Content-Type": "image/png"})
    assert found["predictions"] == [{**expected[1], "file": "body"}]
    body, headers = multipart([files[0], ("bad.png", b"nothing"), ("short.png", files[1][1][:100])])
    status, found = server.ask(body=body, headers=headers)
    assert (status, found["predictions"]) == (200, expected[:1])
    assert found["warnings"][0] == "bad.png: skipped, not an image"
    assert found["warnings"][1].startswith("short.png: skipped, a damaged image")


def test_arrays_are_predicted_as_by_the_command(start: Callable[[str], Running], arrays: str, capsys: Output) -> None:
    server = start(arrays)
    x = np.load("asked.npz")["x"]
    expected = predict(capsys, arrays, "asked.npz")
    _, found = server.ask(body={"x": x.tolist()})
    assert found["predictions"] == [{k: v for k, v in each.items() if k != "file"} for each in expected]
    body, headers = multipart([("asked.npz", Path("asked.npz").read_bytes())])
    assert server.ask(body=body, headers=headers)[1]["predictions"] == expected


def test_a_model_file_returns_outputs_by_name(start: Callable[[str], Running], model_file: str) -> None:
    server = start(model_file)
    a, b = np.ones((3, 2), "float32"), np.arange(9, dtype="float32").reshape(3, 3)
    status, found = server.ask(body={"x": {"a": a.tolist(), "b": b.tolist()}})
    left, right = pel.load_model(model_file).predict([a, b])
    assert status == 200
    assert [each["row"] for each in found["predictions"]] == [0, 1, 2]
    for k, each in enumerate(found["predictions"]):
        assert each["values"]["left"] == pytest.approx(left[k].tolist(), rel=1e-6)
        assert each["values"]["right"] == pytest.approx(right[k].tolist(), rel=1e-6)


def test_the_decision_threshold_of_the_run_decides(trained: Path, tmp_path: Path, capsys: Output) -> None:
    text = (trained / "flats.csv").read_text().splitlines()
    rows = [
        f"{line.rpartition(',')[0]},{'dear' if float(line.rpartition(',')[2]) > 150 else 'cheap'}" for line in text[1:]
    ]
    (tmp_path / "kinds.csv").write_text("\n".join([text[0], *rows]))
    save_untrained(Settings(str(tmp_path / "kinds.csv"), model="linear", threshold=0.02), tmp_path / "run")
    expected = predict(capsys, str(tmp_path / "run"), "flats.csv")
    with run_server(tmp_path / "run") as server:
        body, headers = multipart([("flats.csv", Path("flats.csv").read_bytes())])
        found = server.ask(body=body, headers=headers)[1]["predictions"]
    assert found == expected
    assert any(each["probability"] < 0.5 for each in found)


@pytest.mark.parametrize("name", ["runs/1", "runs/10", "arrays", "two.pel"])
def test_examples_and_responses_match_the_schema(
    name: str, start: Callable[[str], Running], arrays: str, model_file: str
) -> None:
    server = start(arrays if name == "arrays" else name)
    status, described = server.ask("/schema")
    assert status == 200
    jsonschema.Draft202012Validator.check_schema(described["response"])
    if name == "runs/10":
        assert described["kind"] == "image"
        assert "request" not in described
        content = Path("squares/lower/0.png").read_bytes()
        response = server.ask(body=content, headers={"Content-Type": "image/png"})[1]
    else:
        jsonschema.Draft202012Validator.check_schema(described["request"])
        jsonschema.validate(described["example"]["request"], described["request"])
        status, response = server.ask(body=described["example"]["request"])
        assert (status, response) == (200, described["example"]["response"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"rows": [{"rooms": []}], "x": [[1, "a"]]}, described["request"])
    jsonschema.validate(response, described["response"])


def test_dates_are_read_in_iso_form_and_in_that_of_the_training_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(1, 28, 60)
    lines = [
        f"{day:02}.{month:02}.2024,{day + 3 * month}" for day, month in zip(days, rng.integers(1, 13, 60), strict=True)
    ]
    (tmp_path / "sales.csv").write_text("\n".join(["sold,price", *lines]))
    save_untrained(Settings(str(tmp_path / "sales.csv"), model="linear"), tmp_path / "run")
    with run_server(tmp_path / "run") as server:
        dates = ["2024-03-09", "09.03.2024", "2024-03-09T00:00:00Z", None]
        found = [server.ask(body={"rows": [{"sold": date}]})[1] for date in dates]
        mixed = server.ask(body={"rows": [{"sold": "2024-02-30"}]})[1]
    values = [each["predictions"][0]["values"]["price"] for each in found]
    assert values[0] == values[1] == values[2] != values[3]
    assert [each["warnings"] for each in found] == [[]] * 4
    assert "column 'sold': expected a date, received '2024-02-30'" in mixed["warnings"][0]


def test_concurrent_requests_share_calls_of_the_network(start: Callable[[str], Running]) -> None:
    server = start("runs/1")
    batcher = server.server.batcher
    calls, jobs = batcher.calls, batcher.jobs
    rows = [{**FLAT, "age": age} for age in range(64)]
    alone = [server.ask(body={"rows": [row]})[1]["predictions"] for row in rows[:3]]
    assert (batcher.calls - calls, batcher.jobs - jobs) == (3, 3)
    with ThreadPoolExecutor(16) as clients:
        together = list(clients.map(lambda row: server.ask(body={"rows": [row]}), rows))
    assert [status for status, _ in together] == [200] * 64
    assert [found["predictions"] for _, found in together[:3]] == alone
    assert len({found["predictions"][0]["values"]["price"] for _, found in together}) == 64
    assert batcher.jobs - jobs == 67
    assert batcher.calls - calls < 50


def test_every_request_but_the_health_check_needs_the_token(start: Callable[[str], Running]) -> None:
    server = start("runs/1")
    for path, body in (("/", None), ("/schema", None), ("/predict", {"rows": [FLAT]}), ("/nowhere", None)):
        for authorization in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe4"):
            status, headers, content = server.ask_raw(path, body, {"Authorization": authorization})
            assert (status, headers["www-authenticate"]) == (401, "Bearer")
            assert b"the token that pellucid serve printed" in content
    assert server.ask("/health", headers={"Authorization": ""}) == (200, {"status": "ok"})
    assert server.ask_raw("/?token=a%20token%20of%20the%20tests", headers={})[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for path, status in (
        ("/schema?token=a%20token%20of%20the%20tests", 200),
        ("/schema?token=b", 401),
        ("/schema", 401),
    ):
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (status, True)
    connection.request("GET", "/", headers={"Accept": "text/html"})
    assert b'<input id="token"' in connection.getresponse().read()
    connection.close()
    assert not any(TOKEN in line or "token" in line for line in server.log)


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1:80", 200), ("[::1]:80", 200), ("127.0.0.1.evil.com", 400),
     ("evil.com", 400), ("192.168.0.2", 400), ("", 400)],
)  # fmt: skip
def test_another_host_is_refused(host: str, status: int, start: Callable[[str], Running]) -> None:
    received, found = start("runs/1").ask("/health", headers={"Host": host})
    assert received == status
    assert status == 200 or "Host: expected this machine" in found["error"]


def test_a_server_for_other_machines_accepts_addresses_and_its_name() -> None:
    access = Access(TOKEN, ["Tower"], is_remote=True)
    for host in ("192.168.0.2:8000", "tower", "[fe80::1]:8000", "localhost"):
        access.check_host(host)
    with pytest.raises(pel.PellucidError, match=r"Host: expected this machine.*received 'evil.com'"):
        access.check_host("evil.com")


def test_responses_have_security_headers_and_no_cors(start: Callable[[str], Running]) -> None:
    for path in ("/", "/schema", "/nowhere", "/health"):
        _, headers, _ = start("runs/1").ask_raw(path, headers={"Origin": "https://evil.com"})
        assert not [name for name in headers if name.startswith("access-control")]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
        assert "server" not in headers


def test_unknown_paths_and_methods(start: Callable[[str], Running]) -> None:
    server = start("runs/1")
    assert server.ask("/predcit") == (404, {"error": "no page '/predcit'. Did you mean '/predict'?"})
    assert "There are /, /health, /schema, /predict." in server.ask("/x/y/z")[1]["error"]
    status, headers, content = server.ask_raw("/predict")
    assert (status, headers["allow"]) == (405, "POST")
    assert json.loads(content) == {"error": "/predict: expected the method POST"}
    assert server.ask("/predict?strict=maybe", {"rows": [FLAT]}) == (
        400,
        {"error": "strict: expected true or false; received 'maybe'"},
    )


def test_limits_of_size_and_number(trained: Path) -> None:
    with run_server(trained / "runs/1", body_bytes=4000, samples=5) as server:
        assert server.ask(body={"rows": [FLAT] * 5})[0] == 200
        status, found = server.ask(body={"rows": [FLAT] * 6})
        assert (status, found) == (
            413,
            {"error": "body: expected at most 5 samples; received more. Send several requests"},
        )
        status, found = server.ask(body=b"x" * 4001, headers=JSON)
        assert status == 413
        assert found["error"].startswith(
            "body: expected at most 0.0038147 MB; received more. Send several requests, or"
        )
        # Without a declared size, in chunks.
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        own = {"Authorization": f"Bearer {TOKEN}"} | JSON
        connection.request("POST", "/predict", (b"y" * 1000 for _ in range(300)), own, encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()
        body, headers = multipart([(f"{k}.csv", b"") for k in range(7)])
        assert server.ask(body=body, headers=headers) == (
            413,
            {"error": "body: expected at most 5 files; received more"},
        )
        assert server.ask(body={"rows": [FLAT]})[0] == 200


def test_a_full_queue_and_a_slow_network_are_reported(trained: Path) -> None:
    with run_server(trained / "runs/1", waiting=2, seconds=0.4) as server:
        compute, release = server.server.batcher.compute, threading.Event()

        def wait(inputs: Any) -> Any:
            release.wait(10)
            return compute(inputs)

        server.server.batcher.compute = wait
        with ThreadPoolExecutor(2) as clients:
            slow = [clients.submit(server.ask, body={"rows": [FLAT]}) for _ in range(2)]
            while server.server.waiting < 2:
                time.sleep(0.005)
            status, headers, content = server.ask_raw("/predict", {"rows": [FLAT]})
            assert (status, headers["retry-after"]) == (503, "1")
            assert json.loads(content)["error"].startswith("expected at most 2 requests at one time")
            assert server.ask("/health")[0] == 200
            expected = "expected a request of at most 0.4 seconds; the predictions took longer"
            assert [each.result() for each in slow] == [(504, {"error": expected})] * 2
        release.set()
        server.server.batcher.compute = compute
        assert server.ask(body={"rows": [FLAT]})[0] == 200
        assert server.server.waiting == 0


def test_a_failure_of_the_network_is_logged_and_the_server_goes_on(trained: Path) -> None:
    with run_server(trained / "runs/1") as server:
        compute = server.server.batcher.compute

        def fail(inputs: Any) -> Any:
            raise ZeroDivisionError("no network today")

        server.server.batcher.compute = fail
        status, found = server.ask(body={"rows": [FLAT]})
        assert (status, found) == (
            500,
            {"error": "the server failed (ZeroDivisionError); its terminal has the details"},
        )
        assert any("ZeroDivisionError: no network today" in line for line in server.log)
        server.server.batcher.compute = compute
        assert server.ask(body={"rows": [FLAT]})[0] == 200


def test_slow_clients_are_disconnected(trained: Path) -> None:
    with run_server(trained / "runs/1", seconds=0.3, head_seconds=0.3) as server:
        for start in (b"", b"GET /health HTTP/1.1\r\nHost: loc"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                client.sendall(start)
                assert client.recv(100) == b""  # closed
        head = (
            f"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(head.encode() + b"{")
            received = client.recv(4000)
            assert b" 408 " in received.splitlines()[0]
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(head.encode() + b"{")  # and leaves
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"not http at all\r\n\r\n")
            assert b" 400 " in client.recv(4000).splitlines()[0]
        assert server.ask(body={"rows": [FLAT]})[0] == 200


@pytest.mark.usefixtures("compile_functions")
def test_no_program_is_compiled_after_the_start(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.run import xla

    compiled: list[Any] = []
    original = xla.XlaProgram.compile_step
    monkeypatch.setattr(xla.XlaProgram, "compile_step", lambda *a, **k: compiled.append(a) or original(*a, **k))
    with run_server(trained / "runs/1") as server:
        assert compiled
        compiled.clear()
        for count in (1, 2, 3, 9, 31, 33, 64):
            assert server.ask(body={"rows": [FLAT] * count})[0] == 200
    assert compiled == []


def test_the_log_has_a_line_for_each_request(start: Callable[[str], Running]) -> None:
    server = start("runs/1")
    server.ask(body={"rows": [FLAT] * 3})
    server.ask("/a%C3%A4%1B[2J?token=secret")
    time.sleep(0.05)
    lines = [line[9:] for line in server.log[-2:]]
    assert lines[0].startswith("POST /predict 200  3 samples  ")
    assert lines[1].startswith(r"GET /a\xe4\x1b[2J 404  ")


def test_hostile_names_are_escaped_in_the_page() -> None:
    name = "</script><img src=x onerror=alert(1)>'\""
    number = {"name": name, "kind": "number", "missing": 1.0, "limits": None}
    category = {"name": "b", "kind": "category", "values": [name, "other"]}
    model = pel.Sequential([nn.Input((3,)), nn.Dense(2, activation="softmax")])
    outputs = {"class_names": [name, "b"], "target_names": [], "task": "classification"}
    description = {"kind": "row", "target": "y", "inputs": [number, category], **outputs}
    network = TrainedNetwork(Path(name), model, table_loader.LOADER, description)
    served = ServedModel(SavedModel(Path(name), model, network), 8)
    described = describe_server(served, Limits())
    assert described["example"]["request"] == {"rows": [{name: 1.0, "b": name}]}
    html = render_page(served, described).html
    assert "<img" not in html
    assert html.count("</script>") == 2  # that of the settings, and that of the script
    assert f'data-column="{escape(name)}"' in html


def test_large_arrays_have_a_text_field_and_no_example(tmp_path: Path) -> None:
    pel.Sequential([nn.Input((28, 28)), nn.Flatten(), nn.Dense(2)]).save(tmp_path / "large.pel")
    with run_server(tmp_path / "large.pel") as server:
        assert "example" not in server.ask("/schema")[1]
        assert b'<textarea id="json"' in server.ask_raw("/")[2]
        assert server.ask(body={"x": np.zeros((2, 28, 28)).tolist()})[0] == 200
