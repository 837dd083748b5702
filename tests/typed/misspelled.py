"""Misspelled names, arguments and choices. `make lint` fails if mypy finds no error on one of the marked lines."""

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.optimizers import SGD


def misspell(X: pel.Input, x: np.ndarray, y: np.ndarray, model: pel.Sequential) -> None:
    pel.byhand.moons.trian(x, y, hidden=3)  # type: ignore[attr-defined]
    pel.tanhh(X)  # type: ignore[attr-defined]
    pel.softmax(X, axes=-1)  # type: ignore[call-arg]
    pel.function([X], X, mode="fast")  # type: ignore[arg-type]
    nn.Dense(2, kernel_initialiser="he_normal")  # type: ignore[call-arg]
    SGD(0.5, momentun=0.9)  # type: ignore[call-arg]
    model.fit(x, y, validation_spilt=0.2)  # type: ignore[call-arg]
