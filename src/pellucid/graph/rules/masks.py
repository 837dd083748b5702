"""A mask is for those who write a graph; the value is the same without it."""

from __future__ import annotations

from typing import Any

from pellucid.graph.ops.masking import masked
from pellucid.graph.rewrite_rule import rule


@rule("algebra", examples=lambda rng: (rng.normal(size=(2, 3)), rng.random((2, 3)) > 0.5))
def masked_value(x: Any, mask: Any) -> Any:
    return masked(x, mask), x
