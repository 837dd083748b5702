"""Binding of arguments to inputs: order, dtypes and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import InputError, ShapeError, near_miss
from pellucid.graph.expr import Input
from pellucid.graph.foreign_names import FOREIGN_ARGUMENTS
from pellucid.graph.types import as_formula, format_shape, is_formula
from pellucid.run.buffers import Buffer
from pellucid.typing import Array, ArrayLike

Signature: TypeAlias = tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]
"""Shape and dtype of every argument."""


def get_signature(args: Sequence[Any]) -> Signature | None:
    """Return the shapes and dtypes of arguments that are NumPy arrays; None if one is something else.

    Whether such arguments fit the inputs depends on nothing else, except for indices.
    """
    signature = tuple([(a.shape, a.dtype) for a in args if type(a) is np.ndarray])
    return signature if len(signature) == len(args) else None


def order_arguments(
    inputs: Sequence[Input],
    args: Sequence[ArrayLike],
    kwargs: Mapping[str, ArrayLike],
    defaults: Mapping[Input, Array],
    walk: bool = False,
) -> list[ArrayLike]:
    """Return arguments, given by position or name, in the order of the inputs, with defaults for those not given.

    With ``walk``, values have one more axis in front, for the steps of a loop, and a default is the same at each step.
    """
    if len(args) == len(inputs) and not kwargs:
        return list(args)
    names = [i.name for i in inputs]
    count = f"{len(inputs)} input{'s' * (len(inputs) != 1)}"
    if len(args) > len(inputs):
        raise InputError(f"The function takes {count} ({', '.join(map(str, inputs))}). Received: {len(args)} arguments")
    values: dict[int, ArrayLike] = dict(enumerate(args))
    for name, value in kwargs.items():
        position = find_position(name, names)
        if position in values:
            raise InputError(f"Expected one value for the input {name!r}. Received: one by position and one by name")
        values[position] = value
    if len(values) < len(inputs) and defaults:
        length = next((np.shape(v)[:1] for v in values.values()), ()) if walk else ()
        for position, i in enumerate(inputs):
            if position not in values and i in defaults:
                values[position] = np.broadcast_to(defaults[i], (*length, *defaults[i].shape))
    missing = [i for p, i in enumerate(inputs) if p not in values]
    if missing:
        raise InputError(
            f"The function needs a value for {', '.join(map(str, missing))}. Received: {len(values)} of {count}"
        ).with_operands(missing)
    return [values[p] for p in range(len(inputs))]


def find_position(name: str, names: Sequence[str | None]) -> int:
    if names.count(name) > 1:
        raise InputError(f"The function has several inputs named {name!r}. Pass their values by position")
    if name not in names:
        known = [n for n in names if n]
        hint = f" {FOREIGN_ARGUMENTS[name]}" if name in FOREIGN_ARGUMENTS else near_miss(name, known)
        hint = hint or f" It has: {', '.join(known) or 'none with a name'}"
        raise InputError(f"The function has no input named {name!r}.{hint}")
    return names.index(name)


def convert_arguments(inputs: Sequence[Input], values: Sequence[Any], lead: int = 0) -> list[Buffer]:
    """Convert values to the dtypes of their inputs, and check their shapes against declarations and each other.

    Values have ``lead`` more axes in front, such as one for the steps of a loop.
    """
    sizes: dict[str, tuple[int, Input]] = {}
    result = []
    for declared, value in zip(inputs, values, strict=True):
        is_array = isinstance(value, np.ndarray) or value.__class__.__module__.startswith("jax")
        array = (
            value if is_array and value.dtype == declared.dtype else cast_to_dtype(value, declared.dtype, str(declared))
        )
        check_shape(declared, array.shape, lead, sizes)
        result.append(array)
    check_formulas(sizes)
    return result


def check_formulas(sizes: Mapping[str, tuple[int, Input]]) -> None:
    """Check that sizes that were declared as formulas, such as ``2*n``, have the values of the formulas."""
    values = {name: size for name, (size, _) in sizes.items()}
    for dim, (size, declared) in sizes.items():
        if not is_formula(dim):
            continue
        formula = as_formula(dim)
        if all(name in values for name in formula.list_names()) and formula.evaluate(values) != size:
            known = ", ".join(f"{name} = {values[name]}" for name in dict.fromkeys(formula.list_names()))
            raise ShapeError(
                f"Expected size {dim!r} = {formula.evaluate(values)} in {declared}, because {known}. Received: {size}"
            ).with_operands([declared])


def check_shape(declared: Input, shape: tuple[int, ...], lead: int, sizes: dict[str, tuple[int, Input]]) -> None:
    """Check a value's shape against its input's, and its named dimensions against those of other inputs."""
    if len(shape) != lead + declared.ndim:
        raise_shape_mismatch(declared, shape, lead)
    for axis, dim in enumerate(declared.shape, start=lead):
        size = shape[axis]
        if isinstance(dim, int):
            if dim != size:
                raise_shape_mismatch(declared, shape, lead, f", where axis {axis} has length {size} and not {dim}")
            continue
        known_size, other = sizes.setdefault(dim, (size, declared))
        if known_size != size:
            raise ShapeError(
                f"Expected the same size for {dim!r} in all inputs. Received: {known_size} in {other} and {size} in "
                f"{declared}, whose value has shape {format_shape(shape)}"
            ).with_operands([other, declared])


def raise_shape_mismatch(declared: Input, shape: tuple[int, ...], lead: int, detail: str = "") -> NoReturn:
    steps = ", after one axis for the steps" if lead else ""
    raise ShapeError(
        f"Expected {declared} to have shape {format_shape(declared.shape)}{steps}. "
        f"Received: a value of shape {format_shape(shape)}{detail}"
    ).with_operands([declared])
