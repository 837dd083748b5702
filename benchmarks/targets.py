"""Performance targets, and the verdicts on one run of the benchmarks.

The verdict uses the measurements of the same run only. For a missed target, it also has the previous attempts and the
limiting factor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import live
import numpy as np
from networks.catalog import FAMILIES

Found = dict[str, Any]

NO_FRAMEWORKS = ("pellucid", "numpy")


@dataclass(frozen=True)
class Target:
    """A measurement and the value that it must reach.

    Attributes
    ----------
    name : str
        The measurement, and the reference of a ratio.
    measure : function
        Returns the measurement from the results of a run; raises KeyError or ValueError if it is missing.
    required : float
        The smallest or the largest allowed value.
    unit : str
        Unit of the measurement.
    at_least : bool
        True if ``required`` is the smallest allowed value, False if it is the largest.
    limits : str
        Limiting factor and previous attempts.
    """

    name: str
    measure: Callable[[Found], float]
    required: float
    unit: str
    at_least: bool
    limits: str

    def decide(self, found: Found) -> str:
        """Return the verdict on a run.

        Examples
        --------
        >>> fast = Target("speed", lambda found: found["a"], 40, "times", True, "the disk is slow")
        >>> fast.decide({"a": 53.2}), fast.decide({})
        ('met: 53.2 times, required 40 or more', 'not measured')
        >>> fast.decide({"a": 39.94})
        'missed: 39.9 times, required 40 or more; the disk is slow'
        """
        try:
            value = self.measure(found)
        except (KeyError, ValueError):
            return "not measured"
        shown = f"{value:.3g}"
        met = float(shown) >= self.required if self.at_least else float(shown) <= self.required
        verdict = f"{shown} {self.unit}, required {self.required:g} or {'more' if self.at_least else 'less'}"
        return f"met: {verdict}" if met else f"missed: {verdict}; {self.limits}"


def get_workload(found: Found, name: str) -> dict[str, Any]:
    """Return the results of the libraries that finished a workload; raises KeyError if it was not run."""
    libraries = {workload["name"]: workload["libraries"] for workload in found["workloads"]}[name]
    return {library: one for library, one in libraries.items() if "error" not in one}


def compare_times(name: str, peers: Callable[[dict[str, Any]], list[str]]) -> Callable[[Found], float]:
    """Measure the training time of the fastest of some peers, relative to pellucid's."""

    def measure(found: Found) -> float:
        libraries = get_workload(found, name)
        fastest: float = min(libraries[peer]["train"] for peer in peers(libraries))
        return fastest / float(libraries["pellucid"]["train"])

    return measure


def only(peer: str) -> Callable[[dict[str, Any]], list[str]]:
    """Choose one peer."""
    return lambda libraries: [peer]


def frameworks(libraries: dict[str, Any]) -> list[str]:
    """Choose all peers except the NumPy loop."""
    return [name for name in libraries if name not in NO_FRAMEWORKS]


def compare_memory(name: str) -> Callable[[Found], float]:
    """Measure pellucid's peak memory, relative to the smallest of any framework."""

    def measure(found: Found) -> float:
        libraries = get_workload(found, name)
        smallest: float = min(libraries[peer]["peak_bytes"] for peer in frameworks(libraries))
        return float(libraries["pellucid"]["peak_bytes"]) / smallest

    return measure


def get_command_time(name: str) -> Callable[[Found], float]:
    """Measure the median seconds of a command."""
    return lambda found: float(found["start"]["commands"][name]["median"])


def get_sweep_ratio(found: Found) -> float:
    """Return the largest ratio of a sweep to a single run."""
    return max(float(row["ratio"]) for row in found["sweep"])


def get_call_time(title: str) -> Callable[[Found], float]:
    """Measure the median microseconds of a call of a small dense network on one row."""
    return lambda found: float(found["calls"]["dense"][title])


def get_live_time(picture: str, share: float) -> Callable[[Found], float]:
    """Measure the milliseconds to a picture of a live figure that a share of the moves do not exceed."""
    return lambda found: float(np.quantile(found["live"]["figure"][picture], share))


def get_family_ratio(family: str) -> Callable[[Found], float]:
    """Measure the time of the fastest peer over pellucid's in the median of a family's sizes."""
    return lambda found: float(found["families"]["summary"]["families"][family]["median"])


def get_first_epoch(kind: str) -> Callable[[Found], float]:
    """Measure the seconds to the end of pellucid's first epoch, in the slowest of some networks of medium size.

    ``kind`` is ``first`` for an empty and ``again`` for a filled compilation cache.
    """

    def measure(found: Found) -> float:
        times = {(one["family"], one["size"]): one["libraries"] for one in found["families"]["networks"]}
        return max(float(times[family, "medium"]["pellucid"][kind] or np.nan) for family in LARGE_PROGRAMS)

    return measure


def get_share_ahead(found: Found) -> float:
    """Return the percentage of families at 1.2 or more."""
    summary = found["families"]["summary"]
    if not summary["families"]:
        raise ValueError("no family was compared")
    return 100 * float(summary["ahead"]) / len(summary["families"])


def get_family_memory(found: Found) -> float:
    """Return pellucid's peak memory over the leanest peer's in the worst case."""
    return max(float(one["memory"]) for one in found["families"]["summary"]["families"].values())


def count_cliffs(found: Found) -> float:
    """Return the number of cliffs in all grids."""
    return float(sum(len(one["cliffs"]) for one in found["cliffs"].values()))


LARGE_PROGRAMS = ("resnet", "unet", "separable")
"""Families whose programs take long to compile."""

COMPILING = (
    "XLA and the C compiler use both cores; tried: one program for the convolutions of all sizes, which took away a "
    "quarter of the time, one kernel for all parts of gradients with strides and for all updates, no intrinsics "
    "header, kernels compiled while JAX is imported; fewer optimizations of GCC make steps slower"
)
IMPORTING = "importing JAX takes a quarter, tracing and lowering a third; tried: no second trace for the C backend"
IN_PAGES = (
    "the page trains and draws on the same cores, and V8 keeps the order of WebAssembly instructions; tried: shorter "
    "loops and fewer coarse pictures, which helped; other unrolling and Binaryen's optimizer, which did not"
)
SMALL = "the whole loop is vectorized C; exponentials and hyperbolic tangents are the rest of a step"
BYTES = (
    "a step reads its rows as bytes, and its two matrix products are limited by memory bandwidth, in NumPy's library "
    "too; tried: XLA's products, products on one and on both cores, prefetching of rows"
)
PRODUCTS = (
    "matrix products are most of a step; with matrix units (AMX), a float32 product is three bfloat16 products; "
    "otherwise XLA computes it, while a peer may use the processor vendor's library; tried: XLA flags, other libraries"
)
CONVOLUTIONS = (
    "the gradients of the convolutions by kernels and inputs are most of a step; tried: XLA's convolution, "
    "im2col with one matrix product, C kernels for the exact shapes with vector and matrix units; the fastest is used"
)
MEMORY = (
    "JAX and its compiler stay in memory after compilation; a run with a cached program needs less; XLA copies data "
    "that NumPy did not align to 64 bytes"
)
FAMILY = "XLA computes what no kernel takes, as in plain JAX; PyTorch's library has kernels for more layers"
FITTING = (
    "a call of fit also checks and copies the data and keeps the state at its start, up to 17 ms; without that, a step "
    "of the autoencoder or VAE takes as long as in a compiled loop of JAX; most of it is matrix products; tried: "
    "updates of optimizers in one pass, gathering batches without checks, packing of transposed operands by task; bias "
    "and relu in the product, and the update of a variable in the product that is its gradient, which both gained "
    "nothing"
)
TANH = (
    "the derivative of tanh, which stays exact where 1 - y**2 loses all digits, takes a tenth of a step; tried: its "
    "formula without a division, a fifth less"
)
FAMILY_LIMITS = {
    **dict.fromkeys(("text", "wide_relu", "logistic", "autoencoder", "vae"), FITTING),
    "wide_tanh": TANH,
}
CLIFFS = "where native C ends and XLA begins, and where XLA switches to another matrix product or convolution"
STARTING = (
    "the imports of Python, NumPy and the command-line library take the first part; the NumPy loop, on the other core, "
    "the rest"
)
CALLING = (
    "running the program in XLA takes 7 us; tried: weights as constants, 2 us less, but then new values need a new "
    "program; one flat list of arguments, 0.3 us less"
)
TITLES = {
    "moons": "W1 two moons",
    "mnist_softmax": "W2 digits, softmax",
    "adder": "W3 adder",
    "conv32": "W4 color images, convolutions",
    "images": "W5 images, dense",
    "mnist_cnn": "W6 digits, convolutions",
}

TARGETS = (
    Target(
        "W1 two moons: the NumPy loop's time over pellucid's",
        compare_times("moons", only("numpy")),
        40,
        "times",
        True,
        SMALL,
    ),
    Target(
        "W1 two moons: the fastest peer's time over pellucid's",
        compare_times("moons", frameworks),
        10,
        "times",
        True,
        SMALL,
    ),
    Target(
        "W2 digits, softmax: the NumPy loop's time over pellucid's",
        compare_times("mnist_softmax", only("numpy")),
        1,
        "times",
        True,
        BYTES,
    ),
    Target(
        "W3 adder: the NumPy loop's time over pellucid's",
        compare_times("adder", only("numpy")),
        60,
        "times",
        True,
        SMALL,
    ),
    Target(
        "W4 color images, convolutions: TensorFlow's time over pellucid's",
        compare_times("conv32", only("tensorflow")),
        1,
        "times",
        True,
        CONVOLUTIONS,
    ),
    Target(
        "W5 images, dense: the fastest peer's time over pellucid's",
        compare_times("images", frameworks),
        1,
        "times",
        True,
        PRODUCTS,
    ),
    Target(
        "W6 digits, convolutions: PyTorch's time over pellucid's",
        compare_times("mnist_cnn", only("torch")),
        1,
        "times",
        True,
        CONVOLUTIONS,
    ),
    *(
        Target(
            f"{title}: peak memory over the smallest of the frameworks",
            compare_memory(name),
            1,
            "times",
            False,
            MEMORY,
        )
        for name, title in TITLES.items()
    ),
    Target("pellucid run moons, empty cache", get_command_time("moons, cold"), 2, "s", False, STARTING),
    Target("pellucid run moons, filled cache", get_command_time("moons, warm"), 1.2, "s", False, STARTING),
    Target("pellucid --help", get_command_time("help"), 0.3, "s", False, STARTING),
    Target(
        "sweep over seven sizes and twenty seeds: time over one run of the widest network",
        get_sweep_ratio,
        5,
        "times",
        False,
        "with 20,000 full-batch steps, arithmetic dominates: that of the sweep is 34 times that of the single run, 17 "
        "times on two cores, and more than half of the single run's time is tracing and compilation; tanh with its "
        "derivative is half of a step, near the peak of the vector units; tried, no faster: a program for each width, "
        "reciprocals instead of divisions, three or four vectors per iteration, larger tiles for wide networks",
    ),
    Target(
        "one call of a function, 20-64-64-3, one row", get_call_time("pellucid, function"), 12, "us", False, CALLING
    ),
    Target("model.predict, 20-64-64-3, one row", get_call_time("pellucid, predict"), 40, "us", False, CALLING),
    Target("live figure: first coarse picture, median", get_live_time("coarse", 0.5), 40, "ms", False, IN_PAGES),
    Target("live figure: complete picture, median", get_live_time("final", 0.5), 120, "ms", False, IN_PAGES),
    Target("live figure: complete picture, 95 % of moves", get_live_time("final", 0.95), 200, "ms", False, IN_PAGES),
    Target(
        "live figure: an engine like TensorFlow Playground's over the complete picture",
        lambda found: live.compute_ratio(found["live"]),
        20,
        "times",
        True,
        IN_PAGES,
    ),
    *(
        Target(
            f"{family.title}: the fastest peer's time over pellucid's",
            get_family_ratio(name),
            1,
            "times",
            True,
            FAMILY_LIMITS.get(name, FAMILY),
        )
        for name, family in FAMILIES.items()
    ),
    Target("families at 1.2 times or more", get_share_ahead, 66, "%", True, FAMILY),
    Target("families: largest peak memory over the leanest peer's", get_family_memory, 1, "times", False, MEMORY),
    Target(
        "first epoch of ResNet, U-Net and depthwise network, empty cache",
        get_first_epoch("first"),
        4,
        "s",
        False,
        COMPILING,
    ),
    Target(
        "first epoch of ResNet, U-Net and depthwise network, filled cache",
        get_first_epoch("again"),
        1.5,
        "s",
        False,
        IMPORTING,
    ),
    Target("cliffs between neighboring sizes", count_cliffs, 0, "cliffs", False, CLIFFS),
)


def list_verdicts(found: Found) -> list[tuple[str, str]]:
    """Return the name and the verdict of every target."""
    return [(target.name, target.decide(found)) for target in TARGETS]
