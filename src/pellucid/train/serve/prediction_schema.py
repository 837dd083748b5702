"""JSON Schema of the requests and the responses of a server, with an example of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.tracking.record import to_plain_value
from pellucid.train.export.network_interface import describe_interface
from pellucid.train.read.feature_names import get_table_columns
from pellucid.train.read.table_columns import to_words
from pellucid.train.serve.limits import Limits
from pellucid.train.serve.request_reading import JSON, MEDIA_TYPES, Body, read_samples
from pellucid.train.serve.served_model import ServedModel

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXAMPLE_CATEGORIES = 5
MAXIMUM_EXAMPLE_NUMBERS = 64
"""A larger sample is not written out as an example."""


def describe_server(served: ServedModel, limits: Limits) -> Schema:
    """Return the schemas of requests and responses, an example, the media types and the inputs of the network."""
    described: Schema = {
        "model": str(served.saved.path),
        "kind": served.kind,
        "content_types": list(MEDIA_TYPES[served.kind]),
        "limits": {"megabytes": limits.body_bytes / 2**20, "samples": limits.samples, "seconds": limits.seconds},
        "network": to_plain_value(describe_interface(served.saved)),
        "response": {"$schema": DIALECT, **describe_response(served)},
    }
    if served.kind != "image":
        described["request"] = {"$schema": DIALECT, **describe_request(served, limits)}
        example = make_example(served)
        if example is not None:
            described["example"] = {"request": example, "response": predict_example(served, example)}
    return described


def describe_request(served: ServedModel, limits: Limits) -> Schema:
    """Return the schema of a request in JSON."""
    if served.kind == "table":
        columns = {str(column["name"]): describe_column(column) for column in get_table_columns(served.description)}
        row = {"type": "object", "properties": columns, "required": list(columns)}
        return make_object({"rows": {"type": "array", "items": row, "minItems": 1, "maxItems": limits.samples}})
    shapes = served.input_shapes
    inputs = {name: describe_array(shape, limits) for name, shape in shapes.items()}
    return make_object({"x": next(iter(inputs.values())) if len(inputs) == 1 else make_object(inputs)})


def make_object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def describe_array(shape: list[int], limits: Limits) -> Schema:
    """Return the schema of samples of a shape, as nested lists.

    Examples
    --------
    >>> describe_array([2], Limits(samples=9))["items"]
    {'type': 'array', 'items': {'type': 'number'}, 'minItems': 2, 'maxItems': 2}
    """
    schema: Schema = {"type": "number"}
    for size in reversed(shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": limits.samples}


def describe_column(column: Mapping[str, Any]) -> Schema:
    """Return the schema of a cell.

    Examples
    --------
    >>> describe_column({"kind": "number", "missing": 3.0})["description"]
    'A number. null or other text becomes the median 3.'
    """
    if column["kind"] == "number":
        return {
            "type": ["number", "string", "null"],
            "description": f"A number. null or other text becomes the median {column['missing']:.6g}.",
        }
    if column["kind"] == "date":
        own = f", or as {to_words(column['format'])}" if column["format"] else ""
        return {
            "type": ["string", "null"],
            "description": f"A date as 2024-12-31 or 2024-12-31T18:30{own}. null becomes the median.",
        }
    values = column["values"]
    shown = ", ".join(values[:EXAMPLE_CATEGORIES]) + ", ..." * (len(values) > EXAMPLE_CATEGORIES)
    return {
        "type": ["string", "number", "boolean", "null"],
        "description": f"A category: {shown}. Another one is treated as missing, with a warning.",
        "examples": list(values),
    }


def describe_response(served: ServedModel) -> Schema:
    """Return the schema of a response."""
    position: Schema = {"file": {"type": "string"}, "line": {"type": "integer"}, "row": {"type": "integer"}}
    network = served.network
    if network is not None and network.class_names:
        names = list(network.class_names)
        probability = {"type": "number", "minimum": 0, "maximum": 1.000001}  # a softmax may round up
        outputs: Schema = {
            "class": {"enum": names},
            "probability": probability,
            "probabilities": make_object(dict.fromkeys(names, probability)),
        }
    else:
        targets = network.description["target_names"] if network is not None else served.model.output_names
        value: Schema = {"type": "number"} if network is not None else {"type": ["number", "array"]}
        outputs = {"values": make_object(dict.fromkeys(targets, value))}
    prediction = {"type": "object", "properties": {**position, **outputs}, "required": list(outputs)}
    return make_object(
        {
            "predictions": {"type": "array", "items": prediction},
            "warnings": {"type": "array", "items": {"type": "string"}},
        }
    )


def make_example(served: ServedModel) -> Schema | None:
    """Return a request with a typical sample; None if a sample is large."""
    if served.kind == "table":
        return {"rows": [{str(c["name"]): make_cell(c) for c in get_table_columns(served.description)}]}
    shapes = served.input_shapes
    if sum(int(np.prod(shape)) for shape in shapes.values()) > MAXIMUM_EXAMPLE_NUMBERS:
        return None
    samples = {name: np.zeros((1, *shape), int).tolist() for name, shape in shapes.items()}
    return {"x": next(iter(samples.values())) if len(samples) == 1 else samples}


def make_cell(column: Mapping[str, Any]) -> Any:
    """Return a typical cell: the median, the first category, the first date."""
    if column["kind"] == "number":
        return column["missing"]
    return str(column["start"])[:10] if column["kind"] == "date" else column["values"][0]


def predict_example(served: ServedModel, example: Schema) -> Schema:
    samples = read_samples(served, Body(JSON, json.dumps(example).encode()), False, 1)
    outputs = served.compute(samples.inputs)
    predictions = [{**place, **served.describe(outputs, row)} for row, place in enumerate(samples.positions)]
    return {"predictions": to_plain_value(predictions), "warnings": list(samples.warnings)}
