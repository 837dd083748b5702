"""Every op of the registry, exported and run by ONNX Runtime, or refused for a reason."""

import numpy as np
import pytest
from tests_of_onnx import session

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Input
from pellucid.graph.op_def import OPS, OUTPUT, get_result
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


def operands_of(name):
    """Operands and settings of an op, real numbers in float32 where the op carries no graph of float64."""
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
def test_onnx_runtime_computes_what_the_interpreter_does(name):
    op = OPS[name]
    for arrays, settings in operands_of(name):
        inputs = [Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
        made = op.make(tuple(inputs), {**op.defaults, **settings})
        outputs = [made] if len(made.types) == 1 else [get_result(made, i) for i in range(len(made.types))]
        wanted = evaluate(np, outputs, dict(zip(inputs, arrays, strict=True)))
        model = write_graph({f"y{i}": o for i, o in enumerate(outputs)}, inputs, name, "")
        found = session(model).run(None, {i.name: a for i, a in zip(inputs, arrays, strict=True)})
        for value, right in zip(found, wanted, strict=True):
            assert value.dtype == right.dtype
            assert value.shape == right.shape
            np.testing.assert_allclose(value.astype(float), right.astype(float), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_onnx_cannot_express_is_refused_with_its_place(name):
    op = OPS[name]
    (values, settings) = next(iter(operands_of(name)))
    inputs = [Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(values)]
    made = op.make(tuple(inputs), {**op.defaults, **settings})
    with pytest.raises(OnnxError, match=rf"{name} cannot be exported, written at .*test_onnx_ops.py:\d+") as caught:
        write_graph({"y": made}, inputs, "g", "")
    assert str(caught.value).endswith(REFUSED[name])


def test_the_tables_name_ops_that_there_are_and_none_twice():
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
def test_approximations_have_the_digits_of_float32(name, low, high):
    op, x = OPS[name], Input("x", ("n",), "float32")
    values = np.random.default_rng(0).uniform(low, high, 400).astype("float32")
    made = op.make((x,), dict(op.defaults))
    (right,) = evaluate(np, [made], {x: values})
    (found,) = session(write_graph({"y": made}, [x])).run(None, {"x": values})
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)
    wide = Input("wide", ("n",), "float64")
    with pytest.raises(OnnxError, match=r"is exported as an approximation with float32 precision\. Cast its argument"):
        write_graph({"y": op.make((wide,), dict(op.defaults))}, [wide])
