r"""Scans as recurrences, :math:`h_t = f(x_t, h_{t-1})`, with only the required states, and sums as :math:`\sum_t`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import OUTPUT, get_result
from pellucid.graph.ops.index_spec import to_numpy_index
from pellucid.graph.printing import get_own_name
from pellucid.graph.traversal import topological
from pellucid.show.pages.formula_page import Line, Names, Style

if TYPE_CHECKING:
    from typing import Any

TRIVIAL_OPS = frozenset(["expand_dims", "squeeze", "transpose", "cast"])
"""Ops that get no symbol when a step uses them twice."""


class ScanRenderer:
    """Writes formulas with each scan as a recurrence, once, and with the same symbols in all formulas.

    ``roots`` are all formulas that will be written, with their names. They determine which states of a scan are
    needed. ``used`` are the names in use.
    """

    style: Style
    used: set[str]

    def __init__(self, style: Style, roots: Iterable[tuple[Expr, Names]], used: Iterable[str]) -> None:
        self.style, self.used = style, set(used)
        self.symbols: dict[Expr, dict[Expr | str, str]] = {}
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
            symbols: dict[Expr | str, str] = {}
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
        candidates = [wanted, *(f"{wanted}{number}" for number in range(1, len(self.used) + 2))]
        return next(name for name in map(self.style.name, candidates) if name not in self.used)


class ScanEquations:
    """The lines that define some results of one scan, given by their indices (``needed``).

    ``names`` are names of outer expressions, and ``fixed`` those of results. ``symbols`` has the keys ``"state"``,
    ``"output"`` and ``"repeated"`` (a subexpression that is used twice), and the named expressions of the step.
    """

    body: Any
    reverse: Any
    sequences: Any
    states: Any

    symbols: Mapping[Expr | str, str]

    names: Names
    scan: Expr
    style: Style

    def __init__(
        self,
        scan: Expr,
        needed: list[int],
        names: Names,
        fixed: Mapping[int, str],
        symbols: Mapping[Expr | str, str],
        style: Style,
    ) -> None:
        self.scan, self.style, self.names, self.symbols = scan, style, names, symbols
        self.body, self.reverse = scan.settings["body"], scan.settings["reverse"]
        self.states, self.sequences = scan.settings["states"], scan.settings["sequences"]
        self.formulas: Any = self.body.outputs
        self.outputs: dict[int, tuple[int, bool]] = {k: get_step_output(scan, k) for k in needed}
        self.fixed: dict[int, str] = {self.outputs[k][0]: name for k, name in fixed.items() if self.outputs[k][1]}
        terms = {k: self.find_summand(place) for k, (place, is_stacked) in self.outputs.items() if not is_stacked}
        self.sums: dict[int, Expr] = {k: term for k, term in terms.items() if term is not None}
        self.lines: list[Line] = []
        self.written: dict[int, str] = self.write()

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


def find_repeated(roots: list[Expr], known: Container[Expr | str]) -> list[Expr]:
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


def is_scan(e: Expr) -> bool:
    return e.op is not None and e.op.name == "scan_loop"


def find_scan_result(e: Expr) -> tuple[Expr, int] | None:
    """Return the scan and the result index of an expression, or None if it is not a result of a scan."""
    if e.op is OUTPUT and is_scan(e.inputs[0]):
        return e.inputs[0], e.settings["index"]
    return (e, 0) if is_scan(e) and len(e.types) == 1 else None


def get_step_output(scan: Expr, result: int) -> tuple[int, bool]:
    """Return the step output of a scan result, and whether the result stacks all steps or is the last one."""
    kept = scan.settings["kept"]
    return (kept[result], True) if result < len(kept) else (result - len(kept), False)


def name_step_inputs(scan: Expr, outputs: Mapping[int, str], names: Names, style: Style) -> dict[Expr, str]:
    """Name the inputs of a step: elements of sequences, states of the previous step, and outer expressions."""
    body, states, sequences = (scan.settings[key] for key in ("body", "states", "sequences"))
    previous = "t+1" if scan.settings["reverse"] else "t-1"
    inside: dict[Expr, str] = {}
    for place, (inner, outer) in enumerate(zip(body.inputs, scan.inputs, strict=True)):
        if place < sequences:
            inside[inner] = write_element(*find_shifted_sequence(outer), names, style)
        elif place >= sequences + states:
            inside[inner] = write_atom(outer, names, style)
        elif place - sequences in outputs:
            inside[inner] = style.index(outputs[place - sequences], previous)
    return inside


def find_shifted_sequence(outer: Expr) -> tuple[Expr, str]:
    """Return the sequence and the index of a step input. The gradient of a scan reads states shifted by one step."""
    if outer.op is not None and outer.op.name == "slice":
        joined, (part, *rest) = outer.inputs[0], to_numpy_index(outer.settings["index"])
        is_full = all(isinstance(r, slice) and r == slice(None) for r in rest)
        if is_full and joined.op is not None and joined.op.name == "join" and len(joined.inputs) == 2:
            first, last = joined.inputs
            if part == slice(None, -1) and first.shape[0] == 1:
                return last, "t-1"
            if part == slice(1, None) and last.shape[0] == 1:
                return first, "t+1"
    return outer, "t"


def write_element(e: Expr, index: str, names: Names, style: Style, depth: int = 3) -> str:
    """Write an element of a sequence: an indexed name, or an elementwise op on elements."""
    source = e
    while source.op is not None and source.op.name in ("broadcast_like", "broadcast_to"):
        source = source.inputs[0]
    if isinstance(source, Constant) and not source.ndim:
        return style.write(source, names)
    if e in names or get_own_name(e) or e.op is None or not e.op.elementwise or not depth:
        return style.index(write_atom(e, names, style), index)
    sequences = [i for i in e.inputs if i.ndim == e.ndim]
    parts = {
        i: style.index(names[i], index) if i in names else write_element(i, index, names, style, depth - 1)
        for i in sequences
    }
    return style.parenthesize(style.write(e, {**names, **parts}))


def write_atom(e: Expr, names: Names, style: Style) -> str:
    """Write an expression so that it can take an index: by its name or in parentheses."""
    written = style.write(e, names)
    return written if e in names or get_own_name(e) or e.op is None else style.parenthesize(written)
