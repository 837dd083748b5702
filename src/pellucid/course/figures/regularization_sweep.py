"""Regularization strength and hidden width: networks from one sweep, with their decision boundaries.

``python -m pellucid.course.figures.regularization_sweep`` trains them again.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

import pellucid as pel
from pellucid.atomic_write import atomic_write
from pellucid.live import Figure
from pellucid.typing import Array

__all__ = ["regularization_sweep"]


STRENGTHS = (0.0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1)
WIDTHS = (1, 2, 3, 5, 10, 20)
TRAINING, VALIDATION, NOISE = 40, 200, 0.3
EPOCHS, RATE = 2000, 0.03
STORED = Path(__file__).with_suffix(".npz")
"""Parameters of the trained networks: narrow ones are padded with zeros."""


def load_points() -> tuple[Array, Array]:
    """Return the training points, followed by the validation points, with their classes."""
    parts = [pel.data.moons(TRAINING, noise=NOISE, seed=1), pel.data.moons(VALIDATION, noise=NOISE, seed=101)]
    X, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return X.astype("float32"), y.astype("int32")


def train_networks() -> dict[str, Array]:
    """Train a network for each pair of strength and width with one `pel.sweep`, and return their parameters."""
    nn = pel.nn
    X, y = (array[:TRAINING] for array in load_points())

    def build(strength: float, hidden: int) -> pel.Sequential:
        penalty = nn.regularizers.L2(strength)
        dense = [
            nn.Dense(hidden, activation="tanh", kernel_regularizer=penalty),
            nn.Dense(2, activation="softmax", kernel_regularizer=penalty),
        ]
        model = pel.Sequential([nn.Input((2,)), *dense])
        model.compile(nn.optimizers.Adam(RATE), "sparse_categorical_crossentropy")
        return model

    trained = pel.sweep(
        build,
        X,
        y,
        batch_size=TRAINING,
        epochs=EPOCHS,
        shuffle=False,
        strength=list(STRENGTHS),
        hidden=list(WIDTHS),
        verbose=0,
    )
    parameters = [[p.get_value() for p in trained.model(k).parameters] for k in range(len(trained))]
    widest = max(WIDTHS)
    return {
        "W1": np.stack([pad(W1, (2, widest)) for W1, _, _, _ in parameters]),
        "b1": np.stack([pad(b1, (widest,)) for _, b1, _, _ in parameters]),
        "W2": np.stack([pad(W2, (widest, 2)) for _, _, W2, _ in parameters]),
        "b2": np.stack([b2 for _, _, _, b2 in parameters]),
    }


def pad(values: Array, shape: tuple[int, ...]) -> Array:
    padded = np.zeros(shape, "float32")
    padded[tuple(slice(size) for size in values.shape)] = values
    return padded


def regularization_sweep() -> Figure:
    """Loss over regularization strength and hidden width, and the decision boundary of the chosen network.

    Each cell is a network that was trained on 40 points of two moons. 200 other points are the validation set.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.course.figures.regularization_sweep().title
    'Regularization and width'
    """
    with np.load(STORED) as stored:
        parameters = {name: pel.shared(stored[name], name, trainable=False) for name in ("W1", "b1", "W2", "b2")}
    X, y = load_points()
    scores = compute_scores({name: v.get_value() for name, v in parameters.items()}, X, y)
    points, classes = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    strength, hidden = pel.iscalar("strength"), pel.iscalar("hidden")
    W1, b1, W2, b2 = (v[strength * len(WIDTHS) + hidden] for v in parameters.values())
    p = pel.named("p", pel.softmax(pel.tanh(points @ W1 + b1) @ W2 + b2))
    best = np.unravel_index(scores["validation loss"].argmin(), (len(STRENGTHS), len(WIDTHS)))
    rows = pel.live.choice(
        strength,
        {f"{s:g}": k for k, s in enumerate(STRENGTHS)},
        value=int(best[0]),
        label="regularization strength",
    )
    widths = {str(w): k for k, w in enumerate(WIDTHS)}
    columns = pel.live.choice(hidden, widths, value=int(best[1]), label="hidden units")
    return Figure(
        data={points: X, classes: y},
        controls=[rows, columns],
        views=[
            pel.live.choice_map(
                rows, columns, scores, gap=("training loss", "validation loss"), title="Networks of a sweep"
            ),
            pel.live.decision_boundary(
                pel.function([points, strength, hidden], p),
                held_out=np.arange(len(X)) >= TRAINING,
                title="Decision boundary of the chosen network",
            ),
        ],
        title="Regularization and width",
        description="Networks of several widths, trained with several strengths of regularization on 40 points.",
        features=["x1", "x2"],
        classes=["upper moon", "lower moon"],
    )


def compute_scores(parameters: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
    """Return the scores of all networks, shape (strengths, widths): cross-entropy without penalty, and accuracy."""
    W1, b1, W2, b2 = (v.astype(float) for v in parameters.values())
    s = np.tanh(X @ W1 + b1[:, None]) @ W2 + b2[:, None]
    log_p = s - np.logaddexp.reduce(s, axis=-1, keepdims=True)
    errors = -log_p[:, np.arange(len(y)), y]
    hits = (log_p.argmax(axis=-1) == y).astype(float)
    parts = {"training": slice(TRAINING), "validation": slice(TRAINING, None)}
    found = {
        f"{part} {name}": v[:, rows]
        for name, v in (("loss", errors), ("accuracy", hits))
        for part, rows in parts.items()
    }
    order = ("validation loss", "training loss", "validation accuracy", "training accuracy")
    return {name: found[name].mean(axis=1).reshape(len(STRENGTHS), len(WIDTHS)) for name in order}


def store_networks() -> None:
    """Train the networks and write their parameters to the package."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **train_networks())
    atomic_write(STORED, content.getvalue())


if __name__ == "__main__":
    store_networks()
