"""``theano.function`` and ``theano.shared``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.programs import RECORDER
from pellucid.compat.theano.configuration import config
from pellucid.compat.theano.printing import list_prints, print_values
from pellucid.compat.theano.variables import (
    TensorSharedVariable,
    TensorType,
    TensorVariable,
    as_tensor_variable,
    cast_expr,
    find_input,
    get_sources,
    unwrap,
    wrap,
)
from pellucid.graph.errors import DtypeError, InputError, UseError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.traversal import topological

MODES = {"NanGuardMode": "guard", "DebugMode": "numpy", "DEBUG_MODE": "numpy", "DebugMode": "numpy"}
"""Modes of pellucid for Theano's modes; all others compile."""


class UnusedInputError(InputError):
    """An input of a function on which no output depends."""


class MissingInputError(InputError):
    """A variable without a value on which an output depends."""


class In:
    """Input of a function, with a default value, another name, or an update."""

    def __init__(
        self,
        variable: TensorVariable,
        name: str | None = None,
        value: Any = None,
        update: Any = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        autoname: bool = True,
        implicit: bool | None = None,
        borrow: bool | None = None,
        shared: bool = False,
    ) -> None:
        self.variable = variable
        self.name: str | None = name or variable.name
        self.value, self.update = value, update
        self.strict, self.allow_downcast = strict, allow_downcast


def Param(variable: TensorVariable, default: Any = None, name: str | None = None, **options: Any) -> In:
    """Input of a function in the spelling of older versions."""
    return In(variable, name, default, **options)


class Out:
    """Output of a function. ``borrow`` has no effect: results are copies."""

    def __init__(self, variable: TensorVariable, borrow: bool = False) -> None:
        self.variable = variable


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    broadcastable: Sequence[bool] | None = None,
    target: str | None = None,
    **options: Any,
) -> TensorSharedVariable:
    """Variable that keeps its value between calls; it has the dtype of the value."""
    if isinstance(value, TensorVariable):
        raise DtypeError(
            f"Shared variable values can not be theano expressions. Received: {value}. Its value is {value}.eval()"
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"shared: expected an array of numbers. Received: {value!r}")
    expr = pel.shared(array, name, dtype=array.dtype)
    pattern = (False,) * array.ndim if broadcastable is None else broadcastable
    return TensorSharedVariable(expr, name, TensorType(array.dtype, pattern))


class Function:
    """Compiled function of variables.

    Attributes
    ----------
    compiled : pellucid.Function
        The function of pellucid.
    """

    def __init__(
        self, inputs: Sequence[In], types: Sequence[TensorType], compiled: Any, form: Any, **facts: Any
    ) -> None:
        self.inputs, self.types, self.compiled = list(inputs), list(types), compiled
        self.name: str | None = facts["name"]
        self._form, self._prints, self._updates = form, facts["prints"], facts["updates"]
        self._names = [i.name for i in inputs]
        self._dtypes = [t.numpy_dtype for t in types]
        self._ndims = [t.ndim for t in types]
        self._defaults = [i.value for i in inputs]
        self._monitor = facts.get("monitor")
        self._plain = not self._prints and not self._updates and self._monitor is None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = args
        if kwargs or len(args) != len(self.types):
            values = self._order(args, kwargs)
        results = self.compiled(*self._convert_all(values))
        if self._monitor is not None:
            self._monitor.report(self.compiled.values(*self._convert_all(values)))
        if self._plain:
            return np.asarray(results[0]) if self._form == "one" else list(map(np.asarray, results))
        return self._finish(list(map(np.asarray, results)))

    def _convert_all(self, values: Sequence[Any]) -> list[Any]:
        return [
            v if type(v) is np.ndarray and v.dtype == d and v.ndim == n else self._convert(k, v)
            for k, (v, d, n) in enumerate(zip(values, self._dtypes, self._ndims, strict=True))
        ]

    def _finish(self, results: list[Any]) -> Any:
        """Print the values of `printing.Print`, keep new values of inputs, and return the outputs."""
        count = len(results) - len(self._prints) - len(self._updates)
        print_values(self._prints, results[count : count + len(self._prints)])
        for (place, _), value in zip(self._updates, results[count + len(self._prints) :], strict=True):
            self._defaults[place] = value
        return results[0] if self._form == "one" else results[:count]

    def _order(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """Return the arguments in the order of the inputs, with defaults."""
        if len(args) > len(self.inputs):
            raise UseError(f"{self}: expected {len(self.inputs)} arguments. Received: {len(args)}")
        values: list[Any] = [*args, *self._defaults[len(args) :]]
        for name, value in kwargs.items():
            if name not in self._names:
                raise UseError(f"{self}: has no input {name!r}. Its inputs are {', '.join(map(str, self._names))}")
            if self._names.index(name) < len(args):
                raise UseError(f"{self}: received two values for {name!r}")
            values[self._names.index(name)] = value
        missing = [str(i.variable) for i, v in zip(self.inputs, values, strict=True) if v is None]
        if missing:
            raise UseError(f"{self}: missing a value for the input {', '.join(missing)}")
        return values

    def _convert(self, k: int, value: Any) -> Any:
        given = self.inputs[k]
        return self.types[k].filter(
            value, given.strict, given.allow_downcast, f"input {k} ({given.variable}) of {self}"
        )

    def __str__(self) -> str:
        return self.name or f"function of ({', '.join(str(i.variable) for i in self.inputs)})"

    @property
    def value(self) -> Function:
        """Values of inputs and shared variables, by variable or name."""
        return self

    @property
    def container(self) -> Any:
        """Objects with the attribute ``value``, by variable or name."""
        return Containers(self)

    @property
    def maker(self) -> Any:
        """Object with the graph of the program, ``maker.fgraph``."""
        return SimpleNamespace(fgraph=FunctionGraph(self.compiled.program))

    def __getitem__(self, key: Any) -> Any:
        """Value of an input, or of a shared variable."""
        place = self._find(key)
        return self._defaults[place] if isinstance(place, int) else place.get_value()

    def __setitem__(self, key: Any, value: Any) -> None:
        place = self._find(key)
        if isinstance(place, int):
            self._defaults[place] = value
        else:
            place.set_value(value)

    def _find(self, key: Any) -> Any:
        for place, given in enumerate(self.inputs):
            if key is given.variable or key == given.name:
                return place
        for variable in self.get_shared():
            if key is variable or key == variable.name:
                return variable
        raise KeyError(f"{self} has no input or shared variable {key}")

    def get_shared(self) -> list[Any]:
        """The shared variables that it reads or updates."""
        return list(map(wrap, self.compiled.program.shared))

    def copy(
        self,
        share_memory: bool = False,
        swap: Any = None,
        delete_updates: bool = False,
        name: str | None = None,
        profile: Any = None,
    ) -> Function:
        """The same function with other shared variables, or without updates."""
        swapped = {unwrap(k): unwrap(v) for k, v in (swap or {}).items()}
        compiled = self.compiled.copy(swap=swapped, delete_updates=delete_updates)
        return Function(
            self.inputs,
            self.types,
            compiled,
            self._form,
            name=name or self.name,
            prints=self._prints,
            updates=self._updates,
        )

    __copy__ = copy

    def free(self) -> None:
        """Kept for old programs; memory is freed by itself."""


class Containers:
    """Containers of the values of a function."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def __getitem__(self, key: Any) -> Any:
        return Container(self._function, key)


class Container:
    """The value of an input or of a shared variable, as the attribute ``value``."""

    def __init__(self, function: Function, key: Any) -> None:
        self._function, self._key = function, key

    @property
    def value(self) -> Any:
        """The value."""
        return self._function[self._key]

    @value.setter
    def value(self, new: Any) -> None:
        self._function[self._key] = new


class FunctionGraph:
    """The simplified graph of a function."""

    def __init__(self, program: Any) -> None:
        self.inputs = list(map(wrap, program.inputs))
        self.outputs = list(map(wrap, program.results))

    def toposort(self) -> list[Any]:
        """Applications of ops, each after what it needs."""
        return [wrap(e).owner for e in topological([o.expr for o in self.outputs]) if e.op is not None]


class Mode:
    """Mode of compilation, without effect: XLA has its own."""

    def __init__(self, linker: Any = None, optimizer: Any = None) -> None:
        self.linker, self.optimizer = linker, optimizer

    def including(self, *tags: str) -> Mode:
        """The same mode."""
        return self

    excluding = including


class MonitorMode(Mode):
    """Mode that calls functions with the operands and the result of every op.

    ``pre_func(i, node, fn)`` and ``post_func(i, node, fn)`` get lists in ``fn.inputs`` and ``fn.outputs``, whose first
    elements are the values.
    """

    def __init__(self, pre_func: Any = None, post_func: Any = None, linker: Any = None, optimizer: Any = None) -> None:
        super().__init__(linker, optimizer)
        self.pre_func, self.post_func = pre_func, post_func

    def report(self, values: Mapping[Expr, Any]) -> None:
        """Call the functions for all ops of a program."""
        for i, e in enumerate(e for e in values if e.op is not None):
            thunk = SimpleNamespace(
                inputs=[[np.asarray(values[k])] for k in e.inputs], outputs=[[np.asarray(values[e])]]
            )
            for report in (self.pre_func, self.post_func):
                if report is not None:
                    report(i, wrap(e).owner, thunk)


def as_pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    if given is None:
        return []
    pairs = list(given.items()) if isinstance(given, Mapping) else list(given)
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise UseError(f"{what}: expected a dict, or pairs of variables. Received: {pair!r}")
    return [(a, b) for a, b in pairs]


def function(
    inputs: Any,
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
) -> Function:
    """Compile variables into a function."""
    if not isinstance(inputs, list | tuple):
        raise UseError(
            "Input variables of a Theano function should be contained in a list, even when there is a single input."
        )
    given = list(map(make_input, inputs))
    for one in given:
        one.allow_downcast = allow_input_downcast if one.allow_downcast is None else one.allow_downcast
    outputs = dict(outputs) if isinstance(outputs, Mapping) else outputs
    form = "many" if outputs is None or isinstance(outputs, list | tuple | dict) else "one"
    listed = [outputs] if form == "one" else list(outputs.values() if isinstance(outputs, dict) else outputs or ())
    results = [as_tensor_variable(o.variable if isinstance(o, Out) else o).expr for o in listed]
    new_values = {check_shared(target): convert_update(target, value) for target, value in as_pairs(updates, "updates")}
    substitutions = {unwrap(k): convert_given(k, v) for k, v in as_pairs(givens, "givens")}
    leaves: list[Expr] = []
    for one in given:
        e = one.variable.expr
        if isinstance(e, Input):
            leaves.append(e)
        else:  # a computed variable as an input cuts the graph
            leaves.append(Input(one.variable.name, tuple(1 if d == 1 else None for d in e.shape), e.dtype))
            substitutions[e] = leaves[-1]
    own_updates = [(k, unwrap(one.update)) for k, one in enumerate(given) if one.update is not None]
    everything = [*results, *(u for _, u in own_updates)]
    prints = list_prints([*everything, *new_values.values()])
    check_unused(
        given, leaves, [*everything, *new_values.values()], substitutions, on_unused_input or config.on_unused_input
    )
    try:
        compiled = pel.function(
            leaves,  # type: ignore[arg-type]
            [*results, *(e for e, _ in prints), *(u for _, u in own_updates)],
            updates=new_values,
            givens=substitutions,
            mode=MODES.get(mode if isinstance(mode, str) else type(mode).__name__, "auto"),  # type: ignore[arg-type]
            on_unused_input="ignore",
        )
    except InputError as error:
        raise MissingInputError(str(error)) if "needs the input" in str(error) else error from error
    if no_default_updates:
        if new_values or isinstance(no_default_updates, list):
            raise UseError("no_default_updates: expected True, in a function without updates")
        compiled = compiled.copy(delete_updates=True)
    result = Function(
        given,
        [i.variable.type for i in given],
        compiled,
        form,
        name=name,
        prints=prints,
        updates=own_updates,
        monitor=mode if isinstance(mode, MonitorMode) else None,
    )
    RECORDER.add("theano.function", compiled)
    return DictFunction(result, list(outputs)) if isinstance(outputs, dict) else result  # type: ignore[return-value]


class DictFunction:
    """A function whose outputs are a dict."""

    def __init__(self, function: Function, keys: Sequence[str]) -> None:
        self.function, self.keys = function, list(keys)

    def __call__(self, *args: Any, output_keys: Sequence[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        found = dict(zip(self.keys, self.function(*args, **kwargs), strict=True))
        return found if output_keys is None else {key: found[key] for key in output_keys}


def make_input(given: Any) -> In:
    """Return an input for a variable, or for ``((variable, update), value)`` and ``(variable, value)``."""
    if isinstance(given, In):
        return given
    variable, value = given if isinstance(given, tuple) else (given, None)
    variable, update = variable if isinstance(variable, tuple) else (variable, None)
    return In(find_input(variable), value=value, update=update)


def check_shared(target: Any) -> Any:
    if not isinstance(target, TensorSharedVariable):
        raise UseError(f"updates: expected shared variables as keys. Received: {target!r}")
    return target.expr


def convert_update(target: TensorSharedVariable, value: Any) -> Expr:
    """Return a new value, cast if no precision is lost."""
    new = as_tensor_variable(value)
    if np.result_type(new.dtype, target.dtype).name != target.dtype and not hasattr(new, "data"):
        raise DtypeError(
            f"An update must have the same type as the original shared variable. Received: {new.type} for {target}, "
            f"which is {target.type}. Cast it with T.cast(update, {target.dtype!r}), or make all arrays of dtype "
            "theano.config.floatX"
        )
    return cast_expr(new, target.dtype)


def convert_given(target: Any, value: Any) -> Expr:
    new = as_tensor_variable(value)
    is_safe = np.result_type(new.dtype, target.dtype).name == target.dtype
    return cast_expr(new, target.dtype) if is_safe else new.expr


def check_unused(
    given: Sequence[In],
    leaves: Sequence[Expr],
    results: Sequence[Expr],
    substitutions: Mapping[Expr, Expr],
    action: str,
) -> None:
    """Raise an error or warn if an input is not used."""
    used = {*topological([*results, *substitutions.values()]), *get_sources(results)}
    for k, (one, leaf) in enumerate(zip(given, leaves, strict=True)):
        if leaf not in used and one.variable.expr not in used:
            text = (
                "theano.function was asked to create a function computing outputs given certain inputs, but the provided "
                f"input variable at index {k} is not part of the computational graph needed to compute the outputs: "
                f"{one.variable}. Pass on_unused_input='warn' or 'ignore' to allow this"
            )
            if action == "raise":
                raise UnusedInputError(text)
            if action == "warn":
                warnings.warn(text, stacklevel=3)
