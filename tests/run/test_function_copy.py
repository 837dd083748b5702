"""Copies of functions, values of all expressions, and `Expr.eval`."""

import numpy as np
import pytest

import pellucid as pel

both = pytest.mark.parametrize("mode", ["xla", "numpy"])


@pytest.fixture
def a():
    return pel.shared(1.0, "a")


@pytest.fixture
def b():
    return pel.shared(10.0, "b")


@both
def test_a_copy_uses_other_shared_variables(mode, a, b):
    c, x = pel.shared(100.0, "c"), pel.scalar("x")
    f = pel.function([x], {"sum": a + c + x}, updates={a: a + 1}, defaults={x: 0.5}, mode=mode)
    g = f.copy(swap={a: b})
    assert g() == {"sum": 110.5}
    assert g(x=1.0) == {"sum": 112}
    assert (a.get_value(), b.get_value()) == (1, 12)
    assert f() == {"sum": 101.5}
    assert f.copy(swap={c: b})() == {"sum": 14.5}
    assert a.get_value() == 3


def test_two_variables_are_exchanged(a, b):
    f = pel.function([], [a, 2 * b], updates={a: a + 1})
    assert f.copy(swap={a: b, b: a})() == [10, 2]
    assert (a.get_value(), b.get_value()) == (1, 11)


def test_a_copy_shares_the_compiled_program(a, b):
    f = pel.function([], a, updates={a: 2 * a})
    f()
    f.repeat(3)
    g = f.copy(swap={a: b})
    assert g() == 10
    assert g.repeat(2).tolist() == [20, 40]
    assert g.compile_seconds == 0
    assert f.repeat(1).tolist() == [16]


@both
def test_a_copy_without_updates_changes_nothing(mode, a):
    f = pel.function([], 3 * a, updates={a: a + 1}, mode=mode)
    read = f.copy(delete_updates=True)
    assert [read(), read(), f(), read()] == [3, 3, 3, 6]
    rng = pel.random.Generator(0)
    draw = pel.function([], rng.normal(), mode=mode)
    same = draw.copy(delete_updates=True)
    assert same() == same() == draw() != draw()


def test_a_copy_in_mode_guard_finds_the_origin_of_an_infinity(a):
    f = pel.function([], pel.log(a - 1))
    assert f() == -np.inf
    with pytest.raises(pel.NonFiniteError, match=r"log\(.*\) became -inf"):
        f.copy(mode="guard")()


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        (lambda a, b: {b: a}, r"swap: the function has no shared variable b\. It has: a, c"),
        (lambda a, b: {a: 3.0}, r"swap: expected a dict from shared variables to shared variables\. Received: a: 3\.0"),
        (
            lambda a, b: {a: pel.shared([1.0], "d")},
            r"replacement of a of type float32 \(\)\. Received: d, which is float32 \(1,\)",
        ),
        (
            lambda a, b: {a: pel.shared(np.float64(1), "d")},
            r"replacement of a of type float32 \(\)\. Received: d, which is float64 \(\)",
        ),
    ],
)
def test_invalid_swaps_are_refused(a, b, swap, message):
    c = pel.shared(1.0, "c")
    f = pel.function([], a + c)
    with pytest.raises(pel.PellucidError, match=message):
        f.copy(swap=swap(a, b))
    with pytest.raises(pel.InputError, match="swap: c cannot replace a, because the function uses it already"):
        f.copy(swap={a: c})
    with pytest.raises(pel.InputError, match="swap: expected a different replacement for each shared variable"):
        f.copy(swap={a: b, c: b})
    with pytest.raises(ValueError, match=r"Received: 'gaurd'\. Did you mean 'guard'"):
        f.copy(mode="gaurd")


@both
def test_values_of_all_expressions(mode, a):
    x = pel.vector("x")
    h = pel.tanh(a * x)
    f = pel.function([x], h.sum(), updates={a: a + 1}, mode=mode)
    values = f.values([1.0, 2.0])
    assert list(values)[-1] is f.program.results[-1]
    assert values[h] == pytest.approx(np.tanh([1.0, 2.0]))
    assert values[a] == a.get_value() == 1
    for position, e in enumerate(values):
        assert {*e.inputs} <= {*list(values)[:position]}
    assert str(values).splitlines()[0].split() == ["a", "1.0"]
    with pytest.raises(pel.InputError, match=r"The program does not compute x \+ x, perhaps because simplif"):
        values[x + x]
    assert str(f.values(np.arange(9.0, dtype="float32"))).splitlines()[1].endswith("float32 (9,), from 0 to 8")


@both
def test_eval(mode, a):
    x, y = pel.vector("x"), pel.scalar("y")
    z = a * x + y
    assert z.eval({x: [1.0, 2.0], "y": 1}, mode=mode).tolist() == [2, 3]
    a.set_value(2.0)
    assert z.eval({x: [1.0], y: 1}, mode=mode).tolist() == [3]
    assert a.eval(mode=mode) == 2
    assert (z * z).eval({z: np.float32([3.0])}, mode=mode).tolist() == [9]
    assert (z + 1).eval({a * x: np.float32([3.0]), y: 1}, mode=mode).tolist() == [5]
    assert z.eval({x: [1.0], y: 1, a: 5.0}, mode=mode).tolist() == [6]


def test_eval_compiles_an_expression_once():
    from pellucid.run.expression_eval import compile_expression

    x = pel.scalar("x")
    z = x * 3.25
    z.eval({x: 1.0})
    misses = compile_expression.cache_info().misses
    assert z.eval({"x": 2.0}) == 6.5
    assert compile_expression.cache_info().misses == misses


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda x, y: {x: 1.0}, r"eval: x \+ y needs a value for y\. Received: x\. Use expr\.eval\(\{y: value"),
        (lambda x, y: None, r"eval: x \+ y needs a value for x, y\. Received: none"),
        (lambda x, y: {"X": 1.0}, r"eval: x \+ y has no input named 'X'"),
        (lambda x, y: {x: 1.0, y: 1.0, pel.scalar("q"): 2.0}, r"eval: x \+ y does not depend on q\. Leave it out"),
        (lambda x, y: {x: 1.0, y: 1.0, x * y: 2.0}, r"replace: x \* y does not occur in x \+ y"),
        (lambda x, y: {x: [1.0], y: 1.0}, r"Expected x to have shape \(\)\. Received: a value of shape \(1,\)"),
    ],
)
def test_invalid_values_are_refused(values, message):
    x, y = pel.scalar("x"), pel.scalar("y")
    with pytest.raises(pel.PellucidError, match=message):
        (x + y).eval(values(x, y))


def test_an_error_suggests_a_similar_name():
    rate = pel.scalar("rate")
    with pytest.raises(pel.InputError, match=r"no input named 'rat'\. Did you mean 'rate'"):
        (2 * rate).eval({"rat": 1.0})


def test_values_print_names_and_have_html():
    x = pel.vector("x")
    h = pel.named("h_values", pel.tanh(x))
    values = pel.function([x], h.sum()).values([0.0, 1.0])
    assert str(values).splitlines()[1] == "h_values = tanh(x)  [0.        0.7615942]"
    assert "<td><code>h_values = tanh(x)</code></td>" in values._repr_html_()


def test_the_html_of_a_function_has_its_formulas():
    x, w = pel.vector("x"), pel.shared(1.0, "w")
    h = pel.named("h_shown", pel.tanh(w * x))
    step = pel.function([x], h.sum(), updates={w: 0.5 * w})
    page = step._repr_html_()
    assert "<code>function of (x: float32 (?,)) in mode &#x27;auto&#x27;</code>" in page
    assert page.count("<mtr>") == 4
    assert page.count(">where&#x000A0;<") == 1
    assert page.count("&#x02190;") == 1
    assert "<math" not in pel.function([x], sum(x**i for i in range(300)))._repr_html_()
    assert "<math" not in pel.function([])._repr_html_()
