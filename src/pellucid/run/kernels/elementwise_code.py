"""C statements that compute one element of elementwise expressions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import topological
from pellucid.run.jax_runtime import jax
from pellucid.run.native.elementwise import c_literal, c_type, emit_elementwise, is_elementwise
from pellucid.run.native.equations import Value
from pellucid.run.native.jaxpr_reader import trace_step

emitted: dict[Hashable, str | None] = {}
"""The statements of this process, by a description of their expressions. Layers of a network often have equal ones."""


Node = tuple[Expr, Sequence[Expr]]
"""An expression, and those from which it is computed: its inputs, or the expressions that replace them."""


def emit_expressions(terms: Sequence[Expr], operands: Sequence[Expr], dtype: str) -> str | None:
    """Return C statements that compute ``terms[k]`` from ``x0``, ``x1``, ..., the elements of the operands.

    None if C lacks one of the primitives.
    """
    known = set(operands)
    return emit_nodes(terms, operands, [(e, e.inputs) for e in topological(terms, stop=known) if e not in known], dtype)


def emit_nodes(terms: Sequence[Expr], operands: Sequence[Expr], nodes: Sequence[Node], dtype: str) -> str | None:
    """Return the statements for expressions that are computed in the order of ``nodes``; see `emit_expressions`.

    Booleans are stored in an operand as numbers that are not 0.
    """
    key = describe_nodes(terms, operands, nodes), dtype
    if key not in emitted:
        emitted[key] = emit_terms(lambda *x: compute_nodes(terms, operands, nodes, x), len(operands), dtype)
    return emitted[key]


def describe_nodes(terms: Sequence[Expr], operands: Sequence[Expr], nodes: Sequence[Node]) -> Hashable:
    """Return what expressions compute, whatever their shapes and the names of their operands are."""
    numbers = {e: k for k, e in enumerate([*operands, *(e for e, _ in nodes)])}
    described: list[Hashable] = [e.dtype == bool for e in operands]
    for e, inputs in nodes:
        if isinstance(e, Constant):
            described.append((str(e.dtype), e.value.shape, e.value.tobytes()))
        else:
            described.append((e.op, e._settings, *(numbers[i] for i in inputs)))
    return tuple(described), tuple(numbers[t] for t in terms)


def compute_nodes(
    terms: Sequence[Expr], operands: Sequence[Expr], nodes: Sequence[Node], elements: Sequence[Any]
) -> list[Any]:
    """Return one element of each term from one element of each operand."""
    values: dict[Expr, Any] = {e: x != 0 if e.dtype == bool else x for e, x in zip(operands, elements, strict=True)}
    for e, inputs in nodes:
        if isinstance(e, Constant):
            values[e] = e.value
        else:
            op = cast(Any, e.op)
            values[e] = (op.xla or op.value)(jax().numpy, *(values[i] for i in inputs), **e.settings)
    return [values[t] for t in terms]


def emit_terms(compute: Callable[..., Sequence[Any]], count: int, dtype: str) -> str | None:
    """Return C statements for the results of a function of scalars, or None if C lacks one of its primitives."""
    block = trace_step(compute, *[jax().ShapeDtypeStruct((), dtype)] * count)
    if not all(is_elementwise(e) and len(e.outputs) == 1 for e in block.equations):
        return None
    texts: dict[Value, str] = {v: f"x{k}" for k, v in enumerate(block.inputs)}

    def write(value: Value) -> str:
        return texts[value] if value.constant is None else c_literal(value.constant.item(), value.dtype)

    lines = []
    for e in block.equations:
        text = emit_elementwise(e, [write(x) for x in e.inputs])
        if e.result.dtype.kind == "b":  # compilers vectorize conditions, but not bytes that hold them
            texts[e.result] = text
            continue
        texts[e.result] = e.result.name
        lines.append(f"  const {c_type(e.result.dtype)} {e.result.name} = {text};")
    lines += [f"  terms[{k}] = {write(v)};" for k, v in enumerate(block.outputs)]
    return "\n".join(lines)
