"""Small valid files for every reader, and how each is read.

They are the same in every process, so that the number of an input determines it.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from PIL import Image
from starlette.requests import Request

import pellucid as pel
from pellucid import nn
from pellucid.data import DataError, image_folder, read_idx, read_npz, read_table, write_idx
from pellucid.data.digit_folder_writer import CONFIG_FILE, DigitFolderConfig, _is_up_to_date
from pellucid.inspect.equivalence.program_process import read_answer
from pellucid.inspect.equivalence.program_worker import write_message
from pellucid.run.compilation_cache import pack_entry, unpack_entry
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import is_finished
from pellucid.tracking.run_folder import DATA, MODEL, RECORD
from pellucid.train.evaluate.inference import read_inputs
from pellucid.train.evaluate.saved_models import SavedModel
from pellucid.train.evaluate.trained_network import TrainedNetwork, load_network, read_description
from pellucid.train.fit.sweep import STATE, read_result, save_state
from pellucid.train.fit.sweep_result import Rung, SweepResult, TrialResult
from pellucid.train.fit.weight_source import load_source
from pellucid.train.read.loaders import get_loaders, load_dataset
from pellucid.train.read.loaders.table_loader import READING
from pellucid.train.serve.body_reading import MULTIPART, split_multipart
from pellucid.train.serve.limits import Limits, RequestError
from pellucid.train.serve.request_reading import BINARY, JSON, Body, read_samples
from pellucid.train.serve.served_model import ServedModel
from pellucid.train.settings.settings import Settings
from pellucid.train.settings.toml_reader import read_settings

RUN = {"kind": "array", "shape": [4], "task": "classification", "class_names": ["a", "b", "c"], "target_names": []}
DIGITS = DigitFolderConfig((3, 8), 1, 32, 0, "one-folder")
FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "ppm": "PPM", "tif": "TIFF", "webp": "WEBP"}


@dataclass(frozen=True)
class Seed:
    """A valid file, and the function that reads a file with other content in its place.

    Attributes
    ----------
    name : str
        For messages.
    file : str
        Name of the damaged file.
    content : bytes
        The valid content.
    read : function
        Reads the file, given its path.
    errors : tuple of classes
        What may be raised.
    others : dict from str to bytes
        Intact files in the same folder.
    """

    name: str
    file: str
    content: bytes
    read: Callable[[Path], Any]
    errors: tuple[type[Exception], ...]
    others: dict[str, bytes]


def make_model() -> Any:
    nn.set_random_seed(0)
    layers = [
        nn.Input((4, 3), name="x"),
        nn.LSTM(2, return_sequences=True, name="memory"),
        nn.BatchNormalization(name="norm"),
        nn.Dropout(0.1, seed=1, name="drop"),
        nn.Dense(3, activation="softmax", kernel_regularizer="l2", name="out"),
    ]
    model = pel.Sequential(layers, name="net")
    model.compile(nn.optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_small_model() -> Any:
    nn.set_random_seed(0)
    return pel.Sequential([nn.Input((4,), name="x"), nn.Dense(3, name="out")], name="net")


def make_functional_model() -> Any:
    nn.set_random_seed(0)
    x = nn.Input((4,), name="x")
    h = nn.Dense(3, name="h")(x)
    model = pel.Model(x, nn.Add(name="sum")([h, nn.Dense(3, name="g")(x)]), name="net")
    model.compile("sgd", "mse")
    return model


def make_expressions() -> Any:
    x, w = pel.tensor("x", ("n", 3)), pel.shared(np.arange(3.0, dtype="float32"), "w")
    state = pel.scan(lambda row, h: pel.tanh(row + h * w), x, w)
    loss = pel.logsumexp(pel.reshape(x * w, (3, "n")), axis=0).sum() + state[-1].mean()
    return {"loss": loss, "updates": {w: w - 0.1 * pel.grad(loss, w)}, "parts": [x[:, None, 0], (pel.softmax(x),)]}


def rezip(content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Write an archive again without the time."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.infolist():
            new.writestr(zipfile.ZipInfo(member.filename), old.read(member), compression)
    return file.getvalue()


def make_image(suffix: str, shade: int) -> bytes:
    file = io.BytesIO()
    pixels = (np.arange(8 * 9 * 3) * shade % 256).astype(np.uint8).reshape(8, 9, 3)
    Image.fromarray(pixels).save(file, FORMATS[suffix])
    return file.getvalue()


def make_archive(members: dict[str, bytes], compression: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def written(folder: Path, name: str, write: Callable[[Path], Any]) -> bytes:
    path = folder / name
    write(path)
    return path.read_bytes()


def make_seeds(folder: Path) -> list[Seed]:
    """Return the seeds of all readers; ``folder`` is for temporary files."""
    makers = (
        make_pel_seeds,
        make_weight_seeds,
        make_onnx_seeds,
        make_data_seeds,
        make_text_seeds,
        make_table_seeds,
        make_request_seeds,
    )
    return [seed for make in makers for seed in make(folder)]


def make_pel_seeds(folder: Path) -> list[Seed]:
    own = (pel.StorageError,)
    expressions = written(folder, "e.pel", lambda path: pel.save(path, make_expressions()))
    model = written(folder, "m.pel", lambda path: make_model().save(path))
    functional = written(folder, "f.pel", lambda path: make_functional_model().save(path))
    small = make_small_model()
    weights = written(folder, "w.pel", lambda path: small.save(path))
    backup = make_backup(folder)
    backup.write_backup()
    state = (folder / "training.pel").read_bytes()

    def restore(path: Path) -> None:
        backup.folder, backup.path = path.parent, path
        backup.on_train_begin()

    def read_run(path: Path) -> Any:
        return load_network(path.parent)

    def read_sweep(path: Path) -> Any:
        return read_result(path.parent)

    def read_weights(path: Path) -> Any:
        source = load_source(Settings("moons", weights=str(path)))
        return None if source is None else source.network

    keras = rezip(written(folder, "m.keras", lambda path: make_functional_model().save(path)))
    packed = rezip(written(folder, "n.keras", lambda path: make_model().save(path)), zipfile.ZIP_DEFLATED)

    return [
        Seed("pel.load", "e.pel", expressions, pel.load, own, {}),
        Seed("pel.load_model", "m.pel", model, pel.load_model, own, {}),
        Seed("pel.load_model, functional", "f.pel", functional, pel.load_model, own, {}),
        Seed("load_weights of a model", "w.pel", weights, small.load_weights, own, {}),
        Seed(
            "folder of a run", MODEL, weights, read_run, (DataError, pel.StorageError), {DATA: json.dumps(RUN).encode()}
        ),
        Seed("training state", "training.pel", state, restore, own, {}),
        Seed("state of a sweep", STATE, make_sweep(folder), read_sweep, (DataError, pel.StorageError), {}),
        Seed("weights to fine-tune", "t.pel", model, read_weights, (*own, UsageError, DataError), {}),
        Seed("pel.load_model of Keras", "m.keras", keras, pel.load_model, own, {}),
        Seed("pel.load_model of Keras, compressed", "n.keras", packed, pel.load_model, own, {}),
    ]


def make_sweep(folder: Path) -> bytes:
    """Return the state of a sweep of two trials after its only rung."""
    trials = [TrialResult(k, {"units": k}, 1, {"val_loss": [0.5, 0.25]}) for k in (1, 2)]
    save_state(folder / STATE, SweepResult(trials, [Rung(2, 0, 2)], [1]), {}, Settings("moons", sweep=["units=1,2"]))
    return (folder / STATE).read_bytes()


def make_backup(folder: Path) -> Any:
    """Return a callback that writes and reads ``training.pel`` in a folder."""
    model = make_small_model()
    model.compile("adam", "mse")
    backup = pel.callbacks.BackupAndRestore(folder)
    backup.model, backup.params = model, {"steps": 4}
    backup.other_callbacks = [pel.callbacks.EarlyStopping(), pel.callbacks.ReduceLROnPlateau()]
    return backup


def make_weight_seeds(folder: Path) -> list[Seed]:
    from safetensors.numpy import save

    model, own = make_small_model(), (pel.StorageError,)
    npz = written(folder, "w.npz", model.save_weights)
    safetensors = written(folder, "w.safetensors", model.save_weights)
    keras = rezip(written(folder, "w.keras", model.save_weights))
    h5 = written(folder, "w.weights.h5", model.save_weights)
    module = {"0.weight": np.zeros((3, 4), "float32"), "0.bias": np.zeros(3, "float32")}
    contents = {
        "w.npz": npz,
        "c.npz": rezip(npz, zipfile.ZIP_DEFLATED),
        "w.safetensors": safetensors,
        "t.safetensors": save(module),
        "w.keras": keras,
        "c.keras": rezip(keras, zipfile.ZIP_DEFLATED),
        "w.weights.h5": h5,
    }
    return [Seed(f"load_weights of {name}", name, c, model.load_weights, own, {}) for name, c in contents.items()]


def make_onnx_seeds(folder: Path) -> list[Seed]:
    import onnx

    own = (pel.OnnxError,)
    nn.set_random_seed(0)
    x = pel.tensor("x", ("n", 6, 6, 2))
    h = nn.MaxPooling2D(2)(nn.Conv2D(2, 3, activation="relu", padding="same")(x))
    first = pel.to_onnx({"y": nn.Dense(2)(nn.Flatten()(pel.pad(h, ((0, 0), (1, 1), (0, 0), (0, 0)))))})
    c = pel.scalar("c")
    second = pel.to_onnx(
        {"y": pel.cond(c > 0, lambda: c * 2, lambda: pel.while_loop(lambda h: h < 9, lambda h: h + 1, c))}
    )
    content = first.SerializeToString()
    onnx.save(first, folder / "x.onnx", save_as_external_data=True, location="x.bin", size_threshold=0)
    external = {"x.bin": (folder / "x.bin").read_bytes()}
    constants = make_constant_model()
    return [
        Seed("from_onnx, convolution", "a.onnx", content, pel.from_onnx, own, {}),
        Seed("from_onnx, loop", "b.onnx", second.SerializeToString(), pel.from_onnx, own, {}),
        Seed("from_onnx, constants", "c.onnx", constants, pel.from_onnx, own, {}),
        Seed("from_onnx, external data", "x.onnx", (folder / "x.onnx").read_bytes(), pel.from_onnx, own, external),
    ]


def make_constant_model() -> bytes:
    """Return a model of operators whose results are computed when the file is read."""
    from onnx import TensorProto, helper, numpy_helper

    def number(name: str, *values: int) -> Any:
        return numpy_helper.from_array(np.array(values, np.int64), name)

    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("Expand", ["zeros", "wide"], ["more"]),
        helper.make_node("Pad", ["more", "pads"], ["padded"]),
        helper.make_node("Tile", ["padded", "repeats"], ["tiled"]),
        helper.make_node("ReduceSum", ["tiled"], ["total"], keepdims=0),
        helper.make_node("Range", ["start", "end", "step"], ["range"]),
        helper.make_node("Resize", ["image", "", "scales"], ["large"], mode="linear"),
        helper.make_node("AveragePool", ["large"], ["pooled"], kernel_shape=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
        helper.make_node("Add", ["x", "total"], ["y"]),
    ]
    scalars = [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in (("start", 0), ("end", 4), ("step", 1))]
    tensors = [
        number("shape", 2, 3),
        number("wide", 2, 2, 3),
        number("pads", 1, 0, 0, 0, 0, 1),
        number("repeats", 2, 1, 1),
    ]
    floats = [
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
        numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "image"),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y",)],
        [*scalars, *tensors, *floats],
    )
    graph.output[0].type.tensor_type.shape.dim.add().dim_param = "n"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def make_table_seeds(folder: Path) -> list[Seed]:
    """Return a small table in every format."""
    table = pa.table({"n": [1.5, None, 3.0], "text": ["a", None, "c"], "flag": [True, False, None]})
    rows = [dict(zip(table.column_names, row, strict=True)) for row in zip(*table.to_pydict().values(), strict=True)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()

    def write_workbook(path: Path) -> None:
        book = openpyxl.Workbook()
        for row in (table.column_names, *[list(row.values()) for row in rows]):
            book.active.append(row)
        book.save(path)

    def write_sqlite(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (n REAL, text TEXT)")
            connection.executemany("INSERT INTO t VALUES (?, ?)", [(row["n"], row["text"]) for row in rows])
            connection.commit()

    def write_duckdb(path: Path) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1.5 AS n, 'a' AS text")

    contents = {
        "t.csv.gz": gzip.compress(b"a,b\n1,x\n2,y\n", mtime=0),
        "t.csv.xz": lzma.compress(b"a,b\n1,x\n2,y\n"),
        "u.dat": "a;when\n1,5;31.12.2023\n2,5;1.2.2024\n".encode("utf-16"),
        "t.parquet": written(folder, "t.parquet", lambda path: pyarrow.parquet.write_table(table, path)),
        "t.feather": written(folder, "t.feather", lambda path: pyarrow.feather.write_feather(table, path)),
        "t.xlsx": rezip(written(folder, "t.xlsx", write_workbook), zipfile.ZIP_DEFLATED),
        "t.jsonl": lines,
        "t.json": json.dumps(rows).encode(),
        "t.sqlite": written(folder, "t.sqlite", write_sqlite),
        "t.duckdb": written(folder, "t.duckdb", write_duckdb),
    }

    def read(path: Path) -> None:
        found = read_table(path)
        for name in found.names:
            {"number": found.numbers, "date": found.dates}.get(found.infer_kind(name), found.strings)(name)

    return [Seed(f"table {name}", name, content, read, (DataError,), {}) for name, content in contents.items()]


def make_data_seeds(folder: Path) -> list[Seed]:
    own = (DataError,)
    arrays = {"x": np.arange(12.0).reshape(6, 2), "y": np.array(list("ababab")), "z": np.asfortranarray(np.eye(2, 3))}
    npz = written(folder, "d.npz", lambda path: np.savez(path, **arrays))
    idx = written(folder, "d.idx", lambda path: write_idx(path, np.arange(12, dtype="int16").reshape(3, 4)))
    packed = written(folder, "d.idx.gz", lambda path: write_idx(path, np.arange(300, dtype="uint8").reshape(3, 100)))
    good = {f"{kind}/{i}.png": make_image("png", i + 3) for i, kind in enumerate(("cat", "dog"))}

    def read_images(path: Path) -> Any:
        return image_folder(path.parent.parent, (4, 4), strict=True, progress=False)

    def read_archive(path: Path) -> Any:
        return image_folder(path, (4, 4), strict=False, progress=False)

    def load(path: Path) -> Any:
        return load_dataset(Settings(str(path)))

    def predict(**description: Any) -> Callable[[Path], Any]:
        loader = next(each for each in get_loaders() if each.kind == description["kind"])
        network = TrainedNetwork(folder, None, loader, description)
        return lambda path: list(read_inputs(network, str(path), strict=True))

    rooms = {"name": "rooms", "kind": "number", "missing": 3.0, "limits": None}
    place = {"name": "place", "kind": "category", "values": ["a\nb", "town", "village"]}
    samples = predict(kind="array", shape=[2])
    rows = predict(kind="row", target="price", inputs=[rooms, place], columns=None, **dict.fromkeys(READING))
    pictures = predict(kind="image", size=[4, 4], shape=[4, 4, 3])
    members = {**good, "cat/2.jpg": make_image("jpg", 5), "dog/ü.gif": make_image("gif", 7)}
    table = b'rooms,place,price\n2,town,90\n3,,120\n1,village,70.5\n4,town,200\n5,town,1e3\n"6","a\nb",7\n'
    return [
        Seed("read_npz", "d.npz", npz, read_npz, own, {}),
        Seed("read_npz, compressed", "c.npz", rezip(npz, zipfile.ZIP_DEFLATED), read_npz, own, {}),
        Seed("data set of an NPZ file", "e.npz", npz, load, own, {}),
        Seed("read_idx", "d.idx", idx, read_idx, own, {}),
        Seed("read_idx, gzip", "d.idx.gz", packed, read_idx, own, {}),
        Seed("read_table", "d.csv", table, lambda path: read_table(path).strings("place"), own, {}),
        Seed("data set of a CSV file", "e.csv", table, load, own, {}),
        Seed("inputs in an NPZ file", "f.npz", npz, samples, own, {}),
        Seed("inputs in a CSV file", "f.csv", table, rows, own, {}),
        Seed("inputs in an archive", "f.zip", make_archive(members, zipfile.ZIP_DEFLATED), pictures, own, {}),
        Seed("image archive", "a.zip", make_archive(members, zipfile.ZIP_STORED), read_archive, own, {}),
        Seed("image archive, compressed", "b.zip", make_archive(members, zipfile.ZIP_DEFLATED), read_archive, own, {}),
        *(Seed(f"image_folder, {s}", f"cat/x.{s}", make_image(s, 5), read_images, own, good) for s in FORMATS),
    ]


TOML = """pellucid = 1
[model]
kind = "Sequential"
name = "net"
[input]
shape = [4]
[[layers]]
kind = "Dense"
units = 3
activation = "relu"
kernel_regularizer = { kind = "L2", l2 = 0.01 }
[[layers]]
kind = "Dense"
units = 2
[optimizer]
kind = "Adam"
learning_rate = 0.01
[loss]
kind = "MeanSquaredError"
[training]
epochs = 3
batch_size = 4
seed = 1
metrics = ["mae"]
"""

INCLUDED = {"base.toml": b'model = "mlp"\n[data]\nsource = "d.csv"\ntarget = "$$"\n'}

EXPERIMENT = """pellucid = 1
include = ["base.toml"]
[[inputs]]
name = "size"
columns = ["a", "b"]
[[layers]]
kind = "Dense"
units = 2
inputs = "size"
[optimizer]
kind = "SGD"
learning_rate = { kind = "CosineDecay", warmup_steps = 2 }
[data]
source = "d.csv"
task = "regression"
test_split = 0.2
[training]
epochs = 2
batch_size = 8
"""


def make_text_seeds(folder: Path) -> list[Seed]:
    record = {"status": "finished", "metrics": {"loss": 0.5}}
    digits = {**DIGITS.__dict__, "digits": [3, 8]}
    message = io.BytesIO()
    write_message(message, {"title": "net"}, tensors={"w": np.zeros((2, 3), "float32"), "b": np.array(1.0)})

    def read_log(path: Path) -> Any:
        return pel.callbacks.CSVLogger(path, append=True).read_columns()

    def read_digits(path: Path) -> Any:
        return _is_up_to_date(path.parent, DIGITS)

    def read_entry(path: Path) -> Any:
        found = unpack_entry(path.read_bytes(), path.stem)
        assert found == bytes(range(64)), "no damaged program may be loaded"

    def encode(value: Any) -> bytes:
        return json.dumps(value).encode()

    return [
        Seed("from_toml", "net.toml", TOML.encode(), pel.from_toml, (pel.ModelError,), {}),
        Seed(
            "experiment", "experiment.toml", EXPERIMENT.encode(), read_settings, (UsageError, pel.ModelError), INCLUDED
        ),
        Seed("description of a run", "data.json", encode(RUN), read_description, (DataError,), {}),
        Seed("record of a run", RECORD, encode(record), lambda path: is_finished(path.parent), (), {}),
        Seed("CSVLogger", "log.csv", b"epoch,loss,acc\n0,0.5,0.25\n", read_log, (pel.StorageError,), {}),
        Seed("digit folder", CONFIG_FILE, encode(digits), read_digits, (DataError,), {}),
        Seed("compiled program", "key.xla", pack_entry(bytes(range(64)), "key"), read_entry, (ValueError,), {}),
        Seed(
            "answer of a program",
            "answer",
            message.getvalue(),
            lambda path: read_answer(io.BytesIO(path.read_bytes()), str(path)),
            (pel.ModelError, EOFError),
            {},
        ),
    ]


def make_request_seeds(folder: Path) -> list[Seed]:
    """Return bodies of requests to ``pellucid serve``."""
    rooms = {"name": "rooms", "kind": "number", "missing": 3.0, "limits": None}
    place = {"name": "place", "kind": "category", "values": ["sea", "town"]}
    sold = {"name": "sold", "kind": "date", "format": "%d.%m.%Y", "start": "2024-01-02T00:00:00", "parts": ["days"]}
    table = {"kind": "row", "target": "price", "inputs": [rooms, place, sold | {"missing": {"days": 9.0}}]}
    rows = serve((4,), **table, columns=None, **dict.fromkeys(READING))
    arrays, pictures = (
        serve((4,), kind="array", shape=[4]),
        serve((4, 4, 3), kind="image", size=[4, 4], shape=[4, 4, 3]),
    )
    row = {"rooms": 3, "place": "sea", "sold": "2024-03-01"}
    csv = b"rooms,place,sold\n2,town,01.02.2024\n,sea,\n4,moon,3.4.2024\n"
    files = [("a.csv", csv), ("b.json", json.dumps([row]).encode())]
    body = b"".join(
        f'--edge\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        for name, content in files
    )
    npz = written(folder, "q.npz", lambda path: np.savez(path, x=np.ones((2, 4))))
    samples = json.dumps({"x": np.arange(8.0).reshape(2, 4).tolist()}).encode()
    requests: list[tuple[str, str, bytes, Any, str]] = [
        ("rows", "q.json", json.dumps({"rows": [row, {**row, "rooms": None}]}).encode(), rows, JSON),
        ("CSV", "q.csv", csv, rows, "text/csv"),
        ("multipart", "q.txt", body + b"--edge--\r\n", rows, "multipart/form-data; boundary=edge"),
        ("arrays", "x.json", samples, arrays, JSON),
        ("NPZ", "q.npz", npz, arrays, BINARY),
        ("PNG", "q.png", make_image("png", 5), pictures, "image/png"),
    ]
    return [
        Seed(f"request, {name}", file, content, read_request(served, media_type), (DataError,), {})
        for name, file, content, served, media_type in requests
    ]


def serve(sizes: tuple[int, ...], **description: Any) -> ServedModel:
    model = pel.Sequential([nn.Input(sizes), nn.Flatten(), nn.Dense(2)])
    loader = next(each for each in get_loaders() if each.kind == description["kind"])
    return ServedModel(SavedModel(Path("run"), model, TrainedNetwork(Path("run"), model, loader, description)), 8)


def read_request(served: ServedModel, content_type: str) -> Callable[[Path], Any]:
    """Return a function that reads a file as the body of a request."""

    def read(path: Path) -> Any:
        try:
            return read_samples(served, parse_body(path.read_bytes(), content_type), False, 1000)
        except (RequestError, DataError) as error:
            raise DataError(f"{path}: {error}") from error

    return read


def parse_body(content: bytes, content_type: str) -> Body:
    media_type = content_type.partition(";")[0]
    if media_type != MULTIPART:
        return Body(media_type, content)
    request = Request({"type": "http", "headers": [(b"content-type", content_type.encode())]})
    try:
        split_multipart(request, content, Limits()).send(None)  # without a loop: browser tests leave one
    except StopIteration as done:
        return Body(media_type, files=done.value)
    raise AssertionError("the body is in memory, so that nothing waits")
