"""Binding of arguments to inputs, and the errors for arguments that do not match."""

import numpy as np
import pytest

import pellucid as pel


@pytest.fixture
def f():
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    return pel.function([X, y], X.sum() + y.sum(), mode="numpy")


X = np.ones((3, 2), "float32")
y = np.ones(3, "int32")


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((X,), {}, r"The function needs a value for y\. Received: 1 of 2 inputs"),
        ((X, y, y), {}, r"The function takes 2 inputs \(X, y\)\. Received: 3 arg"),
        ((X,), {"Y": y}, r"The function has no input named 'Y'\."),
        ((X, y), {"X": X}, r"Expected one value for the input 'X'\. Received: one by position and one by name"),
        ((X[0], y), {}, r"Expected X to have shape \(n, 2\)\. Received: a value of shape \(2,\)"),
        (
            (X.T, y),
            {},
            r"Expected X to have shape \(n, 2\)\. Received: .* \(2, 3\), where axis 1 has length 3 and not 2",
        ),
        (
            (X, y[:2]),
            {},
            r"same size for 'n' in all inputs\. Received: 3 in X and 2 in y, whose value has shape \(2,\)",
        ),
        ((X, y / 2), {}, r"y is int32\. Received: float64 values that int32 cannot hold"),
        (("XX", y), {}, r"X: expected real numbers\. Received: 'XX'"),
        ((X, pel.vector("v")), {}, r"the expression v, which has none until it runs"),
    ],
)
def test_arguments_that_do_not_match_are_refused(f, args, kwargs, message):
    with pytest.raises((pel.PellucidError, TypeError), match=message):
        f(*args, **kwargs)


def test_an_error_suggests_a_similar_name():
    rate = pel.scalar("rate")
    with pytest.raises(pel.InputError, match=r"no input named 'rat'\. Did you mean 'rate'\?"):
        pel.function([rate], rate)(rat=1)


def test_an_ambiguous_name_is_refused():
    a, b = pel.scalar("x"), pel.scalar("x")
    f = pel.function([a, b], a - b)
    assert f(3, 1) == 2
    with pytest.raises(pel.InputError, match="several inputs named 'x'"):
        f(3, x=1)


def test_rounding_an_array_warns_and_rounding_a_number_does_not(f):
    assert f([[0.1, 0.2]], [1]) == pytest.approx(1.3)
    with pytest.warns(pel.PrecisionWarning, match="X is float32 and received float64 values, which were rounded"):
        f(np.array([[0.1, 0.2]]), [1])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((X, y), r"X to have shape \(n, 2\), after one axis for the steps\. Received: a value of shape \(3, 2\)"),
        ((X[None], y), r"y to have shape \(n,\), after one axis for the steps\. Received: a value of shape \(3,\)"),
        (
            (X[None], np.ones((2, 3), "int32")),
            r"over: expected the same number of batches for every input\. Received: X: 1, y: 2",
        ),
        (
            (X[None, :2], y[None]),
            r"same size for 'n' in all inputs\. Received: 2 in X and 3 in y, whose value has shape \(1, 3\)",
        ),
    ],
)
def test_batches_that_do_not_match_are_refused(f, args, message):
    with pytest.raises(pel.PellucidError, match=message):
        f.over(*args)


def test_over_needs_inputs():
    w = pel.shared(0.0, "w")
    with pytest.raises(pel.InputError, match="Received: no inputs"):
        pel.function([], updates={w: w + 1}).over()


@pytest.mark.parametrize("steps", [-1, 2.0, True, None])
def test_the_number_of_steps_must_be_an_integer(f, steps):
    with pytest.raises(pel.OptionError, match=r"Expected steps to be an integer of 0 or more\. Received: steps="):
        f.repeat(steps, X, y)


def test_the_warning_points_to_the_call() -> None:
    x = pel.vector("x")
    f = pel.function([x], x.sum(), mode="numpy")
    for call in (lambda: f(np.array([0.1])), lambda: f.repeat(2, np.array([0.1])), lambda: f.over(np.array([[0.1]]))):
        with pytest.warns(pel.PrecisionWarning, match="x is float32") as caught:
            call()
        assert caught[0].filename == __file__
