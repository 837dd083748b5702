"""Recurrent networks and other loops with theano.scan."""

import numpy as np
import theano
import theano.tensor as T

rng = np.random.RandomState(2)
results = {}

# A power, a polynomial, a counter, and a loop that stops.
k = T.iscalar("k")
A = T.vector("A")
power, updates = theano.scan(
    fn=lambda prior_result, A: prior_result * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k
)
results["power"] = theano.function(inputs=[A, k], outputs=power[-1], updates=updates)(range(10), 2)

coefficients = T.vector("coefficients")
x = T.scalar("x")
components, updates = theano.scan(
    fn=lambda coefficient, power, free_variable: coefficient * (free_variable**power),
    outputs_info=None,
    sequences=[coefficients, T.arange(1000)],
    non_sequences=x,
)
results["polynomial"] = theano.function([coefficients, x], components.sum())(np.asarray([1, 0, 2.0]), 3)

a = theano.shared(1)
values, updates = theano.scan(lambda: {a: a + 1}, n_steps=10)
theano.function([], a + 0, updates=updates)()
results["counter"] = a.get_value()

bound = T.scalar("bound")
powers, _ = theano.scan(
    lambda previous, bound: (previous * 2, theano.scan_module.until(previous * 2 > bound)),
    outputs_info=T.constant(1.0),
    non_sequences=bound,
    n_steps=1024,
)
results["until"] = theano.function([bound], powers)(45)

# A recurrent network that adds marked numbers, trained by backpropagation through time.
n_hidden, n_steps, n_samples = 8, 6, 64
numbers = rng.uniform(size=(n_steps, n_samples))
marks = np.zeros((n_steps, n_samples))
for sample in range(n_samples):
    marks[rng.permutation(n_steps)[:2], sample] = 1
u_values = np.stack([numbers, marks], axis=2)
t_values = (numbers * marks).sum(axis=0)

u = T.tensor3("u")
t = T.vector("t")
h0 = theano.shared(np.zeros((n_samples, n_hidden)), name="h0")
W = theano.shared(rng.normal(size=(n_hidden, n_hidden)) * 0.3, name="W")
W_in = theano.shared(rng.normal(size=(2, n_hidden)) * 0.3, name="W_in")
W_out = theano.shared(rng.normal(size=(n_hidden, 1)) * 0.3, name="W_out")


def step(u_t, h_tm1, W, W_in, W_out):
    h_t = T.tanh(T.dot(u_t, W_in) + T.dot(h_tm1, W))
    y_t = T.dot(h_t, W_out)
    return h_t, y_t


[h, y], _ = theano.scan(step, sequences=u, outputs_info=[h0, None], non_sequences=[W, W_in, W_out])
error = ((y[-1][:, 0] - t) ** 2).mean()
params = [W, W_in, W_out]
grads = T.grad(error, params)
norm = T.sqrt(sum((g**2).sum() for g in grads))
scale = T.switch(norm > 1.0, 1.0 / norm, 1.0)
train = theano.function([u, t], [error, norm], updates=[(p, p - 0.2 * scale * g) for p, g in zip(params, grads)])
history = [train(u_values, t_values) for _ in range(60)]
results["errors"] = [e for e, _ in history]
results["norms"] = [n for _, n in history]

# Several taps of a sequence and of a state.
s = T.vector("s")
echo, _ = theano.scan(
    lambda s_tm2, s_t, y_tm3, y_tm1: 0.5 * y_tm1 + 0.25 * y_tm3 + s_t - s_tm2,
    sequences=dict(input=s, taps=[-2, 0]),
    outputs_info=dict(initial=T.zeros((3,)), taps=[-3, -1]),
)
results["echo"] = theano.function([s], echo)(np.arange(8.0))
