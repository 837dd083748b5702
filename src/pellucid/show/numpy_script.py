"""The same computation as a script of plain NumPy, gradient and update included, that a person can run and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, UseError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.marker_removal import release
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.show.literals import array_source
from pellucid.show.numpy_source import Names, Writer
from pellucid.show.source_extraction import Extract

MOST_AT_ONCE = 4
"""So many variables are replaced in one line."""


def source(what: Any, *args: Any, after: int | Sequence[int] = 0, **kwargs: Any) -> str:
    r"""Write an expression or a function as a script of plain NumPy: what is computed, the gradient and the updates
    written out, such as :math:`W \leftarrow W - \eta \, \partial c / \partial W`.

    The script needs NumPy alone (and SciPy for functions that NumPy does not have). For a function it is the program
    that runs, after simplification; an expression is written as it stands.

    Parameters
    ----------
    what : Expr, sequence of Expr, or Function
        What to write.
    *args, **kwargs : arrays
        Values for the inputs, by position or name; with them, the script ends in a part that runs it.
    after : int or sequence of int
        What that part prints: the outputs after so many updates.

    Returns
    -------
    str
        The script.

    Raises
    ------
    InputError
        If some inputs are given and others are not, or ``after`` is given without them.
    TypeError
        If it is neither an expression nor a function.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, W = pel.vector("x", shape=(2,)), pel.shared([0.2, 0.7], name="W")
    >>> print(pel.source(pel.function([x], (x * W).sum(), updates={W: W + x})))
    import numpy as np
    <BLANKLINE>
    W = np.array([0.2, 0.7], 'float32')
    <BLANKLINE>
    <BLANKLINE>
    def step(x):
        global W
        result = np.sum(x * W)
        new_W = W + x  # (2,)
        W = new_W
        return result
    """
    script = Script(what)
    listed: list[Any] = list(after) if isinstance(after, Sequence) else [after]
    given = bool(args or kwargs or not script.inputs)
    if not listed or not all(isinstance(p, (int, np.integer)) and p >= 0 for p in listed):
        raise InputError(f"source: expected numbers of updates of 0 or more. Received: after={after!r}")
    points = sorted({int(p) for p in listed})
    if points != [0] and not given:
        raise InputError(
            "source: a script that runs needs values for the inputs: pel.source(step, X_train, after=1000)"
        )
    if points != [0] and not script.updates:
        raise InputError(f"source: without updates, nothing changes after any number of them. Received: after={after}")
    return script.text(script.bound(args, kwargs) if given else None, points)


class Script:
    """A graph on its way to becoming a script: its inputs, outputs and updates, and the code written so far."""

    def __init__(self, what: Any) -> None:
        self.structure: Any = None
        self.defaults: dict[Input, Any] = {}
        self.updates: dict[Shared, Expr] = {}
        if isinstance(what, Expr) or (isinstance(what, (list, tuple)) and all(isinstance(e, Expr) for e in what)):
            self.outputs = release([what] if isinstance(what, Expr) else what)
            self.inputs = [n for n in topological(self.outputs) if isinstance(n, Input)]
            self.name = "compute"
        elif hasattr(what, "program"):
            self.structure, self.defaults = what._structure, what.defaults
            self.outputs, self.updates = list(what.program.outputs), dict(what.program.updates)
            self.inputs = list(what.program.inputs)
            self.name = "step" if self.updates else "compute"
        else:
            raise UseError(f"source writes an expression, a list of them or a function. Received: {what!r}")
        self.extract = Extract()
        self.names = Names([self.name, "i"])
        self.writer = Writer(self.extract, self.names)

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
        """Return the values of the inputs, held against them."""
        from pellucid.run.argument_binding import arrange, bind

        ready = bind(self.inputs, arrange(self.inputs, args, kwargs, self.defaults))
        return [np.asarray(v) for v in ready]

    def text(self, values: list[np.ndarray[Any, Any]] | None, points: list[int]) -> str:
        """Write the script."""
        parameters = [self.writer.leaf(i, i.name or "x") for i in self.inputs]
        shared = [n for n in topological([*self.outputs, *self.updates.values()]) if isinstance(n, Shared)]
        shared += [s for s in self.updates if s not in set(shared)]
        state = {s: self.writer.leaf(s, s.name or "w") for s in shared}
        body = self.body(state)
        run = [] if values is None else self.main(parameters, values, points)
        first = [self.assignment(name, s.get_value()) for s, name in state.items()]
        blocks = [
            [*self.extract.imports, *self.blank(first), *first],
            *[[part] for part in self.writer.constants],
            *[[part] for part in self.extract.parts.values()],
            [f"def {self.name}({', '.join(parameters)}):", *["    " + line for line in body]],
            *([run] if run else []),
        ]
        return "\n\n\n".join("\n".join(block) for block in blocks)

    def assignment(self, name: str, value: np.ndarray[Any, Any], indent: int = 0) -> str:
        """Write the value of a variable."""
        start = " " * indent + f"{name} = "
        return start + array_source(np.asarray(value), self.extract.imports, len(start))

    def blank(self, lines: list[str]) -> list[str]:
        """Return an empty line before others."""
        return [""] if lines else []

    def body(self, state: Mapping[Shared, str]) -> list[str]:
        """Write what is computed, and what is put where."""
        wanted = {e: f"new_{state[s]}" for s, e in self.updates.items() if e.op is not None}
        if len(self.outputs) == 1 and self.updates and self.outputs[0].op is not None:
            wanted.setdefault(self.outputs[0], self.outputs[0].name or "result")
        results = self.writer.write([*self.outputs, *self.updates.values()], wanted)
        outputs, new = results[: len(self.outputs)], results[len(self.outputs) :]
        targets = [state[s] for s in self.updates]
        changed = ", ".join(targets)
        lines = [f"global {line.rstrip(',')}" for line in wrap(changed, 100)]
        lines += self.writer.lines
        returned = self.returned(outputs) if outputs else "None"
        if changed and outputs and returned not in self.names.taken - set(state.values()):
            # The outputs are of the old state, so they are worked out before it is replaced.
            kept = self.names.fresh("result")
            lines.append(f"{kept} = {returned}")
            returned = kept
        apart = len(new) > MOST_AT_ONCE and len(set(new)) == len(new) and not set(new) & set(state.values())
        if apart and all(name.isidentifier() for name in new):
            lines += [f"{target} = {name}" for target, name in zip(targets, new, strict=True)]
        elif changed:
            lines.append(f"{changed} = {', '.join(new)}")
        return lines + ([f"return {returned}"] if outputs else [])

    def returned(self, outputs: list[str]) -> str:
        """Write the outputs in the form that was asked for."""
        if isinstance(self.structure, Mapping):
            return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(self.structure, outputs, strict=True)) + "}"
        many = isinstance(self.structure, (list, tuple)) or len(outputs) > 1
        return f"[{', '.join(outputs)}]" if many else outputs[0]

    @property
    def digits(self) -> str:
        """How a number is printed."""
        alone = len(self.outputs) == 1 and not isinstance(self.structure, (Mapping, list, tuple))
        return ":.6f" if alone and self.outputs[0].ndim == 0 and is_float(self.outputs[0].dtype) else ""

    def main(self, parameters: list[str], values: list[np.ndarray[Any, Any]], points: list[int]) -> list[str]:
        """Write the part that runs."""
        given = [
            f"    {n} = {array_source(v, self.extract.imports, 4)}" for n, v in zip(parameters, values, strict=True)
        ]
        call = f"{self.name}({', '.join(parameters)})"
        if not self.updates:
            return ['if __name__ == "__main__":', *given, f"    print({call})"]
        wanted = f"i == {points[0]}" if len(points) == 1 else f"i in {points}"
        return [
            'if __name__ == "__main__":',
            *given,
            f"    for i in range({points[-1] + 1}):  # the outputs are of the parameters before the update",
            f"        result = {call}",
            f"        if {wanted}:",
            f'            print(f"after {{i}} updates: {{result{self.digits}}}")',
        ]
