"""Which loops are compiled as C: the limits of their sizes."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.evaluate import evaluate
from pellucid.run.native import product_limit, program
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import NotNative
from pellucid.run.native.product_limit import count_summands

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def attend(x):
    return nn.MultiHeadAttention(2, x.shape[-1] // 2)(x, x)


class Decision(Exception):
    """Ends training where it is known whether a loop is compiled as C, before anything is compiled."""


def is_compiled_as_c(layers, shape, batch, monkeypatch):
    def decide(is_c):
        def stop(*args, **options):
            raise Decision(is_c)

        return stop

    monkeypatch.setattr(program, "load_library", decide(True))
    monkeypatch.setattr(program.AutoProgram, "replace_loop", decide(False))
    h = inputs = nn.Input(shape)
    for layer in [*layers, nn.Dense(2)]:
        h = layer(h)
    model = pel.Model(inputs, h)
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(2 * batch, *each)).astype("float32") for each in (shape, (2,)))
    with pytest.raises(Decision) as decision:
        model.fit(x, y, batch_size=batch, verbose=0)
    return decision.value.args[0]


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("layers", "shape", "batch", "expected"),
    [
        pytest.param([nn.Dense(64), nn.Dense(64), nn.Dense(64)], (8,), 128, True, id="small weights"),
        pytest.param([nn.Dense(128), nn.Dense(128)], (8,), 64, False, id="large weights"),
        pytest.param([nn.Dense(128), nn.Dense(128)], (8,), 8, True, id="large weights, few operations"),
        pytest.param([nn.Conv2D(16, 3), nn.Flatten()], (12, 12, 3), 64, False, id="convolution"),
        pytest.param([nn.Dense(16), nn.Dense(16), nn.Dense(16)], (8,), 4096, True, id="small weights, many samples"),
        pytest.param([nn.Dense(64), nn.Dense(64), nn.Dense(64)], (8,), 4096, False, id="too many operations"),
        pytest.param([nn.Dense(1)], (1500,), 100, True, id="wide samples"),
        pytest.param([nn.Dense(1)], (1500,), 1000, False, id="many wide samples"),
        pytest.param([nn.Dense(32), attend, nn.Flatten()], (60, 8), 20, False, id="attention"),
        pytest.param([nn.Dense(8), attend, nn.Flatten()], (4, 4), 8, True, id="small attention"),
    ],
)
def test_large_products_are_c_only_in_dense_networks_with_small_weights(monkeypatch, layers, shape, batch, expected):
    assert is_compiled_as_c(layers, shape, batch, monkeypatch) == expected


def test_operations_of_products_are_limited():
    x, w = pel.matrix("x", shape=("n", 7)), pel.matrix("w", shape=(7, 3))
    images = pel.tensor4("images", shape=("n", 8, 9, 4))
    assert count_summands(x @ w) == 7
    assert count_summands(pel.conv(images, np.ones((3, 2, 4, 5), "float32"))) == 3 * 2 * 4
    assert count_summands(pel.tanh(x)) == 0

    def multiply(limit):
        with product_limit.limit_products(limit):
            evaluate(np, [x @ w], {x: np.ones((5, 7), "float32"), w: np.ones((7, 3), "float32")})

    multiply(2 * 5 * 7 * 3)
    with pytest.raises(NotNative, match="its matrix products take 210 operations per step"):
        multiply(2 * 5 * 7 * 3 - 1)


def test_a_step_is_not_traced_beyond_its_limit(monkeypatch):
    x, kernel = pel.tensor4("x", shape=("n", 32, 32, 8)), pel.shared(np.ones((3, 3, 8, 32), "float32"), "kernel")
    traced = []
    monkeypatch.setattr(product_limit, "count_summands", lambda e: traced.append(e.op.name) or count_summands(e))
    loss = pel.tanh(pel.conv(x, kernel)).mean()
    step = pel.function([x], loss, updates={kernel: kernel - 0.1 * pel.grad(loss, kernel)})
    step.repeat(2, np.ones((4, 32, 32, 8), "float32"))
    assert traced[-1] == "conv"
    assert "tanh" not in traced
    assert any(name.startswith("XLA") for names in step.backend.backends.values() for name in names)


def test_products_of_small_steps_are_traced_to_the_end(monkeypatch):
    operations = []
    check = program.check_products
    monkeypatch.setattr(program, "check_products", lambda block, limit: operations.append(limit) or check(block, limit))
    assert is_compiled_as_c([nn.Dense(16)], (8,), 8, monkeypatch)
    assert operations
