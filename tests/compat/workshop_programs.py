"""Programs that make the calls of the seven listings of the workshop of 2016, in its order and its spelling.

Only the text around the calls is ours. Python 2, as on its pages.
"""

MOONS = """\
import matplotlib.pyplot as plt
import numpy as np
import sklearn
import sklearn.datasets
import sklearn.linear_model
import matplotlib

matplotlib.rcParams['figure.figsize'] = (10.0, 8.0)
np.random.seed(0)
X, y = sklearn.datasets.make_moons(200, noise=0.20)
plt.scatter(X[:,0], X[:,1], s=40, c=y, cmap=plt.cm.Spectral)
plt.show()
classifier = sklearn.linear_model.LogisticRegressionCV()
classifier.fit(X, y)

def draw_boundary(predict_classes):
    left, right = X[:, 0].min() - .5, X[:, 0].max() + .5
    low, high = X[:, 1].min() - .5, X[:, 1].max() + .5
    across, up = np.meshgrid(np.arange(left, right, 0.01), np.arange(low, high, 0.01))
    Z = predict_classes(np.c_[across.ravel(), up.ravel()]).reshape(across.shape)
    plt.contourf(across, up, Z, cmap=plt.cm.Spectral)
    plt.scatter(X[:, 0], X[:, 1], c=y, cmap=plt.cm.Spectral)

draw_boundary(lambda x: classifier.predict(x))
plt.title("Logistic Regression")
plt.show()
count = len(X)
rate, strength = 0.01, 0.01

def run_forward(net, x):
    hidden = np.tanh(x.dot(net['W1']) + net['b1'])
    scores = np.exp(hidden.dot(net['W2']) + net['b2'])
    return hidden, scores / np.sum(scores, axis=1, keepdims=True)

def compute_loss(net):
    losses = -np.log(run_forward(net, X)[1][range(count), y])
    penalty = strength/2 * (np.sum(np.square(net['W1'])) + np.sum(np.square(net['W2'])))
    return 1./count * (np.sum(losses) + penalty)

def train(units, passes=20000, prints=False):
    np.random.seed(0)
    net = {'W1': np.random.randn(2, units) / np.sqrt(2), 'b1': np.zeros((1, units)),
           'W2': np.random.randn(units, 2) / np.sqrt(units), 'b2': np.zeros((1, 2))}
    for i in xrange(0, passes):
        hidden, delta = run_forward(net, X)
        delta[range(count), y] -= 1
        below = delta.dot(net['W2'].T) * (1 - np.power(hidden, 2))
        gradients = {'W2': hidden.T.dot(delta) + strength * net['W2'], 'b2': np.sum(delta, axis=0, keepdims=True),
                     'W1': np.dot(X.T, below) + strength * net['W1'], 'b1': np.sum(below, axis=0)}
        for name in net:
            net[name] += -rate * gradients[name]
        if prints and i % 1000 == 0:
          print "loss after step %i: %f" %(i, compute_loss(net))
    return net

net = train(3, prints=True)
draw_boundary(lambda x: np.argmax(run_forward(net, x)[1], axis=1))
plt.show()
plt.figure(figsize=(16, 32))
for i, units in enumerate([1, 2, 3, 4, 5, 20, 50]):
    plt.subplot(5, 2, i+1)
    plt.title('%d hidden units' % units)
    net = train(units)
    draw_boundary(lambda x: np.argmax(run_forward(net, x)[1], axis=1))
plt.show()
"""

THEANO = """\
import theano
import numpy

x = theano.tensor.fvector('x')
W = theano.shared(numpy.asarray([0.2, 0.7]), 'W')
y = (x * W).sum()
f = theano.function([x], y)
print f([1.0, 1.0])
"""

TENSORFLOW_SOFTMAX = """\
import tensorflow as tf
import input_data

mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
W = tf.Variable(tf.zeros([784,10]))
b = tf.Variable(tf.zeros([10]))
x = tf.placeholder("float", [None, 784])
y = tf.nn.softmax(tf.matmul(x,W) + b)
y_ = tf.placeholder("float", [None,10])
cost = -tf.reduce_sum(y_*tf.log(y))
train_step = tf.train.GradientDescentOptimizer(0.01).minimize(cost)
sess = tf.Session()
sess.run(tf.initialize_all_variables())
for i in range(1000):
    images, labels = mnist.train.next_batch(100)
    sess.run(train_step, feed_dict={x: images, y_: labels})
is_right = tf.equal(tf.argmax(y,1), tf.argmax(y_,1))
accuracy = tf.reduce_mean(tf.cast(is_right, "float"))
print sess.run(accuracy, feed_dict={x: mnist.test.images, y_: mnist.test.labels})
"""

LASAGNE = """\
import lasagne
import theano
import theano.tensor as T

X = T.tensor4('X')
y = T.ivector('y')
from lasagne.nonlinearities import leaky_rectify, softmax
net = lasagne.layers.InputLayer((None, 3, 32, 32), X)
net = lasagne.layers.Conv2DLayer(net, 64, (3, 3), nonlinearity=leaky_rectify)
net = lasagne.layers.Conv2DLayer(net, 32, (3, 3), nonlinearity=leaky_rectify)
net = lasagne.layers.Pool2DLayer(net, (3, 3), stride=2, mode='max')
net = lasagne.layers.DenseLayer(lasagne.layers.dropout(net, 0.5), 128, nonlinearity=leaky_rectify,
                                W=lasagne.init.Orthogonal())
net = lasagne.layers.DenseLayer(lasagne.layers.dropout(net, 0.5), 10, nonlinearity=softmax)
loss = lasagne.objectives.categorical_crossentropy(lasagne.layers.get_output(net), y)
loss = loss.mean() + 1e-4 * lasagne.regularization.regularize_network_params(net, lasagne.regularization.l2)
params = lasagne.layers.get_all_params(net, trainable=True)
updates = lasagne.updates.nesterov_momentum(loss, params, learning_rate=0.01, momentum=0.9)
train = theano.function([X, y], loss, updates=updates)
for epoch in range(100):
    loss = 0
    for images, labels in training_data:
        loss += train(images, labels)
    print("epoch %d: loss %g" % (epoch + 1, loss / len(training_data)))
predict = theano.function([X], T.argmax(lasagne.layers.get_output(net, deterministic=True), axis=1))
print("class: %r" % predict(test_data[0]))
"""

LASAGNE_DATA = """\
import numpy
rng = numpy.random.RandomState(0)
training_data = [(rng.rand(8, 3, 32, 32).astype("float32"), numpy.arange(8, dtype="int32"))]
test_data = [training_data[0][0][:2]]
"""

KERAS = """\
from sklearn.preprocessing import LabelEncoder
from sklearn.cross_validation import train_test_split
from keras.models import Sequential
from keras.layers import Activation
from keras.optimizers import SGD
from keras.layers import Dense
from keras.utils import np_utils
from imutils import paths
import numpy as np
import argparse
import cv2
import os

parser = argparse.ArgumentParser()
parser.add_argument("-d", "--dataset", required=True, help="folder of images")
args = vars(parser.parse_args())
data, labels = [], []
for (i, path) in enumerate(list(paths.list_images(args["dataset"]))):
    data.append(cv2.resize(cv2.imread(path), (32, 32)).flatten())
    labels.append(path.split(os.path.sep)[-1].split(".")[0])
labels = np_utils.to_categorical(LabelEncoder().fit_transform(labels), 2)
data = np.array(data) / 255.0
(x_train, x_test, y_train, y_test) = train_test_split(data, labels, test_size=0.25, random_state=42)
model = Sequential()
model.add(Dense(768, input_dim=3072, init="uniform", activation="relu"))
model.add(Dense(384, init="uniform", activation="relu"))
model.add(Dense(2))
model.add(Activation("softmax"))
model.compile(loss="binary_crossentropy", optimizer=SGD(lr=0.01), metrics=["accuracy"])
model.fit(x_train, y_train, nb_epoch=50, batch_size=128)
(loss, accuracy) = model.evaluate(x_test, y_test, batch_size=128, verbose=1)
print("loss={:.4f}, accuracy: {:.4f}%".format(loss, accuracy * 100))
"""

ADDER = """\
import copy, numpy as np
np.random.seed(0)

def sigmoid(x):
    return 1/(1+np.exp(-x))

bits = {}
binary_dim = 8
largest = pow(2,binary_dim)
binary = np.unpackbits(np.array([range(largest)],dtype=np.uint8).T,axis=1)
for i in range(largest):
    bits[i] = binary[i]
W_in = 2*np.random.random((2,16)) - 1
W_out = 2*np.random.random((16,1)) - 1
W_state = 2*np.random.random((16,16)) - 1
dW_in, dW_out, dW_state = np.zeros_like(W_in), np.zeros_like(W_out), np.zeros_like(W_state)

for j in range(10000):
    first = np.random.randint(largest/2)
    second = np.random.randint(largest/2)
    a, b, c = bits[first], bits[second], bits[first + second]
    d = np.zeros_like(c)
    total = 0
    deltas, states = list(), list()
    states.append(np.zeros(16))
    for position in range(binary_dim):
        X = np.array([[a[binary_dim - position - 1],b[binary_dim - position - 1]]])
        y = np.array([[c[binary_dim - position - 1]]]).T
        state = sigmoid(np.dot(X,W_in) + np.dot(states[-1],W_state))
        result = sigmoid(np.dot(state,W_out))
        error = y - result
        deltas.append(error*result*(1-result))
        total += np.abs(error[0])
        d[binary_dim - position - 1] = np.round(result[0][0])
        states.append(copy.deepcopy(state))
    after = np.zeros(16)
    for position in range(binary_dim):
        X = np.array([[a[position],b[position]]])
        state, before = states[-position-1], states[-position-2]
        delta = (after.dot(W_state.T) + deltas[-position-1].dot(W_out.T)) * state*(1-state)
        dW_out += np.atleast_2d(state).T.dot(deltas[-position-1])
        dW_state += np.atleast_2d(before).T.dot(delta)
        dW_in += X.T.dot(delta)
        after = delta
    for weight, change in ((W_in, dW_in), (W_out, dW_out), (W_state, dW_state)):
        weight += change * 0.1
        change *= 0
    if(j % 1000 == 0):
        print "error:" + str(total)
        print "found:" + str(d)
        out = 0
        for index,x in enumerate(reversed(d)):
            out += x*pow(2,index)
        print str(first) + " + " + str(second) + " = " + str(out)
"""

TENSORFLOW_CONVOLUTION = """\
import tensorflow as tf
import input_data

mnist = input_data.read_data_sets('MNIST_data', one_hot=True)
x = tf.placeholder("float", shape=[None, 784])
y_ = tf.placeholder("float", shape=[None, 10])
images = tf.reshape(x, [-1,28,28,1])

def make_weight(shape):
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1))

def make_bias(shape):
    return tf.Variable(tf.constant(0.1, shape=shape))

def conv2d(x, W):
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding='SAME')

def pool(x):
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')

h1 = pool(tf.nn.relu(conv2d(images, make_weight([5, 5, 1, 32])) + make_bias([32])))
h2 = pool(tf.nn.relu(conv2d(h1, make_weight([5, 5, 32, 64])) + make_bias([64])))
flat = tf.reshape(h2, [-1, 7*7*64])
h3 = tf.nn.relu(tf.matmul(flat, make_weight([7 * 7 * 64, 1024])) + make_bias([1024]))
keep_prob = tf.placeholder("float")
dropped = tf.nn.dropout(h3, keep_prob)
y=tf.nn.softmax(tf.matmul(dropped, make_weight([1024, 10])) + make_bias([10]))
cost = -tf.reduce_sum(y_*tf.log(y))
train_step = tf.train.AdamOptimizer(1e-4).minimize(cost)
is_right = tf.equal(tf.argmax(y,1), tf.argmax(y_,1))
accuracy = tf.reduce_mean(tf.cast(is_right, "float"))
sess = tf.Session()
sess.run(tf.initialize_all_variables())
for i in range(200):
    batch = mnist.train.next_batch(50)
    if i%10 == 0:
        found = sess.run( accuracy, feed_dict={ x:batch[0], y_: batch[1], keep_prob: 1.0})
        print("step %d, training accuracy %g"%(i, found))
    sess.run(train_step,feed_dict={x: batch[0], y_: batch[1], keep_prob: 0.5})
print("test accuracy %g"% sess.run(accuracy, feed_dict={
x: mnist.test.images, y_: mnist.test.labels, keep_prob: 1.0}))
"""
