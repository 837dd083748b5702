"""Still pictures: their axes, and descriptions that are computed from what they show."""

import numpy as np

from pellucid.course import image_pictures, pictures


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


def test_images_have_names_and_frames():
    picture = image_pictures.draw_images(np.zeros((3, 4, 6)), ["7", "2", "1"])
    titles = [axes.get_title() for axes in picture.figure.axes]
    assert titles == ["7", "2", "1"]
    assert all(axes.axison and not axes.get_xticks().size for axes in picture.figure.axes)
    assert picture.reading == "3 images of 4 x 6 pixels: 7, 2, 1."


def test_weights_of_each_unit_are_an_image_in_the_order_of_the_pixels():
    W = np.stack([np.arange(6.0), -np.ones(6)], axis=1)
    picture = image_pictures.draw_weights(W, (2, 3), ["rising", "negative"])
    first, second = (axes.images[0].get_array() for axes in picture.figure.axes[:2])
    assert first.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (second == -1).all()
    assert "from -1 to 5, 42% positive. Units: rising, negative." in picture.reading


def test_hidden_states_count_active_units_at_each_step():
    picture = image_pictures.draw_states([[0.9, 0.8, 0.1], [0.2, 0.1, 0.0]], ["1+1", "0+0"])
    assert ("step", "hidden unit") in get_axis_labels(picture)
    assert "Units above 0.5: 2 at 1+1, none at 0+0." in picture.reading


def test_an_unrolled_network_has_a_copy_for_each_step_with_the_same_weights():
    picture = image_pictures.draw_unrolled(4)
    texts = [text.get_text() for text in picture.figure.axes[0].texts]
    assert [t for t in texts if t.startswith("h")] == ["h", "h₀", "h₁", "h₂", "h₃", "h before"]
    assert (texts.count("Wx"), texts.count("Wo"), texts.count("Wh")) == (5, 5, 4)  # 3 arrows and the loop
    assert "unrolled over 4 time steps" in picture.reading
