"""Pages of formulas, notes and tables in text, LaTeX and HTML.

Each result has one method that writes it to a page. `TextPage`, `LatexPage` and `HtmlPage` have the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from pellucid.graph.expr import Expr
from pellucid.graph.printing import text
from pellucid.graph.types import format_shape
from pellucid.show.formulas.latex_names import add_index, bar_to_latex, domain_to_latex, name_to_latex
from pellucid.show.formulas.mathml import latex_to_mathml, render_page
from pellucid.show.formulas.tex import latex
from pellucid.show.pages.input_values import format_array, value_to_latex

Names = Mapping[Any, str]


class Line(NamedTuple):
    """An equation or an assignment."""

    left: str
    right: str
    sign: str = "="


class Math(str):
    """A formula in a note."""

    __slots__ = ()


class TextStyle:
    """Notation of Python. Steps of scans count from 1."""

    is_latex = False

    def __init__(self, limit: int = 300) -> None:
        self.limit = limit

    def write(self, e: Expr, names: Names) -> str:
        return text(e, self.limit, names)

    def name(self, name: str) -> str:
        return name

    def bar(self, name: str) -> str:
        return f"{name}_bar"

    def index(self, name: str, index: str) -> str:
        return f"{name}[{index}]"

    def number(self, name: str, number: int) -> str:
        return f"{name}{number}"

    def parenthesize(self, written: str) -> str:
        return f"({written})"

    def sum_over_steps(self, written: str) -> str:
        return f"sum over t of {written}"


class LatexStyle:
    """Notation of LaTeX."""

    is_latex = True

    def __init__(self, limit: int = 300) -> None:
        self.limit = limit

    name: Callable[[str], str] = staticmethod(name_to_latex)
    bar: Callable[[str], str] = staticmethod(bar_to_latex)
    index: Callable[[str, str], str] = staticmethod(add_index)

    def write(self, e: Expr, names: Names) -> str:
        return latex(e, names, self.limit)

    def number(self, name: str, number: int) -> str:
        return f"{name}_{{{number}}}"

    def parenthesize(self, written: str) -> str:
        return rf"\left({written}\right)"

    def sum_over_steps(self, written: str) -> str:
        return rf"\sum_{{t}} {written}"


Style = TextStyle | LatexStyle


class TextPage(TextStyle):
    """A page of text."""

    def __init__(self, limit: int = 300) -> None:
        super().__init__(limit)
        self.lines: list[str] = []
        self.label: str = ""

    def render(self) -> str:
        return "\n".join(self.lines)

    def heading(self, title: str, *note: str) -> None:
        self.lines += ["", f"{title}: {''.join(note)}" if note else f"{title}:"]

    def note(self, *spans: str, indent: int = 0) -> None:
        self.lines.append(" " * indent + "".join(spans))

    def equations(self, lines: Iterable[Line], indent: int = 2, *, is_extra: bool = False) -> None:
        for line in lines:
            self.lines.append(f"{self.label:{indent}}{line.left} {line.sign} {line.right}")
            self.label = ""

    def symbols(self, entries: Sequence[tuple[str, Expr, str]], indent: int = 2, label: str = "") -> None:
        width = max((len(symbol) for symbol, _, _ in entries), default=0)
        for symbol, e, description in entries:
            self.lines.append(f"{'':{indent}}{symbol:{width}}  {description or e.dtype} {format_shape(e.shape)}")

    def values(self, entries: Sequence[tuple[str, Any]], indent: int = 5) -> None:
        width = max(len(symbol) for symbol, _ in entries)
        for symbol, value in entries:
            line = f"{'':{indent}}{symbol:{width}} = {format_array(value)}"
            self.lines.append(line.replace("\n", "\n" + " " * (indent + width + 3)))

    def step(self, number: int, title: str = "", details: str = "") -> None:
        """Start a numbered step. Without a title, the number is in front of the next equation."""
        self.lines += ["", f"{number}. {title}  {details}"] if title else [""]
        self.label = "" if title else f"{number}."

    def end_steps(self) -> None:
        pass


class HtmlPage(LatexStyle):
    """A page of HTML with MathML."""

    def __init__(self, limit: int = 300) -> None:
        super().__init__(limit)
        self.parts: list[str] = []

    def render(self) -> str:
        return "\n".join(self.parts)

    def heading(self, title: str, *note: str) -> None:
        self.parts.append(f"<h2>{escape(title)}</h2>")
        if note:
            self.note(*note)

    def note(self, *spans: str, indent: int = 0) -> None:
        shown = "".join(latex_to_mathml(s, "inline") if isinstance(s, Math) else escape(s) for s in spans)
        self.parts += [f"<p class='note'>{shown}</p>"] if shown else []

    def equations(self, lines: Iterable[Line], indent: int = 2, *, is_extra: bool = False) -> None:
        self.parts.append(latex_to_mathml(align_lines(lines)))

    def symbols(self, entries: Sequence[tuple[str, Expr, str]], indent: int = 2, label: str = "") -> None:
        shown = [
            latex_to_mathml(rf"{name_to_latex(symbol)} \in {domain_to_latex(e.shape, e.dtype)}", "inline")
            + (f" <small>{escape(description)}</small>" if description else "")
            for symbol, e, description in entries
            if e.dtype.kind != "u"  # states of random streams are in no formula
        ]
        self.parts += [f"<p class='note'>{label}{', '.join(shown)}</p>"] if shown else []

    def values(self, entries: Sequence[tuple[str, Any]], indent: int = 5) -> None:
        shown = [f"{symbol} = {value_to_latex(value)}" for symbol, value in entries]
        if not any(r"\text" in line for line in shown):
            shown = [r", \qquad ".join(shown)]
        self.parts.append(f"<div class='numbers'>{''.join(map(latex_to_mathml, shown))}</div>")

    def step(self, number: int, title: str = "", details: str = "") -> None:
        self.parts.append("<ol class='steps'>" if number == 1 else "</li>")
        self.parts.append(
            f"<li><b>{escape(title)}</b> <span class='rule'>{escape(details)}</span>" if title else "<li>"
        )

    def end_steps(self) -> None:
        self.parts.append("</li></ol>")


class LatexPage(LatexStyle):
    """The equations of a page as one block of LaTeX."""

    def __init__(self, limit: int = 300) -> None:
        super().__init__(limit)
        self.lines: list[Line] = []

    def render(self) -> str:
        return align_lines(self.lines)

    def equations(self, lines: Iterable[Line], indent: int = 2, *, is_extra: bool = False) -> None:
        self.lines += [] if is_extra else lines

    def skip(self, *args: object, **options: object) -> None:
        pass

    heading = note = symbols = values = step = end_steps = skip


Page = TextPage | HtmlPage | LatexPage


class Displayable:
    """Base of results that print as text, display as formulas in notebooks, and export as a page."""

    page_title = ""

    def write(self, page: Page) -> None:
        raise NotImplementedError

    def render(self, page: Page) -> str:
        self.write(page)
        return page.render()

    def __str__(self) -> str:
        return self.render(TextPage())

    def __repr__(self) -> str:
        return str(self)

    def latex(self) -> str:
        """Return the formulas as LaTeX for math mode."""
        return self.render(LatexPage())

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        return self.render(HtmlPage())

    def html(self, title: str = "") -> str:
        """Return a self-contained HTML page; the default title names the result."""
        return render_page(title or self.page_title, self._repr_html_())


def align(lines: Iterable[str]) -> str:
    """Return lines with ``&`` as a LaTeX ``split`` environment."""
    return "\\begin{split}\n" + " \\\\\n".join(lines) + "\n\\end{split}"


def align_lines(lines: Iterable[Line]) -> str:
    return align(f"{left} &{sign.replace('←', chr(92) + 'leftarrow')} {right}" for left, right, sign in lines)


def text_table(rows: Sequence[Sequence[str]], max_width: int = 48) -> str:
    """Return rows of cells in aligned columns. Longer cells are cut."""
    cells = [[c if len(c) <= max_width else c[: max_width - 1] + "…" for c in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = ()) -> str:
    """Return a table of cells that are HTML already, with an optional class for each row."""
    lines = [f"<tr>{''.join(f'<th>{cell}</th>' for cell in header)}</tr>"]
    for row, name in zip(rows, classes or [""] * len(rows), strict=True):
        attribute = f' class="{name}"' if name else ""
        lines.append(f"<tr{attribute}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>")
    return "<table>" + "\n".join(lines) + "</table>"
