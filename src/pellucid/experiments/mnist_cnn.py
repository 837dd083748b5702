"""MNIST with convolutions: the network of the TensorFlow tutorial for experts."""

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from pellucid.experiments.common.image_data import Pictures, batches, classify, mistakes, train
from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment
from pellucid.experiments.runner.pluralize import counted

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr, Input


@experiment(
    "mnist-cnn",
    "Handwritten digits with two convolutions",
    r"y_{i,c} = \operatorname{relu} \left( b_c + \sum_{k,d} x_{i+k,d} \, w_{k,d,c} \right)",
    r"m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad "
    r"w \leftarrow w - \eta \, \frac{\hat m}{\sqrt{\hat v} + \epsilon}",
)
def mnist_cnn(
    run: Run,
    *,
    steps: Annotated[int, Range(1), "batches to learn from"] = 200,
    batch: Annotated[int, Range(1, 10_000), "images a step"] = 50,
    rate: Annotated[float, Range(0, open=True), "learning rate of Adam"] = 1e-4,
    drop: Annotated[float, Range(0, 0.95), "share of the 1,024 units dropped while learning"] = 0.5,
    test: Annotated[int, Range(100, 10_000), "images to test on"] = 10_000,
) -> Outcome:
    """Two convolutions with pooling, 1,024 dense units and dropout, taught by Adam at a small rate.
    After a few hundred steps it reads digits better than the softmax layer does after a thousand.
    """
    import pellucid as pel
    from pellucid.data import mnist
    from pellucid.nn.optimizers import Adam

    (x, y), (x_test, y_test) = mnist()
    x_test, y_test = x_test[:test], y_test[:test]
    network = Network(drop, run.seed)
    loss = pel.losses.sparse_categorical_crossentropy(network.y, network.p).mean()
    order = batches(len(x), steps, batch, run.seed)
    losses = train(run, (network.x, network.y), (x, y), loss, Adam(rate), order)
    with run.clock("testing"):
        answers = classify(network.predict, x_test)
    accuracy = float((answers == y_test).mean())
    larger_class = float(np.bincount(y_test).max() / len(y_test))
    draw(run, network, x_test, losses)
    mistakes(run, Pictures(x, y, x_test, y_test, [str(digit) for digit in range(10)]), answers)
    return Outcome(
        Score("test accuracy", accuracy),
        baseline=Score("always the larger class", larger_class),
        measures={
            "test_accuracy": accuracy,
            "larger_class": larger_class,
            "training_loss": float(losses[-20:].mean()),
            "steps": steps,
            "milliseconds_a_step": 1000 * run.timings["training"] / steps,
        },
        lines=[
            f"test accuracy {accuracy:.4f} on {len(y_test)} digits after {counted(steps, 'step')} of {batch}",
            f"{1000 * run.timings['training'] / steps:.1f} ms a step, compiling included",
        ],
    )


class Network:
    """Two convolutions, each with its pooling, and two dense layers, as expressions."""

    def __init__(self, drop: float, seed: int) -> None:
        import pellucid as pel
        from pellucid import nn

        nn.set_random_seed(seed)
        normal, little = nn.initializers.TruncatedNormal(stddev=0.1), nn.initializers.Constant(0.1)
        common: dict[str, Any] = {"activation": "relu", "kernel_initializer": normal, "bias_initializer": little}
        self.x: Input = pel.tensor("x", ("n", 28, 28), "uint8")
        self.y: Input = pel.ivector("y", shape=("n",))
        scaled = pel.expand_dims(pel.cast(self.x) / 255, -1)
        self.first = nn.Conv2D(32, 5, padding="same", **common)
        self.maps: Expr = self.first(scaled)
        h = nn.MaxPooling2D(2)(self.maps)
        h = nn.MaxPooling2D(2)(nn.Conv2D(64, 5, padding="same", **common)(h))
        h = nn.Dropout(drop)(nn.Dense(1024, **common)(nn.Flatten()(h)))
        self.p: Expr = nn.Dense(10, **{**common, "activation": "softmax"})(h)
        self.predict = pel.function([self.x], pel.inference(self.p).argmax(-1))


def draw(run: Run, network: Network, x_test: Any, losses: Any) -> None:
    """Save the loss, the filters of the first convolution, and what they see in one digit."""
    import pellucid as pel
    from pellucid.show.plots import feature_maps, filters, learning_curves

    run.figure(
        "loss",
        "The loss while it learns",
        learning_curves({"loss": losses}, "step", "loss"),
        reading=f"The loss of each batch, from {losses[0]:.2f} at the first step to {losses[-20:].mean():.2f} "
        "over the last twenty.",
    )
    kernel = network.first.kernel.get_value()
    run.figure(
        "filters",
        "The 32 filters of the first convolution",
        filters(kernel),
        reading="Each tile is one 5x5 filter, orange where it adds ink and blue where it subtracts it. Training "
        "this short moves them only a little from the random numbers they began as.",
    )
    maps = pel.function([network.x], network.maps)(x_test[:1])[0]
    run.figure(
        "feature-maps",
        "What these filters see in one digit",
        feature_maps(maps),
        reading="Each tile is one filter's answer to the same digit: bright where the strokes fit it. Some trace "
        "one side of the strokes, some all of them.",
    )
