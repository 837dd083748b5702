"""Built-in networks, layer by layer, and the scaling layers around any network."""

import functools
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.tracking.result import pluralize
from pellucid.train.check.image_properties import are_gray
from pellucid.train.fit.ensembles import compile_ensemble, count_members
from pellucid.train.read.column_groups import select_groups
from pellucid.train.read.dataset import Dataset
from pellucid.train.read.out_of_core.row_file import Rows, iter_row_blocks
from pellucid.train.read.out_of_core.storage import draw_rows
from pellucid.train.settings.settings import Settings
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike
    from pellucid.model.model import Model

Table = Mapping[str, Any]

MINIMUM_SIDE = 8
"""Another block of the convolutional network follows while the shorter side has at least this many pixels."""
FILTERS = (24, 48, 96, 128)
"""Filters of the blocks of the convolutional network."""
GRAY_SAMPLE = 256
"""Number of images that tell whether all are gray."""
NORMALIZATION_BATCH = 1024
MAXIMUM_QUANTILE_SAMPLES = 100_000
"""Samples from which the bins of an encoding are computed; of more, evenly spaced ones are taken."""

BINS, MEMBERS = 16, 8
"""Bins of each number, and members, of the ensemble."""
MAXIMUM_ENCODED = 4_096
"""Number of encoded features up to which each feature has `BINS` bins; more features have fewer."""

WIDTHS = {"units", "filters", "output_shape"}
"""Arguments of layers that set the size of their output."""

DEFAULT_OPTIMIZER = "Adam"
"""The optimizer of a file that sets only its arguments."""


def get_layers(settings: Settings, shape: Sequence[int], outputs: int, task: str) -> tuple[str, Sequence[Table]]:
    """Return the name and the layers of the network for samples of a shape.

    Raises `UsageError` if the network does not accept the shape.

    Examples
    --------
    >>> name, layers = get_layers(Settings("moons"), (2,), 2, "classification")
    >>> name, [layer["kind"] for layer in layers]
    ('ensemble', ['PiecewiseLinearEncoding', 'EinsumDense', 'Dense', 'Dropout', 'Dense', 'Dropout', 'EinsumDense'])
    """
    if settings.layers is not None:
        return settings.model or "network", settings.layers
    has_images = is_image(shape)
    name = settings.model or ("cnn" if has_images else "ensemble" if len(shape) == 1 else "mlp")
    augment = settings.augment or "none"
    if not has_images and (name == "cnn" or augment != "none"):
        option, remedy = ("model: cnn", "Use mlp or linear") if name == "cnn" else ("augment:", "Omit it")
        raise UsageError(
            f"{option} requires images of shape (height, width) or (height, width, channels) with at least "
            f"{MINIMUM_SIDE} pixels per side; received samples of shape {tuple(shape)}. {remedy}"
        )
    last: dict[str, Any] = {"kind": "Dense", "units": outputs}
    if name == "ensemble":
        last = make_member_outputs(MEMBERS, outputs)
    if task == "classification":
        last["activation"] = "softmax"
    return name, [*get_hidden_layers(name, shape, augment), last]


def is_image(shape: Sequence[int]) -> bool:
    """Tell whether the shape of a sample may be that of an image."""
    has_channels = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))
    return has_channels and min(shape[:2]) >= MINIMUM_SIDE


def resolve_augmentation(settings: Settings, x: Array) -> Settings:
    """Return settings with the augmentation of images resolved; gray ones, such as digits, are not mirrored."""
    if settings.augment is not None or settings.layers is not None:
        return settings
    if not is_image(x.shape[1:]) or settings.model not in (None, "cnn"):
        return replace(settings, augment="none")
    is_gray = are_gray(np.array(x[draw_rows(len(x), GRAY_SAMPLE)])).all()
    return replace(settings, augment="shift" if is_gray else "mirror")


def get_hidden_layers(name: str, shape: Sequence[int], augment: str) -> Iterator[Table]:
    if len(shape) == 2 and (augment != "none" or name == "cnn"):
        yield {"kind": "Reshape", "target_shape": [*shape, 1]}
    if augment == "mirror":
        yield {"kind": "RandomFlip", "mode": "horizontal"}
    if augment != "none":
        yield {"kind": "RandomTranslation", "height_factor": 0.1, "width_factor": 0.1}
    if name == "cnn":
        yield from get_convolutions(min(shape[:2]))
        return
    if len(shape) > 1:
        yield {"kind": "Flatten"}
    if name == "ensemble":
        yield from get_member_layers(MEMBERS, max(2, min(BINS, MAXIMUM_ENCODED // math.prod(shape))))
    if name == "mlp":
        yield {"kind": "Dense", "units": 128, "activation": "relu"}
        yield {"kind": "Dense", "units": 64, "activation": "relu"}


def get_member_layers(members: int, bins: int | None) -> Iterator[Table]:
    """Yield the hidden layers of an ensemble; without ``bins``, numbers are not encoded.

    The members share all products. They differ in the scale of the encoded features.
    """
    if bins is not None:
        yield {"kind": "PiecewiseLinearEncoding", "bins": bins}
    scale = {"equation": "bf,kf->bkf", "output_shape": [members, "?"]}
    yield {"kind": "EinsumDense", **scale, "kernel_initializer": {"kind": "RandomNormal", "stddev": 1.0}}
    for _ in range(2):
        yield {"kind": "Dense", "units": 128, "activation": "relu", "kernel_initializer": "he_normal"}
        yield {"kind": "Dropout", "rate": 0.1}


def make_member_outputs(members: int, outputs: int) -> dict[str, Any]:
    """Return the last layer of an ensemble, with separate weights for each member."""
    axes = {"equation": "bkf,kfo->bko", "output_shape": [members, outputs], "bias_axes": "ko"}
    return {"kind": "EinsumDense", **axes}


def get_convolutions(side: int, filters_by_block: Sequence[int] = FILTERS) -> Iterator[Table]:
    """Yield blocks of a convolution with batch normalization, at half the size from one to the next."""
    for number, filters in enumerate(filters_by_block):
        if number:
            if side < MINIMUM_SIDE:
                break
            yield {"kind": "MaxPooling2D", "pool_size": 2}
            side //= 2
        yield {"kind": "Conv2D", "filters": filters, "kernel_size": 3, "padding": "same", "use_bias": False}
        yield {"kind": "BatchNormalization"}
        yield {"kind": "ReLU"}
    yield {"kind": "GlobalAveragePooling2D"}
    yield {"kind": "Dropout", "rate": 0.2}


def find_head(layers: Sequence[Table]) -> int | None:
    """Return the index of the last layer that sets the size of its output, or None.

    Examples
    --------
    >>> find_head([{"kind": "Dense", "units": 8}, {"kind": "Dense", "units": 2}, {"kind": "Softmax"}])
    1
    """
    return max((k for k, table in enumerate(layers) if WIDTHS & set(table)), default=None)


def resize_head(head: Table, outputs: int) -> dict[str, Any]:
    """Return the argument of a last layer that gives it a number of outputs, for each member of an ensemble."""
    if "output_shape" in head:
        return {"output_shape": [*head["output_shape"][:-1], outputs]}
    return {"units": outputs}


def get_optimizer(settings: Settings) -> dict[str, Any]:
    """Return the optimizer as a table with its kind and arguments."""
    from pellucid.nn import optimizers

    given = settings.optimizer
    if isinstance(given, str) and given.lower() not in optimizers.NAMED:
        raise UsageError(f"optimizer: no optimizer {given!r}. {suggest_name(given, optimizers.NAMED, 'optimizers')}")
    table = {"kind": DEFAULT_OPTIMIZER, **({"kind": given} if isinstance(given, str) else given or {})}
    named = optimizers.NAMED.get(str(table["kind"]).lower())
    if named is not None:
        table = {"kind": named.__name__, "learning_rate": get_default_rate(named)} | {**table, "kind": named.__name__}
    if settings.learning_rate is not None:
        table["learning_rate"] = settings.learning_rate
    return table


def get_default_rate(optimizer: type) -> float:
    rate: float = inspect.signature(optimizer).parameters["learning_rate"].default
    return rate


def complete_optimizer(settings: Settings, samples: int) -> dict[str, Any]:
    """Return the optimizer as a table; a schedule that leaves them out gets its length and its learning rate.

    The length is that of the whole training, and the rate the default of the optimizer. A schedule may be its name.

    Examples
    --------
    >>> settings = Settings(
    ...     "moons", epochs=10, batch_size=32, optimizer={"kind": "SGD", "learning_rate": "CosineDecay"}
    ... )
    >>> complete_optimizer(settings, 320)["learning_rate"]
    {'kind': 'CosineDecay', 'initial_learning_rate': 0.01, 'decay_steps': 100}
    """
    from pellucid.nn import optimizers

    optimizer = get_optimizer(settings)
    kind = optimizers.NAMED.get(str(optimizer["kind"]).lower())
    if kind is None:
        return optimizer
    assert settings.batch_size is not None
    steps = -(-samples // settings.batch_size) * (settings.epochs or 1)
    steps = steps // (optimizer.get("gradient_accumulation_steps") or 1)
    return optimizer | {"learning_rate": complete_schedule(optimizer["learning_rate"], get_default_rate(kind), steps)}


def complete_schedule(schedule: Any, rate: float, steps: int) -> Any:
    """Return a schedule with its length and its learning rate; values that are no schedule stay as they are."""
    from pellucid.model.object_config import get_classes, get_required
    from pellucid.nn import schedules

    classes = get_classes(schedules)
    if isinstance(schedule, str) and schedule in classes:
        schedule = {"kind": schedule}
    if not isinstance(schedule, dict) or schedule.get("kind") not in classes:
        return schedule
    warmup = schedule.get("warmup_steps", 0)
    decay = max(1, steps - warmup) if isinstance(warmup, int) else steps
    defaults = {"initial_learning_rate": rate, "max_learning_rate": rate, "schedule": rate}
    defaults |= {"decay_steps": decay, "total_steps": steps}
    missing = [name for name in get_required(classes[schedule["kind"]]) if name in defaults and name not in schedule]
    if warmup and schedule["kind"] == "CosineDecay" and "initial_learning_rate" in missing:
        defaults["initial_learning_rate"] = 0.0
        schedule = {**schedule, "warmup_target": schedule.get("warmup_target", rate)}
    completed = {**schedule, **{name: defaults[name] for name in missing}}
    if "schedule" in schedule:
        completed["schedule"] = complete_schedule(schedule["schedule"], rate, decay)
    return completed


def get_loss_and_metrics(settings: Settings, task: str) -> tuple[Any, list[Any]]:
    """Return the loss and the metrics: those of the settings, or the defaults of the task."""
    loss, metric = {
        "classification": ("sparse_categorical_crossentropy", "accuracy"),
        "regression": ("mean_squared_error", "mae"),
    }[task]
    return settings.loss or loss, [metric] if settings.metrics is None else list(settings.metrics)


def build_model(
    settings: Settings,
    dataset: Dataset,
    x: Array,
    training: Rows,
    layers: Sequence[Table],
    name: str,
    description: Mapping[str, Any],
) -> "ModelLike":
    """Build and compile a network after a layer that standardizes inputs by the statistics of the training samples.

    ``description`` says how inputs are made from the data, for networks with named groups of columns. Raises
    `ModelError` if the layers are invalid or the output does not fit the targets.
    """
    from pellucid.inspect.source_export.model_from_toml import TomlModelReader
    from pellucid.nn.random_seed import set_random_seed

    set_random_seed(settings.seed)
    loss, metrics = get_loss_and_metrics(settings, dataset.task)
    source, scaling = make_input_layers(x, training)
    adapt = functools.partial(adapt_layer, source=source, x=x, training=training)
    join = functools.partial(join_outputs, settings=settings, dataset=dataset)
    reader = TomlModelReader(settings.layers_from, sources=settings.sources, prepare_layer=adapt, join_outputs=join)
    table = {
        "pellucid": 1,
        "model": {"kind": "Sequential", "name": name},
        "layers": layers,
        "optimizer": get_optimizer(settings),
        "loss": loss,
        "training": {"metrics": metrics},
    }
    if settings.inputs is None:
        model = reader.build_model(table, first_layers=[source, scaling])
    else:
        table["model"] = {"kind": "Model", "name": name, "outputs": settings.outputs}
        where = settings.sources.get("inputs", settings.layers_from)
        groups = select_groups(scaling(source), settings.inputs, description, where)
        model = reader.build_model(table, built_inputs=(source, groups))
    check_model(model, dataset, settings)
    if count_members(model):
        compile_ensemble(model)
    return model


def make_input_layers(x: Array, training: Rows) -> list[Any]:
    """Return the input layer, and a normalization layer adapted to the training samples."""
    from pellucid import nn

    scaling = nn.Normalization(axis=None if x.ndim == 3 else -1, name="standardized")
    scaling.adapt(iter_row_blocks(x, training, NORMALIZATION_BATCH))
    # A constant feature has variance 0; dividing by it would turn the first other value into infinity.
    variance = scaling.statistics["variance"]
    scaling.statistics["variance"] = np.where(variance > 0, variance, 1.0)
    return [nn.Input(x.shape[1:]), scaling]


def adapt_layer(layer: Any, e: Any, *, source: Any, x: Array, training: Rows) -> None:
    """Adapt a layer of bins to the training samples; ``e`` is its input, and ``source`` the input of the network."""
    from pellucid import nn
    from pellucid.run.function_builder import function

    if isinstance(layer, nn.PiecewiseLinearEncoding) and layer.edges is None:
        rows = training[:: -(-len(training) // MAXIMUM_QUANTILE_SAMPLES)]
        layer.adapt(function([source], e)(x[np.asarray(rows)]))


def join_outputs(outputs: Sequence[Any], *, settings: Settings, dataset: Dataset) -> Any:
    """Return the concatenation of several outputs; raise `ModelError` if they are not one number for each target."""
    from pellucid import nn
    from pellucid.model.errors import ModelError

    if dataset.class_names:
        raise ModelError(
            f"expected the name of one layer for a classification; received {settings.outputs!r:.100}. Join several "
            "with a layer of kind = 'Concatenate', or train from Python, with pel.from_toml and fit"
        )
    units = [output.shape[-1] for output in outputs]
    if sum(units) != dataset.outputs:
        received = ", ".join(f"{count} of {name!r}" for name, count in zip(settings.outputs, units, strict=True))
        raise ModelError(
            f"expected {pluralize(dataset.outputs, 'number')}, one for each target in this order "
            f"({', '.join(dataset.target_names)}); received {sum(units)}: {received}. Change the units of these "
            "layers, or the outputs"
        )
    return nn.Concatenate(axis=-1, name="joined_outputs")(list(outputs))


def check_model(model: "Model", dataset: Dataset, settings: Settings) -> None:
    """Raise if the input or the output of a network does not fit the data."""
    from pellucid.model.errors import ModelError

    shape = model.inputs[0].shape[1:]
    if settings.input_shape is not None and settings.input_shape != shape:
        raise ModelError(
            f"{settings.layers_from}, [input]: expected shape = {list(shape)}, the shape of samples of "
            f"{dataset.where}; received {settings.input_shape!r}. Correct or remove [input]"
        )
    output = model.outputs[0]
    if output.shape[-1:] != (dataset.outputs,) or (output.ndim != 2 and not count_members(model)):
        raise ModelError(
            f"{settings.layers_from}: expected {dataset.outputs} outputs of the last layer, one for each "
            f"{'class' if dataset.class_names else 'target'}; received shape {output.shape[1:]}. Use a last layer of "
            f"kind = 'Dense', units = {dataset.outputs}. An ensemble has the shape (members, {dataset.outputs})"
        )
    activation = output.op.name if output.op else "an input"
    if settings.threshold is not None and activation != "softmax":
        raise ModelError(
            f"{settings.layers_from}: threshold: expected class probabilities from a softmax; received the output of "
            f"{activation}. Add activation = 'softmax' to the last layer, or omit the threshold"
        )
    if dataset.class_names and settings.loss is None and activation not in ("softmax", "sigmoid"):
        raise ModelError(
            f"{settings.layers_from}: expected class probabilities from the last layer; received the output of "
            f"{activation}. Add activation = 'softmax'"
        )


def append_layers(model: "ModelLike", settings: Settings, task: str, layers: Sequence[Any]) -> "ModelLike":
    """Return a trained network with further layers, which turn its output into predictions."""
    from pellucid import nn
    from pellucid.inspect.source_export.model_from_toml import TomlModelReader
    from pellucid.model.model import Model
    from pellucid.model.sequential import Sequential

    final: ModelLike
    if model.is_sequential:
        final = Sequential([nn.Input(model.inputs[0].shape[1:]), *model.layers, *layers], name=model.name)
    else:
        output = model.outputs[0]
        for layer in layers:
            output = layer(output)
        final = Model(model.inputs[0], output, name=model.name)
    reader = TomlModelReader(settings.layers_from, sources=settings.sources)
    loss, metrics = get_loss_and_metrics(settings, task)
    optimizer = reader.build_object(get_optimizer(settings), "optimizer", "[optimizer]")
    final.compile(optimizer, reader.build_loss(loss), metrics=reader.build_metrics(metrics))
    return final
