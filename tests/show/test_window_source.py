"""Scripts of convolutions and pooling are short loops that compute what the ops do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Input
from pellucid.graph.op import OPS
from pellucid.show.sources.window_source import WRITERS, write_window_function


def list_examples() -> list[Any]:
    rng = np.random.default_rng(0)
    return [
        pytest.param(op, operands, settings, id=f"{name}-{number}")
        for name in WRITERS
        if (op := OPS[name]).examples is not None
        for number, (operands, settings) in enumerate(op.examples(rng))
    ]


@pytest.mark.parametrize(("op", "operands", "settings"), list_examples())
def test_the_function_computes_the_op(op: Any, operands: Any, settings: Any) -> None:
    node = op.make(tuple(Input(None, o.shape, "float64") for o in operands), {**op.defaults, **settings})
    written = write_window_function(node)
    if node.settings.get("groups", 1) > 1:
        assert written is None
        return
    assert written is not None
    scope: dict[str, Any] = {"np": np}
    exec(written.write("compute"), scope)
    np.testing.assert_allclose(scope["compute"](*operands), op.value(np, *operands, **node.settings), atol=1e-12)
    assert ("np.pad" in written.write("f")) <= any(map(any, node.settings["padding"]))


@pytest.mark.parametrize("pool_size", [2, 3])
def test_of_equal_maxima_the_first_gets_the_gradient(pool_size: int) -> None:
    """After a relu, many windows have equal maxima."""
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(2, 7, 7, 2)), 0).round()
    y = pel.max_pool(Input("x", x.shape, "float64"), pool_size, 2)
    pooled = y.op.value(np, x, **y.settings)
    operands = [rng.normal(size=pooled.shape), pooled, x]
    node = OPS["max_pool_gradient"].make(tuple(Input(None, o.shape, "float64") for o in operands), y.settings)
    written = write_window_function(node)
    assert written is not None
    scope: dict[str, Any] = {"np": np}
    exec(written.write("compute"), scope)
    np.testing.assert_allclose(scope["compute"](*operands), node.op.value(np, *operands, **node.settings))
