"""`source`: a readable NumPy script of an expression or function, including gradients and updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import InputError, UseError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.naming import strip_calls
from pellucid.graph.passes import remove_markers
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.show.sources.literals import array_to_source
from pellucid.show.sources.numpy_source import NumpyWriter, VariableNames, collect_definition_names
from pellucid.show.sources.op_source_extraction import SourceExtractor
from pellucid.typing import Array, ArrayLike

if TYPE_CHECKING:
    from pellucid.run.function import Function

MAX_TUPLE = 4
"""Maximum number of variables that one line assigns."""


def source(
    what: Expr | Sequence[Expr] | Function, *args: ArrayLike, after: int | Sequence[int] = 0, **kwargs: ArrayLike
) -> str:
    r"""Write an expression or a function as a NumPy script, with gradients and updates such as
    :math:`W \leftarrow W - \eta \, \partial c / \partial W`.

    The script needs only NumPy, and SciPy for functions that NumPy does not have. A function is written as simplified,
    an expression as it is.

    Parameters
    ----------
    what : Expr, sequence of Expr, or Function
        The computation.
    *args, **kwargs : arrays
        Values of the inputs, by position or name. With them, the script has a main part that runs it.
    after : int or sequence of int
        The main part prints the outputs after these numbers of updates.

    Returns
    -------
    str
        The script.

    Raises
    ------
    InputError
        If only some inputs have values, or ``after`` is given without values.
    TypeError
        If ``what`` is not an expression or a function.

    Examples
    --------
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
    counts: list[Any] = list(after) if isinstance(after, Sequence) else [after]
    is_runnable = bool(args or kwargs or not script.inputs)
    if not counts or not all(isinstance(p, (int, np.integer)) and p >= 0 for p in counts):
        raise InputError(f"source: expected non-negative numbers of updates. Received: after={after!r}")
    counts = sorted({int(p) for p in counts})
    if counts != [0] and not is_runnable:
        raise InputError("source: after= needs values for the inputs: pel.source(step, X_train, after=1000)")
    if counts != [0] and not script.updates:
        raise InputError(f"source: expected after=0, because the function has no updates. Received: after={after}")
    return script.write_script(script.bind_values(args, kwargs) if is_runnable else None, counts)


class Script:
    """A graph and the code written for it so far."""

    outputs: list[Expr]

    def __init__(self, what: Any) -> None:
        self.structure: Any = None
        self.defaults: dict[Input, Array] = {}
        self.updates: dict[Shared, Expr] = {}
        if isinstance(what, Expr) or (isinstance(what, (list, tuple)) and all(isinstance(e, Expr) for e in what)):
            self.outputs, _ = strip_calls(remove_markers([what] if isinstance(what, Expr) else what))
            self.inputs: list[Input] = [n for n in topological(self.outputs) if isinstance(n, Input)]
            self.name: str = "compute"
        elif hasattr(what, "program"):
            self.structure, self.defaults = what._structure, what.defaults
            self.outputs, self.updates = list(what.program.outputs), dict(what.program.updates)
            self.inputs = list(what.program.inputs)
            self.name = "step" if self.updates else "compute"
        else:
            raise UseError(f"source: expected an expression, a list of expressions or a function. Received: {what!r}")
        self.extractor: SourceExtractor = SourceExtractor()
        defined = collect_definition_names([*self.outputs, *self.updates.values()])
        self.names: VariableNames = VariableNames([self.name, "i", "base64", "zlib", *defined])
        self.writer: NumpyWriter = NumpyWriter(self.extractor, self.names)

    def bind_values(self, args: tuple[ArrayLike, ...], kwargs: dict[str, ArrayLike]) -> list[Array]:
        """Return the values of the inputs after checking them."""
        from pellucid.run.argument_binding import convert_arguments, order_arguments

        ready = convert_arguments(self.inputs, order_arguments(self.inputs, args, kwargs, self.defaults))
        return [np.asarray(v) for v in ready]

    def write_script(self, values: list[Array] | None, counts: list[int]) -> str:
        parameters = [self.writer.add_leaf(i, i.name or "x") for i in self.inputs]
        shared = [n for n in topological([*self.outputs, *self.updates.values()]) if isinstance(n, Shared)]
        shared += [s for s in self.updates if s not in set(shared)]
        state = {s: self.writer.add_leaf(s, s.name or "w") for s in shared}
        body = self.write_body(state)
        main = [] if values is None else self.write_main(parameters, values, counts)
        imports = self.extractor.imports
        assignments = [
            f"{name} = {array_to_source(np.asarray(s.get_value()), imports, len(name) + len(' = '))}"
            for s, name in state.items()
        ]
        blocks = [
            [*imports, *([""] if assignments else []), *assignments],
            *[[part] for part in self.writer.constants],
            *[[part] for part in self.extractor.parts.values()],
            [f"def {self.name}({', '.join(parameters)}):", *["    " + line for line in body]],
            *([main] if main else []),
        ]
        return "\n\n\n".join("\n".join(block) for block in blocks)

    def write_body(self, state: Mapping[Shared, str]) -> list[str]:
        wanted = {e: f"new_{state[s]}" for s, e in self.updates.items() if e.op is not None}
        if len(self.outputs) == 1 and self.updates and self.outputs[0].op is not None:
            wanted.setdefault(self.outputs[0], self.outputs[0].name or "result")
        results = self.writer.write([*self.outputs, *self.updates.values()], wanted)
        outputs, new = results[: len(self.outputs)], results[len(self.outputs) :]
        targets = [state[s] for s in self.updates]
        changed = ", ".join(targets)
        lines = [f"global {line.rstrip(',')}" for line in wrap(changed, 100, break_long_words=False)]
        lines += self.writer.lines
        returned = self.write_return_value(outputs) if outputs else "None"
        if changed and outputs and returned not in self.names.taken - set(state.values()):
            # The outputs use the old state, so they are computed before the updates.
            name = self.names.new_name("result")
            lines.append(f"{name} = {returned}")
            returned = name
        is_split = len(new) > MAX_TUPLE and len(set(new)) == len(new) and not set(new) & set(state.values())
        if is_split and all(name.isidentifier() for name in new):
            lines += [f"{target} = {name}" for target, name in zip(targets, new, strict=True)]
        elif changed:
            lines.append(f"{changed} = {', '.join(new)}")
        return lines + ([f"return {returned}"] if outputs else [])

    def write_return_value(self, outputs: list[str]) -> str:
        """Write the outputs in the structure of the function."""
        if isinstance(self.structure, Mapping):
            return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(self.structure, outputs, strict=True)) + "}"
        is_list = isinstance(self.structure, (list, tuple)) or len(outputs) > 1
        return f"[{', '.join(outputs)}]" if is_list else outputs[0]

    @property
    def output_format(self) -> str:
        """Format specification of the printed outputs."""
        is_single = len(self.outputs) == 1 and not isinstance(self.structure, (Mapping, list, tuple))
        return ":.6f" if is_single and self.outputs[0].ndim == 0 and is_float(self.outputs[0].dtype) else ""

    def write_main(self, parameters: list[str], values: list[Array], counts: list[int]) -> list[str]:
        imports = self.extractor.imports
        given = [f"    {n} = {array_to_source(v, imports, 4)}" for n, v in zip(parameters, values, strict=True)]
        call = f"{self.name}({', '.join(parameters)})"
        if not self.updates:
            return ['if __name__ == "__main__":', *given, f"    print({call})"]
        condition = f"i == {counts[0]}" if len(counts) == 1 else f"i in {counts}"
        return [
            'if __name__ == "__main__":',
            *given,
            f"    for i in range({counts[-1] + 1}):  # the outputs are computed before the update",
            f"        result = {call}",
            f"        if {condition}:",
            f'            print(f"after {{i}} updates: {{result{self.output_format}}}")',
        ]
