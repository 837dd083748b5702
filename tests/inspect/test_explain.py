"""Explanations contain the formulas that the graph computes, as text, LaTeX and HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.naming import strip_labels
from pellucid.graph.traversal import replace_all, topological
from tests.model.workshop import branching


def image_model() -> Any:
    """Return a compiled network with layers that differ in inference mode."""
    model = pel.Sequential(
        [
            nn.Input((6, 6, 1)),
            nn.Conv2D(4, 3, activation="relu", name="conv"),
            nn.BatchNormalization(name="norm"),
            nn.Flatten(name="flat"),
            nn.Dropout(0.5, name="drop"),
            nn.Dense(3, activation="softmax", kernel_regularizer="l2", name="out"),
        ],
        name="images",
    )
    model.compile(nn.optimizers.Adam(0.001), "sparse_categorical_crossentropy")
    return model


def test_formula_shape_parameters_and_cost_of_layers() -> None:
    text = str(image_model().explain())
    assert "1. conv (Conv2D)  float32 (n, 4, 4, 4), 40 parameters, 1,280 operations" in text
    assert "h1 = relu(conv(x, W1) + b1)" in text
    assert "W1  conv/kernel (3, 3, 1, 4)" in text
    assert "y_hat = softmax(h4 @ W5 + b5)" in text
    assert "Loss: sparse_categorical_crossentropy" in text
    assert "0.01 * (W5 ** 2).sum()" in text
    assert "v ← v + 0.001 * (g ** 2 - v)" in text
    changed = text.split("Inference changes:")[1]
    assert "h2 = gamma2 * ((h1 - mu2) / sqrt(nu2 + 0.001)) + beta2" in changed
    assert "h4 = h3" in changed
    assert "y_hat" not in changed


def test_substituted_formulas_are_the_network() -> None:
    model = image_model()
    explained = model.explain()
    known: dict[Any, Any] = {explained.inputs[0]: model.inputs[0]}
    for part in explained.parts:
        known |= dict(part.parameters)
        for leaf, formula in part.results:
            [known[leaf]] = replace_all([formula], known)
    assert known[explained.parts[-1].results[0][0]] is strip_labels(model.outputs)[0]


def test_functional_model_with_expressions_between_layers() -> None:
    text = str(branching().explain())
    assert "join(tanh(h3 + h" in text
    assert "Loss: sparse_categorical_crossentropy of kind, Huber of size" in text
    assert text.count("same/kernel") == 1


def test_recurrent_layer_as_a_recurrence() -> None:
    model = pel.Sequential([nn.Input((8, 2)), nn.SimpleRNN(16, activation="sigmoid", use_bias=False)])
    text = str(model.explain())
    assert "h[t] = sigmoid((x.transpose(1, 0, 2) @ W1)[t] + h[t-1] @ U1)" in text
    assert text.endswith("Inference changes nothing.")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LSTM(3), (5, 2)),
        (nn.Bidirectional(nn.GRU(3)), (5, 2)),
        (nn.SeparableConv2D(2, 3), (6, 6, 2)),
        (nn.LayerNormalization(), (4,)),
        (nn.PReLU(), (4,)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_text_latex_and_html(layer: Any, shape: tuple[int, ...]) -> None:
    explained = pel.explain(layer, pel.tensor("x", ("n", *shape)))
    names = [leaf.name for part in explained.parts for leaf, _ in part.parameters]
    assert len(set(names)) == len(names) == len(layer.parameters)
    assert all(p.name and p.name in str(explained) for p in layer.parameters)
    page = explained.html()
    assert page.count("<math") >= 2
    for formula in page.split("<math")[1:]:
        ET.fromstring("<math" + formula.split("</math>")[0] + "</math>")
    assert explained.latex().startswith(r"\begin{split}")


def test_expressions_and_functions() -> None:
    x, W = pel.matrix("x", shape=("n", 4)), pel.shared(np.ones((4, 2), "float32"), "W")
    assert "     h = tanh(x @ W)\n" in str(pel.explain(pel.named("h", pel.tanh(x @ W))))
    loss = (x @ W).sum()
    text = str(pel.explain(pel.function([x], loss, updates=pel.optimizers.SGD(0.1).updates(loss))))
    assert "2. new W  float32 (4, 2)" in text
    assert "new_W = W - 0.1 * " in text


def test_save(tmp_path: Path) -> None:
    explained = image_model().explain()
    for ending in ("html", "txt", "tex"):
        explained.save(tmp_path / f"model.{ending}")
    page = (tmp_path / "model.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/1998/Math/MathML", "")
    assert (tmp_path / "model.txt").read_text("utf-8") == f"{explained}\n"
    assert explained._repr_html_() in page
    with pytest.raises(pel.OptionError, match=r"Expected a path that ends in \.html, .*Received: .*model\.pdf"):
        explained.save(tmp_path / "model.pdf")


def test_invalid_arguments() -> None:
    with pytest.raises(pel.ModelError, match="is not built"):
        pel.Sequential([nn.Dense(3)]).explain()
    with pytest.raises(pel.UseError, match=r"explain needs an input for a layer: pel\.explain\(dense"):
        pel.explain(nn.Dense(3))
    with pytest.raises(
        pel.UseError, match=r"explain expects a model, a layer, expressions or a function\. Received: 3"
    ):
        pel.explain(3)


LOSSES = [
    ("sparse_categorical_crossentropy", "-log(y_hat[y]).mean()", r"-\operatorname{mean}(\log(\hat{y}_{y}))"),
    (
        nn.losses.SparseCategoricalCrossentropy(from_logits=True),
        "-log(softmax(y_hat)[y]).mean()",
        r"-\operatorname{mean}(\log(\operatorname{softmax}(\hat{y})_{y}))",
    ),
    (
        "categorical_crossentropy",
        "-(y * log(y_hat)).sum(axis=1).mean()",
        r"-\operatorname{mean}(\sum_{\text{axis 1}} y \odot \log(\hat{y}))",
    ),
    (
        "binary_crossentropy",
        "-(y * log(y_hat) + (1 - y) * log(1 - y_hat)).mean()",
        r"-\operatorname{mean}(y \odot \log(\hat{y}) + \left(1 - y\right) \odot \log(1 - \hat{y}))",
    ),
    (
        nn.losses.BinaryCrossentropy(from_logits=True),
        "-(y * log(sigmoid(y_hat)) + (1 - y) * log(1 - sigmoid(y_hat))).mean()",
        r"-\operatorname{mean}(y \odot \log(\sigma(\hat{y})) + \left(1 - y\right) \odot \log(1 - \sigma(\hat{y})))",
    ),
    ("mse", "((y - y_hat) ** 2).mean()", r"\operatorname{mean}(\left(y - \hat{y}\right)^2)"),
]


@pytest.mark.parametrize(("loss", "written", "tex"), LOSSES, ids=lambda value: str(value)[:40])
def test_losses_are_written_as_in_books(loss: Any, written: str, tex: str) -> None:
    model = pel.Sequential([nn.Input((2,), name="x"), nn.Dense(3, activation="sigmoid", name="out")])
    model.compile("sgd", loss)
    explanation = model.explain()
    assert f"L = {written}" in str(explanation)
    assert f"L &= {tex}" in explanation.latex()
    assert "take" not in explanation.html()

    # The formula has the value of the loss that is trained with, which is still rewritten.
    [(_, formula)] = explanation.losses
    y_hat, y = (next(e for e in topological([formula]) if e.name == name) for name in ("y_hat", "y"))
    scores = np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)).astype("float32")
    labels = np.array([0, 2, 1, 1]) if y.dtype.kind == "i" else np.eye(3)[[0, 2, 1, 1]]
    given = {y_hat: scores, y: labels.astype(y.dtype)}
    trained = loss if callable(loss) else nn.losses.get(loss)
    wanted = pel.simplify(pel.mean(trained(y, y_hat)))
    np.testing.assert_allclose(formula.eval(given), wanted.eval(given), rtol=1e-5)
