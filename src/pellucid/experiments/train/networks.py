"""The networks that have a name, layer by layer, and how any network is put between raw inputs and what is wanted."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.errors import near_miss
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.train.dataset import Array, Samples
from pellucid.experiments.train.settings import Settings

if TYPE_CHECKING:
    from pellucid.model.model import Model

Table = Mapping[str, Any]

LEAST_SIDE = 8
"""A convolution and a pooling are added as long as an image has at least so many pixels on a side."""
MOST_POOLINGS = 3
ROWS_AT_ONCE = 1024


def layers_for(settings: Settings, shape: Sequence[int], outputs: int, task: str) -> tuple[str, Sequence[Table]]:
    """Return what the network is called, and its layers.

    Parameters
    ----------
    settings : Settings
        Which network.
    shape : sequence of int
        Of one sample.
    outputs : int
        How many classes, or numbers to predict.
    task : str
        ``"classification"`` or ``"regression"``.

    Raises
    ------
    UsageError
        If a network does not take samples of this shape.

    Examples
    --------
    >>> name, layers = layers_for(Settings("moons"), (2,), 2, "classification")
    >>> name, [layer["kind"] for layer in layers]
    ('mlp', ['Dense', 'Dense', 'Dense'])
    """
    if settings.layers is not None:
        return settings.model or "network", settings.layers
    images = is_image(shape)
    name = settings.model or ("cnn" if images else "mlp")
    if not images and (name == "cnn" or settings.augment):
        what = "model: cnn" if name == "cnn" else "augment: it"
        raise UsageError(
            f"{what} takes images, of shape (height, width) or (height, width, channels) and at least {LEAST_SIDE} "
            f"pixels a side; received samples of shape {tuple(shape)}. "
            f"{'Take mlp or linear' if name == 'cnn' else 'Leave it out'}"
        )
    last: dict[str, Any] = {"kind": "Dense", "units": outputs}
    if task == "classification":
        last["activation"] = "softmax"
    return name, [*augmentation(settings, shape), *inside(name, shape), last]


def is_image(shape: Sequence[int]) -> bool:
    """Tell whether samples of a shape may be images."""
    few = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))
    return few and min(shape[:2]) >= LEAST_SIDE


def augmentation(settings: Settings, shape: Sequence[int]) -> Iterator[Table]:
    """Yield the layers that change images at random while the network learns."""
    if not settings.augment:
        return
    if len(shape) == 2:
        yield {"kind": "Reshape", "target_shape": [*shape, 1]}
    yield {"kind": "RandomFlip", "mode": "horizontal"}
    yield {"kind": "RandomTranslation", "height_factor": 0.1, "width_factor": 0.1}


def inside(name: str, shape: Sequence[int]) -> Iterator[Table]:
    """Yield the layers of a named network, up to the last one."""
    if name == "cnn":
        if len(shape) == 2:
            yield {"kind": "Reshape", "target_shape": [*shape, 1]}
        side, filters, poolings = min(shape[:2]), 32, 0
        while side >= LEAST_SIDE and poolings < MOST_POOLINGS:
            yield {"kind": "Conv2D", "filters": filters, "kernel_size": 3, "padding": "same", "activation": "relu"}
            yield {"kind": "MaxPooling2D", "pool_size": 2}
            side, filters, poolings = side // 2, 2 * filters, poolings + 1
    if len(shape) > 1:
        yield {"kind": "Flatten"}
    if name == "cnn":
        yield {"kind": "Dropout", "rate": 0.5}
        yield {"kind": "Dense", "units": 128, "activation": "relu"}
    if name == "mlp":
        yield {"kind": "Dense", "units": 128, "activation": "relu"}
        yield {"kind": "Dense", "units": 64, "activation": "relu"}


def optimizer_of(settings: Settings) -> Table:
    """Return the optimizer as a table of its kind, with the rate that is asked for."""
    from pellucid.nn import optimizers

    given = settings.optimizer
    if isinstance(given, str):
        if given.lower() not in optimizers.NAMED:
            hint = near_miss(given.lower(), optimizers.NAMED) or f" There are {', '.join(optimizers.NAMED)}"
            raise UsageError(f"optimizer: there is no optimizer {given!r}.{hint}")
        found = optimizers.NAMED[given.lower()]
        usual = inspect.signature(found).parameters["learning_rate"].default
        given = {"kind": found.__name__, "learning_rate": usual}
    return {**given, **({} if settings.rate is None else {"learning_rate": settings.rate})}


def goal_of(settings: Settings, task: str) -> tuple[Any, list[Any]]:
    """Return the loss, and the metrics beside it."""
    loss, metric = {
        "classification": ("sparse_categorical_crossentropy", "accuracy"),
        "regression": ("mean_squared_error", "mae"),
    }[task]
    return settings.loss or loss, [metric] if settings.metrics is None else list(settings.metrics)


def built(settings: Settings, samples: Samples, x: Array, training: Array, layers: Sequence[Table], name: str) -> Any:
    """Build and compile a network, behind a layer that brings inputs to mean 0 and variance 1.

    Parameters
    ----------
    settings, samples
        What is trained, and on what.
    x : array, shape (n, ...)
        All inputs.
    training : array of int
        The rows that are learnt from; mean and variance are theirs.
    layers, name
        The network.

    Raises
    ------
    ModelError
        If its layers cannot be built, or do not end in what is wanted.
    """
    from pellucid.inspect.source_export.toml_reader import Reader
    from pellucid.nn.random_seed import set_random_seed

    set_random_seed(settings.seed)
    loss, metrics = goal_of(settings, samples.task)
    reader = Reader(settings.layers_from)
    table = {
        "pellucid": 1,
        "model": {"kind": "Sequential", "name": name},
        "layers": layers,
        "optimizer": optimizer_of(settings),
        "loss": loss,
        "training": {"metrics": metrics},
    }
    model = reader.model(table, begun=before(x, training))
    check_end(model, samples, settings)
    return model


def before(x: Array, training: Array) -> list[Any]:
    """Return what stands before every network: the input, and a layer with mean and variance of the training inputs."""
    from pellucid import nn

    scaling = nn.Normalization(axis=None if x.ndim == 3 else -1, name="standardized")
    scaling.adapt(x[training[i : i + ROWS_AT_ONCE]] for i in range(0, len(training), ROWS_AT_ONCE))
    # What does not vary stays what it is, apart from its mean; a division by nothing would blow up the first change.
    scaling.first["variance"] = np.where(scaling.first["variance"] > 0, scaling.first["variance"], 1.0)
    return [nn.Input(x.shape[1:]), scaling]


def check_end(model: "Model", samples: Samples, settings: Settings) -> None:
    """Refuse a network whose output is not what is wanted."""
    from pellucid.model.errors import ModelError

    shape = model.inputs[0].shape[1:]
    if settings.input_shape is not None and settings.input_shape != shape:
        raise ModelError(
            f"{settings.layers_from}, [input]: expected shape = {list(shape)}, which samples of {samples.where} have; "
            f"received {settings.input_shape!r}. Correct it, or leave [input] out"
        )
    wanted = len(samples.class_names) or len(samples.target_names)
    end = model.outputs[0]
    what = "one for each class" if samples.class_names else "one for each target"
    if end.shape[1:] != (wanted,):
        raise ModelError(
            f"{settings.layers_from}: expected the last layer to put out {wanted} numbers, {what}; it puts out shape "
            f"{end.shape[1:]}. End in kind = 'Dense', units = {wanted}"
        )
    if samples.class_names and settings.loss is None and (end.op is None or end.op.name not in ("softmax", "sigmoid")):
        raise ModelError(
            f"{settings.layers_from}: expected the last layer to put out probabilities of classes; received "
            f"{end.op.name if end.op else 'an input'}. Give it activation = 'softmax'"
        )


def with_units(model: Any, settings: Settings, mean: Array, deviation: Array) -> Any:
    """Return a network that predicts in the units of the targets, of one that learnt them at mean 0 and variance 1."""
    from pellucid import nn
    from pellucid.inspect.source_export.toml_reader import Reader
    from pellucid.model.sequential import Sequential

    rescaled = nn.Rescaling(deviation, mean, name="in_units")
    made = Sequential([nn.Input(model.inputs[0].shape[1:]), *model.layers, rescaled], name=model.name)
    reader = Reader(settings.layers_from)
    loss, metrics = goal_of(settings, "regression")
    optimizer = reader.built(optimizer_of(settings), "optimizer", "[optimizer]")
    made.compile(optimizer, reader.one_loss(loss), metrics=reader.metrics(metrics))
    return made
