"""Operations of layers, forward and backward: by hand, and as XLA counts them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.jax_runtime import x64
from pellucid.run.profile import PreparedProgram
from pellucid.show.costs.costs import count_program_cost

BATCH = 8
IMAGE, SEQUENCE = (20, 20, 8), (10, 16)


def make_function(layer: nn.Layer, shape: tuple[int, ...], backward: bool) -> tuple[pel.Function, list[Any]]:
    """Return the forward pass of a layer, or both passes, and its arguments."""
    dtype = "int32" if isinstance(layer, nn.Embedding) else "float32"
    x = pel.tensor("x", shape=("n", *shape), dtype=dtype)
    y = layer([x, x]) if isinstance(layer, nn.MultiHeadAttention) else layer(x)
    values = np.ones((BATCH, *shape), dtype)
    forward = pel.function([x], y)
    if not backward:
        return forward, [values]
    g = pel.tensor("g", shape=y.shape)
    wanted = [*([x] if dtype == "float32" else []), *(p for p in layer.parameters if p.trainable)]
    gradients = pel.grad(None, wanted, known_grads={y: g})
    return pel.function([x, g], [y, *gradients], on_unused_input="ignore"), [values, np.ones_like(forward(values))]


def count_ops(layer: nn.Layer, shape: tuple[int, ...], backward: bool = True) -> Counter[str]:
    f, args = make_function(layer, shape, backward)
    found: Counter[str] = Counter()
    for row in count_program_cost(f.program, [a.shape for a in args]):
        assert row.expr.op is not None
        found[row.expr.op.name] += row.operations
    return found


def test_dense_layers_have_three_products() -> None:
    assert count_ops(nn.Dense(64), (32,))["matmul"] == 3 * (2 * BATCH * 32 * 64)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("layer", "multiplications"),
    [
        (nn.Conv2D(16, 3, padding="valid"), 18 * 18 * 16 * (9 * 8)),
        (nn.Conv2D(16, 3, strides=2, padding="valid"), 9 * 9 * 16 * (9 * 8)),
        (nn.Conv2D(16, 3, groups=4, padding="valid"), 18 * 18 * 16 * (9 * 2)),
        (nn.Conv2D(16, 3, dilation_rate=2, padding="valid"), 16 * 16 * 16 * (9 * 8)),
        (nn.DepthwiseConv2D(3, padding="valid"), 18 * 18 * 8 * 9),
        (nn.Conv2D(16, 1), 20 * 20 * 16 * 8),
    ],
    ids=["plain", "strided", "grouped", "dilated", "depthwise", "pointwise"],
)
def test_convolutions_multiply_a_window_for_each_place(layer: nn.Layer, multiplications: int) -> None:
    found = count_ops(layer, IMAGE)
    names = ("conv", "conv_input_gradient", "conv_kernel_gradient")
    assert [found[name] for name in names] == [2 * BATCH * multiplications] * 3


def test_transposed_convolutions_multiply_a_window_for_each_input() -> None:
    found = count_ops(nn.Conv2DTranspose(16, 3, strides=2), (10, 10, 8))
    names = ("conv_transpose", "conv", "conv_kernel_gradient")
    assert [found[name] for name in names] == [2 * BATCH * 10 * 10 * 8 * 9 * 16] * 3


def test_pooling_counts_the_elements_of_windows() -> None:
    found = count_ops(nn.MaxPooling2D(2), IMAGE)
    assert (found["max_pool"], found["max_pool_gradient"]) == (BATCH * 400 * 8, 3 * BATCH * 400 * 8)
    assert count_ops(nn.AveragePooling2D(2), IMAGE, False)["sum_pool"] == BATCH * 400 * 8


def test_a_recurrent_layer_counts_every_step() -> None:
    """One product of all inputs, and in each step one with the state; backward both and their weights' gradients."""
    steps, inputs, units = *SEQUENCE, 32
    for layer, gates in ((nn.LSTM(units), 4), (nn.SimpleRNN(units), 1)):
        product, step = 2 * BATCH * steps * inputs * gates * units, 2 * BATCH * units * gates * units
        forward, both = count_ops(layer, SEQUENCE, False), count_ops(layer, SEQUENCE)
        assert forward["matmul"] == product
        assert steps * step < forward["scan_loop"] < 1.3 * steps * step
        total = both["matmul"] + both["scan_loop"]
        assert 3 * (product + steps * step) < total < 1.3 * 3 * (product + steps * step)


def test_embeddings_only_add_gradients() -> None:
    found = count_ops(nn.Embedding(100, 32), (20,))
    assert +found == {"add_at": BATCH * 20 * 32}
    assert "gather" in found


def test_attention_counts_its_products() -> None:
    heads, size, length, features = 4, 8, 12, 32
    found = count_ops(nn.MultiHeadAttention(heads, size), (length, features), backward=False)
    assert found["sum_of_products"] == 4 * 2 * BATCH * length * features * heads * size
    products = 2 * BATCH * heads * length * length * size
    assert found["attention_output"] == products
    assert products < found["attention_weights"] < 2 * products


@pytest.mark.sample(2)
@pytest.mark.parametrize("backward", [pytest.param(False, marks=pytest.mark.slow), True], ids=["forward", "both"])
@pytest.mark.parametrize(
    ("layer", "shape", "tolerance"),
    [
        (lambda: nn.Dense(64), (32,), 0.01),
        (lambda: nn.Conv2D(16, 3, strides=2, padding="valid"), (21, 21, 8), 0.01),
        (lambda: nn.Conv2D(16, 3, groups=4, padding="valid"), IMAGE, 0.01),
        (lambda: nn.DepthwiseConv2D(3, padding="valid"), IMAGE, 0.06),  # XLA fuses the bias
        (lambda: nn.Conv2DTranspose(16, 3, strides=2), (10, 10, 8), 0.01),
        (lambda: nn.BatchNormalization(), IMAGE, 0.26),
        (lambda: nn.LayerNormalization(), SEQUENCE, 0.26),
        (lambda: nn.MultiHeadAttention(4, 8), (12, 32), 0.06),
    ],
    ids=["dense", "strided", "grouped", "depthwise", "transposed", "batchnorm", "layernorm", "attention"],
)
def test_xla_counts_the_same(
    layer: Any, shape: tuple[int, ...], tolerance: float, backward: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PELLUCID_KERNELS", "0")  # XLA does not look into calls of C kernels
    f, args = make_function(layer(), shape, backward)
    ours = count_program_cost(f.program, [a.shape for a in args]).operations
    with x64():
        theirs = PreparedProgram(f.program, f.bind_arguments(args, {})).compiled.cost_analysis()["flops"]
    assert ours == pytest.approx(theirs, rel=tolerance)


def test_shapes_of_arguments_give_named_and_unnamed_sizes() -> None:
    x, y = pel.matrix("x", shape=("n", 3)), pel.vector("y")
    f = pel.function([x, y], [x * 2, y + 1])
    cost = count_program_cost(f.program, [(5, 3), (7,)])
    assert (cost.operations, cost.work.operations) == (15 + 7, 15 + 7)
    assert cost.work.moved == 2 * 4 * (15 + 7)
