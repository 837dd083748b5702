"""A network with one hidden layer on two moons, in Theano: symbols, gradients, updates."""

import numpy as np
import theano
import theano.tensor as T

np.random.seed(0)
angle = np.pi * np.random.rand(100)
inner = np.c_[1 - np.cos(angle), 0.5 - np.sin(angle)]
points = np.r_[np.c_[np.cos(angle), np.sin(angle)], inner] + 0.2 * np.random.randn(200, 2)
labels = np.r_[np.zeros(100, dtype="int32"), np.ones(100, dtype="int32")]

hidden, rate, decay = 6, 0.5, 0.001
X = T.matrix("X")
y = T.ivector("y")
W1 = theano.shared(np.random.randn(2, hidden) / np.sqrt(2), name="W1")
b1 = theano.shared(np.zeros(hidden), name="b1")
W2 = theano.shared(np.random.randn(hidden, 2) / np.sqrt(hidden), name="W2")
b2 = theano.shared(np.zeros(2), name="b2")

z = T.tanh(X.dot(W1) + b1)
p = T.nnet.softmax(z.dot(W2) + b2)
penalty = decay * (T.sum(T.sqr(W1)) + T.sum(T.sqr(W2)))
loss = T.nnet.categorical_crossentropy(p, y).mean() + penalty
prediction = T.argmax(p, axis=1)

forward = theano.function([X], p)
predict = theano.function([X], prediction)
compute_loss = theano.function([X, y], loss)
step = theano.function(
    [X, y],
    updates=[(v, v - rate * T.grad(loss, v)) for v in (W2, W1, b2, b1)],
)

losses = []
for i in range(300):
    step(points, labels)
    if i % 50 == 0:
        losses.append(compute_loss(points, labels))
        print("Loss after iteration %i: %f" % (i, losses[-1]))

accuracy = np.mean(predict(points) == labels)
print("Accuracy: %.3f" % accuracy)
results = {"losses": losses, "accuracy": accuracy, "W1": W1.get_value(), "p": forward(points[:5])}
