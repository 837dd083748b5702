r"""Printing of scans as recurrences: only the required states are written, and sums as :math:`\sum_t`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.op_def import get_result
from pellucid.graph.printing import get_own_name
from pellucid.graph.traversal import topological
from pellucid.show.recurrences import find_scan_result, get_step_output, name_step_inputs
from pellucid.show.renderers import Line, Names, Style

TRIVIAL_OPS = frozenset(["expand_dims", "squeeze", "transpose", "cast"])
"""Ops that get no symbol when a step uses them twice."""


class ScanRenderer:
    """Writes formulas with each scan as a recurrence, once, and with the same symbols in all formulas.

    Parameters
    ----------
    style : Style
        Text or LaTeX.
    roots : iterable of (Expr, names)
        All formulas that will be written. They determine which states of a scan are needed.
    used : iterable of str
        Names in use.
    """

    def __init__(self, style: Style, roots: Iterable[tuple[Expr, Names]], used: Iterable[str]) -> None:
        self.style, self.used = style, set(used)
        self.symbols: dict[Expr, dict[Any, str]] = {}
        self.written: set[Line] = set()
        self.needed: dict[Expr, list[int]] = {}
        for e, names in roots:
            for scan, results in find_scan_results(e, names).items():
                self.needed[scan] = list(dict.fromkeys([*self.needed.get(scan, []), *results]))

    def write_formula(self, e: Expr, left: str, names: Names) -> list[Line]:
        """Return the lines of the scans in an expression, followed by its own line."""
        lines: list[Line] = []
        inside = dict(names)
        whole = find_scan_result(e)
        for scan, results in find_scan_results(e, names).items():
            own = {whole[1]: left} if whole is not None and whole[0] is scan else {}
            equations = self.write_scan(scan, results, inside, own)
            lines += [line for line in equations.lines if line not in self.written]
            self.written.update(equations.lines)
            for place in results:
                made = get_result(scan, place)
                is_atom = made is e or place not in equations.sums
                written = equations.written[place]
                inside[made] = written if is_atom else self.style.parenthesize(written)
            if any(get_step_output(scan, place)[1] for place in own):
                return lines
        return [*lines, Line(left, self.style.write(e, inside))]

    def write_scan(self, scan: Expr, results: list[int], names: Names, own: Mapping[int, str]) -> ScanEquations:
        needed = list(dict.fromkeys([*self.needed.get(scan, []), *results]))
        fixed = {p: name for p in needed if (name := own.get(p) or names.get(get_result(scan, p))) is not None}
        if scan not in self.symbols:
            reverse = scan.settings["reverse"]
            symbols: dict[Any, str] = {}
            for e in topological(scan.settings["body"].outputs):
                if (name := get_own_name(e)) is not None:
                    symbols[e] = self.new_symbol(name)
                    self.used.add(symbols[e])
            symbols |= {"state": self.new_symbol("g" if reverse else "h"), "output": self.new_symbol("o")}
            symbols["repeated"] = self.new_symbol("delta" if reverse else "a")
            self.symbols[scan] = symbols
        symbols = self.symbols[scan]
        equations = ScanEquations(scan, needed, names, fixed, symbols, self.style)
        self.used |= {s for s in symbols.values() if any(line.left.startswith(s) for line in equations.lines)}
        return equations

    def new_symbol(self, wanted: str) -> str:
        """Return an unused symbol."""
        candidates = [wanted, *(f"{wanted}{number}" for number in range(1, len(self.used) + 2))]
        return next(name for name in map(self.style.name, candidates) if name not in self.used)


class ScanEquations:
    """The lines that define some results of one scan, given by their indices (``needed``).

    ``names`` are names of outer expressions, and ``fixed`` those of results. ``symbols`` has the keys ``"state"``,
    ``"output"`` and ``"repeated"`` (a subexpression that is used twice), and the named expressions of the step.
    """

    def __init__(
        self,
        scan: Expr,
        needed: list[int],
        names: Names,
        fixed: Mapping[int, str],
        symbols: Mapping[Any, str],
        style: Style,
    ) -> None:
        self.scan, self.style, self.names, self.symbols = scan, style, names, symbols
        self.body, self.reverse = scan.settings["body"], scan.settings["reverse"]
        self.states, self.sequences = scan.settings["states"], scan.settings["sequences"]
        self.formulas = self.body.outputs
        self.outputs = {k: get_step_output(scan, k) for k in needed}
        self.fixed = {self.outputs[k][0]: name for k, name in fixed.items() if self.outputs[k][1]}
        terms = {k: self.find_summand(place) for k, (place, is_stacked) in self.outputs.items() if not is_stacked}
        self.sums = {k: term for k, term in terms.items() if term is not None}
        self.lines: list[Line] = []
        self.written = self.write()

    def find_summand(self, place: int) -> Expr | None:
        """Return the term that each step adds to a state, or None if the state is not a sum from zero."""
        state, formula = self.body.inputs[self.sequences + place], self.formulas[place]
        if formula.op is None or formula.op.name != "add" or not any(i is state for i in formula.inputs):
            return None
        rest = [i for i in formula.inputs if i is not state]
        if len(rest) != 1 or state in set(topological(rest)):
            return None
        return rest[0] if is_zero(self.scan.inputs[self.sequences + place]) else None

    def find_needed_outputs(self) -> list[int]:
        """Return the step outputs that the results depend on, directly or through states."""
        found: dict[int, None] = {}
        roots = [self.sums.get(k, self.formulas[place]) for k, (place, _) in self.outputs.items()]
        found.update({place: None for k, (place, _) in self.outputs.items() if k not in self.sums})
        while roots:
            inside = set(topological([roots.pop()]))
            for place in range(self.states):
                if self.body.inputs[self.sequences + place] in inside and place not in found:
                    found[place] = None
                    roots.append(self.formulas[place])
        return sorted(found)

    def name_outputs(self, needed: list[int]) -> dict[int, str]:
        """Name step outputs: by their outer name, or by a symbol, numbered if there are several."""
        names = {p: self.symbols[self.formulas[p]] for p in needed if self.formulas[p] in self.symbols}
        for kind in ("state", "output"):
            unnamed = [p for p in needed if (p < self.states) == (kind == "state") and p not in {*names, *self.fixed}]
            for number, place in enumerate(unnamed, start=1):
                symbol = self.symbols[kind]
                names[place] = symbol if len(unnamed) == 1 else self.style.number(symbol, number)
        return {**names, **{p: name for p, name in self.fixed.items() if p in needed}}

    def collect_definitions(self, needed: list[int], outputs: Mapping[int, str]) -> list[tuple[Expr, str]]:
        """Return the expressions of a step that get a line: outputs, named expressions, and a repeated one."""
        # States last, so that their parts come in the order in which the step returns them.
        places = sorted(needed, key=lambda p: p < self.states)
        roots = [*(self.formulas[p] for p in places), *self.sums.values()]
        found: dict[Expr, list[str]] = {}
        for place in needed:
            found.setdefault(self.formulas[place], []).append(outputs[place])
        order = topological(roots)
        found.update({e: [self.symbols[e]] for e in order if e in self.symbols and e not in found})
        for e in find_repeated(roots, self.symbols):
            found.setdefault(e, []).insert(0, self.symbols["repeated"])
        return [(e, name) for e in order for name in found.get(e, [])]

    def write(self) -> dict[int, str]:
        """Fill ``lines``, and return the written form of each needed result."""
        needed, index = self.find_needed_outputs(), self.style.index
        outputs = self.name_outputs(needed)
        inside = name_step_inputs(self.scan, outputs, self.names, self.style)
        steps: list[Line] = []
        for e, name in self.collect_definitions(needed, outputs):
            steps.append(Line(index(name, "t"), self.style.write(e, inside)))
            inside.setdefault(e, index(name, "t"))
        # The repeated part of a state comes before the initial value of the state.
        ahead = sum(line.left == index(self.symbols["repeated"], "t") for line in steps[:1])
        self.lines += steps[:ahead]
        for place in needed:
            if place < self.states:
                start = self.scan.inputs[self.sequences + place]
                initial = "0" if is_zero(start) else self.style.write(start, self.names)
                self.lines.append(Line(index(outputs[place], "T+1" if self.reverse else "0"), initial))
        self.lines += steps[ahead:]
        written = {}
        for k, (place, is_stacked) in self.outputs.items():
            if k in self.sums:
                written[k] = self.style.sum_over_steps(self.style.write(self.sums[k], inside))
            else:
                written[k] = outputs[place] if is_stacked else index(outputs[place], "1" if self.reverse else "T")
        return written


def find_repeated(roots: list[Expr], known: Container[Any]) -> list[Expr]:
    """Return the largest unnamed expression that a step uses more than once, if there is one."""
    uses: dict[Expr, int] = {}
    order = topological(roots)
    for e in [*order, None]:
        for i in set(roots if e is None else e.inputs):
            uses[i] = uses.get(i, 0) + 1
    repeated = [
        e for e in order if uses.get(e, 0) > 1 and e.op is not None and e.op.name not in TRIVIAL_OPS and e.inputs
    ]
    return [e for e in repeated if e not in known][-1:]


def is_zero(e: Expr) -> bool:
    while e.op is not None and e.op.name in ("broadcast_like", "broadcast_to", "cast"):
        e = e.inputs[0]
    value = getattr(e, "value", None)
    return value is not None and not value.any()


def find_scan_results(expr: Expr, names: Names) -> dict[Expr, list[int]]:
    """Return the scans whose results an expression uses outside of named parts, with the result indices."""
    found: dict[Expr, list[int]] = {}
    for e in topological([expr], stop=[n for n in names if n is not expr]):
        used = find_scan_result(e)
        if used is not None and (e not in names or e is expr):
            results = found.setdefault(used[0], [])
            if used[1] not in results:
                results.append(used[1])
    return found
