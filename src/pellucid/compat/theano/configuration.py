"""``theano.config``: the settings that have an effect here, and others that are only stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pellucid.errors import near_miss
from pellucid.graph.errors import OptionError

DEFAULTS: dict[str, Any] = {
    "floatX": "float64",
    "device": "cpu",
    "mode": "Mode",
    "optimizer": "fast_run",
    "linker": "cvm",
    "on_unused_input": "raise",
    "allow_gc": True,
    "compute_test_value": "off",
    "exception_verbosity": "low",
    "cast_policy": "custom",
    "int_division": "int",
    "warn_float64": "ignore",
    "profile": False,
    "profile_memory": False,
    "openmp": False,
    "openmp_elemwise_minsize": 200000,
    "cxx": "",
    "base_compiledir": "",
    "compiledir": "",
    "optimizer_including": "",
    "optimizer_excluding": "",
    "optimizer_verbose": False,
    "print_test_value": False,
    "force_device": False,
    "init_gpu_device": "",
    "nocleanup": False,
    "reoptimize_unpickled_function": False,
    "deterministic": "default",
    "traceback.limit": 8,
    "scan.allow_gc": False,
    "scan.allow_output_prealloc": True,
    "blas.ldflags": "",
    "lib.amdlibm": False,
    "gcc.cxxflags": "",
    "dnn.enabled": "False",
    "gpuarray.preallocate": 0.0,
    "warn.ignore_bug_before": "0.9",
    "warn.round": False,
    "nvcc.fastmath": False,
    "DebugMode.check_strides": 0,
    "NanGuardMode.nan_is_error": True,
    "experimental.unpickle_gpu_on_cpu": False,
}
"""Default values. Only `floatX`, `mode`, `on_unused_input` and `compute_test_value` change what happens."""

CHOICES = {
    "floatX": ("float32", "float64", "float16"),
    "on_unused_input": ("raise", "warn", "ignore"),
    "compute_test_value": ("off", "ignore", "warn", "raise", "pdb"),
}


class Settings:
    """Settings with names of one or two parts, such as ``floatX`` and ``warn.round``."""

    def __init__(self, values: dict[str, Any], prefix: str = "") -> None:
        self.__dict__.update(_values=values, _prefix=prefix)

    def __getattr__(self, name: str) -> Any:
        full = self._prefix + name
        if self._prefix == "warn.":  # warnings about the bugs of old versions
            return self._values.setdefault(full, False)
        if full in self._values:
            return self._values[full]
        if any(key.startswith(f"{full}.") for key in self._values):
            return Settings(self._values, f"{full}.")
        raise AttributeError(f"theano.config has no {full!r}.{near_miss(full, self._values)}")

    def __setattr__(self, name: str, value: Any) -> None:
        full = self._prefix + name
        if full in CHOICES and value not in CHOICES[full]:
            expected = ", ".join(map(repr, CHOICES[full]))
            raise OptionError(f"theano.config.{full}: expected one of {expected}. Received: {value!r}")
        getattr(self, name)  # refuses misspelled names
        self._values[full] = value

    @contextmanager
    def change_flags(self, **flags: Any) -> Iterator[None]:
        """Change settings in a ``with`` block, or in a function that it decorates."""
        before = dict(self._values)
        for name, value in flags.items():
            setattr(self, name, value)
        try:
            yield
        finally:
            self._values.update(before)


def read_flags(text: str) -> dict[str, str]:
    """Return the settings of the variable ``THEANO_FLAGS``, such as ``floatX=float32,device=cpu``."""
    return dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)


config: Any = Settings(dict(DEFAULTS))
for _name, _value in read_flags(os.environ.get("THEANO_FLAGS", "")).items():
    if _name in CHOICES:
        setattr(config, _name, _value)
    else:
        config._values[_name] = _value
