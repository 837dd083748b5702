"""Convolutional network on handwritten digits with an InteractiveSession, in the spelling of TensorFlow 1.0."""

import sys

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

steps, size_of_batch, test_size = [int(n) for n in sys.argv[1:]] or [100, 50, 2000]
tf.set_random_seed(1)
digits = input_data.read_data_sets("MNIST_data", one_hot=True, seed=1)
sess = tf.InteractiveSession()


def weight_variable(shape):
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1), name="weight")


def bias_variable(shape):
    return tf.Variable(tf.constant(0.1, shape=shape), name="bias")


def conv_and_pool(inputs, shape):
    convolved = tf.nn.conv2d(inputs, weight_variable(shape), strides=[1, 1, 1, 1], padding="SAME")
    activated = tf.nn.relu(convolved + bias_variable([shape[-1]]))
    return tf.nn.max_pool(activated, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


x = tf.placeholder(tf.float32, shape=[None, 784])
y_ = tf.placeholder(tf.float32, shape=[None, 10])
keep_prob = tf.placeholder(tf.float32)

images = tf.reshape(x, [-1, 28, 28, 1])
h1 = conv_and_pool(images, [5, 5, 1, 8])
h2 = conv_and_pool(h1, [5, 5, 8, 16])
size = 1
for n in h2.get_shape().as_list()[1:]:
    size *= n
flat = tf.reshape(h2, [-1, size])
hidden = tf.nn.relu(tf.matmul(flat, weight_variable([size, 64])) + bias_variable([64]))
dropped = tf.nn.dropout(hidden, keep_prob)
logits = tf.matmul(dropped, weight_variable([64, 10])) + bias_variable([10])

loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=logits))
train_step = tf.train.AdamOptimizer(4e-3).minimize(loss)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(y_, 1)), tf.float32))

sess.run(tf.global_variables_initializer())
for i in range(steps):
    batch = digits.train.next_batch(size_of_batch)
    if i % 50 == 0:
        print("step %d, training accuracy %g" % (i, accuracy.eval({x: batch[0], y_: batch[1], keep_prob: 1.0})))
    train_step.run(feed_dict={x: batch[0], y_: batch[1], keep_prob: 0.5})

result = accuracy.eval(
    feed_dict={x: digits.test.images[:test_size], y_: digits.test.labels[:test_size], keep_prob: 1.0}
)
print("test accuracy %g" % result)
sess.close()
