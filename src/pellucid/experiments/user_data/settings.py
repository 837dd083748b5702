"""Settings of a training run on user data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pellucid.errors import near_miss
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.runner.parameters import Range, get_parameters
from pellucid.experiments.user_data.decision import parse_threshold

MODELS = ("linear", "mlp", "cnn")
"""Names of built-in networks; `networks` has their layers."""

EPOCHS, MAXIMUM_EPOCHS, MINIMUM_STEPS = 20, 200, 2_000
"""Default number of epochs; small training sets get more, up to the maximum, to reach the minimum number of steps."""

MINIMUM_PATIENCE = 5
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
    outputs : str, optional
        Name of the output, by default that of the last layer.
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
    >>> Settings("moons", model="mlp", epochs=5).batch_size
    32
    """

    data: str
    model: Annotated[
        str | None,
        "Network: linear, mlp, cnn, or a .toml file with [[layers]] (default: cnn for images, otherwise mlp).",
    ] = None
    task: Annotated[
        Literal["classification", "regression"] | None,
        "Task: classification or regression (default: inferred from the target).",
    ] = None
    augment: Annotated[bool, "Mirror and shift training images at random."] = False
    epochs: Annotated[
        int | None, Range(1), "Maximum number of epochs (default 20, up to 200 for small training sets)."
    ] = None
    batch_size: Annotated[int, Range(1), "Samples per step (default 32)."] = 32
    optimizer: Annotated[str | dict, "Optimizer: adam, sgd, adamw, rmsprop, ... (default adam)."] = "adam"  # type: ignore[type-arg]
    learning_rate: Annotated[float | None, Range(0, open=True), "Learning rate (default: that of the optimizer)."] = (
        None
    )
    patience: Annotated[
        int | None,
        Range(0),
        "Stop after this many epochs without a lower validation loss, 0 for never (default 5 to 20: a tenth of the "
        "epochs).",
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
    seed: Annotated[
        int, Range(0, 2**32 - 1), "Seed of the split, the initial weights and the sample order (default 0)."
    ] = 0
    devices: Annotated[
        Literal["all"] | int | None, Range(1), "Number of devices that share every batch, or all (default 1)."
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
        if self.layers is not None and self.augment:
            raise UsageError("augment: not available with [[layers]]. Add augmentation layers to them instead")
        if self.threshold is not None:
            parse_threshold(self.threshold)
        if self.validation_split + self.test_split >= MAXIMUM_HELD_OUT:
            raise UsageError(
                f"validation_split and test_split: expected a sum below {MAXIMUM_HELD_OUT}, so that samples are left "
                f"for training; received {self.validation_split:g} and {self.test_split:g}"
            )

    def resolve_epochs(self, samples: int) -> "Settings":
        """Return settings with epochs and patience resolved for a number of training samples.

        Examples
        --------
        >>> few, many = (Settings("moons").resolve_epochs(n) for n in (700, 60_000))
        >>> (few.epochs, few.patience), (many.epochs, many.patience)
        ((90, 9), (20, 5))
        """
        steps = -(-samples // self.batch_size)
        epochs = self.epochs or min(max(EPOCHS, MINIMUM_STEPS // steps), MAXIMUM_EPOCHS)
        patience = max(MINIMUM_PATIENCE, epochs // 10) if self.patience is None else self.patience
        return replace(self, epochs=epochs, patience=patience)


PARAMETERS = get_parameters(Settings)
