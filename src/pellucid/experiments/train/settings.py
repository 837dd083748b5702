"""What an experiment on data of one's own is: which data, which network, how it is trained; checked as it is made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pellucid.errors import near_miss
from pellucid.experiments.runner.errors import UsageError

MODELS = ("linear", "mlp", "cnn")
"""The networks that have a name; their layers are in `networks`."""

TASKS = ("classification", "regression")
LARGEST_SEED = 2**32 - 1
EPOCHS, MOST_EPOCHS, STEPS = 20, 200, 2_000
"""Without a number of epochs there are so many, and more as long as they come to fewer steps than that."""
PATIENCE = 5
LARGEST_SIDE = 4096


@dataclass(frozen=True)
class Settings:
    """An experiment as data; with the data that it names, everything follows from it to the last bit.

    Parameters
    ----------
    data : str
        A folder or zip archive of images, a CSV file, an NPZ file, or the name of a built-in data set.
    model : str, optional
        The name of a network; without it one that fits the shape of the data.
    layers : sequence of mapping, optional
        The network, layer by layer, as ``[[layers]]`` of a TOML file say it; ``model`` is then what it is called.
    layers_from : str
        The file that the layers stand in, for messages.
    input_shape : tuple of int, optional
        What the layers say of the shape of a sample, which is held against the data.
    target : str, optional
        The column of a CSV file that is to be predicted; the last one without it.
    task : {"classification", "regression"}, optional
        Without it, it is told from the target.
    size : tuple of int, optional
        Height and width in pixels that images are stretched to, (32, 32) without it.
    augment : bool
        Whether images are mirrored and shifted at random while the network learns.
    epochs : int, optional
        How often the data are passed through at most; without it 20, or so often that about 2,000 steps are made, up to
        200.
    batch_size : int
        Samples a step.
    optimizer : str or mapping
        A name, or ``{"kind": "SGD", "momentum": 0.9}``.
    rate : float, optional
        The learning rate; the optimizer's own without it.
    loss : str or mapping, optional
        Without it the crossentropy of classes, or the mean squared error.
    metrics : sequence of str or mapping, optional
        What is measured beside the loss; the accuracy, or the mean absolute error without it.
    seed : int
        Where the split, the first weights and the order of the samples come from.
    validation_split, test_split : float
        The shares of the samples that only choose the best epoch, and that are met at the end alone. Data that have
        such parts already are taken as they are.
    patience : int, optional
        After how many epochs without a better validation loss training ends; 0 for never. Without it a tenth of the
        epochs, and 5 at least.
    devices : "all" or int, optional
        Those that divide every batch among them.
    strict : bool
        Whether a bad image or cell is an error; it is left out otherwise, with a warning.
    checksum : str, optional
        Of the data that a written experiment was made on.

    Raises
    ------
    UsageError
        For a value out of its range, or a name that there is not.

    Examples
    --------
    >>> Settings("moons", model="mlp", epochs=5).batch_size
    32
    """

    data: str
    model: str | None = None
    layers: Sequence[Mapping[str, Any]] | None = None
    layers_from: str = "layers"
    input_shape: Any = None
    target: str | None = None
    task: str | None = None
    size: tuple[int, int] | None = None
    augment: bool = False
    epochs: int | None = None
    batch_size: int = 32
    optimizer: str | Mapping[str, Any] = "adam"
    rate: float | None = None
    loss: str | Mapping[str, Any] | None = None
    metrics: Sequence[Any] | None = None
    seed: int = 0
    validation_split: float = 0.15
    test_split: float = 0.15
    patience: int | None = None
    devices: str | int | None = None
    strict: bool = False
    checksum: str | None = None

    def __post_init__(self) -> None:
        if not self.data:
            raise UsageError(f"data: expected a file, a folder or a built-in name; received {self.data!r}")
        if self.layers is None and self.model is not None:
            one_of("model", "network", self.model, MODELS)
        if self.task is not None:
            one_of("task", "task", self.task, TASKS)
        if self.layers is not None and self.augment:
            raise UsageError(
                "augment: layers that are written down say themselves what happens to images; leave it out"
            )
        self.check_numbers()

    def check_numbers(self) -> None:
        """Refuse numbers out of their ranges."""
        for name, least, most in (
            ("epochs", 1, 10**9),
            ("batch_size", 1, 10**9),
            ("patience", 0, 10**9),
            ("seed", 0, LARGEST_SEED),
        ):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name), least, most)
        for name in ("validation_split", "test_split"):
            share(name, getattr(self, name))
        if self.validation_split + self.test_split >= 0.95:
            raise UsageError(
                f"validation_split and test_split: expected something to be left to learn from; received "
                f"{self.validation_split:g} and {self.test_split:g}"
            )
        if self.rate is not None and not (real(self.rate) and self.rate > 0):
            raise UsageError(f"rate: expected a number above 0; received {self.rate!r}")
        if self.size is not None and not all(
            real(side) and side == int(side) and 1 <= side <= LARGEST_SIDE for side in self.size
        ):
            raise UsageError(f"size: expected pixels from 1 to {LARGEST_SIDE}; received {self.size!r}")
        if self.devices is not None and self.devices != "all":
            whole("devices", self.devices, 1, 10**6, "'all' or ")

    def lasting(self, samples: int) -> "Settings":
        """Return the same with a number of epochs, and a patience, that so many samples to learn from want.

        Examples
        --------
        >>> few, many = (Settings("moons").lasting(n) for n in (700, 60_000))
        >>> (few.epochs, few.patience), (many.epochs, many.patience)
        ((90, 9), (20, 5))
        """
        steps = -(-samples // self.batch_size)
        epochs = self.epochs or min(max(EPOCHS, STEPS // steps), MOST_EPOCHS)
        patience = max(PATIENCE, epochs // 10) if self.patience is None else self.patience
        return replace(self, epochs=epochs, patience=patience)


def one_of(name: str, what: str, given: Any, known: Sequence[str]) -> None:
    """Refuse a name that there is not; the nearest is named."""
    if given not in known:
        hint = near_miss(str(given).lower(), known) or f" There are {', '.join(known)}"
        raise UsageError(f"{name}: there is no {what} {given!r}.{hint}")


def real(value: Any) -> bool:
    """Tell whether a value is a finite number; true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(name: str, value: Any, least: int, most: int, other: str = "") -> None:
    """Refuse what is no whole number of a range."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{name}: expected {other}a whole number, {least} or more; received {value!r}")


def share(name: str, value: Any) -> None:
    """Refuse what is no share of the samples."""
    if not real(value) or not 0 < value < 1:
        raise UsageError(
            f"{name}: expected a share of the samples above 0 and below 1, such as 0.15; received {value!r}"
        )
