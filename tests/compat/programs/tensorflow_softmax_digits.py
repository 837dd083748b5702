"""Softmax regression on handwritten digits, in the spelling of TensorFlow 0.8."""

import sys

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

steps = int(sys.argv[2]) if len(sys.argv) > 2 else 300
digits = input_data.read_data_sets(sys.argv[1] if len(sys.argv) > 1 else "MNIST_data", one_hot=True, seed=1)

x = tf.placeholder("float", [None, 784])
W = tf.Variable(tf.zeros([784, 10]))
b = tf.Variable(tf.zeros([10]))
y = tf.nn.softmax(tf.matmul(x, W) + b)
y_ = tf.placeholder("float", [None, 10])

cross_entropy = -tf.reduce_sum(tf.mul(y_, tf.log(y)), reduction_indices=[1])
loss = tf.reduce_mean(cross_entropy)
train_step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)

sess = tf.Session()
sess.run(tf.initialize_all_variables())
for _ in range(steps):
    batch_xs, batch_ys = digits.train.next_batch(100)
    sess.run(train_step, feed_dict={x: batch_xs, y_: batch_ys})

correct = tf.equal(tf.argmax(y, 1), tf.argmax(y_, dimension=1))
accuracy = tf.reduce_mean(tf.cast(correct, "float"))
result = sess.run(accuracy, feed_dict={x: digits.test.images, y_: digits.test.labels})
weights = sess.run(W)
print("accuracy", result)
