"""What layers are called that nobody named: their kind and a number."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

from pellucid.nn.registry import snake_case

_counters: dict[str, Iterator[int]] = defaultdict(itertools.count)


def automatic_name(kind: str) -> str:
    """Return the next name of a kind of layer in this process: ``dense``, ``dense_1``, and so on.

    Examples
    --------
    >>> automatic_name("MyLayer2D"), automatic_name("MyLayer2D")
    ('my_layer2d', 'my_layer2d_1')
    """
    snake = snake_case(kind)
    number = next(_counters[snake])
    return f"{snake}_{number}" if number else snake
