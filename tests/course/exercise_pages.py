"""Pages of exercises for tests: the gradients of a small network as an exercise file."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

import pellucid.course
from pellucid.course.exercise_page import SentenceTable
from pellucid.course.formula_text import parse_formula
from pellucid.course.result_fingerprint import compute_fingerprint

SCRIPT = Path(pellucid.course.__file__).with_name("exercises.js")
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"


def make_network() -> dict[str, np.ndarray]:
    """Return the letters of a network with two layers; all sizes differ."""
    rng = np.random.default_rng(4)
    X, W1, b1 = rng.normal(size=(5, 2)), rng.normal(size=(2, 4)), rng.normal(size=4)
    W2, b2 = rng.normal(size=(4, 3)), rng.normal(size=3)
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    p = np.exp(a1 @ W2 + b2)
    p /= p.sum(axis=1, keepdims=True)
    y = np.array([0, 2, 1, 1, 0])
    d2 = (p - np.eye(3)[y]) / 5
    return {
        "X": X,
        "y": y,
        "W1": W1,
        "b1": b1,
        "z1": z1,
        "a1": a1,
        "W2": W2,
        "p": p,
        "d2": d2,
        "n": np.array(5),
        "lam": np.array(0.3),
    }


MEANINGS = {
    "X": "inputs, one row for each of the 5 points",
    "y": "class of each point",
    "W1": "weights of the hidden layer",
    "b1": "biases of the hidden layer",
    "z1": "sums before the activation, `X @ W1 + b1`",
    "a1": "hidden activations, `tanh(z1)`",
    "W2": "weights of the output layer",
    "p": "predicted probabilities",
    "d2": "gradient of the loss with respect to the scores",
    "n": "number of points",
    "lam": "regularization strength",
}


def encode(value: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(value, dtype="<f8").tobytes()).decode()


def make_exercise(
    name: str, solution: str, wrong: dict[str, tuple[str, list[str]]], question: str, why: str
) -> dict[str, Any]:
    """Return an exercise file; ``wrong`` maps formulas to messages and hints."""
    values = make_network()

    def evaluate(text: str) -> Any:
        return parse_formula(text, values).evaluate(values)

    expected, sentences = evaluate(solution), SentenceTable()
    return {
        "name": f"4.{name}",
        "quantity": name,
        "question": question,
        "letters": [
            {"name": n, "shape": list(v.shape), "dtype": str(v.dtype), "values": encode(v), "meaning": MEANINGS[n]}
            for n, v in values.items()
        ],
        "shape": list(expected.shape),
        "expected": encode(expected),
        "tolerance": 1e-6,
        "variations": [
            {
                "shape": list(evaluate(text).shape),
                "fingerprint": compute_fingerprint(evaluate(text)),
                "message": sentences.add(m),
                "hints": [sentences.add(hint) for hint in h],
            }
            for text, (m, h) in wrong.items()
        ],
        "sentences": sentences.listed,
        "solution": {"text": solution, "mathml": parse_formula(solution, values).to_mathml()},
        "why": why,
    }


DW1 = make_exercise(
    "dW1",
    "X.T @ ((d2 @ W2.T) * (1 - a1 ** 2)) + lam * W1",
    {
        "X.T @ (d2 @ W2.T) + lam * W1": (
            "A factor is missing in dW1: the derivative of the activation.",
            [
                "The hidden layer applies `tanh`. What is the derivative of `tanh(z1)`?",
                "It is `1 - a1 ** 2`, for each hidden unit.",
            ],
        ),
        "X.T @ ((d2 @ W2.T) * (1 - a1)) + lam * W1": (
            "The derivative of tanh is not `1 - a1`.",
            ["A square is missing."],
        ),
    },
    "<p>The network has one hidden layer with <code>tanh</code>. Write the gradient of the loss with respect to the "
    "weights <math><msub><mi>W</mi><mn>1</mn></msub></math> of the hidden layer. The penalty is "
    "<code>lam / 2 * sum(W1 ** 2)</code>.</p>",
    "<p>The error goes back through <code>W2</code>, then through the activation, whose slope is <math>"
    "<mn>1</mn><mo>-</mo><msubsup><mi>a</mi><mn>1</mn><mn>2</mn></msubsup></math>. Each input carries its share.</p>",
)
DB1 = make_exercise(
    "db1",
    "sum((d2 @ W2.T) * (1 - a1 ** 2), axis=0)",
    {},
    "<p>Now the gradient of the biases <code>b1</code>.</p>",
    "<p>A bias acts on every point, so its gradient is a sum over points.</p>",
)
LOSS = make_exercise(
    "L",
    "-mean(log(p[arange(n), y]))",
    {"-sum(log(p[arange(n), y]))": ("You sum where the mean belongs: L is an average over points.", [])},
    "<p>Write the cross-entropy loss as a mean over points.</p>",
    "<p>Only the probability of the true class counts.</p>",
)


STYLE = """
body { font: 17px/1.55 sans-serif; max-width: 46rem; margin: 1rem auto; padding: 0 1rem; }
@media (prefers-color-scheme: dark) { body { background: #111418; color: #e6e9ee; } }
"""


def write_page(path: Path, *exercises: dict[str, Any]) -> Path:
    """Write a page with exercises, under a content security policy that forbids requests."""
    files = [json.dumps(exercise).replace("<", "\\u003c") for exercise in exercises]
    script = '<script type="application/json">{}</script>'
    elements = "".join(f"<pellucid-exercise>{script.format(file)}</pellucid-exercise>" for file in files)
    path.write_text(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Exercises</title>
        <meta http-equiv="Content-Security-Policy" content="{POLICY}">
        <meta name="viewport" content="width=device-width">
        <style>{STYLE}</style></head>
        <body><main><h1>Exercises</h1>{elements}</main><script>{SCRIPT.read_text("utf-8")}</script></body></html>""",
        "utf-8",
    )
    return path
