"""Export of every layer to ONNX: ONNX Runtime and pellucid agree, for two batch sizes."""

import numpy as np
import pytest
from onnx_models import draw_values, load_in_runtime

import pellucid as pel
from pellucid import nn
from tests.nn.layer_rows import LAYERS, call_layer, make_inputs

ROW, LINE, IMAGE, VOLUME = (6,), ("t", 6), (6, 8, 3), (4, 6, 4, 2)
# Layers with settings and unknown lengths that the table of all layers lacks, and their input shapes without the batch.
CASES = {
    **dict.fromkeys(
        [
            lambda: nn.Dense(4, activation="gelu"),
            lambda: nn.Activation("selu"),
            nn.ELU,
            nn.LeakyReLU,
            nn.PReLU,
            lambda: nn.ReLU(6.0, 0.1),
            nn.Softmax,
            lambda: nn.Maxout(2),
            lambda: nn.Dropout(0.5),
            lambda: nn.AlphaDropout(0.5),
            lambda: nn.GaussianDropout(0.5),
            lambda: nn.GaussianNoise(0.5),
            nn.Identity,
            lambda: nn.RepeatVector(3),
            lambda: nn.Reshape((3, 2)),
            lambda: nn.BatchNormalization(scale=False),
            nn.UnitNormalization,
            lambda: nn.Lambda(lambda x: x[:, ::-1] ** 2),
        ],
        ROW,
    ),
    **dict.fromkeys(
        [
            lambda: nn.LSTM(4),
            lambda: nn.LSTM(3, return_sequences=True, go_backwards=True),
            lambda: nn.GRU(4),
            lambda: nn.GRU(3, return_sequences=True, reset_after=False),
            lambda: nn.SimpleRNN(4),
            lambda: nn.Bidirectional(nn.LSTM(3, return_sequences=True)),
            lambda: nn.TimeDistributed(nn.Dense(3)),
            nn.Masking,
            lambda: nn.SpatialDropout1D(0.5),
            nn.LayerNormalization,
            nn.RMSNormalization,
            nn.GlobalAveragePooling1D,
            nn.GlobalMaxPooling1D,
            lambda: nn.Conv1D(4, 3, padding="causal", dilation_rate=2),
            lambda: nn.Conv1DTranspose(4, 3, strides=2),
            lambda: nn.DepthwiseConv1D(3, padding="same"),
            lambda: nn.SeparableConv1D(4, 3),
            lambda: nn.MaxPooling1D(2),
            lambda: nn.AveragePooling1D(2),
            lambda: nn.UpSampling1D(2),
            lambda: nn.ZeroPadding1D(1),
            lambda: nn.Cropping1D(1),
            lambda: nn.Permute((2, 1)),
        ],
        LINE,
    ),
    **dict.fromkeys(
        [
            lambda: nn.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            lambda: nn.Conv2D(6, 3, groups=3, use_bias=False),
            lambda: nn.Conv2DTranspose(4, 3, strides=2, padding="same"),
            lambda: nn.DepthwiseConv2D(3, depth_multiplier=2),
            lambda: nn.SeparableConv2D(4, 3),
            nn.BatchNormalization,
            lambda: nn.GroupNormalization(3),
            lambda: nn.LayerNormalization(axis=(1, 3), center=False),
            lambda: nn.MaxPooling2D(3, strides=2, padding="same"),
            lambda: nn.AveragePooling2D(2),
            lambda: nn.AveragePooling2D(3, strides=2, padding="same"),
            nn.GlobalAveragePooling2D,
            lambda: nn.GlobalMaxPooling2D(keepdims=True),
            lambda: nn.SpatialDropout2D(0.5),
            lambda: nn.UpSampling2D(2),
            lambda: nn.Resizing(5, 7),
            lambda: nn.Resizing(5, 7, interpolation="nearest"),
            lambda: nn.CenterCrop(4, 4),
            lambda: nn.ZeroPadding2D(((1, 2), (0, 1))),
            lambda: nn.Cropping2D(1),
            nn.Flatten,
            nn.LocalResponseNormalization,
            lambda: nn.Rescaling(1 / 255, offset=-1.0),
            lambda: nn.RandomFlip(),
            lambda: nn.RandomRotation(0.1),
            lambda: nn.RandomZoom(0.1),
            lambda: nn.RandomTranslation(0.1, 0.1),
            lambda: nn.RandomContrast(0.1),
            lambda: nn.RandomBrightness(0.1),
            lambda: nn.RandomCrop(4, 4),
            lambda: nn.Normalization(mean=1.0, variance=2.0),
        ],
        IMAGE,
    ),
    **dict.fromkeys(
        [
            lambda: nn.Conv3D(3, 2, activation="tanh"),
            lambda: nn.Conv3DTranspose(3, 2),
            lambda: nn.MaxPooling3D(2),
            lambda: nn.AveragePooling3D(2),
            nn.GlobalAveragePooling3D,
            nn.GlobalMaxPooling3D,
            lambda: nn.UpSampling3D(2),
            lambda: nn.ZeroPadding3D(1),
            lambda: nn.Cropping3D(1),
            lambda: nn.SpatialDropout3D(0.5),
        ],
        VOLUME,
    ),
}
MERGING = [nn.Add, nn.Average, nn.Concatenate, nn.Maximum, nn.Minimum, nn.Multiply, nn.Subtract, lambda: nn.Dot(1)]
ATTENTION = [
    lambda x, y: nn.MultiHeadAttention(2, 3)(x, y),
    lambda x, y: nn.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True),
    lambda x, y: nn.GroupQueryAttention(3, 4, 2)(x, y),
    lambda x, y: nn.Attention()([x, y]),
    lambda x, y: nn.AdditiveAttention()([x, y]),
]


def check_export(outputs, inputs, tolerance=1e-5, **sizes):
    """Export, compare ONNX Runtime and the imported file with the interpreter for two batch sizes; return the file."""
    outputs = outputs if isinstance(outputs, list) else [outputs]
    model = pel.to_onnx({f"y{i}": o for i, o in enumerate(outputs)}, inputs=inputs)
    run, imported = load_in_runtime(model), pel.from_onnx(model)
    assert [i.type for i in imported.inputs] == [i.type for i in inputs] or any(None in i.shape for i in inputs)
    interpreted = pel.function(imported.inputs, imported.outputs, mode="numpy", on_unused_input="ignore")
    expected_function = pel.function(inputs, pel.inference(outputs), mode="numpy")
    for batch in (1, 3):
        values = draw_values(inputs, {"n": batch, "t": 5, **sizes}, batch)
        found = run.run(None, {i.name: v for i, v in zip(inputs, values, strict=True)})
        for value, expected in zip([*found, *interpreted(*values)], expected_function(*values) * 2, strict=True):
            assert value.shape == expected.shape
            np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance)
    return model


@pytest.mark.parametrize("make", CASES, ids=lambda make: type(make()).__name__)
def test_a_layer_is_exported(make):
    x = pel.tensor("x", ("n", *CASES[make]))
    check_export(make()(x), [x])


@pytest.mark.parametrize("make", MERGING, ids=lambda make: type(make()).__name__)
def test_a_merging_layer_is_exported(make):
    inputs = [pel.matrix(name, shape=("n", 4)) for name in "xy"]
    check_export(make()(inputs), inputs)


@pytest.mark.parametrize("write", ATTENTION)
def test_attention_is_exported(write):
    inputs = [pel.tensor3(name, shape=("n", "t", 6)) for name in "xy"]
    output = write(*inputs)
    check_export(output, [i for i in inputs if i in set(pel.ancestors(output))])


def test_embedding_with_a_mask_is_exported():
    words = pel.imatrix("words", shape=("n", "t"))
    check_export(nn.GRU(3)(nn.Embedding(5, 4, mask_zero=True)(words)), [words])


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_of_the_table_is_exported(name):
    row = LAYERS[name]
    inputs = make_inputs(row, "n")
    outputs = call_layer(row.make(), inputs, row)
    used = set(pel.ancestors(pel.inference(outputs)))
    check_export(outputs, [i for i in inputs if i in used])


def test_layers_are_exported_as_onnx_operators():
    x = pel.tensor4("x", shape=("n", 8, 8, 3))
    h = nn.BatchNormalization()(nn.Conv2D(4, 3, activation="leaky_relu")(x))
    h = nn.Dropout(0.5)(nn.Flatten()(nn.AveragePooling2D(2)(nn.MaxPooling2D(2)(h))))
    p = nn.Dense(3, activation="softmax")(nn.LayerNormalization()(nn.Dense(5, activation="gelu")(h)))
    model = check_export(p, [x])
    kinds = [node.op_type for node in model.graph.node if node.op_type not in ("Constant", "Transpose")]
    body = ["Conv", "LeakyRelu", "BatchNormalization", "MaxPool", "AveragePool", "Squeeze"]
    assert kinds == [*body, "MatMul", "Add", "Gelu", "LayerNormalization", "MatMul", "Add", "Softmax"]
