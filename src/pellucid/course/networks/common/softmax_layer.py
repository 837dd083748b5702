"""One softmax layer on the pixels of images, the baseline of the convolutional networks."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.course.networks.common.image_data import make_batch_indices
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.course.networks.common.image_data import ImageData
    from pellucid.graph.expr import Expr, Shared
    from pellucid.run.function import Function


class SoftmaxLayer:
    """A softmax layer. All images, uint8 of shape (n, pixels), are in a shared variable and scaled in the graph."""

    def __init__(self, images: Array, labels: Array, rate: float, classes: int = 10) -> None:
        import pellucid as pel

        size = images.shape[1]
        all_images = pel.shared(images, "images", trainable=False)
        all_labels = pel.shared(labels, "labels", trainable=False)
        batch, pixels = pel.ivector("batch", shape=("n",)), pel.tensor("pixels", ("m", size), "uint8")
        self.W = pel.shared(np.zeros((size, classes), "float32"), "W")
        self.b: Shared = pel.shared(np.zeros(classes, "float32"), "b")

        def probabilities(pixels: "Expr") -> "Expr":
            result: Expr = pel.softmax(pixels.astype("float32") / 255 @ self.W + self.b)
            return result

        p = probabilities(all_images[batch])
        loss = pel.losses.sparse_categorical_crossentropy(all_labels[batch], p).sum()
        self.step: Function = pel.function([batch], loss, updates=pel.optimizers.SGD(rate).updates(loss))
        self.predict: Function = pel.function([pixels], probabilities(pixels).argmax(axis=-1))


def predict_with_softmax_layer(data: "ImageData", epochs: int, rate: float, seed: int, batch: int = 100) -> Any:
    """Train a softmax layer on the training images, and return its predictions of the test images."""
    flat, flat_test = (images.reshape(len(images), -1) for images in (data.x_train, data.x_test))
    batch = min(batch, len(flat))
    layer = SoftmaxLayer(flat, data.y_train.astype("int32"), rate, len(data.class_names))
    layer.step.over(make_batch_indices(len(flat), epochs * len(flat) // batch, batch, seed))
    return layer.predict(flat_test)
