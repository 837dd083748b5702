"""Classes are inferred from names in both layouts, and ambiguous layouts are refused."""

import pytest

from pellucid.data import DataError
from pellucid.data.folder_layout import find_part_folder, find_parts, infer_classes


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
def test_the_class_is_inferred_from_the_name(names: list[str], classes: list[str | None]) -> None:
    assert infer_classes(names, "photos") == dict(zip(names, classes, strict=True))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat.0.jpg", "dog/0.jpg"], "received both: 'cat.0.jpg' and folders such as that of 'dog/0.jpg'; use one"),
        (["cats/0.jpg", "cats/1.jpg"], "one folder, 'cats', of names without a class, such as 'cats/0.jpg' and 1 more"),
        (["cat.0.jpg", "cat.1.jpg"], r"two or more classes, received only 'cat' \(2 images\)"),
    ],
)
def test_ambiguous_layouts_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=f"^photos: expected .*{message}"):
        infer_classes(names, "photos")


PARTED = ["x/Train/cat/0.jpg", "x/test/cat/0.jpg"]


def test_parts_are_not_classes() -> None:
    assert find_parts(PARTED) == ("x/Train", "x/test")
    assert find_parts(["train/cat.0.jpg"]) == ("train",)
    assert find_parts(["train/0.jpg", "plane/0.jpg"]) == ()
    assert find_part_folder(PARTED, "Train", "photos") == "x/Train/"
    assert find_part_folder(["cat/0.jpg"], None, "photos") == ""


@pytest.mark.parametrize(
    ("names", "part", "message"),
    [
        (PARTED, None, "has the parts Train, test; choose one"),
        (PARTED, "tests", "received 'tests'; the parts are Train, test. Did you mean 'test'?"),
        (["cat/0.jpg"], "test", "received 'test'; the folder has no parts, omit part"),
    ],
)
def test_an_unknown_part_is_an_error(names: list[str], part: str | None, message: str) -> None:
    with pytest.raises(DataError, match=f"^photos: .*{message}"):
        find_part_folder(names, part, "photos")
