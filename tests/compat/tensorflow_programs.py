"""Programs of TensorFlow 1 that run on pellucid and on the genuine library; each returns arrays by name.

Run with the genuine library, this file writes `tensorflow_results.json`, with which ordinary tests compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).with_name("tensorflow_results.json")

CASES = """
tf.add(x, y); x - y; x * 2; 2 / x; x / y; -x; abs(x); x ** 2; x // 0.7; x % 0.7; tf.squared_difference(x, y)
n + 1; n // 2; n % 3; n / 2; tf.div(n, 2); tf.pow(n, 2); -n // 2; -n % 3
tf.exp(x); tf.log(abs(x)); tf.sqrt(abs(x)); tf.rsqrt(abs(x)+1); tf.sin(x); tf.tan(x); tf.acos(x/5); tf.tanh(x)
tf.sigmoid(x); tf.erf(x); tf.floor(x); tf.ceil(x); tf.round(x*3); tf.sign(x); tf.square(x); tf.reciprocal(x)
tf.lgamma(abs(x)); tf.log1p(abs(x)); tf.atan2(x, y); tf.is_nan(x)
tf.equal(n, 2); tf.less(x, y); x > y; x >= 0.; tf.logical_and(x > 0., y > 0.); ~(x > 0.)
tf.not_equal(n, [[2,1,0],[0,1,2]])
tf.reduce_sum(x); tf.reduce_sum(x, 1); tf.reduce_mean(x, axis=0, keep_dims=True); tf.reduce_mean(n)
tf.reduce_max(x, 1); tf.reduce_min(n); tf.reduce_prod(x, [0, 1]); tf.reduce_any(x > 0., 1); tf.reduce_all(x > 0.)
tf.reduce_logsumexp(x, 1); tf.reduce_sum(n, 0); tf.reduce_prod(n, 1); tf.reduce_mean(-n, 1); tf.reduce_sum(x, -1)
tf.argmax(x, 1); tf.argmax(x, dimension=1); tf.argmin(x, 0); tf.argmax(x, 1, output_type=tf.int32); tf.argmax(x)
tf.matmul(x, w); tf.matmul(x, y, transpose_b=True); tf.matmul(x, y, transpose_a=True); tf.transpose(x)
tf.transpose(im, [0, 3, 1, 2]); tf.matmul(n, tf.transpose(n))
tf.cast(x, tf.int32); tf.to_float(n); tf.cast(x > 0., 'float'); tf.cast(n, tf.float64); tf.to_int32(x)
tf.reshape(x, [-1]); tf.reshape(x, [3, -1]); tf.shape(im); tf.reshape(x, tf.stack([3, 2]))
tf.concat([x, y], 1); tf.concat([x, y], axis=0); tf.concat([x, y], -1); tf.split(x, 3, 1)[1]
tf.split(x, [1, 2], 1)[1]; tf.split(value=x, num_or_size_splits=2, axis=0)[0]
tf.stack([x, y]); tf.stack([x, y], axis=2); tf.unstack(x)[1]; tf.unstack(x, axis=1)[2]; tf.expand_dims(x, 1)
tf.expand_dims(x, -1); tf.squeeze(tf.expand_dims(x, 0)); tf.squeeze(im[:1, :, :, :1], [0, 3])
tf.expand_dims(x, dim=0)
x[0]; x[:, 1]; x[:, tf.newaxis]; x[..., 0]; x[::-1]
im[0, 1:3, ::2]; x[tf.constant(1)]; x[n[0, 0] - n[0, 0]]
tf.gather(x, [1, 0, 1]); tf.gather(w, n); tf.one_hot([0, 2, 1], 3)
tf.one_hot([0, 2], 3, 5.0, -1.0); tf.one_hot([0, 2], 3, axis=0); tf.one_hot([1], 2, dtype=tf.int32)
tf.tile(x, [2, 1]); tf.where(x > 0., x, y)
tf.where([True, False], x, y)
tf.zeros([2, 3]); tf.ones([2], tf.int32); tf.zeros_like(x); tf.ones_like(n); tf.fill([2, 2], 7)
tf.range(5); tf.range(1, 10, 3); tf.range(0., 1., .25); tf.constant(3.0, shape=[2, 2])
tf.constant([1, 2, 3]); tf.constant(5, tf.float32); tf.diag([1., 2.])
tf.clip_by_value(x, -0.5, 0.5)
tf.clip_by_global_norm([x, y], 1.0)[0][1]; tf.clip_by_global_norm([x, y], 100.0)[1]
tf.pad(x, [[1, 0], [0, 2]]); tf.pad(x, [[1, 1], [1, 1]], 'REFLECT'); tf.cumsum(x, 1); tf.tensordot(x, w, 1)
tf.global_norm([x, y]); tf.add_n([x, y, x])
tf.nn.relu(x); tf.nn.relu6(x * 5); tf.nn.elu(x); tf.nn.leaky_relu(x); tf.nn.softmax(x); tf.nn.log_softmax(x)
tf.nn.softplus(x); tf.nn.softsign(x); tf.nn.bias_add(x, x[0]); tf.nn.softmax(x, 0); tf.nn.l2_loss(x)
tf.nn.conv2d(im, k, [1, 1, 1, 1], 'SAME'); tf.nn.conv2d(im, k, strides=[1, 2, 2, 1], padding='SAME')
tf.nn.conv2d(im, k, [1, 2, 2, 1], 'VALID'); tf.nn.conv2d(im, k[:2, :2], [1, 2, 2, 1], 'SAME')
tf.nn.max_pool(im, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')
tf.nn.avg_pool(im, [1, 3, 3, 1], [1, 2, 2, 1], 'SAME'); tf.nn.max_pool(im, [1, 3, 3, 1], [1, 2, 2, 1], 'VALID')
tf.nn.avg_pool(im, [1, 2, 2, 1], [1, 1, 1, 1], 'VALID')
tf.nn.lrn(im); tf.nn.lrn(im, 1, 1.0, 0.001, 0.75)
tf.nn.local_response_normalization(im, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)
tf.nn.softmax_cross_entropy_with_logits(logits=x, labels=p)
tf.nn.sparse_softmax_cross_entropy_with_logits(logits=x, labels=[2, 0])
tf.nn.sigmoid_cross_entropy_with_logits(logits=x, labels=p)
tf.nn.embedding_lookup(w, [[2, 0]]); tf.nn.in_top_k(x, [0, 2], 2)
tf.gradients(tf.reduce_sum(x ** 3), x)[0]; tf.gradients(tf.nn.softmax(x), x, grad_ys=y)[0]
tf.gradients(x * tf.stop_gradient(x), x)[0]; tf.gradients(tf.gradients(x ** 3, x)[0], x)[0]
tf.gradients(tf.nn.max_pool(im, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME'), im)[0]; tf.gradients(tf.nn.lrn(im), im)[0]
tf.convert_to_tensor(tf.gradients(tf.gather(w, [0, 0, 2]) ** 2, w)[0])
tf.identity(x); tf.minimum(x, y); tf.maximum(x, 0.)
tf.logical_xor(x > 0., y > 0.)
tf.size(x); tf.rank(im); tf.reverse(x, [1]); tf.linspace(1.0, 2.0, 5); tf.eye(2, 3); tf.eye(2, dtype=tf.int32)
tf.slice(im, [0, 1, 2, 0], [1, 2, -1, 3]); tf.slice(x, tf.shape(x) - 2, [2, 2]); tf.nn.top_k(x, 2)[0]
tf.nn.top_k(x, 2).indices; tf.nn.moments(im, [0, 1, 2])[1]; tf.nn.moments(x, [1], keep_dims=True)[0]
tf.nn.batch_normalization(x, y, abs(x), p, x, 1e-3); tf.nn.batch_normalization(x, x[0], abs(y), None, None, 0.1)
tf.nn.l2_normalize(x, 1); tf.nn.l2_normalize(im, [1, 2, 3]); tf.reverse_sequence(im, [2, 5], 1, 0)
tf.reverse_sequence(im, [1, 3, 2, 4, 0], seq_dim=2, batch_dim=1)
tf.nn.conv2d_transpose(im, tf.transpose(k, [0, 1, 3, 2]), [2, 10, 11, 3], [1, 2, 2, 1])
tf.nn.conv2d_transpose(im, tf.ones([3, 2, 5, 4]), tf.stack([2, 7, 7, 5]), [1, 1, 1, 1], 'VALID')
tf.cond(x[0, 0] > 0., lambda: x * 2., lambda: y)
tf.cond(p[0, 0] > 1., lambda: [x, y], lambda: [y + 1., x * w[0, 0]])[1]
tf.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s * x), [0, y])[1]
tf.scan(lambda a, v: a * v + 1., im); tf.scan(lambda a, v: (a[0] + v, a[1] * w[0, 0]), x, (y[0], tf.constant(1.)))[1]
tf.map_fn(lambda v: tf.reduce_sum(v) * w, x); tf.map_fn(lambda v: v[0] * v[1], (x, y), dtype=tf.float32)
tf.gradients(tf.scan(lambda a, v: a * v + w[0, :3], x), [x, w])[1]; tf.gradients(tf.map_fn(lambda v: v ** 3, x), x)[0]
tf.gradients(tf.cond(x[0, 0] > 0., lambda: x * w[0, 0], lambda: x), w)[0]
tf.nn.nce_loss(w, w[:, 0], labels=n[:, :1], inputs=k[0, :2, :, 0], num_sampled=2, num_classes=3, sampled_values=s)
tf.nn.sampled_softmax_loss(w, w[:, 0], n[:, 1:2], k[0, :2, :, 0], 2, 3, sampled_values=s)
tf.train.exponential_decay(0.1, 7, 3, 0.5); tf.train.exponential_decay(0.1, 7, 3, 0.5, staircase=True)
"""


def list_cases() -> list[str]:
    return [case.strip() for line in CASES.strip().splitlines() for case in line.split(";")]


def compute_cases(tf: Any, chosen: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the value of each case, or of chosen ones, all computed in one run."""
    cases = list(chosen) or list_cases()
    rng = np.random.RandomState(0)
    values: dict[str, Any] = {
        "x": rng.randn(2, 3), "y": rng.randn(2, 3), "w": rng.randn(3, 4), "im": rng.randn(2, 5, 6, 4),
        "k": rng.randn(3, 3, 4, 3), "p": rng.dirichlet(np.ones(3), 2),
    }  # fmt: skip
    values = {name: value.astype("float32") for name, value in values.items()}
    values["n"] = np.array([[2, 1, 0], [1, 2, 2]], "int32")
    with tf.Graph().as_default(), tf.Session() as sess:
        fed = {name: tf.placeholder(value.dtype, value.shape, name) for name, value in values.items()}
        sampled = tuple(map(tf.constant, (np.array([1, 0]), np.float32([[0.5], [0.25]]), np.float32([0.5, 0.75]))))
        tensors = [eval(case, {**fed, "tf": tf, "np": np, "s": sampled}) for case in cases]
        results = sess.run(tensors, {fed[name]: value for name, value in values.items()})
    yield from zip(cases, results, strict=True)


OPTIMIZERS = """
GradientDescentOptimizer(.1)
MomentumOptimizer(.1, .9)
MomentumOptimizer(.1, .9, use_nesterov=True)
AdagradOptimizer(.1)
AdadeltaOptimizer(1.0)
AdadeltaOptimizer()
AdamOptimizer(.1)
AdamOptimizer()
RMSPropOptimizer(.1)
RMSPropOptimizer(.1, momentum=.5)
"""


def run_optimizers(tf: Any) -> Iterator[tuple[str, Any]]:
    """Yield the variables after five steps of each optimizer."""
    x_value = np.random.RandomState(1).randn(4, 3)
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, 3])
        steps, fetched = [], {}
        for text in OPTIMIZERS.strip().splitlines():
            w, b = tf.Variable([1.0, -2.0, 0.5]), tf.Variable(0.3)
            loss = tf.reduce_mean(tf.square(tf.reduce_sum(x * w, 1) + b - 1))
            count = tf.Variable(0, trainable=False)
            steps.append(eval(f"tf.train.{text}", {"tf": tf}).minimize(loss, global_step=count, var_list=[w, b]))
            fetched[text] = [w, b, count]
        sess.run(tf.global_variables_initializer())
        for _ in range(5):
            sess.run(steps, {x: x_value})
        for text, variables in fetched.items():
            for variable, value in zip(variables, sess.run(variables), strict=True):
                yield f"{text} {variable.get_shape()}", value


def train_softmax_regression(tf: Any) -> Iterator[tuple[str, Any]]:
    rng = np.random.RandomState(0)
    x_value, y_value = rng.rand(20, 6).astype("float32"), np.eye(4)[rng.randint(0, 4, 20)]
    with tf.Graph().as_default(), tf.Session() as sess:
        x, y_ = tf.placeholder("float", [None, 6]), tf.placeholder("float", [None, 4])
        w, b = tf.Variable(tf.zeros([6, 4])), tf.Variable(tf.zeros([4]))
        y = tf.nn.softmax(tf.matmul(x, w) + b)
        loss = -tf.reduce_sum(y_ * tf.log(y))
        step = tf.train.GradientDescentOptimizer(0.05).minimize(loss)
        sess.run(tf.global_variables_initializer())
        for i in range(10):
            yield f"loss {i}", sess.run([loss, step], {x: x_value, y_: y_value})[0]
        yield "w", w.eval()


def train_convolutional_network(tf: Any) -> Iterator[tuple[str, Any]]:
    rng = np.random.RandomState(0)
    x_value, y_value = rng.rand(6, 64).astype("float32"), np.eye(10)[rng.randint(0, 10, 6)]

    def make(*shape: int) -> Any:
        return tf.Variable(tf.constant(rng.randn(*shape).astype("float32") * 0.1))

    def connect(h: Any, *shape: int) -> Any:
        h = tf.nn.relu(tf.nn.conv2d(h, make(*shape), [1, 1, 1, 1], "SAME") + make(shape[-1]))
        return tf.nn.max_pool(h, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")

    with tf.Graph().as_default(), tf.Session() as sess:
        x, y_ = tf.placeholder(tf.float32, [None, 64]), tf.placeholder(tf.float32, [None, 10])
        h = connect(connect(tf.reshape(x, [-1, 8, 8, 1]), 5, 5, 1, 4), 5, 5, 4, 8)
        h = tf.nn.relu(tf.matmul(tf.reshape(h, [-1, 32]), make(32, 16)) + make(16))
        z = tf.matmul(tf.nn.dropout(h, keep_prob=1.0), make(16, 10)) + make(10)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=z, labels=y_))
        step = tf.train.AdamOptimizer(1e-2).minimize(loss)
        sess.run(tf.global_variables_initializer())
        for i in range(5):
            yield f"loss {i}", sess.run([step, loss], {x: x_value, y_: y_value})[1]
        yield "logits", z.eval({x: x_value})


def update_variables(tf: Any) -> Iterator[tuple[str, Any]]:
    """Yield values around assignments, control dependencies, conditions, and shapes that are fed."""
    with tf.Graph().as_default(), tf.Session() as sess:
        a = tf.Variable(1.0, name="a")
        with tf.control_dependencies([tf.assign_add(a, 2.0)]):
            after = a.read_value() * 1
        n, any_rank = tf.placeholder(tf.int32, []), tf.placeholder("float")
        sess.run(tf.global_variables_initializer())
        yield "a read after its assignment", sess.run(after)
        yield "a", sess.run(a)
        yield "three rows", sess.run(tf.zeros([n, 2]) + 1.0, {n: 3})
        yield "two rows", sess.run(tf.zeros([n, 2]) + 1.0, {n: 2})
        yield "a scalar", sess.run(any_rank * 2 + 1, {any_rank: 3})
        yield "a vector", sess.run(any_rank * 2 + 1, {any_rank: [1, 2]})
        yield "in a dict", sess.run({"k": [any_rank, any_rank + 1]}, {any_rank: 1})["k"][1]
        yield "initialized_value", sess.run(tf.Variable(2.0).initialized_value() + 1)
        sess.run(tf.assign(a, 10.0))
        optimizer = tf.train.GradientDescentOptimizer(0.1)
        pairs = optimizer.compute_gradients(a**2, [a])
        sess.run(optimizer.apply_gradients([(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in pairs]))
        yield "a after a clipped gradient", sess.run(a)
        adam = tf.train.AdamOptimizer(0.1)
        steps = [adam.minimize(a**2, var_list=[a]), adam.minimize((a - 1) ** 2, var_list=[a])]
        sess.run([v.initializer for v in tf.global_variables() if "Adam" in v.name or "beta" in v.name])
        for step in steps * 2:
            sess.run(step)
        yield "a after two losses of one optimizer", sess.run(a)
        yield "its state", sess.run([v for v in tf.global_variables() if "Adam" in v.name or "beta" in v.name])
        d = tf.Variable(np.ones(2))
        optimizers = [tf.train.AdamOptimizer(0.1), tf.train.MomentumOptimizer(0.1, 0.9)]
        steps = [optimizer.minimize(tf.reduce_sum(d**2), var_list=[d]) for optimizer in optimizers]
        sess.run(tf.global_variables_initializer())
        for step in steps * 2:
            sess.run(step)
        yield "a variable of float64", sess.run(d)


PROGRAMS = [
    compute_cases, run_optimizers, train_softmax_regression, train_convolutional_network, update_variables,
]  # fmt: skip


def summarize(value: Any) -> list[Any]:
    """Return the dtype, the shape and two sums that stand for an array in the file."""
    array = np.asarray(value)
    numbers = array.astype("float64").ravel()
    weights = np.cos(np.arange(numbers.size))
    return [array.dtype.name, list(array.shape), float(numbers.sum()), float(numbers @ weights)]


if __name__ == "__main__":
    import tensorflow.compat.v1 as genuine

    genuine.disable_v2_behavior()
    results = {program.__name__: {name: summarize(value) for name, value in program(genuine)} for program in PROGRAMS}
    RESULTS.write_text(json.dumps({"tensorflow": genuine.__version__, **results}, indent=0) + "\n", "utf-8")
