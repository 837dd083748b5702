"""Callbacks that log to a CSV file or call functions."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from pellucid.graph.errors import UseError, near_miss
from pellucid.run.distributed.process_group import process_id
from pellucid.training.callbacks.base import HOOKS, Callback, Logs


class CSVLogger(Callback):
    """Write the metrics of every epoch as a row of a CSV file.

    The columns are ``epoch``, from 0, and all metrics by name; a metric that an epoch does not have is ``NA``. Every
    row is flushed before the next epoch begins. With several processes, the first writes.

    Parameters
    ----------
    filename : str or Path
        Path of the file.
    separator : str
        Separator of the columns.
    append : bool
        Whether to append to an existing file instead of replacing it.

    Examples
    --------
    >>> from pathlib import Path
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1, kernel_initializer="ones")])
    >>> model.compile(pel.optimizers.SGD(0.0), "mse")
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=2, callbacks=[pel.callbacks.CSVLogger("log.csv")])
    >>> print(Path("log.csv").read_text().strip())
    epoch,loss
    0,0.0
    1,0.0
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append
        self.file: TextIO | None = None
        self.columns: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.close()
        self.columns = None
        if process_id():
            return
        if self.append and self.filename.exists():
            with self.filename.open(newline="", encoding="utf-8") as file:
                header = next(csv.reader(file, delimiter=self.separator), None)
            self.columns = header[1:] if header else None
        self.file = self.filename.open("a" if self.append else "w", newline="", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.file is None:
            return
        writer = csv.writer(self.file, delimiter=self.separator, lineterminator="\n")
        values = dict(logs or {})
        if self.columns is None:
            self.columns = list(dict.fromkeys([*values, *self.params["metrics"]]))
            writer.writerow(["epoch", *self.columns])
        writer.writerow([epoch, *(format_csv_value(values.get(name)) for name in self.columns)])
        self.file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file if it is open."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def __del__(self) -> None:
        if getattr(self, "file", None) is not None:
            self.close()


def format_csv_value(value: Any) -> Any:
    if value is None:
        return "NA"
    return value if not np.ndim(value) else f"[{', '.join(map(str, np.ravel(value)))}]"


class LambdaCallback(Callback):
    """Call functions at hooks, without a class.

    Parameters
    ----------
    on_train_begin, on_train_end : function, optional
        ``f(logs)``.
    on_epoch_begin, on_epoch_end : function, optional
        ``f(epoch, logs)``.
    on_train_batch_begin, on_train_batch_end : function, optional
        ``f(batch, logs)``.
    other_hooks : function
        Any other hook of `Callback`, by name.

    Raises
    ------
    UseError
        For an unknown hook, or a value that is not a function.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> callback = pel.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, list(logs)))
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), callbacks=[callback])
    0 ['loss']
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **other_hooks: Callable[..., Any],
    ) -> None:
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **other_hooks,
        }
        for name, function in hooks.items():
            if name not in HOOKS:
                raise UseError(f"LambdaCallback: there is no hook {name!r}.{near_miss(name, HOOKS)}")
            if function is None:
                continue
            if not callable(function):
                raise UseError(f"LambdaCallback: expected {name} to be a function. Received: {function!r}")
            setattr(self, name, function)
