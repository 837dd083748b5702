"""Layers that merge several inputs."""

from __future__ import annotations

from tests.nn.peers import several
from tests.nn.peers.several import Case
from tests.nn.peers.store import Values

SAME, WIDER = ((3, 4, 2),) * 3, ((3, 1, 2), (3, 4, 2), (3, 4, 1))

CASES: dict[str, Case] = {
    **{f"{name}, {len(SAME)}": Case(name, SAME) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    **{f"{name}, wider": Case(name, WIDER) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    "Add, more axes": Case("Add", ((3, 2), (3, 4, 2))),
    "Subtract": Case("Subtract", ((3, 4, 2), (3, 4, 2))),
    "Subtract, wider": Case("Subtract", ((3, 4, 2), (3, 1, 2))),
    "Concatenate": Case("Concatenate", ((3, 4, 2), (3, 4, 1), (3, 4, 3))),
    "Concatenate, axis": Case("Concatenate", ((3, 1, 2), (3, 4, 2)), {"axis": 1}),
    "Dot, rows": Case("Dot", ((3, 4), (3, 4)), {"axes": 1}),
    "Dot, cosine": Case("Dot", ((3, 4), (3, 4)), {"axes": -1, "normalize": True}),
    "Dot, matrices": Case("Dot", ((3, 4, 2), (3, 2, 5)), {"axes": (2, 1)}),
    "Dot, matrices, cosines": Case("Dot", ((3, 2, 4), (3, 2, 5)), {"axes": 1, "normalize": True}),
    "Dot, matrix and row": Case("Dot", ((3, 4, 2), (3, 4)), {"axes": (1, 1)}),
    "Dot, more axes": Case("Dot", ((3, 2, 4, 2), (3, 4, 3)), {"axes": (2, 1)}),
}


def by_keras(key: str) -> Values:
    """Compute a case with Keras."""
    return several.by_keras(key, CASES[key])


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid."""
    return several.by_pellucid(key, CASES[key])
