"""The Lasagne network: convolutions, pooling and dropout on 32x32 colour images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pellucid.experiments.common.image_data import (
    Pictures,
    batches,
    built_in_digits,
    classify,
    from_folder,
    mistakes,
    train,
)
from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr, Input


@experiment(
    "conv32",
    "A small convolutional network on colour images",
    r"y_{i,c} = \phi \left( b_c + \sum_{k,d} x_{i+k,d} \, w_{k,d,c} \right), \quad \phi(a) = \max(a, 0.01 \, a)",
    r"v \leftarrow \mu v - \eta \, \nabla L, \qquad w \leftarrow w + \mu v - \eta \, \nabla L",
)
def conv32(
    run: Run,
    *,
    data: Annotated[Path | None, "a folder or zip of images, one folder a class; built-in digits without it"] = None,
    images: Annotated[int, Range(200), "the most images to learn from"] = 6400,
    test: Annotated[int, Range(100), "the most images to test on"] = 2000,
    epochs: Annotated[int, Range(1), "passes over the images"] = 2,
    batch: Annotated[int, Range(1), "images a step"] = 128,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.01,
    momentum: Annotated[float, Range(0, 1), "how much of the last step is kept"] = 0.9,
    strength: Annotated[float, Range(0), "weight of the L2 penalty"] = 1e-4,
    drop: Annotated[float, Range(0, 0.95), "share of units dropped before each dense layer"] = 0.5,
) -> Outcome:
    """Two convolutions find edges and their combinations anywhere in an image, pooling forgets where exactly,
    and two dense layers decide. Dropout and a penalty on the weights keep it from learning its images by heart.
    """
    import pellucid as pel
    from pellucid import nn
    from pellucid.nn.optimizers import SGD

    pictures = built_in_digits(images, test, run.seed) if data is None else from_folder(data, images, test, run.seed)
    batch = min(batch, len(pictures.x_train))
    network = Network(len(pictures.class_names), drop, run.seed)
    penalty = strength * nn.regularizers.l2(pel.parameters(network.p))
    loss = pel.losses.sparse_categorical_crossentropy(network.y, network.p).mean() + penalty
    optimizer = SGD(rate, momentum=momentum, nesterov=True)
    order = batches(len(pictures.x_train), epochs * (len(pictures.x_train) // batch), batch, run.seed)
    losses = train(run, (network.x, network.y), (pictures.x_train, pictures.y_train), loss, optimizer, order)
    with run.clock("testing"):
        answers = classify(network.predict, pictures.x_test)
    right = answers == pictures.y_test
    draw(run, network, pictures, losses, answers)
    measures = {
        "held_out_accuracy": float(right.mean()),
        "larger_class": pictures.larger_class,
        "training_loss": float(losses[-20:].mean()),
        "images": len(pictures.x_train),
        "classes": list(pictures.class_names),
        "steps": len(losses),
        "milliseconds_a_step": 1000 * run.timings["training"] / len(losses),
    }
    return Outcome(
        Score("held-out accuracy", float(right.mean())),
        baseline=Score("always the larger class", pictures.larger_class),
        measures=measures,
        lines=[
            f"{len(pictures.x_train)} images of {len(pictures.class_names)} classes, {len(losses)} steps of {batch}",
            f"held-out accuracy {right.mean():.3f} on {len(right)} others",
            f"{1000 * run.timings['training'] / len(losses):.1f} ms a step, compiling included",
        ],
    )


class Network:
    """The network of the workshop, as expressions."""

    def __init__(self, classes: int, drop: float, seed: int) -> None:
        import pellucid as pel
        from pellucid import nn

        nn.set_random_seed(seed)
        self.x: Input = pel.tensor("x", ("n", 32, 32, 3), "uint8")
        self.y: Input = pel.ivector("y", shape=("n",))
        # Pixels from -1 to 1, so that the first layer sees inputs around zero.
        self.scaled = pel.cast(self.x) / 127.5 - 1
        h = nn.Conv2D(64, 3, activation=leaky)(self.scaled)
        self.maps: Expr = h
        h = nn.Conv2D(32, 3, activation=leaky)(h)
        h = nn.MaxPooling2D(3, strides=2)(h)
        h = nn.Dense(128, activation=leaky, kernel_initializer="orthogonal")(nn.Dropout(drop)(nn.Flatten()(h)))
        self.p: Expr = nn.Dense(classes, activation="softmax")(nn.Dropout(drop)(h))
        self.predict = pel.function([self.x], pel.inference(self.p).argmax(-1))


def leaky(x: Any) -> Any:
    """Lasagne's leaky rectifier, which lets a hundredth of what is negative through."""
    import pellucid as pel

    return pel.leaky_relu(x, 0.01)


def draw(run: Run, network: Network, pictures: Pictures, losses: Any, answers: Any) -> None:
    """Save what the network learned and where it fails."""
    import pellucid as pel
    from pellucid.show.plots import feature_maps, learning_curves

    run.figure(
        "loss",
        "The loss while it learns",
        learning_curves({"loss": losses}, "step", "loss"),
        reading=f"The loss of each batch, from {losses[0]:.2f} at the first step, about log of the number of classes, "
        f"to {losses[-20:].mean():.2f} over the last twenty.",
    )
    maps = pel.function([network.x], pel.inference(network.maps))(pictures.x_test[:1])[0]
    run.figure(
        "feature-maps",
        "What the first convolution sees in one image",
        feature_maps(maps[..., :32]),
        reading="Each tile is one of the first 32 filters at work on the same image: bright where it found what it "
        "looks for. Some answer to edges of one direction, some to one colour.",
    )
    mistakes(run, pictures, answers)
