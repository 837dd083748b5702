"""LSTM that adds the marked numbers of a sequence, in the spelling of TensorFlow 1.2."""

import sys

import numpy as np
import tensorflow as tf

steps, units = [int(n) for n in sys.argv[1:]] or [300, 16]
tf.reset_default_graph()
tf.set_random_seed(3)
rng = np.random.RandomState(0)


def make_batch(count, length=8):
    values = rng.uniform(0, 1, (count, length))
    marks = (rng.uniform(size=(count, length)) < 0.3).astype(float)
    return np.stack([values, marks], axis=2), np.sum(values * marks, axis=1, keepdims=True)


batch_size = tf.placeholder(tf.int32, [], name="batch_size")
inputs = tf.placeholder(tf.float32, [None, 8, 2])
targets = tf.placeholder(tf.float32, [None, 1])
cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(units), tf.contrib.rnn.GRUCell(units)])
state = cell.zero_state(batch_size, tf.float32)
outputs, last = tf.nn.dynamic_rnn(cell, inputs, initial_state=state)
with tf.variable_scope("output"):
    W = tf.get_variable("W", [units, 1])
    b = tf.get_variable("b", [1], initializer=tf.constant_initializer(0.0))
predictions = tf.matmul(outputs[:, -1], W) + b
loss = tf.reduce_mean(tf.square(predictions - targets))
optimizer = tf.train.AdamOptimizer(0.01)
pairs = optimizer.compute_gradients(loss)
clipped, norm = tf.clip_by_global_norm([g for g, _ in pairs], 5.0)
train = optimizer.apply_gradients(zip(clipped, [v for _, v in pairs]))
names = [v.name for v in tf.trainable_variables()]

with tf.Session() as sess:
    tf.global_variables_initializer().run()
    losses = []
    for _ in range(steps):
        xs, ys = make_batch(32)
        losses.append(sess.run([loss, train], {inputs: xs, targets: ys, batch_size: 32})[0])
    xs, ys = make_batch(100)
    test_loss = loss.eval({inputs: xs, targets: ys, batch_size: 100})
print("loss from %.3f to %.3f" % (losses[0], test_loss))
