"""Level 0: the networks of the course in plain NumPy, with backpropagation written out to be read.

- `pellucid.byhand.moons`: the 2-3-2 network that tells two moons apart, by full-batch gradient descent.
- `pellucid.byhand.logistic`: one straight line between two classes, by Newton's method.
- `pellucid.byhand.adder`: the 2-16-1 recurrent network that learns to add, by backpropagation through time.

Nothing here knows the rest of pellucid: each line is a formula, and stands beside it.
"""

from pellucid.byhand import adder, logistic, moons

__all__ = ["adder", "logistic", "moons"]
