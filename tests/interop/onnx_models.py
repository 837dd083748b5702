"""ONNX models as other programs write them, and ONNX Runtime to run them."""

from typing import Any

import numpy as np
from lazy_modules import LazyModule

onnx, helper, numpy_helper = map(LazyModule, ("onnx", "onnx.helper", "onnx.numpy_helper"))


def load_in_runtime(model: Any) -> Any:
    """Load a model into ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def draw_values(inputs: Any, sizes: dict[str, int], seed: int = 0) -> list[np.ndarray]:
    """Draw values for inputs, with these sizes of named dimensions."""
    rng = np.random.default_rng(seed)
    arrays = []
    for i in inputs:
        shape = [d if isinstance(d, int) else sizes[str(d)] for d in i.shape]
        values = rng.integers(0, 5, shape) if i.dtype.kind in "iu" else rng.normal(size=shape)
        arrays.append(values.astype(i.dtype))
    return arrays


FLOAT, INT64 = 1, 7
"""Members of the enumeration `onnx.TensorProto.DataType`."""


def make_model(nodes, inputs, outputs, initializers=(), opset=21, functions=()):
    """Return an ONNX model with these nodes."""
    input_infos = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    output_infos = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in initializers]
    graph = helper.make_graph(nodes, "graph", input_infos, output_infos, tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("custom", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))


def make_small_model(**changes):
    """Return a model of one layer, as PyTorch exports it."""
    nodes = [
        helper.make_node("Gemm", ["x", "W", "b"], ["h"], transB=1, name="fc"),
        helper.make_node("Relu", ["h"], ["y"], name="act"),
    ]
    rng = np.random.default_rng(0)
    weights = {"W": rng.normal(size=(4, 3)).astype("float32"), "b": np.zeros(4, "float32"), **changes}
    return make_model(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 4])], weights.items())
