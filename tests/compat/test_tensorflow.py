"""TensorFlow 1 on pellucid: graphs, sessions, names, dtypes, errors, checkpoints, summaries, flags and data."""

from __future__ import annotations

import re
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pellucid.compat.tensorflow.examples.tutorials.mnist import input_data

import pellucid as pel
import pellucid.compat.tensorflow as tf
from pellucid.compat import programs
from tests.named_case import name_case

pytestmark = pytest.mark.usefixtures("engine")

Pair = namedtuple("Pair", ["g", "h"])


@pytest.fixture(autouse=True)
def graph() -> Any:
    """An empty default graph."""
    tf.reset_default_graph()
    yield tf.get_default_graph()
    tf.reset_default_graph()


@pytest.fixture
def sess(graph: Any) -> Any:
    with tf.Session() as session:
        yield session


def test_names_and_texts() -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.Variable(tf.zeros([3, 2]), name="w")
    with tf.name_scope("layer"):
        y = tf.matmul(x, w)
    assert repr(y) == "<tf.Tensor 'layer/MatMul:0' shape=(?, 2) dtype=float32>"
    assert str(y) == 'Tensor("layer/MatMul:0", shape=(?, 2), dtype=float32)'
    assert repr(w) == "<tf.Variable 'w:0' shape=(3, 2) dtype=float32_ref>"
    assert repr(w.initializer) == "<tf.Operation 'w/Assign' type=Assign>"
    assert [tf.constant(1).name, tf.constant(1).name, tf.constant(1).op.name] == ["Const:0", "Const_1:0", "Const_2"]
    assert str(tf.placeholder("float")) == 'Tensor("Placeholder:0", dtype=float32)'
    assert x.graph is tf.get_default_graph()


def test_shapes_and_dtypes() -> None:
    x = tf.placeholder("float", [None, 3])
    shape = x.get_shape()
    assert (shape.as_list(), shape.ndims, shape[1].value, int(shape[1]), str(shape)) == ([None, 3], 2, 3, 3, "(?, 3)")
    assert (shape[0].value, shape[1] * 2 == 6, shape[1:] == [3], bool(tf.placeholder("int32").get_shape())) == (
        None, True, True, False,
    )  # fmt: skip
    assert tf.constant([[1, 2]]).get_shape().num_elements() == 2
    assert x.dtype == tf.float32 == np.float32 != tf.float64
    assert tf.reshape(x, [tf.shape(tf.placeholder("float", [None]))[0], 3]).get_shape().as_list() == [None, 3]
    with pytest.raises(pel.DtypeError, match="Expected a dtype of TensorFlow, one of float16 float32 "):
        tf.cast(x, "complex")
    with pytest.raises(pel.ShapeError, match="The rank of the shape is not known"):
        tf.placeholder("float").get_shape().as_list()
    with pytest.raises(pel.ShapeError, match="The size of the axis is not known before the graph runs"):
        int(tf.placeholder("float", [None]).get_shape()[0])


CONSTANTS = [
    (1, "int32"),
    (1.0, "float32"),
    (2**40, "int64"),
    (np.ones(2), "float64"),
    ([1, 2.5], "float32"),
    (True, "bool"),
]


def test_constants_have_the_dtypes_of_tensorflow(sess: Any) -> None:
    for value, dtype in CONSTANTS:
        with name_case(str(value)):
            tensor = tf.constant(value)
            assert tensor.dtype.name == dtype
            assert sess.run(tensor).dtype == dtype


def test_fetches(sess: Any) -> None:
    a, b = tf.constant(1.0, name="a"), tf.constant([2, 3], name="b")
    pair = Pair(a, b)
    nested = sess.run({"x": [a, (b, a)], "y": a + 1})
    assert nested["x"][0] == 1
    assert isinstance(nested["x"][1], tuple)
    assert nested["y"] == 2
    assert sess.run(pair).h.tolist() == [2, 3]
    assert [type(v) for v in sess.run([a, "b:0"])] == [np.float32, np.ndarray]
    assert sess.run(["a", tf.no_op()]) == [None, None]
    assert sess.run([]) == []
    assert sess.run(tf.constant("text")) == b"text"
    assert sess.run([tf.constant(["s", "t"]), a])[0].tolist() == [b"s", b"t"]
    with pytest.raises(pel.InputError, match="The graph has no tensor named 'c:0'"):
        sess.run("c:0")
    with pytest.raises(pel.UseError, match=r"Expected a Tensor or Operation, or its name. Received: None"):
        sess.run(None)
    with pytest.raises(pel.UseError, match=r"Expected a Tensor or Operation, or its name. Received: 3, a int"):
        sess.run(3)


def test_feeds(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    y = 2 * x
    z = y + 1
    assert sess.run(z, {x: [[1, 2]]}).tolist() == [[3, 5]]
    assert sess.run(z, {"x:0": np.zeros((2, 2))}).shape == (2, 2)
    assert sess.run(z, {y: [[1.0, 1.0]]}).tolist() == [[2, 2]]  # an intermediate tensor
    default = tf.placeholder_with_default(3.0, ())
    assert (sess.run(default), default.eval({default: 4})) == (3, 4)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"You must feed a value for the placeholder 'x'"):
        sess.run(z)
    with pytest.raises(ValueError, match=r"Cannot feed a value of shape \(3,\) for the tensor 'x:0'"):
        sess.run(z, {x: [1, 2, 3]})
    with pytest.raises(pel.UseError, match="The value of a feed cannot be a tensor"):
        sess.run(z, {x: y})
    with pytest.raises(pel.DtypeError, match="Expected rows of float32 of one length"):
        sess.run(z, {x: ["a"]})
    with pytest.raises(pel.DtypeError, match="Expected values of int32 for 'Placeholder:0'"):
        sess.run(n := tf.placeholder(tf.int32), {n: 1.5})


def test_sessions_have_their_own_variables() -> None:
    v = tf.Variable(1.0)
    first, second = tf.Session(), tf.Session()
    for session in (first, second):
        session.run(tf.global_variables_initializer())
    first.run(v.assign_add(1.0))
    assert (first.run(v), second.run(v), first.run(v.assign_sub(5.0))) == (2, 1, -3)
    v.load(7.0, second)
    assert (v.eval(session=second), v.eval(None, first)) == (7, -3)
    first.close()
    with pytest.raises(pel.UseError, match="closed Session"):
        first.run(v)
    with pytest.raises(pel.UseError, match=r"There is no default session for eval\(\)"):
        v.eval()
    with second.as_default():
        assert v.eval() == 7
    assert second.run(v) == 7


def test_graphs() -> None:
    graph = tf.Graph()
    with graph.as_default():
        a = tf.constant(3, name="a")
    assert tf.get_default_graph() is not graph
    assert tf.Session(graph=graph).run(a) == 3
    assert graph.get_tensor_by_name("a:0") is a
    assert graph.get_operation_by_name("a") is a.op
    with pytest.raises(pel.InputError, match="is not an element of this graph"):
        tf.Session().run(a)
    with pytest.raises(pel.InputError, match="is from another graph than the current one"):
        a + 1


def test_an_interactive_session_has_its_graph() -> None:
    outer, graph = tf.get_default_graph(), tf.Graph()
    session = tf.InteractiveSession(graph=graph)
    assert tf.constant(2).eval() == 2
    assert tf.get_default_graph() is graph
    session.close()
    assert tf.get_default_graph() is outer


def test_a_variable_can_be_fed(sess: Any) -> None:
    v = tf.Variable(1.0)
    assert sess.run([v, v * 2], {v: 5.0}) == [5, 10]


def test_an_interactive_session_is_the_default() -> None:
    session = tf.InteractiveSession()
    v = tf.Variable([1.0, 2.0])
    v.initializer.run()
    assert (v * 2).eval().tolist() == [2, 4]
    assert tf.get_default_session() is session
    session.close()
    assert tf.get_default_session() is None


def test_variables(sess: Any) -> None:
    w = tf.Variable(tf.random_normal([2, 3], stddev=0.1), name="weights")
    copy = tf.Variable(lambda: w.initialized_value() * 2, trainable=False)
    with pytest.raises(
        tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value 'weights', made at"
    ):
        sess.run(w)
    sess.run(tf.initialize_all_variables())
    first = sess.run(w)
    np.testing.assert_allclose(sess.run(copy), 2 * first)
    sess.run(w.initializer)
    assert not np.array_equal(first, sess.run(w))  # new random values at each run
    assert tf.trainable_variables() == [w]
    assert tf.all_variables() == [w, copy]
    assert (w.get_shape().as_list(), w.dtype, w.op.name) == ([2, 3], tf.float32, "weights")
    with pytest.raises(pel.ShapeError, match=r"Assign: weights has shape \(2, 3\). Received: a value of shape \(3,\)"):
        w.assign([1.0, 2.0, 3.0])
    with pytest.raises(pel.UseError, match="expected a variable to assign to"):
        tf.assign(w * 1, w)
    with pytest.raises(pel.DtypeError, match="A variable of strings"):
        tf.Variable("text")


def test_two_assignments_in_a_run_both_count(sess: Any) -> None:
    v = tf.Variable(0)
    add, read = [tf.assign_add(v, 1), tf.assign_add(v, 10)], v + 0
    sess.run(tf.global_variables_initializer())
    assert sess.run([*add, read]) == [1, 11, 0]  # reads come first
    assert sess.run(v) == 11


def test_get_variable_and_scopes() -> None:
    with tf.variable_scope("a", initializer=tf.constant_initializer(2.0)) as scope:
        v = tf.get_variable("v", [2])
        with pytest.raises(ValueError, match="Variable a/v already exists, disallowed"):
            tf.get_variable("v", [2])
        scope.reuse_variables()
        assert tf.get_variable("v") is v
        with pytest.raises(pel.OptionError, match="Variable a/u does not exist"):
            tf.get_variable("u", [2])
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v", [2]) is v
        assert tf.get_variable("u", [1]).name == "a/u:0"
        with pytest.raises(pel.ShapeError, match=r"Variable a/v has shape \(2,\). Received: shape \(3,\)"):
            tf.get_variable("v", [3])
    with tf.variable_scope(None, "b"), tf.variable_scope("c"):
        assert tf.get_variable("w", initializer=np.ones(2)).name == "b/c/w:0"
    with tf.variable_scope(None, "b"), pytest.raises(pel.ShapeError, match="must be fully defined"):
        tf.get_variable("w")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(v).tolist() == [2, 2]


def test_initializers(sess: Any) -> None:
    """Scripts write the name of an initializer, a call, a tensor, or an array."""
    u = tf.get_variable("u", [50], initializer=tf.random_uniform_initializer(minval=2.0, maxval=3.0))
    n = tf.get_variable("n", [50], initializer=tf.truncated_normal_initializer(stddev=0.1))
    zero = tf.get_variable("zero", [2], initializer=tf.zeros_initializer)
    one = tf.get_variable("one", [2], initializer=tf.ones_initializer())
    sess.run(tf.global_variables_initializer())
    values = sess.run([u, n, zero, one])
    assert 2 <= values[0].min() < values[0].max() <= 3
    assert 0 < abs(values[1]).max() <= 0.2
    assert [v.tolist() for v in values[2:]] == [[0, 0], [1, 1]]


def test_a_shape_may_depend_on_a_fed_integer(sess: Any) -> None:
    n, x = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [None, 4])
    y = tf.reshape(x, [n, 2, -1]) + tf.zeros([n, 2, 1])
    assert y.get_shape().as_list() == [None, 2, None]
    for size in (1, 4):
        assert sess.run(y, {x: np.ones((2, 4)), n: size}).shape == (size, 2, 4 // size)
    assert len(sess.programs) == 2
    joined = tf.concat([x, tf.zeros([n, 1])], 1)  # the size is known to be that of x
    assert sess.run(joined, {x: np.ones((2, 4)), n: 2}).shape == (2, 5)
    sess.programs.clear()
    step = tf.placeholder(tf.int32, [])
    twice = step * 2
    assert [sess.run(twice, {step: k}) for k in range(4)] == [0, 2, 4, 6]
    assert len(sess.programs) == 1
    assert sess.run(tf.zeros([tf.cast(x[0, 0], tf.int32)]), {x: 3 * np.ones((2, 4))}).tolist() == [0] * 3
    shape = tf.placeholder(tf.int32, [2])
    assert sess.run(tf.reshape(x, shape) + tf.ones(shape), {x: np.ones((2, 4)), shape: [4, 2]}).tolist() == [[2, 2]] * 4
    ones = tf.ones([n, 2])
    results = [
        tf.shape(ones), tf.range(n), tf.range(n, 2 * n, 2), tf.one_hot([1, 0], n), tf.random_normal([n, 2]) * 0 + ones,
        ones + tf.zeros(tf.shape(ones)), tf.zeros([tf.shape(ones)[0], 2]) + ones,
        tf.reshape(ones, [tf.shape(ones)[0] * 2]), tf.stack([tf.range(tf.shape(x)[0]), tf.ones([2], tf.int32)], 1),
    ]  # fmt: skip
    for size in (2, 3):
        two = np.ones((size, 2))
        expected = [(size, 2), np.arange(size), np.arange(size, 2 * size, 2), np.eye(size)[[1, 0]], two, two, two]
        expected += [two.ravel(), [[0, 1], [1, 1]]]
        for found, e in zip(sess.run(results, {n: size, x: np.ones((2, 4))}), expected, strict=True):
            np.testing.assert_array_equal(found, e)


def test_random_numbers_depend_on_the_seed() -> None:
    def draw(seed: int | None, op_seed: int | None = None) -> list[Any]:
        with tf.Graph().as_default():
            if seed is not None:
                tf.set_random_seed(seed)
            a, b = tf.random_uniform([3], seed=op_seed), tf.truncated_normal([3], seed=op_seed)
            with tf.Session() as session:
                return [session.run([a, b]) for _ in range(2)]

    assert np.array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))
    assert not np.array_equal(draw(None), draw(None))
    assert np.array_equal(draw(None, 5), draw(None, 5))
    first, second = draw(1)
    assert not np.array_equal(first, second)


def test_distributions(sess: Any) -> None:
    n = 20000
    u, z, t, i = sess.run([
        tf.random_uniform([n], -1, 3), tf.random_normal([n], 2.0, 0.5), tf.truncated_normal([n]),
        tf.random_uniform([n], 1, 4, tf.int32),
    ])  # fmt: skip
    np.testing.assert_allclose([u.mean(), u.std()], [1, 4 / np.sqrt(12)], atol=0.03)
    np.testing.assert_allclose([z.mean(), z.std()], [2, 0.5], atol=0.03)
    np.testing.assert_allclose([t.mean(), t.std(), abs(t).max()], [0, 0.88, 2], atol=0.03)
    assert (sorted(set(i.tolist())), i.dtype) == ([1, 2, 3], np.int32)
    dropped = sess.run(tf.nn.dropout(tf.ones([n]), 0.8))
    np.testing.assert_allclose([dropped.mean(), dropped.max()], [1, 1.25], atol=0.03)
    kernel = sess.run(tf.glorot_uniform_initializer()([100, 100]))
    np.testing.assert_allclose(abs(kernel).max(), np.sqrt(6 / 200), rtol=0.02)
    with pytest.raises(pel.OptionError, match=r"expected keep_prob in \(0, 1\], the fraction to keep. Received: 0"):
        tf.nn.dropout(tf.ones([2]), 0)


def test_dropout_keeps_the_shape_if_that_of_its_probability_is_unknown(sess: Any) -> None:
    x, keep = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32)
    for noise_shape in (None, [tf.shape(x)[0], 1]):
        y = tf.nn.dropout(x, keep, noise_shape)
        assert y.get_shape().as_list() == [None, 4]
        w = tf.ones([y.get_shape()[1].value, 2])
        assert sess.run(tf.matmul(y, w), {x: np.ones((3, 4)), keep: 1.0}).tolist() == [[4, 4]] * 3
    cell = tf.nn.rnn_cell.DropoutWrapper(tf.nn.rnn_cell.GRUCell(2), keep, keep)
    output, state = tf.nn.dynamic_rnn(cell, tf.expand_dims(x, 0), dtype=tf.float32)
    assert [e.get_shape().as_list() for e in (output, state)] == [[1, None, 2], [1, 2]]


def test_distributions_with_tensors_as_parameters(sess: Any) -> None:
    n, size = 5000, tf.placeholder(tf.float32)
    draws = [
        tf.random_normal([n], tf.constant(2.0), stddev=1.0 / tf.sqrt(size)), tf.truncated_normal([n], stddev=size),
        tf.random_uniform([n], -tf.sqrt(size), tf.sqrt(size)),
        tf.random_uniform([n], maxval=tf.to_int32(size), dtype=tf.int32),
        tf.random_normal([n], stddev=np.sqrt(4)),
    ]  # fmt: skip
    z, t, u, i, w = sess.run(draws, {size: 4.0})
    np.testing.assert_allclose([z.mean(), z.std()], [2, 0.5], atol=0.05)
    np.testing.assert_allclose([t.std(), abs(t).max(), abs(u).max(), w.std()], [3.52, 8, 2, 2], atol=0.1)
    assert (set(i.tolist()), w.dtype) == ({0, 1, 2, 3}, np.float32)
    v = tf.Variable(tf.random_normal([3, 4], stddev=2.0 * tf.ones([4])))
    sess.run(tf.global_variables_initializer())
    assert v.get_shape() == [3, 4]
    assert sess.run(tf.nn.leaky_relu([-1.0, 1.0], alpha=size), {size: 0.5}).tolist() == [-0.5, 1]
    x, axis = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.placeholder(tf.int32, [])
    sums = tf.reduce_sum(x, axis), tf.reduce_sum(x, axis=tf.rank(x) - 1), tf.reduce_sum(x, tf.constant([0, 1]))
    assert [s.tolist() for s in sess.run(sums, {axis: 1})] == [[3, 7], [3, 7], 10]
    assert sess.run(tf.pad(x, [[0, axis], [0, 0]]), {axis: 1}).tolist() == [[1, 2], [3, 4], [0, 0]]
    with pytest.raises(pel.DtypeError, match=r"Expected a tensor of float32. Received: .*int32.*Cast it"):
        tf.random_normal([2], stddev=tf.constant(1))


def test_arguments_of_both_versions(sess: Any) -> None:
    a = tf.ones([2, 4])
    old = [
        tf.concat(1, [a, a]),
        *tf.split(1, 2, a),
        tf.pack([1, 2]),
        tf.mul(a, 2.0),
        tf.sub(a, a),
        tf.neg(a),
        *tf.unpack(a),
    ]
    new = [tf.concat([a, a], 1), *tf.split(a, 2, 1), tf.stack([1, 2]), a * 2.0, a - a, -a, *tf.unstack(a)]
    for x, y in zip(sess.run(old), sess.run(new), strict=True):
        assert np.array_equal(x, y)
    z, t = tf.constant([[1.0, 2.0]]), tf.constant([[0.0, 1.0]])
    losses = [
        tf.nn.softmax_cross_entropy_with_logits(z, t),
        tf.nn.softmax_cross_entropy_with_logits(labels=t, logits=z),
    ]
    assert np.array_equal(*sess.run(losses))


def test_labels_of_the_softmax_cross_entropy_may_be_integers(sess: Any) -> None:
    z, labels = tf.Variable([[1.0, 2.0]]), tf.placeholder(tf.int32, [None, 2])
    sess.run(tf.global_variables_initializer())
    for t in ([[0, 1]], np.array([[0, 1]]), tf.constant([[0, 1]]), labels, tf.one_hot([1], 2, dtype=tf.int64)):
        loss = tf.nn.softmax_cross_entropy_with_logits(logits=z, labels=t)
        found, gradient = sess.run([loss, tf.gradients(loss, z)[0]], {labels: [[0, 1]]})
        np.testing.assert_allclose(found, [np.log(1 + np.exp(-1))], 1e-6)
        np.testing.assert_allclose(gradient, [[0.268941, -0.268941]], 1e-5)
    with pytest.raises(pel.DtypeError, match=r"Expected tensors of one dtype.*tf.cast\(x, tf.float32\)"):
        tf.nn.sigmoid_cross_entropy_with_logits(logits=z, labels=labels)  # TensorFlow refuses these


ERRORS = [
    (lambda x, n: x + n, "Expected tensors of one dtype. Received: .*'x:0'.*'n:0'.*tf.cast.x, tf.float32"),
    (lambda x, n: n + 1.5, "Expected int32. Received: 1.5"),
    (lambda x, n: tf.exp(n), "Exp: expected floating-point numbers. Received: .* Cast it: tf.cast"),
    (
        lambda x, n: tf.matmul(x, tf.zeros([2, 2])),
        "x @ .*: the left operand has 3 columns and the right operand has 2 rows",
    ),
    (lambda x, n: tf.matmul(x, tf.zeros([3])), "MatMul: expected matrices. Received: 2 and 1 axes"),
    (lambda x, n: tf.zeros([2]) + tf.zeros([3]), r"\(2,\)"),
    (lambda x, n: bool(x), "has no value until it runs. Use sess.run.tensor., tf.where or tf.unstack"),
    (lambda x, n: list(x), "has no value until it runs"),
    (lambda x, n: np.asarray(x), "has no value until it runs. Use sess.run"),
    (lambda x, n: tf.exp(x, 1, 2, 3), "Exp\\(x, name=None\\): too many positional arguments"),
    (lambda x, n: tf.exp(y=x), "Exp\\(x, name=None\\): missing a required argument: 'x'"),
    (lambda x, n: tf.split(x, 2, 1), "split: axis 1 of x, of shape .*, does not divide into 2 equal parts"),
    (lambda x, n: tf.unstack(x), "the length of axis 0 of .* is not known. Give it: num="),
    (lambda x, n: tf.constant([1, 2], shape=[1]), r"shape \(1,\) does not fit 2 values"),
    (lambda x, n: tf.where(x > 0, x), "Select\\(.*missing a required argument: 'y'"),
    (lambda x, n: tf.gradients(n, x), "expected a floating-point tensor"),
    (
        lambda x, n: tf.nn.conv2d(tf.zeros([1, 4, 4, 1]), tf.zeros([1, 1, 1, 1]), [1, 1]),
        "Expected sizes of four axes",
    ),
    (
        lambda x, n: tf.nn.max_pool(tf.zeros([1, 4, 4, 1]), [1, 2, 2, 1], [1, 2, 2, 1], "SAME", "NCHW"),
        "channels last",
    ),
    (lambda x, n: tf.nn.conv2d(tf.zeros([1, 4, 4, 1]), tf.zeros([1, 1, 1, 1]), [1] * 4, "full"), "padding='SAME'"),
    (
        lambda x, n: tf.nn.softmax_cross_entropy_with_logits(logits=x),
        "CrossEntropy.*a required argument: 'labels'",
    ),
    (
        lambda x, n: tf.train.GradientDescentOptimizer(),
        "Descent.* a required argument: 'learning_rate'",
    ),
    (lambda x, n: tf.train.AdamOptimizer(beta3=1), "got an unexpected keyword argument 'beta3'"),
    (lambda x, n: tf.train.AdamOptimizer().minimize(x), "No variables to optimize"),
    (lambda x, n: tf.convert_to_tensor(None), "Expected a tensor, an array or a number. Received: None"),
]


def test_errors_name_what_is_wrong() -> None:
    for build, message in ERRORS:
        with name_case(message):
            tf.reset_default_graph()  # so that names have no numbers
            x, n = tf.placeholder(tf.float32, [None, 3], name="x"), tf.placeholder(tf.int32, [3], name="n")
            with pytest.raises(pel.PellucidError, match=message) as caught:
                build(x, n)
            assert any("test_tensorflow.py" in note for note in caught.value.__notes__)


def test_an_error_in_a_run_names_the_operation(sess: Any) -> None:
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    z = tf.add(x, y, name="total")
    with pytest.raises(pel.ShapeError) as caught:
        sess.run(z, {x: [1, 2], y: [1, 2, 3]})
    assert re.search(r"in the operation 'total', made at .*test_tensorflow.py:\d+", caught.value.__notes__[-1])


def test_gradients(sess: Any) -> None:
    x, v = tf.constant([1.0, 2.0]), tf.Variable(3.0)
    unused = tf.Variable(1.0)
    sess.run(tf.global_variables_initializer())
    assert tf.gradients(tf.cast(tf.argmax(x, 0), "float"), x) == [None]
    assert tf.gradients(v * 2, [v, unused])[1] is None
    assert sess.run(tf.gradients([v**2, v * 5], v)[0]) == 11
    assert sess.run(tf.gradients(v * x, [v, x], grad_ys=[[1.0, 10.0]])[0]) == 21
    with pytest.raises(pel.GradientError, match="No gradients provided for any variable"):
        tf.train.AdamOptimizer().minimize(tf.reduce_sum(x))


def test_where_with_a_condition_only_gives_the_indices_of_true_elements(sess: Any) -> None:
    x, v = tf.placeholder(tf.float32, [2, None]), tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    sess.run(tf.global_variables_initializer())
    indices, chosen = tf.where(x > 0), tf.boolean_mask(v, x > 0)
    assert (indices.get_shape().as_list(), indices.dtype, chosen.get_shape().as_list()) == ([None, 2], tf.int64, [None])
    gradient = tf.gradients(tf.reduce_sum(tf.gather_nd(v, indices) ** 2), v)[0]
    for values in ([[0, 1, 2], [0, 0, 3]], [[4, 0, 0], [0, 0, 0]], np.zeros((2, 3))):
        mask = np.array(values) > 0
        found = sess.run([indices, chosen, gradient, tf.shape(indices)[0]], {x: values})
        for e, expected in zip(
            found, [np.argwhere(mask), sess.run(v)[mask], 2 * sess.run(v) * mask, mask.sum()], strict=True
        ):
            assert np.array_equal(e, expected)
    rows = sess.run(tf.boolean_mask(v, [False, True]))
    assert (sess.run(tf.where([True, False, True])).tolist(), rows.tolist()) == ([[0], [2]], [[4, 5, 6]])


def test_slots_and_learning_rates_that_are_fed(sess: Any) -> None:
    v, rate = tf.Variable([1.0, 2.0], name="v"), tf.placeholder(tf.float32)
    optimizer = tf.train.MomentumOptimizer(rate, 0.9)
    step = optimizer.minimize(tf.reduce_sum(v * v))
    assert optimizer.get_slot(v, "momentum").name == "v/Momentum:0"
    sess.run(tf.global_variables_initializer())
    sess.run(step, {rate: 0.1})
    sess.run(step, {rate: 0.0})
    np.testing.assert_allclose(sess.run(v), [0.8, 1.6], 1e-6)


def test_checkpoints(tmp_path: Path) -> None:
    v, step = tf.Variable([1.0, 2.0], name="v"), tf.Variable(7, name="step")
    saver = tf.train.Saver()
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="Cannot save the variable 'v', which has no value"):
            saver.save(session, tmp_path / "model")
        session.run(tf.global_variables_initializer())
        assert tf.train.latest_checkpoint(tmp_path) is None
        for number in (1, 2, step):
            path = saver.save(session, str(tmp_path / "model"), global_step=number)
    assert path == str(tmp_path / "model-7") == tf.train.latest_checkpoint(tmp_path)
    assert tf.train.get_checkpoint_state(tmp_path).model_checkpoint_path == path
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint", "model-1.npz", "model-2.npz", "model-7.npz"]
    with tf.Session() as session:
        saver.restore(session, path)
        assert session.run(v).tolist() == [1, 2]
        with pytest.raises(tf.errors.NotFoundError, match=r"There is no checkpoint .*other.npz. Those of TensorFlow"):
            saver.restore(session, tmp_path / "other")
        with pytest.raises(tf.errors.NotFoundError, match=r"has no variable 'w'. It has: v, step"):
            tf.train.Saver({"w": v}).restore(session, path)
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"Variable 'step' has shape \(\). Received: shape \(2,\)"
        ):
            tf.train.Saver({"v": step}).restore(session, path)


def test_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", "--rate=0.5", "--nofast", "rest"])
    tf.app.flags.DEFINE_float("rate", 0.1, "100% of it")
    tf.app.flags.DEFINE_bool("fast", True, "")
    tf.app.flags.DEFINE_string("folder", "runs", "")
    flags = tf.app.flags.FLAGS
    assert (flags.rate, flags.fast, flags.folder) == (0.5, False, "runs")
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        print(flags.other)
    flags.folder = "elsewhere"
    assert flags.folder == "elsewhere"
    with pytest.raises(SystemExit) as caught:
        tf.app.run(main=lambda argv: print(argv) or 3)
    assert caught.value.code == 3


def test_data_sets_from_idx_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = np.arange(4 * 28 * 28, dtype=np.uint8).reshape(4, 28, 28), np.array([1, 0, 9, 3], np.uint8)
    for part in ("train", "t10k"):
        pel.data.write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
        pel.data.write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    data = input_data.read_data_sets(tmp_path, one_hot=True, validation_size=1)
    assert f"the IDX files in {tmp_path}: 4 training images" in capsys.readouterr().out
    assert (data.train.num_examples, data.validation.num_examples, data.test.num_examples) == (3, 1, 4)
    assert data.test.images.shape == (4, 784)
    assert (data.test.images.dtype, data.test.images.max()) == (np.float32, 1)
    assert data.test.labels[2].tolist() == [0] * 9 + [1]
    drawn = [data.train.next_batch(2)[1].argmax(1) for _ in range(3)]
    assert sorted(np.concatenate(drawn).tolist()) == [0, 0, 3, 3, 9, 9]  # each image once in an epoch
    assert data.train.epochs_completed == 1


def test_compiled_programs_are_recorded(monkeypatch: pytest.MonkeyPatch, sess: Any) -> None:
    monkeypatch.setattr(programs, "RECORDER", recorder := programs.ProgramRecorder())
    monkeypatch.setattr("pellucid.compat.tensorflow.session.RECORDER", recorder)
    recorder.enabled = True
    x = tf.placeholder(tf.float32, [2], name="x")
    for _ in range(2):
        sess.run(tf.tanh(x, name="y"), {x: [0.0, 1.0]})
    assert [p.title for p in recorder.programs] == ["Session.run"] * 2
    assert str(recorder.programs[0].function.program.outputs[0]) == "tanh(x)"


def test_a_run_is_compiled_once_for_each_shape(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = 2 * x
    for size in (2, 3, 2, 3):
        sess.run([y], {x: np.zeros(size)})
    assert len(sess.programs) == 2


def test_missing_names() -> None:
    with pytest.raises(
        AttributeError, match=r"tensorflow.train.QueueRunner of TensorFlow 1.15 is not in pellucid.compat"
    ):
        print(tf.train.QueueRunner)
    with pytest.raises(AttributeError, match=r"tensorflow.layers of TensorFlow .* Write tf.Variable, tf.matmul, tf"):
        print(tf.layers)
    with pytest.raises(AttributeError, match=r"tensorflow.contrib.layers.fully_connected of TensorFlow 1.15 is not in"):
        print(tf.contrib.layers.fully_connected)
    with pytest.raises(AttributeError, match=r"tensorflow.contrib.slim of TensorFlow 1.15 is not in pellucid.compat"):
        print(tf.contrib.slim)
    assert not hasattr(tf, "define")
    assert "make_op" not in vars(tf)
    with pytest.raises(
        AttributeError, match=r"tensorflow.nn has no 'sofmax' in TensorFlow 1.15 or 0.12. Did you mean 'softmax'"
    ):
        print(tf.nn.sofmax)


def test_a_folder_without_digits_has_those_of_pellucid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = np.full((3, 2, 2), 51, "uint8"), np.array([0, 9, 1])
    monkeypatch.setattr(pel.data, "mnist", lambda: ((images, labels), (images[:2], labels[:2])))
    data = input_data.read_data_sets(tmp_path, validation_size=1)
    message = "Using the MNIST digits that pellucid has: 3 training images and 2 test images\n"
    assert capsys.readouterr().out == message
    np.testing.assert_allclose(data.train.images, np.full((2, 4), 0.2))
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([9, 1], [0, 9])


def test_files_and_folders(tmp_path: Path) -> None:
    gfile, folder = tf.gfile, tmp_path / "a" / "b"
    gfile.MakeDirs(folder)
    gfile.MakeDirs(folder)
    with gfile.GFile(folder / "x", "w") as file:
        file.write("text")
    with gfile.FastGFile(folder / "x", "rb") as file:
        assert file.read() == b"text"
    assert (gfile.ListDirectory(folder), gfile.Glob(f"{folder}/x*")) == (["x"], [f"{folder}/x"])
    gfile.DeleteRecursively(tmp_path / "a")
    assert not gfile.Exists(folder)
    from pellucid.compat.tensorflow.python.platform import app, flags, tf_logging
    from pellucid.compat.tensorflow.python.platform.gfile import Exists

    assert (Exists, app, flags) == (gfile.Exists, tf.app, tf.flags)
    assert tf_logging.INFO < tf.logging.WARN


def test_log_messages_have_the_level_of_the_script(caplog: pytest.LogCaptureFixture) -> None:
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.logging.warn("no")
    tf.logging.error("step %d", 3)
    tf.logging.set_verbosity(0)
    assert caplog.messages == ["step 3"]


def test_the_tutorial_network(sess: Any, tmp_path: Path) -> None:
    from pellucid.compat.tensorflow.examples.tutorials.mnist import mnist

    tf.set_random_seed(1)
    images, labels = np.random.default_rng(0).random((6, mnist.IMAGE_PIXELS), "float32"), np.arange(6, dtype="int32")
    x, y = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.int32, [None])
    logits = mnist.inference(x, 8, 4)
    loss, correct = mnist.loss(logits, y), mnist.evaluation(logits, y)
    train = mnist.training(loss, 0.01)
    sess.run(tf.initialize_all_variables())
    z, first, count = sess.run([logits, loss, correct], {x: images, y: labels})
    expected = np.log(np.exp(z).sum(1)) - z[np.arange(6), labels]
    np.testing.assert_allclose(first, expected.mean(), rtol=1e-5)
    assert count == (z.argmax(1) == labels).sum()
    summaries = tf.merge_all_summaries()
    tf.train.SummaryWriter(tmp_path, graph_def=sess.graph_def).add_summary(
        sess.run([train, summaries], {x: images, y: labels})[1]
    )
    assert sess.run(loss, {x: images, y: labels}) < first
    names = [v.name for v in tf.trainable_variables()]
    assert names[:2] + names[-1:] == ["hidden1/weights:0", "hidden1/biases:0", "softmax_linear/biases:0"]
    assert "global_step:0" in [v.name for v in tf.all_variables()]


def test_digits_of_contrib_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = np.arange(12, dtype="uint8").reshape(3, 2, 2), np.array([0, 9, 1])
    monkeypatch.setattr(pel.data, "mnist", lambda: ((images, labels), (images[:2], labels[:2])))
    datasets = tf.contrib.learn.datasets
    from pellucid.compat.tensorflow.contrib.learn.python.learn.datasets.mnist import read_data_sets

    train = read_data_sets("x", False, True, validation_size=0).train
    assert train.labels.shape == (3, 10)
    assert datasets.mnist.read_data_sets is read_data_sets
    assert datasets.load_dataset("mnist").test.labels.tolist() == [0, 9]
    with pytest.raises(pel.OptionError, match=r"expected 'mnist'\. Received: 'iris'"):
        datasets.load_dataset("iris")
    with pytest.raises(pel.OptionError, match=r"Expected fake_data=False .* Received: True and None"):
        read_data_sets("x", fake_data=True)


@pytest.mark.parametrize("axes", [None, [1]])
def test_clipped_norms(axes: list[int] | None, sess: Any) -> None:
    """The formula of TensorFlow 1.15, whose gradient at zeros is finite."""
    values = np.array([[3.0, 4.0], [0.0, 0.5], [0.0, 0.0]], "float32")
    norm = np.sqrt(np.sum(values**2, None if axes is None else 1, keepdims=True))
    x, bound = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [])
    clipped = tf.clip_by_norm(x, bound, axes)
    for limit in (1.0, 4.0, 100.0):
        found = sess.run(clipped, {x: values, bound: limit})
        np.testing.assert_allclose(found, values * limit / np.maximum(norm, limit), rtol=1e-6)
    ones = sess.run(tf.gradients(tf.clip_by_norm(x, 2.0, axes=axes), x)[0], {x: np.zeros((3, 2))})
    assert ones.tolist() == np.ones((3, 2)).tolist()


def test_static_shapes_of_tiles_and_pads_of_unknown_sizes(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 5])
    n = tf.shape(x)[0]
    tiled, padded = tf.tile(tf.ones([1, 5]), [n, 2]), tf.pad(tf.ones([1, 5]), [[n, 0], [0, 1]])
    assert (tiled.shape.as_list(), padded.shape.ndims) == ([None, 10], 2)
    assert tf.tile(tf.ones([1, 5]), tf.placeholder(tf.int32, [2])).shape.as_list() == [None, None]
    found = sess.run([tf.matmul(tiled, tf.ones([10, 1])), padded], {x: np.zeros((3, 5))})
    assert [a.shape for a in found] == [(3, 1), (4, 6)]
