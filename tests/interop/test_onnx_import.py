"""ONNX files read: as formulas, to be differentiated, trained further and exported again; and hostile files refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests_of_onnx import session, values_for

import pellucid as pel
from pellucid import nn

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model_of(nodes, inputs, outputs, initializers=(), opset=21, functions=()):
    """Write a model as other programs write them."""
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    made = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs]
    carried = [numpy_helper.from_array(np.asarray(value), name) for name, value in initializers]
    graph = helper.make_graph(nodes, "graph", infos, made, carried)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("house", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))


def small(**changes):
    """A model of one layer, as torch exports it."""
    nodes = [
        helper.make_node("Gemm", ["x", "W", "b"], ["h"], transB=1, name="fc"),
        helper.make_node("Relu", ["h"], ["y"], name="act"),
    ]
    rng = np.random.default_rng(0)
    weights = {"W": rng.normal(size=(4, 3)).astype("float32"), "b": np.zeros(4, "float32"), **changes}
    return model_of(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 4])], weights.items())


def same_as_runtime(model, sizes=(("n", 3),), **settings):
    """Hold what is read against ONNX Runtime."""
    read = pel.from_onnx(model, **settings)
    f = pel.function(read.inputs, read.outputs, mode="numpy")
    values = values_for(read.inputs, dict(sizes))
    found = session(model).run(None, {i.name: v for i, v in zip(read.inputs, values, strict=True)})
    for a, b in zip(f(*values), found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return read


def test_a_file_is_read_as_a_formula_with_its_names():
    read = same_as_runtime(small())
    assert str(read.outputs[0]) == "relu(x @ W.T + b)"
    assert {name: p.shape for name, p in read.parameters.items()} == {"W": (4, 3), "b": (4,)}
    assert read.inputs[0].shape == ("n", 3)
    assert str(read["h"]) == "x @ W.T + b"
    assert "graph: 2 parameters" in repr(read)
    assert str(pel.grad(read["h"].sum(), read.parameters["b"])) != ""


def test_it_is_called_on_expressions_and_trained_further():
    body = pel.from_onnx(small())
    x, y = pel.matrix("features", shape=("n", 3)), pel.ivector("labels", shape=("n",))
    p = nn.Dense(2, activation="softmax")(body(x))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    assert set(body.parameters.values()) < set(pel.parameters(loss))
    step = pel.function([x, y], loss, updates=pel.optimizers.Adam(0.05).updates(loss), mode="numpy")
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 3)).astype("float32")
    history = step.repeat(60, data, (data[:, 0] > 0).astype("int32"))
    assert history[-1] < history[0] / 3
    assert (body.parameters["b"].get_value() != 0).any()
    exported = pel.to_onnx({"p": p}, inputs=[x])
    (found,) = session(exported).run(None, {"features": data})
    np.testing.assert_allclose(found, pel.function([x], p, mode="numpy")(data), rtol=1e-5, atol=1e-5)


def test_an_image_network_is_turned_at_the_border_alone():
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "K"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "g", "b", "m", "v"], ["n1"]),
        helper.make_node("Relu", ["n1"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["p"], ["a"]),
        helper.make_node("Flatten", ["a"], ["y"]),
    ]
    ones = np.ones(4, "float32")
    weights = {"K": rng.normal(size=(4, 3, 3, 3)).astype("float32"), "g": ones, "b": ones, "m": ones, "v": ones}
    model = model_of(nodes, [("x", FLOAT, ["n", 3, 6, 6])], [("y", FLOAT, ["n", 4])], weights.items())
    read = same_as_runtime(model)
    assert str(read["p"]).count("transpose") == 3  # of the image, the kernel and the result
    trainable = {name for name, p in read.parameters.items() if p.trainable}
    assert trainable == {"K", "g", "b"}


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_shape": [2, 2]},
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [1, 1, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [3, 3], "auto_pad": "SAME_LOWER"},
        {"kernel_shape": [2, 2], "dilations": [2, 3]},
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1], "count_include_pad": 1, "ceil_mode": 1},
    ],
)
def test_pooling_in_all_its_ways(kind, settings):
    if "count_include_pad" in settings and kind != "AveragePool":
        settings = {key: value for key, value in settings.items() if key != "count_include_pad"}
    node = helper.make_node(kind, ["x"], ["y"], **settings)
    model = model_of([node], [("x", FLOAT, ["n", 3, 8, 7])], [("y", FLOAT, ["n", 3, None, None])], opset=22)
    same_as_runtime(model)


def test_sizes_go_through_as_torch_writes_them():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["batch"], axis=0),
        helper.make_node("Unsqueeze", ["batch", "axes"], ["row"]),
        helper.make_node("Concat", ["row", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    carried = {"zero": np.int64(0), "axes": np.array([0]), "rest": np.array([6])}
    model = model_of(nodes, [("x", FLOAT, ["n", 2, 3])], [("y", FLOAT, ["n", 6])], carried.items())
    read = same_as_runtime(model)
    assert read.outputs[0].shape == ("n", 6)
    assert read.parameters == {}


def test_values_and_sizes_are_told_beforehand():
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    model = model_of(nodes, [("x", FLOAT, ["n", 6]), ("shape", INT64, [2])], [("y", FLOAT, [None, None])])
    with pytest.raises(pel.OnnxError, match=r"its input 'shape' decides what the result looks like.*values=\{'shape'"):
        pel.from_onnx(model)
    read = pel.from_onnx(model, values={"shape": [-1, 3]}, sizes={"n": 4})
    assert [i.name for i in read.inputs] == ["x"]
    assert read.outputs[0].shape == (8, 3)
    with pytest.raises(pel.InputError, match=r"there is no input named 'shap'. Did you mean 'shape'?"):
        pel.from_onnx(model, values={"shap": [1]})
    with pytest.raises(pel.InputError, match="there is no size named 'm'"):
        pel.from_onnx(model, sizes={"m": 1})


def test_constants_stay_out_of_training():
    nodes = [helper.make_node("Mul", ["x", "factor"], ["h"]), helper.make_node("Add", ["h", "row"], ["y"])]
    carried = {"factor": np.float32(2), "row": np.ones(3, "float32")}
    model = model_of(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 3])], carried.items())
    assert set(pel.from_onnx(model).parameters) == {"row"}
    assert pel.from_onnx(model, trainable=False).parameters == {}


def test_what_is_exported_is_the_same_when_it_is_read():
    x = pel.matrix("x", shape=("n", 4))
    y = nn.Dense(2, name="head")(nn.BatchNormalization(name="norm")(nn.Dense(3, activation="tanh", name="body")(x)))
    read = pel.from_onnx(pel.to_onnx({"y": y}))
    before = {str(p.name): p for p in pel.parameters(pel.inference(y), trainable=None)}
    assert set(read.parameters) == set(before)
    for name, p in read.parameters.items():
        np.testing.assert_array_equal(p.get_value(), before[name].get_value())
        assert (p.trainable, p.regularizable) == (before[name].trainable, before[name].regularizable)
    again = pel.to_onnx(dict(zip(read.output_names, read.outputs, strict=True)))
    assert [n.op_type for n in again.graph.node] == [n.op_type for n in pel.to_onnx({"y": y}).graph.node]


def test_a_loop_and_a_choice_of_a_file():
    c, x = pel.scalar("c"), pel.vector("x", shape=("n",))
    y = pel.scan(lambda x_t, h: pel.cond(h > c, lambda: h - x_t, lambda: h + x_t * c), x, 0.0)
    read = same_as_runtime(pel.to_onnx({"y": y, "z": pel.while_loop(lambda h: h < 50, lambda h: 3 * h + 1, abs(c))}))
    assert pel.grad(read.outputs[0].sum(), read.inputs[0]).shape == read.inputs[0].shape


def test_functions_of_a_file_are_opened():
    body = [helper.make_node("Mul", ["a", "a"], ["s"]), helper.make_node("Add", ["s", "b"], ["r"])]
    opsets = [helper.make_opsetid("", 21)]
    square_plus = helper.make_function("house", "SquarePlus", ["a", "b"], ["r"], body, opsets)
    nodes = [helper.make_node("SquarePlus", ["x", "x"], ["y"], domain="house")]
    model = model_of(nodes, [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])], functions=[square_plus])
    assert str(same_as_runtime(model).outputs[0]) == "x * x + x"


def test_a_file_on_disk_with_its_weights_beside_it(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(small(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    read = pel.from_onnx(path)
    wanted = numpy_helper.to_array(small().graph.initializer[0])
    np.testing.assert_array_equal(read.parameters["W"].get_value(), wanted)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(pel.OnnxError, match=r"model.onnx: the tensor 'W' lies in 'weights.bin', which is not there"):
        pel.from_onnx(path)
    with pytest.raises(pel.OnnxError, match=r"'W' lies in another file. Give from_onnx the path of the file"):
        pel.from_onnx(path.read_bytes())


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "inside/../../secret.bin", "link.bin", ""])
def test_nothing_outside_of_the_folder_is_read(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    model = small()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(pel.OnnxError, match="outside of the model's folder; it is not read"):
        pel.from_onnx(folder / "model.onnx")


def external(folder, **told):
    """Write a model whose first tensor is said to lie in another file, in a way of one's own."""
    (folder / "weights.bin").write_bytes(bytes(48))
    model = small()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    for key, value in {"location": "weights.bin", **told}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


def test_places_in_other_files_are_checked(tmp_path):
    assert pel.from_onnx(external(tmp_path)).parameters["W"].shape == (4, 3)
    with pytest.raises(
        pel.OnnxError, match=r"needs 48 bytes; it is said to be 4000 at 0 of 'weights.bin', which has 48"
    ):
        pel.from_onnx(external(tmp_path, length="4000"))
    with pytest.raises(pel.OnnxError, match="no readable place"):
        pel.from_onnx(external(tmp_path, offset="many"))
    with pytest.raises(pel.OnnxError, match="needs 48 bytes; it is said to be 58 at -10"):
        pel.from_onnx(external(tmp_path, offset="-10"))


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(pel.OnnxError, match=r"there is no file '.*nothing.onnx'"):
        pel.from_onnx(tmp_path / "nothing.onnx")
    (tmp_path / "picture.onnx").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(pel.OnnxError, match=r"picture.onnx is no ONNX file"):
        pel.from_onnx(tmp_path / "picture.onnx")
    with pytest.raises(pel.OnnxError, match="the model is no ONNX file: it holds no graph"):
        pel.from_onnx(b"")
    whole = small().SerializeToString()
    with pytest.raises(pel.OnnxError, match="the model is no ONNX file, or a damaged one"):
        pel.from_onnx(whole[: len(whole) // 2])
    with pytest.raises(pel.UseError, match=r"expected a path, bytes or an onnx.ModelProto. Received: 3"):
        pel.from_onnx(3)


def test_damaged_values_are_refused():
    model = small()
    model.graph.initializer[0].raw_data = bytes(12)
    with pytest.raises(pel.OnnxError, match="W"):
        pel.from_onnx(model)
    model = small()
    model.graph.initializer[0].dims[0] = -4
    with pytest.raises(pel.OnnxError, match="W"):
        pel.from_onnx(model)


def test_graphs_that_run_in_a_circle_are_refused():
    nodes = [helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    model = model_of(nodes, [("x", FLOAT, ["n"])], [("b", FLOAT, ["n"])])
    with pytest.raises(pel.OnnxError, match=r"does not pass ONNX's checker: .*topologically sorted"):
        pel.from_onnx(model)


def test_functions_that_call_one_another_in_a_circle_are_refused():
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("house", 1)]
    body = [helper.make_node("Again", ["a"], ["r"], domain="house")]
    again = helper.make_function("house", "Again", ["a"], ["r"], body, opsets)
    nodes = [helper.make_node("Again", ["x"], ["y"], domain="house")]
    model = model_of(nodes, [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])], functions=[again])
    with pytest.raises(pel.OnnxError, match=r"more than 30 deep: they run in a circle|checker"):
        pel.from_onnx(model)


def test_unknown_operators_are_named_with_their_domain_and_node():
    nodes = [helper.make_node("Magic", ["x"], ["y"], name="trick", domain="house")]
    model = model_of(nodes, [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    with pytest.raises(
        pel.OnnxError, match=r"node 'trick', Magic: the operator Magic of the domain 'house' \(version 21"
    ):
        pel.from_onnx(model)
    nodes = [helper.make_node("NonMaxSuppression", ["x", "x"], ["y"])]
    model = model_of(nodes, [("x", FLOAT, ["n", 2, 4])], [("y", INT64, ["m", 3])])
    with pytest.raises(pel.OnnxError, match=r"node number 0 \('y'\), NonMaxSuppression: .* of the domain 'ai.onnx'"):
        pel.from_onnx(model)


def test_what_does_not_fit_names_the_node():
    nodes = [helper.make_node("MatMul", ["x", "W"], ["y"], name="product")]
    weights = {"W": np.ones((5, 2), "float32")}.items()
    model = model_of(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 2])], weights)
    with pytest.raises(pel.OnnxError, match=r"'graph': node 'product', MatMul: .*3.*5"):
        pel.from_onnx(model)
    nodes = [helper.make_node("Conv", ["x", "W"], ["y"], strides=[1, 1, 1])]
    weights = {"W": np.ones((5, 2, 3, 3), "float32")}.items()
    model = model_of(nodes, [("x", FLOAT, ["n", 2, 8, 8])], [("y", FLOAT, ["n", 5, 6, 6])], weights)
    with pytest.raises(pel.OnnxError, match=r"Conv: expected 2 numbers in strides. Received: \[1, 1, 1\]"):
        pel.from_onnx(model)


def test_other_types_are_refused():
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    model = model_of(nodes, [("x", TensorProto.STRING, ["n"])], [("y", TensorProto.STRING, ["n"])])
    with pytest.raises(pel.OnnxError, match="the input 'x' holds elements of type STRING, which pellucid has not"):
        pel.from_onnx(model)
    model = model_of(nodes, [("x", FLOAT, None)], [("y", FLOAT, None)])
    with pytest.raises(pel.OnnxError, match="does not pass ONNX's checker: Field 'shape' of 'type' is required"):
        pel.from_onnx(model)


def test_a_small_file_makes_no_large_array_while_it_is_read():
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["y"])]
    model = model_of(nodes, [], [("y", FLOAT, [None, None])], {"shape": np.array([10**6, 10**6])}.items())
    assert pel.from_onnx(model).outputs[0].shape == (10**6, 10**6)
    nodes = [helper.make_node("Range", ["a", "b", "c"], ["y"])]
    ends = {"a": np.int64(0), "b": np.int64(10**12), "c": np.int64(1)}
    model = model_of(nodes, [], [("y", INT64, [None])], ends.items())
    with pytest.raises(pel.OnnxError, match="a range of 1000000000000 numbers is too long"):
        pel.from_onnx(model)


def test_calls_that_do_not_fit_are_refused():
    read = pel.from_onnx(small())
    with pytest.raises(pel.InputError, match=r"graph: expected 1 inputs, \[x\]. Received: 2"):
        read(1, 2)
    with pytest.raises(pel.InputError, match=r"x is float32 \(n, 3\). Received: v, which is float32 \(\?,\)"):
        read(pel.vector("v"))
    with pytest.raises(pel.InputError, match=r"graph: there is no value named 'hh'. Did you mean 'h'?"):
        read["hh"]
    assert read(np.ones((2, 3), "float32")).shape == (2, 4)
