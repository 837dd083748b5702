"""A trained convolutional network that reads drawn digits. `digit_reader_weights` trains it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.live.interactive_figure import Figure
from pellucid.live.views.image import image

WEIGHTS = Path(__file__).with_name("digit_reader.safetensors")

SHOWN = 100
"""Number of images of the test set in the page."""


def digit_reader() -> Figure:
    """Draw a digit for a trained convolutional network, and see the feature maps of its two layers.

    The network was trained on the 60,000 training images of MNIST, with random rotations, shifts and zooms. The page
    shows 100 of the images that it was not trained on, and how many of these it predicts correctly.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.course.figures.digit_reader().title
    'Draw a digit'
    """
    import pellucid as pel

    network = build_network()
    network.load_weights(WEIGHTS)
    pixels, labels = (a[:SHOWN] for a in pel.data.mnist("test"))
    x = pel.tensor4("x", ("n", 28, 28, 1), dtype="uint8")
    predict = pel.function([x], pel.named("p", network(pel.cast(x, "float32") / 255)))
    return Figure(
        views=[
            image(predict, pixels[..., None], labels, pad=True, score=True, title="Your drawing, or a held-out digit")
        ],
        title="Draw a digit",
        description="A convolutional network reads a digit that you draw, or one that it was not trained on.",
        classes=[str(digit) for digit in range(10)],
    )


def build_network(*augmentation: Any) -> Any:
    from pellucid import nn
    from pellucid.model.sequential import Sequential

    nn.set_random_seed(0)
    return Sequential(
        [
            nn.Input((28, 28, 1), dtype="float32"),
            *augmentation,
            nn.Conv2D(8, 3, activation="relu", name="first convolution"),
            nn.MaxPooling2D(2, name="first pooling"),
            nn.Conv2D(16, 3, activation="relu", name="second convolution"),
            nn.MaxPooling2D(2, name="second pooling"),
            nn.Flatten(name="flatten"),
            nn.Dense(10, activation="softmax", name="scores"),
        ]
    )
