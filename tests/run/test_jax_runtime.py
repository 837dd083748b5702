"""JAX's configuration: flags, allocator and 64-bit mode, without side effects on the user's programs."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import jax_runtime

slow = pytest.mark.slow

SMALL = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=131072"

LOOP = """
import pellucid as pel
w = pel.shared(1.0, "w")
print(pel.function([], w, updates={w: 2 * w}, mode="xla").repeat(3).tolist())
"""


def test_building_and_printing_do_not_import_jax(python):
    program = """
import sys, pellucid as pel
x = pel.vector("x")
print(pel.grad(pel.tanh(x).sum(), x))
pel.function([x], x + 1, mode="numpy")([1.0])
print("jax" in sys.modules)
"""
    assert python(program) == ["1 - tanh(x) ** 2", "False"]


def test_the_import_of_jax_leaves_numpys_random_state_alone(monkeypatch):
    drawn, rand, seed = [], np.random.rand, np.random.seed
    monkeypatch.setattr(jax_runtime.importlib, "import_module", lambda name: drawn.append(rand()) or name)
    seed(3)
    expected = rand(3).tolist()
    seed(3)
    assert jax_runtime.import_without_draws("jax") == "jax"
    assert rand(3).tolist() == expected
    assert drawn


@slow
def test_the_first_program_leaves_numpys_random_state_alone(python):
    program = """
import numpy as np, pellucid as pel
np.random.seed(3)
first = np.random.rand(3).tolist()
np.random.seed(3)
pel.function([], pel.shared(1.0) + 1)()
assert np.random.rand(3).tolist() == first
"""
    python(program)


@pytest.mark.parametrize(
    ("user_flags", "flags"),
    [
        (None, SMALL),
        ("--xla_cpu_enable_fast_math=false", f"--xla_cpu_enable_fast_math=false {SMALL}"),
        (SMALL.replace("131072", "0"), SMALL.replace("131072", "0")),
    ],
)
def test_flags_of_the_user_take_precedence_and_child_processes_inherit_no_others(monkeypatch, user_flags, flags):
    while_starting = []
    jax = SimpleNamespace(devices=lambda: while_starting.append(os.environ["XLA_FLAGS"]))
    monkeypatch.setattr(jax_runtime, "importlib", SimpleNamespace(import_module=lambda name: jax))
    monkeypatch.setattr(jax_runtime, "configure_allocator", lambda: None)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if user_flags is not None:
        monkeypatch.setenv("XLA_FLAGS", user_flags)
    assert jax_runtime.start_jax.__wrapped__() == (jax, flags)
    assert while_starting == [flags]
    assert os.environ.get("XLA_FLAGS") == user_flags


@slow
def test_xla_reads_the_flags(python, tmp_path):
    python(
        f"from pellucid.run import jax_runtime; jax_runtime.SMALL_LOOP_BYTES = '131072 --xla_dump_to={tmp_path}'\n"
        + LOOP
    )
    assert list(tmp_path.iterdir())


MALLOPT = """
import ctypes, sys
from types import SimpleNamespace
from pellucid.run import jax_runtime
sys.modules["jax"] = SimpleNamespace(devices=list)  # the real one takes a second to import
options = []
class Library:
    mallopt = staticmethod(lambda *option: options.append(option))
jax_runtime.ctypes = type("", (), {"CDLL": staticmethod(lambda name: Library)})
jax_runtime.jax()
jax_runtime.jax()
print(len(options))
"""


ENVIRONMENTS = [({}, 4), ({"PELLUCID_KEEP_MEMORY": "0"}, 0), ({"MALLOC_ARENA_MAX": "2"}, 0)]

glibc = pytest.mark.skipif(sys.platform != "linux", reason="mallopt is a function of glibc")


@glibc
@pytest.mark.parametrize(("environment", "count"), ENVIRONMENTS)
def test_the_allocator_is_configured_unless_the_user_configures_it(monkeypatch, environment, count):
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_", "PELLUCID_KEEP"))]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    options = []
    library = SimpleNamespace(mallopt=lambda *option: options.append(option))
    monkeypatch.setattr(jax_runtime, "ctypes", SimpleNamespace(CDLL=lambda name: library))
    monkeypatch.setattr(jax_runtime, "keeps_memory", jax_runtime.keeps_memory.__wrapped__)
    jax_runtime.configure_allocator()
    assert len(options) == count
    assert [option for option, _ in options] == [-4, -1, -2, -8][:count]


@slow
@glibc
@pytest.mark.parametrize(("environment", "count"), ENVIRONMENTS)
def test_the_allocator_is_configured_once_unless_the_user_configures_it(python, environment, count):
    assert python(MALLOPT, **environment) == [str(count)]


@pytest.mark.parametrize("is_imported", [False, True])
def test_programs_run_in_the_calling_thread_unless_the_user_imported_jax(monkeypatch, is_imported):
    settings = {}
    config = SimpleNamespace(update=settings.__setitem__)
    jax = SimpleNamespace(devices=lambda: None, config=config)
    monkeypatch.setattr(jax_runtime, "configure_allocator", lambda: None)
    monkeypatch.setattr(jax_runtime, "import_without_draws", lambda name: jax)
    monkeypatch.setattr(jax_runtime, "before_devices", [lambda module: settings.update(called=module is jax)])
    monkeypatch.setattr(jax_runtime, "sys", SimpleNamespace(modules={"jax": jax} if is_imported else {}))
    assert jax_runtime.start_jax.__wrapped__()[0] is jax
    inline = {} if is_imported else {"jax_cpu_enable_async_dispatch": False}
    assert settings == {**inline, "called": True}


@slow
def test_jax_may_be_started_first(python):
    assert python("import jax; jax.numpy.ones(3).sum()\n" + LOOP) == ["[1.0, 2.0, 4.0]"]


LEAK = """
import jax, jax.numpy as jnp, numpy as np, pellucid as pel
for setting in (False, True):
    jax.config.update("jax_enable_x64", setting)
    w = pel.shared(np.float64(1.0), "w")
    dtypes = []
    f = pel.function([], w, updates={w: 2 * w}, mode="xla")
    look = lambda *_: dtypes.append(str(jnp.asarray(1.0).dtype))
    look(); f(); look(); f.repeat(3, progress=look); f.repeat(0); look()
    print(f().dtype, set(dtypes), jax.config.jax_enable_x64)
"""


@pytest.mark.parametrize("setting", [False, True])
def test_64_bits_are_kept_and_do_not_leak(setting):
    import jax
    import jax.numpy as jnp

    original, dtypes = jax.config.jax_enable_x64, []

    def look(*_):
        dtypes.append(str(jnp.asarray(1.0).dtype))

    jax.config.update("jax_enable_x64", setting)
    try:
        w = pel.shared(np.float64(1.0), "w")
        f = pel.function([], w, updates={w: 2 * w}, mode="xla")
        look(), f(), look(), f.repeat(3, progress=look), f.repeat(0), look()
        assert f().dtype == "float64"
        assert jax.config.jax_enable_x64 == setting
    finally:
        jax.config.update("jax_enable_x64", original)
    assert set(dtypes) == {"float64" if setting else "float32"}


@slow
def test_64_bits_are_kept_with_any_setting_of_the_user_and_do_not_leak(python):
    assert python(LEAK) == ["float64 {'float32'} False", "float64 {'float64'} True"]


def test_jax_is_imported_early_only_with_a_plugin_for_accelerators(monkeypatch):
    look = jax_runtime.may_have_accelerator.__wrapped__
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(jax_runtime, "find_spec", lambda name: None)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    assert not look()
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: ["metal"])
    assert look()
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    monkeypatch.setattr(jax_runtime, "find_spec", lambda name: name == "jax_plugins" or None)
    assert look()
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert not look()
