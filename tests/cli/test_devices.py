"""The report about the machine."""

import json
import os
import platform
from pathlib import Path

import pytest

from pellucid.cli import main
from pellucid.run import machine_report
from pellucid.run.device_selection import list_devices
from pellucid.run.jax_runtime import count_cores
from pellucid.run.machine_report import abbreviate_home, read_memory_field, read_memory_limit

Output = pytest.CaptureFixture[str]


def test_the_report_is_that_of_this_machine(capsys: Output) -> None:
    assert main(["devices", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cores"], found["usable_cores"]) == (os.cpu_count(), count_cores())
    assert found["architecture"] == platform.machine()
    assert [each["name"] for each in found["devices"]] == list_devices()
    assert found["versions"]["python"] == platform.python_version()
    assert 1e8 < found["memory"] < 1e14
    assert found["default_mode"].startswith("auto: loops of small steps by ")


def test_switches_of_the_engine_are_shown(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    monkeypatch.setenv("PELLUCID_CACHE", "0")
    assert main(["devices"]) == 0
    output = capsys.readouterr().out
    assert "loops of small steps by XLA; convolutions, pooling, products by XLA" in output
    assert "cache         off\n" in output


def test_a_missing_compiler_and_missing_packages_are_shown(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(machine_report, "find_compiler", lambda: None)
    monkeypatch.setattr(machine_report, "PACKAGES", ("numpy", "no-such-package"))
    assert main(["devices"]) == 0
    output = capsys.readouterr().out
    assert "C compiler    none found\n" in output
    assert "pip install 'pellucid[compiler]'" in output
    assert "not installed no-such-package\n" in output


def test_memory_is_read_from_the_system_and_the_container(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       1000 kB\nMemAvailable:    500 kB\n")
    assert read_memory_field("MemAvailable", tmp_path / "meminfo") == 512_000
    assert read_memory_field("MemTotal", tmp_path / "nothing") is None
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text("4096\n")
    assert read_memory_limit((str(tmp_path / "nothing"), str(tmp_path / "max"), str(tmp_path / "limit"))) == 4096
    assert read_memory_limit((str(tmp_path / "max"),)) is None


def test_the_report_does_not_name_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert abbreviate_home("/home/someone/.cache/pellucid") == "~/.cache/pellucid"
    assert abbreviate_home("/usr/bin/gcc") == "/usr/bin/gcc"
