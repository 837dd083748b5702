"""Weights of PyTorch modules: converted tensors, matching of names, and agreement with the modules."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import pellucid as pel
from pellucid import nn
from pellucid.interop.pytorch.layer_rules import WITH_RULES

Array = np.ndarray[Any, Any]


def draw(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def predict(model: Any, *data: Array) -> Array:
    found: Array = pel.function(model.inputs, pel.inference(model.outputs[0]), mode="numpy")(*data)
    return found


def make_network() -> Any:
    parts = [nn.Input((2, 3, 4)), nn.Conv2D(5, 1, name="see"), nn.ReLU(), nn.Flatten(), nn.Dense(2, name="out")]
    return pel.Sequential(parts, name="net")


NETWORK = {"0.weight": draw(5, 4, 1, 1), "0.bias": draw(5), "3.weight": draw(2, 30), "3.bias": draw(2)}


def compute_network(x: Array) -> Array:
    """Return the outputs of the network in PyTorch, whose channels come first."""
    h = np.einsum("nhwc,oc->nohw", x, NETWORK["0.weight"][:, :, 0, 0]) + NETWORK["0.bias"][:, None, None]
    return np.maximum(h, 0).reshape(len(x), -1) @ NETWORK["3.weight"].T + NETWORK["3.bias"]


def check_network(model: Any) -> None:
    x = draw(3, 2, 3, 4)
    np.testing.assert_allclose(predict(model, x), compute_network(x), rtol=1e-5, atol=1e-5)


def test_weights_are_transposed_and_sorted_after_a_flatten() -> None:
    model = make_network()
    model.load_weights(NETWORK)
    check_network(model)


def test_a_file_is_a_state_dict_if_its_names_have_dots(tmp_path: Path) -> None:
    model, path = make_network(), tmp_path / "w.safetensors"
    save_file(NETWORK, path)
    model.load_weights(path)
    check_network(model)
    model.save_weights(path)
    other = make_network()
    other.load_weights(path)
    check_network(other)


def test_modules_in_a_safetensors_file_are_sorted_by_number(tmp_path: Path) -> None:
    parts = [nn.Dense(2, use_bias=False, name=f"d{i}") for i in range(11)]
    model, path = pel.Sequential([nn.Input((2,)), *parts]), tmp_path / "w.safetensors"
    state = {f"body.{2 * i}.weight": np.full((2, 2), i, "float32") for i in range(11)}
    save_file(state, path)
    model.load_weights(path)
    assert [w[0, 0] for w in model.get_weights()] == list(range(11))
    save_file({f"{'ab'[i % 2]}.{i}.weight": value for i, value in enumerate(state.values())}, path)
    with pytest.raises(
        pel.StorageError, match=r"does not keep the order of modules. Pass mapping=\{prefix: layer name\}, for"
    ):
        model.load_weights(path)


@pytest.mark.parametrize(
    "mapping", [{"body.0": "see", "head": "out", "other": None}, {"body.0": "see", "head": "out", "other": None}.get]
)
def test_a_mapping_names_the_layers(mapping: Any) -> None:
    renamed = {"head": "3", "body.0": "0"}  # in another order
    state = {f"{new}.{name}": NETWORK[f"{old}.{name}"] for new, old in renamed.items() for name in ("weight", "bias")}
    model = make_network()
    model.load_weights({**state, "other.weight": draw(3)}, mapping=mapping)
    check_network(model)


def test_layers_of_nested_models_have_paths() -> None:
    inner = pel.Sequential([nn.Input((3,)), nn.Dense(2, name="a"), nn.Dense(2, name="b")], name="inner")
    x = nn.Input((3,))
    model = pel.Model(x, inner(x))
    state = {"two.weight": draw(2, 2), "two.bias": draw(2), "one.weight": draw(2, 3), "one.bias": draw(2)}
    pel.load_state_dict(model, state, {"one": "inner/a", "two": "b"})
    np.testing.assert_array_equal(inner.layers[0].get_weights()[0], state["one.weight"].T)
    np.testing.assert_array_equal(inner.layers[1].get_weights()[0], state["two.weight"].T)


def test_single_layers_and_layers_of_the_user_are_loaded() -> None:
    class Block(nn.Layer):
        def build(self, x: Any) -> None:
            self.gain = self.parameter("gain", (3,), np.ones, x)
            self.project = nn.Dense(3, name="project")

        def call(self, x: Any) -> Any:
            return self.project(x) * self.gain

    block = Block(name="block")
    block(nn.Input((3,)))
    state = {"gain": draw(3), "project.weight": draw(3, 3), "project.bias": draw(3)}
    pel.load_state_dict(block, state)
    np.testing.assert_array_equal(block.gain.get_value(), state["gain"])
    np.testing.assert_array_equal(block.project.get_weights()[0], state["project.weight"].T)


def load(layer: Any, shape: tuple[int, ...], **state: Array) -> Any:
    """Build a layer for inputs of a shape, and load tensors whose names have dots in place of double underscores."""
    model = pel.Sequential([nn.Input(shape), layer])
    model.load_weights({name.replace("__", "."): tensor for name, tensor in state.items()})
    return layer


def check_elements(found: Array, shape: tuple[int, ...], expected: Callable[..., Any]) -> None:
    """Compare each element with a function of its indices."""
    assert found.shape == shape
    for index in np.ndindex(shape):
        assert found[index] == expected(*index), index


def test_kernels_of_convolutions_are_transposed() -> None:
    w, b = draw(6, 2, 3, 2), draw(6)
    kernel, bias = load(nn.Conv2D(6, (3, 2), groups=2), (5, 4, 4), weight=w, bias=b).get_weights()
    check_elements(kernel, (3, 2, 2, 6), lambda i, j, c, o: w[o, c, i, j])
    np.testing.assert_array_equal(bias, b)
    v = draw(3, 5, 2)
    (kernel,) = load(nn.Conv1D(3, 2, use_bias=False), (4, 5), weight=v).get_weights()
    check_elements(kernel, (2, 5, 3), lambda i, c, o: v[o, c, i])
    t = draw(4, 3, 2, 5)
    kernel, bias = load(nn.Conv2DTranspose(3, (2, 5)), (5, 5, 4), weight=t, bias=b[:3]).get_weights()
    check_elements(kernel, (2, 5, 3, 4), lambda i, j, o, c: t[c, o, i, j])
    np.testing.assert_array_equal(bias, b[:3])


def test_kernels_of_depthwise_and_separable_convolutions_are_transposed() -> None:
    w, b, mixing = draw(6, 1, 2, 3), draw(6), draw(4, 6, 1, 1)
    kernel, bias = load(nn.DepthwiseConv2D((2, 3), depth_multiplier=2), (4, 5, 3), weight=w, bias=b).get_weights()
    check_elements(kernel, (2, 3, 3, 2), lambda i, j, c, m: w[2 * c + m, 0, i, j])
    np.testing.assert_array_equal(bias, b)
    state = {"0__weight": w, "1__weight": mixing, "1__bias": b[:4]}
    separable = load(nn.SeparableConv2D(4, (2, 3), depth_multiplier=2), (4, 5, 3), **state)
    depthwise, pointwise, bias = separable.get_weights()
    check_elements(depthwise, (2, 3, 3, 2), lambda i, j, c, m: w[2 * c + m, 0, i, j])
    check_elements(pointwise, (1, 1, 6, 4), lambda i, j, c, o: mixing[o, c, i, j])
    np.testing.assert_array_equal(bias, b[:4])


def test_parameters_and_averages_of_normalizations_are_found_by_name() -> None:
    gamma, beta, mean, variance = draw(4), draw(4, 1)[:, 0], draw(4, 2)[:, 0], draw(4, 3)[:, 0] ** 2
    state = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
    layer = load(nn.BatchNormalization(), (4,), **state, num_batches_tracked=np.array(7))
    for parameter, value in (
        (layer.gamma, gamma),
        (layer.beta, beta),
        (layer.moving_mean, mean),
        (layer.moving_variance, variance),
    ):
        np.testing.assert_array_equal(parameter.get_value(), value)
    for layer in (nn.LayerNormalization(), nn.GroupNormalization(2)):
        load(layer, (4,), weight=gamma, bias=beta)
        np.testing.assert_array_equal(layer.gamma.get_value(), gamma)
        np.testing.assert_array_equal(layer.beta.get_value(), beta)
    np.testing.assert_array_equal(load(nn.RMSNormalization(), (4,), weight=gamma).get_weights()[0], gamma)


def test_slopes_are_broadcast_and_embeddings_are_kept() -> None:
    (slopes,) = load(nn.PReLU(), (3,), weight=np.array([0.5], "float32")).get_weights()
    assert slopes.tolist() == [0.5] * 3
    each = draw(3)
    (slopes,) = load(nn.PReLU(shared_axes=[1, 2]), (4, 5, 3), weight=each).get_weights()
    np.testing.assert_array_equal(slopes, each[None, None])
    words, embedding = draw(5, 2), nn.Embedding(5, 2)
    model = pel.Sequential([nn.Input((4,), dtype="int32"), embedding])
    model.load_weights({"weight": words})
    np.testing.assert_array_equal(embedding.get_weights()[0], words)


@pytest.mark.parametrize("is_separate", [False, True])
def test_projections_of_attention_are_split_into_heads(is_separate: bool) -> None:
    """The query has 6 features, and the 2 heads have 3 each."""
    parts, b, out, out_bias = (draw(6, 6), 2 * draw(6, 6), 3 * draw(6, 6)), draw(18), 4 * draw(6, 6), draw(6)
    if is_separate:  # as for keys and values with other numbers of features
        state = {f"{name}_proj_weight": part for name, part in zip("qkv", parts, strict=True)}
    else:
        state = {"in_proj_weight": np.concatenate(parts)}
    x = nn.Input((4, 6))
    attend = nn.MultiHeadAttention(2, 3)
    model = pel.Model(x, attend(x, x))
    model.load_weights({**state, "in_proj_bias": b, "out_proj.weight": out, "out_proj.bias": out_bias})
    weights = attend.get_weights()
    for number, part in enumerate(parts):
        check_elements(weights[2 * number], (6, 2, 3), lambda e, h, d, w=part: w[3 * h + d, e])
        check_elements(weights[2 * number + 1], (2, 3), lambda h, d, n=number: b[6 * n + 3 * h + d])
    check_elements(weights[6], (2, 3, 6), lambda h, d, e: out[e, 3 * h + d])
    np.testing.assert_array_equal(weights[7], out_bias)


def test_directions_of_recurrent_layers_have_separate_tensors() -> None:
    state = {
        f"{name}_l0{way}": factor * draw(*shape)
        for factor, way in ((1, ""), (2, "_reverse"))
        for name, shape in (("weight_ih", (4, 3)), ("weight_hh", (4, 4)), ("bias_ih", (4,)), ("bias_hh", (4,)))
    }
    both = load(nn.Bidirectional(nn.SimpleRNN(4)), (5, 3), **state)
    for layer, way in ((both.forward_layer, ""), (both.backward_layer, "_reverse")):
        kernel, recurrent, bias = layer.get_weights()
        np.testing.assert_array_equal(kernel, state[f"weight_ih_l0{way}"].T)
        np.testing.assert_array_equal(recurrent, state[f"weight_hh_l0{way}"].T)
        np.testing.assert_array_equal(bias, 2 * state[f"bias_ih_l0{way}"])


def check_refused(
    state: Any, message: str, mapping: Any = None, model: Any = None, kind: Any = pel.StorageError
) -> None:
    model = make_network() if model is None else model
    before = model.get_weights()
    with pytest.raises(kind, match=message):
        model.load_weights(state, mapping=mapping)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def change(**changes: Any) -> dict[str, Any]:
    state = {**NETWORK, **{key.replace("_", ".", 1): value for key, value in changes.items()}}
    return {key: value for key, value in state.items() if value is not None}


def test_mismatches_are_listed() -> None:
    check_refused(
        change(**{"3_weight": draw(4, 30), "0_bias": draw(3)}),
        r"the weights of net: 0.bias has shape \(3,\), which does not fit see/bias, of shape \(5,\); 3.weight has "
        r"shape \(4, 30\), which does not fit out/kernel, of shape \(30, 2\)",
    )
    check_refused(change(**{"3_weight": draw(4)}), r"3.weight has shape \(4,\), which does not fit out/kernel")
    check_refused(change(**{"3_bias": None}), "3.bias, for out/bias, is missing")
    check_refused(
        change(**{"3_bias": None, "3_biass": draw(2)}), r"3.bias, for out/bias, is missing. Did you mean 'biass'\?"
    )
    check_refused(change(**{"3_more": draw(2)}), "3.more left over: out, a Dense, has no such weight")
    check_refused(
        change(**{"4_weight": draw(2)}), r"1 modules are left over: 4 \(weight\). The layers with weights are s"
    )
    check_refused(change(**{"3_weight": None, "3_bias": None}), "no tensors are left for out, a Dense")


def test_wrong_mappings_are_named() -> None:
    good = {"0": "see", "3": "out"}
    check_refused(
        NETWORK,
        r"mapping: there is no layer 'outt' with weights\. Did you mean 'out'\?; out: expected 1 module",
        {**good, "3": "outt"},
    )
    check_refused(NETWORK, r"mapping: there is no module '33'\. Did you mean '3'\?", {**good, "33": "out"})
    check_refused(NETWORK, r"3 \(weight, bias\) is left over: mapping does not name it", {"0": "see"})
    check_refused(NETWORK, "out: expected 1 module in mapping. Received: none", {**good, "3": None})
    check_refused(NETWORK, "out: expected 1 module in mapping. Received: 0, 3", {**good, "0": "out"})
    check_refused(NETWORK, "Expected mapping to be a dict from prefixes to layer names", 3, kind=TypeError)


def test_other_things_than_state_dicts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_refused({"state_dict": NETWORK}, "a checkpoint; pass its entry 'state_dict'")
    check_refused({"0.weight": "text"}, "expected a tensor of numbers for '0.weight'. Received: 'text'")
    check_refused([draw(3)], "the weights of net: expected a state dict or a path", kind=TypeError)
    with pytest.raises(pel.OptionError, match=r"a file that ends in \.safetensors, \.pt, \.pth\. Received: 'w\.bin'"):
        pel.load_state_dict(make_network(), "w.bin")
    with pytest.raises(pel.StorageError, match="has no weights; call it first"):
        pel.load_state_dict(nn.Dense(3), NETWORK)
    gru = pel.Sequential([nn.Input((3, 2)), nn.GRU(2, reset_after=False)])
    check_refused({"weight_ih_l0": draw(6, 2)}, "create the GRU with reset_after=True", model=gru)
    original = builtins.__import__

    def import_without_torch(name: str, *args: Any, **named: Any) -> Any:
        if name == "torch":
            raise ImportError(name)
        return original(name, *args, **named)

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(builtins, "__import__", import_without_torch)
    check_refused(
        tmp_path / "w.pt", "a .pt file is a pickle, which only PyTorch can read safely, and PyTorch is not ins"
    )


# Comparisons with PyTorch


def to_last(x: Any) -> Any:
    """Return an array with channels last."""
    return np.moveaxis(x, 1, -1)


MODULES: dict[str, tuple[tuple[int, ...], Callable[[Any], Any], Callable[[], list[Any]]]] = {
    "linear": ((4,), lambda t: t.Linear(4, 3), lambda: [nn.Dense(3)]),
    "linear, no bias": ((4,), lambda t: t.Linear(4, 3, bias=False), lambda: [nn.Dense(3, use_bias=False)]),
    "conv1d": ((4, 7), lambda t: t.Conv1d(4, 3, 2, dilation=2), lambda: [nn.Conv1D(3, 2, dilation_rate=2)]),
    "conv2d": ((4, 7, 6), lambda t: t.Conv2d(4, 6, (3, 2), 2, groups=2), lambda: [nn.Conv2D(6, (3, 2), 2, groups=2)]),
    "conv3d": ((2, 4, 5, 4), lambda t: t.Conv3d(2, 3, 2), lambda: [nn.Conv3D(3, 2)]),
    "transposed 1d": ((3, 5), lambda t: t.ConvTranspose1d(3, 2, 3, 2), lambda: [nn.Conv1DTranspose(2, 3, 2)]),
    "transposed 2d": ((3, 5, 4), lambda t: t.ConvTranspose2d(3, 2, 3, 2), lambda: [nn.Conv2DTranspose(2, 3, 2)]),
    "transposed 3d": ((3, 2, 3, 2), lambda t: t.ConvTranspose3d(3, 2, 2), lambda: [nn.Conv3DTranspose(2, 2)]),
    "depthwise": (
        (3, 6, 5),
        lambda t: t.Conv2d(3, 6, 3, groups=3),
        lambda: [nn.DepthwiseConv2D(3, depth_multiplier=2)],
    ),
    "depthwise 1d": ((3, 6), lambda t: t.Conv1d(3, 3, 3, groups=3), lambda: [nn.DepthwiseConv1D(3)]),
    "separable": (
        (3, 6, 5),
        lambda t: t.Sequential(t.Conv2d(3, 6, 3, groups=3, bias=False), t.Conv2d(6, 4, 1)),
        lambda: [nn.SeparableConv2D(4, 3, depth_multiplier=2)],
    ),
    "batch normalization": ((4, 3, 2), lambda t: t.BatchNorm2d(4), lambda: [nn.BatchNormalization(epsilon=1e-5)]),
    "batch normalization, plain": (
        (4,),
        lambda t: t.BatchNorm1d(4, affine=False),
        lambda: [nn.BatchNormalization(epsilon=1e-5, center=False, scale=False)],
    ),
    "layer normalization": ((5,), lambda t: t.LayerNorm(5), lambda: [nn.LayerNormalization(epsilon=1e-5)]),
    "group normalization": ((6, 3, 2), lambda t: t.GroupNorm(3, 6), lambda: [nn.GroupNormalization(3, epsilon=1e-5)]),
    "rms normalization": ((5,), lambda t: t.RMSNorm(5, eps=1e-6), lambda: [nn.RMSNormalization()]),
    "prelu": ((4, 3, 2), lambda t: t.PReLU(4), lambda: [nn.PReLU(shared_axes=[1, 2])]),
    "prelu, one": ((4,), lambda t: t.PReLU(), lambda: [nn.PReLU()]),
    "flatten": (
        (3, 6, 4),
        lambda t: t.Sequential(
            t.Conv2d(3, 5, 3), t.ReLU(), t.MaxPool2d(2), t.Flatten(), t.Dropout(0.5), t.Linear(10, 3)
        ),
        lambda: [nn.Conv2D(5, 3, activation="relu"), nn.MaxPooling2D(2), nn.Flatten(), nn.Dropout(0.5), nn.Dense(3)],
    ),
    "flatten, normalize": (
        (3, 4, 2),
        lambda t: t.Sequential(t.Flatten(), t.BatchNorm1d(24), t.Linear(24, 5), t.PReLU(5), t.Linear(5, 2)),
        lambda: [nn.Flatten(), nn.BatchNormalization(epsilon=1e-5), nn.Dense(5), nn.PReLU(), nn.Dense(2)],
    ),
    "flatten, 1d": (
        (3, 8),
        lambda t: t.Sequential(t.Conv1d(3, 4, 3), t.MaxPool1d(2), t.Flatten(), t.Linear(12, 2)),
        lambda: [nn.Conv1D(4, 3), nn.MaxPooling1D(2), nn.Flatten(), nn.Dense(2)],
    ),
    "decoder": (
        (4,),
        lambda t: t.Sequential(
            t.Linear(4, 18), t.BatchNorm1d(18), t.ReLU(), t.Unflatten(1, (3, 2, 3)), t.ConvTranspose2d(3, 2, 2)
        ),
        lambda: [
            nn.Dense(18),
            nn.BatchNormalization(epsilon=1e-5),
            nn.ReLU(),
            nn.Reshape((2, 3, 3)),
            nn.Conv2DTranspose(2, 2),
        ],
    ),
}


def randomize(torch: Any, module: Any) -> Any:
    torch.manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.dtype == torch.float32:
                tensor.copy_(
                    torch.randn_like(tensor).abs() + 0.5 if "running_var" in name else torch.randn_like(tensor)
                )
    return module.eval()


@pytest.mark.peer
@pytest.mark.parametrize("key", MODULES)
def test_outputs_agree_with_the_module(key: str) -> None:
    torch = pytest.importorskip("torch")
    shape, make_module, make_layers = MODULES[key]
    x = draw(2, *shape)
    module = randomize(torch, make_module(torch.nn))
    model = pel.Sequential([nn.Input(to_last(x).shape[1:]), *make_layers()])
    model.load_weights(module.state_dict())
    with torch.no_grad():
        expected = module(torch.tensor(x)).numpy()
    np.testing.assert_allclose(predict(model, to_last(x)), to_last(expected), rtol=1e-4, atol=1e-4)


def step_in_pytorch(kind: str, x: Array, h: Array, c: Array, state: dict[str, Array]) -> tuple[Array, Array]:
    """Return the next states of a recurrent module by the equations in PyTorch's documentation."""
    of_inputs, of_states = (
        v @ state[f"weight_{name}_l0"].T + state[f"bias_{name}_l0"] for v, name in ((x, "ih"), (h, "hh"))
    )
    if kind == "RNN":
        return np.tanh(of_inputs + of_states), c
    if kind == "LSTM":
        i, f, g, o = np.split(of_inputs + of_states, 4, axis=-1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        return np.tanh(c) / (1 + np.exp(-o)), c
    (r, z, n), (r_h, z_h, n_h) = (np.split(part, 3, axis=-1) for part in (of_inputs, of_states))
    update = 1 / (1 + np.exp(-z - z_h))
    return (1 - update) * np.tanh(n + n_h / (1 + np.exp(-r - r_h))) + update * h, c


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_follow_the_equations_of_pytorch(kind: str) -> None:
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind] * 4
    state = {"weight_ih_l0": draw(gates, 3), "weight_hh_l0": draw(gates, 4)}
    state |= {"bias_ih_l0": draw(gates), "bias_hh_l0": draw(gates, 1)[:, 0]}
    make = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.SimpleRNN}[kind]
    model = pel.Sequential([nn.Input((5, 3)), make(4)])
    pel.load_state_dict(model, state)
    x = draw(2, 5, 3)
    h = c = np.zeros((2, 4), "float32")
    for t in range(5):
        h, c = step_in_pytorch(kind, x[:, t], h, c, state)
    np.testing.assert_allclose(predict(model, x), h, rtol=1e-4, atol=1e-5)


@pytest.mark.peer
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_agree(kind: str, bidirectional: bool, layers: int) -> None:
    torch = pytest.importorskip("torch")
    make = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.SimpleRNN}[kind]
    module = getattr(torch.nn, kind)(3, 4, num_layers=layers, bidirectional=bidirectional, batch_first=True)
    randomize(torch, module)
    parts = [make(4, return_sequences=True) for _ in range(layers)]
    wrapped = [nn.Bidirectional(part) if bidirectional else part for part in parts]
    model = pel.Sequential([nn.Input((5, 3)), *wrapped])
    pel.load_state_dict(model, module.state_dict())
    x = draw(2, 5, 3)
    with torch.no_grad():
        expected = module(torch.tensor(x))[0].numpy()
    np.testing.assert_allclose(predict(model, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.peer
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("sizes", [(6, 6), (5, 3)])
def test_attention_agrees(sizes: tuple[int, int], bias: bool) -> None:
    torch = pytest.importorskip("torch")
    key_size, value_size = sizes
    module = torch.nn.MultiheadAttention(6, 2, bias=bias, kdim=key_size, vdim=value_size, batch_first=True)
    randomize(torch, module)
    query, key, value = draw(2, 3, 6), draw(2, 4, key_size), draw(2, 4, value_size)
    inputs = [nn.Input(e.shape[1:]) for e in (query, key, value)]
    attend = nn.MultiHeadAttention(2, 3, use_bias=bias)
    model = pel.Model(inputs, attend(inputs[0], inputs[2], inputs[1]))
    model.load_weights(module.state_dict())
    with torch.no_grad():
        expected = module(*map(torch.tensor, (query, key, value)))[0].numpy()
    np.testing.assert_allclose(predict(model, query, key, value), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.peer
def test_a_transformer_agrees_and_its_file_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Block(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(9, 6)
            self.norm1 = torch.nn.LayerNorm(6)
            self.attn = torch.nn.MultiheadAttention(6, 2, batch_first=True)
            self.norm2 = torch.nn.LayerNorm(6)
            self.mlp = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.GELU(), torch.nn.Linear(8, 6))

        def forward(self, ids: Any) -> Any:
            e = self.embed(ids)
            h = self.norm1(e)
            e = e + self.attn(h, h, h, need_weights=False)[0]
            return e + self.mlp(self.norm2(e))

    module = randomize(torch, Block())
    ids = nn.Input((4,), dtype="int32")
    e = nn.Embedding(9, 6)(ids)
    h = nn.LayerNormalization(epsilon=1e-5)(e)
    e = e + nn.MultiHeadAttention(2, 3)(h, h)
    h = nn.LayerNormalization(epsilon=1e-5)(e)
    model = pel.Model(ids, e + nn.Dense(6)(nn.Dense(8, activation="gelu")(h)))
    x = np.arange(8, dtype="int32").reshape(2, 4)
    with torch.no_grad():
        expected = module(torch.tensor(x)).numpy()
    torch.save(module.state_dict(), tmp_path / "w.pt")
    save_file({key: value.numpy() for key, value in module.state_dict().items()}, tmp_path / "w.safetensors")
    names = ["embed", "norm1", "attn", "norm2", "mlp.0", "mlp.2"]
    mapping = dict(zip(names, [layer.name for layer in model.layers], strict=True))
    for source, given in (
        (module.state_dict(), None),
        (tmp_path / "w.pt", None),
        (tmp_path / "w.safetensors", mapping),
    ):
        model.set_weights([w * 0 for w in model.get_weights()])
        model.load_weights(source, given)
        np.testing.assert_allclose(predict(model, x), expected, rtol=1e-4, atol=1e-5)
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(pel.StorageError, match=r"Cannot read .*whole\.pt: .*"):
        model.load_weights(tmp_path / "whole.pt")
    with pytest.raises(TypeError, match=r"expected a state dict or a path. Received: a Block; pass its state_dict\(\)"):
        model.load_weights(module)
    half = {key: value.to(torch.bfloat16) for key, value in module.state_dict().items()}
    model.load_weights(half)
    np.testing.assert_allclose(predict(model, x), expected, rtol=0.1, atol=0.3)


@pytest.mark.peer
def test_films_of_images_are_sorted_for_recurrent_layers() -> None:
    torch = pytest.importorskip("torch")
    convolution, memory = torch.nn.Conv2d(2, 3, 2), torch.nn.GRU(18, 4, batch_first=True)
    module = randomize(torch, torch.nn.ModuleList([convolution, memory]))
    model = pel.Sequential(
        [
            nn.Input((3, 4, 3, 2)),
            nn.TimeDistributed(nn.Conv2D(3, 2)),
            nn.TimeDistributed(nn.Flatten()),
            nn.GRU(4, return_sequences=True),
        ]
    )
    model.load_weights(module.state_dict())
    film = draw(2, 3, 2, 4, 3)
    with torch.no_grad():
        features = convolution(torch.tensor(film).flatten(0, 1)).reshape(2, 3, 18)
        expected = memory(features)[0].numpy()
    np.testing.assert_allclose(predict(model, np.moveaxis(film, 2, -1)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.peer
def test_branches_and_nested_models_are_sorted() -> None:
    torch = pytest.importorskip("torch")
    see, head = torch.nn.Conv2d(2, 3, 2), torch.nn.Linear(3 * 6 + 4, 2)
    module = randomize(torch, torch.nn.ModuleDict({"see": see, "head": head}))
    body = pel.Sequential([nn.Input((4, 3, 2)), nn.Conv2D(3, 2, name="see"), nn.Activation("tanh"), nn.Flatten()])
    image, more = nn.Input((4, 3, 2)), nn.Input((4,))
    joined = nn.Concatenate()([more, pel.tanh(body(image))])
    model = pel.Model([image, more], nn.Dense(2, name="head")(joined))
    model.load_weights(module.state_dict())
    x, extra = draw(2, 2, 4, 3), draw(2, 4)
    with torch.no_grad():
        flat = torch.tanh(torch.tanh(see(torch.tensor(x)))).flatten(1)
        expected = head(torch.cat([torch.tensor(extra), flat], 1)).numpy()
    np.testing.assert_allclose(predict(model, to_last(x), extra), expected, rtol=1e-4, atol=1e-5)


def test_every_layer_with_parameters_is_compared() -> None:
    compared = {type(part) for _, _, make in MODULES.values() for part in make()}
    others = {nn.LSTM, nn.GRU, nn.SimpleRNN, nn.Bidirectional, nn.MultiHeadAttention, nn.Embedding}
    assert set(WITH_RULES) - compared - others == {nn.SeparableConv1D}
