"""Report about the machine: processor, memory, accelerators, C compiler, and what computes programs by default."""

from __future__ import annotations

import os
import platform
import shlex
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pellucid.run.backends import FEATURES
from pellucid.run.compilation_cache import cache_directory, processor
from pellucid.run.environment import is_enabled
from pellucid.run.jax_runtime import count_cores, jax, runs_on_cpu
from pellucid.run.kernels.amx.detection import has_amx
from pellucid.run.kernels.lowerings import get_lowerings
from pellucid.run.native.compiler import find_compiler, get_compiler_version
from pellucid.run.native.errors import CompilerFailure
from pellucid.version import __version__

PACKAGES = ("numpy", "jax", "jaxlib", "matplotlib", "scikit-learn", "Pillow", "h5py", "onnx", "onnxruntime", "ziglang")
"""Packages whose versions matter, optional ones included."""

MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with the memory limit of a container, of both versions of control groups."""

GIGABYTE = 1e9


@dataclass(frozen=True)
class DeviceReport:
    """A device that JAX sees; ``memory`` in bytes is None where JAX does not know it."""

    name: str
    kind: str
    memory: int | None


@dataclass(frozen=True)
class MachineReport:
    """What programs can run on.

    Attributes
    ----------
    processor, architecture, system : str
        Name of the processor, its instruction set, and the operating system.
    cores, usable_cores : int
        Cores of the machine, and those that this process may use.
    memory, available_memory : int or None
        Bytes of memory, or the limit of the container if that is lower, and bytes that are free now.
    instructions : list of str
        Vector instruction sets that the C kernels can use, the widest first.
    amx : bool
        Whether C kernels use the matrix units of the processor.
    compiler, compiler_version : str or None
        Command of the C compiler, and the first line of its version.
    devices : list of DeviceReport
        Devices of JAX; the first is used by default.
    loops_as_c, kernels_as_c : bool
        Whether mode "auto" compiles loops of small steps as C, and uses C kernels in XLA programs.
    cache : str or None
        Folder of compiled programs.
    versions : dict from str to str or None
        Versions of packages; None for those that are not installed.
    """

    processor: str
    architecture: str
    system: str
    cores: int
    usable_cores: int
    memory: int | None
    available_memory: int | None
    instructions: list[str]
    amx: bool
    compiler: str | None
    compiler_version: str | None
    devices: list[DeviceReport]
    loops_as_c: bool
    kernels_as_c: bool
    cache: str | None
    versions: dict[str, str | None]

    def to_json(self) -> dict[str, Any]:
        """Return all fields, with the default mode in words."""
        return {**asdict(self), "default_mode": self.default_mode}

    @property
    def default_mode(self) -> str:
        """What mode "auto" does on this machine."""
        loops = "C" if self.loops_as_c else "XLA"
        kernels = "C kernels" if self.kernels_as_c else "XLA"
        return f"auto: loops of small steps by {loops}; convolutions, pooling, products by {kernels}; the rest by XLA"

    def __str__(self) -> str:
        unused = "" if self.kernels_as_c or self.loops_as_c else " (not used)"
        installed = [f"{name} {number}" for name, number in self.versions.items() if number]
        missing = [name for name, number in self.versions.items() if not number]
        rows = [
            ("processor", f"{self.processor}, {self.architecture}, {self.system}"),
            ("cores", f"{self.cores}, of which this process may use {self.usable_cores}"),
            ("memory", f"{format_bytes(self.memory)}, {format_bytes(self.available_memory)} available"),
            ("instructions", f"{', '.join(self.instructions) or 'none found'}{'; AMX is used' if self.amx else ''}"),
            ("C compiler", f"{self.compiler}: {self.compiler_version}{unused}" if self.compiler else "none found"),
            *(("device", f"{d.name}: {d.kind}, {format_bytes(d.memory)}") for d in self.devices),
            ("default mode", self.default_mode),
            ("cache", self.cache or "off"),
            ("versions", ", ".join(installed)),
            ("not installed", ", ".join(missing) or "nothing"),
        ]
        lines = [f"{name:14}{value}" for name, value in rows]
        if self.compiler is None:
            lines.append("C is faster for small networks. Install gcc or clang, or pip install 'pellucid[compiler]'")
        return "\n".join(lines)


def inspect_machine() -> MachineReport:
    """Collect what programs can run on here.

    Examples
    --------
    >>> report = inspect_machine()
    >>> 1 <= report.usable_cores, report.devices[0].name.partition(":")[2]
    (True, '0')
    """
    compiler, cache = find_compiler(), cache_directory()
    enabled = compiler is not None and runs_on_cpu()
    words = set(processor().split())
    return MachineReport(
        processor=find_processor_name(),
        architecture=platform.machine(),
        system=f"{platform.system()} {platform.release()}",
        cores=os.cpu_count() or 1,
        usable_cores=count_cores(),
        memory=find_memory(),
        available_memory=read_memory_field("MemAvailable"),
        instructions=[feature for feature in FEATURES if feature in words],
        amx=bool(get_lowerings()) and has_amx(),
        compiler=None if compiler is None else abbreviate_home(shlex.join(compiler)),
        compiler_version=None if compiler is None else find_compiler_version(),
        devices=list_device_reports(),
        loops_as_c=enabled and is_enabled("PELLUCID_NATIVE"),
        kernels_as_c=bool(get_lowerings()),
        cache=None if cache is None else abbreviate_home(str(cache)),
        versions={"pellucid": __version__, "python": platform.python_version(), **find_versions()},
    )


def abbreviate_home(text: str) -> str:
    """Replace the user's folder, which has a name that reports should not have, by ``~``."""
    try:
        home = str(Path.home())
    except RuntimeError:  # there is none, as in some containers
        return text
    return text if home == os.sep else text.replace(f"{home}{os.sep}", f"~{os.sep}")


def find_processor_name() -> str:
    names = [line.partition(":")[2].strip() for line in processor().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def find_compiler_version() -> str:
    try:
        return (get_compiler_version().splitlines() or ["unknown version"])[0]
    except CompilerFailure as error:
        return str(error)


def list_device_reports() -> list[DeviceReport]:
    """Return the devices of JAX, with their memory; that of the processor is the memory of the machine."""
    found = []
    for number, device in enumerate(jax().local_devices()):
        statistics = device.memory_stats() or {}
        memory = find_memory() if device.platform == "cpu" else statistics.get("bytes_limit")
        found.append(DeviceReport(f"{device.platform}:{number}", device.device_kind, memory))
    return found


def find_memory() -> int | None:
    """Return the bytes of memory, or the limit of the container if that is lower."""
    total = read_memory_field("MemTotal")
    if total is None and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([n for n in (total, read_memory_limit()) if n is not None], default=None)


def read_memory_field(field: str, file: Path = Path("/proc/meminfo")) -> int | None:
    """Return a number of ``/proc/meminfo`` in bytes; None where there is no such file."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def read_memory_limit(files: tuple[str, ...] = MEMORY_LIMITS) -> int | None:
    """Return the memory limit of the container in bytes; None if there is none."""
    for file in files:
        try:
            text = Path(file).read_text("utf-8").strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None


def find_versions() -> dict[str, str | None]:
    return {name: find_version(name) for name in PACKAGES}


def find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def format_bytes(count: int | None) -> str:
    """Return a size in gigabytes.

    Examples
    --------
    >>> format_bytes(16_000_000_000), format_bytes(None)
    ('16.0 GB', 'unknown size')
    """
    return "unknown size" if count is None else f"{count / GIGABYTE:.1f} GB"
