"""Translation of old scripts: the text, and the numbers of translated programs."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.compat.script import ScriptRun, parse_unit
from pellucid.compat.translation import Translation, translate
from tests.compat.old_programs import KERAS_RINGS, THEANO_MOONS
from tests.named_case import name_case

pytest.importorskip("fissix")


def translate_text(source: str) -> Translation:
    return translate(source, "old.py", is_python2=parse_unit(source, "old.py").is_python2)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("program", [THEANO_MOONS, KERAS_RINGS], ids=["theano", "keras"])
@pytest.mark.usefixtures("compile_once")
def test_translated_programs_give_the_numbers_of_the_old_ones(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pel.config, "floatx", "float32")
    Path("old.py").write_text(program, "utf-8")
    old = ScriptRun("old.py")
    old.start()
    assert old.error == ""
    numbers = re.findall(r"[\d.]+", capsys.readouterr().out)
    found = translate_text(program)
    assert found.problems == []
    assert not re.search(r"\b(theano|keras|xrange|izip)\b", "\n".join(found.text.split("\n")[6:]))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(found.text, "new.py", "exec"), {"__name__": "__main__"})
    new = re.findall(r"[\d.]+", output.getvalue())
    assert len(new) == len(numbers) >= 3
    np.testing.assert_allclose(np.array(new, float), np.array(numbers, float), rtol=2e-4)


THEANO = [
    ("y = T.dot(x, w) + b", "y = x @ w + b"),
    ("y = T.dot(x + 1, w).sum()", "y = ((x + 1) @ w).sum()"),
    ("y = -T.dot(x, w) ** 2", "y = -(x @ w) ** 2"),
    ("y = T.sum(x, axis=1, dtype='float32')", "y = pel.sum(x, axis=1)"),
    ("y = T.nnet.sigmoid(T.dot(x, w))  # why", "y = pel.sigmoid(x @ w)  # why"),
    ("f = map(T.tanh, [x])", "f = map(pel.tanh, [x])"),
    ("y = T.set_subtensor(x[1:, 2], T.exp(w))", "y = x.at[1:, 2].set(pel.exp(w))"),
    ("y = x.dimshuffle('x', 0) * x.dimshuffle(1, 0)", "y = x[None, :] * x.T"),
    ("y = x.dimshuffle(0, 2, 1)", "y = pel.transpose(x, (0, 2, 1))"),
    ("y = T.join(1, x, w)", "y = pel.concatenate([x, w], axis=1)"),
    ("y = T.eq(x, 1).mean() + T.neq(x, w)", "y = (x == 1).mean() + (x != w)"),
    ("z = theano.shared(np.zeros(3, dtype=theano.config.floatX), borrow=True)", None),
    ("f = theano.function([x], w, on_unused_input='warn', mode='FAST_RUN')", None),
    ("y = T.nnet.categorical_crossentropy(x, n)", "y = pel.losses.sparse_categorical_crossentropy(n, x)"),
    ("y = T.nnet.categorical_crossentropy(x, w)", "y = pel.losses.categorical_crossentropy(w, x)"),
    ("y = T.max_and_argmax(x, axis=1)", "y = (pel.max(x, axis=1), pel.argmax(x, axis=1))"),
    ("print('é', T.exp(x), f'{x}')", "print('é', pel.exp(x), f'{x}')"),
    ("k = theano.shared(0)", 'k = pel.shared(0, dtype="int64")'),
    ("i = T.lscalar()\ny = w[i * 20:(i + 1) * 20] + 1", None),
    ("y = w[3 * 20:(3 + 1) * 20]", "y = w[3 * 20:(3 + 1) * 20]"),
    ("y = x.dtype.startswith('int')", 'y = x.dtype.name.startswith("int")'),
    ("y = T.exp(w.copy())", "y = pel.exp(w)"),
    ("y = T.grad(cost=x.sum(),\n           wrt=[w])", "y = pel.grad(x.sum(), [w])"),
]


def test_theano() -> None:
    for old, new in THEANO:
        with name_case(old):
            head = "import theano, os\nimport theano.tensor as T\nx, w, n = T.matrix('x'), theano.shared(1.0), "
            text = translate_text(f"{head}T.ivector('n')\n{old}\n").text
            expected = {
                "z": "z = pel.shared(np.zeros(3, dtype=pel.config.floatx))",
                "i": 'i = pel.scalar(dtype="int64")\ny = w[i * 20:(i + 1) * 20] + 1',
                "f": 'f = pel.function([x], w, mode="auto", on_unused_input="ignore")',
            }
            assert text.startswith(
                'import pellucid as pel\npel.config.floatx = "float64"  # the default of Theano\nimport os\n'
                'x, w, n = pel.matrix("x"), pel.shared(1.0), pel.ivector("n")\n'
            )
            assert text.partition('("n")\n')[2] == f"{new or expected[old[0]]}\n"


def test_keras_layers() -> None:
    source = """
from keras.models import Sequential, Model
from keras.layers import *
if True:
    m = Sequential([Dense(4, input_shape=(3,), init='uniform', activation='relu'), Dropout(p=0.5)])
    m.add(LSTM(8, input_dim=3, input_length=5))
    m.add(Convolution2D(8, 3, 3, border_mode='same', dim_ordering='tf'))
    m.compile('adadelta', loss='mse')
    print(m.fit(x, y, verbose=2).history['val_acc'])
i = Input(shape=(3,))
m = Model(input=i, output=Dense(2)(i))
m.add(Convolution2D(8, 3, 3, dim_ordering='th'))
print(m.output_shape, merge([i, i], mode='concat'), merge([i, i]))
"""
    found = translate_text(source)
    assert (
        found.text
        == """
import pellucid as pel
from keras.layers import *
if True:
    m = pel.Sequential([pel.nn.Input((3,)), pel.nn.Dense(4, activation="relu", kernel_initializer="random_uniform"), \
pel.nn.Dropout(0.5)])
    m.add(pel.nn.Input((5, 3)))
    m.add(pel.nn.LSTM(8, recurrent_activation=lambda x: pel.clip(0.2 * x + 0.5, 0, 1)))
    m.add(pel.nn.Conv2D(8, (3, 3), padding="same"))
    m.compile(pel.optimizers.Adadelta(1.0, epsilon=1e-08), "mse")
    print(m.fit(x, y, batch_size=32, epochs=10, verbose=2).history["val_accuracy"])
i = pel.nn.Input((3,))
m = pel.Model(i, pel.nn.Dense(2)(i))
# not translated: keras.layers.Convolution2D with these arguments. Channels are last
m.add(Convolution2D(8, 3, 3, dim_ordering='th'))
print(m.outputs[0].shape, pel.nn.Concatenate()([i, i]), pel.nn.Add()([i, i]))
"""
    )
    assert found.problems == [(12, "keras.layers.Convolution2D with these arguments. Channels are last")]


LASAGNE = """\
import lasagne, numpy as np, theano, theano.tensor as T
from lasagne.nonlinearities import leaky_rectify, softmax, ScaledTanH
x, y = T.tensor4('x'), T.ivector('y')
net = lasagne.layers.InputLayer((None, 3, 4, 5), x)
net = lasagne.layers.Conv2DLayer(net, 4, (2, 2), nonlinearity=leaky_rectify)
net = lasagne.layers.Pool2DLayer(net, (2, 2), mode='max')
net = lasagne.layers.DenseLayer(lasagne.layers.dropout(net, 0.0), 5, b=None, nonlinearity=ScaledTanH(0.5, 2))
net = lasagne.layers.DenseLayer(net, 3, nonlinearity=softmax)
loss = lasagne.objectives.categorical_crossentropy(lasagne.layers.get_output(net), y).mean()
loss += 1e-4 * lasagne.regularization.regularize_network_params(net, lasagne.regularization.l2)
params = lasagne.layers.get_all_params(net, trainable=True)
train = theano.function([x, y], loss, updates=lasagne.updates.adam(loss, params, 0.1))
images = np.random.RandomState(0).normal(size=(6, 3, 4, 5))
labels = np.arange(6, dtype='int32') % 3
losses = [train(images, labels) for _ in range(25)]
predict = theano.function([x], T.argmax(lasagne.layers.get_output(net, deterministic=True), axis=1))
accuracy = np.mean(predict(images) == labels)
"""


def test_networks_of_lasagne(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pel.config, "floatx", "float32")
    pel.nn.set_random_seed(0)
    found, names = translate_text(LASAGNE), {}
    assert (found.problems, re.search("lasagne|theano", found.text.partition("Theano")[2])) == ([], None)
    exec(found.text, names)
    assert (names["images"].shape, names["losses"][-1] < names["losses"][0] / 2) == ((6, 3, 4, 5), True)
    assert names["accuracy"] == 1
    inputs = (
        "import lasagne\nx = lasagne.layers.InputLayer((None, 4), input_var=y)\nz = lasagne.layers.InputLayer((3, 4))"
    )
    assert translate_text(inputs).text.partition("\n")[2].splitlines() == [
        "x = pel.reshape(y, (-1, *(None, 4)[1:]))",
        "z = pel.nn.Input((3, 4)[1:])",
    ]
    assert (
        "not translated: lasagne.layers.LSTMLayer. pel"
        in translate_text("import lasagne\nlasagne.layers.LSTMLayer(x, 3)").text
    )


def test_functions_that_are_not_called_keep_their_defaults() -> None:
    source = "import theano.tensor as T, tensorflow as tf\nf = map(T.tanh, x)\nf = map(T.fscalar, x)\nf = tf.argmax\n"
    assert translate_text(source).text.splitlines()[3:] == [
        "f = map(pel.tanh, x)",
        "# not translated: theano.tensor.fscalar with these arguments. "
        'Known: theano.tensor.fscalar() is pel.scalar(dtype="float32") today',
        "f = map(T.fscalar, x)",
        "# not translated: tensorflow.argmax with these arguments. "
        "Known: tensorflow.argmax(x) is pel.argmax(x, axis=0) today",
        "f = tf.argmax",
    ]


def test_moved_functions_of_scikit_learn() -> None:
    source = "from sklearn.cross_validation import train_test_split as split\nsplit(x)\n"
    assert translate_text(source).text == source.replace("cross_validation", "model_selection")
    source = "from sklearn.cross_validation import train_test_split, KFold\nKFold(9, 3)\n"
    assert translate_text(source).problems[0][1].startswith("sklearn.cross_validation.KFold. The same name in sklearn")


def test_what_stays_is_listed() -> None:
    source = """\
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 4])
y = tf.nn.softmax(tf.matmul(x, w))
loss = tf.reduce_mean(-tf.reduce_sum(t * tf.log(y), reduction_indices=[1]))
step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
with tf.Session() as sess:
    print 7 / 2, sess.run(y, feed_dict={x: 1})
"""
    found = translate_text(source)
    assert [line for line, _ in found.problems] == [6, 7]
    lines = found.text.splitlines()
    assert lines[:6] == [
        "import pellucid as pel",
        "import tensorflow as tf",
        'x = pel.tensor(shape=[None, 4], dtype="float32")',
        "y = pel.softmax(x @ w)",
        "loss = pel.mean(-pel.sum(t * pel.log(y), axis=[1]))",
        "step = pel.optimizers.SGD(0.5).updates(loss)",
    ]
    assert lines[6].startswith("# not translated: tensorflow.Session. pel.function([x], y) compiles")
    assert lines[8].startswith("    # not translated: session.run.")
    assert lines[9] == "    print(7 // 2, sess.run(y, feed_dict={x: 1}))"


def test_python_2_divisions_of_known_integers() -> None:
    source = """\
n = 7
m = n / 2
rate = 1. / n
for i in range(n / m): print i / 2, x / 2, data.shape[0] / m, len(x)/ 3
k = 3
k = 0.5
k / 2
def f(a, size=3, rate=0.1): return a / size, size / 2, rate / 2
"""
    assert (
        translate_text(source).text
        == """\
n = 7
m = n // 2
rate = 1. / n
for i in range(n // m): print(i // 2, x / 2, data.shape[0] // m, len(x) // 3)
k = 3
k = 0.5
k / 2
def f(a, size=3, rate=0.1): return a / size, size // 2, rate / 2
"""
    )


def test_more_of_python_2() -> None:
    source = """\
import cPickle, theano.tensor as T
i = T.lscalar()
data = cPickle.load(open('x'))
if data: m.add(Dense(3, input_dim=2))
for i in range(3): print data[i * 5:(i + 1) * 5]
from keras.layers import Dense
"""
    assert (
        translate_text(source).text
        == """\
import pellucid as pel
import pickle
i = pel.scalar(dtype="int64")
data = pickle.load(open("x"), encoding="latin1")
if data: m.add(pel.nn.Input((2,))); m.add(pel.nn.Dense(3))
for i in range(3): print(data[i * 5:(i + 1) * 5])
"""
    )


def test_f_strings() -> None:
    found = translate_text("import theano.tensor as T\nprint(f'{T.exp([T.tanh(1)])}', 'a')\n")
    assert found.text.endswith("print(f'{pel.exp([pel.tanh(1)])}', 'a')\n")


def test_imports_in_odd_places() -> None:
    source = "try:\n    import theano\nexcept ImportError: import lasagne\nimport theano.tensor as T; y = T.exp(1)\n"
    assert translate_text(source).text == (
        "try:\n    pass\nexcept ImportError: pass\n"
        'import pellucid as pel\npel.config.floatx = "float64"  # the default of Theano\npass; y = pel.exp(1)\n'
    )
    found: Any = translate_text("x = 1\n")
    assert (found.text, found.translated, found.problems) == ("x = 1\n", 0, [])


def test_comments_in_an_expression_are_kept_above_it() -> None:
    source = """\
import theano
f = theano.function([],  # no "#" here
                    2)   # after
"""
    assert translate_text(source).text.endswith('# no "#" here\nf = pel.function([], 2)   # after\n')
