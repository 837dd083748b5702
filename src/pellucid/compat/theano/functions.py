"""``theano.function`` and ``theano.shared``."""

import operator
import sys
import warnings
from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np

import pellucid as pel
from pellucid.compat.programs import RECORDER
from pellucid.compat.theano.configuration import config
from pellucid.compat.theano.printing import list_prints, print_values
from pellucid.compat.theano.variables import (
    TensorBase,
    TensorConstant,
    TensorSharedVariable,
    TensorType,
    TensorVariable,
    as_tensor_variable,
    cast_expr,
    find_input,
    get_sources,
    unwrap,
    upcast,
    wrap,
)
from pellucid.graph.errors import DtypeError, InputError, OptionError, UseError
from pellucid.graph.expr import Input
from pellucid.graph.traversal import topological


class UnusedInputError(InputError):
    """An input of a function on which no output depends."""


class MissingInputError(InputError):
    """A variable without a value on which an output depends."""


class In:
    """Input of a function, with a default value, another name, or an update; the options of memory have no effect."""

    def __init__(
        self, variable, name=None, value=None, update=None, mutable=None, strict=False, allow_downcast=None,
        autoname=True, implicit=None, borrow=None, shared=False,
    ):  # fmt: skip
        self.variable, self.name, self.value, self.update = variable, name or variable.name, value, update
        self.strict, self.allow_downcast = strict, allow_downcast


def Param(variable, default=None, name=None, **options):
    """Input of a function in the spelling of older versions."""
    return In(variable, name, default, **options)


class Out:
    """Output of a function. ``borrow`` has no effect: results are copies."""

    def __init__(self, variable, borrow=False):
        self.variable = variable


class Mode:
    """Mode of compilation, without effect: XLA has its own."""

    def __init__(self, linker=None, optimizer=None, **options):
        self.linker, self.optimizer = linker, optimizer

    def including(self, *tags):
        return self

    excluding = including


class DebugMode(Mode):
    """Mode ``"numpy"`` of `pellucid.function`, in which NumPy computes op by op."""


class NanGuardMode(Mode):
    """Mode ``"guard"`` of `pellucid.function`, which stops at NaN and infinity; large numbers are no errors."""

    def __init__(self, nan_is_error=True, inf_is_error=True, big_is_error=True, **options):
        if not (nan_is_error and inf_is_error):
            raise OptionError("NanGuardMode: expected nan_is_error=True and inf_is_error=True: both stop a call")
        super().__init__(**options)


class MonitorMode(Mode):
    """Mode that calls ``pre_func(i, node, fn)`` and ``post_func(i, node, fn)`` for every op of a call.

    ``fn.inputs`` and ``fn.outputs`` are lists of lists, whose first elements are the values.
    """

    def __init__(self, pre_func=None, post_func=None, **options):
        super().__init__(**options)
        self.functions = [f for f in (pre_func, post_func) if f is not None]

    def report(self, values):
        for i, e in enumerate(e for e in values if e.op is not None):
            inputs = [[np.asarray(values[k])] for k in e.inputs]
            for f in self.functions:
                f(i, wrap(e).owner, SimpleNamespace(inputs=inputs, outputs=[[np.asarray(values[e])]]))


MODES = {"NanGuardMode": "guard", "DebugMode": "numpy", "DEBUG_MODE": "numpy", "FAST_COMPILE": "numpy"}
"""Modes of pellucid for Theano's modes; all others compile."""


def shared(value, name=None, strict=False, allow_downcast=None, borrow=False, broadcastable=None, target=None):
    """Variable that keeps its value between calls; it has the dtype of the value, which is copied."""
    if isinstance(value, TensorBase):
        raise DtypeError(f"Shared variable values can not be theano expressions. Received: {value}")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"shared: expected an array of numbers. Received: {value!r}")
    pattern = (False,) * array.ndim if broadcastable is None else broadcastable
    return TensorSharedVariable(pel.shared(array, name, dtype=array.dtype), name, TensorType(array.dtype, pattern))


class Container:
    """The value of an input or of a shared variable of a function, as the attribute ``value``."""

    def __init__(self, function, key):
        self.__dict__.update(_function=function, _key=key)

    def __getattr__(self, name):
        if name != "value":
            raise AttributeError(name)
        return self._function[self._key]

    def __setattr__(self, name, value):
        self._function[self._key] = value


class Containers(dict):
    """The containers of a function by input, shared variable or name."""

    def __missing__(self, key):
        return Container(self["function"], key)


class FunctionGraph:
    """The simplified graph of a function."""

    def __init__(self, program):
        self.inputs, self.outputs = list(map(wrap, program.inputs)), list(map(wrap, program.results))

    def toposort(self):
        """Applications of ops, each after its inputs."""
        return [wrap(e).owner for e in topological([o.expr for o in self.outputs]) if e.op is not None]

    apply_nodes = property(lambda self: {*self.toposort()})


class Function:
    """Compiled function of variables; ``compiled`` is that of pellucid."""

    def __init__(self, compiled, inputs, name, pack, prints, updates, monitor):
        self.compiled, self.inputs, self.name = compiled, inputs, name
        self._settings = self._pack, self._prints, self._updates, self._monitor = pack, prints, updates, monitor
        self._types = [i.variable.type for i in inputs]
        self._kinds = [(t.numpy_dtype, t.ndim) for t in self._types]
        self._names, self._defaults = [i.name for i in inputs], [i.value for i in inputs]

    value = property(lambda self: self)
    container = property(lambda self: Containers(function=self))
    maker = property(lambda self: SimpleNamespace(fgraph=FunctionGraph(self.compiled.program)))

    def __call__(self, *args, **kwargs):
        if kwargs or len(args) != len(self._kinds):
            args = self._order(args, kwargs)
        values = [
            v if type(v) is np.ndarray and v.dtype == d and v.ndim == n else self._convert(k, v)
            for k, (v, (d, n)) in enumerate(zip(args, self._kinds, strict=True))
        ]
        if self._monitor is not None:
            self._monitor.report(self.compiled.values(*values))
        results = list(map(np.asarray, self.compiled(*values)))
        if self._prints or self._updates:
            count = len(results) - len(self._updates)
            for (place, _), value in zip(self._updates, results[count:], strict=True):
                self._defaults[place] = value
            print_values(self._prints, results[count - len(self._prints) : count])
            results = results[: count - len(self._prints)]
        return self._pack(results)

    def _order(self, args, kwargs):
        """Return the arguments in the order of the inputs, with defaults."""
        if len(args) > len(self.inputs):
            raise UseError(f"{self}: expected {len(self.inputs)} arguments. Received: {len(args)}")
        values = [*args, *self._defaults[len(args) :]]
        for name, value in kwargs.items():
            if name not in self._names:
                raise UseError(f"{self} has no input {name!r}. Its inputs are {', '.join(map(str, self._names))}")
            if self._names.index(name) < len(args):
                raise UseError(f"{self}: received two values for {name!r}")
            values[self._names.index(name)] = value
        missing = [str(i.variable) for i, v in zip(self.inputs, values, strict=True) if v is None]
        if missing:
            raise UseError(f"{self}: missing a value for the input {', '.join(missing)}")
        return values

    def _convert(self, k, value):
        given = self.inputs[k]
        what = f"input {k} ({given.variable}) of {self}"
        return self._types[k].filter(value, given.strict, given.allow_downcast, what)

    def __str__(self):
        return self.name or f"function of ({', '.join(str(i.variable) for i in self.inputs)})"

    def _find(self, key):
        """Return the place of an input, or a shared variable, by variable or name."""
        for place, given in enumerate(self.inputs):
            if key is given.variable or (isinstance(key, str) and key == given.name):
                return place
        for variable in self.get_shared():
            if key is variable or (isinstance(key, str) and key == variable.name):
                return variable
        raise KeyError(f"{self} has no input or shared variable {key}")

    def __getitem__(self, key):
        place = self._find(key)
        return self._defaults[place] if isinstance(place, int) else place.get_value()

    def __setitem__(self, key, value):
        place = self._find(key)
        if isinstance(place, int):
            self._defaults[place] = self._types[place].filter(value)
        else:
            place.set_value(value)

    def get_shared(self):
        """The shared variables that it reads or updates."""
        return list(map(wrap, self.compiled.program.shared))

    def copy(self, share_memory=False, swap=None, delete_updates=False, name=None, profile=None):
        """The same function with other shared variables, without updates, or with another name."""
        swapped = {unwrap(k): unwrap(v) for k, v in (swap or {}).items()}
        compiled = self.compiled.copy(swap=swapped, delete_updates=delete_updates)
        return Function(compiled, self.inputs, name or self.name, *self._settings)

    __copy__ = copy

    def free(self):
        """Do nothing: memory is freed by itself."""


def as_pairs(given, what):
    pairs = list(given.items()) if isinstance(given, Mapping) else list(given or [])
    wrong = [p for p in pairs if not isinstance(p, list | tuple) or len(p) != 2]
    if wrong:
        raise UseError(f"{what}: expected a dict, or pairs of variables. Received: {wrong[0]!r}")
    return pairs


def make_input(given, allow_downcast):
    """Return an input for a variable, or for ``((variable, update), value)`` and ``(variable, value)``."""
    if not isinstance(given, In):
        variable, value = given if isinstance(given, tuple) else (given, None)
        variable, update = variable if isinstance(variable, tuple) else (variable, None)
        given = In(find_input(variable), value=value, update=update)
    given.allow_downcast = allow_downcast if given.allow_downcast is None else given.allow_downcast
    return given


def function(
    inputs, outputs=None, mode=None, updates=None, givens=None, no_default_updates=False, accept_inplace=False,
    name=None, rebuild_strict=True, allow_input_downcast=None, profile=None, on_unused_input=None,
):  # fmt: skip
    """Compile variables into a function."""
    if not isinstance(inputs, list | tuple):
        raise UseError(f"theano.function: expected a list of inputs, even of one. Received: {inputs!r}")
    name_leaves(sys._getframe(1))
    given = [make_input(i, allow_input_downcast) for i in inputs]
    if isinstance(outputs, Mapping):
        listed, pack = list(outputs.values()), lambda results: dict(zip(outputs, results, strict=True))
    else:
        is_list = outputs is None or isinstance(outputs, list | tuple)
        listed, pack = (list(outputs or ()), list) if is_list else ([outputs], operator.itemgetter(0))
    results = [unwrap(as_tensor_variable(o.variable if isinstance(o, Out) else o)) for o in listed]
    pairs = [p for p in as_pairs(updates, "updates") if "generator" not in getattr(p[0], "__dict__", {})]  # of streams
    new_values = dict(convert_update(*pair) for pair in pairs)
    substitutions = {unwrap(k): convert_given(k, v) for k, v in as_pairs(givens, "givens")}
    leaves = []
    for one in given:  # a computed variable as an input cuts the graph
        e = one.variable.expr
        sizes = tuple(1 if d == 1 else None for d in e.shape)
        leaves.append(e if isinstance(e, Input) else Input(one.name, sizes, e.dtype))
        if leaves[-1] is not e:
            substitutions[e] = leaves[-1]
    own_updates = [(k, unwrap(one.update)) for k, one in enumerate(given) if one.update is not None]
    everything = [*results, *(u for _, u in own_updates), *new_values.values()]
    prints = list_prints(everything)
    check_unused(given, leaves, everything, substitutions, on_unused_input or config.on_unused_input)
    try:
        compiled = pel.function(
            leaves,
            [*results, *(p[0] for p in prints), *(u for _, u in own_updates)],
            updates=new_values,
            givens=substitutions,
            mode=MODES.get(mode if isinstance(mode, str) else type(mode).__name__, "auto"),
            on_unused_input="ignore",
        )
    except InputError as error:
        raise MissingInputError(str(error)) if "needs the input" in str(error) else error from error
    if no_default_updates:
        if new_values or isinstance(no_default_updates, list):
            raise UseError("no_default_updates: expected True, in a function without updates")
        compiled = compiled.copy(delete_updates=True)
    RECORDER.add("theano.function", compiled)
    return Function(compiled, given, name, pack, prints, own_updates, mode if isinstance(mode, MonitorMode) else None)


def name_leaves(frame):
    """Name the inputs and shared variables without a name after the Python variables of a frame, for formulas."""
    for name, value in (frame.f_globals | frame.f_locals).items():
        if isinstance(value, TensorVariable | TensorSharedVariable) and value.expr.op is value.expr.name is None:
            object.__setattr__(value.expr, "name", name)


def convert_update(target, value):
    """Return a shared variable and its new value, cast if no precision is lost."""
    if not isinstance(target, TensorSharedVariable):
        raise UseError(f"updates: expected shared variables as keys. Received: {target!r}")
    new = as_tensor_variable(value)
    if upcast(new.dtype, target.dtype) != target.dtype and not isinstance(new, TensorConstant):
        raise DtypeError(
            f"An update must have the same type as the original shared variable. Received: {new.type} for {target}, "
            f"which is {target.type}. Cast it with T.cast(update, {target.dtype!r}), or make all arrays of dtype "
            "theano.config.floatX"
        )
    return target.expr, cast_expr(new, target.dtype)


def convert_given(target, value):
    new = as_tensor_variable(value)
    return cast_expr(new, target.dtype) if upcast(new.dtype, target.dtype) == target.dtype else new.expr


def check_unused(given, leaves, results, substitutions, action):
    """Raise an error or warn if an input is not used."""
    used = {*topological([*results, *substitutions.values()]), *get_sources(results)}
    for k, (one, leaf) in enumerate(zip(given, leaves, strict=True)):
        if leaf not in used and one.variable.expr not in used and action != "ignore":
            text = (
                "theano.function was asked to create a function computing outputs given certain inputs, but the input "
                f"variable at index {k} is not part of the computational graph needed to compute the outputs: "
                f"{one.variable}. Pass on_unused_input='warn' or 'ignore' to allow this"
            )
            if action == "raise":
                raise UnusedInputError(text)
            warnings.warn(text, stacklevel=3)
