"""ONNX's node tests: every supported operator runs all of its cases; exclusions are listed with a reason."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.interop.onnx.errors import UnknownValueError
from pellucid.interop.onnx.importer import from_onnx
from pellucid.interop.onnx.tensors import iterate_graphs
from pellucid.typing import Array

if TYPE_CHECKING:
    from onnx import ModelProto

SEQUENCES = "inputs and outputs must be arrays, not sequences or optional values"
STRINGS = "strings are not supported"
NARROW = "2-bit, 4-bit and exponent-only dtypes are not supported"
RANDOM = "it draws random numbers, so its results are not reproducible"
DATA_DEPENDENT = "the shape of its result depends on the values of its inputs"
TRADITIONAL = "operators of traditional machine learning are not supported"
NOISE = "the expected zeros are rounding errors of float32 above the absolute tolerance"

EXCLUDED_OPERATORS = {
    **dict.fromkeys(("SequenceMap", "Optional", "OptionalGetElement", "OptionalHasElement"), SEQUENCES),
    **dict.fromkeys(("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"), STRINGS),
    **dict.fromkeys(("Bernoulli", "RandomUniformLike"), RANDOM),
    "NonMaxSuppression": DATA_DEPENDENT,
    "ImageDecoder": "pellucid.data decodes images",
    "BitCast": "pellucid has no bit-cast",
}
"""Excluded operators, with the reason."""

EXCLUDED_DOMAINS = {"ai.onnx.ml": TRADITIONAL}
"""Excluded domains, with the reason."""

NARROW_TYPES = ("INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1", "FLOAT8E8M0")

EXCLUDED_CASES = {
    **dict.fromkeys(("test_training_dropout", "test_training_dropout_mask"), RANDOM),
    **dict.fromkeys(("test_training_dropout_default", "test_training_dropout_default_mask"), RANDOM),
    "test_dft_inverse": NOISE,
    "test_dft_inverse_opset19": NOISE,
    **dict.fromkeys(
        ("test_causal_conv_with_state_silu_fp16", "test_causal_conv_with_state_silu_fp16_expanded"),
        "NumPy accumulates float16 products in float16; the expected values were accumulated in float32",
    ),
}
"""Excluded cases of supported operators, with the reason."""


@dataclass(frozen=True)
class Result:
    """Result of one case.

    Attributes
    ----------
    name : str
        Name of the case.
    operators : tuple of str
        Operators in its graph. In cases that `onnx` derives by expanding a function, those of the function.
    reason : str
        Why it is excluded; empty if it is not.
    error : str
        Error message; empty if it passed.
    """

    name: str
    operators: tuple[str, ...]
    reason: str
    error: str


def load_cases(without: Collection[str] = ()) -> list[Any]:
    """Return the node tests of the `onnx` package, which computes them when their modules are imported.

    Parameters
    ----------
    without : collection of str
        Modules to skip, such as those of pooling, which take as long as all others together.

    Returns
    -------
    list
        Cases with a name, a model, and data sets of inputs and outputs.
    """
    from onnx.backend.test.case import node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        for file in pkgutil.walk_packages(node.__path__, f"{node.__name__}."):
            if file.name.rpartition(".")[2] not in without:
                importlib.import_module(file.name)
    return [case for case in node._NodeTestCases if case.model is not None]


def get_operators(case: Any) -> tuple[str, ...]:
    """Return the operators in a case's graph, prefixed with their domain if it is not ONNX's own."""
    nodes = [node for graph in iterate_graphs(case.model.graph) for node in graph.node]
    names = [n.op_type if n.domain in ("", "ai.onnx") else f"{n.domain}.{n.op_type}" for n in nodes]
    return tuple(dict.fromkeys(names))


def get_exclusion_reason(case: Any) -> str:
    """Return why a case is excluded, or an empty string."""
    if case.name in EXCLUDED_CASES:
        return EXCLUDED_CASES[case.name]
    for operator in get_operators(case):
        if operator in EXCLUDED_OPERATORS:
            return EXCLUDED_OPERATORS[operator]
        domain = operator.rpartition(".")[0]
        if domain in EXCLUDED_DOMAINS:
            return EXCLUDED_DOMAINS[domain]
    return get_type_exclusion_reason(case)


def get_type_exclusion_reason(case: Any) -> str:
    """Return why the input and output types of a case exclude it, or an empty string."""
    from onnx import TensorProto

    graph = case.model.graph
    for info in (*graph.input, *graph.output):
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            return SEQUENCES
        name = TensorProto.DataType.Name(info.type.tensor_type.elem_type)
        if name == "STRING":
            return STRINGS
        if name in NARROW_TYPES:
            return NARROW
    return ""


def check_case(case: Any) -> None:
    """Import a case's model, run it in the interpreter, and compare as `onnx` does.

    Raises
    ------
    Exception
        If the import or run fails, or a result differs.
    """
    from onnx.backend.test.runner import Runner

    names = [i.name for i in case.model.graph.input]
    for given, expected in case.data_sets:
        arrays = dict(zip(names, map(to_array_value, given), strict=False))
        found = run_model(case.model, arrays)
        Runner.assert_similar_outputs([to_array_value(e) for e in expected], found, case.rtol, case.atol)


def to_array_value(value: Any) -> Any:
    from onnx import numpy_helper

    return numpy_helper.to_array(value) if hasattr(value, "dims") else value


def run_model(model: ModelProto, arrays: dict[str, Any]) -> list[Array]:
    """Import a model, passing the values that its shapes depend on, and run it."""
    from pellucid.run.function_builder import function

    values: dict[str, Any] = {}
    while True:
        try:
            read = from_onnx(model, values=values)
            break
        except UnknownValueError as error:
            new = [name for name in error.names if name not in values]
            if not new:
                raise
            values.update({name: arrays[name] for name in new})
    f = function(read.inputs, read.outputs, mode="numpy", on_unused_input="ignore")
    with np.errstate(all="ignore"):
        return [np.asarray(value) for value in f(*[arrays[str(i.name)] for i in read.inputs])]


def run_case(case: Any) -> Result:
    error = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_case(case)
    except Exception as exception:
        error = f"{type(exception).__name__}: {' '.join(str(exception).split())}"
    return Result(case.name, get_operators(case), get_exclusion_reason(case), error)


def format_results(results: Sequence[Result]) -> str:
    """Format results: cases passed per operator, excluded cases by reason, and failures."""
    supported = [r for r in results if not r.reason]
    passed = [r for r in supported if not r.error]
    by_operator: dict[str, list[Result]] = defaultdict(list)
    for r in supported:
        for operator in r.operators:
            by_operator[operator].append(r)
    lines = [
        f"{len(passed)} of {len(supported)} supported cases pass, for {len(by_operator)} operators; "
        f"{len(results)} in total",
        "",
    ]
    for operator, group in sorted(by_operator.items()):
        lines.append(f"{operator:32} {sum(not r.error for r in group)} of {len(group)}")
    lines += ["", f"{len(results) - len(supported)} cases are excluded:"]
    reasons: dict[str, list[Result]] = defaultdict(list)
    for r in results:
        if r.reason:
            reasons[r.reason].append(r)
    for reason, group in sorted(reasons.items(), key=lambda item: -len(item[1])):
        names = sorted({r.operators[0] for r in group})
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        lines.append(f"{len(group):5}  {reason}  ({shown})")
    failed = [r for r in supported if r.error]
    return "\n".join([*lines, *(f"failed: {r.name}: {r.error}" for r in failed)])


def main() -> int:
    """Run all cases, print the results, and return 0 if no case fails that is not excluded."""
    results = [run_case(case) for case in load_cases()]
    print(format_results(results))
    return int(any(r.error and not r.reason for r in results))
