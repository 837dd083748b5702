r"""Arrays whose shapes are formulas of the sizes of other expressions, and the values of such sizes.

One op, `shape_template`, has a computed shape. Other functions take the shape of its result: ``zeros((n, 2 * m))``
broadcasts 0 to it.
"""

from __future__ import annotations

import functools
import operator
import re
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from pellucid.extension_points import size_expression
from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Constant, Expr, OpSettings, as_expr, constant, interning_lock
from pellucid.graph.op import PrintedOperand, TemplatePiece, WrittenOperand
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import dim_to_latex
from pellucid.graph.precedence import ATOM
from pellucid.graph.range_rules import fixed
from pellucid.graph.size_formulas import (
    VALUE_PREFIX,
    Atom,
    Monomial,
    SizeFormula,
    choose_largest,
    choose_smallest,
    parse_formula,
)
from pellucid.graph.slice_sizes import count_steps, normalize_slice
from pellucid.graph.types import (
    Dim,
    NamedDim,
    Shape,
    Type,
    Unknown,
    as_dim,
    as_formula,
    combine_dims,
    format_shape,
    get_origins,
    multiply_sizes,
    read_dim,
)

Axis = tuple[Expr, int | str]
"""An expression and the number of one of its axes; for the value of a scalar expression, the name of the size."""

_value_names: dict[int, tuple[weakref.ref[Expr], str]] = {}
"""Names of the sizes that are values of scalar expressions, by the identity of the expression."""

_name_counts: Counter[str] = Counter()


def as_sizes(dims: Any) -> Any:
    """Return a shape, or a single size, with sizes in the place of expressions.

    The elements of a vector of known length are sizes, too.

    Raises UseError for an expression that is no integer.
    """
    if isinstance(dims, Expr):
        is_vector = dims.ndim == 1 and isinstance(dims.shape[0], int)
        return tuple(find_size(dims[i]) for i in range(dims.shape[0])) if is_vector else find_size(dims)
    if isinstance(dims, (list, tuple)) and any(isinstance(dim, Expr) for dim in dims):
        return tuple(find_size(dim) if isinstance(dim, Expr) else dim for dim in dims)
    return dims


SIZE_OPERATIONS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "maximum": choose_largest,
    "minimum": choose_smallest,
}
"""Ops on integers that are operations on sizes."""


def find_size(e: Expr) -> Dim:
    """Return the size that a scalar expression computes: a formula, or a name for the value of the expression."""
    if e.ndim or e.dtype.kind not in "iu":
        raise UseError(
            f"Expected an integer as a size. Received: {brief(e)}, of type {e.type}. An integer expression is a size, "
            "such as x.shape[0] or pel.cast(n, 'int64')"
        ).with_operands([e])
    if isinstance(e, Constant):
        return int(e.value)
    name = "" if e.op is None else e.op.name
    if name == "size":
        axes = e.settings["axis"]
        sizes = [e.inputs[0].shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes)]
        return multiply_sizes(*sizes)
    if name == "cast" and e.inputs[0].dtype.kind in "iu":
        return find_size(e.inputs[0])
    if name == "negative":
        return combine_dims(operator.mul, -1, find_size(e.inputs[0]))
    if name in SIZE_OPERATIONS:
        return combine_dims(SIZE_OPERATIONS[name], *map(find_size, e.inputs))
    element = find_stacked(e) if name == "slice" else None
    return make_value_dim(e, name_value(e)) if element is None else find_size(element)


def find_stacked(e: Expr) -> Expr | None:
    """Return the scalar of which `stack` made an element of a vector, or None for other elements."""
    vector = e.inputs[0]
    if vector.op is None or vector.op.name != "join" or any(part.shape != (1,) for part in vector.inputs):
        return None
    part = vector.inputs[e.settings["index"][0]]
    return part.inputs[0] if part.op is not None and part.op.name == "expand_dims" else None


def make_value_dim(e: Expr, name: str) -> NamedDim:
    """Return the size of a name that is the value of an expression."""
    dim = NamedDim(name)
    dim.origins = {name: (lambda: e, name)}  # a strong reference: arrays of this size are computed from the expression
    return dim


def name_value(e: Expr) -> str:
    """Return the name of the size that is the value of an expression."""
    with interning_lock:
        known = _value_names.get(id(e))
        if known is not None and known[0]() is e:
            return known[1]
        base = VALUE_PREFIX + (e.name if e.name is not None and e.name.isidentifier() else "")
        _name_counts[base] += 1
        name = base if _name_counts[base] == 1 and e.name else f"{base}{'_' if e.name else ''}{_name_counts[base]}"
        key = id(e)
        _value_names[key] = (weakref.ref(e, lambda _: _value_names.pop(key, None)), name)
        return name


def find_axes(dims: Iterable[Dim], *expressions: Expr) -> dict[str, Axis]:
    """Return an axis for each name in dimensions, whose length is the size of that name, of these or other expressions.

    Raises UseError if there is none, because the dimension was written as text, or its expression exists no more.
    """
    found: dict[str, Axis] = {}
    own = {d: (e, axis) for e in expressions for axis, d in enumerate(e.shape) if isinstance(d, str)}
    for dim in dims:
        if isinstance(dim, int):
            continue
        origins = get_origins(dim)
        for name in read_dim(dim).list_names():
            get_expression, axis = origins.get(name, (lambda: None, 0))
            e = get_expression()
            if name in own:
                found[name] = own[name]
            elif e is not None:
                found.setdefault(name, (e, axis))
            elif name not in found:
                raise UseError(
                    f"The size {str(dim)!r} is not that of an expression. Take it from one, as in x.shape[0], and keep "
                    "that expression"
                )
    return found


def has_known_axes(dims: Iterable[Any]) -> bool:
    """Whether some dimensions are sizes of expressions, and not only numbers and names that were written as text."""
    return any(get_origins(dim) for dim in dims if isinstance(dim, NamedDim))


def has_values(dims: Iterable[Any]) -> bool:
    """Whether some dimensions are values of scalar expressions, or formulas of them."""
    return any(isinstance(axis, str) for dim in dims for _, axis in get_origins(dim).values())


@size_expression.register
def make_size_expression(dim: str, dtype: Any = None) -> Expr:
    """Return the value of a size, as int64 by default."""
    axes = find_axes([dim])
    if dim in axes and isinstance(axes[dim][1], int):
        return call_op("size", axes[dim][0], axis=axes[dim][1], dtype=dtype)
    value = compute_formula(as_formula(dim), axes)
    return value if dtype is None or value.dtype == np.dtype(dtype) else call_op("cast", value, dtype=dtype)


def compute_formula(formula: SizeFormula, axes: Mapping[str, Axis]) -> Expr:
    """Return the value of a formula as an expression."""
    terms = [compute_term(monomial, coefficient, axes) for monomial, coefficient in formula.terms]
    return functools.reduce(operator.add, terms) if terms else constant(0, "int64")


def compute_term(monomial: Monomial, coefficient: int, axes: Mapping[str, Axis]) -> Expr:
    factors: list[Any] = [compute_atom(atom, axes) for atom in monomial]
    number = [coefficient] if coefficient != 1 and monomial else []
    product: Expr = functools.reduce(operator.mul, [*number, *factors]) if monomial else constant(coefficient, "int64")
    return product


COMPUTE = {"//": "floor_divide", "%": "remainder", "max": "maximum", "min": "minimum"}


def compute_atom(atom: Atom, axes: Mapping[str, Axis]) -> Expr:
    if isinstance(atom, str):
        e, axis = axes[atom]
        return call_op("cast", e, dtype="int64") if isinstance(axis, str) else call_op("size", e, axis=axis)
    return call_op(COMPUTE[atom.name], compute_formula(atom.left, axes), compute_formula(atom.right, axes))


def make_template(
    shape: Sequence[Dim], *expressions: Expr, bounds: Sequence[Dim | None] = (), length: Dim | None = None
) -> Expr:
    """Return an expression of a given shape, whose elements are not used.

    Names are sizes of the given expressions, or of those that they were taken from. If the shape is that of a slice,
    its bounds and the length of the sliced axis are given.

    Raises UseError for a size that is not that of an expression.
    """
    axes = find_axes([*shape, *(d for d in (*bounds, length) if d is not None)], *expressions)
    numbers = {name: number_size(k, axis) for k, (name, (_, axis)) in enumerate(axes.items())}
    formulas = {name: cast(SizeFormula, parse_formula(number)) for name, number in numbers.items()}

    def rename(dim: Dim) -> int | str:
        return dim if isinstance(dim, int) else str(read_dim(dim).substitute(formulas))

    return call_op(
        "shape_template",
        *(e for e, _ in axes.values()),
        shape=tuple(map(rename, shape)),
        axes=tuple(a for _, a in axes.values()),
        bounds=tuple("" if d is None else rename(d) for d in bounds),
        length="" if length is None else rename(length),
    )


def number_size(k: int, axis: int | str) -> str:
    """Return the name of a size in the formulas of a template: that of an axis or of the value of an operand."""
    return f"d{k}" if isinstance(axis, int) else f"{VALUE_PREFIX}{k}"


def infer_template(*sources: Expr, shape: Shape, axes: Sequence[int | str], **slicing: object) -> Type:
    """Return the type of an array whose shape is computed from the sizes of axes, and from values."""
    given = {
        number_size(k, axis): get_source_size(e, axis) for k, (e, axis) in enumerate(zip(sources, axes, strict=True))
    }
    formulas = {name: read_dim(dim) for name, dim in given.items()}
    origins = {name: origin for dim in given.values() for name, origin in get_origins(dim).items()}
    dims: list[Dim] = []
    for dim in shape:
        if isinstance(dim, int):
            dims.append(dim)
            continue
        formula = as_formula(dim).substitute(formulas)
        dims.append(as_dim(formula, origins, unknown=any(name.startswith("?") for name in formula.list_names())))
    return Type(tuple(dims), np.dtype(bool))


def get_source_size(source: Expr, axis: int | str) -> Dim:
    """Return the size of an axis of an operand, or the size that its value is."""
    if isinstance(axis, int):
        return source.shape[axis]  # type: ignore[no-any-return]
    if isinstance(source, Constant):
        return int(source.value)
    return make_value_dim(source, axis)


def template_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    sizes = write_sizes(operands, settings, is_latex=False)
    return ["empty((", *sizes, ",))" if len(settings.get("shape", ())) == 1 else "))"]


def template_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    return [r"\operatorname{empty}(", *write_sizes(operands, settings, is_latex=True), ")"]


def write_sizes(operands: Sequence[PrintedOperand], settings: OpSettings, *, is_latex: bool) -> list[TemplatePiece]:
    """Return the pieces of the shape of a template."""
    sizes = [write_size(operands, settings, dim, is_latex) for dim in settings.get("shape", ())]
    return [piece for size in sizes for piece in (", ", *size)][1:]


def format_index_array(indices: PrintedOperand, *, is_latex: bool = False) -> TemplatePiece:
    """Return the piece for an index array. That of a slice with computed bounds is written as the slice.

    Examples
    --------
    >>> x, i = pel.matrix("x"), pel.iscalar("i")
    >>> print(x[20 * i : 20 * i + 20])
    x[20*i:20*i + 20]
    """
    template = find_slice_template(indices)
    if template is None:
        return indices, 0
    start, stop, step = (
        write_size(template.inputs, template.settings, d, is_latex) if d != "" else []
        for d in template.settings["bounds"]
    )
    return WrittenOperand(indices, [*start, ":", *stop, *([":", *step] if step else [])]), 0


def find_slice_template(indices: PrintedOperand) -> Expr | None:
    """Return the template in the indices of a slice: a range, perhaps times a step, plus the first element."""
    if not isinstance(indices, Expr) or indices.op is None:
        return None
    if indices.op.name in ("add", "subtract", "multiply"):
        found = map(find_slice_template, indices.inputs)
        return next((template for template in found if template is not None), None)
    template = indices.inputs[0] if indices.op.name == "arange_like" else None
    return template if template is not None and template.settings.get("bounds") else None


def write_size(
    operands: Sequence[PrintedOperand], settings: OpSettings, dim: Dim, is_latex: bool
) -> list[TemplatePiece]:
    """Return the pieces of a size in a template. Sizes without a name are written by the arrays that have them.

    Examples
    --------
    >>> t = pel.ivector("t")
    >>> print(pel.arange(2 * t.shape[0]))
    arange(2*t.shape[0])
    """
    formulas, unnamed = {}, {}
    for k, (source, axis) in enumerate(zip(operands, settings["axes"], strict=True)):
        size = get_source_size(source, axis) if isinstance(source, Expr) else number_size(k, axis)
        is_unnamed = isinstance(size, Unknown) or has_values([size])
        formulas[number_size(k, axis)] = read_dim(f"unnamedsize{k}" if is_unnamed else size)
        unnamed[k] = write_source_size(source, axis, is_latex)
    found = dim if isinstance(dim, int) else as_dim(as_formula(dim).substitute(formulas), {})
    written = re.split(r"unnamedsize(\d+)", dim_to_latex(found) if is_latex else str(found))
    return [piece for place, part in enumerate(written) for piece in (unnamed[int(part)] if place % 2 else [part])]


def write_source_size(source: PrintedOperand, axis: int | str, is_latex: bool) -> list[TemplatePiece]:
    """Return the pieces of the size of an axis, or of a value that is a size."""
    if isinstance(axis, str):
        return [(source, ATOM)]
    if not is_latex:
        return [(source, ATOM), f".shape[{axis}]"]
    below = f"_{{{axis}}}" if isinstance(source, Expr) and source.ndim > 1 else ""
    return [rf"\operatorname{{size}}{below}(", (source, 0), ")"]


def get_template_shape(operand: PrintedOperand) -> str | None:
    """Return the text of a computed shape; None for another expression."""
    if isinstance(operand, Expr) and operand.op is shape_template.op:
        return format_shape(operand.shape)
    return None


@op(
    text=template_text,
    tex=template_tex,
    infer=infer_template,
    normalize=lambda *sources, shape, axes, bounds=(), length="": {
        "shape": tuple(shape),
        "axes": tuple(axes),
        "bounds": tuple(bounds),
        "length": length,
    },
    differentiable=False,
    examples=lambda rng: [((np.zeros((6, 4)),), {"shape": ("d0//2", 3), "axes": (0,)})],
    cost=0,
    behind="zeros",
    value_range=fixed(0, 0),
)
def shape_template(
    xp: ArrayNamespace,
    *sources: NamespaceArray,
    shape: Sequence[int | str] = (),
    axes: Sequence[int | str] = (),
    bounds: Sequence[int | str] = (),
    length: int | str = "",
) -> NamespaceArray:
    r"""Array of booleans whose shape is computed from the lengths of axes of other arrays, and whose elements are 0.

    Parameters
    ----------
    *sources : Expr or array
        Arrays of any shape.
    shape : tuple of int and str
        Sizes, and formulas in which ``d0``, ``d1``, ... are the lengths of the axes, and ``value_0``, ... values.
    axes : tuple of int and str
        The axis of each array; a name if the value of a scalar is the size.
    bounds : tuple of int and str
        Start, stop and step of the slice that is taken with the array, for printing; empty for one that is left out.
    length : int or str
        Length of the sliced axis; empty for a shape that is not that of a slice.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 3))
    >>> pel.zeros((x.shape[0] // 2, 2)).shape
    ('n//2', 2)
    """
    return xp.zeros(get_runtime_shape(sources, shape, axes, length), dtype=bool)


def get_runtime_shape(
    sources: Sequence[Any], shape: Sequence[int | str], axes: Sequence[int | str], length: int | str
) -> tuple[int, ...]:
    """Return a computed shape as integers; raises ShapeError if one is negative."""
    values = {
        number_size(k, axis): int(x.shape[axis]) if isinstance(axis, int) else get_runtime_value(x, axis)
        for k, (x, axis) in enumerate(zip(sources, axes, strict=True))
    }

    def evaluate(dim: int | str) -> int:
        return dim if isinstance(dim, int) else cast(SizeFormula, parse_formula(dim)).evaluate(values)

    if length != "" and evaluate(length) == 0:
        return (0,)  # the formula of the size of a slice holds for sizes of 1 or more
    sizes = tuple(map(evaluate, shape))
    for dim, size in zip(shape, sizes, strict=True):
        if size < 0:
            known = ", ".join(f"{name} = {value}" for name, value in values.items())
            raise ShapeError(f"The size {dim} is negative: {size}, with {known}")
    return sizes


def get_runtime_value(x: Any, name: str) -> int:
    """Return the value of a size; raises UseError while XLA traces a program, because it is not known then."""
    try:
        return int(x)
    except TypeError:
        raise UseError(
            f"The size {name} is a value that is computed inside of a compiled loop or for several members at once, "
            "and XLA must know sizes before. Compute it outside, or use pel.function(..., mode='numpy')"
        ) from None


def take_slice(x: Expr, axis: int, start: Dim | None, stop: Dim | None, step: int | None) -> Expr:
    """Return a slice along one axis, whose bounds are sizes."""
    step = 1 if step is None else step
    size = x.shape[axis]
    first, last = normalize_slice(size, start, stop, step)
    bounds = start, stop, None if step == 1 else step
    numbers = call_op("arange_like", make_template((count_steps(first, last, step),), x, bounds=bounds, length=size))
    numbers = numbers if step == 1 else numbers * step
    return call_op("take", x, numbers if first == 0 else numbers + as_expr(first, "int64"), axis=axis)
