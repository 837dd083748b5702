"""Classes are told from names, in both habits, and doubtful layouts are refused."""

import pytest

from pellucid.data import DataError
from pellucid.data.folder_layout import classes_of, part_folder, parts_of


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["cat.0.jpg", "dog.0.jpg"], ["cat", "dog"]),
        (["a/b/cat.0.jpg", "a/b/dog.x.1.JPG"], ["cat", "dog"]),
        (["train/cat.0.jpg", "train/dog.0.jpg"], ["cat", "dog"]),
        (["cat/0.jpg", "dog/0.jpg"], ["cat", "dog"]),
        (["photos/cat/0.jpg", "photos/dog/deep/er/0.jpg"], ["cat", "dog"]),
        (["photos/train/cat/0.jpg", "photos/train/dog/0.jpg"], ["cat", "dog"]),
        (["cat.0.jpg", "dog.0.jpg", "0.jpg", ".jpg"], ["cat", "dog", None, None]),
        (["cat/dog.0.jpg", "dog/cat.0.jpg"], ["cat", "dog"]),
    ],
)
def test_the_class_is_told_from_the_name(names: list[str], classes: list[str | None]) -> None:
    assert classes_of(names, "photos") == dict(zip(names, classes, strict=True))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat.0.jpg", "dog/0.jpg"], "received both: 'cat.0.jpg' beside folders such as that of 'dog/0.jpg'; move"),
        (["cats/0.jpg", "cats/1.jpg"], "one folder whose names give no class, such as 'cats/0.jpg' and 1 more"),
        (["cat.0.jpg", "cat.1.jpg"], r"two or more classes, received only 'cat' \(2 images\)"),
    ],
)
def test_doubtful_layouts_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=f"^photos: expected .*{message}"):
        classes_of(names, "photos")


PARTED = ["x/Train/cat/0.jpg", "x/test/cat/0.jpg"]


def test_parts_are_no_classes() -> None:
    assert parts_of(PARTED) == ("x/Train", "x/test")
    assert parts_of(["train/cat.0.jpg"]) == ("train",)
    assert parts_of(["train/0.jpg", "plane/0.jpg"]) == ()
    assert part_folder(PARTED, "Train", "photos") == "x/Train/"
    assert part_folder(["cat/0.jpg"], None, "photos") == ""


@pytest.mark.parametrize(
    ("names", "part", "message"),
    [
        (PARTED, None, "holds the parts Train, test; choose one"),
        (PARTED, "tests", "received 'tests'; its parts are Train, test. Did you mean 'test'?"),
        (["cat/0.jpg"], "test", "received 'test'; it has no parts, leave part out"),
    ],
)
def test_a_part_must_be_one_of_them(names: list[str], part: str | None, message: str) -> None:
    with pytest.raises(DataError, match=f"^photos: .*{message}"):
        part_folder(names, part, "photos")
