"""Export of every op to ONNX: ONNX Runtime agrees, or the export is refused with a reason."""

import numpy as np
import pytest
from onnx_models import load_in_runtime

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Input
from pellucid.graph.op import OPS, OUTPUT, get_result
from pellucid.interop.onnx import writers  # noqa: F401 - fills the table
from pellucid.interop.onnx.approximations import APPROXIMATIONS
from pellucid.interop.onnx.decompositions import DEFINITIONS
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.exporter import write_graph
from pellucid.interop.onnx.writer import REFUSED, WRITERS
from pellucid.run.op_check import make_cases

BUILT_IN = [name for name, op in OPS.items() if op is not OUTPUT]
BODIES = ("scan_loop", "branch", "while_steps")
INTEGERS = "left_shift", "right_shift", "bitwise_and", "bitwise_or", "bitwise_xor", "invert"


def make_operands(name):
    """Yield operands and settings of an op, in float32 unless the op has a subgraph in float64."""
    op, rng = OPS[name], np.random.default_rng(0)
    if name in INTEGERS:
        cases = [([rng.integers(0, 9, (3, 4)).astype("int32") for _ in op.operands], {})]
    else:
        cases = make_cases(op.function, op, {"dtype": "int32"} if name == "cast" else {})
    narrow = {} if name in BODIES else {np.dtype("float64"): "float32"}
    for values, settings in cases:
        arrays = [np.asarray(v) for v in values]
        yield [a.astype(narrow.get(a.dtype, a.dtype)) for a in arrays], settings


@pytest.mark.parametrize("name", [n for n in BUILT_IN if n not in REFUSED])
def test_onnx_runtime_agrees_with_the_interpreter(name):
    op = OPS[name]
    for arrays, settings in make_operands(name):
        inputs = [Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
        expr = op.make(tuple(inputs), {**op.defaults, **settings})
        outputs = [expr] if len(expr.types) == 1 else [get_result(expr, i) for i in range(len(expr.types))]
        expected = evaluate(np, outputs, dict(zip(inputs, arrays, strict=True)))
        model = write_graph({f"y{i}": o for i, o in enumerate(outputs)}, inputs, name, "")
        found = load_in_runtime(model).run(None, {i.name: a for i, a in zip(inputs, arrays, strict=True)})
        for value, expected_value in zip(found, expected, strict=True):
            assert value.dtype == expected_value.dtype
            assert value.shape == expected_value.shape
            np.testing.assert_allclose(value.astype(float), expected_value.astype(float), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_ops_that_onnx_lacks_are_refused_with_their_source_location(name):
    op = OPS[name]
    (values, settings) = next(iter(make_operands(name)))
    inputs = [Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(values)]
    expr = op.make(tuple(inputs), {**op.defaults, **settings})
    with pytest.raises(OnnxError, match=rf"{name} cannot be exported, written at .*test_onnx_ops.py:\d+") as caught:
        write_graph({"y": expr}, inputs, "g", "")
    assert str(caught.value).endswith(REFUSED[name])


def test_every_op_in_the_tables_exists_and_has_one_entry():
    tables = [set(WRITERS), set(DEFINITIONS), set(APPROXIMATIONS), set(REFUSED)]
    assert set.union(*tables) <= set(OPS)
    assert sum(map(len, tables)) == len(set.union(*tables))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("gammaln", -6.3, 50.0),
        ("digamma", -6.3, 50.0),
        ("digamma_derivative", 0.1, 50.0),
        ("erfcx", -3.0, 30.0),
        ("erfinv", -0.9999, 0.9999),
        ("log_ndtr", -30.0, 8.0),
        ("ndtri", 1e-6, 1 - 1e-6),
    ],
)
def test_approximations_have_float32_precision(name, low, high):
    op, x = OPS[name], Input("x", ("n",), "float32")
    values = np.random.default_rng(0).uniform(low, high, 400).astype("float32")
    expr = op.make((x,), dict(op.defaults))
    (expected_value,) = evaluate(np, [expr], {x: values})
    (found,) = load_in_runtime(write_graph({"y": expr}, [x])).run(None, {"x": values})
    np.testing.assert_allclose(found, expected_value, rtol=1e-5, atol=1e-5)
    wide = Input("wide", ("n",), "float64")
    with pytest.raises(OnnxError, match=r"is exported as an approximation with float32 precision\. Cast its argument"):
        write_graph({"y": op.make((wide,), dict(op.defaults))}, [wide])


@pytest.mark.parametrize(
    ("function", "shape", "dtype"),
    [
        (lambda x: x.reshape(0, 3), (3, 0), "float32"),
        (lambda x: x.reshape(2, 0, 3), (0, 2), "float32"),
    ],
)
def test_unusual_sizes(function, shape, dtype):
    x, value = Input("x", shape, dtype), np.ones(shape, dtype)
    (expected,) = evaluate(np, [function(x)], {x: value})
    (found,) = load_in_runtime(write_graph({"y": function(x)}, [x])).run(None, {"x": value})
    np.testing.assert_array_equal(found, expected)


def test_one_hot_has_more_classes_than_the_dtype_has_numbers():
    x = Input("x", ("n",), "uint8")
    value = np.array([0, 1, 255], "uint8")
    (found,) = load_in_runtime(write_graph({"y": pel.one_hot(x, 300)}, [x])).run(None, {"x": value})
    np.testing.assert_array_equal(found, np.eye(300)[value])
