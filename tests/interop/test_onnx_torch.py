"""Networks exported by PyTorch give the same results in pellucid, for other batch sizes too."""

import io

import numpy as np
import pytest

import pellucid as pel

pytestmark = pytest.mark.peer
torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class Block(nn.Module):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.one = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False), nn.BatchNorm2d(out_channels)
        )
        self.two = nn.Sequential(
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False), nn.BatchNorm2d(out_channels)
        )
        self.short = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.two(F.relu(self.one(x))) + self.short(x))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.MaxPool2d(3, 2, 1), Block(8, 8, 1), Block(8, 16, 2))
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        h = F.adaptive_avg_pool2d(self.body(x), 1)
        return self.head(h.view(h.size(0), -1))


class Recurrent(nn.Module):
    def __init__(self, layer, directions=1):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(6 * directions, 2)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        return self.encoder(self.embedding(x)).mean(1)


class Up(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.deep = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(16, 8, 2, 2), nn.Conv2d(16, 1, 1)

    def forward(self, x):
        a = F.gelu(self.down(x))
        b = self.up(F.silu(self.deep(F.max_pool2d(a, 2))))
        b = F.interpolate(b, size=a.shape[2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(torch.cat([a, b], 1)))


def make_networks():
    """Return networks with the shape of their input, and whether the input is words."""
    torch.manual_seed(0)
    return {
        "residual": (Residual(), (2, 3, 32, 32), False),
        "lstm": (Recurrent(nn.LSTM(4, 6, batch_first=True)), (2, 5, 4), False),
        "gru": (Recurrent(nn.GRU(4, 6, batch_first=True, bidirectional=True), 2), (2, 5, 4), False),
        "rnn": (Recurrent(nn.RNN(4, 6, batch_first=True)), (2, 5, 4), False),
        "words": (Words(), (2, 7), True),
        "up": (Up(), (2, 3, 16, 16), False),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["residual", "lstm", "gru", "rnn", "words", "up"])
def test_networks_exported_by_torch_are_read(name):
    network, shape, words = make_networks()[name]
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
            expected = network(data(batch)).numpy()
        np.testing.assert_allclose(f(data(batch).numpy()), expected, rtol=1e-4, atol=1e-5)
