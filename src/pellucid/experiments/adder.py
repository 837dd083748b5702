"""The recurrent network that learns to add: by hand, and by graph with the gradient taken through the loop."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.byhand import adder as by_hand
from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment
from pellucid.experiments.runner.pluralize import counted

SHOWN = 5
"""How many sums are printed."""


class Network:
    """The network as expressions: a scan over the bits, and the gradient through it.

    Parameters
    ----------
    start
        The weights to begin with; the network computes in their dtype.
    bits
        Of each number.
    rate
        Of the descent.
    """

    def __init__(self, start: by_hand.Parameters, bits: int, rate: float) -> None:
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
        self.answer = pel.function([x], o[:, 0] > 0.5)
        self.states = pel.function([x], h)

    def derivation(self, inputs: NDArray[Any], targets: NDArray[Any]) -> str:
        """Return a page on which backpropagation through time is derived, with the numbers of one sum."""
        import pellucid as pel

        derivation = pel.derive(self.error, self.parameters, {"x": inputs, "y": targets}, names=self.names)
        page: str = derivation.html("Backpropagation through time, step by step")
        return page

    def gap(self, other: by_hand.Parameters) -> float:
        """Return the largest difference between its weights and those of another."""
        pairs = zip(self.parameters, other, strict=True)
        return max(float(np.abs(mine.get_value() - theirs).max()) for mine, theirs in pairs)


@experiment(
    "adder",
    "A recurrent network learns to add",
    r"h_t = \sigma(x_t W_x + h_{t-1} W_h), \quad o_t = \sigma(h_t W_o)",
    r"E = \frac{1}{2} \sum_t {(y_t - o_t)}^2",
    r"\frac{\partial E}{\partial h_t} = \frac{\partial E}{\partial o_t} \frac{\partial o_t}{\partial h_t}"
    r" + \frac{\partial E}{\partial h_{t+1}} \frac{\partial h_{t+1}}{\partial h_t}",
)
def adder(
    run: Run,
    *,
    sums: Annotated[int, Range(1), "sums to learn from, one step of descent each"] = 10_000,
    bits: Annotated[int, Range(2, 62), "binary digits of a number"] = 8,
    hidden: Annotated[int, Range(1, 1000), "units in the hidden layer"] = 16,
    rate: Annotated[float, Range(0, open=True), "length of a step, as a multiple of the gradient"] = 0.1,
) -> Outcome:
    """The network reads two numbers bit by bit, the least significant first, and writes the bit of their sum. Nobody
    tells it of carrying: it has to find out that its hidden layer must remember something from one bit to the next, and
    what. The gradient goes back through the steps, by hand as a loop written out, by graph as the gradient of a scan,
    which is a scan from the end to the beginning. Every sum is answered before the network learns from it, so the share
    of exact answers is one on sums it has not seen.
    """
    from pellucid.data import binary_addition

    inputs, targets = binary_addition(sums, bits, run.seed, "float64")
    true = targets[..., 0].astype(bool)
    start = by_hand.initialize(hidden, run.seed)
    with (
        run.learning("by hand", "sums", "error") as errors,
        run.progress("by hand", sums) as advance,
        run.clock("by hand") as hand_clock,
    ):

        def note(done: int, error: float) -> None:
            errors.append(error)
            advance()

        weights, answers, _ = by_hand.train(inputs, targets, hidden, rate, run.seed, note)

    network = Network(start, bits, rate)
    run.page(
        "derivation",
        "Backpropagation through time, derived step by step, with the numbers of the first sum",
        network.derivation(inputs[0], targets[0]),
    )
    last = inputs[-min(sums, 1000) :]
    untrained = float(exact(np.array([network.answer(x) for x in last]), true[-len(last) :]).mean())
    looked_at, carries = last[-200:], carried(last[-200:])
    before = carrier(np.array([network.states(x) for x in looked_at]), carries)
    with (
        run.learning("by graph", "sums", "wrong bits", lambda said: (said != true[: len(said)]).sum(axis=1)),
        run.following("by graph", sums) as follow,
        run.clock("by graph") as graph_clock,
    ):
        answered = network.step.over(inputs, targets, progress=follow)
    seconds = graph_clock.seconds - network.step.compile_seconds

    right = exact(answered, true)
    result = float(right[-len(last) :].mean())
    same = float((answered == answers).all(axis=1).mean())
    states = np.array([network.states(x) for x in looked_at])
    after = carrier(states, carries)
    busiest = int(np.abs(np.diff(carries)).sum(axis=1).argmax())
    draw_pictures(run, right, looked_at[busiest], states[busiest], network.answer(looked_at[busiest]), *after)
    return Outcome(
        Score(f"exact of the last {len(last):,} sums", result),
        baseline=Score("exact by the untrained network", untrained),
        measures={
            "exact_of_the_last": result,
            "exact_of_the_last_by_hand": exact(answers, true)[-len(last) :].mean(),
            "untrained": untrained,
            "chance": 0.5**bits,
            "first_after_which_all_are_exact": int(np.flatnonzero(~right)[-1]) + 1 if not right.all() else 0,
            "carry_correlation_untrained": before[1],
            "carry_correlation": after[1],
            "same_answers": same,
            "largest_gap_of_weights": network.gap(weights),
            "seconds_by_hand": hand_clock.seconds,
            "seconds_by_graph": seconds,
            "seconds_to_compile": network.step.compile_seconds,
            "times_as_fast": hand_clock.seconds / seconds,
        },
        lines=[
            *written(inputs[-SHOWN:], answered[-SHOWN:]),
            f"exact: {result:.1%} of the last {len(last):,} sums (untrained: {untrained:.1%}; by guessing: "
            f"{0.5**bits:.1%})",
            f"hidden unit {after[0]} follows the carry most closely: correlation {after[1]:.2f}, before training "
            f"{before[1]:.2f} at best",
            f"by hand and by graph gave the same answer to {same:.1%} of all sums, and their weights differ by "
            f"{network.gap(weights):.0e} at most",
            f"{counted(sums, 'sum')} by hand in NumPy: {hand_clock.seconds:.2f} s; as one compiled program: "
            f"{seconds:.3f} s, {hand_clock.seconds / seconds:.2g} times as fast "
            f"(and {network.step.compile_seconds:.2f} s to compile)",
        ],
    )


def exact(answers: NDArray[Any], true: NDArray[Any]) -> NDArray[Any]:
    """Return for each sum whether all its bits are right."""
    return np.asarray((answers == true).all(axis=1))


def digits(bits: NDArray[Any]) -> str:
    """Return bits, the least significant first, as one writes them: the most significant first.

    >>> digits(np.array([0, 1, 1, 0]))
    '0110'
    """
    return "".join(str(int(bit)) for bit in bits[::-1])


def written(inputs: NDArray[Any], answers: NDArray[Any]) -> list[str]:
    """Return sums and what the network answered, a line each."""
    from pellucid.data import from_bits

    lines = []
    for x, answer in zip(inputs, answers, strict=True):
        a, b = (int(from_bits(x[:, side])) for side in range(2))
        said = int(from_bits(answer.astype(int)))
        verdict = "right" if said == a + b else f"wrong, {a + b} is right"
        lines.append(f"{digits(x[:, 0])} + {digits(x[:, 1])} = {digits(answer)}   {a} + {b} = {said}   {verdict}")
    return lines


def draw_pictures(
    run: Run,
    right: NDArray[Any],
    x: NDArray[Any],
    states: NDArray[Any],
    answer: NDArray[Any],
    unit: int,
    correlation: float,
) -> None:
    """Save how the answers became exact, and what the hidden layer holds during one sum."""
    from pellucid.show.hidden_state_plot import hidden_states
    from pellucid.show.plots import learning_curves

    window = max(1, min(200, len(right) // 5))
    share = np.convolve(right, np.full(window, 1 / window), mode="valid")
    run.figure(
        "exact",
        "How its sums become exact",
        learning_curves({"exact": (np.arange(window, len(right) + 1), share)}, "sums", f"share of the last {window}"),
        reading=f"The share of exact answers among the last {window} sums, as training goes on: it begins at "
        f"{share[0]:.1%} and ends at {share[-1]:.1%}.",
    )
    steps = [
        f"{int(a)} + {int(b)}\ncarry {carry}\n= {int(said)}"
        for (a, b), carry, said in zip(x, carried(x[np.newaxis])[0], answer, strict=True)
    ]
    run.figure(
        "hidden-states",
        "What the hidden layer holds during one sum",
        hidden_states(states, steps),
        reading="A column for each step, from the least significant bit on, and a row for each hidden unit: dark is 0, "
        "bright is 1. Under each step stand its two bits, what is carried to the next step, and the bit it answered. "
        f"Over many sums, unit {unit} follows the carry most closely, with a correlation of {correlation:.2f}; several "
        "units keep it together.",
    )


def carried(inputs: NDArray[Any]) -> NDArray[Any]:
    """Return the carry that each step of each sum hands to the next.

    >>> carried(np.array([[[1, 1], [1, 0], [0, 0]]]))
    array([[1, 1, 0]])
    """
    carries = np.zeros(inputs.shape[:2], int)
    for t in range(inputs.shape[1]):
        carries[:, t] = inputs[:, t].sum(axis=1) + (carries[:, t - 1] if t else 0) >= 2
    return carries


def carrier(states: NDArray[Any], carries: NDArray[Any]) -> tuple[int, float]:
    """Return the hidden unit that follows the carry most closely, and the size of its correlation with it.

    >>> carrier(np.array([[[0.2, 0.9], [0.1, 0.1], [0.3, 0.8]]]), np.array([[1, 0, 1]]))
    (1, 1.0)
    """
    rows = states.reshape(-1, states.shape[-1])
    followed = carries.ravel() - carries.mean()
    centred = rows - rows.mean(axis=0)
    sizes = np.sqrt((centred**2).sum(axis=0) * (followed**2).sum())
    correlation = np.abs(followed @ centred) / np.where(sizes > 0, sizes, 1)
    unit = int(correlation.argmax())
    return unit, round(float(correlation[unit]), 2)
