"""Types of the value functions of ops: array namespaces and their arrays.

The namespaces are NumPy (in the interpreter), ``jax.numpy`` (in compiled programs) and pellucid's functions (in
`expand`). The same value function runs over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import numpy as np

if TYPE_CHECKING:
    import jax

    from pellucid.typing import Array, DTypeLike


class NamespaceArray(Protocol):
    """Array of an array namespace, with the operators and methods that NumPy, JAX and expressions have in common."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def T(self) -> NamespaceArray: ...

    def __add__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __radd__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __sub__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __rsub__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __mul__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __rmul__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __truediv__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __rtruediv__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __floordiv__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __mod__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __pow__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __rpow__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __matmul__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __lshift__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __rshift__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __and__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __or__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __xor__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __eq__(self, other: object, /) -> Any: ...
    def __ne__(self, other: object, /) -> Any: ...
    def __lt__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __le__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __gt__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __ge__(self, other: ArrayOperand, /) -> NamespaceArray: ...
    def __neg__(self) -> NamespaceArray: ...
    def __abs__(self) -> NamespaceArray: ...
    def __invert__(self) -> NamespaceArray: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __iter__(self) -> Iterator[NamespaceArray]: ...
    def __getitem__(self, index: Any, /) -> NamespaceArray: ...

    def astype(self, dtype: DTypeLike | None, /) -> NamespaceArray: ...
    def ravel(self) -> NamespaceArray: ...
    def reshape(self, *shape: Any) -> NamespaceArray: ...


ArrayOperand: TypeAlias = "Array | np.generic | complex | NamespaceArray"
"""Operand of an array's operators: an array of the namespace, a NumPy array or scalar, or a Python number."""

JaxArray: TypeAlias = "jax.Array"
"""Array of the values for XLA that use JAX itself."""

ArrayValue: TypeAlias = "Array | JaxArray | NamespaceArray"
"""Result of a value function: of NumPy only, of JAX only, or of any namespace."""

UnaryFunction: TypeAlias = Callable[[ArrayOperand], NamespaceArray]
BinaryFunction: TypeAlias = Callable[[ArrayOperand, ArrayOperand], NamespaceArray]
ArrayFunction: TypeAlias = Callable[..., NamespaceArray]
"""Function with settings, such as an axis. Arguments differ between namespaces, so they are not checked here."""


class LinearAlgebra(Protocol):
    """The functions of ``xp.linalg`` that ops use."""

    cholesky: UnaryFunction
    det: UnaryFunction
    inv: UnaryFunction
    slogdet: Callable[[ArrayOperand], tuple[NamespaceArray, NamespaceArray]]
    solve: BinaryFunction
    svd: Callable[..., tuple[NamespaceArray, NamespaceArray, NamespaceArray]]


class ArrayNamespace(Protocol):
    """Module or object with the functions that ops compute with: NumPy, ``jax.numpy``, or pellucid's functions."""

    __name__: str
    linalg: LinearAlgebra
    dtype: Callable[[str], np.dtype[Any]]
    finfo: Callable[[np.dtype[Any]], np.finfo[Any]]
    frexp: Callable[[ArrayOperand], tuple[NamespaceArray, NamespaceArray]]
    split: Callable[..., Sequence[NamespaceArray]]

    abs: UnaryFunction
    arccos: UnaryFunction
    arccosh: UnaryFunction
    arcsin: UnaryFunction
    arcsinh: UnaryFunction
    arctan: UnaryFunction
    arctanh: UnaryFunction
    cbrt: UnaryFunction
    ceil: UnaryFunction
    cos: UnaryFunction
    cosh: UnaryFunction
    erfinv: UnaryFunction
    exp: UnaryFunction
    exp2: UnaryFunction
    expm1: UnaryFunction
    floor: UnaryFunction
    invert: UnaryFunction
    isfinite: UnaryFunction
    isinf: UnaryFunction
    isnan: UnaryFunction
    log: UnaryFunction
    log10: UnaryFunction
    log1p: UnaryFunction
    log2: UnaryFunction
    logical_not: UnaryFunction
    negative: UnaryFunction
    rint: UnaryFunction
    sign: UnaryFunction
    signbit: UnaryFunction
    sin: UnaryFunction
    sinc: UnaryFunction
    sinh: UnaryFunction
    sqrt: UnaryFunction
    square: UnaryFunction
    tan: UnaryFunction
    tanh: UnaryFunction
    trunc: UnaryFunction

    add: BinaryFunction
    arctan2: BinaryFunction
    bitwise_and: BinaryFunction
    bitwise_or: BinaryFunction
    bitwise_xor: BinaryFunction
    copysign: BinaryFunction
    equal: BinaryFunction
    floor_divide: BinaryFunction
    fmax: BinaryFunction
    fmin: BinaryFunction
    fmod: BinaryFunction
    greater: BinaryFunction
    greater_equal: BinaryFunction
    heaviside: BinaryFunction
    hypot: BinaryFunction
    kron: BinaryFunction
    ldexp: BinaryFunction
    left_shift: BinaryFunction
    less: BinaryFunction
    less_equal: BinaryFunction
    logaddexp: BinaryFunction
    logaddexp2: BinaryFunction
    logical_and: BinaryFunction
    logical_or: BinaryFunction
    logical_xor: BinaryFunction
    matmul: BinaryFunction
    maximum: BinaryFunction
    minimum: BinaryFunction
    multiply: BinaryFunction
    not_equal: BinaryFunction
    outer: BinaryFunction
    power: BinaryFunction
    remainder: BinaryFunction
    right_shift: BinaryFunction
    subtract: BinaryFunction
    true_divide: BinaryFunction

    all: ArrayFunction
    any: ArrayFunction
    arange: ArrayFunction
    arange_like: ArrayFunction
    argmax: ArrayFunction
    argmin: ArrayFunction
    argsort: ArrayFunction
    asarray: ArrayFunction
    broadcast_to: ArrayFunction
    cast: ArrayFunction
    clip: ArrayFunction
    concatenate: ArrayFunction
    cross: ArrayFunction
    cumprod: ArrayFunction
    cumsum: ArrayFunction
    diagonal: ArrayFunction
    einsum: ArrayFunction
    expand_dims: ArrayFunction
    eye: ArrayFunction
    flip: ArrayFunction
    full: ArrayFunction
    full_like: ArrayFunction
    max: ArrayFunction
    mean: ArrayFunction
    min: ArrayFunction
    moveaxis: ArrayFunction
    nan_to_num: ArrayFunction
    ones: ArrayFunction
    ones_like: ArrayFunction
    pad: ArrayFunction
    prod: ArrayFunction
    repeat: ArrayFunction
    reshape: ArrayFunction
    roll: ArrayFunction
    round: ArrayFunction
    searchsorted: ArrayFunction
    size: ArrayFunction
    sort: ArrayFunction
    squeeze: ArrayFunction
    stack: ArrayFunction
    sum: ArrayFunction
    swapaxes: ArrayFunction
    take: ArrayFunction
    take_along_axis: ArrayFunction
    tile: ArrayFunction
    transpose: ArrayFunction
    tril: ArrayFunction
    triu: ArrayFunction
    var: ArrayFunction
    where: ArrayFunction
    zeros: ArrayFunction
    zeros_like: ArrayFunction


NUMPY = cast(ArrayNamespace, np)
"""NumPy as the namespace of the interpreter."""
