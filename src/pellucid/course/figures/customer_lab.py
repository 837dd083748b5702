"""The lab on the table of chapter 9: a network of two features learns which customers cancel."""

from __future__ import annotations

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.course.exercise_data import draw_customers
from pellucid.live import Figure

__all__ = ["customer_lab"]

FEATURES = ("years", "calls")


def customer_lab() -> Figure:
    """Live lab of the table of chapter 9, with an untrained network.

    The chapter makes the same lab with the learner's model and file, so the package ships its module.

    Returns
    -------
    Figure
        A figure with controls for noise, split, mini-batches, learning rate and weight decay.

    Examples
    --------
    >>> pel.course.figures.customer_lab().title
    'Customers who cancel'
    """
    customers = draw_customers()
    X = np.stack([customers[name] for name in FEATURES], axis=1)
    initializer = nn.initializers.GlorotUniform(seed=0)
    model = pel.Sequential(
        [
            nn.Input((2,)),
            nn.Dense(4, "tanh", kernel_initializer=initializer),
            nn.Dense(2, "softmax", kernel_initializer=initializer),
        ]
    )
    lab: Figure = pel.lab(model, (X, customers["cancelled"].astype(int)), title="Customers who cancel")
    return lab
