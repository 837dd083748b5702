"""The jaxpr of a convolutional training step on a CPU, where gradients of XLA's convolution are slow in loops."""

from __future__ import annotations

import numpy as np

import pellucid as pel


def test_a_training_step_has_forward_convolutions_only() -> None:
    import jax

    rng = np.random.default_rng(0)
    x, y = pel.tensor4("x", shape=("n", 12, 12, 3)), pel.ivector("y", shape=("n",))
    first = pel.shared(rng.normal(size=(3, 3, 3, 8)).astype("float32"))
    second = pel.shared(rng.normal(size=(3, 3, 8, 4)).astype("float32"))
    dense = pel.shared(rng.normal(size=(64, 10)).astype("float32"))
    h = pel.max_pool(pel.relu(pel.conv(pel.relu(pel.conv(x, first)), second)), 2)
    loss = pel.sparse_crossentropy(y, pel.reshape(h, ("n", 64)) @ dense).mean()
    weights = [first, second, dense]
    updates = {w: w - 0.1 * g for w, g in zip(weights, pel.grad(loss, weights), strict=True)}
    step = pel.function([x, y], loss, updates=updates).program.step

    state = [jax.ShapeDtypeStruct(w.shape, w.dtype) for w in updates]
    args = [jax.ShapeDtypeStruct((2, 12, 12, 3), "float32"), jax.ShapeDtypeStruct((2,), "int32")]
    program = str(jax.make_jaxpr(lambda s, a: step(jax.numpy, s, [], a))(state, args))

    # The gradient with respect to the second layer's input, as a forward convolution. That of the first is not needed.
    assert program.count("conv_general_dilated[") == 1
    assert "batch_group_count=1" in program
    # Forward passes and kernel gradients are matrix products: two each, and three of the dense layer.
    assert program.count("dot_general[") == 7
    assert "select_and_scatter" not in program
    assert "reduce_window" not in program
