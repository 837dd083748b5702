"""Arguments made to fit the inputs they are given for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import fit
from pellucid.graph.errors import InputError, ShapeError, near_miss
from pellucid.graph.expr import Input
from pellucid.graph.types import shape_text


def arrange(
    inputs: Sequence[Input],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    defaults: Mapping[Input, np.ndarray[Any, Any]],
    walk: bool = False,
) -> list[Any]:
    """Put arguments given by position and by name in the order of the inputs, and defaults where there is none.

    With ``walk``, values have one more axis in front, for the steps of a loop, and a default is the same at each.

    Raises
    ------
    InputError
        If there are too many, one is missing, given twice, or of a name that no input has.
    """
    if len(args) == len(inputs) and not kwargs:
        return list(args)
    names = [i.name for i in inputs]
    if len(args) > len(inputs):
        raise InputError(
            f"The function takes {counted(len(inputs), 'input')} ({', '.join(map(str, inputs))}). Received: {len(args)}"
        )
    values: dict[int, Any] = dict(enumerate(args))
    for name, value in kwargs.items():
        position = position_of(name, names)
        if position in values:
            raise InputError(f"The input {name!r} was given twice, by position and by name")
        values[position] = value
    if len(values) < len(inputs) and defaults:
        length = next((np.shape(v)[:1] for v in values.values()), ()) if walk else ()
        for position, i in enumerate(inputs):
            if position not in values and i in defaults:
                values[position] = np.broadcast_to(defaults[i], (*length, *defaults[i].shape))
    missing = [i for p, i in enumerate(inputs) if p not in values]
    if missing:
        wanted = ", ".join(map(str, missing))
        raise InputError(
            f"The function needs a value for {wanted}. Received: {len(values)} of {counted(len(inputs), 'input')}"
        ).about(missing)
    return [values[p] for p in range(len(inputs))]


def position_of(name: str, names: Sequence[str | None]) -> int:
    """Return which input has a name, or say that none has, or several."""
    if names.count(name) > 1:
        raise InputError(f"The function has several inputs named {name!r}. Give them by position")
    if name not in names:
        known = [n for n in names if n]
        hint = near_miss(name, known) or f" It has: {', '.join(known) or 'none with a name'}"
        raise InputError(f"The function has no input named {name!r}.{hint}")
    return names.index(name)


def counted(number: int, what: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(1, "input"), counted(2, "input")
    ('1 input', '2 inputs')
    """
    return f"{number} {what}{'s' * (number != 1)}"


def bind(inputs: Sequence[Input], values: Sequence[Any], lead: int = 0) -> list[Any]:
    """Cast values to the dtypes of their inputs and hold their shapes against one another.

    Parameters
    ----------
    inputs : sequence of Input
        What they are for.
    values : sequence of array
        One for each input.
    lead : int
        How many leading axes the values have beyond those of the inputs, such as one for the steps of a loop.

    Returns
    -------
    list of array
        Ready to run.

    Raises
    ------
    ShapeError
        If a value has another shape than declared, or one name stands for two sizes.
    """
    sizes: dict[str, tuple[int, Input]] = {}
    result = []
    for declared, value in zip(inputs, values, strict=True):
        ready = isinstance(value, np.ndarray) or value.__class__.__module__.startswith("jax")
        array = value if ready and value.dtype == declared.dtype else fit(value, declared.dtype, str(declared))
        check_shape(declared, array.shape, lead, sizes)
        result.append(array)
    return result


def check_shape(declared: Input, shape: tuple[int, ...], lead: int, sizes: dict[str, tuple[int, Input]]) -> None:
    """Hold one value's shape against the input's, and its named sizes against those of the others."""
    if len(shape) != lead + declared.ndim:
        raise ShapeError(misfit(declared, shape, lead)).about([declared])
    for axis, dim in enumerate(declared.shape, start=lead):
        size = shape[axis]
        if isinstance(dim, int):
            if dim != size:
                raise ShapeError(
                    f"{misfit(declared, shape, lead)}, where dimension {axis} is {size} and not {dim}"
                ).about([declared])
            continue
        known, other = sizes.setdefault(dim, (size, declared))
        if known != size:
            raise ShapeError(
                f"One name is one size, and {dim} is {known} in {other} and {size} in {declared}. "
                f"Received: a value of shape {shape_text(shape)}"
            ).about([other, declared])


def misfit(declared: Input, shape: tuple[int, ...], lead: int) -> str:
    """Say which shape was declared and which was given."""
    steps = ", and one axis for the steps before it" if lead else ""
    expected = f"{declared} has shape {shape_text(declared.shape)}{steps}"
    return f"{expected}. Received: a value of shape {shape_text(shape)}"


def checked_steps(steps: Any) -> int:
    """Refuse what is no number of steps."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise InputError(f"Expected a number of steps of 0 or more. Received: steps={steps!r}")
    return int(steps)
