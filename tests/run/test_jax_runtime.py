"""JAX's process: set up once, before it runs, and the user's own settings and programs left alone."""

import sys

import pytest

from pellucid.run import jax_runtime

SMALL = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=131072"

LOOP = """
import pellucid as pel
w = pel.shared(1.0, "w")
print(pel.function([], w, updates={w: 2 * w}, mode="xla").repeat(3).tolist())
"""


def test_building_and_printing_need_no_jax(python):
    program = """
import sys, pellucid as pel
x = pel.vector("x")
print(pel.grad(pel.tanh(x).sum(), x))
pel.function([x], x + 1, mode="numpy")([1.0])
print("jax" in sys.modules)
"""
    assert python(program) == ["1 - tanh(x) ** 2", "False"]


FLAGS = (
    LOOP + "import os; from pellucid.run.jax_runtime import started; print(started()[1], os.environ.get('XLA_FLAGS'))"
)


def test_flags_are_set_for_the_first_program_and_for_no_child_process(python):
    assert python(FLAGS) == ["[1.0, 2.0, 4.0]", f"{SMALL} None"]


def test_xla_has_read_its_flags_before_they_are_taken_away(python, tmp_path):
    python(f"from pellucid.run import engine; engine.SMALL_LOOP_BYTES = '131072 --xla_dump_to={tmp_path}'\n" + LOOP)
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("own", "becomes"),
    [
        ("--xla_cpu_enable_fast_math=false", f"--xla_cpu_enable_fast_math=false {SMALL}"),
        (SMALL.replace("131072", "0"), SMALL.replace("131072", "0")),
    ],
)
def test_the_users_flags_win(python, own, becomes):
    assert python(FLAGS, XLA_FLAGS=own) == ["[1.0, 2.0, 4.0]", f"{becomes} {own}"]


MALLOPT = """
import ctypes, sys
from types import SimpleNamespace
from pellucid.run import engine
sys.modules["jax"] = SimpleNamespace(devices=list)  # takes a second to import, and has no part in this
told = []
class Library:
    mallopt = staticmethod(lambda *option: told.append(option))
engine.ctypes = type("", (), {"CDLL": staticmethod(lambda name: Library)})
engine.jax()
engine.jax()
print(len(told))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
@pytest.mark.parametrize(
    ("environment", "told"),
    [({}, "4"), ({"PELLUCID_KEEP_MEMORY": "0"}, "0"), ({"MALLOC_ARENA_MAX": "2"}, "0")],
)
def test_the_allocator_is_told_once_to_keep_memory_unless_told_otherwise(python, environment, told):
    assert python(MALLOPT, **environment) == [told]


def test_jax_imported_first_works_the_same(python):
    assert python("import jax\n" + LOOP) == ["[1.0, 2.0, 4.0]"]
    assert python("import jax; jax.numpy.ones(3).sum()\n" + LOOP) == ["[1.0, 2.0, 4.0]"]


LEAK = """
import jax, jax.numpy as jnp, numpy as np, pellucid as pel
w = pel.shared(np.float64(1.0), "w")
seen = []
f = pel.function([], w, updates={w: 2 * w}, mode="xla")
look = lambda *told: seen.append(str(jnp.asarray(1.0).dtype))
look(); f(); look(); f.repeat(3, progress=look); f.repeat(0); look()
print(f().dtype, set(seen), jax.config.jax_enable_x64)
"""


def test_64_bits_do_not_leak_into_the_users_jax(python):
    assert python(LEAK) == ["float64 {'float32'} False"]


def test_pellucid_keeps_64_bits_whatever_the_user_sets(python):
    assert python(LEAK.replace("look = ", "jax.config.update('jax_enable_x64', True); look = ")) == [
        "float64 {'float64'} True"
    ]


def test_jax_is_imported_to_look_for_accelerators_only_where_it_has_been_given_any(monkeypatch):
    look = jax_runtime.may_find_accelerators.__wrapped__
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
