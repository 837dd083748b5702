"""Networks that PyTorch exported compute here what they compute there, for other sizes of the batch too."""

import io

import numpy as np
import pytest

import pellucid as pel

pytestmark = pytest.mark.peer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["residual", "lstm", "gru", "rnn", "words", "up"])
def test_what_torch_exports_is_read(name):
    torch = pytest.importorskip("torch")
    from torch_networks import networks

    network, shape, words = networks()[name]
    network.eval()

    def data(batch):
        torch.manual_seed(batch)
        size = (batch, *shape[1:])
        return torch.randint(0, 20, size) if words else torch.randn(*size)

    file = io.BytesIO()
    named = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
    torch.onnx.export(network, (data(2),), file, dynamo=False, **named)
    read = pel.from_onnx(file.getvalue())
    f = pel.function(read.inputs, read.outputs[0], mode="numpy")
    for batch in (2, 3):
        with torch.no_grad():
            wanted = network(data(batch)).numpy()
        np.testing.assert_allclose(f(data(batch).numpy()), wanted, rtol=1e-4, atol=1e-5)
