"""What pellucid is held to, and whether one run of the benchmarks met it.

A target says what is measured and what is wanted of it; the verdict comes from the figures of the same run. Beside it
stands what was tried and what bounds it, for a reader of a run that missed it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Found = dict[str, Any]

NO_FRAMEWORKS = ("pellucid", "numpy")


@dataclass(frozen=True)
class Target:
    """Something that is measured, and what is wanted of it.

    Attributes
    ----------
    what : str
        In words, with what it is compared to.
    measured : function
        From everything that was found to the figure; KeyError where that was not measured.
    wanted : float
        The least or the most that is wanted.
    unit : str
        What the figure counts.
    least : bool
        Whether less is missed; more is otherwise.
    tried : str
        What was tried and what bounds it.
    """

    what: str
    measured: Callable[[Found], float]
    wanted: float
    unit: str
    least: bool
    tried: str

    def verdict(self, found: Found) -> str:
        """Say whether a run met it.

        Examples
        --------
        >>> quick = Target("quick", lambda found: found["a"], 40, "times", True, "the rest is waiting")
        >>> quick.verdict({"a": 53.2}), quick.verdict({})
        ('met: 53.2 times, wanted 40 or more', 'not measured')
        >>> quick.verdict({"a": 39.94})
        'missed: 39.9 times, wanted 40 or more; the rest is waiting'
        """
        try:
            figure = self.measured(found)
        except (KeyError, ValueError):
            return "not measured"
        shown = f"{figure:.3g}"
        met = float(shown) >= self.wanted if self.least else float(shown) <= self.wanted
        told = f"{shown} {self.unit}, wanted {self.wanted:g} or {'more' if self.least else 'less'}"
        return f"met: {told}" if met else f"missed: {told}; {self.tried}"


def workload_of(found: Found, name: str) -> dict[str, Any]:
    """Return what the libraries took for a workload, those left out that failed; KeyError where it was not run."""
    libraries = {workload["name"]: workload["libraries"] for workload in found["workloads"]}[name]
    return {library: one for library, one in libraries.items() if "error" not in one}


def times_of(name: str, peers: Callable[[dict[str, Any]], list[str]]) -> Callable[[Found], float]:
    """Return how many times as long as pellucid the fastest of some peers trains."""

    def measured(found: Found) -> float:
        libraries = workload_of(found, name)
        fastest: float = min(libraries[peer]["train"] for peer in peers(libraries))
        return fastest / float(libraries["pellucid"]["train"])

    return measured


def only(peer: str) -> Callable[[dict[str, Any]], list[str]]:
    """Choose one peer."""
    return lambda libraries: [peer]


def frameworks(libraries: dict[str, Any]) -> list[str]:
    """Choose all peers but the loop in NumPy."""
    return [name for name in libraries if name not in NO_FRAMEWORKS]


def memory_of(name: str) -> Callable[[Found], float]:
    """Return pellucid's peak memory as a multiple of the leanest framework's."""

    def measured(found: Found) -> float:
        libraries = workload_of(found, name)
        leanest: float = min(libraries[peer]["peak_bytes"] for peer in frameworks(libraries))
        return float(libraries["pellucid"]["peak_bytes"]) / leanest

    return measured


def command(name: str) -> Callable[[Found], float]:
    """Return the median seconds of a command."""
    return lambda found: float(found["start"]["commands"][name]["median"])


def sweep(found: Found) -> float:
    """Return the worst ratio of a whole sweep to one of its runs."""
    return max(float(row["ratio"]) for row in found["sweep"])


SMALL = (
    "the whole loop is C in vector registers, and what is left of a pass are its exponentials and hyperbolic tangents"
)
BYTES = (
    "a step takes its rows as bytes, and its two products are bound by memory, in NumPy's library as in ours; XLA's "
    "products, products on one and on both cores, and rows asked for ahead were tried"
)
PRODUCTS = (
    "the products of a step are most of it; where the processor has units for matrices, float32 is multiplied by them "
    "in three parts, and elsewhere products with matrices as they lie are XLA's, while a peer may have the processor's "
    "own library; XLA's settings and other libraries were tried"
)
CONVOLUTIONS = (
    "most of a step is the gradients of its convolutions with respect to kernels and inputs; XLA's own convolution, "
    "windows laid out for one product, and kernels in C for the exact shapes, by vector units and by units for "
    "matrices, were tried; each place has the quickest"
)
MEMORY = (
    "what is left is JAX and its compiler, which stay in memory once a program was compiled; a run that finds its "
    "program on disk takes less"
)
STARTING = (
    "the interpreter, NumPy and the library of commands are what is left before anything of pellucid's runs, and the "
    "loop in NumPy, on the other core, is the rest"
)
NAMES = {
    "moons": "W1 two moons",
    "mnist_softmax": "W2 digits, softmax",
    "adder": "W3 adder",
    "conv32": "W4 colour images, convolutions",
    "images": "W5 images, dense",
    "mnist_cnn": "W6 digits, convolutions",
}

TARGETS = (
    Target("W1 two moons: the NumPy loop's time over ours", times_of("moons", only("numpy")), 40, "times", True, SMALL),
    Target("W1 two moons: the fastest peer's time over ours", times_of("moons", frameworks), 10, "times", True, SMALL),
    Target(
        "W2 digits, softmax: the NumPy loop's time over ours",
        times_of("mnist_softmax", only("numpy")),
        1,
        "times",
        True,
        BYTES,
    ),
    Target("W3 adder: the NumPy loop's time over ours", times_of("adder", only("numpy")), 60, "times", True, SMALL),
    Target(
        "W4 colour images, convolutions: TensorFlow's time over ours",
        times_of("conv32", only("tensorflow")),
        1,
        "times",
        True,
        CONVOLUTIONS,
    ),
    Target(
        "W5 images, dense: the fastest peer's time over ours",
        times_of("images", frameworks),
        1,
        "times",
        True,
        PRODUCTS,
    ),
    Target(
        "W6 digits, convolutions: PyTorch's time over ours",
        times_of("mnist_cnn", only("torch")),
        1,
        "times",
        True,
        CONVOLUTIONS,
    ),
    *(
        Target(f"{words}: peak memory over the leanest framework's", memory_of(name), 1, "times", False, MEMORY)
        for name, words in NAMES.items()
    ),
    Target("pellucid run moons, nothing compiled before", command("moons, cold"), 2, "s", False, STARTING),
    Target("pellucid run moons, once more", command("moons, warm"), 1.2, "s", False, STARTING),
    Target("pellucid --help", command("help"), 0.3, "s", False, STARTING),
    Target(
        "A sweep of seven sizes and twenty seeds over one run of the widest",
        sweep,
        5,
        "times",
        False,
        "with 20,000 passes over all points the arithmetic is what is left: on two cores the twenty widest networks "
        "take ten times the loop of the one, and all others as much again; a program for each width takes as long",
    ),
)


def verdicts(found: Found) -> list[tuple[str, str]]:
    """Return every target in words, with its verdict."""
    return [(target.what, target.verdict(found)) for target in TARGETS]
