"""Pages for a person's own data: a network that the page trains again with every control."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pellucid.data.errors import DataError
from pellucid.graph.errors import OptionError
from pellucid.graph.inputs import matrix
from pellucid.graph.validation import check_integer
from pellucid.live.controls import check_controls, choice
from pellucid.live.interactive_figure import Figure
from pellucid.live.lab.inputs import ACTIVATIONS, LAYERS, UNITS, LabInputs, make_controls, make_inputs, make_unit_slider
from pellucid.live.lab.networks import LabNetwork, make_dense_network, make_model_network, set_initial_values
from pellucid.live.lab.training_step import make_training_step
from pellucid.live.lab.user_data import ARRAYS, Rows, read_rows
from pellucid.live.lab.views import DividedBoundary, DividedLossCurve, PredictionNumbers, ScoreTable, UsedWeights
from pellucid.live.network_structure import find_dense_layers, is_chain
from pellucid.live.views import network as network_view
from pellucid.live.views.base import View, get_output
from pellucid.run.function_builder import function
from pellucid.typing import Json

if TYPE_CHECKING:
    from pellucid.model.model import Model

__all__ = ["Lab", "lab"]

DTYPE = "float32"
STEPS = 1000
DEFAULT = {"layers": 2, "activation": "tanh"}
"""The network that the page shows first."""


class Lab(Figure):
    """Page for a person's own data; `pel.lab` makes it.

    Attributes
    ----------
    rows : Rows
        The data.
    """

    favors_size = True  # a page has up to 13 networks
    rows: Rows

    def to_spec(self) -> dict[str, Json]:
        """Return the figure as JSON data."""
        spec: dict[str, Any] = super().to_spec()
        return {**spec, "data": {**spec["data"], "divided": True}}


def lab(
    data_or_model: Any,
    data: Any = None,
    *,
    target: str | None = None,
    features: Sequence[str | int] | None = None,
    task: str | None = None,
    steps: int = STEPS,
    title: str | None = None,
    strict: bool = False,
) -> Lab:
    r"""Page in which a network learns your data, with controls for its layers and its training.

    The network sees two features, so that the page can draw its predictions in their plane. The page trains it on the
    training rows by gradient descent, :math:`W \leftarrow W - \eta (\partial L / \partial W + \lambda W)`. The other
    rows are held out: the page shows the loss and the score on them, next to a constant prediction and a linear model.

    Parameters
    ----------
    data_or_model : str, Path, (array, array) or Model
        A table such as a CSV file, an NPZ file, the name of a built-in data set such as ``"moons"``, or a pair (X, y)
        of arrays or data frames, of shapes (n, features) and (n,). Or a trained model of two features: the page begins
        with its weights and continues its training.
    data : str, Path or (array, array), optional
        The data, if the first argument is a model.
    target : str, optional
        Column of a table to predict; the last one by default.
    features : pair of str or int, optional
        The two features, by name or number. By default two of two, or the first two principal components of more.
    task : {"classification", "regression"}, optional
        By default, string targets and integer targets with few distinct values are classes.
    steps : int
        Number of training steps.
    title : str, optional
        Heading of the page.
    strict : bool
        Whether an invalid cell of a file is an error; otherwise it is a missing value, with a warning and a sentence on
        the page.

    Returns
    -------
    Lab
        A figure. It shows itself in notebooks, and ``save("lab.html")`` writes the page.

    Raises
    ------
    DataError
        If the data cannot be used: it says where and why.
    OptionError
        If an argument is invalid, or a model is of another kind.
    MissingCompilerError
        When the page is written, if there is no compiler: ``pip install 'pellucid[web]'`` installs one.

    Examples
    --------
    >>> X, y = pel.data.blobs(60, classes=3)
    >>> page = pel.lab((X, y), title="Three blobs")
    >>> page.rows.feature_names, page.rows.class_names
    (('x1', 'x2'), ('0', '1', '2'))
    """
    steps = check_integer("steps", steps, minimum=1)
    if is_model(data_or_model):
        return make_model_lab(data_or_model, data, target, features, steps, title, strict)
    if data is not None:
        raise OptionError(f"pel.lab: expected a model before the data. Received: {type(data_or_model).__name__}")
    rows = read_rows(data_or_model, target=target, features=features, task=task, strict=strict)
    inputs = make_inputs(rows, DTYPE)
    variants: list[tuple[dict[str, Json], Figure]] = []
    for layers, activation in list_architectures():
        when: dict[str, Json] = {"layers": layers, "activation": activation} if layers else {"layers": 0}
        network = make_dense_network(inputs, layers, activation)
        set_initial_values(network, inputs, UNITS)
        figure = make_figure(rows, inputs, network, steps, title)
        variants.append((when, figure))
        if when == DEFAULT:
            combined, first = copy.copy(figure), network
    set_initial_values(first, inputs, UNITS)  # networks share parameters
    choices = [
        choice("layers", LAYERS, DEFAULT["layers"], label="hidden layers"),
        choice("activation", ACTIVATIONS, DEFAULT["activation"]),
    ]
    combined.controls = check_controls([*choices, *combined.controls])
    combined.variants = variants
    return combined


def list_architectures() -> Iterator[tuple[int, str]]:
    """Yield numbers of hidden layers with activations; without hidden layers there is nothing to activate."""
    for layers in LAYERS:
        for activation in ACTIVATIONS if layers else ("linear",):
            yield layers, activation


def is_model(value: object) -> bool:
    from pellucid.model.model import Model

    return isinstance(value, Model)


def make_model_lab(
    model: Model,
    data: Any,
    target: str | None,
    features: Sequence[str | int] | None,
    steps: int,
    title: str | None,
    strict: bool,
) -> Lab:
    if data is None:
        raise OptionError(
            "pel.lab: expected a model and its data, as in pel.lab(model, (X, y)). Received: only a model"
        )
    outputs = describe_output(model)
    task = "regression" if outputs == 0 else "classification"
    rows = read_rows(data, target=target, features=features, task=task, strict=strict)
    if len(rows.class_names) != outputs:
        raise DataError(
            f"pel.lab: {model.name} predicts {outputs} classes, and the data have {len(rows.class_names)}: "
            f"{', '.join(rows.class_names)}. Use data with the classes of its training."
        )
    network = make_model_network(model)
    if not network.parameters:
        raise OptionError(f"pel.lab: expected a model with trainable parameters. Received: {model.name}, without any")
    fact = f"Step 0 shows {model.name} as it was; then gradient descent continues its training, without dropout."
    rows = replace(rows, facts=(*rows.facts, fact))
    return make_figure(rows, make_inputs(rows, DTYPE), network, steps, title or f"{model.name} on {rows.name}")


def describe_output(model: Model) -> int:
    """Return the number of classes that a model of two features predicts; 0 if it predicts a number."""
    shapes = [i.shape for i in model.inputs], [e.shape for e in model.outputs]
    if len(model.inputs) != 1 or shapes[0][0][1:] != (2,) or len(model.outputs) != 1 or len(shapes[1][0]) != 2:
        raise OptionError(
            f"pel.lab: expected a model with one input of two features and one output of shape (n, k). Received: "
            f"{model.name} with inputs of shape {shapes[0]} and outputs of shape {shapes[1]}"
        )
    output = model.outputs[0]
    count, op = int(output.shape[1]), output.op.name if output.op else ""
    if op == "softmax" or (op == "sigmoid" and count == 1):
        return max(count, 2)
    if count == 1:
        return 0
    raise OptionError(
        f"pel.lab: expected class probabilities or one number from {model.name}. Received: {count} outputs of "
        f"{op or 'an input'}. End the model with activation='softmax'"
    )


def make_title(rows: Rows) -> str:
    return f"Prediction of {rows.target_name}" if rows.name == ARRAYS else f"{rows.name}: {rows.target_name}"


def make_figure(rows: Rows, inputs: LabInputs, network: LabNetwork, steps: int, title: str | None) -> Lab:
    """Return the page of one network."""
    X = matrix("X", shape=("m", 2), dtype=DTYPE)
    predict = function([X], network.predict(X))
    layers = find_dense_layers(get_output(predict))
    views: list[View] = [
        DividedBoundary(inputs, predict, "Decision boundary" if inputs.classes else f"Predicted {rows.target_name}"),
        ScoreTable(inputs, network, rows.facts),
        DividedLossCurve(inputs, network),
    ]
    if layers and is_chain(layers):
        views.append(network_view(predict))
    figure = Lab(
        train=make_training_step(inputs, network),
        steps=steps,
        data=inputs.list_data(rows),
        controls=[*[make_unit_slider(inputs)] * network.has_units, *make_controls(inputs, len(rows.X))],
        views=[*views, UsedWeights(inputs, network), PredictionNumbers(inputs, network)],
        initial=network.initial,
        title=title or make_title(rows),
        description=" ".join(rows.facts),
        features=rows.feature_names,
        classes=rows.class_names or None,
        weights=inputs.present,
    )
    figure.rows = rows
    return figure
