"""Program of one process with four CPU devices: it runs checks of several devices, and prints the results as JSON.

The number of devices is fixed when JAX starts, and each process takes a second to import JAX. So all fast tests of
several devices share one, and the slow ones another, with the argument ``layers``. What they compare with is computed
by NumPy, which takes no time to compile.
"""

from __future__ import annotations

import json
import pickle
import sys
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from tests.run.kernels.test_batch_sharding import collect_kernels, find_families

ALL, SOME = [2, "cpu:3", 1, 0], ["cpu:3", 1, 0]
"""All devices in another order, and three of them."""

Placement = dict[str, Any]

BY_NUMPY: Placement = {"mode": "numpy"}


def to_lists(values: Any) -> list[Any]:
    return [np.asarray(v).tolist() for v in values]


def train(**placement: Any) -> dict[str, Any]:
    """Train a classifier with statistics of the batch and dropout on batches that cannot be divided equally."""
    nn.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((3, 7, 6)).astype("float32"), rng.integers(0, 3, (3, 7)).astype("int32")
    X, y = pel.matrix("X", shape=("n", 6)), pel.ivector("y", shape=("n",))
    normal = nn.BatchNormalization()(nn.Dense(8, activation="tanh")(X))
    dropped = nn.Dropout(0.5)(normal)
    p = nn.Dense(3, activation="softmax")(dropped)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    mask = pel.cast(pel.equal(dropped, 0.0), "int32")
    f = pel.function([X, y], [loss, mask], updates=pel.optimizers.SGD(0.5).updates(loss), **placement)
    losses, masks = f.over(x, t)
    state = [p.get_value() for p in pel.parameters(loss)]
    elsewhere = pel.function([X], pel.inference(p), mode="numpy")(x[0])  # the same variables on no device
    return {
        "losses": losses.tolist(),
        "masks": masks.tolist(),
        "state": [np.ravel(v).tolist() for v in state],
        "elsewhere": elsewhere.ravel().tolist(),
        "backend": type(f.backend).__name__,
        "again": f.over(x[:1], t[:1])[0].tolist(),
    }


def count_collectives(f: pel.Function) -> dict[str, int]:
    """Count the collective operations in the program of a loop."""
    compiled = getattr(f.backend, "compiled", {})
    text = "".join(program[0].as_text() for program in compiled.values())
    return {name: text.count(f" {name}(") for name in ("all-reduce", "all-gather", "all-to-all")}


def run_members(**placement: Any) -> list[Any]:
    """Run five members of a sweep, which devices cannot divide equally."""
    u, w = pel.vector("u"), pel.shared(1.0, "w")
    f = pel.function([u], (w * u).sum(), updates={w: w - 0.01 * (w * u * u).sum()}, **placement)
    ws = pel.shared(np.arange(1.0, 6.0, dtype="float32"), "ws")
    return to_lists([pel.vmap(f, {w: ws}).repeat(3, [1.0, 2.0, 3.0]), ws.get_value()])


def get_error() -> str:
    u = pel.vector("u")
    with pytest.raises(pel.OptionError) as error:
        pel.function([u], u.sum(), mode="guard", devices=2)
    return str(error.value)


def describe_functions() -> dict[str, Any]:
    """Return the descriptions of a function on two devices and of its copies."""
    f = pel.function([u := pel.vector("u")], u.sum(), devices=2)
    return {
        "repr": repr(f).splitlines()[0],
        "pickled": repr(pickle.loads(pickle.dumps(f))).splitlines()[0],
        "copies": [type(f.copy(mode=m).backend).__name__ for m in ("xla", "numpy")],
    }


def train_all_layers(requested: list[str], **placement: Any) -> dict[str, Any]:
    """Train layers that use the kernels of all families on a batch that devices divide equally."""
    nn.set_random_seed(0)
    rng = np.random.default_rng(0)
    images, sequences = pel.tensor4("images", shape=("n", 8, 8, 3)), pel.tensor3("sequences", shape=("n", 4, 8))
    h = nn.DepthwiseConv2D(3, padding="same")(nn.Conv2D(16, 3, activation="relu")(images))
    h = nn.MaxPooling2D(2)(nn.ReLU()(nn.BatchNormalization()(h)))
    h = nn.Dense(24, activation="tanh")(nn.Flatten()(h))
    s = nn.SimpleRNN(16, return_sequences=True)(sequences)
    s = nn.LayerNormalization()(nn.MultiHeadAttention(2, 8)(s, s) + s)
    loss = ((nn.Dense(3)(h) + nn.Dense(3)(nn.GlobalAveragePooling1D()(s))) ** 2).mean()
    updates = pel.optimizers.SGD(0.1, momentum=0.9).updates(loss)
    f = pel.function([images, sequences], loss, updates=updates, **placement)
    requested.clear()
    losses = f.repeat(2, *(rng.normal(size=(8, *i.shape[1:])).astype("float32") for i in (images, sequences)))
    return {
        "losses": losses.tolist(),
        "parameters": [np.ravel(p.get_value())[::7].tolist() for p in pel.parameters(loss)],
        "kernels": find_families(requested),
        "collectives": count_collectives(f),
    }


def compute_rows(requested: list[str], count: int, **placement: Any) -> dict[str, Any]:
    """Compute products, normalizations, and sums over rows of a number of samples."""
    rng = np.random.default_rng(0)
    x, z = pel.matrix("x", shape=("n", 24)), pel.tensor4("z", shape=("m", 32, 32, 1))
    w = rng.normal(size=(24, 20)).astype("float32")
    results = [pel.softmax(x @ w), pel.softmax(x).sum(axis=0), pel.standardize(x, axis=0), pel.softplus(z).mean()]
    f = pel.function([x, z], results, **placement)
    requested.clear()
    arguments = rng.normal(size=(count, 24)).astype("float32"), rng.normal(size=(count, 32, 32, 1)).astype("float32")
    return {"results": to_lists(f(*arguments)), "kernels": find_families(requested)}


def multiply_members(requested: list[str], count: int, **placement: Any) -> dict[str, Any]:
    """Compute a product for each of some members of a sweep."""
    x, w = pel.matrix("x", shape=("n", 24)), pel.shared(np.zeros((24, 20), "float32"), "w")
    rng = np.random.default_rng(count)
    ws = pel.shared(rng.normal(size=(count, 24, 20)).astype("float32"), "ws")
    g = pel.vmap(pel.function([x], x @ w, **placement), {w: ws})
    requested.clear()
    return {"results": to_lists([g(rng.normal(size=(5, 24)).astype("float32"))]), "kernels": find_families(requested)}


def main() -> None:
    requested = collect_kernels(pytest.MonkeyPatch())
    on_four: Placement = {"mode": "xla", "devices": 4}
    if "layers" in sys.argv:
        print(json.dumps([train_all_layers(requested, **p) for p in (BY_NUMPY, on_four)]))
        return
    found: dict[str, Any] = {"names": pel.distribution.list_devices(), "guard": get_error(), **describe_functions()}
    found["training"] = [train(**p) for p in (BY_NUMPY, {"devices": ALL})]
    found["members"] = [run_members(**p) for p in (BY_NUMPY, {"devices": SOME})]
    on_all: Placement = {"devices": "all"}
    found["rows"] = {n: [compute_rows(requested, n, **p) for p in (BY_NUMPY, on_all)] for n in (8, 6)}
    found["products"] = {n: [multiply_members(requested, n, **p) for p in (BY_NUMPY, on_four)] for n in (4, 3)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
