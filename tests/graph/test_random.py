"""Tests of random numbers: known answers, equal bits in NumPy and XLA, moments and independence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Input
from pellucid.graph.ops.random_ops import threefry

WORDS = pel.constant(np.zeros((400, 50), bool))


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_known_answers_of_random123(counter: Any, key: Any, expected: Any) -> None:
    def word(value: int) -> np.ndarray:
        return np.array([value], np.uint32)

    found = threefry((word(key[0]), word(key[1])), (word(counter[0]), word(counter[1])))
    assert [int(w[0]) for w in found] == list(expected)


def make_draws(seed: int = 3) -> tuple[pel.random.Generator, list[Any]]:
    rng = pel.random.Generator(seed)
    draws = [
        rng.uniform(like=WORDS),
        rng.uniform(like=WORDS, dtype="float64"),
        rng.normal(like=WORDS),
        rng.normal(like=WORDS, dtype="float64"),
        rng.bernoulli(0.3, like=WORDS),
        rng.dropout(pel.ones_like(WORDS, dtype="float32"), 0.25),
    ]
    return rng, draws


def test_numpy_and_xla_draw_the_same(by_numpy: Any, by_xla: Any) -> None:
    rng, draws = make_draws()
    values = {rng.state: rng.state.get_value()}
    for draw, a, b in zip(draws, by_numpy(draws, values), by_xla(draws, values), strict=True):
        assert a.dtype == b.dtype == draw.dtype
        if "normal" in str(draw):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(a, b)


def test_moments(by_numpy: Any) -> None:
    rng, draws = make_draws()
    uniform, uniform64, normal, normal64, coin, dropped = by_numpy(draws, {rng.state: rng.state.get_value()})
    error = 4 / np.sqrt(WORDS.value.size)  # four standard deviations of a mean of unit variance
    for u in (uniform, uniform64):
        assert abs(u.mean() - 1 / 2) < error * np.sqrt(1 / 12)
        assert abs(u.var() - 1 / 12) < error * np.sqrt(1 / 180)
        assert (u >= 0).all()
        assert (u < 1).all()
    for z in (normal, normal64):
        assert abs(z.mean()) < error
        assert abs(z.var() - 1) < error * np.sqrt(2)
        assert abs((z**3).mean()) < error * np.sqrt(15)
        assert abs((z**4).mean() - 3) < error * np.sqrt(96)
    assert abs(coin.mean() - 0.3) < error * np.sqrt(0.21)
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(4 / 3)}
    assert abs(dropped.mean() - 1) < error * np.sqrt(1 / 3)


def test_streams_steps_and_neighbors_are_independent(by_numpy: Any) -> None:
    rng = pel.random.Generator(0)
    a, b = rng.normal(like=WORDS, dtype="float64"), rng.normal(like=WORDS, dtype="float64")
    [first, second] = by_numpy([a, b], {rng.state: rng.state.get_value()})
    [later] = by_numpy([a], {rng.state: np.array([0, 0, 1], np.uint32)})
    [other] = by_numpy([a], {rng.state: np.array([0, 1, 0], np.uint32)})
    error = 5 / np.sqrt(first.size)
    pairs = [(first, second), (first, later), (first, other), (first[:, 1:], first[:, :-1]), (first[1:], first[:-1])]
    for x, y in pairs:
        assert abs(np.corrcoef(x.ravel(), y.ravel())[0, 1]) < error


def test_equal_seeds_give_equal_numbers(by_numpy: Any) -> None:
    found = []
    for _ in range(2):
        rng = pel.random.Generator(2**40 + 5)
        found.append(by_numpy([rng.normal(size=(3,))], {rng.state: rng.state.get_value()})[0])
    np.testing.assert_array_equal(*found)


def test_a_function_draws_new_numbers_at_every_call_until_it_is_seeded_again() -> None:
    rng = pel.random.Generator(7)
    f = pel.function([], rng.uniform(size=(4,)), mode="numpy")
    first, second = f(), f()
    assert (first != second).all()
    rng.seed(7)
    np.testing.assert_array_equal(f(), first)
    assert rng.state.get_value()[2] == 1


def test_seeds_are_checked() -> None:
    for seed in (-1, 2**64, 1.5, True):
        with pytest.raises(ValueError, match=rf"Expected a seed from 0 to 2\*\*64 - 1. Received: seed={seed}"):
            pel.random.Generator(seed)


def test_draws_are_printed_with_stream_number_and_shape() -> None:
    rng, x = pel.random.Generator(0), pel.matrix("x", shape=("n", 3))
    assert str(2 * rng.normal(size=(2, 3)) + rng.uniform(size=3)) == "2 * normal_1((2, 3)) + uniform_2((3,))"
    assert str(rng.normal(like=x)) == "normal_3((n, 3))"


def test_ranges_and_scales(by_numpy: Any) -> None:
    rng = pel.random.Generator(1)
    u, z = rng.uniform(-2.0, 4.0, (1000,)), rng.normal(5.0, 0.1, (1000,))
    found_u, found_z = by_numpy([u, z], {rng.state: rng.state.get_value()})
    assert found_u.dtype == found_z.dtype == np.float32
    assert -2 <= found_u.min() < -1.8
    assert 3.8 < found_u.max() < 4
    assert abs(found_z.mean() - 5) < 0.02
    assert abs(found_z.std() - 0.1) < 0.02


def test_dropout_and_its_gradient_use_one_mask(by_numpy: Any) -> None:
    rng, x = pel.random.Generator(0), Input("x", ("n", 5), "float64")
    y = rng.dropout(x, 0.4)
    values = {x: np.full((6, 5), 2.0), rng.state: rng.state.get_value()}
    value, gradient = by_numpy([y, pel.grad(y.sum(), x)], values)
    np.testing.assert_allclose(value, 2 * gradient)
    np.testing.assert_allclose(np.unique(gradient), [0, 1 / 0.6])


def test_dropout_is_the_identity_at_inference() -> None:
    rng, x = pel.random.Generator(0), pel.matrix("x")
    first, second = pel.inference([pel.tanh(rng.dropout(x, 0.5)), rng.dropout(rng.dropout(x, 0.1), 0.2)])
    assert str(first) == "tanh(x)"
    assert second is x


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0])
def test_dropout_rates_are_checked(rate: float) -> None:
    with pytest.raises(ValueError, match=rf"expected a rate in \[0, 1\). Received: rate={rate}"):
        pel.random.Generator(0).dropout(pel.vector("x"), rate)


def test_dropout_with_rate_zero_keeps_all_elements(by_numpy: Any) -> None:
    rng, x = pel.random.Generator(0), Input("x", (1000,), "float32")
    value = np.ones(1000, "float32")
    np.testing.assert_array_equal(
        by_numpy([rng.dropout(x, 0.0)], {x: value, rng.state: rng.state.get_value()})[0], value
    )


def test_odd_empty_and_scalar_sizes(by_numpy: Any) -> None:
    rng = pel.random.Generator(0)
    shapes = [(), (1,), (3,), (0, 2), (3, 5)]
    found = by_numpy([rng.normal(size=s) for s in shapes], {rng.state: rng.state.get_value()})
    assert [f.shape for f in found] == shapes
