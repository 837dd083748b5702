"""Export of models and expressions to ONNX: the course's networks, names, sizes, loops, and errors."""

import numpy as np
import pytest
from onnx_models import load_in_runtime, onnx
from test_onnx_layers import check_export

import pellucid as pel
from pellucid import nn

KINDS = ("kernel", "bias")


def get_op_types(model):
    return [node.op_type for node in model.graph.node if node.op_type != "Constant"]


def make_moons_network():
    rng = np.random.default_rng(0)
    X = pel.matrix("X", shape=("n", 2))
    W1, b1 = pel.shared(rng.normal(size=(2, 3)).astype("float32"), "W1"), pel.shared([0.0, 0.1, 0.2], "b1")
    W2, b2 = pel.shared(rng.normal(size=(3, 2)).astype("float32"), "W2"), pel.shared([0.0, 0.1], "b2")
    return X, pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)


def test_a_network_of_formulas():
    X, p = make_moons_network()
    model = check_export(p, [X])
    assert get_op_types(model) == ["MatMul", "Add", "Tanh", "MatMul", "Add", "Softmax"]
    assert {t.name for t in model.graph.initializer} == {"W1", "b1", "W2", "b2"}


def test_an_image_network_from_bytes_to_classes():
    x = pel.tensor("x", ("n", 32, 32, 3), "uint8")
    h = nn.Conv2D(8, 3, activation="leaky_relu")(pel.cast(x) / 127.5 - 1)
    h = nn.MaxPooling2D(3, strides=2)(nn.Conv2D(4, 3, activation="leaky_relu")(h))
    h = nn.Dense(16, activation="leaky_relu", kernel_initializer="orthogonal")(nn.Dropout(0.5)(nn.Flatten()(h)))
    p = nn.Dense(3, activation="softmax")(nn.Dropout(0.5)(h))
    check_export([p, p.argmax(-1)], [x])


def test_a_sequential_model():
    layers = [nn.Input((12,)), nn.Dense(7, activation="relu"), nn.Dense(4, activation="relu")]
    model = pel.Sequential([*layers, nn.Dense(2, activation="softmax")], name="cats")
    written = pel.to_onnx(model)
    x = np.random.default_rng(0).normal(size=(5, 12)).astype("float32")
    (found,) = load_in_runtime(written).run(None, {written.graph.input[0].name: x})
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-5, atol=1e-5)
    assert written.graph.name == "cats"
    assert {t.name for t in written.graph.initializer} == {f"dense{i}/{p}" for i in ("", "_1", "_2") for p in KINDS}


def test_the_export_method(tmp_path):
    model = pel.Sequential([nn.Input((3,)), nn.Dense(2)], name="line")
    model.export(tmp_path / "line.onnx", description="A line.")
    assert onnx.load(tmp_path / "line.onnx").doc_string == "A line."
    with pytest.raises(pel.ModelError, match=r"line: expected format='onnx' or 'keras'. Received: format='tflite'"):
        model.export(tmp_path / "line.onnx", format="tflite")


def test_a_recurrent_network():
    bits = pel.tensor3("bits", shape=("n", "t", 2))
    check_export(nn.Dense(1, activation="sigmoid")(nn.SimpleRNN(8, return_sequences=True)(bits)), [bits])


def test_several_inputs_and_outputs_and_a_shared_layer():
    a, b = pel.matrix("a", shape=("n", 4)), pel.matrix("b", shape=("n", 4))
    shared = nn.Dense(3, activation="tanh", name="tower")
    first, second = shared(a), shared(b)
    model = check_export([first - second, (first * second).sum(-1)], [a, b])
    assert [t.name for t in model.graph.initializer] == ["tower/kernel", "tower/bias"]


def test_gradients_are_exported():
    x = pel.tensor4("x", shape=("n", 6, 6, 2))
    h = nn.MaxPooling2D(2)(nn.Conv2D(3, 3, strides=2, padding="same", activation="relu")(x))
    kernel = pel.parameters(h)[0]
    check_export(pel.grad((h**2).sum(), [x, kernel]), [x], tolerance=1e-4)


def test_loops_and_branches():
    x, c = pel.vector("x", shape=("t",)), pel.scalar("c")
    check_export(pel.scan(lambda x_t, h: c * h + x_t, x, 0.0, reverse=True), [x, c])
    check_export(pel.scan(lambda h: c * h, init=c, length=4), [c])
    check_export(pel.cond(c > 0, lambda: pel.sqrt(c), lambda: -c), [c])
    check_export(pel.while_loop(lambda h: h < 100, lambda h: 2 * h + 1, pel.abs(c)), [c])
    nested = pel.scan(lambda x_t, h: pel.cond(h > 1, lambda: h * x_t, lambda: h + c), x, 0.0)
    check_export(nested, [x, c])


def test_sizes_types_names_and_metadata():
    x = pel.tensor("x", ("n", None, 3), "float64")
    y = pel.named("y", x * np.float64(2))
    model = pel.to_onnx([y, (x > 0).any(axis=-1)], inputs=[x], name="doubled", description="Twice as much.")
    (graph_input,) = model.graph.input
    assert graph_input.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    assert [(d.dim_param, d.dim_value) for d in graph_input.type.tensor_type.shape.dim] == [("n", 0), ("", 0), ("", 3)]
    assert [o.name for o in model.graph.output] == ["output_0", "output_1"]
    assert model.graph.output[1].type.tensor_type.elem_type == onnx.TensorProto.BOOL
    assert (model.producer_name, model.producer_version) == ("pellucid", pel.__version__)
    assert (model.graph.name, model.doc_string) == ("doubled", "Twice as much.")
    assert pel.to_onnx(y).graph.output[0].name == "y"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "uint8", "int64", "bool"])
def test_other_types_are_kept(dtype):
    x = pel.tensor("x", ("n",), dtype)
    (output,) = pel.to_onnx(x[::-1], inputs=[x]).graph.output
    assert output.type.tensor_type.elem_type == getattr(onnx.TensorProto, dtype.upper().removesuffix("32"))


def test_node_names_contain_the_layer():
    x = pel.matrix("x", shape=("n", 3))
    model = pel.to_onnx(nn.Dense(2, activation="relu", name="hidden")(x))
    assert [node.name for node in model.graph.node] == ["hidden/MatMul", "hidden/Add", "hidden/Relu"]


def test_inputs_as_outputs_and_repeated_outputs():
    x = pel.matrix("x", shape=("n", 3))
    y = pel.tanh(x)
    check_export([x, y, y, y + 1, pel.constant([1.0, 2.0])], [x])


def test_a_file_is_written_atomically(tmp_path):
    path = tmp_path / "new" / "moons.onnx"
    exported = pel.to_onnx(make_moons_network()[1], path)
    assert onnx.load(path) == exported
    assert [f.name for f in path.parent.iterdir()] == ["moons.onnx"]


def test_the_inference_form_is_exported():
    x = pel.matrix("x", shape=("n", 4))
    model = check_export(nn.BatchNormalization()(nn.Dropout(0.5)(x)), [x])
    assert get_op_types(model) == ["BatchNormalization"]
    tags = {t.name.rpartition("/")[2]: t.metadata_props[0].value for t in model.graph.initializer}
    assert tags == {"gamma": "true", "beta": "true", "moving_mean": "false", "moving_variance": "false"}


def test_composite_ops_are_expanded():
    @pel.composite()
    def twice_of_this_test(x):
        return 2 * pel.tanh(x)

    x = pel.vector("x", shape=("n",))
    assert get_op_types(check_export(twice_of_this_test(x), [x])) == ["Tanh", "Mul"]


def test_unsupported_exports_are_refused(tmp_path):
    x, y, rng = pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3)), pel.random.Generator(0)
    with pytest.raises(pel.OnnxError, match=r"random_normal cannot be exported, written at .*ONNX cannot reproduce"):
        pel.to_onnx(x + rng.normal(size=(3,)))
    with pytest.raises(pel.OnnxError, match=r"inv cannot be exported, .*ONNX has no matrix factorizations"):
        pel.to_onnx(pel.linalg.inv(pel.matrix("A", shape=(3, 3))))
    with pytest.raises(pel.OnnxError, match=r"the outputs depend on y too. Add it to inputs=\[...\]"):
        pel.to_onnx(x + y, inputs=[x])
    with pytest.raises(pel.OnnxError, match=r"expected a path that ends in \.onnx. Received: .*model.txt"):
        pel.to_onnx(x + y, tmp_path / "model.txt")
    with pytest.raises(pel.UseError, match=r"expected a model, an expression, or several of them\. Received: 3"):
        pel.to_onnx(3)
    with pytest.raises(pel.UseError, match=r"expected expressions\. Received: 'x', a str"):
        pel.to_onnx(["x"])
    with pytest.raises(pel.UseError, match=r"expected inputs such as pel\.vector.*Received: x \+ y"):
        pel.to_onnx(x + y, inputs=[x + y])
    with pytest.raises(pel.ModelError, match="is not built"):
        pel.to_onnx(pel.Sequential([nn.Dense(2)]))


@pytest.mark.parametrize(
    "build",
    [
        lambda x, n: x[: n // 2] * 1.0,
        lambda x, n: x[n // 2 :: 2] * 1.0,
        lambda x, n: x[-(n // 3) :] * 1.0,
        lambda x, n: pel.arange(2 * n - 1, -1, -3) * 1.0,
        lambda x, n: x.reshape(n * 2, -1) * 1.0,
        lambda x, n: pel.eye(n) @ x,
        lambda x, n: pel.repeat(x, n % 3 + 1, axis=0) * 1.0,
        lambda x, n: x * pel.ones(n.maximum(3).minimum(4)).sum(),
    ],
)
def test_computed_sizes(build):
    x = pel.matrix("x", shape=("n", 6))
    e = build(x, x.shape[0])
    session, f = load_in_runtime(pel.to_onnx(e)), pel.function([x], e, mode="numpy")
    for length in (1, 2, 5):
        value = np.random.default_rng(length).normal(size=(length, 6)).astype("float32")
        [found] = session.run(None, {"x": value})
        np.testing.assert_allclose(found, f(value), rtol=1e-6)


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "wrap"])
def test_padding_as_wide_as_an_axis_and_wider(mode):
    x = pel.matrix("x", shape=("n", 3))
    check_export([pel.pad(x, ((0, 0), (before, 1)), mode=mode) for before in (1, 2, 3, 4)], [x])
