"""Sizes of expressions in formulas, shapes, ranges, slices and loops."""

import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import ShapeError, UseError

SIZES = [(4, 3), (7, 5), (1, 2)]


def make_inputs() -> tuple[pel.Expr, pel.Expr]:
    """Return a matrix with a named size, and a vector of unknown size."""
    return pel.matrix("x", shape=("n", 6)), pel.vector("y")


def check(build: Callable[[Any, Any], Any], compute: Callable[[Any, Any], Any], least: int = 1) -> None:
    """Compare an expression with NumPy: interpreted for several sizes, and compiled for one of them."""
    x, y = make_inputs()
    e = build(x, y)
    used = [i for i in (x, y) if any(i is a for a in pel.ancestors(e))]
    for n, k in SIZES:
        if n < least:
            continue
        rng = np.random.default_rng(n)
        values = {x: rng.normal(size=(n, 6)).astype("float32"), y: rng.normal(size=k).astype("float32")}
        expected = np.asarray(compute(values[x], values[y]))
        for mode in ("xla", "numpy") if n == 7 else ("numpy",):
            found = np.asarray(pel.function(used, e, mode=mode)(*(values[i] for i in used)))
            np.testing.assert_allclose(found, expected, rtol=1e-5)
            assert found.shape == expected.shape
    assert e.ndim == expected.ndim


CASES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "quotient": (lambda x, y: x.sum() / x.shape[0], lambda x, y: x.sum() / len(x)),
    "product": (lambda x, y: x.shape[0] * y, lambda x, y: len(x) * y),
    "power": (lambda x, y: 0.5 ** x.shape[0] * x, lambda x, y: 0.5 ** len(x) * x),
    "function": (lambda x, y: pel.sqrt(x.shape[0] + 1), lambda x, y: np.sqrt(len(x) + 1)),
    "value": (lambda x, y: pel.cast(y.shape[0] // 2 + x.shape[0] % 3, "int32"), lambda x, y: len(y) // 2 + len(x) % 3),
    "zeros": (
        lambda x, y: pel.zeros((x.shape[0] // 2 + 1, y.shape[0])),
        lambda x, y: np.zeros((len(x) // 2 + 1, len(y))),
    ),
    "ones": (lambda x, y: pel.ones(x.shape[0]), lambda x, y: np.ones(len(x))),
    "full": (lambda x, y: pel.full((y.shape[0], 2), y[0]), lambda x, y: np.full((len(y), 2), y[0])),
    "eye": (lambda x, y: pel.eye(x.shape[0]), lambda x, y: np.eye(len(x))),
    "diagonal above": (lambda x, y: pel.eye(x.shape[0], 5, 1), lambda x, y: np.eye(len(x), 5, 1)),
    "tri": (lambda x, y: pel.tri(x.shape[0], y.shape[0], -1), lambda x, y: np.tri(len(x), len(y), -1)),
    "arange": (lambda x, y: pel.arange(x.shape[0]), lambda x, y: np.arange(len(x))),
    "range with a step": (lambda x, y: pel.arange(1, 2 * x.shape[0], 3), lambda x, y: np.arange(1, 2 * len(x), 3)),
    "range down": (lambda x, y: pel.arange(y.shape[0], -2, -1), lambda x, y: np.arange(len(y), -2, -1)),
    "range of floats": (
        lambda x, y: pel.arange(y.shape[0], dtype="float32"),
        lambda x, y: np.arange(len(y), dtype="float32"),
    ),
    "empty range": (lambda x, y: pel.arange(x.shape[0], 0), lambda x, y: np.arange(len(x), 0)),
    "reshape": (lambda x, y: x.reshape(x.shape[0] * 2, 3), lambda x, y: x.reshape(-1, 3)),
    "reshape with -1": (lambda x, y: x.reshape(3, -1, x.shape[0]), lambda x, y: x.reshape(3, 2, len(x))),
    "two sizes": (
        lambda x, y: (y[:, None, None] * x).reshape(x.shape[0], y.shape[0] * 6),
        lambda x, y: (y[:, None, None] * x).reshape(len(x), -1),
    ),
    "broadcast": (lambda x, y: pel.broadcast_to(y, (x.shape[0], y.shape[0])), lambda x, y: np.tile(y, (len(x), 1))),
    "repeat": (lambda x, y: pel.repeat(y, x.shape[0]), lambda x, y: np.repeat(y, len(x))),
    "repeat columns": (lambda x, y: pel.repeat(x, y.shape[0], axis=1), lambda x, y: np.repeat(x, len(y), axis=1)),
    "tile": (lambda x, y: pel.tile(x, (y.shape[0], 2)), lambda x, y: np.tile(x, (len(y), 2))),
    "tile with a new axis": (
        lambda x, y: pel.tile(x, (2, 1, y.shape[0] // 2 + 1)),
        lambda x, y: np.tile(x, (2, 1, len(y) // 2 + 1)),
    ),
    "NumPy's functions": (lambda x, y: np.sqrt(x.shape[0]) * np.float32(2), lambda x, y: np.sqrt(len(x)) * 2),
    "NumPy's numbers": (lambda x, y: np.float32(2) * x.shape[0], lambda x, y: 2 * len(x)),
    "first half": (lambda x, y: x[: x.shape[0] // 2], lambda x, y: x[: len(x) // 2]),
    "second half": (lambda x, y: y[y.shape[0] // 2 :], lambda x, y: y[len(y) // 2 :]),
    "all but one": (lambda x, y: y[: y.shape[0] - 1], lambda x, y: y[:-1]),
    "from the end": (lambda x, y: y[-(y.shape[0] // 2) :], lambda x, y: y[-(len(y) // 2) :]),
    "beyond the end": (lambda x, y: x[: 2 * x.shape[0], 1:], lambda x, y: x[:, 1:]),
    "every second": (lambda x, y: x[1 : x.shape[0] : 2], lambda x, y: x[1::2]),
    "backwards": (lambda x, y: y[y.shape[0] - 1 :: -1], lambda x, y: y[::-1]),
    "several axes": (
        lambda x, y: (x[None] * y[:, None, None])[: y.shape[0] // 2, ..., None, x.shape[0] // 2 : 5],
        lambda x, y: (x[None] * y[:, None, None])[: len(y) // 2, ..., None, len(x) // 2 : 5],
    ),
    "last element": (lambda x, y: x[x.shape[0] - 1], lambda x, y: x[-1]),
    "with an index array": (
        lambda x, y: x[: x.shape[0] // 2 + 1, np.array([0, 2])],
        lambda x, y: x[: len(x) // 2 + 1, np.array([0, 2])],
    ),
    "chosen": (
        lambda x, y: x[pel.arange(x.shape[0]), pel.arange(x.shape[0]) % 6],
        lambda x, y: x[np.arange(len(x)), np.arange(len(x)) % 6],
    ),
    "larger size": (
        lambda x, y: pel.zeros(x.shape[0].maximum(y.shape[0])),
        lambda x, y: np.zeros(max(len(x), len(y))),
    ),
    "smaller size": (lambda x, y: pel.zeros(y.shape[0].minimum(3)), lambda x, y: np.zeros(min(len(y), 3))),
    "loop": (
        lambda x, y: pel.scan(lambda s: 2 * s, init=1.0, length=x.shape[0] // 2 + 1),
        lambda x, y: 2.0 ** np.arange(1, len(x) // 2 + 2),
    ),
    "loop over a sequence": (
        lambda x, y: pel.scan(lambda v, s: s + v, y, 0.0, length=y.shape[0]),
        lambda x, y: np.cumsum(y),
    ),
    "computed array": (
        lambda x, y: pel.zeros((x[1:].sum(axis=1).shape[0], 2)),
        lambda x, y: np.zeros((len(x) - 1, 2)),
    ),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_are_those_of_numpy(case: tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]) -> None:
    check(*case)


@pytest.mark.parametrize(
    "name", ["quotient", "zeros", "range down", "reshape with -1", "repeat", "from the end", "loop"]
)
@pytest.mark.parametrize("write", [pel.source, lambda f: pel.to_source(f, "expressions")], ids=["numpy", "expressions"])
def test_programs_are_written_as_code(name: str, write: Callable[[Any], str]) -> None:
    x, y = make_inputs()
    e = CASES[name][0](x, y)
    used = [i for i in (x, y) if any(i is a for a in pel.ancestors(e))]
    f, scope = pel.function(used, e), dict[str, Any]()
    exec(write(f), scope)
    values = [np.arange(24.0).reshape(4, 6).astype("float32"), np.arange(5.0).astype("float32")]
    given = [values[i is y] for i in used]
    np.testing.assert_allclose(scope["compute"](*given), f(*given), rtol=1e-6)


def test_sizes_are_formulas() -> None:
    x, y = pel.matrix("x", shape=("n", 3)), pel.vector("y", shape=("m",))
    n, m = x.shape[0], y.shape[0]
    assert isinstance(n, str)
    assert [n + 1, 2 * n, n // 2, n - m, n * m, -n, n % 2, 1 - n, +n] == [
        *("n + 1", "2*n", "n//2", "-m + n", "m*n", "-n", "(n % 2)", "-n + 1", "n"),
    ]
    assert n - n == 0
    assert n // n == 1
    assert type(n - n) is int
    assert n + 1 == 1 + n
    assert n**2 == n * n
    assert (n + 1).maximum(n) == n + 1
    assert (n * 0.5).ndim == (n / 2).ndim == (2**n).ndim == 0
    assert x.reshape(n * 3).shape == ("3*n",)
    assert (x.reshape(n * 3) + pel.zeros(3 * n)).shape == ("3*n",)


def test_dtypes_are_those_of_the_other_operand() -> None:
    x = pel.matrix("x", shape=("n", 3), dtype="float32")
    assert (x.sum() / x.shape[0]).dtype == "float32"
    assert (x.shape[0] * pel.ivector("i")).dtype == "int32"
    assert pel.arange(x.shape[0]).dtype == "int64"


def test_shapes_that_cannot_be_equal_are_errors() -> None:
    x = pel.matrix("x", shape=("n", 3))
    with pytest.raises(ShapeError, match=r"shapes \(n, 3\) and \(n \+ 1, 3\) do not broadcast"):
        x + pel.zeros((x.shape[0] + 1, 3))


def test_an_unknown_size_is_compatible_with_others() -> None:
    y = pel.vector("y")
    e = y + pel.arange(y.shape[0] // 2 * 2)
    assert pel.function([y], e)([1.0, 2.0]).tolist() == [1, 3]
    with pytest.raises(ShapeError, match="must be equal"):
        pel.function([y], e)([1.0, 2.0, 3.0])


@pytest.mark.parametrize("mode", ["xla", "numpy"])
def test_a_computed_size_of_1_does_not_broadcast(mode: Any) -> None:
    """Gradients assume that sizes which may be equal are equal."""
    x, z = pel.matrix("x", shape=("n", 3)), pel.matrix("z", shape=("m", 3))
    f = pel.function([x, z], x[1:] + z[::2], mode=mode)
    assert f(np.ones((4, 3)), np.ones((5, 3))).shape == (3, 3)
    with pytest.raises(
        ShapeError, match=r"dimension -2 is n - 1 = 1 in x\[1:\] and .* = 5 in z\[::2\], and must be equal"
    ):
        f(np.ones((2, 3)), np.ones((10, 3)))


def test_the_length_of_a_loop_is_that_of_a_sequence() -> None:
    x = pel.vector("x", shape=("n",))
    half = x.shape[0] // 2
    with pytest.raises(ShapeError, match=r"expected the length of a sequence, n. Received: length=n//2. Leave"):
        pel.scan(lambda v, s: s + v, x, 0.0, length=half)
    assert pel.function([x], pel.scan(lambda v, s: s + v, x[:half], 0.0, length=half))([1.0, 2.0, 3.0]).tolist() == [1]


def test_a_size_that_is_divided_by_0() -> None:
    x = pel.matrix("x", shape=("n", 6))
    f = pel.function([x], x.reshape(x.shape[0] // 2, -1))
    with pytest.raises(ShapeError, match=r"which is 0 for d0 = 1"):
        f(np.ones((1, 6)))


def test_gradients_flow_through_reshapes_and_slices() -> None:
    x = pel.matrix("x", shape=("n", 2))
    n = x.shape[0]
    loss = (x[: n // 2] ** 2).sum() + x.reshape(n // 2, 4)[:, 3].sum() / n
    f = pel.function([x], pel.grad(loss, x))
    value = np.arange(8.0).reshape(4, 2)
    expected = np.zeros((4, 2))
    expected[:2] = 2 * value[:2]
    expected.reshape(2, 4)[:, 3] += 0.25
    np.testing.assert_allclose(f(value), expected)


def test_declared_formulas_are_checked() -> None:
    x, y = pel.vector("x", shape=("n",)), pel.vector("y", shape=("2 * n + 1",))
    assert y.shape == ("2*n + 1",)
    f = pel.function([x, y], x.sum() + y.sum())
    assert f([1.0], [1.0, 1.0, 1.0]) == 4
    with pytest.raises(ShapeError, match=r"Expected size '2\*n \+ 1' = 5 in y, because n = 2. Received: 3"):
        f([1.0, 1.0], [1.0, 1.0, 1.0])


def test_an_input_with_the_size_of_another() -> None:
    x = pel.vector("x", shape=("n",))
    y = pel.matrix("y", shape=(x.shape[0], 2))
    assert pel.function([y], pel.arange(y.shape[0]))(np.ones((3, 2))).tolist() == [0, 1, 2]


def test_sizes_in_loops_and_substitutions() -> None:
    x = pel.matrix("x", shape=("n", 3))
    rows = pel.map(lambda row: row / x.shape[0] + pel.zeros(x.shape[0])[0], x)
    np.testing.assert_allclose(pel.function([x], rows)(np.ones((4, 3))), np.full((4, 3), 0.25))
    z = pel.matrix("z")
    replaced = pel.replace(pel.zeros((z.shape[0] // 2, 3)), {z: pel.constant(np.ones((10, 3), "float32"))})
    assert replaced.shape == (5, 3)
    f = pel.function([], z[: z.shape[0] // 2].sum(), givens={z: np.ones((10, 3), "float32")})
    assert f() == 15


def test_vmap() -> None:
    x, w = pel.matrix("x", shape=("n", 3)), pel.shared(np.ones(3, "float32"), "w")
    f = pel.function([x], (x * w).sum() / x.shape[0] + pel.arange(x.shape[0]).sum())
    members = pel.shared(np.array([[1, 1, 1], [2, 2, 2]], "float32"))
    assert pel.vmap(f, {w: members})(np.ones((4, 3))).tolist() == [9, 12]


def test_graphs_are_saved_and_pickled(tmp_path: Any) -> None:
    x = pel.matrix("x", shape=("n", 6))
    f = pel.function([x], x.reshape(x.shape[0] // 2, 12)[:, : x.shape[0]])
    value = np.arange(24.0).reshape(4, 6)
    expected = value.reshape(2, 12)[:, :4]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(f))(value), expected)
    size = pickle.loads(pickle.dumps(x.shape[0] + 1))
    assert size == "n + 1"


def test_text() -> None:
    x = pel.matrix("x", shape=("n", 3))
    n = x.shape[0]
    assert str(x.reshape(n // 2, 6)) == "x.reshape(n//2, 6)"
    assert str(pel.arange(n)) == "arange(n)"
    assert str(pel.zeros((n, 2))) == "broadcast_to(0, (n, 2))"
    assert str(x.sum() / n) == "x.sum() / size(x, axis=0)"
    assert str(x[: n // 2]) == "x[:n//2]"
    assert pel.latex(x.reshape(n // 2, 6)) == r"\operatorname{reshape}_{\lfloor n / 2 \rfloor \times 6}(x)"
    assert pel.latex(pel.arange((n - 1).maximum(2 * n % 3))).startswith(r"\operatorname{arange}(\max(")
    assert pel.cost(x[1:] * 2, {"n": 2}).operations == 3
    assert pel.explain(x.reshape(-1) * 2).parts[0].operations == 3


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda n: range(n), UseError, r"The size 'n' of a shape is not known until the program runs"),
        (int, UseError, r"Formulas of sizes work, as in x.reshape\(x.shape\[0\] // 2, 2\)"),
        (lambda n: [0] * n, UseError, r"The size 'n' of a shape is not known"),
        (lambda n: pel.linspace(0, 1, n), UseError, r"linspace: expected numbers, .* Received: n"),
        (lambda n: pel.vector("x")[: n / 2], UseError, r"Expected an integer as a size. Received: cast\(size"),
        (lambda n: n < 3, UseError, r"The size 'n' of a shape is not known"),
        (lambda n: n.maximum(1.5), UseError, r"Expected an integer or a size of a shape. Received: 1.5"),
        (lambda n: n // 0, ZeroDivisionError, "division of a size by zero"),
        (lambda n: pel.zeros("n"), ShapeError, r"expected integers, and sizes of expressions such as x.shape\[0\]"),
        (lambda n: pel.arange(0, n, 0), ValueError, r"expected a step that is an integer, and not 0. Received: step=0"),
        (lambda n: pel.arange(0.5, n), UseError, r"Expected an integer or a size of a shape. Received: 0.5"),
        (
            lambda n: pel.zeros((n, "m")),
            UseError,
            r"The size 'm' is not that of an expression. Take it from one, as in",
        ),
    ],
)
def test_errors(use: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    x = pel.vector("x", shape=("n",))
    with pytest.raises(error, match=message):
        use(x.shape[0])


def test_names_that_are_no_identifiers_have_no_formulas() -> None:
    x = pel.vector("x", shape=("batch size",))
    assert pel.function([x], x * x.shape[0])([1.0, 1.0]).tolist() == [2, 2]
    assert pel.zeros((x.shape[0], 2)).shape == ("batch size", 2)
    assert pel.function([x], pel.zeros((x.shape[0], 2)))([1.0, 1.0, 1.0]).shape == (3, 2)
    with pytest.raises(ShapeError, match=r"The size 'batch size' has a name that cannot be part of a formula"):
        x.shape[0] + 1


def test_a_size_that_becomes_negative() -> None:
    x = pel.vector("x", shape=("n",))
    f = pel.function([x], pel.zeros(x.shape[0] - 3))
    assert f([1.0] * 5).tolist() == [0, 0]
    with pytest.raises(ShapeError, match=r"is negative: -2"):
        f([1.0])


def test_sizes_keep_no_expression_alive() -> None:
    import weakref

    x = pel.vector("x", shape=("n",))
    y = pel.tanh(x)
    size, dead = y.shape[0] + 1, weakref.ref(y)
    del y
    assert dead() is None
    assert pel.function([x], pel.zeros(size))([1.0]).tolist() == [0, 0]
    del x
    gc.collect(1)  # the compiled function is in a cycle
    with pytest.raises(UseError, match=r"The size 'n \+ 1' is not that of an expression"):
        pel.zeros(size)


n, labels, values, table = pel.iscalar("n"), pel.ivector("labels"), pel.vector("values"), pel.matrix("table")

VALUE_SIZES: dict[str, tuple[Any, Any]] = {
    "zeros": (lambda: pel.zeros((n, 2)) + 1, lambda n, t, v, m: np.ones((n, 2))),
    "vector of sizes": (lambda: pel.ones(pel.stack([n, n + 1])), lambda n, t, v, m: np.ones((n, n + 1))),
    "range": (lambda: pel.arange(n + 1, 2 * n), lambda n, t, v, m: np.arange(n + 1, 2 * n)),
    "negative range": (lambda: pel.arange(-n, n, 2), lambda n, t, v, m: np.arange(-n, n, 2)),
    "empty range": (lambda: pel.arange(n - 10), lambda n, t, v, m: np.arange(n - 10)),
    "one-hot rows": (lambda: pel.eye(labels.max() + 1)[labels], lambda n, t, v, m: np.eye(t.max() + 1)[t]),
    "triangle": (lambda: pel.tri(n), lambda n, t, v, m: np.tri(n)),
    "slice": (lambda: values[:n], lambda n, t, v, m: v[:n]),
    "batch": (lambda: values[n * 2 : (n + 1) * 2], lambda n, t, v, m: v[n * 2 : (n + 1) * 2]),
    "slice from the end": (lambda: values[-n:], lambda n, t, v, m: v[-n:]),
    "every second": (lambda: values[n::2], lambda n, t, v, m: v[n::2]),
    "rows": (lambda: table[1:, :n], lambda n, t, v, m: m[1:, :n]),
    "reshape": (lambda: values.reshape((n // 2 + 1, -1)), lambda n, t, v, m: v.reshape((n // 2 + 1, -1))),
    "repeat": (lambda: pel.repeat(values, n), lambda n, t, v, m: np.repeat(v, n)),
    "tile": (lambda: pel.tile(values, n), lambda n, t, v, m: np.tile(v, n)),
    "power": (lambda: pel.scan(lambda s: 2 * s, init=values, length=n)[-1], lambda n, t, v, m: v * 2.0**n),
    "series": (
        lambda: pel.scan(lambda c, k: c * values[0] ** k, [values, pel.arange(values.shape[0])]).sum(),
        lambda n, t, v, m: (v * v[0] ** np.arange(len(v))).sum(),
    ),
    "gradient": (
        lambda: pel.grad((values[:n] ** 3).sum(), values),
        lambda n, t, v, m: 3 * v**2 * (np.arange(len(v)) < n),
    ),
    "nonzero": (lambda: pel.nonzero(values - 1)[0], lambda n, t, v, m: np.nonzero(v - 1)[0]),
    "nonzero columns": (lambda: pel.nonzero(table)[1], lambda n, t, v, m: np.nonzero(m)[1]),
    "selected": (lambda: table[pel.nonzero(table > 1)], lambda n, t, v, m: m[m > 1]),
    "gradient of selected": (
        lambda: pel.grad((table[pel.nonzero(table > 1)] ** 2).sum(), table),
        lambda n, t, v, m: 2 * m * (m > 1),
    ),
    "bounded": (lambda: pel.flatnonzero(table, size=5, fill_value=-1), lambda n, t, v, m: [1, 2, 3, -1, -1]),
    "bounded below": (lambda: pel.flatnonzero(table, size=2), lambda n, t, v, m: [1, 2]),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("mode", ["numpy", "auto"])
@pytest.mark.parametrize("case", VALUE_SIZES)
def test_sizes_that_depend_on_values(case: str, mode: pel.typing.Mode) -> None:
    make, expected = VALUE_SIZES[case]
    f = pel.function([n, labels, values, table], make(), mode=mode, on_unused_input="ignore")
    arrays = (
        np.array([0, 2, 1], "int32"),
        np.array([1, 2, 3, 4, 5, 6], "float32"),
        np.array([[0, 1, 2], [3, 0, 0]], "float32"),
    )
    for size in (2, 0, 2) if case != "batch" else (0, 1, 2, 5):
        np.testing.assert_allclose(f(size, *arrays), expected(size, *arrays), rtol=1e-5)


def test_equal_sizes_share_a_compiled_program() -> None:
    f = pel.function([n, values], values[n * 2 : (n + 1) * 2].sum())
    for k in (0, 1, 2, 1):
        f(k, np.arange(6))
    assert len(f.backend.compiled) == 1
    f(2, np.arange(5))
    assert len(f.backend.compiled) == 2


def test_elements_of_a_stack_are_the_sizes_that_it_stacks() -> None:
    n, m = pel.iscalar("n"), pel.iscalar("m")
    shape = pel.stack([n, pel.constant(2, dtype="int32"), n + m])
    x = pel.zeros(shape) + pel.ones((n, 2, n + m)) + pel.ones((shape[-3], 1, shape[-1]))
    assert x.shape == pel.ones((n, 2, n + m)).shape
    for mode in ("numpy", "auto"):
        np.testing.assert_array_equal(pel.function([n, m], x, mode=mode)(3, 1), np.full((3, 2, 4), 2))


def test_states_decide_sizes() -> None:
    count = pel.shared(1, "count", dtype="int64")
    f = pel.function([], pel.arange(count).sum(), updates={count: count + 1})
    assert f.repeat(4).tolist() == [0, 1, 3, 6]
    assert count.get_value() == 5


def test_value_sizes_are_compared() -> None:
    other = pel.iscalar("n")
    f = pel.function([n, other], pel.zeros((n, 2)) + pel.ones((n, 2)) + pel.zeros((n + other - other, 2)) * other)
    assert f(3, 1).shape == (3, 2)
    assert pel.zeros(n).shape == pel.ones(n).shape != pel.zeros(other).shape
    with pytest.raises(pel.ShapeError, match="do not broadcast"):
        pel.zeros(n) + pel.zeros(other)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: pel.zeros(values), pel.UseError, r"Received: values, of type float32 \(\?,\)"),
        (lambda: pel.zeros(values.sum()), pel.UseError, r"Expected an integer as a size. Received: values.sum\(\)"),
        (lambda: pel.function([values, n], values.reshape(n))([1, 2, 3], 2), pel.ShapeError, "reshape"),
        (
            lambda: pel.function([values, n], values.reshape((n,)), mode="numpy")([1, 2, 3], 2),
            pel.ShapeError,
            "reshape",
        ),
        (lambda: pel.nonzero(n), pel.ShapeError, "nonzero: expected at least one axis. Received: n"),
        (lambda: pel.nonzero(values, size=-1), pel.OptionError, "nonzero: .*size"),
        (lambda: pel.function([n], pel.zeros(-n))(2), pel.ShapeError, "The size -value_0 is negative: -2"),
        (
            lambda: pel.function([n], pel.scan(lambda i: pel.zeros(i + 1).sum(), pel.arange(3)) + n)(1),
            pel.UseError,
            r"The size value_\w+ is a value that is computed inside of a compiled loop .* mode='numpy'",
        ),
        (
            lambda: pel.function([n], pel.arange(n)).over([1, 2]),
            pel.ShapeError,
            r"arange\(.*\) has shape \(1,\) in one step and \(2,\) in the next. Call the function for each step",
        ),
        (
            lambda: pel.function([n], pel.arange(n), mode="numpy").over([1, 2]),
            pel.ShapeError,
            r"has shape \(1,\) in one step and \(2,\) in the next",
        ),
        (
            lambda: pel.vmap(pel.function([n], pel.arange(n)), {n: pel.ivector("many")})([1, 2]),
            pel.UseError,
            r"The size value_\w+ is a value that is computed inside .* for several members at once",
        ),
    ],
)
def test_errors_of_value_sizes(build: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


def test_programs_with_value_sizes_can_be_stored_and_exported() -> None:
    f = pel.function([n], pel.arange(n) * 2)
    loaded = pickle.loads(pickle.dumps(f))
    assert loaded(3).tolist() == f.copy(mode="numpy")(3).tolist() == [0, 2, 4]
    assert f.profile(3).whole is None
    assert dict(f.values(3))


def test_slices_and_ranges_print_as_they_were_written() -> None:
    x, w, i, t = pel.matrix("x"), pel.matrix("w", shape=(50, 3)), pel.scalar("i", dtype="int64"), pel.ivector("t")
    printed = {
        "w[20*i:20*i + 20]": w[i * 20 : (i + 1) * 20],
        "x[:x.shape[0] - 1]": x[: x.shape[0] - 1],
        "x[i:0:-1]": x[i:0:-1],
        "x[:, i::2]": x[:, i::2],
        "x[arange(t.shape[0]), t]": x[pel.arange(t.shape[0]), t],
        "arange(t.shape[0] + 2*i)": pel.arange(2 * i + t.shape[0]),
    }
    assert [str(e) for e in printed.values()] == list(printed)
    assert pel.latex(w[i * 20 : (i + 1) * 20]) == "w_{20 i:20 i + 20}"
    assert pel.latex(x[pel.arange(t.shape[0]), t]) == r"x_{\operatorname{arange}(\operatorname{size}(t)), t}"
    step = pel.grad(pel.tanh(w[i * 20 : (i + 1) * 20]).sum(), w)
    assert ".at[20*i:20*i + 20].add(" in str(step)
