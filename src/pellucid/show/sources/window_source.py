"""NumPy functions of convolutions and pooling in scripts, written for the settings of one network.

The functions behind the ops serve every setting and several array libraries. A script has one loop over the positions
in a window instead, without padding, strides or dilation that its network does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pellucid.graph.expr import Expr
from pellucid.graph.types import is_float


class WindowFunction(NamedTuple):
    """A function of a script: parameters, docstring and lines of the body."""

    parameters: str
    docstring: str
    body: list[str]

    def write(self, name: str) -> str:
        lines = [f'"""{self.docstring}"""', *self.body]
        return "\n".join([f"def {name}({self.parameters}):", *("    " + line for line in lines)])


class Geometry:
    """Code for the positions, slices and padding of windows with given settings."""

    counts: list[str]

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.strides: tuple[int, ...] = settings["strides"]
        self.padding: Sequence[tuple[int, int]] = settings["padding"]
        self.axes: range = range(len(self.strides))
        self.dilation: tuple[int, ...] = settings.get("dilation", (1,) * len(self.strides))
        self.window: Any | None = settings.get("pool_size")
        names = [["count"], ["rows", "columns"], ["depth", "rows", "columns"]]
        self.counts, self.letters = names[len(self.strides) - 1], "ijk"[: len(self.strides)]

    @property
    def is_padded(self) -> bool:
        return any(map(any, self.padding))

    @property
    def loop(self) -> str:
        """The head of a loop over the positions in a window."""
        if len(self.letters) == 1:
            return f"for i in range({self.window[0] if self.window else 'kernel.shape[0]'})"
        sizes = str(self.window)[1:-1] if self.window else f"*kernel.shape[:{len(self.letters)}]"
        return f"for {', '.join(self.letters)} in np.ndindex({sizes})"

    def pad(self, value: str = "") -> list[str]:
        """Return the line that pads x, if any."""
        fill = f", constant_values={value}" if value else ""
        widths = ", ".join(map(str, self.padding))
        return [f"x = np.pad(x, ((0, 0), {widths}, (0, 0)){fill})"] if self.is_padded else []

    def count_windows(self) -> str:
        """Return the line that computes the number of windows along each axis of x."""
        counts = []
        for a, (r, s) in enumerate(zip(self.dilation, self.strides, strict=True)):
            size = self.window[a] if self.window else f"kernel.shape[{a}]"
            span = f"x.shape[{a + 1}] - {size}" if r == 1 else f"x.shape[{a + 1}] - {r} * ({size} - 1) - 1"
            counts.append(f"({span}) // {s} + 1" if s > 1 else f"{span} + 1" if r == 1 else span.removesuffix(" - 1"))
        return f"{', '.join(self.counts)} = {', '.join(counts)}"

    def read_counts(self) -> str:
        """Return the line that reads the number of windows from the gradient of the output."""
        if len(self.counts) == 1:
            return "count = g.shape[1]"
        return f"{', '.join(self.counts)} = g.shape[1:{len(self.counts) + 1}]"

    def write_bounds(self, form: str, separator: str) -> str:
        parts = []
        for letter, count, s, r in zip(self.letters, self.counts, self.strides, self.dilation, strict=True):
            start = letter if r == 1 else f"{r} * {letter}"
            stop = f"{start} + {count if s == 1 else f'{s} * {count}'}"
            parts.append(form.format(start=start, stop=stop, step=f"{separator}{s}" if s > 1 else ""))
        return ", ".join(parts)

    def slice(self, array: str) -> str:
        """Return the elements of all windows at one position."""
        return f"{array}[:, {self.write_bounds('{start} : {stop}{step}', ' : ')}]"

    def slice_tuple(self) -> str:
        return f"np.s_[:, {self.write_bounds('{start} : {stop}{step}', ' : ')}]"

    def crop(self, array: str, like: str) -> str:
        """Return an array without the padding."""
        if not self.is_padded:
            return array
        starts = [low for low, _ in self.padding]
        parts = [f"{low} : {low} + {like}[{a}]" if low else f": {like}[{a}]" for a, low in enumerate(starts, start=1)]
        return f"{array}[:, {', '.join(parts)}]"

    def padded_shape(self, like: str) -> str:
        """Return the shape of the gradient of x, with its padding."""
        if not self.is_padded:
            return f"(len(g), *{like}[1:])"
        sizes = [f"{like}[{a + 1}]{f' + {sum(p)}' if any(p) else ''}" for a, p in enumerate(self.padding)]
        return f"(len(g), {', '.join(sizes)}, {like}[-1])"

    def kernel_at(self) -> str:
        return f"kernel[{', '.join(self.letters)}]"


def write_conv(node: Expr, at: Geometry) -> WindowFunction:
    products = f"{at.slice('x')} @ {at.kernel_at()} {at.loop}"
    body = [*at.pad(), at.count_windows(), f"return sum({products})"]
    return WindowFunction(
        "x, kernel", "Convolution: the sum over the positions in a window of the inputs there times the weights.", body
    )


def write_kernel_gradient(node: Expr, at: Geometry) -> WindowFunction:
    axes = list(range(len(at.counts) + 1))
    products = f"np.tensordot({at.slice('x')}, g, ({axes}, {axes}))"
    body = [
        *at.pad(),
        at.read_counts(),
        f"parts = [{products} {at.loop}]",
        "return np.reshape(parts, kernel.shape)",
    ]
    return WindowFunction(
        "x, g, kernel", "Gradient of the kernel: inputs times gradients g of outputs, summed over windows.", body
    )


def write_input_gradient(node: Expr, at: Geometry) -> WindowFunction:
    body = [
        at.read_counts(),
        f"result = np.zeros({at.padded_shape('x.shape')}, g.dtype)",
        f"{at.loop}:",
        f"    {at.slice('result')} += g @ {at.kernel_at()}.T",
        f"return {at.crop('result', 'x.shape')}",
    ]
    return WindowFunction(
        "g, kernel, x", "Gradient of the input: each window adds its gradient g times the weights to its inputs.", body
    )


def write_max_pool(node: Expr, at: Geometry) -> WindowFunction:
    body = [
        *at.pad("-np.inf"),
        at.count_windows(),
        f"return np.max([{at.slice('x')} {at.loop}], axis=0)",
    ]
    return WindowFunction("x", "Max pooling: the largest value of each window.", body)


def write_max_pool_gradient(node: Expr, at: Geometry) -> WindowFunction:
    pad = ["shape = x.shape", *at.pad("-np.inf")] if at.is_padded else []
    body = [
        *pad,
        at.read_counts(),
        "result, is_open = np.zeros(x.shape, g.dtype), np.ones(g.shape, bool)",
        f"{at.loop}:",
        f"    position = {at.slice_tuple()}",
        "    is_first = is_open & (x[position] == y)",
        "    result[position] += np.where(is_first, g, 0)",
        "    is_open &= ~is_first",
        f"return {at.crop('result', 'shape')}",
    ]
    return WindowFunction(
        "g, y, x", "Gradient of max pooling: each window passes its gradient g to its first maximum.", body
    )


def write_sum_pool(node: Expr, at: Geometry) -> WindowFunction:
    body = [*at.pad(), at.count_windows(), f"return sum({at.slice('x')} {at.loop})"]
    return WindowFunction("x", "Sum of each window.", body)


def write_sum_pool_gradient(node: Expr, at: Geometry) -> WindowFunction:
    body = [
        at.read_counts(),
        f"result = np.zeros({at.padded_shape('x.shape')}, g.dtype)",
        f"{at.loop}:",
        f"    {at.slice('result')} += g",
        f"return {at.crop('result', 'x.shape')}",
    ]
    return WindowFunction(
        "g, x", "Gradient of sum pooling: each window adds its gradient g to all of its elements.", body
    )


WRITERS: dict[str, Callable[[Expr, Geometry], WindowFunction]] = {
    "conv": write_conv,
    "conv_kernel_gradient": write_kernel_gradient,
    "conv_input_gradient": write_input_gradient,
    "max_pool": write_max_pool,
    "max_pool_gradient": write_max_pool_gradient,
    "sum_pool": write_sum_pool,
    "sum_pool_gradient": write_sum_pool_gradient,
}


def write_window_function(node: Expr) -> WindowFunction | None:
    """Return the function of a convolution or pooling op, None for other ops and for groups of channels.

    Its parameters are the operands of the op.
    """
    op, settings = node.op, node.settings
    if op is None or op.name not in WRITERS or settings.get("groups", 1) > 1 or not has_lowest_value(node):
        return None
    return WRITERS[op.name](node, Geometry(settings))


def has_lowest_value(node: Expr) -> bool:
    """Check that a padded maximum has -inf to pad with."""
    assert node.op is not None
    return not node.op.name.startswith("max_pool") or is_float(node.inputs[-1].dtype)
