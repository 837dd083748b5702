import numpy as np
import pytest

from pellucid.show.hidden_state_plot import hidden_states


def test_units_are_rows_and_steps_are_columns() -> None:
    figure = hidden_states([[0.0, 1.0], [0.25, 0.5], [1.0, 0.0]], ["a", "b", "c"], title="A sum")
    (image,) = figure.axes[0].images
    assert np.array_equal(image.get_array(), [[0.0, 0.25, 1.0], [1.0, 0.5, 0.0]])
    assert image.get_clim() == (0, 1)
    assert figure.axes[0].get_title(loc="left") == "A sum"


def test_the_number_of_labels_is_checked() -> None:
    with pytest.raises(ValueError, match=r"expected states of shape \(steps, units\) and one label per step; received"):
        hidden_states([[0.0, 1.0]], ["a", "b"])
