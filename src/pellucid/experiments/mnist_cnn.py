"""A convolutional network on MNIST: the network of the TensorFlow tutorial for experts."""

from typing import TYPE_CHECKING, Annotated, Any

from pellucid.experiments.common.image_data import (
    ImageData,
    make_batch_indices,
    predict_in_batches,
    save_loss_and_maps,
    save_predictions,
    train_network,
)
from pellucid.experiments.runner import ExperimentResult, Range, RunContext, Score, experiment, pluralize

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
    run: RunContext,
    *,
    steps: Annotated[int, Range(1), "training steps"] = 200,
    batch: Annotated[int, Range(1, 10_000), "batch size"] = 50,
    rate: Annotated[float, Range(0, open=True), "learning rate of Adam"] = 1e-4,
    drop: Annotated[float, Range(0, 0.95), "dropout rate of the 1,024 units"] = 0.5,
    test: Annotated[int, Range(100, 10_000), "test images"] = 10_000,
) -> ExperimentResult:
    """Two convolutions with pooling, 1,024 dense units and dropout, trained by Adam with a small learning rate.
    Convolutions apply the same filters at every position, so a stroke need not be learned again for each of them.
    """
    import pellucid as pel
    from pellucid.data import mnist
    from pellucid.nn.optimizers import Adam
    from pellucid.show.plots import filters

    (x, y), (x_test, y_test) = mnist()
    data = ImageData(x, y, x_test[:test], y_test[:test], "0123456789")
    network = MnistCnnNetwork(drop, run.seed)
    loss = pel.losses.sparse_categorical_crossentropy(network.y, network.p).mean()
    batches = make_batch_indices(len(x), steps, batch, run.seed)
    losses = train_network(run, network, data, loss, Adam(rate), batches)
    with run.clock("testing"):
        predictions = predict_in_batches(network.predict, data.x_test)
    accuracy = float((predictions == data.y_test).mean())
    milliseconds = 1000 * run.timings["training"] / steps
    save_loss_and_maps(run, network, data, losses)
    run.save_figure(
        "filters",
        "The 32 filters of the first convolution",
        filters(network.first.kernel.get_value()),
        reading="Each tile is one 5x5 filter, orange where its weights are positive and blue where they are negative.",
    )
    save_predictions(run, data, predictions)
    return ExperimentResult(
        Score("test accuracy", accuracy),
        baseline=Score("majority class", data.majority_accuracy),
        measures={
            "test_accuracy": accuracy,
            "majority_accuracy": data.majority_accuracy,
            "training_loss": float(losses[-20:].mean()),
            "steps": steps,
            "milliseconds_per_step": milliseconds,
        },
        lines=[
            f"test accuracy {accuracy:.4f} on {len(predictions)} digits after {pluralize(steps, 'step')} of {batch}",
            f"{milliseconds:.1f} ms per step, including compilation",
        ],
    )


class MnistCnnNetwork:
    """Two convolutions, each with pooling, and two dense layers."""

    def __init__(self, drop: float, seed: int) -> None:
        import pellucid as pel
        from pellucid import nn

        nn.set_random_seed(seed)
        kernel, bias = nn.initializers.TruncatedNormal(stddev=0.1), nn.initializers.Constant(0.1)
        common: dict[str, Any] = {"activation": "relu", "kernel_initializer": kernel, "bias_initializer": bias}
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
