"""An argument that a loss, metric, initializer and so on does not take is told with its near miss."""

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
    if isinstance(v, type) and v not in (losses.Loss, metrics.MeanOf, metrics.Running, optimizers.Optimizer)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__.split('.')[2]}-{kind.__name__}")
def test_an_argument_that_there_is_not(kind: type) -> None:
    with pytest.raises(pel.UseError, match=f"^{kind.__name__} takes no argument 'nothing_of_the_kind'") as caught:
        kind(nothing_of_the_kind=1)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: losses.CategoricalCrossentropy(label_smothing=0.1), "Did you mean 'label_smoothing'"),
        (lambda: losses.MeanSquaredError(reducton="sum"), "Did you mean 'reduction'"),
        (lambda: metrics.Precision(threshold=0.1), "Did you mean 'thresholds'"),
        (lambda: initializers.RandomNormal(std=0.1), "Did you mean 'stddev'"),
        (lambda: schedules.CosineDecay(0.1, 10, alfa=0.1), "Did you mean 'alpha'"),
        (lambda: regularizers.L2(strength=0.1), "L2 takes no argument 'strength'. It takes: l2"),
        (lambda: initializers.Zeros(seed=0), "Zeros takes no argument 'seed'. It takes none"),
        (lambda: constraints.MaxNorm(max=2), "Did you mean 'max_value'"),
    ],
)
def test_what_was_meant(write, message) -> None:
    with pytest.raises(TypeError, match=message):
        write()


def test_a_loss_of_ones_own_takes_what_it_likes() -> None:
    class Mine(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** self.settings["power"]

    t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    assert str(Mine(power=4)(t, y)) == "((t - y) ** 4).mean()"


@pytest.mark.parametrize(
    "made", [losses.Huber(0.5), nn.initializers.HeNormal(seed=1), schedules.CosineDecay(0.1, 10), regularizers.L2(0.5)]
)
def test_copies_are_made_as_before(made) -> None:
    assert repr(copy.deepcopy(made)) == repr(pickle.loads(pickle.dumps(made))) == repr(made)
