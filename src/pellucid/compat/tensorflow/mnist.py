"""`tensorflow.examples.tutorials.mnist.mnist`: the tutorial's network of two hidden layers, and its training."""

import pellucid.compat.tensorflow as tf

NUM_CLASSES, IMAGE_SIZE, IMAGE_PIXELS = 10, 28, 28**2


def inference(images, hidden1_units, hidden2_units):
    """Return the logits of images, one row each."""
    x, size = images, IMAGE_PIXELS
    for name, units in [("hidden1", hidden1_units), ("hidden2", hidden2_units), ("softmax_linear", NUM_CLASSES)]:
        with tf.name_scope(name):
            weights = tf.Variable(tf.truncated_normal([size, units], stddev=size**-0.5), name="weights")
            x = tf.matmul(x, weights) + tf.Variable(tf.zeros([units]), name="biases")
            x, size = x if name == "softmax_linear" else tf.nn.relu(x), units
    return x


def loss(logits, labels):
    """Return the mean cross-entropy of integer labels."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=tf.to_int64(labels)))


def training(loss, learning_rate):
    """Return the operation of a step of gradient descent, with a summary of the loss and a counter of steps."""
    tf.summary.scalar("loss", loss)
    optimizer = tf.train.GradientDescentOptimizer(learning_rate)
    return optimizer.minimize(loss, global_step=tf.Variable(0, name="global_step", trainable=False))


def evaluation(logits, labels):
    """Return the number of images whose label has the largest logit."""
    return tf.reduce_sum(tf.to_int32(tf.nn.in_top_k(logits, labels, 1)))
