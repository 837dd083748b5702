"""OpenCV and imutils on Pillow, and removed modules of scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.compat import cv2, imutils
from pellucid.compat.imutils import paths
from pellucid.compat.sklearn import cross_validation, grid_search

rng = np.random.default_rng(0)
PICTURE = rng.integers(0, 256, (5, 7, 3)).astype("uint8")


def test_image_files(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    image = cv2.imread(str(tmp_path / "a.png"))
    np.testing.assert_array_equal(image, PICTURE[..., ::-1])
    gray = cv2.imread(tmp_path / "a.png", cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(gray, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    assert cv2.imread("missing.png") is None
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    assert cv2.imread(tmp_path / "broken.jpg") is None
    assert cv2.imwrite(str(tmp_path / "b.png"), image)
    np.testing.assert_array_equal(cv2.imread(tmp_path / "b.png", 1), image)
    assert cv2.imwrite(tmp_path / "gray.jpg", gray)
    assert cv2.imread(tmp_path / "gray.jpg", cv2.IMREAD_UNCHANGED).shape == (5, 7)
    assert not cv2.imwrite(tmp_path / "no folder" / "b.png", image)
    with pytest.raises(pel.UseError, match="imread returns None for a file that it cannot read"):
        cv2.resize(None, (2, 2))


def test_resizing() -> None:
    blocks = np.kron(np.arange(6).reshape(2, 3) * 10, np.ones((4, 4))).astype("uint8")
    np.testing.assert_array_equal(
        cv2.resize(blocks, (3, 2), interpolation=cv2.INTER_AREA), np.arange(6).reshape(2, 3) * 10
    )
    np.testing.assert_array_equal(cv2.resize(blocks, (3, 2), interpolation=cv2.INTER_NEAREST), blocks[::4, ::4])
    ramp = np.array([[0.0, 10.0]], "float32")
    np.testing.assert_allclose(cv2.resize(ramp, (4, 1)), [[0, 2.5, 7.5, 10]])
    assert cv2.resize(PICTURE, None, fx=2, fy=2).shape == (10, 14, 3)
    for size, kind in (((0, 2), 1), ((2, 2), cv2.INTER_CUBIC)):
        with pytest.raises(pel.PellucidError, match=r"cv2\.resize: expected"):
            cv2.resize(PICTURE, size, interpolation=kind)


def test_colors() -> None:
    np.testing.assert_array_equal(cv2.cvtColor(PICTURE, cv2.COLOR_BGR2RGB), PICTURE[..., ::-1])
    gray = cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY)
    assert abs(gray - PICTURE @ [0.114, 0.587, 0.299]).max() <= 0.51
    assert cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR).shape == (5, 7, 3)
    for image, code in ((gray, cv2.COLOR_BGR2RGB), (PICTURE, 99)):
        with pytest.raises(pel.PellucidError, match=r"cv2\.cvtColor: expected"):
            cv2.cvtColor(image, code)


def test_windows_and_missing_names(capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imshow("Image", PICTURE)
    assert "shows no window here" in capsys.readouterr().out
    assert cv2.waitKey(0) == -1
    cv2.destroyAllWindows()
    with pytest.raises(pel.NoSuchNameError, match=r"cv2\.GaussianBlur of OpenCV 2\.4 is not in pellucid"):
        cv2.GaussianBlur  # noqa: B018
    with pytest.raises(pel.NoSuchNameError, match=r"imutils\.resize of imutils .* cv2\.resize takes"):
        imutils.resize  # noqa: B018


def test_paths(tmp_path: Path) -> None:
    for name in ("b/cat.2.jpg", "b/cat.10.PNG", "a/dog.1.jpeg", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(Path(p).relative_to(tmp_path)) for p in paths.list_images(str(tmp_path))]
    assert found == ["a/dog.1.jpeg", "b/cat.10.PNG", "b/cat.2.jpg"]
    assert len(list(paths.list_images(tmp_path, contains="cat"))) == 2
    assert len(list(paths.list_files(tmp_path, validExts=(".txt",)))) == 1


def test_splitters_of_the_removed_module() -> None:
    folds = cross_validation.KFold(7, n_folds=3.0)
    assert [test.tolist() for _, test in folds] == [[0, 1, 2], [3, 4], [5, 6]]
    assert (len(folds), folds.n) == (3, 7)
    assert [test.tolist() for _, test in folds] == [[0, 1, 2], [3, 4], [5, 6]]  # it can be used again
    labels = np.array([0, 0, 0, 1, 1, 1])
    for _, test in cross_validation.StratifiedKFold(labels, n_folds=3, shuffle=True, random_state=0):
        assert labels[test].tolist() == [0, 1]
    assert [len(test) for _, test in cross_validation.ShuffleSplit(10, n_iter=2, test_size=0.3, random_state=1)] == [
        3,
        3,
    ]
    assert len(list(cross_validation.StratifiedShuffleSplit(labels, 4, test_size=0.5, random_state=1))) == 4
    assert len(list(cross_validation.LeaveOneOut(4))) == 4
    assert len(list(cross_validation.LeavePOut(4, 2))) == 6
    assert [sorted(set(labels[test])) for _, test in cross_validation.LeaveOneLabelOut(labels)] == [[0], [1]]
    assert len(list(cross_validation.LabelKFold([1, 1, 2, 2, 3, 3], n_folds=3))) == 3
    a, b = cross_validation.train_test_split(np.arange(8), test_size=0.25, random_state=0)
    assert (len(a), len(b)) == (6, 2)
    with pytest.raises(pel.NoSuchNameError, match=r"sklearn\.cross_validation\.LabelShuffleSplit"):
        cross_validation.LabelShuffleSplit  # noqa: B018


def test_searches_of_the_removed_module() -> None:
    from sklearn.linear_model import LogisticRegression

    X = rng.normal(size=(30, 2))
    y = (X[:, 0] > 0).astype(int)
    search = grid_search.GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=cross_validation.StratifiedKFold(y))
    assert search.fit(X, y).n_splits_ == 3
    found = grid_search.RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 2.0]}, n_iter=2, random_state=0)
    assert found.fit(X, y).n_splits_ == 3
