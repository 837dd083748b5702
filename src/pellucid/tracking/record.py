"""The record of a run, ``record.json``: parameters, result, timings, versions and machine."""

import json
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pellucid.tracking.result import SavedPicture, SavedText, Score
from pellucid.tracking.run_folder import RECORD
from pellucid.version import __version__

Status = Literal["finished", "interrupted", "failed"]


@dataclass(frozen=True)
class Record:
    """Everything needed to understand and repeat a run.

    ``seconds`` is the duration of the whole run and ``timings`` that of its named parts. ``reason`` says why a run
    failed. ``pictures`` and ``texts`` name files in the folder of the record. ``backends`` say what computed the run:
    C compiled by a compiler, XLA or NumPy, with versions, flags and processor. ``findings`` are sentences about the
    result.
    """

    name: str
    title: str
    status: Status
    reason: str | None
    seed: int
    parameters: Mapping[str, Any]
    result: Score | None
    baseline: Score | None
    measures: Mapping[str, Any]
    lines: Sequence[str]
    seconds: float
    timings: Mapping[str, float]
    pictures: Sequence[SavedPicture]
    texts: Sequence[SavedText]
    versions: Mapping[str, str]
    machine: Mapping[str, str | int]
    backends: Sequence[str] = ()
    findings: Sequence[str] = ()

    def to_json(self) -> str:
        """Return the content of ``record.json``."""
        return to_json(asdict(self))


def is_finished(folder: Path) -> bool:
    """Tell whether a folder has the record of a finished run."""
    try:
        return bool(json.loads((folder / RECORD).read_text("utf-8"))["status"] == "finished")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def to_json(value: Any) -> str:
    """Return ``value`` as indented, strict JSON."""
    return json.dumps(to_plain_value(value), indent=2, ensure_ascii=False, allow_nan=False)


def to_plain_value(value: Any) -> Any:
    """Convert ``value`` to JSON's types: arrays become lists; nan, infinity and unknown objects become strings.

    Examples
    --------
    >>> import numpy as np
    >>> to_plain_value({"loss": np.float32(0.5), "sizes": (1, 2), "worst": float("nan")})
    {'loss': 0.5, 'sizes': [1, 2], 'worst': 'nan'}
    """
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy and JAX, without importing either
        return to_plain_value(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): to_plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain_value(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def get_versions() -> dict[str, str]:
    """Return the versions of pellucid, Python and the libraries that this process has loaded."""
    loaded = [name for name in ("numpy", "jax", "sklearn", "matplotlib") if name in sys.modules]
    return {
        "pellucid": __version__,
        "python": platform.python_version(),
        **{name: str(sys.modules[name].__version__) for name in loaded},
    }


def get_machine() -> dict[str, str | int]:
    """Return the kind of machine, without anything that identifies it."""
    from pellucid.run.jax_runtime import count_cores  # imports the graph, which help pages must not

    return {"cores": count_cores(), "system": platform.system(), "processor": platform.machine()}
