"""A server of predictions, over real HTTP on the loopback address."""

import http.client
import io
import json
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.data import DataWarning
from pellucid.experiments.serving.access import Access
from tests.cli.running_server import FLAT, JSON, TOKEN, Running, run_server

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


@pytest.fixture(scope="module")
def start(trained: Path) -> Iterator[Callable[[str], Running]]:
    """A function that returns the server of a run or model file, the same one on every call."""
    with ExitStack() as stack:
        running: dict[str, Running] = {}

        def start(name: str) -> Running:
            if name not in running:
                running[name] = stack.enter_context(run_server(trained / name))
            return running[name]

        yield start


@pytest.fixture(scope="module")
def arrays(trained: Path) -> str:
    """A run on arrays."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.MonkeyPatch.context() as here:
        here.chdir(trained)
        np.savez("line.npz", x=x, y=100 + 10 * x[:, 0])
        np.savez("asked.npz", x=x[:3])
        assert main(["train", "line.npz", "--model", "linear", "--epochs", "4", "--quiet", "--out", "runs/arrays"]) == 0
    return "runs/arrays"


@pytest.fixture(scope="module")
def model_file(trained: Path) -> str:
    """A model file with two inputs and two outputs."""
    nn.set_random_seed(0)
    a, b = nn.Input((2,), name="a"), nn.Input((3,), name="b")
    left, right = nn.Dense(1, name="left")(a), nn.Dense(2, name="right")(nn.Concatenate()([a, b]))
    pel.Model([a, b], [left, right]).save(trained / "two.pel")
    return "two.pel"


def multipart(files: list[tuple[str, bytes]], boundary: str = "edge") -> tuple[bytes, dict[str, str]]:
    body = b""
    for name, content in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


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
    train = ["train", str(tmp_path / "kinds.csv"), "--model", "linear", "--epochs", "2", "--quiet"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert main([*train, "--threshold", "0.02", "--out", str(tmp_path / "run")]) == 0
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
    words = ["train", str(tmp_path / "sales.csv"), "--model", "linear", "--epochs", "2", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
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


INVALID: list[tuple[str, Any, dict[str, str], int, str]] = [
    ("runs/1", b"{", JSON, 400, "body: expected JSON; received other text (Expecting property name"),
    ("runs/1", b"", JSON, 400, "body: expected JSON; received other text"),
    ("runs/1", b"\xff\xfe\xff", JSON, 400, "body: expected JSON; received other text"),
    ("runs/1", b"[" * 100_000, JSON, 400, "received lists that are nested too deeply"),
    ("runs/1", b'{"rows": [{"rooms": NaN}]}', JSON, 400, "NaN is no JSON; send null for a missing number"),
    ("runs/1", b'{"rows": [{"age": 1, "age": 2}]}', JSON, 400, "the key 'age' is there twice"),
    ("runs/1", b'{"rows": [{"age": ' + b"9" * 5000 + b"}]}", JSON, 400, "body: expected JSON"),
    ("runs/1", {"row": [FLAT]}, {}, 422, "received the keys 'row'. Rename 'row' to 'rows'"),
    ("runs/1", [FLAT], {}, 422, 'body: expected an object such as {"rows": [{"column": 1}]}; received other JSON'),
    ("runs/1", {"rows": FLAT}, {}, 422, "rows: expected a list of objects, one for each row"),
    ("runs/1", {"rows": []}, {}, 422, "body: expected at least one sample, received none"),
    ("runs/1", {"rows": [{**FLAT, "age": [1]}]}, {}, 422, "rows, row 1, column 'age': expected a number, a string"),
    ("runs/1", {"rows": [{"room": 3, "place": "sea", "age": 4}]}, {}, 422, "no column 'rooms'. Did you mean 'room'?"),
    ("runs/1", {"rows": [{}]}, {}, 422, "rows"),
    ("runs/1", b"a,b\n1,2\n", {"Content-Type": "text/csv"}, 422, "body.csv: no column 'rooms'"),
    ("runs/1", b"", {"Content-Type": "text/csv"}, 422, "body.csv: "),
    ("runs/1", b"SQLite format 3\0", {"Content-Type": "application/octet-stream"}, 422, "received a SQLite file"),
    ("runs/1", b"x", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "With curl: -F file=@rows.csv"),
    ("runs/1", b"x", {}, 415, "received none"),
    ("runs/1", b"x", {"Content-Type": "image/png"}, 415, "for a network of tables; received 'image/png'"),
    ("runs/10", {"rows": [FLAT]}, {}, 415, "for a network of images; received 'application/json'"),
    ("runs/10", b"nothing", {"Content-Type": "image/png"}, 422, "body: skipped, not an image"),
    ("arrays", {"x": [[1, 2, 3]]}, {}, 422, "x: expected samples of shape (2,), as in training, received (3,)"),
    ("arrays", {"x": [[1, 2], [3]]}, {}, 422, "received lists of different lengths"),
    ("arrays", {"x": [1, 2]}, {}, 422, "received one sample. Put it into a list: [[...]]"),
    ("arrays", {"x": [["a", "b"]]}, {}, 422, "expected real numbers in x"),
    ("arrays", {"x": [[None, 1]]}, {}, 422, "received other values than numbers"),
    ("arrays", {"x": 3}, {}, 422, "x: expected a list of samples of shape (2,); received 3"),
    ("arrays", {"x": []}, {}, 422, "expected at least one sample"),
    ("arrays", b'{"x": [[1e999, 1]]}', JSON, 422, "expected finite numbers in x"),
    ("arrays", {"x": [[1e300, 1]]}, {}, 422, "x: expected finite numbers in x, in float32, received inf"),
    ("arrays", b"nothing", {"Content-Type": "application/octet-stream"}, 422, "body: expected an NPZ file"),
    ("two.pel", {"x": [[1, 2]]}, {}, 422, "x: expected an object with the inputs a, b; received another value"),
    ("two.pel", {"x": {"a": [[1, 2]], "c": []}}, {}, 422, "inputs a, b; received 'a', 'c'"),
    (
        "two.pel",
        {"x": {"a": [[1, 2]], "b": []}},
        {},
        422,
        "the same number of samples for every input; received [0, 1]",
    ),
    ("two.pel", *multipart([("a.npz", b"")]), 415, "body: expected application/json for this network; received files"),
]


@pytest.mark.parametrize(("name", "body", "headers", "status", "message"), INVALID)
def test_an_invalid_request_is_answered_with_the_reason(
    name: str,
    body: Any,
    headers: dict[str, str],
    status: int,
    message: str,
    start: Callable[[str], Running],
    arrays: str,
    model_file: str,
) -> None:
    server = start(arrays if name == "arrays" else name)
    received, found = server.ask(body=body, headers=headers)
    assert message in found["error"]
    assert received == status
    assert not any("Traceback" in line for line in server.log)


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        (lambda body: body[:-10], 400, "it ends before its last boundary"),
        (lambda body: body[:60], 400, "it ends before its last boundary"),
        (lambda body: b"junk" + body[3:], 400, "received damaged data"),
        (lambda body: b"", 400, "it ends before its last boundary"),
        (lambda body: body.replace(b' name="file";', b""), 400, 'field "name" must be provided'),
        (lambda body: body.replace(b'; filename="a.csv"', b""), 422, "expected a file in multipart/form-data"),
        (lambda body: body.replace(b"rooms", b"r\0\xff\xfem"), 422, "a.csv: "),
    ],
)
def test_damaged_multipart_is_refused(
    change: Callable[[bytes], bytes], status: int, message: str, start: Callable[[str], Running]
) -> None:
    body, headers = multipart([("a.csv", b"rooms,place,age\n3,sea,40\n")])
    received, found = start("runs/1").ask(body=change(body), headers=headers)
    assert (received, message in found["error"]) == (status, True), found
    _, found = start("runs/1").ask(body=body, headers={"Content-Type": "multipart/form-data"})
    assert "Missing boundary" in found["error"]


def test_damaged_images_never_fail_the_server(start: Callable[[str], Running]) -> None:
    rng = np.random.default_rng(0)
    server = start("runs/10")
    good = Path("squares/lower/0.png").read_bytes()
    for _ in range(40):
        damaged = bytearray(good)
        for place in rng.integers(0, len(good), 4):
            damaged[place] = rng.integers(256)
        status, found = server.ask(body=bytes(damaged), headers={"Content-Type": "image/png"})
        assert status in (200, 422), found
    stream = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(stream, "PNG")
    status, found = server.ask(body=stream.getvalue(), headers={"Content-Type": "image/png"})
    assert (status, "more than the 80000000 allowed" in found["error"]) == (422, True)
    assert server.ask(body=good, headers={"Content-Type": "image/png"})[0] == 200
    assert not any("Traceback" in line for line in server.log)


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


def test_no_program_is_compiled_after_the_start(start: Callable[[str], Running]) -> None:
    from pellucid.run import xla

    server = start("runs/1")
    compiled: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        original = xla.XlaProgram.compile_step
        patch.setattr(xla.XlaProgram, "compile_step", lambda *a, **k: compiled.append(a) or original(*a, **k))
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
