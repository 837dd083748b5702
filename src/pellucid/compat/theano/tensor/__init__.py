"""``theano.tensor``: makers of variables, and functions of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor import basic, elementwise, methods  # noqa: F401
from pellucid.compat.theano.tensor.elementwise import (  # noqa: F401
    FUNCTIONS,
    add,
    and_,
    cast,
    clip,
    invert,
    iround,
    mul,
    or_,
    round,
    switch,
    true_div,
    xor,
)
from pellucid.compat.theano.variables import (  # noqa: F401
    TensorConstant,
    TensorSharedVariable,
    TensorType,
    TensorVariable,
    Variable,
    as_tensor_variable,
    get_dtype,
    make_constant,
    upcast,
)

PREFIXES = {"": None, "b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64"}
"""Dtypes by the first letter of a maker, such as ``dmatrix``; that of ``matrix`` is ``floatX``."""

PATTERNS: dict[str, tuple[bool, ...]] = {
    "scalar": (),
    "vector": (False,),
    "row": (True, False),
    "col": (False, True),
    "matrix": (False, False),
    **{f"tensor{n}": (False,) * n for n in range(3, 8)},
}

PLURALS = {"matrix": "matrices"}


def make_maker(kind: str) -> Callable[..., TensorVariable]:
    """Return a function such as ``T.matrix``, which makes a variable of a dtype that is chosen later."""

    def make(name: str | None = None, dtype: Any = None) -> TensorVariable:
        return TensorType(get_dtype(dtype), PATTERNS[kind])(name)

    make.__name__ = kind
    make.__doc__ = f"Variable: a {kind}."
    return make


def make_several(maker: Callable[..., TensorVariable]) -> Callable[..., Any]:
    """Return a function such as ``T.matrices``, which takes a number or names."""

    def make(*names: Any, dtype: Any = None) -> Any:
        several = list(names)
        if len(names) == 1:  # a number of variables, or their letters
            several = [None] * names[0] if isinstance(names[0], int) else list(names[0])
        options = {"dtype": dtype} if dtype else {}
        made = [maker(name, **options) for name in several]
        return made[0] if len(made) == 1 else made

    return make


for _letter, _dtype in PREFIXES.items():
    for _kind, _pattern in PATTERNS.items():
        _maker: Any = make_maker(_kind) if _dtype is None else TensorType(_dtype, _pattern)
        globals()[_letter + _kind] = _maker
        globals()[_letter + PLURALS.get(_kind, f"{_kind}s")] = make_several(_maker)
for _functions in (FUNCTIONS, vars(basic)):
    globals().update(
        {n: f for n, f in _functions.items() if callable(f) and not n.startswith("_") and n not in globals()}
    )

tensor: Any = TensorType


def constant(x: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None) -> TensorVariable:
    """A constant."""
    return as_tensor_variable(make_constant(x, dtype, name), ndim=ndim)


from pellucid.compat.theano.gradient import (  # noqa: E402, F401
    DisconnectedInputError,
    Lop,
    Rop,
    consider_constant,
    grad,
    hessian,
    jacobian,
    verify_grad,
)
from pellucid.compat.theano.tensor import (  # noqa: E402, F401
    extra_ops,
    nlinalg,
    nnet,
    raw_random,
    shared_randomstreams,
    signal,
    slinalg,
)

as_tensor = as_tensor_variable
div_proxy = true_div
matrix_dot = nlinalg.matrix_dot
add_missing_name_errors(globals(), "theano.tensor")
