"""Tests of hints for names of other libraries: every replacement exists and works, and every lookup gives its hint."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph import foreign_names as names
from pellucid.graph.operators import FUNCTIONS

TABLES = {
    "functions": names.FOREIGN_FUNCTIONS,
    "methods": names.FOREIGN_METHODS,
    "shared": names.FOREIGN_SHARED_METHODS,
    "models": names.FOREIGN_MODEL_METHODS,
    "optimizers": names.FOREIGN_OPTIMIZER_METHODS,
}
NAMED = {"initializer": nn.initializers, "loss": nn.losses, "optimizer": nn.optimizers, "metric": nn.metrics}


class Batches:
    """Iterable of one batch."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __iter__(self) -> Any:
        return iter([self.batch])


@pytest.fixture(scope="module")
def scope() -> dict[str, Any]:
    """Return what the code in the tables mentions."""
    w = pel.shared(np.float32(3), "w")
    x_train, t_train = np.zeros((4, 3), "float32"), np.zeros((4, 2), "float32")
    inputs = nn.Input((3,))
    layer = nn.Dense(2)
    layer(inputs)
    model = pel.Model(inputs, nn.Dense(2)(inputs))
    model.compile("sgd", "mse")
    square = pel.matrix("square", shape=(3, 3))
    return {
        "np": np,
        "pel": pel,
        "nn": nn,
        "w": w,
        "value": 2.0,
        "loss": w**2,
        "labels": pel.ivector("labels", (3,)),
        "x": pel.matrix("x", (3, 3)),
        "y": pel.matrix("y", (3, 3)),
        "v": pel.vector("v", (3,)),
        "i": pel.imatrix("i", ("n", 2)),
        "square": square,
        "images": pel.tensor4("images", ("n", 8, 8, 3)),
        "kernel": pel.shared(np.zeros((3, 3, 3, 8))),
        "table": pel.shared(np.zeros((5, 2))),
        "y_train": np.array([0, 2]),
        "optimizer": pel.optimizers.SGD(0.1),
        "inputs": inputs,
        "outputs": layer(inputs),
        "layer": layer,
        "model": model,
        "x_train": x_train,
        "t_train": t_train,
        "batches": Batches((x_train, t_train)),
        "x_batches": Batches(x_train),
    }


@pytest.mark.parametrize("table", TABLES)
def test_advice_works(table: str, scope: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("fit", "evaluate", "train_on_batch"):  # compiling them takes seconds; they are tested elsewhere
        signature = inspect.signature(getattr(pel.Model, method))
        monkeypatch.setattr(pel.Model, method, lambda *args, bind=signature.bind: bind(*args))
    for advice in sorted(set(TABLES[table].values())):
        exec(advice.code, dict(scope))
        for dotted in re.findall(r"\b((?:pel|nn|np)(?:\.[A-Za-z_]\w*)+)", advice.note):
            assert_exists(dotted)
        assert advice.code or advice.note
        assert str(advice).endswith(".")


def assert_exists(dotted: str) -> None:
    found: Any = {"pel": pel, "nn": nn, "np": np}[dotted.split(".")[0]]
    for part in dotted.split(".")[1:]:
        found = getattr(found, part)


def test_no_name_of_the_tables_exists() -> None:
    assert not [n for n in names.FOREIGN_FUNCTIONS if n in FUNCTIONS and n not in ("random_normal", "random_uniform")]
    assert not [n for n in names.FOREIGN_METHODS if hasattr(pel.Input, n)]
    assert not [n for n in names.FOREIGN_SHARED_METHODS if hasattr(pel.Shared, n)]
    assert not [n for n in names.FOREIGN_MODEL_METHODS if hasattr(pel.Sequential, n)]
    assert not [n for n in names.FOREIGN_OPTIMIZER_METHODS if hasattr(pel.optimizers.SGD, n)]


@pytest.mark.parametrize("module", [pel, nn, pel.optimizers, pel.losses, pel.schedules, nn.activations, nn.metrics])
def test_modules_give_the_advice(module: Any) -> None:
    for name, advice in names.FOREIGN_FUNCTIONS.items():
        if not hasattr(type(module), name) and name not in vars(module) and name not in FUNCTIONS:
            with pytest.raises(AttributeError) as caught:
                getattr(module, name)
            assert str(advice) in str(caught.value) or "It is pel." in str(caught.value), name


def test_expressions_and_objects_give_the_advice() -> None:
    x, w, optimizer = pel.matrix("x"), pel.shared(1.0, "w"), pel.optimizers.Adam()
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    for thing, table in (
        (x, names.FOREIGN_METHODS),
        (w, names.FOREIGN_METHODS | names.FOREIGN_SHARED_METHODS),
        (optimizer, names.FOREIGN_OPTIMIZER_METHODS),
        (model, names.FOREIGN_MODEL_METHODS),
    ):
        for name, advice in table.items():
            if hasattr(type(thing), name):
                continue
            with pytest.raises(pel.NoSuchNameError) as caught:
                getattr(thing, name)
            assert str(advice) in str(caught.value), name


def test_layers_get_only_advice_that_fits_them() -> None:
    layer = nn.Dense(2, name="mine")
    with pytest.raises(pel.NoSuchNameError, match=r"mine \(Dense\) has no 'weight'\. Write layer\.kernel\."):
        print(layer.weight)
    with pytest.raises(pel.NoSuchNameError, match=r"has no 'fit_generator'\.\n"):
        print(layer.fit_generator)
    with pytest.raises(pel.NoSuchNameError, match=r"has no 'unit'\. Did you mean 'units'\?"):
        print(layer.unit)
    assert not hasattr(layer, "nothing_of_the_kind")


def test_an_error_inside_a_property_keeps_its_message() -> None:
    class Broken(nn.Layer):
        @property
        def width(self):
            return [].nothing

    with pytest.raises(AttributeError, match="'list' object has no attribute 'nothing'"):
        print(Broken().width)


SIGNATURES = [
    *(
        getattr(nn, name)
        for name in nn.__all__
        if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Layer)
    ),
    *(c for c in vars(pel.optimizers).values() if inspect.isclass(c) and issubclass(c, pel.optimizers.Optimizer)),
    *(pel.Model.fit, pel.Model.compile, pel.Model.evaluate, pel.Model.predict, pel.function, pel.shared, pel.grad),
    *(FUNCTIONS["sum"], FUNCTIONS["sort"]),
]


def list_arguments(function: Any) -> set[str]:
    options = (
        set(nn.optimizers.options.DEFAULTS) if inspect.isclass(function) and hasattr(function, "apply_") else set()
    )
    return set(inspect.signature(function).parameters) | options


def test_renamed_arguments_exist() -> None:
    known = set().union(*map(list_arguments, SIGNATURES), nn.optimizers.options.DEFAULTS)
    for name, ours in names.RENAMED_ARGUMENTS.items():
        assert set(ours) & known, name
        assert set(ours) <= known | {"negative_slope"}, name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Dense(output_dim=3), "Dense takes no argument 'output_dim'. Use units instead."),
        (lambda: nn.Dense(3, init="uniform"), "Use kernel_initializer instead."),
        (lambda: nn.Embedding(3, 2, init="uniform"), "Use embeddings_initializer instead."),
        (lambda: nn.Conv2D(8, 3, border_mode="same"), "Use padding instead."),
        (lambda: nn.Conv2D(8, 3, subsample=2), "Use strides instead."),
        (lambda: nn.Conv2D(nb_filter=8, kernel_size=3), "Use filters instead."),
        (lambda: nn.Dropout(p=0.5), "Use rate instead."),
        (lambda: nn.Dense(in_features=3, units=2), "The number of inputs is known at the first call."),
        (lambda: pel.optimizers.SGD(lr=0.1), "SGD takes no argument 'lr'. Use learning_rate instead."),
        (lambda: pel.optimizers.Adam(momentum=0.9), "Use beta_1 instead."),
        (lambda: pel.optimizers.SGD(0.1, decay=1e-4), "The learning rate may be a schedule"),
        (
            lambda: pel.shared(1.0, borrow=True),
            "shared takes no argument 'borrow'. A shared variable copies its value.",
        ),
        (lambda: pel.function([], pel.constant(1.0), allow_input_downcast=True), "Inputs are cast to the dtype"),
        (lambda: pel.function([], pel.constant(1.0))(feed_dict={}), "Call the function with its inputs: f(x_value)"),
        (lambda: pel.softmax(pel.matrix("x"), dim=1), "softmax takes no argument named 'dim'. Use axis instead."),
        (lambda: pel.Sequential().fit(None, nb_epoch=3), "Model.fit takes no argument 'nb_epoch'. Use epochs instead."),
        (lambda: pel.Sequential().fit(None, validation_spilt=0.1), "Did you mean 'validation_split'?"),
        (lambda: pel.Sequential().compile("sgd", "mse", metric=["mae"]), "Use metrics instead."),
        (lambda: pel.Sequential().compile("sgd", "mse", class_mode="binary"), "The loss decides"),
        (lambda: pel.optimizers.SGD([pel.shared(1.0)]), "Parameters are found in the loss: optimizer.updates(loss)"),
        (lambda: pel.Sequential(nn.Dense(3)), "expected a list of layers, as in pel.Sequential([layer])"),
    ],
)
def test_argument_hints(call: Any, message: str) -> None:
    with pytest.raises(pel.PellucidError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("kind", names.FOREIGN_VALUES)
def test_named_values_exist(kind: str) -> None:
    get = nn.activations.get if kind == "activation" else NAMED[kind].get
    for name, (ours, _) in names.FOREIGN_VALUES[kind].items():
        assert get(ours) is not None
        with pytest.raises(ValueError, match=f"Use '{ours}'"):
            get(name)


def test_explanations_of_arguments_name_what_exists() -> None:
    for text in (*names.FOREIGN_ARGUMENTS.values(), *names.FOREIGN_CALL_ARGUMENTS.values()):
        for dotted in re.findall(r"\b((?:pel|nn|np)(?:\.[A-Za-z_]\w*)+)", text):
            assert_exists(dotted)
