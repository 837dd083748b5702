"""Sweeps in worker processes: results, errors, interrupts and the choice of the backend of joblib."""

import os
import pickle
import sys
from dataclasses import replace

import cloudpickle
import joblib
import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.data import moons
from pellucid.run import jax_runtime
from pellucid.training.sweeps import joblib_workers
from pellucid.training.sweeps.trials import TrialChoice

HOW = {"epochs": 2, "batch_size": 10, "verbose": 0}
WORKER = "PELLUCID_TEST_WORKER"
"""Environment variable that is set while a task runs in `InlineParallel`."""


def make_builder(failing_in_workers=False):
    parent = os.getpid()

    def build(activation, rate, hidden=2, dropout=0.0):
        is_worker = os.getpid() != parent or "PELLUCID_TEST_WORKER" in os.environ
        if failing_in_workers and is_worker:
            raise ArithmeticError("only in workers")
        layers = [nn.Input((2,)), nn.Dense(hidden, activation), nn.Dropout(dropout), nn.Dense(2, activation="softmax")]
        model = pel.Sequential(layers)
        # Workers get the values of this process, as if they were random.
        optimizer = nn.optimizers.Adam(rate + is_worker)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


VALIDATION = moons(6, seed=2)
SETTINGS = {"rate": [0.1, 0.2], "activation": ["tanh", "relu"]}
ONE = {"rate": 0.1, "activation": "tanh"}


def sweep(build=None, **options):
    return pel.sweep(build or make_builder(), *moons(20, seed=1), **{**SETTINGS, **HOW, **options})


class InlineParallel:
    """Replaces `joblib.Parallel`: runs pickled tasks in this process, the last one first, as if in worker processes."""

    def __init__(self, **options):
        self.options = options

    def __call__(self, calls):
        for train, (task,), _ in reversed(list(calls)):
            function, sent = pickle.loads(cloudpickle.dumps((train, replace(task, process="another"))))
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(WORKER, "1")
                yield pickle.loads(pickle.dumps(function(sent)))


@pytest.fixture
def inline_workers(monkeypatch):
    """Run the tasks of sweeps in this process, and record how joblib is called."""
    calls = []

    def start(**options):
        calls.append(options)
        return InlineParallel(**options)

    monkeypatch.setattr(joblib, "Parallel", start)
    return calls


@pytest.fixture(scope="module", autouse=True)
def executor():
    """End the workers of the slow tests."""
    yield
    if "joblib.externals.loky" in sys.modules:
        from joblib.externals.loky import reusable_executor

        if reusable_executor._executor is not None:
            reusable_executor._executor.shutdown(wait=True)


def get_bits(found):
    state = [p.get_value().tobytes() for trial in found.trials for p in trial.model.state().values()]
    return [str(t) for t in found.trials], {k: v.tobytes() for k, v in found.curves.items()}, state


@pytest.mark.parametrize(
    "how", [pytest.param({"initial_epoch": 1, "epochs": 3}, marks=pytest.mark.slow), {"shuffle": False}], ids=str
)
def test_tasks_compute_the_bits_of_one_process(inline_workers, how):
    options = {"rows": [np.arange(20), np.arange(20)[::-1]], "rate": [0.1], **how}
    calls = []
    alone = sweep(**options)
    assert inline_workers == []
    found = sweep(**options, n_jobs=2, progress=lambda *a: calls.append((a[0], a[1], a[2][0].settings["activation"])))
    assert found.programs == 2
    assert get_bits(found) == get_bits(alone)
    assert found.backends == alone.backends != []
    assert calls == [(1, 2, "relu"), (2, 2, "tanh")]
    assert inline_workers == [
        {
            "n_jobs": 2,
            "prefer": "processes",
            "batch_size": 1,
            "pre_dispatch": "all",
            "return_as": "generator_unordered",
        }
    ]
    assert [t.model.optimizer.iterations.get_value() for t in found.trials] == [4] * 4


@pytest.mark.slow
def test_workers_compute_the_bits_of_one_process():
    options = {
        "validation_data": moons(20, seed=2),
        "rows": [np.arange(20), np.arange(10, 30)],
        "activation": ["tanh", "relu", "sigmoid"],
        "dropout": 0.2,
        "seed": [0, 3],
        "epochs": 4,
        "batch_size": 16,
    }
    x, y = moons(30, seed=1)
    calls = []
    settings = {**SETTINGS, **HOW, **options}
    alone = pel.sweep(make_builder(), x, y, **settings)
    found = pel.sweep(make_builder(), x, y, **settings, n_jobs=2, progress=lambda *a: calls.append((a[0], a[1])))
    assert found.programs == 3
    assert get_bits(found) == get_bits(alone)
    assert found.backends == alone.backends
    assert calls == [(1, 4), (2, 4), (4, 4)]
    before = [trial.model.evaluate(x, y, verbose=0)[0] for trial in found.trials]
    assert before == [trial.model.evaluate(x, y, verbose=0)[0] for trial in alone.trials]


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
    assert found == [2, 2]
    assert len(sweep(n_jobs=2, activation="relu")) == 2  # one program
    assert found == [2, 2]
    assert joblib_workers.count_workers(1, None, 3) == 1
    assert joblib_workers.count_workers(-1, None, 10**6) == joblib.effective_n_jobs(-1)


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
    message = "Expected n_jobs to be a number of processes, or -1 for one per core"
    with pytest.raises(pel.OptionError, match=message):
        joblib_workers.count_workers(wrong, None, 3)
    with pytest.raises(pel.OptionError, match=message):
        sweep(n_jobs=wrong, **ONE)


def test_jobs_and_devices_cannot_be_combined():
    with pytest.raises(pel.OptionError, match=r"n_jobs and devices cannot be combined.*n_jobs=2, devices='all'"):
        sweep(n_jobs=2, devices="all", **ONE)


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


def check_error_of_workers():
    with pytest.raises(ArithmeticError, match="only in workers") as caught:
        sweep(make_builder(failing_in_workers=True), n_jobs=2, seed=[0, 3])
    notes = "\n".join(caught.value.__notes__)
    assert "in the trial of a sweep with rate=0.1" in notes
    assert "in a worker of a sweep, in the trial with rate=0.1, activation=" in notes
    assert "seed=0 and 3 more" in notes


def test_an_error_in_a_task_names_the_trials(inline_workers):
    check_error_of_workers()


@pytest.mark.slow
def test_an_error_in_a_worker_names_the_trials():
    check_error_of_workers()


def test_an_error_that_cannot_be_pickled_is_replaced():
    class Local(Exception):
        pass

    [choice] = [TrialChoice({"rate": 0.5}, 1, None, None)]
    replaced = joblib_workers.describe_error(Local("broken"), [choice])
    assert type(replaced) is joblib_workers.WorkerError
    assert str(replaced) == "Local: broken"
    assert replaced.__notes__ == ["  in a worker of a sweep, in the trial with rate=0.5, seed=1"]


def check_ctrl_c():
    def stop(done, epochs, trials):
        raise KeyboardInterrupt

    with pytest.raises(pel.Interrupted) as stopped:
        sweep(n_jobs=2, progress=stop, validation_data=VALIDATION)
    found = stopped.value.history
    assert len(found) == 2
    assert np.isfinite(found.curves["loss"]).all()
    return found


def test_ctrl_c_keeps_the_finished_tasks(inline_workers):
    found = check_ctrl_c()
    loss, accuracy = found.trials[1].model.evaluate(*VALIDATION, verbose=0)
    assert found.curves["val_loss"][1, -1] == pytest.approx(loss, rel=1e-5)
    assert found.curves["val_accuracy"][1, -1] == pytest.approx(accuracy)
    assert [trial.settings["activation"] for trial in found.trials] == ["relu", "relu"]
    fresh = make_builder()("relu", 0.1)
    assert all(trial.model.optimizer.iterations.get_value() == 4 for trial in found.trials)
    assert fresh.optimizer is not found.trials[0].model.optimizer


@pytest.mark.slow
def test_ctrl_c_keeps_the_finished_programs():
    check_ctrl_c()


def test_programs_that_take_longest_come_first(monkeypatch):
    numbers = []

    def record(**options):
        def run(calls):
            numbers.extend(task.number for _, (task,), _ in calls)
            yield from ()

        return run

    monkeypatch.setattr(joblib, "Parallel", record)
    sweep(rate=0.1, hidden=[1, 4], dropout=0.2, n_jobs=4)
    assert numbers == [1, 3, 0, 2]  # the wider networks


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
    assert [task.threads for task in tasks] == [1, 1]
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
