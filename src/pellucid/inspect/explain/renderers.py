"""Pages of explanations, and LaTeX and HTML of optimizers."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid import extension_points
from pellucid.graph.expr import Expr, Input
from pellucid.graph.types import format_shape
from pellucid.inspect.explain.explanation import Explanation, LayerExplanation
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.optimizers.printing import UpdateRule, get_update_rules
from pellucid.show.formulas.latex_names import name_to_latex
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.formulas.scan_recurrences import ScanRenderer
from pellucid.show.pages.formula_page import LatexStyle, Line, Math, Page, Style, align_lines

INDENT = 5


def write_explanation(explanation: Explanation, page: Page) -> None:
    """Write the layers, the loss, the update and the changes for inference to a page."""
    symbols = [*explanation.inputs]
    for part in explanation.parts:
        symbols += [leaf for leaf, _ in [*part.results, *part.parameters]]
    used = {page.name(leaf.name or "") for leaf in symbols}

    def write_results(results: Sequence[tuple[Input, Expr]], *, is_extra: bool = False) -> None:
        renderer = ScanRenderer(page, [(e, {}) for _, e in results], used)
        lines = [line for leaf, e in results for line in renderer.write_formula(e, page.name(leaf.name or ""), {})]
        page.equations(lines, INDENT, is_extra=is_extra)

    page.note(describe_explanation(explanation))
    page.note()
    page.symbols([(leaf.name or "", leaf, "") for leaf in explanation.inputs], label="Given ")
    for number, part in enumerate(explanation.parts, start=1):
        page.step(number, part.title, describe_part(part))
        write_results(part.results)
        page.symbols([(leaf.name or "", leaf, shared.name or "") for leaf, shared in part.parameters], INDENT + 2)
    page.end_steps()
    if explanation.losses:
        page.heading("Loss", explanation.loss_name)
        write_results([(Input(name, e.shape, e.dtype), e) for name, e in explanation.losses])
        g = Math(r"g = \partial L / \partial w" if page.is_latex else "g = dL/dw")
        page.heading("Update", "parameter ", Math("w"), ", gradient ", g, f", {explanation.optimizer}")
        page.equations([write_update(update, page) for update in explanation.updates], INDENT)
    if any(part.inference_results for part in explanation.parts):
        page.heading("Inference changes")
    else:
        page.note()
        page.note("Inference changes nothing.")
    for number, part in enumerate(explanation.parts, start=1):
        if part.inference_results:
            page.note(f"{number}. {part.title}", indent=2)
            write_results(part.inference_results, is_extra=True)


def format_count(number: int, noun: str) -> str:
    """Return a number with a noun in singular or plural.

    Examples
    --------
    >>> format_count(1, "parameter"), format_count(1200, "operation")
    ('1 parameter', '1,200 operations')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def describe_part(part: LayerExplanation) -> str:
    """Return the output types, the number of parameters and the cost of a layer."""
    outputs = " and ".join(f"{leaf.dtype} {format_shape(leaf.shape)}" for leaf, _ in part.results)
    parameters = [format_count(part.parameter_count, "parameter")] if part.parameter_count else []
    operations = [format_count(part.operations, "operation")] if part.operations is not None else []
    return ", ".join([outputs, *parameters, *operations])


def describe_explanation(explanation: Explanation) -> str:
    """Return the title with the number of parameters and the cost."""
    weights = [s for part in explanation.parts for _, s in part.parameters if s.dtype.kind != "u"]
    facts = [format_count(explanation.parameter_count, "parameter")] if weights else []
    facts += [f"{sum(s.get_value().nbytes for s in weights):,} bytes"] if weights else []
    if explanation.operations is not None:
        facts.append(f"{format_count(explanation.operations, 'operation')} per sample")
    return f"{explanation.title}: {', '.join(facts)}" if facts else explanation.title


def write_update(update: UpdateRule, style: Style) -> Line:
    names = {e: add_prime(name, style) for e, name in update.names.items()}
    return Line(style.name(update.target), style.write(update.new, names), update.sign)


def add_prime(name: str, style: Style) -> str:
    r"""Return a name with the prime of an updated value in LaTeX.

    Examples
    --------
    >>> print(add_prime("m′", LatexStyle()))
    m^{\prime}
    """
    return rf"{name_to_latex(name[:-1])}^{{\prime}}" if style.is_latex and name.endswith("′") else name


@extension_points.optimizer_latex.register
def optimizer_to_latex(optimizer: Optimizer) -> str:
    r"""Return the update of an optimizer as LaTeX, for notebooks.

    Examples
    --------
    >>> print(optimizer_to_latex(pel.optimizers.SGD(0.5)))
    $\displaystyle \begin{split}
    w &\leftarrow w - 0.5 \, g
    \end{split}$
    """
    return rf"$\displaystyle {align_update(optimizer)}$"


@extension_points.optimizer_html.register
def optimizer_to_html(optimizer: Optimizer) -> str:
    return latex_to_mathml(align_update(optimizer))


def align_update(optimizer: Optimizer) -> str:
    return align_lines(write_update(rule, LatexStyle()) for rule in get_update_rules(optimizer))
