#!/usr/bin/env python3
"""Check an installation of pellucid: its files, every level, and the messages about missing extras.

Run it with the Python of the environment to check, in a folder without pellucid's source:

    python check_install core      only the dependencies are installed
    python check_install train     with the extra train
"""

import importlib.util
import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.optimizers import SGD

EXTRA = ("matplotlib", "sklearn", "PIL", "threadpoolctl")


def check_package() -> None:
    root = Path(pel.__file__).parent
    assert "site-packages" in root.parts, f"{root} is not an installation"
    assert (root / "py.typed").is_file()
    assert (root / "__init__.pyi").is_file()
    assert version("pellucid") == pel.__version__
    tops = {path.parts[0] for path in distribution("pellucid").files or () if not path.is_absolute()}
    assert tops <= {"pellucid", f"pellucid-{pel.__version__}.dist-info", "..", "__pycache__"}, tops


def check_levels() -> None:
    X, y = pel.data.moons(dtype="float64")
    _, losses = pel.byhand.moons.train(X, y, hidden=3, epochs=101)
    assert losses[-1] < losses[1]

    x, W = pel.vector("x"), pel.shared([0.2, 0.7], name="W")
    assert abs(pel.function([x], (x * W).sum())([1.0, 1.0]) - 0.9) < 1e-6
    assert str(pel.grad((x * W).sum(), W)) == "x"
    assert pel.latex(x * W)

    X, y = pel.data.moons()
    x, t = pel.matrix("x", shape=("n", 2)), pel.ivector("t", shape=("n",))
    p = nn.Dense(2, activation="softmax")(nn.Dense(8, activation="tanh")(x))
    loss = nn.losses.sparse_categorical_crossentropy(t, p).mean()
    step = pel.function([x, t], loss, updates=SGD(0.5).updates(loss))
    history = step.repeat(300, X, y)
    assert history[-1] < history[0] / 2

    model = pel.Sequential([nn.Input((2,)), nn.Dense(8, activation="tanh"), nn.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, y, epochs=3, verbose=0)
    model.save("model.pel")
    assert np.array_equal(pel.load_model("model.pel").predict(X), model.predict(X))


def check_missing_packages() -> None:
    """Without extras, each feature that needs one says so."""
    for use in (lambda: pel.data.blobs(), lambda: pel.Classifier(), lambda: pel.show.draw_graph(pel.vector("x") * 2)):
        try:
            use()
        except pel.MissingPackageError as error:
            assert "pip install 'pellucid[train]'" in str(error)
        else:
            raise AssertionError("expected MissingPackageError")


def check_commands(*, with_extra: bool) -> None:
    for arguments in (["--version"], ["reference", "softmax"], ["run", "--help"]):
        subprocess.run([sys.executable, "-m", "pellucid", *arguments], check=True, stdout=subprocess.DEVNULL)
    if with_extra:
        subprocess.run([sys.executable, "-m", "pellucid", "run", "logistic", "--out", "run"], check=True)


def main() -> None:
    with_extra = sys.argv[1] == "train"
    assert all((importlib.util.find_spec(name) is not None) == with_extra for name in EXTRA)
    check_package()
    check_levels()
    if not with_extra:
        check_missing_packages()
    check_commands(with_extra=with_extra)
    print(f"pellucid {pel.__version__} works in {sys.prefix} ({sys.argv[1]})")


if __name__ == "__main__":
    main()
