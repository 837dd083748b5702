r"""Functions of JAX as ops: any of them, with its gradient by JAX, at any order.

Shape and dtype are what ``jax.eval_shape`` says, with the names of dimensions as symbolic sizes. The gradient is
``jax.vjp`` of the function, wrapped in its turn.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.composite import after_namespace, check_plain
from pellucid.graph.errors import DtypeError, GradientError, ShapeError, UseError
from pellucid.graph.expr import Expr, freeze
from pellucid.graph.op import Operation, function_of
from pellucid.graph.op_def import Function, Op, output
from pellucid.graph.operators import call
from pellucid.graph.printing import ATOM, Text
from pellucid.graph.types import Dim, Type, Unknown, covers, is_float, shape_text
from pellucid.run.jax_runtime import jax, x64


def from_jax(
    function: Function, *, name: str | None = None, tex: Text | None = None, text: Text | None = None
) -> Operation:
    r"""Make an op of a function of JAX, :math:`y = f(x)`, differentiated by JAX.

    Its arguments without a default are expressions, those with one are settings. It may return one array or any tree
    of arrays, which becomes a list. Functions that look at values, rather than at shapes and dtypes, cannot be traced.

    Parameters
    ----------
    function : function
        From arrays of JAX to arrays of JAX. It runs with JAX's 64-bit types on.
    name : str, optional
        What it is called on the page, if not by its own name.
    tex, text : str or function, optional
        How it is written, as in `op`. Without ``text``: ``name(a, b)``.

    Returns
    -------
    function
        From expressions to an expression, or a list of them.

    Raises
    ------
    TypeError
        If it is no function.
    ShapeError
        When it is called, if JAX cannot make anything of operands of these shapes and dtypes.
    GradientError
        When it is differentiated, if JAX cannot.

    Examples
    --------
    >>> import jax, pellucid as pel
    >>> bessel = pel.from_jax(jax.scipy.special.i0, tex="I_0({0:_})")
    >>> x = pel.vector("x", shape=("n",))
    >>> y = bessel(x)
    >>> y, y.shape
    (i0(x), ('n',))
    >>> pel.function([x], pel.grad(y.sum(), x))([1.0, 2.0]).round(4)
    array([0.5652, 1.5906], dtype=float32)
    """
    if not callable(function):
        raise UseError(f"from_jax: expected a function of JAX. Received: {function!r}")
    known = name or str(getattr(function, "__name__", ""))
    return function_of(Wrapped(function, known if known.isidentifier() else "from_jax").record(tex, text))


class Wrapped:
    """A function of JAX, and what an op needs of it."""

    def __init__(self, function: Function, name: str, failure: type[Exception] = ShapeError) -> None:
        self.function = function
        self.name = name
        self.failure = failure
        self.backward = functools.cache(self.make_backward)
        self.compiled = functools.cache(lambda settings: jax().jit(functools.partial(self.results, **dict(settings))))

    def record(self, tex: Text | None = None, text: Text | None = None) -> Op:
        """Return the op."""
        parameters = self.signature.parameters.values()
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        return Op(
            name=self.name,
            value=self.value(),
            operands=tuple(p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD),
            variadic=any(p.kind is p.VAR_POSITIONAL for p in parameters),
            defaults=self.defaults,
            infer=self.infer,
            normalize=self.normalize,
            grad=self.grad,
            promotes=False,
            folds=False,
            tex=tex,
            text=text,
            precedence=ATOM,
            cost=self.cost,
        )

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature; any number of operands where it has none."""
        try:
            return inspect.signature(self.function)
        except (TypeError, ValueError):
            return inspect.Signature([inspect.Parameter("operands", inspect.Parameter.VAR_POSITIONAL)])

    def normalize(self, *inputs: Expr, **settings: Any) -> dict[str, Any]:
        """Keep the settings that are not the function's own defaults, refusing what is no plain value."""
        given = {key: value for key, value in settings.items() if value is not self.defaults.get(key, Wrapped)}
        check_plain(self.name, given)
        return given

    def results(self, *operands: Any, **settings: Any) -> list[Any]:
        """Return what the function returns, as a list of arrays."""
        found: list[Any] = jax().tree.leaves(self.function(*operands, **settings))
        return [jax().numpy.asarray(array) for array in found]

    def value(self) -> Function:
        """Return the value, which looks like the function and takes an array namespace first."""

        def value(xp: Any, *operands: Any, **settings: Any) -> Any:
            with x64():
                if xp is np:
                    found = [np.asarray(array) for array in self.compiled(freeze(settings))(*operands)]
                else:
                    found = self.results(*operands, **settings)
            return found if len(found) > 1 else found[0]

        functools.update_wrapper(value, self.function, updated=())
        return after_namespace(value, self.signature)

    def infer(self, *inputs: Expr, **settings: Any) -> list[Type]:
        """Ask JAX for the types of the results, with symbols for sizes that are not known."""
        dims = list(dict.fromkeys(d for i in inputs for d in i.shape if isinstance(d, str)))
        symbols: dict[Dim, Any] = dict(zip(dims, symbolic_sizes(len(dims)), strict=True))
        names = {str(symbol): dim for dim, symbol in symbols.items()}
        refusals = (TypeError, ValueError, NotImplementedError, jax().errors.InconclusiveDimensionOperation)
        with x64():
            shapes = [tuple(symbols.get(d, d) for d in i.shape) for i in inputs]
            operands = [jax().ShapeDtypeStruct(s, i.dtype) for s, i in zip(shapes, inputs, strict=True)]
            try:
                found = jax().eval_shape(functools.partial(self.results, **settings), *operands)
            except refusals as error:
                raise self.failure(self.refusal(inputs, str(error).split("\n")[0], names)) from error
        if not found:
            raise self.failure(f"{self.name}: expected an array, or a tree of them. The function returned none")
        return [self.type_of(array, names) for array in found]

    def refusal(self, inputs: Sequence[Expr], reason: str, names: dict[str, Dim]) -> str:
        """Say on what JAX cannot trace the function, and why, in the names of our own dimensions."""
        received = ", ".join(f"{i.dtype} {shape_text(i.shape)}" for i in inputs)
        hint = "; perhaps it needs sizes that are known: declare them where the inputs are made" if names else ""
        reason = re.sub(r"\bd\d+\b", lambda found: str(names.get(found[0], found[0])), reason)
        return f"{self.name}: JAX cannot trace it on {received}{hint}. JAX says: {reason}"

    def type_of(self, array: Any, names: dict[str, Dim]) -> Type:
        """Return a type of JAX's as ours; a size that is more than a name is unknown."""
        dtype = np.dtype(array.dtype)
        if dtype.kind not in "biuf" and not is_float(dtype):
            raise DtypeError(f"{self.name}: expected real numbers, integers or booleans. It returned {dtype}")
        return Type(tuple(d if isinstance(d, int) else names.get(str(d), Unknown()) for d in array.shape), dtype)

    def grad(self, g: Any, y: Expr, *inputs: Expr, **settings: Any) -> list[Any]:
        """Return JAX's gradient, by the inputs of real numbers, as a wrapped function."""
        arrived = g if isinstance(g, list) else [g]
        results = [y] if len(y.types) == 1 else [output(y, i) for i in range(len(y.types))]
        cotangents = [full(c, r) for c, r in zip(arrived, results, strict=True) if is_float(r.dtype)]
        found = self.backward(len(inputs))(*inputs, *cotangents, **settings)
        by_input = iter(found if isinstance(found, list) else [found])
        return [next(by_input) if is_float(i.dtype) else None for i in inputs]

    def make_backward(self, count: int) -> Operation:
        """Return the function that carries gradients back over so many operands, as an op."""

        def backward(*values: Any, **settings: Any) -> Any:
            operands, cotangents = values[:count], values[count:]
            real = [i for i, x in enumerate(operands) if is_float(x.dtype)]

            def of_real(*moving: Any) -> list[Any]:
                at = dict(zip(real, moving, strict=True))
                found = self.results(*[at.get(i, x) for i, x in enumerate(operands)], **settings)
                return [array for array in found if is_float(array.dtype)]

            pull = jax().vjp(of_real, *[operands[i] for i in real])[1]
            return pull(list(cotangents))

        made = Wrapped(backward, f"{self.name}_gradient", GradientError)
        made.signature = inspect.signature(backward)
        record = made.record()
        made.defaults.update(self.defaults)
        return function_of(record)

    def cost(self, node: Expr, size: Callable[..., int]) -> float:
        """Ask XLA for the arithmetic operations."""
        shapes = [tuple(size(i, axis) for axis in range(i.ndim)) for i in node.inputs]
        with x64():
            operands = [jax().ShapeDtypeStruct(s, i.dtype) for s, i in zip(shapes, node.inputs, strict=True)]
            lowered = jax().jit(functools.partial(self.results, **node.settings)).lower(*operands)
            found: float = (lowered.cost_analysis() or {}).get("flops", 0.0)
        return found


def symbolic_sizes(count: int) -> Sequence[Any]:
    """Return so many of JAX's symbols for sizes."""
    from jax import export

    return export.symbolic_shape(", ".join(f"d{i}" for i in range(count))) if count else ()


def full(g: Any, like: Expr) -> Expr:
    """Return a gradient in full, or zeros where none arrived."""
    made: Expr
    if g is None:
        made = call("zeros_like", like)
    else:
        made = g if covers(g.shape, like.shape) else call("broadcast_like", g, like)
    return made
