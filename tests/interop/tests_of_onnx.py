"""What the tests of ONNX share: models as other programs write them, and ONNX Runtime to run them."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def session(model: Any) -> Any:
    """Load a model into ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def values_for(inputs: Any, sizes: dict[str, int], seed: int = 0) -> list[np.ndarray]:
    """Draw values for inputs, with the sizes that are known by name."""
    rng = np.random.default_rng(seed)
    found = []
    for i in inputs:
        shape = [d if isinstance(d, int) else sizes[str(d)] for d in i.shape]
        drawn = rng.integers(0, 5, shape) if i.dtype.kind in "iu" else rng.normal(size=shape)
        found.append(drawn.astype(i.dtype))
    return found


FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model_of(nodes, inputs, outputs, initializers=(), opset=21, functions=()):
    """Write a model as other programs write them."""
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    made = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs]
    carried = [numpy_helper.from_array(np.asarray(value), name) for name, value in initializers]
    graph = helper.make_graph(nodes, "graph", infos, made, carried)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("house", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))


def small(**changes):
    """A model of one layer, as torch exports it."""
    nodes = [
        helper.make_node("Gemm", ["x", "W", "b"], ["h"], transB=1, name="fc"),
        helper.make_node("Relu", ["h"], ["y"], name="act"),
    ]
    rng = np.random.default_rng(0)
    weights = {"W": rng.normal(size=(4, 3)).astype("float32"), "b": np.zeros(4, "float32"), **changes}
    return model_of(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 4])], weights.items())
