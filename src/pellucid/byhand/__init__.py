"""Level 0: the networks of the course in plain NumPy, with backpropagation written out.

- `pellucid.byhand.moons`: a 2-3-2 network that separates two moons, trained by full-batch gradient descent.
- `pellucid.byhand.logistic`: logistic regression, trained by Newton's method.
- `pellucid.byhand.convolution`: a convolutional network that classifies digits, trained by mini-batch gradient descent.
- `pellucid.byhand.adder`: a 2-16-1 recurrent network that learns to add, trained by backpropagation through time.

This package imports nothing else of pellucid. Each line of code is one formula, written next to it.
"""

from pellucid.byhand import adder, convolution, logistic, moons

__all__ = ["adder", "convolution", "logistic", "moons"]
