"""Untrusted folders and archives: no link is followed, nothing is unpacked."""

import io
import os
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from pellucid.data import DataError, DataWarning, file_source, image_folder, image_parts


def png(color: str = "red") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), color).save(stream, "PNG")
    return stream.getvalue()


GOOD = {"pets/cat.0.png": png(), "pets/dog.0.png": png("green")}


def write_archive(path: Path, members: dict[str, bytes], **arguments: int) -> Path:
    with zipfile.ZipFile(path, "w", **arguments) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path


def read_skipped(path: Path) -> dict[str, str]:
    with pytest.warns(DataWarning, match="skipped"):
        data = image_folder(path)
    assert data.class_names == ("cat", "dog")
    assert len(data.images) == 2
    return dict(data.skipped)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_is_read_without_unpacking(tmp_path: Path, compression: int) -> None:
    path = write_archive(
        tmp_path / "pets.zip", {**GOOD, "pets/.DS_Store": b"x", "__MACOSX/x.png": b"x"}, compression=compression
    )
    data = image_folder(path)
    assert data.files == tuple(GOOD)
    assert data.images[:, 0, 0].tolist() == [[255, 0, 0], [0, 128, 0]]
    assert data.skipped == ()
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_of_classes_in_parts(tmp_path: Path) -> None:
    members = {f"{part}/{kind}/0.png": png() for part in ("train", "test") for kind in ("cat", "dog")}
    path = write_archive(tmp_path / "pets.zip", members)
    assert image_parts(path) == ("test", "train")
    assert image_folder(path, part="test").class_names == ("cat", "dog")


@pytest.mark.parametrize(
    "name", ["../cat.1.png", "/etc/cat.1.png", "pets/../../cat.1.png", "C:\\cat.1.png", "..\\cat.1.png"]
)
def test_names_that_point_outside_are_skipped(tmp_path: Path, name: str) -> None:
    path = write_archive(tmp_path / "pets.zip", {**GOOD, name: png()})
    assert read_skipped(path) == {name: "a name that points outside the archive"}
    assert list(tmp_path.iterdir()) == [path]


def test_links_in_an_archive_are_skipped(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "pets.zip", GOOD)
    link = zipfile.ZipInfo("pets/cat.1.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(link, "/etc/passwd")
    assert read_skipped(path) == {"pets/cat.1.png": "a link, which is not followed"}


def test_a_duplicate_name_is_read_once(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "pets.zip", GOOD)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as out:
        warnings.simplefilter("ignore")
        out.writestr("pets/cat.0.png", png("blue"))
    assert read_skipped(path) == {"pets/cat.0.png": "a duplicate name in the archive"}


def test_other_compressions_and_encryption_are_skipped(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "pets.zip", GOOD)
    with zipfile.ZipFile(path, "a", compression=zipfile.ZIP_LZMA) as out:
        out.writestr("pets/cat.1.png", png())
    assert read_skipped(path) == {"pets/cat.1.png": "not compressed by deflate"}
    content = bytearray(write_archive(path, {**GOOD, "pets/cat.1.png": png()}).read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert read_skipped(path) == {"pets/cat.1.png": "encrypted"}


def test_a_damaged_member_is_skipped(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "pets.zip", {"pets/cat.1.png": png("blue"), **GOOD})
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 255
    path.write_bytes(content)
    assert "damaged in the archive (Bad CRC-32" in read_skipped(path)["pets/cat.1.png"]


def test_a_too_large_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_source, "MAXIMUM_FILE_BYTES", 5000)
    members = {**GOOD, "pets/cat.1.png": bytes(1_000_000)}
    reason = {"pets/cat.1.png": "larger than the 5000 bytes allowed"}
    assert read_skipped(write_archive(tmp_path / "pets.zip", members, compression=zipfile.ZIP_DEFLATED)) == reason
    (tmp_path / "pets").mkdir()
    for name, content in members.items():
        (tmp_path / name).write_bytes(content)
    assert read_skipped(tmp_path / "pets") == {"cat.1.png": "larger than the 5000 bytes allowed"}


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_source, "MAXIMUM_FILES", 1)
    path = write_archive(tmp_path / "pets.zip", GOOD)
    with pytest.raises(DataError, match="has more than the 1 files allowed"):
        image_folder(path)


def test_a_truncated_archive_is_an_error(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "pets.zip", GOOD)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        DataError, match=r"pets\.zip: the zip archive is damaged \(its end is missing\); download it again"
    ):
        image_folder(path)


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "pets.zip", GOOD)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"PK\x01\x02", b"PK\x07\x07"))
    with pytest.raises(DataError, match=r"pets\.zip: the zip archive is damaged .*; download it again"):
        image_folder(path)


@pytest.mark.parametrize("content", [b"", b"hello", png()])
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pets.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"pets\.zip: expected a folder or a zip archive of images, received another"):
        image_folder(tmp_path / "pets.zip")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pets: no such file or folder"):
        image_folder(tmp_path / "pets")


def test_links_pipes_and_empty_folders(tmp_path: Path) -> None:
    elsewhere, pets = tmp_path / "elsewhere", tmp_path / "pets"
    for folder in (elsewhere, pets / "cat", pets / "dog", pets / "emu"):
        folder.mkdir(parents=True)
    (elsewhere / "0.png").write_bytes(png())
    (pets / "cat" / "0.png").symlink_to(elsewhere / "0.png")
    (pets / "dog" / "0.png").write_bytes(png())
    (pets / "cat" / "1.png").symlink_to(tmp_path / "nowhere.png")
    (pets / "cat" / "loop").symlink_to(pets)
    os.mkfifo(pets / "dog" / "1.png")
    assert read_skipped(pets) == {
        "cat/1.png": "a broken link (No such file or directory)",
        "cat/loop": "a link to a folder, which is not followed",
        "dog/1.png": "neither a file nor a folder",
        "emu": "an empty folder",
    }


def test_control_characters_of_a_name_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "pets.zip", {**GOOD, "pets/cat.\x1b[2J.png": b"bad"})
    with pytest.warns(DataWarning) as caught:
        image_folder(path)
    assert "\x1b" not in str(caught[0].message)
    assert r"\x1b[2J" in str(caught[0].message)
