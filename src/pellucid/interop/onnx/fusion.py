"""Fusions: patterns of expressions that are written as one ONNX operator."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.operators import call_op
from pellucid.graph.ops.activations import relu
from pellucid.graph.ops.conv_transpose import conv_transpose
from pellucid.graph.ops.convolution import conv as convolution
from pellucid.graph.ops.exponentials import expm1
from pellucid.graph.ops.normalization import standardize
from pellucid.graph.ops.pooling import sum_pool
from pellucid.graph.ops.special import erfc
from pellucid.graph.pattern import Pattern, make_hole
from pellucid.graph.rewrite_rule import iterate_matches
from pellucid.graph.types import is_float
from pellucid.interop.onnx.writer import FUSIONS, ChannelsFirst, FusedNode, Name, OnnxWriter, Write
from pellucid.interop.onnx.writers.convolution_pooling import get_window_attributes, write_conv, write_conv_transpose

PatternAndBuilder = tuple[Expr, Callable[..., FusedNode | None]]
Fusing = TypeVar("Fusing", bound=Callable[..., PatternAndBuilder])


def fuses(function: Fusing) -> Fusing:
    """Register a fusion: a function of holes that returns a pattern and a builder.

    ``build(e, **bindings)`` returns a function that writes one node, with its operands, or None if the match does not
    qualify.
    """
    names = list(inspect.signature(function).parameters)
    pattern, build = function(**{n: make_hole(n) for n in names})
    assert isinstance(pattern, Pattern)
    assert pattern.op is not None

    def found(e: Expr) -> FusedNode | None:
        for bindings in iterate_matches(pattern, e, {}):
            result: FusedNode | None = build(e, **bindings)
            if result is not None:
                return result
        return None

    FUSIONS.setdefault(pattern.op.name, []).append(found)
    return function


def is_close(e: Expr, value: float) -> bool:
    """Return whether an expression is a constant close to a number."""
    return isinstance(e, Constant) and e.value.ndim == 0 and math.isclose(float(e.value), value, rel_tol=1e-6)


def per_channel(e: object, x: Expr) -> bool:
    """Return whether an expression is a vector with one element per channel."""
    return isinstance(e, Expr) and e.ndim == 1 and e.shape == x.shape[-1:] and isinstance(e.shape[0], int)


@fuses
def convolution_with_bias(x: Expr, kernel: Expr, s: Any, p: Any, d: Any, g: Any, bias: Expr) -> PatternAndBuilder:

    def build(e: Expr, x: Expr, kernel: Expr, bias: Expr, **_: Any) -> FusedNode | None:
        inner = next(i for i in e.inputs if i.op is convolution.op and i is not bias)

        def write(w: OnnxWriter, e: Expr, x: Expr, kernel: Expr, bias: Expr) -> ChannelsFirst:
            return write_conv(w, inner, w.get_name(bias))

        return (write, [x, kernel, bias]) if per_channel(bias, inner) else None

    return call_op("add", convolution(x, kernel, strides=s, padding=p, dilation=d, groups=g), bias), build


@fuses
def transposed_convolution_with_bias(
    x: Expr, kernel: Expr, s: Any, p: Any, o: Any, d: Any, g: Any, bias: Expr
) -> PatternAndBuilder:

    def build(e: Expr, x: Expr, kernel: Expr, o: Any, s: Any, d: Any, bias: Expr, **_: Any) -> FusedNode | None:
        inner = next(i for i in e.inputs if i.op is conv_transpose.op and i is not bias)
        if not per_channel(bias, inner) or any(a >= max(b, c) for a, b, c in zip(o, s, d, strict=True)):
            return None

        def write(w: OnnxWriter, e: Expr, x: Expr, kernel: Expr, bias: Expr) -> ChannelsFirst:
            return write_conv_transpose(w, inner, list(o), w.get_name(bias))

        return write, [x, kernel, bias]

    transposed = conv_transpose(x, kernel, strides=s, padding=p, output_padding=o, dilation=d, groups=g)
    return call_op("add", transposed, bias), build


def write_batch_normalization(
    w: OnnxWriter, e: Expr, x: Expr, scale: str, bias: str, mean: Expr, variance: Expr, epsilon: Expr
) -> Name:
    """Write BatchNormalization, which is channels first."""
    assert isinstance(epsilon, Constant)
    first = w.get_name(x) if x.ndim == 2 else w.channels_first(x)
    parts = (scale, bias, w.get_name(mean), w.get_name(variance))
    result = w.node("BatchNormalization", first, *parts, epsilon=float(epsilon.value))
    return result if x.ndim == 2 else ChannelsFirst(result)


def is_batch_normalization(x: Expr, *vectors: Expr, epsilon: Expr) -> bool:
    """Return whether the vectors are per channel and epsilon is a scalar constant."""
    constant_epsilon = isinstance(epsilon, Constant) and epsilon.value.ndim == 0
    return constant_epsilon and x.ndim >= 2 and is_float(x.dtype) and all(per_channel(v, x) for v in vectors)


@fuses
def batch_normalization(
    x: Expr, mean: Expr, variance: Expr, epsilon: Expr, gamma: Expr, beta: Expr
) -> PatternAndBuilder:

    def build(e: Expr, x: Expr, mean: Expr, variance: Expr, epsilon: Expr, gamma: Expr, beta: Expr) -> FusedNode | None:
        def write(w: OnnxWriter, e: Expr, x: Expr, gamma: Expr, beta: Expr, mean: Expr, variance: Expr) -> Name:
            return write_batch_normalization(w, e, x, w.get_name(gamma), w.get_name(beta), mean, variance, epsilon)

        fits = is_batch_normalization(x, mean, variance, gamma, beta, epsilon=epsilon)
        return (write, [x, gamma, beta, mean, variance]) if fits else None

    return gamma * ((x - mean) / call_op("sqrt", variance + epsilon)) + beta, build


@fuses
def plain_batch_normalization(x: Expr, mean: Expr, variance: Expr, epsilon: Expr) -> PatternAndBuilder:

    def build(e: Expr, x: Expr, mean: Expr, variance: Expr, epsilon: Expr) -> FusedNode | None:
        def write(w: OnnxWriter, e: Expr, x: Expr, mean: Expr, variance: Expr) -> Name:
            ones, zeros = (w.constant(np.full(mean.shape, v), e.dtype) for v in (1, 0))
            return write_batch_normalization(w, e, x, ones, zeros, mean, variance, epsilon)

        fits = is_batch_normalization(x, mean, variance, epsilon=epsilon)
        return (write, [x, mean, variance]) if fits else None

    return (x - mean) / call_op("sqrt", variance + epsilon), build


@fuses
def layer_normalization(x: Expr, axes: Any, epsilon: Expr, gamma: Expr, beta: Expr) -> PatternAndBuilder:

    def build(e: Expr, x: Expr, axes: Any, epsilon: float, gamma: Expr, beta: Expr) -> FusedNode | None:
        def write(w: OnnxWriter, e: Expr, x: Expr, gamma: Expr, beta: Expr) -> str:
            operands = map(w.get_name, (x, gamma, beta))
            return w.node("LayerNormalization", *operands, axis=axes[0], epsilon=float(epsilon))

        last = tuple(axes) == tuple(range(axes[0], x.ndim))
        fits = last and gamma.shape == beta.shape == x.shape[axes[0] :]
        return (write, [x, gamma, beta]) if fits else None

    return gamma * standardize(x, axis=axes, epsilon=epsilon) + beta, build


@fuses
def gelu(x: Expr, half: Expr, root: Expr) -> PatternAndBuilder:

    def build(e: Expr, x: Expr, half: Any, root: Any) -> FusedNode | None:
        fits = is_close(half, 0.5) and is_close(root, math.sqrt(2))
        return (make_unary_writer("Gelu"), [x]) if fits else None

    return half * (erfc(-(x / root)) * x), build


@fuses
def elu(x: Expr) -> PatternAndBuilder:
    return relu(x) + expm1(call_op("minimum", x, 0)), lambda e, x: (make_unary_writer("Elu"), [x])


@fuses
def average_pooling(x: Expr, k: Any, s: Any, p: Any, count: Expr) -> PatternAndBuilder:

    def build(e: Expr, x: Expr, k: Any, count: Any, **_: Any) -> FusedNode | None:
        total = e.inputs[0]
        includes_padding = is_close(count, math.prod(k))
        if not includes_padding and not is_window_count(count, total):
            return None

        def write(w: OnnxWriter, e: Expr, x: Expr) -> Name:
            options = {"count_include_pad": int(includes_padding), **get_window_attributes(total)}
            return ChannelsFirst(w.node("AveragePool", w.channels_first(x), **options))

        return write, [x]

    return sum_pool(x, pool_size=k, strides=s, padding=p) / count, build


def is_window_count(count: object, total: Expr) -> bool:
    """Return whether an expression counts the elements of each window of a sum."""
    if not isinstance(count, Expr) or count.op is not sum_pool.op or count.settings != total.settings:
        return False
    (ones,) = count.inputs
    is_one = isinstance(ones, Constant) and bool((ones.value == 1).all())
    return is_one and ones.shape[1:-1] == total.inputs[0].shape[1:-1]


def make_unary_writer(kind: str) -> Write:
    """Return a writer of one unary node that keeps the layout of its operand."""

    def write(w: OnnxWriter, e: Expr, x: Expr) -> Name:
        if x.ndim > 2 and w.is_channels_first(x):
            return ChannelsFirst(w.node(kind, w.channels_first(x)))
        return w.node(kind, w.get_name(x))

    return write
