"""The digit folder is written in one step and never replaces other files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data import DataError, digit_folder_writer, image_folder, write_digit_folder


@pytest.mark.parametrize("layout", ["one-folder", "folder-per-class"])
def test_image_folder_reads_it_back(tmp_path: Path, layout: digit_folder_writer.Layout) -> None:
    folder = write_digit_folder(tmp_path / "deep" / "digits", digits=(8, 3, 5), per_class=4, layout=layout)
    data = image_folder(folder)
    assert data.class_names == ("digit3", "digit5", "digit8")
    assert data.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.skipped == ()
    images = digit_folder_writer._draw_images(digit_folder_writer.DigitFolderConfig((8, 3, 5), 4, 32, 0, layout))
    assert (data.images == np.concatenate([images[3], images[5], images[8]])).all()
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["digits"]


def test_another_size_is_written(tmp_path: Path) -> None:
    folder = write_digit_folder(tmp_path / "digits", per_class=1, size=48)
    with Image.open(folder / "digit3.0.png") as image:
        assert (image.size, image.mode) == ((48, 48), "RGB")


def test_the_same_folder_is_left_as_it_is(tmp_path: Path) -> None:
    folder = write_digit_folder(tmp_path / "digits", per_class=2)
    before = folder.stat()
    write_digit_folder(folder, per_class=2)
    assert folder.stat().st_ino == before.st_ino


def test_another_configuration_replaces_it(tmp_path: Path) -> None:
    folder = write_digit_folder(tmp_path / "digits", per_class=3)
    write_digit_folder(folder, per_class=1, digits=(0, 1))
    assert sorted(file.name for file in folder.glob("*.png")) == ["digit0.0.png", "digit1.0.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_missing_file_is_restored(tmp_path: Path) -> None:
    folder = write_digit_folder(tmp_path / "digits", per_class=2)
    (folder / "digit3.1.png").unlink()
    write_digit_folder(folder, per_class=2)
    assert (folder / "digit3.1.png").exists()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert len(list(write_digit_folder(tmp_path, per_class=1).glob("*.png"))) == 2


def test_foreign_files_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("mine")
    with pytest.raises(
        DataError, match="files that pellucid did not write, so it is not replaced; choose another path"
    ):
        write_digit_folder(tmp_path, per_class=1)
    assert [file.name for file in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_folder_with_added_files_is_not_replaced(tmp_path: Path) -> None:
    folder = write_digit_folder(tmp_path / "digits", per_class=1)
    (folder / "photo.jpg").write_text("mine")
    with pytest.raises(DataError, match=r"did not write \('photo.jpg'\), so it is not replaced"):
        write_digit_folder(folder, per_class=2)
    assert (folder / "photo.jpg").read_text() == "mine"


def test_a_file_or_a_link_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(DataError, match="expected a folder or no file, received a file or a link"):
            write_digit_folder(tmp_path / name, per_class=1)


def test_an_interrupted_write_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(items: list, **others: object) -> object:
        yield items[0]
        raise KeyboardInterrupt

    folder = write_digit_folder(tmp_path / "digits", per_class=2)
    monkeypatch.setattr(digit_folder_writer, "track", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_digit_folder(folder, per_class=3)
    assert list(tmp_path.iterdir()) == [folder]
    assert len(list(folder.glob("*.png"))) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"digits": (3,)}, "two or more different digits from 0 to 9, received \\(3,\\)"),
        ({"digits": (3, 3)}, "two or more different digits"),
        ({"digits": (3, 10)}, "two or more different digits"),
        ({"per_class": 0}, "per_class from 1 to 5851"),
        ({"per_class": 5852}, "per_class from 1 to 5851 for the digits \\(3, 8\\), received 5852"),
        ({"size": 0}, "a size from 1 to 1024 pixels, received 0"),
        ({"layout": "heap"}, "layout to be 'one-folder' or 'folder-per-class', received 'heap'"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_digit_folder(tmp_path / "digits", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_digits_and_sizes_may_be_numpy_integers(tmp_path: Path) -> None:
    folder = write_digit_folder(tmp_path / "digits", digits=np.array([1, 7]), per_class=np.int64(2))
    assert sorted(file.name for file in folder.glob("*.png")) == [
        f"digit{digit}.{i}.png" for digit in (1, 7) for i in (0, 1)
    ]
    assert write_digit_folder(folder, digits=(1, 7), per_class=2) == folder
