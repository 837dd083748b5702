"""Types of arguments: arrays, axes, dtypes, modes and devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "ArrayLike", "Axes", "DTypeLike", "Devices", "Mode"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""NumPy array of any shape and dtype.

Examples
--------
>>> import pellucid.typing as pt
>>> def center(x: pt.Array) -> pt.Array:
...     return x - x.mean(axis=0)
"""

ArrayLike: TypeAlias = npt.ArrayLike
"""What NumPy converts to an array: arrays, numbers, lists of numbers.

Examples
--------
>>> import pellucid.typing as pt
>>> def count(x: pt.ArrayLike) -> int:
...     return np.asarray(x).size
>>> count([[1, 2], [3, 4]])
4
"""

Axes: TypeAlias = int | Sequence[int] | None
"""Axes of a reduction: one, several, or None for all.

Examples
--------
>>> import pellucid.typing as pt
>>> def norm(x: pel.Expr, axis: pt.Axes = None) -> pel.Expr:
...     return pel.sqrt((x**2).sum(axis=axis))
"""

DTypeLike: TypeAlias = npt.DTypeLike
"""What NumPy converts to a dtype, such as ``"float32"``.

Examples
--------
>>> import pellucid.typing as pt
>>> def make_zeros(dtype: pt.DTypeLike) -> pel.Expr:
...     return pel.zeros(3, dtype)
"""

Mode: TypeAlias = Literal["auto", "xla", "native", "numpy", "guard"]
"""How a compiled function runs; see `pellucid.function`.

Examples
--------
>>> import pellucid.typing as pt
>>> def compile_square(mode: pt.Mode) -> pel.Function:
...     x = pel.scalar("x")
...     return pel.function([x], x**2, mode=mode)
>>> compile_square("numpy")(3.0)
np.float32(9.0)
"""

Devices: TypeAlias = Literal["all"] | int | Sequence[int | str] | None
"""Devices that share a batch: all, a number of them, a list of numbers or names, or None for one.

Examples
--------
>>> import pellucid.typing as pt
>>> def evaluate(model: pel.Model, x: pt.Array, y: pt.Array, devices: pt.Devices = None) -> float:
...     return model.evaluate(x, y, devices=devices)
"""
