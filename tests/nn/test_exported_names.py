"""The programs that must read as they do: the convolutional network, and a network from formulas."""

import numpy as np

import pellucid as pel
from pellucid import losses, nn
from pellucid.nn.optimizers import SGD


def test_layers_as_lasagne_had_them(rng: np.random.Generator) -> None:
    nn.set_random_seed(0)
    x = pel.tensor4("x", shape=("n", 12, 12, 3))
    y = pel.ivector("y", shape=("n",))
    h = nn.Conv2D(8, 3, activation="leaky_relu")(x)
    h = nn.Conv2D(4, 3, activation="leaky_relu")(h)
    h = nn.MaxPooling2D(3, strides=2)(h)
    h = nn.Dense(16, activation="leaky_relu", kernel_initializer="orthogonal")(nn.Dropout(0.5)(nn.Flatten()(h)))
    p = nn.Dense(10, activation="softmax")(nn.Dropout(0.5)(h))
    loss = losses.sparse_categorical_crossentropy(y, p).mean() + 1e-4 * nn.regularizers.l2(pel.parameters(p))
    train = pel.function([x, y], loss, updates=SGD(0.01, momentum=0.9, nesterov=True).updates(loss))
    predict = pel.function([x], pel.inference(p).argmax(-1), mode="numpy")

    assert [q.shape for q in pel.parameters(p)] == [
        (3, 3, 3, 8),
        (8,),
        (3, 3, 8, 4),
        (4,),
        (3 * 3 * 4, 16),
        (16,),
        (16, 10),
        (10,),
    ]
    images, labels = rng.normal(size=(4, 12, 12, 3)).astype("float32"), np.array([0, 1, 2, 3], "int32")
    history = [train(images, labels) for _ in range(6)]
    assert all(np.isfinite(history))
    assert min(history[-3:]) < history[0]
    assert (predict(images) == predict(images)).all()


def test_a_network_from_formulas() -> None:
    rng = np.random.default_rng(0)
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    W1, b1 = pel.shared((rng.standard_normal((2, 3)) / 2**0.5).astype("float32"), "W1"), pel.shared([0.0] * 3, "b1")
    W2, b2 = pel.shared((rng.standard_normal((3, 2)) / 3**0.5).astype("float32"), "W2"), pel.shared([0.0] * 2, "b2")
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).sum() + 0.005 * ((W1**2).sum() + (W2**2).sum())
    step = pel.function([X, y], loss, updates=pel.optimizers.SGD(0.01).updates(loss, [W1, b1, W2, b2]))
    points = rng.normal(size=(50, 2)).astype("float32")
    history = step.repeat(200, points, (points[:, 0] > 0).astype("int32"))
    assert history.dtype == np.float32
    assert history[-1] < 0.3 * history[0]
