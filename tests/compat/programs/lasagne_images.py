"""A convolutional network in Lasagne: layers, parameters, a deterministic output, penalties, Nesterov momentum."""

import lasagne
import numpy as np
import theano
import theano.tensor as T

rng = np.random.RandomState(4)
lasagne.random.set_rng(np.random.RandomState(5))
labels = (np.arange(60) % 3).astype("int32")
images = rng.normal(size=(60, 1, 12, 12)) * 0.4
for image, label in zip(images, labels):
    image[0, 2 + 3 * label : 5 + 3 * label, 3:9] += 1.0


def build_cnn(input_var=None):
    network = lasagne.layers.InputLayer(shape=(None, 1, 12, 12), input_var=input_var)
    network = lasagne.layers.Conv2DLayer(
        network,
        num_filters=6,
        filter_size=(3, 3),
        nonlinearity=lasagne.nonlinearities.rectify,
        W=lasagne.init.GlorotUniform(),
    )
    network = lasagne.layers.MaxPool2DLayer(network, pool_size=(2, 2))
    network = lasagne.layers.DenseLayer(network, num_units=20, nonlinearity=lasagne.nonlinearities.tanh)
    return lasagne.layers.DenseLayer(
        lasagne.layers.dropout(network, p=0.0), num_units=3, nonlinearity=lasagne.nonlinearities.softmax
    )


def iterate_minibatches(inputs, targets, batchsize):
    assert len(inputs) == len(targets)
    for start_idx in range(0, len(inputs) - batchsize + 1, batchsize):
        excerpt = slice(start_idx, start_idx + batchsize)
        yield inputs[excerpt], targets[excerpt]


input_var = T.tensor4("inputs")
target_var = T.ivector("targets")
network = build_cnn(input_var)
prediction = lasagne.layers.get_output(network)
loss = lasagne.objectives.categorical_crossentropy(prediction, target_var).mean()
loss = loss + 1e-3 * lasagne.regularization.regularize_network_params(network, lasagne.regularization.l2)
params = lasagne.layers.get_all_params(network, trainable=True)
updates = lasagne.updates.nesterov_momentum(loss, params, learning_rate=0.05, momentum=0.9)
test_prediction = lasagne.layers.get_output(network, deterministic=True)
test_acc = T.mean(T.eq(T.argmax(test_prediction, axis=1), target_var), dtype=theano.config.floatX)
train_fn = theano.function([input_var, target_var], loss, updates=updates)
val_fn = theano.function([input_var, target_var], [loss, test_acc])

losses = []
for epoch in range(5):
    train_err = [train_fn(*batch) for batch in iterate_minibatches(images, labels, 20)]
    losses += train_err
    print("Epoch {} of 5: training loss {:.6f}".format(epoch + 1, np.mean(train_err)))
error, accuracy = val_fn(images, labels)
results = {
    "losses": losses,
    "accuracy": accuracy,
    "count": lasagne.layers.count_params(network),
    "shape": network.output_shape[1:],
    "W": lasagne.layers.get_all_param_values(network)[0].ravel()[:20],
}
