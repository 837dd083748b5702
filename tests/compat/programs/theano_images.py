"""A convolutional network on small images, with conv2d, pool_2d and a Jacobian."""

import numpy as np
import theano
import theano.tensor as T
from theano.tensor.nnet import conv2d
from theano.tensor.signal.pool import pool_2d

rng = np.random.RandomState(11)
labels = np.arange(48) % 3
images = rng.normal(size=(48, 1, 12, 12)) * 0.3
for image, label in zip(images, labels):
    image[0, 2 + 3 * label : 5 + 3 * label, 3:9] += 1.0

x = T.tensor4("x")
y = T.ivector("y")
W = theano.shared(rng.normal(size=(4, 1, 3, 3)) * 0.3, name="W")
b = theano.shared(np.zeros(4), name="b")
V = theano.shared(rng.normal(size=(4 * 5 * 5, 3)) * 0.1, name="V")
maps = conv2d(x, W, filter_shape=(4, 1, 3, 3))
pooled = T.tanh(pool_2d(maps, (2, 2), ignore_border=True) + b.dimshuffle("x", 0, "x", "x"))
p = T.nnet.softmax(T.dot(pooled.flatten(2), V))
cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
params = [W, b, V]
train = theano.function([x, y], cost, updates=[(q, q - 0.3 * g) for q, g in zip(params, T.grad(cost, params))])
costs = [train(images, labels.astype("int32")) for _ in range(25)]
error = theano.function([x, y], T.mean(T.neq(T.argmax(p, axis=1), y)))(images, labels.astype("int32"))
v = T.vector("v")
slope = theano.function([v], T.jacobian(T.nnet.softmax(v)[0], v))([0.1, 0.2, 0.3])
print("cost %.4f, error %.3f" % (costs[-1], error))
results = {"costs": costs, "error": error, "W": W.get_value(), "slope": slope}
