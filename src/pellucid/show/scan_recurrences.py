r"""What is taken from a loop, written as few lines as it needs: only the states asked for, sums as :math:`\sum_t`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.op_def import result
from pellucid.graph.printing import own_name
from pellucid.graph.traversal import topological
from pellucid.show.recurrences import Line, Style, inside_names, loop_result, output_of

QUIET = frozenset(["expand_dims", "squeeze", "transpose", "cast"])
"""Ops that are too little to be given a name for."""

Names = Mapping[Any, str]


class Unfolding:
    """Formulas in which loops are written as recurrences, each loop once and with the same letters throughout.

    Parameters
    ----------
    style : Style
        How they are written.
    roots : iterable of (Expr, names)
        All that will be written, so that what different formulas need of a loop is written together.
    used : iterable of str
        Names that are in use.
    letter : function
        Writes a letter in this style.
    """

    def __init__(
        self, style: Style, roots: Iterable[tuple[Expr, Names]], used: Iterable[str], letter: Callable[[str], str]
    ) -> None:
        self.style, self.used, self.spelled = style, set(used), letter
        self.letters: dict[Expr, dict[Any, str]] = {}
        self.written: set[Line] = set()
        self.asked: dict[Expr, list[int]] = {}
        for e, names in roots:
            for loop, places in results_used(e, names).items():
                self.asked[loop] = list(dict.fromkeys([*self.asked.get(loop, []), *places]))

    def formula(self, e: Expr, left: str, names: Names) -> list[Line]:
        """Write what something is, and before it the lines of the loops in it."""
        lines: list[Line] = []
        inside = dict(names)
        whole = loop_result(e)
        for loop, places in results_used(e, names).items():
            own = {whole[1]: left} if whole is not None and whole[0] is loop else {}
            forms = self.loop(loop, places, inside, own)
            lines += [line for line in forms.lines if line not in self.written]
            self.written.update(forms.lines)
            for place in places:
                made, alone = result(loop, place), result(loop, place) is e or place not in forms.sums
                inside[made] = forms.written[place] if alone else self.style.parenthesized(forms.written[place])
            if any(output_of(loop, place)[1] for place in own):
                return lines
        return [*lines, (left, self.style.write(e, inside))]

    def loop(self, loop: Expr, places: list[int], names: Names, own: Mapping[int, str]) -> LoopForms:
        """Write a loop, with the same letters wherever one of its results is used."""
        wanted = list(dict.fromkeys([*self.asked.get(loop, []), *places]))
        fixed = {p: name for p in wanted if (name := own.get(p) or names.get(result(loop, p))) is not None}
        if loop not in self.letters:
            reverse = loop.settings["reverse"]
            own_names = {}
            for e in topological(loop.settings["body"].outputs):
                if (name := own_name(e)) is not None:
                    own_names[e] = self.letter(name)
                    self.used.add(own_names[e])
            self.letters[loop] = {
                **own_names,
                "state": self.letter("g" if reverse else "h"),
                "output": self.letter("o"),
            }
            self.letters[loop]["repeated"] = self.letter("delta" if reverse else "a")
        letters = self.letters[loop]
        forms = LoopForms(loop, wanted, names, fixed, letters, self.style)
        self.used |= {letter for letter in letters.values() if any(left.startswith(letter) for left, _ in forms.lines)}
        return forms

    def letter(self, wanted: str) -> str:
        """Return a letter that stands for nothing yet."""
        candidates = [wanted, *(f"{wanted}{number}" for number in range(1, len(self.used) + 2))]
        return next(name for name in map(self.spelled, candidates) if name not in self.used)


class LoopForms:
    """The results of one loop that are wanted, and the lines that define them.

    Parameters
    ----------
    loop : Expr
        The scan.
    wanted : list of int
        The places of the results.
    names : mapping from Expr to str
        Names of expressions outside.
    fixed : mapping from int to str
        The names that results have.
    letters : mapping to str
        The letters of states, of other outputs, of what is repeated in a step, and of expressions that have a name.
    style : Style
        How it is written.
    """

    def __init__(
        self,
        loop: Expr,
        wanted: list[int],
        names: Names,
        fixed: Mapping[int, str],
        letters: Mapping[Any, str],
        style: Style,
    ) -> None:
        self.loop, self.style, self.names, self.letters = loop, style, names, letters
        self.body, self.reverse = loop.settings["body"], loop.settings["reverse"]
        self.states, self.sequences = loop.settings["states"], loop.settings["sequences"]
        self.formulas = self.body.outputs
        self.places = {k: output_of(loop, k) for k in wanted}
        self.fixed = {self.places[k][0]: name for k, name in fixed.items() if self.places[k][1]}
        sums = {k: self.term(place) for k, (place, stacked) in self.places.items() if not stacked}
        self.sums = {k: term for k, term in sums.items() if term is not None}
        self.lines: list[Line] = []
        self.written = self.write()

    def term(self, place: int) -> Expr | None:
        """Return what each step adds to a state that is nothing but a sum."""
        state, formula = self.body.inputs[self.sequences + place], self.formulas[place]
        if formula.op is None or formula.op.name != "add" or not any(i is state for i in formula.inputs):
            return None
        rest = [i for i in formula.inputs if i is not state]
        if len(rest) != 1 or state in set(topological(rest)):
            return None
        return rest[0] if is_zero(self.loop.inputs[self.sequences + place]) else None

    def needed(self) -> list[int]:
        """Return the states that what is wanted depends on, one through another."""
        found: dict[int, None] = {}
        roots = [self.sums.get(k, self.formulas[place]) for k, (place, _) in self.places.items()]
        found.update({place: None for k, (place, _) in self.places.items() if k not in self.sums})
        while roots:
            inside = set(topological([roots.pop()]))
            for place in range(self.states):
                if self.body.inputs[self.sequences + place] in inside and place not in found:
                    found[place] = None
                    roots.append(self.formulas[place])
        return sorted(found)

    def results(self, needed: list[int]) -> dict[int, str]:
        """Name the outputs that are needed: as they are called outside, or by a letter, with a number if need be."""
        names = {p: self.letters[self.formulas[p]] for p in needed if self.formulas[p] in self.letters}
        for kind in ("state", "output"):
            open_ones = [p for p in needed if (p < self.states) == (kind == "state") and p not in {*names, *self.fixed}]
            for number, place in enumerate(open_ones, start=1):
                letter = self.letters[kind]
                names[place] = letter if len(open_ones) == 1 else self.style.numbered(letter, number)
        return {**names, **{p: name for p, name in self.fixed.items() if p in needed}}

    def defined(self, needed: list[int], results: Mapping[int, str]) -> list[tuple[Expr, str]]:
        """Return what has a line of its own in a step: outputs, what has a name, and what is repeated, in order."""
        # States last, so that what they are made of comes in the order in which the step returns it.
        places = sorted(needed, key=lambda p: p < self.states)
        roots = [*(self.formulas[p] for p in places), *self.sums.values()]
        found: dict[Expr, list[str]] = {}
        for place in needed:
            found.setdefault(self.formulas[place], []).append(results[place])
        order = topological(roots)
        found.update({e: [self.letters[e]] for e in order if e in self.letters and e not in found})
        for e in repeated(roots, self.letters):
            found.setdefault(e, []).insert(0, self.letters["repeated"])
        return [(e, name) for e in order for name in found.get(e, [])]

    def write(self) -> dict[int, str]:
        """Write the lines, and return how each result that is wanted is written."""
        needed, index = self.needed(), self.style.index
        results = self.results(needed)
        inside = inside_names(self.loop, results, self.names, self.style)
        steps: list[Line] = []
        for e, name in self.defined(needed, results):
            steps.append((index(name, "t"), self.style.write(e, inside)))
            inside.setdefault(e, index(name, "t"))
        # What the states are made of may stand before what they begin with.
        ahead = sum(left == index(self.letters["repeated"], "t") for left, _ in steps[:1])
        self.lines += steps[:ahead]
        for place in needed:
            if place < self.states:
                start = self.loop.inputs[self.sequences + place]
                begun = "0" if is_zero(start) else self.style.write(start, self.names)
                self.lines.append((index(results[place], "T+1" if self.reverse else "0"), begun))
        self.lines += steps[ahead:]
        written = {}
        for k, (place, stacked) in self.places.items():
            if k in self.sums:
                written[k] = self.style.total(self.style.write(self.sums[k], inside))
            else:
                written[k] = results[place] if stacked else index(results[place], "1" if self.reverse else "T")
        return written


def repeated(roots: list[Expr], known: Container[Any]) -> list[Expr]:
    """Return the largest expression that stands at several places of a step and is not known, if there is one."""
    uses: dict[Expr, int] = {}
    order = topological(roots)
    for e in [*order, None]:
        for i in set(roots if e is None else e.inputs):
            uses[i] = uses.get(i, 0) + 1
    often = [e for e in order if uses.get(e, 0) > 1 and e.op is not None and e.op.name not in QUIET and e.inputs]
    return [e for e in often if e not in known][-1:]


def is_zero(e: Expr) -> bool:
    """Tell whether an expression is nothing but zeros."""
    while e.op is not None and e.op.name in ("broadcast_like", "broadcast_to", "cast"):
        e = e.inputs[0]
    value = getattr(e, "value", None)
    return (value is not None and not value.any()) or (e.op is not None and e.op.name in ("zeros_like", "zeros"))


def results_used(expr: Expr, names: Names) -> dict[Expr, list[int]]:
    """Return the loops whose results stand in an expression outside what is named, with the places of the results."""
    found: dict[Expr, list[int]] = {}
    for e in topological([expr], stop=[n for n in names if n is not expr]):
        used = loop_result(e)
        if used is not None and (e not in names or e is expr):
            places = found.setdefault(used[0], [])
            if used[1] not in places:
                places.append(used[1])
    return found
