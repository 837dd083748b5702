"""``theano.compile.debugmode``: a mode in which NumPy computes op by op."""

from typing import Any

from pellucid.compat.theano.functions import Mode


class DebugMode(Mode):
    """Mode ``"numpy"`` of `pellucid.function`. Options have no effect."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
