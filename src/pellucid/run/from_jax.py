"""``pel.from_jax``: JAX functions as ops, differentiated by JAX to any order.

Shapes and dtypes come from ``jax.eval_shape``, with named dimensions as symbolic sizes. The gradient is ``jax.vjp`` of
the function, wrapped as an op in the same way.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pellucid.graph.composite import check_settings, prepend_namespace_parameter
from pellucid.graph.errors import DtypeError, GradientError, ShapeError, UseError
from pellucid.graph.expr import Expr, as_expr, to_hashable
from pellucid.graph.op import OPS, Function, Op, Template, get_output
from pellucid.graph.op_decorator import OpFunction, make_op_function
from pellucid.graph.operators import call_op
from pellucid.graph.precedence import ATOM
from pellucid.graph.types import Dim, Type, Unknown, covers, format_shape, is_float
from pellucid.run.jax_runtime import get_first_line, jax, x64

if TYPE_CHECKING:
    from jax import Array as JaxArray


def from_jax(
    function: Function, *, name: str | None = None, tex: Template | None = None, text: Template | None = None
) -> OpFunction[Expr]:
    r"""Make an op from a JAX function, :math:`y = f(x)`, which JAX differentiates.

    Arguments without a default are expressions, or dicts, lists and tuples of them; those with a default are settings.
    The function may return one array or any tree of arrays, which becomes a list. It must be traceable: it may depend
    on shapes and dtypes, but not on values. `Function.as_jax` is the opposite direction.

    Parameters
    ----------
    function : function
        From JAX arrays to JAX arrays. It runs with JAX's 64-bit types enabled.
    name : str, optional
        Name of the op; by default that of the function. It ends with ``_jax`` if pellucid has an op of this name.
    tex, text : str or function, optional
        How it is printed, as in `op`. The default text is ``name(a, b)``.

    Returns
    -------
    function
        From expressions to an expression, or a list of them.

    Raises
    ------
    UseError
        If it is not a function.
    ShapeError
        When it is called, if JAX cannot trace it for operands of these shapes and dtypes.
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
    >>> w = pel.shared(2.0, "w")
    >>> f, _ = pel.function([x], (w * x).sum()).as_jax()
    >>> pel.grad(pel.from_jax(f)({"w": w}, x), w).eval({x: [1.0, 2.0]})
    np.float32(3.0)
    """
    if not callable(function):
        raise UseError(f"from_jax: expected a JAX function. Received: {function!r}")
    op_name = name or str(getattr(function, "__name__", ""))
    if not op_name.isidentifier():
        op_name = "from_jax"
    elif op_name in OPS:  # kernels and exporters recognize ops by their names
        op_name += "_jax"
    return accept_trees(JaxFunction(function, op_name), tex, text)


def accept_trees(of_arrays: JaxFunction, tex: Template | None, text: Template | None) -> OpFunction[Any]:
    """Return the function of expressions; for arguments that are trees, it calls an op on their leaves."""
    plain = make_op_function(of_arrays.make_op(tex, text))

    @functools.cache
    def make_function_of_leaves(structure: Any) -> OpFunction[Any]:
        return make_op_function(of_arrays.on_leaves(structure).make_op(tex, text))

    @functools.wraps(plain)
    def call(*args: Any, **settings: Any) -> Any:
        if not any(map(is_tree, args)):
            return plain(*args, **settings)
        leaves, structure = jax().tree.flatten([arg if is_tree(arg) else as_expr(arg) for arg in args])
        return make_function_of_leaves(structure)(*leaves, **settings)

    return cast(OpFunction[Any], call)


def is_tree(value: Any) -> bool:
    """Whether an argument is a tree of expressions: a dict, a named tuple, or a list or tuple with an expression in it.

    Other lists are arrays.
    """
    if isinstance(value, Mapping) or hasattr(value, "_fields"):
        return True
    return isinstance(value, (list, tuple)) and any(isinstance(part, Expr) or is_tree(part) for part in value)


class JaxFunction:
    """A JAX function, and the parts of its op: value, type inference, gradient and cost."""

    def __init__(self, function: Function, name: str, failure: type[Exception] = ShapeError) -> None:
        self.function = function
        self.name = name
        self.failure = failure
        self.backward = functools.cache(self.make_backward)
        self.compiled = functools.cache(lambda settings: jax().jit(functools.partial(self.call, **dict(settings))))

    def make_op(self, tex: Template | None = None, text: Template | None = None) -> Op:
        parameters = self.signature.parameters.values()
        self.defaults: dict[str, Any] = {p.name: p.default for p in parameters if p.default is not p.empty}
        return Op(
            name=self.name,
            value=self.make_value(),
            operands=tuple(p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD),
            variadic=any(p.kind is p.VAR_POSITIONAL for p in parameters),
            defaults=self.defaults,
            infer=self.infer_types,
            normalize=self.normalize,
            grad=self.make_gradients,
            promotes=False,
            folds=False,
            tex=tex,
            text=text,
            precedence=ATOM,
            cost=self.count_operations,
        )

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature; any number of operands if it has none."""
        try:
            return inspect.signature(self.function)
        except (TypeError, ValueError):
            return inspect.Signature([inspect.Parameter("operands", inspect.Parameter.VAR_POSITIONAL)])

    def on_leaves(self, structure: Any) -> JaxFunction:
        """Return the function of the leaves of its arguments, which are trees of this structure."""

        def call_on_leaves(*leaves: Any, **settings: Any) -> Any:
            return self.function(*jax().tree.unflatten(structure, leaves), **settings)

        flat = JaxFunction(call_on_leaves, self.name, self.failure)
        settings = [
            p.replace(kind=p.KEYWORD_ONLY) for p in self.signature.parameters.values() if p.default is not p.empty
        ]
        leaves = inspect.Parameter("leaves", inspect.Parameter.VAR_POSITIONAL)
        flat.signature = inspect.Signature([leaves, *settings])
        return flat

    def normalize(self, *inputs: Expr, **settings: Any) -> dict[str, Any]:
        """Drop settings that equal the function's defaults, and check the others."""
        changed = {key: value for key, value in settings.items() if value is not self.defaults.get(key, JaxFunction)}
        check_settings(self.name, changed)
        return changed

    def call(self, *operands: JaxArray, **settings: Any) -> list[JaxArray]:
        """Call the function, and return its results as a list of arrays."""
        leaves: list[Any] = jax().tree.leaves(self.function(*operands, **settings))
        return [jax().numpy.asarray(array) for array in leaves]

    def make_value(self) -> Function:
        """Return the value function of the op, with the function's signature after an array namespace."""

        def value(xp: Any, *operands: Any, **settings: Any) -> Any:
            with x64():
                results: Sequence[Any]
                if xp is np:
                    results = [np.asarray(array) for array in self.compiled(to_hashable(settings))(*operands)]
                else:
                    results = self.call(*operands, **settings)
            return results if len(results) > 1 else results[0]

        functools.update_wrapper(value, self.function, updated=())
        return prepend_namespace_parameter(value, self.signature)

    def infer_types(self, *inputs: Expr, **settings: Any) -> list[Type]:
        """Return the types of the results, as JAX infers them, with symbols for named and unknown sizes."""
        dims = list(dict.fromkeys(d for i in inputs for d in i.shape if isinstance(d, str)))
        symbols: dict[Dim, Any] = dict(zip(dims, make_symbolic_sizes(len(dims)), strict=True))
        names = {str(symbol): dim for dim, symbol in symbols.items()}
        trace_errors = (TypeError, ValueError, NotImplementedError, jax().errors.InconclusiveDimensionOperation)
        with x64():
            shapes = [tuple(symbols.get(d, d) for d in i.shape) for i in inputs]
            operands = [jax().ShapeDtypeStruct(s, i.dtype) for s, i in zip(shapes, inputs, strict=True)]
            try:
                results = jax().eval_shape(functools.partial(self.call, **settings), *operands)
            except trace_errors as error:
                raise self.failure(self.explain_failure(inputs, get_first_line(error), names)) from error
        if not results:
            raise self.failure(f"{self.name}: expected an array or a tree of arrays. The function returned none")
        return [self.convert_type(array, names) for array in results]

    def explain_failure(self, inputs: Sequence[Expr], reason: str, names: dict[str, Dim]) -> str:
        """Return why JAX cannot trace the function, with JAX's symbols replaced by names of dimensions."""
        operands = ", ".join(f"{i.dtype} {format_shape(i.shape)}" for i in inputs)
        hint = ". If it needs known sizes, declare them where the inputs are made" if names else ""
        reason = re.sub(r"\bd\d+\b", lambda match: str(names.get(match[0], match[0])), reason)
        return f"{self.name}: JAX cannot trace the function for {operands}: {reason}{hint}"

    def convert_type(self, array: Any, names: dict[str, Dim]) -> Type:
        """Convert a type of JAX. A size that is an expression of symbols is unknown."""
        dtype = np.dtype(array.dtype)
        if dtype.kind not in "biuf" and not is_float(dtype):
            raise DtypeError(f"{self.name}: expected real numbers, integers or booleans. The function returned {dtype}")
        return Type(tuple(d if isinstance(d, int) else names.get(str(d), Unknown()) for d in array.shape), dtype)

    def make_gradients(self, g: Expr | list[Expr], y: Expr, *inputs: Expr, **settings: Any) -> list[Expr | None]:
        incoming = g if isinstance(g, list) else [g]
        results = [y] if len(y.types) == 1 else [get_output(y, i) for i in range(len(y.types))]
        cotangents = [broadcast_cotangent(c, r) for c, r in zip(incoming, results, strict=True) if is_float(r.dtype)]
        gradients = self.backward(len(inputs))(*inputs, *cotangents, **settings)
        remaining = iter(gradients if isinstance(gradients, list) else [gradients])
        return [next(remaining) if is_float(i.dtype) else None for i in inputs]

    def make_backward(self, count: int) -> OpFunction[Any]:
        """Return the VJP of the function for ``count`` operands, as an op."""

        def backward(*values: JaxArray, **settings: Any) -> JaxArray:
            operands, cotangents = values[:count], values[count:]
            real = [i for i, x in enumerate(operands) if is_float(x.dtype)]

            def call_with_real(*real_operands: JaxArray) -> list[JaxArray]:
                by_position = dict(zip(real, real_operands, strict=True))
                results = self.call(*[by_position.get(i, x) for i, x in enumerate(operands)], **settings)
                return [array for array in results if is_float(array.dtype)]

            vjp = jax().vjp(call_with_real, *[operands[i] for i in real])[1]
            result: JaxArray = vjp(list(cotangents))
            return result

        wrapped = JaxFunction(backward, f"{self.name}_gradient", GradientError)
        wrapped.signature = inspect.signature(backward)
        op = wrapped.make_op()
        wrapped.defaults.update(self.defaults)
        return make_op_function(op)

    def count_operations(self, node: Expr, size: Callable[..., int]) -> float:
        shapes = [tuple(size(i, axis) for axis in range(i.ndim)) for i in node.inputs]
        with x64():
            operands = [jax().ShapeDtypeStruct(s, i.dtype) for s, i in zip(shapes, node.inputs, strict=True)]
            lowered = jax().jit(functools.partial(self.call, **node.settings)).lower(*operands)
            operations: float = (lowered.cost_analysis() or {}).get("flops", 0.0)
        return operations


def make_symbolic_sizes(count: int) -> Sequence[Any]:
    from jax import export

    return export.symbolic_shape(", ".join(f"d{i}" for i in range(count))) if count else ()


def broadcast_cotangent(g: Expr, like: Expr) -> Expr:
    """Return a gradient with the shape of a result, or zeros if there is none."""
    if g is None:
        result: Expr = call_op("zeros_like", like)
    else:
        result = g if covers(g.shape, like.shape) else call_op("broadcast_like", g, like)
    return result
