"""``Function.as_jax``: a compiled function as a pure function for the transformations of JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import InputError, ShapeError, near_miss
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.types import format_shape, is_float
from pellucid.graph.unique_names import UniqueNames
from pellucid.run.argument_binding import check_shape, order_arguments
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.xla import XlaProgram

if TYPE_CHECKING:
    from pellucid.run.function import Function


class PureFunction:
    """Pure function of the values of shared variables and of inputs, made by `Function.as_jax`.

    Attributes
    ----------
    state : dict from str to jax.Array
        Initial values of the variables that are not floating-point numbers: random streams and counters.
    """

    def __init__(self, function: Function) -> None:
        self.__name__ = "function"
        self.function = function
        self.tracer: XlaProgram = XlaProgram(function.program)
        names = UniqueNames()
        shared = {names.add(s.name or "shared"): s for s in function.program.shared}
        self.parameters: dict[str, Shared] = {name: s for name, s in shared.items() if is_float(s.dtype)}
        self.counters: dict[str, Shared] = {name: s for name, s in shared.items() if not is_float(s.dtype)}
        self.state: dict[str, Any] = copy_values(self.counters)

    def __repr__(self) -> str:
        inputs = ["params", *map(str, self.function.program.inputs), *["state"] * bool(self.counters)]
        return f"function of ({', '.join(inputs)}) that returns {', '.join(self.list_results())}, for JAX"

    def list_results(self) -> list[str]:
        """Return the names of the results."""
        if not self.function.program.updates:
            return ["outputs"]
        return ["outputs", "params", *["state"] * bool(self.counters)]

    def __call__(self, params: Mapping[str, Any], *inputs: Any, state: Mapping[str, Any] | None = None) -> Any:
        program = self.function.program
        given = {
            **match_values("params", params, self.parameters),
            **match_values("state", self.state if state is None else state, self.counters),
        }
        with x64():  # the graph states every dtype, also where the caller's JAX has no 64-bit types
            values: dict[Expr, Any] = {s: convert(value, s) for s, value in given.items()}
            read = [e.value if isinstance(e, Constant) else values[e] for e in program.read]
            old = [values[s] for s in program.updates]
            outputs, new = self.tracer.trace_without_kernels(old, read, self.convert_inputs(inputs))
            values.update(zip(program.updates, new, strict=True))
            # Loops of JAX need new values in the dtypes of the old ones.
            after = {s: values[s].astype(jax().numpy.result_type(given[s])) for s in given}
        results = {
            "outputs": self.function.shape_outputs(outputs),
            "params": {name: after[s] for name, s in self.parameters.items()},
            "state": {name: after[s] for name, s in self.counters.items()},
        }
        chosen = [results[name] for name in self.list_results()]
        return chosen[0] if len(chosen) == 1 else tuple(chosen)

    def convert_inputs(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the inputs in their dtypes, with defaults for those not given, after checking shapes."""
        declared = self.function.program.inputs
        given = order_arguments(declared, inputs, {}, self.function.defaults)
        arrays = [convert(value, i) for i, value in zip(declared, given, strict=True)]
        sizes: dict[str, Any] = {}
        for i, array in zip(declared, arrays, strict=True):
            check_shape(i, array.shape, 0, sizes)
        return arrays


def convert(value: Any, leaf: Expr) -> Any:
    """Return a value as a JAX array in the dtype of a leaf."""
    return jax().lax.convert_element_type(value, leaf.dtype)


def copy_values(variables: Mapping[str, Shared]) -> dict[str, Any]:
    """Return copies of the values of variables as JAX arrays."""
    with x64():
        return {name: jax().numpy.array(s.get_value()) for name, s in variables.items()}


def match_values(argument: str, values: Any, variables: Mapping[str, Shared]) -> dict[Shared, Any]:
    """Return the value of each variable from a dict by name, which must have all of them."""
    expected = f"{argument}: expected a dict with values of {', '.join(variables) or 'no variables'}"
    if not isinstance(values, Mapping):
        raise InputError(f"{expected}. Received: {type(values).__name__}. Write f(params, *inputs)")
    for name in values:
        if name not in variables:
            raise InputError(f"{expected}. Received: {name!r}.{near_miss(str(name), variables)}")
    missing = [name for name in variables if name not in values]
    if missing:
        raise InputError(f"{expected}. Missing: {', '.join(missing)}")
    for name, s in variables.items():
        shape = jax().numpy.shape(values[name])
        if shape != s.shape:
            raise ShapeError(f"{argument}: {name} has shape {format_shape(s.shape)}. Received: {format_shape(shape)}")
    return {s: values[name] for name, s in variables.items()}


def as_jax(function: Function) -> tuple[PureFunction, dict[str, Any]]:
    """Return a pure function and the values of its parameters; see `Function.as_jax`."""
    pure = PureFunction(function)
    return pure, copy_values(pure.parameters)
