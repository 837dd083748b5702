"""One program of every level, which type checkers accept; tests/test_types.py runs it and misspells it."""

from pathlib import Path

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.callbacks import EarlyStopping
from pellucid.cli import main
from pellucid.optimizers import SGD, Adam


def train_by_hand() -> float:
    X, y = pel.data.moons(dtype="float64")
    _, losses = pel.byhand.moons.train(X, y, hidden=3, epochs=101)
    return float(losses[101])


def train_expressions() -> float:
    X_train, y_train = pel.data.moons()
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    rng = np.random.default_rng(0)
    W1, b1 = pel.shared(rng.normal(size=(2, 3)), name="W1"), pel.shared(np.zeros(3), name="b1")
    W2, b2 = pel.shared(rng.normal(size=(3, 2)), name="W2"), pel.shared(np.zeros(2), name="b2")
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2, axis=-1)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean() + 0.005 * ((W1**2).sum() + (W2**2).sum())
    gradients = pel.grad(loss, [W1, b1, W2, b2])
    step = pel.function([X, y], loss, updates=SGD(0.5).updates(loss, [W1, b1, W2, b2]), mode="auto")
    history = step.repeat(200, X_train, y_train)
    print(pel.formula(loss), [g.shape for g in gradients], pel.simplify(2 * X - X))
    rows = X.shape[0]
    half: pel.Expr = X[: rows // 2] + pel.zeros((rows // 2, 2)) * pel.arange(rows).mean() / rows
    print(half.shape)
    return float(history[-1])


def train_layers() -> float:
    X, y = pel.data.moons()
    x, t = pel.matrix("x", shape=("n", 2)), pel.ivector("t", shape=("n",))
    h = nn.Dropout(0.1)(nn.Dense(16, activation="tanh", kernel_initializer="he_normal")(x))
    p = nn.Dense(2, activation="softmax", kernel_regularizer=nn.regularizers.L2(1e-4))(h)
    loss = nn.losses.sparse_categorical_crossentropy(t, p).mean()
    step = pel.function([x, t], loss, updates=Adam(pel.schedules.CosineDecay(0.01, 300)).updates(loss))
    step.repeat(300, X, y)
    predict = pel.function([x], pel.inference(p).argmax(-1))
    return float((predict(X) == y).mean())


def train_model(folder: Path) -> float:
    X, y = pel.data.moons()
    model = pel.Sequential([nn.Input((2,)), nn.Dense(16, activation="tanh"), nn.Dense(2, activation="softmax")])
    model.compile(optimizer=SGD(0.5, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = EarlyStopping(monitor="val_loss", patience=50)
    history = model.fit(X, y, epochs=30, batch_size=50, validation_split=0.2, callbacks=[stop], verbose=0)
    model.save(folder / "moons.pel")
    loaded = pel.load_model(folder / "moons.pel")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    print(history.history["val_accuracy"][-1], model.explain(), pel.diagnose(model, X, y))
    return float(model.evaluate(X, y)[1])


def run_command(folder: Path) -> int:
    return main(["run", "logistic", "--out", str(folder)])
