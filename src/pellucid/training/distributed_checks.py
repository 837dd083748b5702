"""Consistency checks between processes, and hints for resuming after one is lost."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.model.interfaces import ModelLike
from pellucid.run.distributed.process_group import agree
from pellucid.training.callbacks.base import Callback
from pellucid.training.callbacks.checkpoint import BackupAndRestore
from pellucid.training.epoch_program import BatchSource
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.training.fit_loop import FitConfig


def check_ranks_consistent(model: ModelLike, config: FitConfig, sources: Sequence[BatchSource | None]) -> None:
    """Refuse to train if the processes have different models, data, settings or positions in the run."""
    progress, used = model.run, [source for source in sources if source is not None]
    settings = [
        (config.epochs, config.validation_freq),
        [(type(s).__name__, s.steps, s.placement, s.batch_size) for s in used],
    ]
    agree(
        {
            "settings of fit": zlib.crc32(repr(settings).encode()),
            "data": compute_crc32(array for source in used for array in source.arrays),
            "seed of the sample orders": progress.seed % 2**32,
            "position in the run": zlib.crc32(repr((progress.epoch, progress.batch, progress.step)).encode()),
            "weights and random streams": compute_crc32(p.get_value() for p in model.state().values()),
        }
    )


def compute_crc32(arrays: Iterable[Array]) -> int:
    """Return a checksum of contents, shapes and dtypes.

    Examples
    --------
    >>> compute_crc32([np.zeros(3)]) == compute_crc32([np.zeros(3)]) != compute_crc32([np.zeros((3, 1))])
    True
    """
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(repr((array.shape, array.dtype)).encode(), checksum)
        checksum = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, checksum)
    return checksum


def format_resume_hint(callbacks: Iterable[Callback]) -> str:
    """Return how to resume a run that has lost a device or a process."""
    backups = [c for c in callbacks if isinstance(c, BackupAndRestore)]
    path = next((path for b in backups for path in (b.path, b.previous_path) if path.exists()), None)
    if path is not None:
        return (
            f"The last checkpoint is {path}. Start the same script again, on any number of devices, to resume from it"
        )
    if backups:
        return f"{backups[0].folder} has no checkpoint yet. Start the same script again, from scratch"
    return "There is no checkpoint: with callbacks=[pel.callbacks.BackupAndRestore(folder)] a run can be resumed"
