"""A program as lines of Python, which pellucid and the NumPy reference both execute."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OPS

from .reference import REFERENCE

Array = np.ndarray[Any, Any]
Values = dict[str, Any]

NAME = re.compile(r"\b[xv]\d+\b")
"""Names of variables: inputs are x0, x1, ..., and results are v0, v1, ..."""


ROUNDED = re.compile(
    r"tan|sin|cos|exp|log|pow|softmax|soft|standardize|normalize|std|var|norm|sigmoid|erf|gamma|ndtr|cbrt|arc|solve|inv"
    r"|det|cholesky|attention|affine|resize|reciprocal|/|mean|median|quantile"
)
"""Lines whose results have rounding errors even if they look exact."""

FUNCTION = re.compile(r"pel\.(\w+)")


@functools.lru_cache(4096)
def compile_line(code: str) -> CodeType:
    return compile(code, code, "eval")


def run_reference(code: str, variables: Mapping[str, Any]) -> Array:
    """Evaluate a line with the reference, without warnings."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a variance with ddof=1 of one element
        return np.asarray(run_line(code, REFERENCE, variables))


def run_line(code: str, library: Any, variables: Mapping[str, Any]) -> Any:
    """Evaluate a line with pellucid, or with the reference in its place."""
    return eval(compile_line(code), {"pel": library, "np": np, **variables})


def find_names(code: str) -> list[str]:
    """Return the variables that a line reads, in order, without repetitions."""
    return list(dict.fromkeys(NAME.findall(code)))


def is_inexact(value: Array) -> Array:
    """Tell which elements may carry a rounding error: all but multiples of 1/1024 of moderate size, inf and nan."""
    with np.errstate(all="ignore"):
        scaled = value * 1024
        return np.isfinite(value) & ((scaled != np.rint(scaled)) | (np.abs(value) > 1e6))


@dataclass(frozen=True)
class InputData:
    """An input: the declared dimensions (sizes, names or None), the dtype, and a value."""

    name: str
    dims: tuple[int | str | None, ...]
    value: Array

    @property
    def dtype(self) -> str:
        return str(self.value.dtype)


@dataclass(frozen=True)
class Line:
    """An assignment of the value of some code to a variable."""

    target: str
    code: str


@dataclass(frozen=True)
class Program:
    """A random program.

    Attributes
    ----------
    inputs : tuple of InputData
        The inputs.
    lines : tuple of Line
        Assignments, each of which reads inputs and earlier results.
    outputs : tuple of str
        Variables that are compared.
    weighted : bool
        Whether the cost that is differentiated weights the elements of the outputs, or is their plain sum.
    differentiable : bool
        False if an op changes the gradient on purpose, as `stop_gradient` does.
    """

    inputs: tuple[InputData, ...]
    lines: tuple[Line, ...]
    outputs: tuple[str, ...]
    weighted: bool = True
    differentiable: bool = True
    seed: int = 0

    def prune(self) -> Program:
        """Return the program without lines and inputs that no output depends on."""
        needed, lines = set(self.outputs), []
        for line in reversed(self.lines):
            if line.target in needed:
                lines.append(line)
                needed.update(find_names(line.code))
        return replace(self, inputs=tuple(i for i in self.inputs if i.name in needed), lines=tuple(reversed(lines)))

    def build(self) -> tuple[list[Input], list[Expr]]:
        """Return the inputs and outputs as expressions of pellucid."""
        inputs = [pel.Input(i.name, i.dims, i.dtype) for i in self.inputs]
        variables: Values = {i.name: i for i in inputs}
        for line in self.lines:
            variables[line.target] = run_line(line.code, pel, variables)
        return inputs, [variables[name] for name in self.outputs]

    def compute(self, values: Mapping[str, Any] | None = None, noise: Any = None, double: bool = True) -> list[Array]:
        """Return the values of the outputs by the reference, in double precision or that of the inputs.

        ``noise(shape)`` returns relative errors of the intermediate results. Elements that are exact get none, so that
        halves stay halves.
        """
        return [self.compute_all(values, noise, double)[name] for name in self.outputs]

    def compute_all(self, values: Mapping[str, Any] | None = None, noise: Any = None, double: bool = True) -> Values:
        """Return the values of all variables by the reference."""
        convert = widen if double else np.asarray
        variables: Values = {i.name: convert(i.value) for i in self.inputs} | dict(values or {})
        if noise is not None:
            variables = {name: perturb(value, noise) for name, value in variables.items()}
        for line in self.lines:
            value = convert(run_reference(line.code, variables))
            variables[line.target] = value
            if noise is not None:
                rounded = ROUNDED.search(line.code) is not None
                scale = get_scale(line.code, variables)
                variables[line.target] = perturb(value, noise, scale=scale, rounded=rounded)
        return variables

    def to_source(self, mode: str = "auto", rewrite: bool = True, over: bool = False, order: int = 2) -> str:
        """Return a script that runs the program and prints values, gradients and Hessian-vector products."""
        text = ["import numpy as np", "", "import pellucid as pel", ""]
        values = {i.name: i.value for i in self.inputs}
        text += [f"{i.name} = pel.Input({i.name!r}, {i.dims!r}, {i.dtype!r})" for i in self.inputs]
        text += [f"{line.target} = {line.code}" for line in self.lines]
        text += [f"outputs = [{', '.join(self.outputs)}]"]
        floats = [i for i in self.inputs if i.value.dtype.kind == "f"]
        results = [(k, name, v) for k, (name, v) in enumerate(zip(self.outputs, self.compute(), strict=True))]
        results = [(k, name, v) for k, name, v in results if v.dtype.kind == "f"]
        if order and results and floats:
            for k, name, value in results if self.weighted else ():
                text.append(f"w{k} = pel.Input('w{k}', {name}.shape, {name}.dtype)")
                values[f"w{k}"] = make_weights(k, value.shape)
            terms = [f"({name} * w{k}).sum()" if self.weighted else f"{name}.sum()" for k, name, _ in results]
            text += [f"cost = {' + '.join(terms)}", f"wrt = [{', '.join(i.name for i in floats)}]"]
            text += ["outputs += pel.grad(cost, wrt, disconnected='zero')"]
        if order > 1 and results and floats:
            text += [f"d{i.name} = pel.Input('d{i.name}', {i.dims!r}, {i.dtype!r})" for i in floats]
            values |= {f"d{i.name}": make_direction(i) for i in floats}
            directions = ", ".join(f"d{i.name}" for i in floats)
            text += [f"outputs += pel.hessian_vector_product(cost, wrt, [{directions}], disconnected='zero')"]
        options = f"mode={mode!r}, rewrite={rewrite}, on_unused_input='ignore'"
        text += [f"f = pel.function([{', '.join(values)}], outputs, {options})"]
        text += [f"{name}_value = {print_array(value)}" for name, value in values.items()]
        arguments = ", ".join(f"{name}_value[None]" if over else f"{name}_value" for name in values)
        text += [f"for value in {'f.over' if over else 'f'}({arguments}):", "    print(value)"]
        return "\n".join(text) + "\n"


def widen(value: Array) -> Array:
    """Convert floats to double precision."""
    return value.astype("float64") if value.dtype.kind == "f" else value


def perturb(value: Any, noise: Any, everywhere: bool = False, scale: float = 0.0, rounded: bool = False) -> Any:
    """Add relative errors to the inexact elements of a value, or errors to all elements.

    The errors of elements that are much smaller than the scale are relative to the scale. With ``rounded``, even
    elements that look exact have errors, as tanh(20) = 1 does.
    """
    value = np.asarray(value)
    if value.dtype.kind != "f":
        return value
    errors = noise(value.shape)
    if everywhere:
        return (value + np.maximum(np.abs(value), 1e-3) * errors).astype(value.dtype)
    cancelled = np.abs(value) < np.abs(errors)  # such as sinc(1), whose sign is a rounding error
    size = np.maximum(np.where(cancelled, 1, np.abs(value)), scale / 16)
    inexact = np.isfinite(value) if rounded else is_inexact(value)
    return np.where(inexact, value + size * errors, value).astype(value.dtype)


def get_scale(code: str, variables: Mapping[str, Any]) -> float:
    """Return the largest operand of a line, to which rounding errors of sums are relative; 0 for elementwise ops."""
    name = FUNCTION.match(code)
    if name is not None and name[1] in OPS and OPS[name[1]].elementwise:
        return 0.0
    operands = [np.asarray(variables[n]) for n in find_names(code)]
    return max(
        (float(np.max(np.abs(o), where=np.isfinite(o), initial=0)) for o in operands if o.dtype.kind == "f"), default=0
    )


def make_direction(i: InputData) -> Array:
    """Return the direction of an input along which derivatives are compared."""
    rng = np.random.default_rng(int(i.name[1:]))
    return np.round(rng.uniform(0.25, 1, i.value.shape) * rng.choice([-1, 1], i.value.shape), 3).astype(i.value.dtype)


def make_weights(position: int, shape: Sequence[int]) -> Array:
    """Return the weights of the elements of an output in the cost."""
    return np.round(np.cos(np.arange(int(np.prod(shape))) * 1.7 + position).reshape(shape), 3) + 0.125


def print_array(value: Array) -> str:
    """Return Python source of an array."""
    text = np.array2string(np.asarray(value), separator=", ", threshold=10**6, floatmode="unique", max_line_width=110)
    text = re.sub(r"\bnan\b", "np.nan", re.sub(r"\binf\b", "np.inf", text))
    return f"np.array({text}, {str(value.dtype)!r})"
