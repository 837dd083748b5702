"""Activations: values, and gradients of a random projection. Keras's sparsemax does not sum to 1 and is excluded."""

from __future__ import annotations

from typing import Any

from tests.nn.peers.store import Values, draw_normal

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "celu": ("celu", {}),
    "elu": ("elu", {}),
    "exponential": ("exponential", {}),
    "gelu": ("gelu", {}),
    "glu": ("glu", {}),
    "hard_shrink": ("hard_shrink", {}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "hard_silu": ("hard_silu", {}),
    "hard_tanh": ("hard_tanh", {}),
    "leaky_relu": ("leaky_relu", {}),
    "linear": ("linear", {}),
    "log_sigmoid": ("log_sigmoid", {}),
    "log_softmax": ("log_softmax", {}),
    "mish": ("mish", {}),
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "selu": ("selu", {}),
    "sigmoid": ("sigmoid", {}),
    "silu": ("silu", {}),
    "soft_shrink": ("soft_shrink", {}),
    "softmax": ("softmax", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "sparse_plus": ("sparse_plus", {}),
    "sparse_sigmoid": ("sparse_sigmoid", {}),
    "squareplus": ("squareplus", {}),
    "tanh": ("tanh", {}),
    "tanh_shrink": ("tanh_shrink", {}),
    "celu with alpha": ("celu", {"alpha": 0.3}),
    "elu with alpha": ("elu", {"alpha": 0.3}),
    "gelu, approximate": ("gelu", {"approximate": True}),
    "glu along axis 1": ("glu", {"axis": 1}),
    "hard_shrink with threshold": ("hard_shrink", {"threshold": 1.0}),
    "leaky_relu with slope": ("leaky_relu", {"negative_slope": 0.01}),
    "log_softmax along axis 1": ("log_softmax", {"axis": 1}),
    "relu with slope": ("relu", {"negative_slope": 0.3}),
    "relu with max_value": ("relu", {"max_value": 1.0}),
    "relu with threshold": ("relu", {"threshold": 0.5}),
    "relu with slope and max_value": ("relu", {"negative_slope": 0.3, "max_value": 1.0}),
    "relu with threshold and max_value": ("relu", {"threshold": 0.5, "max_value": 1.0}),
    "relu with all": ("relu", {"negative_slope": 0.3, "max_value": 1.0, "threshold": 0.5}),
    "soft_shrink with threshold": ("soft_shrink", {"threshold": 1.0}),
    "softmax along axis 1": ("softmax", {"axis": 1}),
    "squareplus with b": ("squareplus", {"b": 1.0}),
    "threshold": ("threshold", {"threshold": 0.5, "default_value": -2.0}),
}


def make_input(case: str) -> Any:
    """Return the input of a case."""
    return draw_normal(f"{case} x", (3, 4, 6), 2.0)


def by_keras(case: str) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import keras

    name, settings = CASES[case]

    def function(x: Any) -> Any:
        return getattr(keras.activations, name)(x, **settings)

    value, pull = jax.vjp(function, make_input(case))
    (gradient,) = pull(draw_normal(f"{case} w", value.shape))
    return {"value": value, "gradient": gradient}


def by_pellucid(case: str) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel

    name, settings = CASES[case]
    x = pel.tensor("x", ("n", 4, 6))
    y = getattr(pel.nn.activations, name)(x, **settings)
    w = pel.tensor("w", y.shape)
    value, gradient = pel.function([x, w], [y, pel.grad((y * w).sum(), x)], mode="numpy")(
        make_input(case), draw_normal(f"{case} w", (3, *y.shape[1:]))
    )
    return {"value": value, "gradient": gradient}
