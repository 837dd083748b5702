"""Damaged and hostile files: every reader returns an object or raises its own error, within its limits."""

from __future__ import annotations

import io
import json
import mmap
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.data import DataError, DataWarning, image_folder, read_idx, read_npz, read_table, write_idx
from pellucid.graph.expr import Constant
from pellucid.untrusted_files.reading import MAX_QUOTE, quote, report_damage
from tests.damaged_files import harness, mutations
from tests.damaged_files.seeds import make_functional_model, make_image, make_small_model


def check_inputs(first: int, count: int) -> None:
    found, problems = harness.run(first, count)
    assert not problems, (
        "\n\n".join(problems[:5])
        + f"\n\n{len(problems)} problems. Repeat: python -m tests.damaged_files.harness NUMBER"
    )
    assert found.total() == count
    assert found["refused"] > count / 3
    assert found["read"] > count / 10  # the seeds are valid, and some damage is harmless


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Reader]:
    """A reader in this process, without a worker's limit of memory, which would stop other tests too."""
    old = harness.signal.signal(harness.signal.SIGPROF, harness.stop)
    yield harness.Reader(tmp_path_factory.mktemp("damaged"))
    harness.signal.signal(harness.signal.SIGPROF, old)


@pytest.mark.parametrize("first", range(4))
def test_damaged_files_are_read_or_refused(first: int, reader: harness.Reader) -> None:
    found = [reader.check(number) for number in range(first, 320, 4)]
    problems = [problem for _, problem in found if problem]
    assert not problems, "\n\n".join(problems)
    assert {"read", "refused"} == {what for what, _ in found}


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused() -> None:
    check_inputs(0, 20_000)


def test_every_seed_is_valid(reader: harness.Reader) -> None:
    for number, seed in enumerate(reader.seeds):
        *_, path = reader.write(number)
        path.write_bytes(seed.content)
        seed.read(path)


def test_the_harness_finds_faults(reader: harness.Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = reader.seeds[0]
    memory: list[mmap.mmap] = []

    def take_memory(path: Path) -> None:
        # malloc would return what earlier tests have freed, since the process keeps it.
        memory.append(mmap.mmap(-1, harness.MAX_GROWTH * 2))
        memory[-1][:: mmap.PAGESIZE] = bytes(len(memory[-1]) // mmap.PAGESIZE)

    def fail(path: Path) -> None:
        raise KeyError("oh")

    def quote_all(path: Path) -> None:
        raise pel.StorageError(f"{path}: {'x' * 5000}")

    def quote_part(path: Path) -> None:
        raise pel.StorageError(f"{path}: {path.read_bytes()[100:400].decode('ascii', 'replace')}")

    def hang(path: Path) -> None:
        while True:
            pass

    monkeypatch.setattr(harness, "MAX_SECONDS", 0.1)
    monkeypatch.setattr(harness, "MAX_GROWTH", 20 * 2**20)
    take_memory(tmp_path)
    memory.pop().close()  # an earlier peak must not hide a later one
    cases: list[tuple[Callable[[Path], Any], str]] = [
        (fail, "KeyError: 'oh'"),
        (quote_all, "its message has"),
        (quote_part, "its message quotes more than 200 characters"),
        (hang, "took more than 0.1 seconds"),
        (take_memory, "MB of memory"),
    ]
    for read, problem in cases:
        monkeypatch.setattr(reader, "seeds", [type(seed)(seed.name, seed.file, seed.content, read, seed.errors, {})])
        found = reader.check(7)[1]
        assert problem in found
        assert "input 7: pel.load, " in found
        assert "+++ damaged" in found


# Known attacks


def write_zip(path: Path, members: dict[str, bytes], change: Callable[[bytes], bytes] = bytes) -> Path:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(change(file.getvalue()))
    return path


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_with_shape(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"


IMAGES = {f"{kind}/{i}.png": make_image("png", i + 2) for i, kind in enumerate(("cat", "dog"))}


def test_members_of_archives_without_a_readable_name(tmp_path: Path) -> None:
    def remove_name(content: bytes) -> bytes:
        """Turn the name of the last member into its comment."""
        data = bytearray(content)
        local, central = content.rindex(b"PK\3\4"), content.rindex(b"PK\1\2")
        data[local + 26 : local + 30] = b"\0\0\1\0"
        data[central + 28 : central + 34] = b"\0\0\0\0\1\0"
        return bytes(data)

    with pytest.warns(DataWarning, match="an empty name in the archive"):
        image_folder(write_zip(tmp_path / "a.zip", {**IMAGES, "q": b"x"}, remove_name))
    with pytest.raises(DataError, match=r"b\.npz"):
        read_npz(write_zip(tmp_path / "b.npz", {"x.npy": npy([1.0]), "q": b"x"}, remove_name))

    def spoil(content: bytes) -> bytes:
        return content.replace("ü".encode(), b"\xff\xfe")

    for name in ("c.zip", "c.npz"):
        path = write_zip(tmp_path / name, {**IMAGES, "ü.npy": npy([1.0])}, spoil)
        with pytest.raises(DataError, match=name):
            (image_folder if name == "c.zip" else read_npz)(path)
    model = make_small_model()
    with pytest.raises(pel.StorageError, match=r"c\.npz"):
        model.load_weights(tmp_path / "c.npz")
    with pytest.raises(pel.StorageError, match=r"c\.keras"):
        model.load_weights(write_zip(tmp_path / "c.keras", {"model.weights.h5": b"", "ü": b""}, spoil))


def test_npz_members_that_are_no_arrays(tmp_path: Path) -> None:
    model = make_small_model()
    for content in (b"text", b"", npy([1.0])[:30], b"\x93NUMPY\x01\x00\x04\x00{'a(", npy_with_shape("(3")):
        path = write_zip(tmp_path / "w.npz", {"out/kernel.npy": content})
        with pytest.raises(pel.StorageError, match=r"w\.npz: 'out/kernel' is not a NumPy array"):
            model.load_weights(path)
        with pytest.raises(DataError, match=r"w\.npz: 'out/kernel' is not a NumPy array"):
            read_npz(path)


@pytest.mark.parametrize(
    "shape", ["(0, 2**70)", f"(0, {2**70})", f"({'1, ' * 100})", "(-1, 3)", "(-2, -3)", "(True,)", "(0.5,)"]
)
def test_impossible_shapes(shape: str, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.npz", {"x.npy": npy_with_shape(shape)})
    with pytest.raises(DataError, match=r"a\.npz: 'x'"):
        read_npz(path)
    with pytest.raises(pel.StorageError, match=r"a\.npz: 'x'"):
        make_small_model().load_weights(path)


def test_nested_header_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for header in (b'{"a":' + b"[" * 100_000, b'{"a":{"data_offsets":[0,' + b"[" * 900 + b"]" * 900 + b"]}}"):
        path.write_bytes(struct.pack("<Q", len(header)) + header)
        with pytest.raises(pel.StorageError, match=r"w\.safetensors"):
            make_small_model().load_weights(path)


def change_file(path: Path, change: Callable[[Any], None]) -> None:
    """Change the metadata of a file, and compute its checksum again."""
    header, data, arrays = mutations.split_pel(path.read_bytes())
    change(data)
    path.write_bytes(mutations.join_pel(header, data, arrays))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("objects", 0, "state"), {"layers": 3}),
        (("objects", 1, "class"), {"custom": "x", "base": ["y"]}),
        (("model",), {"object": 2}),
        (("graph", "nodes", 0), {"leaf": "input", "type": ["float32", [{"unknown": 0}, "\ud800"]], "name": "x"}),
        (("graph", "shared"), [{"shared": 0}]),
        (("version",), [[]]),
        (("kind",), "y" * 100_000),
    ],
)
def test_wrong_types_with_a_right_checksum(place: tuple[Any, ...], value: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.pel"
    make_small_model().save(path)

    def change(data: Any) -> None:
        for key in place[:-1]:
            data = data[key]
        data[place[-1]] = value

    change_file(path, change)
    with suppress(pel.StorageError):  # some changes do no harm
        pel.load_model(path)


@pytest.mark.timeout(20)
def test_layer_calls_in_a_cycle(tmp_path: Path) -> None:
    """The first layer reads the result of the last one."""
    path = tmp_path / "m.pel"
    make_functional_model().save(path)

    def make_cycle(data: Any) -> None:
        calls = [each["state"] for each in data["objects"] if each["class"].endswith(":CallNode")]
        records = [each["state"] for each in data["objects"] if each["class"].endswith(":CallRecord")]
        records[0]["inputs"] = calls[-1]["results"]["dict"][0][1]

    change_file(path, make_cycle)
    with pytest.raises(pel.StorageError, match=r"m\.pel: The layer calls form a cycle through"):
        pel.load_model(path)


@pytest.mark.parametrize("location", ["a\0b", "x" * 5000, "x/" * 2500, "circle"])
def test_external_data_of_onnx_with_impossible_paths(location: str, tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    tensor = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    path = write_onnx(tmp_path, [helper.make_node("Add", ["x", "W"], ["y"])], [tensor])
    with pytest.raises(pel.OnnxError, match=r"model\.onnx: the tensor 'W' is stored in"):
        pel.from_onnx(path)


def write_onnx(folder: Path, nodes: list[Any], tensors: list[Any]) -> Path:
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("x", "y")]
    model = helper.make_model(
        helper.make_graph(nodes, "graph", values[:1], values[1:], tensors),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


# Budgets


def test_onnx_folds_no_constant_from_gigabytes(tmp_path: Path) -> None:
    """The result has one element, and the operand 128 million."""
    from onnx import helper, numpy_helper

    shape = numpy_helper.from_array(np.array([2**13, 2**14]), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceMax", ["zeros"], ["largest"], keepdims=0),
        helper.make_node("Add", ["x", "largest"], ["y"]),
    ]
    read = pel.from_onnx(write_onnx(tmp_path, nodes, [shape]))
    assert read["largest"].shape == ()
    assert not isinstance(read["largest"], Constant)


def test_onnx_folds_constants_within_a_budget(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper

    shape, wide = (numpy_helper.from_array(np.array(d), n) for d, n in (([100, 100], "shape"), ([9, 100, 100], "wide")))
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("Expand", ["zeros", "wide"], ["more"]),
        helper.make_node("ReduceMax", ["more"], ["largest"], keepdims=0),
        helper.make_node("Add", ["x", "largest"], ["y"]),
    ]
    path = write_onnx(tmp_path, nodes, [shape, wide])
    assert isinstance(pel.from_onnx(path)["largest"], Constant)
    with pytest.raises(
        pel.OnnxError,
        match=r"takes 360,000 bytes, and 60,000 of the budget of 100,000 are left\. If .* pass a larger max_bytes",
    ):
        pel.from_onnx(path, max_bytes=100_000)
    tensors = []
    for i in range(50):  # 50 tensors in the same bytes
        tensor = TensorProto(name=f"W{i}", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="w.bin")
        tensors.append(tensor)
    (tmp_path / "w.bin").write_bytes(bytes(12))
    path = write_onnx(tmp_path, [helper.make_node("Add", ["x", "W0"], ["y"])], tensors)
    pel.from_onnx(path)
    with pytest.raises(pel.OnnxError, match="the tensor 'W10' takes 12 bytes, and 2 of the budget of 110 are left"):
        pel.from_onnx(path, max_bytes=110)


def test_onnx_computes_large_resizing_weights_at_once(tmp_path: Path) -> None:
    """A loop over 400,000 rows would take six seconds."""
    from onnx import helper, numpy_helper

    scales = numpy_helper.from_array(np.array([2e5], np.float32), "scales")
    image = numpy_helper.from_array(np.ones(2, np.float32), "image")
    nodes = [
        helper.make_node("Resize", ["image", "", "scales"], ["large"], mode="linear"),
        helper.make_node("ReduceMax", ["large"], ["largest"], keepdims=0),
        helper.make_node("Add", ["x", "largest"], ["y"]),
    ]
    start = time.process_time()
    assert pel.from_onnx(write_onnx(tmp_path, nodes, [scales, image]))["large"].shape == (400_000,)
    assert time.process_time() - start < 2


def white_png(side: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(side + 1)) for _ in range(side)) + rows.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def test_images_decode_within_a_budget(tmp_path: Path) -> None:
    for name, content in {**IMAGES, "cat/large.png": white_png(1000)}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert len(image_folder(tmp_path, (8, 8)).images) == 3
    message = r"large\.png.* takes 6,000,000 bytes, .* budget of 5,000,000\. If .* max_bytes or make the image smaller"
    with pytest.raises(DataError, match=message):
        image_folder(tmp_path, (8, 8), strict=True, max_bytes=5_000_000)
    with pytest.raises(pel.OptionError, match="Expected max_bytes to be a whole number of bytes above 0"):
        image_folder(tmp_path, max_bytes=0)


@pytest.mark.slow
def test_two_small_files_do_not_take_gigabytes(tmp_path: Path) -> None:
    """Two PNG files of 80 million pixels are decoded one after the other."""
    import subprocess
    import sys

    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for i in range(4):
            (tmp_path / kind / f"{i}.png").write_bytes(white_png(8900))
    lines = [
        "import pellucid.data, tests.damaged_files.harness as harness",
        f"pellucid.data.image_folder({str(tmp_path)!r}, progress=False)",
        "print(harness.get_peak_memory())",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=harness.ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.5 * 2**30


def test_arrays_inflate_within_a_budget(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(10**6), y=np.zeros(3))
    assert read_npz(tmp_path / "a.npz")["x"].shape == (10**6,)
    with pytest.raises(
        DataError,
        match=r"a\.npz: the array 'x' takes 8,000,000 bytes, and 1,000,000 of .* pass a larger max_bytes or store it",
    ):
        read_npz(tmp_path / "a.npz", max_bytes=10**6)
    np.savez(tmp_path / "b.npz", x=np.zeros(10**6))
    assert read_npz(tmp_path / "b.npz", max_bytes=1)["x"].shape == (10**6,), "a file may be as large as it is"
    write_idx(tmp_path / "a.idx.gz", np.zeros((1000, 1000), "uint8"))
    with pytest.raises(DataError, match=r"a\.idx\.gz: the array of shape \(1000, 1000\) takes 1,000,012 bytes"):
        read_idx(tmp_path / "a.idx.gz", max_bytes=10**5)
    model = make_small_model()
    zeros = {"out/kernel": np.zeros((9 * 10**6, 2))}
    np.savez_compressed(tmp_path / "w.npz", **zeros)
    with pytest.raises(
        pel.StorageError, match=r"the array 'out/kernel' takes 144,000,000 bytes.* The model that reads them has fewer"
    ):
        model.load_weights(tmp_path / "w.npz")


def test_parameters_of_a_toml_file_fit_a_budget() -> None:
    text = "pellucid = 1\nloss = 'mse'\n[input]\nshape = [4]\n[[layers]]\nkind = 'Dense'\nunits = {}\n"
    assert [w.size for w in pel.from_toml(text.format(100)).get_weights()] == [400, 100]
    with pytest.raises(
        pel.ModelError, match=r"dense.*/kernel takes 1,600 bytes, .* read it by pel.from_toml\(file, max_bytes="
    ):
        pel.from_toml(text.format(100), max_bytes=1000)
    with pytest.raises(pel.ModelError, match=r"dense.*/kernel takes 16,000,000,000 bytes, .* pel.from_toml"):
        pel.from_toml(text.format(10**9))


# Regular files


def read_weights(path: Path) -> None:
    make_small_model().load_weights(path)


def read_experiment(path: Path) -> Any:
    from pellucid.train.settings.toml_reader import read_settings

    return read_settings(path)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        *((name, read_weights) for name in ("w.npz", "w.safetensors", "w.keras", "w.weights.h5", "w.pel")),
        ("a.pel", pel.load),
        ("m.pel", pel.load_model),
        ("a.onnx", pel.from_onnx),
        ("a.npz", read_npz),
        ("a.idx", read_idx),
        ("a.csv", read_table),
        ("a.toml", pel.from_toml),
        ("experiment.toml", read_experiment),
        ("a.zip", image_folder),
    ],
)
def test_only_regular_files_are_read(name: str, read: Callable[[Path], Any], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(pel.PellucidError, match=name):
        read(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(pel.PellucidError, match=name):
        read(tmp_path / name)


# The guard


def test_the_guard_keeps_warnings_and_quotes_little(tmp_path: Path) -> None:
    with pytest.raises(DataWarning), report_damage(DataError, "a.csv"):
        raise DataWarning("skipped")
    with pytest.raises(FileNotFoundError), report_damage(DataError, "a.csv"):
        (tmp_path / "nothing").read_bytes()
    with (
        pytest.raises(DataError, match=r"^a\.csv: line 3: it is damaged or has another format \(KeyError: 'x{198}…\)"),
        report_damage(DataError, "a.csv", "line 3"),
    ):
        raise KeyError("x" * 1000)
    with pytest.raises(DataError, match="nested too deeply"), report_damage(DataError, "a.csv"):
        json.loads("[" * 100_000)
    with pytest.raises(DataError, match="does not fit in memory"), report_damage(DataError, "a.csv"):
        raise MemoryError
    with pytest.raises(pel.InputError), report_damage(DataError, "a.csv", passing=(pel.InputError,)):
        raise pel.InputError("of another argument")
    with pytest.raises(DataError) as caught, report_damage(DataError, "a.csv"):
        raise DataError("x" * 10_000)
    assert len(str(caught.value)) < 1100
    assert len(quote("x" * 10_000)) == MAX_QUOTE


# Names of other formats


def test_models_are_not_saved_under_suffixes_of_other_formats(tmp_path: Path) -> None:
    import onnx

    model = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    for name, advice in {
        "model.h5": r"Use model\.save\('.*model\.keras'\)",
        "model.onnx": r"Use model\.export\('.*model\.onnx'\)",
        "model.npz": r"Use model\.save_weights\('.*model\.npz'\)",
    }.items():
        with pytest.raises(pel.OptionError, match=rf"{advice}.*choose a name such as '.*model\.pel'"):
            model.save(tmp_path / name)
        assert not (tmp_path / name).exists()
    model.export(tmp_path / "model.keras", "keras")
    model.export(tmp_path / "model.onnx")
    model.save_weights(tmp_path / "model.npz")
    assert onnx.load(tmp_path / "model.onnx")
    model.save(tmp_path / "model")
    assert pel.load_model(tmp_path / "model").layers[0].units == 3
