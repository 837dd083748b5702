"""The floors of the benchmarks: rates of finished work, and checks against measured times."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native.compiler import find_compiler
from pellucid.training.array_source import get_epoch_order

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark_module() -> Iterator[Callable[[str], Any]]:
    """A function that imports a module of the benchmarks' folder."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def make_result(floor: float, loop: dict[str, Any]) -> dict[str, Any]:
    """Return the results of a workload that pellucid trains in 40 ms to an accuracy of 0.975."""
    libraries = {"pellucid": {"train": 0.05, "train_min": 0.04, "accuracy": 0.975}, "keras": {"error": "no keras"}}
    return {"title": "moons", "floor": floor, "libraries": libraries, "c_loop": loop}


LOOP = {"train": 0.03, "accuracy": 0.975}


@pytest.mark.parametrize(
    ("floor", "loop", "problem"),
    [
        (0.01, LOOP, None),
        (0.01, {"error": "there is no C compiler"}, None),
        (
            0.000009,
            LOOP,
            "the floor of 0.009 ms is too low: a C loop takes 3333 times as long, and 20 times is allowed",
        ),
        (0.05, {}, "the floor of 50 ms is no lower bound: pellucid took 40 ms"),
        (0.035, LOOP, "the floor of 35 ms is no lower bound: C loop took 30 ms"),
        (0.01, LOOP | {"accuracy": 0.5}, "the C loop reaches accuracy 0.500, and pellucid 0.975"),
    ],
)
def test_a_wrong_floor_is_a_problem(
    benchmark_module: Callable[[str], Any], floor: float, loop: dict[str, Any], problem: str | None
) -> None:
    expected = [] if problem is None else [f"moons: {problem}"]
    assert benchmark_module("machine").check_floor(make_result(floor, loop)) == expected


def test_bytes_of_a_floor_come_from_memory_unless_they_fit_into_the_caches(
    benchmark_module: Callable[[str], Any],
) -> None:
    rates = {"operations": 1e12, "bytes": 1e10, "cache_bytes": 1e11, "cache_size": 1e6}
    compute = benchmark_module("machine").compute_floor
    assert compute({"operations": 1e9, "bytes": 1e9, "working_set": 2e6}, rates) == pytest.approx(0.1)
    assert compute({"operations": 1e9, "bytes": 1e9, "working_set": 1e6}, rates) == pytest.approx(0.01)
    assert compute({"operations": 1e11, "bytes": 1e9, "working_set": 1e6}, rates) == pytest.approx(0.1)


def test_a_wrong_floor_fails_the_command(
    benchmark_module: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench, moons = benchmark_module("bench"), benchmark_module("workloads.moons")
    run = {"seconds": {"import": 0, "build": 0, "train": 0.05}, "fraction": 1, "peak_bytes": 1, "results": {"loss": 1}}
    run["results"] |= {"accuracy": 0.975}
    monkeypatch.setattr(bench, "run_in_process", lambda *args: run)
    monkeypatch.setattr(moons, "time_c_loop", lambda: (0.03, {"loss": 1.0, "accuracy": 0.975}))
    monkeypatch.setattr(sys, "argv", ["bench.py", "--only", "moons", "--libraries", "pellucid", "--repeats", "1"])
    rates = {"loop_operations": 2e11}
    monkeypatch.setattr(bench.machine, "measure_rates", lambda: rates)
    bench.main()
    assert "(C loop)  30 ms" in capsys.readouterr().out
    rates["loop_operations"] = 1e13
    with pytest.raises(SystemExit, match=r"The floors are wrong:\ntwo moons 2-3-2, 20,000 epochs: the floor of .* low"):
        bench.main()


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_the_c_loops_train_the_networks(
    benchmark_module: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On as many steps as they take in a moment, they reach what the NumPy loops reach."""
    for name, steps in (("moons", 300), ("adder", 300)):
        workload, phases = benchmark_module(f"workloads.{name}"), benchmark_module("phases").Phases()
        monkeypatch.setattr(workload, "STEPS", steps)
        if name == "adder":
            monkeypatch.setattr(
                workload, "evaluate", lambda parameters: {"loss": float(np.square(parameters[0]).sum())}
            )
        seconds, found = workload.time_c_loop()
        assert 0 < seconds < 10
        assert found["loss"] == pytest.approx(workload.by_numpy(phases)["loss"], rel=1e-3)


def make_recipe_result(recipe: str, seed: int, score: float) -> dict[str, Any]:
    return {"kind": "tables", "data": "flats", "seed": seed, "recipe": recipe, "score": score, "cpu": 2.0}


def test_the_report_of_recipes_ranks_them_on_the_same_splits(benchmark_module: Callable[[str], Any]) -> None:
    results = benchmark_module("recipe_study.results")
    found = [
        *(make_recipe_result("ensemble", seed, score) for seed, score in enumerate([0.90, 0.80])),
        *(make_recipe_result("gradient-boosted trees", seed, score) for seed, score in enumerate([0.91, 0.80])),
        make_recipe_result("ensemble", 2, 0.1),  # a split that only one of them has counts for no rank
    ]
    lines = results.format_report(found).splitlines()
    assert "| mean rank | | 1.75 | 1.25 |" in lines
    assert lines[-1] == "| ensemble | 0 | 1 | 0 |"


@pytest.mark.slow
def test_a_recipe_is_trained_within_its_budget(benchmark_module: Callable[[str], Any]) -> None:
    candidates, trials = benchmark_module("recipe_study.candidates"), benchmark_module("recipe_study.trials")
    source = {"data": "moons", "seed": 0}
    found = trials.run_trial(candidates.TABLES["plain"], source, budget=0.5, samples=100)
    assert 1 <= found["epochs"] <= trials.MAXIMUM_EPOCHS
    assert found["score"] > 0.6
    trees = trials.run_trial(candidates.TABLES["gradient-boosted trees"], source, None, samples=100)
    assert trees["score"] > 0.6


@pytest.mark.parametrize("kind", ["TABLES", "IMAGES"])
def test_one_recipe_is_the_default_and_comes_first(kind: str, benchmark_module: Callable[[str], Any]) -> None:
    recipes = list(getattr(benchmark_module("recipe_study.candidates"), kind).values())
    assert [recipe.is_reference for recipe in recipes] == [True, *[False] * (len(recipes) - 1)]


IMAGES = (
    ("conv", 4, 3, 1),
    ("batch_norm",),
    ("residual", (("conv", 6, 3, 2), ("batch_norm",)), (("conv", 6, 1, 2),)),
    ("depthwise", 3, 2),
    ("skip", (("pool",), ("transposed", 3))),
    ("global_pool",),
    ("dense", 10),
)
"""Layers for images of 8 by 8 pixels."""

SEQUENCES = (
    ("embedding", 7, 4),
    ("residual", (("layer_norm",), ("attention", 2)), ()),
    ("lstm", 4),
    ("dense", 10),
)
"""Layers for sequences of six words."""


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "layers", "vocabulary"), [((8, 8, 3), IMAGES, 0), ((6,), SEQUENCES, 7)])
def test_peers_train_a_network_as_pellucid_does(
    benchmark_module: Callable[[str], Any], shape: tuple[int, ...], layers: Any, vocabulary: int
) -> None:
    libraries = ["pellucid", "jax_step", "jax_scan", *(["torch", "torch_channels_last"] if find_spec("torch") else [])]
    catalog, training = benchmark_module("networks.catalog"), benchmark_module("networks.training")
    net = catalog.Network(shape, layers, batch=4, steps=3, epochs=1, vocabulary=vocabulary)
    weights = benchmark_module("networks.by_layers").build_pellucid(net)[1].get_weights()
    losses = {}
    for name in libraries:
        phases = benchmark_module("phases").Phases()
        losses[name] = training.LIBRARIES[name](net, *net.make_data(), weights, phases)(0, 2)
        assert losses[name] == pytest.approx(losses["pellucid"], rel=2e-5), name


def test_every_family_has_data_and_layers_of_all_libraries(benchmark_module: Callable[[str], Any]) -> None:
    catalog, builder = benchmark_module("networks.catalog"), benchmark_module("networks.layer_builder").LayerBuilder
    forward = benchmark_module("networks.by_jax").Forward
    for family in catalog.FAMILIES.values():
        for size in catalog.SIZES:
            net = family.make_network(size)
            assert all(hasattr(library, kind) for library in (builder, forward) for kind in net.kinds)
        x, y = family.make_network("small").make_data()
        assert len(x) == len(y)
        assert np.isfinite(x).all()
        assert len(np.unique(y)) > 1


def test_peers_see_the_samples_in_the_order_of_fit(benchmark_module: Callable[[str], Any]) -> None:
    catalog = benchmark_module("networks.catalog")
    net = catalog.Network((2,), (("dense", 10),), batch=4, steps=3, epochs=1)
    np.testing.assert_array_equal(net.get_order(5).ravel(), get_epoch_order(0, 5, 12))


def make_run(step: float, final: float, memory: int = 100) -> dict[str, Any]:
    return {"step": step, "first": 1.0, "peak_bytes": memory, "initial": 2.0, "final": final}


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (make_run(0.03, 0.51), None),
        (
            make_run(0.03, 0.6),
            "the final loss of torch is 0.6000, and that of pellucid 0.5000. They may differ by 3%",
        ),
        (make_run(0.03, float("nan")), "the final loss of torch is nan, and that of pellucid 0.5000. They may .* 3%"),
        (make_run(0.03, 0.5) | {"initial": 2.1}, "the initial loss of torch is 2.1000, .* They may differ by 0.001%"),
        ({"error": "no torch"}, "torch failed: no torch"),
    ],
)
def test_a_peer_that_trains_differently_fails_the_command(
    benchmark_module: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: dict[str, Any],
    problem: str | None,
) -> None:
    families = benchmark_module("families")
    runs = {"weights": {}, "pellucid": make_run(0.02, 0.5), "torch": run}
    monkeypatch.setattr(families, "run_in_process", lambda library, *args: runs[library])
    words = ["families.py", "--only", "lstm", "--sizes", "small", "--libraries", "pellucid", "torch", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", words)
    if problem is None:
        families.main()
        assert "1 of 1 families at 1.0 or more, 1 at 1.2 or more" in capsys.readouterr().out
    else:
        with pytest.raises(SystemExit, match=f"lstm, small: {problem}"):
            families.main()


def test_a_family_is_as_fast_as_the_median_of_its_sizes(benchmark_module: Callable[[str], Any]) -> None:
    families, targets = benchmark_module("families"), benchmark_module("targets")
    networks = []
    for size, step, memory in (("small", 0.5, 90), ("medium", 1.1, 200), ("large", 3.0, 90)):
        libraries = {
            "pellucid": make_run(1.0, 0.5, memory),
            "jax_scan": make_run(step, 0.5),
            "torch": make_run(4.0, 0.5),
        }
        networks.append({"family": "vae", "size": size, **families.compare(libraries)})
    found = {"families": {"summary": families.summarize_families(networks)}}
    assert found["families"]["summary"]["families"]["vae"]["median"] == 1.1
    verdicts = dict(targets.list_verdicts(found | {"workloads": []}))
    assert verdicts["VAE: the fastest peer's time over pellucid's"] == "met: 1.1 times, required 1 or more"
    assert verdicts["families at 1.2 times or more"].startswith("missed: 0 %, required 66 or more")
    assert verdicts["families: largest peak memory over the leanest peer's"].startswith("missed: 2 times")
    assert verdicts["LSTM: the fastest peer's time over pellucid's"] == "not measured"


def test_the_slowest_first_epoch_decides(benchmark_module: Callable[[str], Any]) -> None:
    targets = benchmark_module("targets")
    times = {"resnet": (4.24, 1.2), "unet": (3.0, 1.3), "separable": (2.5, 1.1)}
    networks = [
        {"family": family, "size": "medium", "libraries": {"pellucid": {"first": first, "again": again}}}
        for family, (first, again) in times.items()
    ]
    name = "first epoch of ResNet, U-Net and depthwise network"

    def decide(networks: list[dict[str, Any]]) -> list[str]:
        verdicts = dict(targets.list_verdicts({"families": {"networks": networks}, "workloads": []}))
        return [verdicts[f"{name}, {cache} cache"] for cache in ("empty", "filled")]

    cold, warm = decide(networks)
    assert cold.startswith("missed: 4.24 s, required 4 or less; XLA and the C compiler use both cores")
    assert warm == "met: 1.3 s, required 1.5 or less"
    assert decide(networks[:2]) == ["not measured"] * 2


def test_a_cliff_is_found_where_time_rises_more_than_work(benchmark_module: Callable[[str], Any]) -> None:
    grid = benchmark_module("networks.grid")
    dense = grid.GRIDS["dense"]
    costs = np.array([1e-6, 1e-11, 1e-9, 1e-10])
    seconds = {cell: 2e-6 + float(costs @ dense.count_work(*cell)) for cell in dense.list_cells()}
    assert grid.find_cliffs(dense, seconds) == []
    for cell in seconds:
        if cell == (8, 1024, 64):
            seconds[cell] *= 2
    cliffs = grid.find_cliffs(dense, seconds)
    assert {cliff["to"] for cliff in cliffs} == {"depth 8, width 1,024, batch 64"}
    assert len(cliffs) == 3  # from half the depth, half the width, and a quarter of the batch
    assert all(1.8 < cliff["rise"] < 2.1 for cliff in cliffs)


def test_the_grid_times_a_step(benchmark_module: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    grid = benchmark_module("networks.grid")
    monkeypatch.setattr(grid, "SECONDS", 0.001)
    assert 0 < grid.time_step(grid.make_dense(1, 8, 16)) < 0.01


def test_the_cost_model_of_devices(benchmark_module: Callable[[str], Any]) -> None:
    model = benchmark_module("device_model")
    work = model.Workload(64, 1e-3, 2e-3, 8e-3, parameter_bytes=1e6, slots=2, sample_bytes=1e3, kernels=3)
    links, cpu = model.Devices(1e9, 1e-5), model.Devices(1e9, 1e-5, are_cpu_parts=True)
    one = 64e-3 + 2e-3 + 8e-3
    for devices in (links, cpu):
        assert model.predict_seconds(work, devices, 1) == model.predict_seconds(work, devices, 1, True) == one
    sent, wait = 2 * 7 / 8 * 1e-3, 3 * 1e-5
    assert np.isclose(model.predict_seconds(work, links, 8), 8e-3 + 10e-3 + sent + 2 * wait)
    assert np.isclose(model.predict_seconds(work, links, 8, True), 8e-3 + 2e-3 + 1e-3 + sent + 4 * wait)
    assert np.isclose(model.predict_seconds(work, cpu, 8), 64e-3 + 80e-3 + 8 * sent + 2 * wait)
    assert np.isclose(model.predict_seconds(work, cpu, 8, True), 64e-3 + 16e-3 + 8e-3 + 12 * sent + 5 * wait)
    assert model.predict_bytes(work, links, 8) == 4e6 + 8e3
    assert model.predict_bytes(work, links, 8, True) == 3e6 / 8 + 2e6 + 8e3
    assert model.predict_bytes(work, cpu, 8, True) == 3e6 / 8 + 3e6 + 8e3


def test_devices_are_calibrated_without_their_steps(benchmark_module: Callable[[str], Any]) -> None:
    devices, model = benchmark_module("devices"), benchmark_module("device_model")
    size = 4 * devices.LAYERS * devices.UNITS**2
    work = model.Workload(devices.BATCH, 1e-5, 1e-3, 2e-3, size, 2, 4 * (devices.LAYERS + 1) * devices.UNITS, 4)
    parts = model.Devices(bandwidth=1e10, latency=1e-4, are_cpu_parts=True)
    found: dict[int, dict[str, float]] = {
        1: {"step": 3e-3 + devices.BATCH * 1e-5, "small": 3e-3 + devices.SMALL_BATCH * 1e-5, "update": 2e-3}
    }
    for n in (2, 4, 8):
        wait = 2 * np.log2(n) * 1e-4
        steps = {"copied": 1.0, "divided": 1.0, "copied bytes": 1.0, "divided bytes": 1.0}
        found[n] = {"small": wait, "large": wait + 2 * (n - 1) * size / 1e10, **steps}
    for calibrated, expected in zip(devices.calibrate(found), (work, parts), strict=True):
        np.testing.assert_allclose(calibrated, expected)
    rows = devices.compare(found)
    assert [row["copied, measured"] for row in rows] == [1.0] * 3
    np.testing.assert_allclose(
        [row["copied"] for row in rows], [model.predict_seconds(work, parts, n) for n in (2, 4, 8)]
    )


def test_the_guide_has_the_predictions(
    benchmark_module: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark_module("devices").main(["--predict"]) == 0
    assert capsys.readouterr().out in (Path(pel.__file__).parent / "guides" / "devices.md").read_text("utf-8")
