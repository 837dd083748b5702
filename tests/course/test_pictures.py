"""Still pictures: their axes, and descriptions that are computed from what they show."""

import numpy as np

from pellucid.course import pictures


def get_axis_labels(picture):
    return {(axes.get_xlabel(), axes.get_ylabel()) for axes in picture.figure.axes}


def test_activation_functions_have_labeled_axes_and_no_vertical_line_at_a_jump():
    picture = pictures.draw_activations()
    titles = [axes.get_title(loc="left") for axes in picture.figure.axes]
    assert titles == ["step", "logistic", "tanh", "relu", "gaussian", "linear"]
    assert get_axis_labels(picture) == {("z", "a")}
    step = picture.figure.axes[0].lines[0].get_ydata()
    assert np.isnan(step).sum() == 1


def test_layers_count_weights_and_biases():
    reading = pictures.draw_layers((4, 10, 3)).reading
    assert "70 weights" in reading
    assert "13 biases" in reading


def test_a_descent_is_drawn_up_to_the_first_step_outside_and_described_to_the_end():
    picture = pictures.draw_descents(lambda w: w**2, {"diverges": [1.0, -1.5, 2.5, -4.0]}, -2, 2)
    path = picture.figure.axes[0].lines[1].get_xdata()
    assert path.tolist() == [1.0, -1.5]
    assert "from w = 1 to -4 in 3 steps" in picture.reading


def test_a_surface_names_its_weights_and_describes_each_path():
    paths = {"left": [[-1, 0], [0, 0]], "right": [[1, 1], [0.5, 0.5], [0, 0]]}
    picture = pictures.draw_surface(lambda u, v: u**2 + v**2, paths, (-2, 2), (-2, 2), ("u", "v"))
    assert get_axis_labels(picture) == {("u", "v")}
    assert "left: from (-1, 0), loss 1, to (0, 0), loss 0, in 1 step;" in picture.reading
    assert "right: from (1, 1), loss 2, to (0, 0), loss 0, in 2 steps." in picture.reading


def test_classes_are_named_and_correct_points_are_counted():
    X, y = np.array([[-1.0, 0.0], [1.0, 0.5], [2.0, 0.0]]), np.array([0, 1, 0])
    lines = {"slanted": (1.0, 1.0, 0.0), "vertical": (1.0, 0.0, -0.5)}
    picture = pictures.draw_classes(X, y, lambda X: (X[:, 0] > 0) + 0.0, lines, ("left", "right"))
    assert get_axis_labels(picture) == {("x₁", "x₂")}
    names = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert names == ["probability 1/2", "left", "right", "slanted", "vertical"]
    assert "2 points of the left and 1 point of the right. 2 of 3 points are on the correct side" in picture.reading
    slanted, vertical = picture.figure.axes[0].lines[-2:]
    assert np.allclose(slanted.get_xdata() + slanted.get_ydata(), 0)
    assert set(vertical.get_xdata()) == {0.5}
