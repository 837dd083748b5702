"""How each op of pellucid is written in ONNX, one family a file."""

from pellucid.interop.onnx.writers import (
    elementwise,
    indexing,
    loops,
    networks,
    reductions,
    shapes,
    sorting,
)

__all__ = ["elementwise", "indexing", "loops", "networks", "reductions", "shapes", "sorting"]
