"""Symbols before numbers: an expression, its gradient, its rewriting, and the programs made of them."""

from typing import TYPE_CHECKING, Annotated

import numpy as np

from pellucid.experiments.runner import Outcome, Range, Run, Score, UsageError, experiment

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr

WHEN = "as written", "rewritten"


@experiment(
    "symbols",
    "Formulas one can run, differentiate and rewrite",
    r"y = \sum_i x_i W_i, \quad \frac{\partial y}{\partial W_i} = x_i",
    r"(x + y) + (x + y) = 2 (x + y)",
    r"\log \sum_i e^{x_i} = m + \log \sum_i e^{x_i - m}, \quad m = \max_i x_i",
)
def symbols(
    run: Run,
    *,
    values: Annotated[tuple[float, ...], "what x is when the formula runs"] = (1.0, 1.0),
    weights: Annotated[tuple[float, ...], "what W holds"] = (0.2, 0.7),
    large: Annotated[float, Range(0), "a score whose exponential float32 cannot hold"] = 1000.0,
) -> Outcome:
    """A formula is written with symbols, before there are any numbers: what comes out is a graph, which can be printed,
    differentiated and rewritten like the formula on a page, and compiled into a program. Rewriting makes formulas
    shorter, and it makes them safe: `log(exp(x).sum())` overflows as written, and does not once rewritten. Each rewrite
    is entered in a journal, so that one can watch it.
    """
    import pellucid as pel

    if len(values) != len(weights):
        raise UsageError(f"values: expected as many as weights, {len(weights)}; received {len(values)}")
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
        f"{name}, {when}:\n{steps(e)}" for name, pair in pairs.items() for when, e in zip(WHEN, pair, strict=True)
    ]
    run.text("graphs", "The graphs before and after, step by step from their leaves", "\n\n".join(graphs))
    draw(run, pairs)
    run.text("journal", "The journal: every rewrite, with its rule", str(journal))
    return Outcome(
        Score(f"{product} at x = {listed(values)}", value),
        baseline=Score("the same with NumPy", float(np.dot(np.array(values, "float32"), np.array(weights, "float32")))),
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
            f"y at x = {listed(values)} and W = {listed(weights)}: {value:.6g}",
            f"the gradient of y with respect to W: {slope}",
            f"{written}  is rewritten into  {rewritten}",
            f"{unsafe}  is rewritten into  {safe}",
            f"at x = {listed(scores)} the first gives {overflown:g}, the second {finite:g}",
            "the journal of all rewrites:",
            *(f"  {step}" for step in journal.steps),
        ],
    )


def draw(run: Run, pairs: "dict[str, tuple[Expr, Expr]]") -> None:
    """Save the graphs before and after as pictures."""
    from pellucid.show.graph_drawing import draw_graph

    for name, pair in pairs.items():
        for when, root in zip(WHEN, pair, strict=True):
            file = f"{name.removeprefix('the ')}-{when}".replace(" ", "-")
            run.figure(
                file,
                f"The graph of {name}, {when}",
                draw_graph(root, title=str(root)),
                reading=f"The graph of {root}, from what it is given at the top to its value at the bottom: "
                f"{steps(root).strip().replace(chr(10), ';')}. A part that is used twice is one box with two lines.",
            )


def listed(numbers: "tuple[float, ...] | list[float]") -> str:
    """Return numbers as one writes a vector.

    >>> listed([1.0, 0.5])
    '(1, 0.5)'
    """
    return f"({', '.join(f'{number:g}' for number in numbers)})"


def steps(root: "Expr") -> str:
    """Return a graph as the steps that compute it, one op a line, each on what the lines above have named.

    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> print(steps(pel.exp(2 * x).sum()))
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
