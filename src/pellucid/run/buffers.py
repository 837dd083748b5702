"""Arrays that programs take and return."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from jax import Array as JaxArray

    from pellucid.typing import Array

Buffer: TypeAlias = "Array | JaxArray"
"""An array of NumPy or JAX; a tracer of JAX while it traces a step."""
