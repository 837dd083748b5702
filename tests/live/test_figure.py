"""Figures in Python: what is compiled and written, and messages for parts that do not fit together."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.live.functions import encode_array
from pellucid.run.wasm import module_store

OTHER = pel.scalar("other")


@pytest.fixture(scope="module")
def line():
    """A linear regression: weight, training step, inputs, and the data."""
    w = pel.shared(np.zeros((2, 1), "float32"), "w")
    X, y, rate = pel.matrix("X", ("n", 2)), pel.matrix("y", ("n", 1)), pel.scalar("rate")
    loss = ((X @ w - y) ** 2).mean()
    step = pel.function([X, y, rate], loss, updates=pel.optimizers.SGD(rate).updates(loss, [w]))
    points = np.arange(8, dtype="float32").reshape(4, 2)
    return w, step, (X, y, rate), {X: points, y: points[:, :1]}


def make(line, **changes):
    _, step, (_, _, rate), data = line
    return pel.live.Figure(
        **{"train": step, "steps": 10, "data": data, "controls": [pel.live.slider(rate, 0, 1)], **changes}
    )


def test_spec_holds_arrays_and_functions(line) -> None:
    spec = make(line, views=[pel.live.loss_curve(), pel.live.heat_map()]).to_spec()
    [variant] = spec["variants"]
    assert variant["arrays"]["X"]["data"] == encode_array(np.arange(8, dtype="float32"))
    assert "data" not in variant["arrays"]["w"]  # zeros are left out
    assert variant["functions"]["train"]["state"] == ["w"]
    assert variant["functions"]["train"]["outputs"] == [
        {"name": "((X @ w - y) ** 2).mean()", "dtype": "float32", "shape": []}
    ]
    assert variant["functions"]["train_quiet"]["outputs"] == []
    assert variant["training"]["steps"] == 10
    json.dumps(spec, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: {"steps": None}, "expected train and steps together"),
        (lambda line: {"train": 3}, "expected train to be a function"),
        (lambda line: {"steps": 0}, "steps"),
        (lambda line: {"controls": [1]}, "expected controls such as"),
        (lambda line: {"controls": []}, "The input rate of the figure has no value"),
        (lambda line: {"controls": [pel.live.slider(OTHER, 0, 1)]}, "does not use other, which a control sets"),
        (lambda line: {"data": {}}, "The input X of the figure has no value"),
        (lambda line: {"data": {"X": [1.0]}}, "inputs as keys"),
        (lambda line: {"data": {**line[3], line[2][2]: 0.1}}, "data or a control for rate. Received: both"),
        (lambda line: {"views": ["loss"]}, "expected views such as"),
        (lambda line: {"features": ["a"]}, "expected 2 names in features. Received: 1"),
        (lambda line: {"weights": line[2][2]}, "expected data for the weights"),
    ],
)  # fmt: skip
def test_messages(line, change, message) -> None:
    with pytest.raises(pel.PellucidError, match=message):
        make(line, **change(line)).to_spec()


def test_save_checks_the_suffix(line, tmp_path) -> None:
    with pytest.raises(pel.OptionError, match=r"a path that ends in \.html"):
        make(line).save(tmp_path / "figure.pdf")


def test_untrainable_operations_are_named() -> None:
    A = pel.shared(np.eye(2, dtype="float32"), "A")
    loss = pel.linalg.solve(A, pel.constant(np.ones(2, "float32"))).sum()
    step = pel.function([], loss, updates={A: 0.5 * A})
    with pytest.raises(pel.UseError, match="The function that updates A cannot be compiled to WebAssembly"):
        pel.live.Figure(train=step, steps=1).to_spec()


def test_batches_follow_from_one_more_axis(line) -> None:
    data = {i: np.stack([v, 2 * v]) for i, v in line[3].items()}
    figure = make(line, data=data)
    assert figure.data.batches == 2
    [variant] = figure.to_spec()["variants"]
    assert variant["training"]["batches"] == 2
    assert variant["functions"]["train"]["walk"]
    assert variant["arrays"]["X"]["shape"] == [4, 2]


def test_batches_are_as_many_for_every_input(line) -> None:
    (X, Xs), (y, ys) = line[3].items()
    with pytest.raises(pel.ShapeError, match=r"same number of batches for every input. Received: \[2, 3\]"):
        make(line, data={X: np.stack([Xs] * 2), y: np.stack([ys] * 3)})


class TestVary:
    def test_figures_must_have_the_same_controls(self, line) -> None:
        def build(flag):
            return make(line, controls=[pel.live.slider(line[2][2], 0, 1 + flag)])

        with pytest.raises(pel.UseError, match=r"the same controls in all figures\. {'flag': 1} and"):
            pel.live.vary(build, pel.live.choice("flag", [0, 1]))

    def test_figures_must_have_the_same_views(self, line) -> None:
        def build(flag):
            return make(line, views=[pel.live.loss_curve()] * flag)

        with pytest.raises(pel.UseError, match="the same views in all figures"):
            pel.live.vary(build, pel.live.choice("flag", [0, 1]))

    def test_choices_name_arguments(self, line) -> None:
        with pytest.raises(pel.UseError, match="choices with the name of an argument"):
            pel.live.vary(lambda rate: make(line), pel.live.choice(line[2][2], [0, 1]))

    def test_build_returns_figures(self) -> None:
        with pytest.raises(pel.UseError, match=r"expected build to return a pel\.live\.Figure\. Received: 3"):
            pel.live.vary(lambda a: 3, pel.live.choice("a", [1]))


class TestInitialValues:
    def test_expressions_must_have_the_shape_of_the_variable(self, line) -> None:
        generator = pel.random.Generator()
        figure = make(line, initial={line[0]: generator.normal(size=(3, 1))}, controls=seeded(line))
        with pytest.raises(pel.ShapeError, match=r"of shape \(2, 1\) for w. Received: shape \(3, 1\)"):
            figure.to_spec()

    def test_expressions_draw_from_one_generator(self, line) -> None:
        figure = make(line, initial={line[0]: pel.constant(np.ones((2, 1), "float32"))}, controls=seeded(line))
        with pytest.raises(pel.InputError, match=r"one pel\.random\.Generator .* Received: no random numbers"):
            figure.to_spec()

    def test_constant_parameters_have_no_distribution(self, line) -> None:
        with pytest.raises(pel.InputError, match="all parameters are constant arrays"):
            make(line, controls=seeded(line)).to_spec()


def seeded(line):
    return [pel.live.slider(line[2][2], 0, 1), pel.live.seed()]


class TestModules:
    def test_key_depends_on_the_graph_and_not_on_names(self) -> None:
        def key(factor, name):
            w = pel.shared(np.zeros(3, "float32"), name)
            f = pel.function([], (factor * w).sum())
            return module_store.make_key([module_store.FunctionSource(f.program, "f", ())])

        assert key(2.0, "a") == key(2.0, "b")
        assert key(2.0, "a") != key(3.0, "a")

    def test_another_compiler_has_other_cache_entries(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
        usual = module_store.get_cache_path("key", relaxed=True)
        assert module_store.get_cache_path("key", relaxed=True) == usual
        monkeypatch.setenv("PELLUCID_WASM_COMPILER", "missing")
        assert module_store.get_cache_path("key", relaxed=True) != usual

    def test_damaged_cache_entries_are_ignored(self, line, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
        first = make(line).to_spec()["modules"]
        [entry] = [p for p in tmp_path.glob("*.json") if b"simd" in p.read_bytes()]
        entry.write_bytes(entry.read_bytes()[:-20])
        assert make(line).to_spec()["modules"] == first


def run_code_of_the_documentation() -> None:
    page = Path(__file__).parents[2] / "src" / "pellucid" / "guides" / "live.md"
    exec("".join(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)), {})


def test_code_of_the_documentation_runs(moons, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pel.live.examples, "moons", lambda: moons)
    monkeypatch.setattr("pellucid.run.wasm.module.compile_module", lambda *args, **options: b"a module")
    run_code_of_the_documentation()
    assert (tmp_path / "moons.html").stat().st_size > 100_000


@pytest.mark.slow
def test_figures_of_the_documentation_are_compiled(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_code_of_the_documentation()
    assert (tmp_path / "moons.html").stat().st_size > 100_000
