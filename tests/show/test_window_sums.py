"""Gradients of convolutions and pooling are written as the sums over windows that they are."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.op import OPS
from pellucid.show.formulas.window_sums import choose_letters, write_input_gradient, write_kernel_gradient

Array = np.ndarray[Any, Any]

CASES = [
    pytest.param((2, 7, 2), (3, 2, 4), {}, id="1D"),
    pytest.param((2, 7, 2), (3, 2, 4), {"padding": "causal", "dilation": 2}, id="causal"),
    pytest.param((2, 6, 5, 3), (3, 2, 3, 2), {}, id="2D"),
    pytest.param((2, 6, 5, 3), (3, 2, 3, 2), {"strides": (2, 1), "padding": "same"}, id="strides"),
    pytest.param((2, 7, 6, 1), (2, 2, 1, 2), {"strides": 3, "padding": ((1, 0), (0, 2))}, id="unused end"),
    pytest.param((2, 7, 8, 2), (2, 3, 2, 2), {"strides": 2, "dilation": (1, 2), "padding": 1}, id="all settings"),
    pytest.param((2, 4, 5, 4, 1), (2, 3, 2, 1, 2), {"padding": 1}, id="3D"),
]


def make_gradients(x_shape: Any, w_shape: Any, settings: Any) -> Any:
    """Return a convolution, the gradients of its input and kernel, and values of the input, kernel and gradient."""
    rng = np.random.default_rng(1)
    x, w = pel.tensor("x", x_shape, "float64"), pel.tensor("w", w_shape, "float64")
    y = pel.conv(x, w, **settings)
    g = pel.tensor("g", y.shape, "float64")
    pair = [OPS[name] for name in ("conv_input_gradient", "conv_kernel_gradient")]
    gradients = [pair[0].make((g, w, x), y.settings), pair[1].make((x, g, w), y.settings)]
    return y, gradients, {"x": rng.normal(size=x_shape), "w": rng.normal(size=w_shape), "g": rng.normal(size=y.shape)}


def correlate(a: Array, b: Array, contract: str, padding: Any = 0, strides: Any = 1, dilation: Any = 1) -> Array:
    """Slide b over a. The letters of a, b and the result in ``contract`` are those of the axes that do not slide."""
    axes = a.ndim - 2
    pairs = np.broadcast_to(np.asarray(padding), (axes, 2))
    strides, dilation = (np.broadcast_to(np.asarray(value), axes) for value in (strides, dilation))
    a = np.pad(a, [(0, 0), *[(max(low, 0), max(high, 0)) for low, high in pairs], (0, 0)])
    # A negative padding removes elements that no window reaches.
    a = a[
        (
            slice(None),
            *[slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in zip(a.shape[1:], pairs, strict=False)],
        )
    ]
    window = b.shape[1:-1]
    counts = [
        (n - (k - 1) * r - 1) // s + 1 for n, k, s, r in zip(a.shape[1:-1], window, strides, dilation, strict=True)
    ]
    result: Any = 0
    for position in itertools.product(*map(range, window)):
        part = [
            slice(k * r, k * r + (n - 1) * s + 1, s)
            for k, r, n, s in zip(position, dilation, counts, strides, strict=True)
        ]
        result = result + np.einsum(
            contract, a[(slice(None), *part, slice(None))], b[(slice(None), *position, slice(None))]
        )
    return result


def dilate(g: Array, steps: Any) -> Array:
    steps = np.broadcast_to(np.asarray(steps), g.ndim - 2)
    wide = [(n - 1) * s + 1 for n, s in zip(g.shape[1:-1], steps, strict=True)]
    result = np.zeros((g.shape[0], *wide, g.shape[-1]))
    result[(slice(None), *[slice(None, None, s) for s in steps], slice(None))] = g
    return result


@pytest.mark.sample(2)
@pytest.mark.parametrize(("x_shape", "w_shape", "settings"), CASES)
def test_the_cross_correlation_in_the_text_is_the_gradient(x_shape: Any, w_shape: Any, settings: Any) -> None:
    _, (by_input, by_kernel), values = make_gradients(x_shape, w_shape, settings)
    letters = "pqr"[: len(x_shape) - 2]
    scope = {**values, "dilate": dilate}

    # The kernel's axes are (window, in, out): the flipped kernel gives its channels in, and the sum is over those out.
    def flip(w: Array) -> Array:
        return np.moveaxis(np.flip(w, tuple(range(w.ndim - 2))), -1, 0)

    slide = lambda a, b, **options: correlate(a, b, f"n{letters}c,cd->n{letters}d", **options)  # noqa: E731
    found = eval(str(by_input), {**scope, "flip": flip, "correlate": slide})
    np.testing.assert_allclose(found, by_input.eval(values), rtol=1e-9, atol=1e-12)
    assert "flip(w)" in str(by_input)

    slide = lambda a, b, **options: correlate(a, b, f"n{letters}d,nc->{letters}dc", **options)  # noqa: E731
    found = eval(str(by_kernel), {**scope, "correlate": slide})
    np.testing.assert_allclose(found, by_kernel.eval(values), rtol=1e-9, atol=1e-12)


@pytest.mark.sample(2)
@pytest.mark.parametrize(("x_shape", "w_shape", "settings"), CASES)
def test_the_sums_over_windows_are_the_gradients(x_shape: Any, w_shape: Any, settings: Any) -> None:
    y, gradients, values = make_gradients(x_shape, w_shape, settings)
    letters = choose_letters(len(x_shape) - 2)
    sizes = dict(zip((letters.sample, *letters.window, letters.channel_out), y.shape, strict=True))
    sizes |= dict(zip((*letters.position, letters.channel_in), w_shape, strict=False))
    for gradient, write in zip(gradients, (write_input_gradient, write_kernel_gradient), strict=True):
        expected = gradient.eval(values)
        for index in np.random.default_rng(0).permutation(list(np.ndindex(expected.shape)))[:5]:
            one = write(y.settings, letters, tuple(map(str, index)))
            total = 0.0
            for place in itertools.product(*(range(sizes[letter]) for letter in one.over)):
                scope = dict(zip(one.over, place, strict=True))
                if all(
                    eval(c.replace("=", "=="), scope)
                    for c in re.findall(r"(?:with|and) ([^,]*?)(?= and|$)", one.condition)
                ):
                    total += np.prod([look_up(values[role], at, scope) for role, at in one.factors])
            assert total == pytest.approx(expected[tuple(index)])


def look_up(array: Array, index: Any, scope: dict[str, int]) -> float:
    """Return an element, 0 outside of the array."""
    at = tuple(eval(part, dict(scope)) for part in index)
    is_inside = all(0 <= i < size for i, size in zip(at, array.shape, strict=True))
    return float(array[at]) if is_inside else 0.0


def test_a_gradient_of_unknown_size_is_padded_as_far_as_the_input_needs() -> None:
    x, w = pel.tensor4("x", shape=("n", "h", "h", 1)), pel.tensor4("w", shape=(3, 3, 1, 2))
    assert "correlate(dilate(" in str(pel.grad(pel.conv(x, w, strides=2).sum(), x))
    assert "flip(w), padding=(2, ...))" in str(pel.grad(pel.conv(x, w, strides=2).sum(), x))
    assert str(pel.grad(pel.conv(x, w, strides=2).sum(), w)).endswith("dilation=2)[:3, :3]")


def test_latex_of_gradients() -> None:
    x, w = pel.tensor4("x", shape=("n", 8, 8, 1)), pel.tensor4("W", shape=(3, 3, 1, 2))
    g = pel.tensor4("g", shape=("n", 4, 4, 2))
    y = pel.conv(x, w, strides=2, padding="same")
    by_kernel, by_input = pel.grad((y * g).sum(), [w, x])
    assert pel.latex(y) == r"W \ast_{\text{padding (0, 1), strides 2}} x"
    assert pel.latex(by_kernel) == r"\sum_{n} g \ast_{\text{dilation 2, padding (0, 1)}} x"
    assert pel.latex(by_input) == r"\operatorname{flip}(W) \ast_{\text{padding (2, 1)}} \operatorname{dilate}_{2}(g)"


@pytest.mark.parametrize("pool", [pel.max_pool, pel.average_pool], ids=["max", "average"])
def test_no_gradient_shows_an_internal_name(pool: Any) -> None:
    x, w = pel.tensor4("x", shape=("n", 8, 8, 2)), pel.shared(np.ones((3, 3, 1, 2)), "W")
    cost = pool(pel.relu(pel.conv(x, w, groups=2)), 2).sum()
    derivation = pel.derive(cost, [w, x])
    inner = pel.grad(pel.square(pel.grad(cost, x)).sum(), w, disconnected="zero")
    for written in (str(derivation), derivation.latex(), derivation.html(), str(inner), pel.latex(inner)):
        assert not re.search(r"(conv|pool)\\?_(input|kernel)?\\?_?(gradient|choose)|patches", written)


def test_a_derivation_says_what_the_sums_are() -> None:
    x, w = pel.tensor4("x", shape=("n", 8, 8, 2)), pel.shared(np.ones((3, 3, 2, 2), "float32"), "W")
    written = str(pel.derive((pel.max_pool(pel.conv(x, w), 2) ** 2).sum(), [w, x]))
    assert "W_bar = correlate(x, z_bar)" in written
    assert "x_bar = correlate(z_bar, flip(W), padding=2)" in written
    assert "V_bar[k, l, d, c] = sum over n, i, j of Y[n, i + k, j + l, d] * A_bar[n, i, j, c]" in written
    assert "Y_bar[n, a, b, d] = sum over k, l, c of A_bar[n, a - k, b - l, c] * V[k, l, d, c]" in written
    assert "sum over the windows (i, j) whose first maximum is at (a, b) of A_bar[n, i, j, d]" in written


def test_why_shows_an_element_as_a_sum_over_windows() -> None:
    x, w = pel.tensor3("x", shape=(2, 4, 1)), pel.shared(np.array([[[1.0]], [[2.0]]], "float32"), "W")
    by_kernel, by_input = pel.grad(pel.square(pel.conv(x, w)).sum(), [w, x])
    given = {"x": np.arange(8.0, dtype="float32").reshape(2, 4, 1)}
    of_kernel, of_input = pel.why(by_kernel, (1, 0, 0), given), pel.why(by_input, (1, 2, 0), given)
    assert "= sum over n, i of x[n, i + 1, 0] * z[n, i, 0]" in str(of_kernel)
    assert "= x[0, 1, 0] * z[0, 0, 0] + x[0, 2, 0] * z[0, 1, 0]" in str(of_kernel)
    assert "= sum over k, c of z[1, 2 - k, c] * W[k, 0, c]" in str(of_input)
    assert "= z[1, 1, 0] * W[1, 0, 0] + z[1, 2, 0] * W[0, 0, 0]" in str(of_input)
    assert r"\sum_{k, c} z_{1, 2 - k, c} W_{k, 0, c}" in of_input.latex()
