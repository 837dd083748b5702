"""Tests of values and gradients of textbook formulas where their direct evaluation overflows or cancels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from stability import CASES, FAMILIES
from stability.evaluation import USERS_CODE, compute_results, run_compiled
from stability.high_precision import TOLERANCE, Formula, compute_reference

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.rewriter import simplify, simplify_all
from pellucid.graph.traversal import topological

Z = Input("z", (3,))
ROWS_AT_THE_EDGE = [[1000, 0], [0, 1000], [-1000, 0], [0, -1000], [500, -500], [0, 0]]
T = Input("t", (3,))
ZB = Input("z", ("n", 3))
TB = Input("t", ("n", 3))
X = Input("x", ("n",))
LABEL = Input("t", ("n",))
EYE = np.eye(3, dtype=bool)


@pytest.fixture(params=["by_numpy", "by_xla"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run simplified expressions, interpreted and compiled; the interpreter's overflow warnings are errors."""
    fixture: Callable[..., Any] = request.getfixturevalue(request.param)
    return functools.partial(fixture, options=USERS_CODE) if request.param == "by_xla" else fixture


def value_and_gradient(run: Any, cost: Expr, wrt: Expr, values: dict[Expr, Any]) -> list[np.ndarray]:
    """Return the values of a simplified cost and its gradient."""
    given = {k: np.asarray(v, "float32") for k, v in values.items()}
    return run([simplify(cost), pel.grad(cost, wrt)], given)


ONE_ROW = {
    "softmax": lambda z: pel.softmax(z),
    "exp over sum": lambda z: pel.exp(z) / pel.exp(z).sum(),
    "shifted": lambda z: pel.exp(z - z.max()) / pel.exp(z - z.max()).sum(),
    "numpy": lambda z: np.exp(z) / np.sum(np.exp(z)),
    "keepdims": lambda z: pel.exp(z) / pel.exp(z).sum(axis=0, keepdims=True),
    "reciprocal": lambda z: pel.exp(z) * (1 / pel.exp(z).sum()),
    "exp of log_softmax": lambda z: pel.exp(z - pel.log(pel.exp(z).sum())),
}
ROWS = {
    "softmax": lambda z: pel.softmax(z, axis=1),
    "keepdims": lambda z: pel.exp(z) / pel.exp(z).sum(axis=1, keepdims=True),
    "last axis": lambda z: pel.exp(z) / pel.exp(z).sum(axis=-1, keepdims=True),
    "none": lambda z: pel.exp(z) / pel.exp(z).sum(axis=1)[:, None],
    "ellipsis": lambda z: pel.exp(z) / pel.exp(z).sum(axis=1)[..., None],
    "expand_dims": lambda z: pel.exp(z) / pel.expand_dims(pel.exp(z).sum(axis=1), 1),
    "reshape": lambda z: pel.exp(z) / pel.exp(z).sum(axis=1).reshape((-1, 1)),
    "transposed": lambda z: (pel.exp(z).T / pel.exp(z).sum(axis=1)).T,
    "shifted": lambda z: (
        pel.exp(z - z.max(axis=1, keepdims=True)) / pel.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
    ),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("form", ONE_ROW)
def test_crossentropy_of_one_row(form: str, run: Any) -> None:
    loss = -(T * pel.log(ONE_ROW[form](Z))).sum()
    value, gradient = value_and_gradient(run, loss, Z, {Z: [1000, 0, 0], T: [0, 1, 0]})
    np.testing.assert_array_equal(value, np.float32(1000))
    np.testing.assert_array_equal(gradient, [1, -1, 0])


@pytest.mark.sample(2)
@pytest.mark.parametrize("form", ROWS)
def test_crossentropy_of_rows(form: str, run: Any) -> None:
    loss = -(TB * pel.log(ROWS[form](ZB))).sum(axis=1).mean()
    z, t = [[1000, 0, 0], [0, -1000, 0]], [[0, 1, 0], [0, 1, 0]]
    value, gradient = value_and_gradient(run, loss, ZB, {ZB: z, TB: t})
    np.testing.assert_allclose(value, 1000 + np.log(2) / 2, rtol=1e-6)
    np.testing.assert_allclose(gradient, [[0.5, -0.5, 0], [0.25, -0.5, 0.25]], rtol=1e-6)


def test_crossentropy_of_labels(run: Any) -> None:
    y = pel.ivector("y", shape=("n",))
    loss = -pel.log(pel.take_along_axis(pel.softmax(ZB), y[:, None], axis=1)).mean()
    value, gradient = run(
        [simplify(loss), pel.grad(loss, ZB)],
        {ZB: np.array([[1000, 0, 0]], "float32"), y: np.array([1], "int32")},
    )
    assert value == 1000
    np.testing.assert_array_equal(gradient, [[1, -1, 0]])


Z5 = pel.matrix("z", shape=(5, 3))
LABELS = pel.ivector("y", shape=(5,))
ZN, LABELS_N = pel.matrix("z", shape=("n", 3)), pel.ivector("y", shape=("n",))


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("scores", "rows", "labels"),
    [
        (Z5, range(5), LABELS),
        (Z5, np.arange(5), LABELS),
        (Z5, pel.arange(5), LABELS),
        (ZN, pel.arange_like(LABELS_N), LABELS_N),
        (ZN, pel.arange_like(ZN), LABELS_N),
    ],
    ids=["range", "numpy.arange", "arange", "arange_like(y)", "arange_like(z)"],
)
def test_crossentropy_of_indexed_probabilities(scores: Any, rows: Any, labels: Any, run: Any) -> None:
    loss = -pel.log(pel.softmax(scores)[rows, labels]).sum()
    assert str(simplify(loss)) == "sparse_crossentropy(y, z).sum()"
    assert str(pel.grad(loss, scores)) == "softmax(z) - one_hot(y, 3)"
    z = np.array([[1000, 0, 0], [0, 1, 2], [0, 0, 0], [5, 4, 3], [-1000, 0, 1000]], "float32")
    y = np.array([1, 0, 2, 0, 0], "int32")
    value, gradient = run([simplify(loss), pel.grad(loss, scores)], {scores: z, labels: y})
    shifted = z.astype("float64") - z.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(value, -logs[range(5), y].sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.exp(logs) - np.eye(3)[y], atol=1e-6)


@pytest.mark.parametrize("rows", [range(4, -1, -1), [0, 0, 1, 2, 3], range(4)])
def test_probabilities_of_other_rows_are_no_crossentropy(rows: Any) -> None:
    labels = pel.ivector("y", shape=(len(rows),))
    assert "sparse_crossentropy" not in str(simplify(-pel.log(pel.softmax(Z5)[rows, labels])))


def test_log_sum_exp(run: Any) -> None:
    x = Input("x", (2,))
    value, gradient = value_and_gradient(run, pel.log(pel.exp(x).sum()), x, {x: [1000, 0]})
    assert value == 1000
    np.testing.assert_array_equal(gradient, [1, 0])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_log_sum_exp_along_axes(axis: int, keepdims: bool) -> None:
    made = simplify(pel.log(pel.exp(ZB).sum(axis=axis, keepdims=keepdims)))
    assert made.op is not None
    assert made.op.name == "logsumexp"


SIGMOIDS = {
    "1 / (1 + exp(-x))": lambda x: 1 / (1 + pel.exp(-x)),
    "1 / (exp(-x) + 1)": lambda x: 1 / (pel.exp(-x) + 1),
    "exp(x) / (1 + exp(x))": lambda x: pel.exp(x) / (1 + pel.exp(x)),
    "exp(x) / (exp(x) + 1)": lambda x: pel.exp(x) / (pel.exp(x) + 1),
    "power": lambda x: (1 + pel.exp(-x)) ** -1,
    "sigmoid": lambda x: pel.sigmoid(x),
}


@pytest.mark.parametrize("form", SIGMOIDS)
def test_sigmoid(form: str, run: Any) -> None:
    value, gradient = value_and_gradient(run, SIGMOIDS[form](X).sum(), X, {X: [-1000, 0, 1000]})
    assert value == 1.5
    np.testing.assert_array_equal(gradient, [0, 0.25, 0])


@pytest.mark.parametrize("form", SIGMOIDS)
def test_binary_crossentropy_of_a_sigmoid(form: str, run: Any) -> None:
    p = SIGMOIDS[form](X)
    losses = -(LABEL * pel.log(p) + (1 - LABEL) * pel.log(1 - p))
    x, labels = (grid.ravel() for grid in np.meshgrid([-1000, -1, 0, 1, 1000.0], [0.0, 1.0, 0.5]))
    given = {X: x.astype("float32"), LABEL: labels.astype("float32")}
    values, gradient = run([simplify(losses), pel.grad(losses.sum(), X)], given)
    np.testing.assert_allclose(values, np.logaddexp(0, x) - labels * x, rtol=1e-6, atol=1e-7)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(gradient, 1 / (1 + np.exp(-x)) - labels, rtol=2e-6, atol=1e-7)


def test_binary_crossentropy_of_a_softmax_of_two(run: Any) -> None:
    """Each row with both labels; the sum over rows would hide small losses."""
    rows = np.array(ROWS_AT_THE_EDGE * 2, "float64")
    labels = np.repeat([0.0, 1.0], len(ROWS_AT_THE_EDGE))
    z, t = Input("z", rows.shape), Input("t", rows.shape)
    p = pel.softmax(z, axis=1)
    losses = -(t * pel.log(p) + (1 - t) * pel.log(1 - p)).sum(axis=1)
    given = {z: rows.astype("float32"), t: np.stack([labels, 1 - labels], axis=1).astype("float32")}
    values, gradient = run([simplify(losses), pel.grad(losses.sum(), z)], given)
    margins = (rows[:, 1] - rows[:, 0]) * (2 * labels - 1)
    np.testing.assert_allclose(values, 2 * np.logaddexp(0, margins), rtol=1e-6)
    slopes = 2 * np.exp(-np.logaddexp(0, -margins)) * (1 - 2 * labels)
    np.testing.assert_allclose(gradient, np.stack([slopes, -slopes], axis=1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("row", [[1000.0, 0.0, 0.0], [0.0, 1000.0, 1000.0], [-1000.0, 0.0, 3.0], [2.0, 2.0, 2.0]])
def test_log_of_one_minus_softmax(row: list[float], run: Any) -> None:
    value, gradient = value_and_gradient(run, pel.log(1 - pel.softmax(Z)).sum(), Z, {Z: row})
    x = np.array(row)
    rest = [np.logaddexp.reduce(np.delete(x, i)) for i in range(3)]
    np.testing.assert_allclose(value, np.sum(rest) - 3 * np.logaddexp.reduce(x), rtol=1e-6)
    p = np.exp(x - np.logaddexp.reduce(x))
    others = sum(np.where(EYE[i], 0, np.exp(np.where(EYE[i], 0, x - rest[i]))) for i in range(3))
    np.testing.assert_allclose(gradient, others - 3 * p, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (lambda x: pel.log(1 + pel.exp(x)), "softplus(x)"),
        (lambda x: pel.log(pel.exp(x) + 1), "softplus(x)"),
        (lambda x: pel.log1p(pel.exp(x)), "softplus(x)"),
        (lambda x: pel.log(1 + x), "log1p(x)"),
        (lambda x: pel.exp(x) - 1, "expm1(x)"),
        (lambda x: pel.log(pel.sigmoid(x)), "-softplus(-x)"),
        (lambda x: pel.log(1 - pel.sigmoid(x)), "-softplus(x)"),
        (lambda x: pel.log(1 / (1 + pel.exp(-x))), "-softplus(-x)"),
        (lambda x: -pel.log(1 + pel.exp(-x)), "-softplus(-x)"),
        (lambda x: pel.log(pel.exp(x)), "x"),
    ],
)
def test_naive_forms_are_rewritten(form: Any, written: str) -> None:
    assert str(simplify(form(X))) == written


def test_softplus_and_its_gradient(run: Any) -> None:
    value, gradient = value_and_gradient(run, pel.log(1 + pel.exp(X)).sum(), X, {X: [-1000, 0, 1000]})
    np.testing.assert_allclose(value, 1000 + np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(gradient, [0, 0.5, 1])


def test_small_numbers_keep_their_digits(run: Any) -> None:
    tiny = np.array([1e-20, 1e-10], "float32")
    for f in (pel.log(1 + X), pel.exp(X) - 1):
        np.testing.assert_array_equal(run([simplify(f)], {X: tiny})[0], tiny)


@pytest.mark.parametrize("mode", ["numpy", "xla", "native"])
def test_a_small_distance_is_not_rounded_to_0_in_any_mode(mode: Any) -> None:
    x, y = pel.scalar("x", "float32"), pel.scalar("y", "float32")
    f = pel.function([x, y], pel.arccosh(1 + (x - y) ** 2 / 2), mode=mode)
    assert f(1, 1.00001) == pytest.approx(float(np.float32(1.00001)) - 1, rel=1e-6)


def interpret(inputs: list[Any], outputs: list[Any], values: list[Any]) -> list[Any]:
    """Interpret simplified expressions; overflow of intermediate values is allowed."""
    with np.errstate(all="ignore"):
        return evaluate(np, simplify_all(outputs), dict(zip(inputs, values, strict=True)))


def interpret_unsimplified(inputs: list[Any], outputs: list[Any], values: list[Any]) -> list[Any]:
    with np.errstate(all="ignore"):
        return evaluate(np, outputs, dict(zip(inputs, values, strict=True)))


def test_the_table_has_many_rows_without_duplicates() -> None:
    assert len(CASES) >= 300
    assert len({row.formula for row in CASES}) == len(CASES)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("dtype", "run", "step"),
    [
        ("float32", run_compiled, 24),
        pytest.param("float32", run_compiled, 1, marks=pytest.mark.slow),
        ("float32", interpret, 4),
        pytest.param("float32", interpret, 1, marks=pytest.mark.slow),
        pytest.param("float64", run_compiled, 1, marks=pytest.mark.slow),
        pytest.param("float64", interpret, 1, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_naive_formulas_have_accurate_values_and_gradients(family: str, run: Any, dtype: str, step: int) -> None:
    """Compare with mpmath: results are finite where the exact ones are, and accurate where well conditioned."""
    rows = FAMILIES[family][::step]
    wrong = []
    for row, (value, gradient) in zip(rows, compute_results(rows, dtype, run), strict=True):
        exact_value, exact_gradient = compute_reference(row)
        assert exact_value.is_finite, f"{row.formula} must be finite at all of its points"
        errors = exact_value.error(value, dtype), exact_gradient.error(gradient, dtype)
        if max(errors) > TOLERANCE[dtype]:
            wrong.append(f"{row.formula}: relative error {errors[0]:.1e} of the value, {errors[1]:.1e} of the gradient")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("family", FAMILIES)
def test_exact_forms_match_the_naive_formulas(family: str, step: int) -> None:
    """Compare the exact form with the naive formula at 500 digits, where the latter is finite."""
    for row in [row for row in FAMILIES[family] if row.exact][::step]:
        with mpmath.workdps(500):
            naive = Formula(row, 500, row.formula)
            try:
                value = naive.value(naive.at).astype("float64")
            except ZeroDivisionError:  # in the unselected branch of a where
                continue
        exact = compute_reference(row)[0].value.astype("float64")
        known = np.isfinite(value)
        assert known.any()
        np.testing.assert_allclose(value[known], exact[known], rtol=1e-14, atol=1e-60, err_msg=row.formula)


def test_most_formulas_fail_without_simplification() -> None:
    rows = FAMILIES["hyperbolic"]
    results = compute_results(rows, "float32", interpret_unsimplified)
    errors = [compute_reference(row)[0].error(value, "float32") for row, (value, _) in zip(rows, results, strict=True)]
    assert sum(error > TOLERANCE["float32"] for error in errors) > len(rows) / 2


def test_a_sum_of_exponentials_that_all_vanish_is_zero(run: Any) -> None:
    a, b, x, y = (Input(name, (2,)) for name in "abxy")
    total = a * pel.exp(x) + b * pel.exp(y)
    values = {a: [0, 3], b: [0, 2], x: [5, -np.inf], y: [7, -np.inf]}
    given = {i: np.asarray(v, "float32") for i, v in values.items()}
    with np.errstate(divide="ignore", over="ignore"):
        logarithm, quotient = run([simplify(pel.log(total)), simplify(1 / total)], given)
    np.testing.assert_array_equal(logarithm, [-np.inf, -np.inf])
    np.testing.assert_array_equal(quotient, [np.inf, np.inf])


def test_second_derivatives_of_exponentials_stay_short() -> None:
    x = Input("x", (3,))
    product = pel.hessian_vector_product((pel.tan(pel.ndtri(x)) * x).sum(), x, Input("v", (3,)))
    assert len(topological([product])) < 60
