"""Untrusted ONNX files: damaged files and paths outside the folder are refused with a reason."""

import random

import numpy as np
import pytest
from onnx_models import FLOAT, INT64, helper, make_model, make_small_model, numpy_helper, onnx

import pellucid as pel
from pellucid import nn
from pellucid.interop.onnx.tensors import to_array


def test_weights_are_read_from_a_second_file(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(make_small_model(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    read = pel.from_onnx(path)
    expected = numpy_helper.to_array(make_small_model().graph.initializer[0])
    np.testing.assert_array_equal(read.parameters["W"].get_value(), expected)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(
        pel.OnnxError, match=r"model.onnx: the tensor 'W' is stored in 'weights.bin', which does not exist"
    ):
        pel.from_onnx(path)
    with pytest.raises(pel.OnnxError, match=r"'W' is stored in another file. Pass from_onnx the path of the model"):
        pel.from_onnx(path.read_bytes())


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "inside/../../secret.bin", "link.bin", ""])
def test_files_outside_the_folder_are_not_read(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    model = make_small_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(pel.OnnxError, match="outside of the model's folder; it was not read"):
        pel.from_onnx(folder / "model.onnx")


def test_nothing_is_read_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.arange(3, dtype="float32").tobytes())
    tensor = onnx.TensorProto(name="v", data_type=FLOAT, dims=[3], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="secret.bin")
    body = [helper.make_node("Constant", [], ["k"], value=tensor), helper.make_node("Add", ["a", "k"], ["r"])]
    leak = helper.make_function("custom", "Leak", ["a"], ["r"], body, [helper.make_opsetid("", 21)])
    nodes = [helper.make_node("Leak", ["x"], ["y"], domain="custom")]
    model = make_model(nodes, [("x", FLOAT, [3])], [("y", FLOAT, [3])], functions=[leak])
    with pytest.raises(pel.OnnxError, match=r"'v' is stored in another file. Pass from_onnx the path of the model"):
        pel.from_onnx(model)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(pel.OnnxError, match=r"'v' is stored in 'secret.bin', which does not exist"):
        pel.from_onnx(folder / "model.onnx")
    with pytest.raises(pel.OnnxError, match="'v' is stored in another file and is not read from there"):
        to_array(tensor, "the model")


def write_with_external_data(folder, **entries):
    """Write a model whose first tensor is in another file, with these entries of its external data."""
    (folder / "weights.bin").write_bytes(bytes(48))
    model = make_small_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    for key, value in {"location": "weights.bin", **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


def test_positions_in_external_files_are_checked(tmp_path):
    assert pel.from_onnx(write_with_external_data(tmp_path)).parameters["W"].shape == (4, 3)
    with pytest.raises(
        pel.OnnxError, match=r"needs 48 bytes; declared are 4000 at offset 0 of 'weights.bin', which has 48"
    ):
        pel.from_onnx(write_with_external_data(tmp_path, length="4000"))
    with pytest.raises(pel.OnnxError, match="an invalid position"):
        pel.from_onnx(write_with_external_data(tmp_path, offset="many"))
    with pytest.raises(pel.OnnxError, match="needs 48 bytes; declared are 58 at offset -10"):
        pel.from_onnx(write_with_external_data(tmp_path, offset="-10"))


def test_files_in_other_formats_are_refused(tmp_path):
    with pytest.raises(pel.OnnxError, match=r"there is no file '.*nothing.onnx'"):
        pel.from_onnx(tmp_path / "nothing.onnx")
    (tmp_path / "picture.onnx").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(pel.OnnxError, match=r"picture.onnx is not an ONNX file"):
        pel.from_onnx(tmp_path / "picture.onnx")
    with pytest.raises(pel.OnnxError, match="the model is not an ONNX file: it has no graph"):
        pel.from_onnx(b"")
    content = make_small_model().SerializeToString()
    with pytest.raises(pel.OnnxError, match="the model is not an ONNX file or is damaged"):
        pel.from_onnx(content[: len(content) // 2])
    with pytest.raises(pel.UseError, match=r"expected a path, bytes or an onnx.ModelProto. Received: 3"):
        pel.from_onnx(3)


def test_damaged_values_are_refused():
    model = make_small_model()
    model.graph.initializer[0].raw_data = bytes(12)
    with pytest.raises(pel.OnnxError, match="W"):
        pel.from_onnx(model)
    model = make_small_model()
    model.graph.initializer[0].dims[0] = -4
    with pytest.raises(pel.OnnxError, match="W"):
        pel.from_onnx(model)


def test_cyclic_graphs_are_refused():
    nodes = [helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    model = make_model(nodes, [("x", FLOAT, ["n"])], [("b", FLOAT, ["n"])])
    with pytest.raises(pel.OnnxError, match=r"does not pass ONNX's checker: .*topologically sorted"):
        pel.from_onnx(model)


def test_recursive_functions_are_refused():
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("custom", 1)]
    body = [helper.make_node("Again", ["a"], ["r"], domain="custom")]
    again = helper.make_function("custom", "Again", ["a"], ["r"], body, opsets)
    nodes = [helper.make_node("Again", ["x"], ["y"], domain="custom")]
    model = make_model(nodes, [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])], functions=[again])
    with pytest.raises(pel.OnnxError, match=r"more than 30 deep|checker"):
        pel.from_onnx(model)


def test_unknown_operators_are_named_with_their_domain_and_node():
    nodes = [helper.make_node("Magic", ["x"], ["y"], name="trick", domain="custom")]
    model = make_model(nodes, [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    with pytest.raises(
        pel.OnnxError, match=r"node 'trick', Magic: the operator Magic of the domain 'custom' \(version 21"
    ):
        pel.from_onnx(model)
    nodes = [helper.make_node("NonMaxSuppression", ["x", "x"], ["y"])]
    model = make_model(nodes, [("x", FLOAT, ["n", 2, 4])], [("y", INT64, ["m", 3])])
    with pytest.raises(pel.OnnxError, match=r"node number 0 \('y'\), NonMaxSuppression: .* of the domain 'ai.onnx'"):
        pel.from_onnx(model)


def test_shape_errors_name_the_node():
    nodes = [helper.make_node("MatMul", ["x", "W"], ["y"], name="product")]
    weights = {"W": np.ones((5, 2), "float32")}.items()
    model = make_model(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 2])], weights)
    with pytest.raises(pel.OnnxError, match=r"'graph': node 'product', MatMul: .*3.*5"):
        pel.from_onnx(model)
    nodes = [helper.make_node("Conv", ["x", "W"], ["y"], strides=[1, 1, 1])]
    weights = {"W": np.ones((5, 2, 3, 3), "float32")}.items()
    model = make_model(nodes, [("x", FLOAT, ["n", 2, 8, 8])], [("y", FLOAT, ["n", 5, 6, 6])], weights)
    with pytest.raises(pel.OnnxError, match=r"Conv: expected 2 integers in strides. Received: \[1, 1, 1\]"):
        pel.from_onnx(model)


def test_unsupported_types_are_refused():
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    model = make_model(nodes, [("x", onnx.TensorProto.STRING, ["n"])], [("y", onnx.TensorProto.STRING, ["n"])])
    with pytest.raises(pel.OnnxError, match="the input 'x' has the element type STRING, which is not supported"):
        pel.from_onnx(model)
    model = make_model(nodes, [("x", FLOAT, None)], [("y", FLOAT, None)])
    with pytest.raises(pel.OnnxError, match="does not pass ONNX's checker: Field 'shape' of 'type' is required"):
        pel.from_onnx(model)


def test_a_small_file_allocates_no_large_array():
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["y"])]
    model = make_model(nodes, [], [("y", FLOAT, [None, None])], {"shape": np.array([10**6, 10**6])}.items())
    assert pel.from_onnx(model).outputs[0].shape == (10**6, 10**6)
    nodes = [helper.make_node("Range", ["a", "b", "c"], ["y"])]
    ends = {"a": np.int64(0), "b": np.int64(10**12), "c": np.int64(1)}
    model = make_model(nodes, [], [("y", INT64, [None])], ends.items())
    with pytest.raises(pel.OnnxError, match="a range of 1000000000000 elements is too long"):
        pel.from_onnx(model)


@pytest.mark.parametrize("count", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_changed_bytes_raise_only_pellucid_errors(count):
    x, c = pel.tensor4("x", shape=("n", 8, 8, 3)), pel.scalar("c")
    h = nn.MaxPooling2D(2)(nn.BatchNormalization()(nn.Conv2D(4, 3, activation="relu")(x)))
    loop = pel.while_loop(lambda h: h < 10, lambda h: h + 1, c)
    sequence = pel.tensor3("s", shape=("n", "t", 4))
    outputs = [nn.Dense(3)(nn.Flatten()(h)), nn.LSTM(3)(sequence), pel.cond(c > 0, lambda: c * 2, lambda: loop)]
    files = [pel.to_onnx({"y": y}).SerializeToString() for y in outputs]
    rng, refused = random.Random(0), 0
    for _ in range(count):
        data = bytearray(rng.choice(files))
        position = rng.randrange(len(data))
        if rng.random() < 0.7:
            data[position] = rng.randrange(256)
        else:
            del data[position : position + rng.randrange(1, 9)]
        try:
            pel.from_onnx(bytes(data))
        except pel.PellucidError:
            refused += 1
    assert refused > count / 2


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_changed_attributes_raise_only_pellucid_errors(count):
    rng, refused = random.Random(0), 0
    numbers = [-1, 0, 7, 10**6, 2**62, -(2**62)]
    for _ in range(count):
        nodes = [
            helper.make_node("Conv", ["x", "K"], ["c"], pads=[1, 1, 1, 1], strides=[1, 1], dilations=[1, 1], group=1),
            helper.make_node("LRN", ["c"], ["l"], size=3),
            helper.make_node("MaxPool", ["l"], ["p"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
            helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
            helper.make_node("Split", ["t"], ["a", "b"], axis=3, num_outputs=2),
            helper.make_node("Concat", ["a", "b"], ["y"], axis=-1),
        ]
        attribute = rng.choice([a for node in nodes for a in node.attribute])
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(numbers)
        else:
            attribute.i = rng.choice(numbers)
        weights = {"K": np.ones((4, 3, 3, 3), "float32")}.items()
        shape = ["n", 3, 3, 4]
        try:
            pel.from_onnx(make_model(nodes, [("x", FLOAT, ["n", 3, 6, 6])], [("y", FLOAT, shape)], weights))
        except pel.PellucidError:
            refused += 1
    assert refused > count / 4
