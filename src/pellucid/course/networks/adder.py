"""A recurrent network that learns to add, by hand and by graph with the gradient of a scan."""

from typing import Annotated

import numpy as np

from pellucid.byhand import adder as by_hand
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment, pluralize
from pellucid.tracking.comparison import compare_with_noise, describe_better_classifier
from pellucid.typing import Array

PRINTED_SUMS = 5


class AdderNetwork:
    """The network: a scan over the bits, and the gradient through it.

    It computes in the dtype of the initial weights ``start``.
    """

    def __init__(self, start: by_hand.AdderParameters, bits: int, rate: float) -> None:
        import pellucid as pel

        dtype = start.Wh.dtype
        x, y = pel.matrix("x", (bits, 2), dtype), pel.matrix("y", (bits, 1), dtype)
        Wx, Wh, Wo = self.parameters = [pel.shared(value, name) for name, value in start._asdict().items()]
        h = pel.scan(lambda x_t, h: pel.sigmoid(x_t @ Wx + h @ Wh), x, np.zeros(len(start.Wh), dtype))
        o = pel.sigmoid(h @ Wo)
        error = ((y - o) ** 2).sum() / 2
        self.error, self.names = error, {error: "E", o: "o", h: "h"}
        updates = pel.optimizers.SGD(rate).updates(error)
        self.step = pel.function([x, y], o[:, 0] > 0.5, updates=updates)
        self.predict = pel.function([x], o[:, 0] > 0.5)
        self.states = pel.function([x], h)


@experiment(
    "adder",
    "A recurrent network that adds binary numbers",
    r"h_t = \sigma(x_t W_x + h_{t-1} W_h), \quad o_t = \sigma(h_t W_o)",
    r"E = \frac{1}{2} \sum_t {(y_t - o_t)}^2",
    r"\frac{\partial E}{\partial h_t} = \frac{\partial E}{\partial o_t} \frac{\partial o_t}{\partial h_t}"
    r" + \frac{\partial E}{\partial h_{t+1}} \frac{\partial h_{t+1}}{\partial h_t}",
    chapters=(8,),
)
def adder(
    run: RunContext,
    *,
    sums: Annotated[int, Range(1), "training sums, one step of gradient descent each"] = 10_000,
    bits: Annotated[int, Range(2, 62), "bits per number"] = 8,
    hidden: Annotated[int, Range(1, 1000), "hidden units"] = 16,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.1,
) -> ExperimentResult:
    """The network reads two numbers bit by bit, least significant bit first, and outputs the bits of their sum. It must
    learn to keep the carry in its hidden layer. The gradient is propagated backwards through the steps: by hand as an
    explicit loop, by graph as the gradient of a scan, which is a scan in reverse. Each sum is predicted before the
    network is trained on it, so the fraction of exact predictions is a held-out accuracy.
    """
    import pellucid as pel
    from pellucid.data import binary_addition

    inputs, targets = binary_addition(sums, bits, run.seed, "float64")
    true = targets[..., 0].astype(bool)
    start = by_hand.initialize(hidden, run.seed)
    with (
        run.learning_curve("by hand", "sums", "error") as errors,
        run.progress("by hand", sums) as advance,
        run.clock("by hand") as hand_clock,
    ):

        def append(step: int, error: float) -> None:
            errors.append(error)
            advance()

        weights, hand_predictions, _ = by_hand.train(inputs, targets, hidden, rate, run.seed, append)

    network = AdderNetwork(start, bits, rate)
    first_sum = {"x": inputs[0], "y": targets[0]}
    derivation = pel.derive(network.error, network.parameters, first_sum, names=network.names)
    run.save_page(
        "derivation",
        "Backpropagation through time, derived step by step, with the numbers of the first sum",
        derivation.html("Backpropagation through time, step by step"),
    )
    last = inputs[-min(sums, 1000) :]
    before_training = are_exact(np.array([network.predict(x) for x in last]), true[-len(last) :])
    untrained = float(before_training.mean())
    probes, carries = last[-200:], compute_carries(last[-200:])
    before = find_carry_unit(np.array([network.states(x) for x in probes]), carries)
    with (
        run.learning_curve("by graph", "sums", "wrong bits", lambda bits: (bits != true[: len(bits)]).sum(axis=1)),
        run.loop_progress("by graph", sums) as progress,
        run.clock("by graph") as graph_clock,
    ):
        predictions = network.step.over(inputs, targets, progress=progress)
    seconds = graph_clock.seconds - network.step.compile_seconds

    exact = are_exact(predictions, true)
    accuracy = float(exact[-len(last) :].mean())
    same = float((predictions == hand_predictions).all(axis=1).mean())
    states = np.array([network.states(x) for x in probes])
    after = find_carry_unit(states, carries)
    pairs = zip(network.parameters, weights, strict=True)
    difference = max(float(np.abs(graph.get_value() - hand).max()) for graph, hand in pairs)
    shown = int(np.abs(np.diff(carries)).sum(axis=1).argmax())  # the sum whose carry changes most often
    draw_pictures(run, exact, probes[shown], states[shown], network.predict(probes[shown]), *after)
    return ExperimentResult(
        Score(f"exact of the last {len(last):,} sums", accuracy),
        baseline=Score("exact before training", untrained),
        measures={
            "exact_of_the_last": accuracy,
            "exact_of_the_last_by_hand": are_exact(hand_predictions, true)[-len(last) :].mean(),
            "untrained": untrained,
            "chance": 0.5**bits,
            "first_after_which_all_are_exact": int(np.flatnonzero(~exact)[-1]) + 1 if not exact.all() else 0,
            "carry_correlation_untrained": before[1],
            "carry_correlation": after[1],
            "same_predictions": same,
            "largest_weight_difference": difference,
            "seconds_by_hand": hand_clock.seconds,
            "seconds_by_graph": seconds,
            "seconds_to_compile": network.step.compile_seconds,
            "times_as_fast": hand_clock.seconds / seconds,
        },
        lines=[
            *format_sums(inputs[-PRINTED_SUMS:], predictions[-PRINTED_SUMS:]),
            f"exact: {accuracy:.1%} of the last {len(last):,} sums (before training: {untrained:.1%}; by guessing: "
            f"{0.5**bits:.1%})",
            f"largest difference between the weights by hand and by graph: {difference:.0e}",
            f"{pluralize(sums, 'sum')} by hand in NumPy: {hand_clock.seconds:.2f} s; as one compiled program: "
            f"{seconds:.3f} s, {hand_clock.seconds / seconds:.2g} times as fast "
            f"(and {network.step.compile_seconds:.2f} s to compile)",
        ],
        findings=[
            describe_better_classifier(
                "the trained network", exact[-len(last) :], "the untrained network", before_training, "sums"
            ),
            describe_carry(before[1], after[1], carries.size),
            describe_same_predictions(same),
        ],
    )


def describe_carry(before: float, after: float, steps: int) -> str:
    """Return whether a hidden unit follows the carry more closely after training.

    >>> describe_carry(0.5, 0.8, 1600)
    'The highest correlation of a hidden unit with the carry rises from 0.50 before training to 0.80 after.'
    """
    # Fisher's transformation: the standard error of arctanh of a correlation is 1 / sqrt(steps - 3).
    change = np.arctanh(min(after, 0.999)) - np.arctanh(min(before, 0.999))
    sign = compare_with_noise(change, np.sqrt(2 / (steps - 3)) if steps > 3 else np.inf)
    if sign == 0:
        return (
            f"The highest correlation of a hidden unit with the carry is {before:.2f} before training and {after:.2f} "
            "after: no difference beyond chance."
        )
    verb = "rises" if sign > 0 else "falls"
    return (
        f"The highest correlation of a hidden unit with the carry {verb} from {before:.2f} before training to "
        f"{after:.2f} after."
    )


def describe_same_predictions(same: float) -> str:
    """Return whether the network by hand and that by graph predict the same.

    >>> describe_same_predictions(1.0)
    'The network by hand and that by graph predict the same bits of every sum.'
    """
    if same == 1:
        return "The network by hand and that by graph predict the same bits of every sum."
    return f"The network by hand and that by graph predict different bits of {1 - same:.1%} of the sums."


def are_exact(predictions: Array, true: Array) -> Array:
    """Return for each sum whether all bits are correct."""
    return np.asarray((predictions == true).all(axis=1))


def format_bits(bits: Array) -> str:
    """Return bits, least significant first, as a binary number.

    >>> format_bits(np.array([0, 1, 1, 0]))
    '0110'
    """
    return "".join(str(int(bit)) for bit in bits[::-1])


def format_sums(inputs: Array, predictions: Array) -> list[str]:
    from pellucid.data import from_bits

    lines = []
    for x, bits in zip(inputs, predictions, strict=True):
        a, b = (int(from_bits(x[:, side])) for side in range(2))
        c = int(from_bits(bits.astype(int)))
        verdict = "correct" if c == a + b else f"wrong, {a + b} is correct"
        binary = f"{format_bits(x[:, 0])} + {format_bits(x[:, 1])} = {format_bits(bits)}"
        lines.append(f"{binary}   {a} + {b} = {c}   {verdict}")
    return lines


def draw_pictures(
    run: RunContext,
    exact: Array,
    x: Array,
    states: Array,
    prediction: Array,
    unit: int,
    correlation: float,
) -> None:
    """Save the accuracy during training, and the hidden states of one sum."""
    from pellucid.show.plots.plots import hidden_states, learning_curves

    window = max(1, min(200, len(exact) // 5))
    fraction = np.convolve(exact, np.full(window, 1 / window), mode="valid")
    label = f"fraction of the last {window} sums"
    run.save_figure(
        "exact",
        "Fraction of exact sums during training",
        learning_curves({"exact": (np.arange(window, len(exact) + 1), fraction)}, "training sums", label),
        reading=f"The fraction of exact predictions among the last {window} sums, over the course of training: "
        f"{fraction[0]:.1%} at first, {fraction[-1]:.1%} at the end.",
    )
    steps = [
        f"{int(a)} + {int(b)}\ncarry {carry}\n= {int(c)}"
        for (a, b), carry, c in zip(x, compute_carries(x[np.newaxis])[0], prediction, strict=True)
    ]
    run.save_figure(
        "hidden-states",
        "Hidden states during one sum",
        hidden_states(states, steps),
        reading="One column per step, starting with the least significant bit, and one row per hidden unit: dark is 0, "
        "bright is 1. The labels have the two input bits, the carry to the next step and the predicted bit. "
        f"Of all units, unit {unit} has the highest correlation with the carry: {correlation:.2f}.",
    )


def compute_carries(inputs: Array) -> Array:
    """Return the carry from each step of each sum to the next.

    >>> compute_carries(np.array([[[1, 1], [1, 0], [0, 0]]]))
    array([[1, 1, 0]])
    """
    carries = np.zeros(inputs.shape[:2], int)
    for t in range(inputs.shape[1]):
        carries[:, t] = inputs[:, t].sum(axis=1) + (carries[:, t - 1] if t else 0) >= 2
    return carries


def find_carry_unit(states: Array, carries: Array) -> tuple[int, float]:
    """Return the hidden unit with the highest absolute correlation with the carry, and that correlation.

    >>> find_carry_unit(np.array([[[0.2, 0.9], [0.1, 0.1], [0.3, 0.8]]]), np.array([[1, 0, 1]]))
    (1, 1.0)
    """
    rows = states.reshape(-1, states.shape[-1])
    centered_carries = carries.ravel() - carries.mean()
    centered = rows - rows.mean(axis=0)
    norms = np.sqrt((centered**2).sum(axis=0) * (centered_carries**2).sum())
    # A unit or a carry that never changes has norm 0, and a correlation of 0 here.
    correlation = np.abs(centered_carries @ centered) / np.where(norms > 0, norms, 1)
    unit = int(correlation.argmax())
    return unit, round(float(correlation[unit]), 2)
