"""Image folders with valid, unusual and damaged files."""

import io
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data import DataError, DataWarning, image_folder, image_parts, images

RED, GREEN = (200, 0, 0), (0, 200, 0)


def encode_image(
    color: tuple[int, ...] = RED, mode: str = "RGB", suffix: str = "PNG", size: tuple[int, int] = (8, 6)
) -> bytes:
    """Return the bytes of an image file of one color."""
    stream = io.BytesIO()
    Image.new(mode, size, color).save(stream, suffix)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """A function that makes a folder of files."""

    def make(files: dict[str, bytes]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return make


GOOD = {"cat.0.png": encode_image(RED), "cat.1.png": encode_image(RED), "dog.0.png": encode_image(GREEN)}


@pytest.mark.parametrize("rename", [lambda name: name, lambda name: "a/b/" + name.replace(".", "/", 1)])
def test_both_layouts_are_read(folder, rename) -> None:
    data = image_folder(folder({rename(name): content for name, content in GOOD.items()}), size=(4, 5))
    assert data.images.shape == (3, 4, 5, 3)
    assert data.images.dtype == np.uint8
    assert data.labels.dtype == np.int32
    assert data.labels.tolist() == [0, 0, 1]
    assert data.class_names == ("cat", "dog")
    assert data.files == tuple(map(rename, GOOD))
    assert data.skipped == ()
    assert (data.images[:2] == RED).all()
    assert (data.images[2] == GREEN).all()


def test_uppercase_endings_and_hidden_files(folder) -> None:
    extra = {
        "bird.0.JPEG": encode_image(suffix="JPEG"),
        ".DS_Store": b"x",
        "__MACOSX/cat.0.png": b"x",
        ".hidden/a.png": b"",
    }
    data = image_folder(folder({**GOOD, **extra}))
    assert data.class_names == ("bird", "cat", "dog")
    assert data.skipped == ()


def make_rotated_photo(orientation: int) -> bytes:
    """Return an image whose left half is red, stored rotated, with its EXIF orientation."""
    image = Image.new("RGB", (8, 8), GREEN)
    image.paste(RED, (0, 0, 4, 8))
    note = Image.Exif()
    note[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, "PNG", exif=note)
    return stream.getvalue()


def test_exif_orientation_is_honored(folder) -> None:
    data = image_folder(folder({"a.0.png": make_rotated_photo(1), "b.0.png": make_rotated_photo(6)}), size=(8, 8))
    assert (data.images[0][:, :4] == RED).all()
    assert (data.images[1][:4, :] == RED).all()  # a clockwise quarter turn moves the left side to the top


def make_png16() -> bytes:
    """Return a gray image with 16 bits per pixel."""
    stream = io.BytesIO()
    Image.fromarray(np.full((6, 8), 200 * 256 + 17, np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def make_transparent_palette() -> bytes:
    """Return a palette image whose only color is transparent."""
    image = Image.new("P", (8, 6), 0)
    image.putpalette([10, 20, 30])
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=0)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode_image((77,), "L"), (77, 77, 77)),
        (encode_image((1,), "1"), (255, 255, 255)),
        (encode_image((0, 0, 0, 0), "RGBA"), (255, 255, 255)),
        (encode_image((255, 0, 0, 255), "RGBA"), (255, 0, 0)),
        (encode_image((0, 0, 255, 51), "RGBA"), (204, 204, 255)),
        (encode_image((0, 255), "LA"), (0, 0, 0)),
        (make_png16(), (200, 200, 200)),
        (make_transparent_palette(), (255, 255, 255)),
        (encode_image(RED, suffix="GIF"), RED),
        (encode_image(RED, suffix="BMP"), RED),
        (encode_image((0, 0, 0, 0), "CMYK", "JPEG"), (255, 255, 255)),
        (encode_image((0, 255, 255, 0), "CMYK", "JPEG"), (255, 0, 0)),
    ],
)
def test_every_mode_becomes_red_green_and_blue(folder, content: bytes, expected: tuple[int, int, int]) -> None:
    data = image_folder(folder({"a.0.png": content, "b.0.png": encode_image()}), size=(3, 3))
    assert np.abs(data.images[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("suffix", ["JPEG", "PNG"])
def test_large_images_read_in_threads_are_the_same(folder, monkeypatch, rng, suffix: str) -> None:
    def make_noise() -> bytes:
        stream = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)).save(stream, suffix)
        return stream.getvalue()

    path = folder({f"{kind}.{index}.jpg": make_noise() for kind in "ab" for index in range(5)})
    assert min(file.stat().st_size for file in path.iterdir()) > images.MINIMUM_BYTES_FOR_THREADS / 2
    monkeypatch.setattr(images, "MINIMUM_BYTES_FOR_THREADS", 0)
    threaded = image_folder(path)
    monkeypatch.setattr(images, "MINIMUM_BYTES_FOR_THREADS", 1e9)
    serial = image_folder(path)
    assert (threaded.images == serial.images).all()
    assert threaded.files == serial.files == tuple(sorted(threaded.files))


def make_png_with_false_size(side: int) -> bytes:
    """Return a PNG of a few bytes whose header declares a large square."""
    content = bytearray(encode_image(size=(1, 1)))
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def make_float_tiff() -> bytes:
    """Return a TIFF of 32-bit floats."""
    stream = io.BytesIO()
    Image.new("F", (4, 4), 0.5).save(stream, "TIFF")
    return stream.getvalue()


BAD = {
    "dog.1.jpg": (b"just a text", "not an image"),
    "dog.2.jpg": (
        encode_image(suffix="JPEG", size=(400, 400))[:-900],
        "a damaged image .OSError: image file is truncated",
    ),
    "dog.3.png": (b"", "an empty file"),
    "dog.4.png": (make_png_with_false_size(20_000), "more pixels than the 80000000 allowed"),
    "dog.5.png": (make_png_with_false_size(9_000), "9000x9000 pixels, more than the 80000000 allowed"),
    "dog.8.png": (make_png_with_false_size(9_500), "more pixels than the 80000000 allowed"),
    "dog.6.tif": (make_float_tiff(), "32 bits per pixel without a known range; save it with 8"),
    "7.png": (encode_image(), "no class in its name; expected names like 'cat.0.jpg'"),
    "notes.txt": (b"hello", "no image suffix"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_skipped_with_a_warning_or_an_error_if_strict(folder, name: str) -> None:
    content, reason = BAD[name]
    path = folder({**GOOD, name: content})
    with pytest.warns(DataWarning, match=f"skipped 1 of 4 files: '{name}': {reason}") as caught:
        data = image_folder(path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert data.files == tuple(GOOD)
    assert data.images.shape == (3, 32, 32, 3)
    assert [skipped for skipped, _ in data.skipped] == [name]
    with pytest.raises(DataError, match=f"'{name}': {reason}.*; repair or remove it, or use strict=False"):
        image_folder(path, strict=True)


def test_all_bad_files_are_reported(folder) -> None:
    with pytest.warns(DataWarning, match="skipped 9 of 12 files"):
        data = image_folder(folder({**GOOD, **{name: content for name, (content, _) in BAD.items()}}))
    assert [name for name, _ in data.skipped] == sorted(BAD)
    assert data.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "expected a folder of images .* received an empty folder"),
        ({"a.txt": b"x"}, "expected a folder of images .* received only 'a.txt'"),
        ({"cat.0.png": encode_image(), "cat.1.png": encode_image()}, "two or more classes, received only 'cat'"),
        ({"cat/0.png": encode_image(), "cat/1.png": encode_image()}, "of names without a class"),
        ({"cat.0.png": encode_image(), "dog/0.png": encode_image()}, "received both: 'cat.0.png' and folders"),
        (
            {"cat.0.png": encode_image(), "dog.0.png": b"x", "dog.1.png": b""},
            "no usable image of class 'dog'; 'dog.0.png'",
        ),
        ({"cat.0.png": b"x", "dog.0.png": b"x"}, "no usable image of class 'cat'; .*Replace the images"),
        ({"train/a/0.png": encode_image(), "test/a/0.png": encode_image()}, "has the parts test, train; choose one"),
    ],
)
def test_folders_that_cannot_be_used_are_refused(folder, files: dict[str, bytes], message: str) -> None:
    path = folder(files)
    with pytest.raises(DataError, match=message) as caught:
        image_folder(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_part_is_read_alone(folder) -> None:
    files = {f"{part}/{name}": content for part in ("train", "test") for name, content in GOOD.items()}
    path = folder({**files, "test/dog.9.png": b"bad"})
    assert image_parts(path) == ("test", "train")
    assert image_folder(path, part="train").files == ("train/cat.0.png", "train/cat.1.png", "train/dog.0.png")
    with pytest.warns(DataWarning, match="test/dog.9.png"):
        assert len(image_folder(path, part="test").images) == 3


@pytest.mark.parametrize("size", [(32,), (0, 32), (32, 32, 3), (32.0, 32.0)])
def test_a_size_must_be_two_numbers_of_pixels(folder, size: tuple) -> None:
    with pytest.raises(DataError, match=r"size to be height and width in pixels, such as \(32, 32\)"):
        image_folder(folder(GOOD), size=size)


def test_a_size_that_fills_the_memory_is_refused(folder) -> None:
    with pytest.raises(DataError, match=r"3 images of size .* do not fit in memory; use a smaller size"):
        image_folder(folder(GOOD), size=(100_000, 100_000))


@pytest.mark.parametrize("threads", [True, False])
def test_an_interrupt_ends_at_once(folder, monkeypatch, threads: bool) -> None:
    decoded = []

    def slow(content: bytes, size: tuple[int, int], budget: object) -> np.ndarray:
        decoded.append(content)
        time.sleep(0.01)
        if len(decoded) >= 3:  # threads may both have counted
            raise KeyboardInterrupt
        return np.zeros((*size, 3), np.uint8)

    monkeypatch.setattr(images, "decode_image", slow)
    monkeypatch.setattr(images, "MINIMUM_BYTES_FOR_THREADS", 0 if threads else 1e9)
    path = folder({f"{kind}.{index}.png": b"x" for kind in "ab" for index in range(200)})
    filters = list(warnings.filters)
    with pytest.raises(KeyboardInterrupt):
        image_folder(path)
    assert len(decoded) < 20
    assert warnings.filters == filters


def test_progress_is_shown_on_demand(folder, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(GOOD)
    image_folder(path)
    assert capsys.readouterr().err == ""
    image_folder(path, progress=True)
    assert "reading images" in capsys.readouterr().err
