"""Conversion of a jaxpr, JAX's traced program, to equations: inlined, simplified, and without dead code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.evaluate import use_lowerings
from pellucid.run.native.convolution import LOWERINGS, convert_convolution
from pellucid.run.native.equations import Block, EquationBuilder, Value, ValueTable
from pellucid.run.native.errors import NotNative
from pellucid.run.native.padding import convert_scatter_to_pad
from pellucid.run.native.strength_reduction import reduce_division

if TYPE_CHECKING:
    from jax.extend.core import ClosedJaxpr, JaxprEqn

CALLS = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint")
"""Primitives that only call an inner jaxpr, which is inlined."""

IDENTITIES = ("copy", "copy_p", "optimization_barrier", "stop_gradient")
"""Primitives whose results are their operands."""


def trace_step(step: Callable[..., object], *args: object) -> Block:
    """Trace a function of arrays with JAX. Raises `NotNative` for dtypes that C lacks, and for side effects."""
    from pellucid.run.jax_runtime import jax

    with use_lowerings(LOWERINGS):
        traced = jax().make_jaxpr(step)(*args)
    if traced.effects:
        raise NotNative("it has side effects")
    return read_block(traced, ValueTable())


def read_block(closed: ClosedJaxpr, values: ValueTable) -> Block:
    jaxpr = closed.jaxpr
    inputs = [values.make(var.aval) for var in jaxpr.invars]
    reader = BlockReader(values)
    outputs = reader.read(jaxpr, closed.consts, inputs)
    return eliminate_dead_code(Block(inputs, reader.builder.equations, outputs))


class BlockReader:
    """Converts the equations of one block."""

    def __init__(self, values: ValueTable) -> None:
        self.values = values
        self.builder: EquationBuilder = EquationBuilder(values)

    def read(self, jaxpr: Any, consts: Sequence[Any], inputs: list[Value]) -> list[Value]:
        """Convert the equations of a jaxpr, and return its outputs."""
        known = {v: self.values.make_constant(c, v.aval) for v, c in zip(jaxpr.constvars, consts, strict=True)}
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def look_up(var: Any) -> Value:
            return self.values.make_constant(var.val, var.aval) if hasattr(var, "val") else known[var]

        for e in jaxpr.eqns:
            known.update(zip(e.outvars, self.convert(e, [look_up(v) for v in e.invars]), strict=True))
        return [look_up(v) for v in jaxpr.outvars]

    def convert(self, e: JaxprEqn, inputs: list[Value]) -> list[Value]:
        name = e.primitive.name
        if name in IDENTITIES:
            return inputs
        if name in CALLS:
            inner: Any = e.params.get("jaxpr") or e.params.get("call_jaxpr")
            is_closed = hasattr(inner, "jaxpr")
            return self.read(inner.jaxpr if is_closed else inner, inner.consts if is_closed else [], inputs)
        simpler = reduce_division(self.builder, *inputs) if name == "div" else None
        if name == "conv_general_dilated":
            simpler = convert_convolution(self.builder, e.params, *inputs)
        if name.startswith("scatter"):
            simpler = convert_scatter_to_pad(self.builder, name, e.params, *inputs)
        if simpler is not None:
            return [simpler]
        inner_jaxprs = [v for v in e.params.values() if hasattr(v, "jaxpr")]
        blocks = [read_block(v, self.values) for v in (*inner_jaxprs, *e.params.get("branches", ()))]
        return self.builder.add(name, inputs, [v.aval for v in e.outvars], e.params, blocks).outputs


def eliminate_dead_code(block: Block) -> Block:
    """Remove equations that no output depends on."""
    needed = set(block.outputs)
    live = []
    for e in reversed(block.equations):
        if needed.intersection(e.outputs):
            live.append(e)
            needed.update(e.inputs)
    return Block(block.inputs, live[::-1], block.outputs)
