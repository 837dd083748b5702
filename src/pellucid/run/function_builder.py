"""``pel.function``: compiles expressions into a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import InputError
from pellucid.graph.expr import Expr, Input, Operand, Shared, as_expr
from pellucid.graph.unsupported_functions import hint_at_arguments
from pellucid.run.argument_binding import check_shape
from pellucid.run.device_selection import check_shard, choose_devices
from pellucid.run.function import Function, Outputs
from pellucid.run.graph_program import OnUnusedInput, make_program
from pellucid.typing import Array, ArrayLike, Devices, Mode, Shard


def list_pairs(given: Mapping[Any, Any] | Sequence[tuple[Any, Any]], argument: str) -> list[tuple[Any, Any]]:
    """Return the pairs of a dict or sequence, after checking that no target occurs twice."""
    is_pairs = isinstance(given, (list, tuple)) and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in given)
    if not isinstance(given, Mapping) and not is_pairs:
        raise InputError(f"{argument}: expected a dict such as {{w: w + 1}}, or a list of pairs. Received: {given!r}")
    pairs = list(given.items()) if isinstance(given, Mapping) else list(given)
    repeated = [target for target, count in Counter(target for target, _ in pairs).items() if count > 1]
    if repeated:
        raise InputError(f"{argument}: expected one value for {repeated[0]}. Received: {pairs}")
    return pairs


@hint_at_arguments
def function(
    inputs: Input | Sequence[Input],
    outputs: Outputs = None,
    *,
    updates: Mapping[Shared, Operand] | Sequence[tuple[Shared, Operand]] | None = None,
    givens: Mapping[Any, Operand] | Sequence[tuple[Expr, Operand]] | None = None,
    defaults: Mapping[Input, ArrayLike] | None = None,
    mode: Mode = "auto",
    rewrite: bool | str | Iterable[str] = True,
    on_unused_input: OnUnusedInput = "raise",
    donate: bool = True,
    devices: Devices = None,
    shard: Shard = None,
) -> Function:
    """Compile expressions into a function.

    Parameters
    ----------
    inputs : sequence of Input
        Arguments of a call, given by position or by name.
    outputs : Expr, sequence or dict of Expr, optional
        Results of a call, returned in the same form.
    updates : dict from Shared to Expr, or list of pairs, optional
        New values of shared variables after a call, all computed from the old ones. Random streams add their own
        updates.
    givens : dict from Expr to Expr or array, or list of pairs, optional
        Substitutions in the graph, made before anything else.
    defaults : dict from Input to array or number, optional
        Values of inputs that a call does not give. In `Function.over`, a default is the same at every step.
    mode : {"auto", "xla", "native", "numpy", "guard"}
        ``"xla"`` compiles with XLA and ``"native"`` to C. ``"auto"`` compiles loops of small steps to C if the machine
        has a C compiler, and everything else with XLA. ``"numpy"`` interprets the graph op by op. ``"guard"`` does so
        too, and stops at the first NaN or infinity with an explanation.
    rewrite : bool, str or names of phases
        Whether to simplify the graph, or which phases of simplification to run (``pel.phases()`` lists them;
        ``pel.phases().keys() - {"stabilize"}`` are all but one). Without simplification, results may overflow or lose
        digits.
    on_unused_input : {"raise", "ignore"}
        Whether an input or a substitution that nothing depends on is an error.
    donate : bool
        Whether a compiled run may overwrite the old values of shared variables. If such a run fails half-way, for
        example because memory runs out, the values are lost, and an error says so. With ``donate=False`` they are kept
        until the run has succeeded, at twice the memory.
    devices : "all", int or list, optional
        Devices of this machine, or of each machine that `pellucid.distribution` connects: all, a number of them, or a
        list of numbers or names. They divide the first axis of every input, and each keeps a copy of the shared
        variables. The results are those of one device, up to rounding. By default the function runs on one device.
    shard : {"parameters"}, optional
        Divide the updated and trainable variables over the devices, instead of copying them to each: memory per device
        falls with the number of devices, and more data are sent between them. Variables that several processes divide
        are gathered by `Shared.get_value`, which every process must call.

    Returns
    -------
    Function
        Call it, `Function.repeat` it, or run it `Function.over` batches. It returns NumPy arrays and numbers.

    Raises
    ------
    InputError
        If an input is missing, unused or not an input.
    NonFiniteError
        When a call in mode ``"guard"`` computes a NaN or infinity.
    StateError
        When a call fails after shared variables were donated.
    ShapeError, DtypeError
        If an update has another shape or dtype than its variable.

    Examples
    --------
    >>> x, W = pel.vector("x"), pel.shared([0.2, 0.7], name="W")
    >>> f = pel.function([x], (x * W).sum())
    >>> print(f([1.0, 1.0]))
    0.9
    >>> rate = pel.scalar("rate")
    >>> f = pel.function([x, rate], rate * x, defaults={rate: 0.5})
    >>> f([1.0, 2.0]), f([1.0, 2.0], rate=2)
    (array([0.5, 1. ], dtype=float32), array([2., 4.], dtype=float32))
    """
    if isinstance(outputs, Mapping):
        output_list: list[Any] = list(outputs.values())
    else:
        output_list = [] if outputs is None else list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    check_shard(shard, devices)
    program = make_program(
        inputs,
        [as_expr(o) for o in output_list],
        list_pairs(updates or {}, "updates"),
        list_pairs(givens or {}, "givens"),
        rewrite,
        on_unused_input,
        donate,
    )
    checked_defaults = check_defaults(program.inputs, defaults or {})
    return Function(program, outputs, mode, checked_defaults, choose_devices(devices), shard)


def check_defaults(inputs: Sequence[Input], given: Mapping[Input, ArrayLike]) -> dict[Input, Array]:
    input_set = set(inputs)
    defaults = {}
    for target, value in given.items():
        if target not in input_set:
            raise InputError(
                f"defaults: expected inputs of the function, which are {', '.join(map(str, inputs))}. "
                f"Received: {target!r}"
            )
        array = cast_to_dtype(value, target.dtype, f"the default of {target}").copy()
        check_shape(target, array.shape, 0, {})
        defaults[target] = array
    return defaults
