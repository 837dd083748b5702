"""Tests of mixed precision: dtypes, values and training."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph import mixed_precision
from pellucid.graph.op_decorator import OPS
from pellucid.graph.traversal import topological


def collect_dtypes(expr):
    return {e.op.name: str(e.dtype) for e in topological([expr]) if e.op is not None and e.op.name != "cast"}


def make_network():
    x, y = pel.matrix("x", shape=("n", 8)), pel.ivector("y", shape=("n",))
    nn.set_random_seed(0)
    p = nn.Dense(3, activation="softmax")(nn.Dense(32, activation="relu")(x))
    return x, y, p, pel.losses.sparse_categorical_crossentropy(y, p).mean()


def test_products_have_low_precision_and_sums_full_precision():
    _, _, _, loss = make_network()
    found = collect_dtypes(pel.mixed_precision(loss))
    assert {name: found[name] for name in ("matmul", "relu", "add")} == dict.fromkeys(
        ("matmul", "relu", "add"), "bfloat16"
    )
    assert {name: found[name] for name in ("softmax", "log", "mean")} == dict.fromkeys(
        ("softmax", "log", "mean"), "float32"
    )
    assert pel.mixed_precision(loss).dtype == np.float32


def test_values_are_close_but_not_equal():
    x, _, p, _ = make_network()
    values = np.random.default_rng(0).normal(size=(50, 8)).astype("float32")
    exact, mixed = pel.function([x], [p, pel.mixed_precision(p)])(values)
    assert 0 < abs(exact - mixed).max() < 0.02
    assert mixed.dtype == np.float32


def test_parameters_and_gradients_keep_their_dtype_in_training():
    x, y, _, loss = make_network()
    mixed = pel.mixed_precision(loss)
    parameters = pel.parameters(mixed)
    assert all(g.dtype == np.float32 for g in pel.grad(mixed, parameters))
    assert any(str(e.dtype) == "bfloat16" for g in pel.grad(mixed, parameters) for e in topological([g]))
    step = pel.function([x, y], mixed, updates=nn.optimizers.Adam(0.01).updates(mixed))
    rng = np.random.default_rng(0)
    data = rng.normal(size=(200, 8)).astype("float32")
    labels = data[:, :3].argmax(1).astype("int32")
    history = step.repeat(200, data, labels)
    assert history[-1] < 0.3 < history[0]


def test_the_step_of_a_loop_is_rewritten_but_not_its_states():
    x = pel.tensor3("x", shape=("n", 5, 3))
    h = nn.SimpleRNN(4)(x)
    mixed = pel.mixed_precision(h)
    values = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    a, b = pel.function([x], [h, mixed])(values)
    np.testing.assert_allclose(a, b, atol=0.02)
    assert (a != b).any()
    assert mixed.dtype == np.float32


def test_accepted_dtypes():
    x = pel.matrix("x")
    assert "float16" in str(pel.mixed_precision(x @ x, "float16"))
    with pytest.raises(pel.DtypeError, match=r"of 16 bits, 'bfloat16' or 'float16'\. Received: dtype='float32'"):
        pel.mixed_precision(x @ x, "float32")


def test_several_expressions_are_rewritten_together():
    _, _, p, loss = make_network()
    first, second = pel.mixed_precision([p, loss])
    assert first is pel.mixed_precision(p)
    assert second is pel.mixed_precision(loss)


def test_integers_and_conditions_are_unchanged():
    x, i = pel.matrix("x", shape=("n", 3)), pel.ivector("i", shape=("n",))
    e = pel.where(i > 0, (x @ x.T).sum(1), 0.0)
    assert pel.mixed_precision(e).dtype == np.float32
    assert pel.mixed_precision(i + 1) is i + 1


def test_every_name_in_the_tables_is_an_op():
    assert set(OPS) >= (mixed_precision.PRODUCTS | mixed_precision.FOLLOWERS | mixed_precision.DECOMPOSED)


def test_attention_and_transposed_convolutions_have_low_precision():
    x, image = pel.tensor3("x", shape=("n", 5, 4)), pel.tensor4("image", shape=("n", 4, 4, 2))
    found = collect_dtypes(pel.mixed_precision(nn.MultiHeadAttention(2, 3)(x, x)))
    assert (found["sum_of_products"], found["softmax"]) == ("bfloat16", "float32")
    assert not set(found) & mixed_precision.DECOMPOSED
    assert collect_dtypes(pel.mixed_precision(nn.Conv2DTranspose(2, 2)(image)))["conv_transpose"] == "bfloat16"


def test_means_are_subtracted_in_full_precision():
    x = pel.matrix("x", shape=("n", 3))
    normal = nn.BatchNormalization(scale=False, center=False, epsilon=1e-6)
    y = pel.inference(normal(nn.Dense(1, use_bias=False, kernel_initializer="ones")(x)))
    normal.moving_mean.set_value([1000.0])
    value = pel.function([x], pel.mixed_precision(y))([[500.0, 504.0, 0.0]])
    assert value == pytest.approx(4, rel=0.01)  # bfloat16 can represent 500, 504 and 1004


@pytest.mark.parametrize(
    ("dtype", "scale", "limit"), [("bfloat16", None, 0.02), ("float16", None, 1), ("float16", 2.0**15, 0.01)]
)
def test_loss_scaling_keeps_small_gradients_in_float16(dtype, scale, limit):
    rng = np.random.default_rng(0)
    x, t = pel.matrix("x", shape=("n", 8)), pel.matrix("t", shape=("n", 1))
    hidden, out = nn.Dense(16, activation="tanh", kernel_initializer="zeros"), nn.Dense(1)
    loss = 1e-6 * ((out(hidden(x)) - t) ** 2).mean()
    steps = []
    for cost, factor in ((loss, None), (pel.mixed_precision(loss, dtype), scale)):
        steps.append(nn.optimizers.SGD(1.0, loss_scale_factor=factor).updates(cost)[hidden.kernel])
    exact, found = pel.function([x, t], steps)(*(rng.normal(size=(64, k)).astype("float32") for k in (8, 1)))
    error = abs(found - exact).max() / abs(exact).max()
    assert error < limit if limit < 1 else error > 0.5
    assert ((found == 0).mean() > 0.5) == (limit == 1)


@pytest.mark.slow
def test_a_network_with_every_kind_of_product_trains():
    nn.set_random_seed(0)
    x, y = pel.tensor4("x", shape=("n", 8, 8, 3)), pel.ivector("y", shape=("n",))
    h = nn.MaxPooling2D()(nn.BatchNormalization()(nn.Conv2D(8, 3, activation="relu")(x)))
    h = nn.Reshape((9, 8))(h)
    h = nn.LSTM(6)(nn.LayerNormalization()(h + nn.MultiHeadAttention(2, 4)(h, h)))
    p = nn.Dense(3, activation="softmax")(nn.Dropout(0.1)(h))
    mixed = pel.mixed_precision(pel.losses.sparse_categorical_crossentropy(y, p).mean())
    updates = nn.optimizers.Adam(0.01).updates(mixed)
    assert not [p for p in updates if str(p.dtype) == "bfloat16"]
    images = np.random.default_rng(0).normal(size=(32, 8, 8, 3)).astype("float32")
    history = pel.function([x, y], mixed, updates=updates).repeat(150, images, images.mean((1, 2)).argmax(1))
    assert history[-1] < 0.3 < history[0]
