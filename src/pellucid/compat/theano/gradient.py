"""``theano.gradient``: gradients of variables."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import (
    TensorVariable,
    as_tensor_variable,
    cast_expr,
    get_dtype,
    remember_sources,
    unwrap,
    wrap,
)
from pellucid.graph.errors import DisconnectedError, GradientError
from pellucid.graph.errors import WrongGradientError as _WrongGradientError
from pellucid.graph.expr import Expr

DisconnectedInputError = DisconnectedError
verify_error = _WrongGradientError


class NullTypeGradError(GradientError):
    """A gradient is not defined; kept for ``except`` clauses."""


def list_variables(variables: Any) -> list[TensorVariable]:
    return [as_tensor_variable(v) for v in (variables if isinstance(variables, list | tuple) else [variables])]


def unwrap_all(variables: Any) -> list[Expr]:
    return [v.expr for v in list_variables(variables)]


def finish(found: Any, *origins: Expr) -> TensorVariable:
    """Return the variable of a derivative, which remembers what it was made from."""
    remember_sources(found, origins)
    return wrap(found)


def restore_form(wrt: Any, results: Sequence[Any]) -> Any:
    """Return results as a list or a tuple if the variables were one, otherwise the only one."""
    if isinstance(wrt, list | tuple):
        return type(wrt)(results) if type(wrt) in (list, tuple) else list(results)
    return results[0]


def grad(
    cost: Any,
    wrt: Any,
    consider_constant: Any = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Mapping[Any, Any] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """Gradient of a scalar, with respect to one variable or a list."""
    if cost is not None and as_tensor_variable(cost).ndim:
        raise GradientError(f"cost must be a scalar. Received: {cost}, of {cost.ndim} dimensions. Use its mean or sum")
    targets, results = list_variables(wrt), []
    cost = None if cost is None else as_tensor_variable(cost)
    if cost is not None and not cost.dtype.startswith("float"):
        cost = wrap(pel.cast(cost.expr, "float64"))
    known = {unwrap(k): unwrap(as_tensor_variable(v)) for k, v in (known_grads or {}).items()}
    constant = [
        unwrap(v)
        for v in (
            consider_constant
            if isinstance(consider_constant, list | tuple)
            else [consider_constant]
            if consider_constant is not None
            else []
        )
    ]
    for target in targets:
        if not target.dtype.startswith("float"):  # what depends on integers is constant almost everywhere
            results.append(wrap(pel.zeros_like(target.expr, dtype=get_dtype("floatX"))))
            continue
        try:
            found = pel.grad(unwrap(cost), target.expr, consider_constant=constant, known_grads=known or None)
        except DisconnectedError:
            if disconnected_inputs == "raise":
                raise
            if disconnected_inputs == "warn":
                warnings.warn(f"The cost does not depend on {target}; its gradient is 0", stacklevel=2)
            found = pel.zeros_like(target.expr)
        remember_sources(found, [cost.expr] if cost is not None else list(known))
        results.append(wrap(found))
    for target, result in zip(targets, results, strict=True):
        if add_names and result.expr.op is not None and getattr(cost, "name", None) and target.name:
            result.name = f"(d{cost.name}/d{target.name})"
    return restore_form(wrt, results)


def jacobian(expression: Any, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise") -> Any:
    """Jacobian of a vector."""
    disconnected = "raise" if disconnected_inputs == "raise" else "zero"
    y = as_tensor_variable(expression).expr
    return restore_form(
        wrt, [finish(pel.jacobian(y, v.expr, disconnected=disconnected), y) for v in list_variables(wrt)]
    )


def hessian(cost: Any, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise") -> Any:
    """Hessian of a scalar, for each variable with itself."""
    disconnected = "raise" if disconnected_inputs == "raise" else "zero"
    c = unwrap(cost)
    return restore_form(
        wrt, [finish(pel.hessian(c, v.expr, disconnected=disconnected), c) for v in list_variables(wrt)]
    )


def Rop(
    f: Any, wrt: Any, eval_points: Any, disconnected_outputs: str = "raise", return_disconnected: str = "zero"
) -> Any:
    """Jacobian of ``f`` times a direction."""
    points = [
        cast_expr(as_tensor_variable(p), w.dtype)
        for p, w in zip(list_variables(eval_points), list_variables(wrt), strict=True)
    ]
    found = pel.jvp(
        [v.expr for v in list_variables(f)], [v.expr for v in list_variables(wrt)], points, disconnected="zero"
    )
    return restore_form(f, [finish(e, *unwrap_all(f), *points) for e in found])


def Lop(f: Any, wrt: Any, eval_points: Any, consider_constant: Any = None, disconnected_inputs: str = "raise") -> Any:
    """A vector times the Jacobian of ``f``."""
    points = [
        cast_expr(as_tensor_variable(p), y.dtype)
        for p, y in zip(list_variables(eval_points), list_variables(f), strict=True)
    ]
    disconnected = "raise" if disconnected_inputs == "raise" else "zero"
    found = pel.vjp(
        [v.expr for v in list_variables(f)], [v.expr for v in list_variables(wrt)], points, disconnected=disconnected
    )
    return restore_form(wrt, [finish(e, *unwrap_all(f), *points) for e in found])


def hessian_times_vector(gradient: Any, parameter: Any, vector: Any, r_op: bool = False) -> Any:
    """Hessian times a direction, given the gradient."""
    pairs = zip(list_variables(gradient), list_variables(vector), strict=True)
    return grad(sum((g * v).sum() for g, v in pairs), parameter)


def disconnected_grad(x: Any) -> TensorVariable:
    """The same value, through which no gradient flows."""
    return wrap(pel.stop_gradient(as_tensor_variable(x).expr))


zero_grad = consider_constant = disconnected_grad


def grad_clip(x: Any, lower_bound: float, upper_bound: float) -> TensorVariable:
    """The same value, whose gradient is limited to a range."""
    return wrap(pel.clip_gradient(as_tensor_variable(x).expr, float(lower_bound), float(upper_bound)))


def grad_scale(x: Any, multiplier: float) -> TensorVariable:
    """The same value, whose gradient is scaled."""
    return wrap(pel.scale_gradient(as_tensor_variable(x).expr, multiplier))


def verify_grad(
    fun: Any, pt: Sequence[Any], n_tests: int = 2, rng: Any = None, eps: Any = None, **options: Any
) -> None:
    """Compare the gradient of a function of variables with finite differences at a point."""

    def compute(*expressions: Any) -> Any:
        return unwrap(fun(*map(wrap, expressions)))

    pel.verify_grad(
        compute,
        [np.asarray(p, "float64") for p in pt],
        rtol=options.get("rel_tol") or 1e-4,
        atol=options.get("abs_tol") or 1e-4,
    )


add_missing_name_errors(globals(), "theano.gradient")
