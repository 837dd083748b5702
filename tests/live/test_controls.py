"""Controls: initial values, and messages for arguments that do not fit."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.live import controls

RATE = pel.scalar("rate")


def test_slider_starts_in_the_middle_of_its_scale() -> None:
    assert pel.live.slider(RATE, 0, 10).value == 5
    assert pel.live.slider(RATE, 0.001, 0.1, scale="log").value == 0.01
    assert pel.live.slider(pel.iscalar("n"), 1, 4).value == 2


def test_slider_of_an_integer_has_steps_of_one() -> None:
    assert pel.live.slider(pel.iscalar("n"), 1, 4).step == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pel.live.slider("rate", 0, 1), "expected a scalar input of the training function first"),
        (lambda: pel.live.slider(pel.vector("v"), 0, 1), "expected a scalar input"),
        (lambda: pel.live.slider(RATE, 1, 1), "finite numbers minimum < maximum. Received: 1 and 1"),
        (lambda: pel.live.slider(RATE, 0, np.inf), "finite numbers"),
        (lambda: pel.live.slider(RATE, 0, 1, scale="log"), "a minimum above 0 on a logarithmic scale. Received: 0"),
        (lambda: pel.live.slider(RATE, 0, 1, scale="square"), "'linear' or 'log'. Received: 'square'"),
        (lambda: pel.live.slider(RATE, 0, 1, 2), "a value from 0 to 1. Received: value=2"),
        (lambda: pel.live.slider(RATE, 0, 1, step=3), "a step above 0 and up to 1. Received: step=3"),
        (lambda: pel.live.choice(RATE, []), "expected different options, at least one"),
        (lambda: pel.live.choice(RATE, [1, 1]), "expected different options"),
        (lambda: pel.live.choice(RATE, [1, 2], 3), r"expected value to be one of \[1, 2\]. Received: 3"),
        (lambda: pel.live.seed(-1), "an integer from 0 to 4294967295. Received: -1"),
        (lambda: pel.live.seed(1.5), "an integer from 0"),
    ],
)
def test_messages(make, message) -> None:
    with pytest.raises(pel.PellucidError, match=message):
        make()


def test_controls_have_different_inputs() -> None:
    sliders = [pel.live.slider(RATE, 0, 1), pel.live.slider(RATE, 0, 2)]
    with pytest.raises(pel.InputError, match=r"one control for each input\. Received: several for 'rate'"):
        controls.check_controls(sliders)


def test_choice_with_labels() -> None:
    options = pel.live.choice(RATE, {"slow": 0.01, "fast": np.float32(0.5)}).to_json()["options"]
    assert options == [{"label": "slow", "value": 0.01}, {"label": "fast", "value": 0.5}]
