"""The record of a run: what was asked, where it ran, what came out. One JSON file, written atomically."""

import json
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pellucid.experiments.runner.result import Picture, Score, Text

FILE = "record.json"
Status = Literal["finished", "interrupted", "failed"]


@dataclass(frozen=True)
class Record:
    """Everything one needs to know about a run afterwards, and to run it again.

    ``seconds`` is the whole run's; ``timings`` holds the seconds of its named parts. ``reason`` says why a run failed.
    ``pictures`` and ``texts`` name files beside the record.
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
    pictures: Sequence[Picture]
    texts: Sequence[Text]
    versions: Mapping[str, str]
    machine: Mapping[str, str | int]

    def as_json(self) -> str:
        """Return the record as the JSON text that is written and printed."""
        return as_json(asdict(self))


def as_json(value: Any) -> str:
    """Return ``value`` as readable, strict JSON."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's own types; NumPy becomes numbers and lists, what is not finite becomes text.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"loss": np.float32(0.5), "sizes": (1, 2), "worst": float("nan")})
    {'loss': 0.5, 'sizes': [1, 2], 'worst': 'nan'}
    """
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy and of JAX, without importing either
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def versions() -> dict[str, str]:
    """Return the versions of pellucid, Python and the libraries that this process has loaded."""
    loaded = [name for name in ("numpy", "jax", "sklearn", "matplotlib") if name in sys.modules]
    return {
        "pellucid": package_version(),
        "python": platform.python_version(),
        **{name: str(sys.modules[name].__version__) for name in loaded},
    }


def package_version() -> str:
    """Return pellucid's own version, or "unknown" where it runs from a bare source tree."""
    from importlib import metadata

    try:
        return metadata.version("pellucid")
    except metadata.PackageNotFoundError:
        return "unknown"


def machine() -> dict[str, str | int]:
    """Return what the run ran on, without anything that tells one machine from its like."""
    from pellucid.run.jax_runtime import cores  # with the graph, which a help page does without

    return {"cores": cores(), "system": platform.system(), "processor": platform.machine()}
