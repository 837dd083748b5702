"""What is summed up over samples: each lane has sums of its own, which are added up when all samples are through."""

from __future__ import annotations

from pellucid.run.native.batch_axis_analysis import Axes
from pellucid.run.native.elementwise import type_of
from pellucid.run.native.equations import Equation
from pellucid.run.native.loop_nests import Plain, joined, start_of

LIVE = "live"
"""The array that tells samples from what fills up the last vectors."""


def begin(plain: Plain, axes: Axes, kind: str) -> None:
    """Write which lanes are samples: all bits of them are set."""
    plain.text.add(f"{kind} {LIVE}[{axes.padded}];")
    plain.text.add(f"for (int l = 0; l < {axes.padded}; l++) {LIVE}[l] = -(l < {axes.count});")


class LaneSums:
    """The sums of one loop over samples.

    Parameters
    ----------
    plain : Plain
        Writes, and says where arrays lie.
    lanes : int
        How many samples are computed at once.
    """

    def __init__(self, plain: Plain, lanes: int) -> None:
        self.plain = plain
        self.lanes = lanes
        self.numbers: dict[str, list[tuple[Equation, str]]] = {}
        """For each type in C, what is summed up, and where each sum goes."""
        self.name = plain.text.fresh("s")

    def add(self, e: Equation, element: str, target: str) -> str:
        """Write the line that adds a number of each sample; those of fillers must be 0 where numbers are added up."""
        kind = type_of(e.result.dtype)
        found = self.numbers.setdefault(kind, [])
        place = f"{self.name}_{kind}[{len(found)}][j]"
        found.append((e, target))
        line = f"{place} = {both(e, place, f'({element})')};"
        return line if sums(e) else f"if ({LIVE}[l]) {line}"

    def begin(self) -> None:
        """Write where the lanes' sums lie."""
        text = self.plain.text
        for kind, found in self.numbers.items():
            text.add(f"{kind} {self.name}_{kind}[{len(found)}][{self.lanes}] __attribute__((aligned(64))) = {{{{0}}}};")
            for k, (e, _) in enumerate(found):
                if not sums(e):
                    with text.loop(self.lanes) as j:
                        text.add(f"{self.name}_{kind}[{k}][{j}] = {start_of(e)};")

    def end(self) -> None:
        """Write how the sums of all lanes become one."""
        text = self.plain.text
        for kind, found in self.numbers.items():
            for k, (e, target) in enumerate(found):
                row = f"{self.name}_{kind}[{k}]"
                if sums(e) and e.result.dtype.kind == "f":
                    text.add(f"{target} = total_{kind}({row}, {self.lanes});")
                    continue
                total = text.fresh("t")
                text.add(f"{kind} {total} = {row}[0];")
                with text.loop(self.lanes - 1) as j:
                    text.add(f"{total} = {both(e, total, f'{row}[{j} + 1]')};")
                text.add(f"{target} = {total};")


def sums(e: Equation) -> bool:
    """Tell whether an equation adds up, and does not multiply or compare."""
    return e.name in ("dot_general", "reduce_sum")


def both(e: Equation, total: str, element: str) -> str:
    """Write what two numbers are together."""
    return f"{total} + {element}" if sums(e) else joined(e, total, element)
