"""RNN, GRU and LSTM: loops along the first axis, in one direction or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr
from pellucid.graph.ops.scan import scan
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.readers.elementwise import like

Function = Callable[[Any], Any]


def activation(n: Node, name: str, alpha: float | None, beta: float | None) -> Function:
    """Return one of ONNX's activations for gates."""

    def number(x: Expr, value: float | None, default: float) -> Any:
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
        raise n.error(f"expected activations out of {', '.join(table)}. Received: {name!r}")
    return table[name.lower()]


class Cell:
    """What a recurrent node says: its activations, its clip, and the parameters of each direction."""

    def __init__(self, n: Node, defaults: list[str], gates: int) -> None:
        self.n, self.gates = n, gates
        word = n.get("direction", "forward")
        self.backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(word)
        if self.backwards is None:
            raise n.error(f"expected a direction of forward, reverse or bidirectional. Received: {word!r}")
        directions = len(self.backwards)
        names = n.get("activations", defaults * directions)
        alphas, betas = list(n.get("activation_alpha", [])), list(n.get("activation_beta", []))
        self.functions = [
            activation(n, name, alphas[i] if i < len(alphas) else None, betas[i] if i < len(betas) else None)
            for i, name in enumerate(names)
        ]
        self.each = len(defaults)
        self.clip = n.get("clip")
        recurrent = n.input(2)
        units = None if recurrent is None else recurrent.shape[-1]
        if not isinstance(units, int):
            raise n.error("the number of its units is not known")
        self.hidden: int = units

    def of(self, direction: int) -> list[Function]:
        """Return the activations of a direction."""
        return self.functions[direction * self.each : (direction + 1) * self.each]

    def cut(self, x: Any) -> Any:
        """Clip what goes into an activation."""
        return x if self.clip is None else P.clip(x, like(x, -self.clip), like(x, self.clip))

    def parts(self, e: Any, axis: int = -1) -> list[Any]:
        """Split along the gates."""
        return list(P.split(e, self.gates, axis=axis))


def steps(n: Node, x: Expr) -> tuple[Any, Any]:
    """Return a sequence with time first, and which of its steps count, if some do not."""
    x = P.swapaxes(x, 0, 1) if n.get("layout", 0) else x
    lengths = n.input(4)
    if lengths is None:
        return x, None
    return x, P.arange_like(x, axis=0, dtype="int32")[:, None] < P.cast(lengths, "int32")[None]


def run(n: Node, cell: Cell, x: Expr, step: Callable[[int], Callable[..., list[Any]]], states: int) -> list[Any]:
    """Run every direction of a cell, and return all states of each step, and the last ones."""
    x, counts = steps(n, x)
    batch = P.zeros_like(x[0][:, :1])
    everything, last = [], []
    assert cell.backwards is not None
    for direction, backwards in enumerate(cell.backwards):
        first = []
        for place in range(states):
            given = n.input(5 + place)
            if given is None:
                first.append(P.broadcast_to(batch, (x.shape[1], cell.hidden)) if known(x) else wide(batch, cell.hidden))
            else:
                start = P.swapaxes(given, 0, 1) if n.get("layout", 0) else given
                first.append(start[direction])
        once = step(direction)

        def counted(x_t: Any, *rest: Any, once: Any = once, masked: bool = counts is not None) -> list[Any]:
            if not masked:
                return list(once(x_t, *rest))
            here, *h = rest
            new = once(x_t, *h)
            keep = here[:, None]
            return [P.where(keep, a, b) for a, b in zip(new, h, strict=True)] + [P.where(keep, new[0], like(new[0], 0))]

        sequences = [x] if counts is None else [x, counts]
        loop = scan(counted, sequences, first, reverse=backwards)
        loop = loop if isinstance(loop, list) else [loop]
        everything.append(loop[0] if counts is None else loop[-1])
        last.append([loop[i][0 if backwards else -1] for i in range(states)])
    y = together(everything, 1)
    finals = [together([own[i] for own in last], 0) for i in range(states)]
    if n.get("layout", 0):
        y = P.transpose(y, (2, 0, 1, 3))
        finals = [P.swapaxes(h, 0, 1) for h in finals]
    return [y, *finals]


def together(parts: list[Any], axis: int) -> Any:
    """Put the directions side by side; a single one is not joined."""
    return P.stack(parts, axis=axis) if len(parts) > 1 else P.expand_dims(parts[0], axis=axis)


def known(x: Expr) -> bool:
    """Tell whether the size of the batch is known."""
    return isinstance(x.shape[1], int)


def wide(column: Expr, units: int) -> Any:
    """Repeat a column."""
    return P.repeat(column, units, axis=1)


def bias_of(n: Node, direction: int, gates: int, hidden: int) -> tuple[Any, Any]:
    """Return the biases of the input and of the state, or None."""
    b = n.input(3)
    if b is None:
        return None, None
    return b[direction][: gates * hidden], b[direction][gates * hidden :]


def plus(x: Any, bias: Any) -> Any:
    """Add a bias, if there is one."""
    return x if bias is None else x + bias


@reads("RNN")
def rnn(n: Node, x: Expr, w: Expr, r: Expr, *others: Any) -> Any:
    """One activation of input and state."""
    cell = Cell(n, ["Tanh"], 1)

    def step(d: int) -> Callable[..., list[Any]]:
        (f,), (of_x, of_h) = cell.of(d), bias_of(n, d, 1, cell.hidden)

        def once(x_t: Any, h: Any) -> list[Any]:
            return [f(cell.cut(plus(x_t @ w[d].T, of_x) + plus(h @ r[d].T, of_h)))]

        return once

    return run(n, cell, x, step, 1)


@reads("GRU")
def gru(n: Node, x: Expr, w: Expr, r: Expr, *others: Any) -> Any:
    """Gates z (update), r (reset) and h (hidden), in this order."""
    cell = Cell(n, ["Sigmoid", "Tanh"], 3)
    behind = bool(n.get("linear_before_reset", 0))

    def step(d: int) -> Callable[..., list[Any]]:
        (f, g), (of_x, of_h) = cell.of(d), bias_of(n, d, 3, cell.hidden)
        kernel = r[d]

        def once(x_t: Any, h: Any) -> list[Any]:
            xz, xr, xh = cell.parts(plus(x_t @ w[d].T, of_x))
            rz, rr, rh = cell.parts(kernel, 0)
            bz, br, bh = cell.parts(of_h) if of_h is not None else (None,) * 3
            z = f(cell.cut(xz + plus(h @ rz.T, bz)))
            reset = f(cell.cut(xr + plus(h @ rr.T, br)))
            inner = reset * plus(h @ rh.T, bh) if behind else plus((reset * h) @ rh.T, bh)
            new = g(cell.cut(xh + inner))
            return [(like(z, 1) - z) * new + z * h]

        return once

    return run(n, cell, x, step, 1)


@reads("LSTM")
def lstm(n: Node, x: Expr, w: Expr, r: Expr, *others: Any) -> Any:
    """Gates i (input), o (output), f (forget) and c (cell), in this order, with peepholes if there are any."""
    cell = Cell(n, ["Sigmoid", "Tanh", "Tanh"], 4)
    peep = n.input(7)

    def step(d: int) -> Callable[..., list[Any]]:
        (f, g, last), (of_x, of_h) = cell.of(d), bias_of(n, d, 4, cell.hidden)
        pi, po, pf = P.split(peep[d], 3, axis=-1) if peep is not None else (None,) * 3

        def once(x_t: Any, h: Any, c: Any) -> list[Any]:
            gates = plus(x_t @ w[d].T, of_x) + plus(h @ r[d].T, of_h)
            i, o, forget, new = cell.parts(gates)
            i = f(cell.cut(i if pi is None else i + pi * c))
            forget = f(cell.cut(forget if pf is None else forget + pf * c))
            forget = like(i, 1) - i if n.get("input_forget", 0) else forget
            cell_state = forget * c + i * g(cell.cut(new))
            o = f(cell.cut(o if po is None else o + po * cell_state))
            return [o * last(cell_state), cell_state]

        return once

    return run(n, cell, x, step, 2)
