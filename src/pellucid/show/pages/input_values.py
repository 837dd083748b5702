"""Values of inputs that a user gives by expression or name, and their printed forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import InputError, ShapeError, near_miss
from pellucid.graph.expr import Constant, Expr, Shared, is_compatible_shape
from pellucid.graph.naming import strip_calls
from pellucid.graph.traversal import to_expr_list, topological
from pellucid.graph.types import format_shape
from pellucid.show.formulas.latex_names import digits_to_latex, matrix_to_latex
from pellucid.typing import Array, ArrayLike

Values = Mapping[Any, Any]


def collect_outputs(
    what: Any, caller: str, names: Mapping[Any, str] | None = None
) -> tuple[list[Expr], dict[Any, str]]:
    """Return the outputs of expressions or of a function with its updates, and names, both without layer calls."""
    program = getattr(what, "program", None)
    outputs = to_expr_list(what, caller) if program is None else [*program.outputs, *program.updates.values()]
    return strip_calls(outputs, names)


def collect_values(outputs: Sequence[Expr], values: Values | None, caller: str) -> dict[Expr, Array]:
    """Return the value of every input and shared variable of some expressions, in the declared dtypes.

    ``values`` are by input or its name. Shared variables have values already, which may be overridden. Errors begin
    with the name of the public function, ``caller``.

    Raises
    ------
    InputError
        If an input has no value, or a name is ambiguous.
    ShapeError
        If a value does not have the declared shape.
    """
    leaves = [e for e in topological(outputs) if e.op is None and not isinstance(e, Constant)]
    found: dict[Expr, Array] = {e: e.get_value() for e in leaves if isinstance(e, Shared)}
    for key, value in (values or {}).items():
        leaf = find_leaf(key, leaves, caller)
        if leaf is not None:
            found[leaf] = cast_to_dtype(value, leaf.dtype, str(leaf))
            check_shape(leaf, found[leaf], caller)
    missing = [str(leaf) for leaf in leaves if leaf not in found]
    if missing:
        # Extra values are allowed, but when a value is missing, an unknown name is probably a typo.
        unknown = [key for key in values or {} if isinstance(key, str) and key not in {e.name for e in leaves}]
        hint = "".join(f" Received one for {key!r}.{near_miss(key, missing)}" for key in unknown)
        raise InputError(f"{caller}: no value was given for {', '.join(missing)}.{hint} Give {{{missing[0]!r}: array}}")
    return found


def check_shape(leaf: Expr, array: Array, caller: str) -> None:
    if leaf.ndim == array.ndim:
        sizes = [actual if isinstance(dim, str) else dim for dim, actual in zip(leaf.shape, array.shape, strict=True)]
        if is_compatible_shape(array.shape, tuple(sizes)):
            return
    raise ShapeError(
        f"{caller}: {leaf} has shape {format_shape(leaf.shape)}. Received: a value of shape {format_shape(array.shape)}"
    )


def find_leaf(key: object, leaves: Sequence[Expr], caller: str) -> Expr | None:
    """Return the leaf of an input or a name, or None if the expressions do not depend on it."""
    if isinstance(key, Expr):
        if key.op is not None:
            raise InputError(f"{caller}: expected values for inputs. Received: a value for {key}, which is computed")
        return key if key in set(leaves) else None
    matches = [leaf for leaf in leaves if leaf.name == key]
    if len(matches) > 1:
        raise InputError(f"{caller}: {len(matches)} inputs are named {key!r}. Use the inputs themselves as keys")
    return matches[0] if matches else None


def format_array(value: ArrayLike, limit: int = 24) -> str:
    """Print a scalar or small array in full, and a larger one as its shape, range and mean.

    Examples
    --------
    >>> format_array(np.array([0.5, 0.25])), format_array(np.zeros((100, 3)))
    ('[0.5 0.25]', 'shape (100, 3), from 0 to 0, mean 0')
    """
    value = np.asarray(value)
    if value.ndim == 0:
        return format_number(value[()])
    if 0 < value.size <= limit and value.ndim <= 2:
        numbers = format_numbers(value)
        aligned = np.char.rjust(numbers, max(map(len, numbers))).reshape(-1, value.shape[-1])
        rows = "\n ".join(f"[{' '.join(row)}]" for row in aligned)
        return rows if value.ndim == 1 else f"[{rows}]"
    if not value.size:
        return f"shape {format_shape(value.shape)}, empty"
    low, high, mean = (format_number(f(value)) for f in (np.min, np.max, np.mean))
    return f"shape {format_shape(value.shape)}, from {low} to {high}, mean {mean}"


def value_to_latex(value: ArrayLike, limit: int = 24) -> str:
    """Return the LaTeX of a scalar or small array, and of a larger one its shape and range."""
    value = np.asarray(value)
    if value.ndim == 0:
        return digits_to_latex(format_number(value[()]))[0]
    if value.ndim > 2 or not 0 < value.size <= limit or value.shape[-1] > 8 or len(value) > 10:
        return rf"\text{{{format_array(value, 0)}}}"
    return matrix_to_latex(np.reshape(format_numbers(value), (-1, value.shape[-1])))


def format_numbers(value: Array) -> list[str]:
    """Print the elements of an array with equal decimals, so that the largest has at least four digits.

    Examples
    --------
    >>> format_numbers(np.array([0.5, -12.25])), format_numbers(np.array([0.5, 1e-9]))
    (['0.50', '-12.25'], ['0.5', '1e-09'])
    """
    sizes = np.abs(value[value != 0]) if value.dtype.kind == "f" else np.zeros(0)
    if not sizes.size or not np.isfinite(value).all() or (value == np.rint(value)).all():
        return [format_number(v) for v in value.flat]
    low, high = float(sizes.min()), float(sizes.max())
    decimals = 3 - int(np.floor(np.log10(high)))
    if not 0 <= decimals <= 6 or low < 10.0**-decimals:
        return [format_number(v) for v in value.flat]
    return [f"{v:.{decimals}f}" for v in value.flat]


def format_number(value: Any, digits: int = 4) -> str:
    """Print a number with some significant digits, and an integer in full.

    Examples
    --------
    >>> format_number(0.123456), format_number(12345678), format_number(True), format_number(1e-9)
    ('0.1235', '12345678', 'True', '1e-09')
    """
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    return f"{float(value):.{digits}g}"
