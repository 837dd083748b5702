"""Functions: outputs, updates, defaults, substitutions, donation, and errors."""

import numpy as np
import pytest

import pellucid as pel

both = pytest.mark.parametrize("mode", ["xla", "numpy"])


@both
def test_outputs_have_the_requested_form(mode):
    x = pel.vector("x")
    assert pel.function([x], x.sum(), mode=mode)([1.0, 2.0]) == 3
    both_ways = pel.function([x], [x.sum(), x * 2], mode=mode)([1.0, 2.0])
    assert isinstance(both_ways, list)
    assert both_ways[1].tolist() == [2, 4]
    named = pel.function([x], {"total": x.sum(), "twice": x * 2}, mode=mode)([1.0, 2.0])
    assert list(named) == ["total", "twice"]
    assert named["total"] == 3
    assert pel.function([], [], mode=mode)() == []


@both
def test_a_function_without_outputs_updates_and_returns_none(mode):
    w = pel.shared(1.0, "w")
    double = pel.function([], updates={w: 2 * w}, mode=mode)
    assert double() is None
    assert double() is None
    assert w.get_value() == 4


@both
def test_outputs_are_numpy_scalars_and_new_arrays(mode):
    w = pel.shared(np.zeros(3, "float32"), "w")
    x = pel.vector("x")
    f = pel.function([x], [x, w, x.sum()], updates={w: w + 1}, mode=mode)
    argument = np.ones(3, "float32")
    same, state, total = f(argument)
    assert isinstance(total, np.float32)
    same[:] = 7
    state[:] = 7
    assert argument.tolist() == [1, 1, 1]
    assert w.get_value().tolist() == [1, 1, 1]
    f(argument)
    assert state.tolist() == [7, 7, 7]


@both
def test_all_dtypes(mode):
    dtypes = ["float32", "float64", "int32", "int64", "uint8", "bool"]
    inputs = [pel.vector(f"x {dtype}", dtype=dtype) for dtype in dtypes]
    variables = [pel.shared(np.zeros(2, dtype), dtype) for dtype in dtypes]
    outputs = [e for x in inputs for e in (x[::-1], x[0])]
    f = pel.function(inputs, outputs, updates=dict(zip(variables, inputs, strict=True)), mode=mode)
    values = [np.array([1, 0], dtype) for dtype in dtypes]
    results, history = f(*values), f.repeat(2, *values)
    for k, (dtype, w) in enumerate(zip(dtypes, variables, strict=True)):
        reversed_, first = results[2 * k : 2 * k + 2]
        assert reversed_.dtype == first.dtype == w.get_value().dtype == np.dtype(dtype)
        assert reversed_.tolist() == [0, 1]
        assert history[2 * k].dtype == np.dtype(dtype)
        assert history[2 * k].shape == (2, 2)


@both
def test_updates_use_the_old_values(mode):
    a, b = pel.shared([1.0, 2.0], "a"), pel.shared([3.0, 4.0], "b")
    swap = pel.function([], updates={a: b, b: a}, mode=mode)
    swap()
    assert (a.get_value().tolist(), b.get_value().tolist()) == ([3, 4], [1, 2])
    swap.repeat(3)
    assert (a.get_value().tolist(), b.get_value().tolist()) == ([1, 2], [3, 4])


@both
def test_two_variables_do_not_share_memory(mode):
    a, b = pel.shared([1.0, 2.0], "a"), pel.shared([3.0, 4.0], "b")
    pel.function([], updates={a: b}, mode=mode)()
    pel.function([], updates={a: a + 1}, mode=mode).repeat(2)
    assert (a.get_value().tolist(), b.get_value().tolist()) == ([5, 6], [3, 4])


def test_the_array_of_the_user_is_not_donated():
    array = np.ones(1000)
    w = pel.shared(array, "w")
    add = pel.function([], updates={w: w + 1})
    add()
    w.set_value(array)
    add.repeat(5)
    assert (array == 1).all()
    assert (w.get_value() == 6).all()


def test_outputs_do_not_change_later():
    w = pel.shared(np.zeros(1000), "w")
    before, copied = pel.function([], w)(), w.get_value()
    add = pel.function([], w + 1, updates={w: w + 1})
    first = add()
    add()
    add.repeat(3)
    assert (before == 0).all()
    assert (copied == 0).all()
    assert (first == 1).all()


@both
def test_functions_share_their_variables(mode):
    w, x = pel.shared([1.0, 2.0], "w"), pel.vector("x")
    learn = pel.function([x], updates={w: w + x}, mode=mode)
    predict = pel.function([x], (w * x).sum(), mode="numpy" if mode == "xla" else "xla")
    learn([1.0, 1.0])
    assert predict([1.0, 1.0]) == 5
    w.set_value([0.0, 0.0])
    assert predict([1.0, 1.0]) == 0
    learn.repeat(3, [1.0, 2.0])
    assert predict([1.0, 1.0]) == 9


def test_a_large_constant_is_an_argument_of_the_program():
    table = np.arange(2000.0)
    i = pel.iscalar("i")
    f = pel.function([i], pel.constant(table)[i])
    assert [c.value.size for c in f.program.read] == [2000]
    assert [f(7), f(8), *f.over([9, 10])] == [7, 8, 9, 10]


@both
def test_givens_replace_expressions(mode):
    x, y = pel.vector("x"), pel.vector("y")
    assert pel.function([y], x + 1, givens={x: y * 2}, mode=mode)([1.0]) == [3]
    assert pel.function([], x.sum(), givens=[(x, [1, 2])], mode=mode)() == 3
    assert pel.function([], x.sum(), givens={x: np.ones(3, "float32")}, mode=mode)() == 3


def test_arguments_by_name_and_of_many_types():
    x, y = pel.vector("x"), pel.scalar("y")
    f = pel.function([x, y], x.sum() - y)
    assert f([1, 2], y=1) == f(y=1, x=(1.0, 2.0)) == f(np.array([1, 2], "int8"), np.float32(1)) == 2


@both
def test_inputs_have_defaults(mode):
    x, rate, shift = pel.vector("x"), pel.scalar("rate"), pel.vector("shift", shape=(2,))
    f = pel.function([x, rate, shift], rate * x + shift, defaults={rate: 0.5, shift: np.zeros(2, "float32")}, mode=mode)
    assert f([2.0, 4.0]).tolist() == [1, 2]
    assert f([2.0, 4.0], 2).tolist() == [4, 8]
    assert f([2.0, 4.0], shift=[1, 1]).tolist() == [2, 3]
    assert f.repeat(2, [2.0, 4.0]).tolist() == [[1, 2], [1, 2]]
    assert f.over([[2.0, 4.0], [6.0, 8.0]]).tolist() == [[1, 2], [3, 4]]
    assert f.over([[2.0, 4.0], [6.0, 8.0]], rate=[1.0, 2.0]).tolist() == [[2, 4], [12, 16]]
    expected = "function of (x: float32 (?,), rate: float32 () = 0.5, shift: float32 (2,) = array (2,)) in mode"
    assert str(f).startswith(expected)


def test_a_default_is_copied():
    x, shift = pel.scalar("x"), np.zeros(2, "float32")
    y = pel.vector("y", shape=(2,))
    f = pel.function([x, y], x + y, defaults={y: shift})
    shift[:] = 7
    assert f(1.0).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        (
            lambda x, y: {pel.scalar("z"): 1.0},
            r"defaults: expected inputs of the function, which are x, y\. Received: z",
        ),
        (lambda x, y: {x: 1.0}, r"Expected x to have shape \(2,\)\. Received: a value of shape \(\)"),
        (lambda x, y: {y: 0.5}, r"the default of y is int32\. Received: float"),
    ],
)
def test_defaults_that_do_not_match_are_refused(defaults, message):
    x, y = pel.vector("x", shape=(2,)), pel.iscalar("y")
    with pytest.raises(pel.PellucidError, match=message):
        pel.function([x, y], x * y, defaults=defaults(x, y))


def test_rewriting_phases_are_chosen_by_name():
    x = pel.vector("x")
    naive = pel.log(1 + x) + (x + x)
    assert str(pel.function([x], naive).program.outputs) == "[log1p(x) + 2 * x]"
    assert "log1p(x)" in str(pel.function([x], naive, rewrite=["stabilize"]).program.outputs)
    assert "x + x" in str(pel.function([x], naive, rewrite="stabilize").program.outputs)
    assert "log1p" not in str(pel.function([x], naive, rewrite=pel.phases().keys() - {"stabilize"}).program.outputs)
    with pytest.raises(ValueError, match=r"Received: \['stabilise'\]\. Did you mean 'stabilize'"):
        pel.function([x], naive, rewrite=["stabilise"])


def test_givens_are_substituted_simultaneously():
    x, y, z = pel.scalar("x"), pel.scalar("y"), pel.scalar("z")
    swapped = pel.function([x, y], x - 2 * y, givens={x: y, y: x})
    assert swapped(1.0, 10.0) == 8
    once = pel.function([y, z], x + y, givens=[(x, y), (y, z)])  # replacements are not replaced again
    assert once(1.0, 10.0) == 11


def make_failing_op(limit):
    """Return an op that fails in the compiled program if its value exceeds a limit."""
    import jax

    def callback(value):
        if value > limit:
            raise RuntimeError("out of memory")
        return value

    def xla(xp, x):
        return jax.pure_callback(callback, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    def risky(xp, x):
        """Fail on purpose."""
        return x

    return pel.op(name=f"risky_{limit}_{id(callback)}", xla=xla, differentiable=False)(risky)


@pytest.mark.parametrize("run", [lambda f: [f() for _ in range(5)], lambda f: f.repeat(5)])
def test_state_that_a_failed_run_lost_is_named_and_can_be_set_again(run, caplog):
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: make_failing_op(2)(w + 1)})
    with pytest.raises(
        pel.StateError, match=r"A run failed while it replaced the values of w, .* Set them again with set_value"
    ):
        run(f)
    for use in (w.get_value, f, pel.function([], w + 1), pel.function([], w * 2, mode="numpy"), lambda: f.repeat(2)):
        with pytest.raises(pel.StateError, match="replaced the values of w, which are lost"):
            use()
    w.set_value(0.0)
    f()
    assert w.get_value() == 1


def test_state_may_be_lost_by_an_error_without_a_message():
    w = pel.shared(0.0, "w")
    f = pel.function([], updates={w: w + 1}, mode="xla")
    f()
    w.storage.delete()
    with pytest.raises(pel.StateError, match="values of w, which are lost: MemoryError"):
        f.backend.check_deleted(MemoryError())


@pytest.mark.parametrize("run", [lambda f: [f() for _ in range(5)], lambda f: f.repeat(5)])
def test_state_that_is_not_donated_survives_a_failed_run(run, caplog):
    w = pel.shared(0.0, "w")
    f = pel.function([], updates={w: make_failing_op(2)(w + 1)}, donate=False)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(f)
    assert 0 < w.get_value() <= 2


def test_a_function_compiles_once_per_set_of_shapes():
    X = pel.matrix("X", shape=("n", 2))
    f = pel.function([X], X.sum())
    assert f.compile_seconds == 0
    f(np.ones((3, 2), "float32"))
    f(np.zeros((3, 2), "float32"))
    assert f.compile_seconds > 0
    assert len(f.backend.compiled) == 1
    assert f(np.ones((4, 2), "float32")) == 8
    assert len(f.backend.compiled) == 2


def test_the_repr_shows_inputs_outputs_and_updates():
    x, w = pel.vector("x"), pel.shared(0.0, "w")
    f = pel.function([x], (x + 1).sum(), updates={w: w + 1})
    assert str(f).splitlines() == [
        "function of (x: float32 (?,)) in mode 'auto'",
        "  returns (x + 1).sum(): float32 ()",
        "  updates w := w + 1: float32 ()",
    ]
    assert "add_same: x + x  →  2 * x" in str(pel.function([x], x + x).journal)
    assert str(pel.function([x], x + x, rewrite=False).program.outputs) == "[x + x]"


def test_unused_inputs_can_be_ignored():
    x, y = pel.scalar("x"), pel.scalar("y")
    assert pel.function([x, y], x, on_unused_input="ignore")(1.0, 2.0) == 1
    assert pel.function([x, y], x, givens={x + 7: y}, on_unused_input="ignore")(1.0, 2.0) == 1


def test_inputs_that_simplify_away_remain():
    x = pel.scalar("x")
    assert pel.function([x], x * 0 + 1)(5.0) == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda x, y, w: pel.function([x], x + y),
            r"The function needs the input y, which x \+ y uses\. Add it to the list of inputs",
        ),
        (
            lambda x, y, w: pel.function([x, y], x),
            r"No output or update depends on the input y\. Leave it out, or pass",
        ),
        (
            lambda x, y, w: pel.function([x, x], x),
            r"Expected each input of a function once\. Received: \[x,",
        ),
        (
            lambda x, y, w: pel.function([w], w),
            r"Expected the inputs of a function to be made by .* Received: w, a shared variable",
        ),
        (lambda x, y, w: pel.function([x], x, on_unused_input="warn"), r"to be 'raise' or 'ignore'\. Received: 'warn'"),
        (
            lambda x, y, w: pel.function([x], x, mode="xlaa"),
            r"Expected mode to be one of .*Received: 'xlaa'\. Did you mean 'xla'",
        ),
        (
            lambda x, y, w: pel.function([], updates={x: w}),
            r"Expected updates of shared variables, which pel.shared makes\. Received: x",
        ),
        (
            lambda x, y, w: pel.function([], updates={w: w[:1]}),
            r"The update of w must have its shape \(2,\)\. Received: shape \(1,\), from w",
        ),
        (
            lambda x, y, w: pel.function([], updates={w: pel.cast(w, "float64")}),
            r"The update of w must be float32\. Received: float64, .* use pel\.cast\(update, 'float32'\) if losing",
        ),
        (
            lambda x, y, w: pel.function([], updates=[(w, w), (w, 2 * w)]),
            r"updates: expected one value for w\. Received: ",
        ),
        (lambda x, y, w: pel.function([], w, givens={x: w}), r"givens: no output or update depends on x"),
        (
            lambda x, y, w: pel.function([y], x, givens={x: y}),
            r"givens: y, which is float32 \(\), cannot replace x, which is float32 \(",
        ),
        (
            lambda x, y, w: pel.function([], w, givens={w: np.ones(2)}),
            r"givens: \[1, 1\], which is float64 \(2,\), cannot replace w, which is float32 \(2,\)",
        ),
        (
            lambda x, y, w: pel.function([], w, givens={"w": w}),
            r"givens: expected an expression to replace\. Received: 'w', of type st",
        ),
    ],
)
def test_invalid_functions_are_refused(build, message):
    with pytest.raises((pel.PellucidError, ValueError), match=message):
        build(pel.vector("x"), pel.scalar("y"), pel.shared([1.0, 2.0], "w"))
