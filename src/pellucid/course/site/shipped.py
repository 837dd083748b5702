"""The built course: that of the package, or one in the cache."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.atomic_write import atomic_write
from pellucid.course.site.build import build_site, replace_folder
from pellucid.course.site.errors import CourseError, find_missing_packages
from pellucid.course.site.kernel import PACKAGE, hash_file
from pellucid.run.compilation_cache import cache_directory, ensure_writable

if TYPE_CHECKING:
    from pellucid.progress import ProgressDisplay

SHIPPED = PACKAGE / "course" / "built.tar.xz"
"""The site in wheels, as one archive: a thousand compressed pages would be three times larger. Git ignores it."""

STAMP = "sources.txt"
"""File of a site with the hash of the sources that it was built from; the first one of the archive."""


def find_or_build_site(display: ProgressDisplay | None = None) -> Path:
    """Return the folder of a site of these sources: the package's, the cache's, or a new one in the cache.

    Raises
    ------
    CourseError
        If the site must be built, and the packages for that are missing, the cache is off, or a page has faults.
    """
    stamp, shipped = hash_sources(), read_shipped_stamp()
    is_shipped = shipped is not None and (shipped == stamp or bool(find_missing_packages()))
    cache = ensure_writable(cache_directory())
    if cache is None and not is_shipped:
        raise CourseError("The course is built into the cache, and the cache is off. Build it elsewhere: --out FOLDER")
    folder = (cache or Path(tempfile.mkdtemp(prefix="pellucid-"))) / "course"
    if read_stamp(folder) != (shipped if is_shipped else stamp):
        if is_shipped:
            unpack_site(folder)
        else:
            build_stamped_site(folder, stamp, display)
    return folder


def build_stamped_site(folder: Path, stamp: str, display: ProgressDisplay | None = None) -> None:
    build_site(folder, display=display)
    atomic_write(folder / STAMP, stamp)


def pack_site(folder: Path) -> None:
    """Write the archive of the wheel. Equal sites give equal archives."""

    def normalize(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime = member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / STAMP)
    with tarfile.open(SHIPPED, "w:xz") as archive:
        for path in (folder / STAMP, *files):
            archive.add(path, path.relative_to(folder).as_posix(), filter=normalize)


def unpack_site(folder: Path) -> None:
    unpacked = folder.with_name(f"{folder.name}-unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)  # of an interrupted call
    with tarfile.open(SHIPPED) as archive:
        archive.extractall(unpacked, filter="data")
    replace_folder(unpacked, folder)


def read_shipped_stamp() -> str | None:
    """Return the hash of the sources of the wheel's site, or None if there is none."""
    if not SHIPPED.is_file():
        return None
    with tarfile.open(SHIPPED) as archive:
        first = archive.next()
        content = archive.extractfile(first) if first is not None and first.name == STAMP else None
        return content.read().decode() if content is not None else None


def hash_sources() -> str:
    """Return a hash of all files of the package that a site may depend on."""
    files = sorted(p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix != ".pyc" and p != SHIPPED)
    listing = "".join(f"{p.relative_to(PACKAGE).as_posix()} {hash_file(p)}\n" for p in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def read_stamp(folder: Path) -> str | None:
    stamp = folder / STAMP
    return stamp.read_text("utf-8") if is_site(folder) and stamp.is_file() else None


def is_site(folder: Path) -> bool:
    return (folder / "index.html").is_file()


def copy_notebooks(site: Path, target: Path) -> tuple[list[str], list[str]]:
    """Copy notebooks and exercise files of a site. Files that exist are kept: they may have a learner's answers.

    Returns
    -------
    copied, kept : list of str
        Names of files.
    """
    target.mkdir(parents=True, exist_ok=True)
    copied, kept = [], []
    for source in sorted(p for p in (site / "notebooks").iterdir() if p.is_file()):  # pip adds a folder __pycache__
        if (target / source.name).exists():
            kept.append(source.name)
            continue
        shutil.copyfile(source, target / source.name)
        copied.append(source.name)
    return copied, kept


if __name__ == "__main__":  # `make wheel`
    with tempfile.TemporaryDirectory(prefix="pellucid-course-") as built:
        build_stamped_site(Path(built) / "site", hash_sources())
        pack_site(Path(built) / "site")
