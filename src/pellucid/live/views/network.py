"""Network: units and weighted connections."""

from __future__ import annotations

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Input
from pellucid.graph.traversal import topological
from pellucid.live.network_structure import DenseLayer, find_dense_layers, is_chain
from pellucid.live.views.base import FigureContext, View, check_function, get_output
from pellucid.run.function import Function
from pellucid.typing import Json

__all__ = ["Network", "network"]


class Network(View):
    kind = "network"

    def __init__(self, predict: Function | None, title: str) -> None:
        super().__init__(title)
        self.predict: Function | None = None if predict is None else check_function("network", predict)

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        output = context.loss if self.predict is None else get_output(self.predict)
        if output is None:
            raise UseError("pel.live.network: expected a function, or a figure with train=step. Received: neither")
        layers = find_dense_layers(output)
        x = find_input(layers[0]) if layers else None
        if x is None or not is_chain(layers):
            raise UseError(
                "pel.live.network draws chains of fully connected layers: x @ W + b with shared matrices W and an "
                f"input x. Received: {output}, in which it finds {len(layers)} products with shared matrices"
            )
        shown = [x for x in layers if x.weights in context.functions.names] or layers
        parts: dict[str, Json] = {
            "layers": [describe_input(layers[0], context), *(describe_layer(x, context) for x in shown)],
            "connections": [describe_connection(x, context) for x in shown],
            "activations": self.add_activations(x, layers, context),
        }
        return {"kind": self.kind, "title": self.title}, parts

    def add_activations(self, x: Input, layers: list[DenseLayer], context: FigureContext) -> dict[str, Json]:
        """Compile the values of all layers for one sample."""
        width = layers[0].weights.storage.shape[0]
        argument = context.functions.add_array(context.name("sample"), shape=(1, width), dtype=x.dtype, role="input")
        outputs = [layers[0].x, *(layer.output for layer in layers)]
        name = context.functions.add_outputs(context.name("activations"), outputs, {x: argument})
        return {"function": name, "argument": argument, "outputs": list(range(len(outputs)))}


def find_input(first: DenseLayer) -> Input | None:
    """Return the matrix of samples that the first layer receives, perhaps standardized; None if there are several."""
    inputs = [e for e in topological([first.x]) if isinstance(e, Input)]
    return inputs[0] if len(inputs) == 1 and inputs[0].ndim == 2 else None


def describe_input(first: DenseLayer, context: FigureContext) -> dict[str, Json]:
    width = int(first.weights.storage.shape[0])
    names = context.feature_names
    labels = names if names is not None and len(names) == width else None
    values = str(first.x) if isinstance(first.x, Input) else None
    return {"name": values or "features", "values": values, "units": width, "labels": labels, "activation": None}


def describe_layer(layer: DenseLayer, context: FigureContext) -> dict[str, Json]:
    names = context.class_names
    labels = names if names is not None and len(names) == layer.units else None
    return {
        "name": layer.name,
        "values": layer.output_name,
        "units": layer.units,
        "labels": labels,
        "activation": layer.activation,
    }


def describe_connection(layer: DenseLayer, context: FigureContext) -> dict[str, Json]:
    bias = None if layer.bias is None else context.functions.add_leaf(layer.bias)
    return {"weights": context.functions.add_leaf(layer.weights), "bias": bias}


def network(predict: Function | None = None, *, title: str = "Network") -> Network:
    """Network of fully connected layers as units and connections.

    The width of a connection is the size of its weight, and its color and dashes tell the sign. Units show their values
    for the selected data point.

    Parameters
    ----------
    predict : Function, optional
        The function of the network; by default the network in the loss of the training step, up to its scores.
    title : str
        Title of the view.

    Returns
    -------
    Network

    Raises
    ------
    UseError
        If the expression is not a chain of fully connected layers, ``x @ W + b`` with an activation.

    Examples
    --------
    >>> pel.live.network(title="Two layers").title
    'Two layers'
    """
    return Network(predict, title)
