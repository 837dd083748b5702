"""The node tests that come with the `onnx` package, run through what reads ONNX files.

Every operator that is read is held against all of its cases; what is not claimed stands here with its reason.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.interop.onnx.errors import UnknownValueError
from pellucid.interop.onnx.importer import from_onnx

SEQUENCES = "what is handed in and out of pellucid are arrays: no sequences of them, and none that may be absent"
TEXTS = "pellucid's values are numbers: it has no texts"
NARROW = "pellucid has no numbers of 2 or 4 bits, nor of exponents alone"
RANDOM = "it draws random numbers, which no file tells of"
BY_DATA = "the size of its result follows from the values it is given"
TREES = "it is no operator of networks, but of trees and tables"
NOISE = "the expected zeros are float32's noise, of more than the absolute tolerance"

OPERATORS = {
    **dict.fromkeys(("SequenceMap", "Optional", "OptionalGetElement", "OptionalHasElement"), SEQUENCES),
    **dict.fromkeys(("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"), TEXTS),
    **dict.fromkeys(("Bernoulli", "RandomUniformLike"), RANDOM),
    "NonMaxSuppression": BY_DATA,
    "ImageDecoder": "pellucid.data reads images",
    "BitCast": "pellucid has no op that takes the bits of one dtype for those of another",
}
"""Operators that are not read, and why."""

DOMAINS = {"ai.onnx.ml": TREES}
"""Domains of which nothing is read, and why."""

NARROW_TYPES = ("INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1", "FLOAT8E8M0")

CASES = {
    **dict.fromkeys(("test_training_dropout", "test_training_dropout_mask"), RANDOM),
    **dict.fromkeys(("test_training_dropout_default", "test_training_dropout_default_mask"), RANDOM),
    "test_dft_inverse": NOISE,
    "test_dft_inverse_opset19": NOISE,
    **dict.fromkeys(
        ("test_causal_conv_with_state_silu_fp16", "test_causal_conv_with_state_silu_fp16_expanded"),
        "NumPy rounds each sum of a product to float16, where the expected values were added up in float32",
    ),
    "test_reduce_log_sum_exp_empty_set_expanded": "the logarithm of a sum of nothing becomes logsumexp",
}
"""Single cases of operators that are read otherwise, and why."""


@dataclass(frozen=True)
class Result:
    """How one case went.

    Attributes
    ----------
    name : str
        What the case is called.
    operators : tuple of str
        Those in its graph; for a case that `onnx` derives from another one by opening a function, these are the
        function's.
    reason : str
        Why it is not claimed; empty if it is.
    error : str
        What went wrong; empty if it passed.
    """

    name: str
    operators: tuple[str, ...]
    reason: str
    error: str


def cases(without: Collection[str] = ()) -> list[Any]:
    """Return the cases that come with the `onnx` package, which computes them as their files are imported.

    Parameters
    ----------
    without : collection of str
        Files to leave out, such as those of the poolings, which take as long as all others together.

    Returns
    -------
    list
        With a name, a model, and inputs and outputs.
    """
    from onnx.backend.test.case import node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they overflow on purpose
        for file in pkgutil.walk_packages(node.__path__, f"{node.__name__}."):
            if file.name.rpartition(".")[2] not in without:
                importlib.import_module(file.name)
    return [case for case in node._NodeTestCases if case.model is not None]


def operators_of(case: Any) -> tuple[str, ...]:
    """Return the operators in a case's graph, with their domain if that is not ONNX's own."""
    names = [
        n.op_type if n.domain in ("", "ai.onnx") else f"{n.domain}.{n.op_type}" for n in nodes_of(case.model.graph)
    ]
    return tuple(dict.fromkeys(names))


def nodes_of(graph: Any) -> Iterable[Any]:
    """Yield the nodes of a graph and of the graphs inside them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def reason_of(case: Any) -> str:
    """Return why a case is not claimed; nothing if it is."""
    if case.name in CASES:
        return CASES[case.name]
    for operator in operators_of(case):
        if operator in OPERATORS:
            return OPERATORS[operator]
        domain = operator.rpartition(".")[0]
        if domain in DOMAINS:
            return DOMAINS[domain]
    return reason_of_types(case)


def reason_of_types(case: Any) -> str:
    """Return why a case is not claimed whose values are no arrays of numbers."""
    from onnx import TensorProto

    graph = case.model.graph
    for info in (*graph.input, *graph.output):
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            return SEQUENCES
        name = TensorProto.DataType.Name(info.type.tensor_type.elem_type)
        if name == "STRING":
            return TEXTS
        if name in NARROW_TYPES:
            return NARROW
    return ""


def run(case: Any) -> None:
    """Read a case's model, tell it the inputs that decide shapes, interpret it, and compare as `onnx` does.

    Raises
    ------
    Exception
        If it cannot be read or run, or computes something else.
    """
    from onnx.backend.test.runner import Runner

    names = [i.name for i in case.model.graph.input]
    for given, expected in case.data_sets:
        arrays = dict(zip(names, map(array_of, given), strict=False))
        found = computed(case.model, arrays)
        Runner.assert_similar_outputs([array_of(e) for e in expected], found, case.rtol, case.atol)


def array_of(value: Any) -> Any:
    """Return a value of a case as an array."""
    from onnx import numpy_helper

    return numpy_helper.to_array(value) if hasattr(value, "dims") else value


def computed(model: Any, arrays: dict[str, Any]) -> list[Any]:
    """Read a model and interpret it."""
    from pellucid.run.function_builder import function

    told: dict[str, Any] = {}
    while True:
        try:
            read = from_onnx(model, values=told)
            break
        except UnknownValueError as error:
            new = [name for name in error.names if name not in told]
            if not new:
                raise
            told.update({name: arrays[name] for name in new})
    f = function(read.inputs, read.outputs, mode="numpy", on_unused_input="ignore")
    with np.errstate(all="ignore"):
        return [np.asarray(value) for value in f(*[arrays[str(i.name)] for i in read.inputs])]


def result_of(case: Any) -> Result:
    """Run a case and say how it went."""
    error = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run(case)
    except Exception as problem:
        error = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
    return Result(case.name, operators_of(case), reason_of(case), error)


def table(results: Sequence[Result]) -> str:
    """Write how the cases went: every operator that is read, with its cases, and the rest with its reasons."""
    claimed = [r for r in results if not r.reason]
    passed = [r for r in claimed if not r.error]
    by_operator: dict[str, list[Result]] = defaultdict(list)
    for r in claimed:
        for operator in r.operators:
            by_operator[operator].append(r)
    lines = [
        f"{len(passed)} of {len(claimed)} claimed cases pass, for {len(by_operator)} operators; {len(results)} in all",
        "",
    ]
    for operator, own in sorted(by_operator.items()):
        good = sum(not r.error for r in own)
        lines.append(f"{operator:32} {good} of {len(own)}")
    lines += ["", f"{len(results) - len(claimed)} cases are not claimed:"]
    reasons: dict[str, list[Result]] = defaultdict(list)
    for r in results:
        if r.reason:
            reasons[r.reason].append(r)
    for reason, own in sorted(reasons.items(), key=lambda item: -len(item[1])):
        names = sorted({r.operators[0] for r in own})
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        lines.append(f"{len(own):5}  {reason}  ({shown})")
    failed = [r for r in claimed if r.error]
    return "\n".join([*lines, *(f"failed: {r.name}: {r.error}" for r in failed)])


def main() -> int:
    """Run all cases, print how they went, and return 0 if every claimed one passes."""
    results = [result_of(case) for case in cases()]
    print(table(results))
    return int(any(r.error and not r.reason for r in results))
