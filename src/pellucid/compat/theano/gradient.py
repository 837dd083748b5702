"""``theano.gradient``: gradients of variables."""

import warnings

import numpy as np

import pellucid as pel
from pellucid.compat.theano.variables import as_real, cast_expr, expr, get_dtype, list_variables, remember_sources, wrap
from pellucid.graph.errors import DisconnectedError, GradientError

DisconnectedInputError = DisconnectedError


def finish(form, found, *origins):
    """Return derivatives as a list or a tuple if the variables were one, otherwise the only one."""
    for e in found:
        remember_sources(e, origins)
    results = list(map(wrap, found))
    return type(form)(results) if type(form) in (list, tuple) else results[0]


def grad(
    cost, wrt, consider_constant=None, disconnected_inputs="raise", add_names=True, known_grads=None,
    return_disconnected="zero", null_gradients="raise",
):  # fmt: skip
    """Gradient of a scalar, with respect to one variable or a list. It is 0 for integers."""
    if cost is not None and expr(cost).ndim:
        raise GradientError(f"cost must be a scalar. Received: {cost}, of {cost.ndim} dimensions. Use its mean or sum")
    known = {expr(k): expr(v) for k, v in (known_grads or {}).items()}
    fixed = [v.expr for v in list_variables(consider_constant or [])]
    real = None if cost is None else cast_expr(cost, as_real(expr(cost).dtype))
    results = []
    for target in list_variables(wrt):
        if not target.dtype.startswith("float"):
            results.append(pel.zeros_like(target.expr, dtype=get_dtype("floatX")))
            continue
        try:
            results.append(pel.grad(real, target.expr, consider_constant=fixed, known_grads=known or None))
        except DisconnectedError:
            if disconnected_inputs == "raise":
                raise
            if disconnected_inputs == "warn":
                warnings.warn(f"The cost does not depend on {target}; its gradient is 0", stacklevel=2)
            results.append(pel.zeros_like(target.expr))
    return finish(wrt, results, *([real] if real is not None else known))


def jacobian(expression, wrt, consider_constant=None, disconnected_inputs="raise"):
    y, how = expr(expression), "raise" if disconnected_inputs == "raise" else "zero"
    return finish(wrt, [pel.jacobian(y, v.expr, disconnected=how) for v in list_variables(wrt)], y)


def hessian(cost, wrt, consider_constant=None, disconnected_inputs="raise"):
    """Hessian of a scalar, for each variable with itself."""
    c, how = expr(cost), "raise" if disconnected_inputs == "raise" else "zero"
    return finish(wrt, [pel.hessian(c, v.expr, disconnected=how) for v in list_variables(wrt)], c)


def Rop(f, wrt, eval_points, disconnected_outputs="zero", return_disconnected="zero"):
    """Jacobian of ``f`` times a direction."""
    outputs, targets = ([v.expr for v in list_variables(several)] for several in (f, wrt))
    points = [cast_expr(p, w.dtype) for p, w in zip(list_variables(eval_points), targets, strict=True)]
    return finish(f, pel.jvp(outputs, targets, points, disconnected="zero"), *outputs, *points)


def Lop(f, wrt, eval_points, consider_constant=None, disconnected_inputs="raise"):
    """A vector times the Jacobian of ``f``."""
    outputs, targets = ([v.expr for v in list_variables(several)] for several in (f, wrt))
    points = [cast_expr(p, y.dtype) for p, y in zip(list_variables(eval_points), outputs, strict=True)]
    how = "raise" if disconnected_inputs == "raise" else "zero"
    return finish(wrt, pel.vjp(outputs, targets, points, disconnected=how), *outputs, *points)


def hessian_times_vector(gradient, parameter, vector, r_op=False):
    """Hessian times a direction, given the gradient."""
    pairs = zip(list_variables(gradient), list_variables(vector), strict=True)
    return grad(sum((g * v).sum() for g, v in pairs), parameter)


def verify_grad(fun, pt, n_tests=2, rng=None, eps=None, abs_tol=None, rel_tol=None, **options):
    """Compare the gradient of a function of variables with finite differences at a point."""
    values = [np.asarray(p, "float64") for p in pt]
    pel.verify_grad(lambda *e: expr(fun(*map(wrap, e))), values, rtol=rel_tol or 1e-4, atol=abs_tol or 1e-4)


def disconnected_grad(x):
    """The same value, through which no gradient flows."""
    return wrap(pel.stop_gradient(expr(x)))


zero_grad = consider_constant = disconnected_grad


def grad_clip(x, lower_bound, upper_bound):
    """The same value, whose gradient is limited to a range."""
    return wrap(pel.clip_gradient(expr(x), float(lower_bound), float(upper_bound)))


def grad_scale(x, multiplier):
    """The same value, whose gradient is scaled."""
    return wrap(pel.scale_gradient(expr(x), multiplier))
