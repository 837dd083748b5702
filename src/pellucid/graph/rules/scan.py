"""Last states of loops, read without stacking the states of all steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.op_def import OUTPUT, get_result
from pellucid.graph.ops.indexing import slice_
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.scan_primitive import scan_loop
from pellucid.graph.pattern import Pattern
from pellucid.graph.rewrite_rule import rule


def _make_running_sum(rng: Any) -> Any:
    sums = scan(lambda x, s: s + x, constant(rng.uniform(size=5)), constant(np.zeros(())))
    return sums.inputs[0], 0, (-1,)


@rule("shapes", examples=_make_running_sum)
def last_state(y: Any, position: Any, index: Any) -> Any:
    def get_last(y: Expr, position: int, index: Any) -> Expr | None:
        if y.op is not scan_loop.op:
            return None
        settings = y.settings
        kept, states, reverse = (settings[key] for key in ("kept", "states", "reverse"))
        output = kept[position] if position < len(kept) else states
        if output >= states or index[0] != (0 if reverse else -1):
            return None
        state = get_result(y, len(kept) + output)
        return slice_(state, index[1:]) if len(index) > 1 else state

    return Pattern(slice_.op, (Pattern(OUTPUT, (y,), {"index": position}),), {"index": index}), get_last
