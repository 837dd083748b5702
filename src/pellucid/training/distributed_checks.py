"""Several processes that train one model: what they must have in common, and what is said when one is lost."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.run.distributed.process_group import agree, num_processes
from pellucid.training.array_source import InMemory
from pellucid.training.callbacks.backup import BackupAndRestore
from pellucid.training.callbacks.base import Callback
from pellucid.training.data_source import Source
from pellucid.training.iterator_source import Streamed

if TYPE_CHECKING:
    from pellucid.model.model import Model
    from pellucid.training.fit_loop import Plan
    from pellucid.training.sweeps.runs import Run


def check_alike(model: Model, plan: Plan, sources: Sequence[Source | None]) -> None:
    """Refuse to train with processes that have another model, other data, or stand elsewhere in the run.

    Raises
    ------
    DistributionError
        In all of them.
    """
    if num_processes() == 1:
        return
    run = model.run
    data = [array for source in sources if isinstance(source, InMemory) for array in source.samples.arrays]
    settings = [
        (plan.epochs, plan.validation_freq),
        [(type(s).__name__, s.steps, s.devices) for s in sources if s is not None],
        [s.batch_size for s in sources if not isinstance(s, Streamed | None)],
    ]
    agree(
        {
            "settings of fit": zlib.crc32(repr(settings).encode()),
            "data": digest(data),
            "seed of the orders": run.seed % 2**32,
            "place in the run": zlib.crc32(repr((run.epoch, run.batch, run.step)).encode()),
            "weights and random streams": digest(p.get_value() for p in model.state().values()),
        }
    )


def check_runs_alike(runs: Sequence[Run], *plan: Any) -> None:
    """Refuse a sweep with processes that have other runs, or other data.

    Raises
    ------
    DistributionError
        In all of them.
    """
    if num_processes() == 1:
        return
    told = [(run.seed, run.subsample, len(run), sorted(compared(run.settings).items())) for run in runs]
    samples = {id(run.samples): run.samples for run in runs}.values()
    rows = [run.rows for run in runs if run.rows is not None]
    agree(
        {
            "runs and settings of the sweep": zlib.crc32(repr((told, plan)).encode()),
            "data": digest([*(array for each in samples for array in each.arrays), *rows]),
            "weights and random streams": digest(p.get_value() for run in runs for p in run.model.state().values()),
        }
    )


def compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they read in every process: a function, whose text has an address in it, by its type."""
    return {name: v if isinstance(v, (int, float, str)) else type(v).__name__ for name, v in settings.items()}


def digest(arrays: Iterable[Any]) -> int:
    """Return a number that arrays with other contents, shapes or dtypes hardly share.

    Examples
    --------
    >>> digest([np.zeros(3)]) == digest([np.zeros(3)]) != digest([np.zeros((3, 1))])
    True
    """
    found = 0
    for array in arrays:
        found = zlib.crc32(repr((array.shape, array.dtype)).encode(), found)
        found = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, found)
    return found


def way_on(callbacks: Iterable[Callback]) -> str:
    """Say from where a run can go on that has lost a device or a process."""
    backups = [c for c in callbacks if isinstance(c, BackupAndRestore)]
    kept = next((path for b in backups for path in (b.path, b.path_before) if path.exists()), None)
    if kept is not None:
        return f"The last snapshot is {kept}: start the same script again, on as many devices as there are, to go on"
    if backups:
        return f"{backups[0].folder} holds no snapshot yet: start the same script again to begin anew"
    return "No snapshot was kept: with callbacks=[pel.callbacks.BackupAndRestore(folder)] a run goes on from one"
