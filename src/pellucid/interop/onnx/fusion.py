"""Formulas for which ONNX has one operator: found by pattern, and written as one node."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.operators import call
from pellucid.graph.ops.average_pooling import sum_pool
from pellucid.graph.ops.conv_transpose import conv_transpose
from pellucid.graph.ops.convolution import conv as convolution
from pellucid.graph.ops.erf import erfc
from pellucid.graph.ops.exponentials import expm1
from pellucid.graph.ops.normalization import standardize
from pellucid.graph.ops.softmax_sigmoid import relu
from pellucid.graph.pattern import Pattern, hole
from pellucid.graph.rewrite_rule import matches
from pellucid.graph.types import is_float
from pellucid.interop.onnx.writer import Turned, Write, Writer
from pellucid.interop.onnx.writers.networks import convolved, pads, spread

Found = tuple[Write, list[Expr]]
Fusion = Callable[[Expr], Found | None]

FUSIONS: dict[str, list[Fusion]] = {}
"""For the op at the root of a formula, what may be made of it."""


def fuses(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter a function of holes, which returns a pattern and what is made of its bindings.

    ``made(e, **bindings)`` returns a function that writes one node, with the operands it takes; or None where the
    formula is another one after all.
    """
    names = list(inspect.signature(function).parameters)
    pattern, made = function(**{n: hole(n) for n in names})
    assert isinstance(pattern, Pattern)
    assert pattern.op is not None

    def found(e: Expr) -> Found | None:
        for bindings in matches(pattern, e, {}):
            result: Found | None = made(e, **bindings)
            if result is not None:
                return result
        return None

    FUSIONS.setdefault(pattern.op.name, []).append(found)
    return function


def arranged(outputs: Sequence[Expr], stop: Iterable[Expr]) -> tuple[list[Expr], dict[Expr, Found]]:
    """Return the order in which expressions are written, and which of them are written as a formula."""
    closed, plan = set(stop), {}
    children: dict[Expr, Sequence[Expr]] = {}
    done: set[Expr] = set()
    order: list[Expr] = []
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if node not in children:
            fused = None if node in closed else fusion_of(node)
            if fused is not None:
                plan[node] = fused
            children[node] = [] if node in closed else node.inputs if fused is None else fused[1]
        pending = [] if node in done else [i for i in children[node] if i not in done]
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            order.append(node)
    return order, plan


def fusion_of(e: Expr) -> Found | None:
    """Return what is made of the formula that ends in an expression, if it is a known one."""
    candidates = FUSIONS.get(e.op.name, []) if e.op is not None else []
    return next((found for fusion in candidates if (found := fusion(e)) is not None), None)


def is_close(e: Any, value: float) -> bool:
    """Tell whether an expression is about a number."""
    return isinstance(e, Constant) and e.value.ndim == 0 and math.isclose(float(e.value), value, rel_tol=1e-6)


def per_channel(e: Any, x: Expr) -> bool:
    """Tell whether an expression is one number for each channel of another one."""
    return isinstance(e, Expr) and e.ndim == 1 and e.shape == x.shape[-1:] and isinstance(e.shape[0], int)


@fuses
def convolution_with_bias(x: Any, kernel: Any, s: Any, p: Any, d: Any, g: Any, bias: Any) -> Any:
    """Conv with its bias."""

    def made(e: Expr, x: Expr, kernel: Expr, bias: Expr, **_: Any) -> Found | None:
        inner = next(i for i in e.inputs if i.op is convolution.op and i is not bias)

        def write(w: Writer, e: Expr, x: Expr, kernel: Expr, bias: Expr) -> Any:
            return Turned(convolved(w, inner, w.of(bias)))

        return (write, [x, kernel, bias]) if per_channel(bias, inner) else None

    return call("add", convolution(x, kernel, strides=s, padding=p, dilation=d, groups=g), bias), made


@fuses
def transposed_convolution_with_bias(x: Any, kernel: Any, s: Any, p: Any, o: Any, d: Any, g: Any, bias: Any) -> Any:
    """ConvTranspose with its bias."""

    def made(e: Expr, x: Expr, kernel: Expr, o: Any, s: Any, d: Any, bias: Expr, **_: Any) -> Found | None:
        inner = next(i for i in e.inputs if i.op is conv_transpose.op and i is not bias)
        if not per_channel(bias, inner) or any(a >= max(b, c) for a, b, c in zip(o, s, d, strict=True)):
            return None

        def write(w: Writer, e: Expr, x: Expr, kernel: Expr, bias: Expr) -> Any:
            return spread(w, inner, list(o), w.of(bias))

        return write, [x, kernel, bias]

    turned = conv_transpose(x, kernel, strides=s, padding=p, output_padding=o, dilation=d, groups=g)
    return call("add", turned, bias), made


def normalized(w: Writer, e: Expr, x: Expr, scale: str, bias: str, mean: Expr, variance: Expr, epsilon: Expr) -> Any:
    """Write BatchNormalization, which has channels behind the batch."""
    assert isinstance(epsilon, Constant)
    first = w.of(x) if x.ndim == 2 else w.channels_first(x)
    parts = (scale, bias, w.of(mean), w.of(variance))
    made = w.node("BatchNormalization", first, *parts, epsilon=float(epsilon.value))
    return made if x.ndim == 2 else Turned(made)


def is_batch_normalization(x: Expr, *vectors: Any, epsilon: Any) -> bool:
    """Tell whether vectors are one number a channel, and epsilon is a number."""
    told = isinstance(epsilon, Constant) and epsilon.value.ndim == 0
    return told and x.ndim >= 2 and is_float(x.dtype) and all(per_channel(v, x) for v in vectors)


@fuses
def batch_normalization(x: Any, mean: Any, variance: Any, epsilon: Any, gamma: Any, beta: Any) -> Any:
    """BatchNormalization, with scale and offset."""

    def made(e: Expr, x: Expr, mean: Expr, variance: Expr, epsilon: Expr, gamma: Expr, beta: Expr) -> Found | None:
        def write(w: Writer, e: Expr, x: Expr, gamma: Expr, beta: Expr, mean: Expr, variance: Expr) -> Any:
            return normalized(w, e, x, w.of(gamma), w.of(beta), mean, variance, epsilon)

        fits = is_batch_normalization(x, mean, variance, gamma, beta, epsilon=epsilon)
        return (write, [x, gamma, beta, mean, variance]) if fits else None

    return gamma * ((x - mean) / call("sqrt", variance + epsilon)) + beta, made


@fuses
def plain_batch_normalization(x: Any, mean: Any, variance: Any, epsilon: Any) -> Any:
    """BatchNormalization, without scale and offset."""

    def made(e: Expr, x: Expr, mean: Expr, variance: Expr, epsilon: Expr) -> Found | None:
        def write(w: Writer, e: Expr, x: Expr, mean: Expr, variance: Expr) -> Any:
            ones, zeros = (w.constant(np.full(mean.shape, v), e.dtype) for v in (1, 0))
            return normalized(w, e, x, ones, zeros, mean, variance, epsilon)

        fits = is_batch_normalization(x, mean, variance, epsilon=epsilon)
        return (write, [x, mean, variance]) if fits else None

    return (x - mean) / call("sqrt", variance + epsilon), made


@fuses
def layer_normalization(x: Any, axes: Any, epsilon: Any, gamma: Any, beta: Any) -> Any:
    """LayerNormalization, with scale and offset."""

    def made(e: Expr, x: Expr, axes: Any, epsilon: float, gamma: Expr, beta: Expr) -> Found | None:
        def write(w: Writer, e: Expr, x: Expr, gamma: Expr, beta: Expr) -> Any:
            return w.node("LayerNormalization", w.of(x), w.of(gamma), w.of(beta), axis=axes[0], epsilon=float(epsilon))

        last = tuple(axes) == tuple(range(axes[0], x.ndim))
        fits = last and gamma.shape == beta.shape == x.shape[axes[0] :]
        return (write, [x, gamma, beta]) if fits else None

    return gamma * standardize(x, axis=axes, epsilon=epsilon) + beta, made


@fuses
def gelu(x: Any, half: Any, root: Any) -> Any:
    """Gelu."""

    def made(e: Expr, x: Expr, half: Any, root: Any) -> Found | None:
        fits = is_close(half, 0.5) and is_close(root, math.sqrt(2))
        return (one_of("Gelu"), [x]) if fits else None

    return half * (erfc(-(x / root)) * x), made


@fuses
def elu(x: Any) -> Any:
    """Elu."""
    return relu(x) + expm1(call("minimum", x, 0)), lambda e, x: (one_of("Elu"), [x])


@fuses
def average_pooling(x: Any, k: Any, s: Any, p: Any, count: Any) -> Any:
    """AveragePool, with or without what the border has in a window."""

    def made(e: Expr, x: Expr, k: Any, count: Any, **_: Any) -> Found | None:
        total = e.inputs[0]
        whole = is_close(count, math.prod(k))
        if not whole and not counts_windows(count, total):
            return None

        def write(w: Writer, e: Expr, x: Expr) -> Any:
            settings: dict[str, Any] = {
                "kernel_shape": list(k),
                "strides": list(total.settings["strides"]),
                "pads": pads(total),
            }
            first = w.channels_first(x)
            return Turned(w.node("AveragePool", first, count_include_pad=int(whole), **settings))

        return write, [x]

    return sum_pool(x, pool_size=k, strides=s, padding=p) / count, made


def counts_windows(count: Any, total: Expr) -> bool:
    """Tell whether an expression counts what a sum of windows has in each."""
    if not isinstance(count, Expr) or count.op is not sum_pool.op or count.settings != total.settings:
        return False
    (ones,) = count.inputs
    return (
        isinstance(ones, Constant) and bool((ones.value == 1).all()) and ones.shape[1:-1] == total.inputs[0].shape[1:-1]
    )


def one_of(kind: str) -> Write:
    """Return a function that writes one node of one operand, in the form in which that stands."""

    def write(w: Writer, e: Expr, x: Expr) -> Any:
        if x.ndim > 2 and w.stands_first(x):
            return Turned(w.node(kind, w.channels_first(x)))
        return w.node(kind, w.of(x))

    return write
