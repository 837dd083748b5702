"""Settings of a training run on user data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError
from pellucid.tracking.parameters import Range, get_parameters
from pellucid.train.evaluate.decision import parse_threshold

MODELS = ("linear", "mlp", "ensemble", "cnn")
"""Names of built-in networks; `networks` has their layers."""

MAXIMUM_HELD_OUT = 0.95


@dataclass(frozen=True)
class Settings:
    """Settings of a training run. Together with the data, they determine the result bit for bit.

    Annotated fields are also options of ``pellucid train`` and keys of TOML files.

    Parameters
    ----------
    data : str
        A folder or zip archive of images, a table, an NPZ file, or the name of a built-in data set.
    options : mapping
        Options of the data loader: ``target`` and ``columns`` of tables, ``size`` of images.
    layers : sequence of mapping, optional
        The network layer by layer, like ``[[layers]]`` of a TOML file; ``model`` is then its name.
    layers_from : str
        The file that has the layers, for error messages.
    input_shape : tuple of int, optional
        The shape of one sample for which the layers were written, to be checked against the data.
    inputs : sequence of mapping, optional
        Named groups of columns, like ``[[inputs]]``, if the layers name their inputs; an empty one is all columns.
    outputs : str or list of str, optional
        Name of the output, by default that of the last layer; or names of several, which are joined in the order of
        the targets.
    sources : mapping
        The file of each section, for error messages, if it is not ``layers_from``.
    backends : sequence of str
        What computed the run that wrote the settings; other backends cause a warning.

    Raises
    ------
    UsageError
        If a value is out of range or a name is unknown.

    Examples
    --------
    >>> Settings("moons", model="mlp", epochs=5).model
    'mlp'
    """

    data: str
    model: Annotated[
        str | None,
        "Network: linear, mlp, ensemble, cnn, or a .toml file with [[layers]] (default: cnn for images, ensemble for "
        "tables and vectors, otherwise mlp).",
    ] = None
    task: Annotated[
        Literal["classification", "regression"] | None,
        "Task: classification or regression (default: inferred from the target).",
    ] = None
    augment: Annotated[
        Literal["none", "shift", "mirror"] | None,
        "Random changes of training images: shift moves them by up to a tenth, mirror also mirrors them, none leaves "
        "them as they are (default for cnn: mirror for color images, shift for gray ones, such as digits).",
    ] = None
    epochs: Annotated[
        int | None, Range(1), "Maximum number of epochs (default 20, up to 200 for small and down to 2 for large data)."
    ] = None
    batch_size: Annotated[
        int | None, Range(1), "Samples per step (default 32; for the ensemble 128, up to 2048 for large data)."
    ] = None
    optimizer: Annotated[
        str | dict | None,  # type: ignore[type-arg]
        "Optimizer: adam, sgd, adamw, rmsprop, ... (default adamw with a learning rate that rises and falls for "
        "ensemble and cnn, otherwise adam).",
    ] = None
    learning_rate: Annotated[
        float | None,
        Range(0, open=True),
        "Learning rate, or the maximum of the default schedule (default 0.002 for "
        "ensemble and cnn, otherwise that of the optimizer).",
    ] = None
    patience: Annotated[
        int | None,
        Range(0),
        "Stop after this many epochs without a lower validation loss, 0 for never (default: never for cnn, a quarter "
        "of the epochs for ensemble, otherwise a tenth, at least 5).",
    ] = None
    validation_split: Annotated[
        float, Range(0, 1, open=True), "Fraction of the samples in the validation set (default 0.15)."
    ] = 0.15
    test_split: Annotated[
        float, Range(0, 1, open=True), "Fraction of the samples in the held-out test set (default 0.15)."
    ] = 0.15
    class_weights: Annotated[
        Literal["balanced"] | dict | None,  # type: ignore[type-arg]
        "Weights of classes in the loss: balanced for equal shares of rare and frequent classes, or numbers such as "
        "fraud=20,ok=1 (default: none).",
    ] = None
    threshold: Annotated[
        float | str | None,
        Range(0, 1, open=True),
        "Smallest probability at which the positive of two classes is predicted: a number, or best-f1, recall=0.9 or "
        "precision=0.9, which choose it on the validation set (default: the more probable class is predicted).",
    ] = None
    positive_class: Annotated[
        str | None,
        "Class of two that the threshold, ROC AUC and average precision are about (default: the rarer one).",
    ] = None
    folds: Annotated[
        int | None,
        Range(2, 100),
        "Number of folds of a cross-validation, which trains as many networks more (default: none).",
    ] = None
    weights: Annotated[
        str | None,
        "Run folder, model (.pel, .keras) or weights (.npz, .safetensors, .h5, .pt) whose network is fine-tuned.",
    ] = None
    head: Annotated[
        Literal["keep", "replace"] | None,
        "Last layer of a fine-tuned network: keep or replace (default: replace it if classes or targets differ).",
    ] = None
    freeze: Annotated[
        int | str | None,
        Range(0),
        "Layers of a fine-tuned network that are not trained: a number of first layers, the name of the last of them, "
        "or all-but-head (default: none).",
    ] = None
    unfreeze_after: Annotated[
        int | None,
        Range(1),
        "Number of epochs after which all layers are trained; until then, those of freeze are not (default: all but "
        "the head).",
    ] = None
    layer_rates: Annotated[
        float | dict | None,  # type: ignore[type-arg]
        "Factors of the learning rate in fine-tuning: one factor that is applied once more for each layer before the "
        "head, such as 0.5, or factors by layer such as conv2d=0.1,dense=0.5 (default: 1).",
    ] = None
    sweep: Annotated[
        list | None,  # type: ignore[type-arg]
        'Values of settings to try, such as ["learning_rate=0.001,0.01", "units=32,64"] (default: no sweep).',
    ] = None
    trials: Annotated[
        int | None, Range(2), "Number of combinations of a sweep that are drawn at random (default: all)."
    ] = None
    seed: Annotated[
        int, Range(0, 2**32 - 1), "Seed of the split, the initial weights and the sample order (default 0)."
    ] = 0
    devices: Annotated[
        Literal["all"] | int | None, Range(1), "Number of devices that share every batch, or all (default 1)."
    ] = None
    shard: Annotated[
        Literal["parameters"] | None,
        "Divide the parameters and the optimizer state over the devices (default: each device has a copy).",
    ] = None
    memory: Annotated[
        int,
        Range(1),
        "Megabytes of images at the network's size, or of a table, that are held in memory; larger data are read from "
        "a temporary file in the folder of the run (default 64).",
    ] = 64
    strict: Annotated[bool, "Stop at an invalid image, line or cell instead of skipping it with a warning."] = False
    loss: Annotated[str | dict | None, "Loss (default: cross-entropy of classes, or mean squared error)."] = None  # type: ignore[type-arg]
    metrics: Annotated[list | None, "Metrics (default: accuracy, or mean absolute error)."] = None  # type: ignore[type-arg]
    checksum: Annotated[str | None, "Checksum of the data of an earlier run."] = None
    weights_checksum: Annotated[str | None, "Checksum of the weights of an earlier run."] = None
    options: Mapping[str, Any] = field(default_factory=dict)
    layers: Sequence[Mapping[str, Any]] | None = None
    layers_from: str = "layers"
    input_shape: Any = None
    inputs: Sequence[Mapping[str, Any]] | None = None
    outputs: Any = None
    sources: Mapping[str, str] = field(default_factory=dict)
    backends: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.data:
            raise UsageError(f"data: expected a file, a folder or a built-in name; received {self.data!r}")
        for name, parameter in PARAMETERS.items():
            object.__setattr__(self, name, parameter.check(getattr(self, name)))
        if self.layers is None and self.model is not None and self.model not in MODELS:
            hint = near_miss(self.model.lower(), MODELS)
            raise UsageError(f"model: expected one of {', '.join(MODELS)}; received {self.model!r}.{hint}")
        if self.layers is not None and self.augment not in (None, "none"):
            raise UsageError("augment: not available with [[layers]]. Add augmentation layers to them instead")
        if self.shard is not None and self.devices is None:
            raise UsageError(f"shard: expected devices to divide {self.shard} over, such as 'all'; received none")
        if self.threshold is not None:
            parse_threshold(self.threshold)
        if self.validation_split + self.test_split >= MAXIMUM_HELD_OUT:
            raise UsageError(
                f"validation_split and test_split: expected a sum below {MAXIMUM_HELD_OUT}, so that samples are left "
                f"for training; received {self.validation_split:g} and {self.test_split:g}"
            )


PARAMETERS = get_parameters(Settings)
