"""Where batches come from: arrays on the device, files that are read piece by piece, or whoever makes batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import OptionError
from pellucid.model.errors import ModelError
from pellucid.training.array_source import InMemory
from pellucid.training.data_adapter import Samples, samples_of
from pellucid.training.iterator_source import Streamed
from pellucid.training.memmap_source import Mapped, Rows, is_mapped

if TYPE_CHECKING:
    from pellucid.model.model import Model

Source = InMemory | Mapped | Streamed
Data = Samples | Rows


def data_of(model: Model, x: Any, y: Any, w: Any = None, class_weight: Any = None, prefix: str = "") -> Data:
    """Hold data against a model; those in large files are held against it as they are read."""
    if is_mapped(x, y, w):
        return Rows(x, y, w, class_weight, prefix)
    return samples_of(model, x, y, w, class_weight, prefix)


def over(
    model: Model,
    data: Data,
    size: int,
    training: bool,
    steps: int | None = None,
    shuffle: bool = False,
    devices: Any = None,
) -> InMemory | Mapped:
    """Return the batches of data, for one model."""
    if isinstance(data, Rows):
        return Mapped(model, data, size, training, shuffle, steps, devices)
    return InMemory(model.objective(data), data, size, training, shuffle, steps, devices)


def split(data: Data, share: Any) -> tuple[Data, Data | None]:
    """Keep the last part of the data for validation, as Keras does, before anything is shuffled."""
    if not isinstance(share, (int, float)) or not 0 <= share < 1:
        raise OptionError(f"Expected validation_split from 0 up to but without 1. Received: validation_split={share!r}")
    count = len(data)
    kept = int(count * (1 - share))
    if not share:
        return data, None
    if not 0 < kept < count:
        raise ModelError(
            f"validation_split={share} of {count} samples leaves {kept} to train on and {count - kept} to validate "
            "on. Both need one at least"
        )
    return data.between(0, kept), data.between(kept, count)
