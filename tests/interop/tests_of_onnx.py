"""What the tests of ONNX share: a model run by ONNX Runtime."""

from typing import Any

import numpy as np


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
