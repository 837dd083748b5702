"""Tables of right and wrong answers: right ones are accepted in any form, and messages name what is wrong."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid.course.checker import CheckResult

F8 = "float64"


class Case(NamedTuple):
    """A quantity with its true formula and letters."""

    quantity: str
    reference: Any
    given: Mapping[str, Any]


def make_neuron() -> dict[str, Case]:
    x, w, b = pel.matrix("x", ("n", 3), dtype=F8), pel.vector("w", (3,), F8), pel.scalar("b", dtype=F8)
    z = pel.named("z", x @ w + b)
    return {
        "neuron": Case("a", pel.tanh(z), {"x": x, "w": w, "b": b}),
        "gaussian": Case("a", pel.exp(-(z**2)), {"z": z}),
        "logistic": Case("a", 1 / (1 + pel.exp(-z)), {"z": z}),
    }


def make_line() -> dict[str, Case]:
    x, y = pel.vector("x", ("n",), F8), pel.vector("y", ("n",), F8)
    w, b, rate, dw, v, mu = (pel.scalar(name, dtype=F8) for name in ("w", "b", "rate", "dw", "v", "mu"))
    loss = ((w * x + b - y) ** 2).mean()
    letters = {"x": x, "y": y, "w": w, "b": b}
    return {
        "squared error": Case("L", loss, letters),
        "slope": Case("dw", pel.grad(loss, w), letters),
        "update": Case("w_new", w - rate * dw, {"w": w, "rate": rate, "dw": dw}),
        "momentum": Case("v_new", mu * v - rate * dw, {"v": v, "mu": mu, "rate": rate, "dw": dw}),
        "deviation": Case("sd", pel.sqrt(((x - x.mean()) ** 2).mean()), {"x": x}),
    }


def make_logistic_regression() -> dict[str, Case]:
    X, y = pel.matrix("X", ("n", 2), dtype=F8), pel.vector("y", ("n",), F8)
    w, b = pel.vector("w", (2,), F8), pel.scalar("b", dtype=F8)
    p = pel.named("p", pel.sigmoid(X @ w + b))
    loss = -(y * pel.log(p) + (1 - y) * pel.log(1 - p)).mean()
    return {
        "binary loss": Case("L", loss, {"p": p, "y": y}),
        "binary gradient": Case("dw", pel.grad(loss, w), {"X": X, "p": p, "y": y}),
    }


def make_moons() -> dict[str, Case]:
    X, y = pel.matrix("X", ("n", 2), dtype=F8), pel.ivector("y", ("n",))
    W1, W2 = pel.matrix("W1", (2, 3), F8), pel.matrix("W2", (3, 4), F8)
    b1, b2 = pel.vector("b1", (3,), F8), pel.vector("b2", (4,), F8)
    lam, rate = pel.scalar("lam", dtype=F8), pel.scalar("rate", dtype=F8)
    z1 = X @ W1 + b1
    a1 = pel.tanh(z1)
    s = a1 @ W2 + b2
    p, Y, E = pel.softmax(s), pel.one_hot(y, 4, dtype=F8), pel.exp(s)
    data = -pel.log(p[pel.arange_like(y), y]).mean()
    loss = data + lam / 2 * ((W1**2).sum() + (W2**2).sum())
    d2 = (p - Y) / pel.size(y, 0)
    dW2 = a1.T @ d2 + lam * W2
    d1 = (d2 @ W2.T) * (1 - a1**2)
    forward = {"X": X, "W1": W1, "b1": b1, "W2": W2, "b2": b2}
    return {
        "scores": Case("s", s, {**forward, "a1": a1}),
        "network": Case("s", s, forward),
        "softmax": Case("p", p, {"s": s, "E": E}),
        "cross-entropy": Case("L", data, {"p": p, "y": y}),
        "loss": Case("L", loss, {**forward, "p": p, "y": y, "lam": lam}),
        "d2": Case("d2", d2, {"p": p, "Y": Y}),
        "dW2": Case("dW2", dW2, {"a1": a1, "z1": z1, "d2": d2, "W2": W2, "lam": lam}),
        "db2": Case("db2", d2.sum(axis=0), {"d2": d2, "b2": b2, "lam": lam}),
        "d1": Case("d1", d1, {"d2": d2, "W2": W2, "a1": a1, "z1": z1, "dW2": dW2, "rate": rate}),
        "dW1": Case("dW1", X.T @ d1 + lam * W1, {"X": X, "d1": d1, "d2": d2, "W1": W1, "W2": W2, "a1": a1, "lam": lam}),
    }


def make_deep_network() -> dict[str, Case]:
    X, y = pel.matrix("X", ("n", 2), dtype=F8), pel.ivector("y", ("n",))
    W1, W2, W3 = pel.matrix("W1", (2, 3), F8), pel.matrix("W2", (3, 4), F8), pel.matrix("W3", (4, 6), F8)
    b1, b2, b3 = pel.vector("b1", (3,), F8), pel.vector("b2", (4,), F8), pel.vector("b3", (6,), F8)
    z1 = pel.named("z1", X @ W1 + b1)
    a1 = pel.named("a1", pel.relu(z1))
    z2 = pel.named("z2", a1 @ W2 + b2)
    a2 = pel.named("a2", pel.sigmoid(z2))
    p = pel.named("p", pel.softmax(a2 @ W3 + b3))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    Y = pel.one_hot(y, 6, dtype=F8)
    d3 = (p - Y) / pel.size(y, 0)
    d2 = (d3 @ W3.T) * a2 * (1 - a2)
    d1 = (d2 @ W2.T) * (z1 > 0)
    letters = {"X": X, "W1": W1, "W2": W2, "W3": W3, "z1": z1, "a1": a1, "z2": z2, "a2": a2, "p": p, "Y": Y}
    letters |= {"d3": d3, "d2": d2, "d1": d1}
    return {
        "sigmoid delta": Case("d2", d2, letters),
        "relu delta": Case("d1", pel.grad(loss, z1), letters),
        "deep dW2": Case("dW2", pel.grad(loss, W2), letters),
        "deep db2": Case("db2", pel.grad(loss, b2), letters),
        "dX": Case("dX", pel.grad(loss, X), letters),
        "penalized dW1": Case("dW1", pel.grad(loss + 0.01 * (W1**2).sum(), W1), letters),
    }


def make_convolution() -> dict[str, Case]:
    x, w, g = pel.matrix("x", (6, 7), F8), pel.matrix("w", (3, 3), F8), pel.matrix("g", (4, 5), F8)
    b = pel.scalar("b", dtype=F8)
    out = pel.conv(x[None, :, :, None], w[:, :, None, None])[0, :, :, 0] + b
    total = (out * g).sum()
    image, gp = pel.matrix("image", (4, 6), F8), pel.matrix("gp", (2, 3), F8)
    pool = pel.max_pool(image[None, :, :, None], 2)[0, :, :, 0]
    images, kernel = pel.tensor4("x", (2, 6, 7, 2), F8), pel.tensor4("w", (3, 3, 2, 4), F8)
    G = pel.tensor4("g", (2, 4, 5, 4), F8)
    channels = pel.conv(images, kernel)
    many = {"x": images, "w": kernel, "g": G}
    return {
        "convolution": Case("out", out, {"x": x, "w": w, "b": b}),
        "dx": Case("dx", pel.grad(total, x), {"g": g, "w": w, "x": x}),
        "dw": Case("dw", pel.grad(total, w), {"g": g, "w": w, "x": x}),
        "db": Case("db", pel.grad(total, b), {"g": g, "w": w, "x": x}),
        "dpool": Case("dpool", pel.grad((pool * gp).sum(), image), {"gp": gp, "image": image}),
        "channels": Case("out", channels, many),
        "channels dx": Case("dx", pel.grad((channels * G).sum(), images), many),
        "channels dw": Case("dw", pel.grad((channels * G).sum(), kernel), many),
    }


def make_recurrent_network() -> dict[str, Case]:
    h_t, h_prev, D_next = (pel.vector(name, (4,), F8) for name in ("h_t", "h_prev", "D_next"))
    e_t, V = pel.vector("e_t", (2,), F8), pel.matrix("V", (4, 4), F8)
    O = pel.matrix("O", (4, 2), F8)  # noqa: E741
    delta = (e_t @ O.T + D_next @ V.T) * (1 - h_t**2)
    x, t = pel.matrix("x", (6, 3), F8), pel.matrix("t", (6, 2), F8)
    U, b, h0 = pel.matrix("U", (3, 4), F8), pel.vector("b", (4,), F8), pel.vector("h0", (4,), F8)
    h = pel.scan(lambda x_t, h: pel.tanh(x_t @ U + h @ V + b), x, h0)
    error = ((h @ O - t) ** 2).sum() / 2
    whole = {"x": x, "U": U, "V": V, "b": b, "O": O, "t": t, "h0": h0, "h": h, "e": h @ O - t}
    D = pel.matrix("D", (6, 4), F8)
    return {
        "hidden delta": Case(
            "D_t", delta, {"h_t": h_t, "h_prev": h_prev, "D_next": D_next, "e_t": e_t, "O": O, "V": V}
        ),
        "hidden states": Case("h", h, whole),
        "recurrent gradient": Case("dV", pel.grad(error, V), whole),
        "input gradient": Case("dU", x.T @ D, {"x": x, "D": D}),
    }


@functools.cache
def make_cases() -> dict[str, Case]:
    makers = (
        make_neuron,
        make_line,
        make_logistic_regression,
        make_moons,
        make_deep_network,
        make_convolution,
        make_recurrent_network,
    )
    return {name: case for make in makers for name, case in make().items()}


# Answers as functions, as learners write them in notebooks.


def add_windows(x: Any, g: Any, w: Any) -> Any:
    dx = np.zeros_like(x)
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            dx[:, i : i + 3, j : j + 3] += np.einsum("no,hwco->nhwc", g[:, i, j], w)
    return dx


def add_turned_windows(x: Any, g: Any, w: Any) -> Any:
    return add_windows(x, g, w[::-1, ::-1])


def overwrite_windows(x: Any, g: Any, w: Any) -> Any:
    dx = np.zeros_like(x)
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            dx[:, i : i + 3, j : j + 3] = np.einsum("no,hwco->nhwc", g[:, i, j], w)
    return dx


def correlate_gradient(x: Any, g: Any, w: Any) -> Any:
    dw = np.zeros_like(w)
    for i in range(3):
        for j in range(3):
            dw[i, j] = np.einsum("nhwc,nhwo->co", x[:, i : i + 4, j : j + 5], g)
    return dw


def turn_gradient(x: Any, g: Any, w: Any) -> Any:
    return correlate_gradient(x, g, w)[::-1, ::-1]


def average_gradient(x: Any, g: Any, w: Any) -> Any:
    return correlate_gradient(x, g, w) / 20


def convolve_turned(x: Any, w: Any) -> Any:
    out = np.zeros((2, 4, 5, 4))
    for i in range(4):
        for j in range(5):
            out[:, i, j] = np.einsum("nhwc,hwco->no", x[:, i : i + 3, j : j + 3], w[::-1, ::-1])
    return out


def convolve_one_channel(x: Any, w: Any) -> Any:
    out = np.zeros((2, 4, 5, 4))
    for i in range(4):
        for j in range(5):
            out[:, i, j] = np.einsum("nhw,hwo->no", x[:, i : i + 3, j : j + 3, 0], w[:, :, 0])
    return out


def make_states(mistake: str) -> Callable[..., Any]:
    def hidden(x: Any, U: Any, V: Any, b: Any, h0: Any) -> Any:
        states, h = [], h0
        for x_t in x:
            recurrent = {"no recurrence": 0, "transposed": h @ V.T}.get(mistake, h @ V)
            z = x_t @ U + recurrent + (0 if mistake == "no bias" else b)
            new = z if mistake == "no tanh" else np.tanh(z)
            states.append(new)
            h = h0 if mistake == "stuck" else new
        return np.array(states)

    return hidden


def make_recurrent_gradient(mistake: str) -> Callable[..., Any]:
    def gradient(e: Any, O: Any, V: Any, h: Any, h0: Any) -> Any:  # noqa: E741
        delta, dV = np.zeros(4), np.zeros((4, 4))
        previous = np.vstack([h0[None], h[:-1]])
        for t in reversed(range(len(h))):
            back = {"no next": 0, "transposed": delta @ V}.get(mistake, delta @ V.T)
            slope = {"no slope": 1, "no square": 1 - h[t], "early": 1 - previous[t] ** 2}.get(mistake, 1 - h[t] ** 2)
            delta = (e[t] @ O.T + back) * slope
            part = np.outer(h[t] if mistake == "off by one" else previous[t], delta)
            dV = part if mistake == "overwritten" else dV + part
        return dV

    return gradient


LOSS = "-log(p[arange(n), y]).mean()"
PENALTY = "lam/2 * ((W1**2).sum() + (W2**2).sum())"

WRONG: list[tuple[str, str | Callable[..., Any], str]] = [
    ("neuron", "tanh(x @ w)", "bias `b` is missing"),
    ("neuron", "x @ w + b", "activation function tanh is missing"),
    ("neuron", "sigmoid(x @ w + b)", "sigmoid stands where tanh"),
    ("neuron", "tanh(x @ w - b)", "sign of `b`"),
    ("neuron", "tanh(x @ (w + b))", "inside the product"),
    ("neuron", "tanh(x @ w) + b", "outside of tanh"),
    ("neuron", "tanh(x @ w + 2 * b)", "extra factor 2"),
    ("neuron", "tanh(tanh(x @ w + b))", "applied twice"),
    ("neuron", "1 - tanh(x @ w + b)**2", "derivative of tanh"),
    ("neuron", "-tanh(x @ w + b)", "sign of the result"),
    ("gaussian", "exp(z**2)", "sign of `z**2`"),
    ("gaussian", "exp(-z)", "square of `z` is missing"),
    ("gaussian", "exp(-z**2 / 2)", "extra factor 1/2 inside exp"),
    ("gaussian", "-z**2", "function exp is missing"),
    ("logistic", "1 / (1 + exp(z))", "sign of `z`"),
    ("logistic", "1 / (1 - exp(-z))", "sign of `exp(-z)`"),
    ("logistic", "1 / exp(-z)", "term `1` is missing"),
    ("logistic", "1 + exp(-z)", "wrong side of the fraction"),
    ("squared error", "((w*x + b - y)**2).sum()", "`sum` stands where `mean`"),
    ("squared error", "(w*x + b - y).mean()", "square of `w * x + b - y`"),
    ("squared error", "abs(w*x + b - y).mean()", "absolute value"),
    ("squared error", "((w*x - y)**2).mean()", "bias `b` is missing"),
    ("squared error", "((w*x + b)**2).mean()", "term `y` is missing"),
    ("slope", "((w*x + b - y) * x).mean()", "factor `2` is missing"),
    ("slope", "2 * (w*x + b - y).mean()", "factor `x` is missing"),
    ("slope", "2 * ((y - w*x - b) * x).mean()", "sign"),
    ("slope", "2 * ((w*x + b - y) * x).sum()", "not a sum"),
    ("slope", "2 * ((w*x - y) * x).mean()", "bias `b` is missing"),
    ("slope", "2 * ((w*x + b) * x).mean()", "term `y` is missing"),
    ("update", "w + rate * dw", "Gradient descent subtracts"),
    ("update", "w - dw", "factor `rate` is missing"),
    ("update", "-rate * dw", "term `w` is missing"),
    ("update", "w - dw / rate", "wrong side of the fraction"),
    ("momentum", "v - rate * dw", "factor `mu` is missing"),
    ("momentum", "mu * v + rate * dw", "sign of `rate * dw`"),
    ("deviation", "((x - x.mean())**2).mean()", "sqrt is missing"),
    ("deviation", "sqrt((x**2).mean())", "`x.mean()` is not subtracted"),
    ("deviation", "sqrt(((x - x.mean())**2).sum())", "`sum` stands where `mean`"),
    ("binary loss", "-(y * log(p)).mean()", "(1 - y) * log(1 - p)"),
    ("binary loss", "(y * log(p) + (1-y) * log(1-p)).mean()", "sign"),
    ("binary loss", "-(y * log(p) + (1-y) * log(1-p)).sum()", "`sum` stands where `mean`"),
    ("binary loss", "-(y * log(p) - (1-y) * log(1-p)).mean()", "sign of `(1 - y) * log(1 - p)`"),
    ("binary gradient", "X.T @ (p - y)", "1/n"),
    ("binary gradient", "X.T @ (y - p) / n", "sign"),
    ("binary gradient", "X.T @ ((p - y) * p * (1 - p)) / n", "p * (1 - p)"),
    ("scores", "a1 @ W2", "bias `b2` is missing"),
    ("network", "(X @ W1 + b1) @ W2 + b2", "tanh is missing"),
    ("network", "tanh(X @ W1) @ W2 + b2", "bias `b1` is missing"),
    ("network", "tanh(tanh(X @ W1 + b1) @ W2 + b2)", "tanh is too much"),
    ("softmax", "E / E.sum(axis=0)", "wrong axis"),
    ("softmax", "E / E.sum()", "whole batch"),
    ("softmax", "1 / (1 + exp(-s))", "logistic function"),
    ("softmax", "E", "normalization of the softmax"),
    ("softmax", "s / s.sum(axis=1, keepdims=True)", "exponential of the softmax"),
    ("cross-entropy", "-log(p[:, y]).mean()", "[arange(n), y]"),
    ("cross-entropy", "-log(p[arange(n), y]).sum()", "`sum` stands where `mean`"),
    ("cross-entropy", "log(p[arange(n), y]).mean()", "sign"),
    ("cross-entropy", "-p[arange(n), y].mean()", "log is missing"),
    ("cross-entropy", "-log(p.max(axis=1)).mean()", "true class"),
    ("loss", f"{LOSS} + {PENALTY} + lam/2*(b1**2).sum() + lam/2*(b2**2).sum()", "biases `b1` and `b2`"),
    ("loss", f"{LOSS} + lam/2 * ((W1**2).sum() + (W2**2).sum() + (b1**2).sum())", "bias `b1`"),
    ("loss", LOSS, "regularization term"),
    ("loss", f"{LOSS} + lam/2 * (W1**2).sum()", "(W2**2).sum()"),
    ("d2", "p / n", "`Y` is not subtracted"),
    ("d2", "(Y - p) / n", "sign"),
    ("d2", "p - Y", "1/n"),
    ("d2", "(p - Y) * p * (1 - p) / n", "derivative of softmax"),
    ("d2", "-Y / p / n", "derivative by `p`"),
    ("dW2", "z1.T @ d2 + lam * W2", "`z1` stands where `a1"),
    ("dW2", "a1.T @ d2", "regularization term"),
    ("dW2", "a1.T @ d2 + 2 * lam * W2", "extra factor 2"),
    ("db2", "d2.mean(axis=0)", "`mean` stands where `sum`"),
    ("db2", "d2.sum(axis=0) + lam * b2", "bias is not regularized"),
    ("db2", "d2.sum(axis=1)", "axis"),
    ("d1", "d2 @ W2.T", "factor `1 - a1**2` is missing"),
    ("d1", "(d2 @ W2.T) * (1 - a1)", "square is missing"),
    ("d1", "(d2 @ W2.T) * a1 * (1 - a1)", "derivative of the logistic function"),
    ("d1", "(d2 @ W2.T) * (1 - z1**2)", "variable is wrong"),
    ("d1", "(d2 @ W2.T) * (1 - tanh(a1)**2)", "applied twice"),
    ("d1", "(d2 @ dW2.T) * (1 - a1**2)", "gradient `dW2` stands"),
    ("d1", "(d2 @ (W2 - rate * dW2).T) * (1 - a1**2)", "updated too early"),
    ("dW1", "X.T @ d1 / n + lam * W1", "divided by n once too often"),
    ("dW1", "X.T @ (d2 @ W2.T) + lam * W1", "factor `1 - a1**2` is missing"),
    ("dW1", "X.T @ d1 - lam * W1", "sign of `lam * W1`"),
    ("dW1", "X.T @ ((d2 @ W2.T) * (1 - a1))", "two things are wrong"),
    ("sigmoid delta", "(d3 @ W3.T) * (1 - a2**2)", "derivative of tanh"),
    ("sigmoid delta", "(d3 @ W3.T) * a2", "factor `1 - a2` is missing"),
    ("sigmoid delta", "d3 @ W3.T", "factor `a2 * (1 - a2)` is missing"),
    ("sigmoid delta", "(d3 @ W3.T) * z2 * (1 - z2)", "variable is wrong"),
    ("relu delta", "(d2 @ W2.T) * a1", "z1 > 0"),
    ("relu delta", "d2 @ W2.T", "z1 > 0"),
    ("relu delta", "(d2 @ W2.T) * (z1 < 0)", "`z1 > 0` is the wrong way round"),
    ("relu delta", "(d2 @ W2.T) * (1 - a1**2)", "derivative of tanh"),
    ("deep dW2", "d2.T @ a1", "transposed"),
    ("deep dW2", "n * a1.T @ d2", "n"),
    ("deep db2", "d2", "sum over axis 0 of `d2` is missing"),
    ("deep db2", "d2[0]", "first element"),
    ("dX", "d1 @ W1", "forget `.T`"),
    ("dX", "d1", "W1"),
    ("penalized dW1", "X.T @ d1 + 0.01 * W1", "factor 2 is missing"),
    ("penalized dW1", "X.T @ (d2 @ W2.T)", "two things are wrong"),
    ("convolution", "correlate(x, w[::-1, ::-1]) + b", "wrong way round"),
    ("convolution", "correlate(x, w)", "bias `b` is missing"),
    ("convolution", "correlate(x, w.T) + b", "transposed"),
    ("dx", "correlate(pad(g, 2), w)", "wrong way round"),
    ("dx", "correlate(pad(g, 2), w.T)", "transposed where it should be turned"),
    ("dw", "correlate(x, g)[::-1, ::-1]", "wrong way round"),
    ("db", "g.mean()", "`mean` stands where `sum`"),
    ("dpool", "kron(gp, ones((2, 2)))", "maximum only"),
    ("dpool", "kron(gp, ones((2, 2))) / 4", "average pooling"),
    ("channels", convolve_turned, "wrong way round"),
    ("channels", convolve_one_channel, "Only channel 0"),
    ("channels dx", add_turned_windows, "wrong way round"),
    ("channels dx", overwrite_windows, "`+=`"),
    ("channels dw", turn_gradient, "wrong way round"),
    ("channels dw", average_gradient, "mean over the positions"),
    ("hidden delta", "(e_t @ O.T) * (1 - h_t**2)", "next time step"),
    ("hidden delta", "(e_t @ O.T + D_next @ V) * (1 - h_t**2)", "transposition of `V`"),
    ("hidden delta", "(e_t @ O.T + D_next @ V.T) * (1 - h_prev**2)", "`h_prev` stands where `h_t`"),
    ("hidden delta", "e_t @ O.T + D_next @ V.T", "factor `1 - h_t**2` is missing"),
    ("hidden states", make_states("no recurrence"), "recurrent term `h[t-1] @ V` is missing"),
    ("hidden states", make_states("transposed"), "transposition of `V`"),
    ("hidden states", make_states("no bias"), "bias `b` is missing"),
    ("hidden states", make_states("no tanh"), "tanh is missing"),
    ("hidden states", make_states("stuck"), "state is not carried on"),
    ("recurrent gradient", make_recurrent_gradient("no next"), "next time step is missing"),
    ("recurrent gradient", make_recurrent_gradient("transposed"), "transposition of `V`"),
    ("recurrent gradient", make_recurrent_gradient("no slope"), "factor `1 - h[t]**2` is missing"),
    ("recurrent gradient", make_recurrent_gradient("no square"), "square of `h[t]` is missing"),
    ("recurrent gradient", make_recurrent_gradient("off by one"), "off by one in time"),
    ("recurrent gradient", make_recurrent_gradient("overwritten"), "overwritten instead of summed"),
    ("input gradient", "outer(x[5], D[5])", "Only the last step"),
]

RIGHT: list[tuple[str, str | Callable[..., Any]]] = [
    ("neuron", "tanh(b + x @ w)"),
    ("neuron", "(exp(2 * (x @ w + b)) - 1) / (exp(2 * (x @ w + b)) + 1)"),
    ("neuron", "tanh((x * w).sum(axis=1) + b)"),
    ("gaussian", "1 / exp(z * z)"),
    ("logistic", "exp(z) / (1 + exp(z))"),
    ("logistic", "sigmoid(z)"),
    ("logistic", "(1 + tanh(z / 2)) / 2"),
    ("squared error", "((y - b - w * x)**2).sum() / n"),
    ("squared error", "mean((w*x + b - y) * (w*x + b - y))"),
    ("slope", "2 / n * x @ (w*x + b - y)"),
    ("slope", "-2 * ((y - w*x - b) * x).mean()"),
    ("update", "-(rate * dw - w)"),
    ("momentum", "-rate * dw + v * mu"),
    ("deviation", "sqrt((x**2).mean() - x.mean()**2)"),
    ("binary loss", "(-y * log(p) - (1 - y) * log(1 - p)).sum() / n"),
    ("binary gradient", "((p - y) @ X) / n"),
    ("binary gradient", "((p - y)[:, None] * X).mean(axis=0)"),
    ("scores", "b2 + (W2.T @ a1.T).T"),
    ("network", "tanh(b1 + X @ W1) @ W2 + b2"),
    ("softmax", "E / E.sum(axis=1, keepdims=True)"),
    ("softmax", "exp(s - s.max(axis=1, keepdims=True)) / exp(s - s.max(axis=1, keepdims=True)).sum(axis=1)[:, None]"),
    ("softmax", "softmax(s)"),
    ("cross-entropy", "-sum(log(p[arange(len(y)), y])) / n"),
    ("cross-entropy", "-(one_hot(y, 4) * log(p)).sum() / n"),
    ("loss", f"{LOSS} + lam * (W1**2).sum() / 2 + 0.5 * lam * sum(W2 * W2)"),
    ("d2", "-(Y - p) / n"),
    ("d2", "p / n - Y / n"),
    ("dW2", "(d2.T @ a1).T + W2 * lam"),
    ("db2", "ones((1, n)) @ d2"),
    ("db2", "d2.sum(axis=0, keepdims=True)"),
    ("d1", "(d2 @ W2.T) - (d2 @ W2.T) * a1 * a1"),
    ("d1", "(W2 @ d2.T).T * (1 + a1) * (1 - a1)"),
    ("dW1", "lam * W1 + X.T @ ((d2 @ W2.T) * (1 - a1**2))"),
    ("sigmoid delta", "(d3 @ W3.T) * (a2 - a2**2)"),
    ("relu delta", "where(z1 > 0, d2 @ W2.T, 0)"),
    ("relu delta", "(d2 @ W2.T) * (a1 > 0)"),
    ("deep db2", "d2.mean(axis=0) * n"),
    ("penalized dW1", "X.T @ d1 + 2 * 0.01 * W1"),
    ("dx", "correlate(pad(g, 2), w[::-1, ::-1])"),
    ("dw", "correlate(x, g)"),
    ("db", "sum(sum(g))"),
    ("channels dx", add_windows),
    ("channels dw", correlate_gradient),
    ("hidden delta", "(1 - h_t * h_t) * (V @ D_next + O @ e_t)"),
    ("hidden states", make_states("")),
    ("recurrent gradient", make_recurrent_gradient("")),
    ("input gradient", "(D.T @ x).T"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_the_wrong_term_is_named(name: str) -> None:
    quantity, reference, given = make_cases()[name]

    def check(answer: Any) -> CheckResult:
        start = time.process_time()
        result = pel.check_answer(reference, answer, given, quantity=quantity)
        assert time.process_time() - start < 0.5, answer
        if result.correct:
            assert result.message == f"{quantity} is right."
        else:
            assert result.message.startswith(f"{quantity}: ")
        return result

    assert find_misjudged_answers(check, name, RIGHT, WRONG) == []


def test_the_tables_are_long_enough() -> None:
    assert len(WRONG) >= 100
    assert len(RIGHT) >= 40
