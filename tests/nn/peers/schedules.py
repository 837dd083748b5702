"""Learning rate schedules: rates at many steps; one cycle is compared with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.nn.peers.store import Values

CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "ExponentialDecay": ("ExponentialDecay", (0.1, 100, 0.5), {}),
    "ExponentialDecay, staircase": ("ExponentialDecay", (0.1, 100, 0.5, True), {}),
    "PiecewiseConstantDecay": ("PiecewiseConstantDecay", ([10, 50, 200], [1.0, 0.5, 0.1, 0.01]), {}),
    "PolynomialDecay": ("PolynomialDecay", (0.1, 150), {}),
    "PolynomialDecay, power": ("PolynomialDecay", (0.1, 150, 0.01, 2.5), {}),
    "PolynomialDecay, cycle": ("PolynomialDecay", (0.1, 60, 0.01, 0.5, True), {}),
    "InverseTimeDecay": ("InverseTimeDecay", (0.1, 50, 0.7), {}),
    "InverseTimeDecay, staircase": ("InverseTimeDecay", (0.1, 50, 0.7, True), {}),
    "CosineDecay": ("CosineDecay", (0.1, 150), {}),
    "CosineDecay, alpha": ("CosineDecay", (0.1, 150, 0.2), {}),
    "CosineDecay, warm-up": ("CosineDecay", (0.01, 150), {"alpha": 0.2, "warmup_target": 0.1, "warmup_steps": 30}),
    "CosineDecayRestarts": ("CosineDecayRestarts", (0.1, 40), {}),
    "CosineDecayRestarts, all": ("CosineDecayRestarts", (0.1, 40, 1.5, 0.8, 0.1), {}),
    "CosineDecayRestarts, equal": ("CosineDecayRestarts", (0.1, 40, 1.0, 0.5), {}),
    "OneCycle": ("OneCycle", (0.1, 200), {}),
    "OneCycle, all": ("OneCycle", (0.1, 200, 0.4, 10.0, 100.0), {}),
}

# Steps 40 and 120 are excluded: at a restart, rounding decides which cycle they belong to.
STEPS = np.array([0, 1, 7, 10, 11, 29, 30, 31, 50, 51, 59, 60, 61, 77, 90, 99, 100, 101, 149, 151, 179, 199])


def by_keras(case: str) -> Values:
    """Compute a case with Keras, or with PyTorch if Keras lacks it."""
    name, values, keywords = CASES[case]
    if name == "OneCycle":
        return {"rates": by_torch(*values)}
    import keras

    schedule = getattr(keras.optimizers.schedules, name)(*values, **keywords)
    return {"rates": np.array([np.asarray(schedule(int(step))) for step in STEPS], "float32")}


def by_torch(peak: float, steps: int, fraction: float = 0.3, first: float = 25.0, last: float = 1e4) -> Any:
    """Compute one cycle with PyTorch."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, steps, pct_start=fraction, div_factor=first, final_div_factor=last
    )
    rates = []
    for _ in range(steps):
        rates.append(cycle.get_last_lr()[0])
        optimizer.step()
        if len(rates) < steps:
            cycle.step()
    return np.array(rates, "float32")[STEPS]


def by_pellucid(case: str) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel

    name, values, keywords = CASES[case]
    schedule = getattr(pel.schedules, name)(*values, **keywords)
    step = pel.iscalar("step")
    rate = pel.function([step], schedule(step), mode="numpy")
    return {"rates": np.array([rate(s) for s in STEPS.astype("int32")])}
