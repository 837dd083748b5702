"""Sweeps in worker processes: results, errors, interrupts and the choice of the backend of joblib."""

import os
import sys

import joblib
import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.data import moons
from pellucid.run import jax_runtime
from pellucid.training.sweeps import joblib_workers
from pellucid.training.sweeps.trials import TrialChoice

X, Y = moons(60, seed=1)
HOW = {"epochs": 4, "batch_size": 16, "verbose": 0}


def make_builder(failing_in_workers=False):
    parent = os.getpid()

    def build(activation, rate, hidden=3):
        is_worker = os.getpid() != parent
        if failing_in_workers and is_worker:
            raise ArithmeticError("only in workers")
        layers = [nn.Input((2,)), nn.Dense(hidden, activation), nn.Dropout(0.2), nn.Dense(2, activation="softmax")]
        model = pel.Sequential(layers)
        # Workers get the values of this process, as if they were random.
        optimizer = nn.optimizers.Adam(rate + is_worker)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


SETTINGS = {"rate": [0.1, 0.2], "activation": ["tanh", "relu", "sigmoid"], "seed": [0, 3]}


def sweep(build=None, **options):
    return pel.sweep(build or make_builder(), X, Y, **{**SETTINGS, **HOW, **options})


@pytest.fixture(scope="module", autouse=True)
def executor():
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def get_bits(found):
    state = [p.get_value().tobytes() for trial in found.trials for p in trial.model.state().values()]
    return [str(t) for t in found.trials], {k: v.tobytes() for k, v in found.curves.items()}, state


def test_workers_compute_the_bits_of_one_process():
    options = {
        "validation_data": moons(20, seed=2),
        "rows": [np.arange(40), np.arange(20, 60)],
    }
    calls = []
    alone = sweep(**options)
    found = sweep(**options, n_jobs=2, progress=lambda *a: calls.append((a[0], a[1], len(a[2]))))
    assert found.programs == 3
    assert get_bits(found) == get_bits(alone)
    assert found.backends == alone.backends
    assert calls == [(1, 4, 8), (2, 4, 8), (4, 4, 8)]
    assert [t.model.optimizer.iterations.get_value() for t in found.trials] == [12] * 24
    before = [trial.model.evaluate(X, Y, verbose=0)[0] for trial in found.trials]
    assert before == [trial.model.evaluate(X, Y, verbose=0)[0] for trial in alone.trials]


def test_the_context_of_joblib_chooses_workers(monkeypatch):
    found = []

    def note(batches, builder, training, jobs):
        found.append(jobs)
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("pellucid.training.sweeps.sweep.train_in_workers", note)
    with joblib.parallel_config("loky", n_jobs=2), pytest.raises(pel.Interrupted):
        sweep()
    with pytest.raises(pel.Interrupted):
        sweep(n_jobs=8)
    assert found == [2, 3]
    assert len(sweep(n_jobs=1)) == 12
    assert len(sweep(n_jobs=2, activation="relu")) == 4  # one program
    assert found == [2, 3]


def test_joblib_is_imported_only_for_workers(monkeypatch):
    monkeypatch.delitem(sys.modules, "joblib")
    monkeypatch.setattr("builtins.__import__", refuse_joblib(__import__))
    assert joblib_workers.count_workers(None, None, 3) == 1
    with pytest.raises(pel.MissingPackageError, match=r"pel.sweep with n_jobs needs joblib.*pip install"):
        joblib_workers.count_workers(2, None, 3)


def refuse_joblib(importer):
    def find(name, *given, **named):
        if name == "joblib":
            raise ModuleNotFoundError("No module named 'joblib'", name="joblib")
        return importer(name, *given, **named)

    return find


@pytest.mark.parametrize("wrong", [0, 1.5, "2", True])
def test_a_wrong_number_of_jobs_is_an_error(wrong):
    with pytest.raises(pel.OptionError, match="Expected n_jobs to be a number of processes, or -1 for one per core"):
        sweep(n_jobs=wrong)


def test_jobs_and_devices_cannot_be_combined():
    with pytest.raises(pel.OptionError, match=r"n_jobs and devices cannot be combined.*n_jobs=2, devices='all'"):
        sweep(n_jobs=2, devices="all")


@pytest.mark.parametrize(("backend", "kind"), [("threading", "threads"), ("multiprocessing", "forks")])
def test_backends_without_own_processes_are_refused(backend, kind):
    with (
        joblib.parallel_config(backend),
        pytest.raises(pel.UseError, match=f'are {kind} of this process.*"loky" .the default., "dask" or "ray"'),
    ):
        sweep(n_jobs=2)


def test_a_builder_that_cannot_be_pickled_is_an_error():
    build, lock = make_builder(), os.scandir(".")

    def build_with_file(activation, rate):
        assert lock
        return build(activation, rate)

    with lock, pytest.raises(pel.UseError, match=r"cannot be pickled \(TypeError: .*ScandirIterator.*Create such"):
        sweep(build_with_file, n_jobs=2)


def test_an_error_in_a_worker_names_the_trials():
    with pytest.raises(ArithmeticError, match="only in workers") as caught:
        sweep(make_builder(failing_in_workers=True), n_jobs=2)
    notes = "\n".join(caught.value.__notes__)
    assert "in the trial of a sweep with rate=0.1" in notes
    assert "in a worker of a sweep, in the trial with rate=0.1, activation=" in notes
    assert "seed=0 and 3 more" in notes


def test_an_error_that_cannot_be_pickled_is_replaced():
    class Local(Exception):
        pass

    [choice] = [TrialChoice({"rate": 0.5}, 1, None, None)]
    replaced = joblib_workers.describe_error(Local("broken"), [choice])
    assert type(replaced) is joblib_workers.WorkerError
    assert str(replaced) == "Local: broken"
    assert replaced.__notes__ == ["  in a worker of a sweep, in the trial with rate=0.5, seed=1"]


def test_ctrl_c_keeps_the_finished_programs():
    def stop(done, epochs, trials):
        raise KeyboardInterrupt

    with pytest.raises(pel.Interrupted) as stopped:
        sweep(n_jobs=2, progress=stop)
    found = stopped.value.history
    assert len(found) == 4
    assert np.isfinite(found.curves["loss"]).all()


def test_threads_of_this_process_are_no_workers():
    with pytest.raises(pel.UseError, match=r"are threads of this process.*LocalCluster\(processes=True\)"):
        joblib_workers.train_batch(joblib_workers.BatchTask(0, None, [], None, [], None, joblib_workers.PROCESS))


def test_the_context_limits_the_threads_of_workers(monkeypatch):
    monkeypatch.setattr(joblib, "delayed", lambda train: lambda task: (train, (task,), {}))
    tasks = []

    def record(calls):
        tasks.extend(given[0] for _, given, _ in calls)
        yield from ()

    monkeypatch.setattr(joblib, "Parallel", lambda **options: lambda calls: record(calls))
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        sweep()
    assert [task.threads for task in tasks] == [1, 1, 1]
    cores = jax_runtime.count_cores()
    monkeypatch.setenv("NPROC", "1")
    assert jax_runtime.count_cores() == 1
    monkeypatch.setenv("NPROC", "100000")
    assert jax_runtime.count_cores() == cores


def test_workers_of_dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        assert get_bits(sweep()) == get_bits(sweep(n_jobs=1))
