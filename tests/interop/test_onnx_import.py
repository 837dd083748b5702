"""Import of ONNX files as formulas, which can be differentiated, trained and exported."""

import numpy as np
import pytest
from onnx_models import FLOAT, INT64, draw_values, helper, load_in_runtime, make_model, make_small_model, onnx

import pellucid as pel
from pellucid import nn

PREVIEW = "ai.onnx.preview.training"


def check_import(model, sizes=(("n", 3),), **settings):
    """Compare an imported model with ONNX Runtime, and return it."""
    read = pel.from_onnx(model, **settings)
    f = pel.function(read.inputs, read.outputs, mode="numpy")
    values = draw_values(read.inputs, dict(sizes))
    found = load_in_runtime(model).run(None, {i.name: v for i, v in zip(read.inputs, values, strict=True)})
    for a, b in zip(f(*values), found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return read


def test_a_file_becomes_a_formula_with_its_names():
    read = check_import(make_small_model())
    assert str(read.outputs[0]) == "relu(x @ W.T + b)"
    assert {name: p.shape for name, p in read.parameters.items()} == {"W": (4, 3), "b": (4,)}
    assert read.inputs[0].shape == ("n", 3)
    assert str(read["h"]) == "x @ W.T + b"
    assert "graph: 2 parameters" in repr(read)
    assert str(pel.grad(read["h"].sum(), read.parameters["b"])) != ""


def test_an_imported_model_can_be_called_and_trained():
    body = pel.from_onnx(make_small_model())
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
    (found,) = load_in_runtime(exported).run(None, {"features": data})
    np.testing.assert_allclose(found, pel.function([x], p, mode="numpy")(data), rtol=1e-5, atol=1e-5)


def test_part_of_a_file_can_be_fitted():
    body = pel.from_onnx(make_small_model())
    model = pel.Model(body.inputs, nn.Dense(2, activation="softmax")(body["h"]), name="transferred")
    model.compile(pel.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(0).normal(size=(96, 3)).astype("float32")
    model.fit(x, (x[:, 0] > 0).astype("int32"), epochs=15, batch_size=32, verbose=0)
    assert model.history.history["accuracy"][-1] > 0.9
    read = pel.from_onnx(pel.to_onnx(model))
    assert set(read.parameters) == {"W", "b", "dense/kernel", "dense/bias"}
    f = pel.function(read.inputs, read.outputs[0], mode="numpy")
    np.testing.assert_allclose(f(x), model.predict(x), rtol=1e-5, atol=1e-5)


def test_an_image_network_is_transposed_only_at_its_border():
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
    model = make_model(nodes, [("x", FLOAT, ["n", 3, 6, 6])], [("y", FLOAT, ["n", 4])], weights.items())
    read = check_import(model)
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
def test_pooling_agrees_with_onnx_runtime(kind, settings):
    if "count_include_pad" in settings and kind != "AveragePool":
        settings = {key: value for key, value in settings.items() if key != "count_include_pad"}
    node = helper.make_node(kind, ["x"], ["y"], **settings)
    model = make_model([node], [("x", FLOAT, ["n", 3, 8, 7])], [("y", FLOAT, ["n", 3, None, None])], opset=22)
    check_import(model)


def test_shape_computations_of_torch_are_read():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["batch"], axis=0),
        helper.make_node("Unsqueeze", ["batch", "axes"], ["row"]),
        helper.make_node("Concat", ["row", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    constants = {"zero": np.int64(0), "axes": np.array([0]), "rest": np.array([6])}
    model = make_model(nodes, [("x", FLOAT, ["n", 2, 3])], [("y", FLOAT, ["n", 6])], constants.items())
    read = check_import(model)
    assert read.outputs[0].shape == ("n", 6)
    assert read.parameters == {}


def test_values_and_sizes_can_be_fixed():
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    model = make_model(nodes, [("x", FLOAT, ["n", 6]), ("shape", INT64, [2])], [("y", FLOAT, [None, None])])
    with pytest.raises(pel.OnnxError, match=r"the result depends on the input 'shape'.*values=\{'shape'"):
        pel.from_onnx(model)
    read = pel.from_onnx(model, values={"shape": [-1, 3]}, sizes={"n": 4})
    assert [i.name for i in read.inputs] == ["x"]
    assert read.outputs[0].shape == (8, 3)
    with pytest.raises(pel.InputError, match=r"there is no input named 'shap'. Did you mean 'shape'?"):
        pel.from_onnx(model, values={"shap": [1]})
    with pytest.raises(pel.InputError, match="there is no size named 'm'"):
        pel.from_onnx(model, sizes={"m": 1})


def test_sequences_of_known_length_are_supported():
    nodes = [
        helper.make_node("SplitToSequence", ["x"], ["parts"], axis=1, keepdims=0),
        helper.make_node("SequenceLength", ["parts"], ["count"]),
        helper.make_node("SequenceAt", ["parts", "one"], ["second"]),
        helper.make_node("SequenceErase", ["parts", "one"], ["fewer"]),
        helper.make_node("SequenceInsert", ["fewer", "second"], ["more"]),
        helper.make_node("ConcatFromSequence", ["more"], ["stacked"], axis=1, new_axis=1),
        helper.make_node("SplitToSequence", ["stacked", "two"], ["pairs"], axis=1),
        helper.make_node("SequenceAt", ["pairs", "one"], ["last"]),
        helper.make_node("SequenceConstruct", ["last", "stacked"], ["both"]),
        helper.make_node("ConcatFromSequence", ["both"], ["y"], axis=1),
    ]
    constants = {"one": np.int64(1), "two": np.int64(2)}.items()
    model = make_model(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 4]), ("count", INT64, [])], constants)
    assert str(check_import(model).outputs[1]) == "3"
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_sequence_value_info("parts", FLOAT, ["n"]))
    with pytest.raises(pel.OnnxError, match="the output 'parts' is a sequence of tensors"):
        pel.from_onnx(model)


def test_gradient_nodes_are_read():
    nodes = [
        helper.make_node("Mul", ["a", "b"], ["c"]),
        helper.make_node("Gradient", ["a", "b"], ["da", "db"], domain=PREVIEW, xs=["a", "b"], y="c"),
    ]
    shapes = [(name, FLOAT, ["n"]) for name in ("a", "b", "c", "da", "db")]
    model = make_model(nodes, shapes[:2], shapes[2:])
    model.opset_import.append(helper.make_opsetid(PREVIEW, 1))
    read = pel.from_onnx(model)
    assert list(map(str, read.outputs)) == ["a * b", "b", "a"]


def test_constants_are_not_parameters():
    nodes = [helper.make_node("Mul", ["x", "factor"], ["h"]), helper.make_node("Add", ["h", "row"], ["y"])]
    constants = {"factor": np.float32(2), "row": np.ones(3, "float32")}
    model = make_model(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 3])], constants.items())
    assert set(pel.from_onnx(model).parameters) == {"row"}
    assert pel.from_onnx(model, trainable=False).parameters == {}


def test_an_exported_model_round_trips():
    x = pel.matrix("x", shape=("n", 4))
    y = nn.Dense(2, name="head")(nn.BatchNormalization(name="norm")(nn.Dense(3, activation="tanh", name="body")(x)))
    read = pel.from_onnx(pel.to_onnx({"y": y}))
    before = {str(p.name): p for p in pel.parameters(pel.inference(y), trainable=None)}
    assert set(read.parameters) == set(before)
    for name, p in read.parameters.items():
        np.testing.assert_array_equal(p.get_value(), before[name].get_value())
        assert (p.trainable, p.regularizable) == (before[name].trainable, before[name].regularizable)
    second_export = pel.to_onnx(dict(zip(read.output_names, read.outputs, strict=True)))
    assert [n.op_type for n in second_export.graph.node] == [n.op_type for n in pel.to_onnx({"y": y}).graph.node]


def test_loops_and_branches_agree_with_onnx_runtime():
    c, x = pel.scalar("c"), pel.vector("x", shape=("n",))
    y = pel.scan(lambda x_t, h: pel.cond(h > c, lambda: h - x_t, lambda: h + x_t * c), x, 0.0)
    read = check_import(pel.to_onnx({"y": y, "z": pel.while_loop(lambda h: h < 50, lambda h: 3 * h + 1, abs(c))}))
    assert pel.grad(read.outputs[0].sum(), read.inputs[0]).shape == read.inputs[0].shape


def test_functions_of_a_file_are_inlined():
    body = [helper.make_node("Mul", ["a", "a"], ["s"]), helper.make_node("Add", ["s", "b"], ["r"])]
    opsets = [helper.make_opsetid("", 21)]
    square_plus = helper.make_function("custom", "SquarePlus", ["a", "b"], ["r"], body, opsets)
    nodes = [helper.make_node("SquarePlus", ["x", "x"], ["y"], domain="custom")]
    model = make_model(nodes, [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])], functions=[square_plus])
    assert str(check_import(model).outputs[0]) == "x * x + x"


def test_invalid_calls_are_refused():
    read = pel.from_onnx(make_small_model())
    with pytest.raises(pel.InputError, match=r"graph: expected 1 inputs, \[x\]. Received: 2"):
        read(1, 2)
    with pytest.raises(pel.InputError, match=r"x is float32 \(n, 3\). Received: v, which is float32 \(\?,\)"):
        read(pel.vector("v"))
    with pytest.raises(pel.InputError, match=r"graph: there is no value named 'hh'. Did you mean 'h'?"):
        read["hh"]
    assert read(np.ones((2, 3), "float32")).shape == (2, 4)


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [
        (["n", 3, 4], 1, ("n", 12)),
        (["n", 3, "m"], 2, (None, "m")),
        ([2, 3, "m", 2], 2, (6, None)),
        (["n", "m"], 0, (1, None)),
        (["n"], 1, ("n", 1)),
    ],
)
def test_flatten_with_named_sizes(shape, axis, expected):
    node = helper.make_node("Flatten", ["x"], ["y"], axis=axis)
    model = make_model([node], [("x", FLOAT, shape)], [("y", FLOAT, [None, None])])
    read = check_import(model, sizes=(("n", 3), ("m", 5)))
    assert all(b is None or a == b for a, b in zip(read.outputs[0].shape, expected, strict=True))


@pytest.mark.parametrize(
    ("node", "shapes", "what"),
    [
        (helper.make_node("Flatten", ["x"], ["y"], axis=2), [["n", 3, "h", "w"]], "the sizes from axis 2 on"),
        (helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=2), [["n", 4, "h", "w"]], "the spatial sizes"),
        (helper.make_node("GridSample", ["x", "g"], ["y"]), [["n", 4, "h", "w"], ["n", 2, 2, 2]], "the spatial sizes"),
        (helper.make_node("Split", ["x"], ["y", "z"], num_outputs=2), [["h"]], "the size of axis 0, which is split,"),
    ],
)
def test_named_sizes_that_must_be_known_are_asked_for(node, shapes, what):
    inputs = [(name, FLOAT, shape) for name, shape in zip("xg", shapes, strict=False)]
    model = make_model([node], inputs, [("y", FLOAT, [None] * len(shapes[0]))])
    if node.op_type == "Flatten":
        model = make_model([node], inputs, [("y", FLOAT, [None, None])])
    with pytest.raises(pel.OnnxError, match=rf"{what} must be known .*from_onnx: sizes=\{{'h': ...\}}"):
        pel.from_onnx(model)
    assert pel.from_onnx(model, sizes={"h": 6, "w": 6} if "w" in shapes[0] else {"h": 6}).outputs


@pytest.mark.parametrize("count", [0, 2])
def test_a_loop_without_iterations_returns_its_initial_state(count):
    kinds = [("i", INT64, []), ("c", onnx.TensorProto.BOOL, []), ("h", FLOAT, [3])]
    outputs = [("d", onnx.TensorProto.BOOL, []), ("k", FLOAT, [3])]
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Add", ["h", "h"], ["k"])],
        "body",
        [helper.make_tensor_value_info(*kind) for kind in kinds],
        [helper.make_tensor_value_info(*kind) for kind in outputs],
    )
    node = helper.make_node("Loop", ["count", "", "x"], ["y"], body=body)
    check_import(make_model([node], [("x", FLOAT, [3])], [("y", FLOAT, [3])], [("count", np.int64(count))]))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_response_normalization_over_windows_of_any_size(size):
    """Compare with ONNX's definition; ONNX Runtime computes odd sizes only."""
    node = helper.make_node("LRN", ["x"], ["y"], size=size, alpha=0.5, beta=0.6, bias=1.5)
    shape = ["n", 5, 2, 1]
    read = pel.from_onnx(make_model([node], [("x", FLOAT, shape)], [("y", FLOAT, shape)]))
    x = np.random.default_rng(0).normal(size=(3, 5, 2, 1)).astype("float32")
    windows = [slice(max(c - (size - 1) // 2, 0), c + size // 2 + 1) for c in range(5)]
    squares = np.stack([(x[:, window] ** 2).sum(axis=1) for window in windows], axis=1)
    found = pel.function(read.inputs, read.outputs[0], mode="numpy")(x)
    np.testing.assert_allclose(found, x / (1.5 + 0.5 / size * squares) ** 0.6, rtol=1e-5)
