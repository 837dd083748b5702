"""Accuracy of the course's networks trained by ``fit`` and by a compiled step.

    python benchmarks/accuracy.py                    all six networks at full size, a few minutes
    python benchmarks/accuracy.py --only moons adder

By function, a network is written as in the course (``pellucid.course.networks``), and its compiled step loops over the
batches. By ``fit``, it is a model of layers with the same initial weights, trained on the same samples in the same
order. The table shows the accuracy on held-out samples (two moons: training accuracy), the mean loss of the last steps,
and the largest difference of the weights, relative to the largest weight. Sums are computed in a different order, so
weights agree to a few digits only. The two moons are trained at the edge of stability, which amplifies rounding errors,
and in the convolutional networks dropout uses different masks. The command fails if two accuracies differ by more than
0.005.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid as pel
from pellucid import nn

Array = np.ndarray[Any, Any]
Trained = tuple[Array, Array, list[Array]]
"""Whether each prediction is correct, the losses of the steps, and the weights."""

TOLERANCE = 0.005
"""Largest difference of two accuracies."""


def moons() -> tuple[Trained, Trained]:
    """A tanh layer of three units on the two moons, 20,000 epochs of 200 points."""
    from pellucid.byhand import moons as by_hand
    from pellucid.course.networks.moons import MoonsNetwork
    from pellucid.data import moons as points

    x, y = points(dtype="float32")
    begin = by_hand.initialize()
    start = type(begin)(*(np.asarray(w, "float32") for w in begin))
    network = MoonsNetwork(start, 0.01, 0.01)
    losses = network.step.repeat(20_000, x, y) / len(x)
    penalty = nn.regularizers.L2(0.005 / len(x))
    hidden = nn.Dense(3, activation="tanh", kernel_regularizer=penalty)
    model = pel.Sequential([nn.Input((2,)), hidden, nn.Dense(2, activation="softmax", kernel_regularizer=penalty)])
    model.compile(nn.optimizers.SGD(0.01 * len(x)), "sparse_categorical_crossentropy")
    model.set_weights([w.reshape(p.shape) for w, p in zip(start, model.parameters, strict=True)])
    history = model.fit(x, y, batch_size=len(x), epochs=20_000, verbose=0).history
    correct = network.probabilities(x).argmax(1) == y
    weights = [w.get_value().reshape(p.shape) for w, p in zip(network.parameters, model.parameters, strict=True)]
    return (correct, losses, weights), (model.predict_classes(x) == y, np.array(history["loss"]), model.get_weights())


def mnist_softmax() -> tuple[Trained, Trained]:
    """One softmax layer on MNIST digits, 1,000 steps of 100 images."""
    from pellucid.course.networks.common.image_data import make_batch_indices
    from pellucid.course.networks.common.softmax_layer import SoftmaxLayer
    from pellucid.data import mnist

    (x, y), (x_test, y_test) = mnist()
    x, x_test, y = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1), y.astype("int32")
    batches = make_batch_indices(len(x), 1000, 100, 0)
    network = SoftmaxLayer(x, y, 0.01)
    losses = network.step.over(batches) / 100
    zeros = nn.Dense(10, activation="softmax", kernel_initializer="zeros")
    model = pel.Sequential([nn.Input((784,)), nn.Rescaling(1 / 255), zeros])
    model.compile(nn.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    fit_losses = fit_batches(model, x, y, batches)
    weights = [network.W.get_value(), network.b.get_value()]
    return (network.predict(x_test) == y_test, losses, weights), evaluate(model, fit_losses, x_test, y_test)


def adder() -> tuple[Trained, Trained]:
    """A recurrent network that learns to add 8-bit numbers, from 10,000 sums."""
    from pellucid.byhand import adder as by_hand
    from pellucid.course.networks.adder import AdderNetwork
    from pellucid.data import binary_addition

    x, y = binary_addition(12_000, 8, 0, "float32")
    (x, x_test), (y, y_test) = (np.split(a, [10_000]) for a in (x, y))
    begin = by_hand.initialize(16, 0)
    start = type(begin)(*(np.asarray(w, "float32") for w in begin))
    network = AdderNetwork(start, 8, 0.1)
    error = pel.function(list(network.step.program.inputs), network.error, mode="numpy")
    network.step.over(x, y)
    correct = np.array([network.predict(each) for each in x_test]) == (y_test[..., 0] > 0.5)
    losses = np.array([error(a, b) for a, b in zip(x_test[:200], y_test[:200], strict=True)]) / 4
    carry = nn.SimpleRNN(16, activation="sigmoid", use_bias=False, return_sequences=True)
    model = pel.Sequential([nn.Input((8, 2)), carry, nn.Dense(1, activation="sigmoid", use_bias=False)])
    model.compile(nn.optimizers.SGD(0.4), "mean_squared_error")  # the mean of 8 squares instead of half their sum
    model.set_weights([start.Wx, start.Wh, start.Wo])
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    fit_correct = (model.predict(x_test) > 0.5) == (y_test > 0.5)
    mse = model.evaluate(x_test[:200], y_test[:200])
    weights = [w.get_value() for w in network.parameters]
    return (correct.all(1), losses, weights), (fit_correct.all((1, 2)), np.array([mse]), model.get_weights())


def conv32() -> tuple[Trained, Trained]:
    """Lasagne's example: two convolutions, pooling, dropout and Nesterov momentum, 6,400 images, two epochs."""
    from pellucid.course.networks.common.image_data import load_colored_digits, make_batch_indices, predict_in_batches
    from pellucid.course.networks.conv32 import Conv32Network

    pictures = load_colored_digits(6400, 2000, 0)
    batches = make_batch_indices(len(pictures.x_train), 100, 128, 0)
    network = Conv32Network(10, 0.5, 0)
    loss = pel.losses.sparse_categorical_crossentropy(network.y, network.p).mean()
    loss = loss + 1e-4 * nn.regularizers.l2(pel.parameters(network.p))
    optimizer = nn.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
    start = [p.get_value() for p in pel.parameters(network.p)]
    step = pel.function([network.x, network.y], loss, updates=optimizer.updates(loss))
    losses = step.over(pictures.x_train[batches], pictures.y_train[batches])
    nn.set_random_seed(0)
    penalty = nn.regularizers.L2(1e-4)
    both: dict[str, Any] = {"kernel_regularizer": penalty, "bias_regularizer": penalty}
    leaky: dict[str, Any] = {**both, "activation": lambda x: pel.leaky_relu(x, 0.01)}
    layers = [
        nn.Input((32, 32, 3)),
        nn.Rescaling(1 / 127.5, offset=-1),
        nn.Conv2D(64, 3, **leaky),
        nn.Conv2D(32, 3, **leaky),
        nn.MaxPooling2D(3, strides=2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Dense(128, kernel_initializer="orthogonal", **leaky),
        nn.Dropout(0.5),
        nn.Dense(10, activation="softmax", **both),
    ]
    model = pel.Sequential(layers)
    model.compile(nn.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy")
    model.set_weights(start)
    fit_losses = fit_batches(model, pictures.x_train, pictures.y_train, batches)
    x_test, y_test = pictures.x_test, pictures.y_test
    correct = predict_in_batches(network.predict, x_test) == y_test
    weights = [p.get_value() for p in pel.parameters(network.p)]
    return (correct, losses, weights), evaluate(model, fit_losses, x_test, y_test)


def images() -> tuple[Trained, Trained]:
    """Dense layers of 768 and 384 units on flattened images, 600 steps of 128 images."""
    from pellucid.course.networks.common.image_data import load_colored_digits, make_batch_indices
    from pellucid.course.networks.images import build_model, flatten_and_scale

    pictures = load_colored_digits(6400, 2000, 0)
    x, x_test = flatten_and_scale(pictures.x_train), flatten_and_scale(pictures.x_test)
    y = np.eye(10, dtype="float32")[pictures.y_train]
    batches = make_batch_indices(len(x), 600, 128, 0)
    by_function, model = build_model(10, 0.01, 0), build_model(10, 0.01, 0)
    (given,), (p,) = by_function.inputs, by_function.outputs
    target = pel.matrix("target", shape=("n", 10))
    loss = pel.losses.binary_crossentropy(target, p).mean()
    step = pel.function([given, target], loss, updates=nn.optimizers.SGD(0.01).updates(loss))
    losses = np.concatenate([step.over(x[part], y[part]) for part in np.array_split(batches, 12)])
    correct = pel.function([given], p.argmax(-1))(x_test) == pictures.y_test
    fit_losses = fit_batches(model, x, y, batches)
    return (correct, losses, by_function.get_weights()), evaluate(model, fit_losses, x_test, pictures.y_test)


def mnist_cnn() -> tuple[Trained, Trained]:
    """Convolutions of 32 and 64 filters and 1,024 dense units on MNIST digits, 300 steps of 50 images with Adam."""
    from pellucid.course.networks.common.image_data import make_batch_indices, predict_in_batches
    from pellucid.course.networks.mnist_cnn import MnistCnnNetwork
    from pellucid.data import mnist

    (x, y), (x_test, y_test) = mnist()
    x_test, y_test, y = x_test[:2000], y_test[:2000], y.astype("int32")
    batches = make_batch_indices(len(x), 300, 50, 0)
    network = MnistCnnNetwork(0.5, 0)
    start = [p.get_value() for p in pel.parameters(network.p)]
    loss = pel.losses.sparse_categorical_crossentropy(network.y, network.p).mean()
    step = pel.function([network.x, network.y], loss, updates=nn.optimizers.Adam(1e-4).updates(loss))
    losses = step.over(x[batches], y[batches])
    correct = predict_in_batches(network.predict, x_test) == y_test
    nn.set_random_seed(0)
    common: dict[str, Any] = {"activation": "relu"}
    layers = [
        nn.Input((28, 28)),
        nn.Rescaling(1 / 255),
        nn.Reshape((28, 28, 1)),
        nn.Conv2D(32, 5, padding="same", **common),
        nn.MaxPooling2D(2),
        nn.Conv2D(64, 5, padding="same", **common),
        nn.MaxPooling2D(2),
        nn.Flatten(),
        nn.Dense(1024, **common),
        nn.Dropout(0.5),
        nn.Dense(10, activation="softmax"),
    ]
    model = pel.Sequential(layers)
    model.compile(nn.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
    model.set_weights(start)
    fit_losses = fit_batches(model, x, y, batches)
    weights = [p.get_value() for p in pel.parameters(network.p)]
    return (correct, losses, weights), evaluate(model, fit_losses, x_test, y_test)


class StepLosses(pel.callbacks.Callback):
    """Records the loss of every step."""

    def __init__(self) -> None:
        self.totals: list[float] = [0.0]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Append the sum of the losses so far; the logs have their mean."""
        self.totals.append(logs["loss"] * (batch + 1))


def fit_batches(model: Any, x: Array, y: Array, batches: Array) -> Array:
    """Fit on the given batches in order, and return the loss of every step."""
    losses = StepLosses()
    rows = batches.ravel()
    model.fit(x[rows], y[rows], batch_size=batches.shape[1], shuffle=False, verbose=0, callbacks=[losses])
    return np.diff(losses.totals)


def evaluate(model: Any, losses: Array, x: Array, y: Array) -> Trained:
    """Return the result of a model trained by `fit_batches`."""
    return model.predict_classes(x) == y, losses, model.get_weights()


NETWORKS: dict[str, Callable[[], tuple[Trained, Trained]]] = {
    "moons": moons,
    "adder": adder,
    "mnist_softmax": mnist_softmax,
    "conv32": conv32,
    "images": images,
    "mnist_cnn": mnist_cnn,
}


def compare(name: str) -> dict[str, Any]:
    """Train a network both ways and return accuracies, losses and the difference of the weights."""
    sides = NETWORKS[name]()
    row: dict[str, Any] = {"network": name}
    for side, (correct, losses, _) in zip(("function", "fit"), sides, strict=True):
        row[f"{side} accuracy"] = float(np.mean(correct))
        row[f"{side} loss"] = float(np.mean(losses[-200 if name == "adder" else -20 :]))
    pairs = list(zip(sides[0][2], sides[1][2], strict=True))
    largest = max(float(np.abs(a).max()) for a, _ in pairs)
    row["weight difference"] = max(float(np.abs(a - b).max()) for a, b in pairs) / largest
    return row


def main() -> None:
    """Train, print a table, and fail if accuracies differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(NETWORKS), nargs="+", help="networks to train (default: all)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    rows = []
    if not args.json:
        print(f"{'network':<15}{'accuracy by function':>22}{'by fit':>13}{'loss':>10}{'by fit':>10}{'weights':>10}")
    for name in args.only or NETWORKS:
        rows.append(row := compare(name))
        if not args.json:
            print(
                f"{name:<15}{row['function accuracy']:>22.4f}{row['fit accuracy']:>13.4f}{row['function loss']:>10.5f}"
                f"{row['fit loss']:>10.5f}{row['weight difference']:>10.1e}",
                flush=True,
            )
    if args.json:
        print(json.dumps(rows, indent=1))
    different = [r["network"] for r in rows if abs(r["function accuracy"] - r["fit accuracy"]) > TOLERANCE]
    if different:
        raise SystemExit(f"Accuracies differ by more than {TOLERANCE}: {', '.join(different)}")


if __name__ == "__main__":
    main()
