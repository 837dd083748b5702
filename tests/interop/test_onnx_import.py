"""ONNX files read: as formulas, to be differentiated, trained further and exported again."""

import numpy as np
import pytest
from onnx import helper
from tests_of_onnx import FLOAT, INT64, model_of, session, small, values_for

import pellucid as pel
from pellucid import nn

PREVIEW = "ai.onnx.preview.training"


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


def test_a_part_of_a_file_becomes_a_model_that_is_fitted():
    body = pel.from_onnx(small())
    model = pel.Model(body.inputs, nn.Dense(2, activation="softmax")(body["h"]), name="transferred")
    model.compile(pel.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(0).normal(size=(96, 3)).astype("float32")
    model.fit(x, (x[:, 0] > 0).astype("int32"), epochs=15, verbose=0)
    assert model.history.history["accuracy"][-1] > 0.9
    read = pel.from_onnx(pel.to_onnx(model))
    assert set(read.parameters) == {"W", "b", "dense/kernel", "dense/bias"}
    f = pel.function(read.inputs, read.outputs[0], mode="numpy")
    np.testing.assert_allclose(f(x), model.predict(x), rtol=1e-5, atol=1e-5)


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
    with pytest.raises(pel.OnnxError, match=r"the result depends on the input 'shape'.*values=\{'shape'"):
        pel.from_onnx(model)
    read = pel.from_onnx(model, values={"shape": [-1, 3]}, sizes={"n": 4})
    assert [i.name for i in read.inputs] == ["x"]
    assert read.outputs[0].shape == (8, 3)
    with pytest.raises(pel.InputError, match=r"there is no input named 'shap'. Did you mean 'shape'?"):
        pel.from_onnx(model, values={"shap": [1]})
    with pytest.raises(pel.InputError, match="there is no size named 'm'"):
        pel.from_onnx(model, sizes={"m": 1})


def test_sequences_of_known_length_are_taken_apart():
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
    carried = {"one": np.int64(1), "two": np.int64(2)}.items()
    model = model_of(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 4]), ("count", INT64, [])], carried)
    assert str(same_as_runtime(model).outputs[1]) == "3"
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_sequence_value_info("parts", FLOAT, ["n"]))
    with pytest.raises(pel.OnnxError, match="the output 'parts' is a sequence of tensors"):
        pel.from_onnx(model)


def test_a_gradient_in_a_file_is_a_gradient():
    nodes = [
        helper.make_node("Mul", ["a", "b"], ["c"]),
        helper.make_node("Gradient", ["a", "b"], ["da", "db"], domain=PREVIEW, xs=["a", "b"], y="c"),
    ]
    shapes = [(name, FLOAT, ["n"]) for name in ("a", "b", "c", "da", "db")]
    model = model_of(nodes, shapes[:2], shapes[2:])
    model.opset_import.append(helper.make_opsetid(PREVIEW, 1))
    read = pel.from_onnx(model)
    assert list(map(str, read.outputs)) == ["a * b", "b", "a"]


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


def test_calls_that_do_not_fit_are_refused():
    read = pel.from_onnx(small())
    with pytest.raises(pel.InputError, match=r"graph: expected 1 inputs, \[x\]. Received: 2"):
        read(1, 2)
    with pytest.raises(pel.InputError, match=r"x is float32 \(n, 3\). Received: v, which is float32 \(\?,\)"):
        read(pel.vector("v"))
    with pytest.raises(pel.InputError, match=r"graph: there is no value named 'hh'. Did you mean 'h'?"):
        read["hh"]
    assert read(np.ones((2, 3), "float32")).shape == (2, 4)
