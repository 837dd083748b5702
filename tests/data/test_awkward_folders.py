"""A gallery of awkward folders of images: each is read like its clean form, or an error names the true cause."""

import io
import os
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.data import DataError, DataWarning, image_folder
from pellucid.train import Settings
from pellucid.train.check.check import check_data
from pellucid.train.read.loaders import load_dataset

SIZE = (8, 8)
Files = dict[str, bytes]


def draw(kind: str, number: int, side: int = 8) -> Image.Image:
    """Return an image that differs for every class and number: a color, and a square at a place."""
    rng = np.random.default_rng(1000 * ord(kind[0]) + number)
    pixels = rng.integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels.repeat(4, axis=0).repeat(4, axis=1))


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def make_clean(per_class: int = 4) -> Files:
    return {
        f"{kind}/{number}.png": encode(draw(kind, number)) for kind in ("cat", "dog") for number in range(per_class)
    }


def write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_zip(path: Path, files: Files, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def wrap(files: Files) -> Files:
    return {f"download/my photos/{name}": content for name, content in files.items()}


def change_suffixes(files: Files) -> Files:
    suffixes = [".PNG", ".Png", ".png", ".pNg"]
    return {name[:-4] + suffixes[k % 4]: content for k, (name, content) in enumerate(files.items())}


def add_system_files(files: Files) -> Files:
    names = (
        "._.DS_Store", ".DS_Store", "cat/._0.png",
        "cat/.DS_Store", "cat/Thumbs.db", "dog/thumbs.db", "dog/desktop.ini",
        "dog/Desktop.ini", "__MACOSX/cat/._0.png", ".ipynb_checkpoints/0-checkpoint.png",
        "cat/.ipynb_checkpoints/a.png",
        "@eaDir/cat/0.png", "$RECYCLE.BIN/x.png", "System Volume Information/x.png", "lost+found/x.png", ".git/x.png",
        ".Trash-1000/files/x.png", "cat/.cache/x.jpg", "dog/ehthumbs.db", "dog/Icon\r",
    )  # fmt: skip
    return {**files, **dict.fromkeys(names, b"no image")}


def use_wrong_suffixes(files: Files) -> Files:
    """Name PNG files as JPEG and the other way around: the content decides."""
    return {name.replace(".png", ".jpg"): content for name, content in files.items()}


def rotate(files: Files) -> Files:
    """Store images rotated, with the EXIF orientation that rotates them back."""
    rotated = {}
    for name, content in files.items():
        note = Image.Exif()
        note[0x0112] = 6  # to be turned clockwise by a quarter
        rotated[name] = encode(Image.open(io.BytesIO(content)).transpose(Image.Transpose.ROTATE_90), exif=note)
    return rotated


def use_palettes(files: Files) -> Files:
    return {name: encode(Image.open(io.BytesIO(content)).quantize(256)) for name, content in files.items()}


def add_transparency(files: Files) -> Files:
    return {name: encode(Image.open(io.BytesIO(content)).convert("RGBA")) for name, content in files.items()}


def animate(files: Files) -> Files:
    """Make animations whose first frame is the image."""
    animated = {}
    for name, content in files.items():
        image = Image.open(io.BytesIO(content)).convert("RGB")
        later = Image.new("RGB", image.size, "white")
        animated[name.replace(".png", ".webp")] = encode(
            image, "WEBP", save_all=True, append_images=[later], lossless=True, exact=True
        )
    return animated


def convert(files: Files) -> Files:
    """Store images in other formats without loss, under suffixes of other formats."""
    forms = ("TIFF", "BMP", "PPM", "WEBP")
    converted = {}
    for k, (name, content) in enumerate(files.items()):
        options = {"lossless": True, "exact": True} if forms[k % 4] == "WEBP" else {}
        converted[name] = encode(Image.open(io.BytesIO(content)), forms[k % 4], **options)
    return converted


def add_notes(files: Files) -> Files:
    return {**files, "README.txt": b"about", "cat/labels.csv": b"file,label\n"}


def nest_deeper(files: Files) -> Files:
    return {f"{name.partition('/')[0]}/2024/may/{name.partition('/')[2]}": each for name, each in files.items()}


SAME: list[tuple[Callable[[Files], Files], str]] = [
    (wrap, ""),
    (change_suffixes, ""),
    (add_system_files, ""),
    (use_wrong_suffixes, ""),
    (rotate, ""),
    (use_palettes, ""),
    (add_transparency, ""),
    (animate, ""),
    (convert, ""),
    (nest_deeper, ""),
    (add_notes, "skipped 2 of 10 files: 'README.txt': no image suffix; 'cat/labels.csv': no image suffix"),
    (lambda files: {**files, "cat/9.png": b""}, "skipped 1 of 9 files: 'cat/9.png': an empty file"),
    (lambda files: {**files, "cat/9.jpg": b"a text"}, "'cat/9.jpg': not an image"),
    (lambda files: {**files, "dog/9.png": files["dog/0.png"][:60]}, "'dog/9.png': a damaged image"),
    (
        lambda files: {**files, "dog/9.heic": b"heic"},
        "'dog/9.heic': a HEIC image, a format that is not supported; convert",
    ),
]


@pytest.mark.parametrize(("change", "warning"), SAME, ids=lambda each: getattr(each, "__name__", None))
@pytest.mark.parametrize("archive", [False, True])
def test_it_is_read_like_its_clean_form(
    tmp_path: Path, change: Callable[[Files], Files], warning: str, archive: bool
) -> None:
    clean = image_folder(write(tmp_path / "clean", make_clean()), SIZE)
    files = change(make_clean())
    path = write_zip(tmp_path / "it.zip", files) if archive else write(tmp_path / "it", files)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = image_folder(path, SIZE)
    assert found.class_names == clean.class_names
    np.testing.assert_array_equal(found.labels, clean.labels)
    np.testing.assert_allclose(found.images.astype(int), clean.images.astype(int), atol=1)
    assert [type(each.message) for each in caught] == [DataWarning] * bool(warning)
    if warning:
        assert warning in str(caught[0].message)


@pytest.mark.parametrize(
    "names", [("Train", "VAL", "Test"), ("training", "dev", "eval"), ("TRAIN", "valid", "testing")]
)
def test_parts_have_any_case(tmp_path: Path, names: tuple[str, ...]) -> None:
    files = {f"{part}/{name}": content for part in names for name, content in make_clean().items()}
    dataset = load_dataset(Settings(str(write(tmp_path / "it", files)), options={"size": 8}))
    assert {part: len(rows) for part, rows in dataset.parts.items()} == {"training": 8, "validation": 8, "test": 8}


@pytest.mark.parametrize("name", ["Žluťoučký kůň", "猫 (1)", "a b  c", "ñandú", "🐈", "cat+dog & more", "100%"])
def test_class_names_are_kept(tmp_path: Path, name: str) -> None:
    files = {each.replace("cat", name): content for each, content in make_clean().items()}
    expected = tuple(sorted((name, "dog")))
    assert image_folder(write(tmp_path / "it", files), SIZE).class_names == expected
    assert image_folder(write_zip(tmp_path / "it.zip", files), SIZE).class_names == expected


def test_composed_and_decomposed_letters_are_one_class(tmp_path: Path) -> None:
    """macOS decomposes é into two characters."""
    files = {}
    for part, form in (("train", "NFC"), ("test", "NFD")):
        for name, content in make_clean().items():
            files[f"{part}/{unicodedata.normalize(form, name.replace('cat', 'café'))}"] = content  # type: ignore[arg-type]
    dataset = load_dataset(Settings(str(write(tmp_path / "it", files)), options={"size": 8}))
    assert dataset.class_names == ("café", "dog")


def test_other_modes_are_close_to_the_clean_form(tmp_path: Path) -> None:
    clean = image_folder(write(tmp_path / "clean", make_clean()), SIZE).images.astype(int)
    gray = {n: Image.open(io.BytesIO(c)).convert("L") for n, c in make_clean().items()}
    deep = {n: encode(Image.fromarray(np.asarray(each).astype(np.uint16) * 257)) for n, each in gray.items()}
    found = image_folder(write(tmp_path / "deep", deep), SIZE).images.astype(int)
    expected = np.stack([np.asarray(each) for each in gray.values()])
    np.testing.assert_allclose(found, expected[..., None].repeat(3, axis=3), atol=1)
    inks = {n: Image.open(io.BytesIO(c)).convert("CMYK") for n, c in make_clean().items()}
    jpeg = {n.replace(".png", ".jpg"): encode(each, "JPEG", quality=100, subsampling=0) for n, each in inks.items()}
    found = image_folder(write(tmp_path / "inks", jpeg), SIZE).images.astype(int)
    assert np.abs(found - clean).mean() < 4


def test_links_and_pipes_are_named_and_loops_end(tmp_path: Path) -> None:
    folder = write(tmp_path / "it", make_clean())
    (folder / "cat" / "loop").symlink_to(folder)
    (folder / "bird").symlink_to(folder / "cat")
    (folder / "dog" / "gone.png").symlink_to("nothing.png")
    (folder / "dog" / "9.png").symlink_to(folder / "dog" / "0.png")  # a link to a file is a file
    os.mkfifo(folder / "dog" / "pipe.png")
    with pytest.warns(DataWarning, match="skipped 4 of 13 files: 'bird': a link to a folder, which is not followed"):
        found = image_folder(folder, SIZE)
    assert found.class_names == ("cat", "dog")
    assert np.bincount(found.labels).tolist() == [4, 5]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_skipped(tmp_path: Path) -> None:
    folder = write(tmp_path / "it", make_clean())
    (folder / "cat" / "0.png").chmod(0)
    with pytest.warns(DataWarning, match=r"'cat/0.png': a file that cannot be read \(Permission denied\)"):
        assert len(image_folder(folder, SIZE).images) == 7


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "it", make_clean())
    (folder / "bird").mkdir()
    with pytest.warns(DataWarning, match="'bird': an empty folder"):
        assert image_folder(folder, SIZE).class_names == ("cat", "dog")


def make_bomb() -> bytes:
    """Return a small PNG file of 90 million pixels."""
    return encode(Image.new("1", (9_500, 9_500)))


def test_huge_and_tiny_images(tmp_path: Path) -> None:
    files = {**make_clean(), "cat/8.png": make_bomb(), "dog/8.png": encode(Image.new("RGB", (1, 1), "red"))}
    with pytest.warns(DataWarning, match="'cat/8.png': more pixels than the 80000000 allowed"):
        found = image_folder(write(tmp_path / "it", files), SIZE)
    assert (found.images[found.files.index("dog/8.png")] == (255, 0, 0)).all()


def damage_checksum(path: Path) -> Path:
    """Change a byte of the first image in an archive."""
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 255
    path.write_bytes(content)
    return path


def encrypt(path: Path) -> Path:
    """Set the flags of encryption of all members."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = content.find(signature)
        while position >= 0:
            content[position + offset] |= 1
            position = content.find(signature, position + 4)
    path.write_bytes(content)
    return path


def test_a_wrong_checksum_in_an_archive_skips_the_image(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match=r"skipped 1 of 8 files: 'cat/0.png': damaged in the archive \(Bad CRC-32"):
        assert len(image_folder(damage_checksum(write_zip(tmp_path / "it.zip", make_clean())), SIZE).images) == 7


def test_an_encrypted_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it.zip: .*received only 'cat/0.png' \(encrypted\)"):
        image_folder(encrypt(write_zip(tmp_path / "it.zip", make_clean())), SIZE)


def rename(files: Files, form: Callable[[str], str]) -> Files:
    return {form(name): content for name, content in files.items()}


REFUSED: list[tuple[str, Files, str]] = [
    (
        "one class",
        {n: c for n, c in make_clean().items() if "cat" in n},
        "received one folder, 'cat', of names without a class",
    ),
    ("nothing", {}, "expected a folder of images"),
    ("only texts", {"cat/a.txt": b"", "dog/b.txt": b""}, "received only 'cat/a.txt' (no image suffix)"),
    (
        "a class of damaged images",
        {**make_clean(), "bird/0.png": b"x"},
        "no usable image of class 'bird'; 'bird/0.png': not",
    ),
    (
        "a class of another format",
        {**make_clean(), "bird/0.heic": b"x"},
        "no usable image in 'bird'; 'bird/0.heic': a HEIC",
    ),
    ("loose images", {**make_clean(), "0.png": encode(draw("c", 0))}, "received both: '0.png' and folders such as"),
    (
        "labels in a table",
        {**rename(make_clean(), lambda n: n.replace("/", "_")), "labels.csv": b"file,label\n"},
        "one folder of names without a class, such as 'cat_0.png' and 7 more. Labels in 'labels.csv' are not read",
    ),
    (
        "other classes in the test part",
        {
            **rename(make_clean(), "train/{}".format),
            **rename(make_clean(), lambda n: f"test/{n}".replace("dog", "fox")),
        },
        "expected the same classes in every part, received cat, dog in the training part and cat, fox in the test part",
    ),
    (
        "no training part",
        {**rename(make_clean(), "val/{}".format), **rename(make_clean(), "test/{}".format)},
        "expected a training part, such as train, received only test, val",
    ),
    (
        "two test parts",
        {f"{part}/{n}": c for part in ("train", "test", "Testing") for n, c in make_clean().items()},
        "expected one folder for the test part, received Testing and test",
    ),
    (
        "a folder next to the parts",
        {f"{part}/{n}": c for part in ("train", "test", "samples") for n, c in make_clean().items()},
        "expected only parts next to test and train, received 'samples'. Move it elsewhere, or rename",
    ),
    (
        "parts inside of classes",
        {n.replace("/", f"/{part}/"): c for part in ("train", "test") for n, c in make_clean().items()},
        "expected classes inside of parts, such as test/cat, received parts inside of classes, such as 'cat/test'",
    ),
]


@pytest.mark.parametrize(("files", "message"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
@pytest.mark.parametrize("archive", [False, True])
def test_the_error_names_the_cause(tmp_path: Path, files: Files, message: str, archive: bool) -> None:
    (tmp_path / "it").mkdir()
    path = write_zip(tmp_path / "it.zip", files) if archive else write(tmp_path / "it", files)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        with pytest.raises(DataError) as error:
            load_dataset(Settings(str(path), options={"size": 8}))
    assert message in str(error.value).replace("\n", " ")


def test_a_class_with_one_image_is_refused(tmp_path: Path) -> None:
    files = {**make_clean(), "fox/0.png": encode(draw("fox", 0))}
    with pytest.raises(DataError, match=r"expected at least 3 samples of class 'fox' .*received 1 sample"):
        check_data(Settings(str(write(tmp_path / "it", files)), options={"size": 8}))


def find(folder: Path) -> Iterator[str]:
    for each in check_data(Settings(str(folder), options={"size": 8})).findings:
        yield f"{each.severity}: {each.name}: {each.what} ({each.where})"


def make_many(change: Callable[[str, Image.Image], Image.Image]) -> Files:
    return {
        f"{kind}/{number:02}.png": encode(change(kind, draw(kind, number, 16)))
        for kind in ("cat", "dog", "fox")
        for number in range(20)
    }


def test_the_same_image_in_two_classes_is_found(tmp_path: Path) -> None:
    files = make_many(lambda kind, image: image)
    files["dog/00.png"] = files["cat/00.png"]
    found = "\n".join(find(write(tmp_path / "it", files)))
    assert "conflicting targets" in found
    assert "cat/00.png" in found


def test_a_class_in_another_size_or_in_gray_is_found(tmp_path: Path) -> None:
    def shrink(kind: str, image: Image.Image) -> Image.Image:
        return image.resize((12, 9)) if kind == "fox" else image

    def fade(kind: str, image: Image.Image) -> Image.Image:
        return image.convert("L") if kind == "dog" else image

    found = "\n".join(find(write(tmp_path / "size", make_many(shrink))))
    assert (
        "warning: class mark: all 20 measured images of class 'fox' have 12x9 pixels, and of the others 0 of 40"
        in found
    )
    found = "\n".join(find(write(tmp_path / "gray", make_many(fade))))
    assert "warning: class mark: all 20 measured images of class 'dog' are gray, and of the others 0 of 40" in found
    for change in (lambda kind, image: image, lambda kind, image: image.convert("L")):
        assert "class mark" not in "\n".join(find(write(tmp_path / str(id(change)), make_many(change))))


def test_classes_that_differ_in_case_are_found(tmp_path: Path) -> None:
    files = rename(make_many(lambda kind, image: image), lambda name: name.replace("fox", "Cat "))
    found = "\n".join(find(write(tmp_path / "it", files)))
    assert "warning: similar classes: the classes 'Cat ' and 'cat' differ only in case or spaces" in found
