"""Functions: compiled expressions that can be called, or run as a loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pellucid.extension_points import function_html
from pellucid.graph.errors import InputError, OptionError, near_miss
from pellucid.graph.expr import Expr, Input, Operand, Shared
from pellucid.graph.rewriter import Journal
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_integer
from pellucid.progress import create_progress_display
from pellucid.run.argument_binding import Signature, convert_arguments, get_signature, order_arguments
from pellucid.run.buffers import Buffer
from pellucid.run.data_parallel import DataParallelProgram, Devices
from pellucid.run.graph_program import BatchedProgram, OutputHistory, Program, Shapes, drop_updates, swap_shared
from pellucid.run.interpreter import NumpyProgram
from pellucid.run.interrupts import Interrupted
from pellucid.run.nan_guard import GuardProgram
from pellucid.run.native.program import AutoProgram, BatchedAutoProgram, NativeProgram
from pellucid.run.node_values import NodeValues
from pellucid.run.value_sizes import ValueSizedProgram
from pellucid.run.xla import XlaProgram
from pellucid.typing import Array, ArrayLike, Mode, Shard

if TYPE_CHECKING:
    from pellucid.run.as_jax import PureFunction
    from pellucid.run.profile import Profile

MODES: dict[str, Any] = {
    "auto": AutoProgram,
    "xla": XlaProgram,
    "native": NativeProgram,
    "numpy": NumpyProgram,
    "guard": GuardProgram,
}

COMPILED_MODES = ("auto", "xla", "native")
MULTI_DEVICE_MODES = ("auto", "xla")

Progress = Callable[[int, int, Any], None] | bool | None
"""A function of the number of finished steps, of all steps, and of the latest outputs; True for a progress bar."""
Outputs: TypeAlias = "Operand | Sequence[Operand] | Mapping[str, Operand] | None"
"""Outputs of a function: one, or several in a list or a dict."""


class Function:
    """Compiled function, made by `function`: call it, `repeat` it, or run it `over` batches.

    Parameters
    ----------
    program : Program
        The simplified graph.
    structure : Expr, sequence or dict
        The outputs as the caller wrote them.
    mode : str
        ``"auto"``, ``"xla"``, ``"native"``, ``"numpy"`` or ``"guard"``.
    defaults : dict from Input to array, optional
        Values of inputs that a call does not give.
    devices : tuple of jax.Device, optional
        The devices that divide each batch.
    shard : {"parameters"}, optional
        Whether the devices also divide the shared variables.

    Attributes
    ----------
    program : Program
        The simplified graph: ``program.outputs``, ``program.updates`` (including those that random streams add), and
        ``program.journal``, which lists the rewrites.
    mode : str
        ``"auto"``, ``"xla"``, ``"native"``, ``"numpy"`` or ``"guard"``.
    defaults : dict from Input to array
        Values of inputs that a call does not give.
    devices : tuple of jax.Device, or None
        The devices that divide each batch; None for JAX's default device.
    shard : str or None
        ``"parameters"`` if the devices also divide the shared variables.

    Notes
    -----
    A pickle holds the simplified graph and the values of the shared variables, and no compiled code. The loaded
    function computes the same bits, has its own variables and an empty ``journal``, and compiles at its first call.
    Within one pickle, functions, expressions and models that share a variable still share it after loading.
    `copy.copy` is `Function.copy`, which shares the variables; `copy.deepcopy` copies them.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> f = pel.function([x], x.sum(), mode="numpy")
    >>> type(f).__name__, f.mode, f([1.0, 2.0])
    ('Function', 'numpy', np.float32(3.0))
    """

    def __init__(
        self,
        program: Program,
        structure: Outputs,
        mode: Mode,
        defaults: Mapping[Input, Array] | None = None,
        devices: Devices = None,
        shard: Shard = None,
    ) -> None:
        if mode not in MODES:
            raise OptionError(
                f"Expected mode to be one of {sorted(MODES)}. Received: {mode!r}.{near_miss(mode, MODES)}"
            )
        if devices is not None and mode not in MULTI_DEVICE_MODES:
            raise OptionError(
                f"devices: expected mode='auto' or 'xla', because XLA runs programs on several devices. Received: "
                f"mode={mode!r}. Leave out devices or mode"
            )
        if mode == "guard" and isinstance(program, BatchedProgram):
            raise OptionError(
                'mode="guard" checks one member only. Use mode="xla" or "numpy", or guard the function that pel.vmap '
                "received"
            )
        self.program = program
        self.mode = mode
        self.devices, self.shard = devices, shard
        self.defaults: dict[Input, Array] = dict(defaults or {})
        self._structure = structure
        self._backend: Any = None
        self._accepted: set[Signature] = set()
        """Shapes and dtypes of arguments that need no conversion, known from earlier calls."""

    @property
    def backend(self) -> Any:
        """The compiled or interpreted program, made at the first call."""
        if self._backend is None:
            if self.devices is not None:
                self._backend = DataParallelProgram(self.program, self.devices, self.shard)
            elif self.mode == "auto" and isinstance(self.program, BatchedProgram):
                self._backend = BatchedAutoProgram(self.program)
            elif self.mode in COMPILED_MODES and self.program.value_sized:
                self._backend = ValueSizedProgram(self.program)
            else:
                self._backend = MODES[self.mode](self.program)
        return self._backend

    @property
    def journal(self) -> Journal:
        """How the graph was rewritten before it was compiled."""
        return self.program.journal

    @property
    def compile_seconds(self) -> float:
        """Total compile time so far: once for each set of argument shapes, for calls and loops alike."""
        return 0.0 if self._backend is None else float(self._backend.compile_seconds)

    def __repr__(self) -> str:
        inputs = ", ".join(self.describe_input(i) for i in self.program.inputs)
        on = "" if self.devices is None else f" on {len(self.devices)} devices"
        lines = [f"function of ({inputs}) in mode {self.mode!r}{on}"]
        lines += [f"  returns {o}: {o.type}" for o in self.program.outputs]
        lines += [f"  updates {s} := {e}: {s.type}" for s, e in self.program.updates.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return function_html(self)

    def describe_input(self, i: Input) -> str:
        """Return the name, the type and the default of an input."""
        default = self.defaults.get(i)
        if default is None:
            return f"{i}: {i.type}"
        return f"{i}: {i.type} = {default if default.ndim == 0 else 'array ' + format_shape(default.shape)}"

    def __copy__(self) -> Function:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Function:
        return self.copy(swap={s: copy.deepcopy(s, memo) for s in self.program.shared})

    def __reduce__(self) -> tuple[Any, ...]:
        from pellucid.run.function_pickling import reduce_function

        return reduce_function(self)

    def bind_arguments(
        self, args: Sequence[ArrayLike], kwargs: Mapping[str, ArrayLike], walk: bool = False
    ) -> list[Buffer]:
        """Return the arguments in the order and dtypes of the inputs, after checking shapes and index ranges."""
        inputs, bounds = self.program.inputs, self.program.bounds
        signature = None if kwargs or walk else get_signature(args)
        if signature in self._accepted:
            values: list[Any] = list(args)
        else:
            ordered = order_arguments(inputs, args, kwargs, self.defaults, walk)
            values = convert_arguments(inputs, ordered, lead=int(walk))
            if signature is not None and len(args) == len(values) and all(map(is_, values, args)):
                self._accepted.add(signature)
        if bounds:
            for i, value in zip(inputs, values, strict=True):
                for bound in bounds.get(i, ()):
                    bound.check(i, value)
        return values

    def __call__(self, *args: ArrayLike, **kwargs: ArrayLike) -> Any:
        """Compute the outputs once, and update the shared variables."""
        values = self.bind_arguments(args, kwargs)
        return self.shape_outputs([o[()] for o in self.backend.call(values)])

    def repeat(self, steps: int, *args: ArrayLike, progress: Progress = None, **kwargs: ArrayLike) -> Any:
        r"""Run many steps on the same inputs, as one compiled loop.

        Parameters
        ----------
        steps : int
            Number of steps.
        *args, **kwargs
            The inputs, as for a call.
        progress : function or bool, optional
            True shows a progress bar, in a notebook as one output, or lines in a log. A function is called several
            times per second as ``progress(done, steps, latest)``, with the latest outputs. An exception that it raises
            ends the loop; shared variables keep the updates of the finished steps.

        Returns
        -------
        array, list or dict
            The outputs of every step, stacked along a new first axis; None for a function without outputs.

        Raises
        ------
        Interrupted
            On Ctrl-C. Shared variables keep the updates of the finished steps, and the exception has their outputs.

        Examples
        --------
        >>> w = pel.shared(8.0, "w")
        >>> halve = pel.function([], w, updates={w: w / 2})
        >>> halve.repeat(3)
        array([8., 4., 2.], dtype=float32)
        """
        values = self.bind_arguments(args, kwargs)
        return self._run_loop(values, check_integer("steps", steps, minimum=0), False, progress)

    def over(self, *batches: ArrayLike, progress: Progress = None, **kwargs: ArrayLike) -> Any:
        r"""Run one step for each batch, as one compiled loop: step :math:`i` gets ``batches[i]`` of every input.

        Parameters
        ----------
        *batches, **kwargs : arrays
            The inputs, each with one more axis in front; a default is the same at every step.
        progress : function or bool, optional
            As in `repeat`.

        Returns
        -------
        array, list or dict
            The outputs of every step, stacked along a new first axis; None for a function without outputs.

        Raises
        ------
        Interrupted
            On Ctrl-C, as in `repeat`.

        Examples
        --------
        >>> x, total = pel.scalar("x"), pel.shared(0.0, "total")
        >>> add = pel.function([x], total + x, updates={total: total + x})
        >>> add.over([1.0, 2.0, 3.0])
        array([1., 3., 6.], dtype=float32)
        """
        values = self.bind_arguments(batches, kwargs, walk=True)
        lengths = {len(v) for v in values}
        if len(lengths) != 1:
            pairs = zip(self.program.inputs, values, strict=True)
            received = ", ".join(f"{i}: {len(v)}" for i, v in pairs) or "no inputs"
            raise InputError(f"over: expected the same number of batches for every input. Received: {received}")
        return self._run_loop(values, lengths.pop(), True, progress)

    def copy(
        self, *, swap: Mapping[Shared, Shared] | None = None, delete_updates: bool = False, mode: Mode | None = None
    ) -> Function:
        """Return a function of the same program with other shared variables, without updates, or in another mode.

        Parameters
        ----------
        swap : dict from Shared to Shared, optional
            Replacements of shared variables, where they are read and updated. Both functions share all others.
        delete_updates : bool
            Whether to drop all updates, including those of random streams, so that a call changes nothing.
        mode : {"auto", "xla", "native", "numpy", "guard"}, optional
            Another mode, such as ``"guard"`` to find the origin of a NaN. A function on several devices becomes one on
            a single device in modes that XLA does not run.

        Returns
        -------
        Function
            It shares the compiled program if only shared variables are swapped.

        Raises
        ------
        InputError, ShapeError, DtypeError
            If a shared variable is not part of the function, its replacement is already, or has another type.

        Examples
        --------
        >>> a, b = pel.shared(1.0, "a"), pel.shared(10.0, "b")
        >>> f = pel.function([], a, updates={a: 2 * a})
        >>> g = f.copy(swap={a: b})
        >>> f(), f(), g(), g(), g.copy(delete_updates=True)
        (np.float32(1.0), np.float32(2.0), np.float32(10.0), np.float32(20.0), function of () in mode 'auto'
          returns b: float32 ())
        """
        program = swap_shared(self.program, swap) if swap else self.program
        made = Function(
            drop_updates(program) if delete_updates else program,
            self._structure,
            mode or self.mode,
            self.defaults,
            *((self.devices, self.shard) if (mode or self.mode) in MULTI_DEVICE_MODES else (None, None)),
        )
        if made.mode == self.mode in COMPILED_MODES and not delete_updates:
            made.backend.compiled, made.backend.backends = self.backend.compiled, self.backend.backends
        return made

    def as_jax(self) -> tuple[PureFunction, dict[str, Any]]:
        r"""Return a pure function of variables and inputs, for `jax.jit`, `jax.grad` and `jax.vmap`.

        ``f(params, *inputs)`` returns the outputs. If the function updates variables, it returns
        ``(outputs, new_params)`` and changes nothing. It runs JAX primitives only, without pellucid's C kernels, in
        the dtypes of the graph, whether or not JAX has 64-bit types enabled.

        Variables that are not floating-point numbers, such as random streams and counters of steps, are not in
        ``params``, so that `jax.grad` applies to all of them. ``f(params, *inputs, state=state)`` takes their values,
        by default those in ``f.state``, and returns ``(outputs, new_params, new_state)`` if it updates variables.
        The same ``state`` gives the same random numbers. `from_jax` is the opposite direction.

        Returns
        -------
        f : PureFunction
            ``f(params, *inputs, state=f.state)``. Inputs with a default may be left out at the end.
        params : dict from str to jax.Array
            Copies of the values of the shared variables by name. Names that occur twice get a number, such as ``w_1``,
            in the order in which the function lists its updates and then the other variables.

        Raises
        ------
        InputError, ShapeError
            When it is called with missing or unknown names, or with values of other shapes.

        Examples
        --------
        >>> import jax
        >>> x, w = pel.vector("x"), pel.shared([1.0, 2.0], "w")
        >>> f, params = pel.function([x], ((w * x) ** 2).sum()).as_jax()
        >>> print(jax.jit(jax.grad(f))(params, np.ones(2, "float32"))["w"])
        [2. 4.]

        A training step is the body of a loop in JAX:

        >>> step, params = pel.function([x], (w * x).sum(), updates={w: w - 0.5 * x}).as_jax()
        >>> params, losses = jax.lax.scan(lambda p, x: step(p, x)[::-1], params, np.ones((3, 2), "float32"))
        >>> print(losses, params["w"], w.get_value())
        [3. 2. 1.] [-0.5  0.5] [1. 2.]
        """
        from pellucid.run.as_jax import as_jax

        return as_jax(self)

    def values(self, *args: ArrayLike, **kwargs: ArrayLike) -> NodeValues:
        """Return the value of every expression of one step, without updating anything.

        Parameters
        ----------
        *args, **kwargs
            The inputs, as for a call.

        Returns
        -------
        dict from Expr to array
            The value of each expression of the simplified program, in topological order.

        Examples
        --------
        >>> x = pel.vector("x")
        >>> f = pel.function([x], pel.tanh(2 * x).sum())
        >>> print(f.values([0.0, 0.5]))
        2                  2.0
        x                  [0.  0.5]
        2 * x              [0. 1.]
        tanh(2 * x)        [0.        0.7615942]
        tanh(2 * x).sum()  0.7615942
        """
        return NodeValues(NumpyProgram(self.program).compute_all(self.bind_arguments(args, kwargs)))

    def profile(
        self, *args: ArrayLike, by: Literal["numpy", "xla"] = "numpy", repeats: int = 11, **kwargs: ArrayLike
    ) -> Profile:
        """Measure time and memory of every expression and of the whole program, without updating anything.

        Parameters
        ----------
        *args, **kwargs
            The inputs, as for a call.
        by : {"numpy", "xla"}
            Whether the NumPy interpreter computes each expression, or a separate XLA program.
        repeats : int
            Number of runs; medians are reported.

        Returns
        -------
        Profile
            A table. Print it, iterate over its ``rows``, sort it with ``sorted("bytes")``, or see ``ops``, ``families``
            and ``whole``.

        Notes
        -----
        The sum over the expressions is not the time of a compiled call, because XLA fuses many of them. ``whole`` has
        that time, and XLA's own count of operations and memory.

        Examples
        --------
        >>> X = pel.matrix("X")
        >>> f = pel.function([X], pel.tanh(X @ X).sum())
        >>> table = f.profile(np.ones((100, 100), "float32"))
        >>> [str(row.expr) for row in table.sorted("order")], table.bytes
        (['X @ X', 'tanh(X @ X)', 'tanh(X @ X).sum()'], 80004)
        """
        from pellucid.run.profile import measure_program

        values = self.bind_arguments(args, kwargs)
        return measure_program(
            self.program, values, by, repeats, whole=self.mode in COMPILED_MODES and not self.program.value_sized
        )

    def _run_loop(self, values: Sequence[Buffer], steps: int, walk: bool, progress: Progress) -> Any:
        if isinstance(progress, bool):
            with create_progress_display(progress) as display:
                task = display.add_task("repeat", steps)
                return self._run_loop(values, steps, walk, lambda done, *_: display.update(task, completed=done))
        history = OutputHistory(len(self.program.outputs))
        try:
            for _ in self.backend.run(values, steps, walk, history):
                if progress is not None:
                    progress(history.steps, steps, self.shape_outputs(history.get_latest()))
            return self.shape_outputs(history.stack(lambda: self.backend.infer_shapes(values, walk)))
        except KeyboardInterrupt:
            outputs = self.shape_outputs(history.stack(lambda: self._infer_shapes_after_interrupt(values, walk)))
            raise Interrupted(outputs, history.steps) from None

    def _infer_shapes_after_interrupt(self, values: Sequence[Buffer], walk: bool) -> Shapes:
        """Return the shapes of outputs; those of unknown sizes are 0 if JAX was interrupted during its import."""
        try:
            shapes: Shapes = self.backend.infer_shapes(values, walk)
        except Exception:
            outputs = self.program.outputs
            return [(tuple(d if isinstance(d, int) else 0 for d in e.shape), e.dtype) for e in outputs]
        return shapes

    def run_chunks(
        self, values: Sequence[Buffer], steps: int, walk: bool, first: int = 0, limit: Callable[[], int] | None = None
    ) -> Iterator[Any]:
        """Run a loop up to step ``steps``, starting with step ``first``, and yield the stacked outputs of each chunk.

        ``values`` are what `bind_arguments` returns. With ``walk``, each step has its own inputs, along the first axis,
        which may be longer than ``steps``. ``limit`` returns the maximum number of steps of the next chunk. On Ctrl-C,
        `Interrupted` is raised, with the outputs of the steps since the last chunk.
        """
        history = OutputHistory(len(self.program.outputs), first)
        yielded = first
        try:
            for _ in self.backend.run(values, steps, walk, history, limit):
                yielded = history.steps
                yield self.shape_outputs(history.pop())
        except KeyboardInterrupt:
            new = history.steps - yielded
            raise Interrupted(self.shape_outputs(history.pop()) if new else None, new) from None

    def shape_outputs(self, outputs: Sequence[Buffer]) -> Any:
        """Return outputs in the form in which they were requested: one, a list, a dict, or None."""
        if isinstance(self._structure, Expr):
            return outputs[0]
        if self._structure is None:
            return None
        if isinstance(self._structure, Mapping):
            return dict(zip(self._structure, outputs, strict=True))
        return outputs if isinstance(self._structure, (list, tuple)) else outputs[0]
