"""Order of assignments: control dependencies, a moving average, and a counter, in the spelling of TensorFlow 1.0."""

import tensorflow as tf

total = tf.get_variable("total", shape=[], initializer=tf.zeros_initializer(), trainable=False)
x = tf.placeholder(tf.float32, shape=())
update = tf.assign(total, 0.9 * total + 0.1 * x)
with tf.control_dependencies([update]):
    current = tf.identity(total)
count = tf.Variable(0, name="count", trainable=False)
with tf.control_dependencies([tf.group(update, tf.assign_add(count, 1))]):
    done = tf.no_op(name="done")

sess = tf.Session()
sess.run(tf.global_variables_initializer())
averages = [sess.run(current, {x: value}) for value in (1.0, 2.0, 3.0)]
sess.run("done", {"Placeholder:0": 10.0})
final = sess.run([total, count])
print(averages, final)
