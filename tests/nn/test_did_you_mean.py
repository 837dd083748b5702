"""Tests of hints for misspelled arguments of losses, metrics, initializers and others."""

import copy
import pickle

import pytest

import pellucid as pel
from pellucid import nn
from pellucid.nn import constraints, initializers, losses, metrics, optimizers, regularizers, schedules

CLASSES = [
    v
    for home in (constraints, initializers, losses, metrics, optimizers, regularizers, schedules)
    for v in (getattr(home, name) for name in home.__all__)
    if isinstance(v, type)
    and v not in (losses.Loss, metrics.MeanMetricWrapper, metrics.StreamingMetric, optimizers.Optimizer)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__.split('.')[2]}-{kind.__name__}")
def test_unknown_arguments_are_rejected(kind: type) -> None:
    with pytest.raises(pel.UseError, match=f"^{kind.__name__} takes no argument 'nothing_of_the_kind'") as caught:
        kind(nothing_of_the_kind=1)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: losses.CategoricalCrossentropy(label_smothing=0.1), "Did you mean 'label_smoothing'"),
        (lambda: losses.MeanSquaredError(reducton="sum"), "Did you mean 'reduction'"),
        (lambda: metrics.Precision(threshold=0.1), "Did you mean 'thresholds'"),
        (lambda: initializers.RandomNormal(std=0.1), "Use stddev instead"),
        (lambda: schedules.CosineDecay(0.1, 10, alfa=0.1), "Did you mean 'alpha'"),
        (lambda: regularizers.L2(strength=0.1), "L2 takes no argument 'strength'. It takes: l2"),
        (lambda: initializers.Zeros(seed=0), "Zeros takes no argument 'seed'. It takes none"),
        (lambda: constraints.MaxNorm(max=2), "Did you mean 'max_value'"),
    ],
)
def test_hints(write, message) -> None:
    with pytest.raises(TypeError, match=message):
        write()


def test_custom_losses_may_take_any_keyword() -> None:
    class Mine(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** self.settings["power"]

    t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    assert str(Mine(power=4)(t, y)) == "((t - y) ** 4).mean()"


@pytest.mark.parametrize(
    "made", [losses.Huber(0.5), nn.initializers.HeNormal(seed=1), schedules.CosineDecay(0.1, 10), regularizers.L2(0.5)]
)
def test_strict_objects_can_be_copied(made) -> None:
    assert repr(copy.deepcopy(made)) == repr(pickle.loads(pickle.dumps(made))) == repr(made)
