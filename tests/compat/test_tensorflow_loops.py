"""Branches, loops and recurrent networks of TensorFlow 1, against NumPy; and summaries, as TensorBoard reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
import pellucid.compat.tensorflow as tf
from pellucid.interop.tensorboard.writer import EventWriter
from tests.named_case import name_case

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def sess() -> Any:
    """A session of an empty graph."""
    tf.reset_default_graph()
    with tf.Session() as session:
        yield session
    tf.reset_default_graph()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def run_lstm(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Outputs of an LSTM with forget bias 1, whose gates are i, j, f, o."""
    c = h = np.zeros((len(x), len(b) // 4))
    outputs = []
    for t in range(x.shape[1]):
        i, j, f, o = np.split(np.concatenate([x[:, t], h], 1) @ w + b, 4, axis=1)
        c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
        h = np.tanh(c) * sigmoid(o)
        outputs.append(h)
    return np.stack(outputs, 1)


def run_gru(x: np.ndarray, wg: np.ndarray, bg: np.ndarray, wc: np.ndarray, bc: np.ndarray) -> np.ndarray:
    h = np.zeros((len(x), len(bc)))
    outputs = []
    for t in range(x.shape[1]):
        r, u = np.split(sigmoid(np.concatenate([x[:, t], h], 1) @ wg + bg), 2, axis=1)
        h = u * h + (1 - u) * np.tanh(np.concatenate([x[:, t], r * h], 1) @ wc + bc)
        outputs.append(h)
    return np.stack(outputs, 1)


def run_rnn(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    h = np.zeros((len(x), len(b)))
    outputs = []
    for t in range(x.shape[1]):
        h = np.tanh(np.concatenate([x[:, t], h], 1) @ w + b)
        outputs.append(h)
    return np.stack(outputs, 1)


SEQUENCES = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")


@pytest.mark.parametrize("length", [4, None])
@pytest.mark.parametrize(("cell", "formula"), [("LSTMCell", run_lstm), ("GRUCell", run_gru), ("BasicRNNCell", run_rnn)])
def test_cells_compute_their_formulas(cell: str, formula: Any, length: int | None, sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, length, 3])
    outputs, _ = tf.nn.dynamic_rnn(getattr(tf.nn.rnn_cell, cell)(5), x, dtype=tf.float32)
    sess.run(tf.global_variables_initializer())
    expected = formula(SEQUENCES, *sess.run(tf.trainable_variables()))
    np.testing.assert_allclose(sess.run(outputs, {x: SEQUENCES}), expected, 1e-4, 1e-6)
    assert outputs.get_shape().as_list() == [None, length, 5]


def test_the_second_argument_of_an_lstm_cell_is_the_size_of_its_inputs() -> None:
    assert tf.nn.rnn_cell.LSTMCell(3, 7).forget_bias == 1.0
    assert tf.nn.rnn_cell.BasicLSTMCell(3, 0.5).forget_bias == 0.5


@pytest.mark.parametrize("lengths", [None, [4, 2]])
def test_finished_sequences_keep_their_state(lengths: Any, sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 4, 3])
    cell = tf.nn.rnn_cell.BasicLSTMCell(5)
    outputs, last = tf.nn.dynamic_rnn(cell, x, lengths, dtype=tf.float32)
    steps, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32, sequence_length=lengths)
    sess.run(tf.global_variables_initializer())
    found, ends, listed, same = sess.run([outputs, last, steps, state], {x: SEQUENCES})
    expected = run_lstm(SEQUENCES, *sess.run(tf.trainable_variables()))
    mask = np.arange(4) < np.array(lengths or [4, 4])[:, None]
    np.testing.assert_allclose(found, expected * mask[..., None], 1e-4, 1e-6)
    np.testing.assert_allclose(ends.h, expected[range(2), mask.sum(1) - 1], 1e-4, 1e-6)
    np.testing.assert_allclose(np.stack(listed, 1), found, 1e-6)
    np.testing.assert_allclose(same, ends, 1e-6)


@pytest.mark.parametrize("rows", [None, 2])
def test_initial_states_of_joined_tensors(rows: int | None, sess: Any) -> None:
    x, p = tf.placeholder(tf.float32, [rows, 3, 2]), tf.placeholder(tf.float32)
    known = tf.placeholder(tf.float32, [rows, None])
    learned = tf.tile(tf.ones([1, 3]), [tf.shape(x)[0], 1])
    fed = np.random.default_rng(0).normal(size=(2, 3, 2)).astype("float32")
    ones = np.ones((2, 1))
    joined = tf.concat([p, tf.ones([2, 2])], 1), tf.concat(1, [known, tf.ones([2, 2])])
    for number, state in enumerate((*joined, learned)):
        cell = tf.nn.rnn_cell.BasicRNNCell(3)
        with tf.variable_scope(f"network{number}"):
            outputs, last = tf.nn.dynamic_rnn(cell, x, initial_state=state)
        sess.run(tf.initialize_all_variables())
        (w, b), found, end = sess.run([tf.trainable_variables()[-2:], outputs, last], {x: fed, p: ones, known: ones})
        h = np.ones((2, 3))
        for t in range(3):
            h = np.tanh(np.concatenate([fed[:, t], h], 1) @ w + b)
            np.testing.assert_allclose(found[:, t], h, atol=1e-5)
        np.testing.assert_allclose(end, h, atol=1e-5)


def test_the_last_state_has_the_form_of_the_cell(sess: Any) -> None:
    x, p = tf.placeholder(tf.float32, [None, 3, 2]), tf.placeholder(tf.float32, [None, 4])
    _, last = tf.nn.dynamic_rnn(tf.nn.rnn_cell.LSTMCell(4), x, initial_state=(p, tf.zeros([2, 4])))
    sess.run(tf.initialize_all_variables())
    c, h = sess.run([last.c, last.h], {x: np.zeros((2, 3, 2)), p: np.ones((2, 4))})
    assert (c.shape, h.shape) == ((2, 4), (2, 4))
    assert isinstance(last, tf.nn.rnn_cell.LSTMStateTuple)


def test_bidirectional_networks_join_both_directions(sess: Any) -> None:
    x, lengths = tf.placeholder(tf.float32, [None, 4, 3]), np.array([4, 2])
    cells = [tf.nn.rnn_cell.BasicRNNCell(5), tf.nn.rnn_cell.BasicRNNCell(5)]
    dynamic, _ = tf.nn.bidirectional_dynamic_rnn(*cells, x, lengths, dtype=tf.float32)
    static, *_ = tf.nn.static_bidirectional_rnn(
        *cells, tf.unstack(x, axis=1), dtype=tf.float32, sequence_length=lengths
    )
    whole, *_ = tf.nn.bidirectional_rnn(*cells, tf.unstack(x, axis=1), dtype=tf.float32)
    sess.run(tf.global_variables_initializer())
    found, listed, unmasked = sess.run([tf.concat(dynamic, 2), static, whole], {x: SEQUENCES})
    w, b, v, c = sess.run(tf.trainable_variables())
    for k, n in enumerate(lengths):
        row = SEQUENCES[k : k + 1, :n]
        both = np.concatenate([run_rnn(row, w, b), run_rnn(row[:, ::-1], v, c)[:, ::-1]], 2)[0]
        np.testing.assert_allclose(found[k], np.concatenate([both, np.zeros((4 - n, 10))]), 1e-4, 1e-6)
    np.testing.assert_allclose(np.stack(listed, 1), found, 1e-6)
    backwards = run_rnn(SEQUENCES[:, ::-1], v, c)[:, ::-1]
    np.testing.assert_allclose(np.stack(unmasked, 1)[..., 5:], backwards, 1e-4, 1e-6)


def test_cells_on_top_of_each_other_with_dropout(sess: Any) -> None:
    keep = tf.placeholder(tf.float32)
    cell = tf.nn.rnn_cell.DropoutWrapper(tf.nn.rnn_cell.GRUCell(3), output_keep_prob=keep)
    stack = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.GRUCell(4), cell])
    outputs, state = tf.nn.dynamic_rnn(stack, tf.constant(np.ones((50, 6, 2), "float32")), dtype=tf.float32)
    sess.run(tf.global_variables_initializer())
    kept, dropped = (sess.run(outputs, {keep: p}) for p in (1.0, 0.5))
    assert [s.shape for s in sess.run(state, {keep: 1.0})] == [(50, 4), (50, 3)]
    is_zero = dropped == 0
    assert 0.4 < is_zero.mean() < 0.6
    assert np.any(is_zero[:, 1] != is_zero[:, 2])  # each step has its own mask
    np.testing.assert_allclose(dropped[~is_zero], 2 * kept[~is_zero], 1e-5)


@pytest.mark.parametrize("is_tuple", [True, False])
def test_a_cell_that_is_used_again_has_weights_for_each_layer(is_tuple: bool, sess: Any) -> None:
    cell = tf.nn.rnn_cell.BasicLSTMCell(3, state_is_tuple=is_tuple)
    stack = tf.nn.rnn_cell.MultiRNNCell([cell] * 2, state_is_tuple=is_tuple)
    x = tf.constant(SEQUENCES)
    outputs, state = tf.nn.dynamic_rnn(stack, x, dtype=tf.float32)
    names = [v.name for v in tf.trainable_variables()]
    assert names == [f"rnn/multi_rnn_cell/cell_{k}/basic_lstm_cell/{n}:0" for k in (0, 1) for n in ("kernel", "bias")]
    tf.nn.dynamic_rnn(stack, x, dtype=tf.float32)  # uses them again
    pair = tf.nn.rnn_cell.GRUCell(3)
    tf.nn.bidirectional_dynamic_rnn(pair, pair, x, dtype=tf.float32)
    assert len(tf.trainable_variables()) == 4 + 2 * 4
    sess.run(tf.global_variables_initializer())
    w, b, v, c = sess.run(tf.trainable_variables()[:4])
    found, ends = sess.run([outputs, state])
    expected = run_lstm(run_lstm(SEQUENCES, w, b), v, c)
    np.testing.assert_allclose(found, expected, 1e-4, 1e-6)
    np.testing.assert_allclose(ends[1].h if is_tuple else ends[:, 9:], expected[:, -1], 1e-4, 1e-6)


def test_gradients_of_a_loop_are_those_of_the_unrolled_one(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [2, 4, 3])
    cell = tf.nn.rnn_cell.BasicLSTMCell(5)
    outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    steps, unrolled = [], cell.zero_state(2)
    for row in tf.unstack(x, axis=1):
        h, unrolled = cell(row, unrolled)
        steps.append(h)
    costs = [
        tf.reduce_sum(tf.square(outputs)) + state.c[0, 0],
        tf.reduce_sum(tf.square(tf.stack(steps))) + unrolled.c[0, 0],
    ]
    sess.run(tf.global_variables_initializer())
    found = sess.run([tf.gradients(cost, [x, *tf.trainable_variables()]) for cost in costs], {x: SEQUENCES})
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, 1e-4, 1e-6)


def test_loops_see_variables_and_nest(sess: Any) -> None:
    w, n = tf.Variable(2.0), tf.placeholder(tf.int32, [])
    powers = tf.map_fn(
        lambda k: tf.while_loop(lambda i, p: i < k, lambda i, p: [i + 1, p * w], [0, 1.0])[1],
        tf.range(n),
        dtype=tf.float32,
    )
    sess.run(tf.global_variables_initializer())
    assert sess.run(powers, {n: 5}).tolist() == [1, 2, 4, 8, 16]
    assert sess.run(tf.while_loop(lambda x: x < 100.0, lambda x: x * w, 3.0)) == 192
    limited = tf.while_loop(lambda x: x < 100.0, lambda x: x * w, [w], maximum_iterations=3)[0]
    assert sess.run([limited, tf.gradients(limited, w)[0]]) == [16, 4 * 2**3]
    draws = sess.run(tf.map_fn(lambda _: tf.random_uniform([]), tf.range(8), dtype=tf.float32))
    assert len(set(draws.tolist())) == 8


def test_only_the_chosen_branch_is_computed(sess: Any) -> None:
    x, c = tf.placeholder(tf.float32, []), tf.placeholder(tf.bool, [])
    safe = tf.cond(c, lambda: {"y": 1.0 / x}, lambda: {"y": tf.constant(0.0)})
    assert sess.run([safe["y"], tf.gradients(safe["y"], x)[0]], {x: 0.0, c: False}) == [0, 0]
    assert sess.run(tf.gradients(safe["y"], x)[0], {x: 2.0, c: True}) == -0.25
    shapes = tf.cond(c, fn1=lambda: tf.zeros([2, 3]), fn2=lambda: tf.zeros([2, 4]))
    assert shapes.get_shape().as_list() == [2, None]


ERRORS = [
    (lambda: tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), tf.zeros([1, 2, 3])), "Expected an initial_state or a"),
    (
        lambda: tf.nn.dynamic_rnn(tf.nn.rnn_cell.LSTMCell(2), tf.zeros([1, 2, 3]), initial_state=tf.zeros([1, 4])),
        r"LSTMStateTuple\(c=2, h=2\)\. Received: .*\. tf\.split\(state, 2, 1\) splits a joined state",
    ),
    (lambda: tf.cond(tf.constant(True), lambda: 1.0, lambda: 1), "tf.cond: expected the same number and dtypes"),
    (lambda: tf.while_loop(lambda i: i < 3, lambda i: i + 0.5, [0]), "Expected int32. Received: 0.5"),
    (
        lambda: tf.while_loop(lambda i: i < 3, lambda i: tf.to_float(i), [0]),
        "tf.while_loop: expected new states like",
    ),
    (lambda: tf.map_fn(lambda v: v, tf.constant(1.0)), "map: expected tensors of at least one axis"),
    (
        lambda: tf.map_fn(lambda v: tf.assign_add(tf.Variable(0.0), v), tf.constant([1.0])),
        "Assign after a loop or a branch, not inside of it. Received: 'AssignAdd', made at",
    ),
    (lambda: tf.contrib.layers.xavier_initializer(uniform=False), "expected uniform=True"),
    (lambda: tf.nn.rnn_cell.LSTMCell(2, use_peepholes=True), "LSTMCell: use_peepholes=True is not in"),
    (lambda: tf.nn.rnn_cell.LSTMCell(2, True), "LSTMCell: use_peepholes=True is not in"),
    (
        lambda: tf.nn.conv2d_transpose(
            tf.zeros([1, 2, 2, 1]), tf.zeros([2, 2, 1, 1]), [1, 4, 4, 1], [1, 2, 2, 1], "FULL"
        ),
        "Expected padding='SAME' or 'VALID'",
    ),
]


def test_errors(sess: Any) -> None:
    for make, message in ERRORS:
        with name_case(message), pytest.raises(pel.PellucidError, match=message):
            make()


def test_bounds_of_random_numbers_have_their_dtype(sess: Any) -> None:
    limit = 4 * np.sqrt(6.0 / 10)  # a number of float64, as scripts compute it
    w = tf.Variable(tf.random_uniform([100], minval=-limit, maxval=limit))
    v = tf.Variable(tf.random_normal([100], stddev=limit))
    sess.run(tf.initialize_all_variables())
    assert [sess.run(e).dtype for e in (w, v)] == ["float32"] * 2
    assert abs(sess.run(w)).max() <= limit


@pytest.mark.parametrize("unique", [True, False])
def test_sampled_classes_are_as_frequent_as_expected(unique: bool, sess: Any) -> None:
    tf.set_random_seed(0)
    labels = tf.constant(np.arange(20).reshape(20, 1))
    drawn, expected, own = tf.nn.log_uniform_candidate_sampler(labels, 1, 8, unique, 20)
    rows, counts, of_drawn = sess.run([tf.map_fn(lambda _: drawn + 0, tf.range(2)), expected, own])
    assert rows.shape == (2, 8)
    draws = np.stack([sess.run(drawn) for _ in range(400)])
    assert (len(np.unique(draws[0])) == 8) or not unique
    np.testing.assert_allclose(np.bincount(draws.ravel(), minlength=20) / 400, counts[:, 0], atol=0.15)
    np.testing.assert_allclose(counts.sum(), 8, rtol=1e-4)
    np.testing.assert_allclose(of_drawn, counts[rows[0], 0], rtol=1e-6)
    with pytest.raises(pel.OptionError, match=r"Expected at most 20 different classes. Received: num_sampled=21"):
        tf.nn.log_uniform_candidate_sampler(labels, 1, 21, True, 20)


def test_noise_contrastive_loss_takes_arguments_of_both_versions(sess: Any) -> None:
    w, x = (np.random.default_rng(k).normal(size=(n, 3)).astype("float32") for k, n in enumerate((5, 4)))
    y = np.array([[1], [0], [4], [1]])
    z = x @ w.T  # all classes are sampled, so each is expected once
    expected = np.log1p(np.exp(z)).sum(1) + np.log1p(np.exp(-z[range(4), y[:, 0]]))
    given = tf.constant(w), tf.zeros([5])
    for pair in ((tf.constant(y), tf.constant(x)), (tf.constant(x), tf.constant(y))):
        np.testing.assert_allclose(sess.run(tf.nn.nce_loss(*given, *pair, 5, 5)), expected, 1e-4)


def test_parts_of_an_unknown_length(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    parts = tf.split(0, 3, x)
    assert [p.get_shape().as_list() for p in parts] == [[None, 2]] * 3
    found = sess.run(parts, {x: np.arange(12).reshape(6, 2)})
    assert [f[0, 0] for f in found] == [0, 4, 8]


def test_old_modules_have_the_cells() -> None:
    from pellucid.compat.tensorflow.contrib.rnn import static_rnn
    from pellucid.compat.tensorflow.models.rnn import rnn as old_rnn
    from pellucid.compat.tensorflow.python.ops import rnn, rnn_cell

    assert rnn.rnn is old_rnn.rnn is static_rnn
    assert rnn_cell.BasicLSTMCell is tf.nn.rnn_cell.BasicLSTMCell is tf.contrib.rnn.BasicLSTMCell


def read_events(folder: Path) -> list[Any]:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    (path,) = folder.iterdir()
    return [(e.step, v) for e in loader.EventFileLoader(str(path)).Load() for v in e.summary.value]


def test_summaries_are_what_tensorboard_reads(tmp_path: Path, sess: Any) -> None:
    util = pytest.importorskip("tensorboard.util.tensor_util")
    x = tf.placeholder(tf.float32, [None])
    assert tf.summary.merge_all() is None
    tf.scalar_summary("loss", tf.reduce_sum(x))
    tf.summary.histogram("x", x)
    picture = tf.image_summary("picture", tf.reshape(x, [-1, 1, 2, 1]), max_images=1)
    tf.summary.merge([picture], collections=["pictures"])
    assert tf.summary.merge_all("pictures").tensors == picture.tensors
    writer = tf.train.SummaryWriter(tmp_path / "run", sess.graph)
    for step in range(2):
        value, merged = sess.run([x, tf.merge_all_summaries()], {x: [1.0, step, 4.0, -4.0]})
        writer.add_summary(merged, global_step=step)
    assert value.tolist() == [1, 1, 4, -4]
    writer.add_summary(picture.eval({x: [1.0, -2.0]}))
    writer.close()
    events = read_events(tmp_path / "run")
    assert [(step, v.tag) for step, v in events] == [
        *((step, tag) for step in range(2) for tag in ("loss", "x", "picture")),
        (0, "picture"),
    ]
    assert [float(util.make_ndarray(v.tensor)) for _, v in events if v.tag == "loss"] == [1, 2]
    assert util.make_ndarray(events[1][1].tensor)[:, 2].sum() == 4


def test_images_of_summaries_are_scaled_as_in_tensorflow(
    tmp_path: Path, sess: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    found: list[Any] = []
    monkeypatch.setattr(EventWriter, "image", lambda self, name, images, step, count: found.append(images))
    writer = tf.summary.FileWriter(tmp_path)
    for value in ([0.0, 2.0, 4.0], [-4.0, 0.0, 2.0], [0.0, 0.0, 0.0]):
        writer.add_summary(sess.run(tf.summary.image("x", np.array(value, "float32").reshape(1, 1, 3, 1))))
    writer.close()
    assert [images.ravel().tolist() for images in found] == [[0, 0.5, 1], [0, 0.5, 0.75], [0, 0, 0]]
