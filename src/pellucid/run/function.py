"""Functions: expressions compiled into something one can call, or run as a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import InputError, OptionError, UseError, near_miss
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.extensions import above
from pellucid.graph.rewriter import Journal
from pellucid.graph.types import shape_text
from pellucid.run.argument_binding import arrange, bind, checked_steps
from pellucid.run.batched_program import BatchedProgram
from pellucid.run.data_parallel import Devices, DevicesProgram
from pellucid.run.function_copy import swapped, without_updates
from pellucid.run.interpreter import NumpyProgram
from pellucid.run.interrupts import Interrupted
from pellucid.run.nan_guard import GuardProgram
from pellucid.run.native.program import AutoProgram, MembersProgram, NativeProgram
from pellucid.run.node_values import Values
from pellucid.run.output_history import History
from pellucid.run.program import Program
from pellucid.run.xla import XlaProgram

if TYPE_CHECKING:
    from pellucid.run.profile import Profile

MODES: dict[str, Any] = {
    "auto": AutoProgram,
    "xla": XlaProgram,
    "native": NativeProgram,
    "numpy": NumpyProgram,
    "guard": GuardProgram,
}

COMPILED = ("auto", "xla", "native")
ON_DEVICES = ("auto", "xla")

Progress = Callable[[int, int, Any], None]
Outputs = Expr | Sequence[Any] | Mapping[str, Any] | None


class Function:
    """What `function` returns: call it, `repeat` it, or run it `over` batches.

    Attributes
    ----------
    program : Program
        The simplified graph: ``program.outputs``, ``program.updates`` (those that random streams add included), and
        ``program.journal``, which tells how it was rewritten.
    mode : str
        ``"auto"``, ``"xla"``, ``"native"``, ``"numpy"`` or ``"guard"``.
    defaults : dict from Input to array
        What inputs are that are not given.
    devices : tuple of jax.Device, or None
        Those that it runs on together; None for the one that JAX takes.
    """

    def __init__(
        self,
        program: Program,
        structure: Outputs,
        mode: str,
        defaults: Mapping[Input, Any] | None = None,
        devices: Devices = None,
    ) -> None:
        if mode not in MODES:
            raise OptionError(
                f"Expected a mode out of {sorted(MODES)}. Received: mode={mode!r}.{near_miss(mode, MODES)}"
            )
        if devices is not None and mode not in ON_DEVICES:
            raise OptionError(
                f"Many devices run what XLA compiles. Received: mode={mode!r} with devices. Leave one of them out"
            )
        self.program = program
        self.mode = mode
        self.devices = devices
        self.defaults = dict(defaults or {})
        self._structure = structure
        self._backend: Any = None

    @property
    def backend(self) -> Any:
        """The compiled or interpreted program, made at the first call."""
        if self._backend is None:
            self._backend = self.made()
        return self._backend

    def made(self) -> Any:
        """Return what runs the program: on many devices, on many members, or in its mode."""
        if self.devices is not None:
            return DevicesProgram(self.program, self.devices)
        many = self.mode == "auto" and isinstance(self.program, BatchedProgram)
        return MembersProgram(self.program) if many else MODES[self.mode](self.program)

    @property
    def journal(self) -> Journal:
        """How the graph was rewritten before it was compiled."""
        return self.program.journal

    @property
    def compile_seconds(self) -> float:
        """How long compiling took so far: once for every set of argument shapes, for calls and loops alike."""
        return 0.0 if self._backend is None else float(self._backend.compile_seconds)

    def __repr__(self) -> str:
        given = ", ".join(self.described(i) for i in self.program.inputs)
        on = "" if self.devices is None else f" on {len(self.devices)} devices"
        lines = [f"function of ({given}) in mode {self.mode!r}{on}"]
        lines += [f"  returns {o}: {o.type}" for o in self.program.outputs]
        lines += [f"  updates {s} := {e}: {s.type}" for s, e in self.program.updates.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return str(above("function_html", self))

    def described(self, given: Input) -> str:
        """Write an input with its type and default."""
        default = self.defaults.get(given)
        if default is None:
            return f"{given}: {given.type}"
        return f"{given}: {given.type} = {default if default.ndim == 0 else 'array ' + shape_text(default.shape)}"

    def __reduce__(self) -> Any:
        raise UseError(
            "A function cannot be pickled or copied by Python: it is a compiled program, and its shared variables live "
            "in this process. Use its own copy(), or save the values of its shared variables"
        )

    def bound(self, args: Sequence[Any], kwargs: Mapping[str, Any], walk: bool = False) -> list[Any]:
        """Return the arguments in the order and dtypes of the inputs, held against their shapes and bounds."""
        inputs = self.program.inputs
        values = bind(inputs, arrange(inputs, args, kwargs, self.defaults, walk), lead=int(walk))
        for given, value in zip(inputs, values, strict=True):
            if given in self.program.bounds:
                self.program.bounds[given].check(given, value)
        return values

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs once, and update the shared variables."""
        values = self.bound(args, kwargs)
        return self.shape_outputs([o[()] for o in self.backend.call(values)])

    def repeat(self, steps: int, *args: Any, progress: Progress | None = None, **kwargs: Any) -> Any:
        r"""Run the same inputs many times, as one compiled loop.

        Parameters
        ----------
        steps : int
            How many times.
        *args, **kwargs
            The inputs, as for a call.
        progress : function, optional
            ``progress(done, steps, latest)`` is called some five times a second, with the latest outputs. What it
            raises ends the loop; shared variables keep what the finished steps made of them.

        Returns
        -------
        array, list or dict
            The outputs of every step, stacked along a new first axis; None for a function without outputs.

        Raises
        ------
        Interrupted
            On Ctrl-C; shared variables keep what the finished steps made of them, and it carries their outputs.

        Examples
        --------
        >>> import pellucid as pel
        >>> w = pel.shared(8.0, "w")
        >>> halve = pel.function([], w, updates={w: w / 2})
        >>> halve.repeat(3)
        array([8., 4., 2.], dtype=float32)
        """
        values = self.bound(args, kwargs)
        return self.loop(values, checked_steps(steps), False, progress)

    def over(self, *batches: Any, progress: Progress | None = None, **kwargs: Any) -> Any:
        r"""Walk a leading batch axis: step :math:`i` gets ``batch[i]`` of every input, as one compiled loop.

        Parameters
        ----------
        *batches, **kwargs : arrays
            The inputs, each with one more axis in front; a default is the same at every step.
        progress : function, optional
            ``progress(done, steps, latest)`` is called some five times a second, with the latest outputs. What it
            raises ends the loop; shared variables keep what the finished steps made of them.

        Returns
        -------
        array, list or dict
            The outputs of every step, stacked along a new first axis; None for a function without outputs.

        Raises
        ------
        Interrupted
            On Ctrl-C; shared variables keep what the finished steps made of them, and it carries their outputs.

        Examples
        --------
        >>> import pellucid as pel
        >>> x, total = pel.scalar("x"), pel.shared(0.0, "total")
        >>> add = pel.function([x], total + x, updates={total: total + x})
        >>> add.over([1.0, 2.0, 3.0])
        array([1., 3., 6.], dtype=float32)
        """
        values = self.bound(batches, kwargs, walk=True)
        lengths = {len(v) for v in values}
        if len(lengths) != 1:
            given = ", ".join(f"{i}: {len(v)}" for i, v in zip(self.program.inputs, values, strict=True)) or "none"
            raise InputError(f"over walks inputs that are equally long. Received lengths: {given}")
        return self.loop(values, lengths.pop(), True, progress)

    def copy(
        self, *, swap: Mapping[Shared, Shared] | None = None, delete_updates: bool = False, mode: str | None = None
    ) -> Function:
        """Return a function of the same program, on other shared variables, without updates, or in another mode.

        Parameters
        ----------
        swap : dict from Shared to Shared, optional
            What takes the place of which shared variable, as read and as updated. Others are used by both functions.
        delete_updates : bool
            Whether to leave the updates out, those of random streams included, so that a call changes nothing.
        mode : {"auto", "xla", "native", "numpy", "guard"}, optional
            Another mode, such as ``"guard"`` to find out where a nan comes from. Of many devices, one is left where
            the mode is none of XLA's.

        Returns
        -------
        Function
            What was compiled for this one serves it too, if only shared variables are swapped.

        Raises
        ------
        InputError, ShapeError, DtypeError
            If a shared variable is not there, is there already, or is of another type.

        Examples
        --------
        >>> import pellucid as pel
        >>> a, b = pel.shared(1.0, "a"), pel.shared(10.0, "b")
        >>> f = pel.function([], a, updates={a: 2 * a})
        >>> g = f.copy(swap={a: b})
        >>> f(), f(), g(), g(), g.copy(delete_updates=True)
        (np.float32(1.0), np.float32(2.0), np.float32(10.0), np.float32(20.0), function of () in mode 'auto'
          returns b: float32 ())
        """
        program = swapped(self.program, swap) if swap else self.program
        made = Function(
            without_updates(program) if delete_updates else program,
            self._structure,
            mode or self.mode,
            self.defaults,
            self.devices if (mode or self.mode) in ON_DEVICES else None,
        )
        if made.mode == self.mode in COMPILED and not delete_updates:
            made.backend.compiled = self.backend.compiled
        return made

    def values(self, *args: Any, **kwargs: Any) -> Values:
        """Compute one step node by node and return every value on the way, without updating anything.

        Parameters
        ----------
        *args, **kwargs
            The inputs, as for a call.

        Returns
        -------
        dict from Expr to array
            The value of each expression of the program, as simplified, after those of what it is made of.

        Examples
        --------
        >>> import pellucid as pel
        >>> x = pel.vector("x")
        >>> f = pel.function([x], pel.tanh(2 * x).sum())
        >>> print(f.values([0.0, 0.5]))
        2                  2.0
        x                  [0.  0.5]
        2 * x              [0. 1.]
        tanh(2 * x)        [0.        0.7615942]
        tanh(2 * x).sum()  0.7615942
        """
        return Values(NumpyProgram(self.program).values(self.bound(args, kwargs)))

    def profile(self, *args: Any, by: str = "numpy", repeats: int = 11, **kwargs: Any) -> Profile:
        """Measure the time and memory of every expression, and of the whole, without updating anything.

        Parameters
        ----------
        *args, **kwargs
            The inputs, as for a call.
        by : {"numpy", "xla"}
            Who computes each expression, alone: the interpreter, or a program of XLA's of its own, compiled for it.
        repeats : int
            How often; medians are reported.

        Returns
        -------
        Profile
            A table; print it, walk its ``rows``, ``sorted("bytes")``, or ask for ``ops``, ``families``, ``whole``.

        Notes
        -----
        The sum over the expressions is not the time of a compiled call: XLA computes many of them in one go.
        ``whole`` has that time, beside what XLA itself counts of operations and memory.

        Examples
        --------
        >>> import pellucid as pel
        >>> X = pel.matrix("X")
        >>> f = pel.function([X], pel.tanh(X @ X).sum())
        >>> table = f.profile(np.ones((100, 100), "float32"))
        >>> [str(row.expr) for row in table.sorted("order")], table.bytes
        (['X @ X', 'tanh(X @ X)', 'tanh(X @ X).sum()'], 80004)
        """
        from pellucid.run.measurement import measured

        return measured(self.program, self.bound(args, kwargs), by, repeats, whole=self.mode in COMPILED)

    def loop(self, values: list[Any], steps: int, walk: bool, progress: Progress | None) -> Any:
        """Run a loop and gather its outputs."""
        history = History(len(self.program.outputs))

        def whole() -> Any:
            return self.shape_outputs(history.whole(lambda: self.backend.shapes(values, walk)))

        try:
            for _ in self.backend.run(values, steps, walk, history):
                if progress is not None:
                    progress(history.steps, steps, self.shape_outputs(history.latest()))
            return whole()
        except KeyboardInterrupt:
            raise Interrupted(whole(), history.steps) from None

    def chunks(
        self, values: list[Any], steps: int, walk: bool, first: int = 0, limit: Callable[[], int] | None = None
    ) -> Iterator[Any]:
        """Run a loop from one of its steps on, and hand out the outputs of each chunk as it is finished.

        Parameters
        ----------
        values : list of array
            The inputs, as `bound` returns them; to walk, their first axis may be longer than there are steps.
        steps : int
            Where the loop ends.
        walk : bool
            Whether each step gets its own of every input.
        first : int
            Where it begins.
        limit : function, optional
            Asked before every chunk how many steps it may have.

        Yields
        ------
        array, list or dict
            The outputs of the steps of a chunk, stacked along a new first axis; None for a function without outputs.

        Raises
        ------
        Interrupted
            On Ctrl-C, with the outputs of the steps that were finished since the last chunk was handed out.
        """
        history = History(len(self.program.outputs), first)
        told = first
        try:
            for _ in self.backend.run(values, steps, walk, history, limit):
                told = history.steps
                yield self.shape_outputs(history.take())
        except KeyboardInterrupt:
            new = history.steps - told
            raise Interrupted(self.shape_outputs(history.take()) if new else None, new) from None

    def shape_outputs(self, outputs: list[Any]) -> Any:
        """Return outputs as they were asked for: one, a list, a dict, or none."""
        if self._structure is None:
            return None
        if isinstance(self._structure, Mapping):
            return dict(zip(self._structure, outputs, strict=True))
        return outputs if isinstance(self._structure, (list, tuple)) else outputs[0]
