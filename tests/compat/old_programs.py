"""Programs in old spellings."""

THEANO_MOONS = '''\
#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""A network with one hidden layer separates two moons."""
import numpy, cPickle
import theano
import theano.tensor as T
from itertools import izip

rng = numpy.random.RandomState(0)
n = 120
angle = rng.uniform(0, numpy.pi, n)
side = numpy.arange(n) % 2
X = numpy.c_[numpy.cos(angle) * (1 - 2 * side) + side, numpy.sin(angle) * (1 - 2 * side) + side / 2.]
X += 0.1 * rng.randn(n, 2)
Y = side.astype("int32")

x = T.matrix("x")      # the points
t = T.ivector("t")     # their classes
W = theano.shared(rng.randn(2, 6), name="W")
b = theano.shared(numpy.zeros(6), name="b", borrow=True)
V = theano.shared(rng.randn(6, 2) * 0.1, name="V")
c = theano.shared(numpy.zeros(2), name="c")
h = T.tanh(T.dot(x, W) + b)
p = T.nnet.softmax(T.dot(h, V) + c)
cost = -T.mean(T.log(p)[T.arange(t.shape[0]), t]) + 1e-4 * T.sum(T.sqr(W))
params = [W, b, V, c]
train = theano.function(inputs=[x, t], outputs=cost,
                        updates=[(q, q - 0.5 * g) for q, g in izip(params, T.grad(cost, params))],
                        allow_input_downcast=True)
predict = theano.function([x], T.argmax(p, axis=1))
batch = 50
for epoch in xrange(60):
    for i in range(n / batch):
        loss = train(X[i * batch:(i + 1) * batch], Y[i * batch:(i + 1) * batch])
print "loss %.6f" % loss
print "accuracy", numpy.mean(predict(X) == Y)
print "W %.5f" % abs(W.get_value(borrow=True)).sum()
'''

KERAS_RINGS = """\
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense, Activation
from keras.optimizers import SGD
from keras.utils.np_utils import to_categorical

rng = np.random.RandomState(0)
X = rng.randn(96, 2).astype("float32")
labels = (np.hypot(X[:, 0], X[:, 1]) > 1).astype(int)
Y = to_categorical(labels, 2)

model = Sequential()
model.add(Dense(12, input_dim=2, init="zero", activation="tanh"))   # hidden
model.add(Dense(output_dim=2, init="zero"))
model.add(Activation("softmax"))
model.layers[0].set_weights([rng.randn(2, 12).astype("float32"), np.zeros(12, "float32")])
model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.5, momentum=0.9), metrics=["accuracy"])
history = model.fit(X, Y, nb_epoch=8, batch_size=32, verbose=0, shuffle=False)
loss, accuracy = model.evaluate(X, Y, verbose=0)
print "loss %.5f" % loss, "accuracy %.4f" % accuracy
print "first %.4f" % history.history["loss"][0]
"""
