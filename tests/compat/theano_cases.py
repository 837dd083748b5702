"""Expressions and programs in Theano's spelling, and the script that records what Theano 1.0.5 computes for them.

``python -m pip install numpy==1.23.5 "scipy<1.11" Theano==1.0.5`` in an environment of its own, with Python 3.11 and the
development version of Lasagne, and then ``THEANO_FLAGS=cxx=,blas.ldflags= python tests/compat/theano_cases.py`` writes
``theano_results.json``. Lists that index arrays in Theano's `pool.py` must be tuples for NumPy 1.23.
"""

import json
import runpy
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "theano_results.json"
PROGRAMS = [
    "theano_two_moons",
    "theano_logistic_regression",
    "theano_perceptron",
    "theano_loops",
    "theano_images",
    "lasagne_images",
]

DTYPES = """
b + 1|b + 200|w * 2|i + 0.5|i * 0.1|l / l|i / i|b / b|f / b|f + 1.5|f + d|f * 0.1|i // 2|b % 2|i ** 2|2 ** i|i ** 0.5|-b
abs(b)|f > 0|T.eq(f, d)|T.exp(b)|T.exp(i)|T.sqrt(w)|T.tanh(f)|T.sqr(i)|T.sgn(b)|T.floor(f)|T.round(f)|T.mean(b)|T.mean(f)
T.mean(f > 0)|T.sum(b)|T.sum(i)|T.sum(f)|T.sum(f > 0)|T.prod(w)|T.max(b)|T.argmax(f)|T.std(i)|T.var(f)|T.cumsum(i)
T.arange(5)|T.arange(i[0])|T.arange(0, 1, 0.25)|T.zeros((2,))|T.eye(3)|T.zeros_like(i)|T.ones_like(f)|T.switch(f > 0, 1, 0)
T.switch(f > 0, f, 0)|T.maximum(f, b)|T.clip(f, 0, 1)|T.cast(f, 'int32')|T.nnet.sigmoid(i)|T.nnet.relu(f)|T.nnet.softplus(f)
T.concatenate([f, d])|T.stack([i[0], b[0]])|T.dot(f, f)|T.dot(f, d)|T.constant(2.5)|T.constant(0.1)|T.constant(3)
T.constant(70000)|T.constant([1, 2])|T.as_tensor_variable(np.float32(3))|T.alloc(0., 3)|T.alloc(np.float64(0), 2, 2)
T.set_subtensor(T.alloc(0., 3)[1:], d[:2])|T.nnet.softmax(f)|T.grad(f.sum(), f)|(f > 0) + 1
T.and_(f > 0, d > 0)|T.invert(f > 0)|T.bincount(l)|T.extra_ops.to_one_hot(l, 4)|f.norm(2)|d.norm(1)|T.outer(f, f)
"""
"""Expressions of vectors, of which the dtype counts too: b, w, i, l are integers, f and d floating-point numbers."""

VALUES = """
x + v|x - v.dimshuffle('x', 0)|x * col|x / (1 + x ** 2)|x.T|x[1]|x[:, 1:3]|x[::-1, ::2]|x[-1]|x[[0, 2]]|x[i, i]|x[i]
x[:, i]|x[x > 0]|x[(x > 0).nonzero()]|x[i[0]:, :n]|x[n:]|x[:-n]|x[n:n + 2]|x.sum()|x.sum(axis=0)|x.sum(axis=[0, 1])
x.mean(axis=1, keepdims=True)|x.max(axis=-1)|x.argmax(axis=1)|T.argmax(x)|T.max_and_argmax(x, axis=1)|x.var(axis=0)
x.std()|x.prod(axis=1)|x.cumsum(axis=1)|T.all(x > -9)|T.any(x > 1, axis=0)|x.norm(2, axis=1)|x.norm(1)|x.clip(-0.5, 0.5)
x.flatten()|x.reshape((4, 3))|x.reshape((2, -1))|x.reshape((x.shape[1], x.shape[0]))|t.flatten(2)|t.flatten(3)
t.dimshuffle(1, 0, 3, 2)|x.dimshuffle(0, 'x', 1)|x.dimshuffle('x', 1, 'x', 0)|T.shape_padleft(x, 2)|T.shape_padright(x)
T.shape_padaxis(x, 1)|T.addbroadcast(col, 1)|T.concatenate([x, x], axis=1)|T.join(0, x, x)|T.stack([v, v], axis=1)
T.stack(v, v)|T.stacklists([[s, s], [s, 1]])|T.tile(v, 3)|T.tile(x, (2, 1))|T.repeat(v, 2)|T.repeat(x, n, axis=1)
T.roll(v, 1)|T.roll(x, n, axis=1)|T.diag(v)|T.diag(T.dot(x, x.T))|T.tril(x)|T.triu(x, 1)|T.eye(n, n + 1, 1)|T.tri(3)
T.arange(n)|T.arange(x.shape[0])|T.arange(n, 2 * n + 1, 2)|T.zeros((n, x.shape[1]))|T.ones_like(x) * 2|T.fill(x, s)
T.alloc(s, 2, n)|T.identity_like(T.dot(x, x.T))|T.dot(x, v)|T.dot(v, v)|T.dot(x, x.T)|T.tensordot(t, t, axes=[[0, 1], [0, 1]])
T.batched_dot(t[0], t[1].dimshuffle(0, 2, 1))|T.batched_dot(x, x)|T.outer(v, v)|T.sort(v)|T.argsort(x, axis=1)
T.extra_ops.diff(v)|T.extra_ops.unique(T.cast(v > 0, 'int32'))|T.nonzero(x > 0)|T.flatnonzero(x > 0)|T.switch(x > 0, x, -x)
T.maximum(x, 0)|T.minimum(x, v)|T.sqrt(abs(x))|T.log1p(x ** 2)|T.erf(x)|T.gammaln(x ** 2 + 1)|T.psi(x ** 2 + 1)
T.arctan2(x, v)|T.sinh(x)|T.arcsin(T.tanh(x))|T.inv(x + 3)|T.round(x * 3)|T.round(x * 2, 'half_away_from_zero')|T.trunc(x * 3)
T.ceil(x)|T.iround(x * 3)|T.mod(x, 0.3)|x % 1|x // 0.5|T.sgn(x)|T.isnan(x / 0 * 0)|T.choose(i % 2, [v[:2], -v[:2]])
T.set_subtensor(x[1], v)|T.set_subtensor(x[:, n:], 0)|T.inc_subtensor(x[i], 1)|T.inc_subtensor(x[i, i], 2)
T.set_subtensor(x[n:, :n], 5)|T.prod(x.shape)|x.shape|x.shape[0] * 2 + n|x.size|T.nlinalg.det(T.dot(x, x.T))
T.nlinalg.matrix_inverse(T.dot(x, x.T))|T.nlinalg.trace(x)|T.slinalg.cholesky(T.dot(x, x.T) + T.eye(3))|T.nlinalg.matrix_dot(x, x.T, x)
T.nnet.softmax(x)|T.nnet.logsoftmax(x)|T.nnet.sigmoid(x)|T.nnet.hard_sigmoid(x)|T.nnet.softplus(x)|T.nnet.relu(x, 0.1)
T.nnet.elu(x)|T.nnet.selu(x)|T.nnet.binary_crossentropy(T.nnet.sigmoid(x), x > 0)|T.nnet.categorical_crossentropy(T.nnet.softmax(x), i3)
T.nnet.categorical_crossentropy(T.nnet.softmax(x), T.nnet.softmax(-x))|T.nnet.ultra_fast_sigmoid(x * 4)
T.grad(x.sum(), x)|T.grad((x ** 3).sum(), x)|T.grad(T.nnet.categorical_crossentropy(T.nnet.softmax(x), i3).mean(), x)
T.grad(T.sum(x.max(axis=1)), x)|T.grad(T.sum(x[i] ** 2), x)|T.jacobian(T.tanh(v), v)|T.hessian(T.sum(v ** 3), v)
T.Rop(T.tanh(v), v, v)|T.Lop(T.tanh(v), v, v)|theano.gradient.grad_clip(x, -1, 1)|theano.gradient.disconnected_grad(x) * x
T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2))|T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2), border_mode='full')|T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2), border_mode='half')|T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2), border_mode=(1, 2))
T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2), subsample=(2, 2))|T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2), filter_flip=False)|T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2), filter_dilation=(2, 1))
T.grad(T.nnet.conv2d(t, k, filter_shape=(2, 3, 3, 2)).sum(), k)|T.signal.pool.pool_2d(t, (2, 2), ignore_border=True)|T.signal.pool.pool_2d(t, (2, 2), ignore_border=False)
T.signal.pool.pool_2d(t, (3, 2), ignore_border=False, stride=(1, 1))|T.signal.pool.pool_2d(t, (2, 3), ignore_border=False, mode='average_exc_pad')
T.signal.pool.pool_2d(t, (2, 2), ignore_border=True, pad=(1, 1))|T.signal.pool.pool_2d(t, (3, 3), ignore_border=True, stride=(2, 2), mode='sum')
T.signal.pool.pool_2d(t, (2, 2), ignore_border=True, pad=(1, 1), mode='average_inc_pad')|T.signal.pool.pool_2d(t, (2, 2), ignore_border=True, pad=(1, 0), mode='average_exc_pad')
T.nnet.bn.batch_normalization_test(x, v, v, v, v ** 2)|T.nnet.bn.batch_normalization_train(x, v, v)
T.nnet.neighbours.images2neibs(t, (2, 2), mode='ignore_borders')|theano.ifelse.ifelse(s > 0, x, -x)|theano.clone(x + v, {v: 2 * v})
theano.scan(lambda a, h: 0.5 * h + a, x, T.zeros_like(v))[0]|theano.scan(lambda h: h * 2, outputs_info=v, n_steps=n)[0]
theano.scan(lambda a, b: a + b, [v, T.arange(100)])[0]|theano.scan(lambda a, b: a * b, dict(input=v, taps=[0, 1]))[0]
theano.scan(lambda a, b: a + b, outputs_info=dict(initial=v[:2], taps=[-2, -1]), n_steps=4)[0]
theano.scan(lambda a, h: h + a, v, T.zeros_like(s), go_backwards=True)[0]|theano.reduce(lambda a, h: h + a, v, T.zeros_like(s))[0]
theano.map(lambda a: a ** 2, x)[0]|theano.foldr(lambda a, h: h / 2 + a, v, T.zeros_like(s))[0]|T.mgrid[0:2, 0:3][1]
T.grad(theano.scan(lambda a, h: T.tanh(h + a), x, T.zeros_like(v))[0].sum(), x)
theano.scan(lambda h: (h * 2, theano.scan_module.until(h > 5)), outputs_info=T.ones_like(s), n_steps=20)[0]
"""
"""Expressions of a matrix x of 3 rows and 4 columns, a vector v, a column, a 4D tensor t, a kernel k, indices and a number."""


def list_cases():
    """Return the expressions of both lists."""
    return [case for text in (DTYPES, VALUES) for line in text.strip().splitlines() for case in line.split("|")]


def make_values():
    """Return the values of the variables by name."""
    rng = np.random.RandomState(7)
    x = np.round(rng.normal(size=(3, 4)), 3)
    return {
        "b": np.array([1, 2, 3], "int8"),
        "w": np.array([4, 5, 6], "int16"),
        "i": np.array([1, 2], "int32"),
        "i3": np.array([1, 0, 3], "int32"),
        "l": np.array([0, 2, 2], "int64"),
        "f": np.array([0.5, -1.25, 2.0], "float32"),
        "d": np.array([1.5, -0.25, 3.0]),
        "n": np.int32(2),
        "s": np.float64(0.75),
        "x": x,
        "v": x[1] * 0.9,
        "col": x[:, :1],
        "t": np.round(rng.normal(size=(2, 3, 5, 4)), 3),
        "k": np.round(rng.normal(size=(2, 3, 3, 2)), 3),
    }


def compute_case(theano, case):
    """Return the values and dtypes of an expression, evaluated as Theano's documentation does it."""
    T, values = theano.tensor, make_values()
    kinds = {0: (), 1: (False,), 2: (False, False), 4: (False,) * 4}
    variables = {
        name: T.TensorType(str(v.dtype), (False, True) if name == "col" else kinds[v.ndim])(name)
        for name, v in values.items()
    }
    found = eval(case, {"theano": theano, "T": T, "np": np, **variables})
    outputs = list(found) if isinstance(found, list | tuple) else [found]
    f = theano.function(list(variables.values()), outputs, on_unused_input="ignore", mode="FAST_COMPILE")
    return [[str(r.dtype), np.asarray(r).tolist()] for r in f(*values.values())]


def run_program(name):
    """Return the numbers that a program leaves in ``results``."""
    found = runpy.run_path(str(HERE / "programs" / f"{name}.py"))["results"]
    return {key: np.asarray(value, dtype=float).tolist() for key, value in found.items()}


def record():
    """Write what the installed Theano computes."""
    import theano
    import theano.tensor.shared_randomstreams
    from scipy.signal import _signaltools
    from theano.tensor.nnet import conv

    conv._valfrommode, conv._bvalfromboundary = _signaltools._valfrommode, _signaltools._bvalfromboundary
    conv._convolve2d, conv.imported_scipy_signal = _signaltools._sigtools._convolve2d, True  # moved in SciPy 1.8
    found = {"version": theano.__version__, "cases": {}, "programs": {}}
    for case in list_cases():
        try:
            found["cases"][case] = compute_case(theano, case)
        except Exception as error:
            print(case, type(error).__name__, str(error)[:200], file=sys.stderr)
    for name in PROGRAMS:
        found["programs"][name] = run_program(name)
    lines = [f"{json.dumps(case)}: {json.dumps(result)}" for case, result in found["cases"].items()]
    programs = [f"{json.dumps(name)}: {json.dumps(result)}" for name, result in found["programs"].items()]
    cases, rest = ",\n".join(lines), ",\n".join(programs)
    RESULTS.write_text(f'{{"version": "{found["version"]}", "cases": {{\n{cases}\n}}, "programs": {{\n{rest}\n}}}}\n')


if __name__ == "__main__":
    record()
