"""Requests that a server of predictions refuses: invalid samples, damaged multipart bodies and damaged images."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.running_server import FLAT, JSON, Running, multipart


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


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
