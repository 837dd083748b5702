"""Updates that are put at places which are looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.run.native.elementwise import written
from pellucid.run.native.equations import Equation
from pellucid.run.native.index_maps import linear

if TYPE_CHECKING:
    from pellucid.run.native.loop_nests import Plain

SCATTERED = {f"scatter-{name}": name for name in ("add", "sub", "mul", "max", "min")}
"""How an update meets what is there; a plain scatter puts it in its place."""


def scatter(plain: Plain, e: Equation) -> None:
    """Write updates that are put at places which are looked up; those beyond the array are dropped."""
    x, where, new = e.inputs
    d = e.params["dimension_numbers"]
    name = plain.array(e.result)
    plain.fill(name, x)
    with plain.text.loops(new.shape) as idx:
        batch = [i for a, i in enumerate(idx) if a not in d.update_window_dims]
        window = iter(idx[a] for a in d.update_window_dims)
        left_out = (*d.inserted_window_dims, *d.operand_batching_dims)
        places = ["0" if a in left_out else next(window) for a in range(x.ndim)]
        for a, b in zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True):
            places[a] = batch[b]
        tests = []
        for k, a in enumerate(d.scatter_dims_to_operand_dims):
            start = plain.at(where, [*batch, str(k)])
            room = x.shape[a] - covered(e, a)
            tests.append(f"(uint64_t)(int64_t)({start}) <= {room}u")
            if "CLIP" in str(e.params["mode"]):
                tests[-1], start = "1", f"clamped({start}, {room})"
            places[a] = start if places[a] == "0" else f"({start} + {places[a]})"
        place = f"{name}[{linear(x.shape, places)}]"
        joined = (
            written(Equation(SCATTERED[e.name], [x, new], [e.result], {}), [place, plain.at(new, idx)])
            if e.name in SCATTERED
            else plain.at(new, idx)
        )
        plain.text.add(f"if ({' && '.join(tests) or 1}) {place} = {joined};")


def covered(e: Equation, axis: int) -> int:
    """Return how much of an axis one update of a scatter covers."""
    d, x, new = e.params["dimension_numbers"], e.inputs[0], e.inputs[2]
    inner = [a for a in range(x.ndim) if a not in (*d.inserted_window_dims, *d.operand_batching_dims)]
    return new.shape[d.update_window_dims[inner.index(axis)]] if axis in inner else 1
