"""Training of the network that reads digits: ``python -m pellucid.course.figures.digit_reader_weights``."""

from __future__ import annotations

import numpy as np

from pellucid.course.figures.digit_reader import WEIGHTS, build_network

EPOCHS, BATCH = 20, 100


def train_network() -> None:
    """Train the network and write its weights."""
    import pellucid as pel
    from pellucid import nn

    augmentation = [
        nn.RandomRotation(0.04, fill_mode="constant"),
        nn.RandomTranslation(0.07, 0.07, fill_mode="constant"),
        nn.RandomZoom(0.12, 0.12, fill_mode="constant"),
    ]
    (pixels, labels), (held_out, held_out_labels) = pel.data.mnist("train"), pel.data.mnist("test")
    network = build_network(*augmentation)
    rate = pel.schedules.CosineDecay(0.004, EPOCHS * len(pixels) // BATCH)
    network.compile(pel.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, held_out_x = (a[..., None].astype(np.float32) / 255 for a in (pixels, held_out))
    network.fit(x, labels, epochs=EPOCHS, batch_size=BATCH, validation_data=(held_out_x, held_out_labels))
    network.save_weights(WEIGHTS)


if __name__ == "__main__":
    train_network()
