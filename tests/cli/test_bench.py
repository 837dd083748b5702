"""Speeds that ``pellucid bench`` measures: fields, consistency, and peers."""

import json
import math
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.cli.bench import load_network
from pellucid.inspect import first_step, model_benchmark
from pellucid.inspect.benchmark_report import BatchSpeed, Latency, ModelBenchmark
from pellucid.inspect.cross_framework import peer_speed
from pellucid.inspect.cross_framework.peer_speed import Peer, PeerSpeed, compare_speed
from pellucid.inspect.first_step import FirstCalls, run_first_calls, start_process, time_first_calls
from pellucid.inspect.layer_timing import TimeSpread
from pellucid.inspect.model_benchmark import benchmark_model
from pellucid.model.errors import ModelError
from pellucid.model.summary import count_parameters
from pellucid.run import profile

Output = pytest.CaptureFixture[str]
TITLES = {"torch": "pytorch", "keras": "keras", "tensorflow": "tensorflow"}
FIRST_CALLS = FirstCalls(1.0, 0.5, 0.25), FirstCalls(0.5, 0.25, 0.125)


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


@pytest.fixture(scope="module", autouse=True)
def _all_sizes_are_measured_in_a_short_time() -> Iterator[None]:
    """On a busy machine, a short time would leave out the larger batch sizes. First calls are not measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_benchmark, "takes_longer", lambda measure, limit: False)
        patch.setattr(peer_speed, "takes_longer", lambda measure, limit: False)
        patch.setattr(model_benchmark, "time_first_calls", lambda model, size: FIRST_CALLS)
        yield


@pytest.fixture(scope="module")
def measured(trained: Path) -> ModelBenchmark:
    """A benchmark of a run."""
    return benchmark_model(load_network(str(trained / "runs/1")), [1, 16], 0.1)


@pytest.fixture
def asked(measured: ModelBenchmark, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command measures, which is not measured: models, batch sizes and seconds."""
    found: list[Any] = []

    def benchmark(model: pel.Model, sizes: list[int], seconds: float, **options: Any) -> ModelBenchmark:
        found.extend([model, sizes, seconds])
        return measured

    monkeypatch.setattr(model_benchmark, "benchmark_model", benchmark)
    return found


def make_model() -> pel.Sequential:
    nn.set_random_seed(0)
    layers = [nn.Input((20,)), nn.Dense(30, activation="relu"), nn.Dense(4, activation="softmax")]
    model = pel.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def check_spread(spread: dict[str, float]) -> None:
    assert 0 < spread["lower"] <= spread["median"] <= spread["upper"] < 5


def test_all_speeds_of_a_run_are_measured(measured: ModelBenchmark, asked: list[Any], capsys: Output) -> None:
    assert main(["bench", "runs/1", "--json"]) == 0
    assert asked[1:] == [[1, 8, 32, 128, 512], 10.0]
    found = json.loads(capsys.readouterr().out)
    assert found["start"] == {"cold": 1.0, "warm": 0.5}
    assert found["first_prediction"] == {"cold": 0.5, "warm": 0.25}
    assert found["first_step"] == {"cold": 0.25, "warm": 0.125}
    assert found["parameters"] == 5 + 5 + 5 + 1  # mean, variance, weights, bias
    assert found["multiply_adds_per_sample"] == found["operations_per_sample"] // 2 > 0
    latency = found["latency"]
    assert 0 < latency["median"] <= latency["percentile_95"] < 5
    assert latency["calls"] >= 3
    assert [each["batch_size"] for each in found["batch_sizes"]] == [1, 16]
    for each in found["batch_sizes"]:
        for duration, rate in (
            ("training_step", "training_samples_per_second"),
            ("prediction", "prediction_samples_per_second"),
        ):
            check_spread(each[duration])
            assert each[rate] * each[duration]["median"] == pytest.approx(each["batch_size"])
        assert each["peak_bytes"] > 2**24
    rates = [each["training_samples_per_second"] for each in found["batch_sizes"]]
    assert found["training_operations_per_second"] == pytest.approx(3 * max(rates) * found["operations_per_sample"])
    assert any("XLA" in name for name in found["backends"]["prediction"])
    assert found["backends"]["training"]
    assert found["peers"] == []
    assert found["skipped_batch_sizes"] == []


def test_the_table_has_every_batch_size(asked: list[Any], capsys: Output) -> None:
    assert main(["bench", "runs/10/model.pel", "--seconds", "0.3", "--batch-sizes", "8", "2", "8"]) == 0
    assert asked[0].inputs[0].shape[1:] == (13, 13, 3)
    assert asked[1:] == [[2, 8], 0.3]
    output = capsys.readouterr().out
    assert re.search(r"^training step +250 ms +125 ms$", output, re.MULTILINE)
    assert re.search(
        r"^prediction for one sample: median \S+ .s, 95% within \S+ .s \([\d,]+ calls\)$", output, re.MULTILINE
    )
    assert re.findall(r"^(\d+) +[\d.]+ .?s ± \d+% +[\d,]+ +[\d.]+ .?s ± \d+% +[\d,]+ ", output, re.MULTILINE) == [
        "1",
        "16",
    ]
    assert "Training reaches 90% of its best speed at batch size" in output
    assert "FLOP/s in training and" in output
    assert "prediction by  " in output


def test_data_get_the_default_network(asked: list[Any], capsys: Output) -> None:
    assert main(["bench", "moons", "--json"]) == 0
    assert count_parameters(asked[0].parameters) > 500


def test_a_model_keeps_its_weights_and_needs_no_loss() -> None:
    model = make_model()
    before = [w.copy() for w in model.get_weights()]
    parts: list[str] = []
    found = benchmark_model(model, [2], 0.05, advance=parts.append)
    assert parts == ["first calls", "latency", "batch size 2", "rounds"]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    bare = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    found = benchmark_model(bare, [2], 0.01)
    assert found.speeds[0].step is None
    assert found.training_flops is None
    assert found.find_useful_size(lambda each: each.training_rate) is None
    assert "Training reaches" not in str(found)


def test_batch_sizes_that_take_too_long_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_benchmark, "takes_longer", profile.takes_longer)
    wide = pel.Sequential([nn.Input((400,)), nn.Dense(800), nn.Dense(10)])
    found = benchmark_model(wide, [1, 20_000], 0.02)
    assert [each.batch_size for each in found.speeds] == [1]
    assert found.skipped_sizes == [20_000]
    assert "Not measured: batch size 20,000. Give more time with --seconds." in str(found)


def make_benchmark(*peaks: int, free: int = 2**34, load: float = 0.0) -> ModelBenchmark:
    spread = TimeSpread(0.01, 0.01, 0.01)
    sizes = (1, 101)[: len(peaks)]
    speeds = [
        BatchSpeed(size, TimeSpread(0.001 * size**0.5, 0.001, 0.1), spread, peak)
        for size, peak in zip(sizes, peaks, strict=True)
    ]
    first, latency = FirstCalls(1.0, 0.5, None), Latency(0.001, 0.002, 5)
    return ModelBenchmark("Model m", 10, 1000, first, first, latency, speeds, [], [], [], free, 2000, load)


def test_the_largest_batch_is_measured_or_estimated() -> None:
    measured = make_benchmark(2**28, 2**28 + 100 * 2**23)
    assert (measured.measured_bytes, measured.sample_bytes, measured.largest_batch) == (2**23, 2**23, 2**11)
    assert "takes about 8.39 MB (measured): about 2,048 fit into the 17.2 GB that were free." in str(measured)
    estimated = make_benchmark(2**28, 2**28 + 1000)
    assert (estimated.measured_bytes, estimated.sample_bytes, estimated.largest_batch) == (None, 2000, 2**34 // 2000)
    assert "0.002 MB (estimated from the outputs of the layers)" in str(estimated)
    assert estimated.find_useful_size(lambda each: each.training_rate) == 101
    assert estimated.prediction_flops == pytest.approx(1000 * 101 / 0.01)
    assert "training step  " not in "\n".join(estimated.format_first_calls())
    assert replace(estimated, operations=None).training_flops is None


def test_a_busy_machine_is_named() -> None:
    assert "Other programs were running: load average 99.0 on" in str(make_benchmark(1, load=99.0))
    assert "Other programs" not in str(make_benchmark(1))


def test_first_calls_are_measured_with_an_empty_and_a_filled_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], str, bool]] = []

    def start(command: list[str], variables: dict[str, str]) -> FirstCalls:
        cache = Path(variables["PELLUCID_CACHE"])
        started.append((command, str(cache), any(cache.iterdir())))
        (cache / "program").touch()
        assert count_parameters(pel.load_model(command[-2]).parameters) == 21 * 30 + 31 * 4
        return FIRST_CALLS[len(started) - 1]

    monkeypatch.setattr(first_step, "start_process", start)
    assert time_first_calls(make_model(), 4) == FIRST_CALLS
    [(command, cache, cold), (again, same, warm)] = started
    assert (command, cache, cold, warm) == (again, same, False, True)
    assert command[-1] == "4"
    assert not Path(cache).exists()


def test_the_first_prediction_and_step_of_a_process_are_timed(tmp_path: Path, capsys: Output) -> None:
    make_model().save(tmp_path / "model.pel")
    pel.Sequential([nn.Input((4,)), nn.Dense(3)]).save(tmp_path / "bare.pel")
    begin = time.perf_counter()
    for name, count in (("model.pel", 3), ("bare.pel", 2)):  # a model without a loss has no step
        run_first_calls(begin, str(tmp_path / name), "4")
        found = [seconds for seconds in json.loads(capsys.readouterr().out) if seconds is not None]
        assert len(found) == count
        assert all(0 < seconds < 60 for seconds in found)


def test_a_process_that_fails_is_named_with_its_message() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no step today')"]
    with pytest.raises(ModelError, match="The process that measures the first step failed: no step today"):
        start_process(command, dict(os.environ))


@pytest.mark.slow
def test_first_calls_compile_and_then_read_the_cache() -> None:
    for calls in time_first_calls(make_model(), 4):
        assert all(seconds is not None and 0 < seconds < 60 for seconds in calls)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["runs/1", "--seconds", "0"], 2, "--seconds: expected a number above 0; received 0"),
        (["runs/1", "--batch-sizes", "0", "4"], 2, "--batch-sizes: expected numbers of 1 or more; received 0 4"),
        (["runs/1", "--batch-sizes", "many"], 2, "--batch-sizes"),
        (["flast.csv"], 2, "flast.csv: no such file or folder. Did you mean 'flats.csv'?"),
        (["monos"], 2, "monos: no such file or folder. Did you mean 'moons'?"),
        (["missing.pel"], 2, "missing.pel: no such file or folder"),
        (["notes.pdf"], 2, "received a .pdf file"),
        (["sizes.pel"], 1, "expected inputs of known sizes"),
    ],
)
def test_what_cannot_be_measured(words: list[str], status: int, message: str, capsys: Output) -> None:
    Path("notes.pdf").write_bytes(b"")
    pel.Sequential([nn.Input((None, 3)), nn.LSTM(2)]).save("sizes.pel")
    assert main(["bench", *words]) == status
    assert message in capsys.readouterr().err


def make_peer(title: str, factor: float) -> Any:
    def make(model: Any) -> Any:
        return nullcontext(Peer(title, lambda inputs: factor * np.asarray(model.predict_on_batch(inputs[0]))))

    return make


def refuse(model: Any) -> Any:
    raise ModelError("it has no such layer")


@pytest.fixture(scope="module")
def compared() -> list[PeerSpeed]:
    """A comparison with a framework that computes the same and three others, two batch sizes of two."""
    makers = {"json": make_peer("same", 1.0), "csv": make_peer("other", 1.01), "html": refuse}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peer_speed, "MAKERS", {**makers, "no_such_framework": make_peer("missing", 1.0)})
        patch.setattr(peer_speed, "SIZES", (1, 4))
        return compare_speed(make_model(), 0.02)


def test_peers_with_other_outputs_and_missing_ones_are_skipped(compared: list[PeerSpeed]) -> None:
    ours, same, *skipped = compared
    assert (ours.title, ours.sizes, sorted(ours.steps)) == ("pellucid", [1, 4], [1, 4])
    assert (same.title, same.difference, same.sizes, same.steps) == ("same", 0.0, [1, 4], {})
    assert {each.title: (each.skipped, each.sizes) for each in skipped} == {
        "other": ("its outputs differ by 0.01 of the largest, and 0.0001 is allowed", []),
        "html": ("it has no such layer", []),
        "no_such_framework": ("not installed", []),
    }


def test_batch_sizes_that_take_too_long_are_left_out_of_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = [Peer("one", lambda inputs: inputs[0]), Peer("two", lambda inputs: inputs[0])]
    batches = {size: [np.ones((size, 2)), np.ones(size)] for size in (1, 2, 3)}
    limits: list[float] = []

    def takes_longer(measure: Any, limit: float) -> bool:
        limits.append(limit)
        return len(limits) > 2

    monkeypatch.setattr(peer_speed, "takes_longer", takes_longer)
    found = peer_speed.prepare_measurements(peers, batches, False, 0.6)
    assert list(found) == [(name, "predict", size) for size in (1, 2) for name in ("one", "two")]
    assert limits == pytest.approx([0.6 / (4 * 2 * 3 * profile.MINIMUM_ROUNDS)] * 3)


def test_peers_are_in_the_table_and_in_the_json(
    compared: list[PeerSpeed], asked: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    seconds: list[float] = []
    monkeypatch.setattr(peer_speed, "compare_speed", lambda model, given, advance: seconds.append(given) or compared)
    assert main(["bench", "runs/10", "--seconds", "0.3", "--peers"]) == 0
    assert seconds == [0.3]
    output = capsys.readouterr().out
    assert re.search(r"^same +4 +- +\S+ .?s ± \d+% +0.0e\+00$", output, re.MULTILINE)
    assert "no_such_framework: skipped, not installed" in output
    assert main(["bench", "runs/10", "--peers", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["peers"]
    assert [each["name"] for each in found] == ["pellucid", "same", "html", "no_such_framework", "other"]
    assert [each["batch_size"] for each in found[1]["batch_sizes"]] == [1, 4]
    check_spread(found[0]["batch_sizes"][0]["training_step"])


def test_onnx_runtime_computes_the_same() -> None:
    pytest.importorskip("onnxruntime")
    model = make_model()
    with peer_speed.make_onnx_peer(model) as peer:
        x = np.random.default_rng(0).normal(size=(5, 20)).astype("float32")
        np.testing.assert_allclose(peer.predict([x]), model.predict(x), rtol=1e-5, atol=1e-6)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["torch", "keras", "tensorflow"])
@pytest.mark.parametrize("run", ["runs/1", "runs/10"])
def test_frameworks_compute_the_same_and_train(name: str, run: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    model = load_network(run)
    found = {each.title: each for each in compare_speed(model, 0.5)}
    [peer] = [each for title, each in found.items() if title.lower().startswith(TITLES[name])]
    assert peer.skipped == ""
    assert peer.difference is not None
    assert peer.difference < 1e-5
    assert set(peer.steps) == set(peer.predictions) != set()
    assert all(math.isfinite(spread.median) and spread.median > 0 for spread in peer.steps.values())
