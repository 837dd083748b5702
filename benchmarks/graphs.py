"""Time to build, simplify and differentiate very large graphs in pellucid, PyTensor and JAX.

    python benchmarks/graphs.py                      three sizes, every library that is installed
    python benchmarks/graphs.py --sizes 1000 --json

There are two graphs: a chain, where each op takes the previous one, and a fan, a balanced tree that sums short terms.
PyTensor builds and differentiates graphs. JAX traces functions (``jax.make_jaxpr``); the trace of a gradient contains
the forward and the backward pass. If a library fails, the table has the name of the error. Compare times of one run
only, unless the machine was idle in both.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

Build = Callable[[Any, Any, Any, int], Any]


def chain(f: Any, x: Any, c: Any, size: int) -> Any:
    """Return a chain of sines and hyperbolic tangents, each followed by a product or a sum."""
    e = x
    for i in range(size // 2):
        e = f.sin(e) if i % 2 else f.tanh(e)
        e = e * c if i % 3 else e + x
    return e


def fan(f: Any, x: Any, c: Any, size: int) -> Any:
    """Return a balanced sum of terms that share only their leaves."""
    terms = [f.tanh(x * float(i + 2)) + c for i in range(size // 4)]
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) & ~1 :]
    return terms[0]


GRAPHS: dict[str, Build] = {"chain": chain, "fan": fan}


def pellucid_stages(build: Build, size: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the names and functions of the stages in pellucid."""
    import pellucid as pel

    x, c = pel.vector("x", shape=(8,)), pel.vector("c", shape=(8,))
    made: dict[str, Any] = {}
    yield "build", lambda: made.update(e=build(pel, x, c, size))
    yield "simplify", lambda: pel.simplify(made["e"])
    yield "gradient", lambda: pel.grad(made["e"].sum(), x)


def pytensor_stages(build: Build, size: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the names and functions of the stages in PyTensor."""
    import pytensor
    import pytensor.tensor as pt
    from pytensor.graph.rewriting.utils import rewrite_graph

    x, c = pt.TensorType("float32", (8,))("x"), pt.TensorType("float32", (8,))("c")
    made: dict[str, Any] = {}
    yield "build", lambda: made.update(e=build(pt, x, c, size))
    yield "simplify", lambda: rewrite_graph(made["e"], include=("canonicalize",), clone=True)
    yield "gradient", lambda: pytensor.grad(made["e"].sum(), x)


def jax_stages(build: Build, size: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the names and functions of the stages in JAX, which does not simplify before compilation."""
    import jax
    import jax.numpy as jnp

    x, c = jnp.ones(8), jnp.ones(8)
    yield "build", lambda: jax.make_jaxpr(lambda x: build(jnp, x, c, size))(x)
    yield "gradient", lambda: jax.make_jaxpr(jax.grad(lambda x: build(jnp, x, c, size).sum()))(x)


LIBRARIES = {"pellucid": pellucid_stages, "pytensor": pytensor_stages, "jax": jax_stages}


def time_call(work: Callable[[], Any]) -> float | str:
    """Return the seconds of a call, or the name of the error that it raises."""
    gc.collect()
    start = time.perf_counter()
    try:
        work()
    except (RecursionError, MemoryError) as error:
        return type(error).__name__
    return time.perf_counter() - start


def measure(sizes: list[int], libraries: list[str], limit: float) -> list[dict[str, Any]]:
    """Time every stage of every library; skip larger sizes of stages that took longer than the limit."""
    rows = []
    for graph, build in GRAPHS.items():
        slow: set[tuple[str, str]] = set()
        for size in sizes:
            for library in libraries:
                for stage, work in LIBRARIES[library](build, size):
                    skipped = (library, stage) in slow
                    taken = "skipped" if skipped else time_call(work)
                    rows.append({"graph": graph, "size": size, "library": library, "stage": stage, "seconds": taken})
                    if not isinstance(taken, float) or taken > limit:
                        slow.add((library, stage))
    return rows


def format_table(rows: list[dict[str, Any]]) -> str:
    """Return the times as a table, with the ratio of each to pellucid's."""
    ours = {(r["graph"], r["size"], r["stage"]): r["seconds"] for r in rows if r["library"] == "pellucid"}
    lines = [f"{'graph':<8}{'size':>8}  {'stage':<10}{'library':<10}{'seconds':>14}{'µs per op':>12}{'ratio':>12}"]
    for r in rows:
        seconds, mine = r["seconds"], ours.get((r["graph"], r["size"], r["stage"]))
        numbers = isinstance(seconds, float)
        shown = f"{seconds:.3f}" if numbers else seconds
        each = f"{seconds / r['size'] * 1e6:.1f}" if numbers else ""
        ratio = f"{seconds / mine:.2f}" if numbers and isinstance(mine, float) else ""
        lines.append(
            f"{r['graph']:<8}{r['size']:>8}  {r['stage']:<10}{r['library']:<10}{shown:>14}{each:>12}{ratio:>12}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the stages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="numbers of ops in a graph"
    )
    parser.add_argument(
        "--libraries", nargs="+", choices=list(LIBRARIES), help="libraries (default: all that are installed)"
    )
    parser.add_argument(
        "--limit", type=float, default=10.0, help="seconds after which larger sizes are skipped (default 10)"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    libraries = args.libraries or [name for name in LIBRARIES if importlib.util.find_spec(name)]
    rows = measure(sorted(args.sizes), libraries, args.limit)
    print(json.dumps(rows, indent=1) if args.json else format_table(rows))


if __name__ == "__main__":
    main()
