"""Normalization layers, in training, with updated averages, and in inference; PyTorch where Keras lacks a layer."""

from __future__ import annotations

from tests.nn.peers import several
from tests.nn.peers.several import Case
from tests.nn.peers.store import Values, draw_normal

ROWS, LINE, IMAGE = ((5, 3),), ((3, 4, 3),), ((3, 4, 5, 6),)
MASK = [[True, True, False, True], [False, True, True, True], [True, False, False, False]]

CASES: dict[str, Case] = {
    "batch, rows": Case("BatchNormalization", ROWS, training=True),
    "batch, rows, after": Case("BatchNormalization", ROWS),
    "batch, image": Case("BatchNormalization", IMAGE, {"momentum": 0.7, "epsilon": 0.1}, training=True),
    "batch, image, axis": Case("BatchNormalization", IMAGE, {"axis": 1, "center": False}, training=True),
    "batch, image, axis, after": Case("BatchNormalization", IMAGE, {"axis": 1, "scale": False}),
    "batch, masked": Case(
        "BatchNormalization", LINE, masks={0: MASK}, keras_masks=lambda masks: {"mask": masks[0]}, training=True
    ),
    "layer, rows": Case("LayerNormalization", ROWS),
    "layer, axis": Case("LayerNormalization", IMAGE, {"axis": 2, "epsilon": 0.2}),
    "layer, axes": Case("LayerNormalization", IMAGE, {"axis": [1, 3], "scale": False}),
    "layer, first and last": Case("LayerNormalization", IMAGE, {"axis": [1, 2, 3], "center": False}),
    "groups": Case("GroupNormalization", IMAGE, {"groups": 3}),
    "groups, rows": Case("GroupNormalization", ((2, 6),), {"groups": 2, "epsilon": 0.1}),
    "groups, one": Case("GroupNormalization", LINE, {"groups": 1, "center": False}),
    "groups, axis": Case("GroupNormalization", IMAGE, {"groups": 2, "axis": 1}),
    "groups, instance": Case("GroupNormalization", IMAGE, {"groups": -1}),
    "rms": Case("RMSNormalization", LINE),
    "rms, axes": Case("RMSNormalization", IMAGE, {"axis": [2, 3], "epsilon": 0.1}),
    "local response": Case("LocalResponseNormalization", IMAGE, {"alpha": 0.4, "k": 1.5, "beta": 0.6, "n": 3}),
    "local response, line": Case("LocalResponseNormalization", LINE),
    "unit": Case("UnitNormalization", LINE),
    "unit, axes": Case("UnitNormalization", IMAGE, {"axis": [1, 3]}),
}


def by_keras(key: str) -> Values:
    """Compute a case with Keras, or with PyTorch if Keras lacks it."""
    if CASES[key].name == "LocalResponseNormalization":
        return by_torch(key, **{"alpha": 1e-4, "beta": 0.75, "k": 2.0, "n": 5, **CASES[key].settings})
    return several.by_keras(key, CASES[key])


def by_torch(key: str, alpha: float, beta: float, k: float, n: int) -> Values:
    """Compute a case with PyTorch, which divides alpha by the window size."""
    import torch

    [value] = several.make_inputs(key, CASES[key])
    x = torch.tensor(value, requires_grad=True)
    y = torch.nn.functional.local_response_norm(x.movedim(-1, 1), n, alpha * n, beta, k).movedim(1, -1)
    (y * torch.tensor(draw_normal(f"{key} g0", value.shape))).sum().backward()
    assert x.grad is not None
    return {"y0": y.detach().numpy(), "d0": x.grad.numpy()}


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid."""
    return several.by_pellucid(key, CASES[key])
