"""``theano.config``: settings with an effect, and those that are only stored."""

import os
from contextlib import contextmanager

from pellucid.errors import NoSuchNameError, near_miss
from pellucid.graph.errors import OptionError

CHOICES = {
    "floatX": ("float64", "float32", "float16"),
    "on_unused_input": ("raise", "warn", "ignore"),
    "compute_test_value": ("off", "ignore", "warn", "raise", "pdb"),
}
"""Settings that are checked, by their values; the first one is the default. The first two have an effect."""

STORED = """device=cpu mode=Mode optimizer=fast_run linker=cvm exception_verbosity=low cast_policy=custom
int_division=int warn_float64=ignore cxx= base_compiledir= compiledir= optimizer_including=
optimizer_excluding= init_gpu_device= deterministic=default traceback.limit=8 blas.ldflags= gcc.cxxflags=
dnn.enabled=False warn.ignore_bug_before=0.9 contexts= nvcc.fastmath= allow_gc=True profile= profile_memory=
profile_optimizer= openmp= openmp_elemwise_minsize= optimizer_verbose= print_test_value= force_device=
nocleanup= reoptimize_unpickled_function= scan.allow_gc= scan.allow_output_prealloc=True lib.amdlibm=
lib.cnmem= gpuarray.preallocate= DebugMode.check_strides= NanGuardMode.nan_is_error=True
NanGuardMode.inf_is_error=True experimental.unpickle_gpu_on_cpu="""
DEFAULTS = {name: values[0] for name, values in CHOICES.items()} | dict(s.split("=") for s in STORED.split())


class Settings:
    """Settings with names of one or two parts, such as ``floatX`` and ``warn.round``."""

    def __init__(self, values, prefix=""):
        self.__dict__.update(_values=values, _prefix=prefix)

    def __getattr__(self, name):
        full = self._prefix + name
        if self._prefix == "warn.":  # warnings about bugs of old versions
            return self._values.setdefault(full, False)
        if full in self._values:
            return self._values[full]
        if any(key.startswith(f"{full}.") for key in self._values):
            return Settings(self._values, f"{full}.")
        raise NoSuchNameError(f"theano.config has no {full!r}.{near_miss(full, self._values)}")

    def __setattr__(self, name, value):
        full = self._prefix + name
        if full in CHOICES and value not in CHOICES[full]:
            expected = ", ".join(map(repr, CHOICES[full]))
            raise OptionError(f"theano.config.{full}: expected one of {expected}. Received: {value!r}")
        getattr(self, name)  # refuses misspelled names
        self._values[full] = value

    @contextmanager
    def change_flags(self, **flags):
        """Change settings in a ``with`` block, or in a function that it decorates."""
        before = dict(self._values)
        try:
            for name, value in flags.items():
                setattr(self, name, value)
            yield
        finally:
            self._values.update(before)


def read_flags(text):
    """Return the settings of the variable ``THEANO_FLAGS``, such as ``floatX=float32,device=cpu``."""
    return dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)


config = Settings(DEFAULTS | read_flags(os.environ.get("THEANO_FLAGS", "")))
config.floatX = config.floatX  # checks the flag
