"""Symbolic expressions: gradients, rewriting, and compiled programs."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import numpy as np

from pellucid.tracking import ExperimentResult, Range, RunContext, Score, UsageError, experiment, pluralize

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr

WHEN = "as written", "rewritten"


@experiment(
    "symbols",
    "Formulas that can be run, differentiated and rewritten",
    r"y = \sum_i x_i W_i, \quad \frac{\partial y}{\partial W_i} = x_i",
    r"(x + y) + (x + y) = 2 (x + y)",
    r"\log \sum_i e^{x_i} = m + \log \sum_i e^{x_i - m}, \quad m = \max_i x_i",
    chapters=(6,),
)
def symbols(
    run: RunContext,
    *,
    values: Annotated[tuple[float, ...], "value of x"] = (1.0, 1.0),
    weights: Annotated[tuple[float, ...], "value of W"] = (0.2, 0.7),
    large: Annotated[float, Range(0), "a score whose exponential overflows in float32"] = 1000.0,
) -> ExperimentResult:
    """A formula is written with symbols, before there are any numbers. The result is a graph, which can be printed,
    differentiated and rewritten like the formula on a page, and compiled to a program. Rewriting looks for a form
    that is shorter or numerically stable. A journal records every rewrite.
    """
    import pellucid as pel

    if len(values) != len(weights):
        raise UsageError(f"values: expected {len(weights)} values, one for each weight; received {len(values)}")
    x, y, W = pel.vector("x"), pel.vector("y"), pel.shared(list(weights), name="W")
    product = (x * W).sum()
    slope = pel.grad(product, W)
    value = float(pel.function([x], product)(list(values)))
    written, journal = (x + y) + (x + y), pel.Journal()
    rewritten = pel.simplify(written, journal=journal)

    unsafe = pel.log(pel.exp(x).sum())
    safe = pel.simplify(unsafe, journal=journal)
    scores = [large, 0.0]
    overflown = float(pel.function([x], unsafe, rewrite=False)(scores))
    finite = float(pel.function([x], unsafe)(scores))

    pairs = {"the sum": (written, rewritten), "log-sum-exp": (unsafe, safe)}
    graphs = [
        f"{name}, {when}:\n{format_steps(e)}"
        for name, pair in pairs.items()
        for when, e in zip(WHEN, pair, strict=True)
    ]
    run.save_text("graphs", "The graphs before and after rewriting, in topological order", "\n\n".join(graphs))
    draw_graphs(run, pairs)
    run.save_text("journal", "The journal: every rewrite with its rule", str(journal))
    numpy_value = float(np.dot(np.array(values, "float32"), np.array(weights, "float32")))
    return ExperimentResult(
        Score(f"{product} at x = {format_vector(values)}", value),
        baseline=Score("NumPy", numpy_value),
        measures={
            "value": value,
            "gradient": str(slope),
            "written": str(written),
            "rewritten": str(rewritten),
            "overflown": overflown,
            "finite": finite,
            "journal": [str(step) for step in journal.steps],
        },
        lines=[
            f"y = {product}",
            f"y at x = {format_vector(values)} and W = {format_vector(weights)}: {value:.6g}",
            f"gradient of y with respect to W: {slope}",
            f"{written}  is rewritten to  {rewritten}",
            f"{unsafe}  is rewritten to  {safe}",
            f"at x = {format_vector(scores)} the first gives {overflown:g}, the second {finite:g}",
            "journal of all rewrites:",
            *(f"  {step}" for step in journal.steps),
        ],
        findings=[
            describe_overflow(str(unsafe), scores, overflown, finite),
            *(describe_lengths(name, *map(count_ops, pair)) for name, pair in pairs.items()),
        ],
    )


def describe_overflow(formula: str, scores: list[float], written: float, rewritten: float) -> str:
    """Return whether a formula overflows as written, and after rewriting.

    >>> describe_overflow("log(exp(x).sum())", [1000.0, 0.0], np.inf, 1000.0)
    'At x = (1000, 0), `log(exp(x).sum())` overflows as written and is 1000 after rewriting.'
    """
    before = f"is {written:g}" if np.isfinite(written) else "overflows"
    after = f"is {rewritten:g}" if np.isfinite(rewritten) else "overflows"
    if before == after:
        return f"At x = {format_vector(scores)}, `{formula}` {before} as written and after rewriting: no difference."
    return f"At x = {format_vector(scores)}, `{formula}` {before} as written and {after} after rewriting."


def describe_lengths(name: str, written: int, rewritten: int) -> str:
    """Return the number of ops of a formula before and after rewriting.

    >>> describe_lengths("log-sum-exp", 3, 1)
    'Rewriting makes the graph of log-sum-exp shorter: 3 ops as written, 1 after.'
    """
    if written == rewritten:
        return f"Rewriting keeps the length of the graph of {name}: {pluralize(written, 'op')} as written and after."
    change = "shorter" if rewritten < written else "longer"
    return f"Rewriting makes the graph of {name} {change}: {pluralize(written, 'op')} as written, {rewritten} after."


def count_ops(root: "Expr") -> int:
    from pellucid.graph.traversal import topological

    return sum(node.op is not None for node in topological([root]))


def draw_graphs(run: RunContext, pairs: "dict[str, tuple[Expr, Expr]]") -> None:
    from pellucid.graph.traversal import topological
    from pellucid.show.graphs.graph_drawing import draw_graph

    for name, pair in pairs.items():
        for when, root in zip(WHEN, pair, strict=True):
            uses = Counter(e for node in topological([root]) for e in node.inputs)
            shared = " A node that is used twice is one box with two lines." if max(uses.values()) > 1 else ""
            file = f"{name.removeprefix('the ')}-{when}".replace(" ", "-")
            run.save_figure(
                file,
                f"The graph of {name}, {when}",
                draw_graph(root, title=str(root)),
                reading=f"The graph of {root}, from its inputs at the top to its value at the bottom: "
                f"{format_steps(root).strip().replace(chr(10), ';')}.{shared}",
            )


def format_vector(numbers: "tuple[float, ...] | list[float]") -> str:
    """Return numbers in parentheses.

    >>> format_vector([1.0, 0.5])
    '(1, 0.5)'
    """
    return f"({', '.join(f'{number:g}' for number in numbers)})"


def format_steps(root: "Expr") -> str:
    """Return a graph as steps in topological order, one op per line.

    >>> x = pel.vector("x")
    >>> print(format_steps(pel.exp(2 * x).sum()))
      a = 2 * x
      b = exp(a)
      c = b.sum()
    """
    from pellucid.graph.printing import text
    from pellucid.graph.traversal import topological

    names: dict[Expr, str] = {}
    lines = []
    for node in topological([root]):
        if node.op is not None:
            name = chr(ord("a") + len(names))
            lines.append(f"  {name} = {text(node, names=names)}")
            names[node] = name
    return "\n".join(lines)
