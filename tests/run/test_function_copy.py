"""Functions copied, values looked at, expressions evaluated and replaced."""

import copy
import pickle

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
def test_a_copy_works_on_other_shared_variables(mode, a, b):
    c, x = pel.shared(100.0, "c"), pel.scalar("x")
    f = pel.function([x], {"sum": a + c + x}, updates={a: a + 1}, defaults={x: 0.5}, mode=mode)
    g = f.copy(swap={a: b})
    assert g() == {"sum": 110.5}
    assert g(x=1.0) == {"sum": 112}
    assert (a.get_value(), b.get_value()) == (1, 12)
    assert f() == {"sum": 101.5}
    assert f.copy(swap={c: b})() == {"sum": 14.5}
    assert a.get_value() == 3


def test_two_variables_change_places(a, b):
    f = pel.function([], [a, 2 * b], updates={a: a + 1})
    assert f.copy(swap={a: b, b: a})() == [10, 2]
    assert (a.get_value(), b.get_value()) == (1, 11)


def test_what_was_compiled_serves_the_copy(a, b):
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
    look = f.copy(delete_updates=True)
    assert [look(), look(), f(), look()] == [3, 3, 3, 6]
    rng = pel.random.Generator(0)
    draw = pel.function([], rng.normal(), mode=mode)
    same = draw.copy(delete_updates=True)
    assert same() == same() == draw() != draw()


def test_a_copy_in_another_mode_tells_where_a_nan_comes_from(a):
    f = pel.function([], pel.log(a - 1))
    assert f() == -np.inf
    with pytest.raises(pel.NonFiniteError, match=r"log\(.*\) became -inf"):
        f.copy(mode="guard")()


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        (lambda a, b: {b: a}, r"swap: the function has no shared variable b\. It has: a, c"),
        (lambda a, b: {a: 3.0}, r"swap: shared variables take the place of shared variables\. Received: a: 3\.0"),
        (lambda a, b: {a: pel.shared([1.0], "d")}, r"swap: d, which is float32 \(1,\), cannot take the place of a, wh"),
        (lambda a, b: {a: pel.shared(np.float64(1), "d")}, r"swap: d, which is float64 \(\), cannot take the place of"),
    ],
)
def test_what_cannot_be_swapped_says_why(a, b, swap, message):
    c = pel.shared(1.0, "c")
    f = pel.function([], a + c)
    with pytest.raises(pel.PellucidError, match=message):
        f.copy(swap=swap(a, b))
    with pytest.raises(pel.InputError, match="swap: c, which is to take the place of a, is in the function already"):
        f.copy(swap={a: c})
    with pytest.raises(pel.InputError, match="swap: one shared variable is to take the place of two"):
        f.copy(swap={a: b, c: b})
    with pytest.raises(ValueError, match=r"mode='gaurd'\. Did you mean 'guard'"):
        f.copy(mode="gaurd")


def test_a_function_is_neither_pickled_nor_copied_by_python(a):
    f = pel.function([], a)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"cannot be pickled or copied by Python: .* Use its own copy\(\), or save"):
            attempt(f)


@both
def test_every_value_on_the_way_is_returned_and_nothing_changes(mode, a):
    x = pel.vector("x")
    h = pel.tanh(a * x)
    f = pel.function([x], h.sum(), updates={a: a + 1}, mode=mode)
    values = f.values([1.0, 2.0])
    assert list(values)[-1] is f.program.results[-1]
    assert values[h] == pytest.approx(np.tanh([1.0, 2.0]))
    assert values[a] == a.get_value() == 1
    for place, e in enumerate(values):
        assert {*e.inputs} <= {*list(values)[:place]}
    assert str(values).splitlines()[0].split() == ["a", "1.0"]
    with pytest.raises(pel.InputError, match=r"The program does not go through x \+ x, perhaps because simplif"):
        values[x + x]
    assert str(f.values(np.arange(9.0, dtype="float32"))).splitlines()[1].endswith("float32 (9,), from 0 to 8")


@both
def test_an_expression_is_evaluated(mode, a):
    x, y = pel.vector("x"), pel.scalar("y")
    z = a * x + y
    assert z.eval({x: [1.0, 2.0], "y": 1}, mode=mode).tolist() == [2, 3]
    a.set_value(2.0)
    assert z.eval({x: [1.0], y: 1}, mode=mode).tolist() == [3]
    assert a.eval(mode=mode) == 2
    assert (z * z).eval({z: np.float32([3.0])}, mode=mode).tolist() == [9]
    assert (z + 1).eval({a * x: np.float32([3.0]), y: 1}, mode=mode).tolist() == [5]
    assert z.eval({x: [1.0], y: 1, a: 5.0}, mode=mode).tolist() == [6]


def test_an_expression_is_compiled_once():
    from pellucid.run.expression_eval import kept

    x = pel.scalar("x")
    z = x * 3.25
    z.eval({x: 1.0})
    before = kept.cache_info().misses
    assert z.eval({"x": 2.0}) == 6.5
    assert kept.cache_info().misses == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda x, y: {x: 1.0}, r"eval: x \+ y needs a value for y\. Received: x\. Give it as expr\.eval\(\{y: value"),
        (lambda x, y: None, r"eval: x \+ y needs a value for x, y\. Received: none"),
        (lambda x, y: {"X": 1.0}, r"eval: x \+ y has no input named 'X'"),
        (lambda x, y: {x: 1.0, y: 1.0, pel.scalar("q"): 2.0}, r"eval: q stands nowhere in x \+ y"),
        (lambda x, y: {x: 1.0, y: 1.0, x * y: 2.0}, r"replace: x \* y stands nowhere in x \+ y"),
        (lambda x, y: {x: [1.0], y: 1.0}, r"x has shape \(\)\. Received: a value of shape \(1,\)"),
    ],
)
def test_what_cannot_be_evaluated_says_why(values, message):
    x, y = pel.scalar("x"), pel.scalar("y")
    with pytest.raises(pel.PellucidError, match=message):
        (x + y).eval(values(x, y))


def test_a_name_may_be_near():
    rate = pel.scalar("rate")
    with pytest.raises(pel.InputError, match=r"no input named 'rat'\. Did you mean 'rate'"):
        (2 * rate).eval({"rat": 1.0})


def test_values_are_told_by_name_and_shown_in_notebooks():
    x = pel.vector("x")
    h = pel.named("h_values", pel.tanh(x))
    values = pel.function([x], h.sum()).values([0.0, 1.0])
    assert str(values).splitlines()[1] == "h_values = tanh(x)  [0.        0.7615942]"
    assert "<td><code>h_values = tanh(x)</code></td>" in values._repr_html_()


def test_a_function_is_shown_by_its_formulas():
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
