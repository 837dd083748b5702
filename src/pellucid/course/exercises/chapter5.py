"""Exercises on overfitting: the penalty, its effect on a step, the squared error, and the choice of a strength."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise
from pellucid.course.exercises.strength_choice import check_strength_choice

INPUTS, HIDDEN, CLASSES = 2, 4, 3

STUB = '''\
def choose_strength(strengths, splits, fit):
    """Return the best strength for points that training did not use.

    Each split has X_train and y_train, X_validation and y_validation,
    X_test and y_test. fit(X, y, strength) trains a model, and
    model.loss(X, y) is its loss on points.
    """
'''


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    W1 = pel.matrix("W1", shape=(INPUTS, HIDDEN), dtype="float64")
    W2 = pel.matrix("W2", shape=(HIDDEN, CLASSES), dtype="float64")
    b1 = pel.vector("b1", shape=(HIDDEN,), dtype="float64")
    b2 = pel.vector("b2", shape=(CLASSES,), dtype="float64")
    dW1 = pel.matrix("dW1", shape=(INPUTS, HIDDEN), dtype="float64")
    lam, rate = pel.scalar("lam", dtype="float64"), pel.scalar("rate", dtype="float64")
    estimates, truth = pel.vector("estimates", shape=(7,), dtype="float64"), pel.scalar("truth", dtype="float64")
    return [
        Exercise(
            name="penalty",
            quantity="penalty",
            question="Write the L2 penalty of a network with the weights `W1`, `W2` and the biases `b1`, `b2`. Its "
            "strength is `lam`.",
            reference=lam / 2 * ((W1**2).sum() + (W2**2).sum()),
            given={"W1": W1, "b1": b1, "W2": W2, "b2": b2, "lam": lam},
            solution="lam / 2 * (sum(W1**2) + sum(W2**2))",
            why="Only the weights are penalized. The factor 1/2 makes the gradient `lam * W`.",
        ),
        Exercise(
            name="step",
            quantity="new W1",
            question="`dW1` is the gradient of the cross-entropy alone. Write the new value of `W1` after one step of "
            "gradient descent on cross-entropy plus penalty.",
            reference=W1 - rate * (dW1 + lam * W1),
            given={"W1": W1, "dW1": dW1, "rate": rate, "lam": lam},
            solution="W1 - rate * (dW1 + lam * W1)",
            why="This is `(1 - rate * lam) * W1 - rate * dW1`: each step first shrinks the weights by the same factor.",
        ),
        Exercise(
            name="bias2",
            quantity="squared bias",
            question="`estimates` holds the outputs of seven networks at one point, each trained on other data. "
            "`truth` is the true value. Write the squared bias.",
            reference=(estimates.mean() - truth) ** 2,
            given={"estimates": estimates, "truth": truth},
            solution="(mean(estimates) - truth)**2",
            why="The bias is the error of the *average* network. `mean((estimates - truth)**2)` would be the whole "
            "error, bias and variance together.",
        ),
        CodeExercise(
            name="choose_strength",
            question="Write `choose_strength(strengths, splits, fit)`. It returns the strength with the lowest mean "
            "loss on points that training did not use.",
            checker=check_strength_choice,
            stub=STUB + "    return ...\n",
            solution=STUB
            + """\
    def mean_loss(strength):
        losses = []
        for split in splits:
            model = fit(split.X_train, split.y_train, strength)
            losses.append(model.loss(split.X_validation, split.y_validation))
        return sum(losses) / len(losses)

    return min(strengths, key=mean_loss)
""",
            why="The validation points of one split are few, and favor a strength by chance. The mean over splits is "
            "more reliable, and the test labels stay unread until the end.",
        ),
    ]
