"""Description of the inputs and outputs of a network, for programs that run an exported network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.train.evaluate.saved_models import SavedModel
from pellucid.train.evaluate.trained_network import TrainedNetwork
from pellucid.train.read.feature_names import get_table_columns, list_columns

IMAGE_STEPS = (
    "turn the image upright by its EXIF orientation, blend transparency with white, convert to RGB",
    "resize to {height}x{width} pixels (height x width), bilinear, without keeping the aspect ratio",
    "pass the bytes 0 to 255 in the order row, column, channel; the network scales them itself",
)

TABLE_STEPS = (
    "pass the columns in this order, in the units of the table; the network scales them itself",
    "replace a missing number by the number given here, the median of the training set",
    "write a category as 1 in its own input and 0 in the others; a missing or unknown one as zeros",
)

DATE_STEP = (
    "write a date as days since the date given here, as year, and as month (0 to 11), weekday (0 is Monday) and hour: "
    "of these three the sine and the cosine of 2 pi times the number divided by 12, 7 and 24"
)

ARRAY_STEP = "pass samples of shape {shape} as in the array x of the training data; the network scales them itself"


def describe_interface(saved: SavedModel) -> dict[str, Any]:
    """Return the inputs of a network with shape, dtype, order and preprocessing, and its outputs.

    Parameters
    ----------
    saved : SavedModel
        A model. Without the data of a run, only shapes and dtypes are known.

    Returns
    -------
    dict
        ``inputs``, ``features``, ``preprocessing`` and ``outputs``, of plain values.
    """
    model, network = saved.model, saved.network
    inputs = [
        {
            "name": name,
            "shape": [size if isinstance(size, int) else str(size) for size in e.shape],
            "dtype": str(e.dtype),
        }
        for name, e in zip(model.input_names, model.inputs, strict=True)
    ]
    if network is None:
        names: list[str] = list(model.output_names)
        return {"inputs": inputs, "features": [], "preprocessing": [], "outputs": [{"name": name} for name in names]}
    shape = tuple(int(size) for size in model.inputs[0].shape[1:])
    return {
        "inputs": inputs,
        "features": list_features(network.description, shape) if len(shape) == 1 else [],
        "preprocessing": list_steps(network, shape),
        "outputs": list_outputs(network),
    }


def list_features(description: Mapping[str, Any], shape: Sequence[int]) -> list[dict[str, Any]]:
    """Return each input of a flat sample with its column, and the category or the replacement of missing numbers.

    Examples
    --------
    >>> place = {"name": "place", "kind": "category", "values": ["sea", "town"]}
    >>> list_features({"inputs": [place]}, (2,))[1]
    {'index': 1, 'name': 'place = town', 'column': 'place', 'category': 'town'}
    """
    described = {str(each["name"]): each for each in get_table_columns(description)}
    found: list[dict[str, Any]] = []
    for column in list_columns(description, shape):
        for offset, name in enumerate(column.inputs):
            feature = {"index": column.start + offset, "name": name, "column": column.name}
            if column.categories:
                feature["category"] = column.categories[offset]
            elif described.get(column.name, {}).get("kind") == "number":
                feature["missing"] = described[column.name]["missing"]
            elif described.get(column.name, {}).get("kind") == "date":
                feature["since"] = described[column.name]["start"]
            found.append(feature)
    return found


def list_steps(network: TrainedNetwork, shape: Sequence[int]) -> list[str]:
    """Return the steps from a file to the inputs of the network."""
    description = network.description
    if "size" in description:
        height, width = description["size"]
        return [step.format(height=height, width=width) for step in IMAGE_STEPS]
    if columns := get_table_columns(description):
        return [*TABLE_STEPS, *([DATE_STEP] if any(column["kind"] == "date" for column in columns) else [])]
    return [ARRAY_STEP.format(shape=tuple(shape))]


def list_outputs(network: TrainedNetwork) -> list[dict[str, Any]]:
    """Return the meaning of each output."""
    if network.class_names:
        return [{"index": k, "name": name, "meaning": "probability"} for k, name in enumerate(network.class_names)]
    targets = network.description["target_names"]
    return [{"index": k, "name": name, "meaning": "in the units of the target"} for k, name in enumerate(targets)]


def format_interface(interface: Mapping[str, Any]) -> list[str]:
    """Return a description as lines of text."""
    lines = [
        f"input {each['name']}: {each['dtype']}, shape ({', '.join(map(str, each['shape']))})"
        for each in interface["inputs"]
    ]
    for each in interface["features"]:
        missing = f", if missing {each['missing']:.6g}" if "missing" in each else ""
        lines.append(f"  {each['index']}  {each['name']}{missing}")
    lines += [f"{step[0].upper()}{step[1:]}." for step in interface["preprocessing"]]
    outputs = interface["outputs"]
    if all("index" in each for each in outputs):
        lines.append(f"output, {outputs[0]['meaning']}: {', '.join(each['name'] for each in outputs)}")
    else:
        lines.append(f"output {', '.join(each['name'] for each in outputs)}")
    return lines
