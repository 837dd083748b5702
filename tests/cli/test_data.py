"""``pellucid data``: the overview, and what each check finds and does not find."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main
from pellucid.data.image_decoding import read_image_size
from pellucid.train.check.checked_data import CheckedData
from pellucid.train.check.column_checks import compute_predictive_power
from pellucid.train.check.drift import find_drift
from pellucid.train.check.image_checks import compute_hashes, make_thumbnails
from pellucid.train.check.label_errors import find_label_errors, find_likely_classes
from pellucid.train.check.overview import BINS
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.read.dataset import split_dataset
from pellucid.train.read.loaders import load_dataset
from pellucid.train.settings.settings import Settings
from pellucid.train.training_run import check_prepared_data, fit_model
from tests.cli.conftest import stop_before_training

Output = pytest.CaptureFixture[str]
Images = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(capsys: Output, *words: str) -> Any:
    """Return the output of ``pellucid data --json``."""
    capsys.readouterr()
    assert main(["data", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def get_findings(found: Any) -> dict[str, Any]:
    """Return the findings by name; sizes of test sets and rare classes are not the subject of most tests."""
    return {each["name"]: each for each in found["findings"] if each["name"] not in ("small test set", "rare classes")}


def write_table(file: str, columns: dict[str, Any]) -> None:
    rows = zip(*columns.values(), strict=True)
    Path(file).write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")


def make_columns(count: int = 200) -> dict[str, Any]:
    """Return columns without a problem: two numbers, a category, and a target that depends on all."""
    rng = np.random.default_rng(0)
    size, age, place = (
        rng.normal(70, 20, count).round(2),
        rng.normal(30, 9, count).round(2),
        rng.choice(["a", "b"], count),
    )
    noise = rng.normal(0, 20, count)
    return {"size": size, "age": age, "place": place, "price": (size - age + 20 * (place == "a") + noise).round(1)}


def draw_pictures(count: int) -> list[Images]:
    """Return smooth random pictures."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (count, 9, 9, 3), "uint8")
    return [np.asarray(Image.fromarray(each).resize((64, 64), Image.Resampling.BICUBIC)) for each in noise]


def save_pictures(folder: str, pictures: Sequence[Images], suffix: str = "png") -> None:
    for number, picture in enumerate(pictures):
        place = Path(folder, "ab"[number % 2])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number:02}.{suffix}", quality=60)


def test_clean_data_have_no_findings(capsys: Output) -> None:
    write_table("flats.csv", make_columns(1000))
    assert main(["data", "flats.csv"]) == 0
    output = capsys.readouterr().out
    assert output.endswith("No problems found.\n")
    assert "samples: 700 training, 150 validation, 150 test, split at random" in output
    for name in ("moons", "circles"):
        assert check(capsys, name)["findings"] == []


def test_the_overview_counts_columns_and_classes(capsys: Output) -> None:
    columns = make_columns()
    size, place = list(columns["size"]), list(columns["place"])
    size[3], size[8] = "", "NA"
    write_table("flats.csv", {**columns, "size": size, "place": place, "city": ["Bonn"] * 200})
    found = check(capsys, "flats.csv", "--target", "place")
    described = {each["name"]: each for each in found["columns"]}
    assert described["size"]["missing"] == 2
    assert described["size"]["count"] == sum(found["parts"].values()) - 2
    kept = np.array([float(value) for value in size if value not in ("", "NA")])
    assert described["size"]["range"] == [kept.min(), kept.max()]
    assert described["size"]["median"] == np.median(kept)
    assert described["size"]["histogram"] == np.histogram(kept, BINS)[0].tolist()
    assert (described["city"]["used_as"], described["city"]["reason"]) == ("-", "always 'Bonn'")
    assert {each["name"]: each["samples"] for each in found["classes"]} == {k: place.count(k) for k in "ab"}
    main(["data", "flats.csv", "--target", "place"])
    output = capsys.readouterr().out
    assert "read as CSV, UTF-8, delimiter comma" in output
    assert "Bonn (200) (always 'Bonn')" in output


def test_identical_parts_are_a_failure(capsys: Output) -> None:
    for part in ("train", "test"):
        save_pictures(f"same/{part}", draw_pictures(20))
    found = check(capsys, "same")
    shared = get_findings(found)["samples in two parts"]
    assert found["findings"][0] == shared
    assert shared["severity"] == "failure"
    assert "20 of 20 test samples (100%) are also in the training or validation set" in shared["what"]
    assert "test/a/00.png, equal to train/a/00.png" in shared["what"]
    assert "near-duplicate images" not in get_findings(found)
    main(["data", "same"])
    output = capsys.readouterr().out
    assert "failure: samples in two parts: 20 of 20" in output
    assert "  why:   The score measures memory" in output
    assert "  fix:   Remove the copies" in output


def test_other_qualities_of_one_image_are_near_duplicates(capsys: Output) -> None:
    pictures = draw_pictures(32)
    save_pictures("photos/train", pictures[:26])
    save_pictures("photos/test", [*pictures[:4], *pictures[26:]], "jpg")
    found = get_findings(check(capsys, "photos"))
    assert "samples in two parts" not in found
    assert "4 of 10 test images look almost the same" in found["near-duplicate images"]["what"]
    assert "test/a/00.jpg and train/a/00.png" in found["near-duplicate images"]["what"]


def test_the_perceptual_hash_keeps_under_brightness_and_differs_between_images() -> None:
    pictures = np.stack(draw_pictures(30)).astype(np.float32)
    hashes, lighter = (compute_hashes(make_thumbnails(each)) for each in (pictures, pictures * 0.7 + 60))
    assert hashes.shape == (30, 63)
    different = (hashes[:, None] != lighter[None]).sum(axis=2)
    assert different.diagonal().max() <= 2
    assert different[~np.eye(30, dtype=bool)].min() > 8


def test_uniform_images_are_found(capsys: Output) -> None:
    pictures = draw_pictures(20)
    save_pictures("photos", [*pictures, np.full((64, 64, 3), 90, np.uint8)])
    found = get_findings(check(capsys, "photos"))
    assert found["uniform images"]["where"] == "a/20.png"


def test_equal_rows_with_other_targets_conflict(capsys: Output) -> None:
    columns = make_columns()
    kind = ["yes" if price > 40 else "no" for price in columns["price"]]
    rows = {name: [*columns[name], *columns[name][:10]] for name in ("size", "age", "place")}
    write_table(
        "flats.csv", {**rows, "kind": [*kind, *("no" if each == "yes" else "yes" for each in kind[:9]), kind[9]]}
    )
    found = get_findings(check(capsys, "flats.csv"))
    conflict = found["conflicting targets"]
    assert conflict["what"].startswith("18 samples (9%) have the same inputs as others with another target")
    assert conflict["where"] == "line 2 and line 202"
    assert f"more than {(210 - 9) / 210:.4g} of these samples" in conflict["why"]
    assert {"samples in two parts", "repeated samples"} & set(found)


def test_one_shared_sample_of_few_is_a_warning(capsys: Output) -> None:
    x, y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 3
    np.savez("arrays.npz", x_train=x, y_train=y, x_test=np.concatenate([x[:1], x[1:8] + 9]), y_test=y[:8])
    shared = get_findings(check(capsys, "arrays.npz"))["samples in two parts"]
    assert (shared["severity"], shared["what"][:38]) == ("warning", "1 of 8 test samples (12%) is also in t")


def test_equal_rows_of_few_categories_are_a_note_or_warning(capsys: Output) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (400, 2)), rng.integers(0, 2, 400)
    write_table("games.csv", {"mine": x[:, 0], "theirs": x[:, 1], "won": np.where(y, "yes", "no")})
    found = get_findings(check(capsys, "games.csv"))
    assert found["samples in two parts"]["severity"] == "warning"
    assert "can also be equal by chance" in found["samples in two parts"]["why"]
    assert "repeated samples" not in found


def test_a_column_that_alone_predicts_the_target_is_a_possible_leak(capsys: Output) -> None:
    columns = make_columns()
    target = np.asarray(columns["price"])
    code = ["x" if price > np.median(target) else "y" for price in target]
    write_table("flats.csv", {**columns, "paid": (target * 1.19).round(2)})
    found = get_findings(check(capsys, "flats.csv", "--target", "price"))
    assert found["possible leak"]["where"] == "paid"
    assert found["possible leak"]["fix"].endswith("leave it out with --columns paid=skip")
    assert "possible leak" not in get_findings(
        check(capsys, "flats.csv", "--target", "price", "--columns", "paid=skip")
    )
    write_table("kinds.csv", {**{k: columns[k] for k in ("size", "age", "place")}, "code": code, "kind": code})
    assert get_findings(check(capsys, "kinds.csv"))["possible leak"]["where"] == "code"


def test_predictive_power_is_that_of_a_tree_on_other_rows() -> None:
    from sklearn.datasets import load_iris
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import KFold, cross_val_score

    x, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    assert compute_predictive_power(rng.normal(size=150), y.astype(np.int32)) < 0.2
    petal = compute_predictive_power(x[:, 3], y.astype(np.int32))
    accuracy = cross_val_score(LinearDiscriminantAnalysis(), x[:, 3:], y, cv=KFold(4, shuffle=True, random_state=1))
    expected = (accuracy.mean() - 1 / 3) / (1 - 1 / 3)  # random classes have a weighted F1 score of 1/3
    assert petal == pytest.approx(expected, abs=0.05)
    assert compute_predictive_power(np.where(rng.random(150) < 0.1, np.nan, x[:, 3]), y.astype(np.int32)) < petal


def test_copied_columns_and_identifiers(capsys: Output) -> None:
    columns = make_columns()
    size = np.asarray(columns["size"])
    similar = (size + np.random.default_rng(1).normal(0, 0.5, 200)).round(2)  # a correlation of 0.9997 is no copy
    more = {
        "measured_again": similar,
        "feet": (size * 10.764).round(1),
        "where": [{"a": "sea", "b": "land"}[k] for k in columns["place"]],
    }
    identifiers = {"row": range(200), "owner_id": np.arange(200) // 4}
    write_table("flats.csv", {**identifiers, **more, **columns})
    found = check(capsys, "flats.csv")["findings"]
    copies = [each["where"] for each in found if each["name"] == "copied column"]
    assert copies == ["feet and size", "where and place"]
    assert [each["where"] for each in found if each["name"] == "identifier"] == ["row"]
    assert [each["where"] for each in found if each["name"] == "identifier of groups"] == ["owner_id"]


def test_sentinels_outliers_and_spellings(capsys: Output) -> None:
    columns = {name: list(values) for name, values in make_columns().items()}
    columns["size"][:3] = [-999, -999, -999]
    columns["age"][7] = 30000
    columns["place"][:4] = ["A", "a.", "b", "B "]
    write_table("flats.csv", columns)
    found = get_findings(check(capsys, "flats.csv"))
    assert set(found) == {"sentinel number", "outliers", "mixed spellings"}
    assert found["sentinel number"]["what"].startswith("size is -999 in 3 rows, far from all other values")
    assert found["outliers"]["what"].endswith("age: 30000 in line 9")
    assert "= A (1)" in found["mixed spellings"]["what"]


def test_ordinary_numbers_are_no_sentinels(capsys: Output) -> None:
    rng = np.random.default_rng(0)
    signs, prices = rng.choice([-1, 0, 1], 300), rng.integers(1, 1000, 300)
    prices[:9] = 999
    price = rng.normal(size=300).round(3)
    write_table(
        "numbers.csv", {"sign": signs, "price": prices, "tail": np.exp(3 * rng.normal(size=300)).round(3), "y": price}
    )
    assert not {"sentinel number", "outliers"} & set(get_findings(check(capsys, "numbers.csv")))


def test_rare_classes_and_small_test_sets(capsys: Output) -> None:
    columns = make_columns(60)
    write_table("flats.csv", {**columns, "kind": ["rare"] * 4 + ["frequent"] * 56})
    found = {each["name"]: each for each in check(capsys, "flats.csv")["findings"]}
    assert found["small test set"]["severity"] == "warning"
    assert (
        "only 9 samples: an accuracy of 0.9 would have a 95% interval of 0.57 to 0.98"
        in found["small test set"]["what"]
    )
    assert found["rare classes"]["where"] == "rare"


def test_a_class_without_test_samples_is_a_warning(capsys: Output) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 4)), np.arange(90) % 3
    np.savez("arrays.npz", x_train=x, y_train=y, x_test=x[:30] + 1, y_test=y[:30] % 2)
    absent = get_findings(check(capsys, "arrays.npz"))["class without samples"]
    assert absent["what"] == "the test set has no sample of 2"


def test_samples_of_arrays_are_named_by_their_part(capsys: Output) -> None:
    x, y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 3
    np.savez("arrays.npz", x_train=x, y_train=y, x_test=x[5:35], y_test=y[5:35])
    shared = get_findings(check(capsys, "arrays.npz"))["samples in two parts"]
    assert "such as test sample 0, equal to training sample 5" in shared["what"]


def test_large_data_are_sampled_and_the_output_says_so(capsys: Output) -> None:
    write_table("flats.csv", make_columns(4000))
    [limit] = check(capsys, "flats.csv")["limits"]
    assert limit == "Columns that predict the target were searched in 1,000 random training samples."
    main(["data", "flats.csv"])
    assert capsys.readouterr().out.endswith(f"{limit}\n")


def test_wrong_data_and_options_are_refused(capsys: Output) -> None:
    write_table("flats.csv", make_columns())
    assert main(["data", "flat.csv"]) == 1
    assert "flat.csv: no such file" in capsys.readouterr().err
    assert main(["data", "flats.csv", "--target", "prize"]) == 1
    assert "no column 'prize'. Did you mean 'price'?" in capsys.readouterr().err


COPIED = "failure: 20 of 20 test samples (100%) are also in the training or validation set"


def save_copied_parts() -> list[str]:
    """Save images whose training and test set are equal, and return the words of a training."""
    for part in ("train", "test"):
        save_pictures(f"same/{part}", draw_pictures(20))
    return ["train", "same", "--size", "6", "--model", "linear", "--learning-rate", "0.05", "--out", "run"]


def test_training_says_first_that_parts_are_identical(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    stop_before_training(monkeypatch)
    assert main(save_copied_parts()) == 130
    assert capsys.readouterr().out.startswith(COPIED)


def test_the_result_of_a_training_says_first_that_parts_are_identical(capsys: Output) -> None:
    assert main([*save_copied_parts(), "--epochs", "20", "--batch-size", "99", "--quiet"]) == 0
    assert capsys.readouterr().err.startswith(COPIED)
    record = json.loads(Path("run/record.json").read_text())
    assert record["measures"]["summary"][0].startswith(COPIED)
    found = {each["name"]: each for each in record["measures"]["findings"]}
    assert (found["samples in two parts"]["severity"], found["small test set"]["severity"]) == ("failure", "warning")
    assert record["timings"]["checking"] > 0


def test_training_shows_the_important_findings_and_the_command_for_all(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    columns = {name: list(values) for name, values in make_columns(600).items()}
    columns["size"][:3] = [-999, -999, -999]
    columns["age"][7] = 30000
    write_table("flats.csv", {"price": columns.pop("price"), **columns})
    found = stop_before_training(monkeypatch)
    words = ["train", "flats.csv", "--target", "price"]
    assert main([*words, "--model", "linear", "--epochs", "2", "--out", "run"]) == 130
    output = capsys.readouterr().out
    assert "warning: size is -999 in 3 rows" in output
    assert "30000 in line 9" not in output
    assert "2 notes about the data: pellucid data run/experiment.toml" in output
    shown = check(capsys, "run/experiment.toml")["findings"]
    assert [asdict(each) for each in found[0].data_findings] == shown
    assert {"sentinel number", "outliers"} <= {each["name"] for each in shown}


def test_the_check_does_not_change_training() -> None:
    write_table("flats.csv", make_columns())
    settings = Settings("flats.csv", model="linear", epochs=2, batch_size=140)
    checked, unchecked = prepare(settings), prepare(settings)
    check_prepared_data(checked, Path())
    losses = [fit_model(each, Path(name), 0).history for each, name in ((checked, "one"), (unchecked, "other"))]
    assert losses[0] == losses[1]
    for first, second in zip(*(each.model.get_weights() for each in (checked, unchecked)), strict=True):
        np.testing.assert_array_equal(first, second)


def read_checked_data(data: str) -> CheckedData:
    dataset = load_dataset(Settings(data))
    parts = split_dataset(dataset, {"validation": 0.15, "test": 0.15}, 0)
    return CheckedData(dataset, parts, *dataset.fit_inputs(parts["training"]))


def test_given_parts_that_differ_drift(capsys: Output) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 5)), rng.integers(0, 2, 600)
    x[400:, 3] += 0.8
    y[400:] = rng.random(200) < 0.8
    np.savez("arrays.npz", x_train=x[:400], y_train=y[:400], x_test=x[400:], y_test=y[400:])
    found = get_findings(check(capsys, "arrays.npz"))
    assert set(found) == {"drift", "drift of classes"}
    assert found["drift"]["where"] == "test set"
    assert "medians of feature 4 (" in found["drift"]["what"]
    assert f"and {np.median(x[400:, 3]):.3g})" in found["drift"]["what"]
    assert f"{100 * y[400:].mean():.0f}%" in found["drift of classes"]["what"]


def test_parts_of_one_distribution_do_not_drift(capsys: Output) -> None:
    rng = np.random.default_rng(0)
    for seed in range(5):
        x, y = rng.normal(size=(600, 40)), rng.integers(0, 2, 600)
        np.savez(f"{seed}.npz", x_train=x[:400], y_train=y[:400], x_test=x[400:], y_test=y[400:])
        assert list(find_drift(read_checked_data(f"{seed}.npz"))) == []
    np.savez("few.npz", x_train=x[:400, :3], y_train=y[:400], x_test=x[400:, :3], y_test=y[400:])
    assert get_findings(check(capsys, "few.npz")) == {}


def test_brighter_test_images_drift(capsys: Output) -> None:
    pictures = draw_pictures(80)
    save_pictures("photos/train", pictures[:50])
    save_pictures("photos/test", [np.clip(each.astype(int) + 60, 0, 255).astype(np.uint8) for each in pictures[50:]])
    found = get_findings(check(capsys, "photos"))
    assert "brightness (" in found["drift"]["what"]


def test_near_duplicates_are_searched_in_training_and_validation_images(capsys: Output) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1101, 8, 8), dtype="uint8")
    y = np.arange(1101) % 2
    np.savez("arrays.npz", x_train=images[:100], y_train=y[:100], x_test=images[100:], y_test=y[100:])
    assert main(["data", "arrays.npz"]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "84 training, 16 validation, 1,001 test" in output
    assert "among 1,000 test images, compared with 100 others, chosen at random." in output


def test_dark_light_and_oddly_shaped_images(capsys: Output) -> None:
    pictures = draw_pictures(40)
    rng = np.random.default_rng(0)
    dark, light = rng.integers(0, 60, (64, 64, 3), "uint8"), rng.integers(250, 256, (64, 64, 3), "uint8")
    wide = np.asarray(Image.fromarray(pictures[0]).resize((400, 64)))
    tiny = np.asarray(Image.fromarray(pictures[1]).resize((5, 5)))
    save_pictures("photos", [*pictures[2:], dark, light, wide, tiny])
    found = get_findings(check(capsys, "photos"))
    assert found["dark images"]["where"] == "a/38.png"
    assert found["light images"]["where"] == "b/39.png"
    assert found["odd shapes"]["where"] == "a/40.png (400x64)"
    assert found["odd sizes"]["where"] == "b/41.png (5x5)"
    save_pictures("night", [each // 4 for each in pictures])
    assert "dark images" not in get_findings(check(capsys, "night"))


def test_sizes_of_turned_images_are_those_that_are_seen() -> None:
    for orientation, expected in ((1, (20, 30)), (6, (30, 20))):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", (30, 20)).save("photo.jpg", exif=exif)
        assert read_image_size(Path("photo.jpg").read_bytes()) == expected


def test_a_class_is_likely_if_its_probability_is_high_for_this_class() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.array([[0.95, 0.05], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.6, 0.4], [0.75, 0.25]])
    # The third sample is more like class 1, whose mean is 0.317, than class 0, whose mean is 0.817.
    assert find_likely_classes(labels, probabilities).tolist() == [0, 0, 1, 1, 1, 1]


def make_wrong_labels(noise: float) -> tuple[Any, Any, list[int]]:
    """Write a table of three clusters with three wrong labels; return points, classes, and rows with wrong labels."""
    rng = np.random.default_rng(0)
    kinds = np.arange(300) % 3
    x = 3.0 * np.eye(3)[kinds] + rng.normal(0, noise, (300, 3))
    wrong = [10, 50, 90]
    kinds[wrong] = (kinds[wrong] + 1) % 3
    write_table(
        "kinds.csv", {**{f"x{k}": x[:, k].round(3) for k in range(3)}, "kind": np.array(["a", "b", "c"])[kinds]}
    )
    return x, kinds, wrong


def check_wrong_labels(where: str, kinds: Any, wrong: list[int]) -> None:
    places = re.findall(r"line (\d+) \((\w), perhaps (\w)\)", where)
    right = np.array(["a", "b", "c"])[(kinds[wrong] - 1) % 3]
    expected = {(str(row + 2), "abc"[kinds[row]], str(name)) for row, name in zip(wrong, right, strict=True)}
    assert set(places[:3]) == expected


def test_wrong_labels_are_found_by_the_predictions_of_others() -> None:
    x, kinds, wrong = make_wrong_labels(0.2)
    scores = np.exp(4 * x)  # the larger a coordinate, the likelier its class
    rows = np.random.default_rng(0).permutation(300)
    probabilities = (scores / scores.sum(axis=1, keepdims=True))[rows]
    [found] = find_label_errors(load_dataset(Settings("kinds.csv")), rows, probabilities)
    check_wrong_labels(found.where, kinds, wrong)
    assert found.severity == "note"


@pytest.mark.slow
def test_folds_find_wrong_labels(capsys: Output) -> None:
    _, kinds, wrong = make_wrong_labels(0.5)
    words = ["train", "kinds.csv", "--model", "linear", "--folds", "2", "--epochs", "15", "--learning-rate", "0.1"]
    assert main([*words, "--out", "run"]) == 0
    output = capsys.readouterr().out
    findings = json.loads(Path("run/record.json").read_text())["measures"]["findings"]
    [found] = [each for each in findings if each["name"] == "possible label errors"]
    assert found["what"] in output
    assert "the test set has only" not in output  # the folds test on all samples
    check_wrong_labels(found["where"], kinds, wrong)
