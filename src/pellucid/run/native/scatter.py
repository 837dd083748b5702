"""Loops of scatters: updates written to computed places."""

from __future__ import annotations

from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import emit_elementwise
from pellucid.run.native.equations import Equation
from pellucid.run.native.index_maps import linear_index

SCATTER_COMBINERS = {f"scatter-{name}": name for name in ("add", "sub", "mul", "max", "min")}
"""How an update is combined with the old element. A plain scatter replaces it."""


def emit_scatter(emitter: ElementEmitter, e: Equation) -> None:
    """Write a scatter. Updates out of bounds are dropped, or moved into bounds in mode CLIP."""
    x, where, new = e.inputs
    d = e.params["dimension_numbers"]
    name = emitter.allocate(e.result)
    emitter.store(name, x)
    with emitter.writer.loops(new.shape) as idx:
        batch = [i for a, i in enumerate(idx) if a not in d.update_window_dims]
        window = iter(idx[a] for a in d.update_window_dims)
        absent = (*d.inserted_window_dims, *d.operand_batching_dims)
        target = ["0" if a in absent else next(window) for a in range(x.ndim)]
        for a, b in zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True):
            target[a] = batch[b]
        tests = []
        for k, a in enumerate(d.scatter_dims_to_operand_dims):
            start = emitter.emit_element(where, [*batch, str(k)])
            last = x.shape[a] - get_window_size(e, a)
            tests.append(f"(uint64_t)(int64_t)({start}) <= {last}u")
            if "CLIP" in str(e.params["mode"]):
                tests[-1], start = "1", f"clamp_index({start}, {last})"
            target[a] = start if target[a] == "0" else f"({start} + {target[a]})"
        old, update = f"{name}[{linear_index(x.shape, target)}]", emitter.emit_element(new, idx)
        if e.name in SCATTER_COMBINERS:
            update = emit_elementwise(Equation(SCATTER_COMBINERS[e.name], [x, new], [e.result], {}), [old, update])
        emitter.writer.add(f"if ({' && '.join(tests) or 1}) {old} = {update};")


def get_window_size(e: Equation, axis: int) -> int:
    """Return how many elements of an axis one update of a scatter covers."""
    d, x, new = e.params["dimension_numbers"], e.inputs[0], e.inputs[2]
    inner = [a for a in range(x.ndim) if a not in (*d.inserted_window_dims, *d.operand_batching_dims)]
    return new.shape[d.update_window_dims[inner.index(axis)]] if axis in inner else 1
