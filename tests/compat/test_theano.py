"""Theano on pellucid, against results of Theano 1.0.5 (see theano_cases.py), and where the two differ."""

import gc
import json
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.compat import theano
from pellucid.compat.theano import tensor as T
from tests.named_case import name_case

sys.path.insert(0, str(Path(__file__).parent))
import theano_cases

RECORDED = json.loads(theano_cases.RESULTS.read_text())
pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@pytest.fixture
def as_theano(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import the modules under their old names."""
    for name, module in list(sys.modules.items()):
        if name.startswith("pellucid.compat.theano"):
            monkeypatch.setitem(sys.modules, name.removeprefix("pellucid.compat."), module)


@pytest.mark.parametrize("part", range(6))
def test_expressions_have_the_values_and_dtypes_of_theano(part: int) -> None:
    for case in theano_cases.list_cases()[part::6]:
        with name_case(case):
            found = theano_cases.compute_case(theano, case)
            # Theano 1.0.5 cannot compute the others without a C compiler or on NumPy 1.23.
            if case in RECORDED["cases"]:
                compare_with_theano(found, RECORDED["cases"][case])


def compare_with_theano(found: list[Any], expected: list[Any]) -> None:
    assert [dtype for dtype, _ in found] == [dtype for dtype, _ in expected]
    for (dtype, value), (_, other) in zip(found, expected, strict=True):
        assert np.shape(value) == np.shape(other)
        np.testing.assert_allclose(
            np.array(value), np.array(other), rtol=1e-5 if dtype == "float32" else 1e-7, atol=1e-12
        )


@pytest.mark.parametrize("name", theano_cases.PROGRAMS)
@pytest.mark.usefixtures("as_theano")
def test_programs_compute_the_numbers_of_theano(name: str) -> None:
    if name.startswith("lasagne"):
        pytest.importorskip("lasagne")
    found, expected = theano_cases.run_program(name), RECORDED["programs"][name]
    assert found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-6, err_msg=key)


def test_results_are_arrays_without_dimensions() -> None:
    x, y = T.dscalars("x", "y")
    f = theano.function([x, y], x + y)
    assert repr(f(2, 3)) == "array(5.)"
    assert str(f(16.3, 12.1)) == "28.4"
    assert repr(theano.function([x], [x, 2 * x])(1)) == "[array(1.), array(2.)]"
    assert theano.function([x], on_unused_input="ignore")(1) == []
    assert theano.function([x], {"a": x, "b": -x})(1) == {"a": 1, "b": -1}


def test_functions_take_defaults_names_and_updates_of_inputs() -> None:
    x, y, w = T.dscalars("x", "y", "w")
    f = theano.function([x, theano.In(y, value=1), theano.In(w, value=2, name="weight")], (x + y) * w)
    assert [f(33), f(33, 2), f(33, 0, 1), f(33, weight=1), f(33, weight=1, y=0)] == [68, 70, 33, 34, 33]
    c = T.dscalar("s")
    g = theano.function([x, ((c, c + x), 10.0)], c)
    assert [g(1), g(1), g["s"], g.container[c].value, g.value[c]] == [10, 11, 12, 12, 12]
    g["s"] = 99.0
    assert g(1) == 99
    g.container["s"].value = 3.0
    assert g(1, s=5) == 5


@pytest.mark.usefixtures("compile_functions")  # copies share a compiled program
def test_shared_variables_copy_swap_and_sum() -> None:
    state, other = theano.shared(0), theano.shared(10)
    inc = T.iscalar("inc")
    accumulator = theano.function([inc], state, updates=[(state, state + inc)])
    copy = accumulator.copy(swap={state: other})
    assert [accumulator(1), accumulator(300), state.get_value(), copy(100), other.get_value()] == [0, 1, 301, 10, 110]
    assert accumulator.copy(delete_updates=True)(5) == state.get_value() == 301
    state.set_value(-1)
    assert accumulator(3) == -1
    foo = T.scalar(dtype=state.dtype)
    assert theano.function([inc, foo], state * 2 + inc, givens=[(state, foo)])(1, 3) == 7
    assert state.get_value() == 2


def test_random_streams_are_reproducible_and_shared() -> None:
    streams = T.shared_randomstreams.RandomStreams(seed=234)
    rv_u, rv_n = streams.uniform((2, 2)), streams.normal((2, 2))
    f, g = theano.function([], rv_u), theano.function([], rv_n, no_default_updates=True)
    assert (f() != f()).any()
    assert (g() == g()).all()
    assert not theano.function([], rv_u + rv_u - 2 * rv_u, updates=streams.updates())().any()
    state = rv_u.rng.get_value(borrow=True)
    first = f()
    rv_u.rng.set_value(state, borrow=True)
    assert (f() == first).all()
    state.seed(89234)
    rv_u.rng.set_value(state)
    streams.seed(902340)
    again = f()
    streams.seed(902340)
    assert (f() == again).all()


DISTRIBUTIONS = [
    (lambda r: r.uniform((4000,), low=2, high=4), 3, 1 / np.sqrt(3)),
    (lambda r: r.uniform((4000,), 2.0, 4.0), 3, 1 / np.sqrt(3)),
    (lambda r: r.normal((4000,), avg=1.0, std=2.0), 1, 2),
    (lambda r: r.normal(T.constant([4000]), ndim=1), 0, 1),
    (lambda r: r.binomial((4000,), n=1, p=0.3), 0.3, np.sqrt(0.21)),
    (lambda r: r.binomial((4000,), n=5, p=0.5), 2.5, np.sqrt(1.25)),
    (lambda r: r.random_integers((4000,), 1, 3), 2, np.sqrt(2 / 3)),
    (lambda r: r.choice((4000,), a=3), 1, np.sqrt(2 / 3)),
    (lambda r: r.permutation(n=4000), 1999.5, np.sqrt((4000**2 - 1) / 12)),
    (lambda r: r.multinomial(n=4000, pvals=[0.25, 0.75])[1] / 4000.0 + T.zeros((1,)), 0.75, 0),
    (lambda r: r.shuffle_row_elements(T.arange(4000)), 1999.5, np.sqrt((4000**2 - 1) / 12)),
]


def test_random_numbers_have_their_distribution() -> None:
    for draw, mean, deviation in DISTRIBUTIONS:
        with name_case(f"{mean} {deviation}"):
            values = theano.function([], draw(theano.sandbox.rng_mrg.MRG_RandomStreams(3)))()
            assert np.mean(values) == pytest.approx(mean, abs=0.1 * max(deviation, 0.3))
            assert np.std(values) == pytest.approx(deviation, rel=0.1)


def test_random_numbers_differ_from_step_to_step() -> None:
    streams = T.shared_randomstreams.RandomStreams(1)
    noise, updates = theano.scan(lambda: streams.uniform((3,)), n_steps=4)
    f = theano.function([], noise, updates=updates)
    assert len(np.unique(f())) == 12
    assert (f() != f()).all()


def test_a_number_of_steps_that_is_a_length_cuts_no_sequence() -> None:
    x = T.dmatrix("x")
    total, _ = theano.scan(lambda a, h: h + a, x, T.zeros((x.shape[1],)), n_steps=x.shape[0])
    assert "arange" not in str(total[-1])
    assert theano.function([x], total[-1])([[1, 2], [3, 4]]).tolist() == [4, 6]


def test_names_types_and_graphs() -> None:
    x, y = T.dmatrix("x"), T.dvector("y")
    z = x * y + 1
    assert [str(v) for v in (x, z, T.constant(2.0), theano.shared(1.0), theano.shared(1.0, "w"))] == [
        "x",
        "x * y + 1",
        "TensorConstant{2.0}",
        "<TensorType(float64, scalar)>",
        "w",
    ]
    assert [str(v.type) for v in (x, y, T.row(), T.tensor4(), T.ivector())] == [
        "TensorType(float64, matrix)",
        "TensorType(float64, vector)",
        "TensorType(float64, row)",
        "TensorType(float64, 4D)",
        "TensorType(int32, vector)",
    ]
    assert isinstance(z, T.TensorVariable)
    assert bool(z)
    assert not isinstance(theano.shared(1), T.TensorVariable)
    z.name = "z"
    assert str(z) == "z"
    assert x.type is x.type
    assert x.type == T.dmatrix
    assert x != y
    assert x == x
    assert {x: 1}[x] == 1
    assert theano.gof.graph.inputs([z])[:2] == [x, y]
    assert z.owner.inputs[0].owner.inputs == [x, y]
    assert [v.name for v in T.matrices("ab")] == ["a", "b"]
    assert [v.name for v in T.dvectors("u", "v")] == ["u", "v"]
    assert len(T.scalars(3)) == 3
    assert theano.pp(z) == "x * y + 1"
    assert "x" in theano.printing.debugprint(z, file="str")
    assert [v.op.name for v in theano.function([x, y], z).maker.fgraph.toposort()] == ["multiply", "add"]


def test_programs_look_for_ops_in_the_graph_of_a_function() -> None:
    """As the tutorials tell whether the GPU was used."""
    x, w = T.dmatrix("x"), theano.shared(np.ones((3, 2)))
    graph = theano.function([x], T.exp(T.dot(x, w)).sum()).maker.fgraph
    nodes = graph.toposort()
    assert [type(n.op).__name__ for n in nodes][:2] == ["Gemm", "Elemwise"]
    assert [isinstance(n.op, T.Elemwise) for n in nodes] == [False, True, False]
    assert sorted(str(n.op) for n in graph.apply_nodes) == ["Elemwise{exp}", "Gemm{matmul}", "GraphOp{sum}"]
    assert T.elemwise.Elemwise is T.Elemwise


def test_print_and_monitors(capsys: pytest.CaptureFixture[str]) -> None:
    x = T.dvector("x")
    f = theano.function([x], 2 * theano.printing.Print("x is", attrs=["__str__", "shape"])(x))
    assert f([1, 2]).tolist() == [2, 4]
    assert capsys.readouterr().out == "x is __str__ = [1. 2.]\nx is shape = (2,)\n"
    seen = []
    mode = theano.compile.MonitorMode(
        post_func=lambda i, node, fn: seen.append((i, node.op.name, fn.outputs[0][0].tolist()))
    )
    assert theano.function([x], T.log(x) + 1, mode=mode)([1.0]).tolist() == [1]
    assert seen == [(0, "log", [0.0]), (1, "add", [1.0])]
    with pytest.raises(pel.NonFiniteError, match="fix"):
        theano.function([x], T.log(x), mode=theano.compile.nanguardmode.NanGuardMode())([-1.0])
    with pytest.raises(pel.OptionError, match="both stop a call"):
        theano.compile.nanguardmode.NanGuardMode(inf_is_error=False)


@pytest.mark.usefixtures("compile_functions")
def test_prints_and_sources_of_freed_variables_are_forgotten(young_garbage: None) -> None:
    from pellucid.compat.theano import printing, variables

    x = T.dvector("x")
    before = len(printing._printed), len(variables._sources)
    f = theano.function([x], theano.printing.Print("x is")(x) + T.grad((x * x).sum(), x), name="old")
    assert str(f.copy(name="new")) == "new"
    assert str(f.copy()) == "old"
    assert (len(printing._printed), len(variables._sources)) == (before[0] + 1, before[1] + 1)
    del f
    gc.collect(0)
    assert (len(printing._printed), len(variables._sources)) == before


@pytest.fixture
def young_garbage() -> Iterator[None]:
    """Keep all new objects in the youngest generation, whose collection is fast."""
    gc.collect(0)
    gc.disable()
    yield
    gc.enable()


def test_floatx_is_the_default_dtype() -> None:
    with theano.config.change_flags(floatX="float32"):
        assert [T.matrix().dtype, T.zeros((2,)).dtype, (T.fscalar() * 0.1).dtype] == ["float32"] * 3
        assert (T.iscalar() / T.iscalar()).dtype == "float32"
    assert T.matrix().dtype == "float64"


def test_pickles() -> None:
    x, w = T.dvector("x"), theano.shared(np.ones(2), "w")
    loaded, v = pickle.loads(pickle.dumps((theano.function([x], x * w), w)))
    assert loaded([1, 2]).tolist() == [1, 2]
    assert v.get_value().tolist() == [1, 1]


x, y, n = T.dmatrix("x"), T.dvector("y"), T.iscalar("n")
f32 = T.fmatrix("f32")
w32 = theano.shared(np.float32(1), "w32")


ERRORS = [
    (lambda: theano.function(x, x), pel.UseError, "expected a list of inputs, even of one"),
    (lambda: theano.function([3], x), pel.InputError, "Expected a variable as an input.*Received: 3"),
    (lambda: theano.function([x], y.sum()), theano.compile.UnusedInputError, "index 0 is not part of .*: x. Pass"),
    (lambda: theano.function([], x), pel.InputError, "needs the input x"),
    (
        lambda: theano.function([f32], f32)(np.ones((1, 2))),
        pel.DtypeError,
        r"input 0 \(f32\).*float64.*downcast=True",
    ),
    (
        lambda: theano.function([f32], f32)(np.ones(2, "float32")),
        pel.DtypeError,
        "expected 2 dimensions. Received: 1",
    ),
    (lambda: theano.function([x], x)(x), pel.UseError, "expected a value. Received: x, a variable"),
    (lambda: theano.function([x], x)("abc"), pel.DtypeError, "expected numbers"),
    (lambda: theano.function([x, y], x + y)([[1]]), pel.UseError, "missing a value for the input y"),
    (lambda: theano.function([x], x)([[1]], 2), pel.UseError, "expected 1 arguments. Received: 2"),
    (lambda: theano.function([x], x)(z=2), pel.UseError, "has no input 'z'"),
    (lambda: theano.function([x], x)([[1]], x=2), pel.UseError, "two values for 'x'"),
    (lambda: theano.function([], [], updates=[(w32, w32 * y.sum())]), pel.DtypeError, "must have the same type"),
    (lambda: theano.function([], [], updates=[(x, x)]), pel.UseError, "expected shared variables as keys"),
    (lambda: theano.function([], [], updates=[w32]), pel.UseError, "expected a dict, or pairs"),
    (lambda: theano.shared(x), pel.DtypeError, "can not be theano expressions"),
    (lambda: theano.shared("text"), pel.DtypeError, "expected an array of numbers"),
    (lambda: w32.set_value(np.ones(2, "float32")), pel.DtypeError, "expected 0 dimensions"),
    (
        lambda: theano.shared(np.ones(2)).set_value(np.ones(3)),
        pel.ShapeError,
        r"has shape \(2,\). Received: .*\(3,\)",
    ),
    (lambda: T.grad(x, x), pel.GradientError, "cost must be a scalar"),
    (lambda: T.grad(x.sum(), y), theano.gradient.DisconnectedInputError, "y"),
    (lambda: T.concatenate([x, y]), pel.UseError, "same number of dimensions. Received: 2, 1 dimensions"),
    (lambda: bool(x > 1), pel.UseError, "do not support boolean operations"),
    (lambda: len(x), pel.UseError, "no length until it is computed"),
    (lambda: list(x), pel.UseError, "does not support iteration"),
    (lambda: x + "a", TypeError, "unsupported operand"),
    (lambda: x.transposed, pel.NoSuchNameError, "transpose"),
    (lambda: x["a"], pel.UseError, "expected integers, slices or variables"),
    (lambda: x[1, 2, 3], IndexError, "has 2 dimensions"),
    (lambda: x.dimshuffle(0), pel.ShapeError, r"only dimensions of length 1 .* T.addbroadcast\(x, 1\)"),
    (lambda: x.dimshuffle(0, 0), pel.ShapeError, r"received the pattern \(0, 0\)"),
    (lambda: x.flatten(3), pel.ShapeError, "expected from 1 to 2 dimensions. Received: 3"),
    (lambda: x.reshape(T.lvector()), pel.ShapeError, "Pass ndim="),
    (lambda: T.zeros(y[0]), pel.DtypeError, "Expected an integer as a size"),
    (lambda: T.set_subtensor(x + 1, 2), pel.UseError, "expected a part of a variable"),
    (lambda: T.as_tensor_variable("a"), pel.DtypeError, "Cannot convert 'a' to TensorType"),
    (lambda: T.dmatrix(3), pel.UseError, "Expected the name of a variable"),
    (lambda: T.round(x, "up"), pel.OptionError, "half_away_from_zero"),
    (lambda: theano.scan(lambda: x), pel.UseError, "expected sequences or n_steps"),
    (lambda: theano.scan(lambda a: a, n), pel.ShapeError, "at least one dimension. Received: n, a scalar"),
    (lambda: theano.scan(lambda a, h: x, y, y[0]), pel.ShapeError, "the initial state .* and the step returns"),
    (lambda: theano.scan(lambda a, h: a, y, [None, y]), pel.UseError, "has 2 entries, and the step returns 1"),
    (lambda: theano.scan(lambda a, h: a, y, {"initial": y, "taps": [1]}), pel.UseError, "expected negative taps"),
    (lambda: theano.ifelse.ifelse(n, [x], [x, x]), pel.UseError, "the same number of results"),
    (lambda: T.nnet.categorical_crossentropy(T.tensor3(), y), pel.ShapeError, "rank mismatch"),
    (
        lambda: T.nnet.conv2d(T.tensor4(), T.tensor4(), border_mode="same"),
        pel.OptionError,
        "'valid', 'full', 'half'",
    ),
    (lambda: T.nnet.conv2d(T.tensor4(), T.tensor4()), pel.ShapeError, "spatial sizes are known"),
    (lambda: T.signal.pool.pool_2d(y, 2, ignore_border=True), pel.ShapeError, "requires an input of 2 dimensions"),
    (lambda: T.signal.pool.pool_2d(x, 2, ignore_border=True, mode="min"), pel.OptionError, "average_exc_pad"),
    (
        lambda: T.signal.pool.pool_2d(x, 2, ignore_border=False, pad=1),
        pel.OptionError,
        "only with ignore_border=True",
    ),
    (lambda: T.signal.pool.pool_2d(x, n, ignore_border=True), pel.ShapeError, "known before the program runs"),
    (lambda: setattr(theano.config, "floatX", "float8"), pel.OptionError, "expected one of 'float64'"),
    (lambda: theano.config.floatx, pel.NoSuchNameError, "floatX"),
    (lambda: theano.printing.pydotprint(x), pel.UseError, "debugprint"),
    (lambda: T.shared_randomstreams.RandomStreams().uniform((2,), lo=1), pel.UseError, "expected low and high"),
    (lambda: T.raw_random.uniform(3), pel.UseError, "expected a state"),
    (lambda: T.ctensor3, pel.NoSuchNameError, "theano.tensor.ctensor3 of Theano 1.0.5 is not in pellucid.compat"),
    (lambda: theano.OpFromGraph, pel.NoSuchNameError, "of Theano 1.0.5"),
    (lambda: T.softmaxx, pel.NoSuchNameError, "theano.tensor has no 'softmaxx' in Theano 1.0.5"),
]


def test_matrix_norms_and_transpositions() -> None:
    x = T.constant(np.array([[1.0, -2.0, 0.0], [3.0, 4.0, -8.0]]))
    norms = [T.nlinalg.norm(x, 1), T.nlinalg.norm(x, "inf"), x.norm(1), T.transpose(x, axes=(1, 0)).norm(2, axis=1)]
    found = [norm.eval() for norm in norms]
    assert [*map(float, found[:3])] == [8, 15, 18]
    np.testing.assert_allclose(found[3], np.linalg.norm([[1, -2, 0], [3, 4, -8]], axis=0))


def test_errors() -> None:
    for build, error, message in ERRORS:
        with name_case(message), pytest.raises(error, match=message):
            build()


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_a_loop_of_calls_costs_what_a_function_of_pellucid_costs() -> None:
    """The adapter adds a few microseconds to a call; benchmarks/legacy.py measures whole loops."""
    v = theano.shared(np.zeros((100, 10)))
    step = theano.function([x], updates=[(v, v - 0.1 * T.grad(((x.dot(v)) ** 2).mean(), v))])
    assert step._convert is not None
    data = np.ones((20, 100))
    step(data)
    own = step.compiled
    from time import perf_counter

    def measure(call: Any) -> float:
        start = perf_counter()
        for _ in range(300):
            call(data)
        return perf_counter() - start

    ratios = [measure(step) / measure(own) for _ in range(5)]
    assert min(ratios) < 1.1


@pytest.mark.parametrize("options", [{}, {"filter_flip": False}, {"filter_dilation": (2, 1)}, {"subsample": (2, 1)}])
def test_convolutions_equal_their_definition(options: dict[str, Any]) -> None:
    for border_mode in ("valid", "half", "full", (1, 2), 1):
        with name_case(str(border_mode)):
            check_convolution(border_mode, options)


def check_convolution(border_mode: Any, options: dict[str, Any]) -> None:
    values = theano_cases.make_values()
    images, filters = values["t"], values["k"]
    found = T.nnet.conv2d(images, filters, border_mode=border_mode, **options).eval()
    down, right = options.get("filter_dilation", (1, 1))
    kernel = filters if options.get("filter_flip") is False else filters[:, :, ::-1, ::-1]
    rows, columns = 2 * down + 1, right + 1
    pads = {"valid": (0, 0), "half": (rows // 2, columns // 2), "full": (rows - 1, columns - 1), 1: (1, 1)}
    p, q = pads.get(border_mode, border_mode)
    padded = np.pad(images, [(0, 0), (0, 0), (p, p), (q, q)])
    step = options.get("subsample", (1, 1))
    expected = [
        [
            np.einsum("ncij,fcij->nf", padded[:, :, i : i + rows : down, j : j + columns : right], kernel)
            for j in range(0, padded.shape[3] - columns + 1, step[1])
        ]
        for i in range(0, padded.shape[2] - rows + 1, step[0])
    ]
    np.testing.assert_allclose(found, np.moveaxis(expected, (2, 3), (0, 1)), atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"num_groups": 2}, {"subsample": (2, 1), "border_mode": "half"}])
def test_gradient_ops_of_convolutions_are_their_gradients(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    channels = 4 // options.get("num_groups", 1)
    images, filters = (theano.shared(rng.normal(size=s)) for s in [(2, 4, 6, 5), (6, channels, 3, 3)])
    output = T.nnet.conv2d(images, filters, **options)
    weights = theano.shared(rng.normal(size=output.eval().shape))
    expected = [g.eval() for g in T.grad((output * weights).sum(), [images, filters])]
    ops = theano.tensor.nnet.abstract_conv
    inputs = ops.AbstractConv2d_gradInputs(imshp=(2, 4, 6, 5), kshp=(6, channels, 3, 3), **options)(filters, weights)
    kernels = ops.AbstractConv2d_gradWeights(**options)(images, weights, (3, 3))
    for found, e in zip([inputs, kernels], expected, strict=True):
        np.testing.assert_allclose(found.eval(), e, atol=1e-12)
    for op in (ops.AbstractConv2d_gradInputs, ops.AbstractConv2d_gradWeights):
        with pytest.raises(pel.OptionError, match="unshared=True is not"):
            op(unshared=True)


def test_formulas_have_the_names_of_python_variables() -> None:
    weights, inputs = theano.shared(np.ones(2)), T.dvector()
    f = theano.function([inputs], inputs * weights)
    assert str(f.compiled.program.outputs[0]) == "inputs * weights"
    assert f([1, 2]).tolist() == [1, 2]
