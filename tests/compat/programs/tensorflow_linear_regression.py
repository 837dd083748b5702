"""Linear regression with a checkpoint and flags, in the spelling of TensorFlow 1.4."""

import os
import tempfile

import numpy as np
import tensorflow as tf

flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_float("learning_rate", 0.1, "Step of gradient descent.")
flags.DEFINE_integer("steps", 200, "Number of steps.")
flags.DEFINE_boolean("verbose", False, "Whether to print the loss.")

rng = np.random.RandomState(0)
X_train = rng.uniform(-1, 1, 50)
Y_train = 3 * X_train - 1


def main(_):
    with tf.Graph().as_default(), tempfile.TemporaryDirectory() as folder:
        X = tf.placeholder(tf.float32, name="X")
        Y = tf.placeholder(tf.float32, name="Y")
        with tf.name_scope("model"):
            W = tf.Variable(0.0, name="weight")
            b = tf.Variable(0.0, name="bias")
            prediction = tf.add(tf.multiply(X, W), b)
        loss = tf.reduce_mean(tf.square(prediction - Y))
        global_step = tf.Variable(0, trainable=False, name="global_step")
        rate = tf.train.exponential_decay(FLAGS.learning_rate, global_step, 100, 0.9)
        optimizer = tf.train.MomentumOptimizer(rate, 0.5).minimize(loss, global_step=global_step)
        saver = tf.train.Saver()
        with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as sess:
            sess.run(tf.global_variables_initializer())
            for step in range(FLAGS.steps):
                _, value = sess.run([optimizer, loss], feed_dict={X: X_train, Y: Y_train})
                if FLAGS.verbose:
                    print(step, value)
            saver.save(sess, os.path.join(folder, "model.ckpt"), global_step=global_step)
            path = tf.train.latest_checkpoint(folder)
        with tf.Session() as sess:
            saver.restore(sess, path)
            results["line"] = sess.run({"W": W, "b": b, "step": "global_step:0"})
            results["one"] = sess.run(prediction, {X: 1.0})
    print("W=%.3f b=%.3f" % (results["line"]["W"], results["line"]["b"]))


results = {}
if __name__ == "__main__":
    tf.app.run()
