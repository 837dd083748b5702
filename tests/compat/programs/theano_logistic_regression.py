"""Logistic regression with mini-batches of shared data, as the tutorials of deeplearning.net organize it."""

import numpy
import theano
import theano.tensor as T


class LogisticRegression(object):
    def __init__(self, input, n_in, n_out):
        self.W = theano.shared(
            value=numpy.zeros((n_in, n_out), dtype=theano.config.floatX),
            name="W",
            borrow=True,
        )
        self.b = theano.shared(
            value=numpy.zeros((n_out,), dtype=theano.config.floatX),
            name="b",
            borrow=True,
        )
        self.p_y_given_x = T.nnet.softmax(T.dot(input, self.W) + self.b)
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)
        self.params = [self.W, self.b]

    def negative_log_likelihood(self, y):
        return -T.mean(T.log(self.p_y_given_x)[T.arange(y.shape[0]), y])

    def errors(self, y):
        if y.ndim != self.y_pred.ndim:
            raise TypeError("y should have the same shape as self.y_pred", ("y", y.type, "y_pred", self.y_pred.type))
        if y.dtype.startswith("int"):
            return T.mean(T.neq(self.y_pred, y))
        raise NotImplementedError()


def shared_dataset(data_xy, borrow=True):
    data_x, data_y = data_xy
    shared_x = theano.shared(numpy.asarray(data_x, dtype=theano.config.floatX), borrow=borrow)
    shared_y = theano.shared(numpy.asarray(data_y, dtype=theano.config.floatX), borrow=borrow)
    return shared_x, T.cast(shared_y, "int32")


def make_data(count, rng, weights):
    x = rng.normal(size=(count, 12))
    return x, numpy.argmax(x.dot(weights) + 0.3 * rng.normal(size=(count, 4)), axis=1)


rng = numpy.random.RandomState(1234)
weights = rng.normal(size=(12, 4))
train_set_x, train_set_y = shared_dataset(make_data(600, rng, weights))
test_set_x, test_set_y = shared_dataset(make_data(200, rng, weights))
batch_size = 20
n_train_batches = train_set_x.get_value(borrow=True).shape[0] // batch_size
n_test_batches = test_set_x.get_value(borrow=True).shape[0] // batch_size

index = T.lscalar()
x = T.matrix("x")
y = T.ivector("y")
classifier = LogisticRegression(input=x, n_in=12, n_out=4)
cost = classifier.negative_log_likelihood(y)
test_model = theano.function(
    inputs=[index],
    outputs=classifier.errors(y),
    givens={
        x: test_set_x[index * batch_size : (index + 1) * batch_size],
        y: test_set_y[index * batch_size : (index + 1) * batch_size],
    },
)
g_W = T.grad(cost=cost, wrt=classifier.W)
g_b = T.grad(cost=cost, wrt=classifier.b)
train_model = theano.function(
    inputs=[index],
    outputs=cost,
    updates=[(classifier.W, classifier.W - 0.13 * g_W), (classifier.b, classifier.b - 0.13 * g_b)],
    givens={
        x: train_set_x[index * batch_size : (index + 1) * batch_size],
        y: train_set_y[index * batch_size : (index + 1) * batch_size],
    },
)

costs, errors = [], []
for epoch in range(5):
    costs.append(numpy.mean([train_model(i) for i in range(n_train_batches)]))
    errors.append(numpy.mean([test_model(i) for i in range(n_test_batches)]))
    print("epoch %i, test error %f %%" % (epoch, errors[-1] * 100.0))
results = {"costs": costs, "errors": errors, "W": classifier.W.get_value()}
