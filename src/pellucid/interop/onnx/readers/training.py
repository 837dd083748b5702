"""Readers of ONNX's preview training operators: three optimizers, and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.gradient import grad
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import like, number
from pellucid.interop.onnx.symbolic import P

DOMAIN = "ai.onnx.preview.training."

Step = Callable[..., list[Any]]


def step_parameters(n: OnnxNode, states: int, step: Step, inputs: tuple[Expr, ...]) -> list[Expr]:
    """Run one optimizer step for every parameter with its gradient and state."""
    rate, count, *rest = inputs
    parameters = len(rest) // (2 + states)
    groups = [rest[i * parameters : (i + 1) * parameters] for i in range(2 + states)]
    results = []
    for x, g, *state in zip(*groups, strict=True):
        regularized = number(n, x, "norm_coefficient", 0.0) * x + g
        results.append(step(P.cast(rate, x.dtype), count, x, regularized, *state))
    return [result for group in zip(*results, strict=True) for result in group]


@reads(f"{DOMAIN}Adagrad")
def adagrad(n: OnnxNode, *inputs: Expr) -> list[Expr]:

    def step(rate: Expr, count: Expr, x: Expr, g: Expr, h: Expr) -> list[Expr]:
        decayed = rate / (like(x, 1) + P.cast(count, x.dtype) * number(n, x, "decay_factor", 0.0))
        h = h + g * g
        return [x - decayed * g / (P.sqrt(h) + number(n, x, "epsilon", 0.0)), h]

    return step_parameters(n, 1, step, inputs)


@reads(f"{DOMAIN}Adam")
def adam(n: OnnxNode, *inputs: Expr) -> list[Expr]:

    def step(rate: Expr, count: Expr, x: Expr, g: Expr, v: Expr, h: Expr) -> list[Expr]:
        alpha, beta, one = number(n, x, "alpha", 0.9), number(n, x, "beta", 0.999), like(x, 1)
        v, h = alpha * v + (one - alpha) * g, beta * h + (one - beta) * (g * g)
        t = P.cast(P.maximum(count, like(count, 1)), x.dtype)
        corrected = rate * P.sqrt(one - beta**t) / (one - alpha**t)
        step_size = P.where(count > like(count, 0), corrected, rate)
        new = x - step_size * v / (P.sqrt(h) + number(n, x, "epsilon", 0.0))
        return [(one - number(n, x, "norm_coefficient_post", 0.0)) * new, v, h]

    return step_parameters(n, 2, step, inputs)


@reads(f"{DOMAIN}Momentum")
def momentum(n: OnnxNode, *inputs: Expr) -> list[Expr]:
    """SGD with momentum, standard or Nesterov."""

    def step(rate: Expr, count: Expr, x: Expr, g: Expr, v: Expr) -> list[Expr]:
        alpha = number(n, x, "alpha", 0.0)
        beta = P.where(count > like(count, 0), number(n, x, "beta", 1.0), like(x, 1))
        v = alpha * v + beta * g
        return [x - rate * (g + alpha * v if n.get("mode") == "nesterov" else v), v]

    return step_parameters(n, 1, step, inputs)


@reads(f"{DOMAIN}Gradient")
def gradient(n: OnnxNode, *inputs: Expr) -> list[Expr]:
    """Gradient of one value of the graph with respect to others."""
    wrt = [n.reader.get_value(name, str(n)) for name in n.require("xs")]
    return grad(P.sum(n.reader.get_value(n.require("y"), str(n))), wrt)
