"""The floors of the benchmarks: rates of finished work, and checks against measured times."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.run.native.compiler import find_compiler

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
