"""A multilayer perceptron with momentum, penalties, a random stream that is not used for training, and float32."""

import numpy as np
import theano
import theano.tensor as T
from theano import shared
from theano.tensor.shared_randomstreams import RandomStreams

theano.config.floatX = "float32"
rng = np.random.RandomState(3)


def init_weights(n_in, n_out):
    bound = np.sqrt(6.0 / (n_in + n_out))
    return shared(np.asarray(rng.uniform(-bound, bound, (n_in, n_out)), dtype=theano.config.floatX))


def momentum(cost, params, rate=0.1, rho=0.9):
    updates = []
    for p, g in zip(params, T.grad(cost, params)):
        v = theano.shared(p.get_value() * 0.0)
        new = rho * v - rate * g
        updates += [(v, new), (p, p + new)]
    return updates


data = rng.normal(size=(256, 8)).astype("float32")
target = np.eye(3, dtype="float32")[np.argmax(data[:, :3] * data[:, 3:6], axis=1)]

X = T.fmatrix("X")
Y = T.fmatrix("Y")
w_h, w_o = init_weights(8, 24), init_weights(24, 3)
b_h = shared(np.zeros(24, dtype="float32"))
h = T.maximum(T.dot(X, w_h) + b_h, 0.0)
p = T.nnet.softmax(T.dot(h, w_o))
L1 = abs(w_h).sum() + abs(w_o).sum()
L2 = (w_h**2).sum() + (w_o**2).sum()
cost = T.mean(T.nnet.categorical_crossentropy(p, Y)) + 1e-5 * L1 + 1e-4 * L2

train = theano.function([X, Y], cost, updates=momentum(cost, [w_h, b_h, w_o]), allow_input_downcast=True)
predict = theano.function([X], T.argmax(p, axis=1), allow_input_downcast=True)
costs = []
for _ in range(10):
    for start in range(0, 256, 32):
        costs.append(train(data[start : start + 32], target[start : start + 32].astype("float64")))

srng = RandomStreams(seed=5)
mask = srng.binomial(size=h.shape, n=1, p=0.5, dtype=theano.config.floatX)
dropped = theano.function([X], (h * mask).sum() / h.sum())
share = np.mean([dropped(data) for _ in range(20)])
theano.config.floatX = "float64"
results = {
    "costs": costs,
    "labels": predict(data),
    "half": abs(share - 0.5) < 0.05,
    "type": str(costs[0].dtype) == "float32",
}
