"""NPZ weight files: any parameter name, and damaged headers."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.saving.weights import read_arrays


def test_a_weight_may_have_the_name_of_a_parameter_of_savez(tmp_path: Path) -> None:
    x = nn.Input((2,))
    model = pel.Model(x, nn.Dense(2)(x) * pel.shared(np.float32(3), "file"))
    model.save_weights(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays} == {"dense/kernel": (2, 2), "dense/bias": (2,), "file": ()}
    before = model.get_weights()
    model.set_weights([w * 0 for w in before])
    model.load_weights(tmp_path / "w.npz")
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


def test_every_damaged_header_is_a_storage_error(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.ones((3, 2), "float32"))
    content, refused = file.getvalue(), 0
    for place in range(10, 70):
        for byte in b"(1'\n":
            with zipfile.ZipFile(tmp_path / "a.npz", "w") as parts:
                parts.writestr("a.npy", content[:place] + bytes([byte]) + content[place + 1 :])
            try:
                read_arrays(tmp_path / "a.npz", 1000)
            except pel.StorageError:
                refused += 1
    assert refused > 100


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(pel.StorageError, match=r"expected named arrays\. Received: a single array"):
        read_arrays(tmp_path / "a.npz", 1000)
