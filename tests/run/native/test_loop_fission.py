"""Loops over samples that are split into several, compared with the interpreter, and the passes that split them."""

from __future__ import annotations

import dataclasses
import itertools
import re

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native import program, simd_batch
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.loop_fission import (
    MAX_ACCUMULATORS,
    Statement,
    assign_slots,
    find_chains,
    merge_equal,
    remove_unused,
    split_body,
)
from pellucid.run.native.target import get_native_target
from tests.run.native.test_loops import compare_with_interpreter
from tests.run.native.test_random_networks import make_network
from tests.sampled_cases import sample_cases

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

FLOAT = np.dtype("float32")


@pytest.fixture(params=[(28, 1 << 14), (8, 512)], ids=["one block", "several blocks"])
def splitting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Split loops of native programs, too, with one or several blocks of samples."""
    max_cost, block_bytes = request.param
    split = dataclasses.replace(get_native_target(), vector_bytes=16, max_body_cost=max_cost)
    monkeypatch.setattr(program, "get_native_target", lambda: split)
    monkeypatch.setattr(simd_batch, "MAX_BLOCK_BYTES", block_bytes)


def get_body(code: str) -> str:
    """Return the C of a program without the preamble."""
    return code[code.index("void run(") :]


def define(name: str, text: str, cost: int = 1) -> Statement:
    return Statement(f"const float {name} = {text};", (name,), FLOAT, cost)


ACTIVATIONS = {
    "tanh": pel.tanh,
    "sigmoid": pel.sigmoid,
    "exp": pel.exp,
    "softmax": pel.softmax,
    "gelu": pel.nn.activations.gelu,
}

FAST = [("tanh", "float32", 100), ("softmax", "float64", 100), ("gelu", "float32", 100)]


@needs_compiler
@pytest.mark.parametrize(
    ("name", "dtype", "rows"),
    sample_cases(itertools.product(ACTIVATIONS, ("float32", "float64"), (96, 100)), lambda *case: case in FAST),
)
@pytest.mark.usefixtures("splitting")
def test_split_loops_equal_the_interpreter(name: str, dtype: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    x = pel.matrix("x", shape=("n", 2), dtype=dtype)
    w = pel.shared(rng.normal(size=(2, 4)).astype(dtype), "w")
    v = pel.shared(rng.normal(size=(4, 2)).astype(dtype), "v")
    h = ACTIVATIONS[name](x @ w)
    p = pel.softmax(h @ v)
    loss = -pel.log(p[:, 0]).sum() + 0.1 * (w**2).sum()
    updates = pel.optimizers.SGD(0.01).updates(loss, [w, v])
    f = pel.function([x], [loss, p, p.argmax(axis=1), h.max(), (h > 0.1).sum()], updates=updates)
    tolerance = 1e-11 if dtype == "float64" else 3e-4
    code = compare_with_interpreter(f, 3, rng.normal(size=(rows, 2)).astype(dtype), tolerance=tolerance)
    assert re.search(r"const \w+ \w+ = c\d+\[[kl]\];", code), "the loop was not split"


@needs_compiler
@pytest.mark.usefixtures("splitting")
@pytest.mark.parametrize("seed", [pytest.param(k, marks=[] if k < 1 else pytest.mark.slow) for k in range(40)])
def test_random_networks_with_split_loops_equal_the_interpreter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, [X, y] = make_network(rng, "float64", "repeat")
    compare_with_interpreter(f, 3, X, y, tolerance=1e-9)


def compare_softmax_of_two(dtype: str) -> str:
    """Compare softmax of extreme pairs with the interpreter, and return the C of the program."""
    numbers = [0, 1, -1, 3.5, 90, -90, 1000, -1000, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-40]
    pairs = np.array([(a, b) for a in numbers for b in numbers]).astype(dtype)
    x = pel.matrix("x", shape=("n", 2), dtype=dtype)
    count = pel.shared(np.zeros((), dtype), "count")
    f = pel.function([x], [pel.softmax(x + 0 * count), pel.softmax(x.T, axis=0)], updates={count: count + 1})
    with np.errstate(all="ignore"):
        return compare_with_interpreter(f, 2, pairs, tolerance=1e-14 if dtype == "float64" else 1e-6)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_softmax_of_two_scores_has_one_exponential(dtype: str) -> None:
    assert get_body(compare_softmax_of_two(dtype)).count("vector_exp") == 2


@needs_compiler
@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
@pytest.mark.usefixtures("splitting")
def test_softmax_of_two_scores_has_one_exponential_in_split_loops(dtype: str) -> None:
    assert get_body(compare_softmax_of_two(dtype)).count("reduce_exp") == 2


@needs_compiler
@pytest.mark.usefixtures("splitting")
def test_a_hidden_unit_and_its_derivative_share_an_exponential() -> None:
    x, w, t = (
        pel.matrix("x", shape=("n", 2)),
        pel.shared(np.ones((2, 3), "float32"), "w"),
        pel.ivector("t", shape=("n",)),
    )
    v = pel.shared(np.ones((3, 2), "float32"), "v")
    loss = pel.losses.sparse_categorical_crossentropy(t, pel.softmax(pel.tanh(x @ w) @ v)).sum()
    f = pel.function([x, t], [], updates=pel.optimizers.SGD(0.01).updates(loss, [w, v]))
    X, y = pel.data.moons(50, dtype="float32")
    code = compare_with_interpreter(f, 2, X, y, tolerance=1e-5)
    assert get_body(code).count("reduce_exp") == 3 + 1  # three hidden units and one softmax of two scores


def test_unused_statements_are_removed_with_what_only_they_read() -> None:
    a, b, c = define("a", "x[l]"), define("b", "a + 1"), define("c", "a * 2")
    assert remove_unused([a, b, c, Statement("y[l] = c;")]) == [a, c, Statement("y[l] = c;")]


def test_equal_statements_are_merged_where_they_read_the_same() -> None:
    body = [define("a", "fabsf(x1)"), define("b", "fabsf(x1)"), define("c", "a + 1"), define("d", "b + 1")]
    body += [Statement("y[l] = d + 0x1.b000000000000p+1f;"), Statement("y[l] = d + 0x1.b000000000000p+1f;")]
    store = Statement("y[l] = c + 0x1.b000000000000p+1f;")
    assert merge_equal(body) == [body[0], body[2], store, store]


def test_statements_with_two_variables_are_merged() -> None:
    halves = [
        Statement(f"float w{k}; const float q{k} = reduce_expf(x, &w{k});", (f"q{k}", f"w{k}"), FLOAT) for k in (1, 2)
    ]
    merged = merge_equal([*halves, define("e", "expand_expf(q2, w2)")])
    assert merged == [halves[0], define("e", "expand_expf(q1, w1)")]


def test_units_are_chains_and_their_sum_begins_another() -> None:
    body = [define(f"z{k}", f"x[l] * w[{k}]") for k in range(3)]
    body += [define(f"h{k}", f"vector_tanhf(z{k})") for k in range(3)]
    body += [define("s", "h0 + h1 + h2"), define("p", "s * h0"), define("d0", "1 - h0 * h0"), define("g", "d0 * p")]
    assert find_chains(body) == [[0, 3, 8], [1, 4], [2, 5], [6, 7, 9]]
    late = [*body, define("late", "x[l] + 1"), define("r", "g * late")]
    assert find_chains(late) == [[0, 3, 8], [1, 4], [2, 5], [10], [6, 7, 9, 11]]


def test_short_bodies_are_not_split() -> None:
    body = [define("a", "x[l]", cost=10), Statement("s[0][j] = s[0][j] + a;", accumulates=True)]
    assert split_body(body, 28) == [body]


def test_bodies_keep_to_the_cost_and_to_the_number_of_accumulators() -> None:
    body = [define(f"a{k}", f"x[l] * {k}", cost=10) for k in range(5)]
    body += [Statement(f"s[{k}][j] = s[{k}][j] + a{k % 5};", accumulates=True) for k in range(8)]
    bodies = split_body(body, 28)
    assert [len(b) for b in bodies] == [2, 2, 1, MAX_ACCUMULATORS, 2]
    assert [s for b in bodies for s in b] == body


def test_slots_are_used_again_after_the_last_read() -> None:
    bodies = [
        [define("a", "x[l]"), define("b", "x[l] + 1")],
        [define("c", "a + b")],
        [define("d", "b + c"), define("n", "x[l] + 2")],
        [define("e", "c + d"), Statement("y[l] = e;")],
    ]
    numbers = {name: slot.number for name, slot in assign_slots(bodies).items()}
    assert numbers == {"a": 0, "b": 1, "c": 2, "d": 0}


def test_slots_have_one_type() -> None:
    count = Statement("const int32_t n = a > 0;", ("n",), np.dtype("int32"))
    bodies = [[define("a", "x[l]")], [count], [Statement("y[l] = n;")]]
    slots = assign_slots(bodies)
    assert (slots["a"].dtype, slots["n"].dtype) == (FLOAT, np.dtype("int32"))
    assert slots["a"].number != slots["n"].number
