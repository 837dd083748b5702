"""Readers of RNN, GRU and LSTM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.closure_conversion import as_list
from pellucid.graph.ops.scan import scan
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import like
from pellucid.interop.onnx.symbolic import P

Function = Callable[[Any], Any]


def get_activation(n: OnnxNode, name: str, alpha: float | None, beta: float | None) -> Function:
    """Return an activation function by its ONNX name."""

    def number(x: Expr, value: float | None, default: float) -> Expr:
        return like(x, np.float32(default if value is None else value))

    table: dict[str, Function] = {
        "sigmoid": P.sigmoid,
        "tanh": P.tanh,
        "relu": P.relu,
        "softplus": P.softplus,
        "softsign": P.softsign,
        "affine": lambda x: number(x, alpha, 1.0) * x + number(x, beta, 0.0),
        "leakyrelu": lambda x: P.where(x < like(x, 0), number(x, alpha, 0.01) * x, x),
        "thresholdedrelu": lambda x: P.where(x > number(x, alpha, 1.0), x, like(x, 0)),
        "scaledtanh": lambda x: number(x, alpha, 1.0) * P.tanh(number(x, beta, 1.0) * x),
        "hardsigmoid": lambda x: P.clip(number(x, alpha, 0.2) * x + number(x, beta, 0.5), like(x, 0), like(x, 1)),
        "elu": lambda x: P.where(x < like(x, 0), number(x, alpha, 1.0) * P.expm1(x), x),
    }
    if name.lower() not in table:
        raise n.error(f"expected activations from {', '.join(table)}. Received: {name!r}")
    return table[name.lower()]


class RecurrentNode:
    """Directions, activations and clip of a recurrent node."""

    gates: int
    hidden: int
    n: OnnxNode

    def __init__(self, n: OnnxNode, defaults: list[str], gates: int) -> None:
        self.n, self.gates = n, gates
        word = n.get("direction", "forward")
        self.backwards: list[bool] | None = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(
            word
        )
        if self.backwards is None:
            raise n.error(f"expected a direction of forward, reverse or bidirectional. Received: {word!r}")
        directions = len(self.backwards)
        names = n.get("activations", defaults * directions)
        alphas, betas = list(n.get("activation_alpha", [])), list(n.get("activation_beta", []))
        self.functions = [
            get_activation(n, name, alphas[i] if i < len(alphas) else None, betas[i] if i < len(betas) else None)
            for i, name in enumerate(names)
        ]
        self.each: int = len(defaults)
        self.clip = n.get("clip")
        (self.hidden,) = n.require_known(n.inputs[2].shape[-1:], "the number of hidden units")  # type: ignore[union-attr]

    def get_activations(self, direction: int) -> list[Function]:
        return self.functions[direction * self.each : (direction + 1) * self.each]

    def clip_input(self, x: Expr) -> Expr:
        return x if self.clip is None else P.clip(x, like(x, -self.clip), like(x, self.clip))

    def split_gates(self, e: Expr, axis: int = -1) -> list[Expr]:
        return list(P.split(e, self.gates, axis=axis))


def run_directions(
    n: OnnxNode, cell: RecurrentNode, x: Expr, step: Callable[[int], Callable[..., list[Expr]]], states: int
) -> list[Expr]:
    """Run every direction, and return the states of all steps and the last ones."""
    x = P.swapaxes(x, 0, 1) if n.get("layout", 0) else x
    lengths, mask = n.input(4), None
    if lengths is not None:
        mask = P.arange_like(x, axis=0, dtype="int32")[:, None] < P.cast(lengths, "int32")[None]
    zero_column = P.zeros_like(x[0][:, :1])
    outputs, last = [], []
    assert cell.backwards is not None
    for direction, backwards in enumerate(cell.backwards):
        first = []
        for place in range(states):
            start = n.input(5 + place)
            if start is not None:
                first.append((P.swapaxes(start, 0, 1) if n.get("layout", 0) else start)[direction])
            elif isinstance(x.shape[1], int):
                first.append(P.broadcast_to(zero_column, (x.shape[1], cell.hidden)))
            else:
                first.append(P.repeat(zero_column, cell.hidden, axis=1))
        once = step(direction)

        def masked_step(
            x_t: Expr, *rest: Expr, once: Callable[..., list[Expr]] = once, masked: bool = mask is not None
        ) -> list[Expr]:
            if not masked:
                return list(once(x_t, *rest))
            valid, *h = rest
            new = once(x_t, *h)
            keep = valid[:, None]
            return [P.where(keep, a, b) for a, b in zip(new, h, strict=True)] + [P.where(keep, new[0], like(new[0], 0))]

        loop = as_list(scan(masked_step, [x] if mask is None else [x, mask], first, reverse=backwards))
        outputs.append(loop[0] if mask is None else loop[-1])
        last.append([loop[i][0 if backwards else -1] for i in range(states)])
    y = stack_directions(outputs, 1)
    finals = [stack_directions([own[i] for own in last], 0) for i in range(states)]
    if n.get("layout", 0):
        y = P.transpose(y, (2, 0, 1, 3))
        finals = [P.swapaxes(h, 0, 1) for h in finals]
    return [y, *finals]


def stack_directions(parts: list[Expr], axis: int) -> Expr:
    return P.stack(parts, axis=axis) if len(parts) > 1 else P.expand_dims(parts[0], axis=axis)


def get_biases(n: OnnxNode, direction: int, gates: int, hidden: int) -> tuple[Expr | None, Expr | None]:
    """Return the biases of the input and of the state, or None."""
    b = n.input(3)
    return (None, None) if b is None else (b[direction][: gates * hidden], b[direction][gates * hidden :])


def add_bias(x: Expr, bias: Expr | None) -> Expr:
    return x if bias is None else x + bias


@reads("RNN")
def rnn(n: OnnxNode, x: Expr, w: Expr, r: Expr, *others: Expr | None) -> list[Expr]:
    cell = RecurrentNode(n, ["Tanh"], 1)

    def step(d: int) -> Callable[..., list[Expr]]:
        (f,), (input_bias, state_bias) = cell.get_activations(d), get_biases(n, d, 1, cell.hidden)

        def once(x_t: Expr, h: Expr) -> list[Expr]:
            return [f(cell.clip_input(add_bias(x_t @ w[d].T, input_bias) + add_bias(h @ r[d].T, state_bias)))]

        return once

    return run_directions(n, cell, x, step, 1)


@reads("GRU")
def gru(n: OnnxNode, x: Expr, w: Expr, r: Expr, *others: Expr | None) -> list[Expr]:
    """GRU; gates are in the order z (update), r (reset), h (hidden)."""
    cell = RecurrentNode(n, ["Sigmoid", "Tanh"], 3)
    linear_before_reset = bool(n.get("linear_before_reset", 0))

    def step(d: int) -> Callable[..., list[Expr]]:
        (f, g), (input_bias, state_bias) = cell.get_activations(d), get_biases(n, d, 3, cell.hidden)
        kernel = r[d]

        def once(x_t: Expr, h: Expr) -> list[Expr]:
            xz, xr, xh = cell.split_gates(add_bias(x_t @ w[d].T, input_bias))
            rz, rr, rh = cell.split_gates(kernel, 0)
            bz, br, bh = cell.split_gates(state_bias) if state_bias is not None else (None,) * 3
            z = f(cell.clip_input(xz + add_bias(h @ rz.T, bz)))
            reset = f(cell.clip_input(xr + add_bias(h @ rr.T, br)))
            inner = reset * add_bias(h @ rh.T, bh) if linear_before_reset else add_bias((reset * h) @ rh.T, bh)
            new = g(cell.clip_input(xh + inner))
            return [(like(z, 1) - z) * new + z * h]

        return once

    return run_directions(n, cell, x, step, 1)


@reads("LSTM")
def lstm(n: OnnxNode, x: Expr, w: Expr, r: Expr, *others: Expr | None) -> list[Expr]:
    """LSTM; gates are in the order i (input), o (output), f (forget), c (cell), with optional peepholes."""
    cell = RecurrentNode(n, ["Sigmoid", "Tanh", "Tanh"], 4)
    peep = n.input(7)

    def step(d: int) -> Callable[..., list[Expr]]:
        (f, g, last), (input_bias, state_bias) = cell.get_activations(d), get_biases(n, d, 4, cell.hidden)
        pi, po, pf = P.split(peep[d], 3, axis=-1) if peep is not None else (None,) * 3

        def once(x_t: Expr, h: Expr, c: Expr) -> list[Expr]:
            gates = add_bias(x_t @ w[d].T, input_bias) + add_bias(h @ r[d].T, state_bias)
            i, o, forget, new = cell.split_gates(gates)
            i = f(cell.clip_input(i if pi is None else i + pi * c))
            forget = f(cell.clip_input(forget if pf is None else forget + pf * c))
            forget = like(i, 1) - i if n.get("input_forget", 0) else forget
            cell_state = forget * c + i * g(cell.clip_input(new))
            o = f(cell.clip_input(o if po is None else o + po * cell_state))
            return [o * last(cell_state), cell_state]

        return once

    return run_directions(n, cell, x, step, 2)
